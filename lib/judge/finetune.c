/* SPDX-License-Identifier: MIT
 * Fine-tuning: encoder and classifier trained on labelled slices, the best epoch tested. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/layers.h>
#include <redux/optimiser.h>
#include "data/data.h"
#include "evaluate.h"

#define OPERATION_ORDER 0x6f726465u

typedef struct tuner {
    redux_context *context;
    const redux_labels *labels;
    const rdx_images *images;
    const redux_evaluate_options *options;
    redux_views_options views;
    redux_input_options input;
    uint64_t seed;
    redux_network *network;
    redux_optimiser *head, *norms,
        *body;   /* of the classifier, of the encoder's norms, of the rest */
    bool frozen; /* in this epoch */
    double rate;
    const redux_parameter **parameters, **split; /* split: the encoder's norms, then its rest */
    float *best;                                 /* values of all parameters at the best epoch */
    redux_tensor batch, batch_labels, logits, d_logits;
    redux_tensor weights;             /* of classes in the loss */
    int64_t *order, *chosen, *others; /* [rows]: of training; of validation; of test */
    int64_t train, validation, test;
    int64_t epoch, first; /* of the current batch, within order */
} tuner;

/* ---- images ---- */

typedef struct input_job {
    rdx_images *images;
    redux_context *context;
    const redux_input_options *input;
} input_job;

/* [s, s] of an image in [N, s, s, 1]. */
static redux_status plane_of(redux_tensor *out, const redux_tensor *images, int64_t index)
{
    const int64_t side = images->shape[1], shape[2] = {side, side};
    return redux_tensor_borrow(out, (float *)images->data + index * side * side, REDUX_FLOAT32, 2,
                               shape, NULL);
}

static redux_status make_input(int64_t row, void *user)
{
    const input_job *j = user;
    const rdx_images *images = j->images;
    redux_tensor plane;
    RDX_TRY(plane_of(&plane, &images->inputs, row));
    return redux_input_apply(&plane, j->context, &images->slices[row], images->slope[row],
                             images->intercept[row], images->is_scan[row], j->input);
}

typedef struct load_job {
    rdx_images *images;
    const int64_t *label_of; /* [rows of the dataset]: the label's number, or -1 */
} load_job;

static redux_status load_slice(const rdx_visited *slice, void *worker, void *user)
{
    const load_job *job = user;
    const int64_t label = job->label_of[slice->row];
    (void)worker;
    job->images->slope[label] = slice->info->slope;
    job->images->intercept[label] = slice->info->intercept;
    job->images->is_scan[label] = slice->info->is_scan != 0;
    return redux_volume_slice(&job->images->slices[label], slice->context, slice->volume,
                              slice->slice);
}

static redux_status load_slices(rdx_images *images, redux_context *context,
                                const redux_labels *labels)
{
    const int64_t rows = redux_dataset_slice_count(labels->dataset);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)rows, 2 * sizeof(int64_t)));
    int64_t *label_of = block, *labelled = label_of + rows;
    load_job job = {images, label_of};
    rdx_visit visit = {
        .dataset = labels->dataset, .rows = labelled, .slice = load_slice, .user = &job};
    memset(label_of, -1, (size_t)rows * sizeof *label_of);
    for (int64_t i = 0; i < labels->count; i++)
        label_of[labels->rows[i].slice] = i;
    for (int64_t row = 0; row < rows; row++)
        if (label_of[row] >= 0)
            labelled[visit.count++] = row;
    rdx_progress_begin(context, labels->count);
    const redux_status status = rdx_visit_any_order(context, &visit);
    rdx_free(block);
    return status;
}

