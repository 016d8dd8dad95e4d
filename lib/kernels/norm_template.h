/* SPDX-License-Identifier: MIT
 * Batch norm over some rows of c channels, for type REAL: NORM(x) names the functions. Single
 * precision is compiled for each tier, double in lib/nn/batch_norm.c. Channels are independent and
 * rows are added in order, so every tier gives the same bits. */

#define NORM_LANES 64 /* channels at a time, on the stack, because output may alias input */

/* Mean of each channel, and the sum of squares around it. */
static void NORM(moments)(REAL *restrict mean, REAL *restrict squares, const REAL *restrict in,
                          int64_t rows, int64_t c)
{
    memset(mean, 0, (size_t)c * sizeof(REAL));
    memset(squares, 0, (size_t)c * sizeof(REAL));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < c; k++)
            mean[k] += in[r * c + k];
    for (int64_t k = 0; k < c; k++)
        mean[k] /= (REAL)rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < c; k++) {
            const REAL d = in[r * c + k] - mean[k];
            squares[k] += d * d;
        }
}

/* out = scale in + shift + residual (NULL: none), below 0 cut off if `relu`; out may be in. */
static void NORM(apply)(REAL *out, const REAL *in, const REAL *residual, const REAL *restrict scale,
                        const REAL *restrict shift, int64_t rows, int64_t c, int relu)
{
    REAL y[NORM_LANES];
    for (int64_t at = 0; at < rows * c; at += c)
        for (int64_t first = 0; first < c; first += NORM_LANES) {
            const int64_t lanes = c - first < NORM_LANES ? c - first : NORM_LANES;
            for (int64_t k = 0; k < lanes; k++)
                y[k] = in[at + first + k] * scale[first + k] + shift[first + k];
            if (residual != NULL)
                for (int64_t k = 0; k < lanes; k++)
                    y[k] += residual[at + first + k];
            if (relu)
                for (int64_t k = 0; k < lanes; k++)
                    y[k] = y[k] < 0 ? 0 : y[k]; /* NaN stays */
            memcpy(out + at + first, y, (size_t)lanes * sizeof(REAL));
        }
}

/* The gradient through the ReLU: d where its output is above 0, else 0; all of d without a ReLU
 * (activated NULL). */
static inline void NORM(masked)(REAL *restrict g, const REAL *restrict d,
                                const REAL *restrict activated, int64_t lanes)
{
    if (activated == NULL)
        memcpy(g, d, (size_t)lanes * sizeof(REAL));
    else
        for (int64_t k = 0; k < lanes; k++)
            g[k] = activated[k] > 0 ? d[k] : 0;
}

/* Of each channel the sum of the gradient, and of the gradient times the normalised input. */
static void NORM(sums)(REAL *restrict sums, REAL *restrict products, const REAL *restrict d,
                       const REAL *restrict activated, const REAL *restrict in,
                       const REAL *restrict mean, const REAL *restrict inverse, int64_t rows,
                       int64_t c)
{
    REAL g[NORM_LANES];
    memset(sums, 0, (size_t)c * sizeof(REAL));
    memset(products, 0, (size_t)c * sizeof(REAL));
    for (int64_t at = 0; at < rows * c; at += c)
        for (int64_t first = 0; first < c; first += NORM_LANES) {
            const int64_t lanes = c - first < NORM_LANES ? c - first : NORM_LANES;
            const int64_t place = at + first;
            NORM(masked)(g, d + place, activated == NULL ? NULL : activated + place, lanes);
            for (int64_t k = 0; k < lanes; k++) {
                sums[first + k] += g[k];
                products[first + k] +=
                    g[k] * ((in[place + k] - mean[first + k]) * inverse[first + k]);
            }
        }
}

/* d_in = weight inverse (g - mean_g - normalised input * mean_gx), g the masked gradient, which
 * goes to d_residual too (NULL: not wanted). d_in may be d. */
static void NORM(derive)(REAL *d_in, REAL *restrict d_residual, const REAL *d,
                         const REAL *restrict activated, const REAL *restrict in,
                         const REAL *restrict mean, const REAL *restrict inverse,
                         const REAL *restrict weight, const REAL *restrict mean_g,
                         const REAL *restrict mean_gx, int64_t rows, int64_t c)
{
    REAL g[NORM_LANES];
    for (int64_t at = 0; at < rows * c; at += c)
        for (int64_t first = 0; first < c; first += NORM_LANES) {
            const int64_t lanes = c - first < NORM_LANES ? c - first : NORM_LANES;
            const int64_t place = at + first;
            NORM(masked)(g, d + place, activated == NULL ? NULL : activated + place, lanes);
            if (d_residual != NULL)
                memcpy(d_residual + place, g, (size_t)lanes * sizeof(REAL));
            for (int64_t k = 0; k < lanes; k++) {
                const int64_t j = first + k;
                const REAL normal = (in[place + k] - mean[j]) * inverse[j];
                g[k] = weight[j] * inverse[j] * (g[k] - mean_g[j] - normal * mean_gx[j]);
            }
            memcpy(d_in + place, g, (size_t)lanes * sizeof(REAL));
        }
}

#undef NORM_LANES
