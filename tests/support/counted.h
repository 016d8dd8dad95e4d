/* SPDX-License-Identifier: MIT
 * An allocator for contexts that counts its blocks, and fails on request. */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <redux.h>
#include "support/test.h"

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

static inline redux_context_options counted(counter *c, int threads)
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

#endif
