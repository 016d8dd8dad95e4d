/* SPDX-License-Identifier: MIT
 * The parameters of an earlier result, from its JSON, and whether other options match them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "manifest_read.h"
#include "io/io.h"

static double real(const json_t *json, const char *key, double otherwise)
{
    const json_t *value = json_object_get(json, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* Leaves *out unchanged if there is no such key. */
static redux_status read_whole(int64_t *out, const json_t *json, const char *key, int64_t low,
                               int64_t high, const char *path)
{
    const json_t *value = json_object_get(json, key);
    const int64_t number = json_integer_value(value);
    if (value == NULL)
        return REDUX_OK;
    if (!json_is_integer(value) || number < low || number > high)
        return rdx_fail(REDUX_E_FORMAT, "%s: %s is not a whole number, or out of range", path, key);
    *out = number;
    return REDUX_OK;
}

static redux_status read_size(int32_t *out, const json_t *json, const char *key, const char *path)
{
    int64_t number = *out;
    RDX_TRY(read_whole(&number, json, key, 0, INT32_MAX, path));
    *out = (int32_t)number;
    return REDUX_OK;
}

static const char *word(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));
    return value == NULL ? "" : value;
}

static redux_status read_window(redux_window *out, const json_t *json, const char *path)
{
    if (json_is_string(json))
        return redux_window_parse(out, json_string_value(json));
    if (!json_is_object(json))
        return rdx_fail(REDUX_E_FORMAT, "%s: no window among the parameters", path);
    out->kind = REDUX_WINDOW_RANGE;
    out->low = real(json, "low", 0);
    out->high = real(json, "high", 0);
    return REDUX_OK;
}

/* Parameters of some strategies only: a missing one keeps its default. */
static redux_status read_parameters(redux_reduce_options *out, const json_t *parameters,
                                    const char *path)
{
    const json_t *then = json_object_get(parameters, "then");
    const char *scope = word(parameters, "scope"), *order = word(parameters, "order");
    int64_t seed = 0;
    if (redux_scope_parse(&out->scope, scope) != REDUX_OK)
        return rdx_fail(REDUX_E_FORMAT, "%s: scope is '%s'", path, scope);
    if (redux_order_parse(&out->order, order) != REDUX_OK)
        return rdx_fail(REDUX_E_FORMAT, "%s: order is '%s'", path, order);
    out->each_group = json_object_get(parameters, "each") != NULL;
    RDX_TRY(read_whole(&out->keep_count, parameters, "keep", 0, INT64_MAX, path));
    out->keep_percent = real(parameters, "keep_percent", (double)NAN);
    RDX_TRY(read_window(&out->window, json_object_get(parameters, "window"), path));
    if (json_object_get(parameters, "rule") != NULL)
        RDX_TRY(redux_rule_parse(&out->rule, word(parameters, "rule")));
    if (json_object_get(parameters, "hash") != NULL) {
        RDX_TRY(redux_hash_parse(&out->hash, word(parameters, "hash")));
        RDX_TRY(redux_hash_profile_parse(&out->profile, word(parameters, "profile")));
    }
    if (then != NULL) {
        RDX_TRY(redux_strategy_parse(&out->then, word(then, "strategy")));
        out->then_threshold = real(then, "threshold", (double)NAN);
    }
    out->encoder = json_string_value(json_object_get(parameters, "encoder"));
    RDX_TRY(read_size(&out->hash_size, parameters, "hash_size", path));
    RDX_TRY(read_size(&out->bins, parameters, "bins", path));
    RDX_TRY(read_size(&out->size, parameters, "size", path));
    RDX_TRY(read_size(&out->clusters, parameters, "clusters", path));
    RDX_TRY(read_size(&out->levels, parameters, "levels", path));
    out->nearest = strcmp(word(parameters, "leaves"), "nearest") == 0;
    out->temperature = real(parameters, "temperature", 0);
    RDX_TRY(read_whole(&seed, parameters, "seed", INT64_MIN, INT64_MAX, path));
    out->seed = (uint64_t)seed; /* written as a signed number */
    return REDUX_OK;
}

