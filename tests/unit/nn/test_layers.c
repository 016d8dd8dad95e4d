/* SPDX-License-Identifier: MIT
 * Layers against PyTorch (tests/golden/layers.py), a brute-force convolution, and the slopes of
 * what they compute (finite differences in double). REPORT=1 in the environment prints differences.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "support/test.h"

#define GOLDEN "tests/golden/data/layers.npz"

static double worst; /* of the test at hand */

static void told(const char *what)
{
    if (getenv("REPORT") != NULL)
        printf("%s: largest relative difference %.1e\n", what, worst);
    worst = 0;
}

static double at(const redux_tensor *t, int64_t i)
{
    return t->dtype == REDUX_FLOAT64 ? ((const double *)t->data)[i] : (double)((float *)t->data)[i];
}

static void set(const redux_tensor *t, int64_t i, double value)
{
    if (t->dtype == REDUX_FLOAT64)
        ((double *)t->data)[i] = value;
    else
        ((float *)t->data)[i] = (float)value;
}

static redux_tensor make(redux_dtype dtype, int32_t ndim, const int64_t *shape)
{
    redux_tensor t;
    ck_assert_redux_ok(redux_tensor_new(&t, NULL, dtype, ndim, shape));
    return t;
}

static redux_tensor like(const redux_tensor *t)
{
    return make(t->dtype, t->ndim, t->shape);
}

/* A golden in a dtype; `weight`: told as [O, I, KH, KW], lying as [O, KH, KW, I]. */
static redux_tensor golden(redux_dtype dtype, const char *layer, const char *what)
{
    char key[64];
    redux_tensor stored, t;
    snprintf(key, sizeof key, "%s/%s", layer, what);
    ck_assert_redux_ok(redux_npz_read(&stored, NULL, GOLDEN, key));
    t = make(dtype, stored.ndim, stored.shape);
    ck_assert_redux_ok(redux_tensor_copy(&t, &stored));
    redux_tensor_release(&stored);
    return t;
}

static redux_tensor channels_last(redux_dtype dtype, const int64_t shape[4])
{
    static const int32_t order[] = {0, 3, 1, 2};
    const int64_t memory[] = {shape[0], shape[2], shape[3], shape[1]};
    redux_tensor t = make(dtype, 4, memory), view;
    ck_assert_redux_ok(redux_tensor_permute(&view, &t, order));
    redux_tensor_release(&t);
    return view;
}

static redux_tensor golden_weight(redux_dtype dtype, const char *layer, const char *what)
{
    redux_tensor plain = golden(dtype, layer, what), t = channels_last(dtype, plain.shape);
    ck_assert_redux_ok(redux_tensor_copy(&t, &plain));
    redux_tensor_release(&plain);
    return t;
}

/* Over the largest of what is wanted. */
static void assert_near(const redux_tensor *have, const redux_tensor *want, double tolerance)
{
    redux_tensor a, b;
    double most = 0, error = 0;
    ck_assert_redux_ok(redux_tensor_contiguous(&a, NULL, have, REDUX_FLOAT64));
    ck_assert_redux_ok(redux_tensor_contiguous(&b, NULL, want, REDUX_FLOAT64));
    ck_assert_int_eq(redux_tensor_elements(&a), redux_tensor_elements(&b));
    for (int64_t i = 0; i < redux_tensor_elements(&a); i++) {
        most = fmax(most, fabs(at(&b, i)));
        error = fmax(error, fabs(at(&a, i) - at(&b, i)));
    }
    worst = fmax(worst, error / fmax(most, 1e-300));
    ck_assert_double_le(error, tolerance * most + 1e-300);
    redux_tensor_release(&a);
    redux_tensor_release(&b);
}

static void assert_golden(const redux_tensor *have, const char *layer, const char *what,
                          double tolerance)
{
    redux_tensor want = golden(REDUX_FLOAT64, layer, what);
    if (strcmp(what, "dw") == 0 && want.ndim == 4) {
        redux_tensor weight = golden_weight(REDUX_FLOAT64, layer, what);
        redux_tensor_release(&want);
        want = weight;
    }
    assert_near(have, &want, tolerance);
    redux_tensor_release(&want);
}

static void release(redux_tensor *tensors, int count)
{
    for (int i = 0; i < count; i++)
        redux_tensor_release(&tensors[i]);
}

static const redux_dtype dtypes[] = {REDUX_FLOAT32, REDUX_FLOAT64};
static const double near_enough[] = {2e-6, 1e-13};

/* ---- against PyTorch ---- */

static void conv_case(const char *layer, int d)
{
    enum { X, W, B, R, Y, DX, DW, DB, COUNT };
    const redux_dtype dtype = dtypes[d];
    redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
    redux_tensor spec = golden(REDUX_FLOAT64, layer, "spec");
    redux_tensor t[COUNT] = {golden(dtype, layer, "x"), golden_weight(dtype, layer, "w"),
                             golden(dtype, layer, "b"), golden(dtype, layer, "r")};
    options.stride = (int32_t)at(&spec, 0);
    options.padding = (int32_t)at(&spec, 1);
    t[Y] = like(&t[R]);
    t[DX] = like(&t[X]);
    t[DW] = channels_last(dtype, t[W].shape);
    t[DB] = like(&t[B]);
    void *workspace = malloc((size_t)redux_conv2d_workspace(NULL, &t[X], &t[W], &options));
    ck_assert_redux_ok(redux_conv2d_forward(&t[Y], NULL, &t[X], &t[W], &t[B], &options, workspace));
    ck_assert_redux_ok(redux_conv2d_backward(&t[DX], &t[DW], &t[DB], NULL, &t[R], &t[X], &t[W],
                                             &options, workspace));
    assert_golden(&t[Y], layer, "y", near_enough[d]);
    assert_golden(&t[DX], layer, "dx", near_enough[d]);
    assert_golden(&t[DW], layer, "dw", near_enough[d]);
    assert_golden(&t[DB], layer, "db", near_enough[d]);
    /* Gradients by parameters are added to, those by inputs written. */
    ck_assert_redux_ok(redux_conv2d_backward(&t[DX], &t[DW], &t[DB], NULL, &t[R], &t[X], &t[W],
                                             &options, workspace));
    assert_golden(&t[DX], layer, "dx", near_enough[d]);
    set(&t[DB], 0, at(&t[DB], 0) / 2);
    redux_tensor db = golden(REDUX_FLOAT64, layer, "db");
    ck_assert_double_eq_tol(at(&t[DB], 0), at(&db, 0), 1e-4 * (1 + fabs(at(&db, 0))));
    free(workspace);
    redux_tensor_release(&db);
    redux_tensor_release(&spec);
    release(t, COUNT);
}

