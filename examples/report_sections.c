/* SPDX-License-Identifier: MIT
 * What one manifest comes to: numbers, plots, volumes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "report_matrix.h"

enum { MOST_THUMBS = 24, MOST_TABLE_ROWS = 400, OPEN_TABLE_ROWS = 12, MOST_BINS = 130 };

const char *score_label(const report_data *data)
{
    if (!data->has_options)
        return "Score";
    switch (data->options.then == REDUX_STRATEGY_ALL ? data->options.strategy
                                                     : data->options.then) {
    case REDUX_STRATEGY_HASH:
        return "Hamming distance, bits";
    case REDUX_STRATEGY_SSIM:
        return "SSIM";
    case REDUX_STRATEGY_MS_SSIM:
        return "MS-SSIM";
    case REDUX_STRATEGY_MI:
        return "Normalised mutual information";
    case REDUX_STRATEGY_MATTES:
        return "Mattes mutual information, nats";
    case REDUX_STRATEGY_COSINE:
    case REDUX_STRATEGY_SEMDEDUP:
        return "Cosine";
    case REDUX_STRATEGY_PHASE_CORRELATION:
        return "Peak of the phase correlation";
    case REDUX_STRATEGY_ENTROPY:
        return "Entropy, bits";
    case REDUX_STRATEGY_INFORMATION_GAIN:
        return "Conditional entropy, bits";
    case REDUX_STRATEGY_EVERY_N:
        return "Distance, slices";
    default:
        return "Score";
    }
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

/* ---- numbers ---- */

static void put_fact(page *p, const char *name, const char *text)
{
    put(p, "<div><dt>%s</dt><dd>", name);
    put_text(p, text);
    put(p, "</dd></div>\n");
}

static void put_fact_count(page *p, const char *name, int64_t count)
{
    put(p, "<div><dt>%s</dt><dd>", name);
    put_count(p, count);
    put(p, "</dd></div>\n");
}

static void window_text(char *text, size_t size, const json_t *window)
{
    if (json_is_object(window))
        snprintf(text, size, "%g to %g HU", json_number_value(json_object_get(window, "low")),
                 json_number_value(json_object_get(window, "high")));
    else
        snprintf(text, size, "%.40s", json_is_string(window) ? json_string_value(window) : "");
}

static void put_summary_facts(page *p, const report_data *data)
{
    char text[200];
    const json_t *parameters = json_object_get(data->summary, "parameters");
    const redux_reduce_options *o = &data->options;
    if (!data->has_options)
        return;
    snprintf(text, sizeof text, "%s%s%s", redux_strategy_name(o->strategy),
             o->then == REDUX_STRATEGY_ALL ? "" : ", then ",
             o->then == REDUX_STRATEGY_ALL ? "" : redux_strategy_name(o->then));
    put_fact(p, "Strategy", text);
    if (o->strategy == REDUX_STRATEGY_HASH) {
        snprintf(text, sizeof text, "%s (%s)", redux_hash_name(o->hash),
                 redux_hash_profile_name(o->profile));
        put_fact(p, "Hash", text);
    }
    if (!isnan(data->threshold)) {
        snprintf(text, sizeof text, "%.6g", data->threshold);
        put_fact(p, "Threshold", text);
    }
    if (json_object_get(parameters, "rule") != NULL)
        put_fact(p, "Rule", redux_rule_name(o->rule));
    put_fact(p, "Compared",
             o->scope == REDUX_SCOPE_VOLUME ? "within each volume" : "over the whole dataset");
    window_text(text, sizeof text, json_object_get(data->summary, "window"));
    put_fact(p, "Window", text);
    if (o->encoder != NULL)
        put_fact(p, "Encoder", o->encoder);
}

static void put_facts(page *p, const report_data *data)
{
    int64_t largest = 0;
    char text[64];
    for (int64_t i = 0; i < data->count; i++)
        if (data->rows[i].group > largest)
            largest = data->rows[i].group;
    put(p, "<dl>\n");
    put_summary_facts(p, data);
    put_fact_count(p, "Volumes", data->own_volumes);
    put_fact_count(p, "Most slices behind one", largest);
    if (data->leaked > 0)
        put_fact_count(p, "In the other set already", data->leaked);
    const json_t *counts = json_object_get(data->summary, "counts");
    if (json_is_integer(json_object_get(counts, "flat")))
        put_fact_count(p, "Flat slices", json_integer_value(json_object_get(counts, "flat")));
    const size_t skipped = json_array_size(json_object_get(data->summary, "skipped"));
    if (skipped > 0)
        put_fact_count(p, "Could not be read", (int64_t)skipped);
    if (json_is_number(json_object_get(data->summary, "seconds"))) {
        snprintf(text, sizeof text, "%.3g s",
                 json_number_value(json_object_get(data->summary, "seconds")));
        put_fact(p, "Reduced in", text);
    }
    put(p, "</dl>\n");
    if (data->summary == NULL)
        put(p, "<p class=\"note\">There is no summary (JSON) beside the manifest: strategy and "
               "threshold are not known; the weakest score is taken for the threshold.</p>\n");
}

