/* SPDX-License-Identifier: MIT
 * Multinomial logistic regression: the linear probe. */
#include <cblas.h>
#include <math.h>
#include <string.h>
#include "probe.h"

#define TILE 256 /* rows of one matrix product */

struct redux_logistic {
    int64_t classes, outputs, features;
    double *weights; /* [outputs, features], then [outputs] biases */
    double *means;   /* [features], then [features] scales */
    rdx_lbfgs search;
};

/* A fit in progress. Rows are in fixed tiles, each with its own loss and gradient, which are then
 * added in order: the same bits with any number of threads. */
typedef struct fit {
    redux_context *context;
    const double *x; /* [n, d], standardised */
    const int32_t *labels;
    int64_t n, d, outputs;
    double penalty;    /* 1 / (C n): the objective is the mean loss */
    double *scores;    /* [n, outputs] */
    double *gradients; /* [tiles, outputs, d + 1] */
    double *losses;    /* [tiles] */
    const double *at;  /* weights and biases */
} fit;

static int64_t tiles_of(int64_t n)
{
    return (n + TILE - 1) / TILE;
}

/* scores = x W' + b */
static void score_rows(double *scores, const double *x, const double *weights, int64_t rows,
                       int64_t d, int64_t outputs)
{
    const double *biases = weights + outputs * d;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)outputs, (int)d, 1.0, x,
                (int)d, weights, (int)d, 0.0, scores, (int)outputs);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < outputs; k++)
            scores[i * outputs + k] += biases[k];
}

/* Turns the scores of one row into residuals (p - label's indicator); returns its loss. */
static double residual(double *scores, int32_t label, int64_t outputs)
{
    if (outputs == 1) {
        const double z = label == 1 ? scores[0] : -scores[0];
        const double loss = z > 0 ? log1p(exp(-z)) : log1p(exp(z)) - z;
        const double wrong = z > 0 ? exp(-z) / (1 + exp(-z)) : 1 / (1 + exp(z));
        scores[0] = label == 1 ? -wrong : wrong;
        return loss;
    }
    double most = scores[0], sum = 0;
    for (int64_t k = 1; k < outputs; k++)
        most = fmax(most, scores[k]);
    const double own = scores[label] - most;
    for (int64_t k = 0; k < outputs; k++) {
        scores[k] = exp(scores[k] - most);
        sum += scores[k];
    }
    for (int64_t k = 0; k < outputs; k++)
        scores[k] = scores[k] / sum - (k == label);
    /* cppcheck-suppress invalidFunctionArg ; the greatest term is 1 */
    return log(sum) - own;
}

static redux_status fit_tile(int64_t tile, void *user)
{
    fit *f = user;
    const int64_t first = tile * TILE, rows = RDX_MIN(TILE, f->n - first), width = f->d + 1;
    const double *x = f->x + first * f->d;
    double *scores = f->scores + first * f->outputs;
    double *gradient = f->gradients + tile * f->outputs * width;
    double *biases = gradient + f->outputs * f->d;
    double loss = 0;
    score_rows(scores, x, f->at, rows, f->d, f->outputs);
    memset(biases, 0, (size_t)f->outputs * sizeof *biases);
    for (int64_t i = 0; i < rows; i++) {
        loss += residual(scores + i * f->outputs, f->labels[first + i], f->outputs);
        for (int64_t k = 0; k < f->outputs; k++)
            biases[k] += scores[i * f->outputs + k];
    }
    f->losses[tile] = loss;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)f->outputs, (int)f->d, (int)rows, 1.0,
                scores, (int)f->outputs, x, (int)f->d, 0.0, gradient, (int)f->d);
    return REDUX_OK;
}

/* Mean loss + penalty |W|^2 / 2. */
static redux_status objective(double *value, double *gradient, const double *x, void *user)
{
    fit *f = user;
    const int64_t weights = f->outputs * f->d, count = weights + f->outputs;
    double loss = 0, square = 0;
    f->at = x;
    RDX_TRY(rdx_blas_ready(f->context));
    RDX_TRY(rdx_parallel(f->context, tiles_of(f->n), fit_tile, f));
    RDX_TRY(rdx_progress_add(f->context, 0)); /* may cancel */
    memset(gradient, 0, (size_t)count * sizeof *gradient);
    for (int64_t t = 0; t < tiles_of(f->n); t++) {
        const double *part = f->gradients + t * count;
        loss += f->losses[t];
        for (int64_t i = 0; i < count; i++)
            gradient[i] += part[i];
    }
    for (int64_t i = 0; i < count; i++) {
        gradient[i] /= (double)f->n;
        if (i < weights) {
            gradient[i] += f->penalty * x[i];
            square += x[i] * x[i];
        }
    }
    *value = loss / (double)f->n + f->penalty * square / 2;
    return REDUX_OK;
}

