/* SPDX-License-Identifier: MIT
 * Hashes of a small copy of a picture: average, difference, Haar wavelet, block mean. imagehash:
 * J. Buchner's Python package, version 4.3. imagededup: idealo's, version 0.3, which compares with
 * >= in place of > (but not in the difference hash). */
#include <math.h>
#include <string.h>
#include "hash.h"

/* Bits of the values above (`or_equal`: or at) a limit. */
static void bits_above(uint8_t *code, const double *value, int64_t count, double limit,
                       bool or_equal)
{
    for (int64_t i = 0; i < count; i++)
        if (value[i] > limit || (or_equal && value[i] >= limit))
            rdx_set_bit(code, i);
}

static double mean(const double *value, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += value[i];
    return sum / (double)count;
}

redux_status rdx_hash_average(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                              const rdx_pixels *in)
{
    const int64_t size = hasher->options.size;
    double *value;
    (void)info;
    RDX_TRY(rdx_hasher_values(hasher, &value, in, size, size, REDUX_FILTER_LANCZOS));
    bits_above(code, value, size * size, mean(value, size * size),
               hasher->options.profile == REDUX_PROFILE_IMAGEDEDUP);
    return REDUX_OK;
}

redux_status rdx_hash_difference(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in)
{
    const int64_t size = hasher->options.size, width = size + 1;
    double *value;
    (void)info;
    RDX_TRY(rdx_hasher_values(hasher, &value, in, size, width, REDUX_FILTER_LANCZOS));
    for (int64_t y = 0; y < size; y++)
        for (int64_t x = 0; x < size; x++)
            if (value[y * width + x + 1] > value[y * width + x])
                rdx_set_bit(code, y * size + x);
    return REDUX_OK;
}

redux_status rdx_hash_difference_vertical(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                          const rdx_pixels *in)
{
    const int64_t size = hasher->options.size;
    double *value;
    (void)info;
    RDX_TRY(rdx_hasher_values(hasher, &value, in, size + 1, size, REDUX_FILTER_LANCZOS));
    for (int64_t i = 0; i < size * size; i++)
        if (value[i + size] > value[i])
            rdx_set_bit(code, i);
    return REDUX_OK;
}

redux_status rdx_hash_block_mean(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in)
{
    const int64_t size = hasher->options.size;
    double *value;
    (void)info;
    RDX_TRY(rdx_hasher_values(hasher, &value, in, size, size, REDUX_FILTER_AREA));
    bits_above(code, value, size * size, mean(value, size * size), true);
    return REDUX_OK;
}

/* ---- wavelet ---- */

/* Rows that 16-bit sums of bytes hold. */
#define MOST_ROWS 257

/* Adds a row of blocks: down the columns first, then across. */
static void add_bytes(double *sum, uint16_t *columns, const uint8_t *row, int64_t rows,
                      int64_t size, int64_t block)
{
    const int64_t width = size * block;
    memset(columns, 0, (size_t)width * sizeof *columns);
    for (int64_t y = 0; y < rows; y++, row += width)
        for (int64_t x = 0; x < width; x++)
            columns[x] = (uint16_t)(columns[x] + row[x]);
    for (int64_t i = 0; i < size; i++, columns += block) {
        uint64_t total = 0;
        for (int64_t x = 0; x < block; x++)
            total += columns[x];
        sum[i] += (double)total;
    }
}

static void add_floats(double *sum, const float *row, int64_t rows, int64_t size, int64_t block)
{
    for (int64_t y = 0; y < rows; y++)
        for (int64_t i = 0; i < size; i++, row += block) {
            double part = 0;
            for (int64_t x = 0; x < block; x++)
                part += (double)row[x];
            sum[i] += part;
        }
}

/* Sums of `block` x `block` pixels; columns: the width. */
static void block_sums(double *sum, uint16_t *columns, const void *pixels, redux_dtype dtype,
                       int64_t size, int64_t block)
{
    const int64_t width = size * block;
    memset(sum, 0, (size_t)(size * size) * sizeof *sum);
    for (int64_t i = 0; i < size; i++, sum += size) {
        if (dtype == REDUX_FLOAT32)
            add_floats(sum, (const float *)pixels + i * block * width, block, size, block);
        for (int64_t y = 0; dtype == REDUX_UINT8 && y < block; y += MOST_ROWS)
            add_bytes(sum, columns, (const uint8_t *)pixels + (i * block + y) * width,
                      RDX_MIN(block - y, MOST_ROWS), size, block);
    }
}

/* imagehash: the greatest power of two that fits the shorter side; imagededup: 256. */
static int64_t wavelet_side(const rdx_hasher *hasher, const rdx_pixels *in)
{
    int64_t side = 1;
    if (hasher->options.profile == REDUX_PROFILE_IMAGEDEDUP)
        return 256;
    while (2 * side <= RDX_MIN(in->height, in->width))
        side *= 2;
    return RDX_MAX(side, hasher->options.size);
}

/* The low band of Haar's transform holds block sums times a common factor, and without the top
 * level (which imagehash sets to 0) minus a common constant. Neither moves a value across the
 * median. Sums of bytes are exact, so ties are ties: a value equal to the median is 0 for imagehash
 * and 1 for imagededup. */
redux_status rdx_hash_wavelet(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                              const rdx_pixels *in)
{
    const int64_t size = hasher->options.size, count = size * size;
    const int64_t side = wavelet_side(hasher, in);
    const void *small;
    void *block, *columns;
    (void)info;
    RDX_TRY(rdx_hasher_resize(hasher, &small, in, side, side, REDUX_FILTER_LANCZOS));
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_WORK, 2 * (uint64_t)count, sizeof(double)));
    RDX_TRY(rdx_hasher_buffer(hasher, &columns, RDX_VALUES, (uint64_t)side, sizeof(uint16_t)));
    double *sum = block, *sorted = sum + count;
    block_sums(sum, columns, small, in->dtype, size, side / size);
    memcpy(sorted, sum, (size_t)count * sizeof *sum);
    bits_above(code, sum, count, rdx_hash_median(sorted, count),
               hasher->options.profile == REDUX_PROFILE_IMAGEDEDUP);
    return REDUX_OK;
}
