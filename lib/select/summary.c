/* SPDX-License-Identifier: MIT
 * The summary beside a manifest: parameters, inputs and counts, as JSON (jansson). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <redux/file.h>
#include <redux/version.h>
#include "io/json.h"
#include "manifest_read.h"
#include "summary.h"
#include "io/io.h"

json_t *rdx_text_json(const char *bytes)
{
    json_t *value = json_string(bytes);
    if (value != NULL)
        return value;
    char ascii[4200];
    snprintf(ascii, sizeof ascii, "%s", bytes);
    for (char *c = ascii; *c != '\0'; c++)
        if ((unsigned char)*c >= 128)
            *c = '?';
    return json_string(ascii);
}

/* Takes ownership of `value`. *json becomes NULL if memory is short, and stays NULL. */
static void put(json_t **json, const char *key, json_t *value)
{
    if (*json == NULL) {
        json_decref(value);
    } else if (json_object_set_new(*json, key, value) != 0) {
        json_decref(*json);
        *json = NULL;
    }
}

static void append(json_t **array, json_t *value)
{
    if (*array == NULL) {
        json_decref(value);
    } else if (json_array_append_new(*array, value) != 0) {
        json_decref(*array);
        *array = NULL;
    }
}

json_t *rdx_number_json(double value)
{
    if (isnan(value))
        return json_null();
    if (value == floor(value) && fabs(value) < 1e15)
        return json_integer((json_int_t)value);
    return json_real(value);
}

static const char *const window_kinds[] = {"auto", "slice", "full", "range"};

static json_t *one_window_json(redux_window window)
{
    if (window.kind != REDUX_WINDOW_RANGE)
        return json_string(window_kinds[window.kind]);
    return json_pack("{s:o, s:o}", "low", rdx_number_json(window.low), "high",
                     rdx_number_json(window.high));
}

