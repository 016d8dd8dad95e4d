/* SPDX-License-Identifier: MIT
 * Tensors: views, and conversion of every type to every other. */
#include <math.h>
#include <string.h>
#include "base/base.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- views ---- */

/* Element values of a small int32 tensor in C order, through its strides. */
static void assert_values(const redux_tensor *tensor, const int32_t *want)
{
    redux_tensor copy;
    ck_assert_redux_ok(redux_tensor_contiguous(&copy, NULL, tensor, REDUX_INT32));
    ck_assert_int_eq(redux_tensor_is_contiguous(&copy), 1);
    ck_assert(memcmp(copy.data, want, (size_t)redux_tensor_elements(tensor) * sizeof *want) == 0);
    redux_tensor_release(&copy);
}

static redux_tensor counting_tensor(void)
{
    const int64_t shape[] = {2, 3, 4};
    redux_tensor tensor;
    ck_assert_redux_ok(redux_tensor_new(&tensor, NULL, REDUX_INT32, 3, shape));
    for (int32_t i = 0; i < 24; i++) {
        ck_assert_int_eq(((int32_t *)tensor.data)[i], 0);
        ((int32_t *)tensor.data)[i] = i;
    }
    return tensor;
}

START_TEST(slices_and_selections)
{
    redux_tensor t = counting_tensor(), s, u;
    ck_assert_redux_ok(redux_tensor_slice(&s, &t, 2, 3, 2, -2));
    assert_values(&s, (const int32_t[]){3, 1, 7, 5, 11, 9, 15, 13, 19, 17, 23, 21});
    ck_assert_int_eq(redux_tensor_is_contiguous(&s), 0);
    ck_assert_redux_ok(redux_tensor_slice(&u, &s, 1, 2, 3, -1));
    assert_values(&u, (const int32_t[]){11, 9, 7, 5, 3, 1, 23, 21, 19, 17, 15, 13});
    redux_tensor_release(&s);
    redux_tensor_release(&t); /* u keeps the memory */
    ck_assert_redux_ok(redux_tensor_select(&s, &u, 0, 1));
    ck_assert_int_eq(s.ndim, 2);
    ck_assert_int_eq(s.shape[2], 0);
    ck_assert_int_eq(s.strides[2], 0);
    assert_values(&s, (const int32_t[]){23, 21, 19, 17, 15, 13});
    redux_tensor_release(&u);
    ck_assert_redux_ok(redux_tensor_select(&u, &s, 1, 0));
    assert_values(&u, (const int32_t[]){23, 19, 15});
    redux_tensor_release(&s);
    ck_assert_redux_ok(redux_tensor_select(&s, &u, 0, 2));
    ck_assert_int_eq(s.ndim, 0);
    assert_values(&s, (const int32_t[]){15});
    redux_tensor_release(&u);
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_select(&u, &s, 0, 0));
    redux_tensor_release(&s);
}
END_TEST

START_TEST(refused_views)
{
    const struct {
        int32_t axis;
        int64_t start, count, step;
    } bad[] = {{3, 0, 1, 1},         {-1, 0, 1, 1},        {2, 0, 5, 1},  {2, 4, 1, 1},
               {2, -1, 1, 1},        {2, 0, 1, 0},         {2, 0, -1, 1}, {2, 0, 2, -1},
               {2, 1, 2, INT64_MAX}, {2, 1, INT64_MAX, 3}, {2, 3, 3, -2}};
    const int32_t twice[] = {0, 1, 1}, far[] = {0, 1, 3};
    redux_tensor t = counting_tensor(), s = REDUX_TENSOR_INIT;
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_redux(REDUX_E_INVALID, redux_tensor_slice(&s, &t, bad[i].axis, bad[i].start,
                                                            bad[i].count, bad[i].step));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_permute(&s, &t, twice));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_permute(&s, &t, far));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_permute(&s, &t, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_reshape(&s, &t, 1, (const int64_t[]){23}));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_view(&t, &t));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_slice(&t, &t, 0, 0, 1, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_reshape(&t, &t, 1, (const int64_t[]){24}));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_contiguous(&t, NULL, &t, REDUX_INT32));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_contiguous(&t, NULL, &t, REDUX_UINT8));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_contiguous(NULL, NULL, &t, REDUX_UINT8));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_view(NULL, &t));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_view(&s, NULL));
    ck_assert_ptr_null(s.data);
    ck_assert_ptr_null(s.storage);
    redux_tensor_release(&t);
}
END_TEST

