/* SPDX-License-Identifier: MIT
 * Hierarchical k-means with resampling, and balanced sampling from the tree (Vo et al. 2024,
 * "Automatic data curation for self-supervised learning", arXiv 2405.15613): k-means of unit
 * vectors, k-means of the centroids, and so on. Clusters of centroids are spread more evenly over
 * what there is than the vectors are, so that sampling evenly from the top down keeps more of what
 * is rare. */
#include <math.h>
#include <string.h>
#include "select.h"

#define RESAMPLINGS 10  /* the paper's */
#define MEAN_CLUSTER 10 /* points of a level for each of its clusters, unless clusters says */
#define OPERATION_SHARE 0x68737368u /* keys the draws among children */

typedef struct tree_level {
    rdx_k_means km;  /* of the items, or of the level below's centroids */
    int64_t *sizes;  /* [k] items under each cluster */
    int64_t *wanted; /* [k] how many of them to keep */
} tree_level;

typedef struct tree {
    const rdx_group *group;
    const redux_reduce_options *options;
    int64_t levels;
    tree_level *list; /* from the items up */
    int64_t *open;    /* [items] work */
} tree;

/* ---- building ---- */

/* Copies the `most` members nearest to each centroid; returns how many. Members are sorted. */
static int64_t copy_nearest(float *out, const rdx_k_means *km, int64_t most)
{
    int64_t count = 0;
    for (int64_t c = 0; c < km->k; c++)
        for (int64_t m = km->starts[c]; m < RDX_MIN(km->starts[c] + most, km->starts[c + 1]); m++)
            memcpy(out + count++ * km->width, km->vectors + km->members[m] * km->stride,
                   (size_t)km->width * sizeof(float));
    return count;
}

/* Clusters anew the vectors nearest to each centroid, and assigns all to the new centroids: dense
 * places lose clusters to sparse ones. */
static redux_status resample(rdx_k_means *km, redux_context *context, uint64_t round)
{
    const int64_t most = RDX_MAX(km->n / (2 * km->k), 1); /* half of the mean cluster */
    void *block;
    RDX_TRY(rdx_k_means_sort(km, context));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)RDX_MIN(km->k * most, km->n) * (uint64_t)km->width,
                      sizeof(float)));
    rdx_k_means some = *km;
    some.vectors = block;
    some.stride = km->width;
    some.n = copy_nearest(block, km, most);
    some.k = RDX_MIN(km->k, some.n);
    some.round = round;
    redux_status status = rdx_k_means_run(&some, context);
    if (status == REDUX_OK) {
        km->k = some.k;
        memcpy(km->centroids, some.centroids, (size_t)(km->k * km->width) * sizeof *km->centroids);
        rdx_k_means_clear(&some);
        status = rdx_k_means_assign(km, context);
    }
    rdx_free(block);
    return status;
}

/* Items under each cluster: members of the first level count as one. */
static void count_items(const tree *t, int64_t at)
{
    const tree_level *level = &t->list[at];
    memset(level->sizes, 0, (size_t)level->km.k * sizeof *level->sizes);
    for (int64_t i = 0; i < level->km.n; i++)
        level->sizes[level->km.cluster[i]] += at == 0 ? 1 : t->list[at - 1].sizes[i];
}

static redux_status build_level(const tree *t, int64_t at)
{
    redux_context *context = t->group->context;
    tree_level *level = &t->list[at];
    void *block;
    RDX_TRY(rdx_k_means_run(&level->km, context));
    for (uint64_t round = 1; round <= RESAMPLINGS; round++)
        RDX_TRY(resample(&level->km, context, round));
    RDX_TRY(rdx_alloc_zero(context, &block, 2 * (uint64_t)level->km.k, sizeof(int64_t)));
    level->sizes = block;
    level->wanted = level->sizes + level->km.k;
    count_items(t, at);
    return REDUX_OK;
}

static redux_status build(const tree *t)
{
    const rdx_group *group = t->group;
    for (int64_t at = 0; at < t->levels; at++) {
        rdx_k_means *km = &t->list[at].km;
        *km = rdx_group_k_means(group, t->options->clusters);
        if (at > 0) {
            const rdx_k_means *below = &t->list[at - 1].km;
            km->vectors = below->centroids;
            km->stride = below->width;
            km->n = below->k;
            km->level = (uint32_t)at;
        }
        if (at > 0 || km->k == 0)
            km->k = RDX_MAX(km->n / MEAN_CLUSTER, 1);
        RDX_TRY(build_level(t, at));
    }
    return REDUX_OK;
}

