/* SPDX-License-Identifier: MIT
 * The files of torch.save since PyTorch 1.6: a ZIP archive with data.pkl, a pickle in which tensors
 * name their storages, and one member for each storage (torch/serialization.py, torch/_utils.py).
 * Dicts are walked and give the tensors their names, joined by dots. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "archive.h"
#include "pickle.h"
#include "safetensors.h"

#define PICKLE_MAX (64u << 20)
#define DEPTH_MAX 16
#define VISITS_MAX                                                                                 \
    4 /* of each value: dicts may be shared, so that a small file could unfold to any size */
#define NAME_BYTES 512
#define KEY_BYTES 64
#define COPIES_MAX 4 /* times the file's size: strides of 0 repeat an element */

static const char save_again[] =
    "save the weights alone in Python: torch.save(model.state_dict(), FILE)";

typedef struct torch_storage {
    char key[KEY_BYTES]; /* the member's name in data/ */
    redux_dtype dtype;
    int64_t elements;
    redux_storage *memory; /* NULL: not read yet */
    void *data;
} torch_storage;

/* A tensor by its pickle: a view into a storage. */
typedef struct torch_view {
    uint64_t name; /* in the names */
    torch_storage storage;
    int64_t offset;
    redux_tensor tensor; /* shape and strides */
} torch_view;

typedef struct torch_foreign {
    uint64_t name, made_by; /* in the names */
} torch_foreign;

typedef struct torch_reader {
    redux_safetensors *file;
    redux_context *context;
    rdx_archive *archive;
    const char *path;
    unsigned char *bytes; /* of the pickle */
    rdx_pickle pickle;
    size_t root;    /* the length of what is before "data.pkl" in a member's name */
    bool swapped;   /* elements are of the other byte order */
    bool is_script; /* TorchScript: holds code */
    uint64_t size;  /* of the file */
    char *names;    /* one after the other */
    int64_t name_bytes, name_capacity;
    torch_view *views;
    int64_t view_count, view_capacity;
    torch_foreign *foreign;
    int64_t foreign_count, foreign_capacity;
    torch_storage *storages; /* by key */
    int64_t storage_count;
    int64_t steps;
} torch_reader;

bool rdx_torch_file_is(const unsigned char *bytes, size_t size)
{
    /* A safetensors file may begin with any length, but then with a brace. */
    return size > 8 && memcmp(bytes, "PK\3\4", 4) == 0 && bytes[8] != '{';
}

/* ---- the archive's directory, and the pickle ---- */

static bool ends_in_member(const char *name, const char *member)
{
    const size_t length = strlen(name), end = strlen(member);
    return length >= end && strcmp(name + length - end, member) == 0 &&
           (length == end || name[length - end - 1] == '/');
}

/* Reads the current member whole; the caller frees *out. */
static redux_status read_member(unsigned char **out, rdx_archive *a, redux_context *context,
                                uint64_t limit)
{
    const uint64_t size = a->info.uncompressed_size;
    void *block;
    if (size > limit)
        return rdx_fail(REDUX_E_LIMIT, "%s: its %llu bytes are more than the limit", a->label,
                        (unsigned long long)size);
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    redux_status status = rdx_archive_open_member(a);
    if (status == REDUX_OK)
        status = rdx_archive_finish_member(a, rdx_archive_read(a, block, size));
    if (status != REDUX_OK) {
        rdx_free(block);
        return status;
    }
    *out = block;
    return REDUX_OK;
}

static redux_status read_byte_order(torch_reader *r)
{
    unsigned char *text;
    RDX_TRY(read_member(&text, r->archive, r->context, KEY_BYTES));
    const bool is_big = r->archive->info.uncompressed_size >= 3 && memcmp(text, "big", 3) == 0;
    rdx_free(text);
    r->swapped = is_big != RDX_BIG_ENDIAN;
    return REDUX_OK;
}

static redux_status look_at_member(torch_reader *r)
{
    rdx_archive *a = r->archive;
    snprintf(a->label, sizeof a->label, "%s: %s", r->path, a->name);
    if (ends_in_member(a->name, "byteorder"))
        return read_byte_order(r);
    r->is_script |= ends_in_member(a->name, "constants.pkl");
    if (!ends_in_member(a->name, "data.pkl") || r->bytes != NULL)
        return REDUX_OK;
    r->root = strlen(a->name) - strlen("data.pkl");
    RDX_TRY(read_member(&r->bytes, a, r->context, PICKLE_MAX));
    return rdx_pickle_parse(&r->pickle, r->context, r->bytes, (size_t)a->info.uncompressed_size,
                            a->label);
}

