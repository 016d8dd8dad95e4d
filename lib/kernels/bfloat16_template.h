/* SPDX-License-Identifier: MIT
 * Products of numbers rounded to bfloat16 (the upper half of a float), summed in single precision:
 * twice as many at a time on processors with AVX512_BF16.
 *
 * An instruction multiplies two pairs a lane, so operands come as pairs along the summed axis, in
 * words of 32 bits that pass as floats. Two layouts: rows of rounded numbers, where neighbours in
 * a row are the pairs, and pairs of two rows' numbers side by side. Outputs are in panels of 32. */

#define BF16 __attribute__((target("avx512bf16")))

BF16 static inline __m512 bf16_interleave(__m512 even, __m512 odd)
{
    static const uint16_t order[32] __attribute__((aligned(64))) = {
        0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
    return (__m512)_mm512_permutexvar_epi16(_mm512_load_si512(order), both);
}

/* count: a multiple of 32. */
BF16 static void bf16_round(float *out, const float *in, int64_t count)
{
    for (int64_t i = 0; i < count; i += 32) {
        const __m512i both =
            (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(in + i + 16), _mm512_loadu_ps(in + i));
        _mm512_storeu_si512(out + i / 2, both);
    }
}

/* Pairs of two rows of `count` (a multiple of 32); each panel is `step` words after the last. */
BF16 static void bf16_pairs(float *out, int64_t step, const float *even, const float *odd,
                            int64_t count)
{
    for (int64_t i = 0; i < count; i += 32, out += step) {
        _mm512_storeu_ps(out, bf16_interleave(_mm512_loadu_ps(even + i), _mm512_loadu_ps(odd + i)));
        _mm512_storeu_ps(out + 16, bf16_interleave(_mm512_loadu_ps(even + i + 16),
                                                   _mm512_loadu_ps(odd + i + 16)));
    }
}

/* 8 x 32 of a product, in registers. */
BF16 VEC_INLINE void bf16_block(float *out, int64_t out_row, const float *a, int64_t a_row,
                                int64_t a_column, const float *b, int64_t b_row, int64_t depth,
                                int accumulate)
{
    __m512 sum[8][2];
    for (int r = 0; r < 8; r++)
        sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int64_t k = 0; k < depth; k++, a += a_column, b += b_row) {
        const __m512bh left = (__m512bh)_mm512_loadu_ps(b);
        const __m512bh right = (__m512bh)_mm512_loadu_ps(b + 16);
#pragma GCC unroll 8
        for (int r = 0; r < 8; r++) {
            const __m512bh x = (__m512bh)_mm512_set1_ps(a[r * a_row]);
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, left);
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, right);
        }
    }
    for (int r = 0; r < 8; r++, out += out_row) {
        if (accumulate) {
            sum[r][0] += _mm512_loadu_ps(out);
            sum[r][1] += _mm512_loadu_ps(out + 16);
        }
        _mm512_storeu_ps(out, sum[r][0]);
        _mm512_storeu_ps(out + 16, sum[r][1]);
    }
}

/* As winograd_product; `depth` and all distances but out_row count pairs. */
BF16 static void bf16_product(float *out, int64_t out_row, const float *a, int64_t a_row,
                              int across, const float *b, int64_t b_row, int64_t rows,
                              int64_t depth, int accumulate)
{
    for (int64_t i = 0; i < rows; i += 8)
        if (across)
            bf16_block(out + i * out_row, out_row, a + i, 1, a_row, b, b_row, depth, accumulate);
        else
            bf16_block(out + i * out_row, out_row, a + i * a_row, a_row, 1, b, b_row, depth,
                       accumulate);
}

/* ---- Winograd's transforms (winograd_template.h), rounded ---- */

/* Positions as rows of rounded channels. */
BF16 VEC_INLINE void bf16_spread_rows(float *out, int64_t step, const float *const *pixels,
                                      int64_t channels, int from, int to, wino_line *one)
{
    for (int64_t c = 0; c < channels; c += 16) {
        vec_f32 in[36], all[36];
        for (int i = 0; i < from * from; i++)
            in[i] = vec_load(pixels[i] + c);
        wino_square(all, in, from, to, one);
        for (int i = 0; i < to * to; i++)
            _mm256_storeu_si256((__m256i *)(out + i * step + c / 2),
                                (__m256i)_mm512_cvtneps_pbh(all[i]));
    }
}

/* Positions of two tiles (or two channels of weights) as pairs; the second one's pixels follow the
 * first one's. */
BF16 VEC_INLINE void bf16_spread_pairs(float *out, int64_t step, const float *const *pixels,
                                       int64_t channels, int from, int to, wino_line *one)
{
    for (int64_t c = 0; c < channels; c += 16) {
        vec_f32 in[36], even[36], odd[36];
        for (int i = 0; i < from * from; i++)
            in[i] = vec_load(pixels[i] + c);
        wino_square(even, in, from, to, one);
        for (int i = 0; i < from * from; i++)
            in[i] = vec_load(pixels[from * from + i] + c);
        wino_square(odd, in, from, to, one);
        for (int i = 0; i < to * to; i++)
            _mm512_storeu_ps(out + i * step + c, bf16_interleave(even[i], odd[i]));
    }
}

BF16 static void bf16_rows_2(float *out, int64_t step, const float *const *pixels, int64_t channels)
{
    bf16_spread_rows(out, step, pixels, channels, 4, 4, wino_input_2);
}

BF16 static void bf16_rows_4(float *out, int64_t step, const float *const *pixels, int64_t channels)
{
    bf16_spread_rows(out, step, pixels, channels, 6, 6, wino_input_4);
}

BF16 static void bf16_input_2(float *out, int64_t step, const float *const *pixels,
                              int64_t channels)
{
    bf16_spread_pairs(out, step, pixels, channels, 4, 4, wino_input_2);
}

BF16 static void bf16_input_4(float *out, int64_t step, const float *const *pixels,
                              int64_t channels)
{
    bf16_spread_pairs(out, step, pixels, channels, 6, 6, wino_input_4);
}

BF16 static void bf16_gradient_2(float *out, int64_t step, const float *const *pixels,
                                 int64_t channels)
{
    bf16_spread_pairs(out, step, pixels, channels, 2, 4, wino_gradient_2);
}

BF16 static void bf16_gradient_4(float *out, int64_t step, const float *const *pixels,
                                 int64_t channels)
{
    bf16_spread_pairs(out, step, pixels, channels, 4, 6, wino_gradient_4);
}

BF16 static void bf16_weight_2(float *out, int64_t step, const float *const *pixels,
                               int64_t channels)
{
    bf16_spread_pairs(out, step, pixels, channels, 3, 4, wino_weight_2);
}

BF16 static void bf16_weight_4(float *out, int64_t step, const float *const *pixels,
                               int64_t channels)
{
    bf16_spread_pairs(out, step, pixels, channels, 3, 6, wino_weight_4);
}

static const rdx_bfloat16_kernels bf16_kernels = {
    .winograd_rows = {bf16_rows_2, bf16_rows_4},
    .winograd_input = {bf16_input_2, bf16_input_4},
    .winograd_gradient = {bf16_gradient_2, bf16_gradient_4},
    .winograd_weight = {bf16_weight_2, bf16_weight_4},
    .product = bf16_product,
    .round = bf16_round,
    .pairs = bf16_pairs,
};
