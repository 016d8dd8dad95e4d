/* SPDX-License-Identifier: MIT
 * Searching an index: queries in batches, each batch in tiles on the context's threads, each tile
 * through tables or by a scan in blocks of rows. The finds of a query do not depend on any of
 * these: they are the best of all rows in one total order, by score, then by id. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "index.h"

#define BATCH 1024              /* queries prepared at a time */
#define FINDS_AT_ONCE (1 << 24) /* of a batch, roughly */

/* ---- the finds of a query ---- */

static bool worse(const rdx_top *finds, const rdx_neighbour *a, const rdx_neighbour *b)
{
    if (a->score != b->score)
        return finds->is_distance ? a->score > b->score : a->score < b->score;
    return a->id > b->id;
}

/* Puts `item` on top of the heap, and moves it down to its place. */
static void sift_down(rdx_top *finds, int64_t at, int64_t count, rdx_neighbour item)
{
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && worse(finds, &finds->found[child + 1], &finds->found[child]))
            child++;
        if (!worse(finds, &finds->found[child], &item))
            break;
        finds->found[at] = finds->found[child];
        at = child;
    }
    finds->found[at] = item;
}

static void sift_up(rdx_top *finds, int64_t at, rdx_neighbour item)
{
    while (at > 0 && worse(finds, &item, &finds->found[(at - 1) / 2])) {
        finds->found[at] = finds->found[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    finds->found[at] = item;
}

redux_status rdx_top_add(rdx_top *finds, int64_t id, double score)
{
    const rdx_neighbour item = {id, score};
    void *block = finds->found;
    if (finds->k > 0 && finds->count == finds->k) {
        if (!worse(finds, &finds->found[0], &item))
            return REDUX_OK;
        sift_down(finds, 0, finds->count, item);
        finds->threshold = finds->found[0].score;
        return REDUX_OK;
    }
    const redux_status status = rdx_grow(finds->context, &block, &finds->capacity, finds->count,
                                         finds->count + 1, sizeof(rdx_neighbour));
    finds->found = block;
    RDX_TRY(status);
    sift_up(finds, finds->count++, item);
    if (finds->count == finds->k)
        finds->threshold = finds->found[0].score;
    return REDUX_OK;
}

/* Sorts best first: moves the worst from the top of the heap to the end, repeatedly. */
static void sort_finds(rdx_top *finds)
{
    for (int64_t last = finds->count - 1; last > 0; last--) {
        const rdx_neighbour item = finds->found[last];
        finds->found[last] = finds->found[0];
        sift_down(finds, 0, last, item);
    }
}

/* ---- a batch ---- */

typedef struct batch {
    redux_context *context;
    redux_index *index;
    const rdx_index_tables *tables; /* NULL: scan */
    char *queries;                  /* prepared */
    int64_t count;
    int64_t tile; /* queries of one task */
    rdx_top *finds;
} batch;

/* Some queries and all rows, block by block; `open[i]` is the index of the i-th of them. */
typedef struct scan {
    const batch *b;
    const char *queries; /* one after the other */
    rdx_top *const *finds;
    int64_t count;
    double *thresholds;
    rdx_hit *hits;
    void *scratch;
} scan;

static redux_status scan_rows(const scan *s)
{
    const redux_index *index = s->b->index;
    for (int64_t start = 0; start < index->rows; start += RDX_BLOCK_ROWS) {
        const int64_t rows = RDX_MIN(RDX_BLOCK_ROWS, index->rows - start);
        for (int64_t q = 0; q < s->count; q++)
            s->thresholds[q] = s->finds[q]->threshold;
        const int64_t found =
            rdx_hits(&index->metric, &index->layout, rdx_index_row(index, start), rows, s->queries,
                     s->count, s->thresholds, s->hits, s->scratch);
        for (int64_t i = 0; i < found; i++) {
            const int64_t row = start + s->hits[i].row;
            if (rdx_index_alive(index, row))
                RDX_TRY(rdx_top_add(s->finds[s->hits[i].query], index->ids[row], s->hits[i].score));
        }
    }
    return REDUX_OK;
}

/* Memory of a scan in one block: scratch, hits, thresholds, queries, finds. */
static redux_status scan_some(const batch *b, const char *queries, rdx_top *const *finds,
                              int64_t count)
{
    const size_t scratch = (b->index->layout.scratch_bytes + 63) / 64 * 64;
    const size_t hits = (size_t)count * RDX_BLOCK_ROWS * sizeof(rdx_hit);
    void *block;
    if (count == 0)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(b->context, &block, 1, scratch + hits + (size_t)count * sizeof(double)));
    const scan s = {b,
                    queries,
                    finds,
                    count,
                    (double *)(void *)((char *)block + scratch + hits),
                    (rdx_hit *)(void *)((char *)block + scratch),
                    block};
    const redux_status status = scan_rows(&s);
    rdx_free(block);
    return status;
}

#define MOST_TILE 64
#define LEAST_TILE 16

/* A scan transposes or multiplies the rows for all queries of a task; walks through tables share
 * nothing. A few queries are spread over the threads all the same. */
static int64_t tile_of(const batch *b, int64_t queries)
{
    return b->tables != NULL ? LEAST_TILE : RDX_MAX(LEAST_TILE, RDX_MIN(queries / 8, MOST_TILE));
}

/* Queries first to first + count - 1, through tables if there are any. Those given up are moved
 * together and scanned. */
static redux_status search_tile(const batch *b, int64_t first, int64_t count)
{
    const size_t bytes = b->index->layout.item_bytes;
    char *queries = b->queries + (size_t)first * bytes;
    rdx_top *open[MOST_TILE];
    int64_t left = 0;
    for (int64_t q = 0; q < count; q++) {
        bool done = false;
        rdx_top *finds = &b->finds[first + q];
        if (b->tables != NULL)
            RDX_TRY(rdx_index_multi(&done, finds, b->index, b->tables,
                                    (const void *)(queries + (size_t)q * bytes)));
        if (done)
            continue;
        if (left != q)
            memcpy(queries + (size_t)left * bytes, queries + (size_t)q * bytes, bytes);
        open[left++] = finds;
    }
    return scan_some(b, queries, open, left);
}

static redux_status search_task(int64_t task, void *user)
{
    const batch *b = user;
    const int64_t first = task * b->tile, count = RDX_MIN(b->tile, b->count - first);
    RDX_TRY(search_tile(b, first, count));
    for (int64_t q = first; q < first + count; q++)
        sort_finds(&b->finds[q]);
    return rdx_progress_add(b->context, count);
}

/* ---- all queries ---- */

/* A search by one of the public functions. */
typedef struct search {
    redux_context *context;
    redux_index *index;
    const redux_tensor *queries;
    int64_t k;
    double threshold;
    int64_t *ids; /* nearest */
    double *scores;
    redux_index_found_fn found; /* within */
    void *user;
} search;

static redux_status hand_over(const search *s, const batch *b, int64_t first)
{
    for (int64_t q = 0; q < b->count; q++) {
        const rdx_top *finds = &b->finds[q];
        for (int64_t i = 0; i < finds->count; i++) {
            const rdx_neighbour *n = &finds->found[i];
            if (s->found == NULL) {
                s->ids[(first + q) * s->k + i] = n->id;
                s->scores[(first + q) * s->k + i] = n->score;
            } else if (s->found(first + q, n->id, n->score, s->user) != 0) {
                return rdx_fail(REDUX_E_CANCELLED, "cancelled by the callback");
            }
        }
    }
    return REDUX_OK;
}

static void reset(const search *s, batch *b, int64_t count)
{
    const int distance = redux_metric_is_distance(&s->index->metric);
    b->count = count;
    for (int64_t q = 0; q < count; q++) {
        b->finds[q].context = s->context;
        b->finds[q].count = 0;
        b->finds[q].k = s->k;
        b->finds[q].is_distance = distance;
        b->finds[q].threshold = s->k == 0  ? s->threshold
                                : distance ? (double)INFINITY
                                           : -(double)INFINITY;
    }
}

/* Tables do not help if all rows are wanted. */
static redux_status choose(const search *s, batch *b, int64_t queries)
{
    rdx_index_tables *tables = NULL;
    const int64_t most = s->index->layout.width * 8;
    if (s->k == 0 && s->threshold >= 0)
        RDX_TRY(rdx_index_tables_get(&tables, s->context, s->index, queries,
                                     s->threshold >= (double)most ? most : (int64_t)s->threshold));
    else if (s->k > 0 && s->k < redux_index_count(s->index))
        RDX_TRY(rdx_index_tables_get(&tables, s->context, s->index, queries, -1));
    b->tables = tables;
    return REDUX_OK;
}

static redux_status run_batches(const search *s, batch *b, int64_t size)
{
    const int64_t total = s->queries->shape[0];
    for (int64_t first = 0; first < total; first += size) {
        const int64_t count = RDX_MIN(size, total - first);
        RDX_TRY(choose(s, b, count));
        b->tile = tile_of(b, count);
        RDX_TRY(rdx_metric_prepare(s->context, &s->index->metric, &s->index->layout, s->queries,
                                   first, count, b->queries));
        reset(s, b, count);
        RDX_TRY(rdx_parallel(s->context, (count + b->tile - 1) / b->tile, search_task, b));
        RDX_TRY(hand_over(s, b, first));
    }
    return REDUX_OK;
}

static redux_status run(const search *s)
{
    const int64_t each = s->k > 0 ? RDX_MIN(s->k, s->index->rows) : s->index->rows;
    const int64_t fitting = FINDS_AT_ONCE / RDX_MAX(each, 1);
    const int64_t size =
        RDX_MIN(RDX_MAX(s->queries->shape[0], 1), RDX_MIN(RDX_MAX(fitting, 1), BATCH));
    batch b = {.context = s->context, .index = s->index};
    void *block = NULL;
    redux_status status = rdx_alloc_zero(s->context, &block, (uint64_t)size, sizeof(rdx_top));
    b.finds = block;
    if (status == REDUX_OK)
        status = rdx_alloc(s->context, &block, (uint64_t)size, s->index->layout.item_bytes);
    b.queries = status == REDUX_OK ? block : NULL;
    rdx_progress_begin(s->context, s->queries->shape[0]);
    if (status == REDUX_OK)
        status = run_batches(s, &b, size);
    rdx_progress_begin(s->context, 0);
    for (int64_t q = 0; b.finds != NULL && q < size; q++)
        rdx_free(b.finds[q].found);
    rdx_free(b.finds);
    rdx_free(b.queries);
    return status;
}

static redux_status check_queries(const redux_index *index, const redux_tensor *queries)
{
    rdx_layout layout;
    RDX_TRY(rdx_metric_layout(&index->metric, queries, &layout));
    if (!rdx_same_layout(&layout, &index->layout))
        return rdx_fail(REDUX_E_INVALID, "index: queries of %lld elements, not %lld",
                        (long long)layout.width, (long long)index->layout.width);
    return REDUX_OK;
}

redux_status redux_index_nearest(int64_t *ids, double *scores, redux_context *context,
                                 const redux_index *index, const redux_tensor *queries, int64_t k)
{
    if (ids == NULL || scores == NULL || index == NULL || k < 1)
        return rdx_fail(REDUX_E_INVALID, "redux_index_nearest: NULL, or k is %lld", (long long)k);
    RDX_TRY(check_queries(index, queries));
    for (int64_t i = 0; i < queries->shape[0] * k; i++) {
        ids[i] = -1;
        scores[i] = (double)NAN;
    }
    /* Searches make tables and count under a lock or atomically, so the index is constant to the
     * caller. */
    const search s = {.context = context,
                      .index = (redux_index *)index,
                      .queries = queries,
                      .k = k,
                      .ids = ids,
                      .scores = scores};
    return run(&s);
}

redux_status redux_index_within(redux_context *context, const redux_index *index,
                                const redux_tensor *queries, double threshold,
                                redux_index_found_fn found, void *user)
{
    if (index == NULL || found == NULL || isnan(threshold))
        return rdx_fail(REDUX_E_INVALID, "redux_index_within: an argument is NULL or NaN");
    RDX_TRY(check_queries(index, queries));
    const search s = {.context = context,
                      .index = (redux_index *)index,
                      .queries = queries,
                      .threshold = threshold,
                      .found = found,
                      .user = user};
    return run(&s);
}
