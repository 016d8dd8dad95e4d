/* SPDX-License-Identifier: MIT
 * k-means (Lloyd's rounds) over float vectors. Internal. */
#ifndef RDX_K_MEANS_H
#define RDX_K_MEANS_H

#include "base/base.h"

typedef struct rdx_k_means {
    /* set by the caller */
    const float *vectors;  /* [n, width] */
    int64_t n, k;          /* 1 <= k <= n */
    int64_t width, stride; /* stride: floats from vector to vector */
    uint64_t seed;         /* of the first centroids: k different vectors */
    /* set by rdx_k_means_run */
    int64_t *cluster; /* [n] of each vector */
    int64_t *counts;  /* [k] vectors in each cluster when centroids last moved */
    float *centroids; /* [k, width] */
    double *halves;   /* [k] half of a centroid's squared length */
    double *sums;     /* [k, width] work */
} rdx_k_means;

/* Results depend on neither the number of threads nor on what else runs. */
redux_status rdx_k_means_run(rdx_k_means *km, redux_context *context);
void rdx_k_means_clear(rdx_k_means *km);

#endif
