/* SPDX-License-Identifier: MIT
 * Metrics as objects: making them, preparing items, one pair, one against many. */
#include <string.h>
#include "metric.h"

redux_status rdx_metric_make(redux_metric **out, redux_context *context, const rdx_metric_ops *ops)
{
    void *block;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_new: out is NULL");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_metric)));
    ((redux_metric *)block)->ops = ops;
    *out = block;
    return REDUX_OK;
}

redux_status redux_metric_new_hamming(redux_metric **out, redux_context *context)
{
    return rdx_metric_make(out, context, &rdx_hamming_ops);
}

redux_status redux_metric_new_cosine(redux_metric **out, redux_context *context)
{
    RDX_TRY(rdx_blas_ready(context));
    return rdx_metric_make(out, context, &rdx_cosine_ops);
}

redux_status redux_metric_new_ssim(redux_metric **out, redux_context *context,
                                   const redux_ssim_options *options)
{
    redux_ssim_options known = REDUX_SSIM_OPTIONS_INIT;
    RDX_TRY(rdx_ssim_read_options(&known, options));
    RDX_TRY(rdx_metric_make(out, context, &rdx_ssim_ops));
    (*out)->ssim = known;
    return REDUX_OK;
}

void redux_metric_free(redux_metric *metric)
{
    if (metric == NULL)
        return;
    rdx_free(metric->xlog2x);
    if (metric->plans != NULL)
        rdx_fft_clear(metric->plans);
    rdx_free(metric->plans);
    rdx_free(metric);
}

int redux_metric_is_distance(const redux_metric *metric)
{
    return metric->ops->is_distance;
}

/* ---- preparing ---- */

redux_status rdx_metric_layout(const redux_metric *metric, const redux_tensor *items,
                               rdx_layout *layout)
{
    const rdx_metric_ops *ops = metric->ops;
    RDX_TRY(rdx_tensor_check(items, ops->item_axes + 1, 0, "items"));
    memset(layout, 0, sizeof *layout);
    layout->dtype = items->dtype;
    layout->height = ops->item_axes == 2 ? items->shape[1] : 1;
    layout->width = items->shape[ops->item_axes];
    if (layout->height < 1 || layout->width < 1)
        return rdx_fail(REDUX_E_INVALID, "%s: items of %lld x %lld", ops->name,
                        (long long)layout->height, (long long)layout->width);
    return ops->layout(metric, layout);
}

typedef struct prepare_job {
    redux_context *context;
    const redux_metric *metric;
    const rdx_layout *layout;
    const redux_tensor *items;
    int64_t first, count, per_task;
    char *prepared;
    size_t stride;
} prepare_job;

static redux_status check_item(const redux_metric *metric, const rdx_layout *layout,
                               const void *item)
{
    return metric->ops->check != NULL ? metric->ops->check(metric, layout, item) : REDUX_OK;
}

static redux_status prepare_one(const prepare_job *job, int64_t index, void *scratch)
{
    redux_tensor item, rows;
    RDX_TRY(redux_tensor_select(&item, job->items, 0, job->first + index));
    redux_status status = redux_tensor_contiguous(&rows, job->context, &item, item.dtype);
    redux_tensor_release(&item);
    if (status != REDUX_OK)
        return status;
    status = check_item(job->metric, job->layout, rows.data);
    if (status == REDUX_OK)
        job->metric->ops->prepare(job->metric, job->layout, rows.data,
                                  job->prepared + (size_t)index * job->stride, scratch);
    redux_tensor_release(&rows);
    return status;
}

static redux_status prepare_task(int64_t index, void *user)
{
    const prepare_job *job = user;
    const int64_t last = RDX_MIN((index + 1) * job->per_task, job->count);
    redux_status status = REDUX_OK;
    void *scratch;
    RDX_TRY(rdx_alloc(job->context, &scratch, 1, job->layout->scratch_bytes));
    for (int64_t i = index * job->per_task; i < last && status == REDUX_OK; i++)
        status = prepare_one(job, i, scratch);
    rdx_free(scratch);
    return status;
}

redux_status rdx_metric_prepare(redux_context *context, const redux_metric *metric,
                                const rdx_layout *layout, const redux_tensor *items, int64_t first,
                                int64_t count, void *prepared)
{
    return rdx_metric_prepare_apart(context, metric, layout, items, first, count, prepared,
                                    layout->item_bytes);
}

