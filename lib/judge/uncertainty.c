/* SPDX-License-Identifier: MIT
 * The uncertainty of figures: intervals, and whether one run beats another. Groups are drawn,
 * swapped and left out whole, because items of one group are alike. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/random.h>
#include "scores.h"

#define OPERATION_BOOTSTRAP 0x626f6f74u
#define OPERATION_SWAP 0x73776170u

typedef rdx_score_table table;

/* ---- bootstrap ---- */

/* The items of each group: those of g are list[first[g]] ... list[first[g + 1] - 1]. */
typedef struct members {
    int64_t *first, *list;
} members;

static redux_status list_members(members *out, redux_context *context, const table *t)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)(t->groups + t->n) + 2, sizeof(int64_t)));
    out->first = block;
    out->list = out->first + t->groups + 2;
    for (int64_t i = 0; i < t->n; i++)
        out->first[t->group[i] + 2]++;
    for (int64_t g = 0; g < t->groups; g++)
        out->first[g + 2] += out->first[g + 1];
    for (int64_t i = 0; i < t->n; i++)
        out->list[out->first[t->group[i] + 1]++] = i;
    return REDUX_OK;
}

typedef struct repeat_job {
    redux_context *context;
    const table *a, *b; /* b: NULL for the bootstrap */
    const members *members;
    uint64_t seed;
    double *figures; /* [RDX_FIGURES, rounds] */
    int64_t rounds;
} repeat_job;

static void note(const repeat_job *job, int64_t round, redux_scores *scores, double sign)
{
    for (int f = 0; f < RDX_FIGURES; f++)
        job->figures[f * job->rounds + round] =
            sign * *rdx_figure(scores, f) + (sign < 0 ? job->figures[f * job->rounds + round] : 0);
}

static void copy_item(table *out, int64_t at, const table *from, int64_t item)
{
    out->labels[at] = from->labels[item];
    out->group[at] = from->group[item];
    memcpy(out->scores + at * out->k, from->scores + item * from->k,
           (size_t)from->k * sizeof(double));
}

static int64_t drawn_group(const redux_random_key *key, int64_t draw, const table *t)
{
    return (int64_t)redux_random_below(key, (uint32_t)draw, (uint64_t)t->groups);
}

