/* SPDX-License-Identifier: MIT
 * Wrong arguments of networks, layers, losses, training and evaluation. */
#include "support/recipe.h"
#include "arguments.h"

static redux_dataset *dataset; /* made for each test */

static void make(void)
{
    const char *path = VOLUME;
    scratch_make();
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
}

static void clear(void)
{
    redux_dataset_free(dataset);
    scratch_remove();
}

START_TEST(loaders)
{
    redux_loader_options options = REDUX_LOADER_OPTIONS_INIT;
    redux_loader *loader;
    const redux_tensor *views;
    REFUSED(redux_loader_new(NULL, NULL, dataset, NULL, NULL));
    REFUSED(redux_loader_new(&loader, NULL, NULL, NULL, NULL));
    options.batch = 0;
    REFUSED(redux_loader_new(&loader, NULL, dataset, NULL, &options));
    options.batch = 2;
    options.first_batch = -1;
    REFUSED(redux_loader_new(&loader, NULL, dataset, NULL, &options));
    options.first_batch = 0;
    options.epochs = -1;
    REFUSED(redux_loader_new(&loader, NULL, dataset, NULL, &options));
    options.epochs = 0;
    options.batches = -1;
    REFUSED(redux_loader_new(&loader, NULL, dataset, NULL, &options));
    options.batches = 1;
    ck_assert_redux_ok(redux_loader_new(&loader, NULL, dataset, NULL, &options));
    REFUSED(redux_loader_next(NULL, NULL, loader));
    REFUSED(redux_loader_next(&views, NULL, NULL));
    ck_assert_ptr_null(redux_loader_rows(loader));
    ck_assert_redux_ok(redux_loader_next(&views, NULL, loader));
    ck_assert_ptr_nonnull(redux_loader_rows(loader));
    REFUSED(redux_loader_next(&views, NULL, loader)); /* after the last one */
    redux_loader_free(loader);
    ck_assert_ptr_null(redux_loader_rows(NULL));
    ck_assert_int_eq(redux_loader_slice_count(NULL), 0);
    ck_assert_int_eq(redux_loader_batch(NULL), 0);
    ck_assert_int_eq(redux_loader_batch_count(NULL), 0);
    ck_assert_int_eq(redux_loader_view_count(NULL), 0);
    ck_assert_int_eq(redux_loader_skipped_count(NULL), 0);
    ck_assert_int_eq(redux_loader_is_resident(NULL), 0);
    redux_loader_free(NULL);
}
END_TEST

