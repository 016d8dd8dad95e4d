/* SPDX-License-Identifier: MIT
 * Probes against scikit-learn and NumPy (tests/golden/probe.py); minima by finite differences. */
#include <math.h>
#include "support/test_io.h"

static const double strengths[] = {0.01, 1, 30};

/* The first 60 rows are training, the rest queries. */
typedef struct data {
    redux_tensor x, y, train, train_y, test;
} data;

static void open_data(data *d, int classes)
{
    golden(&d->x, text("x%d", classes));
    golden(&d->y, text("y%d", classes));
    ck_assert_redux_ok(redux_tensor_slice(&d->train, &d->x, 0, 0, 60, 1));
    ck_assert_redux_ok(redux_tensor_slice(&d->train_y, &d->y, 0, 0, 60, 1));
    ck_assert_redux_ok(redux_tensor_slice(&d->test, &d->x, 0, 60, 30, 1));
}

static void close_data(data *d)
{
    redux_tensor_release(&d->x);
    redux_tensor_release(&d->y);
    redux_tensor_release(&d->train);
    redux_tensor_release(&d->train_y);
    redux_tensor_release(&d->test);
}

/* The largest difference, over the largest entry. */
static double difference(const redux_tensor *have, const char *key)
{
    redux_tensor want;
    double most = 0, worst = 0;
    golden(&want, key);
    ck_assert_int_eq(redux_tensor_elements(have), redux_tensor_elements(&want));
    const double *a = have->data, *b = want.data;
    for (int64_t i = 0; i < redux_tensor_elements(&want); i++) {
        most = fmax(most, fabs(b[i]));
        worst = fmax(worst, fabs(a[i] - b[i]));
    }
    redux_tensor_release(&want);
    return worst / most;
}

static double worst_weight, worst_probability; /* of the test at hand */

static void check_fit(const data *d, int classes, int strength)
{
    const int64_t shape[] = {30, classes};
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_logistic_info info = {.struct_size = sizeof info};
    redux_logistic *model;
    redux_tensor p;
    options.c = strengths[strength];
    options.tolerance = 1e-10;
    ck_assert_redux_ok(
        redux_logistic_fit(&model, NULL, &d->train, &d->train_y, classes, &options, NULL));
    ck_assert_redux_ok(redux_logistic_get_info(&info, model));
    ck_assert_int_eq(info.converged, 1);
    const double weights = difference(&info.weights, text("weights%d_%d", classes, strength));
    const double biases = difference(&info.biases, text("biases%d_%d", classes, strength));
    ck_assert_double_lt(weights, 1e-5);
    ck_assert_double_lt(biases, 1e-5);
    worst_weight = fmax(worst_weight, fmax(weights, biases));
    ck_assert_redux_ok(redux_tensor_new(&p, NULL, REDUX_FLOAT64, 2, shape));
    ck_assert_redux_ok(redux_logistic_predict(&p, NULL, model, &d->test));
    const double apart = difference(&p, text("probabilities%d_%d", classes, strength));
    ck_assert_double_lt(apart, 1e-6);
    worst_probability = fmax(worst_probability, apart);
    redux_tensor_release(&p);
    redux_logistic_free(model);
}

START_TEST(logistic_is_sklearns)
{
    const int classes = _i == 0 ? 2 : 4;
    data d;
    open_data(&d, classes);
    worst_weight = worst_probability = 0;
    for (int i = 0; i < 3; i++)
        check_fit(&d, classes, i);
    report_difference("weights of a logistic regression", worst_weight);
    report_difference("its probabilities", worst_probability);
    close_data(&d);
}
END_TEST

