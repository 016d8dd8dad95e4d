/* SPDX-License-Identifier: MIT
 * A column of a table by the slices of a dataset: groups, labels, splits. */
#include <stdlib.h>
#include <string.h>
#include <redux/column.h>
#include "data.h"
#include "io/io.h"
#include "io/table.h"

typedef struct reading {
    const redux_dataset *dataset;
    redux_context *context;
    const rdx_table *table;
    int64_t column, file, slice; /* of the table; -1: none */
    const char *what;            /* a value, for messages; NULL: see rdx_column_values */
    int64_t unused, first_unused;
} reading;

/* ---- places ---- */

/* A file, identified by where it is stored rather than by one of its names, and a slice of it. */
typedef struct place {
    rdx_file_identity file;
    const char *key; /* of FILE:KEY, else "" */
    int64_t slice;   /* -1: all */
    int64_t line;    /* row of the table */
} place;

static int compare_places(const void *left, const void *right)
{
    const place *a = left, *b = right;
    int order = rdx_file_identity_compare(&a->file, &b->file);
    if (order == 0)
        order = strcmp(a->key, b->key);
    return order != 0 ? order : (a->slice > b->slice) - (a->slice < b->slice);
}

/* Where the source is: false if there is no such file. */
static bool identify(place *out, const char *source)
{
    char file[4200];
    size_t length;
    redux_source_is_volume(&length, source);
    out->key = source[length] == ':' ? source + length + 1 : "";
    snprintf(file, sizeof file, "%.*s", (int)length, source);
    return length < sizeof file && rdx_file_identify(&out->file, file);
}

static redux_status wrong_line(const rdx_table *table, int64_t row, const char *what,
                               const char *text)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %s '%.200s'", table->path,
                    (long long)table->lines[row], what, text);
}

/* Paths are relative to the table's folder. *found: there is such a file. */
static redux_status read_place(place *out, bool *found, const reading *r, int64_t row)
{
    const rdx_table *table = r->table;
    const char *name = rdx_table_field(table, row, r->file),
               *text = rdx_table_field(table, row, r->slice);
    char *path;
    out->line = row;
    out->slice = -1;
    if (text != NULL && (!rdx_whole_number(&out->slice, text) || out->slice < 0))
        return wrong_line(table, row, "no slice number:", text);
    RDX_TRY(rdx_beside(&path, r->context, table->path, name));
    *found = identify(out, path);
    out->key = out->key[0] == '\0' ? "" : name + (strlen(name) - strlen(out->key));
    rdx_free(path);
    return *found || r->what == NULL
               ? REDUX_OK
               : wrong_line(table, row,
                            "no such file beside the table, to which names are relative:", name);
}

static redux_status refuse_second(const reading *r, const place *a, const place *b)
{
    char what[64];
    const int64_t line = RDX_MAX(a->line, b->line);
    snprintf(what, sizeof what, "a second %s for", r->what == NULL ? "value" : r->what);
    return wrong_line(r->table, line, what, rdx_table_field(r->table, line, r->file));
}

/* Sorted; lines about files that are not there are left out. */
static redux_status read_places(place *places, int64_t *count, const reading *r)
{
    const rdx_table *table = r->table;
    *count = 0;
    for (int64_t i = 0; i < table->rows; i++) {
        char what[64];
        bool found;
        RDX_TRY(read_place(&places[*count], &found, r, i));
        *count += found;
        snprintf(what, sizeof what, "no %s for", r->what == NULL ? "value" : r->what);
        if (r->what != NULL && rdx_table_field(table, i, r->column)[0] == '\0')
            return wrong_line(table, i, what, rdx_table_field(table, i, r->file));
    }
    qsort(places, (size_t)*count, sizeof *places, compare_places);
    for (int64_t i = 1; i < *count; i++)
        if (compare_places(&places[i - 1], &places[i]) == 0 &&
            strcmp(rdx_table_field(table, places[i - 1].line, r->column),
                   rdx_table_field(table, places[i].line, r->column)) != 0)
            return refuse_second(r, &places[i - 1], &places[i]);
    return REDUX_OK;
}

/* A line about the slice comes before one about its volume, and that before one about its file. */
static const place *find_place(place wanted, const place *places, size_t count)
{
    const place *found = bsearch(&wanted, places, count, sizeof *places, compare_places);
    wanted.slice = -1;
    if (found == NULL)
        found = bsearch(&wanted, places, count, sizeof *places, compare_places);
    wanted.key = "";
    if (found == NULL)
        found = bsearch(&wanted, places, count, sizeof *places, compare_places);
    return found;
}

/* Finds the table's line for each slice; `used` marks the lines that were. */
static redux_status apply_places(const char **values, const reading *r, const place *places,
                                 int64_t count, uint8_t *used)
{
    for (int64_t row = 0; row < r->dataset->slices; row++) {
        place wanted = {.line = 0};
        const char *source;
        RDX_TRY(rdx_dataset_row_name(&source, &wanted.slice, r->dataset, row));
        if (!identify(&wanted, source))
            continue;
        const place *found = find_place(wanted, places, (size_t)count);
        if (found == NULL)
            continue;
        values[row] = rdx_table_field(r->table, found->line, r->column);
        used[found->line] = 1;
    }
    return REDUX_OK;
}

