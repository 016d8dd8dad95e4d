/* SPDX-License-Identifier: MIT
 * k-means: Lloyd's rounds from a random choice of vectors, until nothing changes. */
#include <cblas.h>
#include <math.h>
#include <string.h>
#include <redux/random.h>
#include "k_means.h"
#include "kernels/kernels.h"

#define ROUNDS 25 /* faiss's default */
#define TILE 256  /* vectors a matrix product */
#define CENTROIDS_ABREAST 1024
#define OPERATION_CENTROIDS 0x73656d64u /* keys the choice of the first centroids */

static const float *vector_of(const rdx_k_means *km, int64_t index)
{
    return km->vectors + index * km->stride;
}

/* k different vectors, by a partial shuffle. */
static void choose_centroids(rdx_k_means *km)
{
    const redux_random_key key = {km->seed, 0, OPERATION_CENTROIDS, 0};
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

typedef struct rounds_job {
    rdx_k_means *km;
    redux_context *context;
} rounds_job;

/* The nearest centroid of each vector of a tile: the largest x . c - |c|^2 / 2, the first of
 * equals. Tiles and blocks are fixed, so that results do not depend on the threads. */
static redux_status assign_task(int64_t index, void *user)
{
    const rounds_job *job = user;
    rdx_k_means *km = job->km;
    const int64_t first = index * TILE, count = RDX_MIN(TILE, km->n - first);
    double best[TILE];
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)TILE * CENTROIDS_ABREAST, sizeof(float)));
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

/* Means in double, in the order of the vectors. The centroid of an empty cluster does not move. */
static void move_centroids(rdx_k_means *km)
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

static void measure_centroids(rdx_k_means *km)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    for (int64_t c = 0; c < km->k; c++) {
        const float *centroid = km->centroids + c * km->width;
        km->halves[c] = kernels->dot_f32(centroid, centroid, km->width) / 2;
    }
}

/* Lloyd's rounds, until nothing changes. */
static redux_status run_rounds(rdx_k_means *km, redux_context *context)
{
    rounds_job job = {km, context};
    redux_status status = REDUX_OK;
    void *block;
    choose_centroids(km);
    RDX_TRY(rdx_blas_ready(context));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)km->n, sizeof(int64_t)));
    int64_t *before = block;
    for (int round = 0; round < ROUNDS && status == REDUX_OK; round++) {
        memcpy(before, km->cluster, (size_t)km->n * sizeof *before);
        measure_centroids(km);
        status = rdx_parallel(context, (km->n + TILE - 1) / TILE, assign_task, &job);
        if (status != REDUX_OK || memcmp(before, km->cluster, (size_t)km->n * sizeof *before) == 0)
            break;
        move_centroids(km);
        status = rdx_progress_add(context, 0);
    }
    rdx_free(block);
    return status;
}

redux_status rdx_k_means_run(rdx_k_means *km, redux_context *context)
{
    const uint64_t k = (uint64_t)km->k, n = (uint64_t)km->n, width = (uint64_t)km->width;
    void *block;
    RDX_TRY(rdx_alloc(context, &block,
                      k * width * (sizeof(double) + sizeof(float)) + (2 * k + n) * 8, 1));
    km->sums = block;
    km->halves = km->sums + k * width;
    km->cluster = (void *)(km->halves + k);
    km->counts = km->cluster + n;
    km->centroids = (void *)(km->counts + k);
    const redux_status status = run_rounds(km, context);
    if (status == REDUX_OK)
        measure_centroids(km);
    else
        rdx_k_means_clear(km);
    return status;
}

void rdx_k_means_clear(rdx_k_means *km)
{
    rdx_free(km->sums); /* one block holds them all */
    km->sums = km->halves = NULL;
    km->cluster = km->counts = NULL;
    km->centroids = NULL;
}
