/* SPDX-License-Identifier: MIT */
/** @file
 * Reduction: which slices of a dataset to keep, why each other one is dropped, and the results as
 * files.
 *
 * @code
 * const char *path = "data/ct";
 * redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
 * redux_reduce_summary summary;
 * redux_dataset *dataset = NULL;
 * redux_reduction *reduction = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * options.strategy = REDUX_STRATEGY_MI;
 * summary.struct_size = sizeof summary;
 * if (status == REDUX_OK)
 *     status = redux_reduce(&reduction, context, dataset, &options);
 * if (status == REDUX_OK)
 *     status = redux_reduction_get_summary(&summary, reduction);
 * if (status == REDUX_OK)
 *     printf("%d of %d slices kept\n", (int)summary.kept, (int)summary.slices);
 * redux_reduction_free(reduction);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * With the defaults: the strategy "hash" at a distance of 6 of 64 bits, volume by volume, first
 * slice first. Set a strategy, a threshold or a budget (keep_count, keep_percent), a scope and a
 * rule.
 *
 * Promised:
 * - The same inputs, options, build and instruction set give the same manifest, byte for byte,
 *   whatever the number of threads.
 * - A witness is always a kept slice, or one of `against`; there are no chains (except in
 *   semdedup).
 * - Each file is written whole or not at all; with redux_results_save that holds for the pair.
 *
 * Not promised:
 * - The same manifest on every instruction set for strategies with float scores (ssim, ms-ssim,
 *   cosine, mattes, phase-correlation, semdedup): a pair exactly at the threshold may fall either
 *   way.
 * - Defaults of thresholds in later versions. Pin yours if you compare results.
 *
 * Threads: one reduction per context at a time; what it returns is read-only, any thread. Since
 * 0.1.
 */
#ifndef REDUX_REDUCE_H
#define REDUX_REDUCE_H

#include <redux/calibrate.h>
#include <redux/hash.h>
#include <redux/manifest.h>
#include <redux/metric.h>
#include <redux/part.h>
#include <redux/volume.h>
#include <redux/window.h>

REDUX_BEGIN_DECLS

/* ---- what to choose from ---- */

/** The paper's strategies (section 3.2) and others. Values are pinned. */
typedef enum redux_strategy {
    REDUX_STRATEGY_ALL = 0,     /**< keeps every slice */
    REDUX_STRATEGY_EVERY_N = 1, /**< every n-th slice, from the first */
    REDUX_STRATEGY_HASH = 2,    /**< greedy, Hamming distance of perceptual hashes */
    REDUX_STRATEGY_SSIM = 3,    /**< greedy, Gaussian SSIM */
    REDUX_STRATEGY_MI = 4,      /**< greedy, scikit-learn's arithmetic NMI */
    REDUX_STRATEGY_COSINE = 5,  /**< greedy, cosine of embeddings (without any: of `pixels`, the
                                     slice area-averaged to 16 x 16 with its mean removed) */
    REDUX_STRATEGY_ENTROPY = 6, /**< drops slices of low Shannon entropy */
    REDUX_STRATEGY_MS_SSIM = 7, /**< greedy, multi-scale SSIM */
    REDUX_STRATEGY_MATTES = 8,  /**< greedy, Mattes mutual information (nats; the kept one fixed) */
    REDUX_STRATEGY_PHASE_CORRELATION = 9, /**< greedy, height of the phase correlation's peak: a
                                               shifted slice is still redundant */
    /** Keeps the slice that adds most to what is kept, again and again: the one whose smallest
     *  conditional entropy H(slice | kept slice) in bits is the largest; the first is the one of
     *  the largest entropy. Stops when none adds more than the threshold. Rule k-centre only. */
    REDUX_STRATEGY_INFORMATION_GAIN = 10,
    /** SemDeDup (Abbas et al. 2023, arXiv 2303.09540): k-means over unit-length embeddings (without
     *  any: `pixels`). Then each cluster is walked from the item least similar to the centroid, and
     *  every item is dropped that is similar to any earlier one of the cluster, kept or not. So a
     *  witness may be reached through a chain, with a score below the threshold. Rule first only.
     */
    REDUX_STRATEGY_SEMDEDUP = 11,
    REDUX_STRATEGY_METRIC = 12, /**< greedy, your own metric (options.metric) */
    /** Hierarchical k-means with resampling (Vo et al. 2024, arXiv 2405.15613): k-means over
     *  unit-length embeddings (without any: `pixels`), k-means of the centroids, and so on for
     *  `levels`. The budget is shared out from the top down, as evenly as the clusters' sizes
     *  allow, so that rare slices keep a larger share than common ones. With n / 10 clusters (the
     *  default) the time grows with the square of n: set `clusters` for 100,000 slices and more.
     *  Takes a budget, no threshold; scope dataset, or each_group. Rule first only. Since 0.2. */
    REDUX_STRATEGY_HIERARCHICAL = 13,
    /** Density-based pruning (Abbas et al. 2024, arXiv 2401.04578): near-duplicates go first, as
     *  cosine drops them at `threshold`. Then k-means; a cluster that is wide and far from others
     *  keeps more, of its slices those farthest from the centroid. Takes a budget; scope
     *  dataset, or each_group. Rule first only. Since 0.2. */
    REDUX_STRATEGY_DENSITY = 14
} redux_strategy;

