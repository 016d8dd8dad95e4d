/* SPDX-License-Identifier: MIT
 * How a manifest was made, so that it can be made again, and what the words on the page mean. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"

/* ---- the command ---- */

/* Text that a shell takes as one word, escaped. */
static void put_word(page *p, const char *value)
{
    const bool is_plain =
        *value != '\0' && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-+.,:/%=@") == strlen(value);
    if (is_plain) {
        put_text(p, value);
        return;
    }
    put_text(p, "'");
    for (const char *c = value; *c != '\0'; c++) {
        const char one[2] = {*c, '\0'};
        put_text(p, *c == '\'' ? "'\\''" : one);
    }
    put_text(p, "'");
}

static void put_option(page *p, const char *option, const char *value)
{
    put(p, " --%s ", option);
    put_word(p, value);
}

/* The fewest digits that read back as the same number. */
static const char *shortest(char text[40], double value)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static void put_number(page *p, const char *option, double value)
{
    char text[40];
    put_option(p, option, shortest(text, value));
}

/* Omitted if it is the default. */
static void put_whole(page *p, const char *option, int64_t value, int64_t otherwise)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    if (value != otherwise)
        put_option(p, option, text);
}

static void put_amount(page *p, const report_data *data)
{
    const redux_reduce_options *o = &data->options;
    char number[40], text[120];
    put_whole(p, "keep", o->keep_count, 0);
    if (!isnan(o->keep_percent)) {
        snprintf(text, sizeof text, "%s%%", shortest(number, o->keep_percent));
        put_option(p, "keep", text);
    }
    if (o->each_group)
        put_option(p, "each", "group");
    if ((o->keep_count == 0 || data->strategy.needs_budget) && !isnan(o->threshold))
        put_number(p, "threshold", o->threshold);
    if (o->then != REDUX_STRATEGY_ALL) {
        snprintf(text, sizeof text, "%s:%s", redux_strategy_name(o->then),
                 shortest(number, o->then_threshold));
        put_option(p, "then", text);
    }
}

static void put_hash(page *p, const redux_reduce_options *o)
{
    put_option(p, "hash", redux_hash_name(o->hash));
    put_option(p, "profile", redux_hash_profile_name(o->profile));
    put_whole(p, "hash-size", o->hash_size, 0);
}

static void put_clusters(page *p, const redux_reduce_options *o)
{
    put_whole(p, "clusters", o->clusters, 0);
    put_whole(p, "seed", (int64_t)o->seed, 0);
    if (o->levels > 0) {
        put_whole(p, "levels", o->levels, 0);
        put_option(p, "leaves", o->nearest ? "nearest" : "random");
    }
    if (o->temperature > 0)
        put_number(p, "temperature", o->temperature);
}

/* The options that give the manifest's parameters; defaults of other strategies are left out. */
static void put_command(page *p, const report_data *data)
{
    const redux_reduce_options *o = &data->options;
    char window[REDUX_WINDOW_TEXT];
    put(p, "<pre class=\"command\">redux-reduce");
    put_option(p, "strategy", redux_strategy_name(o->strategy));
    put_amount(p, data);
    if (o->rule != REDUX_RULE_FIRST)
        put_option(p, "rule", redux_rule_name(o->rule));
    put_option(p, "scope", redux_scope_name(o->scope));
    put_option(p, "order", redux_order_name(o->order));
    if (data->group_by != NULL)
        put_option(p, "group-by", data->group_by);
    if (o->window.kind != REDUX_WINDOW_AUTO && redux_window_to_text(window, o->window) == REDUX_OK)
        put_option(p, "window", window);
    if (data->strategy.has_hashes || data->last.has_hashes)
        put_hash(p, o);
    put_whole(p, "bins", o->bins, 0);
    put_whole(p, "size", o->size, 0);
    put_clusters(p, o);
    const json_t *frame = json_object_get(json_object_get(data->summary, "parameters"), "frame");
    if (json_is_integer(frame))
        put_whole(p, "frame", json_integer_value(frame), -1);
    if (json_object_get(data->summary, "against") != NULL)
        put_option(p, "against", "OTHER.csv");
    if (o->encoder != NULL)
        put_option(p, "encoder", o->encoder);
    else if (data->has_embeddings)
        put_option(p, "embeddings", "FILE.npy");
    put_option(p, "manifest", short_name(data->path));
    put(p, " INPUT...</pre>\n");
}

