/* SPDX-License-Identifier: MIT
 * What the files of the reduction share. Internal.
 *
 *   options.c        what the options of a reduction may say
 *   strategies.c     the table of strategies: feature, metric, thresholds
 *   walk.c           the order in which slices are visited, by group (volume or dataset)
 *   extract.c        one slice -> the item that a metric compares (hash, descriptor, image)
 *   stream.c         items of some slices, in order, in bounded memory
 *   exemplars.c      the greedy first-exemplar rule over items
 *   greedy.c         that rule over a dataset, at one threshold
 *   group.c          all items of one group, prepared, for the rules that need them at once:
 *   medoid.c, k_centre.c, complete_link.c, semdedup.c, hierarchical.c, density.c
 *   budget.c         the threshold that keeps at most N, and the refill
 *   against.c        exemplars of another set, or of an earlier result, that stand first
 *   calibrate.c      scores between different volumes, and what they say of a threshold
 *   reduce.c         options in, a row for every slice out
 *   ranks.c          the same shared out to several processes;  stream_ranks.c images that they
 * read part_reduce.c    the same for one part of the dataset, into a file;  merge.c from all parts
 *   manifest.c       the result as CSV;  summary.c as JSON;  export.c, contact_sheet.c as pictures
 *   manifest_read.c  an earlier result, read back;  manifest_options.c what made it
 *   manifest_slices.c  the slices that it keeps, for other work */
#ifndef RDX_SELECT_H
#define RDX_SELECT_H

#include <pthread.h>
#include <redux/exemplars.h>
#include <redux/reduce.h>
#include "base/communicator.h"
#include "data/part.h"
#include "hash/hash_slice.h"
#include "image/image.h"
#include "metric/metric.h"
#include "search/k_means.h"

#define RDX_DESCRIPTOR_LENGTH ((int64_t)REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE)

typedef struct rdx_skip {
    const redux_dataset *dataset;
    int64_t row;
    bool whole;  /* a volume that could not be opened; `row` is the first one that was wanted */
    bool shared; /* all ranks have it */
    char *source, *reason;
} rdx_skip;

/* What could not be read, and the reasons. */
typedef struct rdx_skips {
    rdx_skip *list;
    int64_t count, capacity;
} rdx_skips;

/* The name of a slice outside the dataset. */
typedef struct rdx_name {
    const char *source;
    int64_t slice;
    int64_t row; /* of the other set; -1: of an earlier result */
} rdx_name;

/* The base: exemplars before all others (against.c). */
typedef struct rdx_base {
    redux_exemplars *exemplars; /* NULL: none */
    rdx_name *names;            /* by number; strings belong to the other dataset or manifest */
    int64_t count, capacity;
} rdx_base;

/* Features of the kept slices, in the order in which they were kept (keep_exemplars). */
typedef struct rdx_captured {
    redux_tensor like; /* no data: dtype and shape of one item */
    char *bytes;
    int64_t count, capacity; /* items */
} rdx_captured;

struct redux_reduction {
    const redux_dataset *dataset;
    redux_reduce_options options; /* with defaults filled in; referenced objects are not owned */
    bool has_embeddings;
    redux_reduce_summary summary;
    int64_t row_count;
    redux_row *rows;
    rdx_skips skips;
    rdx_base base;
    rdx_captured captured[2];       /* one a stage */
    redux_calibration *calibration; /* or NULL */
    uint32_t *checksums;   /* of the volumes, by parts or ranks; or NULL: not computed yet */
    uint8_t *has_checksum; /* which of them are known */
    int32_t *owner;        /* the rank that has each row; NULL: there is one rank */
};

/* redux_row.skipped of a slice that belongs to another part. */
#define RDX_OTHER_PART 2

/* The encoding of a row's witness, here and in redux_row: the row of a kept slice; from the number
 * of rows on, the number of an exemplar of the base; RDX_NO_WITNESS. Numbers that are internal to
 * rules (of exemplars, of items) become rows where a row is dropped, and nowhere else. */
#define RDX_NO_WITNESS (-1)
static inline int64_t rdx_base_witness(const redux_reduction *reduction, int64_t number)
{
    return reduction->row_count + number;
}
static inline bool rdx_is_base_witness(const redux_reduction *reduction, int64_t witness)
{
    return witness >= reduction->row_count;
}
static inline void rdx_row_keep(redux_row *row)
{
    row->kept = 1;
    row->witness = RDX_NO_WITNESS;
    row->score = (double)REDUX_NAN;
}
static inline void rdx_row_drop(redux_row *row, int64_t witness, double score)
{
    row->kept = 0;
    row->witness = witness;
    row->score = score;
}

