/* SPDX-License-Identifier: MIT
 * NT-Xent, optimisers and schedules against PyTorch's, finite differences and plain sums. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "support/test.h"

#define GOLDEN "tests/golden/data/training.npz"

static redux_tensor golden(const char *key)
{
    redux_tensor tensor = REDUX_TENSOR_INIT;
    ck_assert_redux_ok(redux_npz_read(&tensor, NULL, GOLDEN, key));
    return tensor;
}

/* ---- NT-Xent ---- */

static const double temperatures[] = {0.07, 0.5, 5};

static double nt_xent(const redux_tensor *d, redux_context *context, const redux_tensor *z,
                      double temperature)
{
    void *workspace = malloc((size_t)redux_nt_xent_workspace(z->shape[0], z->dtype));
    double loss;
    ck_assert_redux_ok(redux_nt_xent(&loss, d, context, z, temperature, workspace));
    free(workspace);
    return loss;
}

static void check_nt_xent(const char *size, redux_dtype dtype, double tolerance)
{
    char key[64];
    redux_tensor z = REDUX_TENSOR_INIT, d = REDUX_TENSOR_INIT;
    snprintf(key, sizeof key, "nt_xent/%s/z", size);
    redux_tensor stored = golden(key);
    snprintf(key, sizeof key, "nt_xent/%s/loss", size);
    redux_tensor losses = golden(key);
    snprintf(key, sizeof key, "nt_xent/%s/gradient", size);
    redux_tensor gradients = golden(key);
    const int64_t n = redux_tensor_elements(&stored);
    ck_assert_redux_ok(redux_tensor_new(&z, NULL, dtype, 2, stored.shape));
    ck_assert_redux_ok(redux_tensor_new(&d, NULL, dtype, 2, stored.shape));
    ck_assert_redux_ok(redux_tensor_copy(&z, &stored));
    for (int t = 0; t < 3; t++) {
        const float *want = (const float *)gradients.data + t * n;
        double largest = 0;
        const double loss = nt_xent(&d, NULL, &z, temperatures[t]);
        ck_assert_double_eq_tol(loss, ((const double *)losses.data)[t], tolerance * 10);
        ck_assert_double_eq(nt_xent(NULL, NULL, &z, temperatures[t]), loss);
        for (int64_t i = 0; i < n; i++)
            largest = fmax(largest, fabs((double)want[i]));
        for (int64_t i = 0; i < n; i++) {
            const double have =
                dtype == REDUX_FLOAT32 ? (double)((float *)d.data)[i] : ((double *)d.data)[i];
            /* goldens are rounded to float */
            ck_assert_double_eq_tol(have, (double)want[i], (tolerance + 1e-7) * (largest + 1e-3));
        }
    }
    redux_tensor_release(&stored);
    redux_tensor_release(&losses);
    redux_tensor_release(&gradients);
    redux_tensor_release(&z);
    redux_tensor_release(&d);
}

START_TEST(nt_xent_is_pytorchs)
{
    static const char *const sizes[] = {"1_3", "5_8", "150_4"};
    for (int i = 0; i < 3; i++) {
        check_nt_xent(sizes[i], REDUX_FLOAT64, 1e-12);
        check_nt_xent(sizes[i], REDUX_FLOAT32, 2e-6);
    }
}
END_TEST

static redux_tensor random_rows(int64_t rows, int64_t width, redux_dtype dtype, double scale)
{
    const int64_t shape[] = {rows, width};
    const redux_random_key key = {7, 0, 0, 0};
    redux_tensor z = REDUX_TENSOR_INIT;
    ck_assert_redux_ok(redux_tensor_new(&z, NULL, dtype, 2, shape));
    for (int64_t i = 0; i < rows * width; i++) {
        const double x = scale * redux_random_normal(&key, (uint32_t)i);
        if (dtype == REDUX_FLOAT64)
            ((double *)z.data)[i] = x;
        else
            ((float *)z.data)[i] = (float)x;
    }
    return z;
}

