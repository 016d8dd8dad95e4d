/* SPDX-License-Identifier: MIT
 * Evaluation: what the runs are made of, against the parts called one by one; fine-tuning learns,
 * freezes, tests its best epoch; threads do not matter; predictions are written and compared. */
#include <math.h>
#include "support/test_io.h"

enum { ROWS = 120, SIDE = 16, WIDTH = 6 };

/* Pictures of noise; those of class 1 have a bright disc. One group for every four rows. */
static redux_labels *make_labels(bool with_splits)
{
    const int64_t shape[] = {ROWS, SIDE, SIDE};
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_tensor volume;
    redux_labels *labels;
    char table[8000];
    int used = snprintf(table, sizeof table, "file,slice,label,patient,split\n");
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_UINT8, 3, shape));
    uint8_t *pixels = volume.data;
    for (int i = 0; i < ROWS; i++) {
        const int label = (i * 7 / 3) % 2;
        for (int p = 0; p < SIDE * SIDE; p++) {
            const int y = p / SIDE - 8, x = p % SIDE - 8;
            const redux_random_key key = {1, 0, 0, (uint64_t)i};
            pixels[i * SIDE * SIDE + p] = (uint8_t)(redux_random_u32(&key, (uint32_t)p) % 120 +
                                                    (label == 1 && x * x + y * y < 20 ? 100u : 0u));
        }
        used += snprintf(table + used, sizeof table - (size_t)used, "v.npy,%d,%s,%d,%s\n", i,
                         label == 1 ? "disc" : "\"a,b\"", i / 4,
                         i / 4 % 5 == 0   ? "test"
                         : i / 4 % 5 == 1 ? "val"
                                          : "train");
    }
    ck_assert_redux_ok(redux_npy_write(in_scratch("v.npy"), NULL, &volume));
    redux_tensor_release(&volume);
    write_bytes(in_scratch("labels.csv"), table, (size_t)used);
    options.group = "patient";
    options.split = with_splits ? "split" : NULL;
    ck_assert_redux_ok(redux_labels_load(&labels, NULL, in_scratch("labels.csv"), &options));
    return labels;
}

/* [ROWS, WIDTH], column 0 tells the class more or less. */
static void make_features(redux_tensor *out, const redux_labels *labels)
{
    const int64_t shape[] = {ROWS, WIDTH};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 2, shape));
    for (int64_t i = 0; i < ROWS; i++) {
        const redux_random_key key = {5, 0, 0, (uint64_t)i};
        redux_label_row row;
        ck_assert_redux_ok(redux_labels_get_row(&row, labels, i));
        for (uint32_t j = 0; j < WIDTH; j++)
            ((float *)out->data)[i * WIDTH + j] =
                (float)redux_random_normal(&key, j) + (j == 0 ? 1.3F * (float)row.label : 0);
    }
}

/* Rows of a split as features and labels. */
static int64_t gather(redux_tensor *x, redux_tensor *y, const redux_tensor *features,
                      const redux_labels *labels, const uint8_t *split, redux_split which)
{
    const int64_t most[] = {ROWS, WIDTH};
    redux_tensor all_x, all_y;
    int64_t count = 0;
    ck_assert_redux_ok(redux_tensor_new(&all_x, NULL, REDUX_FLOAT32, 2, most));
    ck_assert_redux_ok(redux_tensor_new(&all_y, NULL, REDUX_INT32, 1, most));
    for (int64_t i = 0; i < ROWS; i++) {
        redux_label_row row;
        ck_assert_redux_ok(redux_labels_get_row(&row, labels, i));
        if (split[i] != which)
            continue;
        memcpy((float *)all_x.data + count * WIDTH, (const float *)features->data + i * WIDTH,
               WIDTH * sizeof(float));
        ((int32_t *)all_y.data)[count++] = row.label;
    }
    ck_assert_redux_ok(redux_tensor_slice(x, &all_x, 0, 0, count, 1));
    ck_assert_redux_ok(redux_tensor_slice(y, &all_y, 0, 0, count, 1));
    redux_tensor_release(&all_x);
    redux_tensor_release(&all_y);
    return count;
}

