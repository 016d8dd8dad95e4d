/* SPDX-License-Identifier: MIT
 * Items in the order of the walk, in bounded memory.
 *
 * Hashes, descriptors and entropies are small: one pass over the volumes caches them all, volumes
 * in parallel. Images are not cached: a group's slices are decoded, windowed and handed on a few at
 * a time, each volume open only while its turn lasts. */
#include <string.h>
#include "select.h"

#define SLICES_PER_TASK 8
#define BATCH_BYTES ((size_t)64 << 20)
#define BATCH_ITEMS 64
#define GATHER_ROWS 4096

/* ---- opening, skipping ---- */

redux_status rdx_stream_open(rdx_stream *stream, redux_context *context, redux_reduction *reduction,
                             const rdx_walk *walk, rdx_feature feature)
{
    int64_t shape[2] = {reduction->row_count, 8};
    memset(stream, 0, sizeof *stream);
    stream->context = context;
    stream->reduction = reduction;
    stream->walk = walk;
    stream->feature = feature;
    if (feature == RDX_FEATURE_HASH)
        RDX_TRY(redux_tensor_new(&stream->cache, context, REDUX_UINT8, 2, shape));
    shape[1] = RDX_DESCRIPTOR_LENGTH;
    if (feature == RDX_FEATURE_DESCRIPTOR)
        RDX_TRY(redux_tensor_new(&stream->cache, context, REDUX_FLOAT32, 2, shape));
    if (feature == RDX_FEATURE_ENTROPY)
        RDX_TRY(redux_tensor_new(&stream->cache, context, REDUX_FLOAT64, 1, shape));
    pthread_mutex_init(&stream->skip_mutex, NULL);
    return REDUX_OK;
}

void rdx_stream_close(rdx_stream *stream)
{
    redux_tensor_release(&stream->cache);
    pthread_mutex_destroy(&stream->skip_mutex);
}

static bool is_input_failure(redux_status status)
{
    return status == REDUX_E_IO || status == REDUX_E_NOT_FOUND || status == REDUX_E_FORMAT ||
           status == REDUX_E_UNSUPPORTED || status == REDUX_E_LIMIT;
}

/* Marks rows as unreadable and notes why, if such failures are to be skipped; else hands the
 * failure on. Several passes over the same slice note it once. */
static redux_status skip_rows(rdx_stream *stream, redux_status status, int64_t first, int64_t count,
                              const char *source)
{
    redux_reduction *reduction = stream->reduction;
    const char *reason = redux_error_message();
    if (!reduction->options.skip_errors || !is_input_failure(status))
        return status;
    pthread_mutex_lock(&stream->skip_mutex);
    status = REDUX_OK;
    if (!reduction->rows[first].skipped) {
        rdx_skip skip = {NULL, NULL};
        void *block = reduction->skips;
        status = rdx_grow(stream->context, &block, &reduction->skip_capacity, reduction->skip_count,
                          reduction->skip_count + 1, sizeof skip);
        reduction->skips = block;
        if (status == REDUX_OK)
            status = rdx_strdup(stream->context, &skip.source, source);
        if (status == REDUX_OK)
            status = rdx_strdup(stream->context, &skip.reason, reason);
        if (status == REDUX_OK)
            reduction->skips[reduction->skip_count++] = skip;
        else
            rdx_free(stream->context, skip.source);
        for (int64_t i = first; status == REDUX_OK && i < first + count; i++)
            reduction->rows[i].skipped = 1;
    }
    pthread_mutex_unlock(&stream->skip_mutex);
    return status;
}

/* Opens a volume; *volume is NULL when it is left out. `first_row`: the row of its slice 0. */
static redux_status open_volume(rdx_stream *stream, redux_volume **volume, int64_t index,
                                const redux_volume_info *info, int64_t first_row)
{
    *volume = NULL;
    redux_status status =
        redux_volume_open(volume, stream->context, stream->reduction->dataset, index);
    if (status == REDUX_OK)
        return REDUX_OK;
    return skip_rows(stream, status, first_row, info->slices, info->source);
}

/* ---- reading everything once ---- */

typedef struct read_job {
    rdx_stream *stream;
    const redux_volume *volume;
    const redux_volume_info *info;
    int64_t index, first_row;
} read_job;

