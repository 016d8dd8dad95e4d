/* SPDX-License-Identifier: MIT
 * ZIP archives, through minizip, on streams that we opened ourselves. */
#include <string.h>
#include <unistd.h>
#include "archive.h"

#define RATIO 1032 /* the limit of deflate (RFC 1951) */
#define SLACK 65536
#define ENCRYPTED_FLAG 1U
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

zlib_filefunc64_def rdx_archive_functions(FILE *stream)
{
    return (zlib_filefunc64_def){stream_open, stream_read,  stream_write, stream_tell,
                                 stream_seek, stream_close, stream_error, stream};
}

/* ---- reading ---- */

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

static redux_status archive_open(rdx_archive *a, redux_context *context, const char *path)
{
    struct stat status;
    int fd;
    a->path = path;
    a->context = context;
    bool empty = false;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    redux_status result = check_end(&empty, fd, (uint64_t)status.st_size, context, path);
    if (result == REDUX_OK && empty)
        result = rdx_fail(REDUX_E_NOT_FOUND, "%s: is an empty archive", path);
    a->stream = result == REDUX_OK ? fdopen(fd, "rb") : NULL;
    if (a->stream == NULL) {
        close(fd);
        return result != REDUX_OK ? result
                                  : rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", path);
    }
    zlib_filefunc64_def functions = rdx_archive_functions(a->stream);
    a->zip = unzOpen2_64(path, &functions);
    if (a->zip == NULL) {
        fclose(a->stream);
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a ZIP archive, or is damaged", path);
    }
    return REDUX_OK;
}

static void archive_close(rdx_archive *a)
{
    unzClose(a->zip);
    fclose(a->stream);
}

redux_status rdx_archive_damaged(const rdx_archive *a, const char *what)
{
    if (ferror(a->stream) != 0)
        return rdx_fail(REDUX_E_IO, "%s: cannot be read", a->path);
    return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %s", a->label, what);
}

redux_status rdx_archive_entry(rdx_archive *a)
{
    snprintf(a->label, sizeof a->label, "%s", a->path);
    if (unzGetCurrentFileInfo64(a->zip, &a->info, a->name, sizeof a->name, NULL, 0, NULL, 0) !=
        UNZ_OK)
        return rdx_archive_damaged(a, "its directory cannot be read");
    a->name[sizeof a->name - 1] = '\0';
    return REDUX_OK;
}

static redux_status no_memory(const rdx_archive *a)
{
    return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to inflate it", a->label);
}

redux_status rdx_archive_open_member(rdx_archive *a)
{
    const unz_file_info64 *info = &a->info;
    if ((info->flag & ENCRYPTED_FLAG) != 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is encrypted", a->label);
    if (info->compression_method != 0 && info->compression_method != Z_DEFLATED)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is compressed by method %lu: only stored and "
                        "deflated members are read",
                        a->label, info->compression_method);
    if ((info->compression_method == 0 && info->compressed_size != info->uncompressed_size) ||
        info->uncompressed_size / RATIO > info->compressed_size + SLACK)
        return rdx_archive_damaged(a, "its sizes contradict each other");
    const int code = unzOpenCurrentFile(a->zip);
    if (code == Z_MEM_ERROR || code == UNZ_INTERNALERROR) /* zlib's and minizip's lack of memory */
        return no_memory(a);
    return code == UNZ_OK ? REDUX_OK : rdx_archive_damaged(a, "it cannot be opened");
}

redux_status rdx_archive_read(rdx_archive *a, void *out, uint64_t size)
{
    unsigned char *bytes = out;
    while (size > 0) {
        const int count = unzReadCurrentFile(a->zip, bytes, (unsigned)RDX_MIN(size, PIECE));
        if (count == Z_MEM_ERROR)
            return no_memory(a);
        if (count <= 0)
            return rdx_archive_damaged(a, count == 0 ? "it is cut short" : "it cannot be inflated");
        bytes += count;
        size -= (uint64_t)count;
    }
    return REDUX_OK;
}

redux_status rdx_archive_finish_member(rdx_archive *a, redux_status status)
{
    char end;
    if (status == REDUX_OK && unzReadCurrentFile(a->zip, &end, 1) != 0)
        status = rdx_archive_damaged(a, "its end cannot be read");
    /* Compares the checksum if all was read. Otherwise an error has been reported already. */
    if (unzCloseCurrentFile(a->zip) != UNZ_OK && status == REDUX_OK)
        status = rdx_archive_damaged(a, "its checksum (CRC-32) does not match");
    return status;
}

redux_status rdx_archive_new(rdx_archive **out, redux_context *context, const char *path)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(rdx_archive)));
    const redux_status status = archive_open(block, context, path);
    if (status != REDUX_OK) {
        rdx_free(block);
        return status;
    }
    *out = block;
    return REDUX_OK;
}

void rdx_archive_free(rdx_archive *a)
{
    archive_close(a);
    rdx_free(a);
}
