/* SPDX-License-Identifier: MIT
 * The binary form of a list of hashes, as it is and with its checksum set right; what is accepted
 * must come out again as it went in. Text is tried as the hex form of a code. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "fuzz.h"

enum { OUTPUT = 1 << 20 };

typedef struct output {
    size_t size;
    char bytes[OUTPUT];
} output;

static int collect(const char *bytes, size_t length, void *user)
{
    output *out = user;
    if (length > OUTPUT - out->size)
        return 1;
    memcpy(out->bytes + out->size, bytes, length);
    out->size += length;
    return 0;
}

static void decode(redux_context *context, const uint8_t *data, size_t size)
{
    static output out;
    redux_hash_list *list, *again;
    if (!fuzz_ok(redux_hash_list_decode(&list, context, data, size)))
        return;
    for (int format = REDUX_HASH_LIST_TEXT; format <= REDUX_HASH_LIST_BINARY; format++) {
        out.size = 0;
        const redux_status status =
            redux_hash_list_write(list, context, (redux_hash_list_format)format, 1, collect, &out);
        fuzz_require(status == REDUX_OK || status == REDUX_E_IO, "a list that cannot be written");
        if (format != REDUX_HASH_LIST_BINARY || status != REDUX_OK)
            continue;
        fuzz_require(redux_hash_list_decode(&again, context, out.bytes, out.size) == REDUX_OK,
                     "its own bytes are refused");
        fuzz_require(redux_hash_list_count(list) == redux_hash_list_count(again), "entries lost");
        redux_hash_list_free(again);
    }
    redux_hash_list_free(list);
}

static void parse_text(const uint8_t *data, size_t size)
{
    static const redux_hash hashes[] = {REDUX_HASH_DIFFERENCE, REDUX_HASH_COLOUR, REDUX_HASH_PDQ,
                                        REDUX_HASH_RADIAL_VARIANCE};
    char text[200], back[200];
    uint8_t code[64];
    if (size >= sizeof text)
        return;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
        options.hash = hashes[i];
        options.profile = redux_hash_default_profile(hashes[i]);
        if (fuzz_ok(redux_hash_from_text(code, text, &options)))
            fuzz_require(fuzz_ok(redux_hash_to_text(back, code, &options)) &&
                             strlen(back) == strlen(text),
                         "a code changed its length");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    decode(context, data, size);
    parse_text(data, size);
    if (size >= 4) {
        uint8_t *mended = fuzz_copy(data, size);
        const unsigned long crc = crc32(0, mended, (unsigned)size - 4);
        for (size_t i = 0; i < 4; i++)
            mended[size - 4 + i] = (uint8_t)(crc >> (8 * i));
        decode(context, mended, size);
        free(mended);
    }
    fuzz_end(context);
    return 0;
}