static redux_status fill_images(rdx_images *images, redux_context *context,
                                const redux_labels *labels, const redux_input_options *input)
{
    const uint64_t rows = (uint64_t)labels->count;
    const int64_t shape[4] = {labels->count, input->size, input->size, 1};
    input_job job = {images, context, input};
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, rows, sizeof(redux_tensor)));
    images->slices = block;
    images->count = labels->count;
    RDX_TRY(rdx_alloc_zero(context, &block, 2 * rows, sizeof(double)));
    images->slope = block;
    images->intercept = images->slope + rows;
    RDX_TRY(rdx_alloc_zero(context, &block, rows, 1));
    images->is_scan = block;
    RDX_TRY(load_slices(images, context, labels));
    RDX_TRY(redux_tensor_new(&images->inputs, context, REDUX_FLOAT32, 4, shape));
    return rdx_parallel(context, labels->count, make_input, &job);
}

redux_status rdx_images_load(rdx_images *out, redux_context *context, const redux_labels *labels,
                             const redux_input_options *input)
{
    const redux_tensor none = REDUX_TENSOR_INIT;
    memset(out, 0, sizeof *out);
    out->inputs = none;
    const redux_status status = fill_images(out, context, labels, input);
    if (status != REDUX_OK)
        rdx_images_free(out);
    return status;
}

void rdx_images_free(rdx_images *images)
{
    for (int64_t i = 0; i < images->count; i++)
        redux_tensor_release(&images->slices[i]);
    redux_tensor_release(&images->inputs);
    rdx_free(images->slices);
    rdx_free(images->slope);
    rdx_free(images->is_scan);
    images->slices = NULL;
    images->slope = NULL;
    images->is_scan = NULL;
    images->count = 0;
}

/* ---- prediction ---- */

/* Softmax of float logits in double. */
static void softmax(double *out, const float *logits, int64_t classes)
{
    float most = logits[0]; /* as a float: GCC 12 for ARM fails on a maximum of converted ones */
    double sum = 0;
    for (int64_t c = 1; c < classes; c++)
        most = fmaxf(most, logits[c]);
    for (int64_t c = 0; c < classes; c++) {
        out[c] = exp((double)logits[c] - (double)most);
        sum += out[c];
    }
    for (int64_t c = 0; c < classes; c++)
        out[c] /= sum;
}

static redux_status forward(tuner *t, int64_t count, redux_network_mode mode)
{
    redux_tensor images = t->batch, logits = t->logits;
    images.shape[0] = logits.shape[0] = count;
    return redux_network_forward(&logits, t->context, t->network, &images, REDUX_OUTPUT_CLASSES,
                                 mode);
}

/* probabilities: [count, classes] of these rows, without random views. */
static redux_status predict(double *probabilities, tuner *t, const int64_t *rows, int64_t count)
{
    const int64_t classes = t->labels->class_count, room = t->batch.shape[0];
    const size_t pixels = (size_t)(t->batch.shape[1] * t->batch.shape[2]);
    for (int64_t first = 0; first < count; first += room) {
        const int64_t part = RDX_MIN(room, count - first);
        for (int64_t i = 0; i < part; i++)
            memcpy((float *)t->batch.data + (size_t)i * pixels,
                   (const float *)t->images->inputs.data + (size_t)rows[first + i] * pixels,
                   pixels * sizeof(float));
        RDX_TRY(forward(t, part, REDUX_MODE_EVALUATE));
        for (int64_t i = 0; i < part; i++) {
            double *row = probabilities + (first + i) * classes;
            softmax(row, (const float *)t->logits.data + i * classes, classes);
            for (int64_t c = 0; c < classes; c++)
                if (!isfinite(row[c]))
                    return rdx_fail(REDUX_E_NOT_FINITE,
                                    "fine-tuning at rate %g: a prediction is not finite in epoch "
                                    "%lld",
                                    t->rate, (long long)RDX_MIN(t->epoch + 1, t->options->epochs));
        }
    }
    return REDUX_OK;
}

/* ---- training ---- */

/* View `index` of the batch: a function of (seed, epoch, row). */
static redux_status make_view(int64_t index, void *user)
{
    const tuner *t = user;
    const int64_t row = t->order[t->first + index];
    const rdx_images *images = t->images;
    const redux_random_key key = {t->seed, (uint32_t)t->epoch, 0, (uint64_t)row};
    redux_tensor plane;
    RDX_TRY(plane_of(&plane, &t->batch, index));
    return redux_views_apply(&plane, t->context, &images->slices[row], images->slope[row],
                             images->intercept[row], images->is_scan[row], &t->input, &t->views,
                             &key, 0);
}

