/* SPDX-License-Identifier: MIT */
/** @file
 * k-means: vectors into clusters, each around its mean.
 *
 * @code
 * const int64_t shape[2] = {5, 2}, two[2] = {2, 2};
 * float points[10] = {0, 0, 0, 1, 9, 9, 9, 8, 1, 0};
 * int64_t cluster[5];
 * redux_tensor vectors = REDUX_TENSOR_INIT, centroids = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_borrow(&vectors, points, REDUX_FLOAT32, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&centroids, context, REDUX_FLOAT32, 2, two);
 * if (status == REDUX_OK)
 *     status = redux_k_means(&centroids, cluster, context, &vectors, NULL);
 * if (status == REDUX_OK)
 *     printf("the last point lies with the first: %d\n", cluster[4] == cluster[0]);
 * redux_tensor_release(&centroids);
 * return status;
 * @endcode
 *
 * Lloyd's rounds (S. Lloyd, "Least squares quantization in PCM", 1982) by Euclidean distance, from
 * as many different vectors, drawn by `seed`, until no vector changes its cluster.
 *
 * Promised: the same bits for any number of threads: means are summed in double, in the order of
 * the vectors.
 *
 * Not promised: the same clusters with another OpenBLAS, or on another instruction set: a vector
 * halfway between two centroids, to float32 rounding, may go either way.
 *
 * Threads: one context per thread. Since 0.2.
 */
#ifndef REDUX_K_MEANS_H
#define REDUX_K_MEANS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Options of redux_k_means. Every field is valid as REDUX_K_MEANS_OPTIONS_INIT sets it. */
typedef struct redux_k_means_options {
    size_t struct_size;
    uint64_t seed;
    int32_t rounds; /**< at most; 0: 25 */
} redux_k_means_options;

#define REDUX_K_MEANS_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_k_means_options))
REDUX_DEFINE_INIT(redux_k_means_options, REDUX_K_MEANS_OPTIONS_DEFAULTS)
#define REDUX_K_MEANS_OPTIONS_INIT REDUX_INIT(redux_k_means_options, REDUX_K_MEANS_OPTIONS_DEFAULTS)

/** Clusters the rows of `vectors`, [n, D] float32, the D elements of a row side by side. As many
 *  clusters as `centroids` has rows: [k, D] float32, C-contiguous, made by you, written as a whole;
 *  1 <= k <= n. `cluster` (n numbers, or NULL) becomes the cluster of each vector, whose mean its
 *  centroid is. A cluster that becomes empty keeps the centroid that it had. Nothing may overlap.
 *  `options` NULL means the defaults.
 *
 *  Time: 2 n k D multiply-adds a round, as matrix products; memory beside the arguments: 24 bytes a
 *  vector, 4 D + 16 a cluster, up to 1 MB a thread. Errors: REDUX_E_INVALID (shapes, dtypes,
 *  strides; a value that is not finite, or so large that float32 products of two vectors are not),
 *  REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. One call per context at a time. Since 0.2. */
REDUX_API redux_status redux_k_means(redux_tensor *centroids, int64_t *cluster,
                                     redux_context *context, const redux_tensor *vectors,
                                     const redux_k_means_options *options);

REDUX_END_DECLS
#endif
