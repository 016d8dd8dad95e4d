/* SPDX-License-Identifier: MIT
 * Hashes of the low DCT-II coefficients, after Zauner, "Implementation and benchmarking of
 * perceptual image hash functions" (2010), as imagehash and imagededup compute them. */
#include <math.h>
#include <string.h>
#include "hash.h"

#define OVERSAMPLING 4 /* imagehash's highfreq_factor */
#define MOST_LENGTH (OVERSAMPLING * RDX_HASH_MOST_SIZE)

static const double pi = 3.14159265358979323846;

/* Coefficient k of the unnormalised DCT-II is 2 sum x[n] cos(pi k (2n + 1) / (2 length)). Folding
 * the input about its middle gives the differences to odd k and the sums, of half the length, to
 * even k. So every coefficient but the first of a constant line is exactly 0 however the cosines
 * are rounded, and a flat image has no bits made of round-off. Once the length is odd, its first
 * value is subtracted from the rest for the same reason. */
redux_status rdx_dct_plan(double **cosines, redux_context *context, int32_t length, int32_t count)
{
    const int32_t row = length / 2;
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count * (uint64_t)row, sizeof(double)));
    *cosines = block;
    for (int32_t k = 1; k < count; k++) {
        int32_t step = 1;
        while (k % (2 * step) == 0 && length / step % 2 == 0)
            step *= 2;
        const int32_t folded = length / step, odd = k / step;
        for (int32_t n = 0; n < (folded % 2 == 0 ? folded / 2 : folded); n++)
            (*cosines)[k * row + n] = cos(pi * odd * (2 * n + 1) / (2 * folded));
    }
    return REDUX_OK;
}

void rdx_dct_line(double *out, const double *in, int64_t stride, const double *cosines,
                  int32_t length, int32_t count)
{
    double line[MOST_LENGTH], difference[MOST_LENGTH / 2], sum;
    const int32_t row = length / 2;
    int32_t step = 1;
    for (int32_t n = 0; n < length; n++)
        line[n] = in[n * stride];
    for (; step < count && length % 2 == 0; step *= 2) {
        const int32_t half = length / 2;
        for (int32_t n = 0; n < half; n++) {
            /* The analyser does not see that all `length` values were set above.
             * NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
            difference[n] = line[n] - line[length - 1 - n];
            line[n] += line[length - 1 - n];
        }
        for (int32_t k = step; k < count; k += 2 * step) {
            sum = 0;
            for (int32_t n = 0; n < half; n++)
                sum += difference[n] * cosines[k * row + n];
            out[k] = 2 * sum;
        }
        length = half;
    }
    for (int32_t k = step; k < count; k += step) {
        sum = 0;
        for (int32_t n = 0; n < length; n++)
            sum += (line[n] - line[0]) * cosines[k * row + n];
        out[k] = 2 * sum;
    }
    sum = 0;
    for (int32_t n = 0; n < length; n++)
        sum += line[n];
    out[0] = 2 * sum;
}

/* The resized picture, and the plan for its lines. */
static redux_status prepare(rdx_hasher *hasher, double **value, const rdx_pixels *in, int32_t count)
{
    const int32_t length = OVERSAMPLING * hasher->options.size;
    if (hasher->table == NULL)
        RDX_TRY(rdx_dct_plan(&hasher->table, hasher->context, length, count));
    return rdx_hasher_values(hasher, value, in, length, length, REDUX_FILTER_LANCZOS);
}

/* imagehash: above the median of all; imagededup: not below the median of all but the first. */
static void bits_of(const rdx_hasher *hasher, uint8_t *code, const double *low, double *sorted)
{
    const int64_t count = hasher->bits;
    const bool dedup = hasher->options.profile == REDUX_PROFILE_IMAGEDEDUP;
    const int64_t first = dedup ? 1 : 0;
    memcpy(sorted, low + first, (size_t)(count - first) * sizeof *low);
    const double median = rdx_hash_median(sorted, count - first);
    for (int64_t i = 0; i < count; i++)
        if (low[i] > median || (dedup && low[i] >= median))
            rdx_set_bit(code, i);
}

redux_status rdx_hash_dct(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                          const rdx_pixels *in)
{
    const int32_t size = hasher->options.size, length = OVERSAMPLING * size;
    double *value, line[RDX_HASH_MOST_SIZE];
    void *block;
    (void)info;
    RDX_TRY(prepare(hasher, &value, in, size));
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_WORK,
                              (uint64_t)size * (uint64_t)(length + 2 * size), sizeof(double)));
    double *columns = block, *low = columns + size * length, *sorted = low + size * size;
    for (int32_t x = 0; x < length; x++) {
        rdx_dct_line(line, value + x, length, hasher->table, length, size);
        for (int32_t k = 0; k < size; k++)
            columns[k * length + x] = line[k];
    }
    for (int32_t k = 0; k < size; k++)
        rdx_dct_line(low + k * size, columns + k * length, 1, hasher->table, length, size);
    bits_of(hasher, code, low, sorted);
    return REDUX_OK;
}

/* Of each of the first `size` rows the coefficients 1 ... size, above their mean. */
redux_status rdx_hash_dct_simple(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in)
{
    const int32_t size = hasher->options.size, length = OVERSAMPLING * size;
    double *value, line[RDX_HASH_MOST_SIZE + 1], sum = 0;
    void *block;
    (void)info;
    RDX_TRY(prepare(hasher, &value, in, size + 1));
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_WORK, (uint64_t)hasher->bits, sizeof(double)));
    double *low = block;
    for (int32_t y = 0; y < size; y++) {
        rdx_dct_line(line, value + y * length, 1, hasher->table, length, size + 1);
        memcpy(low + y * size, line + 1, (size_t)size * sizeof *line);
    }
    for (int64_t i = 0; i < hasher->bits; i++)
        sum += low[i];
    for (int64_t i = 0; i < hasher->bits; i++)
        if (low[i] > sum / (double)hasher->bits)
            rdx_set_bit(code, i);
    return REDUX_OK;
}
