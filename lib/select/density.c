/* SPDX-License-Identifier: MIT
 * Density-based pruning (Abbas, Rusak, Tirumala, Brendel, Chaudhuri, Morcos 2024, "Effective
 * pruning of web-scale datasets based on complexity of concept clusters", arXiv 2401.04578): after
 * near-duplicates are gone, a cluster whose members lie far from its centroid, and whose centroid
 * lies far from the others, keeps more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "select.h"

#define ITEMS_A_CLUSTER 100 /* where no number of clusters is given */
#define NEIGHBOURS 20       /* centroids around each one; the paper's */

/* ---- how many of each cluster ---- */

static double clamped(const rdx_share *s, double lambda)
{
    return RDX_MIN(RDX_MAX(s->wanted + lambda, (double)s->low), (double)s->high);
}

static double sum_at(const rdx_share *shares, int64_t count, double lambda)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += clamped(&shares[i], lambda);
    return sum;
}

/* The largest lambda, to rounding, at which the sum does not exceed the total. */
static double find_lambda(const rdx_share *shares, int64_t count, double total)
{
    double low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = RDX_MIN(low, (double)shares[i].low - shares[i].wanted);
        high = RDX_MAX(high, (double)shares[i].high - shares[i].wanted);
    }
    for (;;) {
        const double middle = low + (high - low) / 2;
        if (!(middle > low && middle < high))
            return low;
        if (sum_at(shares, count, middle) <= total)
            low = middle;
        else
            high = middle;
    }
}

static int compare_remainders(const void *a, const void *b)
{
    const rdx_share *x = a, *y = b;
    if (x->remainder != y->remainder)
        return x->remainder > y->remainder ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int compare_numbers(const void *a, const void *b)
{
    const rdx_share *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* The continuous optimum is clamp(wanted + lambda). One more of a cluster costs 1 + 2 (x - wanted),
 * so the rest goes to the largest remainders: then no unit can move from one cluster to another and
 * lower the sum, which is convex. */
void rdx_share_out(rdx_share *shares, int64_t count, int64_t total)
{
    const double lambda = find_lambda(shares, count, (double)total);
    int64_t rest = total;
    for (int64_t i = 0; i < count; i++) {
        rdx_share *s = &shares[i];
        s->number = i;
        s->taken = (int64_t)floor(clamped(s, lambda));
        s->remainder = s->wanted + lambda - (double)s->taken;
        rest -= s->taken;
    }
    qsort(shares, (size_t)count, sizeof *shares, compare_remainders);
    for (int64_t i = 0; rest > 0; i = (i + 1) % count)
        if (shares[i].taken < shares[i].high) {
            shares[i].taken++;
            rest--;
        }
    qsort(shares, (size_t)count, sizeof *shares, compare_numbers);
}

/* ---- density ---- */

/* The mean of 1 - cosine to the nearest other centroids, into `wanted`. A centroid may not be its
 * own nearest, where others are the same; then the last of the list is left out for it. */
static redux_status spread_of_centroids(rdx_share *shares, const rdx_k_means *km,
                                        const rdx_group *group)
{
    const int64_t shape[2] = {km->k, km->width}, most = RDX_MIN(NEIGHBOURS + 1, km->k);
    redux_tensor centroids;
    void *block;
    RDX_TRY(redux_tensor_borrow(&centroids, km->centroids, REDUX_FLOAT32, 2, shape, NULL));
    RDX_TRY(rdx_alloc(group->context, &block, (uint64_t)(km->k * most), 16));
    int64_t *nearest = block;
    double *scores = (void *)(nearest + km->k * most);
    const redux_status status = redux_metric_nearest(nearest, scores, group->context, group->metric,
                                                     &centroids, &centroids, most);
    for (int64_t c = 0; c < km->k && status == REDUX_OK; c++) {
        double sum = 0;
        int64_t own = most - 1;
        for (int64_t i = 0; i < most; i++)
            own = nearest[c * most + i] == c ? i : own;
        for (int64_t i = 0; i < most; i++)
            sum += i == own ? 0 : 1 - scores[c * most + i];
        shares[c].wanted = most > 1 ? sum / (double)(most - 1) : 0;
    }
    rdx_free(block);
    return status;
}

/* The softmax of d_intra d_inter / tau times the budget. An empty cluster takes no part. */
static void weigh(rdx_share *shares, const rdx_k_means *km, double tau, int64_t budget)
{
    double largest = 0, sum = 0;
    for (int64_t c = 0; c < km->k; c++) {
        const int64_t first = km->starts[c], end = km->starts[c + 1];
        double distances = 0;
        for (int64_t m = first; m < end; m++)
            distances += rdx_k_means_distance(km, km->members[m]);
        shares[c].high = end - first;
        shares[c].low = RDX_MAX(RDX_MIN(1, shares[c].high - 1), 0);
        shares[c].wanted *= end > first ? distances / (double)(end - first) / tau : 0;
        largest = RDX_MAX(largest, shares[c].wanted);
    }
    for (int64_t c = 0; c < km->k; c++) {
        shares[c].wanted = shares[c].high > 0 ? exp(shares[c].wanted - largest) : 0;
        sum += shares[c].wanted;
    }
    for (int64_t c = 0; c < km->k; c++)
        shares[c].wanted *= (double)budget / sum;
}

static redux_status check_bounds(const rdx_share *shares, int64_t count, int64_t budget)
{
    int64_t least = 0;
    for (int64_t c = 0; c < count; c++)
        least += shares[c].low;
    if (budget >= least)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID,
                    "density: %lld slices are not one for each of the %lld clusters of two or "
                    "more: keep at least %lld, or take fewer clusters",
                    (long long)budget, (long long)least, (long long)least);
}

/* In each cluster, keeps those farthest from the centroid. */
static redux_status keep_farthest(const rdx_group *group, const rdx_k_means *km,
                                  const rdx_share *shares)
{
    RDX_TRY(rdx_k_means_sort(km, group->context));
    for (int64_t c = 0; c < km->k; c++)
        for (int64_t i = 1; i <= shares[c].taken; i++)
            rdx_group_keep(group, km->members[km->starts[c + 1] - i]);
    return REDUX_OK;
}

static redux_status keep_by_density(const rdx_group *group, const rdx_k_means *km, int64_t budget)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(group->context, &block, (uint64_t)km->k, sizeof(rdx_share)));
    rdx_share *shares = block;
    redux_status status = spread_of_centroids(shares, km, group);
    if (status == REDUX_OK) {
        weigh(shares, km, group->reduction->options.temperature, budget);
        status = check_bounds(shares, km->k, budget);
    }
    if (status == REDUX_OK) {
        rdx_share_out(shares, km->k, budget);
        status = keep_farthest(group, km, shares);
    }
    rdx_free(block);
    return status;
}

