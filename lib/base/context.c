/* SPDX-License-Identifier: MIT
 * The context: allocator, log, progress, limits. Its thread pool is in threads.c. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <redux/communicator.h>
#include "base.h"
#include "communicator.h"
#include "fftw.h"
#include "storage.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#elif defined __SANITIZE_ADDRESS__
#define WITH_ASAN
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Linux's coarse clock is read without the hardware's. */
#ifndef CLOCK_MONOTONIC_COARSE
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#endif

struct redux_context {
    redux_context_options options;
    bool failed_together;            /* an agreement that failed ends the call on all ranks */
    redux_communicator communicator; /* of one rank, if the caller gave none */
    rdx_traffic traffic[RDX_PURPOSES];
    pthread_mutex_t log_mutex;
    rdx_pool *pool;
    rdx_fft_plans plans;
    _Atomic int64_t done; /* progress of the current work */
    int64_t total;
    bool held;
    struct timespec polled; /* when the host was last asked whether to go on */
    struct identity *kept;  /* files that no output replaces */
    int64_t kept_count, kept_capacity;
};

/* A file, whatever its name. */
struct identity {
    dev_t device;
    ino_t inode;
};

static void *default_allocate(size_t size, size_t alignment, void *user)
{
    void *block = NULL;
    (void)user;
    return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

static void default_deallocate(void *block, void *user)
{
    (void)user;
    free(block);
}

static int processors(void)
{
#ifdef CPU_COUNT /* Linux: those that this process may use */
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return RDX_MAX(1, CPU_COUNT(&set));
#endif
    return (int)RDX_MAX(1, sysconf(_SC_NPROCESSORS_ONLN));
}

/* Only OpenBLAS defines it. With another BLAS the symbol is NULL. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));

const char *rdx_blas_kernels(void)
{
    const char *core = openblas_get_corename == NULL ? NULL : openblas_get_corename();
    return core == NULL ? "unknown" : core;
}

/* OpenBLAS mistakes new processors for older ones and then runs at half speed. The process chooses
 * its kernels, so the library only warns. */
static void report_blas(redux_context *context)
{
    static const char *const with_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    const char *core = rdx_blas_kernels();
    if (strcmp(core, "unknown") == 0 || rdx_tier_in_use() != RDX_AVX512)
        return;
    for (int i = 0; i < RDX_COUNT(with_avx512); i++)
        if (strcmp(core, with_avx512[i]) == 0)
            return;
    rdx_log(context, REDUX_LOG_INFO,
            "OpenBLAS uses its kernels for %s on a processor with AVX-512: with "
            "OPENBLAS_CORETYPE=SKYLAKEX in the environment products take half the time",
            core);
}

/* One of one rank sends nothing and needs no functions. */
static redux_status read_communicator(redux_communicator *known, const redux_communicator *given)
{
    if (given == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_communicator"));
    if (known->size < 1 || known->rank < 0 || known->rank >= known->size ||
        !(known->time_limit > 0) ||
        (known->size > 1 &&
         (known->send == NULL || known->receive == NULL || known->test == NULL ||
          known->cancel == NULL || (known->tell == NULL) != (known->hear == NULL))))
        return rdx_fail(
            REDUX_E_INVALID,
            "redux_communicator: rank %d of %d, time limit %g, or a function is missing",
            (int)known->rank, (int)known->size, known->time_limit);
    return REDUX_OK;
}

const redux_communicator *rdx_context_communicator(const redux_context *context)
{
    return context == NULL ? NULL : &context->communicator;
}

bool *rdx_context_failed_together(redux_context *context)
{
    return &context->failed_together;
}

rdx_traffic *rdx_context_traffic(redux_context *context)
{
    return context->traffic;
}

redux_status redux_context_new(redux_context **out, const redux_context_options *options)
{
    redux_context_options known = REDUX_CONTEXT_OPTIONS_INIT;
    redux_communicator communicator = REDUX_COMMUNICATOR_INIT;
    redux_context *context;
    redux_status status;

    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_context_new: out is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_context_options"));
    RDX_TRY(read_communicator(&communicator, known.communicator));
    if ((known.allocate == NULL) != (known.deallocate == NULL))
        return rdx_fail(REDUX_E_INVALID, "redux_context_options: set both allocator functions");
    if (known.threads < REDUX_THREADS_ALL || known.threads > 4096)
        return rdx_fail(REDUX_E_INVALID, "redux_context_options: threads is %d",
                        (int)known.threads);
    if ((known.flags & ~(uint32_t)(REDUX_CONTEXT_OWNS_BLAS | REDUX_CONTEXT_KEEPS_FILES)) != 0)
        return rdx_fail(REDUX_E_INVALID, "redux_context_options: unknown flags 0x%x",
                        (unsigned)known.flags);
    if (known.allocate == NULL) {
        known.allocate = default_allocate;
        known.deallocate = default_deallocate;
    }
    if (known.max_bytes == 0) {
        long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
        known.max_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    }
    if (known.threads == REDUX_THREADS_ALL)
        known.threads = processors();

    context = known.allocate(sizeof *context, RDX_ALIGNMENT, known.allocator_user);
    if (context == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for a context");
    context->options = known;
    context->options.communicator = NULL; /* the caller's is not read again */
    context->communicator = communicator;
    context->failed_together = false;
    memset(context->traffic, 0, sizeof context->traffic);
    context->pool = NULL;
    atomic_init(&context->plans.first, NULL);
    atomic_init(&context->done, 0);
    context->total = 0;
    context->held = false;
    context->polled = (struct timespec){0, 0};
    context->kept = NULL;
    context->kept_count = context->kept_capacity = 0;
    pthread_mutex_init(&context->log_mutex, NULL);
    if (known.threads > 1) {
        status = rdx_pool_new(&context->pool, context, known.threads);
        if (status != REDUX_OK) {
            redux_context_free(context);
            return status;
        }
    }
    if ((known.flags & REDUX_CONTEXT_OWNS_BLAS) != 0 && openblas_set_num_threads != NULL)
        openblas_set_num_threads(1);
    report_blas(context);
    *out = context;
    return REDUX_OK;
}

void redux_context_free(redux_context *context)
{
    if (context == NULL)
        return;
    rdx_pool_free(context->pool);
    rdx_fft_clear(&context->plans);
    rdx_free(context->kept);
    pthread_mutex_destroy(&context->log_mutex);
    context->options.deallocate(context, context->options.allocator_user);
}

redux_status redux_context_protect(redux_context *context, const char *path)
{
    struct stat status;
    void *block;
    if (context == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_context_protect: an argument is NULL");
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return REDUX_OK;
    block = context->kept;
    RDX_TRY(rdx_grow(context, &block, &context->kept_capacity, context->kept_count,
                     context->kept_count + 1, sizeof *context->kept));
    context->kept = block;
    context->kept[context->kept_count++] = (struct identity){status.st_dev, status.st_ino};
    return REDUX_OK;
}

bool rdx_context_protects(const redux_context *context, const struct stat *status)
{
    for (int64_t i = 0; context != NULL && i < context->kept_count; i++)
        if (context->kept[i].inode == status->st_ino && context->kept[i].device == status->st_dev)
            return true;
    return false;
}

bool rdx_context_keeps_files(const redux_context *context)
{
    return context != NULL && (context->options.flags & REDUX_CONTEXT_KEEPS_FILES) != 0;
}

int redux_context_threads(const redux_context *context)
{
    return context == NULL || context->pool == NULL ? 1 : rdx_pool_threads(context->pool);
}

rdx_pool *rdx_context_pool(const redux_context *context)
{
    return context == NULL ? NULL : context->pool;
}

rdx_fft_plans *rdx_context_plans(redux_context *context)
{
    return context == NULL ? NULL : &context->plans;
}

static uint64_t max_bytes(const redux_context *context)
{
    return context == NULL ? (uint64_t)PTRDIFF_MAX
                           : RDX_MIN(context->options.max_bytes, (uint64_t)PTRDIFF_MAX);
}

bool rdx_bytes_allowed(const redux_context *context, uint64_t count, uint64_t size)
{
    return size == 0 || count <= max_bytes(context) / size;
}

/* Stands in front of each block and names the allocator that frees it, so that a block can be
 * released without its context, and after it. */
typedef union block_owner {
    struct {
        redux_deallocate_fn deallocate;
        void *user;
    };
    // cppcheck-suppress unusedStructMember; so that the block behind is aligned too
    char space[RDX_ALIGNMENT];
} block_owner;

/* AddressSanitizer reports writes in front of a block. */
static void guard(block_owner *owner, bool on)
{
#ifdef WITH_ASAN
    if (on)
        __asan_poison_memory_region(owner, sizeof *owner);
    else
        __asan_unpoison_memory_region(owner, sizeof *owner);
#else
    (void)owner;
    (void)on;
#endif
}

redux_status rdx_alloc(redux_context *context, void **out, uint64_t count, uint64_t size)
{
    const bool own = context != NULL;
    const redux_allocate_fn allocate = own ? context->options.allocate : default_allocate;
    void *const user = own ? context->options.allocator_user : NULL;
    *out = NULL;
    if (!rdx_bytes_allowed(context, count, size))
        return rdx_fail(REDUX_E_LIMIT, "%llu x %llu bytes are more than the limit of %llu",
                        (unsigned long long)count, (unsigned long long)size,
                        (unsigned long long)max_bytes(context));
    const size_t bytes = (size_t)(count * size);
    block_owner *owner = allocate(sizeof *owner + bytes, RDX_ALIGNMENT, user);
    if (owner == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for %zu bytes", bytes);
    owner->deallocate = own ? context->options.deallocate : default_deallocate;
    owner->user = user;
    *out = owner + 1;
    guard(owner, true);
    return REDUX_OK;
}

redux_status rdx_alloc_zero(redux_context *context, void **out, uint64_t count, uint64_t size)
{
    RDX_TRY(rdx_alloc(context, out, count, size));
    memset(*out, 0, (size_t)(count * size));
    return REDUX_OK;
}

redux_status rdx_grow(redux_context *context, void **block, int64_t *capacity, int64_t used,
                      int64_t needed, uint64_t size)
{
    int64_t wanted;
    void *larger;
    if (needed <= *capacity)
        return REDUX_OK;
    wanted = RDX_MAX(needed, *capacity + *capacity / 2 + 8);
    RDX_TRY(rdx_alloc(context, &larger, (uint64_t)wanted, size));
    if (used > 0)
        memcpy(larger, *block, (size_t)used * (size_t)size);
    rdx_free(*block);
    *block = larger;
    *capacity = wanted;
    return REDUX_OK;
}

void rdx_free(void *block)
{
    if (block == NULL)
        return;
    block_owner *owner = (block_owner *)block - 1;
    guard(owner, false);
    owner->deallocate(owner, owner->user);
}

redux_status rdx_strndup(redux_context *context, char **out, const char *text, size_t length)
{
    void *copy;
    RDX_TRY(rdx_alloc(context, &copy, (uint64_t)length + 1, 1));
    memcpy(copy, text, length);
    ((char *)copy)[length] = '\0';
    *out = copy;
    return REDUX_OK;
}

redux_status rdx_strdup(redux_context *context, char **out, const char *text)
{
    return rdx_strndup(context, out, text, strlen(text));
}

void rdx_log(redux_context *context, redux_log_level level, const char *format, ...)
{
    char text[1024], line[1024];
    va_list arguments;
    if (context == NULL || context->options.log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    rdx_escape_controls(line, sizeof line, text);
    pthread_mutex_lock(&context->log_mutex);
    context->options.log(level, line, context->options.log_user);
    pthread_mutex_unlock(&context->log_mutex);
}

void rdx_progress_begin(redux_context *context, int64_t total)
{
    if (context == NULL)
        return;
    atomic_store(&context->done, 0);
    context->total = total;
}

redux_status rdx_progress_add(redux_context *context, int64_t units)
{
    int64_t done;
    if (context == NULL || context->options.progress == NULL || context->held)
        return REDUX_OK;
    done = atomic_fetch_add(&context->done, units) + units;
    if (rdx_on_worker() || context->total == 0)
        return REDUX_OK;
    if (context->options.progress(done, context->total, context->options.progress_user) != 0)
        return rdx_fail(REDUX_E_CANCELLED, "cancelled after %lld of %lld", (long long)done,
                        (long long)context->total);
    return REDUX_OK;
}

double rdx_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

redux_status rdx_progress_poll(redux_context *context)
{
    struct timespec now;
    if (context == NULL || context->options.progress == NULL || context->held || rdx_on_worker())
        return REDUX_OK;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const double since = (double)(now.tv_sec - context->polled.tv_sec) +
                         1e-9 * (double)(now.tv_nsec - context->polled.tv_nsec);
    if (since < 0.1)
        return REDUX_OK;
    context->polled = now;
    const int64_t total = RDX_MAX(context->total, 1), done = atomic_load(&context->done);
    if (context->options.progress(RDX_MIN(done, total), total, context->options.progress_user) != 0)
        return rdx_fail(REDUX_E_CANCELLED, "cancelled");
    return REDUX_OK;
}

void rdx_progress_hold(redux_context *context, bool hold)
{
    if (context != NULL)
        context->held = hold;
}
