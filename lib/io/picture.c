/* SPDX-License-Identifier: MIT
 * Pictures: recognised by content, read whole into memory and decoded from there. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <redux/file.h>
#include <redux/picture.h>
#include <redux/window.h>
#include "format.h"

/* Headers of most pictures lie in the first page; JPEG files with thumbnails and colour profiles
 * need more, which is then read in steps. */
#define FIRST_PIECE 4096

static redux_status unknown(const char *path, size_t size)
{
    if (size == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is empty", path);
    return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is not a picture in a format that libredux reads",
                    path);
}

/* ---- headers ---- */

/* Reads as much as the format needs to parse the header. */
static redux_status probe(rdx_picture_info *out, unsigned char **bytes, int fd, uint64_t size,
                          const char *path)
{
    const rdx_format *format = NULL;
    for (uint64_t asked = FIRST_PIECE, need = asked; need > 0; asked = need) {
        size_t count;
        unsigned char *larger = realloc(*bytes, (size_t)asked);
        if (larger == NULL)
            return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", path);
        *bytes = larger;
        RDX_TRY(rdx_read_at(fd, path, 0, larger, (size_t)asked, &count));
        format = rdx_format_of_picture(larger, count);
        if (format == NULL)
            return unknown(path, count);
        out->format = format;
        if (format->pages != NULL)
            return format->pages(out, fd, size, path);
        RDX_TRY(format->header(out, &need, larger, count, path));
        if (need > 0 && count < asked)
            return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", path);
    }
    return REDUX_OK;
}

redux_status rdx_picture_probe(rdx_picture_info *out, uint64_t *bytes, const char *path)
{
    unsigned char *block = NULL;
    struct stat file;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &file, path));
    *out = (rdx_picture_info){.pages = 1};
    const redux_status status = probe(out, &block, fd, (uint64_t)file.st_size, path);
    free(block);
    close(fd);
    *bytes = (uint64_t)file.st_size;
    return status;
}

/* ---- pixels ---- */

static redux_status decode(redux_tensor *out, redux_context *context, const char *path, bool alpha)
{
    unsigned char *bytes;
    size_t size;
    redux_status status;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "reading a picture: an argument is NULL");
    RDX_TRY(rdx_read_whole(&bytes, &size, context, path));
    const rdx_format *format = rdx_format_of_picture(bytes, size);
    status = format == NULL ? unknown(path, size)
                            : format->decode(out, context, bytes, size, alpha, path);
    rdx_free(bytes);
    return status;
}

redux_status redux_picture_read_colour(redux_tensor *out, redux_context *context, const char *path)
{
    redux_tensor picture;
    RDX_TRY(decode(out == NULL ? NULL : &picture, context, path, false));
    *out = picture;
    return REDUX_OK;
}

redux_status redux_picture_read_alpha(redux_tensor *out, redux_context *context, const char *path)
{
    redux_tensor picture;
    RDX_TRY(decode(out == NULL ? NULL : &picture, context, path, true));
    *out = picture;
    return REDUX_OK;
}

redux_status redux_picture_read(redux_tensor *out, redux_context *context, const char *path)
{
    redux_tensor picture, grey;
    RDX_TRY(decode(out == NULL ? NULL : &picture, context, path, false));
    if (picture.ndim == 2) {
        *out = picture;
        return REDUX_OK;
    }
    redux_status status = rdx_tensor_alloc(&grey, context, picture.dtype, 2, picture.shape);
    if (status == REDUX_OK) {
        status = redux_image_luma(&grey, context, &picture);
        if (status == REDUX_OK)
            *out = grey;
        else
            redux_tensor_release(&grey);
    }
    redux_tensor_release(&picture);
    return status;
}

redux_status redux_picture_write_png(const char *path, redux_context *context,
                                     const redux_tensor *picture)
{
    rdx_file file;
    RDX_TRY(rdx_tensor_check(picture, -1, 0, "picture"));
    const bool grey =
        picture->ndim == 2 && (picture->dtype == REDUX_UINT8 || picture->dtype == REDUX_UINT16);
    const bool colour =
        picture->ndim == 3 && picture->shape[2] == 3 && picture->dtype == REDUX_UINT8;
    if (!grey && !colour)
        return rdx_fail(REDUX_E_INVALID,
                        "a PNG is made from [H, W] uint8 or uint16 or [H, W, 3] uint8");
    if (picture->shape[0] < 1 || picture->shape[1] < 1 || picture->shape[0] > INT32_MAX ||
        picture->shape[1] > INT32_MAX)
        return rdx_fail(REDUX_E_INVALID, "a PNG cannot be %lld x %lld pixels",
                        (long long)picture->shape[0], (long long)picture->shape[1]);
    RDX_TRY(rdx_file_begin(&file, context, path, REDUX_MARK_PICTURE));
    const redux_status status = rdx_png_encode(file.stream, context, picture, path);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}