START_TEST(nt_xent_gradient_is_the_losss_slope)
{
    redux_tensor z = random_rows(14, 5, REDUX_FLOAT64, 1), d = random_rows(14, 5, REDUX_FLOAT64, 1);
    double *x = z.data, worst = 0, most = 0;
    nt_xent(&d, NULL, &z, 0.3);
    for (int i = 0; i < 70; i++) {
        const double h = 1e-5, at = x[i];
        x[i] = at + h;
        const double up = nt_xent(NULL, NULL, &z, 0.3);
        x[i] = at - h;
        const double down = nt_xent(NULL, NULL, &z, 0.3);
        x[i] = at;
        const double slope = (up - down) / (2 * h);
        ck_assert_double_eq_tol(((double *)d.data)[i], slope, 1e-9);
        worst = fmax(worst, fabs(((double *)d.data)[i] - slope));
        most = fmax(most, fabs(slope));
    }
    report_difference("slopes of NT-Xent", worst / most);
    redux_tensor_release(&z);
    redux_tensor_release(&d);
}
END_TEST

/* Similarities of thousands over a small temperature would overflow any exponential. */
START_TEST(nt_xent_is_stable)
{
    redux_tensor z = random_rows(600, 16, REDUX_FLOAT32, 30);
    redux_tensor d = random_rows(600, 16, REDUX_FLOAT32, 1);
    const double loss = nt_xent(&d, NULL, &z, 1e-3);
    ck_assert(isfinite(loss) && loss > 0);
    for (int i = 0; i < 600 * 16; i++)
        ck_assert(isfinite(((float *)d.data)[i]));
    ((float *)z.data)[17] = NAN;
    ck_assert(isnan(nt_xent(&d, NULL, &z, 0.5)));
    redux_tensor_release(&z);
    redux_tensor_release(&d);
}
END_TEST

START_TEST(nt_xent_bits_do_not_depend_on_threads)
{
    redux_tensor z = random_rows(710, 33, REDUX_FLOAT32, 0.2);
    redux_tensor first = random_rows(710, 33, REDUX_FLOAT32, 1);
    redux_tensor d = random_rows(710, 33, REDUX_FLOAT32, 1);
    const double loss = nt_xent(&first, NULL, &z, 0.1);
    for (int threads = 2; threads < 4; threads++) {
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        ck_assert_double_eq(nt_xent(&d, context, &z, 0.1), loss);
        ck_assert_mem_eq(d.data, first.data, 710 * 33 * sizeof(float));
        redux_context_free(context);
    }
    redux_tensor_release(&z);
    redux_tensor_release(&first);
    redux_tensor_release(&d);
}
END_TEST

START_TEST(nt_xent_refuses_what_makes_no_sense)
{
    redux_tensor z = random_rows(6, 4, REDUX_FLOAT32, 1), d = random_rows(6, 4, REDUX_FLOAT32, 1);
    redux_tensor odd = z, doubles = d;
    double loss = 0, room[6 * 300];
    odd.shape[0] = 5;
    doubles.dtype = REDUX_FLOAT64;
    ck_assert(redux_nt_xent_workspace(6, REDUX_FLOAT32) <= sizeof room);
    ck_assert_uint_eq(redux_nt_xent_workspace(1, REDUX_FLOAT32), 0);
    ck_assert_uint_eq(redux_nt_xent_workspace(6, REDUX_INT8), 0);
    ck_assert_redux(REDUX_E_INVALID, redux_nt_xent(NULL, &d, NULL, &z, 1, room));
    ck_assert_redux(REDUX_E_INVALID, redux_nt_xent(&loss, &d, NULL, &odd, 1, room));
    ck_assert_redux(REDUX_E_INVALID, redux_nt_xent(&loss, &doubles, NULL, &z, 1, room));
    ck_assert_redux(REDUX_E_INVALID, redux_nt_xent(&loss, &d, NULL, &z, 0, room));
    ck_assert_redux(REDUX_E_INVALID, redux_nt_xent(&loss, &d, NULL, &z, NAN, room));
    ck_assert_redux(REDUX_E_INVALID, redux_nt_xent(&loss, &d, NULL, &z, 1, NULL));
    redux_tensor_release(&z);
    redux_tensor_release(&d);
}
END_TEST

