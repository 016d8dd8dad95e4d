/* SPDX-License-Identifier: MIT
 * NumPy's .npz archives: ZIP files of .npy members, through minizip. */
#include <errno.h>
#include <string.h>
#include <zip.h>
#include <redux/array.h>
#include "archive.h"
#include "format.h"
#include "table.h"

#define SUFFIX ".npy"
#define UTF8_FLAG (1U << 11)
#define ENCRYPTED_FLAG 1U
#define DOS_DATE 0x210000 /* 1980-01-01: the same arrays give the same bytes */
#define COMPRESSION_LEVEL 6
#define MEMORY_LEVEL 8
#define PIECE ((size_t)1 << 30)

/* ---- reading ---- */

/* Reads the entry of the current member. *array: whether it is an .npy file. */
static redux_status read_entry(rdx_archive *a, bool *array)
{
    RDX_TRY(rdx_archive_entry(a));
    const size_t length = strlen(a->name), end = strlen(SUFFIX);
    *array = a->info.size_filename < sizeof a->name && length > end &&
             strcmp(a->name + length - end, SUFFIX) == 0;
    if (*array)
        snprintf(a->label, sizeof a->label, "%s:%.*s", a->path, (int)(length - end), a->name);
    return REDUX_OK;
}

/* The array's header, from the start of the member. */
static redux_status read_npy_header(rdx_archive *a, rdx_npy *out)
{
    unsigned char prelude[RDX_NPY_PRELUDE];
    uint64_t whole = 0;
    void *header;
    RDX_TRY(rdx_archive_read(a, prelude, sizeof prelude));
    RDX_TRY(rdx_npy_header_size(&whole, prelude, sizeof prelude, a->label));
    whole = RDX_MAX(whole, sizeof prelude); /* the prelude may be longer than an empty header */
    RDX_TRY(rdx_alloc(a->context, &header, whole, 1));
    memcpy(header, prelude, sizeof prelude);
    redux_status status =
        rdx_archive_read(a, (char *)header + sizeof prelude, whole - sizeof prelude);
    if (status == REDUX_OK)
        status = rdx_npy_parse(out, header, (size_t)whole, a->label);
    rdx_free(header);
    if (status == REDUX_OK && out->offset + out->bytes != a->info.uncompressed_size)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: is damaged: it has %llu bytes, its header calls for %llu", a->label,
                        (unsigned long long)a->info.uncompressed_size,
                        (unsigned long long)(out->offset + out->bytes));
    return status;
}

/* The header of the current member, an array. */
static redux_status read_member(rdx_archive *a, rdx_npz_member *out)
{
    unz64_file_pos position;
    memset(out, 0, sizeof *out);
    if (unzGetFilePos64(a->zip, &position) != UNZ_OK)
        return rdx_archive_damaged(a, "its directory cannot be read");
    out->position = position.pos_in_zip_directory;
    out->number = position.num_of_file;
    RDX_TRY(rdx_archive_open_member(a));
    const redux_status status = read_npy_header(a, &out->npy);
    unzCloseCurrentFile(a->zip);
    return status;
}

static redux_status visit_all(rdx_archive *a, rdx_npz_visit_fn visit, void *user)
{
    int code = unzGoToFirstFile(a->zip);
    for (; code == UNZ_OK; code = unzGoToNextFile(a->zip)) {
        rdx_npz_member member;
        bool array;
        RDX_TRY(read_entry(a, &array));
        if (!array)
            continue;
        const redux_status status = read_member(a, &member);
        if (status == REDUX_E_UNSUPPORTED && (a->info.flag & ENCRYPTED_FLAG) == 0 &&
            (a->info.compression_method == 0 || a->info.compression_method == Z_DEFLATED))
            continue; /* strings, objects, complex numbers */
        RDX_TRY(status);
        a->name[strlen(a->name) - strlen(SUFFIX)] = '\0';
        RDX_TRY(visit(a->name, &member, user));
    }
    if (code == UNZ_END_OF_LIST_OF_FILE)
        return REDUX_OK;
    return rdx_archive_damaged(a, "its directory cannot be read");
}

