/* SPDX-License-Identifier: MIT
 * The settings of redux-reduce. */
#ifndef REDUX_EXAMPLES_REDUCE_SETTINGS_H
#define REDUX_EXAMPLES_REDUCE_SETTINGS_H

#include "common.h"

typedef struct settings {
    redux_reduce_options reduce;
    redux_dataset_options dataset;
    const char *manifest, *export_folder, *sheet, *embeddings;
    const char *against, *against_embeddings, *update, *encoder;
    redux_manifest *earlier; /* of --update; to be freed */
    redux_export_format format;
    bool has_format, has_hash, has_profile, json, quiet;
    int64_t threads;
    char json_path[4200];
} settings;

/* Parses the command line; *done: there is nothing more to do (--help, --version). Afterwards
 * optind is the first input. */
int parse_settings(settings *s, int count, char **arguments, bool *done);

#endif
