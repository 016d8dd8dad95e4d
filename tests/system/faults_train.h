/* SPDX-License-Identifier: MIT
 * Scenarios of tests/system/test_faults.c: networks, training, evaluation. */
#ifndef FAULTS_TRAIN_H
#define FAULTS_TRAIN_H

#include "support/recipe.h"
#include "faults_scenarios.h"

/* NOLINTBEGIN(bugprone-sizeof-expression): outputs may be pointers */

static redux_network_options tiny_network(void)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    options.width = 0.125;
    options.classes = 2;
    return options;
}

static redux_status network_pass(redux_network *network, redux_context *context)
{
    static float in[2 * 32 * 32], logits[4], gradients[4];
    static const int64_t in_shape[] = {2, 32, 32, 1}, out_shape[] = {2, 2};
    redux_tensor images, out, d_out;
    borrow(&images, in, REDUX_FLOAT32, 4, in_shape);
    borrow(&out, logits, REDUX_FLOAT32, 2, out_shape);
    borrow(&d_out, gradients, REDUX_FLOAT32, 2, out_shape);
    redux_status status = redux_network_plan(network, context, 2, 32, 32, 1);
    if (status == REDUX_OK)
        status = redux_network_forward(&out, context, network, &images, REDUX_OUTPUT_CLASSES,
                                       REDUX_MODE_TRAIN);
    if (status == REDUX_OK)
        status = redux_network_backward(network, context, &d_out);
    return status;
}

static redux_status network(redux_context *context)
{
    const redux_network_options options = tiny_network();
    redux_network *out;
    redux_optimiser *optimiser;
    double norm;
    redux_status status = redux_network_new(&out, context, &options);
    if (status != REDUX_OK)
        return status;
    status = network_pass(out, context);
    if (status == REDUX_OK) {
        status = redux_optimiser_of_network(&optimiser, context, out, NULL);
        if (status == REDUX_OK) {
            status = redux_optimiser_step(&norm, context, optimiser, 0.1);
            redux_optimiser_free(optimiser);
        }
    }
    redux_network_free(out);
    return status;
}

static redux_status network_load(redux_context *context)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_network *out;
    redux_status status = redux_network_options_of(&options, &head, NULL, set.file);
    if (status == REDUX_OK)
        status = redux_network_new(&out, context, &options);
    if (status != REDUX_OK)
        return status;
    status = redux_network_load(out, context, set.file);
    redux_network_free(out);
    return status;
}

static redux_status network_save(redux_context *context)
{
    const redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    return redux_network_save(in_scratch("out.safetensors"), context, set.network, &input, NULL);
}

static redux_status embed(redux_context *context)
{
    static float values[64 * 512];
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_network *encoder;
    redux_tensor out;
    char name[REDUX_ENCODER_NAME];
    redux_status status = redux_encoder_load(&encoder, &input, name, context, set.weights);
    if (status != REDUX_OK)
        return status;
    const int64_t shape[] = {redux_dataset_slice_count(set.dataset),
                             redux_network_features(encoder)};
    borrow(&out, values, REDUX_FLOAT32, 2, shape);
    status = redux_embed(&out, NULL, context, encoder, set.dataset, NULL, &input, 8);
    redux_network_free(encoder);
    return status;
}

static recipe tiny_pretrain(void)
{
    recipe options = recipe_of("simclr", SIDE);
    options.network.width = 0.125;
    options.projection.widths[1] = 8;
    options.run.batch = 8;
    options.run.epochs = 1;
    options.run.checkpoint_seconds = 0;
    return options;
}

static redux_status run_pretrain(redux_context *context)
{
    const recipe options = tiny_pretrain();
    redux_pretrain_result out;
    memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    const redux_status status =
        recipe_run(&out, context, in_scratch("run"), set.dataset, NULL, &options);
    if (status != REDUX_OK)
        must(out.steps == (0));
    return status;
}

