/* SPDX-License-Identifier: MIT
 * Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar Conference on Signals,
 * Systems and Computers, 2003): contrast and structure at every scale, luminance at the last.
 *
 * An item is its pyramid, each level prepared as ssim.c prepares an image. */
#include <math.h>
#include <string.h>
#include "ssim.h"

#define SCALES 5
#define WINDOW 11 /* the side that every scale needs */

/* Wang et al. 2003, section 3.2; they add up to 1. */
static const double exponents[SCALES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

static redux_status ms_ssim_options(redux_ms_ssim_options *known,
                                    const redux_ms_ssim_options *given)
{
    redux_ms_ssim_options read = REDUX_MS_SSIM_OPTIONS_INIT;
    redux_ssim_options window = REDUX_SSIM_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&read, sizeof read, given, "redux_ms_ssim_options"));
    if (read.scales < 0 || read.scales > SCALES)
        return rdx_fail(REDUX_E_INVALID, "redux_ms_ssim_options: scales is %d, not 0 to %d",
                        (int)read.scales, SCALES);
    window.data_range = read.data_range;
    RDX_TRY(rdx_ssim_read_options(&window, &window));
    *known = read;
    return REDUX_OK;
}

/* ---- scales ---- */

typedef struct ms_ssim_plan {
    int32_t scales;
    double exponent[SCALES];
    rdx_ssim_plan scale[SCALES];
    size_t at[SCALES + 1]; /* bytes from the start of an item */
    size_t scratch;        /* of ssim.c; two levels as floats lie behind it */
} ms_ssim_plan;

/* How many times an image can be halved and still hold a window; at least once. */
static int32_t scales_of(const rdx_layout *layout)
{
    int64_t side = RDX_MIN(layout->height, layout->width);
    int32_t scales = 1;
    for (side = (side + 1) / 2; scales < SCALES && side >= WINDOW; side = (side + 1) / 2)
        scales++;
    return scales;
}

static ms_ssim_plan plan_of(const redux_ms_ssim_options *options, const rdx_layout *layout)
{
    redux_ssim_options window = REDUX_SSIM_OPTIONS_INIT;
    ms_ssim_plan plan = {.scales = options->scales > 0 ? options->scales : scales_of(layout)};
    rdx_layout level = *layout;
    double sum = 0;
    window.data_range =
        options->data_range > 0 ? options->data_range : (layout->dtype == REDUX_UINT8 ? 255 : 1);
    for (int32_t s = 0; s < plan.scales; s++)
        sum += exponents[s];
    for (int32_t s = 0; s < plan.scales; s++) {
        rdx_ssim_plan *scale = &plan.scale[s];
        *scale = rdx_ssim_plan_of(&window, &level);
        scale->window.contrast = s + 1 < plan.scales;
        plan.exponent[s] = exponents[s] / sum;
        plan.at[s + 1] = plan.at[s] + rdx_ssim_item_bytes(scale);
        plan.scratch = RDX_MAX(plan.scratch, (rdx_ssim_scratch_bytes(scale) + 63) / 64 * 64);
        level.dtype = REDUX_FLOAT32;
        level.height = (level.height + 1) / 2;
        level.width = (level.width + 1) / 2;
    }
    return plan;
}

static redux_status ms_ssim_layout(const redux_metric *metric, rdx_layout *layout)
{
    RDX_TRY(rdx_ssim_check_dtype(layout->dtype));
    RDX_TRY(rdx_ssim_check_size(layout));
    if (metric->ms_ssim.scales > scales_of(layout))
        return rdx_fail(REDUX_E_INVALID, "ms-ssim: %lld x %lld pixels are too few for %d scales",
                        (long long)layout->height, (long long)layout->width,
                        (int)metric->ms_ssim.scales);
    const ms_ssim_plan plan = plan_of(&metric->ms_ssim, layout);
    const size_t half = (size_t)((layout->height + 1) / 2) * (size_t)((layout->width + 1) / 2);
    layout->item_bytes = plan.at[plan.scales];
    layout->scratch_bytes = plan.scratch + 2 * half * sizeof(float);
    return REDUX_OK;
}

/* ---- the pyramid ---- */

static float pixel(const rdx_ssim_plan *plan, const void *pixels, int64_t y, int64_t x)
{
    const int64_t at = y * plan->width + x;
    return plan->dtype == REDUX_UINT8 ? (float)((const uint8_t *)pixels)[at]
                                      : ((const float *)pixels)[at];
}

/* Means of 2 x 2 pixels; an odd last row or column counts twice. Exact for 8-bit images, because 16
 * bits hold four halvings. */
