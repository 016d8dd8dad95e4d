/* SPDX-License-Identifier: MIT
 * Evaluation: runs over seeds and folds, and their results. */
#include <math.h>
#include <string.h>
#include <redux/embed.h>
#include "evaluate.h"
#include "run_set.h"

#define MOST_SEEDS 1000

/* The share of one run in the predictions. */
typedef struct record {
    redux_evaluation_run run;
    int64_t first;                            /* index of its first prediction */
    redux_scores validation, test, low, high; /* the structs that `run` points to */
} record;

struct redux_evaluation {
    const redux_labels *labels;
    redux_evaluate_options options;
    record *records;
    int64_t runs, folds, features;
    int64_t folds_run;     /* of each seed: all, or the one that was asked for */
    int64_t *rows;         /* of each prediction */
    double *probabilities; /* [predictions, classes] */
    int64_t predictions, row_capacity, probability_capacity;
    redux_leakage *leakage; /* NULL: not searched */
    redux_run_set *set;     /* the runs as figures of groups */
    redux_scores mean, deviation, validation_mean, validation_deviation, low, high; /* over runs */
    redux_scores defined;                                                           /* runs */
    int64_t test_groups;
    const char *no_interval;
};

/* Work in progress. */
typedef struct job {
    redux_evaluation *out;
    redux_context *context;
    const redux_labels *labels;
    const redux_evaluate_options *options;
    redux_split_options split_options;
    redux_tensor features; /* of probes; by row */
    rdx_images images;     /* of fine-tuning */
    uint8_t *split;
    int64_t *rows;      /* [2, rows of the labels]: of validation, of test */
    double *validation; /* [rows, classes] */
    double *test;
} job;

/* ---- names ---- */

static const char *const protocols[] = {"linear", "knn", "finetune"};

redux_status redux_protocol_parse(redux_protocol *out, const char *name)
{
    return rdx_parse_name(out, "protocol", name, protocols, RDX_COUNT(protocols));
}

const char *redux_protocol_name(redux_protocol protocol)
{
    return rdx_name_of((int64_t)protocol, protocols, RDX_COUNT(protocols));
}

/* ---- shared with the runs ---- */

int64_t rdx_rows_of(int64_t *rows, const redux_labels *labels, const uint8_t *split,
                    redux_split which)
{
    int64_t count = 0;
    for (int64_t i = 0; i < labels->count; i++)
        if (split[i] == which)
            rows[count++] = i;
    return count;
}

/* Labels of these rows and their scores as predictions; *y is freed by the caller. */
static redux_status as_predictions(redux_predictions *out, redux_tensor *y, redux_tensor *scores,
                                   redux_context *context, const redux_labels *labels,
                                   const int64_t *rows, int64_t count, double *probabilities,
                                   int32_t positive)
{
    const redux_predictions defaults = REDUX_PREDICTIONS_INIT;
    const int64_t shape[2] = {count, labels->class_count};
    RDX_TRY(redux_tensor_borrow(scores, probabilities, REDUX_FLOAT64, 2, shape, NULL));
    RDX_TRY(redux_tensor_new(y, context, REDUX_INT32, 1, shape));
    for (int64_t i = 0; i < count; i++)
        ((int32_t *)y->data)[i] = labels->rows[rows[i]].label;
    *out = defaults;
    out->labels = y;
    out->scores = scores;
    out->positive = labels->class_count == 2 ? positive : 1;
    return REDUX_OK;
}

redux_status rdx_score_rows(redux_scores *out, redux_context *context, const redux_labels *labels,
                            const int64_t *rows, int64_t count, double *probabilities,
                            int32_t positive)
{
    redux_predictions predictions;
    redux_tensor y, scores;
    RDX_TRY(as_predictions(&predictions, &y, &scores, context, labels, rows, count, probabilities,
                           positive));
    const redux_status status = redux_scores_compute(out, context, &predictions);
    redux_tensor_release(&y);
    return status;
}

double rdx_choice_figure(const redux_scores *scores, const redux_evaluate_options *options)
{
    const bool by_accuracy =
        options->choose_by == REDUX_FIGURE_ACCURACY ||
        (options->choose_by == REDUX_FIGURE_AUTO && options->protocol == REDUX_PROTOCOL_FINETUNE);
    return by_accuracy || isnan(scores->auc) ? scores->accuracy : scores->auc;
}

