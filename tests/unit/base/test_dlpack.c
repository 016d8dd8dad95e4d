/* SPDX-License-Identifier: MIT
 * Tensors by DLPack, also of rubbish. */
#include <stdatomic.h>
#include "base/base.h"
#include "support/counted.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- DLPack: the structs as dlpack.h publishes them ---- */

typedef struct DLDevice {
    int32_t device_type, device_id;
} DLDevice;

typedef struct DLDataType {
    uint8_t code, bits;
    uint16_t lanes;
} DLDataType;

typedef struct DLTensor {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
    struct {
        uint32_t major, minor;
    } version;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    DLTensor dl_tensor;
} DLManagedTensorVersioned;

static void assert_described(const DLTensor *dl, const redux_tensor *tensor)
{
    ck_assert_ptr_eq(dl->data, tensor->data);
    ck_assert_int_eq(dl->device.device_type, 1);
    ck_assert_int_eq(dl->ndim, tensor->ndim);
    ck_assert_uint_eq(dl->dtype.code | dl->dtype.bits << 8 | dl->dtype.lanes << 16,
                      (unsigned)tensor->dtype);
    ck_assert_mem_eq(dl->shape, tensor->shape, (size_t)dl->ndim * sizeof *dl->shape);
    ck_assert_mem_eq(dl->strides, tensor->strides, (size_t)dl->ndim * sizeof *dl->strides);
    ck_assert_uint_eq(dl->byte_offset, 0);
}

START_TEST(dlpack_there_and_back)
{
    for (int versioned = 0; versioned < 2; versioned++) {
        counter c;
        const redux_context_options options = counted(&c, 1);
        redux_context *context;
        redux_tensor whole, part, back;
        DLManagedTensor *legacy;
        DLManagedTensorVersioned *modern;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        ck_assert_redux_ok(
            redux_tensor_new(&whole, context, REDUX_INT16, 2, (const int64_t[]){4, 6}));
        ((int16_t *)whole.data)[23] = -5;
        ck_assert_redux_ok(redux_tensor_slice(&part, &whole, 1, 5, 3, -2));
        if (versioned) {
            ck_assert_redux_ok(redux_tensor_to_dlpack_versioned(&modern, context, &part));
            ck_assert_uint_eq(modern->version.major, 1);
            assert_described(&modern->dl_tensor, &part);
            ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&back, context, modern));
        } else {
            ck_assert_redux_ok(redux_tensor_to_dlpack(&legacy, context, &part));
            assert_described(&legacy->dl_tensor, &part);
            ck_assert_redux_ok(redux_tensor_from_dlpack(&back, context, legacy));
        }
        redux_context_free(context);
        redux_tensor_release(&whole);
        redux_tensor_release(&part);
        ck_assert_int_eq(((int16_t *)back.data)[18], -5); /* the last row, turned round */
        ck_assert_int_eq(back.strides[1], -2);
        redux_tensor_release(&back);
        ck_assert_int_eq(atomic_load(&c.live), 0);
    }
}
END_TEST

static int deleted;

static void delete_legacy(DLManagedTensor *self)
{
    (void)self;
    deleted++;
}

static void delete_versioned(DLManagedTensorVersioned *self)
{
    (void)self;
    deleted++;
}

START_TEST(dlpack_of_others)
{
    float values[6] = {0, 1, 2, 3, 4, 5};
    int64_t shape[] = {2, 2};
    const DLTensor good = {values, {1, 0}, 2, {2, 32, 1}, shape, NULL, 8};
    DLManagedTensor legacy = {good, NULL, delete_legacy};
    DLManagedTensorVersioned modern = {{1, 7}, NULL, delete_versioned, 1, good};
    redux_tensor t = REDUX_TENSOR_INIT, v;
    ck_assert_redux_ok(redux_tensor_from_dlpack(&t, NULL, &legacy));
    ck_assert(((float *)t.data)[3] == 5 && t.strides[0] == 2 && t.dtype == REDUX_FLOAT32);
    ck_assert_redux_ok(redux_tensor_select(&v, &t, 0, 1));
    redux_tensor_release(&t);
    ck_assert_int_eq(deleted, 0); /* a view is left */
    redux_tensor_release(&v);
    ck_assert_int_eq(deleted, 1);
    ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    redux_tensor_release(&t);
    ck_assert_int_eq(deleted, 2);
    modern.deleter = NULL; /* allowed: nothing to delete */
    ck_assert_redux_ok(redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    redux_tensor_release(&t);
    modern.version.major = 2;
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    legacy.dl_tensor.device.device_type = 2;
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack(&t, NULL, &legacy));
    legacy.dl_tensor = good;
    legacy.dl_tensor.dtype.lanes = 4;
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack(&t, NULL, &legacy));
    legacy.dl_tensor = good;
    legacy.dl_tensor.dtype.code = 5; /* complex */
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_tensor_from_dlpack(&t, NULL, &legacy));
    legacy.dl_tensor = good;
    legacy.dl_tensor.ndim = 9;
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_from_dlpack(&t, NULL, &legacy));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_from_dlpack(&t, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_from_dlpack(NULL, NULL, &legacy));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_to_dlpack(NULL, NULL, &t));
    ck_assert_int_eq(deleted, 2);
}
END_TEST

