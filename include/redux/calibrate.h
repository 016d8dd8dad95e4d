/* SPDX-License-Identifier: MIT
 * What scores are like between slices that have nothing to do with each other.
 *
 * Slices of different volumes are not copies of each other: the distribution of their scores is the
 * null against which a threshold is held. The rate of false drops at a threshold is the share of
 * such pairs that it would call redundant. A reduction in which a slice is held against k exemplars
 * that are strangers to it drops it wrongly with a probability of at most k times that.
 *
 * Pairs are taken from a sample of slices, the same number from each volume as far as there are so
 * many: up to 2,048 slices for hashes and vectors, 512 for images (compared at options.size in
 * both scopes, since volumes differ in size), drawn by `seed`. */
#ifndef REDUX_CALIBRATE_H
#define REDUX_CALIBRATE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Opaque, read-only: any thread. Made by redux_calibrate or redux_reduce. */
typedef struct redux_calibration redux_calibration;

/** NULL is allowed. Since 0.1. */
REDUX_API void redux_calibration_free(redux_calibration *calibration);

/** How many pairs of slices of different volumes were scored, and of how many volumes and slices.
 *  Since 0.1. */
REDUX_API int64_t redux_calibration_pair_count(const redux_calibration *calibration);
REDUX_API int64_t redux_calibration_volume_count(const redux_calibration *calibration);
REDUX_API int64_t redux_calibration_slice_count(const redux_calibration *calibration);

/** The estimated rate of false drops, 0 to 1, at a threshold. Since 0.1. */
REDUX_API double redux_calibration_rate(const redux_calibration *calibration, double threshold);

/** The standard error of that rate, by the jackknife over volumes: pairs of one volume are not
 *  independent, so few volumes say little, however many pairs there are. NaN with fewer than three
 *  volumes. Errors: REDUX_E_INVALID (NULL), REDUX_E_NO_MEMORY. Source: Efron and Stein 1981. Since
 * 0.1. */
REDUX_API redux_status redux_calibration_error(double *out, redux_context *context,
                                               const redux_calibration *calibration,
                                               double threshold);

/** The loosest threshold whose rate is at most `rate`: a whole number of bits for hashes, else a
 *  score that was seen (or the number next to the most alike pair's, where no pair may pass). Since
 *  0.1. */
REDUX_API double redux_calibration_threshold(const redux_calibration *calibration, double rate);

REDUX_END_DECLS
#endif
