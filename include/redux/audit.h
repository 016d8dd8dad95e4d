/* SPDX-License-Identifier: MIT */
/** @file
 * Audit: is a dataset fit to train on? Leaks, labels, slices that show nothing, outliers.
 *
 * @code
 * const char *path = "data/ct";
 * redux_dataset *dataset = NULL;
 * redux_scan *scan = NULL;
 * redux_findings *findings = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * if (status == REDUX_OK)
 *     status = redux_scan_new(&scan, context, dataset, NULL);
 * if (status == REDUX_OK)
 *     status = redux_audit_slices(&findings, context, scan, NULL);
 * if (status == REDUX_OK)
 *     printf("%d findings\n", (int)redux_findings_count(findings));
 * redux_findings_free(findings);
 * redux_scan_free(scan);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * A scan reads each slice once and keeps about 6 KB of it: a picture of 64 x 64, its codes and some
 * figures. Each check is a function over scans, embeddings and labels, and returns a list of
 * findings.
 *
 * A finding names a slice, a volume or a group, what is wrong with it, and a score. For pairs the
 * score is a similarity, 1 for identical pixels. How twins are found: a perceptual hash proposes a
 * few slices in any of eight orientations and several crops, an affine fit aligns each, histogram
 * matching undoes other windows, and SSIM decides (lib/audit/README.md).
 *
 * Promised: the same findings in the same order, whatever the number of threads. Memory grows with
 * the number of slices, never with its square.
 *
 * Not promised: that every twin is found (docs/audit.md has the shares), or that every finding is a
 * fault. A finding is something to look at.
 *
 * Threads: one call per context at a time; what is returned is read-only, any thread. Since 0.2.
 */
#ifndef REDUX_AUDIT_H
#define REDUX_AUDIT_H

#include <redux/volume.h>

REDUX_BEGIN_DECLS

/* ---- findings ---- */

/** What a finding is about. Values are pinned. */
typedef enum redux_audit_level {
    REDUX_AUDIT_SLICE = 0,
    REDUX_AUDIT_VOLUME = 1,
    REDUX_AUDIT_GROUP = 2
} redux_audit_level;

/** What is wrong. Values are pinned. */
typedef enum redux_audit_issue {
    /* Leaks: the other side is of the other set, or of an earlier split. */
    REDUX_AUDIT_SAME_PIXELS = 0, /**< a slice with the same size, type and values */
    REDUX_AUDIT_NEAR_DUPLICATE = 1,
    REDUX_AUDIT_SAME_FILE = 2,      /**< a volume whose files have the same bytes */
    REDUX_AUDIT_VOLUME_COPY = 3,    /**< all slices of a volume are in one other */
    REDUX_AUDIT_VOLUME_PART = 4,    /**< the same, and the other has at least a fifth more slices */
    REDUX_AUDIT_VOLUME_OVERLAP = 5, /**< some slices of a volume are in one other */
    REDUX_AUDIT_GROUP_LEAK = 6,     /**< slices of a group are in one other group */
    REDUX_AUDIT_SHARED_GROUP = 7,   /**< a group is on both sides by its name */
    /* Labels. */
    REDUX_AUDIT_LABEL_CONFLICT = 8, /**< twins with different labels */
    REDUX_AUDIT_LABEL_SUSPECT = 9,  /**< the nearest neighbours have another label */
    /* Slices. */
    REDUX_AUDIT_UNREADABLE = 10, /**< a slice, or an input as a whole (`skipped`) */
    REDUX_AUDIT_NOT_FINITE = 11, /**< NaN or infinite values */
    REDUX_AUDIT_FLAT = 12,       /**< nearly one value */
    REDUX_AUDIT_AIR = 13,        /**< CT: no tissue */
    REDUX_AUDIT_DARK = 14,
    REDUX_AUDIT_LIGHT = 15,
    REDUX_AUDIT_LOW_CONTRAST = 16,
    REDUX_AUDIT_BLURRED = 17,
    REDUX_AUDIT_LOW_INFORMATION = 18,
    REDUX_AUDIT_CROPPED = 19,     /**< CT: tissue reaches the border of the field of view */
    REDUX_AUDIT_PADDING = 20,     /**< a margin of one value */
    REDUX_AUDIT_ORIENTATION = 21, /**< turned or mirrored beside its neighbours */
    REDUX_AUDIT_ODD_SIZE = 22,    /**< another size than most slices of its series */
    REDUX_AUDIT_ODD_SPACING = 23, /**< another spacing than most volumes of its group */
    REDUX_AUDIT_ODD_RANGE = 24,   /**< another range of values than its series */
    /* Outliers. */
    REDUX_AUDIT_OUTLIER = 25
} redux_audit_issue;