START_TEST(networks)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_optimiser_options how = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_network *network, *none;
    redux_optimiser *optimiser;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_network_options read = {.struct_size = sizeof read};
    redux_tensor grey = TENSOR(REDUX_FLOAT32, 2, SIDE, SIDE, 1);
    redux_tensor colours = TENSOR(REDUX_FLOAT32, 2, SIDE, SIDE, 3);
    redux_tensor out = TENSOR(REDUX_FLOAT32, 2, 64), narrow = TENSOR(REDUX_FLOAT32, 2, 3);
    options.width = 0.125;
    REFUSED(redux_network_new(NULL, NULL, &options));
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    REFUSED(redux_network_forward(&out, NULL, network, &grey, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE)); /* not planned */
    ck_assert_redux_ok(redux_network_plan(network, NULL, 2, SIDE, SIDE, 1));
    REFUSED(redux_network_plan(network, NULL, 0, SIDE, SIDE, 1));
    REFUSED(redux_network_plan(network, NULL, 2, SIDE, 1 << 20, 1));
    REFUSED(redux_network_plan(NULL, NULL, 2, SIDE, SIDE, 1));
    REFUSED(redux_network_forward(NULL, NULL, network, &grey, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    REFUSED(
        redux_network_forward(&out, NULL, NULL, &grey, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE));
    REFUSED(redux_network_forward(&out, NULL, network, &colours, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    REFUSED(redux_network_forward(&narrow, NULL, network, &grey, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    REFUSED(redux_network_forward(&out, NULL, network, &grey, REDUX_OUTPUT_CLASSES,
                                  REDUX_MODE_EVALUATE)); /* it has none */
    REFUSED(redux_network_forward(&out, NULL, network, &grey, (redux_network_output)9,
                                  REDUX_MODE_EVALUATE));
    REFUSED(redux_network_backward(NULL, NULL, &out));
    REFUSED(redux_network_backward(network, NULL, NULL));
    REFUSED(redux_network_backward(network, NULL, &out)); /* of which forward? */
    ck_assert_redux_ok(
        redux_network_forward(&out, NULL, network, &grey, REDUX_OUTPUT_FEATURES, REDUX_MODE_TRAIN));
    REFUSED(redux_network_backward(network, NULL, &narrow));
    ck_assert_ptr_null(redux_network_parameter(network, -1));
    ck_assert_ptr_null(redux_network_parameter(network, redux_network_parameter_count(network)));
    REFUSED(redux_network_load(network, NULL, NULL));
    REFUSED(redux_network_save(NULL, NULL, network, NULL, NULL));
    REFUSED(redux_network_save(in_scratch("n.safetensors"), NULL, NULL, NULL, NULL));
    input.size = 0;
    REFUSED(redux_network_save(in_scratch("n.safetensors"), NULL, network, &input, NULL));
    input.size = 64;
    redux_safetensors_content more = REDUX_SAFETENSORS_CONTENT_INIT;
    more.count = 1; /* and no names */
    REFUSED(redux_network_save(in_scratch("n.safetensors"), NULL, network, NULL, &more));
    REFUSED(redux_network_options_of(&read, NULL, NULL, NULL));
    REFUSED(redux_input_options_of(&input, NULL));
    REFUSED(redux_encoder_load(NULL, &input, NULL, NULL, "a"));
    REFUSED(redux_encoder_load(&none, &input, NULL, NULL, NULL));
    REFUSED(redux_embed(&out, NULL, NULL, network, NULL, NULL, &input, 1));
    REFUSED(redux_embed(NULL, NULL, NULL, network, dataset, NULL, &input, 1));
    REFUSED(redux_embed(&narrow, NULL, NULL, network, dataset, NULL, &input, 1));
    REFUSED(redux_embed(&out, NULL, NULL, network, NULL, NULL, &input, 1));
    REFUSED(redux_optimiser_of_network(NULL, NULL, network, &how));
    REFUSED(redux_optimiser_of_network(&optimiser, NULL, NULL, &how));
    REFUSED(redux_optimiser_new(&optimiser, NULL, NULL, 1, &how));
    ck_assert_redux_ok(redux_optimiser_of_network(&optimiser, NULL, network, &how));
    REFUSED(redux_optimiser_step(NULL, NULL, NULL, 0.1));
    REFUSED(redux_optimiser_step(NULL, NULL, optimiser, NAN));
    ck_assert_ptr_null(redux_optimiser_tensor(optimiser, -1));
    ck_assert_ptr_null(redux_optimiser_tensor(optimiser, redux_optimiser_tensor_count(optimiser)));
    redux_optimiser_free(optimiser);
    redux_optimiser_free(NULL);
    redux_network_free(network);
    redux_network_free(NULL);
    RELEASE(&grey, &colours, &out, &narrow);
}
END_TEST

START_TEST(layers)
{
    redux_conv2d_options conv = REDUX_CONV2D_OPTIONS_INIT;
    redux_pool_options pool = REDUX_POOL_OPTIONS_INIT;
    redux_batch_norm_options norm = REDUX_BATCH_NORM_OPTIONS_INIT;
    redux_tensor in = TENSOR(REDUX_FLOAT32, 2, 8, 8, 4), wider = TENSOR(REDUX_FLOAT32, 2, 8, 8, 5);
    redux_tensor weight = TENSOR(REDUX_FLOAT32, 4, 3, 3, 4), bias = TENSOR(REDUX_FLOAT32, 5);
    redux_tensor out = TENSOR(REDUX_FLOAT32, 2, 6, 6, 4), none = TENSOR(REDUX_FLOAT32, 0, 8, 8, 4);
    redux_tensor whole = TENSOR(REDUX_INT32, 2, 8, 8, 4), half = TENSOR(REDUX_FLOAT32, 2, 4, 4, 4);
    redux_tensor rows = TENSOR(REDUX_FLOAT32, 4, 6), matrix = TENSOR(REDUX_FLOAT32, 3, 6);
    redux_tensor result = TENSOR(REDUX_FLOAT32, 4, 3), strided, real = TENSOR(REDUX_FLOAT64, 4, 6);
    redux_batch_norm_state state = {.weight = &bias, .bias = &bias};
    char workspace[1 << 16];
    ck_assert_redux_ok(redux_tensor_slice(&strided, &wider, 3, 0, 4, 1));

    REFUSED(redux_conv2d_forward(NULL, NULL, &in, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, NULL, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &strided, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &whole, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &none, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &wider, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&in, NULL, &in, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &in, &weight, &bias, &conv, workspace));
    REFUSED(redux_conv2d_backward(NULL, &in, NULL, NULL, &out, &in, &weight, &conv, workspace));
    conv.stride = 0;
    REFUSED(redux_conv2d_forward(&out, NULL, &in, &weight, NULL, &conv, workspace));
    ck_assert_uint_eq(redux_conv2d_workspace(NULL, &in, &weight, &conv), 0);

    REFUSED(redux_linear_forward(&result, NULL, &rows, NULL, NULL, workspace));
    REFUSED(redux_linear_forward(&result, NULL, &result, &matrix, NULL, workspace));
    REFUSED(redux_linear_forward(&rows, NULL, &rows, &matrix, NULL, workspace));
    REFUSED(redux_linear_backward(&rows, &result, NULL, NULL, &result, &rows, &matrix, workspace));
    ck_assert_uint_eq(redux_linear_workspace(NULL, &result, &matrix), 0);

    REFUSED(redux_batch_norm_forward(&in, NULL, &in, NULL, &state, &norm, workspace)); /* 5 of 4 */
    REFUSED(redux_batch_norm_forward(&in, NULL, &in, NULL, NULL, &norm, workspace));
    REFUSED(redux_batch_norm_backward(&in, NULL, NULL, NULL, NULL, NULL, &in, &in, &state, &norm,
                                      workspace));
    norm.momentum = 2;
    REFUSED(redux_batch_norm_forward(&wider, NULL, &wider, NULL, &state, &norm, workspace));
    norm.momentum = 0.1;
    norm.epsilon = NAN;
    REFUSED(redux_batch_norm_forward(&wider, NULL, &wider, NULL, &state, &norm, workspace));

    REFUSED(redux_relu_forward(&out, NULL, &in));
    REFUSED(redux_relu_forward(&whole, NULL, &whole));
    REFUSED(redux_relu_backward(&in, NULL, NULL, &in));
    REFUSED(redux_add(&in, NULL, &in, NULL));
    REFUSED(redux_add(&in, NULL, &in, &out));
    REFUSED(redux_max_pool_forward(&in, NULL, &in, &pool));
    REFUSED(redux_average_pool_forward(NULL, NULL, &in, &pool));
    REFUSED(redux_max_pool_backward(&in, NULL, &half, &in, NULL, &pool));
    pool.padding = 2; /* more than half the kernel */
    REFUSED(redux_max_pool_forward(&half, NULL, &in, &pool));
    pool.padding = 0;
    pool.stride = 0;
    REFUSED(redux_average_pool_forward(&half, NULL, &in, &pool));
    REFUSED(redux_average_pool_backward(&in, NULL, &half, &pool));
    REFUSED(redux_l2_normalise_forward(&rows, NULL, NULL));
    REFUSED(redux_l2_normalise_forward(&result, NULL, &rows));
    REFUSED(redux_l2_normalise_forward(&real, NULL, &rows));
    REFUSED(redux_l2_normalise_backward(&rows, NULL, NULL, &rows));

    RELEASE(&in, &wider, &weight, &bias, &out, &none, &rows, &whole, &half, &strided, &result,
            &matrix, &real);
}
END_TEST

START_TEST(losses)
{
    redux_tensor logits = TENSOR(REDUX_FLOAT32, 4, 3), classes = TENSOR(REDUX_INT32, 4);
    redux_tensor more = TENSOR(REDUX_INT32, 5), weights = TENSOR(REDUX_FLOAT32, 3);
    redux_tensor odd = TENSOR(REDUX_FLOAT32, 3, 3), whole = TENSOR(REDUX_INT32, 4, 3);
    redux_tensor turned, by_class = TENSOR(REDUX_FLOAT32, 3, 4);
    const int32_t order[] = {1, 0};
    char workspace[1 << 16];
    double loss;
    ck_assert_redux_ok(redux_tensor_permute(&turned, &by_class, order));
    REFUSED(redux_cross_entropy(NULL, NULL, NULL, &logits, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, NULL, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, NULL, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &turned, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &whole, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &more, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &weights, NULL));
    REFUSED(redux_cross_entropy(&loss, &odd, NULL, &logits, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &classes, &weights)); /* all 0 */
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &classes, &logits));
    ((int32_t *)classes.data)[3] = 3;
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &classes, NULL));
    REFUSED(redux_nt_xent(NULL, NULL, NULL, &logits, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, NULL, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &logits, 0.5, NULL));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &logits, 0, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &odd, 0.5, workspace)); /* no pairs */
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &whole, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &turned, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, &odd, NULL, &logits, 0.5, workspace));
    RELEASE(&logits, &classes, &more, &weights, &odd, &whole, &turned, &by_class);
}
END_TEST

