/* SPDX-License-Identifier: MIT
 * A writer of small DICOM files for the tests: explicit VR, little-endian unless told. */
#ifndef TESTS_DICOM_WRITER_H
#define TESTS_DICOM_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "test_io.h"

typedef struct dicom_bytes {
    unsigned char at[65536];
    size_t size;
    bool implicit, big;
} dicom_bytes;

/* What is written; 0 and NULL leave an element out. */
typedef struct dicom_file {
    const char *syntax, *series, *position, *orientation, *photometric, *slope, *intercept, *frames;
    int instance, rows, columns, bits, stored, is_signed, samples;
    const char *spacing;        /* NULL: 0.5\\0.75 */
    int padding, padding_limit; /* 0: none */
    bool no_pixels;
    uint32_t pixel_length; /* claimed; 0: the true one */
} dicom_file;

#define DICOM_EXPLICIT "1.2.840.10008.1.2.1"
#define DICOM_IMPLICIT "1.2.840.10008.1.2"
#define DICOM_BIG "1.2.840.10008.1.2.2"
#define DICOM_FILE                                                                                 \
    {                                                                                              \
        DICOM_EXPLICIT, "1.2.3", "0\\0\\0", "1\\0\\0\\0\\1\\0", "MONOCHROME2", NULL, NULL, NULL,   \
            1, 4, 6, 16, 16, 1, 1, NULL, 0, 0, false, 0                                            \
    }

static inline void dicom_number(dicom_bytes *b, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        b->at[b->size++] = (unsigned char)(value >> 8 * (b->big ? size - 1 - i : i));
}

static inline void dicom_head(dicom_bytes *b, uint32_t tag, const char *type, uint32_t length)
{
    const bool long_length = strstr("OB OW SQ UN UT", type) != NULL;
    dicom_number(b, tag >> 16, 2);
    dicom_number(b, tag & 0xFFFF, 2);
    if (b->implicit) {
        dicom_number(b, length, 4);
        return;
    }
    memcpy(b->at + b->size, type, 2);
    b->size += 2;
    if (long_length)
        dicom_number(b, 0, 2);
    dicom_number(b, length, long_length ? 4 : 2);
}

static inline void dicom_text(dicom_bytes *b, uint32_t tag, const char *type, const char *value)
{
    if (value == NULL)
        return;
    const size_t length = strlen(value);
    dicom_head(b, tag, type, (uint32_t)(length + length % 2));
    memcpy(b->at + b->size, value, length);
    b->size += length;
    if (length % 2 == 1)
        b->at[b->size++] = ' ';
}

static inline void dicom_short(dicom_bytes *b, uint32_t tag, int value)
{
    dicom_head(b, tag, "US", 2);
    dicom_number(b, (uint64_t)value, 2);
}

/* Preamble, meta group, and the elements before the pixels. */
static inline void dicom_begin(dicom_bytes *b, const dicom_file *f)
{
    char number[16];
    memset(b, 0, sizeof *b);
    b->size = 128;
    memcpy(b->at + b->size, "DICM", 4);
    b->size += 4;
    dicom_text(b, 0x00020010, "UI", f->syntax);
    b->implicit = f->syntax != NULL && strcmp(f->syntax, DICOM_IMPLICIT) == 0;
    b->big = f->syntax != NULL && strcmp(f->syntax, DICOM_BIG) == 0;
    snprintf(number, sizeof number, "%d", f->instance);
    dicom_text(b, 0x0020000E, "UI", f->series);
    dicom_text(b, 0x00200013, "IS", number);
    dicom_text(b, 0x00200032, "DS", f->position);
    dicom_text(b, 0x00200037, "DS", f->orientation);
}

