/* SPDX-License-Identifier: MIT
 * Hashing many images of mostly one size: the resize plan is kept. Internal. */
#ifndef RDX_HASH_H
#define RDX_HASH_H

#include <redux/hash.h>
#include "image/image.h"

#define RDX_DCT_SIDE 32 /* hash_size * highfreq_factor */

/* The property of one thread. */
typedef struct rdx_hasher {
    redux_context *context;
    redux_hash hash;
    rdx_resizer resizer;
    double cosines[8][RDX_DCT_SIDE / 2]; /* of the folded DCT: row k holds its half-length line */
} rdx_hasher;

/* Checks the options (NULL: defaults). */
redux_status rdx_hasher_init(rdx_hasher *hasher, redux_context *context,
                             const redux_hash_options *options);
void rdx_hasher_clear(rdx_hasher *hasher);
/* image: [H, W] uint8 or float32, any strides. code: 8 bytes. */
redux_status rdx_hasher_run(rdx_hasher *hasher, uint8_t *code, const redux_tensor *image);

#endif
