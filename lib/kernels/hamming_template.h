/* SPDX-License-Identifier: MIT
 * Hamming distances of codes of 64-bit words.
 *
 * 64-bit codes under AVX-512: eight codes and eight queries at a time. The threshold is tested on
 * the minimum of the eight distances, which is hardly ever low enough.
 *
 * AVX2 cannot count bits, so it looks them up. If several queries meet the same codes, those are
 * transposed into planes: of 128 codes first all lowest nibbles, a byte each, then the next ones,
 * and so on. One shuffle then counts, for 32 codes, the bits of a nibble that differ from the
 * query's. Codes whose first nibbles are too far away skip the others.
 *
 * NEON counts the bits of each byte; pairwise additions, of which one serves two registers, leave
 * a sum a code. */

static uint32_t hamming_distance(const uint64_t *a, const uint64_t *b, int64_t words)
{
    uint32_t distance = 0;
    for (int64_t w = 0; w < words; w++)
        distance += (uint32_t)__builtin_popcountll(a[w] ^ b[w]);
    return distance;
}

#if defined(RDX_TIER_NEON)
#define HAMMING_BLOCK_64 16 /* codes that are looked at together: of 64 bits, */
#define HAMMING_BLOCK_256 8 /* and of 256 */

/* How many bits of each byte differ. */
static inline uint8x16_t hamming_bytes(const uint64_t *codes, uint64x2_t query)
{
    return vcntq_u8(vreinterpretq_u8_u64(veorq_u64(vld1q_u64(codes), query)));
}

/* Neighbouring bytes are added three times: each byte of the result is a sum of eight. */
static inline uint8x16_t hamming_add_pairs(uint8x16_t sum[8])
{
#pragma GCC unroll 3
    for (int count = 4; count > 0; count /= 2)
#pragma GCC unroll 4
        for (int k = 0; k < count; k++)
            sum[k] = vpaddq_u8(sum[2 * k], sum[2 * k + 1]);
    return sum[0];
}

/* Sixteen codes of 64 bits: four bits of the result for each one within the limit. */
static inline uint64_t hamming_near_64(const uint64_t *codes, uint64x2_t query, uint8x16_t limit)
{
    uint8x16_t sum[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
        sum[k] = hamming_bytes(codes + 2 * k, query);
    const uint8x16_t sums = hamming_add_pairs(sum);
    const uint16x8_t near = vreinterpretq_u16_u8(vcleq_u8(sums, limit));
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(near, 4)), 0);
}

