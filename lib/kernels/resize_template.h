/* SPDX-License-Identifier: MIT
 * The horizontal pass, one row of the vertical pass. The integer ones are exact in any order of
 * additions (|sum| < 2^31 for normalised 22-bit weights); the float ones add in the order of the
 * taps, in double, as Pillow does. */

#define RESIZE_BITS 22

static inline uint8_t resize_clip(int32_t sum)
{
    const int32_t value = sum >> RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* ---- 8 bits, horizontally ----
 *
 * Weights are cut into signed digits, so that products are small: 3 bytes, which AVX-512 multiplies
 * by 4 neighbouring pixels at a time; or 2 of 16 bits, by 2 pixels at a time. Far from the filter's
 * centre the highest one is 0. A word is that many pixels, or that many of one digit. With SIMD a
 * lane is a row: a batch of rows is turned on its side, each word of weights meets the same pixels
 * of all of them, and nothing has to be summed across. Digits are put together at the end, modulo
 * 2^32. */

#if defined(RDX_TIER_AVX512)
#define RESIZE_UNIT 4
#define RESIZE_DIGITS 3
#define RESIZE_GROUPS 4
#elif VEC_INTEGERS
#define RESIZE_UNIT 2
#define RESIZE_DIGITS 2
#if VEC_REGISTERS > 16 /* for twice as many sums */
#define RESIZE_GROUPS 4
#else
#define RESIZE_GROUPS 2
#endif
#endif

#if defined(RESIZE_UNIT)
#define RESIZE_HEAD 2 /* words ahead of an output's: where its highest digits that are not 0 */
                      /* begin and end */
#define RESIZE_BATCH (VEC_LANES * RESIZE_GROUPS)

static int64_t resize_words(int64_t taps)
{
    return RESIZE_HEAD + RESIZE_DIGITS * (taps / RESIZE_UNIT + 2);
}

static int64_t resize_scratch(int64_t width)
{
    return (width / (RESIZE_UNIT * VEC_LANES) + 1) * VEC_LANES * RESIZE_BATCH;
}

/* Words begin at multiples of RESIZE_UNIT pixels. All of `words` is 0 so far. */
static void resize_pack(int32_t *words, const int32_t *fixed, int32_t first, int32_t count,
                        int64_t taps)
{
    (void)taps;
    for (int32_t k = 0; k < count; k++) {
        const int32_t at = first % RESIZE_UNIT + k, unit = at / RESIZE_UNIT, i = at % RESIZE_UNIT;
        int32_t *digits = words + RESIZE_HEAD + RESIZE_DIGITS * unit;
#if RESIZE_UNIT == 4
        const int32_t low = ((fixed[k] + 128) & 255) - 128, rest = (fixed[k] - low) / 256;
        const int32_t middle = ((rest + 128) & 255) - 128, high = (rest - middle) / 256;
        ((int8_t *)&digits[0])[i] = (int8_t)low;
        ((int8_t *)&digits[1])[i] = (int8_t)middle;
        ((int8_t *)&digits[2])[i] = (int8_t)high;
#else
        const int32_t low = ((fixed[k] + 32768) & 65535) - 32768, high = (fixed[k] - low) / 65536;
        ((int16_t *)&digits[0])[i] = (int16_t)low;
        ((int16_t *)&digits[1])[i] = (int16_t)high;
#endif
        if (high != 0) {
            words[0] = words[1] == 0 ? unit : words[0];
            words[1] = unit + 1;
        }
    }
}

/* The same place of the next batch: read across rows, pixels come too late otherwise. */
static inline void resize_ahead(const uint8_t *row, int64_t stride)
{
    __builtin_prefetch((const void *)((uintptr_t)row + (uintptr_t)(RESIZE_BATCH * stride)), 0, 2);
}

#if RESIZE_UNIT == 4

/* 16 rows of up to 64 pixels: 16 words of 16 rows, RESIZE_BATCH words apart. */
static void resize_turn(int32_t *out, const uint8_t *in, int64_t stride, int64_t rows,
                        int64_t pixels)
{
    const __mmask64 mask = pixels >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << pixels) - 1;
    vec_i32 rows_of[16], words[16];
    for (int i = 0; i < 16; i++) {
        resize_ahead(in + i * stride, stride);
        rows_of[i] = i < rows ? (vec_i32)_mm512_maskz_loadu_epi8(mask, in + i * stride)
                              : (vec_i32)_mm512_setzero_si512();
    }
    vec_turn(words, rows_of);
    for (int i = 0; i < 16; i++)
        vec_store_i32(out + (int64_t)i * RESIZE_BATCH, words[i]);
}

