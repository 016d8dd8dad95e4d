/* SPDX-License-Identifier: MIT */
/** @file
 * Labelled slices: a table (CSV) or a MedMNIST-like archive, split by group, checked for leakage.
 *
 * @code
 * redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
 * redux_labels *labels = NULL;
 * options.label = "tumour"; // the column of classes; groups are files
 * redux_status status = redux_labels_load(&labels, context, "data/ct/labels.csv", &options);
 * if (status == REDUX_OK)
 *     printf("%d rows, %d classes, %d groups\n", (int)redux_labels_row_count(labels),
 *            (int)redux_labels_class_count(labels), (int)redux_labels_group_count(labels));
 * redux_labels_free(labels);
 * return status;
 * @endcode
 *
 * A group is what must not be divided between training and test: a patient, or the file if nothing
 * else is known.
 *
 * Promised: splits never divide a group, unless the table's own split column does and you allow it.
 * The same seed gives the same splits.
 *
 * Not promised: that the leakage check finds cropped or turned copies, or that every pair it
 * reports is one.
 *
 * Threads: read-only once loaded: any thread. Since 0.1.
 */
#ifndef REDUX_LABELS_H
#define REDUX_LABELS_H

#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** Which part a row belongs to. Values are pinned. */
typedef enum redux_split {
    REDUX_SPLIT_TRAIN = 0,
    REDUX_SPLIT_VALIDATION = 1,
    REDUX_SPLIT_TEST = 2,
    REDUX_SPLIT_NONE = 3 /**< takes no part; of a table without a split column */
} redux_split;

/** The split of a name: "train" ("training"), "val" ("valid", "validation"), "test". Errors:
 *  REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). Any thread. Since 0.2. */
REDUX_API redux_status redux_split_parse(redux_split *out, const char *text);

/** Options of redux_labels_load. For an .npz only `orientation` may differ from the defaults. */
typedef struct redux_labels_options {
    size_t struct_size;
    const char *label;            /**< column of the classes; NULL: "label" */
    const char *group;            /**< column of the groups; NULL: "file" */
    const char *split;            /**< column of the splits; NULL: none is read */
    int32_t allow_divided_groups; /**< 1: a group may lie in two splits of the column */
    redux_orientation orientation;
    const char
        *group_by; /**< groups by redux_dataset_options.group_by instead of a column; NULL: no */
    int32_t frame; /**< of redux_dataset_options */
} redux_labels_options;

#define REDUX_LABELS_OPTIONS_DEFAULTS(set)                                                         \
    set(struct_size, sizeof(redux_labels_options)), set(orientation, REDUX_ORIENTATION_AXIAL),     \
        set(frame, -1)
REDUX_DEFINE_INIT(redux_labels_options, REDUX_LABELS_OPTIONS_DEFAULTS)
#define REDUX_LABELS_OPTIONS_INIT REDUX_INIT(redux_labels_options, REDUX_LABELS_OPTIONS_DEFAULTS)

/** Loaded labels. Opaque; read-only: any thread. */
typedef struct redux_labels redux_labels;

/** One labelled slice. */
typedef struct redux_label_row {
    int64_t slice; /**< number among all slices of the dataset */
    int64_t group; /**< 0 ... groups - 1 */
    int32_t label; /**< class, 0 ... classes - 1 */
    redux_split split;
} redux_label_row;

/* ---- loading ---- */

/** Loads labels and opens the dataset of their files, in the order of the table. The caller owns
 *  *out.
 *
 *  CSV (RFC 4180, "\n" or "\r\n"; the first line names the columns):
 *  - `file`: a path relative to the table's folder (NIfTI, picture, .npy, FILE.npz:KEY).
 *  - `slice`: counted from 0 along the storage axis; without this column: 0.
 *  - The columns that the options name. Classes are numbered by value if all are whole numbers,
 *    otherwise by their bytes. Splits are "train" ("training"), "val" ("valid", "validation") and
 *    "test".
 *  - Other columns are ignored.
 *
 *  .npz: arrays train_images, val_images, test_images of (N, H, W) or (N, H, W, 3), with
 *  train_labels, val_labels, test_labels of (N) or (N, 1) whole numbers; at least the first pair.
 *  Each image is a group of its own.
 *
 *  Errors: REDUX_E_NOT_FOUND (table, image file, column: the message lists the columns),
 *  REDUX_E_FORMAT (with the line: fields, a slice outside its volume, a slice labelled twice, an
 *  unknown split, a group in two splits, fewer than two classes), REDUX_E_INVALID,
 *  REDUX_E_UNSUPPORTED (labels of more than one column), those of redux_dataset_open. */
