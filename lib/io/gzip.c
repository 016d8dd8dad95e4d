/* SPDX-License-Identifier: MIT
 * gzip files (RFC 1952), read from the beginning to the end: members one after the other, each with
 * its checksum. ISA-L inflates where libredux was built with it, twice as fast as zlib; both go on
 * from any byte, so that a file of any size needs one buffer. */
#include <stdlib.h>
#include <string.h>
#include "io.h"

#if defined(REDUX_ISAL)
#include <isa-l/igzip_lib.h>
typedef struct inflate_state engine;
#else
#include <zlib.h>
typedef z_stream engine;
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

static bool engine_begin(engine *e)
{
    isal_inflate_init(e);
    e->crc_flag = ISAL_GZIP;
    return true;
}

static void engine_again(engine *e)
{
    unsigned char *const next = e->next_in;
    const uint32_t left = e->avail_in;
    isal_inflate_reset(e);
    e->crc_flag = ISAL_GZIP;
    e->next_in = next;
    e->avail_in = left;
}

static void engine_end(engine *e)
{
    (void)e; /* it holds no memory of its own */
}

static enum step engine_step(engine *e)
{
    const int code = isal_inflate(e);
    if (code == ISAL_DECOMP_OK || code == ISAL_END_INPUT || code == ISAL_OUT_OVERFLOW)
        return e->block_state == ISAL_BLOCK_FINISH ? MEMBER_ENDS : GOES_ON;
    return code == ISAL_INCORRECT_CHECKSUM ? BAD_CHECKSUM : BAD_DATA;
}

#else

static bool engine_begin(engine *e)
{
    memset(e, 0, sizeof *e);
    return inflateInit2(e, 16 + MAX_WBITS) == Z_OK; /* 16: gzip's header and checksum */
}

static void engine_again(engine *e)
{
    inflateReset(e);
}

static void engine_end(engine *e)
{
    inflateEnd(e);
}

static enum step engine_step(engine *e)
{
    switch (inflate(e, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR:
        return GOES_ON;
    case Z_STREAM_END:
        return MEMBER_ENDS;
    case Z_MEM_ERROR:
        return NO_MEMORY;
    default:
        return e->msg != NULL && strstr(e->msg, "check") != NULL ? BAD_CHECKSUM : BAD_DATA;
    }
}

#endif

/* ---- reading ---- */

redux_status rdx_gzip_open(rdx_gzip **out, int fd, const char *path)
{
    rdx_gzip *file = malloc(sizeof *file);
    if (file == NULL || !engine_begin(&file->engine)) {
        free(file);
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to inflate it", path);
    }
    file->engine.avail_in = 0;
    file->path = path;
    file->fd = fd;
    file->position = 0;
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

/* Makes at least `least` bytes wait for the engine, or all that the file still has. */
static redux_status fill(rdx_gzip *file, size_t least)
{
    engine *e = &file->engine;
    size_t count = 0;
    if (e->avail_in >= least)
        return REDUX_OK;
    if (e->avail_in > 0)
        memmove(file->buffer, e->next_in, e->avail_in);
    RDX_TRY(rdx_read_at(file->fd, file->path, file->position, file->buffer + e->avail_in,
                        BUFFER - e->avail_in, &count));
    file->position += count;
    e->next_in = file->buffer;
    e->avail_in += (unsigned)count;
    return REDUX_OK;
}

/* What follows a member is another one, or padding, which is not of interest. */
static redux_status next_member(rdx_gzip *file)
{
    RDX_TRY(fill(file, 2));
    const engine *e = &file->engine;
    if (e->avail_in < 2 || e->next_in[0] != 0x1f || e->next_in[1] != 0x8b)
        file->ended = true;
    else
        engine_again(&file->engine);
    return REDUX_OK;
}

static redux_status advance(rdx_gzip *file)
{
    RDX_TRY(fill(file, 1));
    engine *e = &file->engine;
    const unsigned in = e->avail_in, out = e->avail_out;
    switch (engine_step(e)) {
    case GOES_ON:
        if (in == 0 && e->avail_out == out)
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
        e->next_out = bytes + *count;
        e->avail_out = piece;
        RDX_TRY(advance(file));
        *count += piece - e->avail_out;
    }
    return REDUX_OK;
}
