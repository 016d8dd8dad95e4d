/* SPDX-License-Identifier: MIT
 * The results: a table for each task and protocol, as text, Markdown, CSV and JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/evaluate_settings.h"
#include "experiment.h"

enum { MOST_SEEDS = 1000, FIGURES = 7 };

/* One row of a table: a strategy in a task and protocol, over seeds. */
typedef struct row {
    const char *strategy, *task, *protocol;
    int64_t seeds;
    double kept, slices, steps, seconds, reduce_seconds, ratio; /* means; NaN for floors */
    double mean[FIGURES], deviation[FIGURES], validation[FIGURES], validation_deviation[FIGURES];
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

/* Mean (and deviation) over the cells of a row of `key` of `part` of each. */
static double summarise(double *deviation, const experiment *e, const row *r, const char *outer,
                        const char *part, const char *key)
{
    double values[MOST_SEEDS], mean;
    int64_t count = 0;
    for (size_t i = 0; i < json_array_size(e->cells); i++) {
        const json_t *cell = json_array_get(e->cells, i);
        const json_t *object = json_object_get(cell, outer);
        if (!same_row(r, cell) || count == MOST_SEEDS)
            continue;
        values[count++] = number(part == NULL ? object : json_object_get(object, part), key);
    }
    redux_scores_summarise(&mean, deviation, values, count);
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
            rows[count++] = (row){.strategy = member(cell, "strategy"),
                                  .task = member(cell, "task"),
                                  .protocol = member(cell, "protocol")};
        }
        rows[k].seeds++;
    }
    return count;
}

static void fill_row(row *r, const experiment *e)
{
    for (int f = 0; f < FIGURES; f++) {
        r->mean[f] = summarise(&r->deviation[f], e, r, "result", "test", score_name(f));
        r->validation[f] =
            summarise(&r->validation_deviation[f], e, r, "result", "validation", score_name(f));
    }
    r->kept = mean_of(e, r, "kept");
    r->slices = mean_of(e, r, "slices");
    r->steps = mean_of(e, r, "steps");
    r->seconds = mean_of(e, r, "seconds");
    r->reduce_seconds = mean_of(e, r, "reduce_seconds");
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

static void put_row(FILE *file, bool markdown, bool validation, const row *r)
{
    static const int shown[] = {0, 2, 4}; /* accuracy, AUC, F1: the paper's */
    fprintf(file, markdown ? "| %s" : "%-18s", r->strategy);
    put_number(file, markdown, 7, 0, r->kept);
    put_number(file, markdown, 7, 0, r->steps);
    put_number(file, markdown, 9, 1, r->seconds);
    put_number(file, markdown, 6, 2, r->ratio);
    for (int i = 0; i < 3; i++)
        put_figure(file, markdown, validation ? r->validation[shown[i]] : r->mean[shown[i]],
                   validation ? r->validation_deviation[shown[i]] : r->deviation[shown[i]]);
    fputs(markdown ? " |\n" : "\n", file);
}

static void put_heading(FILE *file, bool markdown, bool validation, const row *r)
{
    const char *split = validation ? "validation" : "test";
    if (markdown)
        fprintf(file,
                "\n%s, %s (%s, %%, mean and standard deviation of %lld seeds)\n\n"
                "| | kept | steps | seconds | ratio | accuracy | AUC | F1 |\n"
                "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
                r->task, r->protocol, split, (long long)r->seeds);
    else
        fprintf(file,
                "\n%s, %s (%s, %%, mean and standard deviation of %lld seeds)\n%-18s  %7s  "
                "%7s  %9s  %6s  %12s  %12s  %12s\n",
                r->task, r->protocol, split, (long long)r->seeds, "", "kept", "steps", "seconds",
                "ratio", "accuracy", "AUC", "F1");
}

static void put_tables(FILE *file, bool markdown, bool validation, const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && (strcmp(rows[k].task, rows[i].task) != 0 ||
                              strcmp(rows[k].protocol, rows[i].protocol) != 0);
        if (!first)
            continue;
        put_heading(file, markdown, validation, &rows[i]);
        for (size_t k = i; k < count; k++)
            if (strcmp(rows[k].task, rows[i].task) == 0 &&
                strcmp(rows[k].protocol, rows[i].protocol) == 0)
                put_row(file, markdown, validation, &rows[k]);
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

static void put_csv(FILE *file, const row *rows, size_t count)
{
    fputs("strategy,task,protocol,seeds,kept,slices,steps,reduce_seconds,seconds,ratio", file);
    for (int f = 0; f < FIGURES; f++)
        fprintf(file, ",%s,%s_sd,validation_%s,validation_%s_sd", score_name(f), score_name(f),
                score_name(f), score_name(f));
    fputc('\n', file);
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        put_csv_text(file, r->strategy);
        put_csv_text(file, r->task);
        fprintf(file, "%s,%lld", r->protocol, (long long)r->seeds);
        put_csv_number(file, r->kept);
        put_csv_number(file, r->slices);
        put_csv_number(file, r->steps);
        put_csv_number(file, r->reduce_seconds);
        put_csv_number(file, r->seconds);
        put_csv_number(file, r->ratio);
        for (int f = 0; f < FIGURES; f++) {
            put_csv_number(file, r->mean[f]);
            put_csv_number(file, r->deviation[f]);
            put_csv_number(file, r->validation[f]);
            put_csv_number(file, r->validation_deviation[f]);
        }
        fputc('\n', file);
    }
}

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static void put_json(FILE *file, const experiment *e, const row *rows, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "strategy", r->strategy,
                      "task", r->task, "protocol", r->protocol, "seeds", (json_int_t)r->seeds,
                      "kept", real_or_null(r->kept), "slices", real_or_null(r->slices), "steps",
                      real_or_null(r->steps), "reduce_seconds", real_or_null(r->reduce_seconds),
                      "seconds", real_or_null(r->seconds), "ratio", real_or_null(r->ratio));
        for (int f = 0; f < FIGURES; f++)
            json_object_set_new(object, score_name(f),
                                json_pack("{s:o, s:o, s:o, s:o}", "mean", real_or_null(r->mean[f]),
                                          "deviation", real_or_null(r->deviation[f]), "validation",
                                          real_or_null(r->validation[f]), "validation_deviation",
                                          real_or_null(r->validation_deviation[f])));
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
        put_tables(stream, strcmp(t->ending, "md") == 0, t->e->validation, t->rows, t->count);
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
                                                   : "standard deviation of # seeds",
                      print_table, &t);
}

int experiment_table(const experiment *e)
{
    static const char *const endings[] = {"txt", "md", "csv", "json"};
    row *rows = calloc(json_array_size(e->cells) + 1, sizeof *rows);
    int code = rows == NULL ? EXIT_DATA : EXIT_OK;
    if (rows != NULL) {
        const size_t count = list_rows(rows, e);
        for (size_t i = 0; i < count; i++)
            fill_row(&rows[i], e);
        fill_ratios(rows, count);
        for (int i = 0; i < 4 && code == EXIT_OK; i++)
            code = write_table(e, endings[i], rows, count);
        put_tables(stdout, false, e->validation, rows, count);
        free(rows);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-experiment: standard output");
        code = EXIT_DATA;
    }
    return code;
}