/* The window used; "auto" if it means `slice` for some inputs and `full` for others. */
static json_t *window_json(const redux_reduction *reduction)
{
    redux_window window = reduction->options.window;
    for (int64_t v = 0; v < redux_dataset_volume_count(reduction->dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        if (redux_dataset_get_volume_info(&info, reduction->dataset, v) != REDUX_OK)
            break;
        const redux_window own =
            redux_window_resolve(reduction->options.window, info.dtype, info.is_scan);
        if (v == 0)
            window = own;
        else if (own.kind != window.kind)
            window.kind = REDUX_WINDOW_AUTO;
    }
    return one_window_json(window);
}

static void add_hash(json_t **json, const redux_reduce_options *options)
{
    const redux_hash_options hash = rdx_hash_options_of(options);
    put(json, "hash", json_string(redux_hash_name(options->hash)));
    put(json, "profile", json_string(redux_hash_profile_name(options->profile)));
    put(json, "bits", json_integer(redux_hash_bits(&hash)));
    if (options->hash_size > 0)
        put(json, "hash_size", json_integer(options->hash_size));
}

static void add_descriptor(json_t **json, const redux_reduction *reduction)
{
    put(json, "descriptor", json_string(reduction->has_embeddings ? "embeddings" : "pixels"));
    if (reduction->options.encoder != NULL)
        put(json, "encoder", rdx_text_json(reduction->options.encoder));
}

/* The parameters of a stage's metric. */
static void add_metric(json_t **json, const redux_reduction *reduction, redux_strategy strategy)
{
    const redux_reduce_options *options = &reduction->options;
    const uint32_t parameters = rdx_strategy_of(strategy)->parameters;
    if (parameters & RDX_PARAMETER_HASH)
        add_hash(json, options);
    if (parameters & RDX_PARAMETER_SSIM)
        put(json, "ssim", json_string("gaussian"));
    if (parameters & RDX_PARAMETER_NORMALISATION)
        put(json, "normalisation", json_string("arithmetic"));
    if (parameters & RDX_PARAMETER_BINS)
        put(json, "bins", json_integer(options->bins));
    if (parameters & RDX_PARAMETER_CLUSTERS) {
        put(json, "clusters", json_integer(options->clusters));
        put(json, "seed", json_integer((json_int_t)options->seed));
    }
    if (parameters & RDX_PARAMETER_LEVELS) {
        put(json, "levels", json_integer(options->levels));
        put(json, "leaves", json_string(options->nearest ? "nearest" : "random"));
    }
    if (parameters & RDX_PARAMETER_TEMPERATURE)
        put(json, "temperature", json_real(options->temperature));
    if (parameters & RDX_PARAMETER_DESCRIPTOR)
        add_descriptor(json, reduction);
}

json_t *rdx_parameters_json(const redux_reduction *reduction)
{
    const redux_reduce_options *options = &reduction->options;
    const redux_reduce_summary *summary = &reduction->summary;
    const char *group_by = redux_dataset_group_by(reduction->dataset);
    json_t *json = json_pack("{s:s, s:s}", "scope", redux_scope_name(options->scope), "order",
                             redux_order_name(options->order));
    if (group_by != NULL)
        put(&json, "group_by", rdx_text_json(group_by));
    if (reduction->dataset->options.frame >= 0)
        put(&json, "frame", json_integer(reduction->dataset->options.frame));
    if (options->each_group) {
        put(&json, "each", json_string(redux_scope_name(options->scope)));
        if (options->keep_count > 0) /* counts have the sum over groups */
            put(&json, "keep", json_integer(options->keep_count));
        else
            put(&json, "keep_percent", json_real(options->keep_percent));
    }
    put(&json, "window", one_window_json(options->window));
    if (rdx_strategy_of(options->strategy)->compares)
        put(&json, "rule", json_string(redux_rule_name(options->rule)));
    add_metric(&json, reduction, options->strategy);
    if (rdx_options_have_stages(options)) {
        add_metric(&json, reduction, options->then);
        put(&json, "then",
            json_pack("{s:s, s:o, s:b}", "strategy", redux_strategy_name(options->then),
                      "threshold", rdx_number_json(options->then_threshold), "exact",
                      summary->then_is_exact));
    }
    if (rdx_options_have(options, RDX_FEATURE_IMAGE)) {
        put(&json, "size", json_integer(options->size));
        put(&json, "resized", json_boolean(summary->compared_size > 0));
    }
    return json;
}

static redux_status input_json(json_t **out, const redux_reduction *reduction, int64_t volume,
                               uint32_t crc)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    char checksum[16];
    RDX_TRY(redux_dataset_get_volume_info(&info, reduction->dataset, volume));
    snprintf(checksum, sizeof checksum, "%08x", (unsigned)crc);
    *out = json_pack("{s:o, s:I, s:I, s:s}", "source", rdx_text_json(info.source), "slices",
                     (json_int_t)info.slices, "bytes", (json_int_t)info.bytes, "crc32", checksum);
    return REDUX_OK;
}

static bool all_skipped(const redux_reduction *reduction, int64_t volume)
{
    const int64_t end = rdx_dataset_first_row(reduction->dataset, volume + 1);
    for (int64_t row = rdx_dataset_first_row(reduction->dataset, volume); row < end; row++)
        if (!reduction->rows[row].skipped)
            return false;
    return true;
}

/* Whether a part or a rank has computed it. */
static bool has_checksum(const redux_reduction *reduction, int64_t volume)
{
    return reduction->checksums != NULL && reduction->has_checksum[volume];
}

static redux_status own_inputs_json(json_t **array, redux_context *context,
                                    const redux_reduction *reduction)
{
    const int64_t volumes = redux_dataset_volume_count(reduction->dataset);
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)volumes, sizeof(uint32_t) + 1));
    uint32_t *sums = block;
    uint8_t *wanted = (uint8_t *)(sums + volumes);
    for (int64_t v = 0; v < volumes; v++)
        wanted[v] = !all_skipped(reduction, v) && !has_checksum(reduction, v);
    redux_status status = rdx_dataset_checksums(sums, context, reduction->dataset, wanted);
    for (int64_t v = 0; v < volumes && status == REDUX_OK; v++) {
        json_t *input = NULL;
        if (all_skipped(reduction, v))
            continue;
        if (has_checksum(reduction, v))
            sums[v] = reduction->checksums[v];
        status = input_json(&input, reduction, v, sums[v]);
        if (status == REDUX_OK)
            append(array, input);
    }
    rdx_free(block);
    return status;
}