/* Eight codes of 256 bits: eight bits of the result for each one within the limit. */
static inline uint64_t hamming_near_256(const uint64_t *codes, const uint64_t *query,
                                        uint16x8_t limit)
{
    const uint64x2_t first = vld1q_u64(query), second = vld1q_u64(query + 2);
    uint8x16_t sum[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
        sum[k] =
            vaddq_u8(hamming_bytes(codes + 4 * k, first), hamming_bytes(codes + 4 * k + 2, second));
    const uint8x16_t sums = hamming_add_pairs(sum);
    const uint8x8_t near = vmovn_u16(vcleq_u16(vpaddlq_u8(sums), limit));
    return vget_lane_u64(vreinterpret_u64_u8(near), 0);
}

static inline uint8x16_t hamming_limit_64(uint32_t radius)
{
    return vdupq_n_u8((uint8_t)(radius < 255 ? radius : 255));
}

static inline uint16x8_t hamming_limit_256(uint32_t radius)
{
    return vdupq_n_u16((uint16_t)(radius < 65535 ? radius : 65535));
}
#endif

/* One query: the first of the kept codes from `start` on within the radius, or -1. */
static int64_t hamming_first_one(const uint64_t *kept, int64_t start, int64_t kept_count,
                                 const uint64_t *query, int64_t words, uint32_t radius)
{
    int64_t i = start;
#if defined(RDX_TIER_NEON)
    const uint64x2_t one = vdupq_n_u64(query[0]);
    for (; words == 1 && i + HAMMING_BLOCK_64 <= kept_count; i += HAMMING_BLOCK_64) {
        const uint64_t near = hamming_near_64(kept + i, one, hamming_limit_64(radius));
        if (near != 0)
            return i + __builtin_ctzll(near) / 4;
    }
    for (; words == 4 && i + HAMMING_BLOCK_256 <= kept_count; i += HAMMING_BLOCK_256) {
        const uint64_t near = hamming_near_256(kept + 4 * i, query, hamming_limit_256(radius));
        if (near != 0)
            return i + __builtin_ctzll(near) / 8;
    }
#endif
    for (; i < kept_count; i++)
        if (hamming_distance(kept + i * words, query, words) <= radius)
            return i;
    return -1;
}

#if defined(RDX_TIER_AVX2)

#define HAMMING_GROUP 128 /* codes whose planes lie together */
#define HAMMING_PLANES 16 /* of a word */
#define HAMMING_MOST 254  /* the largest radius with planes: sums stop at 255 */
#define HAMMING_LONG 16   /* the most words of a code with planes, which take 16 times its room */

/* How many bits differ: [nibble of the query][nibble of a code]. */
#define HAMMING_BITS(a, b) __builtin_popcount((a) ^ (b))
#define HAMMING_FOUR(a, b)                                                                         \
    HAMMING_BITS(a, b), HAMMING_BITS(a, (b) + 1), HAMMING_BITS(a, (b) + 2), HAMMING_BITS(a, (b) + 3)
#define HAMMING_ROW(a)                                                                             \
    {                                                                                              \
        HAMMING_FOUR(a, 0), HAMMING_FOUR(a, 4), HAMMING_FOUR(a, 8), HAMMING_FOUR(a, 12)            \
    }
static const uint8_t hamming_table[16][16] __attribute__((aligned(16))) = {
    HAMMING_ROW(0),  HAMMING_ROW(1),  HAMMING_ROW(2),  HAMMING_ROW(3),
    HAMMING_ROW(4),  HAMMING_ROW(5),  HAMMING_ROW(6),  HAMMING_ROW(7),
    HAMMING_ROW(8),  HAMMING_ROW(9),  HAMMING_ROW(10), HAMMING_ROW(11),
    HAMMING_ROW(12), HAMMING_ROW(13), HAMMING_ROW(14), HAMMING_ROW(15)};

static inline __m256i hamming_row(uint64_t nibble)
{
    return _mm256_broadcastsi128_si256(_mm_load_si128((const void *)hamming_table[nibble]));
}

/* Two codes in each half, 16 codes apart. */
static inline __m256i hamming_load(const uint64_t *codes, int64_t words)
{
    const uint64_t *far = codes + 16 * words;
    if (words == 1)
        return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)codes)),
                                       _mm_loadu_si128((const void *)far), 1);
    return _mm256_setr_epi64x((long long)codes[0], (long long)codes[words], (long long)far[0],
                              (long long)far[words]);
}

/* One word of 32 codes: 16 planes of 32 bytes, HAMMING_GROUP bytes apart. */
static inline __attribute__((always_inline)) void hamming_turn(uint8_t *planes,
                                                               const uint64_t *codes, int64_t words)
{
    const __m128i by_byte = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    const __m256i order = _mm256_broadcastsi128_si256(by_byte), nibble = _mm256_set1_epi8(15);
    __m256i a[8], b[8];
    for (int j = 0; j < 8; j++)
        a[j] = _mm256_shuffle_epi8(hamming_load(codes + 2 * j * words, words), order);
    for (int j = 0; j < 4; j++) { /* 16-bit units are turned, 8 x 8 in each half */
        b[j] = _mm256_unpacklo_epi16(a[2 * j], a[2 * j + 1]);
        b[4 + j] = _mm256_unpackhi_epi16(a[2 * j], a[2 * j + 1]);
    }
    for (int j = 0; j < 4; j++) {
        a[2 * j] = _mm256_unpacklo_epi32(b[2 * j], b[2 * j + 1]);
        a[2 * j + 1] = _mm256_unpackhi_epi32(b[2 * j], b[2 * j + 1]);
    }
    for (int j = 0; j < 8; j += 4)
        for (int k = 0; k < 2; k++) {
            b[j + 2 * k] = _mm256_unpacklo_epi64(a[j + k], a[j + k + 2]);
            b[j + 2 * k + 1] = _mm256_unpackhi_epi64(a[j + k], a[j + k + 2]);
        }
    for (int j = 0; j < 8; j++, planes += 2 * HAMMING_GROUP) {
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(b[j], 4), nibble);
        _mm256_store_si256((void *)planes, _mm256_and_si256(b[j], nibble));
        _mm256_store_si256((void *)(planes + HAMMING_GROUP), high);
    }
}

