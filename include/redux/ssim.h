/* SPDX-License-Identifier: MIT
 * Structural similarity. */
#ifndef REDUX_SSIM_H
#define REDUX_SSIM_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

typedef enum redux_ssim_window {
    /** Wang et al. 2004: Gaussian, sigma 1.5, 11 x 11, population covariance; scikit-image's
     *  gaussian_weights=True, sigma=1.5, use_sample_covariance=False. */
    REDUX_SSIM_GAUSSIAN = 0,
    /** scikit-image's default: uniform 7 x 7, sample covariance. */
    REDUX_SSIM_UNIFORM = 1
} redux_ssim_window;

typedef struct redux_ssim_options {
    size_t struct_size;
    redux_ssim_window window;
    /** The span of possible values, 1e-8 to 1e8; 0 (default): 255 for uint8, 1 for float32. */
    double data_range;
} redux_ssim_options;

#define REDUX_SSIM_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_ssim_options)), set(window, REDUX_SSIM_GAUSSIAN)
REDUX_DEFINE_INIT(redux_ssim_options, REDUX_SSIM_OPTIONS_DEFAULTS)
#define REDUX_SSIM_OPTIONS_INIT REDUX_INIT(redux_ssim_options, REDUX_SSIM_OPTIONS_DEFAULTS)

/** Mean SSIM of two images over the pixels whose window lies inside, K1 = 0.01, K2 = 0.03 (Wang et
 *  al. 2004, IEEE TIP 13(4), eq. 13). Both [H, W], same shape, uint8 or float32, at least one
 *  pixel. A side shorter than the window shrinks the window on that side to the largest odd length
 *  that fits (a window of one pixel has variance 0). Computed in float32 on shifted values: the
 *  error against double is below 4e-6 on 8-bit CT, 1e-5 on float32 CT (seen over 20 volumes under
 *  three intensity windows: 3.0e-6 and 8.6e-6; soft-tissue window 1.3e-7) and 1e-4 at worst,
 * between two all but flat images. Symmetric to the bit; 1 exactly for identical images; NaN or
 * infinity gives NaN. `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT,
 * REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_ssim(double *out, redux_context *context, const redux_tensor *a,
                                  const redux_tensor *b, const redux_ssim_options *options);

/** SSIM of every pixel: `out` [H, W] float32, the caller's, is filled with scikit-image's
 *  structural_similarity(full=True) map. The images are continued by their mirror image (edge pixel
 *  twice), so that the border, as wide as half a window (5 pixels, uniform: 3), has values like the
 *  inside, of which redux_ssim is the mean; a small image does not shrink the window here. Images
 * and bounds as redux_ssim, the error of one pixel is below 2e-4 on CT (seen: 7e-5). `out` may be
 * an input. `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT, REDUX_E_NO_MEMORY. Since
 *  0.1. */
REDUX_API redux_status redux_ssim_map(redux_tensor *out, redux_context *context,
                                      const redux_tensor *a, const redux_tensor *b,
                                      const redux_ssim_options *options);

/** Set it up with REDUX_MS_SSIM_OPTIONS_INIT. */
typedef struct redux_ms_ssim_options {
    size_t struct_size;
    /** As in redux_ssim_options. */
    double data_range;
    /** 1 to 5: exactly so many, REDUX_E_INVALID where the image is too small: at each of them both
     *  sides must hold the window of 11 pixels (5 scales: 161 pixels). 0 (default): 5, or as many
     * as the image holds, and 1 in any case. The exponents of fewer than 5 are divided by their
     * sum. */
    int32_t scales;
} redux_ms_ssim_options;

#define REDUX_MS_SSIM_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_ms_ssim_options))
REDUX_DEFINE_INIT(redux_ms_ssim_options, REDUX_MS_SSIM_OPTIONS_DEFAULTS)
#define REDUX_MS_SSIM_OPTIONS_INIT REDUX_INIT(redux_ms_ssim_options, REDUX_MS_SSIM_OPTIONS_DEFAULTS)

/** Multi-scale SSIM (Wang, Simoncelli, Bovik, Asilomar 2003): the product of the mean contrast and
 *  structure of each scale and, at the last, of the mean SSIM, to the powers .0448, .2856, .3001,
 *  .2363, .1333; Gaussian window, from scale to scale means of 2 x 2 pixels, an odd last row or
 *  column standing twice. A mean below 0 counts as 0. 0 to 1; 1 exactly for identical images;
 *  symmetric to the bit; NaN or infinity gives NaN. Images as redux_ssim; the error against double
 *  is below 1e-5 on CT. `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT,
 *  REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_ms_ssim(double *out, redux_context *context, const redux_tensor *a,
                                     const redux_tensor *b, const redux_ms_ssim_options *options);

REDUX_END_DECLS
#endif
