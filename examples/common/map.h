/* SPDX-License-Identifier: MIT
 * Shared by redux-report and redux-audit: a map of embeddings. */
#ifndef REDUX_EXAMPLES_MAP_H
#define REDUX_EXAMPLES_MAP_H

#include "page.h"

/* Slices as points: [count] each. */
typedef struct map_points {
    const redux_tensor *embeddings; /* [count, width] float32, contiguous, finite */
    int64_t count;
    const uint8_t *kept;
    const uint8_t *outliers;   /* NULL: none are marked */
    const int32_t *classes;    /* -1: none; NULL: no classes */
    const char *class_word;    /* what the classes are, such as the column's name */
    const redux_column *names; /* of the classes */
    const char *kept_name, *dropped_name, *outlier_name; /* for the key */
    const char *note;                                    /* a sentence below the heading, as HTML */
} map_points;

/* A paragraph and a figure: every slice at its place on the two directions in which unit-length
 * embeddings differ most (their first two principal components). Shapes mark what is kept, dropped
 * or an outlier; colours that differ with any colour vision mark the classes, the seven largest
 * ones if there are more. */
redux_status put_map(page *p, const map_points *points);

#endif
