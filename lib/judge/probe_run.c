/* SPDX-License-Identifier: MIT
 * One run of a probe: settings chosen on validation, then the test rows predicted once. */
#include <math.h>
#include <string.h>
#include "evaluate.h"
#include "probe.h"

static const double strengths[] = {1e-4, 3.1622776601683795e-4, 1e-3, 3.1622776601683795e-3,
                                   1e-2, 3.1622776601683795e-2, 0.1,  0.31622776601683794,
                                   1.0,  3.1622776601683795,    10.0, 31.622776601683793,
                                   100.0};
static const int32_t neighbour_counts[] = {1, 5, 10, 20, 50, 100, 200};

/* Rows of one or two splits, with their features and labels one after the other. */
typedef struct part {
    int64_t *rows;
    int64_t count;
    redux_tensor features, labels;
} part;

typedef struct probe {
    rdx_trial *run;
    redux_context *context;
    const redux_labels *labels;
    const redux_evaluate_options *options;
    part train, validation, test, both; /* both: of training and validation */
    double best, best_other;            /* figures on validation */
} probe;

static redux_status gather(part *p, const probe *b, const redux_tensor *features, redux_split first,
                           redux_split second)
{
    void *block;
    RDX_TRY(rdx_alloc(b->context, &block, (uint64_t)b->labels->count, sizeof(int64_t)));
    p->rows = block;
    p->count = 0;
    for (int64_t i = 0; i < b->labels->count; i++)
        if (b->run->split[i] == first || b->run->split[i] == second)
            p->rows[p->count++] = i;
    const int64_t shape[2] = {p->count, features->shape[1]};
    RDX_TRY(redux_tensor_new(&p->features, b->context, features->dtype, 2, shape));
    RDX_TRY(redux_tensor_new(&p->labels, b->context, REDUX_INT32, 1, shape));
    for (int64_t i = 0; i < p->count; i++) {
        redux_tensor from, to;
        RDX_TRY(redux_tensor_select(&from, features, 0, p->rows[i]));
        redux_status status = redux_tensor_select(&to, &p->features, 0, i);
        if (status == REDUX_OK) {
            status = redux_tensor_copy(&to, &from);
            redux_tensor_release(&to);
        }
        redux_tensor_release(&from);
        RDX_TRY(status);
        ((int32_t *)p->labels.data)[i] = b->labels->rows[p->rows[i]].label;
    }
    return REDUX_OK;
}

static void release(part *p)
{
    redux_tensor_release(&p->features);
    redux_tensor_release(&p->labels);
    rdx_free(p->rows);
}

/* Whether the predictions of validation rows are better than any before. If classes separate
 * without error the AUC is 1 for many settings, and the other figure decides. */
static redux_status is_better(bool *better, probe *b, double *probabilities)
{
    redux_scores scores = REDUX_SCORES_INIT;
    RDX_TRY(rdx_score_rows(&scores, b->context, b->labels, b->validation.rows, b->validation.count,
                           probabilities, b->options->positive));
    const double figure = rdx_choice_figure(&scores, b->options);
    const double other =
        b->options->choose_by == REDUX_FIGURE_ACCURACY ? scores.auc : scores.accuracy;
    *better = isnan(b->best) || figure > b->best || (figure == b->best && other > b->best_other);
    if (*better) {
        b->best = figure;
        b->best_other = other;
    }
    return REDUX_OK;
}

static redux_status predict(double *probabilities, const probe *b, const redux_logistic *model,
                            const part *p)
{
    const int64_t shape[2] = {p->count, b->labels->class_count};
    redux_tensor out;
    RDX_TRY(redux_tensor_borrow(&out, probabilities, REDUX_FLOAT64, 2, shape, NULL));
    return redux_logistic_predict(&out, b->context, model, &p->features);
}

/* ---- linear ---- */

static redux_status fit(redux_logistic **model, const probe *b, const part *p, double c,
                        const redux_logistic *start)
{
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    options.c = c;
    return redux_logistic_fit(model, b->context, &p->features, &p->labels,
                              (int32_t)b->labels->class_count, &options, start);
}

/* Tries one strength; the better model is kept in *best. scratch: validation probabilities. */
static redux_status try_strength(redux_logistic **best, redux_logistic **last, probe *b, double c,
                                 double *scratch)
{
    const size_t bytes = (size_t)(b->validation.count * b->labels->class_count) * sizeof *scratch;
    redux_logistic *model;
    bool better;
    RDX_TRY(fit(&model, b, &b->train, c, *last));
    if (*last != *best)
        redux_logistic_free(*last);
    *last = model;
    RDX_TRY(predict(scratch, b, model, &b->validation));
    RDX_TRY(is_better(&better, b, scratch));
    if (!better)
        return REDUX_OK;
    redux_logistic_free(*best);
    *best = model;
    b->run->chosen = c;
    memcpy(b->run->validation, scratch, bytes);
    return REDUX_OK;
}