redux_status rdx_npz_visit(redux_context *context, const char *path, rdx_npz_visit_fn visit,
                           void *user)
{
    rdx_archive *a;
    RDX_TRY(rdx_archive_new(&a, context, path));
    const redux_status status = visit_all(a, visit, user);
    rdx_archive_free(a);
    return status;
}

/* Makes the member with that key the current one. */
static redux_status locate(rdx_archive *a, const char *key, rdx_npz_member *out)
{
    bool array;
    const size_t length = strlen(key);
    snprintf(a->label, sizeof a->label, "%s:%s", a->path, key);
    for (int code = unzGoToFirstFile(a->zip); code == UNZ_OK; code = unzGoToNextFile(a->zip)) {
        RDX_TRY(read_entry(a, &array));
        if (array && strlen(a->name) == length + strlen(SUFFIX) &&
            memcmp(a->name, key, length) == 0)
            return read_member(a, out);
    }
    return rdx_fail(REDUX_E_NOT_FOUND, "%s: holds no array named '%s'", a->path, key);
}

redux_status rdx_npz_find(rdx_npz_member *out, redux_context *context, const char *path,
                          const char *key)
{
    rdx_archive *a;
    RDX_TRY(rdx_archive_new(&a, context, path));
    const redux_status status = locate(a, key, out);
    rdx_archive_free(a);
    return status;
}

/* Reads the elements of the current member, and the rest up to its checksum. */
static redux_status read_elements(rdx_archive *a, void *block, const rdx_npy *expected)
{
    rdx_npy npy;
    RDX_TRY(rdx_archive_open_member(a));
    redux_status status = read_npy_header(a, &npy);
    if (status == REDUX_OK && !rdx_npy_same(&npy, expected))
        status = rdx_fail(REDUX_E_FORMAT, "%s: has changed since it was found", a->label);
    if (status == REDUX_OK)
        status = rdx_archive_read(a, block, npy.bytes);
    return rdx_archive_finish_member(a, status);
}

static redux_status load(redux_tensor *out, rdx_archive *a, const rdx_npz_member *member)
{
    void *block;
    redux_status status = rdx_alloc(a->context, &block, member->npy.bytes, 1);
    if (status == REDUX_E_LIMIT)
        return rdx_fail(status, "%s: its %llu bytes are more than the limit", a->label,
                        (unsigned long long)member->npy.bytes);
    if (status == REDUX_OK)
        status = read_elements(a, block, &member->npy);
    if (status == REDUX_OK)
        status = rdx_npy_adopt(out, a->context, &member->npy, block);
    if (status != REDUX_OK)
        rdx_free(block);
    return status;
}

