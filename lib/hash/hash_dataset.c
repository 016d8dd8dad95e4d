/* SPDX-License-Identifier: MIT
 * Codes of all slices of a dataset: volumes in parallel, and slices within one. */
#include <stdio.h>
#include <string.h>
#include "base/communicator.h"
#include "data/part.h"
#include "hash_list.h"
#include "hash_slice.h"

/* ---- one slice ---- */

redux_status rdx_slice_hasher_init(rdx_slice_hasher *hasher, redux_context *context,
                                   const redux_hash_options *options, redux_window window)
{
    memset(hasher, 0, sizeof *hasher);
    hasher->window = window;
    hasher->colour = redux_hash_uses_colour(options) &&
                     (window.kind == REDUX_WINDOW_AUTO || window.kind == REDUX_WINDOW_FULL);
    return rdx_hasher_init(&hasher->hasher, context, options);
}

void rdx_slice_hasher_clear(rdx_slice_hasher *hasher)
{
    rdx_hasher_clear(&hasher->hasher);
}

/* A picture without its colours and its alpha, as redux_volume_slice gives it. */
static redux_status to_grey(redux_tensor *out, redux_context *context, const redux_tensor *picture)
{
    if (picture->ndim == 2)
        return redux_tensor_view(out, picture);
    if (picture->shape[2] < 3)
        return redux_tensor_select(out, picture, 2, 0);
    RDX_TRY(rdx_tensor_alloc(out, context, picture->dtype, 2, picture->shape));
    const redux_status status = redux_image_luma(out, context, picture);
    if (status != REDUX_OK)
        redux_tensor_release(out);
    return status;
}

static redux_status hash_windowed(rdx_slice_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                  const rdx_visited *slice, const redux_tensor *picture)
{
    const redux_tensor *windowed;
    redux_tensor grey;
    RDX_TRY(to_grey(&grey, slice->context, picture));
    const redux_status status = rdx_visited_window_pixels(&windowed, slice, &grey, hasher->window);
    redux_tensor_release(&grey);
    return status != REDUX_OK ? status : rdx_hasher_run_info(&hasher->hasher, code, info, windowed);
}

/* Pictures of 8 bits in colour, others in grey. */
static redux_status hash_picture(rdx_slice_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_visited *slice)
{
    redux_tensor picture;
    RDX_TRY(redux_volume_slice_colour(&picture, slice->context, slice->volume, slice->slice));
    const redux_status status = picture.dtype == REDUX_UINT8
                                    ? rdx_hasher_run_info(&hasher->hasher, code, info, &picture)
                                    : hash_windowed(hasher, code, info, slice, &picture);
    redux_tensor_release(&picture);
    return status;
}

redux_status rdx_slice_hasher_run(rdx_slice_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                  const rdx_visited *slice)
{
    const int32_t orientation = hasher->hasher.options.profile == REDUX_PROFILE_PAPER_HASH
                                    ? (int32_t)REDUX_ORIENTATION_STORED
                                    : RDX_OWN_ORIENTATION;
    const redux_tensor *grey;
    if (hasher->colour && !slice->info->is_scan)
        return hash_picture(hasher, code, info, slice);
    RDX_TRY(rdx_visited_window(&grey, slice, hasher->window, orientation));
    return rdx_hasher_run_info(&hasher->hasher, code, info, grey);
}

/* ---- all of them ---- */

typedef struct dataset_job {
    redux_hash_list *list;
    int64_t first; /* entry of the first row */
    redux_window window;
    bool with_info;
} dataset_job;

static redux_status worker_init(void *worker, redux_context *context, void *user)
{
    const dataset_job *job = user;
    return rdx_slice_hasher_init(worker, context, &job->list->options, job->window);
}

static void worker_clear(void *worker)
{
    rdx_slice_hasher_clear(worker);
}

static redux_status hash_slice(const rdx_visited *slice, void *worker, void *user)
{
    const dataset_job *job = user;
    redux_hash_list *list = job->list;
    const int64_t entry = job->first + slice->at;
    return rdx_slice_hasher_run(worker, list->codes + entry * list->bytes,
                                job->with_info ? &list->entries[entry].info : NULL, slice);
}

/* Entries without codes, one for each wanted row; the rows go into a block that the caller frees.
 */
