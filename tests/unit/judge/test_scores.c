/* SPDX-License-Identifier: MIT
 * Figures of merit against scikit-learn's, intervals and tests against plain re-implementations. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "support/test.h"

enum { MOST = 400, CLASSES = 11 };

typedef struct run {
    redux_tensor labels, scores;
    redux_predictions predictions;
} run;

/* As tests/golden/scores.py makes them. */
static void make(run *r, int64_t n, int64_t k, int64_t kind)
{
    const redux_predictions defaults = REDUX_PREDICTIONS_INIT;
    const int64_t shape[] = {n, k};
    int64_t state = 12345 + 1000 * n + 10 * k + kind;
    ck_assert_redux_ok(redux_tensor_new(&r->labels, NULL, REDUX_INT64, 1, shape));
    ck_assert_redux_ok(redux_tensor_new(&r->scores, NULL, REDUX_FLOAT64, 2, shape));
    int64_t *labels = r->labels.data;
    double *scores = r->scores.data;
    for (int64_t i = 0; i < n * (k + 1); i++) {
        state = (1103515245 * state + 12345) % ((int64_t)1 << 31);
        if (i < n)
            labels[i] = (state >> 8) % k;
        else
            scores[i - n] = (double)((state >> 8) % (kind == 1 ? 7 : 1000));
    }
    for (int64_t i = 0; i < n; i++)
        scores[i * k + labels[i]] += kind == 1 ? 2 : 250;
    r->predictions = defaults;
    r->predictions.labels = &r->labels;
    r->predictions.scores = &r->scores;
}

static void release(run *r)
{
    redux_tensor_release(&r->labels);
    redux_tensor_release(&r->scores);
}

START_TEST(figures_are_sklearns)
{
    FILE *file = fopen("tests/golden/data/scores.tsv", "r");
    long long n, k, kind;
    double f[7], worst = 0;
    int cases = 0;
    ck_assert_ptr_nonnull(file);
    /* NOLINTNEXTLINE(cert-err34-c): a file of our own */
    while (fscanf(file, "%lld %lld %lld %lf %lf %lf %lf %lf %lf %lf", &n, &k, &kind, &f[0], &f[1],
                  &f[2], &f[3], &f[4], &f[5], &f[6]) == 10) {
        redux_scores s = REDUX_SCORES_INIT;
        run r;
        make(&r, n, k, kind);
        ck_assert_redux_ok(redux_scores_compute(&s, NULL, &r.predictions));
        const double have[7] = {s.accuracy, s.balanced_accuracy, s.auc,     s.average_precision,
                                s.f1,       s.f1_macro,          s.f1_micro};
        for (int i = 0; i < 7; i++) {
            ck_assert_double_eq_tol(have[i], f[i], 1e-12);
            worst = fmax(worst, fabs(have[i] - f[i]) / fmax(fabs(f[i]), 1e-300));
        }
        release(&r);
        cases++;
    }
    fclose(file);
    ck_assert_int_gt(cases, 12);
    report_difference("figures of merit", worst);
}
END_TEST

START_TEST(confusion_and_forms)
{
    const int64_t shape[] = {6}, square[] = {2, 2};
    const uint8_t labels[] = {0, 1, 1, 0, 1, 0};
    const float probabilities[] = {0.2F, 0.9F, 0.5F, 0.7F, 0.6F, 0.1F};
    int64_t counts[4];
    redux_predictions p = REDUX_PREDICTIONS_INIT;
    redux_scores s = REDUX_SCORES_INIT;
    redux_tensor truth, scores, matrix;
    ck_assert_redux_ok(
        redux_tensor_borrow(&truth, (void *)(uintptr_t)labels, REDUX_UINT8, 1, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&scores, (void *)(uintptr_t)probabilities, REDUX_FLOAT32,
                                           1, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&matrix, counts, REDUX_INT64, 2, square, NULL));
    p.labels = &truth;
    p.scores = &scores;
    ck_assert_redux_ok(redux_scores_confusion(&matrix, NULL, &p));
    ck_assert(counts[0] == 2 && counts[1] == 1 && counts[2] == 1 && counts[3] == 2);
    ck_assert_redux_ok(redux_scores_compute(&s, NULL, &p));
    ck_assert_double_eq_tol(s.auc, 7.0 / 9, 1e-12); /* pairs in the right order */
    ck_assert_double_eq_tol(s.f1, 4.0 / 6, 1e-12);
    p.positive = 0;
    ck_assert_redux_ok(redux_scores_compute(&s, NULL, &p));
    ck_assert_double_eq_tol(s.auc, 7.0 / 9, 1e-7); /* 1 - p is rounded */
    p.positive = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_compute(&s, NULL, &p));
}
END_TEST