redux_status rdx_evaluation_network(redux_network **out, redux_context *context,
                                    const redux_evaluate_options *options, int32_t classes,
                                    uint64_t seed)
{
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *made;
    if (options->weights != NULL)
        RDX_TRY(redux_network_options_of(&network, NULL, NULL, options->weights));
    else
        RDX_TRY(
            rdx_read_options(&network, sizeof network, options->network, "redux_network_options"));
    network.channels = 1; /* slices are grey; the input channels of a colour stem are summed */
    network.projection = network.prediction = NULL;
    network.classes = classes;
    network.seed = seed;
    RDX_TRY(redux_network_new(&made, context, &network));
    const redux_status status =
        options->weights == NULL ? REDUX_OK : redux_network_load(made, context, options->weights);
    if (status == REDUX_OK)
        *out = made;
    else
        redux_network_free(made);
    return status;
}

redux_status rdx_evaluation_input(redux_input_options *out, const redux_evaluate_options *options)
{
    const redux_input_options defaults = REDUX_INPUT_OPTIONS_INIT;
    *out = defaults;
    if (options->input == NULL && options->weights != NULL)
        return redux_input_options_of(out, options->weights);
    return rdx_read_options(out, sizeof *out, options->input, "redux_input_options");
}

/* ---- features ---- */

/* Row i of the features is that of the labels' row i; embedded: [wanted, D] in dataset order. */
static redux_status by_row(job *j, const redux_tensor *embedded, const uint8_t *wanted)
{
    const int64_t slices = redux_dataset_slice_count(j->labels->dataset),
                  width = embedded->shape[1];
    const int64_t shape[2] = {j->labels->count, width};
    void *block;
    RDX_TRY(rdx_alloc(j->context, &block, (uint64_t)slices, sizeof(int64_t)));
    int64_t *place = block, count = 0;
    for (int64_t s = 0; s < slices; s++) {
        place[s] = count;
        count += wanted[s];
    }
    const redux_status status = redux_tensor_new(&j->features, j->context, REDUX_FLOAT32, 2, shape);
    for (int64_t i = 0; i < j->labels->count && status == REDUX_OK; i++)
        memcpy((float *)j->features.data + i * width,
               (const float *)embedded->data + place[j->labels->rows[i].slice] * width,
               (size_t)width * sizeof(float));
    rdx_free(block);
    return status;
}

static redux_status embed_with(job *j, redux_network *network, const uint8_t *wanted)
{
    const int64_t shape[2] = {j->labels->count, redux_network_features(network)};
    redux_input_options input;
    redux_tensor embedded;
    RDX_TRY(rdx_evaluation_input(&input, j->options));
    RDX_TRY(redux_tensor_new(&embedded, j->context, REDUX_FLOAT32, 2, shape));
    redux_status status = redux_embed(&embedded, NULL, j->context, network, j->labels->dataset,
                                      wanted, &input, j->options->batch);
    if (status == REDUX_OK)
        status = by_row(j, &embedded, wanted);
    redux_tensor_release(&embedded);
    return status;
}

/* Features of every labelled slice by the weights, or by random ones of this seed. */
static redux_status embed(job *j, uint64_t seed)
{
    redux_network *network = NULL;
    void *wanted;
    redux_tensor_release(&j->features);
    RDX_TRY(rdx_alloc_zero(j->context, &wanted,
                           (uint64_t)redux_dataset_slice_count(j->labels->dataset), 1));
    for (int64_t i = 0; i < j->labels->count; i++)
        ((uint8_t *)wanted)[j->labels->rows[i].slice] = 1;
    redux_status status = rdx_evaluation_network(&network, j->context, j->options, 0, seed);
    if (status == REDUX_OK)
        status = embed_with(j, network, wanted);
    redux_network_free(network);
    rdx_free(wanted);
    return status;
}

