/* SPDX-License-Identifier: MIT
 * The parts of a metric that search and reduction use. Internal.
 *
 * A metric turns each item once into its prepared form, a block of `layout.item_bytes` bytes
 * (everything that can be computed from one item alone), and then compares prepared items.
 * Prepared items are contiguous, so the kept ones of a reduction are one growing array. */
#ifndef RDX_METRIC_H
#define RDX_METRIC_H

#include <redux/metric.h>
#include "base/base.h"
#include "base/fftw.h"

/* The most rows that `hits` gets at a time. */
#define RDX_BLOCK_ROWS 512
/* Bytes of doubles behind the floats of a vector prepared for cosine similarity. */
#define RDX_COSINE_TAIL 64

/* How items of one shape and dtype are prepared. */
typedef struct rdx_layout {
    redux_dtype dtype;
    int64_t height, width; /* of an image; codes and vectors: 1 x elements */
    size_t item_bytes;     /* of one prepared item; a multiple of 8, of 64 for images and vectors */
    size_t scratch_bytes;  /* working memory of `prepare` and `score`, aligned to 64 bytes */
    const struct rdx_layout *parts; /* of two stages, one after the other; NULL: one */
} rdx_layout;

typedef struct rdx_hit {
    int32_t query, row; /* within their blocks */
    double score;
} rdx_hit;

/* The relation of a pair at a threshold. */
typedef enum rdx_verdict {
    RDX_DIFFERENT, /* by its score */
    RDX_HOPELESS,  /* by a bound, before its score was computed */
    RDX_REDUNDANT
} rdx_verdict;

/* How pairs were decided, if they are judged one by one. */
typedef struct rdx_tally {
    int64_t compared, skipped; /* by score; by a bound */
} rdx_tally;

typedef struct rdx_metric_ops {
    const char *name;
    int is_distance;
    int32_t item_axes; /* 1 for codes and vectors, 2 for images */
    /* Fills in item_bytes and scratch_bytes from dtype, height and width; refuses a dtype. */
    redux_status (*layout)(const redux_metric *metric, rdx_layout *layout);
    /* Refuses an item, as `prepare` takes it, for a value out of range. NULL: takes any. */
    redux_status (*check)(const redux_metric *metric, const rdx_layout *layout, const void *item);
    /* item: C-contiguous pixels or elements, of the layout's shape and dtype. */
    void (*prepare)(const redux_metric *metric, const rdx_layout *layout, const void *item,
                    void *prepared, void *scratch);
    /* The score of two prepared items; symmetric to the bit, unless the metric's constructor says
     * otherwise: then `a` is the kept or earlier one. */
    double (*score)(const redux_metric *metric, const rdx_layout *layout, const void *a,
                    const void *b, void *scratch);
    /* Whether two prepared items are redundant, exactly as by `score`, and their score if they are.
     * May stop early if they cannot be. NULL: by `score`. */
    rdx_verdict (*judge)(const redux_metric *metric, const rdx_layout *layout, const void *a,
                         const void *b, double threshold, double *score, void *scratch);
    /* The same bits, for a prepared item and one as `prepare` takes it, if that is quicker; or
     * NULL. */
    double (*score_fresh)(const redux_metric *metric, const rdx_layout *layout, const void *a,
                          const void *item, void *scratch);
    /* For each of `count` candidates the first of the `kept` prepared items that is redundant with
     * it, or -1, and the score. NULL: by `score`, one pair after the other. */
    void (*first_redundant)(const redux_metric *metric, const rdx_layout *layout, const void *kept,
                            int64_t kept_count, const void *candidates, int64_t count,
                            double threshold, int64_t *first, double *scores, void *scratch);
    /* All pairs of a row of `many` and a query that are redundant at the query's own threshold,
     * into `hits` (room for count * query_count), by query, then by row; returns how many. NULL: by
     * `score`. */
    int64_t (*hits)(const redux_metric *metric, const rdx_layout *layout, const void *many,
                    int64_t count, const void *queries, int64_t query_count,
                    const double *thresholds, rdx_hit *hits, void *scratch);
    /* The candidates of one task of a parallel scan: 1 for images, more if a block shares the
     * reading of the kept ones. */
    int64_t tile;
    /* The same for queries of a search, which do not wait for each other. 0: `tile`. */
    int64_t search_tile;
} rdx_metric_ops;

struct redux_metric {
    const rdx_metric_ops *ops;
    redux_histogram_options histogram;
    redux_ssim_options ssim;
    redux_ms_ssim_options ms_ssim;
    redux_mattes_options mattes;
    redux_phase_options phase;
    rdx_fft_plans *plans;       /* phase correlation: of the sizes in use */
    int64_t *xlog2x;            /* mutual information: terms of small counts (kernels/xlog2x.h) */
    rdx_metric_ops own_ops;     /* custom.c, two_stage.c: the target of `ops` */
    redux_custom_metric custom; /* custom.c */
    const redux_metric *stages[2]; /* two_stage.c; not owned */
    double proposal;               /* two_stage.c: threshold of the first stage */
};

