/* SPDX-License-Identifier: MIT
 * What a compressed image says of itself, compared with the DICOM header. The decoders trust one of
 * the two: where they disagree GDCM ends the process. All formats have it in their first bytes:
 * JPEG (ITU-T T.81, B.2.2), JPEG-LS (T.87, C.2), JPEG 2000 (T.800, A.5.1, I.2). */
#include <string.h>
#include "format_dicom.h"

typedef struct frame {
    uint64_t height, width, components, depth;
} frame;

static uint64_t big_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static redux_status damaged(const char *path, const char *what)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: its compressed pixels are damaged: %s", path, what);
}

/* ---- JPEG and JPEG-LS: segments, each a marker and its length ---- */

static bool is_frame_marker(unsigned char marker)
{
    return (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 &&
            marker != 0xCC) ||
           marker == 0xF7;
}

/* One frame header, of the kind that the transfer syntax has. */
static redux_status read_frame_segment(frame *out, unsigned char marker, const unsigned char *data,
                                       size_t size, const char *kinds, const char *path)
{
    if (out->depth != 0)
        return damaged(path, "it has two frame headers");
    if (strchr(kinds, (char)marker) == NULL)
        return damaged(path, "their coding is not that of the transfer syntax");
    if (size < 6 || size != 6 + 3 * (size_t)data[5])
        return damaged(path, "the frame header has a wrong length");
    out->depth = data[0];
    out->height = big_endian(data + 1, 2);
    out->width = big_endian(data + 3, 2);
    out->components = data[5];
    return out->depth == 0 ? damaged(path, "samples of 0 bits") : REDUX_OK;
}

/* Of JPEG-LS. CharLS takes seconds to notice that it has no end. */
static bool is_cut_short(const unsigned char *bytes, size_t size, const char *kinds)
{
    while (size > 2 && bytes[size - 1] == 0) /* padding */
        size--;
    return kinds[0] == '\xF7' && (bytes[size - 2] != 0xFF || bytes[size - 1] != 0xD9);
}

/* Up to the first scan. */
static redux_status read_jpeg(frame *out, const unsigned char *bytes, size_t size,
                              const char *kinds, const char *path)
{
    size_t at = 2;
    if (size < 2 || bytes[0] != 0xFF || bytes[1] != 0xD8)
        return damaged(path, "they do not begin as JPEG does");
    if (is_cut_short(bytes, size, kinds))
        return damaged(path, "they are cut short");
    while (size - at >= 4 && bytes[at] == 0xFF) {
        const unsigned char marker = bytes[at + 1];
        if (marker == 0xFF) { /* padding */
            at++;
            continue;
        }
        const size_t length = (size_t)big_endian(bytes + at + 2, 2);
        const unsigned char *data = bytes + at + 4;
        if (marker < 0xC0 || (marker >= 0xD0 && marker <= 0xD9) || length < 2 ||
            length + 2 > size - at)
            return damaged(path, "a segment has a wrong length");
        if (is_frame_marker(marker))
            RDX_TRY(read_frame_segment(out, marker, data, length - 2, kinds, path));
        if (marker == 0xF8 && length > 2 && data[0] == 4)
            return damaged(path, "it states a second size");
        if (marker == 0xDA)
            return out->depth != 0 ? REDUX_OK : damaged(path, "it has no frame header");
        at += 2 + length;
    }
    return damaged(path, "it has no scan");
}

/* ---- JPEG 2000 ---- */

