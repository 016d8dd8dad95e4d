/* SPDX-License-Identifier: MIT */
/** @file
 * NumPy arrays: .npy (format versions 1 to 3) and .npz, in and out.
 *
 * @code
 * const int64_t shape[2] = {2, 3};
 * redux_tensor array = REDUX_TENSOR_INIT, again = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&array, context, REDUX_FLOAT32, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_npy_write("array.npy", context, &array);
 * if (status == REDUX_OK)
 *     status = redux_npy_read(&again, context, "array.npy");
 * redux_tensor_release(&again);
 * redux_tensor_release(&array);
 * return status;
 * @endcode
 *
 * Promised: the same arrays give the same bytes (no times inside); files are written whole or not
 * at all.
 *
 * Files are read, never mapped: one that is cut short meanwhile gives a status and no signal. To
 * map one yourself, see redux_tensor_borrow.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_ARRAY_H
#define REDUX_ARRAY_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Reads an .npy file: up to REDUX_MAX_DIMS axes; bool, integers and floats of 1 to 8 bytes, either
 *  byte order, C or Fortran order (given as strides). The caller releases *out. Errors:
 *  REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (objects, strings, complex),
 *  REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_npy_read(redux_tensor *out, redux_context *context, const char *path);

/** Writes an .npy file (version 1.0, C order, little-endian), whole or not at all. Errors:
 *  REDUX_E_INVALID, REDUX_E_IO, REDUX_E_UNSUPPORTED (bfloat16), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_npy_write(const char *path, redux_context *context,
                                       const redux_tensor *array);

/** Reads array `key` (without ".npy") of an .npz archive, stored or deflated; its CRC is checked.
 *  Errors: as redux_npy_read; REDUX_E_NOT_FOUND also for the key. */
REDUX_API redux_status redux_npz_read(redux_tensor *out, redux_context *context, const char *path,
                                      const char *key);

/** Writes an .npz archive (deflated, no times inside) of `count` arrays, whole or not at all. Keys
 *  are without ".npy"; '/' only between names, no "." or "..". Errors: as redux_npy_write. */
REDUX_API redux_status redux_npz_write(const char *path, redux_context *context,
                                       const char *const *keys, const redux_tensor *arrays,
                                       int64_t count);

REDUX_END_DECLS
#endif