/* The loss of the current batch, and its derivative by the logits. */
static redux_status batch_loss(double *loss, tuner *t, redux_tensor *d_logits, int64_t count)
{
    redux_tensor logits = t->logits, labels = t->batch_labels;
    logits.shape[0] = labels.shape[0] = d_logits->shape[0] = count;
    for (int64_t i = 0; i < count; i++)
        ((int32_t *)labels.data)[i] = t->labels->rows[t->order[t->first + i]].label;
    return redux_cross_entropy(loss, d_logits, t->context, &logits, &labels, &t->weights);
}

/* Frozen encoders do not learn, but for their norms if that is asked for. */
static redux_status step(tuner *t)
{
    double norm;
    RDX_TRY(redux_optimiser_step(&norm, t->context, t->head, t->rate));
    if (t->frozen && !t->options->norms_learn)
        return REDUX_OK;
    RDX_TRY(redux_optimiser_step(&norm, t->context, t->norms, t->rate));
    return t->frozen ? REDUX_OK : redux_optimiser_step(&norm, t->context, t->body, t->rate);
}

static redux_status train_batch(tuner *t, int64_t count)
{
    redux_tensor d_logits = t->d_logits;
    double loss;
    RDX_TRY(rdx_parallel(t->context, count, make_view, t));
    redux_network_zero_gradients(t->network);
    RDX_TRY(forward(t, count, REDUX_MODE_TRAIN));
    RDX_TRY(batch_loss(&loss, t, &d_logits, count));
    if (!isfinite(loss))
        return rdx_fail(REDUX_E_NOT_FINITE, "fine-tuning at rate %g: the loss is %g in epoch %lld",
                        t->rate, isnan(loss) ? (double)NAN : loss, (long long)t->epoch + 1);
    RDX_TRY(redux_network_backward(t->network, t->context, &d_logits));
    return step(t);
}

static void shuffle(tuner *t)
{
    const redux_random_key key = {t->seed, (uint32_t)t->epoch, OPERATION_ORDER, 0};
    for (int64_t i = t->train - 1; i > 0; i--) {
        const int64_t other = (int64_t)redux_random_below(&key, (uint32_t)i, (uint64_t)i + 1);
        const int64_t row = t->order[i];
        t->order[i] = t->order[other];
        t->order[other] = row;
    }
}

static redux_status train_epoch(tuner *t)
{
    const int64_t batch = t->batch.shape[0];
    const redux_evaluate_options *o = t->options;
    t->frozen = o->weights != NULL && t->epoch < o->frozen_epochs;
    t->rate = t->epoch < o->frozen_epochs || isnan(o->thawed_rate) ? o->rate : o->thawed_rate;
    redux_network_freeze(t->network, t->frozen && !o->norms_learn);
    shuffle(t);
    for (t->first = 0; t->first < t->train; t->first += batch) {
        const int64_t count = RDX_MIN(batch, t->train - t->first);
        if (t->first > 0 && 2 * count < batch) /* too few for batch-norm statistics */
            break;
        RDX_TRY(train_batch(t, count));
        RDX_TRY(rdx_progress_add(t->context, 0)); /* may cancel */
    }
    return REDUX_OK;
}

/* ---- the best epoch ---- */

/* Copies the values of all parameters out or back. */
static void copy_values(tuner *t, bool back)
{
    float *at = t->best;
    for (int64_t i = 0; i < redux_network_parameter_count(t->network); i++) {
        const redux_tensor *value = &t->parameters[i]->value;
        const int64_t count = redux_tensor_elements(value);
        if (back)
            memcpy(value->data, at, (size_t)count * sizeof *at);
        else
            memcpy(at, value->data, (size_t)count * sizeof *at);
        at += count;
    }
}

