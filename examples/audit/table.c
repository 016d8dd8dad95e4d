/* SPDX-License-Identifier: MIT
 * The table on the terminal: it fits a screen. */
#include <math.h>
#include <string.h>
#include "audit.h"

enum { MOST_ROWS = 3, MOST_LEAKS = 5, NAME_WIDTH = 40 };

/* The last part of a path, or of a long one its end. */
static const char *tail(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    const char *name = path[length] == '\0' ? path : path + length;
    const size_t rest = strlen(name);
    return rest > NAME_WIDTH ? name + rest - NAME_WIDTH : name;
}

static void print_name(const audit *a, const redux_finding *finding, bool other)
{
    const audit_name name = audit_name_of(a, finding, other);
    if (finding->level == REDUX_AUDIT_GROUP) {
        fputs(tail(name.group), stdout);
        return;
    }
    fputs(tail(name.source), stdout);
    if (finding->level == REDUX_AUDIT_SLICE && name.slice > 0)
        printf(" slice %lld", (long long)name.slice);
}

static void describe_labels(char *text, size_t size, const audit *a, const redux_finding *f)
{
    snprintf(text, size, "labelled %.20s, the other %.20s; %.3g",
             redux_column_name(a->label_column, a->labels[f->slice]),
             redux_column_name(a->label_column, a->labels[f->other_slice]), f->score);
}

void audit_describe(char *text, size_t size, const audit *a, const redux_finding *f)
{
    if (f->issue == REDUX_AUDIT_SHARED_GROUP)
        snprintf(text, size, "on both sides");
    else if (f->found >= 0)
        snprintf(text, size, "%lld of %lld slices", (long long)f->found, (long long)f->of);
    else if (f->issue == REDUX_AUDIT_LABEL_CONFLICT || f->issue == REDUX_AUDIT_LABEL_SUSPECT)
        describe_labels(text, size, a, f);
    else
        snprintf(text, size, "%.3g", f->score);
}

static void print_row(const audit *a, const redux_finding *finding)
{
    char text[160];
    audit_describe(text, sizeof text, a, finding);
    printf("  %-15s ", redux_audit_issue_name(finding->issue));
    print_name(a, finding, false);
    if (finding->other_group >= 0 && finding->issue != REDUX_AUDIT_SHARED_GROUP) {
        fputs(" = ", stdout);
        print_name(a, finding, true);
    }
    printf("   %s\n", text);
}

/* ---- leaks ---- */

/* Groups that are in the other set: wholly (nine tenths), and at all. Findings come in order, so
 * each group is counted at its first one. */
static void count_groups(const audit *a, int64_t *whole, int64_t *some, int64_t *shared)
{
    const int64_t count = audit_count(a, SECTION_LEAKS);
    *whole = *some = *shared = 0;
    for (int64_t i = 0; i < count; i++) {
        const redux_finding f = audit_finding(a, SECTION_LEAKS, i);
        bool is_first = true;
        *shared += f.issue == REDUX_AUDIT_SHARED_GROUP;
        if (f.issue != REDUX_AUDIT_GROUP_LEAK)
            continue;
        for (int64_t k = 0; k < i && is_first; k++) {
            const redux_finding before = audit_finding(a, SECTION_LEAKS, k);
            is_first = before.issue != REDUX_AUDIT_GROUP_LEAK || before.group != f.group;
        }
        *some += is_first;
        *whole += is_first && f.score >= 0.9;
    }
}

static int64_t count_issue(const audit *a, audit_section section, redux_audit_issue issue)
{
    int64_t count = 0;
    for (int64_t i = 0; i < audit_count(a, section); i++)
        count += audit_finding(a, section, i).issue == issue;
    return count;
}

static int64_t count_level(const audit *a, audit_section section, redux_audit_level level)
{
    int64_t count = 0;
    for (int64_t i = 0; i < audit_count(a, section); i++)
        count += audit_finding(a, section, i).level == level;
    return count;
}

static void print_leaks(const audit *a)
{
    int64_t whole, some, shared, shown = 0;
    const int64_t slices = count_level(a, SECTION_LEAKS, REDUX_AUDIT_SLICE);
    const char *what = redux_dataset_group_by(a->dataset) == NULL ? "volume" : "group";
    if (a->findings[SECTION_LEAKS] == NULL) {
        puts("Leaks       not checked: --against PATH or --split COLUMN says between what");
        return;
    }
    count_groups(a, &whole, &some, &shared);
    printf("Leaks       %lld of %lld %ss in %s: %lld whole, %lld in part; %lld slices (%lld the "
           "same pixels)",
           (long long)some, (long long)redux_dataset_group_count(a->dataset), what,
           a->against == NULL ? "an earlier split" : tail(a->settings->against), (long long)whole,
           (long long)(some - whole), (long long)slices,
           (long long)count_issue(a, SECTION_LEAKS, REDUX_AUDIT_SAME_PIXELS));
    if (shared > 0)
        printf("; %lld %ss on both sides by name", (long long)shared, what);
    putchar('\n');
    for (int64_t i = 0; i < audit_count(a, SECTION_LEAKS) && shown < MOST_LEAKS; i++) {
        const redux_finding f = audit_finding(a, SECTION_LEAKS, i);
        if (f.level == REDUX_AUDIT_VOLUME && redux_dataset_group_by(a->dataset) == NULL)
            continue; /* volumes are the groups */
        print_row(a, &f);
        shown++;
    }
}

/* ---- other sections ---- */

/* Counts by issue in one line, then the worst row of each of the first few. */
static void print_issues(const audit *a, audit_section section, const char *title)
{
    const int64_t count = audit_count(a, section);
    int64_t shown = 0;
    printf("%-11s", title);
    for (int issue = 0; issue <= REDUX_AUDIT_OUTLIER; issue++) {
        const int64_t of_issue = count_issue(a, section, (redux_audit_issue)issue);
        if (of_issue > 0)
            printf(" %s %lld%s", redux_audit_issue_name((redux_audit_issue)issue),
                   (long long)of_issue, "");
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

static void print_classes(const audit *a)
{
    static const char *const splits[] = {"train", "val", "test", "no split"};
    if (a->class_count == 0)
        return;
    printf("Classes    ");
    for (int64_t i = 0; i < a->class_count && i < 12; i++) {
        const audit_class *c = &a->classes[i];
        printf("%s %.20s%s%s: %lld in %lld", i > 0 ? ";" : "",
               c->label < 0 ? "no label" : redux_column_name(a->label_column, c->label),
               c->split < 0 ? "" : " ", c->split < 0 ? "" : splits[c->split], (long long)c->slices,
               (long long)c->groups);
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

void audit_print_table(const audit *a)
{
    const bool *skip = a->settings->skip;
    if (!skip[SECTION_LEAKS])
        print_leaks(a);
    print_classes(a);
    if (a->findings[SECTION_LABELS] != NULL)
        print_issues(a, SECTION_LABELS, "Labels");
    if (!skip[SECTION_SLICES])
        print_issues(a, SECTION_SLICES, "Slices");
    if (!skip[SECTION_OUTLIERS]) {
        print_issues(a, SECTION_OUTLIERS, "Outliers");
        printf("            (in the embedding: %s)\n", a->embedding);
    }
    if (!skip[SECTION_REDUNDANCY])
        print_redundancy(a);
}
