/* SPDX-License-Identifier: MIT
 * Views of slices with working memory that is allocated once. Internal. */
#ifndef RDX_VIEWS_H
#define RDX_VIEWS_H

#include <redux/views.h>
#include "image.h"

/* A slice as stored, with the values that every view needs. */
typedef struct rdx_slice {
    redux_tensor pixels; /* [H, W] */
    double slope, intercept;
    bool is_scan;
    double low, high; /* rdx_stored_range */
} rdx_slice;

/* The pixels are borrowed. Errors: REDUX_E_INVALID (not [H, W], empty). */
redux_status rdx_slice_of(rdx_slice *out, const redux_tensor *pixels, double slope,
                          double intercept, bool is_scan);

/* Whether it shows one value only, or none that is finite. */
static inline bool rdx_slice_is_blank(const rdx_slice *slice)
{
    return !(slice->low < slice->high);
}

/* Part of a slice. */
typedef struct rdx_box {
    int64_t top, left, height, width;
} rdx_box;

/* Weights of an antialiased linear resize along one axis, as in Pillow: output i is the sum over
 * weight[i * most + k] * input[first[i] + k] for k < count[i]. */
typedef struct rdx_taps {
    float *weight;
    int32_t *first, *count;
    int64_t most, weight_capacity, first_capacity, count_capacity;
} rdx_taps;

/* A block that only grows. */
typedef struct rdx_block {
    void *data;
    int64_t capacity;
} rdx_block;

/* The working memory of one thread. It grows with the largest slice and view so far. */
typedef struct rdx_viewer {
    redux_context *context;
    rdx_taps columns, rows;
    rdx_block table;   /* float: grey of each stored value of a small range */
    rdx_block stored;  /* double: one row */
    rdx_block line;    /* float: one row, grey */
    rdx_block between; /* float: [size, width], resized along y */
    rdx_block scratch; /* float: one view and a half, for operations that do not work in place */
} rdx_viewer;

void rdx_viewer_init(rdx_viewer *viewer, redux_context *context);
void rdx_viewer_clear(rdx_viewer *viewer);

/* ---- input.c ---- */

redux_status rdx_input_check(const redux_input_options *options);
/* The options, within their ranges; NULL: the defaults. */
redux_status rdx_input_read(redux_input_options *known, const redux_input_options *given);
/* out: [size, size] greys of a box. map: of a window; eight_bit: round to 8 bits. */
redux_status rdx_viewer_grey(rdx_viewer *viewer, float *out, int64_t size, const rdx_slice *slice,
                             const rdx_box *box, const rdx_grey *map, bool eight_bit);
/* The resolved window as a map, jittered by `low` and `high` (see views.c; 0: unchanged). Errors:
 * REDUX_E_UNSUPPORTED (`full` on other than 8-bit data). */
redux_status rdx_slice_map(rdx_grey *map, bool *eight_bit, const rdx_slice *slice,
                           redux_window window, const double jitter[2]);
void rdx_normalise(float *pixels, int64_t count, double mean, double deviation);
redux_status rdx_viewer_input(rdx_viewer *viewer, float *out, const rdx_slice *slice,
                              const redux_input_options *options);

/* ---- views.c ---- */

/* Checked options: which views are drawn, and how they become inputs. */
typedef struct rdx_views {
    redux_views_options options;
    redux_input_options input;
} rdx_views;

/* The options, all within their ranges; NULL: the defaults. Errors: REDUX_E_INVALID, with the
 * field's name. */
redux_status rdx_views_read(rdx_views *known, const redux_views_options *options,
                            const redux_input_options *input);
/* Side of view number `view`. */
int64_t rdx_view_size(const rdx_views *views, int32_t view);
/* out: [s, s]. */
redux_status rdx_viewer_view(rdx_viewer *viewer, float *out, const rdx_slice *slice,
                             const rdx_views *views, const redux_random_key *key, int32_t view);

/* ---- augment.c: operations on [size, size] greys; scratch: 2 * size * size floats ---- */

void rdx_flip_horizontal(float *pixels, int64_t size);
void rdx_flip_vertical(float *pixels, int64_t size);
/* Counter-clockwise around the centre, bilinear; pixels outside count as 0. */
void rdx_rotate(float *pixels, float *scratch, int64_t size, double degrees);
/* Each keeps values within [0, 1]: times a factor; distance from the mean times a factor; a
 * power. */
void rdx_brightness(float *pixels, int64_t count, double factor);
void rdx_contrast(float *pixels, int64_t count, double factor);
void rdx_gamma(float *pixels, int64_t count, double exponent);
#define RDX_BLUR_MOST 32 /* pixels */
/* Gaussian to 4 sigma, mirrored at the borders (d c b | a b c d | c b a). */
void rdx_blur(float *pixels, float *scratch, int64_t size, double sigma);
/* Adds normal numbers of that deviation. */
void rdx_noise(float *pixels, int64_t count, double deviation, const redux_random_key *key);
void rdx_fill_square(float *pixels, int64_t size, int64_t top, int64_t left, int64_t side,
                     float value);

#endif
