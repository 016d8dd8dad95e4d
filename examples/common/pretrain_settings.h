/* SPDX-License-Identifier: MIT
 * Settings of a pre-training by name: options of redux-pretrain, keys of an experiment. */
#ifndef REDUX_EXAMPLES_PRETRAIN_SETTINGS_H
#define REDUX_EXAMPLES_PRETRAIN_SETTINGS_H

#include "common.h"

typedef struct pretrain_settings {
    redux_pretrain_options options; /* its pointers are not set: pretrain_run does that */
    redux_network_options network;
    redux_head_options projection;
    redux_input_options input;
    redux_views_options views;
    redux_optimiser_options optimiser;
    redux_nt_xent_options nt_xent;
} pretrain_settings;

/* SimCLR with ResNet-18 at 64 pixels. */
void pretrain_settings_init(pretrain_settings *s);

/* redux_pretrain with all of them. */
redux_status pretrain_run(redux_pretrain_result *result, redux_context *context, const char *folder,
                          const redux_dataset *dataset, const uint8_t *kept,
                          const pretrain_settings *s);

/* Sets one setting from its text: "batch", "rate", "views" ... ('_' means '-'). "views" sets a
 * whole preset, so strengths of views must follow it. EXIT_OK, or usage_error's code. */
int pretrain_setting(pretrain_settings *settings_of_run, const char *name, const char *text);

/* Their names, for getopt: NULL beyond the last one. */
const char *pretrain_setting_name(int index);

/* The part of a help text that lists them. */
extern const char pretrain_settings_help[];

#endif
