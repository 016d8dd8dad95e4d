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

/* The cache of a small feature, one row a slice. */
static redux_status make_cache(rdx_stage *stage, const rdx_stream *stream)
{
    const redux_reduce_options *options = &stream->reduction->options;
    const redux_hash_options hash = rdx_hash_options_of(options);
    int64_t shape[2] = {stream->reduction->row_count, RDX_DESCRIPTOR_LENGTH};
    switch (stage->feature) {
    case RDX_FEATURE_HASH:
        shape[1] = redux_hash_bytes(&hash);
        return redux_tensor_new(&stage->cache, stream->context, REDUX_UINT8, 2, shape);
    case RDX_FEATURE_DESCRIPTOR:
        return redux_tensor_new(&stage->cache, stream->context, REDUX_FLOAT32, 2, shape);
    case RDX_FEATURE_ENTROPY:
        return redux_tensor_new(&stage->cache, stream->context, REDUX_FLOAT64, 1, shape);
    default:
        return REDUX_OK;
    }
}

static redux_status add_stage(rdx_stream *stream, redux_strategy strategy)
{
    const redux_reduction *reduction = stream->reduction;
    const redux_reduce_options *options = &reduction->options;
    rdx_stage *stage = &stream->stages[stream->stage_count++];
    stage->feature = rdx_strategy_of(strategy)->feature;
    const bool of_vectors =
        stage->feature == RDX_FEATURE_DESCRIPTOR ||
        (strategy == REDUX_STRATEGY_METRIC && options->metric->ops->item_axes == 1);
    if (reduction->has_embeddings && of_vectors) {
        stage->feature = RDX_FEATURE_NONE;
        stage->embeddings = options->embeddings;
    }
    stream->has_images = stream->has_images || stage->feature == RDX_FEATURE_IMAGE;
    return make_cache(stage, stream);
}

redux_status rdx_stream_open(rdx_stream *stream, redux_context *context, redux_reduction *reduction,
                             const rdx_walk *walk)
{
    const redux_strategy then = reduction->options.then;
    memset(stream, 0, sizeof *stream);
    stream->context = context;
    stream->reduction = reduction;
    stream->walk = walk;
    redux_status status = add_stage(stream, reduction->options.strategy);
    if (status == REDUX_OK && then != REDUX_STRATEGY_ALL)
        status = add_stage(stream, then);
    pthread_mutex_init(&stream->skip_mutex, NULL);
    if (status != REDUX_OK)
        rdx_stream_close(stream);
    return status;
}

void rdx_stream_close(rdx_stream *stream)
{
    redux_tensor_release(&stream->stages[0].cache);
    redux_tensor_release(&stream->stages[1].cache);
    pthread_mutex_destroy(&stream->skip_mutex);
}

bool rdx_stream_resizes(const rdx_stream *stream)
{
    const redux_reduce_options *options = &stream->reduction->options;
    return options->scope == REDUX_SCOPE_DATASET || options->against != NULL;
}

/* Marks rows as unreadable and notes why, if such failures are to be skipped; else hands the
 * failure on. Several passes over the same slice note it once. */