/** Which slices represent the others, for strategies with a metric. Values are pinned. */
typedef enum redux_rule {
    REDUX_RULE_FIRST = 0, /**< redux_exemplars: the first slice of the walk, then the first that is
                               redundant with none of the kept ones (the paper) */
    /** Takes the first slice left and all that are redundant with it, and keeps their medoid (the
     *  most similar to the others in sum; the first of equals). Those not redundant with the medoid
     *  return to the slices left; repeats until none is left. */
    REDUX_RULE_MEDOID = 1,
    /** Farthest point (Gonzalez 1985): the first slice, then always the one least similar to every
     *  kept one, until each is within the threshold of one. The witness is the most similar kept
     *  slice. A budget is met exactly. */
    REDUX_RULE_K_CENTRE = 2,
    /** Groups in which every pair is redundant: a slice joins the first group whose members are all
     *  redundant with it; otherwise it starts a group and is kept. The witness is the group's first
     *  slice. */
    REDUX_RULE_COMPLETE_LINK = 3
} redux_rule;

/** What is compared with what. Values are pinned. */
typedef enum redux_scope {
    REDUX_SCOPE_VOLUME = 0,  /**< slices of one volume with each other */
    REDUX_SCOPE_DATASET = 1, /**< all slices with each other */
    REDUX_SCOPE_GROUP = 2 /**< slices of one group (redux_dataset_options.group_by) with each other:
                               of a volume, unless the dataset is grouped */
} redux_scope;

/** The order in which the greedy rule and every-n walk. Values are pinned. */
typedef enum redux_order {
    REDUX_ORDER_ANATOMICAL = 0,    /**< volumes as given, slices by number */
    REDUX_ORDER_LEXICOGRAPHIC = 1, /**< by the bytes of "source_slice", the number not padded: 0, 1,
                                        10, 100, 101, ... as the paper's picture names sort */
    REDUX_ORDER_RUNNING = 2 /**< by the digits of the slice's number in the dataset, not padded: the
                                 paper's script for LIDC, which numbers slices through all
                                 patients (group by "patient") */
} redux_order;

/** Default thresholds. hash: the paper's "Hash-6", of 64 bits; the same share of longer hashes.
 *  Others: the threshold that keeps about as many slices of the 20 STS volumes as hash 6 does in
 *  volume scope (lib/select/README.md). */
#define REDUX_DEFAULT_HASH_DISTANCE 6.0
#define REDUX_DEFAULT_PDQ_DISTANCE 31.0
#define REDUX_DEFAULT_SSIM 0.715
#define REDUX_DEFAULT_MI 0.302
#define REDUX_DEFAULT_COSINE 0.985
#define REDUX_DEFAULT_EVERY_N 10.0
#define REDUX_DEFAULT_ENTROPY 4.5
#define REDUX_DEFAULT_MS_SSIM 0.832
#define REDUX_DEFAULT_MATTES 0.881
#define REDUX_DEFAULT_PHASE_CORRELATION 0.1167
#define REDUX_DEFAULT_INFORMATION_GAIN 3.863
/** density's temperature: the paper's. */
#define REDUX_DEFAULT_TEMPERATURE 0.1

/* ---- options ---- */

