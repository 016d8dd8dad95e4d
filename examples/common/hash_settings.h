/* SPDX-License-Identifier: MIT
 * The settings of redux-hash. */
#ifndef REDUX_EXAMPLES_HASH_SETTINGS_H
#define REDUX_EXAMPLES_HASH_SETTINGS_H

#include "shard.h"

typedef struct hash_settings {
    redux_hash_options hash;
    bool has_hash, has_profile, has_window, has_size;
    redux_window window;
    redux_hash_list_format format;
    redux_dataset_options dataset;
    const char *out, *decode;
    int64_t threads;
    int64_t pairs; /* -1: print hashes */
    bool quality, quiet;
    shard shard;
} hash_settings;

#define HASH_SETTINGS_NONE                                                                         \
    {                                                                                              \
        .hash = REDUX_HASH_OPTIONS_INIT, .dataset = REDUX_DATASET_OPTIONS_INIT, .pairs = -1,       \
        .shard = SHARD_NONE                                                                        \
    }

/* Parses the command line; *done: there is nothing more to do (--help, --version). Afterwards
 * optind is the first input. */
int parse_hash_settings(hash_settings *s, int count, char **arguments, bool *done);

/* The arrays of a part of hashes, and its job, as JSON; free it. */
#define HASH_PART_KIND "hashes"
enum { HASH_CODES, HASH_QUALITY, HASH_FLAGS, HASH_ARRAYS };
extern const char *const hash_part_arrays[HASH_ARRAYS];
char *hash_part_job(const hash_settings *s);

#endif
