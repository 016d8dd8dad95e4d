/* SPDX-License-Identifier: MIT
 * Items of a part of the dataset into its file, and those of all parts back into a stream. */
#include <string.h>
#include "select.h"

#define SAVE_ROWS 4096

static const char *const feature_keys[] = {[RDX_FEATURE_NONE] = "embeddings",
                                           [RDX_FEATURE_HASH] = "codes",
                                           [RDX_FEATURE_DESCRIPTOR] = "descriptors",
                                           [RDX_FEATURE_ENTROPY] = "entropies",
                                           [RDX_FEATURE_IMAGE] = "images"};

/* ---- columns of the rows ---- */

typedef int32_t (*row_value_fn)(const redux_row *row);

static int32_t skipped_of(const redux_row *row)
{
    return row->skipped;
}

static int32_t flat_of(const redux_row *row)
{
    return row->flat;
}

static redux_status save_column(rdx_part_writer *writer, const char *name, row_value_fn value,
                                const redux_row *rows, const int64_t *wanted, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc(writer->context, &block, (uint64_t)count, 1));
    uint8_t *column = block;
    for (int64_t i = 0; i < count; i++)
        column[i] = value(&rows[wanted[i]]) != 0;
    const redux_status status = rdx_part_vector(writer, name, column, count, REDUX_UINT8);
    rdx_free(block);
    return status;
}

redux_status rdx_rows_save(rdx_part_writer *writer, const redux_row *rows, const int64_t *wanted,
                           int64_t count)
{
    RDX_TRY(save_column(writer, "skipped", skipped_of, rows, wanted, count));
    return save_column(writer, "flat", flat_of, rows, wanted, count);
}

/* A column of one number a row, of all parts; the caller releases it. */
redux_status rdx_column_join(redux_tensor *out, redux_context *context, const redux_parts *parts,
                             const redux_dataset *dataset, const char *name, redux_dtype dtype)
{
    RDX_TRY(rdx_parts_join(out, context, parts, dataset, name));
    if (out->ndim == 1 && out->dtype == dtype)
        return REDUX_OK;
    redux_tensor_release(out);
    return rdx_fail(REDUX_E_FORMAT, "%s: its column '%s' is damaged", parts->list[0].path, name);
}

redux_status rdx_rows_fill(redux_row *rows, redux_context *context, const redux_parts *parts,
                           const redux_dataset *dataset)
{
    redux_tensor skipped, flat;
    RDX_TRY(rdx_column_join(&skipped, context, parts, dataset, "skipped", REDUX_UINT8));
    const redux_status status =
        rdx_column_join(&flat, context, parts, dataset, "flat", REDUX_UINT8);
    if (status == REDUX_OK) {
        const uint8_t *is_skipped = skipped.data, *is_flat = flat.data;
        for (int64_t i = 0; i < skipped.shape[0]; i++) {
            rows[i].skipped = is_skipped[i] != 0;
            rows[i].flat = is_flat[i] != 0;
        }
        redux_tensor_release(&flat);
    }
    redux_tensor_release(&skipped);
    return status;
}

/* ---- images ---- */

typedef struct saver {
    rdx_stream *stream;
    rdx_part_writer *writer;
    redux_tensor blank; /* [1, size, size], for slices that cannot be read */
    int64_t done;       /* of the wanted rows */
} saver;

static redux_status save_blanks(saver *s, int64_t end)
{
    for (; s->done < end; s->done++)
        RDX_TRY(rdx_part_append(s->writer, &s->blank));
    return REDUX_OK;
}

static redux_status save_images(void *user, redux_context *context, const redux_tensor *items,
                                const int64_t *rows)
{
    saver *s = user;
    const rdx_stream *stream = s->stream;
    const redux_tensor *images = &items[stream->stages[0].feature == RDX_FEATURE_IMAGE ? 0 : 1];
    for (int64_t i = 0; i < images->shape[0]; i++) {
        redux_tensor one = *images;
        int64_t at = s->done;
        while (stream->wanted[at] != rows[i])
            at++;
        RDX_TRY(save_blanks(s, at));
        one.shape[0] = 1;
        one.data = (char *)images->data +
                   (size_t)(i * images->strides[0]) * redux_dtype_size(images->dtype);
        RDX_TRY(rdx_part_append(s->writer, &one));
        s->done++;
    }
    return rdx_progress_add(context, images->shape[0]);
}

