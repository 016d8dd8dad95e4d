/* SPDX-License-Identifier: MIT
 * What a hash proposes as twins of a slice: the references with the nearest codes.
 *
 * References have the codes of all their parts; queries look up those of their eight turns. So a
 * reference is found by a turned copy and by a crop. Where the query is the larger one, its own
 * parts are looked up among the whole references.
 *
 * Neighbours in a series are alike, so codes are kept in runs: each code of a run lies within
 * `spread` bits of the first one, its leader. By the triangle inequality two codes within r bits of
 * each other have leaders within r + 2 spread bits. So leaders are compared first, those of the
 * queries with those of the references, and nothing near is missed. */
#include <string.h>
#include "audit.h"
#include "kernels/kernels.h"
#include "metric/metric.h"

#define RADIUS                                                                                     \
    108 /* bits of 256; unrelated slices are about 128 apart, the nearest of 1,000 at              \
           about 98 */
#define VERY_LIKE 0.9 /* a similarity, from which on */
#define NEAR 80       /* codes are nearer: of 1,600 planted twins one was farther apart */
#define UNRELATED 112 /* leaders nearer than this are few: runs may be so wide */
#define WORDS (REDUX_PDQ_BYTES / 8)
#define TILE 16 /* queries of one task */
#define ROWS (REDUX_DIHEDRAL_COUNT + RDX_PARTS - 1)

typedef struct code {
    uint64_t word[WORDS];
} code;

struct rdx_candidates {
    redux_context *context;
    const rdx_item *references;
    rdx_twins_options options;
    int64_t radius, spread;
    int64_t slices;      /* references that can be compared, */
    int64_t *slice;      /* and which they are */
    code *codes;         /* [RDX_PARTS, slices] */
    int64_t runs, whole; /* all, and those of whole references, which come first */
    code *leaders;       /* of runs */
    int64_t *starts;     /* [runs + 1] */
    redux_metric *metric;
    rdx_layout layout;
};

/* Consecutive queries of a tile whose codes lie within the spread of the first one's. */
typedef struct query_run {
    int32_t row, first, count;
} query_run;

/* Some queries. Codes are by row: of each turn, then of each part but the whole. */
typedef struct tile {
    const rdx_candidates *among;
    const rdx_item *queries;
    int64_t count; /* of those that can be compared */
    int64_t query[TILE];
    code codes[ROWS][TILE];
    code leaders[ROWS * TILE];
    query_run runs[ROWS * TILE];
    double thresholds[ROWS * TILE];
    rdx_candidate_list *lists; /* of all queries */
    rdx_hit *hits;
    void *scratch;
} tile;

static const rdx_thumb *thumb_of(const rdx_item *item)
{
    return &item->scan->thumbs[item->slice];
}

static bool is_comparable(const rdx_item *item)
{
    return rdx_scan_comparable(item->scan, item->slice);
}

static int64_t distance(const code *a, const code *b)
{
    return rdx_kernels_get()->hamming_distance(a->word, b->word, WORDS);
}

/* ---- runs of references ---- */

static redux_status allocate(rdx_candidates *c)
{
    const uint64_t codes = RDX_PARTS * (uint64_t)c->slices;
    void *block;
    RDX_TRY(rdx_alloc(c->context, &block, codes, sizeof(code)));
    c->codes = block;
    RDX_TRY(rdx_alloc(c->context, &block, codes, sizeof(code)));
    c->leaders = block;
    RDX_TRY(rdx_alloc(c->context, &block, codes + 1, sizeof(int64_t)));
    c->starts = block;
    return REDUX_OK;
}

static redux_status list_slices(rdx_candidates *c, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc(c->context, &block, (uint64_t)count, sizeof(int64_t)));
    c->slice = block;
    for (int64_t i = 0; i < count; i++)
        if (is_comparable(&c->references[i]))
            c->slice[c->slices++] = i;
    return allocate(c);
}

/* The codes of one part, in the order of the references. */
static void add_part(rdx_candidates *c, int part)
{
    code *codes = c->codes + part * c->slices;
    for (int64_t i = 0; i < c->slices; i++) {
        memcpy(&codes[i], thumb_of(&c->references[c->slice[i]])->parts[part], REDUX_PDQ_BYTES);
        if (i == 0 || distance(&codes[i], &c->leaders[c->runs - 1]) > c->spread) {
            c->starts[c->runs] = part * c->slices + i;
            c->leaders[c->runs++] = codes[i];
        }
    }
    c->starts[c->runs] = (part + 1) * c->slices;
    if (part == 0)
        c->whole = c->runs;
}

