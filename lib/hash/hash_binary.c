/* SPDX-License-Identifier: MIT
 * The binary form of a list of codes, version 1 (laid out in hash_list.h). */
#include <string.h>
#include <zlib.h>
#include "hash_list.h"

#define VERSION 1
#define MAGIC_BYTES 8
#define HEAD_BYTES (MAGIC_BYTES + 6 * 4 + 2 * 8 + 3 * 8)
#define ENTRY_BYTES (4 + 8 + 1 + 1)
#define CHECKSUM_BYTES 4
#define NO_QUALITY_BYTE 255

static const uint8_t magic[MAGIC_BYTES] = {0x89, 'R', 'D', 'X', 'H', 'S', 'H', '\n'};

/* ---- writing ---- */

typedef struct sink {
    const rdx_hash_writer *writer;
    uint32_t checksum;
} sink;

static redux_status put(sink *to, const void *bytes, size_t size)
{
    const Bytef *at = bytes;
    for (size_t left = size; left > 0;) {
        const uInt part = (uInt)RDX_MIN(left, (size_t)1 << 30);
        to->checksum = (uint32_t)crc32(to->checksum, at, part);
        at += part;
        left -= part;
    }
    if (size > 0 && to->writer->write(bytes, size, to->writer->user) != 0)
        return rdx_fail(REDUX_E_IO, "the callback could not write the hashes");
    return REDUX_OK;
}

/* The low `size` bytes, lowest first. */
static redux_status put_integer(sink *to, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    return put(to, bytes, size);
}

static redux_status put_double(sink *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_integer(to, bits, 8);
}

static redux_status put_head(sink *to, const redux_hash_list *list, uint64_t name_bytes)
{
    const redux_hash_options *options = &list->options;
    const uint64_t small[] = {VERSION,
                              options->hash,
                              options->profile,
                              (uint64_t)options->size,
                              (uint64_t)list->bits,
                              options->window.kind};
    const uint64_t large[] = {(uint64_t)list->count, (uint64_t)list->source_count, name_bytes};
    RDX_TRY(put(to, magic, MAGIC_BYTES));
    for (int64_t i = 0; i < RDX_COUNT(small); i++)
        RDX_TRY(put_integer(to, small[i], 4));
    RDX_TRY(put_double(to, options->window.low));
    RDX_TRY(put_double(to, options->window.high));
    for (int64_t i = 0; i < RDX_COUNT(large); i++)
        RDX_TRY(put_integer(to, large[i], 8));
    return REDUX_OK;
}

static redux_status put_entry(sink *to, const rdx_hash_entry *entry)
{
    const uint64_t quality =
        entry->info.quality < 0 ? NO_QUALITY_BYTE : (uint64_t)entry->info.quality;
    RDX_TRY(put_integer(to, (uint64_t)entry->source, 4));
    RDX_TRY(put_integer(to, (uint64_t)entry->slice, 8));
    RDX_TRY(put_integer(to, quality, 1));
    return put_integer(to, entry->info.flags, 1);
}

redux_status rdx_hash_list_encode(const rdx_hash_writer *writer, const redux_hash_list *list)
{
    sink to = {writer, 0};
    uint64_t name_bytes = 0;
    if (list->source_count > UINT32_MAX)
        return rdx_fail(REDUX_E_LIMIT, "hash list: %lld sources are too many",
                        (long long)list->source_count);
    for (int64_t i = 0; i < list->source_count; i++)
        name_bytes += strlen(list->sources[i]) + 1;
    RDX_TRY(put_head(&to, list, name_bytes));
    for (int64_t i = 0; i < list->source_count; i++)
        RDX_TRY(put(&to, list->sources[i], strlen(list->sources[i]) + 1));
    RDX_TRY(put(&to, list->codes, (size_t)(list->count * list->bytes)));
    for (int64_t i = 0; i < list->count; i++)
        RDX_TRY(put_entry(&to, &list->entries[i]));
    return put_integer(&to, to.checksum, CHECKSUM_BYTES);
}

/* ---- reading ---- */

