/* SPDX-License-Identifier: MIT
 * What the options of a reduction may say. */
#include <math.h>
#include <string.h>
#include "select.h"

/* ---- thresholds ---- */

static double hash_bits(const redux_reduce_options *options)
{
    const redux_hash_options hash = rdx_hash_options_of(options);
    return (double)redux_hash_bits(&hash);
}

static redux_status check_threshold(const redux_reduce_options *options, redux_strategy strategy,
                                    double t)
{
    const rdx_strategy *known = rdx_strategy_of(strategy);
    if (isnan(t))
        return REDUX_OK;
    switch (strategy) {
    case REDUX_STRATEGY_ALL:
        return rdx_fail(REDUX_E_INVALID, "strategy all has no threshold");
    case REDUX_STRATEGY_EVERY_N:
        if (!(t >= known->low && t <= known->high) || t != floor(t))
            return rdx_fail(REDUX_E_INVALID, "%s: n is %g, not a whole number from 1 on",
                            known->name, t);
        return REDUX_OK;
    case REDUX_STRATEGY_HASH:
        if (!(t >= 0 && t <= hash_bits(options)) || t != floor(t))
            return rdx_fail(REDUX_E_INVALID,
                            "%s: threshold %g is not a whole number of bits, 0 to %g", known->name,
                            t, hash_bits(options));
        return REDUX_OK;
    case REDUX_STRATEGY_ENTROPY:
        if (!(t >= 0) || isinf(t))
            return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is no number of bits", known->name,
                            t);
        return REDUX_OK;
    default:
        if (!(t >= known->low && t <= known->high))
            return rdx_fail(REDUX_E_INVALID, "%s: threshold %g is not within %g ... %g",
                            known->name, t, known->low, known->high);
        return REDUX_OK;
    }
}

/* 6 of 64 bits (the paper), and as much of longer hashes; pdq: what its authors recommend. */
static double default_threshold(const redux_reduce_options *options, redux_strategy strategy)
{
    if (strategy == REDUX_STRATEGY_HASH && options->hash == REDUX_HASH_PDQ)
        return REDUX_DEFAULT_PDQ_DISTANCE;
    if (strategy == REDUX_STRATEGY_HASH)
        return floor(REDUX_DEFAULT_HASH_DISTANCE * hash_bits(options) / 64 + 0.5);
    return redux_strategy_threshold(strategy);
}

static bool has_budget(const redux_reduce_options *options)
{
    return options->keep_count > 0 || !isnan(options->keep_percent);
}

static redux_status check_budget(const redux_reduce_options *options)
{
    const bool has_percent = !isnan(options->keep_percent);
    if (options->keep_count < 0)
        return rdx_fail(REDUX_E_INVALID, "keep %lld slices", (long long)options->keep_count);
    if (has_percent && !(options->keep_percent > 0 && options->keep_percent <= 100))
        return rdx_fail(REDUX_E_INVALID, "keep %g%% is not within 0 ... 100%%",
                        options->keep_percent);
    if (!has_budget(options))
        return REDUX_OK;
    if (has_percent && options->keep_count > 0)
        return rdx_fail(REDUX_E_INVALID, "keep is given as a number and as a percentage");
    if (!isnan(options->threshold))
        return rdx_fail(REDUX_E_INVALID, "threshold and keep exclude each other");
    if (options->strategy == REDUX_STRATEGY_ALL)
        return rdx_fail(REDUX_E_INVALID, "strategy all keeps everything: keep makes no sense");
    if (options->rule == REDUX_RULE_MEDOID || options->rule == REDUX_RULE_COMPLETE_LINK)
        return rdx_fail(REDUX_E_INVALID, "rule %s takes a threshold, not keep",
                        redux_rule_name(options->rule));
    if (options->strategy == REDUX_STRATEGY_SEMDEDUP)
        return rdx_fail(REDUX_E_INVALID, "strategy semdedup takes a threshold, not keep");
    if (options->then != REDUX_STRATEGY_ALL || options->against != NULL)
        return rdx_fail(REDUX_E_INVALID, "keep goes neither with then nor with against");
    return REDUX_OK;
}

