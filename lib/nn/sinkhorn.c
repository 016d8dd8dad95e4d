/* SPDX-License-Identifier: MIT
 * SwAV's codes: samples assigned to prototypes in equal shares, by Sinkhorn's iteration.
 *
 * The matrix exp(scores / epsilon) is made once; the iteration changes two factors only, one for
 * each prototype and one for each sample. Of each prototype its largest score is subtracted first:
 * the first scaling would remove any factor of a prototype anyway, and so its sum is at least 1 and
 * nothing overflows (exp(1 / 0.05) is 4.9e8). The factors K and B of the paper cancel in the last
 * scaling, which leaves each sample with a sum of 1. */
#include <math.h>
#include <string.h>
#include "losses.h"

#define TILE_ROWS ((int64_t)64)

static int64_t tiles_of(int64_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

#define REAL float
#define EXP expf
#define NAME(x) x##_f32
#include "sinkhorn_template.h"

#define REAL double
#define EXP exp
#define NAME(x) x##_f64
#include "sinkhorn_template.h"

/* Factors of samples and of prototypes, and a row of sums for each tile. */
uint64_t rdx_sinkhorn_workspace(int64_t rows, int64_t prototypes)
{
    return (uint64_t)(rows + (1 + tiles_of(rows)) * prototypes) * sizeof(double);
}

redux_status rdx_sinkhorn(redux_context *context, const redux_tensor *codes,
                          const redux_tensor *scores, double epsilon, int32_t rounds,
                          void *workspace)
{
    return (scores->dtype == REDUX_FLOAT32 ? sinkhorn_f32 : sinkhorn_f64)(
        context, codes, scores, epsilon, rounds, workspace);
}
