/* SPDX-License-Identifier: MIT
 * A row of a blur of 8-bit pixels by 7 symmetric weights that add up to 256, down and then across.
 * Sums are of whole numbers and rounded once at the end, so exact in any order. Everything is held
 * in 16 bits: a sum of products down is at most 255 * 256, and its two bytes are then summed apart,
 * of which the low ones' sum counts for 1/256. Loops are the compiler's to vectorise. */

/* rows: 7, from the uppermost on. */
static void blur_down(uint16_t *restrict high, uint16_t *restrict low, const uint8_t *const *rows,
                      int64_t width, const uint16_t *weights)
{
    const uint8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4],
                  *f = rows[5], *g = rows[6];
    const uint16_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    for (int64_t x = 0; x < width; x++) {
        const uint16_t sum =
            (uint16_t)(w0 * (a[x] + g[x]) + w1 * (b[x] + f[x]) + w2 * (c[x] + e[x]) + w3 * d[x]);
        high[x] = (uint16_t)(sum >> 8);
        low[x] = sum & 255;
    }
}

/* 3 values before and after both rows are read. */
static void blur_across(uint8_t *restrict out, const uint16_t *high, const uint16_t *low,
                        int64_t width, const uint16_t *weights)
{
    const uint16_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    for (int64_t x = 0; x < width; x++) {
        const uint16_t *h = high + x, *l = low + x;
        const uint16_t fine =
            (uint16_t)(w0 * (l[-3] + l[3]) + w1 * (l[-2] + l[2]) + w2 * (l[-1] + l[1]) + w3 * l[0]);
        const uint16_t sum = (uint16_t)(w0 * (h[-3] + h[3]) + w1 * (h[-2] + h[2]) +
                                        w2 * (h[-1] + h[1]) + w3 * h[0] + (fine >> 8) + 128);
        out[x] = (uint8_t)(sum >> 8);
    }
}
