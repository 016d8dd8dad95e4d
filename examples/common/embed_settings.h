/* SPDX-License-Identifier: MIT
 * The settings of redux-embed. */
#ifndef REDUX_EXAMPLES_EMBED_SETTINGS_H
#define REDUX_EXAMPLES_EMBED_SETTINGS_H

#include "shard.h"

typedef struct embed_settings {
    const char *weights, *out, *index, *manifest;
    const char **inputs; /* to be freed */
    int input_count;
    redux_window window;
    int64_t size, batch, threads;
    redux_dataset_options dataset;
    bool has_window, has_format, npz, quiet;
    shard shard;
} embed_settings;

#define EMBED_SETTINGS_NONE                                                                        \
    {                                                                                              \
        .dataset = REDUX_DATASET_OPTIONS_INIT, .shard = SHARD_NONE                                 \
    }

/* Parses the command line; *done: there is nothing more to do (--help, --version). */
int parse_embed_settings(embed_settings *s, int count, char **arguments, bool *done);

#endif
