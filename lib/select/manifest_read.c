/* SPDX-License-Identifier: MIT
 * Reading a manifest: its rows, its sources, the summary beside it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/json.h"
#include "manifest_read.h"

enum { SOURCE, SLICE, KEPT, WITNESS_SOURCE, WITNESS_SLICE, SCORE, COLUMNS };
static const char *const columns[COLUMNS] = {"source",         "slice",         "kept",
                                             "witness_source", "witness_slice", "score"};

/* ---- rows ---- */

static bool natural_number(int64_t *out, const char *text)
{
    return rdx_whole_number(out, text) && *out >= 0;
}

static redux_status wrong_field(const rdx_table *table, int64_t row, int column, const char *text)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %s is '%.80s'", table->path,
                    (long long)table->lines[row], columns[column], text);
}

/* at: the index of each column in the table. */
static redux_status fill_row(redux_manifest_row *row, const rdx_table *table, int64_t i,
                             const int64_t at[COLUMNS])
{
    const char *field[COLUMNS];
    int64_t kept;
    char *end;
    for (int c = 0; c < COLUMNS; c++)
        field[c] = rdx_table_field(table, i, at[c]);
    row->source = field[SOURCE];
    row->score = (double)NAN;
    if (row->source[0] == '\0')
        return wrong_field(table, i, SOURCE, field[SOURCE]);
    if (!natural_number(&row->slice, field[SLICE]))
        return wrong_field(table, i, SLICE, field[SLICE]);
    if (!natural_number(&kept, field[KEPT]) || kept > 1)
        return wrong_field(table, i, KEPT, field[KEPT]);
    row->kept = (int32_t)kept;
    row->group = rdx_table_field(table, i, rdx_table_find(table, "group"));
    row->witness_source = field[WITNESS_SOURCE][0] == '\0' ? NULL : field[WITNESS_SOURCE];
    if (row->witness_source != NULL && !natural_number(&row->witness_slice, field[WITNESS_SLICE]))
        return wrong_field(table, i, WITNESS_SLICE, field[WITNESS_SLICE]);
    if (field[SCORE][0] == '\0')
        return REDUX_OK;
    row->score = rdx_parse_double(field[SCORE], &end);
    return *end == '\0' ? REDUX_OK : wrong_field(table, i, SCORE, field[SCORE]);
}

/* Columns are found by name, in any order and among others. */
static redux_status fill_rows(redux_manifest *manifest, redux_context *context)
{
    const rdx_table *table = &manifest->table;
    int64_t at[COLUMNS];
    void *block;
    for (int c = 0; c < COLUMNS; c++) {
        at[c] = rdx_table_find(table, columns[c]);
        if (at[c] < 0)
            return rdx_fail(
                REDUX_E_FORMAT,
                "%s is not a manifest (the .csv that redux-reduce writes): it has no column "
                "'%s'",
                table->path, columns[c]);
    }
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)table->rows, sizeof *manifest->rows));
    manifest->rows = block;
    manifest->count = table->rows;
    for (int64_t i = 0; i < table->rows; i++) {
        redux_manifest_row *row = &manifest->rows[i].row;
        RDX_TRY(fill_row(row, table, i, at));
        if (i > 0 && row->group != NULL && strcmp(row->group, manifest->rows[i - 1].row.group) == 0)
            row->group = manifest->rows[i - 1].row.group; /* which come in runs */
    }
    return REDUX_OK;
}

/* ---- sources ---- */

typedef struct first_seen {
    const char *source;
    int64_t row;
} first_seen;

