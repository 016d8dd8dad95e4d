/* SPDX-License-Identifier: MIT
 * What the files of the volume hash share. Internal. */
#ifndef RDX_VOLUME_HASH_H
#define RDX_VOLUME_HASH_H

#include <redux/volume_hash.h>
#include "base/base.h"
#include "image/image.h"

/* ---- volume_hash_grid.c: from slices to a few cells ---- */

#define RDX_VOLUME_GRIDS 3

/* The cells of one grid: [side[0], side[1], side[2]]. */
typedef struct rdx_volume_grid {
    int64_t side[3];
    redux_filter filter;
    double *cells;
} rdx_volume_grid;

/* The source of slices: slice(out, k, user) gives the k-th, [H, W], which is then released. Called
 * on several threads. */
typedef struct rdx_volume_source {
    int64_t slices, height, width;
    double slope, intercept;
    redux_window window; /* RANGE or FULL */
    redux_status (*slice)(redux_tensor *out, int64_t index, void *user);
    void *user;
} rdx_volume_source;

/* Fills the cells of all grids in one pass over the slices. Cells of window RANGE are in 0 ... 1.
 * Slices are added in order, so the bits do not depend on the threads. */
redux_status rdx_volume_grids_fill(redux_context *context, rdx_volume_grid *grids, int32_t count,
                                   const rdx_volume_source *source);

/* ---- volume_hash.c ---- */

/* From a source to codes; options are checked. */
redux_status rdx_volume_hash_run(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                 redux_context *context, const rdx_volume_source *source,
                                 const redux_volume_hash_options *options);
/* Defaults, and the window for data of that dtype. */
redux_status rdx_volume_hash_read_options(redux_volume_hash_options *known,
                                          const redux_volume_hash_options *given);
redux_window rdx_volume_hash_window(redux_window window, redux_dtype dtype);

#endif
