/* SPDX-License-Identifier: MIT */
/** @file
 * Structural similarity: SSIM of two images, its map, and multi-scale SSIM.
 *
 * @code
 * const int64_t shape[2] = {32, 32};
 * double score = 0;
 * redux_tensor a = REDUX_TENSOR_INIT, b = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&a, context, REDUX_FLOAT32, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_tensor_view(&b, &a);
 * if (status == REDUX_OK)
 *     status = redux_ssim(&score, context, &a, &b, NULL); // 1: identical
 * redux_tensor_release(&b);
 * redux_tensor_release(&a);
 * return status;
 * @endcode
 *
 * Values of float32 images lie within [0, 1] (windowed), unless you set options.data_range to the
 * span of possible values (2000 for -1000 ... 1000 HU). Without it a finite value outside [0, 1] is
 * refused with REDUX_E_INVALID and its value. NaN or infinity gives NaN.
 *
 * Promised: symmetric to the bit; exactly 1 for identical images.
 *
 * Not promised: the last bits on other instruction sets. Error bounds against double precision
 * stand at each function.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_SSIM_H
#define REDUX_SSIM_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** The weights of the pixels around each pixel. */
typedef enum redux_ssim_window {
    /** Wang et al. 2004: Gaussian, sigma 1.5, 11 x 11, population covariance; scikit-image's
     *  gaussian_weights=True, sigma=1.5, use_sample_covariance=False. */
    REDUX_SSIM_GAUSSIAN = 0,
    /** scikit-image's default: uniform 7 x 7, sample covariance. */
    REDUX_SSIM_UNIFORM = 1
} redux_ssim_window;

/** Options of redux_ssim and redux_ssim_map. */
typedef struct redux_ssim_options {
    size_t struct_size;
    redux_ssim_window window;
    /** The span of possible values, 1e-8 to 1e8. 0 (default): 255 for uint8; 1 for float32, whose
     *  values must then lie within [0, 1]. */
    double data_range;
} redux_ssim_options;

#define REDUX_SSIM_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_ssim_options)), set(window, REDUX_SSIM_GAUSSIAN)
REDUX_DEFINE_INIT(redux_ssim_options, REDUX_SSIM_OPTIONS_DEFAULTS)
#define REDUX_SSIM_OPTIONS_INIT REDUX_INIT(redux_ssim_options, REDUX_SSIM_OPTIONS_DEFAULTS)

/** Mean SSIM of two images over the pixels whose window lies inside: -1 to 1, with K1 = 0.01, K2 =
 *  0.03 (Wang et al. 2004, IEEE TIP 13(4), eq. 13).
 *  - a, b: [H, W], same shape, at least one pixel, uint8, or float32 within [0, 1] (with
 *    options.data_range: any).
 *  - A side shorter than the window shrinks the window on that side to the largest odd length that
 *    fits (a window of one pixel has variance 0).
 *  - Computed in float32 on shifted values. The error against double is below 4e-6 on 8-bit CT and
 *    1e-5 on float32 CT (largest over 20 volumes under three intensity windows: 3.0e-6 and 8.6e-6;
 *    soft-tissue window 1.3e-7), and 1e-4 at worst, between two nearly flat images.
 *  - Symmetric to the bit; exactly 1 for identical images; NaN or infinity gives NaN.
 *
 *  `options` may be NULL. Errors: REDUX_E_INVALID (also a float32 value outside [0, 1]),
 *  REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_ssim(double *out, redux_context *context, const redux_tensor *a,
                                  const redux_tensor *b, const redux_ssim_options *options);

/** SSIM of every pixel: fills your `out`, [H, W] float32, with scikit-image's
 *  structural_similarity(full=True) map. The images are continued by their mirror image (edge pixel
 *  twice), so that the border, as wide as half a window (5 pixels, uniform: 3), has values like the
 *  inside, of which redux_ssim is the mean. A small image does not shrink the window here. Images
 *  and bounds as redux_ssim; the error of one pixel is below 2e-4 on CT (largest seen: 7e-5). `out`
 *  may be an input. `options` may be NULL. Errors: as redux_ssim. */
REDUX_API redux_status redux_ssim_map(redux_tensor *out, redux_context *context,
                                      const redux_tensor *a, const redux_tensor *b,
                                      const redux_ssim_options *options);

/** Options of redux_ms_ssim. */
typedef struct redux_ms_ssim_options {
    size_t struct_size;
    /** As in redux_ssim_options. */
    double data_range;
    /** 1 to 5: exactly this many, REDUX_E_INVALID if the image is too small: at each scale both
     *  sides must hold the window of 11 pixels (5 scales: 161 pixels). 0 (default): 5, or as many
     *  as the image holds, at least 1. The exponents of fewer than 5 are divided by their sum. */
    int32_t scales;
} redux_ms_ssim_options;

#define REDUX_MS_SSIM_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_ms_ssim_options))
REDUX_DEFINE_INIT(redux_ms_ssim_options, REDUX_MS_SSIM_OPTIONS_DEFAULTS)
#define REDUX_MS_SSIM_OPTIONS_INIT REDUX_INIT(redux_ms_ssim_options, REDUX_MS_SSIM_OPTIONS_DEFAULTS)

/** Multi-scale SSIM: 0 to 1 (Wang, Simoncelli, Bovik, Asilomar 2003). The product of the mean
 *  contrast and structure of each scale and, at the last, of the mean SSIM, to the powers .0448,
 *  .2856, .3001, .2363, .1333. Gaussian window; from scale to scale means of 2 x 2 pixels, an odd
 *  last row or column counting twice. A mean below 0 counts as 0. Exactly 1 for identical images;
 *  symmetric to the bit; NaN or infinity gives NaN. Images as redux_ssim: float32 within [0, 1]
 *  without options.data_range. The error against double is below 1e-5 on CT. `options` may be NULL.
 *  Errors: as redux_ssim. */
REDUX_API redux_status redux_ms_ssim(double *out, redux_context *context, const redux_tensor *a,
                                     const redux_tensor *b, const redux_ms_ssim_options *options);

REDUX_END_DECLS
#endif