/* ---- walk.c ---- */

typedef struct rdx_walk {
    int64_t groups;
    int64_t *start; /* groups + 1 offsets into `rows` */
    int64_t *rows;  /* row numbers in the order of the walk */
} rdx_walk;

/* Leaves out rows of other parts. */
void rdx_walk_filter(rdx_walk *walk, const redux_row *rows);
redux_status rdx_walk_init(rdx_walk *walk, redux_context *context, const redux_dataset *dataset,
                           redux_scope scope, redux_order order);
void rdx_walk_clear(rdx_walk *walk);
static inline int64_t rdx_walk_count(const rdx_walk *walk)
{
    return walk->start[walk->groups];
}

/* ---- extract.c ---- */

typedef enum rdx_feature {
    RDX_FEATURE_NONE,       /* only checks that the slice can be read */
    RDX_FEATURE_HASH,       /* a code */
    RDX_FEATURE_DESCRIPTOR, /* `pixels`: 256 floats */
    RDX_FEATURE_ENTROPY,    /* one double, bits */
    RDX_FEATURE_IMAGE       /* the windowed slice */
} rdx_feature;

/* Working memory for slices, one after the other. Each thread has its own. */
typedef struct rdx_extractor {
    redux_context *context;
    const redux_reduce_options *options;
    rdx_feature feature;
    rdx_slice_hasher hasher;
    redux_hash_info info; /* of the last code */
    rdx_resizer resizer;
} rdx_extractor;

/* The hash that the options of a reduction name. */
redux_hash_options rdx_hash_options_of(const redux_reduce_options *options);

redux_status rdx_extractor_init(rdx_extractor *extractor, redux_context *context,
                                const redux_reduce_options *options, rdx_feature feature);
void rdx_extractor_clear(rdx_extractor *extractor);
/* Turns a slice into `item`. RDX_FEATURE_IMAGE: [height, width] of the window's dtype: the slice
 * itself if it has that shape, resized to it if `resize`; else sets *ragged and writes nothing. */
redux_status rdx_extract(rdx_extractor *extractor, void *item, const rdx_visited *slice,
                         int64_t height, int64_t width, bool resize, bool *ragged);

/* ---- strategies.c ---- */

typedef struct rdx_judging rdx_judging;
typedef struct rdx_group rdx_group;

/* A strategy's entries in the summary, besides its threshold. */
enum {
    RDX_PARAMETER_HASH = 1,
    RDX_PARAMETER_SSIM = 2,
    RDX_PARAMETER_NORMALISATION = 4,
    RDX_PARAMETER_BINS = 8,
    RDX_PARAMETER_CLUSTERS = 16,
    RDX_PARAMETER_DESCRIPTOR = 32,
    RDX_PARAMETER_LEVELS = 64,
    RDX_PARAMETER_TEMPERATURE = 128
};

/* Everything that depends on the strategy. No other file asks which one it is. */
typedef struct rdx_strategy_entry {
    const char *name, *label; /* label: of its scores, with their unit */
    rdx_feature feature;
    bool compares;         /* compares slices with each other, by a metric */
    bool is_callers;       /* that metric is options.metric */
    bool has_stages;       /* its metric judges pairs one by one, so it can be one of two stages */
    bool has_budget;       /* takes keep_count, keep_percent */
    bool is_whole;         /* thresholds are whole numbers */
    bool is_distance;      /* slices with smaller scores are dropped first */
    bool begins_with_most; /* k-centre begins with the slice that has most information, not with the
                              first */
    uint32_t
        rules; /* of 1 << redux_rule; without REDUX_RULE_FIRST, that rule means the only one here */
    uint32_t parameters;
    redux_status (*judge)(rdx_judging *judging);
    redux_status (*judge_group)(const rdx_group *group, double threshold); /* NULL: the rule does */
    /* Chooses exactly the budget's number of one group's slices; the strategy always has one.
     * *threshold: what the summary has. NULL: a threshold is searched that leads to the budget. */
    redux_status (*judge_budget)(double *threshold, const rdx_judging *judging);
    /* Makes the metric from the options, or from its name. Neither: there is none, or it is the
     * caller's. */
    redux_status (*metric)(redux_metric **out, redux_context *context,
                           const redux_reduce_options *options);
    const char *metric_name;
    double threshold, low, high; /* default (NaN: none); the range of what may be given */
    /* If these depend on other options; NULL: they do not. */
    double (*threshold_of)(const redux_reduce_options *options);
    double (*high_of)(const redux_reduce_options *options);
} rdx_strategy_entry;

