/* SPDX-License-Identifier: MIT
 * Images as bins and histograms as entropies, from entropy.c for mutual_information.c. Internal. */
#ifndef RDX_HISTOGRAM_H
#define RDX_HISTOGRAM_H

#include <redux/entropy.h>
#include "base/base.h"
#include "kernels/xlog2x.h"
#include "metric.h"

#define RDX_MAX_BINS 256

/* REDUX_E_INVALID unless images of `dtype` have a histogram. */
redux_status rdx_histogram_dtype(redux_dtype dtype);
/* REDUX_E_INVALID for finite floats outside [0, 1] where the fixed grid would have to clip them. */
redux_status rdx_histogram_check(const redux_histogram_options *options, redux_dtype dtype,
                                 const void *pixels, int64_t count);
/* True when pixels are their own bins, so that rdx_histogram_bins would only copy. */
bool rdx_histogram_is_plain(const redux_histogram_options *options, redux_dtype dtype);
/* The bin of each of `count` >= 1 pixels. `options` has been through rdx_histogram_read_options. */
void rdx_histogram_bins(uint8_t *bins, const redux_histogram_options *options, redux_dtype dtype,
                        const void *pixels, int64_t count);
/* The terms of counts below RDX_XLOG2X_ENTRIES; `table` has room for as many. */
void rdx_xlog2x_fill(int64_t *table);
/* The sum of the terms of the histogram of one image. */
int64_t rdx_histogram_sum(const uint32_t *counts, const int64_t *table, int32_t bits);
/* n * H in fixed point as H. */
double rdx_entropy_bits(int64_t fixed, int64_t count, int32_t bits);

/* Shared by mutual_information.c and conditional_entropy.c: items prepared as histograms. */

/* n * H and n * I in fixed point. */
typedef struct rdx_entropies {
    int64_t a, b, mutual;
} rdx_entropies;

redux_status rdx_information_check(const redux_metric *metric, const rdx_layout *layout,
                                   const void *item);
redux_status rdx_information_layout(const redux_metric *metric, rdx_layout *layout);
void rdx_information_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                             void *prepared, void *scratch);
/* Of two prepared items. */
rdx_entropies rdx_information_pair(const redux_metric *metric, const rdx_layout *layout,
                                   const void *a, const void *b, void *scratch);
/* Of a prepared item and one that is not. */
rdx_entropies rdx_information_fresh(const redux_metric *metric, const rdx_layout *layout,
                                    const void *a, const void *item, void *scratch);
/* The score of images with these entropies; monotone in h->mutual. */
typedef double (*rdx_information_score_fn)(const redux_metric *metric, const rdx_layout *layout,
                                           const rdx_entropies *h);
rdx_verdict rdx_information_judge(const redux_metric *metric, const rdx_layout *layout,
                                  rdx_information_score_fn score_of, const void *a, const void *b,
                                  double threshold, double *score, void *scratch);
/* A metric with these operations over histograms. */
redux_status rdx_information_metric_new(redux_metric **out, redux_context *context,
                                        const rdx_metric_ops *ops,
                                        const redux_histogram_options *options);

#endif