/* ---- strategies and rules ---- */

/* Whether slices are held against each other at all. */
static bool compares(redux_strategy strategy)
{
    return rdx_strategy_of(strategy)->has_metric || strategy == REDUX_STRATEGY_INFORMATION_GAIN ||
           strategy == REDUX_STRATEGY_SEMDEDUP || strategy == REDUX_STRATEGY_METRIC;
}

static redux_status check_choices(const redux_reduce_options *options)
{
    if (rdx_strategy_of(options->strategy) == NULL)
        return rdx_fail(REDUX_E_INVALID, "unknown strategy %d", (int)options->strategy);
    if (options->scope != REDUX_SCOPE_VOLUME && options->scope != REDUX_SCOPE_DATASET)
        return rdx_fail(REDUX_E_INVALID, "unknown scope %d", (int)options->scope);
    if (options->order != REDUX_ORDER_ANATOMICAL && options->order != REDUX_ORDER_LEXICOGRAPHIC)
        return rdx_fail(REDUX_E_INVALID, "unknown order %d", (int)options->order);
    if (strcmp(redux_rule_name(options->rule), "unknown") == 0)
        return rdx_fail(REDUX_E_INVALID, "unknown rule %d", (int)options->rule);
    if ((options->metric != NULL) != (options->strategy == REDUX_STRATEGY_METRIC))
        return rdx_fail(REDUX_E_INVALID, "strategy metric goes with a metric, and only that");
    return REDUX_OK;
}

static redux_status check_rule(const redux_reduce_options *options)
{
    const char *name = redux_strategy_name(options->strategy);
    const redux_rule rule = options->rule;
    if (rule == REDUX_RULE_FIRST)
        return REDUX_OK;
    if (options->strategy == REDUX_STRATEGY_INFORMATION_GAIN && rule == REDUX_RULE_K_CENTRE)
        return REDUX_OK;
    if (!compares(options->strategy) || options->strategy == REDUX_STRATEGY_SEMDEDUP ||
        options->strategy == REDUX_STRATEGY_INFORMATION_GAIN)
        return rdx_fail(REDUX_E_INVALID, "strategy %s has no rule %s", name, redux_rule_name(rule));
    return REDUX_OK;
}

static redux_status check_then(const redux_reduce_options *options)
{
    if (options->then == REDUX_STRATEGY_ALL)
        return isnan(options->then_threshold)
                   ? REDUX_OK
                   : rdx_fail(REDUX_E_INVALID, "a threshold for a second stage that there is not");
    if (rdx_strategy_of(options->then) == NULL || !rdx_strategy_of(options->then)->has_metric)
        return rdx_fail(REDUX_E_INVALID,
                        "then: %s is none of hash, ssim, mi, cosine, ms-ssim, mattes, "
                        "phase-correlation",
                        redux_strategy_name(options->then));
    if (!rdx_strategy_of(options->strategy)->has_metric &&
        options->strategy != REDUX_STRATEGY_METRIC)
        return rdx_fail(REDUX_E_INVALID, "then: strategy %s proposes no pairs",
                        redux_strategy_name(options->strategy));
    return check_threshold(options, options->then, options->then_threshold);
}

static redux_status check_hash(const redux_reduce_options *options)
{
    const redux_hash_options hash = rdx_hash_options_of(options);
    const bool hashes =
        options->strategy == REDUX_STRATEGY_HASH || options->then == REDUX_STRATEGY_HASH;
    RDX_TRY(redux_hash_check(&hash));
    if (!hashes)
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
        return rdx_fail(REDUX_E_INVALID, "%d clusters", (int)options->clusters);
    return REDUX_OK;
}

/* ---- other sets, calibration ---- */

static bool takes_embeddings(const redux_reduce_options *options)
{
    return options->strategy == REDUX_STRATEGY_COSINE ||
           options->strategy == REDUX_STRATEGY_SEMDEDUP || options->then == REDUX_STRATEGY_COSINE ||
           (options->strategy == REDUX_STRATEGY_METRIC && options->metric->ops->item_axes == 1);
}

