/* SPDX-License-Identifier: MIT
 * The tensor: a strided view of memory, owned together with others or borrowed.
 *
 * A plain struct of fixed layout that lives on the stack. `strides` count elements and may be
 * negative or 0. Memory is either borrowed (`storage` NULL: the caller keeps it alive) or held
 * through a reference-counted storage; views share it. Every tensor a libredux function filled in
 * is given back with redux_tensor_release, views too; on borrowed memory that does nothing but
 * clear the struct. Reference counts are atomic, so tensors may be released on any thread. */
#ifndef REDUX_TENSOR_H
#define REDUX_TENSOR_H

#include <redux/context.h>

REDUX_BEGIN_DECLS

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

/** Opaque, reference-counted owner of memory. */
typedef struct redux_storage redux_storage;

/** The layout is frozen. */
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

/** Bytes of one element; 0 for an unknown dtype. Any thread. Since 0.1. */
REDUX_API size_t redux_dtype_size(redux_dtype dtype);

/** Its name as NumPy writes it ("int16", "float32"); "unknown" else. Static storage. Since 0.1. */
REDUX_API const char *redux_dtype_name(redux_dtype dtype);

/** Allocates a C-contiguous tensor of zeros, aligned to 64 bytes. `shape` has `ndim` entries >= 0.
 *  Errors: REDUX_E_INVALID, REDUX_E_LIMIT (overflow, max_bytes), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_tensor_new(redux_tensor *out, redux_context *context,
                                        redux_dtype dtype, int32_t ndim, const int64_t *shape);

/** Describes memory of the caller's, who keeps it alive and in place; `strides` NULL means
 *  C-contiguous. `data` may be NULL only when an entry of `shape` is 0. Since 0.1. */
REDUX_API redux_status redux_tensor_borrow(redux_tensor *out, void *data, redux_dtype dtype,
                                           int32_t ndim, const int64_t *shape,
                                           const int64_t *strides);

/** Gives back the reference and clears *tensor; NULL and a cleared tensor are allowed. Since 0.1.
 */
REDUX_API void redux_tensor_release(redux_tensor *tensor);

/** A second tensor on the same memory. `out` must not be `in`. Since 0.1. */
REDUX_API redux_status redux_tensor_view(redux_tensor *out, const redux_tensor *in);

/** A view of `count` indices of axis `axis`: start, start + step, ...; step may be negative, all of
 *  them must lie inside. Copies nothing. Errors: REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_tensor_slice(redux_tensor *out, const redux_tensor *in, int32_t axis,
                                          int64_t start, int64_t count, int64_t step);

/** A view without axis `axis`, at `index` of it: select(volume, 0, k) is slice k. Since 0.1. */
REDUX_API redux_status redux_tensor_select(redux_tensor *out, const redux_tensor *in, int32_t axis,
                                           int64_t index);

/** A view with axes in another order: axis i of `out` is axis order[i] of `in`; `order` has ndim
 *  entries, each axis once. Since 0.1. */
REDUX_API redux_status redux_tensor_permute(redux_tensor *out, const redux_tensor *in,
                                            const int32_t *order);

/** A view of another shape on a C-contiguous tensor with as many elements. Since 0.1. */
REDUX_API redux_status redux_tensor_reshape(redux_tensor *out, const redux_tensor *in, int32_t ndim,
                                            const int64_t *shape);

/** The number of elements. Any thread. Since 0.1. */
REDUX_API int64_t redux_tensor_elements(const redux_tensor *tensor);

/** 1 if the elements lie in C order without gaps, else 0. Since 0.1. */
REDUX_API int redux_tensor_is_contiguous(const redux_tensor *tensor);

/** Copies `in` into `out`, which has the same shape; dtypes may differ: values are then converted
 *  (to an integer: rounded half to even, kept within its range, NaN becomes 0). They must not
 *  overlap. Errors: REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_tensor_copy(const redux_tensor *out, const redux_tensor *in);

/** A C-contiguous tensor of `dtype` with the elements of `in`: a view where it is that already, a
 *  converted copy (see redux_tensor_copy) where not. Since 0.1. */
REDUX_API redux_status redux_tensor_contiguous(redux_tensor *out, redux_context *context,
                                               const redux_tensor *in, redux_dtype dtype);

/* DLPack (https://dmlc.github.io/dlpack/): no copies. The structs are those of dlpack.h, which the
 * caller includes; here they are only named. */
struct DLManagedTensor;
struct DLManagedTensorVersioned;

/** Exports a tensor on owned memory; the consumer calls (*out)->deleter. Borrowed memory must
 *  outlive that call. Since 0.1. */
REDUX_API redux_status redux_tensor_to_dlpack(struct DLManagedTensor **out, redux_context *context,
                                              const redux_tensor *tensor);

/** The same with version and flags (DLPack 1.0). Since 0.1. */
REDUX_API redux_status redux_tensor_to_dlpack_versioned(struct DLManagedTensorVersioned **out,
                                                        redux_context *context,
                                                        const redux_tensor *tensor);

/** Takes over `managed`: its deleter runs when the last reference to *out goes. Host memory
 *  (kDLCPU) only. On failure `managed` stays the caller's. Errors: REDUX_E_INVALID,
 *  REDUX_E_UNSUPPORTED (device, dtype, lanes), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_tensor_from_dlpack(redux_tensor *out, redux_context *context,
                                                struct DLManagedTensor *managed);

/** The same for DLPack 1.x; another major version is REDUX_E_UNSUPPORTED. A tensor flagged
 *  read-only is accepted: do not write to it. Since 0.1. */
REDUX_API redux_status redux_tensor_from_dlpack_versioned(redux_tensor *out, redux_context *context,
                                                          struct DLManagedTensorVersioned *managed);

REDUX_END_DECLS
#endif