/* NULL: unknown strategy. */
const rdx_strategy_entry *rdx_strategy_of(redux_strategy strategy);
bool rdx_strategy_has_rule(redux_strategy strategy, redux_rule rule);
/* REDUX_E_INVALID: names the possible second stages, and that this is none. */
redux_status rdx_strategy_fail_stage(redux_strategy strategy);
/* Whether it compares vectors, so that embeddings can be given. */
bool rdx_strategy_has_embeddings(const redux_reduce_options *options, redux_strategy strategy);
/* The metric of a strategy that has a metric. */
redux_status rdx_strategy_metric(redux_metric **out, redux_context *context,
                                 const redux_reduce_options *options, redux_strategy strategy);

/* ---- reduce.c: how rows are judged ---- */

redux_status rdx_judge_all(rdx_judging *judging);
redux_status rdx_judge_every_n(rdx_judging *judging);
redux_status rdx_judge_by_entropy(rdx_judging *judging);
redux_status rdx_judge_by_metric(rdx_judging *judging);

/* ---- stream.c ---- */

/* The items of one stage. */
typedef struct rdx_stage {
    rdx_feature feature;
    const redux_tensor *embeddings; /* replace the feature: one row a slice; or NULL */
    redux_tensor cache;             /* [rows, ...] of a small feature */
} rdx_stage;

/* Slices of a dataset as items. */
typedef struct rdx_stream {
    /* set by the caller */
    redux_context *context;
    const redux_dataset *dataset;
    const redux_reduce_options *options; /* defaults filled in */
    const redux_tensor *embeddings;      /* of this dataset, or NULL */
    redux_row *rows;                     /* one a slice; marks slices that are unreadable or flat */
    rdx_skips *skips;                    /* records reasons, with skip_errors */
    const int64_t *wanted;               /* rows of one part of the dataset, in order; NULL: all */
    int64_t wanted_count;
    const int32_t *owner;     /* the rank that reads small features of each row; NULL: this one */
    bool together;            /* ranks take the same images, and share their reading out */
    redux_reduction *shared;  /* has the notes that ranks exchange */
    const redux_parts *parts; /* have the items; NULL: they are made from the dataset */
    /* set by rdx_stream_open */
    int64_t row_count;
    rdx_stage stages[2];
    int stage_count;
    bool has_images;       /* some stage compares them; they are streamed, with small features */
    bool read;             /* the caches are filled */
    rdx_part_table images; /* those of the parts */
    pthread_mutex_t skip_mutex;
} rdx_stream;

/* One row a slice, in dataset order, undecided; the caller frees *out. */
redux_status rdx_rows_new(redux_row **out, redux_context *context, const redux_dataset *dataset);
/* Copies a note in, among those of its dataset in the order of the rows. */
redux_status rdx_skips_add(rdx_skips *skips, redux_context *context, const rdx_skip *note);
/* Whether the note is of a volume that could not be opened, and there is another one of it. */
bool rdx_skips_have_volume(const rdx_skips *skips, const rdx_skip *note);
/* Whether there is a note of the same slice, or of the volume from the same slice on. */
bool rdx_skips_have(const rdx_skips *skips, const rdx_skip *note);
void rdx_skips_clear(rdx_skips *skips);

/* Sets up the stages that the options name. */
redux_status rdx_stream_open(rdx_stream *stream);
void rdx_stream_close(rdx_stream *stream);
/* Reads every slice once, unless parts have the items: caches small features, or only checks that
 * it can be read. */
redux_status rdx_stream_read(rdx_stream *stream);
/* Items of the rows in `list`, in order, some at a time: one tensor a stage; rows[i] is the row of
 * item i. Leaves out rows marked as skipped. May be called for several lists at once. `resize`
 * resizes images to options.size; without it *ragged reports that sizes differ, and the rest is not
 * read. */
typedef redux_status (*rdx_consume_fn)(void *user, redux_context *context,
                                       const redux_tensor *items, const int64_t *rows);
redux_status rdx_stream_rows(rdx_stream *stream, const int64_t *list, int64_t count, bool resize,
                             bool *ragged, rdx_consume_fn consume, void *user);

