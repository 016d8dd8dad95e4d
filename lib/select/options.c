/* SPDX-License-Identifier: MIT
 * Checks of a reduction's options. */
#include <math.h>
#include <string.h>
#include "select.h"

/* ---- thresholds ---- */

static redux_status check_threshold(const redux_reduce_options *options, redux_strategy strategy,
                                    double t)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    const double high = known->high_of == NULL ? known->high : known->high_of(options);
    if (isnan(t))
        return REDUX_OK;
    if (known->low >= known->high)
        return rdx_fail(REDUX_E_INVALID, "strategy %s has no threshold", known->name);
    if (!(t >= known->low && t <= high) && high > 1e9)
        return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is not %g or more", known->name, t,
                        known->low);
    if (!(t >= known->low && t <= high))
        return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is not within %g to %g", known->name, t,
                        known->low, high);
    if (known->is_whole && t != floor(t))
        return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is not a whole number", known->name, t);
    return REDUX_OK;
}

static double default_threshold(const redux_reduce_options *options, redux_strategy strategy)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    return known->threshold_of == NULL ? known->threshold : known->threshold_of(options);
}

double rdx_options_default_threshold(const redux_reduce_options *options)
{
    return default_threshold(options, options->strategy);
}

static bool has_budget(const redux_reduce_options *options)
{
    return options->keep_count > 0 || !isnan(options->keep_percent);
}

int64_t redux_reduce_budget(const redux_reduce_options *options, int64_t slices)
{
    if (options == NULL || !has_budget(options))
        return -1;
    return options->keep_count > 0
               ? options->keep_count
               : (int64_t)floor(options->keep_percent * (double)slices / 100 + 0.5);
}

static bool always_has_budget(const redux_reduce_options *options)
{
    return rdx_strategy_of(options->strategy)->judge_budget != NULL;
}

static redux_status check_budget_scope(const redux_reduce_options *options)
{
    if (options->each_group && options->scope == REDUX_SCOPE_DATASET)
        return rdx_fail(REDUX_E_INVALID,
                        "each needs scope group or volume: the dataset is one group "
                        "(leave --each out)");
    if (always_has_budget(options) && options->scope != REDUX_SCOPE_DATASET && !options->each_group)
        return rdx_fail(REDUX_E_INVALID,
                        "strategy %s keeps a number of slices and cannot share it out to %ss: it "
                        "needs scope dataset (--scope dataset), or that number for each (--each "
                        "group)",
                        redux_strategy_name(options->strategy), redux_scope_name(options->scope));
    return REDUX_OK;
}

static redux_status check_budget(const redux_reduce_options *options)
{
    const bool has_percent = !isnan(options->keep_percent);
    if (options->keep_count < 0)
        return rdx_fail(REDUX_E_INVALID, "keep is %lld slices; it must be 1 or more",
                        (long long)options->keep_count);
    if (has_percent && !(options->keep_percent > 0 && options->keep_percent <= 100))
        return rdx_fail(REDUX_E_INVALID, "keep is %g%%, not within 0 ... 100%%",
                        options->keep_percent);
    if (options->each_group != 0 && options->each_group != 1)
        return rdx_fail(REDUX_E_INVALID, "each_group is %d, not 0 or 1", (int)options->each_group);
    if (options->each_group && !has_budget(options))
        return rdx_fail(REDUX_E_INVALID, "each needs keep, the budget of each group (--keep)");
    if (always_has_budget(options) && !has_budget(options))
        return rdx_fail(REDUX_E_INVALID, "strategy %s needs keep, how many slices to keep (--keep)",
                        redux_strategy_name(options->strategy));
    RDX_TRY(check_budget_scope(options));
    if (!has_budget(options))
        return REDUX_OK;
    if (has_percent && options->keep_count > 0)
        return rdx_fail(REDUX_E_INVALID, "keep is given as a number and as a percentage");
    if (!isnan(options->threshold) && !always_has_budget(options))
        return rdx_fail(REDUX_E_INVALID, "threshold and keep exclude each other: give one of them");
    if (options->rule == REDUX_RULE_MEDOID || options->rule == REDUX_RULE_COMPLETE_LINK)
        return rdx_fail(REDUX_E_INVALID, "rule %s takes a threshold, not keep",
                        redux_rule_name(options->rule));
    if (!rdx_strategy_of(options->strategy)->has_budget)
        return rdx_fail(REDUX_E_INVALID, "strategy %s takes no keep",
                        redux_strategy_name(options->strategy));
    if (rdx_options_have_stages(options) || options->against != NULL)
        return rdx_fail(REDUX_E_INVALID, "keep cannot be combined with then or against");
    return REDUX_OK;
}

