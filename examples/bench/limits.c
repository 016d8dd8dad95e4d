/* SPDX-License-Identifier: MIT
 * What the machine can do: rates that no program on it exceeds. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#if defined(REDUX_ISAL)
#include <isa-l/igzip_lib.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "bench.h"

const char *const limit_names[LIMIT_KINDS] = {"none",    "GFLOP/s float32",  "GB/s DRAM",
                                              "GB/s L2", "Gwords/s Hamming", "GB/s inflate"};

#define LONGEST 0.05 /* seconds, a sample */
enum { REPEATS = 5 };

typedef struct worker {
    limit_kind kind;
    unsigned char *block; /* owned, `size` bytes */
    size_t size;
    unsigned char *packed; /* for inflate */
    size_t packed_size;
    double seconds, units;
    volatile double sink;
} worker;

/* ---- multiply-adds ---- */

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static double flops_avx512(int64_t rounds)
{
    __m512 s[12], a = _mm512_set1_ps(0.999F);
    for (int i = 0; i < 12; i++)
        s[i] = _mm512_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++)
        __asm__ volatile(
            "vfmadd213ps %12, %12, %0\n vfmadd213ps %12, %12, %1\n vfmadd213ps %12, %12, %2\n"
            "vfmadd213ps %12, %12, %3\n vfmadd213ps %12, %12, %4\n vfmadd213ps %12, %12, %5\n"
            "vfmadd213ps %12, %12, %6\n vfmadd213ps %12, %12, %7\n vfmadd213ps %12, %12, %8\n"
            "vfmadd213ps %12, %12, %9\n vfmadd213ps %12, %12, %10\n vfmadd213ps %12, %12, %11"
            : "+v"(s[0]), "+v"(s[1]), "+v"(s[2]), "+v"(s[3]), "+v"(s[4]), "+v"(s[5]), "+v"(s[6]),
              "+v"(s[7]), "+v"(s[8]), "+v"(s[9]), "+v"(s[10]), "+v"(s[11])
            : "v"(a));
    return (double)rounds * 12 * 16 * 2;
}

__attribute__((target("avx2,fma"))) static double flops_avx2(int64_t rounds)
{
    __m256 s[12], a = _mm256_set1_ps(0.999F);
    for (int i = 0; i < 12; i++)
        s[i] = _mm256_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++)
        __asm__ volatile(
            "vfmadd213ps %12, %12, %0\n vfmadd213ps %12, %12, %1\n vfmadd213ps %12, %12, %2\n"
            "vfmadd213ps %12, %12, %3\n vfmadd213ps %12, %12, %4\n vfmadd213ps %12, %12, %5\n"
            "vfmadd213ps %12, %12, %6\n vfmadd213ps %12, %12, %7\n vfmadd213ps %12, %12, %8\n"
            "vfmadd213ps %12, %12, %9\n vfmadd213ps %12, %12, %10\n vfmadd213ps %12, %12, %11"
            : "+x"(s[0]), "+x"(s[1]), "+x"(s[2]), "+x"(s[3]), "+x"(s[4]), "+x"(s[5]), "+x"(s[6]),
              "+x"(s[7]), "+x"(s[8]), "+x"(s[9]), "+x"(s[10]), "+x"(s[11])
            : "x"(a));
    return (double)rounds * 12 * 8 * 2;
}

#endif

static double flops_plain(int64_t rounds)
{
    float s[16];
    for (int i = 0; i < 16; i++)
        s[i] = (float)i;
    for (int64_t r = 0; r < rounds; r++) {
        for (int i = 0; i < 16; i++)
            s[i] = s[i] * 0.999F + 0.999F;
        __asm__ volatile("" : : "r"(s) : "memory");
    }
    return (double)rounds * 16 * 2;
}

static double flops(int64_t rounds)
{
#if defined(__x86_64__)
    if (strcmp(redux_cpu_tier(), "avx512") == 0)
        return flops_avx512(rounds);
    if (strcmp(redux_cpu_tier(), "avx2") == 0)
        return flops_avx2(rounds);
#endif
    return flops_plain(rounds);
}

/* ---- bytes ---- */

#if defined(__x86_64__)

