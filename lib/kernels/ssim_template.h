/* SPDX-License-Identifier: MIT
 * Rows of structural similarity: a separable filter, first over rows, then along the row, and the
 * index of each pixel.
 *
 * `rows` are as many rows of floats as the window is high, of `count` + SSIM_PAD floats each, where
 * `count` is a multiple of SSIM_PAD; so the loops have no ends. The filters are symmetric: the two
 * pixels of one weight are added first, which halves the multiplications; small weights come first,
 * which rounds less. The moments of one image
 * and the covariance of two go through the same operations in the same order, so that an image
 * compared with itself gives 1 exactly; a product may be taken here or beforehand. */

#define SSIM_PAD RDX_SSIM_LANES
/* Vectors that are worked on together, so that pointers and weights are fetched less often. */
#define SSIM_STRIP INT64_C(4)

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

/* The product of two rows, of the same floats. */
static void ssim_product_u8(float *restrict out, const uint8_t *a, const uint8_t *b, int64_t count,
                            float shift)
{
    for (int64_t x = 0; x < count; x++)
        out[x] = ((float)a[x] - shift) * ((float)b[x] - shift);
}

static void ssim_product_f32(float *restrict out, const float *a, const float *b, int64_t count,
                             float shift)
{
    for (int64_t x = 0; x < count; x++)
        out[x] = (a[x] - shift) * (b[x] - shift);
}

/* ---- over rows ---- */

/* `taps` and `vectors` are constants wherever these are expanded for the usual windows. */
VEC_INLINE void ssim_down_strip(float *out, const float *const *rows, int64_t x,
                                const float *weights, int32_t taps, int64_t vectors)
{
    const int32_t half = taps / 2;
    vec_f32 sum[SSIM_STRIP] = {0};
    for (int32_t k = 0; k < half; k++) {
        const float *upper = rows[k] + x, *lower = rows[taps - 1 - k] + x;
        const vec_f32 weight = vec_all(weights[k]);
        for (int64_t v = 0; v < vectors; v++)
            sum[v] = vec_fma(vec_load(upper + v * VEC_LANES) + vec_load(lower + v * VEC_LANES),
                             weight, sum[v]);
    }
    for (int64_t v = 0; v < vectors; v++)
        vec_store(out + x + v * VEC_LANES, vec_fma(vec_load(rows[half] + x + v * VEC_LANES),
                                                   vec_all(weights[half]), sum[v]));
}

/* Of the values and of their squares. */
VEC_INLINE void ssim_down_squares_strip(float *out, float *squares, const float *const *rows,
                                        int64_t x, const float *weights, int32_t taps,
                                        int64_t vectors)
{
    const int32_t half = taps / 2;
    vec_f32 sum[SSIM_STRIP] = {0}, square[SSIM_STRIP] = {0};
    for (int32_t k = 0; k < half; k++) {
        const float *upper = rows[k] + x, *lower = rows[taps - 1 - k] + x;
        const vec_f32 weight = vec_all(weights[k]);
        for (int64_t v = 0; v < vectors; v++) {
            const vec_f32 a = vec_load(upper + v * VEC_LANES);
            const vec_f32 b = vec_load(lower + v * VEC_LANES);
            sum[v] = vec_fma(a + b, weight, sum[v]);
            square[v] = vec_fma(a * a + b * b, weight, square[v]);
        }
    }
    for (int64_t v = 0; v < vectors; v++) {
        const vec_f32 a = vec_load(rows[half] + x + v * VEC_LANES);
        const vec_f32 weight = vec_all(weights[half]);
        vec_store(out + x + v * VEC_LANES, vec_fma(a, weight, sum[v]));
        vec_store(squares + x + v * VEC_LANES, vec_fma(a * a, weight, square[v]));
    }
}

VEC_INLINE void ssim_down_row(float *out, const float *const *rows, int64_t count,
                              const float *weights, int32_t taps)
{
    int64_t x = 0;
    for (; x + SSIM_STRIP * VEC_LANES <= count; x += SSIM_STRIP * VEC_LANES)
        ssim_down_strip(out, rows, x, weights, taps, SSIM_STRIP);
    for (; x < count; x += VEC_LANES)
        ssim_down_strip(out, rows, x, weights, taps, 1);
}

