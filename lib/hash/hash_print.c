/* SPDX-License-Identifier: MIT
 * Lists of codes as text, CSV and JSON, and into files. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hash_list.h"
#include "io/io.h"

static const char *const formats[] = {"text", "csv", "json", "binary"};

redux_status redux_hash_list_format_parse(redux_hash_list_format *out, const char *name)
{
    return rdx_parse_name(out, "format", name, formats, RDX_COUNT(formats));
}

const char *redux_hash_list_mark(redux_hash_list_format format)
{
    static const char *const marks[] = {"redux-hash\t#\t", "source,slice,hash",
                                        "{\"version\": #, \"hash\": \"", "RDXHSH\n"};
    return (uint64_t)format < (uint64_t)RDX_COUNT(marks) ? marks[format] : NULL;
}

static redux_status put(const rdx_hash_writer *writer, const char *text)
{
    if (writer->write(text, strlen(text), writer->user) != 0)
        return rdx_fail(REDUX_E_IO, "the callback could not write the hashes");
    return REDUX_OK;
}

/* "flat", "small", "flat+small", or `none`. */
static const char *flags_text(uint32_t flags, const char *none)
{
    if (flags == (REDUX_HASH_FLAT | REDUX_HASH_TOO_SMALL))
        return "flat+small";
    return flags == REDUX_HASH_FLAT ? "flat" : flags == REDUX_HASH_TOO_SMALL ? "small" : none;
}

static const char *quality_text(char number[16], int32_t quality, const char *none)
{
    if (quality < 0)
        return none;
    snprintf(number, 16, "%d", (int)quality);
    return number;
}

/* ---- lines ---- */

/* RFC 4180: quoted where it holds a comma, a quote or a line end; quotes are doubled. */
static redux_status put_field(const rdx_hash_writer *writer, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL)
        return put(writer, text);
    RDX_TRY(put(writer, "\""));
    for (const char *c = text; *c != '\0'; c++) {
        const char pair[3] = {*c, *c == '"' ? '"' : '\0', '\0'};
        RDX_TRY(put(writer, pair));
    }
    return put(writer, "\"");
}

static redux_status put_escaped(const rdx_hash_writer *writer, const char *text)
{
    char pair[3];
    for (; *text != '\0'; text++)
        RDX_TRY(put(writer, rdx_hash_escape(pair, *text)));
    return REDUX_OK;
}

static redux_status put_line(const rdx_hash_writer *writer, const redux_hash_item *item,
                             const char *hex, bool csv, bool with_info)
{
    const char *none = csv ? "" : "-";
    char number[32], quality[16];
    RDX_TRY(csv ? put_field(writer, item->source) : put_escaped(writer, item->source));
    snprintf(number, sizeof number, csv ? ",%lld," : "\t%lld\t", (long long)item->slice);
    RDX_TRY(put(writer, number));
    RDX_TRY(put(writer, hex));
    if (with_info) {
        RDX_TRY(put(writer, csv ? "," : "\t"));
        RDX_TRY(put(writer, quality_text(quality, item->info.quality, none)));
        RDX_TRY(put(writer, csv ? "," : "\t"));
        RDX_TRY(put(writer, flags_text(item->info.flags, none)));
    }
    return put(writer, "\n");
}

/* ---- JSON ---- */

/* Paths are bytes, JSON is UTF-8. In names that are not UTF-8, bytes beyond ASCII become "?". */
static json_t *json_text(redux_context *context, const char *bytes)
{
    json_t *value = json_string(bytes);
    char *ascii;
    if (value != NULL || rdx_strdup(context, &ascii, bytes) != REDUX_OK)
        return value;
    for (char *c = ascii; *c != '\0'; c++)
        if ((unsigned char)*c >= 128)
            *c = '?';
    value = json_string(ascii);
    rdx_free(ascii);
    return value;
}

/* Takes ownership of `value`. */
static redux_status put_json(const rdx_hash_writer *writer, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
    if (text == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "hash list: no memory for JSON");
    const redux_status status = put(writer, text);
    free(text);
    return status;
}

static json_t *json_window(redux_window window)
{
    static const char *const kinds[] = {"auto", "slice", "full"};
    if (window.kind == REDUX_WINDOW_RANGE)
        return json_pack("[f, f]", window.low, window.high);
    return json_string(kinds[window.kind]);
}