static inline vec_sums resize_add(vec_sums sum, const int32_t *pixels, int32_t weights)
{
    const vec_i32 p = vec_load_i32(pixels), w = vec_all_i32(weights);
    /* _mm512_dpbusd_epi32, of which GCC 12 copies the sum to and fro */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(p), "v"(w));
    return sum;
}

static inline void resize_clipped(uint8_t *out, vec_sums sums[RESIZE_DIGITS][RESIZE_GROUPS])
{
    for (int g = 0; g < RESIZE_GROUPS; g++) {
        __m512i sum = _mm512_set1_epi32(1 << (RESIZE_BITS - 1));
        for (int d = 0; d < RESIZE_DIGITS; d++)
            sum = _mm512_add_epi32(sum, _mm512_slli_epi32((__m512i)sums[d][g], (unsigned)(8 * d)));
        sum = _mm512_max_epi32(_mm512_srai_epi32(sum, RESIZE_BITS), _mm512_setzero_si512());
        _mm_storeu_si128((__m128i *)(out + g * VEC_LANES), _mm512_cvtusepi32_epi8(sum));
    }
}

#else

/* VEC_LANES rows of up to twice as many pixels: words of all rows, RESIZE_BATCH words apart. */
static void resize_turn(int32_t *out, const uint8_t *in, int64_t stride, int64_t rows,
                        int64_t pixels)
{
    vec_i32 rows_of[VEC_LANES], words[VEC_LANES];
    for (int i = 0; i < VEC_LANES; i++) {
        uint8_t cut[2 * VEC_LANES] = {0};
        const uint8_t *row = in + i * stride;
        resize_ahead(row, stride);
        if (i >= rows || pixels < 2 * VEC_LANES) {
            if (i < rows)
                memcpy(cut, row, (size_t)pixels);
            row = cut;
        }
        rows_of[i] = (vec_i32)vec_load_u8_u16(row);
    }
    vec_turn(words, rows_of);
    for (int i = 0; i < VEC_LANES; i++)
        vec_store_i32(out + (int64_t)i * RESIZE_BATCH, words[i]);
}

static inline vec_sums resize_add(vec_sums sum, const int32_t *pixels, int32_t weights)
{
    const vec_i32 p = vec_load_i32(pixels), w = vec_all_i32(weights);
    return vec_add_pairs(sum, (vec_i16)p, (vec_i16)w);
}

static inline void resize_clipped(uint8_t *out, vec_sums sums[RESIZE_DIGITS][RESIZE_GROUPS])
{
    vec_i32 sum[RESIZE_GROUPS];
    for (int g = 0; g < RESIZE_GROUPS; g++) {
        const vec_u32 low = (vec_u32)vec_totals(sums[0][g]), high = (vec_u32)vec_totals(sums[1][g]);
        const vec_u32 whole = (high << 16) + low;
        sum[g] = (vec_i32)(whole + (1U << (RESIZE_BITS - 1))) >> RESIZE_BITS;
    }
    for (int g = 0; g < RESIZE_GROUPS; g += 2)
        vec_store_u8(out + g * VEC_LANES, vec_narrow(sum[g], sum[g + 1]));
}

#endif

/* One digit of all rows of a batch. */
static inline __attribute__((always_inline)) void
resize_digit(vec_sums sums[RESIZE_GROUPS], const int32_t *pixels, int32_t weights, int groups)
{
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++)
        sums[g] = resize_add(sums[g], pixels + g * VEC_LANES, weights);
}

