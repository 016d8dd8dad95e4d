/* SPDX-License-Identifier: MIT
 * The results: a table for each task and protocol, as text, Markdown, CSV and JSON. Test figures
 * come from the cells' predictions, all seeds and folds of a row together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/evaluate_settings.h"
#include "experiment.h"

enum { MOST_SEEDS = 1000, FIGURES = 7, AUC = 2, PERMUTATIONS = 10000 };

/* One row of a table: a strategy in a task and protocol, over seeds and folds. */
typedef struct row {
    const char *strategy, *task, *protocol;
    int64_t cells;
    double kept, slices, steps, seconds, reduce_seconds, ratio; /* means; NaN for floors */
    double validation[FIGURES], validation_deviation[FIGURES];
    redux_run_set *runs; /* NULL: none of its predictions could be read */
    redux_run_set_counts counts;
    redux_scores mean, deviation, low, high, defined;
    bool is_baseline, compared;                /* compared: with the baseline of its table */
    redux_scores difference, d_low, d_high, p; /* this row minus the baseline */
    double p_holm[FIGURES];
} row;

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static bool same_row(const row *r, const json_t *cell)
{
    return strcmp(member(cell, "strategy"), r->strategy) == 0 &&
           strcmp(member(cell, "task"), r->task) == 0 &&
           strcmp(member(cell, "protocol"), r->protocol) == 0;
}

/* Mean over the folds of a seed of `key` of `part` of each cell. */
static double mean_of_seed(const experiment *e, const row *r, int64_t seed, const char *outer,
                           const char *part, const char *key)
{
    double sum = 0;
    int64_t count = 0;
    for (size_t i = 0; i < json_array_size(e->cells); i++) {
        const json_t *cell = json_array_get(e->cells, i);
        const json_t *object = json_object_get(cell, outer);
        const double value = number(part == NULL ? object : json_object_get(object, part), key);
        if (!same_row(r, cell) || isnan(value) ||
            json_integer_value(json_object_get(cell, "seed")) != seed)
            continue;
        sum += value;
        count++;
    }
    return count == 0 ? (double)NAN : sum / (double)count;
}

/* Mean (and deviation) over seeds. */
static double summarise(double *deviation, const experiment *e, const row *r, const char *outer,
                        const char *part, const char *key)
{
    double values[MOST_SEEDS], mean; /* no configuration has more */
    for (int64_t s = 0; s < e->seeds; s++)
        values[s] = mean_of_seed(e, r, e->first_seed + s, outer, part, key);
    redux_scores_summarise(&mean, deviation, values, e->seeds);
    return mean;
}

/* NULL-safe: the mean alone. */
static double mean_of(const experiment *e, const row *r, const char *key)
{
    return summarise(NULL, e, r, "pretrain", NULL, key);
}

/* The rows in the order of their first cells. */
static size_t list_rows(row *rows, const experiment *e)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(e->cells); i++) {
        const json_t *cell = json_array_get(e->cells, i);
        size_t k = 0;
        while (k < count && !same_row(&rows[k], cell))
            k++;
        if (k == count) {
            memset(&rows[k], 0, sizeof rows[k]);
            const redux_scores none = REDUX_SCORES_INIT;
            rows[count++] = (row){.strategy = member(cell, "strategy"),
                                  .task = member(cell, "task"),
                                  .protocol = member(cell, "protocol"),
                                  .counts = {.struct_size = sizeof rows[k].counts},
                                  .mean = none,
                                  .deviation = none,
                                  .low = none,
                                  .high = none,
                                  .defined = none,
                                  .difference = none,
                                  .d_low = none,
                                  .d_high = none,
                                  .p = none};
        }
        rows[k].cells++;
    }
    return count;
}

