/* SPDX-License-Identifier: MIT
 * Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004).
 *
 * Everything works by rows: the last rows of an image or a product, as many as the window is high,
 * are filtered over rows and then along x. A metric keeps the means and variances of each item, so
 * that a pair filters only the product. redux_ssim keeps nothing, but uses the same kernels row by
 * row, with the same bits. */
#include <math.h>
#include <string.h>
#include "ssim.h"

#define LANES RDX_SSIM_LANES
#define BAND 256     /* columns */
#define CHECK_ROWS 4 /* rows between checks of whether a pair can still be redundant */

redux_status rdx_ssim_read_options(redux_ssim_options *known, const redux_ssim_options *given)
{
    redux_ssim_options read = REDUX_SSIM_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&read, sizeof read, given, "redux_ssim_options"));
    if (read.window != REDUX_SSIM_GAUSSIAN && read.window != REDUX_SSIM_UNIFORM)
        return rdx_fail(REDUX_E_INVALID, "redux_ssim_options: window is %d", (int)read.window);
    if (!(read.data_range >= 0 && read.data_range <= 1e8) ||
        (read.data_range > 0 && read.data_range < 1e-8))
        return rdx_fail(REDUX_E_INVALID, "redux_ssim_options: data_range is %g, not 1e-8 to 1e8",
                        read.data_range);
    *known = read;
    return REDUX_OK;
}

redux_status rdx_ssim_check_dtype(redux_dtype dtype)
{
    if (dtype != REDUX_UINT8 && dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "ssim: the image is %s, not uint8 or float32",
                        redux_dtype_name(dtype));
    return REDUX_OK;
}

redux_status rdx_ssim_check_pixels(double data_range, const rdx_layout *layout, const void *pixels)
{
    if (layout->dtype != REDUX_FLOAT32 || data_range > 0)
        return REDUX_OK;
    return rdx_check_unit_range(pixels, layout->height * layout->width, "ssim",
                                "set data_range to the span of possible values, or window it");
}

/* ---- the window ---- */

/* Weights of one side; returns their number: the window, or the part of it that fits into `length`.
 * The Gaussian's are rounded to 24 binary places and add up to 1 exactly. Otherwise the mean of
 * squares and the square of the mean of a flat region would differ. */
static int32_t window_side(float *weights, redux_ssim_window kind, int64_t length)
{
    const int32_t usual = kind == REDUX_SSIM_GAUSSIAN ? 11 : 7;
    const int32_t taps = length >= usual ? usual : (int32_t)(length - 1 + length % 2);
    double exact[RDX_SSIM_TAPS], sum = 0, rest = 1;
    for (int32_t k = 0; k < taps; k++) {
        const int32_t d = k - taps / 2;
        exact[k] = kind == REDUX_SSIM_GAUSSIAN ? exp(-(d * d) / (2 * 1.5 * 1.5)) : 1;
        sum += exact[k];
    }
    for (int32_t k = 0; k < taps; k++) {
        exact[k] = nearbyint(exact[k] / sum * 0x1p24) * 0x1p-24;
        rest -= k == taps / 2 ? 0 : exact[k];
        weights[k] = kind == REDUX_SSIM_GAUSSIAN ? (float)exact[k] : 1.0F;
    }
    if (kind == REDUX_SSIM_GAUSSIAN)
        weights[taps / 2] = (float)rest;
    return taps;
}

static rdx_ssim_taps window_of(const redux_ssim_options *options, const rdx_layout *layout)
{
    const double range =
        options->data_range > 0 ? options->data_range : (layout->dtype == REDUX_UINT8 ? 255 : 1);
    rdx_ssim_taps window = {.total = 1, .scale = 1, .unbias = 1};
    window.columns = window_side(window.across, options->window, layout->width);
    window.rows = window_side(window.down, options->window, layout->height);
    if (options->window == REDUX_SSIM_UNIFORM) { /* plain sums, which are exact for 8-bit pixels */
        const float n = (float)(window.columns * window.rows);
        window.total = n;
        window.scale = 1 / n;
        window.unbias = n > 1 ? 1 / (n * (n - 1)) : 1; /* of n * sum(ab) - sum(a) * sum(b) */
    }
    window.c1 = (float)(0.01 * range * 0.01 * range);
    window.c2 = (float)(0.03 * range * 0.03 * range);
    window.shift = layout->dtype == REDUX_UINT8 ? 128 : (float)(range / 2);
    return window;
}

