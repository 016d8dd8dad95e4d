/* SPDX-License-Identifier: MIT
 * The inputs of an audit, and its checks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "common/encoder.h"
#include "common/input.h"
#include "audit.h"

/* ---- inputs ---- */

/* What --group or --labels say of groups, if --group-by says nothing. */
static void settle_groups(redux_dataset_options *options, char *text, size_t size,
                          const audit_settings *s)
{
    *options = s->dataset;
    if (options->group_by != NULL || s->labels == NULL)
        return;
    snprintf(text, size, "%s:%s", s->labels, s->group == NULL ? "" : s->group);
    options->group_by = s->group == NULL ? "file" : text;
}

static redux_status open_datasets(audit *a, char **inputs, int count)
{
    const audit_settings *s = a->settings;
    redux_dataset_options options;
    char text[4200];
    settle_groups(&options, text, sizeof text, s);
    progress_label("opening");
    TRY(redux_dataset_open(&a->dataset, a->context, (const char *const *)inputs, count, &options));
    if (!s->quiet) {
        report_input(a->dataset);
        report_skipped(a->dataset);
    }
    if (s->against == NULL)
        return REDUX_OK;
    options.group_by = s->dataset.group_by;
    options.grouped_with = a->dataset;
    TRY(redux_dataset_open(&a->against, a->context, &s->against, 1, &options));
    if (!s->quiet)
        report_skipped(a->against);
    return REDUX_OK;
}

static void report_unused(const audit *a, const redux_column *column)
{
    int64_t first;
    const int64_t unused = redux_column_unused(&first, column);
    if (unused == 0 || a->settings->quiet)
        return;
    progress_label(NULL);
    fprintf(stderr,
            "%s: %s: %lld line%s about files or slices that are not in the input, the first in "
            "line %lld\n",
            program_name, a->settings->labels, (long long)unused, unused == 1 ? "" : "s",
            (long long)first);
}

static redux_status read_labels(audit *a)
{
    const audit_settings *s = a->settings;
    const int64_t slices = redux_dataset_slice_count(a->dataset);
    const redux_status status = redux_column_read(&a->label_column, a->context, a->dataset,
                                                  s->labels, s->label == NULL ? "label" : s->label);
    if (status == REDUX_E_NOT_FOUND && s->label == NULL && (s->split != NULL || s->group != NULL)) {
        progress_label(NULL);
        fprintf(stderr, "%s: no labels are checked: %s (--label names the column)\n", program_name,
                redux_error_message());
        return REDUX_OK;
    }
    TRY(status);
    report_unused(a, a->label_column);
    a->labels = malloc((size_t)(slices + 1) * sizeof *a->labels);
    if (a->labels == NULL)
        return no_memory();
    int64_t known = 0;
    for (int64_t i = 0; i < slices; i++) {
        a->labels[i] = (int32_t)redux_column_value(a->label_column, i);
        known += a->labels[i] >= 0;
    }
    if (known > 0)
        return REDUX_OK;
    return program_fail(REDUX_E_NOT_FOUND,
                        "%s: no slice of the input has a label: files are named relative to the "
                        "folder of the table",
                        s->labels);
}

static redux_status name_splits(audit *a, const redux_column *column)
{
    for (int64_t i = 0; i < redux_dataset_slice_count(a->dataset); i++) {
        const int64_t value = redux_column_value(column, i);
        redux_split split = REDUX_SPLIT_NONE;
        if (value >= 0 && redux_split_parse(&split, redux_column_name(column, value)) != REDUX_OK) {
            progress_label(NULL);
            fprintf(stderr, "%s: %s, column '%s' has no splits:\n", program_name,
                    a->settings->labels, a->settings->split);
            return REDUX_E_FORMAT;
        }
        a->split[i] = (uint8_t)split;
    }
    return REDUX_OK;
}

static redux_status read_splits(audit *a)
{
    redux_column *column = NULL;
    TRY(redux_column_read(&column, a->context, a->dataset, a->settings->labels,
                          a->settings->split));
    a->split = malloc((size_t)redux_dataset_slice_count(a->dataset) + 1);
    const redux_status status = a->split == NULL ? no_memory() : name_splits(a, column);
    redux_column_free(column);
    return status;
}

