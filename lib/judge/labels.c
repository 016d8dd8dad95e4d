/* SPDX-License-Identifier: MIT
 * Labels from tables: which class, group and split each slice has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/data.h"
#include "labels.h"

/* ---- texts to numbers ---- */

/* A distinct text of a column, in order of appearance. */
typedef struct value {
    const char *text;
    int64_t number;
} value;

static int compare_texts(const void *a, const void *b)
{
    return strcmp(((const value *)a)->text, ((const value *)b)->text);
}

static int compare_numbers(const void *a, const void *b)
{
    const value *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Numbers the distinct texts of a column in order of appearance: *names (owned by the caller), and
 * of[row]. */
static redux_status number_texts(const char ***names, int64_t *name_count, int64_t *of,
                                 redux_context *context, const rdx_table *table, int64_t column,
                                 bool by_value)
{
    int (*const compare)(const void *, const void *) = by_value ? compare_numbers : compare_texts;
    void *block, *list;
    int64_t count = 0;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)table->rows, sizeof(value)));
    value *values = block;
    for (int64_t i = 0; i < table->rows; i++) {
        values[i].text = rdx_table_field(table, i, column);
        values[i].number = 0;
        if (by_value)
            rdx_whole_number(&values[i].number, values[i].text);
    }
    qsort(values, (size_t)table->rows, sizeof *values, compare);
    for (int64_t i = 0; i < table->rows; i++)
        if (i == 0 || compare(&values[count - 1], &values[i]) != 0)
            values[count++] = values[i];
    const redux_status status = rdx_alloc(context, &list, (uint64_t)count, sizeof(char *));
    if (status == REDUX_OK) {
        *names = list;
        *name_count = count;
        for (int64_t i = 0; i < count; i++)
            (*names)[i] = values[i].text;
        for (int64_t i = 0; i < table->rows; i++) {
            value wanted = {rdx_table_field(table, i, column), 0};
            if (by_value)
                rdx_whole_number(&wanted.number, wanted.text);
            const value *found = bsearch(&wanted, values, (size_t)count, sizeof *values, compare);
            of[i] = found == NULL ? 0 : found - values;
        }
    }
    rdx_free(block);
    return status;
}

static redux_status wrong_field(const rdx_table *table, int64_t row, const char *what,
                                const char *text)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %s '%.80s'", table->path,
                    (long long)table->lines[row], what, text);
}

static redux_status read_classes(redux_labels *labels, redux_context *context, int64_t column,
                                 int64_t *of)
{
    const rdx_table *table = &labels->table;
    bool by_value = true;
    for (int64_t i = 0; i < table->rows; i++) {
        const char *text = rdx_table_field(table, i, column);
        int64_t number;
        if (text[0] == '\0')
            return wrong_field(table, i, "no label:", text);
        by_value = by_value && rdx_whole_number(&number, text);
    }
    RDX_TRY(
        number_texts(&labels->classes, &labels->class_count, of, context, table, column, by_value));
    if (labels->class_count < 2)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: all labels are '%.80s': at least two classes are needed", table->path,
                        labels->classes[0]);
    if (labels->class_count > 65536)
        return rdx_fail(REDUX_E_FORMAT, "%s: %lld classes in column '%.80s': too many", table->path,
                        (long long)labels->class_count, table->fields[column]);
    for (int64_t i = 0; i < table->rows; i++)
        labels->rows[i].label = (int32_t)of[i];
    return REDUX_OK;
}

static redux_status read_groups(redux_labels *labels, redux_context *context, int64_t column,
                                int64_t *of)
{
    const rdx_table *table = &labels->table;
    for (int64_t i = 0; i < table->rows; i++)
        if (rdx_table_field(table, i, column)[0] == '\0')
            return wrong_field(table, i, "no group:", "");
    RDX_TRY(number_texts(&labels->groups, &labels->group_count, of, context, table, column, false));
    for (int64_t i = 0; i < table->rows; i++)
        labels->rows[i].group = of[i];
    return REDUX_OK;
}

/* ---- splits ---- */

