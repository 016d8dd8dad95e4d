/* SPDX-License-Identifier: MIT
 * The greedy first-exemplar rule.
 *
 * Items are taken in blocks. A whole block is first compared with the exemplars before it, in
 * parallel. The items left become exemplars in order, each compared with the rest of its block.
 * The result is that of one item after the other.
 *
 * Ranks share the first step out. Of codes and vectors, which all ranks have, each compares a run
 * of the block with all exemplars. Images are large, so each rank has every n-th exemplar alone and
 * compares the whole block with those. */
#include <math.h>
#include <string.h>
#include <redux/exemplars.h>
#include "select.h"

#define BLOCK_BYTES ((size_t)64 << 20)
#define BLOCK_ITEMS 4096
#define CHUNK_BYTES ((size_t)32 << 20)
#define CHUNK_ITEMS 64

/* Exemplars are in chunks, each twice as long as the one before up to CHUNK_BYTES, so that none is
 * ever moved. */
typedef struct chunk {
    char *items;
    int64_t count, capacity;
} chunk;

struct redux_exemplars {
    const redux_metric *metric;
    const redux_exemplars
        *base; /* NULL, or the base, which is searched first and has the first numbers */
    double threshold;
    bool has_layout;
    rdx_layout layout, parts[2];
    chunk *chunks;
    int64_t chunk_count, chunk_capacity;
    int64_t count; /* including the base's */
    rdx_tally tally;
    char *block; /* prepared items of the current block */
    int64_t block_capacity;
    bool together;        /* with other ranks */
    bool counts;          /* the pairs that all ranks compare */
    int32_t rank, owners; /* of images together: the exemplars are shared out; else 0 of 1 */
    uint8_t *verdicts; /* [block, own exemplars], so that each pair is counted as by one process */
    int64_t verdict_capacity;
};

redux_status redux_exemplars_new(redux_exemplars **out, redux_context *context,
                                 const redux_metric *metric, double threshold)
{
    void *block;
    if (out == NULL || metric == NULL || isnan(threshold))
        return rdx_fail(REDUX_E_INVALID, "redux_exemplars_new: an argument is NULL or NaN");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_exemplars)));
    redux_exemplars *exemplars = block;
    exemplars->metric = metric;
    exemplars->threshold = threshold;
    exemplars->owners = 1;
    exemplars->counts = true;
    *out = exemplars;
    return REDUX_OK;
}

void redux_exemplars_free(redux_exemplars *exemplars)
{
    if (exemplars == NULL)
        return;
    for (int64_t i = 0; i < exemplars->chunk_count; i++)
        rdx_free(exemplars->chunks[i].items);
    rdx_free(exemplars->chunks);
    rdx_free(exemplars->block);
    rdx_free(exemplars->verdicts);
    rdx_free(exemplars);
}

int64_t redux_exemplars_count(const redux_exemplars *exemplars)
{
    return exemplars->count;
}

rdx_tally rdx_exemplars_tally(const redux_exemplars *exemplars)
{
    return exemplars->tally;
}

void rdx_exemplars_stand_on(redux_exemplars *exemplars, const redux_exemplars *base)
{
    exemplars->base = base;
    exemplars->count = base->count;
}

void rdx_exemplars_spread(redux_exemplars *exemplars, const redux_context *context)
{
    exemplars->together = rdx_ranks(context) > 1;
    exemplars->counts = rdx_rank(context) == 0;
    if (!exemplars->together || exemplars->metric->ops->first_redundant != NULL)
        return;
    exemplars->rank = rdx_rank(context);
    exemplars->owners = rdx_ranks(context);
}

/* ---- the exemplars ---- */

