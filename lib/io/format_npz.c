/* SPDX-License-Identifier: MIT
 * NumPy's .npz archives: ZIP files of .npy members, through minizip. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <unzip.h>
#include <zip.h>
#include <redux/array.h>
#include "format.h"

#define SUFFIX ".npy"
#define NAME_MAX_BYTES 4096
#define RATIO 1032 /* the limit of deflate (RFC 1951) */
#define SLACK 65536
#define UTF8_FLAG (1U << 11)
#define ENCRYPTED_FLAG 1U
#define DOS_DATE 0x210000 /* 1980-01-01: the same arrays give the same bytes */
#define COMPRESSION_LEVEL 6
#define MEMORY_LEVEL 8
#define PIECE ((size_t)1 << 30)

/* ---- minizip on streams that are open already ---- */

static voidpf stream_open(voidpf opaque, const void *name, int mode)
{
    (void)name;
    (void)mode;
    return opaque;
}

static uLong stream_read(voidpf opaque, voidpf stream, void *out, uLong size)
{
    (void)opaque;
    return (uLong)fread(out, 1, size, stream);
}

static uLong stream_write(voidpf opaque, voidpf stream, const void *bytes, uLong size)
{
    (void)opaque;
    return (uLong)fwrite(bytes, 1, size, stream);
}

static ZPOS64_T stream_tell(voidpf opaque, voidpf stream)
{
    (void)opaque;
    return (ZPOS64_T)ftello(stream);
}

static long stream_seek(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin)
{
    (void)opaque;
    const int whence = origin == ZLIB_FILEFUNC_SEEK_SET   ? SEEK_SET
                       : origin == ZLIB_FILEFUNC_SEEK_CUR ? SEEK_CUR
                                                          : SEEK_END;
    return fseeko(stream, (off_t)offset, whence);
}

/* Whoever opened the stream closes it. */
static int stream_close(voidpf opaque, voidpf stream)
{
    (void)opaque;
    (void)stream;
    return 0;
}

static int stream_error(voidpf opaque, voidpf stream)
{
    (void)opaque;
    return ferror((FILE *)stream);
}

static zlib_filefunc64_def stream_functions(FILE *stream)
{
    return (zlib_filefunc64_def){stream_open, stream_read,  stream_write, stream_tell,
                                 stream_seek, stream_close, stream_error, stream};
}

/* ---- reading ---- */

typedef struct archive {
    FILE *stream;
    unzFile zip;
    const char *path;
    redux_context *context;
    char name[NAME_MAX_BYTES]; /* of the current member, with ".npy" */
    char label[NAME_MAX_BYTES + 1024];
    unz_file_info64 info;
} archive;

/* minizip reads zeros if the end of central directory (APPNOTE 4.3.16) is cut short, and refuses
 * archives without members, so the record is located first. It ends the file, except for a comment
 * of the length that it states. */
static redux_status check_end(bool *empty, int fd, uint64_t size, redux_context *context,
                              const char *path)
{
    enum { RECORD = 22, COMMENT_MAX = 65535 };
    const uint64_t length = RDX_MIN(size, (uint64_t)(RECORD + COMMENT_MAX));
    size_t count = 0;
    void *block;
    bool found = false;
    RDX_TRY(rdx_alloc(context, &block, length, 1));
    const unsigned char *tail = block;
    const redux_status status = rdx_read_at(fd, path, size - length, block, (size_t)length, &count);
    for (size_t after = RECORD; status == REDUX_OK && !found && after <= count; after++) {
        const unsigned char *record = tail + count - after;
        found = memcmp(record, "PK\5\6", 4) == 0 &&
                (size_t)(record[20] | record[21] << 8) == after - RECORD;
        *empty = record[10] == 0 && record[11] == 0;
    }
    rdx_free(block);
    if (status == REDUX_OK && !found)
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a ZIP archive, or is cut short", path);
    return status;
}

static redux_status archive_open(archive *a, redux_context *context, const char *path)
{
    struct stat status;
    int fd;
    a->path = path;
    a->context = context;
    bool empty = false;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    redux_status result = check_end(&empty, fd, (uint64_t)status.st_size, context, path);
    if (result == REDUX_OK && empty)
        result = rdx_fail(REDUX_E_NOT_FOUND, "%s: holds no arrays", path);
    a->stream = result == REDUX_OK ? fdopen(fd, "rb") : NULL;
    if (a->stream == NULL) {
        close(fd);
        return result != REDUX_OK ? result
                                  : rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", path);
    }
    zlib_filefunc64_def functions = stream_functions(a->stream);
    a->zip = unzOpen2_64(path, &functions);
    if (a->zip == NULL) {
        fclose(a->stream);
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a ZIP archive, or is damaged", path);
    }
    return REDUX_OK;
}

