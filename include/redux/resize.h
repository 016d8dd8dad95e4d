/* SPDX-License-Identifier: MIT
 * Resizing with antialiasing; linear and Lanczos bit-equal to Pillow's. */
#ifndef REDUX_RESIZE_H
#define REDUX_RESIZE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

typedef enum redux_filter {
    /** Area average: each input pixel counts by the part of it that the output pixel covers. */
    REDUX_FILTER_AREA = 0,
    REDUX_FILTER_LINEAR = 1, /**< triangle of support 1: Pillow's BILINEAR */
    REDUX_FILTER_LANCZOS = 2 /**< a = 3: Pillow's LANCZOS */
} redux_filter;

/** Resizes one image: along x first, then along y, the filter widened by the scale when shrinking
 *  (antialiasing); a pass that changes nothing is left out. The arithmetic is Pillow's (mode "L"
 *  for uint8: 22-bit fixed-point weights, each pass rounded and clipped; mode "F" for float32:
 *  double weights and sums, each pass rounded to float32).
 *  in: [h, w] uint8 or float32, any strides; out: [H, W], same dtype, C-contiguous, no overlap; no
 *  side may be 0 or over 2^24. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_image_resize(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *in, redux_filter filter);

/** Side of the picture that redux_image_descriptor averages to. */
#define REDUX_DESCRIPTOR_SIDE 16

/** The plain descriptor `pixels`: the image area-averaged to 16 x 16 (REDUX_FILTER_AREA, in
 * float32), its mean removed. A stand-in for embeddings, not a substitute. image: [H, W], any
 * dtype; out: [256] float32, C-contiguous, no overlap. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY.
 * Since 0.1. */
REDUX_API redux_status redux_image_descriptor(const redux_tensor *out, redux_context *context,
                                              const redux_tensor *image);

REDUX_END_DECLS
#endif
