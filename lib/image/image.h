/* SPDX-License-Identifier: MIT
 * Resizing with a plan that is made once per size. Internal. */
#ifndef RDX_IMAGE_H
#define RDX_IMAGE_H

#include <redux/resize.h>
#include <redux/window.h>
#include "base/base.h"

/* The taps of one pass: output i is the sum over weight[i * taps + k] * input[first[i] + k] for
 * k < count[i]. */
typedef struct rdx_pass {
    int64_t in, out, taps;
    int32_t *first, *count;
    double *weight; /* normalised as in Pillow */
    int32_t *fixed; /* the same in 22-bit fixed point */
    int32_t
        *words; /* columns: the same in the layout of the 8-bit kernel, `stride` for each output */
    int64_t stride;
} rdx_pass;

/* Everything about a resize that depends on sizes alone. `buffer` ties a plan to one thread. */
typedef struct rdx_resizer {
    redux_context *context;
    redux_dtype dtype;
    redux_filter filter;
    rdx_pass columns, rows; /* the horizontal and the vertical pass; taps 0: nothing to do */
    void *buffer;           /* the image between the passes */
    int32_t *scratch;       /* of the 8-bit kernel */
} rdx_resizer;

redux_status rdx_resizer_init(rdx_resizer *resizer, redux_context *context, redux_dtype dtype,
                              int64_t in_height, int64_t in_width, int64_t out_height,
                              int64_t out_width, redux_filter filter);
/* Whether it was made for these sizes. */
bool rdx_resizer_fits(const rdx_resizer *resizer, redux_dtype dtype, int64_t in_height,
                      int64_t in_width, int64_t out_height, int64_t out_width, redux_filter filter);
void rdx_resizer_clear(rdx_resizer *resizer);
/* `stride`: elements from one row of `in` to the next; rows themselves are contiguous. */
void rdx_resizer_run(const rdx_resizer *resizer, void *out, const void *in, int64_t stride);

/* ---- window.c ---- */

/* The map from a stored value to a grey one. */
typedef struct rdx_grey {
    double slope, intercept;
    double low, span; /* SLICE: minimum and range + epsilon; RANGE: low and high - low */
} rdx_grey;

static inline double rdx_scaled(const rdx_grey *map, double stored)
{
    return map->slope * stored + map->intercept;
}

/* (x - low) / span * 255, half to even: adding 2^52 makes the addition round. NaN
 * fails the comparison and becomes 0. */
static inline uint8_t rdx_grey8(const rdx_grey *map, double stored)
{
    const double value = (rdx_scaled(map, stored) - map->low) / map->span * 255;
    if (!(value > 0))
        return 0;
    return value >= 255 ? 255 : (uint8_t)((value + 0x1p52) - 0x1p52);
}

static inline float rdx_grey_float(const rdx_grey *map, double stored)
{
    const double value = (rdx_scaled(map, stored) - map->low) / map->span;
    if (!(value > 0))
        return 0;
    return value >= 1 ? 1 : (float)value;
}

/* Least and greatest finite stored value; low > high if there is none. */
void rdx_stored_range(const redux_tensor *in, double *low, double *high);
/* The span of a SLICE window from these two; slope and intercept are set. */
void rdx_grey_slice(rdx_grey *map, double low, double high);
/* A table of all values of 8 or 16 bits is small. */
bool rdx_is_small_integer(redux_dtype dtype);

/* The most entries of such a table. */
#define RDX_TABLE_MAX 65536
/* out[x] = table[row[x * stride] - low], for small integers. */
void rdx_look_up_floats(float *out, const void *row, redux_dtype dtype, int64_t stride,
                        int64_t width, const float *table, int32_t low);

/* ---- filter_8bit.c: OpenCV's arithmetic on 8-bit pixels ---- */

/* One channel of interleaved ones, bilinear without antialiasing. */
void rdx_resize_exact_u8(uint8_t *out, int64_t out_height, int64_t out_width, const uint8_t *in,
                         int64_t height, int64_t width, int channels, int channel);
/* Bicubic without antialiasing; out_width a multiple of 16. between: [height, out_width]. */
void rdx_resize_cubic_u8(uint8_t *out, int32_t *between, int64_t out_height, int64_t out_width,
                         const uint8_t *in, int64_t height, int64_t width);
#define RDX_BLUR_TAPS 7
/* Both axes. Weights are symmetric and add up to 256. scratch: width + RDX_BLUR_TAPS; out and in
 * differ. */
void rdx_blur_u8(uint8_t *out, int16_t *scratch, const uint8_t *in, int64_t height, int64_t width,
                 const int16_t weights[RDX_BLUR_TAPS]);
void rdx_equalise_u8(uint8_t *pixels, int64_t count);

#endif