static void archive_close(archive *a)
{
    unzClose(a->zip);
    fclose(a->stream);
}

static redux_status damaged(const archive *a, const char *what)
{
    if (ferror(a->stream) != 0)
        return rdx_fail(REDUX_E_IO, "%s: cannot be read", a->path);
    return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %s", a->label, what);
}

/* Reads the entry of the current member. *array: whether it is an .npy file. */
static redux_status read_entry(archive *a, bool *array)
{
    snprintf(a->label, sizeof a->label, "%s", a->path);
    if (unzGetCurrentFileInfo64(a->zip, &a->info, a->name, sizeof a->name, NULL, 0, NULL, 0) !=
        UNZ_OK)
        return damaged(a, "its directory cannot be read");
    a->name[sizeof a->name - 1] = '\0';
    const size_t length = strlen(a->name), end = strlen(SUFFIX);
    *array = a->info.size_filename < sizeof a->name && length > end &&
             strcmp(a->name + length - end, SUFFIX) == 0;
    if (*array)
        snprintf(a->label, sizeof a->label, "%s:%.*s", a->path, (int)(length - end), a->name);
    return REDUX_OK;
}

static redux_status no_memory(const archive *a)
{
    return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to inflate it", a->label);
}

/* Begins to inflate the current member if its entry is consistent. */
static redux_status open_member(archive *a)
{
    const unz_file_info64 *info = &a->info;
    if ((info->flag & ENCRYPTED_FLAG) != 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is encrypted", a->label);
    if (info->compression_method != 0 && info->compression_method != Z_DEFLATED)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is compressed by method %lu: only stored and "
                        "deflated arrays are read",
                        a->label, info->compression_method);
    if ((info->compression_method == 0 && info->compressed_size != info->uncompressed_size) ||
        info->uncompressed_size / RATIO > info->compressed_size + SLACK)
        return damaged(a, "its sizes contradict each other");
    const int code = unzOpenCurrentFile(a->zip);
    if (code == Z_MEM_ERROR || code == UNZ_INTERNALERROR) /* zlib's and minizip's lack of memory */
        return no_memory(a);
    return code == UNZ_OK ? REDUX_OK : damaged(a, "it cannot be opened");
}

static redux_status read_bytes(archive *a, void *out, uint64_t size)
{
    unsigned char *bytes = out;
    while (size > 0) {
        const int count = unzReadCurrentFile(a->zip, bytes, (unsigned)RDX_MIN(size, PIECE));
        if (count == Z_MEM_ERROR)
            return no_memory(a);
        if (count <= 0)
            return damaged(a, count == 0 ? "it is cut short" : "it cannot be inflated");
        bytes += count;
        size -= (uint64_t)count;
    }
    return REDUX_OK;
}

/* The array's header, from the start of the member. */
static redux_status read_npy_header(archive *a, rdx_npy *out)
{
    unsigned char prelude[RDX_NPY_PRELUDE];
    uint64_t whole = 0;
    void *header;
    RDX_TRY(read_bytes(a, prelude, sizeof prelude));
    RDX_TRY(rdx_npy_header_size(&whole, prelude, sizeof prelude, a->label));
    whole = RDX_MAX(whole, sizeof prelude); /* the prelude may be longer than an empty header */
    RDX_TRY(rdx_alloc(a->context, &header, whole, 1));
    memcpy(header, prelude, sizeof prelude);
    redux_status status = read_bytes(a, (char *)header + sizeof prelude, whole - sizeof prelude);
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
static redux_status read_member(archive *a, rdx_npz_member *out)
{
    unz64_file_pos position;
    memset(out, 0, sizeof *out);
    if (unzGetFilePos64(a->zip, &position) != UNZ_OK)
        return damaged(a, "its directory cannot be read");
    out->position = position.pos_in_zip_directory;
    out->number = position.num_of_file;
    RDX_TRY(open_member(a));
    const redux_status status = read_npy_header(a, &out->npy);
    unzCloseCurrentFile(a->zip);
    return status;
}

static redux_status visit_all(archive *a, rdx_npz_visit_fn visit, void *user)
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
    return damaged(a, "its directory cannot be read");
}