REDUX_API redux_status redux_labels_load(redux_labels **out, redux_context *context,
                                         const char *path, const redux_labels_options *options);

/** Frees labels and their dataset; NULL is allowed. */
REDUX_API void redux_labels_free(redux_labels *labels);

/** The dataset of the labelled slices; belongs to the labels. */
REDUX_API const redux_dataset *redux_labels_dataset(const redux_labels *labels);

/** The number of rows, classes and groups. */
REDUX_API int64_t redux_labels_row_count(const redux_labels *labels);
REDUX_API int64_t redux_labels_class_count(const redux_labels *labels);
REDUX_API int64_t redux_labels_group_count(const redux_labels *labels);

/** Row `index`, in the order of the table, or train, val, test of an archive. Errors:
 *  REDUX_E_INVALID (index, NULL). */
REDUX_API redux_status redux_labels_get_row(redux_label_row *out, const redux_labels *labels,
                                            int64_t index);

/** The name of a row: *source (belongs to the labels) and *slice, as in
 *  redux_dataset_get_slice_name. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_labels_get_row_name(const char **source, int64_t *slice,
                                                 const redux_labels *labels, int64_t index);

/** The name of a class or group as in the table; groups of an archive have none: "". NULL for an
 *  index out of range. */
REDUX_API const char *redux_labels_class_name(const redux_labels *labels, int64_t index);
REDUX_API const char *redux_labels_group_name(const redux_labels *labels, int64_t index);

/** The number of the class of that name, or -1. */
REDUX_API int64_t redux_labels_find_class(const redux_labels *labels, const char *name);

/* ---- splits ---- */

/** How rows are divided. */
typedef enum redux_split_method {
    REDUX_SPLIT_BY_TABLE = 0, /**< the table's column, or the archive's arrays */
    REDUX_SPLIT_BY_FOLDS = 1, /**< fold `fold` of `folds` is the test, the next one validation */
    REDUX_SPLIT_BY_SHARES = 2 /**< `validation` and `test` are shares of the rows */
} redux_split_method;

/** Options of redux_labels_split. */
typedef struct redux_split_options {
    size_t struct_size;
    redux_split_method method;
    int32_t folds;           /**< at least 3; default 5 */
    int32_t fold;            /**< 0 ... folds - 1 */
    double validation, test; /**< shares, 0 < share, sum below 1; default 0.2 and 0.2 */
    uint64_t seed;
} redux_split_options;

#define REDUX_SPLIT_OPTIONS_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_split_options)), set(method, REDUX_SPLIT_BY_TABLE),              \
        set(folds, 5), set(validation, 0.2), set(test, 0.2)
REDUX_DEFINE_INIT(redux_split_options, REDUX_SPLIT_OPTIONS_DEFAULTS)
#define REDUX_SPLIT_OPTIONS_INIT REDUX_INIT(redux_split_options, REDUX_SPLIT_OPTIONS_DEFAULTS)

/** Divides the rows into training, validation and test. split: room for as many values of
 *  redux_split as there are rows.
 *
 *  Folds and shares: groups are taken in a random order keyed by the seed, larger ones first, and
 *  each is put into the part that it fills most evenly: where the sum over classes of ((rows of the
 *  class there, with it)^2 - (without it)^2) / (the class's rows in all)^2 / (the part's share) is
 *  the least. So classes are spread as evenly as whole groups allow; if every row is a group of its
 *  own, each part has each class's share up to one row. The numbers of the folds depend on (seed,
 *  folds) alone, not on `fold`.
 *
 *  By table: the column. If it names no validation rows, groups of the training rows with a share
 *  of `validation` become those, keyed by the seed.
 *
 *  Errors: REDUX_E_INVALID (a table without splits; fewer groups than parts; a split without rows,
 *  or training rows of one class only), REDUX_E_NO_MEMORY. Any thread. */