/** The name of an issue ("near-duplicate") or level ("slice"); "unknown" for anything else. Static
 *  storage. Any thread. */
REDUX_API const char *redux_audit_issue_name(redux_audit_issue issue);
REDUX_API const char *redux_audit_level_name(redux_audit_level level);

/** One finding. Numbers that do not apply are -1. */
typedef struct redux_finding {
    size_t struct_size; /**< set by the caller */
    redux_audit_issue issue;
    redux_audit_level level;
    int64_t slice;  /**< number in the dataset (redux_dataset_get_place); of levels slice */
    int64_t volume; /**< of levels slice and volume */
    int64_t group;
    int32_t other_is_against; /**< 1: the three below count in the other dataset */
    /** How the other slice is turned: an order of redux_dihedral (redux/hash.h); 0: it is not. */
    int32_t turn;
    int64_t other_slice, other_volume, other_group;
    int64_t found,
        of; /**< volumes and groups: how many slices of how many that could be compared */
    /** Twins and leaks: similarity, 0 ... 1, 1 for the same pixels (volumes and groups: the share
     *  found / of). Label suspicion: 0 ... 1, low is suspect. Otherwise the figure that was
     *  compared with the threshold, in its unit. */
    double score;
    /** UNREADABLE, level volume: an input that was left out when the dataset was opened, by its
     *  number for redux_dataset_skipped_source (with other_is_against: of the other dataset). */
    int64_t skipped;
} redux_finding;

#define REDUX_FINDING_DEFAULTS(set) set(struct_size, sizeof(redux_finding))
REDUX_DEFINE_INIT(redux_finding, REDUX_FINDING_DEFAULTS)
#define REDUX_FINDING_INIT REDUX_INIT(redux_finding, REDUX_FINDING_DEFAULTS)

/** Findings of one check, worst first within an issue. Opaque, read-only: any thread. */
typedef struct redux_findings redux_findings;

/** How many findings there are; 0 for NULL. */
REDUX_API int64_t redux_findings_count(const redux_findings *findings);
/** Finding `index`. Errors: REDUX_E_INVALID (index, struct_size, NULL). */
REDUX_API redux_status redux_findings_get(redux_finding *out, const redux_findings *findings,
                                          int64_t index);
/** Frees findings; NULL is allowed. */
REDUX_API void redux_findings_free(redux_findings *findings);

/* ---- scans ---- */

/** What the checks need of a dataset. Opaque, read-only: any thread. */
typedef struct redux_scan redux_scan;

/** Options of redux_scan_new. */
typedef struct redux_scan_options {
    size_t struct_size;
    int32_t skip_errors; /**< 1: slices that cannot be read are findings; 0: the first ends it */
} redux_scan_options;

#define REDUX_SCAN_OPTIONS_DEFAULTS(set) set(struct_size, sizeof(redux_scan_options))
REDUX_DEFINE_INIT(redux_scan_options, REDUX_SCAN_OPTIONS_DEFAULTS)
#define REDUX_SCAN_OPTIONS_INIT REDUX_INIT(redux_scan_options, REDUX_SCAN_OPTIONS_DEFAULTS)