VEC_INLINE void ssim_down_squares_row(float *out, float *squares, const float *const *rows,
                                      int64_t count, const float *weights, int32_t taps)
{
    int64_t x = 0;
    for (; x + SSIM_STRIP * VEC_LANES <= count; x += SSIM_STRIP * VEC_LANES)
        ssim_down_squares_strip(out, squares, rows, x, weights, taps, SSIM_STRIP);
    for (; x < count; x += VEC_LANES)
        ssim_down_squares_strip(out, squares, rows, x, weights, taps, 1);
}

/* ---- along the row ---- */

/* The usual windows: some of the shifted vectors are cut from two aligned ones and some are loaded,
 * so that shuffles and loads, most of which cross a cache line, do not wait for each other. */
VEC_INLINE vec_f32 ssim_across_usual(const float *in, const float *weights, int32_t taps)
{
    const vec_f32 low = vec_load(in), high = vec_load(in + VEC_LANES);
    vec_f32 sum = vec_all(0);
#define SSIM_PAIR(k, a, b) sum = vec_fma((a) + (b), vec_all(weights[k]), sum)
    if (taps == 7) {
        SSIM_PAIR(0, low, VEC_CUT(in, low, high, 6));
        SSIM_PAIR(1, VEC_CUT(in, low, high, 1), vec_load(in + 5));
        SSIM_PAIR(2, VEC_CUT(in, low, high, 2), vec_load(in + 4));
    } else {
        SSIM_PAIR(0, low, vec_load(in + 10));
        SSIM_PAIR(1, VEC_CUT(in, low, high, 1), vec_load(in + 9));
        SSIM_PAIR(2, VEC_CUT(in, low, high, 2), vec_load(in + 8));
        SSIM_PAIR(3, VEC_CUT(in, low, high, 3), vec_load(in + 7));
        SSIM_PAIR(4, VEC_CUT(in, low, high, 4), vec_load(in + 6));
    }
#undef SSIM_PAIR
    return vec_fma(vec_load(in + taps / 2), vec_all(weights[taps / 2]), sum);
}

VEC_INLINE vec_f32 ssim_across(const float *in, const float *weights, int32_t taps)
{
    if (VEC_CUTS && (taps == 11 || taps == 7))
        return ssim_across_usual(in, weights, taps);
    const int32_t half = taps / 2;
    vec_f32 sum = vec_all(0);
    for (int32_t k = 0; k < half; k++)
        sum = vec_fma(vec_load(in + k) + vec_load(in + taps - 1 - k), vec_all(weights[k]), sum);
    return vec_fma(vec_load(in + half), vec_all(weights[half]), sum);
}

/* total * product - a * b with one rounding, of a difference that all but cancels. */
VEC_INLINE vec_f32 ssim_difference(vec_f32 product, vec_f32 a, vec_f32 b, float total, int32_t taps)
{
    typedef double wide_vector __attribute__((vector_size(2 * sizeof(vec_f32))));
    if (!VEC_FUSED) {
        const wide_vector exact =
            __builtin_convertvector(product, wide_vector) * (double)total -
            __builtin_convertvector(a, wide_vector) * __builtin_convertvector(b, wide_vector);
        return __builtin_convertvector(exact, vec_f32);
    }
    if (taps == RDX_SSIM_TAPS) /* a Gaussian, whose total is 1 */
        return -vec_fma(a, b, -product);
    const vec_f32 rounded = a * b, lost = vec_fma(a, b, -rounded);
    return vec_fma(product, vec_all(total), -rounded) - lost;
}

VEC_INLINE void ssim_moments_row(float *mean, float *variance, const float *values,
                                 const float *squares, int64_t count, const rdx_ssim_taps *window,
                                 int32_t taps)
{
    const rdx_ssim_taps own = *window; /* stores cannot alias it */
    for (int64_t x = 0; x < count; x += VEC_LANES) {
        const vec_f32 m = ssim_across(values + x, own.across, taps);
        const vec_f32 s = ssim_across(squares + x, own.across, taps);
        vec_store(mean + x, m);
        vec_store(variance + x, ssim_difference(s, m, m, own.total, taps) * own.unbias);
    }
}

/* The mean of the window around each pixel, and its variance. `scratch` is two rows of
 * `count` + SSIM_PAD. */
