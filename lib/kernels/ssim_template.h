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
#define SSIM_INLINE static inline __attribute__((always_inline))

#if defined(RDX_TIER_AVX512)
#define SSIM_WIDTH INT64_C(16)
typedef __m512 ssim_vector;
#define SSIM_MADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SSIM_SET(x) _mm512_set1_ps(x)
#elif defined(RDX_TIER_AVX2)
#define SSIM_WIDTH INT64_C(8)
typedef __m256 ssim_vector;
#define SSIM_MADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SSIM_SET(x) _mm256_set1_ps(x)
#else
#define SSIM_WIDTH INT64_C(4)
typedef float ssim_vector __attribute__((vector_size(16)));
#define SSIM_MADD(a, b, c) ((a) * (b) + (c))
#define SSIM_SET(x) ((ssim_vector){x, x, x, x})
#endif

/* Vectors that are worked on together, so that pointers and weights are fetched less often. */
#define SSIM_STRIP INT64_C(4)

SSIM_INLINE ssim_vector ssim_load(const float *in)
{
    ssim_vector value;
    memcpy(&value, in, sizeof value);
    return value;
}

SSIM_INLINE void ssim_store(float *out, ssim_vector value)
{
    memcpy(out, &value, sizeof value);
}

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
SSIM_INLINE void ssim_down_strip(float *out, const float *const *rows, int64_t x,
                                 const float *weights, int32_t taps, int64_t vectors)
{
    const int32_t half = taps / 2;
    ssim_vector sum[SSIM_STRIP] = {0};
    for (int32_t k = 0; k < half; k++) {
        const float *upper = rows[k] + x, *lower = rows[taps - 1 - k] + x;
        const ssim_vector weight = SSIM_SET(weights[k]);
        for (int64_t v = 0; v < vectors; v++)
            sum[v] =
                SSIM_MADD(ssim_load(upper + v * SSIM_WIDTH) + ssim_load(lower + v * SSIM_WIDTH),
                          weight, sum[v]);
    }
    for (int64_t v = 0; v < vectors; v++)
        ssim_store(out + x + v * SSIM_WIDTH, SSIM_MADD(ssim_load(rows[half] + x + v * SSIM_WIDTH),
                                                       SSIM_SET(weights[half]), sum[v]));
}

/* Of the values and of their squares. */
SSIM_INLINE void ssim_down_squares_strip(float *out, float *squares, const float *const *rows,
                                         int64_t x, const float *weights, int32_t taps,
                                         int64_t vectors)
{
    const int32_t half = taps / 2;
    ssim_vector sum[SSIM_STRIP] = {0}, square[SSIM_STRIP] = {0};
    for (int32_t k = 0; k < half; k++) {
        const float *upper = rows[k] + x, *lower = rows[taps - 1 - k] + x;
        const ssim_vector weight = SSIM_SET(weights[k]);
        for (int64_t v = 0; v < vectors; v++) {
            const ssim_vector a = ssim_load(upper + v * SSIM_WIDTH);
            const ssim_vector b = ssim_load(lower + v * SSIM_WIDTH);
            sum[v] = SSIM_MADD(a + b, weight, sum[v]);
            square[v] = SSIM_MADD(a * a + b * b, weight, square[v]);
        }
    }
    for (int64_t v = 0; v < vectors; v++) {
        const ssim_vector a = ssim_load(rows[half] + x + v * SSIM_WIDTH);
        const ssim_vector weight = SSIM_SET(weights[half]);
        ssim_store(out + x + v * SSIM_WIDTH, SSIM_MADD(a, weight, sum[v]));
        ssim_store(squares + x + v * SSIM_WIDTH, SSIM_MADD(a * a, weight, square[v]));
    }
}