static void put_lead(page *p, const report_data *data)
{
    put(p, "<p class=\"lead\">%.1f&thinsp;%% <small>kept: ", percent(data->kept, data->count));
    put_count(p, data->kept);
    put(p, " of ");
    put_count(p, data->count);
    put(p,
        " slices</small></p>\n<div class=\"share\" role=\"img\" aria-label=\"%lld kept, %lld "
        "dropped\"><span style=\"width:%.2f%%\"></span></div>\n",
        (long long)data->kept, (long long)(data->count - data->kept),
        percent(data->kept, data->count));
}

/* ---- plots ---- */

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static redux_status put_histogram(page *p, const report_data *data)
{
    double bins[MOST_BINS] = {0};
    double *scores = malloc(((size_t)data->count + 1) * sizeof *scores);
    int64_t n = 0;
    bool whole = true;
    if (scores == NULL)
        return REDUX_E_NO_MEMORY;
    for (int64_t i = 0; i < data->count; i++)
        if (isfinite(data->rows[i].row.score)) {
            scores[n] = data->rows[i].row.score;
            whole = whole && scores[n] == floor(scores[n]);
            n++;
        }
    if (n == 0) {
        free(scores);
        return REDUX_OK;
    }
    qsort(scores, (size_t)n, sizeof *scores, compare_numbers);
    double low = scores[0], high = scores[n - 1];
    if (!isnan(data->threshold)) {
        low = fmin(low, data->threshold);
        high = fmax(high, data->threshold);
    }
    whole = whole && high - low < MOST_BINS - 2;
    const double width = whole ? 1 : high > low ? (high - low) / 32 : 1e-3;
    const int64_t count = whole ? (int64_t)(high - fmin(low, 0)) + 1 : 33;
    const double start = whole ? fmin(low, 0) - 0.5 : low - width / 2;
    for (int64_t i = 0; i < n; i++) {
        const int64_t bin = (int64_t)((scores[i] - start) / width);
        bins[bin < 0 ? 0 : bin < count ? bin : count - 1]++;
    }
    const plot settings = {.title = "Scores of dropped slices",
                           .about = "Histogram of the score that each dropped slice has with the "
                                    "kept slice that stands for it.",
                           .x_label = score_label(data),
                           .y_label = "slices",
                           .threshold = data->threshold,
                           .is_whole = whole};
    put(p, "<figure>");
    plot_bars(p, &settings, bins, count, start, width);
    put(p, "<figcaption>Median %.4g; %s are more alike.", scores[n / 2],
        data->is_distance ? "smaller scores" : "larger scores");
    put(p, data->options.strategy == REDUX_STRATEGY_ENTROPY
               ? " Slices under the threshold are dropped.</figcaption></figure>\n"
               : " Each dropped slice against the kept one that stands for it.</figcaption>"
                 "</figure>\n");
    free(scores);
    return REDUX_OK;
}

