/* SPDX-License-Identifier: MIT
 * One part of a reduction, into its file. Parts judge their rows where images are compared within
 * groups; else they hold the items, and merge.c judges. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "part_reduce.h"
#include "summary.h"

/* ---- what a part may do ---- */

bool rdx_part_judges(const redux_reduce_options *options)
{
    return options->scope != REDUX_SCOPE_DATASET && rdx_options_have(options, RDX_FEATURE_IMAGE);
}

/* Judging group by group says nothing of the whole input. */
static redux_status check_independence(const redux_reduce_options *known)
{
    const char *name = redux_strategy_name(known->strategy);
    if (known->metric != NULL || known->update != NULL)
        return rdx_fail(REDUX_E_INVALID, "parts are made without %s",
                        known->metric != NULL ? "a metric of your own" : "update");
    if (!rdx_part_judges(known))
        return REDUX_OK;
    if (redux_reduce_budget(known, 0) >= 0 && !known->each_group)
        return rdx_fail(REDUX_E_INVALID,
                        "keep over the whole input: a part of strategy %s sees only its own %ss; "
                        "give a budget for each (--each group), or use MPI (--mpi)",
                        name, redux_scope_name(known->scope));
    if (known->calibrate || !isnan(known->false_drops))
        return rdx_fail(REDUX_E_INVALID,
                        "calibration and false drops compare %ss of all parts, and a part of "
                        "strategy %s sees only its own: calibrate on one machine and give the "
                        "threshold, or use MPI (--mpi)",
                        redux_scope_name(known->scope), name);
    return REDUX_OK;
}

redux_status redux_part_check(const redux_part_options *part, const redux_reduce_options *options)
{
    redux_part_options known_part = REDUX_PART_OPTIONS_INIT;
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    RDX_TRY(rdx_part_options_read(&known_part, part));
    RDX_TRY(rdx_options_read(&known, options));
    return check_independence(&known);
}

/* ---- the job that all parts share ---- */

/* Whether another machine makes the same items: hashes are whole numbers, and embeddings that were
 * given are copied. */
static bool is_exact(const redux_reduce_options *known)
{
    if (rdx_options_have(known, RDX_FEATURE_IMAGE) || rdx_options_have(known, RDX_FEATURE_ENTROPY))
        return false;
    if (rdx_options_have(known, RDX_FEATURE_DESCRIPTOR))
        return known->embeddings != NULL && known->encoder == NULL;
    return true;
}