SSIM_INLINE void ssim_down_row(float *out, const float *const *rows, int64_t count,
                               const float *weights, int32_t taps)
{
    int64_t x = 0;
    for (; x + SSIM_STRIP * SSIM_WIDTH <= count; x += SSIM_STRIP * SSIM_WIDTH)
        ssim_down_strip(out, rows, x, weights, taps, SSIM_STRIP);
    for (; x < count; x += SSIM_WIDTH)
        ssim_down_strip(out, rows, x, weights, taps, 1);
}

SSIM_INLINE void ssim_down_squares_row(float *out, float *squares, const float *const *rows,
                                       int64_t count, const float *weights, int32_t taps)
{
    int64_t x = 0;
    for (; x + SSIM_STRIP * SSIM_WIDTH <= count; x += SSIM_STRIP * SSIM_WIDTH)
        ssim_down_squares_strip(out, squares, rows, x, weights, taps, SSIM_STRIP);
    for (; x < count; x += SSIM_WIDTH)
        ssim_down_squares_strip(out, squares, rows, x, weights, taps, 1);
}

/* ---- along the row ---- */

#if defined(RDX_TIER_AVX512)
/* The usual windows: some of the shifted vectors are cut from two aligned ones, some are loaded, so
 * that neither the shuffles nor the loads, most of which cross a cache line, wait for each other.
 */
SSIM_INLINE ssim_vector ssim_across_usual(const float *in, const float *weights, int32_t taps)
{
    const __m512i low = _mm512_loadu_si512(in), high = _mm512_loadu_si512(in + SSIM_WIDTH);
    ssim_vector sum = SSIM_SET(0);
#define SSIM_CUT(k) _mm512_castsi512_ps(_mm512_alignr_epi32(high, low, k))
#define SSIM_PAIR(k, a, b) sum = SSIM_MADD((a) + (b), SSIM_SET(weights[k]), sum)
    if (taps == 7) {
        SSIM_PAIR(0, SSIM_CUT(0), SSIM_CUT(6));
        SSIM_PAIR(1, SSIM_CUT(1), ssim_load(in + 5));
        SSIM_PAIR(2, SSIM_CUT(2), ssim_load(in + 4));
    } else {
        SSIM_PAIR(0, SSIM_CUT(0), ssim_load(in + 10));
        SSIM_PAIR(1, SSIM_CUT(1), ssim_load(in + 9));
        SSIM_PAIR(2, SSIM_CUT(2), ssim_load(in + 8));
        SSIM_PAIR(3, SSIM_CUT(3), ssim_load(in + 7));
        SSIM_PAIR(4, SSIM_CUT(4), ssim_load(in + 6));
    }
    return SSIM_MADD(ssim_load(in + taps / 2), SSIM_SET(weights[taps / 2]), sum);
#undef SSIM_PAIR
#undef SSIM_CUT
}
#endif

SSIM_INLINE ssim_vector ssim_across(const float *in, const float *weights, int32_t taps)
{
#if defined(RDX_TIER_AVX512)
    if (taps == 11 || taps == 7)
        return ssim_across_usual(in, weights, taps);
#endif
    const int32_t half = taps / 2;
    ssim_vector sum = SSIM_SET(0);
    for (int32_t k = 0; k < half; k++)
        sum =
            SSIM_MADD(ssim_load(in + k) + ssim_load(in + taps - 1 - k), SSIM_SET(weights[k]), sum);
    return SSIM_MADD(ssim_load(in + half), SSIM_SET(weights[half]), sum);
}

/* total * product - a * b with one rounding, of a difference that all but cancels. */
SSIM_INLINE ssim_vector ssim_difference(ssim_vector product, ssim_vector a, ssim_vector b,
                                        float total, int32_t taps)
{
#if defined(RDX_TIER_AVX512) || defined(RDX_TIER_AVX2)
    if (taps == RDX_SSIM_TAPS) /* a Gaussian, whose total is 1 */
        return -SSIM_MADD(a, b, -product);
    const ssim_vector rounded = a * b, lost = SSIM_MADD(a, b, -rounded);
    return SSIM_MADD(product, SSIM_SET(total), -rounded) - lost;
#else
    (void)taps;
    typedef double wide_vector __attribute__((vector_size(32)));
    const wide_vector exact =
        __builtin_convertvector(product, wide_vector) * (double)total -
        __builtin_convertvector(a, wide_vector) * __builtin_convertvector(b, wide_vector);
    return __builtin_convertvector(exact, ssim_vector);
#endif
}

