/* SPDX-License-Identifier: MIT
 * Slices for viewing. Internal. */
#ifndef RDX_SELECT_PICTURE_H
#define RDX_SELECT_PICTURE_H

#include "select.h"

/* A new tensor with a resolved or automatic window applied. */
redux_status rdx_windowed(redux_tensor *out, redux_context *context, const redux_tensor *pixels,
                          const redux_volume_info *info, redux_window window);
/* A slice in axial orientation, windowed as in the reduction, as 8-bit grey. */
redux_status rdx_slice_picture(redux_tensor *out, redux_context *context,
                               const redux_reduction *reduction, const redux_volume *volume,
                               const redux_volume_info *info, int64_t slice);

enum { RDX_LETTER_WIDTH = 6, RDX_LETTER_HEIGHT = 13 };
/* Draws one line of text onto a picture, uint8 [H, W, 3], from its upper left corner on; letters
 * that would leave the picture are left out. Characters beyond ASCII are boxes. */
void rdx_draw_text(const redux_tensor *picture, int64_t top, int64_t left, const char *text,
                   const uint8_t colour[3]);
/* How many letters a text has when it is drawn. */
int64_t rdx_letters(const char *text);

#endif
