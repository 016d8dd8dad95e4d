/* SPDX-License-Identifier: MIT */
/** @file
 * The tensor: a strided view of memory, owned through a reference count or borrowed.
 *
 * @code
 * const int64_t shape[3] = {4, 64, 64};
 * redux_tensor stack = REDUX_TENSOR_INIT, slice = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&stack, context, REDUX_FLOAT32, 3, shape);
 * if (status == REDUX_OK)
 *     status = redux_tensor_select(&slice, &stack, 0, 2); // a view of the third slice
 * redux_tensor_release(&slice);
 * redux_tensor_release(&stack);
 * return status;
 * @endcode
 *
 * A tensor is a plain struct of fixed layout that lives on your stack. `strides` count elements and
 * may be negative or 0. Memory is either borrowed (`storage` is NULL: the caller keeps it alive) or
 * held through a reference count that views share. Release every tensor that a libredux function
 * filled in with redux_tensor_release, views too; on borrowed memory that only clears the struct.
 *
 * Promised: views copy nothing, and memory lives as long as any tensor on it. The layout of
 * redux_tensor is frozen.
 *
 * Threads: reference counts are atomic, so any thread may release a tensor. The struct itself is
 * yours: do not change one on two threads at once. Since 0.1.
 */
#ifndef REDUX_TENSOR_H
#define REDUX_TENSOR_H

#include <redux/context.h>

REDUX_BEGIN_DECLS

/** The most axes a tensor may have. */
#define REDUX_MAX_DIMS 8

/** Element types, coded as DLPack codes them: code | bits << 8 | lanes << 16 (lanes are 1). */
typedef enum redux_dtype {
    REDUX_INT8 = 0x10800,
    REDUX_INT16 = 0x11000,
    REDUX_INT32 = 0x12000,
    REDUX_INT64 = 0x14000,
    REDUX_UINT8 = 0x10801,
    REDUX_UINT16 = 0x11001,
    REDUX_UINT32 = 0x12001,
    REDUX_UINT64 = 0x14001,
    REDUX_FLOAT16 = 0x11002, /**< storage and exchange only: convert before computing */
    REDUX_FLOAT32 = 0x12002,
    REDUX_FLOAT64 = 0x14002,
    REDUX_BFLOAT16 = 0x11004, /**< storage and exchange only */
    REDUX_BOOL = 0x10806      /**< one byte, 0 or 1 */
} redux_dtype;

/** A reference-counted owner of memory. Opaque. */
typedef struct redux_storage redux_storage;

/** A strided array. The layout is frozen. */
typedef struct redux_tensor {
    void *data;                      /**< the first element */
    redux_storage *storage;          /**< NULL when the memory is borrowed */
    int64_t shape[REDUX_MAX_DIMS];   /**< entries from ndim on are 0 */
    int64_t strides[REDUX_MAX_DIMS]; /**< in elements */
    int32_t ndim;                    /**< 0 (one element) to REDUX_MAX_DIMS */
    redux_dtype dtype;
    uint64_t reserved; /**< 0 */
} redux_tensor;

#define REDUX_TENSOR_DEFAULTS(set) set(dtype, REDUX_UINT8)
REDUX_DEFINE_INIT(redux_tensor, REDUX_TENSOR_DEFAULTS)
#define REDUX_TENSOR_INIT REDUX_INIT(redux_tensor, REDUX_TENSOR_DEFAULTS)

/* ---- dtypes ---- */

/** Bytes per element; 0 for an unknown dtype. Any thread. */
REDUX_API size_t redux_dtype_size(redux_dtype dtype);

/** The name NumPy uses ("int16", "float32"); "unknown" for anything else. Static storage. Any
 *  thread. */
REDUX_API const char *redux_dtype_name(redux_dtype dtype);

/* ---- making and releasing ---- */

/** Allocates a C-contiguous tensor of zeros, aligned to 64 bytes. `shape` has `ndim` entries >= 0.
 *  The caller releases *out. Errors: REDUX_E_INVALID, REDUX_E_LIMIT (overflow, max_bytes),
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_tensor_new(redux_tensor *out, redux_context *context,
                                        redux_dtype dtype, int32_t ndim, const int64_t *shape);

/** Describes your own memory, which you keep alive and in place. `strides` NULL means C-contiguous.
 *  `data` may be NULL only if an entry of `shape` is 0. Errors: REDUX_E_INVALID, REDUX_E_LIMIT (the
 *  product of the axes, or what the strides reach, overflows). */