__attribute__((target("avx512f"))) static double read_avx512(const unsigned char *block,
                                                             size_t size)
{
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                    _mm512_setzero_si512()};
    for (size_t i = 0; i < size; i += 256)
        for (size_t k = 0; k < 4; k++)
            s[k] = _mm512_xor_si512(s[k], _mm512_load_si512(block + i + 64 * k));
    s[0] = _mm512_xor_si512(_mm512_xor_si512(s[0], s[1]), _mm512_xor_si512(s[2], s[3]));
    uint64_t lanes[8]; /* unsigned, since a sum of signed ones may overflow */
    memcpy(lanes, &s[0], sizeof lanes);
    return (double)(lanes[0] ^ lanes[3] ^ lanes[7]);
}

__attribute__((target("avx2"))) static __m256i load_avx2(const unsigned char *block)
{
    return _mm256_load_si256((const __m256i *)(const void *)block);
}

__attribute__((target("avx2"))) static double read_avx2(const unsigned char *block, size_t size)
{
    __m256i s[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                    _mm256_setzero_si256()};
    for (size_t i = 0; i < size; i += 128)
        for (size_t k = 0; k < 4; k++)
            s[k] = _mm256_xor_si256(s[k], load_avx2(block + i + 32 * k));
    return (double)_mm256_extract_epi64(
        _mm256_xor_si256(_mm256_xor_si256(s[0], s[1]), _mm256_xor_si256(s[2], s[3])), 0);
}

#endif

static double read_plain(const unsigned char *block, size_t size)
{
    uint64_t s[8] = {0};
    for (size_t i = 0; i < size; i += 64)
        for (size_t k = 0; k < 8; k++) {
            uint64_t word;
            memcpy(&word, block + i + 8 * k, sizeof word);
            s[k] ^= word;
        }
    return (double)(s[0] ^ s[1] ^ s[2] ^ s[3] ^ s[4] ^ s[5] ^ s[6] ^ s[7]);
}

static double read_all(const unsigned char *block, size_t size)
{
#if defined(__x86_64__)
    if (strcmp(redux_cpu_tier(), "avx512") == 0)
        return read_avx512(block, size);
    if (strcmp(redux_cpu_tier(), "avx2") == 0)
        return read_avx2(block, size);
#endif
    return read_plain(block, size);
}

/* ---- words compared ---- */

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512vpopcntdq"))) static double
words_avx512(const unsigned char *block, size_t size)
{
    __m512i least[4];
    const __m512i query = _mm512_set1_epi64(0x123456789abcdef);
    for (int k = 0; k < 4; k++)
        least[k] = _mm512_set1_epi64(64);
    for (size_t i = 0; i < size; i += 256)
        for (size_t k = 0; k < 4; k++) {
            const __m512i word = _mm512_load_si512(block + i + 64 * k);
            least[k] =
                _mm512_min_epu64(least[k], _mm512_popcnt_epi64(_mm512_xor_si512(word, query)));
        }
    least[0] = _mm512_min_epu64(least[0], least[1]);
    least[2] = _mm512_min_epu64(least[2], least[3]);
    return (double)_mm512_reduce_min_epu64(_mm512_min_epu64(least[0], least[2]));
}

/* Looks up nibbles, a byte each, which is faster than scalar counting: 16 look-ups and additions
 * for 32 words. */
__attribute__((target("avx2"))) static double words_avx2(const unsigned char *block, size_t size)
{
    const __m256i row = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2,
                                         1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    __m256i sum[4] = {row, row, row, row};
    for (int pass = 0; pass < 2; pass++) /* one nibble per byte: twice as much to read */
        for (size_t i = 0; i < size; i += 256)
#pragma GCC unroll 8
            for (size_t k = 0; k < 8; k++)
                sum[k % 4] = _mm256_add_epi8(
                    sum[k % 4], _mm256_shuffle_epi8(row, load_avx2(block + i + 32 * k)));
    return (double)_mm256_extract_epi64(
        _mm256_add_epi8(_mm256_add_epi8(sum[0], sum[1]), _mm256_add_epi8(sum[2], sum[3])), 0);
}

#endif

static double words(const unsigned char *block, size_t size)
{
#if defined(__x86_64__)
    if (strcmp(redux_cpu_tier(), "avx512") == 0)
        return words_avx512(block, size);
    if (strcmp(redux_cpu_tier(), "avx2") == 0)
        return words_avx2(block, size);
#endif
    return read_plain(block, size);
}

/* ---- timing ---- */