static redux_status load_at(redux_tensor *out, rdx_archive *a, const char *key,
                            const rdx_npz_member *member)
{
    const unz64_file_pos position = {member->position, member->number};
    bool array = false;
    const size_t length = strlen(key);
    if (unzGoToFilePos64(a->zip, &position) != UNZ_OK)
        return rdx_fail(REDUX_E_FORMAT, "%s: has changed since it was found", a->path);
    RDX_TRY(read_entry(a, &array));
    if (!array || strlen(a->name) != length + strlen(SUFFIX) || memcmp(a->name, key, length) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: has changed since it was found", a->path);
    return load(out, a, member);
}

redux_status rdx_npz_load(redux_tensor *out, redux_context *context, const char *path,
                          const char *key, const rdx_npz_member *member)
{
    rdx_archive *a;
    RDX_TRY(rdx_archive_new(&a, context, path));
    const redux_status status = load_at(out, a, key, member);
    rdx_archive_free(a);
    return status;
}

redux_status redux_npz_read(redux_tensor *out, redux_context *context, const char *path,
                            const char *key)
{
    rdx_archive *a;
    rdx_npz_member member;
    if (out == NULL || path == NULL || key == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_npz_read: an argument is NULL");
    RDX_TRY(rdx_archive_new(&a, context, path));
    redux_status status = locate(a, key, &member);
    if (status == REDUX_OK)
        status = load(out, a, &member);
    rdx_archive_free(a);
    return status;
}

/* ---- writing ---- */

static redux_status check_key(const char *key, const char *path)
{
    const char *part = key;
    if (key == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s: a key is NULL", path == NULL ? "" : path);
    if (strlen(key) + strlen(SUFFIX) >= RDX_MEMBER_NAME)
        return rdx_fail(REDUX_E_INVALID, "%s: a key is longer than %d bytes", path,
                        RDX_MEMBER_NAME);
    for (;;) {
        const size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.') || strchr(key, '\\') != NULL)
            return rdx_fail(REDUX_E_INVALID, "%s: '%s' is not a valid key", path, key);
        if (part[length] == '\0')
            return REDUX_OK;
        part += length + 1;
    }
}

typedef struct writer {
    zipFile zip;
    FILE *stream;
    const char *path;
} writer;

static redux_status write_failure(const writer *w, int code)
{
    if (code == Z_MEM_ERROR || code == ZIP_INTERNALERROR)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to write it", w->path);
    /* A full disk has its own message, from the commit of the file. */
    return ferror(w->stream) != 0 ? REDUX_OK
                                  : rdx_fail(REDUX_E_IO, "%s: could not be archived", w->path);
}

static redux_status to_archive(const void *bytes, size_t size, void *user)
{
    const writer *w = user;
    for (size_t done = 0; done < size;) {
        const size_t piece = RDX_MIN(size - done, PIECE);
        const int code = zipWriteInFileInZip(w->zip, (const char *)bytes + done, (unsigned)piece);
        if (code != ZIP_OK)
            return write_failure(w, code);
        done += piece;
    }
    return REDUX_OK;
}

static redux_status write_array(writer *w, redux_context *context, const char *key,
                                const redux_tensor *array)
{
    char name[RDX_MEMBER_NAME];
    zip_fileinfo info;
    char *header;
    size_t size;
    unsigned long flags = 0;
    for (const char *c = key; *c != '\0'; c++)
        if ((unsigned char)*c > 127)
            flags = UTF8_FLAG;
    memset(&info, 0, sizeof info);
    info.dosDate = DOS_DATE;
    snprintf(name, sizeof name, "%s%s", key, SUFFIX);
    RDX_TRY(rdx_npy_header(&header, &size, context, array, w->path));
    const uint64_t bytes =
        (uint64_t)redux_tensor_elements(array) * redux_dtype_size(array->dtype) + size;
    int code = zipOpenNewFileInZip4_64(w->zip, name, &info, NULL, 0, NULL, 0, NULL, Z_DEFLATED,
                                       COMPRESSION_LEVEL, 0, -MAX_WBITS, MEMORY_LEVEL,
                                       Z_DEFAULT_STRATEGY, NULL, 0, 0, flags, bytes >= 0xff000000);
    redux_status status = code == ZIP_OK ? to_archive(header, size, w) : write_failure(w, code);
    rdx_free(header);
    RDX_TRY(status);
    RDX_TRY(rdx_npy_elements(context, array, to_archive, w));
    code = zipCloseFileInZip(w->zip);
    return code == ZIP_OK ? REDUX_OK : write_failure(w, code);
}

static redux_status write_all(rdx_file *file, redux_context *context, const char *const *keys,
                              const redux_tensor *arrays, int64_t count)
{
    zlib_filefunc64_def functions = rdx_archive_functions(file->stream);
    writer w = {zipOpen2_64(file->path, APPEND_STATUS_CREATE, NULL, &functions), file->stream,
                file->path};
    redux_status status = REDUX_OK;
    if (w.zip == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to write it", file->path);
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        status = write_array(&w, context, keys[i], &arrays[i]);
    const int closed = zipClose(w.zip, NULL);
    if (status == REDUX_OK && closed != ZIP_OK)
        status = write_failure(&w, closed);
    return status;
}

redux_status redux_npz_write(const char *path, redux_context *context, const char *const *keys,
                             const redux_tensor *arrays, int64_t count)
{
    rdx_file file;
    char mark[RDX_MEMBER_NAME] = "PK";
    if (path == NULL || count < 0 || (count > 0 && (keys == NULL || arrays == NULL)))
        return rdx_fail(REDUX_E_INVALID, "redux_npz_write: an argument is NULL");
    for (int64_t i = 0; i < count; i++) {
        RDX_TRY(check_key(keys[i], path));
        for (int64_t j = 0; j < i; j++)
            if (strcmp(keys[i], keys[j]) == 0)
                return rdx_fail(REDUX_E_INVALID, "%s: the key '%s' is given twice", path, keys[i]);
    }
    if (count > 0) /* the first member's name follows the first local header */
        snprintf(mark, sizeof mark, "%s" SUFFIX, keys[0]);
    RDX_TRY(rdx_file_begin(&file, context, path, mark));
    const redux_status status = write_all(&file, context, keys, arrays, count);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}

/* ---- as volumes ---- */

/* FILE:KEY */
static redux_status name_member(rdx_found *found, redux_context *context, const char *path,
                                const char *key)
{
    const size_t size = strlen(path) + strlen(key) + 2;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    found->source = block;
    snprintf(found->source, size, "%s:%s", path, key);
    return REDUX_OK;
}

static redux_status describe_member(rdx_found *found, redux_context *context, const char *path,
                                    const char *key, const rdx_npz_member *member)
{
    struct stat file;
    void *block;
    RDX_TRY(rdx_strdup(context, &found->file, path));
    RDX_TRY(rdx_strdup(context, &found->key, key));
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof *member));
    memcpy(block, member, sizeof *member);
    found->header = block;
    RDX_TRY(rdx_npy_describe(found, &member->npy));
    if (!rdx_bytes_allowed(context, member->npy.bytes, 1))
        return rdx_fail(REDUX_E_LIMIT, "%s: its %llu bytes are more than the limit", found->source,
                        (unsigned long long)member->npy.bytes);
    if (stat(path, &file) != 0)
        return rdx_fail_errno(path, "cannot be read", errno);
    found->bytes = (uint64_t)file.st_size;
    return REDUX_OK;
}

static redux_status add_member(const rdx_finds *finds, const char *path, const char *key,
                               const rdx_npz_member *member)
{
    rdx_found found = {.format = &rdx_format_npz};
    redux_status status = name_member(&found, finds->context, path, key);
    if (status == REDUX_OK && finds->excludes(finds->user, found.source)) {
        rdx_found_clear(&found);
        return REDUX_OK;
    }
    if (status == REDUX_OK && rdx_npy_is_stack(&member->npy) && member->npy.ndim == 4 &&
        member->npy.shape[3] > 1)
        rdx_log(finds->context, REDUX_LOG_INFO, "%s: is read as %lld slices in colour",
                found.source, (long long)member->npy.shape[0]);
    if (status == REDUX_OK)
        status = describe_member(&found, finds->context, path, key, member);
    if (status == REDUX_OK)
        return finds->add(&found, finds->user);
    rdx_found_clear(&found);
    return status;
}

/* Selects the arrays of an archive that are pictures: stacks if there are any, else single ones.
 * Beside stacks, a 2-D array is a table (MedMNIST keeps its labels as (N, 1)). */
typedef struct selection {
    const rdx_finds *finds;
    const char *path;
    bool stacks; /* the first pass counts stacks, the second hands arrays over */
    int64_t added, tables;
    bool adding;
} selection;

/* Whether a 2-D array has the sides and the type of a slice rather than of a table (labels,
 * features, measurements). */
static bool may_be_slice(const rdx_npy *npy)
{
    const int64_t a = RDX_MIN(npy->shape[0], npy->shape[1]),
                  b = RDX_MAX(npy->shape[0], npy->shape[1]);
    const bool is_stored = npy->dtype == REDUX_UINT8 || npy->dtype == REDUX_UINT16 ||
                           npy->dtype == REDUX_INT16 || npy->dtype == REDUX_BOOL;
    return npy->ndim == 2 && a >= 16 && (is_stored ? b <= 4 * a : 2 * b <= 3 * a);
}

static redux_status visit_member(const char *key, const rdx_npz_member *member, void *user)
{
    selection *s = user;
    const bool volumes = rdx_npz_holds_volumes(&member->npy);
    const bool stack = volumes || rdx_npy_is_stack(&member->npy);
    char source[1024];
    if (!s->adding) {
        s->stacks |= stack;
        return REDUX_OK;
    }
    snprintf(source, sizeof source, "%s:%s", s->path, key);
    if (s->stacks ? !stack : !may_be_slice(&member->npy)) {
        s->tables += member->npy.ndim == 2;
        return s->finds->pass_over(s->finds->user, source,
                                   "arrays of archives that are tables, by their shape and type");
    }
    s->added++;
    const redux_status status = volumes ? rdx_npz_add_volumes(s->finds, s->path, key, -1, member)
                                        : add_member(s->finds, s->path, key, member);
    return status == REDUX_OK ? status : s->finds->settle(s->finds->user, source, status);
}

/* KEY, or KEY[I] of an array of volumes. */
static redux_status probe_key(const rdx_finds *finds, const char *path, const char *key)
{
    const size_t length = strlen(key);
    const char *bracket = strrchr(key, '[');
    rdx_npz_member member;
    int64_t index = -1;
    redux_status status = rdx_npz_find(&member, finds->context, path, key);
    if (status == REDUX_OK && !rdx_npz_holds_volumes(&member.npy))
        return add_member(finds, path, key, &member);
    if (status == REDUX_OK)
        return rdx_npz_add_volumes(finds, path, key, -1, &member);
    char name[RDX_MEMBER_NAME];
    if (status != REDUX_E_NOT_FOUND || bracket == NULL || key[length - 1] != ']' ||
        length >= sizeof name)
        return status;
    snprintf(name, sizeof name, "%s", bracket + 1);
    name[strlen(name) - 1] = '\0';
    if (!rdx_whole_number(&index, name) || index < 0)
        return status;
    snprintf(name, sizeof name, "%.*s", (int)(bracket - key), key);
    RDX_TRY(rdx_npz_find(&member, finds->context, path, name));
    if (!rdx_npz_holds_volumes(&member.npy))
        return rdx_fail(REDUX_E_NOT_FOUND, "%s:%s is no array of volumes, (N, D, H, W)", path,
                        name);
    return rdx_npz_add_volumes(finds, path, name, index, &member);
}

static redux_status probe_npz(const rdx_finds *finds, const char *path, const char *key)
{
    selection s = {.finds = finds, .path = path};
    if (key != NULL)
        return probe_key(finds, path, key);
    RDX_TRY(rdx_npz_visit(finds->context, path, visit_member, &s));
    s.adding = true;
    RDX_TRY(rdx_npz_visit(finds->context, path, visit_member, &s));
    if (s.added == 0 && s.tables > 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its arrays are tables, by their shape and type: name %s:KEY to read "
                        "one as a slice",
                        path, path);
    if (s.added == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: holds no array of shape (H, W), (N, H, W), (N, H, W, 3 or 4) or "
                        "(N, D, H, W)",
                        path);
    return REDUX_OK;
}

static redux_status load_npz(redux_tensor *out, redux_context *context, const rdx_found *found,
                             int64_t frame)
{
    (void)frame;
    RDX_TRY(rdx_npz_load(out, context, found->file, found->key, found->header));
    rdx_npy_as_stack(out);
    return REDUX_OK;
}

const rdx_format rdx_format_npz = {
    .name = "npz",
    .suffixes = {".npz"},
    .unit = RDX_UNIT_VOLUME,
    .probe = probe_npz,
    .load = load_npz,
    .key_suffix = ".npz",
};