redux_status redux_split_parse(redux_split *out, const char *text)
{
    static const struct {
        const char *name;
        redux_split split;
    } names[] = {{"train", REDUX_SPLIT_TRAIN},           {"training", REDUX_SPLIT_TRAIN},
                 {"val", REDUX_SPLIT_VALIDATION},        {"valid", REDUX_SPLIT_VALIDATION},
                 {"validation", REDUX_SPLIT_VALIDATION}, {"test", REDUX_SPLIT_TEST}};
    if (out == NULL || text == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_split_parse: an argument is NULL");
    for (int64_t i = 0; i < RDX_COUNT(names); i++)
        if (strcmp(names[i].name, text) == 0) {
            *out = names[i].split;
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_NOT_FOUND, "unknown split '%.80s': expected train, val or test", text);
}

/* A group in two splits is leakage by the table's own account, so it is refused. */
static redux_status check_divided(const redux_labels *labels, redux_context *context)
{
    void *block;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)labels->group_count, sizeof(int64_t)));
    int64_t *first = block; /* row */
    for (int64_t g = 0; g < labels->group_count; g++)
        first[g] = -1;
    for (int64_t i = 0; i < labels->count && status == REDUX_OK; i++) {
        const redux_label_row *row = &labels->rows[i];
        if (first[row->group] < 0)
            first[row->group] = i;
        else if (labels->rows[first[row->group]].split != row->split)
            status = rdx_fail(REDUX_E_FORMAT,
                              "%s: group '%.80s' lies in two splits (lines %lld and %lld)",
                              labels->table.path, labels->groups[row->group],
                              (long long)labels->table.lines[first[row->group]],
                              (long long)labels->table.lines[i]);
    }
    rdx_free(block);
    return status;
}

static redux_status read_splits(redux_labels *labels, redux_context *context, int64_t column,
                                bool allow_divided)
{
    for (int64_t i = 0; i < labels->count; i++) {
        labels->rows[i].split = REDUX_SPLIT_NONE;
        if (column >= 0 &&
            redux_split_parse(&labels->rows[i].split, rdx_table_field(&labels->table, i, column)) !=
                REDUX_OK)
            return wrong_field(&labels->table, i, "neither train, val nor test:",
                               rdx_table_field(&labels->table, i, column));
    }
    labels->has_splits = column >= 0;
    return column < 0 || allow_divided ? REDUX_OK : check_divided(labels, context);
}

/* ---- slices ---- */

/* Finds a slice of the dataset by the table's name for it. */
typedef struct place {
    const char *path;
    int64_t slice, number;
} place;

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->slice > y->slice) - (x->slice < y->slice);
}

static redux_status list_places(place *places, const redux_dataset *dataset)
{
    const int64_t rows = redux_dataset_slice_count(dataset);
    for (int64_t row = 0; row < rows; row++) {
        RDX_TRY(rdx_dataset_row_name(&places[row].path, &places[row].slice, dataset, row));
        places[row].number = row;
    }
    qsort(places, (size_t)rows, sizeof *places, compare_places);
    return REDUX_OK;
}

/* seen[slice]: the row that has it already, or -1. */
static redux_status find_slice(redux_labels *labels, int64_t row, int64_t column, const char *path,
                               const place *places, int64_t *seen)
{
    const rdx_table *table = &labels->table;
    const int64_t total = redux_dataset_slice_count(labels->dataset);
    place wanted = {path, 0, 0};
    const char *text = rdx_table_field(table, row, column);
    if (text != NULL && (!rdx_whole_number(&wanted.slice, text) || wanted.slice < 0))
        return wrong_field(table, row, "no slice number:", text);
    const place *found = bsearch(&wanted, places, (size_t)total, sizeof *places, compare_places);
    if (found == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s: line %lld: %s has no slice %lld", table->path,
                        (long long)table->lines[row], path, (long long)wanted.slice);
    if (seen[found->number] >= 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: lines %lld and %lld both label slice %lld of %s",
                        table->path, (long long)table->lines[seen[found->number]],
                        (long long)table->lines[row], (long long)wanted.slice, path);
    seen[found->number] = row;
    labels->rows[row].slice = found->number;
    return REDUX_OK;
}

static redux_status find_slices(redux_labels *labels, redux_context *context, int64_t column,
                                char *const *paths, const int64_t *file_of)
{
    const int64_t total = redux_dataset_slice_count(labels->dataset);
    void *places, *seen;
    RDX_TRY(rdx_alloc(context, &places, (uint64_t)total, sizeof(place)));
    redux_status status = rdx_alloc(context, &seen, (uint64_t)total, sizeof(int64_t));
    if (status == REDUX_OK) {
        memset(seen, -1, (size_t)total * sizeof(int64_t));
        status = list_places(places, labels->dataset);
        for (int64_t i = 0; i < labels->count && status == REDUX_OK; i++)
            status = find_slice(labels, i, column, paths[file_of[i]], places, seen);
        rdx_free(seen);
    }
    rdx_free(places);
    return status;
}