/* ---- rows ---- */

static int64_t padded(int64_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

rdx_ssim_plan rdx_ssim_plan_of(const redux_ssim_options *options, const rdx_layout *layout)
{
    rdx_ssim_plan plan = {.window = window_of(options, layout)};
    plan.dtype = layout->dtype;
    plan.width = layout->width;
    plan.height = layout->height;
    plan.valid_width = layout->width - plan.window.columns + 1;
    plan.valid_height = layout->height - plan.window.rows + 1;
    plan.moments = 2 * padded(plan.valid_width) * plan.valid_height;
    /* The window is at most LANES wide. An odd number of cache lines spreads the rows of a ring
     * over the sets of the cache. */
    plan.band_row = RDX_MIN(padded(plan.valid_width), BAND) + LANES;
    plan.band_row += plan.band_row / LANES % 2 == 0 ? LANES : 0;
    plan.ring = plan.window.rows * plan.band_row;
    return plan;
}

/* Images are processed in bands of columns, from top to bottom, so that all rings stay in the
 * first-level cache. */
typedef struct ssim_band {
    int64_t first, valid; /* columns whose index is wanted */
    int64_t count;        /* `valid` padded */
    int64_t pixels;       /* columns of the image that they need, and more where there are */
} ssim_band;

static ssim_band band_at(const rdx_ssim_plan *plan, int64_t first)
{
    const int64_t valid = RDX_MIN(plan->valid_width - first, BAND);
    const int64_t count = padded(valid);
    return (ssim_band){first, valid, count, RDX_MIN(count + LANES, plan->width - first)};
}

/* The band's part of row y as floats about 0; the padding of `out` is left alone. */
static void load_row(const rdx_ssim_plan *plan, const ssim_band *band, const void *pixels,
                     int64_t y, float *out)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t start = y * plan->width + band->first;
    if (plan->dtype == REDUX_UINT8)
        kernels->ssim_load_u8(out, (const uint8_t *)pixels + start, band->pixels,
                              plan->window.shift);
    else
        kernels->ssim_load_f32(out, (const float *)pixels + start, band->pixels,
                               plan->window.shift);
}

/* The band's part of row y of the product. */
static void load_product(const rdx_ssim_plan *plan, const ssim_band *band, const void *a,
                         const void *b, int64_t y, float *out)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t start = y * plan->width + band->first;
    if (plan->dtype == REDUX_UINT8)
        kernels->ssim_product_u8(out, (const uint8_t *)a + start, (const uint8_t *)b + start,
                                 band->pixels, plan->window.shift);
    else
        kernels->ssim_product_f32(out, (const float *)a + start, (const float *)b + start,
                                  band->pixels, plan->window.shift);
}

/* The mean index, whose sum the lanes hold, kept within -1 ... 1, since rounding could push nearly
 * equal images a hair beyond; NaN stays. */
static double mean_of(const rdx_ssim_plan *plan, const double *lanes)
{
    double sum = 0;
    for (int k = 0; k < LANES; k++)
        sum += lanes[k];
    const double mean = sum / ((double)plan->valid_width * (double)plan->valid_height);
    return mean > 1 ? 1 : (mean < -1 ? -1 : mean);
}

/* The last rows of a band, of an image or a product, as many as the window is high. */
typedef struct ssim_ring {
    float *rows;
    const float *window[RDX_SSIM_TAPS]; /* oldest first, once it is full */
} ssim_ring;

/* An empty ring at `floats`: the padding of its rows is 0. */
static ssim_ring ring_open(const rdx_ssim_plan *plan, float *floats)
{
    memset(floats, 0, (size_t)plan->ring * sizeof *floats);
    return (ssim_ring){.rows = floats};
}