static redux_status read_slice(const read_job *job, rdx_extractor *extractor, int64_t slice)
{
    rdx_stream *stream = job->stream;
    const int64_t row = job->first_row + slice;
    const redux_tensor *cache = &stream->cache;
    const char *source = NULL;
    int64_t number = 0;
    char *item = cache->data == NULL ? NULL
                                     : (char *)cache->data + (size_t)(row * cache->strides[0]) *
                                                                 redux_dtype_size(cache->dtype);
    redux_status status =
        rdx_extract(extractor, item, job->volume, job->info, slice, 0, 0, false, NULL);
    if (status != REDUX_OK) {
        redux_dataset_slice_name(&source, &number, stream->reduction->dataset, job->index, slice);
        status = skip_rows(stream, status, row, 1, source);
    }
    return status != REDUX_OK ? status : rdx_progress_add(stream->context, 1);
}

static redux_status read_slices(int64_t index, void *user)
{
    const read_job *job = user;
    const int64_t last = RDX_MIN((index + 1) * SLICES_PER_TASK, job->info->slices);
    const rdx_feature feature =
        job->stream->feature == RDX_FEATURE_IMAGE ? RDX_FEATURE_NONE : job->stream->feature;
    rdx_extractor extractor;
    redux_status status = rdx_extractor_init(&extractor, job->stream->context,
                                             &job->stream->reduction->options, feature);
    for (int64_t k = index * SLICES_PER_TASK; k < last && status == REDUX_OK; k++)
        status = read_slice(job, &extractor, k);
    rdx_extractor_clear(&extractor);
    return status;
}

/* The row of slice 0 of each volume follows from the walk over volumes: rows are in dataset order.
 */
static int64_t first_row_of(const redux_reduction *reduction, int64_t volume)
{
    int64_t low = 0, high = reduction->row_count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (reduction->rows[middle].volume < volume)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static redux_status read_volume(int64_t index, void *user)
{
    rdx_stream *stream = user;
    redux_context *context = stream->context;
    redux_volume_info info;
    redux_volume *volume;
    RDX_TRY(redux_dataset_volume_info(&info, stream->reduction->dataset, index));
    const int64_t first_row = first_row_of(stream->reduction, index);
    RDX_TRY(open_volume(stream, &volume, index, &info, first_row));
    if (volume == NULL)
        return rdx_progress_add(context, info.slices);
    read_job job = {stream, volume, &info, index, first_row};
    redux_status status = rdx_parallel(
        context, (info.slices + SLICES_PER_TASK - 1) / SLICES_PER_TASK, read_slices, &job);
    redux_volume_free(volume, context);
    return status;
}

redux_status rdx_stream_read(rdx_stream *stream)
{
    rdx_progress_begin(stream->context, stream->reduction->row_count);
    RDX_TRY(rdx_parallel(stream->context, redux_dataset_volumes(stream->reduction->dataset),
                         read_volume, stream));
    rdx_progress_begin(stream->context, 0);
    return REDUX_OK;
}

/* ---- groups of cached features ---- */

static redux_status gather(const redux_tensor *source, const redux_tensor *items,
                           const int64_t *rows, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        redux_tensor from, to;
        RDX_TRY(redux_tensor_select(&from, source, 0, rows[i]));
        redux_status status = redux_tensor_select(&to, items, 0, i);
        if (status == REDUX_OK)
            status = redux_tensor_copy(&to, &from);
        redux_tensor_release(&from);
        redux_tensor_release(&to);
        if (status != REDUX_OK)
            return status;
    }
    return REDUX_OK;
}