/** Reads every slice of a dataset once, on all threads of the context; reports slices as progress.
 *  The dataset must outlive the scan. `options` may be NULL. The caller owns *out. Errors: those of
 *  redux_volume_open, REDUX_E_NOT_FOUND (the dataset has no slices), REDUX_E_INVALID,
 *  REDUX_E_CANCELLED, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_scan_new(redux_scan **out, redux_context *context,
                                      const redux_dataset *dataset,
                                      const redux_scan_options *options);
/** Frees a scan; NULL is allowed. */
REDUX_API void redux_scan_free(redux_scan *scan);

/** The plain descriptors of all slices, for checks that need embeddings: as redux_image_descriptor
 *  of the slice's picture, [slices, 256] float32; 0 for slices that cannot be read. The caller
 *  releases *out. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_scan_descriptors(redux_tensor *out, redux_context *context,
                                              const redux_scan *scan);

/* ---- leaks ---- */

/** Options of redux_audit_leaks. */
typedef struct redux_audit_leaks_options {
    size_t struct_size;
    /** The scan of another set, such as the training data; NULL: between splits of the one. It must
     *  outlive the call. */
    const redux_scan *against;
    /** [slices] of the dataset, values of redux_split (redux/labels.h) in the order train 0,
     *  validation 1, test 2, none 3: slices of validation are looked up in those of train, slices
     *  of test in both. With `against` NULL: no slice is left out. */
    const uint8_t *split;
    double threshold;   /**< similarity from which two slices are twins, over 0, at most 1; 0.75 */
    int32_t candidates; /**< slices that the hash proposes for each, 1 ... 64; 8 */
    int32_t reserved;
} redux_audit_leaks_options;

#define REDUX_AUDIT_LEAKS_OPTIONS_DEFAULTS(set)                                                    \
    set(struct_size, sizeof(redux_audit_leaks_options)), set(threshold, 0.75), set(candidates, 8)
REDUX_DEFINE_INIT(redux_audit_leaks_options, REDUX_AUDIT_LEAKS_OPTIONS_DEFAULTS)
#define REDUX_AUDIT_LEAKS_OPTIONS_INIT                                                             \
    REDUX_INIT(redux_audit_leaks_options, REDUX_AUDIT_LEAKS_OPTIONS_DEFAULTS)

/** What of a dataset is in another set, or in an earlier split, already. Each slice has at most one
 *  twin: the one with the greatest similarity. Flat slices and CT slices without tissue are left
 *  out, and outlines such as the top of a head: they resemble each other.
 *  - A similarity from 0.85 times the threshold on is enough beside a slice that reaches it, if
 *    their twins are neighbours too.
 *  - Groups first, then volumes, then slices; the greatest share and similarity first.
 *  - Groups of two sets are the same one if their names are equal and both sets are grouped.
 *
 *  Reports slices as progress. The caller owns *out. Errors: REDUX_E_INVALID (neither or both of
 *  `against` and `split`; no slice on a side), REDUX_E_CANCELLED, REDUX_E_NO_MEMORY; those of
 *  redux_dataset_checksum. */
REDUX_API redux_status redux_audit_leaks(redux_findings **out, redux_context *context,
                                         const redux_scan *scan,
                                         const redux_audit_leaks_options *options);

/** The similarity of two slices by their numbers, as redux_audit_leaks decides on it, and how the
 *  second is turned (a redux_dihedral; may be NULL). Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_audit_similarity(double *out, int32_t *turn, redux_context *context,
                                              const redux_scan *scan, int64_t slice,
                                              const redux_scan *other, int64_t other_slice);

/* ---- labels ---- */

/** Options of redux_audit_labels. */
typedef struct redux_audit_labels_options {
    size_t struct_size;
    double threshold;   /**< as redux_audit_leaks_options.threshold; 0.9 */
    int32_t candidates; /**< as redux_audit_leaks_options.candidates; 16 */
    int32_t reserved;
    double alpha, quantile; /**< of redux_audit_cut; 0.2 and 0.05. alpha must be above the share of
                                 wrong labels; docs/audit.md says how 0.2 was chosen */
} redux_audit_labels_options;

#define REDUX_AUDIT_LABELS_OPTIONS_DEFAULTS(set)                                                   \
    set(struct_size, sizeof(redux_audit_labels_options)), set(threshold, 0.9),                     \
        set(candidates, 16), set(alpha, 0.2), set(quantile, 0.05)