static void put_curve(page *p, const report_data *data, const report_curve *curve)
{
    double share[65];
    if (curve->count < 2)
        return;
    for (int64_t i = 0; i < curve->count; i++)
        share[i] = curve->kept[i] / (double)data->count;
    const series line = {.x = curve->thresholds, .y = share, .count = curve->count};
    const plot settings = {.title = "Kept slices at other thresholds",
                           .about = "Share of slices that are kept, by threshold.",
                           .x_label = "threshold",
                           .y_label = "kept",
                           .x_low = REDUX_NAN,
                           .x_high = REDUX_NAN,
                           .y_low = 0,
                           .y_high = 1,
                           .threshold = data->threshold,
                           .threshold_label = "in force",
                           .percent_y = true,
                           .is_whole = data->options.strategy == REDUX_STRATEGY_HASH ||
                                       data->options.strategy == REDUX_STRATEGY_EVERY_N};
    put(p, "<figure>");
    plot_lines(p, &settings, &line, 1, curve->is_exact);
    if (curve->is_exact)
        put(p, "<figcaption>Exact: the data were reduced again at each point.</figcaption>");
    else if (data->options.strategy == REDUX_STRATEGY_ENTROPY)
        put(p, "<figcaption>Exact, from the recorded scores; towards laxer thresholds they say "
               "nothing.</figcaption>");
    else
        put(p, "<figcaption>An estimate from the recorded scores, towards stricter thresholds: a "
               "dropped slice that no longer passes is kept. What stays dropped is still stood "
               "for; a reduction at that threshold may choose other slices.</figcaption>");
    put(p, "<details><summary>As a table</summary><table><thead><tr><th scope=\"col\" "
           "class=\"number\">threshold</th><th scope=\"col\" class=\"number\">kept</th><th "
           "scope=\"col\" class=\"number\">share</th></tr></thead><tbody>\n");
    for (int64_t i = 0; i < curve->count; i++)
        put(p,
            "<tr><th scope=\"row\" class=\"number\">%.5g</th><td class=\"number\">%.0f</td><td "
            "class=\"number\">%.1f %%</td></tr>\n",
            curve->thresholds[i], curve->kept[i], 100 * share[i]);
    put(p, "</tbody></table></details></figure>\n");
}

static void put_null(page *p, const report_data *data)
{
    const json_t *calibration = json_object_get(data->summary, "calibration");
    const json_t *curve = json_object_get(calibration, "curve");
    double x[64], y[64];
    int64_t count = 0;
    for (size_t i = 0; i < json_array_size(curve) && count < 64; i++) {
        const json_t *point = json_array_get(curve, i);
        const double rate = json_number_value(json_object_get(point, "rate"));
        if (!json_is_number(json_object_get(point, "threshold")) || rate <= 0)
            continue;
        x[count] = json_number_value(json_object_get(point, "threshold"));
        y[count++] = rate;
    }
    if (count == 0)
        return;
    const series line = {.x = x, .y = y, .count = count, .kind = "null"};
    const plot settings = {
        .title = "Calibrated null: false drops",
        .about = "Rate at which slices of different volumes would be called redundant, by "
                 "threshold, on a logarithmic scale.",
        .x_label = score_label(data),
        .y_label = "pairs of strangers that pass",
        .x_low = data->is_distance ? fmin(0, data->threshold) : fmin(x[count - 1], data->threshold),
        .x_high = REDUX_NAN,
        .y_low = REDUX_NAN,
        .y_high = 1,
        .threshold = data->threshold,
        .log_y = true,
        .percent_y = true};
    const json_t *rate = json_object_get(calibration, "false_drops");
    const json_t *error = json_object_get(calibration, "standard_error");
    put(p, "<figure>");
    plot_lines(p, &settings, &line, 1, true);
    put(p, "<figcaption>From ");
    put_count(p, json_integer_value(json_object_get(calibration, "pairs")));
    put(p, " pairs of slices of %lld different volumes, which have nothing to do with each other.",
        (long long)json_integer_value(json_object_get(calibration, "volumes")));
    if (json_is_number(rate) && json_number_value(rate) == 0) {
        put(p, " At the threshold in force none of them would pass.</figcaption></figure>\n");
        return;
    }
    if (json_is_number(rate))
        put(p, " At the threshold in force %.2g&thinsp;%% of them would pass",
            100 * json_number_value(rate));
    if (json_is_number(rate) && json_is_number(error))
        put(p, " (standard error %.1g&thinsp;%%)", 100 * json_number_value(error));
    put(p, "%s</figcaption></figure>\n", json_is_number(rate) ? "." : "");
}

/* ---- volumes ---- */

/* Spread over the volumes in the order of their kept share, so that the extremes are among them. */
static const report_data *sorted_data;
static int compare_shares(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    const report_volume *v = &sorted_data->volumes[x], *w = &sorted_data->volumes[y];
    const double s = percent(v->kept, v->count), t = percent(w->kept, w->count);
    return s != t ? (s > t) - (s < t) : (x > y) - (x < y);
}

static int64_t thumb_row(const report_volume *volume, int64_t count, int64_t i)
{
    return volume->rows[count == 1 ? 0 : i * (volume->count - 1) / (count - 1)];
}