/* A fit begun elsewhere ends in the same place, sooner. */
START_TEST(logistic_starts)
{
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_logistic_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    redux_logistic *first, *second;
    redux_tensor raw;
    data d;
    open_data(&d, 4);
    options.tolerance = 1e-9;
    ck_assert_redux_ok(redux_logistic_fit(&first, NULL, &d.train, &d.train_y, 4, &options, NULL));
    ck_assert_redux_ok(redux_logistic_fit(&second, NULL, &d.train, &d.train_y, 4, &options, first));
    ck_assert_redux_ok(redux_logistic_get_info(&a, first));
    ck_assert_redux_ok(redux_logistic_get_info(&b, second));
    ck_assert_int_eq(b.iterations, 0);
    ck_assert_int_gt(a.iterations, 5);
    ck_assert_double_eq_tol(a.loss, b.loss, 1e-9 * a.loss);
    redux_logistic_free(second);
    /* Features that are not standardised, from a model of standardised ones: the same scores. */
    options.standardise = 0;
    options.max_iterations = 1;
    options.c = 1e9;
    ck_assert_redux_ok(redux_logistic_fit(&second, NULL, &d.train, &d.train_y, 4, &options, first));
    ck_assert_redux_ok(redux_logistic_get_info(&b, second));
    ck_assert_redux_ok(redux_tensor_view(&raw, &b.scales));
    ck_assert_double_eq(((double *)raw.data)[0], 1);
    redux_tensor_release(&raw);
    ck_assert_double_lt(b.loss / options.c, a.loss);
    redux_logistic_free(second);
    /* Another number of classes. */
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&second, NULL, &d.train, &d.train_y, 5, &options, first));
    redux_logistic_free(first);
    close_data(&d);
}
END_TEST

START_TEST(neighbours_are_numpys)
{
    static const int ks[] = {1, 7, 100};
    double worst = 0;
    for (int c = 2; c <= 4; c += 2)
        for (int i = 0; i < 3; i++) {
            redux_knn_options options = REDUX_KNN_OPTIONS_INIT;
            const int64_t shape[] = {30, c};
            redux_tensor p;
            data d;
            open_data(&d, c);
            options.neighbours = ks[i];
            ck_assert_redux_ok(redux_tensor_new(&p, NULL, REDUX_FLOAT64, 2, shape));
            ck_assert_redux_ok(
                redux_knn_predict(&p, NULL, &d.train, &d.train_y, c, &d.test, &options));
            const double apart = difference(&p, text("knn%d_%d", c, ks[i]));
            ck_assert_double_lt(apart, 1e-12);
            worst = fmax(worst, apart);
            redux_tensor_release(&p);
            close_data(&d);
        }
    report_difference("nearest neighbours", worst);
}
END_TEST

/* Of equal neighbours the first one counts. */
START_TEST(equal_neighbours)
{
    const int64_t shape[] = {3, 2}, one[] = {1, 2};
    float rows[] = {0, 1, 2, 0, 1, 0}, query[] = {3, 0};
    int32_t classes[] = {0, 1, 0};
    double votes[2];
    redux_knn_options options = REDUX_KNN_OPTIONS_INIT;
    redux_tensor x, y, q, p;
    ck_assert_redux_ok(redux_tensor_borrow(&x, rows, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&y, classes, REDUX_INT32, 1, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&q, query, REDUX_FLOAT32, 2, one, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&p, votes, REDUX_FLOAT64, 2, one, NULL));
    options.neighbours = 1;
    ck_assert_redux_ok(redux_knn_predict(&p, NULL, &x, &y, 2, &q, &options));
    ck_assert_double_eq(votes[1], 1);
    options.neighbours = 2;
    ck_assert_redux_ok(redux_knn_predict(&p, NULL, &x, &y, 2, &q, &options));
    ck_assert_double_eq(votes[1], 0.5);
}
END_TEST

