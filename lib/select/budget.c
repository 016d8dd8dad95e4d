/* SPDX-License-Identifier: MIT
 * Budgets: the strictest threshold at which the greedy rule keeps at most N, and the refill.
 *
 * The number kept is a step function of the threshold, but not a monotone one: dropping an
 * exemplar can free the slices that it replaced. So the steps of each group are followed from
 * "nothing is redundant" downwards (sweep), which needs all scores of the group once. Over all
 * groups, the numbers kept add up. Groups too large for that are bisected. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "select.h"

#define SWEEP_MAX 4096
#define BISECTION_WIDTH 1e-6

static size_t pair_index(int64_t i, int64_t j) /* i < j */
{
    return (size_t)j * (size_t)(j - 1) / 2 + (size_t)i;
}

/* ---- the steps of one group ---- */

typedef struct sweep {
    const double *keys;
    int64_t n;
    bool *kept;
    double *best; /* key of the most similar kept item before this one, -inf if none */
    int64_t *best_item;
    int64_t *freed; /* items that this step keeps again, ascending */
    int64_t freed_count;
} sweep;

static void find_best(sweep *s, int64_t j)
{
    s->best[j] = -(double)INFINITY;
    s->best_item[j] = -1;
    for (int64_t i = 0; i < j; i++)
        if (s->kept[i] && s->keys[pair_index(i, j)] > s->best[j]) {
            s->best[j] = s->keys[pair_index(i, j)];
            s->best_item[j] = i;
        }
}

/* The fate of item j at threshold t, once all items before it are settled. For a dropped one, best
 * is any kept item that reaches t; it matters only when that one is dropped. */
static int64_t settle(sweep *s, int64_t j, double t)
{
    const bool lost = s->best_item[j] >= 0 && !s->kept[s->best_item[j]];
    if (lost)
        find_best(s, j);
    else if (s->kept[j])
        for (int64_t f = 0; f < s->freed_count; f++) {
            const double key = s->keys[pair_index(s->freed[f], j)];
            if (key > s->best[j]) {
                s->best[j] = key;
                s->best_item[j] = s->freed[f];
            }
        }
    const bool keep = s->best[j] < t;
    const int64_t change = (int64_t)keep - (int64_t)s->kept[j];
    if (change > 0)
        s->freed[s->freed_count++] = j;
    s->kept[j] = keep;
    return change;
}

static redux_status run_sweep(redux_context *context, sweep *s, rdx_step **steps,
                              int64_t *step_count, int64_t *step_capacity)
{
    for (int64_t j = 0; j < s->n; j++) {
        s->kept[j] = true;
        find_best(s, j);
    }
    for (;;) {
        double t = -(double)INFINITY;
        int64_t change = 0;
        void *block = *steps;
        for (int64_t j = 0; j < s->n; j++)
            if (s->kept[j] && s->best[j] > t)
                t = s->best[j];
        if (t == -(double)INFINITY) /* one item is left, or no two are alike */
            return REDUX_OK;
        s->freed_count = 0;
        for (int64_t j = 0; j < s->n; j++)
            change += settle(s, j, t);
        redux_status status =
            rdx_grow(context, &block, step_capacity, *step_count, *step_count + 1, sizeof **steps);
        *steps = block;
        if (status != REDUX_OK)
            return status;
        (*steps)[(*step_count)++] = (rdx_step){t, change};
    }
}

redux_status rdx_sweep(redux_context *context, const double *keys, int64_t n, rdx_step **steps,
                       int64_t *step_count, int64_t *step_capacity)
{
    sweep s = {.keys = keys, .n = n};
    const size_t each = 2 * sizeof(int64_t) + sizeof(double) + sizeof(bool);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)n, each));
    s.best = block;
    s.best_item = (void *)(s.best + n);
    s.freed = s.best_item + n;
    s.kept = (void *)(s.freed + n);
    redux_status status = run_sweep(context, &s, steps, step_count, step_capacity);
    rdx_free(block);
    return status;
}

/* ---- all scores of one group ---- */

typedef struct budget_job {
    const rdx_judging *judging;
    pthread_mutex_t mutex;
    rdx_step *steps; /* of all groups */
    int64_t step_count, step_capacity;
} budget_job;

typedef struct group_scores {
    rdx_group items;
    double *keys;
} group_scores;