static redux_status skip_rows(rdx_stream *stream, redux_status status, int64_t first, int64_t count,
                              const char *source)
{
    redux_reduction *reduction = stream->reduction;
    const char *reason = redux_error_message();
    if (!reduction->options.skip_errors || !rdx_is_input_failure(status))
        return status;
    pthread_mutex_lock(&stream->skip_mutex);
    status = REDUX_OK;
    if (!reduction->rows[first].skipped) {
        status = rdx_reduction_skip(stream->context, reduction, source, reason);
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

/* ---- small features ---- */

/* One extractor a small feature, with its cache. */
typedef struct side {
    rdx_extractor extractors[2];
    const rdx_stage *stages[2];
    int count;
} side;

static void side_clear(side *s)
{
    for (int i = 0; i < s->count; i++)
        rdx_extractor_clear(&s->extractors[i]);
    s->count = 0;
}

/* `reads`: where no stage has a small feature, slices are at least read. */
static redux_status side_init(side *s, const rdx_stream *stream, bool reads)
{
    redux_status status = REDUX_OK;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < stream->stage_count && status == REDUX_OK; i++) {
        const rdx_stage *stage = &stream->stages[i];
        if (stage->cache.data == NULL && !(reads && i == stream->stage_count - 1 && s->count == 0))
            continue;
        s->stages[s->count] = stage;
        status = rdx_extractor_init(&s->extractors[s->count++], stream->context,
                                    &stream->reduction->options,
                                    stage->cache.data == NULL ? RDX_FEATURE_NONE : stage->feature);
    }
    if (status != REDUX_OK)
        side_clear(s);
    return status;
}

static redux_status side_extract(side *s, redux_row *row, int64_t number,
                                 const rdx_slice_place *place)
{
    redux_status status = REDUX_OK;
    for (int i = 0; i < s->count && status == REDUX_OK; i++) {
        const redux_tensor *cache = &s->stages[i]->cache;
        char *item = cache->data;
        if (item != NULL)
            item += (size_t)(number * cache->strides[0]) * redux_dtype_size(cache->dtype);
        status = rdx_extract(&s->extractors[i], item, place, 0, 0, false, NULL);
        if (s->extractors[i].feature == RDX_FEATURE_HASH)
            row->flat = (s->extractors[i].info.flags & REDUX_HASH_FLAT) != 0;
    }
    return status;
}

/* ---- reading everything once ---- */

typedef struct read_job {
    rdx_stream *stream;
    const redux_volume *volume;
    const redux_volume_info *info;
    int64_t index, first_row;
} read_job;

static redux_status read_slice(const read_job *job, side *features, int64_t slice)
{
    rdx_stream *stream = job->stream;
    const int64_t row = job->first_row + slice;
    const char *source = NULL;
    int64_t number = 0;
    redux_status status = REDUX_OK;
    const rdx_slice_place place = {stream->reduction->dataset, job->index, job->volume, job->info,
                                   slice};
    if (!stream->reduction->rows[row].skipped)
        status = side_extract(features, &stream->reduction->rows[row], row, &place);
    if (status != REDUX_OK) {
        redux_dataset_get_slice_name(&source, &number, stream->reduction->dataset, job->index,
                                     slice);
        status = skip_rows(stream, status, row, 1, source);
    }
    return status != REDUX_OK ? status : rdx_progress_add(stream->context, 1);
}

static redux_status read_slices(int64_t index, void *user)
{
    const read_job *job = user;
    const int64_t last = RDX_MIN((index + 1) * SLICES_PER_TASK, job->info->slices);
    redux_status status = REDUX_OK;
    side features;
    RDX_TRY(side_init(&features, job->stream, true));
    for (int64_t k = index * SLICES_PER_TASK; k < last && status == REDUX_OK; k++)
        status = read_slice(job, &features, k);
    side_clear(&features);
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
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    RDX_TRY(redux_dataset_get_volume_info(&info, stream->reduction->dataset, index));
    const int64_t first_row = first_row_of(stream->reduction, index);
    RDX_TRY(open_volume(stream, &volume, index, &info, first_row));
    if (volume == NULL)
        return rdx_progress_add(context, info.slices);
    read_job job = {stream, volume, &info, index, first_row};
    redux_status status = rdx_parallel(
        context, (info.slices + SLICES_PER_TASK - 1) / SLICES_PER_TASK, read_slices, &job);
    redux_volume_free(volume);
    return status;
}

redux_status rdx_stream_read(rdx_stream *stream)
{
    rdx_progress_begin(stream->context, stream->reduction->row_count);
    RDX_TRY(rdx_parallel(stream->context, redux_dataset_volume_count(stream->reduction->dataset),
                         read_volume, stream));
    rdx_progress_begin(stream->context, 0);
    stream->read = true;
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

/* Room for `count` items of a stage's small feature. */
static redux_status new_items(redux_tensor *items, const rdx_stream *stream, const rdx_stage *stage,
                              int64_t count)
{
    const redux_tensor *source = stage->embeddings != NULL ? stage->embeddings : &stage->cache;
    const int64_t shape[2] = {count, source->shape[1]};
    return redux_tensor_new(items, stream->context,
                            stage->feature == RDX_FEATURE_HASH ? REDUX_UINT8 : REDUX_FLOAT32, 2,
                            shape);
}

/* `part`: the first `count` of `items`, borrowed, filled with the small feature of these rows. */
static redux_status gather_stage(redux_tensor *part, const redux_tensor *items,
                                 const rdx_stage *stage, const int64_t *rows, int64_t count)
{
    const redux_tensor *source = stage->embeddings != NULL ? stage->embeddings : &stage->cache;
    *part = *items;
    part->shape[0] = count;
    return gather(source, items, rows, count);
}

static redux_status stream_cached(rdx_stream *stream, int64_t group, rdx_consume_fn consume,
                                  void *user)
{
    const redux_reduction *reduction = stream->reduction;
    const int64_t end = stream->walk->start[group + 1];
    const int64_t most = RDX_MIN(GATHER_ROWS, end - stream->walk->start[group]);
    redux_tensor items[2] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(stream->context, &block, GATHER_ROWS, sizeof(int64_t)));
    int64_t *rows = block;
    for (int i = 0; i < stream->stage_count && status == REDUX_OK; i++)
        status = new_items(&items[i], stream, &stream->stages[i], most);
    for (int64_t at = stream->walk->start[group]; at < end && status == REDUX_OK;) {
        redux_tensor parts[2];
        int64_t count = 0;
        for (; at < end && count < GATHER_ROWS; at++)
            if (!reduction->rows[stream->walk->rows[at]].skipped)
                rows[count++] = stream->walk->rows[at];
        for (int i = 0; i < stream->stage_count && status == REDUX_OK; i++)
            status = gather_stage(&parts[i], &items[i], &stream->stages[i], rows, count);
        if (status == REDUX_OK && count > 0)
            status = consume(user, stream->context, parts, rows);
    }
    redux_tensor_release(&items[0]);
    redux_tensor_release(&items[1]);
    rdx_free(block);
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
    redux_tensor *items;   /* [batch, height, width] */
    redux_tensor small[2]; /* items of the stages that have no images */
    bool resize;
    fate *fates; /* one a row */
} image_job;

static redux_status extract_image(const image_job *job, rdx_extractor *extractor, side *features,
                                  int64_t i, bool *ragged)
{
    const redux_reduction *reduction = job->stream->reduction;
    const redux_tensor *items = job->items;
    const size_t item_bytes = (size_t)items->strides[0] * redux_dtype_size(items->dtype);
    redux_row *row = &reduction->rows[job->rows[i]];
    const rdx_slice_place place = {reduction->dataset, job->index, job->volume, job->info,
                                   row->slice};
    RDX_TRY(rdx_extract(extractor, (char *)items->data + (size_t)i * item_bytes, &place,
                        items->shape[1], items->shape[2], job->resize, ragged));
    if (job->stream->read)
        return REDUX_OK;
    return side_extract(features, row, job->rows[i], &place);
}

static redux_status extract_images(int64_t index, void *user)
{
    const image_job *job = user;
    rdx_stream *stream = job->stream;
    const int64_t last = RDX_MIN((index + 1) * SLICES_PER_TASK, job->count);
    rdx_extractor extractor;
    side features;
    RDX_TRY(side_init(&features, stream, false));
    redux_status status = rdx_extractor_init(&extractor, stream->context,
                                             &stream->reduction->options, RDX_FEATURE_IMAGE);
    for (int64_t i = index * SLICES_PER_TASK; i < last && status == REDUX_OK; i++) {
        const redux_row *row = &stream->reduction->rows[job->rows[i]];
        bool ragged = false;
        if (row->skipped) {
            job->fates[i] = FAILED;
            continue;
        }
        status = extract_image(job, &extractor, &features, i, &ragged);
        if (ragged)
            job->fates[i] = RAGGED;
        if (status != REDUX_OK) {
            const char *source = NULL;
            int64_t number = 0;
            redux_dataset_get_slice_name(&source, &number, stream->reduction->dataset, job->index,
                                         row->slice);
            status = skip_rows(stream, status, job->rows[i], 1, source);
            job->fates[i] = FAILED;
        }
    }
    rdx_extractor_clear(&extractor);
    side_clear(&features);
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

/* Hands a batch on: images, and the small features gathered by row. */
static redux_status hand_on(const image_job *job, const int64_t *rows, int64_t count,
                            rdx_consume_fn consume, void *user)
{
    const rdx_stream *stream = job->stream;
    redux_tensor parts[2];
    for (int i = 0; i < stream->stage_count; i++) {
        if (stream->stages[i].feature != RDX_FEATURE_IMAGE) {
            RDX_TRY(gather_stage(&parts[i], &job->small[i], &stream->stages[i], rows, count));
            continue;
        }
        parts[i] = *job->items;
        parts[i].shape[0] = count;
    }
    return consume(user, stream->context, parts, rows);
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
    const int64_t count = compact(job->items, rows, fates, job->count);
    return count == 0 ? REDUX_OK : hand_on(job, rows, count, consume, user);
}

/* Rows `at` ... `end` - 1 of the walk, all of one open volume. */
static redux_status stream_run(rdx_stream *stream, const redux_volume *volume, int64_t at,
                               int64_t end, bool resize, bool *ragged, rdx_consume_fn consume,
                               void *user)
{
    const redux_reduce_options *options = &stream->reduction->options;
    const int64_t index = stream->reduction->rows[stream->walk->rows[at]].volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor items;
    RDX_TRY(redux_dataset_get_volume_info(&info, stream->reduction->dataset, index));
    int64_t shape[3] = {0, info.height, info.width};
    if (resize)
        shape[1] = shape[2] = options->size;
    const redux_dtype dtype = redux_window_dtype(options->window);
    const size_t bytes = (size_t)shape[1] * (size_t)shape[2] * redux_dtype_size(dtype);
    shape[0] = RDX_MIN(RDX_MAX((int64_t)(BATCH_BYTES / RDX_MAX(bytes, 1)), 1), BATCH_ITEMS);
    RDX_TRY(redux_tensor_new(&items, stream->context, dtype, 3, shape));
    image_job job = {.stream = stream,
                     .volume = volume,
                     .info = &info,
                     .index = index,
                     .items = &items,
                     .resize = resize};
    redux_status status = REDUX_OK;
    for (int i = 0; i < stream->stage_count && status == REDUX_OK; i++)
        if (stream->stages[i].feature != RDX_FEATURE_IMAGE)
            status = new_items(&job.small[i], stream, &stream->stages[i], shape[0]);
    for (; at < end && status == REDUX_OK && !*ragged; at += shape[0]) {
        job.rows = stream->walk->rows + at;
        job.count = RDX_MIN(shape[0], end - at);
        status = stream_batch(&job, ragged, consume, user);
    }
    redux_tensor_release(&job.small[0]);
    redux_tensor_release(&job.small[1]);
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
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    RDX_TRY(redux_dataset_get_volume_info(&info, stream->reduction->dataset, index));
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
            redux_volume_free(job.volume[i]);
        }
    }
    return status;
}

redux_status rdx_stream_group(rdx_stream *stream, int64_t group, bool resize, bool *ragged,
                              rdx_consume_fn consume, void *user)
{
    *ragged = false;
    if (stream->has_images)
        return stream_images(stream, group, resize, ragged, consume, user);
    return stream_cached(stream, group, consume, user);
}