/** Options of redux_reduce. Every field is valid as REDUX_REDUCE_OPTIONS_INIT sets it. */
typedef struct redux_reduce_options {
    size_t struct_size;
    redux_strategy strategy; /**< default: hash */
    redux_scope scope;       /**< default: group */
    redux_order order;
    /** A slice is redundant at or below this distance (hash), or at or above this similarity (ssim,
     *  mi, cosine, ...); every-n: n; entropy: slices below it (bits) are dropped; density: those
     *  that go as near-duplicates, beside the budget. NaN: the default. */
    double threshold;
    /** A budget instead of a threshold, over the whole input in any scope: keep_count slices (0:
     *  none given), or keep_percent of them, rounded half up (NaN: none given). See redux_reduce.
     */
    int64_t keep_count;
    double keep_percent;
    /** 1: the budget is for each group of the scope: keep_count of its slices (all of a smaller
     *  group), or keep_percent of them, one at least. Each group then has its own threshold. */
    int32_t each_group;
    redux_window window;            /**< default: auto */
    redux_hash hash;                /**< default: difference */
    redux_hash_profile profile;     /**< default: paper-hash: open the dataset with
                                         REDUX_ORIENTATION_STORED, the window is auto, slice or full;
                                         hu: the window is a range of HU */
    int32_t bins;                   /**< mi and entropy: 2 to 256; 0: 256 */
    int32_t size;                   /**< side that mi and ssim resize to in dataset scope; 0: 128 */
    const redux_tensor *embeddings; /**< cosine: [slices, D], one row a slice in dataset order, any
                                         float dtype; NULL: the `pixels` descriptor */
    int32_t skip_errors;            /**< 1: volumes and pictures that fail to decode are left out */
    redux_rule rule;                /**< default: first */
    /** Two stages: a pair is redundant if the strategy's metric says so at `threshold` and then
     *  the metric of `then` (hash, ssim, mi, cosine, ms-ssim, mattes, phase-correlation) at
     *  `then_threshold` too. The score is that of `then`. REDUX_STRATEGY_ALL (default): one stage.
     */
    redux_strategy then;
    double then_threshold; /**< NaN: the default of `then` */
    /** Cross-set: slices of another dataset that stand before all others, whatever the scope; they
     *  are no rows of the result, but may be witnesses. `against_kept`: for each slice of it
     * whether it counts (NULL: all do). Images are then compared at `size` in both scopes. Must
     * outlive the reduction. NULL: none. */
    const redux_dataset *against;
    const uint8_t *against_kept;
    const redux_tensor *against_embeddings; /**< as `embeddings`, for the slices of `against` */
    /** Incremental: an earlier result that this one extends. Leave its volumes out of the dataset
     *  (redux_dataset_options.exclude); its rows come first in the manifest. Rule first, with a
     *  threshold, and the parameters of the earlier result (redux_manifest_get_options);
     * else REDUX_E_INVALID. REDUX_E_FORMAT where its JSON or its exemplars are not of its rows.
     * Must outlive the reduction. NULL: none. */
    const redux_manifest *update;
    /** 1: keeps the features of exemplars for redux_results_save to write, so that a result over
     *  the dataset (rule first, with a threshold) can be updated later. */
    int32_t keep_exemplars;
    const redux_metric *metric; /**< strategy `metric`; must outlive the call. One of vectors takes
                                     `embeddings` of float32 */
    /** semdedup, hierarchical (its lowest level), density. 0: one for every 1,000, 10 or 100 of the
     *  slices that they cluster. */
    int32_t clusters;
    uint64_t seed; /**< of k-means, of hierarchical's draws, of calibration's sample */
    /** Calibration (redux_calibration): 1 asks for it; false_drops (0 to 1, NaN: none) also takes
     *  the loosest threshold whose estimated rate of false drops does not exceed it. */
    int32_t calibrate;
    double false_drops;
    int32_t hash_size; /**< redux_hash_options.size; 0: the profile's own */
    /** The name of the encoder that made `embeddings` (redux_encoder_load): recorded in the JSON,
     *  and an update must have the same. Must outlive the reduction. NULL: none is recorded. */
    const char *encoder;
    int32_t levels;  /**< hierarchical: 1 to 8; 0: 2. Each level above the first has a tenth of the
                          clusters of the one below. Since 0.2 */
    int32_t nearest; /**< hierarchical: of a lowest cluster keep, 0: random slices, by seed; 1:
                        those nearest its centroid. Since 0.2 */
    double temperature; /**< density: of the softmax over clusters, above 0: a larger one shares the
                             budget out more evenly; 0: REDUX_DEFAULT_TEMPERATURE. Since 0.2 */
} redux_reduce_options;

