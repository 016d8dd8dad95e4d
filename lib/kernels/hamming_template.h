/* SPDX-License-Identifier: MIT
 * Hamming distances of codes of 64-bit words.
 *
 * 64-bit codes under AVX-512: eight codes against eight queries at a time; the threshold test is
 * put off to the minimum of the eight distances, which is hardly ever low enough. */

static uint32_t hamming_distance(const uint64_t *a, const uint64_t *b, int64_t words)
{
    uint32_t distance = 0;
    for (int64_t w = 0; w < words; w++)
        distance += (uint32_t)__builtin_popcountll(a[w] ^ b[w]);
    return distance;
}

/* One query: the first of the kept codes from `start` on within the radius, or -1. */
static int64_t hamming_first_one(const uint64_t *kept, int64_t start, int64_t kept_count,
                                 const uint64_t *query, int64_t words, uint32_t radius)
{
    for (int64_t i = start; i < kept_count; i++)
        if (hamming_distance(kept + i * words, query, words) <= radius)
            return i;
    return -1;
}

#if defined(RDX_TIER_AVX512) && defined(__AVX512VPOPCNTDQ__)
#define HAMMING_QUERIES 8

/* Where the first code within the radius of each of eight queries is. Queries that are done drop
 * out only when all are: most have no hit at all. */
static void hamming_first_block(const uint64_t *kept, int64_t kept_count, const uint64_t *queries,
                                uint32_t radius, int64_t *first)
{
    const __m512i limit = _mm512_set1_epi64(radius);
    __m512i query[HAMMING_QUERIES], distance[HAMMING_QUERIES];
    int64_t i = 0;
    unsigned open = (1U << HAMMING_QUERIES) - 1;

    for (int q = 0; q < HAMMING_QUERIES; q++) {
        query[q] = _mm512_set1_epi64((long long)queries[q]);
        first[q] = -1;
    }
    for (; i + 8 <= kept_count && open != 0; i += 8) {
        const __m512i codes = _mm512_loadu_si512(kept + i);
        /* 64-bit lanes that hold at most 64: their 32-bit minimum is theirs, and quicker */
#pragma GCC unroll 8
        for (int q = 0; q < HAMMING_QUERIES; q++)
            distance[q] = _mm512_popcnt_epi64(_mm512_xor_si512(codes, query[q]));
        const __m512i least =
            _mm512_min_epu32(_mm512_min_epu32(_mm512_min_epu32(distance[0], distance[1]),
                                              _mm512_min_epu32(distance[2], distance[3])),
                             _mm512_min_epu32(_mm512_min_epu32(distance[4], distance[5]),
                                              _mm512_min_epu32(distance[6], distance[7])));
        if (__builtin_expect(_mm512_cmple_epu64_mask(least, limit) == 0, 1))
            continue;
        for (int q = 0; q < HAMMING_QUERIES; q++) {
            const unsigned hits = _mm512_cmple_epu64_mask(distance[q], limit);
            if (hits != 0 && (open >> q & 1) != 0) {
                first[q] = i + __builtin_ctz(hits);
                open &= ~(1U << q);
            }
        }
    }
    for (int q = 0; q < HAMMING_QUERIES; q++)
        if ((open >> q & 1) != 0)
            first[q] = hamming_first_one(kept, i, kept_count, queries + q, 1, radius);
}
#endif

/* first[q]: the first of the kept codes whose distance to query q is at most `radius`, or -1. */
static void hamming_first(const uint64_t *kept, int64_t kept_count, const uint64_t *queries,
                          int64_t count, int64_t words, uint32_t radius, int64_t *first)
{
    int64_t q = 0;
#if defined(RDX_TIER_AVX512) && defined(__AVX512VPOPCNTDQ__)
    for (; words == 1 && q + HAMMING_QUERIES <= count; q += HAMMING_QUERIES)
        hamming_first_block(kept, kept_count, queries + q, radius, first + q);
#endif
    for (; q < count; q++)
        first[q] = hamming_first_one(kept, 0, kept_count, queries + q * words, words, radius);
}

