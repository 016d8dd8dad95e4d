/* SPDX-License-Identifier: MIT
 * Philox4x32-10 and the numbers made from it. */
#include <math.h>
#include <redux/random.h>
#include "base.h"

static const double pi = 3.14159265358979323846;

RDX_WRAPS void redux_random_philox(uint32_t out[4], const uint32_t counter[4],
                                   const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53U * c0, p1 = (uint64_t)0xCD9E8D57U * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9U; /* the Weyl sequence of the key: golden ratio and sqrt(3) - 1 */
        k1 += 0xBB67AE85U;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Block `block` of the key's stream. A first Philox call makes a sub-key of (seed, epoch,
 * operation), a second one numbers samples and blocks under it, so that all 192 bits of the key
 * count. */
static void stream_block(uint32_t out[4], const redux_random_key *key, uint32_t block)
{
    const uint32_t seed[2] = {(uint32_t)key->seed, (uint32_t)(key->seed >> 32)};
    const uint32_t family[4] = {key->epoch, key->operation, 0, 0};
    const uint32_t counter[4] = {block, 0, (uint32_t)key->sample, (uint32_t)(key->sample >> 32)};
    uint32_t sub_key[4];
    redux_random_philox(sub_key, family, seed);
    redux_random_philox(out, counter, sub_key);
}

uint32_t redux_random_u32(const redux_random_key *key, uint32_t index)
{
    uint32_t block[4];
    stream_block(block, key, index / 4);
    return block[index % 4];
}

/* The `index`-th pair of 32-bit numbers as one of 64. */
static uint64_t random_u64(const redux_random_key *key, uint32_t index)
{
    uint32_t block[4];
    stream_block(block, key, 0x80000000U | index / 2);
    const uint32_t *pair = index % 2 == 0 ? block : block + 2;
    return (uint64_t)pair[0] | (uint64_t)pair[1] << 32;
}

double redux_random_uniform(const redux_random_key *key, uint32_t index)
{
    return (double)(random_u64(key, index) >> 11) * 0x1p-53;
}

double redux_random_normal(const redux_random_key *key, uint32_t index)
{
    const uint64_t bits = random_u64(key, index);
    const double u = ((double)(uint32_t)bits + 1) * 0x1p-32; /* (0, 1] */
    const double v = (double)(uint32_t)(bits >> 32) * 0x1p-32;
    return sqrt(-2 * log(u)) * cos(2 * pi * v);
}

uint64_t redux_random_below(const redux_random_key *key, uint32_t index, uint64_t bound)
{
    /* Rejection needs more numbers. They come from a separate stream for each index. */
    redux_random_key own = *key;
    const uint64_t limit = bound == 0 ? 0 : UINT64_MAX - UINT64_MAX % bound;
    if (bound == 0)
        return 0;
    own.seed = random_u64(key, index);
    for (uint32_t i = 0;; i++) {
        uint64_t value = random_u64(&own, i);
        if (value < limit)
            return value % bound;
    }
}

void rdx_random_draw(int64_t *numbers, int64_t n, int64_t count, const redux_random_key *key)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t other = i + (int64_t)redux_random_below(key, (uint32_t)i, (uint64_t)(n - i));
        const int64_t number = numbers[other];
        numbers[other] = numbers[i];
        numbers[i] = number;
    }
}
