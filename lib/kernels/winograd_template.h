/* SPDX-License-Identifier: MIT
 * Winograd's convolution with 3 x 3 weights: the transforms of tiles, and the products between.
 *
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), F(2x2, 3x3) and
 * F(4x4, 3x3), with the interpolation points 0, +-1, infinity and 0, +-A, +-B, infinity. With one
 * dimension's matrices G, B and A: Y = A' [(G g G') . (B' d B)] A, where . is a product over
 * channels at each position of the tile. All that comes in tiles lies position by position, `step`
 * floats apart, channels side by side; channels are a multiple of 16. */

#define WINO_ROWS (VEC_REGISTERS / 4) /* of a block, whose sums fill half of the registers */

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
VEC_INLINE void wino_input_4(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 a2 = vec_all(-WINO_A2), b2 = vec_all(-WINO_B2);
    const vec_f32 q = vec_all(-(WINO_A2 + WINO_B2)); /* and A2 B2 is 1 */
    const vec_f32 e = vec_fma(b2, in[2 * s], in[4 * s]);
    const vec_f32 f = vec_all(WINO_A) * vec_fma(b2, in[s], in[3 * s]);
    const vec_f32 g = vec_fma(a2, in[2 * s], in[4 * s]);
    const vec_f32 h = vec_all(WINO_B) * vec_fma(a2, in[s], in[3 * s]);
    const vec_f32 first = vec_fma(q, in[2 * s], in[4 * s]) + in[0];
    const vec_f32 last = vec_fma(q, in[3 * s], in[5 * s]) + in[s];
    out[0] = first;
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = g + h;
    out[4 * t] = g - h;
    out[5 * t] = last;
}

/* A' */
VEC_INLINE void wino_output_4(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 p = in[s] + in[2 * s], m = in[s] - in[2 * s];
    const vec_f32 q = in[3 * s] + in[4 * s], n = in[3 * s] - in[4 * s];
    const vec_f32 y0 = in[0] + p + q;
    const vec_f32 y3 = vec_fma(vec_all(WINO_A3), m, vec_fma(vec_all(WINO_B3), n, in[5 * s]));
    out[t] = vec_fma(vec_all(WINO_A), m, vec_all(WINO_B) * n);
    out[2 * t] = vec_fma(vec_all(WINO_A2), p, vec_all(WINO_B2) * q);
    out[0] = y0;
    out[3 * t] = y3;
}