/* The place of row y. */
static float *ring_next(ssim_ring *ring, const rdx_ssim_plan *plan, int64_t y)
{
    const int32_t rows = plan->window.rows;
    const int32_t slot = (int32_t)(y % rows);
    for (int32_t k = 0; k < rows; k++) {
        const int32_t next = slot + 1 + k;
        ring->window[k] = ring->rows + (next < rows ? next : next - rows) * plan->band_row;
    }
    return ring->rows + slot * plan->band_row;
}

/* ---- as a metric ---- */

/* Prepared form: for each band, for each row, means and variances; then the pixels; then their
 * distance from 0 once they are shifted (ssim_reach). */
typedef struct ssim_tail {
    double reach;
    double reserved[7];
} ssim_tail;

_Static_assert(sizeof(ssim_tail) == 64, "items are aligned");

static int64_t moments_at(const rdx_ssim_plan *plan, const ssim_band *band, int64_t row)
{
    return 2 * (band->first * plan->valid_height + row * band->count);
}

static size_t pixel_bytes(const rdx_ssim_plan *plan)
{
    return (size_t)(plan->width * plan->height) * redux_dtype_size(plan->dtype);
}

redux_status rdx_ssim_check_size(const rdx_layout *layout)
{
    /* Three planes and their padding stay far below 2^63 bytes. */
    if (layout->height > INT32_MAX || layout->width > INT32_MAX ||
        layout->height * layout->width > INT64_MAX >> 16)
        return rdx_fail(REDUX_E_LIMIT, "ssim: images of %lld x %lld pixels",
                        (long long)layout->height, (long long)layout->width);
    return REDUX_OK;
}

size_t rdx_ssim_item_bytes(const rdx_ssim_plan *plan)
{
    return (size_t)plan->moments * sizeof(float) + (pixel_bytes(plan) + 63) / 64 * 64 +
           sizeof(ssim_tail);
}

/* A ring, two rows for the kernels. */
size_t rdx_ssim_scratch_bytes(const rdx_ssim_plan *plan)
{
    return (size_t)(2 * plan->band_row + plan->ring) * sizeof(float);
}

static redux_status ssim_layout(const redux_metric *metric, rdx_layout *layout)
{
    RDX_TRY(rdx_ssim_check_dtype(layout->dtype));
    RDX_TRY(rdx_ssim_check_size(layout));
    const rdx_ssim_plan plan = rdx_ssim_plan_of(&metric->ssim, layout);
    layout->item_bytes = rdx_ssim_item_bytes(&plan);
    layout->scratch_bytes = rdx_ssim_scratch_bytes(&plan);
    return REDUX_OK;
}

static redux_status ssim_check(const redux_metric *metric, const rdx_layout *layout,
                               const void *item)
{
    return rdx_ssim_check_pixels(metric->ssim.data_range, layout, item);
}

static void prepare_band(const rdx_ssim_plan *plan, const ssim_band *band, const void *item,
                         float *moments, float *scratch)
{
    ssim_ring ring = ring_open(plan, scratch + 2 * plan->band_row);
    for (int64_t y = 0; y < plan->height; y++) {
        load_row(plan, band, item, y, ring_next(&ring, plan, y));
        if (y + 1 < plan->window.rows)
            continue;
        float *mean = moments + moments_at(plan, band, y + 1 - plan->window.rows);
        rdx_kernels_get()->ssim_moments(mean, mean + band->count, ring.window, band->count,
                                        &plan->window, scratch);
    }
}

/* The greatest of |pixel - shift|; NaN if a pixel is NaN. */
static double ssim_reach(const rdx_ssim_plan *plan, const void *pixels)
{
    const int64_t count = plan->width * plan->height;
    const float shift = plan->window.shift;
    float reach = 0, none = 0;
    if (plan->dtype == REDUX_UINT8)
        return (double)RDX_MAX(shift, 255 - shift);
    for (int64_t i = 0; i < count; i++) {
        const float value = fabsf(((const float *)pixels)[i] - shift);
        reach = value > reach ? value : reach;
        none += value - value; /* NaN of NaN and infinity */
    }
    return (double)(reach + none);
}

