/* SPDX-License-Identifier: MIT
 * The part of the page for one manifest: numbers, plots, volumes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

enum { MOST_BINS = 130 };

const char *score_label(const report_data *data)
{
    return data->has_options ? data->last.label : "Score";
}

double report_percent(int64_t part, int64_t whole)
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
    if (strcmp(text, "slice") == 0)
        snprintf(text, size, "each slice's own range");
}

static void put_summary_facts(page *p, const report_data *data)
{
    char text[200];
    const json_t *parameters = json_object_get(data->summary, "parameters");
    const redux_reduce_options *o = &data->options;
    if (!data->has_options) {
        put_fact(p, "Strategy", "unknown");
        put_fact(p, "Threshold", "unknown");
        return;
    }
    snprintf(text, sizeof text, "%s%s%s", redux_strategy_name(o->strategy),
             o->then == REDUX_STRATEGY_ALL ? "" : ", then ",
             o->then == REDUX_STRATEGY_ALL ? "" : redux_strategy_name(o->then));
    put_fact(p, "Strategy", text);
    if (data->strategy.has_hashes) {
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
    static const char *const compared[] = {"within each volume", "over the whole dataset",
                                           "within each group"};
    put_fact(p, "Compared", compared[o->scope]);
    if (data->group_by != NULL)
        put_fact(p, "Grouped by", data->group_by);
    window_text(text, sizeof text, json_object_get(data->summary, "window"));
    put_fact(p, "Window", text);
    if (o->encoder != NULL)
        put_fact(p, "Encoder", o->encoder);
}

static void put_facts(page *p, const report_data *data, int64_t number)
{
    int64_t largest = 0;
    char text[64];
    for (int64_t i = 0; i < data->count; i++)
        if (data->rows[i].group > largest)
            largest = data->rows[i].group;
    put(p, "<dl>\n");
    put_summary_facts(p, data);
    put_fact_count(p, data->group_by == NULL ? "Volumes" : "Groups", data->own_volumes);
    put_fact_count(p, "Most slices that one replaces", largest);
    if (data->leaked > 0)
        put(p,
            "<div><dt>In the other set already</dt><dd><a "
            "href=\"#leaks%lld\">%lld</a></dd></div>\n",
            (long long)number, (long long)data->leaked);
    const json_t *shared =
        json_object_get(json_object_get(data->summary, "against"), "shared_groups");
    if (json_integer_value(shared) > 0)
        put_fact_count(p, "Groups that are in the other set, too", json_integer_value(shared));
    const json_t *counts = json_object_get(data->summary, "counts");
    if (json_is_integer(json_object_get(counts, "flat")))
        put_fact_count(p, "Flat slices", json_integer_value(json_object_get(counts, "flat")));
    const size_t skipped = json_array_size(json_object_get(data->summary, "skipped"));
    if (skipped > 0)
        put_fact_count(p, "Could not be read", (int64_t)skipped);
    if (json_is_number(json_object_get(data->summary, "seconds"))) {
        const double seconds = json_number_value(json_object_get(data->summary, "seconds"));
        snprintf(text, sizeof text, "%.*f s", seconds < 10 ? 2 : 0, seconds);
        put_fact(p, "Reduced in", text);
    }
    put(p, "</dl>\n");
    if (data->summary == NULL)
        put(p, "<p class=\"note\">There is no summary (JSON) beside the manifest, so that strategy "
               "and threshold are unknown, and whether larger scores mean more similar slices or "
               "less similar ones.</p>\n");
}

static void put_lead(page *p, const report_data *data)
{
    put(p,
        "<p class=\"lead\">%.1f&thinsp;%% <small>kept: ", report_percent(data->kept, data->count));
    put_count(p, data->kept);
    put(p, " of ");
    put_count(p, data->count);
    put(p,
        " slices</small></p>\n<div class=\"share\" role=\"img\" aria-label=\"%lld kept, %lld "
        "dropped\"><span style=\"width:%.2f%%\"></span></div>\n",
        (long long)data->kept, (long long)(data->count - data->kept),
        report_percent(data->kept, data->count));
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
        return no_memory();
    for (int64_t i = 0; i < data->count; i++)
        if (fabs(data->rows[i].row.score) < 1e150) {
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
    whole = whole && high - fmin(low, 0) < MOST_BINS - 2;
    /* Bins need a width even where all scores are equal. */
    const double finest = 1e-6 * fmax(fmax(fabs(low), fabs(high)), 1e-3);
    const double width = whole ? 1 : fmax((high - low) / 32, finest);
    const int64_t count = whole ? (int64_t)(high - fmin(low, 0)) + 1 : 33;
    const double start = whole ? fmin(low, 0) - 0.5 : low - width / 2;
    for (int64_t i = 0; i < n; i++) {
        const int64_t bin = (int64_t)((scores[i] - start) / width);
        bins[bin < 0 ? 0 : bin < count ? bin : count - 1]++;
    }
    const plot settings = {.title = "Scores of dropped slices",
                           .about = "Histogram of the score that each dropped slice has with the "
                                    "kept slice that replaces it.",
                           .x_label = score_label(data),
                           .y_label = "slices",
                           .threshold = data->threshold,
                           .is_whole = whole};
    put(p, "<figure>");
    plot_bars(p, &settings, bins, count, start, width);
    put(p, "<figcaption>Median %.4g.%s", scores[n / 2],
        !data->has_options  ? ""
        : data->is_distance ? " Smaller scores mean more similar slices."
                            : " Larger scores mean more similar slices.");
    put(p, data->options.strategy == REDUX_STRATEGY_ENTROPY
               ? " Slices under the threshold are dropped.</figcaption></figure>\n"
               : " Each score compares a dropped slice with the kept one that replaces it."
                 "</figcaption></figure>\n");
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
                           .threshold_label = "used",
                           .percent_y = true,
                           .is_whole = data->strategy.is_whole};
    put(p, "<figure>");
    plot_lines(p, &settings, &line, 1, curve->is_exact);
    if (curve->is_exact)
        put(p, "<figcaption>Exact: the data were reduced again at each threshold.</figcaption>");
    else if (data->options.strategy == REDUX_STRATEGY_ENTROPY)
        put(p, "<figcaption>Exact, from the recorded scores. These cover stricter thresholds "
               "only.</figcaption>");
    else
        put(p,
            "<figcaption>An estimate for stricter thresholds, from the recorded scores: a dropped "
            "slice is kept where its score no longer reaches the threshold. A reduction at that "
            "threshold may choose other slices.%s</figcaption>",
            report_can_reduce(data) ? " <code>--curve 9</code> reduces the data again, and covers "
                                      "looser thresholds too."
                                    : "");
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
        .y_label = "unrelated pairs called redundant",
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
    put(p, " pairs of slices, each of two different ones among %lld volumes.",
        (long long)json_integer_value(json_object_get(calibration, "volumes")));
    if (json_is_number(rate) && json_number_value(rate) == 0) {
        put(p, " The threshold used would call none of them redundant.</figcaption></figure>\n");
        return;
    }
    if (json_is_number(rate))
        put(p, " The threshold used would call %.2g&thinsp;%% of them redundant",
            100 * json_number_value(rate));
    if (json_is_number(rate) && json_is_number(error))
        put(p, " (standard error %.1g&thinsp;%%)", 100 * json_number_value(error));
    put(p, "%s</figcaption></figure>\n", json_is_number(rate) ? "." : "");
}

