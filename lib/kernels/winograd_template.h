/* SPDX-License-Identifier: MIT
 * Winograd's convolution with 3 x 3 weights: the transforms of tiles, and the products between.
 *
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), F(2x2, 3x3) and
 * F(4x4, 3x3), with the interpolation points 0, +-1, infinity and 0, +-A, +-B, infinity. With one
 * dimension's matrices G, B and A: Y = A' [(G g G') . (B' d B)] A, where . is a product over
 * channels at each position of the tile. All that comes in tiles lies position by position, `step`
 * floats apart, channels side by side; channels are a multiple of 16. */

#if defined(RDX_TIER_AVX512)
#define WINO_LANES 16
#define WINO_ROWS 8
#elif defined(RDX_TIER_AVX2)
#define WINO_LANES 8
#define WINO_ROWS 4
#else
#define WINO_LANES 4
#define WINO_ROWS 4
#endif

typedef float wino_lanes __attribute__((vector_size(4 * WINO_LANES)));

static inline wino_lanes wino_load(const float *p)
{
    wino_lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void wino_store(float *p, wino_lanes v)
{
    memcpy(p, &v, sizeof v);
}

static inline wino_lanes wino_all(float x)
{
    return x - (wino_lanes){0};
}

/* a b + c */
static inline wino_lanes wino_fma(wino_lanes a, wino_lanes b, wino_lanes c)
{
#if defined(RDX_TIER_AVX512)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(RDX_TIER_AVX2)
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}

#define WINO_INLINE static inline __attribute__((always_inline)) void

/* ---- one dimension: out[i * t] of in[i * s] ---- */

/* 1 / sqrt(2) and sqrt(2): errors are 0.4 of those with the usual 1 and 2 (root mean square over
 * 128 channels in single precision), since less cancels. */
#define WINO_A 0.70710678F
#define WINO_B 1.41421356F
#define WINO_A2 0.5F
#define WINO_B2 2.0F
#define WINO_A3 0.35355339F
#define WINO_B3 2.82842712F

/* B' */
WINO_INLINE wino_input_4(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes a2 = wino_all(-WINO_A2), b2 = wino_all(-WINO_B2);
    const wino_lanes q = wino_all(-(WINO_A2 + WINO_B2)); /* and A2 B2 is 1 */
    const wino_lanes e = wino_fma(b2, in[2 * s], in[4 * s]);
    const wino_lanes f = wino_all(WINO_A) * wino_fma(b2, in[s], in[3 * s]);
    const wino_lanes g = wino_fma(a2, in[2 * s], in[4 * s]);
    const wino_lanes h = wino_all(WINO_B) * wino_fma(a2, in[s], in[3 * s]);
    const wino_lanes first = wino_fma(q, in[2 * s], in[4 * s]) + in[0];
    const wino_lanes last = wino_fma(q, in[3 * s], in[5 * s]) + in[s];
    out[0] = first;
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = g + h;
    out[4 * t] = g - h;
    out[5 * t] = last;
}

/* A' */
WINO_INLINE wino_output_4(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes p = in[s] + in[2 * s], m = in[s] - in[2 * s];
    const wino_lanes q = in[3 * s] + in[4 * s], n = in[3 * s] - in[4 * s];
    const wino_lanes y0 = in[0] + p + q;
    const wino_lanes y3 = wino_fma(wino_all(WINO_A3), m, wino_fma(wino_all(WINO_B3), n, in[5 * s]));
    out[t] = wino_fma(wino_all(WINO_A), m, wino_all(WINO_B) * n);
    out[2 * t] = wino_fma(wino_all(WINO_A2), p, wino_all(WINO_B2) * q);
    out[0] = y0;
    out[3 * t] = y3;
}

/* A: of the gradient of what comes out */
WINO_INLINE wino_gradient_4(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes e = wino_fma(wino_all(WINO_A2), in[2 * s], in[0]);
    const wino_lanes f = wino_fma(wino_all(WINO_A3), in[3 * s], wino_all(WINO_A) * in[s]);
    const wino_lanes g = wino_fma(wino_all(WINO_B2), in[2 * s], in[0]);
    const wino_lanes h = wino_fma(wino_all(WINO_B3), in[3 * s], wino_all(WINO_B) * in[s]);
    out[0] = in[0];
    out[5 * t] = in[3 * s];
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = g + h;
    out[4 * t] = g - h;
}

/* 1 / (2 A2 (A2 - B2)) and 1 / (2 B2 (B2 - A2)) */
#define WINO_NA (-2.0F / 3)
#define WINO_NB (1.0F / 6)

/* G */
WINO_INLINE wino_weight_4(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes e = wino_all(WINO_NA) * wino_fma(wino_all(WINO_A2), in[2 * s], in[0]);
    const wino_lanes f = wino_all(WINO_NA * WINO_A) * in[s];
    const wino_lanes g = wino_all(WINO_NB) * wino_fma(wino_all(WINO_B2), in[2 * s], in[0]);
    const wino_lanes h = wino_all(WINO_NB * WINO_B) * in[s];
    out[0] = in[0];
    out[5 * t] = in[2 * s];
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = g + h;
    out[4 * t] = g - h;
}

/* G' */
WINO_INLINE wino_weight_back_4(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes p = wino_all(WINO_NA) * (in[s] + in[2 * s]);
    const wino_lanes m = wino_all(WINO_NA * WINO_A) * (in[s] - in[2 * s]);
    const wino_lanes q = wino_all(WINO_NB) * (in[3 * s] + in[4 * s]);
    const wino_lanes n = wino_all(WINO_NB * WINO_B) * (in[3 * s] - in[4 * s]);
    const wino_lanes g0 = in[0] + p + q;
    out[2 * t] = wino_fma(wino_all(WINO_A2), p, wino_fma(wino_all(WINO_B2), q, in[5 * s]));
    out[t] = m + n;
    out[0] = g0;
}

WINO_INLINE wino_input_2(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    out[0] = in[0] - in[2 * s];
    out[t] = in[2 * s] + in[s];
    out[2 * t] = in[2 * s] - in[s];
    out[3 * t] = in[3 * s] - in[s];
}

WINO_INLINE wino_output_2(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    out[0] = in[0] + in[s] + in[2 * s];
    out[t] = in[s] - in[2 * s] + in[3 * s];
}

WINO_INLINE wino_gradient_2(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    out[0] = in[0];
    out[t] = in[0] + in[s];
    out[2 * t] = in[0] - in[s];
    out[3 * t] = in[s];
}

WINO_INLINE wino_weight_2(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes e = wino_all(0.5F) * (in[0] + in[2 * s]), f = wino_all(0.5F) * in[s];
    out[0] = in[0];
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = in[2 * s];
}

WINO_INLINE wino_weight_back_2(wino_lanes *out, int t, const wino_lanes *in, int s)
{
    const wino_lanes p = wino_all(0.5F) * (in[s] + in[2 * s]);
    out[0] = in[0] + p;
    out[t] = wino_all(0.5F) * (in[s] - in[2 * s]);
    out[2 * t] = p + in[3 * s];
}

/* ---- two dimensions ---- */

typedef void wino_line(wino_lanes *out, int t, const wino_lanes *in, int s);

/* Columns, then rows: from x from values to to x to. */
WINO_INLINE wino_square(wino_lanes *out, const wino_lanes *in, int from, int to, wino_line *one)
{
    wino_lanes half[36];
    for (int x = 0; x < from; x++)
        one(half + x, from, in + x, from);
    for (int y = 0; y < to; y++)
        one(out + y * to, 1, half + y * from, 1);
}

/* Of from x from pixels (or weights), each a pointer to its channels, the to x to positions. */
WINO_INLINE wino_spread(float *out, int64_t step, const float *const *pixels, int64_t channels,
                        int from, int to, wino_line *one)
{
    for (int64_t c = 0; c < channels; c += WINO_LANES) {
        wino_lanes in[36], all[36];
        for (int i = 0; i < from * from; i++)
            in[i] = wino_load(pixels[i] + c);
        wino_square(all, in, from, to, one);
        for (int i = 0; i < to * to; i++)
            wino_store(out + i * step + c, all[i]);
    }
}

/* The other way: pixels are overwritten, or added to. */
WINO_INLINE wino_gather(float *const *pixels, const float *in, int64_t step, int64_t channels,
                        int accumulate, int from, int to, wino_line *one)
{
    for (int64_t c = 0; c < channels; c += WINO_LANES) {
        wino_lanes all[36], out[36];
        for (int i = 0; i < from * from; i++)
            all[i] = wino_load(in + i * step + c);
        wino_square(out, all, from, to, one);
        if (accumulate)
            for (int i = 0; i < to * to; i++)
                out[i] += wino_load(pixels[i] + c);
        for (int i = 0; i < to * to; i++)
            wino_store(pixels[i] + c, out[i]);
    }
}

static void winograd_input_2(float *out, int64_t step, const float *const *pixels, int64_t channels)
{
    wino_spread(out, step, pixels, channels, 4, 4, wino_input_2);
}

static void winograd_input_4(float *out, int64_t step, const float *const *pixels, int64_t channels)
{
    wino_spread(out, step, pixels, channels, 6, 6, wino_input_4);
}

static void winograd_gradient_2(float *out, int64_t step, const float *const *pixels,
                                int64_t channels)
{
    wino_spread(out, step, pixels, channels, 2, 4, wino_gradient_2);
}

static void winograd_gradient_4(float *out, int64_t step, const float *const *pixels,
                                int64_t channels)
{
    wino_spread(out, step, pixels, channels, 4, 6, wino_gradient_4);
}

static void winograd_weight_2(float *out, int64_t step, const float *const *pixels,
                              int64_t channels)
{
    wino_spread(out, step, pixels, channels, 3, 4, wino_weight_2);
}

static void winograd_weight_4(float *out, int64_t step, const float *const *pixels,
                              int64_t channels)
{
    wino_spread(out, step, pixels, channels, 3, 6, wino_weight_4);
}

static void winograd_output_2(float *const *pixels, const float *in, int64_t step, int64_t channels,
                              int accumulate)
{
    wino_gather(pixels, in, step, channels, accumulate, 4, 2, wino_output_2);
}

static void winograd_output_4(float *const *pixels, const float *in, int64_t step, int64_t channels,
                              int accumulate)
{
    wino_gather(pixels, in, step, channels, accumulate, 6, 4, wino_output_4);
}

static void winograd_weight_back_2(float *const *pixels, const float *in, int64_t step,
                                   int64_t channels, int accumulate)
{
    wino_gather(pixels, in, step, channels, accumulate, 4, 3, wino_weight_back_2);
}

static void winograd_weight_back_4(float *const *pixels, const float *in, int64_t step,
                                   int64_t channels, int accumulate)
{
    wino_gather(pixels, in, step, channels, accumulate, 6, 3, wino_weight_back_4);
}

/* ---- products ---- */

/* WINO_ROWS x 2 WINO_LANES of a product, in registers. */
WINO_INLINE wino_block(float *out, int64_t out_row, const float *a, int64_t a_row, int64_t a_column,
                       const float *b, int64_t b_row, int64_t depth, int accumulate)
{
    wino_lanes sum[WINO_ROWS][2];
    for (int r = 0; r < WINO_ROWS; r++)
        sum[r][0] = sum[r][1] = wino_all(0);
    for (int64_t k = 0; k < depth; k++, a += a_column, b += b_row) {
        const wino_lanes left = wino_load(b), right = wino_load(b + WINO_LANES);
#pragma GCC unroll 8
        for (int r = 0; r < WINO_ROWS; r++) {
            const wino_lanes x = wino_all(a[r * a_row]);
            sum[r][0] = wino_fma(x, left, sum[r][0]);
            sum[r][1] = wino_fma(x, right, sum[r][1]);
        }
    }
    for (int r = 0; r < WINO_ROWS; r++, out += out_row) {
        if (accumulate) {
            sum[r][0] += wino_load(out);
            sum[r][1] += wino_load(out + WINO_LANES);
        }
        wino_store(out, sum[r][0]);
        wino_store(out + WINO_LANES, sum[r][1]);
    }
}

/* out = a b for `rows` (a multiple of 8) x 32, summed over `depth`; added to what is there, if
 * `accumulate`. Element (i, k) of a is a[i * a_row + k] or, `across`, a[i + k * a_row]. */
static void winograd_product(float *out, int64_t out_row, const float *a, int64_t a_row, int across,
                             const float *b, int64_t b_row, int64_t rows, int64_t depth,
                             int accumulate)
{
    for (int64_t i = 0; i < rows; i += WINO_ROWS)
        for (int64_t j = 0; j < 32; j += 2 * WINO_LANES) {
            float *block = out + i * out_row + j;
            if (across)
                wino_block(block, out_row, a + i, 1, a_row, b + j, b_row, depth, accumulate);
            else
                wino_block(block, out_row, a + i * a_row, a_row, 1, b + j, b_row, depth,
                           accumulate);
        }
}
