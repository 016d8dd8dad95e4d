/* SPDX-License-Identifier: MIT
 * The foundation: options structs, statuses, contexts, the thread pool, tensors, DLPack, random
 * numbers. */
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <redux/window.h>
#include "base/base.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- an allocator that counts, and fails on request ---- */

typedef struct counter {
    atomic_int live, calls;
    int fail_at; /* the call that returns NULL; -1: none */
} counter;

static void *counted_allocate(size_t size, size_t alignment, void *user)
{
    counter *c = user;
    void *block = NULL;
    ck_assert_uint_gt(size, 0);
    if (atomic_fetch_add(&c->calls, 1) == c->fail_at)
        return NULL;
    ck_assert_int_eq(posix_memalign(&block, alignment, size), 0);
    memset(block, 0xa5, size);
    atomic_fetch_add(&c->live, 1);
    return block;
}

static void counted_deallocate(void *block, void *user)
{
    counter *c = user;
    ck_assert_ptr_nonnull(block);
    atomic_fetch_sub(&c->live, 1);
    free(block);
}

static redux_context_options counted(counter *c, int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    atomic_init(&c->live, 0);
    atomic_init(&c->calls, 0);
    c->fail_at = -1;
    options.allocate = counted_allocate;
    options.deallocate = counted_deallocate;
    options.allocator_user = c;
    options.threads = threads;
    return options;
}

static redux_context *new_context(int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.threads = threads;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

/* ---- options, statuses ---- */

START_TEST(options_of_other_versions)
{
    struct {
        redux_context_options known;
        char tail[24];
    } newer = {REDUX_CONTEXT_OPTIONS_INIT, {0}};
    redux_context_options older = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context = NULL;
    newer.known.struct_size = sizeof newer;
    newer.known.threads = 2;
    ck_assert_redux_ok(redux_context_new(&context, &newer.known));
    ck_assert_int_eq(redux_context_threads(context), 2);
    redux_context_free(context);
    for (size_t i = 0; i < sizeof newer.tail; i += sizeof newer.tail - 1) {
        context = NULL;
        newer.tail[i] = 1;
        ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &newer.known));
        ck_assert_ptr_null(context);
        newer.tail[i] = 0;
    }
    older.struct_size = offsetof(redux_context_options, threads); /* what follows is not read */
    older.threads = 3;
    older.flags = 0xffff;
    ck_assert_redux_ok(redux_context_new(&context, &older));
    ck_assert_int_eq(redux_context_threads(context), 1);
    redux_context_free(context);
    older.struct_size = sizeof(size_t) - 1;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &older));
}
END_TEST

static redux_status no_work(int64_t index, void *user)
{
    (void)index;
    (void)user;
    return REDUX_OK;
}

/* A child has none of its parent's threads: its context gives an error, a new one works. */
START_TEST(fork_after_threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context, *own;
    int status;
    options.threads = 3;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_redux_ok(rdx_parallel(context, 100, no_work, NULL));
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(10);
        if (rdx_parallel(context, 100, no_work, NULL) != REDUX_E_INVALID)
            _exit(1);
        redux_context_free(context);
        if (redux_context_new(&own, &options) != REDUX_OK ||
            rdx_parallel(own, 100, no_work, NULL) != REDUX_OK)
            _exit(2);
        redux_context_free(own);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_redux_ok(rdx_parallel(context, 100, no_work, NULL));
    redux_context_free(context);
}
END_TEST

START_TEST(messages_hold_no_controls)
{
    char out[8];
    rdx_set_message("a\033[2J\nb\177\xc2\x9bm \xc3\xa4");
    ck_assert_str_eq(redux_error_message(), "a\\x1b[2J\\x0ab\\x7f\\x9bm \xc3\xa4");
    rdx_escape_controls(out, sizeof out, "abcd\033e"); /* an escape that does not fit is left out */
    ck_assert_str_eq(out, "abcd");
}
END_TEST

START_TEST(refused_options)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(NULL, NULL));
    options.threads = -2;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
    options.threads = 5000;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
    options.threads = 0;
    options.flags = 4;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
    options.flags = 0;
    options.allocate = counted_allocate;
    ck_assert_redux(REDUX_E_INVALID, redux_context_new(&context, &options));
    redux_context_free(NULL);
    ck_assert_int_eq(redux_context_threads(NULL), 1);
    options = (redux_context_options)REDUX_CONTEXT_OPTIONS_INIT;
    options.threads = REDUX_THREADS_ALL;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_int_ge(redux_context_threads(context), 1);
    redux_context_free(context);
    ck_assert_redux_ok(redux_context_new(&context, NULL));
    redux_context_free(context);
}
END_TEST

static void *message_elsewhere(void *user)
{
    *(bool *)user = redux_error_message()[0] == '\0';
    (void)rdx_fail(REDUX_E_IO, "of another thread");
    return NULL;
}

