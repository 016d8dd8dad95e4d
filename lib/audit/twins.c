/* SPDX-License-Identifier: MIT
 * The twin of each slice among others: the same pixels, or what a hash proposes and the similarity
 * confirms. */
#include <math.h>
#include <stdlib.h>
#include "audit.h"

#define CERTAIN 0.97 /* no better twin is looked for */

/* A reference by the hash of its pixels. */
typedef struct pixels_row {
    uint64_t pixels;
    int64_t reference;
} pixels_row;

typedef struct twin_search {
    redux_context *context;
    const rdx_item *queries, *references;
    int64_t query_count, reference_count;
    const rdx_twins_options *options;
    rdx_candidates *among;
    pixels_row *by_pixels; /* sorted; of equal pixels two at most */
    int64_t pixels_count;
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

bool rdx_twins_may_be(const rdx_twins_options *options, const rdx_item *a, const rdx_item *b)
{
    return options->labels == NULL || options->labels[a->slice] != options->labels[b->slice];
}

/* ---- the same pixels ---- */

static int compare_pixels(const void *left, const void *right)
{
    const pixels_row *a = left, *b = right;
    if (a->pixels != b->pixels)
        return a->pixels < b->pixels ? -1 : 1;
    return (a->reference > b->reference) - (a->reference < b->reference);
}

/* Of equal pixels the first reference, and the first that may be a twin of that one: one of the two
 * is the first that may be a twin of any query. */
static void keep_first(twin_search *s)
{
    pixels_row *kept = s->by_pixels;
    int64_t count = 0;
    for (int64_t i = 0; i < s->pixels_count; i++) {
        const pixels_row row = s->by_pixels[i];
        const bool one = count > 0 && kept[count - 1].pixels == row.pixels;
        const bool two = one && count > 1 && kept[count - 2].pixels == row.pixels;
        if (!one || (!two && s->options->labels != NULL &&
                     rdx_twins_may_be(s->options, &s->references[kept[count - 1].reference],
                                      &s->references[row.reference])))
            kept[count++] = row;
    }
    s->pixels_count = count;
}

static redux_status sort_by_pixels(twin_search *s)
{
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)s->reference_count, sizeof(pixels_row)));
    s->by_pixels = block;
    for (int64_t i = 0; i < s->reference_count; i++)
        if (is_comparable(&s->references[i]))
            s->by_pixels[s->pixels_count++] = (pixels_row){pixels_of(&s->references[i]), i};
    qsort(s->by_pixels, (size_t)s->pixels_count, sizeof(pixels_row), compare_pixels);
    keep_first(s);
    return REDUX_OK;
}

/* The first reference with the same pixels that may be a twin, or -1. */
static int64_t find_same_pixels(const twin_search *s, const rdx_item *query)
{
    const uint64_t wanted = pixels_of(query);
    int64_t low = 0, high = s->pixels_count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (s->by_pixels[middle].pixels < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->pixels_count && s->by_pixels[low].pixels == wanted; low++)
        if (rdx_twins_may_be(s->options, query, &s->references[s->by_pixels[low].reference]))
            return s->by_pixels[low].reference;
    return -1;
}

/* ---- deciding ---- */

/* The better of a twin and a candidate. */
static redux_status judge(rdx_twin *twin, const twin_search *s, const rdx_item *item,
                          const rdx_candidate *candidate)
{
    const bool by_turn = candidate->row < REDUX_DIHEDRAL_COUNT;
    const int32_t turn = by_turn ? candidate->row : 0;
    const rdx_affine start =
        by_turn ? rdx_parts[candidate->part]
                : rdx_affine_inverse(&rdx_parts[candidate->row - REDUX_DIHEDRAL_COUNT + 1]);
    double score;
    RDX_TRY(rdx_similarity(&score, s->context, thumb_of(item), turn,
                           thumb_of(&s->references[candidate->reference]), &start,
                           fmax(s->options->threshold, twin->score)));
    if (score >= s->options->threshold && score > twin->score)
        *twin = (rdx_twin){candidate->reference, turn, RDX_MIN(score, 0.999999)};
    return REDUX_OK;
}

static redux_status decide(rdx_twin *twin, const twin_search *s, const rdx_item *item,
                           const rdx_candidate_list *list)
{
    const int64_t same = is_comparable(item) ? find_same_pixels(s, item) : -1;
    *twin = (rdx_twin){-1, 0, 0};
    if (same >= 0)
        *twin = (rdx_twin){same, 0, 1};
    for (int64_t i = 0; i < list->count && twin->score < CERTAIN; i++)
        RDX_TRY(judge(twin, s, item, &list->items[i]));
    return REDUX_OK;
}

static redux_status search_tile(int64_t tile, void *user)
{
    const twin_search *s = user;
    rdx_candidate_list *lists;
    int64_t first, count;
    RDX_TRY(
        rdx_candidates_find(&lists, &first, &count, s->among, s->queries, s->query_count, tile));
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        status = decide(&s->out[first + i], s, &s->queries[first + i], &lists[i]);
    rdx_free(lists);
    return status == REDUX_OK ? rdx_progress_add(s->context, count) : status;
}

/* ---- the whole ---- */

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
    rdx_progress_begin(context, query_count);
    redux_status status = sort_by_pixels(&s);
    if (status == REDUX_OK)
        status = rdx_candidates_new(&s.among, context, references, reference_count, options);
    if (status == REDUX_OK)
        status = rdx_parallel(context, rdx_candidates_tiles(query_count), search_tile, &s);
    rdx_candidates_free(s.among);
    rdx_free(s.by_pixels);
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