redux_status redux_manifest_get_options(redux_reduce_options *out, const redux_manifest *manifest)
{
    const redux_reduce_options defaults = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_options options = defaults;
    if (out == NULL || manifest == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_get_options: an argument is NULL");
    const char *path = manifest->summary_path;
    if (manifest->summary == NULL)
        return rdx_fail(REDUX_E_NOT_FOUND, "%s: is missing; it records how %s was made", path,
                        manifest->table.path);
    RDX_TRY(redux_strategy_parse(&options.strategy, word(manifest->summary, "strategy")));
    RDX_TRY(read_parameters(&options, json_object_get(manifest->summary, "parameters"), path));
    options.threshold = real(manifest->summary, "threshold", (double)NAN);
    const json_t *counts = json_object_get(manifest->summary, "counts");
    if (!options.each_group)
        RDX_TRY(read_whole(&options.keep_count, counts, "budget", 0, INT64_MAX, path));
    if (json_object_get(counts, "budget") != NULL &&
        rdx_strategy_of(options.strategy)->judge_budget == NULL)
        options.threshold = (double)NAN;
    return rdx_write_result(out, &options, sizeof options, "redux_reduce_options");
}

/* NULL: groups are volumes. */
static const char *group_by_of(const redux_manifest *manifest)
{
    return json_string_value(
        json_object_get(json_object_get(manifest->summary, "parameters"), "group_by"));
}

redux_status redux_manifest_get_dataset_options(redux_dataset_options *out,
                                                const redux_manifest *manifest)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    int64_t frame = -1;
    if (out == NULL || manifest == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_manifest_get_dataset_options: an argument is NULL");
    options.group_by = group_by_of(manifest);
    RDX_TRY(read_whole(&frame, json_object_get(manifest->summary, "parameters"), "frame", 0,
                       INT32_MAX, manifest->summary_path));
    options.frame = (int32_t)frame;
    return rdx_write_result(out, &options, sizeof options, "redux_dataset_options");
}

/* ---- may it be updated? ---- */

static int64_t counted(const redux_manifest *manifest, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(manifest->summary, "counts"), key));
}

/* Whether the summary is that of an update of these rows, which is put in place before them. A run
 * may stop in between. */
static bool is_ahead(const redux_manifest *manifest)
{
    return counted(manifest, "slices") > manifest->count &&
           counted(manifest, "updated") == manifest->count;
}

int64_t rdx_manifest_inputs(const redux_manifest *manifest)
{
    const int64_t all = (int64_t)json_array_size(json_object_get(manifest->summary, "inputs"));
    const int64_t before = counted(manifest, "updated_volumes");
    return is_ahead(manifest) && before >= 0 ? RDX_MIN(before, all) : all;
}

static bool same_window(redux_window a, redux_window b)
{
    return a.kind == b.kind &&
           (a.kind != REDUX_WINDOW_RANGE || (a.low == b.low && a.high == b.high));
}