/* What stays the same for all seeds. */
static redux_status prepare(job *j)
{
    const redux_evaluate_options *o = j->options;
    redux_input_options input;
    if (o->protocol == REDUX_PROTOCOL_FINETUNE) {
        RDX_TRY(rdx_evaluation_input(&input, o));
        return rdx_images_load(&j->images, j->context, j->labels, &input);
    }
    if (o->features != NULL)
        return redux_tensor_view(&j->features, o->features);
    return o->weights != NULL ? embed(j, 0) : REDUX_OK;
}

/* ---- runs ---- */

static redux_status divide(job *j, int64_t seed, int64_t fold)
{
    redux_split_options split = j->split_options;
    if (!j->options->fixed_split)
        split.seed = j->options->first_seed + (uint64_t)seed;
    split.fold = (int32_t)fold;
    return redux_labels_split(j->split, j->context, j->labels, &split);
}

static redux_status add_predictions(redux_evaluation *e, redux_context *context,
                                    const int64_t *rows, int64_t count, const double *probabilities)
{
    const int64_t classes = e->labels->class_count;
    void *block = e->rows;
    redux_status status = rdx_grow(context, &block, &e->row_capacity, e->predictions,
                                   e->predictions + count, sizeof *e->rows);
    e->rows = block;
    RDX_TRY(status);
    block = e->probabilities;
    status = rdx_grow(context, &block, &e->probability_capacity, e->predictions * classes,
                      (e->predictions + count) * classes, sizeof *e->probabilities);
    e->probabilities = block;
    RDX_TRY(status);
    memcpy(e->rows + e->predictions, rows, (size_t)count * sizeof *rows);
    memcpy(e->probabilities + e->predictions * classes, probabilities,
           (size_t)(count * classes) * sizeof *probabilities);
    e->predictions += count;
    return REDUX_OK;
}

/* The interval of the run that was added last, as the options want it. */
static redux_status run_interval(record *at, job *j, const redux_predictions *predictions)
{
    const redux_evaluate_options *o = j->options;
    const redux_run_set *set = j->out->set;
    if (o->resamples == 0 || o->interval == REDUX_INTERVAL_NONE)
        return REDUX_OK;
    if (o->interval == REDUX_INTERVAL_GROUPS) {
        rdx_set_run_interval(&at->low, &at->high, &set->runs[set->count - 1], set->classes,
                             o->level);
        return REDUX_OK;
    }
    redux_predictions rows = *predictions;
    rows.groups = NULL;
    return redux_scores_bootstrap(&at->low, &at->high, j->context, &rows, o->resamples, o->level,
                                  at->run.seed);
}

static redux_status score_groups(record *at, job *j, redux_predictions *predictions,
                                 const redux_tensor *groups, const int64_t *rows)
{
    const redux_evaluation_run *r = &at->run;
    for (int64_t i = 0; i < r->test; i++)
        ((int64_t *)groups->data)[i] = j->labels->rows[rows[i]].group;
    predictions->groups = groups;
    RDX_TRY(redux_scores_compute(&at->test, j->context, predictions));
    RDX_TRY(redux_run_set_add(j->out->set, j->context, r->seed, r->fold, predictions,
                              j->labels->groups));
    return run_interval(at, j, predictions);
}

static redux_status score_test(record *at, job *j, const int64_t *rows)
{
    const redux_evaluation_run *r = &at->run;
    redux_predictions predictions;
    redux_tensor y, scores, groups;
    RDX_TRY(as_predictions(&predictions, &y, &scores, j->context, j->labels, rows, r->test, j->test,
                           j->options->positive));
    redux_status status = redux_tensor_new(&groups, j->context, REDUX_INT64, 1, y.shape);
    if (status == REDUX_OK) {
        status = score_groups(at, j, &predictions, &groups, rows);
        redux_tensor_release(&groups);
    }
    redux_tensor_release(&y);
    return status;
}

