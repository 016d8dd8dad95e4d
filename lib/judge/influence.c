/* SPDX-License-Identifier: MIT
 * How much each group of items moves a figure (the delete-one-group jackknife), and the intervals
 * and tests that follow from it.
 *
 * Slices of one patient are alike, so that a sample is as large as its number of patients.
 * Source: Quenouille 1956, Tukey 1958; for the AUC it agrees with Obuchowski 1997 (Biometrics 53)
 * but for a factor, and holds its level with fewer groups (docs/intervals.md). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/random.h>
#include "scores.h"

#define OPERATION_FLIP 0x666c6970u

#define MOST_BLOCKS 2000 /* more groups are left out in blocks: Kott 2001, J. Official Stat. 17 */
#define MOST_SIGNS 30    /* 2^30 patterns fit into an int64_t with room */

typedef struct job {
    redux_context *context;
    const rdx_score_table *t;
    int64_t *confusion; /* [k, k] of all items */
    rdx_ranked *ranked; /* [n], of the class in hand */
    int64_t blocks;
    double classes; /* over how many AUC and average precision are means */
    double *left;   /* [RDX_FIGURES, blocks]: the figures without a block */
} job;

/* ---- leaving groups out ---- */

static int64_t block_of(const job *j, int64_t item)
{
    return j->t->group[item] % j->blocks;
}

/* The figures of the confusion that remains; AUC and average precision begin at 0. */
static redux_status count_without(int64_t block, void *user)
{
    const job *j = user;
    const rdx_score_table *t = j->t;
    const size_t cells = (size_t)(t->k * t->k);
    redux_scores scores;
    void *copy;
    RDX_TRY(rdx_alloc(j->context, &copy, cells, sizeof(int64_t)));
    int64_t *rest = copy;
    memcpy(rest, j->confusion, cells * sizeof *rest);
    for (int64_t i = 0; i < t->n; i++)
        if (block_of(j, i) == block)
            rest[t->labels[i] * t->k + rdx_score_predicted(t, i)]--;
    rdx_scores_fill(&scores, 0);
    rdx_score_count(&scores, t, rest);
    for (int f = 0; f < RDX_FIGURES; f++)
        j->left[f * j->blocks + block] = rdx_figure_of(&scores, f);
    rdx_free(copy);
    return REDUX_OK;
}

/* Adds the class in hand to AUC and average precision. */
static redux_status rank_without(int64_t block, void *user)
{
    const job *j = user;
    double auc, precision;
    rdx_score_area(&auc, &precision, j->ranked, j->t->n, block);
    j->left[RDX_FIGURE_AUC * j->blocks + block] += auc / j->classes;
    j->left[RDX_FIGURE_PRECISION * j->blocks + block] += precision / j->classes;
    return REDUX_OK;
}

/* One class after the other, so that there is never more than one list. */
static redux_status rank_classes(job *j, redux_scores *estimate)
{
    const rdx_score_table *t = j->t;
    const int64_t first = t->k == 2 ? t->positive : 0, last = t->k == 2 ? t->positive : t->k - 1;
    j->classes = (double)(last - first + 1);
    for (int64_t c = first; c <= last; c++) {
        double auc, precision;
        rdx_score_rank(j->ranked, t, c);
        rdx_score_area(&auc, &precision, j->ranked, t->n, -1);
        estimate->auc += auc / j->classes;
        estimate->average_precision += precision / j->classes;
        for (int64_t i = 0; i < t->n; i++)
            j->ranked[i].group %= j->blocks;
        RDX_TRY(rdx_parallel(j->context, j->blocks, rank_without, j));
    }
    return REDUX_OK;
}

/* Centred, and scaled such that their squares add up to the jackknife's variance. */
static void centre(double *out, const job *j, int64_t groups)
{
    const double n = (double)j->blocks;
    double mean = 0;
    for (int64_t b = 0; b < j->blocks; b++)
        mean += out[b];
    mean /= n;
    for (int64_t b = 0; b < j->blocks; b++)
        out[b] = j->blocks < 2 ? (double)NAN : sqrt((n - 1) / n) * (mean - out[b]);
    for (int64_t g = j->blocks; g < groups; g++)
        out[g] = 0; /* its block's first group has it all */
}

static redux_status run_job(job *j, redux_scores *estimate)
{
    const rdx_score_table *t = j->t;
    void *block;
    RDX_TRY(rdx_alloc_zero(j->context, &block, (uint64_t)t->k * (uint64_t)t->k, sizeof(int64_t)));
    j->confusion = block;
    RDX_TRY(rdx_alloc(j->context, &block, (uint64_t)t->n, sizeof(rdx_ranked)));
    j->ranked = block;
    for (int64_t i = 0; i < t->n; i++)
        j->confusion[t->labels[i] * t->k + rdx_score_predicted(t, i)]++;
    rdx_scores_fill(estimate, 0);
    rdx_score_count(estimate, t, j->confusion);
    RDX_TRY(rdx_parallel(j->context, j->blocks, count_without, j));
    return rank_classes(j, estimate);
}

