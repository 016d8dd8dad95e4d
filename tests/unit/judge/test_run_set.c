/* SPDX-License-Identifier: MIT
 * Intervals over groups and sets of runs, against scikit-learn's figures and SciPy's Student t
 * (tests/golden/intervals.py); what a set refuses. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "judge/scores.h"
#include "support/test_io.h"

enum { MOST = 600, FIGURES = 7 };

typedef struct rows {
    int64_t n, k;
    int64_t labels[MOST], groups[MOST];
    double scores[3 * MOST];
    redux_tensor label_tensor, group_tensor, score_tensor;
    redux_predictions predictions;
} rows;

static int64_t next(int64_t *state)
{
    *state = (1103515245 * *state + 12345) % ((int64_t)1 << 31);
    return *state >> 8;
}

static void wrap(rows *r)
{
    const redux_predictions defaults = REDUX_PREDICTIONS_INIT;
    const int64_t shape[] = {r->n, r->k};
    ck_assert_redux_ok(
        redux_tensor_borrow(&r->label_tensor, r->labels, REDUX_INT64, 1, shape, NULL));
    ck_assert_redux_ok(
        redux_tensor_borrow(&r->group_tensor, r->groups, REDUX_INT64, 1, shape, NULL));
    ck_assert_redux_ok(
        redux_tensor_borrow(&r->score_tensor, r->scores, REDUX_FLOAT64, 2, shape, NULL));
    r->predictions = defaults;
    r->predictions.labels = &r->label_tensor;
    r->predictions.scores = &r->score_tensor;
    r->predictions.groups = &r->group_tensor;
}

/* As tests/golden/intervals.py makes them. */
static void make(rows *r, int64_t n, int64_t k, int64_t groups, int64_t version)
{
    int64_t of_labels = n + 7, of_groups = n + 11, of_scores = 1000 * version + n;
    ck_assert_int_le(n, MOST);
    r->n = n;
    r->k = k;
    for (int64_t i = 0; i < n; i++) {
        r->labels[i] = next(&of_labels) % k;
        r->groups[i] = next(&of_groups) % groups;
        r->groups[i] = i < groups ? i : r->groups[i]; /* none is missing */
    }
    for (int64_t i = 0; i < n * k; i++)
        r->scores[i] = (double)(next(&of_scores) % 1000);
    for (int64_t i = 0; i < n; i++)
        r->scores[i * k + r->labels[i]] += (double)(150 + 20 * version + 40 * (r->groups[i] % 3));
    wrap(r);
}

/* The rows of a fold: those whose group is `fold` modulo the folds. */
static void take_fold(rows *out, const rows *all, int64_t fold, int64_t folds)
{
    out->n = 0;
    out->k = all->k;
    for (int64_t i = 0; i < all->n; i++) {
        if (all->groups[i] % folds != fold)
            continue;
        out->labels[out->n] = all->labels[i];
        out->groups[out->n] = all->groups[i];
        memcpy(out->scores + out->n++ * out->k, all->scores + i * out->k,
               (size_t)out->k * sizeof(double));
    }
    wrap(out);
}

static redux_run_set *make_set(redux_context *context, int64_t seeds, int64_t folds, int64_t groups,
                               int64_t version)
{
    static rows all, part;
    redux_run_set *set;
    ck_assert_redux_ok(redux_run_set_new(&set, context));
    for (int64_t s = 0; s < seeds; s++) {
        make(&all, 12 * groups, 2, groups, version + s);
        for (int64_t f = 0; f < folds; f++) {
            take_fold(&part, &all, f, folds);
            ck_assert_redux_ok(redux_run_set_add(
                set, context, (uint64_t)s, folds > 1 ? (int32_t)f : -1, &part.predictions, NULL));
        }
    }
    return set;
}

/* Largest difference from the next seven numbers of a line. */
static double differ(const redux_scores *scores, char **at)
{
    double worst = 0;
    for (int f = 0; f < FIGURES; f++) {
        const double wanted = strtod(*at, at), have = rdx_figure_of(scores, f);
        ck_assert_msg(isnan(wanted) == isnan(have) && (isnan(have) || fabs(wanted - have) < 1e-9),
                      "figure %d: %.17g, not %.17g", f, have, wanted);
        worst = isnan(have) ? worst : fmax(worst, fabs(wanted - have));
    }
    return worst;
}