static redux_status run_once(job *j, int64_t seed, int64_t fold)
{
    redux_evaluation *e = j->out;
    record *at = &e->records[e->runs];
    redux_evaluation_run *r = &at->run;
    int64_t *validation = j->rows, *test = j->rows + j->labels->count;
    rdx_trial run = {j->split, j->options->first_seed + (uint64_t)seed, j->validation, j->test, 0,
                     1};
    at->first = e->predictions;
    r->struct_size = sizeof *r;
    r->seed = run.seed;
    r->fold = e->folds > 1 ? (int32_t)fold : -1;
    r->validation = rdx_rows_of(validation, j->labels, j->split, REDUX_SPLIT_VALIDATION);
    r->test = rdx_rows_of(test, j->labels, j->split, REDUX_SPLIT_TEST);
    r->train = 0;
    for (int64_t i = 0; i < j->labels->count; i++)
        r->train += j->split[i] == REDUX_SPLIT_TRAIN;
    r->validation_scores = &at->validation;
    r->scores = &at->test;
    r->low = &at->low;
    r->high = &at->high;
    rdx_scores_fill(&at->low, (double)NAN);
    rdx_scores_fill(&at->high, (double)NAN);
    rdx_scores_fill(&at->test, 0);
    rdx_scores_fill(&at->validation, 0);
    RDX_TRY(j->options->protocol == REDUX_PROTOCOL_FINETUNE
                ? rdx_finetune_run(&run, j->context, j->labels, &j->images, j->options)
                : rdx_probe_run(&run, j->context, j->labels, &j->features, j->options));
    r->chosen = run.chosen;
    r->converged = run.converged;
    RDX_TRY(rdx_score_rows(&at->validation, j->context, j->labels, validation, r->validation,
                           j->validation, j->options->positive));
    RDX_TRY(score_test(at, j, test));
    RDX_TRY(add_predictions(e, j->context, test, r->test, j->test));
    e->runs++;
    return REDUX_OK;
}

static redux_status check_leakage(job *j)
{
    void *block;
    if (j->out->folds == 1)
        return redux_labels_find_leakage(&j->out->leakage, j->context, j->labels, j->split, NULL);
    /* With folds, the training split holds several folds. Near-duplicates between these would be
     * missed. */
    RDX_TRY(rdx_alloc(j->context, &block, (uint64_t)j->labels->count, 1));
    uint8_t *fold = block;
    redux_status status = REDUX_OK;
    for (int64_t f = 0; f < j->out->folds && status == REDUX_OK; f++) {
        status = divide(j, 0, f);
        for (int64_t i = 0; i < j->labels->count; i++)
            if (status == REDUX_OK && j->split[i] == REDUX_SPLIT_TEST)
                fold[i] = (uint8_t)f;
    }
    if (status == REDUX_OK)
        status = rdx_labels_leakage_of_folds(&j->out->leakage, j->context, j->labels, fold,
                                             (int)j->out->folds);
    rdx_free(block);
    return status;
}

/* ---- over runs ---- */

static const redux_scores *test_of(const redux_evaluation_run *run)
{
    return run->scores;
}

static const redux_scores *validation_of(const redux_evaluation_run *run)
{
    return run->validation_scores;
}

static const redux_scores *low_of(const redux_evaluation_run *run)
{
    return run->low;
}

static const redux_scores *high_of(const redux_evaluation_run *run)
{
    return run->high;
}

typedef const redux_scores *(*which_fn)(const redux_evaluation_run *run);

/* Mean over the folds of a seed. */
static double seed_figure(const redux_evaluation *e, int64_t seed, int figure, which_fn which)
{
    double sum = 0;
    int64_t count = 0;
    for (int64_t f = 0; f < e->folds_run; f++) {
        const double value = rdx_figure_of(which(&e->records[seed * e->folds_run + f].run), figure);
        if (isnan(value))
            continue;
        sum += value;
        count++;
    }
    return count == 0 ? (double)NAN : sum / (double)count;
}

static redux_status summarise(redux_scores *mean, redux_scores *deviation,
                              const redux_evaluation *e, redux_context *context, which_fn which)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)e->options.seeds, sizeof(double)));
    double *values = block;
    rdx_scores_fill(mean, 0);
    rdx_scores_fill(deviation, 0);
    for (int f = 0; f < RDX_FIGURES; f++) {
        double m, d;
        for (int64_t s = 0; s < e->options.seeds; s++)
            values[s] = seed_figure(e, s, f, which);
        redux_scores_summarise(&m, &d, values, e->options.seeds);
        *rdx_figure(mean, f) = m;
        *rdx_figure(deviation, f) = d;
    }
    rdx_free(block);
    return REDUX_OK;
}

