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

#define REDUX_SSIM_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(redux_ssim_options), REDUX_SSIM_GAUSSIAN, 0                                         \
    }

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

REDUX_END_DECLS
#endif