redux_status rdx_metric_prepare_apart(redux_context *context, const redux_metric *metric,
                                      const rdx_layout *layout, const redux_tensor *items,
                                      int64_t first, int64_t count, void *prepared, size_t stride)
{
    /* A task writes about a quarter of a megabyte. */
    const int64_t per_task = RDX_MAX((int64_t)(((size_t)1 << 18) / layout->item_bytes), 1);
    prepare_job job = {context, metric, layout, items, first, count, per_task, prepared, stride};
    return rdx_parallel(context, (count + per_task - 1) / per_task, prepare_task, &job);
}

/* ---- comparing ---- */

rdx_verdict rdx_judge(const redux_metric *metric, const rdx_layout *layout, const void *a,
                      const void *b, double threshold, double *score, void *scratch)
{
    if (metric->ops->judge != NULL)
        return metric->ops->judge(metric, layout, a, b, threshold, score, scratch);
    *score = metric->ops->score(metric, layout, a, b, scratch);
    return rdx_is_redundant(metric, *score, threshold) ? RDX_REDUNDANT : RDX_DIFFERENT;
}

void rdx_first_redundant(const redux_metric *metric, const rdx_layout *layout, const void *kept,
                         int64_t kept_count, const void *candidates, int64_t count,
                         double threshold, int64_t *first, double *scores, void *scratch,
                         rdx_tally *tally)
{
    const rdx_metric_ops *ops = metric->ops;
    if (ops->first_redundant != NULL) {
        ops->first_redundant(metric, layout, kept, kept_count, candidates, count, threshold, first,
                             scores, scratch);
        return;
    }
    for (int64_t c = 0; c < count; c++) {
        const char *candidate = (const char *)candidates + (size_t)c * layout->item_bytes;
        first[c] = -1;
        for (int64_t k = 0; k < kept_count && first[c] < 0; k++) {
            const char *one = (const char *)kept + (size_t)k * layout->item_bytes;
            const rdx_verdict verdict =
                rdx_judge(metric, layout, one, candidate, threshold, &scores[c], scratch);
            rdx_tally_add(tally, verdict);
            if (verdict == RDX_REDUNDANT)
                first[c] = k;
        }
    }
}

int64_t rdx_hits(const redux_metric *metric, const rdx_layout *layout, const void *many,
                 int64_t count, const void *queries, int64_t query_count, const double *thresholds,
                 rdx_hit *hits, void *scratch)
{
    const rdx_metric_ops *ops = metric->ops;
    int64_t found = 0;
    if (ops->hits != NULL)
        return ops->hits(metric, layout, many, count, queries, query_count, thresholds, hits,
                         scratch);
    for (int64_t q = 0; q < query_count; q++)
        for (int64_t i = 0; i < count; i++) {
            double score;
            if (rdx_judge(metric, layout, (const char *)many + (size_t)i * layout->item_bytes,
                          (const char *)queries + (size_t)q * layout->item_bytes, thresholds[q],
                          &score, scratch) == RDX_REDUNDANT)
                hits[found++] = (rdx_hit){(int32_t)q, (int32_t)i, score};
        }
    return found;
}

typedef struct score_job {
    redux_context *context;
    const redux_metric *metric;
    const rdx_layout *layout;
    const void *one;
    const char *many;
    int64_t count, per_task;
    const uint8_t *open;
    double *scores;
} score_job;

static redux_status score_task(int64_t index, void *user)
{
    const score_job *job = user;
    const size_t item_bytes = job->layout->item_bytes;
    const int64_t last = RDX_MIN((index + 1) * job->per_task, job->count);
    void *scratch;
    RDX_TRY(rdx_alloc(job->context, &scratch, 1, job->layout->scratch_bytes));
    for (int64_t i = index * job->per_task; i < last; i++)
        if (job->open == NULL || job->open[i])
            job->scores[i] = job->metric->ops->score(job->metric, job->layout, job->one,
                                                     job->many + (size_t)i * item_bytes, scratch);
    rdx_free(scratch);
    return REDUX_OK;
}

redux_status rdx_score_many(redux_context *context, const redux_metric *metric,
                            const rdx_layout *layout, const void *one, const void *many,
                            /* NOLINTNEXTLINE(readability-non-const-parameter): tasks write */
                            int64_t count, const uint8_t *open, double *scores)
{
    const int64_t per_task = metric->ops->tile > 1 ? 4096 : 8;
    score_job job = {context, metric, layout, one, many, count, per_task, open, scores};
    return rdx_parallel(context, (count + per_task - 1) / per_task, score_task, &job);
}

