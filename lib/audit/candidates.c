/* SPDX-License-Identifier: MIT
 * What a hash proposes as twins of a slice: the references with the nearest codes.
 *
 * References have the codes of all their parts; queries look up those of their eight turns. So a
 * reference is found by a turned copy and by a crop. Where the query is the larger one, its own
 * parts are looked up among the whole references.
 *
 * Unrelated codes already differ in the 64 bits of the lowest frequencies, which edits change
 * least: these are a sketch, and codes are compared where the sketches are near. */
#include <string.h>
#include "audit.h"
#include "kernels/kernels.h"

/* Bits of 256 by which codes may differ, and bits of 64 by which sketches may. Unrelated slices are
 * about 128 apart, the nearest of 1,000 at about 98. */
#define RADIUS 108
#define SKETCH_RADIUS 26 /* of 3,200 pairs at a similarity of 0.64 and more, 25 was the most */
/* From a similarity of VERY_LIKE on: of 1,670 such pairs one was beyond 80, and none beyond 16. */
#define VERY_LIKE 0.9
#define NEAR 80
#define SKETCH_NEAR 18
#define TILE 16   /* queries of one task */
#define BLOCK 512 /* codes compared at a time: they stay in the first cache */
#define ROWS (REDUX_DIHEDRAL_COUNT + RDX_PARTS - 1)

#define CODE_WORDS (REDUX_PDQ_BYTES / 8)
typedef struct code {
    uint64_t word[CODE_WORDS];
} code;

struct rdx_candidates {
    redux_context *context;
    const rdx_item *references;
    rdx_twins_options options;
    uint32_t radius, sketch_radius;
    int64_t slices;     /* references that can be compared, */
    int64_t *slice;     /* and which they are */
    code *codes;        /* [RDX_PARTS, slices] */
    uint64_t *sketches; /* of the codes */
};

/* Some queries. Codes are by row: of each turn, then of each part but the whole. */
typedef struct tile {
    const rdx_candidates *among;
    const rdx_item *queries;
    int64_t count; /* of those that can be compared */
    int64_t query[TILE];
    code codes[ROWS * TILE]; /* [ROWS, count] */
    uint64_t sketches[ROWS * TILE];
    rdx_candidate_list *lists; /* of all queries */
    uint8_t *planes;           /* of a block of sketches; NULL where the tier has none */
    int32_t near[BLOCK];       /* sketches of the block, and which of them have codes nearby */
    int32_t places[BLOCK];
} tile;

static const rdx_thumb *thumb_of(const rdx_item *item)
{
    return &item->scan->thumbs[item->slice];
}

static bool is_comparable(const rdx_item *item)
{
    return rdx_scan_comparable(item->scan, item->slice);
}

/* The first 8 of 16 frequencies of either axis: each second byte, from the last on. */
static uint64_t sketch_of(const code *of)
{
    const uint8_t *bytes = (const uint8_t *)of->word;
    uint8_t sketch[8];
    uint64_t out;
    for (int i = 0; i < 8; i++)
        sketch[i] = bytes[REDUX_PDQ_BYTES - 1 - 2 * i];
    memcpy(&out, sketch, sizeof out);
    return out;
}

/* ---- the references ---- */

static redux_status list_slices(rdx_candidates *c, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc(c->context, &block, (uint64_t)count, sizeof(int64_t)));
    c->slice = block;
    for (int64_t i = 0; i < count; i++)
        if (is_comparable(&c->references[i]))
            c->slice[c->slices++] = i;
    RDX_TRY(rdx_alloc(c->context, &block, RDX_PARTS * (uint64_t)c->slices, sizeof(code)));
    c->codes = block;
    RDX_TRY(rdx_alloc(c->context, &block, RDX_PARTS * (uint64_t)c->slices, sizeof(uint64_t)));
    c->sketches = block;
    return REDUX_OK;
}

static void add_part(rdx_candidates *c, int part)
{
    for (int64_t i = 0; i < c->slices; i++) {
        code *own = &c->codes[part * c->slices + i];
        memcpy(own, thumb_of(&c->references[c->slice[i]])->parts[part], REDUX_PDQ_BYTES);
        c->sketches[part * c->slices + i] = sketch_of(own);
    }
}

