/* SPDX-License-Identifier: MIT
 * Settings of an evaluation by name: options of redux-evaluate, keys of an experiment's tasks. */
#ifndef REDUX_EXAMPLES_EVALUATE_SETTINGS_H
#define REDUX_EXAMPLES_EVALUATE_SETTINGS_H

#include <jansson.h>
#include "common.h"

/* The struct must not move once it was settled, because options point into it. The caller owns the
 * texts. */
typedef struct evaluate_settings {
    redux_evaluate_options evaluate;
    redux_labels_options labels;
    redux_split_options split;
    redux_network_options network;
    redux_input_options input;
    redux_views_options views;
    redux_window window;
    int64_t size;
    bool has_window, has_views, has_folds, has_shares;
    const char *positive;
} evaluate_settings;

/* By redux_interval. */
extern const char *const interval_names[3];

void evaluate_settings_init(evaluate_settings *s);

/* Sets one setting from its text. EXIT_OK, or usage_error's code. */
int evaluate_setting(evaluate_settings *s, const char *name, const char *text);

/* Their names, for getopt: NULL beyond the last one; whether they take a value. */
const char *evaluate_setting_name(int index);
bool evaluate_setting_has_value(int index);

/* The part of a help text that lists them. */
extern const char evaluate_settings_help[];

/* Loads the labels (a table's column "split" is used unless another division was asked for) and
 * settles what depends on them. EXIT_OK, or an exit code after its message. */
int evaluate_open_labels(redux_labels **out, redux_context *context, evaluate_settings *s,
                         const char *path);
/* Settles what depends on the weights (NULL: none). The same codes. */
int evaluate_settle(evaluate_settings *s, const redux_safetensors *weights);

/* Figures as an object, in the order of redux_scores; NaN is null. The caller owns it. */
json_t *scores_json(const redux_scores *scores);

/* Name and value of each figure, in that order; NULL beyond the last one. */
const char *score_name(int index);
double score_value(const redux_scores *scores, int index);

#endif
