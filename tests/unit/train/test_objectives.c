/* SPDX-License-Identifier: MIT
 * SwAV, MoCo and BYOL: ten steps of each against PyTorch in double precision
 * (tests/golden/objectives.py), finite differences of the losses, and what the papers promise. */
#include "nn/losses.h"
#include "support/counted.h"
#include "support/golden_network.h"
#include "train/objective.h"

static const char golden_file[] = "tests/golden/data/objectives.npz";

enum {
    BATCH = 8,
    SIDE = 48,
    SMALL = 32,
    STEPS = 10,
    LATER = 3,
    WIDTH = 32,
    PROTOTYPES = 24,
    MOST_TENSORS = 160
};

/* ---- ten steps ---- */

/* A network, an objective that is open, and the views that it works on. */
typedef struct bed {
    const char *name;
    int32_t views, small_views;
    redux_objective *objective;
    redux_network *network;
    redux_optimiser *optimiser;
    void *state;
    redux_tensor images[2], view[8];
    const redux_parameter *own[MOST_TENSORS]; /* the objective's */
    int64_t own_count;
} bed;

/* Views of one size, each but the first like the first, as the golden script makes them. */
static void make_views(bed *b, int group, int32_t first, int32_t count, int64_t side)
{
    redux_tensor seed = golden(golden_file, b->name, "seed");
    const uint32_t from = (uint32_t)(*(const int64_t *)seed.data + side);
    const int64_t shape[] = {count * BATCH, side, side, 1}, one = BATCH * side * side;
    ck_assert_redux_ok(redux_tensor_new(&b->images[group], NULL, REDUX_FLOAT32, 4, shape));
    float *x = b->images[group].data;
    for (int64_t i = 0; i < count * one; i++)
        x[i] = (float)(uniform(from, i) * 2 - 1);
    for (int64_t i = one; i < count * one; i++)
        x[i] = 0.5f * x[i] + 0.5f * x[i % one];
    for (int32_t v = 0; v < count; v++)
        ck_assert_redux_ok(redux_tensor_slice(&b->view[first + v], &b->images[group], 0,
                                              (int64_t)v * BATCH, BATCH, 1));
    redux_tensor_release(&seed);
}

static void open_network(bed *b, const redux_head_options *projection,
                         const redux_head_options *prediction)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    const int64_t shapes[] = {b->views * BATCH, SIDE, SIDE, b->small_views * BATCH, SMALL, SMALL};
    options.width = 0.25;
    options.projection = projection;
    options.prediction = prediction;
    ck_assert_redux_ok(redux_network_new(&b->network, NULL, &options));
    initialise(b->network);
    ck_assert_redux_ok(
        redux_network_plan_groups(b->network, NULL, shapes, b->small_views > 0 ? 2 : 1, 1));
}

static void open_objective(bed *b, int64_t part)
{
    const redux_custom_objective *d = &b->objective->definition;
    const redux_objective_setup setup = {.struct_size = sizeof setup,
                                         .network = b->network,
                                         .batch = BATCH,
                                         .part = part,
                                         .views = b->views,
                                         .small_views = b->small_views,
                                         .steps = STEPS,
                                         .epoch_steps = 2,
                                         .slices = 64,
                                         .size = SIDE,
                                         .small_size = SMALL};
    ck_assert_redux_ok(d->open(&b->state, NULL, &setup, d->user));
    while (d->parameter(b->state, b->own_count, d->user) != NULL) {
        ck_assert_int_lt(b->own_count, MOST_TENSORS);
        b->own[b->own_count] = d->parameter(b->state, b->own_count, d->user);
        b->own_count++;
    }
}

static void open_optimiser(bed *b, redux_optimiser_kind kind)
{
    const redux_parameter *all[2 * MOST_TENSORS];
    redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
    int64_t count = 0;
    options.kind = kind;
    for (; count < redux_network_parameter_count(b->network); count++)
        all[count] = redux_network_parameter(b->network, count);
    for (int64_t i = 0; i < b->own_count; i++)
        all[count++] = b->own[i];
    ck_assert_redux_ok(redux_optimiser_new(&b->optimiser, NULL, all, count, &options));
}

