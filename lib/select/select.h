/* SPDX-License-Identifier: MIT
 * What the files of the reduction share. Internal.
 *
 *   walk.c       the order in which slices are visited, by group (volume or dataset)
 *   extract.c    one slice -> the item that a metric compares (hash, descriptor, image)
 *   stream.c     items of a group, in order, in bounded memory
 *   greedy.c     every slice held against the exemplars, at one threshold
 *   budget.c     the threshold that keeps at most N, and the refill
 *   reduce.c     options, strategies, the result
 *   manifest.c   the result as CSV;  summary.c as JSON;  export.c, contact_sheet.c as pictures */
#ifndef RDX_SELECT_H
#define RDX_SELECT_H

#include <pthread.h>
#include <redux/exemplars.h>
#include <redux/reduce.h>
#include "image/image.h"
#include "metric/hash.h"
#include "metric/metric.h"

#define RDX_DESCRIPTOR_LENGTH ((int64_t)REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE)

typedef struct rdx_skip {
    char *source, *reason;
} rdx_skip;

struct redux_reduction {
    const redux_dataset *dataset;
    redux_reduce_options options; /* in force: defaults filled in; embeddings not owned */
    bool has_embeddings;
    redux_reduce_summary summary;
    int64_t row_count;
    redux_row *rows;
    rdx_skip *skips;
    int64_t skip_count, skip_capacity;
};

/* One row a slice, in dataset order, undecided (reduce.c). */
redux_status rdx_fill_rows(redux_context *context, redux_reduction *reduction);

/* ---- walk.c ---- */

typedef struct rdx_walk {
    int64_t groups;
    int64_t *start; /* groups + 1 offsets into `rows` */
    int64_t *rows;  /* row numbers in the order of the walk */
} rdx_walk;

redux_status rdx_walk_init(rdx_walk *walk, redux_context *context,
                           const redux_reduction *reduction);
void rdx_walk_clear(rdx_walk *walk, redux_context *context);

/* ---- extract.c ---- */

typedef enum rdx_feature {
    RDX_FEATURE_NONE,       /* only that the slice can be read */
    RDX_FEATURE_HASH,       /* 8 bytes */
    RDX_FEATURE_DESCRIPTOR, /* `pixels`: 256 floats */
    RDX_FEATURE_ENTROPY,    /* one double, bits */
    RDX_FEATURE_IMAGE       /* the windowed slice */
} rdx_feature;

/* Working state for one slice after the other: the property of one thread. */
typedef struct rdx_extractor {
    redux_context *context;
    const redux_reduce_options *options;
    rdx_feature feature;
    rdx_hasher hasher;
    rdx_resizer resizer;
    redux_tensor windowed;
} rdx_extractor;

redux_status rdx_extractor_init(rdx_extractor *extractor, redux_context *context,
                                const redux_reduce_options *options, rdx_feature feature);
void rdx_extractor_clear(rdx_extractor *extractor);
/* Slice `slice` of an open volume into `item`. RDX_FEATURE_IMAGE: [height, width] of the window's
 * dtype: the slice itself if it has that shape, resized to it if `resize`; else *ragged is set and
 * nothing written. */
redux_status rdx_extract(rdx_extractor *extractor, void *item, const redux_volume *volume,
                         const redux_volume_info *info, int64_t slice, int64_t height,
                         int64_t width, bool resize, bool *ragged);

/* ---- stream.c ---- */

typedef struct rdx_stream {
    redux_context *context;
    redux_reduction *reduction;
    const rdx_walk *walk;
    rdx_feature feature;
    redux_tensor cache; /* [rows, ...] of small features, once rdx_stream_read has filled it */
    pthread_mutex_t skip_mutex;
} rdx_stream;

/* Reads every slice once: caches small features, or only checks (images are not cached). */
redux_status rdx_stream_open(rdx_stream *stream, redux_context *context, redux_reduction *reduction,
                             const rdx_walk *walk, rdx_feature feature);
void rdx_stream_close(rdx_stream *stream);
redux_status rdx_stream_read(rdx_stream *stream);
/* Items of a group in the order of the walk, some at a time: rows[i] is the row of items[i]. May be
 * called for several groups at once. *ragged: slices differ in size and `resize` is false. */
typedef redux_status (*rdx_consume_fn)(void *user, redux_context *context,
                                       const redux_tensor *items, const int64_t *rows);
redux_status rdx_stream_group(rdx_stream *stream, int64_t group, bool resize, bool *ragged,
                              rdx_consume_fn consume, void *user);

/* ---- greedy.c ---- */

/* Judges all rows at one threshold; returns how many are kept. */
redux_status rdx_greedy(int64_t *kept, rdx_stream *stream, const redux_metric *metric,
                        double threshold);

/* ---- budget.c ---- */

/* Finds the threshold of a budget for a greedy strategy (NaN: nothing need be dropped). */
redux_status rdx_budget_threshold(double *threshold, int32_t *is_exact, rdx_stream *stream,
                                  const redux_metric *metric, int64_t budget);
/* Keeps dropped rows again until `budget` are kept: those with the weakest score first. */
redux_status rdx_refill(redux_context *context, redux_reduction *reduction, const rdx_walk *walk,
                        int64_t budget, bool low_first);
/* Kept counts as the threshold falls, from all scores of n items: key of pair (i < j) at
 * j (j - 1) / 2 + i, greater is more alike. steps has room for 3 n; thresholds descend. */
typedef struct rdx_step {
    double key;
    int64_t change; /* of the number kept, from this key on downwards */
} rdx_step;
redux_status rdx_sweep(redux_context *context, const double *keys, int64_t n, rdx_step **steps,
                       int64_t *step_count, int64_t *step_capacity);

/* ---- manifest.c ---- */

/* Text that goes to a callback, with the first failure kept. */
typedef struct rdx_writer {
    redux_write_fn write;
    void *user;
} rdx_writer;
redux_status rdx_write(const rdx_writer *writer, const char *text);
redux_status rdx_write_csv_field(const rdx_writer *writer, const char *text);
/* Fewest digits that read back as `value`, with '.' in every locale. text: 32 bytes. */
void rdx_format_double(char *text, double value);
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
redux_status rdx_save(const char *path, redux_context *context, rdx_produce_fn produce,
                      const void *user);

#endif
