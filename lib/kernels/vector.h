/* SPDX-License-Identifier: MIT
 * The vectors of an instruction set, over which the loops of single precision are written once.
 * Internal; included once for each tier.
 *
 * vec_f32 and vec_i32 are VEC_LANES floats and as many 32-bit integers. The operators + - * / and,
 * for integers, & | ^ << >> work lane by lane, and one operand may be a scalar: GCC and Clang
 * extend C in this way. What the operators cannot express is a function here, with the result of
 * the scalar expression beside it in each lane.
 *
 * A further tier is one more section: its constants, its types and the functions down to
 * vec_turn. It needs neither the operators nor anything below the sections. */
#ifndef RDX_VECTOR_H
#define RDX_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(RDX_TIER_AVX2) || defined(RDX_TIER_AVX512)
#include <immintrin.h>
#elif defined(RDX_TIER_NEON)
#include <arm_neon.h>
#endif

/* Loops take constants as arguments, for which they are compiled anew. */
#define VEC_INLINE static inline __attribute__((always_inline))

/* VEC_LANES      floats of a vector: 4, 8 or 16
 * VEC_REGISTERS  vectors that the processor holds at once
 * VEC_FUSED      1 where vec_fma rounds once, not after each operation
 * VEC_INTEGERS   1 where there are the operations on 8 and 16 bits, vec_sums ... vec_is_zero
 * VEC_CUT        the vector at in + k, for a constant k of 0 ... 7, where `low` and `high` are
 * those at in and in + VEC_LANES VEC_CUTS       1 where it is cut from these two, 0 where it is
 * loaded like any other vec_mask       one truth value for each lane */

#if defined(RDX_TIER_AVX512)

#define VEC_LANES 16
#define VEC_REGISTERS 32
#define VEC_FUSED 1
#define VEC_INTEGERS 1
typedef float vec_f32 __attribute__((vector_size(64)));
typedef int32_t vec_i32 __attribute__((vector_size(64)));
typedef uint32_t vec_u32 __attribute__((vector_size(64)));
typedef int16_t vec_i16 __attribute__((vector_size(64)));
typedef uint16_t vec_u16 __attribute__((vector_size(64)));
typedef __mmask16 vec_mask;

/* Most loads of 64 bytes that are not aligned cross a cache line. */
#define VEC_CUT(in, low, high, k)                                                                  \
    ((vec_f32)_mm512_alignr_epi32((__m512i)(high), (__m512i)(low), (k)))
#define VEC_CUTS 1

/* a * b + c */
VEC_INLINE vec_f32 vec_fma(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* a < b ? a : b */
VEC_INLINE vec_f32 vec_min(vec_f32 a, vec_f32 b)
{
    return _mm512_min_ps(a, b);
}

/* a > b ? a : b */
VEC_INLINE vec_f32 vec_max(vec_f32 a, vec_f32 b)
{
    return _mm512_max_ps(a, b);
}

/* a < b */
VEC_INLINE vec_mask vec_less(vec_f32 a, vec_f32 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* a >= b */
VEC_INLINE vec_mask vec_at_least(vec_f32 a, vec_f32 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

/* mask ? a : b */
VEC_INLINE vec_f32 vec_select(vec_mask mask, vec_f32 a, vec_f32 b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}

/* Bit k is lane k. */
VEC_INLINE unsigned vec_bits(vec_mask mask)
{
    return mask;
}

/* VEC_LANES bytes. */
VEC_INLINE vec_i32 vec_load_u8(const uint8_t *in)
{
    return (vec_i32)_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)in));
}

/* A running sum for each lane, from (vec_sums){0} on, modulo 2^32. */
typedef vec_i32 vec_sums;

/* To lane k is added a[2 k] * b[2 k] + a[2 k + 1] * b[2 k + 1]. */
VEC_INLINE vec_sums vec_add_pairs(vec_sums sums, vec_i16 a, vec_i16 b)
{
    return (vec_i32)((vec_u32)sums + (vec_u32)_mm512_madd_epi16((__m512i)a, (__m512i)b));
}