/* Calls `visit` for each member. */
static redux_status each_member(torch_reader *r, redux_status (*visit)(torch_reader *r))
{
    rdx_archive *a = r->archive;
    int code = unzGoToFirstFile(a->zip);
    for (; code == UNZ_OK; code = unzGoToNextFile(a->zip)) {
        RDX_TRY(rdx_archive_entry(a));
        RDX_TRY(visit(r));
    }
    return code == UNZ_END_OF_LIST_OF_FILE ? REDUX_OK
                                           : rdx_archive_damaged(a, "its directory cannot be read");
}

static redux_status read_pickle(torch_reader *r)
{
    RDX_TRY(each_member(r, look_at_member));
    if (r->bytes == NULL)
        return rdx_fail(
            REDUX_E_FORMAT,
            "%s: is a ZIP archive without data.pkl, so that torch.save did not write it", r->path);
    if (r->is_script)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is TorchScript, a program, which is not run: save its weights in "
                        "Python: torch.save(torch.jit.load(FILE).state_dict(), OTHER)",
                        r->path);
    return REDUX_OK;
}

/* ---- tensors in the pickle ---- */

static const struct {
    const char *storage, *name;
    redux_dtype dtype;
} types[] = {
    {"FloatStorage", "float32", REDUX_FLOAT32}, {"DoubleStorage", "float64", REDUX_FLOAT64},
    {"HalfStorage", "float16", REDUX_FLOAT16},  {"BFloat16Storage", "bfloat16", REDUX_BFLOAT16},
    {"LongStorage", "int64", REDUX_INT64},      {"IntStorage", "int32", REDUX_INT32},
    {"ShortStorage", "int16", REDUX_INT16},     {"CharStorage", "int8", REDUX_INT8},
    {"ByteStorage", "uint8", REDUX_UINT8},      {"BoolStorage", "bool", REDUX_BOOL},
    {"UInt64Storage", "uint64", REDUX_UINT64},  {"UInt32Storage", "uint32", REDUX_UINT32},
    {"UInt16Storage", "uint16", REDUX_UINT16},
};

/* Of a storage's class, or of a torch.dtype. */
static bool read_type(redux_dtype *out, const rdx_pickle *p, int32_t value)
{
    for (int i = 0; i < (int)RDX_COUNT(types); i++)
        if (rdx_pickle_is_global(p, value, "torch", types[i].storage) ||
            rdx_pickle_is_global(p, value, "torch", types[i].name)) {
            *out = types[i].dtype;
            return true;
        }
    return false;
}

static bool read_integer(int64_t *out, const rdx_pickle *p, int32_t value)
{
    const rdx_pickle_value *v = rdx_pickle_at(p, value);
    *out = v->as.integer;
    return v->kind == RDX_PICKLE_INTEGER && v->as.integer >= 0;
}

/* ("storage", class, key, location, count). `dtype`: of the tensor, where the storage has none; -1:
 * it has one. */
static bool read_storage(torch_storage *out, const rdx_pickle *p, int32_t value, int32_t dtype)
{
    const int32_t id = rdx_pickle_item_of(p, value, 0), type = rdx_pickle_item_of(p, id, 1);
    const rdx_pickle_value *key = rdx_pickle_at(p, rdx_pickle_item_of(p, id, 2));
    memset(out, 0, sizeof *out);
    if (rdx_pickle_at(p, value)->kind != RDX_PICKLE_PERSISTENT ||
        !rdx_pickle_is_text(p, rdx_pickle_item_of(p, id, 0), "storage") ||
        key->kind != RDX_PICKLE_TEXT || key->count >= KEY_BYTES ||
        !read_integer(&out->elements, p, rdx_pickle_item_of(p, id, 4)))
        return false;
    memcpy(out->key, key->as.text, (size_t)key->count);
    if (dtype < 0)
        return read_type(&out->dtype, p, type);
    const bool is_untyped = rdx_pickle_is_global(p, type, "torch.storage", "UntypedStorage") &&
                            read_type(&out->dtype, p, dtype);
    if (is_untyped)
        out->elements /= (int64_t)redux_dtype_size(out->dtype);
    return is_untyped;
}

