/* SPDX-License-Identifier: MIT
 * Label suspicion: is a sample nearer to another label than to its own? By blocked products of
 * float32 rows; the two nearest rows decide in double. */
#include <cblas.h>
#include <math.h>
#include <string.h>
#include "audit.h"

#define TILE 64    /* rows of one task */
#define BLOCK 1024 /* rows of one product */
#define MOST                                                                                       \
    65536 /* rows among which neighbours are looked for: time grows with n, not its square */

redux_status rdx_unit_rows(float **out, uint8_t **zero, redux_context *context,
                           const redux_tensor *embeddings)
{
    void *values, *zeros;
    RDX_TRY(rdx_tensor_check(embeddings, 2, REDUX_FLOAT32, "embeddings"));
    const int64_t n = embeddings->shape[0], d = embeddings->shape[1];
    if (d < 1 || d > 1 << 24)
        return rdx_fail(REDUX_E_INVALID, "embeddings of %lld dimensions", (long long)d);
    const int64_t bad = rdx_first_not_finite(embeddings);
    if (bad >= 0)
        return rdx_fail(REDUX_E_INVALID, "embeddings: row %lld, column %lld is not finite",
                        (long long)(bad / d), (long long)(bad % d));
    RDX_TRY(rdx_alloc(context, &values, (uint64_t)n * (uint64_t)d, sizeof(float)));
    const redux_status status = rdx_alloc_zero(context, &zeros, (uint64_t)n, 1);
    if (status != REDUX_OK) {
        rdx_free(values);
        return status;
    }
    float *row = values;
    for (int64_t i = 0; i < n; i++, row += d) {
        double square = 0;
        for (int64_t j = 0; j < d; j++) {
            row[j] =
                ((const float *)
                     embeddings->data)[i * embeddings->strides[0] + j * embeddings->strides[1]];
            square += (double)row[j] * (double)row[j];
        }
        ((uint8_t *)zeros)[i] = !(square > 0);
        const double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int64_t j = 0; j < d; j++)
            row[j] = (float)((double)row[j] * scale);
    }
    *out = values;
    *zero = zeros;
    return REDUX_OK;
}

typedef struct suspicion {
    redux_context *context;
    const float *rows;   /* unit length */
    const uint8_t *zero; /* rows that have no direction */
    int64_t n, d;
    const int32_t *labels;
    double *scores;
    int64_t *others;
    float *references;       /* [reference_count, d]: some of the rows */
    int64_t *reference_rows; /* which */
    int64_t reference_count;
} suspicion;

/* All rows, or `most` of them, evenly spaced. */
static redux_status choose_references(suspicion *s, int64_t most)
{
    void *block;
    s->reference_count = RDX_MIN(s->n, most);
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)s->reference_count, sizeof(int64_t)));
    s->reference_rows = block;
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)s->reference_count * (uint64_t)s->d,
                      sizeof(float)));
    s->references = block;
    for (int64_t i = 0; i < s->reference_count; i++) {
        const int64_t row = (int64_t)((double)i * (double)s->n / (double)s->reference_count);
        s->reference_rows[i] = row;
        memcpy(s->references + i * s->d, s->rows + row * s->d, (size_t)s->d * sizeof(float));
    }
    return REDUX_OK;
}

/* The most similar rows so far, and the least similar one. */
typedef struct nearest {
    int64_t same, other, farthest;
    float same_cosine, other_cosine, least;
} nearest;

static bool takes_part(const suspicion *s, int64_t row)
{
    return s->labels[row] >= 0 && !s->zero[row];
}