extern const rdx_metric_ops rdx_hamming_ops, rdx_cosine_ops, rdx_ssim_ops,
    rdx_mutual_information_ops, rdx_conditional_entropy_ops, rdx_mattes_ops, rdx_ms_ssim_ops,
    rdx_phase_correlation_ops;
/* Hamming distance of two codes as they are, aligned or not. */
int32_t rdx_hamming_bytes(const uint8_t *a, const uint8_t *b, int64_t bytes);

/* Checks options against the metric's rules and fills in defaults (NULL: all of them). */
redux_status rdx_histogram_read_options(redux_histogram_options *known,
                                        const redux_histogram_options *given);
redux_status rdx_ssim_read_options(redux_ssim_options *known, const redux_ssim_options *given);
/* The table for redux_metric.xlog2x (mutual_information.c). */
redux_status rdx_mutual_information_table(redux_context *context, int64_t **out);

/* metric.c */
static inline bool rdx_same_layout(const rdx_layout *a, const rdx_layout *b)
{
    return a->dtype == b->dtype && a->height == b->height && a->width == b->width;
}
redux_status rdx_metric_make(redux_metric **out, redux_context *context, const rdx_metric_ops *ops);
/* The layout of items: `items` with its first axis ([N, ...]); checks rank and dtype. */
redux_status rdx_metric_layout(const redux_metric *metric, const redux_tensor *items,
                               rdx_layout *layout);
/* Prepares rows first ... first + count - 1 of `items`, in parallel, into `prepared`, one after the
 * other or `stride` bytes apart. */
redux_status rdx_metric_prepare(redux_context *context, const redux_metric *metric,
                                const rdx_layout *layout, const redux_tensor *items, int64_t first,
                                int64_t count, void *prepared);
redux_status rdx_metric_prepare_apart(redux_context *context, const redux_metric *metric,
                                      const rdx_layout *layout, const redux_tensor *items,
                                      int64_t first, int64_t count, void *prepared, size_t stride);
static inline bool rdx_is_redundant(const redux_metric *metric, double score, double threshold)
{
    return metric->ops->is_distance ? score <= threshold : score >= threshold;
}

/* two_stage.c: a pair is redundant when a cheap metric proposes it and another one agrees. */

/* The metric of both. A pair that `first` proposes at `proposal` gets the score of `second`; any
 * other gets the worst score. Neither is owned. Items come as one tensor a stage, so only
 * rdx_stages_* and their users take it. */
redux_status rdx_two_stage_new(redux_metric **out, redux_context *context,
                               const redux_metric *first, double proposal,
                               const redux_metric *second);
/* 1, or 2 for a metric of two stages. */
int rdx_stage_count(const redux_metric *metric);
/* The layout of items given as one tensor a stage. `parts` has room for two and must not move while
 * the layout is used. */
redux_status rdx_stages_layout(const redux_metric *metric, const redux_tensor *items,
                               rdx_layout *layout, rdx_layout *parts);
bool rdx_stages_same(const rdx_layout *a, const rdx_layout *b);
redux_status rdx_stages_prepare(redux_context *context, const redux_metric *metric,
                                const rdx_layout *layout, const redux_tensor *items, int64_t first,
                                int64_t count, void *prepared);

/* Compares one prepared item with `count` others, `stride` bytes apart, in parallel. If `open` is
 * not NULL, only those with open[i] are scored. The one is the first argument of `score`. */
redux_status rdx_score_many(redux_context *context, const redux_metric *metric,
                            const rdx_layout *layout, const void *one, const void *many,
                            int64_t count, const uint8_t *open, double *scores);

/* `judge` or its default. *score: only of a redundant pair. */
rdx_verdict rdx_judge(const redux_metric *metric, const rdx_layout *layout, const void *a,
                      const void *b, double threshold, double *score, void *scratch);
static inline void rdx_tally_add(rdx_tally *tally, rdx_verdict verdict)
{
    tally->compared += verdict != RDX_HOPELESS;
    tally->skipped += verdict == RDX_HOPELESS;
}
/* first_redundant and hits, or their defaults. Metrics that compare blocks do not count. */
void rdx_first_redundant(const redux_metric *metric, const rdx_layout *layout, const void *kept,
                         int64_t kept_count, const void *candidates, int64_t count,
                         double threshold, int64_t *first, double *scores, void *scratch,
                         rdx_tally *tally);
int64_t rdx_hits(const redux_metric *metric, const rdx_layout *layout, const void *many,
                 int64_t count, const void *queries, int64_t query_count, const double *thresholds,
                 rdx_hit *hits, void *scratch);

#endif