START_TEST(convolutions_are_pytorchs)
{
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < 6; i++) {
            char layer[16];
            snprintf(layer, sizeof layer, "conv/%d", i);
            conv_case(layer, d);
        }
        told(d == 0 ? "convolution, float32" : "convolution, float64");
    }
}
END_TEST

START_TEST(batch_norm_is_pytorchs)
{
    enum { X, S, W, B, R, Y, DX, DS, DW, DB, RM, RV, M, I, Z, COUNT };
    for (int d = 0; d < 2; d++) {
        const redux_dtype dtype = dtypes[d];
        redux_batch_norm_options options = REDUX_BATCH_NORM_OPTIONS_INIT;
        redux_tensor t[COUNT] = {golden(dtype, "norm", "x"), golden(dtype, "norm", "residual"),
                                 golden(dtype, "norm", "w"), golden(dtype, "norm", "b"),
                                 golden(dtype, "norm", "r")};
        const double tolerance = near_enough[d] * 3;
        t[Y] = like(&t[X]);
        t[DX] = like(&t[X]);
        t[DS] = like(&t[X]);
        t[Z] = like(&t[X]);
        for (int k = DW; k <= I; k++)
            t[k] = like(&t[W]);
        for (int64_t k = 0; k < t[RV].shape[0]; k++)
            set(&t[RV], k, 1);
        redux_batch_norm_state state = {&t[W], &t[B], &t[RM], &t[RV], &t[M], &t[I]};
        void *workspace = malloc((size_t)redux_batch_norm_workspace(&t[X]));
        options.relu = 1;
        ck_assert_redux_ok(
            redux_batch_norm_forward(&t[Y], NULL, &t[X], &t[S], &state, &options, workspace));
        ck_assert_redux_ok(redux_batch_norm_backward(&t[DX], &t[DS], &t[DW], &t[DB], NULL, &t[R],
                                                     &t[X], &t[Y], &state, &options, workspace));
        assert_golden(&t[Y], "norm", "y", tolerance);
        assert_golden(&t[DX], "norm", "dx", tolerance);
        assert_golden(&t[DS], "norm", "dresidual", tolerance);
        assert_golden(&t[DW], "norm", "dw", tolerance);
        assert_golden(&t[DB], "norm", "db", tolerance);
        assert_golden(&t[RM], "norm", "mean", tolerance);
        assert_golden(&t[RV], "norm", "variance", tolerance);
        options.relu = options.training = 0;
        ck_assert_redux_ok(
            redux_batch_norm_forward(&t[Z], NULL, &t[X], NULL, &state, &options, workspace));
        assert_golden(&t[Z], "norm", "z", tolerance);
        ck_assert_redux(REDUX_E_INVALID,
                        redux_batch_norm_backward(&t[DX], NULL, &t[DW], &t[DB], NULL, &t[R], &t[X],
                                                  &t[Z], &state, &options, workspace));
        free(workspace);
        release(t, COUNT);
        told(d == 0 ? "batch norm, float32" : "batch norm, float64");
    }
}
END_TEST

static void pool_case(const char *layer, bool is_max, int d)
{
    redux_pool_options options = REDUX_POOL_OPTIONS_INIT;
    redux_tensor spec = golden(REDUX_FLOAT64, layer, "spec");
    redux_tensor t[] = {golden(dtypes[d], layer, "x"), golden(dtypes[d], layer, "r"),
                        REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    options.kernel_height = (int32_t)at(&spec, 0);
    options.kernel_width = (int32_t)at(&spec, 1);
    options.stride = (int32_t)at(&spec, 2);
    options.padding = (int32_t)at(&spec, 3);
    t[2] = like(&t[1]);
    t[3] = like(&t[0]);
    if (is_max) {
        ck_assert_redux_ok(redux_max_pool_forward(&t[2], NULL, &t[0], &options));
        ck_assert_redux_ok(redux_max_pool_backward(&t[3], NULL, &t[1], &t[0], &t[2], &options));
    } else {
        ck_assert_redux_ok(redux_average_pool_forward(&t[2], NULL, &t[0], &options));
        ck_assert_redux_ok(redux_average_pool_backward(&t[3], NULL, &t[1], &options));
    }
    assert_golden(&t[2], layer, "y", near_enough[d]);
    assert_golden(&t[3], layer, "dx", near_enough[d]);
    redux_tensor_release(&spec);
    release(t, 4);
}

START_TEST(pools_are_pytorchs)
{
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < 6; i++) {
            char layer[16];
            snprintf(layer, sizeof layer, "%s/%d", i < 3 ? "max" : "average", i % 3);
            pool_case(layer, i < 3, d);
        }
    told("pooling");
}
END_TEST