/* Intervals of the figures over all runs: of groups, or the mean of the runs' ends. */
static redux_status summarise_intervals(redux_evaluation *e, redux_context *context)
{
    redux_scores ignored;
    redux_run_set_counts counts = {.struct_size = sizeof counts};
    RDX_TRY(redux_run_set_get_counts(&counts, context, e->set));
    e->test_groups = counts.groups;
    rdx_scores_fill(&e->defined, 0);
    RDX_TRY(redux_run_set_scores(NULL, NULL, &e->defined, context, e->set));
    e->no_interval = "";
    if (e->options.interval != REDUX_INTERVAL_GROUPS || e->options.resamples == 0) {
        RDX_TRY(summarise(&e->low, &ignored, e, context, low_of));
        return summarise(&e->high, &ignored, e, context, high_of);
    }
    rdx_scores_fill(&e->low, 0);
    rdx_scores_fill(&e->high, 0);
    e->no_interval = redux_run_set_why(context, e->set);
    return redux_run_set_interval(&e->low, &e->high, context, e->set, e->options.level);
}

static redux_status summarise_all(redux_evaluation *e, redux_context *context)
{
    RDX_TRY(summarise(&e->mean, &e->deviation, e, context, test_of));
    RDX_TRY(summarise(&e->validation_mean, &e->validation_deviation, e, context, validation_of));
    return summarise_intervals(e, context);
}

static redux_status run_folds(job *j, int64_t seed)
{
    const bool finetune = j->options->protocol == REDUX_PROTOCOL_FINETUNE;
    const int64_t first = j->options->fold < 0 ? 0 : j->options->fold;
    for (int64_t f = first; f < first + j->out->folds_run; f++) {
        RDX_TRY(divide(j, seed, f));
        RDX_TRY(run_once(j, seed, f));
        RDX_TRY(rdx_progress_add(j->context, finetune ? 0 : 1));
    }
    return REDUX_OK;
}

static redux_status run_all(job *j)
{
    const redux_evaluate_options *o = j->options;
    const bool random_features =
        o->protocol != REDUX_PROTOCOL_FINETUNE && o->features == NULL && o->weights == NULL;
    const int64_t runs = o->seeds * j->out->folds_run;
    RDX_TRY(
        divide(j, 0, o->fold < 0 ? 0 : o->fold)); /* reports bad splits before the work begins */
    if (o->check_leakage)
        RDX_TRY(check_leakage(j));
    RDX_TRY(prepare(j));
    const bool finetune = o->protocol == REDUX_PROTOCOL_FINETUNE;
    rdx_progress_begin(j->context, finetune ? runs * o->epochs : runs);
    for (int64_t s = 0; s < o->seeds; s++) {
        if (random_features) {
            RDX_TRY(embed(j, o->first_seed + (uint64_t)s));
            rdx_progress_begin(j->context, runs);
            RDX_TRY(rdx_progress_add(j->context, s * j->out->folds_run));
        }
        RDX_TRY(run_folds(j, s));
    }
    j->out->features = finetune ? 0 : j->features.shape[1];
    return summarise_all(j->out, j->context);
}

/* ---- the whole ---- */