START_TEST(judging)
{
    redux_tensor features = TENSOR(REDUX_FLOAT32, 6, 4), classes = TENSOR(REDUX_INT32, 6);
    redux_tensor out = TENSOR(REDUX_FLOAT64, 6, 2), narrow = TENSOR(REDUX_FLOAT64, 6, 3);
    redux_tensor fewer = TENSOR(REDUX_INT32, 5), whole = TENSOR(REDUX_INT32, 6, 4);
    redux_tensor wide = TENSOR(REDUX_FLOAT32, 6, 5), matrix = TENSOR(REDUX_INT64, 2, 2);
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_knn_options near = REDUX_KNN_OPTIONS_INIT;
    redux_predictions given = REDUX_PREDICTIONS_INIT, other = REDUX_PREDICTIONS_INIT;
    redux_scores scores = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
    redux_logistic_info info = {.struct_size = sizeof info};
    redux_logistic *model, *none;
    for (int i = 0; i < 6; i++) {
        ((int32_t *)classes.data)[i] = i % 2;
        ((float *)features.data)[4 * i] = (float)i;
    }
    REFUSED(redux_logistic_fit(NULL, NULL, &features, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, NULL, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &features, &fewer, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &whole, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &features, &classes, 1, &options, NULL));
    ck_assert_redux_ok(redux_logistic_fit(&model, NULL, &features, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &wide, &classes, 2, &options, model));
    REFUSED(redux_logistic_get_info(NULL, model));
    REFUSED(redux_logistic_get_info(&info, NULL));
    REFUSED(redux_logistic_predict(&out, NULL, NULL, &features));
    REFUSED(redux_logistic_predict(&narrow, NULL, model, &features));
    REFUSED(redux_logistic_predict(&out, NULL, model, &wide));
    REFUSED(redux_logistic_predict(NULL, NULL, model, &features));
    options.c = 0;
    REFUSED(redux_logistic_fit(&none, NULL, &features, &classes, 2, &options, NULL));
    REFUSED(redux_knn_predict(NULL, NULL, &features, &classes, 2, &features, &near));
    REFUSED(redux_knn_predict(&out, NULL, &features, &classes, 2, &wide, &near));
    REFUSED(redux_knn_predict(&narrow, NULL, &features, &classes, 2, &features, &near));
    near.temperature = 0;
    REFUSED(redux_knn_predict(&out, NULL, &features, &classes, 2, &features, &near));
    redux_logistic_free(model);
    redux_logistic_free(NULL);

    REFUSED(redux_scores_compute(&scores, NULL, NULL));
    REFUSED(redux_scores_compute(&scores, NULL, &given)); /* of nothing */
    given.labels = other.labels = &classes;
    given.scores = &out;
    other.scores = &narrow;
    REFUSED(redux_scores_compute(NULL, NULL, &given));
    REFUSED(redux_scores_compute(&scores, NULL,
                                 &(redux_predictions){sizeof given, &classes, &whole, 1, NULL}));
    REFUSED(redux_scores_compute(&scores, NULL,
                                 &(redux_predictions){sizeof given, &fewer, &out, 1, NULL}));
    REFUSED(redux_scores_compute(&scores, NULL,
                                 &(redux_predictions){sizeof given, &features, &out, 1, NULL}));
    REFUSED(redux_scores_confusion(NULL, NULL, &given));
    REFUSED(redux_scores_confusion(&narrow, NULL, &given));
    REFUSED(redux_scores_confusion(&matrix, NULL, &other)); /* three classes */
    REFUSED(redux_scores_bootstrap(NULL, &high, NULL, &given, 10, 0.95, 0));
    REFUSED(redux_scores_bootstrap(&scores, &high, NULL, &given, 10, 1, 0));
    REFUSED(redux_scores_bootstrap(&scores, &high, NULL, &given, 0, 0.95, 0));
    REFUSED(redux_scores_compare(&scores, NULL, &given, &other, 10, 0));
    REFUSED(redux_scores_compare(&scores, NULL, &given, NULL, 10, 0));
    REFUSED(redux_scores_compare(&scores, NULL, &given, &given, 0, 0));
    RELEASE(&features, &classes, &out, &narrow, &fewer, &whole, &wide, &matrix);
}
END_TEST