#define REDUX_REDUCE_OPTIONS_DEFAULTS(set)                                                         \
    set(struct_size, sizeof(redux_reduce_options)), set(strategy, REDUX_STRATEGY_HASH),            \
        set(scope, REDUX_SCOPE_GROUP), set(order, REDUX_ORDER_ANATOMICAL),                         \
        set(threshold, REDUX_NAN), set(keep_percent, REDUX_NAN),                                   \
        set(window, {REDUX_WINDOW_AUTO, 0, 0}), set(hash, REDUX_HASH_DIFFERENCE),                  \
        set(profile, REDUX_PROFILE_PAPER_HASH), set(rule, REDUX_RULE_FIRST),                       \
        set(then, REDUX_STRATEGY_ALL), set(then_threshold, REDUX_NAN), set(false_drops, REDUX_NAN)
REDUX_DEFINE_INIT(redux_reduce_options, REDUX_REDUCE_OPTIONS_DEFAULTS)
#define REDUX_REDUCE_OPTIONS_INIT REDUX_INIT(redux_reduce_options, REDUX_REDUCE_OPTIONS_DEFAULTS)

/* ---- what comes out ---- */

/** What became of one slice. */
typedef struct redux_row {
    int64_t volume, slice; /**< of the dataset */
    int32_t kept;          /**< 1 or 0 */
    int32_t skipped;       /**< 1: could not be read; no row of the manifest, kept is 0 */
    /** Row number of the kept slice that replaces a dropped one, or -1. Numbers at or beyond the
     *  number of rows are slices outside the dataset (redux_reduction_get_name). */
    int64_t witness;
    double score; /**< to the witness; entropy: its entropy; NaN for a kept slice */
    /** Hashes: 1 for a (nearly) flat slice (REDUX_HASH_FLAT): two such slices with equal hashes
     * need not be similar. */
    int32_t flat;
} redux_row;

/** How a reduction came out. Set struct_size before the call. */
typedef struct redux_reduce_summary {
    size_t struct_size; /**< set by the caller */
    int64_t slices;     /**< that could be read */
    int64_t kept;
    int64_t volumes; /**< with at least one readable slice */
    int64_t groups;  /**< the same */
    /** In force; NaN: none was needed (all, or the budget covers all), or each group has its own
     *  (each_group): from threshold_low to threshold_high, NaN where no group needed one. */
    double threshold, threshold_low, threshold_high;
    double default_threshold;   /**< of the strategy with these options; NaN: it has none. A budget
                                     that leads beyond it drops slices that differ visibly. */
    int64_t budget;             /**< slices asked for; -1 without a budget */
    int64_t refilled;           /**< kept again to fill the budget */
    int32_t threshold_is_exact; /**< 1; 0: found by bisection, see redux_reduce */
    int64_t compared_size;      /**< side that slices were resized to; 0: native size */
    int64_t updated;            /**< of `slices`: taken over from an earlier result (update) */
    int64_t against;            /**< slices of another set that stood before all others */
    int64_t leaked;             /**< dropped because of one of those */
    int64_t shared_groups;      /**< groups of both sets (-1: not both are grouped) */
    int64_t largest;       /**< the most slices that one kept slice represents, itself included */
    int32_t then_is_exact; /**< two stages: 1 where the first one passes all that the second accepts
                                (the same metric, more loosely) */
    int64_t flat;          /**< slices that are (nearly) flat, where hashes were taken */
    double false_drops;    /**< estimated rate at the threshold in force; NaN without calibration */
    double false_drops_error; /**< its standard error (redux_calibration_error) */
    /** Pairs of images compared with the threshold in force by rule first or complete-link: with
     *  their score computed, and without, because a bound showed that it cannot reach the
     *  threshold. 0 for codes and vectors, which are compared in blocks. */
    int64_t pairs_compared, pairs_skipped;
} redux_reduce_summary;

/** The result of a reduction. Opaque; read-only once made: any thread. */
typedef struct redux_reduction redux_reduction;

/* ---- names ---- */