/* ---- optimisers ---- */

enum { WEIGHTS = 60, SIZE = 70, STEPS = 6 };

/* The golden's two parameters, the weight stored with its axes turned round, and a buffer. */
typedef struct problem {
    float value[SIZE], gradient[SIZE], buffer;
    redux_parameter parameters[3];
    const redux_parameter *list[3];
} problem;

static void set_up(problem *p)
{
    const int64_t shapes[] = {10, 6, 10}, strides[] = {1, 10};
    redux_tensor w0 = golden("optimiser/w0");
    memset(p, 0, sizeof *p);
    memcpy(p->value, w0.data, sizeof p->value);
    redux_tensor_release(&w0);
    for (int i = 0; i < 2; i++) {
        redux_parameter *q = &p->parameters[i];
        q->struct_size = sizeof *q;
        q->name = i == 0 ? "weight" : "bias";
        q->kind = i == 0 ? REDUX_PARAMETER_WEIGHT : REDUX_PARAMETER_NO_DECAY;
        ck_assert_redux_ok(redux_tensor_borrow(&q->value, p->value + i * WEIGHTS, REDUX_FLOAT32,
                                               i == 0 ? 2 : 1, shapes, i == 0 ? strides : NULL));
        ck_assert_redux_ok(redux_tensor_borrow(&q->gradient, p->gradient + i * WEIGHTS,
                                               REDUX_FLOAT32, i == 0 ? 2 : 1, shapes,
                                               i == 0 ? strides : NULL));
    }
    p->parameters[2].struct_size = sizeof *p->parameters;
    p->parameters[2].name = "running_mean";
    p->parameters[2].kind = REDUX_PARAMETER_BUFFER;
    ck_assert_redux_ok(redux_tensor_borrow(&p->parameters[2].value, &p->buffer, REDUX_FLOAT32, 1,
                                           (const int64_t[]){1}, NULL));
    for (int i = 0; i < 3; i++)
        p->list[i] = &p->parameters[i];
}

static redux_optimiser_options options_of(const char *key)
{
    redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
    options.weight_decay = 0.01;
    options.trust = 0.02;
    if (strcmp(key, "clip") == 0)
        options.clip_norm = 2;
    else
        ck_assert_redux_ok(redux_optimiser_parse(&options.kind, key));
    return options;
}

START_TEST(optimisers_are_pytorchs)
{
    static const char *const keys[] = {"sgd", "clip", "adam", "adamw", "lars"};
    redux_tensor gradients = golden("optimiser/gradients");
    for (int k = 0; k < 5; k++) {
        const redux_optimiser_options options = options_of(keys[k]);
        char key[32];
        problem p;
        redux_optimiser *optimiser;
        snprintf(key, sizeof key, "optimiser/%s", keys[k]);
        redux_tensor want = golden(key);
        set_up(&p);
        ck_assert_redux_ok(redux_optimiser_new(&optimiser, NULL, p.list, 3, &options));
        for (int step = 0; step < STEPS; step++) {
            double norm, sum = 0;
            memcpy(p.gradient, (float *)gradients.data + (ptrdiff_t)step * SIZE, sizeof p.gradient);
            for (int i = 0; i < SIZE; i++)
                sum += (double)p.gradient[i] * (double)p.gradient[i];
            ck_assert_redux_ok(redux_optimiser_step(&norm, NULL, optimiser, 0.1 * (1 + step)));
            ck_assert_double_eq_tol(norm, sqrt(sum), 1e-12);
            for (int i = 0; i < SIZE; i++) {
                const double w = ((double *)want.data)[step * SIZE + i];
                ck_assert_double_eq_tol((double)p.value[i], w, 4e-6 * (1 + fabs(w)));
            }
        }
        ck_assert_int_eq(redux_optimiser_steps(optimiser), STEPS);
        ck_assert(p.buffer == 0);
        redux_optimiser_free(optimiser);
        redux_tensor_release(&want);
    }
    redux_tensor_release(&gradients);
}
END_TEST