static void close_bed(bed *b)
{
    const redux_custom_objective *d = &b->objective->definition;
    d->close(b->state, d->user);
    redux_optimiser_free(b->optimiser);
    redux_objective_free(b->objective);
    redux_network_free(b->network);
    for (int v = 0; v < b->views + b->small_views; v++)
        redux_tensor_release(&b->view[v]);
    for (int g = 0; g < 2; g++)
        redux_tensor_release(&b->images[g]);
}

static const redux_parameter *find(const bed *b, const char *name)
{
    for (int64_t i = 0; i < b->own_count; i++)
        if (strcmp(b->own[i]->name, name) == 0)
            return b->own[i];
    ck_abort_msg("no %s", name);
    return NULL;
}

/* Rows of the formula, of the objective's own first values. */
static void fill(const redux_parameter *p, double scale)
{
    for (int64_t i = 0; i < redux_tensor_elements(&p->value); i++)
        ((float *)p->value.data)[i] = (float)((uniform(seed_of(p->name), i) - 0.5) * scale);
}

static redux_objective_step step_of(const bed *b, int64_t i, int64_t part)
{
    return (redux_objective_step){.struct_size = sizeof(redux_objective_step),
                                  .network = b->network,
                                  .views = b->view,
                                  .view_count = b->views,
                                  .small_view_count = b->small_views,
                                  .part = part,
                                  .step = i,
                                  .steps = STEPS};
}

/* Loss and gradients of step i. */
static double gradients_of(bed *b, int64_t i, int64_t part)
{
    const redux_custom_objective *d = &b->objective->definition;
    const redux_objective_step step = step_of(b, i, part);
    double loss;
    redux_network_zero_gradients(b->network);
    for (int64_t k = 0; k < b->own_count; k++)
        if (b->own[k]->gradient.data != NULL)
            memset(b->own[k]->gradient.data, 0,
                   (size_t)redux_tensor_elements(&b->own[k]->gradient) * sizeof(float));
    ck_assert_redux_ok(d->step(&loss, NULL, b->state, &step, d->user));
    return loss;
}

static void update(bed *b, int64_t i, double rate)
{
    const redux_custom_objective *d = &b->objective->definition;
    const redux_objective_step step = step_of(b, i, 0);
    ck_assert_redux_ok(redux_optimiser_step(NULL, NULL, b->optimiser, rate));
    if (d->after != NULL)
        ck_assert_redux_ok(d->after(NULL, b->state, &step, d->user));
}

/* The images are chosen such that few units of four steps lie near a corner
 * (tests/golden/objectives.py); later ones cannot be. Where one switches in single precision, as it
 * does with some of OpenBLAS's kernels, what follows differs by so much, as it does between PyTorch
 * in single and in double precision. */
#define LOOSE 2e-2

/* The golden script's steps; tolerance: of the first and the fourth step's gradient,
 * of_loss: of the first four steps. */
static void run(bed *b, double base, double tolerance, double of_loss)
{
    const int64_t part = (int64_t)BATCH * (b->views + b->small_views);
    redux_tensor losses = golden(golden_file, b->name, "loss");
    double worst = 0;
    for (int i = 0; i < STEPS; i++) {
        const double loss = gradients_of(b, i, part);
        worst = fmax(worst, fabs(loss - at(&losses, i)) / at(&losses, i));
        ck_assert_double_le(worst, i <= LATER ? of_loss : LOOSE);
        if (i == LATER)
            report(b->name, "loss of four steps", worst);
        if (i == 0)
            check_network(golden_file, b->name, "gradient", b->network, tolerance);
        if (i == LATER)
            check_network(golden_file, b->name, "gradient_3", b->network, tolerance);
        if (i == LATER && strcmp(b->name, "swav") == 0)
            check_values(golden_file, b->name, "d_prototypes",
                         &find(b, "prototypes.weight")->gradient, 1e-3);
        update(b, i, redux_schedule_cosine(i, STEPS, 2, base, 0));
    }
    report(b->name, "loss", worst);
    check_network(golden_file, b->name, "after", b->network, LOOSE);
    check_network(golden_file, b->name, "running", b->network, LOOSE);
    redux_tensor_release(&losses);
}