REDUX_DEFINE_INIT(redux_audit_labels_options, REDUX_AUDIT_LABELS_OPTIONS_DEFAULTS)
#define REDUX_AUDIT_LABELS_OPTIONS_INIT                                                            \
    REDUX_INIT(redux_audit_labels_options, REDUX_AUDIT_LABELS_OPTIONS_DEFAULTS)

/** Labels that contradict each other, and labels that their neighbours contradict.
 *  - labels: [slices], the class of each slice, any number from 0 on; below 0: it has none and
 *    takes no part.
 *  - embeddings: [slices, D] float32, of an encoder or redux_scan_descriptors; NULL: no suspicion.
 *  - LABEL_CONFLICT: twins of different groups with different labels (of one group: the same pixels
 *    only, for neighbouring slices may differ in label). One for each slice concerned.
 *  - LABEL_SUSPECT: what redux_audit_cut flags of redux_audit_suspicion; the other side is the
 *    nearest slice of another label.
 *
 *  With fewer than two classes there are no findings. The caller owns *out. Errors: REDUX_E_INVALID
 *  (shapes, values that are not finite), REDUX_E_CANCELLED, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_audit_labels(redux_findings **out, redux_context *context,
                                          const redux_scan *scan, const redux_tensor *embeddings,
                                          const int32_t *labels,
                                          const redux_audit_labels_options *options);

/** Label suspicion of each row: d_other^2 / (d_same^2 + d_other^2), d the cosine distance (1 - cos)
 *  to the nearest row of the same and of another label: 0 ... 1, low is suspect. Where a label has
 *  one row, d_same is the largest distance to others. NaN for rows without a label (below 0), for
 *  rows of zeros, which are no neighbours either, and for all with fewer than two classes; 0.5
 *  where both distances are 0. others: the nearest row of another label, -1: none; may be NULL.
 *  embeddings: [N, D] float32. Of more than 65,536 rows, neighbours are looked for among as many,
 *  evenly spaced. Memory: twice N x D floats at most. Reports rows as progress. Source: Groeger et
 *  al., NeurIPS 2024; Ho and Basu, IEEE TPAMI 24(3), 2002. */
REDUX_API redux_status redux_audit_suspicion(double *scores, int64_t *others,
                                             redux_context *context, const redux_tensor *embeddings,
                                             const int32_t *labels);

/** The automatic cut of scores, of which those at or below *cut are flagged. x = logit(score) of
 *  the scores strictly inside (0, 1); a logistic distribution through the quantiles alpha and
 *  sqrt(alpha / 2) of x gives location and scale; the cut is at x = location + scale logit(quantile
 *  alpha count / of), `count` scores of `of` samples (equal where each sample has one). 0: nothing
 *  is flagged (no scores inside, or all quantiles alike). Quantiles are interpolated linearly, as
 *  NumPy's. alpha lies between 0 and 0.5, quantile between 0 and 1, without the ends. Source:
 *  Groeger et al., NeurIPS 2024. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_audit_cut(double *cut, redux_context *context, const double *scores,
                                       int64_t count, int64_t of, double alpha, double quantile);

/* ---- slices ---- */

/** Options of redux_audit_slices: the thresholds. docs/audit.md says how they were chosen. */
typedef struct redux_audit_slices_options {
    size_t struct_size;
    double flat;    /**< 96 % of the values within this share of the range (of the type for 8 bits,
                         else of the volume); 0.01 */
    double flat_hu; /**< CT instead: within so many HU; 20 */
    double air;     /**< CT: share of tissue (above -300 HU) below which a slice is air; 0.005 */
    double dark;    /**< 99 % of the values lie below this share of the range; 0.1 */
    double light;   /**< 95 % of the values lie above this share of the range; 0.9 */
    double low_contrast;    /**< 96 % of the values within this share of the range; 0.1 */
    double blurred;         /**< times that the sharpness lies below that of its series; 5 */
    double low_information; /**< entropy in bits of 256 grey values; 1 */
    double cropped;         /**< CT: share of tissue in the border of the field of view; 0.1 */
    double padding;         /**< share of the area; 0.8 */
    double range;           /**< times that the range differs from that of the series; 3 */
    /** A scan of another set, of which what cannot be read is a finding too (other_is_against is 1,
     *  the own side -1); NULL: none. It must outlive the call. */
    const redux_scan *against;
} redux_audit_slices_options;

