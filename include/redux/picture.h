/* SPDX-License-Identifier: MIT
 * Pictures: PNG (libpng) and JPEG (libjpeg-turbo) into grey tensors, and PNG out. */
#ifndef REDUX_PICTURE_H
#define REDUX_PICTURE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Reads a picture as grey: out is [H, W], uint8 or, for 16-bit PNG, uint16. The format is told by
 *  the content, not the name. PNG: 1-, 2-, 4-bit grey are spread over 0 ... 255, palettes resolved,
 *  colour becomes luma (redux_image_luma), alpha and gamma are ignored. JPEG: grey, YCbCr/RGB, and
 *  CMYK as Pillow converts it; EXIF orientation is not applied. The caller owns *out. Errors:
 *  REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (neither PNG nor JPEG),
 *  REDUX_E_LIMIT, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_picture_read(redux_tensor *out, redux_context *context,
                                          const char *path);

/** The same in colour: [H, W, 3], or [H, W] where the picture is grey. Since 0.1. */
REDUX_API redux_status redux_picture_read_colour(redux_tensor *out, redux_context *context,
                                                 const char *path);

/** The same with the alpha channel of a PNG that has one: [H, W, 4], or [H, W, 2] where it is grey;
 *  else as redux_picture_read_colour. Transparent colours of a palette count for nothing. Since
 * 0.1.
 */
REDUX_API redux_status redux_picture_read_alpha(redux_tensor *out, redux_context *context,
                                                const char *path);

/** Writes a PNG, whole or not at all: [H, W] uint8 or uint16 as grey, [H, W, 3] uint8 as RGB. Same
 *  input, same bytes. Errors: REDUX_E_INVALID, REDUX_E_IO, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_picture_write_png(const char *path, redux_context *context,
                                               const redux_tensor *picture);

REDUX_END_DECLS
#endif
