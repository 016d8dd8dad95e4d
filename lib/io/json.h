/* SPDX-License-Identifier: MIT
 * JSON from and to memory, through Jansson. */
#ifndef REDUX_LIB_IO_JSON_H
#define REDUX_LIB_IO_JSON_H

#include <jansson.h>
#include "io.h"

/* `flags` are Jansson's; `path` is for messages. Errors: REDUX_E_FORMAT, REDUX_E_NO_MEMORY. The
 * caller decrefs *out. */
redux_status rdx_json_parse(json_t **out, const void *text, size_t size, size_t flags,
                            const char *path);
/* Like json_dumps, which may omit a key when memory is short. NULL: no memory, or not JSON; free()
 * it. */
char *rdx_json_text(const json_t *json, size_t flags);

/* Whether a text is UTF-8: JSON takes nothing else. */
bool rdx_json_takes(const char *text);

#endif
