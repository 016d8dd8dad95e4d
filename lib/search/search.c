/* SPDX-License-Identifier: MIT
 * Search with any metric: all pairs under a threshold, the k nearest.
 *
 * Rows are prepared once and kept if they take up to PREPARED_MAX bytes, else block by block,
 * again for each block of queries. So memory stays bounded, and preparing adds at most one part in
 * 512. A task is a tile of queries and a span of rows; its finds do not depend on the thread. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "metric/metric.h"

#define PREPARED_MAX ((size_t)1 << 30)
#define TILES_AT_ONCE 8 /* of queries, for several threads */

/* Prepared rows of a tensor: all of them, or one block at a time. */
typedef struct row_bank {
    redux_context *context;
    const redux_metric *metric;
    const rdx_layout *layout;
    const redux_tensor *items;
    int64_t rows, block; /* rows of the tensor; rows prepared at a time */
    char *prepared;
    int64_t start, count; /* what is prepared now */
} row_bank;

static redux_status bank_open(row_bank *bank, redux_context *context, const redux_metric *metric,
                              const rdx_layout *layout, const redux_tensor *items, int64_t most)
{
    void *block;
    memset(bank, 0, sizeof *bank);
    bank->context = context;
    bank->metric = metric;
    bank->layout = layout;
    bank->items = items;
    bank->rows = items->shape[0];
    const int64_t fit = (int64_t)(PREPARED_MAX / layout->item_bytes);
    bank->block = RDX_MAX(RDX_MIN(RDX_MIN(bank->rows, most), RDX_MAX(fit, RDX_BLOCK_ROWS)), 1);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)bank->block, layout->item_bytes));
    bank->prepared = block;
    return REDUX_OK;
}

static void bank_close(row_bank *bank)
{
    rdx_free(bank->prepared);
}

/* Prepares the block from row `start` on. */
static redux_status bank_seek(row_bank *bank, int64_t start)
{
    const int64_t count = RDX_MIN(bank->block, bank->rows - start);
    if (bank->count > 0 && bank->start == start)
        return REDUX_OK;
    bank->start = start;
    bank->count = count;
    return rdx_metric_prepare(bank->context, bank->metric, bank->layout, bank->items, start, count,
                              bank->prepared);
}

static const char *bank_row(const row_bank *bank, int64_t row)
{
    return bank->prepared + (size_t)(row - bank->start) * bank->layout->item_bytes;
}

static int64_t tile_of(const redux_metric *metric)
{
    return metric->ops->search_tile > 0 ? metric->ops->search_tile : metric->ops->tile;
}

/* Queries prepared at a time. */
static int64_t queries_of(const redux_metric *metric)
{
    return RDX_MAX(TILES_AT_ONCE * tile_of(metric), RDX_BLOCK_ROWS);
}

/* The finds of one tile of queries. */
typedef struct finds {
    redux_pair *pairs;
    int64_t count, capacity;
} finds;

typedef struct pairs_job {
    redux_context *context;
    const redux_metric *metric;
    const rdx_layout *layout;
    const row_bank *queries, *rows;
    double threshold;
    finds *finds; /* one a tile */
} pairs_job;

/* The room of a task: scratch of the metric, hits, thresholds. */
typedef struct workspace {
    void *scratch;
    rdx_hit *hits;
    double *thresholds;
} workspace;

static redux_status workspace_open(workspace *work, redux_context *context,
                                   const redux_metric *metric, const rdx_layout *layout)
{
    const size_t tile = (size_t)tile_of(metric);
    const size_t scratch = (layout->scratch_bytes + 63) / 64 * 64;
    const size_t hits = tile * RDX_BLOCK_ROWS * sizeof(rdx_hit);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, scratch + hits + tile * sizeof(double)));
    work->scratch = block;
    work->hits = (void *)((char *)block + scratch);
    work->thresholds = (void *)((char *)block + scratch + hits);
    return REDUX_OK;
}

static redux_status keep_hits(redux_context *context, finds *found, const rdx_hit *hits,
                              int64_t count, int64_t first_query, int64_t first_row)
{
    void *block = found->pairs;
    redux_status status = rdx_grow(context, &block, &found->capacity, found->count,
                                   found->count + count, sizeof *found->pairs);
    found->pairs = block;
    if (status != REDUX_OK)
        return status;
    for (int64_t i = 0; i < count; i++) {
        const int64_t second = first_query + hits[i].query, first = first_row + hits[i].row;
        if (first < second)
            found->pairs[found->count++] = (redux_pair){first, second, hits[i].score};
    }
    return REDUX_OK;
}

