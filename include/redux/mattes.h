/* SPDX-License-Identifier: MIT
 * Mutual information with a Parzen window (Mattes et al., IEEE TMI 22(1), 2003), as ITK computes
 * it. */
#ifndef REDUX_MATTES_H
#define REDUX_MATTES_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Set it up with REDUX_MATTES_OPTIONS_INIT. */
typedef struct redux_mattes_options {
    size_t struct_size;
    int32_t bins; /**< 5 to 256, two at each end are padding; 0 (default): 50 */
    /** 0 (default): nats, as ITK. 1: I(a, b) / sqrt(I(a, a) I(b, b)), about 0 to 1, exactly 1 for
     *  an image with itself (whose own information the window blurs, so that it is not the
     *  entropy); two constant images 1, one 0. Ours, not ITK's. */
    int32_t normalised;
} redux_mattes_options;

#define REDUX_MATTES_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_mattes_options))
REDUX_DEFINE_INIT(redux_mattes_options, REDUX_MATTES_OPTIONS_DEFAULTS)
#define REDUX_MATTES_OPTIONS_INIT REDUX_INIT(redux_mattes_options, REDUX_MATTES_OPTIONS_DEFAULTS)

/** Mutual information of two images on one grid, nats: minus the value of ITK 5's
 *  MattesMutualInformationImageToImageMetricv4 with the identity for a transform and every pixel
 *  sampled. Bins span each image's own minimum ... maximum; the joint histogram has a zero-order
 *  window along `fixed` and a cubic B-spline along `moving`, so that it is not symmetric (by about
 *  0.1 % on neighbouring CT slices). Both [H, W] of the same shape, uint8 or float32, at least one
 *  pixel. In double: within 1e-12 of ITK. Where ITK
 *  has no answer: a constant image gives 0; NaN counts as the smallest finite value and infinities
 *  as the extremes. Never negative. `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT
 *  (2^32 pixels), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_mattes(double *out, redux_context *context, const redux_tensor *fixed,
                                    const redux_tensor *moving,
                                    const redux_mattes_options *options);

REDUX_END_DECLS
#endif