/* ---- strategies and rules ---- */

static redux_status check_choices(const redux_reduce_options *options)
{
    if (rdx_strategy_of(options->strategy) == NULL)
        return rdx_fail(REDUX_E_INVALID, "unknown strategy %d", (int)options->strategy);
    if (strcmp(redux_scope_name(options->scope), "unknown") == 0)
        return rdx_fail(REDUX_E_INVALID, "unknown scope %d", (int)options->scope);
    if (strcmp(redux_order_name(options->order), "unknown") == 0)
        return rdx_fail(REDUX_E_INVALID, "unknown order %d", (int)options->order);
    if (strcmp(redux_rule_name(options->rule), "unknown") == 0)
        return rdx_fail(REDUX_E_INVALID, "unknown rule %d", (int)options->rule);
    if ((options->metric != NULL) != rdx_strategy_of(options->strategy)->is_callers)
        return rdx_fail(REDUX_E_INVALID,
                        "strategy metric needs a metric, and no other strategy takes one");
    return REDUX_OK;
}

/* A strategy whose only rule is not the default uses that one in place of REDUX_RULE_FIRST. */
static redux_status check_rule(const redux_reduce_options *options)
{
    if (options->rule == REDUX_RULE_FIRST ||
        rdx_strategy_has_rule(options->strategy, options->rule))
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "strategy %s has no rule %s",
                    redux_strategy_name(options->strategy), redux_rule_name(options->rule));
}

static redux_status check_then(const redux_reduce_options *options)
{
    const rdx_strategy_entry *then = rdx_strategy_of(options->then);
    if (!rdx_options_have_stages(options))
        return isnan(options->then_threshold)
                   ? REDUX_OK
                   : rdx_fail(REDUX_E_INVALID, "then_threshold is set, but then is not");
    if (then == NULL || !then->has_stages || then->is_callers)
        return rdx_strategy_fail_stage(options->then);
    if (!rdx_strategy_of(options->strategy)->has_stages)
        return rdx_fail(REDUX_E_INVALID, "then: strategy %s proposes no pairs",
                        redux_strategy_name(options->strategy));
    return check_threshold(options, options->then, options->then_threshold);
}

static redux_status check_hash(const redux_reduce_options *options)
{
    const redux_hash_options hash = rdx_hash_options_of(options);
    RDX_TRY(redux_hash_check(&hash));
    if (!rdx_options_have(options, RDX_FEATURE_HASH))
        return REDUX_OK;
    if (!redux_hash_is_binary(&hash))
        return rdx_fail(REDUX_E_INVALID, "hash %s is not compared by Hamming distance",
                        redux_hash_name(options->hash));
    if (options->profile == REDUX_PROFILE_PAPER_HASH && options->window.kind == REDUX_WINDOW_RANGE)
        return rdx_fail(REDUX_E_INVALID, "profile paper-hash windows by slice: use profile "
                                         "imagehash with other windows");
    if (options->profile == REDUX_PROFILE_HU && options->window.kind != REDUX_WINDOW_RANGE)
        return rdx_fail(REDUX_E_INVALID,
                        "profile hu needs a window in HU: lung, LO:HI, or another that is named");
    return REDUX_OK;
}

