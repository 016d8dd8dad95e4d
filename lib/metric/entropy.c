/* SPDX-License-Identifier: MIT
 * Histogram bins and the entropy of one image (Shannon 1948).
 *
 * H = log2(n) - sum(c * log2(c)) / n over the counts c of the bins, with terms in fixed point
 * (kernels/xlog2x.h). */
#include <float.h>
#include <math.h>
#include "kernels/kernels.h"
#include "histogram.h"
#include "metric.h"

redux_status rdx_histogram_read_options(redux_histogram_options *known,
                                        const redux_histogram_options *given)
{
    redux_histogram_options read = REDUX_HISTOGRAM_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&read, sizeof read, given, "redux_histogram_options"));
    if (read.bins == 0)
        read.bins = RDX_MAX_BINS;
    if (read.bins < 2 || read.bins > RDX_MAX_BINS)
        return rdx_fail(REDUX_E_INVALID, "redux_histogram_options: bins is %d, not 2 to %d",
                        (int)read.bins, RDX_MAX_BINS);
    if ((unsigned)read.range > REDUX_HISTOGRAM_GIVEN)
        return rdx_fail(REDUX_E_INVALID, "redux_histogram_options: range is %d, not 0 to 2",
                        (int)read.range);
    if (read.range == REDUX_HISTOGRAM_GIVEN &&
        !(isfinite(read.high - read.low) && read.low < read.high))
        return rdx_fail(REDUX_E_INVALID, "redux_histogram_options: the range %g to %g", read.low,
                        read.high);
    if ((unsigned)read.normalisation > REDUX_MUTUAL_INFORMATION_BITS)
        return rdx_fail(REDUX_E_INVALID, "redux_histogram_options: normalisation is %d",
                        (int)read.normalisation);
    *known = read;
    return REDUX_OK;
}

redux_status rdx_histogram_dtype(redux_dtype dtype)
{
    if (dtype != REDUX_UINT8 && dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "histogram: the image is %s, not uint8 or float32",
                        redux_dtype_name(dtype));
    return REDUX_OK;
}

redux_status rdx_histogram_check(const redux_histogram_options *options, redux_dtype dtype,
                                 const void *pixels, int64_t count)
{
    if (dtype != REDUX_FLOAT32 || options->range != REDUX_HISTOGRAM_FIXED)
        return REDUX_OK;
    return rdx_check_unit_range(pixels, count, "histogram",
                                "window it, or set range to REDUX_HISTOGRAM_OWN, or to "
                                "REDUX_HISTOGRAM_GIVEN with low and high");
}

/* ---- bins ---- */

typedef struct value_range {
    double low, high;
} value_range;

static value_range range_u8(const uint8_t *pixels, int64_t count)
{
    uint8_t low = 255, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = RDX_MIN(low, pixels[i]);
        high = RDX_MAX(high, pixels[i]);
    }
    return (value_range){low, high};
}

/* Extremes of the finite values, or 0 without any. New extremes are rare, so these branches cost
 * next to nothing. */
static value_range range_f32(const float *pixels, int64_t count)
{
    float low = FLT_MAX, high = -FLT_MAX;
    for (int64_t i = 0; i < count; i++) {
        const float value = pixels[i];
        if (value < low && value >= -FLT_MAX)
            low = value;
        if (value > high && value <= FLT_MAX)
            high = value;
    }
    return low > high ? (value_range){0, 0} : (value_range){low, high};
}

/* Bins between the edges of numpy.linspace(low, high, bins + 1), in its arithmetic: a value belongs
 * to the bin whose lower edge is the last one at or below it. The last edge counts as infinite, so
 * that the last bin is closed. */
static void bins_of_range(uint8_t *bins, const float *pixels, int64_t count, value_range range,
                          int32_t bin_count)
{
    double edges[RDX_MAX_BINS + 1], step;
    if (range.low == range.high) {
        range.low -= 0.5;
        range.high += 0.5;
    }
    step = (range.high - range.low) / bin_count;
    for (int32_t i = 0; i < bin_count; i++)
        edges[i] = (double)i * step + range.low;
    edges[bin_count] = INFINITY;
    rdx_kernels_get()->histogram_bins_f32(bins, pixels, count, edges, 1 / step, bin_count);
}