static double mean_loss(const tuner *t, const double *probabilities)
{
    double sum = 0;
    for (int64_t i = 0; i < t->validation; i++) {
        const int32_t label = t->labels->rows[t->chosen[i]].label;
        sum -= log(fmax(probabilities[i * t->labels->class_count + label], 1e-300));
    }
    return sum / (double)t->validation;
}

/* scratch: [validation rows, classes]. */
static redux_status tune(tuner *t, rdx_trial *run, double *scratch)
{
    const size_t bytes = (size_t)(t->validation * t->labels->class_count) * sizeof *scratch;
    double best = (double)-INFINITY, best_loss = (double)INFINITY;
    for (t->epoch = 0; t->epoch < t->options->epochs; t->epoch++) {
        redux_scores scores = REDUX_SCORES_INIT;
        RDX_TRY(train_epoch(t));
        RDX_TRY(predict(scratch, t, t->chosen, t->validation));
        RDX_TRY(rdx_score_rows(&scores, t->context, t->labels, t->chosen, t->validation, scratch,
                               t->options->positive));
        const double figure = rdx_choice_figure(&scores, t->options);
        const double loss = mean_loss(t, scratch);
        if (figure > best || (figure == best && loss < best_loss)) {
            best = figure;
            best_loss = loss;
            run->chosen = (double)t->epoch + 1;
            memcpy(run->validation, scratch, bytes);
            copy_values(t, false);
        }
        RDX_TRY(rdx_progress_add(t->context, 1));
    }
    copy_values(t, true);
    return predict(run->test, t, t->others, t->test);
}

/* ---- setting up ---- */

/* Light views, unless others were given. */
static redux_status choose_views(tuner *t)
{
    redux_views_options *views = &t->views;
    const redux_views_options defaults = REDUX_VIEWS_OPTIONS_INIT;
    *views = defaults;
    RDX_TRY(rdx_evaluation_input(&t->input, t->options));
    if (t->options->views != NULL)
        return rdx_read_options(views, sizeof *views, t->options->views, "redux_views_options");
    RDX_TRY(redux_views_preset(views, "none"));
    views->scale_low = 0.8;
    views->ratio = 1.1;
    views->flip_horizontal = 0.5;
    views->jitter_probability = 0.8;
    views->brightness = views->contrast = views->gamma = 0.1;
    return REDUX_OK;
}

static redux_status make_optimisers(tuner *t)
{
    redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
    const int64_t count = redux_network_parameter_count(t->network);
    int64_t encoder = 0, norms = 0, rest = 0;
    uint64_t values = 0;
    void *block;
    RDX_TRY(rdx_alloc(t->context, &block, (uint64_t)count, sizeof(redux_parameter *)));
    t->parameters = block;
    for (int64_t i = 0; i < count; i++) {
        t->parameters[i] = redux_network_parameter(t->network, i);
        values += (uint64_t)redux_tensor_elements(&t->parameters[i]->value);
        encoder += strncmp(t->parameters[i]->name, "fc.", 3) != 0; /* the classifier comes last */
        norms += encoder == i + 1 && t->parameters[i]->kind == REDUX_PARAMETER_NO_DECAY;
    }
    RDX_TRY(rdx_alloc(t->context, &block, (uint64_t)count, sizeof(redux_parameter *)));
    t->split = block;
    for (int64_t i = 0, n = 0; i < encoder; i++)
        if (t->parameters[i]->kind == REDUX_PARAMETER_NO_DECAY)
            t->split[n++] = t->parameters[i];
        else
            t->split[norms + rest++] = t->parameters[i];
    RDX_TRY(rdx_alloc(t->context, &block, values, sizeof(float)));
    t->best = block;
    options.kind = REDUX_OPTIMISER_ADAM;
    options.weight_decay = t->options->weight_decay;
    RDX_TRY(redux_optimiser_new(&t->norms, t->context, t->split, norms, &options));
    RDX_TRY(redux_optimiser_new(&t->body, t->context, t->split + norms, rest, &options));
    return redux_optimiser_new(&t->head, t->context, t->parameters + encoder, count - encoder,
                               &options);
}

