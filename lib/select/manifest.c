/* SPDX-License-Identifier: MIT
 * The manifest: the fate of each slice, as CSV. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <redux/array.h>
#include <redux/file.h>
#include "io/io.h"
#include "select.h"

redux_status rdx_write(const rdx_writer *writer, const char *text)
{
    if (writer->write(text, strlen(text), writer->user) != 0)
        return rdx_fail(REDUX_E_IO, "the callback could not write the text");
    return REDUX_OK;
}

/* RFC 4180: quoted where it holds a comma, a quote or a line end; quotes are doubled. */
redux_status rdx_write_csv_field(const rdx_writer *writer, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL)
        return rdx_write(writer, text);
    RDX_TRY(rdx_write(writer, "\""));
    for (const char *c = text; *c != '\0'; c++) {
        const char pair[3] = {*c, *c == '"' ? '"' : '\0', '\0'};
        RDX_TRY(rdx_write(writer, pair));
    }
    return rdx_write(writer, "\"");
}

/* The columns of one row, of a reduction or of an earlier result. The group is a column where
 * groups are something else than volumes. */
static redux_status write_row(const rdx_writer *writer, const redux_manifest_row *row,
                              bool has_group)
{
    char number[32], score[32] = "";
    RDX_TRY(rdx_write_csv_field(writer, row->source));
    snprintf(number, sizeof number, ",%lld,%d,", (long long)row->slice, (int)row->kept);
    RDX_TRY(rdx_write(writer, number));
    number[0] = ',';
    number[1] = '\0';
    if (row->witness_source != NULL) {
        RDX_TRY(rdx_write_csv_field(writer, row->witness_source));
        snprintf(number, sizeof number, ",%lld", (long long)row->witness_slice);
    }
    RDX_TRY(rdx_write(writer, number));
    if (!isnan(row->score))
        rdx_format_double(score, row->score);
    RDX_TRY(rdx_write(writer, ","));
    RDX_TRY(rdx_write(writer, score));
    if (has_group) {
        RDX_TRY(rdx_write(writer, ","));
        RDX_TRY(rdx_write_csv_field(writer, row->group == NULL ? "" : row->group));
    }
    return rdx_write(writer, "\n");
}

static redux_status write_own_row(const rdx_writer *writer, const redux_reduction *reduction,
                                  int64_t index)
{
    const redux_row *row = &reduction->rows[index];
    const redux_dataset *dataset = reduction->dataset;
    redux_manifest_row out = {.kept = row->kept, .score = row->score};
    out.group = redux_dataset_group_name(dataset, rdx_dataset_group_of(dataset, index));
    RDX_TRY(redux_reduction_get_name(&out.source, &out.slice, reduction, index));
    if (row->witness >= 0)
        RDX_TRY(redux_reduction_get_name(&out.witness_source, &out.witness_slice, reduction,
                                         row->witness));
    return write_row(writer, &out, rdx_dataset_is_grouped(dataset));
}

static redux_status produce(redux_context *context, const rdx_writer *writer, const void *user)
{
    const redux_reduction *reduction = user;
    const redux_manifest *before = reduction->options.update;
    const bool has_group = rdx_dataset_is_grouped(reduction->dataset);
    (void)context;
    RDX_TRY(rdx_write(writer, REDUX_MARK_MANIFEST ",witness_slice,score"));
    RDX_TRY(rdx_write(writer, has_group ? ",group\n" : "\n"));
    for (int64_t i = 0; before != NULL && i < redux_manifest_row_count(before); i++) {
        redux_manifest_row row;
        RDX_TRY(redux_manifest_get_row(&row, before, i));
        RDX_TRY(write_row(writer, &row, has_group));
    }
    for (int64_t i = 0; i < reduction->row_count; i++)
        if (!reduction->rows[i].skipped)
            RDX_TRY(write_own_row(writer, reduction, i));
    return REDUX_OK;
}

