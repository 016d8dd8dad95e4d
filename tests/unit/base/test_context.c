/* SPDX-License-Identifier: MIT
 * Contexts: options structs, statuses and messages, failing allocations, limits, fork. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/base.h"
#include "support/counted.h"
#include "support/test.h"

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

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *context = tcase_create("context");
    TCase *forks = tcase_create("forks");
    tcase_add_test(context, options_of_other_versions);
    tcase_add_test(context, refused_options);
    tcase_add_test(context, messages_hold_no_controls);
    tcase_add_test(context, statuses);
    tcase_add_test(context, no_leaks_at_any_failure);
    tcase_add_test(context, limits);
    tcase_add_test(context, log_lines);
    suite_add_tcase(suite, context);
    tcase_set_tags(forks, "threads-after-fork"); /* which an emulator cannot do */
    tcase_add_test(forks, fork_after_threads);
    suite_add_tcase(suite, forks);
    return run_suite(suite);
}