static redux_status inputs_json(json_t **array, redux_context *context,
                                const redux_reduction *reduction)
{
    const redux_manifest *before = reduction->options.update;
    const int64_t inputs_before = before == NULL ? 0 : rdx_manifest_inputs(before);
    for (int64_t i = 0; i < inputs_before; i++)
        append(array,
               json_incref(json_array_get(json_object_get(before->summary, "inputs"), (size_t)i)));
    return own_inputs_json(array, context, reduction);
}

static void append_skip(json_t **array, const char *source, const char *reason)
{
    json_t *skip =
        json_object(); /* json_pack would leak the second text if there is no first one */
    put(&skip, "source", rdx_text_json(source));
    put(&skip, "reason", rdx_text_json(reason));
    append(array, skip);
}

static json_t *skipped_json(const redux_reduction *reduction)
{
    const redux_dataset *dataset = reduction->dataset;
    json_t *array = json_array();
    for (int64_t i = 0; i < redux_dataset_skipped_count(dataset); i++)
        append_skip(&array, redux_dataset_skipped_source(dataset, i),
                    redux_dataset_skipped_reason(dataset, i));
    for (int64_t i = 0; i < reduction->skips.count; i++)
        append_skip(&array, reduction->skips.list[i].source, reduction->skips.list[i].reason);
    return array;
}

static json_t *passed_json(const redux_dataset *dataset)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < redux_dataset_passed_over_count(dataset); i++) {
        redux_passed_over p = REDUX_PASSED_OVER_INIT;
        json_t *entry = json_object();
        redux_dataset_get_passed_over(&p, dataset, i);
        put(&entry, "reason", rdx_text_json(p.reason));
        put(&entry, "count", json_integer(p.count));
        put(&entry, "names", rdx_text_json(p.names));
        append(&array, entry);
    }
    return array;
}

static json_t *counts_json(const redux_reduction *reduction)
{
    const redux_reduce_summary *summary = &reduction->summary;
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:I}", "volumes", (json_int_t)summary->volumes, "slices",
                  (json_int_t)summary->slices, "kept", (json_int_t)summary->kept, "dropped",
                  (json_int_t)(summary->slices - summary->kept));
    if (rdx_dataset_is_grouped(reduction->dataset))
        put(&json, "groups", json_integer(summary->groups));
    if (summary->budget >= 0) {
        put(&json, "budget", json_integer(summary->budget));
        put(&json, "refilled", json_integer(summary->refilled));
    }
    if (reduction->options.update != NULL) {
        put(&json, "updated", json_integer(summary->updated));
        put(&json, "updated_volumes", json_integer(rdx_manifest_inputs(reduction->options.update)));
    }
    if (rdx_options_have(&reduction->options, RDX_FEATURE_HASH))
        put(&json, "flat", json_integer(summary->flat));
    put(&json, "largest_group", json_integer(summary->largest));
    if (summary->pairs_compared + summary->pairs_skipped > 0) {
        put(&json, "pairs_compared", json_integer(summary->pairs_compared));
        put(&json, "pairs_skipped", json_integer(summary->pairs_skipped));
    }
    return json;
}

static json_t *against_json(const redux_reduce_summary *summary)
{
    json_t *json = json_pack("{s:I, s:I}", "slices", (json_int_t)summary->against, "leaked",
                             (json_int_t)summary->leaked);
    if (summary->shared_groups >= 0)
        put(&json, "shared_groups", json_integer(summary->shared_groups));
    return json;
}

