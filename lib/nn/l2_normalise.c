/* SPDX-License-Identifier: MIT
 * Rows scaled to length 1. */
#include <math.h>
#include <redux/layers.h>
#include "base/base.h"

#define SHORTEST 1e-12

static redux_status check(const redux_tensor *out, const redux_tensor *in, const char *name)
{
    if (out == NULL || in == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s: an argument is missing", name);
    RDX_TRY(rdx_tensor_check(in, 2, 0, name));
    RDX_TRY(rdx_tensor_check(out, 2, in->dtype, name));
    if ((in->dtype != REDUX_FLOAT32 && in->dtype != REDUX_FLOAT64) ||
        out->shape[0] != in->shape[0] || out->shape[1] != in->shape[1] ||
        !redux_tensor_is_contiguous(in) || !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "%s: rows of one shape, float32 or float64, contiguous",
                        name);
    return REDUX_OK;
}

static void store(const redux_tensor *t, int64_t i, double value)
{
    if (t->dtype == REDUX_FLOAT32)
        ((float *)t->data)[i] = (float)value;
    else
        ((double *)t->data)[i] = value;
}

static double load(const redux_tensor *t, int64_t i)
{
    return t->dtype == REDUX_FLOAT32 ? (double)((const float *)t->data)[i]
                                     : ((const double *)t->data)[i];
}

static double length_of(const redux_tensor *t, int64_t row)
{
    double sum = 0;
    for (int64_t k = row * t->shape[1]; k < (row + 1) * t->shape[1]; k++)
        sum += load(t, k) * load(t, k);
    return sqrt(sum);
}

redux_status redux_l2_normalise_forward(const redux_tensor *out, redux_context *context,
                                        const redux_tensor *in)
{
    (void)context;
    RDX_TRY(check(out, in, "l2 normalise"));
    for (int64_t row = 0; row < in->shape[0]; row++) {
        const double scale = 1 / fmax(length_of(in, row), SHORTEST);
        for (int64_t k = row * in->shape[1]; k < (row + 1) * in->shape[1]; k++)
            store(out, k, load(in, k) * scale);
    }
    return REDUX_OK;
}

/* With y = x / |x|: dx = (dy - y (y . dy)) / |x|. */
redux_status redux_l2_normalise_backward(const redux_tensor *d_in, redux_context *context,
                                         const redux_tensor *d_out, const redux_tensor *in)
{
    (void)context;
    RDX_TRY(check(d_in, in, "l2 normalise, d_in"));
    RDX_TRY(check(d_out, in, "l2 normalise, d_out"));
    for (int64_t row = 0; row < in->shape[0]; row++) {
        const int64_t first = row * in->shape[1], end = first + in->shape[1];
        const double length = length_of(in, row), scale = 1 / fmax(length, SHORTEST);
        double along = 0;
        if (length > SHORTEST) /* below it the divisor does not depend on x */
            for (int64_t k = first; k < end; k++)
                along += load(d_out, k) * load(in, k) * scale;
        for (int64_t k = first; k < end; k++)
            store(d_in, k, (load(d_out, k) - load(in, k) * scale * along) * scale);
    }
    return REDUX_OK;
}