void rdx_ssim_prepare(const rdx_ssim_plan *plan, const void *item, void *prepared, void *scratch)
{
    const size_t bytes = pixel_bytes(plan);
    float *moments = prepared;
    uint8_t *pixels = (uint8_t *)(moments + plan->moments);
    for (int64_t x = 0; x < plan->valid_width; x += BAND) {
        const ssim_band band = band_at(plan, x);
        prepare_band(plan, &band, item, moments, scratch);
    }
    memcpy(pixels, item, bytes);
    memset(pixels + bytes, 0, (bytes + 63) / 64 * 64 - bytes);
    const ssim_tail tail = {.reach = ssim_reach(plan, item)};
    memcpy((char *)prepared + rdx_ssim_item_bytes(plan) - sizeof tail, &tail, sizeof tail);
}

static void ssim_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                         void *prepared, void *scratch)
{
    const rdx_ssim_plan plan = rdx_ssim_plan_of(&metric->ssim, layout);
    rdx_ssim_prepare(&plan, item, prepared, scratch);
}

/* A prepared item. */
typedef struct ssim_item {
    const float *moments;
    const void *pixels;
} ssim_item;

static ssim_item item_at(const rdx_ssim_plan *plan, const void *prepared)
{
    const float *moments = prepared;
    return (ssim_item){moments, moments + plan->moments};
}

/* The limit below which a sum of indices cannot reach the goal. Each index is at most `most`;
 * `rest` are still to come. */
typedef struct ssim_goal {
    double least, most;
    int64_t rest;
} ssim_goal;

static bool out_of_reach(const ssim_goal *goal, const double *lanes)
{
    double sum = 0;
    for (int k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum + (double)goal->rest * goal->most < goal->least;
}

/* False if the goal is out of reach. */
static bool score_band(const rdx_ssim_plan *plan, const ssim_band *band, const ssim_item *a,
                       const ssim_item *b, ssim_goal *goal, double *lanes, float *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    ssim_ring products = ring_open(plan, scratch + plan->band_row);
    for (int64_t y = 0; y < plan->height; y++) {
        load_product(plan, band, a->pixels, b->pixels, y, ring_next(&products, plan, y));
        if (y + 1 < plan->window.rows)
            continue;
        const int64_t at = moments_at(plan, band, y + 1 - plan->window.rows);
        const float *mean_a = a->moments + at, *mean_b = b->moments + at;
        const rdx_ssim_moments moments_a = {mean_a, mean_a + band->count};
        const rdx_ssim_moments moments_b = {mean_b, mean_b + band->count};
        kernels->ssim_index(lanes, &moments_a, &moments_b, products.window, band->count,
                            band->valid, &plan->window, scratch);
        goal->rest -= band->valid;
        if (y % CHECK_ROWS == 0 && out_of_reach(goal, lanes))
            return false;
    }
    return true;
}

/* False if the goal is out of reach. */
static bool score_all(double *score, const rdx_ssim_plan *plan, const void *a, const void *b,
                      ssim_goal *goal, void *scratch)
{
    const ssim_item one = item_at(plan, a), other = item_at(plan, b);
    double lanes[LANES] = {0};
    for (int64_t x = 0; x < plan->valid_width; x += BAND) {
        const ssim_band band = band_at(plan, x);
        if (!score_band(plan, &band, &one, &other, goal, lanes, scratch))
            return false;
    }
    *score = mean_of(plan, lanes);
    return true;
}

double rdx_ssim_score(const rdx_ssim_plan *plan, const void *a, const void *b, void *scratch)
{
    ssim_goal none = {-(double)INFINITY, 1, plan->valid_width * plan->valid_height};
    double score = 0;
    (void)score_all(&score, plan, a, b, &none, scratch);
    return score;
}

/* Without rounding an index is at most 1: a product of terms that are at most 1, as 2 a b <= a^2 +
 * b^2 for means and 2 cov(a, b) <= var(a) + var(b). Filtered values up to m, and their squares and
 * products, round by less than 2^-19 m and 2^-19 m^2 (at most 26 operations), so variances and
 * covariances by less than 2^-16 m^2. The relative rounding of the rest (the formula, and the sum
 * of a row in floats) is less than 2^-16 together. */
double rdx_ssim_most(const rdx_ssim_plan *plan, const void *a, const void *b)
{
    const size_t at = rdx_ssim_item_bytes(plan) - sizeof(ssim_tail);
    ssim_tail one, other;
    memcpy(&one, (const char *)a + at, sizeof one);
    memcpy(&other, (const char *)b + at, sizeof other);
    const double m = RDX_MAX(one.reach, other.reach);
    const double error = m * m * 0x1p-16, c2 = (double)plan->window.c2;
    if (isnan(one.reach) || isnan(other.reach) || !(8 * error <= c2) || m > 1e15)
        return (double)INFINITY;
    return 1 + 4 * error / (c2 - 2 * error) + 0x1p-16;
}

static double ssim_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                         const void *b, void *scratch)
{
    const rdx_ssim_plan plan = rdx_ssim_plan_of(&metric->ssim, layout);
    return rdx_ssim_score(&plan, a, b, scratch);
}

