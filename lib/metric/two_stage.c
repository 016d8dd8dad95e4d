/* SPDX-License-Identifier: MIT
 * Two stages: a cheap metric proposes pairs, another one decides on them.
 *
 * A prepared item is the first stage's form followed by the second's. */
#include <math.h>
#include <string.h>
#include "metric.h"

/* The aligned start of the second part. */
static size_t second_at(const rdx_layout *parts)
{
    return (parts[0].item_bytes + 63) / 64 * 64;
}

static double two_stage_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                              const void *b, void *scratch)
{
    const redux_metric *first = metric->stages[0], *second = metric->stages[1];
    const rdx_layout *parts = layout->parts;
    const double proposed = first->ops->score(first, &parts[0], a, b, scratch);
    if (!rdx_is_redundant(first, proposed, metric->proposal))
        return metric->ops->is_distance ? (double)INFINITY : -(double)INFINITY;
    return second->ops->score(second, &parts[1], (const char *)a + second_at(parts),
                              (const char *)b + second_at(parts), scratch);
}

static rdx_verdict two_stage_judge(const redux_metric *metric, const rdx_layout *layout,
                                   const void *a, const void *b, double threshold, double *score,
                                   void *scratch)
{
    const redux_metric *first = metric->stages[0], *second = metric->stages[1];
    const rdx_layout *parts = layout->parts;
    const size_t at = second_at(parts);
    const rdx_verdict proposal =
        rdx_judge(first, &parts[0], a, b, metric->proposal, score, scratch);
    if (proposal == RDX_REDUNDANT)
        return rdx_judge(second, &parts[1], (const char *)a + at, (const char *)b + at, threshold,
                         score, scratch);
    *score = metric->ops->is_distance ? (double)INFINITY : -(double)INFINITY;
    return rdx_is_redundant(metric, *score, threshold) ? RDX_REDUNDANT : proposal;
}

redux_status rdx_two_stage_new(redux_metric **out, redux_context *context,
                               const redux_metric *first, double proposal,
                               const redux_metric *second)
{
    const rdx_metric_ops ops = {
        .name = second->ops->name,
        .is_distance = second->ops->is_distance,
        .item_axes = second->ops->item_axes,
        .score = two_stage_score,
        .judge = two_stage_judge,
        .tile = 1,
    };
    RDX_TRY(rdx_metric_make(out, context, &ops));
    (*out)->own_ops = ops;
    (*out)->ops = &(*out)->own_ops;
    (*out)->stages[0] = first;
    (*out)->stages[1] = second;
    (*out)->proposal = proposal;
    return REDUX_OK;
}

int rdx_stage_count(const redux_metric *metric)
{
    return metric->stages[0] == NULL ? 1 : 2;
}

redux_status rdx_stages_layout(const redux_metric *metric, const redux_tensor *items,
                               rdx_layout *layout, rdx_layout *parts)
{
    if (rdx_stage_count(metric) == 1)
        return rdx_metric_layout(metric, items, layout);
    RDX_TRY(rdx_metric_layout(metric->stages[0], &items[0], &parts[0]));
    RDX_TRY(rdx_metric_layout(metric->stages[1], &items[1], &parts[1]));
    *layout = parts[1];
    layout->item_bytes = second_at(parts) + (parts[1].item_bytes + 63) / 64 * 64;
    layout->scratch_bytes = RDX_MAX(parts[0].scratch_bytes, parts[1].scratch_bytes);
    layout->parts = parts;
    return REDUX_OK;
}

bool rdx_stages_same(const rdx_layout *a, const rdx_layout *b)
{
    if (a->parts != NULL && b->parts != NULL && !rdx_same_layout(&a->parts[0], &b->parts[0]))
        return false;
    return rdx_same_layout(a, b);
}

redux_status rdx_stages_prepare(redux_context *context, const redux_metric *metric,
                                const rdx_layout *layout, const redux_tensor *items, int64_t first,
                                int64_t count, void *prepared)
{
    if (rdx_stage_count(metric) == 1)
        return rdx_metric_prepare(context, metric, layout, items, first, count, prepared);
    RDX_TRY(rdx_metric_prepare_apart(context, metric->stages[0], &layout->parts[0], &items[0],
                                     first, count, prepared, layout->item_bytes));
    return rdx_metric_prepare_apart(context, metric->stages[1], &layout->parts[1], &items[1], first,
                                    count, (char *)prepared + second_at(layout->parts),
                                    layout->item_bytes);
}
