/* SPDX-License-Identifier: MIT
 * DICOM's run lengths (PS3.5, annex G): one segment for each byte of a pixel, the highest first,
 * packed by PackBits. They are decoded here because GDCM divides by the number of segments
 * unchecked. */
#include <string.h>
#include "format_dicom.h"

#define HEADER 64 /* the number of segments, and where up to 15 of them begin */

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* Unpacks `count` bytes, `step` apart. */
static bool unpack(unsigned char *out, int64_t count, int step, const unsigned char *in,
                   const unsigned char *end)
{
    int64_t at = 0;
    while (at < count) {
        if (end - in < 2)
            return false;
        const int control = *in++;
        if (control == 128) /* no operation */
            continue;
        const int64_t length = control < 128 ? control + 1 : 257 - control;
        if (length > count - at || (control < 128 && length > end - in))
            return false;
        for (int64_t i = 0; i < length; i++)
            out[(at + i) * step] = control < 128 ? in[i] : in[0];
        in += control < 128 ? length : 1;
        at += length;
    }
    return true;
}

redux_status rdx_dicom_run_lengths(void *out, int64_t pixels, int bytes_each,
                                   const unsigned char *bytes, size_t length, const char *path)
{
    if (length < HEADER || little_endian(bytes) != (uint32_t)bytes_each)
        return rdx_fail(REDUX_E_FORMAT, "%s: its run lengths are not those of %d bytes a pixel",
                        path, bytes_each);
    for (int i = 0; i < bytes_each; i++) {
        const size_t begin = little_endian(bytes + 4 + 4 * i);
        const size_t end = i + 1 < bytes_each ? little_endian(bytes + 8 + 4 * i) : length;
        const int place = RDX_BIG_ENDIAN ? i : bytes_each - 1 - i;
        if (begin < HEADER || begin > end || end > length ||
            !unpack((unsigned char *)out + place, pixels, bytes_each, bytes + begin, bytes + end))
            return rdx_fail(REDUX_E_FORMAT, "%s: its run lengths are damaged", path);
    }
    return REDUX_OK;
}