#if defined(RDX_TIER_AVX512) && defined(__AVX512VPOPCNTDQ__)
/* Which of eight codes of 256 bits are within the limit. A register holds two codes; adding the
 * halves of four registers crosswise leaves one sum a code, in the order 0 2 1 3 4 6 5 7. */
static unsigned hamming_near_256(const uint64_t *codes, __m512i query, __m512i limit)
{
    __m512i count[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        count[i] = _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(codes + 8 * i), query));
    const __m512i low = _mm512_add_epi64(_mm512_unpacklo_epi64(count[0], count[1]),
                                         _mm512_unpackhi_epi64(count[0], count[1]));
    const __m512i high = _mm512_add_epi64(_mm512_unpacklo_epi64(count[2], count[3]),
                                          _mm512_unpackhi_epi64(count[2], count[3]));
    const __m512i sums = _mm512_add_epi64(_mm512_shuffle_i64x2(low, high, 0x88),
                                          _mm512_shuffle_i64x2(low, high, 0xdd));
    const unsigned hits = _mm512_cmple_epu64_mask(sums, limit);
    return (hits & 0x99U) | (hits & 0x22U) << 1 | (hits & 0x44U) >> 1;
}
#endif

/* The rows whose distance to the query is at most `radius`, ascending; returns how many. */
static int64_t hamming_within(const uint64_t *many, int64_t count, const uint64_t *query,
                              int64_t words, uint32_t radius, int32_t *rows)
{
    int64_t found = 0, i = 0;
#if defined(RDX_TIER_AVX512) && defined(__AVX512VPOPCNTDQ__)
    const __m512i limit = _mm512_set1_epi64(radius), one = _mm512_set1_epi64((long long)query[0]);
    /* Four registers for one jump: hits are few, and the nearest of the codes decides. */
    for (; words == 1 && i + 32 <= count; i += 32) {
        __m512i distance[4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            distance[k] =
                _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(many + i + 8 * k), one));
        const __m512i least = _mm512_min_epu32(_mm512_min_epu32(distance[0], distance[1]),
                                               _mm512_min_epu32(distance[2], distance[3]));
        if (__builtin_expect(_mm512_cmple_epu64_mask(least, limit) == 0, 1))
            continue;
        for (int k = 0; k < 4; k++)
            for (unsigned hits = _mm512_cmple_epu64_mask(distance[k], limit); hits != 0;
                 hits &= hits - 1)
                rows[found++] = (int32_t)(i + 8 * k + __builtin_ctz(hits));
    }
    for (; words == 1 && i + 8 <= count; i += 8) {
        const __m512i codes = _mm512_loadu_si512(many + i);
        unsigned hits =
            _mm512_cmple_epu64_mask(_mm512_popcnt_epi64(_mm512_xor_si512(codes, one)), limit);
        for (; hits != 0; hits &= hits - 1)
            rows[found++] = (int32_t)(i + __builtin_ctz(hits));
    }
    if (words == 4) {
        const __m512i four = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)query));
        for (; i + 8 <= count; i += 8)
            for (unsigned hits = hamming_near_256(many + 4 * i, four, limit); hits != 0;
                 hits &= hits - 1)
                rows[found++] = (int32_t)(i + __builtin_ctz(hits));
    }
#endif
    for (; i < count; i++)
        if (hamming_distance(many + i * words, query, words) <= radius)
            rows[found++] = (int32_t)i;
    return found;
}

/* The places in the list of those rows whose distance to the query is at most `radius`; returns how
 * many. Rows may lie anywhere: the caller has fetched them into the cache. */
static int64_t hamming_listed(const uint64_t *codes, const uint32_t *rows, int64_t count,
                              const uint64_t *query, int64_t words, uint32_t radius,
                              int32_t *places)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        places[found] = (int32_t)i;
        found += hamming_distance(codes + (int64_t)rows[i] * words, query, words) <= radius;
    }
    return found;
}
