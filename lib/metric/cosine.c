/* SPDX-License-Identifier: MIT
 * Cosine similarity of embeddings.
 *
 * Single-precision matrix products (OpenBLAS) only propose pairs, because their bits depend on the
 * BLAS, its threads and the shape of the block. Pairs within their error bound of the threshold
 * are computed again in double, in a fixed order, and that score decides. So results depend on
 * nothing but the two vectors, and sgemm still does nearly all the work. */
#include <cblas.h>
#include <math.h>
#include <string.h>
#include "kernels/kernels.h"
#include "metric.h"

#define TILE 64         /* candidates of a matrix product */
#define SEARCH_TILE 256 /* queries of one, enough to pay for sgemm's copies of both sides */

/* Follows the vector, which is scaled to length 1, rounded to float and padded to 64 bytes. */
typedef struct cosine_tail {
    double inverse_norm; /* of the rounded vector; 0: similar to nothing (zeros, NaN, infinity) */
    double padding[7];
} cosine_tail;

_Static_assert(sizeof(cosine_tail) == RDX_COSINE_TAIL, "saved indexes hold it");

static int64_t floats_per_item(const rdx_layout *layout)
{
    return (int64_t)(layout->item_bytes / sizeof(float));
}

static const cosine_tail *tail_of(const rdx_layout *layout, const void *prepared)
{
    return (const void *)((const char *)prepared + layout->item_bytes - sizeof(cosine_tail));
}

static redux_status cosine_layout(const redux_metric *metric, rdx_layout *layout)
{
    (void)metric;
    if (layout->dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "cosine: embeddings are %s, not float32",
                        redux_dtype_name(layout->dtype));
    if (layout->width > 1 << 20)
        return rdx_fail(REDUX_E_INVALID, "cosine: embeddings of %lld elements",
                        (long long)layout->width);
    layout->item_bytes =
        ((size_t)layout->width * sizeof(float) + 63) / 64 * 64 + sizeof(cosine_tail);
    layout->scratch_bytes = (size_t)SEARCH_TILE * RDX_BLOCK_ROWS * sizeof(float);
    return REDUX_OK;
}

static void cosine_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                           void *prepared, void *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const float *vector = item;
    float *unit = prepared;
    cosine_tail tail = {0, {0}};
    (void)metric;
    (void)scratch;
    const double norm = sqrt(kernels->dot_f32(vector, vector, layout->width));
    memset(prepared, 0, layout->item_bytes);
    if (norm > 0 && isfinite(norm)) {
        for (int64_t i = 0; i < layout->width; i++)
            unit[i] = (float)((double)vector[i] / norm);
        tail.inverse_norm = 1 / sqrt(kernels->dot_f32(unit, unit, layout->width));
    }
    memcpy((char *)prepared + layout->item_bytes - sizeof tail, &tail, sizeof tail);
}

static double cosine_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                           const void *b, void *scratch)
{
    const double scale = tail_of(layout, a)->inverse_norm * tail_of(layout, b)->inverse_norm;
    (void)metric;
    (void)scratch;
    if (scale == 0)
        return 0;
    if (memcmp(a, b, layout->item_bytes) == 0)
        return 1;
    const double cosine = rdx_kernels_get()->dot_f32(a, b, layout->width) * scale;
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

/* A float below every single-precision product whose exact cosine reaches the threshold. For unit
 * vectors the rounding errors of a product of n terms sum to at most n u / (1 - n u), u = 2^-24
 * (Higham, Accuracy and Stability, 3.1), and the vectors' own rounding adds less than 4 u. */
static float proposal_limit(const rdx_layout *layout, double threshold)
{
    const double error = ((double)layout->width + 8) * 0x1p-24;
    return (float)(threshold - 2 * error - 0x1p-22);
}

/* products[q * RDX_BLOCK_ROWS + i] = queries[q] . many[i] */
static void multiply(const rdx_layout *layout, const char *many, int64_t count, const char *queries,
                     int64_t query_count, float *products)
{
    const int stride = (int)floats_per_item(layout);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)query_count, (int)count,
                (int)layout->width, 1, (const float *)(const void *)queries, stride,
                (const float *)(const void *)many, stride, 0, products, RDX_BLOCK_ROWS);
}

static void cosine_first_redundant(const redux_metric *metric, const rdx_layout *layout,
                                   const void *kept, int64_t kept_count, const void *candidates,
                                   int64_t count, double threshold, int64_t *first, double *scores,
                                   void *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const float limit = proposal_limit(layout, threshold);
    const float *products = scratch;
    int64_t open = count;
    for (int64_t q = 0; q < count; q++)
        first[q] = -1;
    for (int64_t start = 0; start < kept_count && open > 0; start += RDX_BLOCK_ROWS) {
        const int64_t rows = RDX_MIN(RDX_BLOCK_ROWS, kept_count - start);
        const char *block = (const char *)kept + (size_t)start * layout->item_bytes;
        multiply(layout, block, rows, candidates, count, scratch);
        for (int64_t q = 0; q < count; q++) {
            const char *query = (const char *)candidates + (size_t)q * layout->item_bytes;
            for (int64_t i = 0; first[q] < 0; i++) {
                i = kernels->at_least_f32(products + q * RDX_BLOCK_ROWS, i, rows, limit);
                if (i == rows)
                    break;
                scores[q] = cosine_score(metric, layout, block + (size_t)i * layout->item_bytes,
                                         query, NULL);
                if (scores[q] >= threshold) {
                    first[q] = start + i;
                    open--;
                }
            }
        }
    }
}

static int64_t cosine_hits(const redux_metric *metric, const rdx_layout *layout, const void *many,
                           int64_t count, const void *queries, int64_t query_count,
                           const double *thresholds, rdx_hit *hits, void *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const float *products = scratch;
    int64_t found = 0;
    multiply(layout, many, count, queries, query_count, scratch);
    for (int64_t q = 0; q < query_count; q++) {
        const char *query = (const char *)queries + (size_t)q * layout->item_bytes;
        const float *row = products + q * RDX_BLOCK_ROWS;
        const float limit = proposal_limit(layout, thresholds[q]);
        for (int64_t i = kernels->at_least_f32(row, 0, count, limit); i < count;
             i = kernels->at_least_f32(row, i + 1, count, limit)) {
            const double score = cosine_score(
                metric, layout, (const char *)many + (size_t)i * layout->item_bytes, query, NULL);
            if (score >= thresholds[q])
                hits[found++] = (rdx_hit){(int32_t)q, (int32_t)i, score};
        }
    }
    return found;
}

const rdx_metric_ops rdx_cosine_ops = {
    .name = "cosine",
    .is_distance = 0,
    .item_axes = 1,
    .layout = cosine_layout,
    .prepare = cosine_prepare,
    .score = cosine_score,
    .first_redundant = cosine_first_redundant,
    .hits = cosine_hits,
    .tile = TILE,
    .search_tile = SEARCH_TILE,
};