/* The test's probabilities of one fit without validation: what a given C must give. */
static void fit_by_hand(redux_tensor *p, const redux_tensor *features, const redux_labels *labels,
                        const uint8_t *split, double c)
{
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_tensor x, y, test, ignored;
    redux_logistic *model;
    options.c = c;
    gather(&x, &y, features, labels, split, REDUX_SPLIT_TRAIN);
    const int64_t count = gather(&test, &ignored, features, labels, split, REDUX_SPLIT_TEST);
    const int64_t shape[] = {count, 2};
    ck_assert_redux_ok(redux_logistic_fit(&model, NULL, &x, &y, 2, &options, NULL));
    ck_assert_redux_ok(redux_tensor_new(p, NULL, REDUX_FLOAT64, 2, shape));
    ck_assert_redux_ok(redux_logistic_predict(p, NULL, model, &test));
    redux_logistic_free(model);
    redux_tensor_release(&x);
    redux_tensor_release(&y);
    redux_tensor_release(&test);
    redux_tensor_release(&ignored);
}

/* Every prediction of a run, in the order of the rows. */
static void check_predictions(const redux_evaluation *e, int64_t first, const uint8_t *split,
                              const redux_tensor *want)
{
    int64_t at = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        redux_evaluation_prediction p = {.struct_size = sizeof p};
        if (split[i] != REDUX_SPLIT_TEST)
            continue;
        ck_assert_redux_ok(redux_evaluation_get_prediction(&p, e, first + at));
        ck_assert_int_eq(p.row, i);
        ck_assert_double_eq(p.probabilities[1], ((double *)want->data)[2 * at + 1]);
        at++;
    }
    ck_assert_int_eq(at, want->shape[0]);
}

START_TEST(a_given_c)
{
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    redux_evaluation_summary s = {.struct_size = sizeof s};
    redux_evaluation_run r = {.struct_size = sizeof r};
    redux_predictions predictions = REDUX_PREDICTIONS_INIT;
    redux_scores scores = REDUX_SCORES_INIT;
    redux_tensor features, p, x, y;
    redux_evaluation *e;
    uint8_t split[ROWS];
    int64_t confusion[4], sum = 0;
    redux_labels *labels = make_labels(true);
    make_features(&features, labels);
    options.features = &features;
    options.c = 0.3;
    options.interval = REDUX_INTERVAL_ROWS; /* six groups are tested */
    options.seeds = 3;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    ck_assert_redux_ok(redux_labels_split(split, NULL, labels, NULL));
    fit_by_hand(&p, &features, labels, split, 0.3);
    check_predictions(e, 0, split, &p);
    check_predictions(e, 2 * p.shape[0], split, &p); /* the same for every seed */
    gather(&x, &y, &features, labels, split, REDUX_SPLIT_TEST);
    predictions.labels = &y;
    predictions.scores = &p;
    ck_assert_redux_ok(redux_scores_compute(&scores, NULL, &predictions));
    ck_assert_redux_ok(redux_evaluation_get_run(&r, e, 1));
    ck_assert_double_eq(r.scores->auc, scores.auc);
    ck_assert_double_eq(r.chosen, 0.3);
    ck_assert_int_eq(r.fold, -1);
    ck_assert_int_eq(r.train + r.validation + r.test, ROWS);
    ck_assert(r.low->auc < r.scores->auc && r.scores->auc < r.high->auc);
    ck_assert_redux_ok(redux_evaluation_get_summary(&s, e));
    ck_assert_double_eq_tol(s.mean->auc, scores.auc, 1e-15);
    ck_assert_double_eq_tol(s.deviation->auc, 0, 1e-15);
    ck_assert_int_eq(s.features, WIDTH);
    ck_assert_redux_ok(redux_evaluation_get_confusion(confusion, e));
    for (int i = 0; i < 4; i++)
        sum += confusion[i];
    ck_assert_int_eq(sum, 3 * p.shape[0]);
    ck_assert_double_eq_tol((double)(confusion[0] + confusion[3]) / (double)sum, scores.accuracy,
                            1e-12);
    ck_assert_ptr_nonnull(redux_evaluation_leakage(e));
    redux_leakage_summary leakage = {.struct_size = sizeof leakage};
    ck_assert_redux_ok(redux_leakage_get_summary(&leakage, redux_evaluation_leakage(e)));
    ck_assert_int_gt(leakage.compared, 0);
    redux_evaluation_free(e);
    redux_tensor_release(&p);
    redux_tensor_release(&x);
    redux_tensor_release(&y);
    redux_tensor_release(&features);
    redux_labels_free(labels);
}
END_TEST

/* No setting is better on validation than the one that was chosen, and a smaller one that is as
 * good is taken. */
