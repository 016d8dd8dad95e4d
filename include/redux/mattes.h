/* SPDX-License-Identifier: MIT */
/** @file
 * Mutual information with a Parzen window (Mattes et al., IEEE TMI 22(1), 2003), as ITK computes
 * it.
 *
 * @code
 * const int64_t shape[2] = {2, 3};
 * float first[6] = {-1000, 0, 40, 60, 80, 400}, second[6] = {-990, 2, 38, 61, 85, 390};
 * double nats = 0;
 * redux_tensor fixed = REDUX_TENSOR_INIT, moving = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_borrow(&fixed, first, REDUX_FLOAT32, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&moving, second, REDUX_FLOAT32, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_mattes(&nats, context, &fixed, &moving, NULL);
 * return status;
 * @endcode
 *
 * Values may have any range: bins span each image's own minimum to maximum.
 *
 * Promised: within 1e-12 of ITK 5 in double precision; never negative.
 *
 * Not promised: symmetry. Fixed and moving are treated differently, as in ITK.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_MATTES_H
#define REDUX_MATTES_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Options of redux_mattes. */
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

/** Mutual information of two images on one grid, in nats: minus the value of ITK 5's
 *  MattesMutualInformationImageToImageMetricv4 with the identity transform and every pixel sampled.
 *  - fixed, moving: [H, W] of the same shape, uint8 or float32, at least one pixel, any values.
 *  - The joint histogram has a zero-order window along `fixed` and a cubic B-spline along `moving`,
 *    so it is not symmetric (by about 0.1 % on neighbouring CT slices).
 *  - Where ITK has no answer: a constant image gives 0; NaN counts as the smallest finite value,
 *    infinities as the extremes.
 *
 *  `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT (2^32 pixels), REDUX_E_NO_MEMORY.
 */
REDUX_API redux_status redux_mattes(double *out, redux_context *context, const redux_tensor *fixed,
                                    const redux_tensor *moving,
                                    const redux_mattes_options *options);

REDUX_END_DECLS
#endif
