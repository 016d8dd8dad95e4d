/* SPDX-License-Identifier: MIT
 * OpenCV's Marr-Hildreth hash, after Zauner's pHash: 72 bytes, most significant bit first. The
 * kernel is OpenCV's, whose exponent has the wrong sign (its issue 3940), so that it grows
 * outwards. OpenCV filters through a Fourier transform in float32. Here every block is one sum in
 * double, so bits may differ where a block is within that transform's rounding of its neighbours'
 * mean. */
#include <math.h>
#include <string.h>
#include "hash.h"

#define SIDE 512
#define REACH 8 /* sigma = 4 * alpha^scale with alpha 2, scale 1 */
#define KERNEL (2 * REACH + 1)
#define BLOCK 16
#define BLOCKS 31
#define SPREAD (KERNEL + BLOCK - 1) /* what a block's sum reaches over */
#define GROUP 3
#define LAST_GROUP 28
#define GROUP_STEP 4

static const int16_t blur[RDX_BLUR_TAPS] = {8, 28, 56, 72, 56, 28, 8};

/* The kernel, summed over the pixels of a block: [SPREAD, SPREAD]. */
static redux_status make_kernel(double **out, redux_context *context)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)SPREAD * SPREAD, sizeof(double)));
    *out = block;
    for (int y = 0; y < KERNEL; y++)
        for (int x = 0; x < KERNEL; x++) {
            const float v = 0.5F * (float)(y - REACH), u = 0.5F * (float)(x - REACH);
            const float a = u * u + v * v;
            const float weight = (2 - a) * (float)exp((double)(a / 2));
            for (int i = 0; i < BLOCK; i++)
                for (int j = 0; j < BLOCK; j++)
                    (*out)[(y + i) * SPREAD + x + j] += (double)weight;
        }
    return REDUX_OK;
}

static float block_sum(const double *kernel, const uint8_t *pixels, int64_t top, int64_t left)
{
    double sum = 0;
    for (int64_t i = 0; i < SPREAD; i++) {
        const int64_t y = top + i - REACH; /* mirrored at 0; the other end is out of reach */
        const uint8_t *row = pixels + (y < 0 ? -y : y) * SIDE;
        for (int64_t j = 0; j < SPREAD; j++) {
            const int64_t x = left + j - REACH;
            sum += kernel[i * SPREAD + j] * row[x < 0 ? -x : x];
        }
    }
    return (float)sum;
}

/* Row and column are exchanged, as in the peer. */
static void make_blocks(float *blocks, const double *kernel, const uint8_t *pixels)
{
    for (int64_t row = 0; row < BLOCKS; row++)
        for (int64_t column = 0; column < BLOCKS; column++)
            blocks[row * BLOCKS + column] = block_sum(kernel, pixels, column * BLOCK, row * BLOCK);
}

/* 3 x 3 blocks each against their mean. */
static void bits_of(uint8_t *code, const float *blocks)
{
    int64_t index = 0;
    for (int top = 0; top <= LAST_GROUP; top += GROUP_STEP)
        for (int left = 0; left <= LAST_GROUP; left += GROUP_STEP) {
            double sum = 0;
            for (int i = 0; i < GROUP * GROUP; i++)
                sum += (double)blocks[(top + i / GROUP) * BLOCKS + left + i % GROUP];
            const float mean = (float)(sum / (GROUP * GROUP));
            for (int i = 0; i < GROUP * GROUP; i++, index++)
                if (blocks[(top + i / GROUP) * BLOCKS + left + i % GROUP] > mean)
                    rdx_set_bit(code, index);
        }
}

redux_status rdx_hash_marr_hildreth(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                    const rdx_pixels *in)
{
    const uint64_t count = (uint64_t)(in->height * in->width);
    float blocks[BLOCKS * BLOCKS];
    const uint8_t *grey;
    void *blurred, *between, *large;
    (void)info;
    if (hasher->table == NULL)
        RDX_TRY(make_kernel(&hasher->table, hasher->context));
    RDX_TRY(rdx_opencv_grey(hasher, &grey, in));
    RDX_TRY(rdx_hasher_buffer(hasher, &blurred, RDX_PLANE, count, 1));
    RDX_TRY(
        rdx_hasher_buffer(hasher, &between, RDX_WORK,
                          RDX_MAX((uint64_t)in->width + RDX_BLUR_TAPS, (uint64_t)in->height * SIDE),
                          sizeof(int32_t)));
    RDX_TRY(rdx_hasher_buffer(hasher, &large, RDX_RESIZED, (uint64_t)SIDE * SIDE, 1));
    rdx_blur_u8(blurred, between, grey, in->height, in->width, blur);
    rdx_resize_cubic_u8(large, between, SIDE, SIDE, blurred, in->height, in->width);
    rdx_equalise_u8(large, (int64_t)SIDE * SIDE);
    make_blocks(blocks, hasher->table, large);
    bits_of(code, blocks);
    return REDUX_OK;
}
