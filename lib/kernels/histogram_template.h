/* SPDX-License-Identifier: MIT
 * Histograms of bins (one byte a pixel), of one image and of two.
 *
 * Medical images have long runs of one value (air), on which a histogram stalls: each increment
 * waits for the one before. So whole blocks of one value are detected and counted at once, and
 * neighbouring pixels go into different histograms. Forming the indices is vectorised; the
 * increments cannot be, and take about a cycle each. */

#include "xlog2x.h"

/* The value of eight equal bytes is equal to itself turned by one byte. */
static inline int histogram_equal_bytes(uint64_t bytes)
{
    return bytes == (bytes >> 8 | (bytes & 255) << 56);
}

/* Adds the number of pixels of each value to counts[0 ... 255]. */
static void histogram_counts(uint32_t *counts, const uint8_t *pixels, int64_t count)
{
    uint32_t part[4][256];
    int64_t i = 0;
    memset(part, 0, sizeof part);
    for (; i + 16 <= count; i += 16) {
        uint64_t x, y;
        memcpy(&x, pixels + i, 8);
        memcpy(&y, pixels + i + 8, 8);
        if (x == y && histogram_equal_bytes(x)) {
            part[0][x & 255] += 16;
            continue;
        }
        for (int k = 0; k < 8; k += 2) {
            part[0][x >> (8 * k) & 255]++;
            part[1][y >> (8 * k) & 255]++;
            part[2][x >> (8 * k + 8) & 255]++;
            part[3][y >> (8 * k + 8) & 255]++;
        }
    }
    for (; i < count; i++)
        part[0][pixels[i]]++;
    for (int k = 0; k < 256; k++)
        counts[k] += part[0][k] + part[1][k] + part[2][k] + part[3][k];
}

#if VEC_INTEGERS
#define HISTOGRAM_BLOCK 32 /* pixels that are looked at together */

/* index[i] = a[i] * bins + b[i] for one block; returns whether all are equal. */
static inline int histogram_index(uint16_t *index, const uint8_t *a, const uint8_t *b,
                                  uint16_t bins)
{
    vec_u16 first = {0}, other = {0};
    for (int i = 0; i < HISTOGRAM_BLOCK; i += 2 * VEC_LANES) {
        const vec_u16 cell = vec_load_u8_u16(a + i) * bins + vec_load_u8_u16(b + i);
        vec_store_i32(index + i, (vec_i32)cell);
        first = i == 0 ? vec_all_u16(cell[0]) : first;
        other |= cell ^ first;
    }
    return vec_is_zero((vec_i32)other);
}
#else
#define HISTOGRAM_BLOCK 8

static inline int histogram_index(uint16_t *index, const uint8_t *a, const uint8_t *b,
                                  uint16_t bins)
{
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    for (int k = 0; k < HISTOGRAM_BLOCK; k++)
        index[k] = (uint16_t)(a[k] * bins + b[k]);
    return histogram_equal_bytes(x) && histogram_equal_bytes(y);
}
#endif

/* Counts the cells of one block. */
static inline void histogram_add_block(uint16_t *even, uint16_t *odd, const uint16_t *index)
{
    for (int k = 0; k < HISTOGRAM_BLOCK; k += 4) {
        uint64_t four;
        memcpy(&four, index + k, 8);
        even[four & 65535]++;
        odd[four >> 16 & 65535]++;
        even[four >> 32 & 65535]++;
        odd[four >> 48]++;
    }
}

/* Adds the pairs (a[i], b[i]) of bins to even[a * bins + b] or odd[...]; the two may be one
 * histogram. At most 65535 pixels if they are, else at most 131070: then no cell can overflow,
 * because each histogram gets every other pixel, and half of each run. */
static void histogram_joint(uint16_t *even, uint16_t *odd, const uint8_t *a, const uint8_t *b,
                            int64_t count, int32_t bins)
{
    _Alignas(64) uint16_t index[HISTOGRAM_BLOCK];
    int64_t i = 0;
    for (; i + HISTOGRAM_BLOCK <= count; i += HISTOGRAM_BLOCK)
        if (histogram_index(index, a + i, b + i, (uint16_t)bins)) {
            even[index[0]] = (uint16_t)(even[index[0]] + HISTOGRAM_BLOCK / 2);
            odd[index[0]] = (uint16_t)(odd[index[0]] + HISTOGRAM_BLOCK / 2);
        } else {
            histogram_add_block(even, odd, index);
        }
    for (; i < count; i++) {
        uint16_t *half = i % 2 == 0 ? even : odd;
        half[a[i] * bins + b[i]]++;
    }
}

