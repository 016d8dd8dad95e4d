/* SPDX-License-Identifier: MIT
 * blockhash: Yang, Gu and Niu, "Block mean value based image perceptual hashing" (2006), by the
 * precise method of Commons Machinery's blockhash-python and its ports. If a side is not a
 * multiple of the number of blocks, a pixel on a border counts for both blocks, in proportion. It
 * computes in double and in the same order, so that bits are equal. */
#include <math.h>
#include <string.h>
#include "hash.h"

#define BANDS 4
#define WHITE 765 /* R + G + B; also the value of a transparent pixel */

/* The blocks that one row or column of pixels belongs to. */
typedef struct part {
    int32_t first, second; /* blocks */
    double first_weight, second_weight;
} part;

/* Python's a // b of floats. */
static double floor_divide(double a, double b)
{
    double rest = fmod(a, b), ratio = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0))
        ratio -= 1;
    const double whole = floor(ratio);
    return ratio - whole > 0.5 ? whole + 1 : whole;
}

static void divide(part *parts, int64_t length, int32_t blocks)
{
    const double side = (double)length / blocks;
    for (int64_t i = 0; i < length; i++) {
        double whole;
        const int32_t first = (int32_t)floor_divide((double)i, side);
        parts[i] = (part){first, first, 1, 0};
        if (length % blocks == 0)
            continue;
        const double fraction = modf(fmod((double)(i + 1), side), &whole);
        parts[i].first_weight = 1 - fraction;
        parts[i].second_weight = fraction;
        if (whole <= 0 && i + 1 < length)
            parts[i].second = (int32_t)-floor_divide(-(double)i, side);
    }
}

static int total(const uint8_t *pixel, int channels)
{
    if ((channels == 2 || channels == 4) && pixel[channels - 1] == 0)
        return WHITE;
    return channels <= 2 ? 3 * pixel[0] : pixel[0] + pixel[1] + pixel[2];
}

/* Weights of 0 add nothing, also to a double. */
static void add_row(double *sums, const uint8_t *pixel, int channels, int64_t width,
                    const part *row, const part *columns, int32_t blocks)
{
    double *top = sums + (int64_t)row->first * blocks,
           *bottom = sums + (int64_t)row->second * blocks;
    for (int64_t x = 0; x < width; x++, pixel += channels) {
        const double value = total(pixel, channels);
        const part *column = &columns[x];
        const double upper = value * row->first_weight, lower = value * row->second_weight;
        top[column->first] += upper * column->first_weight;
        top[column->second] += upper * column->second_weight;
        if (row->second_weight == 0)
            continue;
        bottom[column->first] += lower * column->first_weight;
        bottom[column->second] += lower * column->second_weight;
    }
}

/* Above the median of its quarter of the blocks. If it is (nearly) equal, the bit tells whether the
 * median is bright, so that a mostly black or white picture has no arbitrary bits. */
static void bits_of(uint8_t *code, const double *sums, double *sorted, int64_t count, double half)
{
    const int64_t band = count / BANDS;
    for (int64_t start = 0; start < BANDS * band; start += band) {
        memcpy(sorted, sums + start, (size_t)band * sizeof *sums);
        const double median = rdx_hash_median(sorted, band);
        for (int64_t i = start; i < start + band; i++)
            if (sums[i] > median || (fabs(sums[i] - median) < 1 && median > half))
                rdx_set_bit(code, i);
    }
}

redux_status rdx_hash_blockhash(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                const rdx_pixels *in)
{
    const int32_t blocks = hasher->options.size;
    const int64_t count = (int64_t)blocks * blocks;
    const double area = (double)in->width / blocks * ((double)in->height / blocks);
    void *block, *places;
    (void)info;
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_WORK, 2 * (uint64_t)count, sizeof(double)));
    RDX_TRY(rdx_hasher_buffer(hasher, &places, RDX_VALUES, (uint64_t)(in->height + in->width),
                              sizeof(part)));
    double *sums = block;
    part *rows = places, *columns = rows + in->height;
    memset(sums, 0, (size_t)count * sizeof *sums);
    divide(rows, in->height, blocks);
    divide(columns, in->width, blocks);
    for (int64_t y = 0; y < in->height; y++)
        add_row(sums, (const uint8_t *)in->data + y * in->width * in->channels, in->channels,
                in->width, &rows[y], columns, blocks);
    bits_of(code, sums, sums + count, count, area * 256 * 3 / 2);
    return REDUX_OK;
}
