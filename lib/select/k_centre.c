/* SPDX-License-Identifier: MIT
 * Farthest point (k-centre; T. Gonzalez, "Clustering to minimize the maximum intercluster
 * distance", 1985): always keeps the item least similar to any kept one. With the conditional
 * entropy as the metric this is information gain: always the slice that adds most to the kept
 * ones.
 *
 * Distances here are keys: a distance itself, or a similarity with its sign turned. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "select.h"

typedef struct traversal {
    const rdx_group *group;
    double *nearest;  /* key of each item to the nearest kept one */
    int64_t *witness; /* the kept item that it belongs to */
    double *scores;   /* of all items with the newest kept one */
    uint8_t *open;
} traversal;

static double key_of(const rdx_group *group, double score)
{
    if (isnan(score))
        return (double)INFINITY;
    return group->metric->ops->is_distance ? score : -score;
}

static redux_status keep(traversal *t, int64_t item)
{
    const rdx_group *group = t->group;
    t->open[item] = 0;
    rdx_group_keep(group, item);
    RDX_TRY(rdx_group_score(t->scores, group, rdx_group_item(group, item), 0, t->open));
    for (int64_t i = 0; i < group->count; i++) {
        const double key = t->open[i] ? key_of(group, t->scores[i]) : 0;
        if (t->open[i] && key < t->nearest[i]) {
            t->nearest[i] = key;
            t->witness[i] = item;
        }
    }
    return REDUX_OK;
}

/* The open item farthest from the kept ones, the first of equals; -1 if none is open. */
static int64_t farthest(const traversal *t)
{
    int64_t best = -1;
    for (int64_t i = 0; i < t->group->count; i++)
        if (t->open[i] && (best < 0 || t->nearest[i] > t->nearest[best]))
            best = i;
    return best;
}

/* The first item to keep: the group's first, or the one with the most information. Given a constant
 * image, the conditional entropy is the entropy itself. */
static redux_status begin(traversal *t, int64_t *first)
{
    const rdx_group *group = t->group;
    const rdx_layout *layout = &group->layout;
    const size_t pixels = (size_t)layout->height * (size_t)layout->width;
    void *block, *scratch;
    *first = 0;
    if (!rdx_strategy_of(group->reduction->options.strategy)->begins_with_most)
        return REDUX_OK;
    const size_t image = (pixels * redux_dtype_size(layout->dtype) + 63) / 64 * 64;
    RDX_TRY(rdx_alloc_zero(group->context, &block, 1, image + layout->item_bytes));
    redux_status status = rdx_alloc(group->context, &scratch, 1, layout->scratch_bytes);
    if (status == REDUX_OK) {
        char *prepared = (char *)block + image;
        group->metric->ops->prepare(group->metric, layout, block, prepared, scratch);
        rdx_free(scratch);
        status = rdx_group_score(t->scores, group, prepared, 0, NULL);
    }
    for (int64_t i = 1; status == REDUX_OK && i < group->count; i++)
        if (t->scores[i] > t->scores[*first])
            *first = i;
    rdx_free(block);
    return status;
}

static redux_status traverse(traversal *t, double threshold, int64_t most, double *radii)
{
    const rdx_group *group = t->group;
    const double limit = key_of(group, threshold);
    int64_t next, kept = 0;
    for (int64_t i = 0; i < group->count; i++) {
        t->open[i] = 1;
        t->nearest[i] = (double)INFINITY;
        t->witness[i] = -1;
    }
    RDX_TRY(begin(t, &next));
    for (; next >= 0 && kept < most; next = farthest(t), kept++) {
        if (kept > 0 && t->nearest[next] <= limit)
            break;
        if (radii != NULL)
            radii[kept] = kept == 0 ? (double)INFINITY : RDX_MIN(t->nearest[next], 1e300);
        RDX_TRY(keep(t, next));
    }
    for (int64_t i = 0; i < group->count; i++)
        if (t->open[i])
            rdx_group_drop(group, i, t->witness[i],
                           group->metric->ops->is_distance ? t->nearest[i] : -t->nearest[i]);
    return REDUX_OK;
}

redux_status rdx_k_centre(const rdx_group *group, double threshold, int64_t most, double *radii)
{
    const uint64_t n = (uint64_t)group->count;
    traversal t = {.group = group};
    void *block;
    if (n == 0)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(group->context, &block, n, 2 * sizeof(double) + sizeof(int64_t) + 1));
    t.nearest = block;
    t.scores = t.nearest + n;
    t.witness = (void *)(t.scores + n);
    t.open = (void *)(t.witness + n);
    redux_status status = traverse(&t, threshold, most, radii);
    rdx_free(block);
    return status;
}