REDUX_API redux_status redux_tensor_borrow(redux_tensor *out, void *data, redux_dtype dtype,
                                           int32_t ndim, const int64_t *shape,
                                           const int64_t *strides);

/** Drops the reference and clears *tensor; NULL and a cleared tensor are allowed. Any thread. */
REDUX_API void redux_tensor_release(redux_tensor *tensor);

/* ---- views ---- */

/** A second tensor on the same memory. `out` must not be `in`. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_tensor_view(redux_tensor *out, const redux_tensor *in);

/** A view of `count` indices of axis `axis`: start, start + step, ... `step` may be negative; all
 *  indices must lie inside. Copies nothing. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_tensor_slice(redux_tensor *out, const redux_tensor *in, int32_t axis,
                                          int64_t start, int64_t count, int64_t step);

/** A view without axis `axis`, taken at `index` of it: select(volume, 0, k) is slice k. Errors:
 *  REDUX_E_INVALID. */
REDUX_API redux_status redux_tensor_select(redux_tensor *out, const redux_tensor *in, int32_t axis,
                                           int64_t index);

/** A view with the axes in another order: axis i of `out` is axis order[i] of `in`. `order` has
 *  ndim entries and names each axis once. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_tensor_permute(redux_tensor *out, const redux_tensor *in,
                                            const int32_t *order);

/** A view with another shape of a C-contiguous tensor; the number of elements stays the same.
 *  Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_tensor_reshape(redux_tensor *out, const redux_tensor *in, int32_t ndim,
                                            const int64_t *shape);

/** The number of elements. Any thread. */
REDUX_API int64_t redux_tensor_elements(const redux_tensor *tensor);

/** 1 if the elements lie in C order without gaps, otherwise 0. Any thread. */
REDUX_API int redux_tensor_is_contiguous(const redux_tensor *tensor);

/* ---- copies ---- */

/** Copies `in` into `out`, which has the same shape. Dtypes may differ: values are then converted
 *  (to an integer: rounded half to even and saturated, NaN becomes 0). The two must not overlap.
 *  Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_tensor_copy(const redux_tensor *out, const redux_tensor *in);

/** A C-contiguous tensor of `dtype` with the elements of `in`: a view if `in` is one already,
 *  otherwise a converted copy (see redux_tensor_copy). The caller releases *out. Errors:
 *  REDUX_E_INVALID, REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_tensor_contiguous(redux_tensor *out, redux_context *context,
                                               const redux_tensor *in, redux_dtype dtype);

/* ---- DLPack ---- */

/** Exchange with PyTorch, NumPy and others without copies (https://dmlc.github.io/dlpack/). The
 *  structs are those of dlpack.h, which the caller includes; here they are only named. */
struct DLManagedTensor;
struct DLManagedTensorVersioned;

/** Exports a tensor. The consumer calls (*out)->deleter; borrowed memory must outlive that call.
 *  Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_tensor_to_dlpack(struct DLManagedTensor **out, redux_context *context,
                                              const redux_tensor *tensor);

/** Exports a tensor with version and flags (DLPack 1.0). */
REDUX_API redux_status redux_tensor_to_dlpack_versioned(struct DLManagedTensorVersioned **out,
                                                        redux_context *context,
                                                        const redux_tensor *tensor);

/** Takes over `managed`: its deleter runs when the last reference to *out is released. Host memory
 *  (kDLCPU) only. On failure `managed` remains yours. Errors: REDUX_E_INVALID, REDUX_E_UNSUPPORTED
 *  (device, dtype, lanes, elements that are not aligned), REDUX_E_LIMIT (as redux_tensor_borrow, or
 *  byte_offset overflows), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_tensor_from_dlpack(redux_tensor *out, redux_context *context,
                                                struct DLManagedTensor *managed);

/** Takes over a tensor of DLPack 1.x; another major version is REDUX_E_UNSUPPORTED. A tensor
 *  flagged read-only is accepted: do not write to it. */
REDUX_API redux_status redux_tensor_from_dlpack_versioned(redux_tensor *out, redux_context *context,
                                                          struct DLManagedTensorVersioned *managed);

REDUX_END_DECLS
#endif
