/* SPDX-License-Identifier: MIT */
/** @file
 * One interface to all redundancy metrics: a pair, one against many, all redundant pairs, the
 * nearest.
 *
 * @code
 * const int64_t shape[3] = {3, 32, 32};
 * int64_t nearest[3];
 * double scores[3];
 * redux_tensor slices = REDUX_TENSOR_INIT;
 * redux_metric *ssim = NULL;
 * redux_status status = redux_tensor_new(&slices, context, REDUX_UINT8, 3, shape);
 * if (status == REDUX_OK)
 *     status = redux_metric_new_named(&ssim, context, "ssim");
 * if (status == REDUX_OK)
 *     status = redux_metric_nearest(nearest, scores, context, ssim, &slices, &slices, 1);
 * redux_metric_free(ssim);
 * redux_tensor_release(&slices);
 * return status;
 * @endcode
 *
 * A metric compares items: the rows of a tensor whose first axis counts them. Hash codes are [N,
 * bytes] uint8, embeddings [N, D] float32 (normalised or not), windowed slices [N, H, W] uint8 or
 * float32.
 *
 *     metric               items       score                  values of float32 slices
 *     hamming              codes       distance, 0 ... bits
 *     cosine               vectors     similarity, -1 ... 1
 *     mutual information   slices      similarity, 0 ... 1    within [0, 1] (default range)
 *     conditional entropy  slices      distance, bits         within [0, 1] (default range)
 *     ssim                 slices      similarity, -1 ... 1   within [0, 1] without a data_range
 *     ms-ssim              slices      similarity, 0 ... 1    within [0, 1] without a data_range
 *     mattes               slices      similarity, nats       any
 *     phase correlation    slices      similarity, 0 ... 1    any
 *     your own             your own    your own               (redux_metric_new_custom)
 *
 * Finite values outside such a range are refused: REDUX_E_INVALID, with the value and the remedy.
 * mattes and conditional entropy are not symmetric.
 *
 * "Redundant" means: a distance at or below the threshold, or a similarity at or above it.
 *
 * Promised: the score of a pair is the same bits whatever function computed it and whatever the
 * number of threads.
 *
 * Not promised: equal last bits of float scores on different instruction sets. Hamming distances,
 * mutual information and conditional entropy are the same everywhere.
 *
 * Threads: a metric is immutable; several threads may use it, each with its own context. Since 0.1.
 */
#ifndef REDUX_METRIC_H
#define REDUX_METRIC_H

#include <redux/entropy.h>
#include <redux/mattes.h>
#include <redux/phase_correlation.h>
#include <redux/ssim.h>
#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** A metric. Opaque, immutable. */
typedef struct redux_metric redux_metric;

/* ---- making a metric ---- */

/** A metric of codes: the number of differing bits. [N, bytes] uint8. The caller owns *out. Errors
 *  of all constructors: REDUX_E_INVALID (options), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_metric_new_hamming(redux_metric **out, redux_context *context);
/** A metric of slices: nmi_arithmetic of redux_information, or what options.normalisation says. [N,
 *  H, W] uint8, or float32 within [0, 1] (with another options.range: any). `options` may be NULL.
 */
REDUX_API redux_status redux_metric_new_mutual_information(redux_metric **out,
                                                           redux_context *context,
                                                           const redux_histogram_options *options);
/** A metric of slices: H(b | a) in bits, what b adds to a; a distance, not symmetric. The first
 *  item of a pair is the condition: `a` of redux_metric_pair, the kept or earlier one of a
 *  reduction. The same bits as b_given_a of redux_information. [N, H, W] uint8, or float32 within
 *  [0, 1] (with another options.range: any). `options` may be NULL. */
REDUX_API redux_status redux_metric_new_conditional_entropy(redux_metric **out,
                                                            redux_context *context,
                                                            const redux_histogram_options *options);
/** A metric of slices: redux_ssim. [N, H, W] uint8, or float32 within [0, 1] (with
 *  options.data_range: any). `options` may be NULL. */
REDUX_API redux_status redux_metric_new_ssim(redux_metric **out, redux_context *context,
                                             const redux_ssim_options *options);
/** A metric of vectors: the cosine of their angle, by blocked single-precision matrix products,
 *  clamped to [-1, 1]. [N, D] float32. A vector of zeros, or one with a NaN or infinity, is similar
 *  to nothing: 0 to every vector, itself included. */
REDUX_API redux_status redux_metric_new_cosine(redux_metric **out, redux_context *context);

/** A metric of slices: redux_ms_ssim. [N, H, W] uint8, or float32 within [0, 1] (with
 *  options.data_range: any). `options` may be NULL. */
REDUX_API redux_status redux_metric_new_ms_ssim(redux_metric **out, redux_context *context,
                                                const redux_ms_ssim_options *options);
/** A metric of slices: redux_mattes, a similarity, not symmetric; `a` of a pair (the kept or
 *  earlier one) is the fixed image. [N, H, W] uint8 or float32, any values. `options` may be NULL.
 */
