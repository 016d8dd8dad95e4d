/* SPDX-License-Identifier: MIT
 * Writing one part of a job. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <redux/file.h>
#include <redux/version.h>
#include "part.h"

/* ---- options ---- */

static redux_status check_job(const char *job)
{
    json_t *json = NULL;
    if (job == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_json_parse(&json, job, strlen(job), JSON_REJECT_DUPLICATES, "the job of a part"));
    const bool is_object = json_is_object(json);
    json_decref(json);
    return is_object ? REDUX_OK
                     : rdx_fail(REDUX_E_INVALID, "the job of a part is not a JSON object");
}

redux_status rdx_part_options_read(redux_part_options *known, const redux_part_options *given)
{
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_part_options"));
    if (known->count < 1 || known->count > RDX_PARTS_MAX)
        return rdx_fail(REDUX_E_INVALID, "%lld parts: expected 1 to %d", (long long)known->count,
                        RDX_PARTS_MAX);
    if (known->index < 1 || known->index > known->count)
        return rdx_fail(REDUX_E_INVALID, "there is no part %lld of %lld: they count from 1",
                        (long long)known->index, (long long)known->count);
    return check_job(known->job);
}

redux_status rdx_part_rows(int64_t **rows, int64_t *count, redux_context *context,
                           const redux_dataset *dataset, const redux_part_options *part)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)dataset->slices, sizeof(int64_t) + 1));
    *rows = block;
    uint8_t *wanted = (uint8_t *)(*rows + dataset->slices);
    const redux_status status = redux_dataset_cut(wanted, context, dataset, part);
    *count = 0;
    for (int64_t row = 0; row < dataset->slices && status == REDUX_OK; row++)
        if (wanted[row])
            (*rows)[(*count)++] = row;
    if (status != REDUX_OK)
        rdx_free(block);
    return status;
}

/* ---- the file ---- */

/* The commit of the file reports failures of the stream. */
static redux_status to_file(const void *bytes, size_t size, void *user)
{
    rdx_part_writer *writer = user;
    fwrite(bytes, 1, size, writer->file.stream);
    writer->crc = (uint32_t)crc32_z(writer->crc, bytes, size);
    writer->offset += size;
    return REDUX_OK;
}

static void pad(rdx_part_writer *writer)
{
    static const char zeros[RDX_PART_ALIGNMENT];
    const size_t over = (size_t)(writer->offset % RDX_PART_ALIGNMENT);
    if (over > 0)
        to_file(zeros, RDX_PART_ALIGNMENT - over, writer);
}

redux_status rdx_part_begin(rdx_part_writer *writer, redux_context *context, const char *path)
{
    memset(writer, 0, sizeof *writer);
    writer->context = context;
    writer->arrays = json_object();
    const redux_status status = rdx_file_begin(&writer->file, context, path, REDUX_MARK_PART);
    if (status != REDUX_OK) {
        rdx_part_abort(writer);
        return status;
    }
    to_file(REDUX_MARK_PART, strlen(REDUX_MARK_PART), writer);
    return REDUX_OK;
}

redux_status rdx_part_array(rdx_part_writer *writer, const char *name, const redux_tensor *like,
                            int64_t rows)
{
    json_t *shape = json_array();
    bool has_memory = json_array_append_new(shape, json_integer(rows)) == 0;
    pad(writer);
    for (int32_t i = 1; i < like->ndim; i++)
        has_memory = json_array_append_new(shape, json_integer(like->shape[i])) == 0 && has_memory;
    json_t *entry = json_pack("{s:s, s:o, s:I}", "dtype", redux_dtype_name(like->dtype), "shape",
                              shape, "offset", (json_int_t)writer->offset);
    if (json_object_set_new(writer->arrays, name, entry) != 0 || !has_memory)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for the header of a part");
    return REDUX_OK;
}

redux_status rdx_part_append(rdx_part_writer *writer, const redux_tensor *rows)
{
    return rdx_npy_elements(writer->context, rows, to_file, writer);
}

redux_status rdx_part_vector(rdx_part_writer *writer, const char *name, const void *values,
                             int64_t count, redux_dtype dtype)
{
    redux_tensor tensor = REDUX_TENSOR_INIT;
    RDX_TRY(redux_tensor_borrow(&tensor, (void *)(uintptr_t)values, dtype, 1, &count, NULL));
    RDX_TRY(rdx_part_array(writer, name, &tensor, count));
    return rdx_part_append(writer, &tensor);
}

/* ---- the header ---- */

static void put(json_t *header, const char *key, json_t *value, bool *has_memory)
{
    *has_memory = json_object_set_new(header, key, value) == 0 && *has_memory;
}

static json_t *machine_json(const redux_part_options *part)
{
    if (part->exact)
        return json_null();
    return json_pack("{s:s, s:s}", "instructions", redux_cpu_tier(), "blas", rdx_blas_kernels());
}

json_t *rdx_part_dataset_json(const redux_dataset *dataset)
{
    char identity[20];
    snprintf(identity, sizeof identity, "%016llx",
             (unsigned long long)rdx_dataset_identity(dataset));
    return json_pack("{s:I, s:I, s:s}", "volumes", (json_int_t)dataset->count, "slices",
                     (json_int_t)dataset->slices, "identity", identity);
}