static void look(nearest *found, const suspicion *s, int64_t row, int64_t first, int64_t count,
                 const float *cosines)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = s->reference_rows[first + i];
        if (at == row || !takes_part(s, at))
            continue;
        if (found->farthest < 0 || cosines[i] < found->least) {
            found->farthest = at;
            found->least = cosines[i];
        }
        const bool same = s->labels[at] == s->labels[row];
        if (same && (found->same < 0 || cosines[i] > found->same_cosine)) {
            found->same = at;
            found->same_cosine = cosines[i];
        } else if (!same && (found->other < 0 || cosines[i] > found->other_cosine)) {
            found->other = at;
            found->other_cosine = cosines[i];
        }
    }
}

/* 1 - cos, from the difference of the unit rows: exact for near ones. */
static double distance(const suspicion *s, int64_t a, int64_t b)
{
    const float *x = s->rows + a * s->d, *y = s->rows + b * s->d;
    double square = 0;
    for (int64_t j = 0; j < s->d; j++) {
        const double difference = (double)x[j] - (double)y[j];
        square += difference * difference;
    }
    return square / 2;
}

static void settle(const suspicion *s, int64_t row, const nearest *found)
{
    s->scores[row] = (double)NAN;
    if (s->others != NULL)
        s->others[row] = found->other;
    if (!takes_part(s, row) || found->other < 0)
        return;
    const double same = distance(s, row, found->same >= 0 ? found->same : found->farthest);
    const double other = distance(s, row, found->other);
    const double sum = same * same + other * other;
    s->scores[row] = sum > 0 ? other * other / sum : 0.5;
}

static redux_status suspect_tile(int64_t tile, void *user)
{
    const suspicion *s = user;
    const int64_t first = tile * TILE, rows = RDX_MIN(TILE, s->n - first);
    nearest found[TILE];
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)TILE * BLOCK, sizeof(float)));
    float *cosines = block;
    for (int64_t i = 0; i < rows; i++)
        found[i] = (nearest){.same = -1, .other = -1, .farthest = -1};
    for (int64_t begin = 0; begin < s->reference_count; begin += BLOCK) {
        const int64_t count = RDX_MIN(BLOCK, s->reference_count - begin);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)count, (int)s->d, 1,
                    s->rows + first * s->d, (int)s->d, s->references + begin * s->d, (int)s->d, 0,
                    cosines, BLOCK);
        for (int64_t i = 0; i < rows; i++)
            if (takes_part(s, first + i))
                look(&found[i], s, first + i, begin, count, cosines + i * BLOCK);
    }
    for (int64_t i = 0; i < rows; i++)
        settle(s, first + i, &found[i]);
    rdx_free(block);
    return rdx_progress_add(s->context, rows);
}

redux_status rdx_suspicion(double *scores, int64_t *others, redux_context *context,
                           const redux_tensor *embeddings, const int32_t *labels, int64_t most)
{
    float *rows;
    uint8_t *zero;
    if (scores == NULL || labels == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_suspicion: an argument is NULL");
    RDX_TRY(rdx_unit_rows(&rows, &zero, context, embeddings));
    suspicion s = {
        context, rows, zero, embeddings->shape[0], embeddings->shape[1], labels, scores, others,
        NULL,    NULL, 0};
    redux_status status = rdx_blas_ready(context);
    if (status == REDUX_OK)
        status = choose_references(&s, most);
    if (status == REDUX_OK && s.n > most)
        rdx_log(context, REDUX_LOG_INFO,
                "labels: the neighbours of %lld rows are looked for among %lld of them",
                (long long)s.n, (long long)most);
    rdx_progress_begin(context, s.n);
    if (status == REDUX_OK)
        status = rdx_parallel(context, (s.n + TILE - 1) / TILE, suspect_tile, &s);
    rdx_progress_begin(context, 0);
    rdx_free(s.references);
    rdx_free(s.reference_rows);
    rdx_free(rows);
    rdx_free(zero);
    return status;
}

redux_status redux_audit_suspicion(double *scores, int64_t *others, redux_context *context,
                                   const redux_tensor *embeddings, const int32_t *labels)
{
    return rdx_suspicion(scores, others, context, embeddings, labels, MOST);
}
