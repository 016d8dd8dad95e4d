/* SPDX-License-Identifier: MIT
 * Resizing with antialiasing, bit-equal to Pillow's Image.resize. */
#ifndef REDUX_RESIZE_H
#define REDUX_RESIZE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

typedef enum redux_filter {
    REDUX_FILTER_BOX = 0,    /**< area average; support 0.5 */
    REDUX_FILTER_LINEAR = 1, /**< triangle; support 1 */
    REDUX_FILTER_LANCZOS = 2 /**< a = 3; support 3 */
} redux_filter;

/** Resizes one image: rows first, then columns, the filter widened by the scale when shrinking
 *  (antialiasing), as Pillow's Image.resize does (mode "L" for uint8: 22-bit fixed-point weights,
 *  each pass rounded and clipped; mode "F" for float32: double weights and sums, each pass rounded
 *  to float32).
 *  in: [h, w] uint8 or float32, any strides; out: [H, W], same dtype, C-contiguous, no overlap; no
 *  side may be 0 or over 2^24. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_image_resize(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *in, redux_filter filter);

REDUX_END_DECLS
#endif
