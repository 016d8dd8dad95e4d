/* SPDX-License-Identifier: MIT
 * safetensors: 8 bytes with the header's length (little-endian), the header (JSON: for each tensor
 * dtype, shape and its begin and end in the data), the data without gaps. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <redux/file.h>
#include "safetensors.h"

#define PRELUDE 8
#define HEADER_MAX (100u << 20) /* the limit of the format's own reader */
#define METADATA "__metadata__"
#define CHECKSUM "redux.crc32"
#define RESERVED "redux."
#define MARK "redux.format" /* announces a checksum, in case the checksum itself is damaged */

static const struct {
    const char *name;
    redux_dtype dtype;
} types[] = {
    {"F64", REDUX_FLOAT64},   {"F32", REDUX_FLOAT32}, {"F16", REDUX_FLOAT16},
    {"BF16", REDUX_BFLOAT16}, {"I64", REDUX_INT64},   {"I32", REDUX_INT32},
    {"I16", REDUX_INT16},     {"I8", REDUX_INT8},     {"U64", REDUX_UINT64},
    {"U32", REDUX_UINT32},    {"U16", REDUX_UINT16},  {"U8", REDUX_UINT8},
    {"BOOL", REDUX_BOOL},
};

/* ---- the checksum ---- */

typedef struct checksum {
    uLong crc;
} checksum;

static redux_status add_bytes(const void *bytes, size_t size, void *user)
{
    checksum *sum = user;
    const unsigned char *at = bytes;
    while (size > 0) {
        const uInt piece = (uInt)RDX_MIN(size, (size_t)1 << 30);
        sum->crc = crc32(sum->crc, at, piece);
        at += piece;
        size -= piece;
    }
    return REDUX_OK;
}

static void add_text(checksum *sum, const char *text)
{
    add_bytes(text, strlen(text) + 1, sum);
}

/* Metadata by key, then the description of each tensor, in the order of the data. */
static redux_status add_header(checksum *sum, const json_t *metadata,
                               const rdx_named_tensor *entries, int64_t count)
{
    char number[32];
    json_t *sorted = json_object();
    char *text;
    const bool is_copied =
        metadata == NULL || json_object_update(sorted, (json_t *)(uintptr_t)metadata) == 0;
    json_object_del(sorted, CHECKSUM);
    text =
        is_copied ? rdx_json_text(sorted, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    if (text == NULL) {
        json_decref(sorted);
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for metadata");
    }
    add_text(sum, text);
    free(text);
    json_decref(sorted);
    for (int64_t i = 0; i < count; i++) {
        const redux_tensor *tensor = &entries[i].tensor;
        add_text(sum, entries[i].name);
        add_text(sum, redux_dtype_name(tensor->dtype));
        for (int32_t d = 0; d < tensor->ndim; d++) {
            snprintf(number, sizeof number, "%lld", (long long)tensor->shape[d]);
            add_text(sum, number);
        }
    }
    return REDUX_OK;
}

/* ---- reading ---- */

static redux_status read_shape(rdx_named_tensor *e, const json_t *json, const char *path)
{
    redux_tensor *tensor = &e->tensor;
    const size_t ndim = json_array_size(json);
    if (!json_is_array(json))
        return rdx_fail(REDUX_E_FORMAT, "%s: tensor '%.80s' has no shape", path, e->name);
    if (ndim > REDUX_MAX_DIMS)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: tensor '%.80s' has %zu axes, more than %d", path,
                        e->name, ndim, REDUX_MAX_DIMS);
    tensor->ndim = (int32_t)ndim;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *length = json_array_get(json, i);
        if (!json_is_integer(length) || json_integer_value(length) < 0)
            return rdx_fail(REDUX_E_FORMAT, "%s: tensor '%.80s': a bad shape", path, e->name);
        tensor->shape[i] = json_integer_value(length);
    }
    return REDUX_OK;
}

