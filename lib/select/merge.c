/* SPDX-License-Identifier: MIT
 * The whole reduction from its parts: rows that they judged, or items that are judged here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "part_reduce.h"

/* ---- options ---- */

/* The embeddings that the parts hold, if they hold any. */
static redux_status join_embeddings(redux_tensor *out, redux_context *context,
                                    const redux_parts *parts, const redux_dataset *dataset)
{
    rdx_part_array_info array;
    const redux_status status = rdx_part_find_array(&array, &parts->list[0], "embeddings");
    return status == REDUX_E_NOT_FOUND ? REDUX_OK
                                       : rdx_parts_join(out, context, parts, dataset, "embeddings");
}

static redux_status check_job(const redux_parts *parts, const redux_dataset *dataset,
                              const redux_reduce_options *known)
{
    char *job = NULL;
    RDX_TRY(rdx_part_job(&job, dataset, known));
    const redux_status status = rdx_parts_check(parts, dataset, RDX_PART_REDUCTION, job);
    free(job);
    return status;
}

/* ---- what the parts' headers say ---- */

static const json_t *result_of(const redux_parts *parts, int64_t at)
{
    return json_object_get(parts->list[at].header, "result");
}

static double number_of(const json_t *result, const char *key)
{
    const json_t *value = json_object_get(result, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int64_t count_of(const json_t *result, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(result, key));
}

static redux_status take_checksums(redux_reduction *reduction, redux_context *context,
                                   const redux_parts *parts)
{
    const int64_t volumes = redux_dataset_volume_count(reduction->dataset);
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)volumes, sizeof(uint32_t) + 1));
    reduction->checksums = block;
    reduction->has_checksum = (uint8_t *)(reduction->checksums + volumes);
    for (int64_t i = 0; i < parts->there; i++) {
        const json_t *list = json_object_get(result_of(parts, i), "checksums");
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *pair = json_array_get(list, k);
            const int64_t volume = (int64_t)json_integer_value(json_array_get(pair, 0));
            if (volume < 0 || volume >= volumes)
                return rdx_fail(REDUX_E_FORMAT, "%s: its checksums are damaged",
                                parts->list[i].path);
            reduction->checksums[volume] = (uint32_t)json_integer_value(json_array_get(pair, 1));
            reduction->has_checksum[volume] = 1;
        }
    }
    return REDUX_OK;
}

static redux_status add_skip(redux_reduction *reduction, redux_context *context,
                             const json_t *entry, const rdx_part *part)
{
    const char *source = json_string_value(json_object_get(entry, "source"));
    const char *reason = json_string_value(json_object_get(entry, "reason"));
    const redux_dataset *dataset = json_is_true(json_object_get(entry, "other"))
                                       ? reduction->options.against
                                       : reduction->dataset;
    const rdx_skip note = {.dataset = dataset,
                           .row = count_of(entry, "row"),
                           .whole = json_is_true(json_object_get(entry, "whole")),
                           .source = (char *)(uintptr_t)source,
                           .reason = (char *)(uintptr_t)reason};
    if (source == NULL || reason == NULL || dataset == NULL || note.row < 0 ||
        note.row >= redux_dataset_slice_count(dataset))
        return rdx_fail(REDUX_E_FORMAT, "%s: its list of skipped slices is damaged", part->path);
    return rdx_skips_have_volume(&reduction->skips, &note)
               ? REDUX_OK
               : rdx_skips_add(&reduction->skips, context, &note);
}

/* Notes are looked through for each volume, and a file may be anybody's: a slice has one at most.
 */
static redux_status add_skips(redux_reduction *reduction, redux_context *context,
                              const rdx_part *part, bool other)
{
    const json_t *list = json_object_get(json_object_get(part->header, "result"), "skipped");
    const redux_dataset *against = reduction->options.against;
    if ((int64_t)json_array_size(list) >
        redux_dataset_slice_count(reduction->dataset) + redux_dataset_slice_count(against))
        return rdx_fail(REDUX_E_FORMAT, "%s: its list of skipped slices is damaged", part->path);
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *entry = json_array_get(list, k);
        if (json_is_true(json_object_get(entry, "other")) == other)
            RDX_TRY(add_skip(reduction, context, entry, part));
    }
    return REDUX_OK;
}

