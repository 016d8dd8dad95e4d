/* SPDX-License-Identifier: MIT
 * k-means: Lloyd's rounds from a random choice of vectors, until nothing changes. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/k_means.h>
#include "base/communicator.h"
#include "k_means.h"
#include "kernels/kernels.h"

#define ROUNDS 25
#define TILE 256 /* vectors a matrix product */
#define CENTROIDS_ABREAST 1024
#define CLUSTERS_A_TASK 8
#define OPERATION_CENTROIDS 0x73656d64u /* keys the choice of the first centroids */

typedef struct rounds_job {
    rdx_k_means *km;
    redux_context *context;
} rounds_job;

static const float *vector_of(const rdx_k_means *km, int64_t index)
{
    return km->vectors + index * km->stride;
}

static float *centroid_of(const rdx_k_means *km, int64_t cluster)
{
    return km->centroids + cluster * km->width;
}

static void choose_centroids(rdx_k_means *km)
{
    const redux_random_key key = {km->seed, km->level, OPERATION_CENTROIDS, km->round};
    for (int64_t i = 0; i < km->n; i++)
        km->members[i] = i;
    rdx_random_draw(km->members, km->n, km->k, &key);
    for (int64_t c = 0; c < km->k; c++)
        memcpy(centroid_of(km, c), vector_of(km, km->members[c]),
               (size_t)km->width * sizeof(float));
}

/* ---- to the nearest centroid ---- */

/* Tiles and blocks are fixed, so that results do not depend on the threads. */
static redux_status nearest_task(int64_t index, void *user)
{
    const rounds_job *job = user;
    rdx_k_means *km = job->km;
    const int64_t first = index * TILE, count = RDX_MIN(TILE, km->n - first);
    const int64_t room = RDX_MIN(km->k, CENTROIDS_ABREAST);
    redux_status status = REDUX_OK;
    double best[TILE];
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)TILE * (uint64_t)room, sizeof(float)));
    float *products = block;
    for (int64_t i = 0; i < count; i++)
        best[i] = -(double)INFINITY;
    for (int64_t c = 0; c < km->k; c += CENTROIDS_ABREAST) {
        const int64_t some = RDX_MIN(CENTROIDS_ABREAST, km->k - c);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)some, (int)km->width,
                    1, vector_of(km, first), (int)km->stride, centroid_of(km, c), (int)km->width, 0,
                    products, (int)room);
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < some; j++) {
                const double score = (double)products[i * room + j] - km->halves[c + j];
                if (score > best[i]) {
                    best[i] = score;
                    km->cluster[first + i] = c + j;
                }
            }
    }
    /* Products that overflow compare as nothing, and would leave a vector without a cluster. */
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        if (!isfinite(best[i]))
            status = rdx_fail(REDUX_E_INVALID,
                              "k-means: vector %lld is too long for single precision: scale the "
                              "vectors down",
                              (long long)(first + i));
    rdx_free(block);
    return status;
}

redux_status rdx_k_means_nearest(rdx_k_means *km, redux_context *context)
{
    rounds_job job = {km, context};
    rdx_spread vectors = {
        .context = context, .together = km->together, .count = km->n, .unit = TILE};
    rdx_spread_begin(&vectors);
    RDX_TRY(rdx_spread_run(&vectors, nearest_task, &job));
    return rdx_spread_gather(&vectors, km->cluster, sizeof *km->cluster);
}

/* ---- clusters ---- */

/* Lists the members of each cluster, in their own order. */
static void group_members(const rdx_k_means *km)
{
    int64_t *next = km->starts + 1; /* where the next member goes; then the next cluster begins */
    memset(km->starts, 0, (size_t)(km->k + 1) * sizeof *km->starts);
    for (int64_t i = 0; i < km->n; i++)
        next[km->cluster[i]]++;
    for (int64_t c = 0, before = 0; c < km->k; c++) {
        const int64_t count = next[c];
        next[c] = before;
        before += count;
    }
    for (int64_t i = 0; i < km->n; i++)
        km->members[next[km->cluster[i]]++] = i;
}

/* A task's first cluster and the one after its last. */
static int64_t span_of(int64_t *end, const rdx_k_means *km, int64_t index)
{
    *end = RDX_MIN((index + 1) * CLUSTERS_A_TASK, km->k);
    return index * CLUSTERS_A_TASK;
}

