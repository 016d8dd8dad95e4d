/* SPDX-License-Identifier: MIT
 * Shared by tests/test_properties*.c: the seed of their random inputs, random images of several
 * kinds, and views that are not contiguous. */
#ifndef REDUX_TEST_PROPERTIES_H
#define REDUX_TEST_PROPERTIES_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "support/test.h"

/* Always the same inputs, unless REDUX_TEST_SEED says otherwise. */
static inline uint64_t test_seed(void)
{
    const char *given = getenv("REDUX_TEST_SEED");
    return given == NULL ? 20240607 : strtoull(given, NULL, 10);
}

/* The seed is what repeats a failure. */
static inline int run_seeded_suite(Suite *suite)
{
    const int status = run_suite(suite);
    if (status != EXIT_SUCCESS)
        printf("REDUX_TEST_SEED=%llu\n", (unsigned long long)test_seed());
    return status;
}

static inline redux_random_key key_of(uint64_t round)
{
    return (redux_random_key){.seed = test_seed(), .sample = round};
}

static inline int64_t random_side(const redux_random_key *key, uint32_t index, int64_t most)
{
    return 1 + (int64_t)redux_random_below(key, index, (uint64_t)most);
}

/* What slices are like: noise, waves, few levels, constant, constant but for a pixel, and a copy of
 * the first with some noise. */
enum { KINDS = 6 };

static inline double random_grey(const redux_random_key *key, int64_t kind, int64_t y, int64_t x,
                                 int64_t width)
{
    const uint32_t at = (uint32_t)(16 + 2 * (y * width + x));
    const uint32_t noise = redux_random_u32(key, at) % 256;
    switch (kind % KINDS) {
    case 0:
        return noise;
    case 1:
        return floor(127 + 100 * sin((double)x / 3) * cos((double)y / 5) + noise / 16.0);
    case 2:
        return noise % 3 * 90;
    case 3:
        return 77;
    case 4:
        return y == 0 && x == width - 1 ? 78 : 77;
    default:
        return redux_random_u32(key, at + 1) % 4 == 0 ? 255 - noise : noise;
    }
}

/* [n, h, w] uint8, or float32 of the same greys over 255; slice i is of kind i. */
static inline void random_slices(redux_tensor *out, redux_dtype dtype, int64_t n, int64_t h,
                                 int64_t w, uint64_t round)
{
    const redux_random_key key = key_of(round);
    ck_assert_redux_ok(redux_tensor_new(out, NULL, dtype, 3, (const int64_t[]){n, h, w}));
    for (int64_t i = 0; i < n * h * w; i++) {
        const int64_t at = i % (h * w);
        const double grey = random_grey(&key, i / (h * w), at / w, at % w, w);
        if (dtype == REDUX_UINT8)
            ((uint8_t *)out->data)[i] = (uint8_t)grey;
        else
            ((float *)out->data)[i] = (float)grey / 255;
    }
}

/* The same values in memory with gaps, axes exchanged and turned round. */
static inline void scattered(redux_tensor *out, const redux_tensor *in)
{
    int64_t shape[REDUX_MAX_DIMS];
    int32_t order[REDUX_MAX_DIMS];
    redux_tensor whole, view, next;
    for (int32_t i = 0; i < in->ndim; i++) {
        shape[i] = in->shape[in->ndim - 1 - i] * 2 + 3;
        order[i] = in->ndim - 1 - i;
    }
    ck_assert_redux_ok(redux_tensor_new(&whole, NULL, in->dtype, in->ndim, shape));
    memset(whole.data, 0x5a, (size_t)redux_tensor_elements(&whole) * redux_dtype_size(in->dtype));
    ck_assert_redux_ok(redux_tensor_permute(&view, &whole, order));
    for (int32_t i = 0; i < in->ndim; i++) {
        const int64_t n = in->shape[i];
        ck_assert_redux_ok(redux_tensor_slice(&next, &view, i, 2 * n, n, -2));
        redux_tensor_release(&view);
        view = next;
    }
    ck_assert_redux_ok(redux_tensor_copy(&view, in));
    redux_tensor_release(&whole);
    *out = view;
}

static inline redux_tensor row_of(const redux_tensor *items, int64_t i)
{
    redux_tensor row;
    ck_assert_redux_ok(redux_tensor_select(&row, items, 0, i));
    return row;
}

static inline double score_of(const redux_metric *metric, const redux_tensor *a,
                              const redux_tensor *b)
{
    double score = -7;
    ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, a, b));
    return score;
}

/* Equal, or both no numbers. */
static inline int same_score(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

#endif