/* One table often describes more than one input, so lines about other files are no error. */
static void count_unused(reading *r, const uint8_t *used)
{
    r->first_unused = -1;
    for (int64_t i = 0; i < r->table->rows; i++) {
        if (used[i])
            continue;
        r->first_unused = r->unused == 0 ? r->table->lines[i] : r->first_unused;
        r->unused++;
    }
    if (r->unused > 0)
        rdx_log(r->context, REDUX_LOG_INFO,
                "%s: %lld of %lld lines name slices that are not in the input, the first in line "
                "%lld",
                r->table->path, (long long)r->unused, (long long)r->table->rows,
                (long long)r->first_unused);
}

static redux_status read_values(const char **values, reading *r, const char *column)
{
    void *places = NULL, *used = NULL;
    int64_t count;
    RDX_TRY(rdx_table_column(&r->column, r->table, column));
    RDX_TRY(rdx_table_column(&r->file, r->table, "file"));
    r->slice = rdx_table_find(r->table, "slice");
    const uint64_t rows = (uint64_t)r->table->rows;
    redux_status status = rdx_alloc_zero(r->context, &places, rows, sizeof(place));
    if (status == REDUX_OK)
        status = rdx_alloc_zero(r->context, &used, rows, 1);
    if (status == REDUX_OK)
        status = read_places(places, &count, r);
    if (status == REDUX_OK)
        status = apply_places(values, r, places, count, used);
    if (status == REDUX_OK)
        count_unused(r, used);
    rdx_free(places);
    rdx_free(used);
    return status;
}

redux_status rdx_column_values(const char **values, redux_context *context,
                               const redux_dataset *dataset, const rdx_table *table,
                               const char *column, const char *what)
{
    reading r = {.dataset = dataset, .context = context, .table = table, .what = what};
    return read_values(values, &r, column);
}

/* ---- values by number ---- */

struct redux_column {
    rdx_table table;    /* owns the texts */
    const char **names; /* sorted, each once */
    int64_t *of;        /* the value of each slice, or -1 */
    int64_t count, slices, unused, first_unused;
};

static int compare_numbers(const void *left, const void *right)
{
    int64_t a = 0, b = 0;
    rdx_whole_number(&a, *(const char *const *)left);
    rdx_whole_number(&b, *(const char *const *)right);
    return (a > b) - (a < b);
}

static bool is_value(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* Of each slice's text its number among all texts. */
static redux_status number_values(redux_column *column, redux_context *context,
                                  const char *const *texts)
{
    int64_t number, count = 0;
    bool whole = true;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)column->slices + 1, sizeof(char *)));
    column->names = block;
    for (int64_t i = 0; i < column->slices; i++)
        if (is_value(texts[i])) {
            whole = whole && rdx_whole_number(&number, texts[i]);
            column->names[count++] = texts[i];
        }
    int (*const compare)(const void *, const void *) = whole ? compare_numbers : rdx_compare_texts;
    qsort(column->names, (size_t)count, sizeof *column->names, compare);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || compare(&column->names[column->count - 1], &column->names[i]) != 0)
            column->names[column->count++] = column->names[i];
    for (int64_t i = 0; i < column->slices; i++) {
        const char **found = is_value(texts[i])
                                 ? bsearch(&texts[i], column->names, (size_t)column->count,
                                           sizeof *column->names, compare)
                                 : NULL;
        column->of[i] = found == NULL ? -1 : found - column->names;
    }
    return REDUX_OK;
}

static redux_status fill(redux_column *column, redux_context *context, const redux_dataset *dataset,
                         const char *path, const char *name)
{
    reading r = {.dataset = dataset, .context = context, .table = &column->table};
    void *texts;
    RDX_TRY(rdx_table_read(&column->table, context, path));
    column->slices = dataset->slices;
    RDX_TRY(rdx_alloc(context, &texts, (uint64_t)dataset->slices + 1, sizeof *column->of));
    column->of = texts;
    RDX_TRY(rdx_alloc_zero(context, &texts, (uint64_t)dataset->slices + 1, sizeof(char *)));
    redux_status status = read_values(texts, &r, name);
    if (status == REDUX_OK)
        status = number_values(column, context, texts);
    rdx_free(texts);
    column->unused = r.unused;
    column->first_unused = r.first_unused;
    return status;
}

redux_status redux_column_read(redux_column **out, redux_context *context,
                               const redux_dataset *dataset, const char *path, const char *column)
{
    void *block;
    if (out == NULL || dataset == NULL || path == NULL || column == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_column_read: an argument is NULL");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_column)));
    const redux_status status = fill(block, context, dataset, path, column);
    if (status != REDUX_OK) {
        redux_column_free(block);
        return status;
    }
    *out = block;
    return REDUX_OK;
}

void redux_column_free(redux_column *column)
{
    if (column == NULL)
        return;
    rdx_table_free(&column->table);
    rdx_free(column->names);
    rdx_free(column->of);
    rdx_free(column);
}

int64_t redux_column_count(const redux_column *column)
{
    return column == NULL ? 0 : column->count;
}

const char *redux_column_name(const redux_column *column, int64_t value)
{
    return value < 0 || value >= redux_column_count(column) ? NULL : column->names[value];
}

int64_t redux_column_value(const redux_column *column, int64_t slice)
{
    return column == NULL || slice < 0 || slice >= column->slices ? -1 : column->of[slice];
}

int64_t redux_column_unused(int64_t *first, const redux_column *column)
{
    if (first != NULL)
        *first = column == NULL ? -1 : column->first_unused;
    return column == NULL ? 0 : column->unused;
}