static bool read_lengths(int64_t *out, int32_t *count, const rdx_pickle *p, int32_t value)
{
    const rdx_pickle_value *v = rdx_pickle_at(p, value);
    if (v->kind != RDX_PICKLE_TUPLE || v->count > REDUX_MAX_DIMS)
        return false;
    *count = v->count;
    for (int i = 0; i < v->count; i++)
        if (!read_integer(&out[i], p, rdx_pickle_item_of(p, value, i)))
            return false;
    return true;
}

/* The arguments of _rebuild_tensor (4), _v2 (6, and metadata where there are any), and _v3 (7, of
 * which the last is the dtype, and metadata). */
static bool read_view(torch_view *out, const rdx_pickle *p, int32_t arguments, int metadata)
{
    int32_t strides = 0;
    const int32_t dtype = metadata == 7 ? rdx_pickle_item_of(p, arguments, 6) : -1;
    const rdx_pickle_value *about = rdx_pickle_at(p, rdx_pickle_item_of(p, arguments, metadata));
    *out = (torch_view){.tensor = REDUX_TENSOR_INIT};
    return read_storage(&out->storage, p, rdx_pickle_item_of(p, arguments, 0), dtype) &&
           read_integer(&out->offset, p, rdx_pickle_item_of(p, arguments, 1)) &&
           read_lengths(out->tensor.shape, &out->tensor.ndim, p,
                        rdx_pickle_item_of(p, arguments, 2)) &&
           read_lengths(out->tensor.strides, &strides, p, rdx_pickle_item_of(p, arguments, 3)) &&
           strides == out->tensor.ndim && about->count == 0; /* a flag: "neg", "conj" */
}

/* A call that makes a tensor; false: it makes something else, or one that is not read. */
static bool read_tensor(torch_view *out, const rdx_pickle *p, int32_t value, int depth)
{
    const rdx_pickle_value *v = rdx_pickle_at(p, value);
    if (v->kind != RDX_PICKLE_CALL || depth > 2)
        return false;
    const int32_t callee = v->as.call.callee, arguments = v->as.call.arguments;
    if (rdx_pickle_is_global(p, callee, "torch._utils", "_rebuild_tensor_v2") ||
        rdx_pickle_is_global(p, callee, "torch._utils", "_rebuild_tensor"))
        return read_view(out, p, arguments, 6);
    if (rdx_pickle_is_global(p, callee, "torch._utils", "_rebuild_tensor_v3"))
        return read_view(out, p, arguments, 7);
    if (rdx_pickle_is_global(p, callee, "torch._utils", "_rebuild_parameter") ||
        rdx_pickle_is_global(p, callee, "torch._utils", "_rebuild_parameter_with_state"))
        return read_tensor(out, p, rdx_pickle_item_of(p, arguments, 0), depth + 1);
    /* A tensor with attributes: function, type, arguments, state. */
    return rdx_pickle_is_global(p, callee, "torch._tensor", "_rebuild_from_type_v2") &&
           rdx_pickle_is_global(p, rdx_pickle_item_of(p, arguments, 0), "torch._utils",
                                "_rebuild_tensor_v2") &&
           rdx_pickle_is_global(p, rdx_pickle_item_of(p, arguments, 1), "torch", "Tensor") &&
           read_view(out, p, rdx_pickle_item_of(p, arguments, 2), 6);
}

/* ---- dicts of dicts become names ---- */

static redux_status keep_name(uint64_t *out, torch_reader *r, const char *name)
{
    const int64_t length = (int64_t)strlen(name) + 1;
    void *block = r->names;
    RDX_TRY(
        rdx_grow(r->context, &block, &r->name_capacity, r->name_bytes, r->name_bytes + length, 1));
    r->names = block;
    memcpy(r->names + r->name_bytes, name, (size_t)length);
    *out = (uint64_t)r->name_bytes;
    r->name_bytes += length;
    return REDUX_OK;
}

static redux_status keep_view(torch_reader *r, const torch_view *view, const char *name)
{
    void *block = r->views;
    RDX_TRY(rdx_grow(r->context, &block, &r->view_capacity, r->view_count, r->view_count + 1,
                     sizeof *r->views));
    r->views = block;
    r->views[r->view_count] = *view;
    return keep_name(&r->views[r->view_count++].name, r, name);
}

