/* SPDX-License-Identifier: MIT
 * The medoid rule: of each run of similar slices, keeps the most typical one, not the first. */
#include <math.h>
#include <string.h>
#include "select.h"

/* The items that the seed could replace, and working memory for them. */
typedef struct cluster {
    const rdx_group *group;
    double threshold;
    uint8_t *open;    /* of the group's items: still in the pool */
    double *scores;   /* of the group's items, to the seed or the medoid */
    int64_t *members; /* in the order of the walk */
    int64_t count;
    double *sums; /* of a member's scores with all members */
} cluster;

static redux_status find_members(cluster *c, int64_t seed)
{
    const rdx_group *group = c->group;
    RDX_TRY(rdx_group_score(c->scores, group, rdx_group_item(group, seed), seed + 1, c->open));
    c->count = 0;
    c->members[c->count++] = seed;
    for (int64_t i = seed + 1; i < group->count; i++)
        if (c->open[i] && rdx_is_redundant(group->metric, c->scores[i], c->threshold))
            c->members[c->count++] = i;
    return REDUX_OK;
}

static redux_status sum_task(int64_t index, void *user)
{
    const cluster *c = user;
    const rdx_group *group = c->group;
    const rdx_metric_ops *ops = group->metric->ops;
    void *scratch;
    RDX_TRY(rdx_alloc(group->context, &scratch, 1, group->layout.scratch_bytes));
    double sum = 0;
    for (int64_t i = 0; i < c->count; i++)
        if (i != index) {
            const double score =
                ops->score(group->metric, &group->layout, rdx_group_item(group, c->members[index]),
                           rdx_group_item(group, c->members[i]), scratch);
            sum += isnan(score) ? 0 : score;
        }
    c->sums[index] = ops->is_distance ? -sum : sum;
    rdx_free(scratch);
    return REDUX_OK;
}

static redux_status find_medoid(cluster *c, int64_t *medoid)
{
    int64_t best = 0;
    if (c->count > 2) { /* of two items both are medoids, and the first is taken */
        const rdx_spread members = rdx_group_spread(c->group, c->count, NULL, 1);
        RDX_TRY(rdx_spread_run(&members, sum_task, c));
        RDX_TRY(rdx_spread_gather(&members, c->sums, sizeof *c->sums));
    }
    for (int64_t i = 1; c->count > 2 && i < c->count; i++)
        if (c->sums[i] > c->sums[best])
            best = i;
    *medoid = c->members[best];
    return REDUX_OK;
}

/* Keeps the medoid and drops the slices that it replaces. The rest stays in the pool. */
static redux_status settle(cluster *c, int64_t medoid)
{
    const rdx_group *group = c->group;
    void *scratch;
    RDX_TRY(rdx_alloc(group->context, &scratch, 1, group->layout.scratch_bytes));
    for (int64_t m = 0; m < c->count; m++) {
        const int64_t i = c->members[m];
        if (i == medoid)
            continue;
        const double score =
            group->metric->ops->score(group->metric, &group->layout, rdx_group_item(group, medoid),
                                      rdx_group_item(group, i), scratch);
        if (!rdx_is_redundant(group->metric, score, c->threshold))
            continue;
        rdx_group_drop(group, i, medoid, score);
        c->open[i] = 0;
    }
    rdx_group_keep(group, medoid);
    c->open[medoid] = 0;
    rdx_free(scratch);
    return REDUX_OK;
}

redux_status rdx_medoid(const rdx_group *group, double threshold)
{
    const size_t n = (size_t)group->count;
    cluster c = {.group = group, .threshold = threshold};
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(group->context, &block, n, 2 * sizeof(double) + sizeof(int64_t) + 1));
    c.scores = block;
    c.sums = c.scores + n;
    c.members = (void *)(c.sums + n);
    c.open = (void *)(c.members + n);
    memset(c.open, 1, n);
    for (int64_t seed = 0; seed < group->count && status == REDUX_OK;) {
        int64_t medoid = seed;
        if (!c.open[seed]) {
            seed++;
            continue;
        }
        status = find_members(&c, seed);
        if (status == REDUX_OK)
            status = find_medoid(&c, &medoid);
        if (status == REDUX_OK)
            status = settle(&c, medoid);
    }
    rdx_free(block);
    return status;
}