static redux_status check_others(const redux_reduce_options *options)
{
    const char *name = redux_strategy_name(options->strategy);
    if (options->embeddings != NULL && !takes_embeddings(options))
        return rdx_fail(REDUX_E_INVALID, "embeddings go with strategies cosine and semdedup");
    if (options->encoder != NULL && options->embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "an encoder, but no embeddings that it made");
    if (options->strategy == REDUX_STRATEGY_METRIC && options->metric->ops->item_axes == 1 &&
        options->embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "a metric of vectors needs embeddings");
    if (options->against == NULL &&
        (options->against_kept != NULL || options->against_embeddings != NULL))
        return rdx_fail(REDUX_E_INVALID, "a part of another set that is not given");
    if (options->against == NULL)
        return REDUX_OK;
    if (!compares(options->strategy))
        return rdx_fail(REDUX_E_INVALID, "against: strategy %s compares nothing", name);
    if ((options->embeddings == NULL) != (options->against_embeddings == NULL))
        return rdx_fail(REDUX_E_INVALID, "against: embeddings are needed of both sets");
    return REDUX_OK;
}

static redux_status check_calibration(const redux_reduce_options *options)
{
    if (!options->calibrate && isnan(options->false_drops))
        return REDUX_OK;
    if (!compares(options->strategy))
        return rdx_fail(REDUX_E_INVALID, "strategy %s compares nothing: it has no false drops",
                        redux_strategy_name(options->strategy));
    if (isnan(options->false_drops))
        return REDUX_OK;
    if (!(options->false_drops >= 0 && options->false_drops <= 1))
        return rdx_fail(REDUX_E_INVALID, "false_drops %g is not within 0 ... 1",
                        options->false_drops);
    if (!isnan(options->threshold) || has_budget(options))
        return rdx_fail(REDUX_E_INVALID, "false drops, threshold and keep exclude each other");
    if (options->then != REDUX_STRATEGY_ALL)
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
    return REDUX_OK;
}

/* ---- the whole ---- */

bool rdx_options_resize(const redux_reduce_options *options)
{
    return options->scope == REDUX_SCOPE_DATASET || options->against != NULL;
}

bool rdx_options_have_images(const redux_reduce_options *options)
{
    return rdx_strategy_of(options->strategy)->feature == RDX_FEATURE_IMAGE ||
           rdx_strategy_of(options->then)->feature == RDX_FEATURE_IMAGE;
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
    if (options->strategy == REDUX_STRATEGY_INFORMATION_GAIN)
        options->rule = REDUX_RULE_K_CENTRE;
    if (isnan(options->threshold) && !has_budget(options) && isnan(options->false_drops))
        options->threshold = default_threshold(options, options->strategy);
    if (options->then != REDUX_STRATEGY_ALL && isnan(options->then_threshold))
        options->then_threshold = default_threshold(options, options->then);
    /* Kept features are of use to an update over the dataset, and to nothing else. */
    if (options->scope != REDUX_SCOPE_DATASET || options->rule != REDUX_RULE_FIRST ||
        options->order != REDUX_ORDER_ANATOMICAL || has_budget(options) ||
        !rdx_strategy_of(options->strategy)->has_metric || options->against != NULL)
        options->keep_exemplars = 0;
}

redux_status rdx_options_read(redux_reduce_options *known, const redux_reduce_options *given)
{
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_reduce_options"));
    RDX_TRY(rdx_options_check(known));
    rdx_options_settle(known);
    if (known->strategy == REDUX_STRATEGY_METRIC && isnan(known->threshold) && !has_budget(known) &&
        isnan(known->false_drops))
        return rdx_fail(REDUX_E_INVALID, "a metric of one's own has no default threshold");
    return known->update == NULL ? REDUX_OK : rdx_update_check(known);
}

redux_status redux_reduce_check(const redux_reduce_options *options)
{
    redux_reduce_options known = REDUX_REDUCE_OPTIONS_INIT;
    return rdx_options_read(&known, options);
}
