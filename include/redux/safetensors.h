/* SPDX-License-Identifier: MIT */
/** @file
 * Named tensors in safetensors files, the form in which PyTorch's users exchange weights
 * (https://huggingface.co/docs/safetensors). Files of torch.save are read too, not written.
 *
 * @code
 * const int64_t shape[2] = {2, 3};
 * const char *name = "weight";
 * redux_tensor tensor = REDUX_TENSOR_INIT;
 * redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
 * redux_safetensors *file = NULL;
 * redux_status status = redux_tensor_new(&tensor, context, REDUX_FLOAT32, 2, shape);
 * content.count = 1;
 * content.names = &name;
 * content.tensors = &tensor;
 * if (status == REDUX_OK)
 *     status = redux_safetensors_save("one.safetensors", context, &content);
 * if (status == REDUX_OK)
 *     status = redux_safetensors_load(&file, context, "one.safetensors");
 * redux_safetensors_free(file);
 * redux_tensor_release(&tensor);
 * return status;
 * @endcode
 *
 * Promised: the same content gives the same bytes (no times, no paths). A file that libredux wrote
 * carries a CRC-32 that must hold when it is read.
 *
 * Not promised: that damage is noticed in files of other programs, which have no checksum.
 *
 * Threads: read-only once loaded: any thread. Since 0.1.
 */
#ifndef REDUX_SAFETENSORS_H
#define REDUX_SAFETENSORS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** A loaded file. Opaque, read-only: any thread. */
typedef struct redux_safetensors redux_safetensors;

/* ---- reading ---- */

/** Reads a file whole and checks it: every tensor lies within the file, none overlaps another, and
 *  no byte is left over. Files of redux_safetensors_save carry a CRC-32 over names, types, shapes,
 *  metadata and data; one that was cut short or altered is refused. The caller owns *out.
 *
 *  A file of torch.save (.pt, .pth, .ckpt; PyTorch 1.6 and later), whatever its name is, gives the
 *  tensors in its dicts, the keys joined by dots ("state_dict.encoder.conv1.weight"), in the order
 *  of their names, without metadata. Its pickle is read as data: nothing is imported, called or
 *  built, and objects of other classes are passed over (a log line counts them). Since 0.2.
 *
 *  Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (8-bit floats, more
 *  axes than REDUX_MAX_DIMS; a pickled module, TorchScript, a file of PyTorch before 1.6: the
 * message says how to save it again), REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_safetensors_load(redux_safetensors **out, redux_context *context,
                                              const char *path);

/** Frees a file; NULL is allowed. Tensors taken from it stay valid: they share its memory. */
REDUX_API void redux_safetensors_free(redux_safetensors *file);

/** The number of tensors, and their names in the order of the data. NULL for an index out of range.
 */
REDUX_API int64_t redux_safetensors_tensor_count(const redux_safetensors *file);
REDUX_API const char *redux_safetensors_name(const redux_safetensors *file, int64_t index);

/** The number of the tensor of that name, or -1. */
REDUX_API int64_t redux_safetensors_find(const redux_safetensors *file, const char *name);

/** Tensor `index`: a C-contiguous view of the file's memory; do not write to it. The caller
 *  releases it. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_safetensors_get_tensor(redux_tensor *out,
                                                    const redux_safetensors *file, int64_t index);

/** A value of the file's metadata, or NULL. Belongs to the file. */
REDUX_API const char *redux_safetensors_metadata(const redux_safetensors *file, const char *key);

/* ---- writing ---- */

/** What to write: `count` named tensors of any strides, and `pair_count` pairs of strings (UTF-8)
 *  as metadata. */
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

/** Writes a file, whole or not at all: the data by falling element size, then by name, so that
 *  every tensor is aligned. Errors: REDUX_E_INVALID, REDUX_E_IO, REDUX_E_NOT_FOUND (no such
 *  folder), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_safetensors_save(const char *path, redux_context *context,
                                              const redux_safetensors_content *content);

REDUX_END_DECLS
#endif