START_TEST(permuting_and_reshaping)
{
    redux_tensor t = counting_tensor(), p, r, back;
    ck_assert_redux_ok(redux_tensor_permute(&p, &t, (const int32_t[]){2, 0, 1}));
    ck_assert(p.shape[0] == 4 && p.shape[1] == 2 && p.shape[2] == 3);
    assert_values(&p, (const int32_t[]){0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                        2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23});
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_reshape(&r, &p, 1, (const int64_t[]){24}));
    ck_assert_redux_ok(redux_tensor_permute(&back, &p, (const int32_t[]){1, 2, 0}));
    ck_assert_int_eq(redux_tensor_is_contiguous(&back), 1);
    ck_assert_redux_ok(redux_tensor_reshape(&r, &back, 4, (const int64_t[]){1, 6, 1, 4}));
    ck_assert_ptr_eq(r.data, t.data);
    ck_assert_int_eq(redux_tensor_is_contiguous(&r), 1);
    ck_assert_int_eq(r.strides[1], 4);
    redux_tensor_release(&t);
    redux_tensor_release(&p);
    redux_tensor_release(&back);
    ck_assert_int_eq(((int32_t *)r.data)[23], 23);
    redux_tensor_release(&r);
    redux_tensor_release(&r); /* a cleared tensor may be released */
    redux_tensor_release(NULL);
}
END_TEST

START_TEST(borrowed_memory)
{
    int32_t values[6] = {1, 2, 3, 4, 5, 6};
    const int64_t shape[] = {3, 2}, strides[] = {-2, 0};
    redux_tensor t, v;
    ck_assert_redux_ok(redux_tensor_borrow(&t, values + 4, REDUX_INT32, 2, shape, strides));
    assert_values(&t, (const int32_t[]){5, 5, 3, 3, 1, 1});
    ck_assert_redux_ok(redux_tensor_view(&v, &t));
    redux_tensor_release(&t);
    ck_assert_ptr_null(t.data);
    assert_values(&v, (const int32_t[]){5, 5, 3, 3, 1, 1});
    redux_tensor_release(&v);
    ck_assert_int_eq(values[5], 6);
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_borrow(&t, NULL, REDUX_INT32, 2, shape, NULL));
    ck_assert_redux_ok(
        redux_tensor_borrow(&t, NULL, REDUX_INT32, 2, (const int64_t[]){0, 2}, NULL));
    ck_assert_redux_ok(redux_tensor_slice(&v, &t, 0, 0, 0, 1));
    redux_tensor_release(&v);
    ck_assert_int_eq(redux_tensor_is_contiguous(&t), 1);
}
END_TEST

/* ---- conversion ---- */

static const redux_dtype dtypes[] = {REDUX_INT8,    REDUX_INT16,   REDUX_INT32,   REDUX_INT64,
                                     REDUX_UINT8,   REDUX_UINT16,  REDUX_UINT32,  REDUX_UINT64,
                                     REDUX_FLOAT16, REDUX_FLOAT32, REDUX_FLOAT64, REDUX_BFLOAT16,
                                     REDUX_BOOL};

/* The value of a float with so many exponent and fraction bits, by definition. */
static double decode(uint32_t bits, int exponent_bits, int fraction_bits)
{
    const uint32_t fraction = bits & ((1U << fraction_bits) - 1);
    const int exponent = (int)(bits >> fraction_bits & ((1U << exponent_bits) - 1));
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const double sign = (bits >> (exponent_bits + fraction_bits) & 1) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1U << fraction_bits), exponent - bias - fraction_bits);
}