START_TEST(labels)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_split_options how = REDUX_SPLIT_OPTIONS_INIT;
    redux_evaluate_options evaluate = REDUX_EVALUATE_OPTIONS_INIT;
    redux_evaluation_run run = {.struct_size = sizeof run};
    redux_evaluation_summary summary = {.struct_size = sizeof summary};
    redux_evaluation_prediction prediction = {.struct_size = sizeof prediction};
    redux_scores low = REDUX_SCORES_INIT;
    redux_run_set *runs = NULL;
    redux_leakage_summary leakage = {.struct_size = sizeof leakage};
    redux_leakage *leaks;
    redux_evaluation *evaluation;
    redux_labels *table;
    redux_label_row row = {0};
    const char *source;
    int64_t slice;
    uint8_t split[4096];
    options.label = "tumour";
    REFUSED(redux_labels_load(NULL, NULL, "data/ct/labels.csv", &options));
    REFUSED(redux_labels_load(&table, NULL, NULL, &options));
    ck_assert_redux_ok(redux_labels_load(&table, NULL, "data/ct/labels.csv", &options));
    REFUSED(redux_labels_get_row(&row, table, -1));
    REFUSED(redux_labels_get_row(&row, table, redux_labels_row_count(table)));
    REFUSED(redux_labels_get_row(NULL, table, 0));
    REFUSED(redux_labels_get_row_name(&source, &slice, table, -1));
    REFUSED(redux_labels_get_row_name(&source, &slice, NULL, 0));
    ck_assert_ptr_null(redux_labels_class_name(table, -1));
    ck_assert_ptr_null(redux_labels_class_name(table, 2));
    ck_assert_ptr_null(redux_labels_group_name(table, -1));
    ck_assert_int_eq(redux_labels_find_class(table, "neither"), -1);
    REFUSED(redux_labels_split(NULL, NULL, table, &how));
    REFUSED(redux_labels_split(split, NULL, NULL, &how));
    how.method = (redux_split_method)9;
    REFUSED(redux_labels_split(split, NULL, table, &how));
    how.method = REDUX_SPLIT_BY_SHARES;
    how.validation = how.test = 0.6;
    REFUSED(redux_labels_split(split, NULL, table, &how));
    REFUSED(redux_labels_find_leakage(NULL, NULL, table, split, NULL));
    REFUSED(redux_labels_find_leakage(&leaks, NULL, NULL, split, NULL));
    REFUSED(redux_leakage_get_summary(&leakage, NULL));
    REFUSED(redux_leakage_get_worst(NULL, NULL, 0));
    ck_assert_int_eq(redux_leakage_worst_count(NULL), 0);
    REFUSED(redux_evaluate(NULL, NULL, table, &evaluate));
    REFUSED(redux_evaluate(&evaluation, NULL, NULL, &evaluate));
    evaluate.protocol = (redux_protocol)9;
    REFUSED(redux_evaluate(&evaluation, NULL, table, &evaluate));
    evaluate.protocol = REDUX_PROTOCOL_KNN;
    evaluate.level = 1;
    REFUSED(redux_evaluate(&evaluation, NULL, table, &evaluate));
    REFUSED(redux_evaluation_get_run(&run, NULL, 0));
    REFUSED(redux_evaluation_get_summary(&summary, NULL));
    REFUSED(redux_evaluation_get_prediction(&prediction, NULL, 0));
    REFUSED(redux_evaluation_save("a.csv", NULL, NULL));
    REFUSED(redux_run_set_new(NULL, NULL));
    ck_assert_redux_ok(redux_run_set_new(&runs, NULL));
    REFUSED(redux_run_set_add(NULL, NULL, 0, 0, NULL, NULL));
    REFUSED(redux_run_set_add(runs, NULL, 0, 0, NULL, NULL));
    REFUSED(redux_run_set_load(NULL, NULL, "a.csv", 1));
    REFUSED(redux_run_set_load(runs, NULL, NULL, 1));
    REFUSED(redux_run_set_get_counts(NULL, NULL, runs));
    REFUSED(redux_run_set_scores(&low, NULL, NULL, NULL, NULL));
    REFUSED(redux_run_set_scores(&low, NULL, NULL, NULL, runs));
    REFUSED(redux_run_set_interval(&low, NULL, NULL, runs, 0.95));
    REFUSED(redux_run_set_compare(&low, NULL, NULL, NULL, NULL, NULL, runs, 0.95, 9, 0));
    REFUSED(redux_run_set_compare(&low, NULL, NULL, NULL, NULL, runs, runs, 0.95, 0, 0));
    redux_run_set_free(runs);
    redux_labels_free(table);
    redux_labels_free(NULL);
    redux_evaluation_free(NULL);
}
END_TEST

