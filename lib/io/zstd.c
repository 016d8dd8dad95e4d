/* SPDX-License-Identifier: MIT
 * Zstandard frames (RFC 8878), one after the other, each with its checksum where it has one. */
#include "io.h"

#if defined(REDUX_ZSTD)
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define BUFFER (128U << 10)

struct rdx_zstd {
    ZSTD_DStream *stream;
    const char *path;
    int fd;
    uint64_t position; /* of the next byte to read from the file */
    size_t pending;    /* 0: a frame has ended */
    ZSTD_inBuffer in;
    unsigned char buffer[BUFFER];
};

redux_status rdx_zstd_open(rdx_zstd **out, int fd, const char *path, uint64_t offset)
{
    rdx_zstd *file = malloc(sizeof *file);
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (file == NULL || stream == NULL) {
        ZSTD_freeDStream(stream);
        free(file);
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to decompress it", path);
    }
    file->stream = stream;
    file->path = path;
    file->fd = fd;
    file->position = offset;
    file->pending = 1;
    file->in = (ZSTD_inBuffer){file->buffer, 0, 0};
    *out = file;
    return REDUX_OK;
}

void rdx_zstd_close(rdx_zstd *file)
{
    if (file == NULL)
        return;
    ZSTD_freeDStream(file->stream);
    free(file);
}

static redux_status failure(const rdx_zstd *file, size_t code)
{
    const ZSTD_ErrorCode error = ZSTD_getErrorCode(code);
    if (error == ZSTD_error_memory_allocation)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to decompress it", file->path);
    if (error == ZSTD_error_frameParameter_windowTooLarge)
        return rdx_fail(REDUX_E_LIMIT,
                        "%s: needs a window of more than 128 MiB: compress it again without --long",
                        file->path);
    return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %s", file->path, ZSTD_getErrorName(code));
}

/* More bytes of the file; *ended: there are none. */
static redux_status fill(rdx_zstd *file, bool *ended)
{
    size_t count;
    RDX_TRY(rdx_read_at(file->fd, file->path, file->position, file->buffer, BUFFER, &count));
    file->position += count;
    file->in = (ZSTD_inBuffer){file->buffer, count, 0};
    *ended = count == 0;
    if (*ended && file->pending != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: its compressed data do not end",
                        file->path);
    return REDUX_OK;
}

redux_status rdx_zstd_read(rdx_zstd *file, void *out, size_t size, size_t *count)
{
    ZSTD_outBuffer to = {out, size, 0};
    bool ended = false;
    *count = 0;
    while (to.pos < size) {
        const size_t before = to.pos;
        if (file->in.pos < file->in.size ||
            file->pending != 0) { /* what it holds back comes first */
            const size_t from = file->in.pos;
            const size_t code = ZSTD_decompressStream(file->stream, &to, &file->in);
            if (ZSTD_isError(code))
                return failure(file, code);
            file->pending = code;
            if (to.pos > before || file->in.pos > from)
                continue;
        }
        RDX_TRY(fill(file, &ended));
        if (ended)
            break;
    }
    *count = to.pos;
    return REDUX_OK;
}

#else

redux_status rdx_zstd_open(rdx_zstd **out, int fd, const char *path, uint64_t offset)
{
    (void)out;
    (void)fd;
    (void)offset;
    return rdx_fail(REDUX_E_UNSUPPORTED,
                    "%s: is compressed by Zstandard, which this build does not read: unpack it by "
                    "zstd -d",
                    path);
}

void rdx_zstd_close(rdx_zstd *file)
{
    (void)file;
}

redux_status rdx_zstd_read(rdx_zstd *file, void *out, size_t size, size_t *count)
{
    (void)file;
    (void)out;
    (void)size;
    *count = 0;
    return REDUX_E_UNSUPPORTED; /* nothing was opened */
}

#endif