static const redux_head_options normed = {.struct_size = sizeof normed,
                                          .layers = 2,
                                          .widths = {64, WIDTH},
                                          .batch_norm = 1,
                                          .no_bias = 1};
static const redux_head_options normed_without_bias = {.struct_size = sizeof normed,
                                                       .layers = 2,
                                                       .widths = {64, WIDTH},
                                                       .batch_norm = 1,
                                                       .no_bias = 3};
static const redux_head_options plain = {
    .struct_size = sizeof plain, .layers = 2, .widths = {0, WIDTH}};

static bed open_swav_with(redux_swav_options options, const redux_head_options *head, int64_t part)
{
    bed b = {.name = "swav", .views = 2, .small_views = 3};
    options.prototypes = PROTOTYPES;
    ck_assert_redux_ok(redux_objective_new_swav(&b.objective, NULL, &options));
    open_network(&b, head, NULL);
    make_views(&b, 0, 0, 2, SIDE);
    make_views(&b, 1, 2, 3, SMALL);
    open_objective(&b, part);
    fill(find(&b, "prototypes.weight"), 2 / sqrt(WIDTH));
    return b;
}

static bed open_swav(redux_swav_options options, int64_t part)
{
    return open_swav_with(options, &normed, part);
}

START_TEST(ten_steps_of_swav)
{
    redux_swav_options options = REDUX_SWAV_OPTIONS_INIT;
    options.freeze_steps = 2;
    options.queue = 16;
    options.queue_start = 0;
    bed b = open_swav(options, 5 * (int64_t)BATCH);
    open_optimiser(&b, REDUX_OPTIMISER_SGD);
    run(&b, 0.0005, 1e-3, 1e-5);
    check_values(golden_file, "swav", "prototypes", &find(&b, "prototypes.weight")->value, LOOSE);
    check_values(golden_file, "swav", "queue_0", &find(&b, "queue.0")->value, LOOSE);
    check_values(golden_file, "swav", "queue_1", &find(&b, "queue.1")->value, LOOSE);
    close_bed(&b);
}
END_TEST

static bed open_moco(int64_t part)
{
    bed b = {.name = "moco", .views = 2};
    redux_moco_options options = REDUX_MOCO_OPTIONS_INIT;
    options.momentum = 0.99;
    options.queue = 32;
    options.sub_batches = 2;
    ck_assert_redux_ok(redux_objective_new_moco(&b.objective, NULL, &options));
    open_network(&b, &plain, NULL);
    make_views(&b, 0, 0, 2, SIDE);
    open_objective(&b, part);
    fill(find(&b, "queue"), 1);
    const redux_tensor *queue = &find(&b, "queue")->value;
    ck_assert_redux_ok(redux_l2_normalise_forward(queue, NULL, queue));
    return b;
}

START_TEST(ten_steps_of_moco)
{
    bed b = open_moco(2 * (int64_t)BATCH);
    open_optimiser(&b, REDUX_OPTIMISER_SGD);
    run(&b, 0.001, 1e-3, 1e-5);
    check_values(golden_file, "moco", "queue", &find(&b, "queue")->value, 1e-4);
    check_digests(golden_file, "moco", "slow", b.own + 2, b.own_count - 2, 1e-5);
    check_digests(golden_file, "moco", "slow_running", b.own + 2, b.own_count - 2, 1e-4);
    ck_assert_int_eq(*(const int64_t *)find(&b, "queue.next")->value.data, 80 % 32);
    close_bed(&b);
}
END_TEST

static bed open_byol(int64_t part)
{
    bed b = {.name = "byol", .views = 2};
    redux_byol_options options = REDUX_BYOL_OPTIONS_INIT;
    options.momentum = 0.9;
    ck_assert_redux_ok(redux_objective_new_byol(&b.objective, NULL, &options));
    open_network(&b, &normed_without_bias, &normed_without_bias);
    make_views(&b, 0, 0, 2, SIDE);
    open_objective(&b, part);
    return b;
}

