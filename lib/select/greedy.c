/* SPDX-License-Identifier: MIT
 * Judging a dataset at one threshold, group by group, by the rule of the options. The greedy rule
 * takes items as they come; the others need a whole group at once (group.c). */
#include <math.h>
#include <string.h>
#include "select.h"

typedef struct greedy_job {
    const rdx_judging *judging;
    double threshold;
} greedy_job;

redux_status rdx_stream_group(const rdx_judging *judging, int64_t group, bool resize, bool *ragged,
                              rdx_consume_fn consume, void *user)
{
    const rdx_walk *walk = judging->walk;
    return rdx_stream_rows(judging->stream, walk->rows + walk->start[group],
                           walk->start[group + 1] - walk->start[group], resize, ragged, consume,
                           user);
}

/* The exemplars of one group, and their rows. */
typedef struct group_state {
    redux_reduction *reduction;
    redux_exemplars *exemplars;
    int64_t *exemplar_rows;
    int64_t count, capacity;
    int stages;
} group_state;

/* Keeps the features of the new exemplars among `items`. */
static redux_status capture(rdx_captured *captured, redux_context *context,
                            const redux_tensor *items, const int64_t *witness)
{
    const size_t size = (size_t)items->strides[0] * redux_dtype_size(items->dtype);
    for (int64_t i = 0; i < items->shape[0]; i++) {
        void *block = captured->bytes;
        if (witness[i] >= 0)
            continue;
        redux_status status = rdx_grow(context, &block, &captured->capacity, captured->count,
                                       captured->count + 1, size);
        captured->bytes = block;
        if (status != REDUX_OK)
            return status;
        memcpy(captured->bytes + (size_t)captured->count++ * size,
               (const char *)items->data + (size_t)i * size, size);
    }
    captured->like = *items; /* owns nothing of theirs, which are released before it is used */
    captured->like.data = NULL;
    captured->like.storage = NULL;
    return REDUX_OK;
}

static void note_rows(group_state *group, const int64_t *rows, const int64_t *witness,
                      const double *scores, int64_t count)
{
    const redux_reduction *reduction = group->reduction;
    const int64_t before = reduction->base.count;
    for (int64_t i = 0; i < count; i++) {
        redux_row *row = &reduction->rows[rows[i]];
        if (witness[i] < 0) {
            rdx_row_keep(row);
            group->exemplar_rows[group->count++] = rows[i];
        } else if (witness[i] < before) {
            rdx_row_drop(row, rdx_base_witness(reduction, witness[i]), scores[i]);
        } else {
            rdx_row_drop(row, group->exemplar_rows[witness[i] - before], scores[i]);
        }
    }
}

static redux_status judge(void *user, redux_context *context, const redux_tensor *items,
                          const int64_t *rows)
{
    group_state *group = user;
    const int64_t count = items->shape[0];
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(int64_t) + sizeof(double)));
    int64_t *witness = block;
    double *scores = (void *)(witness + count);
    redux_status status = redux_exemplars_add(witness, scores, context, group->exemplars, items);
    if (status == REDUX_OK) {
        void *numbers = group->exemplar_rows;
        status = rdx_grow(context, &numbers, &group->capacity, group->count, group->count + count,
                          sizeof(int64_t));
        group->exemplar_rows = numbers;
    }
    for (int i = 0; i < group->stages && status == REDUX_OK; i++)
        if (group->reduction->options.keep_exemplars)
            status = capture(&group->reduction->captured[i], context, &items[i], witness);
    if (status == REDUX_OK)
        note_rows(group, rows, witness, scores, count);
    rdx_free(block);
    return status != REDUX_OK ? status : rdx_progress_add(context, count);
}

void rdx_count_pairs(redux_reduction *reduction, rdx_tally tally)
{
    __atomic_fetch_add(&reduction->summary.pairs_compared, tally.compared, __ATOMIC_RELAXED);
    __atomic_fetch_add(&reduction->summary.pairs_skipped, tally.skipped, __ATOMIC_RELAXED);
}