static void bins_u8(uint8_t *bins, const redux_histogram_options *options, const uint8_t *pixels,
                    int64_t count)
{
    uint8_t bin_of[256];
    if (options->range == REDUX_HISTOGRAM_FIXED) {
        for (int64_t i = 0; i < count; i++)
            bins[i] = (uint8_t)((uint32_t)pixels[i] * (uint32_t)options->bins >> 8);
        return;
    }
    float values[256];
    for (int k = 0; k < 256; k++)
        values[k] = (float)k;
    bins_of_range(bin_of, values, 256,
                  options->range == REDUX_HISTOGRAM_GIVEN
                      ? (value_range){options->low, options->high}
                      : range_u8(pixels, count),
                  options->bins);
    for (int64_t i = 0; i < count; i++)
        bins[i] = bin_of[pixels[i]];
}

static void bins_f32(uint8_t *bins, const redux_histogram_options *options, const float *pixels,
                     int64_t count)
{
    const double scale = options->bins, most = options->bins - 1;
    if (options->range != REDUX_HISTOGRAM_FIXED) {
        bins_of_range(bins, pixels, count,
                      options->range == REDUX_HISTOGRAM_GIVEN
                          ? (value_range){options->low, options->high}
                          : range_f32(pixels, count),
                      options->bins);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        double value = (double)pixels[i] * scale; /* exact: 24 and 9 bits */
        value = value > 0 ? value : 0;            /* NaN */
        bins[i] = (uint8_t)(int32_t)(value < most ? value : most);
    }
}

bool rdx_histogram_is_plain(const redux_histogram_options *options, redux_dtype dtype)
{
    return dtype == REDUX_UINT8 && options->range == REDUX_HISTOGRAM_FIXED && options->bins == 256;
}

void rdx_histogram_bins(uint8_t *bins, const redux_histogram_options *options, redux_dtype dtype,
                        const void *pixels, int64_t count)
{
    if (dtype == REDUX_UINT8)
        bins_u8(bins, options, pixels, count);
    else
        bins_f32(bins, options, pixels, count);
}

/* ---- entropy ---- */

void rdx_xlog2x_fill(int64_t *table)
{
    for (int64_t i = 0; i < RDX_XLOG2X_ENTRIES; i++)
        table[i] = rdx_xlog2x_fixed(i, RDX_XLOG2X_BITS);
}

int64_t rdx_histogram_sum(const uint32_t *counts, const int64_t *table, int32_t bits)
{
    int64_t sum = 0;
    for (int k = 0; k < RDX_MAX_BINS; k++)
        sum +=
            table != NULL ? rdx_xlog2x(table, counts[k], bits) : rdx_xlog2x_fixed(counts[k], bits);
    return sum;
}

double rdx_entropy_bits(int64_t fixed, int64_t count, int32_t bits)
{
    return ldexp((double)fixed, -bits) / (double)count;
}

/* pixels: C-contiguous, `count` of them. */
static redux_status entropy_of(double *out, redux_context *context,
                               const redux_histogram_options *options, const redux_tensor *image,
                               int64_t count)
{
    const int32_t bits = rdx_xlog2x_bits(count);
    uint32_t counts[RDX_MAX_BINS] = {0};
    const uint8_t *bins = image->data;
    void *block = NULL;
    if (!rdx_histogram_is_plain(options, image->dtype)) {
        RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, 1));
        rdx_histogram_bins(block, options, image->dtype, image->data, count);
        bins = block;
    }
    rdx_kernels_get()->histogram_counts(counts, bins, count);
    rdx_free(block);
    const int64_t bound = rdx_xlog2x_fixed(count, bits) - rdx_histogram_sum(counts, NULL, bits);
    *out = rdx_entropy_bits(RDX_MAX(bound, 0), count, bits);
    return REDUX_OK;
}

redux_status redux_entropy(double *out, redux_context *context, const redux_tensor *image,
                           const redux_histogram_options *options)
{
    redux_histogram_options known;
    redux_tensor pixels;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_entropy: out is NULL");
    RDX_TRY(rdx_histogram_read_options(&known, options));
    RDX_TRY(rdx_tensor_check(image, 2, 0, "image"));
    RDX_TRY(rdx_histogram_dtype(image->dtype));
    const int64_t count = redux_tensor_elements(image);
    if (count == 0)
        return rdx_fail(REDUX_E_INVALID, "redux_entropy: the image has no pixels");
    if (count > UINT32_MAX)
        return rdx_fail(REDUX_E_LIMIT, "redux_entropy: %lld pixels are more than 2^32 - 1",
                        (long long)count);
    RDX_TRY(redux_tensor_contiguous(&pixels, context, image, image->dtype));
    redux_status status = rdx_histogram_check(&known, pixels.dtype, pixels.data, count);
    if (status == REDUX_OK)
        status = entropy_of(out, context, &known, &pixels, count);
    redux_tensor_release(&pixels);
    return status;
}
