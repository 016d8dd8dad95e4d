/* SPDX-License-Identifier: MIT
 * lib/kernels/vector.h: in every tier that the processor has, each operation gives the bits of the
 * scalar expression beside it, lane by lane, for odd numbers too. */
#include <float.h>
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include "base/base.h"
#include "support/test.h"

enum { CHECKS = 13 };

static const float numbers[] = {0,        -0.0F,     1,        -1,         0.1F,       -0.7F,
                                3,        1234.567F, FLT_MAX,  -FLT_MAX,   FLT_MIN,    -FLT_MIN,
                                1e-40F,   -3e-45F,   INFINITY, NAN,        1e30F,      -1e-30F,
                                16777215, -INFINITY, 0.3F,     1.0000001F, 0.99999994F};
static const int32_t whole_numbers[] = {300,        4100,      -200,      32768,    0,
                                        1,          -1,        255,       16777217, -16777219,
                                        2147483647, 123456789, INT32_MIN, 1 << 30};
enum {
    NUMBERS = sizeof numbers / sizeof *numbers,
    WHOLE = sizeof whole_numbers / sizeof *whole_numbers
};

/* Some of the numbers, from `first` on: each lane has another one. */
static void fill(float *out, int count, int first)
{
    for (int k = 0; k < count; k++)
        out[k] = numbers[(first + k) % NUMBERS];
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The same bits; of a NaN any, since C leaves them open. */
static void expect_floats(const float *out, const float *expected, int count)
{
    for (int k = 0; k < count; k++)
        ck_assert_msg(bits_of(out[k]) == bits_of(expected[k]) ||
                          (isnan(out[k]) && isnan(expected[k])),
                      "lane %d is %a, expected %a", k, (double)out[k], (double)expected[k]);
}

/* The library compiles vector.h once in a file; here each of its names gets its tier's in front, so
 * that one program has them all. */
#define JOIN_AGAIN(a, b) a##_##b
#define JOIN(a, b) JOIN_AGAIN(a, b)
#define OWN(name) JOIN(TIER, name)
#define vec_f32 OWN(vec_f32)
#define vec_i32 OWN(vec_i32)
#define vec_u32 OWN(vec_u32)
#define vec_i16 OWN(vec_i16)
#define vec_u16 OWN(vec_u16)
#define vec_mask OWN(vec_mask)
#define vec_fma OWN(vec_fma)
#define vec_min OWN(vec_min)
#define vec_max OWN(vec_max)
#define vec_less OWN(vec_less)
#define vec_at_least OWN(vec_at_least)
#define vec_select OWN(vec_select)
#define vec_bits OWN(vec_bits)
#define vec_load OWN(vec_load)
#define vec_store OWN(vec_store)
#define vec_load_i32 OWN(vec_load_i32)
#define vec_store_i32 OWN(vec_store_i32)
#define vec_load_u8 OWN(vec_load_u8)
#define vec_load_u8_u16 OWN(vec_load_u8_u16)
#define vec_narrow OWN(vec_narrow)
#define vec_is_zero OWN(vec_is_zero)
#define vec_all_u16 OWN(vec_all_u16)
#define vec_store_u8 OWN(vec_store_u8)
#define vec_sums OWN(vec_sums)
#define vec_add_pairs OWN(vec_add_pairs)
#define vec_totals OWN(vec_totals)
#define vec_turn OWN(vec_turn)
#define vec_all OWN(vec_all)
#define vec_all_i32 OWN(vec_all_i32)
#define vec_from_i32 OWN(vec_from_i32)
#define vec_sum OWN(vec_sum)

#define TIER portable
#include "vector_checks.h"
#undef TIER

START_TEST(test_portable)
{
    portable_check(_i);
}
END_TEST

#if defined(__x86_64__)

/* The flags that the Makefile gives the tiers' own files. */
#if defined(__clang__)
#define TARGET_BEGIN(flags)                                                                        \
    TARGET_PRAGMA(clang attribute push(__attribute__((target(flags))), apply_to = function))
#define TARGET_END TARGET_PRAGMA(clang attribute pop)
#else
#define TARGET_BEGIN(flags) TARGET_PRAGMA(GCC push_options) TARGET_PRAGMA(GCC target(flags))
#define TARGET_END TARGET_PRAGMA(GCC pop_options)
#endif
#define TARGET_PRAGMA(text) _Pragma(#text)

#define TIER avx2
#define RDX_TIER_AVX2 1
TARGET_BEGIN("avx2,fma")
#include "vector_checks.h"
TARGET_END
#undef RDX_TIER_AVX2
#undef TIER

START_TEST(test_avx2)
{
    avx2_check(_i);
}
END_TEST

#define TIER avx512
#define RDX_TIER_AVX512 1
TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")
#include "vector_checks.h"
TARGET_END

START_TEST(test_avx512)
{
    avx512_check(_i);
}
END_TEST

#elif defined(__aarch64__)

#define TIER neon
#define RDX_TIER_NEON 1
#include "vector_checks.h"

START_TEST(test_neon)
{
    neon_check(_i);
}
END_TEST

#endif

int main(void)
{
    Suite *suite = suite_create("vector");
    TCase *tests = tcase_create("operations");
    tcase_add_loop_test(tests, test_portable, 0, CHECKS);
#if defined(__x86_64__)
    if (rdx_tier_in_use() >= RDX_AVX2)
        tcase_add_loop_test(tests, test_avx2, 0, CHECKS);
    if (rdx_tier_in_use() >= RDX_AVX512)
        tcase_add_loop_test(tests, test_avx512, 0, CHECKS);
#elif defined(__aarch64__)
    tcase_add_loop_test(tests, test_neon, 0, CHECKS);
#endif
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
