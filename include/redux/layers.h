/* SPDX-License-Identifier: MIT
 * Layers, forward and backward, on tensors and memory of the caller's.
 *
 * All tensors of a call are float32, or all float64, and C-contiguous; images are [N, H, W, C]
 * (channels last). Functions that end in _backward overwrite gradients by inputs (d_in) and add to
 * those by parameters (d_weight, d_bias): set these to 0 where a sum begins. `workspace` has the
 * bytes that the layer's _workspace function tells for the same tensors and context, aligned as
 * malloc aligns. Nothing is allocated. Same inputs, same bits, whatever the threads. Errors of all:
 * REDUX_E_INVALID (shapes, dtypes, a missing argument). One context a thread. */
#ifndef REDUX_LAYERS_H
#define REDUX_LAYERS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Rows of [N, D] divided by their length, or by 1e-12 where they are shorter (PyTorch's
 *  normalize): a row of zeros stays one. Since 0.1. */
REDUX_API redux_status redux_l2_normalise_forward(const redux_tensor *out, redux_context *context,
                                                  const redux_tensor *in);
/** in: what forward got. Since 0.1. */
REDUX_API redux_status redux_l2_normalise_backward(const redux_tensor *d_in, redux_context *context,
                                                   const redux_tensor *d_out,
                                                   const redux_tensor *in);

/** Mean over rows of -log of the soft-max of logits [N, K] at the row's label; labels: [N] int32 or
 *  int64, 0 ... K - 1. d_logits: [N, K], the derivative; NULL: not wanted. class_weights: [K] of
 *  the logits' dtype, the mean is then weighted by the labels' (PyTorch's CrossEntropyLoss); NULL:
 *  all 1. Since 0.1. */
REDUX_API redux_status redux_cross_entropy(double *loss, const redux_tensor *d_logits,
                                           redux_context *context, const redux_tensor *logits,
                                           const redux_tensor *labels,
                                           const redux_tensor *class_weights);

REDUX_END_DECLS
#endif
