/* SPDX-License-Identifier: MIT
 * From the configuration to the options and data of a cell. */
#ifndef REDUX_EXAMPLES_EXPERIMENT_PARTS_H
#define REDUX_EXAMPLES_EXPERIMENT_PARTS_H

#include "common/evaluate_settings.h"
#include "experiment.h"
#include "common/pretrain_settings.h"
#include "common/reduce_settings.h"

/* experiment_settings.c: '_' in a key means '-' in the program's option. EXIT_OK, or a code after
 * its message. */
int experiment_set_pretrain(experiment *e, pretrain_settings *s, const json_t *object);
int experiment_set_evaluation(experiment *e, evaluate_settings *s, const json_t *object);
/* weights: for --encoder, or NULL. */
int experiment_set_reduction(experiment *e, reduce_settings *s, const json_t *strategy,
                             const char *weights);

typedef struct names {
    char **list;
    int64_t count;
} names;

void names_free(names *n);

/* experiment_data.c, the same codes: real paths of the files of validation and test rows of the
 * task that "exclude_test_of" names, in this seed and fold (-1 without); sorted. None if it names
 * none. */
int experiment_held_out(names *out, experiment *e, int64_t seed, int64_t fold);
/* The task of "exclude_test_of", or NULL. */
const json_t *experiment_excluded(const experiment *e);
/* Opens each task's labels and reads all options, before anything runs. */
int experiment_check(experiment *e);
/* Sets e->folds. */
int experiment_count_folds(experiment *e);
/* "data" in an orientation, without the held-out files. */
int experiment_dataset(redux_dataset **out, const experiment *e, const names *held_out,
                       redux_orientation orientation);
/* Identifies the dataset in a cell's settings: a key of the names below DATA and sizes. */
json_t *experiment_describe(const experiment *e, const redux_dataset *dataset);

#endif
