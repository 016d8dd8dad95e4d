/* SPDX-License-Identifier: MIT
 * Losses of SwAV and MoCo: softmax cross-entropies of rows, with codes or with one positive. */
#include "losses.h"
#include <math.h>

#define TILE_ROWS ((int64_t)16)

static int64_t tiles_of(int64_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

/* In order. */
static double sum_of(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

#define REAL float
#define EXP expf
#define NAME(x) x##_f32
#include "losses_template.h"

#define REAL double
#define EXP exp
#define NAME(x) x##_f64
#include "losses_template.h"

redux_status rdx_swapped_prediction(double *loss, redux_context *context,
                                    const redux_tensor *scores, const redux_tensor *codes,
                                    int64_t batch, double temperature, void *workspace)
{
    return (scores->dtype == REDUX_FLOAT32 ? swapped_f32 : swapped_f64)(
        loss, context, scores, codes, batch, temperature, workspace);
}

redux_status rdx_info_nce(double *loss, redux_context *context, const redux_tensor *positives,
                          const redux_tensor *negatives, int64_t batch, double temperature,
                          void *workspace)
{
    return (negatives->dtype == REDUX_FLOAT32 ? info_nce_f32 : info_nce_f64)(
        loss, context, positives, negatives, batch, temperature, workspace);
}