/* 7: widths of a head, 8: its layers, 9: batch norm of a layer that it has not, 10: bias; 11: a
 * prediction without a projection. */
static redux_status network_with(int field, double value)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_network *network = NULL;
    options.width = 0.125;
    options.projection = &head;
    int32_t *const whole[] = {(int32_t *)&options.arch,
                              (int32_t *)&options.stem,
                              (int32_t *)&options.products,
                              &options.classes,
                              &options.classes,
                              &options.channels,
                              NULL,
                              &head.widths[1],
                              &head.layers,
                              (int32_t *)&head.batch_norm,
                              (int32_t *)&head.no_bias};
    if (field == 6)
        options.width = value;
    else if (field < 11)
        *whole[field] = (int32_t)value;
    else {
        options.projection = NULL;
        options.prediction = &head;
    }
    const redux_status status = redux_network_new(&network, NULL, &options);
    redux_network_free(network);
    return status;
}

static redux_status optimiser_with(int field, double value)
{
    redux_network_options small = REDUX_NETWORK_OPTIONS_INIT;
    redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_network *network;
    redux_optimiser *optimiser = NULL;
    double *const number[] = {&options.momentum, &options.weight_decay, &options.beta1,
                              &options.beta2,    &options.epsilon,      &options.trust,
                              &options.clip_norm};
    small.width = 0.125;
    if (field < 7)
        *number[field] = value;
    else
        options.kind = (redux_optimiser_kind)value;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &small));
    const redux_status status = redux_optimiser_of_network(&optimiser, NULL, network, &options);
    redux_optimiser_free(optimiser);
    redux_network_free(network);
    return status;
}

