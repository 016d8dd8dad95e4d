/* SPDX-License-Identifier: MIT
 * Structural similarity of each pixel.
 *
 * The images are continued by their mirror image, like scipy.ndimage's mode "reflect", so that
 * every pixel has a whole window. Products of mirrored pixels are mirrored products, so the map
 * equals scikit-image's up to the edge. */
#include <string.h>
#include "ssim.h"

/* The pixel at place i of a mirrored row of n. */
static int64_t mirrored(int64_t i, int64_t n)
{
    const int64_t period = 2 * n;
    i = (i % period + period) % period;
    return i < n ? i : period - 1 - i;
}

/* C-contiguous height x width pixels with `margin` more on each side. */
static void continue_image(uint8_t *out, const uint8_t *in, int64_t height, int64_t width,
                           int64_t margin, size_t size)
{
    const size_t across = (size_t)(width + 2 * margin) * size;
    for (int64_t y = -margin; y < height + margin; y++, out += across) {
        const uint8_t *row = in + (size_t)mirrored(y, height) * (size_t)width * size;
        memcpy(out + (size_t)margin * size, row, (size_t)width * size);
        for (int64_t x = -margin; x < width + margin; x = x == -1 ? width : x + 1)
            memcpy(out + (size_t)(x + margin) * size, row + (size_t)mirrored(x, width) * size,
                   size);
    }
}

/* The map of C-contiguous images into `map`, C-contiguous too. */
static redux_status map_images(float *map, redux_context *context, const void *a, const void *b,
                               const rdx_layout *layout, const redux_ssim_options *options)
{
    const int64_t margin = options->window == REDUX_SSIM_GAUSSIAN ? 5 : 3;
    const size_t size = redux_dtype_size(layout->dtype);
    rdx_layout wide = *layout;
    void *block;
    wide.height += 2 * margin;
    wide.width += 2 * margin;
    RDX_TRY(rdx_ssim_check_size(&wide));
    RDX_TRY(rdx_ssim_check_pixels(options->data_range, layout, a));
    RDX_TRY(rdx_ssim_check_pixels(options->data_range, layout, b));
    const rdx_ssim_plan plan = rdx_ssim_plan_of(options, &wide);
    const uint64_t bytes = ((uint64_t)wide.height * (uint64_t)wide.width * size + 63) / 64 * 64;
    RDX_TRY(rdx_alloc(context, &block, 2, bytes));
    uint8_t *one = block, *other = one + bytes;
    continue_image(one, a, layout->height, layout->width, margin, size);
    continue_image(other, b, layout->height, layout->width, margin, size);
    redux_status status = rdx_ssim_run_map(context, &plan, one, other, map);
    rdx_free(block);
    return status;
}

static redux_status check_out(const redux_tensor *out, const rdx_layout *layout)
{
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (out->shape[0] != layout->height || out->shape[1] != layout->width)
        return rdx_fail(REDUX_E_INVALID,
                        "redux_ssim_map: out is %lld x %lld, the images %lld x %lld",
                        (long long)out->shape[0], (long long)out->shape[1],
                        (long long)layout->height, (long long)layout->width);
    return REDUX_OK;
}

redux_status redux_ssim_map(redux_tensor *out, redux_context *context, const redux_tensor *a,
                            const redux_tensor *b, const redux_ssim_options *options)
{
    redux_ssim_options known;
    redux_tensor first, second, map;
    rdx_layout layout = {0};
    RDX_TRY(rdx_ssim_read_options(&known, options));
    RDX_TRY(rdx_ssim_check_images(a, b, &layout));
    RDX_TRY(check_out(out, &layout));
    RDX_TRY(redux_tensor_contiguous(&first, context, a, a->dtype));
    redux_status status = redux_tensor_contiguous(&second, context, b, b->dtype);
    if (status == REDUX_OK) {
        status = redux_tensor_new(&map, context, REDUX_FLOAT32, 2, out->shape);
        if (status == REDUX_OK) {
            status = map_images(map.data, context, first.data, second.data, &layout, &known);
            if (status == REDUX_OK)
                status = redux_tensor_copy(out, &map);
            redux_tensor_release(&map);
        }
        redux_tensor_release(&second);
    }
    redux_tensor_release(&first);
    return status;
}