/* The same for images alone, by this process alone. */
redux_status rdx_stream_images(rdx_stream *stream, const int64_t *list, int64_t count, bool resize,
                               bool *ragged, rdx_consume_fn consume, void *user);
/* Room for `count` items of a stage's small feature. */
redux_status rdx_stream_new_items(redux_tensor *items, const rdx_stream *stream,
                                  const rdx_stage *stage, int64_t count);

/* ---- stream_ranks.c ---- */

/* Resized images, of which each rank reads a share: all ranks call it alike. */
redux_status rdx_stream_together(rdx_stream *stream, const int64_t *list, int64_t count,
                                 rdx_consume_fn consume, void *user);

/* ---- stream_part.c: items in part files ---- */

/* Makes the items of the wanted rows and writes them: an array for each feature, `skipped` and
 * `flat`. */
redux_status rdx_stream_save(rdx_stream *stream, rdx_part_writer *writer);
/* Fills the caches and marks the rows from the parts; images are read as they are needed. */
redux_status rdx_stream_fill(rdx_stream *stream);
/* Copies rows of `source`, by number, into all of `items`. */
redux_status rdx_gather_rows(const redux_tensor *items, const redux_tensor *source,
                             const int64_t *rows);
/* Columns of the rows, in parts of any kind: skipped and flat; a column of all parts, which the
 * caller releases. */
redux_status rdx_rows_save(rdx_part_writer *writer, const redux_row *rows, const int64_t *wanted,
                           int64_t count);
redux_status rdx_column_join(redux_tensor *out, redux_context *context, const redux_parts *parts,
                             const redux_dataset *dataset, const char *name, redux_dtype dtype);
redux_status rdx_rows_fill(redux_row *rows, redux_context *context, const redux_parts *parts,
                           const redux_dataset *dataset);

/* ---- exemplars.c, beyond the public part. `items`: one tensor a stage. ---- */

/* How pairs were decided (metrics of images). */
rdx_tally rdx_exemplars_tally(const redux_exemplars *exemplars);
/* The set continues another one, which it neither owns nor changes. To be called before anything is
 * added. */
void rdx_exemplars_stand_on(redux_exemplars *exemplars, const redux_exemplars *base);
/* The set is made by all ranks together, which add the same items at the same time. */
void rdx_exemplars_spread(redux_exemplars *exemplars, const redux_context *context);
/* Adds all items as exemplars without comparing them. */
redux_status rdx_exemplars_append(redux_context *context, redux_exemplars *exemplars,
                                  const redux_tensor *items);
/* The first exemplar that each prepared item is redundant with (-1: none), and the score. */
redux_status rdx_exemplars_find(int64_t *witness, double *scores, redux_context *context,
                                const redux_exemplars *exemplars, const void *prepared,
                                int64_t count);

/* ---- reduce.c: from other files ---- */

/* A reduction without rows; `known`: options in force. */
redux_status rdx_reduction_new(redux_reduction **out, redux_context *context,
                               const redux_dataset *dataset, const redux_reduce_options *known);
/* Sets up a stream of its slices, and marks those of other parts. */
void rdx_reduction_bind(rdx_stream *stream, redux_context *context, redux_reduction *reduction);
/* Counts slices, volumes and groups of rows that parts have judged. */
redux_status rdx_reduction_count_judged(redux_reduction *reduction, redux_context *context);
/* Judges the rows of a stream that is set up: all; those of one part (wanted); or, from their
 * items, those of all parts. */
redux_status rdx_reduction_run(redux_reduction *reduction, rdx_stream *stream);
/* Counts a result whose rows are judged. */
redux_status rdx_reduction_count(redux_reduction *reduction, redux_context *context);
/* Forgets what the caller owns. */
void rdx_reduction_settle(redux_reduction *reduction);

/* ---- ranks.c: several processes; with one, these do nothing ---- */

/* Checks that ranks do the same, and shares the rows out. */
redux_status rdx_ranks_begin(redux_reduction *reduction, redux_context *context);
/* Whether this rank judges a group. One that is alone in its walk is judged by each rank. */
bool rdx_rank_owns(const rdx_judging *judging, int64_t group);
/* Ends work that each rank did on its own rows: all get the rows of all, or the failure of one. */
redux_status rdx_ranks_share(redux_reduction *reduction, redux_context *context,
                             redux_status status);