static redux_status new_chunk(redux_exemplars *set, redux_context *context)
{
    const int64_t most = RDX_MAX((int64_t)(CHUNK_BYTES / set->layout.item_bytes), 1);
    const chunk *last = set->chunk_count == 0 ? NULL : &set->chunks[set->chunk_count - 1];
    const int64_t wanted = last == NULL ? CHUNK_ITEMS : 2 * last->capacity;
    void *block = set->chunks;
    redux_status status = rdx_grow(context, &block, &set->chunk_capacity, set->chunk_count,
                                   set->chunk_count + 1, sizeof *set->chunks);
    set->chunks = block;
    if (status != REDUX_OK)
        return status;
    const int64_t capacity = RDX_MIN(wanted, most);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)capacity, set->layout.item_bytes));
    set->chunks[set->chunk_count++] = (chunk){block, 0, capacity};
    return REDUX_OK;
}

static int64_t base_count(const redux_exemplars *set)
{
    return set->base == NULL ? 0 : set->base->count;
}

/* Gives an item the next number. Its owner keeps it. */
static redux_status append(redux_exemplars *set, redux_context *context, const void *item)
{
    chunk *last = set->chunk_count > 0 ? &set->chunks[set->chunk_count - 1] : NULL;
    if ((set->count - base_count(set)) % set->owners != set->rank) {
        set->count++;
        return REDUX_OK;
    }
    if (last == NULL || last->count == last->capacity) {
        RDX_TRY(new_chunk(set, context));
        last = &set->chunks[set->chunk_count - 1];
    }
    memcpy(last->items + (size_t)last->count * set->layout.item_bytes, item,
           set->layout.item_bytes);
    last->count++;
    set->count++;
    return REDUX_OK;
}

/* Chunks in the order of the numbers in them: the base's, then the set's own. */
static int64_t chunks_of(const redux_exemplars *set)
{
    return set->chunk_count + (set->base == NULL ? 0 : set->base->chunk_count);
}

static const chunk *chunk_at(const redux_exemplars *set, int64_t index)
{
    const int64_t before = set->base == NULL ? 0 : set->base->chunk_count;
    return index < before ? &set->base->chunks[index] : &set->chunks[index - before];
}

/* ---- a block ---- */

typedef struct block_job {
    redux_context *context;
    const redux_exemplars *set;
    const char *items; /* prepared */
    int64_t count;
    int64_t *witness;
    double *scores;
    int64_t exemplar; /* against_last: the newest exemplar */
    int64_t number;
    int64_t own;     /* exemplars that this rank compares, where they are shared out */
    rdx_tally tally; /* of all tasks */
} block_job;

static void add_tally(block_job *job, const rdx_tally *tally)
{
    __atomic_fetch_add(&job->tally.compared, tally->compared, __ATOMIC_RELAXED);
    __atomic_fetch_add(&job->tally.skipped, tally->skipped, __ATOMIC_RELAXED);
}

static const char *item_at(const block_job *job, int64_t index)
{
    return job->items + (size_t)index * job->set->layout.item_bytes;
}

/* Compares the open ones among items first ... first + count - 1 (count <= tile) with the exemplars
 * from number `from` on. */
static void search_tile(block_job *job, int64_t first, int64_t count, int64_t from, void *scratch)
{
    const redux_exemplars *set = job->set;
    rdx_tally tally = {0, 0};
    int64_t number = 0, found[64];
    double scores[64];
    for (int64_t c = 0; c < chunks_of(set); number += chunk_at(set, c++)->count) {
        const chunk *here = chunk_at(set, c);
        const int64_t skip = RDX_MAX(from - number, 0);
        int64_t open = 0;
        if (skip >= here->count)
            continue;
        for (int64_t i = first; i < first + count; i++)
            open += job->witness[i] < 0;
        if (open == 0)
            break;
        rdx_first_redundant(set->metric, &set->layout,
                            here->items + (size_t)skip * set->layout.item_bytes, here->count - skip,
                            item_at(job, first), count, set->threshold, found, scores, scratch,
                            &tally);
        for (int64_t i = 0; i < count; i++)
            if (job->witness[first + i] < 0 && found[i] >= 0) {
                job->witness[first + i] = number + skip + found[i];
                job->scores[first + i] = scores[i];
            }
    }
    add_tally(job, &tally);
}