/* The null distribution by its quantiles, and the false drops of the threshold. */
static json_t *calibration_json(const redux_reduction *reduction)
{
    static const double rates[] = {0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5};
    const redux_calibration *calibration = reduction->calibration;
    json_t *curve = json_array();
    for (int64_t i = 0; i < RDX_COUNT(rates); i++) {
        const double threshold = redux_calibration_threshold(calibration, rates[i]);
        /* If even the most similar pair has no score (not proposed, NaN), any threshold will do. */
        const double shown = fabs(threshold) < 1e300 ? threshold : (double)NAN;
        append(&curve, json_pack("{s:f, s:o, s:f}", "at_most", rates[i], "threshold",
                                 rdx_number_json(shown), "rate",
                                 redux_calibration_rate(calibration, threshold)));
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "pairs",
                     (json_int_t)redux_calibration_pair_count(calibration), "slices",
                     (json_int_t)redux_calibration_slice_count(calibration),
                     rdx_dataset_is_grouped(reduction->dataset) ? "groups" : "volumes",
                     (json_int_t)redux_calibration_group_count(calibration), "false_drops",
                     rdx_number_json(reduction->summary.false_drops), "standard_error",
                     rdx_number_json(reduction->summary.false_drops_error), "curve", curve);
}

/* As one text, so that short memory is not mistaken for a failure of the callback. */
static redux_status write_json(const rdx_writer *writer, const json_t *json)
{
    char *bytes = json == NULL ? NULL : rdx_json_text(json, JSON_INDENT(2));
    if (bytes == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "no memory for the summary");
    const redux_status status = rdx_write(writer, bytes);
    free(bytes);
    return status;
}

redux_status rdx_produce_summary(redux_context *context, const rdx_writer *writer, const void *user)
{
    const rdx_summary_request *request = user;
    const redux_reduction *reduction = request->reduction;
    json_t *inputs = json_array();
    redux_status status = inputs_json(&inputs, context, reduction);
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", REDUX_VERSION_STRING,
                  "strategy", redux_strategy_name(reduction->options.strategy), "threshold",
                  rdx_number_json(reduction->summary.threshold), "window", window_json(reduction),
                  "parameters", rdx_parameters_json(reduction), "counts", counts_json(reduction),
                  "inputs", inputs, "skipped", skipped_json(reduction));
    if (status == REDUX_OK && reduction->summary.budget >= 0 &&
        rdx_strategy_of(reduction->options.strategy)->judge_budget == NULL)
        put(&json, "threshold_search",
            json_string(reduction->summary.threshold_is_exact ? "exact" : "bisection"));
    if (status == REDUX_OK && reduction->options.each_group)
        put(&json, "thresholds",
            json_pack("{s:o, s:o}", "low", rdx_number_json(reduction->summary.threshold_low),
                      "high", rdx_number_json(reduction->summary.threshold_high)));
    if (status == REDUX_OK && redux_dataset_passed_over_count(reduction->dataset) > 0)
        put(&json, "passed_over", passed_json(reduction->dataset));
    if (status == REDUX_OK && reduction->options.against != NULL)
        put(&json, "against", against_json(&reduction->summary));
    if (status == REDUX_OK && reduction->calibration != NULL)
        put(&json, "calibration", calibration_json(reduction));
    if (status == REDUX_OK) {
        put(&json, "seconds", json_real(request->seconds));
        status = write_json(writer, json);
    }
    json_decref(json);
    if (status == REDUX_OK)
        status = rdx_write(writer, "\n");
    return status;
}

redux_status redux_summary_write(redux_context *context, const redux_reduction *reduction,
                                 double seconds, redux_write_fn write, void *user)
{
    const rdx_writer writer = {write, user};
    const rdx_summary_request request = {reduction, seconds};
    if (reduction == NULL || write == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_summary_write: an argument is NULL");
    return rdx_produce_summary(context, &writer, &request);
}

redux_status redux_summary_save(const char *path, redux_context *context,
                                const redux_reduction *reduction, double seconds)
{
    const rdx_summary_request request = {reduction, seconds};
    if (path == NULL || reduction == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_summary_save: an argument is NULL");
    return rdx_save(path, context, REDUX_MARK_SUMMARY, rdx_produce_summary, &request);
}