static redux_status weigh_classes(tuner *t)
{
    const int64_t classes = t->labels->class_count;
    int64_t present = 0;
    RDX_TRY(redux_tensor_new(&t->weights, t->context, REDUX_FLOAT32, 1, &classes));
    float *weights = t->weights.data;
    for (int64_t i = 0; i < t->train; i++)
        weights[t->labels->rows[t->order[i]].label]++;
    for (int64_t c = 0; c < classes; c++)
        present += weights[c] > 0;
    for (int64_t c = 0; c < classes; c++)
        weights[c] = !t->options->balanced || weights[c] == 0
                         ? 1
                         : (float)((double)t->train / ((double)present * (double)weights[c]));
    return REDUX_OK;
}

static redux_status open_tuner(tuner *t, const rdx_trial *run)
{
    const uint64_t rows = (uint64_t)t->labels->count;
    const int64_t classes = t->labels->class_count, side = t->images->inputs.shape[1];
    void *block;
    RDX_TRY(rdx_alloc(t->context, &block, 3 * rows, sizeof(int64_t)));
    t->order = block;
    t->chosen = t->order + rows;
    t->others = t->chosen + rows;
    t->train = rdx_rows_of(t->order, t->labels, run->split, REDUX_SPLIT_TRAIN);
    t->validation = rdx_rows_of(t->chosen, t->labels, run->split, REDUX_SPLIT_VALIDATION);
    t->test = rdx_rows_of(t->others, t->labels, run->split, REDUX_SPLIT_TEST);
    const int64_t batch = RDX_MIN(t->options->batch, t->train);
    const int64_t images[4] = {batch, side, side, 1}, logits[2] = {batch, classes};
    RDX_TRY(weigh_classes(t));
    RDX_TRY(choose_views(t));
    RDX_TRY(redux_tensor_new(&t->batch, t->context, REDUX_FLOAT32, 4, images));
    RDX_TRY(redux_tensor_new(&t->batch_labels, t->context, REDUX_INT32, 1, &batch));
    RDX_TRY(redux_tensor_new(&t->logits, t->context, REDUX_FLOAT32, 2, logits));
    RDX_TRY(redux_tensor_new(&t->d_logits, t->context, REDUX_FLOAT32, 2, logits));
    RDX_TRY(rdx_evaluation_network(&t->network, t->context, t->options, (int32_t)classes, t->seed));
    RDX_TRY(redux_network_plan(t->network, t->context, batch, side, side, 1));
    return make_optimisers(t);
}

static void close_tuner(tuner *t)
{
    redux_optimiser_free(t->head);
    redux_optimiser_free(t->norms);
    redux_optimiser_free(t->body);
    redux_network_free(t->network);
    redux_tensor_release(&t->batch);
    redux_tensor_release(&t->batch_labels);
    redux_tensor_release(&t->weights);
    redux_tensor_release(&t->logits);
    redux_tensor_release(&t->d_logits);
    rdx_free(t->parameters);
    rdx_free(t->split);
    rdx_free(t->best);
    rdx_free(t->order);
}

redux_status rdx_finetune_run(rdx_trial *run, redux_context *context, const redux_labels *labels,
                              const rdx_images *images, const redux_evaluate_options *options)
{
    const redux_tensor none = REDUX_TENSOR_INIT;
    tuner t = {.context = context,
               .labels = labels,
               .images = images,
               .options = options,
               .seed = run->seed,
               .batch = none,
               .batch_labels = none,
               .weights = none,
               .logits = none,
               .d_logits = none};
    void *scratch;
    redux_status status = open_tuner(&t, run);
    if (status == REDUX_OK) {
        status = rdx_alloc(context, &scratch, (uint64_t)(t.validation * labels->class_count),
                           sizeof(double));
        if (status == REDUX_OK) {
            status = tune(&t, run, scratch);
            rdx_free(scratch);
        }
    }
    run->converged = 1;
    close_tuner(&t);
    return status;
}
