/* SPDX-License-Identifier: MIT
 * What every room of the library uses: failing, allocating, running in parallel. Internal. */
#ifndef RDX_BASE_H
#define RDX_BASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <redux/context.h>
#include <redux/random.h>
#include <redux/status.h>
#include <redux/tensor.h>

#define RDX_ALIGNMENT 64
#define RDX_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RDX_MAX(a, b) ((a) > (b) ? (a) : (b))
#define RDX_COUNT(array) ((int64_t)(sizeof(array) / sizeof((array)[0])))

/* For functions in which unsigned numbers wrap, or lose bits to the left, on purpose: random
 * numbers, hash tables, packed bits. `make integer` reports all others. */
#ifdef __clang__
#define RDX_WRAPS __attribute__((no_sanitize("unsigned-integer-overflow", "unsigned-shift-base")))
#else
#define RDX_WRAPS
#endif

/* Returns early and hands a failure upwards unchanged. */
#define RDX_TRY(expression)                                                                        \
    do {                                                                                           \
        redux_status rdx_try_status = (expression);                                                \
        if (rdx_try_status != REDUX_OK)                                                            \
            return rdx_try_status;                                                                 \
    } while (0)

/* Sets this thread's message and evaluates to `status`. Only the place where a failure happens uses
 * it. It is a macro so that the compiler sees that the status is not REDUX_OK. */
#define rdx_fail(status, ...) (rdx_set_message(__VA_ARGS__), rdx_same_status(status))
static inline redux_status rdx_same_status(redux_status status)
{
    return status;
}
void rdx_set_message(const char *format, ...) REDUX_PRINTF(1, 2);
/* Copies text with its control characters as "\x1b", cut where `out` is full. */
void rdx_escape_controls(char *out, size_t size, const char *text);
/* Counts the messages that this thread has set. It shows whether a caller's callback set one. */
uint64_t rdx_messages(void);
/* Hands a worker's failure to the calling thread. */
redux_status rdx_fail_again(redux_status status, const char *message);
/* Whether the input is at fault, so that it can be skipped where bad input is skipped. */
bool rdx_is_input_failure(redux_status status);

/* enum_names.c: names of enum values. `out`: an enum, or an int. Errors: REDUX_E_NOT_FOUND (the
 * message lists all names), REDUX_E_INVALID (NULL). */
redux_status rdx_parse_name(void *out, const char *what, const char *name, const char *const *names,
                            int64_t count);
/* "unknown" if the value has no name. */
const char *rdx_name_of(int64_t value, const char *const *names, int64_t count);

/* `count` x `size` bytes, uninitialised, 64-byte aligned. RDX_ALIGNMENT more bytes in front name
 * the owner. Sets *out to NULL on failure; 0 bytes give a pointer that can be freed. rdx_free(NULL)
 * does nothing. */
redux_status rdx_alloc(redux_context *context, void **out, uint64_t count, uint64_t size);
redux_status rdx_alloc_zero(redux_context *context, void **out, uint64_t count, uint64_t size);
/* Grows a block of `*capacity` items to hold at least `needed`, keeping `used` of them. */
redux_status rdx_grow(redux_context *context, void **block, int64_t *capacity, int64_t used,
                      int64_t needed, uint64_t size);
void rdx_free(void *block);
/* Copies of a C string, or of its first `length` bytes. */
redux_status rdx_strdup(redux_context *context, char **out, const char *text);
redux_status rdx_strndup(redux_context *context, char **out, const char *text, size_t length);
/* REDUX_E_LIMIT if a block of that many bytes would be refused. The caller names the culprit. */
bool rdx_bytes_allowed(const redux_context *context, uint64_t count, uint64_t size);

/* Whether a file was protected (redux_context_protect); whether only earlier outputs of the same
 * kind are replaced (REDUX_CONTEXT_KEEPS_FILES). */
struct stat;
bool rdx_context_protects(const redux_context *context, const struct stat *status);
bool rdx_context_keeps_files(const redux_context *context);

void rdx_log(redux_context *context, redux_log_level level, const char *format, ...)
    REDUX_PRINTF(3, 4);
/* Progress: how many units the work has, then how many more are done, from any thread. The callback
 * runs only on the thread that called the library, and may answer REDUX_E_CANCELLED. Pool threads
 * only count; the calling thread polls while it waits. */
void rdx_progress_begin(redux_context *context, int64_t total);
redux_status rdx_progress_add(redux_context *context, int64_t units);
/* Asks the host, at most ten times a second, whether to go on: for loops that count no progress, or
 * slowly. */