/** The strategy of a name: "all", "every-n", "hash", "ssim", "mi", "cosine", "entropy", "ms-ssim",
 *  "mattes", "phase-correlation", "information-gain", "semdedup", "metric", "hierarchical",
 * "density". Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_strategy_parse(redux_strategy *out, const char *name);
/** The name of a strategy; "unknown" for anything else. Static storage. Any thread. */
REDUX_API const char *redux_strategy_name(redux_strategy strategy);
/** The rule of a name: "first", "medoid", "k-centre", "complete-link"; and the reverse. As for
 *  strategies. */
REDUX_API redux_status redux_rule_parse(redux_rule *out, const char *name);
REDUX_API const char *redux_rule_name(redux_rule rule);
/** The scope of a name: "volume", "dataset", "group"; the order of a name: "anatomical",
 *  "lexicographic", "running"; and the reverse. As for strategies. Since 0.2. */
REDUX_API redux_status redux_scope_parse(redux_scope *out, const char *name);
REDUX_API const char *redux_scope_name(redux_scope scope);
REDUX_API redux_status redux_order_parse(redux_order *out, const char *name);
REDUX_API const char *redux_order_name(redux_order order);
/** The threshold of a strategy if you give none; NaN: it has none. Any thread. */
REDUX_API double redux_strategy_threshold(redux_strategy strategy);

/** What a strategy is and takes. Set struct_size, then call redux_strategy_describe. Since 0.2. */
typedef struct redux_strategy_info {
    size_t struct_size;
    const char *name;   /**< as redux_strategy_parse reads it */
    const char *label;  /**< of its scores, with their unit: "Hamming distance, bits" */
    const char *metric; /**< redux_metric_new_named makes its metric; NULL: it has none of images */
    double threshold;   /**< default; NaN: none */
    double low, high;   /**< the range of thresholds; both 0: it has none */
    int32_t is_distance; /**< 1: of two slices the one with the smaller score goes first */
    int32_t is_whole;    /**< 1: thresholds and scores are whole numbers */
    int32_t compares;    /**< 1: slices with each other; so it goes with against and calibrate */
    int32_t has_stages;  /**< 1: it may be the first of two stages, and the second (not metric) */
    int32_t has_budget;  /**< 1: it takes keep_count and keep_percent */
    int32_t has_hashes;  /**< 1: it compares hashes */
    int32_t has_embeddings; /**< 1: it takes embeddings (metric does, where it is one of vectors) */
    uint32_t rules; /**< of 1 << redux_rule; one alone is taken whatever options.rule says */
    /** 1: a budget (keep_count or keep_percent) is required, with scope dataset or each_group; a
     *  threshold only complements it. Since 0.2 */
    int32_t needs_budget;
} redux_strategy_info;

/** Describes a strategy. Strings are in static storage. Errors: REDUX_E_INVALID (unknown strategy,
 *  struct_size). Any thread. Since 0.2. */
REDUX_API redux_status redux_strategy_describe(redux_strategy_info *out, redux_strategy strategy);

/* ---- reducing ---- */

