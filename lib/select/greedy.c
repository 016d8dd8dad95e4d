/* SPDX-License-Identifier: MIT
 * The greedy rule over a dataset: one set of exemplars a group. */
#include <math.h>
#include "select.h"

typedef struct greedy_job {
    rdx_stream *stream;
    const redux_metric *metric;
    double threshold;
} greedy_job;

/* The exemplars of one group, and which rows they are. */
typedef struct group_state {
    redux_reduction *reduction;
    redux_exemplars *exemplars;
    int64_t *exemplar_rows;
    int64_t count, capacity;
} group_state;

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
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        redux_row *row = &group->reduction->rows[rows[i]];
        row->kept = witness[i] < 0;
        row->witness = witness[i] < 0 ? -1 : group->exemplar_rows[witness[i]];
        row->score = scores[i];
        if (row->kept)
            group->exemplar_rows[group->count++] = rows[i];
    }
    rdx_free(context, block);
    return status != REDUX_OK ? status : rdx_progress_add(context, count);
}

static redux_status judge_group(const greedy_job *job, int64_t index, bool resize, bool *ragged)
{
    redux_context *context = job->stream->context;
    group_state group = {job->stream->reduction, NULL, NULL, 0, 0};
    RDX_TRY(redux_exemplars_new(&group.exemplars, context, job->metric, job->threshold));
    redux_status status = rdx_stream_group(job->stream, index, resize, ragged, judge, &group);
    redux_exemplars_free(group.exemplars, context);
    rdx_free(context, group.exemplar_rows);
    return status;
}

static redux_status greedy_task(int64_t index, void *user)
{
    const greedy_job *job = user;
    const bool dataset = job->stream->reduction->options.scope == REDUX_SCOPE_DATASET;
    bool ragged = false;
    RDX_TRY(judge_group(job, index, dataset, &ragged));
    if (ragged) /* a folder of pictures of several sizes: over again, resized */
        RDX_TRY(judge_group(job, index, true, &ragged));
    return REDUX_OK;
}

redux_status rdx_greedy(int64_t *kept, rdx_stream *stream, const redux_metric *metric,
                        double threshold)
{
    greedy_job job = {stream, metric, threshold};
    redux_reduction *reduction = stream->reduction;
    rdx_progress_begin(stream->context, reduction->row_count);
    RDX_TRY(rdx_parallel(stream->context, stream->walk->groups, greedy_task, &job));
    rdx_progress_begin(stream->context, 0);
    *kept = 0;
    for (int64_t i = 0; i < reduction->row_count; i++) {
        if (reduction->rows[i].skipped) /* also those found unreadable later in their volume */
            reduction->rows[i].kept = 0;
        *kept += reduction->rows[i].kept;
    }
    return REDUX_OK;
}