static redux_status check_options(const redux_evaluate_options *o, const redux_labels *labels)
{
    if ((int)o->protocol < 0 || o->protocol >= RDX_COUNT(protocols) || o->seeds < 1 ||
        o->seeds > MOST_SEEDS)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluate_options: protocol %d, %d seeds",
                        (int)o->protocol, (int)o->seeds);
    if (o->features != NULL && (o->weights != NULL || o->protocol == REDUX_PROTOCOL_FINETUNE))
        return rdx_fail(REDUX_E_INVALID, "features are for probes (linear, knn), without weights");
    if (o->features != NULL && (o->features->ndim != 2 || o->features->shape[0] != labels->count))
        return rdx_fail(REDUX_E_INVALID, "%lld rows of features for %lld labels",
                        (long long)(o->features->ndim > 0 ? o->features->shape[0] : 0),
                        (long long)labels->count);
    if ((!isnan(o->c) && !(o->c > 0)) || o->neighbours < 0 || !(o->temperature > 0) ||
        o->resamples < 0 || !(o->level > 0 && o->level < 1))
        return rdx_fail(REDUX_E_INVALID,
                        "redux_evaluate_options: C %g, %d neighbours, temperature %g, %d "
                        "resamples, level %g",
                        o->c, (int)o->neighbours, o->temperature, (int)o->resamples, o->level);
    if (o->epochs < 1 || o->frozen_epochs < 0 || o->batch < 1 || !(o->rate > 0) ||
        !(isnan(o->thawed_rate) || o->thawed_rate > 0) || !(o->weight_decay >= 0))
        return rdx_fail(REDUX_E_INVALID,
                        "redux_evaluate_options: %d epochs, %d of them frozen, batch %d, rate %g, "
                        "weight decay %g",
                        (int)o->epochs, (int)o->frozen_epochs, (int)o->batch, o->rate,
                        o->weight_decay);
    if ((int)o->interval < 0 || o->interval > REDUX_INTERVAL_NONE || o->fold < -1)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluate_options: interval %d, fold %d",
                        (int)o->interval, (int)o->fold);
    if (labels->class_count == 2 && o->positive != 0 && o->positive != 1)
        return rdx_fail(REDUX_E_INVALID, "the positive class is %d", (int)o->positive);
    return REDUX_OK;
}

static redux_status open_job(job *j)
{
    const redux_split_options defaults = REDUX_SPLIT_OPTIONS_INIT;
    const uint64_t rows = (uint64_t)j->labels->count, classes = (uint64_t)j->labels->class_count;
    void *block;
    j->split_options = defaults;
    if (j->options->split != NULL)
        RDX_TRY(rdx_read_options(&j->split_options, sizeof j->split_options, j->options->split,
                                 "redux_split_options"));
    j->out->folds = j->split_options.method == REDUX_SPLIT_BY_FOLDS ? j->split_options.folds : 1;
    RDX_TRY(rdx_alloc(j->context, &block, rows, 1));
    j->split = block;
    RDX_TRY(rdx_alloc(j->context, &block, 2 * rows, sizeof(int64_t)));
    j->rows = block;
    RDX_TRY(rdx_alloc(j->context, &block, 2 * rows * classes, sizeof(double)));
    j->validation = block;
    j->test = j->validation + rows * classes;
    if (j->out->folds < 1)
        return rdx_fail(REDUX_E_INVALID, "%lld folds", (long long)j->out->folds);
    if (j->options->fold >= j->out->folds || (j->options->fold >= 0 && j->out->folds == 1))
        return rdx_fail(REDUX_E_INVALID, "fold %d of %lld", (int)j->options->fold,
                        (long long)j->out->folds);
    j->out->folds_run = j->options->fold < 0 ? j->out->folds : 1;
    RDX_TRY(rdx_alloc_zero(j->context, &block, (uint64_t)(j->options->seeds * j->out->folds_run),
                           sizeof(record)));
    j->out->records = block;
    RDX_TRY(redux_run_set_new(&j->out->set, j->context));
    return run_all(j);
}

redux_status redux_evaluate(redux_evaluation **out, redux_context *context,
                            const redux_labels *labels, const redux_evaluate_options *options)
{
    redux_evaluate_options known = REDUX_EVALUATE_OPTIONS_INIT;
    const redux_tensor none = REDUX_TENSOR_INIT;
    void *block;
    if (out == NULL || labels == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluate: an argument is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_evaluate_options"));
    RDX_TRY(check_options(&known, labels));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_evaluation)));
    redux_evaluation *e = block;
    e->labels = labels;
    e->options = known;
    job j = {.out = e, .context = context, .labels = labels, .options = &known, .features = none};
    j.images.inputs = none;
    const redux_status status = open_job(&j);
    redux_tensor_release(&j.features);
    rdx_images_free(&j.images);
    rdx_free(j.split);
    rdx_free(j.rows);
    rdx_free(j.validation);
    if (status == REDUX_OK)
        *out = e;
    else
        redux_evaluation_free(e);
    return status;
}