static redux_status draw_round(int64_t round, void *user)
{
    const repeat_job *job = user;
    const table *t = job->a;
    const int64_t *first = job->members->first;
    const redux_random_key key = {job->seed, 0, OPERATION_BOOTSTRAP, (uint64_t)round};
    redux_scores scores = REDUX_SCORES_INIT;
    table drawn;
    rdx_score_bench b;
    int64_t n = 0, at = 0;
    for (int64_t i = 0; i < t->groups; i++) {
        const int64_t g = drawn_group(&key, i, t);
        n += first[g + 1] - first[g];
    }
    RDX_TRY(rdx_score_table_like(&drawn, job->context, t, n));
    redux_status status = rdx_score_bench_open(&b, job->context, &drawn);
    if (status == REDUX_OK) {
        for (int64_t i = 0; i < t->groups; i++) {
            const int64_t g = drawn_group(&key, i, t);
            for (int64_t m = first[g]; m < first[g + 1]; m++)
                copy_item(&drawn, at++, t, job->members->list[m]);
        }
        rdx_score_figures(&scores, &drawn, &b);
        note(job, round, &scores, 1);
        rdx_score_bench_close(&b);
    }
    rdx_score_table_close(&drawn);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted values; numpy.quantile's default. */
static double quantile(const double *values, int64_t count, double q)
{
    const double at = q * (double)(count - 1);
    const int64_t below = (int64_t)floor(at), above = RDX_MIN(below + 1, count - 1);
    if (count == 0)
        return (double)NAN;
    return values[below] + (at - (double)below) * (values[above] - values[below]);
}

/* Moves the defined ones to the front; returns how many. */
static int64_t without_nan(double *values, int64_t count)
{
    int64_t good = 0;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[good++] = values[i];
    return good;
}

redux_status redux_scores_bootstrap(redux_scores *low, redux_scores *high, redux_context *context,
                                    const redux_predictions *predictions, int64_t resamples,
                                    double level, uint64_t seed)
{
    redux_scores known_low = REDUX_SCORES_INIT, known_high = REDUX_SCORES_INIT;
    members of_groups = {NULL, NULL};
    table t;
    void *block;
    if (low == NULL || high == NULL || resamples < 1 || !(level > 0 && level < 1))
        return rdx_fail(REDUX_E_INVALID, "bootstrap: %lld resamples, level %g",
                        (long long)resamples, level);
    RDX_TRY(rdx_score_table_open(&t, context, predictions));
    redux_status status = list_members(&of_groups, context, &t);
    if (status == REDUX_OK)
        status = rdx_alloc(context, &block, (uint64_t)resamples, RDX_FIGURES * sizeof(double));
    if (status == REDUX_OK) {
        repeat_job job = {context, &t, NULL, &of_groups, seed, block, resamples};
        status = rdx_parallel(context, resamples, draw_round, &job);
        for (int f = 0; f < RDX_FIGURES && status == REDUX_OK; f++) {
            double *values = job.figures + f * resamples;
            const int64_t count = without_nan(values, resamples);
            qsort(values, (size_t)count, sizeof *values, by_value);
            *rdx_figure(&known_low, f) = quantile(values, count, (1 - level) / 2);
            *rdx_figure(&known_high, f) = quantile(values, count, (1 + level) / 2);
        }
        rdx_free(block);
    }
    rdx_free(of_groups.first);
    rdx_score_table_close(&t);
    if (status == REDUX_OK)
        status = rdx_scores_hand_out(low, &known_low);
    return status == REDUX_OK ? rdx_scores_hand_out(high, &known_high) : status;
}

/* ---- jackknife ---- */

/* seen: [groups], work. */
static int64_t groups_of_class(const table *t, int64_t c, int64_t *seen)
{
    int64_t count = 0;
    for (int64_t g = 0; g < t->groups; g++)
        seen[g] = 0;
    for (int64_t i = 0; i < t->n; i++)
        if (t->labels[i] == c && seen[t->group[i]]++ == 0)
            count++;
    return count;
}

static redux_status count_sample(rdx_sample *out, redux_context *context, const table *t)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)t->groups, sizeof(int64_t)));
    *out = (rdx_sample){t->groups, t->groups, 1, 0};
    for (int64_t c = 0; c < t->k; c++)
        out->of_class = RDX_MIN(out->of_class, groups_of_class(t, c, block));
    rdx_free(block);
    return REDUX_OK;
}

redux_status redux_scores_interval(redux_scores *low, redux_scores *high, redux_context *context,
                                   const redux_predictions *predictions, double level)
{
    redux_scores known_low = REDUX_SCORES_INIT, known_high = REDUX_SCORES_INIT;
    rdx_influence influence;
    rdx_sample sample;
    table t;
    if (low == NULL || high == NULL || !(level > 0 && level < 1))
        return rdx_fail(REDUX_E_INVALID, "redux_scores_interval: level %g", level);
    RDX_TRY(rdx_score_table_open(&t, context, predictions));
    redux_status status = count_sample(&sample, context, &t);
    if (status == REDUX_OK)
        status = rdx_influence_open(&influence, context, &t);
    if (status == REDUX_OK) {
        for (int f = 0; f < RDX_FIGURES; f++)
            rdx_interval_of_share(rdx_figure(&known_low, f), rdx_figure(&known_high, f),
                                  rdx_figure_of(&influence.estimate, f),
                                  influence.values + f * t.groups, &sample, level);
        rdx_influence_close(&influence);
    }
    rdx_score_table_close(&t);
    if (status == REDUX_OK)
        status = rdx_scores_hand_out(low, &known_low);
    return status == REDUX_OK ? rdx_scores_hand_out(high, &known_high) : status;
}

void redux_scores_summarise(double *mean, double *deviation, const double *values, int64_t count)
{
    double sum = 0, squares = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            n++;
        }
    const double middle = n == 0 ? (double)NAN : sum / (double)n;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            squares += (values[i] - middle) * (values[i] - middle);
    if (mean != NULL)
        *mean = middle;
    if (deviation != NULL)
        *deviation = n < 2 ? (double)NAN : sqrt(squares / (double)(n - 1));
}

