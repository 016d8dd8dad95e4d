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

#if defined(RDX_TIER_AVX512)
#define BLUR_STEP 32
typedef __m512i blur_lanes;
#define BLUR(name) _mm512_##name
#define BLUR_LOAD(p) _mm512_loadu_si512(p)
#elif defined(RDX_TIER_AVX2)
#define BLUR_STEP 16
typedef __m256i blur_lanes;
#define BLUR(name) _mm256_##name
#define BLUR_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#endif

#if defined(BLUR_STEP)

/* Two weights for two neighbours. */
static inline blur_lanes blur_pair(int first, int second)
{
    return BLUR(set1_epi32)((int32_t)((uint32_t)second << 16 | (uint32_t)first));
}

static inline void blur_store(uint8_t *out, blur_lanes words)
{
#if defined(RDX_TIER_AVX512)
    _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi16_epi8(words));
#else
    _mm_storeu_si128((__m128i *)out, _mm_packus_epi16(_mm256_castsi256_si128(words),
                                                      _mm256_extracti128_si256(words, 1)));
#endif
}

/* A lane holds two neighbours: one sum is of the left one's taps, one of the right one's, which
 * come from the same four loads. Returns where it stopped. */
static inline int64_t blur_steps(uint8_t *out, const int16_t *in, int64_t width,
                                 const int16_t *weights)
{
    const blur_lanes half = BLUR(set1_epi32)((BLUR_BIAS << 8) + (1 << 15));
    blur_lanes left[4], right[4];
    int64_t x = 0;
    for (int k = 0; k < 4; k++) {
        left[k] = blur_pair(weights[2 * k], k < 3 ? weights[2 * k + 1] : 0);
        right[k] = blur_pair(k > 0 ? weights[2 * k - 1] : 0, weights[2 * k]);
    }
    for (; x + BLUR_STEP <= width; x += BLUR_STEP) {
        blur_lanes even = half, odd = half;
        for (int k = 0; k < 4; k++) {
            const blur_lanes pair = BLUR_LOAD(in + x + 2 * k - 3);
            even = BLUR(add_epi32)(even, BLUR(madd_epi16)(pair, left[k]));
            odd = BLUR(add_epi32)(odd, BLUR(madd_epi16)(pair, right[k]));
        }
        even = BLUR(srli_epi32)(even, 16);
        odd = BLUR(slli_epi32)(BLUR(srli_epi32)(odd, 16), 16);
        blur_store(out + x, BLUR(add_epi32)(even, odd));
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