static void hamming_turn_group(uint8_t *planes, const uint64_t *codes, int64_t words)
{
    if (words == 1) {
        for (int64_t i = 0; i < HAMMING_GROUP; i += 32)
            hamming_turn(planes + i, codes + i, 1);
        return;
    }
    for (int64_t w = 0; w < words; w++, planes += HAMMING_PLANES * HAMMING_GROUP)
        for (int64_t i = 0; i < HAMMING_GROUP; i += 32)
            hamming_turn(planes + i, codes + i * words + w, words);
}

/* Of the least, whether it is within: all bits of a byte. */
static inline __m256i hamming_is_near(__m256i distance, __m256i radius)
{
    return _mm256_cmpeq_epi8(_mm256_min_epu8(distance, radius), distance);
}

/* Which codes of a group are within the radius; false: none. */
static inline bool hamming_near_group(uint32_t near[4], const uint8_t *planes,
                                      const uint64_t *query, int64_t words, __m256i radius)
{
    __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                      _mm256_setzero_si256()};
    for (int64_t half = 0; half < 2 * words; half++, planes += 8 * HAMMING_GROUP) {
        const uint64_t bits = query[half / 2] >> half % 2 * 32;
#pragma GCC unroll 8
        for (int n = 0; n < 8; n++) {
            const __m256i row = hamming_row(bits >> 4 * n & 15);
            const uint8_t *plane = planes + n * HAMMING_GROUP;
            for (int j = 0; j < 4; j++)
                sum[j] = _mm256_adds_epu8(
                    sum[j], _mm256_shuffle_epi8(
                                row, _mm256_load_si256((const void *)(plane + (size_t)j * 32))));
        }
        const __m256i least =
            _mm256_min_epu8(_mm256_min_epu8(sum[0], sum[1]), _mm256_min_epu8(sum[2], sum[3]));
        if (_mm256_testz_si256(hamming_is_near(least, radius), hamming_is_near(least, radius)))
            return false;
    }
    for (int j = 0; j < 4; j++)
        near[j] = (uint32_t)_mm256_movemask_epi8(hamming_is_near(sum[j], radius));
    return true;
}

static inline __m256i hamming_radius(uint32_t radius)
{
    return _mm256_set1_epi8((char)(uint8_t)radius);
}

#define HAMMING_TURNED 4 /* the most words of a code that hamming_first turns, */
#define HAMMING_FEW 4    /* for at least so many queries */

/* The first of a group's codes within the radius of each query that has none yet; returns how many
 * have none still. */
static int64_t hamming_first_group(const uint64_t *kept, int64_t start, const uint64_t *queries,
                                   int64_t count, int64_t words, uint32_t radius, int64_t *first)
{
    uint8_t planes[HAMMING_TURNED * HAMMING_PLANES * HAMMING_GROUP] __attribute__((aligned(32)));
    const __m256i limit = hamming_radius(radius);
    uint32_t near[4];
    int64_t open = 0;
    hamming_turn_group(planes, kept + start * words, words);
    for (int64_t q = 0; q < count; q++) {
        if (first[q] >= 0)
            continue;
        open++;
        if (!hamming_near_group(near, planes, queries + q * words, words, limit))
            continue;
        for (int j = 3; j >= 0; j--)
            if (near[j] != 0)
                first[q] = start + (int64_t)j * 32 + __builtin_ctz(near[j]);
        open -= first[q] >= 0;
    }
    return open;
}

