/* SPDX-License-Identifier: MIT */
/** @file
 * Pictures: PNG (libpng), JPEG (libjpeg-turbo), WebP (libwebp) and TIFF (libtiff) into tensors, and
 * PNG out. A build may lack libwebp or libtiff: redux_format_name lists what it reads.
 *
 * @code
 * const int64_t shape[2] = {16, 16};
 * redux_tensor picture = REDUX_TENSOR_INIT, again = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&picture, context, REDUX_UINT8, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_picture_write_png("black.png", context, &picture);
 * if (status == REDUX_OK)
 *     status = redux_picture_read(&again, context, "black.png");
 * redux_tensor_release(&again);
 * redux_tensor_release(&picture);
 * return status;
 * @endcode
 *
 * Promised: the format is recognised by the content, not by the name. The same picture gives the
 * same PNG bytes with the same libpng and zlib.
 *
 * Not promised: colour management. Gamma, colour profiles and EXIF orientation are not applied.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_PICTURE_H
#define REDUX_PICTURE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Reads a picture as grey: out is [H, W], uint8 or, for 16-bit PNG, uint16; for TIFF its own type.
 *  The caller releases it.
 *  - PNG: 1-, 2-, 4-bit grey are spread over 0 ... 255, palettes resolved, colour becomes luma
 *    (redux_image_luma); alpha and gamma are ignored.
 *  - JPEG: grey, YCbCr/RGB, and CMYK as Pillow converts it.
 *  - WebP: lossy and lossless, as libwebp decodes them; not animated.
 *  - TIFF: one page of whole numbers of 8 to 64 bits or floats, upright as its orientation says;
 *    where 0 is white, values are turned round. A file of several pages is a volume, not a picture.
 *
 *  Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (a
 *  format or form that is not read), REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_picture_read(redux_tensor *out, redux_context *context,
                                          const char *path);

/** Reads a picture in colour: [H, W, 3], or [H, W] if it is grey. Otherwise as redux_picture_read.
 */
REDUX_API redux_status redux_picture_read_colour(redux_tensor *out, redux_context *context,
                                                 const char *path);

/** Reads a picture with the alpha channel of a file that has one: [H, W, 4], or [H, W, 2] if it is
 *  grey; otherwise as redux_picture_read_colour. Transparent colours of a palette are not alpha. */
REDUX_API redux_status redux_picture_read_alpha(redux_tensor *out, redux_context *context,
                                                const char *path);

/** Writes a PNG, whole or not at all: [H, W] uint8 or uint16 as grey, [H, W, 3] uint8 as RGB.
 *  Errors: REDUX_E_INVALID, REDUX_E_IO, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_picture_write_png(const char *path, redux_context *context,
                                               const redux_tensor *picture);

REDUX_END_DECLS
#endif