static json_t *against_json(const redux_reduce_options *known)
{
    const uint8_t *kept = known->against_kept;
    if (known->against == NULL)
        return json_null();
    json_t *json = rdx_part_dataset_json(known->against);
    const size_t slices = (size_t)redux_dataset_slice_count(known->against);
    if (kept != NULL &&
        json_object_set_new(json, "kept", json_integer((json_int_t)crc32_z(0, kept, slices))) !=
            0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *job_json(const redux_reduction *reduction)
{
    const redux_reduce_options *known = &reduction->options;
    return json_pack("{s:s, s:o, s:I, s:o, s:o, s:b, s:b, s:i, s:o, s:o}", "strategy",
                     redux_strategy_name(known->strategy), "threshold",
                     rdx_number_json(known->threshold), "keep", (json_int_t)known->keep_count,
                     "keep_percent", rdx_number_json(known->keep_percent), "false_drops",
                     rdx_number_json(known->false_drops), "calibrate", known->calibrate != 0,
                     "skip_errors", known->skip_errors != 0, "orientation",
                     (int)reduction->dataset->options.orientation, "against", against_json(known),
                     "parameters", rdx_parameters_json(reduction));
}

redux_status rdx_part_job(char **out, const redux_dataset *dataset,
                          const redux_reduce_options *known)
{
    redux_reduction fake = {
        .dataset = dataset, .options = *known, .has_embeddings = known->embeddings != NULL};
    if (fake.options.scope == REDUX_SCOPE_GROUP && !rdx_dataset_is_grouped(dataset))
        fake.options.scope = REDUX_SCOPE_VOLUME; /* the same */
    json_t *json = job_json(&fake);
    *out = rdx_json_text(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    return *out != NULL ? REDUX_OK : rdx_fail(REDUX_E_NO_MEMORY, "no memory for a part's job");
}

/* Reads both options, checks them, and names kind and job; the caller frees *job. */
static redux_status read_both(redux_part_options *part, redux_reduce_options *known, char **job,
                              const redux_dataset *dataset, const redux_part_options *given_part,
                              const redux_reduce_options *given)
{
    RDX_TRY(rdx_part_options_read(part, given_part));
    RDX_TRY(rdx_options_read(known, given));
    RDX_TRY(check_independence(known));
    RDX_TRY(rdx_part_job(job, dataset, known));
    part->kind = RDX_PART_REDUCTION;
    part->job = *job;
    part->exact = is_exact(known);
    part->by_group = known->scope == REDUX_SCOPE_GROUP;
    return REDUX_OK;
}

redux_status redux_part_reduce_is_done(int32_t *done, redux_context *context, const char *path,
                                       const redux_dataset *dataset, const redux_part_options *part,
                                       const redux_reduce_options *options)
{
    redux_part_options known_part = REDUX_PART_OPTIONS_INIT;
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    char *job = NULL;
    if (done == NULL || path == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_part_reduce_is_done: an argument is NULL");
    RDX_TRY(read_both(&known_part, &known, &job, dataset, part, options));
    const redux_status status = redux_part_is_done(done, context, path, dataset, &known_part);
    free(job);
    return status;
}

/* ---- rows that were judged ---- */

/* A witness in a file: a row of the dataset; -1: none; -2 - r: row r of the other set. */
static int64_t stored_witness(const redux_reduction *reduction, int64_t witness)
{
    if (!rdx_is_base_witness(reduction, witness))
        return witness;
    return -2 - reduction->base.names[witness - rdx_base_witness(reduction, 0)].row;
}

static redux_status save_fates(rdx_part_writer *writer, const redux_reduction *reduction,
                               const int64_t *rows, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc(writer->context, &block, (uint64_t)count, 8 + 8 + 1));
    int64_t *witness = block;
    double *score = (double *)(witness + count);
    uint8_t *kept = (uint8_t *)(score + count);
    for (int64_t i = 0; i < count; i++) {
        const redux_row *row = &reduction->rows[rows[i]];
        witness[i] = stored_witness(reduction, row->witness);
        score[i] = row->score;
        kept[i] = row->kept != 0;
    }
    redux_status status = rdx_part_vector(writer, "witness", witness, count, REDUX_INT64);
    if (status == REDUX_OK)
        status = rdx_part_vector(writer, "score", score, count, REDUX_FLOAT64);
    if (status == REDUX_OK)
        status = rdx_part_vector(writer, "kept", kept, count, REDUX_UINT8);
    rdx_free(block);
    return status != REDUX_OK ? status : rdx_rows_save(writer, reduction->rows, rows, count);
}

/* ---- what else the merge must know ---- */

/* A volume's checksum is the business of the part with its first slice. */
static redux_status checksums_json(json_t **out, redux_context *context,
                                   const redux_reduction *reduction)
{
    const int64_t volumes = redux_dataset_volume_count(reduction->dataset);
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)volumes, sizeof(uint32_t) + 1));
    uint32_t *sums = block;
    uint8_t *wanted = (uint8_t *)(sums + volumes);
    for (int64_t v = 0; v < volumes; v++) {
        const int64_t end = rdx_dataset_first_row(reduction->dataset, v + 1);
        int64_t row = rdx_dataset_first_row(reduction->dataset, v);
        if (reduction->rows[row].skipped == RDX_OTHER_PART)
            continue;
        for (; row < end && !wanted[v]; row++)
            wanted[v] = reduction->rows[row].skipped == 0;
    }
    redux_status status = rdx_dataset_checksums(sums, context, reduction->dataset, wanted);
    json_t *array = json_array();
    for (int64_t v = 0; v < volumes && status == REDUX_OK; v++)
        if (wanted[v] && json_array_append_new(
                             array, json_pack("[I, I]", (json_int_t)v, (json_int_t)sums[v])) != 0)
            status = rdx_fail(REDUX_E_NO_MEMORY, "no memory for checksums");
    rdx_free(block);
    if (status == REDUX_OK)
        *out = array;
    else
        json_decref(array);
    return status;
}

