/* SPDX-License-Identifier: MIT
 * Hashing one image after the other: pixels in the form that a method needs, code, quality. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "hash.h"

#define QUALITY_SCALE 90 /* PDQ's divisor */
#define FLAT_SPAN 2.55F  /* 1/100 of the grey range */
#define PDQ_SIDE RDX_PDQ_SIDE

redux_status rdx_hasher_init(rdx_hasher *hasher, redux_context *context,
                             const redux_hash_options *options)
{
    memset(hasher, 0, sizeof *hasher);
    hasher->options = (redux_hash_options)REDUX_HASH_OPTIONS_INIT;
    hasher->context = context;
    RDX_TRY(
        rdx_read_options(&hasher->options, sizeof hasher->options, options, "redux_hash_options"));
    RDX_TRY(rdx_hash_resolve(&hasher->options, &hasher->method));
    hasher->bits = rdx_hash_method_bits(hasher->method, hasher->options.size);
    hasher->bytes = (hasher->bits + 7) / 8;
    return REDUX_OK;
}

void rdx_hasher_clear(rdx_hasher *hasher)
{
    if (hasher->resizer.buffer != NULL)
        rdx_resizer_clear(&hasher->resizer);
    for (int i = 0; i < RDX_BUFFERS; i++) {
        rdx_free(hasher->buffer[i]);
        hasher->buffer[i] = NULL;
        hasher->buffer_bytes[i] = 0;
    }
    rdx_free(hasher->table);
    hasher->table = NULL;
}

redux_status rdx_hasher_buffer(rdx_hasher *hasher, void **out, int which, uint64_t count,
                               uint64_t size)
{
    if (hasher->buffer[which] == NULL || count > hasher->buffer_bytes[which] / size) {
        rdx_free(hasher->buffer[which]);
        hasher->buffer_bytes[which] = 0;
        RDX_TRY(rdx_alloc(hasher->context, &hasher->buffer[which], count, size));
        hasher->buffer_bytes[which] = count * size;
    }
    *out = hasher->buffer[which];
    return REDUX_OK;
}

/* ---- resizing ---- */

static redux_status resize(rdx_hasher *hasher, void *out, const rdx_pixels *in, int64_t height,
                           int64_t width, redux_filter filter)
{
    rdx_resizer *resizer = &hasher->resizer;
    if (!rdx_resizer_fits(resizer, in->dtype, in->height, in->width, height, width, filter)) {
        if (resizer->buffer != NULL)
            rdx_resizer_clear(resizer);
        RDX_TRY(rdx_resizer_init(resizer, hasher->context, in->dtype, in->height, in->width, height,
                                 width, filter));
    }
    rdx_resizer_run(resizer, out, in->data, in->width);
    return REDUX_OK;
}

/* One channel of 8-bit pixels, by itself. */
static redux_status plane_of(rdx_hasher *hasher, rdx_pixels *plane, const rdx_pixels *in,
                             int channel)
{
    const int64_t count = in->height * in->width;
    const uint8_t *from = in->data;
    void *block;
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_PLANE, (uint64_t)count, 1));
    uint8_t *to = block;
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i * in->channels + channel];
    *plane = *in;
    plane->data = to;
    plane->channels = 1;
    return REDUX_OK;
}

/* The channels resized each, then luma, in place of the first of the three planes. */
static redux_status resize_colours(rdx_hasher *hasher, uint8_t *out, const rdx_pixels *in,
                                   int64_t height, int64_t width, redux_filter filter)
{
    const int64_t shape[3] = {height, width, 3}, strides[3] = {width, 1, height * width};
    redux_tensor colours, luma;
    for (int channel = 0; channel < 3; channel++) {
        rdx_pixels plane;
        RDX_TRY(plane_of(hasher, &plane, in, channel));
        RDX_TRY(resize(hasher, out + channel * height * width, &plane, height, width, filter));
    }
    RDX_TRY(redux_tensor_borrow(&colours, out, REDUX_UINT8, 3, shape, strides));
    RDX_TRY(redux_tensor_borrow(&luma, out, REDUX_UINT8, 2, shape, NULL));
    return redux_image_luma(&luma, hasher->context, &colours);
}

