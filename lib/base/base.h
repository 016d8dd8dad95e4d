/* SPDX-License-Identifier: MIT
 * What every room of the library uses: failing, allocating, running in parallel. Internal. */
#ifndef RDX_BASE_H
#define RDX_BASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <redux/context.h>
#include <redux/status.h>
#include <redux/tensor.h>

#define RDX_ALIGNMENT 64
#define RDX_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RDX_MAX(a, b) ((a) > (b) ? (a) : (b))
#define RDX_COUNT(array) ((int64_t)(sizeof(array) / sizeof((array)[0])))

/* Return early, handing a failure upwards untouched. */
#define RDX_TRY(expression)                                                                        \
    do {                                                                                           \
        redux_status rdx_try_status = (expression);                                                \
        if (rdx_try_status != REDUX_OK)                                                            \
            return rdx_try_status;                                                                 \
    } while (0)

/* Sets this thread's message, and its value is `status`. Used where the failure happens, only
 * there. A macro, so that the compiler sees that the status is not REDUX_OK. */
#define rdx_fail(status, ...) (rdx_set_message(__VA_ARGS__), rdx_same_status(status))
static inline redux_status rdx_same_status(redux_status status)
{
    return status;
}
void rdx_set_message(const char *format, ...) REDUX_PRINTF(1, 2);
/* How many messages this thread has set: whether a callback of the caller's set one. */
uint64_t rdx_messages(void);
/* Carries a worker's failure over to the calling thread. */
redux_status rdx_fail_again(redux_status status, const char *message);
/* Whether it is the input's fault: what can be left out where bad input is to be skipped. */
bool rdx_is_input_failure(redux_status status);

/* enum_names.c: what values of an enum are called. `out`: an enum, or an int. Errors:
 * REDUX_E_NOT_FOUND (the message lists them all), REDUX_E_INVALID (NULL). */
redux_status rdx_parse_name(void *out, const char *what, const char *name, const char *const *names,
                            int64_t count);
/* "unknown" if it has none. */
const char *rdx_name_of(int64_t value, const char *const *names, int64_t count);

/* `count` x `size` bytes, uninitialised, 64-byte aligned; RDX_ALIGNMENT more in front say whose
 * they are. *out is set to NULL on failure; 0 bytes give a pointer that can be freed.
 * rdx_free(NULL) does nothing. */
redux_status rdx_alloc(redux_context *context, void **out, uint64_t count, uint64_t size);
redux_status rdx_alloc_zero(redux_context *context, void **out, uint64_t count, uint64_t size);
/* Grows a block of `*capacity` items to hold at least `needed`, keeping `used` of them. */
redux_status rdx_grow(redux_context *context, void **block, int64_t *capacity, int64_t used,
                      int64_t needed, uint64_t size);
void rdx_free(void *block);
/* A copy of a C string; of the first `length` bytes of it. */
redux_status rdx_strdup(redux_context *context, char **out, const char *text);
redux_status rdx_strndup(redux_context *context, char **out, const char *text, size_t length);
/* REDUX_E_LIMIT when a block of that many bytes would be refused; the caller names the culprit. */
bool rdx_bytes_allowed(const redux_context *context, uint64_t count, uint64_t size);

void rdx_log(redux_context *context, redux_log_level level, const char *format, ...)
    REDUX_PRINTF(3, 4);
/* Progress: how many units the work has, then how many more are done, from any thread. On the
 * thread that called the library the callback sees it, and REDUX_E_CANCELLED is what it may answer;
 * on pool threads it is only counted (the calling thread polls while it waits). */
void rdx_progress_begin(redux_context *context, int64_t total);
redux_status rdx_progress_add(redux_context *context, int64_t units);
/* While held the callback is not called: for work that must not be cancelled half way. */
void rdx_progress_hold(redux_context *context, bool hold);

/* Runs task(i, user) for every i in 0 ... count - 1, each once, in any order and on any thread of
 * the pool, the caller's among them; returns when all are done. Tiles must not depend on the number
 * of threads. The failure of the lowest index that failed is returned; after one, tasks that have
 * not begun may be left out. Called from within a task it runs inline. */
typedef redux_status (*rdx_task_fn)(int64_t index, void *user);
redux_status rdx_parallel(redux_context *context, int64_t count, rdx_task_fn task, void *user);
/* True on a thread of a pool; true inside a task, where a nested rdx_parallel runs inline. */
bool rdx_on_worker(void);
bool rdx_in_task(void);
/* Which thread of the pool this is: 0 for the caller's, below redux_context_threads. For scratch
 * memory that tasks share out among threads. */
int rdx_thread_index(void);

/* A condition variable for rdx_cond_wait_briefly, which waits a tenth of a second at most by the
 * monotonic clock, so that setting the time does not matter. */
void rdx_cond_init(pthread_cond_t *condition);
void rdx_cond_wait_briefly(pthread_cond_t *condition, pthread_mutex_t *mutex);

/* The pool (threads.c). */
typedef struct rdx_pool rdx_pool;
redux_status rdx_pool_new(rdx_pool **out, redux_context *context, int threads);
void rdx_pool_free(rdx_pool *pool);
int rdx_pool_threads(const rdx_pool *pool);
rdx_pool *rdx_context_pool(const redux_context *context);

/* Options structs start with their size: checks it, and copies what the caller has over the
 * defaults in `known`. A larger struct is accepted when its unknown tail is zero. */
redux_status rdx_read_options(void *known, size_t known_size, const void *given, const char *name);
/* Structs that the caller has filled in start with their size, which the caller sets: whether it
 * is set. And: what was made into such a struct, as far as it goes; a larger one ends in zeros. */
redux_status rdx_check_result(const void *out, const char *name);
redux_status rdx_write_result(void *out, const void *made, size_t made_size, const char *name);

/* Fewest digits that read back as `value`, with '.' in every locale. text: 32 bytes. */
void rdx_format_double(char *text, double value);
/* "%.*f" with '.' in every locale; text: 32 bytes. */
void rdx_format_fixed(char *text, double value, int digits);
/* strtod with '.' in every locale of the host. */
double rdx_parse_double(const char *text, char **end);

/* Instruction sets, in order. */
typedef enum rdx_tier { RDX_PORTABLE = 0, RDX_AVX2 = 1, RDX_AVX512 = 2 } rdx_tier;
rdx_tier rdx_tier_in_use(void);
/* Products of rounded numbers (lib/kernels/bfloat16_template.h). */
bool rdx_cpu_has_bfloat16(void);

/* Checks that hold before any use of a caller's tensor: rank, dtype, shape >= 0, data. `dtype` 0
 * accepts any. `name` is the argument's, for the message. */
redux_status rdx_tensor_check(const redux_tensor *tensor, int32_t ndim, redux_dtype dtype,
                              const char *name);
/* REDUX_E_INVALID where one of `count` floats is finite and outside [0, 1]; the message names the
 * value and ends in `remedy`. */
redux_status rdx_check_unit_range(const float *values, int64_t count, const char *name,
                                  const char *remedy);
/* Element (i, ...) as double, by dtype. */
double rdx_load(const void *data, int64_t index, redux_dtype dtype);

#endif
