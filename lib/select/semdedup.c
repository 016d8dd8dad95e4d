/* SPDX-License-Identifier: MIT
 * SemDeDup (Abbas, Tirumala, Simig, Ganguli, Morcos 2023, arXiv 2303.09540): k-means over unit
 * vectors; in each cluster every item goes that is like one before it, in order of falling distance
 * from the centroid (section 3, appendix A: the maximum over the upper triangle). */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/random.h>
#include "kernels/kernels.h"
#include "select.h"

#define ROUNDS 25 /* faiss's default */
#define TILE 256  /* items a matrix product */
#define CENTROIDS_ABREAST 1024
#define ITEMS_A_CLUSTER 1000            /* where no number of clusters is given */
#define OPERATION_CENTROIDS 0x73656d64u /* keys the choice of the first centroids */

typedef struct member {
    double to_centroid; /* cosine */
    int64_t item;
} member;

typedef struct kmeans {
    const rdx_group *group;
    int64_t n, k, width, stride; /* stride: floats from item to item */
    float *centroids;            /* [k, width] */
    double *halves;              /* [k] half of a centroid's squared length */
    double *sums;                /* [k, width] */
    int64_t *cluster, *counts;   /* [n], [k] */
    member *members;             /* by cluster */
    int64_t *starts;             /* [k + 1] */
    double threshold;
} kmeans;

static const float *vector_of(const kmeans *km, int64_t item)
{
    return rdx_group_item(km->group, item);
}

/* k different items, by a partial shuffle. */
static void choose_centroids(kmeans *km)
{
    const redux_random_key key = {km->group->reduction->options.seed, 0, OPERATION_CENTROIDS, 0};
    for (int64_t i = 0; i < km->n; i++)
        km->cluster[i] = i;
    for (int64_t c = 0; c < km->k; c++) {
        const int64_t other =
            c + (int64_t)redux_random_below(&key, (uint32_t)c, (uint64_t)(km->n - c));
        const int64_t item = km->cluster[other];
        km->cluster[other] = km->cluster[c];
        km->cluster[c] = item;
        memcpy(km->centroids + c * km->width, vector_of(km, item),
               (size_t)km->width * sizeof(float));
    }
    for (int64_t i = 0; i < km->n; i++)
        km->cluster[i] = -1;
}

/* The nearest centroid of each item of a tile: the one with the largest x . c - |c|^2 / 2; the
 * first of equals. Tiles and blocks are fixed, so that results do not depend on the threads. */
static redux_status assign_task(int64_t index, void *user)
{
    kmeans *km = user;
    const int64_t first = index * TILE, count = RDX_MIN(TILE, km->n - first);
    double best[TILE];
    void *block;
    RDX_TRY(
        rdx_alloc(km->group->context, &block, (uint64_t)TILE * CENTROIDS_ABREAST, sizeof(float)));
    float *products = block;
    for (int64_t i = 0; i < count; i++)
        best[i] = -(double)INFINITY;
    for (int64_t c = 0; c < km->k; c += CENTROIDS_ABREAST) {
        const int64_t some = RDX_MIN(CENTROIDS_ABREAST, km->k - c);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)some, (int)km->width,
                    1, vector_of(km, first), (int)km->stride, km->centroids + c * km->width,
                    (int)km->width, 0, products, CENTROIDS_ABREAST);
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < some; j++) {
                const double score =
                    (double)products[i * CENTROIDS_ABREAST + j] - km->halves[c + j];
                if (score > best[i]) {
                    best[i] = score;
                    km->cluster[first + i] = c + j;
                }
            }
    }
    rdx_free(block);
    return REDUX_OK;
}

/* Means in double, in the order of the items; a cluster that nothing is near stays where it is. */
static void move_centroids(kmeans *km)
{
    memset(km->sums, 0, (size_t)(km->k * km->width) * sizeof *km->sums);
    memset(km->counts, 0, (size_t)km->k * sizeof *km->counts);
    for (int64_t i = 0; i < km->n; i++) {
        double *sum = km->sums + km->cluster[i] * km->width;
        const float *vector = vector_of(km, i);
        km->counts[km->cluster[i]]++;
        for (int64_t x = 0; x < km->width; x++)
            sum[x] += (double)vector[x];
    }
    for (int64_t c = 0; c < km->k; c++)
        for (int64_t x = 0; x < km->width && km->counts[c] > 0; x++)
            km->centroids[c * km->width + x] =
                (float)(km->sums[c * km->width + x] / (double)km->counts[c]);
}

static void measure_centroids(kmeans *km)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    for (int64_t c = 0; c < km->k; c++) {
        const float *centroid = km->centroids + c * km->width;
        km->halves[c] = kernels->dot_f32(centroid, centroid, km->width) / 2;
    }
}

