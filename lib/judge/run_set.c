/* SPDX-License-Identifier: MIT
 * Runs over seeds and folds together: means, intervals over groups, comparisons. */
#include "run_set.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- adding ---- */

void rdx_set_free_names(char **names, int64_t count)
{
    for (int64_t i = 0; names != NULL && i < count; i++)
        rdx_free(names[i]);
    rdx_free(names);
}

void rdx_set_run_free(rdx_set_run *run)
{
    rdx_set_free_names(run->names, run->influence.groups);
    rdx_free(run->counts);
    rdx_influence_close(&run->influence);
}

redux_status redux_run_set_new(redux_run_set **out, redux_context *context)
{
    void *block;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_run_set_new: out is NULL");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_run_set)));
    *out = block;
    return REDUX_OK;
}

void redux_run_set_free(redux_run_set *set)
{
    if (set == NULL)
        return;
    for (int64_t i = 0; i < set->count; i++)
        rdx_set_run_free(&set->runs[i]);
    rdx_set_free_names(set->class_names, set->classes);
    rdx_free(set->runs);
    rdx_free(set);
}

/* The name of each of the table's groups: the caller's, or its number. */
static redux_status name_groups(rdx_set_run *run, redux_context *context, const rdx_score_table *t,
                                const redux_tensor *groups, const char *const *given)
{
    char number[24];
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)t->groups, sizeof(char *)));
    run->names = block;
    for (int64_t i = 0; i < t->n; i++) {
        char **name = &run->names[t->group[i]];
        const double value = groups == NULL
                                 ? (double)i
                                 : rdx_load(groups->data, i * groups->strides[0], groups->dtype);
        if (*name != NULL)
            continue;
        if (given != NULL && value < 0)
            return rdx_fail(REDUX_E_INVALID,
                            "the group of item %lld is %g: with names, groups are numbered from 0",
                            (long long)i, value);
        snprintf(number, sizeof number, "%.0f", value);
        RDX_TRY(rdx_strdup(context, name, given == NULL ? number : given[(int64_t)value]));
    }
    return REDUX_OK;
}

static redux_status count_rows(rdx_set_run *run, redux_context *context, const rdx_score_table *t)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)t->groups * (uint64_t)t->k, sizeof(int64_t)));
    run->counts = block;
    for (int64_t i = 0; i < t->n; i++)
        run->counts[t->group[i] * t->k + t->labels[i]]++;
    return REDUX_OK;
}

static redux_status check_new(const redux_run_set *set, uint64_t seed, int32_t fold, int64_t k)
{
    if (set->count > 0 && set->classes != k)
        return rdx_fail(REDUX_E_INVALID, "a run of %lld classes in a set of %lld", (long long)k,
                        (long long)set->classes);
    for (int64_t i = 0; i < set->count; i++)
        if (set->runs[i].seed == seed && set->runs[i].fold == fold)
            return rdx_fail(REDUX_E_INVALID, "the run of seed %llu and fold %d is there already",
                            (unsigned long long)seed, (int)fold);
    return REDUX_OK;
}

static redux_status fill_run(rdx_set_run *run, redux_context *context, const rdx_score_table *t,
                             const redux_tensor *groups, const char *const *names)
{
    RDX_TRY(rdx_influence_open(&run->influence, context, t));
    RDX_TRY(count_rows(run, context, t));
    return name_groups(run, context, t, groups, names);
}

redux_status redux_run_set_add(redux_run_set *set, redux_context *context, uint64_t seed,
                               int32_t fold, const redux_predictions *predictions,
                               const char *const *group_names)
{
    redux_predictions known = REDUX_PREDICTIONS_INIT;
    rdx_score_table t;
    if (set == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_run_set_add: set is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, predictions, "redux_predictions"));
    RDX_TRY(rdx_score_table_open(&t, context, predictions));
    rdx_set_run run = {.seed = seed, .fold = fold, .rows = t.n};
    void *block = set->runs;
    redux_status status = check_new(set, seed, fold, t.k);
    if (status == REDUX_OK)
        status = rdx_grow(context, &block, &set->capacity, set->count, set->count + 1, sizeof run);
    set->runs = block;
    if (status == REDUX_OK)
        status = fill_run(&run, context, &t, known.groups, group_names);
    if (status == REDUX_OK) {
        set->classes = t.k;
        set->runs[set->count++] = run;
    } else {
        rdx_set_run_free(&run);
    }
    rdx_score_table_close(&t);
    return status;
}

