/* SPDX-License-Identifier: MIT
 * Convolutions with their shapes worked out beforehand. Internal. */
#ifndef RDX_CONV2D_H
#define RDX_CONV2D_H

#include "base/base.h"
#include "winograd.h"

/* Everything that follows from shapes; tiles do not depend on the number of threads. */
typedef struct rdx_conv_plan {
    redux_dtype dtype;
    int64_t n, h, w, c; /* of the input */
    int64_t o, kh, kw, stride, padding;
    int64_t oh, ow;                    /* of the output */
    int64_t rows, k;                   /* output pixels; length of a receptive field */
    int64_t tile;                      /* rows of one matrix product */
    int64_t group;                     /* images of a task of the backward pass for data */
    int64_t chunks, o_block, o_blocks; /* of the backward pass for weights */
    int64_t threads;
    bool direct;           /* receptive fields are pixels: 1x1 */
    rdx_winograd winograd; /* side 0: not in use */
} rdx_conv_plan;

/* REDUX_E_INVALID where there is no output. */
redux_status rdx_conv_plan_make(rdx_conv_plan *plan, redux_dtype dtype, const int64_t in[4],
                                const int64_t weight[4], int64_t stride, int64_t padding,
                                int threads);
static inline int64_t rdx_conv_tiles(const rdx_conv_plan *plan)
{
    return (plan->rows + plan->tile - 1) / plan->tile;
}
/* Bytes of workspace for forward, and for both ways. */
uint64_t rdx_conv_workspace(const rdx_conv_plan *plan, bool backward);

/* in: [N, H, W, C], out: [N, OH, OW, O], weight: [O, KH, KW, C], all dense. bias may be NULL.
 * backward: d_in may be NULL (not wanted), is overwritten or added to; d_weight and d_bias (NULL:
 * not wanted) are added to. */
redux_status rdx_conv_forward(redux_context *context, const rdx_conv_plan *plan, void *out,
                              const void *in, const void *weight, const void *bias,
                              void *workspace);
redux_status rdx_conv_backward(redux_context *context, const rdx_conv_plan *plan, void *d_in,
                               bool accumulate, void *d_weight, void *d_bias, const void *d_out,
                               const void *in, const void *weight, void *workspace);

#endif