START_TEST(statuses)
{
    pthread_t thread;
    bool empty = false;
    for (int i = REDUX_OK; i <= REDUX_E_NOT_FINITE; i++)
        for (int j = REDUX_OK; j < i; j++)
            ck_assert_str_ne(redux_status_string((redux_status)i),
                             redux_status_string((redux_status)j));
    ck_assert_str_eq(redux_status_string((redux_status)999), "unknown status");
    ck_assert_str_eq(redux_error_message(), "");
    ck_assert_int_eq(rdx_fail(REDUX_E_LIMIT, "%s %d", "number", 7), REDUX_E_LIMIT);
    ck_assert_int_eq(pthread_create(&thread, NULL, message_elsewhere, &empty), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(empty);
    ck_assert_str_eq(redux_error_message(), "number 7");
}
END_TEST

/* ---- contexts ---- */

/* Some of everything that allocates. */
static redux_status use_context(const redux_context_options *options)
{
    const int64_t shape[] = {5, 6};
    redux_context *context;
    redux_tensor whole = REDUX_TENSOR_INIT, part = REDUX_TENSOR_INIT, copy = REDUX_TENSOR_INIT;
    struct DLManagedTensor *exported;
    redux_tensor imported = REDUX_TENSOR_INIT;
    RDX_TRY(redux_context_new(&context, options));
    redux_status status = redux_tensor_new(&whole, context, REDUX_INT16, 2, shape);
    if (status == REDUX_OK)
        status = redux_tensor_slice(&part, &whole, 1, 5, 3, -2);
    if (status == REDUX_OK)
        status = redux_tensor_contiguous(&copy, context, &part, REDUX_FLOAT32);
    if (status == REDUX_OK)
        status = redux_tensor_to_dlpack(&exported, context, &part);
    if (status == REDUX_OK) {
        status = redux_tensor_from_dlpack(&imported, context, exported);
        if (status != REDUX_OK) { /* still ours */
            redux_tensor adopted;
            ck_assert_redux_ok(redux_tensor_from_dlpack(&adopted, NULL, exported));
            redux_tensor_release(&adopted);
        }
    }
    redux_context_free(context); /* the tensors live on */
    if (status == REDUX_OK)
        ((int16_t *)whole.data)[29] = 1;
    redux_tensor_release(&whole);
    redux_tensor_release(&part);
    redux_tensor_release(&copy);
    redux_tensor_release(&imported);
    return status;
}

START_TEST(no_leaks_at_any_failure)
{
    for (int threads = 1; threads <= 3; threads++) {
        counter c;
        const redux_context_options options = counted(&c, threads);
        redux_status status = REDUX_E_NO_MEMORY;
        int failures = 0;
        for (; status != REDUX_OK; failures++) {
            ck_assert_int_lt(failures, 50);
            atomic_store(&c.calls, 0);
            c.fail_at = failures;
            status = use_context(&options);
            ck_assert_int_eq(atomic_load(&c.live), 0);
            ck_assert(status == REDUX_OK || status == REDUX_E_NO_MEMORY);
        }
        ck_assert_int_gt(failures, 7);
    }
}
END_TEST

START_TEST(limits)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    const int64_t fits[] = {1000}, large[] = {1001}, overflows[] = {INT64_MAX, 2};
    const int64_t wraps[] = {INT64_C(1) << 32, INT64_C(1) << 32}, negative[] = {3, -1};
    const int64_t empty[] = {INT64_MAX, 0};
    redux_context *context;
    redux_tensor tensor = REDUX_TENSOR_INIT;
    options.max_bytes = 1000;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_redux_ok(redux_tensor_new(&tensor, context, REDUX_UINT8, 1, fits));
    ck_assert_uint_eq((uintptr_t)tensor.data % RDX_ALIGNMENT, 0);
    redux_tensor_release(&tensor);
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_new(&tensor, context, REDUX_UINT8, 1, large));
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_new(&tensor, context, REDUX_INT16, 1, fits));
    redux_context_free(context);
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 2, overflows));
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 2, wraps));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 2, negative));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 9, negative));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_new(&tensor, NULL, REDUX_UINT8, -1, negative));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_new(&tensor, NULL, (redux_dtype)7, 1, fits));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_new(NULL, NULL, REDUX_UINT8, 1, fits));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 1, NULL));
    ck_assert_ptr_null(tensor.data);
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 1, empty));
    ck_assert_redux_ok(redux_tensor_new(&tensor, NULL, REDUX_UINT8, 1, empty + 1));
    ck_assert_int_eq(redux_tensor_elements(&tensor), 0);
    redux_tensor_release(&tensor);
}
END_TEST

typedef struct heard {
    char line[64];
    redux_log_level level;
    int lines;
} heard;

static void hear(redux_log_level level, const char *line, void *user)
{
    heard *h = user;
    h->level = level;
    h->lines++;
    strncpy(h->line, line, sizeof h->line - 1);
}

START_TEST(log_lines)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    heard h = {"", REDUX_LOG_DEBUG, 0};
    options.log = hear;
    options.log_user = &h;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    if (h.lines > 0) { /* about kernels that the processor could better */
        ck_assert_str_eq(redux_cpu_tier(), "avx512");
        ck_assert_ptr_nonnull(strstr(h.line, "OpenBLAS uses its kernels for"));
        ck_assert_int_eq(h.level, REDUX_LOG_INFO);
        ck_assert_int_eq(h.lines, 1);
        h.lines = 0;
    }
    rdx_log(context, REDUX_LOG_WARNING, "%d of %s", 3, "four");
    ck_assert_str_eq(h.line, "3 of four");
    ck_assert_int_eq(h.level, REDUX_LOG_WARNING);
    ck_assert_int_eq(h.lines, 1);
    redux_context_free(context);
    rdx_log(NULL, REDUX_LOG_WARNING, "nobody listens");
}
END_TEST

/* ---- the pool ---- */

typedef struct tally {
    redux_context *context;
    atomic_int done[2000];
    atomic_int began;
    int64_t fails_from, every; /* index i fails if i >= fails_from and i % every == 0 */
    atomic_int elsewhere;      /* nested tasks on another thread than their parent */
    pthread_t parent;
} tally;

static redux_status count_task(int64_t index, void *user)
{
    tally *t = user;
    atomic_fetch_add(&t->done[index], 1);
    if (t->every > 0 && index >= t->fails_from && index % t->every == 0)
        return rdx_fail(REDUX_E_FORMAT, "index %lld", (long long)index);
    return REDUX_OK;
}

START_TEST(every_index_once)
{
    const int64_t counts[] = {0, 1, 2, 3, 7, 100, 2000};
    for (int threads = 0; threads <= 5; threads++) {
        redux_context *context = threads == 0 ? NULL : new_context(threads);
        ck_assert_int_eq(redux_context_threads(context), RDX_MAX(threads, 1));
        for (size_t c = 0; c < COUNT(counts); c++) {
            tally *t = calloc(1, sizeof *t);
            ck_assert_redux_ok(rdx_parallel(context, counts[c], count_task, t));
            for (int64_t i = 0; i < 2000; i++)
                ck_assert_int_eq(atomic_load(&t->done[i]), i < counts[c]);
            free(t);
        }
        redux_context_free(context);
    }
}
END_TEST

START_TEST(lowest_failure)
{
    for (int threads = 1; threads <= 4; threads++) {
        redux_context *context = new_context(threads);
        for (int64_t first = 0; first < 1500; first += 37) {
            tally *t = calloc(1, sizeof *t);
            char message[40];
            t->fails_from = first;
            t->every = 10;
            ck_assert_redux(REDUX_E_FORMAT, rdx_parallel(context, 2000, count_task, t));
            const int64_t lowest = (first + 9) / 10 * 10;
            snprintf(message, sizeof message, "index %lld", (long long)lowest);
            ck_assert_str_eq(redux_error_message(), message);
            for (int64_t i = 0; i < 2000; i++) {
                ck_assert_int_le(atomic_load(&t->done[i]), 1);
                ck_assert(i > lowest || atomic_load(&t->done[i]) == 1);
            }
            free(t);
        }
        redux_context_free(context);
    }
}
END_TEST

