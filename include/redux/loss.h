/* SPDX-License-Identifier: MIT */
/** @file
 * NT-Xent, the contrastive loss of SimCLR. (Cross-entropy is in redux/layers.h.)
 *
 * @code
 * const int64_t shape[2] = {8, 16}; // two views of 4 samples
 * double loss = 0;
 * double workspace[4096];
 * redux_tensor embeddings = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&embeddings, context, REDUX_FLOAT32, 2, shape);
 * if (redux_nt_xent_workspace(8, REDUX_FLOAT32) > sizeof workspace)
 *     status = REDUX_E_LIMIT;
 * if (status == REDUX_OK)
 *     status = redux_nt_xent(&loss, NULL, context, &embeddings, 0.5, workspace);
 * redux_tensor_release(&embeddings);
 * return status;
 * @endcode
 *
 * Promised: the same bits, whatever the number of threads. Memory grows with N, not with its
 * square.
 *
 * Source: Chen et al., "A simple framework for contrastive learning", ICML 2020, equation 1.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_LOSS_H
#define REDUX_LOSS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Bytes of workspace that redux_nt_xent needs for 2N rows of float32 or float64; 0 for sizes that
 *  it does not take. Any thread. */
REDUX_API uint64_t redux_nt_xent_workspace(int64_t rows, redux_dtype dtype);

/** The loss of 2N embeddings: row i is one view of a sample, row i + N (modulo 2N) the other; all
 *  other rows are its negatives. It is the mean over the rows of -log(exp(s(i, i + N) / t) / sum
 *  over k != i of exp(s(i, k) / t)), s the inner product.
 *  - embeddings: [2N, D] float32 or float64, C-contiguous; normalised rows
 *    (redux_l2_normalise_forward) make s the cosine.
 *  - d_embeddings: [2N, D], the gradient, overwritten; NULL: not wanted. It must not overlap the
 *    others.
 *  - workspace: redux_nt_xent_workspace bytes, aligned as malloc aligns.
 *  - The maximum of each row is subtracted before exponentials, so any temperature > 0 is safe.
 *    Rows with no negatives (N = 1) have loss 0.
 *
 *  Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_nt_xent(double *loss, const redux_tensor *d_embeddings,
                                     redux_context *context, const redux_tensor *embeddings,
                                     double temperature, void *workspace);

REDUX_END_DECLS
#endif
