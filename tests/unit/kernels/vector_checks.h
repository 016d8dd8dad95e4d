/* SPDX-License-Identifier: MIT
 * The operations of lib/kernels/vector.h for one tier, each against scalar C; test_vector.c
 * includes this once for each tier, with TIER as its name. */

#include "kernels/vector.h"

_Static_assert(sizeof(vec_f32) == VEC_LANES * sizeof(float), "lanes");
_Static_assert(sizeof(vec_i32) == sizeof(vec_f32) && sizeof(vec_u32) == sizeof(vec_f32) &&
                   sizeof(vec_i16) == sizeof(vec_f32),
               "one size");
_Static_assert(16 % VEC_LANES == 0, "loops pad to 16");

static void OWN(check_load)(void)
{
    float from[VEC_LANES + 3], to[VEC_LANES + 3];
    for (int at = 0; at < 3; at++) {
        fill(from, VEC_LANES + 3, at);
        memset(to, 0, sizeof to);
        vec_store(to + at, vec_load(from + at));
        expect_floats(to + at, from + at, VEC_LANES);
        for (int k = 0; k < VEC_LANES + 3; k++)
            ck_assert(to[k] == 0 || (k >= at && k < at + VEC_LANES) || isnan(to[k]));
        memset(to, 0, sizeof to);
        vec_store_i32(to + at, vec_load_i32(from + at));
        ck_assert_mem_eq(to + at, from + at, sizeof(vec_i32));
    }
}

static void OWN(check_all)(void)
{
    float out[VEC_LANES];
    int32_t whole[VEC_LANES];
    for (int i = 0; i < NUMBERS; i++) {
        vec_store(out, vec_all(numbers[i]));
        for (int k = 0; k < VEC_LANES; k++)
            expect_floats(out + k, numbers + i, 1);
    }
    for (int i = 0; i < WHOLE; i++) {
        vec_store_i32(whole, vec_all_i32(whole_numbers[i]));
        for (int k = 0; k < VEC_LANES; k++)
            ck_assert_int_eq(whole[k], whole_numbers[i]);
    }
}

static void OWN(check_from_i32)(void)
{
    int32_t from[VEC_LANES];
    float to[VEC_LANES], expected[VEC_LANES];
    for (int i = 0; i < WHOLE; i++) {
        for (int k = 0; k < VEC_LANES; k++) {
            from[k] = whole_numbers[(i + k) % WHOLE];
            expected[k] = (float)from[k];
        }
        vec_store(to, vec_from_i32(vec_load_i32(from)));
        expect_floats(to, expected, VEC_LANES);
    }
}

/* What the compiler makes of operators, with a scalar too. */
static void OWN(check_operators)(void)
{
    float a[VEC_LANES], b[VEC_LANES], expected[5][VEC_LANES], out[5][VEC_LANES];
    for (int i = 0; i < NUMBERS; i++)
        for (int j = 0; j < NUMBERS; j++) {
            fill(a, VEC_LANES, i);
            fill(b, VEC_LANES, j);
            for (int k = 0; k < VEC_LANES; k++) {
                expected[0][k] = a[k] + b[k];
                expected[1][k] = a[k] - b[k];
                expected[2][k] = a[k] * b[k];
                expected[3][k] = a[k] / b[k];
                expected[4][k] = a[k] * numbers[j];
            }
            vec_store(out[0], vec_load(a) + vec_load(b));
            vec_store(out[1], vec_load(a) - vec_load(b));
            vec_store(out[2], vec_load(a) * vec_load(b));
            vec_store(out[3], vec_load(a) / vec_load(b));
            vec_store(out[4], vec_load(a) * numbers[j]);
            expect_floats(out[0], expected[0], 5 * VEC_LANES);
        }
}

static void OWN(check_fma)(void)
{
    float a[VEC_LANES], b[VEC_LANES], c[VEC_LANES], out[VEC_LANES], expected[VEC_LANES];
    for (int i = 0; i < NUMBERS * NUMBERS * NUMBERS; i++) {
        fill(a, VEC_LANES, i % NUMBERS);
        fill(b, VEC_LANES, i / NUMBERS % NUMBERS);
        fill(c, VEC_LANES, i / NUMBERS / NUMBERS);
        for (int k = 0; k < VEC_LANES; k++)
            expected[k] = VEC_FUSED ? fmaf(a[k], b[k], c[k]) : a[k] * b[k] + c[k];
        vec_store(out, vec_fma(vec_load(a), vec_load(b), vec_load(c)));
        expect_floats(out, expected, VEC_LANES);
    }
}