static redux_status put_json_head(const rdx_hash_writer *writer, const redux_hash_list *list)
{
    char head[256];
    snprintf(
        head, sizeof head,
        "{\"version\": 1, \"hash\": \"%s\", \"profile\": \"%s\", \"bits\": %lld, \"size\": %d, "
        "\"window\": ",
        redux_hash_name(list->options.hash), redux_hash_profile_name(list->options.profile),
        (long long)list->bits, (int)list->options.size);
    RDX_TRY(put(writer, head));
    RDX_TRY(put_json(writer, json_window(list->options.window)));
    return put(writer, ", \"codes\": [");
}

static redux_status put_json_item(const rdx_hash_writer *writer, redux_context *context,
                                  const redux_hash_item *item, const char *hex, bool with_info)
{
    json_t *object = json_object();
    json_object_set_new(object, "source", json_text(context, item->source));
    json_object_set_new(object, "slice", json_integer(item->slice));
    json_object_set_new(object, "hash", json_string(hex));
    if (with_info) {
        json_object_set_new(object, "quality",
                            item->info.quality < 0 ? json_null()
                                                   : json_integer(item->info.quality));
        json_object_set_new(object, "flags", json_string(flags_text(item->info.flags, "")));
    }
    return put_json(writer, object);
}

/* ---- lists ---- */

static redux_status put_list(const rdx_hash_writer *writer, redux_context *context,
                             const redux_hash_list *list, redux_hash_list_format format,
                             bool with_info)
{
    char hex[2 * RDX_HASH_MOST_BYTES + 1];
    const bool json = format == REDUX_HASH_LIST_JSON, csv = format == REDUX_HASH_LIST_CSV;
    if (format == REDUX_HASH_LIST_BINARY)
        return rdx_hash_list_encode(writer, list);
    if (format == REDUX_HASH_LIST_TEXT) {
        char head[RDX_HASH_LINES_HEAD];
        RDX_TRY(rdx_hash_lines_head(head, &list->options));
        RDX_TRY(put(writer, head));
    }
    if (csv)
        RDX_TRY(
            put(writer, with_info ? "source,slice,hash,quality,flags\n" : "source,slice,hash\n"));
    if (json)
        RDX_TRY(put_json_head(writer, list));
    for (int64_t i = 0; i < list->count; i++) {
        redux_hash_item item;
        RDX_TRY(redux_hash_list_get_item(&item, list, i));
        RDX_TRY(redux_hash_to_text(hex, item.code, &list->options));
        if (json)
            RDX_TRY(put(writer, i == 0 ? "\n" : ",\n"));
        RDX_TRY(json ? put_json_item(writer, context, &item, hex, with_info)
                     : put_line(writer, &item, hex, csv, with_info));
    }
    return json ? put(writer, "\n]}\n") : REDUX_OK;
}

redux_status redux_hash_list_write(const redux_hash_list *list, redux_context *context,
                                   redux_hash_list_format format, int32_t with_info,
                                   redux_hash_write_fn write, void *user)
{
    const rdx_hash_writer writer = {write, user};
    if (list == NULL || write == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_write: an argument is NULL");
    if ((uint64_t)format >= (uint64_t)RDX_COUNT(formats))
        return rdx_fail(REDUX_E_INVALID, "unknown format %d of a hash list", (int)format);
    return put_list(&writer, context, list, format, with_info != 0);
}

/* The commit of the file reports errors of the stream. */
static int write_to_stream(const char *bytes, size_t length, void *user)
{
    fwrite(bytes, 1, length, user);
    return 0;
}

redux_status redux_hash_list_save(const char *path, redux_context *context,
                                  const redux_hash_list *list, redux_hash_list_format format,
                                  int32_t with_info)
{
    rdx_file file;
    if (path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_save: path is NULL");
    if ((uint64_t)format >= (uint64_t)RDX_COUNT(formats))
        return rdx_fail(REDUX_E_INVALID, "unknown format %d of a hash list", (int)format);
    RDX_TRY(rdx_file_begin(&file, context, path, redux_hash_list_mark(format)));
    const redux_status status =
        redux_hash_list_write(list, context, format, with_info, write_to_stream, file.stream);
    if (status != REDUX_OK) {
        rdx_file_abort(&file);
        return status;
    }
    return rdx_file_commit(&file);
}

redux_status redux_hash_list_load(redux_hash_list **out, redux_context *context, const char *path)
{
    unsigned char *bytes;
    size_t size;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_load: an argument is NULL");
    RDX_TRY(rdx_read_whole(&bytes, &size, context, path));
    redux_status status = redux_hash_list_decode(out, context, bytes, size);
    rdx_free(bytes);
    if (status == REDUX_E_FORMAT || status == REDUX_E_UNSUPPORTED) {
        char reason[512];
        snprintf(reason, sizeof reason, "%s", redux_error_message());
        status = rdx_fail(status, "%s: %s", path, reason);
    }
    return status;
}