START_TEST(settings_are_chosen_on_validation)
{
    static const double ks[] = {1, 5, 10, 20, 50};
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    redux_evaluation_run chosen = {.struct_size = sizeof chosen}, other = chosen;
    redux_tensor features;
    redux_evaluation *e, *best_one; /* runs point into their evaluations */
    redux_labels *labels = make_labels(true);
    make_features(&features, labels);
    options.features = &features;
    options.seeds = 1;
    options.check_leakage = 0;
    options.protocol = _i < 2 ? REDUX_PROTOCOL_LINEAR : REDUX_PROTOCOL_KNN;
    options.choose_by = _i % 2 == 0 ? REDUX_FIGURE_AUC : REDUX_FIGURE_ACCURACY;
    ck_assert_redux_ok(redux_evaluate(&best_one, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_get_run(&chosen, best_one, 0));
    ck_assert_ptr_null(redux_evaluation_leakage(best_one));
    bool met = false;
    for (int i = 0; i < (_i < 2 ? 13 : 5); i++) {
        options.c = pow(10, -4 + 0.5 * i);
        options.neighbours = _i < 2 ? 0 : (int32_t)ks[i];
        ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
        ck_assert_redux_ok(redux_evaluation_get_run(&other, e, 0));
        const redux_scores *have = other.validation_scores, *best = chosen.validation_scores;
        const bool by_auc = _i % 2 == 0;
        const double first = by_auc ? best->auc - have->auc : best->accuracy - have->accuracy;
        const double second = by_auc ? best->accuracy - have->accuracy : best->auc - have->auc;
        ck_assert(first > -1e-12 && (first > 1e-12 || second > -1e-12));
        if (fabs(other.chosen / chosen.chosen - 1) < 1e-9) {
            ck_assert_double_eq_tol(have->auc, best->auc, 1e-12);
            ck_assert_double_eq_tol(other.scores->auc, chosen.scores->auc, 1e-12);
            met = true;
        }
        ck_assert(met || first > 1e-12 || second > 1e-12);
        redux_evaluation_free(e);
    }
    ck_assert(met);
    redux_evaluation_free(best_one);
    redux_tensor_release(&features);
    redux_labels_free(labels);
}
END_TEST

/* A line each, with its seed and its fold; what is saved gives the summary's figures. */
static void check_saved_folds(const redux_evaluation *e)
{
    redux_evaluation_prediction p = {.struct_size = sizeof p};
    redux_evaluation_summary s = {.struct_size = sizeof s};
    redux_scores mean = REDUX_SCORES_INIT, low = mean, high = mean;
    const char *path = in_scratch("folds.csv");
    char line[512];
    ck_assert_redux_ok(redux_evaluation_save(path, NULL, e));
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    ck_assert_int_eq(strncmp(line, "seed,fold,", 10), 0);
    for (int64_t i = 0; i < redux_evaluation_prediction_count(e); i++) {
        char *end;
        ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
        ck_assert_redux_ok(redux_evaluation_get_prediction(&p, e, i));
        ck_assert_uint_eq(strtoull(line, &end, 10), p.seed);
        ck_assert_int_eq(strtol(end + 1, &end, 10), p.fold);
        ck_assert_int_eq(*end, ',');
    }
    ck_assert_ptr_null(fgets(line, sizeof line, file));
    ck_assert_int_eq(fclose(file), 0);
    redux_run_set *set;
    ck_assert_redux_ok(redux_run_set_new(&set, NULL));
    ck_assert_redux_ok(redux_run_set_load(set, NULL, path, 1));
    ck_assert_redux_ok(redux_run_set_scores(&mean, NULL, NULL, NULL, set));
    ck_assert_redux_ok(redux_run_set_interval(&low, &high, NULL, set, 0.95));
    ck_assert_redux_ok(redux_evaluation_get_summary(&s, e));
    ck_assert_double_eq_tol(mean.auc, s.mean->auc, 1e-12);
    ck_assert_double_eq_tol(low.auc, s.low->auc, 1e-12);
    ck_assert_double_eq_tol(high.f1, s.high->f1, 1e-12);
    ck_assert_str_eq(s.no_interval, "");
    redux_run_set_free(set);
}

START_TEST(folds_and_seeds)
{
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    redux_split_options split = REDUX_SPLIT_OPTIONS_INIT;
    redux_evaluation_summary s = {.struct_size = sizeof s};
    redux_evaluation_prediction p = {.struct_size = sizeof p};
    int tested[2][ROWS] = {{0}};
    double of_seed[2] = {0, 0};
    redux_tensor features;
    redux_evaluation *e;
    redux_labels *labels = make_labels(false);
    make_features(&features, labels);
    split.method = REDUX_SPLIT_BY_FOLDS;
    split.folds = 4;
    options.features = &features;
    options.split = &split;
    options.seeds = 2;
    options.first_seed = 7;
    options.refit = 1;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_get_summary(&s, e));
    ck_assert_int_eq(s.runs, 8);
    ck_assert(s.test_groups == ROWS / 4 && s.defined->auc == 8);
    for (int64_t i = 0; i < redux_evaluation_prediction_count(e); i++) {
        ck_assert_redux_ok(redux_evaluation_get_prediction(&p, e, i));
        tested[p.seed - 7][p.row]++;
        ck_assert(p.fold >= 0 && p.fold < 4);
    }
    for (int i = 0; i < ROWS; i++)
        ck_assert(tested[0][i] == 1 && tested[1][i] == 1);
    for (int64_t i = 0; i < 8; i++) {
        redux_evaluation_run r = {.struct_size = sizeof r};
        ck_assert_redux_ok(redux_evaluation_get_run(&r, e, i));
        of_seed[r.seed - 7] += r.scores->auc / 4;
    }
    ck_assert_double_eq_tol(s.mean->auc, (of_seed[0] + of_seed[1]) / 2, 1e-12);
    ck_assert_double_eq_tol(s.deviation->auc, fabs(of_seed[0] - of_seed[1]) / sqrt(2), 1e-12);
    ck_assert_double_gt(s.deviation->auc, 0);
    check_saved_folds(e);
    redux_evaluation_free(e);
    /* One fold alone: the same rows as that fold among all; no intervals on request. */
    options.fold = 2;
    options.interval = REDUX_INTERVAL_NONE;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_get_summary(&s, e));
    ck_assert(s.runs == 2 && s.folds == 4 && isnan(s.low->auc));
    for (int64_t i = 0; i < redux_evaluation_prediction_count(e); i++) {
        ck_assert_redux_ok(redux_evaluation_get_prediction(&p, e, i));
        ck_assert_int_eq(p.fold, 2);
    }
    redux_evaluation_free(e);
    options.fold = 4;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options));
    options.fold = -1;
    options.interval = REDUX_INTERVAL_GROUPS;
    /* Groups divided alike for every seed. */
    options.fixed_split = 1;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_get_summary(&s, e));
    ck_assert_double_eq(s.deviation->auc, 0);
    redux_evaluation_free(e);
    redux_tensor_release(&features);
    redux_labels_free(labels);
}
END_TEST

