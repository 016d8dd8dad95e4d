/* SPDX-License-Identifier: MIT
 * Slices for viewing: windowed, 8-bit, in axial orientation. */
#include "picture.h"
#include "io/io.h"

redux_status rdx_windowed(redux_tensor *out, redux_context *context, const redux_tensor *pixels,
                          const redux_volume_info *info, redux_window window)
{
    window = redux_window_resolve(window, pixels->dtype, info->is_scan);
    RDX_TRY(redux_tensor_new(out, context, redux_window_dtype(window), 2, pixels->shape));
    redux_status status =
        redux_window_apply(out, context, pixels, info->slope, info->intercept, window);
    if (status != REDUX_OK)
        redux_tensor_release(out);
    return status;
}

redux_status rdx_slice_picture(redux_tensor *out, redux_context *context,
                               const redux_reduction *reduction, const redux_volume *volume,
                               const redux_volume_info *info, int64_t slice)
{
    redux_tensor pixels, windowed;
    RDX_TRY(redux_volume_slice_oriented(&pixels, context, volume, slice, REDUX_ORIENTATION_AXIAL));
    redux_status status =
        rdx_windowed(&windowed, context, &pixels, info, reduction->options.window);
    redux_tensor_release(&pixels);
    if (status != REDUX_OK || windowed.dtype == REDUX_UINT8) {
        if (status == REDUX_OK)
            *out = windowed;
        return status;
    }
    for (int64_t i = 0; i < redux_tensor_elements(&windowed); i++)
        ((float *)windowed.data)[i] *= 255;
    status = redux_tensor_contiguous(out, context, &windowed, REDUX_UINT8);
    redux_tensor_release(&windowed);
    return status;
}
