/* SPDX-License-Identifier: MIT
 * The greedy first-exemplar rule over a stream of items (the paper, section 3.2).
 *
 * Items come in order. One that is redundant with none of the exemplars so far becomes an exemplar;
 * any other is dropped, and its witness is the first exemplar that it is redundant with. This is
 * the paper's rule (take the first remaining slice, drop all within the threshold of it, repeat) in
 * one pass; only exemplars are kept in memory. There are no chains: a witness is always kept
 * itself. */
#ifndef REDUX_EXEMPLARS_H
#define REDUX_EXEMPLARS_H

#include <redux/metric.h>

REDUX_BEGIN_DECLS

/** Opaque: the exemplars found so far. One thread at a time. */
typedef struct redux_exemplars redux_exemplars;

/** An empty set. `metric` must outlive it. A threshold that nothing passes (below 0 for a distance,
 *  infinity for a similarity) keeps every item. The caller owns *out. Errors: REDUX_E_INVALID
 * (NaN), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_exemplars_new(redux_exemplars **out, redux_context *context,
                                           const redux_metric *metric, double threshold);

/** NULL is allowed. Since 0.1. */
REDUX_API void redux_exemplars_free(redux_exemplars *exemplars);

/** Judges the rows of `items` one after the other (see redux_metric for their form; every call
 * takes items of the same shape and dtype). witness[i]: -1 where row i became an exemplar (their
 * numbers count up from 0), else the number of its witness; scores[i]: the score to the witness,
 * NaN for an exemplar. The result does not depend on how the items are spread over calls, or on the
 * threads. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY; the set is then unusable. Since 0.1. */
REDUX_API redux_status redux_exemplars_add(int64_t *witness, double *scores, redux_context *context,
                                           redux_exemplars *exemplars, const redux_tensor *items);

/** How many there are. Since 0.1. */
REDUX_API int64_t redux_exemplars_count(const redux_exemplars *exemplars);

REDUX_END_DECLS
#endif