START_TEST(linear_cross_entropy_and_normalisation_are_pytorchs)
{
    for (int d = 0; d < 2; d++) {
        const redux_dtype dtype = dtypes[d];
        redux_tensor t[] = {golden(dtype, "linear", "x"),
                            golden(dtype, "linear", "w"),
                            golden(dtype, "linear", "b"),
                            golden(dtype, "linear", "r"),
                            REDUX_TENSOR_INIT,
                            REDUX_TENSOR_INIT,
                            REDUX_TENSOR_INIT,
                            REDUX_TENSOR_INIT};
        for (int k = 0; k < 4; k++)
            t[4 + k] = like(&t[k == 0 ? 3 : k - 1]); /* y, dx, dw, db */
        void *workspace = malloc((size_t)redux_linear_workspace(NULL, &t[0], &t[1]));
        ck_assert_redux_ok(redux_linear_forward(&t[4], NULL, &t[0], &t[1], &t[2], workspace));
        ck_assert_redux_ok(
            redux_linear_backward(&t[5], &t[6], &t[7], NULL, &t[3], &t[0], &t[1], workspace));
        assert_golden(&t[4], "linear", "y", near_enough[d]);
        assert_golden(&t[5], "linear", "dx", near_enough[d]);
        assert_golden(&t[6], "linear", "dw", near_enough[d]);
        assert_golden(&t[7], "linear", "db", near_enough[d]);
        free(workspace);
        release(t, 8);
        told(d == 0 ? "linear, float32" : "linear, float64");

        redux_tensor x = golden(dtype, "cross", "x"),
                     labels = golden(REDUX_INT64, "cross", "labels");
        redux_tensor weights = golden(dtype, "cross", "weights"), dx = like(&x);
        redux_tensor losses = golden(REDUX_FLOAT64, "cross", "loss");
        redux_tensor gradients = golden(REDUX_FLOAT64, "cross", "dx"), gradient;
        for (int i = 0; i < 2; i++) {
            double loss;
            ck_assert_redux_ok(
                redux_cross_entropy(&loss, &dx, NULL, &x, &labels, i == 0 ? NULL : &weights));
            ck_assert_double_eq_tol(loss, at(&losses, i), near_enough[d] * 10);
            ck_assert_redux_ok(redux_tensor_select(&gradient, &gradients, 0, i));
            assert_near(&dx, &gradient, near_enough[d]);
            redux_tensor_release(&gradient);
        }
        redux_tensor c[] = {x, labels, weights, dx, losses, gradients};
        release(c, 6);

        redux_tensor u[] = {golden(dtype, "unit", "x"), golden(dtype, "unit", "r"),
                            REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
        u[2] = like(&u[0]);
        u[3] = like(&u[0]);
        ck_assert_redux_ok(redux_l2_normalise_forward(&u[2], NULL, &u[0]));
        ck_assert_redux_ok(redux_l2_normalise_backward(&u[3], NULL, &u[1], &u[0]));
        assert_golden(&u[2], "unit", "y", near_enough[d]);
        assert_golden(&u[3], "unit", "dx", near_enough[d]);
        release(u, 4);
        told(d == 0 ? "cross-entropy, L2, float32" : "cross-entropy, L2, float64");
    }
}
END_TEST

/* ---- against their definition ---- */

static redux_tensor random_tensor(redux_dtype dtype, int32_t ndim, const int64_t *shape,
                                  uint64_t seed)
{
    const redux_random_key key = {seed, 0, 0, 0};
    redux_tensor t = make(dtype, ndim, shape);
    for (int64_t i = 0; i < redux_tensor_elements(&t); i++)
        set(&t, i, redux_random_normal(&key, (uint32_t)i));
    return t;
}

/* Winograd's way (channels by 32, 3 x 3, stride 1) against the plain one in double precision: tiles
 * of either size, cut off at the border, more than a block of them, more than a chunk. */
START_TEST(convolutions_by_tiles_are_plain_ones)
{
    static const int64_t shapes[][5] = {
        {3, 8, 8, 32, 64},   {2, 7, 9, 64, 32},   {5, 2, 2, 32, 32},
        {2, 3, 5, 96, 32},   {1, 24, 21, 32, 32}, {70, 4, 4, 64, 96},
        {33, 6, 6, 32, 160}, {9, 56, 40, 32, 32}, {2, 1, 7, 32, 32}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t *n = shapes[s], weight[] = {n[4], n[3], 3, 3};
        const int64_t out[] = {n[0], n[1], n[2], n[4]};
        redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
        redux_tensor t[2][7], plain = random_tensor(REDUX_FLOAT32, 4, weight, 3);
        options.padding = 1;
        for (int d = 0; d < 2; d++) {
            const redux_dtype dtype = dtypes[d];
            t[d][0] = random_tensor(dtype, 4, n, 1);
            t[d][1] = channels_last(dtype, weight);
            t[d][2] = random_tensor(dtype, 1, &n[4], 4);
            t[d][3] = random_tensor(dtype, 4, out, 2);
            t[d][4] = make(dtype, 4, out);
            t[d][5] = make(dtype, 4, n);
            t[d][6] = channels_last(dtype, weight);
            ck_assert_redux_ok(redux_tensor_copy(&t[d][1], &plain));
            void *workspace =
                malloc((size_t)redux_conv2d_workspace(NULL, &t[d][0], &t[d][1], &options));
            ck_assert_redux_ok(redux_conv2d_forward(&t[d][4], NULL, &t[d][0], &t[d][1], &t[d][2],
                                                    &options, workspace));
            for (int twice = 0; twice < 2; twice++) /* weights' gradients are added to */
                ck_assert_redux_ok(redux_conv2d_backward(&t[d][5], &t[d][6], NULL, NULL, &t[d][3],
                                                         &t[d][0], &t[d][1], &options, workspace));
            free(workspace);
        }
        for (int i = 4; i < 7; i++)
            assert_near(&t[0][i], &t[1][i], 5e-6);
        release(t[0], 7);
        release(t[1], 7);
        redux_tensor_release(&plain);
    }
    told("convolution by tiles");
}
END_TEST

/* Root mean square of what is wrong over that of what is wanted. */
static double noise(const redux_tensor *have, const redux_tensor *want)
{
    double wrong = 0, all = 0;
    for (int64_t i = 0; i < redux_tensor_elements(want); i++) {
        wrong += (at(have, i) - at(want, i)) * (at(have, i) - at(want, i));
        all += at(want, i) * at(want, i);
    }
    return sqrt(wrong / all);
}

/* Forward and backward, the latter twice; t: x, w, r, then y, dx, dw. */
static redux_status both_ways(redux_tensor t[6], redux_conv2d_options options)
{
    void *workspace = malloc((size_t)redux_conv2d_workspace(NULL, &t[0], &t[1], &options) + 1);
    redux_status status =
        redux_conv2d_forward(&t[3], NULL, &t[0], &t[1], NULL, &options, workspace);
    for (int twice = 0; twice < 2 && status == REDUX_OK; twice++)
        status = redux_conv2d_backward(&t[4], &t[5], NULL, NULL, &t[2], &t[0], &t[1], &options,
                                       workspace);
    free(workspace);
    return status;
}

/* Shapes [N, H, W, I, O, K, stride], all six tensors; whole: small integers, whose products and
 * sums are exact however they are rounded. */
static void rounded_case(redux_tensor t[6], const int64_t shape[7], bool whole)
{
    const int64_t pad = shape[5] / 2, weight[] = {shape[4], shape[3], shape[5], shape[5]};
    const int64_t out[] = {shape[0], (shape[1] + 2 * pad - shape[5]) / shape[6] + 1,
                           (shape[2] + 2 * pad - shape[5]) / shape[6] + 1, shape[4]};
    redux_tensor plain = random_tensor(REDUX_FLOAT32, 4, weight, 3);
    t[0] = random_tensor(REDUX_FLOAT32, 4, shape, 1);
    t[1] = channels_last(REDUX_FLOAT32, weight);
    t[2] = random_tensor(REDUX_FLOAT32, 4, out, 2);
    ck_assert_redux_ok(redux_tensor_copy(&t[1], &plain));
    redux_tensor_release(&plain);
    t[3] = make(REDUX_FLOAT32, 4, out);
    t[4] = make(REDUX_FLOAT32, 4, shape);
    t[5] = channels_last(REDUX_FLOAT32, weight);
    for (int k = 0; k < 3 && whole; k++)
        for (int64_t i = 0; i < redux_tensor_elements(&t[k]); i++)
            set(&t[k], i, round(3 * at(&t[k], i)));
}

static bool has_bfloat16(void)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network = NULL;
    options.width = 0.125;
    options.products = REDUX_PRODUCTS_BFLOAT16;
    const redux_status status = redux_network_new(&network, NULL, &options);
    redux_network_free(network);
    ck_assert(status == REDUX_OK || status == REDUX_E_UNSUPPORTED);
    if (strcmp(redux_cpu_tier(), "avx512") != 0)
        ck_assert_int_eq(status, REDUX_E_UNSUPPORTED);
    return status == REDUX_OK;
}