static void ssim_moments(float *mean, float *variance, const float *const *rows, int64_t count,
                         const rdx_ssim_taps *window, float *scratch)
{
    float *values = scratch, *squares = scratch + count + SSIM_PAD;
    const int64_t all = count + SSIM_PAD;
    if (window->rows == 11)
        ssim_down_squares_row(values, squares, rows, all, window->down, 11);
    else if (window->rows == 7)
        ssim_down_squares_row(values, squares, rows, all, window->down, 7);
    else
        ssim_down_squares_row(values, squares, rows, all, window->down, window->rows);
    if (window->columns == 11)
        ssim_moments_row(mean, variance, values, squares, count, window, 11);
    else if (window->columns == 7)
        ssim_moments_row(mean, variance, values, squares, count, window, 7);
    else
        ssim_moments_row(mean, variance, values, squares, count, window, window->columns);
}

/* Wang et al. 2004, eq. 13. */
VEC_INLINE vec_f32 ssim_index_at(vec_f32 product, vec_f32 mean_a, vec_f32 mean_b, vec_f32 variances,
                                 const rdx_ssim_taps *window, int32_t taps)
{
    const vec_f32 covariance =
        ssim_difference(product, mean_a, mean_b, window->total, taps) * window->unbias;
    if (window->contrast != 0)
        return (covariance * 2 + window->c2) / (variances + window->c2);
    const vec_f32 a = mean_a * window->scale + window->shift;
    const vec_f32 b = mean_b * window->scale + window->shift;
    return (a * b * 2 + window->c1) * (covariance * 2 + window->c2) /
           ((a * a + b * b + window->c1) * (variances + window->c2));
}

/* Adds the index of `valid` pixels to SSIM_PAD lanes, by their place. */
VEC_INLINE void ssim_index_row(double *lanes, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                               const float *products, int64_t count, int64_t valid,
                               const rdx_ssim_taps *window, int32_t taps)
{
    const rdx_ssim_taps own = *window; /* stores cannot alias it */
    vec_f32 sum[SSIM_PAD / VEC_LANES] = {0};
    float one[SSIM_PAD] = {0};
    for (int64_t start = 0; start < count; start += SSIM_PAD)
        for (int64_t v = 0; v < SSIM_PAD / VEC_LANES; v++) {
            const int64_t x = start + v * VEC_LANES;
            vec_f32 index =
                ssim_index_at(ssim_across(products + x, own.across, taps), vec_load(a->mean + x),
                              vec_load(b->mean + x),
                              vec_load(a->variance + x) + vec_load(b->variance + x), &own, taps);
            if (__builtin_expect(x + VEC_LANES > valid, 0)) {
                vec_store(one, index);
                for (int k = 0; k < VEC_LANES; k++)
                    one[k] = x + k < valid ? one[k] : 0;
                index = vec_load(one);
            }
            sum[v] += index;
        }
    for (int64_t v = 0; v < SSIM_PAD / VEC_LANES; v++)
        vec_store(one + v * VEC_LANES, sum[v]);
    for (int k = 0; k < SSIM_PAD; k++)
        lanes[k] += (double)one[k];
}

/* The index of `valid` of `count` pixels, from the rows of products. `scratch` is one row of
 * `count` + SSIM_PAD. */
static void ssim_index(double *lanes, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                       const float *const *rows, int64_t count, int64_t valid,
                       const rdx_ssim_taps *window, float *scratch)
{
    if (window->rows == 11)
        ssim_down_row(scratch, rows, count + SSIM_PAD, window->down, 11);
    else if (window->rows == 7)
        ssim_down_row(scratch, rows, count + SSIM_PAD, window->down, 7);
    else
        ssim_down_row(scratch, rows, count + SSIM_PAD, window->down, window->rows);
    if (window->columns == 11)
        ssim_index_row(lanes, a, b, scratch, count, valid, window, 11);
    else if (window->columns == 7)
        ssim_index_row(lanes, a, b, scratch, count, valid, window, 7);
    else
        ssim_index_row(lanes, a, b, scratch, count, valid, window, window->columns);
}

/* The index of each of `count` pixels. `scratch` as for ssim_index. */
static void ssim_map(float *out, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                     const float *const *rows, int64_t count, const rdx_ssim_taps *window,
                     float *scratch)
{
    const rdx_ssim_taps own = *window; /* stores cannot alias it */
    ssim_down_row(scratch, rows, count + SSIM_PAD, own.down, own.rows);
    for (int64_t x = 0; x < count; x += VEC_LANES)
        vec_store(out + x, ssim_index_at(ssim_across(scratch + x, own.across, own.columns),
                                         vec_load(a->mean + x), vec_load(b->mean + x),
                                         vec_load(a->variance + x) + vec_load(b->variance + x),
                                         &own, own.columns));
}
