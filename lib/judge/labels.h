/* SPDX-License-Identifier: MIT
 * Shared by labels, splits and the leakage check. Internal. */
#ifndef RDX_LABELS_H
#define RDX_LABELS_H

#include <redux/labels.h>
#include "io/table.h"

struct redux_labels {
    redux_dataset *dataset;
    rdx_table table; /* of a CSV; owns the names */
    redux_label_row *rows;
    const char **classes, **groups;
    char *numbers; /* of an archive: the names of its classes */
    int64_t count, class_count, group_count;
    bool has_splits;
};

/* labels_npz.c: rows, classes and dataset of an archive. */
redux_status rdx_labels_from_npz(redux_labels *labels, redux_context *context, const char *path);

/* leakage.c: redux_labels_find_leakage between folds, each of which is the test once; fold: of each
 * row. Rows with a near-duplicate in an earlier fold count as test rows. */
redux_status rdx_labels_leakage_of_folds(redux_leakage **out, redux_context *context,
                                         const redux_labels *labels, const uint8_t *fold,
                                         int folds);

#endif