redux_status choose_volumes(report_pictures *pictures, report_data *data, const report_settings *s)
{
    const int64_t all = data->own_volumes, shown = all < s->volumes ? all : s->volumes;
    int64_t *order = malloc(((size_t)all + 1) * sizeof *order);
    if (order == NULL)
        return REDUX_E_NO_MEMORY;
    for (int64_t v = 0; v < all; v++)
        order[v] = v;
    sorted_data = data;
    qsort(order, (size_t)all, sizeof *order, compare_shares);
    for (int64_t i = 0; i < shown; i++)
        data->volumes[order[shown == 1 ? all / 2 : i * (all - 1) / (shown - 1)]].is_shown = true;
    free(order);
    for (int64_t v = 0; v < all; v++) {
        const report_volume *volume = &data->volumes[v];
        const int64_t count = volume->count < MOST_THUMBS ? volume->count : MOST_THUMBS;
        for (int64_t i = 0; i < count && volume->is_shown; i++) {
            const redux_manifest_row *row = &data->rows[thumb_row(volume, count, i)].row;
            if (report_picture_want(pictures, v, row->source, row->slice, SIDE_SMALL) < 0)
                return REDUX_E_NO_MEMORY;
        }
    }
    return REDUX_OK;
}

static redux_status put_thumbs(page *p, const report_data *data, const report_volume *volume,
                               const report_pictures *pictures)
{
    const int64_t count = volume->count < MOST_THUMBS ? volume->count : MOST_THUMBS;
    redux_status status = REDUX_OK;
    put(p, "<ul class=\"thumbs\">");
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        const report_row *row = &data->rows[thumb_row(volume, count, i)];
        put(p, "<li class=\"%s\">", row->row.kept ? "kept" : "gone");
        status = put_image(p, pictures, row, SIDE_SMALL);
        if (row->row.kept)
            put(p, "<b>%lld kept</b>",
                (long long)(volume->is_folder ? row->place : row->row.slice));
        else
            put(p, "%lld", (long long)(volume->is_folder ? row->place : row->row.slice));
        put(p, "</li>\n");
    }
    put(p, "</ul>\n");
    return status;
}

static void score_range(double *low, double *high, const report_matrix *matrix)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < matrix->count; i++)
        for (int64_t k = 0; k < matrix->count; k++) {
            const double score = matrix->scores[i * matrix->count + k];
            if (i == k || !isfinite(score))
                continue;
            *low = fmin(*low, score);
            *high = fmax(*high, score);
        }
    if (*low > *high)
        *low = *high = 0;
    if (matrix->is_distance)
        *low = 0;
}

/* Marks of the kept slices along both edges of the map. */
static void put_kept_marks(page *p, const report_data *data, const report_matrix *matrix,
                           double edge)
{
    put(p, "<path class=\"in\" d=\"");
    for (int64_t i = 0; i < matrix->count; i++)
        if (data->rows[matrix->rows[i]].row.kept)
            put(p, "M%lld %.3gh1v%.3gh-1zM%.3g %lldv1h%.3gv-1z", (long long)i, -edge, edge * 0.75,
                -edge, (long long)i, edge * 0.75);
    put(p, "\"/>");
}

/* Where the threshold is on the scale, if it is one of these scores. */
static void put_scale_mark(page *p, const report_data *data, const report_matrix *matrix,
                           double low, double high)
{
    const double at = 100 * (data->threshold - low) / (high - low);
    if (!matrix->is_own || !(at > 12 && at < 88))
        return;
    put(p,
        "<i class=\"tick\" style=\"left:%.1f%%\"></i><span class=\"mark\" "
        "style=\"left:%.1f%%\">%.3g</span>",
        at, at, data->threshold);
}

static redux_status put_matrix(page *p, redux_context *context, const report_data *data,
                               const report_matrix *matrix)
{
    const int64_t n = matrix->count;
    const double edge = (double)n / 22;
    double low, high;
    redux_tensor map = REDUX_TENSOR_INIT, scale = REDUX_TENSOR_INIT;
    score_range(&low, &high, matrix);
    redux_status status = matrix_picture(&map, context, matrix, low, high);
    if (status == REDUX_OK)
        status = scale_picture(&scale, context, matrix->is_distance);
    if (status == REDUX_OK) {
        put(p,
            "<figure class=\"matrix\"><svg viewBox=\"%.3g %.3g %.4g %.4g\" role=\"img\" "
            "aria-label=\"Heat map of the scores of %lld slices with each other\"><image "
            "preserveAspectRatio=\"none\" width=\"%lld\" height=\"%lld\" href=\"",
            -edge, -edge, (double)n + edge, (double)n + edge, (long long)n, (long long)n,
            (long long)n);
        status = put_png(p, &map);
        put(p, "\"/>");
        put_kept_marks(p, data, matrix, edge);
        put(p, "</svg><figcaption><img class=\"scale\" alt=\"\" src=\"");
        if (status == REDUX_OK)
            status = put_png(p, &scale);
        put(p, "\"><div class=\"rule\"><span>%.3g</span><span class=\"last\">%.3g</span>", low,
            high);
        put_scale_mark(p, data, matrix, low, high);
        put(p, "</div>");
        put_text(p, matrix->note);
        if (n < data->volumes[matrix->volume].count)
            put(p, "; %lld slices, evenly taken", (long long)n);
        put(p, "</figcaption></figure>\n");
    }
    redux_tensor_release(&map);
    redux_tensor_release(&scale);
    return status;
}

