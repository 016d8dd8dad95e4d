/* SPDX-License-Identifier: MIT
 * Shared by tests/unit/hash/test_hash.c and tests/unit/hash/test_hash_list.c: the lines of
 * golden/hash.py. */
#ifndef REDUX_TEST_HASH_H
#define REDUX_TEST_HASH_H

#include "test_io.h"

#define PICTURES "tests/golden/data/hash_pictures.npz"
#define LINES "tests/golden/data/hash_profiles.tsv"
#define MOST_BYTES 512

/* A line of the golden: NAME PROFILE HASH SIZE VALUE. */
typedef struct golden_line {
    char name[32], profile[32], hash[32], size[32], value[1100];
} golden_line;

static inline bool next_line(FILE *file, golden_line *line)
{
    char text_line[1400];
    if (fgets(text_line, sizeof text_line, file) == NULL)
        return false;
    ck_assert_int_eq(sscanf(text_line, "%31s %31s %31s %31s %1099s", line->name, line->profile,
                            line->hash, line->size, line->value),
                     5);
    return true;
}

static inline FILE *open_lines(void)
{
    FILE *file = fopen(LINES, "r");
    ck_assert_ptr_nonnull(file);
    return file;
}

static inline redux_hash_options options_of(const char *profile, const char *hash, const char *size)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    ck_assert_redux_ok(redux_hash_profile_parse(&options.profile, profile));
    ck_assert_redux_ok(redux_hash_parse(&options.hash, hash));
    options.size = (int32_t)strtol(size, NULL, 10);
    return options;
}

/* How many lines there are for a name and a hash, and the value of the last one. */
static inline int64_t golden_code(char *hex, const char *name, const char *profile,
                                  const char *hash, const char *size)
{
    FILE *file = open_lines();
    golden_line line;
    int64_t found = 0;
    while (next_line(file, &line))
        if (strcmp(line.name, name) == 0 && strcmp(line.profile, profile) == 0 &&
            strcmp(line.hash, hash) == 0 && strcmp(line.size, size) == 0) {
            snprintf(hex, 1100, "%s", line.value);
            found++;
        }
    fclose(file);
    return found;
}

#endif