static rdx_verdict ssim_judge(const redux_metric *metric, const rdx_layout *layout, const void *a,
                              const void *b, double threshold, double *score, void *scratch)
{
    const rdx_ssim_plan plan = rdx_ssim_plan_of(&metric->ssim, layout);
    const int64_t count = plan.valid_width * plan.valid_height;
    /* A little less, for the rounding of sums in double. */
    const double least = (threshold - fabs(threshold) * 0x1p-32) * (double)count;
    ssim_goal goal = {least, rdx_ssim_most(&plan, a, b), count};
    if (!score_all(score, &plan, a, b, &goal, scratch))
        return RDX_HOPELESS;
    return rdx_is_redundant(metric, *score, threshold) ? RDX_REDUNDANT : RDX_DIFFERENT;
}

const rdx_metric_ops rdx_ssim_ops = {
    .name = "ssim",
    .item_axes = 2,
    .layout = ssim_layout,
    .check = ssim_check,
    .prepare = ssim_prepare,
    .score = ssim_score,
    .judge = ssim_judge,
    .tile = 1,
};

/* ---- one pair ---- */

/* Five rows of moments and indices, two rows for the kernels, three rings. */
static uint64_t pair_floats(const rdx_ssim_plan *plan)
{
    return (uint64_t)(7 * plan->band_row + 3 * plan->ring);
}

/* prepare, prepare and score in step. The indices are added to `lanes`, or go to `map`
 * [valid_height, valid_width] if it is not NULL. */
static void pair_band(const rdx_ssim_plan *plan, const ssim_band *band, const void *pixels_a,
                      const void *pixels_b, double *lanes, float *map, float *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    float *mean_a = scratch, *variance_a = mean_a + plan->band_row;
    float *mean_b = variance_a + plan->band_row, *variance_b = mean_b + plan->band_row;
    float *index = variance_b + plan->band_row, *work = index + plan->band_row;
    float *rings = work + 2 * plan->band_row;
    ssim_ring a = ring_open(plan, rings), b = ring_open(plan, rings + plan->ring);
    ssim_ring products = ring_open(plan, rings + 2 * plan->ring);
    const rdx_ssim_moments moments_a = {mean_a, variance_a}, moments_b = {mean_b, variance_b};
    for (int64_t y = 0; y < plan->height; y++) {
        load_row(plan, band, pixels_a, y, ring_next(&a, plan, y));
        load_row(plan, band, pixels_b, y, ring_next(&b, plan, y));
        load_product(plan, band, pixels_a, pixels_b, y, ring_next(&products, plan, y));
        if (y + 1 < plan->window.rows)
            continue;
        kernels->ssim_moments(mean_a, variance_a, a.window, band->count, &plan->window, work);
        kernels->ssim_moments(mean_b, variance_b, b.window, band->count, &plan->window, work);
        if (map == NULL) {
            kernels->ssim_index(lanes, &moments_a, &moments_b, products.window, band->count,
                                band->valid, &plan->window, work);
            continue;
        }
        kernels->ssim_map(index, &moments_a, &moments_b, products.window, band->count,
                          &plan->window, work);
        memcpy(map + (y + 1 - plan->window.rows) * plan->valid_width + band->first, index,
               (size_t)band->valid * sizeof *map);
    }
}