/* The predictions of all cells of a row. */
static redux_status load_runs(row *r, const experiment *e)
{
    char path[4500];
    TRY(redux_run_set_new(&r->runs, e->context));
    for (size_t i = 0; i < json_array_size(e->cells); i++) {
        const json_t *cell = json_array_get(e->cells, i), *result = json_object_get(cell, "result");
        const json_t *positive = json_object_get(result, "positive");
        if (!same_row(r, cell))
            continue;
        snprintf(path, sizeof path, "%s/predictions/%s.csv", e->out, member(cell, "predictions"));
        const redux_status status =
            redux_run_set_load(r->runs, e->context, path,
                               positive == NULL ? 1 : (int32_t)json_integer_value(positive));
        if (status == REDUX_E_FORMAT || status == REDUX_E_NOT_FOUND)
            fprintf(stderr, "%s: %s: remove it, so that the cell is judged again\n", program_name,
                    path);
        TRY(status);
    }
    TRY(redux_run_set_get_counts(&r->counts, e->context, r->runs));
    TRY(redux_run_set_scores(&r->mean, &r->deviation, &r->defined, e->context, r->runs));
    return redux_run_set_interval(&r->low, &r->high, e->context, r->runs, 0.95);
}

static int fill_row(row *r, const experiment *e)
{
    for (int f = 0; f < FIGURES; f++)
        r->validation[f] =
            summarise(&r->validation_deviation[f], e, r, "result", "validation", score_name(f));
    r->kept = mean_of(e, r, "kept");
    r->slices = mean_of(e, r, "slices");
    r->steps = mean_of(e, r, "steps");
    r->seconds = mean_of(e, r, "seconds");
    r->reduce_seconds = mean_of(e, r, "reduce_seconds");
    return load_runs(r, e) == REDUX_OK ? EXIT_OK : data_error();
}

static bool same_table(const row *a, const row *b)
{
    return strcmp(a->task, b->task) == 0 && strcmp(a->protocol, b->protocol) == 0;
}

static const char *baseline_name(const experiment *e, const row *rows, size_t count)
{
    const char *name = member(e->config, "baseline");
    for (size_t i = 0; i < count && name == NULL; i++)
        if (rows[i].kept == rows[i].slices)
            name = rows[i].strategy;
    return name;
}

/* A row minus the baseline of its table. */
static int compare_row(row *r, const row *baseline, const experiment *e)
{
    if (r == baseline || r->runs == NULL || baseline->runs == NULL)
        return EXIT_OK;
    r->compared = true;
    return redux_run_set_compare(&r->difference, &r->d_low, &r->d_high, &r->p, e->context,
                                 baseline->runs, r->runs, 0.95, PERMUTATIONS, 0) == REDUX_OK
               ? EXIT_OK
               : data_error();
}

/* Holm's correction over the comparisons of one table, figure by figure. p, out: [count]. */
static void correct_table(row *rows, size_t count, const row *table, double *p, double *out)
{
    for (int f = 0; f < FIGURES; f++) {
        for (size_t i = 0; i < count; i++)
            p[i] = rows[i].compared && same_table(&rows[i], table) ? score_value(&rows[i].p, f)
                                                                   : (double)NAN;
        redux_scores_holm(out, p, (int64_t)count);
        for (size_t i = 0; i < count; i++)
            if (rows[i].compared && same_table(&rows[i], table))
                rows[i].p_holm[f] = out[i];
    }
}

static int compare_rows(row *rows, size_t count, const experiment *e)
{
    const char *name = baseline_name(e, rows, count);
    double *scratch = calloc(2 * count + 1, sizeof *scratch);
    int code = scratch == NULL ? EXIT_DATA : EXIT_OK;
    for (size_t b = 0; b < count; b++) {
        rows[b].is_baseline = name != NULL && strcmp(rows[b].strategy, name) == 0;
        for (size_t i = 0; i < count && rows[b].is_baseline && code == EXIT_OK; i++)
            if (same_table(&rows[i], &rows[b]))
                code = compare_row(&rows[i], &rows[b], e);
        if (rows[b].is_baseline && code == EXIT_OK)
            correct_table(rows, count, &rows[b], scratch, scratch + count);
    }
    free(scratch);
    return code;
}

/* Pre-training time over that of the first strategy that keeps all. */
static void fill_ratios(row *rows, size_t count)
{
    double all = (double)NAN;
    for (size_t i = 0; i < count && isnan(all); i++)
        if (rows[i].kept == rows[i].slices)
            all = rows[i].seconds;
    for (size_t i = 0; i < count; i++)
        rows[i].ratio = rows[i].seconds / all;
}

/* ---- text and Markdown ---- */

static void put_number(FILE *file, bool markdown, int width, int digits, double value)
{
    fputs(markdown ? " | " : "  ", file);
    if (markdown)
        width = 0;
    if (isnan(value))
        fprintf(file, "%*s", width, "-");
    else
        fprintf(file, "%*.*f", width, digits, value);
}

