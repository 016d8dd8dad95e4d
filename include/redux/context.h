/* SPDX-License-Identifier: MIT */
/** @file
 * The context: threads, memory, log, progress and limits for the calls that receive it.
 *
 * @code
 * redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
 * redux_context *own = NULL;
 * options.threads = REDUX_THREADS_ALL;
 * redux_status status = redux_context_new(&own, &options);
 * if (status == REDUX_OK)
 *     printf("%d threads, %s\n", redux_context_threads(own), redux_cpu_tier());
 * redux_context_free(own);
 * return status;
 * @endcode
 *
 * Every function that works takes a `redux_context *`. NULL means the defaults: malloc, no log, no
 * progress, one thread.
 *
 * Promised: results do not depend on the number of threads, to the bit.
 *
 * Not promised: the order and wording of log lines.
 *
 * Callbacks, those of a context and all others: neither an exception nor a longjmp may leave one.
 * It would pass over frames of C that hold locks, memory and running threads. Catch what you throw,
 * have the callback return what cancels the call, and throw again when the call is back
 * (redux::guard of redux.hpp does); or mark the callback noexcept, so that the program ends where
 * it is thrown.
 *
 * Threads: a context serves one calling thread at a time, for it owns one pool of worker threads;
 * use one context per thread. There is no global state. Since 0.1.
 */
#ifndef REDUX_CONTEXT_H
#define REDUX_CONTEXT_H

#include <stddef.h>
#include <stdint.h>
#include <redux/export.h>
#include <redux/status.h>

REDUX_BEGIN_DECLS

/** A context. Opaque. */
typedef struct redux_context redux_context;

/** As many threads as there are processors that this process may run on. */
#define REDUX_THREADS_ALL (-1)

/** Flags of redux_context_options.flags. */
typedef enum redux_context_flag {
    /** The library may call openblas_set_num_threads(1), a process-wide setting, when the context
     *  is made. Without it bit equality over thread counts holds for the host's own setting. */
    REDUX_CONTEXT_OWNS_BLAS = 1,
    /** Outputs replace only earlier outputs of the same kind (redux/file.h). Since 0.2. */
    REDUX_CONTEXT_KEEPS_FILES = 2
} redux_context_flag;

/** Severity of a log line. */
typedef enum redux_log_level {
    REDUX_LOG_DEBUG = 0,
    REDUX_LOG_INFO = 1,
    REDUX_LOG_WARNING = 2
} redux_log_level;

/** Returns `size` bytes (never 0) aligned to `alignment` (a power of two), or NULL. */
typedef void *(*redux_allocate_fn)(size_t size, size_t alignment, void *user);
/** Releases what redux_allocate_fn returned. `pointer` is never NULL. */
typedef void (*redux_deallocate_fn)(void *pointer, void *user);
/** Receives one line without a line end. May be called on worker threads, one at a time. */
typedef void (*redux_log_fn)(redux_log_level level, const char *line, void *user);
/** Receives progress: `done` of `total` units (slices, pairs) are finished. Called on the thread
 *  that made the libredux call; a value other than 0 cancels that call, which then returns
 *  REDUX_E_CANCELLED. Long work that counts nothing asks with 0 of 1. */
typedef int (*redux_progress_fn)(int64_t done, int64_t total, void *user);

/** Options of redux_context_new. */
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
    uint64_t max_bytes; /**< limit of a single allocation; 0: the physical memory */
    /** Other processes that work on the same job (redux/communicator.h); copied. NULL: none. Since
     *  0.2. */
    const struct redux_communicator *communicator;
} redux_context_options;

#define REDUX_CONTEXT_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_context_options))
REDUX_DEFINE_INIT(redux_context_options, REDUX_CONTEXT_OPTIONS_DEFAULTS)
#define REDUX_CONTEXT_OPTIONS_INIT REDUX_INIT(redux_context_options, REDUX_CONTEXT_OPTIONS_DEFAULTS)

/** Makes a context and its worker threads. `options` may be NULL. The caller owns *out and releases
 *  it with redux_context_free. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_IO (a thread
 *  could not be started). Any thread. */
REDUX_API redux_status redux_context_new(redux_context **out, const redux_context_options *options);

/** Stops the threads and releases the context; NULL is allowed. Objects made with it stay valid and
 *  are freed by themselves: they remember the allocator, whose `user` pointer must outlive them. */
REDUX_API void redux_context_free(redux_context *context);

/** Protects a file, such as an input: from now on, a function that is given this context and would
 *  replace it, under whatever name or link, returns REDUX_E_INVALID. Does nothing where there is no
 *  plain file of that name. Errors: REDUX_E_INVALID (NULL), REDUX_E_NO_MEMORY. Since 0.2. */
REDUX_API redux_status redux_context_protect(redux_context *context, const char *path);

/** The number of threads that work for this context, including the caller's: at least 1; 1 for
 *  NULL. */
REDUX_API int redux_context_threads(const redux_context *context);

/** The instruction set in use: "portable", "avx2", "avx512" or "neon". The environment variable
 *  REDUX_TIER, set to one of these names, lowers it (never raises it); it is read once per process.
 *  Static storage. Any thread. */
REDUX_API const char *redux_cpu_tier(void);

/** What this rank sent in all calls with a context, and how long it was in exchanges, waiting for
 *  slower ranks included. Set struct_size before the call. Since 0.2. */
typedef struct redux_traffic {
    size_t struct_size;
    int64_t agreement_bytes;    /**< whether all did their piece of work, before each exchange */
    int64_t gathering_bytes;    /**< what each rank made for all: features, images, scores */
    int64_t summing_bytes;      /**< gradients, up the tree */
    int64_t broadcasting_bytes; /**< what one rank has for all */
    double agreement_seconds, gathering_seconds, summing_seconds, broadcasting_seconds;
} redux_traffic;

/** Errors: REDUX_E_INVALID (NULL; struct_size of no version). Not while a call is running. */
REDUX_API redux_status redux_context_get_traffic(redux_traffic *out, const redux_context *context);

REDUX_END_DECLS
#endif
