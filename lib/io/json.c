/* SPDX-License-Identifier: MIT
 * JSON from and to memory. Jansson 2.14 calls a failed allocation a syntax error; malloc says
 * ENOMEM. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"

/* Parses twice. After a failed allocation Jansson's lexer can lose a byte of a token and continue;
 * two equal results have lost nothing. */
redux_status rdx_json_parse(json_t **out, const void *text, size_t size, size_t flags,
                            const char *path)
{
    json_error_t error, second;
    errno = 0;
    json_t *json = json_loadb(text, size, flags, &error);
    const bool has_memory = json != NULL || (errno != ENOMEM && error.text[0] != '\0');
    json_t *again = has_memory ? json_loadb(text, size, flags, &second) : NULL;
    const bool are_alike =
        (json == NULL) == (again == NULL) && (json == NULL || json_equal(json, again) != 0);
    json_decref(again);
    if (has_memory && are_alike && json != NULL) {
        *out = json;
        return REDUX_OK;
    }
    json_decref(json);
    return has_memory && are_alike
               ? rdx_fail(REDUX_E_FORMAT, "%s: line %d: %s", path, error.line, error.text)
               : rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", path);
}

typedef struct json_text {
    char *bytes;
    size_t used, room;
    bool failed;
} json_text;

static void make_room(json_text *text, size_t size)
{
    const size_t room = 2 * (text->used + size) + 256;
    if (size < text->room - text->used)
        return;
    char *larger = realloc(text->bytes, room);
    if (larger == NULL) {
        text->failed = true;
        return;
    }
    text->bytes = larger;
    text->room = room;
}

/* Keeps a failure: Jansson 2.14 overlooks one at a key and would continue without it. */
static int append(const char *bytes, size_t size, void *user)
{
    json_text *text = user;
    if (!text->failed)
        make_room(text, size);
    if (text->failed)
        return -1;
    memcpy(text->bytes + text->used, bytes, size);
    text->used += size;
    text->bytes[text->used] = '\0';
    return 0;
}

char *rdx_json_text(const json_t *json, size_t flags)
{
    json_text text = {0};
    if (json != NULL && json_dump_callback(json, append, &text, flags) == 0 && !text.failed)
        return text.bytes;
    free(text.bytes);
    return NULL;
}

/* Jansson's constructors fail without a reason; json_pack_ex tells a text that is not UTF-8 from a
 * lack of memory. */
bool rdx_json_takes(const char *text)
{
    json_error_t error;
    json_t *value = json_pack_ex(&error, 0, "s", text);
    const bool is_taken = value != NULL || json_error_code(&error) != json_error_invalid_utf8;
    json_decref(value);
    return is_taken;
}
