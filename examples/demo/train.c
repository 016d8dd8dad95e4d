/* SPDX-License-Identifier: MIT
 * Pre-trains a small encoder on all slices and on those that hash keeps. A linear probe then
 * predicts which slices of held-out patients show a tumour. Each of four parts of the patients is
 * held out once, from encoder and probe. */
#include "train.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small enough that the demo takes minutes on two cores. */
enum { PARTS = 4, EPOCHS = 40, BATCH = 32, SIZE = 64 };
#define WINDOW "-160:240" /* HU: soft tissue, where tumours show */

typedef struct demo {
    redux_context *context;
    const char *folder;
    redux_labels *labels;
    const redux_dataset *dataset; /* owned by the labels */
    uint8_t *is_kept;             /* one flag for each slice of the dataset: kept by hash */
} demo;

/* The part that holds a slice out. Parts take every fourth volume. */
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

/* What a reduction by hash opens. */
typedef struct hash_reduction {
    const char **paths;
    redux_dataset *stored;
    redux_reduction *reduction;
} hash_reduction;

/* The paper's hash takes slices as they are stored, in a dataset of its own. Slices have the same
 * numbers in both. */
static redux_status reduce_stored(hash_reduction *r, demo *d, int64_t volumes)
{
    redux_dataset_options dataset_options = REDUX_DATASET_OPTIONS_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    dataset_options.orientation = REDUX_ORIENTATION_STORED;
    for (int64_t v = 0; v < volumes; v++) {
        TRY(redux_dataset_get_volume_info(&info, d->dataset, v));
        r->paths[v] = info.source;
    }
    TRY(redux_dataset_open(&r->stored, d->context, r->paths, volumes, &dataset_options));
    TRY(redux_reduce(&r->reduction, d->context, r->stored, &options));
    for (int64_t i = 0; i < redux_reduction_row_count(r->reduction); i++) {
        redux_row row;
        TRY(redux_reduction_get_row(&row, r->reduction, i));
        d->is_kept[i] = (uint8_t)row.kept;
    }
    return REDUX_OK;
}

static redux_status reduce_by_hash(demo *d)
{
    const int64_t volumes = redux_dataset_volume_count(d->dataset);
    hash_reduction r = {.paths = calloc((size_t)volumes, sizeof *r.paths)};
    const redux_status status = r.paths == NULL ? REDUX_E_NO_MEMORY : reduce_stored(&r, d, volumes);
    redux_reduction_free(r.reduction);
    redux_dataset_free(r.stored);
    free(r.paths);
    return status;
}

static int on_step(const redux_pretrain_step *step, void *user)
{
    (void)user;
    progress_note("loss %.3f  %.0f images/s", step->loss, step->images_per_second);
    return 0;
}

static redux_status pretrain_on(redux_pretrain_result *result, const demo *d, const char *run,
                                const uint8_t *mask)
{
    redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT;
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options projection = REDUX_HEAD_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    TRY(redux_window_parse(&input.window, WINDOW));
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
    return redux_pretrain(result, d->context, run, d->dataset, mask, &options);
}

/* Trains on the slices of all parts but `part`, among them only the `wanted` ones (NULL: all). */
static redux_status pretrain(redux_pretrain_result *result, const demo *d, const char *run,
                             const uint8_t *wanted, int part)
{
    const int64_t slices = redux_dataset_slice_count(d->dataset);
    uint8_t *mask = malloc((size_t)slices);
    if (mask == NULL)
        return REDUX_E_NO_MEMORY;
    for (int64_t i = 0; i < slices; i++)
        mask[i] = part_of(d, i) != part && (wanted == NULL || wanted[i] != 0);
    const redux_status status = pretrain_on(result, d, run, mask);
    free(mask);
    return status;
}

/* A network with the weights of a file, or (NULL) with random ones. */
static redux_status open_network(redux_network **network, redux_input_options *input, const demo *d,
                                 const char *weights)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    char name[REDUX_ENCODER_NAME];
    options.width = 0.25;
    input->size = SIZE;
    if (weights != NULL)
        return redux_encoder_load(network, input, name, d->context, weights);
    TRY(redux_window_parse(&input->window, WINDOW));
    return redux_network_new(network, d->context, &options);
}

static redux_status embed_all(redux_tensor *out, const demo *d, redux_network *network,
                              const redux_input_options *input)
{
    const int64_t shape[] = {redux_dataset_slice_count(d->dataset),
                             redux_network_features(network)};
    TRY(redux_tensor_new(out, d->context, REDUX_FLOAT32, 2, shape));
    return redux_embed(out, NULL, d->context, network, d->dataset, NULL, input, 0);
}

/* Features of all slices. */
static redux_status embed(redux_tensor *out, const demo *d, const char *weights)
{
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_network *network = NULL;
    TRY(open_network(&network, &input, d, weights));
    const redux_status status = embed_all(out, d, network, &input);
    redux_network_free(network);
    return status;
}

/* Features and labels, for training (the other parts) or for the test (the part held out). */
typedef struct rows {
    redux_tensor features, labels;
} rows;

static void free_rows(rows *r)
{
    redux_tensor_release(&r->features);
    redux_tensor_release(&r->labels);
}

