/* SPDX-License-Identifier: MIT
 * Convolution as matrix products over tiles of pixels.
 *
 * A tile is some output pixels. Their receptive fields are gathered into rows that stay in the
 * cache, and one product with the weights gives their outputs. Backward for data is the same
 * product reversed, scattered back image by image, so that no two tasks add to one pixel. Backward
 * for weights sums over all pixels: a few chunks of them, each summed separately, then added in
 * order. Shapes alone decide how all of it is cut, so the bits are the same with any number of
 * threads. 1x1 convolutions with stride 1 need no gathering. */
#include <cblas.h>
#include <string.h>
#include "conv2d.h"

#define CACHE ((int64_t)384 << 10)  /* of a thread, for gathered rows */
#define LEAST_ROWS ((int64_t)128)   /* below this, a product spends its time on packing weights */
#define PARTIALS ((int64_t)8 << 20) /* bytes of all chunks' gradients, if they allow two chunks */
#define SUM_TILE ((int64_t)1 << 14)

/* A pixel of the output. */
typedef struct pixel {
    int64_t n, y, x;
} pixel;

static pixel pixel_of(const rdx_conv_plan *p, int64_t index)
{
    return (pixel){index / (p->ow * p->oh), index / p->ow % p->oh, index % p->ow};
}

/* Counting on is cheaper than dividing for every pixel. */
static inline void next_pixel(pixel *at, const rdx_conv_plan *p)
{
    if (++at->x < p->ow)
        return;
    at->x = 0;
    if (++at->y < p->oh)
        return;
    at->y = 0;
    at->n++;
}

/* Memory of all threads for gathered rows, and for weights if products are bfloat16. */
static uint64_t columns_floats(const rdx_conv_plan *p)
{
    if (p->bfloat16)
        return rdx_conv_bfloat16_floats(p);
    return p->direct ? 0 : (uint64_t)(p->threads * p->tile * p->k);
}

/* The gradient of the data without OpenBLAS. */
static redux_status special_data(redux_context *context, const rdx_conv_plan *plan, void *d_in,
                                 bool accumulate, const void *d_out, const void *weight,
                                 void *workspace)
{
    return plan->winograd.side > 0
               ? rdx_winograd_backward_data(context, &plan->winograd, d_in, accumulate, d_out,
                                            weight, workspace)
               : rdx_conv_bfloat16_backward_data(context, plan, d_in, accumulate, d_out, weight,
                                                 workspace);
}

#define REAL float
#define GEMM cblas_sgemm
#define NAME(x) x##_f32
#include "conv2d_template.h"

#define REAL double
#define GEMM cblas_dgemm
#define NAME(x) x##_f64
#include "conv2d_template.h"

redux_status rdx_conv_plan_make(rdx_conv_plan *plan, redux_dtype dtype, const int64_t in[4],
                                const int64_t weight[4], int64_t stride, int64_t padding,
                                redux_products products, int threads)
{
    const bool rounds = products == REDUX_PRODUCTS_BFLOAT16 && dtype == REDUX_FLOAT32;
    const int64_t size = (int64_t)redux_dtype_size(dtype);
    rdx_conv_plan p = {.dtype = dtype,
                       .n = in[0],
                       .h = in[1],
                       .w = in[2],
                       .c = in[3],
                       .o = weight[0],
                       .kh = weight[1],
                       .kw = weight[2],
                       .stride = stride,
                       .padding = padding,
                       .threads = threads};
    if (stride < 1 || padding < 0 || p.kh < 1 || p.kw < 1 || p.c < 1 || p.o < 1 || p.n < 1 ||
        p.h + 2 * padding < p.kh || p.w + 2 * padding < p.kw)
        return rdx_fail(REDUX_E_INVALID,
                        "convolution of %lld x %lld x %lld pixels by %lld x %lld, stride %lld, "
                        "padding %lld",
                        (long long)p.n, (long long)p.h, (long long)p.w, (long long)p.kh,
                        (long long)p.kw, (long long)stride, (long long)padding);
    if (rounds && !rdx_cpu_has_bfloat16())
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "this processor has no bfloat16 products: use float32");
    p.oh = (p.h + 2 * padding - p.kh) / stride + 1;
    p.ow = (p.w + 2 * padding - p.kw) / stride + 1;
    p.rows = p.n * p.oh * p.ow;
    p.k = p.kh * p.kw * p.c;
    if (p.k > INT32_MAX || p.o > INT32_MAX)
        return rdx_fail(REDUX_E_LIMIT, "convolution of %lld by %lld weights", (long long)p.o,
                        (long long)p.k);
    p.direct = p.kh == 1 && p.kw == 1 && stride == 1 && padding == 0;
    p.tile = RDX_MAX(CACHE / (p.k * size) / 16 * 16, LEAST_ROWS);
    p.tile = RDX_MIN(p.tile, p.rows);
    p.group = RDX_MIN((LEAST_ROWS + p.oh * p.ow - 1) / (p.oh * p.ow), p.n);
    p.chunks = RDX_MIN(RDX_MAX(PARTIALS / (p.o * p.k * size), 2), 16);
    p.chunks = RDX_MIN(p.chunks, rdx_conv_tiles(&p));
    p.o_block = p.chunks < 8 ? RDX_MAX(p.o / 4, RDX_MIN(p.o, 64)) : p.o;
    p.o_blocks = (p.o + p.o_block - 1) / p.o_block;
    if (dtype == REDUX_FLOAT32 && p.kh == 3 && p.kw == 3 && stride == 1 && padding == 1)
        rdx_winograd_make(&p.winograd, in, p.o, rounds, threads);
    p.bfloat16 = rounds && p.winograd.side == 0 && p.c % 32 == 0 && p.o % 32 == 0;
    *plan = p;
    return REDUX_OK;
}

uint64_t rdx_conv_workspace(const rdx_conv_plan *p, bool backward)
{
    const uint64_t size = redux_dtype_size(p->dtype);
    if (p->winograd.side > 0)
        return rdx_winograd_workspace(&p->winograd, backward) * size;
    const uint64_t partials = backward ? (uint64_t)(p->chunks * p->o * p->k) : 0;
    return (columns_floats(p) + partials) * size;
}

redux_status rdx_conv_forward(redux_context *context, const rdx_conv_plan *plan, void *out,
                              const void *in, const void *weight, const void *bias, void *workspace)
{
    RDX_TRY(rdx_blas_ready(context));
    if (plan->winograd.side > 0)
        return rdx_winograd_forward(context, &plan->winograd, out, in, weight, bias, workspace);
    if (plan->bfloat16 && bias == NULL)
        return rdx_conv_bfloat16_forward(context, plan, out, in, weight, workspace);
    return (plan->dtype == REDUX_FLOAT32 ? forward_f32 : forward_f64)(context, plan, out, in,
                                                                      weight, bias, workspace);
}

redux_status rdx_conv_backward(redux_context *context, const rdx_conv_plan *plan, void *d_in,
                               bool accumulate, void *d_weight, void *d_bias, const void *d_out,
                               const void *in, const void *weight, void *workspace)
{
    RDX_TRY(rdx_blas_ready(context));
    return (plan->dtype == REDUX_FLOAT32 ? backward_f32 : backward_f64)(
        context, plan, d_in, accumulate, d_weight, d_bias, d_out, in, weight, workspace);
}