/* ---- standardisation ---- */

static void find_scales(redux_logistic *model, const double *x, int64_t n, bool standardise)
{
    const int64_t d = model->features;
    double *means = model->means, *scales = means + d;
    for (int64_t j = 0; j < d; j++) {
        means[j] = 0;
        scales[j] = standardise ? 0 : 1;
    }
    if (!standardise)
        return;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            means[j] += x[i * d + j];
    for (int64_t j = 0; j < d; j++)
        means[j] /= (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            scales[j] += (x[i * d + j] - means[j]) * (x[i * d + j] - means[j]);
    for (int64_t j = 0; j < d; j++) { /* a deviation of rounding errors only counts as 0 */
        scales[j] = sqrt(scales[j] / (double)n);
        if (scales[j] <= 1e-14 * fabs(means[j]) || scales[j] == 0)
            scales[j] = 1;
    }
}

static void apply_scales(double *x, int64_t n, const redux_logistic *model)
{
    const int64_t d = model->features;
    const double *means = model->means, *scales = means + d;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            x[i * d + j] = (x[i * d + j] - means[j]) / scales[j];
}

/* ---- fitting ---- */

static redux_status check_options(const redux_logistic_options *o, int32_t classes)
{
    if (!(o->c > 0) || !isfinite(o->c) || !(o->tolerance > 0) || o->max_iterations < 1)
        return rdx_fail(REDUX_E_INVALID,
                        "redux_logistic_options: C %g, tolerance %g, %d iterations", o->c,
                        o->tolerance, (int)o->max_iterations);
    if (classes < 2 || classes > 65536)
        return rdx_fail(REDUX_E_INVALID, "redux_logistic_fit: %d classes", (int)classes);
    return REDUX_OK;
}

static redux_status new_model(redux_logistic **out, redux_context *context, int64_t classes,
                              int64_t features)
{
    const int64_t outputs = classes == 2 ? 1 : classes;
    void *block, *numbers;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_logistic)));
    redux_logistic *model = block;
    model->classes = classes;
    model->outputs = outputs;
    model->features = features;
    redux_status status = rdx_alloc_zero(
        context, &numbers, (uint64_t)outputs * ((uint64_t)features + 1), sizeof(double));
    model->weights = numbers;
    if (status == REDUX_OK) {
        status = rdx_alloc_zero(context, &numbers, 2 * (uint64_t)features, sizeof(double));
        model->means = numbers;
    }
    if (status == REDUX_OK)
        *out = model;
    else
        redux_logistic_free(model);
    return status;
}

static redux_status fit_model(redux_logistic *model, redux_context *context, const double *x,
                              const int32_t *labels, int64_t n,
                              const redux_logistic_options *options)
{
    const int64_t count = model->outputs * (model->features + 1), tiles = tiles_of(n);
    fit f = {.context = context,
             .x = x,
             .labels = labels,
             .n = n,
             .d = model->features,
             .outputs = model->outputs,
             .penalty = 1 / (options->c * (double)n)};
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)(n * model->outputs + tiles * count + tiles),
                      sizeof(double)));
    f.scores = block;
    f.gradients = f.scores + n * model->outputs;
    f.losses = f.gradients + tiles * count;
    model->search.max_iterations = options->max_iterations;
    model->search.tolerance = options->tolerance;
    const redux_status status =
        rdx_lbfgs_minimise(&model->search, context, model->weights, count, objective, &f);
    model->search.value *= options->c * (double)n;
    rdx_free(block);
    return status;
}

/* Converts weights to other scales. The model of the raw features stays the same. */
static redux_status begin_from(redux_logistic *model, const redux_logistic *start)
{
    const int64_t d = model->features;
    if (start->classes != model->classes || start->features != d)
        return rdx_fail(REDUX_E_INVALID,
                        "start: its %lld classes and %lld features are not those of the data",
                        (long long)start->classes, (long long)start->features);
    for (int64_t k = 0; k < model->outputs; k++) {
        double *bias = &model->weights[model->outputs * d + k];
        *bias = start->weights[model->outputs * d + k];
        for (int64_t j = 0; j < d; j++) {
            const double raw = start->weights[k * d + j] / start->means[d + j];
            model->weights[k * d + j] = raw * model->means[d + j];
            *bias += raw * (model->means[j] - start->means[j]);
        }
    }
    return REDUX_OK;
}