static int compare_sources(const void *a, const void *b)
{
    const first_seen *x = a, *y = b;
    const int order = strcmp(x->source, y->source);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static int compare_rows(const void *a, const void *b)
{
    const first_seen *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* Gives witnesses the address of their source's name, where it has rows. seen: sorted by name. */
static void share_names(redux_manifest *manifest, const first_seen *seen, int64_t count)
{
    for (int64_t i = 0; i < manifest->count; i++) {
        redux_manifest_row *row = &manifest->rows[i].row;
        const first_seen *low = seen, *end = seen + count;
        while (row->witness_source != NULL && low < end) {
            const first_seen *middle = low + (end - low) / 2;
            const int order = strcmp(row->witness_source, middle->source);
            if (order == 0)
                row->witness_source = middle->source;
            low = order > 0 ? middle + 1 : low;
            end = order > 0 ? end : order < 0 ? middle : low;
        }
    }
}

/* Numbers each source once, by first appearance, and gives the rows their numbers. */
static redux_status list_sources(redux_manifest *manifest, redux_context *context)
{
    const int64_t n = manifest->count;
    void *block, *list;
    RDX_TRY(rdx_alloc(context, &list, (uint64_t)n, sizeof(char *)));
    manifest->sources = list;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)n, sizeof(first_seen)));
    first_seen *seen = block;
    for (int64_t i = 0; i < n; i++)
        seen[i] = (first_seen){manifest->rows[i].row.source, i};
    qsort(seen, (size_t)n, sizeof *seen, compare_sources);
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        const bool is_new = i == 0 || strcmp(seen[i].source, seen[count - 1].source) != 0;
        if (is_new)
            seen[count++] = seen[i];
        manifest->rows[seen[i].row].first_row = seen[count - 1].row;
    }
    share_names(manifest, seen, count);
    qsort(seen, (size_t)count, sizeof *seen, compare_rows);
    for (int64_t i = 0; i < count; i++) {
        manifest->sources[i] = seen[i].source;
        manifest->rows[seen[i].row].source_number = i;
    }
    for (int64_t i = 0; i < n; i++) {
        rdx_manifest_entry *entry = &manifest->rows[i];
        entry->source_number = manifest->rows[entry->first_row].source_number;
        entry->row.source = manifest->sources[entry->source_number];
    }
    manifest->source_count = count;
    rdx_free(block);
    return REDUX_OK;
}

/* ---- loading ---- */

/* NAME.csv -> NAME and `ending`. A name without ".csv" gets it appended. */
static redux_status beside(char **out, redux_context *context, const char *path, const char *ending)
{
    const size_t length = strlen(path);
    const size_t stem = length > 4 && strcmp(path + length - 4, ".csv") == 0 ? length - 4 : length;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, stem + strlen(ending) + 1, 1));
    *out = block;
    memcpy(*out, path, stem);
    memcpy(*out + stem, ending, strlen(ending) + 1);
    return REDUX_OK;
}

redux_status rdx_exemplars_path(char **out, redux_context *context, const char *manifest)
{
    return beside(out, context, manifest, ".exemplars");
}

/* Reads the summary if there is one; not all uses need it. */
static redux_status load_summary(redux_manifest *manifest, redux_context *context)
{
    unsigned char *bytes;
    size_t size;
    if (access(manifest->summary_path, F_OK) != 0)
        return REDUX_OK;
    RDX_TRY(rdx_read_whole(&bytes, &size, context, manifest->summary_path));
    const redux_status status =
        rdx_json_parse(&manifest->summary, bytes, size, 0, manifest->summary_path);
    rdx_free(bytes);
    return status;
}

static redux_status load(redux_manifest *manifest, redux_context *context, const char *path)
{
    RDX_TRY(beside(&manifest->summary_path, context, path, ".json"));
    RDX_TRY(rdx_exemplars_path(&manifest->exemplars_path, context, path));
    RDX_TRY(rdx_table_read(&manifest->table, context, path));
    RDX_TRY(fill_rows(manifest, context));
    RDX_TRY(list_sources(manifest, context));
    return load_summary(manifest, context);
}

redux_status redux_manifest_load(redux_manifest **out, redux_context *context, const char *path)
{
    void *block;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_load: an argument is NULL");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_manifest)));
    redux_manifest *manifest = block;
    const redux_status status = load(manifest, context, path);
    if (status != REDUX_OK) {
        redux_manifest_free(manifest);
        return status;
    }
    *out = manifest;
    return REDUX_OK;
}

void redux_manifest_free(redux_manifest *manifest)
{
    if (manifest == NULL)
        return;
    json_decref(manifest->summary);
    rdx_free(manifest->summary_path);
    rdx_free(manifest->exemplars_path);
    rdx_table_free(&manifest->table);
    rdx_free(manifest->rows);
    rdx_free(manifest->sources);
    rdx_free(manifest);
}

/* ---- asking ---- */

int64_t redux_manifest_row_count(const redux_manifest *manifest)
{
    return manifest->count;
}

redux_status redux_manifest_get_row(redux_manifest_row *out, const redux_manifest *manifest,
                                    int64_t index)
{
    if (out == NULL || manifest == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_get_row: an argument is NULL");
    return redux_manifest_get_rows(out, manifest, index, 1);
}

redux_status redux_manifest_get_rows(redux_manifest_row *out, const redux_manifest *manifest,
                                     int64_t first, int64_t count)
{
    if (out == NULL || manifest == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_get_rows: an argument is NULL");
    RDX_TRY(rdx_check_rows(first, count, manifest->count));
    for (int64_t i = 0; i < count; i++)
        out[i] = manifest->rows[first + i].row;
    return REDUX_OK;
}

const char *const *redux_manifest_sources(const redux_manifest *manifest, int64_t *count)
{
    *count = manifest->source_count;
    return manifest->sources;
}
