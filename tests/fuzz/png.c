/* SPDX-License-Identifier: MIT
 * A PNG file. libpng stops at a wrong checksum, and hardly any mutation keeps one right: so every
 * input is read as it is and once more with all checksums set right. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "fuzz.h"

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Each chunk: length, four letters, data, CRC-32 of letters and data. */
static void mend(uint8_t *png, size_t size)
{
    size_t at = 8;
    while (size >= 12 && at <= size - 12) {
        const size_t length = big_endian(png + at);
        if (length > size - at - 12)
            break;
        const unsigned long crc = crc32(0, png + at + 4, (unsigned)length + 4);
        for (size_t i = 0; i < 4; i++)
            png[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    fuzz_read_picture(context, data, size);
    uint8_t *mended = fuzz_copy(data, size);
    mend(mended, size);
    if (size > 0 && memcmp(mended, data, size) != 0)
        fuzz_read_picture(context, mended, size);
    free(mended);
    fuzz_end(context);
    return 0;
}