static redux_status nested_inner(int64_t index, void *user)
{
    tally *t = user;
    (void)index;
    if (!pthread_equal(pthread_self(), t->parent))
        atomic_fetch_add(&t->elsewhere, 1);
    return REDUX_OK;
}

static redux_status nested_outer(int64_t index, void *user)
{
    tally *t = user;
    tally *inner = calloc(1, sizeof *inner);
    inner->parent = pthread_self();
    redux_status status = rdx_parallel(t->context, 50, nested_inner, inner);
    atomic_fetch_add(&t->elsewhere, atomic_load(&inner->elsewhere));
    atomic_fetch_add(&t->done[index], 1);
    free(inner);
    return status;
}

START_TEST(nested_loops_run_inline)
{
    redux_context *context = new_context(3);
    tally *t = calloc(1, sizeof *t);
    t->context = context;
    ck_assert_redux_ok(rdx_parallel(context, 200, nested_outer, t));
    ck_assert_int_eq(atomic_load(&t->elsewhere), 0);
    for (int64_t i = 0; i < 200; i++)
        ck_assert_int_eq(atomic_load(&t->done[i]), 1);
    free(t);
    redux_context_free(context);
}
END_TEST

typedef struct watcher {
    pthread_t caller;
    int64_t last, total, cancel_at;
    int calls;
    bool foreign;
} watcher;

static int watch(int64_t done, int64_t total, void *user)
{
    watcher *w = user;
    w->calls++;
    w->foreign = w->foreign || !pthread_equal(pthread_self(), w->caller) || done < w->last;
    w->last = done;
    w->total = total;
    return w->cancel_at >= 0 && done >= w->cancel_at;
}

static redux_status progress_task(int64_t index, void *user)
{
    tally *t = user;
    atomic_fetch_add(&t->began, 1);
    atomic_fetch_add(&t->done[index], 1);
    return rdx_progress_add(t->context, 1);
}

START_TEST(progress_and_cancelling)
{
    for (int threads = 1; threads <= 4; threads++)
        for (int64_t cancel_at = -1; cancel_at <= 200; cancel_at += 67) {
            redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
            watcher w = {.caller = pthread_self(), .cancel_at = cancel_at};
            tally *t = calloc(1, sizeof *t);
            options.threads = threads;
            options.progress = watch;
            options.progress_user = &w;
            ck_assert_redux_ok(redux_context_new(&t->context, &options));
            rdx_progress_begin(t->context, 2000);
            const redux_status status = rdx_parallel(t->context, 2000, progress_task, t);
            ck_assert(!w.foreign);
            if (cancel_at < 0) {
                ck_assert_int_eq(status, REDUX_OK);
                ck_assert_int_eq(atomic_load(&t->began), 2000);
            } else if (threads == 1) { /* else the workers may be through before the caller looks */
                ck_assert_int_eq(status, REDUX_E_CANCELLED);
                ck_assert_int_eq(atomic_load(&t->began), RDX_MAX(cancel_at, 1));
            } else {
                ck_assert(status == REDUX_E_CANCELLED || atomic_load(&t->began) == 2000);
            }
            ck_assert(w.calls == 0 || w.total == 2000);
            redux_context_free(t->context);
            free(t);
        }
}
END_TEST

/* ---- views ---- */

/* Element values of a small int32 tensor in C order, through its strides. */
static void assert_values(const redux_tensor *tensor, const int32_t *want)
{
    redux_tensor copy;
    ck_assert_redux_ok(redux_tensor_contiguous(&copy, NULL, tensor, REDUX_INT32));
    ck_assert_int_eq(redux_tensor_is_contiguous(&copy), 1);
    ck_assert(memcmp(copy.data, want, (size_t)redux_tensor_elements(tensor) * sizeof *want) == 0);
    redux_tensor_release(&copy);
}

static redux_tensor counting_tensor(void)
{
    const int64_t shape[] = {2, 3, 4};
    redux_tensor tensor;
    ck_assert_redux_ok(redux_tensor_new(&tensor, NULL, REDUX_INT32, 3, shape));
    for (int32_t i = 0; i < 24; i++) {
        ck_assert_int_eq(((int32_t *)tensor.data)[i], 0);
        ((int32_t *)tensor.data)[i] = i;
    }
    return tensor;
}

START_TEST(slices_and_selections)
{
    redux_tensor t = counting_tensor(), s, u;
    ck_assert_redux_ok(redux_tensor_slice(&s, &t, 2, 3, 2, -2));
    assert_values(&s, (const int32_t[]){3, 1, 7, 5, 11, 9, 15, 13, 19, 17, 23, 21});
    ck_assert_int_eq(redux_tensor_is_contiguous(&s), 0);
    ck_assert_redux_ok(redux_tensor_slice(&u, &s, 1, 2, 3, -1));
    assert_values(&u, (const int32_t[]){11, 9, 7, 5, 3, 1, 23, 21, 19, 17, 15, 13});
    redux_tensor_release(&s);
    redux_tensor_release(&t); /* u keeps the memory */
    ck_assert_redux_ok(redux_tensor_select(&s, &u, 0, 1));
    ck_assert_int_eq(s.ndim, 2);
    ck_assert_int_eq(s.shape[2], 0);
    ck_assert_int_eq(s.strides[2], 0);
    assert_values(&s, (const int32_t[]){23, 21, 19, 17, 15, 13});
    redux_tensor_release(&u);
    ck_assert_redux_ok(redux_tensor_select(&u, &s, 1, 0));
    assert_values(&u, (const int32_t[]){23, 19, 15});
    redux_tensor_release(&s);
    ck_assert_redux_ok(redux_tensor_select(&s, &u, 0, 2));
    ck_assert_int_eq(s.ndim, 0);
    assert_values(&s, (const int32_t[]){15});
    redux_tensor_release(&u);
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_select(&u, &s, 0, 0));
    redux_tensor_release(&s);
}
END_TEST