/* Steps without a gradient leave a parameter as if its optimiser began after them, and have no part
 * in the norm; the other goes on. */
START_TEST(an_absent_gradient_is_no_gradient)
{
    redux_tensor gradients = golden("optimiser/gradients");
    for (int kind = REDUX_OPTIMISER_SGD; kind <= REDUX_OPTIMISER_ADAMW; kind++) {
        redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
        problem late, whole;
        redux_optimiser *optimisers[2];
        int32_t absent = 1;
        options.kind = (redux_optimiser_kind)kind;
        set_up(&late);
        set_up(&whole);
        late.parameters[0].absent = &absent;
        ck_assert_redux_ok(redux_optimiser_new(&optimisers[0], NULL, late.list, 2, &options));
        ck_assert_redux_ok(redux_optimiser_new(&optimisers[1], NULL, whole.list, 1, &options));
        for (int step = 0; step < STEPS; step++) {
            double norm, sum = 0;
            const float *g = (const float *)gradients.data + (ptrdiff_t)step * SIZE;
            absent = step < 3;
            memcpy(late.gradient, g, sizeof late.gradient);
            memcpy(whole.gradient, g, sizeof whole.gradient);
            for (int i = absent ? WEIGHTS : 0; i < SIZE; i++)
                sum += (double)g[i] * (double)g[i];
            ck_assert_redux_ok(redux_optimiser_step(&norm, NULL, optimisers[0], 0.1));
            ck_assert_double_eq_tol(norm, sqrt(sum), 1e-12);
            if (!absent)
                ck_assert_redux_ok(redux_optimiser_step(NULL, NULL, optimisers[1], 0.1));
            ck_assert_mem_eq(late.value, whole.value, WEIGHTS * sizeof(float));
        }
        const int64_t count = redux_optimiser_tensor_count(optimisers[0]);
        const redux_parameter *missed = redux_optimiser_tensor(optimisers[0], count - 1);
        ck_assert_str_eq(missed->name, "optimiser.weight.missed");
        ck_assert_int_eq(*(const int64_t *)missed->value.data, 3);
        ck_assert_ptr_null(redux_optimiser_tensor(optimisers[0], count));
        redux_optimiser_free(optimisers[0]);
        redux_optimiser_free(optimisers[1]);
    }
    redux_tensor_release(&gradients);
}
END_TEST

/* A bias that is treated as a weight moves like one of the same values. */
START_TEST(all_parameters_may_be_decayed_and_adapted)
{
    redux_tensor gradients = golden("optimiser/gradients");
    for (int kind = REDUX_OPTIMISER_SGD; kind <= REDUX_OPTIMISER_ADAMW; kind++)
        for (int all = 0; all < 2; all++) {
            redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
            problem of_bias, of_weight;
            redux_optimiser *optimisers[2];
            options.kind = (redux_optimiser_kind)kind;
            options.weight_decay = 0.1;
            options.all_parameters = all;
            set_up(&of_bias);
            set_up(&of_weight);
            of_weight.parameters[1].kind = REDUX_PARAMETER_WEIGHT;
            problem *const problems[] = {&of_bias, &of_weight};
            for (int i = 0; i < 2; i++) {
                ck_assert_redux_ok(
                    redux_optimiser_new(&optimisers[i], NULL, problems[i]->list, 3, &options));
                memcpy(problems[i]->gradient, gradients.data, sizeof problems[i]->gradient);
                ck_assert_redux_ok(redux_optimiser_step(NULL, NULL, optimisers[i], 0.1));
                redux_optimiser_free(optimisers[i]);
            }
            ck_assert_int_eq(memcmp(of_bias.value, of_weight.value, sizeof of_bias.value) == 0,
                             all);
        }
    redux_tensor_release(&gradients);
}
END_TEST

