/* SPDX-License-Identifier: MIT
 * Fourier and cosine transforms in single precision, and their plans. Internal.
 *
 * All arrays are C-contiguous floats. Neither their alignment nor the number of threads changes
 * the bits: each transform runs on the thread that calls it. A complex array of a real n0 x n1
 * image has n0 x (n1 / 2 + 1) pairs of real and imaginary part. */
#ifndef RDX_FFTW_H
#define RDX_FFTW_H

#include <stdatomic.h>
#include "base.h"

typedef enum rdx_fft_kind {
    RDX_FFT_FORWARD, /* real n0 x n1 to complex */
    RDX_FFT_INVERSE, /* complex to real n0 x n1, times n0 * n1; overwrites its input */
    RDX_FFT_DCT      /* real n0 x n1 x n2, DCT-II (FFTW_REDFT10) along every axis */
} rdx_fft_kind;

/* Plans, kept until rdx_fft_clear. Any number of threads may get and use them at once. All zero:
 * empty. */
typedef struct rdx_fft_plan rdx_fft_plan;
typedef struct rdx_fft_plans {
    _Atomic(rdx_fft_plan *) first;
} rdx_fft_plans;

/* REDUX_E_UNSUPPORTED in a build without FFTW. */
redux_status rdx_fft_available(void);
/* The plan of a kind and size; n2 is 1 for images. The first call makes it and may fail:
 * REDUX_E_LIMIT (a side beyond 2^31 - 1), REDUX_E_NO_MEMORY, REDUX_E_UNSUPPORTED (a Fourier
 * transform in a build without FFTW). */
redux_status rdx_fft_get(const rdx_fft_plan **out, rdx_fft_plans *plans, rdx_fft_kind kind,
                         int64_t n0, int64_t n1, int64_t n2);
/* out and in do not overlap. */
void rdx_fft_run(const rdx_fft_plan *plan, float *out, float *in);
void rdx_fft_clear(rdx_fft_plans *plans);

/* The plans of a context (context.c); NULL for NULL. */
rdx_fft_plans *rdx_context_plans(redux_context *context);

/* The same with the plan of the context. Without a context, or once it holds many plans, a plan is
 * made for the call. Y[k] = 2 sum_j x[j] cos(pi (j + 1/2) k / n) along each of three axes, not
 * normalised. FFTW=0: by matrix products in double. */
redux_status rdx_dct_3d(redux_context *context, float *out, const float *in, int64_t n0, int64_t n1,
                        int64_t n2);
redux_status rdx_fft_2d(redux_context *context, float *out, const float *in, int64_t n0,
                        int64_t n1);
/* in: overwritten. Times n0 * n1. */
redux_status rdx_ifft_2d(redux_context *context, float *out, float *in, int64_t n0, int64_t n1);

#endif
