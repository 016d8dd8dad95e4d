/* SPDX-License-Identifier: MIT */
/** @file
 * Intensity windows: from voxel values (HU) to the grey values that metrics compare.
 *
 * @code
 * const int64_t shape[2] = {2, 2};
 * int16_t hu[4] = {-1000, 0, 40, 400};
 * redux_tensor in = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
 * redux_window window = {REDUX_WINDOW_AUTO, 0, 0};
 * redux_status status = redux_window_parse(&window, "abdomen"); // or "-150:250"
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&in, hu, REDUX_INT16, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&out, context, redux_window_dtype(window), 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_window_apply(&out, context, &in, 1, 0, window);
 * redux_tensor_release(&out);
 * return status;
 * @endcode
 *
 * Promised: windowed values are uint8, or float32 within [0, 1], as the metrics require.
 *
 * A window saturates by definition: what lies below `low` is 0, what lies above `high` is 1. Since
 * 0.1.
 */
#ifndef REDUX_WINDOW_H
#define REDUX_WINDOW_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** How values become grey. */
typedef enum redux_window_kind {
    /** `slice` for scans and for data that are not 8-bit; `full` for 8-bit pictures and arrays. */
    REDUX_WINDOW_AUTO = 0,
    /** The paper's window (section 3.1): rint((x - min) / (max - min + 1e-5) * 255) over the
     *  slice's own finite values, in double, half to even, uint8. A constant slice is 0. Where max
     * - min is below 1, 1e-5 is multiplied by it, so that data of tiny range keep their contrast.
     */
    REDUX_WINDOW_SLICE = 1,
    /** 8-bit data unchanged; other data are refused (REDUX_E_UNSUPPORTED). */
    REDUX_WINDOW_FULL = 2,
    /** (x - low) / (high - low), saturated to [0, 1], float32. */
    REDUX_WINDOW_RANGE = 3
} redux_window_kind;

/** A window. `low` and `high` are in the units of the scaled values (HU for CT), and only
 *  REDUX_WINDOW_RANGE uses them. */
typedef struct redux_window {
    redux_window_kind kind;
    double low, high;
} redux_window;

/** Reads a window: "auto", "slice", "full", "LO:HI", or a named HU window: "lung" -1350:150,
 *  "mediastinum" -125:225, "abdomen" -150:250, "bone" -500:1300, "brain" 0:80. Errors:
 *  REDUX_E_INVALID (unknown name, LO not below HI, not finite). Any thread. */
REDUX_API redux_status redux_window_parse(redux_window *out, const char *text);

/** Bytes for the text of any window, with the NUL. */
#define REDUX_WINDOW_TEXT 72

/** Writes a window as redux_window_parse reads it: "auto", "slice", "full" or "LO:HI" with the
 *  fewest digits that read back as the same numbers; a named HU window is written as its numbers.
 *  `text` has room for REDUX_WINDOW_TEXT bytes. Only REDUX_WINDOW_RANGE uses low and high; of other
 *  kinds they read back as 0. Errors: REDUX_E_INVALID (NULL, an unknown kind, low not below high,
 *  not finite). Any thread. Since 0.2. */
REDUX_API redux_status redux_window_to_text(char *text, redux_window window);

/** The window that REDUX_WINDOW_AUTO means for these data; other windows are returned unchanged.
 *  `is_scan` is 1 for scans (redux_volume_info.is_scan), 0 for pictures and arrays. Any thread. */
REDUX_API redux_window redux_window_resolve(redux_window window, redux_dtype dtype, int is_scan);

/** The dtype that redux_window_apply writes for a resolved window: uint8 or float32. Any thread. */
REDUX_API redux_dtype redux_window_dtype(redux_window window);

/** Applies a resolved window (not AUTO) to one slice.
 *  - in: [H, W], any dtype and strides; its values are x = slope * stored + intercept.
 *  - out: [H, W] of redux_window_dtype(window), C-contiguous, must not overlap `in`.
 *  - NaN and -inf become the lowest grey, +inf the highest; none of them affects the minimum and
 *    maximum.
 *
 *  Errors: REDUX_E_INVALID, REDUX_E_UNSUPPORTED. One context per thread. */
REDUX_API redux_status redux_window_apply(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *in, double slope, double intercept,
                                          redux_window window);

/** Converts colour to grey as Pillow's convert("L") does: (19595 R + 38470 G + 7471 B + 0x8000) >>
 *  16 for 8- and 16-bit integers, the same weights over 65536 in double for other dtypes. Alpha is
 *  ignored. in: [H, W, 3] or [H, W, 4]; out: [H, W], same dtype, C-contiguous. Errors:
 *  REDUX_E_INVALID. */
REDUX_API redux_status redux_image_luma(const redux_tensor *out, redux_context *context,
                                        const redux_tensor *in);

REDUX_END_DECLS
#endif
