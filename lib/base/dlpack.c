/* SPDX-License-Identifier: MIT
 * DLPack in and out, both generations. The structs below state the published binary layout
 * (dmlc.github.io/dlpack, version 1.0); public headers only name them, so that a program may
 * include whichever dlpack.h it has. */
#include <string.h>
#include "base.h"
#include "storage.h"

#define DL_CPU 1
#define DL_MAJOR 1

typedef struct dl_tensor {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape;
    int64_t *strides; /* NULL: C-contiguous */
    uint64_t byte_offset;
} dl_tensor;

struct DLManagedTensor {
    dl_tensor tensor;
    void *manager;
    void (*deleter)(struct DLManagedTensor *self);
};

struct DLManagedTensorVersioned {
    uint32_t major, minor;
    void *manager;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    dl_tensor tensor;
};

/* What an exported tensor refers to, with room for its shape. */
typedef struct exported {
    union {
        struct DLManagedTensor legacy;
        struct DLManagedTensorVersioned versioned;
    } managed;
    redux_tensor view;
} exported;

static void delete_exported(exported *self)
{
    redux_tensor_release(&self->view);
    rdx_free(self);
}

static void delete_legacy(struct DLManagedTensor *managed)
{
    delete_exported(managed->manager);
}

static void delete_versioned(struct DLManagedTensorVersioned *managed)
{
    delete_exported(managed->manager);
}

static redux_status export_tensor(exported **out, dl_tensor *description, redux_context *context,
                                  const redux_tensor *tensor)
{
    void *block;
    RDX_TRY(rdx_tensor_check(tensor, -1, 0, "tensor"));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(exported)));
    exported *self = block;
    redux_status status = redux_tensor_view(&self->view, tensor);
    if (status != REDUX_OK) {
        rdx_free(block);
        return status;
    }
    *description = (dl_tensor){.data = tensor->data,
                               .device_type = DL_CPU,
                               .ndim = tensor->ndim,
                               .code = (uint8_t)((unsigned)tensor->dtype & 255),
                               .bits = (uint8_t)((unsigned)tensor->dtype >> 8 & 255),
                               .lanes = 1,
                               .shape = self->view.shape,
                               .strides = self->view.strides};
    *out = self;
    return REDUX_OK;
}

redux_status redux_tensor_to_dlpack(struct DLManagedTensor **out, redux_context *context,
                                    const redux_tensor *tensor)
{
    exported *self;
    dl_tensor description;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_to_dlpack: out is NULL");
    RDX_TRY(export_tensor(&self, &description, context, tensor));
    self->managed.legacy = (struct DLManagedTensor){description, self, delete_legacy};
    *out = &self->managed.legacy;
    return REDUX_OK;
}

redux_status redux_tensor_to_dlpack_versioned(struct DLManagedTensorVersioned **out,
                                              redux_context *context, const redux_tensor *tensor)
{
    exported *self;
    dl_tensor description;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_to_dlpack_versioned: out is NULL");
    RDX_TRY(export_tensor(&self, &description, context, tensor));
    self->managed.versioned =
        (struct DLManagedTensorVersioned){DL_MAJOR, 0, self, delete_versioned, 0, description};
    *out = &self->managed.versioned;
    return REDUX_OK;
}

/* Reads a producer's description into a borrowed tensor. */
static redux_status import_description(redux_tensor *out, const dl_tensor *in)
{
    const unsigned dtype = (unsigned)in->code | (unsigned)in->bits << 8 | 1U << 16;
    const size_t size = redux_dtype_size((redux_dtype)dtype);
    uintptr_t address;
    if (in->device_type != DL_CPU)
        return rdx_fail(REDUX_E_UNSUPPORTED, "DLPack: device type %d is not host memory",
                        (int)in->device_type);
    if (in->lanes != 1 || size == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "DLPack: type code %d with %d bits and %d lanes",
                        in->code, in->bits, in->lanes);
    if (__builtin_add_overflow((uintptr_t)in->data, in->byte_offset, &address))
        return rdx_fail(REDUX_E_LIMIT, "DLPack: a byte_offset of %llu reaches out of memory",
                        (unsigned long long)in->byte_offset);
    if (in->data != NULL && address % size != 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "DLPack: its %s are not aligned to %zu bytes: copy it",
                        redux_dtype_name((redux_dtype)dtype), size);
    return redux_tensor_borrow(out, in->data == NULL ? NULL : (char *)in->data + in->byte_offset,
                               (redux_dtype)dtype, in->ndim, in->shape, in->strides);
}

static void release_legacy(void *user)
{
    struct DLManagedTensor *managed = user;
    if (managed->deleter != NULL)
        managed->deleter(managed);
}

static void release_versioned(void *user)
{
    struct DLManagedTensorVersioned *managed = user;
    if (managed->deleter != NULL)
        managed->deleter(managed);
}

redux_status redux_tensor_from_dlpack(redux_tensor *out, redux_context *context,
                                      struct DLManagedTensor *managed)
{
    redux_tensor tensor;
    if (out == NULL || managed == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_from_dlpack: an argument is NULL");
    RDX_TRY(import_description(&tensor, &managed->tensor));
    RDX_TRY(rdx_storage_new(&tensor.storage, context, release_legacy, managed));
    *out = tensor;
    return REDUX_OK;
}

redux_status redux_tensor_from_dlpack_versioned(redux_tensor *out, redux_context *context,
                                                struct DLManagedTensorVersioned *managed)
{
    redux_tensor tensor;
    if (out == NULL || managed == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_from_dlpack_versioned: an argument is NULL");
    if (managed->major != DL_MAJOR)
        return rdx_fail(REDUX_E_UNSUPPORTED, "DLPack version %u.%u, not %d.x",
                        (unsigned)managed->major, (unsigned)managed->minor, DL_MAJOR);
    RDX_TRY(import_description(&tensor, &managed->tensor));
    RDX_TRY(rdx_storage_new(&tensor.storage, context, release_versioned, managed));
    *out = tensor;
    return REDUX_OK;
}
