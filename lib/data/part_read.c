/* SPDX-License-Identifier: MIT
 * Reading the parts of a job, and putting them together. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <redux/version.h>
#include "part.h"

#define HEADER_MAX ((uint64_t)1 << 30) /* reasons of slices that were skipped can be many */

/* ---- one file ---- */

static uint64_t get_number(const unsigned char *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* A part's file while it is read: there may be more parts than a process may have open files. */
typedef struct part_file {
    int fd;
    const char *path;
} part_file;

static redux_status read_exactly(const part_file *file, uint64_t offset, void *out, size_t size)
{
    size_t got;
    RDX_TRY(rdx_read_at(file->fd, file->path, offset, out, size, &got));
    return got == size ? REDUX_OK : rdx_fail(REDUX_E_FORMAT, "%s: is cut short", file->path);
}

/* Whether the bytes before the tail have the checksum that the tail names. */
static redux_status check_crc(const part_file *file, redux_context *context, uint64_t size,
                              uint32_t expected)
{
    const size_t piece = (size_t)1 << 20;
    uLong crc = 0;
    void *buffer;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(context, &buffer, 1, piece));
    for (uint64_t at = 0; at < size && status == REDUX_OK; at += piece) {
        const size_t length = (size_t)RDX_MIN(size - at, piece);
        status = read_exactly(file, at, buffer, length);
        if (status == REDUX_OK)
            crc = crc32_z(crc, buffer, length);
        if (status == REDUX_OK)
            status = rdx_progress_poll(context);
    }
    rdx_free(buffer);
    if (status == REDUX_OK && crc != expected)
        status = rdx_fail(REDUX_E_FORMAT, "%s: is damaged: its checksum does not hold", file->path);
    return status;
}

static redux_status read_header(rdx_part *part, redux_context *context, const part_file *file,
                                uint64_t size)
{
    unsigned char tail[RDX_PART_TAIL], mark[sizeof REDUX_MARK_PART - 1];
    void *text;
    if (size < sizeof mark + sizeof tail)
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a part of a job", part->path);
    RDX_TRY(read_exactly(file, 0, mark, sizeof mark));
    if (memcmp(mark, REDUX_MARK_PART, sizeof mark) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a part of a job", part->path);
    const uint64_t end = size - sizeof tail;
    RDX_TRY(read_exactly(file, end, tail, sizeof tail));
    const uint64_t begin = get_number(tail, 8), length = get_number(tail + 8, 8);
    if (memcmp(tail + 20, RDX_PART_MAGIC, 8) != 0 || begin > end || length != end - begin ||
        length > HEADER_MAX)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short or damaged", part->path);
    RDX_TRY(check_crc(file, context, end, (uint32_t)get_number(tail + 16, 4)));
    part->data_end = begin;
    RDX_TRY(rdx_alloc(context, &text, length, 1));
    redux_status status = read_exactly(file, begin, text, (size_t)length);
    if (status == REDUX_OK)
        status = rdx_json_parse(&part->header, text, (size_t)length, 0, part->path);
    rdx_free(text);
    return status;
}

/* Whether a member of the header is of the type that it should have. */
static redux_status check_types(const rdx_part *part)
{
    static const struct {
        const char *key;
        json_type type;
    } members[] = {{"version", JSON_STRING}, {"index", JSON_INTEGER}, {"count", JSON_INTEGER},
                   {"kind", JSON_STRING},    {"job", JSON_OBJECT},    {"dataset", JSON_OBJECT},
                   {"arrays", JSON_OBJECT}};
    for (int64_t i = 0; i < RDX_COUNT(members); i++) {
        const json_t *value = json_object_get(part->header, members[i].key);
        if (value == NULL || json_typeof(value) != members[i].type)
            return rdx_fail(REDUX_E_FORMAT, "%s: its header has no %s", part->path, members[i].key);
    }
    return REDUX_OK;
}

const char *rdx_part_text(const rdx_part *part, const char *key)
{
    return json_string_value(json_object_get(part->header, key));
}

int64_t rdx_part_number(const rdx_part *part, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(part->header, key));
}

static redux_status check_header(rdx_part *part)
{
    RDX_TRY(check_types(part));
    const char *version = rdx_part_text(part, "version");
    if (strcmp(version, REDUX_VERSION_STRING) != 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: was made by libredux %.40s, and this is %s: make it again with this "
                        "version, or join the parts with that one",
                        part->path, version, REDUX_VERSION_STRING);
    part->index = rdx_part_number(part, "index");
    const int64_t count = rdx_part_number(part, "count");
    if (count > RDX_PARTS_MAX || part->index < 1 || part->index > count)
        return rdx_fail(REDUX_E_FORMAT, "%s: calls itself part %lld of %lld", part->path,
                        (long long)part->index, (long long)count);
    return REDUX_OK;
}

