/* SPDX-License-Identifier: MIT
 * Shared by the fuzz targets of this folder. Each target is one file with LLVMFuzzerTestOneInput;
 * linked with libFuzzer it is fuzzed (`make fuzz`), with runner.c it goes through its corpus
 * (`make check`). */
#ifndef REDUX_TESTS_FUZZ_H
#define REDUX_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <redux.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No block of a context is larger, and all of them together are not FUZZ_MEMORY: what a header of a
 * few bytes promises must not be believed. */
enum { FUZZ_MAX_BYTES = 4 << 20, FUZZ_MEMORY = 64 << 20 };

/* The context of one input. It counts what is allocated. */
redux_context *fuzz_begin(void);
/* Frees it. Blocks that are left, or more memory than there should be, end the program. */
void fuzz_end(redux_context *context);

/* Ends the program with a message unless `holds`. */
void fuzz_require(bool holds, const char *what);
/* What holds after any call: a known status, and a message where it failed. true: it did not. */
bool fuzz_ok(redux_status status);
/* fuzz_ok tells what it was given. */
extern bool fuzz_verbose;

/* Writes a file into a folder of this process's own; returns its path, which is valid for ever for
 * the same name. */
const char *fuzz_put(const char *name, const void *contents, size_t size);
/* A path in that folder. */
const char *fuzz_path(const char *name);
void fuzz_remove(const char *name);
/* "stack.npy", "two.npy", "three.npy": uint8, 5 x 4 x 6, no two slices alike; for inputs that name
 * other files. */
void fuzz_put_stacks(void);

/* A copy in a block of just `size` bytes (one where it is 0), for free(). */
uint8_t *fuzz_copy(const void *from, size_t size);

/* Reads every element. */
void fuzz_touch(redux_context *context, const redux_tensor *tensor);
/* Opens what `path` names, and reads every slice of every volume, in both orientations. */
void fuzz_read_volumes(redux_context *context, const char *path);
/* A picture in its three forms. */
void fuzz_read_picture(redux_context *context, const uint8_t *data, size_t size);

#endif
