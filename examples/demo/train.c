/* SPDX-License-Identifier: MIT
 * Pre-trains a small encoder on all slices of some patients, and on those that hash keeps. Each is
 * judged on other patients: a linear probe predicts which slices show a tumour, beside the same
 * network with random weights. */
#include "train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small enough that the demo takes a minute on two cores. */
enum { EPOCHS = 20, BATCH = 32, SIZE = 64, FOLDS = 5, PERMUTATIONS = 10000 };
#define WIDTH 0.25

typedef struct demo {
    redux_context *context;
    const char *data, *folder;
    redux_dataset *dataset; /* to pre-train on */
    uint8_t *is_kept;       /* one flag for each of its slices: kept by hash */
    redux_labels *labels;   /* of other patients */
} demo;

/* One row of the table. */
typedef struct result {
    const char *name;
    int64_t slices;
    double seconds;
    redux_run_set *runs;
    redux_scores mean, low, high;
} result;

static redux_status reduce_by_hash(demo *d)
{
    redux_reduction *reduction = NULL;
    d->is_kept = calloc((size_t)redux_dataset_slice_count(d->dataset) + 1, 1);
    if (d->is_kept == NULL)
        return REDUX_E_NO_MEMORY;
    redux_status status = redux_reduce(&reduction, d->context, d->dataset, NULL);
    for (int64_t i = 0; status == REDUX_OK && i < redux_reduction_row_count(reduction); i++) {
        redux_row row;
        status = redux_reduction_get_row(&row, reduction, i);
        if (status == REDUX_OK)
            d->is_kept[i] = (uint8_t)row.kept;
    }
    redux_reduction_free(reduction);
    return status;
}

static int on_step(const redux_pretrain_step *step, void *user)
{
    (void)user;
    progress_note("loss %.3f  %.0f images/s", step->loss, step->images_per_second);
    return 0;
}

/* The network and input of every row; they point into each other. */
typedef struct set_up {
    redux_network_options network;
    redux_head_options projection;
    redux_input_options input;
} set_up;

static void set_up_network(set_up *s)
{
    const set_up defaults = {REDUX_NETWORK_OPTIONS_INIT, REDUX_HEAD_OPTIONS_INIT,
                             REDUX_INPUT_OPTIONS_INIT};
    const redux_window full = {.kind = REDUX_WINDOW_FULL}; /* the files are windowed already */
    *s = defaults;
    s->network.width = WIDTH;
    s->network.projection = &s->projection;
    s->input.window = full;
    s->input.size = SIZE;
}

/* Trains on the wanted slices (NULL: all) into FOLDER/pretrain-NAME. */
static redux_status pretrain(result *r, const demo *d, const uint8_t *wanted, const char *run)
{
    redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT;
    redux_pretrain_result trained = {.struct_size = sizeof trained};
    set_up s;
    set_up_network(&s);
    options.network = &s.network;
    options.input = &s.input;
    options.batch = BATCH;
    options.epochs = EPOCHS;
    options.warm_up = 2;
    options.resume = REDUX_RESUME_OVERWRITE;
    options.report = on_step;
    TRY(redux_pretrain(&trained, d->context, run, d->dataset, wanted, &options));
    r->slices = trained.slices;
    r->seconds = trained.seconds;
    return REDUX_OK;
}

/* Judges weights (NULL: random ones) by cross-validation over the patients of the labels, and
 * writes the predictions. */
static redux_status judge(result *r, const demo *d, const redux_safetensors *weights)
{
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    redux_split_options split = REDUX_SPLIT_OPTIONS_INIT;
    redux_evaluation *evaluation = NULL;
    char path[4400];
    set_up s;
    set_up_network(&s);
    split.method = REDUX_SPLIT_BY_FOLDS;
    split.folds = FOLDS;
    options.split = &split;
    options.weights = weights;
    options.network = &s.network;
    options.input = &s.input;
    options.seeds = 1;
    options.check_leakage = 0;
    snprintf(path, sizeof path, "%s/predictions-%s.csv", d->folder, r->name);
    redux_status status = redux_evaluate(&evaluation, d->context, d->labels, &options);
    if (status == REDUX_OK)
        status = redux_evaluation_save(path, d->context, evaluation);
    redux_evaluation_free(evaluation);
    if (status == REDUX_OK)
        status = redux_run_set_new(&r->runs, d->context);
    if (status == REDUX_OK)
        status = redux_run_set_load(r->runs, d->context, path, 1);
    if (status == REDUX_OK)
        status = redux_run_set_scores(&r->mean, NULL, NULL, d->context, r->runs);
    return status == REDUX_OK ? redux_run_set_interval(&r->low, &r->high, d->context, r->runs, 0.95)
                              : status;
}

