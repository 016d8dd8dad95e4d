/* SPDX-License-Identifier: MIT
 * gzip files (RFC 1952), read to their end: members one after the other, each with its checksum;
 * and zlib streams (RFC 1950). ISA-L inflates where libredux was built with it, twice as fast as
 * zlib; both go on from any byte, so that a file of any size needs one buffer. */
#include <stdlib.h>
#include <string.h>
#include "io.h"

#if defined(REDUX_ISAL)
#include <isa-l/igzip_lib.h>
typedef struct engine {
    struct inflate_state stream;
    /* isal_inflate reads headers too, but version 2.30 forgets the fields of a header that comes in
     * two pieces. */
    struct isal_gzip_header header;
    bool in_header;
    bool zlib;
} engine;
#else
#include <zlib.h>
typedef struct engine {
    z_stream stream;
    bool zlib;
} engine;
#endif

#define BUFFER (512U << 10)
#define PIECE_MAX ((size_t)1 << 30) /* the engines count in 32 bits */

struct rdx_gzip {
    engine engine;
    const char *path;
    int fd;
    uint64_t position; /* of the next byte to read from the file */
    bool ended;
    unsigned char buffer[BUFFER];
};

/* ---- what differs between the engines ---- */

enum step { GOES_ON, MEMBER_ENDS, BAD_DATA, BAD_CHECKSUM, NO_MEMORY };

#if defined(REDUX_ISAL)

static void begin_member(engine *e)
{
    e->stream.crc_flag = e->zlib ? ISAL_ZLIB : ISAL_GZIP_NO_HDR_VER;
    memset(&e->header, 0, sizeof e->header);
    e->in_header = !e->zlib; /* of zlib's two bytes isal_inflate takes care */
}

static bool engine_begin(engine *e, bool zlib)
{
    e->zlib = zlib;
    isal_inflate_init(&e->stream);
    begin_member(e);
    return true;
}

static void engine_again(engine *e)
{
    unsigned char *const next = e->stream.next_in;
    const uint32_t left = e->stream.avail_in;
    isal_inflate_reset(&e->stream);
    e->stream.next_in = next;
    e->stream.avail_in = left;
    begin_member(e);
}

static void engine_end(engine *e)
{
    (void)e; /* it holds no memory of its own */
}

static int inflate_some(engine *e)
{
    if (e->in_header) {
        const int code = isal_read_gzip_header(&e->stream, &e->header);
        if (code != ISAL_DECOMP_OK)
            return code;
        e->in_header = false;
    }
    return isal_inflate(&e->stream);
}

static enum step engine_step(engine *e)
{
    const int code = inflate_some(e);
    if (code == ISAL_DECOMP_OK || code == ISAL_END_INPUT || code == ISAL_OUT_OVERFLOW)
        return e->stream.block_state == ISAL_BLOCK_FINISH ? MEMBER_ENDS : GOES_ON;
    return code == ISAL_INCORRECT_CHECKSUM ? BAD_CHECKSUM : BAD_DATA;
}

#else

static bool engine_begin(engine *e, bool zlib)
{
    memset(e, 0, sizeof *e);
    e->zlib = zlib; /* 16: gzip's header and checksum */
    return inflateInit2(&e->stream, zlib ? MAX_WBITS : 16 + MAX_WBITS) == Z_OK;
}

static void engine_again(engine *e)
{
    inflateReset(&e->stream);
}

static void engine_end(engine *e)
{
    inflateEnd(&e->stream);
}

static enum step engine_step(engine *e)
{
    switch (inflate(&e->stream, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR:
        return GOES_ON;
    case Z_STREAM_END:
        return MEMBER_ENDS;
    case Z_MEM_ERROR:
        return NO_MEMORY;
    default:
        return e->stream.msg != NULL && strstr(e->stream.msg, "check") != NULL ? BAD_CHECKSUM
                                                                               : BAD_DATA;
    }
}

#endif

/* ---- reading ---- */

redux_status rdx_gzip_open(rdx_gzip **out, int fd, const char *path, uint64_t offset, bool zlib)
{
    rdx_gzip *file = malloc(sizeof *file);
    if (file == NULL || !engine_begin(&file->engine, zlib)) {
        free(file);
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to inflate it", path);
    }
    file->engine.stream.avail_in = 0;
    file->path = path;
    file->fd = fd;
    file->position = offset;
    file->ended = false;
    *out = file;
    return REDUX_OK;
}

void rdx_gzip_close(rdx_gzip *file)
{
    if (file == NULL)
        return;
    engine_end(&file->engine);
    free(file);
}

/* Makes at least `least` bytes available to the engine, or all that the file still has. */
static redux_status fill(rdx_gzip *file, size_t least)
{
    engine *e = &file->engine;
    size_t count = 0;
    if (e->stream.avail_in >= least)
        return REDUX_OK;
    if (e->stream.avail_in > 0)
        memmove(file->buffer, e->stream.next_in, e->stream.avail_in);
    RDX_TRY(rdx_read_at(file->fd, file->path, file->position, file->buffer + e->stream.avail_in,
                        BUFFER - e->stream.avail_in, &count));
    file->position += count;
    e->stream.next_in = file->buffer;
    e->stream.avail_in += (unsigned)count;
    return REDUX_OK;
}

/* A member is followed by another one, or by padding, which is ignored. */
static redux_status next_member(rdx_gzip *file)
{
    RDX_TRY(fill(file, 2));
    const engine *e = &file->engine;
    if (e->zlib || e->stream.avail_in < 2 || e->stream.next_in[0] != 0x1f ||
        e->stream.next_in[1] != 0x8b)
        file->ended = true;
    else
        engine_again(&file->engine);
    return REDUX_OK;
}

static redux_status advance(rdx_gzip *file)
{
    RDX_TRY(fill(file, 1));
    engine *e = &file->engine;
    const unsigned in = e->stream.avail_in, out = e->stream.avail_out;
    switch (engine_step(e)) {
    case GOES_ON:
        if (in == 0 && e->stream.avail_out == out)
            return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: its compressed data do not end",
                            file->path);
        return REDUX_OK;
    case MEMBER_ENDS:
        return next_member(file);
    case BAD_CHECKSUM:
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: its checksum does not match", file->path);
    case NO_MEMORY:
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to inflate it", file->path);
    default:
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: its data cannot be inflated", file->path);
    }
}

redux_status rdx_gzip_read(rdx_gzip *file, void *out, size_t size, size_t *count)
{
    engine *e = &file->engine;
    unsigned char *bytes = out;
    *count = 0;
    while (*count < size && !file->ended) {
        const unsigned piece = (unsigned)RDX_MIN(size - *count, PIECE_MAX);
        e->stream.next_out = bytes + *count;
        e->stream.avail_out = piece;
        RDX_TRY(advance(file));
        *count += piece - e->stream.avail_out;
    }
    return REDUX_OK;
}