static void put_figure(FILE *file, bool markdown, double mean, double deviation)
{
    char text[40];
    if (isnan(mean))
        snprintf(text, sizeof text, "-");
    else if (isnan(deviation))
        snprintf(text, sizeof text, "%.1f", 100 * mean);
    else
        snprintf(text, sizeof text, "%.1f (%.1f)", 100 * mean, 100 * deviation);
    fprintf(file, markdown ? " | %s" : "  %12s", text);
}

static double shown_mean(const row *r, bool validation, int f)
{
    return validation ? r->validation[f] : score_value(&r->mean, f);
}

static double shown_deviation(const row *r, bool validation, int f)
{
    return validation ? r->validation_deviation[f] : score_value(&r->deviation, f);
}

static void put_row(FILE *file, bool markdown, bool validation, const row *r)
{
    static const int shown[] = {0, 2, 4}; /* accuracy, AUC, F1: the paper's */
    fprintf(file, markdown ? "| %s" : "%-18s", r->strategy);
    put_number(file, markdown, 7, 0, r->kept);
    put_number(file, markdown, 7, 0, r->steps);
    put_number(file, markdown, 9, 1, r->seconds);
    put_number(file, markdown, 6, 2, r->ratio);
    for (int i = 0; i < 3; i++)
        put_figure(file, markdown, shown_mean(r, validation, shown[i]),
                   shown_deviation(r, validation, shown[i]));
    fputs(markdown ? " |\n" : "\n", file);
}

/* "3 seeds x 5 folds" */
static const char *extent(char *text, size_t size, const row *r)
{
    const char *plural = r->counts.seeds == 1 ? "" : "s";
    if (r->counts.folds > 1)
        snprintf(text, size, "%lld seed%s x %lld folds", (long long)r->counts.seeds, plural,
                 (long long)r->counts.folds);
    else
        snprintf(text, size, "%lld seed%s", (long long)r->counts.seeds, plural);
    return text;
}

static void put_heading(FILE *file, bool markdown, bool validation, const row *r)
{
    char text[80];
    fprintf(file, "\n%s, %s (%s, %%, mean and standard deviation of %s)\n", r->task, r->protocol,
            validation ? "validation" : "test", extent(text, sizeof text, r));
    if (markdown)
        fputs("\n| | kept | steps | seconds | ratio | accuracy | AUC | F1 |\n"
              "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
              file);
    else
        fprintf(file, "%-18s  %7s  %7s  %9s  %6s  %12s  %12s  %12s\n", "", "kept", "steps",
                "seconds", "ratio", "accuracy", "AUC", "F1");
}

/* ---- the AUC, its intervals and comparisons ---- */

static const char *range(char *text, size_t size, const char *form, double low, double high)
{
    if (isnan(low) || isnan(high))
        snprintf(text, size, "-");
    else
        snprintf(text, size, form, 100 * low, 100 * high);
    return text;
}

static const char *probability(char text[16], bool there, double p)
{
    snprintf(text, 16, there && !isnan(p) ? "%.4f" : "-", p);
    return text;
}

static void put_comparison(FILE *file, bool markdown, const row *r)
{
    char interval[40], difference[24] = "-", around[40], p[16], holm[16];
    const double d = score_value(&r->difference, AUC);
    if (r->compared && !isnan(d))
        snprintf(difference, sizeof difference, "%+.1f", 100 * d);
    range(around, sizeof around, "%+.1f ... %+.1f", r->compared ? r->d_low.auc : (double)NAN,
          r->d_high.auc);
    fprintf(file,
            markdown ? "| %s | %.1f | %s | %s | %s | %s | %s |\n"
                     : "%-18s  %7.1f  %-15s  %10s  %-15s  %8s  %8s\n",
            r->strategy, 100 * r->mean.auc,
            range(interval, sizeof interval, "%.1f ... %.1f", r->low.auc, r->high.auc), difference,
            around, probability(p, r->compared, r->p.auc),
            probability(holm, r->compared, r->p_holm[AUC]));
}