typedef struct compare_job {
    prepare_job many; /* prepared is the one item to compare with */
    double *scores;
} compare_job;

/* `prepared` has room for the item. */
static redux_status compare_one(const compare_job *job, int64_t index, void *prepared,
                                void *scratch)
{
    const prepare_job *many = &job->many;
    const rdx_metric_ops *ops = many->metric->ops;
    redux_tensor item, pixels;
    RDX_TRY(redux_tensor_select(&item, many->items, 0, index));
    redux_status status = redux_tensor_contiguous(&pixels, many->context, &item, item.dtype);
    redux_tensor_release(&item);
    if (status != REDUX_OK)
        return status;
    status = check_item(many->metric, many->layout, pixels.data);
    if (status != REDUX_OK) {
        redux_tensor_release(&pixels);
        return status;
    }
    if (ops->score_fresh != NULL) {
        job->scores[index] =
            ops->score_fresh(many->metric, many->layout, many->prepared, pixels.data, scratch);
    } else {
        ops->prepare(many->metric, many->layout, pixels.data, prepared, scratch);
        job->scores[index] =
            ops->score(many->metric, many->layout, many->prepared, prepared, scratch);
    }
    redux_tensor_release(&pixels);
    return REDUX_OK;
}

static redux_status compare_task(int64_t index, void *user)
{
    const compare_job *job = user;
    const rdx_layout *layout = job->many.layout;
    const int64_t last = RDX_MIN((index + 1) * job->many.per_task, job->many.count);
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(job->many.context, &block, 1, layout->item_bytes + layout->scratch_bytes));
    void *scratch = (char *)block + layout->item_bytes;
    for (int64_t i = index * job->many.per_task; i < last && status == REDUX_OK; i++)
        status = compare_one(job, i, block, scratch);
    rdx_free(block);
    return status;
}

/* Views one tensor without the first axis as one row. */
static redux_status as_row(redux_tensor *row, const redux_tensor *item)
{
    if (item == NULL || item->ndim >= REDUX_MAX_DIMS)
        return rdx_fail(REDUX_E_INVALID, "the item is NULL or has too many axes");
    *row = *item;
    row->ndim = item->ndim + 1;
    row->shape[0] = 1;
    for (int32_t i = 0; i < item->ndim; i++) {
        row->shape[i + 1] = item->shape[i];
        row->strides[i + 1] = item->strides[i];
    }
    return REDUX_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): tasks write through the job */
redux_status redux_metric_one_to_many(double *scores, redux_context *context,
                                      const redux_metric *metric, const redux_tensor *one,
                                      const redux_tensor *many)
{
    rdx_layout layout, other;
    redux_tensor row;
    void *block;
    if (metric == NULL || scores == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_one_to_many: an argument is NULL");
    RDX_TRY(as_row(&row, one));
    RDX_TRY(rdx_metric_layout(metric, &row, &layout));
    RDX_TRY(rdx_metric_layout(metric, many, &other));
    if (!rdx_same_layout(&layout, &other))
        return rdx_fail(REDUX_E_INVALID, "%s: items of %lld x %lld %s and of %lld x %lld %s",
                        metric->ops->name, (long long)layout.height, (long long)layout.width,
                        redux_dtype_name(layout.dtype), (long long)other.height,
                        (long long)other.width, redux_dtype_name(other.dtype));
    RDX_TRY(rdx_alloc(context, &block, 1, layout.item_bytes));
    redux_status status = rdx_metric_prepare(context, metric, &layout, &row, 0, 1, block);
    if (status == REDUX_OK) {
        const int64_t per_task = RDX_MAX((int64_t)(((size_t)1 << 18) / layout.item_bytes), 1);
        compare_job job = {
            {context, metric, &layout, many, 0, many->shape[0], per_task, block, layout.item_bytes},
            scores};
        status =
            rdx_parallel(context, (many->shape[0] + per_task - 1) / per_task, compare_task, &job);
    }
    rdx_free(block);
    return status;
}

redux_status redux_metric_pair(double *out, redux_context *context, const redux_metric *metric,
                               const redux_tensor *a, const redux_tensor *b)
{
    redux_tensor row;
    RDX_TRY(as_row(&row, b));
    return redux_metric_one_to_many(out, context, metric, a, &row);
}
