/* SPDX-License-Identifier: MIT
 * The thread pool: every index once, the lowest failure, nested loops, progress, cancelling. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/base.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
        redux_context *context = threads == 0 ? NULL : context_of(threads);
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
        redux_context *context = context_of(threads);
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
    redux_context *context = context_of(3);
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

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *pool = tcase_create("pool");
    tcase_add_test(pool, every_index_once);
    tcase_add_test(pool, lowest_failure);
    tcase_add_test(pool, nested_loops_run_inline);
    tcase_add_test(pool, progress_and_cancelling);
    suite_add_tcase(suite, pool);
    return run_suite(suite);
}