/* ---- a budget over all groups ---- */

typedef struct budget_job {
    const rdx_judging *judging;
    int64_t budget;
    double *radii; /* by walk position: of the group's first, second, ... kept one */
    int64_t *most; /* of each group: how many are kept */
} budget_job;

/* Keeps as many as the budget could give to this group, to learn how far away each one was. */
static redux_status radii_task(int64_t index, void *user)
{
    const budget_job *job = user;
    const rdx_walk *walk = job->judging->walk;
    const double never =
        job->judging->metric->ops->is_distance ? -(double)INFINITY : (double)INFINITY;
    double *radii = job->radii + walk->start[index];
    rdx_group group;
    if (!rdx_rank_owns(job->judging, index))
        return REDUX_OK;
    for (int64_t i = 0; i < walk->start[index + 1] - walk->start[index]; i++)
        radii[i] = -(double)INFINITY;
    RDX_TRY(rdx_group_collect(&group, job->judging, index));
    redux_status status = rdx_k_centre(&group, never, job->budget, radii);
    rdx_group_clear(&group);
    return status;
}

static redux_status keep_task(int64_t index, void *user)
{
    const budget_job *job = user;
    const double never =
        job->judging->metric->ops->is_distance ? -(double)INFINITY : (double)INFINITY;
    rdx_group group;
    if (!rdx_rank_owns(job->judging, index))
        return REDUX_OK;
    RDX_TRY(rdx_group_collect(&group, job->judging, index));
    redux_status status = rdx_k_centre(&group, never, job->most[index], NULL);
    rdx_group_clear(&group);
    return status;
}

typedef struct turn {
    double radius;
    int64_t group, position;
} turn;

static int compare_turns(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    if (x->radius != y->radius)
        return x->radius > y->radius ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

/* Radii never grow within a group, so the largest ones are the first of each group. */
static redux_status share_out(const budget_job *job, int64_t budget)
{
    const rdx_walk *walk = job->judging->walk;
    const int64_t rows = walk->start[walk->groups];
    void *block;
    RDX_TRY(rdx_alloc(job->judging->context, &block, (uint64_t)rows, sizeof(turn)));
    turn *turns = block;
    for (int64_t g = 0; g < walk->groups; g++) {
        job->most[g] = 0;
        for (int64_t p = walk->start[g]; p < walk->start[g + 1]; p++)
            turns[p] = (turn){job->radii[p], g, p};
    }
    qsort(turns, (size_t)rows, sizeof *turns, compare_turns);
    for (int64_t i = 0; i < RDX_MIN(budget, rows); i++)
        job->most[turns[i].group]++;
    rdx_free(block);
    return REDUX_OK;
}

redux_status rdx_k_centre_budget(double *threshold, const rdx_judging *judging)
{
    redux_context *context = judging->context;
    const rdx_walk *walk = judging->walk;
    redux_reduction *reduction = judging->reduction;
    const int64_t budget = judging->budget;
    budget_job job = {.judging = judging, .budget = budget};
    const uint64_t room = (uint64_t)(walk->start[walk->groups] + walk->groups);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, room, 8));
    job.radii = block;
    job.most = (void *)(job.radii + walk->start[walk->groups]);
    redux_status status = REDUX_OK;
    rdx_progress_begin(context, (walk->groups > 1 ? 2 : 1) * rdx_walk_count(walk));
    job.most[0] = budget;
    if (walk->groups > 1) {
        status = rdx_ranks_share_walk(judging, job.radii,
                                      rdx_parallel(context, walk->groups, radii_task, &job));
        if (status == REDUX_OK)
            status = share_out(&job, budget);
    }
    if (status == REDUX_OK)
        status = rdx_parallel(context, walk->groups, keep_task, &job);
    if (walk->groups > 1)
        status = rdx_ranks_share(judging->reduction, context, status);
    rdx_progress_begin(context, 0);
    rdx_free(block);
    *threshold = (double)NAN;
    for (int64_t p = 0; p < rdx_walk_count(walk) && status == REDUX_OK; p++) {
        const redux_row *row = &reduction->rows[walk->rows[p]];
        const bool is_distance = judging->metric->ops->is_distance;
        if (row->kept || row->skipped || rdx_is_base_witness(reduction, row->witness))
            continue;
        if (isnan(*threshold) || (is_distance ? row->score > *threshold : row->score < *threshold))
            *threshold = row->score;
    }
    return status;
}