static redux_status make_metric(rdx_candidates *c)
{
    uint8_t none[REDUX_PDQ_BYTES];
    const int64_t shape[2] = {1, REDUX_PDQ_BYTES};
    redux_tensor item;
    RDX_TRY(redux_metric_new_hamming(&c->metric, c->context));
    RDX_TRY(redux_tensor_borrow(&item, none, REDUX_UINT8, 2, shape, NULL));
    return rdx_metric_layout(c->metric, &item, &c->layout);
}

static redux_status fill(rdx_candidates *c, int64_t count)
{
    RDX_TRY(list_slices(c, count));
    RDX_TRY(make_metric(c));
    for (int part = 0; part < RDX_PARTS; part++) {
        add_part(c, part);
        RDX_TRY(rdx_progress_poll(c->context));
    }
    return REDUX_OK;
}

redux_status rdx_candidates_new(rdx_candidates **out, redux_context *context,
                                const rdx_item *references, int64_t count,
                                const rdx_twins_options *options)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(rdx_candidates)));
    rdx_candidates *c = block;
    c->context = context;
    c->references = references;
    c->options = *options;
    c->radius = options->threshold >= VERY_LIKE ? NEAR : RADIUS;
    c->spread = (UNRELATED - c->radius) / 2;
    const redux_status status = fill(c, count);
    if (status != REDUX_OK) {
        rdx_candidates_free(c);
        return status;
    }
    *out = c;
    return REDUX_OK;
}

void rdx_candidates_free(rdx_candidates *candidates)
{
    if (candidates == NULL)
        return;
    redux_metric_free(candidates->metric);
    rdx_free(candidates->slice);
    rdx_free(candidates->codes);
    rdx_free(candidates->leaders);
    rdx_free(candidates->starts);
    rdx_free(candidates);
}

/* ---- the list of a query ---- */

/* One order of all, so that the list does not depend on the order of the search. */
static bool precedes(const rdx_candidate *a, const rdx_candidate *b)
{
    if (a->distance != b->distance)
        return a->distance < b->distance;
    if (a->row != b->row)
        return a->row < b->row;
    return a->reference != b->reference ? a->reference < b->reference : a->part < b->part;
}

/* The farthest that a candidate may be. */
static int64_t limit_of(const rdx_candidates *c, const rdx_candidate_list *list)
{
    return list->count < c->options.candidates
               ? c->radius
               : RDX_MIN(c->radius, list->items[list->count - 1].distance);
}

/* Each reference once, by its nearest code. */
static void insert(rdx_candidate_list *list, int64_t most, const rdx_candidate *found)
{
    int64_t at = 0;
    while (at < list->count && list->items[at].reference != found->reference)
        at++;
    if (at < list->count && !precedes(found, &list->items[at]))
        return;
    if (at == list->count && list->count < most)
        list->count++;
    else if (at == list->count)
        at = most - 1;
    for (; at > 0 && precedes(found, &list->items[at - 1]); at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = *found;
}

static bool same_group(const rdx_item *a, const rdx_item *b)
{
    return a->scan == b->scan && rdx_dataset_group_of(a->scan->dataset, a->slice) ==
                                     rdx_dataset_group_of(b->scan->dataset, b->slice);
}

static void consider(const tile *t, int64_t query, const rdx_candidate *found)
{
    const rdx_candidates *c = t->among;
    const rdx_item *item = &t->queries[query], *other = &c->references[found->reference];
    rdx_candidate_list *list = &t->lists[query];
    const int64_t most = c->options.candidates;
    if (list->count == most && !precedes(found, &list->items[most - 1]))
        return;
    if (rdx_twins_may_be(&c->options, item, other) &&
        !(c->options.other_groups && same_group(item, other)))
        insert(list, most, found);
}

/* ---- a tile ---- */

static void load_queries(tile *t, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        t->lists[i].count = 0;
        if (!is_comparable(&t->queries[i]))
            continue;
        const rdx_thumb *thumb = thumb_of(&t->queries[i]);
        for (int row = 0; row < ROWS; row++)
            memcpy(&t->codes[row][t->count],
                   row < REDUX_DIHEDRAL_COUNT ? thumb->turns[row]
                                              : thumb->parts[row - REDUX_DIHEDRAL_COUNT + 1],
                   REDUX_PDQ_BYTES);
        t->query[t->count++] = i;
    }
}