static double check_one(char *at, redux_context *context)
{
    static rows r;
    redux_scores low = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
    const int64_t n = strtoll(at, &at, 10), k = strtoll(at, &at, 10), groups = strtoll(at, &at, 10);
    make(&r, n, k, groups, 1);
    ck_assert_redux_ok(redux_scores_interval(&low, &high, context, &r.predictions, 0.95));
    const double worst = differ(&low, &at);
    return fmax(worst, differ(&high, &at));
}

static double check_set(char *at, redux_context *context)
{
    redux_scores mean = REDUX_SCORES_INIT, deviation = mean, runs = mean, low = mean, high = mean;
    redux_run_set_counts counts = {.struct_size = sizeof counts};
    const int64_t seeds = strtoll(at, &at, 10), folds = strtoll(at, &at, 10);
    const int64_t groups = strtoll(at, &at, 10);
    redux_run_set *set = make_set(context, seeds, folds, groups, 1);
    ck_assert_redux_ok(redux_run_set_scores(&mean, &deviation, &runs, context, set));
    ck_assert_redux_ok(redux_run_set_interval(&low, &high, context, set, 0.95));
    ck_assert_redux_ok(redux_run_set_get_counts(&counts, context, set));
    ck_assert(counts.seeds == seeds && counts.folds == folds && counts.groups == groups);
    ck_assert(counts.runs == seeds * folds && counts.rows == 12 * groups * seeds);
    ck_assert_double_eq(runs.auc, (double)(seeds * folds));
    ck_assert_str_eq(redux_run_set_why(context, set), "");
    redux_run_set_free(set);
    const double first = differ(&mean, &at), second = differ(&deviation, &at);
    const double third = differ(&low, &at);
    return fmax(fmax(first, second), fmax(third, differ(&high, &at)));
}

static double check_comparison(char *at, redux_context *context)
{
    redux_scores difference = REDUX_SCORES_INIT, low = difference, high = low, p = low;
    const int64_t seeds = strtoll(at, &at, 10), folds = strtoll(at, &at, 10);
    const int64_t groups = strtoll(at, &at, 10);
    redux_run_set *a = make_set(context, seeds, folds, groups, 1);
    redux_run_set *b = make_set(context, seeds, folds, groups, 6);
    ck_assert_redux_ok(
        redux_run_set_compare(&difference, &low, &high, &p, context, a, b, 0.95, 1 << groups, 0));
    double worst = differ(&difference, &at);
    worst = fmax(worst, differ(&low, &at));
    worst = fmax(worst, differ(&high, &at));
    (void)differ(&p, &at); /* shares of 4,096 */
    redux_scores sampled = REDUX_SCORES_INIT;
    /* Random signs agree with all of them: five standard errors of 4,000 draws. */
    ck_assert_redux_ok(
        redux_run_set_compare(NULL, NULL, NULL, &sampled, context, a, b, 0.95, 4000, 3));
    ck_assert_double_eq_tol(sampled.auc, p.auc, 5 * sqrt(p.auc * (1 - p.auc) / 4000) + 1.0 / 4000);
    ck_assert_redux_ok(
        redux_run_set_compare(&difference, NULL, NULL, &p, context, a, a, 0.95, 99, 3));
    ck_assert(difference.auc == 0 && p.auc == 1);
    redux_run_set_free(a);
    redux_run_set_free(b);
    return worst;
}

START_TEST(agrees_with_scipy)
{
    FILE *file = fopen("tests/golden/data/intervals.tsv", "r");
    char line[4096];
    double worst = 0, p, df, value;
    int lines = 0;
    ck_assert_ptr_nonnull(file);
    redux_context *context = context_of(2);
    for (; fgets(line, sizeof line, file) != NULL; lines++) {
        char *at = strchr(line, '\t');
        ck_assert_ptr_nonnull(at);
        if (strncmp(line, "one", 3) == 0)
            worst = fmax(worst, check_one(at, context));
        else if (strncmp(line, "set", 3) == 0)
            worst = fmax(worst, check_set(at, context));
        else if (strncmp(line, "compare", 7) == 0)
            worst = fmax(worst, check_comparison(at, context));
        else {
            p = strtod(at, &at);
            df = strtod(at, &at);
            value = strtod(at, &at);
            ck_assert_double_eq_tol(rdx_student_quantile(p, df), value, 1e-9 * fabs(value));
        }
    }
    ck_assert_int_gt(lines, 45);
    fclose(file);
    redux_context_free(context);
    report_difference("intervals over groups", worst);
}
END_TEST