static json_t *skips_json(const redux_reduction *reduction)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < reduction->skips.count; i++) {
        const rdx_skip *skip = &reduction->skips.list[i];
        json_t *entry =
            json_pack("{s:I, s:b, s:b, s:o, s:o}", "row", (json_int_t)skip->row, "other",
                      skip->dataset != reduction->dataset, "whole", skip->whole, "source",
                      rdx_text_json(skip->source), "reason", rdx_text_json(skip->reason));
        if (json_array_append_new(array, entry) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static redux_status result_json(json_t **out, redux_context *context,
                                const redux_reduction *reduction)
{
    const redux_reduce_summary *summary = &reduction->summary;
    json_t *checksums = NULL;
    RDX_TRY(checksums_json(&checksums, context, reduction));
    *out = json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o}", "checksums", checksums,
                     "skipped", skips_json(reduction), "pairs_compared",
                     (json_int_t)summary->pairs_compared, "pairs_skipped",
                     (json_int_t)summary->pairs_skipped, "against",
                     (json_int_t)reduction->base.count, "refilled", (json_int_t)summary->refilled,
                     "threshold_is_exact", summary->threshold_is_exact != 0, "threshold",
                     rdx_number_json(summary->threshold), "threshold_low",
                     rdx_number_json(summary->threshold_low), "threshold_high",
                     rdx_number_json(summary->threshold_high));
    return *out != NULL ? REDUX_OK : rdx_fail(REDUX_E_NO_MEMORY, "no memory for a part's result");
}

/* ---- the whole ---- */

static redux_status judge_part(rdx_part_writer *writer, redux_reduction *reduction,
                               rdx_stream *part)
{
    if (part->wanted_count > 0)
        RDX_TRY(rdx_reduction_run(reduction, part));
    return save_fates(writer, reduction, part->wanted, part->wanted_count);
}

static redux_status make_items(rdx_part_writer *writer, rdx_stream *part)
{
    RDX_TRY(rdx_stream_open(part));
    const redux_status status = rdx_stream_save(part, writer);
    rdx_stream_close(part);
    return status;
}

static redux_status write_part(rdx_part_writer *writer, redux_reduction *reduction,
                               const redux_part_options *part)
{
    rdx_stream stream = {.wanted = NULL};
    json_t *result = NULL;
    int64_t *rows;
    RDX_TRY(rdx_part_rows(&rows, &stream.wanted_count, writer->context, reduction->dataset, part));
    stream.wanted = rows;
    rdx_reduction_bind(&stream, writer->context, reduction);
    redux_status status = rdx_part_judges(&reduction->options)
                              ? judge_part(writer, reduction, &stream)
                              : make_items(writer, &stream);
    if (status == REDUX_OK)
        status = result_json(&result, writer->context, reduction);
    if (status == REDUX_OK)
        status = rdx_part_commit(writer, reduction->dataset, part, result);
    rdx_free(rows);
    return status;
}

static redux_status reduce_part(const char *path, redux_context *context,
                                const redux_dataset *dataset, const redux_part_options *part,
                                const redux_reduce_options *known)
{
    redux_reduction *reduction = NULL;
    rdx_part_writer writer;
    RDX_TRY(rdx_reduction_new(&reduction, context, dataset, known));
    redux_status status = rdx_part_begin(&writer, context, path);
    if (status == REDUX_OK) {
        status = write_part(&writer, reduction, part);
        rdx_part_abort(&writer);
    }
    redux_reduction_free(reduction);
    return status;
}

redux_status redux_part_reduce(const char *path, redux_context *context,
                               const redux_dataset *dataset, const redux_part_options *part,
                               const redux_reduce_options *options)
{
    redux_part_options known_part = REDUX_PART_OPTIONS_INIT;
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    char *job = NULL;
    if (path == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_part_reduce: an argument is NULL");
    RDX_TRY(read_both(&known_part, &known, &job, dataset, part, options));
    const redux_status status = reduce_part(path, context, dataset, &known_part, &known);
    free(job);
    return status;
}
