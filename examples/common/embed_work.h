/* SPDX-License-Identifier: MIT
 * What redux-embed and redux-merge read and write: slices of a dataset, and a row for each. */
#ifndef REDUX_EXAMPLES_EMBED_WORK_H
#define REDUX_EXAMPLES_EMBED_WORK_H

#include "embed_settings.h"

typedef struct embed_work {
    redux_dataset *dataset;
    redux_tensor kept;  /* [slices] uint8; no data: all */
    int64_t wanted;     /* slices to embed */
    redux_tensor rows;  /* [wanted, features] */
    int64_t unreadable; /* slices whose rows are 0 */
} embed_work;

#define EMBED_WORK_NONE                                                                            \
    {                                                                                              \
        .kept = REDUX_TENSOR_INIT, .rows = REDUX_TENSOR_INIT                                       \
    }

/* The arrays of a part of embeddings: rows of its slices (0 where not wanted), and which of them
 * could be read. */
#define EMBED_PART_KIND "embeddings"
#define EMBED_PART_ROWS "embeddings"
#define EMBED_PART_READABLE "readable"

/* Opens the dataset and finds out which slices are wanted. */
redux_status open_work(embed_work *w, redux_context *context, const embed_settings *s);
/* Whether the outputs can be written, before the work. */
redux_status check_work_outputs(const embed_work *w, redux_context *context,
                                const embed_settings *s);
/* Writes the rows, and the index that the settings ask for; returns an exit code. */
int write_work(embed_work *w, redux_context *context, const embed_settings *s);
/* Says how it went, on stderr. */
void report_work(const embed_work *w, const embed_settings *s, double seconds);
void close_work(embed_work *w);

#endif