/** Reduces a dataset. `options` NULL means the defaults. The caller owns *out; the dataset must
 *  outlive it. Rows are in dataset order (volumes as given, slices by number), whatever the order
 *  of the walk. Every slice is read once or, with a budget for ssim and mi, several times. Reports
 *  slices as progress.
 *
 *  Witnesses and scores:
 *  - Greedy strategies follow redux_exemplars.
 *  - every-n: the witness is the nearest kept slice of the walk (the earlier of two), the score the
 *    distance in slices.
 *  - entropy: no witness; the score is the entropy.
 *  - hierarchical, density: the witness is the most similar kept slice, by cosine (in single
 *    precision; the first of equals), which is the score. No threshold bounds it: a rare slice
 *    that is dropped may have a low one.
 *
 *  Sizes of images: per volume, ssim and mi compare slices at native size (pictures of different
 *  sizes in one folder are resized as in dataset scope). Over the dataset they are resized to
 *  `size` x `size` with antialiasing.
 *
 *  Budget of N slices, over the whole input in either scope:
 *  - First the strictest threshold, one for all volumes, at which the rule keeps at most N (hash:
 *    the smallest distance; ssim, mi, cosine: the highest similarity; every-n: the smallest n;
 *    entropy: the lowest bound).
 *  - Then dropped slices are kept again, weakest witness score first (entropy: highest first), ties
 *    in the order of the walk, until N are kept.
 *  - The threshold is exact for hash, and wherever up to 4,096 slices are compared (a volume, or
 *    the dataset). Beyond that it is found by bisection to 1e-6, next to a threshold that keeps
 *    more than N.
 *  - In volume scope N must be at least the number of volumes.
 *  - hierarchical and density search no threshold: they keep N, exactly. Where fewer than N slices
 *    are left without near-duplicates, density keeps some of these again, the least similar first.
 *    Where N is less than one for each of its clusters of two or more slices, it fails with
 *    REDUX_E_INVALID and names the smallest N.
 *
 *  Memory: rules other than first, and budgets, hold the prepared form of one group (a volume, or
 *  the dataset): for images a few times their pixels. medoid, complete-link and two stages take no
 *  budget.
 *
 *  Errors: REDUX_E_INVALID (options that contradict each other, fewer than one slice per volume,
 *  embeddings that do not match), those of redux_volume_open, REDUX_E_UNSUPPORTED (window),
 *  REDUX_E_NOT_FOUND (nothing could be read), REDUX_E_CANCELLED, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_reduce(redux_reduction **out, redux_context *context,
                                    const redux_dataset *dataset,
                                    const redux_reduce_options *options);

/** Checks options as redux_reduce does, before anything is read; the number of volumes is not known
 *  yet. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_reduce_check(const redux_reduce_options *options);

/** How many of `slices` slices a budget keeps: keep_count, or keep_percent of them rounded half up;
 *  -1 if the options have no budget or are NULL. Since 0.2. */
REDUX_API int64_t redux_reduce_budget(const redux_reduce_options *options, int64_t slices);

/** The metric that a reduction with these options takes its scores from: the strategy's, or of two
 *  stages the second one's. The caller owns *out. Errors: REDUX_E_INVALID (NULL; options that
 *  redux_reduce refuses; a strategy that compares nothing; strategy metric, whose metric you have),
 *  and those of the metric's constructor. Any thread. Since 0.2. */
REDUX_API redux_status redux_metric_new_strategy(redux_metric **out, redux_context *context,
                                                 const redux_reduce_options *options);

/** The items that this metric compares, for `count` slices by their numbers in the dataset
 *  (redux_dataset_slice_number), in this order. redux_metric_pair of the kept slice's item and the
 *  dropped one's is the score in the manifest, to the bit. The caller releases *out.
 *  - out: [count, bytes] uint8 (hashes), [count, 256] float32 (`pixels`), [count, D] float32
 *    (embeddings, if the options have them), or windowed slices [count, H, W] uint8 or float32,
 *    resized to `size` if the reduction resizes.
 *  - Images that are not resized must be of one size: ask for those of one volume at a time.
 *  - skip_errors is ignored.
 *
 *  Reports slices as progress. Errors: as redux_metric_new_strategy, redux_volume_open and
 *  redux_window_apply; REDUX_E_INVALID (no such slice, sizes that differ), REDUX_E_NO_MEMORY,
 *  REDUX_E_CANCELLED. Since 0.2. */
REDUX_API redux_status redux_reduce_items(redux_tensor *out, redux_context *context,
                                          const redux_dataset *dataset, const int64_t *rows,
                                          int64_t count, const redux_reduce_options *options);

/** Only calibrates a strategy with a metric; no slice is judged. The caller owns *out. Errors: as
 *  redux_reduce; REDUX_E_INVALID with fewer than two volumes. */
REDUX_API redux_status redux_calibrate(redux_calibration **out, redux_context *context,
                                       const redux_dataset *dataset,
                                       const redux_reduce_options *options);

/** The parameters of an earlier result, read from its JSON, as an update of it needs them. Strings
 *  in it belong to the manifest. Set out->struct_size first. Errors: REDUX_E_NOT_FOUND (no JSON
 *  beside the manifest), REDUX_E_FORMAT. */
REDUX_API redux_status redux_manifest_get_options(redux_reduce_options *out,
                                                  const redux_manifest *manifest);

/* ---- in parts ---- */