/* Runs of the queries in rows first to end - 1; returns how many. */
static int64_t group_queries(tile *t, int first, int end)
{
    int64_t runs = 0;
    for (int row = first; row < end; row++)
        for (int32_t q = 0; q < t->count; q++) {
            const code *own = &t->codes[row][q];
            if (q == 0 || distance(own, &t->leaders[runs - 1]) > t->among->spread) {
                t->leaders[runs] = *own;
                t->runs[runs++] = (query_run){row, q, 0};
            }
            t->runs[runs - 1].count++;
        }
    return runs;
}

/* All queries of one run with all codes of one run of references. */
static void compare_runs(const tile *t, const query_run *run, int64_t other)
{
    const rdx_candidates *c = t->among;
    for (int32_t q = run->first; q < run->first + run->count; q++) {
        const code *own = &t->codes[run->row][q];
        const rdx_candidate_list *list = &t->lists[t->query[q]];
        if (distance(own, &c->leaders[other]) > limit_of(c, list) + c->spread)
            continue;
        for (int64_t i = c->starts[other]; i < c->starts[other + 1]; i++) {
            const int64_t bits = distance(own, &c->codes[i]);
            const rdx_candidate found = {c->slice[i % c->slices], (int32_t)bits, run->row,
                                         (int32_t)(i / c->slices)};
            if (bits <= limit_of(c, list))
                consider(t, t->query[q], &found);
        }
    }
}

/* How far the leaders of a run's twins may be from its own. */
static double threshold_of(const tile *t, const query_run *run)
{
    int64_t most = 0;
    for (int32_t q = run->first; q < run->first + run->count; q++)
        most = RDX_MAX(most, limit_of(t->among, &t->lists[t->query[q]]));
    return (double)(most + 2 * t->among->spread);
}

static void search_rows(tile *t, int first, int end, int64_t others)
{
    const rdx_candidates *c = t->among;
    const int64_t runs = group_queries(t, first, end);
    for (int64_t start = 0; start < others; start += RDX_BLOCK_ROWS) {
        for (int64_t r = 0; r < runs; r++)
            t->thresholds[r] = threshold_of(t, &t->runs[r]);
        const int64_t count = RDX_MIN(RDX_BLOCK_ROWS, others - start);
        const int64_t found = rdx_hits(c->metric, &c->layout, c->leaders + start, count, t->leaders,
                                       runs, t->thresholds, t->hits, t->scratch);
        for (int64_t h = 0; h < found; h++)
            compare_runs(t, &t->runs[t->hits[h].query], start + t->hits[h].row);
    }
}

/* ---- all queries ---- */

int64_t rdx_candidates_tiles(int64_t queries)
{
    return (queries + TILE - 1) / TILE;
}

redux_status rdx_candidates_find(rdx_candidate_list **out, int64_t *first, int64_t *count,
                                 const rdx_candidates *among, const rdx_item *queries,
                                 int64_t query_count, int64_t number)
{
    const size_t lists = (TILE * sizeof(rdx_candidate_list) + 63) / 64 * 64;
    const size_t scratch = (among->layout.scratch_bytes + 63) / 64 * 64;
    const size_t hits = REDUX_DIHEDRAL_COUNT * TILE * RDX_BLOCK_ROWS * sizeof(rdx_hit);
    void *block;
    *first = number * TILE;
    *count = RDX_MIN(TILE, query_count - *first);
    RDX_TRY(rdx_alloc(among->context, &block, 1, lists + scratch + hits + sizeof(tile)));
    *out = block;
    tile *t = (tile *)(void *)((char *)block + lists + scratch + hits);
    t->among = among;
    t->queries = queries + *first;
    t->count = 0;
    t->lists = block;
    t->scratch = (char *)block + lists;
    t->hits = (rdx_hit *)(void *)((char *)block + lists + scratch);
    load_queries(t, *count);
    search_rows(t, 0, REDUX_DIHEDRAL_COUNT, among->runs);
    search_rows(t, REDUX_DIHEDRAL_COUNT, ROWS, among->whole);
    return REDUX_OK;
}
