/* SPDX-License-Identifier: MIT */
/** @file
 * From a slice to a network's input: intensity window, size, and random views of it.
 *
 * @code
 * const int64_t in_shape[2] = {96, 96}, out_shape[2] = {64, 64};
 * const redux_random_key key = {1, 0, 0, 7}; // seed, epoch, (ignored), sample
 * redux_tensor in = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&in, context, REDUX_INT16, 2, in_shape);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&out, context, REDUX_FLOAT32, 2, out_shape);
 * if (status == REDUX_OK) // HU = stored; input and strengths as by default
 *     status = redux_views_apply(&out, context, &in, 1, 0, 1, NULL, NULL, &key, 0);
 * redux_tensor_release(&out);
 * redux_tensor_release(&in);
 * return status;
 * @endcode
 *
 * Promised: a view is a function of slice, options, key and number alone, whatever the order of
 * calls and the number of threads.
 *
 * Not promised: that defaults of strengths stay as they are in later versions. Runs record theirs.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_VIEWS_H
#define REDUX_VIEWS_H

#include <redux/random.h>
#include <redux/tensor.h>
#include <redux/window.h>

REDUX_BEGIN_DECLS

/** How slices become inputs: windowed to [0, 1] (8-bit results over 255), resized to size x size
 *  (antialiased linear, as Pillow's BILINEAR on float32, up to rounding; other shapes are
 *  stretched), then (x - mean) / deviation. */
typedef struct redux_input_options {
    size_t struct_size;
    redux_window window;    /**< default: auto */
    int32_t size;           /**< side, default 64 */
    double mean, deviation; /**< default 0.5 and 0.25 */
} redux_input_options;

#define REDUX_INPUT_OPTIONS_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_input_options)), set(window, {REDUX_WINDOW_AUTO, 0, 0}),         \
        set(size, 64), set(mean, 0.5), set(deviation, 0.25)
REDUX_DEFINE_INIT(redux_input_options, REDUX_INPUT_OPTIONS_DEFAULTS)
#define REDUX_INPUT_OPTIONS_INIT REDUX_INIT(redux_input_options, REDUX_INPUT_OPTIONS_DEFAULTS)

/** A slice as an input, without randomness: for embedding and evaluation.
 *  - in: [H, W] of any dtype and strides, not empty, x = slope * stored + intercept; is_scan as for
 *    redux_window_resolve.
 *  - out: [size, size] float32, C-contiguous, no overlap.
 *  - NaN is the lowest grey, infinities the lowest and highest.
 *
 *  Errors: REDUX_E_INVALID, REDUX_E_UNSUPPORTED (window `full` of data that are not 8-bit),
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_input_apply(const redux_tensor *out, redux_context *context,
                                         const redux_tensor *in, double slope, double intercept,
                                         int is_scan, const redux_input_options *options);

/** Strengths of the random operations, in the order in which they are applied; probability 0
 *  disables one. REDUX_VIEWS_OPTIONS_INIT is the preset "simclr"; redux_views_preset sets others.
 *
 *  Window, crop and resize work on the stored values; the others on the resized view, grey values
 *  in [0, 1]. Brightness, contrast (about the view's mean) and gamma, in this order, each saturate
 *  to [0, 1]; noise does not. Blur reaches 4 sigma, mirrored at the borders. Rotation is
 *  counter-clockwise for positive angles; what comes from outside is the lowest grey. */
typedef struct redux_views_options {
    size_t struct_size;
    int32_t views;                /**< full views a slice: 2 */
    int32_t small_views;          /**< further, small ones (multi-crop); 0 */
    int32_t small_size;           /**< their side; 0: 3/7 of the full views', as 96 is of 224 */
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

#define REDUX_VIEWS_OPTIONS_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_views_options)), set(views, 2), set(scale_low, 0.08),            \
        set(scale_high, 1), set(small_scale_low, 1), set(small_scale_high, 1),                     \
        set(ratio, 4.0 / 3), set(flip_horizontal, 0.5), set(jitter_probability, 0.8),              \
        set(brightness, 0.8), set(contrast, 0.8), set(blur_probability, 0.5), set(blur_low, 0.1),  \
        set(blur_high, 2)
REDUX_DEFINE_INIT(redux_views_options, REDUX_VIEWS_OPTIONS_DEFAULTS)
#define REDUX_VIEWS_OPTIONS_INIT REDUX_INIT(redux_views_options, REDUX_VIEWS_OPTIONS_DEFAULTS)

/** Sets all fields of *out to a preset: "simclr" (Chen et al. 2020, on grey slices),
 *  "paper-swav-crops" (two crops of 0.9 to 1 and six small ones, no flips), "moco-medical"
 *  (rotation, crops of 0.2 to 1, jitter, blur, both flips, noise), "none". Set out->struct_size
 *  first. Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). */
REDUX_API redux_status redux_views_preset(redux_views_options *out, const char *name);

/** View number `view` (full ones first) of a slice. out: [s, s] float32, C-contiguous, s being
 *  input->size or the small size. key->operation is ignored. Each call allocates its working
 *  memory. `input` and `options` may be NULL. Otherwise as redux_input_apply; REDUX_E_INVALID also
 *  for a strength out of range. */
REDUX_API redux_status redux_views_apply(const redux_tensor *out, redux_context *context,
                                         const redux_tensor *in, double slope, double intercept,
                                         int is_scan, const redux_input_options *input,
                                         const redux_views_options *options,
                                         const redux_random_key *key, int32_t view);

REDUX_END_DECLS
#endif