/** Does one part of a reduction and writes it (redux/part.h). What a part does depends on the
 *  options:
 *  - Where images are compared within volumes or groups, it judges its own rows.
 *  - Else it makes what is compared (hashes, descriptors, entropies, embeddings, resized slices),
 *    and redux_parts_reduce compares: so budgets, calibration and the scope dataset work.
 *
 *  `options` NULL means the defaults. `part` gives index, count and note; kind, job, exact and
 *  by_group are set here: by_group is 1 in scope group, so cut the dataset in this way if you make
 *  embeddings for the rows of the part alone; other rows of embeddings must be there and finite.
 *  With `against`, a part that judges reads all of that set. Reports slices as progress. Errors: as
 *  redux_reduce and redux_file_save; REDUX_E_INVALID (as redux_part_check). Since 0.2. */
REDUX_API redux_status redux_part_reduce(const char *path, redux_context *context,
                                         const redux_dataset *dataset,
                                         const redux_part_options *part,
                                         const redux_reduce_options *options);

/** Checks options as redux_part_reduce does, before anything is read. Errors: REDUX_E_INVALID
 *  (index, count, job; strategy metric, update; of parts that judge: a budget over all groups,
 *  calibrate and false_drops, which need them all). Any thread. Since 0.2. */
REDUX_API redux_status redux_part_check(const redux_part_options *part,
                                        const redux_reduce_options *options);

/** redux_part_is_done for redux_part_reduce. Since 0.2. */
REDUX_API redux_status redux_part_reduce_is_done(int32_t *done, redux_context *context,
                                                 const char *path, const redux_dataset *dataset,
                                                 const redux_part_options *part,
                                                 const redux_reduce_options *options);

/** The whole reduction from its parts. `options` as for each part, but for embeddings: the parts
 *  have them. Where parts judged, `against` only names slices; else it is read here, with
 *  against_embeddings where the parts had embeddings. The dataset's files are not read, but for
 *  checksums of volumes of which no part could read the first slice. The caller owns *out; the
 *  dataset must outlive it. Errors: as redux_parts_join and redux_reduce. Since 0.2. */
REDUX_API redux_status redux_parts_reduce(redux_reduction **out, redux_context *context,
                                          const redux_parts *parts, const redux_dataset *dataset,
                                          const redux_reduce_options *options);

/* ---- results ---- */

/** Frees a reduction; NULL is allowed. */
REDUX_API void redux_reduction_free(redux_reduction *reduction);

/** The counts and figures of a reduction. Errors: REDUX_E_INVALID (struct_size, NULL). */
REDUX_API redux_status redux_reduction_get_summary(redux_reduce_summary *out,
                                                   const redux_reduction *reduction);
/** The number of rows: one per slice of the dataset. */
REDUX_API int64_t redux_reduction_row_count(const redux_reduction *reduction);
/** Row `index`: what became of one slice. Errors: REDUX_E_INVALID (index, NULL). */
REDUX_API redux_status redux_reduction_get_row(redux_row *out, const redux_reduction *reduction,
                                               int64_t index);

/** The name of a row, or of a witness outside the dataset, as in the manifest. Strings belong to
 *  the dataset, or to the object that the witness is from. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_reduction_get_name(const char **source, int64_t *slice,
                                                const redux_reduction *reduction, int64_t row);

/** Rows `first` to `first` + `count` - 1, into an array of `count`: for bindings, in which a call
 * for each of a million rows is slow. Errors: REDUX_E_INVALID (rows out of range, NULL); nothing is
 *  written then. Since 0.2. */
REDUX_API redux_status redux_reduction_get_rows(redux_row *out, const redux_reduction *reduction,
                                                int64_t first, int64_t count);
/** Their names, likewise: two arrays of `count`. Witnesses outside the dataset are taken one by
 * one, by redux_reduction_get_name. */
REDUX_API redux_status redux_reduction_get_names(const char **sources, int64_t *slices,
                                                 const redux_reduction *reduction, int64_t first,
                                                 int64_t count);

/** The calibration of a reduction, or NULL if none was asked for; belongs to the reduction. */
REDUX_API const redux_calibration *redux_reduction_calibration(const redux_reduction *reduction);

/** What could not be read while reducing (skip_errors), in addition to redux_dataset_skipped_count:
 *  how many inputs, and for each the source and the reason; NULL for an index out of range. */
REDUX_API int64_t redux_reduction_skipped_count(const redux_reduction *reduction);
REDUX_API const char *redux_reduction_skipped_source(const redux_reduction *reduction,
                                                     int64_t index);
