/* SPDX-License-Identifier: MIT
 * Batches of random views, made by threads of its own beside the computation. Internal. */
#ifndef RDX_LOADER_H
#define RDX_LOADER_H

#include <redux/volume.h>
#include "image/views.h"

typedef struct rdx_loader rdx_loader;

typedef struct rdx_loader_options {
    const redux_dataset *dataset; /* outlives the loader */
    const uint8_t *kept;          /* [slices], or NULL: all; read by rdx_loader_new only */
    rdx_views views;              /* as given; the loader checks them */
    int64_t batch;                /* slices; fewer where the dataset has fewer */
    uint64_t seed;
    uint64_t memory_bytes;   /* for slices in memory; 0: no limit */
    int64_t first_batch;     /* the first one, counted from the start of epoch 0 */
    int64_t epochs, batches; /* the end, counted from there too; both 0: never */
    int32_t skip_errors;     /* slices that cannot be read are left out, as redux_reduce does */
} rdx_loader_options;

/* If all slices fit into memory_bytes they are read here, and an epoch is one shuffle of them. Else
 * volumes are shuffled and read in chunks of half of it, the slices of each shuffled, and the next
 * chunk is read while one is used; with skip_errors everything is then read once here, to find the
 * unreadable slices. Errors: as redux_volume_open; REDUX_E_INVALID (nothing kept), REDUX_E_LIMIT (a
 * volume that does not fit into half the memory), REDUX_E_CANCELLED. Progress counts slices. */
redux_status rdx_loader_new(rdx_loader **out, redux_context *context,
                            const rdx_loader_options *options);
void rdx_loader_free(rdx_loader *loader);
/* Slices; whole batches an epoch (the rest is left out of that epoch; at least 1). */
int64_t rdx_loader_slices(const rdx_loader *loader);
int64_t rdx_loader_batches(const rdx_loader *loader);
int64_t rdx_loader_batch(const rdx_loader *loader);
/* How many slices could not be read and were left out. */
int64_t rdx_loader_skipped(const rdx_loader *loader);
/* 1 if all slices are in memory. */
bool rdx_loader_is_resident(const rdx_loader *loader);
/* The next batch, epoch after epoch; REDUX_E_INVALID after the last one. views[v]: [batch, s, s, 1]
 * float32, valid until the next call. Full views are contiguous in memory, [V, batch, s, s, 1], and
 * so are the small ones. Epoch e's order is a function of (seed, e, memory_bytes, the dataset)
 * alone. A failure is returned with its batch, and again by every later call. While it waits, the
 * context's progress callback can cancel; the loader can then be asked again. */
redux_status rdx_loader_next(const redux_tensor **views, rdx_loader *loader,
                             redux_context *context);

#endif