/* Groups are recognised by number or name; threads do not matter. */
START_TEST(threads_and_names)
{
    static rows r;
    redux_scores low[3], high[3];
    char text[MOST][8];
    const char *names[MOST];
    make(&r, 300, 2, 30, 2);
    for (int i = 0; i < 30; i++) {
        snprintf(text[i], sizeof text[i], "p%d", 97 - i);
        names[i] = text[i];
    }
    for (int i = 0; i < 3; i++) {
        const redux_scores empty = REDUX_SCORES_INIT;
        redux_context *context = context_of(i + 1);
        redux_run_set *set;
        low[i] = high[i] = empty;
        ck_assert_redux_ok(redux_run_set_new(&set, context));
        ck_assert_redux_ok(redux_run_set_add(set, context, 1, -1, &r.predictions, names));
        ck_assert_redux_ok(redux_run_set_interval(&low[i], &high[i], context, set, 0.95));
        redux_run_set_free(set);
        redux_context_free(context);
    }
    ck_assert_mem_eq(&low[0], &low[1], sizeof low[0]);
    ck_assert_mem_eq(&high[0], &high[2], sizeof high[0]);
}
END_TEST

/* Many groups are left out several at a time; the interval hardly changes. */
START_TEST(many_groups)
{
    enum { N = 6000 };
    static int32_t labels[N];
    static double scores[N];
    const int64_t shape[] = {N};
    redux_scores low = REDUX_SCORES_INIT, high = low;
    redux_predictions p = REDUX_PREDICTIONS_INIT;
    redux_tensor of_labels, of_scores;
    for (int i = 0; i < N; i++) {
        const redux_random_key key = {3, 0, 0, (uint64_t)i};
        labels[i] = i % 2;
        scores[i] =
            (redux_random_u32(&key, 0) % 700 + (labels[i] ? redux_random_u32(&key, 1) % 300 : 0)) /
            1000.0;
    }
    ck_assert_redux_ok(redux_tensor_borrow(&of_labels, labels, REDUX_INT32, 1, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&of_scores, scores, REDUX_FLOAT64, 1, shape, NULL));
    p.labels = &of_labels;
    p.scores = &of_scores;
    ck_assert_redux_ok(redux_scores_interval(&low, &high, NULL, &p, 0.95));
    redux_scores s = REDUX_SCORES_INIT;
    ck_assert_redux_ok(redux_scores_compute(&s, NULL, &p));
    /* The binomial standard error of the accuracy, within a tenth. */
    const double error = sqrt(s.accuracy * (1 - s.accuracy) / N);
    ck_assert_double_eq_tol((high.accuracy - low.accuracy) / (2 * 1.96 * error), 1, 0.1);
}
END_TEST

