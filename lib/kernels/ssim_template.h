/* SPDX-License-Identifier: MIT
 * Rows of structural similarity: a separable filter, first along the row, then over rows, and the
 * index of each pixel.
 *
 * Rows are padded to a multiple of SSIM_LANES floats, and rows that are filtered to as many more as
 * the filter is long, so that the loops have no ends. The filters are symmetric: the two pixels of
 * one weight are added first, which needs half the multiplications and makes the order of the
 * additions the same from either side. The moments of one image and the covariance of two go
 * through the same operations in the same order, so that an image compared with itself gives 1
 * exactly. */

#define SSIM_LANES 16

#if defined(RDX_TIER_AVX512) || defined(RDX_TIER_AVX2)
#define SSIM_MADD(a, b, c) __builtin_fmaf(a, b, c)
#else
#define SSIM_MADD(a, b, c) ((a) * (b) + (c))
#endif
#define SSIM_INLINE static inline __attribute__((always_inline))

static void ssim_load_u8(float *out, const uint8_t *in, int64_t count, float shift)
{
    for (int64_t x = 0; x < count; x++)
        out[x] = (float)in[x] - shift;
}

static void ssim_load_f32(float *out, const float *in, int64_t count, float shift)
{
    for (int64_t x = 0; x < count; x++)
        out[x] = in[x] - shift;
}

static void ssim_product(float *restrict out, const float *restrict a, const float *restrict b,
                         int64_t count)
{
    for (int64_t x = 0; x < count; x++)
        out[x] = a[x] * b[x];
}

/* `taps` is a constant wherever this is expanded for the usual windows. */
SSIM_INLINE void ssim_across_taps(float *restrict out, const float *restrict in, int64_t count,
                                  const float *restrict weights, int32_t taps)
{
    const int32_t half = taps / 2;
    for (int64_t x = 0; x < count; x++) {
        float sum = weights[half] * in[x + half];
        for (int32_t k = 0; k < half; k++)
            sum = SSIM_MADD(weights[k], in[x + k] + in[x + taps - 1 - k], sum);
        out[x] = sum;
    }
}

static void ssim_across(float *out, const float *in, int64_t count, const float *weights,
                        int32_t taps)
{
    if (taps == 11)
        ssim_across_taps(out, in, count, weights, 11);
    else if (taps == 7)
        ssim_across_taps(out, in, count, weights, 7);
    else
        ssim_across_taps(out, in, count, weights, taps);
}

SSIM_INLINE float ssim_down(const float *const *rows, int64_t x, const float *weights, int32_t taps)
{
    const int32_t half = taps / 2;
    float sum = weights[half] * rows[half][x];
    for (int32_t k = 0; k < half; k++)
        sum = SSIM_MADD(weights[k], rows[k][x] + rows[taps - 1 - k][x], sum);
    return sum;
}

/* The mean of the window around each pixel, and its variance. */
SSIM_INLINE void ssim_moments_taps(float *restrict mean, float *restrict variance,
                                   const float *const *values, const float *const *squares,
                                   int64_t count, const rdx_ssim_window *window, int32_t taps)
{
    const float scale = window->scale, unbias = window->unbias;
    const float *value_rows[RDX_SSIM_TAPS], *square_rows[RDX_SSIM_TAPS];
    float weights[RDX_SSIM_TAPS];
    for (int32_t k = 0; k < taps; k++) {
        value_rows[k] = values[k];
        square_rows[k] = squares[k];
        weights[k] = window->down[k];
    }
    for (int64_t x = 0; x < count; x++) {
        const float m = ssim_down(value_rows, x, weights, taps) * scale;
        const float s = ssim_down(square_rows, x, weights, taps) * scale;
        mean[x] = m;
        variance[x] = (s - m * m) * unbias;
    }
}

static void ssim_moments(float *mean, float *variance, const float *const *values,
                         const float *const *squares, int64_t count, const rdx_ssim_window *window)
{
    if (window->rows == 11)
        ssim_moments_taps(mean, variance, values, squares, count, window, 11);
    else if (window->rows == 7)
        ssim_moments_taps(mean, variance, values, squares, count, window, 7);
    else
        ssim_moments_taps(mean, variance, values, squares, count, window, window->rows);
}

/* Wang et al. 2004, eq. 13, of each pixel. */
SSIM_INLINE void ssim_index_taps(float *restrict index, const float *restrict mean_a,
                                 const float *restrict variance_a, const float *restrict mean_b,
                                 const float *restrict variance_b, const float *const *products,
                                 int64_t count, const rdx_ssim_window *window, int32_t taps)
{
    const float scale = window->scale, unbias = window->unbias, shift = window->shift;
    const float c1 = window->c1, c2 = window->c2;
    const float *rows[RDX_SSIM_TAPS];
    float weights[RDX_SSIM_TAPS];
    for (int32_t k = 0; k < taps; k++) {
        rows[k] = products[k];
        weights[k] = window->down[k];
    }
    for (int64_t x = 0; x < count; x++) {
        const float s = ssim_down(rows, x, weights, taps) * scale;
        const float covariance = (s - mean_a[x] * mean_b[x]) * unbias;
        const float a = mean_a[x] + shift, b = mean_b[x] + shift;
        const float above = (2 * (a * b) + c1) * (2 * covariance + c2);
        const float below = (a * a + b * b + c1) * (variance_a[x] + variance_b[x] + c2);
        index[x] = above / below;
    }
}

/* The sum of the index over `valid` pixels of one row; `index` is working memory. */
static double ssim_index(float *index, const float *mean_a, const float *variance_a,
                         const float *mean_b, const float *variance_b, const float *const *products,
                         int64_t count, int64_t valid, const rdx_ssim_window *window)
{
    float lanes[SSIM_LANES] = {0};
    double sum = 0;
    if (window->rows == 11)
        ssim_index_taps(index, mean_a, variance_a, mean_b, variance_b, products, count, window, 11);
    else if (window->rows == 7)
        ssim_index_taps(index, mean_a, variance_a, mean_b, variance_b, products, count, window, 7);
    else
        ssim_index_taps(index, mean_a, variance_a, mean_b, variance_b, products, count, window,
                        window->rows);
    for (int64_t x = valid; x < count; x++)
        index[x] = 0;
    for (int64_t x = 0; x < count; x += SSIM_LANES)
        for (int k = 0; k < SSIM_LANES; k++)
            lanes[k] += index[x + k];
    for (int k = 0; k < SSIM_LANES; k++)
        sum += (double)lanes[k];
    return sum;
}