START_TEST(ten_steps_of_byol)
{
    bed b = open_byol(2 * (int64_t)BATCH);
    open_optimiser(&b, REDUX_OPTIMISER_SGD);
    run(&b, 0.002, LOOSE, LOOSE); /* batch norm over 8 rows: where a unit switches, much follows */
    check_digests(golden_file, "byol", "slow", b.own, b.own_count, 1e-3);
    check_digests(golden_file, "byol", "slow_running", b.own, b.own_count, LOOSE);
    close_bed(&b);
}
END_TEST

/* ---- codes ---- */

static redux_tensor matrix(redux_dtype dtype, int64_t rows, int64_t columns, uint64_t seed)
{
    const redux_random_key key = {.seed = seed};
    const int64_t shape[] = {rows, columns};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, dtype, 2, shape));
    for (int64_t i = 0; i < rows * columns; i++) {
        const double value = 2 * redux_random_uniform(&key, (uint32_t)i) - 1;
        if (dtype == REDUX_FLOAT32)
            ((float *)out.data)[i] = (float)value;
        else
            ((double *)out.data)[i] = value;
    }
    return out;
}

/* Codes of the last `batch` rows; scores stay. */
static redux_tensor codes_of(const redux_tensor *scores, int64_t batch, int32_t rounds)
{
    const int64_t shape[] = {batch, scores->shape[1]};
    redux_tensor own, codes;
    void *workspace = malloc((size_t)rdx_sinkhorn_workspace(scores->shape[0], scores->shape[1]));
    ck_assert_redux_ok(redux_tensor_new(&own, NULL, scores->dtype, 2, scores->shape));
    ck_assert_redux_ok(redux_tensor_copy(&own, scores));
    ck_assert_redux_ok(redux_tensor_new(&codes, NULL, scores->dtype, 2, shape));
    ck_assert_redux_ok(rdx_sinkhorn(NULL, &codes, &own, 0.05, rounds, workspace));
    redux_tensor_release(&own);
    free(workspace);
    return codes;
}

START_TEST(codes_of_the_golden_scores)
{
    redux_tensor scores = golden(golden_file, "swav", "assigned");
    ck_assert_int_eq(scores.shape[0], 16 + BATCH); /* the queue took part */
    redux_tensor codes = codes_of(&scores, BATCH, 3);
    check_values(golden_file, "swav", "codes", &codes, 2e-5);
    redux_tensor_release(&codes);
    redux_tensor_release(&scores);
}
END_TEST

/* Each sample's codes sum to 1; prototypes have equal shares only after many rounds. */
START_TEST(shares_of_samples_and_prototypes)
{
    const int64_t rows = 150, k = 12;
    redux_tensor scores = matrix(REDUX_FLOAT64, rows, k, 1);
    double uneven[2] = {0, 0};
    for (int many = 0; many < 2; many++) {
        redux_tensor codes = codes_of(&scores, rows, many ? 100 : 3);
        for (int64_t i = 0; i < rows; i++) {
            double sum = 0;
            for (int64_t j = 0; j < k; j++)
                sum += at(&codes, i * k + j);
            ck_assert_double_eq_tol(sum, 1, 1e-12);
        }
        for (int64_t j = 0; j < k; j++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i++)
                sum += at(&codes, i * k + j);
            uneven[many] = fmax(uneven[many], fabs(sum * (double)k / (double)rows - 1));
        }
        redux_tensor_release(&codes);
    }
    ck_assert_double_gt(uneven[0], 1e-3);
    ck_assert_double_lt(uneven[1], 1e-6);
    redux_tensor_release(&scores);
}
END_TEST

/* A constant added to all scores, or to one prototype's, changes nothing, however large. */
START_TEST(constants_do_not_change_codes)
{
    const int64_t rows = 40, k = 9;
    redux_tensor scores = matrix(REDUX_FLOAT32, rows, k, 2);
    redux_tensor want = codes_of(&scores, 20, 3);
    for (int64_t i = 0; i < rows; i++)
        ((float *)scores.data)[i * k + 4] += 8;
    for (int64_t i = 0; i < rows * k; i++)
        ((float *)scores.data)[i] -= 16;
    redux_tensor have = codes_of(&scores, 20, 3);
    for (int64_t i = 0; i < 20 * k; i++)
        ck_assert_double_eq_tol(at(&have, i), at(&want, i), 1e-4);
    redux_tensor_release(&have);
    redux_tensor_release(&want);
    redux_tensor_release(&scores);
}
END_TEST

