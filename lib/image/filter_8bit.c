/* SPDX-License-Identifier: MIT
 * Filters of 8-bit pixels in OpenCV's arithmetic, for hashes that must equal its own. */
#include <math.h>
#include <string.h>
#include "image.h"
#include "kernels/kernels.h"

static uint8_t clip(int64_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* ---- bilinear, INTER_LINEAR_EXACT: 8-bit weights, no antialiasing ---- */

#define COLUMNS 256 /* whose taps are worked out at a time */

typedef struct linear_tap {
    int64_t first, second;
    int32_t weight[2]; /* of 256 */
} linear_tap;

static linear_tap linear_tap_of(int64_t in, int64_t out, int64_t i)
{
    const double scale = 1 / ((double)out / (double)in);
    const double at = scale * ((double)i + 0.5) - 0.5;
    const int64_t whole = (int64_t)floor(at);
    linear_tap tap = {0, 0, {256, 0}};
    if (whole >= in - 1) {
        tap.first = tap.second = in - 1;
    } else if (whole >= 0) {
        tap.first = whole;
        tap.second = whole + 1;
        tap.weight[1] = (int32_t)rint((at - (double)whole) * 256);
        tap.weight[0] = 256 - tap.weight[1];
    }
    return tap;
}

/* One row between two rows, for columns with known taps. */
static void exact_row(uint8_t *out, int64_t count, const uint8_t *upper, const uint8_t *lower,
                      const linear_tap *columns, const linear_tap *row)
{
    for (int64_t x = 0; x < count; x++) {
        const linear_tap *tap = &columns[x];
        const int32_t top =
            upper[tap->first] * tap->weight[0] + upper[tap->second] * tap->weight[1];
        const int32_t bottom =
            lower[tap->first] * tap->weight[0] + lower[tap->second] * tap->weight[1];
        out[x] = (uint8_t)((top * row->weight[0] + bottom * row->weight[1] + (1 << 15)) >> 16);
    }
}

/* The sum of two neighbours, as the two bytes of a word. */
static inline uint16_t pair_sum(const uint8_t *in)
{
    uint16_t pair;
    memcpy(&pair, in, sizeof pair);
    return (uint16_t)((pair & 255) + (pair >> 8));
}

/* The same if every output is the mean of two neighbours: half the width, one channel. */
static void halved_row(uint8_t *restrict out, int64_t count, const uint8_t *restrict upper,
                       const uint8_t *restrict lower, const linear_tap *row)
{
    const int32_t first = row->weight[0], second = row->weight[1];
    if (first == second) { /* half the height as well */
        for (int64_t x = 0; x < count; x++)
            out[x] =
                (uint8_t)((uint16_t)(pair_sum(upper + 2 * x) + pair_sum(lower + 2 * x) + 2) >> 2);
        return;
    }
    for (int64_t x = 0; x < count; x++)
        out[x] =
            (uint8_t)((pair_sum(upper + 2 * x) * first + pair_sum(lower + 2 * x) * second + 256) >>
                      9);
}

void rdx_resize_exact_u8(uint8_t *out, int64_t out_height, int64_t out_width, const uint8_t *in,
                         int64_t height, int64_t width, int channels, int channel)
{
    linear_tap columns[COLUMNS];
    for (int64_t x = 0; x < out_width; x += COLUMNS) {
        const int64_t count = RDX_MIN(COLUMNS, out_width - x);
        for (int64_t i = 0; i < count; i++) {
            columns[i] = linear_tap_of(width, out_width, x + i);
            columns[i].first = columns[i].first * channels + channel;
            columns[i].second = columns[i].second * channels + channel;
        }
        for (int64_t y = 0; y < out_height; y++) {
            const linear_tap row = linear_tap_of(height, out_height, y);
            const uint8_t *upper = in + row.first * width * channels;
            const uint8_t *lower = in + row.second * width * channels;
            if (width == 2 * out_width && channels == 1)
                halved_row(out + y * out_width + x, count, upper + 2 * x, lower + 2 * x, &row);
            else
                exact_row(out + y * out_width + x, count, upper, lower, columns, &row);
        }
    }
}

/* ---- 7-tap blur: weights of 256, the same on both sides; borders mirrored about their pixel ----
 */

static int64_t mirrored(int64_t i, int64_t length)
{
    if (length == 1)
        return 0;
    while (i < 0 || i >= length)
        i = i < 0 ? -i : 2 * length - 2 - i;
    return i;
}

/* Values on both sides of a row, RDX_BLUR_TAPS / 2 of them. */
static void mirror_ends(int16_t *row, int64_t width)
{
    for (int64_t k = 1; k <= RDX_BLUR_TAPS / 2; k++) {
        const bool wide = width > k;
        row[-k] = row[wide ? k : mirrored(-k, width)];
        row[width - 1 + k] = row[wide ? width - 1 - k : mirrored(width - 1 + k, width)];
    }
}

void rdx_blur_u8(uint8_t *out, int16_t *scratch, const uint8_t *in, int64_t height, int64_t width,
                 const int16_t weights[RDX_BLUR_TAPS])
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t reach = RDX_BLUR_TAPS / 2;
    int16_t *row = scratch + reach;
    row[width + reach] = 0; /* read and multiplied by 0 */
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *rows[RDX_BLUR_TAPS];
        for (int64_t k = 0; k < RDX_BLUR_TAPS; k++)
            rows[k] = in + mirrored(y + k - reach, height) * width;
        kernels->blur_down(row, rows, width, weights);
        mirror_ends(row, width);
        kernels->blur_across(out + y * width, row, width, weights);
    }
}