static redux_status judge_first(const greedy_job *job, int64_t index, bool resize, bool *ragged)
{
    const rdx_judging *judging = job->judging;
    redux_reduction *reduction = judging->reduction;
    group_state group = {.reduction = reduction, .stages = judging->stream->stage_count};
    RDX_TRY(
        redux_exemplars_new(&group.exemplars, judging->context, judging->metric, job->threshold));
    if (reduction->base.exemplars != NULL)
        rdx_exemplars_stand_on(group.exemplars, reduction->base.exemplars);
    if (judging->stream->together)
        rdx_exemplars_spread(group.exemplars, judging->context);
    redux_status status = rdx_stream_group(judging, index, resize, ragged, judge, &group);
    const rdx_tally tally = rdx_exemplars_tally(group.exemplars);
    int64_t pairs[2] = {tally.compared, tally.skipped};
    if (judging->stream->together && status == REDUX_OK)
        status = rdx_sum(judging->context, pairs, 2);
    if (!*ragged)
        rdx_count_pairs(reduction, (rdx_tally){pairs[0], pairs[1]});
    redux_exemplars_free(group.exemplars);
    rdx_free(group.exemplar_rows);
    return status;
}

static redux_status judge_group(const greedy_job *job, int64_t index)
{
    const redux_reduce_options *options = &job->judging->reduction->options;
    const rdx_strategy_entry *strategy = rdx_strategy_of(options->strategy);
    rdx_group group;
    RDX_TRY(rdx_group_collect(&group, job->judging, index));
    redux_status status = REDUX_OK;
    if (strategy->judge_group != NULL)
        status = strategy->judge_group(&group, job->threshold);
    else if (options->rule == REDUX_RULE_MEDOID)
        status = rdx_medoid(&group, job->threshold);
    else if (options->rule == REDUX_RULE_K_CENTRE)
        status = rdx_k_centre(&group, job->threshold, group.count, NULL);
    else
        status = rdx_complete_link(&group, job->threshold);
    rdx_group_clear(&group);
    return status;
}

static redux_status greedy_task(int64_t index, void *user)
{
    const greedy_job *job = user;
    const redux_reduce_options *options = &job->judging->reduction->options;
    bool ragged = false;
    if (!rdx_rank_owns(job->judging, index))
        return REDUX_OK;
    if (options->rule != REDUX_RULE_FIRST ||
        rdx_strategy_of(options->strategy)->judge_group != NULL)
        return judge_group(job, index);
    RDX_TRY(judge_first(job, index, rdx_options_resize(options), &ragged));
    if (ragged) /* a folder of pictures of several sizes is read again, resized */
        RDX_TRY(judge_first(job, index, true, &ragged));
    return REDUX_OK;
}

/* Ranks count the pairs of their own groups. */
static redux_status share_groups(const rdx_judging *judging, redux_status status,
                                 const int64_t before[2])
{
    redux_reduce_summary *summary = &judging->reduction->summary;
    int64_t pairs[2] = {summary->pairs_compared - before[0], summary->pairs_skipped - before[1]};
    if (judging->walk->groups == 1)
        return status;
    RDX_TRY(rdx_ranks_share(judging->reduction, judging->context, status));
    RDX_TRY(rdx_sum(judging->context, pairs, 2));
    summary->pairs_compared = before[0] + pairs[0];
    summary->pairs_skipped = before[1] + pairs[1];
    return REDUX_OK;
}

redux_status rdx_greedy(int64_t *kept, const rdx_judging *judging, double threshold)
{
    greedy_job job = {judging, threshold};
    redux_reduction *reduction = judging->reduction;
    const int64_t count = rdx_walk_count(judging->walk);
    if (count == reduction->row_count) /* another threshold over everything: the last one counts */
        reduction->summary.pairs_compared = reduction->summary.pairs_skipped = 0;
    rdx_progress_begin(judging->context, count);
    const int64_t before[2] = {reduction->summary.pairs_compared, reduction->summary.pairs_skipped};
    const redux_status status =
        rdx_parallel(judging->context, judging->walk->groups, greedy_task, &job);
    RDX_TRY(share_groups(judging, status, before));
    rdx_progress_begin(judging->context, 0);
    *kept = 0;
    for (int64_t p = 0; p < count; p++) {
        redux_row *row = &reduction->rows[judging->walk->rows[p]];
        if (row->skipped) /* counts those found unreadable later in their volume */
            row->kept = 0;
        *kept += row->kept;
    }
    return REDUX_OK;
}