static redux_status read_dtype(rdx_named_tensor *e, const json_t *json, const char *path)
{
    const char *name = json_string_value(json);
    for (int64_t i = 0; name != NULL && i < RDX_COUNT(types); i++)
        if (strcmp(name, types[i].name) == 0) {
            e->tensor.dtype = types[i].dtype;
            return REDUX_OK;
        }
    return rdx_fail(name == NULL ? REDUX_E_FORMAT : REDUX_E_UNSUPPORTED,
                    "%s: tensor '%.80s' is of type '%.20s'", path, e->name,
                    name == NULL ? "" : name);
}

/* Fills in contiguous strides. The bytes of the shape must match begin and end. Even without
 * elements, the other lengths must multiply to a valid size. */
static redux_status settle_layout(rdx_named_tensor *e, uint64_t size, const char *path)
{
    redux_tensor *tensor = &e->tensor;
    uint64_t bytes = redux_dtype_size(tensor->dtype);
    int64_t stride = 1;
    bool fits = e->begin <= e->end && e->end <= size;
    for (int32_t i = tensor->ndim - 1; i >= 0; i--) {
        tensor->strides[i] = stride;
        fits = fits && !__builtin_mul_overflow(bytes, (uint64_t)tensor->shape[i], &bytes) &&
               !__builtin_mul_overflow(stride, RDX_MAX(tensor->shape[i], 1), &stride) &&
               stride <= PTRDIFF_MAX / 8;
    }
    if (!fits || bytes != e->end - e->begin)
        return rdx_fail(
            REDUX_E_FORMAT,
            "%s: tensor '%.80s' does not match its data_offsets: the file is cut short or damaged",
            path, e->name);
    return REDUX_OK;
}

static redux_status read_entry(rdx_named_tensor *e, const char *name, const json_t *json,
                               uint64_t size, const char *path)
{
    const redux_tensor empty = REDUX_TENSOR_INIT;
    const json_t *offsets = json_object_get(json, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    e->name = name;
    e->tensor = empty;
    RDX_TRY(read_dtype(e, json_object_get(json, "dtype"), path));
    RDX_TRY(read_shape(e, json_object_get(json, "shape"), path));
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: tensor '%.80s' has no usable data_offsets", path,
                        name);
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    return settle_layout(e, size, path);
}

static int compare_places(const void *a, const void *b)
{
    const rdx_named_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end != y->end ? (x->end < y->end ? -1 : 1) : strcmp(x->name, y->name);
}

static redux_status read_entries(redux_safetensors *file, redux_context *context, uint64_t size,
                                 const char *path)
{
    const char *name;
    json_t *value;
    void *block;
    uint64_t end = 0;
    RDX_TRY(rdx_alloc(context, &block, json_object_size(file->header), sizeof(rdx_named_tensor)));
    file->entries = block;
    json_object_foreach(file->header, name, value)
    {
        if (strcmp(name, METADATA) != 0)
            RDX_TRY(read_entry(&file->entries[file->count++], name, value, size, path));
    }
    qsort(file->entries, (size_t)file->count, sizeof(rdx_named_tensor), compare_places);
    for (int64_t i = 0; i < file->count; i++) {
        if (file->entries[i].begin != end)
            return rdx_fail(REDUX_E_FORMAT, "%s: tensor '%.80s' overlaps another, or leaves a gap",
                            path, file->entries[i].name);
        end = file->entries[i].end;
    }
    if (end != size)
        return rdx_fail(REDUX_E_FORMAT, "%s: has %llu bytes of data, and its tensors %llu", path,
                        (unsigned long long)size, (unsigned long long)end);
    return REDUX_OK;
}

static redux_status check_metadata(const redux_safetensors *file, const char *path)
{
    json_t *metadata = json_object_get(file->header, METADATA);
    const char *key;
    json_t *value;
    if (metadata != NULL && !json_is_object(metadata))
        return rdx_fail(REDUX_E_FORMAT, "%s: its metadata are not an object", path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return rdx_fail(REDUX_E_FORMAT, "%s: metadata '%.80s' is not text", path, key);
    }
    return REDUX_OK;
}