/* ---- networks ---- */

static redux_evaluate_options small_network(redux_network_options *network,
                                            redux_input_options *input, redux_protocol protocol)
{
    const redux_network_options defaults = REDUX_NETWORK_OPTIONS_INIT;
    const redux_input_options plain = REDUX_INPUT_OPTIONS_INIT;
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    *network = defaults;
    network->width = 0.125;
    network->stem = REDUX_STEM_SMALL;
    *input = plain;
    input->size = SIDE;
    options.network = network;
    options.input = input;
    options.protocol = protocol;
    options.seeds = 1;
    options.resamples = 0;
    options.check_leakage = 0;
    options.epochs = 6;
    options.batch = 16;
    options.rate = 2e-3;
    return options;
}

/* Files of the same bytes. */
static void same_files(const char *a, const char *b)
{
    size_t n, m;
    unsigned char *x = read_bytes(a, &n), *y = read_bytes(b, &m);
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(x, y, n);
    free(x);
    free(y);
}

START_TEST(threads_do_not_matter)
{
    redux_context_options several = REDUX_CONTEXT_OPTIONS_INIT;
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options options = small_network(&network, &input, (redux_protocol)_i);
    redux_context *context;
    redux_labels *labels = make_labels(true);
    options.epochs = 2;
    for (int t = 1; t <= 3; t += 2) {
        redux_evaluation *e;
        several.threads = t;
        ck_assert_redux_ok(redux_context_new(&context, &several));
        ck_assert_redux_ok(redux_evaluate(&e, context, labels, &options));
        ck_assert_redux_ok(
            redux_evaluation_save(in_scratch(t == 1 ? "one.csv" : "three.csv"), context, e));
        redux_evaluation_free(e);
        redux_context_free(context);
    }
    same_files(in_scratch("one.csv"), in_scratch("three.csv"));
    redux_labels_free(labels);
}
END_TEST

