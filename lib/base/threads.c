/* SPDX-License-Identifier: MIT
 * One pool of threads per context, and the parallel loop over fixed tiles.
 *
 * Workers sleep on a condition variable between loops and never spin, because another process may
 * need the processor. Tasks are claimed one by one under the mutex. Tiles take micro- to
 * milliseconds, so this costs nothing, and the ascending order of claims makes "the lowest index
 * that failed" exact: every lower index was claimed before. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base.h"

typedef struct loop {
    rdx_task_fn task;
    void *user;
    int64_t count, next, finished, failed_index;
    redux_status status;
    char message[1024];
} loop;

struct rdx_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;     /* a loop has tasks, or the pool stops */
    pthread_cond_t progress; /* a task has finished */
    pthread_t *workers;
    int worker_count, last_index;
    pid_t process; /* whose threads they are; a fork has none of them */
    bool stop;
    loop *current;
};

static _Thread_local bool in_task;     /* a task of some pool runs on this thread */
static _Thread_local bool is_worker;   /* the thread belongs to a pool */
static _Thread_local int thread_index; /* within its pool; 0: the caller's thread, or no pool */

bool rdx_on_worker(void)
{
    return is_worker;
}

bool rdx_in_task(void)
{
    return in_task;
}

int rdx_thread_index(void)
{
    return thread_index;
}

/* Keeps the failure of the lowest index and cancels the tasks that nobody has claimed. */
static void record_failure(loop *work, int64_t index, redux_status status)
{
    if (index < work->failed_index) {
        work->failed_index = index;
        work->status = status;
        snprintf(work->message, sizeof work->message, "%s", redux_error_message());
    }
    work->finished += work->count - work->next;
    work->next = work->count;
}

/* Claims and runs one task; the mutex is held on entry and on return. */
static bool run_one(rdx_pool *pool, loop *work)
{
    redux_status status;
    int64_t index;
    if (work->next >= work->count)
        return false;
    index = work->next++;
    pthread_mutex_unlock(&pool->mutex);
    in_task = true;
    status = work->task(index, work->user);
    in_task = false;
    pthread_mutex_lock(&pool->mutex);
    work->finished++;
    if (status != REDUX_OK)
        record_failure(work, index, status);
    pthread_cond_signal(&pool->progress);
    return true;
}

static void *worker_main(void *argument)
{
    rdx_pool *pool = argument;
    is_worker = true;
    pthread_mutex_lock(&pool->mutex);
    thread_index = ++pool->last_index;
    while (!pool->stop)
        if (pool->current == NULL || !run_one(pool, pool->current))
            pthread_cond_wait(&pool->work, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

redux_status rdx_pool_new(rdx_pool **out, redux_context *context, int threads)
{
    void *block;
    rdx_pool *pool;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof *pool));
    pool = block;
    pool->process = getpid();
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    rdx_cond_init(&pool->progress);
    redux_status status = rdx_alloc(context, &block, (uint64_t)threads, sizeof *pool->workers);
    if (status != REDUX_OK) {
        rdx_pool_free(pool);
        return status;
    }
    pool->workers = block;
    for (int i = 0; i < threads - 1; i++) {
        int error = pthread_create(&pool->workers[i], NULL, worker_main, pool);
        if (error != 0) {
            rdx_pool_free(pool);
            return rdx_fail(
                REDUX_E_IO,
                "cannot start thread %d of %d: %s: use fewer, or allow more (ulimit -u)", i + 2,
                threads, strerror(error));
        }
        pool->worker_count++;
    }
    *out = pool;
    return REDUX_OK;
}

void rdx_pool_free(rdx_pool *pool)
{
    if (pool == NULL)
        return;
    if (pool->process != getpid()) { /* of its locks and threads only the memory is here */
        rdx_free(pool->workers);
        rdx_free(pool);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->worker_count; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->progress);
    pthread_mutex_destroy(&pool->mutex);
    rdx_free(pool->workers);
    rdx_free(pool);
}

int rdx_pool_threads(const rdx_pool *pool)
{
    return pool->worker_count + 1;
}

/* Lets the host see the progress and cancel. Its callback runs without the mutex. */
static void poll_progress(redux_context *context, rdx_pool *pool, loop *work)
{
    redux_status status;
    pthread_mutex_unlock(&pool->mutex);
    status = rdx_progress_poll(context);
    pthread_mutex_lock(&pool->mutex);
    if (status != REDUX_OK && work->failed_index >= 0)
        record_failure(work, -1, status);
}

#ifdef __APPLE__ /* has no other clock for conditions */
#define set_wait_clock(attributes) ((void)(attributes))
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define set_wait_clock(attributes) pthread_condattr_setclock(attributes, WAIT_CLOCK)
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

void rdx_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    set_wait_clock(&attributes);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

void rdx_cond_wait_briefly(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    struct timespec until;
    clock_gettime(WAIT_CLOCK, &until);
    until.tv_nsec += 100000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(condition, mutex, &until);
}

/* Runs as if this were the only thread, whatever pool it belongs to. */
static redux_status run_inline(redux_context *context, int64_t count, rdx_task_fn task, void *user)
{
    const int index = thread_index;
    redux_status status = REDUX_OK;
    thread_index = 0;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        status = task(i, user);
        if (status == REDUX_OK && !in_task)
            status = rdx_progress_poll(context);
    }
    thread_index = index;
    return status;
}

redux_status rdx_parallel(redux_context *context, int64_t count, rdx_task_fn task, void *user)
{
    rdx_pool *pool = rdx_context_pool(context);
    loop work = {.task = task, .user = user, .count = count, .failed_index = INT64_MAX};

    if (pool == NULL || in_task || count < 2)
        return run_inline(context, count, task, user);
    if (pool->process != getpid())
        return rdx_fail(REDUX_E_INVALID, "this context was made before fork: its threads are in "
                                         "the parent; make a new one");
    pthread_mutex_lock(&pool->mutex);
    pool->current = &work;
    pthread_cond_broadcast(&pool->work);
    while (work.finished < work.count) {
        if (!run_one(pool, &work))
            rdx_cond_wait_briefly(&pool->progress, &pool->mutex);
        poll_progress(context, pool, &work);
    }
    pool->current = NULL;
    pthread_mutex_unlock(&pool->mutex);
    if (work.status != REDUX_OK)
        return rdx_fail_again(work.status, work.message);
    return REDUX_OK;
}