/* ---- of any number of pixels ---- */

/* The list has every cell of `wide` that is not 0. */
static inline void histogram_widen(rdx_joint_counts *joint, uint32_t cell, uint32_t count)
{
    joint->listed[joint->listed_count] = (uint16_t)cell;
    joint->listed_count += joint->wide[cell] == 0;
    joint->wide[cell] += count;
}

/* Moves large counts to `wide`. */
static void histogram_trim(rdx_joint_counts *joint, uint16_t *half)
{
    for (int64_t i = 0; i < joint->cells; i += 32) {
        uint16_t any = 0;
        for (int k = 0; k < 32; k++)
            any |= half[i + k];
        for (int64_t cell = i; any >= RDX_JOINT_LARGE && cell < i + 32; cell++)
            if (half[cell] >= RDX_JOINT_LARGE) {
                histogram_widen(joint, (uint32_t)cell, half[cell]);
                half[cell] = 0;
            }
    }
}

/* Adds the pairs (a[i], b[i]). Blocks of one value go to `wide`, run by run, so that in most
 * medical images the others never fill the 16-bit halves. */
static void histogram_pairs(rdx_joint_counts *joint, const uint8_t *a, const uint8_t *b,
                            int64_t count)
{
    _Alignas(64) uint16_t index[HISTOGRAM_BLOCK];
    uint16_t *even = joint->even, *odd = joint->odd; /* stores cannot alias these */
    const uint16_t bins = (uint16_t)joint->bins;
    int64_t i = 0, room = joint->room;
    uint32_t cell = 0, run = 0;
    for (; i + HISTOGRAM_BLOCK <= count; i += HISTOGRAM_BLOCK) {
        if (histogram_index(index, a + i, b + i, bins)) {
            if (index[0] != cell) {
                if (run > 0)
                    histogram_widen(joint, cell, run);
                cell = index[0];
                run = 0;
            }
            run += HISTOGRAM_BLOCK;
            continue;
        }
        histogram_add_block(even, odd, index);
        room -= HISTOGRAM_BLOCK;
        if (room >= 0)
            continue;
        histogram_trim(joint, even);
        histogram_trim(joint, odd);
        room = RDX_JOINT_ROOM;
    }
    if (run > 0)
        histogram_widen(joint, cell, run);
    for (; i < count; i++)
        histogram_widen(joint, (uint32_t)(a[i] * joint->bins + b[i]), 1);
    joint->room = room;
}

/* Adds the sums of rows and columns of the halves; `odd` may be NULL. */
static void histogram_columns(uint32_t *rows, uint32_t *columns, const uint16_t *even,
                              const uint16_t *odd, int32_t bins)
{
    for (int32_t half = 0; half < (odd == NULL ? 1 : 2); half++)
        for (int32_t row = 0; row < bins; row++) {
            const uint16_t *cells = (half == 0 ? even : odd) + row * bins;
            uint32_t sum = 0;
            for (int32_t k = 0; k < bins; k++) {
                sum += cells[k];
                columns[k] += cells[k];
            }
            rows[row] += sum;
        }
}

/* wide[i] += even[i] + odd[i], and clears both. */
static void histogram_fold(uint32_t *wide, uint16_t *even, uint16_t *odd, int64_t cells)
{
    for (int64_t i = 0; i < cells; i++)
        wide[i] += (uint32_t)even[i] + odd[i];
    memset(even, 0, (size_t)cells * sizeof *even);
    memset(odd, 0, (size_t)cells * sizeof *odd);
}

#if defined(RDX_TIER_AVX512)
#define HISTOGRAM_DENSE 1024

/* Counts of 2 and more, close together, because most cells of a joint histogram hold 0 or 1, whose
 * terms are 0. Counts beyond the table go the slow way at once. */
typedef struct histogram_dense {
    uint32_t counts[HISTOGRAM_DENSE + 16];
    int64_t used, sum;
} histogram_dense;

static inline void histogram_dense_flush(histogram_dense *dense, const int64_t *table, int32_t bits)
{
    const int32_t shift = RDX_XLOG2X_BITS - bits;
    int64_t sum = 0;
    for (int64_t i = 0; i < dense->used; i++)
        sum += table[dense->counts[i]] >> shift;
    dense->sum += sum;
    dense->used = 0;
}