static void put_comparison_heading(FILE *file, bool markdown, const experiment *e, const row *r,
                                   const char *baseline, int64_t comparisons)
{
    fprintf(file, "\n%s, %s: test AUC in %%, 95 %% intervals over %lld groups", r->task,
            r->protocol, (long long)r->counts.groups);
    if (baseline != NULL)
        fprintf(file, "; difference to %s, p of %lld comparisons (sign-flip test, and Holm's)",
                baseline, (long long)comparisons);
    fputs("\n", file);
    const char *why = r->runs == NULL ? "" : redux_run_set_why(e->context, r->runs);
    if (why[0] != '\0')
        fprintf(file, "No intervals: %s.\n", why);
    if (r->defined.auc < (double)r->counts.runs)
        fprintf(file, "Over %.0f of %lld runs; the others test one class.\n", r->defined.auc,
                (long long)r->counts.runs);
    if (markdown)
        fputs("\n| | AUC | interval | difference | interval | p | Holm |\n"
              "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
              file);
    else
        fprintf(file, "%-18s  %7s  %-15s  %10s  %-15s  %8s  %8s\n", "", "AUC", "interval",
                "difference", "interval", "p", "Holm");
}

static void put_comparisons(FILE *file, bool markdown, const experiment *e, const row *rows,
                            size_t first, size_t count)
{
    const char *baseline = NULL;
    int64_t comparisons = 0;
    for (size_t i = first; i < count; i++)
        if (same_table(&rows[i], &rows[first])) {
            baseline = rows[i].is_baseline ? rows[i].strategy : baseline;
            comparisons += rows[i].compared;
        }
    put_comparison_heading(file, markdown, e, &rows[first], baseline, comparisons);
    for (size_t i = first; i < count; i++)
        if (same_table(&rows[i], &rows[first]))
            put_comparison(file, markdown, &rows[i]);
}

static void put_tables(FILE *file, bool markdown, const experiment *e, const row *rows,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && !same_table(&rows[k], &rows[i]);
        if (!first)
            continue;
        put_heading(file, markdown, e->validation, &rows[i]);
        for (size_t k = i; k < count; k++)
            if (same_table(&rows[k], &rows[i]))
                put_row(file, markdown, e->validation, &rows[k]);
        if (!e->validation) /* settings are chosen before test figures are seen */
            put_comparisons(file, markdown, e, rows, i, count);
    }
}

/* ---- CSV and JSON ---- */

static void put_csv_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++)
        fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
    fputs("\",", file);
}

static void put_csv_number(FILE *file, double value)
{
    if (isnan(value))
        fputc(',', file);
    else
        fprintf(file, ",%.10g", value);
}

static void put_csv_figure(FILE *file, const row *r, int f)
{
    const double none = (double)NAN;
    const double values[] = {score_value(&r->mean, f),
                             score_value(&r->deviation, f),
                             score_value(&r->low, f),
                             score_value(&r->high, f),
                             r->compared ? score_value(&r->difference, f) : none,
                             r->compared ? score_value(&r->d_low, f) : none,
                             r->compared ? score_value(&r->d_high, f) : none,
                             r->compared ? score_value(&r->p, f) : none,
                             r->compared ? r->p_holm[f] : none,
                             r->validation[f],
                             r->validation_deviation[f]};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        put_csv_number(file, values[i]);
}