static redux_status keep_foreign(torch_reader *r, int32_t value, const char *name)
{
    char made_by[NAME_BYTES];
    void *block = r->foreign;
    RDX_TRY(rdx_grow(r->context, &block, &r->foreign_capacity, r->foreign_count,
                     r->foreign_count + 1, sizeof *r->foreign));
    r->foreign = block;
    rdx_pickle_describe(made_by, sizeof made_by, &r->pickle, value);
    torch_foreign *foreign = &r->foreign[r->foreign_count++];
    RDX_TRY(keep_name(&foreign->name, r, name));
    return keep_name(&foreign->made_by, r, made_by);
}

static bool is_dict(const rdx_pickle *p, int32_t value)
{
    const rdx_pickle_value *v = rdx_pickle_at(p, value);
    const int32_t callee = v->kind == RDX_PICKLE_CALL ? v->as.call.callee : -1;
    return v->kind == RDX_PICKLE_DICT ||
           rdx_pickle_is_global(p, callee, "collections", "OrderedDict") ||
           rdx_pickle_is_global(p, callee, "collections", "defaultdict");
}

/* PREFIX.KEY; false: a key that is no name, or a name that is too long. */
static bool join_name(char *name, size_t length, const rdx_pickle *p, int32_t key)
{
    const rdx_pickle_value *v = rdx_pickle_at(p, key);
    if (v->kind == RDX_PICKLE_TEXT && memchr(v->as.text, 0, (size_t)v->count) != NULL)
        return false;
    const size_t room = NAME_BYTES - length;
    int count = -1;
    if (v->kind == RDX_PICKLE_TEXT)
        count = snprintf(name + length, room, "%s%.*s", length > 0 ? "." : "", v->count,
                         (const char *)v->as.text);
    else if (v->kind == RDX_PICKLE_INTEGER)
        count = snprintf(name + length, room, "%s%lld", length > 0 ? "." : "",
                         (long long)v->as.integer);
    return count >= 0 && (size_t)count < room;
}

static redux_status walk(torch_reader *r, int32_t value, char *name, int depth)
{
    const rdx_pickle *p = &r->pickle;
    torch_view view;
    const size_t length = strlen(name);
    if (++r->steps > VISITS_MAX * p->value_count || depth > DEPTH_MAX)
        return rdx_fail(REDUX_E_LIMIT, "%s: its dicts hold too much, or each other: %s", r->path,
                        save_again);
    if (read_tensor(&view, p, value, 0))
        return keep_view(r, &view, name);
    if (!is_dict(p, value))
        return rdx_pickle_at(p, value)->kind == RDX_PICKLE_CALL ? keep_foreign(r, value, name)
                                                                : REDUX_OK;
    int32_t cell = rdx_pickle_at(p, value)->first;
    while (cell >= 0 && p->items[cell].next >= 0) {
        const rdx_pickle_item key = p->items[cell], content = p->items[key.next];
        if (join_name(name, length, p, key.value))
            RDX_TRY(walk(r, content.value, name, depth + 1));
        name[length] = '\0';
        cell = content.next;
    }
    return REDUX_OK;
}

static redux_status find_tensors(torch_reader *r)
{
    char name[NAME_BYTES] = "";
    const int32_t root = r->pickle.root;
    torch_view view;
    if (read_tensor(&view, &r->pickle, root, 0))
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: holds a tensor without a name: %s", r->path,
                        save_again);
    if (!is_dict(&r->pickle, root)) {
        char what[NAME_BYTES];
        rdx_pickle_describe(what, sizeof what, &r->pickle, root);
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: holds a pickled %s, not tensors by name, and nothing in it is run: %s",
                        r->path, what, save_again);
    }
    RDX_TRY(walk(r, root, name, 0));
    if (r->view_count > 0)
        return REDUX_OK;
    if (r->foreign_count > 0)
        return rdx_fail(
            REDUX_E_UNSUPPORTED,
            "%s: holds no tensors by name: its '%.80s' is a pickled %.80s, which is not run: %s",
            r->path, r->names + r->foreign[0].name, r->names + r->foreign[0].made_by, save_again);
    return rdx_fail(REDUX_E_FORMAT, "%s: holds no tensors by name: %s", r->path, save_again);
}

/* ---- storages ---- */

static int compare_keys(const void *a, const void *b)
{
    const torch_storage *x = a, *y = b;
    return strcmp(x->key, y->key);
}

/* The storages of all views, each once. Their sizes are believed only as far as the file has bytes.
 */
