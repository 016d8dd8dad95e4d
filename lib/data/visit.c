/* SPDX-License-Identifier: MIT
 * The one way from a dataset to its slices. A few volumes are opened at a time, and each thread
 * reads some slices of one of them into its own buffer. */
#include <stdio.h>
#include "data.h"

#define SLICES_PER_TASK 8
#define MESSAGE 1024 /* the limit of redux_error_message */
#define MOST_AHEAD 8 /* volumes open at a time when slices come in order */

/* ---- one slice ---- */

/* A buffer that is allocated again only when the shape changes. */
static redux_status fit_buffer(redux_tensor *buffer, redux_context *context, redux_dtype dtype,
                               const int64_t *shape)
{
    if (buffer->data != NULL && buffer->dtype == dtype && buffer->shape[0] == shape[0] &&
        buffer->shape[1] == shape[1])
        return REDUX_OK;
    redux_tensor_release(buffer);
    return redux_tensor_new(buffer, context, dtype, 2, shape);
}

redux_status rdx_visited_window_pixels(const redux_tensor **image, const rdx_visited *slice,
                                       const redux_tensor *pixels, redux_window window)
{
    window = redux_window_resolve(window, pixels->dtype, slice->info->is_scan);
    RDX_TRY(fit_buffer(slice->buffer, slice->context, redux_window_dtype(window), pixels->shape));
    *image = slice->buffer;
    return redux_window_apply(slice->buffer, slice->context, pixels, slice->info->slope,
                              slice->info->intercept, window);
}

redux_status rdx_visited_window(const redux_tensor **image, const rdx_visited *slice,
                                redux_window window, int32_t orientation)
{
    redux_tensor pixels;
    if (orientation == RDX_OWN_ORIENTATION)
        RDX_TRY(redux_volume_slice(&pixels, slice->context, slice->volume, slice->slice));
    else
        RDX_TRY(redux_volume_slice_oriented(&pixels, slice->context, slice->volume, slice->slice,
                                            (redux_orientation)orientation));
    const redux_status status = rdx_visited_window_pixels(image, slice, &pixels, window);
    redux_tensor_release(&pixels);
    return status;
}

/* ---- runs: rows of one volume that follow each other ---- */

typedef struct visit_job {
    redux_context *context;
    const rdx_visit *visit;
    int64_t *starts; /* runs + 1 places in the list */
    int64_t runs;
} visit_job;

static int64_t row_at(const rdx_visit *visit, int64_t place)
{
    return visit->rows == NULL ? place : visit->rows[place];
}

static bool is_within(const redux_dataset *dataset, int64_t volume, int64_t row)
{
    return row >= rdx_dataset_first_row(dataset, volume) &&
           row < rdx_dataset_first_row(dataset, volume + 1);
}

/* The end of the run that begins at `place`. */
static int64_t run_end(const rdx_visit *visit, int64_t place, int64_t count)
{
    const int64_t volume = rdx_dataset_volume_of(visit->dataset, row_at(visit, place));
    if (visit->rows == NULL)
        return rdx_dataset_first_row(visit->dataset, volume + 1);
    while (place < count && is_within(visit->dataset, volume, visit->rows[place]))
        place++;
    return place;
}

static redux_status find_runs(visit_job *job)
{
    const rdx_visit *visit = job->visit;
    const int64_t count =
        visit->rows == NULL ? redux_dataset_slice_count(visit->dataset) : visit->count;
    void *block;
    for (int64_t place = 0; place < count; place = run_end(visit, place, count))
        job->runs++;
    RDX_TRY(rdx_alloc(job->context, &block, (uint64_t)job->runs + 1, sizeof *job->starts));
    job->starts = block;
    job->starts[0] = 0;
    for (int64_t run = 0; run < job->runs; run++)
        job->starts[run + 1] = run_end(visit, job->starts[run], count);
    return REDUX_OK;
}

/* An open run. */
typedef struct run {
    const visit_job *job;
    redux_volume *volume; /* NULL: it could not be opened */
    redux_volume_info info;
    int64_t number;      /* of the volume */
    int64_t first, end;  /* places that are visited now */
    redux_status status; /* of opening the volume */
    char message[MESSAGE];
} run;

static rdx_visited visited_at(const run *r, int64_t place)
{
    const rdx_visit *visit = r->job->visit;
    const int64_t row = row_at(visit, place);
    return (rdx_visited){.context = r->job->context,
                         .dataset = visit->dataset,
                         .volume = r->volume,
                         .info = &r->info,
                         .volume_number = r->number,
                         .slice = row - rdx_dataset_first_row(visit->dataset, r->number),
                         .row = row,
                         .at = place,
                         .in_batch = place - r->first,
                         .count = 1};
}

static redux_status settle_failure(redux_status status, const rdx_visit *visit,
                                   const rdx_visited *slice)
{
    return status == REDUX_OK || visit->failed == NULL ? status
                                                       : visit->failed(status, slice, visit->user);
}

/* settle_run decides about failures. Only where no failure is allowed does it return one at
 * once. */
static redux_status open_run(run *r, const visit_job *job, int64_t index)
{
    const rdx_visit *visit = job->visit;
    *r = (run){.job = job, .info = REDUX_VOLUME_INFO_INIT};
    r->first = job->starts[index];
    r->end = job->starts[index + 1];
    r->number = rdx_dataset_volume_of(visit->dataset, row_at(visit, r->first));
    RDX_TRY(redux_dataset_get_volume_info(&r->info, visit->dataset, r->number));
    r->status = redux_volume_open(&r->volume, job->context, visit->dataset, r->number);
    if (r->status == REDUX_OK || visit->failed == NULL)
        return r->status;
    snprintf(r->message, sizeof r->message, "%s", redux_error_message());
    return REDUX_OK;
}