/* Rounding to 8 bits is wrong by 2^-9 at most, 1.7e-3 of a product as a rule; Winograd's transforms
 * make that two and six times as much. */
START_TEST(convolutions_of_rounded_numbers)
{
    static const struct {
        int64_t shape[7];
        double noise; /* 0: no rounding at all */
    } cases[] = {{{8, 16, 16, 64, 64, 3, 1}, 1.6e-2}, {{8, 6, 6, 32, 96, 3, 1}, 6e-3},
                 {{33, 4, 4, 64, 32, 3, 1}, 1.6e-2},  {{3, 1, 2, 32, 32, 3, 1}, 6e-3},
                 {{8, 16, 16, 64, 128, 3, 2}, 3e-3},  {{7, 5, 5, 64, 96, 1, 1}, 3e-3},
                 {{3, 7, 5, 32, 64, 1, 2}, 3e-3},     {{1, 3, 3, 32, 32, 1, 1}, 4e-3},
                 {{5, 5, 3, 64, 32, 5, 1}, 3e-3},     {{5, 5, 3, 3, 32, 5, 1}, 0},
                 {{2, 6, 6, 48, 32, 3, 1}, 0}};
    if (!has_bfloat16())
        return;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
        redux_tensor want[6], have[6];
        options.stride = (int32_t)cases[k].shape[6];
        options.padding = (int32_t)cases[k].shape[5] / 2;
        rounded_case(want, cases[k].shape, false);
        rounded_case(have, cases[k].shape, false);
        ck_assert_redux_ok(both_ways(want, options));
        options.products = REDUX_PRODUCTS_BFLOAT16;
        ck_assert_redux_ok(both_ways(have, options));
        for (int i = 3; i < 6; i++) {
            const double is = noise(&have[i], &want[i]);
            worst = fmax(worst, is);
            ck_assert_double_le(is, cases[k].noise);
            ck_assert(cases[k].noise == 0 || is > 1e-3); /* they were rounded */
        }
        release(want, 6);
        release(have, 6);
    }
    told("convolution of rounded numbers (root mean square)");
}
END_TEST

/* What is exact stays exact: every pair meets its own partner, whatever is left of rows. */
START_TEST(convolutions_of_whole_numbers_are_exact)
{
    static const int64_t shapes[][7] = {{8, 16, 16, 64, 128, 3, 2}, {7, 5, 5, 64, 96, 1, 1},
                                        {3, 7, 5, 32, 64, 1, 2},    {1, 1, 1, 32, 32, 1, 1},
                                        {5, 5, 3, 64, 32, 5, 1},    {40, 9, 9, 32, 32, 3, 2}};
    if (!has_bfloat16())
        return;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
        redux_tensor want[6], have[6];
        options.stride = (int32_t)shapes[k][6];
        options.padding = (int32_t)shapes[k][5] / 2;
        rounded_case(want, shapes[k], true);
        rounded_case(have, shapes[k], true);
        ck_assert_redux_ok(both_ways(want, options));
        options.products = REDUX_PRODUCTS_BFLOAT16;
        ck_assert_redux_ok(both_ways(have, options));
        for (int i = 3; i < 6; i++)
            for (int64_t j = 0; j < redux_tensor_elements(&want[i]); j++)
                ck_assert(at(&have[i], j) == at(&want[i], j));
        release(want, 6);
        release(have, 6);
    }
}
END_TEST

