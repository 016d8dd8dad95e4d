/* SPDX-License-Identifier: MIT
 * Soft-max cross-entropy. */
#include <math.h>
#include <redux/layers.h>
#include "base/base.h"

static bool is_real(redux_dtype dtype)
{
    return dtype == REDUX_FLOAT32 || dtype == REDUX_FLOAT64;
}

static redux_status check(const redux_tensor *logits, const redux_tensor *labels,
                          const redux_tensor *weights, const redux_tensor *d_logits)
{
    RDX_TRY(rdx_tensor_check(logits, 2, 0, "logits"));
    RDX_TRY(rdx_tensor_check(labels, 1, 0, "labels"));
    if (!is_real(logits->dtype) || !redux_tensor_is_contiguous(logits) || logits->shape[0] < 1 ||
        logits->shape[1] < 1)
        return rdx_fail(REDUX_E_INVALID, "logits: [N, K], float32 or float64, contiguous");
    if ((labels->dtype != REDUX_INT32 && labels->dtype != REDUX_INT64) ||
        !redux_tensor_is_contiguous(labels) || labels->shape[0] != logits->shape[0])
        return rdx_fail(REDUX_E_INVALID, "labels: [N], int32 or int64, contiguous");
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        const double label = rdx_load(labels->data, i, labels->dtype);
        if (label < 0 || label >= (double)logits->shape[1])
            return rdx_fail(REDUX_E_INVALID, "label %g of row %lld is not one of %lld classes",
                            label, (long long)i, (long long)logits->shape[1]);
    }
    if (weights != NULL) {
        RDX_TRY(rdx_tensor_check(weights, 1, logits->dtype, "class weights"));
        if (weights->shape[0] != logits->shape[1] || !redux_tensor_is_contiguous(weights))
            return rdx_fail(REDUX_E_INVALID, "class weights: [K], contiguous");
    }
    if (d_logits == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_tensor_check(d_logits, 2, logits->dtype, "d_logits"));
    if (d_logits->shape[0] != logits->shape[0] || d_logits->shape[1] != logits->shape[1] ||
        !redux_tensor_is_contiguous(d_logits))
        return rdx_fail(REDUX_E_INVALID, "d_logits has another shape, or is not contiguous");
    return REDUX_OK;
}

static double weight_of(const redux_tensor *weights, int64_t label)
{
    return weights == NULL ? 1 : rdx_load(weights->data, label, weights->dtype);
}

static void store(const redux_tensor *t, int64_t i, double value)
{
    if (t->dtype == REDUX_FLOAT32)
        ((float *)t->data)[i] = (float)value;
    else
        ((double *)t->data)[i] = value;
}

/* The loss of a row; its derivative times `share`. */
static double row_loss(const redux_tensor *d_logits, const redux_tensor *logits, int64_t row,
                       int64_t label, double share)
{
    const int64_t classes = logits->shape[1], first = row * classes;
    const double first_logit = rdx_load(logits->data, first, logits->dtype);
    double most = first_logit;
    for (int64_t k = 1; k < classes; k++)
        most = fmax(most, rdx_load(logits->data, first + k, logits->dtype));
    double sum = exp(first_logit - most);
    for (int64_t k = 1; k < classes; k++)
        sum += exp(rdx_load(logits->data, first + k, logits->dtype) - most);
    const double log_sum = most + log(sum);
    if (d_logits != NULL)
        for (int64_t k = 0; k < classes; k++)
            store(d_logits, first + k,
                  share * (exp(rdx_load(logits->data, first + k, logits->dtype) - log_sum) -
                           (k == label ? 1 : 0)));
    return log_sum - rdx_load(logits->data, first + label, logits->dtype);
}

redux_status redux_cross_entropy(double *loss, const redux_tensor *d_logits, redux_context *context,
                                 const redux_tensor *logits, const redux_tensor *labels,
                                 const redux_tensor *class_weights)
{
    double total = 0, sum = 0;
    (void)context;
    if (loss == NULL || logits == NULL || labels == NULL)
        return rdx_fail(REDUX_E_INVALID, "cross-entropy: an argument is missing");
    RDX_TRY(check(logits, labels, class_weights, d_logits));
    for (int64_t i = 0; i < labels->shape[0]; i++)
        total += weight_of(class_weights, (int64_t)rdx_load(labels->data, i, labels->dtype));
    if (!(total > 0))
        return rdx_fail(REDUX_E_INVALID, "class weights add up to %g", total);
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        const int64_t label = (int64_t)rdx_load(labels->data, i, labels->dtype);
        const double share = weight_of(class_weights, label) / total;
        sum += share * row_loss(d_logits, logits, i, label, share);
    }
    *loss = sum;
    return REDUX_OK;
}
