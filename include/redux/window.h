/* SPDX-License-Identifier: MIT
 * Intensity windows: from voxel values to the grey values that the metrics compare. */
#ifndef REDUX_WINDOW_H
#define REDUX_WINDOW_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

typedef enum redux_window_kind {
    /** `slice` for volumes and for data that are not 8-bit, `full` for 8-bit pictures and arrays.
     */
    REDUX_WINDOW_AUTO = 0,
    /** The paper's (section 3.1): rint((x - min) / (max - min + 1e-5) * 255) over the slice's own
     *  finite values, in double, half to even, uint8. A constant slice is 0. */
    REDUX_WINDOW_SLICE = 1,
    /** 8-bit data as they are; other data are REDUX_E_UNSUPPORTED, never clipped. */
    REDUX_WINDOW_FULL = 2,
    /** (x - low) / (high - low), kept within [0, 1], float32. */
    REDUX_WINDOW_RANGE = 3
} redux_window_kind;

/** A window; low and high are in the units of the scaled values (HU for CT) and count for
 *  REDUX_WINDOW_RANGE only. */
typedef struct redux_window {
    redux_window_kind kind;
    double low, high;
} redux_window;

/** Reads "slice", "full", "auto", "LO:HI" or a named HU window: "lung" -1350:150, "mediastinum"
 *  -125:225, "abdomen" -150:250, "bone" -500:1300, "brain" 0:80. Errors: REDUX_E_INVALID (unknown
 *  name, LO not below HI, not finite). Any thread. Since 0.1. */
REDUX_API redux_status redux_window_parse(redux_window *out, const char *text);

/** Room for the text of any window, with its end. */
#define REDUX_WINDOW_TEXT 72

/** Writes a window as redux_window_parse reads it: "auto", "slice", "full" or "LO:HI" with the
 *  fewest digits that read back as the same numbers; a named HU window is written by its numbers.
 *  `text` has room for REDUX_WINDOW_TEXT bytes. low and high are not looked at for other kinds than
 *  REDUX_WINDOW_RANGE, and come back as 0. Errors: REDUX_E_INVALID (NULL, an unknown kind, low not
 *  below high, not finite). Any thread. Since 0.2. */
REDUX_API redux_status redux_window_to_text(char *text, redux_window window);

/** What REDUX_WINDOW_AUTO stands for, given the data; other windows are returned as they are.
 *  `is_scan` is 1 for scans (redux_volume_info.is_scan), 0 for pictures and arrays. Since 0.1. */
REDUX_API redux_window redux_window_resolve(redux_window window, redux_dtype dtype, int is_scan);

/** The dtype that redux_window_apply writes: uint8 or float32. The window is resolved. Since 0.1.
 */
REDUX_API redux_dtype redux_window_dtype(redux_window window);

/** Applies a resolved window (not AUTO) to one slice.
 *  in: [H, W], any dtype, any strides; its values are x = slope * stored + intercept.
 *  out: [H, W] of redux_window_dtype(window), C-contiguous, not overlapping `in`.
 *  NaN becomes 0 (the lowest grey), -inf the lowest and +inf the highest grey; they take no part in
 *  the minimum and maximum. Errors: REDUX_E_INVALID, REDUX_E_UNSUPPORTED. One context a thread.
 *  Since 0.1. */
REDUX_API redux_status redux_window_apply(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *in, double slope, double intercept,
                                          redux_window window);

/** Luma of colour pictures as Pillow's convert("L"): (19595 R + 38470 G + 7471 B + 0x8000) >> 16
 * for 8- and 16-bit integers, the same weights over 65536 in double for other dtypes; alpha is
 * ignored. in: [H, W, 3] or [H, W, 4]; out: [H, W], same dtype, C-contiguous. Since 0.1. */
REDUX_API redux_status redux_image_luma(const redux_tensor *out, redux_context *context,
                                        const redux_tensor *in);

REDUX_END_DECLS
#endif