/* Several tiles, several chunks: larger than the goldens. */
START_TEST(convolution_is_the_sum_that_it_says)
{
    const int64_t in[] = {5, 19, 17, 24}, weight[] = {40, 24, 3, 3}, out[] = {5, 10, 9, 40};
    redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
    redux_tensor x = random_tensor(REDUX_FLOAT32, 4, in, 1), y = make(REDUX_FLOAT32, 4, out);
    redux_tensor w = channels_last(REDUX_FLOAT32, weight),
                 dw = channels_last(REDUX_FLOAT32, weight);
    redux_tensor r = random_tensor(REDUX_FLOAT32, 4, out, 2), dx = make(REDUX_FLOAT32, 4, in);
    const redux_random_key key = {3, 0, 0, 0};
    for (int i = 0; i < 40 * 24 * 9; i++)
        ((float *)w.data)[i] = (float)redux_random_normal(&key, (uint32_t)i);
    options.stride = 2;
    options.padding = 1;
    void *workspace = malloc((size_t)redux_conv2d_workspace(NULL, &x, &w, &options));
    ck_assert_redux_ok(redux_conv2d_forward(&y, NULL, &x, &w, NULL, &options, workspace));
    ck_assert_redux_ok(
        redux_conv2d_backward(&dx, &dw, NULL, NULL, &r, &x, &w, &options, workspace));
    double *gradient = calloc(40 * 9 * 24, sizeof *gradient);
    double *back = calloc(5 * 19 * 17 * 24, sizeof *back);
    ck_assert(gradient != NULL && back != NULL);
    for (int64_t q = 0; q < 5 * 10 * 9; q++)
        for (int64_t o = 0; o < 40; o++) {
            double sum = 0;
            for (int64_t k = 0; k < 9; k++) {
                const int64_t row = q / 9 % 10 * 2 + k / 3 - 1, column = q % 9 * 2 + k % 3 - 1;
                if (row < 0 || row >= 19 || column < 0 || column >= 17)
                    continue;
                const int64_t pixel = ((q / 90 * 19 + row) * 17 + column) * 24;
                for (int64_t c = 0; c < 24; c++) {
                    sum += at(&x, pixel + c) * (double)((float *)w.data)[(o * 9 + k) * 24 + c];
                    gradient[(o * 9 + k) * 24 + c] += at(&x, pixel + c) * at(&r, q * 40 + o);
                    back[pixel + c] +=
                        (double)((float *)w.data)[(o * 9 + k) * 24 + c] * at(&r, q * 40 + o);
                }
            }
            ck_assert_double_eq_tol(at(&y, q * 40 + o), sum, 2e-4);
        }
    for (int64_t i = 0; i < 40 * 9 * 24; i++)
        ck_assert_double_eq_tol((double)((float *)dw.data)[i], gradient[i], 5e-4);
    for (int64_t i = 0; i < 5 * 19 * 17 * 24; i++)
        ck_assert_double_eq_tol(at(&dx, i), back[i], 3e-4);
    free(gradient);
    free(back);
    free(workspace);
    redux_tensor t[] = {x, y, w, dw, r, dx};
    release(t, 6);
}
END_TEST

/* ---- slopes ---- */

/* A layer as a function of some tensors, whose outputs are weighted into one number. */
typedef struct layer {
    redux_tensor in[4], d_in[4]; /* what the derivative is taken by */
    int inputs;
    redux_tensor out, d_out;
    redux_tensor extra[4];
    void *workspace;
    const void *options;
    void (*forward)(struct layer *);
    void (*backward)(struct layer *);
} layer;

static double value(layer *l)
{
    double sum = 0;
    l->forward(l);
    for (int64_t i = 0; i < redux_tensor_elements(&l->out); i++)
        sum += at(&l->out, i) * at(&l->d_out, i);
    return sum;
}

static void check_slopes(layer *l, const char *name)
{
    value(l);
    l->backward(l);
    for (int k = 0; k < l->inputs; k++) {
        double most = 0;
        for (int64_t i = 0; i < redux_tensor_elements(&l->in[k]); i++)
            most = fmax(most, fabs(((double *)l->d_in[k].data)[i]));
        for (int64_t i = 0; i < redux_tensor_elements(&l->in[k]); i++) {
            double *x = (double *)l->in[k].data + i;
            const double h = 1e-5, before = *x;
            *x = before + h;
            const double up = value(l);
            *x = before - h;
            const double down = value(l);
            *x = before;
            const double error = fabs((up - down) / (2 * h) - ((double *)l->d_in[k].data)[i]);
            worst = fmax(worst, error / most);
            ck_assert_double_le(error, 1e-7 * most);
        }
    }
    told(name);
    free(l->workspace);
    release(l->in, 4);
    release(l->d_in, 4);
    release(l->extra, 4);
    redux_tensor_release(&l->out);
    redux_tensor_release(&l->d_out);
}

static void conv_forward(layer *l)
{
    ck_assert_redux_ok(redux_conv2d_forward(&l->out, NULL, &l->in[0], &l->in[1], &l->in[2],
                                            l->options, l->workspace));
}

static void conv_backward(layer *l)
{
    ck_assert_redux_ok(redux_conv2d_backward(&l->d_in[0], &l->d_in[1], &l->d_in[2], NULL, &l->d_out,
                                             &l->in[0], &l->in[1], l->options, l->workspace));
}