/* One after the other, as they are read: they need not fit into memory. */
static redux_status stream_images(rdx_stream *stream, rdx_part_writer *writer)
{
    saver s = {.stream = stream, .writer = writer};
    const int64_t size = stream->options->size, shape[3] = {1, size, size};
    bool ragged = false;
    RDX_TRY(redux_tensor_new(&s.blank, stream->context, redux_window_dtype(stream->options->window),
                             3, shape));
    redux_status status =
        rdx_part_array(writer, feature_keys[RDX_FEATURE_IMAGE], &s.blank, stream->wanted_count);
    rdx_progress_begin(stream->context, stream->wanted_count);
    if (status == REDUX_OK)
        status = rdx_stream_rows(stream, stream->wanted, stream->wanted_count, true, &ragged,
                                 save_images, &s);
    if (status == REDUX_OK)
        status = save_blanks(&s, stream->wanted_count);
    rdx_progress_begin(stream->context, 0);
    redux_tensor_release(&s.blank);
    return status;
}

/* ---- small features, embeddings ---- */

/* The wanted rows of `source`, some at a time, as float32 if they are embeddings. */
static redux_status save_rows(const rdx_stream *stream, rdx_part_writer *writer, const char *key,
                              const redux_tensor *source, redux_dtype dtype)
{
    redux_tensor rows, part;
    int64_t shape[2] = {RDX_MIN(SAVE_ROWS, RDX_MAX(stream->wanted_count, 1)), 1};
    if (source->ndim == 2)
        shape[1] = source->shape[1];
    RDX_TRY(redux_tensor_new(&rows, stream->context, dtype, source->ndim, shape));
    redux_status status = rdx_part_array(writer, key, &rows, stream->wanted_count);
    for (int64_t at = 0; at < stream->wanted_count && status == REDUX_OK; at += part.shape[0]) {
        part = rows;
        part.shape[0] = RDX_MIN(SAVE_ROWS, stream->wanted_count - at);
        status = rdx_gather_rows(&part, source, stream->wanted + at);
        if (status == REDUX_OK)
            status = rdx_part_append(writer, &part);
    }
    redux_tensor_release(&rows);
    return status;
}

static redux_status save_stage(const rdx_stream *stream, rdx_part_writer *writer,
                               const rdx_stage *stage)
{
    const char *key = feature_keys[stage->feature];
    if (json_object_get(writer->arrays, key) != NULL)
        return REDUX_OK; /* both stages compare the same items */
    if (stage->embeddings != NULL)
        return save_rows(stream, writer, key, stage->embeddings, REDUX_FLOAT32);
    return stage->cache.data == NULL
               ? REDUX_OK
               : save_rows(stream, writer, key, &stage->cache, stage->cache.dtype);
}

redux_status rdx_stream_save(rdx_stream *stream, rdx_part_writer *writer)
{
    RDX_TRY(stream->has_images ? stream_images(stream, writer) : rdx_stream_read(stream));
    for (int i = 0; i < stream->stage_count; i++)
        RDX_TRY(save_stage(stream, writer, &stream->stages[i]));
    return rdx_rows_save(writer, stream->rows, stream->wanted, stream->wanted_count);
}

/* ---- back ---- */

static redux_status fail_shape(const rdx_stream *stream, const char *key)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: its array '%s' does not fit the options",
                    stream->parts->list[0].path, key);
}

static redux_status fill_stage(rdx_stage *stage, const rdx_stream *stream)
{
    const char *key = feature_keys[stage->feature];
    redux_tensor joined;
    if (stage->cache.data == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_parts_join(&joined, stream->context, stream->parts, stream->dataset, key));
    const redux_tensor *cache = &stage->cache;
    if (joined.ndim != cache->ndim || joined.dtype != cache->dtype ||
        (cache->ndim == 2 && joined.shape[1] != cache->shape[1])) {
        redux_tensor_release(&joined);
        return fail_shape(stream, key);
    }
    redux_tensor_release(&stage->cache);
    stage->cache = joined;
    return REDUX_OK;
}

static redux_status open_images(rdx_stream *stream)
{
    const char *key = feature_keys[RDX_FEATURE_IMAGE];
    RDX_TRY(
        rdx_part_rows_open(&stream->images, stream->context, stream->parts, stream->dataset, key));
    const rdx_part_array_info *array = &stream->images.arrays[0];
    const int64_t size = stream->options->size;
    return array->ndim == 3 && array->shape[1] == size && array->shape[2] == size &&
                   array->dtype == redux_window_dtype(stream->options->window)
               ? REDUX_OK
               : fail_shape(stream, key);
}

redux_status rdx_stream_fill(rdx_stream *stream)
{
    for (int i = 0; i < stream->stage_count; i++)
        RDX_TRY(fill_stage(&stream->stages[i], stream));
    if (stream->has_images)
        RDX_TRY(open_images(stream));
    stream->read = true;
    return rdx_rows_fill(stream->rows, stream->context, stream->parts, stream->dataset);
}
