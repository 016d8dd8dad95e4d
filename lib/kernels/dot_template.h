/* SPDX-License-Identifier: MIT
 * Exact-to-double inner products, and the search through a row of single-precision ones. */

#define DOT_LANES 16

/* The product of two floats is exact in double, and the lanes are fixed: every tier and compiler
 * adds the same numbers in the same order, so the bits are equal. */
static double dot_f32(const float *a, const float *b, int64_t count)
{
    double lane[DOT_LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + DOT_LANES <= count; i += DOT_LANES)
        for (int64_t k = 0; k < DOT_LANES; k++)
            lane[k] += (double)a[i + k] * (double)b[i + k];
    for (int64_t k = 0; i < count; i++, k++)
        lane[k] += (double)a[i] * (double)b[i];
    for (int64_t k = 0; k < DOT_LANES; k++)
        sum += lane[k];
    return sum;
}

/* The first index from `start` on whose value is at least `limit`, or `count`. */
static int64_t at_least_f32(const float *values, int64_t start, int64_t count, float limit)
{
    int64_t i = start;
#if defined(RDX_TIER_AVX512)
    const __m512 bound = _mm512_set1_ps(limit);
    for (; i + 16 <= count; i += 16) {
        const unsigned hits = _mm512_cmp_ps_mask(_mm512_loadu_ps(values + i), bound, _CMP_GE_OQ);
        if (hits != 0)
            return i + __builtin_ctz(hits);
    }
#elif defined(RDX_TIER_AVX2)
    const __m256 bound = _mm256_set1_ps(limit);
    for (; i + 8 <= count; i += 8) {
        const int hits =
            _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(values + i), bound, _CMP_GE_OQ));
        if (hits != 0)
            return i + __builtin_ctz((unsigned)hits);
    }
#endif
    while (i < count && !(values[i] >= limit))
        i++;
    return i;
}
