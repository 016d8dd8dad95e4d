/* SPDX-License-Identifier: MIT
 * The metric of a strategy and the items that it compares, for callers that work with single pairs:
 * what a reduction extracts from the same slices by the same options. */
#include "select.h"

/* The options in force, of a strategy that compares slices. */
static redux_status read_options(redux_reduce_options *known, const redux_reduce_options *given)
{
    *known = (redux_reduce_options)REDUX_REDUCE_OPTIONS_INIT;
    RDX_TRY(rdx_options_read(known, given));
    if (rdx_strategy_of(known->strategy)->compares)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "strategy %s compares nothing: it has no metric",
                    redux_strategy_name(known->strategy));
}

redux_status redux_metric_new_strategy(redux_metric **out, redux_context *context,
                                       const redux_reduce_options *options)
{
    redux_reduce_options known;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_new_strategy: out is NULL");
    RDX_TRY(read_options(&known, options));
    const redux_strategy last = rdx_options_last(&known);
    if (rdx_strategy_of(last)->is_callers)
        return rdx_fail(REDUX_E_INVALID, "the metric of strategy %s is options.metric",
                        redux_strategy_name(last));
    return rdx_strategy_metric(out, context, &known, last);
}

/* ---- items ---- */

typedef struct items_job {
    const redux_dataset *dataset;
    redux_reduce_options options; /* in force */
    const int64_t *rows;
    int64_t count;
    rdx_feature feature;
    bool resize;
    redux_tensor items;
} items_job;

static redux_status init_worker(void *worker, redux_context *context, void *user)
{
    const items_job *job = user;
    return rdx_extractor_init(worker, context, &job->options, job->feature);
}

static void clear_worker(void *worker)
{
    rdx_extractor_clear(worker);
}

static redux_status extract_item(const rdx_visited *slice, void *worker, void *user)
{
    const items_job *job = user;
    const redux_tensor *items = &job->items;
    bool is_ragged = false;
    char *item = (char *)items->data +
                 slice->at * items->strides[0] * (int64_t)redux_dtype_size(items->dtype);
    RDX_TRY(rdx_extract(worker, item, slice, items->shape[1], items->shape[2], job->resize,
                        &is_ragged));
    if (is_ragged)
        return rdx_fail(REDUX_E_INVALID,
                        "%s: its slices differ in size from the first one: ask for those of one "
                        "volume, or set scope to dataset",
                        slice->info->source);
    return REDUX_OK;
}

/* Whether the slices of a volume that are in the group of `row` differ in size: a reduction resizes
 * them. */
static redux_status has_several_sizes(bool *out, const redux_dataset *dataset, int64_t row)
{
    const int64_t volume = rdx_dataset_volume_of(dataset, row);
    const int64_t group = rdx_dataset_group_of(dataset, row);
    const int64_t end = rdx_dataset_first_row(dataset, volume + 1);
    int64_t height, width;
    *out = false;
    RDX_TRY(rdx_dataset_row_size(&height, &width, dataset, row));
    for (int64_t i = rdx_dataset_first_row(dataset, volume); i < end && !*out; i++) {
        int64_t h, w;
        if (rdx_dataset_group_of(dataset, i) != group)
            continue;
        RDX_TRY(rdx_dataset_row_size(&h, &w, dataset, i));
        *out = h != height || w != width;
    }
    return REDUX_OK;
}

static redux_status new_images(items_job *job, redux_context *context)
{
    const int64_t size = job->options.size;
    int64_t shape[] = {job->count, size, size};
    job->resize = rdx_options_resize(&job->options);
    if (!job->resize)
        RDX_TRY(has_several_sizes(&job->resize, job->dataset, job->rows[0]));
    if (!job->resize)
        RDX_TRY(rdx_dataset_row_size(&shape[1], &shape[2], job->dataset, job->rows[0]));
    return redux_tensor_new(&job->items, context, redux_window_dtype(job->options.window), 3,
                            shape);
}

static redux_status new_items(items_job *job, redux_context *context)
{
    const redux_hash_options hash = rdx_hash_options_of(&job->options);
    const bool is_hash = job->feature == RDX_FEATURE_HASH;
    const int64_t shape[] = {job->count, is_hash ? redux_hash_bytes(&hash) : RDX_DESCRIPTOR_LENGTH};
    if (job->feature == RDX_FEATURE_IMAGE)
        return new_images(job, context);
    return redux_tensor_new(&job->items, context, is_hash ? REDUX_UINT8 : REDUX_FLOAT32, 2, shape);
}

static redux_status extract_items(items_job *job, redux_context *context)
{
    const rdx_visit visit = {.dataset = job->dataset,
                             .rows = job->rows,
                             .count = job->count,
                             .worker_bytes = sizeof(rdx_extractor),
                             .worker_init = init_worker,
                             .worker_clear = clear_worker,
                             .slice = extract_item,
                             .user = job};
    RDX_TRY(new_items(job, context));
    rdx_progress_begin(context, job->count);
    return rdx_visit_any_order(context, &visit);
}

/* Rows of the embeddings that were given. */
static redux_status take_embeddings(items_job *job, redux_context *context)
{
    const redux_tensor *all = job->options.embeddings;
    RDX_TRY(rdx_embeddings_check(all, redux_dataset_slice_count(job->dataset)));
    const int64_t shape[] = {job->count, all->shape[1]};
    RDX_TRY(redux_tensor_new(&job->items, context, REDUX_FLOAT32, 2, shape));
    for (int64_t i = 0; i < job->count; i++) {
        redux_tensor from, to;
        RDX_TRY(redux_tensor_select(&from, all, 0, job->rows[i]));
        redux_status status = redux_tensor_select(&to, &job->items, 0, i);
        if (status == REDUX_OK)
            status = redux_tensor_copy(&to, &from);
        redux_tensor_release(&to);
        redux_tensor_release(&from);
        RDX_TRY(status);
    }
    return REDUX_OK;
}

static redux_status check_rows(const redux_dataset *dataset, const int64_t *rows, int64_t count)
{
    const int64_t slices = redux_dataset_slice_count(dataset);
    if (dataset == NULL || rows == NULL || count < 1)
        return rdx_fail(REDUX_E_INVALID, "redux_reduce_items: it needs a dataset and the numbers "
                                         "of at least one slice");
    for (int64_t i = 0; i < count; i++)
        if (rows[i] < 0 || rows[i] >= slices)
            return rdx_fail(REDUX_E_INVALID, "there is no slice %lld: the dataset has %lld",
                            (long long)rows[i], (long long)slices);
    return REDUX_OK;
}

redux_status redux_reduce_items(redux_tensor *out, redux_context *context,
                                const redux_dataset *dataset, const int64_t *rows, int64_t count,
                                const redux_reduce_options *options)
{
    items_job job = {.dataset = dataset, .rows = rows, .count = count, .items = REDUX_TENSOR_INIT};
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_reduce_items: out is NULL");
    RDX_TRY(check_rows(dataset, rows, count));
    RDX_TRY(read_options(&job.options, options));
    const redux_strategy last = rdx_options_last(&job.options);
    job.feature = rdx_strategy_of(last)->feature;
    const bool is_given =
        job.options.embeddings != NULL && rdx_strategy_has_embeddings(&job.options, last);
    const redux_status status =
        is_given ? take_embeddings(&job, context) : extract_items(&job, context);
    if (status != REDUX_OK) {
        redux_tensor_release(&job.items);
        return status;
    }
    *out = job.items;
    return REDUX_OK;
}
