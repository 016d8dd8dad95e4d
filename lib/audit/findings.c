/* SPDX-License-Identifier: MIT
 * Lists of findings, and the names of issues. */
#include <math.h>
#include <stdlib.h>
#include "audit.h"

static const char *const issue_names[] = {"same-pixels",
                                          "near-duplicate",
                                          "same-file",
                                          "volume-copy",
                                          "volume-part",
                                          "volume-overlap",
                                          "group-leak",
                                          "shared-group",
                                          "label-conflict",
                                          "label-suspect",
                                          "unreadable",
                                          "not-finite",
                                          "flat",
                                          "air",
                                          "dark",
                                          "light",
                                          "low-contrast",
                                          "blurred",
                                          "low-information",
                                          "cropped",
                                          "padding",
                                          "orientation",
                                          "odd-size",
                                          "odd-spacing",
                                          "odd-range",
                                          "outlier"};
static const char *const level_names[] = {"slice", "volume", "group"};

const char *redux_audit_issue_name(redux_audit_issue issue)
{
    return rdx_name_of((int64_t)issue, issue_names, RDX_COUNT(issue_names));
}

const char *redux_audit_level_name(redux_audit_level level)
{
    return rdx_name_of((int64_t)level, level_names, RDX_COUNT(level_names));
}

redux_status rdx_findings_new(redux_findings **out, redux_context *context)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_findings)));
    *out = block;
    (*out)->context = context;
    return REDUX_OK;
}

static redux_finding finding_of(redux_audit_issue issue, redux_audit_level level, double score)
{
    redux_finding finding = REDUX_FINDING_INIT;
    finding.issue = issue;
    finding.level = level;
    finding.slice = finding.volume = finding.group = -1;
    finding.other_slice = finding.other_volume = finding.other_group = -1;
    finding.found = finding.of = finding.skipped = -1;
    finding.score = score;
    return finding;
}

redux_finding rdx_finding_slice(const redux_dataset *dataset, redux_audit_issue issue,
                                int64_t slice, double score)
{
    redux_finding finding = finding_of(issue, REDUX_AUDIT_SLICE, score);
    finding.slice = slice;
    finding.volume = rdx_dataset_volume_of(dataset, slice);
    finding.group = rdx_dataset_group_of(dataset, slice);
    return finding;
}

redux_finding rdx_finding_volume(const redux_dataset *dataset, redux_audit_issue issue,
                                 int64_t volume, double score)
{
    redux_finding finding = finding_of(issue, REDUX_AUDIT_VOLUME, score);
    finding.volume = volume;
    if (rdx_dataset_first_row(dataset, volume) < rdx_dataset_first_row(dataset, volume + 1))
        finding.group = rdx_dataset_group_of(dataset, rdx_dataset_first_row(dataset, volume));
    return finding;
}

redux_finding rdx_finding_group(redux_audit_issue issue, int64_t group, double score)
{
    redux_finding finding = finding_of(issue, REDUX_AUDIT_GROUP, score);
    finding.group = group;
    return finding;
}

redux_finding rdx_finding_skipped(int64_t skipped, bool is_against)
{
    redux_finding finding = finding_of(REDUX_AUDIT_UNREADABLE, REDUX_AUDIT_VOLUME, 1);
    finding.other_is_against = is_against;
    finding.skipped = skipped;
    return finding;
}

redux_finding rdx_finding_unread(const redux_dataset *against, int64_t slice)
{
    redux_finding finding = finding_of(REDUX_AUDIT_UNREADABLE, REDUX_AUDIT_SLICE, 1);
    rdx_finding_set_other(&finding, against, slice, true);
    return finding;
}

void rdx_finding_set_other(redux_finding *finding, const redux_dataset *dataset, int64_t slice,
                           bool is_against)
{
    finding->other_is_against = is_against;
    finding->other_slice = slice;
    finding->other_volume = rdx_dataset_volume_of(dataset, slice);
    finding->other_group = rdx_dataset_group_of(dataset, slice);
}

redux_status rdx_findings_add(redux_findings *findings, const redux_finding *finding)
{
    void *block = findings->list;
    const redux_status status =
        rdx_grow(findings->context, &block, &findings->capacity, findings->count,
                 findings->count + 1, sizeof *findings->list);
    findings->list = block;
    if (status == REDUX_OK)
        findings->list[findings->count++] = *finding;
    return status;
}

/* ---- order ---- */

static bool low_is_worse(redux_audit_issue issue)
{
    static const redux_audit_issue low[] = {REDUX_AUDIT_LABEL_SUSPECT, REDUX_AUDIT_FLAT,
                                            REDUX_AUDIT_AIR,           REDUX_AUDIT_DARK,
                                            REDUX_AUDIT_LOW_CONTRAST,  REDUX_AUDIT_LOW_INFORMATION};
    for (int64_t i = 0; i < RDX_COUNT(low); i++)
        if (low[i] == issue)
            return true;
    return false;
}

/* Groups first, then volumes, then slices. */
static int compare_levels(const redux_finding *a, const redux_finding *b)
{
    return (a->level < b->level) - (a->level > b->level);
}

static int compare_places(const redux_finding *a, const redux_finding *b)
{
    const int64_t x[] = {a->other_is_against, a->group,        a->volume,      a->slice,
                         a->other_group,      a->other_volume, a->other_slice, a->skipped};
    const int64_t y[] = {b->other_is_against, b->group,        b->volume,      b->slice,
                         b->other_group,      b->other_volume, b->other_slice, b->skipped};
    for (int64_t i = 0; i < RDX_COUNT(x); i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int compare_scores(double a, double b)
{
    return (a > b) - (a < b);
}

/* Leaks: what is most certain first; of equal shares the larger number. */
static int compare_leaks(const void *left, const void *right)
{
    const redux_finding *a = left, *b = right;
    int order = compare_levels(a, b);
    if (order == 0)
        order = compare_scores(b->score, a->score);
    if (order == 0)
        order = (a->found < b->found) - (a->found > b->found);
    return order != 0 ? order : compare_places(a, b);
}

/* Issue after issue; of each, volumes before slices, the worst first. */
static int compare_issues(const void *left, const void *right)
{
    const redux_finding *a = left, *b = right;
    int order = (a->issue > b->issue) - (a->issue < b->issue);
    if (order == 0)
        order = compare_levels(a, b);
    if (order == 0)
        order = low_is_worse(a->issue) ? compare_scores(a->score, b->score)
                                       : compare_scores(b->score, a->score);
    return order != 0 ? order : compare_places(a, b);
}

void rdx_findings_sort(redux_findings *findings, bool by_level)
{
    if (findings->count > 1)
        qsort(findings->list, (size_t)findings->count, sizeof *findings->list,
              by_level ? compare_leaks : compare_issues);
}

/* ---- asking ---- */

int64_t redux_findings_count(const redux_findings *findings)
{
    return findings == NULL ? 0 : findings->count;
}

redux_status redux_findings_get(redux_finding *out, const redux_findings *findings, int64_t index)
{
    if (index < 0 || index >= redux_findings_count(findings))
        return rdx_fail(REDUX_E_INVALID, "there is no finding %lld: there are %lld",
                        (long long)index, (long long)redux_findings_count(findings));
    return rdx_write_result(out, &findings->list[index], sizeof *out, "redux_finding");
}

void redux_findings_free(redux_findings *findings)
{
    if (findings == NULL)
        return;
    rdx_free(findings->list);
    rdx_free(findings);
}
