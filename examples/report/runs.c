/* SPDX-License-Identifier: MIT
 * Results of training and experiments: the log of redux-pretrain, the table of redux-experiment. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "report.h"

enum { MOST_POINTS = 400, MOST_ROWS = 200, LOG_COLUMNS = 7 };

/* PATH itself, or `name` in the folder PATH. */
static void file_in(char *out, size_t size, const char *path, const char *name)
{
    struct stat info;
    const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    snprintf(out, size, "%s%s%s", path, is_folder ? "/" : "", is_folder ? name : "");
}

/* ---- training ---- */

typedef struct log_table {
    double *step, *loss, *rate;
    int64_t count, capacity;
    double seconds, epochs;
} log_table;

static bool grow(log_table *t)
{
    const int64_t capacity = 2 * t->capacity + 256;
    double **columns[] = {&t->step, &t->loss, &t->rate};
    for (int i = 0; i < 3; i++) {
        double *grown = realloc(*columns[i], (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        *columns[i] = grown;
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
        const int64_t i = t->count;
        if (!read_numbers(numbers, line)) {
            code = wrong_log(path, number);
            break;
        }
        t->step[i] = numbers[0];
        t->loss[i] = numbers[2];
        t->rate[i] = numbers[3];
        t->epochs = numbers[1] + 1;
        t->seconds = numbers[6];
        t->count++;
    }
    if (code == EXIT_OK && ferror(file))
        code = file_error(path);
    fclose(file);
    return code;
}

/* Means over runs of steps, so that a long log is a light curve. */
static void thin(log_table *t)
{
    const int64_t points = t->count < MOST_POINTS ? t->count : MOST_POINTS;
    for (int64_t i = 0; i < points; i++) {
        const int64_t first = i * t->count / points, last = (i + 1) * t->count / points;
        double step = 0, loss = 0, rate = 0;
        for (int64_t k = first; k < last; k++) {
            step += t->step[k];
            loss += t->loss[k];
            rate += t->rate[k];
        }
        t->step[i] = step / (double)(last - first);
        t->loss[i] = loss / (double)(last - first);
        t->rate[i] = rate / (double)(last - first);
    }
    t->count = points;
}

static int put_training(page *p, const char *path)
{
    char file[4400];
    log_table t = {.step = NULL};
    file_in(file, sizeof file, path, "log.csv");
    const int code = read_log(&t, file);
    if (code == EXIT_OK) {
        const int64_t steps = t.count;
        thin(&t);
        const series loss = {.x = t.step, .y = t.loss, .count = t.count};
        const plot settings = {.title = short_name(path),
                               .about = "Training loss by step.",
                               .x_label = "step",
                               .y_label = "loss",
                               .x_low = REDUX_NAN,
                               .x_high = REDUX_NAN,
                               .y_low = REDUX_NAN,
                               .y_high = REDUX_NAN,
                               .threshold = REDUX_NAN};
        put(p, "<figure>");
        plot_lines(p, &settings, &loss, 1, false);
        put(p, "<figcaption>%lld step%s, %.0f epoch%s, %.4g s", (long long)steps,
            steps == 1 ? "" : "s", t.epochs, t.epochs == 1 ? "" : "s", t.seconds);
        if (t.count > 0)
            put(p, "; loss at the end %.4g", t.loss[t.count - 1]);
        put(p, ".%s</figcaption></figure>\n",
            steps > t.count ? " Each point is a mean over several steps." : "");
    }
    free(t.step);
    free(t.loss);
    free(t.rate);
    return code;
}

int section_training(page *p, const report_settings *s)
{
    int code = EXIT_OK;
    if (s->training_count == 0)
        return EXIT_OK;
    put(p, "<section aria-labelledby=\"training\"><h2 id=\"training\">Training</h2>\n<div "
           "class=\"plots\">\n");
    for (int64_t i = 0; i < s->training_count && code == EXIT_OK; i++)
        code = put_training(p, s->training[i]);
    put(p, "</div></section>\n");
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
