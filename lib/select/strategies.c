/* SPDX-License-Identifier: MIT
 * The table of strategies, with everything that other files ask about one. */
#include <math.h>
#include <stdio.h>
#include "select.h"

/* ---- metrics, thresholds that depend on options ---- */

static redux_histogram_options histogram_of(const redux_reduce_options *options)
{
    redux_histogram_options histogram = REDUX_HISTOGRAM_OPTIONS_INIT;
    histogram.bins = options->bins;
    return histogram;
}

static redux_status hamming(redux_metric **out, redux_context *context,
                            const redux_reduce_options *options)
{
    (void)options;
    return redux_metric_new_hamming(out, context);
}

static redux_status cosine(redux_metric **out, redux_context *context,
                           const redux_reduce_options *options)
{
    (void)options;
    return redux_metric_new_cosine(out, context);
}

static redux_status mutual_information(redux_metric **out, redux_context *context,
                                       const redux_reduce_options *options)
{
    const redux_histogram_options histogram = histogram_of(options);
    return redux_metric_new_mutual_information(out, context, &histogram);
}

static redux_status conditional_entropy(redux_metric **out, redux_context *context,
                                        const redux_reduce_options *options)
{
    const redux_histogram_options histogram = histogram_of(options);
    return redux_metric_new_conditional_entropy(out, context, &histogram);
}

static double hash_bits(const redux_reduce_options *options)
{
    const redux_hash_options hash = rdx_hash_options_of(options);
    return (double)redux_hash_bits(&hash);
}

/* 6 of 64 bits (the paper), and in proportion for longer hashes; pdq: its authors'
 * recommendation. */
static double hash_distance(const redux_reduce_options *options)
{
    if (options->hash == REDUX_HASH_PDQ)
        return REDUX_DEFAULT_PDQ_DISTANCE;
    return floor(REDUX_DEFAULT_HASH_DISTANCE * hash_bits(options) / 64 + 0.5);
}

/* ---- the table ---- */

#define RULE(rule) (1U << REDUX_RULE_##rule)
#define ALL_RULES (RULE(FIRST) | RULE(MEDOID) | RULE(K_CENTRE) | RULE(COMPLETE_LINK))
#define MOST_BITS 65536.0 /* of any hash; the one in use is checked against its own length */

