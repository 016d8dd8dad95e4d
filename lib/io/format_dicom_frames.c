/* SPDX-License-Identifier: MIT
 * DICOM files with several frames (enhanced CT, MR and PET): a volume in one file. Frames are
 * ordered by their places along the normal, as the files of a series are. Several at each place, in
 * equal numbers, are time points of a 4-D volume. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "format_dicom.h"

#define NEAR 1e-3 /* mm: the same place */

/* ---- places ---- */

double rdx_dicom_along(const rdx_dicom *d)
{
    const double *o = d->orientation, *p = d->position;
    if (isnan(p[0]) || isnan(o[0]))
        return NAN;
    return p[0] * (o[1] * o[5] - o[2] * o[4]) + p[1] * (o[2] * o[3] - o[0] * o[5]) +
           p[2] * (o[0] * o[4] - o[1] * o[3]);
}

bool rdx_dicom_same_orientation(const rdx_dicom *a, const rdx_dicom *b)
{
    if (isnan(a->orientation[0]) || isnan(b->orientation[0]))
        return isnan(a->orientation[0]) && isnan(b->orientation[0]);
    for (int i = 0; i < 6; i++)
        if (fabs(a->orientation[i] - b->orientation[i]) > 1e-3)
            return false;
    return true;
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* ", the first between A and B" for slices that have names. */
static const char *between(char *text, size_t size, const char *const *names, int64_t second)
{
    text[0] = '\0';
    if (names != NULL)
        snprintf(text, size, ", the first: %s and %s", names[second - 1], names[second]);
    return text;
}

void rdx_dicom_measure(double *usual, redux_context *context, const char *where,
                       const double *places, double *scratch, const char *const *names,
                       int64_t count)
{
    int64_t gaps = 0, same = 0, distances = 0, first_gap = 0, first_same = 0;
    char text[1024];
    for (int64_t i = 1; i < count; i++) {
        if (places[i] - places[i - 1] > NEAR)
            scratch[distances++] = places[i] - places[i - 1];
        else if (same++ == 0)
            first_same = i;
    }
    qsort(scratch, (size_t)distances, sizeof *scratch, compare_doubles);
    if (distances > 0)
        *usual = scratch[distances / 2];
    for (int64_t i = 1; i < count; i++)
        if (places[i] - places[i - 1] > 1.5 * *usual && gaps++ == 0)
            first_gap = i;
    if (gaps > 0)
        rdx_log(context, REDUX_LOG_WARNING,
                "%s: %lld gap%s between DICOM slices that are usually %g mm apart%s", where,
                (long long)gaps, gaps == 1 ? "" : "s", *usual,
                between(text, sizeof text, names, first_gap));
    if (same > 0)
        rdx_log(context, REDUX_LOG_WARNING,
                "%s: %lld DICOM slice%s the same position as another one of the series%s", where,
                (long long)same, same == 1 ? " has" : "s have",
                between(text, sizeof text, names, first_same));
}

/* ---- the frames of a file ---- */

typedef struct frame_place {
    double along; /* NaN: unknown, of all frames */
    int64_t number;
    double slope, intercept;
} frame_place;

/* The header of a volume: frames by place, then by number. */
typedef struct frame_list {
    rdx_dicom dicom;
    int64_t times; /* at each place */
    frame_place at[];
} frame_list;

static int compare_frames(const void *left, const void *right)
{
    const frame_place *a = left, *b = right;
    if (a->along < b->along || a->along > b->along)
        return a->along < b->along ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static redux_status place_frames(frame_list *list, const rdx_dicom *frames, redux_context *context,
                                 const char *path)
{
    const int64_t count = list->dicom.frames;
    bool known = true;
    for (int64_t i = 0; i < count; i++) {
        if (!rdx_dicom_same_orientation(&frames[0], &frames[i]))
            return rdx_fail(REDUX_E_UNSUPPORTED,
                            "%s: its frames have several orientations, so that they are no volume: "
                            "convert it with dcm2niix",
                            path);
        list->at[i] =
            (frame_place){rdx_dicom_along(&frames[i]), i, frames[i].slope, frames[i].intercept};
        known &= !isnan(list->at[i].along);
    }
    if (!known)
        rdx_log(context, REDUX_LOG_WARNING,
                "%s: its %lld frames have no position; they are in the order of the file", path,
                (long long)count);
    for (int64_t i = 0; i < count && !known; i++)
        list->at[i].along = NAN;
    qsort(list->at, (size_t)count, sizeof *list->at, compare_frames);
    for (int64_t i = 1; i < count; i++) /* places of few digits */
        if (list->at[i].along - list->at[i - 1].along < NEAR)
            list->at[i].along = list->at[i - 1].along;
    qsort(list->at, (size_t)count, sizeof *list->at, compare_frames);
    return REDUX_OK;
}

/* Frames at each place, if they are as many everywhere; else 1. */
static int64_t times_of(const frame_place *at, int64_t count)
{
    int64_t times = 1;
    while (times < count && at[times].along - at[0].along < NEAR)
        times++;
    if (count % times != 0)
        return 1;
    for (int64_t i = times; i < count; i++) {
        const bool is_near = at[i].along - at[i - 1].along < NEAR;
        if (is_near == (i % times == 0))
            return 1;
    }
    return times;
}

static redux_status measure(double *spacing, redux_context *context, const char *path,
                            const frame_list *list)
{
    const int64_t places = list->dicom.frames / list->times;
    void *block;
    if (isnan(list->at[0].along))
        return REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)places, 2 * sizeof(double)));
    double *along = block;
    for (int64_t i = 0; i < places; i++)
        along[i] = list->at[i * list->times].along;
    rdx_dicom_measure(spacing, context, path, along, along + places, NULL, places);
    rdx_free(block);
    return REDUX_OK;
}

