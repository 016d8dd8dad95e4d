/* SPDX-License-Identifier: MIT
 * The table of strategies: names, features, metrics, thresholds. */
#include <math.h>
#include "select.h"

#define MOST_BITS 65536.0 /* of a hash; the one at hand is checked against its own length */

static const rdx_strategy strategies[] = {
    [REDUX_STRATEGY_ALL] = {"all", RDX_FEATURE_NONE, false, (double)NAN, 0, 0},
    [REDUX_STRATEGY_EVERY_N] = {"every-n", RDX_FEATURE_NONE, false, REDUX_DEFAULT_EVERY_N, 1, 1e15},
    [REDUX_STRATEGY_HASH] = {"hash", RDX_FEATURE_HASH, true, REDUX_DEFAULT_HASH_DISTANCE, 0,
                             MOST_BITS},
    [REDUX_STRATEGY_SSIM] = {"ssim", RDX_FEATURE_IMAGE, true, REDUX_DEFAULT_SSIM, -1, 1},
    [REDUX_STRATEGY_MI] = {"mi", RDX_FEATURE_IMAGE, true, REDUX_DEFAULT_MI, 0, 1},
    [REDUX_STRATEGY_COSINE] = {"cosine", RDX_FEATURE_DESCRIPTOR, true, REDUX_DEFAULT_COSINE, -1, 1},
    [REDUX_STRATEGY_ENTROPY] = {"entropy", RDX_FEATURE_ENTROPY, false, REDUX_DEFAULT_ENTROPY, 0,
                                1e300},
    [REDUX_STRATEGY_MS_SSIM] = {"ms-ssim", RDX_FEATURE_IMAGE, true, REDUX_DEFAULT_MS_SSIM, -1, 1},
    [REDUX_STRATEGY_MATTES] = {"mattes", RDX_FEATURE_IMAGE, true, REDUX_DEFAULT_MATTES, 0, 100},
    [REDUX_STRATEGY_PHASE_CORRELATION] = {"phase-correlation", RDX_FEATURE_IMAGE, true,
                                          REDUX_DEFAULT_PHASE_CORRELATION, 0, 1},
    [REDUX_STRATEGY_INFORMATION_GAIN] = {"information-gain", RDX_FEATURE_IMAGE, false,
                                         REDUX_DEFAULT_INFORMATION_GAIN, 0, 8},
    [REDUX_STRATEGY_SEMDEDUP] = {"semdedup", RDX_FEATURE_DESCRIPTOR, false, REDUX_DEFAULT_COSINE,
                                 -1, 1},
    [REDUX_STRATEGY_METRIC] = {"metric", RDX_FEATURE_IMAGE, false, (double)NAN, -1e300, 1e300},
};

static const char *const rules[] = {"first", "medoid", "k-centre", "complete-link"};

const rdx_strategy *rdx_strategy_of(redux_strategy strategy)
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
    const rdx_strategy *known = rdx_strategy_of(strategy);
    return known == NULL ? "unknown" : known->name;
}

double redux_strategy_threshold(redux_strategy strategy)
{
    const rdx_strategy *known = rdx_strategy_of(strategy);
    return known == NULL ? (double)NAN : known->threshold;
}

redux_status redux_rule_parse(redux_rule *out, const char *name)
{
    return rdx_parse_name(out, "rule", name, rules, RDX_COUNT(rules));
}

const char *redux_rule_name(redux_rule rule)
{
    return rdx_name_of((int64_t)rule, rules, RDX_COUNT(rules));
}

redux_status rdx_strategy_metric(redux_metric **out, redux_context *context,
                                 const redux_reduce_options *options, redux_strategy strategy)
{
    redux_histogram_options histogram = REDUX_HISTOGRAM_OPTIONS_INIT;
    histogram.bins = options->bins;
    switch (strategy) {
    case REDUX_STRATEGY_HASH:
        return redux_metric_new_hamming(out, context);
    case REDUX_STRATEGY_SSIM:
        return redux_metric_new_ssim(out, context, NULL);
    case REDUX_STRATEGY_MI:
        return redux_metric_new_mutual_information(out, context, &histogram);
    case REDUX_STRATEGY_MATTES:
        return redux_metric_new_named(out, context, "mattes");
    case REDUX_STRATEGY_MS_SSIM:
        return redux_metric_new_named(out, context, "ms-ssim");
    case REDUX_STRATEGY_PHASE_CORRELATION:
        return redux_metric_new_named(out, context, "phase-correlation");
    case REDUX_STRATEGY_INFORMATION_GAIN:
        return redux_metric_new_conditional_entropy(out, context, &histogram);
    case REDUX_STRATEGY_COSINE:
    case REDUX_STRATEGY_SEMDEDUP:
        return redux_metric_new_cosine(out, context);
    default:
        return rdx_fail(REDUX_E_INVALID, "strategy %s has no metric",
                        redux_strategy_name(strategy));
    }
}