static redux_status check_sizes(const redux_reduce_options *options)
{
    if (options->bins != 0 && (options->bins < 2 || options->bins > 256))
        return rdx_fail(REDUX_E_INVALID, "%d bins are not within 2 ... 256", (int)options->bins);
    if (options->size < 0 || options->size > 4096)
        return rdx_fail(REDUX_E_INVALID, "size %d is not within 1 ... 4096", (int)options->size);
    if (options->clusters < 0)
        return rdx_fail(REDUX_E_INVALID, "clusters is %d; it must be 0 or more",
                        (int)options->clusters);
    if (options->levels < 0 || options->levels > 8)
        return rdx_fail(REDUX_E_INVALID, "levels is %d, not within 1 ... 8", (int)options->levels);
    if (options->nearest != 0 && options->nearest != 1)
        return rdx_fail(REDUX_E_INVALID, "nearest is %d, not 0 or 1", (int)options->nearest);
    if (options->temperature != 0 && !(options->temperature >= 1e-6 && options->temperature <= 1e9))
        return rdx_fail(REDUX_E_INVALID, "temperature is %g, not within 1e-6 ... 1e9",
                        options->temperature);
    return REDUX_OK;
}

/* ---- other sets, calibration ---- */

static bool takes_embeddings(const redux_reduce_options *options)
{
    return rdx_strategy_has_embeddings(options, options->strategy) ||
           rdx_strategy_has_embeddings(options, options->then);
}

static redux_status check_others(const redux_reduce_options *options)
{
    const char *name = redux_strategy_name(options->strategy);
    if (options->embeddings != NULL && !takes_embeddings(options))
        return rdx_fail(REDUX_E_INVALID,
                        "embeddings are for strategies that compare vectors, such as "
                        "cosine: %s does not",
                        name);
    if (options->encoder != NULL && options->embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "encoder is named without the embeddings that it made");
    if (options->metric != NULL && options->metric->ops->item_axes == 1 &&
        options->embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "a metric of vectors needs embeddings");
    if (options->against == NULL &&
        (options->against_kept != NULL || options->against_embeddings != NULL))
        return rdx_fail(REDUX_E_INVALID, "against_kept is set, but against is not");
    if (options->against == NULL)
        return REDUX_OK;
    if (!rdx_strategy_of(options->strategy)->compares)
        return rdx_fail(REDUX_E_INVALID, "against: strategy %s compares nothing", name);
    if ((options->embeddings == NULL) != (options->against_embeddings == NULL))
        return rdx_fail(REDUX_E_INVALID, "against: both sets need embeddings");
    return REDUX_OK;
}

static redux_status check_calibration(const redux_reduce_options *options)
{
    if (!options->calibrate && isnan(options->false_drops))
        return REDUX_OK;
    if (!rdx_strategy_of(options->strategy)->compares)
        return rdx_fail(REDUX_E_INVALID, "strategy %s compares nothing: it has no false drops",
                        redux_strategy_name(options->strategy));
    if (always_has_budget(options))
        return rdx_fail(REDUX_E_INVALID,
                        "strategy %s keeps a number of slices: it has no false drops",
                        redux_strategy_name(options->strategy));
    if (isnan(options->false_drops))
        return REDUX_OK;
    if (!(options->false_drops >= 0 && options->false_drops <= 1))
        return rdx_fail(REDUX_E_INVALID, "false_drops %g is not within 0 ... 1",
                        options->false_drops);
    if (!isnan(options->threshold) || has_budget(options))
        return rdx_fail(REDUX_E_INVALID,
                        "false drops, threshold and keep exclude each other: give one of them");
    if (rdx_options_have_stages(options))
        return rdx_fail(REDUX_E_INVALID, "false drops choose the threshold of one stage, not two");
    return REDUX_OK;
}