static redux_status open_part(rdx_part *part, redux_context *context, const char *path)
{
    struct stat status;
    part_file file;
    if (path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_parts_open: a path is NULL");
    RDX_TRY(rdx_strdup(context, &part->path, path));
    file.path = part->path;
    RDX_TRY(rdx_open_read(&file.fd, &status, path));
    const redux_status result = read_header(part, context, &file, (uint64_t)status.st_size);
    close(file.fd);
    return result != REDUX_OK ? result : check_header(part);
}

/* ---- what parts must have in common ---- */

/* A value for a message; free it. */
static char *shown(const json_t *value)
{
    return value == NULL ? NULL
                         : rdx_json_text(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
}

/* The first key in whose values two objects differ; NULL: none, or no memory. It belongs to one of
 * them. */
static const char *first_difference(const json_t *a, const json_t *b)
{
    const json_t *sides[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        void *at = json_object_iter((json_t *)(uintptr_t)sides[i]);
        for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)sides[i], at)) {
            const char *key = json_object_iter_key(at);
            if (!json_equal(json_object_get(a, key), json_object_get(b, key)))
                return key;
        }
    }
    return NULL;
}

/* REDUX_E_FORMAT: names the first member in which two jobs differ, within objects in them. */
static redux_status fail_difference(const char *a_name, const json_t *a, const char *b_name,
                                    const json_t *b)
{
    const char *key = "something";
    while (json_is_object(a) && json_is_object(b)) {
        const char *next = first_difference(a, b);
        if (next == NULL)
            break;
        key = next;
        a = json_object_get(a, key);
        b = json_object_get(b, key);
    }
    char *first = shown(a), *second = shown(b);
    const redux_status status =
        rdx_fail(REDUX_E_FORMAT,
                 "%s and %s are of different jobs: %s is %.120s in one and %.120s in the "
                 "other",
                 a_name, b_name, key, first == NULL ? "not given" : first,
                 second == NULL ? "not given" : second);
    free(first);
    free(second);
    return status;
}

static redux_status check_member(const rdx_part *a, const rdx_part *b, const char *key,
                                 const char *what)
{
    const json_t *x = json_object_get(a->header, key), *y = json_object_get(b->header, key);
    if (json_equal(x, y))
        return REDUX_OK;
    if (json_is_object(x) && json_is_object(y) && strcmp(key, "job") == 0)
        return fail_difference(a->path, x, b->path, y);
    char *first = shown(x), *second = shown(y);
    const redux_status status =
        rdx_fail(REDUX_E_FORMAT, "%s and %s differ in %s: %.120s and %.120s", a->path, b->path,
                 what, first == NULL ? "" : first, second == NULL ? "" : second);
    free(first);
    free(second);
    return status;
}

static redux_status check_same_job(const rdx_part *a, const rdx_part *b)
{
    RDX_TRY(check_member(a, b, "kind", "kind"));
    RDX_TRY(check_member(a, b, "count", "the number of parts"));
    RDX_TRY(check_member(a, b, "job", "job"));
    RDX_TRY(check_member(a, b, "dataset", "the dataset that they are of"));
    RDX_TRY(check_member(a, b, "by_group", "what is never cut"));
    return check_member(a, b, "machine",
                        "the machine that made them (floating-point results would not be those of "
                        "one machine: set OPENBLAS_CORETYPE and REDUX_TIER alike)");
}