VEC_INLINE vec_i32 vec_totals(vec_sums sums)
{
    return sums;
}

/* 2 VEC_LANES bytes. */
VEC_INLINE vec_u16 vec_load_u8_u16(const uint8_t *in)
{
    return (vec_u16)_mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)in));
}

/* The lanes of `low`, then those of `high`, cut to 16 bits. */
VEC_INLINE vec_i16 vec_narrow(vec_i32 low, vec_i32 high)
{
    const __m256i first = _mm512_cvtsepi32_epi16((__m512i)low);
    return (vec_i16)_mm512_inserti64x4(_mm512_castsi256_si512(first),
                                       _mm512_cvtsepi32_epi16((__m512i)high), 1);
}

/* 2 VEC_LANES bytes, each lane cut to 0 ... 255. */
VEC_INLINE void vec_store_u8(uint8_t *out, vec_i16 x)
{
    const __m512i cut = _mm512_max_epi16((__m512i)x, _mm512_setzero_si512());
    _mm256_storeu_si256((void *)out, _mm512_cvtusepi16_epi8(cut));
}

/* Whether all bits are 0. */
VEC_INLINE int vec_is_zero(vec_i32 x)
{
    return _mm512_test_epi32_mask((__m512i)x, (__m512i)x) == 0;
}

/* Lane x of out[y] is lane y of in[x]. */
static inline void vec_turn(vec_i32 out[VEC_LANES], const vec_i32 in[VEC_LANES])
{
    __m512i a[16];
    for (int i = 0; i < 16; i += 4) {
        const __m512i low = _mm512_unpacklo_epi32((__m512i)in[i], (__m512i)in[i + 1]);
        const __m512i high = _mm512_unpackhi_epi32((__m512i)in[i], (__m512i)in[i + 1]);
        const __m512i low2 = _mm512_unpacklo_epi32((__m512i)in[i + 2], (__m512i)in[i + 3]);
        const __m512i high2 = _mm512_unpackhi_epi32((__m512i)in[i + 2], (__m512i)in[i + 3]);
        a[i] = _mm512_unpacklo_epi64(low, low2);
        a[i + 1] = _mm512_unpackhi_epi64(low, low2);
        a[i + 2] = _mm512_unpacklo_epi64(high, high2);
        a[i + 3] = _mm512_unpackhi_epi64(high, high2);
    }
    for (int j = 0; j < 4; j++) {
        const __m512i even = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
        const __m512i even2 = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
        const __m512i odd2 = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
        out[j] = (vec_i32)_mm512_shuffle_i32x4(even, even2, 0x88);
        out[4 + j] = (vec_i32)_mm512_shuffle_i32x4(odd, odd2, 0x88);
        out[8 + j] = (vec_i32)_mm512_shuffle_i32x4(even, even2, 0xdd);
        out[12 + j] = (vec_i32)_mm512_shuffle_i32x4(odd, odd2, 0xdd);
    }
}

#elif defined(RDX_TIER_AVX2)

#define VEC_LANES 8
#define VEC_REGISTERS 16
#define VEC_FUSED 1
#define VEC_INTEGERS 1
typedef float vec_f32 __attribute__((vector_size(32)));
typedef int32_t vec_i32 __attribute__((vector_size(32)));
typedef uint32_t vec_u32 __attribute__((vector_size(32)));
typedef int16_t vec_i16 __attribute__((vector_size(32)));
typedef uint16_t vec_u16 __attribute__((vector_size(32)));
typedef vec_i32 vec_mask;

#define VEC_CUT(in, low, high, k) ((void)(low), (void)(high), vec_load((in) + (k)))
#define VEC_CUTS 0