static redux_status take_skips(redux_reduction *reduction, redux_context *context,
                               const redux_parts *parts)
{
    for (int64_t i = 0; i < parts->there; i++)
        RDX_TRY(add_skips(reduction, context, &parts->list[i], false));
    return REDUX_OK;
}

/* Each part that judges reads the other set, and names the same slices of it. */
static redux_status take_others_skips(redux_reduction *reduction, redux_context *context,
                                      const redux_parts *parts)
{
    for (int64_t i = 0; i < parts->there && reduction->skips.count == 0; i++)
        RDX_TRY(add_skips(reduction, context, &parts->list[i], true));
    return REDUX_OK;
}

/* ---- rows that were judged ---- */

/* Every slice of the other set may be a witness: their names in its order. */
static redux_status name_others(redux_reduction *reduction, redux_context *context)
{
    rdx_base *base = &reduction->base;
    const redux_dataset *other = reduction->options.against;
    void *block;
    if (other == NULL)
        return REDUX_OK;
    const int64_t count = redux_dataset_slice_count(other);
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count, sizeof *base->names));
    base->names = block;
    base->count = base->capacity = count;
    for (int64_t i = 0; i < count; i++) {
        RDX_TRY(rdx_dataset_row_name(&base->names[i].source, &base->names[i].slice, other, i));
        base->names[i].row = i;
    }
    return REDUX_OK;
}

static redux_status take_fates(redux_reduction *reduction, const redux_parts *parts,
                               const redux_tensor columns[3])
{
    const int64_t *witness = columns[0].data, others = reduction->base.count;
    const double *score = columns[1].data;
    const uint8_t *kept = columns[2].data;
    for (int64_t i = 0; i < reduction->row_count; i++) {
        redux_row *row = &reduction->rows[i];
        if (witness[i] >= reduction->row_count || witness[i] < -1 - others)
            return rdx_fail(REDUX_E_FORMAT, "%s: slice %lld of the dataset has no such witness",
                            parts->list[0].path, (long long)i);
        row->kept = kept[i] != 0;
        row->score = score[i];
        row->witness = witness[i] >= -1 ? witness[i] : rdx_base_witness(reduction, -2 - witness[i]);
    }
    return REDUX_OK;
}

static redux_status fill_fates(redux_reduction *reduction, redux_context *context,
                               const redux_parts *parts)
{
    static const char *const names[3] = {"witness", "score", "kept"};
    static const redux_dtype dtypes[3] = {REDUX_INT64, REDUX_FLOAT64, REDUX_UINT8};
    redux_tensor columns[3] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    redux_status status = REDUX_OK;
    for (int i = 0; i < 3 && status == REDUX_OK; i++)
        status =
            rdx_column_join(&columns[i], context, parts, reduction->dataset, names[i], dtypes[i]);
    if (status == REDUX_OK)
        status = take_fates(reduction, parts, columns);
    for (int i = 0; i < 3; i++)
        redux_tensor_release(&columns[i]);
    return status;
}

static void widen(redux_reduce_summary *summary, double low, double high)
{
    if (!isnan(low) && !(summary->threshold_low <= low))
        summary->threshold_low = low;
    if (!isnan(high) && !(summary->threshold_high >= high))
        summary->threshold_high = high;
}

static redux_status add_count(int64_t *sum, const rdx_part *part, const json_t *result,
                              const char *key)
{
    const int64_t count = count_of(result, key);
    return count < 0 || __builtin_add_overflow(*sum, count, sum)
               ? rdx_fail(REDUX_E_FORMAT, "%s: its number of %s is damaged", part->path, key)
               : REDUX_OK;
}

