/* SPDX-License-Identifier: MIT
 * Groups: what slices belong to, as redux_dataset_options.group_by says. A group's slices are those
 * of one patient, say, wherever their files are. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "data.h"

/* A slice on its way into a group. */
typedef struct entry {
    const char *key;   /* the same for all slices of the group; NULL: it has none */
    const char *place; /* sorts it within the group, in natural order; "": it does not matter */
    int64_t row, group;
} entry;

typedef struct grouping {
    redux_dataset *dataset;
    redux_context *context;
    const char *by;
    entry *entries; /* one a slice */
    regex_t pattern;
    rdx_table table;
} grouping;

/* Names the first few slices that cannot be grouped, and counts them. */
typedef struct missing {
    char names[512];
    int64_t count;
} missing;

static void note_missing(missing *m, const char *name)
{
    const size_t used = strlen(m->names);
    if (m->count++ < 3 && used + strlen(name) + 3 < sizeof m->names)
        snprintf(m->names + used, sizeof m->names - used, "%s%s", used > 0 ? ", " : "", name);
}

/* ---- by the parts of a path ---- */

static redux_status keep_key(grouping *g, int64_t row, const char *text, size_t length)
{
    return rdx_dataset_keep_text(&g->entries[row].key, g->dataset, g->context, text, length);
}

/* The path of the slice's file. A slice of FILE:KEY is in FILE. */
static redux_status path_of(const char **path, size_t *length, const grouping *g, int64_t row)
{
    int64_t number;
    RDX_TRY(rdx_dataset_row_name(path, &number, g->dataset, row));
    redux_source_is_volume(length, *path);
    return REDUX_OK;
}

static redux_status by_file(grouping *g, int64_t row)
{
    const char *path;
    size_t length;
    RDX_TRY(path_of(&path, &length, g, row));
    return keep_key(g, row, path, length);
}

static redux_status by_folder(grouping *g, int64_t row)
{
    const char *path;
    size_t length;
    RDX_TRY(path_of(&path, &length, g, row));
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0)
        return keep_key(g, row, ".", 1);
    return keep_key(g, row, path, RDX_MAX(length - 1, (size_t)1));
}

/* ---- by patient ---- */

static redux_status by_patient(grouping *g, int64_t row)
{
    const int64_t volume = rdx_dataset_volume_of(g->dataset, row);
    const char *patient = g->dataset->volumes[volume].found.patient;
    if (patient == NULL || patient[0] == '\0')
        return REDUX_OK;
    return keep_key(g, row, patient, strlen(patient));
}

/* ---- by a regular expression ---- */

static redux_status compile(regex_t *pattern, const char *by)
{
    char reason[200];
    const int error = regcomp(pattern, by, REG_EXTENDED);
    if (error != 0) {
        regerror(error, pattern, reason, sizeof reason);
        return rdx_fail(REDUX_E_INVALID,
                        "group-by '%s': %s (POSIX extended expressions have no (?:...))", by,
                        reason);
    }
    if (strstr(by, "\\d") != NULL) {
        regfree(pattern);
        return rdx_fail(REDUX_E_INVALID,
                        "group-by '%s': POSIX expressions have no \\d: write [0-9]", by);
    }
    if (pattern->re_nsub >= 1)
        return REDUX_OK;
    regfree(pattern);
    if (strlen(by) > 4 && strcasecmp(by + strlen(by) - 4, ".csv") == 0)
        return rdx_fail(REDUX_E_INVALID, "group-by '%s': which column? Write %s:COLUMN", by, by);
    return rdx_fail(REDUX_E_INVALID,
                    "group-by '%s': expected folder, file, series, patient, FILE.csv:COLUMN, or a "
                    "regular expression with the group in parentheses",
                    by);
}

static redux_status by_pattern(grouping *g, int64_t row)
{
    regmatch_t found[3];
    const char *path;
    int64_t number;
    RDX_TRY(rdx_dataset_row_name(&path, &number, g->dataset, row));
    const size_t captures = RDX_MIN(g->pattern.re_nsub, (size_t)2) + 1;
    if (regexec(&g->pattern, path, captures, found, 0) != 0 || found[1].rm_eo <= found[1].rm_so)
        return REDUX_OK;
    if (captures > 2 && found[2].rm_so >= 0)
        RDX_TRY(rdx_dataset_keep_text(&g->entries[row].place, g->dataset, g->context,
                                      path + found[2].rm_so,
                                      (size_t)(found[2].rm_eo - found[2].rm_so)));
    return keep_key(g, row, path + found[1].rm_so, (size_t)(found[1].rm_eo - found[1].rm_so));
}

/* ---- by a table ---- */

/* FILE.csv:COLUMN: where the column begins; NULL: it is something else. */
static const char *column_of(const char *by)
{
    for (const char *colon = strchr(by, ':'); colon != NULL; colon = strchr(colon + 1, ':'))
        if (colon - by > 4 && strncasecmp(colon - 4, ".csv", 4) == 0)
            return colon + 1;
    return NULL;
}

