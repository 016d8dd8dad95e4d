/* SPDX-License-Identifier: MIT
 * One row of the horizontal pass, one row of the vertical pass. The integer ones are exact in any
 * order of additions (|sum| < 2^31 for normalised 22-bit weights), so the compiler may vectorise
 * them; the float ones add in the order of the taps, in double, as Pillow does. */

#define RESIZE_BITS 22

static inline uint8_t resize_clip(int32_t sum)
{
    const int32_t value = sum >> RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* `parts` holds each weight as high * 256 + low, so that products are of 16 bits (pmaddwd). Taps
 * are padded with zeros to whole vectors, and the line behind its end, so that no loop has a
 * remainder. */
static void resize_row_u8(uint8_t *out, const uint8_t *in, int64_t in_width, int16_t *line,
                          int64_t width, const int32_t *first, const int32_t *count,
                          const int16_t *parts, int64_t taps)
{
    for (int64_t x = 0; x < in_width; x++)
        line[x] = in[x];
    for (int64_t x = 0; x < width; x++) {
        const int16_t *pixel = line + first[x], *high = parts + 2 * x * taps, *low = high + taps;
        const int32_t n = (count[x] + RDX_RESIZE_LANES - 1) / RDX_RESIZE_LANES;
        int32_t high_sum = 0, low_sum = 1 << (RESIZE_BITS - 1);
        for (int32_t k = 0; k < n * RDX_RESIZE_LANES; k++) {
            high_sum += pixel[k] * high[k];
            low_sum += pixel[k] * low[k];
        }
        out[x] = resize_clip(high_sum * 256 + low_sum);
    }
}

#define RESIZE_BLOCK 64

static void resize_column_u8(uint8_t *out, const uint8_t *in, int64_t stride, int64_t width,
                             int32_t count, const int32_t *weight)
{
    for (int64_t start = 0; start < width; start += RESIZE_BLOCK) {
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
