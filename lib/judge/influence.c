/* SPDX-License-Identifier: MIT
 * How much each group of items moves a figure (the delete-one-group jackknife), and the intervals
 * and tests that follow from it.
 *
 * Slices of one patient are alike, so that a sample is as large as its number of patients.
 * Source: Quenouille 1956, Tukey 1958; for the AUC it agrees with Obuchowski 1997 (Biometrics 53)
 * but for a factor, and holds its level with fewer groups (docs/intervals.md). */
#include <math.h>
#include <stdlib.h>
#include <redux/random.h>
#include "scores.h"

#define OPERATION_FLIP 0x666c6970u

#define MOST_BLOCKS                                                                                \
    2000              /* more groups are left out in blocks: Kott 2001, J. Official Statistics     \
                       */
#define MOST_SIGNS 30 /* 2^30 patterns fit into an int64_t with room */

typedef struct job {
    const rdx_score_table *t;
    int64_t *confusion; /* [k, k] of all items */
    int64_t *of_group;  /* [blocks, k, k] */
    rdx_ranked *ranked; /* [classes ranked, n] */
    int64_t blocks, first, last;
    double *left; /* [RDX_FIGURES, blocks]: the figures without a block */
} job;

/* ---- leaving groups out ---- */

static void count_blocks(job *j)
{
    const rdx_score_table *t = j->t;
    for (int64_t i = 0; i < t->n; i++) {
        const int64_t cell = t->labels[i] * t->k + rdx_score_predicted(t, i);
        j->confusion[cell]++;
        j->of_group[(t->group[i] % j->blocks) * t->k * t->k + cell]++;
    }
}

static redux_status rank_task(int64_t index, void *user)
{
    const job *j = user;
    rdx_ranked *list = j->ranked + index * j->t->n;
    rdx_score_rank(list, j->t, j->first + index);
    for (int64_t i = 0; i < j->t->n; i++)
        list[i].group %= j->blocks;
    return REDUX_OK;
}

/* The figures without one block; -1: with all. `counts` is the confusion that remains. */
static void figures_without(redux_scores *out, const job *j, int64_t block, const int64_t *counts)
{
    const double classes = (double)(j->last - j->first + 1);
    rdx_scores_fill(out, 0);
    rdx_score_count(out, j->t, counts);
    for (int64_t c = j->first; c <= j->last; c++) {
        double auc, precision;
        rdx_score_area(&auc, &precision, j->ranked + (c - j->first) * j->t->n, j->t->n, block);
        out->auc += auc / classes;
        out->average_precision += precision / classes;
    }
}

static redux_status leave_out(int64_t block, void *user)
{
    const job *j = user;
    const int64_t cells = j->t->k * j->t->k;
    int64_t *rest = j->of_group + block * cells;
    redux_scores scores;
    for (int64_t i = 0; i < cells; i++)
        rest[i] = j->confusion[i] - rest[i];
    figures_without(&scores, j, block, rest);
    for (int f = 0; f < RDX_FIGURES; f++)
        j->left[f * j->blocks + block] = rdx_figure_of(&scores, f);
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

static redux_status open_job(job *j, redux_context *context, const rdx_score_table *t)
{
    const uint64_t cells = (uint64_t)t->k * (uint64_t)t->k;
    void *block;
    j->t = t;
    j->blocks = RDX_MIN(t->groups, MOST_BLOCKS);
    j->first = t->k == 2 ? t->positive : 0;
    j->last = t->k == 2 ? t->positive : t->k - 1;
    RDX_TRY(rdx_alloc_zero(context, &block, cells * (uint64_t)(j->blocks + 1), sizeof(int64_t)));
    j->confusion = block;
    j->of_group = j->confusion + cells;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)(j->last - j->first + 1) * (uint64_t)t->n,
                      sizeof(rdx_ranked)));
    j->ranked = block;
    count_blocks(j);
    return rdx_parallel(context, j->last - j->first + 1, rank_task, j);
}

redux_status rdx_influence_open(rdx_influence *out, redux_context *context,
                                const rdx_score_table *t)
{
    job j = {.t = NULL};
    void *block = NULL;
    out->groups = t->groups;
    redux_status status =
        rdx_alloc(context, &block, (uint64_t)t->groups, RDX_FIGURES * sizeof(double));
    out->values = j.left = block;
    if (status == REDUX_OK)
        status = open_job(&j, context, t);
    if (status == REDUX_OK) {
        figures_without(&out->estimate, &j, -1, j.confusion);
        status = rdx_parallel(context, j.blocks, leave_out, &j);
    }
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