static inline void dicom_end(dicom_bytes *b, const dicom_file *f, const int32_t *pixels)
{
    dicom_short(b, 0x00280002, f->samples);
    dicom_text(b, 0x00280004, "CS", f->photometric);
    dicom_text(b, 0x00280008, "IS", f->frames);
    dicom_short(b, 0x00280010, f->rows);
    dicom_short(b, 0x00280011, f->columns);
    dicom_text(b, 0x00280030, "DS", f->spacing == NULL ? "0.5\\0.75" : f->spacing);
    dicom_short(b, 0x00280100, f->bits);
    dicom_short(b, 0x00280101, f->stored);
    dicom_short(b, 0x00280102, f->stored - 1);
    dicom_short(b, 0x00280103, f->is_signed);
    if (f->padding != 0)
        dicom_short(b, 0x00280120, f->padding);
    if (f->padding_limit != 0)
        dicom_short(b, 0x00280121, f->padding_limit);
    dicom_text(b, 0x00281052, "DS", f->intercept);
    dicom_text(b, 0x00281053, "DS", f->slope);
    if (f->no_pixels)
        return;
    const uint32_t length = (uint32_t)(4 * 6 * f->bits / 8);
    dicom_head(b, 0x7FE00010, "OW", f->pixel_length != 0 ? f->pixel_length : length);
    for (int i = 0; i < 24; i++)
        dicom_number(b, (uint64_t)(int64_t)pixels[i], f->bits / 8);
}

/* A sequence of one item; its content follows, then dicom_close(b, 1). 2 levels: an item in it, and
 * so on. */
static inline void dicom_open(dicom_bytes *b, uint32_t tag)
{
    if (tag != 0)
        dicom_head(b, tag, "SQ", 0xFFFFFFFF);
    dicom_number(b, 0xFFFE, 2);
    dicom_number(b, 0xE000, 2);
    dicom_number(b, 0xFFFFFFFF, 4);
}

static inline void dicom_close(dicom_bytes *b, bool sequence)
{
    for (int i = 0; i < 1 + sequence; i++) {
        dicom_number(b, 0xFFFE, 2);
        dicom_number(b, i == 0 ? 0xE00D : 0xE0DD, 2);
        dicom_number(b, 0, 4);
    }
}

static inline void dicom_group(dicom_bytes *b, uint32_t sequence, uint32_t tag, const char *value)
{
    if (value == NULL)
        return;
    dicom_open(b, sequence);
    dicom_text(b, tag, "DS", value);
    dicom_close(b, true);
}

/* What a frame says of itself; NULL: nothing. */
typedef struct dicom_frame {
    const char *position, *orientation, *slope;
} dicom_frame;

/* A file of `count` frames, of which each has pixels of its number. `groups`: so many of them are
 * described; 0: none. */
static inline const char *write_frames(dicom_bytes *b, const char *name, const dicom_file *f,
                                       const dicom_frame *frames, int count, int groups)
{
    dicom_file header = *f;
    const char *shared = header.orientation;
    char number[16];
    snprintf(number, sizeof number, "%d", count);
    header.position = header.orientation = NULL;
    header.no_pixels = true;
    header.frames = number;
    dicom_begin(b, &header);
    dicom_end(b, &header, NULL);
    dicom_open(b, 0x52009229);
    dicom_group(b, 0x00209116, 0x00200037, shared);
    dicom_group(b, 0x00289110, 0x00280030, "0.5\\0.75");
    dicom_close(b, true);
    for (int i = 0; i < groups; i++) {
        dicom_open(b, i == 0 ? 0x52009230 : 0);
        dicom_group(b, 0x00209113, 0x00200032, frames[i].position);
        dicom_group(b, 0x00209116, 0x00200037, frames[i].orientation);
        dicom_group(b, 0x00289145, 0x00281053, frames[i].slope);
        dicom_close(b, i == groups - 1);
    }
    dicom_head(b, 0x7FE00010, "OW", (uint32_t)(count * 24 * f->bits / 8));
    for (int i = 0; i < 24 * count; i++)
        dicom_number(b, (uint64_t)(i / 24 + 1), f->bits / 8);
    write_bytes(in_scratch(name), b->at, b->size);
    return in_scratch(name);
}

/* 4 x 6 pixels into a file of the scratch folder. */
static inline const char *write_dicom(const char *name, const dicom_file *f, const int32_t *pixels)
{
    dicom_bytes b;
    dicom_begin(&b, f);
    dicom_end(&b, f, pixels);
    const char *path = in_scratch(name);
    write_bytes(path, b.at, b.size);
    return path;
}

#endif
