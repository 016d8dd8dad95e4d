/* SPDX-License-Identifier: MIT */
/** @file
 * Probes of features: logistic regression and weighted nearest neighbours.
 *
 * @code
 * const int64_t shape[2] = {4, 1}, label_shape[1] = {4}, out_shape[2] = {4, 2};
 * float values[4] = {-2, -1, 1, 2};
 * int32_t classes[4] = {0, 0, 1, 1};
 * double probabilities[8];
 * redux_tensor features = REDUX_TENSOR_INIT, labels = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
 * redux_logistic *model = NULL;
 * redux_status status = redux_tensor_borrow(&features, values, REDUX_FLOAT32, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&labels, classes, REDUX_INT32, 1, label_shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&out, probabilities, REDUX_FLOAT64, 2, out_shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_logistic_fit(&model, context, &features, &labels, 2, NULL, NULL);
 * if (status == REDUX_OK)
 *     status = redux_logistic_predict(&out, context, model, &features);
 * redux_logistic_free(model);
 * return status;
 * @endcode
 *
 * Promised: the same bits, whatever the number of threads. The optimum is scikit-learn's.
 *
 * Not promised: its last digits: an iterative solution is as close as `tolerance` says.
 *
 * Threads: models are read-only once fitted: any thread. Since 0.1.
 */
#ifndef REDUX_PROBE_H
#define REDUX_PROBE_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/* ---- logistic regression ---- */

/** Options of redux_logistic_fit. */
typedef struct redux_logistic_options {
    size_t struct_size;
    double c;               /**< inverse strength of regularisation, as scikit-learn's C; 1 */
    double tolerance;       /**< of the mean loss's gradient, by its largest entry; 1e-6 */
    int32_t max_iterations; /**< 1000 */
    int32_t standardise;    /**< 1: features are brought to mean 0 and deviation 1 of the training
                                 rows first (constant ones: to 0); 0: they are taken as they are */
} redux_logistic_options;

#define REDUX_LOGISTIC_OPTIONS_DEFAULTS(set)                                                       \
    set(struct_size, sizeof(redux_logistic_options)), set(c, 1.0), set(tolerance, 1e-6),           \
        set(max_iterations, 1000), set(standardise, 1)
REDUX_DEFINE_INIT(redux_logistic_options, REDUX_LOGISTIC_OPTIONS_DEFAULTS)
#define REDUX_LOGISTIC_OPTIONS_INIT                                                                \
    REDUX_INIT(redux_logistic_options, REDUX_LOGISTIC_OPTIONS_DEFAULTS)

/** A fitted model. Opaque; read-only: any thread. */
typedef struct redux_logistic redux_logistic;

/** Describes a fitted model. Tensors are views of it, float64, released by the caller. */
typedef struct redux_logistic_info {
    size_t struct_size;   /**< set by the caller */
    redux_tensor weights; /**< [outputs, D] on standardised features; outputs: 1 for two classes
                               (the log-odds of class 1), else the classes */
    redux_tensor biases;  /**< [outputs] */
    redux_tensor means, scales; /**< [D]: features are (x - mean) / scale */
    int64_t classes, features;
    int32_t iterations, converged;
    double loss; /**< the objective: see redux_logistic_fit */
} redux_logistic_info;

/** Fits multinomial logistic regression with an L2 penalty, in double precision: the minimum of C
 *  sum over rows of -log p(label | x) + |W|^2 / 2, biases free; two classes have one weight vector.
 *  That is scikit-learn's LogisticRegression (lbfgs).
 *  - features: [N, D] float32 or float64; labels: [N] int32, 0 ... classes - 1. A class may have no
 *    rows, which with regularisation is well defined.
 *  - start: a model of as many classes and features to begin with; NULL: 0.
 *  - Reaching max_iterations is no error: see redux_logistic_info.converged.
 *
 *  Method: L-BFGS with a line search for the strong Wolfe conditions (Nocedal, Wright: Numerical
 *  Optimization, 2006, algorithms 7.5, 3.5 and 3.6). `options` may be NULL. The caller owns *out.
 *  Errors: REDUX_E_INVALID (shapes, dtypes, options, values that are not finite),
 *  REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. */
REDUX_API redux_status redux_logistic_fit(redux_logistic **out, redux_context *context,
                                          const redux_tensor *features, const redux_tensor *labels,
                                          int32_t classes, const redux_logistic_options *options,
                                          const redux_logistic *start);

/** Frees a model; NULL is allowed. */
REDUX_API void redux_logistic_free(redux_logistic *model);

/** The weights and figures of a model, as views into it. Set out->struct_size first. Errors:
 *  REDUX_E_INVALID (struct_size, NULL). */
REDUX_API redux_status redux_logistic_get_info(redux_logistic_info *out,
                                               const redux_logistic *model);

/** The probabilities of the classes. probabilities: [N, classes] float64, C-contiguous,
 *  overwritten; features: [N, D]. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_logistic_predict(const redux_tensor *probabilities,
                                              redux_context *context, const redux_logistic *model,
                                              const redux_tensor *features);

/* ---- nearest neighbours ---- */

/** Options of redux_knn_predict. */
typedef struct redux_knn_options {
    size_t struct_size;
    int32_t neighbours; /**< k; fewer where there are fewer training rows; 20 */
    double temperature; /**< 0.07 */
} redux_knn_options;

#define REDUX_KNN_OPTIONS_DEFAULTS(set)                                                            \
    set(struct_size, sizeof(redux_knn_options)), set(neighbours, 20), set(temperature, 0.07)
REDUX_DEFINE_INIT(redux_knn_options, REDUX_KNN_OPTIONS_DEFAULTS)
#define REDUX_KNN_OPTIONS_INIT REDUX_INIT(redux_knn_options, REDUX_KNN_OPTIONS_DEFAULTS)

/** Weighted nearest neighbours: each of the k training rows with the greatest cosine s to a query
 *  (of equal ones the first) votes for its class with weight exp(s / temperature); probabilities
 *  are votes over their sum.
 *  - probabilities: [M, classes] float64, C-contiguous; features: [N, D], queries: [M, D], float32
 *    or float64; labels: [N] int32.
 *  - Features are not standardised; a row of zeros has cosine 0 to every row. Similarities are
 *    computed block by block.
 *
 *  `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. Source: Wu, Xiong, Yu, Lin,
 *  "Unsupervised feature learning via non-parametric instance discrimination", CVPR 2018, section
 *  3.4. */
REDUX_API redux_status redux_knn_predict(const redux_tensor *probabilities, redux_context *context,
                                         const redux_tensor *features, const redux_tensor *labels,
                                         int32_t classes, const redux_tensor *queries,
                                         const redux_knn_options *options);

REDUX_END_DECLS
#endif
