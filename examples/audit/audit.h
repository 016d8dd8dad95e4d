/* SPDX-License-Identifier: MIT
 * redux-audit, by subject: settings and the whole (redux-audit.c), the checks (checks.c), the table
 * on the terminal (table.c), files (output.c), the page (page.c). */
#ifndef REDUX_EXAMPLES_AUDIT_H
#define REDUX_EXAMPLES_AUDIT_H

#include "common/common.h"

/* The sections of an audit, by the names that --fail-on, --skip and JSON have for them. */
typedef enum audit_section {
    SECTION_LEAKS,
    SECTION_LABELS,
    SECTION_SLICES,
    SECTION_OUTLIERS,
    SECTION_REDUNDANCY
} audit_section;
enum { SECTIONS = SECTION_REDUNDANCY + 1, FINDING_SECTIONS = SECTION_OUTLIERS + 1 };
extern const char *const section_names[SECTIONS];

typedef struct audit_settings {
    redux_dataset_options dataset;
    const char *against, *labels, *label, *split, *group, *encoder, *embeddings;
    const char *out, *write_clean;
    redux_window window; /* of the page's pictures */
    double threshold;    /* of twins; NaN: the default */
    int64_t threads;
    bool json, quiet;
    bool fail_on[SECTIONS], skip[SECTIONS];
} audit_settings;

/* What one strategy would remove at its default. */
typedef struct audit_strategy {
    redux_strategy strategy;
    double threshold;
    int64_t kept, slices;
} audit_strategy;

/* Rows of a class in a split: -1 of either means all. */
typedef struct audit_class {
    int64_t label, split, slices, groups;
} audit_class;

enum { CHEAP_STRATEGIES = 4 };

typedef struct audit {
    redux_context *context;
    const audit_settings *settings;
    redux_dataset *dataset, *against;
    redux_scan *scan, *against_scan;
    redux_column *label_column;
    int32_t *labels; /* of each slice, -1: none; NULL: no labels */
    uint8_t *split;  /* of each slice; NULL: no splits */
    redux_tensor embeddings;
    char embedding[REDUX_ENCODER_NAME + 16];    /* what they are, in words */
    redux_findings *findings[FINDING_SECTIONS]; /* NULL: not checked */
    audit_strategy strategies[CHEAP_STRATEGIES];
    int64_t strategy_count;
    double effective; /* slices; below 0: not computed */
    audit_class *classes;
    int64_t class_count;
} audit;

/* ---- checks.c ---- */

redux_status audit_open(audit *a, char **inputs, int count);
redux_status audit_run(audit *a);
void audit_close(audit *a);
/* The number of findings of a section. */
int64_t audit_count(const audit *a, audit_section section);
redux_finding audit_finding(const audit *a, audit_section section, int64_t index);

/* ---- output.c ---- */

/* How a finding's side is named; texts belong to the dataset, and are "" if there are none. */
typedef struct audit_name {
    const char *source, *group;
    int64_t slice; /* -1: none */
} audit_name;
audit_name audit_name_of(const audit *a, const redux_finding *finding, bool other);
/* Whether the number of the slice is part of its name: a picture has only one. */
bool audit_has_number(const redux_finding *finding, const audit_name *name);
/* Whether a finding has such a side: what cannot be read in the other set has no own one. */
bool audit_has_side(const redux_finding *finding, bool other);

/* Checks before the work that files may be written, and protects what is read. */
redux_status audit_check_outputs(const audit *a);
redux_status audit_write_files(const audit *a);
/* 1 for each slice that --write-clean keeps, [slices]; the caller frees it. NULL: no memory. */
uint8_t *audit_kept(const audit *a);
redux_status audit_print_json(const audit *a);

/* ---- table.c ---- */

redux_status audit_print_table(const audit *a);
/* "1 of 4 groups in SET: 1 whole, 0 in part; 51 slices (51 the same pixels)". */
redux_status audit_describe_leaks(char *text, size_t size, const audit *a);
/* How many findings of a section have an issue, or a level. */
int64_t audit_count_issue(const audit *a, audit_section section, redux_audit_issue issue);
int64_t audit_count_level(const audit *a, audit_section section, redux_audit_level level);
/* "51 of 51 slices", "labelled 1, the other 0", "0.93": what a finding has besides names. */
void audit_describe(char *text, size_t size, const audit *a, const redux_finding *finding);

/* ---- page.c ---- */

redux_status audit_write_page(const audit *a, const char *path);

#endif