/* ---- the whole ---- */

static redux_status prune_group(const rdx_group *group, int64_t budget)
{
    const redux_reduce_options *options = &group->reduction->options;
    const int64_t n = group->count, wanted = options->clusters;
    const int64_t clusters = wanted > 0 ? wanted : (n + ITEMS_A_CLUSTER - 1) / ITEMS_A_CLUSTER;
    rdx_k_means km = rdx_group_k_means(group, clusters);
    for (int64_t i = 0; i < n; i++)
        group->reduction->rows[group->rows[i]].kept = 0;
    RDX_TRY(rdx_k_means_run(&km, group->context));
    const redux_status status = keep_by_density(group, &km, budget);
    rdx_k_means_clear(&km);
    return status;
}

/* Leaves `budget` of the kept rows. */
static redux_status prune(const rdx_judging *judging, int64_t kept)
{
    const rdx_walk *walk = judging->walk;
    int64_t start[2] = {0, 0};
    rdx_group group;
    void *block;
    RDX_TRY(rdx_alloc(judging->context, &block, (uint64_t)kept, sizeof(int64_t)));
    const rdx_walk kept_rows = {1, start, block};
    rdx_judging rest = *judging;
    rest.walk = &kept_rows;
    for (int64_t p = 0; p < rdx_walk_count(walk); p++)
        if (judging->reduction->rows[walk->rows[p]].kept)
            kept_rows.rows[start[1]++] = walk->rows[p];
    redux_status status = rdx_group_collect(&group, &rest, 0);
    if (status == REDUX_OK) {
        status = prune_group(&group, judging->budget);
        rdx_group_clear(&group);
    }
    rdx_free(block);
    return status;
}

redux_status rdx_density(double *threshold, const rdx_judging *judging)
{
    int64_t kept;
    rdx_group group;
    *threshold = judging->threshold;
    RDX_TRY(rdx_greedy(&kept, judging, judging->threshold));
    if (kept > judging->budget)
        RDX_TRY(prune(judging, kept));
    else
        RDX_TRY(rdx_refill(judging, true));
    RDX_TRY(rdx_group_collect(&group, judging, 0));
    const redux_status status = rdx_group_drop_others(&group);
    rdx_group_clear(&group);
    return status;
}
