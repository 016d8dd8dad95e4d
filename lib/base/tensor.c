/* SPDX-License-Identifier: MIT
 * Tensors: making, viewing, copying with conversion. DLPack is in dlpack.c. */
#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include "base.h"
#include "storage.h"

/* Frozen, because programs are built against it (docs/abi.md). */
_Static_assert(offsetof(redux_tensor, storage) == sizeof(void *) &&
                   offsetof(redux_tensor, shape) == 2 * sizeof(void *) &&
                   offsetof(redux_tensor, strides) == 2 * sizeof(void *) + 64 &&
                   offsetof(redux_tensor, ndim) == 2 * sizeof(void *) + 128 &&
                   offsetof(redux_tensor, dtype) == 2 * sizeof(void *) + 132 &&
                   offsetof(redux_tensor, reserved) == 2 * sizeof(void *) + 136 &&
                   sizeof(redux_tensor) == 2 * sizeof(void *) + 144,
               "the layout of redux_tensor");

#if UINTPTR_MAX == UINT64_MAX
static_assert(sizeof(redux_tensor) == 160, "the tensor's layout is frozen");
static_assert(offsetof(redux_tensor, shape) == 16, "the tensor's layout is frozen");
static_assert(offsetof(redux_tensor, strides) == 80, "the tensor's layout is frozen");
static_assert(offsetof(redux_tensor, ndim) == 144, "the tensor's layout is frozen");
static_assert(offsetof(redux_tensor, dtype) == 148, "the tensor's layout is frozen");
#endif

size_t redux_dtype_size(redux_dtype dtype)
{
    switch (dtype) {
    case REDUX_INT8:
    case REDUX_UINT8:
    case REDUX_BOOL:
        return 1;
    case REDUX_INT16:
    case REDUX_UINT16:
    case REDUX_FLOAT16:
    case REDUX_BFLOAT16:
        return 2;
    case REDUX_INT32:
    case REDUX_UINT32:
    case REDUX_FLOAT32:
        return 4;
    case REDUX_INT64:
    case REDUX_UINT64:
    case REDUX_FLOAT64:
        return 8;
    }
    return 0;
}

const char *redux_dtype_name(redux_dtype dtype)
{
    switch (dtype) {
    case REDUX_INT8:
        return "int8";
    case REDUX_UINT8:
        return "uint8";
    case REDUX_BOOL:
        return "bool";
    case REDUX_INT16:
        return "int16";
    case REDUX_UINT16:
        return "uint16";
    case REDUX_FLOAT16:
        return "float16";
    case REDUX_BFLOAT16:
        return "bfloat16";
    case REDUX_INT32:
        return "int32";
    case REDUX_UINT32:
        return "uint32";
    case REDUX_FLOAT32:
        return "float32";
    case REDUX_INT64:
        return "int64";
    case REDUX_UINT64:
        return "uint64";
    case REDUX_FLOAT64:
        return "float64";
    }
    return "unknown";
}

/* ---- storage ---- */

redux_status rdx_storage_new(redux_storage **out, redux_context *context, rdx_destroy_fn destroy,
                             void *user)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof(redux_storage)));
    redux_storage *storage = block;
    atomic_init(&storage->references, 1);
    storage->destroy = destroy;
    storage->user = user;
    *out = storage;
    return REDUX_OK;
}

void rdx_storage_retain(redux_storage *storage)
{
    if (storage != NULL)
        atomic_fetch_add_explicit(&storage->references, 1, memory_order_relaxed);
}

void rdx_storage_release(redux_storage *storage)
{
    if (storage == NULL ||
        atomic_fetch_sub_explicit(&storage->references, 1, memory_order_acq_rel) != 1)
        return;
    storage->destroy(storage->user);
    rdx_free(storage);
}

/* ---- checks ---- */

