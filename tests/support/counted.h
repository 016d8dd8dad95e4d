/* SPDX-License-Identifier: MIT
 * An allocator for contexts that counts its blocks, and fails on request. */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <redux.h>
#include "support/test.h"

typedef struct counter {
    atomic_int live, calls;
    atomic_llong bytes; /* of the blocks that are alive */
    int fail_at;        /* the call that returns NULL; -1: none */
    bool and_on;        /* all later calls do, too */
} counter;

static inline void *counted_allocate(size_t size, size_t alignment, void *user)
{
    counter *c = user;
    void *block = NULL;
    ck_assert_uint_gt(size, 0);
    const int call = atomic_fetch_add(&c->calls, 1);
    if (call == c->fail_at || (c->and_on && c->fail_at >= 0 && call > c->fail_at))
        return NULL;
    ck_assert_int_eq(posix_memalign(&block, alignment, size), 0);
    memset(block, 0xa5, size);
    atomic_fetch_add(&c->live, 1);
    atomic_fetch_add(&c->bytes, (long long)malloc_usable_size(block));
    return block;
}

static inline void counted_deallocate(void *block, void *user)
{
    counter *c = user;
    ck_assert_ptr_nonnull(block);
    atomic_fetch_sub(&c->live, 1);
    atomic_fetch_sub(&c->bytes, (long long)malloc_usable_size(block));
    free(block);
}

static inline redux_context_options counted(counter *c, int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    atomic_init(&c->live, 0);
    atomic_init(&c->calls, 0);
    atomic_init(&c->bytes, 0);
    c->fail_at = -1;
    c->and_on = false;
    options.allocate = counted_allocate;
    options.deallocate = counted_deallocate;
    options.allocator_user = c;
    options.threads = threads;
    return options;
}

static inline redux_context *counted_context(counter *c, int threads)
{
    const redux_context_options options = counted(c, threads);
    redux_context *context;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

/* Call `call` from now on fails; -1: none does. */
static inline void counted_fail(counter *c, int call)
{
    c->fail_at = call;
    c->and_on = false;
    atomic_store(&c->calls, 0);
}

/* Call `call` from now on fails, and so do all after it. */
static inline void counted_fail_from(counter *c, int call)
{
    counted_fail(c, call);
    c->and_on = true;
}

#endif