redux_status rdx_hasher_resize(rdx_hasher *hasher, const void **out, const rdx_pixels *in,
                               int64_t height, int64_t width, redux_filter filter)
{
    const uint64_t planes = in->channels >= 3 ? 3 : 1;
    rdx_pixels grey = *in;
    void *block;
    *out = in->data;
    if (in->channels == 1 && in->height == height && in->width == width)
        return REDUX_OK;
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_RESIZED, planes * (uint64_t)(height * width),
                              redux_dtype_size(in->dtype)));
    *out = block;
    if (planes == 3)
        return resize_colours(hasher, block, in, height, width, filter);
    if (in->channels == 2)
        RDX_TRY(plane_of(hasher, &grey, in, 0));
    return resize(hasher, block, &grey, height, width, filter);
}

redux_status rdx_hasher_values(rdx_hasher *hasher, double **out, const rdx_pixels *in,
                               int64_t height, int64_t width, redux_filter filter)
{
    const int64_t count = height * width;
    const void *small;
    void *block;
    RDX_TRY(rdx_hasher_resize(hasher, &small, in, height, width, filter));
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_VALUES, (uint64_t)count, sizeof(double)));
    double *value = block;
    if (in->dtype == REDUX_UINT8)
        for (int64_t i = 0; i < count; i++)
            value[i] = ((const uint8_t *)small)[i];
    else
        for (int64_t i = 0; i < count; i++)
            value[i] = (double)((const float *)small)[i];
    *out = value;
    return REDUX_OK;
}

/* Hoare's FIND: exchanges values on the wrong side of a pivot, then looks again at the part that
 * holds n. The pivots stop both scans, NaN or not. */
double rdx_hash_nth(double *values, int64_t count, int64_t n)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        const double pivot = values[n];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i > j)
                break;
            const double value = values[i];
            values[i++] = values[j];
            values[j--] = value;
        }
        if (j < n)
            low = i;
        if (n < i)
            high = j;
    }
    return values[n];
}

double rdx_hash_median(double *values, int64_t count)
{
    const int64_t middle = count / 2;
    const double upper = rdx_hash_nth(values, count, middle);
    if (count % 2 != 0)
        return upper;
    double lower = values[0];
    for (int64_t i = 1; i < middle; i++)
        lower = fmax(lower, values[i]);
    return (lower + upper) / 2;
}

/* ---- quality ---- */

void rdx_hash_judge(redux_hash_info *info, const float *luma)
{
    float low = luma[0], high = luma[0];
    int32_t sum = 0;
    for (int y = 0; y < PDQ_SIDE; y++)
        for (int x = 0; x < PDQ_SIDE; x++) {
            const float u = luma[y * PDQ_SIDE + x];
            if (y + 1 < PDQ_SIDE)
                sum += abs((int)((u - luma[(y + 1) * PDQ_SIDE + x]) * 100 / 255));
            if (x + 1 < PDQ_SIDE)
                sum += abs((int)((u - luma[y * PDQ_SIDE + x + 1]) * 100 / 255));
            low = RDX_MIN(low, u);
            high = RDX_MAX(high, u);
        }
    info->quality = RDX_MIN(100, sum / QUALITY_SCALE);
    if (high - low < FLAT_SPAN)
        info->flags |= REDUX_HASH_FLAT;
}

/* Cell i of 64 covers these whole pixels of `length`: at least one. */
static int64_t cell_start(int64_t i, int64_t length)
{
    return i * length / PDQ_SIDE;
}

static int64_t cell_end(int64_t i, int64_t length)
{
    return RDX_MAX(cell_start(i + 1, length), cell_start(i, length) + 1);
}

/* Rows first ... last - 1, added up column by column: 16-bit sums, which hold 257 rows of bytes. */
#define MOST_ROWS 257