static redux_status for_clusters(redux_context *context, const rdx_k_means *km, rdx_task_fn task)
{
    rounds_job job = {(rdx_k_means *)(uintptr_t)km, context};
    return rdx_parallel(context, (km->k + CLUSTERS_A_TASK - 1) / CLUSTERS_A_TASK, task, &job);
}

/* Sums in double, in the order of the vectors, so that they do not depend on the threads. */
static void move_centroid(const rdx_k_means *km, int64_t cluster, double *sum)
{
    const int64_t first = km->starts[cluster], end = km->starts[cluster + 1];
    float *centroid = centroid_of(km, cluster);
    memset(sum, 0, (size_t)km->width * sizeof *sum);
    for (int64_t m = first; m < end; m++) {
        const float *vector = vector_of(km, km->members[m]);
        for (int64_t x = 0; x < km->width; x++)
            sum[x] += (double)vector[x];
    }
    for (int64_t x = 0; x < km->width && end > first; x++)
        centroid[x] = (float)(sum[x] / (double)(end - first));
}

static redux_status move_task(int64_t index, void *user)
{
    const rounds_job *job = user;
    int64_t end, cluster = span_of(&end, job->km, index);
    void *sum;
    RDX_TRY(rdx_alloc(job->context, &sum, (uint64_t)job->km->width, sizeof(double)));
    for (; cluster < end; cluster++)
        move_centroid(job->km, cluster, sum);
    rdx_free(sum);
    return REDUX_OK;
}

static redux_status measure_task(int64_t index, void *user)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const rounds_job *job = user;
    int64_t end, cluster = span_of(&end, job->km, index);
    for (; cluster < end; cluster++) {
        const float *centroid = centroid_of(job->km, cluster);
        job->km->halves[cluster] = kernels->dot_f32(centroid, centroid, job->km->width) / 2;
    }
    return REDUX_OK;
}

redux_status rdx_k_means_assign(rdx_k_means *km, redux_context *context)
{
    RDX_TRY(for_clusters(context, km, measure_task));
    RDX_TRY(rdx_k_means_nearest(km, context));
    group_members(km);
    return REDUX_OK;
}

/* ---- by distance ---- */

double rdx_k_means_distance(const rdx_k_means *km, int64_t vector)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const float *x = vector_of(km, vector);
    const int64_t c = km->cluster[vector];
    const double square = kernels->dot_f32(x, x, km->width) -
                          2 * kernels->dot_f32(x, centroid_of(km, c), km->width) +
                          2 * km->halves[c];
    return sqrt(RDX_MAX(square, 0));
}

typedef struct placed {
    double distance;
    int64_t vector;
} placed;

static int compare_placed(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->vector > y->vector) - (x->vector < y->vector);
}

static redux_status sort_task(int64_t index, void *user)
{
    const rounds_job *job = user;
    const rdx_k_means *km = job->km;
    int64_t end, cluster = span_of(&end, km, index);
    const int64_t first = km->starts[cluster];
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)(km->starts[end] - first), sizeof(placed)));
    placed *list = block;
    for (int64_t m = first; m < km->starts[end]; m++)
        list[m - first] = (placed){rdx_k_means_distance(km, km->members[m]), km->members[m]};
    for (; cluster < end; cluster++)
        qsort(list + (km->starts[cluster] - first),
              (size_t)(km->starts[cluster + 1] - km->starts[cluster]), sizeof *list,
              compare_placed);
    for (int64_t m = first; m < km->starts[end]; m++)
        km->members[m] = list[m - first].vector;
    rdx_free(block);
    return REDUX_OK;
}

redux_status rdx_k_means_sort(const rdx_k_means *km, redux_context *context)
{
    return for_clusters(context, km, sort_task);
}

/* ---- the rounds ---- */

