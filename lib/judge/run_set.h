/* SPDX-License-Identifier: MIT
 * Runs of one task, each as its figures and what moves them. Internal. */
#ifndef RDX_RUN_SET_H
#define RDX_RUN_SET_H

#include <redux/run_set.h>
#include "scores.h"

typedef struct rdx_set_run {
    uint64_t seed;
    int32_t fold;
    int64_t rows;
    rdx_influence influence;
    char **names;    /* [groups] */
    int64_t *counts; /* [groups, classes]: rows */
} rdx_set_run;

struct redux_run_set {
    rdx_set_run *runs;
    int64_t count, capacity, classes;
    char **class_names; /* of files; NULL: unknown */
};

void rdx_set_run_free(rdx_set_run *run);
/* NULL and missing names are allowed. */
void rdx_set_free_names(char **names, int64_t count);
/* redux_scores_interval of one run, from what the set knows of it. */
void rdx_set_run_interval(redux_scores *low, redux_scores *high, const rdx_set_run *run,
                          int64_t classes, double level);

#endif