START_TEST(refused_views)
{
    const struct {
        int32_t axis;
        int64_t start, count, step;
    } bad[] = {{3, 0, 1, 1},         {-1, 0, 1, 1},        {2, 0, 5, 1},  {2, 4, 1, 1},
               {2, -1, 1, 1},        {2, 0, 1, 0},         {2, 0, -1, 1}, {2, 0, 2, -1},
               {2, 1, 2, INT64_MAX}, {2, 1, INT64_MAX, 3}, {2, 3, 3, -2}};
    const int32_t twice[] = {0, 1, 1}, far[] = {0, 1, 3};
    redux_tensor t = counting_tensor(), s = REDUX_TENSOR_INIT;
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_redux(REDUX_E_INVALID, redux_tensor_slice(&s, &t, bad[i].axis, bad[i].start,
                                                            bad[i].count, bad[i].step));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_permute(&s, &t, twice));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_permute(&s, &t, far));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_permute(&s, &t, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_reshape(&s, &t, 1, (const int64_t[]){23}));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_view(&t, &t));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_slice(&t, &t, 0, 0, 1, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_reshape(&t, &t, 1, (const int64_t[]){24}));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_contiguous(&t, NULL, &t, REDUX_INT32));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_contiguous(&t, NULL, &t, REDUX_UINT8));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_contiguous(NULL, NULL, &t, REDUX_UINT8));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_view(NULL, &t));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_view(&s, NULL));
    ck_assert_ptr_null(s.data);
    ck_assert_ptr_null(s.storage);
    redux_tensor_release(&t);
}
END_TEST

START_TEST(permuting_and_reshaping)
{
    redux_tensor t = counting_tensor(), p, r, back;
    ck_assert_redux_ok(redux_tensor_permute(&p, &t, (const int32_t[]){2, 0, 1}));
    ck_assert(p.shape[0] == 4 && p.shape[1] == 2 && p.shape[2] == 3);
    assert_values(&p, (const int32_t[]){0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                        2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23});
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_reshape(&r, &p, 1, (const int64_t[]){24}));
    ck_assert_redux_ok(redux_tensor_permute(&back, &p, (const int32_t[]){1, 2, 0}));
    ck_assert_int_eq(redux_tensor_is_contiguous(&back), 1);
    ck_assert_redux_ok(redux_tensor_reshape(&r, &back, 4, (const int64_t[]){1, 6, 1, 4}));
    ck_assert_ptr_eq(r.data, t.data);
    ck_assert_int_eq(redux_tensor_is_contiguous(&r), 1);
    ck_assert_int_eq(r.strides[1], 4);
    redux_tensor_release(&t);
    redux_tensor_release(&p);
    redux_tensor_release(&back);
    ck_assert_int_eq(((int32_t *)r.data)[23], 23);
    redux_tensor_release(&r);
    redux_tensor_release(&r); /* a cleared tensor may be released */
    redux_tensor_release(NULL);
}
END_TEST

START_TEST(borrowed_memory)
{
    int32_t values[6] = {1, 2, 3, 4, 5, 6};
    const int64_t shape[] = {3, 2}, strides[] = {-2, 0};
    redux_tensor t, v;
    ck_assert_redux_ok(redux_tensor_borrow(&t, values + 4, REDUX_INT32, 2, shape, strides));
    assert_values(&t, (const int32_t[]){5, 5, 3, 3, 1, 1});
    ck_assert_redux_ok(redux_tensor_view(&v, &t));
    redux_tensor_release(&t);
    ck_assert_ptr_null(t.data);
    assert_values(&v, (const int32_t[]){5, 5, 3, 3, 1, 1});
    redux_tensor_release(&v);
    ck_assert_int_eq(values[5], 6);
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_borrow(&t, NULL, REDUX_INT32, 2, shape, NULL));
    ck_assert_redux_ok(
        redux_tensor_borrow(&t, NULL, REDUX_INT32, 2, (const int64_t[]){0, 2}, NULL));
    ck_assert_redux_ok(redux_tensor_slice(&v, &t, 0, 0, 0, 1));
    redux_tensor_release(&v);
    ck_assert_int_eq(redux_tensor_is_contiguous(&t), 1);
}
END_TEST

/* ---- conversion ---- */

static const redux_dtype dtypes[] = {REDUX_INT8,    REDUX_INT16,   REDUX_INT32,   REDUX_INT64,
                                     REDUX_UINT8,   REDUX_UINT16,  REDUX_UINT32,  REDUX_UINT64,
                                     REDUX_FLOAT16, REDUX_FLOAT32, REDUX_FLOAT64, REDUX_BFLOAT16,
                                     REDUX_BOOL};

/* The value of a float with so many exponent and fraction bits, by definition. */
static double decode(uint32_t bits, int exponent_bits, int fraction_bits)
{
    const uint32_t fraction = bits & ((1U << fraction_bits) - 1);
    const int exponent = (int)(bits >> fraction_bits & ((1U << exponent_bits) - 1));
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const double sign = (bits >> (exponent_bits + fraction_bits) & 1) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1U << fraction_bits), exponent - bias - fraction_bits);
}

static double load_plainly(const void *data, redux_dtype dtype)
{
    uint16_t half;
    if (dtype != REDUX_FLOAT16 && dtype != REDUX_BFLOAT16)
        return rdx_load(data, 0, dtype);
    memcpy(&half, data, sizeof half);
    return dtype == REDUX_FLOAT16 ? decode(half, 5, 10) : decode(half, 8, 7);
}

