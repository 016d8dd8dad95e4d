/* SPDX-License-Identifier: MIT
 * The twin of each slice among others: the same pixels, or what a hash proposes and the similarity
 * confirms.
 *
 * An index holds the codes of all parts of the references; queries look up the codes of their eight
 * turns in it. So a reference is found by a turned copy and by a crop. Where the query is the
 * larger one, its own parts are looked up among the whole references. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/index.h>
#include "audit.h"

#define BATCH 256 /* queries at a time */
#define RADIUS                                                                                     \
    108              /* bits of 256; unrelated slices are about 128 apart, the nearest of 1,000 at \
                        about 98 */
#define CERTAIN 0.97 /* no better twin is looked for */
#define ADD_AT_ONCE 1024

/* A reference, and how it may lie on the query. */
typedef struct candidate {
    int64_t reference;
    int32_t distance, turn;
    rdx_affine start;
} candidate;

typedef struct twin_search {
    redux_context *context;
    const rdx_item *queries, *references;
    int64_t query_count, reference_count;
    const rdx_twins_options *options;
    redux_index *parts, *wholes;
    int64_t *by_pixels; /* references sorted by the hash of their pixels */
    int64_t first;      /* of the batch */
    uint8_t (*turn_codes)[REDUX_DIHEDRAL_COUNT][REDUX_PDQ_BYTES]; /* [BATCH] */
    uint8_t (*part_codes)[RDX_PARTS][REDUX_PDQ_BYTES];            /* [BATCH] */
    int64_t *turn_ids, *part_ids; /* [BATCH, turns or parts, candidates] */
    double *turn_distances, *part_distances;
    rdx_twin *out;
} twin_search;

static uint64_t pixels_of(const rdx_item *item)
{
    return item->scan->slices[item->slice].pixels;
}

static const rdx_thumb *thumb_of(const rdx_item *item)
{
    return &item->scan->thumbs[item->slice];
}

static bool is_comparable(const rdx_item *item)
{
    return rdx_scan_comparable(item->scan, item->slice);
}

static bool same_group(const rdx_item *a, const rdx_item *b)
{
    return a->scan == b->scan && rdx_dataset_group_of(a->scan->dataset, a->slice) ==
                                     rdx_dataset_group_of(b->scan->dataset, b->slice);
}

/* ---- the same pixels ---- */

static int compare_pixels(const void *left, const void *right, void *user)
{
    const rdx_item *references = user;
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    const uint64_t x = pixels_of(&references[a]), y = pixels_of(&references[b]);
    if (x != y)
        return x < y ? -1 : 1;
    return (a > b) - (a < b);
}

static redux_status sort_by_pixels(twin_search *s)
{
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)s->reference_count, sizeof(int64_t)));
    s->by_pixels = block;
    for (int64_t i = 0; i < s->reference_count; i++)
        s->by_pixels[i] = i;
    qsort_r(s->by_pixels, (size_t)s->reference_count, sizeof(int64_t), compare_pixels,
            (void *)(uintptr_t)s->references);
    return REDUX_OK;
}

/* The first reference with the same pixels, or -1. */
static int64_t find_same_pixels(const twin_search *s, const rdx_item *query)
{
    const uint64_t wanted = pixels_of(query);
    int64_t low = 0, high = s->reference_count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (pixels_of(&s->references[s->by_pixels[middle]]) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->reference_count; low++) {
        const int64_t at = s->by_pixels[low];
        if (pixels_of(&s->references[at]) != wanted)
            return -1;
        if (is_comparable(&s->references[at]))
            return at;
    }
    return -1;
}

/* ---- the indexes ---- */

static redux_status add_codes(twin_search *s, const uint8_t *codes, const int64_t *ids,
                              int64_t count, redux_index *index)
{
    const int64_t shape[2] = {count, REDUX_PDQ_BYTES};
    redux_tensor items;
    if (count == 0)
        return REDUX_OK;
    RDX_TRY(redux_tensor_borrow(&items, (void *)(uintptr_t)codes, REDUX_UINT8, 2, shape, NULL));
    return redux_index_add(index, s->context, &items, ids);
}

/* Room for the codes of some references and their ids: RDX_PARTS times the reference plus the part.
 */
typedef struct batch {
    uint8_t (*wholes)[REDUX_PDQ_BYTES], (*parts)[REDUX_PDQ_BYTES];
    int64_t *whole_ids, *part_ids;
} batch;

static redux_status add_references(twin_search *s, const batch *b, int64_t first)
{
    const int64_t end = RDX_MIN(first + ADD_AT_ONCE, s->reference_count);
    int64_t wholes = 0, parts = 0;
    for (int64_t i = first; i < end; i++) {
        if (!is_comparable(&s->references[i]))
            continue;
        const rdx_thumb *thumb = thumb_of(&s->references[i]);
        memcpy(b->wholes[wholes], thumb->parts[0], REDUX_PDQ_BYTES);
        b->whole_ids[wholes++] = RDX_PARTS * i;
        memcpy(b->parts[parts], thumb->parts, sizeof thumb->parts);
        for (int64_t k = 0; k < RDX_PARTS; k++)
            b->part_ids[parts++] = RDX_PARTS * i + k;
    }
    RDX_TRY(add_codes(s, b->wholes[0], b->whole_ids, wholes, s->wholes));
    RDX_TRY(add_codes(s, b->parts[0], b->part_ids, parts, s->parts));
    return rdx_progress_poll(s->context);
}