static redux_status gather_storages(torch_reader *r)
{
    void *block;
    uint64_t bytes = 0;
    RDX_TRY(rdx_alloc(r->context, &block, (uint64_t)r->view_count, sizeof *r->storages));
    torch_storage *all = r->storages = block;
    for (int64_t i = 0; i < r->view_count; i++)
        all[i] = r->views[i].storage;
    qsort(all, (size_t)r->view_count, sizeof *all, compare_keys);
    for (int64_t i = 0; i < r->view_count; i++) {
        torch_storage *last = r->storage_count > 0 ? &all[r->storage_count - 1] : NULL;
        if (last != NULL && strcmp(last->key, all[i].key) == 0) {
            if (last->dtype != all[i].dtype || last->elements != all[i].elements)
                return rdx_fail(REDUX_E_UNSUPPORTED, "%s: storage %s is used as two types: %s",
                                r->path, all[i].key, save_again);
            continue;
        }
        all[r->storage_count++] = all[i];
        const uint64_t size = redux_dtype_size(all[i].dtype);
        if ((uint64_t)all[i].elements > r->size / size ||
            (bytes += (uint64_t)all[i].elements * size) > r->size)
            return rdx_fail(REDUX_E_FORMAT,
                            "%s: is cut short: its tensors need more than its %llu bytes", r->path,
                            (unsigned long long)r->size);
    }
    return rdx_bytes_allowed(r->context, bytes, 1)
               ? REDUX_OK
               : rdx_fail(REDUX_E_LIMIT, "%s: its %llu bytes are more than the limit", r->path,
                          (unsigned long long)bytes);
}

static torch_storage *find_storage(const torch_reader *r, const char *key)
{
    torch_storage wanted = {.dtype = REDUX_UINT8};
    if (strlen(key) >= sizeof wanted.key)
        return NULL;
    memcpy(wanted.key, key, strlen(key) + 1);
    return bsearch(&wanted, r->storages, (size_t)r->storage_count, sizeof wanted, compare_keys);
}

/* Reads the current member if it is a storage that tensors need. */
static redux_status read_storage_member(torch_reader *r)
{
    rdx_archive *a = r->archive;
    if (strlen(a->name) < r->root + 5 || strncmp(a->name + r->root, "data/", 5) != 0)
        return REDUX_OK;
    torch_storage *s = find_storage(r, a->name + r->root + 5);
    if (s == NULL || s->data != NULL)
        return REDUX_OK;
    redux_tensor tensor;
    snprintf(a->label, sizeof a->label, "%s: %s", r->path, a->name);
    const uint64_t size = redux_dtype_size(s->dtype), bytes = (uint64_t)s->elements * size;
    if (a->info.uncompressed_size != bytes)
        return rdx_archive_damaged(a, "it is not as long as its tensors need it");
    RDX_TRY(rdx_tensor_alloc(&tensor, r->context, s->dtype, 1, &s->elements));
    s->memory = tensor.storage;
    s->data = tensor.data;
    RDX_TRY(rdx_archive_open_member(a));
    RDX_TRY(rdx_archive_finish_member(a, rdx_archive_read(a, s->data, bytes)));
    if (r->swapped)
        rdx_swap_bytes(s->data, (uint64_t)s->elements, (size_t)size);
    return REDUX_OK;
}

/* ---- tensors ---- */

/* Whether every element lies within the storage. */
static bool fits(const torch_view *v)
{
    int64_t last = v->offset;
    bool is_empty = false, overflows = false;
    for (int32_t i = 0; i < v->tensor.ndim; i++) {
        int64_t reach;
        is_empty |= v->tensor.shape[i] == 0;
        overflows |= __builtin_mul_overflow(v->tensor.shape[i] - 1, v->tensor.strides[i], &reach) ||
                     __builtin_add_overflow(last, reach, &last);
    }
    return is_empty ? v->offset <= v->storage.elements : !overflows && last < v->storage.elements;
}

/* A tensor as its storage has it, with the storage's type. */
static redux_status borrow(redux_tensor *out, const torch_view *v, const torch_storage *s)
{
    return redux_tensor_borrow(out,
                               (char *)s->data + v->offset * (int64_t)redux_dtype_size(s->dtype),
                               s->dtype, v->tensor.ndim, v->tensor.shape, v->tensor.strides);
}