/* The 16-bit float nearest to `value`, the even one of two, by searching all of them. */
static uint16_t nearest_half(double value, int exponent_bits, int fraction_bits)
{
    const uint16_t infinity = (uint16_t)(((1 << exponent_bits) - 1) << fraction_bits);
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double magnitude = fabs(value);
    uint16_t low = 0, high = infinity; /* decode(low) <= magnitude < decode(high) */
    if (isinf(value))
        return sign | infinity;
    while (high - low > 1) {
        const uint16_t middle = (uint16_t)((low + high) / 2);
        if (decode(middle, exponent_bits, fraction_bits) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    /* infinity stands for the power of two that would follow */
    const double above = high == infinity ? 2 * decode((uint16_t)(infinity - (1 << fraction_bits)),
                                                       exponent_bits, fraction_bits)
                                          : decode(high, exponent_bits, fraction_bits);
    const double middle = (decode(low, exponent_bits, fraction_bits) + above) / 2;
    if (magnitude > middle || (magnitude == middle && low % 2 != 0))
        low = high;
    return sign | low;
}

static double rounded(double value, double low, double high)
{
    return isnan(value) ? 0 : fmin(fmax(rint(value), low), high);
}

/* The integer of `bits` bits nearest to `value`, as its lowest bytes. */
static uint64_t nearest_integer(double value, int bits, bool is_signed)
{
    const double end = ldexp(1, is_signed ? bits - 1 : bits);
    if (value >= end) /* 2^64 - 1 and 2^63 - 1 are no doubles */
        return UINT64_MAX >> (64 - bits + is_signed);
    if (is_signed)
        return (uint64_t)(int64_t)rounded(value, -end, bits < 64 ? end - 1 : end);
    return (uint64_t)rounded(value, 0, bits < 64 ? end - 1 : end);
}

static bool is_signed_integer(redux_dtype dtype)
{
    return ((unsigned)dtype & 255) == 0;
}

static const bool is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/* What must be stored for `value`, as raw bytes; NaN for floats is told apart by the caller. */
static void store_plainly(void *out, redux_dtype dtype, double value)
{
    const size_t size = redux_dtype_size(dtype);
    const float narrow = (float)value;
    uint16_t half;
    uint64_t integer;
    switch (dtype) {
    case REDUX_FLOAT16:
    case REDUX_BFLOAT16: /* as elsewhere, by way of float32 */
        half = dtype == REDUX_FLOAT16 ? nearest_half(value, 5, 10)
                                      : nearest_half((double)narrow, 8, 7);
        memcpy(out, &half, size);
        return;
    case REDUX_FLOAT32:
        memcpy(out, &narrow, size);
        return;
    case REDUX_FLOAT64:
        memcpy(out, &value, size);
        return;
    case REDUX_BOOL:
        *(uint8_t *)out = value != 0;
        return;
    default:
        integer = nearest_integer(value, (int)(8 * size), is_signed_integer(dtype));
        memcpy(out, (const char *)&integer + (is_big ? sizeof integer - size : 0), size);
    }
}

/* 64-bit integers are not doubles: between each other, and to float32, they go directly. */
static void store_integer(void *out, redux_dtype dtype, redux_dtype from, uint64_t bits)
{
    const int64_t number = (int64_t)bits;
    const bool negative = from == REDUX_INT64 && number < 0;
    const float narrow = from == REDUX_INT64 ? (float)number : (float)bits;
    uint64_t kept = bits;
    if (from != dtype && (negative || number < 0))
        kept = negative ? 0 : INT64_MAX;
    if (dtype == REDUX_FLOAT32)
        memcpy(out, &narrow, sizeof narrow);
    else if (dtype == REDUX_INT64 || dtype == REDUX_UINT64)
        memcpy(out, &kept, sizeof kept);
    else
        store_plainly(out, dtype, from == REDUX_INT64 ? (double)number : (double)bits);
}

static bool is_float(redux_dtype dtype)
{
    return dtype == REDUX_FLOAT16 || dtype == REDUX_FLOAT32 || dtype == REDUX_FLOAT64 ||
           dtype == REDUX_BFLOAT16;
}

/* Interesting bit patterns of any dtype: small numbers, extremes, halves, random ones. */
static uint64_t pattern(redux_dtype dtype, uint32_t index)
{
    const double doubles[] = {0.5,       1.5,     2.5,     -0.5,      -1.5,       127.5,   128.5,
                              255.5,     1e300,   -1e300,  65519.,    65520.,     65535.5, 0x1p63,
                              0x1p64,    -0x1p63, 5e-8,    3e-8,      1e-40,      NAN,     INFINITY,
                              -INFINITY, -0.0,    0x1p-25, 0x1.8p-25, 0x1.ffep-15};
    const redux_random_key key = {.seed = (uint64_t)dtype};
    uint64_t bits = 0;
    if (dtype == REDUX_BOOL)
        return index % 2;
    if (index < COUNT(doubles) && dtype == REDUX_FLOAT64) {
        memcpy(&bits, &doubles[index], 8);
    } else if (index < COUNT(doubles) && dtype == REDUX_FLOAT32) {
        const float value = (float)doubles[index];
        memcpy(&bits, &value, 4);
    } else if (index < 64) { /* 0, 1, ..., all ones, the sign alone, just below it */
        const unsigned width = 8 * (unsigned)redux_dtype_size(dtype);
        bits = index < 16   ? index
               : index < 32 ? ~(uint64_t)(index - 16)
                            : (UINT64_C(1) << (width - 1)) + index - 48;
    } else {
        bits = (uint64_t)redux_random_u32(&key, 2 * index) << 32 |
               redux_random_u32(&key, 2 * index + 1);
        if (dtype == REDUX_FLOAT64 && index % 2 == 0) { /* near the range of the others */
            const double value = ldexp((double)(int64_t)bits, -(int)(index % 90));
            memcpy(&bits, &value, 8);
        } else if (dtype == REDUX_FLOAT32 && index % 2 == 0) {
            const float value = ldexpf((float)(int64_t)bits, -(int)(index % 90));
            memcpy(&bits, &value, 4);
        }
    }
    return bits;
}

static void check_conversion(redux_dtype from, redux_dtype to)
{
    enum { LENGTH = 1500 };
    const size_t from_size = redux_dtype_size(from), to_size = redux_dtype_size(to);
    const int64_t shape[] = {LENGTH / 3, 3}, turned[] = {3, LENGTH / 3};
    redux_tensor in, out, columns;
    ck_assert_redux_ok(redux_tensor_new(&in, NULL, from, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&columns, NULL, to, 2, turned));
    ck_assert_redux_ok(redux_tensor_permute(&out, &columns, (const int32_t[]){1, 0}));
    for (uint32_t i = 0; i < LENGTH; i++) {
        const uint64_t bits = pattern(from, i);
        memcpy((char *)in.data + i * from_size, &bits, from_size);
    }
    ck_assert_redux_ok(redux_tensor_copy(&out, &in));
    for (int64_t i = 0; i < LENGTH; i++) {
        const char *source = (const char *)in.data + (size_t)i * from_size;
        const char *got =
            (const char *)columns.data + (size_t)(i % 3 * (LENGTH / 3) + i / 3) * to_size;
        const double value = load_plainly(source, from);
        char want[8];
        if (from == REDUX_INT64 || from == REDUX_UINT64)
            store_integer(want, to, from, pattern(from, (uint32_t)i));
        else
            store_plainly(want, to, value);
        if (isnan(value) && is_float(to))
            ck_assert(isnan(load_plainly(got, to)));
        else
            ck_assert_msg(memcmp(got, want, to_size) == 0, "%s %.20g to %s: %.20g, not %.20g",
                          redux_dtype_name(from), value, redux_dtype_name(to),
                          load_plainly(got, to), load_plainly(want, to));
    }
    redux_tensor_release(&out);
    redux_tensor_release(&columns);
    redux_tensor_release(&in);
}

START_TEST(every_dtype_to_every_other)
{
    for (size_t to = 0; to < COUNT(dtypes); to++)
        check_conversion(dtypes[_i], dtypes[to]);
}
END_TEST

START_TEST(all_halves_there_and_back)
{
    const redux_dtype halves[] = {REDUX_FLOAT16, REDUX_BFLOAT16};
    const int64_t shape[] = {65536};
    for (int h = 0; h < 2; h++) {
        redux_tensor in, wide, back;
        ck_assert_redux_ok(redux_tensor_new(&in, NULL, halves[h], 1, shape));
        for (uint32_t i = 0; i < 65536; i++)
            ((uint16_t *)in.data)[i] = (uint16_t)i;
        ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &in, REDUX_FLOAT32));
        ck_assert_redux_ok(redux_tensor_contiguous(&back, NULL, &wide, halves[h]));
        for (uint32_t i = 0; i < 65536; i++) {
            const double want = h == 0 ? decode(i, 5, 10) : decode(i, 8, 7);
            const float got = ((float *)wide.data)[i];
            if (isnan(want)) {
                ck_assert(isnan(got));
                continue;
            }
            ck_assert(want == (double)got && !signbit(want) == !signbit(got));
            ck_assert_uint_eq(((uint16_t *)back.data)[i], i);
        }
        redux_tensor_release(&in);
        redux_tensor_release(&wide);
        redux_tensor_release(&back);
    }
}
END_TEST

