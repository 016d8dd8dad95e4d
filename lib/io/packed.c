/* SPDX-License-Identifier: MIT
 * The bytes of a file from some place on, inflated where they are compressed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io.h"

/* Deflate cannot do better than 1032 : 1 (RFC 1951: 258 bytes for two bits). */
#define RATIO 1032
#define ZSTD_RATIO 32768 /* a block of 128 KiB of one byte takes four (RFC 8878, 3.1.1.2) */
#define SLACK 65536
/* After the voxels we read on to the checksum, but not for ever. */
#define TAIL_MAX (8 << 20)
#define SCRAP 65536

static redux_status choose(rdx_packed *file, rdx_packing packing)
{
    unsigned char magic[4];
    size_t count = 0;
    if (packing == RDX_PACKING_AUTO) {
        RDX_TRY(rdx_read_at(file->fd, file->path, file->offset, magic, sizeof magic, &count));
        packing = RDX_PACKING_NONE;
        if (count >= 2 && magic[0] == 0x1f && magic[1] == 0x8b)
            packing = RDX_PACKING_GZIP;
        else if (count == 4 && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0)
            packing = RDX_PACKING_ZSTD;
    }
    file->packing = packing;
    if (packing == RDX_PACKING_NONE)
        return REDUX_OK;
    if (packing == RDX_PACKING_ZSTD)
        return rdx_zstd_open(&file->zstd, file->fd, file->path, file->offset);
    return rdx_gzip_open(&file->gzip, file->fd, file->path, file->offset,
                         packing == RDX_PACKING_ZLIB);
}

redux_status rdx_packed_open(rdx_packed *file, const char *path, uint64_t offset,
                             rdx_packing packing)
{
    struct stat status;
    *file = (rdx_packed){.fd = -1, .path = path, .offset = offset};
    RDX_TRY(rdx_open_read(&file->fd, &status, path));
    const uint64_t size = (uint64_t)status.st_size;
    file->size = size > offset ? size - offset : 0;
    const redux_status result = choose(file, packing);
    if (result != REDUX_OK)
        close(file->fd);
    return result;
}

void rdx_packed_close(rdx_packed *file)
{
    rdx_gzip_close(file->gzip);
    rdx_zstd_close(file->zstd);
    close(file->fd);
}

static redux_status read_some(rdx_packed *file, void *out, size_t size, size_t *count)
{
    if (file->gzip != NULL)
        RDX_TRY(rdx_gzip_read(file->gzip, out, size, count));
    else if (file->zstd != NULL)
        RDX_TRY(rdx_zstd_read(file->zstd, out, size, count));
    else
        RDX_TRY(rdx_read_at(file->fd, file->path, file->offset + file->position, out, size, count));
    file->position += *count;
    return REDUX_OK;
}

redux_status rdx_packed_read(rdx_packed *file, void *out, uint64_t size, const char *what)
{
    size_t count = 0;
    RDX_TRY(read_some(file, out, (size_t)size, &count));
    if (count < size)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: the file ends within its %s", file->path,
                        what);
    return REDUX_OK;
}

/* Inflates `size` bytes that nobody asked for; fewer where the file ends before. */
static redux_status skip(rdx_packed *file, uint64_t size)
{
    size_t count = SCRAP;
    unsigned char *scrap = malloc(SCRAP);
    if (scrap == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", file->path);
    redux_status status = REDUX_OK;
    while (size > 0 && count > 0 && status == REDUX_OK) {
        status = read_some(file, scrap, (size_t)RDX_MIN(size, (uint64_t)SCRAP), &count);
        size -= count;
    }
    free(scrap);
    return status;
}

redux_status rdx_packed_seek(rdx_packed *file, uint64_t position)
{
    if (file->packing != RDX_PACKING_NONE)
        return skip(file, position - file->position);
    file->position = position;
    return REDUX_OK;
}

redux_status rdx_packed_finish(rdx_packed *file)
{
    return file->packing != RDX_PACKING_NONE ? skip(file, TAIL_MAX) : REDUX_OK;
}

uint64_t rdx_packed_capacity(const rdx_packed *file)
{
    const uint64_t ratio = file->packing == RDX_PACKING_ZSTD ? ZSTD_RATIO : RATIO;
    if (file->packing == RDX_PACKING_NONE)
        return file->size;
    return file->size > UINT64_MAX / ratio - SLACK ? UINT64_MAX : file->size * ratio + SLACK;
}