static redux_status name_slices(redux_hash_list *list, redux_context *context,
                                const redux_dataset *dataset, const uint8_t *wanted, int64_t **out)
{
    const int64_t slices = redux_dataset_slice_count(dataset);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)slices, sizeof(int64_t)));
    int64_t *rows = *out = block, count = 0;
    for (int64_t row = 0; row < slices; row++)
        if (wanted == NULL || wanted[row] != 0)
            rows[count++] = row;
    RDX_TRY(rdx_hash_list_reserve(list, context, count));
    for (int64_t i = 0; i < count; i++) {
        const char *source;
        rdx_hash_entry entry = {.info = {RDX_NO_QUALITY, 0}};
        RDX_TRY(rdx_dataset_row_name(&source, &entry.slice, dataset, rows[i]));
        RDX_TRY(rdx_hash_list_source(&entry.source, list, context, source));
        list->entries[list->count++] = entry;
    }
    return REDUX_OK;
}

static redux_status check_window(const redux_hash_list *list, redux_window window)
{
    const bool range = window.kind == REDUX_WINDOW_RANGE;
    const redux_window before = list->options.window;
    if (list->options.profile == REDUX_PROFILE_PAPER_HASH && range)
        return rdx_fail(REDUX_E_INVALID, "profile paper-hash has a window of its own, by slice: "
                                         "for others use profile imagehash");
    if (list->options.profile == REDUX_PROFILE_HU && !range)
        return rdx_fail(REDUX_E_INVALID,
                        "profile hu needs a window of HU: lung, mediastinum, abdomen, bone, brain "
                        "or LO:HI");
    if (list->count > 0 && (window.kind != before.kind ||
                            (range && (window.low < before.low || window.low > before.low ||
                                       window.high < before.high || window.high > before.high))))
        return rdx_fail(REDUX_E_INVALID, "hash list: its codes were made with another window");
    return REDUX_OK;
}

/* Hashes some rows; the job knows the entry of the first of them. */
static redux_status hash_rows(dataset_job *job, redux_context *context,
                              const redux_dataset *dataset, const int64_t *rows, int64_t count)
{
    const rdx_visit visit = {.dataset = dataset,
                             .rows = rows,
                             .count = count,
                             .worker_bytes = sizeof(rdx_slice_hasher),
                             .worker_init = worker_init,
                             .worker_clear = worker_clear,
                             .slice = hash_slice,
                             .user = job};
    rdx_progress_begin(context, count);
    const redux_status status = rdx_visit_any_order(context, &visit);
    rdx_progress_begin(context, 0);
    return status;
}

/* Each rank hashes the slices of its volumes, and all get all codes. */
static redux_status hash_together(const dataset_job *job, redux_context *context,
                                  const redux_dataset *dataset, const int64_t *rows, int64_t count)
{
    char text[200];
    redux_hash_list *list = job->list;
    const redux_hash_options *options = &list->options;
    dataset_job own = *job;
    rdx_rank_rows share;
    snprintf(text, sizeof text, "hash %s, profile %s, size %d, window %d %g %g, info %d",
             redux_hash_name(options->hash), redux_hash_profile_name(options->profile),
             (int)options->size, (int)job->window.kind, job->window.low, job->window.high,
             (int)job->with_info);
    RDX_TRY(rdx_rank_rows_share(&share, context, dataset, rows, count, text));
    own.first += share.first;
    redux_status status =
        rdx_agree(context, hash_rows(&own, context, dataset, rows + share.first, share.count));
    if (status == REDUX_OK)
        status = rdx_gather_owned(context, list->codes + job->first * list->bytes,
                                  (uint64_t)list->bytes, share.owner, count);
    if (status == REDUX_OK)
        status = rdx_gather_owned(context, list->entries + job->first, sizeof *list->entries,
                                  share.owner, count);
    rdx_free(share.owner);
    return status;
}

redux_status redux_hash_list_add_wanted(redux_hash_list *list, redux_context *context,
                                        const redux_dataset *dataset, const uint8_t *wanted,
                                        redux_window window, int32_t with_info)
{
    if (list == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_add_dataset: an argument is NULL");
    RDX_TRY(check_window(list, window));
    const int64_t count = list->count, source_count = list->source_count;
    int64_t *rows = NULL;
    dataset_job job = {list, count, window, with_info != 0};
    redux_status status = name_slices(list, context, dataset, wanted, &rows);
    if (status == REDUX_OK)
        status = rdx_ranks(context) > 1
                     ? hash_together(&job, context, dataset, rows, list->count - count)
                     : hash_rows(&job, context, dataset, rows, list->count - count);
    rdx_free(rows);
    if (status != REDUX_OK)
        rdx_hash_list_cut(list, count, source_count);
    else
        list->options.window = window;
    return status;
}

redux_status redux_hash_list_add_dataset(redux_hash_list *list, redux_context *context,
                                         const redux_dataset *dataset, redux_window window,
                                         int32_t with_info)
{
    return redux_hash_list_add_wanted(list, context, dataset, NULL, window, with_info);
}