START_TEST(dtype_names)
{
    const char *const names[] = {"int8",    "int16",    "int32",  "int64",   "uint8",
                                 "uint16",  "uint32",   "uint64", "float16", "float32",
                                 "float64", "bfloat16", "bool"};
    for (size_t i = 0; i < COUNT(dtypes); i++) {
        ck_assert_str_eq(redux_dtype_name(dtypes[i]), names[i]);
        ck_assert_uint_eq(redux_dtype_size(dtypes[i]), ((unsigned)dtypes[i] >> 8 & 255) / 8);
    }
    ck_assert_str_eq(redux_dtype_name((redux_dtype)1), "unknown");
    ck_assert_uint_eq(redux_dtype_size((redux_dtype)1), 0);
}
END_TEST

START_TEST(refused_copies)
{
    redux_tensor a = counting_tensor(), b, c;
    ck_assert_redux_ok(redux_tensor_new(&b, NULL, REDUX_INT32, 2, (const int64_t[]){6, 4}));
    ck_assert_redux_ok(redux_tensor_new(&c, NULL, REDUX_INT32, 3, (const int64_t[]){2, 4, 3}));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(&b, &a));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(&c, &a));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(NULL, &a));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(&a, NULL));
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    redux_tensor_release(&c);
}
END_TEST

/* ---- DLPack: the structs as dlpack.h publishes them ---- */

typedef struct DLDevice {
    int32_t device_type, device_id;
} DLDevice;

typedef struct DLDataType {
    uint8_t code, bits;
    uint16_t lanes;
} DLDataType;

typedef struct DLTensor {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
    struct {
        uint32_t major, minor;
    } version;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    DLTensor dl_tensor;
} DLManagedTensorVersioned;

static void assert_described(const DLTensor *dl, const redux_tensor *tensor)
{
    ck_assert_ptr_eq(dl->data, tensor->data);
    ck_assert_int_eq(dl->device.device_type, 1);
    ck_assert_int_eq(dl->ndim, tensor->ndim);
    ck_assert_uint_eq(dl->dtype.code | dl->dtype.bits << 8 | dl->dtype.lanes << 16,
                      (unsigned)tensor->dtype);
    ck_assert_mem_eq(dl->shape, tensor->shape, (size_t)dl->ndim * sizeof *dl->shape);
    ck_assert_mem_eq(dl->strides, tensor->strides, (size_t)dl->ndim * sizeof *dl->strides);
    ck_assert_uint_eq(dl->byte_offset, 0);
}

START_TEST(dlpack_there_and_back)
{
    for (int versioned = 0; versioned < 2; versioned++) {
        counter c;
        const redux_context_options options = counted(&c, 1);
        redux_context *context;
        redux_tensor whole, part, back;
        DLManagedTensor *legacy;
        DLManagedTensorVersioned *modern;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        ck_assert_redux_ok(
            redux_tensor_new(&whole, context, REDUX_INT16, 2, (const int64_t[]){4, 6}));
        ((int16_t *)whole.data)[23] = -5;
        ck_assert_redux_ok(redux_tensor_slice(&part, &whole, 1, 5, 3, -2));
        if (versioned) {
            ck_assert_redux_ok(redux_tensor_to_dlpack_versioned(&modern, context, &part));
            ck_assert_uint_eq(modern->version.major, 1);
            assert_described(&modern->dl_tensor, &part);
            ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&back, context, modern));
        } else {
            ck_assert_redux_ok(redux_tensor_to_dlpack(&legacy, context, &part));
            assert_described(&legacy->dl_tensor, &part);
            ck_assert_redux_ok(redux_tensor_from_dlpack(&back, context, legacy));
        }
        redux_context_free(context);
        redux_tensor_release(&whole);
        redux_tensor_release(&part);
        ck_assert_int_eq(((int16_t *)back.data)[18], -5); /* the last row, turned round */
        ck_assert_int_eq(back.strides[1], -2);
        redux_tensor_release(&back);
        ck_assert_int_eq(atomic_load(&c.live), 0);
    }
}
END_TEST

static int deleted;

static void delete_legacy(DLManagedTensor *self)
{
    (void)self;
    deleted++;
}

static void delete_versioned(DLManagedTensorVersioned *self)
{
    (void)self;
    deleted++;
}

