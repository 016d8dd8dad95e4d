/* SPDX-License-Identifier: MIT
 * Batches of random views, made by threads of its own beside the computation. Internal. */
#ifndef RDX_LOADER_H
#define RDX_LOADER_H

#include <redux/views.h>
#include <redux/volume.h>
#include "base/base.h"

typedef struct rdx_loader rdx_loader;

typedef struct rdx_loader_options {
    const redux_dataset *dataset; /* outlives the loader */
    const uint8_t *kept;          /* [slices], or NULL: all; read by rdx_loader_new only */
    redux_views_options views;
    int64_t batch; /* slices; fewer where the dataset has fewer */
    uint64_t seed;
    uint64_t memory_bytes; /* for slices held in memory */
    int64_t first_batch;   /* to begin at, counted from the start of epoch 0 */
    int32_t skip_errors;   /* slices that cannot be read are left out, as redux_reduce does */
} rdx_loader_options;

redux_status rdx_loader_new(rdx_loader **out, redux_context *context,
                            const rdx_loader_options *options);
void rdx_loader_free(rdx_loader *loader, redux_context *context);
/* Slices; whole batches an epoch (what is left over stays out of that epoch; at least 1). */
int64_t rdx_loader_slices(const rdx_loader *loader);
int64_t rdx_loader_batches(const rdx_loader *loader);
int64_t rdx_loader_batch(const rdx_loader *loader);
/* The next batch, epoch after epoch without end: views[v]: [batch, s, s, 1] float32; valid until
 * the next call. Epoch e's order is a function of (seed, e, memory_bytes, the dataset) alone. */
redux_status rdx_loader_next(const redux_tensor **views, rdx_loader *loader,
                             redux_context *context);

#endif
