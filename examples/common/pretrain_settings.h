/* SPDX-License-Identifier: MIT
 * Settings of a pre-training by name: options of redux-pretrain, keys of an experiment. */
#ifndef REDUX_EXAMPLES_PRETRAIN_SETTINGS_H
#define REDUX_EXAMPLES_PRETRAIN_SETTINGS_H

#include "common.h"

/* What redux_pretrain_defaults makes for views "simclr" at 64 pixels. */
redux_status pretrain_settings_init(redux_pretrain_options *options);

/* Sets one of them from its text: "batch", "rate", "views" ... ('_' is taken for '-'). "views"
 * takes over a whole preset: strengths of views come after it. EXIT_OK, or usage_error's code. */
int pretrain_setting(redux_pretrain_options *options, const char *name, const char *text);

/* Their names, for getopt: NULL beyond the last one. */
const char *pretrain_setting_name(int index);

/* The part of a help text that lists them. */
extern const char pretrain_settings_help[];

#endif
