/* SPDX-License-Identifier: MIT
 * Weighted nearest neighbours by cosine (Wu et al. 2018): a probe without training. */
#include <cblas.h>
#include <math.h>
#include <string.h>
#include "probe.h"

#define TILE 64    /* queries of one task */
#define BLOCK 1024 /* training rows of one matrix product */

typedef struct search {
    redux_context *context;
    const double *rows, *queries; /* unit length */
    int64_t n, m, d;
    rdx_neighbours *out;
} search;

static void normalise(double *x, int64_t n, int64_t d)
{
    for (int64_t i = 0; i < n; i++) {
        double square = 0;
        for (int64_t j = 0; j < d; j++)
            square += x[i * d + j] * x[i * d + j];
        const double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int64_t j = 0; j < d; j++)
            x[i * d + j] *= scale;
    }
}

/* Inserts a row into the sorted list of the best. Rows come by number. */
static int64_t insert(int32_t *rows, double *cosines, int64_t used, int64_t room, int64_t row,
                      double cosine)
{
    int64_t at = used;
    if (used == room && !(cosine > cosines[used - 1]))
        return used;
    while (at > 0 && cosine > cosines[at - 1])
        at--;
    used += used < room;
    for (int64_t i = used - 1; i > at; i--) {
        rows[i] = rows[i - 1];
        cosines[i] = cosines[i - 1];
    }
    rows[at] = (int32_t)row;
    cosines[at] = cosine;
    return used;
}

static redux_status search_tile(int64_t tile, void *user)
{
    const search *s = user;
    const int64_t first = tile * TILE, queries = RDX_MIN(TILE, s->m - first), room = s->out->count;
    int64_t used[TILE] = {0};
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)TILE * BLOCK, sizeof(double)));
    double *product = block;
    for (int64_t begin = 0; begin < s->n; begin += BLOCK) {
        const int64_t rows = RDX_MIN(BLOCK, s->n - begin);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)queries, (int)rows, (int)s->d,
                    1.0, s->queries + first * s->d, (int)s->d, s->rows + begin * s->d, (int)s->d,
                    0.0, product, BLOCK);
        for (int64_t q = 0; q < queries; q++)
            for (int64_t i = 0; i < rows; i++)
                used[q] =
                    insert(s->out->row + (first + q) * room, s->out->cosine + (first + q) * room,
                           used[q], room, begin + i, product[q * BLOCK + i]);
    }
    rdx_free(block);
    return REDUX_OK;
}

void rdx_neighbours_free(rdx_neighbours *neighbours)
{
    rdx_free(neighbours->row);
    rdx_free(neighbours->cosine);
    memset(neighbours, 0, sizeof *neighbours);
}

static redux_status find(rdx_neighbours *out, redux_context *context, double *rows, int64_t n,
                         double *queries, int64_t d)
{
    const uint64_t entries = (uint64_t)out->queries * (uint64_t)out->count;
    search s = {context, rows, queries, n, out->queries, d, out};
    void *block;
    RDX_TRY(rdx_alloc(context, &block, entries, sizeof(int32_t)));
    out->row = block;
    RDX_TRY(rdx_alloc(context, &block, entries, sizeof(double)));
    out->cosine = block;
    normalise(rows, n, d);
    normalise(queries, out->queries, d);
    RDX_TRY(rdx_blas_ready(context));
    return rdx_parallel(context, (out->queries + TILE - 1) / TILE, search_tile, &s);
}

redux_status rdx_neighbours_find(rdx_neighbours *out, redux_context *context,
                                 const redux_tensor *features, const redux_tensor *queries,
                                 int64_t count)
{
    double *rows = NULL, *asked = NULL;
    memset(out, 0, sizeof *out);
    RDX_TRY(rdx_features(&rows, context, features, "features"));
    redux_status status = rdx_features(&asked, context, queries, "queries");
    if (status == REDUX_OK &&
        (features->shape[1] != queries->shape[1] || count < 1 || features->shape[0] > INT32_MAX))
        status =
            rdx_fail(REDUX_E_INVALID, "knn: %lld neighbours, features of widths %lld and %lld",
                     (long long)count, (long long)features->shape[1], (long long)queries->shape[1]);
    if (status == REDUX_OK) {
        out->queries = queries->shape[0];
        out->count = RDX_MIN(count, features->shape[0]);
        status = find(out, context, rows, features->shape[0], asked, features->shape[1]);
        if (status != REDUX_OK)
            rdx_neighbours_free(out);
    }
    rdx_free(rows);
    rdx_free(asked);
    return status;
}

void rdx_neighbours_vote(double *probabilities, const rdx_neighbours *neighbours,
                         const int32_t *labels, int32_t classes, int64_t k, double temperature)
{
    k = RDX_MIN(k, neighbours->count);
    for (int64_t q = 0; q < neighbours->queries; q++) {
        const int32_t *rows = neighbours->row + q * neighbours->count;
        const double *cosines = neighbours->cosine + q * neighbours->count;
        double *out = probabilities + q * classes, sum = 0;
        memset(out, 0, (size_t)classes * sizeof *out);
        for (int64_t i = 0; i < k; i++) { /* the best one has weight 1, so nothing overflows */
            const double weight = exp((cosines[i] - cosines[0]) / temperature);
            out[labels[rows[i]]] += weight;
            sum += weight;
        }
        for (int32_t c = 0; c < classes; c++)
            out[c] /= sum;
    }
}

redux_status redux_knn_predict(const redux_tensor *probabilities, redux_context *context,
                               const redux_tensor *features, const redux_tensor *labels,
                               int32_t classes, const redux_tensor *queries,
                               const redux_knn_options *options)
{
    redux_knn_options known = REDUX_KNN_OPTIONS_INIT;
    rdx_neighbours neighbours;
    int32_t *y;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_knn_options"));
    RDX_TRY(rdx_tensor_check(features, 2, 0, "features"));
    RDX_TRY(rdx_tensor_check(queries, 2, 0, "queries"));
    RDX_TRY(rdx_tensor_check(probabilities, 2, REDUX_FLOAT64, "probabilities"));
    if (known.neighbours < 1 || !(known.temperature > 0) ||
        probabilities->shape[0] != queries->shape[0] || probabilities->shape[1] != classes ||
        !redux_tensor_is_contiguous(probabilities))
        return rdx_fail(REDUX_E_INVALID,
                        "redux_knn_predict: %d neighbours at temperature %g, or probabilities of "
                        "another shape",
                        (int)known.neighbours, known.temperature);
    RDX_TRY(rdx_class_labels(&y, context, labels, features->shape[0], classes));
    const redux_status status =
        rdx_neighbours_find(&neighbours, context, features, queries, known.neighbours);
    if (status == REDUX_OK) {
        rdx_neighbours_vote(probabilities->data, &neighbours, y, classes, known.neighbours,
                            known.temperature);
        rdx_neighbours_free(&neighbours);
    }
    rdx_free(y);
    return status;
}
