/* SPDX-License-Identifier: MIT
 * A reduction shared out to ranks. Each reads its own run of groups, and judges them where there
 * are several; then all get the rows of all. What concerns one group alone, such as the dataset,
 * every rank does by itself, in the same way. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "part_reduce.h"

/* ---- beginning ---- */

redux_status rdx_ranks_begin(redux_reduction *reduction, redux_context *context)
{
    const redux_reduce_options *known = &reduction->options;
    char *job = NULL;
    if (rdx_ranks(context) == 1)
        return REDUX_OK;
    rdx_agree_begin(context);
    redux_status status = rdx_agree(context, rdx_part_job(&job, reduction->dataset, known));
    if (status == REDUX_OK)
        status = rdx_ranks_agree(context, reduction->dataset, job);
    free(job);
    RDX_TRY(status);
    return rdx_agree(context,
                     rdx_dataset_parts(&reduction->owner, context, reduction->dataset,
                                       rdx_ranks(context), known->scope == REDUX_SCOPE_GROUP));
}

bool rdx_rank_owns(const rdx_judging *judging, int64_t group)
{
    const rdx_walk *walk = judging->walk;
    const int32_t *owner = judging->reduction->owner;
    return owner == NULL || walk->groups == 1 || walk->start[group] == walk->start[group + 1] ||
           owner[walk->rows[walk->start[group]]] == rdx_rank(judging->context);
}

/* ---- notes of what could not be read ---- */

/* A note in a message: this, then the two texts, each closed by a 0. */
typedef struct note_head {
    int64_t is_other; /* of the other set */
    int64_t row, whole, source_length, reason_length;
} note_head;

static redux_status pack_note(void **out, int64_t *size, int64_t *capacity, redux_context *context,
                              const rdx_skip *note, bool is_other)
{
    const note_head head = {is_other, note->row, note->whole, (int64_t)strlen(note->source) + 1,
                            (int64_t)strlen(note->reason) + 1};
    const int64_t more = (int64_t)sizeof head + head.source_length + head.reason_length;
    RDX_TRY(rdx_grow(context, out, capacity, *size, *size + more, 1));
    char *at = (char *)*out + *size;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, note->source, (size_t)head.source_length);
    memcpy(at + sizeof head + head.source_length, note->reason, (size_t)head.reason_length);
    *size += more;
    return REDUX_OK;
}

/* Packs the new notes of this rank. Several ranks may have read the same slice; one note is taken.
 */
static redux_status pack_notes(void **out, int64_t *size, redux_context *context,
                               redux_reduction *reduction)
{
    rdx_skips *skips = &reduction->skips;
    int64_t capacity = 0;
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < skips->count; i++) {
        rdx_skip *note = &skips->list[i];
        if (status == REDUX_OK && !note->shared)
            status =
                pack_note(out, size, &capacity, context, note, note->dataset != reduction->dataset);
        note->shared = true;
    }
    return status;
}

static redux_status take_notes(redux_reduction *reduction, redux_context *context, char *notes,
                               uint64_t size)
{
    for (uint64_t at = 0; at < size;) {
        note_head head;
        memcpy(&head, notes + at, sizeof head);
        at += sizeof head;
        const redux_dataset *other = reduction->options.against;
        const rdx_skip note = {.dataset = head.is_other ? other : reduction->dataset,
                               .row = head.row,
                               .whole = head.whole != 0,
                               .shared = true,
                               .source = notes + at,
                               .reason = notes + at + head.source_length};
        at += (uint64_t)(head.source_length + head.reason_length);
        if (!rdx_skips_have(&reduction->skips, &note) &&
            !rdx_skips_have_volume(&reduction->skips, &note))
            RDX_TRY(rdx_skips_add(&reduction->skips, context, &note));
    }
    return REDUX_OK;
}

redux_status rdx_ranks_share_notes(redux_reduction *reduction, redux_context *context)
{
    void *own = NULL, *all = NULL;
    uint64_t *sizes = NULL;
    int64_t size = 0;
    redux_status status = rdx_agree(context, pack_notes(&own, &size, context, reduction));
    if (status == REDUX_OK)
        status = rdx_gather(&all, &sizes, context, own, (uint64_t)size);
    rdx_free(own);
    RDX_TRY(status);
    char *at = all;
    for (int32_t r = 0; r < rdx_ranks(context) && status == REDUX_OK; at += sizes[r++])
        if (r != rdx_rank(context))
            status = take_notes(reduction, context, at, sizes[r]);
    rdx_free(all);
    rdx_free(sizes);
    return status;
}

