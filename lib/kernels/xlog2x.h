/* SPDX-License-Identifier: MIT
 * Terms of the entropy of counts, c * log2(c), in fixed point. Internal.
 *
 * Integers add up to the same sum in any order. So a joint entropy does not depend on which image
 * is the first, on the instruction set or on the layout of the cells, and images of which one is a
 * relabelling of the other have exactly H(A) = H(B) = H(A, B). */
#ifndef RDX_XLOG2X_H
#define RDX_XLOG2X_H

#include <math.h>
#include <stdint.h>

#define RDX_XLOG2X_ENTRIES                                                                         \
    1024                   /* counts with a place in the table: n pixels have n / 1024 larger */
#define RDX_XLOG2X_BITS 48 /* binary places of its entries: 1023 * log2(1023) * 2^48 < 2^62 */

/* floor(c * log2(c) * 2^bits). */
static inline int64_t rdx_xlog2x_fixed(int64_t count, int32_t bits)
{
    if (count < 2)
        return 0;
    const double c = (double)count;
    return (int64_t)(c * log2(c) * (double)((int64_t)1 << bits));
}

/* The same, by table where it reaches: floors of floors are the same number. */
static inline int64_t rdx_xlog2x(const int64_t *table, int64_t count, int32_t bits)
{
    return count < RDX_XLOG2X_ENTRIES ? table[count] >> (RDX_XLOG2X_BITS - bits)
                                      : rdx_xlog2x_fixed(count, bits);
}

/* The most binary places with which the terms of `pixels` counts stay below 2^63. */
static inline int32_t rdx_xlog2x_bits(int64_t pixels)
{
    const double most = (double)pixels * log2((double)pixels + 1);
    int32_t bits = RDX_XLOG2X_BITS;
    while (bits > 0 && most >= 0x1p62 / (double)((int64_t)1 << bits))
        bits--;
    return bits;
}

#endif