static redux_status make_header(json_t **out, const rdx_part_writer *writer,
                                const redux_dataset *dataset, const redux_part_options *part,
                                json_t *result)
{
    const char *job = part->job == NULL ? "{}" : part->job;
    json_t *header = json_object(), *parsed = NULL;
    bool has_memory = true;
    const redux_status status = rdx_json_parse(&parsed, job, strlen(job), 0, "the job of a part");
    put(header, "version", json_string(REDUX_VERSION_STRING), &has_memory);
    put(header, "index", json_integer(part->index), &has_memory);
    put(header, "count", json_integer(part->count), &has_memory);
    put(header, "by_group", json_boolean(part->by_group), &has_memory);
    put(header, "kind", json_string(part->kind), &has_memory);
    put(header, "job", parsed, &has_memory);
    put(header, "machine", machine_json(part), &has_memory);
    put(header, "dataset", rdx_part_dataset_json(dataset), &has_memory);
    put(header, "arrays", json_incref(writer->arrays), &has_memory);
    if (part->note != NULL)
        put(header, "note", json_string(part->note), &has_memory);
    if (result != NULL)
        put(header, "result", json_incref(result), &has_memory);
    if (status == REDUX_OK && has_memory) {
        *out = header;
        return REDUX_OK;
    }
    json_decref(header);
    return status != REDUX_OK ? status
                              : rdx_fail(REDUX_E_NO_MEMORY, "no memory for the header of a part");
}

static void put_number(unsigned char *bytes, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> 8 * i & 255);
}

static redux_status write_header(rdx_part_writer *writer, const json_t *header)
{
    unsigned char tail[RDX_PART_TAIL];
    char *text = rdx_json_text(header, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for the header of a part");
    const uint64_t begin = writer->offset;
    to_file(text, strlen(text), writer);
    free(text);
    put_number(tail, begin, 8);
    put_number(tail + 8, writer->offset - begin, 8);
    put_number(tail + 16, writer->crc, 4);
    memcpy(tail + 20, RDX_PART_MAGIC, 8);
    to_file(tail, sizeof tail, writer);
    return REDUX_OK;
}

redux_status rdx_part_commit(rdx_part_writer *writer, const redux_dataset *dataset,
                             const redux_part_options *part, json_t *result)
{
    json_t *header = NULL;
    redux_status status = make_header(&header, writer, dataset, part, result);
    json_decref(result);
    if (status == REDUX_OK)
        status = write_header(writer, header);
    json_decref(header);
    if (status == REDUX_OK)
        status = rdx_file_commit(&writer->file);
    rdx_part_abort(writer);
    return status;
}

void rdx_part_abort(rdx_part_writer *writer)
{
    rdx_file_abort(&writer->file);
    json_decref(writer->arrays);
    writer->arrays = NULL;
}

/* ---- the caller's arrays ---- */

static redux_status check_arrays(int64_t count, const char *const *names,
                                 const redux_tensor *tensors, int64_t rows)
{
    if (count < 0 || (count > 0 && (names == NULL || tensors == NULL)))
        return rdx_fail(REDUX_E_INVALID, "redux_part_save: a list is missing");
    for (int64_t i = 0; i < count; i++) {
        RDX_TRY(rdx_tensor_check(&tensors[i], -1, 0, "redux_part_save: tensors"));
        if (names[i] == NULL || tensors[i].ndim < 1 || tensors[i].shape[0] != rows)
            return rdx_fail(REDUX_E_INVALID,
                            "redux_part_save: array %lld ('%.80s') does not have one row for each "
                            "of the %lld slices of the part",
                            (long long)i, names[i] == NULL ? "" : names[i], (long long)rows);
        for (int64_t k = 0; k < i; k++)
            if (strcmp(names[i], names[k]) == 0)
                return rdx_fail(REDUX_E_INVALID, "redux_part_save: two arrays are named '%.80s'",
                                names[i]);
    }
    return REDUX_OK;
}

static redux_status save_arrays(const char *path, redux_context *context,
                                const redux_dataset *dataset, const redux_part_options *part,
                                int64_t count, const char *const *names,
                                const redux_tensor *tensors)
{
    rdx_part_writer writer;
    RDX_TRY(rdx_part_begin(&writer, context, path));
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        status = rdx_part_array(&writer, names[i], &tensors[i], tensors[i].shape[0]);
        if (status == REDUX_OK)
            status = rdx_part_append(&writer, &tensors[i]);
    }
    if (status == REDUX_OK)
        return rdx_part_commit(&writer, dataset, part, NULL);
    rdx_part_abort(&writer);
    return status;
}

redux_status redux_part_save(const char *path, redux_context *context, const redux_dataset *dataset,
                             const redux_part_options *part, int64_t count,
                             const char *const *names, const redux_tensor *tensors)
{
    redux_part_options known = REDUX_PART_OPTIONS_INIT;
    int64_t *rows, row_count;
    if (path == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_part_save: an argument is NULL");
    RDX_TRY(rdx_part_options_read(&known, part));
    if (known.kind == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_part_save: the part has no kind");
    RDX_TRY(rdx_part_rows(&rows, &row_count, context, dataset, &known));
    rdx_free(rows);
    RDX_TRY(check_arrays(count, names, tensors, row_count));
    return save_arrays(path, context, dataset, &known, count, names, tensors);
}