static redux_status put_volume(page *p, redux_context *context, const report_data *data,
                               const report_pictures *pictures, int64_t number, bool no_pictures)
{
    const report_volume *volume = &data->volumes[number];
    redux_status status = REDUX_OK;
    put(p, "<article class=\"volume\"><header><h3 class=\"name\" title=\"");
    put_text(p, volume->name);
    put(p, "\">");
    put_text(p, short_name(volume->name));
    put(p, "</h3><span class=\"soft\">%lld of %lld kept, %.0f&thinsp;%%</span></header>\n<div>",
        (long long)volume->kept, (long long)volume->count, percent(volume->kept, volume->count));
    plot_strip(p, data, volume);
    put(p, "<div class=\"rule\"><span>%lld</span><span class=\"last\">%lld</span></div>\n",
        (long long)(volume->is_folder ? 0 : data->rows[volume->rows[0]].row.slice),
        (long long)(volume->is_folder ? volume->count - 1
                                      : data->rows[volume->rows[volume->count - 1]].row.slice));
    if (volume->missing != NULL) {
        put(p, "<p class=\"soft name\">No pictures: ");
        put_text(p, volume->missing);
        put(p, "</p>");
    } else if (!no_pictures) {
        status = put_thumbs(p, data, volume, pictures);
    }
    put(p, "</div>\n");
    for (int64_t i = 0; i < pictures->matrix_count && status == REDUX_OK; i++)
        if (pictures->matrices[i].volume == number && pictures->matrices[i].count > 1)
            status = put_matrix(p, context, data, &pictures->matrices[i]);
    put(p, "</article>\n");
    return status;
}

static void put_volume_table(page *p, const report_data *data, bool is_open)
{
    const int64_t count = data->own_volumes < MOST_TABLE_ROWS ? data->own_volumes : MOST_TABLE_ROWS;
    put(p,
        "<details%s><summary>All %lld volumes as a table</summary>\n<div class=\"scroll\" "
        "tabindex=\"0\" role=\"region\" aria-label=\"Table of volumes\"><table><thead><tr><th "
        "scope=\"col\">volume</th><th scope=\"col\">slices in order</th><th scope=\"col\" "
        "class=\"number\">kept</th><th scope=\"col\" class=\"number\">of</th><th scope=\"col\" "
        "class=\"number\">share</th></tr></thead><tbody>\n",
        data->own_volumes <= OPEN_TABLE_ROWS && !is_open ? "" : " open",
        (long long)data->own_volumes);
    for (int64_t v = 0; v < count; v++) {
        const report_volume *volume = &data->volumes[v];
        put(p, "<tr><th scope=\"row\" title=\"");
        put_text(p, volume->name);
        put(p, "\">");
        put_text(p, short_name(volume->name));
        put(p, "</th><td class=\"wide\">");
        plot_strip(p, data, volume);
        put(p,
            "</td><td class=\"number\">%lld</td><td class=\"number\">%lld</td><td "
            "class=\"number\">%.0f %%</td></tr>\n",
            (long long)volume->kept, (long long)volume->count,
            percent(volume->kept, volume->count));
    }
    put(p, "</tbody></table></div>");
    if (count < data->own_volumes)
        put(p, "<p class=\"soft\">And %lld more: see the manifest.</p>",
            (long long)(data->own_volumes - count));
    put(p, "</details>\n");
}