#define REDUX_AUDIT_SLICES_OPTIONS_DEFAULTS(set)                                                   \
    set(struct_size, sizeof(redux_audit_slices_options)), set(flat, 0.01), set(flat_hu, 20),       \
        set(air, 0.005), set(dark, 0.1), set(light, 0.9), set(low_contrast, 0.1), set(blurred, 5), \
        set(low_information, 1), set(cropped, 0.1), set(padding, 0.8), set(range, 3)
REDUX_DEFINE_INIT(redux_audit_slices_options, REDUX_AUDIT_SLICES_OPTIONS_DEFAULTS)
#define REDUX_AUDIT_SLICES_OPTIONS_INIT                                                            \
    REDUX_INIT(redux_audit_slices_options, REDUX_AUDIT_SLICES_OPTIONS_DEFAULTS)

/** Slices that show nothing, or something odd. CT is a scan whose least value is -500 or less.
 *  What holds of most slices of a volume is one finding of the volume, `found` of `of` slices; of
 *  UNREADABLE, FLAT and AIR: what holds of all of them.
 *  Inputs that the dataset left out (skip_errors) are findings as well: UNREADABLE, `skipped`.
 *  Sorted by issue, then worst first. The caller owns *out. Errors: REDUX_E_INVALID,
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_audit_slices(redux_findings **out, redux_context *context,
                                          const redux_scan *scan,
                                          const redux_audit_slices_options *options);

/* ---- embeddings ---- */

/** Options of redux_audit_outliers. */
typedef struct redux_audit_outliers_options {
    size_t struct_size;
    int32_t neighbours; /**< 1 or more; beyond the number of rows: all of them; 20 */
    int32_t reserved;
    int64_t most; /**< 2 or more: of more rows than these, neighbours are looked for among as many,
                       evenly spaced; 65,536 */
    double alpha, quantile; /**< of redux_audit_cut; 0.01 and 0.05 */
} redux_audit_outliers_options;

#define REDUX_AUDIT_OUTLIERS_OPTIONS_DEFAULTS(set)                                                 \
    set(struct_size, sizeof(redux_audit_outliers_options)), set(neighbours, 20), set(most, 65536), \
        set(alpha, 0.01), set(quantile, 0.05)
REDUX_DEFINE_INIT(redux_audit_outliers_options, REDUX_AUDIT_OUTLIERS_OPTIONS_DEFAULTS)
#define REDUX_AUDIT_OUTLIERS_OPTIONS_INIT                                                          \
    REDUX_INIT(redux_audit_outliers_options, REDUX_AUDIT_OUTLIERS_OPTIONS_DEFAULTS)

/** Slices far from all others: the mean distance (1 - cos) d to the nearest neighbours; flagged is
 *  what redux_audit_cut flags of 1 - d / 2. The score is d, the other side the nearest slice.
 *  embeddings: [slices, D] float32; rows of zeros and slices that cannot be read take no part. The
 *  caller owns *out. Errors: REDUX_E_INVALID (shape, values that are not finite),
 *  REDUX_E_CANCELLED, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_audit_outliers(redux_findings **out, redux_context *context,
                                            const redux_scan *scan, const redux_tensor *embeddings,
                                            const redux_audit_outliers_options *options);

/** How many slices that share nothing would hold as much: 1 / sum(l^2), l the eigenvalues of the
 *  mean of v v^T over the rows v at unit length (the Vendi score of order 2: Friedman and Dieng
 *  2023). 1 ... min(N, D); rows of zeros take no part; 0 without rows. Errors: REDUX_E_INVALID,
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_audit_effective(double *out, redux_context *context,
                                             const redux_tensor *embeddings);

REDUX_END_DECLS
#endif