/* Many rows, so that there are several tiles: 1 and 3 threads. */
START_TEST(threads_do_not_matter)
{
    enum { ROWS = 1500, WIDTH = 24 };
    const int64_t shape[] = {ROWS, WIDTH}, out[] = {ROWS, 3};
    redux_context_options several = REDUX_CONTEXT_OPTIONS_INIT;
    redux_logistic_info infos[2] = {{.struct_size = sizeof *infos}, {.struct_size = sizeof *infos}};
    redux_context *contexts[2] = {NULL, NULL};
    redux_logistic *models[2];
    redux_tensor x, y, p[2];
    several.threads = 3;
    ck_assert_redux_ok(redux_context_new(&contexts[1], &several));
    ck_assert_redux_ok(redux_tensor_new(&x, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&y, NULL, REDUX_INT32, 1, shape));
    for (int i = 0; i < ROWS * WIDTH; i++)
        ((float *)x.data)[i] =
            (float)((i * 7919 + (i % 101) * (i % 37)) % 1009) / 1009 + (i / WIDTH % 3 == i % WIDTH);
    for (int i = 0; i < ROWS; i++)
        ((int32_t *)y.data)[i] = i % 3;
    for (int t = 0; t < 2; t++) {
        ck_assert_redux_ok(redux_logistic_fit(&models[t], contexts[t], &x, &y, 3, NULL, NULL));
        ck_assert_redux_ok(redux_logistic_get_info(&infos[t], models[t]));
        ck_assert_redux_ok(redux_tensor_new(&p[t], NULL, REDUX_FLOAT64, 2, out));
        ck_assert_redux_ok(redux_knn_predict(&p[t], contexts[t], &x, &y, 3, &x, NULL));
    }
    assert_same(&infos[0].weights, &infos[1].weights, "weights");
    assert_same(&infos[0].biases, &infos[1].biases, "biases");
    assert_same(&p[0], &p[1], "votes");
    for (int t = 0; t < 2; t++) {
        redux_tensor_release(&p[t]);
        redux_logistic_free(models[t]);
    }
    redux_tensor_release(&x);
    redux_tensor_release(&y);
    redux_context_free(contexts[1]);
}
END_TEST

START_TEST(what_is_wrong)
{
    const int64_t shape[] = {30, 2};
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_knn_options few = REDUX_KNN_OPTIONS_INIT;
    redux_logistic *model = NULL;
    redux_tensor p, copy;
    data d;
    open_data(&d, 2);
    options.c = 0;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&model, NULL, &d.train, &d.train_y, 2, &options, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&model, NULL, &d.train, &d.train_y, 1, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&model, NULL, &d.test, &d.train_y, 2, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&model, NULL, &d.train_y, &d.train_y, 2, NULL, NULL));
    ck_assert_redux_ok(redux_tensor_new(&copy, NULL, REDUX_FLOAT32, 2, d.train.shape));
    ck_assert_redux_ok(redux_tensor_copy(&copy, &d.train));
    ((float *)copy.data)[11] = (float)NAN;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&model, NULL, &copy, &d.train_y, 2, NULL, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "row 1, column 2"));
    ck_assert_ptr_null(model);
    ck_assert_redux_ok(redux_tensor_new(&p, NULL, REDUX_FLOAT64, 2, shape));
    few.neighbours = 0;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_knn_predict(&p, NULL, &d.train, &d.train_y, 2, &d.test, &few));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_knn_predict(&p, NULL, &d.train, &d.train_y, 4, &d.test, NULL));
    /* One class only is a constant answer, and labels out of range are none. */
    for (int i = 0; i < 60; i++)
        ((int32_t *)d.y.data)[i] = 2;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_logistic_fit(&model, NULL, &d.train, &d.train_y, 2, NULL, NULL));
    redux_tensor_release(&p);
    redux_tensor_release(&copy);
    close_data(&d);
}
END_TEST

int main(void)
{
    golden_archive = "tests/golden/data/probe.npz";
    Suite *suite = suite_create("probe");
    TCase *cases = tcase_create("all");
    tcase_add_loop_test(cases, logistic_is_sklearns, 0, 2);
    tcase_add_test(cases, logistic_starts);
    tcase_add_test(cases, neighbours_are_numpys);
    tcase_add_test(cases, equal_neighbours);
    tcase_add_test(cases, threads_do_not_matter);
    tcase_add_test(cases, what_is_wrong);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
