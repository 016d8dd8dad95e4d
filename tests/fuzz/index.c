/* SPDX-License-Identifier: MIT
 * A saved index, as it is and with its checksums set right; mapped and read. What is accepted is
 * searched and saved again. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "fuzz.h"

/* Where the header (lib/search/index_file.c) has what is needed to find the sections. */
enum { HEADER = 128, ITEM_BYTES = 24, ROWS = 32, SUMS = 56, SUM = 124 };

static uint64_t aligned(uint64_t offset)
{
    return (offset + 63) / 64 * 64;
}

static void put_sum(uint8_t *file, size_t at, size_t from, size_t to)
{
    const unsigned long crc = crc32(0, file + from, (unsigned)(to - from));
    for (size_t i = 0; i < 4; i++)
        file[at + i] = (uint8_t)(crc >> (8 * i));
}

static void mend(uint8_t *file, size_t size)
{
    uint64_t rows, item_bytes;
    if (size < HEADER)
        return;
    memcpy(&item_bytes, file + ITEM_BYTES, 8);
    memcpy(&rows, file + ROWS, 8);
    if (rows < size && item_bytes < size) {
        const uint64_t ids = HEADER + rows * 8, items = aligned(ids) + rows * item_bytes;
        if (ids <= size)
            put_sum(file, SUMS, HEADER, (size_t)ids);
        if (items <= size)
            put_sum(file, SUMS + 4, (size_t)aligned(ids), (size_t)items);
        if (aligned(items) <= size)
            put_sum(file, SUMS + 8, (size_t)aligned(items), size);
    }
    put_sum(file, SUM, 0, SUM);
}

static void search(redux_context *context, const redux_index *index)
{
    const int64_t width = redux_index_width(index);
    const int binary = redux_index_get_kind(index) == REDUX_INDEX_HAMMING;
    const int64_t shape[] = {1, width};
    int64_t ids[3];
    double scores[3];
    redux_tensor query;
    if (!fuzz_ok(redux_tensor_new(&query, context, binary ? REDUX_UINT8 : REDUX_FLOAT32, 2, shape)))
        return;
    fuzz_ok(redux_index_nearest(ids, scores, context, index, &query, 3));
    redux_tensor_release(&query);
}

static void open_index(redux_context *context, const uint8_t *data, size_t size)
{
    const char *path = fuzz_put("index.rdx", data, size);
    for (int writable = 0; writable < 2; writable++) {
        redux_index *index;
        if (!fuzz_ok(redux_index_open(&index, context, path, writable)))
            continue;
        search(context, index);
        fuzz_ok(redux_index_save(fuzz_path("again.rdx"), context, index));
        redux_index_free(index);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    open_index(context, data, size);
    uint8_t *mended = fuzz_copy(data, size);
    mend(mended, size);
    if (size > 0 && memcmp(mended, data, size) != 0)
        open_index(context, mended, size);
    free(mended);
    fuzz_end(context);
    return 0;
}