static double load_plainly(const void *data, redux_dtype dtype)
{
    uint16_t half;
    if (dtype != REDUX_FLOAT16 && dtype != REDUX_BFLOAT16)
        return rdx_load(data, 0, dtype);
    memcpy(&half, data, sizeof half);
    return dtype == REDUX_FLOAT16 ? decode(half, 5, 10) : decode(half, 8, 7);
}

/* The 16-bit float nearest to `value`, the even one of two, by searching all of them. */
static uint16_t nearest_half(double value, int exponent_bits, int fraction_bits)
{
    const uint16_t infinity = (uint16_t)(((1 << exponent_bits) - 1) << fraction_bits);
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double magnitude = fabs(value);
    uint16_t low = 0, high = infinity; /* decode(low) <= magnitude < decode(high) */
    if (isinf(value))
        return sign | infinity;
    while (high - low > 1) {
        const uint16_t middle = (uint16_t)((low + high) / 2);
        if (decode(middle, exponent_bits, fraction_bits) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    /* infinity stands for the power of two that would follow */
    const double above = high == infinity ? 2 * decode((uint16_t)(infinity - (1 << fraction_bits)),
                                                       exponent_bits, fraction_bits)
                                          : decode(high, exponent_bits, fraction_bits);
    const double middle = (decode(low, exponent_bits, fraction_bits) + above) / 2;
    if (magnitude > middle || (magnitude == middle && low % 2 != 0))
        low = high;
    return sign | low;
}

static double rounded(double value, double low, double high)
{
    return isnan(value) ? 0 : fmin(fmax(rint(value), low), high);
}

/* The integer of `bits` bits nearest to `value`, as its lowest bytes. */
static uint64_t nearest_integer(double value, int bits, bool is_signed)
{
    const double end = ldexp(1, is_signed ? bits - 1 : bits);
    if (value >= end) /* 2^64 - 1 and 2^63 - 1 are no doubles */
        return UINT64_MAX >> (64 - bits + is_signed);
    if (is_signed)
        return (uint64_t)(int64_t)rounded(value, -end, bits < 64 ? end - 1 : end);
    return (uint64_t)rounded(value, 0, bits < 64 ? end - 1 : end);
}

static bool is_signed_integer(redux_dtype dtype)
{
    return ((unsigned)dtype & 255) == 0;
}

static const bool is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/* What must be stored for `value`, as raw bytes; NaN for floats is told apart by the caller. */
static void store_plainly(void *out, redux_dtype dtype, double value)
{
    const size_t size = redux_dtype_size(dtype);
    const float narrow = (float)value;
    uint16_t half;
    uint64_t integer;
    switch (dtype) {
    case REDUX_FLOAT16:
    case REDUX_BFLOAT16: /* as elsewhere, by way of float32 */
        half = dtype == REDUX_FLOAT16 ? nearest_half(value, 5, 10)
                                      : nearest_half((double)narrow, 8, 7);
        memcpy(out, &half, size);
        return;
    case REDUX_FLOAT32:
        memcpy(out, &narrow, size);
        return;
    case REDUX_FLOAT64:
        memcpy(out, &value, size);
        return;
    case REDUX_BOOL:
        *(uint8_t *)out = value != 0;
        return;
    default:
        integer = nearest_integer(value, (int)(8 * size), is_signed_integer(dtype));
        memcpy(out, (const char *)&integer + (is_big ? sizeof integer - size : 0), size);
    }
}

/* 64-bit integers are not doubles: between each other, and to float32, they go directly. */
static void store_integer(void *out, redux_dtype dtype, redux_dtype from, uint64_t bits)
{
    const int64_t number = (int64_t)bits;
    const bool negative = from == REDUX_INT64 && number < 0;
    const float narrow = from == REDUX_INT64 ? (float)number : (float)bits;
    uint64_t kept = bits;
    if (from != dtype && (negative || number < 0))
        kept = negative ? 0 : INT64_MAX;
    if (dtype == REDUX_FLOAT32)
        memcpy(out, &narrow, sizeof narrow);
    else if (dtype == REDUX_INT64 || dtype == REDUX_UINT64)
        memcpy(out, &kept, sizeof kept);
    else
        store_plainly(out, dtype, from == REDUX_INT64 ? (double)number : (double)bits);
}

static bool is_float(redux_dtype dtype)
{
    return dtype == REDUX_FLOAT16 || dtype == REDUX_FLOAT32 || dtype == REDUX_FLOAT64 ||
           dtype == REDUX_BFLOAT16;
}

/* Interesting bit patterns of any dtype: small numbers, extremes, halves, random ones. */
static uint64_t pattern(redux_dtype dtype, uint32_t index)
{
    const double doubles[] = {0.5,       1.5,     2.5,     -0.5,      -1.5,       127.5,   128.5,
                              255.5,     1e300,   -1e300,  65519.,    65520.,     65535.5, 0x1p63,
                              0x1p64,    -0x1p63, 5e-8,    3e-8,      1e-40,      NAN,     INFINITY,
                              -INFINITY, -0.0,    0x1p-25, 0x1.8p-25, 0x1.ffep-15};
    const redux_random_key key = {.seed = (uint64_t)dtype};
    uint64_t bits = 0;
    if (dtype == REDUX_BOOL)
        return index % 2;
    if (index < COUNT(doubles) && dtype == REDUX_FLOAT64) {
        memcpy(&bits, &doubles[index], 8);
    } else if (index < COUNT(doubles) && dtype == REDUX_FLOAT32) {
        const float value = (float)doubles[index];
        memcpy(&bits, &value, 4);
    } else if (index < 64) { /* 0, 1, ..., all ones, the sign alone, just below it */
        const unsigned width = 8 * (unsigned)redux_dtype_size(dtype);
        bits = index < 16   ? index
               : index < 32 ? ~(uint64_t)(index - 16)
                            : (UINT64_C(1) << (width - 1)) + index - 48;
    } else {
        bits = (uint64_t)redux_random_u32(&key, 2 * index) << 32 |
               redux_random_u32(&key, 2 * index + 1);
        if (dtype == REDUX_FLOAT64 && index % 2 == 0) { /* near the range of the others */
            const double value = ldexp((double)(int64_t)bits, -(int)(index % 90));
            memcpy(&bits, &value, 8);
        } else if (dtype == REDUX_FLOAT32 && index % 2 == 0) {
            const float value = ldexpf((float)(int64_t)bits, -(int)(index % 90));
            memcpy(&bits, &value, 4);
        }
    }
    return bits;
}

static void check_conversion(redux_dtype from, redux_dtype to)
{
    enum { LENGTH = 1500 };
    const size_t from_size = redux_dtype_size(from), to_size = redux_dtype_size(to);
    const int64_t shape[] = {LENGTH / 3, 3}, turned[] = {3, LENGTH / 3};
    redux_tensor in, out, columns;
    ck_assert_redux_ok(redux_tensor_new(&in, NULL, from, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&columns, NULL, to, 2, turned));
    ck_assert_redux_ok(redux_tensor_permute(&out, &columns, (const int32_t[]){1, 0}));
    for (uint32_t i = 0; i < LENGTH; i++) {
        const uint64_t bits = pattern(from, i);
        memcpy((char *)in.data + i * from_size, &bits, from_size);
    }
    ck_assert_redux_ok(redux_tensor_copy(&out, &in));
    for (int64_t i = 0; i < LENGTH; i++) {
        const char *source = (const char *)in.data + (size_t)i * from_size;
        const char *got =
            (const char *)columns.data + (size_t)(i % 3 * (LENGTH / 3) + i / 3) * to_size;
        const double value = load_plainly(source, from);
        char want[8];
        if (from == REDUX_INT64 || from == REDUX_UINT64)
            store_integer(want, to, from, pattern(from, (uint32_t)i));
        else
            store_plainly(want, to, value);
        if (isnan(value) && is_float(to))
            ck_assert(isnan(load_plainly(got, to)));
        else
            ck_assert_msg(memcmp(got, want, to_size) == 0, "%s %.20g to %s: %.20g, not %.20g",
                          redux_dtype_name(from), value, redux_dtype_name(to),
                          load_plainly(got, to), load_plainly(want, to));
    }
    redux_tensor_release(&out);
    redux_tensor_release(&columns);
    redux_tensor_release(&in);
}

START_TEST(every_dtype_to_every_other)
{
    for (size_t to = 0; to < COUNT(dtypes); to++)
        check_conversion(dtypes[_i], dtypes[to]);
}
END_TEST

START_TEST(all_halves_there_and_back)
{
    const redux_dtype halves[] = {REDUX_FLOAT16, REDUX_BFLOAT16};
    const int64_t shape[] = {65536};
    for (int h = 0; h < 2; h++) {
        redux_tensor in, wide, back;
        ck_assert_redux_ok(redux_tensor_new(&in, NULL, halves[h], 1, shape));
        for (uint32_t i = 0; i < 65536; i++)
            ((uint16_t *)in.data)[i] = (uint16_t)i;
        ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &in, REDUX_FLOAT32));
        ck_assert_redux_ok(redux_tensor_contiguous(&back, NULL, &wide, halves[h]));
        for (uint32_t i = 0; i < 65536; i++) {
            const double want = h == 0 ? decode(i, 5, 10) : decode(i, 8, 7);
            const float got = ((float *)wide.data)[i];
            if (isnan(want)) {
                ck_assert(isnan(got));
                continue;
            }
            ck_assert(want == (double)got && !signbit(want) == !signbit(got));
            ck_assert_uint_eq(((uint16_t *)back.data)[i], i);
        }
        redux_tensor_release(&in);
        redux_tensor_release(&wide);
        redux_tensor_release(&back);
    }
}
END_TEST

