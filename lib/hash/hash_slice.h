/* SPDX-License-Identifier: MIT
 * Hashing slices of datasets, one after the other. Internal; see hash_dataset.c. */
#ifndef RDX_HASH_SLICE_H
#define RDX_HASH_SLICE_H

#include "data/data.h"
#include "hash.h"

/* The property of one thread. */
typedef struct rdx_slice_hasher {
    rdx_hasher hasher;
    redux_window window;
    bool colour; /* reads 8-bit pictures and arrays in colour */
} rdx_slice_hasher;

/* Options as rdx_hasher_init takes them. */
redux_status rdx_slice_hasher_init(rdx_slice_hasher *hasher, redux_context *context,
                                   const redux_hash_options *options, redux_window window);
void rdx_slice_hasher_clear(rdx_slice_hasher *hasher);
/* Reads the slice as the profile requires, windows and hashes it. `info` may be NULL. */
redux_status rdx_slice_hasher_run(rdx_slice_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                  const rdx_visited *slice);

#endif
