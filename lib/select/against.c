/* SPDX-License-Identifier: MIT
 * The base: exemplars that come before all others, from another set or from an earlier result. */
#include <math.h>
#include <string.h>
#include "manifest_read.h"

static redux_status add_name(rdx_base *base, redux_context *context, rdx_name name)
{
    void *block = base->names;
    redux_status status = rdx_grow(context, &block, &base->capacity, base->count, base->count + 1,
                                   sizeof *base->names);
    base->names = block;
    if (status == REDUX_OK)
        base->names[base->count++] = name;
    return status;
}

/* ---- another set ---- */

typedef struct other_set {
    const redux_dataset *dataset;
    rdx_base *base;
} other_set;

static redux_status append(void *user, redux_context *context, const redux_tensor *items,
                           const int64_t *rows)
{
    const other_set *other = user;
    for (int64_t i = 0; i < items->shape[0]; i++) {
        const char *source = NULL;
        int64_t slice = 0;
        RDX_TRY(rdx_dataset_row_name(&source, &slice, other->dataset, rows[i]));
        RDX_TRY(add_name(other->base, context, (rdx_name){source, slice, rows[i]}));
    }
    RDX_TRY(rdx_exemplars_append(context, other->base->exemplars, items));
    return rdx_progress_add(context, items->shape[0]);
}

static redux_status append_rows(rdx_stream *stream, other_set *other)
{
    rdx_walk walk;
    bool ragged = false;
    RDX_TRY(rdx_walk_init(&walk, stream->context, stream->dataset, REDUX_SCOPE_DATASET,
                          REDUX_ORDER_ANATOMICAL));
    redux_status status = stream->has_images ? REDUX_OK : rdx_stream_read(stream);
    rdx_progress_begin(stream->context, stream->row_count);
    if (status == REDUX_OK)
        status =
            rdx_stream_rows(stream, walk.rows, stream->row_count, true, &ragged, append, other);
    rdx_progress_begin(stream->context, 0);
    rdx_walk_clear(&walk);
    return status;
}

/* Ranks that share a reduction out read the other set together, too. */
static redux_status share_out(int32_t **owner, rdx_stream *stream, redux_reduction *reduction)
{
    *owner = NULL;
    if (reduction->owner == NULL)
        return REDUX_OK;
    stream->together = true;
    stream->shared = reduction;
    const redux_status status = rdx_dataset_parts(owner, stream->context, stream->dataset,
                                                  rdx_ranks(stream->context), false);
    stream->owner = *owner;
    return rdx_agree(stream->context, status);
}

/* Reports what could not be read of the other set with the rest. */
static redux_status open_against(redux_reduction *reduction, redux_context *context)
{
    const redux_reduce_options *options = &reduction->options;
    other_set other = {options->against, &reduction->base};
    rdx_stream stream = {.context = context,
                         .dataset = options->against,
                         .options = options,
                         .embeddings = options->against_embeddings,
                         .skips = &reduction->skips};
    RDX_TRY(rdx_rows_new(&stream.rows, context, options->against));
    for (int64_t i = 0;
         options->against_kept != NULL && i < redux_dataset_slice_count(options->against); i++)
        stream.rows[i].skipped = options->against_kept[i] == 0;
    int32_t *owner;
    redux_status status = share_out(&owner, &stream, reduction);
    if (status == REDUX_OK)
        status = rdx_stream_open(&stream);
    if (status == REDUX_OK) {
        status = append_rows(&stream, &other);
        rdx_stream_close(&stream);
    }
    rdx_free(owner);
    rdx_free(stream.rows);
    return status;
}

/* ---- an earlier result ---- */

/* Names of the kept rows in the manifest's order, which is that of the exemplars. */
static redux_status name_kept(rdx_base *base, redux_context *context,
                              const redux_manifest *manifest)
{
    for (int64_t i = 0; i < redux_manifest_row_count(manifest); i++) {
        redux_manifest_row row;
        RDX_TRY(redux_manifest_get_row(&row, manifest, i));
        if (row.kept)
            RDX_TRY(add_name(base, context, (rdx_name){row.source, row.slice, -1}));
    }
    return REDUX_OK;
}

