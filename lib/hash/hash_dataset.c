/* SPDX-License-Identifier: MIT
 * Codes of all slices of a dataset: volumes in parallel, and slices within one. */
#include <string.h>
#include "hash_list.h"
#include "hash_slice.h"
#include "io/io.h"

#define SLICES_PER_TASK 8

/* ---- one slice ---- */

redux_status rdx_slice_hasher_init(rdx_slice_hasher *slices, redux_context *context,
                                   const redux_hash_options *options, redux_window window)
{
    memset(slices, 0, sizeof *slices);
    slices->context = context;
    slices->window = window;
    slices->colour = redux_hash_uses_colour(options) &&
                     (window.kind == REDUX_WINDOW_AUTO || window.kind == REDUX_WINDOW_FULL);
    return rdx_hasher_init(&slices->hasher, context, options);
}

void rdx_slice_hasher_clear(rdx_slice_hasher *slices)
{
    rdx_hasher_clear(&slices->hasher);
    redux_tensor_release(&slices->windowed);
}

/* *done: it is of 8 bits and in colour, and was hashed so. */
static redux_status hash_colours(bool *done, rdx_slice_hasher *slices, uint8_t *code,
                                 redux_hash_info *info, const rdx_slice_place *place)
{
    redux_tensor picture;
    *done = false;
    if (!slices->colour || place->info->is_scan)
        return REDUX_OK;
    RDX_TRY(redux_volume_slice_colour(&picture, slices->context, place->volume, place->slice));
    redux_status status = REDUX_OK;
    if (picture.dtype == REDUX_UINT8) {
        *done = true;
        status = rdx_hasher_run_info(&slices->hasher, code, info, &picture);
    }
    redux_tensor_release(&picture);
    return status;
}

/* A buffer that is made anew only when the shape changes. */
static redux_status fit_windowed(rdx_slice_hasher *slices, redux_dtype dtype, const int64_t *shape)
{
    redux_tensor *windowed = &slices->windowed;
    if (windowed->data != NULL && windowed->dtype == dtype && windowed->shape[0] == shape[0] &&
        windowed->shape[1] == shape[1])
        return REDUX_OK;
    redux_tensor_release(windowed);
    return redux_tensor_new(windowed, slices->context, dtype, 2, shape);
}

static redux_status hash_grey(rdx_slice_hasher *slices, uint8_t *code, redux_hash_info *info,
                              const rdx_slice_place *place)
{
    redux_tensor pixels;
    if (slices->hasher.options.profile == REDUX_PROFILE_PAPER_HASH)
        RDX_TRY(redux_volume_slice_oriented(&pixels, slices->context, place->volume, place->slice,
                                            REDUX_ORIENTATION_STORED));
    else
        RDX_TRY(redux_volume_slice(&pixels, slices->context, place->volume, place->slice));
    const redux_window window =
        redux_window_resolve(slices->window, pixels.dtype, place->info->is_scan);
    redux_status status = fit_windowed(slices, redux_window_dtype(window), pixels.shape);
    if (status == REDUX_OK)
        status = redux_window_apply(&slices->windowed, slices->context, &pixels, place->info->slope,
                                    place->info->intercept, window);
    redux_tensor_release(&pixels);
    if (status != REDUX_OK)
        return status;
    return rdx_hasher_run_info(&slices->hasher, code, info, &slices->windowed);
}

redux_status rdx_slice_hasher_run(rdx_slice_hasher *slices, uint8_t *code, redux_hash_info *info,
                                  const rdx_slice_place *place)
{
    bool done;
    RDX_TRY(hash_colours(&done, slices, code, info, place));
    return done ? REDUX_OK : hash_grey(slices, code, info, place);
}

/* ---- all of them ---- */

typedef struct dataset_job {
    redux_hash_list *list;
    redux_context *context;
    const redux_dataset *dataset;
    const int64_t *first; /* entry of slice 0 of each volume */
    redux_window window;
    bool with_info;
} dataset_job;

typedef struct volume_job {
    const dataset_job *all;
    const redux_volume *volume;
    redux_volume_info info;
    int64_t index;
} volume_job;