static void conv_slopes(const int64_t in[4], const int64_t weight[4], const int64_t out[4],
                        int32_t stride, int32_t padding)
{
    redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
    layer l = {
        .inputs = 3, .options = &options, .forward = conv_forward, .backward = conv_backward};
    options.stride = stride;
    options.padding = padding;
    l.in[0] = random_tensor(REDUX_FLOAT64, 4, in, 1);
    l.in[1] = channels_last(REDUX_FLOAT64, weight);
    for (int64_t i = 0; i < redux_tensor_elements(&l.in[1]); i++)
        ((double *)l.in[1].data)[i] = at(&l.in[0], i % redux_tensor_elements(&l.in[0])) + 0.1;
    l.in[2] = random_tensor(REDUX_FLOAT64, 1, weight, 2);
    l.out = make(REDUX_FLOAT64, 4, out);
    l.d_out = random_tensor(REDUX_FLOAT64, 4, out, 3);
    l.d_in[0] = like(&l.in[0]);
    l.d_in[1] = channels_last(REDUX_FLOAT64, weight);
    l.d_in[2] = like(&l.in[2]);
    l.workspace = malloc((size_t)redux_conv2d_workspace(NULL, &l.in[0], &l.in[1], &options));
    check_slopes(&l, "slopes of a convolution");
}

START_TEST(slopes_of_convolutions)
{
    conv_slopes((int64_t[]){2, 5, 4, 3}, (int64_t[]){2, 3, 3, 3}, (int64_t[]){2, 5, 4, 2}, 1, 1);
    conv_slopes((int64_t[]){1, 9, 8, 1}, (int64_t[]){3, 1, 7, 7}, (int64_t[]){1, 5, 4, 3}, 2, 3);
    conv_slopes((int64_t[]){2, 3, 3, 4}, (int64_t[]){5, 4, 1, 1}, (int64_t[]){2, 3, 3, 5}, 1, 0);
    conv_slopes((int64_t[]){2, 4, 5, 2}, (int64_t[]){3, 2, 1, 1}, (int64_t[]){2, 2, 3, 3}, 2, 0);
    conv_slopes((int64_t[]){1, 1, 1, 2}, (int64_t[]){2, 2, 3, 3}, (int64_t[]){1, 1, 1, 2}, 1, 1);
}
END_TEST

static void norm_state(layer *l, redux_batch_norm_state *state)
{
    *state = (redux_batch_norm_state){&l->in[1], &l->in[2], NULL, NULL, &l->extra[0], &l->extra[1]};
}

static void norm_forward(layer *l)
{
    redux_batch_norm_state state;
    norm_state(l, &state);
    ck_assert_redux_ok(redux_batch_norm_forward(&l->out, NULL, &l->in[0], &l->in[3], &state,
                                                l->options, l->workspace));
}

static void norm_backward(layer *l)
{
    redux_batch_norm_state state;
    norm_state(l, &state);
    ck_assert_redux_ok(redux_batch_norm_backward(&l->d_in[0], &l->d_in[3], &l->d_in[1], &l->d_in[2],
                                                 NULL, &l->d_out, &l->in[0], &l->out, &state,
                                                 l->options, l->workspace));
}

START_TEST(slopes_of_batch_norm)
{
    const int64_t shape[] = {3, 4, 5, 7};
    for (int relu = 0; relu < 2; relu++) {
        redux_batch_norm_options options = REDUX_BATCH_NORM_OPTIONS_INIT;
        layer l = {
            .inputs = 4, .options = &options, .forward = norm_forward, .backward = norm_backward};
        options.relu = relu;
        l.in[0] = random_tensor(REDUX_FLOAT64, 4, shape, 1);
        l.in[1] = random_tensor(REDUX_FLOAT64, 1, shape + 3, 2);
        l.in[2] = random_tensor(REDUX_FLOAT64, 1, shape + 3, 3);
        l.in[3] = random_tensor(REDUX_FLOAT64, 4, shape, 4);
        for (int k = 0; k < 4; k++)
            l.d_in[k] = like(&l.in[k]);
        for (int k = 0; k < 2; k++)
            l.extra[k] = like(&l.in[1]);
        l.out = like(&l.in[0]);
        l.d_out = random_tensor(REDUX_FLOAT64, 4, shape, 5);
        l.workspace = malloc((size_t)redux_batch_norm_workspace(&l.in[0]));
        check_slopes(&l, relu ? "slopes of batch norm, residual and ReLU" : "slopes of batch norm");
    }
}
END_TEST

static void max_forward(layer *l)
{
    ck_assert_redux_ok(redux_max_pool_forward(&l->out, NULL, &l->in[0], l->options));
}

static void max_backward(layer *l)
{
    ck_assert_redux_ok(
        redux_max_pool_backward(&l->d_in[0], NULL, &l->d_out, &l->in[0], &l->out, l->options));
}

static void average_forward(layer *l)
{
    ck_assert_redux_ok(redux_average_pool_forward(&l->out, NULL, &l->in[0], l->options));
}

static void average_backward(layer *l)
{
    ck_assert_redux_ok(redux_average_pool_backward(&l->d_in[0], NULL, &l->d_out, l->options));
}

static void relu_forward(layer *l)
{
    ck_assert_redux_ok(redux_relu_forward(&l->out, NULL, &l->in[0]));
}

static void relu_backward(layer *l)
{
    ck_assert_redux_ok(redux_relu_backward(&l->d_in[0], NULL, &l->d_out, &l->out));
}

static void unit_forward(layer *l)
{
    ck_assert_redux_ok(redux_l2_normalise_forward(&l->out, NULL, &l->in[0]));
}

static void unit_backward(layer *l)
{
    ck_assert_redux_ok(redux_l2_normalise_backward(&l->d_in[0], NULL, &l->d_out, &l->in[0]));
}

static void linear_forward(layer *l)
{
    ck_assert_redux_ok(
        redux_linear_forward(&l->out, NULL, &l->in[0], &l->in[1], &l->in[2], l->workspace));
}

static void linear_backward(layer *l)
{
    ck_assert_redux_ok(redux_linear_backward(&l->d_in[0], &l->d_in[1], &l->d_in[2], NULL, &l->d_out,
                                             &l->in[0], &l->in[1], l->workspace));
}