static redux_status check_shape(int32_t ndim, const int64_t *shape, redux_dtype dtype,
                                uint64_t *elements)
{
    uint64_t count = 1; /* of the axes that are not empty: strides are products of those */
    bool empty = false;
    if (ndim < 0 || ndim > REDUX_MAX_DIMS || (ndim > 0 && shape == NULL))
        return rdx_fail(REDUX_E_INVALID, "a tensor has 0 to %d axes, not %d", REDUX_MAX_DIMS,
                        (int)ndim);
    if (redux_dtype_size(dtype) == 0)
        return rdx_fail(REDUX_E_INVALID, "unknown dtype 0x%x", (unsigned)dtype);
    for (int32_t i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return rdx_fail(REDUX_E_INVALID, "axis %d has %lld elements", (int)i,
                            (long long)shape[i]);
        empty = empty || shape[i] == 0;
        if (__builtin_mul_overflow(count, (uint64_t)RDX_MAX(shape[i], 1), &count) ||
            count > (uint64_t)PTRDIFF_MAX / 8)
            return rdx_fail(REDUX_E_LIMIT, "the product of %d axes overflows", (int)ndim);
    }
    *elements = empty ? 0 : count;
    return REDUX_OK;
}

/* Refuses strides with which the way from one element to another would overflow. */
static redux_status check_strides(int32_t ndim, const int64_t *shape, const int64_t *strides,
                                  redux_dtype dtype)
{
    const int64_t most = (int64_t)PTRDIFF_MAX / (int64_t)redux_dtype_size(dtype);
    int64_t total = 0, reach;
    for (int32_t i = 0; i < ndim; i++) {
        if (shape[i] < 2)
            continue;
        if (__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) || reach < -most ||
            reach > most - total || -reach > most - total)
            return rdx_fail(REDUX_E_LIMIT, "the stride of axis %d, %lld, reaches out of memory",
                            (int)i, (long long)strides[i]);
        total += reach < 0 ? -reach : reach;
    }
    return REDUX_OK;
}

