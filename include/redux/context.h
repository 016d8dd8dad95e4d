/* SPDX-License-Identifier: MIT
 * The context: memory, log, progress, threads and limits for the calls that are given it.
 *
 * Every function that works takes a `redux_context *`; NULL stands for the defaults: malloc, no
 * log, no progress, one thread. A context serves one calling thread at a time (it owns one pool of
 * worker threads); use one context a thread to work on several. There is no global state. */
#ifndef REDUX_CONTEXT_H
#define REDUX_CONTEXT_H

#include <stddef.h>
#include <stdint.h>
#include <redux/export.h>
#include <redux/status.h>

REDUX_BEGIN_DECLS

/** Opaque. */
typedef struct redux_context redux_context;

/** Use as many threads as there are processors this process may run on. */
#define REDUX_THREADS_ALL (-1)

/** Flags of redux_context_options.flags. */
typedef enum redux_context_flag {
    /** The library may call openblas_set_num_threads(1), a process-wide setting, when the context
     *  is made. Without it bit equality over thread counts holds for the host's own setting. */
    REDUX_CONTEXT_OWNS_BLAS = 1
} redux_context_flag;

/** Severity of a log line. */
typedef enum redux_log_level {
    REDUX_LOG_DEBUG = 0,
    REDUX_LOG_INFO = 1,
    REDUX_LOG_WARNING = 2
} redux_log_level;

/** Returns `size` bytes (never 0) aligned to `alignment` (a power of two), or NULL. */
typedef void *(*redux_allocate_fn)(size_t size, size_t alignment, void *user);
/** Releases what redux_allocate_fn gave. `pointer` is never NULL. */
typedef void (*redux_deallocate_fn)(void *pointer, void *user);
/** One line without line end. May be called from worker threads, one at a time. */
typedef void (*redux_log_fn)(redux_log_level level, const char *line, void *user);
/** `done` of `total` units (slices, pairs) are finished. Called on the thread that made the
 *  libredux call; a value other than 0 cancels it, and it returns REDUX_E_CANCELLED. */
typedef int (*redux_progress_fn)(int64_t done, int64_t total, void *user);

/** Options of redux_context_new. Set it up with REDUX_CONTEXT_OPTIONS_INIT; fields are only ever
 *  appended. */
typedef struct redux_context_options {
    size_t struct_size;             /**< sizeof this struct, as the caller knows it */
    redux_allocate_fn allocate;     /**< NULL: the C library; set both or none */
    redux_deallocate_fn deallocate; /**< callable from any thread */
    void *allocator_user;           /**< passed to both */
    redux_log_fn log;               /**< NULL: silent */
    void *log_user;
    redux_progress_fn progress; /**< NULL: none */
    void *progress_user;
    int32_t threads;    /**< 0: one; REDUX_THREADS_ALL: every processor; else that many */
    uint32_t flags;     /**< of redux_context_flag */
    uint64_t max_bytes; /**< largest single block that is allocated; 0: the physical memory */
} redux_context_options;

#define REDUX_CONTEXT_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_context_options))
REDUX_DEFINE_INIT(redux_context_options, REDUX_CONTEXT_OPTIONS_DEFAULTS)
#define REDUX_CONTEXT_OPTIONS_INIT REDUX_INIT(redux_context_options, REDUX_CONTEXT_OPTIONS_DEFAULTS)

/** Makes a context and its worker threads. `options` may be NULL. The caller owns *out and
 *  releases it with redux_context_free. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_IO (a
 *  thread could not be started). Any thread. Since 0.1. */
REDUX_API redux_status redux_context_new(redux_context **out, const redux_context_options *options);

/** Stops the threads and releases the context; NULL is allowed. What was made with it lives on, and
 *  is released by itself: it remembers the allocator, whose `user` pointer must outlive it. Since
 *  0.1. */
REDUX_API void redux_context_free(redux_context *context);

/** The number of threads that work for this context, the caller's among them: at least 1; 1 for
 *  NULL. Since 0.1. */
REDUX_API int redux_context_threads(const redux_context *context);

/** The instruction set in use: "portable", "avx2" or "avx512". The environment variable REDUX_TIER
 *  with one of these names lowers it (never raises it); it is read once per process. Static
 *  storage. Any thread. Since 0.1. */
REDUX_API const char *redux_cpu_tier(void);

REDUX_END_DECLS
#endif