REDUX_API redux_status redux_metric_new_mattes(redux_metric **out, redux_context *context,
                                               const redux_mattes_options *options);
/** A metric of slices: the height of redux_phase_correlation, 0 to 1, a similarity that a shift
 *  does not lower. [N, H, W] uint8 or float32, any values. `options` may be NULL. Errors:
 *  REDUX_E_UNSUPPORTED (a build without FFTW). */
REDUX_API redux_status redux_metric_new_phase_correlation(redux_metric **out,
                                                          redux_context *context,
                                                          const redux_phase_options *options);
/** A metric of slices by its name, with default options: "ssim", "ms-ssim", "mi", "mattes",
 *  "phase-correlation", "conditional-entropy". Errors: REDUX_E_NOT_FOUND (the message lists the
 *  names), and those of the constructor. */
REDUX_API redux_status redux_metric_new_named(redux_metric **out, redux_context *context,
                                              const char *name);

/* ---- a metric of your own ---- */

/** A metric of your own. Items are the rows of a tensor; `one` and the items of a pair lack its
 *  first axis. The functions are called on several threads at once. They get C-contiguous tensors
 *  (`many`: rows may lie further apart than they are long) of the items' own shape and dtype, which
 *  they must not keep. A score of NaN means: not redundant. */
typedef struct redux_custom_metric {
    size_t struct_size;
    const char *name;    /**< for messages; must outlive the metric */
    int32_t is_distance; /**< 1: smaller scores mean more similar */
    int32_t item_axes;   /**< 2 (default): slices, [H, W]; 1: vectors or codes, [D] */
    /** The score of two items; in a reduction `a` is the kept or earlier one. It need not be
     *  symmetric: functions that depend on the order say which item comes first. */
    double (*pair)(const redux_tensor *a, const redux_tensor *b, void *user);
    /** The scores of `one` with every row of `many`, `one` in the place of `b`; the same bits as
     *  `pair`. NULL: by `pair`. */
    void (*one_to_many)(double *scores, const redux_tensor *one, const redux_tensor *many,
                        void *user);
    void *user; /**< handed to both; must outlive the metric */
} redux_custom_metric;

#define REDUX_CUSTOM_METRIC_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_custom_metric)), set(name, "custom"), set(item_axes, 2)
REDUX_DEFINE_INIT(redux_custom_metric, REDUX_CUSTOM_METRIC_DEFAULTS)
#define REDUX_CUSTOM_METRIC_INIT REDUX_INIT(redux_custom_metric, REDUX_CUSTOM_METRIC_DEFAULTS)

/** Makes your definition a metric like any other: for pairs, nearest, exemplars and redux_reduce.
 *  Errors: REDUX_E_INVALID (no `pair`, item_axes), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_metric_new_custom(redux_metric **out, redux_context *context,
                                               const redux_custom_metric *definition);

/* ---- comparing ---- */

/** Frees a metric; NULL is allowed. */
REDUX_API void redux_metric_free(redux_metric *metric);

/** 1 if smaller scores mean more similar (hamming, conditional entropy), otherwise 0. Any thread.
 */
REDUX_API int redux_metric_is_distance(const redux_metric *metric);

/** The score of two items: tensors without the first axis ([bytes], [H, W], [D]). Errors:
 *  REDUX_E_INVALID (shapes, dtypes, values out of range), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_metric_pair(double *out, redux_context *context,
                                         const redux_metric *metric, const redux_tensor *a,
                                         const redux_tensor *b);

/** The scores of one item with every row of `many`; `scores` has room for as many. If the order of
 *  a pair matters, `one` is the first item (`a` of redux_metric_pair). Errors: as
 *  redux_metric_pair. */
REDUX_API redux_status redux_metric_one_to_many(double *scores, redux_context *context,
                                                const redux_metric *metric, const redux_tensor *one,
                                                const redux_tensor *many);

/* ---- searching ---- */

/** One redundant pair: first < second. */
typedef struct redux_pair {
    int64_t first, second;
    double score;
} redux_pair;

/** Receives the pairs of redux_metric_pairs, ordered by `second`, then `first`; a value other than
 *  0 cancels. Called on the calling thread. */
typedef int (*redux_pair_fn)(const redux_pair *pair, void *user);

/** Finds every pair of rows of `items` that is redundant at `threshold`. Memory is bounded: never N
 *  x N. Reports rows as progress. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. */
REDUX_API redux_status redux_metric_pairs(redux_context *context, const redux_metric *metric,
                                          const redux_tensor *items, double threshold,
                                          redux_pair_fn found, void *user);

/** For each row of `queries` the `k` most similar rows of `items`, best first, ties by lower index.
 *  `indices` and `scores` have room for queries x k; if `items` has fewer than k rows, the rest is
 *  -1 and NaN. A row is its own neighbour if both tensors hold it. Errors: as redux_metric_pairs.
 */
REDUX_API redux_status redux_metric_nearest(int64_t *indices, double *scores,
                                            redux_context *context, const redux_metric *metric,
                                            const redux_tensor *queries, const redux_tensor *items,
                                            int64_t k);

REDUX_END_DECLS
#endif