/* ---- all runs together ---- */

/* The runs of a set as one sample of groups. */
typedef struct pool {
    const redux_run_set *set;
    char **names; /* [groups], sorted; the runs' */
    uint64_t *seeds;
    int64_t groups, seed_count, folds, rows;
    redux_scores mean, deviation, runs;
    double *by_seed;   /* [RDX_FIGURES, seeds] */
    double *influence; /* [RDX_FIGURES, groups] */
    int64_t *counts;   /* [groups, classes], over all runs */
} pool;

static void close_pool(pool *p)
{
    rdx_free(p->names);
    rdx_free(p->seeds);
    rdx_free(p->by_seed);
    rdx_free(p->influence);
    rdx_free(p->counts);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_seeds(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t place_of(const pool *p, char *name)
{
    char **found = bsearch(&name, p->names, (size_t)p->groups, sizeof name, compare_names);
    return found - p->names;
}

static redux_status list_names(pool *p, redux_context *context)
{
    int64_t all = 0, count = 0;
    void *block;
    for (int64_t r = 0; r < p->set->count; r++)
        all += p->set->runs[r].influence.groups;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)all, sizeof(char *)));
    p->names = block;
    for (int64_t r = 0; r < p->set->count; r++)
        for (int64_t g = 0; g < p->set->runs[r].influence.groups; g++)
            p->names[count++] = p->set->runs[r].names[g];
    qsort(p->names, (size_t)all, sizeof *p->names, compare_names);
    for (int64_t i = 0; i < all; i++)
        if (i == 0 || strcmp(p->names[p->groups - 1], p->names[i]) != 0)
            p->names[p->groups++] = p->names[i];
    return REDUX_OK;
}

static redux_status list_seeds(pool *p, redux_context *context)
{
    void *block;
    int64_t folds = 0;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)p->set->count, sizeof(uint64_t)));
    p->seeds = block;
    for (int64_t r = 0; r < p->set->count; r++)
        p->seeds[r] = p->set->runs[r].seed;
    qsort(p->seeds, (size_t)p->set->count, sizeof *p->seeds, compare_seeds);
    for (int64_t i = 0; i < p->set->count; i++) {
        if (i == 0 || p->seeds[i] != p->seeds[p->seed_count - 1]) {
            p->seeds[p->seed_count++] = p->seeds[i];
            folds = 0;
        }
        folds++;
        p->folds = RDX_MAX(p->folds, folds);
    }
    return REDUX_OK;
}

static redux_status count_pool(pool *p, redux_context *context)
{
    const int64_t k = p->set->classes;
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)p->groups * (uint64_t)k, sizeof(int64_t)));
    p->counts = block;
    for (int64_t r = 0; r < p->set->count; r++) {
        const rdx_set_run *run = &p->set->runs[r];
        p->rows += run->rows;
        for (int64_t g = 0; g < run->influence.groups; g++) {
            const int64_t place = place_of(p, run->names[g]);
            for (int64_t c = 0; c < k; c++)
                p->counts[place * k + c] += run->counts[g * k + c];
        }
    }
    return REDUX_OK;
}

/* Mean of a figure over a seed's runs that have it; *defined: how many. */
static double mean_of_seed(int64_t *defined, const pool *p, uint64_t seed, int f)
{
    double sum = 0;
    *defined = 0;
    for (int64_t r = 0; r < p->set->count; r++) {
        const rdx_set_run *run = &p->set->runs[r];
        const double value = rdx_figure_of(&run->influence.estimate, f);
        if (run->seed != seed || isnan(value))
            continue;
        sum += value;
        ++*defined;
    }
    return *defined == 0 ? (double)NAN : sum / (double)*defined;
}