/* Where nothing is known: codes of 1 / K, and a loss of ln K. */
START_TEST(equal_scores_give_equal_codes)
{
    enum { K = 7, VIEWS = 3, SAMPLES = 5 };
    redux_tensor scores = matrix(REDUX_FLOAT32, VIEWS * SAMPLES, K, 3);
    double workspace[VIEWS * SAMPLES], loss;
    for (int i = 0; i < VIEWS * SAMPLES * K; i++)
        ((float *)scores.data)[i] = 0.3f;
    redux_tensor codes = codes_of(&scores, (int64_t)2 * SAMPLES, 3);
    for (int i = 0; i < 2 * SAMPLES * K; i++)
        ck_assert_double_eq_tol(at(&codes, i), 1.0 / K, 1e-7);
    ck_assert_redux_ok(
        rdx_swapped_prediction(&loss, NULL, &scores, &codes, SAMPLES, 0.1, workspace));
    ck_assert_double_eq_tol(loss, log(K), 1e-6);
    redux_tensor_release(&codes);
    redux_tensor_release(&scores);
}
END_TEST

/* ---- finite differences, in double precision ---- */

enum { D = 5, K = 7, SAMPLES = 3, VIEWS = 4 };

/* From projections and prototypes to SwAV's loss, and both gradients. */
static double swav_loss(const redux_tensor *d_z, const redux_tensor *d_c, const redux_tensor *z,
                        const redux_tensor *c, const redux_tensor *codes)
{
    const int64_t rows = VIEWS * SAMPLES, shape[] = {rows, D}, wide[] = {rows, K};
    redux_tensor unit, d_unit, scores;
    double losses[VIEWS * SAMPLES], loss;
    ck_assert_redux_ok(redux_tensor_new(&unit, NULL, REDUX_FLOAT64, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&d_unit, NULL, REDUX_FLOAT64, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&scores, NULL, REDUX_FLOAT64, 2, wide));
    void *workspace = malloc((size_t)redux_linear_workspace(NULL, &unit, c) + 1);
    ck_assert_redux_ok(redux_l2_normalise_forward(&unit, NULL, z));
    ck_assert_redux_ok(redux_linear_forward(&scores, NULL, &unit, c, NULL, workspace));
    ck_assert_redux_ok(rdx_swapped_prediction(&loss, NULL, &scores, codes, SAMPLES, 0.1, losses));
    if (d_z != NULL) {
        ck_assert_redux_ok(
            redux_linear_backward(&d_unit, d_c, NULL, NULL, &scores, &unit, c, workspace));
        ck_assert_redux_ok(redux_l2_normalise_backward(d_z, NULL, &d_unit, z));
    }
    redux_tensor_release(&unit);
    redux_tensor_release(&d_unit);
    redux_tensor_release(&scores);
    free(workspace);
    return loss;
}

static double central(double above, double below, double step)
{
    return (above - below) / (2 * step);
}

/* Codes are constants, so they stay while projections and prototypes move. */
START_TEST(finite_differences_of_swav)
{
    redux_tensor z = matrix(REDUX_FLOAT64, (int64_t)VIEWS * SAMPLES, D, 4);
    redux_tensor c = matrix(REDUX_FLOAT64, K, D, 5), own = matrix(REDUX_FLOAT64, 6, K, 6);
    redux_tensor d_z = matrix(REDUX_FLOAT64, (int64_t)VIEWS * SAMPLES, D, 7);
    redux_tensor d_c = matrix(REDUX_FLOAT64, K, D, 8), codes = codes_of(&own, 6, 3);
    const redux_tensor *of[] = {&z, &c}, *gradients[] = {&d_z, &d_c};
    const double step = 1e-6;
    double worst = 0;
    memset(d_c.data, 0, K * D * sizeof(double));
    swav_loss(&d_z, &d_c, &z, &c, &codes);
    for (int t = 0; t < 2; t++)
        for (int64_t i = 0; i < redux_tensor_elements(of[t]); i++) {
            double *x = (double *)of[t]->data + i;
            const double before = *x;
            *x = before + step;
            const double above = swav_loss(NULL, NULL, &z, &c, &codes);
            *x = before - step;
            const double below = swav_loss(NULL, NULL, &z, &c, &codes);
            *x = before;
            worst = fmax(worst, fabs(central(above, below, step) - at(gradients[t], i)));
        }
    report("swav", "finite differences", worst);
    ck_assert_double_lt(worst, 1e-8);
    redux_tensor *const all[] = {&z, &c, &own, &d_z, &d_c, &codes};
    for (int i = 0; i < 6; i++)
        redux_tensor_release(all[i]);
}
END_TEST

