/* SPDX-License-Identifier: MIT
 * The table on the terminal: it fits a screen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "audit.h"

enum { MOST_ROWS = 3, MOST_LEAKS = 5, NAME_WIDTH = 40, LABEL_WIDTH = 20 };

/* ---- names ---- */

static bool is_inside_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80; /* UTF-8 */
}

/* How many bytes of a text are at most `most`, and whole characters. */
static int cut(const char *text, size_t most)
{
    size_t length = strnlen(text, most + 1);
    if (length > most)
        for (length = most; length > 0 && is_inside_character(text[length]);)
            length--;
    return (int)length;
}

/* The end of a text, of at most NAME_WIDTH bytes. */
static const char *end_of(const char *name)
{
    const size_t length = strlen(name);
    if (length <= NAME_WIDTH)
        return name;
    name += length - NAME_WIDTH;
    while (is_inside_character(*name))
        name++;
    return name;
}

static const char *last_part(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    return end_of(path[length] == '\0' ? path : path + length);
}

/* The last folders of a path and its name, as many as fit: names alone often repeat, as ct.nii.gz
 * does where each patient has a folder. */
static const char *tail(const char *path)
{
    const char *end = end_of(path), *slash = end > path ? strchr(end, '/') : NULL;
    return slash != NULL && slash[1] != '\0' ? slash + 1 : end;
}

/* Names of groups are paths only where groups are volumes or files. */
static const char *short_group(const audit *a, const char *name)
{
    const char *by = redux_dataset_group_by(a->dataset);
    return by == NULL || strcmp(by, "file") == 0 ? tail(name) : end_of(name);
}