static int compare_indices(const void *a, const void *b)
{
    const rdx_part *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static redux_status check_parts(redux_parts *parts)
{
    qsort(parts->list, (size_t)parts->there, sizeof *parts->list, compare_indices);
    for (int64_t i = 1; i < parts->there; i++) {
        RDX_TRY(check_same_job(&parts->list[0], &parts->list[i]));
        if (parts->list[i].index == parts->list[i - 1].index)
            return rdx_fail(REDUX_E_FORMAT, "%s and %s are both part %lld", parts->list[i - 1].path,
                            parts->list[i].path, (long long)parts->list[i].index);
    }
    parts->count = rdx_part_number(&parts->list[0], "count");
    return REDUX_OK;
}

redux_status redux_parts_open(redux_parts **out, redux_context *context, const char *const *paths,
                              int64_t count)
{
    void *block;
    if (out == NULL || paths == NULL || count < 1)
        return rdx_fail(REDUX_E_INVALID, "redux_parts_open: it needs at least one path");
    RDX_TRY(rdx_alloc_zero(context, &block, 1,
                           sizeof(redux_parts) + (uint64_t)count * sizeof(rdx_part)));
    redux_parts *parts = block;
    parts->list = (rdx_part *)(parts + 1);
    redux_status status = REDUX_OK;
    for (; parts->there < count && status == REDUX_OK; parts->there++)
        status = open_part(&parts->list[parts->there], context, paths[parts->there]);
    if (status == REDUX_OK)
        status = check_parts(parts);
    if (status == REDUX_OK) {
        parts->job = shown(json_object_get(parts->list[0].header, "job"));
        if (parts->job == NULL)
            status = rdx_fail(REDUX_E_NO_MEMORY, "no memory for the job of the parts");
    }
    if (status == REDUX_OK)
        *out = parts;
    else
        redux_parts_free(parts);
    return status;
}

void redux_parts_free(redux_parts *parts)
{
    if (parts == NULL)
        return;
    for (int64_t i = 0; i < parts->there; i++) {
        json_decref(parts->list[i].header);
        rdx_free(parts->list[i].path);
    }
    free(parts->job);
    rdx_free(parts);
}

int64_t redux_parts_count(const redux_parts *parts)
{
    return parts == NULL ? 0 : parts->count;
}

int64_t redux_parts_missing_count(const redux_parts *parts)
{
    return parts == NULL ? 0 : parts->count - parts->there;
}

int64_t redux_parts_missing(const redux_parts *parts, int64_t number)
{
    if (number < 0 || number >= redux_parts_missing_count(parts))
        return 0;
    int64_t index = number + 1; /* if no part came before it */
    for (int64_t i = 0; i < parts->there && parts->list[i].index <= index; i++)
        index++;
    return index;
}

const char *redux_parts_kind(const redux_parts *parts)
{
    return parts == NULL ? NULL : rdx_part_text(&parts->list[0], "kind");
}

const char *redux_parts_note(const redux_parts *parts)
{
    return parts == NULL ? NULL : rdx_part_text(&parts->list[0], "note");
}

const char *redux_parts_job(const redux_parts *parts)
{
    return parts == NULL ? NULL : parts->job;
}

/* ---- against a dataset ---- */

static redux_status check_dataset(const rdx_part *part, const redux_dataset *dataset)
{
    json_t *own = rdx_part_dataset_json(dataset);
    const json_t *theirs = json_object_get(part->header, "dataset");
    if (own == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory to compare datasets");
    const bool is_same = json_equal(own, theirs);
    json_decref(own);
    return is_same ? REDUX_OK
                   : rdx_fail(REDUX_E_FORMAT,
                              "%s: is of another dataset, of %lld slices of %lld volumes; this one "
                              "has %lld of %lld, or other names, sizes or groups",
                              part->path,
                              (long long)json_integer_value(json_object_get(theirs, "slices")),
                              (long long)json_integer_value(json_object_get(theirs, "volumes")),
                              (long long)dataset->slices, (long long)dataset->count);
}

static redux_status check_job(const rdx_part *part, const char *kind, const char *job)
{
    json_t *own = NULL;
    redux_status status = REDUX_OK;
    const json_t *theirs = json_object_get(part->header, "job");
    if (kind != NULL && strcmp(kind, rdx_part_text(part, "kind")) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is a part of %.40s, not of %.40s", part->path,
                        rdx_part_text(part, "kind"), kind);
    if (job == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_json_parse(&own, job, strlen(job), 0, "the job of a part"));
    if (!json_equal(own, theirs))
        status = fail_difference(part->path, theirs, "this one", own);
    json_decref(own);
    return status;
}

static redux_status check_there(const redux_parts *parts)
{
    char list[120] = "";
    size_t used = 0;
    const int64_t missing = redux_parts_missing_count(parts);
    if (missing == 0)
        return REDUX_OK;
    for (int64_t i = 0; i < missing && used < sizeof list - 24; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%lld", i == 0 ? "" : ", ",
                                 (long long)redux_parts_missing(parts, i));
    return rdx_fail(REDUX_E_NOT_FOUND, "%lld of %lld parts are missing: %s%s", (long long)missing,
                    (long long)parts->count, list, used < sizeof list - 24 ? "" : ", ...");
}

redux_status rdx_parts_check(const redux_parts *parts, const redux_dataset *dataset,
                             const char *kind, const char *job)
{
    RDX_TRY(check_job(&parts->list[0], kind, job));
    RDX_TRY(check_there(parts));
    return check_dataset(&parts->list[0], dataset);
}

redux_status redux_part_is_done(int32_t *done, redux_context *context, const char *path,
                                const redux_dataset *dataset, const redux_part_options *part)
{
    redux_part_options known = REDUX_PART_OPTIONS_INIT;
    redux_parts *parts = NULL;
    if (done == NULL || path == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_part_is_done: an argument is NULL");
    *done = 0;
    RDX_TRY(rdx_part_options_read(&known, part));
    redux_status status = redux_parts_open(&parts, context, &path, 1);
    if (status == REDUX_E_NOT_FOUND)
        return REDUX_OK;
    RDX_TRY(status);
    const rdx_part *there = &parts->list[0];
    status = check_job(there, known.kind, known.job);
    if (status == REDUX_OK)
        status = check_dataset(there, dataset);
    if (status == REDUX_OK && (there->index != known.index || parts->count != known.count))
        status = rdx_fail(REDUX_E_FORMAT, "%s: is part %lld of %lld, not %lld of %lld", path,
                          (long long)there->index, (long long)parts->count, (long long)known.index,
                          (long long)known.count);
    *done = status == REDUX_OK;
    redux_parts_free(parts);
    return status;
}

/* ---- arrays ---- */

static bool find_dtype(redux_dtype *out, const char *name)
{
    static const redux_dtype all[] = {REDUX_UINT8,   REDUX_INT8,     REDUX_UINT16,  REDUX_INT16,
                                      REDUX_UINT32,  REDUX_INT32,    REDUX_UINT64,  REDUX_INT64,
                                      REDUX_FLOAT16, REDUX_BFLOAT16, REDUX_FLOAT32, REDUX_FLOAT64,
                                      REDUX_BOOL};
    for (int64_t i = 0; name != NULL && i < RDX_COUNT(all); i++)
        if (strcmp(name, redux_dtype_name(all[i])) == 0) {
            *out = all[i];
            return true;
        }
    return false;
}

redux_status rdx_part_find_array(rdx_part_array_info *out, const rdx_part *part, const char *name)
{
    const json_t *entry = json_object_get(json_object_get(part->header, "arrays"), name);
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offset = json_object_get(entry, "offset");
    bool fits = json_array_size(shape) >= 1 && json_array_size(shape) <= REDUX_MAX_DIMS;
    memset(out, 0, sizeof *out);
    if (entry == NULL)
        return rdx_fail(REDUX_E_NOT_FOUND, "%s: has no array '%.80s'", part->path, name);
    fits = fits && find_dtype(&out->dtype, json_string_value(json_object_get(entry, "dtype"))) &&
           json_is_integer(offset) && json_integer_value(offset) >= 0;
    out->row_bytes = redux_dtype_size(out->dtype);
    for (size_t i = 0; i < json_array_size(shape) && fits; i++) {
        const json_t *length = json_array_get(shape, i);
        out->shape[out->ndim++] = (int64_t)json_integer_value(length);
        fits =
            json_is_integer(length) && json_integer_value(length) >= 0 &&
            (i == 0 || !__builtin_mul_overflow(out->row_bytes, (uint64_t)json_integer_value(length),
                                               &out->row_bytes));
    }
    out->offset = (uint64_t)json_integer_value(offset);
    uint64_t bytes = 0;
    fits = fits && !__builtin_mul_overflow(out->row_bytes, (uint64_t)out->shape[0], &bytes) &&
           bytes <= part->data_end && out->offset <= part->data_end - bytes;
    return fits ? REDUX_OK
                : rdx_fail(REDUX_E_FORMAT, "%s: the description of array '%.80s' is damaged",
                           part->path, name);
}

/* Rows `first` ... `first + count - 1` of an array. */
static redux_status read_rows(void *out, const rdx_part *part, const rdx_part_array_info *array,
                              int64_t first, int64_t count)
{
    const size_t bytes = (size_t)array->row_bytes * (size_t)count;
    const size_t element = redux_dtype_size(array->dtype);
    part_file file = {-1, part->path};
    struct stat status;
    RDX_TRY(rdx_open_read(&file.fd, &status, file.path));
    const redux_status result =
        read_exactly(&file, array->offset + (uint64_t)first * array->row_bytes, out, bytes);
    close(file.fd);
    if (RDX_BIG_ENDIAN && result == REDUX_OK)
        rdx_swap_bytes(out, bytes / element, element);
    return result;
}

static bool fit_together(const rdx_part_array_info *a, const rdx_part_array_info *b)
{
    bool same = a->dtype == b->dtype && a->ndim == b->ndim;
    for (int32_t i = 1; i < a->ndim && same; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

/* The array in each part; all are alike but for the number of rows. */
static redux_status find_arrays(rdx_part_array_info *arrays, const redux_parts *parts,
                                const int64_t *counts, const char *name)
{
    for (int64_t i = 0; i < parts->there; i++) {
        const rdx_part *part = &parts->list[i];
        RDX_TRY(rdx_part_find_array(&arrays[i], part, name));
        if (arrays[i].shape[0] != counts[i])
            return rdx_fail(REDUX_E_FORMAT, "%s: has %lld rows of '%.80s' for %lld slices",
                            part->path, (long long)arrays[i].shape[0], name, (long long)counts[i]);
        if (!fit_together(&arrays[0], &arrays[i]))
            return rdx_fail(REDUX_E_FORMAT, "%s and %s: their arrays '%.80s' do not fit together",
                            parts->list[0].path, part->path, name);
    }
    return REDUX_OK;
}

redux_status rdx_part_rows_open(rdx_part_table *table, redux_context *context,
                                const redux_parts *parts, const redux_dataset *dataset,
                                const char *name)
{
    const uint64_t there = (uint64_t)parts->there, slices = (uint64_t)dataset->slices;
    const bool by_group = json_is_true(json_object_get(parts->list[0].header, "by_group"));
    void *block;
    memset(table, 0, sizeof *table);
    table->parts = parts;
    RDX_TRY(rdx_dataset_parts(&table->part_of, context, dataset, parts->count, by_group));
    redux_status status = rdx_alloc_zero(
        context, &block, 1, slices * sizeof(int64_t) + there * (sizeof(rdx_part_array_info) + 8));
    if (status == REDUX_OK) {
        table->place = block;
        int64_t *counts = table->place + slices;
        table->arrays = (rdx_part_array_info *)(counts + there);
        for (uint64_t row = 0; row < slices; row++)
            table->place[row] = counts[table->part_of[row]]++;
        status = find_arrays(table->arrays, parts, counts, name);
    }
    if (status != REDUX_OK)
        rdx_part_rows_close(table);
    return status;
}

void rdx_part_rows_close(rdx_part_table *table)
{
    rdx_free(table->part_of);
    rdx_free(table->place);
    memset(table, 0, sizeof *table);
}

redux_status rdx_part_rows_read(void *out, const rdx_part_table *table, int64_t row, int64_t count)
{
    char *at = out;
    for (int64_t end = row + count, next; row < end; row = next) {
        const int32_t part = table->part_of[row];
        const rdx_part_array_info *array = &table->arrays[part];
        for (next = row + 1; next < end && table->part_of[next] == part;)
            next++;
        RDX_TRY(read_rows(at, &table->parts->list[part], array, table->place[row], next - row));
        at += array->row_bytes * (uint64_t)(next - row);
    }
    return REDUX_OK;
}

redux_status rdx_parts_join(redux_tensor *out, redux_context *context, const redux_parts *parts,
                            const redux_dataset *dataset, const char *name)
{
    rdx_part_table table;
    int64_t shape[REDUX_MAX_DIMS];
    RDX_TRY(rdx_part_rows_open(&table, context, parts, dataset, name));
    memcpy(shape, table.arrays[0].shape, sizeof shape);
    shape[0] = dataset->slices;
    redux_status status =
        redux_tensor_new(out, context, table.arrays[0].dtype, table.arrays[0].ndim, shape);
    if (status == REDUX_OK) {
        status = rdx_part_rows_read(out->data, &table, 0, dataset->slices);
        if (status != REDUX_OK)
            redux_tensor_release(out);
    }
    rdx_part_rows_close(&table);
    return status;
}

redux_status redux_parts_join(redux_tensor *out, redux_context *context, const redux_parts *parts,
                              const redux_dataset *dataset, const char *name)
{
    if (out == NULL || parts == NULL || dataset == NULL || name == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_parts_join: an argument is NULL");
    RDX_TRY(rdx_parts_check(parts, dataset, NULL, NULL));
    return rdx_parts_join(out, context, parts, dataset, name);
}