/* Ends work on the walk that each rank did for its groups, with a value for each place of it. */
redux_status rdx_ranks_share_walk(const rdx_judging *judging, double *values, redux_status status);
/* The same where each group had its own budget: the summary's thresholds, too. */
redux_status rdx_ranks_share_groups(const rdx_judging *judging, redux_status status,
                                    int32_t is_exact);
/* Gives all ranks the notes of what each could not read. */
redux_status rdx_ranks_share_notes(redux_reduction *reduction, redux_context *context);
redux_status rdx_ranks_checksums(redux_reduction *reduction, redux_context *context);

/* ---- greedy.c ---- */

/* A reduction in progress: everything that its rows are judged by. */
struct rdx_judging {
    redux_context *context;
    redux_reduction *reduction;
    rdx_stream *stream;
    const rdx_walk *walk; /* the rows to judge: all, or those of one group */
    const redux_metric *metric;
    int64_t budget;   /* how many of them to keep; -1: a threshold decides */
    double threshold; /* of the last stage; NaN: the budget decides */
};

/* The items of one group of the walk. */
redux_status rdx_stream_group(const rdx_judging *judging, int64_t group, bool resize, bool *ragged,
                              rdx_consume_fn consume, void *user);

/* Adds to the pairs of the summary; from any thread. */
void rdx_count_pairs(redux_reduction *reduction, rdx_tally tally);

/* Judges the rows at one threshold by the rule of the options; returns how many are kept. With
 * rules first and complete-link, the summary counts how pairs were decided. */
redux_status rdx_greedy(int64_t *kept, const rdx_judging *judging, double threshold);

/* ---- group.c ---- */

/* All items of a group, prepared, without those that are redundant with the base. */
struct rdx_group {
    redux_context *context;
    redux_reduction *reduction;
    const redux_metric *metric;
    rdx_layout layout, parts[2];
    char *prepared;
    int64_t *rows; /* the row of each item */
    int64_t count, capacity, row_capacity;
    bool together; /* all ranks have it, and share the comparing out */
};

redux_status rdx_group_collect(rdx_group *group, const rdx_judging *judging, int64_t index);
void rdx_group_clear(rdx_group *group);
static inline const void *rdx_group_item(const rdx_group *group, int64_t index)
{
    return group->prepared + (size_t)index * group->layout.item_bytes;
}
/* The fate of item `index`: kept, or dropped for the item `witness`. */
void rdx_group_keep(const rdx_group *group, int64_t index);
void rdx_group_drop(const rdx_group *group, int64_t index, int64_t witness, double score);

/* This rank's part of work on a group. */
rdx_spread rdx_group_spread(const rdx_group *group, int64_t count, const int64_t *starts,
                            int64_t unit);
/* Scores of a prepared item with the open items of a group (NULL: all), from item `first` on: into
 * scores[item]. */
redux_status rdx_group_score(double *scores, const rdx_group *group, const void *one, int64_t first,
                             const uint8_t *open);

/* The k-means of all items of a group, to be run; of `clusters`, or one an item. */
rdx_k_means rdx_group_k_means(const rdx_group *group, int64_t clusters);
/* Drops all items that are not kept, each for the kept one most similar to it. */
redux_status rdx_group_drop_others(const rdx_group *group);

/* The rules: decide every item of a group at a threshold. */
redux_status rdx_medoid(const rdx_group *group, double threshold);
redux_status rdx_complete_link(const rdx_group *group, double threshold);
redux_status rdx_semdedup(const rdx_group *group, double threshold);
/* Farthest point: until all are within the threshold of a kept one, or `most` are kept; radii
 * (NULL, or room for one an item): the distance of each kept one from those kept before it. */
redux_status rdx_k_centre(const rdx_group *group, double threshold, int64_t most, double *radii);
/* k-centre over all groups, with the budget altogether; *threshold: the distance of the farthest
 * dropped one from the kept ones. */
redux_status rdx_k_centre_budget(double *threshold, const rdx_judging *judging);
/* Whether `count` rows from `first` on are among `rows`. */
redux_status rdx_check_rows(int64_t first, int64_t count, int64_t rows);
/* Strategies with a budget of their own (judge_budget). */
redux_status rdx_hierarchical(double *threshold, const rdx_judging *judging);
redux_status rdx_density(double *threshold, const rdx_judging *judging);

/* How many members one cluster gives (density.c): between low and high, near to what is wanted. */
typedef struct rdx_share {
    double wanted, remainder;
    int64_t low, high, taken, number;
} rdx_share;
/* Whole numbers taken[i] within the bounds that sum to `total`, with the least sum of (taken[i] -
 * wanted[i])^2. The bounds must admit the total. */
