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

#endif
