/* SPDX-License-Identifier: MIT
 * What an audit writes: audit.csv, JSON, the manifest of what is clean. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "common/json_text.h"
#include "audit.h"

#define MARK_CSV "level,issue,source,slice,group,other_source"
#define MARK_PAGE "name=\"generator\" content=\"redux-audit"

bool audit_has_side(const redux_finding *f, bool other)
{
    if (f->skipped >= 0)
        return (f->other_is_against != 0) == other;
    return other ? f->other_group >= 0 : f->group >= 0 || f->volume >= 0;
}

audit_name audit_name_of(const audit *a, const redux_finding *finding, bool other)
{
    const redux_dataset *dataset = other && finding->other_is_against ? a->against : a->dataset;
    const int64_t number = other ? finding->other_slice : finding->slice;
    const int64_t volume = other ? finding->other_volume : finding->volume;
    const int64_t group = other ? finding->other_group : finding->group;
    audit_name name = {"", "", -1};
    int64_t at, slice;
    if (finding->skipped >= 0 && audit_has_side(finding, other))
        name.source = redux_dataset_skipped_source(dataset, finding->skipped);
    if (group >= 0)
        name.group = redux_dataset_group_name(dataset, group);
    if (finding->level == REDUX_AUDIT_SLICE && number >= 0) {
        if (redux_dataset_get_place(&at, &slice, dataset, number) == REDUX_OK)
            redux_dataset_get_slice_name(&name.source, &name.slice, dataset, at, slice);
    } else if (volume >= 0) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        if (redux_dataset_get_volume_info(&info, dataset, volume) == REDUX_OK)
            name.source = info.source;
    }
    return name;
}

bool audit_has_number(const redux_finding *finding, const audit_name *name)
{
    return finding->level == REDUX_AUDIT_SLICE && name->slice >= 0 &&
           (name->slice > 0 || redux_source_is_volume(NULL, name->source) != 0);
}

/* ---- audit.csv ---- */

static void print_side(FILE *stream, const audit *a, const redux_finding *finding, bool other)
{
    const audit_name name = audit_name_of(a, finding, other);
    fputc(',', stream);
    print_csv_field(stream, name.source);
    fputc(',', stream);
    if (name.slice >= 0)
        fprintf(stream, "%lld", (long long)name.slice);
    fputc(',', stream);
    print_csv_field(stream, name.group);
}

static redux_status print_csv(FILE *stream, void *user)
{
    const audit *a = user;
    fputs(MARK_CSV ",other_slice,other_group,score\n", stream);
    for (int section = 0; section < FINDING_SECTIONS; section++)
        for (int64_t i = 0; i < audit_count(a, (audit_section)section); i++) {
            const redux_finding f = audit_finding(a, (audit_section)section, i);
            fprintf(stream, "%s,%s", redux_audit_level_name(f.level),
                    redux_audit_issue_name(f.issue));
            print_side(stream, a, &f, false);
            print_side(stream, a, &f, true);
            fprintf(stream, ",%.9g\n", f.score);
        }
    return REDUX_OK;
}

/* ---- the clean manifest ---- */

static bool is_unclean(const redux_finding *f)
{
    switch (f->issue) {
    case REDUX_AUDIT_SAME_PIXELS:
    case REDUX_AUDIT_NEAR_DUPLICATE:
    case REDUX_AUDIT_LABEL_CONFLICT:
    case REDUX_AUDIT_UNREADABLE:
    case REDUX_AUDIT_FLAT:
    case REDUX_AUDIT_AIR:
        return true;
    default:
        return false;
    }
}

/* The finding that drops each slice, of section and index; a volume drops all its slices. */
typedef struct dropped {
    int32_t section; /* -1: kept */
    int64_t index;
} dropped;

static void drop_volume(dropped *list, const audit *a, int64_t volume, dropped why)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    if (redux_dataset_get_volume_info(&info, a->dataset, volume) != REDUX_OK)
        return;
    const int64_t first = redux_dataset_slice_number(a->dataset, volume, 0);
    for (int64_t i = 0; i < info.slices; i++)
        if (list[first + i].section < 0)
            list[first + i] = why;
}