/* No interval where it would promise too much, and the reason. */
START_TEST(no_interval)
{
    static rows r;
    redux_scores low = REDUX_SCORES_INIT, high = low;
    redux_run_set *set;
    make(&r, 90, 2, 9, 1);
    ck_assert_redux_ok(redux_scores_interval(&low, &high, NULL, &r.predictions, 0.95));
    ck_assert(isnan(low.auc) && isnan(high.accuracy));
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    ck_assert_str_eq(redux_run_set_why(NULL, set), "there are no runs");
    ck_assert_redux_ok(redux_run_set_add(set, NULL, 0, -1, &r.predictions, NULL));
    ck_assert_ptr_nonnull(strstr(redux_run_set_why(NULL, set), "fewer than 10 groups"));
    redux_run_set_free(set);
    /* One group alone has a class. */
    make(&r, 200, 2, 20, 1);
    for (int64_t i = 0; i < r.n; i++)
        r.labels[i] = r.groups[i] == 3;
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    ck_assert_redux_ok(redux_run_set_add(set, NULL, 0, -1, &r.predictions, NULL));
    ck_assert_str_eq(redux_run_set_why(NULL, set), "one group has all rows of a class");
    redux_run_set_free(set);
    /* All right: the bound of a binomial share. */
    make(&r, 200, 2, 20, 1);
    for (int64_t i = 0; i < r.n; i++)
        r.scores[2 * i + r.labels[i]] = 9999;
    ck_assert_redux_ok(redux_scores_interval(&low, &high, NULL, &r.predictions, 0.95));
    ck_assert_double_eq(high.auc, 1);
    ck_assert_double_eq_tol(low.auc, pow(0.025, 1.0 / 20), 1e-12);
    for (int64_t i = 0; i < r.n; i++)
        r.scores[2 * i + r.labels[i]] = -9999;
    ck_assert_redux_ok(redux_scores_interval(&low, &high, NULL, &r.predictions, 0.95));
    ck_assert_double_eq(low.auc, 0);
    ck_assert_double_eq_tol(high.auc, 1 - pow(0.025, 1.0 / 20), 1e-12);
}
END_TEST

/* A fold with one class has no AUC; the mean is over the others. */
START_TEST(fold_of_one_class)
{
    static rows all, part;
    redux_scores mean = REDUX_SCORES_INIT, runs = mean, of_fold[3] = {mean, mean, mean};
    redux_run_set *set;
    make(&all, 300, 2, 30, 1);
    for (int64_t i = 0; i < all.n; i++)
        all.labels[i] = all.groups[i] % 3 == 0 ? 0 : all.labels[i];
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    for (int64_t f = 0; f < 3; f++) {
        take_fold(&part, &all, f, 3);
        ck_assert_redux_ok(redux_scores_compute(&of_fold[f], NULL, &part.predictions));
        ck_assert_redux_ok(redux_run_set_add(set, NULL, 5, (int32_t)f, &part.predictions, NULL));
    }
    ck_assert_redux_ok(redux_run_set_scores(&mean, NULL, &runs, NULL, set));
    ck_assert(isnan(of_fold[0].auc) && runs.auc == 2 && runs.accuracy == 3);
    ck_assert_double_eq_tol(mean.auc, (of_fold[1].auc + of_fold[2].auc) / 2, 1e-12);
    ck_assert_str_eq(redux_run_set_why(NULL, set), "");
    redux_run_set_free(set);
}
END_TEST