static double info_loss(redux_tensor *d_positives, redux_tensor *d_negatives,
                        const redux_tensor *positives, const redux_tensor *negatives)
{
    double losses[SAMPLES], loss;
    ck_assert_redux_ok(redux_tensor_copy(d_positives, positives));
    ck_assert_redux_ok(redux_tensor_copy(d_negatives, negatives));
    ck_assert_redux_ok(rdx_info_nce(&loss, NULL, d_positives, d_negatives, SAMPLES, 0.2, losses));
    return loss;
}

START_TEST(finite_differences_of_moco)
{
    redux_tensor p = matrix(REDUX_FLOAT64, SAMPLES, 1, 9),
                 n = matrix(REDUX_FLOAT64, SAMPLES, K, 10);
    redux_tensor d_p = matrix(REDUX_FLOAT64, SAMPLES, 1, 9);
    redux_tensor d_n = matrix(REDUX_FLOAT64, SAMPLES, K, 10), gradient[2];
    const redux_tensor *of[] = {&p, &n};
    const double step = 1e-6;
    double worst = 0;
    const double loss = info_loss(&d_p, &d_n, &p, &n);
    double want = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double sum = exp(at(&p, i) / 0.2);
        for (int k = 0; k < K; k++)
            sum += exp(at(&n, i * K + k) / 0.2);
        want += (log(sum) - at(&p, i) / 0.2) / SAMPLES;
    }
    ck_assert_double_eq_tol(loss, want, 1e-12);
    ck_assert_redux_ok(redux_tensor_new(&gradient[0], NULL, REDUX_FLOAT64, 2, p.shape));
    ck_assert_redux_ok(redux_tensor_new(&gradient[1], NULL, REDUX_FLOAT64, 2, n.shape));
    ck_assert_redux_ok(redux_tensor_copy(&gradient[0], &d_p));
    ck_assert_redux_ok(redux_tensor_copy(&gradient[1], &d_n));
    for (int t = 0; t < 2; t++)
        for (int64_t i = 0; i < redux_tensor_elements(of[t]); i++) {
            double *x = (double *)of[t]->data + i;
            const double before = *x;
            *x = before + step;
            const double above = info_loss(&d_p, &d_n, &p, &n);
            *x = before - step;
            const double below = info_loss(&d_p, &d_n, &p, &n);
            *x = before;
            worst = fmax(worst, fabs(central(above, below, step) - at(&gradient[t], i)));
        }
    report("moco", "finite differences", worst);
    ck_assert_double_lt(worst, 1e-8);
    redux_tensor *const all[] = {&p, &n, &d_p, &d_n, &gradient[0], &gradient[1]};
    for (int i = 0; i < 6; i++)
        redux_tensor_release(all[i]);
}
END_TEST

/* ---- steps ---- */

/* Frozen prototypes have no gradient at all: neither momentum nor decay moves them, and they begin
 * to learn as if the optimiser began then. */