/* Four codes of 64 bits; distances below 256 in lanes of 64 bits. */
static inline __m256i hamming_four(const uint64_t *codes, __m256i query)
{
    const __m256i row = hamming_row(0), nibble = _mm256_set1_epi8(15);
    const __m256i bits = _mm256_xor_si256(_mm256_loadu_si256((const void *)codes), query);
    const __m256i low = _mm256_shuffle_epi8(row, _mm256_and_si256(bits, nibble));
    const __m256i high =
        _mm256_shuffle_epi8(row, _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

#endif

#if defined(RDX_TIER_AVX512) && defined(__AVX512VPOPCNTDQ__)
#define HAMMING_QUERIES 8

/* Finds the first code within the radius of each of eight queries. Queries drop out only when all
 * are done, because most have no hit at all. */
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
    int64_t start = 0;
    for (int64_t i = q; i < count; i++)
        first[i] = -1;
#if defined(RDX_TIER_AVX2)
    const bool turn = words <= HAMMING_TURNED && radius <= HAMMING_MOST;
    for (int64_t open = count; turn && open >= HAMMING_FEW && start + HAMMING_GROUP <= kept_count;
         start += HAMMING_GROUP)
        open = hamming_first_group(kept, start, queries, count, words, radius, first);
#endif
    for (; q < count; q++)
        if (first[q] < 0)
            first[q] =
                hamming_first_one(kept, start, kept_count, queries + q * words, words, radius);
}

/* Bytes of the planes of so many codes; 0: this tier, or this length, has no use for them. */
static int64_t hamming_plane_bytes(int64_t count, int64_t words)
{
#if defined(RDX_TIER_AVX2)
    return words > HAMMING_LONG ? 0
                                : count / HAMMING_GROUP * HAMMING_GROUP * HAMMING_PLANES * words;
#else
    (void)count;
    (void)words;
    return 0;
#endif
}

/* For hamming_within with several queries; `planes` is aligned to 64 bytes. */
/* NOLINTNEXTLINE(readability-non-const-parameter): written with AVX2 */
static void hamming_planes(uint8_t *planes, const uint64_t *many, int64_t count, int64_t words)
{
#if defined(RDX_TIER_AVX2)
    for (int64_t i = 0; i + HAMMING_GROUP <= count; i += HAMMING_GROUP)
        hamming_turn_group(planes + i * HAMMING_PLANES * words, many + i * words, words);
#else
    (void)planes;
    (void)many;
    (void)count;
    (void)words;
#endif
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

/* The rows whose distance to the query is at most `radius`, ascending; returns how many. `planes`
 * of the same codes, or NULL. */
static int64_t hamming_within(const uint64_t *many, const uint8_t *planes, int64_t count,
                              const uint64_t *query, int64_t words, uint32_t radius, int32_t *rows)
{
    int64_t found = 0, i = 0;
    (void)planes;
#if defined(RDX_TIER_AVX512) && defined(__AVX512VPOPCNTDQ__)
    const __m512i limit = _mm512_set1_epi64(radius), one = _mm512_set1_epi64((long long)query[0]);
    /* One jump for four registers: hits are few, and the nearest of the codes decides. */
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
#elif defined(RDX_TIER_AVX2)
    const __m256i limit = hamming_radius(radius);
    uint32_t near[4];
    for (; planes != NULL && radius <= HAMMING_MOST && i + HAMMING_GROUP <= count;
         i += HAMMING_GROUP, planes += HAMMING_PLANES * HAMMING_GROUP * words)
        if (hamming_near_group(near, planes, query, words, limit))
            for (int j = 0; j < 4; j++)
                for (uint32_t hits = near[j]; hits != 0; hits &= hits - 1)
                    rows[found++] = (int32_t)(i + j * 32 + __builtin_ctz(hits));
    const __m256i one = _mm256_set1_epi64x((long long)query[0]);
    const __m256i beyond = _mm256_set1_epi64x((long long)radius + 1);
    for (; words == 1 && i + 16 <= count; i += 16) {
        unsigned hits = 0;
        for (int k = 0; k < 4; k++) {
            const __m256i is_near = _mm256_cmpgt_epi64(beyond, hamming_four(many + i + 4 * k, one));
            hits |= (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(is_near)) << 4 * k;
        }
        for (; hits != 0; hits &= hits - 1)
            rows[found++] = (int32_t)(i + __builtin_ctz(hits));
    }
#elif defined(RDX_TIER_NEON)
    const uint64x2_t one = vdupq_n_u64(query[0]);
    for (; words == 1 && i + HAMMING_BLOCK_64 <= count; i += HAMMING_BLOCK_64)
        for (uint64_t near = hamming_near_64(many + i, one, hamming_limit_64(radius)); near != 0;) {
            const int place = __builtin_ctzll(near) / 4;
            rows[found++] = (int32_t)(i + place);
            near &= ~(15ULL << 4 * place);
        }
    for (; words == 4 && i + HAMMING_BLOCK_256 <= count; i += HAMMING_BLOCK_256)
        for (uint64_t near = hamming_near_256(many + 4 * i, query, hamming_limit_256(radius));
             near != 0;) {
            const int place = __builtin_ctzll(near) / 8;
            rows[found++] = (int32_t)(i + place);
            near &= ~(255ULL << 8 * place);
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