/* `all` holds the features of all slices. */
static redux_status select_rows(rows *out, const demo *d, const redux_tensor *all, int part,
                                bool is_test)
{
    const int64_t most = redux_labels_row_count(d->labels), width = all->shape[1];
    const int64_t shape[] = {most, width};
    int64_t count = 0;
    TRY(redux_tensor_new(&out->features, d->context, REDUX_FLOAT32, 2, shape));
    TRY(redux_tensor_new(&out->labels, d->context, REDUX_INT32, 1, shape));
    for (int64_t i = 0; i < most; i++) {
        redux_label_row row;
        TRY(redux_labels_get_row(&row, d->labels, i));
        if ((part_of(d, row.slice) == part) != is_test)
            continue;
        memcpy((float *)out->features.data + count * width,
               (const float *)all->data + row.slice * width, (size_t)width * sizeof(float));
        ((int32_t *)out->labels.data)[count++] = row.label;
    }
    out->features.shape[0] = out->labels.shape[0] = count;
    return REDUX_OK;
}

typedef struct probe {
    rows train, test;
    redux_logistic *model;
    redux_tensor probabilities; /* [test rows, classes] */
} probe;

static redux_status run_probe(double *auc, probe *p, const demo *d, const redux_tensor *all,
                              int part)
{
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_predictions predictions = REDUX_PREDICTIONS_INIT;
    redux_scores scores = REDUX_SCORES_INIT;
    const int32_t classes = (int32_t)redux_labels_class_count(d->labels);
    options.c = 0.01; /* fixed: three patients are too few to choose it on */
    TRY(select_rows(&p->train, d, all, part, false));
    TRY(select_rows(&p->test, d, all, part, true));
    TRY(redux_logistic_fit(&p->model, d->context, &p->train.features, &p->train.labels, classes,
                           &options, NULL));
    const int64_t shape[] = {p->test.features.shape[0], classes};
    TRY(redux_tensor_new(&p->probabilities, d->context, REDUX_FLOAT64, 2, shape));
    TRY(redux_logistic_predict(&p->probabilities, d->context, p->model, &p->test.features));
    predictions.labels = &p->test.labels;
    predictions.scores = &p->probabilities;
    TRY(redux_scores_compute(&scores, d->context, &predictions));
    *auc = scores.auc;
    return REDUX_OK;
}

/* AUC of a linear probe that learns from the other parts and is tested on this one. */
static redux_status judge(double *auc, const demo *d, const redux_tensor *all, int part)
{
    probe p = {.model = NULL};
    const redux_status status = run_probe(auc, &p, d, all, part);
    redux_logistic_free(p.model);
    redux_tensor_release(&p.probabilities);
    free_rows(&p.train);
    free_rows(&p.test);
    return status;
}

/* The AUC on one part: pre-trains without it, unless `name` is nothing, then embeds and judges. */
static redux_status hold_out(double *auc, redux_pretrain_result *result, const demo *d,
                             const char *name, const uint8_t *wanted, int part)
{
    char run[4300], weights[4400];
    redux_tensor features = REDUX_TENSOR_INIT;
    const bool trains = strcmp(name, "nothing") != 0;
    snprintf(run, sizeof run, "%s/pretrain-%s-%d", d->folder, name, part + 1);
    snprintf(weights, sizeof weights, "%s/weights.safetensors", run);
    progress_label(name);
    if (trains)
        TRY(pretrain(result, d, run, wanted, part));
    redux_status status = embed(&features, d, trains ? weights : NULL);
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
        TRY(hold_out(&auc[part], &result, d, name, wanted, part));
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

static redux_status table_of(demo *d)
{
    d->is_kept = calloc((size_t)redux_dataset_slice_count(d->dataset), 1);
    if (d->is_kept == NULL)
        return REDUX_E_NO_MEMORY;
    TRY(reduce_by_hash(d));
    progress_label(NULL);
    printf("\nPre-training (SimCLR, a ResNet-18 of a quarter's width, %d x %d pixels, %d epochs). "
           "Then a\nlinear probe predicts which slices show the tumour: AUC on held-out patients, "
           "mean and each.\n\n%-15s %6s %11s     %s\n",
           SIZE, SIZE, EPOCHS, "trained on", "slices", "time", "AUC");
    TRY(line(d, "nothing", NULL));
    TRY(line(d, "all", NULL));
    TRY(line(d, "hash", d->is_kept));
    printf("\nThis illustrates on %lld patients and proves nothing. For evidence, run "
           "redux-experiment\n(examples/experiment/paper.json).\n",
           (long long)redux_dataset_volume_count(d->dataset));
    return REDUX_OK;
}

redux_status demo_train(redux_context *context, const char *table, const char *folder)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    demo d = {.context = context, .folder = folder};
    redux_status status = REDUX_OK;
    options.label = "tumour";
    progress_label("labels");
    TRY(redux_labels_load(&d.labels, context, table, &options));
    d.dataset = redux_labels_dataset(d.labels);
    if (redux_dataset_volume_count(d.dataset) >= PARTS) /* else too few to hold some out */
        status = table_of(&d);
    free(d.is_kept);
    redux_labels_free(d.labels);
    return status;
}
