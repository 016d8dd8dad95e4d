/* SPDX-License-Identifier: MIT
 * What the values of a slice are like: range, quantiles, entropy, sharpness, tissue, margins. */
#include <math.h>
#include <string.h>
#include "audit.h"

#define BINS 4096
#define TISSUE (-300.0F)   /* HU: above lung, below fat */
#define OUTSIDE (-1100.0F) /* HU: less than air, so a value that marks what was not measured */

static void find_range(rdx_figures *out, float *values, int64_t count)
{
    out->low = (float)INFINITY;
    out->high = -(float)INFINITY;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            out->not_finite++;
            continue;
        }
        out->low = fminf(out->low, values[i]);
        out->high = fmaxf(out->high, values[i]);
    }
    for (int64_t i = 0; i < count && out->not_finite > 0; i++)
        if (!isfinite(values[i]))
            values[i] = out->low <= out->high ? out->low : 0;
}

/* ---- the distribution ---- */

/* The value below which `share` of the pixels lie, to a bin. */
static float quantile(const int64_t *bins, int64_t count, const rdx_figures *range, double share)
{
    const double wanted = share * (double)count;
    int64_t before = 0;
    for (int b = 0; b < BINS; b++) {
        before += bins[b];
        if ((double)before > wanted)
            return (float)((double)range->low +
                           ((double)range->high - (double)range->low) * b / (BINS - 1));
    }
    return range->high;
}

static float entropy_of(const int64_t *bins, int64_t count)
{
    double bits = 0;
    for (int b = 0; b < BINS; b += BINS / 256) {
        int64_t sum = 0;
        for (int i = 0; i < BINS / 256; i++)
            sum += bins[b + i];
        const double share = (double)sum / (double)count;
        bits -= sum > 0 ? share * log2(share) : 0;
    }
    return (float)bits;
}

/* In double: the range of float32 values, and its inverse, may be beyond float32. */
static void describe(rdx_figures *out, const float *values, int64_t count)
{
    int64_t bins[BINS] = {0};
    const double low = (double)out->low, range = (double)out->high - low;
    const double scale = range > 0 ? (BINS - 1) / range : 0;
    for (int64_t i = 0; i < count; i++)
        bins[(int)(((double)values[i] - low) * scale + 0.5)]++;
    out->p1 = quantile(bins, count, out, 0.01);
    out->p2 = quantile(bins, count, out, 0.02);
    out->p5 = quantile(bins, count, out, 0.05);
    out->p98 = quantile(bins, count, out, 0.98);
    out->p99 = quantile(bins, count, out, 0.99);
    out->entropy = entropy_of(bins, count);
}

/* ---- sharpness ---- */

static float sharpness_of(const float *values, int64_t height, int64_t width)
{
    double sum = 0, squares = 0, mean = 0, spread = 0;
    const int64_t count = (height - 2) * (width - 2);
    if (height < 3 || width < 3)
        return 0;
    for (int64_t y = 1; y < height - 1; y++) {
        const float *row = values + y * width;
        for (int64_t x = 1; x < width - 1; x++) {
            const double v = (double)row[x];
            const double laplacian = (double)row[x - 1] + (double)row[x + 1] +
                                     (double)row[x - width] + (double)row[x + width] - 4 * v;
            sum += laplacian;
            squares += laplacian * laplacian;
            mean += v;
            spread += v * v;
        }
    }
    const double n = (double)count;
    spread = spread / n - mean / n * (mean / n);
    return spread > 0 ? (float)((squares / n - sum / n * (sum / n)) / spread) : 0;
}

/* ---- tissue and margins ---- */

static float share_above(const float *values, int64_t count, float bound)
{
    int64_t above = 0;
    for (int64_t i = 0; i < count; i++)
        above += values[i] > bound;
    return (float)above / (float)count;
}

/* The border of what was measured: the first value of each row and column that is not outside, from
 * either end. */
typedef struct border {
    int64_t tissue, count;
} border;

static void look_inwards(border *b, const float *first, int64_t step, int64_t length)
{
    for (int64_t i = 0; i < length; i++)
        if (first[i * step] >= OUTSIDE) {
            b->tissue += first[i * step] > TISSUE;
            b->count++;
            return;
        }
}

static float border_of(const float *values, int64_t height, int64_t width)
{
    border b = {0, 0};
    for (int64_t y = 0; y < height; y++) {
        look_inwards(&b, values + y * width, 1, width);
        look_inwards(&b, values + y * width + width - 1, -1, width);
    }
    for (int64_t x = 0; x < width; x++) {
        look_inwards(&b, values + x, width, height);
        look_inwards(&b, values + (height - 1) * width + x, -width, height);
    }
    return b.count == 0 ? 0 : (float)b.tissue / (float)b.count;
}

static bool is_constant(const float *values, int64_t step, int64_t count, float value)
{
    for (int64_t i = 0; i < count; i++)
        if (values[i * step] > value || values[i * step] < value)
            return false;
    return true;
}

/* Lines from one edge inwards, all of one value, that of the first. */
static int64_t margin_from(const float *values, int64_t line_step, int64_t lines, int64_t step,
                           int64_t count)
{
    int64_t margin = 0;
    while (margin < lines && is_constant(values + margin * line_step, step, count, values[0]))
        margin++;
    return margin;
}

static float margin_of(const float *values, int64_t height, int64_t width)
{
    const float *last = values + height * width - 1;
    const int64_t top = margin_from(values, width, height, 1, width);
    const int64_t bottom = margin_from(last, -width, height - top, -1, width);
    const int64_t left = margin_from(values, 1, width, width, height);
    const int64_t right = margin_from(last, -1, width - left, -width, height);
    const double rest = (double)(height - top - bottom) * (double)(width - left - right);
    return (float)(1 - rest / ((double)height * (double)width));
}

void rdx_figures_make(rdx_figures *out, float *values, int64_t height, int64_t width)
{
    const int64_t count = height * width;
    memset(out, 0, sizeof *out);
    find_range(out, values, count);
    if (out->low > out->high)
        return;
    describe(out, values, count);
    out->sharpness = sharpness_of(values, height, width);
    out->tissue = share_above(values, count, TISSUE);
    out->outside = 1 - share_above(values, count, OUTSIDE);
    out->border = border_of(values, height, width);
    out->margin = margin_of(values, height, width);
}
