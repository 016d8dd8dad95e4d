/* SPDX-License-Identifier: MIT
 * Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004).
 *
 * All works by rows: a row of each image and of their product is filtered along x into a ring of as
 * many rows as the window is high, and the ring is filtered along y. A metric keeps the means and
 * variances of each item, so that a pair only filters the product; redux_ssim keeps nothing, but
 * goes through the same kernels row by row and so gets the same bits. */
#include <math.h>
#include <string.h>
#include "kernels/kernels.h"
#include "metric/metric.h"

#define LANES 16 /* floats; rows are padded to a multiple */

redux_status rdx_ssim_options(redux_ssim_options *known, const redux_ssim_options *given)
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

static redux_status check_dtype(redux_dtype dtype)
{
    if (dtype != REDUX_UINT8 && dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "ssim: the image is %s, not uint8 or float32",
                        redux_dtype_name(dtype));
    return REDUX_OK;
}

/* ---- the window ---- */

/* Weights of one side; returns their number: the window, or what of it fits into `length`. */
static int32_t window_side(float *weights, redux_ssim_window kind, int64_t length)
{
    const int32_t usual = kind == REDUX_SSIM_GAUSSIAN ? 11 : 7;
    const int32_t taps = length >= usual ? usual : (int32_t)(length - 1 + length % 2);
    double exact[RDX_SSIM_TAPS], sum = 0;
    for (int32_t k = 0; k < taps; k++) {
        const double d = k - taps / 2;
        exact[k] = exp(-d * d / (2 * 1.5 * 1.5));
        sum += exact[k];
    }
    for (int32_t k = 0; k < taps; k++)
        weights[k] = kind == REDUX_SSIM_GAUSSIAN ? (float)(exact[k] / sum) : 1.0F;
    return taps;
}