/* Moments taken out and put into another optimiser go on with the same bits. */
START_TEST(state_is_all_that_going_on_needs)
{
    const redux_optimiser_options options = options_of("adam");
    redux_tensor gradients = golden("optimiser/gradients");
    redux_optimiser *one, *two;
    problem p, q;
    set_up(&p);
    ck_assert_redux_ok(redux_optimiser_new(&one, NULL, p.list, 3, &options));
    for (int step = 0; step < STEPS; step++) {
        memcpy(p.gradient, (float *)gradients.data + (ptrdiff_t)step * SIZE, sizeof p.gradient);
        if (step == 3) {
            set_up(&q);
            memcpy(q.value, p.value, sizeof q.value);
            ck_assert_redux_ok(redux_optimiser_new(&two, NULL, q.list, 3, &options));
            ck_assert_int_eq(redux_optimiser_tensor_count(two), 4);
            ck_assert_str_eq(redux_optimiser_tensor(two, 0)->name, "optimiser.weight.m");
            ck_assert_str_eq(redux_optimiser_tensor(two, 3)->name, "optimiser.bias.v");
            ck_assert_ptr_null(redux_optimiser_tensor(two, 4));
            for (int i = 0; i < 4; i++)
                ck_assert_redux_ok(redux_tensor_copy(&redux_optimiser_tensor(two, i)->value,
                                                     &redux_optimiser_tensor(one, i)->value));
            redux_optimiser_set_steps(two, redux_optimiser_steps(one));
        }
        ck_assert_redux_ok(redux_optimiser_step(NULL, NULL, one, 0.1));
        if (step >= 3) {
            memcpy(q.gradient, p.gradient, sizeof q.gradient);
            ck_assert_redux_ok(redux_optimiser_step(NULL, NULL, two, 0.1));
            ck_assert_mem_eq(p.value, q.value, sizeof p.value);
        }
    }
    redux_optimiser_free(one);
    redux_optimiser_free(two);
    redux_tensor_release(&gradients);
}
END_TEST

START_TEST(a_gradient_that_is_not_finite_changes_nothing)
{
    const redux_optimiser_options options = options_of("sgd");
    redux_optimiser *optimiser;
    problem p;
    float before[SIZE];
    double norm = 0;
    set_up(&p);
    memcpy(before, p.value, sizeof before);
    ck_assert_redux_ok(redux_optimiser_new(&optimiser, NULL, p.list, 3, &options));
    p.gradient[3] = INFINITY;
    ck_assert_redux_ok(redux_optimiser_step(&norm, NULL, optimiser, 0.1));
    ck_assert(!isfinite(norm));
    ck_assert_mem_eq(p.value, before, sizeof before);
    ck_assert_int_eq(redux_optimiser_steps(optimiser), 0);
    ck_assert_redux(REDUX_E_INVALID, redux_optimiser_step(NULL, NULL, optimiser, NAN));
    redux_optimiser_free(optimiser);
}
END_TEST

/* Several tiles, and threads that share them. */
START_TEST(large_parameters_come_out_the_same_on_any_threads)
{
    enum { LARGE = 200001 };
    const redux_optimiser_options options = options_of("lars");
    const int64_t shape[] = {LARGE};
    float *first = NULL;
    for (int threads = 1; threads < 4; threads++) {
        redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        redux_optimiser *optimiser;
        redux_parameter p = {.struct_size = sizeof p, .name = "w", .kind = REDUX_PARAMETER_WEIGHT};
        const redux_parameter *list[] = {&p};
        const redux_random_key key = {1, 2, 3, 4};
        double norm, sum = 0;
        context_options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &context_options));
        ck_assert_redux_ok(redux_tensor_new(&p.value, context, REDUX_FLOAT32, 1, shape));
        ck_assert_redux_ok(redux_tensor_new(&p.gradient, context, REDUX_FLOAT32, 1, shape));
        float *value = p.value.data, *gradient = p.gradient.data;
        for (int i = 0; i < LARGE; i++) {
            value[i] = (float)redux_random_normal(&key, (uint32_t)i);
            gradient[i] = value[(i * 7) % (i + 1)];
            sum += (double)gradient[i] * (double)gradient[i];
        }
        ck_assert_redux_ok(redux_optimiser_new(&optimiser, context, list, 1, &options));
        ck_assert_redux_ok(redux_optimiser_step(&norm, context, optimiser, 0.5));
        ck_assert_redux_ok(redux_optimiser_step(NULL, context, optimiser, 0.5));
        ck_assert_double_eq_tol(norm / sqrt(sum), 1, 1e-12);
        if (first == NULL) {
            first = malloc(LARGE * sizeof *first);
            ck_assert_ptr_nonnull(first);
            memcpy(first, value, LARGE * sizeof *first);
        }
        ck_assert_mem_eq(first, value, LARGE * sizeof *first);
        redux_optimiser_free(optimiser);
        redux_tensor_release(&p.value);
        redux_tensor_release(&p.gradient);
        redux_context_free(context);
    }
    free(first);
}
END_TEST

