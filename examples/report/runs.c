/* SPDX-License-Identifier: MIT
 * Results of training and experiments: the log of redux-pretrain, the table of redux-experiment. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "report.h"

enum { MOST_POINTS = 400, MOST_ROWS = 200 };

/* PATH itself, or `name` in the folder PATH. */
static void file_in(char *out, size_t size, const char *path, const char *name)
{
    struct stat info;
    const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    snprintf(out, size, "%s%s%s", path, is_folder ? "/" : "", is_folder ? name : "");
}

/* ---- training ---- */

/* The columns of a log, as they come. */
enum { LOG_STEP, LOG_EPOCH, LOG_LOSS, LOG_RATE, LOG_GRADIENT, LOG_SPEED, LOG_SECONDS, LOG_COLUMNS };

typedef struct log_table {
    double *columns[LOG_COLUMNS];
    int64_t count, capacity;
} log_table;

static bool grow(log_table *t)
{
    const int64_t capacity = 2 * t->capacity + 256;
    for (int i = 0; i < LOG_COLUMNS; i++) {
        double *grown = realloc(t->columns[i], (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        t->columns[i] = grown;
    }
    t->capacity = capacity;
    return true;
}

static int wrong_log(const char *path, int64_t line)
{
    fprintf(stderr, "%s: %s: line %lld is not a line of a training log\n", program_name, path,
            (long long)line);
    return EXIT_DATA;
}

/* step,epoch,loss,rate,gradient_norm,images_per_second,seconds; "nan" is a number too. */
static bool read_numbers(double *numbers, const char *line)
{
    char *end;
    for (int i = 0; i < LOG_COLUMNS; i++) {
        numbers[i] = strtod(line, &end);
        if (end == line ||
            (i + 1 < LOG_COLUMNS ? *end != ',' : *end != '\0' && strchr("\r\n", *end) == NULL))
            return false;
        line = end + 1;
    }
    return true;
}

static int read_log(log_table *t, const char *path)
{
    char line[1024];
    double numbers[LOG_COLUMNS];
    FILE *file = open_plain_file(path);
    if (file == NULL)
        return EXIT_DATA;
    int code =
        fgets(line, sizeof line, file) != NULL && strncmp(line, "step,epoch,loss,rate,", 21) == 0
            ? EXIT_OK
            : wrong_log(path, 1);
    for (int64_t number = 2; code == EXIT_OK && fgets(line, sizeof line, file) != NULL; number++) {
        if (t->count == t->capacity && !grow(t)) {
            errno = ENOMEM;
            code = file_error(path);
            break;
        }
        if (!read_numbers(numbers, line)) {
            code = wrong_log(path, number);
            break;
        }
        for (int i = 0; i < LOG_COLUMNS; i++)
            t->columns[i][t->count] = numbers[i];
        t->count++;
    }
    if (code == EXIT_OK && ferror(file))
        code = file_error(path);
    fclose(file);
    return code;
}

/* Means over runs of steps, so that a long log is a light curve. */
static int64_t thin(log_table *t)
{
    const int64_t points = t->count < MOST_POINTS ? t->count : MOST_POINTS;
    for (int c = 0; c < LOG_COLUMNS; c++)
        for (int64_t i = 0; i < points; i++) {
            const int64_t first = i * t->count / points, last = (i + 1) * t->count / points;
            double sum = 0;
            for (int64_t k = first; k < last; k++)
                sum += t->columns[c][k];
            t->columns[c][i] = sum / (double)(last - first);
        }
    return points;
}

/* ---- the section of a run ---- */

static void put_run_fact(page *p, const char *name, double value, const char *unit)
{
    put(p, "<div><dt>%s</dt><dd>%.4g%s</dd></div>\n", name, value, unit);
}

static void put_run_facts(page *p, const log_table *t)
{
    const int64_t last = t->count - 1;
    double speed = 0;
    put(p, "<dl>\n<div><dt>Steps</dt><dd>");
    put_count(p, t->count);
    put(p, "</dd></div>\n");
    if (last >= 0) {
        for (int64_t i = 0; i <= last; i++)
            speed += t->columns[LOG_SPEED][i] / (double)t->count;
        put_run_fact(p, "Epochs", t->columns[LOG_EPOCH][last] + 1, "");
        put_run_fact(p, "Time", t->columns[LOG_SECONDS][last], " s");
        put_run_fact(p, "Images per second", speed, "");
        put_run_fact(p, "Loss at the end", t->columns[LOG_LOSS][last], "");
    }
    put(p, "</dl>\n");
}

static void put_run_plots(page *p, const log_table *t, int64_t points)
{
    static const struct {
        int column;
        const char *title, *label;
    } curves[] = {{LOG_LOSS, "Loss", "loss"},
                  {LOG_RATE, "Learning rate", "rate"},
                  {LOG_GRADIENT, "Norm of the gradient", "norm"},
                  {LOG_SPEED, "Images per second", "images/s"}};
    put(p, "<div class=\"plots\">\n");
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        const series line = {
            .x = t->columns[LOG_STEP], .y = t->columns[curves[i].column], .count = points};
        const plot settings = {.title = curves[i].title,
                               .about = "A curve by step of training.",
                               .x_label = "step",
                               .y_label = curves[i].label,
                               .x_low = REDUX_NAN,
                               .x_high = REDUX_NAN,
                               .y_low = curves[i].column == LOG_LOSS ? REDUX_NAN : 0,
                               .y_high = REDUX_NAN,
                               .threshold = REDUX_NAN};
        put(p, "<figure>");
        plot_lines(p, &settings, &line, 1, false);
        put(p, "</figure>\n");
    }
    put(p, "</div>\n");
}

static int put_training(page *p, const char *path)
{
    char file[4400];
    log_table t = {.count = 0};
    file_in(file, sizeof file, path, "log.csv");
    const int code = read_log(&t, file);
    if (code == EXIT_OK) {
        put(p, "<h3 class=\"name\">");
        put_text(p, path);
        put(p, "</h3>\n");
        put_run_facts(p, &t);
        const int64_t points = thin(&t);
        put_run_plots(p, &t, points);
        if (points < t.count)
            put(p, "<p class=\"soft\">Each point of a curve is a mean over several steps.</p>\n");
    }
    for (int i = 0; i < LOG_COLUMNS; i++)
        free(t.columns[i]);
    return code;
}

int section_training(page *p, const report_settings *s)
{
    int code = EXIT_OK;
    if (s->training_count == 0)
        return EXIT_OK;
    put(p, "<section aria-labelledby=\"training\"><h2 id=\"training\">Training</h2>\n");
    for (int64_t i = 0; i < s->training_count && code == EXIT_OK; i++)
        code = put_training(p, s->training[i]);
    put(p, "</section>\n");
    return code;
}

/* ---- experiments ---- */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "" : text;
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static bool same_group(const json_t *a, const json_t *b)
{
    return strcmp(text_of(a, "task"), text_of(b, "task")) == 0 &&
           strcmp(text_of(a, "protocol"), text_of(b, "protocol")) == 0;
}

/* Of at most 20 bytes, cut between characters. `out` has room for 24. */
static void shorten(char *out, const char *text)
{
    size_t length = strlen(text);
    const bool is_long = length > 20;
    for (length = is_long ? 18 : length; is_long && ((unsigned char)text[length] & 0xc0) == 0x80;)
        length--;
    snprintf(out, 24, "%.*s%s", (int)length, text, is_long ? "\xe2\x80\xa6" : "");
}

/* One line a strategy: mean, and an error bar of one standard deviation to both sides. */
static void put_dots(page *p, const json_t *rows, const json_t *first, const char *key,
                     const char *name)
{
    enum { LEFT = 152, RIGHT = 332, STEP = 24 };
    double low = 1, high = 0;
    int lines = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        const double mean = number_of(json_object_get(row, key), "mean");
        const double error = number_of(json_object_get(row, key), "deviation");
        if (!same_group(row, first) || isnan(mean))
            continue;
        low = fmin(low, mean - (isnan(error) ? 0 : error));
        high = fmax(high, mean + (isnan(error) ? 0 : error));
        lines++;
    }
    if (lines == 0)
        return;
    const double step = high - low > 0.5 ? 0.2 : high - low > 0.2 ? 0.1 : 0.05;
    low = fmin(fmax(floor(low / step - 1e-9) * step, 0), 1 - step);
    const int ticks = (int)fmin(fmax(ceil((high - low) / step - 1e-9), 1), 20);
    high = low + ticks * step;
    const int height = lines * STEP;
    const long long id = (long long)++p->plots;
    put(p,
        "<figure><h4 id=\"plot%lld\">%s</h4>\n<svg viewBox=\"0 0 350 %d\" role=\"img\" "
        "aria-labelledby=\"plot%lld\"><desc>Mean and standard deviation by strategy; the numbers "
        "are in the table.</desc>",
        id, name, height + 34, id);
    for (int k = 0; k <= ticks; k++) {
        const double x = LEFT + (double)(RIGHT - LEFT) * k / ticks;
        put(p,
            "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/><text x=\"%.1f\" "
            "y=\"%d\" text-anchor=\"middle\">%.0f%s</text>",
            x, x, height, x, height + 18, 100 * (low + k * step), k == ticks ? " %" : "");
    }
    int line = 0;
    json_array_foreach(rows, i, row)
    {
        const double mean = number_of(json_object_get(row, key), "mean");
        const double error = number_of(json_object_get(row, key), "deviation");
        if (!same_group(row, first) || isnan(mean))
            continue;
        const double y = STEP * (line++ + 0.5), scale = (RIGHT - LEFT) / (high - low);
        char label[40];
        shorten(label, text_of(row, "strategy"));
        put(p, "\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 14, y + 4);
        put_text(p, label);
        put(p, "</text>");
        if (!isnan(error))
            put(p, "<line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                LEFT + (fmax(mean - error, low) - low) * scale,
                LEFT + (fmin(mean + error, high) - low) * scale, y, y);
        put(p, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
            LEFT + (mean - low) * scale, y);
    }
    put(p, "</svg></figure>\n");
}

static void put_cell(page *p, double value, int digits)
{
    if (isnan(value))
        put(p, "<td class=\"number\">&ndash;</td>");
    else
        put(p, "<td class=\"number\">%.*f</td>", digits, value);
}

static void put_table_row(page *p, const json_t *row)
{
    static const char *const keys[] = {"accuracy", "auc", "f1"};
    put(p, "<tr><th scope=\"row\">");
    put_text(p, text_of(row, "strategy"));
    put(p, "</th>");
    put_cell(p, number_of(row, "kept"), 0);
    put_cell(p, number_of(row, "steps"), 0);
    put_cell(p, number_of(row, "seconds"), 1);
    put_cell(p, number_of(row, "ratio"), 2);
    for (int i = 0; i < 3; i++) {
        const double mean = number_of(json_object_get(row, keys[i]), "mean");
        const double error = number_of(json_object_get(row, keys[i]), "deviation");
        if (isnan(mean) || isnan(error))
            put_cell(p, 100 * mean, 1);
        else
            put(p, "<td class=\"number\">%.1f &plusmn; %.1f</td>", 100 * mean, 100 * error);
    }
    put(p, "</tr>\n");
}

static void put_group(page *p, const json_t *rows, const json_t *first)
{
    size_t i;
    const json_t *row;
    put(p, "<h3 class=\"name\">");
    put_text(p, text_of(first, "task"));
    put(p, ", ");
    put_text(p, text_of(first, "protocol"));
    put(p, "</h3>\n<div class=\"plots\">\n");
    put_dots(p, rows, first, "auc", "AUC");
    put_dots(p, rows, first, "accuracy", "Accuracy");
    put(p,
        "</div>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of "
        "results\"><table><caption>Test scores in %%, mean &plusmn; standard deviation over "
        "%.0f seeds; ratio: pre-training time over that of the strategy that keeps "
        "all</caption><thead><tr><th scope=\"col\">strategy</th>",
        number_of(first, "seeds"));
    static const char *const heads[] = {"kept",     "steps", "seconds", "ratio",
                                        "accuracy", "AUC",   "F1"};
    for (int h = 0; h < 7; h++)
        put(p, "<th scope=\"col\" class=\"number\">%s</th>", heads[h]);
    put(p, "</tr></thead><tbody>\n");
    json_array_foreach(rows, i, row) if (same_group(row, first)) put_table_row(p, row);
    put(p, "</tbody></table></div>\n");
}

static int put_experiment(page *p, const char *path)
{
    char file[4400];
    json_error_t error;
    size_t i;
    const json_t *row;
    file_in(file, sizeof file, path, "table.json");
    FILE *stream = open_plain_file(file);
    if (stream == NULL)
        return EXIT_DATA;
    json_t *root = json_loadf(stream, 0, &error);
    fclose(stream);
    const json_t *rows = json_object_get(root, "rows");
    if (!json_is_array(rows)) {
        progress_label(NULL);
        fprintf(stderr, "%s: %s: %s\n", program_name, file,
                root == NULL ? error.text : "is not the table of an experiment: it has no rows");
        json_decref(root);
        return EXIT_DATA;
    }
    json_array_foreach(rows, i, row)
    {
        bool is_first = i < MOST_ROWS;
        for (size_t k = 0; k < i && is_first; k++)
            is_first = !same_group(json_array_get(rows, k), row);
        if (is_first)
            put_group(p, rows, row);
    }
    json_decref(root);
    return EXIT_OK;
}

int section_experiment(page *p, const report_settings *s)
{
    int code = EXIT_OK;
    if (s->experiment_count == 0)
        return EXIT_OK;
    put(p, "<section aria-labelledby=\"experiment\"><h2 id=\"experiment\">Experiment</h2>\n");
    for (int64_t i = 0; i < s->experiment_count && code == EXIT_OK; i++)
        code = put_experiment(p, s->experiment[i]);
    put(p, "</section>\n");
    return code;
}