static rdx_ssim_window window_of(const redux_ssim_options *options, const rdx_layout *layout)
{
    const double range =
        options->data_range > 0 ? options->data_range : (layout->dtype == REDUX_UINT8 ? 255 : 1);
    rdx_ssim_window window = {.scale = 1, .unbias = 1};
    window.columns = window_side(window.across, options->window, layout->width);
    window.rows = window_side(window.down, options->window, layout->height);
    if (options->window == REDUX_SSIM_UNIFORM) { /* plain sums, which are exact for 8-bit pixels */
        const float pixels = (float)(window.columns * window.rows);
        window.scale = 1 / pixels;
        window.unbias = pixels > 1 ? pixels / (pixels - 1) : 1;
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

/* Sizes, in floats, of rows and planes. */
typedef struct ssim_plan {
    rdx_ssim_window window;
    redux_dtype dtype;
    int64_t width, height;             /* of the image */
    int64_t valid_width, valid_height; /* of the pixels whose window lies inside */
    int64_t row, input_row;            /* a filtered row; one that is to be filtered */
    int64_t plane;                     /* valid_height rows */
} ssim_plan;

static ssim_plan plan_of(const redux_ssim_options *options, const rdx_layout *layout)
{
    ssim_plan plan = {.window = window_of(options, layout)};
    plan.dtype = layout->dtype;
    plan.width = layout->width;
    plan.height = layout->height;
    plan.valid_width = layout->width - plan.window.columns + 1;
    plan.valid_height = layout->height - plan.window.rows + 1;
    plan.row = padded(plan.valid_width);
    plan.input_row = plan.row + LANES; /* the window is at most LANES wide */
    plan.plane = plan.row * plan.valid_height;
    return plan;
}

/* A row of pixels as floats about 0; the padding of `out` is left alone. */
static void load_row(const ssim_plan *plan, const void *pixels, int64_t y, float *out)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    if (plan->dtype == REDUX_UINT8)
        kernels->ssim_load_u8(out, (const uint8_t *)pixels + y * plan->width, plan->width,
                              plan->window.shift);
    else
        kernels->ssim_load_f32(out, (const float *)pixels + y * plan->width, plan->width,
                               plan->window.shift);
}

/* The last rows of a filtered image, as many as the window is high. */
typedef struct ssim_ring {
    float *rows;
    const float *window[RDX_SSIM_TAPS]; /* oldest first, once it is full */
} ssim_ring;

/* Row y: filters `in` along x. */
static void ring_push(ssim_ring *ring, const ssim_plan *plan, int64_t y, const float *in)
{
    const int32_t rows = plan->window.rows;
    rdx_kernels_get()->ssim_across(ring->rows + y % rows * plan->row, in, plan->row,
                                   plan->window.across, plan->window.columns);
    for (int32_t k = 0; k < rows; k++)
        ring->window[k] = ring->rows + (y + 1 + k) % rows * plan->row;
}

/* Row y of the product of two rows; `product` is working memory. */
static void ring_push_product(ssim_ring *ring, const ssim_plan *plan, int64_t y, const float *a,
                              const float *b, float *product)
{
    rdx_kernels_get()->ssim_product(product, a, b, plan->input_row);
    ring_push(ring, plan, y, product);
}

/* One image on its way through. */
typedef struct ssim_image {
    const void *pixels;
    float *row, *product;
    ssim_ring values, squares;
} ssim_image;

static size_t image_floats(const ssim_plan *plan)
{
    return (size_t)(2 * plan->input_row + 2 * plan->window.rows * plan->row);
}

static ssim_image image_open(const ssim_plan *plan, const void *pixels, float *scratch)
{
    ssim_image image = {.pixels = pixels, .row = scratch, .product = scratch + plan->input_row};
    image.values.rows = image.product + plan->input_row;
    image.squares.rows = image.values.rows + plan->window.rows * plan->row;
    memset(image.row, 0, (size_t)plan->input_row * sizeof(float));
    return image;
}

static void image_push(ssim_image *image, const ssim_plan *plan, int64_t y)
{
    load_row(plan, image->pixels, y, image->row);
    ring_push(&image->values, plan, y, image->row);
    ring_push_product(&image->squares, plan, y, image->row, image->row, image->product);
}

static void image_moments(const ssim_image *image, const ssim_plan *plan, float *mean,
                          float *variance)
{
    rdx_kernels_get()->ssim_moments(mean, variance, image->values.window, image->squares.window,
                                    plan->row, &plan->window);
}

/* ---- as a metric ---- */

/* Prepared form: mean plane, variance plane, pixels. */

static size_t pixel_bytes(const ssim_plan *plan)
{
    return (size_t)(plan->width * plan->height) * redux_dtype_size(plan->dtype);
}

static redux_status check_size(const rdx_layout *layout)
{
    /* Three planes and their padding stay far below 2^63 bytes. */
    if (layout->height > INT32_MAX || layout->width > INT32_MAX ||
        layout->height * layout->width > INT64_MAX >> 16)
        return rdx_fail(REDUX_E_LIMIT, "ssim: images of %lld x %lld pixels",
                        (long long)layout->height, (long long)layout->width);
    return REDUX_OK;
}

static redux_status ssim_layout(const redux_metric *metric, rdx_layout *layout)
{
    ssim_plan plan;
    RDX_TRY(check_dtype(layout->dtype));
    RDX_TRY(check_size(layout));
    plan = plan_of(&metric->ssim, layout);
    layout->item_bytes =
        (size_t)(2 * plan.plane) * sizeof(float) + (pixel_bytes(&plan) + 63) / 64 * 64;
    layout->scratch_bytes = image_floats(&plan) * sizeof(float);
    /* score: two rows, their product, its ring, the index */
    layout->scratch_bytes =
        RDX_MAX(layout->scratch_bytes,
                (size_t)(3 * plan.input_row + (plan.window.rows + 1) * plan.row) * sizeof(float));
    return REDUX_OK;
}

static void ssim_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                         void *prepared, void *scratch)
{
    const ssim_plan plan = plan_of(&metric->ssim, layout);
    float *mean = prepared, *variance = mean + plan.plane;
    uint8_t *pixels = (uint8_t *)(variance + plan.plane);
    const size_t bytes = pixel_bytes(&plan);
    ssim_image image = image_open(&plan, item, scratch);
    for (int64_t y = 0; y < plan.height; y++) {
        const int64_t out = y - plan.window.rows + 1;
        image_push(&image, &plan, y);
        if (out >= 0)
            image_moments(&image, &plan, mean + out * plan.row, variance + out * plan.row);
    }
    memcpy(pixels, item, bytes);
    memset(pixels + bytes, 0, (bytes + 63) / 64 * 64 - bytes);
}