START_TEST(dtype_names)
{
    const char *const names[] = {"int8",    "int16",    "int32",  "int64",   "uint8",
                                 "uint16",  "uint32",   "uint64", "float16", "float32",
                                 "float64", "bfloat16", "bool"};
    for (size_t i = 0; i < COUNT(dtypes); i++) {
        ck_assert_str_eq(redux_dtype_name(dtypes[i]), names[i]);
        ck_assert_uint_eq(redux_dtype_size(dtypes[i]), ((unsigned)dtypes[i] >> 8 & 255) / 8);
    }
    ck_assert_str_eq(redux_dtype_name((redux_dtype)1), "unknown");
    ck_assert_uint_eq(redux_dtype_size((redux_dtype)1), 0);
}
END_TEST

START_TEST(refused_copies)
{
    redux_tensor a = counting_tensor(), b, c;
    ck_assert_redux_ok(redux_tensor_new(&b, NULL, REDUX_INT32, 2, (const int64_t[]){6, 4}));
    ck_assert_redux_ok(redux_tensor_new(&c, NULL, REDUX_INT32, 3, (const int64_t[]){2, 4, 3}));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(&b, &a));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(&c, &a));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(NULL, &a));
    ck_assert_redux(REDUX_E_INVALID, redux_tensor_copy(&a, NULL));
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    redux_tensor_release(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor");
    TCase *tensor = tcase_create("tensor");
    tcase_add_test(tensor, slices_and_selections);
    tcase_add_test(tensor, refused_views);
    tcase_add_test(tensor, permuting_and_reshaping);
    tcase_add_test(tensor, borrowed_memory);
    tcase_add_loop_test(tensor, every_dtype_to_every_other, 0, (int)COUNT(dtypes));
    tcase_add_test(tensor, all_halves_there_and_back);
    tcase_add_test(tensor, dtype_names);
    tcase_add_test(tensor, refused_copies);
    suite_add_tcase(suite, tensor);
    return run_suite(suite);
}
