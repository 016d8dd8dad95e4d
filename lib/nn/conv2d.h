/* SPDX-License-Identifier: MIT
 * Convolutions with their shapes worked out beforehand. Internal. */
#ifndef RDX_CONV2D_H
#define RDX_CONV2D_H

#include <redux/layers.h>
#include "base/base.h"
#include "winograd.h"

/* Everything that follows from shapes. Tiles do not depend on the number of threads. */
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
    bool direct;           /* receptive fields are single pixels: 1x1 */
    bool bfloat16;         /* bfloat16 products (where Winograd is not used) */
    rdx_winograd winograd; /* side 0: not used */
} rdx_conv_plan;

/* REDUX_E_INVALID if there is no output, REDUX_E_UNSUPPORTED if `products` asks for bfloat16 and
 * the processor lacks it. Convolutions whose channels are not multiples of 32 use single precision
 * all the same. */
redux_status rdx_conv_plan_make(rdx_conv_plan *plan, redux_dtype dtype, const int64_t in[4],
                                const int64_t weight[4], int64_t stride, int64_t padding,
                                redux_products products, int threads);
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

/* ---- what its parts share ---- */

/* Gathers the receptive fields of `count` output pixels from `first` on, one a row; and scatters
 * rows back, added to the pixels that they cover. */
void rdx_conv_gather_f32(float *out, const rdx_conv_plan *plan, const float *in, int64_t first,
                         int64_t count);
void rdx_conv_gather_f64(double *out, const rdx_conv_plan *plan, const double *in, int64_t first,
                         int64_t count);
void rdx_conv_scatter_f32(float *d_in, const rdx_conv_plan *plan, const float *columns,
                          int64_t first, int64_t count);
void rdx_conv_scatter_f64(double *d_in, const rdx_conv_plan *plan, const double *columns,
                          int64_t first, int64_t count);

/* conv2d_bfloat16.c; partials: a gradient [o, k] for each chunk. */
uint64_t rdx_conv_bfloat16_floats(const rdx_conv_plan *plan);
redux_status rdx_conv_bfloat16_forward(redux_context *context, const rdx_conv_plan *plan,
                                       float *out, const float *in, const float *weight,
                                       float *workspace);
redux_status rdx_conv_bfloat16_backward_data(redux_context *context, const rdx_conv_plan *plan,
                                             float *d_in, bool accumulate, const float *d_out,
                                             const float *weight, float *workspace);
redux_status rdx_conv_bfloat16_backward_weight(redux_context *context, const rdx_conv_plan *plan,
                                               float *partials, const float *d_out, const float *in,
                                               float *workspace);

#endif
