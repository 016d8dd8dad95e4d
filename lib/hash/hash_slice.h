/* SPDX-License-Identifier: MIT
 * Hashing slices of datasets, one after the other. Internal; hash_dataset.c. */
#ifndef RDX_HASH_SLICE_H
#define RDX_HASH_SLICE_H

#include <redux/volume.h>
#include "hash.h"

/* The property of one thread. */
typedef struct rdx_slice_hasher {
    redux_context *context;
    rdx_hasher hasher;
    redux_window window;
    bool colour;           /* 8-bit pictures and arrays are taken in colour */
    redux_tensor windowed; /* a buffer */
} rdx_slice_hasher;

/* A slice of an open volume. */
typedef struct rdx_slice_place {
    const redux_dataset *dataset;
    int64_t index; /* of the volume */
    const redux_volume *volume;
    const redux_volume_info *info;
    int64_t slice;
} rdx_slice_place;

/* Options as rdx_hasher_init takes them. */
redux_status rdx_slice_hasher_init(rdx_slice_hasher *slices, redux_context *context,
                                   const redux_hash_options *options, redux_window window);
void rdx_slice_hasher_clear(rdx_slice_hasher *slices);
/* Takes the slice as the profile wants it, windows and hashes it. `info` may be NULL. */
redux_status rdx_slice_hasher_run(rdx_slice_hasher *slices, uint8_t *code, redux_hash_info *info,
                                  const rdx_slice_place *place);

#endif
