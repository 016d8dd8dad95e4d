/* SPDX-License-Identifier: MIT
 * Items in a given order, in bounded memory.
 *
 * Hashes, descriptors and entropies are small: one pass over the volumes caches them all, volumes
 * in parallel. Images are not cached: slices are decoded, windowed and handed on a few at a time,
 * and each volume is open only while its slices are used. */
#include <math.h>
#include <string.h>
#include "select.h"

#define BATCH_BYTES ((size_t)64 << 20)
#define BATCH_ITEMS 64
#define GATHER_ROWS 4096

/* ---- opening, skipping ---- */

/* In the order of the rows, whichever thread met them first. */
redux_status rdx_skips_add(rdx_skips *skips, redux_context *context, const rdx_skip *note)
{
    rdx_skip own = *note;
    int64_t at = skips->count;
    void *block = skips->list;
    own.source = own.reason = NULL;
    redux_status status =
        rdx_grow(context, &block, &skips->capacity, skips->count, skips->count + 1, sizeof own);
    skips->list = block;
    if (status == REDUX_OK)
        status = rdx_strdup(context, &own.source, note->source);
    if (status == REDUX_OK)
        status = rdx_strdup(context, &own.reason, note->reason);
    if (status != REDUX_OK) {
        rdx_free(own.source);
        return status;
    }
    for (;
         at > 0 && skips->list[at - 1].dataset == own.dataset && skips->list[at - 1].row > own.row;
         at--)
        skips->list[at] = skips->list[at - 1];
    skips->list[at] = own;
    skips->count++;
    return REDUX_OK;
}

bool rdx_skips_have_volume(const rdx_skips *skips, const rdx_skip *note)
{
    for (int64_t i = 0; note->whole && i < skips->count; i++) {
        const rdx_skip *other = &skips->list[i];
        if (other->whole && other->dataset == note->dataset &&
            rdx_dataset_volume_of(note->dataset, other->row) ==
                rdx_dataset_volume_of(note->dataset, note->row))
            return true;
    }
    return false;
}

bool rdx_skips_have(const rdx_skips *skips, const rdx_skip *note)
{
    for (int64_t i = skips->count - 1; i >= 0; i--) {
        const rdx_skip *other = &skips->list[i];
        if (other->dataset == note->dataset && other->row <= note->row)
            return other->row == note->row && other->whole == note->whole;
    }
    return false;
}

void rdx_skips_clear(rdx_skips *skips)
{
    for (int64_t i = 0; i < skips->count; i++) {
        rdx_free(skips->list[i].source);
        rdx_free(skips->list[i].reason);
    }
    rdx_free(skips->list);
    memset(skips, 0, sizeof *skips);
}

redux_status rdx_rows_new(redux_row **out, redux_context *context, const redux_dataset *dataset)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)redux_dataset_slice_count(dataset),
                           sizeof(redux_row)));
    redux_row *row = *out = block;
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        const int64_t first = rdx_dataset_first_row(dataset, v);
        const int64_t slices = rdx_dataset_first_row(dataset, v + 1) - first;
        for (int64_t k = 0; k < slices; k++, row++) {
            row->volume = v;
            row->slice = k;
            row->witness = RDX_NO_WITNESS;
            row->score = (double)NAN;
        }
    }
    return REDUX_OK;
}

/* The cache of a small feature, one row a slice. */
static redux_status make_cache(rdx_stage *stage, const rdx_stream *stream)
{
    const redux_hash_options hash = rdx_hash_options_of(stream->options);
    int64_t shape[2] = {stream->row_count, RDX_DESCRIPTOR_LENGTH};
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
    rdx_stage *stage = &stream->stages[stream->stage_count++];
    stage->feature = rdx_strategy_of(strategy)->feature;
    if (stream->embeddings != NULL && rdx_strategy_has_embeddings(stream->options, strategy)) {
        stage->feature = RDX_FEATURE_NONE;
        stage->embeddings = stream->embeddings;
    }
    stream->has_images = stream->has_images || stage->feature == RDX_FEATURE_IMAGE;
    return make_cache(stage, stream);
}