SSIM_INLINE void ssim_moments_row(float *mean, float *variance, const float *values,
                                  const float *squares, int64_t count, const rdx_ssim_taps *window,
                                  int32_t taps)
{
    const rdx_ssim_taps own = *window; /* stores cannot alias it */
    for (int64_t x = 0; x < count; x += SSIM_WIDTH) {
        const ssim_vector m = ssim_across(values + x, own.across, taps);
        const ssim_vector s = ssim_across(squares + x, own.across, taps);
        ssim_store(mean + x, m);
        ssim_store(variance + x, ssim_difference(s, m, m, own.total, taps) * own.unbias);
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
SSIM_INLINE ssim_vector ssim_index_at(ssim_vector product, ssim_vector mean_a, ssim_vector mean_b,
                                      ssim_vector variances, const rdx_ssim_taps *window,
                                      int32_t taps)
{
    const ssim_vector covariance =
        ssim_difference(product, mean_a, mean_b, window->total, taps) * window->unbias;
    if (window->contrast != 0)
        return (covariance * 2 + window->c2) / (variances + window->c2);
    const ssim_vector a = mean_a * window->scale + window->shift;
    const ssim_vector b = mean_b * window->scale + window->shift;
    return (a * b * 2 + window->c1) * (covariance * 2 + window->c2) /
           ((a * a + b * b + window->c1) * (variances + window->c2));
}

/* Adds the index of `valid` pixels to SSIM_PAD lanes, by their place. */
SSIM_INLINE void ssim_index_row(double *lanes, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                                const float *products, int64_t count, int64_t valid,
                                const rdx_ssim_taps *window, int32_t taps)
{
    const rdx_ssim_taps own = *window; /* stores cannot alias it */
    ssim_vector sum[SSIM_PAD / SSIM_WIDTH] = {0};
    float one[SSIM_PAD] = {0};
    for (int64_t start = 0; start < count; start += SSIM_PAD)
        for (int64_t v = 0; v < SSIM_PAD / SSIM_WIDTH; v++) {
            const int64_t x = start + v * SSIM_WIDTH;
            ssim_vector index =
                ssim_index_at(ssim_across(products + x, own.across, taps), ssim_load(a->mean + x),
                              ssim_load(b->mean + x),
                              ssim_load(a->variance + x) + ssim_load(b->variance + x), &own, taps);
            if (__builtin_expect(x + SSIM_WIDTH > valid, 0)) {
                ssim_store(one, index);
                for (int k = 0; k < SSIM_WIDTH; k++)
                    one[k] = x + k < valid ? one[k] : 0;
                index = ssim_load(one);
            }
            sum[v] += index;
        }
    for (int64_t v = 0; v < SSIM_PAD / SSIM_WIDTH; v++)
        ssim_store(one + v * SSIM_WIDTH, sum[v]);
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

/* The index of each of `count` pixels. `scratch` as ssim_index wants it. */
static void ssim_map(float *out, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                     const float *const *rows, int64_t count, const rdx_ssim_taps *window,
                     float *scratch)
{
    const rdx_ssim_taps own = *window; /* stores cannot alias it */
    ssim_down_row(scratch, rows, count + SSIM_PAD, own.down, own.rows);
    for (int64_t x = 0; x < count; x += SSIM_WIDTH)
        ssim_store(out + x, ssim_index_at(ssim_across(scratch + x, own.across, own.columns),
                                          ssim_load(a->mean + x), ssim_load(b->mean + x),
                                          ssim_load(a->variance + x) + ssim_load(b->variance + x),
                                          &own, own.columns));
}