static redux_status put_volumes(page *p, redux_context *context, const report_data *data,
                                const report_pictures *pictures, const report_settings *s,
                                int64_t number)
{
    redux_status status = REDUX_OK;
    int64_t shown = 0, missing = 0;
    for (int64_t v = 0; v < data->own_volumes; v++) {
        shown += data->volumes[v].is_shown;
        missing += data->volumes[v].missing != NULL;
    }
    put(p,
        "<h3 id=\"volumes%lld\">Volumes</h3>\n<p>Slices in order along each volume:"
        "<span class=\"key in\"></span>kept<span class=\"key\"></span>dropped.%s",
        (long long)number,
        pictures->matrix_count == 0
            ? ""
            : " Beside them, how alike the slices are with each other: yellow is alike, dark is "
              "not; marks along the edges are the kept ones.");
    if (shown < data->own_volumes && shown > 0)
        put(p,
            " %lld of %lld volumes are shown with pictures, from the one of the smallest kept "
            "share to that of the largest; all are in the table below.",
            (long long)shown, (long long)data->own_volumes);
    put(p, "</p>\n");
    if (missing > 0)
        put(p,
            "<p class=\"note\">Volumes whose pictures are missing: %lld. The data are not where "
            "the manifest says, or could not be read; <code>--data</code> says where they "
            "are.</p>\n",
            (long long)missing);
    if (pictures->differ > 0)
        put(p,
            "<p class=\"note\">%lld of %lld recorded scores are not what the data give now: they "
            "are not the data that the manifest was made of, or lie elsewhere.</p>\n",
            (long long)pictures->differ, (long long)pictures->checked);
    else if (pictures->checked > 0)
        put(p,
            "<p class=\"soft\">%lld recorded scores were worked out again for these matrices; all "
            "are the same.</p>\n",
            (long long)pictures->checked);
    for (int64_t v = 0; v < data->own_volumes && status == REDUX_OK; v++)
        if (data->volumes[v].is_shown && (!data->volumes[v].is_gone || data->own_volumes == 1))
            status = put_volume(p, context, data, pictures, v, s->no_pictures);
    if (data->own_volumes > 1)
        put_volume_table(p, data, missing > 0);
    return status;
}

redux_status section_manifest(page *p, redux_context *context, const report_data *data,
                              const report_curve *curve, const report_pictures *pictures,
                              const report_settings *s, int64_t number, int64_t total)
{
    put(p, "<section aria-labelledby=\"set%lld\"><h2 id=\"set%lld\" class=\"name\">",
        (long long)number, (long long)number);
    put_text(p, total > 1 ? short_name(data->path) : "Overview");
    put(p, "</h2>\n");
    put_lead(p, data);
    put_facts(p, data);
    put(p, "<div class=\"plots\" id=\"scores%lld\">\n", (long long)number);
    const redux_status status = put_histogram(p, data);
    put_curve(p, data, curve);
    put_null(p, data);
    put(p, "</div>\n");
    return status == REDUX_OK ? put_volumes(p, context, data, pictures, s, number) : status;
}

int section_comparison(page *p, redux_context *context, char **manifests, int count)
{
    int code = EXIT_OK;
    put(p,
        "<section aria-labelledby=\"side\"><h2 id=\"side\">Side by side</h2>\n<div "
        "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of manifests\"><table>"
        "<thead><tr><th scope=\"col\">manifest</th><th scope=\"col\">strategy</th><th "
        "scope=\"col\" class=\"number\">threshold</th><th scope=\"col\" class=\"number\">kept</th>"
        "<th scope=\"col\" class=\"number\">of</th><th "
        "scope=\"col\">share</th></tr></thead><tbody>\n");
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        report_data data = {.path = NULL};
        code = report_data_load(&data, context, manifests[i]);
        put(p, "<tr><th scope=\"row\"><a href=\"#set%d\">", i + 1);
        put_text(p, short_name(manifests[i]));
        put(p, "</a></th><td>%s</td><td class=\"number\">",
            data.has_options ? redux_strategy_name(data.options.strategy) : "&ndash;");
        if (!isnan(data.threshold))
            put(p, "%.5g", data.threshold);
        put(p, "</td><td class=\"number\">");
        put_count(p, data.kept);
        put(p, "</td><td class=\"number\">");
        put_count(p, data.count);
        put(p,
            "</td><td class=\"wide\"><div class=\"share\"><span "
            "style=\"width:%.2f%%\"></span></div>"
            "%.1f %%</td></tr>\n",
            percent(data.kept, data.count), percent(data.kept, data.count));
        report_data_free(&data, context);
    }
    put(p, "</tbody></table></div></section>\n");
    return code;
}