/* The predictions go into a file, too. */
static double tested_auc(const redux_labels *labels, const redux_evaluate_options *options,
                         double *chosen, const char *predictions)
{
    redux_evaluation_run r = {.struct_size = sizeof r};
    redux_evaluation *e;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, options));
    ck_assert_redux_ok(redux_evaluation_get_run(&r, e, 0));
    ck_assert_redux_ok(redux_evaluation_save(in_scratch(predictions), NULL, e));
    const double auc = r.scores->auc;
    redux_evaluation_free(e);
    *chosen = r.chosen;
    return auc;
}

/* Discs are found from scratch. */
START_TEST(finetuning_learns)
{
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options options = small_network(&network, &input, REDUX_PROTOCOL_FINETUNE);
    double chosen, again;
    redux_labels *labels = make_labels(true);
    const double auc = tested_auc(labels, &options, &chosen, "long.csv");
    ck_assert_double_gt(auc, 0.95);
    ck_assert(chosen >= 1 && chosen <= 6);
    /* Weighted by class it is another run, which learns too. */
    options.epochs = 6;
    options.balanced = 1;
    ck_assert_double_gt(tested_auc(labels, &options, &again, "short.csv"), 0.95);
    redux_labels_free(labels);
}
END_TEST

/* The epoch that is tested is the best one: a longer run that chooses epoch k tests what a run of k
 * epochs tests. With rates as high as these the last epoch is seldom the best. */
START_TEST(best_epoch_is_tested)
{
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options options = small_network(&network, &input, REDUX_PROTOCOL_FINETUNE);
    double auc = NAN, chosen = 6, again;
    redux_labels *labels = make_labels(true);
    options.epochs = 6;
    for (int i = 0; chosen == 6 && i < 4; i++) {
        options.rate = 0.02 * (i + 1);
        auc = tested_auc(labels, &options, &chosen, "long.csv");
    }
    ck_assert_double_lt(chosen, 6);
    options.epochs = (int32_t)chosen;
    ck_assert_double_eq(tested_auc(labels, &options, &again, "short.csv"), auc);
    ck_assert_double_eq(again, chosen);
    same_files(in_scratch("long.csv"), in_scratch("short.csv"));
    redux_labels_free(labels);
}
END_TEST

START_TEST(divergence_is_told)
{
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options options = small_network(&network, &input, REDUX_PROTOCOL_FINETUNE);
    redux_evaluation *e = NULL;
    redux_labels *labels = make_labels(true);
    options.rate = 1e30;
    ck_assert_redux(REDUX_E_NOT_FINITE, redux_evaluate(&e, NULL, labels, &options));
    ck_assert_ptr_null(e);
    /* One step an epoch: there the predictions show it first. */
    options.batch = 4096;
    options.epochs = 1;
    options.rate = 1e39;
    ck_assert_redux(REDUX_E_NOT_FINITE, redux_evaluate(&e, NULL, labels, &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "prediction is not finite in epoch 1"));
    ck_assert_ptr_null(e);
    redux_labels_free(labels);
}
END_TEST

/* A network in a file, as pre-training writes it. */
static redux_safetensors *make_weights(const redux_network_options *options, uint64_t seed)
{
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    redux_network_options with_seed = *options;
    redux_safetensors *file;
    redux_network *network;
    with_seed.seed = seed;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &with_seed));
    const int64_t count = redux_network_parameter_count(network);
    const char **names = calloc((size_t)count, sizeof *names);
    redux_tensor *tensors = calloc((size_t)count, sizeof *tensors);
    for (int64_t i = 0; i < count; i++) {
        names[i] = redux_network_parameter(network, i)->name;
        tensors[i] = redux_network_parameter(network, i)->value;
    }
    content.count = count;
    content.names = names;
    content.tensors = tensors;
    ck_assert_redux_ok(redux_safetensors_save(in_scratch("w.safetensors"), NULL, &content));
    free(names);
    free(tensors);
    redux_network_free(network);
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, in_scratch("w.safetensors")));
    return file;
}

/* Random weights of seed s are those of a file with the network of seed s: "none" is what it says,
 * for probes and, without frozen epochs, for fine-tuning's encoder. */