/* Some units of an output, the lowest digits of each. (With AVX-512 the products bind as it is.) */
static inline __attribute__((always_inline)) void
resize_units(vec_sums sums[RESIZE_DIGITS][RESIZE_GROUPS], const int32_t *pixels,
             const int32_t *words, int32_t from, int32_t to, int digits, int groups)
{
    pixels += from * RESIZE_BATCH;
    words += from * RESIZE_DIGITS;
#if RESIZE_UNIT == 2
#pragma GCC unroll 2
#endif
    for (int32_t u = from; u < to; u++, pixels += RESIZE_BATCH, words += RESIZE_DIGITS)
#pragma GCC unroll 3
        for (int d = 0; d < digits; d++)
            resize_digit(sums[d], pixels, words[d], groups);
}

/* One output of all rows of a batch. */
static inline __attribute__((always_inline)) void
resize_outputs(uint8_t *out, const int32_t *pixels, const int32_t *words, int32_t units, int groups)
{
    vec_sums sums[RESIZE_DIGITS][RESIZE_GROUPS] = {0};
    const int32_t *const digits = words + RESIZE_HEAD;
    resize_units(sums, pixels, digits, 0, words[0], RESIZE_DIGITS - 1, groups);
    resize_units(sums, pixels, digits, words[0], words[1], RESIZE_DIGITS, groups);
    resize_units(sums, pixels, digits, words[1], units, RESIZE_DIGITS - 1, groups);
    resize_clipped(out, sums);
}

/* A batch of `count` rows, which are in `groups` groups. */
static inline __attribute__((always_inline)) void
resize_batch(uint8_t *out, int64_t across, int64_t down, const uint8_t *in, int64_t stride,
             int64_t count, const rdx_resize_taps *taps, int32_t *scratch, int groups)
{
    const int64_t step = RESIZE_UNIT * VEC_LANES;
    for (int64_t x = 0; x < taps->in; x += step)
        for (int64_t i = 0; i < groups * VEC_LANES; i += VEC_LANES)
            resize_turn(scratch + x / RESIZE_UNIT * RESIZE_BATCH + i, in + i * stride + x, stride,
                        count - i, taps->in - x);
    for (int64_t x = 0; x < taps->out; x++) {
        const int32_t from = taps->first[x] / RESIZE_UNIT;
        const int32_t end = taps->first[x] + taps->count[x] + RESIZE_UNIT - 1;
        uint8_t column[RESIZE_BATCH], *pixel = out + x * across;
        resize_outputs(column, scratch + (int64_t)from * RESIZE_BATCH,
                       taps->words + x * taps->stride, end / RESIZE_UNIT - from, groups);
        if (down == 1)
            memcpy(pixel, column, (size_t)count);
        else
            for (int64_t i = 0; i < count; i++, pixel += down)
                *pixel = column[i];
    }
}

static void resize_rows_u8(uint8_t *out, int64_t across, int64_t down, const uint8_t *in,
                           int64_t stride, int64_t rows, const rdx_resize_taps *taps,
                           int32_t *scratch)
{
    for (; rows > 0; rows -= RESIZE_BATCH) {
        const int64_t count = rows < RESIZE_BATCH ? rows : RESIZE_BATCH;
        if (count <= VEC_LANES)
            resize_batch(out, across, down, in, stride, count, taps, scratch, 1);
#if RESIZE_GROUPS > 2
        else if (count <= 2 * VEC_LANES)
            resize_batch(out, across, down, in, stride, count, taps, scratch, 2);
#endif
        else
            resize_batch(out, across, down, in, stride, count, taps, scratch, RESIZE_GROUPS);
        in += count * stride;
        out += count * down;
    }
}

#else /* a row at a time, the compiler's vectors */

#define RESIZE_RUN 32 /* taps, padded with zeros, as is the row: no loop has a remainder */

static int64_t resize_words(int64_t taps)
{
    return (taps + RESIZE_RUN - 1) / RESIZE_RUN * RESIZE_RUN;
}

static int64_t resize_scratch(int64_t width)
{
    return (width + RESIZE_RUN) / 2 + 1;
}

/* High parts, then low ones. */
static void resize_pack(int32_t *words, const int32_t *fixed, int32_t first, int32_t count,
                        int64_t taps)
{
    int16_t *high = (int16_t *)words, *low = high + resize_words(taps);
    (void)first;
    for (int32_t k = 0; k < count; k++) {
        high[k] = (int16_t)(fixed[k] >> 8);
        low[k] = (int16_t)(fixed[k] & 255);
    }
}

