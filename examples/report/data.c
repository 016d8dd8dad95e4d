/* SPDX-License-Identifier: MIT
 * From a manifest and its summary: volumes, groups, the direction of scores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

/* ---- names to numbers ---- */

/* Open addressing over texts owned elsewhere: (text, slice) to a number. */
typedef struct name_table {
    struct {
        const char *text;
        int64_t slice, number;
    } * slots;
    uint64_t mask;
} name_table;

static bool table_new(name_table *table, int64_t most)
{
    uint64_t size = 64;
    while (size < 2 * (uint64_t)most + 2)
        size *= 2;
    table->slots = calloc((size_t)size, sizeof *table->slots);
    table->mask = size - 1;
    return table->slots != NULL;
}

/* The number stored for a key; else stores `number`, unless it is -1. */
static int64_t table_at(name_table *table, const char *text, int64_t slice, int64_t number)
{
    uint64_t hash = 14695981039346656037u ^ (uint64_t)slice; /* FNV-1a */
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    hash ^= hash >> 29;
    uint64_t at = hash & table->mask;
    for (; table->slots[at].text != NULL; at = (at + 1) & table->mask)
        if (table->slots[at].slice == slice && strcmp(table->slots[at].text, text) == 0)
            return table->slots[at].number;
    if (number >= 0) {
        table->slots[at].text = text;
        table->slots[at].slice = slice;
        table->slots[at].number = number;
    }
    return number;
}

/* ---- volumes ---- */

/* Files with several frames or pages are volumes too, which their rows show. */
static bool is_volume(const char *source, int64_t last_slice)
{
    return last_slice > 0 || redux_source_is_volume(NULL, source) != 0;
}

static char *volume_name(const char *source, bool is_whole)
{
    if (is_whole)
        return strdup(source);
    const char *slash = strrchr(source, '/');
    return slash == NULL ? strdup(".") : strndup(source, (size_t)(slash - source + 1));
}

static int64_t new_volume(report_data *data, char *name, bool is_folder)
{
    if (name == NULL)
        return -1;
    if (data->volume_count == data->volume_capacity) {
        const int64_t capacity = 2 * data->volume_capacity + 16;
        report_volume *grown = realloc(data->volumes, (size_t)capacity * sizeof *grown);
        if (grown == NULL) {
            free(name);
            return -1;
        }
        data->volumes = grown;
        data->volume_capacity = capacity;
    }
    data->volumes[data->volume_count] = (report_volume){.name = name, .is_folder = is_folder};
    return data->volume_count++;
}

int64_t report_other_volume(report_data *data, const char *source, int64_t slice)
{
    const bool is_whole = is_volume(source, slice);
    char *name = volume_name(source, is_whole);
    for (int64_t v = data->own_volumes; name != NULL && v < data->volume_count; v++)
        if (strcmp(data->volumes[v].name, name) == 0) {
            free(name);
            return v;
        }
    const int64_t v = new_volume(data, name, !is_whole);
    if (v >= 0)
        data->volumes[v].is_other = true;
    return v;
}

