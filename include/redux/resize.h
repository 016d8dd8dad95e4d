/* SPDX-License-Identifier: MIT */
/** @file
 * Resizing with antialiasing; the linear and Lanczos filters are bit-equal to Pillow's.
 *
 * @code
 * const int64_t large[2] = {100, 80}, small[2] = {32, 32};
 * redux_tensor in = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&in, context, REDUX_UINT8, 2, large);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&out, context, REDUX_UINT8, 2, small);
 * if (status == REDUX_OK)
 *     status = redux_image_resize(&out, context, &in, REDUX_FILTER_LINEAR);
 * redux_tensor_release(&out);
 * redux_tensor_release(&in);
 * return status;
 * @endcode
 *
 * Promised: the same bytes as Pillow for uint8, on every instruction set.
 *
 * Not promised: that Lanczos stays within the range of float32 input. It overshoots at edges.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_RESIZE_H
#define REDUX_RESIZE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** The filter that averages or interpolates pixels. */
typedef enum redux_filter {
    /** Area average: each input pixel counts by the part of it that the output pixel covers. */
    REDUX_FILTER_AREA = 0,
    REDUX_FILTER_LINEAR = 1, /**< triangle of support 1: Pillow's BILINEAR */
    REDUX_FILTER_LANCZOS = 2 /**< a = 3: Pillow's LANCZOS */
} redux_filter;

/** Resizes one image: along x first, then along y, the filter widened by the scale when shrinking
 *  (antialiasing); a pass that changes nothing is left out. The arithmetic is Pillow's (mode "L"
 *  for uint8: 22-bit fixed-point weights, each pass rounded and saturated; mode "F" for float32:
 *  double weights and sums, each pass rounded to float32). in: [h, w] uint8 or float32, any
 *  strides; out: [H, W], same dtype, C-contiguous, no overlap. No side may be 0 or over 2^24.
 *  Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_image_resize(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *in, redux_filter filter);

/** Side of the picture that redux_image_descriptor averages to. */
#define REDUX_DESCRIPTOR_SIDE 16

/** The plain descriptor `pixels`: the image area-averaged to 16 x 16 (REDUX_FILTER_AREA, in
 *  float32), its mean removed. A baseline where there are no embeddings, not a substitute for them.
 *  image: [H, W], any dtype; out: [256] float32, C-contiguous, no overlap. Errors: REDUX_E_INVALID,
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_image_descriptor(const redux_tensor *out, redux_context *context,
                                              const redux_tensor *image);

REDUX_END_DECLS
#endif