static dropped *find_dropped(const audit *a)
{
    const int64_t slices = redux_dataset_slice_count(a->dataset);
    dropped *list = calloc((size_t)slices + 1, sizeof *list);
    for (int64_t i = 0; i < slices && list != NULL; i++)
        list[i] = (dropped){-1, -1};
    for (int section = 0; section < FINDING_SECTIONS && list != NULL; section++)
        for (int64_t i = 0; i < audit_count(a, (audit_section)section); i++) {
            const redux_finding f = audit_finding(a, (audit_section)section, i);
            const dropped why = {section, i};
            if (!is_unclean(&f))
                continue;
            if (f.level == REDUX_AUDIT_VOLUME)
                drop_volume(list, a, f.volume, why);
            else if (f.slice >= 0 && list[f.slice].section < 0)
                list[f.slice] = why;
        }
    return list;
}

uint8_t *audit_kept(const audit *a)
{
    const int64_t slices = redux_dataset_slice_count(a->dataset);
    dropped *list = find_dropped(a);
    uint8_t *kept = list == NULL ? NULL : malloc((size_t)slices + 1);
    for (int64_t i = 0; i < slices && kept != NULL; i++)
        kept[i] = list[i].section < 0;
    free(list);
    return kept;
}

/* One line of the manifest. A witness is another slice of the manifest's own kind: of a leak, the
 * slice in the other set. */
static void print_clean_row(FILE *stream, const audit *a, int64_t number, const dropped *why,
                            bool has_groups)
{
    const redux_finding self = {.level = REDUX_AUDIT_SLICE, .slice = number, .group = -1};
    const audit_name name = audit_name_of(a, &self, false);
    int64_t volume, slice;
    print_csv_field(stream, name.source);
    fprintf(stream, ",%lld,%d,", (long long)name.slice, why->section < 0);
    if (why->section == SECTION_LEAKS) {
        const redux_finding f = audit_finding(a, SECTION_LEAKS, why->index);
        const audit_name twin = audit_name_of(a, &f, true);
        print_csv_field(stream, twin.source);
        fprintf(stream, ",%lld,%.9g", (long long)twin.slice, f.score);
    } else {
        fputs(",,", stream);
    }
    if (has_groups && redux_dataset_get_place(&volume, &slice, a->dataset, number) == REDUX_OK) {
        fputc(',', stream);
        print_csv_field(
            stream, redux_dataset_group_name(a->dataset,
                                             redux_dataset_get_group(a->dataset, volume, slice)));
    }
    fputc('\n', stream);
}

static redux_status print_clean(FILE *stream, void *user)
{
    const audit *a = user;
    const bool has_groups = redux_dataset_group_by(a->dataset) != NULL;
    dropped *list = find_dropped(a);
    if (list == NULL)
        return no_memory();
    fprintf(stream, REDUX_MARK_MANIFEST ",witness_slice,score%s\n", has_groups ? ",group" : "");
    for (int64_t i = 0; i < redux_dataset_slice_count(a->dataset); i++)
        print_clean_row(stream, a, i, &list[i], has_groups);
    free(list);
    return REDUX_OK;
}

/* ---- files ---- */

static const char *path_in(char *path, size_t size, const audit *a, const char *name)
{
    snprintf(path, size, "%s/%s", a->settings->out, name);
    return path;
}

redux_status audit_check_outputs(const audit *a)
{
    const audit_settings *s = a->settings;
    char path[4200];
    TRY(redux_dataset_protect(a->dataset, a->context));
    if (a->against != NULL)
        TRY(redux_dataset_protect(a->against, a->context));
    TRY(protect_file(a->context, s->labels));
    TRY(protect_file(a->context, s->encoder));
    TRY(protect_file(a->context, s->embeddings));
    if (s->write_clean != NULL)
        TRY(redux_file_check(a->context, s->write_clean, REDUX_MARK_MANIFEST));
    if (s->out == NULL)
        return REDUX_OK;
    TRY(redux_file_check(a->context, path_in(path, sizeof path, a, "audit.csv"), MARK_CSV));
    return redux_file_check(a->context, path_in(path, sizeof path, a, "audit.html"), MARK_PAGE);
}