static double ssim_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                         const void *b, void *scratch)
{
    const ssim_plan plan = plan_of(&metric->ssim, layout);
    const float *mean_a = a, *variance_a = mean_a + plan.plane;
    const float *mean_b = b, *variance_b = mean_b + plan.plane;
    float *row_a = scratch, *row_b = row_a + plan.input_row, *product = row_b + plan.input_row;
    float *index = product + plan.input_row;
    ssim_ring ring = {.rows = index + plan.row};
    double sum = 0;
    memset(row_a, 0, (size_t)(2 * plan.input_row) * sizeof(float));
    for (int64_t y = 0; y < plan.height; y++) {
        const int64_t out = (y - plan.window.rows + 1) * plan.row;
        load_row(&plan, variance_a + plan.plane, y, row_a);
        load_row(&plan, variance_b + plan.plane, y, row_b);
        ring_push_product(&ring, &plan, y, row_a, row_b, product);
        if (out >= 0)
            sum += rdx_kernels_get()->ssim_index(index, mean_a + out, variance_a + out,
                                                 mean_b + out, variance_b + out, ring.window,
                                                 plan.row, plan.valid_width, &plan.window);
    }
    return sum / ((double)plan.valid_width * (double)plan.valid_height);
}

const rdx_metric_ops rdx_ssim_ops = {
    .name = "ssim",
    .item_axes = 2,
    .layout = ssim_layout,
    .prepare = ssim_prepare,
    .score = ssim_score,
    .tile = 1,
};

/* ---- one pair ---- */

static size_t pair_floats(const ssim_plan *plan)
{
    return 2 * image_floats(plan) + (size_t)(plan->input_row + (plan->window.rows + 5) * plan->row);
}

/* prepare, prepare, score, in step. */
static double pair_score(const ssim_plan *plan, const void *pixels_a, const void *pixels_b,
                         float *scratch)
{
    ssim_image a = image_open(plan, pixels_a, scratch);
    ssim_image b = image_open(plan, pixels_b, scratch + image_floats(plan));
    float *product = scratch + 2 * image_floats(plan), *index = product + plan->input_row;
    float *mean_a = index + plan->row, *variance_a = mean_a + plan->row;
    float *mean_b = variance_a + plan->row, *variance_b = mean_b + plan->row;
    ssim_ring ring = {.rows = variance_b + plan->row};
    double sum = 0;
    for (int64_t y = 0; y < plan->height; y++) {
        image_push(&a, plan, y);
        image_push(&b, plan, y);
        ring_push_product(&ring, plan, y, a.row, b.row, product);
        if (y + 1 < plan->window.rows)
            continue;
        image_moments(&a, plan, mean_a, variance_a);
        image_moments(&b, plan, mean_b, variance_b);
        sum +=
            rdx_kernels_get()->ssim_index(index, mean_a, variance_a, mean_b, variance_b,
                                          ring.window, plan->row, plan->valid_width, &plan->window);
    }
    return sum / ((double)plan->valid_width * (double)plan->valid_height);
}

static redux_status check_images(const redux_tensor *a, const redux_tensor *b, rdx_layout *layout)
{
    RDX_TRY(rdx_tensor_check(a, 2, 0, "a"));
    RDX_TRY(check_dtype(a->dtype));
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
    return check_size(layout);
}

redux_status redux_ssim(double *out, redux_context *context, const redux_tensor *a,
                        const redux_tensor *b, const redux_ssim_options *options)
{
    redux_ssim_options known;
    redux_tensor first, second;
    rdx_layout layout = {0};
    void *scratch;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_ssim: out is NULL");
    RDX_TRY(rdx_ssim_options(&known, options));
    RDX_TRY(check_images(a, b, &layout));
    const ssim_plan plan = plan_of(&known, &layout);
    RDX_TRY(redux_tensor_contiguous(&first, context, a, a->dtype));
    redux_status status = redux_tensor_contiguous(&second, context, b, b->dtype);
    if (status == REDUX_OK) {
        status = rdx_alloc(context, &scratch, pair_floats(&plan), sizeof(float));
        if (status == REDUX_OK)
            *out = pair_score(&plan, first.data, second.data, scratch);
        rdx_free(context, scratch);
        redux_tensor_release(&second);
    }
    redux_tensor_release(&first);
    return status;
}