redux_status rdx_tensor_check(const redux_tensor *tensor, int32_t ndim, redux_dtype dtype,
                              const char *name)
{
    uint64_t elements = 0;
    if (tensor == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s is NULL", name);
    RDX_TRY(check_shape(tensor->ndim, tensor->shape, tensor->dtype, &elements));
    RDX_TRY(check_strides(tensor->ndim, tensor->shape, tensor->strides, tensor->dtype));
    if (ndim >= 0 && tensor->ndim != ndim)
        return rdx_fail(REDUX_E_INVALID, "%s has %d axes, not %d", name, (int)tensor->ndim,
                        (int)ndim);
    if (dtype != 0 && tensor->dtype != dtype)
        return rdx_fail(REDUX_E_INVALID, "%s is %s, not %s", name, redux_dtype_name(tensor->dtype),
                        redux_dtype_name(dtype));
    if (tensor->data == NULL && elements > 0)
        return rdx_fail(REDUX_E_INVALID, "%s has no data", name);
    return REDUX_OK;
}

redux_status rdx_check_unit_range(const float *values, int64_t count, const char *name,
                                  const char *remedy)
{
    int outside = 0;
    for (int64_t i = 0; i < count; i++) /* without a branch, so that compilers vectorise it */
        outside |= (values[i] < 0) | (values[i] > 1);
    for (int64_t i = 0; outside != 0 && i < count; i++)
        if ((values[i] < 0 || values[i] > 1) && isfinite(values[i]))
            return rdx_fail(REDUX_E_INVALID, "%s: the float32 image holds %g, outside [0, 1]: %s",
                            name, (double)values[i], remedy);
    return REDUX_OK;
}

/* ---- making and viewing ---- */

static void set_shape(redux_tensor *tensor, redux_dtype dtype, int32_t ndim, const int64_t *shape,
                      const int64_t *strides)
{
    int64_t step = 1;
    memset(tensor, 0, sizeof *tensor);
    tensor->ndim = ndim;
    tensor->dtype = dtype;
    for (int32_t i = ndim - 1; i >= 0; i--) {
        tensor->shape[i] = shape[i];
        tensor->strides[i] = strides == NULL ? step : strides[i];
        step *= RDX_MAX(shape[i], 1);
    }
}

redux_status redux_tensor_new(redux_tensor *out, redux_context *context, redux_dtype dtype,
                              int32_t ndim, const int64_t *shape)
{
    uint64_t elements = 0;
    void *block;
    redux_storage *storage;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_new: out is NULL");
    RDX_TRY(check_shape(ndim, shape, dtype, &elements));
    RDX_TRY(rdx_alloc_zero(context, &block, elements, redux_dtype_size(dtype)));
    redux_status status = rdx_storage_new(&storage, context, rdx_free, block);
    if (status != REDUX_OK) {
        rdx_free(block);
        return status;
    }
    set_shape(out, dtype, ndim, shape, NULL);
    out->data = block;
    out->storage = storage;
    return REDUX_OK;
}

redux_status redux_tensor_borrow(redux_tensor *out, void *data, redux_dtype dtype, int32_t ndim,
                                 const int64_t *shape, const int64_t *strides)
{
    uint64_t elements = 0;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_borrow: out is NULL");
    RDX_TRY(check_shape(ndim, shape, dtype, &elements));
    if (data == NULL && elements > 0)
        return rdx_fail(REDUX_E_INVALID, "redux_tensor_borrow: data is NULL");
    if (strides != NULL)
        RDX_TRY(check_strides(ndim, shape, strides, dtype));
    set_shape(out, dtype, ndim, shape, strides);
    out->data = data;
    return REDUX_OK;
}

void redux_tensor_release(redux_tensor *tensor)
{
    if (tensor == NULL)
        return;
    rdx_storage_release(tensor->storage);
    memset(tensor, 0, sizeof *tensor);
    tensor->dtype = REDUX_UINT8;
}

redux_status redux_tensor_view(redux_tensor *out, const redux_tensor *in)
{
    if (out == NULL || out == in)
        return rdx_fail(REDUX_E_INVALID, "view: out must be another tensor than in");
    RDX_TRY(rdx_tensor_check(in, -1, 0, "in"));
    rdx_storage_retain(in->storage);
    *out = *in;
    return REDUX_OK;
}

/* Moves the start of a view. An empty tensor has no element to move to. */
static void advance(redux_tensor *tensor, int64_t elements)
{
    if (tensor->data != NULL)
        tensor->data = (char *)tensor->data + elements * (int64_t)redux_dtype_size(tensor->dtype);
}

redux_status redux_tensor_slice(redux_tensor *out, const redux_tensor *in, int32_t axis,
                                int64_t start, int64_t count, int64_t step)
{
    int64_t last;
    RDX_TRY(rdx_tensor_check(in, -1, 0, "in"));
    if (axis < 0 || axis >= in->ndim || count < 0 || step == 0)
        return rdx_fail(REDUX_E_INVALID, "slice: axis %d of %d, count %lld, step %lld", (int)axis,
                        (int)in->ndim, (long long)count, (long long)step);
    if (count > 0 &&
        (start < 0 || start >= in->shape[axis] || __builtin_mul_overflow(count - 1, step, &last) ||
         __builtin_add_overflow(last, start, &last) || last < 0 || last >= in->shape[axis]))
        return rdx_fail(REDUX_E_INVALID,
                        "slice: %lld from %lld in steps of %lld leave axis %d (%lld)",
                        (long long)count, (long long)start, (long long)step, (int)axis,
                        (long long)in->shape[axis]);
    RDX_TRY(redux_tensor_view(out, in));
    if (count > 0)
        advance(out, start * in->strides[axis]);
    out->shape[axis] = count;
    out->strides[axis] = count > 1 ? in->strides[axis] * step : in->strides[axis];
    return REDUX_OK;
}

redux_status redux_tensor_select(redux_tensor *out, const redux_tensor *in, int32_t axis,
                                 int64_t index)
{
    RDX_TRY(redux_tensor_slice(out, in, axis, index, 1, 1));
    for (int32_t i = axis; i < in->ndim; i++) {
        out->shape[i] = i + 1 < in->ndim ? in->shape[i + 1] : 0;
        out->strides[i] = i + 1 < in->ndim ? in->strides[i + 1] : 0;
    }
    out->ndim = in->ndim - 1;
    return REDUX_OK;
}

redux_status redux_tensor_permute(redux_tensor *out, const redux_tensor *in, const int32_t *order)
{
    unsigned seen = 0;
    RDX_TRY(rdx_tensor_check(in, -1, 0, "in"));
    if (order == NULL && in->ndim > 0)
        return rdx_fail(REDUX_E_INVALID, "permute: order is NULL");
    for (int32_t i = 0; i < in->ndim; i++) {
        if (order[i] < 0 || order[i] >= in->ndim || (seen >> order[i] & 1) != 0)
            return rdx_fail(REDUX_E_INVALID, "permute: order[%d] is %d", (int)i, (int)order[i]);
        seen |= 1U << order[i];
    }
    RDX_TRY(redux_tensor_view(out, in));
    for (int32_t i = 0; i < in->ndim; i++) {
        out->shape[i] = in->shape[order[i]];
        out->strides[i] = in->strides[order[i]];
    }
    return REDUX_OK;
}

redux_status redux_tensor_reshape(redux_tensor *out, const redux_tensor *in, int32_t ndim,
                                  const int64_t *shape)
{
    uint64_t elements = 0;
    redux_tensor shaped;
    if (out == in)
        return rdx_fail(REDUX_E_INVALID, "view: out must be another tensor than in");
    RDX_TRY(rdx_tensor_check(in, -1, 0, "in"));
    RDX_TRY(check_shape(ndim, shape, in->dtype, &elements));
    if (elements != (uint64_t)redux_tensor_elements(in) || !redux_tensor_is_contiguous(in))
        return rdx_fail(REDUX_E_INVALID, "reshape: %lld elements (%s) do not become %llu elements",
                        (long long)redux_tensor_elements(in),
                        redux_tensor_is_contiguous(in) ? "contiguous" : "with gaps",
                        (unsigned long long)elements);
    set_shape(&shaped, in->dtype, ndim, shape, NULL);
    shaped.data = in->data;
    shaped.storage = in->storage;
    return redux_tensor_view(out, &shaped);
}

int64_t redux_tensor_elements(const redux_tensor *tensor)
{
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->ndim; i++)
        count *= tensor->shape[i];
    return count;
}