redux_status audit_write_files(const audit *a)
{
    const audit_settings *s = a->settings;
    char path[4200];
    progress_label("writing");
    if (s->write_clean != NULL)
        TRY(redux_file_save(s->write_clean, a->context, REDUX_MARK_MANIFEST, print_clean,
                            (void *)(uintptr_t)a));
    if (s->out == NULL)
        return REDUX_OK;
    if (mkdir(s->out, 0777) != 0 && errno != EEXIST)
        return program_fail(REDUX_E_IO, "%s: cannot be made: %s", s->out, strerror(errno));
    TRY(redux_file_save(path_in(path, sizeof path, a, "audit.csv"), a->context, MARK_CSV, print_csv,
                        (void *)(uintptr_t)a));
    const redux_status status = audit_write_page(a, path_in(path, sizeof path, a, "audit.html"));
    progress_label(NULL);
    return status;
}

/* ---- JSON ---- */

/* "" becomes null. */
static json_t *name_json(const char *text)
{
    return text[0] == '\0' ? json_null() : json_text(text);
}

static json_t *json_count(int64_t number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *finding_json(const audit *a, const redux_finding *f)
{
    const audit_name own = audit_name_of(a, f, false), other = audit_name_of(a, f, true);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "level",
                     redux_audit_level_name(f->level), "issue", redux_audit_issue_name(f->issue),
                     "source", name_json(own.source), "slice", json_count(own.slice), "group",
                     name_json(own.group), "other_source", name_json(other.source), "other_slice",
                     json_count(other.slice), "other_group", name_json(other.group), "score",
                     isfinite(f->score) ? json_real(f->score) : json_null(), "found",
                     json_count(f->found), "of", json_count(f->of), "turn", (int)f->turn);
}

static json_t *section_json(const audit *a, audit_section section)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < audit_count(a, section); i++) {
        const redux_finding f = audit_finding(a, section, i);
        json_append(&list, finding_json(a, &f));
    }
    return list;
}

static json_t *redundancy_json(const audit *a)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < a->strategy_count; i++) {
        const audit_strategy *s = &a->strategies[i];
        json_append(&list, json_pack("{s:s, s:f, s:I, s:I}", "strategy",
                                     redux_strategy_name(s->strategy), "threshold", s->threshold,
                                     "kept", (json_int_t)s->kept, "slices", (json_int_t)s->slices));
    }
    return list;
}

static json_t *classes_json(const audit *a)
{
    static const char *const splits[] = {"train", "val", "test", "none"};
    json_t *list = json_array();
    for (int64_t i = 0; i < a->class_count; i++) {
        const audit_class *c = &a->classes[i];
        const char *label = c->label < 0 ? "" : redux_column_name(a->label_column, c->label);
        json_append(&list, json_pack("{s:o, s:o, s:I, s:I}", "label", name_json(label), "split",
                                     name_json(c->split < 0 ? "" : splits[c->split]), "slices",
                                     (json_int_t)c->slices, "groups", (json_int_t)c->groups));
    }
    return list;
}

static json_t *set_json(const redux_dataset *dataset)
{
    const char *by = redux_dataset_group_by(dataset);
    return json_pack("{s:I, s:I, s:I, s:o}", "slices",
                     (json_int_t)redux_dataset_slice_count(dataset), "volumes",
                     (json_int_t)redux_dataset_volume_count(dataset), "groups",
                     (json_int_t)redux_dataset_group_count(dataset), "group_by",
                     name_json(by == NULL ? "" : by));
}

/* NULL: no memory. */
static json_t *audit_json(const audit *a)
{
    json_t *inputs = json_pack("{s:o, s:o, s:o}", "input", set_json(a->dataset), "against",
                               a->against == NULL ? json_null() : set_json(a->against),
                               "embeddings", name_json(a->embedding));
    json_t *json = json_pack("{s:s, s:o, s:o}", "version", redux_version_string(), "inputs", inputs,
                             "classes", classes_json(a));
    bool good = json != NULL;
    for (int i = 0; i < FINDING_SECTIONS && good; i++)
        good = json_object_set_new(json, section_names[i], section_json(a, (audit_section)i)) == 0;
    good = good &&
           json_object_set_new(json, section_names[SECTION_REDUNDANCY], redundancy_json(a)) == 0 &&
           json_object_set_new(json, "effective_slices",
                               a->effective < 0 ? json_null() : json_real(a->effective)) == 0;
    if (good)
        return json;
    json_decref(json);
    return NULL;
}

redux_status audit_print_json(const audit *a)
{
    json_t *json = audit_json(a);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    if (text == NULL)
        return no_memory();
    puts(text); /* the caller looks at the stream */
    free(text);
    return REDUX_OK;
}