static redux_status by_column(grouping *g, const char *column)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(g->context, &block, (uint64_t)g->dataset->slices, sizeof(char *)));
    const char **values = block;
    redux_status status =
        rdx_column_values(values, g->context, g->dataset, &g->table, column, "group");
    for (int64_t row = 0; row < g->dataset->slices && status == REDUX_OK; row++)
        if (values[row] != NULL)
            status = keep_key(g, row, values[row], strlen(values[row]));
    rdx_free(block);
    return status;
}

static redux_status by_table(grouping *g, const char *column)
{
    char *path;
    RDX_TRY(rdx_strndup(g->context, &path, g->by, (size_t)(column - 1 - g->by)));
    redux_status status = rdx_dataset_keep_text(&g->dataset->groups.table, g->dataset, g->context,
                                                path, strlen(path));
    if (status == REDUX_OK)
        status = rdx_table_read(&g->table, g->context, path);
    rdx_free(path);
    if (status != REDUX_OK)
        return status;
    status = by_column(g, column);
    rdx_table_free(&g->table);
    return status;
}

/* ---- keys become groups ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    const int order = strcmp(a->key, b->key);
    return order != 0 ? order : compare_numbers(a->row, b->row);
}

static int compare_rows(const void *left, const void *right)
{
    return compare_numbers(((const entry *)left)->row, ((const entry *)right)->row);
}

static int compare_members(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    int order = compare_numbers(a->group, b->group);
    if (order == 0)
        order = rdx_natural_compare(a->place, b->place);
    return order != 0 ? order : compare_numbers(a->row, b->row);
}

/* Numbers the groups by their first slices. */
static int64_t number_groups(entry *entries, int64_t count)
{
    int64_t groups = 0;
    qsort(entries, (size_t)count, sizeof *entries, compare_keys);
    for (int64_t i = 0, first = 0; i < count; i++) {
        if (i > 0 && strcmp(entries[i].key, entries[first].key) != 0)
            first = i;
        entries[i].group = entries[first].row; /* for now: the group's first row */
    }
    qsort(entries, (size_t)count, sizeof *entries, compare_rows);
    for (int64_t i = 0; i < count; i++)
        entries[i].group = entries[i].group == i ? groups++ : entries[entries[i].group].group;
    return groups;
}

/* The name of a patient's group says nothing about the patient: a number, the same in both sets of
 * a run. */
static redux_status name_patient(rdx_named_group *group, grouping *g)
{
    char name[40];
    const rdx_groups *other =
        g->dataset->options.grouped_with == NULL ? NULL : &g->dataset->options.grouped_with->groups;
    for (int64_t i = 0; other != NULL && i < other->count; i++)
        if (other->names[i].patient != NULL &&
            strcmp(other->names[i].patient, group->patient) == 0) {
            return rdx_dataset_keep_text(&group->name, g->dataset, g->context, other->names[i].name,
                                         strlen(other->names[i].name));
        }
    const int length =
        snprintf(name, sizeof name, "patient %lld", (long long)++g->dataset->groups.patients);
    return rdx_dataset_keep_text(&group->name, g->dataset, g->context, name, (size_t)length);
}

static redux_status name_groups(grouping *g, bool are_patients)
{
    rdx_groups *groups = &g->dataset->groups;
    const redux_dataset *other = g->dataset->options.grouped_with;
    groups->patients = other == NULL ? 0 : other->groups.patients;
    for (int64_t i = 0, next = 0; i < g->dataset->slices; i++) {
        if (g->entries[i].group != next)
            continue;
        rdx_named_group *group = &groups->names[next++];
        group->name = g->entries[i].key;
        group->patient = are_patients ? g->entries[i].key : NULL;
        if (are_patients)
            RDX_TRY(name_patient(group, g));
    }
    return REDUX_OK;
}

/* `entries` are in the order of the rows when this begins. */
static redux_status fill_groups(grouping *g, bool are_patients)
{
    rdx_groups *groups = &g->dataset->groups;
    const int64_t slices = g->dataset->slices;
    void *block;
    groups->count = number_groups(g->entries, slices);
    RDX_TRY(
        rdx_alloc(g->context, &block, (uint64_t)(2 * slices + groups->count + 1), sizeof(int64_t)));
    groups->of = block;
    groups->rows = groups->of + slices;
    groups->start = groups->rows + slices;
    RDX_TRY(rdx_alloc_zero(g->context, &block, (uint64_t)groups->count, sizeof *groups->names));
    groups->names = block;
    for (int64_t i = 0; i < slices; i++)
        groups->of[i] = g->entries[i].group;
    RDX_TRY(name_groups(g, are_patients));
    qsort(g->entries, (size_t)slices, sizeof *g->entries, compare_members);
    for (int64_t i = 0; i < slices; i++) {
        groups->rows[i] = g->entries[i].row;
        if (i == 0 || g->entries[i].group != g->entries[i - 1].group)
            groups->start[g->entries[i].group] = i;
    }
    groups->start[groups->count] = slices;
    return REDUX_OK;
}