static void simple_slopes(layer l, int32_t ndim, const int64_t *in, const int64_t *out,
                          const char *name)
{
    l.inputs = 1;
    l.in[0] = random_tensor(REDUX_FLOAT64, ndim, in, 7);
    l.d_in[0] = like(&l.in[0]);
    l.out = make(REDUX_FLOAT64, ndim, out);
    l.d_out = random_tensor(REDUX_FLOAT64, ndim, out, 8);
    check_slopes(&l, name);
}

START_TEST(slopes_of_the_rest)
{
    redux_pool_options pool = REDUX_POOL_OPTIONS_INIT, global = REDUX_POOL_OPTIONS_INIT;
    pool.kernel_height = pool.kernel_width = 3;
    pool.padding = 1;
    global.kernel_height = 5;
    global.kernel_width = 4;
    const int64_t in[] = {2, 5, 4, 3}, out[] = {2, 3, 2, 3}, mean[] = {2, 1, 1, 3};
    simple_slopes((layer){.options = &pool, .forward = max_forward, .backward = max_backward}, 4,
                  in, out, "slopes of maximum pooling");
    simple_slopes(
        (layer){.options = &pool, .forward = average_forward, .backward = average_backward}, 4, in,
        out, "slopes of average pooling");
    simple_slopes(
        (layer){.options = &global, .forward = average_forward, .backward = average_backward}, 4,
        in, mean, "slopes of the global average");
    simple_slopes((layer){.forward = relu_forward, .backward = relu_backward}, 4, in, in,
                  "slopes of ReLU");
    simple_slopes((layer){.forward = unit_forward, .backward = unit_backward}, 2, (int64_t[]){5, 7},
                  (int64_t[]){5, 7}, "slopes of L2 normalisation");
    layer l = {.inputs = 3, .forward = linear_forward, .backward = linear_backward};
    l.in[0] = random_tensor(REDUX_FLOAT64, 2, (int64_t[]){6, 5}, 1);
    l.in[1] = random_tensor(REDUX_FLOAT64, 2, (int64_t[]){3, 5}, 2);
    l.in[2] = random_tensor(REDUX_FLOAT64, 1, (int64_t[]){3}, 3);
    for (int k = 0; k < 3; k++)
        l.d_in[k] = like(&l.in[k]);
    l.out = make(REDUX_FLOAT64, 2, (int64_t[]){6, 3});
    l.d_out = random_tensor(REDUX_FLOAT64, 2, (int64_t[]){6, 3}, 4);
    l.workspace = malloc((size_t)redux_linear_workspace(NULL, &l.in[0], &l.in[1]));
    check_slopes(&l, "slopes of a linear layer");
}
END_TEST

START_TEST(slopes_of_cross_entropy)
{
    const int64_t shape[] = {6, 4};
    int32_t classes[] = {0, 3, 1, 1, 2, 0};
    redux_tensor x = random_tensor(REDUX_FLOAT64, 2, shape, 1), d = like(&x), labels;
    double loss, up, down;
    ck_assert_redux_ok(redux_tensor_borrow(&labels, classes, REDUX_INT32, 1, shape, NULL));
    ck_assert_redux_ok(redux_cross_entropy(&loss, &d, NULL, &x, &labels, NULL));
    for (int i = 0; i < 24; i++) {
        const double before = at(&x, i), h = 1e-5;
        set(&x, i, before + h);
        ck_assert_redux_ok(redux_cross_entropy(&up, NULL, NULL, &x, &labels, NULL));
        set(&x, i, before - h);
        ck_assert_redux_ok(redux_cross_entropy(&down, NULL, NULL, &x, &labels, NULL));
        set(&x, i, before);
        worst = fmax(worst, fabs((up - down) / (2 * h) - at(&d, i)));
        ck_assert_double_eq_tol((up - down) / (2 * h), at(&d, i), 1e-9);
    }
    told("slopes of cross-entropy");
    classes[3] = 4;
    ck_assert_redux(REDUX_E_INVALID, redux_cross_entropy(&loss, &d, NULL, &x, &labels, NULL));
    redux_tensor_release(&x);
    redux_tensor_release(&d);
}
END_TEST

/* ---- threads, errors ---- */

static void same_bits(int64_t outputs, int32_t stride, redux_products products)
{
    const int64_t in[] = {16, 14, 14, 32}, weight[] = {outputs, 32, 3, 3},
                  out[] = {16, 14 / stride, 14 / stride, outputs};
    redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
    redux_tensor x = random_tensor(REDUX_FLOAT32, 4, in, 1),
                 r = random_tensor(REDUX_FLOAT32, 4, out, 2);
    redux_tensor w = channels_last(REDUX_FLOAT32, weight), first[3];
    memcpy(w.data, x.data, (size_t)outputs * 32 * 9 * sizeof(float));
    options.padding = 1;
    options.stride = stride;
    options.products = products;
    for (int threads = 1; threads < 4; threads++) {
        redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        context_options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &context_options));
        redux_tensor t[] = {make(REDUX_FLOAT32, 4, out), make(REDUX_FLOAT32, 4, in),
                            channels_last(REDUX_FLOAT32, weight)};
        void *workspace = malloc((size_t)redux_conv2d_workspace(context, &x, &w, &options));
        ck_assert_redux_ok(redux_conv2d_forward(&t[0], context, &x, &w, NULL, &options, workspace));
        ck_assert_redux_ok(
            redux_conv2d_backward(&t[1], &t[2], NULL, context, &r, &x, &w, &options, workspace));
        free(workspace);
        redux_context_free(context);
        for (int i = 0; i < 3; i++) {
            if (threads == 1)
                first[i] = t[i];
            else
                ck_assert_mem_eq(first[i].data, t[i].data,
                                 (size_t)redux_tensor_elements(&t[i]) * sizeof(float));
            if (threads > 1)
                redux_tensor_release(&t[i]);
        }
    }
    release(first, 3);
    redux_tensor_release(&x);
    redux_tensor_release(&r);
    redux_tensor_release(&w);
}

