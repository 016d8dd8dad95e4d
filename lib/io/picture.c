/* SPDX-License-Identifier: MIT
 * Pictures: told by content, read whole into memory, decoded from there. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <redux/picture.h>
#include <redux/window.h>
#include "io.h"

/* Headers of most pictures lie in the first page; JPEG files with thumbnails and colour profiles
 * need more, which is then read in steps. */
#define FIRST_PIECE 4096

static redux_status unknown(const char *path, size_t size)
{
    if (size == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is empty", path);
    return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is neither PNG nor JPEG", path);
}

/* ---- headers ---- */

static redux_status probe_jpeg(rdx_picture_info *out, int fd, const char *path)
{
    unsigned char *bytes = NULL;
    uint64_t need = FIRST_PIECE;
    redux_status status = REDUX_OK;
    while (status == REDUX_OK && need > 0) {
        const uint64_t asked = need;
        size_t count = 0;
        unsigned char *larger = realloc(bytes, (size_t)asked);
        if (larger == NULL) {
            status = rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", path);
            break;
        }
        bytes = larger;
        status = rdx_read_at(fd, path, 0, bytes, (size_t)asked, &count);
        if (status == REDUX_OK)
            status = rdx_jpeg_header(out, &need, bytes, count, path);
        if (status == REDUX_OK && need > 0 && count < asked)
            status = rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", path);
    }
    free(bytes);
    return status;
}

redux_status rdx_picture_probe(rdx_picture_info *out, uint64_t *bytes, const char *path)
{
    unsigned char first[64];
    struct stat file;
    size_t count = 0;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &file, path));
    redux_status status = rdx_read_at(fd, path, 0, first, sizeof first, &count);
    if (status != REDUX_OK)
        ;
    else if (rdx_png_signature(first, count))
        status = rdx_png_header(out, first, count, path);
    else if (rdx_jpeg_signature(first, count))
        status = probe_jpeg(out, fd, path);
    else
        status = unknown(path, count);
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
    if (rdx_png_signature(bytes, size))
        status = rdx_png_decode(out, context, bytes, size, alpha, path);
    else if (rdx_jpeg_signature(bytes, size))
        status = rdx_jpeg_decode(out, context, bytes, size, path);
    else
        status = unknown(path, size);
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
    RDX_TRY(rdx_file_begin(&file, context, path));
    const redux_status status = rdx_png_encode(file.stream, context, picture, path);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}
