/* SPDX-License-Identifier: MIT
 * Names as JSON. */
#ifndef REDUX_EXAMPLES_JSON_TEXT_H
#define REDUX_EXAMPLES_JSON_TEXT_H

#include <jansson.h>

/* Paths are bytes, JSON is UTF-8: in names that are not UTF-8, bytes beyond ASCII become "?", as in
 * the library's own JSON. NULL: no memory. */
json_t *json_text(const char *bytes);
/* Appends to a list, or sets it to NULL (after a release) if that or the value failed. */
void json_append(json_t **list, json_t *value);

#endif