VEC_INLINE vec_f32 vec_fma(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VEC_INLINE vec_f32 vec_min(vec_f32 a, vec_f32 b)
{
    return _mm256_min_ps(a, b);
}

VEC_INLINE vec_f32 vec_max(vec_f32 a, vec_f32 b)
{
    return _mm256_max_ps(a, b);
}

VEC_INLINE vec_mask vec_less(vec_f32 a, vec_f32 b)
{
    return (vec_mask)_mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

VEC_INLINE vec_mask vec_at_least(vec_f32 a, vec_f32 b)
{
    return (vec_mask)_mm256_cmp_ps(a, b, _CMP_GE_OQ);
}

VEC_INLINE vec_f32 vec_select(vec_mask mask, vec_f32 a, vec_f32 b)
{
    return _mm256_blendv_ps(b, a, (__m256)mask);
}

VEC_INLINE unsigned vec_bits(vec_mask mask)
{
    return (unsigned)_mm256_movemask_ps((__m256)mask);
}

VEC_INLINE vec_i32 vec_load_u8(const uint8_t *in)
{
    return (vec_i32)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)in));
}

typedef vec_i32 vec_sums;

VEC_INLINE vec_sums vec_add_pairs(vec_sums sums, vec_i16 a, vec_i16 b)
{
    return (vec_i32)((vec_u32)sums + (vec_u32)_mm256_madd_epi16((__m256i)a, (__m256i)b));
}

VEC_INLINE vec_i32 vec_totals(vec_sums sums)
{
    return sums;
}

VEC_INLINE vec_u16 vec_load_u8_u16(const uint8_t *in)
{
    return (vec_u16)_mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)in));
}

VEC_INLINE vec_i16 vec_narrow(vec_i32 low, vec_i32 high)
{
    const __m256i halves = _mm256_packs_epi32((__m256i)low, (__m256i)high);
    return (vec_i16)_mm256_permute4x64_epi64(halves, 0xd8);
}

VEC_INLINE void vec_store_u8(uint8_t *out, vec_i16 x)
{
    const __m128i low = _mm256_castsi256_si128((__m256i)x);
    const __m128i high = _mm256_extracti128_si256((__m256i)x, 1);
    _mm_storeu_si128((void *)out, _mm_packus_epi16(low, high));
}

VEC_INLINE int vec_is_zero(vec_i32 x)
{
    return _mm256_testz_si256((__m256i)x, (__m256i)x);
}

static inline void vec_turn(vec_i32 out[VEC_LANES], const vec_i32 in[VEC_LANES])
{
    __m256i a[8];
    for (int i = 0; i < 8; i += 4) {
        const __m256i low = _mm256_unpacklo_epi32((__m256i)in[i], (__m256i)in[i + 1]);
        const __m256i high = _mm256_unpackhi_epi32((__m256i)in[i], (__m256i)in[i + 1]);
        const __m256i low2 = _mm256_unpacklo_epi32((__m256i)in[i + 2], (__m256i)in[i + 3]);
        const __m256i high2 = _mm256_unpackhi_epi32((__m256i)in[i + 2], (__m256i)in[i + 3]);
        a[i] = _mm256_unpacklo_epi64(low, low2);
        a[i + 1] = _mm256_unpackhi_epi64(low, low2);
        a[i + 2] = _mm256_unpacklo_epi64(high, high2);
        a[i + 3] = _mm256_unpackhi_epi64(high, high2);
    }
    for (int j = 0; j < 4; j++) {
        out[j] = (vec_i32)_mm256_permute2x128_si256(a[j], a[4 + j], 0x20);
        out[4 + j] = (vec_i32)_mm256_permute2x128_si256(a[j], a[4 + j], 0x31);
    }
}

#elif defined(RDX_TIER_NEON)

#define VEC_LANES 4
#define VEC_REGISTERS 32
#define VEC_FUSED 1
#define VEC_INTEGERS 1
typedef float vec_f32 __attribute__((vector_size(16)));
typedef int32_t vec_i32 __attribute__((vector_size(16)));
typedef uint32_t vec_u32 __attribute__((vector_size(16)));
typedef int16_t vec_i16 __attribute__((vector_size(16)));
typedef uint16_t vec_u16 __attribute__((vector_size(16)));
typedef vec_i32 vec_mask;

#define VEC_CUT(in, low, high, k) ((void)(low), (void)(high), vec_load((in) + (k)))
#define VEC_CUTS 0

VEC_INLINE vec_f32 vec_fma(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return vfmaq_f32(c, a, b);
}