static void halve(float *out, const rdx_ssim_plan *plan, const void *pixels)
{
    for (int64_t y = 0; y < plan->height; y += 2) {
        const int64_t below = RDX_MIN(y + 1, plan->height - 1);
        for (int64_t x = 0; x < plan->width; x += 2) {
            const int64_t right = RDX_MIN(x + 1, plan->width - 1);
            const float upper = pixel(plan, pixels, y, x) + pixel(plan, pixels, y, right);
            const float lower = pixel(plan, pixels, below, x) + pixel(plan, pixels, below, right);
            *out++ = (upper + lower) * 0.25F;
        }
    }
}

static redux_status ms_ssim_check(const redux_metric *metric, const rdx_layout *layout,
                                  const void *item)
{
    return rdx_ssim_check_pixels(metric->ms_ssim.data_range, layout, item);
}

static void ms_ssim_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                            void *prepared, void *scratch)
{
    const ms_ssim_plan plan = plan_of(&metric->ms_ssim, layout);
    const size_t half = (size_t)((layout->height + 1) / 2) * (size_t)((layout->width + 1) / 2);
    float *levels = (float *)(void *)((char *)scratch + plan.scratch);
    const void *level = item;
    for (int32_t s = 0; s < plan.scales; s++) {
        rdx_ssim_prepare(&plan.scale[s], level, (char *)prepared + plan.at[s], scratch);
        float *next = levels + (s % 2 == 0 ? 0 : half);
        if (s + 1 < plan.scales)
            halve(next, &plan.scale[s], level);
        level = next;
    }
}

/* The mean index of a scale to its power; NaN stays. */
static double factor_of(const ms_ssim_plan *plan, int32_t scale, const void *a, const void *b,
                        void *scratch)
{
    const size_t at = plan->at[scale];
    const double mean =
        rdx_ssim_score(&plan->scale[scale], (const char *)a + at, (const char *)b + at, scratch);
    return mean < 0 ? 0 : pow(mean, plan->exponent[scale]);
}

static double product_of(const ms_ssim_plan *plan, const double *factors)
{
    double product = 1;
    for (int32_t s = 0; s < plan->scales; s++)
        product *= factors[s];
    return product;
}

static double ms_ssim_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                            const void *b, void *scratch)
{
    const ms_ssim_plan plan = plan_of(&metric->ms_ssim, layout);
    double factors[SCALES] = {0};
    for (int32_t s = 0; s < plan.scales; s++)
        factors[s] = factor_of(&plan, s, a, b, scratch);
    return product_of(&plan, factors);
}

/* Starts at the coarsest scale, because the finest one takes three quarters of the work and its
 * factor is at most a hair over 1. */
static rdx_verdict ms_ssim_judge(const redux_metric *metric, const rdx_layout *layout,
                                 const void *a, const void *b, double threshold, double *score,
                                 void *scratch)
{
    const ms_ssim_plan plan = plan_of(&metric->ms_ssim, layout);
    double factors[SCALES] = {0};
    for (int32_t s = 0; s < plan.scales; s++)
        factors[s] = rdx_ssim_most(&plan.scale[s], (const char *)a + plan.at[s],
                                   (const char *)b + plan.at[s]); /* its power is less */
    for (int32_t s = plan.scales - 1; s >= 0; s--) {
        factors[s] = factor_of(&plan, s, a, b, scratch);
        if (s > 0 && product_of(&plan, factors) * (1 + 0x1p-40) < threshold)
            return RDX_HOPELESS;
    }
    *score = product_of(&plan, factors);
    return rdx_is_redundant(metric, *score, threshold) ? RDX_REDUNDANT : RDX_DIFFERENT;
}

const rdx_metric_ops rdx_ms_ssim_ops = {
    .name = "ms-ssim",
    .item_axes = 2,
    .layout = ms_ssim_layout,
    .check = ms_ssim_check,
    .prepare = ms_ssim_prepare,
    .score = ms_ssim_score,
    .judge = ms_ssim_judge,
    .tile = 1,
};

redux_status redux_metric_new_ms_ssim(redux_metric **out, redux_context *context,
                                      const redux_ms_ssim_options *options)
{
    redux_ms_ssim_options known = REDUX_MS_SSIM_OPTIONS_INIT;
    RDX_TRY(ms_ssim_options(&known, options));
    RDX_TRY(rdx_metric_make(out, context, &rdx_ms_ssim_ops));
    (*out)->ms_ssim = known;
    return REDUX_OK;
}

redux_status redux_ms_ssim(double *out, redux_context *context, const redux_tensor *a,
                           const redux_tensor *b, const redux_ms_ssim_options *options)
{
    redux_metric *metric;
    RDX_TRY(redux_metric_new_ms_ssim(&metric, context, options));
    redux_status status = redux_metric_pair(out, context, metric, a, b);
    redux_metric_free(metric);
    return status;
}