redux_status rdx_progress_poll(redux_context *context);
/* Holds the callback back, for work that must not be cancelled half way. */
void rdx_progress_hold(redux_context *context, bool hold);
/* Seconds by a clock that nobody sets. */
double rdx_seconds(void);

/* To be called before matrix products on the threads of a context: OpenBLAS waits for ever where it
 * gets no memory. Errors: REDUX_E_NO_MEMORY. */
redux_status rdx_blas_ready(redux_context *context);
/* OpenBLAS's name for the kernels that it chose; "unknown" of another BLAS. */
const char *rdx_blas_kernels(void);

/* The ranks that this process is one of (communicator.h). NULL: no context. */
const struct redux_communicator *rdx_context_communicator(const redux_context *context);
bool *rdx_context_failed_together(redux_context *context);

/* Runs task(i, user) once for every i in 0 ... count - 1, in any order, on the pool's threads and
 * the caller's, and returns when all are done. Tiles must not depend on the number of threads.
 * Returns the failure of the lowest index that failed; after a failure, tasks that have not begun
 * may not run. Within a task it runs inline. */
typedef redux_status (*rdx_task_fn)(int64_t index, void *user);
redux_status rdx_parallel(redux_context *context, int64_t count, rdx_task_fn task, void *user);
/* True on a thread of a pool; and true inside a task, where a nested rdx_parallel runs inline. */
bool rdx_on_worker(void);
bool rdx_in_task(void);
/* The number of this thread in its pool, below redux_context_threads; 0 is the caller's. Tasks use
 * it to share out scratch memory. */
int rdx_thread_index(void);

/* random.c: moves `count` different ones of the numbers to the front, by a partial shuffle. */
void rdx_random_draw(int64_t *numbers, int64_t n, int64_t count, const redux_random_key *key);

/* A condition variable for rdx_cond_wait_briefly. It waits at most a tenth of a second on the
 * monotonic clock, so that setting the time does not matter. */
void rdx_cond_init(pthread_cond_t *condition);
void rdx_cond_wait_briefly(pthread_cond_t *condition, pthread_mutex_t *mutex);

/* The pool (threads.c). */
typedef struct rdx_pool rdx_pool;
redux_status rdx_pool_new(rdx_pool **out, redux_context *context, int threads);
void rdx_pool_free(rdx_pool *pool);
int rdx_pool_threads(const rdx_pool *pool);
rdx_pool *rdx_context_pool(const redux_context *context);

/* Options structs start with their size. Checks it, and copies the caller's fields over the
 * defaults in `known`. Accepts a larger struct if its unknown tail is zero. */
redux_status rdx_read_options(void *known, size_t known_size, const void *given, const char *name);
/* Result structs start with their size, which the caller sets: checks it. Then copies a result into
 * such a struct as far as it fits, and zeroes the rest of a larger one. */
redux_status rdx_check_result(const void *out, const char *name);
redux_status rdx_write_result(void *out, const void *made, size_t made_size, const char *name);

/* Fewest digits that read back as `value`, with '.' in every locale. text: 32 bytes. */
void rdx_format_double(char *text, double value);
/* "%.*f" with '.' in every locale; text: 32 bytes. */
void rdx_format_fixed(char *text, double value, int digits);
/* strtod with '.' in every locale of the host. */
double rdx_parse_double(const char *text, char **end);

/* Instruction sets: those of one family of processors in order. */
typedef enum rdx_tier {
    RDX_PORTABLE = 0,
    RDX_AVX2 = 1, /* x86-64 */
    RDX_AVX512 = 2,
    RDX_NEON = 1 /* aarch64 */
} rdx_tier;
rdx_tier rdx_tier_in_use(void);
/* Products of rounded numbers (lib/kernels/bfloat16_template.h). */
bool rdx_cpu_has_bfloat16(void);

/* Checks of a caller's tensor before any use: rank, dtype, shape >= 0, data. `dtype` 0 accepts any.
 * `name` is the argument's, for the message. */
redux_status rdx_tensor_check(const redux_tensor *tensor, int32_t ndim, redux_dtype dtype,
                              const char *name);
/* REDUX_E_INVALID where one of `count` floats is finite and outside [0, 1]; the message names the
 * value and ends in `remedy`. */
redux_status rdx_check_unit_range(const float *values, int64_t count, const char *name,
                                  const char *remedy);
/* Element (i, ...) as double, by dtype. */
double rdx_load(const void *data, int64_t index, redux_dtype dtype);
/* The first element, in C order, that is NaN or infinite; -1: all are finite. */
int64_t rdx_first_not_finite(const redux_tensor *tensor);

#endif