static redux_status score_task(int64_t j, void *user)
{
    const group_scores *group = user;
    const redux_metric *metric = group->items.metric;
    redux_context *context = group->items.context;
    void *scratch;
    RDX_TRY(rdx_alloc(context, &scratch, 1, group->items.layout.scratch_bytes));
    for (int64_t i = 0; i < j; i++) {
        const double score =
            metric->ops->score(metric, &group->items.layout, rdx_group_item(&group->items, i),
                               rdx_group_item(&group->items, j), scratch);
        const double key = metric->ops->is_distance ? -score : score;
        group->keys[pair_index(i, j)] = isnan(key) ? -(double)INFINITY : key;
    }
    rdx_free(scratch);
    return rdx_progress_add(context, j);
}

static redux_status score_all(const group_scores *group)
{
    const int64_t n = group->items.count;
    void *block;
    RDX_TRY(rdx_alloc(group->items.context, &block, (uint64_t)n + 1, sizeof(int64_t)));
    int64_t *starts = block;
    for (int64_t j = 0; j <= n; j++)
        starts[j] = j * (j - 1) / 2;
    const rdx_spread items = rdx_group_spread(&group->items, n, starts, 1);
    redux_status status = rdx_spread_run(&items, score_task, (void *)(uintptr_t)group);
    if (status == REDUX_OK)
        status = rdx_spread_gather(&items, group->keys, sizeof *group->keys);
    rdx_free(block);
    return status;
}

/* Adds the steps of one group to those of all. */
static redux_status add_steps(budget_job *job, const rdx_step *steps, int64_t count)
{
    redux_status status = REDUX_OK;
    pthread_mutex_lock(&job->mutex);
    void *all = job->steps;
    if (count > 0)
        status = rdx_grow(job->judging->context, &all, &job->step_capacity, job->step_count,
                          job->step_count + count, sizeof(rdx_step));
    job->steps = all;
    if (status == REDUX_OK && count > 0) {
        memcpy(job->steps + job->step_count, steps, (size_t)count * sizeof *steps);
        job->step_count += count;
    }
    pthread_mutex_unlock(&job->mutex);
    return status;
}

static redux_status sweep_task(int64_t index, void *user)
{
    budget_job *job = user;
    redux_context *context = job->judging->context;
    group_scores group;
    rdx_step *steps = NULL;
    int64_t count = 0, capacity = 0;
    void *block = NULL;
    if (!rdx_rank_owns(job->judging, index))
        return REDUX_OK;
    RDX_TRY(rdx_group_collect(&group.items, job->judging, index));
    const int64_t n = group.items.count;
    redux_status status = rdx_alloc(context, &block, pair_index(0, RDX_MAX(n, 1)), sizeof(double));
    group.keys = block;
    if (status == REDUX_OK)
        status = score_all(&group);
    rdx_group_clear(&group.items);
    if (status == REDUX_OK && n > 1)
        status = rdx_sweep(context, group.keys, n, &steps, &count, &capacity);
    if (status == REDUX_OK)
        status = add_steps(job, steps, count);
    rdx_free(steps);
    rdx_free(block);
    return status;
}

/* ---- the threshold ---- */

static int compare_steps(const void *a, const void *b)
{
    const rdx_step *x = a, *y = b;
    return (x->key < y->key) - (x->key > y->key);
}

static int64_t readable_rows(const rdx_judging *judging)
{
    int64_t count = 0;
    for (int64_t p = 0; p < rdx_walk_count(judging->walk); p++)
        count += !judging->reduction->rows[judging->walk->rows[p]].skipped;
    return count;
}

/* The steps of all ranks' groups. */
static redux_status share_steps(budget_job *job, redux_status status)
{
    const rdx_judging *judging = job->judging;
    redux_context *context = judging->context;
    uint64_t *sizes = NULL, total = 0;
    void *all = NULL;
    if (judging->reduction->owner == NULL || judging->walk->groups == 1)
        return status;
    RDX_TRY(rdx_ranks_share(judging->reduction, context, status));
    RDX_TRY(rdx_gather(&all, &sizes, context, job->steps,
                       (uint64_t)job->step_count * sizeof *job->steps));
    for (int32_t r = 0; r < rdx_ranks(context); r++)
        total += sizes[r];
    rdx_free(sizes);
    rdx_free(job->steps);
    job->steps = all;
    job->step_count = (int64_t)(total / sizeof *job->steps);
    return REDUX_OK;
}