START_TEST(frozen_prototypes_stay)
{
    redux_swav_options options = REDUX_SWAV_OPTIONS_INIT;
    options.freeze_steps = 1;
    options.freeze_epochs = 1; /* two steps */
    for (int kind = REDUX_OPTIMISER_SGD; kind <= REDUX_OPTIMISER_ADAMW; kind++) {
        bed b = open_swav(options, 5 * (int64_t)BATCH);
        const redux_parameter *p = find(&b, "prototypes.weight");
        float before[PROTOTYPES * WIDTH];
        open_optimiser(&b, (redux_optimiser_kind)kind);
        for (int i = 0; i < 4; i++) {
            gradients_of(&b, i, 5 * (int64_t)BATCH);
            for (int64_t r = 0; r < PROTOTYPES; r++) { /* of length 1 in each forward */
                double sum = 0;
                for (int64_t k = 0; k < WIDTH; k++)
                    sum += at(&p->value, r * WIDTH + k) * at(&p->value, r * WIDTH + k);
                ck_assert_double_eq_tol(sum, 1, 1e-6);
            }
            memcpy(before, p->value.data, sizeof before);
            update(&b, i, 0.01);
            ck_assert_int_eq(memcmp(before, p->value.data, sizeof before) == 0, i < 3);
        }
        if (kind == REDUX_OPTIMISER_ADAM) /* its first step is the rate itself, whatever the size */
            for (int64_t k = 0; k < PROTOTYPES * WIDTH; k++)
                if (fabs(at(&p->gradient, k)) > 1e-3)
                    ck_assert_double_eq_tol(fabs(at(&p->value, k) - (double)before[k]), 0.01, 2e-5);
        close_bed(&b);
    }
}
END_TEST

/* The loss of the fifth step, and the square of its gradient's length. */
static double fifth_step(double *gradient, bed *b, int64_t part)
{
    double loss = *gradient = 0;
    redux_network_freeze(b->network, 1);
    for (int i = 0; i < 5; i++)
        loss = gradients_of(b, i, part);
    for (int64_t i = 0; i < redux_network_parameter_count(b->network); i++) {
        const redux_parameter *p = redux_network_parameter(b->network, i);
        for (int64_t k = 0; k < redux_tensor_elements(&p->value) && p->gradient.data != NULL; k++)
            *gradient += at(&p->gradient, k) * at(&p->gradient, k);
    }
    ck_assert_double_ne(*gradient, 0);
    close_bed(b);
    return loss;
}

/* Without batch statistics parts make no difference. */
START_TEST(parts_of_swav_and_moco)
{
    redux_swav_options options = REDUX_SWAV_OPTIONS_INIT;
    static const int64_t parts[] = {40, 7, 5};
    double losses[2][3], gradients[2][3];
    options.freeze_steps = 0;
    options.queue = 16;
    options.queue_start = 0;
    for (int p = 0; p < 3; p++) {
        bed swav = open_swav_with(options, &plain, parts[p]), moco = open_moco(parts[p]);
        losses[0][p] = fifth_step(&gradients[0][p], &swav, parts[p]);
        losses[1][p] = fifth_step(&gradients[1][p], &moco, parts[p]);
        for (int i = 0; i < 2; i++) {
            ck_assert_double_eq_tol(losses[i][p], losses[i][0], 1e-5);
            ck_assert_double_eq_tol(gradients[i][p], gradients[i][0], 1e-4 * fabs(gradients[i][0]));
        }
    }
}
END_TEST

/* Its target's batch norm works by part, so only that every sample counts can be seen. */
START_TEST(parts_of_byol)
{
    double losses[2], gradient;
    bed whole = open_byol(BATCH), parts = open_byol(4);
    losses[0] = fifth_step(&gradient, &whole, BATCH);
    losses[1] = fifth_step(&gradient, &parts, 4);
    ck_assert_double_ne(losses[0], losses[1]);
    ck_assert_double_eq_tol(losses[0], losses[1], 0.5);
}
END_TEST

