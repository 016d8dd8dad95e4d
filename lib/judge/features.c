/* SPDX-License-Identifier: MIT
 * Features and labels in the form that the probes need. */
#include <math.h>
#include <string.h>
#include "probe.h"

redux_status rdx_features(double **out, redux_context *context, const redux_tensor *features,
                          const char *name)
{
    void *block;
    RDX_TRY(rdx_tensor_check(features, 2, 0, name));
    const int64_t n = features->shape[0], d = features->shape[1];
    if (features->dtype != REDUX_FLOAT32 && features->dtype != REDUX_FLOAT64)
        return rdx_fail(REDUX_E_INVALID, "%s are %s, not float32 or float64", name,
                        redux_dtype_name(features->dtype));
    if (n < 1 || d < 1 || d > 1 << 24)
        return rdx_fail(REDUX_E_INVALID, "%s: a shape of [%lld, %lld] is out of range", name,
                        (long long)n, (long long)d);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)n * (uint64_t)d, sizeof(double)));
    double *values = block;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            const int64_t at = i * features->strides[0] + j * features->strides[1];
            const double x = rdx_load(features->data, at, features->dtype);
            if (!isfinite(x)) {
                rdx_free(block);
                return rdx_fail(REDUX_E_INVALID, "%s: row %lld, column %lld is %g", name,
                                (long long)i, (long long)j, x);
            }
            values[i * d + j] = x;
        }
    *out = values;
    return REDUX_OK;
}

redux_status rdx_class_labels(int32_t **out, redux_context *context, const redux_tensor *labels,
                              int64_t rows, int32_t classes)
{
    void *block;
    RDX_TRY(rdx_tensor_check(labels, 1, REDUX_INT32, "labels"));
    if (labels->shape[0] != rows || classes < 2)
        return rdx_fail(REDUX_E_INVALID, "%lld labels of %d classes for %lld rows",
                        (long long)labels->shape[0], (int)classes, (long long)rows);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)rows, sizeof(int32_t)));
    int32_t *copy = block;
    for (int64_t i = 0; i < rows; i++) {
        copy[i] = ((const int32_t *)labels->data)[i * labels->strides[0]];
        if (copy[i] < 0 || copy[i] >= classes) {
            const int32_t label = copy[i];
            rdx_free(block);
            return rdx_fail(REDUX_E_INVALID, "label %lld is %d, not within 0 ... %d", (long long)i,
                            (int)label, (int)classes - 1);
        }
    }
    *out = copy;
    return REDUX_OK;
}