START_TEST(optimisers_refuse_what_makes_no_sense)
{
    redux_optimiser_options options = options_of("sgd");
    redux_optimiser *optimiser = NULL;
    redux_optimiser_kind kind;
    problem p;
    set_up(&p);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_optimiser_parse(&kind, "sgdd"));
    ck_assert_str_eq(redux_optimiser_name(REDUX_OPTIMISER_ADAMW), "adamw");
    options.momentum = 1;
    ck_assert_redux(REDUX_E_INVALID, redux_optimiser_new(&optimiser, NULL, p.list, 3, &options));
    options.momentum = 0.9;
    options.weight_decay = -1;
    ck_assert_redux(REDUX_E_INVALID, redux_optimiser_new(&optimiser, NULL, p.list, 3, &options));
    options.weight_decay = 0;
    p.parameters[0].gradient.strides[0] = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_optimiser_new(&optimiser, NULL, p.list, 3, &options));
    p.parameters[0].gradient = p.parameters[0].value;
    p.parameters[0].value.strides[1] = p.parameters[0].gradient.strides[1] = 20;
    ck_assert_redux(REDUX_E_INVALID, redux_optimiser_new(&optimiser, NULL, p.list, 3, &options));
    ck_assert_ptr_null(optimiser);
}
END_TEST

START_TEST(schedule_warms_up_and_falls)
{
    ck_assert_double_eq_tol(redux_schedule_cosine(0, 100, 10, 2, 0), 0.2, 1e-15);
    ck_assert_double_eq_tol(redux_schedule_cosine(9, 100, 10, 2, 0), 2, 1e-15);
    ck_assert_double_eq_tol(redux_schedule_cosine(10, 100, 10, 2, 0), 2, 1e-15);
    ck_assert_double_eq_tol(redux_schedule_cosine(55, 100, 10, 2, 1), 1.5, 1e-15);
    ck_assert_double_eq_tol(redux_schedule_cosine(100, 100, 10, 2, 0.5), 0.5, 1e-15);
    ck_assert_double_eq_tol(redux_schedule_cosine(0, 1, 0, 3, 0), 3, 1e-15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("training");
    TCase *cases = tcase_create("training");
    tcase_add_test(cases, nt_xent_is_pytorchs);
    tcase_add_test(cases, nt_xent_gradient_is_the_losss_slope);
    tcase_add_test(cases, nt_xent_is_stable);
    tcase_add_test(cases, nt_xent_bits_do_not_depend_on_threads);
    tcase_add_test(cases, nt_xent_refuses_what_makes_no_sense);
    tcase_add_test(cases, optimisers_are_pytorchs);
    tcase_add_test(cases, an_absent_gradient_is_no_gradient);
    tcase_add_test(cases, all_parameters_may_be_decayed_and_adapted);
    tcase_add_test(cases, state_is_all_that_going_on_needs);
    tcase_add_test(cases, a_gradient_that_is_not_finite_changes_nothing);
    tcase_add_test(cases, large_parameters_come_out_the_same_on_any_threads);
    tcase_add_test(cases, optimisers_refuse_what_makes_no_sense);
    tcase_add_test(cases, schedule_warms_up_and_falls);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
