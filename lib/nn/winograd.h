/* SPDX-License-Identifier: MIT
 * Convolutions of 3 x 3 weights with stride 1, with fewer products. Internal. */
#ifndef RDX_WINOGRAD_H
#define RDX_WINOGRAD_H

#include "base/base.h"

/* Everything that follows from shapes. Such a convolution keeps the size of the image. */
typedef struct rdx_winograd {
    int64_t side;                /* output pixels of a tile along an axis: 2 or 4; 0: not used */
    int64_t positions;           /* products of a tile: (side + 2)^2 */
    int64_t n, h, w, c, o;       /* images; channels in and out */
    int64_t down, across, tiles; /* of an image; of all images */
    int64_t block;               /* tiles of a task */
    int64_t chunk;               /* tiles at a time of the gradient of the weights */
    int64_t threads;
    bool bfloat16; /* bfloat16 products: two numbers to a word */
} rdx_winograd;

/* For images [n, h, w, c], weights [o, 3, 3, c] and padding 1, single precision. `side` is 0 if
 * nothing is saved, or if channels are not multiples of 32. */
void rdx_winograd_make(rdx_winograd *plan, const int64_t in[4], int64_t o, bool bfloat16,
                       int threads);
/* Floats of workspace for forward, and for both ways. */
uint64_t rdx_winograd_workspace(const rdx_winograd *plan, bool backward);

/* As rdx_conv_forward and rdx_conv_backward. */
redux_status rdx_winograd_forward(redux_context *context, const rdx_winograd *plan, float *out,
                                  const float *in, const float *weight, const float *bias,
                                  float *workspace);
redux_status rdx_winograd_backward_data(redux_context *context, const rdx_winograd *plan,
                                        float *d_in, bool accumulate, const float *d_out,
                                        const float *weight, float *workspace);
redux_status rdx_winograd_backward_weight(redux_context *context, const rdx_winograd *plan,
                                          float *d_weight, const float *d_out, const float *in,
                                          float *workspace);

#endif