static redux_status threshold_by_sweep(double *threshold, const rdx_judging *judging)
{
    const rdx_walk *walk = judging->walk;
    budget_job job = {.judging = judging};
    pthread_mutex_init(&job.mutex, NULL);
    int64_t pairs = rdx_walk_count(walk); /* items are collected first */
    for (int64_t g = 0; g < walk->groups; g++) {
        const int64_t n = walk->start[g + 1] - walk->start[g];
        pairs += n * (n - 1) / 2;
    }
    rdx_progress_begin(judging->context, pairs);
    redux_status status = rdx_parallel(judging->context, walk->groups, sweep_task, &job);
    status = share_steps(&job, status);
    rdx_progress_begin(judging->context, 0);
    int64_t kept = readable_rows(judging), i = 0;
    *threshold = (double)NAN;
    if (status == REDUX_OK && job.step_count > 0)
        qsort(job.steps, (size_t)job.step_count, sizeof *job.steps, compare_steps);
    while (status == REDUX_OK && kept > judging->budget && i < job.step_count) {
        const double key = job.steps[i].key;
        for (; i < job.step_count && job.steps[i].key == key; i++)
            kept += job.steps[i].change;
        *threshold = judging->metric->ops->is_distance ? -key : key;
    }
    rdx_free(job.steps);
    pthread_mutex_destroy(&job.mutex);
    return status;
}

/* Hashes have few thresholds: try them one by one, smallest distance first. */
static redux_status threshold_by_trial(double *threshold, const rdx_judging *judging)
{
    const int64_t bits = 8 * judging->stream->stages[0].cache.shape[1]; /* or up to 7 more */
    for (int64_t distance = 0; distance <= bits; distance++) {
        int64_t kept;
        RDX_TRY(rdx_greedy(&kept, judging, (double)distance));
        *threshold = (double)distance;
        if (kept <= judging->budget)
            break;
    }
    return REDUX_OK;
}

static redux_status threshold_by_bisection(double *threshold, const rdx_judging *judging)
{
    const rdx_strategy_entry *strategy = rdx_strategy_of(judging->reduction->options.strategy);
    double low = strategy->low, high = strategy->high; /* at `low` everything is redundant */
    int64_t kept;
    RDX_TRY(rdx_greedy(&kept, judging, high));
    if (kept <= judging->budget)
        low = high;
    while (high - low > BISECTION_WIDTH) {
        const double middle = low + (high - low) / 2;
        RDX_TRY(rdx_greedy(&kept, judging, middle));
        if (kept <= judging->budget)
            low = middle;
        else
            high = middle;
    }
    *threshold = low;
    return REDUX_OK;
}

redux_status rdx_budget_threshold(double *threshold, int32_t *is_exact, const rdx_judging *judging)
{
    const rdx_walk *walk = judging->walk;
    int64_t largest = 0;
    *threshold = (double)NAN;
    *is_exact = 1;
    if (readable_rows(judging) <= judging->budget)
        return REDUX_OK;
    for (int64_t g = 0; g < walk->groups; g++)
        largest = RDX_MAX(largest, walk->start[g + 1] - walk->start[g]);
    if (largest <= SWEEP_MAX)
        return threshold_by_sweep(threshold, judging);
    if (rdx_strategy_of(judging->reduction->options.strategy)->is_callers)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "a budget with a custom metric takes at most %d slices in a %s", SWEEP_MAX,
                        walk->groups == 1 ? "dataset" : "volume");
    if (judging->metric->ops == &rdx_hamming_ops)
        return threshold_by_trial(threshold, judging);
    *is_exact = 0;
    return threshold_by_bisection(threshold, judging);
}

/* ---- the refill ---- */

typedef struct dropped {
    double weakness;  /* smaller: kept again sooner */
    int64_t position; /* in the walk */
    int64_t row;
} dropped;

static int compare_dropped(const void *a, const void *b)
{
    const dropped *x = a, *y = b;
    if (x->weakness != y->weakness)
        return x->weakness < y->weakness ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

redux_status rdx_refill(const rdx_judging *judging, bool low_first)
{
    redux_reduction *reduction = judging->reduction;
    const rdx_walk *walk = judging->walk;
    const int64_t rows = rdx_walk_count(walk);
    int64_t kept = 0, count = 0;
    void *block;
    RDX_TRY(rdx_alloc(judging->context, &block, (uint64_t)rows, sizeof(dropped)));
    dropped *list = block;
    for (int64_t p = 0; p < rows; p++) {
        const redux_row *row = &reduction->rows[walk->rows[p]];
        kept += row->kept;
        if (!row->kept && !row->skipped)
            list[count++] = (dropped){low_first ? row->score : -row->score, p, walk->rows[p]};
    }
    qsort(list, (size_t)count, sizeof *list, compare_dropped);
    for (int64_t i = 0; i < count && kept < judging->budget; i++, kept++) {
        rdx_row_keep(&reduction->rows[list[i].row]);
        reduction->summary.refilled++;
    }
    rdx_free(block);
    return REDUX_OK;
}
