/* SPDX-License-Identifier: MIT
 * DLPack tensors whose descriptions come from the input. The block behind `data` is as large as an
 * honest producer's would be, where that is known; else the description must be refused, or the
 * tensor is not read. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"

/* As in dlpack.h. */
typedef struct description {
    void *data;
    int32_t device_type, device_id, ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} description;

struct DLManagedTensor {
    description tensor;
    void *manager;
    void (*deleter)(struct DLManagedTensor *self);
};

struct DLManagedTensorVersioned {
    uint32_t major, minor;
    void *manager;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    description tensor;
};

static int deleted;

static void delete_legacy(struct DLManagedTensor *self)
{
    (void)self;
    deleted++;
}

static void delete_versioned(struct DLManagedTensorVersioned *self)
{
    (void)self;
    deleted++;
}

/* The input: device, type, rank, offset, flags; then numbers of 8 bytes for shape and strides. */
typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

static void take(bytes *from, void *out, size_t size)
{
    const size_t have = from->size < size ? from->size : size;
    memset(out, 0, size);
    if (have > 0)
        memcpy(out, from->data, have);
    from->data += have;
    from->size -= have;
}

/* Elements from the lowest to the highest address that shape and strides reach; 0: none, more than
 * `most`, or below the first. */
static int64_t extent(const description *t, int64_t most)
{
    int64_t last = 0, count = 1;
    for (int32_t i = 0; i < t->ndim; i++) {
        int64_t reach;
        if (t->shape[i] < 1)
            return 0;
        if (__builtin_mul_overflow(count, t->shape[i], &count) || count > most)
            return 0;
        if (t->strides == NULL)
            continue;
        if (t->strides[i] < 0 || __builtin_mul_overflow(t->shape[i] - 1, t->strides[i], &reach) ||
            reach > most)
            return 0;
        last += reach;
    }
    last = t->strides == NULL ? count : last + 1;
    return last > most ? 0 : last;
}

static void use(redux_context *context, redux_tensor *tensor, int64_t reach)
{
    if (reach > 0)
        fuzz_touch(context, tensor);
    redux_tensor_release(tensor);
    fuzz_require(deleted == 1, "the deleter was not called once");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 4096, RANKS = 12 };
    int64_t shape[RANKS], strides[RANKS];
    uint8_t head[12];
    redux_tensor tensor;
    bytes input = {data, size};
    redux_context *context = fuzz_begin();
    take(&input, head, sizeof head);
    for (int i = 0; i < RANKS; i++) {
        take(&input, &shape[i], 8);
        take(&input, &strides[i], 8);
    }
    description t = {.device_type = (int8_t)head[0],
                     .ndim = (int8_t)head[1],
                     .code = head[2],
                     .bits = head[3],
                     .lanes = head[4],
                     .shape = head[5] & 2 ? NULL : shape,
                     .strides = head[5] & 1 ? strides : NULL,
                     .byte_offset = head[6]};
    if (t.ndim > RANKS) /* the producer's arrays are as long as it says */
        t.ndim = RANKS;
    const int64_t reach = t.shape == NULL ? 0 : extent(&t, MOST);
    const size_t room = (size_t)(t.byte_offset + (uint64_t)(reach > 0 ? reach : 1) * 16);
    char *block = malloc(room);
    fuzz_require(block != NULL, "no memory");
    memset(block, 1, room);
    t.data = head[5] & 4 ? NULL : block;
    if (head[5] & 16) { /* the sum of both overflows */
        t.data = (void *)~(uintptr_t)7;
        t.byte_offset += 8;
    }
    struct DLManagedTensor legacy = {t, NULL, head[5] & 8 ? NULL : delete_legacy};
    deleted = head[5] & 8 ? 1 : 0;
    if (fuzz_ok(redux_tensor_from_dlpack(&tensor, context, &legacy)))
        use(context, &tensor, reach);
    struct DLManagedTensorVersioned versioned = {head[7],          head[8], NULL,
                                                 delete_versioned, head[9], t};
    deleted = 0;
    if (fuzz_ok(redux_tensor_from_dlpack_versioned(&tensor, context, &versioned)))
        use(context, &tensor, reach);
    else
        fuzz_require(deleted == 0, "deleted what was refused");
    free(block);
    fuzz_end(context);
    return 0;
}
