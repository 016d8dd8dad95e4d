/* SPDX-License-Identifier: MIT
 * Maximum over a window of pixels of c channels, for type REAL: POOL(x) names the functions. Single
 * precision is compiled for each tier, double in lib/nn/pooling.c; every tier gives the same bits.
 * `line` is how many elements are from one row of pixels to the next. */

#define POOL_LANES 64 /* channels at a time, on the stack */

static void POOL(max)(REAL *restrict out, const REAL *restrict in, int64_t line, int64_t rows,
                      int64_t columns, int64_t c)
{
    memcpy(out, in, (size_t)c * sizeof(REAL));
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = y == 0; x < columns; x++)
            for (int64_t k = 0; k < c; k++) {
                const REAL pixel = in[y * line + x * c + k];
                const REAL larger = pixel > out[k] ? pixel : out[k];
                out[k] = pixel == pixel ? larger : pixel; /* NaN wins */
            }
}

/* The gradient goes to the first pixel that is the maximum, channel by channel; it is added. */
static void POOL(max_back)(REAL *restrict d_in, const REAL *restrict in,
                           const REAL *restrict pooled, const REAL *restrict d_out, int64_t line,
                           int64_t rows, int64_t columns, int64_t c)
{
    REAL left[POOL_LANES];
    for (int64_t first = 0; first < c; first += POOL_LANES) {
        const int64_t lanes = c - first < POOL_LANES ? c - first : POOL_LANES;
        memcpy(left, d_out + first, (size_t)lanes * sizeof(REAL));
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < columns; x++) {
                const int64_t at = y * line + x * c + first;
                for (int64_t k = 0; k < lanes; k++) {
                    const REAL most = pooled[first + k];
                    d_in[at + k] += in[at + k] == most ? left[k] : 0;
                    left[k] = in[at + k] == most ? 0 : left[k];
                }
            }
    }
}

#undef POOL_LANES