static redux_status check_crc(const redux_safetensors *file, const char *path)
{
    const char *wanted = redux_safetensors_metadata(file, CHECKSUM);
    checksum sum = {crc32(0, NULL, 0)};
    char found[16];
    if (wanted == NULL)
        return redux_safetensors_metadata(file, MARK) == NULL
                   ? REDUX_OK
                   : rdx_fail(REDUX_E_FORMAT, "%s: has lost its checksum: it has been altered",
                              path);
    RDX_TRY(add_header(&sum, json_object_get(file->header, METADATA), file->entries, file->count));
    add_bytes(file->data.data, (size_t)file->data.shape[0], &sum);
    snprintf(found, sizeof found, "%08lx", sum.crc);
    if (strcmp(found, wanted) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: its checksum is %s, not %.16s: it has been altered",
                        path, found, wanted);
    return REDUX_OK;
}

static redux_status read_exactly(int fd, const char *path, uint64_t offset, void *out, size_t size)
{
    size_t count = 0;
    RDX_TRY(rdx_read_at(fd, path, offset, out, size, &count));
    return count == size ? REDUX_OK : rdx_fail(REDUX_E_FORMAT, "%s: is cut short", path);
}

static redux_status read_header(redux_safetensors *file, redux_context *context, int fd,
                                uint64_t length, const char *path)
{
    void *text;
    RDX_TRY(rdx_alloc(context, &text, length, 1));
    redux_status status = read_exactly(fd, path, PRELUDE, text, (size_t)length);
    if (status == REDUX_OK)
        status = rdx_json_parse(&file->header, text, (size_t)length, JSON_REJECT_DUPLICATES, path);
    if (status == REDUX_OK && !json_is_object(file->header))
        status = rdx_fail(REDUX_E_FORMAT, "%s: its header is not a JSON object", path);
    rdx_free(text);
    return status;
}

static redux_status read_file(redux_safetensors *file, redux_context *context, int fd,
                              const struct stat *about, const char *path)
{
    const uint64_t size = (uint64_t)about->st_size;
    unsigned char prelude[PRELUDE];
    uint64_t length = 0;
    RDX_TRY(read_exactly(fd, path, 0, prelude, PRELUDE));
    for (int i = PRELUDE - 1; i >= 0; i--)
        length = length << 8 | prelude[i];
    if (length > HEADER_MAX || length > size - PRELUDE)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: is neither a safetensors file nor one of torch.save, or is cut short",
                        path);
    RDX_TRY(read_header(file, context, fd, length, path));
    const int64_t shape[1] = {(int64_t)(size - PRELUDE - length)};
    RDX_TRY(check_metadata(file, path));
    RDX_TRY(read_entries(file, context, (uint64_t)shape[0], path));
    if (!rdx_bytes_allowed(context, (uint64_t)shape[0], 1))
        return rdx_fail(REDUX_E_LIMIT, "%s: its %lld bytes are more than the limit", path,
                        (long long)shape[0]);
    RDX_TRY(rdx_tensor_alloc(&file->data, context, REDUX_UINT8, 1, shape));
    RDX_TRY(read_exactly(fd, path, PRELUDE + length, file->data.data, (size_t)shape[0]));
    return check_crc(file, path);
}

/* Views of the data. Unaligned tensors, which other writers may produce, are copied. */
static redux_status adopt(redux_safetensors *file, redux_context *context)
{
    for (int64_t i = 0; i < file->count; i++) {
        rdx_named_tensor *e = &file->entries[i];
        char *bytes = (char *)file->data.data + e->begin;
        const size_t size = redux_dtype_size(e->tensor.dtype);
        const redux_tensor view = e->tensor;
        if (e->begin % size == 0) {
            e->tensor.data = bytes;
            e->tensor.storage = file->data.storage;
            rdx_storage_retain(file->data.storage);
        } else {
            RDX_TRY(rdx_tensor_alloc(&e->tensor, context, view.dtype, view.ndim, view.shape));
            memcpy(e->tensor.data, bytes, (size_t)(e->end - e->begin));
        }
        if (RDX_BIG_ENDIAN)
            rdx_swap_bytes(e->tensor.data, (e->end - e->begin) / size, size);
    }
    return REDUX_OK;
}