redux_status rdx_stream_open(rdx_stream *stream)
{
    const redux_reduce_options *options = stream->options;
    stream->row_count = redux_dataset_slice_count(stream->dataset);
    pthread_mutex_init(&stream->skip_mutex, NULL);
    redux_status status = add_stage(stream, options->strategy);
    if (status == REDUX_OK && rdx_options_have_stages(options))
        status = add_stage(stream, options->then);
    if (status == REDUX_OK && stream->parts != NULL)
        status = rdx_stream_fill(stream);
    if (status != REDUX_OK)
        rdx_stream_close(stream);
    return status;
}

void rdx_stream_close(rdx_stream *stream)
{
    redux_tensor_release(&stream->stages[0].cache);
    redux_tensor_release(&stream->stages[1].cache);
    rdx_part_rows_close(&stream->images);
    pthread_mutex_destroy(&stream->skip_mutex);
}

/* Marks a slice or a volume as unreadable and records the reason, if such failures are skipped;
 * else returns the failure. Repeated passes over a slice record it once. */
static redux_status skip(rdx_stream *stream, redux_status status, const rdx_visited *slice)
{
    const char *source = slice->info->source;
    const bool whole = slice->volume == NULL;
    int64_t first = whole ? slice->row - slice->slice : slice->row;
    const int64_t end = whole ? first + slice->info->slices : first + 1;
    int64_t number = 0;
    if (!stream->options->skip_errors || !rdx_is_input_failure(status))
        return status;
    while (first + 1 < end && stream->rows[first].skipped == RDX_OTHER_PART)
        first++;
    pthread_mutex_lock(&stream->skip_mutex);
    status = REDUX_OK;
    if (!stream->rows[first].skipped) {
        const char *reason = redux_error_message();
        if (!whole)
            redux_dataset_get_slice_name(&source, &number, slice->dataset, slice->volume_number,
                                         slice->slice);
        const rdx_skip note = {.dataset = stream->dataset,
                               .row = first,
                               .whole = whole,
                               .source = (char *)(uintptr_t)source,
                               .reason = (char *)(uintptr_t)reason};
        status = rdx_skips_add(stream->skips, stream->context, &note);
        for (int64_t i = first; status == REDUX_OK && i < end; i++)
            if (stream->rows[i].skipped != RDX_OTHER_PART)
                stream->rows[i].skipped = 1;
    }
    pthread_mutex_unlock(&stream->skip_mutex);
    return status;
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

/* `reads`: slices are read at least, even if no stage has a small feature. */
static redux_status side_init(side *s, const rdx_stream *stream, bool reads)
{
    redux_status status = REDUX_OK;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < stream->stage_count && status == REDUX_OK; i++) {
        const rdx_stage *stage = &stream->stages[i];
        if (stage->cache.data == NULL && !(reads && i == stream->stage_count - 1 && s->count == 0))
            continue;
        s->stages[s->count] = stage;
        status = rdx_extractor_init(&s->extractors[s->count++], stream->context, stream->options,
                                    stage->cache.data == NULL ? RDX_FEATURE_NONE : stage->feature);
    }
    if (status != REDUX_OK)
        side_clear(s);
    return status;
}

static redux_status side_extract(side *s, redux_row *row, const rdx_visited *slice)
{
    redux_status status = REDUX_OK;
    for (int i = 0; i < s->count && status == REDUX_OK; i++) {
        const redux_tensor *cache = &s->stages[i]->cache;
        char *item = cache->data;
        if (item != NULL)
            item += (size_t)(slice->row * cache->strides[0]) * redux_dtype_size(cache->dtype);
        status = rdx_extract(&s->extractors[i], item, slice, 0, 0, false, NULL);
        if (s->extractors[i].feature == RDX_FEATURE_HASH)
            row->flat = (s->extractors[i].info.flags & REDUX_HASH_FLAT) != 0;
    }
    return status;
}

/* ---- reading everything once ---- */

