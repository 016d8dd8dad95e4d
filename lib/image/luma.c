/* SPDX-License-Identifier: MIT
 * Luma of colour pictures, bit for bit as Pillow's convert("L"): ITU-R BT.601 weights in 16-bit
 * fixed point, rounded half up. */
#include <math.h>
#include "base/base.h"
#include <redux/window.h>

#define RED 19595
#define GREEN 38470
#define BLUE 7471 /* the three weights add up to 65536, so that white stays white */

/* Element (y, x, channel 0), and the steps to its neighbours in elements. */
typedef struct pixels {
    const void *data;
    int64_t start, column, channel;
} pixels;

/* NOLINTBEGIN(bugprone-macro-parentheses): TYPE is a type.
 * One row; the sums of 16-bit samples fit in 64 bits, and >> rounds negative ones down. */
#define INTEGER_ROW(NAME, TYPE)                                                                    \
    static void NAME(TYPE *out, int64_t width, const pixels *in)                                   \
    {                                                                                              \
        const TYPE *p = (const TYPE *)in->data + in->start;                                        \
        for (int64_t x = 0; x < width; x++, p += in->column)                                       \
            out[x] = (TYPE)((RED * (int64_t)p[0] + GREEN * (int64_t)p[in->channel] +               \
                             BLUE * (int64_t)p[2 * in->channel] + 0x8000) >>                       \
                            16);                                                                   \
    }

/* NOLINTEND(bugprone-macro-parentheses) */

INTEGER_ROW(row_u8, uint8_t)
INTEGER_ROW(row_i8, int8_t)
INTEGER_ROW(row_u16, uint16_t)
INTEGER_ROW(row_i16, int16_t)

/* Other dtypes: in double, a row at a time, stored by redux_tensor_copy's rules. */
static redux_status row_any(const redux_tensor *out, int64_t y, double *row, const pixels *in)
{
    const int64_t width = out->shape[1];
    redux_tensor to, from;
    for (int64_t x = 0; x < width; x++) {
        const int64_t at = in->start + x * in->column;
        row[x] = (RED * rdx_load(in->data, at, out->dtype) +
                  GREEN * rdx_load(in->data, at + in->channel, out->dtype) +
                  BLUE * rdx_load(in->data, at + 2 * in->channel, out->dtype)) /
                 65536;
    }
    RDX_TRY(redux_tensor_borrow(&from, row, REDUX_FLOAT64, 1, &width, NULL));
    RDX_TRY(redux_tensor_borrow(
        &to, (char *)out->data + y * width * (int64_t)redux_dtype_size(out->dtype), out->dtype, 1,
        &width, NULL));
    return redux_tensor_copy(&to, &from);
}

static redux_status rows(const redux_tensor *out, const redux_tensor *in, double *buffer)
{
    const int64_t width = out->shape[1];
    for (int64_t y = 0; y < out->shape[0]; y++) {
        const pixels line = {in->data, y * in->strides[0], in->strides[1], in->strides[2]};
        if (out->dtype == REDUX_UINT8)
            row_u8((uint8_t *)out->data + y * width, width, &line);
        else if (out->dtype == REDUX_INT8)
            row_i8((int8_t *)out->data + y * width, width, &line);
        else if (out->dtype == REDUX_UINT16)
            row_u16((uint16_t *)out->data + y * width, width, &line);
        else if (out->dtype == REDUX_INT16)
            row_i16((int16_t *)out->data + y * width, width, &line);
        else
            RDX_TRY(row_any(out, y, buffer, &line));
    }
    return REDUX_OK;
}

redux_status redux_image_luma(const redux_tensor *out, redux_context *context,
                              const redux_tensor *in)
{
    void *buffer;
    RDX_TRY(rdx_tensor_check(in, 3, 0, "in"));
    if (in->shape[2] != 3 && in->shape[2] != 4)
        return rdx_fail(REDUX_E_INVALID, "luma: a picture has 3 or 4 channels, not %lld",
                        (long long)in->shape[2]);
    if (in->dtype == REDUX_BOOL)
        return rdx_fail(REDUX_E_INVALID, "luma: a bool picture has no colours");
    RDX_TRY(rdx_tensor_check(out, 2, in->dtype, "out"));
    if (out->shape[0] != in->shape[0] || out->shape[1] != in->shape[1] ||
        !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "luma: out is not a contiguous %lld x %lld",
                        (long long)in->shape[0], (long long)in->shape[1]);
    if (redux_tensor_elements(out) == 0)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(context, &buffer, (uint64_t)in->shape[1], sizeof(double)));
    const redux_status status = rows(out, in, buffer);
    rdx_free(buffer);
    return status;
}