static inline void histogram_dense_add(histogram_dense *dense, __m512i counts, const int64_t *table,
                                       int32_t bits)
{
    const __mmask16 large = _mm512_cmpge_epu32_mask(counts, _mm512_set1_epi32(RDX_XLOG2X_ENTRIES));
    __mmask16 some = _mm512_cmpge_epu32_mask(counts, _mm512_set1_epi32(2));
    if (__builtin_expect(large != 0, 0)) {
        uint32_t all[16];
        _mm512_storeu_si512(all, counts);
        for (int k = 0; k < 16; k++)
            if ((large >> k & 1) != 0)
                dense->sum += rdx_xlog2x_fixed(all[k], bits);
        some = (__mmask16)(some & ~large);
    }
    _mm512_storeu_si512(dense->counts + dense->used, _mm512_maskz_compress_epi32(some, counts));
    dense->used += __builtin_popcount(some);
    if (dense->used > HISTOGRAM_DENSE)
        histogram_dense_flush(dense, table, bits);
}

static inline __m512i histogram_loaded(const uint16_t *counts)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)counts));
}
#endif

/* The sum of the terms of the counts wide[i] + even[i] + odd[i]; `wide` and `odd` may be NULL.
 * `cells` is a multiple of 32. */
static inline int64_t histogram_terms_of(const uint32_t *wide, const uint16_t *even,
                                         const uint16_t *odd, int64_t cells, const int64_t *table,
                                         int32_t bits)
{
#if defined(RDX_TIER_AVX512)
    histogram_dense dense;
    dense.used = dense.sum = 0;
    const __m512i two = _mm512_set1_epi16(2);
    for (int64_t i = 0; i < cells; i += 16) {
        if (wide == NULL && i % 32 == 0) { /* nothing in two vectors at once: no widening */
            __m512i both = _mm512_loadu_si512(even + i);
            if (odd != NULL)
                both = _mm512_adds_epu16(both, _mm512_loadu_si512(odd + i));
            if (_mm512_cmpge_epu16_mask(both, two) == 0) {
                i += 16;
                continue;
            }
        }
        __m512i counts = histogram_loaded(even + i);
        if (odd != NULL)
            counts = _mm512_add_epi32(counts, histogram_loaded(odd + i));
        if (wide != NULL)
            counts = _mm512_add_epi32(counts, _mm512_loadu_si512(wide + i));
        histogram_dense_add(&dense, counts, table, bits);
    }
    histogram_dense_flush(&dense, table, bits);
    return dense.sum;
#else
    int64_t sum = 0;
    for (int64_t i = 0; i < cells; i += 8) {
        uint32_t counts[8], any = 0;
        for (int k = 0; k < 8; k++) {
            counts[k] = (uint32_t)even[i + k] + (odd == NULL ? 0U : odd[i + k]) +
                        (wide == NULL ? 0U : wide[i + k]);
            any |= counts[k];
        }
        if (any < 2)
            continue;
        for (int k = 0; k < 8; k++)
            sum += rdx_xlog2x(table, counts[k], bits);
    }
    return sum;
#endif
}

static int64_t histogram_terms(const uint32_t *wide, const uint16_t *even, const uint16_t *odd,
                               int64_t cells, const int64_t *table, int32_t bits)
{
    if (odd == NULL)
        return histogram_terms_of(NULL, even, NULL, cells, table, bits);
    if (wide == NULL)
        return histogram_terms_of(NULL, even, odd, cells, table, bits);
    return histogram_terms_of(wide, even, odd, cells, table, bits);
}

/* The bin of each value: the last edge at or below it. `edges` has bins + 1 entries, the last
 * infinite, about equally far apart (1 / `scale`), so that a guess is at most one bin off. */
static void histogram_bins_f32(uint8_t *out, const float *in, int64_t count, const double *edges,
                               double scale, int32_t bins)
{
    const double low = edges[0], most = bins - 1;
    for (int64_t i = 0; i < count; i++) {
        const double value = (double)in[i];
        double guess = (value - low) * scale;
        guess = guess > 0 ? guess : 0; /* NaN too */
        int32_t bin = (int32_t)(guess < most ? guess : most);
        bin += (value >= edges[bin + 1]) - (value < edges[bin]);
        bin = bin < 0 ? 0 : bin;
        out[i] = (uint8_t)(bin < bins ? bin : bins - 1);
    }
}
