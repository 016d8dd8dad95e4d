/* SPDX-License-Identifier: MIT
 * From ssim.c for ms_ssim.c and ssim_map.c. Internal. */
#ifndef RDX_SSIM_H
#define RDX_SSIM_H

#include "kernels/kernels.h"
#include "metric.h"

/* Sizes, in floats, of rows and planes. */
typedef struct rdx_ssim_plan {
    rdx_ssim_taps window;
    redux_dtype dtype;
    int64_t width, height;             /* of the image */
    int64_t valid_width, valid_height; /* of the pixels whose window lies inside */
    int64_t moments;                   /* means and variances of an item */
    int64_t band_row;                  /* a row of a band, with the reach of its windows */
    int64_t ring;                      /* as many rows as the window is high */
} rdx_ssim_plan;

/* uint8 or float32; sizes whose planes stay below 2^63 bytes; both images alike. */
redux_status rdx_ssim_check_dtype(redux_dtype dtype);
redux_status rdx_ssim_check_size(const rdx_layout *layout);
/* C-contiguous pixels; without a data_range (0) floats must lie in [0, 1]. */
redux_status rdx_ssim_check_pixels(double data_range, const rdx_layout *layout, const void *pixels);
redux_status rdx_ssim_check_images(const redux_tensor *a, const redux_tensor *b,
                                   rdx_layout *layout);
/* `options` has been through rdx_ssim_read_options, `layout` through the checks. */
rdx_ssim_plan rdx_ssim_plan_of(const redux_ssim_options *options, const rdx_layout *layout);
size_t rdx_ssim_item_bytes(const rdx_ssim_plan *plan);
size_t rdx_ssim_scratch_bytes(const rdx_ssim_plan *plan);
void rdx_ssim_prepare(const rdx_ssim_plan *plan, const void *item, void *prepared, void *scratch);
/* The mean index of two prepared items. */
double rdx_ssim_score(const rdx_ssim_plan *plan, const void *a, const void *b, void *scratch);
/* An upper bound of the computed index of two prepared items: a hair over 1; infinity if there is
 * none. */
double rdx_ssim_most(const rdx_ssim_plan *plan, const void *a, const void *b);
/* The index of each pixel whose window lies inside, [valid_height, valid_width], from C-contiguous
 * pixels. */
redux_status rdx_ssim_run_map(redux_context *context, const rdx_ssim_plan *plan, const void *a,
                              const void *b, float *map);

#endif
