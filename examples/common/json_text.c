/* SPDX-License-Identifier: MIT
 * Names as JSON. */
#include "json_text.h"
#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *bytes)
{
    json_t *value = json_string(bytes);
    char *ascii = value != NULL ? NULL : strdup(bytes);
    if (ascii == NULL)
        return value;
    for (char *c = ascii; *c != '\0'; c++)
        if ((unsigned char)*c >= 128)
            *c = '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

void json_append(json_t **list, json_t *value)
{
    if (*list == NULL || json_array_append_new(*list, value) != 0) {
        json_decref(*list == NULL ? value : *list);
        *list = NULL;
    }
}
