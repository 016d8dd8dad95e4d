/* SPDX-License-Identifier: MIT
 * A row of a blur of 8-bit pixels by 7 symmetric weights that add up to 256, down and then across:
 * sums of whole numbers, rounded once at the end, so exact in any order. Between the two they are
 * of 16 bits, less 32768 for the signed products. */

#define BLUR_BIAS 32768

/* rows: 7, from the uppermost on. */
static void blur_down(int16_t *restrict out, const uint8_t *const *rows, int64_t width,
                      const int16_t *weights)
{
    const uint8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4],
                  *f = rows[5], *g = rows[6];
    const int16_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    for (int64_t x = 0; x < width; x++) {
        const int sum = w0 * (a[x] + g[x]) + w1 * (b[x] + f[x]) + w2 * (c[x] + e[x]) + w3 * d[x];
        out[x] = (int16_t)(sum - BLUR_BIAS);
    }
}

#if VEC_INTEGERS
#define BLUR_STEP (2 * VEC_LANES)

/* Two weights for two neighbours. */
static inline vec_i16 blur_pair(int first, int second)
{
    return (vec_i16)vec_all_i32((int32_t)((uint32_t)second << 16 | (uint32_t)first));
}

/* A lane holds two neighbours: one sum is of the left one's taps, one of the right one's, which
 * come from the same four loads. Returns where it stopped. */
static inline int64_t blur_steps(uint8_t *out, const int16_t *in, int64_t width,
                                 const int16_t *weights)
{
    const vec_i32 half = vec_all_i32((BLUR_BIAS << 8) + (1 << 15));
    vec_i16 left[4], right[4];
    int64_t x = 0;
    for (int k = 0; k < 4; k++) {
        left[k] = blur_pair(weights[2 * k], k < 3 ? weights[2 * k + 1] : 0);
        right[k] = blur_pair(k > 0 ? weights[2 * k - 1] : 0, weights[2 * k]);
    }
    for (; x + BLUR_STEP <= width; x += BLUR_STEP) {
        vec_sums even = {0}, odd = {0};
        for (int k = 0; k < 4; k++) {
            const vec_i16 pair = (vec_i16)vec_load_i32(in + x + 2 * k - 3);
            even = vec_add_pairs(even, pair, left[k]);
            odd = vec_add_pairs(odd, pair, right[k]);
        }
        const vec_u32 left_sums = (vec_u32)(vec_totals(even) + half);
        const vec_u32 right_sums = (vec_u32)(vec_totals(odd) + half);
        vec_store_u8(out + x, (vec_i16)((left_sums >> 16) + (right_sums >> 16 << 16)));
    }
    return x;
}

#else

/* The sum of taps of one byte of each value fits 16 bits; that of the low bytes counts for 1/256.
 */
static inline uint16_t blur_byte(const uint16_t *in, int shift, const uint16_t *w)
{
    uint16_t v[7];
    for (int k = 0; k < 7; k++)
        v[k] = (uint16_t)((uint16_t)(in[k - 3] + BLUR_BIAS) >> shift & 255);
    return (uint16_t)(w[0] * (v[0] + v[6]) + w[1] * (v[1] + v[5]) + w[2] * (v[2] + v[4]) +
                      w[3] * v[3]);
}

static int64_t blur_steps(uint8_t *restrict out, const int16_t *restrict in, int64_t width,
                          const int16_t *weights)
{
    const uint16_t *from = (const uint16_t *)in;
    const uint16_t w[4] = {(uint16_t)weights[0], (uint16_t)weights[1], (uint16_t)weights[2],
                           (uint16_t)weights[3]};
    for (int64_t x = 0; x < width; x++) {
        const uint16_t fine = blur_byte(from + x, 0, w), coarse = blur_byte(from + x, 8, w);
        out[x] = (uint8_t)((uint16_t)(coarse + (fine >> 8) + 128) >> 8);
    }
    return width;
}

#endif

/* in: 3 values before and 4 after the row are read, the last of them for nothing. */
static void blur_across(uint8_t *out, const int16_t *in, int64_t width, const int16_t *weights)
{
    for (int64_t x = blur_steps(out, in, width, weights); x < width; x++) {
        const int32_t sum = weights[0] * (in[x - 3] + in[x + 3]) +
                            weights[1] * (in[x - 2] + in[x + 2]) +
                            weights[2] * (in[x - 1] + in[x + 1]) + weights[3] * in[x];
        out[x] = (uint8_t)((sum + (BLUR_BIAS << 8) + (1 << 15)) >> 16);
    }
}