/* The key network begins as the query's and, of constant weights, stays that in closed form. */
START_TEST(a_momentum_network_follows)
{
    bed b = open_moco(2 * (int64_t)BATCH);
    const redux_parameter *fast = redux_network_parameter(b.network, 0);
    const redux_parameter *slow = find(&b, "key.conv1.weight");
    float *query = fast->value.data, *key = slow->value.data;
    const int64_t count = redux_tensor_elements(&fast->value);
    ck_assert_mem_eq(query, key, (size_t)count * sizeof(float));
    gradients_of(&b, 0, 2 * (int64_t)BATCH);
    for (int64_t i = 0; i < count; i++)
        ck_assert_double_eq_tol((double)key[i], (double)query[i], 1e-7);
    const double first = (double)key[3];
    query[3] += 1;
    for (int i = 1; i < 6; i++)
        gradients_of(&b, i, 2 * (int64_t)BATCH);
    ck_assert_double_eq_tol((double)key[3] - first, 1 - pow(0.99, 5), 1e-6);
    const redux_tensor *queue = &find(&b, "queue")->value;
    for (int64_t r = 0; r < 32; r++) {
        double sum = 0;
        for (int64_t k = 0; k < WIDTH; k++)
            sum += at(queue, r * WIDTH + k) * at(queue, r * WIDTH + k);
        ck_assert_double_eq_tol(sum, 1, 1e-6);
    }
    close_bed(&b);
}
END_TEST

START_TEST(a_step_allocates_nothing)
{
    redux_swav_options swav = REDUX_SWAV_OPTIONS_INIT;
    counter c;
    redux_context *context = counted_context(&c, 0);
    swav.queue = 16;
    swav.queue_start = 0;
    bed beds[] = {open_swav(swav, 5 * (int64_t)BATCH), open_swav(swav, 7), open_moco(BATCH),
                  open_byol(BATCH)};
    const int64_t parts[] = {5 * (int64_t)BATCH, 7, BATCH, BATCH};
    const int before = c.calls;
    for (int i = 0; i < 4; i++) {
        const redux_custom_objective *d = &beds[i].objective->definition;
        for (int k = 0; k < 4; k++) {
            const redux_objective_step step = step_of(&beds[i], k, parts[i]);
            double loss;
            ck_assert_redux_ok(d->step(&loss, context, beds[i].state, &step, d->user));
            if (d->after != NULL)
                ck_assert_redux_ok(d->after(context, beds[i].state, &step, d->user));
        }
    }
    ck_assert_int_eq(c.calls, before);
    for (int i = 0; i < 4; i++) {
        beds[i].optimiser = NULL;
        close_bed(&beds[i]);
    }
    redux_context_free(context);
}
END_TEST

/* BYOL's loss lies between 0 and 8, its target begins at tau0 and ends at 1, where it stands. */
START_TEST(a_target_comes_to_a_stand)
{
    bed b = open_byol(2 * (int64_t)BATCH);
    const redux_parameter *fast = redux_network_parameter(b.network, 0);
    const redux_parameter *slow = find(&b, "target.conv1.weight");
    float *online = fast->value.data, *target = slow->value.data;
    const double loss = gradients_of(&b, 0, 2 * (int64_t)BATCH);
    ck_assert_double_ge(loss, 0);
    ck_assert_double_le(loss, 8);
    open_optimiser(&b, REDUX_OPTIMISER_SGD);
    const double first = (double)target[0];
    online[0] += 1;
    update(&b, 0, 0);
    ck_assert_double_eq_tol((double)target[0] - first, 0.1, 1e-6);
    const float then = target[0];
    update(&b, STEPS, 0);
    ck_assert_float_eq(target[0], then);
    close_bed(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("objectives");
    TCase *cases = tcase_create("objectives");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, ten_steps_of_swav);
    tcase_add_test(cases, ten_steps_of_moco);
    tcase_add_test(cases, ten_steps_of_byol);
    tcase_add_test(cases, codes_of_the_golden_scores);
    tcase_add_test(cases, shares_of_samples_and_prototypes);
    tcase_add_test(cases, constants_do_not_change_codes);
    tcase_add_test(cases, equal_scores_give_equal_codes);
    tcase_add_test(cases, finite_differences_of_swav);
    tcase_add_test(cases, finite_differences_of_moco);
    tcase_add_test(cases, frozen_prototypes_stay);
    tcase_add_test(cases, parts_of_swav_and_moco);
    tcase_add_test(cases, parts_of_byol);
    tcase_add_test(cases, a_momentum_network_follows);
    tcase_add_test(cases, a_target_comes_to_a_stand);
    tcase_add_test(cases, a_step_allocates_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
