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
    uint32_t level;        /* these two tell apart several runs with one seed */
    uint64_t round;
    int32_t rounds; /* at most; 0: 25, faiss's default */
    bool together;  /* all ranks run it, and share the nearest centroids out */
    /* set by rdx_k_means_run; one block */
    int64_t *cluster; /* [n] of each vector */
    int64_t
        *members; /* [n] vectors by cluster: those of cluster c from starts[c] to starts[c + 1] */
    int64_t *starts;  /* [k + 1] */
    float *centroids; /* [k, width] */
    double *halves;   /* [k] half of a centroid's squared length */
} rdx_k_means;

/* Rounds from k random vectors, until nothing changes. The centroid of a cluster that
 * becomes empty stays where it is. Members are in their own order. Results depend on neither the
 * number of threads nor on what else runs. */
redux_status rdx_k_means_run(rdx_k_means *km, redux_context *context);
void rdx_k_means_clear(rdx_k_means *km);

/* After rdx_k_means_run: assigns all vectors to the nearest of the centroids as they are now; `k`
 * may have become smaller. */
redux_status rdx_k_means_assign(rdx_k_means *km, redux_context *context);
/* After rdx_k_means_run: sorts the members of each cluster by their distance from its centroid,
 * nearest first, the first of equals first. */
redux_status rdx_k_means_sort(const rdx_k_means *km, redux_context *context);
/* The distance of a vector from the centroid of its cluster. */
double rdx_k_means_distance(const rdx_k_means *km, int64_t vector);
/* For each vector the first of the largest x . c - half, in `cluster`. Only reads vectors,
 * centroids and halves, all of which the caller may have set. Call rdx_blas_ready before. */
redux_status rdx_k_means_nearest(rdx_k_means *km, redux_context *context);

#endif
