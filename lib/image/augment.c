/* SPDX-License-Identifier: MIT
 * Random views, their pixels: operations on a square of greys in [0, 1].
 *
 * Powers, logarithms and turns use our own polynomials in plain float32, so that loops vectorise
 * and the bits do not depend on the C library. */
#include <math.h>
#include <string.h>
#include "views.h"

static const double pi = 3.14159265358979323846;

static inline float within(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* ---- flips, rotation ---- */

void rdx_flip_horizontal(float *pixels, int64_t size)
{
    for (int64_t y = 0; y < size; y++) {
        float *row = pixels + y * size;
        for (int64_t x = 0; x < size / 2; x++) {
            const float kept = row[x];
            row[x] = row[size - 1 - x];
            row[size - 1 - x] = kept;
        }
    }
}

void rdx_flip_vertical(float *pixels, int64_t size)
{
    for (int64_t y = 0; y < size / 2; y++) {
        float *upper = pixels + y * size, *lower = pixels + (size - 1 - y) * size;
        for (int64_t x = 0; x < size; x++) {
            const float kept = upper[x];
            upper[x] = lower[x];
            lower[x] = kept;
        }
    }
}

static inline float pixel_at(const float *pixels, int64_t size, int64_t y, int64_t x)
{
    return y < 0 || x < 0 || y >= size || x >= size ? 0 : pixels[y * size + x];
}

static inline float between_pixels(const float *pixels, int64_t size, float y, float x)
{
    const float top = floorf(y), left = floorf(x);
    const int64_t row = (int64_t)top, column = (int64_t)left;
    const float down = y - top, right = x - left;
    const float upper = pixel_at(pixels, size, row, column) * (1 - right) +
                        pixel_at(pixels, size, row, column + 1) * right;
    const float lower = pixel_at(pixels, size, row + 1, column) * (1 - right) +
                        pixel_at(pixels, size, row + 1, column + 1) * right;
    return upper * (1 - down) + lower * down;
}

void rdx_rotate(float *pixels, float *scratch, int64_t size, double degrees)
{
    const double angle = degrees * pi / 180;
    const float cosine = (float)cos(angle), sine = (float)sin(angle);
    const float middle = (float)(size - 1) / 2;
    memcpy(scratch, pixels, (size_t)(size * size) * sizeof *pixels);
    for (int64_t y = 0; y < size; y++)
        for (int64_t x = 0; x < size; x++) {
            const float across = (float)x - middle, down = (float)y - middle;
            pixels[y * size + x] =
                between_pixels(scratch, size, cosine * down + sine * across + middle,
                               cosine * across - sine * down + middle);
        }
}

/* ---- brightness, contrast, gamma ---- */

void rdx_brightness(float *pixels, int64_t count, double factor)
{
    const float by = (float)factor;
    for (int64_t i = 0; i < count; i++)
        pixels[i] = within(pixels[i] * by);
}

void rdx_contrast(float *pixels, int64_t count, double factor)
{
    const float by = (float)factor;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)pixels[i];
    const float mean = (float)(sum / (double)count);
    for (int64_t i = 0; i < count; i++)
        pixels[i] = within((pixels[i] - mean) * by + mean);
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Natural logarithm of a normal number > 0: x = m 2^e with m in [sqrt 1/2, sqrt 2), and log m = 2
 * artanh((m - 1) / (m + 1)) by its series, with an error below 1e-9. */
RDX_WRAPS static inline float plain_log(float x)
{
    const uint32_t shifted = bits_of(x) - 0x3f3504f3U; /* the bits of sqrt 1/2 */
    const int32_t exponent = (int32_t)shifted >> 23;
    const float m = float_of((shifted & 0x007fffffU) + 0x3f3504f3U);
    const float t = (m - 1) / (m + 1), t2 = t * t;
    const float series = 1 + t2 * (1.0F / 3 + t2 * (1.0F / 5 + t2 * (1.0F / 7 + t2 * (1.0F / 9))));
    return (float)exponent * 0.69314718F + 2 * t * series;
}

/* e^x for x <= 0; 0 below -80: 2^n e^r, the series of e^r up to r^7. */
static inline float plain_exp(float x)
{
    const float kept = x < -80 ? -80 : x;
    const float n = (kept * 1.44269504F + 0x1.8p23F) - 0x1.8p23F; /* rounds */
    const float r = (kept - n * 0.693359375F) - n * -2.12194440e-4F;
    const float series =
        1 + r * (1 + r * (1.0F / 2 +
                          r * (1.0F / 6 +
                               r * (1.0F / 24 + r * (1.0F / 120 + r * (1.0F / 720 + r / 5040))))));
    const float power = series * float_of((uint32_t)((int32_t)n + 127) << 23);
    return x < -80 ? 0 : power;
}

void rdx_gamma(float *pixels, int64_t count, double exponent)
{
    const float by = (float)exponent;
    for (int64_t i = 0; i < count; i++) {
        const float x = pixels[i] < 1e-30F ? 1e-30F : pixels[i];
        const float power = within(plain_exp(by * plain_log(x)));
        pixels[i] = pixels[i] < 1e-30F ? 0 : power;
    }
}

/* ---- blur ---- */

#define BLUR_TAPS (8 * RDX_BLUR_MOST + 1)

static int64_t mirrored(int64_t i, int64_t size)
{
    if (size == 1)
        return 0;
    while (i < 0 || i >= size)
        i = i < 0 ? -i : 2 * size - 2 - i;
    return i;
}

static int64_t gaussian(float *weight, double sigma)
{
    const int64_t reach = RDX_MIN((int64_t)(4 * sigma + 0.5), BLUR_TAPS / 2);
    double sum = 0;
    for (int64_t k = -reach; k <= reach; k++)
        sum += exp(-0.5 * (double)(k * k) / (sigma * sigma));
    for (int64_t k = -reach; k <= reach; k++)
        weight[k + reach] = (float)(exp(-0.5 * (double)(k * k) / (sigma * sigma)) / sum);
    return reach;
}

static void add_row(float *restrict out, const float *restrict in, float weight, int64_t size)
{
    for (int64_t x = 0; x < size; x++)
        out[x] += in[x] * weight;
}

/* Blurs along y into the scratch, which is then transposed back. Two of these blur both axes. */
static void blur_columns(float *pixels, float *scratch, int64_t size, const float *weight,
                         int64_t reach)
{
    memset(scratch, 0, (size_t)(size * size) * sizeof *scratch);
    for (int64_t y = 0; y < size; y++)
        for (int64_t k = -reach; k <= reach; k++)
            add_row(scratch + y * size, pixels + mirrored(y + k, size) * size, weight[k + reach],
                    size);
    for (int64_t y = 0; y < size; y++)
        for (int64_t x = 0; x < size; x++)
            pixels[x * size + y] = scratch[y * size + x];
}

void rdx_blur(float *pixels, float *scratch, int64_t size, double sigma)
{
    float weight[BLUR_TAPS] = {0};
    const int64_t reach = sigma > 0 ? gaussian(weight, sigma) : 0;
    if (reach < 1) /* one tap: nothing to do */
        return;
    blur_columns(pixels, scratch, size, weight, reach);
    blur_columns(pixels, scratch, size, weight, reach);
}

/* ---- noise ---- */

#define NOISE_LANES 16

/* Philox4x32-10 on consecutive counters, written so that the compiler can run them side by side.
 * The words come out as from redux_random_philox. */
RDX_WRAPS static void philox_lanes(uint32_t out[4][NOISE_LANES], uint32_t block,
                                   const uint32_t key[2])
{
    uint32_t k0 = key[0], k1 = key[1];
    for (uint32_t i = 0; i < NOISE_LANES; i++) {
        out[0][i] = block + i;
        out[1][i] = out[2][i] = out[3][i] = 0;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < NOISE_LANES; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53U * out[0][i];
            const uint64_t p1 = (uint64_t)0xCD9E8D57U * out[2][i];
            out[0][i] = (uint32_t)(p1 >> 32) ^ out[1][i] ^ k0;
            out[2][i] = (uint32_t)(p0 >> 32) ^ out[3][i] ^ k1;
            out[1][i] = (uint32_t)p1;
            out[3][i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
}

/* Box-Muller: one number gives the radius, another the angle. Its two highest bits choose a quarter
 * of the circle, the others the angle in it, -pi/4 ... pi/4. */
static inline void normal_pair(float *first, float *second, uint32_t u, uint32_t v)
{
    const float radius = sqrtf(-2 * plain_log(((float)(u >> 8) + 0.5F) * 0x1p-24F));
    const float a = ((float)((v >> 6) & 0xffffffU) * 0x1p-24F - 0.5F) * 1.57079633F;
    const float a2 = a * a;
    const float cosine = 1 + a2 * (-1.0F / 2 + a2 * (1.0F / 24 + a2 * (-1.0F / 720 + a2 / 40320)));
    const float sine = a * (1 + a2 * (-1.0F / 6 + a2 * (1.0F / 120 + a2 * (-1.0F / 5040))));
    const float sign = (v & 0x80000000U) != 0 ? -radius : radius;
    const bool swap = (v & 0x40000000U) != 0;
    *first = sign * (swap ? sine : cosine);
    *second = sign * (swap ? cosine : sine);
}

/* A key for these numbers only: 2^32 blocks of four. */
void rdx_noise(float *pixels, int64_t count, double deviation, const redux_random_key *key)
{
    const uint32_t own[2] = {redux_random_u32(key, 0), redux_random_u32(key, 1)};
    const float by = (float)deviation;
    for (int64_t start = 0; start < count; start += (int64_t)4 * NOISE_LANES) {
        uint32_t bits[4][NOISE_LANES];
        float normal[4][NOISE_LANES];
        philox_lanes(bits, (uint32_t)(start / 4), own);
        for (int i = 0; i < NOISE_LANES; i++) {
            normal_pair(&normal[0][i], &normal[1][i], bits[0][i], bits[1][i]);
            normal_pair(&normal[2][i], &normal[3][i], bits[2][i], bits[3][i]);
        }
        const float *flat = &normal[0][0];
        const int64_t rest = RDX_MIN(count - start, (int64_t)4 * NOISE_LANES);
        for (int64_t i = 0; i < rest; i++)
            pixels[start + i] += by * flat[i];
    }
}

void rdx_fill_square(float *pixels, int64_t size, int64_t top, int64_t left, int64_t side,
                     float value)
{
    for (int64_t y = top; y < top + side; y++)
        for (int64_t x = left; x < left + side; x++)
            pixels[y * size + x] = value;
}
