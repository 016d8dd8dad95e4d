/* SPDX-License-Identifier: MIT
 * One block of voxels behind a header: checked, loaded, and oriented. */
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "raster.h"

/* ---- sizes ---- */

/* Bytes of one frame and of all; false where they overflow. */
static bool block_bytes(uint64_t *frame, uint64_t *all, const rdx_raster *r)
{
    *frame = redux_dtype_size(r->dtype);
    for (int i = 0; i < 3; i++)
        if (r->geometry.dim[i] < 1 ||
            __builtin_mul_overflow(*frame, (uint64_t)r->geometry.dim[i], frame))
            return false;
    return r->frames >= 0 &&
           !__builtin_mul_overflow(*frame, (uint64_t)RDX_MAX(r->frames, 1), all) &&
           *all <= (uint64_t)PTRDIFF_MAX / 2;
}

static redux_status file_size(uint64_t *out, const char *path)
{
    struct stat status;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    *out = (uint64_t)status.st_size;
    close(fd);
    return REDUX_OK;
}

static redux_status open_block(rdx_packed *file, const rdx_raster *r, const char *path)
{
    const uint64_t skipped = r->offset_unpacked ? (uint64_t)r->offset : 0;
    RDX_TRY(rdx_packed_open(file, path, (uint64_t)r->offset - skipped, r->packing));
    const redux_status status = rdx_packed_seek(file, skipped);
    if (status != REDUX_OK)
        rdx_packed_close(file);
    return status;
}

/* Checks that the block fits into its file and into memory, before anything is believed. */
static redux_status check(rdx_raster *r, redux_context *context, const char *file,
                          const char *image)
{
    const char *path = image != NULL ? image : file;
    rdx_packed block;
    uint64_t frame, all, size;
    RDX_TRY(file_size(&r->file_size, file));
    if (image != NULL)
        RDX_TRY(file_size(&r->image_size, image));
    size = image != NULL ? r->image_size : r->file_size;
    if (!block_bytes(&frame, &all, r))
        return rdx_fail(REDUX_E_FORMAT, "%s: its dimensions are too large", file);
    if (r->offset < 0 && (r->packing != RDX_PACKING_NONE || size < all))
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: %llu bytes cannot hold %llu of voxels",
                        path, (unsigned long long)size, (unsigned long long)all);
    if (r->offset < 0)
        r->offset = (int64_t)(size - all);
    RDX_TRY(open_block(&block, r, path));
    const uint64_t capacity = rdx_packed_capacity(&block), begin = block.position;
    rdx_packed_close(&block);
    if (begin > capacity || all > capacity - begin)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: %llu bytes cannot hold %llu of voxels",
                        path, (unsigned long long)size, (unsigned long long)all);
    if (!rdx_bytes_allowed(context, frame, 1))
        return rdx_fail(REDUX_E_LIMIT, "%s: its %llu bytes of voxels are more than the limit", file,
                        (unsigned long long)frame);
    return REDUX_OK;
}

static bool same(const rdx_raster *a, const rdx_raster *b)
{
    bool equal = a->frames == b->frames && a->dtype == b->dtype && a->swap == b->swap &&
                 a->packing == b->packing && a->offset == b->offset &&
                 a->file_size == b->file_size && a->image_size == b->image_size &&
                 a->geometry.falls == b->geometry.falls;
    for (int i = 0; i < 3; i++)
        equal = equal && a->geometry.dim[i] == b->geometry.dim[i] &&
                a->geometry.axis[i] == b->geometry.axis[i] &&
                a->geometry.reversed[i] == b->geometry.reversed[i];
    return equal;
}

/* ---- voxels ---- */

static redux_status load(const redux_tensor *out, const rdx_raster *r, rdx_packed *file,
                         int64_t frame)
{
    uint64_t bytes, all;
    (void)block_bytes(&bytes, &all, r); /* check has seen that they do not overflow */
    RDX_TRY(rdx_packed_seek(file, file->position + (uint64_t)frame * bytes));
    RDX_TRY(rdx_packed_read(file, out->data, bytes, "voxels"));
    const size_t each = redux_dtype_size(out->dtype);
    if (r->swap)
        rdx_swap_bytes(out->data, bytes / each, each);
    return rdx_packed_finish(file);
}