redux_status section_manifest(page *p, redux_context *context, const report_data *data,
                              const report_curve *curve, const report_gallery *gallery,
                              const report_pictures *pictures, const report_settings *s,
                              int64_t number, int64_t total)
{
    put(p, "<section aria-labelledby=\"set%lld\"><h2 id=\"set%lld\" class=\"name\">",
        (long long)number, (long long)number);
    put_text(p, total > 1 ? short_name(data->path) : "Overview");
    put(p, "</h2>\n");
    put_lead(p, data);
    put_facts(p, data, number);
    TRY(section_leaks(p, context, gallery, data, pictures, number));
    TRY(section_pairs(p, context, gallery, data, pictures, number));
    put(p, "<h3 id=\"scores%lld\">Scores</h3>\n<div class=\"plots\">\n", (long long)number);
    TRY(put_histogram(p, data));
    put_curve(p, data, curve);
    put_null(p, data);
    put(p, "</div>\n");
    TRY(section_map(p, context, data, number));
    TRY(section_volumes(p, context, data, pictures, s, number));
    TRY(section_gallery(p, gallery, data, pictures, number));
    TRY(section_about(p, data, number));
    put(p, "</section>\n");
    return REDUX_OK;
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
        "scope=\"col\" class=\"number\">share</th><td></td></tr></thead><tbody>\n");
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        report_data data;
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
            "</td><td class=\"number\">%.1f %%</td><td class=\"wide\"><div class=\"share\"><span "
            "style=\"width:%.2f%%\"></span></div></td></tr>\n",
            report_percent(data.kept, data.count), report_percent(data.kept, data.count));
        report_data_free(&data);
    }
    put(p, "</tbody></table></div></section>\n");
    return code;
}
