/* SPDX-License-Identifier: MIT
 * NumPy arrays: .npy (format versions 1 to 3) and .npz, in and out. */
#ifndef REDUX_ARRAY_H
#define REDUX_ARRAY_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Reads an .npy file: any number of axes up to REDUX_MAX_DIMS; bool, integers and floats of 1 to 8
 *  bytes, either byte order, C or Fortran order (given as strides). Mapped into memory where its
 *  bytes can be used as they lie (then read-only: do not write through it), else read. The caller
 *  owns *out. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (objects,
 *  strings, complex), REDUX_E_LIMIT, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_npy_read(redux_tensor *out, redux_context *context, const char *path);

/** Writes an .npy file (version 1.0, C order, little-endian), whole or not at all. Errors:
 *  REDUX_E_INVALID, REDUX_E_IO, REDUX_E_UNSUPPORTED (bfloat16), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_npy_write(const char *path, redux_context *context,
                                       const redux_tensor *array);

/** Reads array `key` (without ".npy") of an .npz archive, stored or deflated, its CRC checked.
 *  Errors: as redux_npy_read; REDUX_E_NOT_FOUND also for the key. Since 0.1. */
REDUX_API redux_status redux_npz_read(redux_tensor *out, redux_context *context, const char *path,
                                      const char *key);

/** Writes an .npz archive (deflated, no times inside) of `count` arrays, whole or not at all. Keys
 *  are without ".npy"; '/' only between names, no "." or "..". Errors: as redux_npy_write. Since
 *  0.1. */
REDUX_API redux_status redux_npz_write(const char *path, redux_context *context,
                                       const char *const *keys, const redux_tensor *arrays,
                                       int64_t count);

REDUX_END_DECLS
#endif