/* By the first bytes: torch.save's files, and what it wrote before PyTorch 1.6. */
static redux_status read_any(redux_safetensors *file, redux_context *context, int fd,
                             const struct stat *about, const char *path)
{
    unsigned char begin[PRELUDE + 1];
    size_t count = 0;
    RDX_TRY(rdx_strdup(context, &file->path, path));
    RDX_TRY(rdx_read_at(fd, path, 0, begin, sizeof begin, &count));
    if (rdx_torch_file_is(begin, count))
        return rdx_torch_file_read(file, context, path);
    if (count == sizeof begin && begin[0] == 0x80 && begin[1] <= 5 && begin[PRELUDE] != '{')
        return rdx_fail(
            REDUX_E_UNSUPPORTED,
            "%s: is a bare pickle, as torch.save wrote before PyTorch 1.6: save it "
            "again in Python: torch.save(torch.load(FILE, map_location=\"cpu\"), OTHER)",
            path);
    RDX_TRY(read_file(file, context, fd, about, path));
    return adopt(file, context);
}

redux_status redux_safetensors_load(redux_safetensors **out, redux_context *context,
                                    const char *path)
{
    struct stat about;
    void *block;
    int fd;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_safetensors_load: an argument is NULL");
    RDX_TRY(rdx_open_read(&fd, &about, path));
    redux_status status = rdx_alloc_zero(context, &block, 1, sizeof(redux_safetensors));
    if (status == REDUX_OK) {
        redux_safetensors *file = block;
        status = read_any(file, context, fd, &about, path);
        if (status == REDUX_OK)
            *out = file;
        else
            redux_safetensors_free(file);
    }
    close(fd);
    return status;
}

void redux_safetensors_free(redux_safetensors *file)
{
    if (file == NULL)
        return;
    for (int64_t i = 0; i < file->count; i++)
        redux_tensor_release(&file->entries[i].tensor);
    redux_tensor_release(&file->data);
    rdx_free(file->entries);
    rdx_free(file->names);
    rdx_free(file->path);
    rdx_free(file->foreign);
    json_decref(file->header);
    rdx_free(file);
}

int64_t redux_safetensors_tensor_count(const redux_safetensors *file)
{
    return file == NULL ? 0 : file->count;
}

const char *redux_safetensors_name(const redux_safetensors *file, int64_t index)
{
    return index >= 0 && index < redux_safetensors_tensor_count(file) ? file->entries[index].name
                                                                      : NULL;
}

int64_t redux_safetensors_find(const redux_safetensors *file, const char *name)
{
    for (int64_t i = 0; name != NULL && i < redux_safetensors_tensor_count(file); i++)
        if (strcmp(file->entries[i].name, name) == 0)
            return i;
    return -1;
}

redux_status redux_safetensors_get_tensor(redux_tensor *out, const redux_safetensors *file,
                                          int64_t index)
{
    if (out == NULL || index < 0 || index >= redux_safetensors_tensor_count(file))
        return rdx_fail(REDUX_E_INVALID, "there is no tensor %lld: there are %lld",
                        (long long)index, (long long)redux_safetensors_tensor_count(file));
    return redux_tensor_view(out, &file->entries[index].tensor);
}

const char *redux_safetensors_metadata(const redux_safetensors *file, const char *key)
{
    if (file == NULL || key == NULL)
        return NULL;
    return json_string_value(json_object_get(json_object_get(file->header, METADATA), key));
}

const char *rdx_safetensors_path(const redux_safetensors *file)
{
    return file->path;
}

const char *rdx_safetensors_foreign(const redux_safetensors *file, const char *name)
{
    for (int64_t i = 0; i < file->foreign_count; i++)
        if (strcmp(file->foreign[i].name, name) == 0)
            return file->foreign[i].made_by;
    return NULL;
}

