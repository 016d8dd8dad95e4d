/* SPDX-License-Identifier: MIT
 * An earlier result in memory. Internal. */
#ifndef RDX_MANIFEST_READ_H
#define RDX_MANIFEST_READ_H

#include <jansson.h>
#include <redux/array.h>
#include "io/table.h"
#include "select.h"

typedef struct rdx_manifest_entry {
    redux_manifest_row row;
    int64_t first_row, source_number; /* the first row of the same source; that source */
} rdx_manifest_entry;

struct redux_manifest {
    rdx_table table; /* the file; rows point into its text */
    char *summary_path, *exemplars_path;
    rdx_manifest_entry *rows;
    int64_t count;
    const char **sources;
    int64_t source_count;
    json_t *summary; /* NULL: there is none */
};

/* How many of the summary's inputs belong to the rows. */
int64_t rdx_manifest_inputs(const redux_manifest *manifest);

#endif
