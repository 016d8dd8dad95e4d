/* SPDX-License-Identifier: MIT
 * Separable resampling in Pillow's arithmetic (defined in lib/image/README.md). */
#include <math.h>
#include <string.h>
#include "image.h"
#include "kernels/kernels.h"

#define FIXED_BITS 22
#define MAX_SIDE (1 << 24)

static const double pi = 3.14159265358979323846;

static double sinc(double x)
{
    return x == 0 ? 1 : sin(x * pi) / (x * pi);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static double triangle(double x)
{
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

/* The weights of output `i`, not yet normalised; returns the index of the first input. */
static int32_t area_taps(const rdx_pass *pass, int64_t i, double *weight, int32_t *count)
{
    const double scale = (double)pass->in / (double)pass->out;
    const double from = (double)i * scale, to = (double)(i + 1) * scale;
    const int64_t first = RDX_MIN((int64_t)from, pass->in - 1);
    const int64_t last = RDX_MIN((int64_t)ceil(to), pass->in);
    for (int64_t x = first; x < last; x++)
        weight[x - first] = fmax(0, fmin(to, (double)(x + 1)) - fmax(from, (double)x));
    *count = (int32_t)(last - first);
    return (int32_t)first;
}

static int32_t filter_taps(const rdx_pass *pass, int64_t i, redux_filter filter, double *weight,
                           int32_t *count)
{
    const double scale = (double)pass->in / (double)pass->out, widen = fmax(scale, 1);
    const double support = (filter == REDUX_FILTER_LANCZOS ? 3.0 : 1.0) * widen;
    const double centre = ((double)i + 0.5) * scale, narrow = 1.0 / widen;
    const int64_t first = RDX_MAX((int64_t)(centre - support + 0.5), 0);
    const int64_t last = RDX_MIN((int64_t)(centre + support + 0.5), pass->in);
    for (int64_t x = first; x < last; x++) {
        const double at = ((double)x - centre + 0.5) * narrow;
        weight[x - first] = filter == REDUX_FILTER_LANCZOS ? lanczos(at) : triangle(at);
    }
    *count = (int32_t)(last - first);
    return (int32_t)first;
}

static void pass_taps(rdx_pass *pass, redux_filter filter)
{
    for (int64_t i = 0; i < pass->out; i++) {
        double *weight = pass->weight + i * pass->taps, sum = 0;
        int32_t *fixed = pass->fixed + i * pass->taps;
        pass->first[i] = filter == REDUX_FILTER_AREA
                             ? area_taps(pass, i, weight, &pass->count[i])
                             : filter_taps(pass, i, filter, weight, &pass->count[i]);
        for (int32_t k = 0; k < pass->count[i]; k++)
            sum += weight[k];
        for (int32_t k = 0; k < pass->count[i]; k++) {
            if (sum != 0)
                weight[k] /= sum;
            fixed[k] = (int32_t)(weight[k] * (1 << FIXED_BITS) + (weight[k] < 0 ? -0.5 : 0.5));
        }
        if (pass->words != NULL)
            rdx_kernels_get()->resize_pack(pass->words + i * pass->stride, fixed, pass->first[i],
                                           pass->count[i], pass->taps);
    }
}

static redux_status pass_init(rdx_pass *pass, redux_context *context, int64_t in, int64_t out,
                              redux_filter filter, bool packed)
{
    const double scale = (double)in / (double)out;
    const double support = (filter == REDUX_FILTER_LANCZOS ? 3.0 : 1.0) * fmax(scale, 1);
    void *block;
    pass->in = in;
    pass->out = out;
    if (in == out)
        return REDUX_OK;
    const int64_t taps = RDX_MIN((int64_t)ceil(support) * 2 + 1, in + 1);
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)(out * taps), sizeof(double)));
    pass->weight = block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)(out * taps), sizeof(int32_t)));
    pass->fixed = block;
    if (packed) {
        pass->stride = rdx_kernels_get()->resize_words(taps);
        RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)(out * pass->stride), sizeof(int32_t)));
        pass->words = block;
    }
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)out, sizeof(int32_t)));
    pass->first = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)out, sizeof(int32_t)));
    pass->count = block;
    pass->taps = taps;
    pass_taps(pass, filter);
    return REDUX_OK;
}

static void pass_clear(rdx_pass *pass)
{
    rdx_free(pass->weight);
    rdx_free(pass->fixed);
    rdx_free(pass->words);
    rdx_free(pass->first);
    rdx_free(pass->count);
}

redux_status rdx_resizer_init(rdx_resizer *resizer, redux_context *context, redux_dtype dtype,
                              int64_t in_height, int64_t in_width, int64_t out_height,
                              int64_t out_width, redux_filter filter)
{
    redux_status status;
    memset(resizer, 0, sizeof *resizer);
    if (RDX_MIN(RDX_MIN(in_height, in_width), RDX_MIN(out_height, out_width)) < 1 ||
        RDX_MAX(RDX_MAX(in_height, in_width), RDX_MAX(out_height, out_width)) > MAX_SIDE)
        return rdx_fail(REDUX_E_INVALID, "resize: %lld x %lld to %lld x %lld", (long long)in_height,
                        (long long)in_width, (long long)out_height, (long long)out_width);
    resizer->context = context;
    resizer->dtype = dtype;
    resizer->filter = filter;
    status =
        pass_init(&resizer->columns, context, in_width, out_width, filter, dtype == REDUX_UINT8);
    if (status == REDUX_OK)
        status =
            pass_init(&resizer->rows, context, in_height, out_height, filter, dtype == REDUX_UINT8);
    if (status == REDUX_OK)
        status = rdx_alloc(context, &resizer->buffer, (uint64_t)(in_height * out_width),
                           redux_dtype_size(dtype));
    if (status == REDUX_OK && dtype == REDUX_UINT8) {
        void *block;
        status =
            rdx_alloc(context, &block,
                      (uint64_t)rdx_kernels_get()->resize_scratch(RDX_MAX(in_width, in_height)),
                      sizeof(int32_t));
        resizer->scratch = block;
    }
    if (status != REDUX_OK)
        rdx_resizer_clear(resizer);
    return status;
}

