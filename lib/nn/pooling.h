/* SPDX-License-Identifier: MIT
 * Pooling with its shapes worked out beforehand. Internal. */
#ifndef RDX_POOLING_H
#define RDX_POOLING_H

#include "base/base.h"

typedef struct rdx_pooling {
    redux_dtype dtype;
    bool average; /* over the pixels inside the image; else the maximum */
    int64_t n, h, w, c, oh, ow;
    int64_t kernel_h, kernel_w, stride, padding;
} rdx_pooling;

redux_status rdx_pooling_make(rdx_pooling *plan, redux_dtype dtype, bool average,
                              const int64_t in[4], int64_t kernel_h, int64_t kernel_w,
                              int64_t stride, int64_t padding);
redux_status rdx_pooling_forward(redux_context *context, const rdx_pooling *plan, void *out,
                                 const void *in);
/* pooled: the output of forward (maximum only). Overwrites d_in. */
redux_status rdx_pooling_backward(redux_context *context, const rdx_pooling *plan, void *d_in,
                                  const void *d_out, const void *in, const void *pooled);

#endif
