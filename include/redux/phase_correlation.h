/* SPDX-License-Identifier: MIT */
/** @file
 * Phase correlation: how far one image is shifted against another, and how certain that is.
 *
 * @code
 * const int64_t shape[2] = {64, 64};
 * redux_shift shift = {0, 0, 0};
 * redux_tensor a = REDUX_TENSOR_INIT, b = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&a, context, REDUX_UINT8, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_tensor_view(&b, &a);
 * if (status == REDUX_OK)
 *     status = redux_phase_correlation(&shift, context, &a, &b, NULL);
 * redux_tensor_release(&b);
 * redux_tensor_release(&a);
 * return status == REDUX_E_UNSUPPORTED ? REDUX_OK : status; // a build without FFTW
 * @endcode
 *
 * Values may have any range: brightness and contrast do not matter.
 *
 * Promised: exchanging the images gives the opposite shift and the same bits of height.
 *
 * Not promised: the last bits of the height, which FFTW's plans and the instruction set may change.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_PHASE_CORRELATION_H
#define REDUX_PHASE_CORRELATION_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** The weights that fade out the edges. */
typedef enum redux_phase_window {
    /** Weights sin^2(pi (i + 1/2) / n) along each axis fade the edges out, whose meeting in the
     *  periodic transform would else hide a shift that is not cyclic. */
    REDUX_PHASE_HANN = 0,
    REDUX_PHASE_PLAIN = 1 /**< none: a cyclic shift has height 1 */
} redux_phase_window;

/** Options of redux_phase_correlation. */
typedef struct redux_phase_options {
    size_t struct_size;
    redux_phase_window window;
    /** 0 or 1 (default): whole pixels. 2 to 100: the shift to 1 / upsample of a pixel, by the
     *  Fourier series of the peak's surroundings (Guizar-Sicairos, Thurman, Fienup, Optics Letters
     *  33(2), 2008), as scikit-image's upsample_factor. The metric does not read it. */
    int32_t upsample;
} redux_phase_options;

#define REDUX_PHASE_OPTIONS_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_phase_options)), set(window, REDUX_PHASE_HANN)
REDUX_DEFINE_INIT(redux_phase_options, REDUX_PHASE_OPTIONS_DEFAULTS)
#define REDUX_PHASE_OPTIONS_INIT REDUX_INIT(redux_phase_options, REDUX_PHASE_OPTIONS_DEFAULTS)

/** A shift in pixels: b(y, x) is about a(y - dy, x - dx), dy within half the height, dx within half
 *  the width. */
typedef struct redux_shift {
    double dy, dx;
    double
        height; /**< of the peak at whole pixels, 0 to 1: 1 where nothing but the shift differs */
} redux_shift;

/** The shift between two images (Kuglin, Hines, Proc. IEEE Conference on Cybernetics and Society,
 *  1975).
 *  - a, b: [H, W] of one shape, uint8 or float32, at least one pixel, any values.
 *  - The means are removed and the images windowed; only the phases of their spectra are used. The
 *    shift is where the inverse transform of the phases' difference is highest (the first place of
 *    several). The height is that value over the number of coefficients that either image has (of
 *    modulus above 2^-20 of the image's norm; the rest is round-off).
 *  - In single precision: on CT slices the height is within 1e-4 of double precision (largest seen:
 *    1e-5).
 *  - Two constant images: no shift, height 1; one constant image: height 0; NaN or infinity: NaN.
 *
 *  `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT, REDUX_E_NO_MEMORY,
 *  REDUX_E_UNSUPPORTED (a build without FFTW). */
REDUX_API redux_status redux_phase_correlation(redux_shift *out, redux_context *context,
                                               const redux_tensor *a, const redux_tensor *b,
                                               const redux_phase_options *options);

REDUX_END_DECLS
#endif
