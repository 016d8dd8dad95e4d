/* SPDX-License-Identifier: MIT
 * Tables of text: CSV with a first line that names the columns. Internal. */
#ifndef RDX_TABLE_H
#define RDX_TABLE_H

#include "base/base.h"

/* Fields point into `text`, which holds the file with fields unquoted in place. */
typedef struct rdx_table {
    char *path, *text;
    char **fields;  /* the names of the columns, then row after row */
    int64_t *lines; /* of the file, from 1: where each row begins */
    int64_t columns, rows;
    int64_t field_capacity, line_capacity;
} rdx_table;

/* RFC 4180. "\n" ends lines too; empty lines and a byte order mark are skipped. Every row has as
 * many fields as the first. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT (with the line),
 * REDUX_E_NO_MEMORY. On failure nothing is left to free. */
redux_status rdx_table_read(rdx_table *out, redux_context *context, const char *path);
void rdx_table_free(rdx_table *table);

/* The number of the column of that name, or -1. */
int64_t rdx_table_find(const rdx_table *table, const char *name);
/* The same; REDUX_E_NOT_FOUND, with the list of columns, if there is none. */
redux_status rdx_table_column(int64_t *out, const rdx_table *table, const char *name);
/* The field of a row, NULL for column -1. */
const char *rdx_table_field(const rdx_table *table, int64_t row, int64_t column);
/* All of `text` as a whole number. */
bool rdx_whole_number(int64_t *out, const char *text);

#endif
