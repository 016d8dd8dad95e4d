/* SPDX-License-Identifier: MIT
 * Batch norm (Ioffe, Szegedy 2015) over [rows, channels].
 *
 * Rows are cut into tiles that stay in the cache. Each tile leaves its own moments or sums, which
 * are merged in double and in order. The ReLU after it needs no mask: its output is greater than 0
 * where it let a value through. */
#include <math.h>
#include <string.h>
#include "batch_norm.h"
#include "kernels/kernels.h"

#define TILE_ROWS ((int64_t)128)
#define CHANNEL_BLOCK ((int64_t)32)

#define REAL float
#define NAME(x) x##_f32
#define NORM(x) rdx_kernels_get()->norm_##x
#include "batch_norm_template.h"

#define REAL double
#define NAME(x) x##_f64
#define NORM(x) norm_##x##_f64
#include "kernels/norm_template.h"
#include "batch_norm_template.h"

rdx_norm_plan rdx_norm_plan_make(redux_dtype dtype, int64_t rows, int64_t c)
{
    return (rdx_norm_plan){
        .dtype = dtype, .rows = rows, .c = c, .tiles = (rows + TILE_ROWS - 1) / TILE_ROWS};
}

uint64_t rdx_norm_workspace(const rdx_norm_plan *plan)
{
    return (uint64_t)plan->c * (uint64_t)(2 + 2 * plan->tiles) * redux_dtype_size(plan->dtype);
}

redux_status rdx_norm_forward(redux_context *context, const rdx_norm *norm)
{
    return norm->plan.dtype == REDUX_FLOAT32 ? norm_forward_f32(context, norm)
                                             : norm_forward_f64(context, norm);
}

void rdx_norm_follow(float *mean, float *variance, const double *record, int64_t c, double momentum)
{
    for (int64_t k = 0; k < c; k++) {
        mean[k] = follow_f32(mean[k], record[k], (float)momentum);
        variance[k] = follow_f32(variance[k], record[c + k], (float)momentum);
    }
}

redux_status rdx_norm_backward(redux_context *context, const rdx_norm *norm)
{
    return norm->plan.dtype == REDUX_FLOAT32 ? norm_backward_f32(context, norm)
                                             : norm_backward_f64(context, norm);
}