static redux_status fill(rdx_candidates *c, int64_t count)
{
    RDX_TRY(list_slices(c, count));
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
    c->sketch_radius = options->threshold >= VERY_LIKE ? SKETCH_NEAR : SKETCH_RADIUS;
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
    rdx_free(candidates->slice);
    rdx_free(candidates->codes);
    rdx_free(candidates->sketches);
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
static uint32_t limit_of(const rdx_candidates *c, const rdx_candidate_list *list)
{
    return list->count < c->options.candidates
               ? c->radius
               : RDX_MIN(c->radius, (uint32_t)list->items[list->count - 1].distance);
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
        if (is_comparable(&t->queries[i]))
            t->query[t->count++] = i;
    }
    for (int64_t i = 0; i < ROWS * t->count; i++) {
        const int64_t row = i / t->count;
        const rdx_thumb *thumb = thumb_of(&t->queries[t->query[i % t->count]]);
        memcpy(&t->codes[i],
               row < REDUX_DIHEDRAL_COUNT ? thumb->turns[row]
                                          : thumb->parts[row - REDUX_DIHEDRAL_COUNT + 1],
               REDUX_PDQ_BYTES);
        t->sketches[i] = sketch_of(&t->codes[i]);
    }
}

/* A code of a query, by its place in the tile, and one of the references. */
static void compare(const tile *t, int64_t own, int64_t other)
{
    const rdx_candidates *c = t->among;
    const rdx_candidate found = {c->slice[other % c->slices],
                                 (int32_t)rdx_kernels_get()->hamming_distance(
                                     t->codes[own].word, c->codes[other].word, CODE_WORDS),
                                 (int32_t)(own / t->count), (int32_t)(other / c->slices)};
    consider(t, t->query[own % t->count], &found);
}

/* A code of a query with `count` codes of the references from `start` on. */
static void search_block(tile *t, int64_t own, int64_t start, int64_t count)
{
    const rdx_candidates *c = t->among;
    const rdx_kernels *kernels = rdx_kernels_get();
    const uint32_t limit = limit_of(c, &t->lists[t->query[own % t->count]]);
    const int64_t near = kernels->hamming_within(c->sketches + start, t->planes, count,
                                                 &t->sketches[own], 1, c->sketch_radius, t->near);
    const int64_t found =
        kernels->hamming_listed(c->codes[start].word, (const uint32_t *)t->near, near,
                                t->codes[own].word, CODE_WORDS, limit, t->places);
    for (int64_t i = 0; i < found; i++)
        compare(t, own, start + t->near[t->places[i]]);
}

/* The codes of rows first to end - 1 with those of the first `parts` parts. */
static void search_rows(tile *t, int64_t first, int64_t end, int64_t parts)
{
    const rdx_candidates *c = t->among;
    const int64_t others = parts * c->slices;
    for (int64_t start = 0; start < others; start += BLOCK) {
        const int64_t count = RDX_MIN(BLOCK, others - start);
        if (t->planes != NULL)
            rdx_kernels_get()->hamming_planes(t->planes, c->sketches + start, count, 1);
        for (int64_t own = first * t->count; own < end * t->count; own++)
            search_block(t, own, start, count);
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
    const size_t planes = (size_t)rdx_kernels_get()->hamming_plane_bytes(BLOCK, 1);
    void *block;
    *first = number * TILE;
    *count = RDX_MIN(TILE, query_count - *first);
    RDX_TRY(rdx_alloc(among->context, &block, 1, lists + planes + sizeof(tile)));
    *out = block;
    tile *t = (tile *)(void *)((char *)block + lists + planes);
    t->among = among;
    t->queries = queries + *first;
    t->count = 0;
    t->lists = block;
    t->planes = planes > 0 ? (uint8_t *)block + lists : NULL;
    load_queries(t, *count);
    search_rows(t, 0, REDUX_DIHEDRAL_COUNT, RDX_PARTS);
    search_rows(t, REDUX_DIHEDRAL_COUNT, ROWS, 1);
    return REDUX_OK;
}
