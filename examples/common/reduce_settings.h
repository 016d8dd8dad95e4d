/* SPDX-License-Identifier: MIT
 * The settings of redux-reduce. */
#ifndef REDUX_EXAMPLES_REDUCE_SETTINGS_H
#define REDUX_EXAMPLES_REDUCE_SETTINGS_H

#include "common.h"
#include "shard.h"

typedef struct reduce_settings {
    redux_reduce_options reduce;
    redux_dataset_options dataset;
    const char *manifest, *export_folder, *sheet, *embeddings;
    const char *against, *against_embeddings, *update, *encoder;
    redux_manifest *earlier; /* of --update; to be freed */
    redux_export_format format;
    bool has_format, has_hash, has_profile, json, quiet;
    int64_t threads;
    char json_path[4200];
    shard shard;
} reduce_settings;

/* Parses the command line; *done: there is nothing more to do (--help, --version). Afterwards
 * optind is the first input. */
int parse_reduce_settings(reduce_settings *s, int count, char **arguments, bool *done);
/* Names the JSON beside the manifest; EXIT_OK or EXIT_USAGE. */
int settle_json_path(reduce_settings *s);

#endif
