/* SPDX-License-Identifier: MIT
 * Lists of codes as lines: what is escaped in them, and reading them back. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hash_list.h"

/* ---- escapes: backslash, tab and line ends of a name, as \\, \t, \n, \r ---- */

static const char plain[] = "\\\t\n\r", escaped[] = "\\tnr";

const char *rdx_hash_escape(char pair[3], char c)
{
    const char *found = c == '\0' ? NULL : strchr(plain, c);
    pair[0] = found == NULL ? c : '\\';
    pair[1] = found == NULL ? '\0' : escaped[found - plain];
    pair[2] = '\0';
    return pair;
}

bool rdx_hash_unescape(char *text)
{
    char *out = text;
    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            *out++ = *text;
            continue;
        }
        text++;
        const char *found = *text == '\0' ? NULL : strchr(escaped, *text);
        if (found == NULL)
            return false;
        *out++ = plain[found - escaped];
    }
    *out = '\0';
    return true;
}

/* ---- the first line ---- */

redux_status rdx_hash_lines_head(char text[RDX_HASH_LINES_HEAD], const redux_hash_options *options)
{
    char window[REDUX_WINDOW_TEXT];
    RDX_TRY(redux_window_to_text(window, options->window));
    snprintf(text, RDX_HASH_LINES_HEAD, RDX_HASH_LINES "%d\t%s\t%s\t%d\t%s\n",
             RDX_HASH_LINES_VERSION, redux_hash_name(options->hash),
             redux_hash_profile_name(options->profile), (int)options->size, window);
    return REDUX_OK;
}

bool rdx_hash_is_lines(const void *bytes, size_t size)
{
    const size_t length = strlen(RDX_HASH_LINES);
    return size >= length && memcmp(bytes, RDX_HASH_LINES, length) == 0;
}

/* The next field of a line, closed by a 0; NULL: there is none. */
static char *next_field(char **line)
{
    char *field = *line;
    if (field == NULL)
        return NULL;
    char *tab = strchr(field, '\t');
    if (tab != NULL)
        *tab = '\0';
    *line = tab == NULL ? NULL : tab + 1;
    return field;
}

static bool whole(int64_t *out, const char *text)
{
    char *end;
    if (text == NULL || !isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static redux_status read_head(redux_hash_options *options, char *line)
{
    int64_t version, size;
    next_field(&line); /* the name of the form */
    if (!whole(&version, next_field(&line)))
        return rdx_fail(REDUX_E_FORMAT, "the first line of the list of hashes has no version");
    if (version > RDX_HASH_LINES_VERSION)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "the list of hashes has version %lld; this library reads version %d",
                        (long long)version, RDX_HASH_LINES_VERSION);
    const char *hash = next_field(&line), *profile = next_field(&line), *side = next_field(&line),
               *window = next_field(&line);
    if (window == NULL || !whole(&size, side) || size < 1 || size > 4096 || version < 1 ||
        redux_hash_parse(&options->hash, hash) != REDUX_OK ||
        redux_hash_profile_parse(&options->profile, profile) != REDUX_OK ||
        redux_window_parse(&options->window, window) != REDUX_OK)
        return rdx_fail(REDUX_E_FORMAT, "the first line of the list of hashes is inconsistent");
    options->size = (int32_t)size;
    return redux_hash_check(options) == REDUX_OK
               ? REDUX_OK
               : rdx_fail(REDUX_E_FORMAT, "the first line of the list of hashes is inconsistent");
}

/* ---- entries ---- */

/* The two columns of quality and flags, or none. */
static bool read_info(redux_hash_info *info, char *line)
{
    static const char *const flags[] = {"-", "flat", "small", "flat+small"};
    static const uint32_t bits[] = {0, REDUX_HASH_FLAT, REDUX_HASH_TOO_SMALL,
                                    REDUX_HASH_FLAT | REDUX_HASH_TOO_SMALL};
    const char *quality = next_field(&line), *flag = next_field(&line);
    int64_t number = RDX_NO_QUALITY;
    *info = (redux_hash_info){RDX_NO_QUALITY, 0};
    if (quality == NULL)
        return true;
    if (flag == NULL || line != NULL || (strcmp(quality, "-") != 0 && !whole(&number, quality)) ||
        number > 100)
        return false;
    info->quality = (int32_t)number;
    for (int i = 0; i < (int)RDX_COUNT(flags); i++)
        if (strcmp(flag, flags[i]) == 0) {
            info->flags = bits[i];
            return true;
        }
    return false;
}

static redux_status read_line(redux_hash_list *list, redux_context *context, char *line,
                              int64_t number)
{
    uint8_t code[RDX_HASH_MOST_BYTES];
    redux_hash_item item = {.code = code};
    char *source = next_field(&line);
    const char *slice = next_field(&line), *hex = next_field(&line);
    item.source = source;
    if (hex == NULL || source[0] == '\0' || !rdx_hash_unescape(source) ||
        !whole(&item.slice, slice) || !read_info(&item.info, line) ||
        redux_hash_from_text(code, hex, &list->options) != REDUX_OK)
        return rdx_fail(REDUX_E_FORMAT,
                        "line %lld of the list of hashes is not SOURCE, SLICE, HEX, by tabs",
                        (long long)number);
    return redux_hash_list_add(list, context, &item);
}

static redux_status read_lines(redux_hash_list *list, redux_context *context, char *text)
{
    for (int64_t number = 2; text != NULL && *text != '\0'; number++) {
        char *end = strchr(text, '\n');
        if (end == NULL)
            return rdx_fail(REDUX_E_FORMAT, "the list of hashes is cut short in line %lld",
                            (long long)number);
        *end = '\0';
        RDX_TRY(read_line(list, context, text, number));
        text = end + 1;
    }
    return REDUX_OK;
}

redux_status rdx_hash_lines_decode(redux_hash_list **out, redux_context *context, const char *bytes,
                                   size_t size)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    redux_hash_list *list = NULL;
    char *text;
    if (memchr(bytes, '\0', size) != NULL)
        return rdx_fail(REDUX_E_FORMAT, "the list of hashes holds a byte 0");
    RDX_TRY(rdx_strndup(context, &text, bytes, size));
    char *end = strchr(text, '\n');
    if (end != NULL)
        *end = '\0';
    redux_status status = end == NULL ? rdx_fail(REDUX_E_FORMAT, "the list of hashes is cut short")
                                      : read_head(&options, text);
    if (status == REDUX_OK)
        status = redux_hash_list_new(&list, context, &options);
    if (status == REDUX_OK)
        status = read_lines(list, context, end + 1);
    rdx_free(text);
    if (status == REDUX_OK)
        *out = list;
    else
        redux_hash_list_free(list);
    return status;
}