/* ---- bicubic, INTER_CUBIC (a = -0.75): 11-bit weights along rows; down columns in float, like
 * OpenCV's vectorised loop, which covers all columns if their number is a multiple of 16 ---- */

#define CUBIC_TAPS 4
#define CUBIC_ONE 2048

typedef struct cubic_tap {
    int64_t at[CUBIC_TAPS];
    int32_t weight[CUBIC_TAPS];
} cubic_tap;

static cubic_tap cubic_tap_of(int64_t in, int64_t out, int64_t i)
{
    const double scale = 1 / ((double)out / (double)in);
    float x = (float)(((double)i + 0.5) * scale - 0.5), weight[CUBIC_TAPS];
    const float a = -0.75F, whole = floorf(x);
    cubic_tap tap;
    x -= whole;
    const float far = x + 1, rest = 1 - x;
    weight[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
    weight[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    weight[2] = ((a + 2) * rest - (a + 3)) * rest * rest + 1;
    weight[3] = 1 - weight[0] - weight[1] - weight[2];
    for (int k = 0; k < CUBIC_TAPS; k++) {
        const int64_t at = (int64_t)whole + k - 1;
        tap.at[k] = at < 0 ? 0 : RDX_MIN(at, in - 1);
        tap.weight[k] = (int32_t)rintf(weight[k] * CUBIC_ONE);
    }
    return tap;
}

void rdx_resize_cubic_u8(uint8_t *out, int32_t *between, int64_t out_height, int64_t out_width,
                         const uint8_t *in, int64_t height, int64_t width)
{
    for (int64_t x = 0; x < out_width; x++) {
        const cubic_tap tap = cubic_tap_of(width, out_width, x);
        for (int64_t y = 0; y < height; y++) {
            int32_t sum = 0;
            for (int k = 0; k < CUBIC_TAPS; k++)
                sum += in[y * width + tap.at[k]] * tap.weight[k];
            between[y * out_width + x] = sum;
        }
    }
    for (int64_t y = 0; y < out_height; y++) {
        const cubic_tap tap = cubic_tap_of(height, out_height, y);
        const int32_t *row[CUBIC_TAPS];
        float weight[CUBIC_TAPS];
        for (int k = 0; k < CUBIC_TAPS; k++) {
            row[k] = between + tap.at[k] * out_width;
            weight[k] = (float)tap.weight[k] * (1.0F / CUBIC_ONE / CUBIC_ONE);
        }
        for (int64_t x = 0; x < out_width; x++) {
            float sum = (float)row[2][x] * weight[2] + (float)row[3][x] * weight[3];
            sum = (float)row[1][x] * weight[1] + sum;
            sum = (float)row[0][x] * weight[0] + sum;
            out[y * out_width + x] = clip((int64_t)rintf(sum));
        }
    }
}

/* ---- histogram equalisation ---- */

void rdx_equalise_u8(uint8_t *pixels, int64_t count)
{
    int64_t histogram[256] = {0};
    uint8_t table[256] = {0};
    int64_t sum = 0;
    int first = 0;
    for (int64_t i = 0; i < count; i++)
        histogram[pixels[i]]++;
    while (first < 255 && histogram[first] == 0)
        first++;
    if (histogram[first] == count)
        return;
    const float scale = 255.0F / (float)(count - histogram[first]);
    for (int i = first + 1; i < 256; i++) {
        sum += histogram[i];
        table[i] = clip((int64_t)rintf((float)sum * scale));
    }
    for (int64_t i = 0; i < count; i++)
        pixels[i] = table[pixels[i]];
}
