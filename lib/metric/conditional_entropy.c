/* SPDX-License-Identifier: MIT
 * Conditional entropy of one image given another, H(b | a) = H(a, b) - H(a): the information that
 * b adds to a (Shannon 1948; Cover, Thomas, Elements of Information Theory, 2.2). */
#include <string.h>
#include "histogram.h"
#include "metric.h"

static double score_of(const redux_metric *metric, const rdx_layout *layout, const rdx_entropies *h)
{
    const int64_t count = layout->height * layout->width;
    (void)metric;
    return rdx_entropy_bits(h->b - h->mutual, count, rdx_xlog2x_bits(count));
}

static double conditional_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                                const void *b, void *scratch)
{
    const rdx_entropies h = rdx_information_pair(metric, layout, a, b, scratch);
    return score_of(metric, layout, &h);
}

static double conditional_fresh(const redux_metric *metric, const rdx_layout *layout, const void *a,
                                const void *item, void *scratch)
{
    const rdx_entropies h = rdx_information_fresh(metric, layout, a, item, scratch);
    return score_of(metric, layout, &h);
}

static rdx_verdict conditional_judge(const redux_metric *metric, const rdx_layout *layout,
                                     const void *a, const void *b, double threshold, double *score,
                                     void *scratch)
{
    return rdx_information_judge(metric, layout, score_of, a, b, threshold, score, scratch);
}

const rdx_metric_ops rdx_conditional_entropy_ops = {
    .name = "conditional entropy",
    .is_distance = 1,
    .item_axes = 2,
    .layout = rdx_information_layout,
    .check = rdx_information_check,
    .prepare = rdx_information_prepare,
    .score = conditional_score,
    .judge = conditional_judge,
    .score_fresh = conditional_fresh,
    .tile = 1,
};

redux_status redux_metric_new_conditional_entropy(redux_metric **out, redux_context *context,
                                                  const redux_histogram_options *options)
{
    return rdx_information_metric_new(out, context, &rdx_conditional_entropy_ops, options);
}

/* ---- along a volume ---- */

#define RUN 16 /* slices of one task, which prepares one more */

typedef struct sequence_job {
    redux_context *context;
    const redux_metric *metric;
    const rdx_layout *layout;
    const redux_tensor *volume;
    double *out;
} sequence_job;

/* Prepares slice i into the older of the two places of `block`. */
static redux_status prepare_slice(const sequence_job *job, int64_t i, char *block)
{
    return rdx_metric_prepare(job->context, job->metric, job->layout, job->volume, i, 1,
                              block + (size_t)(i & 1) * job->layout->item_bytes);
}

static redux_status sequence_task(int64_t index, void *user)
{
    const sequence_job *job = user;
    const rdx_layout *layout = job->layout;
    const int64_t first = index * RUN, last = RDX_MIN(first + RUN, job->volume->shape[0]);
    void *block;
    RDX_TRY(rdx_alloc(job->context, &block, 1, 2 * layout->item_bytes + layout->scratch_bytes));
    char *items = block, *scratch = items + 2 * layout->item_bytes;
    redux_status status = REDUX_OK;
    if (first > 0)
        status = prepare_slice(job, first - 1, items);
    for (int64_t i = first; i < last && status == REDUX_OK; i++) {
        status = prepare_slice(job, i, items);
        const char *own = items + (size_t)(i & 1) * layout->item_bytes;
        const char *other = items + (size_t)(~i & 1) * layout->item_bytes;
        if (status == REDUX_OK && i > 0)
            job->out[i] = conditional_score(job->metric, layout, other, own, scratch);
    }
    rdx_free(block);
    return status;
}

/* Computes into `job->out`, so that the caller's array is unchanged on failure. */
static redux_status run_sequence(sequence_job *job, const redux_histogram_options *options)
{
    redux_tensor slice;
    RDX_TRY(redux_tensor_select(&slice, job->volume, 0, 0));
    const redux_status status = redux_entropy(job->out, job->context, &slice, options);
    redux_tensor_release(&slice);
    RDX_TRY(status);
    return rdx_parallel(job->context, (job->volume->shape[0] + RUN - 1) / RUN, sequence_task, job);
}

redux_status redux_conditional_entropy_sequence(double *out, redux_context *context,
                                                const redux_tensor *volume,
                                                const redux_histogram_options *options)
{
    redux_metric *metric;
    rdx_layout layout;
    void *scores;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_conditional_entropy_sequence: out is NULL");
    RDX_TRY(redux_metric_new_conditional_entropy(&metric, context, options));
    redux_status status = rdx_metric_layout(metric, volume, &layout);
    if (status == REDUX_OK && volume->shape[0] > 0) {
        const size_t count = (size_t)volume->shape[0];
        status = rdx_alloc(context, &scores, count, sizeof *out);
        if (status == REDUX_OK) {
            sequence_job job = {context, metric, &layout, volume, scores};
            status = run_sequence(&job, options);
            if (status == REDUX_OK)
                memcpy(out, scores, count * sizeof *out);
            rdx_free(scores);
        }
    }
    redux_metric_free(metric);
    return status;
}