static redux_status reader_init(void *worker, redux_context *context, void *user)
{
    (void)context;
    return side_init(worker, user, true);
}

static void reader_clear(void *worker)
{
    side_clear(worker);
}

static redux_status read_slice(const rdx_visited *slice, void *worker, void *user)
{
    const rdx_stream *stream = user;
    redux_row *row = &stream->rows[slice->row];
    return row->skipped ? REDUX_OK : side_extract(worker, row, slice);
}

static redux_status read_failed(redux_status status, const rdx_visited *slice, void *user)
{
    return skip(user, status, slice);
}

static redux_status read_rows(rdx_stream *stream, const int64_t *rows, int64_t count)
{
    const rdx_visit visit = {.dataset = stream->dataset,
                             .rows = rows,
                             .count = count,
                             .worker_bytes = sizeof(side),
                             .worker_init = reader_init,
                             .worker_clear = reader_clear,
                             .slice = read_slice,
                             .failed = read_failed,
                             .user = stream};
    rdx_progress_begin(stream->context, rows == NULL ? stream->row_count : count);
    RDX_TRY(rdx_visit_any_order(stream->context, &visit));
    rdx_progress_begin(stream->context, 0);
    return REDUX_OK;
}

static redux_status read_own(rdx_stream *stream)
{
    int64_t count = 0;
    void *block;
    RDX_TRY(rdx_alloc(stream->context, &block, (uint64_t)stream->row_count, sizeof(int64_t)));
    int64_t *rows = block;
    for (int64_t i = 0; i < stream->row_count; i++)
        if (stream->owner[i] == rdx_rank(stream->context))
            rows[count++] = i;
    const redux_status status = read_rows(stream, rows, count);
    rdx_free(block);
    return status;
}

/* Each rank reads its rows, and all get the features of all. */
static redux_status read_together(rdx_stream *stream)
{
    RDX_TRY(rdx_agree(stream->context, read_own(stream)));
    RDX_TRY(rdx_gather_owned(stream->context, stream->rows, sizeof *stream->rows, stream->owner,
                             stream->row_count));
    RDX_TRY(rdx_ranks_share_notes(stream->shared, stream->context));
    for (int i = 0; i < stream->stage_count; i++) {
        const redux_tensor *cache = &stream->stages[i].cache;
        if (cache->data != NULL)
            RDX_TRY(rdx_gather_owned(stream->context, cache->data,
                                     (uint64_t)cache->strides[0] * redux_dtype_size(cache->dtype),
                                     stream->owner, stream->row_count));
    }
    return REDUX_OK;
}

redux_status rdx_stream_read(rdx_stream *stream)
{
    if (stream->read)
        return REDUX_OK;
    if (stream->owner != NULL)
        RDX_TRY(read_together(stream));
    else
        RDX_TRY(read_rows(stream, stream->wanted, stream->wanted_count));
    stream->read = true;
    return REDUX_OK;
}

/* ---- items of cached features ---- */

