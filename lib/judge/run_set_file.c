/* SPDX-License-Identifier: MIT
 * The runs of a file of predictions. */
#include <stdlib.h>
#include <string.h>
#include "io/table.h"
#include "run_set.h"

enum { SEED, FOLD, SOURCE, SLICE, GROUP, LABEL, COLUMNS };
static const char *const column_names[COLUMNS] = {"seed",  "fold",  "source",
                                                  "slice", "group", "label"};

typedef struct item {
    int64_t seed, fold, slice, row, group;
    const char *source, *group_name;
    int32_t label;
} item;

typedef struct file {
    rdx_table table;
    item *items;        /* sorted by run and name */
    const char **names; /* [rows]: of the groups of one run */
    double *probabilities;
    int64_t *groups;
    int32_t *labels;
    int64_t columns[COLUMNS], classes, first; /* first: column of the first class */
} file;

static redux_status no_predictions(const file *f, int64_t row, const char *what)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: no %s", f->table.path,
                    (long long)f->table.lines[row], what);
}

static redux_status find_columns(file *f)
{
    const rdx_table *t = &f->table;
    for (int i = 0; i < COLUMNS; i++)
        f->columns[i] = rdx_table_find(t, column_names[i]);
    RDX_TRY(rdx_table_column(&f->columns[SOURCE], t, "source"));
    RDX_TRY(rdx_table_column(&f->columns[SLICE], t, "slice"));
    RDX_TRY(rdx_table_column(&f->columns[LABEL], t, "label"));
    f->first = t->columns;
    while (f->first > 0 && strncmp(t->fields[f->first - 1], "p_", 2) == 0)
        f->first--;
    f->classes = t->columns - f->first;
    if (f->classes < 2 || t->rows == 0)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: no predictions: it has no columns 'p_CLASS', or no rows", t->path);
    return REDUX_OK;
}

/* A whole number, `otherwise` where the column is missing or the field empty. */
static redux_status read_number(int64_t *out, const file *f, int64_t row, int column,
                                int64_t otherwise)
{
    const char *text = rdx_table_field(&f->table, row, f->columns[column]);
    *out = otherwise;
    if (text == NULL || *text == '\0' || rdx_whole_number(out, text))
        return REDUX_OK;
    return no_predictions(f, row, column_names[column]);
}

static redux_status read_item(item *out, const file *f, int64_t row)
{
    const rdx_table *t = &f->table;
    const char *label = rdx_table_field(t, row, f->columns[LABEL]);
    *out = (item){.row = row, .label = -1};
    out->source = rdx_table_field(t, row, f->columns[SOURCE]);
    out->group_name = rdx_table_field(t, row, f->columns[GROUP]);
    if (out->group_name == NULL)
        out->group_name = out->source;
    RDX_TRY(read_number(&out->seed, f, row, SEED, 0));
    RDX_TRY(read_number(&out->fold, f, row, FOLD, -1));
    if (out->fold < -1 || out->fold > INT32_MAX || out->seed < 0)
        return no_predictions(f, row, "such run");
    if (!rdx_whole_number(&out->slice, rdx_table_field(t, row, f->columns[SLICE])))
        return no_predictions(f, row, "slice number");
    for (int64_t c = 0; c < f->classes; c++)
        if (strcmp(t->fields[f->first + c] + 2, label) == 0)
            out->label = (int32_t)c;
    return out->label < 0 ? no_predictions(f, row, "such class") : REDUX_OK;
}

static int compare_runs(const item *x, const item *y)
{
    if (x->seed != y->seed)
        return x->seed < y->seed ? -1 : 1;
    return (x->fold > y->fold) - (x->fold < y->fold);
}

static int by_name(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const int run = compare_runs(x, y), source = strcmp(x->source, y->source);
    if (run != 0)
        return run;
    return source != 0 ? source : (x->slice > y->slice) - (x->slice < y->slice);
}

static int by_group(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const int order = strcmp(x->group_name, y->group_name);
    return order != 0 ? order : by_name(a, b);
}

static redux_status read_probabilities(double *out, const file *f, int64_t row)
{
    for (int64_t c = 0; c < f->classes; c++) {
        const char *text = rdx_table_field(&f->table, row, f->first + c);
        char *end;
        out[c] = rdx_parse_double(text, &end);
        if (end == text || *end != '\0' || !(out[c] >= 0 && out[c] <= 1))
            return no_predictions(f, row, "probability");
    }
    return REDUX_OK;
}

/* ---- from a file to runs ---- */

/* The groups of a run's items, which are sorted by group name on return. */
static void number_groups(file *f, item *items, int64_t count)
{
    int64_t groups = 0;
    qsort(items, (size_t)count, sizeof *items, by_group);
    for (int64_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(items[i].group_name, items[i - 1].group_name) != 0)
            f->names[groups++] = items[i].group_name;
        items[i].group = groups - 1;
    }
}