static redux_status make_indexes(twin_search *s)
{
    const uint64_t rows = (uint64_t)ADD_AT_ONCE * (1 + RDX_PARTS);
    void *codes, *ids = NULL;
    RDX_TRY(redux_index_new(&s->parts, s->context, REDUX_PDQ_BYTES, NULL));
    RDX_TRY(redux_index_new(&s->wholes, s->context, REDUX_PDQ_BYTES, NULL));
    RDX_TRY(rdx_alloc(s->context, &codes, rows, REDUX_PDQ_BYTES));
    redux_status status = rdx_alloc(s->context, &ids, rows, sizeof(int64_t));
    batch b = {.wholes = codes, .whole_ids = ids};
    b.parts = b.wholes + ADD_AT_ONCE;
    if (status == REDUX_OK)
        b.part_ids = b.whole_ids + ADD_AT_ONCE;
    for (int64_t i = 0; i < s->reference_count && status == REDUX_OK; i += ADD_AT_ONCE)
        status = add_references(s, &b, i);
    rdx_free(ids);
    rdx_free(codes);
    return status;
}

/* ---- candidates ---- */

static void insert(candidate *list, int64_t *count, int64_t most, const candidate *found)
{
    int64_t at = 0;
    while (at < *count && list[at].reference != found->reference)
        at++;
    if (at == *count && *count < most) {
        (*count)++;
    } else if (at == *count) {
        at = most - 1;
        if (list[at].distance <= found->distance)
            return;
    } else if (list[at].distance <= found->distance) {
        return;
    }
    for (; at > 0 && list[at - 1].distance > found->distance; at--)
        list[at] = list[at - 1];
    list[at] = *found;
}

/* What a search found for one query: `rows` lists of as many candidates. With `parts_of_query` row
 * r is part r + 1 of the query, else turn r. */
static void collect(candidate *list, int64_t *count, const twin_search *s, int64_t query,
                    const int64_t *ids, const double *distances, int64_t rows, bool parts_of_query)
{
    const int64_t k = s->options->candidates;
    const rdx_item *item = &s->queries[s->first + query];
    for (int64_t i = query * rows * k; i < (query + 1) * rows * k; i++) {
        const int64_t row = i / k - query * rows;
        if (ids[i] < 0 || distances[i] > RADIUS)
            continue;
        const int64_t reference = ids[i] / RDX_PARTS, part = ids[i] % RDX_PARTS;
        candidate found = {reference, (int32_t)distances[i], 0, rdx_parts[part]};
        if (parts_of_query)
            found.start = rdx_affine_inverse(&rdx_parts[row + 1]);
        else
            found.turn = (int32_t)row;
        if (!s->options->other_groups || !same_group(item, &s->references[reference]))
            insert(list, count, k, &found);
    }
}

/* ---- deciding ---- */

static redux_status decide(int64_t query, void *user)
{
    const twin_search *s = user;
    const rdx_item *item = &s->queries[s->first + query];
    rdx_twin *twin = &s->out[s->first + query];
    candidate list[RDX_MOST_CANDIDATES];
    int64_t count = 0;
    *twin = (rdx_twin){-1, 0, 0};
    if (!is_comparable(item))
        return REDUX_OK;
    const int64_t same = find_same_pixels(s, item);
    if (same >= 0) {
        *twin = (rdx_twin){same, 0, 1};
        return REDUX_OK;
    }
    collect(list, &count, s, query, s->turn_ids, s->turn_distances, REDUX_DIHEDRAL_COUNT, false);
    collect(list, &count, s, query, s->part_ids, s->part_distances, RDX_PARTS - 1, true);
    for (int64_t i = 0; i < count && twin->score < CERTAIN; i++) {
        double score;
        RDX_TRY(rdx_similarity(&score, s->context, thumb_of(item), list[i].turn,
                               thumb_of(&s->references[list[i].reference]), &list[i].start,
                               fmax(s->options->threshold, twin->score)));
        if (score >= s->options->threshold && score > twin->score)
            *twin = (rdx_twin){list[i].reference, list[i].turn, RDX_MIN(score, 0.999999)};
    }
    return REDUX_OK;
}

static redux_status look_up(twin_search *s, const redux_index *index, const uint8_t *codes,
                            int64_t count, int64_t rows, int64_t stride, int64_t *ids,
                            double *distances)
{
    const int64_t shape[3] = {count, rows, REDUX_PDQ_BYTES};
    const int64_t strides[3] = {stride * REDUX_PDQ_BYTES, REDUX_PDQ_BYTES, 1};
    const int64_t flat[2] = {count * rows, REDUX_PDQ_BYTES};
    redux_tensor all, copy, list;
    RDX_TRY(redux_tensor_borrow(&all, (void *)(uintptr_t)codes, REDUX_UINT8, 3, shape, strides));
    RDX_TRY(redux_tensor_contiguous(&copy, s->context, &all, REDUX_UINT8));
    redux_status status = redux_tensor_borrow(&list, copy.data, REDUX_UINT8, 2, flat, NULL);
    if (status == REDUX_OK)
        status =
            redux_index_nearest(ids, distances, s->context, index, &list, s->options->candidates);
    redux_tensor_release(&copy);
    return status;
}