static redux_status hash_slice(rdx_slice_hasher *slices, const volume_job *job, int64_t slice)
{
    redux_hash_list *list = job->all->list;
    const int64_t row = job->all->first[job->index] + slice;
    const rdx_slice_place place = {job->all->dataset, job->index, job->volume, &job->info, slice};
    redux_hash_info *info = job->all->with_info ? &list->entries[row].info : NULL;
    RDX_TRY(rdx_slice_hasher_run(slices, list->codes + row * list->bytes, info, &place));
    return rdx_progress_add(job->all->context, 1);
}

static redux_status hash_slices(int64_t index, void *user)
{
    const volume_job *job = user;
    const int64_t last = RDX_MIN((index + 1) * SLICES_PER_TASK, job->info.slices);
    rdx_slice_hasher slices;
    redux_status status = rdx_slice_hasher_init(&slices, job->all->context,
                                                &job->all->list->options, job->all->window);
    for (int64_t k = index * SLICES_PER_TASK; k < last && status == REDUX_OK; k++)
        status = hash_slice(&slices, job, k);
    rdx_slice_hasher_clear(&slices);
    return status;
}

static redux_status hash_volume(int64_t index, void *user)
{
    dataset_job *all = user;
    volume_job job = {.all = all, .info = REDUX_VOLUME_INFO_INIT, .index = index};
    redux_volume *volume;
    RDX_TRY(redux_dataset_get_volume_info(&job.info, all->dataset, index));
    RDX_TRY(redux_volume_open(&volume, all->context, all->dataset, index));
    job.volume = volume;
    const redux_status status = rdx_parallel(
        all->context, (job.info.slices + SLICES_PER_TASK - 1) / SLICES_PER_TASK, hash_slices, &job);
    redux_volume_free(volume);
    return status;
}

/* Entries without codes; `first`: where each volume begins. */
static redux_status name_slices(redux_hash_list *list, redux_context *context,
                                const redux_dataset *dataset, int64_t *first)
{
    RDX_TRY(rdx_hash_list_reserve(list, context, redux_dataset_slice_count(dataset)));
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_get_volume_info(&info, dataset, v));
        first[v] = list->count;
        for (int64_t k = 0; k < info.slices; k++) {
            const char *source;
            rdx_hash_entry entry = {.info = {RDX_NO_QUALITY, 0}};
            RDX_TRY(redux_dataset_get_slice_name(&source, &entry.slice, dataset, v, k));
            RDX_TRY(rdx_hash_list_source(&entry.source, list, context, source));
            list->entries[list->count++] = entry;
        }
    }
    return REDUX_OK;
}

static redux_status check_window(const redux_hash_list *list, redux_window window)
{
    const bool range = window.kind == REDUX_WINDOW_RANGE;
    const redux_window before = list->options.window;
    if (list->options.profile == REDUX_PROFILE_PAPER_HASH && range)
        return rdx_fail(REDUX_E_INVALID,
                        "profile paper-hash windows by slice: use profile imagehash");
    if (list->options.profile == REDUX_PROFILE_HU && !range)
        return rdx_fail(REDUX_E_INVALID,
                        "profile hu needs a window of HU: lung, mediastinum, abdomen, bone, brain "
                        "or LO:HI");
    if (list->count > 0 && (window.kind != before.kind ||
                            (range && (window.low < before.low || window.low > before.low ||
                                       window.high < before.high || window.high > before.high))))
        return rdx_fail(REDUX_E_INVALID, "hash list: its codes were made under another window");
    return REDUX_OK;
}

redux_status redux_hash_list_add_dataset(redux_hash_list *list, redux_context *context,
                                         const redux_dataset *dataset, redux_window window,
                                         int32_t with_info)
{
    void *first;
    if (list == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_add_dataset: an argument is NULL");
    RDX_TRY(check_window(list, window));
    const int64_t volumes = redux_dataset_volume_count(dataset), count = list->count;
    const int64_t source_count = list->source_count;
    RDX_TRY(rdx_alloc(context, &first, (uint64_t)volumes, sizeof(int64_t)));
    dataset_job job = {list, context, dataset, first, window, with_info != 0};
    redux_status status = name_slices(list, context, dataset, first);
    if (status == REDUX_OK) {
        rdx_progress_begin(context, list->count - count);
        status = rdx_parallel(context, volumes, hash_volume, &job);
        rdx_progress_begin(context, 0);
    }
    rdx_free(first);
    if (status != REDUX_OK)
        rdx_hash_list_cut(list, count, source_count);
    else
        list->options.window = window;
    return status;
}