static double pair_score(const rdx_ssim_plan *plan, const void *pixels_a, const void *pixels_b,
                         float *scratch)
{
    double lanes[LANES] = {0};
    for (int64_t x = 0; x < plan->valid_width; x += BAND) {
        const ssim_band band = band_at(plan, x);
        pair_band(plan, &band, pixels_a, pixels_b, lanes, NULL, scratch);
    }
    return mean_of(plan, lanes);
}

redux_status rdx_ssim_run_map(redux_context *context, const rdx_ssim_plan *plan, const void *a,
                              const void *b, float *map)
{
    void *scratch;
    RDX_TRY(rdx_alloc(context, &scratch, pair_floats(plan), sizeof(float)));
    for (int64_t x = 0; x < plan->valid_width; x += BAND) {
        const ssim_band band = band_at(plan, x);
        pair_band(plan, &band, a, b, NULL, map, scratch);
    }
    rdx_free(scratch);
    return REDUX_OK;
}

redux_status rdx_ssim_check_images(const redux_tensor *a, const redux_tensor *b, rdx_layout *layout)
{
    RDX_TRY(rdx_tensor_check(a, 2, 0, "a"));
    RDX_TRY(rdx_ssim_check_dtype(a->dtype));
    RDX_TRY(rdx_tensor_check(b, 2, a->dtype, "b"));
    if (a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1])
        return rdx_fail(REDUX_E_INVALID, "ssim: images of %lld x %lld and %lld x %lld",
                        (long long)a->shape[0], (long long)a->shape[1], (long long)b->shape[0],
                        (long long)b->shape[1]);
    if (redux_tensor_elements(a) == 0)
        return rdx_fail(REDUX_E_INVALID, "ssim: the images have no pixels");
    layout->dtype = a->dtype;
    layout->height = a->shape[0];
    layout->width = a->shape[1];
    return rdx_ssim_check_size(layout);
}

/* a, b: C-contiguous pixels. */
static redux_status score_images(double *out, redux_context *context,
                                 const redux_ssim_options *options, const rdx_layout *layout,
                                 const void *a, const void *b)
{
    const rdx_ssim_plan plan = rdx_ssim_plan_of(options, layout);
    void *scratch;
    RDX_TRY(rdx_ssim_check_pixels(options->data_range, layout, a));
    RDX_TRY(rdx_ssim_check_pixels(options->data_range, layout, b));
    RDX_TRY(rdx_alloc(context, &scratch, pair_floats(&plan), sizeof(float)));
    *out = pair_score(&plan, a, b, scratch);
    rdx_free(scratch);
    return REDUX_OK;
}

redux_status redux_ssim(double *out, redux_context *context, const redux_tensor *a,
                        const redux_tensor *b, const redux_ssim_options *options)
{
    redux_ssim_options known;
    redux_tensor first, second;
    rdx_layout layout = {0};
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_ssim: out is NULL");
    RDX_TRY(rdx_ssim_read_options(&known, options));
    RDX_TRY(rdx_ssim_check_images(a, b, &layout));
    RDX_TRY(redux_tensor_contiguous(&first, context, a, a->dtype));
    redux_status status = redux_tensor_contiguous(&second, context, b, b->dtype);
    if (status == REDUX_OK) {
        status = score_images(out, context, &known, &layout, first.data, second.data);
        redux_tensor_release(&second);
    }
    redux_tensor_release(&first);
    return status;
}
