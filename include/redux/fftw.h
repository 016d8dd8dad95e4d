/* SPDX-License-Identifier: MIT */
/** @file
 * The lock around FFTW's planner, for programs that use FFTW themselves.
 *
 * @code
 * redux_fftw_lock(); // while other threads may be inside libredux
 * // plan = fftwf_plan_dft_2d(...);
 * redux_fftw_unlock();
 * return REDUX_OK;
 * @endcode
 *
 * libredux runs Fourier and cosine transforms through single-precision FFTW, planned with
 * FFTW_ESTIMATE. Executing a plan is safe on any thread, but making and destroying one is not, and
 * FFTW has one planner per process. libredux plans under this lock.
 *
 * Promised: libredux never reads or writes wisdom, and never calls fftwf_cleanup or
 * fftwf_init_threads, which would invalidate the host's plans.
 *
 * Not promised: the same last bits if the host has gathered wisdom, which FFTW may use.
 *
 * Threads: any. Since 0.1.
 */
#ifndef REDUX_FFTW_H
#define REDUX_FFTW_H

#include <redux/export.h>

REDUX_BEGIN_DECLS

/** Waits until no thread plans, and keeps libredux from planning until redux_fftw_unlock. Hold it
 *  around your own fftwf_plan_* and fftwf_destroy_plan if other threads may be inside libredux. Not
 *  recursive: the thread that holds it must not call libredux. In a build without FFTW (FFTW=0)
 *  nothing else takes this lock. Any thread. */
REDUX_API void redux_fftw_lock(void);

/** Releases the lock, on the thread that took it. */
REDUX_API void redux_fftw_unlock(void);

REDUX_END_DECLS
#endif