START_TEST(bits_do_not_depend_on_threads)
{
    same_bits(48, 1, REDUX_PRODUCTS_FLOAT32); /* gathered fields */
    same_bits(64, 1, REDUX_PRODUCTS_FLOAT32); /* Winograd's tiles */
    if (has_bfloat16()) {
        same_bits(64, 2, REDUX_PRODUCTS_BFLOAT16);
        same_bits(64, 1, REDUX_PRODUCTS_BFLOAT16);
    }
}
END_TEST

START_TEST(nonsense_is_refused)
{
    const int64_t in[] = {2, 5, 5, 3}, weight[] = {4, 3, 3, 3}, out[] = {2, 3, 3, 4};
    redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
    redux_pool_options pool = REDUX_POOL_OPTIONS_INIT;
    redux_tensor x = make(REDUX_FLOAT32, 4, in), w = channels_last(REDUX_FLOAT32, weight);
    redux_tensor y = make(REDUX_FLOAT32, 4, out), plain = make(REDUX_FLOAT32, 4, weight);
    redux_tensor doubles = make(REDUX_FLOAT64, 4, in);
    char room[65536];
    ck_assert_redux_ok(redux_conv2d_forward(&y, NULL, &x, &w, NULL, &options, room));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_conv2d_forward(&y, NULL, &x, &plain, NULL, &options, room));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_conv2d_forward(&y, NULL, &doubles, &w, NULL, &options, room));
    ck_assert_redux(REDUX_E_INVALID, redux_conv2d_forward(&y, NULL, &x, &w, NULL, &options, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_conv2d_forward(&x, NULL, &x, &w, NULL, &options, room));
    options.stride = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_conv2d_forward(&y, NULL, &x, &w, NULL, &options, room));
    ck_assert_uint_eq(redux_conv2d_workspace(NULL, &x, &w, &options), 0);
    pool.padding = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_max_pool_forward(&y, NULL, &x, &pool));
    ck_assert_redux(REDUX_E_INVALID, redux_add(&y, NULL, &x, &y));
    ck_assert_redux(REDUX_E_INVALID, redux_relu_forward(NULL, NULL, &x));
    ck_assert_redux(REDUX_E_INVALID, redux_l2_normalise_forward(&x, NULL, &x));
    ck_assert_redux_ok(redux_add(&x, NULL, &x, &x));
    redux_tensor t[] = {x, w, y, plain, doubles};
    release(t, 5);
}
END_TEST

/* What has no sums in it is exact, in either precision. */
START_TEST(plain_layers)
{
    static const double a[] = {-2, -0.5, 0, 0.25, 3}, b[] = {1, 0.5, -1, 0.75, -4};
    const int64_t shape[] = {5};
    for (int t = 0; t < 2; t++) {
        const redux_dtype dtype = t == 0 ? REDUX_FLOAT32 : REDUX_FLOAT64;
        redux_tensor x, y, sum, out, d_in;
        ck_assert_redux_ok(
            redux_tensor_borrow(&x, (void *)(uintptr_t)a, REDUX_FLOAT64, 1, shape, NULL));
        ck_assert_redux_ok(
            redux_tensor_borrow(&y, (void *)(uintptr_t)b, REDUX_FLOAT64, 1, shape, NULL));
        redux_tensor from = x, by = y;
        ck_assert_redux_ok(redux_tensor_contiguous(&x, NULL, &from, dtype));
        ck_assert_redux_ok(redux_tensor_contiguous(&y, NULL, &by, dtype));
        ck_assert_redux_ok(redux_tensor_new(&sum, NULL, dtype, 1, shape));
        ck_assert_redux_ok(redux_tensor_new(&out, NULL, dtype, 1, shape));
        ck_assert_redux_ok(redux_tensor_new(&d_in, NULL, dtype, 1, shape));
        ck_assert_redux_ok(redux_add(&sum, NULL, &x, &y));
        ck_assert_redux_ok(redux_relu_forward(&out, NULL, &x));
        ck_assert_redux_ok(redux_relu_backward(&d_in, NULL, &y, &out));
        for (int i = 0; i < 5; i++) {
            const bool single = dtype == REDUX_FLOAT32;
            ck_assert_double_eq(single ? (double)((float *)sum.data)[i] : ((double *)sum.data)[i],
                                a[i] + b[i]);
            ck_assert_double_eq(single ? (double)((float *)out.data)[i] : ((double *)out.data)[i],
                                a[i] > 0 ? a[i] : 0);
            ck_assert_double_eq(single ? (double)((float *)d_in.data)[i] : ((double *)d_in.data)[i],
                                a[i] > 0 ? b[i] : 0);
        }
        redux_tensor_release(&x);
        redux_tensor_release(&y);
        redux_tensor_release(&sum);
        redux_tensor_release(&out);
        redux_tensor_release(&d_in);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *cases = tcase_create("layers");
    tcase_add_test(cases, convolutions_are_pytorchs);
    tcase_add_test(cases, plain_layers);
    tcase_add_test(cases, batch_norm_is_pytorchs);
    tcase_add_test(cases, pools_are_pytorchs);
    tcase_add_test(cases, linear_cross_entropy_and_normalisation_are_pytorchs);
    tcase_add_test(cases, convolutions_by_tiles_are_plain_ones);
    tcase_add_test(cases, convolutions_of_rounded_numbers);
    tcase_add_test(cases, convolutions_of_whole_numbers_are_exact);
    tcase_add_test(cases, convolution_is_the_sum_that_it_says);
    tcase_add_test(cases, slopes_of_convolutions);
    tcase_add_test(cases, slopes_of_batch_norm);
    tcase_add_test(cases, slopes_of_the_rest);
    tcase_add_test(cases, slopes_of_cross_entropy);
    tcase_add_test(cases, bits_do_not_depend_on_threads);
    tcase_add_test(cases, nonsense_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