/* If slopes differ, equal stored values mean different things. */
static bool same_values(const frame_list *list)
{
    for (int64_t i = 1; i < list->dicom.frames; i++)
        if (memcmp(&list->at[i].slope, &list->at[0].slope, 2 * sizeof(double)) != 0)
            return false;
    return true;
}

static redux_status describe(rdx_found *found, redux_context *context, const char *path,
                             frame_list *list, const rdx_dicom *frames)
{
    const rdx_dicom *d = &list->dicom;
    RDX_TRY(place_frames(list, frames, context, path));
    list->times = isnan(list->at[0].along) ? 1 : times_of(list->at, d->frames);
    found->geometry = rdx_geometry_plain(d->frames / list->times, d->height, d->width);
    double *spacing = found->geometry.spacing;
    spacing[0] = frames[0].spacing[1];
    spacing[1] = frames[0].spacing[0];
    spacing[2] = frames[0].thickness;
    RDX_TRY(measure(&spacing[2], context, path, list));
    found->frames = list->times > 1 ? list->times : 0;
    const bool same = same_values(list);
    found->dtype = same ? d->dtype : REDUX_FLOAT32;
    found->slope = same ? list->at[0].slope : 1;
    found->intercept = same ? list->at[0].intercept : 0;
    found->bytes = d->bytes;
    RDX_TRY(rdx_strdup(context, &found->patient, d->patient));
    RDX_TRY(rdx_strdup(context, &found->file, path));
    return rdx_strdup(context, &found->source, path);
}

static const rdx_format frames_format;

redux_status rdx_dicom_add_frames(const rdx_finds *finds, const char *path, const rdx_dicom *d)
{
    rdx_found found = {.format = &frames_format};
    void *block;
    RDX_TRY(rdx_alloc(finds->context, &block, (uint64_t)d->frames, sizeof(rdx_dicom)));
    rdx_dicom *frames = block;
    redux_status status = rdx_dicom_read_frames(frames, d, path);
    if (status == REDUX_OK)
        status = rdx_alloc(finds->context, &found.header,
                           sizeof(frame_list) + (uint64_t)d->frames * sizeof(frame_place), 1);
    if (status == REDUX_OK) {
        frame_list *list = found.header;
        list->dicom = *d;
        status = describe(&found, finds->context, path, list, frames);
    }
    rdx_free(frames);
    if (status == REDUX_OK)
        return finds->add(&found, finds->user);
    rdx_found_clear(&found);
    return status;
}