static bool same_hash(const redux_reduce_options *a, const redux_reduce_options *b)
{
    if (!rdx_options_have(a, RDX_FEATURE_HASH))
        return true;
    return a->hash == b->hash && a->profile == b->profile && a->hash_size == b->hash_size;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Without groups, volume and group are the same scope, and only the dataset knows whether it has
 * any (rdx_update_check_volumes). */
static bool is_narrow(redux_scope scope)
{
    return scope != REDUX_SCOPE_DATASET;
}

/* Both have their defaults filled in. */
static const char *difference(const redux_reduce_options *a, const redux_reduce_options *b)
{
    if (a->strategy != b->strategy)
        return "strategy";
    if (a->threshold != b->threshold)
        return "threshold";
    if (a->rule != b->rule)
        return "rule";
    if (a->scope != b->scope && !(is_narrow(a->scope) && is_narrow(b->scope)))
        return "scope";
    if (a->order != b->order)
        return "order";
    if (!same_window(a->window, b->window))
        return "window";
    if (!same_hash(a, b))
        return "hash";
    if (a->then != b->then ||
        (rdx_options_have_stages(a) && a->then_threshold != b->then_threshold))
        return "then";
    if (a->bins != b->bins)
        return "bins";
    if (!same_text(a->encoder, b->encoder))
        return "encoder";
    if (rdx_options_have(a, RDX_FEATURE_IMAGE) && a->size != b->size)
        return "size";
    return NULL;
}

redux_status rdx_update_check(const redux_reduce_options *options)
{
    const redux_manifest *manifest = options->update;
    redux_reduce_options before = REDUX_REDUCE_OPTIONS_INIT;
    RDX_TRY(redux_manifest_get_options(&before, manifest));
    if (counted(manifest, "slices") != manifest->count && !is_ahead(manifest))
        return rdx_fail(REDUX_E_FORMAT, "update: %s has %lld slices, and %s is of %lld",
                        manifest->table.path, (long long)manifest->count, manifest->summary_path,
                        (long long)counted(manifest, "slices"));
    if (options->rule != REDUX_RULE_FIRST || isnan(options->threshold) || isnan(before.threshold) ||
        before.rule != REDUX_RULE_FIRST)
        return rdx_fail(REDUX_E_INVALID,
                        "update: only results of rule first with a threshold can be updated, not "
                        "those of a budget (keep)");
    if (!rdx_strategy_of(options->strategy)->has_stages || options->metric != NULL)
        return rdx_fail(REDUX_E_INVALID, "update: results of strategy %s cannot be updated",
                        redux_strategy_name(options->strategy));
    if (json_object_get(manifest->summary, "against") != NULL || options->against != NULL)
        return rdx_fail(REDUX_E_INVALID, "update and against exclude each other");
    if (options->order != REDUX_ORDER_ANATOMICAL && options->scope == REDUX_SCOPE_DATASET)
        return rdx_fail(REDUX_E_INVALID,
                        "update: a walk over the dataset in %s order would put "
                        "new volumes between old ones",
                        redux_order_name(options->order));
    rdx_options_settle(&before);
    const char *name = difference(&before, options);
    if (name != NULL)
        return rdx_fail(REDUX_E_INVALID, "update: %s differs from what %s was made with", name,
                        manifest->table.path);
    return REDUX_OK;
}

/* What belongs together was compared, so a folder or a group that has grown is not a new one:
 * pictures and patients that are in the earlier result must not appear again. */
static redux_status fail_grown(const char *what, const char *name, const redux_manifest *manifest)
{
    return rdx_fail(REDUX_E_INVALID,
                    "update: %s %s has more slices than in %s, and its slices are compared with "
                    "each other: reduce it again",
                    what, name, manifest->table.path);
}

static redux_status check_new_volume(const redux_reduce_options *options,
                                     const redux_volume_info *info)
{
    const json_t *inputs = json_object_get(options->update->summary, "inputs");
    const int64_t input_count = rdx_manifest_inputs(options->update);
    for (int64_t i = 0; i < input_count; i++) {
        if (strcmp(word(json_array_get(inputs, (size_t)i), "source"), info->source) != 0)
            continue;
        if (!info->file_per_slice)
            return rdx_fail(REDUX_E_INVALID, "update: %s is in %s already: leave it out",
                            info->source, options->update->table.path);
        if (options->scope == REDUX_SCOPE_VOLUME ||
            (options->scope == REDUX_SCOPE_GROUP && group_by_of(options->update) == NULL))
            return fail_grown("folder", info->source, options->update);
    }
    return REDUX_OK;
}

/* Patients are numbered within a run, and nothing that could recognise them is stored. */
static redux_status check_new_groups(const redux_reduce_options *options, redux_context *context,
                                     const redux_dataset *dataset)
{
    const redux_manifest *manifest = options->update;
    const char *by = redux_dataset_group_by(dataset), *before = group_by_of(manifest);
    void *block;
    if ((by == NULL) != (before == NULL) || (by != NULL && strcmp(by, before) != 0))
        return rdx_fail(REDUX_E_INVALID, "update: group_by is %s, and %s in %s",
                        by == NULL ? "not set" : by, before == NULL ? "not set" : before,
                        manifest->table.path);
    if (by == NULL || options->scope == REDUX_SCOPE_VOLUME)
        return REDUX_OK;
    if (strcmp(by, "patient") == 0)
        return rdx_fail(REDUX_E_INVALID, "update: patients cannot be recognised, since results do "
                                         "not say who they are: group by a table instead");
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)RDX_MAX(manifest->count, 1), sizeof(char *)));
    const char **names = block;
    for (int64_t i = 0; i < manifest->count; i++)
        names[i] = manifest->rows[i].row.group == NULL ? "" : manifest->rows[i].row.group;
    qsort(names, (size_t)manifest->count, sizeof *names, rdx_compare_texts);
    redux_status status = REDUX_OK;
    for (int64_t g = 0; g < redux_dataset_group_count(dataset) && status == REDUX_OK; g++) {
        const char *name = redux_dataset_group_name(dataset, g);
        if (options->scope == REDUX_SCOPE_GROUP &&
            bsearch(&name, names, (size_t)manifest->count, sizeof *names, rdx_compare_texts) !=
                NULL)
            status = fail_grown("group", name, manifest);
    }
    rdx_free(block);
    return status;
}

redux_status rdx_update_check_volumes(const redux_reduce_options *options, redux_context *context,
                                      const redux_dataset *dataset)
{
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset); v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_get_volume_info(&info, dataset, v));
        RDX_TRY(check_new_volume(options, &info));
    }
    return check_new_groups(options, context, dataset);
}