/* Lloyd's rounds, until nothing changes. */
static redux_status cluster_items(kmeans *km, redux_context *context)
{
    redux_status status = REDUX_OK;
    void *block;
    choose_centroids(km);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)km->n, sizeof(int64_t)));
    int64_t *before = block;
    for (int round = 0; round < ROUNDS && status == REDUX_OK; round++) {
        memcpy(before, km->cluster, (size_t)km->n * sizeof *before);
        measure_centroids(km);
        status = rdx_parallel(context, (km->n + TILE - 1) / TILE, assign_task, km);
        if (status != REDUX_OK || memcmp(before, km->cluster, (size_t)km->n * sizeof *before) == 0)
            break;
        move_centroids(km);
        status = rdx_progress_add(context, 0);
    }
    rdx_free(block);
    return status;
}

/* ---- within clusters ---- */

static int compare_members(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->to_centroid != y->to_centroid)
        return x->to_centroid < y->to_centroid ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void sort_out(kmeans *km)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    int64_t *counts = km->counts;
    memset(counts, 0, (size_t)km->k * sizeof *counts);
    for (int64_t i = 0; i < km->n; i++)
        counts[km->cluster[i]]++;
    km->starts[0] = 0;
    for (int64_t c = 0; c < km->k; c++) {
        km->starts[c + 1] = km->starts[c] + counts[c];
        counts[c] = km->starts[c];
    }
    for (int64_t i = 0; i < km->n; i++) {
        const int64_t c = km->cluster[i];
        const double length = sqrt(2 * km->halves[c]);
        const double dot =
            kernels->dot_f32(vector_of(km, i), km->centroids + c * km->width, km->width);
        km->members[counts[c]++] = (member){length > 0 ? dot / length : 0, i};
    }
    for (int64_t c = 0; c < km->k; c++)
        qsort(km->members + km->starts[c], (size_t)(km->starts[c + 1] - km->starts[c]),
              sizeof(member), compare_members);
}

/* The item most like `item` among those before it, the first of equals; -1: none is redundant. */
static int64_t most_alike(const kmeans *km, const member *before, int64_t count, int64_t item,
                          void *scratch)
{
    const rdx_group *group = km->group;
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
    return found >= 0 && rdx_is_redundant(group->metric, best, km->threshold) ? found : -1;
}

/* km->cluster is done with: from here on it holds each item's kept one, itself if it is kept. */
static redux_status thin_cluster(int64_t index, void *user)
{
    kmeans *km = user;
    const rdx_group *group = km->group;
    const member *members = km->members + km->starts[index];
    const int64_t count = km->starts[index + 1] - km->starts[index];
    void *scratch;
    RDX_TRY(rdx_alloc(group->context, &scratch, 1, group->layout.scratch_bytes));
    for (int64_t m = 0; m < count; m++) {
        const int64_t item = members[m].item;
        const int64_t alike = most_alike(km, members, m, item, scratch);
        km->cluster[item] = alike < 0 ? item : km->cluster[alike];
        if (alike < 0) {
            rdx_group_keep(group, item);
            continue;
        }
        const int64_t witness = km->cluster[item];
        rdx_group_drop(group, item, witness,
                       group->metric->ops->score(group->metric, &group->layout,
                                                 rdx_group_item(group, witness),
                                                 rdx_group_item(group, item), scratch));
    }
    rdx_free(scratch);
    return REDUX_OK;
}

static redux_status run(kmeans *km, redux_context *context)
{
    RDX_TRY(cluster_items(km, context));
    measure_centroids(km);
    sort_out(km);
    return rdx_parallel(context, km->k, thin_cluster, km);
}

redux_status rdx_semdedup(const rdx_group *group, double threshold)
{
    const int64_t wanted = group->reduction->options.clusters;
    kmeans km = {.group = group, .n = group->count, .threshold = threshold};
    void *block;
    if (km.n == 0)
        return REDUX_OK;
    km.k = wanted > 0 ? wanted : (km.n + ITEMS_A_CLUSTER - 1) / ITEMS_A_CLUSTER;
    km.k = RDX_MIN(km.k, km.n);
    km.width = group->layout.width;
    km.stride = (int64_t)(group->layout.item_bytes / sizeof(float));
    const uint64_t k = (uint64_t)km.k, n = (uint64_t)km.n, width = (uint64_t)km.width;
    RDX_TRY(rdx_alloc(group->context, &block,
                      k * width * (sizeof(double) + sizeof(float)) + (3 * k + 1) * 8 +
                          n * (sizeof(member) + sizeof(int64_t)),
                      1));
    km.sums = block;
    km.halves = km.sums + k * width;
    km.members = (void *)(km.halves + k);
    km.cluster = (void *)(km.members + n);
    km.counts = km.cluster + n;
    km.starts = km.counts + k;
    km.centroids = (void *)(km.starts + k + 1);
    const redux_status status = run(&km, group->context);
    rdx_free(block);
    return status;
}