/* A: of the gradient of the outputs */
VEC_INLINE void wino_gradient_4(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 e = vec_fma(vec_all(WINO_A2), in[2 * s], in[0]);
    const vec_f32 f = vec_fma(vec_all(WINO_A3), in[3 * s], vec_all(WINO_A) * in[s]);
    const vec_f32 g = vec_fma(vec_all(WINO_B2), in[2 * s], in[0]);
    const vec_f32 h = vec_fma(vec_all(WINO_B3), in[3 * s], vec_all(WINO_B) * in[s]);
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
VEC_INLINE void wino_weight_4(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 e = vec_all(WINO_NA) * vec_fma(vec_all(WINO_A2), in[2 * s], in[0]);
    const vec_f32 f = vec_all(WINO_NA * WINO_A) * in[s];
    const vec_f32 g = vec_all(WINO_NB) * vec_fma(vec_all(WINO_B2), in[2 * s], in[0]);
    const vec_f32 h = vec_all(WINO_NB * WINO_B) * in[s];
    out[0] = in[0];
    out[5 * t] = in[2 * s];
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = g + h;
    out[4 * t] = g - h;
}

/* G' */
VEC_INLINE void wino_weight_back_4(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 p = vec_all(WINO_NA) * (in[s] + in[2 * s]);
    const vec_f32 m = vec_all(WINO_NA * WINO_A) * (in[s] - in[2 * s]);
    const vec_f32 q = vec_all(WINO_NB) * (in[3 * s] + in[4 * s]);
    const vec_f32 n = vec_all(WINO_NB * WINO_B) * (in[3 * s] - in[4 * s]);
    const vec_f32 g0 = in[0] + p + q;
    out[2 * t] = vec_fma(vec_all(WINO_A2), p, vec_fma(vec_all(WINO_B2), q, in[5 * s]));
    out[t] = m + n;
    out[0] = g0;
}

VEC_INLINE void wino_input_2(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    out[0] = in[0] - in[2 * s];
    out[t] = in[2 * s] + in[s];
    out[2 * t] = in[2 * s] - in[s];
    out[3 * t] = in[3 * s] - in[s];
}

VEC_INLINE void wino_output_2(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    out[0] = in[0] + in[s] + in[2 * s];
    out[t] = in[s] - in[2 * s] + in[3 * s];
}

VEC_INLINE void wino_gradient_2(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    out[0] = in[0];
    out[t] = in[0] + in[s];
    out[2 * t] = in[0] - in[s];
    out[3 * t] = in[s];
}

VEC_INLINE void wino_weight_2(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 e = vec_all(0.5F) * (in[0] + in[2 * s]), f = vec_all(0.5F) * in[s];
    out[0] = in[0];
    out[t] = e + f;
    out[2 * t] = e - f;
    out[3 * t] = in[2 * s];
}

VEC_INLINE void wino_weight_back_2(vec_f32 *out, int t, const vec_f32 *in, int s)
{
    const vec_f32 p = vec_all(0.5F) * (in[s] + in[2 * s]);
    out[0] = in[0] + p;
    out[t] = vec_all(0.5F) * (in[s] - in[2 * s]);
    out[2 * t] = p + in[3 * s];
}

/* ---- two dimensions ---- */

typedef void wino_line(vec_f32 *out, int t, const vec_f32 *in, int s);

/* Columns, then rows: from x from values to to x to. */
VEC_INLINE void wino_square(vec_f32 *out, const vec_f32 *in, int from, int to, wino_line *one)
{
    vec_f32 half[36];
    for (int x = 0; x < from; x++)
        one(half + x, from, in + x, from);
    for (int y = 0; y < to; y++)
        one(out + y * to, 1, half + y * from, 1);
}

/* Of from x from pixels (or weights), each a pointer to its channels, the to x to positions. */
VEC_INLINE void wino_spread(float *out, int64_t step, const float *const *pixels, int64_t channels,
                            int from, int to, wino_line *one)
{
    for (int64_t c = 0; c < channels; c += VEC_LANES) {
        vec_f32 in[36], all[36];
        for (int i = 0; i < from * from; i++)
            in[i] = vec_load(pixels[i] + c);
        wino_square(all, in, from, to, one);
        for (int i = 0; i < to * to; i++)
            vec_store(out + i * step + c, all[i]);
    }
}

/* The reverse: pixels are overwritten, or added to. */
VEC_INLINE void wino_gather(float *const *pixels, const float *in, int64_t step, int64_t channels,
                            int accumulate, int from, int to, wino_line *one)
{
    for (int64_t c = 0; c < channels; c += VEC_LANES) {
        vec_f32 all[36], out[36];
        for (int i = 0; i < from * from; i++)
            all[i] = vec_load(in + i * step + c);
        wino_square(out, all, from, to, one);
        if (accumulate)
            for (int i = 0; i < to * to; i++)
                out[i] += vec_load(pixels[i] + c);
        for (int i = 0; i < to * to; i++)
            vec_store(pixels[i] + c, out[i]);
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

/* WINO_ROWS x 2 VEC_LANES of a product, in registers. */
VEC_INLINE void wino_block(float *out, int64_t out_row, const float *a, int64_t a_row,
                           int64_t a_column, const float *b, int64_t b_row, int64_t depth,
                           int accumulate)
{
    vec_f32 sum[WINO_ROWS][2];
    for (int r = 0; r < WINO_ROWS; r++)
        sum[r][0] = sum[r][1] = vec_all(0);
    for (int64_t k = 0; k < depth; k++, a += a_column, b += b_row) {
        const vec_f32 left = vec_load(b), right = vec_load(b + VEC_LANES);
#pragma GCC unroll 8
        for (int r = 0; r < WINO_ROWS; r++) {
            const vec_f32 x = vec_all(a[r * a_row]);
            sum[r][0] = vec_fma(x, left, sum[r][0]);
            sum[r][1] = vec_fma(x, right, sum[r][1]);
        }
    }
    for (int r = 0; r < WINO_ROWS; r++, out += out_row) {
        if (accumulate) {
            sum[r][0] += vec_load(out);
            sum[r][1] += vec_load(out + VEC_LANES);
        }
        vec_store(out, sum[r][0]);
        vec_store(out + VEC_LANES, sum[r][1]);
    }
}

/* out = a b for `rows` (a multiple of 8) x 32, summed over `depth`; added to what is there, if
 * `accumulate`. Element (i, k) of a is a[i * a_row + k] or, `across`, a[i + k * a_row]. */
static void winograd_product(float *out, int64_t out_row, const float *a, int64_t a_row, int across,
                             const float *b, int64_t b_row, int64_t rows, int64_t depth,
                             int accumulate)
{
    for (int64_t i = 0; i < rows; i += WINO_ROWS)
        for (int64_t j = 0; j < 32; j += 2 * VEC_LANES) {
            float *block = out + i * out_row + j;
            if (across)
                wino_block(block, out_row, a + i, 1, a_row, b + j, b_row, depth, accumulate);
            else
                wino_block(block, out_row, a + i * a_row, a_row, 1, b + j, b_row, depth,
                           accumulate);
        }
}