/* ---- files ---- */

/* The message about a missing file names the line. FILE.npz:KEY is left to the dataset. */
static redux_status list_files(char **paths, int64_t *order, const char *const *files,
                               int64_t count, redux_context *context, const rdx_table *table,
                               const int64_t *file_of)
{
    int64_t used = 0;
    for (int64_t i = 0; i < table->rows; i++) {
        char **path = &paths[file_of[i]];
        if (*path != NULL)
            continue;
        if (files[file_of[i]][0] == '\0')
            return wrong_field(table, i, "no file:", "");
        RDX_TRY(rdx_beside(path, context, table->path, files[file_of[i]]));
        if (access(*path, F_OK) != 0 && strstr(*path, ".npz:") == NULL)
            return rdx_fail(REDUX_E_NOT_FOUND, "%s: line %lld: no file %s", table->path,
                            (long long)table->lines[i], *path);
        order[used++] = file_of[i];
    }
    (void)count;
    return REDUX_OK;
}

/* Opens the files in the order of the table; file_of[row] numbers them. */
static redux_status open_files(redux_labels *labels, redux_context *context, char **paths,
                               int64_t *order, const char *const *files, int64_t count,
                               const int64_t *file_of, const redux_labels_options *known)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    void *block;
    options.orientation = known->orientation;
    options.group_by = known->group_by;
    options.frame = known->frame;
    RDX_TRY(list_files(paths, order, files, count, context, &labels->table, file_of));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(char *)));
    const char **list = block;
    for (int64_t i = 0; i < count; i++)
        list[i] = paths[order[i]];
    const redux_status status =
        redux_dataset_open(&labels->dataset, context, list, count, &options);
    rdx_free(block);
    return status;
}

/* file_of: room for a number a row. */
static redux_status read_files(redux_labels *labels, redux_context *context, int64_t file,
                               int64_t slice, int64_t *file_of, const redux_labels_options *options)
{
    const char **files;
    int64_t count;
    void *paths, *order;
    RDX_TRY(number_texts(&files, &count, file_of, context, &labels->table, file, false));
    redux_status status = rdx_alloc_zero(context, &paths, (uint64_t)count, sizeof(char *));
    if (status == REDUX_OK) {
        status = rdx_alloc(context, &order, (uint64_t)count, sizeof(int64_t));
        if (status == REDUX_OK)
            status = open_files(labels, context, paths, order, files, count, file_of, options);
        if (status == REDUX_OK)
            status = find_slices(labels, context, slice, paths, file_of);
        rdx_free(order);
        for (int64_t i = 0; i < count; i++)
            rdx_free(((char **)paths)[i]);
        rdx_free(paths);
    }
    rdx_free(files);
    return status;
}

/* ---- loading ---- */

/* The groups of the dataset's slices; those without a labelled slice do not count. */
static redux_status take_groups(redux_labels *labels, redux_context *context)
{
    const redux_dataset *dataset = labels->dataset;
    const int64_t count = redux_dataset_group_count(dataset);
    void *numbers, *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(char *)));
    labels->groups = block;
    RDX_TRY(rdx_alloc(context, &numbers, (uint64_t)count, sizeof(int64_t)));
    int64_t *number = numbers;
    memset(number, -1, (size_t)count * sizeof *number);
    for (int64_t i = 0; i < labels->count; i++) {
        const int64_t g = rdx_dataset_group_of(dataset, labels->rows[i].slice);
        if (number[g] < 0) {
            number[g] = labels->group_count++;
            labels->groups[number[g]] = redux_dataset_group_name(dataset, g);
        }
        labels->rows[i].group = number[g];
    }
    rdx_free(numbers);
    return REDUX_OK;
}