/* Uses the library's own engine (lib/io/gzip.c). */
static double inflated(worker *w)
{
#if defined(REDUX_ISAL)
    struct inflate_state state;
    isal_inflate_init(&state);
    state.crc_flag = ISAL_ZLIB;
    state.next_in = w->packed;
    state.avail_in = (uint32_t)w->packed_size;
    state.next_out = w->block;
    state.avail_out = (uint32_t)w->size;
    return isal_inflate(&state) == ISAL_DECOMP_OK ? (double)state.total_out : 0;
#else
    uLongf size = w->size;
    return uncompress(w->block, &size, w->packed, w->packed_size) == Z_OK ? (double)size : 0;
#endif
}

/* One round of work; returns its units. */
static double work(worker *w)
{
    switch (w->kind) {
    case LIMIT_FLOPS:
        return flops(100000);
    case LIMIT_BITS:
        for (int i = 0; i < 1000; i++)
            w->sink = words(w->block, w->size);
        return 1000.0 * (double)w->size / 8;
    case LIMIT_INFLATE:
        return inflated(w);
    case LIMIT_L2:
        for (int i = 0; i < 100; i++)
            w->sink = read_all(w->block, w->size);
        return 100.0 * (double)w->size;
    default:
        w->sink = read_all(w->block, w->size);
        return (double)w->size;
    }
}

static void *run_worker(void *user)
{
    worker *w = user;
    const double end = seconds_now() + w->seconds;
    w->units = 0;
    do
        w->units += work(w);
    while (seconds_now() < end);
    return NULL;
}

/* All threads at once; the best of several times. */
static double best_rate(worker *workers, int threads)
{
    double best = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        pthread_t thread[64];
        double units = 0;
        const double start = seconds_now();
        int started = 0;
        for (; started < threads; started++)
            if (pthread_create(&thread[started], NULL, run_worker, &workers[started]) != 0)
                break;
        for (int i = 0; i < started; i++) {
            pthread_join(thread[i], NULL);
            units += workers[i].units;
        }
        const double rate = units / (seconds_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

/* 16 bits that wander, with noise. */
static void fill_like_ct(unsigned char *block, size_t size)
{
    const redux_random_key key = {.seed = 3}, noise = {.seed = 4};
    int value = -1000;
    for (size_t i = 0; i < size; i += 2) {
        if (i % 64 == 0)
            value += (int)(redux_random_u32(&key, (uint32_t)(i / 64)) % 65) - 32;
        const int noisy = value + (int)(redux_random_u32(&noise, (uint32_t)(i / 2)) % 32);
        block[i] = (unsigned char)(noisy & 255);
        block[i + 1] = (unsigned char)(noisy >> 8 & 255);
    }
}

static redux_status prepare(worker *w, limit_kind kind, double seconds)
{
    static const size_t sizes[LIMIT_KINDS] = {0, 0, (size_t)64 << 20, 256 << 10, 16 << 10, 4 << 20};
    *w = (worker){.kind = kind, .size = sizes[kind], .seconds = fmin(seconds, LONGEST)};
    if (w->size == 0)
        return REDUX_OK;
    w->block = aligned_alloc(64, w->size);
    if (w->block == NULL)
        return REDUX_E_NO_MEMORY;
    memset(w->block, 1, w->size);
    if (kind != LIMIT_INFLATE)
        return REDUX_OK;
    fill_like_ct(w->block, w->size);
    uLongf size = compressBound(w->size);
    w->packed = malloc(size);
    if (w->packed == NULL || compress2(w->packed, &size, w->block, w->size, 6) != Z_OK)
        return REDUX_E_NO_MEMORY;
    w->packed_size = size;
    return REDUX_OK;
}

redux_status measure_limits(bench_limits *out, int threads, double seconds)
{
    worker workers[64];
    redux_status status = REDUX_OK;
    threads = threads > 64 ? 64 : threads;
    *out = (bench_limits){{0}};
    for (int kind = LIMIT_FLOPS; kind < LIMIT_KINDS && status == REDUX_OK; kind++) {
        int made = 0;
        for (; made < threads && status == REDUX_OK; made++)
            status = prepare(&workers[made], (limit_kind)kind, seconds);
        if (status == REDUX_OK)
            out->rate[kind] = best_rate(workers, threads);
        for (int i = 0; i < made; i++) {
            free(workers[i].block);
            free(workers[i].packed);
        }
    }
    return status;
}