static void add_bytes(uint64_t *cell, uint16_t *sum, const rdx_pixels *in, int64_t first,
                      int64_t last)
{
    memset(sum, 0, (size_t)in->width * sizeof *sum);
    for (int64_t y = first; y < last; y++) {
        const uint8_t *row = (const uint8_t *)in->data + y * in->width;
        for (int64_t x = 0; x < in->width; x++)
            sum[x] = (uint16_t)(sum[x] + row[x]);
    }
    for (int64_t i = 0; i < PDQ_SIDE; i++)
        for (int64_t x = cell_start(i, in->width); x < cell_end(i, in->width); x++)
            cell[i] += sum[x];
}

static void mean_bytes(float *out, uint16_t *sum, const rdx_pixels *in, int64_t first, int64_t last)
{
    uint64_t cell[PDQ_SIDE] = {0};
    for (int64_t y = first; y < last; y += MOST_ROWS)
        add_bytes(cell, sum, in, y, RDX_MIN(last, y + MOST_ROWS));
    for (int64_t i = 0; i < PDQ_SIDE; i++) {
        const int64_t columns = cell_end(i, in->width) - cell_start(i, in->width);
        out[i] = (float)((double)cell[i] / (double)(columns * (last - first)));
    }
}

static void mean_floats(float *out, float *sum, const rdx_pixels *in, int64_t first, int64_t last)
{
    memset(sum, 0, (size_t)in->width * sizeof *sum);
    for (int64_t y = first; y < last; y++) {
        const float *row = (const float *)in->data + y * in->width;
        for (int64_t x = 0; x < in->width; x++)
            sum[x] += row[x];
    }
    for (int64_t i = 0; i < PDQ_SIDE; i++) {
        const int64_t start = cell_start(i, in->width), end = cell_end(i, in->width);
        double cell = 0;
        for (int64_t x = start; x < end; x++)
            cell += (double)sum[x];
        out[i] = (float)(cell * 255 / (double)((end - start) * (last - first)));
    }
}

/* Runs on every slice of a reduction, so it takes little more than one pass over the pixels. */
static redux_status judge(rdx_hasher *hasher, redux_hash_info *info, const rdx_pixels *grey)
{
    float luma[PDQ_SIDE * PDQ_SIDE];
    void *sum;
    RDX_TRY(rdx_hasher_buffer(hasher, &sum, RDX_WORK, (uint64_t)grey->width, sizeof(float)));
    for (int64_t i = 0; i < PDQ_SIDE; i++) {
        const int64_t first = cell_start(i, grey->height), last = cell_end(i, grey->height);
        if (grey->dtype == REDUX_UINT8)
            mean_bytes(luma + i * PDQ_SIDE, sum, grey, first, last);
        else
            mean_floats(luma + i * PDQ_SIDE, sum, grey, first, last);
    }
    rdx_hash_judge(info, luma);
    return REDUX_OK;
}

/* ---- pixels ---- */

/* Grey of any picture: luma, or the first channel. A view where it is that already. */
static redux_status grey_of(redux_tensor *out, redux_context *context, const redux_tensor *image)
{
    redux_tensor channel;
    if (image->ndim == 2)
        return redux_tensor_contiguous(out, context, image, image->dtype);
    if (image->shape[2] <= 2) {
        RDX_TRY(redux_tensor_select(&channel, image, 2, 0));
        const redux_status status = redux_tensor_contiguous(out, context, &channel, image->dtype);
        redux_tensor_release(&channel);
        return status;
    }
    RDX_TRY(redux_tensor_new(out, context, image->dtype, 2, image->shape));
    const redux_status status = redux_image_luma(out, context, image);
    if (status != REDUX_OK)
        redux_tensor_release(out);
    return status;
}