redux_status audit_open(audit *a, char **inputs, int count)
{
    TRY(open_datasets(a, inputs, count));
    if (a->settings->labels != NULL)
        TRY(read_labels(a));
    return a->settings->split == NULL ? REDUX_OK : read_splits(a);
}

/* ---- embeddings ---- */

static redux_status read_embeddings(audit *a)
{
    redux_tensor read;
    TRY(redux_npy_read(&read, a->context, a->settings->embeddings));
    const redux_status status =
        redux_tensor_contiguous(&a->embeddings, a->context, &read, REDUX_FLOAT32);
    redux_tensor_release(&read);
    snprintf(a->embedding, sizeof a->embedding, "the embeddings given");
    return status;
}

static redux_status encode(audit *a)
{
    encoder e;
    TRY(encoder_open(&e, a->context, a->settings->encoder));
    e.skip_errors = a->settings->dataset.skip_errors != 0;
    progress_label("embedding");
    const redux_status status = encoder_embed(&a->embeddings, a->context, &e, a->dataset, NULL);
    snprintf(a->embedding, sizeof a->embedding, "%s", e.name);
    encoder_close(&e);
    return status;
}

/* Whether a check that runs looks at embeddings. */
static bool needs_embeddings(const audit *a)
{
    const bool *skip = a->settings->skip;
    return !skip[SECTION_OUTLIERS] || !skip[SECTION_REDUNDANCY] ||
           (!skip[SECTION_LABELS] && a->labels != NULL);
}

static redux_status make_embeddings(audit *a)
{
    if (!needs_embeddings(a))
        return REDUX_OK;
    if (a->settings->encoder != NULL)
        return encode(a);
    if (a->settings->embeddings != NULL)
        return read_embeddings(a);
    snprintf(a->embedding, sizeof a->embedding, "16 x 16 pixels");
    return redux_scan_descriptors(&a->embeddings, a->context, a->scan);
}

/* ---- checks ---- */

static redux_status check_leaks(audit *a)
{
    redux_audit_leaks_options options = REDUX_AUDIT_LEAKS_OPTIONS_INIT;
    if (a->against == NULL && a->split == NULL)
        return REDUX_OK;
    progress_label("leaks");
    options.against = a->against_scan;
    options.split = a->split;
    if (!isnan(a->settings->threshold))
        options.threshold = a->settings->threshold;
    return redux_audit_leaks(&a->findings[SECTION_LEAKS], a->context, a->scan, &options);
}

static redux_status check_labels(audit *a)
{
    redux_audit_labels_options options = REDUX_AUDIT_LABELS_OPTIONS_INIT;
    if (a->labels == NULL)
        return REDUX_OK;
    progress_label("labels");
    if (!isnan(a->settings->threshold))
        options.threshold = a->settings->threshold;
    return redux_audit_labels(&a->findings[SECTION_LABELS], a->context, a->scan, &a->embeddings,
                              a->labels, &options);
}

static redux_status check_slices(audit *a)
{
    redux_audit_slices_options options = REDUX_AUDIT_SLICES_OPTIONS_INIT;
    options.against = a->against_scan;
    progress_label("slices");
    return redux_audit_slices(&a->findings[SECTION_SLICES], a->context, a->scan, &options);
}

static redux_status check_outliers(audit *a)
{
    progress_label("outliers");
    return redux_audit_outliers(&a->findings[SECTION_OUTLIERS], a->context, a->scan, &a->embeddings,
                                NULL);
}

