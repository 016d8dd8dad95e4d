/* SPDX-License-Identifier: MIT
 * Labels: twins with different ones, and those that the neighbours contradict. */
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

static redux_status add_conflicts(const label_job *job, const rdx_item *items, int64_t count,
                                  const rdx_twin *twins)
{
    for (int64_t i = 0; i < count; i++) {
        if (twins[i].at < 0)
            continue;
        redux_finding finding = rdx_finding_slice(job->scan->dataset, REDUX_AUDIT_LABEL_CONFLICT,
                                                  items[i].slice, twins[i].score);
        rdx_finding_set_other(&finding, job->scan->dataset, items[twins[i].at].slice, false);
        finding.turn = twins[i].turn;
        RDX_TRY(rdx_findings_add(job->findings, &finding));
    }
    return REDUX_OK;
}

static rdx_twins_options twins_options(const label_job *job)
{
    return (rdx_twins_options){job->options.threshold, job->options.candidates, true, job->labels};
}

/* All slices with labels are looked up among each other. */
static redux_status find_conflicts(const label_job *job)
{
    const uint64_t slices = (uint64_t)job->scan->count;
    const rdx_twins_options options = twins_options(job);
    void *block, *twins = NULL;
    int64_t count = 0;
    RDX_TRY(rdx_alloc(job->context, &block, slices, sizeof(rdx_item)));
    rdx_item *items = block;
    for (int64_t i = 0; i < job->scan->count; i++)
        if (job->labels[i] >= 0)
            items[count++] = (rdx_item){job->scan, i};
    redux_status status = rdx_alloc(job->context, &twins, slices, sizeof(rdx_twin));
    if (status == REDUX_OK)
        status = rdx_twins(twins, job->context, items, count, items, count, &options);
    if (status == REDUX_OK)
        status = add_conflicts(job, items, count, twins);
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

/* Whether two labels are in use. */
static bool has_classes(const label_job *job)
{
    int32_t first = -1;
    for (int64_t i = 0; i < job->scan->count; i++) {
        if (job->labels[i] >= 0 && first >= 0 && job->labels[i] != first)
            return true;
        first = RDX_MAX(first, job->labels[i]);
    }
    return false;
}

static redux_status run(label_job *job)
{
    RDX_TRY(rdx_findings_new(&job->findings, job->context));
    if (!has_classes(job))
        return REDUX_OK;
    RDX_TRY(find_conflicts(job));
    if (job->embeddings != NULL)
        RDX_TRY(find_suspects(job));
    rdx_findings_sort(job->findings, false);
    return REDUX_OK;
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
    const rdx_twins_options twins = twins_options(&job);
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
