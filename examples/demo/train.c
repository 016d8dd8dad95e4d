/* SPDX-License-Identifier: MIT
 * Pre-trains a small encoder on all slices and on those that hash keeps, and has a linear probe
 * tell on held-out patients which slices show a tumour. Each of four parts of the patients is held
 * out once, from encoder and probe. */
#include "train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 4, EPOCHS = 40, BATCH = 32, SIZE = 64 };

typedef struct demo {
    redux_context *context;
    const char *folder;
    redux_labels *labels;
    const redux_dataset *dataset; /* the labels' */
    uint8_t *is_kept;             /* by hash, of the dataset's slices */
} demo;

/* The part that a slice is held out with: every fourth volume. */
static int part_of(const demo *d, int64_t slice)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    for (int64_t v = 0; v < redux_dataset_volume_count(d->dataset); v++) {
        if (redux_dataset_get_volume_info(&info, d->dataset, v) != REDUX_OK || slice < info.slices)
            return (int)(v % PARTS);
        slice -= info.slices;
    }
    return 0;
}

/* Hash as the paper takes slices: as stored. They have the same numbers. */
static redux_status reduce_by_hash(demo *d)
{
    redux_dataset_options dataset_options = REDUX_DATASET_OPTIONS_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_dataset *stored = NULL;
    redux_reduction *reduction = NULL;
    const int64_t volumes = redux_dataset_volume_count(d->dataset);
    const char **paths = calloc((size_t)volumes, sizeof *paths);
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_status status = paths == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
    dataset_options.orientation = REDUX_ORIENTATION_STORED;
    for (int64_t v = 0; v < volumes && status == REDUX_OK; v++) {
        status = redux_dataset_get_volume_info(&info, d->dataset, v);
        paths[v] = info.source;
    }
    if (status == REDUX_OK)
        status = redux_dataset_open(&stored, d->context, paths, volumes, &dataset_options);
    if (status == REDUX_OK)
        status = redux_reduce(&reduction, d->context, stored, &options);
    for (int64_t i = 0; status == REDUX_OK && i < redux_reduction_row_count(reduction); i++) {
        redux_row row;
        status = redux_reduction_get_row(&row, reduction, i);
        d->is_kept[i] = (uint8_t)row.kept;
    }
    redux_reduction_free(reduction);
    redux_dataset_free(stored);
    free(paths);
    return status;
}

static int on_step(const redux_pretrain_step *step, void *user)
{
    (void)user;
    progress_note("loss %.3f  %.0f images/s", step->loss, step->images_per_second);
    return 0;
}

/* Trains on the slices of all parts but one, if `wanted` (NULL: all). */
static redux_status pretrain(redux_pretrain_result *result, const demo *d, const char *run,
                             const uint8_t *wanted, int part)
{
    redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT;
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options projection = REDUX_HEAD_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    const int64_t slices = redux_dataset_slice_count(d->dataset);
    uint8_t *mask = malloc((size_t)slices);
    redux_status status = mask == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
    if (status == REDUX_OK)
        status = redux_window_parse(&input.window, "-160:240");
    if (status == REDUX_OK) {
        for (int64_t i = 0; i < slices; i++)
            mask[i] = part_of(d, i) != part && (wanted == NULL || wanted[i] != 0);
        input.size = SIZE;
        network.width = 0.25;
        network.projection = &projection;
        options.network = &network;
        options.input = &input;
        options.batch = BATCH;
        options.epochs = EPOCHS;
        options.warm_up = 4;
        options.resume = REDUX_RESUME_OVERWRITE;
        options.report = on_step;
        status = redux_pretrain(result, d->context, run, d->dataset, mask, &options);
    }
    free(mask);
    return status;
}

/* Features of all slices by a weight file, or (NULL) by random weights. */
static redux_status embed(redux_tensor *out, const demo *d, const char *weights)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_network *network = NULL;
    char name[REDUX_ENCODER_NAME];
    redux_status status;
    options.width = 0.25;
    input.size = SIZE;
    if (weights != NULL)
        status = redux_encoder_load(&network, &input, name, d->context, weights);
    else
        status = redux_network_new(&network, d->context, &options);
    if (status == REDUX_OK && weights == NULL)
        status = redux_window_parse(&input.window, "-160:240");
    if (status == REDUX_OK) {
        const int64_t shape[] = {redux_dataset_slice_count(d->dataset),
                                 redux_network_features(network)};
        status = redux_tensor_new(out, d->context, REDUX_FLOAT32, 2, shape);
        if (status == REDUX_OK)
            status = redux_embed(out, NULL, d->context, network, d->dataset, NULL, &input, 0);
    }
    redux_network_free(network);
    return status;
}

/* Features and labels of the rows of a part, or of all others. */
static redux_status select_rows(redux_tensor *features, redux_tensor *labels, const demo *d,
                                const redux_tensor *all, int part, bool is_test)
{
    const int64_t rows = redux_labels_row_count(d->labels), width = all->shape[1];
    const int64_t shape[] = {rows, width};
    int64_t count = 0;
    redux_status status = redux_tensor_new(features, d->context, REDUX_FLOAT32, 2, shape);
    if (status == REDUX_OK)
        status = redux_tensor_new(labels, d->context, REDUX_INT32, 1, shape);
    for (int64_t i = 0; i < rows && status == REDUX_OK; i++) {
        redux_label_row row;
        status = redux_labels_get_row(&row, d->labels, i);
        if (status != REDUX_OK || (part_of(d, row.slice) == part) != is_test)
            continue;
        memcpy((float *)features->data + count * width,
               (const float *)all->data + row.slice * width, (size_t)width * sizeof(float));
        ((int32_t *)labels->data)[count++] = row.label;
    }
    features->shape[0] = labels->shape[0] = count;
    return status;
}