/* Floats in 0 ... 1 to the nearest of 256 greys, half to even. */
static redux_status to_bytes(redux_tensor *tensor, redux_context *context)
{
    redux_tensor bytes;
    RDX_TRY(redux_tensor_new(&bytes, context, REDUX_UINT8, tensor->ndim, tensor->shape));
    const int64_t count = redux_tensor_elements(tensor);
    for (int64_t i = 0; i < count; i++) {
        const double value = (double)((const float *)tensor->data)[i] * 255;
        ((uint8_t *)bytes.data)[i] = !(value > 0)  ? 0
                                     : value > 255 ? 255
                                                   : (uint8_t)((value + 0x1p52) - 0x1p52);
    }
    redux_tensor_release(tensor);
    *tensor = bytes;
    return REDUX_OK;
}

/* The input of the method, and grey for the quality (the same where the input is grey). */
static redux_status prepare(const rdx_hasher *hasher, redux_tensor *out, const redux_tensor *image)
{
    redux_status status;
    if (hasher->method->colour)
        status = redux_tensor_contiguous(out, hasher->context, image, image->dtype);
    else
        status = grey_of(out, hasher->context, image);
    if (status == REDUX_OK && out->dtype == REDUX_FLOAT32) {
        status = rdx_check_unit_range(out->data, redux_tensor_elements(out), "hash",
                                      "window it first, or use profile hu with a window");
        if (status == REDUX_OK && hasher->method->eight_bit)
            status = to_bytes(out, hasher->context);
        if (status != REDUX_OK)
            redux_tensor_release(out);
    }
    return status;
}

static redux_status check_image(const rdx_hasher *hasher, const redux_tensor *image)
{
    if (image->ndim != 2 && (image->ndim != 3 || image->shape[2] < 1 || image->shape[2] > 4))
        return rdx_fail(REDUX_E_INVALID, "hash: a picture is [H, W] or [H, W, 1 ... 4]");
    if (image->shape[0] < 1 || image->shape[1] < 1)
        return rdx_fail(REDUX_E_INVALID, "hash: the picture is empty");
    if (image->dtype != REDUX_FLOAT32 && hasher->options.profile == REDUX_PROFILE_HU)
        return rdx_fail(REDUX_E_INVALID,
                        "hash: profile hu needs a window of HU, a named one or LO:HI");
    if (image->dtype != REDUX_UINT8 && (image->dtype != REDUX_FLOAT32 || image->ndim != 2))
        return rdx_fail(REDUX_E_INVALID, "hash: the image is %s, not uint8 or float32",
                        redux_dtype_name(image->dtype));
    return REDUX_OK;
}

static rdx_pixels pixels_of(const redux_tensor *tensor)
{
    const rdx_pixels pixels = {tensor->data, tensor->dtype, tensor->shape[0], tensor->shape[1],
                               tensor->ndim == 2 ? 1 : (int)tensor->shape[2]};
    return pixels;
}

static redux_status judge_image(rdx_hasher *hasher, redux_hash_info *info,
                                const redux_tensor *image)
{
    redux_tensor grey;
    RDX_TRY(grey_of(&grey, hasher->context, image));
    const rdx_pixels pixels = pixels_of(&grey);
    const redux_status status = judge(hasher, info, &pixels);
    redux_tensor_release(&grey);
    return status;
}

redux_status rdx_hasher_run_info(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const redux_tensor *image)
{
    redux_tensor rows;
    RDX_TRY(check_image(hasher, image));
    RDX_TRY(prepare(hasher, &rows, image));
    const rdx_pixels pixels = pixels_of(&rows);
    memset(code, 0, (size_t)hasher->bytes);
    if (info != NULL)
        *info = (redux_hash_info){0, 0};
    redux_status status = hasher->method->run(hasher, code, info, &pixels);
    redux_tensor_release(&rows);
    if (status == REDUX_OK && info != NULL && !hasher->method->has_info)
        status = judge_image(hasher, info, image);
    return status;
}

redux_status rdx_hasher_run(rdx_hasher *hasher, uint8_t *code, const redux_tensor *image)
{
    return rdx_hasher_run_info(hasher, code, NULL, image);
}