/* ---- the inputs ---- */

/* The length of the folder that all sources share, with its last slash. */
static size_t common_folder(const json_t *inputs, const char **folder)
{
    size_t length = 0;
    *folder = "";
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const char *source =
            json_string_value(json_object_get(json_array_get(inputs, i), "source"));
        if (source == NULL)
            continue;
        if (i == 0) {
            *folder = source;
            length = strlen(source);
        }
        size_t same = 0;
        while (same < length && source[same] == (*folder)[same])
            same++;
        length = same;
    }
    while (length > 0 && (*folder)[length - 1] != '/')
        length--;
    return length;
}

static void put_inputs(page *p, const report_data *data)
{
    const json_t *inputs = json_object_get(data->summary, "inputs");
    const char *folder;
    char text[1024];
    double bytes = 0;
    for (size_t i = 0; i < json_array_size(inputs); i++)
        bytes += json_number_value(json_object_get(json_array_get(inputs, i), "bytes"));
    const size_t length = common_folder(inputs, &folder);
    snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text - 1),
             folder);
    put(p, "<p>");
    put_count(p, (int64_t)json_array_size(inputs));
    put(p, " inputs, %.1f&nbsp;MB as stored%s", bytes / 1e6, length > 0 ? ", under <code>" : "");
    put_text(p, text);
    put(p, "%s. The manifest has the size and the checksum of each.</p>\n",
        length > 0 ? "</code>" : "");
}

static redux_status put_parameters(page *p, const report_data *data)
{
    char *text = json_dumps(json_object_get(data->summary, "parameters"), JSON_INDENT(2));
    if (text == NULL)
        return no_memory();
    put(p, "<details><summary>All parameters in force</summary><pre>");
    put_text(p, text);
    put(p, "</pre></details>\n");
    free(text);
    return REDUX_OK;
}

/* ---- the words ---- */

static void put_terms(page *p, const report_data *data)
{
    static const char *const terms[][2] = {
        {"Score", "How similar two slices are by the strategy's metric. Small distances, and large "
                  "similarities, mean similar slices."},
        {"Threshold",
         "The score at which a slice counts as redundant. It is the one that was given, "
         "or the one that a budget led to."},
        {"Replaces",
         "Each dropped slice names one kept slice that stays in its place, and the score "
         "between the two. &ldquo;Most slices that one replaces&rdquo; counts the "
         "largest such group, with the kept one."},
        {"On the border", "The dropped slices that were closest to being kept: if a decision was "
                          "wrong, it is most likely among these."},
        {"Flat", "A slice that shows (nearly) one grey value. Its hash says nothing."},
        {"In force", "What was used in the end: given, by default, or found for a budget."},
        {"Leak", "A slice that another set holds already, such as a test image in the training "
                 "set."},
        {"False drops", "Slices of different patients are never the same image. The share of such "
                        "pairs that a threshold would call redundant is its rate of false drops."}};
    put(p, "<details><summary>What the words mean</summary><dl class=\"terms\">\n");
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        if (strcmp(terms[i][0], "Leak") != 0 || data->leaked > 0)
            put(p, "<div><dt>%s</dt><dd>%s</dd></div>\n", terms[i][0], terms[i][1]);
    put(p, "</dl></details>\n");
}

redux_status section_about(page *p, const report_data *data, int64_t number)
{
    const char *version = json_string_value(json_object_get(data->summary, "version"));
    put(p, "<h3 id=\"made%lld\">How it was made</h3>\n<p class=\"name\">Manifest <code>",
        (long long)number);
    put_text(p, data->path);
    put(p, "</code>");
    if (version != NULL) {
        put(p, ", by libredux ");
        put_text(p, version);
    }
    put(p, ".</p>\n");
    if (data->has_options) {
        put_command(p, data);
        put_inputs(p, data);
        TRY(put_parameters(p, data));
    }
    put_terms(p, data);
    return REDUX_OK;
}
