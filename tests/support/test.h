/* SPDX-License-Identifier: MIT
 * Shared by the test programs: each test_*.c is one Check suite with a main of its own. */
#ifndef REDUX_TEST_H
#define REDUX_TEST_H

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <redux.h>

/* Check makes a system call for every assertion that holds, so as to say where a test crashed, and
 * a loop over voxels makes millions. The first passes of a line say that as well. */
static inline void test_mark_point(const char *file, int line)
{
    static atomic_uchar passes[1024];
    atomic_uchar *seen = &passes[line % 1024];
    if (atomic_load_explicit(seen, memory_order_relaxed) < 4) {
        atomic_fetch_add_explicit(seen, 1, memory_order_relaxed);
        _mark_point(file, line);
    }
}
#define _mark_point(file, line) test_mark_point(file, line)

#define ck_assert_redux_ok(expression)                                                             \
    do {                                                                                           \
        redux_status test_status = (expression);                                                   \
        ck_assert_msg(test_status == REDUX_OK, "%s: %s: %s", #expression,                          \
                      redux_status_string(test_status), redux_error_message());                    \
    } while (0)

#define ck_assert_redux(expected, expression)                                                      \
    do {                                                                                           \
        redux_status test_status = (expression);                                                   \
        ck_assert_msg(test_status == (expected), "%s: %s, expected %s: %s", #expression,           \
                      redux_status_string(test_status), redux_status_string(expected),             \
                      redux_error_message());                                                      \
    } while (0)

static inline redux_context *context_of(int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.threads = threads;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

/* REPORT=1 in the environment prints how near a test came. */
static inline void report_difference(const char *what, double worst)
{
    if (getenv("REPORT") != NULL)
        printf("%s: largest relative difference %.1e\n", what, worst);
}

/* Tests that take seconds and find little that the others do not: `make test` leaves them out,
 * `make check` runs them. */
static inline TCase *slow_tests(Suite *suite, double timeout)
{
    TCase *tests = tcase_create("slow");
    tcase_set_tags(tests, "slow");
    tcase_set_timeout(tests, timeout);
    suite_add_tcase(suite, tests);
    return tests;
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
