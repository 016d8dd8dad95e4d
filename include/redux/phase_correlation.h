/* SPDX-License-Identifier: MIT
 * Phase correlation: how far one image is shifted against another, and how surely. */
#ifndef REDUX_PHASE_CORRELATION_H
#define REDUX_PHASE_CORRELATION_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

typedef enum redux_phase_window {
    /** Weights sin^2(pi (i + 1/2) / n) along each axis fade the edges out, whose meeting in the
     *  periodic transform would else hide a shift that is not cyclic. */
    REDUX_PHASE_HANN = 0,
    REDUX_PHASE_PLAIN = 1 /**< none: a cyclic shift has height 1 */
} redux_phase_window;

/** Set it up with REDUX_PHASE_OPTIONS_INIT. */
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

/** Phase correlation (Kuglin, Hines, Proc. IEEE Conference on Cybernetics and Society, 1975). Both
 *  images [H, W] of one shape, uint8 or float32, at least one pixel. Their means are removed and
 *  they are windowed; of their spectra only the phases are kept. The shift is where the inverse
 *  transform of the phases' difference is highest, the first place where there are several, and the
 *  height is its value over the number of coefficients that either image has (of modulus above
 *  2^-20 of the image's norm: the rest is round-off). In single precision: the height is within
 *  1e-4 of double precision's on CT slices (seen: 1e-5 at worst), brightness and contrast do not
 * matter. The other way round the shift is the opposite and the height the same bits. Two constant
 * images: no shift, height 1; one: height 0; NaN or infinity: NaN. `options` may be NULL. Errors:
 *  REDUX_E_INVALID, REDUX_E_LIMIT, REDUX_E_NO_MEMORY, REDUX_E_UNSUPPORTED (a build without FFTW).
 *  Since 0.1. */
REDUX_API redux_status redux_phase_correlation(redux_shift *out, redux_context *context,
                                               const redux_tensor *a, const redux_tensor *b,
                                               const redux_phase_options *options);

REDUX_END_DECLS
#endif
