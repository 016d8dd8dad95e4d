/* SPDX-License-Identifier: MIT
 * Maximum and average over windows, image by image. */
#include <string.h>
#include "kernels/kernels.h"
#include "pooling.h"

#define REAL float
#define NAME(x) x##_f32
#define POOL(x) rdx_kernels_get()->pool_##x
#include "pooling_template.h"

#define REAL double
#define NAME(x) x##_f64
#define POOL(x) pool_##x##_f64
#include "kernels/pool_template.h"
#include "pooling_template.h"

redux_status rdx_pooling_make(rdx_pooling *plan, redux_dtype dtype, bool average,
                              const int64_t in[4], int64_t kernel_h, int64_t kernel_w,
                              int64_t stride, int64_t padding)
{
    rdx_pooling p = {.dtype = dtype,
                     .average = average,
                     .n = in[0],
                     .h = in[1],
                     .w = in[2],
                     .c = in[3],
                     .kernel_h = kernel_h,
                     .kernel_w = kernel_w,
                     .stride = stride,
                     .padding = padding};
    if (p.n < 1 || p.c < 1 || kernel_h < 1 || kernel_w < 1 || stride < 1 || padding < 0 ||
        2 * padding > kernel_h || 2 * padding > kernel_w || p.h + 2 * padding < kernel_h ||
        p.w + 2 * padding < kernel_w)
        return rdx_fail(REDUX_E_INVALID,
                        "pooling of %lld x %lld pixels by %lld x %lld, stride %lld, padding %lld",
                        (long long)p.h, (long long)p.w, (long long)kernel_h, (long long)kernel_w,
                        (long long)stride, (long long)padding);
    p.oh = (p.h + 2 * padding - kernel_h) / stride + 1;
    p.ow = (p.w + 2 * padding - kernel_w) / stride + 1;
    *plan = p;
    return REDUX_OK;
}

redux_status rdx_pooling_forward(redux_context *context, const rdx_pooling *plan, void *out,
                                 const void *in)
{
    pool_f32 single = {.plan = *plan, .in = in, .out = out};
    pool_f64 twice = {.plan = *plan, .in = in, .out = out};
    if (plan->dtype == REDUX_FLOAT32)
        return rdx_parallel(context, plan->n, image_forward_f32, &single);
    return rdx_parallel(context, plan->n, image_forward_f64, &twice);
}

redux_status rdx_pooling_backward(redux_context *context, const rdx_pooling *plan, void *d_in,
                                  const void *d_out, const void *in, const void *pooled)
{
    pool_f32 single = {.plan = *plan, .in = in, .pooled = pooled, .d_out = d_out, .d_in = d_in};
    pool_f64 twice = {.plan = *plan, .in = in, .pooled = pooled, .d_out = d_out, .d_in = d_in};
    if (plan->dtype == REDUX_FLOAT32)
        return rdx_parallel(context, plan->n, image_backward_f32, &single);
    return rdx_parallel(context, plan->n, image_backward_f64, &twice);
}