redux_status redux_logistic_fit(redux_logistic **out, redux_context *context,
                                const redux_tensor *features, const redux_tensor *labels,
                                int32_t classes, const redux_logistic_options *options,
                                const redux_logistic *start)
{
    redux_logistic_options known = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_logistic *model = NULL;
    double *x = NULL;
    int32_t *y = NULL;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_logistic_fit: out is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_logistic_options"));
    RDX_TRY(check_options(&known, classes));
    RDX_TRY(rdx_features(&x, context, features, "features"));
    const int64_t n = features->shape[0], d = features->shape[1];
    redux_status status = rdx_class_labels(&y, context, labels, n, classes);
    if (status == REDUX_OK)
        status = new_model(&model, context, classes, d);
    if (status == REDUX_OK) {
        find_scales(model, x, n, known.standardise != 0);
        apply_scales(x, n, model);
        if (start != NULL)
            status = begin_from(model, start);
    }
    if (status == REDUX_OK)
        status = fit_model(model, context, x, y, n, &known);
    rdx_free(x);
    rdx_free(y);
    if (status == REDUX_OK)
        *out = model;
    else
        redux_logistic_free(model);
    return status;
}

void redux_logistic_free(redux_logistic *model)
{
    if (model == NULL)
        return;
    rdx_free(model->weights);
    rdx_free(model->means);
    rdx_free(model);
}

redux_status redux_logistic_get_info(redux_logistic_info *out, const redux_logistic *model)
{
    if (model == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_logistic_get_info: an argument is NULL");
    const int64_t shape[2] = {model->outputs, model->features};
    redux_logistic_info made = {.classes = model->classes,
                                .features = model->features,
                                .iterations = model->search.iterations,
                                .converged = model->search.converged,
                                .loss = model->search.value};
    RDX_TRY(redux_tensor_borrow(&made.weights, model->weights, REDUX_FLOAT64, 2, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&made.biases, model->weights + shape[0] * shape[1], REDUX_FLOAT64,
                                1, shape, NULL));
    RDX_TRY(redux_tensor_borrow(&made.means, model->means, REDUX_FLOAT64, 1, &shape[1], NULL));
    RDX_TRY(redux_tensor_borrow(&made.scales, model->means + shape[1], REDUX_FLOAT64, 1, &shape[1],
                                NULL));
    return rdx_write_result(out, &made, sizeof made, "redux_logistic_info");
}

/* ---- predicting ---- */

typedef struct prediction {
    const redux_logistic *model;
    const double *x;
    double *scores, *out;
    int64_t n;
} prediction;

static void to_probabilities(double *out, const double *scores, int64_t outputs)
{
    double most = scores[0], sum = 0;
    if (outputs == 1) {
        const double z = scores[0], e = exp(-fabs(z));
        out[1] = z >= 0 ? 1 / (1 + e) : e / (1 + e);
        out[0] = z >= 0 ? e / (1 + e) : 1 / (1 + e);
        return;
    }
    for (int64_t k = 1; k < outputs; k++)
        most = fmax(most, scores[k]);
    for (int64_t k = 0; k < outputs; k++) {
        out[k] = exp(scores[k] - most);
        sum += out[k];
    }
    for (int64_t k = 0; k < outputs; k++)
        out[k] /= sum;
}

static redux_status predict_tile(int64_t tile, void *user)
{
    const prediction *p = user;
    const redux_logistic *model = p->model;
    const int64_t first = tile * TILE, rows = RDX_MIN(TILE, p->n - first);
    double *scores = p->scores + first * model->outputs;
    score_rows(scores, p->x + first * model->features, model->weights, rows, model->features,
               model->outputs);
    for (int64_t i = 0; i < rows; i++)
        to_probabilities(p->out + (first + i) * model->classes, scores + i * model->outputs,
                         model->outputs);
    return REDUX_OK;
}

redux_status redux_logistic_predict(const redux_tensor *probabilities, redux_context *context,
                                    const redux_logistic *model, const redux_tensor *features)
{
    double *x;
    void *scores;
    if (model == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_logistic_predict: an argument is NULL");
    RDX_TRY(rdx_tensor_check(probabilities, 2, REDUX_FLOAT64, "probabilities"));
    RDX_TRY(rdx_features(&x, context, features, "features"));
    const int64_t n = features->shape[0];
    redux_status status = REDUX_OK;
    if (features->shape[1] != model->features || probabilities->shape[0] != n ||
        probabilities->shape[1] != model->classes || !redux_tensor_is_contiguous(probabilities))
        status = rdx_fail(REDUX_E_INVALID,
                          "%lld rows of %lld features do not match the model or the "
                          "probabilities",
                          (long long)n, (long long)features->shape[1]);
    if (status == REDUX_OK)
        status = rdx_alloc(context, &scores, (uint64_t)(n * model->outputs), sizeof(double));
    if (status == REDUX_OK) {
        prediction p = {model, x, scores, probabilities->data, n};
        apply_scales(x, n, model);
        status = rdx_blas_ready(context);
        if (status == REDUX_OK)
            status = rdx_parallel(context, tiles_of(n), predict_tile, &p);
        rdx_free(scores);
    }
    rdx_free(x);
    return status;
}