START_TEST(dlpack_of_others)
{
    float values[6] = {0, 1, 2, 3, 4, 5};
    int64_t shape[] = {2, 2};
    const DLTensor good = {values, {1, 0}, 2, {2, 32, 1}, shape, NULL, 8};
    DLManagedTensor legacy = {good, NULL, delete_legacy};
    DLManagedTensorVersioned modern = {{1, 7}, NULL, delete_versioned, 1, good};
    redux_tensor t = REDUX_TENSOR_INIT, v;
    ck_assert_redux_ok(redux_tensor_from_dlpack(&t, NULL, &legacy));
    ck_assert(((float *)t.data)[3] == 5 && t.strides[0] == 2 && t.dtype == REDUX_FLOAT32);
    ck_assert_redux_ok(redux_tensor_select(&v, &t, 0, 1));
    redux_tensor_release(&t);
    ck_assert_int_eq(deleted, 0); /* a view is left */
    redux_tensor_release(&v);
    ck_assert_int_eq(deleted, 1);
    ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    redux_tensor_release(&t);
    ck_assert_int_eq(deleted, 2);
    modern.deleter = NULL; /* allowed: nothing to delete */
    ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    redux_tensor_release(&t);
    modern.version.major = 2;
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    legacy.dl_tensor.device.device_type = 2;
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack(&t, NULL, &legacy));
    legacy.dl_tensor = good;
    legacy.dl_tensor.dtype.lanes = 4;
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack(&t, NULL, &legacy));
    legacy.dl_tensor = good;
    legacy.dl_tensor.dtype.code = 5; /* complex */
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack(&t, NULL, &legacy));
    legacy.dl_tensor = good;
    legacy.dl_tensor.ndim = 9;
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_from_dlpack(&t, NULL, &legacy));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_from_dlpack(&t, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_from_dlpack(NULL, NULL, &legacy));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_to_dlpack(NULL, NULL, &t));
    ck_assert_int_eq(deleted, 2);
}
END_TEST

/* Descriptions that no honest producer makes: each is refused, and stays its producer's. */
static void refused_capsule(redux_status expected, DLTensor rubbish)
{
    DLManagedTensor legacy = {rubbish, NULL, delete_legacy};
    DLManagedTensorVersioned modern = {{1, 0}, NULL, delete_versioned, UINT64_MAX, rubbish};
    redux_tensor t = REDUX_TENSOR_INIT;
    const int before = deleted;
    ck_assert_redux(expected, redux_tensor_from_dlpack(&t, NULL, &legacy));
    ck_assert_redux(expected, redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    ck_assert(t.data == NULL && t.ndim == 0 && deleted == before);
}

#define RUBBISH(expected, field, value)                                                            \
    do {                                                                                           \
        DLTensor rubbish = good;                                                                   \
        rubbish.field = value;                                                                     \
        refused_capsule(expected, rubbish);                                                        \
    } while (0)

START_TEST(dlpack_of_rubbish)
{
    double values[6] = {0};
    int64_t shape[] = {2, 3}, negative[] = {2, -3}, lowest[] = {INT64_MIN, 1},
            huge[] = {INT64_MAX, INT64_MAX}, wide[] = {INT64_C(1) << 32, INT64_C(1) << 32},
            hollow[] = {0, INT64_MAX}, far[] = {INT64_MAX / 4, 1}, back[] = {INT64_MIN, 1},
            together[] = {INT64_MAX / 16, INT64_MAX / 16};
    const DLTensor good = {values, {1, 0}, 2, {2, 64, 1}, shape, NULL, 0};
    static const int devices[] = {0, 2, 3, 4, 13, -1, INT32_MIN, INT32_MAX};
    static const int bits[] = {0, 1, 4, 8, 24, 63, 65, 128, 255};
    for (size_t i = 0; i < COUNT(devices); i++)
        RUBBISH(REDUX_E_UNSUPPORTED, device.device_type, devices[i]);
    for (size_t i = 0; i < COUNT(bits); i++)
        RUBBISH(REDUX_E_UNSUPPORTED, dtype.bits, (uint8_t)bits[i]);
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.code, 3); /* a handle */
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.code, 255);
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.lanes, 0);
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.lanes, UINT16_MAX);
    RUBBISH(REDUX_E_INVALID, ndim, -1);
    RUBBISH(REDUX_E_INVALID, ndim, INT32_MIN);
    RUBBISH(REDUX_E_INVALID, ndim, REDUX_MAX_DIMS + 1);
    RUBBISH(REDUX_E_INVALID, ndim, INT32_MAX);
    RUBBISH(REDUX_E_INVALID, shape, NULL);
    RUBBISH(REDUX_E_INVALID, data, NULL);
    RUBBISH(REDUX_E_INVALID, shape, negative);
    RUBBISH(REDUX_E_INVALID, shape, lowest);
    RUBBISH(REDUX_E_LIMIT, shape, huge);
    RUBBISH(REDUX_E_LIMIT, shape, wide);
    RUBBISH(REDUX_E_LIMIT, shape, hollow);
    RUBBISH(REDUX_E_LIMIT, strides, far);
    RUBBISH(REDUX_E_LIMIT, strides, back);
    RUBBISH(REDUX_E_LIMIT, strides, together);
    RUBBISH(REDUX_E_LIMIT, byte_offset, UINT64_MAX);
    RUBBISH(REDUX_E_LIMIT, byte_offset, (UINT64_MAX & ~UINT64_C(7)) - 8);
    RUBBISH(REDUX_E_UNSUPPORTED, byte_offset, 3); /* not aligned */
}
END_TEST

/* ---- random numbers ---- */

/* Known answers of Random123 for philox4x32-10. */
/* A host whose decimal sign is a comma. Where there is no such locale one is made; where that is
 * not possible either, nothing is asked. */
static bool set_comma_locale(void)
{
    char folder[] = "/tmp/redux-locale-XXXXXX", command[256];
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL)
        return true;
    if (mkdtemp(folder) == NULL)
        return false;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
             folder, folder);
    const int made = system(command); /* NOLINT(cert-env33-c): words of our own */
    setenv("LOCPATH", folder, 1);
    const bool set = made == 0 && setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 && set; /* NOLINT(cert-env33-c) */
}

START_TEST(numbers_in_every_locale)
{
    char text[32], *end;
    redux_window window;
    if (!set_comma_locale()) {
        printf("no locale with a decimal comma here\n");
        return;
    }
    snprintf(text, sizeof text, "%g", 0.5);
    ck_assert_str_eq(text, "0,5"); /* so it is one */
    rdx_format_double(text, -1.25e-7);
    ck_assert_str_eq(text, "-1.25e-07");
    rdx_format_fixed(text, 2.25, 1);
    ck_assert_str_eq(text, "2.2");
    ck_assert_double_eq(rdx_parse_double("0.75,3", &end), 0.75);
    ck_assert_str_eq(end, ",3");
    ck_assert_redux_ok(redux_window_parse(&window, "-1.5:2.5"));
    ck_assert_double_eq(window.high, 2.5);
    setlocale(LC_NUMERIC, "C");
}
END_TEST

