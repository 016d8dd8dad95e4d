/* SPDX-License-Identifier: MIT
 * Named tensors in safetensors files, as PyTorch's users exchange weights
 * (https://huggingface.co/docs/safetensors). */
#ifndef REDUX_SAFETENSORS_H
#define REDUX_SAFETENSORS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Opaque, read-only once loaded: any thread. */
typedef struct redux_safetensors redux_safetensors;

/** Reads a file whole and checks all of it: every tensor lies within the file, none overlaps
 *  another, none of the bytes belongs to no tensor. Files that redux_safetensors_save wrote carry a
 *  CRC-32 over names, types, shapes, metadata and data, which must hold: then one that was cut
 * short or altered is refused. The caller owns *out. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO,
 *  REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (8-bit floats, more axes than REDUX_MAX_DIMS),
 * REDUX_E_LIMIT, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_safetensors_load(redux_safetensors **out, redux_context *context,
                                              const char *path);

/** NULL is allowed. Tensors taken from it stay valid: they share its memory. Since 0.1. */
REDUX_API void redux_safetensors_free(redux_safetensors *file);

/** How many tensors there are; their names, in the order of the data. NULL out of range. Since 0.1.
 */
REDUX_API int64_t redux_safetensors_tensor_count(const redux_safetensors *file);
REDUX_API const char *redux_safetensors_name(const redux_safetensors *file, int64_t index);

/** The number of the tensor of that name, or -1. Since 0.1. */
REDUX_API int64_t redux_safetensors_find(const redux_safetensors *file, const char *name);

/** A tensor by its number: a C-contiguous view of the file's memory; do not write through it. The
 *  caller releases it. Errors: REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_safetensors_get_tensor(redux_tensor *out,
                                                    const redux_safetensors *file, int64_t index);

/** A text of the file's metadata, or NULL. Belongs to the file. Since 0.1. */
REDUX_API const char *redux_safetensors_metadata(const redux_safetensors *file, const char *key);

/** What is to be written: `count` tensors of any strides with a name each, and `pair_count` pairs
 *  of texts (UTF-8) as metadata. */
typedef struct redux_safetensors_content {
    size_t struct_size;
    int64_t count;
    const char *const *names; /**< UTF-8, different from each other, not "__metadata__" */
    const redux_tensor *tensors;
    int64_t pair_count;
    const char *const *keys; /**< different from each other, none of the library's ("redux.") */
    const char *const *values;
} redux_safetensors_content;

#define REDUX_SAFETENSORS_CONTENT_DEFAULTS(set) set(struct_size, sizeof(redux_safetensors_content))
REDUX_DEFINE_INIT(redux_safetensors_content, REDUX_SAFETENSORS_CONTENT_DEFAULTS)
#define REDUX_SAFETENSORS_CONTENT_INIT                                                             \
    REDUX_INIT(redux_safetensors_content, REDUX_SAFETENSORS_CONTENT_DEFAULTS)

/** Writes a file, whole or not at all: the data in the order of falling element size, then of
 *  names, so that every tensor is aligned; the same content gives the same bytes (no times, no
 *  paths). Errors: REDUX_E_INVALID, REDUX_E_IO, REDUX_E_NOT_FOUND (no such folder),
 *  REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_safetensors_save(const char *path, redux_context *context,
                                              const redux_safetensors_content *content);

REDUX_END_DECLS
#endif