static redux_status run_rounds(rdx_k_means *km, redux_context *context)
{
    const int rounds = km->rounds > 0 ? km->rounds : ROUNDS;
    void *block;
    choose_centroids(km);
    memset(km->cluster, -1, (size_t)km->n * sizeof *km->cluster);
    RDX_TRY(rdx_blas_ready(context));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)km->n, sizeof(int64_t)));
    int64_t *before = block;
    redux_status status = REDUX_OK;
    for (int round = 0; round < rounds && status == REDUX_OK; round++) {
        memcpy(before, km->cluster, (size_t)km->n * sizeof *before);
        status = rdx_k_means_assign(km, context);
        if (status != REDUX_OK || memcmp(before, km->cluster, (size_t)km->n * sizeof *before) == 0)
            break;
        status = for_clusters(context, km, move_task);
        if (status == REDUX_OK)
            status = rdx_progress_add(context, 0);
    }
    rdx_free(block);
    return status;
}

redux_status rdx_k_means_run(rdx_k_means *km, redux_context *context)
{
    const uint64_t k = (uint64_t)km->k, n = (uint64_t)km->n, width = (uint64_t)km->width;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (2 * n + 2 * k + 1) * 8 + k * width * sizeof(float), 1));
    km->cluster = block; /* one block holds them all */
    km->members = km->cluster + n;
    km->starts = km->members + n;
    km->halves = (void *)(km->starts + k + 1);
    km->centroids = (void *)(km->halves + k);
    redux_status status = run_rounds(km, context);
    if (status == REDUX_OK)
        status = for_clusters(context, km, measure_task);
    if (status != REDUX_OK)
        rdx_k_means_clear(km);
    return status;
}

void rdx_k_means_clear(rdx_k_means *km)
{
    rdx_free(km->cluster);
    km->cluster = km->members = km->starts = NULL;
    km->halves = NULL;
    km->centroids = NULL;
}

/* ---- public ---- */

static redux_status check_tensors(const redux_tensor *centroids, const redux_tensor *vectors)
{
    RDX_TRY(rdx_tensor_check(vectors, 2, REDUX_FLOAT32, "redux_k_means: vectors"));
    RDX_TRY(rdx_tensor_check(centroids, 2, REDUX_FLOAT32, "redux_k_means: centroids"));
    const int64_t k = centroids->shape[0], n = vectors->shape[0];
    if (centroids->shape[1] != vectors->shape[1] || vectors->shape[1] < 1)
        return rdx_fail(REDUX_E_INVALID,
                        "redux_k_means: vectors of %lld elements, centroids of %lld",
                        (long long)vectors->shape[1], (long long)centroids->shape[1]);
    if (k < 1 || k > n)
        return rdx_fail(REDUX_E_INVALID, "redux_k_means: %lld clusters of %lld vectors",
                        (long long)k, (long long)n);
    if (vectors->strides[1] != 1 || vectors->strides[0] < vectors->shape[1] ||
        vectors->strides[0] > INT32_MAX || !redux_tensor_is_contiguous(centroids))
        return rdx_fail(REDUX_E_INVALID, "redux_k_means: rows must be contiguous, and so must the "
                                         "centroids be as a whole");
    const int64_t wrong = rdx_first_not_finite(vectors);
    if (wrong >= 0)
        return rdx_fail(
            REDUX_E_INVALID, "redux_k_means: row %lld, column %lld is not a finite number",
            (long long)(wrong / vectors->shape[1]), (long long)(wrong % vectors->shape[1]));
    return REDUX_OK;
}

redux_status redux_k_means(redux_tensor *centroids, int64_t *cluster, redux_context *context,
                           const redux_tensor *vectors, const redux_k_means_options *options)
{
    redux_k_means_options known = REDUX_K_MEANS_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_k_means_options"));
    RDX_TRY(check_tensors(centroids, vectors));
    if (known.rounds < 0)
        return rdx_fail(REDUX_E_INVALID, "redux_k_means: %d rounds", (int)known.rounds);
    rdx_k_means km = {.vectors = vectors->data,
                      .n = vectors->shape[0],
                      .k = centroids->shape[0],
                      .width = vectors->shape[1],
                      .stride = vectors->strides[0],
                      .seed = known.seed,
                      .rounds = known.rounds};
    RDX_TRY(rdx_k_means_run(&km, context));
    memcpy(centroids->data, km.centroids, (size_t)(km.k * km.width) * sizeof *km.centroids);
    if (cluster != NULL)
        memcpy(cluster, km.cluster, (size_t)km.n * sizeof *cluster);
    rdx_k_means_clear(&km);
    return REDUX_OK;
}