START_TEST(philox)
{
    const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        uint32_t out[4];
        redux_random_philox(out, known[i].counter, known[i].key);
        ck_assert(memcmp(out, known[i].out, sizeof out) == 0);
    }
}
END_TEST

/* Chi-square of counts that should be equal; far beyond its mean + 6 sigma is no chance. */
static void assert_uniform(const int *counts, int cells, double expected)
{
    double chi = 0;
    for (int i = 0; i < cells; i++)
        chi += (counts[i] - expected) * (counts[i] - expected) / expected;
    ck_assert_double_lt(chi, cells - 1 + 6 * sqrt(2.0 * (cells - 1)));
    ck_assert_double_gt(chi, cells - 1 - 6 * sqrt(2.0 * (cells - 1)));
}

START_TEST(uniform_numbers)
{
    enum { DRAWS = 200000, CELLS = 128 };
    const redux_random_key key = {1, 2, 3, 4};
    int bits[CELLS] = {0}, reals[CELLS] = {0};
    double sum = 0, squares = 0, fourth = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const double u = redux_random_uniform(&key, i), n = redux_random_normal(&key, i);
        ck_assert(u >= 0 && u < 1);
        reals[(int)(u * CELLS)]++;
        bits[redux_random_u32(&key, i) % CELLS]++;
        sum += n;
        squares += n * n;
        fourth += n * n * n * n;
    }
    assert_uniform(bits, CELLS, (double)DRAWS / CELLS);
    assert_uniform(reals, CELLS, (double)DRAWS / CELLS);
    ck_assert_double_eq_tol(sum / DRAWS, 0, 0.015);
    ck_assert_double_eq_tol(squares / DRAWS, 1, 0.02);
    ck_assert_double_eq_tol(fourth / DRAWS, 3, 0.15);
}
END_TEST

START_TEST(numbers_below)
{
    enum { DRAWS = 90000 };
    const redux_random_key key = {.seed = 9};
    const uint64_t bounds[] = {2, 3, 7, 100, UINT64_C(3) << 62, UINT64_MAX};
    ck_assert_uint_eq(redux_random_below(&key, 5, 0), 0);
    ck_assert_uint_eq(redux_random_below(&key, 5, 1), 0);
    for (size_t b = 0; b < COUNT(bounds); b++) {
        /* Of 3 * 2^62, plain remainders would make the first third twice as likely. */
        const int cells = (int)RDX_MIN(bounds[b], 3);
        const uint64_t cell = bounds[b] / (uint64_t)cells + (bounds[b] % (uint64_t)cells != 0);
        int counts[3] = {0};
        double expected[3], chi = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            const uint64_t value = redux_random_below(&key, i, bounds[b]);
            ck_assert_uint_lt(value, bounds[b]);
            counts[value / cell]++;
        }
        for (int k = 0; k < cells; k++) {
            const uint64_t end = RDX_MIN(bounds[b], cell * (uint64_t)(k + 1) < cell * (uint64_t)k
                                                        ? UINT64_MAX
                                                        : cell * (uint64_t)(k + 1));
            expected[k] = (double)(end - cell * (uint64_t)k) / (double)bounds[b] * DRAWS;
            chi += (counts[k] - expected[k]) * (counts[k] - expected[k]) / expected[k];
        }
        ck_assert_double_lt(chi, 20);
    }
}
END_TEST

/* Every field of the key, and the index, lead to other numbers. */
START_TEST(streams_differ)
{
    const redux_random_key base = {.seed = 1};
    redux_random_key keys[6] = {base, base, base, base, base, base};
    keys[1].seed = 2;
    keys[2].seed = UINT64_C(1) << 32 | 1;
    keys[3].epoch = 1;
    keys[4].operation = 1;
    keys[5].sample = UINT64_C(1) << 40;
    for (int a = 0; a < 6; a++)
        for (int b = 0; b < a; b++) {
            int equal = 0;
            for (uint32_t i = 0; i < 100; i++)
                equal += redux_random_u32(&keys[a], i) == redux_random_u32(&keys[b], i) ||
                         redux_random_uniform(&keys[a], i) == redux_random_uniform(&keys[b], i);
            ck_assert_int_eq(equal, 0);
        }
    ck_assert_uint_eq(redux_random_u32(&keys[0], 7), redux_random_u32(&base, 7));
    ck_assert_uint_ne(redux_random_u32(&keys[0], UINT32_MAX), redux_random_u32(&keys[0], 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *context = tcase_create("context"), *pool = tcase_create("pool");
    TCase *forks = tcase_create("forks");
    TCase *tensor = tcase_create("tensor"), *random = tcase_create("random");
    tcase_add_test(context, options_of_other_versions);
    tcase_add_test(context, refused_options);
    tcase_set_tags(forks, "threads-after-fork"); /* which an emulator cannot do */
    tcase_add_test(forks, fork_after_threads);
    tcase_add_test(context, messages_hold_no_controls);
    tcase_add_test(context, statuses);
    tcase_add_test(context, no_leaks_at_any_failure);
    tcase_add_test(context, limits);
    tcase_add_test(context, log_lines);
    suite_add_tcase(suite, context);
    suite_add_tcase(suite, forks);
    tcase_add_test(pool, every_index_once);
    tcase_add_test(pool, lowest_failure);
    tcase_add_test(pool, nested_loops_run_inline);
    tcase_add_test(pool, progress_and_cancelling);
    suite_add_tcase(suite, pool);
    tcase_add_test(tensor, slices_and_selections);
    tcase_add_test(tensor, refused_views);
    tcase_add_test(tensor, permuting_and_reshaping);
    tcase_add_test(tensor, borrowed_memory);
    tcase_add_loop_test(tensor, every_dtype_to_every_other, 0, (int)COUNT(dtypes));
    tcase_add_test(tensor, all_halves_there_and_back);
    tcase_add_test(tensor, dtype_names);
    tcase_add_test(tensor, refused_copies);
    tcase_add_test(tensor, dlpack_there_and_back);
    tcase_add_test(tensor, dlpack_of_others);
    tcase_add_test(tensor, dlpack_of_rubbish);
    suite_add_tcase(suite, tensor);
    tcase_add_test(random, philox);
    tcase_add_test(random, uniform_numbers);
    tcase_add_test(random, numbers_below);
    tcase_add_test(random, streams_differ);
    tcase_add_test(slow_tests(suite, 30), numbers_in_every_locale);
    suite_add_tcase(suite, random);
    return run_suite(suite);
}