/* A linear probe that learns from the other parts and is scored on this one. */
static redux_status judge(double *auc, const demo *d, const redux_tensor *all, int part)
{
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_predictions predictions = REDUX_PREDICTIONS_INIT;
    redux_scores scores = REDUX_SCORES_INIT;
    redux_logistic *model = NULL;
    redux_tensor x[2] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    redux_tensor y[2] = {REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    redux_tensor probabilities = REDUX_TENSOR_INIT;
    const int32_t classes = (int32_t)redux_labels_class_count(d->labels);
    options.c = 0.01; /* fixed: three patients leave nothing to choose it by */
    redux_status status = select_rows(&x[0], &y[0], d, all, part, false);
    if (status == REDUX_OK)
        status = select_rows(&x[1], &y[1], d, all, part, true);
    if (status == REDUX_OK)
        status = redux_logistic_fit(&model, d->context, &x[0], &y[0], classes, &options, NULL);
    if (status == REDUX_OK) {
        const int64_t shape[] = {x[1].shape[0], classes};
        status = redux_tensor_new(&probabilities, d->context, REDUX_FLOAT64, 2, shape);
    }
    if (status == REDUX_OK)
        status = redux_logistic_predict(&probabilities, d->context, model, &x[1]);
    predictions.labels = &y[1];
    predictions.scores = &probabilities;
    if (status == REDUX_OK)
        status = redux_scores_compute(&scores, d->context, &predictions);
    *auc = scores.auc;
    redux_logistic_free(model);
    redux_tensor_release(&probabilities);
    for (int i = 0; i < 2; i++) {
        redux_tensor_release(&x[i]);
        redux_tensor_release(&y[i]);
    }
    return status;
}

/* What one part gives when it is held out. */
static redux_status hold_out(double *auc, redux_pretrain_result *result, const demo *d,
                             const char *name, const uint8_t *wanted, int part)
{
    char run[4300], weights[4400];
    redux_tensor features = REDUX_TENSOR_INIT;
    redux_status status = REDUX_OK;
    const bool trains = strcmp(name, "nothing") != 0;
    snprintf(run, sizeof run, "%s/pretrain-%s-%d", d->folder, name, part + 1);
    snprintf(weights, sizeof weights, "%s/weights.safetensors", run);
    progress_label(name);
    if (trains)
        status = pretrain(result, d, run, wanted, part);
    if (status == REDUX_OK)
        status = embed(&features, d, trains ? weights : NULL);
    if (status == REDUX_OK)
        status = judge(auc, d, &features, part);
    redux_tensor_release(&features);
    return status;
}

/* One line of the table. */
static redux_status line(const demo *d, const char *name, const uint8_t *wanted)
{
    double auc[PARTS], mean, seconds = 0, slices = 0;
    for (int part = 0; part < PARTS; part++) {
        redux_pretrain_result result = {.struct_size = sizeof result};
        const redux_status status = hold_out(&auc[part], &result, d, name, wanted, part);
        if (status != REDUX_OK)
            return status;
        seconds += result.seconds / PARTS;
        slices += (double)result.slices / PARTS;
    }
    progress_label(NULL);
    redux_scores_summarise(&mean, NULL, auc, PARTS);
    if (slices > 0)
        printf("%-15s %6.0f %9.1f s     %.3f ", name, slices, seconds, mean);
    else
        printf("%-15s      -           -     %.3f ", name, mean);
    for (int part = 0; part < PARTS; part++)
        printf("  %.3f", auc[part]);
    printf("\n");
    fflush(stdout);
    return REDUX_OK;
}

redux_status demo_train(redux_context *context, const char *table, const char *folder)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    demo d = {.context = context, .folder = folder};
    options.label = "tumour";
    progress_label("labels");
    redux_status status = redux_labels_load(&d.labels, context, table, &options);
    if (status != REDUX_OK)
        return status;
    d.dataset = redux_labels_dataset(d.labels);
    if (redux_dataset_volume_count(d.dataset) < PARTS) { /* too few to hold some out */
        redux_labels_free(d.labels);
        return REDUX_OK;
    }
    d.is_kept = calloc((size_t)redux_dataset_slice_count(d.dataset), 1);
    status = d.is_kept == NULL ? REDUX_E_NO_MEMORY : reduce_by_hash(&d);
    progress_label(NULL);
    printf("\nPre-training (SimCLR, a ResNet-18 of a quarter's width, %d x %d pixels, %d epochs), "
           "and then:\nwhich slices show the tumour? A linear probe, AUC on held-out patients, "
           "mean and each.\n\n%-15s %6s %11s     %s\n",
           SIZE, SIZE, EPOCHS, "trained on", "slices", "time", "AUC");
    if (status == REDUX_OK)
        status = line(&d, "nothing", NULL);
    if (status == REDUX_OK)
        status = line(&d, "all", NULL);
    if (status == REDUX_OK)
        status = line(&d, "hash", d.is_kept);
    if (status == REDUX_OK)
        printf(
            "\nAn illustration on %lld patients, not evidence; for that there is redux-experiment "
            "(examples/experiment/paper.json).\n",
            (long long)redux_dataset_volume_count(d.dataset));
    free(d.is_kept);
    redux_labels_free(d.labels);
    return status;
}
