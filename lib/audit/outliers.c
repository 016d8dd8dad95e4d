/* SPDX-License-Identifier: MIT
 * Outliers, by the mean distance to their nearest neighbours, and how many slices there are in
 * effect. */
#include <cblas.h>
#include <math.h>
#include <redux/metric.h>
#include "audit.h"

typedef struct outlier_job {
    redux_context *context;
    const redux_scan *scan;
    const redux_tensor *embeddings;
    redux_audit_outliers_options options;
    int64_t *queries, *references; /* rows */
    int64_t query_count, reference_count;
    int64_t *nearest; /* [queries, neighbours + 1]: each finds itself, where it is a reference */
    double *cosines;
    double *distance, *score; /* [queries] */
    int64_t *twin;
    redux_findings *findings;
} outlier_job;

/* Rows that have a direction, and at most `most` of them, evenly spaced, as references. */
static redux_status choose_rows(outlier_job *job)
{
    float *rows;
    uint8_t *zero;
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, 2 * (uint64_t)job->scan->count, sizeof(int64_t)));
    job->queries = block;
    job->references = job->queries + job->scan->count;
    RDX_TRY(rdx_unit_rows(&rows, &zero, job->context, job->embeddings));
    for (int64_t i = 0; i < job->scan->count; i++)
        if (!zero[i] && job->scan->slices[i].is_read)
            job->queries[job->query_count++] = i;
    rdx_free(rows);
    rdx_free(zero);
    job->reference_count = RDX_MIN(job->query_count, job->options.most);
    job->options.neighbours = (int32_t)RDX_MIN(job->options.neighbours, job->reference_count);
    for (int64_t i = 0; i < job->reference_count; i++)
        job->references[i] = job->queries[(int64_t)((double)i * (double)job->query_count /
                                                    (double)job->reference_count)];
    return REDUX_OK;
}

static redux_status take_rows(redux_tensor *out, outlier_job *job, const int64_t *rows,
                              int64_t count)
{
    const redux_tensor *from = job->embeddings;
    const int64_t shape[2] = {count, from->shape[1]};
    RDX_TRY(redux_tensor_new(out, job->context, REDUX_FLOAT32, 2, shape));
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < shape[1]; j++)
            ((float *)out->data)[i * shape[1] + j] =
                ((const float *)from->data)[rows[i] * from->strides[0] + j * from->strides[1]];
    return REDUX_OK;
}

static redux_status find_nearest(outlier_job *job)
{
    redux_metric *metric = NULL;
    redux_tensor queries, references;
    RDX_TRY(take_rows(&queries, job, job->queries, job->query_count));
    redux_status status = take_rows(&references, job, job->references, job->reference_count);
    if (status == REDUX_OK) {
        status = redux_metric_new_cosine(&metric, job->context);
        if (status == REDUX_OK)
            status = redux_metric_nearest(job->nearest, job->cosines, job->context, metric,
                                          &queries, &references, job->options.neighbours + 1);
        redux_metric_free(metric);
        redux_tensor_release(&references);
    }
    redux_tensor_release(&queries);
    return status;
}

static void mean_distance(outlier_job *job, int64_t query)
{
    const int64_t k = job->options.neighbours, row = job->queries[query];
    double sum = 0;
    int64_t count = 0;
    job->twin[query] = -1;
    for (int64_t i = 0; i <= k && count < k; i++) {
        const int64_t at = job->nearest[query * (k + 1) + i];
        if (at < 0 || job->references[at] == row)
            continue;
        if (count++ == 0)
            job->twin[query] = job->references[at];
        sum += 1 - job->cosines[query * (k + 1) + i];
    }
    job->distance[query] = count == 0 ? 0 : fmax(sum / (double)count, 0);
    job->score[query] = 1 - job->distance[query] / 2;
}

static redux_status allocate(outlier_job *job)
{
    const uint64_t n = (uint64_t)job->query_count, k = (uint64_t)job->options.neighbours + 1;
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, n * (k + 1), sizeof(int64_t)));
    job->nearest = block;
    job->twin = job->nearest + n * k;
    RDX_TRY(rdx_alloc(job->context, &block, n * (k + 2), sizeof(double)));
    job->cosines = block;
    job->distance = job->cosines + n * k;
    job->score = job->distance + n;
    return rdx_findings_new(&job->findings, job->context);
}