static redux_status load_frame(redux_tensor *out, redux_context *context, const rdx_raster *r,
                               const char *path, int64_t frame)
{
    const int64_t *dim = r->geometry.dim, shape[3] = {dim[2], dim[1], dim[0]};
    redux_tensor tensor;
    rdx_packed file;
    RDX_TRY(open_block(&file, r, path));
    redux_status status = rdx_tensor_alloc(&tensor, context, r->dtype, 3, shape);
    if (status == REDUX_OK) {
        status = load(&tensor, r, &file, frame);
        if (status == REDUX_OK)
            *out = tensor;
        else
            redux_tensor_release(&tensor);
    }
    rdx_packed_close(&file);
    return status;
}

static redux_status describe(rdx_found *found, redux_context *context, const rdx_raster *r,
                             const char *path)
{
    void *block;
    RDX_TRY(rdx_strdup(context, &found->source, path));
    RDX_TRY(rdx_strdup(context, &found->file, path));
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof *r));
    memcpy(block, r, sizeof *r);
    found->header = block;
    found->geometry = r->geometry;
    found->frames = r->frames;
    found->dtype = r->dtype;
    found->slope = 1;
    found->bytes = r->file_size + r->image_size;
    return REDUX_OK;
}

redux_status rdx_raster_probe(const rdx_finds *finds, const rdx_format *format,
                              rdx_raster_header_fn read, const char *path)
{
    rdx_found found = {.format = format};
    rdx_raster raster = {0};
    redux_status status = read(&raster, &found.image, finds->context, path);
    if (status == REDUX_OK)
        status = check(&raster, finds->context, path, found.image);
    if (status == REDUX_OK)
        status = describe(&found, finds->context, &raster, path);
    if (status == REDUX_OK)
        return finds->add(&found, finds->user);
    rdx_found_clear(&found);
    return status;
}

redux_status rdx_raster_load(redux_tensor *out, redux_context *context, const rdx_found *found,
                             rdx_raster_header_fn read, int64_t frame)
{
    rdx_raster now = {0};
    char *image = NULL;
    redux_status status = read(&now, &image, context, found->file);
    if (status == REDUX_OK)
        status = check(&now, context, found->file, image);
    if (status == REDUX_OK && !same(&now, found->header))
        status = rdx_format_changed(found->file);
    if (status == REDUX_OK)
        status = load_frame(out, context, &now, image != NULL ? image : found->file, frame);
    rdx_free(image);
    return status;
}

/* ---- orientation ---- */

/* Directions of length 1; false where one says nothing. */
static bool unit_axes(double out[3][3], const double axes[3][3])
{
    for (int i = 0; i < 3; i++) {
        double length = 0;
        for (int k = 0; k < 3; k++)
            length += axes[i][k] * axes[i][k];
        length = sqrt(length);
        if (!(length > 0) || !isfinite(length))
            return false;
        for (int k = 0; k < 3; k++)
            out[i][k] = axes[i][k] / length;
    }
    return true;
}

void rdx_geometry_orient(rdx_geometry *g, const double axes[3][3])
{
    /* The storage axes of slices, rows, columns; of equally good ones the first, as stored. */
    static const int8_t orders[6][3] = {{2, 1, 0}, {2, 0, 1}, {1, 2, 0},
                                        {0, 2, 1}, {1, 0, 2}, {0, 1, 2}};
    double unit[3][3], best = -1;
    const rdx_geometry plain = rdx_geometry_plain(1, 1, 1);
    memcpy(g->axis, plain.axis, sizeof g->axis);
    memset(g->reversed, 0, sizeof g->reversed);
    g->falls = false;
    if (!unit_axes(unit, axes))
        return;
    for (int i = 0; i < 6; i++) {
        const int8_t *o = orders[i];
        const double along = fabs(unit[o[0]][2]) + fabs(unit[o[1]][1]) + fabs(unit[o[2]][0]);
        if (along > best + 1e-9) {
            best = along;
            memcpy(g->axis, o, sizeof g->axis);
        }
    }
    g->falls = unit[g->axis[0]][2] < 0;
    g->reversed[1] = unit[g->axis[1]][1] < 0;
    g->reversed[2] = unit[g->axis[2]][0] < 0;
}