static redux_status pretrain(redux_context *context)
{
    const redux_status status = run_pretrain(context);
    calm();
    nftw(in_scratch("run"), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static redux_status pretrain_as(redux_context *context, recipe *options, redux_status status,
                                redux_objective *objective)
{
    options->run.objective = objective;
    if (status == REDUX_OK)
        status = recipe_run(NULL, context, in_scratch("run"), set.dataset, NULL, options);
    redux_objective_free(objective);
    calm();
    nftw(in_scratch("run"), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static redux_status pretrain_swav(redux_context *context)
{
    redux_swav_options swav = REDUX_SWAV_OPTIONS_INIT;
    redux_objective *objective = NULL;
    recipe options = tiny_pretrain();
    swav.prototypes = 5;
    swav.queue = 8;
    options.views.small_views = 1;
    const redux_status status = redux_objective_new_swav(&objective, context, &swav);
    return pretrain_as(context, &options, status, objective);
}

static redux_status pretrain_moco(redux_context *context)
{
    redux_moco_options moco = REDUX_MOCO_OPTIONS_INIT;
    redux_objective *objective = NULL;
    recipe options = tiny_pretrain();
    moco.queue = 8;
    const redux_status status = redux_objective_new_moco(&objective, context, &moco);
    return pretrain_as(context, &options, status, objective);
}

static redux_status pretrain_byol(redux_context *context)
{
    redux_objective *objective = NULL;
    recipe options = tiny_pretrain();
    options.with_prediction = true;
    options.prediction.widths[1] = 8;
    const redux_status status = redux_objective_new_byol(&objective, context, NULL);
    return pretrain_as(context, &options, status, objective);
}

static redux_status loader(redux_context *context)
{
    redux_loader_options options = REDUX_LOADER_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    const redux_tensor *views = NULL;
    redux_loader *out;
    input.size = SIDE;
    options.input = &input;
    options.batch = 4;
    options.batches = 3;
    redux_status status = redux_loader_new(&out, context, set.dataset, NULL, &options);
    if (status != REDUX_OK)
        return status;
    for (int i = 0; i < 3 && status == REDUX_OK; i++)
        status = redux_loader_next(&views, context, out);
    redux_loader_free(out);
    return status;
}

SCENARIO(logistic_fit, redux_logistic *,
         redux_logistic_fit(&out, context, &set.features, &set.targets, 2, NULL, NULL),
         redux_logistic_free(out))

static redux_status knn(redux_context *context)
{
    double values[LABELLED * 2];
    const int64_t shape[] = {LABELLED, 2};
    redux_tensor out;
    borrow(&out, values, REDUX_FLOAT64, 2, shape);
    return redux_knn_predict(&out, context, &set.features, &set.targets, 2, &set.features, NULL);
}

static redux_evaluate_options quick(redux_protocol protocol)
{
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    options.protocol = protocol;
    options.features = &set.features;
    options.split = &shares;
    options.seeds = 1;
    options.resamples = 20;
    return options;
}

static redux_status evaluate_as(redux_context *context, redux_protocol protocol)
{
    redux_evaluate_options options = quick(protocol);
    redux_network_options network_options = tiny_network();
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_evaluation *out = NULL;
    if (protocol == REDUX_PROTOCOL_FINETUNE) {
        input.size = SIDE;
        network_options.classes = 0;
        options.features = NULL;
        options.network = &network_options;
        options.input = &input;
        options.epochs = 1;
        options.frozen_epochs = 0;
        options.batch = 16;
    }
    const redux_status status = redux_evaluate(&out, context, set.labels, &options);
    must((status == REDUX_OK) == (out != NULL));
    redux_evaluation_free(out);
    return status;
}
NOTHING(evaluate_linear, evaluate_as(context, REDUX_PROTOCOL_LINEAR))
NOTHING(evaluate_knn, evaluate_as(context, REDUX_PROTOCOL_KNN))
NOTHING(evaluate_finetune, evaluate_as(context, REDUX_PROTOCOL_FINETUNE))
NOTHING(evaluation_save, redux_evaluation_save(in_scratch("out.csv"), context, set.evaluation))

static redux_status evaluation_compare(redux_context *context)
{
    redux_scores low = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
    redux_run_set *runs = NULL;
    redux_status status = redux_run_set_new(&runs, context);
    if (status == REDUX_OK)
        status = redux_run_set_load(runs, context, set.predictions, 1);
    if (status == REDUX_OK)
        status = redux_run_set_interval(&low, &high, context, runs, 0.95);
    if (status == REDUX_OK)
        status = redux_run_set_compare(NULL, NULL, NULL, NULL, context, runs, runs, 0.95, 20, 1);
    redux_run_set_free(runs);
    return status;
}

static redux_predictions predictions_of(redux_tensor *scores, double *values)
{
    static const int64_t shape[] = {LABELLED};
    redux_predictions out = REDUX_PREDICTIONS_INIT;
    for (int i = 0; i < LABELLED; i++)
        values[i] = i % 7 / 7.0;
    borrow(scores, values, REDUX_FLOAT64, 1, shape);
    out.labels = &set.targets;
    out.scores = scores;
    return out;
}

static redux_status scores(redux_context *context)
{
    redux_scores out = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
    double values[LABELLED];
    redux_tensor tensor;
    const redux_predictions predictions = predictions_of(&tensor, values);
    redux_status status = redux_scores_compute(&out, context, &predictions);
    if (status == REDUX_OK)
        status = redux_scores_bootstrap(&out, &high, context, &predictions, 20, 0.95, 1);
    if (status == REDUX_OK)
        status = redux_scores_compare(&out, context, &predictions, &predictions, 20, 1);
    return status;
}

/* NOLINTEND(bugprone-sizeof-expression) */

#endif