static void put_csv(FILE *file, const row *rows, size_t count)
{
    static const char *const columns[] = {
        "",   "_sd",    "_low", "_high", "_difference", "_difference_low", "_difference_high",
        "_p", "_p_holm"};
    fputs(
        "strategy,task,protocol,seeds,folds,groups,kept,slices,steps,reduce_seconds,seconds,ratio",
        file);
    for (int f = 0; f < FIGURES; f++) {
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            fprintf(file, ",%s%s", score_name(f), columns[i]);
        fprintf(file, ",validation_%s,validation_%s_sd", score_name(f), score_name(f));
    }
    fputc('\n', file);
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        put_csv_text(file, r->strategy);
        put_csv_text(file, r->task);
        fprintf(file, "%s,%lld,%lld,%lld", r->protocol, (long long)r->counts.seeds,
                (long long)r->counts.folds, (long long)r->counts.groups);
        put_csv_number(file, r->kept);
        put_csv_number(file, r->slices);
        put_csv_number(file, r->steps);
        put_csv_number(file, r->reduce_seconds);
        put_csv_number(file, r->seconds);
        put_csv_number(file, r->ratio);
        for (int f = 0; f < FIGURES; f++)
            put_csv_figure(file, r, f);
        fputc('\n', file);
    }
}

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *figure_json(const row *r, int f)
{
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o}", "mean", real_or_null(score_value(&r->mean, f)),
        "deviation", real_or_null(score_value(&r->deviation, f)), "low",
        real_or_null(score_value(&r->low, f)), "high", real_or_null(score_value(&r->high, f)),
        "validation", real_or_null(r->validation[f]), "validation_deviation",
        real_or_null(r->validation_deviation[f]));
    if (r->compared)
        json_object_set_new(object, "difference",
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "mean",
                                      real_or_null(score_value(&r->difference, f)), "low",
                                      real_or_null(score_value(&r->d_low, f)), "high",
                                      real_or_null(score_value(&r->d_high, f)), "p",
                                      real_or_null(score_value(&r->p, f)), "p_holm",
                                      real_or_null(r->p_holm[f])));
    return object;
}

static void put_json(FILE *file, const experiment *e, const row *rows, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o}",
                      "strategy", r->strategy, "task", r->task, "protocol", r->protocol, "seeds",
                      (json_int_t)r->counts.seeds, "folds", (json_int_t)r->counts.folds, "groups",
                      (json_int_t)r->counts.groups, "baseline", (int)r->is_baseline, "kept",
                      real_or_null(r->kept), "slices", real_or_null(r->slices), "steps",
                      real_or_null(r->steps), "reduce_seconds", real_or_null(r->reduce_seconds),
                      "seconds", real_or_null(r->seconds), "ratio", real_or_null(r->ratio));
        for (int f = 0; f < FIGURES; f++)
            json_object_set_new(object, score_name(f), figure_json(r, f));
        json_array_append_new(list, object);
    }
    json_t *root =
        json_pack("{s:O, s:o, s:O}", "configuration", e->config, "rows", list, "cells", e->cells);
    json_dumpf(root, file, JSON_INDENT(1));
    json_decref(root);
    fputc('\n', file);
}

/* ---- files ---- */

typedef struct table {
    const experiment *e;
    const char *ending;
    const row *rows;
    size_t count;
} table;

static redux_status print_table(FILE *stream, void *user)
{
    const table *t = user;
    if (strcmp(t->ending, "csv") == 0)
        put_csv(stream, t->rows, t->count);
    else if (strcmp(t->ending, "json") == 0)
        put_json(stream, t->e, t->rows, t->count);
    else
        put_tables(stream, strcmp(t->ending, "md") == 0, t->e, t->rows, t->count);
    return REDUX_OK;
}

static int write_table(const experiment *e, const char *ending, const row *rows, size_t count)
{
    table t = {e, ending, rows, count};
    char path[4400];
    snprintf(path, sizeof path, "%s/table.%s", e->out, ending);
    return save_below(e, path,
                      strcmp(ending, "json") == 0  ? "\"configuration\": {"
                      : strcmp(ending, "csv") == 0 ? "strategy,task,protocol"
                                                   : "standard deviation of # seed",
                      print_table, &t);
}

static int make_rows(row *rows, size_t *count, const experiment *e)
{
    int code = EXIT_OK;
    *count = list_rows(rows, e);
    for (size_t i = 0; i < *count && code == EXIT_OK; i++)
        code = fill_row(&rows[i], e);
    fill_ratios(rows, *count);
    return code == EXIT_OK ? compare_rows(rows, *count, e) : code;
}

int experiment_table(const experiment *e)
{
    static const char *const endings[] = {"txt", "md", "csv", "json"};
    row *rows = calloc(json_array_size(e->cells) + 1, sizeof *rows);
    size_t count = 0;
    int code = rows == NULL ? EXIT_DATA : make_rows(rows, &count, e);
    for (int i = 0; i < 4 && code == EXIT_OK; i++)
        code = write_table(e, endings[i], rows, count);
    if (code == EXIT_OK)
        put_tables(stdout, false, e, rows, count);
    for (size_t i = 0; i < count; i++)
        redux_run_set_free(rows[i].runs);
    free(rows);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-experiment: standard output");
        code = EXIT_DATA;
    }
    return code;
}
