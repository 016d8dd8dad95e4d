/* SPDX-License-Identifier: MIT
 * Losses of SwAV and MoCo on scores, row by row; and SwAV's codes. Internal.
 *
 * Tensors are [rows, columns], float32 or float64, C-contiguous. Work is cut into tiles of rows
 * whose results are merged in order, so the bits do not depend on the number of threads. */
#ifndef RDX_LOSSES_H
#define RDX_LOSSES_H

#include "base/base.h"

/* Bytes of workspace for a loss over so many rows. */
static inline uint64_t rdx_loss_workspace(int64_t rows)
{
    return (uint64_t)rows * sizeof(double);
}

/* SwAV's loss and its gradient (Caron et al. 2020, equation 2, with the order of the authors'
 * code): the mean over the assigning crops a of the mean over the other crops v of the mean over
 * the samples b of -sum over k of codes[a, b, k] log softmax(scores[v, b, :] / temperature)[k].
 * scores: [V * batch, K], the crops one after the other, replaced by their gradient; codes:
 * [A * batch, K], of the first A crops, constants. V is 2 or more. */
redux_status rdx_swapped_prediction(double *loss, redux_context *context,
                                    const redux_tensor *scores, const redux_tensor *codes,
                                    int64_t batch, double temperature, void *workspace);

/* InfoNCE (He et al. 2020, equation 1): the sum over the rows, divided by `batch`, of
 * -log softmax([positive, negatives] / temperature)[0]. positives: [rows, 1] and negatives:
 * [rows, L] are replaced by their gradients. */
redux_status rdx_info_nce(double *loss, redux_context *context, const redux_tensor *positives,
                          const redux_tensor *negatives, int64_t batch, double temperature,
                          void *workspace);

/* Bytes of workspace for codes from [rows, K] scores. */
uint64_t rdx_sinkhorn_workspace(int64_t rows, int64_t prototypes);

/* Codes by Sinkhorn's iteration (Cuturi 2013; Caron et al. 2020, section 3.1): exp(scores /
 * epsilon) with columns (prototypes) and rows (samples) scaled in turn to equal sums, `rounds`
 * times; at last each row sums to 1. scores: [R, K], overwritten; codes: [B, K], of the last B
 * rows. */
redux_status rdx_sinkhorn(redux_context *context, const redux_tensor *codes,
                          const redux_tensor *scores, double epsilon, int32_t rounds,
                          void *workspace);

#endif