redux_status redux_manifest_write(redux_context *context, const redux_reduction *reduction,
                                  redux_write_fn write, void *user)
{
    const rdx_writer writer = {write, user};
    if (reduction == NULL || write == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_write: an argument is NULL");
    return produce(context, &writer, reduction);
}

/* ---- into files ---- */

/* The commit of the file reports failures of the stream. */
static int write_to_stream(const char *text, size_t length, void *user)
{
    fwrite(text, 1, length, user);
    return 0;
}

redux_status rdx_save(const char *path, redux_context *context, const char *mark,
                      rdx_produce_fn produce_text, const void *user)
{
    rdx_file file;
    RDX_TRY(rdx_file_begin(&file, context, path, mark));
    const rdx_writer writer = {write_to_stream, file.stream};
    redux_status status = produce_text(context, &writer, user);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}

redux_status redux_manifest_save(const char *path, redux_context *context,
                                 const redux_reduction *reduction)
{
    if (path == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_save: an argument is NULL");
    return rdx_save(path, context, REDUX_MARK_MANIFEST, produce, reduction);
}

/* Writes a file from produced text. A failure to produce it is reported now, not at the commit. */
static redux_status begin_and_produce(rdx_file *file, const char *path, redux_context *context,
                                      const char *mark, rdx_produce_fn produce_text,
                                      const void *user)
{
    RDX_TRY(rdx_file_begin(file, context, path, mark));
    const rdx_writer writer = {write_to_stream, file->stream};
    redux_status status = produce_text(context, &writer, user);
    if (status == REDUX_OK && (fflush(file->stream) != 0 || ferror(file->stream)))
        status = rdx_file_commit(file); /* fails, and reports why */
    if (status != REDUX_OK)
        rdx_file_abort(file);
    return status;
}

/* ---- exemplars, for a later update ---- */

const char *const rdx_exemplar_keys[2] = {"first", "then"};

uint32_t rdx_name_checksum(const rdx_name *name)
{
    char number[32];
    const int length = snprintf(number, sizeof number, ",%lld", (long long)name->slice);
    const uLong sum =
        crc32(crc32(0, NULL, 0), (const Bytef *)name->source, (uInt)strlen(name->source));
    return (uint32_t)crc32(sum, (const Bytef *)number, (uInt)length);
}

/* Those of the earlier result, then one for each kept row, in the order of the features. */
static redux_status name_exemplars(redux_tensor *names, redux_context *context,
                                   const redux_reduction *reduction)
{
    const rdx_base *base = &reduction->base;
    const int64_t shape[1] = {reduction->captured[0].count};
    int64_t count = 0;
    RDX_TRY(redux_tensor_new(names, context, REDUX_UINT32, 1, shape));
    uint32_t *sums = names->data;
    for (; count < base->count; count++)
        sums[count] = rdx_name_checksum(&base->names[count]);
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < reduction->row_count && status == REDUX_OK; i++) {
        rdx_name name;
        if (!reduction->rows[i].kept)
            continue;
        status = redux_reduction_get_name(&name.source, &name.slice, reduction, i);
        if (status == REDUX_OK)
            sums[count++] = rdx_name_checksum(&name);
    }
    if (status != REDUX_OK)
        redux_tensor_release(names);
    return status;
}

static redux_status save_exemplars(const char *path, redux_context *context,
                                   const redux_reduction *reduction)
{
    const char *keys[3] = {RDX_EXEMPLAR_NAMES, rdx_exemplar_keys[0], rdx_exemplar_keys[1]};
    redux_tensor arrays[3];
    int count = 0;
    for (; count < 2 && reduction->captured[count].like.ndim > 0; count++) {
        const rdx_captured *captured = &reduction->captured[count];
        arrays[count + 1] = captured->like;
        arrays[count + 1].shape[0] = captured->count;
        arrays[count + 1].data = captured->bytes;
    }
    if (count == 0)
        return REDUX_OK;
    RDX_TRY(name_exemplars(&arrays[0], context, reduction));
    const redux_status status = redux_npz_write(path, context, keys, arrays, count + 1);
    redux_tensor_release(&arrays[0]);
    return status;
}

/* The rows come last. Until they are in place, an update of the rows before them finds all that it
 * needs (against.c, manifest_options.c). */
redux_status redux_results_save(const char *manifest, const char *summary, redux_context *context,
                                const redux_reduction *reduction, double seconds)
{
    const rdx_summary_request request = {reduction, seconds};
    rdx_file csv, json;
    if (manifest == NULL || summary == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_results_save: an argument is NULL");
    RDX_TRY(begin_and_produce(&csv, manifest, context, REDUX_MARK_MANIFEST, produce, reduction));
    redux_status status = begin_and_produce(&json, summary, context, REDUX_MARK_SUMMARY,
                                            rdx_produce_summary, &request);
    if (status != REDUX_OK) {
        rdx_file_abort(&csv);
        return status;
    }
    if (reduction->options.keep_exemplars) {
        char *path = NULL;
        status = rdx_exemplars_path(&path, context, manifest);
        if (status == REDUX_OK)
            status = save_exemplars(path, context, reduction);
        rdx_free(path);
    }
    if (status == REDUX_OK)
        status = rdx_file_commit(&json);
    else
        rdx_file_abort(&json);
    if (status == REDUX_OK)
        status = rdx_file_commit(&csv);
    rdx_file_abort(&csv);
    return status;
}