/* Descriptions that no honest producer makes: each is refused, and stays its producer's. */
static void refused_capsule(redux_status expected, DLTensor rubbish)
{
    DLManagedTensor legacy = {rubbish, NULL, delete_legacy};
    DLManagedTensorVersioned modern = {{1, 0}, NULL, delete_versioned, UINT64_MAX, rubbish};
    redux_tensor t = REDUX_TENSOR_INIT;
    const int before = deleted;
    ck_assert_redux(expected, redux_tensor_from_dlpack(&t, NULL, &legacy));
    ck_assert_redux(expected, redux_tensor_from_dlpack_versioned(&t, NULL, &modern));
    ck_assert(t.data == NULL && t.ndim == 0 && deleted == before);
}

#define RUBBISH(expected, field, value)                                                            \
    do {                                                                                           \
        DLTensor rubbish = good;                                                                   \
        rubbish.field = value;                                                                     \
        refused_capsule(expected, rubbish);                                                        \
    } while (0)

START_TEST(dlpack_of_rubbish)
{
    double values[6] = {0};
    int64_t shape[] = {2, 3}, negative[] = {2, -3}, lowest[] = {INT64_MIN, 1},
            huge[] = {INT64_MAX, INT64_MAX}, wide[] = {INT64_C(1) << 32, INT64_C(1) << 32},
            hollow[] = {0, INT64_MAX}, far[] = {INT64_MAX / 4, 1}, back[] = {INT64_MIN, 1},
            together[] = {INT64_MAX / 16, INT64_MAX / 16};
    const DLTensor good = {values, {1, 0}, 2, {2, 64, 1}, shape, NULL, 0};
    static const int devices[] = {0, 2, 3, 4, 13, -1, INT32_MIN, INT32_MAX};
    static const int bits[] = {0, 1, 4, 8, 24, 63, 65, 128, 255};
    for (size_t i = 0; i < COUNT(devices); i++)
        RUBBISH(REDUX_E_UNSUPPORTED, device.device_type, devices[i]);
    for (size_t i = 0; i < COUNT(bits); i++)
        RUBBISH(REDUX_E_UNSUPPORTED, dtype.bits, (uint8_t)bits[i]);
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.code, 3); /* a handle */
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.code, 255);
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.lanes, 0);
    RUBBISH(REDUX_E_UNSUPPORTED, dtype.lanes, UINT16_MAX);
    RUBBISH(REDUX_E_INVALID, ndim, -1);
    RUBBISH(REDUX_E_INVALID, ndim, INT32_MIN);
    RUBBISH(REDUX_E_INVALID, ndim, REDUX_MAX_DIMS + 1);
    RUBBISH(REDUX_E_INVALID, ndim, INT32_MAX);
    RUBBISH(REDUX_E_INVALID, shape, NULL);
    RUBBISH(REDUX_E_INVALID, data, NULL);
    RUBBISH(REDUX_E_INVALID, shape, negative);
    RUBBISH(REDUX_E_INVALID, shape, lowest);
    RUBBISH(REDUX_E_LIMIT, shape, huge);
    RUBBISH(REDUX_E_LIMIT, shape, wide);
    RUBBISH(REDUX_E_LIMIT, shape, hollow);
    RUBBISH(REDUX_E_LIMIT, strides, far);
    RUBBISH(REDUX_E_LIMIT, strides, back);
    RUBBISH(REDUX_E_LIMIT, strides, together);
    RUBBISH(REDUX_E_LIMIT, byte_offset, UINT64_MAX);
    RUBBISH(REDUX_E_LIMIT, byte_offset, (UINT64_MAX & ~UINT64_C(7)) - 8);
    RUBBISH(REDUX_E_UNSUPPORTED, byte_offset, 3); /* not aligned */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dlpack");
    TCase *dlpack = tcase_create("dlpack");
    tcase_add_test(dlpack, dlpack_there_and_back);
    tcase_add_test(dlpack, dlpack_of_others);
    tcase_add_test(dlpack, dlpack_of_rubbish);
    suite_add_tcase(suite, dlpack);
    return run_suite(suite);
}
