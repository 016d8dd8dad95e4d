/* SPDX-License-Identifier: MIT
 * A compressed DICOM image: the first bytes are syntax, size and bits of the header, the rest is
 * the codestream. The decoders run where the module is found beside the target; they are not
 * instrumented. */
#include <string.h>
#include "fuzz.h"

enum { HEADER = 7 };

typedef struct writer {
    uint8_t bytes[1 << 16];
    size_t size;
} writer;

static void put(writer *w, const void *bytes, size_t size)
{
    memcpy(w->bytes + w->size, bytes, size);
    w->size += size;
}

static void put_number(writer *w, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        w->bytes[w->size++] = (uint8_t)(value >> (8 * i));
}

/* An element with explicit type and a short length. */
static void put_element(writer *w, uint32_t tag, const char *type, const void *value, size_t size)
{
    put_number(w, tag >> 16, 2);
    put_number(w, tag & 0xFFFF, 2);
    put(w, type, 2);
    put_number(w, (uint32_t)size, 2);
    put(w, value, size);
}

static void put_short(writer *w, uint32_t tag, uint32_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    put_element(w, tag, "US", bytes, 2);
}

/* One fragment, after an empty table of offsets. */
static void put_pixels(writer *w, const uint8_t *stream, size_t size)
{
    static const uint8_t head[] = {0xE0, 0x7F, 0x10, 0,    'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
                                   0xFE, 0xFF, 0x00, 0xE0, 0,   0,   0, 0, 0xFE, 0xFF, 0x00, 0xE0};
    static const uint8_t end[] = {0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0};
    put(w, head, sizeof head);
    put_number(w, (uint32_t)size, 4);
    put(w, stream, size);
    put(w, end, sizeof end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const syntaxes[] = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
                                           "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
                                           "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",
                                           "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"};
    static writer w;
    redux_context *context = fuzz_begin();
    if (size >= HEADER && size < sizeof w.bytes - 1024) {
        const uint32_t height = data[1] | (uint32_t)(data[2] & 3) << 8,
                       width = data[3] | (uint32_t)(data[4] & 3) << 8,
                       bits = (uint32_t)(8 << data[5] % 3), stored = data[6] % bits + 1;
        memset(w.bytes, 0, 128);
        w.size = 128;
        put(&w, "DICM", 4);
        put_element(&w, 0x00020010, "UI", syntaxes[data[0] % 8], 22);
        put_short(&w, 0x00280002, 1);
        put_element(&w, 0x00280004, "CS", "MONOCHROME2 ", 12);
        put_short(&w, 0x00280010, height);
        put_short(&w, 0x00280011, width);
        put_short(&w, 0x00280100, bits);
        put_short(&w, 0x00280101, stored);
        put_short(&w, 0x00280102, stored - 1);
        put_short(&w, 0x00280103, data[6] >> 7);
        put_pixels(&w, data + HEADER, size - HEADER);
        fuzz_read_volumes(context, fuzz_put("image.dcm", w.bytes, w.size));
    }
    fuzz_end(context);
    return 0;
}