VEC_INLINE vec_mask vec_less(vec_f32 a, vec_f32 b)
{
    return (vec_mask)vcltq_f32(a, b);
}

VEC_INLINE vec_mask vec_at_least(vec_f32 a, vec_f32 b)
{
    return (vec_mask)vcgeq_f32(a, b);
}

VEC_INLINE vec_f32 vec_select(vec_mask mask, vec_f32 a, vec_f32 b)
{
    return vbslq_f32((uint32x4_t)mask, a, b);
}

/* Not vminq_f32, which gives NaN where either is. */
VEC_INLINE vec_f32 vec_min(vec_f32 a, vec_f32 b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

VEC_INLINE vec_f32 vec_max(vec_f32 a, vec_f32 b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

VEC_INLINE unsigned vec_bits(vec_mask mask)
{
    const uint32x4_t of_lane = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32((uint32x4_t)mask, of_lane));
}

VEC_INLINE vec_i32 vec_load_u8(const uint8_t *in)
{
    uint32_t bytes;
    memcpy(&bytes, in, sizeof bytes);
    const uint8x8_t eight = vreinterpret_u8_u32(vdup_n_u32(bytes));
    return (vec_i32)vmovl_u16(vget_low_u16(vmovl_u8(eight)));
}

/* Neighbours are added once, at the end. */
typedef struct vec_sums {
    int32x4_t low, high;
} vec_sums;

VEC_INLINE vec_sums vec_add_pairs(vec_sums sums, vec_i16 a, vec_i16 b)
{
    const int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    sums.low = vmlal_s16(sums.low, vget_low_s16(x), vget_low_s16(y));
    sums.high = vmlal_high_s16(sums.high, x, y);
    return sums;
}

VEC_INLINE vec_i32 vec_totals(vec_sums sums)
{
    return (vec_i32)vpaddq_s32(sums.low, sums.high);
}

VEC_INLINE vec_u16 vec_load_u8_u16(const uint8_t *in)
{
    return (vec_u16)vmovl_u8(vld1_u8(in));
}

VEC_INLINE vec_i16 vec_narrow(vec_i32 low, vec_i32 high)
{
    return (vec_i16)vqmovn_high_s32(vqmovn_s32((int32x4_t)low), (int32x4_t)high);
}

VEC_INLINE void vec_store_u8(uint8_t *out, vec_i16 x)
{
    vst1_u8(out, vqmovun_s16((int16x8_t)x));
}

VEC_INLINE int vec_is_zero(vec_i32 x)
{
    return vmaxvq_u32((uint32x4_t)x) == 0;
}

static inline void vec_turn(vec_i32 out[VEC_LANES], const vec_i32 in[VEC_LANES])
{
    const int32x4_t low = vzip1q_s32(in[0], in[2]), high = vzip2q_s32(in[0], in[2]);
    const int32x4_t low2 = vzip1q_s32(in[1], in[3]), high2 = vzip2q_s32(in[1], in[3]);
    out[0] = (vec_i32)vzip1q_s32(low, low2);
    out[1] = (vec_i32)vzip2q_s32(low, low2);
    out[2] = (vec_i32)vzip1q_s32(high, high2);
    out[3] = (vec_i32)vzip2q_s32(high, high2);
}

#else /* any processor: the compiler chooses the instructions */

#define VEC_LANES 4
#define VEC_REGISTERS 16
#define VEC_FUSED 0
#define VEC_INTEGERS 0
typedef float vec_f32 __attribute__((vector_size(16)));
typedef int32_t vec_i32 __attribute__((vector_size(16)));
typedef uint32_t vec_u32 __attribute__((vector_size(16)));
typedef int16_t vec_i16 __attribute__((vector_size(16)));
typedef uint16_t vec_u16 __attribute__((vector_size(16)));
typedef vec_i32 vec_mask;

#define VEC_CUT(in, low, high, k) ((void)(low), (void)(high), vec_load((in) + (k)))
#define VEC_CUTS 0

VEC_INLINE vec_f32 vec_fma(vec_f32 a, vec_f32 b, vec_f32 c)
{
    return a * b + c;
}

VEC_INLINE vec_mask vec_less(vec_f32 a, vec_f32 b)
{
    return a < b;
}

VEC_INLINE vec_mask vec_at_least(vec_f32 a, vec_f32 b)
{
    return a >= b;
}

VEC_INLINE vec_f32 vec_select(vec_mask mask, vec_f32 a, vec_f32 b)
{
    return (vec_f32)((mask & (vec_i32)a) | (~mask & (vec_i32)b));
}

VEC_INLINE vec_f32 vec_min(vec_f32 a, vec_f32 b)
{
    return vec_select(a < b, a, b);
}

VEC_INLINE vec_f32 vec_max(vec_f32 a, vec_f32 b)
{
    return vec_select(a > b, a, b);
}

VEC_INLINE unsigned vec_bits(vec_mask mask)
{
    uint64_t half[2];
    unsigned bits = 0;
    memcpy(half, &mask, sizeof half);
    if ((half[0] | half[1]) != 0) /* hardly ever, where one looks for hits */
        for (int k = 0; k < VEC_LANES; k++)
            bits |= (unsigned)mask[k] & 1U << k;
    return bits;
}

VEC_INLINE vec_i32 vec_load_u8(const uint8_t *in)
{
    const vec_i32 values = {in[0], in[1], in[2], in[3]};
    return values;
}

#if defined(__clang__)
#define VEC_PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define VEC_PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (vec_i32){i, j, k, l})
#endif

static inline void vec_turn(vec_i32 out[VEC_LANES], const vec_i32 in[VEC_LANES])
{
    const vec_i32 low = VEC_PICK(in[0], in[2], 0, 4, 1, 5);
    const vec_i32 high = VEC_PICK(in[0], in[2], 2, 6, 3, 7);
    const vec_i32 low2 = VEC_PICK(in[1], in[3], 0, 4, 1, 5);
    const vec_i32 high2 = VEC_PICK(in[1], in[3], 2, 6, 3, 7);
    out[0] = VEC_PICK(low, low2, 0, 4, 1, 5);
    out[1] = VEC_PICK(low, low2, 2, 6, 3, 7);
    out[2] = VEC_PICK(high, high2, 0, 4, 1, 5);
    out[3] = VEC_PICK(high, high2, 2, 6, 3, 7);
}

#undef VEC_PICK
#endif

/* ---- the same in every tier ---- */

/* Addresses need no alignment. */
VEC_INLINE vec_f32 vec_load(const float *in)
{
    vec_f32 value;
    memcpy(&value, in, sizeof value);
    return value;
}

VEC_INLINE void vec_store(float *out, vec_f32 value)
{
    memcpy(out, &value, sizeof value);
}

VEC_INLINE vec_i32 vec_load_i32(const void *in)
{
    vec_i32 value;
    memcpy(&value, in, sizeof value);
    return value;
}

VEC_INLINE void vec_store_i32(void *out, vec_i32 value)
{
    memcpy(out, &value, sizeof value);
}

VEC_INLINE vec_f32 vec_all(float x)
{
    return x - (vec_f32){0};
}

VEC_INLINE vec_i32 vec_all_i32(int32_t x)
{
    return x - (vec_i32){0};
}

VEC_INLINE vec_u16 vec_all_u16(uint16_t x)
{
    return x - (vec_u16){0};
}

VEC_INLINE vec_f32 vec_from_i32(vec_i32 x)
{
    return __builtin_convertvector(x, vec_f32);
}

/* The sum of all lanes, by halves: lane k takes lane k + VEC_LANES / 2, then k + VEC_LANES / 4, and
 * so on down to the sum of lanes 0 and 1. */
VEC_INLINE float vec_sum(vec_f32 x)
{
    typedef float quarter __attribute__((vector_size(16))); /* of the longest vector */
    quarter part[VEC_LANES / 4];
    memcpy(part, &x, sizeof x);
    for (int count = VEC_LANES / 8; count > 0; count /= 2)
        for (int k = 0; k < count; k++)
            part[k] += part[k + count];
    return (part[0][0] + part[0][2]) + (part[0][1] + part[0][3]);
}

#endif
