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
    const vec_f32 bound = vec_all(limit);
    int64_t i = start;
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        const unsigned hits = vec_bits(vec_at_least(vec_load(values + i), bound));
        if (hits != 0)
            return i + __builtin_ctz(hits);
    }
    while (i < count && !(values[i] >= limit))
        i++;
    return i;
}