static redux_status against_exemplars(int64_t index, void *user)
{
    block_job *job = user;
    const int64_t tile = job->set->metric->ops->tile, first = index * tile;
    void *scratch;
    RDX_TRY(rdx_alloc(job->context, &scratch, 1, job->set->layout.scratch_bytes));
    search_tile(job, first, RDX_MIN(tile, job->count - first), 0, scratch);
    rdx_free(scratch);
    return REDUX_OK;
}

/* ---- images, with the exemplars shared out ---- */

/* The number of the exemplar that is this rank's `own`-th. */
static int64_t number_of(const redux_exemplars *set, int64_t own)
{
    const int64_t base = base_count(set);
    const int64_t of_base = (base - set->rank + set->owners - 1) / set->owners;
    return own < of_base ? own * set->owners + set->rank
                         : base + (own - of_base) * set->owners + set->rank;
}

static int64_t own_count(const redux_exemplars *set)
{
    int64_t own = 0;
    for (int64_t c = 0; c < set->chunk_count; c++)
        own += set->chunks[c].count;
    return own + (base_count(set) - set->rank + set->owners - 1) / set->owners;
}

/* Compares an item with this rank's exemplars, up to the first that it is redundant with. */
static redux_status against_own(int64_t index, void *user)
{
    block_job *job = user;
    const redux_exemplars *set = job->set;
    const int64_t before = chunks_of(set) - set->chunk_count;
    uint8_t *verdicts = set->verdicts + index * job->own;
    int64_t own = 0, number = 0;
    void *scratch;
    RDX_TRY(rdx_alloc(job->context, &scratch, 1, set->layout.scratch_bytes));
    for (int64_t c = 0; c < chunks_of(set) && job->witness[index] < 0; c++) {
        const chunk *here = chunk_at(set, c);
        const int64_t step = c < before ? set->owners : 1; /* a base is with all ranks */
        int64_t k = c < before ? ((set->rank - number) % step + step) % step : 0;
        for (; k < here->count && job->witness[index] < 0; k += step) {
            verdicts[own] = (uint8_t)rdx_judge(
                set->metric, &set->layout, here->items + (size_t)k * set->layout.item_bytes,
                item_at(job, index), set->threshold, &job->scores[index], scratch);
            if (verdicts[own] == RDX_REDUNDANT)
                job->witness[index] = number_of(set, own);
            own++;
        }
        number += here->count;
    }
    rdx_free(scratch);
    return REDUX_OK;
}

typedef struct found {
    int64_t witness;
    double score;
} found;

/* Counts what one process would have compared: up to the witness, whoever has it. */
static void count_pairs(block_job *job)
{
    for (int64_t i = 0; i < job->count; i++)
        for (int64_t own = 0; own < job->own; own++) {
            const int64_t number = number_of(job->set, own);
            if (job->witness[i] >= 0 && number > job->witness[i])
                break;
            rdx_tally_add(&job->tally, (rdx_verdict)job->set->verdicts[i * job->own + own]);
        }
}

/* The first witness of each item, of those that the ranks found. */
static redux_status take_first(block_job *job, redux_status status)
{
    found mine[CHUNK_ITEMS];
    void *all = NULL;
    RDX_TRY(rdx_agree(job->context, status));
    for (int64_t first = 0; first < job->count; first += CHUNK_ITEMS) {
        const int64_t count = RDX_MIN(CHUNK_ITEMS, job->count - first);
        for (int64_t i = 0; i < count; i++)
            mine[i] = (found){job->witness[first + i], job->scores[first + i]};
        RDX_TRY(rdx_gather_equal(&all, job->context, mine, (uint64_t)count * sizeof *mine));
        const found *each = all;
        for (int64_t f = 0; f < job->set->owners * count; f++) {
            const int64_t i = first + f % count;
            if (each[f].witness < 0 || (job->witness[i] >= 0 && each[f].witness >= job->witness[i]))
                continue;
            job->witness[i] = each[f].witness;
            job->scores[i] = each[f].score;
        }
        rdx_free(all);
    }
    return REDUX_OK;
}

