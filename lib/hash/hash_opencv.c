/* SPDX-License-Identifier: MIT
 * OpenCV's img_hash 4.x: what it computes from a picture made small without antialiasing, channel
 * by channel, and then grey. Bits are least significant first in each byte. Block mean: Yang, Gu
 * and Niu, "Block mean value based image perceptual hashing" (2006). */
#include <math.h>
#include <string.h>
#include "hash.h"

#define RED 9798
#define GREEN 19235
#define BLUE 3735 /* they add up to 2^15 */
#define DCT_SIDE 32
#define DCT_KEPT 8
#define BLOCK_SIDE 256
#define CELL 8 /* half a block */
#define CELLS (BLOCK_SIDE / CELL)

static uint8_t grey_of(int r, int g, int b)
{
    return (uint8_t)((RED * r + GREEN * g + BLUE * b + (1 << 14)) >> 15);
}

redux_status rdx_opencv_grey(rdx_hasher *hasher, const uint8_t **out, const rdx_pixels *in)
{
    const int64_t count = in->height * in->width;
    const uint8_t *pixel = in->data;
    void *block;
    *out = pixel;
    if (in->channels == 1)
        return REDUX_OK;
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_GREY, (uint64_t)count, 1));
    uint8_t *grey = block;
    *out = grey;
    for (int64_t i = 0; i < count; i++, pixel += in->channels)
        grey[i] = in->channels == 2 ? pixel[0] : grey_of(pixel[0], pixel[1], pixel[2]);
    return REDUX_OK;
}

/* `in` as side x side greys. */
static redux_status resized(rdx_hasher *hasher, const uint8_t **out, const rdx_pixels *in,
                            int64_t side)
{
    const int64_t count = side * side;
    const int planes = in->channels >= 3 ? 3 : 1;
    void *block;
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_RESIZED, (uint64_t)(planes * count), 1));
    uint8_t *small = block;
    for (int channel = 0; channel < planes; channel++)
        rdx_resize_exact_u8(small + channel * count, side, side, in->data, in->height, in->width,
                            in->channels, channel);
    for (int64_t i = 0; planes == 3 && i < count; i++)
        small[i] = grey_of(small[i], small[count + i], small[2 * count + i]);
    *out = small;
    return REDUX_OK;
}

redux_status rdx_hash_opencv_average(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                     const rdx_pixels *in)
{
    const int64_t size = hasher->options.size;
    const uint8_t *small;
    double sum = 0;
    (void)info;
    RDX_TRY(resized(hasher, &small, in, size));
    for (int64_t i = 0; i < size * size; i++)
        sum += small[i];
    const double mean = rint(sum / (double)(size * size)); /* to a grey value, half to even */
    for (int64_t i = 0; i < size * size; i++)
        if (small[i] > mean)
            rdx_set_bit_low(code, i);
    return REDUX_OK;
}

/* The orthonormal DCT-II, up to a common factor: coefficient 0 of each axis is smaller by the
 * square root of 2. The very first counts as 0, both in the mean and in the comparison. */
redux_status rdx_hash_opencv_dct(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in)
{
    double value[DCT_SIDE], columns[DCT_KEPT * DCT_SIDE], low[DCT_KEPT * DCT_KEPT], sum = 0;
    const double half = sqrt(0.5);
    const uint8_t *small;
    (void)info;
    if (hasher->table == NULL)
        RDX_TRY(rdx_dct_plan(&hasher->table, hasher->context, DCT_SIDE, DCT_KEPT));
    RDX_TRY(resized(hasher, &small, in, DCT_SIDE));
    for (int x = 0; x < DCT_SIDE; x++) {
        double line[DCT_KEPT];
        for (int y = 0; y < DCT_SIDE; y++)
            value[y] = small[y * DCT_SIDE + x];
        rdx_dct_line(line, value, 1, hasher->table, DCT_SIDE, DCT_KEPT);
        for (int k = 0; k < DCT_KEPT; k++)
            columns[k * DCT_SIDE + x] = k == 0 ? half * line[k] : line[k];
    }
    for (int k = 0; k < DCT_KEPT; k++) {
        rdx_dct_line(low + k * DCT_KEPT, columns + k * DCT_SIDE, 1, hasher->table, DCT_SIDE,
                     DCT_KEPT);
        low[k * DCT_KEPT] *= half;
    }
    low[0] = 0;
    for (int i = 0; i < DCT_KEPT * DCT_KEPT; i++)
        sum += low[i];
    for (int i = 0; i < DCT_KEPT * DCT_KEPT; i++)
        if (low[i] > sum / (DCT_KEPT * DCT_KEPT))
            rdx_set_bit_low(code, i);
    return REDUX_OK;
}

/* Sums of CELL x CELL pixels of BLOCK_SIDE x BLOCK_SIDE: of CELL rows first, then across. Returns
 * their sum. */
static int32_t add_cells(int32_t cells[CELLS][CELLS], const uint8_t *pixels)
{
    int32_t total = 0;
    for (int y = 0; y < CELLS; y++) {
        uint16_t columns[BLOCK_SIDE] = {0};
        for (int k = 0; k < CELL; k++, pixels += BLOCK_SIDE)
            for (int x = 0; x < BLOCK_SIDE; x++)
                columns[x] = (uint16_t)(columns[x] + pixels[x]);
        for (int x = 0; x < CELLS; x++) {
            int32_t sum = 0;
            for (int k = 0; k < CELL; k++)
                sum += columns[x * CELL + k];
            cells[y][x] = sum;
            total += sum;
        }
    }
    return total;
}

/* Blocks of 16 x 16 of 256 x 256 pixels, side by side (block-mean-0) or every 8 (block-mean-1): of
 * 2 x 2 cells each. */
redux_status rdx_hash_opencv_block_mean(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                        const rdx_pixels *in)
{
    const int step = hasher->options.hash == REDUX_HASH_BLOCK_MEAN_0 ? 2 : 1;
    int32_t cells[CELLS][CELLS];
    const uint8_t *small;
    int64_t index = 0;
    (void)info;
    RDX_TRY(resized(hasher, &small, in, BLOCK_SIDE));
    const int32_t total = add_cells(cells, small);
    for (int y = 0; y + 1 < CELLS; y += step)
        for (int x = 0; x + 1 < CELLS; x += step, index++) {
            const int32_t sum =
                cells[y][x] + cells[y][x + 1] + cells[y + 1][x] + cells[y + 1][x + 1];
            if (sum * (CELLS / 2) * (CELLS / 2) >= total)
                rdx_set_bit_low(code, index);
        }
    return REDUX_OK;
}