START_TEST(one_class_only)
{
    const int64_t shape[] = {3, 2};
    redux_predictions p = REDUX_PREDICTIONS_INIT;
    redux_scores s = REDUX_SCORES_INIT;
    redux_tensor labels, scores;
    ck_assert_redux_ok(redux_tensor_new(&labels, NULL, REDUX_INT32, 1, shape));
    ck_assert_redux_ok(redux_tensor_new(&scores, NULL, REDUX_FLOAT32, 2, shape));
    p.labels = &labels;
    p.scores = &scores;
    ck_assert_redux_ok(redux_scores_compute(&s, NULL, &p));
    ck_assert(isnan(s.auc) && isnan(s.average_precision));
    ck_assert_double_eq(s.accuracy, 1);
    ck_assert_double_eq(s.f1, 0); /* class 1 is neither there nor called */
    ck_assert_double_eq(s.f1_macro, 1);
    ((int32_t *)labels.data)[1] = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_compute(&s, NULL, &p));
    ((int32_t *)labels.data)[1] = -1;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_compute(&s, NULL, &p));
    ((int32_t *)labels.data)[1] = 0;
    ((float *)scores.data)[1] = NAN;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_compute(&s, NULL, &p));
    labels.shape[0] = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_compute(&s, NULL, &p));
    labels.shape[0] = 0;
    scores.shape[0] = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_scores_compute(&s, NULL, &p));
    redux_tensor_release(&labels);
    redux_tensor_release(&scores);
}
END_TEST

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Accuracy over the same draws, and the order of the quantiles. */
START_TEST(bootstrap_draws_items)
{
    enum { N = 57, ROUNDS = 500 };
    redux_scores low[2] = {REDUX_SCORES_INIT, REDUX_SCORES_INIT};
    redux_scores high[2] = {REDUX_SCORES_INIT, REDUX_SCORES_INIT};
    double values[ROUNDS];
    run r;
    make(&r, N, 3, 0);
    for (int i = 0; i < 2; i++) {
        redux_context *context = context_of(1 + 2 * i);
        ck_assert_redux_ok(
            redux_scores_bootstrap(&low[i], &high[i], context, &r.predictions, ROUNDS, 0.9, 5));
        redux_context_free(context);
    }
    ck_assert_mem_eq(&low[0], &low[1], sizeof low[0]);
    ck_assert_mem_eq(&high[0], &high[1], sizeof high[0]);
    const int64_t *labels = r.labels.data;
    const double *scores = r.scores.data;
    for (int b = 0; b < ROUNDS; b++) {
        const redux_random_key key = {5, 0, 0x626f6f74u, (uint64_t)b};
        int right = 0;
        for (int i = 0; i < N; i++) {
            const int64_t j = (int64_t)redux_random_below(&key, (uint32_t)i, N);
            const double *row = scores + 3 * j;
            const int64_t best = row[1] > row[0]   ? (row[2] > row[1] ? 2 : 1)
                                 : row[2] > row[0] ? 2
                                                   : 0;
            right += best == labels[j];
        }
        values[b] = (double)right / N;
    }
    qsort(values, ROUNDS, sizeof *values, by_value);
    const double at = 0.05 * (ROUNDS - 1), part = at - floor(at);
    const int64_t k = (int64_t)floor(at);
    ck_assert_double_eq_tol(low[0].accuracy, values[k] + part * (values[k + 1] - values[k]), 1e-12);
    ck_assert_double_eq_tol(high[0].accuracy,
                            values[ROUNDS - 2 - k] +
                                (1 - part) * (values[ROUNDS - 1 - k] - values[ROUNDS - 2 - k]),
                            1e-12);
    ck_assert(low[0].auc < high[0].auc && low[0].f1 < high[0].f1);
    ck_assert_redux(REDUX_E_INVALID,
                    redux_scores_bootstrap(low, high, NULL, &r.predictions, 0, 0.9, 5));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_scores_bootstrap(low, high, NULL, &r.predictions, 9, 1, 5));
    release(&r);
}
END_TEST

