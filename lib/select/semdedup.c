/* SPDX-License-Identifier: MIT
 * SemDeDup (Abbas, Tirumala, Simig, Ganguli, Morcos 2023, arXiv 2303.09540): k-means over unit
 * vectors. In each cluster, in order of falling distance from the centroid, an item is dropped if
 * it is similar to one before it (section 3, appendix A: the maximum over the upper triangle). */
#include <math.h>
#include <stdlib.h>
#include "kernels/kernels.h"
#include "select.h"

#define ITEMS_A_CLUSTER 1000 /* where no number of clusters is given */

typedef struct member {
    double to_centroid; /* cosine */
    int64_t item;
} member;

typedef struct thinning {
    const rdx_group *group;
    rdx_k_means km;
    double threshold;
    member *members; /* [items] by cluster */
    int64_t *kept;   /* [items] each item's kept one, itself if it is kept */
} thinning;

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->to_centroid != y->to_centroid)
        return x->to_centroid < y->to_centroid ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Lists the members of each cluster, those farthest from its centroid first. */
static void sort_out(const thinning *t)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const rdx_k_means *km = &t->km;
    for (int64_t m = 0; m < km->n; m++) {
        const int64_t item = km->members[m], c = km->cluster[item];
        const double length = sqrt(2 * km->halves[c]);
        const double dot = kernels->dot_f32(rdx_group_item(t->group, item),
                                            km->centroids + c * km->width, km->width);
        t->members[m] = (member){length > 0 ? dot / length : 0, item};
    }
    for (int64_t c = 0; c < km->k; c++)
        qsort(t->members + km->starts[c], (size_t)(km->starts[c + 1] - km->starts[c]),
              sizeof(member), compare_members);
}

/* The item most similar to `item` among those before it, the first of equals; -1 if none is
 * redundant. */
static int64_t most_alike(const thinning *t, const member *before, int64_t count, int64_t item,
                          void *scratch)
{
    const rdx_group *group = t->group;
    double best = -(double)INFINITY;
    int64_t found = -1;
    for (int64_t i = 0; i < count; i++) {
        const double score = group->metric->ops->score(group->metric, &group->layout,
                                                       rdx_group_item(group, before[i].item),
                                                       rdx_group_item(group, item), scratch);
        if (score > best) {
            best = score;
            found = before[i].item;
        }
    }
    return found >= 0 && rdx_is_redundant(group->metric, best, t->threshold) ? found : -1;
}

static redux_status thin_cluster(int64_t index, void *user)
{
    const thinning *t = user;
    const rdx_group *group = t->group;
    const member *members = t->members + t->km.starts[index];
    const int64_t count = t->km.starts[index + 1] - t->km.starts[index];
    void *scratch;
    RDX_TRY(rdx_alloc(group->context, &scratch, 1, group->layout.scratch_bytes));
    for (int64_t m = 0; m < count; m++) {
        const int64_t item = members[m].item;
        const int64_t alike = most_alike(t, members, m, item, scratch);
        t->kept[item] = alike < 0 ? item : t->kept[alike];
        if (alike < 0) {
            rdx_group_keep(group, item);
            continue;
        }
        rdx_group_drop(group, item, t->kept[item],
                       group->metric->ops->score(group->metric, &group->layout,
                                                 rdx_group_item(group, t->kept[item]),
                                                 rdx_group_item(group, item), scratch));
    }
    rdx_free(scratch);
    return REDUX_OK;
}

static redux_status thin(thinning *t)
{
    redux_context *context = t->group->context;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)t->km.n, sizeof(member) + sizeof(int64_t)));
    t->members = block;
    t->kept = (void *)(t->members + t->km.n);
    sort_out(t);
    const redux_status status = rdx_parallel(context, t->km.k, thin_cluster, t);
    rdx_free(block);
    return status;
}

redux_status rdx_semdedup(const rdx_group *group, double threshold)
{
    const int64_t n = group->count, wanted = group->reduction->options.clusters;
    const int64_t clusters = wanted > 0 ? wanted : (n + ITEMS_A_CLUSTER - 1) / ITEMS_A_CLUSTER;
    if (n == 0)
        return REDUX_OK;
    thinning t = {.group = group, .km = rdx_group_k_means(group, clusters), .threshold = threshold};
    RDX_TRY(rdx_k_means_run(&t.km, group->context));
    const redux_status status = thin(&t);
    rdx_k_means_clear(&t.km);
    return status;
}