void rdx_share_out(rdx_share *shares, int64_t count, int64_t total);

/* ---- against.c ---- */

/* Makes the base that the options ask for (against, update). */
redux_status rdx_base_open(redux_reduction *reduction, redux_context *context,
                           const redux_metric *metric, double threshold);
void rdx_base_close(rdx_base *base);

/* ---- manifest_read.c, manifest_options.c ---- */

/* NAME.csv -> NAME.exemplars; the caller frees *out. */
redux_status rdx_exemplars_path(char **out, redux_context *context, const char *manifest);
/* Whether a result can be updated with these options (defaults filled in). */
redux_status rdx_update_check(const redux_reduce_options *options);
/* And with this dataset, which must not repeat its sources. */
redux_status rdx_update_check_volumes(const redux_reduce_options *options, redux_context *context,
                                      const redux_dataset *dataset);

/* ---- options.c ---- */

/* Reads and checks the options, and fills in defaults that do not depend on the dataset. */
redux_status rdx_options_read(redux_reduce_options *known, const redux_reduce_options *given);
redux_status rdx_options_check(const redux_reduce_options *options);
void rdx_options_settle(redux_reduce_options *options);
/* The threshold of the strategy if none is given; NaN: it has none. */
double rdx_options_default_threshold(const redux_reduce_options *options);
/* Whether there are two stages; the strategy of the last one. */
static inline bool rdx_options_have_stages(const redux_reduce_options *options)
{
    return options->then != REDUX_STRATEGY_ALL;
}
static inline redux_strategy rdx_options_last(const redux_reduce_options *options)
{
    return rdx_options_have_stages(options) ? options->then : options->strategy;
}
/* Whether some stage has this feature. */
bool rdx_options_have(const redux_reduce_options *options, rdx_feature feature);
/* Whether images are resized to options.size from the start. */
bool rdx_options_resize(const redux_reduce_options *options);
redux_status rdx_embeddings_check(const redux_tensor *embeddings, int64_t slices);

/* ---- calibrate.c ---- */

/* The null distribution for the metric and stages of a stream. */
redux_status rdx_calibration_make(redux_calibration **out, rdx_stream *stream,
                                  const redux_metric *metric);

/* ---- budget.c ---- */

/* Finds the threshold of the budget for a greedy strategy (NaN: nothing need be dropped). */
redux_status rdx_budget_threshold(double *threshold, int32_t *is_exact, const rdx_judging *judging);
/* Keeps dropped rows again until the budget is kept, those with the weakest scores first. */
redux_status rdx_refill(const rdx_judging *judging, bool low_first);
/* Kept counts as the threshold falls, from all scores of n items: key of pair (i < j) at j (j - 1)
 * / 2 + i, greater is more similar. steps has room for 3 n; thresholds descend. */
typedef struct rdx_step {
    double key;
    int64_t change; /* of the number kept, from this key on downwards */
} rdx_step;
redux_status rdx_sweep(redux_context *context, const double *keys, int64_t n, rdx_step **steps,
                       int64_t *step_count, int64_t *step_capacity);

/* ---- manifest.c ---- */

/* Writes text to a callback and keeps the first failure. */
typedef struct rdx_writer {
    redux_write_fn write;
    void *user;
} rdx_writer;
redux_status rdx_write(const rdx_writer *writer, const char *text);
redux_status rdx_write_csv_field(const rdx_writer *writer, const char *text);
/* Runs `produce` into a file, whole or not at all. */
typedef redux_status (*rdx_produce_fn)(redux_context *context, const rdx_writer *writer,
                                       const void *user);
/* summary.c: `user` is a rdx_summary_request. */
typedef struct rdx_summary_request {
    const redux_reduction *reduction;
    double seconds;
} rdx_summary_request;
redux_status rdx_produce_summary(redux_context *context, const rdx_writer *writer,
                                 const void *user);
redux_status rdx_save(const char *path, redux_context *context, const char *mark,
                      rdx_produce_fn produce, const void *user);
/* The arrays of NAME.exemplars, an item an exemplar: checksums of their slices' names; features by
 * stage. */
#define RDX_EXEMPLAR_NAMES "names"
extern const char *const rdx_exemplar_keys[2];
uint32_t rdx_name_checksum(const rdx_name *name);

#endif
