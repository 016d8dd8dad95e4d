/* SPDX-License-Identifier: MIT
 * Ten SimCLR steps of ResNet-18 and ResNet-50 against torchvision's in double precision
 * (tests/golden/simclr.py). REPORT=1 in the environment prints the differences. */
#include "support/golden_network.h"
#include "train/objective.h"

static const char golden_file[] = "tests/golden/data/simclr.npz";

enum { BATCH = 4, SIDE = 48, STEPS = 10, PROJECTION = 128 };

static redux_tensor new_images(uint32_t seed)
{
    const int64_t shape[] = {2 * (int64_t)BATCH, SIDE, SIDE, 1}, half = BATCH * SIDE * SIDE;
    redux_tensor images;
    ck_assert_redux_ok(redux_tensor_new(&images, NULL, REDUX_FLOAT32, 4, shape));
    float *x = images.data;
    for (int64_t i = 0; i < 2 * half; i++)
        x[i] = (float)(uniform(seed, i) * 2 - 1);
    for (int64_t i = 0; i < half; i++)
        x[half + i] = 0.5f * x[half + i] + 0.5f * x[i];
    return images;
}

typedef struct tolerances {
    double forward, gradient, loss, after, running;
} tolerances;

static void check_forward(const char *arch, redux_network *network, const redux_tensor *images,
                          double tolerance)
{
    const int64_t shape[] = {2 * (int64_t)BATCH, redux_network_features(network)};
    const int64_t projected[] = {2 * (int64_t)BATCH, PROJECTION};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_network_forward(&out, NULL, network, images, REDUX_OUTPUT_FEATURES,
                                             REDUX_MODE_REPEAT));
    check_values(golden_file, arch, "features", &out, tolerance);
    redux_tensor_release(&out);
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, projected));
    ck_assert_redux_ok(redux_network_forward(&out, NULL, network, images, REDUX_OUTPUT_PROJECTION,
                                             REDUX_MODE_REPEAT));
    check_values(golden_file, arch, "projected", &out, tolerance);
    redux_tensor_release(&out);
}

static void run(redux_arch which, const tolerances *tolerance)
{
    const char *arch = redux_arch_name(which);
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_optimiser_options sgd = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_nt_xent_options nt_xent = REDUX_NT_XENT_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_objective *objective;
    redux_network *network;
    redux_optimiser *optimiser;
    void *state = NULL;
    double loss, worst = 0;
    options.arch = which;
    options.projection = &head;
    head.widths[1] = PROJECTION;
    ck_assert_redux_ok(redux_objective_new_nt_xent(&objective, NULL, &nt_xent));
    const redux_custom_objective *d = &objective->definition;
    redux_tensor seed = golden(golden_file, arch, "seed"),
                 losses = golden(golden_file, arch, "loss"), views[2];
    redux_tensor images = new_images((uint32_t) * (const int64_t *)seed.data);
    for (int v = 0; v < 2; v++)
        ck_assert_redux_ok(redux_tensor_slice(&views[v], &images, 0, v * (int64_t)BATCH, BATCH, 1));
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    initialise(network);
    ck_assert_redux_ok(redux_network_plan(network, NULL, 2 * (int64_t)BATCH, SIDE, SIDE, 1));
    ck_assert_redux_ok(redux_optimiser_of_network(&optimiser, NULL, network, &sgd));
    const redux_objective_setup setup = {
        .struct_size = sizeof setup, .network = network, .batch = BATCH, .views = 2};
    ck_assert_redux_ok(d->open(&state, NULL, &setup, d->user));
    check_forward(arch, network, &images, tolerance->forward);
    for (int i = 0; i < STEPS; i++) {
        const redux_objective_step step = {.struct_size = sizeof step,
                                           .network = network,
                                           .views = views,
                                           .view_count = 2,
                                           .part = 2 * (int64_t)BATCH,
                                           .step = i,
                                           .steps = STEPS};
        redux_network_zero_gradients(network);
        ck_assert_redux_ok(d->step(&loss, NULL, state, &step, d->user));
        if (i == 0)
            check_network(golden_file, arch, "gradient", network, tolerance->gradient);
        worst = fmax(worst, fabs(loss - at(&losses, i)) / at(&losses, i));
        ck_assert_double_le(worst, tolerance->loss);
        ck_assert_redux_ok(redux_optimiser_step(NULL, NULL, optimiser,
                                                redux_schedule_cosine(i, STEPS, 2, 0.0005, 0)));
    }
    report(arch, "loss", worst);
    check_network(golden_file, arch, "after", network, tolerance->after);
    check_network(golden_file, arch, "running", network, tolerance->running);
    d->close(state, d->user);
    redux_objective_free(objective);
    redux_optimiser_free(optimiser);
    redux_network_free(network);
    for (int v = 0; v < 2; v++)
        redux_tensor_release(&views[v]);
    redux_tensor_release(&images);
    redux_tensor_release(&seed);
    redux_tensor_release(&losses);
}

/* The images were chosen so that no ReLU of the first step lies near 0 (tests/golden/simclr.py), so
 * its gradient is as near as rounding allows. Later steps cannot be chosen: where one unit switches
 * in single precision, gradients differ by some 1e-3 of their length. */
START_TEST(ten_steps_of_resnet18)
{
    const tolerances tolerance = {1e-5, 1e-5, 2e-3, 2e-4, 1e-3};
    run(REDUX_RESNET18, &tolerance);
}
END_TEST

/* Three times as many units: one switches in the first step with some of OpenBLAS's kernels. */
START_TEST(ten_steps_of_resnet50)
{
    const tolerances tolerance = {1e-5, 5e-3, 5e-3, 5e-4, 2e-3};
    run(REDUX_RESNET50, &tolerance);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("simclr");
    TCase *cases = tcase_create("simclr");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, ten_steps_of_resnet18);
    tcase_add_test(slow_tests(suite, 60), ten_steps_of_resnet50);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