static const rdx_strategy_entry strategies[] = {
    [REDUX_STRATEGY_ALL] = {.name = "all",
                            .label = "Score",
                            .rules = RULE(FIRST),
                            .judge = rdx_judge_all,
                            .threshold = (double)NAN},
    [REDUX_STRATEGY_EVERY_N] = {.name = "every-n",
                                .label = "Distance, slices",
                                .is_whole = true,
                                .is_distance = true,
                                .has_budget = true,
                                .rules = RULE(FIRST),
                                .judge = rdx_judge_every_n,
                                .threshold = REDUX_DEFAULT_EVERY_N,
                                .low = 1,
                                .high = 1e15},
    [REDUX_STRATEGY_HASH] = {.name = "hash",
                             .label = "Hamming distance, bits",
                             .feature = RDX_FEATURE_HASH,
                             .compares = true,
                             .has_stages = true,
                             .is_whole = true,
                             .is_distance = true,
                             .has_budget = true,
                             .rules = ALL_RULES,
                             .judge = rdx_judge_by_metric,
                             .metric = hamming,
                             .parameters = RDX_PARAMETER_HASH,
                             .threshold = REDUX_DEFAULT_HASH_DISTANCE,
                             .high = MOST_BITS,
                             .threshold_of = hash_distance,
                             .high_of = hash_bits},
    [REDUX_STRATEGY_SSIM] = {.name = "ssim",
                             .label = "SSIM",
                             .feature = RDX_FEATURE_IMAGE,
                             .compares = true,
                             .has_stages = true,
                             .has_budget = true,
                             .rules = ALL_RULES,
                             .judge = rdx_judge_by_metric,
                             .metric_name = "ssim",
                             .parameters = RDX_PARAMETER_SSIM,
                             .threshold = REDUX_DEFAULT_SSIM,
                             .low = -1,
                             .high = 1},
    [REDUX_STRATEGY_MI] = {.name = "mi",
                           .label = "Normalised mutual information",
                           .feature = RDX_FEATURE_IMAGE,
                           .compares = true,
                           .has_stages = true,
                           .has_budget = true,
                           .rules = ALL_RULES,
                           .judge = rdx_judge_by_metric,
                           .metric = mutual_information,
                           .metric_name = "mi",
                           .parameters = RDX_PARAMETER_NORMALISATION | RDX_PARAMETER_BINS,
                           .threshold = REDUX_DEFAULT_MI,
                           .high = 1},
    [REDUX_STRATEGY_COSINE] = {.name = "cosine",
                               .label = "Cosine",
                               .feature = RDX_FEATURE_DESCRIPTOR,
                               .compares = true,
                               .has_stages = true,
                               .has_budget = true,
                               .rules = ALL_RULES,
                               .judge = rdx_judge_by_metric,
                               .metric = cosine,
                               .parameters = RDX_PARAMETER_DESCRIPTOR,
                               .threshold = REDUX_DEFAULT_COSINE,
                               .low = -1,
                               .high = 1},
    [REDUX_STRATEGY_ENTROPY] = {.name = "entropy",
                                .label = "Entropy, bits",
                                .feature = RDX_FEATURE_ENTROPY,
                                .is_distance = true,
                                .has_budget = true,
                                .rules = RULE(FIRST),
                                .judge = rdx_judge_by_entropy,
                                .parameters = RDX_PARAMETER_BINS,
                                .threshold = REDUX_DEFAULT_ENTROPY,
                                .high = 1e300},
    [REDUX_STRATEGY_MS_SSIM] = {.name = "ms-ssim",
                                .label = "MS-SSIM",
                                .feature = RDX_FEATURE_IMAGE,
                                .compares = true,
                                .has_stages = true,
                                .has_budget = true,
                                .rules = ALL_RULES,
                                .judge = rdx_judge_by_metric,
                                .metric_name = "ms-ssim",
                                .threshold = REDUX_DEFAULT_MS_SSIM,
                                .low = -1,
                                .high = 1},
    [REDUX_STRATEGY_MATTES] = {.name = "mattes",
                               .label = "Mattes mutual information, nats",
                               .feature = RDX_FEATURE_IMAGE,
                               .compares = true,
                               .has_stages = true,
                               .has_budget = true,
                               .rules = ALL_RULES,
                               .judge = rdx_judge_by_metric,
                               .metric_name = "mattes",
                               .threshold = REDUX_DEFAULT_MATTES,
                               .high = 100},
    [REDUX_STRATEGY_PHASE_CORRELATION] = {.name = "phase-correlation",
                                          .label = "Peak of the phase correlation",
                                          .feature = RDX_FEATURE_IMAGE,
                                          .compares = true,
                                          .has_stages = true,
                                          .has_budget = true,
                                          .rules = ALL_RULES,
                                          .judge = rdx_judge_by_metric,
                                          .metric_name = "phase-correlation",
                                          .threshold = REDUX_DEFAULT_PHASE_CORRELATION,
                                          .high = 1},
    [REDUX_STRATEGY_INFORMATION_GAIN] = {.name = "information-gain",
                                         .label = "Conditional entropy, bits",
                                         .feature = RDX_FEATURE_IMAGE,
                                         .compares = true,
                                         .is_distance = true,
                                         .has_budget = true,
                                         .begins_with_most = true,
                                         .rules = RULE(K_CENTRE),
                                         .judge = rdx_judge_by_metric,
                                         .metric = conditional_entropy,
                                         .metric_name = "conditional-entropy",
                                         .parameters = RDX_PARAMETER_BINS,
                                         .threshold = REDUX_DEFAULT_INFORMATION_GAIN,
                                         .high = 8},
    [REDUX_STRATEGY_SEMDEDUP] = {.name = "semdedup",
                                 .label = "Cosine",
                                 .feature = RDX_FEATURE_DESCRIPTOR,
                                 .compares = true,
                                 .rules = RULE(FIRST),
                                 .judge = rdx_judge_by_metric,
                                 .judge_group = rdx_semdedup,
                                 .metric = cosine,
                                 .parameters = RDX_PARAMETER_CLUSTERS | RDX_PARAMETER_DESCRIPTOR,
                                 .threshold = REDUX_DEFAULT_COSINE,
                                 .low = -1,
                                 .high = 1},
    [REDUX_STRATEGY_METRIC] = {.name = "metric",
                               .label = "Score",
                               .feature = RDX_FEATURE_IMAGE,
                               .compares = true,
                               .is_callers = true,
                               .has_stages = true,
                               .has_budget = true,
                               .rules = ALL_RULES,
                               .judge = rdx_judge_by_metric,
                               .threshold = (double)NAN,
                               .low = -1e300,
                               .high = 1e300},
    [REDUX_STRATEGY_HIERARCHICAL] = {.name = "hierarchical",
                                     .label = "Cosine",
                                     .feature = RDX_FEATURE_DESCRIPTOR,
                                     .compares = true,
                                     .has_budget = true,
                                     .rules = RULE(FIRST),
                                     .judge = rdx_judge_by_metric,
                                     .judge_budget = rdx_hierarchical,
                                     .metric = cosine,
                                     .parameters = RDX_PARAMETER_CLUSTERS | RDX_PARAMETER_LEVELS |
                                                   RDX_PARAMETER_DESCRIPTOR,
                                     .threshold = (double)NAN},
    [REDUX_STRATEGY_DENSITY] = {.name = "density",
                                .label = "Cosine",
                                .feature = RDX_FEATURE_DESCRIPTOR,
                                .compares = true,
                                .has_budget = true,
                                .rules = RULE(FIRST),
                                .judge = rdx_judge_by_metric,
                                .judge_budget = rdx_density,
                                .metric = cosine,
                                .parameters = RDX_PARAMETER_CLUSTERS | RDX_PARAMETER_TEMPERATURE |
                                              RDX_PARAMETER_DESCRIPTOR,
                                .threshold = REDUX_DEFAULT_COSINE,
                                .low = -1,
                                .high = 1},
};

