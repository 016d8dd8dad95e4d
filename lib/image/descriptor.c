/* SPDX-License-Identifier: MIT
 * The plain descriptor `pixels`, which cosine compares if no embeddings are given. */
#include "image.h"

redux_status redux_image_descriptor(const redux_tensor *out, redux_context *context,
                                    const redux_tensor *image)
{
    const int64_t side[2] = {REDUX_DESCRIPTOR_SIDE, REDUX_DESCRIPTOR_SIDE};
    const int64_t count = side[0] * side[1];
    redux_tensor pixels, small;
    double mean = 0;
    RDX_TRY(rdx_tensor_check(image, 2, 0, "image"));
    RDX_TRY(rdx_tensor_check(out, 1, REDUX_FLOAT32, "out"));
    if (out->shape[0] != count || !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "descriptor: out is not a contiguous [%lld]",
                        (long long)count);
    RDX_TRY(redux_tensor_borrow(&small, out->data, REDUX_FLOAT32, 2, side, NULL));
    RDX_TRY(redux_tensor_contiguous(&pixels, context, image, REDUX_FLOAT32));
    redux_status status = redux_image_resize(&small, context, &pixels, REDUX_FILTER_AREA);
    redux_tensor_release(&pixels);
    if (status != REDUX_OK)
        return status;
    float *value = out->data;
    for (int64_t i = 0; i < count; i++)
        mean += (double)value[i];
    mean /= (double)count;
    for (int64_t i = 0; i < count; i++)
        value[i] = (float)((double)value[i] - mean);
    return REDUX_OK;
}
