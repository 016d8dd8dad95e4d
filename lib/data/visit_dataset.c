/* SPDX-License-Identifier: MIT
 * redux_dataset_visit: the driver of visit.c for callers of the library. */
#include <stdio.h>
#include <string.h>
#include "data.h"

#define BATCH_BYTES ((size_t)64 << 20)
#define BATCH_SLICES 64
#define MESSAGE 1024

/* Holds a slice of a batch until its turn comes. */
typedef struct waiting {
    redux_tensor image;
    redux_status status;
    char message[MESSAGE];
} waiting;

typedef struct visit_job {
    redux_context *context;
    const redux_dataset *dataset;
    redux_visit_options options;
    redux_visit_fn visit;
    void *user;
    int64_t *rows;
    int64_t count;
    waiting *batch; /* NULL: in any order */
} visit_job;

static redux_status take_slice(redux_tensor *out, const rdx_visited *at,
                               const redux_visit_options *options)
{
    const redux_tensor none = REDUX_TENSOR_INIT, *image;
    switch (options->form) {
    case REDUX_VISIT_COLOUR:
        return redux_volume_slice_colour(out, at->context, at->volume, at->slice);
    case REDUX_VISIT_STORED:
        if (options->orientation == RDX_OWN_ORIENTATION)
            return redux_volume_slice(out, at->context, at->volume, at->slice);
        return redux_volume_slice_oriented(out, at->context, at->volume, at->slice,
                                           (redux_orientation)options->orientation);
    default:
        RDX_TRY(rdx_visited_window(&image, at, options->window, options->orientation));
        *out = *at->buffer; /* moved, not copied */
        *at->buffer = none;
        return REDUX_OK;
    }
}

static bool may_skip(const visit_job *job, redux_status status)
{
    return job->options.skip_errors && rdx_is_input_failure(status);
}

/* ---- in any order ---- */

static redux_status visit_now(const rdx_visited *at, void *worker, void *user)
{
    const visit_job *job = user;
    redux_tensor image;
    (void)worker;
    redux_status status = take_slice(&image, at, &job->options);
    if (may_skip(job, status))
        return job->visit(job->user, NULL, at->row, at->volume_number, at->slice);
    if (status != REDUX_OK)
        return status;
    status = job->visit(job->user, &image, at->row, at->volume_number, at->slice);
    redux_tensor_release(&image);
    return status;
}

/* visit_now and end_batch have settled slices; only volumes remain. */
static redux_status visit_failed(redux_status status, const rdx_visited *at, void *user)
{
    const visit_job *job = user;
    const int64_t first = rdx_dataset_first_row(job->dataset, at->volume_number);
    if (at->volume != NULL || !may_skip(job, status))
        return status;
    status = REDUX_OK;
    for (int64_t i = at->at; i < at->at + at->count && status == REDUX_OK; i++)
        status = job->visit(job->user, NULL, job->rows[i], at->volume_number, job->rows[i] - first);
    return status;
}

/* ---- in order ---- */

static redux_status visit_later(const rdx_visited *at, void *worker, void *user)
{
    const visit_job *job = user;
    waiting *slice = &job->batch[at->in_batch];
    (void)worker;
    slice->status = take_slice(&slice->image, at, &job->options);
    if (!may_skip(job, slice->status))
        return slice->status;
    snprintf(slice->message, sizeof slice->message, "%s", redux_error_message());
    return REDUX_OK;
}

static redux_status begin_volume(int64_t *most, const redux_volume_info *info, void *user)
{
    const size_t bytes = (size_t)info->height * (size_t)info->width * redux_dtype_size(info->dtype);
    (void)user;
    *most = RDX_MIN(RDX_MAX((int64_t)(BATCH_BYTES / RDX_MAX(bytes, 1)), 1), BATCH_SLICES);
    return REDUX_OK;
}

static redux_status visit_waiting(const visit_job *job, waiting *slice, int64_t row)
{
    const int64_t volume = rdx_dataset_volume_of(job->dataset, row);
    const int64_t slice_number = row - rdx_dataset_first_row(job->dataset, volume);
    if (slice->status == REDUX_OK)
        return job->visit(job->user, &slice->image, row, volume, slice_number);
    rdx_set_message("%s", slice->message);
    return job->visit(job->user, NULL, row, volume, slice_number);
}

static void release_batch(const visit_job *job)
{
    for (int i = 0; i < BATCH_SLICES; i++)
        redux_tensor_release(&job->batch[i].image);
}

static redux_status end_batch(int64_t first, int64_t count, void *user)
{
    const visit_job *job = user;
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        status = visit_waiting(job, &job->batch[i], job->rows[first + i]);
        if (status == REDUX_OK)
            status = rdx_progress_add(job->context, 1);
    }
    release_batch(job);
    return status;
}

/* ---- either ---- */

static redux_status run_visit(visit_job *job)
{
    const rdx_batches batches = {.begin = begin_volume, .batch = end_batch};
    rdx_visit visit = {.dataset = job->dataset,
                       .rows = job->rows,
                       .count = job->count,
                       .slice = visit_now,
                       .failed = visit_failed,
                       .user = job};
    void *block;
    if (job->options.any_order)
        return rdx_visit_any_order(job->context, &visit);
    RDX_TRY(rdx_alloc_zero(job->context, &block, BATCH_SLICES, sizeof(waiting)));
    job->batch = block;
    visit.slice = visit_later;
    const redux_status status = rdx_visit_in_order(job->context, &visit, &batches);
    release_batch(job);
    rdx_free(block);
    return status;
}

static redux_status check_options(const redux_visit_options *options)
{
    if (options->form < REDUX_VISIT_WINDOWED || options->form > REDUX_VISIT_COLOUR)
        return rdx_fail(REDUX_E_INVALID, "visit: unknown form %d", (int)options->form);
    if (options->orientation < RDX_OWN_ORIENTATION ||
        options->orientation > REDUX_ORIENTATION_STORED)
        return rdx_fail(REDUX_E_INVALID, "visit: unknown orientation %d",
                        (int)options->orientation);
    return REDUX_OK;
}

redux_status redux_dataset_visit(redux_context *context, const redux_dataset *dataset,
                                 const redux_visit_options *options, redux_visit_fn visit,
                                 void *user)
{
    visit_job job = {.context = context,
                     .dataset = dataset,
                     .options = REDUX_VISIT_OPTIONS_INIT,
                     .visit = visit,
                     .user = user};
    void *block;
    if (dataset == NULL || visit == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_visit: an argument is NULL");
    RDX_TRY(rdx_read_options(&job.options, sizeof job.options, options, "redux_visit_options"));
    RDX_TRY(check_options(&job.options));
    const int64_t slices = redux_dataset_slice_count(dataset);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)slices, sizeof *job.rows));
    job.rows = block;
    for (int64_t row = 0; row < slices; row++)
        if (job.options.wanted == NULL || job.options.wanted[row] != 0)
            job.rows[job.count++] = row;
    rdx_progress_begin(context, job.count);
    const redux_status status = run_visit(&job);
    rdx_progress_begin(context, 0);
    rdx_free(block);
    return status;
}