static void OWN(check_choice)(void)
{
    float a[VEC_LANES], b[VEC_LANES], expected[4][VEC_LANES], out[4][VEC_LANES];
    for (int i = 0; i < NUMBERS; i++)
        for (int j = 0; j < NUMBERS; j++) {
            unsigned less = 0, at_least = 0;
            fill(a, VEC_LANES, i);
            fill(b, VEC_LANES, j);
            for (int k = 0; k < VEC_LANES; k++) {
                less |= (unsigned)(a[k] < b[k]) << k;
                at_least |= (unsigned)(a[k] >= b[k]) << k;
                expected[0][k] = a[k] < b[k] ? a[k] : b[k];
                expected[1][k] = a[k] > b[k] ? a[k] : b[k];
                expected[2][k] = a[k] < b[k] ? b[k] : a[k];
                expected[3][k] = a[k] >= b[k] ? a[k] : 0;
            }
            const vec_f32 x = vec_load(a), y = vec_load(b);
            vec_store(out[0], vec_min(x, y));
            vec_store(out[1], vec_max(x, y));
            vec_store(out[2], vec_select(vec_less(x, y), y, x));
            vec_store(out[3], vec_select(vec_at_least(x, y), x, vec_all(0)));
            expect_floats(out[0], expected[0], 4 * VEC_LANES);
            ck_assert_uint_eq(vec_bits(vec_less(x, y)), less);
            ck_assert_uint_eq(vec_bits(vec_at_least(x, y)), at_least);
        }
}

/* In the order that vector.h promises. */
static void OWN(check_sum)(void)
{
    float lane[VEC_LANES];
    for (int i = 0; i < NUMBERS; i++) {
        fill(lane, VEC_LANES, i);
        const float sum = vec_sum(vec_load(lane));
        for (int half = VEC_LANES / 2; half > 0; half /= 2)
            for (int k = 0; k < half; k++)
                lane[k] += lane[k + half];
        expect_floats(&sum, lane, 1);
    }
}

static void OWN(check_cut)(void)
{
    float from[VEC_LANES + 8 + VEC_LANES], out[VEC_LANES];
    for (int k = 0; k < VEC_LANES + 8 + VEC_LANES; k++)
        from[k] = (float)k;
    const vec_f32 low = vec_load(from), high = vec_load(from + VEC_LANES);
#define CHECK_CUT(k)                                                                               \
    vec_store(out, VEC_CUT(from, low, high, k));                                                   \
    expect_floats(out, from + (k), VEC_LANES)
    CHECK_CUT(0);
    CHECK_CUT(1);
    CHECK_CUT(2);
    CHECK_CUT(3);
    CHECK_CUT(4);
    CHECK_CUT(5);
    CHECK_CUT(6);
    CHECK_CUT(7);
#undef CHECK_CUT
    ck_assert_int_eq(VEC_CUTS & ~1, 0);
}

static void OWN(check_bytes)(void)
{
    int32_t out[VEC_LANES];
    uint8_t *exact = malloc(VEC_LANES); /* a byte more is an error that a sanitizer sees */
    for (int first = 0; first < 256; first++) {
        for (int k = 0; k < VEC_LANES; k++)
            exact[k] = (uint8_t)(first + 37 * k);
        vec_store_i32(out, vec_load_u8(exact));
        for (int k = 0; k < VEC_LANES; k++)
            ck_assert_int_eq(out[k], exact[k]);
    }
    free(exact);
}