static void print_result(const result *r)
{
    progress_label(NULL);
    if (r->slices > 0)
        printf("%-15s %6lld %9.1f s     %.3f  (%.3f to %.3f)\n", r->name, (long long)r->slices,
               r->seconds, r->mean.auc, r->low.auc, r->high.auc);
    else
        printf("%-15s      -           -     %.3f  (%.3f to %.3f)\n", r->name, r->mean.auc,
               r->low.auc, r->high.auc);
    fflush(stdout);
}

/* A row: pre-trains, unless it is the floor, then judges and prints it. */
static redux_status run_row(result *r, const demo *d, bool trains, const uint8_t *wanted)
{
    redux_safetensors *weights = NULL;
    char run[4300], path[4400];
    snprintf(run, sizeof run, "%s/pretrain-%s", d->folder, r->name);
    snprintf(path, sizeof path, "%s/weights.safetensors", run);
    progress_label(r->name);
    if (trains) {
        TRY(pretrain(r, d, wanted, run));
        TRY(redux_safetensors_load(&weights, d->context, path));
    }
    const redux_status status = judge(r, d, weights);
    redux_safetensors_free(weights);
    if (status == REDUX_OK)
        print_result(r);
    return status;
}

/* What the interval allows one to say, and no more. */
static redux_status print_verdict(const demo *d, const result *all, const result *reduced)
{
    redux_scores difference = REDUX_SCORES_INIT, low = difference, high = low, p = low;
    const double share = 100 * reduced->seconds / all->seconds;
    TRY(redux_run_set_compare(&difference, &low, &high, &p, d->context, all->runs, reduced->runs,
                              0.95, PERMUTATIONS, 0));
    if (isnan(low.auc))
        printf("\nToo few patients to say whether the two differ.\n");
    else if (low.auc <= 0 && high.auc >= 0)
        printf("\nNo difference found between the two, at %.0f %% of the time. On so few patients "
               "the data\nallow anything from %+.2f to %+.2f; docs/experiments.md has an "
               "experiment that can decide.\n",
               share, low.auc, high.auc);
    else
        printf("\nReduction changed the AUC by %+.3f (%+.3f to %+.3f) at %.0f %% of the time, on "
               "these patients\nand this seed; docs/experiments.md has more of both.\n",
               difference.auc, low.auc, high.auc, share);
    return REDUX_OK;
}

static redux_status print_table(demo *d)
{
    const redux_scores none = REDUX_SCORES_INIT;
    result rows[3] = {{.name = "nothing"}, {.name = "all"}, {.name = "hash"}};
    printf(
        "\nPre-training (SimCLR, a ResNet-18 of a quarter's width, %d x %d pixels, %d epochs) on "
        "%lld patients.\nThen a linear probe predicts which slices show the tumour in %lld "
        "others: AUC and its\n95 %% interval over patients.\n\n%-15s %6s %11s     %s\n",
        SIZE, SIZE, EPOCHS, (long long)redux_dataset_volume_count(d->dataset),
        (long long)redux_labels_group_count(d->labels), "trained on", "slices", "time", "AUC");
    redux_status status = REDUX_OK;
    for (int i = 0; i < 3 && status == REDUX_OK; i++) {
        rows[i].mean = rows[i].low = rows[i].high = none;
        status = run_row(&rows[i], d, i > 0, i == 2 ? d->is_kept : NULL);
    }
    if (status == REDUX_OK)
        status = print_verdict(d, &rows[1], &rows[2]);
    for (int i = 0; i < 3; i++)
        redux_run_set_free(rows[i].runs);
    return status;
}

static redux_status open_data(demo *d)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    char path[4300];
    const char *input = path;
    progress_label("labels");
    snprintf(path, sizeof path, "%s/labels.csv", d->data);
    options.label = "tumour";
    options.group = "patient";
    TRY(redux_labels_load(&d->labels, d->context, path, &options));
    snprintf(path, sizeof path, "%s/pretrain.npz", d->data);
    return redux_dataset_open(&d->dataset, d->context, &input, 1, NULL);
}

redux_status demo_train(redux_context *context, const char *data, const char *folder)
{
    demo d = {.context = context, .data = data, .folder = folder};
    redux_status status = open_data(&d);
    if (status == REDUX_OK)
        status = reduce_by_hash(&d);
    progress_label(NULL);
    if (status == REDUX_OK)
        status = print_table(&d);
    free(d.is_kept);
    redux_dataset_free(d.dataset);
    redux_labels_free(d.labels);
    return status;
}