/* Adds up what the parts counted. */
static redux_status take_counts(redux_reduction *reduction, const redux_parts *parts)
{
    redux_reduce_summary *summary = &reduction->summary;
    summary->against = 0; /* only slices that could be read count */
    for (int64_t i = 0; i < parts->there; i++) {
        const rdx_part *part = &parts->list[i];
        const json_t *result = result_of(parts, i);
        const json_t *exact = json_object_get(result, "threshold_is_exact");
        int64_t against = 0;
        RDX_TRY(add_count(&summary->pairs_compared, part, result, "pairs_compared"));
        RDX_TRY(add_count(&summary->pairs_skipped, part, result, "pairs_skipped"));
        RDX_TRY(add_count(&summary->refilled, part, result, "refilled"));
        RDX_TRY(add_count(&against, part, result, "against"));
        summary->against = RDX_MAX(summary->against, against);
        summary->threshold_is_exact = summary->threshold_is_exact && json_is_true(exact);
        if (isnan(summary->threshold))
            summary->threshold = number_of(result, "threshold");
        widen(summary, number_of(result, "threshold_low"), number_of(result, "threshold_high"));
    }
    if (reduction->options.each_group)
        summary->threshold = summary->threshold_low == summary->threshold_high
                                 ? summary->threshold_low
                                 : (double)NAN;
    return REDUX_OK;
}

static redux_status merge_judged(redux_reduction *reduction, redux_context *context,
                                 const redux_parts *parts)
{
    RDX_TRY(take_others_skips(reduction, context, parts));
    RDX_TRY(take_skips(reduction, context, parts));
    RDX_TRY(name_others(reduction, context));
    RDX_TRY(rdx_rows_fill(reduction->rows, context, parts, reduction->dataset));
    RDX_TRY(fill_fates(reduction, context, parts));
    RDX_TRY(rdx_reduction_count_judged(reduction, context));
    RDX_TRY(rdx_reduction_count(reduction, context));
    return take_counts(reduction, parts);
}

/* ---- items ---- */

/* Notes stand in the order in which one machine makes them: it reads small features before the
 * other set, and images after it. */
static redux_status judge_items(redux_reduction *reduction, redux_context *context,
                                const redux_parts *parts)
{
    rdx_stream stream = {.parts = parts};
    const bool has_images = rdx_options_have(&reduction->options, RDX_FEATURE_IMAGE);
    if (!has_images)
        RDX_TRY(take_skips(reduction, context, parts));
    rdx_reduction_bind(&stream, context, reduction);
    RDX_TRY(rdx_reduction_run(reduction, &stream));
    if (has_images)
        RDX_TRY(take_skips(reduction, context, parts));
    return rdx_reduction_count(reduction, context);
}

/* ---- the whole ---- */

static redux_status merge(redux_reduction *reduction, redux_context *context,
                          const redux_parts *parts)
{
    RDX_TRY(take_checksums(reduction, context, parts));
    return rdx_part_judges(&reduction->options) ? merge_judged(reduction, context, parts)
                                                : judge_items(reduction, context, parts);
}

static redux_status reduce_parts(redux_reduction **out, redux_context *context,
                                 const redux_parts *parts, const redux_dataset *dataset,
                                 const redux_reduce_options *given)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduction *reduction = NULL;
    RDX_TRY(rdx_options_read(&known, given));
    RDX_TRY(check_job(parts, dataset, &known));
    RDX_TRY(rdx_reduction_new(&reduction, context, dataset, &known));
    const redux_status status = merge(reduction, context, parts);
    rdx_reduction_settle(reduction);
    if (status == REDUX_OK)
        *out = reduction;
    else
        redux_reduction_free(reduction);
    return status;
}

redux_status redux_parts_reduce(redux_reduction **out, redux_context *context,
                                const redux_parts *parts, const redux_dataset *dataset,
                                const redux_reduce_options *options)
{
    redux_reduce_options given = REDUX_REDUCE_OPTIONS_INIT;
    redux_tensor embeddings = REDUX_TENSOR_INIT;
    if (out == NULL || parts == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_parts_reduce: an argument is NULL");
    RDX_TRY(rdx_read_options(&given, sizeof given, options, "redux_reduce_options"));
    RDX_TRY(rdx_parts_check(parts, dataset, RDX_PART_REDUCTION, NULL));
    RDX_TRY(join_embeddings(&embeddings, context, parts, dataset));
    if (embeddings.data != NULL)
        given.embeddings = &embeddings;
    const redux_status status = reduce_parts(out, context, parts, dataset, &given);
    redux_tensor_release(&embeddings);
    return status;
}