/* ---- a against b ---- */

static int coin_of(const redux_random_key *key, int64_t group)
{
    return (int)(redux_random_u32(key, (uint32_t)group) & 1);
}

/* Swaps the two runs' scores of each group, or not, by a coin. Round -1 swaps none. */
static redux_status swap_round(const repeat_job *job, int64_t round, int64_t slot)
{
    const redux_random_key key = {job->seed, 0, OPERATION_SWAP, (uint64_t)round};
    redux_scores scores = REDUX_SCORES_INIT;
    table mixed;
    rdx_score_bench b;
    RDX_TRY(rdx_score_table_like(&mixed, job->context, job->a, job->a->n));
    redux_status status = rdx_score_bench_open(&b, job->context, &mixed);
    if (status == REDUX_OK) {
        memcpy(mixed.labels, job->a->labels, (size_t)mixed.n * sizeof *mixed.labels);
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < mixed.n; i++) {
                const int coin = round < 0 ? 0 : coin_of(&key, job->a->group[i]);
                const table *from = (coin ^ side) != 0 ? job->b : job->a;
                memcpy(mixed.scores + i * mixed.k, from->scores + i * mixed.k,
                       (size_t)mixed.k * sizeof(double));
            }
            rdx_score_figures(&scores, &mixed, &b);
            note(job, slot, &scores, side == 0 ? 1 : -1);
        }
        rdx_score_bench_close(&b);
    }
    rdx_score_table_close(&mixed);
    return status;
}

static redux_status swap_task(int64_t index, void *user)
{
    return swap_round(user, index - 1, index);
}

/* The first value is the actual difference. Equal ones, within rounding, count as large. */
static double p_value(const double *differences, int64_t rounds)
{
    int64_t as_large = 0;
    if (isnan(differences[0]))
        return (double)NAN;
    for (int64_t i = 1; i < rounds; i++)
        as_large += fabs(differences[i]) >= fabs(differences[0]) - 1e-12;
    return (double)(1 + as_large) / (double)rounds;
}

static redux_status compare_tables(redux_scores *out, redux_context *context, const table *a,
                                   const table *b, int64_t permutations, uint64_t seed)
{
    const int64_t rounds = permutations + 1;
    void *block;
    if (a->n != b->n || a->k != b->k || a->one_column != b->one_column ||
        a->positive != b->positive ||
        memcmp(a->labels, b->labels, (size_t)a->n * sizeof *a->labels) != 0 ||
        memcmp(a->group, b->group, (size_t)a->n * sizeof *a->group) != 0)
        return rdx_fail(REDUX_E_INVALID, "the two runs are not over the same items and groups");
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)rounds, RDX_FIGURES * sizeof(double)));
    repeat_job job = {context, a, b, NULL, seed, block, rounds};
    const redux_status status = rdx_parallel(context, rounds, swap_task, &job);
    for (int f = 0; f < RDX_FIGURES; f++)
        *rdx_figure(out, f) = p_value(job.figures + f * rounds, rounds);
    rdx_free(block);
    return status;
}

redux_status redux_scores_compare(redux_scores *p_values, redux_context *context,
                                  const redux_predictions *a, const redux_predictions *b,
                                  int64_t permutations, uint64_t seed)
{
    redux_scores known = REDUX_SCORES_INIT;
    table first, second;
    if (p_values == NULL || permutations < 1)
        return rdx_fail(REDUX_E_INVALID, "compare: %lld permutations", (long long)permutations);
    RDX_TRY(rdx_score_table_open(&first, context, a));
    redux_status status = rdx_score_table_open(&second, context, b);
    if (status == REDUX_OK) {
        status = compare_tables(&known, context, &first, &second, permutations, seed);
        rdx_score_table_close(&second);
    }
    rdx_score_table_close(&first);
    return status == REDUX_OK ? rdx_scores_hand_out(p_values, &known) : status;
}