/* Each of these reads the data once more. */
static redux_status check_redundancy(audit *a)
{
    static const redux_strategy cheap[CHEAP_STRATEGIES] = {
        REDUX_STRATEGY_HASH, REDUX_STRATEGY_COSINE, REDUX_STRATEGY_ENTROPY, REDUX_STRATEGY_EVERY_N};
    TRY(redux_audit_effective(&a->effective, a->context, &a->embeddings));
    for (int i = 0; i < CHEAP_STRATEGIES; i++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduce_summary summary = {.struct_size = sizeof summary};
        redux_reduction *reduction = NULL;
        options.strategy = cheap[i];
        options.skip_errors = a->settings->dataset.skip_errors;
        options.embeddings = &a->embeddings;
        if (cheap[i] != REDUX_STRATEGY_COSINE)
            options.embeddings = NULL;
        progress_label(redux_strategy_name(cheap[i]));
        TRY(redux_reduce(&reduction, a->context, a->dataset, &options));
        const redux_status status = redux_reduction_get_summary(&summary, reduction);
        redux_reduction_free(reduction);
        TRY(status);
        a->strategies[a->strategy_count++] =
            (audit_strategy){cheap[i], summary.threshold, summary.kept, summary.slices};
    }
    return REDUX_OK;
}

/* ---- classes ---- */

static redux_status count_class(audit_class *out, const audit *a, int64_t label, int64_t split)
{
    const int64_t slices = redux_dataset_slice_count(a->dataset);
    uint8_t *seen = calloc((size_t)redux_dataset_group_count(a->dataset) + 1, 1);
    if (seen == NULL)
        return no_memory();
    *out = (audit_class){label, split, 0, 0};
    for (int64_t i = 0; i < slices; i++) {
        int64_t volume, slice;
        if (a->labels[i] != label || (split >= 0 && a->split[i] != split))
            continue;
        redux_dataset_get_place(&volume, &slice, a->dataset, i);
        const int64_t group = redux_dataset_get_group(a->dataset, volume, slice);
        out->slices++;
        out->groups += !seen[group];
        seen[group] = 1;
    }
    free(seen);
    return REDUX_OK;
}

/* Classes by split; -1 is no label. */
static redux_status count_classes(audit *a)
{
    const int64_t classes = redux_column_count(a->label_column);
    const int splits = a->split == NULL ? 1 : REDUX_SPLIT_NONE + 1;
    if (a->labels == NULL || classes > 64)
        return REDUX_OK;
    a->classes = calloc((size_t)((classes + 1) * splits), sizeof *a->classes);
    if (a->classes == NULL)
        return no_memory();
    for (int64_t label = -1; label < classes; label++)
        for (int split = 0; split < splits; split++) {
            audit_class *next = &a->classes[a->class_count];
            TRY(count_class(next, a, label, a->split == NULL ? -1 : split));
            a->class_count += next->slices > 0;
        }
    return REDUX_OK;
}

/* ---- the whole ---- */

static redux_status scan(audit *a)
{
    redux_scan_options options = REDUX_SCAN_OPTIONS_INIT;
    options.skip_errors = a->settings->dataset.skip_errors;
    progress_label("reading");
    TRY(redux_scan_new(&a->scan, a->context, a->dataset, &options));
    if (a->against == NULL || a->settings->skip[SECTION_LEAKS])
        return REDUX_OK;
    progress_label("reading the other set");
    return redux_scan_new(&a->against_scan, a->context, a->against, &options);
}

redux_status audit_run(audit *a)
{
    static redux_status (*const checks[SECTIONS])(audit *) = {
        check_leaks, check_labels, check_slices, check_outliers, check_redundancy};
    TRY(scan(a));
    TRY(make_embeddings(a));
    TRY(count_classes(a));
    for (int i = 0; i < SECTIONS; i++)
        if (!a->settings->skip[i])
            TRY(checks[i](a));
    progress_label(NULL);
    return REDUX_OK;
}

int64_t audit_count(const audit *a, audit_section section)
{
    return section <= SECTION_OUTLIERS ? redux_findings_count(a->findings[section]) : 0;
}

redux_finding audit_finding(const audit *a, audit_section section, int64_t index)
{
    redux_finding finding = REDUX_FINDING_INIT;
    redux_findings_get(&finding, a->findings[section], index);
    return finding;
}

void audit_close(audit *a)
{
    for (int i = 0; i < FINDING_SECTIONS; i++)
        redux_findings_free(a->findings[i]);
    redux_tensor_release(&a->embeddings);
    redux_scan_free(a->scan);
    redux_scan_free(a->against_scan);
    redux_column_free(a->label_column);
    free(a->labels);
    free(a->split);
    free(a->classes);
    redux_dataset_free(a->against);
    redux_dataset_free(a->dataset);
}