static void print_name(const audit *a, const redux_finding *finding, bool other)
{
    const audit_name name = audit_name_of(a, finding, other);
    if (finding->level == REDUX_AUDIT_GROUP) {
        print_escaped(stdout, short_group(a, name.group));
        return;
    }
    print_escaped(stdout, tail(name.source));
    if (audit_has_number(finding, &name))
        printf(" slice %lld", (long long)name.slice);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- rows ---- */

static void describe_labels(char *text, size_t size, const audit *a, const redux_finding *f)
{
    const char *own = redux_column_name(a->label_column, a->labels[f->slice]);
    const char *other = redux_column_name(a->label_column, a->labels[f->other_slice]);
    snprintf(text, size, "labelled %.*s, the other %.*s; %.3g", cut(own, LABEL_WIDTH), own,
             cut(other, LABEL_WIDTH), other, f->score);
}

/* A twin below the threshold is one because of the slice beside it. */
static bool is_by_neighbour(const audit *a, const redux_finding *f)
{
    const redux_audit_leaks_options options = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    const double given = a->settings->threshold;
    return f->issue == REDUX_AUDIT_NEAR_DUPLICATE &&
           f->score < (isnan(given) ? options.threshold : given);
}

void audit_describe(char *text, size_t size, const audit *a, const redux_finding *f)
{
    if (f->skipped >= 0) {
        const char *reason =
            redux_dataset_skipped_reason(f->other_is_against ? a->against : a->dataset, f->skipped);
        snprintf(text, size, "%.*s", cut(reason, size - 1), reason);
    } else if (f->issue == REDUX_AUDIT_SHARED_GROUP) {
        snprintf(text, size, "on both sides");
    } else if (f->found >= 0) {
        snprintf(text, size, "%lld of %lld slice%s", (long long)f->found, (long long)f->of,
                 plural(f->of));
    } else if (f->issue == REDUX_AUDIT_LABEL_CONFLICT || f->issue == REDUX_AUDIT_LABEL_SUSPECT) {
        describe_labels(text, size, a, f);
    } else {
        snprintf(text, size, "%.3g%s", f->score,
                 is_by_neighbour(a, f) ? ", because the slice beside it is a twin" : "");
    }
}

static void print_row(const audit *a, const redux_finding *finding)
{
    const bool own = audit_has_side(finding, false);
    char text[160];
    audit_describe(text, sizeof text, a, finding);
    printf("  %-15s ", redux_audit_issue_name(finding->issue));
    if (own)
        print_name(a, finding, false);
    if (audit_has_side(finding, true) && finding->issue != REDUX_AUDIT_SHARED_GROUP) {
        fputs(own ? " = " : "in the other set: ", stdout);
        print_name(a, finding, true);
    }
    fputs("   ", stdout);
    print_escaped(stdout, text);
    putchar('\n');
}

/* ---- leaks ---- */

/* Groups that are in the other set: wholly (nine tenths), and at all. Of a group the greatest share
 * comes first, so each is counted at its first finding. */
static redux_status count_groups(const audit *a, int64_t *whole, int64_t *some, int64_t *shared)
{
    const int64_t count = audit_count(a, SECTION_LEAKS);
    bool *seen = calloc((size_t)redux_dataset_group_count(a->dataset) + 1, sizeof *seen);
    if (seen == NULL)
        return no_memory();
    *whole = *some = *shared = 0;
    for (int64_t i = 0; i < count; i++) {
        const redux_finding f = audit_finding(a, SECTION_LEAKS, i);
        *shared += f.issue == REDUX_AUDIT_SHARED_GROUP;
        if (f.issue != REDUX_AUDIT_GROUP_LEAK || seen[f.group])
            continue;
        seen[f.group] = true;
        *some += 1;
        *whole += f.score >= 0.9;
    }
    free(seen);
    return REDUX_OK;
}

int64_t audit_count_issue(const audit *a, audit_section section, redux_audit_issue issue)
{
    int64_t count = 0;
    for (int64_t i = 0; i < audit_count(a, section); i++)
        count += audit_finding(a, section, i).issue == issue;
    return count;
}

int64_t audit_count_level(const audit *a, audit_section section, redux_audit_level level)
{
    int64_t count = 0;
    for (int64_t i = 0; i < audit_count(a, section); i++)
        count += audit_finding(a, section, i).level == level;
    return count;
}

redux_status audit_describe_leaks(char *text, size_t size, const audit *a)
{
    int64_t whole, some, shared;
    TRY(count_groups(a, &whole, &some, &shared));
    const int64_t slices = audit_count_level(a, SECTION_LEAKS, REDUX_AUDIT_SLICE);
    const int64_t groups = redux_dataset_group_count(a->dataset);
    const char *what = redux_dataset_group_by(a->dataset) == NULL ? "volume" : "group";
    const char *other = a->against == NULL ? "an earlier split" : last_part(a->settings->against);
    char names[64] = "";
    if (shared > 0)
        snprintf(names, sizeof names, "; %lld %s%s on both sides by name", (long long)shared, what,
                 plural(shared));
    snprintf(text, size,
             "%lld of %lld %s%s in %s: %lld whole, %lld in part; %lld slice%s (%lld the same "
             "pixels)%s",
             (long long)some, (long long)groups, what, plural(groups), other, (long long)whole,
             (long long)(some - whole), (long long)slices, plural(slices),
             (long long)audit_count_issue(a, SECTION_LEAKS, REDUX_AUDIT_SAME_PIXELS), names);
    return REDUX_OK;
}

static redux_status print_leaks(const audit *a)
{
    char text[400];
    int64_t shown = 0;
    if (a->findings[SECTION_LEAKS] == NULL) {
        puts("Leaks       not checked: --against PATH or --split COLUMN says between what");
        return REDUX_OK;
    }
    TRY(audit_describe_leaks(text, sizeof text, a));
    fputs("Leaks       ", stdout);
    print_escaped(stdout, text);
    putchar('\n');
    for (int64_t i = 0; i < audit_count(a, SECTION_LEAKS) && shown < MOST_LEAKS; i++) {
        const redux_finding f = audit_finding(a, SECTION_LEAKS, i);
        if (f.level == REDUX_AUDIT_VOLUME && redux_dataset_group_by(a->dataset) == NULL)
            continue; /* volumes are the groups */
        print_row(a, &f);
        shown++;
    }
    return REDUX_OK;
}

/* ---- other sections ---- */

/* Counts by issue in one line, then the worst row of each of the first few. */
static void print_issues(const audit *a, audit_section section, const char *title)
{
    const int64_t count = audit_count(a, section);
    int64_t shown = 0;
    printf("%-11s", title);
    for (int issue = 0; issue <= REDUX_AUDIT_OUTLIER; issue++) {
        const int64_t of_issue = audit_count_issue(a, section, (redux_audit_issue)issue);
        if (of_issue > 0)
            printf(" %s %lld", redux_audit_issue_name((redux_audit_issue)issue),
                   (long long)of_issue);
    }
    puts(count == 0 ? " none" : "");
    for (int64_t i = 0; i < count && shown < MOST_ROWS; i++) {
        const redux_finding f = audit_finding(a, section, i);
        if (i > 0 && f.issue == audit_finding(a, section, i - 1).issue && section == SECTION_SLICES)
            continue;
        print_row(a, &f);
        shown++;
    }
}

static void print_label(const audit *a, int64_t label)
{
    char text[LABEL_WIDTH + 1];
    const char *name = label < 0 ? "no label" : redux_column_name(a->label_column, label);
    snprintf(text, sizeof text, "%.*s", cut(name, LABEL_WIDTH), name);
    print_escaped(stdout, text);
}

static void print_classes(const audit *a)
{
    static const char *const splits[] = {"train", "val", "test", "no split"};
    if (a->class_count == 0)
        return;
    printf("Classes    ");
    for (int64_t i = 0; i < a->class_count && i < 12; i++) {
        const audit_class *c = &a->classes[i];
        fputs(i > 0 ? "; " : " ", stdout);
        print_label(a, c->label);
        printf("%s%s: %lld slice%s in %lld group%s", c->split < 0 ? "" : " ",
               c->split < 0 ? "" : splits[c->split], (long long)c->slices, plural(c->slices),
               (long long)c->groups, plural(c->groups));
    }
    puts(a->class_count > 12 ? "; ..." : "");
}

static void print_redundancy(const audit *a)
{
    printf("Redundancy ");
    for (int64_t i = 0; i < a->strategy_count; i++) {
        const audit_strategy *s = &a->strategies[i];
        printf("%s %s would remove %.0f %%", i > 0 ? "," : "", redux_strategy_name(s->strategy),
               100 * (1 - (double)s->kept / (double)s->slices));
    }
    printf(";\n            %.1f effective slices of %lld; not run, for they take longer: ssim, mi, "
           "ms-ssim, mattes\n",
           a->effective, (long long)redux_dataset_slice_count(a->dataset));
}

redux_status audit_print_table(const audit *a)
{
    const bool *skip = a->settings->skip;
    if (!skip[SECTION_LEAKS])
        TRY(print_leaks(a));
    print_classes(a);
    if (a->findings[SECTION_LABELS] != NULL)
        print_issues(a, SECTION_LABELS, "Labels");
    if (!skip[SECTION_SLICES])
        print_issues(a, SECTION_SLICES, "Slices");
    if (!skip[SECTION_OUTLIERS]) {
        print_issues(a, SECTION_OUTLIERS, "Outliers");
        fputs("            (in the embedding: ", stdout);
        print_escaped(stdout, a->embedding);
        puts(")");
    }
    if (!skip[SECTION_REDUNDANCY])
        print_redundancy(a);
    return REDUX_OK;
}