static bool add_row(report_volume *volume, int64_t row)
{
    if (volume->count == volume->capacity) {
        const int64_t capacity = 2 * volume->capacity + 8;
        int64_t *grown = realloc(volume->rows, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        volume->rows = grown;
        volume->capacity = capacity;
    }
    volume->rows[volume->count++] = row;
    return true;
}

/* What a row is shown with: the slices of its group, if they are files of their own, else those of
 * its volume. */
static char *name_of_row(const redux_manifest_row *row, bool is_whole)
{
    return row->group != NULL && !is_whole ? strdup(row->group)
                                           : volume_name(row->source, is_whole);
}

/* Sources of which there is a slice other than 0. */
static bool list_stacks(name_table *stacks, const report_data *data)
{
    if (!table_new(stacks, data->count))
        return false;
    for (int64_t i = 0; i < data->count; i++)
        if (data->rows[i].row.slice > 0)
            table_at(stacks, data->rows[i].row.source, 0, 1);
    return true;
}

static bool list_volumes(report_data *data)
{
    name_table names = {0}, stacks = {0};
    bool good = table_new(&names, data->count) && list_stacks(&stacks, data);
    for (int64_t i = 0; i < data->count && good; i++) {
        report_row *row = &data->rows[i];
        const bool is_whole = is_volume(row->row.source, table_at(&stacks, row->row.source, 0, -1));
        char *name = name_of_row(&row->row, is_whole);
        int64_t v = name == NULL ? -1 : table_at(&names, name, 0, -1);
        if (v < 0) {
            v = new_volume(data, name, !is_whole);
            good = v >= 0;
            if (good)
                table_at(&names, name, 0, v);
        } else {
            free(name);
        }
        if (!good)
            break;
        row->volume = v;
        row->place = data->volumes[v].count;
        data->volumes[v].kept += row->row.kept;
        good = add_row(&data->volumes[v], i);
    }
    free(names.slots);
    free(stacks.slots);
    data->own_volumes = data->volume_count;
    return good;
}

static bool link_witnesses(report_data *data)
{
    name_table names;
    if (!table_new(&names, data->count))
        return false;
    for (int64_t i = 0; i < data->count; i++) {
        const redux_manifest_row *row = &data->rows[i].row;
        table_at(&names, row->source, row->slice, i);
        data->rows[i].group = row->kept;
    }
    for (int64_t i = 0; i < data->count; i++) {
        report_row *row = &data->rows[i];
        row->witness = -1;
        if (row->row.witness_source == NULL)
            continue;
        const char *source = row->row.witness_source;
        row->witness = table_at(&names, source, row->row.witness_slice, -1);
        if (row->witness >= 0) {
            data->rows[row->witness].group++;
        } else {
            row->witness = -2;
            data->leaked++;
        }
    }
    free(names.slots);
    return true;
}

/* ---- scores ---- */

redux_strategy report_last_strategy(const report_data *data)
{
    return data->options.then == REDUX_STRATEGY_ALL ? data->options.strategy : data->options.then;
}

double report_margin(const report_data *data, double score)
{
    return data->is_distance ? data->threshold - score : score - data->threshold;
}

static redux_status describe_strategies(report_data *data)
{
    data->strategy.struct_size = data->last.struct_size = sizeof data->strategy;
    TRY(redux_strategy_describe(&data->strategy, data->options.strategy));
    return redux_strategy_describe(&data->last, report_last_strategy(data));
}

static redux_status read_summary(report_data *data)
{
    json_error_t error;
    const size_t length = strlen(data->path);
    const bool has_ending = length > 4 && strcmp(data->path + length - 4, ".csv") == 0;
    char *path = malloc(length + 6);
    const redux_reduce_options defaults = REDUX_REDUCE_OPTIONS_INIT;
    data->options = defaults;
    data->threshold = (double)NAN;
    if (path == NULL)
        return no_memory();
    snprintf(path, length + 6, "%.*s.json", (int)(has_ending ? length - 4 : length), data->path);
    data->summary = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    free(path);
    if (data->summary == NULL) /* if there were one, the library would have read it */
        return describe_strategies(data);
    TRY(redux_manifest_get_options(&data->options, data->manifest));
    data->has_options = true;
    TRY(describe_strategies(data));
    data->is_distance = data->last.is_distance;
    const char *descriptor = json_string_value(
        json_object_get(json_object_get(data->summary, "parameters"), "descriptor"));
    data->has_embeddings = descriptor != NULL && strcmp(descriptor, "pixels") != 0;
    const json_t *threshold = json_object_get(data->summary, "threshold");
    if (json_is_number(threshold) && !data->strategy.needs_budget) /* there none decided */
        data->threshold = json_number_value(threshold);
    if (data->options.then != REDUX_STRATEGY_ALL) /* the recorded scores are the second stage's */
        data->threshold = isnan(data->options.then_threshold)
                              ? redux_strategy_threshold(data->options.then)
                              : data->options.then_threshold;
    return REDUX_OK;
}

static redux_status load_rows(report_data *data, redux_context *context)
{
    redux_dataset_options input = REDUX_DATASET_OPTIONS_INIT;
    TRY(redux_manifest_load(&data->manifest, context, data->path));
    TRY(redux_manifest_get_dataset_options(&input, data->manifest));
    data->group_by = input.group_by;
    data->frame = input.frame < 0 ? 0 : input.frame;
    TRY(read_summary(data));
    data->count = redux_manifest_row_count(data->manifest);
    data->rows = calloc((size_t)data->count + 1, sizeof *data->rows);
    if (data->rows == NULL)
        return REDUX_OK; /* the caller reports it */
    for (int64_t i = 0; i < data->count; i++) {
        TRY(redux_manifest_get_row(&data->rows[i].row, data->manifest, i));
        data->kept += data->rows[i].row.kept;
    }
    return REDUX_OK;
}

int report_data_load(report_data *data, redux_context *context, const char *path)
{
    *data = (report_data){.path = path, .embeddings = REDUX_TENSOR_INIT};
    if (load_rows(data, context) != REDUX_OK)
        return data_error();
    if (data->rows == NULL || !list_volumes(data) || !link_witnesses(data)) {
        fprintf(stderr, "%s: %s: no memory to read it\n", program_name, path);
        return EXIT_DATA;
    }
    return EXIT_OK;
}

void report_data_free(report_data *data)
{
    for (int64_t v = 0; v < data->volume_count; v++) {
        free(data->volumes[v].name);
        free(data->volumes[v].rows);
        free(data->volumes[v].missing);
    }
    free(data->volumes);
    free(data->rows);
    free(data->class_of);
    redux_column_free(data->classes);
    redux_tensor_release(&data->embeddings);
    json_decref(data->summary);
    redux_manifest_free(data->manifest);
    memset(data, 0, sizeof *data);
}
