/* SPDX-License-Identifier: MIT
 * CSV, RFC 4180: read whole, fields unquoted in place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "table.h"

typedef struct reader {
    rdx_table *table;
    redux_context *context;
    char *at, *end;
    int64_t line;
} reader;

static redux_status no_csv(const reader *r, const char *why)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %s", r->table->path, (long long)r->line, why);
}

/* Copies the inside of a quoted field down to *out; r->at is behind its closing quote. */
static redux_status read_quoted(reader *r, char **out)
{
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '"' && (r->at + 1 >= r->end || r->at[1] != '"')) {
            r->at++;
            return REDUX_OK;
        }
        r->at += *r->at == '"';
        r->line += *r->at == '\n';
        *(*out)++ = *r->at;
    }
    return no_csv(r, "a quote is never closed");
}

static bool ends_field(const reader *r)
{
    if (r->at >= r->end || *r->at == ',' || *r->at == '\n')
        return true;
    return *r->at == '\r' && (r->at + 1 >= r->end || r->at[1] == '\n');
}

/* One field; *last: it ended its line, and r->line moves on. */
static redux_status read_field(reader *r, char **field, bool *last)
{
    char *out = r->at;
    *field = out;
    if (r->at < r->end && *r->at == '"') {
        RDX_TRY(read_quoted(r, &out));
        if (!ends_field(r))
            return no_csv(r, "text after a closing quote");
    }
    for (; !ends_field(r); r->at++)
        *out++ = *r->at;
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    *last = r->at >= r->end || *r->at == '\n';
    r->line += r->at < r->end && *r->at == '\n';
    r->at += r->at < r->end;
    *out = '\0'; /* the delimiter has been read, and the text has one byte to spare */
    return REDUX_OK;
}

static redux_status add_field(reader *r, int64_t used, char *field)
{
    void *block = r->table->fields;
    const redux_status status = rdx_grow(r->context, &block, &r->table->field_capacity, used,
                                         used + 1, sizeof *r->table->fields);
    r->table->fields = block;
    if (status == REDUX_OK)
        r->table->fields[used] = field;
    return status;
}

static redux_status read_line(reader *r, bool header)
{
    rdx_table *table = r->table;
    const int64_t begin = header ? 0 : table->columns * (table->rows + 1), line = r->line;
    int64_t count = 0;
    bool last = false;
    while (!last) {
        char *field;
        RDX_TRY(read_field(r, &field, &last));
        RDX_TRY(add_field(r, begin + count++, field));
    }
    if (header) {
        table->columns = count;
        return REDUX_OK;
    }
    if (count != table->columns)
        return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %lld fields, not %lld as in the first line",
                        table->path, (long long)line, (long long)count, (long long)table->columns);
    void *block = table->lines;
    const redux_status status = rdx_grow(r->context, &block, &table->line_capacity, table->rows,
                                         table->rows + 1, sizeof *table->lines);
    table->lines = block;
    if (status == REDUX_OK)
        table->lines[table->rows++] = line;
    return status;
}

static redux_status read_lines(reader *r)
{
    bool header = true;
    if (r->end - r->at >= 3 && memcmp(r->at, "\xEF\xBB\xBF", 3) == 0)
        r->at += 3;
    if (memchr(r->at, '\0', (size_t)(r->end - r->at)) != NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a text file", r->table->path);
    while (r->at < r->end) {
        if (*r->at == '\n' || *r->at == '\r') { /* an empty line */
            r->line += *r->at++ == '\n';
            continue;
        }
        RDX_TRY(read_line(r, header));
        header = false;
    }
    if (header)
        return rdx_fail(REDUX_E_FORMAT, "%s: is empty", r->table->path);
    return REDUX_OK;
}

static redux_status read_text(rdx_table *table, redux_context *context, size_t *size)
{
    unsigned char *bytes;
    void *block;
    RDX_TRY(rdx_read_whole(&bytes, size, context, table->path));
    const redux_status status = rdx_alloc(context, &block, *size + 1, 1);
    if (status == REDUX_OK) {
        table->text = block;
        memcpy(table->text, bytes, *size);
        table->text[*size] = '\0';
    }
    rdx_free(bytes);
    return status;
}

redux_status rdx_table_read(rdx_table *out, redux_context *context, const char *path)
{
    rdx_table table = {0};
    size_t size = 0;
    redux_status status = rdx_strdup(context, &table.path, path);
    if (status == REDUX_OK)
        status = read_text(&table, context, &size);
    if (status == REDUX_OK) {
        reader r = {&table, context, table.text, table.text + size, 1};
        status = read_lines(&r);
    }
    if (status == REDUX_OK)
        *out = table;
    else
        rdx_table_free(&table);
    return status;
}

void rdx_table_free(rdx_table *table)
{
    rdx_free(table->path);
    rdx_free(table->text);
    rdx_free(table->fields);
    rdx_free(table->lines);
    memset(table, 0, sizeof *table);
}

int64_t rdx_table_find(const rdx_table *table, const char *name)
{
    for (int64_t i = 0; i < table->columns; i++)
        if (strcmp(table->fields[i], name) == 0)
            return i;
    return -1;
}

redux_status rdx_table_column(int64_t *out, const rdx_table *table, const char *name)
{
    char list[400] = "";
    size_t used = 0;
    *out = rdx_table_find(table, name);
    if (*out >= 0)
        return REDUX_OK;
    for (int64_t i = 0; i < table->columns && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ",
                                 table->fields[i]);
    return rdx_fail(REDUX_E_NOT_FOUND, "%s: no column '%s'; there are: %s", table->path, name,
                    list);
}

const char *rdx_table_field(const rdx_table *table, int64_t row, int64_t column)
{
    return column < 0 ? NULL : table->fields[(row + 1) * table->columns + column];
}

bool rdx_whole_number(int64_t *out, const char *text)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}