void redux_evaluation_free(redux_evaluation *evaluation)
{
    if (evaluation == NULL)
        return;
    redux_leakage_free(evaluation->leakage);
    redux_run_set_free(evaluation->set);
    rdx_free(evaluation->records);
    rdx_free(evaluation->rows);
    rdx_free(evaluation->probabilities);
    rdx_free(evaluation);
}

/* ---- asking ---- */

redux_status redux_evaluation_get_summary(redux_evaluation_summary *out,
                                          const redux_evaluation *evaluation)
{
    if (evaluation == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluation_get_summary: an argument is NULL");
    const redux_evaluation_summary made = {.runs = evaluation->runs,
                                           .seeds = evaluation->options.seeds,
                                           .folds = evaluation->folds,
                                           .rows = evaluation->labels->count,
                                           .classes = evaluation->labels->class_count,
                                           .groups = evaluation->labels->group_count,
                                           .features = evaluation->features,
                                           .positive = evaluation->options.positive,
                                           .protocol = evaluation->options.protocol,
                                           .mean = &evaluation->mean,
                                           .deviation = &evaluation->deviation,
                                           .validation_mean = &evaluation->validation_mean,
                                           .validation_deviation =
                                               &evaluation->validation_deviation,
                                           .low = &evaluation->low,
                                           .high = &evaluation->high,
                                           .test_groups = evaluation->test_groups,
                                           .defined = &evaluation->defined,
                                           .no_interval = evaluation->no_interval};
    return rdx_write_result(out, &made, sizeof made, "redux_evaluation_summary");
}

const redux_labels *rdx_evaluation_labels(const redux_evaluation *evaluation)
{
    return evaluation->labels;
}

redux_status redux_evaluation_get_run(redux_evaluation_run *out, const redux_evaluation *evaluation,
                                      int64_t index)
{
    if (evaluation == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluation_get_run: an argument is NULL");
    if (index < 0 || index >= evaluation->runs)
        return rdx_fail(REDUX_E_INVALID, "there is no run %lld: there are %lld", (long long)index,
                        (long long)evaluation->runs);
    return rdx_write_result(out, &evaluation->records[index].run, sizeof *out,
                            "redux_evaluation_run");
}

int64_t redux_evaluation_prediction_count(const redux_evaluation *evaluation)
{
    return evaluation->predictions;
}

redux_status redux_evaluation_get_prediction(redux_evaluation_prediction *out,
                                             const redux_evaluation *evaluation, int64_t index)
{
    if (evaluation == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_evaluation_get_prediction: an argument is NULL");
    int64_t run = 0;
    if (index < 0 || index >= evaluation->predictions)
        return rdx_fail(REDUX_E_INVALID, "there is no prediction %lld: there are %lld",
                        (long long)index, (long long)evaluation->predictions);
    while (run + 1 < evaluation->runs && evaluation->records[run + 1].first <= index)
        run++;
    const int64_t row = evaluation->rows[index];
    const redux_evaluation_prediction made = {
        .seed = evaluation->records[run].run.seed,
        .fold = evaluation->records[run].run.fold,
        .label = evaluation->labels->rows[row].label,
        .row = row,
        .probabilities = evaluation->probabilities + index * evaluation->labels->class_count};
    return rdx_write_result(out, &made, sizeof made, "redux_evaluation_prediction");
}

redux_status redux_evaluation_get_confusion(int64_t *counts, const redux_evaluation *evaluation)
{
    if (counts == NULL || evaluation == NULL)
        return rdx_fail(REDUX_E_INVALID, "confusion: an argument is NULL");
    const int64_t classes = evaluation->labels->class_count;
    memset(counts, 0, (size_t)(classes * classes) * sizeof *counts);
    for (int64_t i = 0; i < evaluation->predictions; i++) {
        const double *p = evaluation->probabilities + i * classes;
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            if (p[c] > p[best])
                best = c;
        counts[evaluation->labels->rows[evaluation->rows[i]].label * classes + best]++;
    }
    return REDUX_OK;
}

const redux_leakage *redux_evaluation_leakage(const redux_evaluation *evaluation)
{
    return evaluation->leakage;
}
