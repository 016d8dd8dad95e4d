/* SPDX-License-Identifier: MIT
 * Contrastive losses. (Cross-entropy: redux/layers.h.) */
#ifndef REDUX_LOSS_H
#define REDUX_LOSS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Bytes of workspace that redux_nt_xent needs for 2N rows of float32 or float64; 0 for sizes that
 *  it does not take. Any thread. Since 0.1. */
REDUX_API uint64_t redux_nt_xent_workspace(int64_t rows, redux_dtype dtype);

/** NT-Xent, SimCLR's loss: row i of 2N is one view of a sample, row i + N (modulo 2N) the other;
 *  all other rows are its negatives. The mean over the rows of
 *  -log(exp(s(i, i + N) / t) / sum over k != i of exp(s(i, k) / t)), s the inner product.
 *  embeddings: [2N, D] float32 or float64, C-contiguous; normalised rows (redux_l2_normalise_*)
 *  make s the cosine. *loss: the value; d_embeddings: [2N, D], its derivative, overwritten; NULL:
 *  not wanted; it must not overlap the others. workspace: redux_nt_xent_workspace bytes, aligned
 *  as malloc aligns. The maximum of each row is taken off before exponentials, so any temperature
 *  > 0 is safe. Similarities are made block by block and never held whole: memory grows with N,
 *  not with its square. Rows without any other one but their partner (N = 1) have loss 0. Same
 *  bits whatever the threads. Errors: REDUX_E_INVALID. Source: Chen et al., "A simple framework
 *  for contrastive learning", ICML 2020, equation 1. Since 0.1. */
REDUX_API redux_status redux_nt_xent(double *loss, const redux_tensor *d_embeddings,
                                     redux_context *context, const redux_tensor *embeddings,
                                     double temperature, void *workspace);

REDUX_END_DECLS
#endif
