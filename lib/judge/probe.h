/* SPDX-License-Identifier: MIT
 * Shared by the probes: features in double precision, L-BFGS, neighbours. Internal. */
#ifndef RDX_PROBE_H
#define RDX_PROBE_H

#include <redux/probe.h>
#include "base/base.h"

/* features.c: checks and copies [N, D] of float32 or float64 into doubles (the caller frees them);
 * refuses what is not finite. */
redux_status rdx_features(double **out, redux_context *context, const redux_tensor *features,
                          const char *name);
/* [N] int32, 0 ... classes - 1, contiguous copy (the caller frees it). */
redux_status rdx_class_labels(int32_t **out, redux_context *context, const redux_tensor *labels,
                              int64_t rows, int32_t classes);

/* lbfgs.c */

/* *value and gradient [n] at x [n]. */
typedef redux_status (*rdx_objective_fn)(double *value, double *gradient, const double *x,
                                         void *user);

typedef struct rdx_lbfgs {
    int32_t max_iterations;
    double tolerance;              /* of the largest entry of the gradient */
    int32_t iterations, converged; /* outcome */
    double value;
} rdx_lbfgs;

/* Minimises from x, in place. */
redux_status rdx_lbfgs_minimise(rdx_lbfgs *search, redux_context *context, double *x, int64_t n,
                                rdx_objective_fn objective, void *user);

/* knn.c: for each query the `count` training rows with the highest cosines, best first. */
typedef struct rdx_neighbours {
    int64_t queries, count;
    int32_t *row;   /* [queries, count] */
    double *cosine; /* [queries, count] */
} rdx_neighbours;

redux_status rdx_neighbours_find(rdx_neighbours *out, redux_context *context,
                                 const redux_tensor *features, const redux_tensor *queries,
                                 int64_t count);
void rdx_neighbours_free(rdx_neighbours *neighbours);
/* The vote of the first k of each. probabilities: [queries, classes]. */
void rdx_neighbours_vote(double *probabilities, const rdx_neighbours *neighbours,
                         const int32_t *labels, int32_t classes, int64_t k, double temperature);

#endif
