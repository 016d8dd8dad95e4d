/* SPDX-License-Identifier: MIT
 * One interface over all redundancy metrics: one pair, one against many, all pairs under a
 * threshold, the k nearest.
 *
 * A metric compares items: the rows of a tensor whose first axis counts them. Hash codes are
 * [N, bytes] uint8, embeddings [N, D] float32 (need not be normalised), windowed slices [N, H, W]
 * uint8 or float32.
 * - hamming: codes; a distance, 0 ... 8 * bytes
 * - cosine: embeddings; a similarity, -1 ... 1
 * - mutual information: slices; NMI by default, a similarity, 0 ... 1
 * - mattes: slices; mutual information in nats, a similarity, not symmetric
 * - conditional entropy: slices; bits, a distance, not symmetric
 * - ssim, ms-ssim: slices; a similarity, <= 1
 * - phase correlation: slices; height of the peak, a similarity, 0 ... 1
 * - one of the caller's own (redux_metric_new_custom)
 *
 * "Redundant" means: a distance at or below the threshold, a similarity at or above it. Scores are
 * the same bits for a pair whatever function asked for it and whatever the thread count. */
#ifndef REDUX_METRIC_H
#define REDUX_METRIC_H

#include <redux/entropy.h>
#include <redux/mattes.h>
#include <redux/phase_correlation.h>
#include <redux/ssim.h>
#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Opaque, immutable: may be used on several threads at once, each with its own context. */
typedef struct redux_metric redux_metric;

/** Number of differing bits. */
REDUX_API redux_status redux_metric_new_hamming(redux_metric **out, redux_context *context);
/** nmi_arithmetic of redux_information, or what options.normalisation says. `options` may be NULL.
 */
REDUX_API redux_status redux_metric_new_mutual_information(redux_metric **out,
                                                           redux_context *context,
                                                           const redux_histogram_options *options);
/** H(b | a) in bits, what b adds to a: a distance, not symmetric. The first item of a pair is the
 *  condition: `a` of redux_metric_pair, the kept or earlier one of a reduction. The same bits as
 *  b_given_a of redux_information. [N, H, W] uint8 or float32. `options` may be NULL. Since 0.1. */
REDUX_API redux_status redux_metric_new_conditional_entropy(redux_metric **out,
                                                            redux_context *context,
                                                            const redux_histogram_options *options);
/** redux_ssim. `options` may be NULL. */
REDUX_API redux_status redux_metric_new_ssim(redux_metric **out, redux_context *context,
                                             const redux_ssim_options *options);
/** Cosine of the angle between two vectors, by blocked single-precision matrix products; clamped to
 *  [-1, 1]. A vector of zeros, or with a NaN or infinity in it, is like nothing: 0 to every vector,
 *  itself included. */
REDUX_API redux_status redux_metric_new_cosine(redux_metric **out, redux_context *context);

/** redux_ms_ssim. `options` may be NULL. Since 0.1. */
REDUX_API redux_status redux_metric_new_ms_ssim(redux_metric **out, redux_context *context,
                                                const redux_ms_ssim_options *options);
/** redux_mattes, `a` of a pair (the kept or earlier one) being the fixed image: a similarity, not
 *  symmetric. [N, H, W] uint8 or float32. `options` may be NULL. Since 0.1. */
REDUX_API redux_status redux_metric_new_mattes(redux_metric **out, redux_context *context,
                                               const redux_mattes_options *options);
/** The height of redux_phase_correlation, 0 to 1: a similarity that does not mind a shift. [N, H,
 * W] uint8 or float32. `options` may be NULL. Errors: REDUX_E_UNSUPPORTED (a build without FFTW).
 *  Since 0.1. */
REDUX_API redux_status redux_metric_new_phase_correlation(redux_metric **out,
                                                          redux_context *context,
                                                          const redux_phase_options *options);
/** A metric of images ([N, H, W] uint8 or float32) by its name, with default options: "ssim",
 *  "ms-ssim", "mi",
 *  "mattes", "phase-correlation", "conditional-entropy". Errors: REDUX_E_NOT_FOUND (the message
 * lists the names), and those of the constructor. Since 0.1. */
REDUX_API redux_status redux_metric_new_named(redux_metric **out, redux_context *context,
                                              const char *name);

/** A metric of the caller's own. Items are the rows of a tensor; `one` and the items of a pair lack
 *  its first axis. The functions are called on several threads at once and get C-contiguous tensors
 *  (`many`: rows may lie further apart than they are long) of the items' own shape and dtype, which
 *  they must not keep. A score of NaN means: not redundant with each other. Set it up with
 *  REDUX_CUSTOM_METRIC_INIT. */
typedef struct redux_custom_metric {
    size_t struct_size;
    const char *name;    /**< for messages; must outlive the metric */
    int32_t is_distance; /**< 1: smaller scores mean more alike */
    int32_t item_axes;   /**< 2 (default): slices, [H, W]; 1: vectors or codes, [D] */
    /** The score of two items; in a reduction `a` is the kept or earlier one. Not symmetric: what
     *  depends on the order of a pair says which one comes first. */
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

/** Makes it a metric like any other: for pairs, nearest, exemplars and redux_reduce. Errors:
 *  REDUX_E_INVALID (no `pair`, item_axes), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_metric_new_custom(redux_metric **out, redux_context *context,
                                               const redux_custom_metric *definition);

/** NULL is allowed. Since 0.1. */
REDUX_API void redux_metric_free(redux_metric *metric);

/** 1 when smaller scores mean more alike (hamming, conditional entropy), else 0. Since 0.1. */
REDUX_API int redux_metric_is_distance(const redux_metric *metric);

/** The score of two items: tensors without the first axis ([bytes], [H, W], [D]). Errors:
 *  REDUX_E_INVALID (shapes, dtypes), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_metric_pair(double *out, redux_context *context,
                                         const redux_metric *metric, const redux_tensor *a,
                                         const redux_tensor *b);

/** One item against every row of `many`; `scores` has room for as many. Where the order of a pair
 *  counts, `one` is its first item (`a` of redux_metric_pair). Since 0.1. */
REDUX_API redux_status redux_metric_one_to_many(double *scores, redux_context *context,
                                                const redux_metric *metric, const redux_tensor *one,
                                                const redux_tensor *many);

/** One redundant pair: first < second. */
typedef struct redux_pair {
    int64_t first, second;
    double score;
} redux_pair;

/** Receives the pairs of redux_metric_pairs, in the order of `second`, then `first`; a value other
 *  than 0 cancels. Called on the calling thread. */
typedef int (*redux_pair_fn)(const redux_pair *pair, void *user);

/** Every pair of rows of `items` that is redundant at `threshold`. Memory is bounded: never N x N.
 *  Reports rows as progress. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. Since
 *  0.1. */
REDUX_API redux_status redux_metric_pairs(redux_context *context, const redux_metric *metric,
                                          const redux_tensor *items, double threshold,
                                          redux_pair_fn found, void *user);

/** For each row of `queries` the `k` most alike rows of `items`, best first, ties by lower index.
 *  indices and scores have room for queries x k; where `items` has fewer than k rows the rest is -1
 *  and NaN. A row is its own neighbour when both tensors hold it. Since 0.1. */
REDUX_API redux_status redux_metric_nearest(int64_t *indices, double *scores,
                                            redux_context *context, const redux_metric *metric,
                                            const redux_tensor *queries, const redux_tensor *items,
                                            int64_t k);

REDUX_END_DECLS
#endif
