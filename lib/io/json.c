/* SPDX-License-Identifier: MIT
 * JSON out of memory. Jansson 2.14 calls a failed allocation a syntax error; malloc says ENOMEM. */
#include <errno.h>
#include "json.h"

redux_status rdx_json_parse(json_t **out, const void *text, size_t size, size_t flags,
                            const char *path)
{
    json_error_t error;
    errno = 0;
    json_t *json = json_loadb(text, size, flags, &error);
    if (json == NULL && (errno == ENOMEM || error.text[0] == '\0'))
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", path);
    if (json == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s: line %d: %s", path, error.line, error.text);
    *out = json;
    return REDUX_OK;
}