/* Whether the first exemplars are those of the manifest. There may be more: a run that stopped
 * while it put its files in place leaves those of the next result, which continues this one. */
static redux_status check_exemplars(const rdx_base *base, redux_context *context,
                                    const redux_manifest *manifest)
{
    redux_tensor names;
    RDX_TRY(redux_npz_read(&names, context, manifest->exemplars_path, RDX_EXEMPLAR_NAMES));
    const uint32_t *sums = names.data;
    bool same = names.dtype == REDUX_UINT32 && names.ndim == 1 && names.shape[0] >= base->count;
    for (int64_t i = 0; same && i < base->count; i++)
        same = sums[i] == rdx_name_checksum(&base->names[i]);
    redux_tensor_release(&names);
    if (!same)
        return rdx_fail(REDUX_E_FORMAT,
                        "update: the exemplars beside %s are not of the slices that it keeps",
                        manifest->table.path);
    return REDUX_OK;
}

/* The features of the manifest's exemplars in one stage. */
static redux_status read_exemplars(redux_tensor *out, const rdx_base *base, redux_context *context,
                                   const redux_manifest *manifest, int stage)
{
    RDX_TRY(redux_npz_read(out, context, manifest->exemplars_path, rdx_exemplar_keys[stage]));
    if (!redux_tensor_is_contiguous(out) || out->shape[0] < base->count) {
        redux_tensor_release(out);
        return rdx_fail(REDUX_E_FORMAT, "update: the exemplars beside %s are damaged",
                        manifest->table.path);
    }
    out->shape[0] = base->count;
    return REDUX_OK;
}

static redux_status capture_whole(rdx_captured *captured, redux_context *context,
                                  const redux_tensor *items)
{
    const size_t bytes =
        (size_t)(items->shape[0] * items->strides[0]) * redux_dtype_size(items->dtype);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, bytes));
    memcpy(block, items->data, bytes);
    captured->bytes = block;
    captured->count = captured->capacity = items->shape[0];
    captured->like = *items;
    captured->like.data = NULL;
    captured->like.storage = NULL;
    return REDUX_OK;
}

static redux_status open_update(redux_reduction *reduction, redux_context *context)
{
    const redux_manifest *manifest = reduction->options.update;
    redux_tensor items[2] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    const int stages = rdx_options_have_stages(&reduction->options) ? 2 : 1;
    redux_status status = name_kept(&reduction->base, context, manifest);
    if (status == REDUX_OK)
        status = check_exemplars(&reduction->base, context, manifest);
    for (int i = 0; i < stages && status == REDUX_OK; i++) {
        status = read_exemplars(&items[i], &reduction->base, context, manifest, i);
        if (status == REDUX_OK && reduction->options.keep_exemplars)
            status = capture_whole(&reduction->captured[i], context, &items[i]);
    }
    if (status == REDUX_OK && reduction->base.count > 0)
        status = rdx_exemplars_append(context, reduction->base.exemplars, items);
    redux_tensor_release(&items[0]);
    redux_tensor_release(&items[1]);
    return status;
}

/* ---- either ---- */

redux_status rdx_base_open(redux_reduction *reduction, redux_context *context,
                           const redux_metric *metric, double threshold)
{
    const redux_reduce_options *options = &reduction->options;
    const bool goes_on = options->update != NULL && options->scope == REDUX_SCOPE_DATASET;
    if (options->against == NULL && !goes_on)
        return REDUX_OK;
    RDX_TRY(redux_exemplars_new(&reduction->base.exemplars, context, metric, threshold));
    if (goes_on)
        RDX_TRY(open_update(reduction, context));
    if (options->against != NULL)
        RDX_TRY(open_against(reduction, context));
    return REDUX_OK;
}

void rdx_base_close(rdx_base *base)
{
    redux_exemplars_free(base->exemplars);
    rdx_free(base->names);
    memset(base, 0, sizeof *base);
}