static const char *const scopes[] = {"volume", "dataset", "group"};
static const char *const orders[] = {"anatomical", "lexicographic", "running"};
static const char *const rules[] = {"first", "medoid", "k-centre", "complete-link"};

const rdx_strategy_entry *rdx_strategy_of(redux_strategy strategy)
{
    return strategy >= REDUX_STRATEGY_ALL && (int64_t)strategy < RDX_COUNT(strategies)
               ? &strategies[strategy]
               : NULL;
}

redux_status redux_strategy_parse(redux_strategy *out, const char *name)
{
    const char *names[RDX_COUNT(strategies)];
    for (int64_t i = 0; i < RDX_COUNT(strategies); i++)
        names[i] = strategies[i].name;
    return rdx_parse_name(out, "strategy", name, names, RDX_COUNT(strategies));
}

const char *redux_strategy_name(redux_strategy strategy)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    return known == NULL ? "unknown" : known->name;
}

double redux_strategy_threshold(redux_strategy strategy)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    return known == NULL ? (double)NAN : known->threshold;
}

redux_status redux_scope_parse(redux_scope *out, const char *name)
{
    return rdx_parse_name(out, "scope", name, scopes, RDX_COUNT(scopes));
}

const char *redux_scope_name(redux_scope scope)
{
    return rdx_name_of((int64_t)scope, scopes, RDX_COUNT(scopes));
}

redux_status redux_order_parse(redux_order *out, const char *name)
{
    return rdx_parse_name(out, "order", name, orders, RDX_COUNT(orders));
}

const char *redux_order_name(redux_order order)
{
    return rdx_name_of((int64_t)order, orders, RDX_COUNT(orders));
}

redux_status redux_rule_parse(redux_rule *out, const char *name)
{
    return rdx_parse_name(out, "rule", name, rules, RDX_COUNT(rules));
}

const char *redux_rule_name(redux_rule rule)
{
    return rdx_name_of((int64_t)rule, rules, RDX_COUNT(rules));
}

bool rdx_strategy_has_rule(redux_strategy strategy, redux_rule rule)
{
    return (rdx_strategy_of(strategy)->rules >> rule & 1) != 0;
}

redux_status rdx_strategy_fail_stage(redux_strategy strategy)
{
    char names[300] = "";
    for (int64_t i = 0, used = 0; i < RDX_COUNT(strategies); i++)
        if (strategies[i].has_stages && !strategies[i].is_callers)
            used += snprintf(names + used, sizeof names - (size_t)used, "%s%s",
                             used == 0 ? "" : ", ", strategies[i].name);
    return rdx_fail(REDUX_E_INVALID, "then: %s is not one of %s", redux_strategy_name(strategy),
                    names);
}

bool rdx_strategy_has_embeddings(const redux_reduce_options *options, redux_strategy strategy)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    return known->feature == RDX_FEATURE_DESCRIPTOR ||
           (known->is_callers && options->metric->ops->item_axes == 1);
}

redux_status rdx_strategy_metric(redux_metric **out, redux_context *context,
                                 const redux_reduce_options *options, redux_strategy strategy)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    if (known->metric != NULL)
        return known->metric(out, context, options);
    return redux_metric_new_named(out, context, known->metric_name);
}

redux_status redux_strategy_describe(redux_strategy_info *out, redux_strategy strategy)
{
    const rdx_strategy_entry *known = rdx_strategy_of(strategy);
    if (known == NULL)
        return rdx_fail(REDUX_E_INVALID, "unknown strategy %d", (int)strategy);
    const redux_strategy_info info = {.struct_size = sizeof info,
                                      .name = known->name,
                                      .label = known->label,
                                      .metric = known->metric_name,
                                      .threshold = known->threshold,
                                      .low = known->low,
                                      .high = known->high,
                                      .is_distance = known->is_distance,
                                      .is_whole = known->is_whole,
                                      .compares = known->compares,
                                      .has_stages = known->has_stages,
                                      .has_budget = known->has_budget,
                                      .has_hashes = known->feature == RDX_FEATURE_HASH,
                                      .has_embeddings = known->feature == RDX_FEATURE_DESCRIPTOR,
                                      .rules = known->rules,
                                      .needs_budget = known->judge_budget != NULL};
    return rdx_write_result(out, &info, sizeof info, "redux_strategy_info");
}
