/* SPDX-License-Identifier: MIT
 * Settings of a pre-training by name: options of redux-pretrain, keys of an experiment. */
#ifndef REDUX_EXAMPLES_PRETRAIN_SETTINGS_H
#define REDUX_EXAMPLES_PRETRAIN_SETTINGS_H

#include "common.h"

typedef enum objective_kind { NT_XENT, SWAV, MOCO, BYOL } objective_kind;

/* Options of objectives as given by name; which of them were is in pretrain_settings. */
typedef struct objective_choices {
    double temperature, epsilon, ema;
    int32_t prototypes, rounds;
    int64_t freeze_steps, queue, queue_start;
} objective_choices;

typedef struct pretrain_settings {
    redux_pretrain_options options; /* its pointers are not set: pretrain_run does that */
    redux_network_options network;
    redux_head_options projection, prediction; /* prediction: BYOL's only */
    int32_t outputs;                           /* of both; 0: as they have */
    redux_input_options input;
    redux_views_options views;
    redux_optimiser_options optimiser;
    objective_kind objective;
    redux_nt_xent_options nt_xent; /* as a preset sets them; choices change them */
    redux_swav_options swav;
    redux_moco_options moco;
    redux_byol_options byol;
    objective_choices choices;
    uint64_t given; /* bit i: setting i, an option of an objective, was given */
    bool changed;   /* a setting that a preset replaces was given */
} pretrain_settings;

/* SimCLR with ResNet-18 at 64 pixels. */
void pretrain_settings_init(pretrain_settings *s);

/* redux_pretrain with all of them. */
redux_status pretrain_run(redux_pretrain_result *result, redux_context *context, const char *folder,
                          const redux_dataset *dataset, const uint8_t *kept,
                          const pretrain_settings *s);

/* Sets one setting from its text: "batch", "rate", "views" ... ('_' means '-'). "preset",
 * "objective" and "views" set others, which must follow them, in this order. EXIT_OK, or
 * usage_error's code. */
int pretrain_setting(pretrain_settings *settings_of_run, const char *name, const char *text);

/* When all are set: whether the objective has a use for each that was given. EXIT_OK, or
 * usage_error's code. */
int pretrain_settings_check(const pretrain_settings *s);

/* Their names, for getopt: NULL beyond the last one. */
const char *pretrain_setting_name(int index);

/* The part of a help text that lists them. */
extern const char pretrain_settings_help[];

#endif