static void resize_rows_u8(uint8_t *out, int64_t across, int64_t down, const uint8_t *in,
                           int64_t stride, int64_t rows, const rdx_resize_taps *taps,
                           int32_t *scratch)
{
    int16_t *line = (int16_t *)scratch;
    memset(line + taps->in, 0, RESIZE_RUN * sizeof *line);
    for (int64_t y = 0; y < rows; y++, in += stride, out += down) {
        for (int64_t x = 0; x < taps->in; x++)
            line[x] = in[x];
        for (int64_t x = 0; x < taps->out; x++) {
            const int16_t *pixel = line + taps->first[x];
            const int16_t *high = (const int16_t *)(taps->words + x * taps->stride);
            const int16_t *low = high + taps->stride;
            const int32_t n = (taps->count[x] + RESIZE_RUN - 1) / RESIZE_RUN;
            int32_t high_sum = 0, low_sum = 1 << (RESIZE_BITS - 1);
            for (int32_t k = 0; k < n * RESIZE_RUN; k++) {
                high_sum += pixel[k] * high[k];
                low_sum += pixel[k] * low[k];
            }
            out[x * across] = resize_clip(high_sum * 256 + low_sum);
        }
    }
}

#endif

#define RESIZE_BLOCK 64

static void resize_column_u8(uint8_t *out, const uint8_t *in, int64_t stride, int64_t width,
                             int32_t count, const int32_t *weight)
{
    int64_t start = 0;
#if defined(RDX_TIER_AVX512)
    for (; start < width; start += 16) {
        const int64_t left = width - start;
        const __mmask16 mask = (__mmask16)(left >= 16 ? 0xffff : (1U << left) - 1);
        __m512i sum = _mm512_set1_epi32(1 << (RESIZE_BITS - 1));
        for (int32_t k = 0; k < count; k++) {
            const __m128i pixels = _mm_maskz_loadu_epi8(mask, in + k * stride + start);
            sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(_mm512_cvtepu8_epi32(pixels),
                                                           _mm512_set1_epi32(weight[k])));
        }
        sum = _mm512_max_epi32(_mm512_srai_epi32(sum, RESIZE_BITS), _mm512_setzero_si512());
        _mm_mask_storeu_epi8(out + start, mask, _mm512_cvtusepi32_epi8(sum));
    }
#endif
    for (; start < width; start += RESIZE_BLOCK) {
        const int64_t n = width - start < RESIZE_BLOCK ? width - start : RESIZE_BLOCK;
        int32_t sum[RESIZE_BLOCK];
        for (int64_t x = 0; x < n; x++)
            sum[x] = 1 << (RESIZE_BITS - 1);
        for (int32_t k = 0; k < count; k++)
            for (int64_t x = 0; x < n; x++)
                sum[x] += in[k * stride + start + x] * weight[k];
        for (int64_t x = 0; x < n; x++)
            out[start + x] = resize_clip(sum[x]);
    }
}

static void resize_row_f32(float *out, const float *in, int64_t width, const int32_t *first,
                           const int32_t *count, const double *weight, int64_t taps)
{
    for (int64_t x = 0; x < width; x++) {
        const float *pixel = in + first[x];
        const double *w = weight + x * taps;
        double sum = 0;
        for (int32_t k = 0; k < count[x]; k++)
            sum += (double)pixel[k] * w[k];
        out[x] = (float)sum;
    }
}

static void resize_column_f32(float *out, const float *in, int64_t stride, int64_t width,
                              int32_t count, const double *weight)
{
    for (int64_t start = 0; start < width; start += RESIZE_BLOCK) {
        const int64_t n = width - start < RESIZE_BLOCK ? width - start : RESIZE_BLOCK;
        double sum[RESIZE_BLOCK] = {0};
        for (int32_t k = 0; k < count; k++)
            for (int64_t x = 0; x < n; x++)
                sum[x] += (double)in[k * stride + start + x] * weight[k];
        for (int64_t x = 0; x < n; x++)
            out[start + x] = (float)sum[x];
    }
}