static redux_status stream_cached(rdx_stream *stream, int64_t group, rdx_consume_fn consume,
                                  void *user)
{
    const redux_reduction *reduction = stream->reduction;
    const redux_tensor *source =
        reduction->has_embeddings ? reduction->options.embeddings : &stream->cache;
    const int64_t end = stream->walk->start[group + 1];
    const int64_t group_rows = end - stream->walk->start[group];
    const int64_t shape[2] = {RDX_MIN(GATHER_ROWS, group_rows), source->shape[1]};
    redux_status status = REDUX_OK;
    redux_tensor items;
    void *block;
    RDX_TRY(rdx_alloc(stream->context, &block, GATHER_ROWS, sizeof(int64_t)));
    int64_t *rows = block;
    status = redux_tensor_new(&items, stream->context,
                              stream->feature == RDX_FEATURE_HASH ? REDUX_UINT8 : REDUX_FLOAT32, 2,
                              shape);
    for (int64_t at = stream->walk->start[group]; at < end && status == REDUX_OK;) {
        int64_t count = 0;
        for (; at < end && count < GATHER_ROWS; at++)
            if (!reduction->rows[stream->walk->rows[at]].skipped)
                rows[count++] = stream->walk->rows[at];
        redux_tensor part = items; /* borrows: the first `count` of them */
        part.shape[0] = count;
        status = gather(source, &items, rows, count);
        if (status == REDUX_OK && count > 0)
            status = consume(user, stream->context, &part, rows);
    }
    redux_tensor_release(&items);
    rdx_free(stream->context, block);
    return status;
}

/* ---- groups of images ---- */

typedef enum fate { EXTRACTED = 0, FAILED, RAGGED } fate;

typedef struct image_job {
    rdx_stream *stream;
    const redux_volume *volume;
    const redux_volume_info *info;
    int64_t index; /* of the volume */
    const int64_t *rows;
    int64_t count;
    redux_tensor *items; /* [batch, height, width] */
    bool resize;
    fate *fates; /* one a row */
} image_job;

static redux_status extract_images(int64_t index, void *user)
{
    const image_job *job = user;
    rdx_stream *stream = job->stream;
    const redux_tensor *items = job->items;
    const size_t item_bytes = (size_t)items->strides[0] * redux_dtype_size(items->dtype);
    const int64_t last = RDX_MIN((index + 1) * SLICES_PER_TASK, job->count);
    rdx_extractor extractor;
    redux_status status = rdx_extractor_init(&extractor, stream->context,
                                             &stream->reduction->options, RDX_FEATURE_IMAGE);
    for (int64_t i = index * SLICES_PER_TASK; i < last && status == REDUX_OK; i++) {
        const redux_row *row = &stream->reduction->rows[job->rows[i]];
        bool ragged = false;
        status = rdx_extract(&extractor, (char *)items->data + (size_t)i * item_bytes, job->volume,
                             job->info, row->slice, items->shape[1], items->shape[2], job->resize,
                             &ragged);
        if (ragged)
            job->fates[i] = RAGGED;
        if (status != REDUX_OK) {
            const char *source = NULL;
            int64_t number = 0;
            redux_dataset_slice_name(&source, &number, stream->reduction->dataset, job->index,
                                     row->slice);
            status = skip_rows(stream, status, job->rows[i], 1, source);
            job->fates[i] = FAILED;
        }
    }
    rdx_extractor_clear(&extractor);
    return status;
}

/* Moves the items and rows that did not fail together; returns how many. */
static int64_t compact(redux_tensor *items, int64_t *rows, const fate *fates, int64_t count)
{
    const size_t item_bytes = (size_t)items->strides[0] * redux_dtype_size(items->dtype);
    int64_t good = 0;
    for (int64_t i = 0; i < count; i++) {
        if (fates[i] != EXTRACTED)
            continue;
        if (good < i)
            memmove((char *)items->data + (size_t)good * item_bytes,
                    (char *)items->data + (size_t)i * item_bytes, item_bytes);
        rows[good++] = rows[i];
    }
    return good;
}

/* One batch of slices of one open volume. */
static redux_status stream_batch(image_job *job, bool *ragged, rdx_consume_fn consume, void *user)
{
    fate fates[BATCH_ITEMS] = {EXTRACTED};
    int64_t rows[BATCH_ITEMS];
    memcpy(rows, job->rows, (size_t)job->count * sizeof *rows);
    job->fates = fates;
    RDX_TRY(rdx_parallel(job->stream->context, (job->count + SLICES_PER_TASK - 1) / SLICES_PER_TASK,
                         extract_images, job));
    for (int64_t i = 0; i < job->count; i++)
        *ragged = *ragged || fates[i] == RAGGED;
    if (*ragged)
        return REDUX_OK;
    redux_tensor part = *job->items;
    part.shape[0] = compact(job->items, rows, fates, job->count);
    return part.shape[0] == 0 ? REDUX_OK : consume(user, job->stream->context, &part, rows);
}

