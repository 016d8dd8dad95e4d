/* SPDX-License-Identifier: MIT
 * From a slice to what a network sees: intensity window, size, and random views of it. */
#ifndef REDUX_VIEWS_H
#define REDUX_VIEWS_H

#include <redux/random.h>
#include <redux/tensor.h>
#include <redux/window.h>

REDUX_BEGIN_DECLS

/** How slices become inputs: windowed to [0, 1] (8-bit results over 255), resized to size x size
 *  (antialiased linear, as Pillow's BILINEAR on float32, up to rounding; not square ones are
 *  stretched), then (x - mean) / deviation. */
typedef struct redux_input_options {
    size_t struct_size;
    redux_window window;    /**< default: auto */
    int32_t size;           /**< side, default 64 */
    double mean, deviation; /**< default 0.5 and 0.25 */
} redux_input_options;

#define REDUX_INPUT_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(redux_input_options), {REDUX_WINDOW_AUTO, 0, 0}, 64, 0.5, 0.25                      \
    }

/** A slice as an input, without random numbers: for embedding and evaluation. in: [H, W] of any
 *  dtype and strides, not empty, x = slope * stored + intercept; is_scan as for
 *  redux_window_resolve; out: [size, size] float32, C-contiguous, no overlap. NaN is the lowest
 *  grey, infinities lowest and highest. Errors: REDUX_E_INVALID, REDUX_E_UNSUPPORTED (window `full`
 *  of data that are not 8-bit), REDUX_E_NO_MEMORY. One context a thread. Since 0.1. */
REDUX_API redux_status redux_input_apply(const redux_tensor *out, redux_context *context,
                                         const redux_tensor *in, double slope, double intercept,
                                         int is_scan, const redux_input_options *options);

/** Strengths of the random operations, in the order in which they are done; probabilities 0 leave
 *  one out. Set up with REDUX_VIEWS_OPTIONS_INIT, then redux_views_preset.
 *
 *  Window, crop and resize work on the stored values; the others on the resized view, grey values
 *  in [0, 1]. Brightness, contrast (about the view's mean) and gamma, in this order, are each kept
 *  within [0, 1]; noise is not. Blur reaches 4 sigma, mirrored at the borders. Rotation is
 *  counter-clockwise for positive angles; what comes from outside is the lowest grey. */
typedef struct redux_views_options {
    size_t struct_size;
    redux_input_options input;
    int32_t views;                /**< full views a slice: 2 */
    int32_t small_views;          /**< further, small ones (multi-crop); 0 */
    int32_t small_size;           /**< their side */
    double window_jitter;         /**< up to 0.49; HU windows: centre and width vary by up to this
                                       share of the width; others: low and high, of the grey range */
    double scale_low, scale_high; /**< share of the area that a crop covers, at random as
                                       torchvision's RandomResizedCrop; low 1: all of the slice */
    double small_scale_low, small_scale_high; /**< the same of small views */
    double ratio;                          /**< aspect of crops: 1 / ratio ... ratio, log-uniform */
    double flip_horizontal, flip_vertical; /**< probabilities */
    double rotate_probability, rotate_degrees; /**< by -degrees ... degrees, bilinear */
    double jitter_probability, brightness, contrast, gamma; /**< factors 1 - s ... 1 + s; gamma:
                                                                 exponent exp(-s ... s) */
    double blur_probability, blur_low, blur_high; /**< Gaussian, sigma in pixels at 224; scaled
                                                       to the size, where it is at most 32 */
    double noise_probability, noise_high;   /**< Gaussian, deviation up to this share of the grey
                                                 range */
    double cutout_probability, cutout_high; /**< one square of up to this share of the area, filled
                                                 with the mean */
} redux_views_options;

/** Nothing but the size, for redux_views_preset to fill in. */
#define REDUX_VIEWS_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(redux_views_options), REDUX_INPUT_OPTIONS_INIT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0                                                     \
    }

/** Presets: "simclr" (Chen et al. 2020, on grey slices), "paper-swav-crops" (two crops of 0.9 to 1
 *  and six small ones, no flips), "moco-medical" (rotation, crops of 0.2 to 1, jitter, blur, both
 *  flips, noise), "none". Fills in all of *out for `size`; out->struct_size is set by the caller.
 *  Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_views_preset(redux_views_options *out, const char *name, int32_t size);

/** View number `view` (full ones first) of a slice; out: [s, s] float32, C-contiguous. A function
 *  of slice, options, key and view alone: key->operation is ignored. Each call makes its working
 *  memory anew. The rest as redux_input_apply; REDUX_E_INVALID also for a strength out of its
 *  range. Since 0.1. */
REDUX_API redux_status redux_views_apply(const redux_tensor *out, redux_context *context,
                                         const redux_tensor *in, double slope, double intercept,
                                         int is_scan, const redux_views_options *options,
                                         const redux_random_key *key, int32_t view);

REDUX_END_DECLS
#endif