int redux_tensor_is_contiguous(const redux_tensor *tensor)
{
    int64_t step = 1;
    for (int32_t i = tensor->ndim - 1; i >= 0; i--) {
        if (tensor->shape[i] == 0)
            return 1;
        if (tensor->shape[i] > 1 && tensor->strides[i] != step)
            return 0;
        step *= tensor->shape[i];
    }
    return 1;
}

/* ---- copying ---- */

static double from_float16(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value;
    if (exponent == 31)
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(fraction + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

static uint16_t to_float16(double value)
{
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    double magnitude = fabs(value);
    int exponent;
    if (isnan(value))
        return sign | 0x7e00;
    if (magnitude == 0)
        return sign;
    if (magnitude >= 65520) /* half way from the largest float16 to the next power of two */
        return sign | 0x7c00;
    frexp(magnitude, &exponent);
    if (exponent < -13)
        exponent = -13; /* subnormal */
    /* Rounding may carry into the exponent: the encoding absorbs that. */
    const uint32_t scaled = (uint32_t)nearbyint(ldexp(magnitude, 11 - exponent));
    return (uint16_t)(sign | (scaled + (uint32_t)(exponent + 13) * 1024));
}

static double from_bfloat16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

static uint16_t to_bfloat16(double value)
{
    const float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double rdx_load(const void *data, int64_t index, redux_dtype dtype)
{
    switch (dtype) {
    case REDUX_INT8:
        return ((const int8_t *)data)[index];
    case REDUX_INT16:
        return ((const int16_t *)data)[index];
    case REDUX_INT32:
        return ((const int32_t *)data)[index];
    case REDUX_INT64:
        return (double)((const int64_t *)data)[index];
    case REDUX_UINT8:
    case REDUX_BOOL:
        return ((const uint8_t *)data)[index];
    case REDUX_UINT16:
        return ((const uint16_t *)data)[index];
    case REDUX_UINT32:
        return ((const uint32_t *)data)[index];
    case REDUX_UINT64:
        return (double)((const uint64_t *)data)[index];
    case REDUX_FLOAT16:
        return from_float16(((const uint16_t *)data)[index]);
    case REDUX_BFLOAT16:
        return from_bfloat16(((const uint16_t *)data)[index]);
    case REDUX_FLOAT32:
        return (double)((const float *)data)[index];
    case REDUX_FLOAT64:
        return ((const double *)data)[index];
    }
    return 0;
}

/* Rounds `value` and keeps it within [low, high], which are exact doubles. NaN becomes 0. */
static double clamp(double value, double low, double high)
{
    if (isnan(value))
        return 0;
    value = nearbyint(value);
    return value < low ? low : value > high ? high : value;
}

static void store(void *data, int64_t index, redux_dtype dtype, double value)
{
    switch (dtype) {
    case REDUX_INT8:
        ((int8_t *)data)[index] = (int8_t)clamp(value, INT8_MIN, INT8_MAX);
        break;
    case REDUX_INT16:
        ((int16_t *)data)[index] = (int16_t)clamp(value, INT16_MIN, INT16_MAX);
        break;
    case REDUX_INT32:
        ((int32_t *)data)[index] = (int32_t)clamp(value, INT32_MIN, INT32_MAX);
        break;
    case REDUX_INT64: /* 2^63 is not an int64, so the bound is the largest double below it */
        ((int64_t *)data)[index] =
            value >= 0x1p63 ? INT64_MAX : (int64_t)clamp(value, -0x1p63, 0x1p63 - 1024);
        break;
    case REDUX_UINT8:
        ((uint8_t *)data)[index] = (uint8_t)clamp(value, 0, UINT8_MAX);
        break;
    case REDUX_BOOL:
        ((uint8_t *)data)[index] = value != 0;
        break;
    case REDUX_UINT16:
        ((uint16_t *)data)[index] = (uint16_t)clamp(value, 0, UINT16_MAX);
        break;
    case REDUX_UINT32:
        ((uint32_t *)data)[index] = (uint32_t)clamp(value, 0, UINT32_MAX);
        break;
    case REDUX_UINT64:
        ((uint64_t *)data)[index] =
            value >= 0x1p64 ? UINT64_MAX : (uint64_t)clamp(value, 0, 0x1p64 - 2048);
        break;
    case REDUX_FLOAT16:
        ((uint16_t *)data)[index] = to_float16(value);
        break;
    case REDUX_BFLOAT16:
        ((uint16_t *)data)[index] = to_bfloat16(value);
        break;
    case REDUX_FLOAT32:
        ((float *)data)[index] = (float)value;
        break;
    case REDUX_FLOAT64:
        ((double *)data)[index] = value;
        break;
    }
}

static bool is_64_bit_integer(redux_dtype dtype)
{
    return dtype == REDUX_INT64 || dtype == REDUX_UINT64;
}

/* Some 64-bit integers do not fit into a double. Conversions to the other kind, or to float32
 * (which would round twice), are direct. */
static void convert(void *to, int64_t to_index, redux_dtype to_dtype, const void *from,
                    int64_t from_index, redux_dtype from_dtype)
{
    const int64_t number = from_dtype == REDUX_INT64 ? ((const int64_t *)from)[from_index] : 0;
    const uint64_t natural = from_dtype == REDUX_UINT64 ? ((const uint64_t *)from)[from_index] : 0;
    if (!is_64_bit_integer(from_dtype) ||
        (!is_64_bit_integer(to_dtype) && to_dtype != REDUX_FLOAT32))
        store(to, to_index, to_dtype, rdx_load(from, from_index, from_dtype));
    else if (to_dtype == REDUX_FLOAT32)
        ((float *)to)[to_index] = from_dtype == REDUX_INT64 ? (float)number : (float)natural;
    else if (to_dtype == REDUX_UINT64)
        ((uint64_t *)to)[to_index] = (uint64_t)RDX_MAX(number, 0);
    else
        ((int64_t *)to)[to_index] = (int64_t)RDX_MIN(natural, (uint64_t)INT64_MAX);
}

/* The same dtype moves bytes, so that 64-bit integers stay exact. */
static void move_row(void *to, int64_t to_stride, const void *from, int64_t from_stride,
                     int64_t count, size_t size)
{
    const int64_t step = (int64_t)size;
    if (to_stride == 1 && from_stride == 1) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)to + i * to_stride * step, (const char *)from + i * from_stride * step,
               size);
}

static void copy_axis(const redux_tensor *out, char *to, const redux_tensor *in, const char *from,
                      int32_t axis)
{
    const int64_t to_stride = axis < out->ndim ? out->strides[axis] : 1;
    const int64_t from_stride = axis < in->ndim ? in->strides[axis] : 1;
    const int64_t count = axis < out->ndim ? out->shape[axis] : 1;
    const size_t to_size = redux_dtype_size(out->dtype), from_size = redux_dtype_size(in->dtype);

    if (axis + 1 < out->ndim) {
        for (int64_t i = 0; i < count; i++)
            copy_axis(out, to + i * to_stride * (int64_t)to_size, in,
                      from + i * from_stride * (int64_t)from_size, axis + 1);
    } else if (out->dtype == in->dtype) {
        move_row(to, to_stride, from, from_stride, count, to_size);
    } else {
        for (int64_t i = 0; i < count; i++)
            convert(to, i * to_stride, out->dtype, from, i * from_stride, in->dtype);
    }
}

redux_status redux_tensor_copy(const redux_tensor *out, const redux_tensor *in)
{
    RDX_TRY(rdx_tensor_check(in, -1, 0, "in"));
    RDX_TRY(rdx_tensor_check(out, in->ndim, 0, "out"));
    for (int32_t i = 0; i < in->ndim; i++)
        if (in->shape[i] != out->shape[i])
            return rdx_fail(REDUX_E_INVALID, "copy: axis %d has %lld and %lld elements", (int)i,
                            (long long)in->shape[i], (long long)out->shape[i]);
    if (redux_tensor_elements(in) > 0)
        copy_axis(out, out->data, in, in->data, 0);
    return REDUX_OK;
}

redux_status redux_tensor_contiguous(redux_tensor *out, redux_context *context,
                                     const redux_tensor *in, redux_dtype dtype)
{
    redux_tensor copy;
    if (out == NULL || out == in)
        return rdx_fail(REDUX_E_INVALID, "contiguous: out must be another tensor than in");
    RDX_TRY(rdx_tensor_check(in, -1, 0, "in"));
    if (in->dtype == dtype && redux_tensor_is_contiguous(in))
        return redux_tensor_view(out, in);
    RDX_TRY(redux_tensor_new(&copy, context, dtype, in->ndim, in->shape));
    redux_status status = redux_tensor_copy(&copy, in);
    if (status != REDUX_OK) {
        redux_tensor_release(&copy);
        return status;
    }
    *out = copy;
    return REDUX_OK;
}

/* ---- finite values ---- */

/* x - x is 0 for finite values alone, so that a run of them needs no branch. */
static bool is_finite_run(const float *values, int64_t count)
{
    float sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i] - values[i];
    return sum == 0;
}

static int64_t offset_of(const redux_tensor *tensor, int64_t index)
{
    int64_t offset = 0;
    for (int32_t i = tensor->ndim - 1; i >= 0; i--) {
        offset += index % tensor->shape[i] * tensor->strides[i];
        index /= tensor->shape[i];
    }
    return offset;
}

int64_t rdx_first_not_finite(const redux_tensor *tensor)
{
    const int64_t count = redux_tensor_elements(tensor);
    if (tensor->dtype == REDUX_FLOAT32 && redux_tensor_is_contiguous(tensor) &&
        is_finite_run(tensor->data, count))
        return -1;
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(rdx_load(tensor->data, offset_of(tensor, i), tensor->dtype)))
            return i;
    return -1;
}