START_TEST(none_is_random_weights)
{
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options options = small_network(&network, &input, (redux_protocol)_i);
    redux_evaluation *none, *given;
    redux_labels *labels = make_labels(true);
    redux_safetensors *file = make_weights(&network, 4);
    options.first_seed = 4;
    options.epochs = 2;
    options.frozen_epochs = 0;
    ck_assert_redux_ok(redux_evaluate(&none, NULL, labels, &options));
    options.weights = file;
    ck_assert_redux_ok(redux_evaluate(&given, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_save(in_scratch("none.csv"), NULL, none));
    ck_assert_redux_ok(redux_evaluation_save(in_scratch("given.csv"), NULL, given));
    same_files(in_scratch("none.csv"), in_scratch("given.csv"));
    redux_evaluation_free(none);
    redux_evaluation_free(given);
    redux_safetensors_free(file);
    redux_labels_free(labels);
}
END_TEST

#define DECAY 0.05

/* Logits of a row by hand: fc on the features. */
static void classify(double logits[2], const float *features, const double *fc, int64_t width)
{
    for (int k = 0; k < 2; k++) {
        logits[k] = fc[2 * width + k];
        for (int64_t j = 0; j < width; j++)
            logits[k] += fc[k * width + j] * (double)features[j];
    }
}

static double probability(const double logits[2])
{
    return 1 / (1 + exp(logits[0] - logits[1]));
}

/* fc: [2 width + 2] weights and biases after one step of Adam (moments are the gradient and its
 * square: each moves by rate g / (|g| + 1e-8)) on the mean cross-entropy of the training rows, with
 * weight decay on weights. */
static void step_by_hand(double *fc, const float *features, int64_t width,
                         const redux_labels *labels, const uint8_t *split, double rate)
{
    double *gradient = calloc((size_t)(2 * width + 2), sizeof *gradient), logits[2];
    int64_t rows = 0;
    for (int64_t i = 0; i < ROWS; i++)
        rows += split[i] == REDUX_SPLIT_TRAIN;
    for (int64_t i = 0; i < ROWS; i++) {
        redux_label_row row;
        ck_assert_redux_ok(redux_labels_get_row(&row, labels, i));
        if (split[i] != REDUX_SPLIT_TRAIN)
            continue;
        classify(logits, features + i * width, fc, width);
        const double p = probability(logits), d = (p - row.label) / (double)rows;
        for (int64_t j = 0; j <= width; j++) {
            const double x = j < width ? (double)features[i * width + j] : 1;
            gradient[j < width ? width + j : 2 * width + 1] += d * x;
            gradient[j < width ? j : 2 * width] -= d * x;
        }
    }
    for (int64_t j = 0; j < 2 * width; j++)
        gradient[j] += DECAY * fc[j];
    for (int64_t j = 0; j < 2 * width + 2; j++)
        fc[j] -= rate * gradient[j] / (fabs(gradient[j]) + 1e-8);
    free(gradient);
}

/* The first weights of the classifier for this seed. */
static void first_classifier(double *fc, const redux_network_options *options, int64_t width,
                             uint64_t seed)
{
    redux_network_options with_classes = *options;
    redux_network *network;
    with_classes.classes = 2;
    with_classes.seed = seed;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &with_classes));
    const int64_t count = redux_network_parameter_count(network);
    const redux_tensor *weight = &redux_network_parameter(network, count - 2)->value;
    const redux_tensor *bias = &redux_network_parameter(network, count - 1)->value;
    ck_assert_str_eq(redux_network_parameter(network, count - 1)->name, "fc.bias");
    for (int64_t j = 0; j < 2 * width; j++)
        fc[j] = (double)((const float *)weight->data)[j];
    for (int64_t k = 0; k < 2; k++)
        fc[2 * width + k] = (double)((const float *)bias->data)[k];
    redux_network_free(network);
}

/* Frozen, without random views, one batch and one epoch: one step of the classifier alone on the
 * features that redux_embed gives. */