static redux_status add_run(redux_run_set *set, redux_context *context, file *f, item *items,
                            int64_t count, int32_t positive)
{
    const int64_t shape[2] = {count, f->classes};
    redux_predictions p = REDUX_PREDICTIONS_INIT;
    redux_tensor labels, groups, scores;
    number_groups(f, items, count);
    for (int64_t i = 0; i < count; i++) {
        RDX_TRY(read_probabilities(f->probabilities + i * f->classes, f, items[i].row));
        f->groups[i] = items[i].group;
        f->labels[i] = items[i].label;
    }
    RDX_TRY(redux_tensor_borrow(&labels, f->labels, REDUX_INT32, 1, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&groups, f->groups, REDUX_INT64, 1, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&scores, f->probabilities, REDUX_FLOAT64, 2, shape, NULL));
    p.labels = &labels;
    p.groups = &groups;
    p.scores = &scores;
    p.positive = f->classes == 2 ? positive : 1;
    return redux_run_set_add(set, context, (uint64_t)items->seed, (int32_t)items->fold, &p,
                             f->names);
}

static redux_status add_runs(redux_run_set *set, redux_context *context, file *f, int32_t positive)
{
    const int64_t rows = f->table.rows;
    for (int64_t i = 1; i < rows; i++)
        if (by_name(&f->items[i - 1], &f->items[i]) == 0)
            return no_predictions(f, f->items[i].row,
                                  "other slice: this one was in the run before");
    for (int64_t first = 0, end = 0; first < rows; first = end) {
        while (end < rows && compare_runs(&f->items[first], &f->items[end]) == 0)
            end++;
        RDX_TRY(add_run(set, context, f, f->items + first, end - first, positive));
    }
    return REDUX_OK;
}

/* The classes of a set are those of its first file. */
static redux_status settle_classes(redux_run_set *set, redux_context *context, const file *f)
{
    void *block;
    if (set->count > 0 && set->classes != f->classes)
        return rdx_fail(REDUX_E_INVALID, "%s: %lld classes, the runs before it have %lld",
                        f->table.path, (long long)f->classes, (long long)set->classes);
    for (int64_t c = 0; set->class_names != NULL && c < f->classes; c++)
        if (strcmp(set->class_names[c], f->table.fields[f->first + c] + 2) != 0)
            return rdx_fail(REDUX_E_INVALID,
                            "%s: class %lld is '%.80s', in the runs before '%.80s'", f->table.path,
                            (long long)c, f->table.fields[f->first + c] + 2, set->class_names[c]);
    if (set->class_names != NULL)
        return REDUX_OK;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)f->classes, sizeof(char *)));
    char **names = block;
    redux_status status = REDUX_OK;
    for (int64_t c = 0; c < f->classes && status == REDUX_OK; c++)
        status = rdx_strdup(context, &names[c], f->table.fields[f->first + c] + 2);
    if (status != REDUX_OK) {
        rdx_set_free_names(names, f->classes);
        return status;
    }
    set->class_names = names;
    set->classes = f->classes;
    return REDUX_OK;
}

static redux_status read_file(file *f, redux_context *context, const char *path)
{
    void *block;
    RDX_TRY(rdx_table_read(&f->table, context, path));
    RDX_TRY(find_columns(f));
    const uint64_t rows = (uint64_t)f->table.rows;
    RDX_TRY(rdx_alloc(context, &block, rows, sizeof(item)));
    f->items = block;
    RDX_TRY(rdx_alloc(context, &block, rows, sizeof(char *)));
    f->names = block;
    RDX_TRY(rdx_alloc(context, &block, rows, sizeof(int64_t)));
    f->groups = block;
    RDX_TRY(rdx_alloc(context, &block, rows, sizeof(int32_t)));
    f->labels = block;
    RDX_TRY(rdx_alloc(context, &block, rows * (uint64_t)f->classes, sizeof(double)));
    f->probabilities = block;
    for (int64_t i = 0; i < f->table.rows; i++)
        RDX_TRY(read_item(&f->items[i], f, i));
    qsort(f->items, (size_t)rows, sizeof *f->items, by_name);
    return REDUX_OK;
}

static void free_file(file *f)
{
    rdx_table_free(&f->table);
    rdx_free(f->items);
    rdx_free(f->names);
    rdx_free(f->groups);
    rdx_free(f->labels);
    rdx_free(f->probabilities);
}

redux_status redux_run_set_load(redux_run_set *set, redux_context *context, const char *path,
                                int32_t positive)
{
    file f = {0};
    if (set == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_run_set_load: an argument is NULL");
    const int64_t before = set->count;
    redux_status status = read_file(&f, context, path);
    if (status == REDUX_OK)
        status = settle_classes(set, context, &f);
    if (status == REDUX_OK)
        status = add_runs(set, context, &f, positive);
    while (status != REDUX_OK && set->count > before)
        rdx_set_run_free(&set->runs[--set->count]);
    if (set->count == 0) { /* the classes were this file's */
        rdx_set_free_names(set->class_names, set->classes);
        set->class_names = NULL;
    }
    free_file(&f);
    return status;
}