static redux_status pairs_task(int64_t index, void *user)
{
    const pairs_job *job = user;
    const int64_t tile = tile_of(job->metric), query = job->queries->start + index * tile;
    const int64_t queries = RDX_MIN(tile, job->queries->start + job->queries->count - query);
    const int64_t end = RDX_MIN(job->rows->start + job->rows->count, query + queries);
    redux_status status = REDUX_OK;
    workspace work;
    RDX_TRY(workspace_open(&work, job->context, job->metric, job->layout));
    for (int64_t q = 0; q < queries; q++)
        work.thresholds[q] = job->threshold;
    for (int64_t row = job->rows->start; row < end && status == REDUX_OK; row += RDX_BLOCK_ROWS) {
        const int64_t rows = RDX_MIN(RDX_BLOCK_ROWS, end - row);
        const int64_t found = rdx_hits(job->metric, job->layout, bank_row(job->rows, row), rows,
                                       bank_row(job->queries, query), queries, work.thresholds,
                                       work.hits, work.scratch);
        status = keep_hits(job->context, &job->finds[index], work.hits, found, query, row);
    }
    rdx_free(work.scratch);
    return status;
}

static int compare_pairs(const void *a, const void *b)
{
    const redux_pair *x = a, *y = b;
    if (x->second != y->second)
        return x->second < y->second ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static redux_status emit(finds *found, int64_t tiles, redux_pair_fn callback, void *user)
{
    for (int64_t t = 0; t < tiles; t++) {
        if (found[t].count > 1)
            qsort(found[t].pairs, (size_t)found[t].count, sizeof(redux_pair), compare_pairs);
        for (int64_t i = 0; i < found[t].count; i++)
            if (callback(&found[t].pairs[i], user) != 0)
                return rdx_fail(REDUX_E_CANCELLED, "cancelled by the callback");
        found[t].count = 0;
    }
    return REDUX_OK;
}

static redux_status pairs_of_block(pairs_job *job, row_bank *queries, row_bank *rows, int64_t start)
{
    const int64_t tile = tile_of(job->metric);
    RDX_TRY(bank_seek(queries, start));
    for (int64_t row = 0; row < start + queries->count; row += rows->block) {
        RDX_TRY(bank_seek(rows, row));
        RDX_TRY(rdx_parallel(job->context, (queries->count + tile - 1) / tile, pairs_task, job));
    }
    return REDUX_OK;
}

redux_status redux_metric_pairs(redux_context *context, const redux_metric *metric,
                                const redux_tensor *items, double threshold, redux_pair_fn found,
                                void *user)
{
    rdx_layout layout;
    row_bank queries = {0}, rows = {0};
    void *block = NULL;
    if (metric == NULL || found == NULL || isnan(threshold))
        return rdx_fail(REDUX_E_INVALID, "redux_metric_pairs: an argument is NULL or NaN");
    RDX_TRY(rdx_metric_layout(metric, items, &layout));
    const int64_t tile = tile_of(metric);
    const int64_t tiles = (queries_of(metric) + tile - 1) / tile;
    pairs_job job = {context, metric, &layout, &queries, &rows, threshold, NULL};
    redux_status status = rdx_alloc_zero(context, &block, (uint64_t)tiles, sizeof(finds));
    job.finds = block;
    if (status == REDUX_OK)
        status = bank_open(&queries, context, metric, &layout, items, queries_of(metric));
    if (status == REDUX_OK)
        status = bank_open(&rows, context, metric, &layout, items, INT64_MAX);
    rdx_progress_begin(context, items->shape[0]);
    for (int64_t start = 0; start < items->shape[0] && status == REDUX_OK; start += queries.block) {
        status = pairs_of_block(&job, &queries, &rows, start);
        if (status == REDUX_OK)
            status = emit(job.finds, tiles, found, user);
        if (status == REDUX_OK)
            status = rdx_progress_add(context, queries.count);
    }
    rdx_progress_begin(context, 0);
    for (int64_t t = 0; job.finds != NULL && t < tiles; t++)
        rdx_free(job.finds[t].pairs);
    rdx_free(job.finds);
    bank_close(&queries);
    bank_close(&rows);
    return status;
}

/* ---- nearest ---- */

typedef struct nearest_job {
    redux_context *context;
    const redux_metric *metric;
    const rdx_layout *layout;
    const row_bank *queries, *rows;
    int64_t k;
    int64_t *indices;
    double *scores;
} nearest_job;

/* Inserts a row into the sorted k best; among equal scores the lower index comes first. */
static void insert(const nearest_job *job, int64_t query, int64_t row, double score)
{
    int64_t *indices = job->indices + query * job->k;
    double *scores = job->scores + query * job->k;
    const int distance = job->metric->ops->is_distance;
    int64_t at = job->k;
    while (at > 0 &&
           (indices[at - 1] < 0 || (distance ? score < scores[at - 1] : score > scores[at - 1])))
        at--;
    if (at == job->k)
        return;
    memmove(indices + at + 1, indices + at, (size_t)(job->k - 1 - at) * sizeof *indices);
    memmove(scores + at + 1, scores + at, (size_t)(job->k - 1 - at) * sizeof *scores);
    indices[at] = row;
    scores[at] = score;
}

static double worst_of(const nearest_job *job, int64_t query)
{
    const int64_t last = query * job->k + job->k - 1;
    if (job->indices[last] >= 0)
        return job->scores[last];
    return job->metric->ops->is_distance ? (double)INFINITY : -(double)INFINITY;
}

static redux_status nearest_task(int64_t index, void *user)
{
    const nearest_job *job = user;
    const int64_t tile = tile_of(job->metric), query = job->queries->start + index * tile;
    const int64_t queries = RDX_MIN(tile, job->queries->start + job->queries->count - query);
    const int64_t end = job->rows->start + job->rows->count;
    workspace work;
    RDX_TRY(workspace_open(&work, job->context, job->metric, job->layout));
    for (int64_t row = job->rows->start; row < end; row += RDX_BLOCK_ROWS) {
        for (int64_t q = 0; q < queries; q++)
            work.thresholds[q] = worst_of(job, query + q);
        const int64_t found = rdx_hits(
            job->metric, job->layout, bank_row(job->rows, row), RDX_MIN(RDX_BLOCK_ROWS, end - row),
            bank_row(job->queries, query), queries, work.thresholds, work.hits, work.scratch);
        for (int64_t i = 0; i < found; i++)
            insert(job, query + work.hits[i].query, row + work.hits[i].row, work.hits[i].score);
    }
    rdx_free(work.scratch);
    return REDUX_OK;
}

redux_status redux_metric_nearest(int64_t *indices, double *scores, redux_context *context,
                                  const redux_metric *metric, const redux_tensor *queries,
                                  const redux_tensor *items, int64_t k)
{
    rdx_layout layout, other;
    row_bank left = {0}, right = {0};
    if (indices == NULL || scores == NULL || metric == NULL || k < 1)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_nearest: NULL, or k is %lld", (long long)k);
    RDX_TRY(rdx_metric_layout(metric, queries, &layout));
    RDX_TRY(rdx_metric_layout(metric, items, &other));
    if (!rdx_same_layout(&layout, &other))
        return rdx_fail(REDUX_E_INVALID, "%s: queries and items differ in shape or dtype",
                        metric->ops->name);
    for (int64_t i = 0; i < queries->shape[0] * k; i++) {
        indices[i] = -1;
        scores[i] = (double)NAN;
    }
    nearest_job job = {context, metric, &layout, &left, &right, k, indices, scores};
    const int64_t tile = tile_of(metric);
    redux_status status = bank_open(&left, context, metric, &layout, queries, queries_of(metric));
    if (status == REDUX_OK)
        status = bank_open(&right, context, metric, &layout, items, INT64_MAX);
    rdx_progress_begin(context, queries->shape[0]);
    for (int64_t start = 0; start < queries->shape[0] && status == REDUX_OK; start += left.block) {
        status = bank_seek(&left, start);
        for (int64_t row = 0; row < items->shape[0] && status == REDUX_OK; row += right.block) {
            status = bank_seek(&right, row);
            if (status == REDUX_OK)
                status = rdx_parallel(context, (left.count + tile - 1) / tile, nearest_task, &job);
        }
        if (status == REDUX_OK)
            status = rdx_progress_add(context, left.count);
    }
    rdx_progress_begin(context, 0);
    bank_close(&left);
    bank_close(&right);
    return status;
}
