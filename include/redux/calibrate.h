/* SPDX-License-Identifier: MIT */
/** @file
 * Calibration: how often a threshold would call unrelated slices redundant.
 *
 * @code
 * const char *path = "data/ct";
 * redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT; // the strategy "hash"
 * redux_dataset *dataset = NULL;
 * redux_calibration *calibration = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * if (status == REDUX_OK)
 *     status = redux_calibrate(&calibration, context, dataset, &options); // redux/reduce.h
 * if (status == REDUX_OK)
 *     printf("at 6 bits %g of unrelated pairs pass\n", redux_calibration_rate(calibration, 6));
 * redux_calibration_free(calibration);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * Slices of different volumes are not copies of each other, so the distribution of their scores is
 * the null hypothesis that a threshold is compared with. The rate of false drops at a threshold is
 * the share of such pairs that it would call redundant. A slice that is compared with k unrelated
 * exemplars is dropped wrongly with a probability of at most k times that rate.
 *
 * Pairs come from a sample of slices, drawn by `seed`, with the same number from each volume as far
 * as possible: up to 2,048 slices for hashes and vectors, 512 for images (compared at options.size
 * in both scopes, since volumes differ in size).
 *
 * Not promised: an upper bound. Rates are estimates; with few volumes their error is large
 * (redux_calibration_error), however many pairs there are.
 *
 * Threads: read-only, any. Since 0.1.
 */
#ifndef REDUX_CALIBRATE_H
#define REDUX_CALIBRATE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** A calibration, made by redux_calibrate or redux_reduce. Opaque, read-only: any thread. */
typedef struct redux_calibration redux_calibration;

/** Frees a calibration; NULL is allowed. */
REDUX_API void redux_calibration_free(redux_calibration *calibration);

/** How many pairs of slices of different volumes were scored, from how many volumes and slices. */
REDUX_API int64_t redux_calibration_pair_count(const redux_calibration *calibration);
REDUX_API int64_t redux_calibration_group_count(const redux_calibration *calibration);
REDUX_API int64_t redux_calibration_slice_count(const redux_calibration *calibration);

/** The estimated rate of false drops, 0 to 1, at a threshold. */
REDUX_API double redux_calibration_rate(const redux_calibration *calibration, double threshold);

/** The standard error of that rate, by the jackknife over volumes, because the pairs of one volume
 *  are not independent. NaN with fewer than three volumes. Errors: REDUX_E_INVALID (NULL),
 *  REDUX_E_NO_MEMORY. Source: Efron and Stein 1981. */
REDUX_API redux_status redux_calibration_error(double *out, redux_context *context,
                                               const redux_calibration *calibration,
                                               double threshold);

/** The loosest threshold whose rate is at most `rate`: a whole number of bits for hashes, otherwise
 *  a score that occurred (or, if no pair may pass, the number just beyond the most similar pair's
 *  score). */
REDUX_API double redux_calibration_threshold(const redux_calibration *calibration, double rate);

REDUX_END_DECLS
#endif
