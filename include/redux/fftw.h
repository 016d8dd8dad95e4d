/* SPDX-License-Identifier: MIT
 * The lock around FFTW's planner, for programs that use FFTW themselves.
 *
 * libredux runs Fourier and cosine transforms through single-precision FFTW, planned with
 * FFTW_ESTIMATE. Executing a plan is safe on any thread, but making and destroying one is not, and
 * FFTW has one planner a process. libredux plans under this lock; it never reads or writes wisdom
 * and never calls fftwf_cleanup or fftwf_init_threads, which would pull plans from under the host.
 * (Wisdom that the host itself has gathered is FFTW's to use: it may change the last bits of what
 * is transformed.) */
#ifndef REDUX_FFTW_H
#define REDUX_FFTW_H

#include <redux/export.h>

REDUX_BEGIN_DECLS

/** Waits until no thread plans, and keeps libredux from planning until redux_fftw_unlock. A host
 *  holds it around its own fftwf_plan_* and fftwf_destroy_plan when other threads may be inside
 *  libredux. Not recursive: no libredux function may be called by the thread that holds it. In a
 *  build without FFTW (FFTW=0) it is a lock that nothing else takes. Any thread. Since 0.1. */
REDUX_API void redux_fftw_lock(void);

/** Gives the lock back, on the thread that took it. Since 0.1. */
REDUX_API void redux_fftw_unlock(void);

REDUX_END_DECLS
#endif