/* Shares the storage's memory where the elements follow each other, else copies them. */
static redux_status take(redux_tensor *out, torch_reader *r, const torch_view *v, uint64_t *copied)
{
    const torch_storage *s = find_storage(r, v->storage.key);
    const char *name = r->names + v->name;
    redux_tensor view;
    if (s == NULL || s->data == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s: has no data/%s, which holds '%.80s': it is damaged",
                        r->path, v->storage.key, name);
    if (!fits(v))
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: tensor '%.80s' reaches past its storage: the file is damaged", r->path,
                        name);
    RDX_TRY(borrow(&view, v, s));
    if (redux_tensor_is_contiguous(&view) != 0) {
        *out = view;
        out->storage = s->memory;
        rdx_storage_retain(out->storage);
        return REDUX_OK;
    }
    *copied += (uint64_t)redux_tensor_elements(&view) * redux_dtype_size(view.dtype);
    if (*copied / COPIES_MAX > r->size)
        return rdx_fail(REDUX_E_LIMIT, "%s: tensor '%.80s' repeats its elements: %s", r->path, name,
                        save_again);
    RDX_TRY(rdx_tensor_alloc(out, r->context, view.dtype, view.ndim, view.shape));
    return redux_tensor_copy(out, &view);
}

static int compare_names(const void *a, const void *b)
{
    const rdx_named_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* By name: two files of the same tensors are then listed alike. */
static redux_status make_tensors(torch_reader *r)
{
    redux_safetensors *file = r->file;
    uint64_t copied = 0;
    void *block;
    RDX_TRY(rdx_alloc(r->context, &block, (uint64_t)r->view_count, sizeof *file->entries));
    file->entries = block;
    for (int64_t i = 0; i < r->view_count; i++) {
        rdx_named_tensor *e = &file->entries[i];
        *e = (rdx_named_tensor){.name = r->names + r->views[i].name, .tensor = REDUX_TENSOR_INIT};
        file->count = i + 1;
        RDX_TRY(take(&e->tensor, r, &r->views[i], &copied));
    }
    qsort(file->entries, (size_t)file->count, sizeof *file->entries, compare_names);
    for (int64_t i = 1; i < file->count; i++)
        if (strcmp(file->entries[i - 1].name, file->entries[i].name) == 0)
            return rdx_fail(REDUX_E_FORMAT, "%s: two tensors are named '%.80s'", r->path,
                            file->entries[i].name);
    return REDUX_OK;
}

static redux_status make_foreign(torch_reader *r)
{
    void *block;
    RDX_TRY(rdx_alloc(r->context, &block, (uint64_t)r->foreign_count, sizeof *r->file->foreign));
    r->file->foreign = block;
    r->file->foreign_count = r->foreign_count;
    for (int64_t i = 0; i < r->foreign_count; i++)
        r->file->foreign[i] =
            (rdx_foreign_value){r->names + r->foreign[i].name, r->names + r->foreign[i].made_by};
    return REDUX_OK;
}

static redux_status read_all(torch_reader *r)
{
    RDX_TRY(read_pickle(r));
    RDX_TRY(find_tensors(r));
    RDX_TRY(gather_storages(r));
    RDX_TRY(each_member(r, read_storage_member));
    r->file->names = r->names; /* entries point into it from here on */
    RDX_TRY(make_tensors(r));
    RDX_TRY(make_foreign(r));
    rdx_log(r->context, REDUX_LOG_INFO,
            "%s: torch.save's file: %lld tensors, %lld other objects, which are not read", r->path,
            (long long)r->view_count, (long long)r->foreign_count);
    return REDUX_OK;
}

redux_status rdx_torch_file_read(redux_safetensors *file, redux_context *context, const char *path)
{
    torch_reader r = {.file = file,
                      .context = context,
                      .path = path,
                      .pickle = {.root = -1},
                      .swapped = RDX_BIG_ENDIAN};
    RDX_TRY(rdx_archive_new(&r.archive, context, path));
    fseeko(r.archive->stream, 0, SEEK_END);
    r.size = (uint64_t)ftello(r.archive->stream);
    const redux_status status = read_all(&r);
    rdx_archive_free(r.archive);
    for (int64_t i = 0; i < r.storage_count; i++)
        rdx_storage_release(r.storages[i].memory);
    rdx_free(r.storages);
    rdx_free(r.views);
    rdx_free(r.foreign);
    if (file->names == NULL)
        rdx_free(r.names);
    rdx_pickle_free(&r.pickle);
    rdx_free(r.bytes);
    return status;
}