/* ---- headers of text ---- */

#define HEADER_FIRST (64 << 10)
#define HEADER_MOST (64 << 20) /* tables of gradients and segments make some headers long */

static const char *find_text(const char *text, size_t size, const char *wanted)
{
    const size_t length = strlen(wanted);
    const char *const stop = text + size;
    while ((text = memchr(text, wanted[0], (size_t)(stop - text))) != NULL &&
           (size_t)(stop - text) >= length) {
        if (memcmp(text, wanted, length) == 0)
            return text;
        text++;
    }
    return NULL;
}

/* An end that is not a line's own has the rest of its line behind it, which belongs to it. */
static bool has_one_end(const char *text, size_t size, const char *end)
{
    const size_t length = strlen(end);
    const char *at = find_text(text, size, end);
    if (at == NULL || end[length - 1] == '\n')
        return at != NULL;
    at += length;
    return memchr(at, '\n', size - (size_t)(at - text)) != NULL;
}

static bool has_end(const char *text, size_t size, const char *const ends[2])
{
    return has_one_end(text, size, ends[0]) || has_one_end(text, size, ends[1]);
}

/* The first `room` bytes, or all of a smaller file, with a 0 behind them. */
static redux_status read_beginning(char **out, size_t *size, redux_context *context, int fd,
                                   const char *path, size_t room)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, room + 1, 1));
    const redux_status status = rdx_read_at(fd, path, 0, block, room, size);
    if (status == REDUX_OK)
        *out = block;
    else
        rdx_free(block);
    return status;
}

redux_status rdx_header_text(char **out, size_t *size, redux_context *context, const char *path,
                             const char *const ends[2])
{
    struct stat status;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    const size_t file = (size_t)status.st_size;
    redux_status result = REDUX_OK;
    for (size_t room = HEADER_FIRST;; room = RDX_MIN(8 * room, (size_t)HEADER_MOST)) {
        result = read_beginning(out, size, context, fd, path, RDX_MIN(room, file));
        if (result != REDUX_OK || room >= file || has_end(*out, *size, ends))
            break;
        rdx_free(*out);
        *out = NULL;
        if (room >= HEADER_MOST) {
            result = rdx_fail(REDUX_E_LIMIT, "%s: its header has more than %d MiB", path,
                              HEADER_MOST >> 20);
            break;
        }
    }
    close(fd);
    return result;
}

char *rdx_header_line(char **text)
{
    char *line = *text;
    if (*line == '\0')
        return NULL;
    char *end = line + strcspn(line, "\n");
    *text = *end == '\0' ? end : end + 1;
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    *end = '\0';
    return line;
}

bool rdx_header_numbers(double *out, int count, const char *text)
{
    for (int i = 0; i < count; i++) {
        char *end;
        text += strspn(text, " \t");
        out[i] = rdx_parse_double(text, &end);
        if (end == text || (*end != '\0' && strchr(" \t", *end) == NULL))
            return false;
        text = end;
    }
    return text[strspn(text, " \t")] == '\0';
}

bool rdx_header_integers(int64_t *out, int count, const char *text)
{
    double numbers[8];
    if (count > 8 || !rdx_header_numbers(numbers, count, text))
        return false;
    for (int i = 0; i < count; i++) {
        if (!(fabs(numbers[i]) < 0x1p53) || numbers[i] != floor(numbers[i]))
            return false;
        out[i] = (int64_t)numbers[i];
    }
    return true;
}

redux_status rdx_header_partner(char **out, redux_context *context, const char *header,
                                const char *name)
{
    const char *slash = strrchr(header, '/');
    char *folder;
    if (name[0] == '/' || strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0 ||
        strstr(name, "/../") != NULL)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its voxels are in '%s', outside the header's folder: move them there",
                        header, name);
    if (slash == NULL)
        return rdx_strdup(context, out, name);
    RDX_TRY(rdx_strndup(context, &folder, header, (size_t)(slash + 1 - header)));
    const redux_status status = rdx_join(out, context, folder, name);
    rdx_free(folder);
    return status;
}