/* ---- pixels ---- */

/* Where each frame's fragments begin in the file; one entry more for the end. */
typedef struct fragments {
    uint64_t *begin;
    int64_t frames;
} fragments;

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* The next item; *size: of its content, or UINT64_MAX at the end of the sequence. */
static redux_status next_item(uint64_t *size, int fd, const char *path, uint64_t at, uint64_t end)
{
    static const unsigned char tags[2][4] = {{0xFE, 0xFF, 0x00, 0xE0}, {0xFE, 0xFF, 0xDD, 0xE0}};
    unsigned char bytes[8];
    size_t count = 0;
    if (end - at >= 8)
        RDX_TRY(rdx_read_at(fd, path, at, bytes, 8, &count));
    *size = UINT64_MAX;
    if (count == 8 && memcmp(bytes, tags[1], 4) == 0)
        return REDUX_OK;
    if (count == 8 && memcmp(bytes, tags[0], 4) == 0)
        *size = little_endian(bytes + 4);
    return *size <= end - at - 8
               ? REDUX_OK
               : rdx_fail(REDUX_E_FORMAT, "%s: its pixels are cut short or damaged", path);
}

/* From the table of offsets, of which each counts from the first fragment. */
static redux_status read_table(const fragments *f, const rdx_dicom *d, int fd, const char *path,
                               uint64_t first)
{
    for (int64_t i = 0; i < f->frames; i++) {
        unsigned char bytes[4];
        size_t count;
        RDX_TRY(rdx_read_at(fd, path, d->offset + 8 + 4 * (uint64_t)i, bytes, 4, &count));
        f->begin[i] = first + (count == 4 ? little_endian(bytes) : 0);
        if (f->begin[i] >= d->offset + d->length || (i > 0 && f->begin[i] <= f->begin[i - 1]))
            return rdx_fail(REDUX_E_FORMAT, "%s: its table of offsets is damaged", path);
    }
    f->begin[f->frames] = d->offset + d->length;
    return REDUX_OK;
}

static redux_status find_fragments(const fragments *f, const rdx_dicom *d, int fd, const char *path)
{
    const uint64_t end = d->offset + d->length;
    uint64_t table, size;
    RDX_TRY(next_item(&table, fd, path, d->offset, end));
    if (table == UINT64_MAX)
        return rdx_fail(REDUX_E_FORMAT, "%s: its pixels are cut short or damaged", path);
    const uint64_t first = d->offset + 8 + table;
    if (table == 4 * (uint64_t)f->frames)
        return read_table(f, d, fd, path, first);
    uint64_t at = first;
    for (int64_t i = 0; i <= f->frames; i++) {
        RDX_TRY(next_item(&size, fd, path, at, end));
        f->begin[i] = at;
        if ((size == UINT64_MAX) != (i == f->frames))
            return rdx_fail(
                REDUX_E_UNSUPPORTED,
                "%s: its %lld frames are in other than as many fragments, without a table: "
                "convert it with gdcmconv --raw",
                path, (long long)f->frames);
        at += 8 + size;
    }
    return REDUX_OK;
}

/* Decodes a frame's fragments, put between an empty table and an end. */
static redux_status decode(const redux_tensor *out, redux_context *context, const frame_list *list,
                           const fragments *f, int64_t number, int fd, const char *path)
{
    static const unsigned char table[8] = {0xFE, 0xFF, 0x00, 0xE0},
                               end[8] = {0xFE, 0xFF, 0xDD, 0xE0};
    const uint64_t length = f->begin[number + 1] - f->begin[number];
    size_t count;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, length + 16, 1));
    unsigned char *bytes = block;
    memcpy(bytes, table, 8);
    redux_status status =
        rdx_read_at(fd, path, f->begin[number], bytes + 8, (size_t)length, &count);
    if (status == REDUX_OK) {
        memcpy(bytes + 8 + count, end, 8);
        status = rdx_dicom_decode(out, &list->dicom, bytes, count + 16, path);
    }
    rdx_free(block);
    return status;
}