/* Adds what the groups of a seed's runs move, each run weighing `weight`. */
static void add_influence(pool *p, uint64_t seed, int f, double weight)
{
    double *sums = p->influence + f * p->groups;
    for (int64_t r = 0; r < p->set->count; r++) {
        const rdx_set_run *run = &p->set->runs[r];
        const double *values = run->influence.values + f * run->influence.groups;
        if (run->seed != seed || isnan(rdx_figure_of(&run->influence.estimate, f)))
            continue;
        for (int64_t g = 0; g < run->influence.groups; g++)
            sums[place_of(p, run->names[g])] += weight * values[g];
    }
}

static void pool_figure(pool *p, int f)
{
    double *by_seed = p->by_seed + f * p->seed_count;
    int64_t seeds = 0, runs = 0, defined;
    for (int64_t s = 0; s < p->seed_count; s++) {
        by_seed[s] = mean_of_seed(&defined, p, p->seeds[s], f);
        seeds += defined > 0;
        runs += defined;
    }
    for (int64_t s = 0; s < p->seed_count; s++) {
        (void)mean_of_seed(&defined, p, p->seeds[s], f);
        if (defined > 0)
            add_influence(p, p->seeds[s], f, 1 / (double)(seeds * defined));
    }
    redux_scores_summarise(rdx_figure(&p->mean, f), rdx_figure(&p->deviation, f), by_seed,
                           p->seed_count);
    *rdx_figure(&p->runs, f) = (double)runs;
}

static redux_status fill_pool(pool *p, redux_context *context)
{
    void *block;
    RDX_TRY(list_names(p, context));
    RDX_TRY(list_seeds(p, context));
    RDX_TRY(count_pool(p, context));
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)p->groups, RDX_FIGURES * sizeof(double)));
    p->influence = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)p->seed_count, RDX_FIGURES * sizeof(double)));
    p->by_seed = block;
    rdx_scores_fill(&p->mean, 0);
    rdx_scores_fill(&p->deviation, 0);
    rdx_scores_fill(&p->runs, 0);
    for (int f = 0; f < RDX_FIGURES; f++)
        pool_figure(p, f);
    return REDUX_OK;
}

static redux_status open_pool(pool *p, redux_context *context, const redux_run_set *set)
{
    *p = (pool){.set = set};
    if (set == NULL || set->count == 0)
        return rdx_fail(REDUX_E_INVALID, "the set has no runs");
    const redux_status status = fill_pool(p, context);
    if (status != REDUX_OK)
        close_pool(p);
    return status;
}

/* counts: [groups, classes]. */
static rdx_sample sample_of_counts(const int64_t *counts, int64_t groups, int64_t classes,
                                   int64_t strata)
{
    rdx_sample sample = {groups, groups, strata, 0};
    for (int64_t c = 0; c < classes; c++) {
        int64_t count = 0;
        for (int64_t g = 0; g < groups; g++)
            count += counts[g * classes + c] > 0;
        sample.of_class = RDX_MIN(sample.of_class, count);
    }
    return sample;
}

static rdx_sample sample_of(const pool *p)
{
    return sample_of_counts(p->counts, p->groups, p->set->classes, p->folds);
}

void rdx_set_run_interval(redux_scores *low, redux_scores *high, const rdx_set_run *run,
                          int64_t classes, double level)
{
    const rdx_influence *moved = &run->influence;
    const rdx_sample sample = sample_of_counts(run->counts, moved->groups, classes, 1);
    for (int f = 0; f < RDX_FIGURES; f++)
        rdx_interval_of_share(rdx_figure(low, f), rdx_figure(high, f),
                              rdx_figure_of(&moved->estimate, f), moved->values + f * moved->groups,
                              &sample, level);
}

/* Of the mean over seeds. */
static double seed_variance(const double *by_seed, int64_t seeds)
{
    double deviation;
    redux_scores_summarise(NULL, &deviation, by_seed, seeds);
    return isnan(deviation) ? 0 : deviation * deviation / (double)seeds;
}

/* ---- asking ---- */