static redux_status pretraining_with(int field, double value)
{
    recipe options = recipe_of("simclr", 16);
    redux_pretrain_options *run = &options.run;
    double *const number[] = {&options.nt_xent.temperature, &run->rate, &run->warm_up,
                              &run->last_rate, &run->checkpoint_seconds};
    int64_t *const whole[] = {&run->batch, &run->part,          &run->epochs,
                              &run->steps, &run->warm_up_steps, &run->cosine_steps};
    if (field < 5)
        *number[field] = value;
    else
        *whole[field - 5] = (int64_t)value;
    return recipe_run(NULL, NULL, in_scratch("never"), dataset, NULL, &options);
}

static const struct {
    redux_status (*with)(int field, double value);
    int field;
    double value;
} settings[] = {
    {network_with, 0, 99},          {network_with, 1, 99},
    {network_with, 2, 99},          {network_with, 3, -1},
    {network_with, 4, -1},          {network_with, 4, 1 << 30},
    {network_with, 5, 2},           {network_with, 6, 0},
    {network_with, 6, 0.1},         {network_with, 6, NAN},
    {network_with, 6, 17},          {network_with, 7, -1},
    {network_with, 7, 1 << 30},     {network_with, 8, 0},
    {network_with, 8, 9},           {network_with, 9, 4},
    {network_with, 10, 4},          {network_with, 11, 0},
    {optimiser_with, 0, 1},         {optimiser_with, 0, -0.1},
    {optimiser_with, 1, -1},        {optimiser_with, 1, INFINITY},
    {optimiser_with, 2, 1},         {optimiser_with, 3, NAN},
    {optimiser_with, 4, 0},         {optimiser_with, 5, 0},
    {optimiser_with, 6, -1},        {optimiser_with, 7, 99},
    {pretraining_with, 0, 0},       {pretraining_with, 0, NAN},
    {pretraining_with, 1, 0},       {pretraining_with, 1, INFINITY},
    {pretraining_with, 2, -1},      {pretraining_with, 2, 1e10},
    {pretraining_with, 3, -1},      {pretraining_with, 3, 2},
    {pretraining_with, 4, -1},      {pretraining_with, 5, 0},
    {pretraining_with, 5, 1 << 21}, {pretraining_with, 6, -1},
    {pretraining_with, 7, -1},      {pretraining_with, 7, 0},
    {pretraining_with, 7, 3e9},     {pretraining_with, 8, -1},
    {pretraining_with, 8, 5}, /* epochs and steps */
    {pretraining_with, 9, -1},      {pretraining_with, 10, -1},
};

START_TEST(settings_of_training)
{
    REFUSED(settings[_i].with(settings[_i].field, settings[_i].value));
    ck_assert_int_ne(access(in_scratch("never"), F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arguments_train");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, make, clear);
    tcase_add_test(cases, loaders);
    tcase_add_test(cases, networks);
    tcase_add_test(cases, layers);
    tcase_add_test(cases, losses);
    tcase_add_test(cases, judging);
    tcase_add_test(cases, labels);
    tcase_add_loop_test(cases, settings_of_training, 0, sizeof settings / sizeof *settings);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