/* Rows `at` ... `end` - 1 of the walk, all of one open volume. */
static redux_status stream_run(rdx_stream *stream, const redux_volume *volume, int64_t at,
                               int64_t end, bool resize, bool *ragged, rdx_consume_fn consume,
                               void *user)
{
    const redux_reduce_options *options = &stream->reduction->options;
    const int64_t index = stream->reduction->rows[stream->walk->rows[at]].volume;
    redux_volume_info info;
    redux_tensor items;
    RDX_TRY(redux_dataset_volume_info(&info, stream->reduction->dataset, index));
    int64_t shape[3] = {0, info.height, info.width};
    if (resize)
        shape[1] = shape[2] = options->size;
    const redux_dtype dtype = redux_window_dtype(options->window);
    const size_t bytes = (size_t)shape[1] * (size_t)shape[2] * redux_dtype_size(dtype);
    shape[0] = RDX_MIN(RDX_MAX((int64_t)(BATCH_BYTES / RDX_MAX(bytes, 1)), 1), BATCH_ITEMS);
    RDX_TRY(redux_tensor_new(&items, stream->context, dtype, 3, shape));
    image_job job = {stream, volume, &info, index, NULL, 0, &items, resize, NULL};
    redux_status status = REDUX_OK;
    for (; at < end && status == REDUX_OK && !*ragged; at += shape[0]) {
        job.rows = stream->walk->rows + at;
        job.count = RDX_MIN(shape[0], end - at);
        status = stream_batch(&job, ragged, consume, user);
    }
    redux_tensor_release(&items);
    return status;
}

/* The end of the run of walk positions from `at` on that lie in one volume. */
static int64_t run_end(const rdx_stream *stream, int64_t at, int64_t end)
{
    const redux_row *rows = stream->reduction->rows;
    const int64_t volume = rows[stream->walk->rows[at]].volume;
    while (at < end && rows[stream->walk->rows[at]].volume == volume)
        at++;
    return at;
}

#define AHEAD 8 /* volumes that are opened at a time, at most */

typedef struct open_job {
    rdx_stream *stream;
    int64_t start[AHEAD + 1]; /* the runs, as walk positions */
    redux_volume *volume[AHEAD];
} open_job;

static redux_status open_run(int64_t i, void *user)
{
    open_job *job = user;
    rdx_stream *stream = job->stream;
    const int64_t index = stream->reduction->rows[stream->walk->rows[job->start[i]]].volume;
    redux_volume_info info;
    RDX_TRY(redux_dataset_volume_info(&info, stream->reduction->dataset, index));
    RDX_TRY(
        open_volume(stream, &job->volume[i], index, &info, first_row_of(stream->reduction, index)));
    if (job->volume[i] == NULL)
        return rdx_progress_add(stream->context, job->start[i + 1] - job->start[i]);
    return REDUX_OK;
}

/* As many volumes are read ahead as there are threads: one volume a reading thread. */
static redux_status stream_images(rdx_stream *stream, int64_t group, bool resize, bool *ragged,
                                  rdx_consume_fn consume, void *user)
{
    const int64_t end = stream->walk->start[group + 1];
    const int ahead = rdx_in_task() ? 1 : RDX_MIN(redux_context_threads(stream->context), AHEAD);
    redux_status status = REDUX_OK;
    for (int64_t at = stream->walk->start[group]; at < end && status == REDUX_OK && !*ragged;) {
        open_job job = {stream, {0}, {NULL}};
        int64_t runs = 0;
        job.start[0] = at;
        for (; runs < ahead && at < end; runs++)
            job.start[runs + 1] = at = run_end(stream, at, end);
        status = rdx_parallel(stream->context, runs, open_run, &job);
        for (int64_t i = 0; i < runs; i++) {
            if (job.volume[i] != NULL && status == REDUX_OK && !*ragged)
                status = stream_run(stream, job.volume[i], job.start[i], job.start[i + 1], resize,
                                    ragged, consume, user);
            redux_volume_free(job.volume[i], stream->context);
        }
    }
    return status;
}

redux_status rdx_stream_group(rdx_stream *stream, int64_t group, bool resize, bool *ragged,
                              rdx_consume_fn consume, void *user)
{
    *ragged = false;
    if (stream->feature == RDX_FEATURE_IMAGE)
        return stream_images(stream, group, resize, ragged, consume, user);
    return stream_cached(stream, group, consume, user);
}
