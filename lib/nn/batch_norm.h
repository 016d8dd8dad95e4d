/* SPDX-License-Identifier: MIT
 * Batch norm with the residual and the ReLU that follow it, in one pass. Internal. */
#ifndef RDX_BATCH_NORM_H
#define RDX_BATCH_NORM_H

#include "base/base.h"

typedef struct rdx_norm_plan {
    redux_dtype dtype;
    int64_t rows, c; /* pixels of all images; channels */
    int64_t tiles;
} rdx_norm_plan;

/* The arguments of one call, all dense, [rows, c] or [c]. */
typedef struct rdx_norm {
    rdx_norm_plan plan;
    const void *in, *weight, *bias;
    const void *residual; /* added before the ReLU; or NULL */
    bool relu;
    bool evaluate;        /* uses running statistics; mean and inverse are not touched */
    void *out;            /* forward */
    void *mean, *inverse; /* of the batch: kept from forward for backward */
    void *running_mean, *running_variance; /* NULL: not updated */
    double *record;                        /* [2 c]: receives the batch's mean and unbiased
                                              variance, which running ones follow; NULL: not */
    double epsilon, momentum;
    const void *activated; /* backward with ReLU: the output of forward */
    const void *d_out;
    void *d_in;              /* may be d_out */
    void *d_residual;        /* NULL: not wanted */
    void *d_weight, *d_bias; /* added to */
    void *workspace;
} rdx_norm;

rdx_norm_plan rdx_norm_plan_make(redux_dtype dtype, int64_t rows, int64_t c);
uint64_t rdx_norm_workspace(const rdx_norm_plan *plan);
redux_status rdx_norm_forward(redux_context *context, const rdx_norm *norm);
/* running = (1 - momentum) running + momentum of the batch: c means, then c variances. float32. */
void rdx_norm_follow(float *mean, float *variance, const double *record, int64_t c,
                     double momentum);
redux_status rdx_norm_backward(redux_context *context, const rdx_norm *norm);

#endif