redux_status redux_run_set_get_counts(redux_run_set_counts *out, redux_context *context,
                                      const redux_run_set *set)
{
    redux_run_set_counts made = {.struct_size = sizeof made};
    pool p = {.set = set};
    if (set == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_run_set_get_counts: set is NULL");
    if (set->count > 0) {
        RDX_TRY(open_pool(&p, context, set));
        made = (redux_run_set_counts){sizeof made, set->count, p.seed_count, p.folds,
                                      p.groups,    p.rows,     set->classes};
        close_pool(&p);
    }
    return rdx_write_result(out, &made, sizeof made, "redux_run_set_counts");
}

redux_status redux_run_set_scores(redux_scores *mean, redux_scores *deviation, redux_scores *runs,
                                  redux_context *context, const redux_run_set *set)
{
    pool p;
    RDX_TRY(open_pool(&p, context, set));
    redux_status status = rdx_scores_hand_out(mean, &p.mean);
    if (status == REDUX_OK)
        status = rdx_scores_hand_out(deviation, &p.deviation);
    if (status == REDUX_OK)
        status = rdx_scores_hand_out(runs, &p.runs);
    close_pool(&p);
    return status;
}

static void interval_of(redux_scores *low, redux_scores *high, const pool *p, double level)
{
    rdx_sample sample = sample_of(p);
    rdx_scores_fill(low, 0);
    rdx_scores_fill(high, 0);
    for (int f = 0; f < RDX_FIGURES; f++) {
        sample.extra = seed_variance(p->by_seed + f * p->seed_count, p->seed_count);
        rdx_interval_of_share(rdx_figure(low, f), rdx_figure(high, f), rdx_figure_of(&p->mean, f),
                              p->influence + f * p->groups, &sample, level);
    }
}

redux_status redux_run_set_interval(redux_scores *low, redux_scores *high, redux_context *context,
                                    const redux_run_set *set, double level)
{
    redux_scores known_low, known_high;
    pool p;
    if (low == NULL || high == NULL || !(level > 0 && level < 1))
        return rdx_fail(REDUX_E_INVALID, "redux_run_set_interval: level %g", level);
    RDX_TRY(open_pool(&p, context, set));
    interval_of(&known_low, &known_high, &p, level);
    close_pool(&p);
    RDX_TRY(rdx_scores_hand_out(low, &known_low));
    return rdx_scores_hand_out(high, &known_high);
}

static const char *reason(const pool *p)
{
    redux_scores low, high;
    const rdx_sample sample = sample_of(p);
    interval_of(&low, &high, p, 0.95);
    if (!isnan(low.auc))
        return "";
    if (isnan(p->mean.auc))
        return "no run has rows of more than one class";
    if (sample.groups < RDX_FEWEST_GROUPS)
        return "fewer than 10 groups: an interval would be too narrow";
    if (sample.of_class < 2)
        return "one group has all rows of a class";
    return "in one run, a single group has all rows of a class";
}

const char *redux_run_set_why(redux_context *context, const redux_run_set *set)
{
    pool p;
    if (set == NULL || set->count == 0)
        return "there are no runs";
    if (open_pool(&p, context, set) != REDUX_OK)
        return "memory is short";
    const char *text = reason(&p);
    close_pool(&p);
    return text;
}

/* ---- comparing ---- */

/* A seed may have more folds in one of them, but each slice is tested as often in every seed. */
static redux_status check_same(const pool *a, const pool *b)
{
    const int64_t k = a->set->classes;
    if (k != b->set->classes || a->groups != b->groups)
        return rdx_fail(REDUX_E_INVALID,
                        "%lld groups and %lld classes cannot be compared with "
                        "%lld and %lld",
                        (long long)a->groups, (long long)k, (long long)b->groups,
                        (long long)b->set->classes);
    for (int64_t g = 0; g < a->groups; g++) {
        if (strcmp(a->names[g], b->names[g]) != 0)
            return rdx_fail(REDUX_E_INVALID,
                            "group '%.80s' is in one of the two only: compare "
                            "runs over the same slices",
                            strcmp(a->names[g], b->names[g]) < 0 ? a->names[g] : b->names[g]);
        for (int64_t c = 0; c < k; c++)
            if (a->counts[g * k + c] * b->seed_count != b->counts[g * k + c] * a->seed_count)
                return rdx_fail(REDUX_E_INVALID,
                                "group '%.80s' has other rows of class %lld in the two: compare "
                                "runs over the same slices",
                                a->names[g], (long long)c);
    }
    return REDUX_OK;
}

static bool same_seeds(const pool *a, const pool *b)
{
    return a->seed_count == b->seed_count &&
           memcmp(a->seeds, b->seeds, (size_t)a->seed_count * sizeof *a->seeds) == 0;
}

/* Overwrites a's values by the differences. */
static double variance_of_seeds(const pool *a, const pool *b, int f)
{
    double *of_a = a->by_seed + f * a->seed_count;
    const double *of_b = b->by_seed + f * b->seed_count;
    if (!same_seeds(a, b))
        return seed_variance(of_a, a->seed_count) + seed_variance(of_b, b->seed_count);
    for (int64_t s = 0; s < a->seed_count; s++)
        of_a[s] = of_b[s] - of_a[s];
    return seed_variance(of_a, a->seed_count);
}

typedef struct verdict {
    redux_scores difference, low, high, p;
} verdict;

/* What the set with the fewer folds has in one stratum bounds the degrees of freedom. */
static void compare_pools(verdict *v, const pool *a, const pool *b, double level,
                          int64_t permutations, uint64_t seed)
{
    rdx_sample sample = sample_of(a);
    sample.strata = RDX_MAX(a->folds, b->folds);
    for (int f = 0; f < RDX_FIGURES; f++) {
        const double difference = rdx_figure_of(&b->mean, f) - rdx_figure_of(&a->mean, f);
        double *moved = a->influence + f * a->groups;
        for (int64_t g = 0; g < a->groups; g++)
            moved[g] = b->influence[f * b->groups + g] - moved[g];
        sample.extra = variance_of_seeds(a, b, f);
        *rdx_figure(&v->difference, f) = difference;
        rdx_interval_of_difference(rdx_figure(&v->low, f), rdx_figure(&v->high, f), difference,
                                   moved, &sample, level);
        *rdx_figure(&v->p, f) = rdx_sign_flip(difference, moved, a->groups, permutations, seed);
    }
}

redux_status redux_run_set_compare(redux_scores *difference, redux_scores *low, redux_scores *high,
                                   redux_scores *p_values, redux_context *context,
                                   const redux_run_set *a, const redux_run_set *b, double level,
                                   int64_t permutations, uint64_t seed)
{
    verdict v = {REDUX_SCORES_INIT, REDUX_SCORES_INIT, REDUX_SCORES_INIT, REDUX_SCORES_INIT};
    pool of_a, of_b;
    if (!(level > 0 && level < 1) || permutations < 1)
        return rdx_fail(REDUX_E_INVALID, "redux_run_set_compare: level %g, %lld permutations",
                        level, (long long)permutations);
    RDX_TRY(open_pool(&of_a, context, a));
    redux_status status = open_pool(&of_b, context, b);
    if (status == REDUX_OK) {
        status = check_same(&of_a, &of_b);
        if (status == REDUX_OK)
            compare_pools(&v, &of_a, &of_b, level, permutations, seed);
        close_pool(&of_b);
    }
    close_pool(&of_a);
    RDX_TRY(status);
    RDX_TRY(rdx_scores_hand_out(difference, &v.difference));
    RDX_TRY(rdx_scores_hand_out(low, &v.low));
    RDX_TRY(rdx_scores_hand_out(high, &v.high));
    return rdx_scores_hand_out(p_values, &v.p);
}

/* ---- several comparisons ---- */

static bool comes_before(const double *p_values, int64_t i, int64_t k)
{
    const double p = p_values[i], q = p_values[k];
    return p < q || (p == q && i < k);
}

/* One p-value times the comparisons that are not smaller. */
static double step_down(const double *p_values, int64_t count, int64_t i)
{
    int64_t left = 0;
    for (int64_t k = 0; k < count; k++)
        left += !isnan(p_values[k]) && !comes_before(p_values, k, i);
    return fmin(1, p_values[i] * (double)left);
}

void redux_scores_holm(double *out, const double *p_values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        out[i] = isnan(p_values[i]) ? (double)NAN : step_down(p_values, count, i);
        for (int64_t k = 0; k < count && !isnan(p_values[i]); k++)
            if (comes_before(p_values, k, i))
                out[i] = fmax(out[i], step_down(p_values, count, k));
    }
}