/* Two runs over the same labels: against themselves, a copy that is a little worse, a useless one.
 */
START_TEST(runs_are_compared)
{
    enum { N = 400 };
    run a, b;
    redux_scores p = REDUX_SCORES_INIT, again = REDUX_SCORES_INIT;
    redux_context *context = context_of(2);
    make(&a, N, 2, 0);
    make(&b, N, 2, 0);
    ck_assert_redux_ok(redux_scores_compare(&p, context, &a.predictions, &b.predictions, 200, 1));
    ck_assert_double_eq(p.auc, 1);
    double *scores = b.scores.data;
    for (int64_t i = 0; i < 2 * N; i++) /* noise: nothing is known any more */
        scores[i] = (double)((i * 7919) % 1009);
    ck_assert_redux_ok(redux_scores_compare(&p, context, &a.predictions, &b.predictions, 999, 1));
    ck_assert_redux_ok(redux_scores_compare(&again, NULL, &a.predictions, &b.predictions, 999, 1));
    ck_assert_mem_eq(&p, &again, sizeof p);
    ck_assert_double_eq(p.auc, 0.001);
    ck_assert_double_eq(p.accuracy, 0.001);
    /* Accuracy: the swap is a sign flip of each item's difference; exact by the binomial. */
    release(&b);
    make(&b, N, 2, 0);
    scores = b.scores.data;
    const int64_t *labels = b.labels.data;
    const double *right = a.scores.data;
    int worse = 0;
    for (int64_t i = 0; i < N && worse < 6; i++) /* six items that a has right go wrong */
        if (right[2 * i + labels[i]] > right[2 * i + 1 - labels[i]]) {
            scores[2 * i + 1 - labels[i]] = scores[2 * i + labels[i]] + 1;
            worse++;
        }
    ck_assert_redux_ok(redux_scores_compare(&p, context, &a.predictions, &b.predictions, 20000, 3));
    ck_assert_double_eq_tol(p.accuracy, 2.0 / 64, 0.006); /* five standard errors */
    ((int64_t *)b.labels.data)[0] ^= 1;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_scores_compare(&p, context, &a.predictions, &b.predictions, 9, 3));
    redux_context_free(context);
    release(&a);
    release(&b);
}
END_TEST

START_TEST(seeds_are_summarised)
{
    const double values[] = {1, NAN, 2, 4};
    double mean, deviation;
    redux_scores_summarise(&mean, &deviation, values, 4);
    ck_assert_double_eq_tol(mean, 7.0 / 3, 1e-12);
    ck_assert_double_eq_tol(deviation, sqrt((16.0 + 1 + 25) / 9 / 2), 1e-12);
    redux_scores_summarise(&mean, &deviation, values, 2);
    ck_assert(mean == 1 && isnan(deviation));
    redux_scores_summarise(&mean, NULL, values + 1, 1);
    ck_assert(isnan(mean));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scores");
    TCase *tests = tcase_create("scores");
    tcase_add_test(tests, figures_are_sklearns);
    tcase_add_test(tests, confusion_and_forms);
    tcase_add_test(tests, one_class_only);
    tcase_add_test(tests, bootstrap_draws_items);
    tcase_add_test(tests, runs_are_compared);
    tcase_add_test(tests, seeds_are_summarised);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