/* Whether the run can be skipped because its volume could not be opened. */
static redux_status settle_run(const run *r)
{
    rdx_visited whole = visited_at(r, r->first);
    if (r->status == REDUX_OK)
        return REDUX_OK;
    whole.count = r->end - r->first;
    RDX_TRY(settle_failure(rdx_fail_again(r->status, r->message), r->job->visit, &whole));
    return rdx_progress_add(r->job->context, whole.count);
}

/* ---- the slices of one run, in parallel ---- */

static redux_status visit_places(const run *r, int64_t first, int64_t end, void *worker,
                                 bool counts)
{
    const rdx_visit *visit = r->job->visit;
    redux_tensor buffer = REDUX_TENSOR_INIT;
    redux_status status = REDUX_OK;
    for (int64_t place = first; place < end && status == REDUX_OK; place++) {
        rdx_visited slice = visited_at(r, place);
        slice.buffer = &buffer;
        status = settle_failure(visit->slice(&slice, worker, visit->user), visit, &slice);
        if (status == REDUX_OK && counts)
            status = rdx_progress_add(r->job->context, 1);
    }
    redux_tensor_release(&buffer);
    return status;
}

static redux_status visit_some(const run *r, int64_t index, bool counts)
{
    const rdx_visit *visit = r->job->visit;
    const int64_t first = r->first + index * SLICES_PER_TASK;
    const int64_t end = RDX_MIN(first + SLICES_PER_TASK, r->end);
    void *worker;
    if (visit->worker_bytes == 0)
        return visit_places(r, first, end, NULL, counts);
    RDX_TRY(rdx_alloc(r->job->context, &worker, 1, visit->worker_bytes));
    redux_status status = visit->worker_init(worker, r->job->context, visit->user);
    if (status == REDUX_OK) {
        status = visit_places(r, first, end, worker, counts);
        visit->worker_clear(worker);
    }
    rdx_free(worker);
    return status;
}

static redux_status visit_counting(int64_t index, void *user)
{
    return visit_some(user, index, true);
}

static redux_status visit_for_batch(int64_t index, void *user)
{
    return visit_some(user, index, false);
}

static redux_status visit_run(run *r, rdx_task_fn task)
{
    return rdx_parallel(r->job->context,
                        (r->end - r->first + SLICES_PER_TASK - 1) / SLICES_PER_TASK, task, r);
}

/* ---- in any order ---- */

static redux_status run_task(int64_t index, void *user)
{
    run r;
    redux_status status = open_run(&r, user, index);
    if (status == REDUX_OK)
        status = settle_run(&r);
    if (status == REDUX_OK && r.volume != NULL)
        status = visit_run(&r, visit_counting);
    redux_volume_free(r.volume);
    return status;
}

redux_status rdx_visit_any_order(redux_context *context, const rdx_visit *visit)
{
    visit_job job = {.context = context, .visit = visit};
    RDX_TRY(find_runs(&job));
    const redux_status status = rdx_parallel(context, job.runs, run_task, &job);
    rdx_free(job.starts);
    return status;
}

/* ---- in order ---- */

typedef struct ahead {
    const visit_job *job;
    int64_t first; /* run */
    run runs[MOST_AHEAD];
} ahead;

static redux_status open_ahead(int64_t index, void *user)
{
    ahead *a = user;
    return open_run(&a->runs[index], a->job, a->first + index);
}

static bool stopped(const rdx_batches *batches)
{
    return batches->stop != NULL && *batches->stop;
}

/* The slices of an open volume, a batch after the other. */
static redux_status batch_run(run *r, const rdx_batches *batches)
{
    void *user = r->job->visit->user;
    const int64_t end = r->end;
    redux_status status = REDUX_OK;
    int64_t most = 1;
    RDX_TRY(batches->begin(&most, &r->info, user));
    for (; r->first < end && status == REDUX_OK && !stopped(batches); r->first = r->end) {
        r->end = RDX_MIN(r->first + most, end);
        status = visit_run(r, visit_for_batch);
        if (status == REDUX_OK)
            status = batches->batch(r->first, r->end - r->first, user);
    }
    return status;
}

/* Opens as many volumes at a time as there are threads to read them. */
static redux_status batch_runs(const visit_job *job, const rdx_batches *batches)
{
    const int64_t most =
        rdx_in_task() ? 1 : RDX_MIN(redux_context_threads(job->context), MOST_AHEAD);
    ahead a = {.job = job};
    redux_status status = REDUX_OK;
    for (; a.first < job->runs && status == REDUX_OK && !stopped(batches); a.first += most) {
        const int64_t count = RDX_MIN(most, job->runs - a.first);
        for (int64_t i = 0; i < count; i++)
            a.runs[i].volume = NULL;
        status = rdx_parallel(job->context, count, open_ahead, &a);
        for (int64_t i = 0; i < count; i++) {
            run *r = &a.runs[i];
            if (status == REDUX_OK && !stopped(batches))
                status = settle_run(r);
            if (status == REDUX_OK && !stopped(batches) && r->volume != NULL)
                status = batch_run(r, batches);
            redux_volume_free(r->volume);
        }
    }
    return status;
}

redux_status rdx_visit_in_order(redux_context *context, const rdx_visit *visit,
                                const rdx_batches *batches)
{
    visit_job job = {.context = context, .visit = visit};
    RDX_TRY(find_runs(&job));
    const redux_status status = batch_runs(&job, batches);
    rdx_free(job.starts);
    return status;
}