static redux_status search_batch(twin_search *s, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const rdx_thumb *thumb = thumb_of(&s->queries[s->first + i]);
        memcpy(s->turn_codes[i], thumb->turns, sizeof thumb->turns);
        memcpy(s->part_codes[i], thumb->parts, sizeof thumb->parts);
    }
    RDX_TRY(look_up(s, s->parts, s->turn_codes[0][0], count, REDUX_DIHEDRAL_COUNT,
                    REDUX_DIHEDRAL_COUNT, s->turn_ids, s->turn_distances));
    RDX_TRY(look_up(s, s->wholes, s->part_codes[0][1], count, RDX_PARTS - 1, RDX_PARTS, s->part_ids,
                    s->part_distances));
    return rdx_parallel(s->context, count, decide, s);
}

/* The searches of the index count queries of their own, so the bar is held meanwhile. */
static redux_status search_all(twin_search *s)
{
    redux_status status = REDUX_OK;
    for (s->first = 0; s->first < s->query_count && status == REDUX_OK; s->first += BATCH) {
        const int64_t count = RDX_MIN(BATCH, s->query_count - s->first);
        rdx_progress_hold(s->context, true);
        status = search_batch(s, count);
        rdx_progress_hold(s->context, false);
        rdx_progress_begin(s->context, s->query_count);
        if (status == REDUX_OK)
            status = rdx_progress_add(s->context, s->first + count);
    }
    return status;
}

/* ---- the whole ---- */

static redux_status open_search(twin_search *s)
{
    const uint64_t k = (uint64_t)s->options->candidates;
    const uint64_t turns = REDUX_DIHEDRAL_COUNT, parts = RDX_PARTS;
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, BATCH, sizeof *s->turn_codes));
    s->turn_codes = block;
    RDX_TRY(rdx_alloc(s->context, &block, BATCH, sizeof *s->part_codes));
    s->part_codes = block;
    RDX_TRY(rdx_alloc(s->context, &block, BATCH * (turns + parts) * k, sizeof(int64_t)));
    s->turn_ids = block;
    s->part_ids = s->turn_ids + (int64_t)(BATCH * turns * k);
    RDX_TRY(rdx_alloc(s->context, &block, BATCH * (turns + parts) * k, sizeof(double)));
    s->turn_distances = block;
    s->part_distances = s->turn_distances + (int64_t)(BATCH * turns * k);
    RDX_TRY(sort_by_pixels(s));
    return make_indexes(s);
}

static void close_search(twin_search *s)
{
    rdx_free(s->turn_codes);
    rdx_free(s->part_codes);
    rdx_free(s->turn_ids);
    rdx_free(s->turn_distances);
    rdx_free(s->by_pixels);
    redux_index_free(s->parts);
    redux_index_free(s->wholes);
}

redux_status rdx_twins(rdx_twin *out, redux_context *context, const rdx_item *queries,
                       int64_t query_count, const rdx_item *references, int64_t reference_count,
                       const rdx_twins_options *options)
{
    twin_search s = {.context = context,
                     .queries = queries,
                     .references = references,
                     .query_count = query_count,
                     .reference_count = reference_count,
                     .options = options,
                     .out = out};
    redux_status status = open_search(&s);
    if (status == REDUX_OK)
        status = search_all(&s);
    close_search(&s);
    rdx_progress_begin(context, 0);
    return status;
}

redux_status rdx_twins_check(const rdx_twins_options *options, const char *name)
{
    if (options->threshold > 0 && options->threshold <= 1 && options->candidates >= 1 &&
        options->candidates <= RDX_MOST_CANDIDATES)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID,
                    "%s: threshold %g is not within 0 ... 1, or candidates %d not within 1 ... %d",
                    name, options->threshold, (int)options->candidates, RDX_MOST_CANDIDATES);
}

redux_status redux_audit_similarity(double *out, int32_t *turn, redux_context *context,
                                    const redux_scan *scan, int64_t slice, const redux_scan *other,
                                    int64_t other_slice)
{
    const rdx_twins_options options = {.threshold = 1e-9, .candidates = 1};
    const rdx_item query = {scan, slice}, reference = {other, other_slice};
    rdx_twin twin;
    if (out == NULL || scan == NULL || other == NULL || slice < 0 || slice >= scan->count ||
        other_slice < 0 || other_slice >= other->count)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_similarity: NULL, or no such slice");
    RDX_TRY(rdx_twins(&twin, context, &query, 1, &reference, 1, &options));
    *out = twin.score;
    if (turn != NULL)
        *turn = twin.turn;
    return REDUX_OK;
}