START_TEST(frozen_is_a_step_by_hand)
{
    redux_network_options network;
    redux_input_options input;
    redux_views_options views = REDUX_VIEWS_OPTIONS_INIT;
    redux_evaluate_options options = small_network(&network, &input, REDUX_PROTOCOL_FINETUNE);
    redux_evaluation_prediction p = {.struct_size = sizeof p};
    redux_network *encoder;
    redux_tensor features;
    redux_evaluation *e;
    uint8_t split[ROWS];
    double fc[2 * 64 + 2], logits[2];
    redux_labels *labels = make_labels(true);
    redux_safetensors *file = make_weights(&network, 3);
    ck_assert_redux_ok(redux_encoder_load(&encoder, NULL, NULL, NULL, in_scratch("w.safetensors")));
    const int64_t width = redux_network_features(encoder), shape[] = {ROWS, width};
    ck_assert_int_eq(width, 64);
    ck_assert_redux_ok(redux_tensor_new(&features, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(
        redux_embed(&features, NULL, NULL, encoder, redux_labels_dataset(labels), NULL, &input, 0));
    ck_assert_redux_ok(redux_labels_split(split, NULL, labels, NULL));
    ck_assert_redux_ok(redux_views_preset(&views, "none"));
    options.views = &views;
    options.weights = file;
    options.first_seed = 9;
    options.epochs = options.frozen_epochs = 1;
    options.batch = ROWS;
    options.weight_decay = DECAY; /* which would shrink an encoder that is not frozen */
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    first_classifier(fc, &network, width, 9);
    step_by_hand(fc, features.data, width, labels, split, options.rate);
    for (int64_t i = 0; i < redux_evaluation_prediction_count(e); i++) {
        ck_assert_redux_ok(redux_evaluation_get_prediction(&p, e, i));
        classify(logits, (const float *)features.data + p.row * width, fc, width);
        ck_assert_double_eq_tol(p.probabilities[1], probability(logits), 1e-5);
    }
    redux_evaluation_free(e);
    redux_tensor_release(&features);
    redux_network_free(encoder);
    redux_safetensors_free(file);
    redux_labels_free(labels);
}
END_TEST

/* The largest difference between two runs' probabilities. */
static double differ(const redux_labels *labels, const redux_evaluate_options *a,
                     const redux_evaluate_options *b)
{
    redux_evaluation_prediction p = {.struct_size = sizeof p}, q = {.struct_size = sizeof q};
    redux_evaluation *of_a, *of_b;
    double worst = 0;
    ck_assert_redux_ok(redux_evaluate(&of_a, NULL, labels, a));
    ck_assert_redux_ok(redux_evaluate(&of_b, NULL, labels, b));
    for (int64_t i = 0; i < redux_evaluation_prediction_count(of_a); i++) {
        ck_assert_redux_ok(redux_evaluation_get_prediction(&p, of_a, i));
        ck_assert_redux_ok(redux_evaluation_get_prediction(&q, of_b, i));
        worst = fmax(worst, fabs(p.probabilities[1] - q.probabilities[1]));
    }
    redux_evaluation_free(of_a);
    redux_evaluation_free(of_b);
    return worst;
}

/* The paper's code: norms of a frozen encoder learn, its other weights do not; after the frozen
 * epochs everything has the thawed rate. */
START_TEST(norms_learn_and_thaw)
{
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options a = small_network(&network, &input, REDUX_PROTOCOL_FINETUNE), b;
    redux_labels *labels = make_labels(true);
    redux_safetensors *file = make_weights(&network, 3);
    a.weights = file;
    a.seeds = 1;
    a.resamples = a.check_leakage = 0;
    a.epochs = a.frozen_epochs = 1;
    a.batch = ROWS;
    a.rate = 1e-2;
    b = a;
    b.norms_learn = 1;
    ck_assert_double_gt(differ(labels, &a, &b), 1e-4);
    a.norms_learn = 1;
    a.weight_decay = b.weight_decay = 0;
    ck_assert_double_eq(differ(labels, &a, &b), 0);
    b.frozen_epochs = 0; /* the rest learns too */
    ck_assert_double_gt(differ(labels, &a, &b), 1e-4);
    b = a;
    a.epochs = b.epochs = 2;
    b.thawed_rate = a.rate;
    ck_assert_double_eq(differ(labels, &a, &b), 0);
    b.thawed_rate = 1e-9; /* as good as one epoch */
    a.epochs = 1;
    ck_assert_double_lt(differ(labels, &a, &b), 0.2); /* running statistics go on */
    b.thawed_rate = -1;
    redux_evaluation *e = NULL;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &b));
    redux_safetensors_free(file);
    redux_labels_free(labels);
}
END_TEST

/* ---- predictions ---- */

