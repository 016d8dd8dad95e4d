/* SPDX-License-Identifier: MIT
 * Labels: twins with different ones, and those that the neighbours contradict. */
#include <stdlib.h>
#include <string.h>
#include "audit.h"

typedef struct label_job {
    redux_context *context;
    const redux_scan *scan;
    const redux_tensor *embeddings;
    const int32_t *labels;
    redux_audit_labels_options options;
    redux_findings *findings;
} label_job;

/* ---- conflicts ---- */

static redux_status add_conflicts(const label_job *job, const rdx_item *queries, int64_t count,
                                  const rdx_item *references, const rdx_twin *twins)
{
    for (int64_t i = 0; i < count; i++) {
        if (twins[i].at < 0)
            continue;
        redux_finding finding = rdx_finding_slice(job->scan->dataset, REDUX_AUDIT_LABEL_CONFLICT,
                                                  queries[i].slice, twins[i].score);
        rdx_finding_set_other(&finding, job->scan->dataset, references[twins[i].at].slice, false);
        finding.turn = twins[i].turn;
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

/* The slices of one class are looked up among those of all others. */
static redux_status compare_class(const label_job *job, int32_t label, rdx_item *items,
                                  rdx_twin *twins)
{
    const rdx_twins_options options = {job->options.threshold, job->options.candidates, true};
    rdx_item *references = items + job->scan->count;
    int64_t queries = 0, others = 0;
    for (int64_t i = 0; i < job->scan->count; i++) {
        if (job->labels[i] == label)
            items[queries++] = (rdx_item){job->scan, i};
        else if (job->labels[i] >= 0)
            references[others++] = (rdx_item){job->scan, i};
    }
    if (queries == 0 || others == 0)
        return REDUX_OK;
    RDX_TRY(rdx_twins(twins, job->context, items, queries, references, others, &options));
    return add_conflicts(job, items, queries, references, twins);
}

static int compare_labels(const void *left, const void *right)
{
    const int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

/* The labels in use, each once, in order: they may be any numbers. */
static redux_status list_classes(int32_t **out, int64_t *count, const label_job *job)
{
    const size_t slices = (size_t)job->scan->count;
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, slices, sizeof(int32_t)));
    *out = block;
    memcpy(*out, job->labels, slices * sizeof(int32_t));
    qsort(*out, slices, sizeof(int32_t), compare_labels);
    *count = 0;
    for (int64_t i = 0; i < job->scan->count; i++)
        if ((*out)[i] >= 0 && (*count == 0 || (*out)[i] != (*out)[*count - 1]))
            (*out)[(*count)++] = (*out)[i];
    return REDUX_OK;
}

static redux_status compare_classes(const label_job *job, const int32_t *classes, int64_t count)
{
    const uint64_t slices = (uint64_t)job->scan->count;
    void *items = NULL, *twins = NULL;
    redux_status status = rdx_alloc(job->context, &items, 2 * slices, sizeof(rdx_item));
    if (status == REDUX_OK)
        status = rdx_alloc(job->context, &twins, slices, sizeof(rdx_twin));
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        status = compare_class(job, classes[i], items, twins);
    rdx_free(items);
    rdx_free(twins);
    return status;
}

/* ---- suspicion ---- */

static redux_status add_suspects(const label_job *job, const double *scores, const int64_t *others)
{
    double cut;
    RDX_TRY(redux_audit_cut(&cut, job->context, scores, job->scan->count, job->scan->count,
                            job->options.alpha, job->options.quantile));
    for (int64_t i = 0; i < job->scan->count; i++) {
        if (!(cut > 0 && scores[i] <= cut) || others[i] < 0)
            continue;
        redux_finding finding =
            rdx_finding_slice(job->scan->dataset, REDUX_AUDIT_LABEL_SUSPECT, i, scores[i]);
        rdx_finding_set_other(&finding, job->scan->dataset, others[i], false);
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

static redux_status find_suspects(const label_job *job)
{
    const uint64_t slices = (uint64_t)job->scan->count;
    void *scores = NULL, *others = NULL;
    redux_status status = rdx_alloc(job->context, &scores, slices, sizeof(double));
    if (status == REDUX_OK)
        status = rdx_alloc(job->context, &others, slices, sizeof(int64_t));
    if (status == REDUX_OK)
        status = redux_audit_suspicion(scores, others, job->context, job->embeddings, job->labels);
    if (status == REDUX_OK)
        status = add_suspects(job, scores, others);
    rdx_free(scores);
    rdx_free(others);
    return status;
}

/* ---- the whole ---- */

static redux_status run(label_job *job)
{
    int32_t *classes;
    int64_t count;
    RDX_TRY(rdx_findings_new(&job->findings, job->context));
    RDX_TRY(list_classes(&classes, &count, job));
    redux_status status = count < 2 ? REDUX_OK : compare_classes(job, classes, count);
    if (status == REDUX_OK && count >= 2 && job->embeddings != NULL)
        status = find_suspects(job);
    rdx_free(classes);
    rdx_findings_sort(job->findings, false);
    return status;
}

redux_status redux_audit_labels(redux_findings **out, redux_context *context,
                                const redux_scan *scan, const redux_tensor *embeddings,
                                const int32_t *labels, const redux_audit_labels_options *options)
{
    label_job job = {.context = context,
                     .scan = scan,
                     .embeddings = embeddings,
                     .labels = labels,
                     .options = REDUX_AUDIT_LABELS_OPTIONS_INIT};
    if (out == NULL || scan == NULL || labels == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_labels: an argument is NULL");
    RDX_TRY(
        rdx_read_options(&job.options, sizeof job.options, options, "redux_audit_labels_options"));
    const rdx_twins_options twins = {job.options.threshold, job.options.candidates, true};
    RDX_TRY(rdx_twins_check(&twins, "redux_audit_labels_options"));
    if (embeddings != NULL)
        RDX_TRY(rdx_check_embeddings(embeddings, scan));
    const redux_status status = run(&job);
    if (status != REDUX_OK) {
        redux_findings_free(job.findings);
        return status;
    }
    *out = job.findings;
    return REDUX_OK;
}