static redux_status read_columns(redux_labels *labels, redux_context *context,
                                 const redux_labels_options *options, int64_t *numbers)
{
    const rdx_table *table = &labels->table;
    const int64_t slice = rdx_table_find(table, "slice");
    int64_t file, label, group, split = -1;
    RDX_TRY(rdx_table_column(&file, table, "file"));
    RDX_TRY(rdx_table_column(&label, table, options->label == NULL ? "label" : options->label));
    RDX_TRY(rdx_table_column(&group, table, options->group == NULL ? "file" : options->group));
    if (options->split != NULL)
        RDX_TRY(rdx_table_column(&split, table, options->split));
    RDX_TRY(read_classes(labels, context, label, numbers));
    if (options->group_by == NULL)
        RDX_TRY(read_groups(labels, context, group, numbers));
    RDX_TRY(read_files(labels, context, file, slice, numbers, options));
    if (options->group_by != NULL)
        RDX_TRY(take_groups(labels, context));
    return read_splits(labels, context, split, options->allow_divided_groups != 0);
}

static redux_status from_table(redux_labels *labels, redux_context *context, const char *path,
                               const redux_labels_options *options)
{
    void *block;
    RDX_TRY(rdx_table_read(&labels->table, context, path));
    labels->count = labels->table.rows;
    if (labels->count == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: has no rows", path);
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)labels->count, sizeof(redux_label_row)));
    labels->rows = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)labels->count, sizeof(int64_t)));
    const redux_status status = read_columns(labels, context, options, block);
    rdx_free(block);
    return status;
}

redux_status redux_labels_load(redux_labels **out, redux_context *context, const char *path,
                               const redux_labels_options *options)
{
    redux_labels_options known = REDUX_LABELS_OPTIONS_INIT;
    redux_status status;
    void *block;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_labels_load: an argument is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_labels_options"));
    const bool archive = rdx_format_of(path, NULL) == &rdx_format_npz;
    if (known.group != NULL && known.group_by != NULL)
        return rdx_fail(REDUX_E_INVALID, "group and group_by exclude each other");
    if (archive && (known.label != NULL || known.group != NULL || known.split != NULL ||
                    known.group_by != NULL))
        return rdx_fail(REDUX_E_INVALID, "%s: an archive has no columns to choose from", path);
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_labels)));
    redux_labels *labels = block;
    status = archive ? rdx_labels_from_npz(labels, context, path)
                     : from_table(labels, context, path, &known);
    if (status == REDUX_OK)
        *out = labels;
    else
        redux_labels_free(labels);
    return status;
}

void redux_labels_free(redux_labels *labels)
{
    if (labels == NULL)
        return;
    redux_dataset_free(labels->dataset);
    rdx_table_free(&labels->table);
    rdx_free(labels->rows);
    rdx_free(labels->classes);
    rdx_free(labels->groups);
    rdx_free(labels->numbers);
    rdx_free(labels);
}

/* ---- asking ---- */

const redux_dataset *redux_labels_dataset(const redux_labels *labels)
{
    return labels->dataset;
}

int64_t redux_labels_row_count(const redux_labels *labels)
{
    return labels->count;
}

int64_t redux_labels_class_count(const redux_labels *labels)
{
    return labels->class_count;
}

int64_t redux_labels_group_count(const redux_labels *labels)
{
    return labels->group_count;
}

redux_status redux_labels_get_row(redux_label_row *out, const redux_labels *labels, int64_t index)
{
    if (out == NULL || labels == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_labels_get_row: an argument is NULL");
    if (index < 0 || index >= labels->count)
        return rdx_fail(REDUX_E_INVALID, "there is no row %lld: there are %lld labels",
                        (long long)index, (long long)labels->count);
    *out = labels->rows[index];
    return REDUX_OK;
}

redux_status redux_labels_get_row_name(const char **source, int64_t *slice,
                                       const redux_labels *labels, int64_t index)
{
    redux_label_row row;
    RDX_TRY(redux_labels_get_row(&row, labels, index));
    return rdx_dataset_row_name(source, slice, labels->dataset, row.slice);
}

const char *redux_labels_class_name(const redux_labels *labels, int64_t index)
{
    return index < 0 || index >= labels->class_count ? NULL : labels->classes[index];
}

const char *redux_labels_group_name(const redux_labels *labels, int64_t index)
{
    if (index < 0 || index >= labels->group_count)
        return NULL;
    return labels->groups == NULL ? "" : labels->groups[index];
}

int64_t redux_labels_find_class(const redux_labels *labels, const char *name)
{
    for (int64_t i = 0; name != NULL && i < labels->class_count; i++)
        if (strcmp(labels->classes[i], name) == 0)
            return i;
    return -1;
}