bool rdx_resizer_fits(const rdx_resizer *resizer, redux_dtype dtype, int64_t in_height,
                      int64_t in_width, int64_t out_height, int64_t out_width, redux_filter filter)
{
    return resizer->buffer != NULL && resizer->dtype == dtype && resizer->filter == filter &&
           resizer->rows.in == in_height && resizer->columns.in == in_width &&
           resizer->rows.out == out_height && resizer->columns.out == out_width;
}

void rdx_resizer_clear(rdx_resizer *resizer)
{
    pass_clear(&resizer->columns);
    pass_clear(&resizer->rows);
    rdx_free(resizer->buffer);
    rdx_free(resizer->scratch);
    memset(resizer, 0, sizeof *resizer);
}

static rdx_resize_taps taps_of(const rdx_pass *pass)
{
    const rdx_resize_taps taps = {pass->in,    pass->out,   pass->stride,
                                  pass->first, pass->count, pass->words};
    return taps;
}

/* Resizes both axes. Between the passes the picture is transposed, so that the second is like the
 * first. */
static void run_uint8(const rdx_resizer *resizer, uint8_t *out, const uint8_t *in, int64_t stride)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const rdx_pass *columns = &resizer->columns, *rows = &resizer->rows;
    const rdx_resize_taps across = taps_of(columns), down = taps_of(rows);
    uint8_t *turned = resizer->buffer;
    if (columns->taps > 0 && rows->taps > 0) {
        kernels->resize_rows_u8(turned, rows->in, 1, in, stride, rows->in, &across,
                                resizer->scratch);
        kernels->resize_rows_u8(out, columns->out, 1, turned, rows->in, columns->out, &down,
                                resizer->scratch);
    } else if (columns->taps > 0) {
        kernels->resize_rows_u8(out, 1, columns->out, in, stride, rows->in, &across,
                                resizer->scratch);
    } else {
        for (int64_t y = 0; y < rows->out; y++)
            if (rows->taps > 0)
                kernels->resize_column_u8(out + y * columns->out, in + rows->first[y] * stride,
                                          stride, columns->out, rows->count[y],
                                          rows->fixed + y * rows->taps);
            else
                memcpy(out + y * columns->in, in + y * stride, (size_t)columns->in);
    }
}

static void run_float32(const rdx_resizer *resizer, float *out, const float *in, int64_t stride)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const rdx_pass *columns = &resizer->columns, *rows = &resizer->rows;
    float *between = rows->taps > 0 ? resizer->buffer : out;
    if (columns->taps > 0) {
        for (int64_t y = 0; y < rows->in; y++)
            kernels->resize_row_f32(between + y * columns->out, in + y * stride, columns->out,
                                    columns->first, columns->count, columns->weight, columns->taps);
        in = between;
        stride = columns->out;
    }
    for (int64_t y = 0; rows->taps > 0 && y < rows->out; y++)
        kernels->resize_column_f32(out + y * columns->out, in + rows->first[y] * stride, stride,
                                   columns->out, rows->count[y], rows->weight + y * rows->taps);
    if (columns->taps == 0 && rows->taps == 0)
        for (int64_t y = 0; y < rows->in; y++)
            memcpy(out + y * columns->in, in + y * stride, (size_t)columns->in * sizeof(float));
}

void rdx_resizer_run(const rdx_resizer *resizer, void *out, const void *in, int64_t stride)
{
    if (resizer->dtype == REDUX_UINT8)
        run_uint8(resizer, out, in, stride);
    else
        run_float32(resizer, out, in, stride);
}

redux_status redux_image_resize(const redux_tensor *out, redux_context *context,
                                const redux_tensor *in, redux_filter filter)
{
    rdx_resizer resizer;
    redux_tensor rows;
    RDX_TRY(rdx_tensor_check(in, 2, 0, "in"));
    RDX_TRY(rdx_tensor_check(out, 2, in->dtype, "out"));
    if (in->dtype != REDUX_UINT8 && in->dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "resize: in is %s, not uint8 or float32",
                        redux_dtype_name(in->dtype));
    if (!redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "resize: out is not C-contiguous");
    if (filter < REDUX_FILTER_AREA || filter > REDUX_FILTER_LANCZOS)
        return rdx_fail(REDUX_E_INVALID, "resize: unknown filter %d", (int)filter);
    RDX_TRY(rdx_resizer_init(&resizer, context, in->dtype, in->shape[0], in->shape[1],
                             out->shape[0], out->shape[1], filter));
    redux_status status = redux_tensor_contiguous(&rows, context, in, in->dtype);
    if (status == REDUX_OK) {
        rdx_resizer_run(&resizer, out->data, rows.data, rows.shape[1]);
        redux_tensor_release(&rows);
    }
    rdx_resizer_clear(&resizer);
    return status;
}