static redux_status search_own(redux_exemplars *set, block_job *job)
{
    void *block = set->verdicts;
    job->own = own_count(set);
    redux_status status = rdx_grow(job->context, &block, &set->verdict_capacity, 0,
                                   job->count * job->own, sizeof *set->verdicts);
    set->verdicts = block;
    if (status == REDUX_OK)
        status = rdx_parallel(job->context, job->count, against_own, job);
    for (int64_t i = 0; i < job->count; i++)
        if (job->witness[i] < 0)
            job->scores[i] = (double)NAN;
    RDX_TRY(take_first(job, status));
    count_pairs(job);
    return REDUX_OK;
}

/* ---- the rest of a block ---- */

#define PAIRS_PER_TASK 4 /* of images: a pair is some 100 us */

static redux_status against_last(int64_t index, void *user)
{
    block_job *job = user;
    rdx_tally tally = {0, 0};
    const redux_exemplars *set = job->set;
    const int64_t first = job->exemplar + 1 + index * PAIRS_PER_TASK;
    const int64_t last = RDX_MIN(first + PAIRS_PER_TASK, job->count);
    void *scratch;
    RDX_TRY(rdx_alloc(job->context, &scratch, 1, set->layout.scratch_bytes));
    for (int64_t i = first; i < last; i++) {
        if (job->witness[i] >= 0)
            continue;
        double score;
        const rdx_verdict verdict =
            rdx_judge(set->metric, &set->layout, item_at(job, job->exemplar), item_at(job, i),
                      set->threshold, &score, scratch);
        rdx_tally_add(&tally, verdict);
        if (verdict == RDX_REDUNDANT) {
            job->witness[i] = job->number;
            job->scores[i] = score;
        }
    }
    if (set->counts)
        add_tally(job, &tally);
    rdx_free(scratch);
    return REDUX_OK;
}

static redux_status resolve_images(redux_exemplars *set, block_job *job)
{
    for (int64_t i = 0; i < job->count; i++) {
        if (job->witness[i] >= 0)
            continue;
        job->exemplar = i;
        job->number = set->count;
        RDX_TRY(append(set, job->context, item_at(job, i)));
        RDX_TRY(rdx_parallel(job->context,
                             (job->count - i - 1 + PAIRS_PER_TASK - 1) / PAIRS_PER_TASK,
                             against_last, job));
    }
    return REDUX_OK;
}

/* Codes and vectors: tile by tile, so that most of the work is still done in blocks. */
static redux_status resolve_tiles(redux_exemplars *set, block_job *job)
{
    const int64_t tile = set->metric->ops->tile, before = set->count;
    redux_status status = REDUX_OK;
    void *scratch;
    RDX_TRY(rdx_alloc(job->context, &scratch, 1, set->layout.scratch_bytes));
    for (int64_t first = 0; first < job->count && status == REDUX_OK; first += tile) {
        const int64_t count = RDX_MIN(tile, job->count - first);
        search_tile(job, first, count, before, scratch);
        const int64_t tile_before = set->count;
        for (int64_t i = first; i < first + count && status == REDUX_OK; i++) {
            if (job->witness[i] < 0 && set->count > tile_before)
                search_tile(job, i, 1, tile_before, scratch);
            if (job->witness[i] < 0)
                status = append(set, job->context, item_at(job, i));
        }
    }
    rdx_free(scratch);
    return status;
}

/* Of the block's tiles each rank has a run. */
static redux_status search_tiles(const redux_exemplars *set, block_job *job)
{
    rdx_spread items = {.context = job->context,
                        .together = set->together,
                        .count = job->count,
                        .unit = set->metric->ops->tile};
    rdx_spread_begin(&items);
    RDX_TRY(rdx_spread_run(&items, against_exemplars, job));
    RDX_TRY(rdx_spread_gather(&items, job->witness, sizeof *job->witness));
    return rdx_spread_gather(&items, job->scores, sizeof *job->scores);
}

/* Prepares rows of `items` and compares them with the current exemplars. */
static redux_status search_block(redux_exemplars *set, block_job *job, const redux_tensor *items,
                                 int64_t first)
{
    RDX_TRY(rdx_stages_prepare(job->context, set->metric, &set->layout, items, first, job->count,
                               set->block));
    for (int64_t i = 0; i < job->count; i++) {
        job->witness[i] = -1;
        job->scores[i] = (double)NAN;
    }
    if (set->count == 0)
        return REDUX_OK;
    return set->owners > 1 ? search_own(set, job) : search_tiles(set, job);
}