typedef struct frame_reader {
    redux_context *context;
    const frame_list *list;
    const rdx_found *found;
    fragments fragments;
    int fd;
} frame_reader;

static redux_status read_frame(const redux_tensor *out, const frame_reader *r,
                               const frame_place *place)
{
    rdx_dicom one = r->list->dicom;
    const int64_t shape[2] = {one.height, one.width};
    redux_tensor pixels;
    RDX_TRY(rdx_tensor_alloc(&pixels, r->context, one.dtype, 2, shape));
    one.slope = place->slope;
    one.intercept = place->intercept;
    one.offset += (uint64_t)place->number * (uint64_t)redux_tensor_elements(&pixels) *
                  redux_dtype_size(one.dtype);
    redux_status status = one.encapsulated
                              ? decode(&pixels, r->context, r->list, &r->fragments, place->number,
                                       r->fd, r->found->file)
                              : rdx_dicom_pixels(&pixels, r->context, &one, r->fd, r->found->file);
    if (status == REDUX_OK)
        rdx_dicom_replace_padding(&pixels, &one);
    if (status == REDUX_OK && out->dtype == REDUX_FLOAT32)
        status = rdx_dicom_rescale(&pixels, r->context, &one);
    if (status == REDUX_OK)
        status = redux_tensor_copy(out, &pixels);
    redux_tensor_release(&pixels);
    return status;
}

static redux_status read_all(const redux_tensor *out, frame_reader *r, int64_t time)
{
    void *block = NULL;
    redux_status status = REDUX_OK;
    if (r->list->dicom.encapsulated) {
        RDX_TRY(
            rdx_alloc(r->context, &block, (uint64_t)r->list->dicom.frames + 1, sizeof(uint64_t)));
        r->fragments = (fragments){block, r->list->dicom.frames};
        status = find_fragments(&r->fragments, &r->list->dicom, r->fd, r->found->file);
    }
    for (int64_t i = 0; i < out->shape[0] && status == REDUX_OK; i++) {
        redux_tensor slice;
        status = redux_tensor_select(&slice, out, 0, i);
        if (status != REDUX_OK)
            break;
        status = read_frame(&slice, r, &r->list->at[i * r->list->times + time]);
        redux_tensor_release(&slice);
    }
    rdx_free(block);
    return status;
}

static redux_status check_unchanged(const frame_list *list, const char *path)
{
    const rdx_dicom *a = &list->dicom;
    rdx_dicom b;
    RDX_TRY(rdx_dicom_probe(&b, path));
    return a->height == b.height && a->width == b.width && a->frames == b.frames &&
                   a->dtype == b.dtype && a->stored == b.stored && a->offset == b.offset &&
                   a->bytes == b.bytes && a->encapsulated == b.encapsulated && a->swap == b.swap &&
                   strcmp(a->syntax, b.syntax) == 0
               ? REDUX_OK
               : rdx_format_changed(path);
}

static redux_status load_frames(redux_tensor *out, redux_context *context, const rdx_found *found,
                                int64_t frame)
{
    frame_reader r = {.context = context, .list = found->header, .found = found};
    const int64_t *dim = found->geometry.dim, shape[3] = {dim[2], dim[1], dim[0]};
    struct stat file;
    redux_tensor tensor;
    RDX_TRY(check_unchanged(r.list, found->file));
    RDX_TRY(rdx_open_read(&r.fd, &file, found->file));
    redux_status status = rdx_tensor_alloc(&tensor, context, found->dtype, 3, shape);
    if (status == REDUX_OK) {
        status = read_all(&tensor, &r, frame);
        if (status == REDUX_OK)
            *out = tensor;
        else
            redux_tensor_release(&tensor);
    }
    close(r.fd);
    return status;
}

/* Not in the table: rdx_format_dicom is, which sends such files here. */
static const rdx_format frames_format = {
    .name = "dicom",
    .unit = RDX_UNIT_VOLUME,
    .is_scan = true,
    .load = load_frames,
};