/* The codestream within the boxes of a JP2 file. */
static redux_status find_codestream(const unsigned char **bytes, size_t *size, const char *path)
{
    static const unsigned char signature[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    if (*size < sizeof signature || memcmp(*bytes, signature, sizeof signature) != 0)
        return REDUX_OK;
    while (*size >= 8) {
        size_t length = (size_t)big_endian(*bytes, 4), head = 8;
        const bool found = memcmp(*bytes + 4, "jp2c", 4) == 0;
        if (length == 1) {
            if (*size < 16)
                break;
            length = (size_t)big_endian(*bytes + 8, 8);
            head = 16;
        } else if (length == 0) {
            length = *size;
        }
        if (length < head || length > *size)
            break;
        *bytes += found ? head : length;
        *size = found ? length - head : *size - length;
        if (found)
            return REDUX_OK;
    }
    return damaged(path, "its boxes hold no codestream");
}

/* SIZ, the first segment of a codestream. */
static redux_status read_jpeg_2000(frame *out, const unsigned char *bytes, size_t size,
                                   const char *path)
{
    uint64_t v[8]; /* Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz */
    RDX_TRY(find_codestream(&bytes, &size, path));
    if (size < 45 || big_endian(bytes, 4) != 0xFF4FFF51)
        return damaged(path, "they do not begin as JPEG 2000 does");
    for (int i = 0; i < 8; i++)
        v[i] = big_endian(bytes + 8 + 4 * i, 4);
    out->components = big_endian(bytes + 40, 2);
    if (big_endian(bytes + 4, 2) != 38 + 3 * out->components)
        return damaged(path, "the size segment has a wrong length");
    for (int i = 0; i < 2; i++)
        if (v[i] <= v[2 + i] || v[4 + i] == 0 || v[6 + i] > v[2 + i] ||
            v[6 + i] + v[4 + i] <= v[2 + i])
            return damaged(path, "its tiles do not cover it");
    out->width = v[0] - v[2];
    out->height = v[1] - v[3];
    const uint64_t across = (v[0] - v[6] + v[4] - 1) / v[4], down = (v[1] - v[7] + v[5] - 1) / v[5];
    if (across * down > 65535)
        return damaged(path, "more than 65535 tiles");
    out->depth = (uint64_t)(bytes[42] & 0x7F) + 1;
    return bytes[43] == 1 && bytes[44] == 1 ? REDUX_OK : damaged(path, "it is subsampled");
}

/* ---- */

static redux_status read_frame(frame *out, const rdx_dicom *d, const unsigned char *bytes,
                               size_t size, const char *path)
{
    static const struct {
        const char *syntax, *kinds; /* frame markers; NULL: JPEG 2000 */
    } codings[] = {
        {"1.2.840.10008.1.2.4.50", "\xC0"}, {"1.2.840.10008.1.2.4.51", "\xC0\xC1"},
        {"1.2.840.10008.1.2.4.57", "\xC3"}, {"1.2.840.10008.1.2.4.70", "\xC3"},
        {"1.2.840.10008.1.2.4.80", "\xF7"}, {"1.2.840.10008.1.2.4.81", "\xF7"},
        {"1.2.840.10008.1.2.4.90", NULL},   {"1.2.840.10008.1.2.4.91", NULL},
    };
    for (int i = 0; i < (int)RDX_COUNT(codings); i++)
        if (strcmp(codings[i].syntax, d->syntax) == 0)
            return codings[i].kinds == NULL ? read_jpeg_2000(out, bytes, size, path)
                                            : read_jpeg(out, bytes, size, codings[i].kinds, path);
    return rdx_fail(REDUX_E_UNSUPPORTED, "%s: pixels of transfer syntax %s are not read", path,
                    d->syntax);
}

redux_status rdx_dicom_check_codestream(const rdx_dicom *d, const void *bytes, size_t size,
                                        const char *path)
{
    frame f = {0, 0, 0, 0};
    RDX_TRY(read_frame(&f, d, bytes, size, path));
    if (f.height != (uint64_t)d->height || f.width != (uint64_t)d->width)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: its compressed pixels are %llu x %llu, its header says %lld x %lld",
                        path, (unsigned long long)f.height, (unsigned long long)f.width,
                        (long long)d->height, (long long)d->width);
    if (f.components != 1)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: its compressed pixels have %llu components, its header says 1", path,
                        (unsigned long long)f.components);
    if ((f.depth + 7) / 8 * 8 != (uint64_t)d->bits)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: its compressed pixels have %llu bits, its header says %lld of %lld",
                        path, (unsigned long long)f.depth, (long long)d->stored,
                        (long long)d->bits);
    return REDUX_OK;
}
