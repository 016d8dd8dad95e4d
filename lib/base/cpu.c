/* SPDX-License-Identifier: MIT
 * Which instruction set the kernels use: the CPU's best, or less if REDUX_TIER says so. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base.h"

#if defined(__x86_64__)
static const char *const names[] = {"portable", "avx2", "avx512"};
#elif defined(__aarch64__)
static const char *const names[] = {"portable", "neon"};
#else
static const char *const names[] = {"portable"};
#endif

static rdx_tier chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static rdx_tier best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return RDX_PORTABLE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq"))
        return RDX_AVX512;
    return RDX_AVX2;
#elif defined(__aarch64__)
    return RDX_NEON; /* part of the architecture */
#else
    return RDX_PORTABLE;
#endif
}

static void choose(void)
{
    const char *wanted = getenv("REDUX_TIER");
    chosen = best();
    for (int tier = 0; wanted != NULL && tier < RDX_COUNT(names); tier++)
        if (strcmp(wanted, names[tier]) == 0 && (rdx_tier)tier < chosen)
            chosen = (rdx_tier)tier;
}

rdx_tier rdx_tier_in_use(void)
{
    pthread_once(&once, choose);
    return chosen;
}

bool rdx_cpu_has_bfloat16(void)
{
#if defined(__x86_64__)
    return rdx_tier_in_use() == RDX_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

const char *redux_cpu_tier(void)
{
    return names[rdx_tier_in_use()];
}