redux_status rdx_embeddings_check(const redux_tensor *embeddings, int64_t slices)
{
    RDX_TRY(rdx_tensor_check(embeddings, -1, 0, "embeddings"));
    if (embeddings->ndim != 2)
        return rdx_fail(REDUX_E_INVALID,
                        "embeddings have %d axes, not one row for each of %lld slices",
                        (int)embeddings->ndim, (long long)slices);
    if (embeddings->shape[0] != slices || embeddings->shape[1] < 1)
        return rdx_fail(
            REDUX_E_INVALID, "embeddings are %lld x %lld, and the input has %lld slices",
            (long long)embeddings->shape[0], (long long)embeddings->shape[1], (long long)slices);
    if (embeddings->dtype != REDUX_FLOAT32 && embeddings->dtype != REDUX_FLOAT64 &&
        embeddings->dtype != REDUX_FLOAT16 && embeddings->dtype != REDUX_BFLOAT16)
        return rdx_fail(REDUX_E_INVALID, "embeddings are %s, not floating-point",
                        redux_dtype_name(embeddings->dtype));
    const int64_t wrong = rdx_first_not_finite(embeddings);
    if (wrong >= 0)
        return rdx_fail(REDUX_E_INVALID, "embeddings: row %lld, column %lld is not a finite number",
                        (long long)(wrong / embeddings->shape[1]),
                        (long long)(wrong % embeddings->shape[1]));
    return REDUX_OK;
}

/* ---- the whole ---- */

bool rdx_options_resize(const redux_reduce_options *options)
{
    return options->scope == REDUX_SCOPE_DATASET || options->against != NULL;
}

bool rdx_options_have(const redux_reduce_options *options, rdx_feature feature)
{
    const rdx_strategy_entry *then = rdx_strategy_of(options->then);
    return rdx_strategy_of(options->strategy)->feature == feature ||
           (then != NULL && then->feature == feature);
}

redux_status rdx_options_check(const redux_reduce_options *options)
{
    RDX_TRY(check_choices(options));
    RDX_TRY(check_hash(options));
    RDX_TRY(check_threshold(options, options->strategy, options->threshold));
    RDX_TRY(check_then(options));
    RDX_TRY(check_rule(options));
    RDX_TRY(check_budget(options));
    RDX_TRY(check_sizes(options));
    RDX_TRY(check_others(options));
    return check_calibration(options);
}

void rdx_options_settle(redux_reduce_options *options)
{
    if (options->bins == 0)
        options->bins = 256;
    if (options->size == 0)
        options->size = 128;
    if (options->levels == 0)
        options->levels = 2;
    if (options->temperature == 0)
        options->temperature = REDUX_DEFAULT_TEMPERATURE;
    while (!rdx_strategy_has_rule(options->strategy, options->rule))
        options->rule++;
    if (isnan(options->threshold) && (!has_budget(options) || always_has_budget(options)) &&
        isnan(options->false_drops))
        options->threshold = default_threshold(options, options->strategy);
    if (rdx_options_have_stages(options) && isnan(options->then_threshold))
        options->then_threshold = default_threshold(options, options->then);
    /* Kept features serve an update over the dataset, and nothing else. */
    if (options->scope != REDUX_SCOPE_DATASET || options->rule != REDUX_RULE_FIRST ||
        options->order != REDUX_ORDER_ANATOMICAL || has_budget(options) ||
        !rdx_strategy_of(options->strategy)->has_stages || options->metric != NULL ||
        options->against != NULL)
        options->keep_exemplars = 0;
}

redux_status rdx_options_read(redux_reduce_options *known, const redux_reduce_options *given)
{
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_reduce_options"));
    RDX_TRY(rdx_options_check(known));
    rdx_options_settle(known);
    if (known->metric != NULL && isnan(known->threshold) && !has_budget(known) &&
        isnan(known->false_drops))
        return rdx_fail(REDUX_E_INVALID, "a custom metric has no default threshold");
    return known->update == NULL ? REDUX_OK : rdx_update_check(known);
}

redux_status redux_reduce_check(const redux_reduce_options *options)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    return rdx_options_read(&known, options);
}