REDUX_API redux_status redux_labels_split(uint8_t *split, redux_context *context,
                                          const redux_labels *labels,
                                          const redux_split_options *options);

/* ---- leakage ---- */

/** The result of a leakage check. Opaque, read-only: any thread. Since 0.2. */
typedef struct redux_leakage redux_leakage;

/** Options of redux_labels_find_leakage. Since 0.2. */
typedef struct redux_leakage_options {
    size_t struct_size;
    int32_t distance;     /**< bits up to which difference hashes count as near-duplicates; 3 */
    int32_t pdq_distance; /**< the same of PDQ codes; 31, as PDQ's authors advise */
    int64_t worst;        /**< how many of the nearest pairs are kept; 16 */
} redux_leakage_options;

#define REDUX_LEAKAGE_OPTIONS_DEFAULTS(set)                                                        \
    set(struct_size, sizeof(redux_leakage_options)), set(distance, 3), set(pdq_distance, 31),      \
        set(worst, 16)
REDUX_DEFINE_INIT(redux_leakage_options, REDUX_LEAKAGE_OPTIONS_DEFAULTS)
#define REDUX_LEAKAGE_OPTIONS_INIT REDUX_INIT(redux_leakage_options, REDUX_LEAKAGE_OPTIONS_DEFAULTS)

/** What a leakage check found. Since 0.2. */
typedef struct redux_leakage_summary {
    size_t struct_size;       /**< set by the caller */
    int64_t compared;         /**< pairs of rows */
    int64_t pairs;            /**< near-duplicates among them */
    int64_t validation, test; /**< rows of these with a near-duplicate in an earlier split */
    int64_t flat;             /**< flat rows, which hashes cannot compare: left out */
} redux_leakage_summary;

/** A pair of near-duplicates in two splits: row numbers, and the distances of their hashes in bits.
 *  Since 0.2. */
typedef struct redux_leak {
    size_t struct_size; /**< set by the caller */
    int64_t row;        /**< of validation or test */
    int64_t of_row;     /**< of training; for a test row also of validation */
    int32_t distance, pdq_distance;
} redux_leak;

/** Reports near-duplicates across splits: rows of validation compared with those of training, rows
 *  of test with both, of different groups or not. A pair counts if both its 64-bit difference
 *  hashes and its 256-bit PDQ codes are within the distances of the options (NULL: the defaults);
 *  flat images are left out. This is a warning, not a proof: slices of different patients at the
 *  same height can be this close, and cropped or turned copies are not found. split: as
 *  redux_labels_split fills it. Reports slices as progress. The caller owns *out. Errors: those of
 *  redux_volume_open; REDUX_E_INVALID, REDUX_E_CANCELLED. Since 0.2. */
REDUX_API redux_status redux_labels_find_leakage(redux_leakage **out, redux_context *context,
                                                 const redux_labels *labels, const uint8_t *split,
                                                 const redux_leakage_options *options);
/** Frees a leakage check; NULL is allowed. Since 0.2. */
REDUX_API void redux_leakage_free(redux_leakage *leakage);
/** The counts of a leakage check. Errors: REDUX_E_INVALID (struct_size, NULL). Since 0.2. */
REDUX_API redux_status redux_leakage_get_summary(redux_leakage_summary *out,
                                                 const redux_leakage *leakage);
/** The closest pairs, ordered by distance, pdq_distance and rows. Errors: REDUX_E_INVALID (index,
 *  struct_size, NULL). Since 0.2. */
REDUX_API int64_t redux_leakage_worst_count(const redux_leakage *leakage);
REDUX_API redux_status redux_leakage_get_worst(redux_leak *out, const redux_leakage *leakage,
                                               int64_t index);

REDUX_END_DECLS
#endif
