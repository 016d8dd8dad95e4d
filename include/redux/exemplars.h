/* SPDX-License-Identifier: MIT */
/** @file
 * The greedy first-exemplar rule over a stream of items (the paper, section 3.2).
 *
 * @code
 * const int64_t shape[2] = {4, 1};
 * uint8_t codes[4] = {0x00, 0x01, 0xff, 0xfe};
 * int64_t witness[4];
 * double scores[4];
 * redux_tensor items = REDUX_TENSOR_INIT;
 * redux_metric *hamming = NULL;
 * redux_exemplars *exemplars = NULL;
 * redux_status status = redux_tensor_borrow(&items, codes, REDUX_UINT8, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_metric_new_hamming(&hamming, context);
 * if (status == REDUX_OK)
 *     status = redux_exemplars_new(&exemplars, context, hamming, 1); // at most one bit apart
 * if (status == REDUX_OK)
 *     status = redux_exemplars_add(witness, scores, context, exemplars, &items);
 * if (status == REDUX_OK)
 *     printf("%d kept\n", (int)redux_exemplars_count(exemplars)); // 2: 0x00 and 0xff
 * redux_exemplars_free(exemplars);
 * redux_metric_free(hamming);
 * return status;
 * @endcode
 *
 * Items come in order. An item that is redundant with none of the exemplars so far becomes an
 * exemplar; any other is dropped, and its witness is the first exemplar that it is redundant with.
 * This is the paper's rule (take the first remaining slice, drop all within the threshold of it,
 * repeat) in one pass; only exemplars are kept in memory.
 *
 * Promised:
 * - A witness is always kept itself: there are no chains.
 * - The result does not depend on how the items are spread over calls, or on the threads.
 *
 * Not promised: that the order of the items does not matter. It does.
 *
 * Threads: one at a time. Since 0.1.
 */
#ifndef REDUX_EXEMPLARS_H
#define REDUX_EXEMPLARS_H

#include <redux/metric.h>

REDUX_BEGIN_DECLS

/** The exemplars found so far. Opaque; one thread at a time. */
typedef struct redux_exemplars redux_exemplars;

/** An empty set. `metric` must outlive it. A threshold that nothing passes (below 0 for a distance,
 *  infinity for a similarity) keeps every item. The caller owns *out. Errors: REDUX_E_INVALID
 *  (NaN), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_exemplars_new(redux_exemplars **out, redux_context *context,
                                           const redux_metric *metric, double threshold);

/** Frees the set; NULL is allowed. */
REDUX_API void redux_exemplars_free(redux_exemplars *exemplars);

/** Judges the rows of `items` one after the other (see redux_metric for their form; every call
 *  takes items of the same shape and dtype).
 *  - witness[i]: -1 if row i became an exemplar (they are numbered from 0), otherwise the number of
 *    its witness.
 *  - scores[i]: the score to the witness, NaN for an exemplar.
 *
 *  Errors: REDUX_E_INVALID (also values that the metric refuses), REDUX_E_NO_MEMORY; the set is
 *  then unusable. */
REDUX_API redux_status redux_exemplars_add(int64_t *witness, double *scores, redux_context *context,
                                           redux_exemplars *exemplars, const redux_tensor *items);

/** The number of exemplars. */
REDUX_API int64_t redux_exemplars_count(const redux_exemplars *exemplars);

REDUX_END_DECLS
#endif