static uint64_t get_integer(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static double get_double(const uint8_t *bytes)
{
    const uint64_t bits = get_integer(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct head {
    redux_hash_options options;
    uint64_t bits, entries, sources, name_bytes;
} head;

static redux_status check_bytes(const uint8_t *bytes, size_t size)
{
    uint32_t checksum = 0;
    if (size < MAGIC_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0)
        return rdx_fail(REDUX_E_FORMAT, "is not a list of hashes, binary or text");
    if (size < MAGIC_BYTES + 4)
        return rdx_fail(REDUX_E_FORMAT, "the list of hashes is cut short");
    if (get_integer(bytes + MAGIC_BYTES, 4) > VERSION)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "the list of hashes has version %llu; this library reads version 1",
                        (unsigned long long)get_integer(bytes + MAGIC_BYTES, 4));
    if (size < HEAD_BYTES + CHECKSUM_BYTES)
        return rdx_fail(REDUX_E_FORMAT, "the list of hashes is cut short");
    const size_t length = size - CHECKSUM_BYTES;
    for (size_t done = 0; done < length;) {
        const uInt part = (uInt)RDX_MIN(length - done, (size_t)1 << 30);
        checksum = (uint32_t)crc32(checksum, bytes + done, part);
        done += part;
    }
    if (checksum != get_integer(bytes + length, CHECKSUM_BYTES))
        return rdx_fail(REDUX_E_FORMAT, "the list of hashes is cut short or altered: its checksum "
                                        "differs");
    return REDUX_OK;
}

static redux_status read_head(head *h, const uint8_t *bytes, size_t size)
{
    const uint8_t *at = bytes + MAGIC_BYTES + 4, *wide = bytes + MAGIC_BYTES + 6 * 4;
    const rdx_hash_method *method;
    h->options = (redux_hash_options)REDUX_HASH_OPTIONS_INIT;
    h->options.hash = (redux_hash)get_integer(at, 4);
    h->options.profile = (redux_hash_profile)get_integer(at + 4, 4);
    h->options.size = (int32_t)(uint32_t)get_integer(at + 8, 4);
    h->bits = get_integer(at + 12, 4);
    h->options.window.kind = (redux_window_kind)get_integer(at + 16, 4);
    h->options.window.low = get_double(wide);
    h->options.window.high = get_double(wide + 8);
    h->entries = get_integer(wide + 16, 8);
    h->sources = get_integer(wide + 24, 8);
    h->name_bytes = get_integer(wide + 32, 8);
    if (get_integer(bytes + MAGIC_BYTES, 4) != VERSION || h->options.size == 0 ||
        rdx_hash_resolve(&h->options, &method) != REDUX_OK ||
        h->bits != (uint64_t)rdx_hash_method_bits(method, h->options.size) ||
        !rdx_hash_is_window(h->options.window))
        return rdx_fail(REDUX_E_FORMAT, "the header of the list of hashes is inconsistent");
    /* Each count is below the size before they are multiplied. */
    const uint64_t each = (h->bits + 7) / 8 + ENTRY_BYTES,
                   rest = size - HEAD_BYTES - CHECKSUM_BYTES;
    if (h->entries > rest / each || h->name_bytes > rest || h->sources > h->name_bytes ||
        h->entries * each + h->name_bytes != rest)
        return rdx_fail(REDUX_E_FORMAT, "the length of the list of hashes differs from its header");
    return REDUX_OK;
}

static redux_status read_names(redux_hash_list *list, redux_context *context, const head *h,
                               const uint8_t *bytes)
{
    const char *name = (const char *)bytes, *end = name + h->name_bytes;
    for (uint64_t i = 0; i < h->sources; i++) {
        int64_t number;
        const char *stop = name < end ? memchr(name, '\0', (size_t)(end - name)) : NULL;
        if (stop == NULL || stop == name)
            return rdx_fail(REDUX_E_FORMAT, "the list of hashes has damaged names");
        RDX_TRY(rdx_hash_list_source(&number, list, context, name));
        if ((uint64_t)number != i) /* names that follow one another differ */
            return rdx_fail(REDUX_E_FORMAT, "the list of hashes has damaged names");
        name = stop + 1;
    }
    return name == end ? REDUX_OK
                       : rdx_fail(REDUX_E_FORMAT, "the list of hashes has damaged names");
}

static redux_status read_entries(redux_hash_list *list, redux_context *context, const head *h,
                                 const uint8_t *codes)
{
    const uint8_t *at = codes + h->entries * (uint64_t)list->bytes;
    RDX_TRY(rdx_hash_list_reserve(list, context, (int64_t)h->entries));
    if (h->entries > 0)
        memcpy(list->codes, codes, (size_t)h->entries * (size_t)list->bytes);
    for (uint64_t i = 0; i < h->entries; i++, at += ENTRY_BYTES) {
        const uint64_t source = get_integer(at, 4), slice = get_integer(at + 4, 8);
        const int quality = at[12] == NO_QUALITY_BYTE ? RDX_NO_QUALITY : at[12];
        if (source >= h->sources || slice > INT64_MAX || quality > 100 ||
            at[13] > (REDUX_HASH_FLAT | REDUX_HASH_TOO_SMALL))
            return rdx_fail(REDUX_E_FORMAT, "entry %llu of the list of hashes is damaged",
                            (unsigned long long)i);
        list->entries[i] =
            (rdx_hash_entry){(int64_t)slice, (int64_t)source, {quality, (uint32_t)at[13]}};
    }
    list->count = (int64_t)h->entries;
    return REDUX_OK;
}

redux_status redux_hash_list_decode(redux_hash_list **out, redux_context *context,
                                    const void *bytes, size_t size)
{
    redux_hash_list *list;
    head h;
    if (out == NULL || bytes == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_decode: an argument is NULL");
    if (rdx_hash_is_lines(bytes, size))
        return rdx_hash_lines_decode(out, context, bytes, size);
    RDX_TRY(check_bytes(bytes, size));
    RDX_TRY(read_head(&h, bytes, size));
    RDX_TRY(redux_hash_list_new(&list, context, &h.options));
    const uint8_t *names = (const uint8_t *)bytes + HEAD_BYTES;
    redux_status status = read_names(list, context, &h, names);
    if (status == REDUX_OK)
        status = read_entries(list, context, &h, names + h.name_bytes);
    if (status != REDUX_OK) {
        redux_hash_list_free(list);
        return status;
    }
    *out = list;
    return REDUX_OK;
}