redux_status rdx_gather_rows(const redux_tensor *items, const redux_tensor *source,
                             const int64_t *rows)
{
    for (int64_t i = 0; i < items->shape[0]; i++) {
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

redux_status rdx_stream_new_items(redux_tensor *items, const rdx_stream *stream,
                                  const rdx_stage *stage, int64_t count)
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
    return rdx_gather_rows(part, source, rows);
}

static redux_status stream_cached(rdx_stream *stream, const int64_t *list, int64_t list_count,
                                  rdx_consume_fn consume, void *user)
{
    const int64_t most = RDX_MIN(GATHER_ROWS, list_count);
    redux_tensor items[2] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(stream->context, &block, GATHER_ROWS, sizeof(int64_t)));
    int64_t *rows = block;
    for (int i = 0; i < stream->stage_count && status == REDUX_OK; i++)
        status = rdx_stream_new_items(&items[i], stream, &stream->stages[i], most);
    for (int64_t at = 0; at < list_count && status == REDUX_OK;) {
        redux_tensor parts[2];
        int64_t count = 0;
        for (; at < list_count && count < GATHER_ROWS; at++)
            if (!stream->rows[list[at]].skipped)
                rows[count++] = list[at];
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

/* ---- images ---- */

typedef enum fate { EXTRACTED = 0, FAILED, RAGGED } fate;

typedef struct image_job {
    rdx_stream *stream;
    const int64_t *rows;
    bool resize, ragged;
    rdx_consume_fn consume;
    void *user;
    redux_tensor items;    /* [batch, height, width] */
    redux_tensor small[2]; /* items of the stages that have no images */
    fate fates[BATCH_ITEMS];
} image_job;

typedef struct image_worker {
    rdx_extractor image;
    side small;
} image_worker;

static void image_worker_clear(void *worker)
{
    image_worker *w = worker;
    rdx_extractor_clear(&w->image);
    side_clear(&w->small);
}

static redux_status image_worker_init(void *worker, redux_context *context, void *user)
{
    const rdx_stream *stream = ((const image_job *)user)->stream;
    image_worker *w = worker;
    RDX_TRY(side_init(&w->small, stream, false));
    const redux_status status =
        rdx_extractor_init(&w->image, context, stream->options, RDX_FEATURE_IMAGE);
    if (status != REDUX_OK)
        image_worker_clear(w);
    return status;
}

static redux_status extract_image(const rdx_visited *slice, void *worker, void *user)
{
    image_job *job = user;
    image_worker *w = worker;
    const redux_tensor *items = &job->items;
    const size_t item_bytes = (size_t)items->strides[0] * redux_dtype_size(items->dtype);
    redux_row *row = &job->stream->rows[slice->row];
    bool ragged = false;
    job->fates[slice->in_batch] = FAILED;
    if (row->skipped)
        return REDUX_OK;
    RDX_TRY(rdx_extract(&w->image, (char *)items->data + (size_t)slice->in_batch * item_bytes,
                        slice, items->shape[1], items->shape[2], job->resize, &ragged));
    if (!job->stream->read)
        RDX_TRY(side_extract(&w->small, row, slice));
    job->fates[slice->in_batch] = ragged ? RAGGED : EXTRACTED;
    return REDUX_OK;
}

static redux_status image_failed(redux_status status, const rdx_visited *slice, void *user)
{
    return skip(((image_job *)user)->stream, status, slice);
}

static void release_items(image_job *job)
{
    redux_tensor_release(&job->small[0]);
    redux_tensor_release(&job->small[1]);
    redux_tensor_release(&job->items);
}

/* Room for a batch of images of one size. */
static redux_status make_room(image_job *job, int64_t height, int64_t width)
{
    const rdx_stream *stream = job->stream;
    const redux_dtype dtype = redux_window_dtype(stream->options->window);
    const size_t bytes = (size_t)height * (size_t)width * redux_dtype_size(dtype);
    const int64_t most =
        RDX_MIN(RDX_MAX((int64_t)(BATCH_BYTES / RDX_MAX(bytes, 1)), 1), BATCH_ITEMS);
    const int64_t shape[3] = {most, height, width};
    RDX_TRY(redux_tensor_new(&job->items, stream->context, dtype, 3, shape));
    for (int i = 0; i < stream->stage_count; i++)
        if (stream->stages[i].feature != RDX_FEATURE_IMAGE)
            RDX_TRY(rdx_stream_new_items(&job->small[i], stream, &stream->stages[i], most));
    return REDUX_OK;
}

/* The room is made for the first volume. A group may hold volumes of other sizes: those are
 * reported as ragged, slice by slice. */
static redux_status begin_volume(int64_t *most, const redux_volume_info *info, void *user)
{
    image_job *job = user;
    (void)info;
    const rdx_stream *stream = job->stream;
    int64_t height, width;
    *most = job->items.shape[0];
    if (job->items.data != NULL)
        return REDUX_OK;
    const redux_status known = rdx_dataset_row_size(&height, &width, stream->dataset, job->rows[0]);
    if (known != REDUX_OK && !(stream->options->skip_errors && rdx_is_input_failure(known)))
        return known;
    if (job->resize)
        height = width = stream->options->size;
    RDX_TRY(make_room(job, height, width));
    *most = job->items.shape[0];
    return REDUX_OK;
}

/* Closes the gaps of items and rows that failed; returns how many are left. */
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

/* Hands a batch on: images, and small features gathered by row. */
static redux_status hand_on(const image_job *job, const int64_t *rows, int64_t count)
{
    const rdx_stream *stream = job->stream;
    redux_tensor parts[2];
    for (int i = 0; i < stream->stage_count; i++) {
        if (stream->stages[i].feature != RDX_FEATURE_IMAGE) {
            RDX_TRY(gather_stage(&parts[i], &job->small[i], &stream->stages[i], rows, count));
            continue;
        }
        parts[i] = job->items;
        parts[i].shape[0] = count;
    }
    return job->consume(job->user, stream->context, parts, rows);
}

static redux_status end_batch(int64_t first, int64_t batch, void *user)
{
    image_job *job = user;
    int64_t rows[BATCH_ITEMS];
    memcpy(rows, job->rows + first, (size_t)batch * sizeof *rows);
    for (int64_t i = 0; i < batch; i++)
        job->ragged = job->ragged || job->fates[i] == RAGGED;
    if (job->ragged)
        return REDUX_OK;
    const int64_t count = compact(&job->items, rows, job->fates, batch);
    return count == 0 ? REDUX_OK : hand_on(job, rows, count);
}

/* Images that parts have. A batch ends where its volume does, as when they are read. */
static redux_status stream_stored(image_job *job, int64_t count)
{
    const rdx_stream *stream = job->stream;
    const int64_t size = stream->options->size;
    redux_status status = make_room(job, size, size);
    const size_t item_bytes = (size_t)job->items.strides[0] * redux_dtype_size(job->items.dtype);
    for (int64_t at = 0, end; at < count && status == REDUX_OK; at = end) {
        const int64_t volume = stream->rows[job->rows[at]].volume;
        for (end = at; end < count && end - at < job->items.shape[0]; end++) {
            const redux_row *row = &stream->rows[job->rows[end]];
            if (row->volume != volume || status != REDUX_OK)
                break;
            job->fates[end - at] = row->skipped ? FAILED : EXTRACTED;
            status = rdx_part_rows_read((char *)job->items.data + (size_t)(end - at) * item_bytes,
                                        &stream->images, job->rows[end], 1);
        }
        if (status == REDUX_OK)
            status = end_batch(at, end - at, job);
    }
    return status;
}

redux_status rdx_stream_images(rdx_stream *stream, const int64_t *list, int64_t count, bool resize,
                               bool *ragged, rdx_consume_fn consume, void *user)
{
    image_job job = {
        .stream = stream, .rows = list, .resize = resize, .consume = consume, .user = user};
    const rdx_visit visit = {.dataset = stream->dataset,
                             .rows = list,
                             .count = count,
                             .worker_bytes = sizeof(image_worker),
                             .worker_init = image_worker_init,
                             .worker_clear = image_worker_clear,
                             .slice = extract_image,
                             .failed = image_failed,
                             .user = &job};
    const rdx_batches batches = {.begin = begin_volume, .batch = end_batch, .stop = &job.ragged};
    const redux_status status = stream->parts != NULL
                                    ? stream_stored(&job, count)
                                    : rdx_visit_in_order(stream->context, &visit, &batches);
    release_items(&job);
    *ragged = job.ragged;
    return status;
}

redux_status rdx_stream_rows(rdx_stream *stream, const int64_t *list, int64_t count, bool resize,
                             bool *ragged, rdx_consume_fn consume, void *user)
{
    *ragged = false;
    if (!stream->has_images)
        return stream_cached(stream, list, count, consume, user);
    if (stream->together && resize)
        return rdx_stream_together(stream, list, count, consume, user);
    return rdx_stream_images(stream, list, count, resize, ragged, consume, user);
}