START_TEST(comparison)
{
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    redux_split_options split = REDUX_SPLIT_OPTIONS_INIT;
    redux_scores difference = REDUX_SCORES_INIT, low = difference, high = low, p_values = low;
    redux_run_set *a, *b;
    redux_tensor features, noise;
    redux_evaluation *e;
    redux_labels *labels = make_labels(false);
    make_features(&features, labels);
    make_features(&noise, labels);
    for (int i = 0; i < ROWS; i++)
        ((float *)noise.data)[i * WIDTH] = (float)(i % 11);
    split.method = REDUX_SPLIT_BY_FOLDS;
    split.folds = 3;
    options.split = &split;
    options.check_leakage = 0;
    options.seeds = 2;
    options.features = &features;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_save(in_scratch("a.csv"), NULL, e));
    redux_evaluation_free(e);
    options.features = &noise;
    ck_assert_redux_ok(redux_evaluate(&e, NULL, labels, &options));
    ck_assert_redux_ok(redux_evaluation_save(in_scratch("b.csv"), NULL, e));
    redux_evaluation_free(e);
    ck_assert_redux_ok(redux_run_set_new(&a, NULL));
    ck_assert_redux_ok(redux_run_set_new(&b, NULL));
    ck_assert_redux_ok(redux_run_set_load(a, NULL, in_scratch("a.csv"), 1));
    ck_assert_redux_ok(redux_run_set_load(b, NULL, in_scratch("b.csv"), 1));
    ck_assert_redux_ok(
        redux_run_set_compare(&difference, &low, &high, &p_values, NULL, a, b, 0.95, 2000, 0));
    ck_assert_double_lt(difference.auc, 0); /* 30 groups; noise is worse */
    ck_assert_double_lt(p_values.auc, 0.05);
    ck_assert(low.auc < difference.auc && difference.auc < high.auc && high.auc < 0);
    redux_run_set_free(a);
    redux_run_set_free(b);
    redux_tensor_release(&features);
    redux_tensor_release(&noise);
    redux_labels_free(labels);
}
END_TEST

START_TEST(what_is_wrong)
{
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    redux_evaluation *e = NULL;
    redux_tensor features, few;
    redux_protocol protocol;
    redux_labels *labels = make_labels(false);
    make_features(&features, labels);
    ck_assert_redux_ok(redux_tensor_slice(&few, &features, 0, 0, 7, 1));
    options.features = &features;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options)); /* no splits */
    options.features = &few;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options));
    options.features = &features;
    options.protocol = REDUX_PROTOCOL_FINETUNE;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options));
    options.protocol = REDUX_PROTOCOL_LINEAR;
    options.seeds = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options));
    options.seeds = 1;
    options.c = -1;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options));
    options.c = (double)NAN;
    options.positive = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_evaluate(&e, NULL, labels, &options));
    ck_assert_ptr_null(e);
    ck_assert_redux_ok(redux_protocol_parse(&protocol, "finetune"));
    ck_assert_int_eq(protocol, REDUX_PROTOCOL_FINETUNE);
    ck_assert_str_eq(redux_protocol_name(REDUX_PROTOCOL_KNN), "knn");
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_protocol_parse(&protocol, "svm"));
    redux_tensor_release(&few);
    redux_tensor_release(&features);
    redux_labels_free(labels);
}
END_TEST

static int cancel(int64_t done, int64_t total, void *user)
{
    (void)total;
    return done >= *(int64_t *)user;
}

START_TEST(cancelled)
{
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_network_options network;
    redux_input_options input;
    redux_evaluate_options options = small_network(&network, &input, (redux_protocol)_i);
    redux_evaluation *e = NULL;
    redux_context *context;
    int64_t after = 1;
    redux_labels *labels = make_labels(true);
    context_options.progress = cancel;
    context_options.progress_user = &after;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    ck_assert_redux(REDUX_E_CANCELLED, redux_evaluate(&e, context, labels, &options));
    ck_assert_ptr_null(e);
    redux_context_free(context);
    redux_labels_free(labels);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evaluate");
    TCase *cases = tcase_create("all");
    scratch_make();
    tcase_add_test(cases, a_given_c);
    tcase_add_loop_test(cases, settings_are_chosen_on_validation, 0, 4);
    tcase_add_test(cases, folds_and_seeds);
    tcase_add_loop_test(cases, threads_do_not_matter, 0, 3);
    tcase_add_test(cases, finetuning_learns);
    tcase_add_test(cases, best_epoch_is_tested);
    tcase_add_test(cases, divergence_is_told);
    tcase_add_loop_test(cases, none_is_random_weights, 0, 3);
    tcase_add_test(cases, frozen_is_a_step_by_hand);
    tcase_add_test(cases, norms_learn_and_thaw);
    tcase_add_test(cases, comparison);
    tcase_add_test(cases, what_is_wrong);
    tcase_add_loop_test(cases, cancelled, 0, 3);
    suite_add_tcase(suite, cases);
    const int status = run_suite(suite);
    scratch_remove();
    return status;
}