REDUX_API const char *redux_reduction_skipped_reason(const redux_reduction *reduction,
                                                     int64_t index);

/* ---- files ---- */

/** Receives text; a value other than 0 ends the call with REDUX_E_IO. */
typedef int (*redux_write_fn)(const char *text, size_t length, void *user);

/** Writes the manifest as CSV (RFC 4180, line ends "\n"): columns
 *  source,slice,kept,witness_source,witness_slice,score. Slices count from 0; witness and score are
 *  empty for a kept slice; scores have the fewest digits that read back as the same double. Errors:
 *  REDUX_E_IO, REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_manifest_write(redux_context *context,
                                            const redux_reduction *reduction, redux_write_fn write,
                                            void *user);

/** Writes the manifest to a file, whole or not at all. Errors: as redux_results_save. */
REDUX_API redux_status redux_manifest_save(const char *path, redux_context *context,
                                           const redux_reduction *reduction);

/** Writes the summary that belongs to a manifest, as JSON: version, strategy, every parameter in
 *  force, inputs with sizes and CRC-32 checksums, counts, skipped inputs, and `seconds`, which you
 *  give. Errors: as redux_manifest_write. */
REDUX_API redux_status redux_summary_write(redux_context *context, const redux_reduction *reduction,
                                           double seconds, redux_write_fn write, void *user);

/** Writes the summary to a file, whole or not at all. Errors: as redux_results_save. */
REDUX_API redux_status redux_summary_save(const char *path, redux_context *context,
                                          const redux_reduction *reduction, double seconds);

/** Saves manifest and summary together: both files, or (if writing one fails) neither. With
 *  keep_exemplars also the features of the exemplars, as NAME.exemplars beside the manifest
 *  NAME.csv, which a later update needs. The manifest is written last, so that an update after an
 *  interruption starts over. Errors: REDUX_E_IO, REDUX_E_NOT_FOUND (no such folder),
 *  REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_results_save(const char *manifest, const char *summary,
                                          redux_context *context, const redux_reduction *reduction,
                                          double seconds);

/* ---- pictures and arrays ---- */

/** The form of exported slices. */
typedef enum redux_export_format {
    REDUX_EXPORT_PNG = 0, /**< one 8-bit picture a slice, windowed */
    REDUX_EXPORT_NPY = 1, /**< one array a slice: voxel values (HU), or windowed if a window other
                               than auto was given */
    REDUX_EXPORT_NPZ = 2  /**< the same, one archive a volume, keys "slice_N" */
} redux_export_format;

/** Whether redux_export could write there: the folder is missing or empty, or holds an earlier
 *  export and nothing else, and the context may replace that (REDUX_CONTEXT_KEEPS_FILES). Nothing
 *  is changed. Errors: REDUX_E_INVALID (other files; protected files), REDUX_E_IO. Since 0.2. */
REDUX_API redux_status redux_export_check(const char *folder, redux_context *context);

/** Writes the kept slices into `folder` (made if missing); NIfTI slices in axial orientation if
 *  they are axial slices. Names are VOLUME_NAME_SLICE.png or .npy, or VOLUME_NAME.npz, from the
 *  numbers of volume and slice in the dataset and the last part of the source; index.csv lists
 *  which file (and key) is which slice. The folder appears as a whole or not at all, and replaces
 * an earlier export as a whole; one with other files is refused (redux_export_check). Nothing
 * outside is written. Reports slices as progress. Errors: those of redux_volume_open, REDUX_E_IO,
 *  REDUX_E_INVALID, REDUX_E_CANCELLED. */
REDUX_API redux_status redux_export(const char *folder, redux_context *context,
                                    const redux_reduction *reduction, redux_export_format format);

/** Draws a contact sheet as a PNG: for each of at most `volumes` volumes a band of up to `columns`
 *  slices spread over it, in order, under its name (the last part of its source) and how many of
 *  its slices are kept. Each slice has its number; a blue frame and a word mark the kept ones.
 *  Windowed as the reduction was (auto: by slice). Errors: as redux_export. */
REDUX_API redux_status redux_contact_sheet(const char *path, redux_context *context,
                                           const redux_reduction *reduction, int32_t columns,
                                           int32_t volumes);

REDUX_END_DECLS
#endif