static redux_status run_linear(probe *b, double *scratch)
{
    redux_logistic_info info = {.struct_size = sizeof info};
    redux_logistic *best = NULL, *last = NULL;
    redux_status status = REDUX_OK;
    const bool given = !isnan(b->options->c);
    for (int64_t i = 0; i < (given ? 1 : RDX_COUNT(strengths)) && status == REDUX_OK; i++)
        status = try_strength(&best, &last, b, given ? b->options->c : strengths[i], scratch);
    if (last != best)
        redux_logistic_free(last);
    if (status == REDUX_OK && b->options->refit) {
        redux_logistic *again = NULL;
        status = fit(&again, b, &b->both, b->run->chosen, best);
        redux_logistic_free(best);
        best = again;
    }
    if (status == REDUX_OK)
        status = predict(b->run->test, b, best, &b->test);
    if (status == REDUX_OK)
        status = redux_logistic_get_info(&info, best);
    b->run->converged = info.converged;
    redux_logistic_free(best);
    return status;
}

/* ---- nearest neighbours ---- */

static redux_status vote(double *probabilities, const probe *b, const part *train, const part *p,
                         int32_t k)
{
    const int64_t shape[2] = {p->count, b->labels->class_count};
    redux_knn_options options = REDUX_KNN_OPTIONS_INIT;
    redux_tensor out;
    options.neighbours = k;
    options.temperature = b->options->temperature;
    RDX_TRY(redux_tensor_borrow(&out, probabilities, REDUX_FLOAT64, 2, shape, NULL));
    return redux_knn_predict(&out, b->context, &train->features, &train->labels,
                             (int32_t)b->labels->class_count, &p->features, &options);
}

static redux_status choose_k(probe *b, const rdx_neighbours *neighbours, double *scratch)
{
    const bool given = b->options->neighbours > 0;
    const int32_t classes = (int32_t)b->labels->class_count;
    for (int64_t i = 0; i < (given ? 1 : RDX_COUNT(neighbour_counts)); i++) {
        const int32_t k = given ? b->options->neighbours : neighbour_counts[i];
        bool better;
        if (i > 0 && k > b->train.count)
            break;
        rdx_neighbours_vote(scratch, neighbours, b->train.labels.data, classes, k,
                            b->options->temperature);
        RDX_TRY(is_better(&better, b, scratch));
        if (better) {
            b->run->chosen = k;
            memcpy(b->run->validation, scratch,
                   (size_t)(b->validation.count * classes) * sizeof *scratch);
        }
    }
    return REDUX_OK;
}

static redux_status run_knn(probe *b, double *scratch)
{
    const int64_t most = b->options->neighbours > 0
                             ? b->options->neighbours
                             : neighbour_counts[RDX_COUNT(neighbour_counts) - 1];
    rdx_neighbours neighbours;
    RDX_TRY(rdx_neighbours_find(&neighbours, b->context, &b->train.features,
                                &b->validation.features, most));
    const redux_status status = choose_k(b, &neighbours, scratch);
    rdx_neighbours_free(&neighbours);
    RDX_TRY(status);
    b->run->converged = 1;
    return vote(b->run->test, b, b->options->refit ? &b->both : &b->train, &b->test,
                (int32_t)b->run->chosen);
}

static redux_status run_probe(probe *b, const redux_tensor *features)
{
    void *scratch;
    RDX_TRY(gather(&b->train, b, features, REDUX_SPLIT_TRAIN, REDUX_SPLIT_TRAIN));
    RDX_TRY(gather(&b->validation, b, features, REDUX_SPLIT_VALIDATION, REDUX_SPLIT_VALIDATION));
    RDX_TRY(gather(&b->test, b, features, REDUX_SPLIT_TEST, REDUX_SPLIT_TEST));
    if (b->options->refit)
        RDX_TRY(gather(&b->both, b, features, REDUX_SPLIT_TRAIN, REDUX_SPLIT_VALIDATION));
    RDX_TRY(rdx_alloc(b->context, &scratch,
                      (uint64_t)(b->validation.count * b->labels->class_count), sizeof(double)));
    const redux_status status =
        b->options->protocol == REDUX_PROTOCOL_KNN ? run_knn(b, scratch) : run_linear(b, scratch);
    rdx_free(scratch);
    return status;
}

redux_status rdx_probe_run(rdx_trial *run, redux_context *context, const redux_labels *labels,
                           const redux_tensor *features, const redux_evaluate_options *options)
{
    const part none = {NULL, 0, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT};
    probe b = {run, context, labels, options, none, none, none, none, (double)NAN, (double)NAN};
    const redux_status status = run_probe(&b, features);
    release(&b.train);
    release(&b.validation);
    release(&b.test);
    release(&b.both);
    return status;
}