START_TEST(what_is_refused)
{
    static rows r, other;
    redux_scores low = REDUX_SCORES_INIT, high = low;
    redux_run_set *set, *rest;
    make(&r, 120, 2, 12, 1);
    make(&other, 120, 3, 12, 1);
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    ck_assert_redux_ok(redux_run_set_new(&rest, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_run_set_interval(&low, &high, NULL, set, 0.95));
    ck_assert_redux_ok(redux_run_set_add(set, NULL, 0, -1, &r.predictions, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_run_set_add(set, NULL, 0, -1, &r.predictions, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_run_set_add(set, NULL, 1, -1, &other.predictions, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_run_set_interval(&low, &high, NULL, set, 1));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_run_set_compare(NULL, NULL, NULL, &low, NULL, set, rest, 0.95, 9, 1));
    r.labels[5] ^= 1; /* another row */
    ck_assert_redux_ok(redux_run_set_add(rest, NULL, 0, -1, &r.predictions, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_run_set_compare(NULL, NULL, NULL, &low, NULL, set, rest, 0.95, 9, 1));
    r.group_tensor.shape[0] = 7;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_interval(&low, &high, NULL, &r.predictions, 0.9));
    redux_run_set_free(set);
    redux_run_set_free(rest);
    redux_run_set_free(NULL);
}
END_TEST

static void load(redux_status wanted, const char *text)
{
    redux_run_set *set;
    redux_run_set_counts counts = {.struct_size = sizeof counts};
    write_bytes(in_scratch("p.csv"), text, strlen(text));
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    ck_assert_redux(wanted, redux_run_set_load(set, NULL, in_scratch("p.csv"), 1));
    ck_assert_redux_ok(redux_run_set_get_counts(&counts, NULL, set));
    ck_assert_int_eq(counts.runs, wanted == REDUX_OK ? 2 : 0);
    redux_run_set_free(set);
}

START_TEST(files)
{
    load(REDUX_OK, "seed,fold,source,slice,group,label,p_x,p_y\n"
                   "1,,q,0,a,x,0.5,0.5\n2,,q,0,a,x,0.5,0.5\n1,,q,1,b,y,0.1,0.9\n");
    load(REDUX_OK, "fold,source,slice,label,p_x,p_y\n0,q,1,x,0.5,0.5\n1,r,1,y,0.5,0.5\n");
    load(REDUX_E_FORMAT, "source,slice,label,p_x,p_y\nq,1,x,0.5,1.5\n");
    load(REDUX_E_FORMAT, "source,slice,label,p_x,p_y\nq,1,z,0.5,0.5\n");
    load(REDUX_E_FORMAT, "source,slice,label,p_x,p_y\nq,1,x,0.5,0.5\nq,1,x,0.5,0.5\n");
    load(REDUX_E_FORMAT, "seed,source,slice,label,p_x,p_y\n-1,q,1,x,0.5,0.5\n");
    load(REDUX_E_FORMAT, "source,slice,label,p_x\nq,1,x,0.5\n");
    load(REDUX_E_NOT_FOUND, "source,label,p_x,p_y\nq,x,0.5,0.5\n");
}
END_TEST

/* A file that is refused leaves nothing behind, its classes neither; those of a file that was taken
 * bind the next. */
START_TEST(a_refused_file_leaves_nothing)
{
    static const char bad[] = "source,slice,label,p_x,p_y\nq,1,x,0.5,1.5\n";
    static const char good[] = "source,slice,label,p_u,p_v,p_w\nq,1,u,0.5,0.5,0\n";
    static const char other[] = "seed,source,slice,label,p_u,p_w,p_v\n3,q,1,u,0.5,0.5,0\n";
    redux_run_set *set;
    redux_run_set_counts counts = {.struct_size = sizeof counts};
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    write_bytes(in_scratch("p.csv"), bad, sizeof bad - 1);
    ck_assert_redux(REDUX_E_FORMAT, redux_run_set_load(set, NULL, in_scratch("p.csv"), 1));
    write_bytes(in_scratch("p.csv"), good, sizeof good - 1);
    ck_assert_redux_ok(redux_run_set_load(set, NULL, in_scratch("p.csv"), 1));
    write_bytes(in_scratch("p.csv"), other, sizeof other - 1);
    ck_assert_redux(REDUX_E_INVALID, redux_run_set_load(set, NULL, in_scratch("p.csv"), 1));
    ck_assert_redux_ok(redux_run_set_get_counts(&counts, NULL, set));
    ck_assert(counts.runs == 1 && counts.classes == 3);
    redux_run_set_free(set);
}
END_TEST

/* By hand: Holm 1979. */
START_TEST(holm)
{
    const double p[] = {0.04, NAN, 0.01, 0.03, 0.01};
    double out[5];
    redux_scores_holm(out, p, 5);
    ck_assert(isnan(out[1]));
    ck_assert_double_eq_tol(out[2], 0.04, 1e-15);
    ck_assert_double_eq_tol(out[4], 0.04, 1e-15); /* 0.03, but not less than the one before */
    ck_assert_double_eq_tol(out[3], 0.06, 1e-15);
    ck_assert_double_eq_tol(out[0], 0.06, 1e-15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_set");
    TCase *tests = tcase_create("run_set");
    tcase_add_test(tests, agrees_with_scipy);
    tcase_add_test(tests, threads_and_names);
    tcase_add_test(tests, many_groups);
    tcase_add_test(tests, no_interval);
    tcase_add_test(tests, fold_of_one_class);
    tcase_add_test(tests, what_is_refused);
    tcase_add_test(tests, files);
    tcase_add_test(tests, a_refused_file_leaves_nothing);
    tcase_add_test(tests, holm);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