/* ---- the whole ---- */

static redux_status check_keys(const grouping *g, const char *remedy)
{
    missing m = {.count = 0};
    for (int64_t row = 0; row < g->dataset->slices; row++) {
        const char *name;
        int64_t number;
        if (g->entries[row].key != NULL)
            continue;
        RDX_TRY(rdx_dataset_row_name(&name, &number, g->dataset, row));
        note_missing(&m, name);
    }
    if (m.count == 0)
        return REDUX_OK;
    return rdx_fail(REDUX_E_FORMAT, "group-by '%s': %s for %lld of %lld slices, such as %s", g->by,
                    remedy, (long long)m.count, (long long)g->dataset->slices, m.names);
}

static redux_status each_row(grouping *g, redux_status (*key)(grouping *g, int64_t row))
{
    for (int64_t row = 0; row < g->dataset->slices; row++)
        RDX_TRY(key(g, row));
    return REDUX_OK;
}

static bool is_word(const char *by)
{
    static const char *const words[] = {"series", "folder", "file", "patient"};
    for (int64_t i = 0; i < RDX_COUNT(words); i++)
        if (strcmp(words[i], by) == 0)
            return true;
    return false;
}

redux_status redux_group_by_check(const char *group_by)
{
    regex_t pattern;
    if (group_by == NULL)
        return REDUX_OK;
    if (group_by[0] == '\0')
        return rdx_fail(REDUX_E_INVALID, "group-by is empty");
    if (is_word(group_by) || column_of(group_by) != NULL)
        return REDUX_OK;
    RDX_TRY(compile(&pattern, group_by));
    regfree(&pattern);
    return REDUX_OK;
}

static redux_status find_keys(grouping *g)
{
    const char *by = g->by, *column = column_of(by);
    if (strcmp(by, "folder") == 0)
        return each_row(g, by_folder);
    if (strcmp(by, "file") == 0)
        return each_row(g, by_file);
    if (strcmp(by, "patient") == 0) {
        RDX_TRY(each_row(g, by_patient));
        return check_keys(g, "no PatientID (only DICOM files have one)");
    }
    if (column != NULL) {
        RDX_TRY(by_table(g, column));
        return check_keys(g, "the table has no line");
    }
    RDX_TRY(compile(&g->pattern, by));
    const redux_status status = each_row(g, by_pattern);
    regfree(&g->pattern);
    return status != REDUX_OK ? status : check_keys(g, "the expression finds no group");
}

redux_status rdx_dataset_group(redux_dataset *dataset, redux_context *context)
{
    grouping g = {.dataset = dataset, .context = context, .by = dataset->options.group_by};
    void *block;
    if (g.by == NULL || strcmp(g.by, "series") == 0 || dataset->slices == 0)
        return REDUX_OK;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)dataset->slices, sizeof(entry)));
    g.entries = block;
    for (int64_t i = 0; i < dataset->slices; i++)
        g.entries[i] = (entry){.place = "", .row = i};
    redux_status status = find_keys(&g);
    if (status == REDUX_OK)
        status = fill_groups(&g, strcmp(g.by, "patient") == 0);
    if (status == REDUX_OK)
        status = rdx_dataset_keep_text(&dataset->groups.by, dataset, context, g.by, strlen(g.by));
    rdx_free(block);
    return status;
}

void rdx_groups_clear(rdx_groups *groups)
{
    rdx_free(groups->of);
    rdx_free(groups->names);
}

/* ---- asking ---- */

bool rdx_dataset_is_grouped(const redux_dataset *dataset)
{
    return dataset->groups.of != NULL;
}

int64_t rdx_dataset_group_of(const redux_dataset *dataset, int64_t row)
{
    return rdx_dataset_is_grouped(dataset) ? dataset->groups.of[row]
                                           : rdx_dataset_volume_of(dataset, row);
}

const char *redux_dataset_group_by(const redux_dataset *dataset)
{
    return dataset == NULL ? NULL : dataset->groups.by;
}

int64_t redux_dataset_group_count(const redux_dataset *dataset)
{
    if (dataset == NULL)
        return 0;
    return rdx_dataset_is_grouped(dataset) ? dataset->groups.count : dataset->count;
}

int64_t redux_dataset_get_group(const redux_dataset *dataset, int64_t volume, int64_t slice)
{
    const int64_t row = redux_dataset_slice_number(dataset, volume, slice);
    return row < 0 ? -1 : rdx_dataset_group_of(dataset, row);
}

const char *redux_dataset_group_name(const redux_dataset *dataset, int64_t group)
{
    if (group < 0 || group >= redux_dataset_group_count(dataset))
        return NULL;
    return rdx_dataset_is_grouped(dataset) ? dataset->groups.names[group].name
                                           : dataset->volumes[group].info.source;
}