static redux_status archive_new(archive **out, redux_context *context, const char *path)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(archive)));
    const redux_status status = archive_open(block, context, path);
    if (status != REDUX_OK) {
        rdx_free(block);
        return status;
    }
    *out = block;
    return REDUX_OK;
}

static void archive_free(archive *a)
{
    archive_close(a);
    rdx_free(a);
}

redux_status rdx_npz_visit(redux_context *context, const char *path, rdx_npz_visit_fn visit,
                           void *user)
{
    archive *a;
    RDX_TRY(archive_new(&a, context, path));
    const redux_status status = visit_all(a, visit, user);
    archive_free(a);
    return status;
}

/* Makes the member with that key the current one. */
static redux_status locate(archive *a, const char *key, rdx_npz_member *out)
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
    archive *a;
    RDX_TRY(archive_new(&a, context, path));
    const redux_status status = locate(a, key, out);
    archive_free(a);
    return status;
}

/* Reads the elements of the current member, and the rest up to its checksum. */
static redux_status read_elements(archive *a, void *block, const rdx_npy *expected)
{
    rdx_npy npy;
    RDX_TRY(open_member(a));
    redux_status status = read_npy_header(a, &npy);
    if (status == REDUX_OK && !rdx_npy_same(&npy, expected))
        status = rdx_fail(REDUX_E_FORMAT, "%s: has changed since it was found", a->label);
    if (status == REDUX_OK)
        status = read_bytes(a, block, npy.bytes);
    char end;
    if (status == REDUX_OK && unzReadCurrentFile(a->zip, &end, 1) != 0)
        status = damaged(a, "its end cannot be read");
    /* Compares the checksum if all was read. Otherwise an error has been reported already. */
    if (unzCloseCurrentFile(a->zip) != UNZ_OK && status == REDUX_OK)
        status = damaged(a, "its checksum (CRC-32) does not match");
    return status;
}

static redux_status load(redux_tensor *out, archive *a, const rdx_npz_member *member)
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

static redux_status load_at(redux_tensor *out, archive *a, const char *key,
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
    archive *a;
    RDX_TRY(archive_new(&a, context, path));
    const redux_status status = load_at(out, a, key, member);
    archive_free(a);
    return status;
}

redux_status redux_npz_read(redux_tensor *out, redux_context *context, const char *path,
                            const char *key)
{
    archive *a;
    rdx_npz_member member;
    if (out == NULL || path == NULL || key == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_npz_read: an argument is NULL");
    RDX_TRY(archive_new(&a, context, path));
    redux_status status = locate(a, key, &member);
    if (status == REDUX_OK)
        status = load(out, a, &member);
    archive_free(a);
    return status;
}

/* ---- writing ---- */

static redux_status check_key(const char *key, const char *path)
{
    const char *part = key;
    if (key == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s: a key is NULL", path == NULL ? "" : path);
    if (strlen(key) + strlen(SUFFIX) >= NAME_MAX_BYTES)
        return rdx_fail(REDUX_E_INVALID, "%s: a key is longer than %d bytes", path, NAME_MAX_BYTES);
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
    char name[NAME_MAX_BYTES];
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
    zlib_filefunc64_def functions = stream_functions(file->stream);
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
    char mark[NAME_MAX_BYTES] = "PK";
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
    int64_t added;
    bool adding;
} selection;

static redux_status visit_member(const char *key, const rdx_npz_member *member, void *user)
{
    selection *s = user;
    const bool stack = rdx_npy_is_stack(&member->npy);
    if (!s->adding) {
        s->stacks |= stack;
        return REDUX_OK;
    }
    if (s->stacks ? !stack : member->npy.ndim != 2)
        return REDUX_OK;
    s->added++;
    const redux_status status = add_member(s->finds, s->path, key, member);
    if (status == REDUX_OK)
        return REDUX_OK;
    char source[1024];
    snprintf(source, sizeof source, "%s:%s", s->path, key);
    return s->finds->settle(s->finds->user, source, status);
}

static redux_status probe_npz(const rdx_finds *finds, const char *path, const char *key)
{
    selection s = {finds, path, false, 0, false};
    if (key != NULL) {
        rdx_npz_member member;
        RDX_TRY(rdx_npz_find(&member, finds->context, path, key));
        return add_member(finds, path, key, &member);
    }
    RDX_TRY(rdx_npz_visit(finds->context, path, visit_member, &s));
    s.adding = true;
    RDX_TRY(rdx_npz_visit(finds->context, path, visit_member, &s));
    if (s.added == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: holds no array of shape (H, W), (N, H, W) or (N, H, W, 3 or 4)", path);
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