/* The items that the set was last given. A base and the sets on it take items of one shape and
 * dtype. */
static redux_status check_layout(const rdx_layout *layout, const rdx_layout *before)
{
    if (rdx_stages_same(layout, before))
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "items of %lld x %lld %s after %lld x %lld %s",
                    (long long)layout->height, (long long)layout->width,
                    redux_dtype_name(layout->dtype), (long long)before->height,
                    (long long)before->width, redux_dtype_name(before->dtype));
}

static redux_status settle_layout(redux_exemplars *set, redux_context *context,
                                  const redux_tensor *items)
{
    rdx_layout layout, parts[2];
    void *block;
    RDX_TRY(rdx_stages_layout(set->metric, items, &layout, parts));
    if (set->has_layout)
        return check_layout(&layout, &set->layout);
    if (set->base != NULL && set->base->has_layout)
        RDX_TRY(check_layout(&layout, &set->base->layout));
    const int64_t fit = RDX_MAX((int64_t)(BLOCK_BYTES / layout.item_bytes), 1);
    const int64_t capacity = RDX_MIN(fit, BLOCK_ITEMS);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)capacity, layout.item_bytes));
    set->block = block;
    set->block_capacity = capacity;
    RDX_TRY(rdx_stages_layout(set->metric, items, &set->layout, set->parts));
    set->has_layout = true;
    return REDUX_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): tasks write through the job */
redux_status redux_exemplars_add(int64_t *witness, double *scores, redux_context *context,
                                 redux_exemplars *exemplars, const redux_tensor *items)
{
    if (exemplars == NULL || witness == NULL || scores == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_exemplars_add: an argument is NULL");
    RDX_TRY(settle_layout(exemplars, context, items));
    for (int64_t first = 0; first < items->shape[0]; first += exemplars->block_capacity) {
        const int64_t count = RDX_MIN(exemplars->block_capacity, items->shape[0] - first);
        block_job job = {
            context, exemplars, exemplars->block, count, witness + first, scores + first, 0, 0,
            0,       {0}};
        RDX_TRY(search_block(exemplars, &job, items, first));
        RDX_TRY(exemplars->metric->ops->tile == 1 ? resolve_images(exemplars, &job)
                                                  : resolve_tiles(exemplars, &job));
        exemplars->tally.compared += job.tally.compared;
        exemplars->tally.skipped += job.tally.skipped;
    }
    return REDUX_OK;
}

redux_status rdx_exemplars_append(redux_context *context, redux_exemplars *exemplars,
                                  const redux_tensor *items)
{
    RDX_TRY(settle_layout(exemplars, context, items));
    for (int64_t first = 0; first < items->shape[0]; first += exemplars->block_capacity) {
        const int64_t count = RDX_MIN(exemplars->block_capacity, items->shape[0] - first);
        RDX_TRY(rdx_stages_prepare(context, exemplars->metric, &exemplars->layout, items, first,
                                   count, exemplars->block));
        for (int64_t i = 0; i < count; i++)
            RDX_TRY(append(exemplars, context,
                           exemplars->block + (size_t)i * exemplars->layout.item_bytes));
    }
    return REDUX_OK;
}

redux_status rdx_exemplars_find(int64_t *witness, double *scores, redux_context *context,
                                const redux_exemplars *exemplars, const void *prepared,
                                int64_t count)
{
    const int64_t tile = exemplars->metric->ops->tile;
    block_job job = {context, exemplars, prepared, count, witness, scores, 0, 0, 0, {0}};
    for (int64_t i = 0; i < count; i++) {
        witness[i] = -1;
        scores[i] = (double)NAN;
    }
    if (exemplars->count == 0 || count == 0)
        return REDUX_OK;
    return rdx_parallel(context, (count + tile - 1) / tile, against_exemplars, &job);
}