/* ---- rows ---- */

redux_status rdx_ranks_share(redux_reduction *reduction, redux_context *context,
                             redux_status status)
{
    if (reduction->owner == NULL)
        return status;
    RDX_TRY(rdx_agree(context, status));
    RDX_TRY(rdx_gather_owned(context, reduction->rows, sizeof *reduction->rows, reduction->owner,
                             reduction->row_count));
    return rdx_ranks_share_notes(reduction, context);
}

redux_status rdx_ranks_share_walk(const rdx_judging *judging, double *values, redux_status status)
{
    const rdx_walk *walk = judging->walk;
    const int64_t count = rdx_walk_count(walk);
    void *block;
    if (judging->reduction->owner == NULL || walk->groups == 1)
        return status;
    if (status == REDUX_OK)
        status = rdx_alloc(judging->context, &block, (uint64_t)count, sizeof(int32_t));
    RDX_TRY(rdx_agree(judging->context, status));
    int32_t *owner = block;
    for (int64_t p = 0; p < count; p++)
        owner[p] = judging->reduction->owner[walk->rows[p]];
    status = rdx_gather_owned(judging->context, values, sizeof *values, owner, count);
    rdx_free(block);
    return status;
}

/* What a rank found out about its groups. */
typedef struct found {
    double low, high;
    int64_t is_exact, refilled, compared, skipped;
} found;

static void widen(redux_reduce_summary *summary, const found *f)
{
    if (!isnan(f->low) && !(summary->threshold_low <= f->low))
        summary->threshold_low = f->low;
    if (!isnan(f->high) && !(summary->threshold_high >= f->high))
        summary->threshold_high = f->high;
    summary->threshold_is_exact = summary->threshold_is_exact && f->is_exact;
    summary->refilled += f->refilled;
    summary->pairs_compared += f->compared;
    summary->pairs_skipped += f->skipped;
}

redux_status rdx_ranks_share_groups(const rdx_judging *judging, redux_status status,
                                    int32_t is_exact)
{
    redux_reduce_summary *summary = &judging->reduction->summary;
    redux_context *context = judging->context;
    const found own = {summary->threshold_low, summary->threshold_high, is_exact,
                       summary->refilled,      summary->pairs_compared, summary->pairs_skipped};
    void *all = NULL;
    summary->threshold_is_exact = is_exact;
    if (judging->reduction->owner == NULL || judging->walk->groups == 1)
        return status;
    RDX_TRY(rdx_ranks_share(judging->reduction, context, status));
    RDX_TRY(rdx_gather_equal(&all, context, &own, sizeof own));
    summary->refilled = summary->pairs_compared = summary->pairs_skipped = 0;
    for (int32_t r = 0; r < rdx_ranks(context); r++)
        widen(summary, (const found *)all + r);
    rdx_free(all);
    return REDUX_OK;
}

/* ---- checksums ---- */

redux_status rdx_ranks_checksums(redux_reduction *reduction, redux_context *context)
{
    const redux_dataset *dataset = reduction->dataset;
    const int64_t volumes = redux_dataset_volume_count(dataset);
    void *block, *owners;
    if (reduction->owner == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)volumes, sizeof(uint32_t) + 1));
    reduction->checksums = block;
    reduction->has_checksum = (uint8_t *)(reduction->checksums + volumes);
    RDX_TRY(rdx_alloc(context, &owners, (uint64_t)volumes, sizeof(int32_t) + 1));
    int32_t *owner = owners;
    uint8_t *wanted = (uint8_t *)(owner + volumes);
    for (int64_t v = 0; v < volumes; v++) {
        owner[v] = reduction->owner[rdx_dataset_first_row(dataset, v)];
        for (int64_t row = rdx_dataset_first_row(dataset, v);
             row < rdx_dataset_first_row(dataset, v + 1) && !reduction->has_checksum[v]; row++)
            reduction->has_checksum[v] =
                reduction->rows[row].skipped == 0 && rdx_dataset_has_checksum(dataset, v);
        wanted[v] = reduction->has_checksum[v] && owner[v] == rdx_rank(context);
    }
    redux_status status =
        rdx_agree(context, rdx_dataset_checksums(reduction->checksums, context, dataset, wanted));
    if (status == REDUX_OK)
        status = rdx_gather_owned(context, reduction->checksums, sizeof(uint32_t), owner, volumes);
    rdx_free(owners);
    return status;
}