const rdx_foreign_value *rdx_safetensors_first_foreign(const redux_safetensors *file)
{
    return file->foreign_count > 0 ? file->foreign : NULL;
}

/* ---- writing ---- */

static const char *type_name(redux_dtype dtype)
{
    for (int64_t i = 0; i < RDX_COUNT(types); i++)
        if (types[i].dtype == dtype)
            return types[i].name;
    return NULL;
}

static int compare_for_writing(const void *a, const void *b)
{
    const rdx_named_tensor *x = a, *y = b;
    const size_t x_size = redux_dtype_size(x->tensor.dtype),
                 y_size = redux_dtype_size(y->tensor.dtype);
    if (x_size != y_size)
        return x_size > y_size ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The tensors in the order in which they are written, each with its place. */
static redux_status arrange(rdx_named_tensor *entries, const redux_safetensors_content *content)
{
    uint64_t end = 0;
    for (int64_t i = 0; i < content->count; i++) {
        const redux_tensor *tensor = &content->tensors[i];
        RDX_TRY(rdx_tensor_check(tensor, -1, 0, "a tensor to save"));
        if (content->names[i] == NULL || strcmp(content->names[i], METADATA) == 0)
            return rdx_fail(REDUX_E_INVALID, "tensor %lld has no usable name", (long long)i);
        if (type_name(tensor->dtype) == NULL)
            return rdx_fail(REDUX_E_INVALID, "tensor '%.80s' is %s", content->names[i],
                            redux_dtype_name(tensor->dtype));
        entries[i].name = content->names[i];
        entries[i].tensor = *tensor;
    }
    qsort(entries, (size_t)content->count, sizeof(rdx_named_tensor), compare_for_writing);
    for (int64_t i = 0; i < content->count; i++) {
        entries[i].begin = end;
        end += (uint64_t)redux_tensor_elements(&entries[i].tensor) *
               redux_dtype_size(entries[i].tensor.dtype);
        entries[i].end = end;
    }
    return REDUX_OK;
}

static redux_status make_metadata(json_t *metadata, const redux_safetensors_content *content)
{
    for (int64_t i = 0; i < content->pair_count; i++) {
        const char *key = content->keys[i], *value = content->values[i];
        if (key == NULL || value == NULL || strncmp(key, RESERVED, strlen(RESERVED)) == 0 ||
            json_object_get(metadata, key) != NULL)
            return rdx_fail(
                REDUX_E_INVALID,
                "metadata '%.80s': its value is NULL, or its name is reserved or given twice",
                key == NULL ? "" : key);
        if (!rdx_json_takes(key) || !rdx_json_takes(value))
            return rdx_fail(REDUX_E_INVALID, "metadata '%.80s' is not UTF-8", key);
        if (json_object_set_new(metadata, key, json_string(value)) != 0)
            return rdx_fail(REDUX_E_NO_MEMORY, "no memory for metadata");
    }
    return REDUX_OK;
}

static redux_status add_checksum(json_t *metadata, redux_context *context,
                                 const rdx_named_tensor *entries, int64_t count)
{
    checksum sum = {crc32(0, NULL, 0)};
    char text[16];
    if (json_object_set_new(metadata, MARK, json_string("1")) != 0)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for metadata");
    RDX_TRY(add_header(&sum, metadata, entries, count));
    for (int64_t i = 0; i < count; i++)
        RDX_TRY(rdx_npy_elements(context, &entries[i].tensor, add_bytes, &sum));
    snprintf(text, sizeof text, "%08lx", sum.crc);
    return json_object_set_new(metadata, CHECKSUM, json_string(text)) == 0
               ? REDUX_OK
               : rdx_fail(REDUX_E_NO_MEMORY, "no memory for metadata");
}

static json_t *entry_json(const rdx_named_tensor *e)
{
    json_t *shape = json_array();
    for (int32_t i = 0; i < e->tensor.ndim; i++)
        if (json_array_append_new(shape, json_integer(e->tensor.shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_name(e->tensor.dtype), "shape", shape,
                     "data_offsets", (json_int_t)e->begin, (json_int_t)e->end);
}

/* The header as text, padded so that the data are aligned; freed with free(). */
static redux_status make_header(char **text, const rdx_named_tensor *entries, int64_t count,
                                json_t *metadata)
{
    json_t *header = json_object();
    redux_status status = REDUX_OK;
    if (json_object_set(header, METADATA, metadata) != 0)
        status = rdx_fail(REDUX_E_NO_MEMORY, "no memory for a header");
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        if (json_object_get(header, entries[i].name) != NULL)
            status = rdx_fail(REDUX_E_INVALID, "two tensors are named '%.80s'", entries[i].name);
        else if (!rdx_json_takes(entries[i].name))
            status = rdx_fail(REDUX_E_INVALID, "name '%.80s' is not UTF-8", entries[i].name);
        else if (json_object_set_new(header, entries[i].name, entry_json(&entries[i])) != 0)
            status = rdx_fail(REDUX_E_NO_MEMORY, "no memory for a header");
    *text = status == REDUX_OK ? rdx_json_text(header, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(header);
    if (status == REDUX_OK && *text == NULL)
        status = rdx_fail(REDUX_E_NO_MEMORY, "no memory for a header");
    return status;
}

static redux_status to_stream(const void *bytes, size_t size, void *user)
{
    fwrite(bytes, 1, size, user); /* the commit of the file reports failures */
    return REDUX_OK;
}

static redux_status write_file(const char *path, redux_context *context, const char *header,
                               const rdx_named_tensor *entries, int64_t count)
{
    const size_t length = strlen(header), padding = (8 - length % 8) % 8;
    const uint64_t whole = length + padding;
    unsigned char prelude[PRELUDE];
    rdx_file file;
    RDX_TRY(rdx_file_begin(&file, context, path, REDUX_MARK_SAFETENSORS));
    for (int i = 0; i < PRELUDE; i++)
        prelude[i] = (unsigned char)(whole >> (8 * i) & 255);
    fwrite(prelude, 1, PRELUDE, file.stream);
    fwrite(header, 1, length, file.stream);
    fwrite("       ", 1, padding, file.stream);
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        status = rdx_npy_elements(context, &entries[i].tensor, to_stream, file.stream);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}

redux_status rdx_safetensors_content_read(redux_safetensors_content *known,
                                          const redux_safetensors_content *given)
{
    *known = (redux_safetensors_content)REDUX_SAFETENSORS_CONTENT_INIT;
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_safetensors_content"));
    if (known->count < 0 || known->pair_count < 0 ||
        (known->count > 0 && (known->names == NULL || known->tensors == NULL)) ||
        (known->pair_count > 0 && (known->keys == NULL || known->values == NULL)))
        return rdx_fail(REDUX_E_INVALID, "redux_safetensors_content: a list is missing");
    return REDUX_OK;
}

redux_status redux_safetensors_save(const char *path, redux_context *context,
                                    const redux_safetensors_content *content)
{
    redux_safetensors_content known;
    char *header = NULL;
    void *block;
    if (path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_safetensors_save: path is NULL");
    RDX_TRY(rdx_safetensors_content_read(&known, content));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)known.count, sizeof(rdx_named_tensor)));
    rdx_named_tensor *entries = block;
    json_t *metadata = json_object();
    redux_status status = arrange(entries, &known);
    if (status == REDUX_OK)
        status = make_metadata(metadata, &known);
    if (status == REDUX_OK)
        status = add_checksum(metadata, context, entries, known.count);
    if (status == REDUX_OK)
        status = make_header(&header, entries, known.count, metadata);
    if (status == REDUX_OK)
        status = write_file(path, context, header, entries, known.count);
    free(header);
    json_decref(metadata);
    rdx_free(entries);
    return status;
}