static redux_status run(outlier_job *job)
{
    double cut;
    RDX_TRY(choose_rows(job));
    RDX_TRY(allocate(job));
    if (job->query_count < 2)
        return REDUX_OK;
    RDX_TRY(find_nearest(job));
    for (int64_t i = 0; i < job->query_count; i++)
        mean_distance(job, i);
    RDX_TRY(redux_audit_cut(&cut, job->context, job->score, job->query_count, job->query_count,
                            job->options.alpha, job->options.quantile));
    for (int64_t i = 0; i < job->query_count; i++) {
        redux_finding finding = rdx_finding_slice(job->scan->dataset, REDUX_AUDIT_OUTLIER,
                                                  job->queries[i], job->distance[i]);
        if (!(cut > 0 && job->score[i] <= cut) || job->twin[i] < 0)
            continue;
        rdx_finding_set_other(&finding, job->scan->dataset, job->twin[i], false);
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    rdx_findings_sort(job->findings, false);
    return REDUX_OK;
}

redux_status rdx_check_embeddings(const redux_tensor *embeddings, const redux_scan *scan)
{
    RDX_TRY(rdx_tensor_check(embeddings, 2, REDUX_FLOAT32, "embeddings"));
    if (embeddings->shape[0] != scan->count)
        return rdx_fail(REDUX_E_INVALID, "embeddings: %lld rows for %lld slices",
                        (long long)embeddings->shape[0], (long long)scan->count);
    return REDUX_OK;
}

redux_status redux_audit_outliers(redux_findings **out, redux_context *context,
                                  const redux_scan *scan, const redux_tensor *embeddings,
                                  const redux_audit_outliers_options *options)
{
    outlier_job job = {.context = context,
                       .scan = scan,
                       .embeddings = embeddings,
                       .options = REDUX_AUDIT_OUTLIERS_OPTIONS_INIT};
    if (out == NULL || scan == NULL || embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_outliers: an argument is NULL");
    RDX_TRY(rdx_read_options(&job.options, sizeof job.options, options,
                             "redux_audit_outliers_options"));
    if (job.options.neighbours < 1 || job.options.most < 2)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_outliers_options: neighbours %d, most %lld",
                        (int)job.options.neighbours, (long long)job.options.most);
    RDX_TRY(rdx_check_embeddings(embeddings, scan));
    const redux_status status = run(&job);
    rdx_free(job.queries);
    rdx_free(job.nearest);
    rdx_free(job.cosines);
    if (status != REDUX_OK) {
        redux_findings_free(job.findings);
        return status;
    }
    *out = job.findings;
    return REDUX_OK;
}

/* ---- effective number ---- */

redux_status redux_audit_effective(double *out, redux_context *context,
                                   const redux_tensor *embeddings)
{
    float *rows;
    uint8_t *zero;
    void *block;
    int64_t used = 0;
    double squares = 0;
    if (out == NULL || embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_effective: an argument is NULL");
    RDX_TRY(rdx_unit_rows(&rows, &zero, context, embeddings));
    const int64_t n = embeddings->shape[0], d = embeddings->shape[1];
    for (int64_t i = 0; i < n; i++)
        used += !zero[i];
    redux_status status = rdx_alloc_zero(context, &block, (uint64_t)d * (uint64_t)d, sizeof(float));
    if (status == REDUX_OK) {
        status = rdx_blas_ready(context);
        if (status == REDUX_OK && used > 0)
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)d, (int)d, (int)n,
                        1 / (float)used, rows, (int)d, rows, (int)d, 0, block, (int)d);
        for (int64_t i = 0; i < d * d; i++)
            squares += (double)((float *)block)[i] * (double)((float *)block)[i];
        rdx_free(block);
        *out = squares > 0 ? 1 / squares : 0;
    }
    rdx_free(rows);
    rdx_free(zero);
    return status;
}