redux_status rdx_influence_open(rdx_influence *out, redux_context *context,
                                const rdx_score_table *t)
{
    job j = {.context = context, .t = t, .blocks = RDX_MIN(t->groups, MOST_BLOCKS)};
    void *block = NULL;
    out->groups = t->groups;
    redux_status status =
        rdx_alloc(context, &block, (uint64_t)t->groups, RDX_FIGURES * sizeof(double));
    out->values = j.left = block;
    if (status == REDUX_OK)
        status = run_job(&j, &out->estimate);
    for (int f = RDX_FIGURES - 1; f >= 0 && status == REDUX_OK; f--) {
        for (int64_t b = j.blocks - 1; b >= 0; b--)
            out->values[f * t->groups + b] = j.left[f * j.blocks + b];
        centre(out->values + f * t->groups, &j, t->groups);
    }
    rdx_free(j.confusion);
    rdx_free(j.ranked);
    if (status != REDUX_OK)
        rdx_influence_close(out);
    return status;
}

void rdx_influence_close(rdx_influence *influence)
{
    rdx_free(influence->values);
    influence->values = NULL;
}

/* ---- intervals ---- */

static double sum_of_squares(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sum;
}

/* Half the width on a scale on which the standard error is `scale` times as large. The degrees of
 * freedom are those of the class with few groups, and fewer where few groups move the figure: three
 * times the participation ratio is the number of groups for normal values. Chosen by simulation. */
static double half_width(const double *influence, const rdx_sample *sample, double level,
                         double scale)
{
    const double squares = sum_of_squares(influence, sample->groups);
    double fourths = 0;
    for (int64_t i = 0; i < sample->groups; i++)
        fourths += pow(influence[i], 4);
    const double effective = fourths > 0 ? 3 * squares * squares / fourths : 0;
    const double counted = (double)(sample->groups + sample->of_class) / 2;
    const double df = fmax(1, fmin(effective, counted) - (double)sample->strata);
    return rdx_student_quantile(0.5 + level / 2, df) * scale * sqrt(squares + sample->extra);
}

static bool too_few(const rdx_sample *sample)
{
    return sample->groups < RDX_FEWEST_GROUPS || sample->of_class < 2;
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

void rdx_interval_of_share(double *low, double *high, double estimate, const double *influence,
                           const rdx_sample *sample, double level)
{
    *low = *high = (double)NAN;
    if (isnan(estimate) || too_few(sample))
        return;
    if (estimate <= 0 || estimate >= 1) { /* no group errs: the bound of a binomial share */
        const double bound = pow((1 - level) / 2, 1 / (double)sample->of_class);
        *low = estimate >= 1 ? bound : 0;
        *high = estimate >= 1 ? 1 : 1 - bound;
        return;
    }
    const double centre_at = log(estimate / (1 - estimate));
    const double half = half_width(influence, sample, level, 1 / (estimate * (1 - estimate)));
    if (!(half > 0)) /* all groups alike: nothing to estimate a variance by */
        return;
    *low = logistic(centre_at - half);
    *high = logistic(centre_at + half);
}

void rdx_interval_of_difference(double *low, double *high, double estimate, const double *influence,
                                const rdx_sample *sample, double level)
{
    *low = *high = (double)NAN;
    if (isnan(estimate) || too_few(sample))
        return;
    const double half = half_width(influence, sample, level, 1);
    *low = estimate - half;
    *high = estimate + half;
}

/* ---- the sign-flip test ---- */

/* The sum of contributions with their signs; a set bit is a minus. */
static double flipped(double estimate, const double *influence, int64_t groups,
                      const redux_random_key *key, int64_t pattern)
{
    double sum = 0;
    uint32_t bits = 0;
    for (int64_t g = 0; g < groups; g++) {
        const double value = estimate / (double)groups + influence[g];
        if (key == NULL)
            bits = (uint32_t)(pattern >> g) & 1;
        else if (g % 32 == 0)
            bits = redux_random_u32(key, (uint32_t)(g / 32));
        else
            bits >>= 1;
        sum += (bits & 1) != 0 ? -value : value;
    }
    return sum;
}

double rdx_sign_flip(double estimate, const double *influence, int64_t groups, int64_t rounds,
                     uint64_t seed)
{
    const bool all = groups <= MOST_SIGNS && ((int64_t)1 << groups) <= rounds;
    const int64_t count = all ? (int64_t)1 << groups : rounds;
    const double limit = fabs(estimate) - 1e-12; /* equal ones, within rounding, count as large */
    int64_t as_large = all ? 0 : 1;              /* of all patterns one is the data's own */
    if (isnan(estimate) || isnan(sum_of_squares(influence, groups)))
        return (double)NAN;
    for (int64_t i = 0; i < count; i++) {
        const redux_random_key key = {seed, 0, OPERATION_FLIP, (uint64_t)i};
        as_large += fabs(flipped(estimate, influence, groups, all ? NULL : &key, i)) >= limit;
    }
    return (double)as_large / (double)(count + !all);
}