#if VEC_INTEGERS
static void OWN(check_pairs)(void)
{
    int16_t a[2 * VEC_LANES], b[2 * VEC_LANES];
    int32_t out[VEC_LANES];
    for (int i = 0; i < 256; i++) {
        for (int k = 0; k < 2 * VEC_LANES; k++) {
            a[k] = (int16_t)(i * 257 + k * 4099);
            b[k] = (int16_t)(k % 3 == 0 ? INT16_MAX : -i * 101 + k * 977);
        }
        const vec_i16 left = (vec_i16)vec_load_i32(a), right = (vec_i16)vec_load_i32(b);
        vec_store_i32(out, vec_totals(vec_add_pairs((vec_sums){0}, left, right)));
        for (int k = 0; k < VEC_LANES; k++)
            ck_assert_int_eq(out[k], a[2 * k] * b[2 * k] + a[2 * k + 1] * b[2 * k + 1]);
        vec_store_i32(out, vec_totals(vec_add_pairs(vec_add_pairs((vec_sums){0}, left, right),
                                                    right, right)));
        for (int k = 0; k < VEC_LANES; k++)
            ck_assert_int_eq((uint32_t)out[k],
                             (uint32_t)(b[2 * k] * (a[2 * k] + b[2 * k])) +
                                 (uint32_t)(b[2 * k + 1] * (a[2 * k + 1] + b[2 * k + 1])));
    }
}

/* 8 bits to 16 and back, which cuts. */
static void OWN(check_widths)(void)
{
    uint8_t *exact = malloc(2 * VEC_LANES);
    int32_t wide[2 * VEC_LANES];
    uint16_t out[2 * VEC_LANES];
    for (int first = 0; first < WHOLE; first++) {
        for (int k = 0; k < 2 * VEC_LANES; k++) {
            exact[k] = (uint8_t)(83 * first + 37 * k);
            wide[k] = whole_numbers[(first + k) % WHOLE];
        }
        vec_store_i32(out, (vec_i32)(vec_load_u8_u16(exact) + vec_all_u16(65000)));
        for (int k = 0; k < 2 * VEC_LANES; k++)
            ck_assert_uint_eq(out[k], (exact[k] + 65000) & 65535);
        const vec_i16 cut = vec_narrow(vec_load_i32(wide), vec_load_i32(wide + VEC_LANES));
        vec_store_i32(out, (vec_i32)cut);
        vec_store_u8(exact, cut);
        for (int k = 0; k < 2 * VEC_LANES; k++) {
            ck_assert_int_eq((int16_t)out[k], RDX_MIN(RDX_MAX(wide[k], INT16_MIN), INT16_MAX));
            ck_assert_int_eq(exact[k], RDX_MIN(RDX_MAX(wide[k], 0), 255));
        }
    }
    free(exact);
}

/* One bit, anywhere, is enough. */
static void OWN(check_is_zero)(void)
{
    uint32_t lanes[VEC_LANES] = {0};
    ck_assert(vec_is_zero(vec_load_i32(lanes)));
    for (int bit = 0; bit < 32 * VEC_LANES; bit++) {
        lanes[bit / 32] = 1U << bit % 32;
        ck_assert(!vec_is_zero(vec_load_i32(lanes)));
        lanes[bit / 32] = 0;
    }
}
#endif

static void OWN(check_turn)(void)
{
    int32_t place[VEC_LANES];
    vec_i32 in[VEC_LANES], out[VEC_LANES];
    for (int y = 0; y < VEC_LANES; y++) {
        for (int x = 0; x < VEC_LANES; x++)
            place[x] = 100 * y + x;
        in[y] = vec_load_i32(place);
    }
    vec_turn(out, in);
    for (int y = 0; y < VEC_LANES; y++) {
        vec_store_i32(place, out[y]);
        for (int x = 0; x < VEC_LANES; x++)
            ck_assert_int_eq(place[x], 100 * x + y);
    }
}

static void OWN(check)(int i)
{
    static void (*const all[CHECKS])(void) = {
        OWN(check_load),
        OWN(check_all),
        OWN(check_from_i32),
        OWN(check_operators),
        OWN(check_fma),
        OWN(check_choice),
        OWN(check_sum),
        OWN(check_cut),
        OWN(check_turn),
        OWN(check_bytes),
#if VEC_INTEGERS
        OWN(check_pairs),
        OWN(check_widths),
        OWN(check_is_zero),
#endif
    };
    if (all[i] != NULL)
        all[i]();
}

#undef VEC_LANES
#undef VEC_REGISTERS
#undef VEC_FUSED
#undef VEC_INTEGERS
#undef VEC_CUT
#undef VEC_CUTS
#undef VEC_INLINE
#undef RDX_VECTOR_H
