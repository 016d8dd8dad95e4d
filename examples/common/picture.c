/* SPDX-License-Identifier: MIT
 * Slices as small grey pictures. */
#include <math.h>
#include "page.h"

static redux_status to_bytes(redux_tensor *image, redux_context *context)
{
    redux_tensor bytes;
    if (image->dtype == REDUX_UINT8)
        return REDUX_OK;
    TRY(redux_tensor_new(&bytes, context, REDUX_UINT8, 2, image->shape));
    const float *values = image->data;
    for (int64_t i = 0; i < redux_tensor_elements(image); i++)
        ((uint8_t *)bytes.data)[i] = (uint8_t)lrintf(255 * values[i]);
    redux_tensor_release(image);
    *image = bytes;
    return REDUX_OK;
}

redux_status picture_show(redux_tensor *out, redux_context *context, const redux_tensor *pixels,
                          const redux_volume_info *info, redux_window window)
{
    const bool is_scan = info->is_scan != 0;
    window = redux_window_resolve(window, pixels->dtype, is_scan);
    if (window.kind == REDUX_WINDOW_FULL && pixels->dtype != REDUX_UINT8)
        window.kind = REDUX_WINDOW_SLICE;
    TRY(redux_tensor_new(out, context, redux_window_dtype(window), 2, pixels->shape));
    redux_status status =
        redux_window_apply(out, context, pixels, info->slope, info->intercept, window);
    if (status == REDUX_OK)
        status = to_bytes(out, context);
    if (status != REDUX_OK)
        redux_tensor_release(out);
    return status;
}

redux_status picture_shrink(redux_tensor *out, redux_context *context, const redux_tensor *image,
                            const redux_volume_info *info, int32_t side)
{
    double height = (double)image->shape[0], width = (double)image->shape[1];
    if (info->spacing[1] > 0 && info->spacing[2] > 0) {
        const double ratio = info->spacing[1] / info->spacing[2];
        if (ratio > 1)
            height *= ratio;
        else
            width /= ratio;
    }
    const double scale = fmin(side / fmax(height, width), 1);
    const int64_t shape[] = {(int64_t)fmax(1, rint(height * scale)),
                             (int64_t)fmax(1, rint(width * scale))};
    TRY(redux_tensor_new(out, context, REDUX_UINT8, 2, shape));
    return redux_image_resize(out, context, image, REDUX_FILTER_LINEAR);
}

redux_status picture_difference(redux_tensor *out, redux_context *context, const redux_tensor *a,
                                const redux_tensor *b)
{
    static const double up[] = {196, 84, 12}, down[] = {11, 96, 156};
    const int64_t shape[] = {a->shape[0], a->shape[1], 3};
    if (a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1])
        return REDUX_E_INVALID;
    TRY(redux_tensor_new(out, context, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
        const double change = ((const uint8_t *)b->data)[i] - ((const uint8_t *)a->data)[i];
        const double share = fmin(fabs(change) / 96, 1); /* a third of the range is full colour */
        for (int c = 0; c < 3; c++)
            ((uint8_t *)out->data)[3 * i + c] =
                (uint8_t)lrint(248 + share * ((change > 0 ? up : down)[c] - 248));
    }
    return REDUX_OK;
}