/* ---- sampling ---- */

/* The largest cap with sum min(cap, size) <= wanted. */
static int64_t largest_cap(const tree_level *level, const int64_t *children, int64_t count,
                           int64_t wanted)
{
    int64_t low = 0, high = wanted; /* no child may exceed what is wanted of all */
    while (low < high) {
        const int64_t middle = high - (high - low) / 2;
        int64_t sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += RDX_MIN(middle, level->sizes[children[i]]);
        if (sum <= wanted)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Shares what is wanted of cluster `parent` among its children in `level`: each up to the cap, and
 * one more of random ones that have more. */
static void share(const tree *t, int64_t at, int64_t parent, const int64_t *children, int64_t count,
                  int64_t wanted)
{
    const redux_random_key key = {t->options->seed, (uint32_t)at, OPERATION_SHARE,
                                  (uint64_t)parent};
    const tree_level *level = &t->list[at];
    const int64_t cap = largest_cap(level, children, count, wanted);
    int64_t larger = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t child = children[i];
        level->wanted[child] = RDX_MIN(cap, level->sizes[child]);
        wanted -= level->wanted[child];
        if (level->sizes[child] > cap)
            t->open[larger++] = child;
    }
    wanted = RDX_MIN(wanted, larger); /* more than there are: all are kept */
    rdx_random_draw(t->open, larger, wanted, &key);
    for (int64_t i = 0; i < wanted; i++)
        level->wanted[t->open[i]]++;
}

static void share_tree(const tree *t, int64_t budget)
{
    const int64_t top = t->levels - 1, clusters = t->list[top].km.k;
    int64_t *all = t->open + t->group->count;
    for (int64_t c = 0; c < clusters; c++)
        all[c] = c;
    share(t, top, 0, all, clusters, budget);
    for (int64_t at = top; at > 0; at--) {
        const rdx_k_means *km = &t->list[at].km;
        for (int64_t c = 0; c < km->k; c++)
            share(t, at - 1, c, km->members + km->starts[c], km->starts[c + 1] - km->starts[c],
                  t->list[at].wanted[c]);
    }
}

/* Keeps what is wanted of each of the lowest clusters. */
static redux_status keep_leaves(const tree *t)
{
    const tree_level *level = &t->list[0];
    const rdx_k_means *km = &level->km;
    if (t->options->nearest)
        RDX_TRY(rdx_k_means_sort(km, t->group->context));
    for (int64_t c = 0; c < km->k; c++) {
        const redux_random_key key = {t->options->seed, UINT32_MAX, OPERATION_SHARE, (uint64_t)c};
        int64_t *members = km->members + km->starts[c];
        if (!t->options->nearest)
            rdx_random_draw(members, km->starts[c + 1] - km->starts[c], level->wanted[c], &key);
        for (int64_t m = 0; m < level->wanted[c]; m++)
            rdx_group_keep(t->group, members[m]);
    }
    return REDUX_OK;
}

/* ---- the whole ---- */

static redux_status grow_tree(tree *t, int64_t budget)
{
    redux_status status = build(t);
    if (status == REDUX_OK) {
        share_tree(t, budget);
        status = keep_leaves(t);
    }
    for (int64_t at = 0; at < t->levels; at++) {
        rdx_k_means_clear(&t->list[at].km);
        rdx_free(t->list[at].sizes);
    }
    return status;
}

static redux_status keep_some(const rdx_group *group, int64_t budget)
{
    const redux_reduce_options *options = &group->reduction->options;
    tree t = {.group = group, .options = options, .levels = options->levels};
    void *block;
    RDX_TRY(rdx_alloc_zero(group->context, &block, 1,
                           (uint64_t)t.levels * sizeof(tree_level) +
                               2 * (uint64_t)group->count * sizeof(int64_t)));
    t.list = block;
    t.open = (void *)(t.list + t.levels);
    const redux_status status = grow_tree(&t, budget);
    rdx_free(block);
    return status;
}

redux_status rdx_hierarchical(double *threshold, const rdx_judging *judging)
{
    rdx_group group;
    *threshold = (double)NAN; /* it has none */
    RDX_TRY(rdx_group_collect(&group, judging, 0));
    redux_status status = group.count == 0 ? REDUX_OK : keep_some(&group, judging->budget);
    if (status == REDUX_OK)
        status = rdx_group_drop_others(&group);
    rdx_group_clear(&group);
    return status;
}
