/* SPDX-License-Identifier: MIT
 * The public layers: they check tensors and call the functions for plain memory. */
#include <redux/layers.h>
#include "batch_norm.h"
#include "conv2d.h"
#include "pooling.h"

/* ---- checks ---- */

static bool is_real(redux_dtype dtype)
{
    return dtype == REDUX_FLOAT32 || dtype == REDUX_FLOAT64;
}

/* A C-contiguous tensor of a shape; NULL is accepted if it is optional. */
static redux_status check(const redux_tensor *t, redux_dtype dtype, int32_t ndim,
                          const int64_t *shape, const char *name)
{
    if (t == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s is missing", name);
    RDX_TRY(rdx_tensor_check(t, ndim, dtype, name));
    for (int32_t i = 0; shape != NULL && i < ndim; i++)
        if (t->shape[i] != shape[i])
            return rdx_fail(REDUX_E_INVALID, "%s: axis %d has %lld entries, not %lld", name, (int)i,
                            (long long)t->shape[i], (long long)shape[i]);
    if (!redux_tensor_is_contiguous(t))
        return rdx_fail(REDUX_E_INVALID, "%s is not C-contiguous", name);
    return REDUX_OK;
}

static redux_status check_optional(const redux_tensor *t, redux_dtype dtype, int32_t ndim,
                                   const int64_t *shape, const char *name)
{
    return t == NULL ? REDUX_OK : check(t, dtype, ndim, shape, name);
}

static redux_status check_real(const redux_tensor *t, int32_t ndim, const char *name)
{
    RDX_TRY(check(t, 0, ndim, NULL, name));
    if (!is_real(t->dtype))
        return rdx_fail(REDUX_E_INVALID, "%s is %s, not float32 or float64", name,
                        redux_dtype_name(t->dtype));
    if (redux_tensor_elements(t) < 1)
        return rdx_fail(REDUX_E_INVALID, "%s is empty", name);
    return REDUX_OK;
}

/* Checks that it matches `like`. */
static redux_status check_like(const redux_tensor *t, const redux_tensor *like, const char *name)
{
    return check(t, like->dtype, like->ndim, like->shape, name);
}

static void *data_of(const redux_tensor *t)
{
    return t == NULL ? NULL : t->data;
}

/* ---- convolution ---- */

/* [O, I, KH, KW] that is stored as [O, KH, KW, I]. */
static redux_status check_weight(const redux_tensor *w, redux_dtype dtype, int64_t channels,
                                 const char *name)
{
    if (w == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s is missing", name);
    RDX_TRY(rdx_tensor_check(w, 4, dtype, name));
    const int64_t *n = w->shape;
    const int64_t strides[] = {n[1] * n[2] * n[3], 1, n[3] * n[1], n[1]};
    if (n[1] != channels)
        return rdx_fail(REDUX_E_INVALID, "%s is for %lld channels, not %lld", name, (long long)n[1],
                        (long long)channels);
    for (int i = 0; i < 4; i++)
        if (n[i] > 1 && w->strides[i] != strides[i])
            return rdx_fail(REDUX_E_INVALID, "%s is not stored as [O, KH, KW, I]", name);
    return REDUX_OK;
}

static redux_status plan_conv(rdx_conv_plan *plan, const redux_context *context,
                              const redux_tensor *in, const redux_tensor *weight,
                              const redux_conv2d_options *options)
{
    redux_conv2d_options known = REDUX_CONV2D_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_conv2d_options"));
    RDX_TRY(check_real(in, 4, "in"));
    RDX_TRY(check_weight(weight, in->dtype, in->shape[3], "weight"));
    const int64_t shape[] = {weight->shape[0], weight->shape[2], weight->shape[3],
                             weight->shape[1]};
    return rdx_conv_plan_make(plan, in->dtype, in->shape, shape, known.stride, known.padding,
                              known.products, redux_context_threads(context));
}

uint64_t redux_conv2d_workspace(const redux_context *context, const redux_tensor *in,
                                const redux_tensor *weight, const redux_conv2d_options *options)
{
    rdx_conv_plan plan;
    if (plan_conv(&plan, context, in, weight, options) != REDUX_OK)
        return 0;
    return RDX_MAX(rdx_conv_workspace(&plan, true), 1);
}

static redux_status check_conv_out(const redux_tensor *out, const rdx_conv_plan *plan,
                                   const void *workspace, const char *name)
{
    const int64_t shape[] = {plan->n, plan->oh, plan->ow, plan->o};
    RDX_TRY(check(out, plan->dtype, 4, shape, name));
    return workspace == NULL ? rdx_fail(REDUX_E_INVALID, "no workspace") : REDUX_OK;
}

redux_status redux_conv2d_forward(const redux_tensor *out, redux_context *context,
                                  const redux_tensor *in, const redux_tensor *weight,
                                  const redux_tensor *bias, const redux_conv2d_options *options,
                                  void *workspace)
{
    rdx_conv_plan plan;
    RDX_TRY(plan_conv(&plan, context, in, weight, options));
    RDX_TRY(check_conv_out(out, &plan, workspace, "out"));
    RDX_TRY(check_optional(bias, plan.dtype, 1, &plan.o, "bias"));
    return rdx_conv_forward(context, &plan, out->data, in->data, weight->data, data_of(bias),
                            workspace);
}

redux_status redux_conv2d_backward(const redux_tensor *d_in, const redux_tensor *d_weight,
                                   const redux_tensor *d_bias, redux_context *context,
                                   const redux_tensor *d_out, const redux_tensor *in,
                                   const redux_tensor *weight, const redux_conv2d_options *options,
                                   void *workspace)
{
    rdx_conv_plan plan;
    RDX_TRY(plan_conv(&plan, context, in, weight, options));
    RDX_TRY(check_conv_out(d_out, &plan, workspace, "d_out"));
    RDX_TRY(check_optional(d_in, plan.dtype, 4, in->shape, "d_in"));
    RDX_TRY(check_optional(d_bias, plan.dtype, 1, &plan.o, "d_bias"));
    if (d_weight != NULL) {
        RDX_TRY(check_weight(d_weight, plan.dtype, plan.c, "d_weight"));
        for (int i = 0; i < 4; i++)
            if (d_weight->shape[i] != weight->shape[i])
                return rdx_fail(REDUX_E_INVALID, "d_weight does not have the shape of weight");
    }
    return rdx_conv_backward(context, &plan, data_of(d_in), false, data_of(d_weight),
                             data_of(d_bias), d_out->data, in->data, weight->data, workspace);
}

/* ---- linear: a convolution of images of one pixel ---- */

static redux_status plan_linear(rdx_conv_plan *plan, const redux_context *context,
                                const redux_tensor *in, const redux_tensor *weight)
{
    RDX_TRY(check_real(in, 2, "in"));
    RDX_TRY(check(weight, in->dtype, 2, NULL, "weight"));
    if (weight->shape[1] != in->shape[1])
        return rdx_fail(REDUX_E_INVALID, "weight is for %lld inputs, not %lld",
                        (long long)weight->shape[1], (long long)in->shape[1]);
    const int64_t images[] = {in->shape[0], 1, 1, in->shape[1]};
    const int64_t kernels[] = {weight->shape[0], 1, 1, weight->shape[1]};
    return rdx_conv_plan_make(plan, in->dtype, images, kernels, 1, 0, REDUX_PRODUCTS_FLOAT32,
                              redux_context_threads(context));
}

uint64_t redux_linear_workspace(const redux_context *context, const redux_tensor *in,
                                const redux_tensor *weight)
{
    rdx_conv_plan plan;
    if (plan_linear(&plan, context, in, weight) != REDUX_OK)
        return 0;
    return RDX_MAX(rdx_conv_workspace(&plan, true), 1);
}

static redux_status check_linear_out(const redux_tensor *out, const rdx_conv_plan *plan,
                                     const void *workspace, const char *name)
{
    const int64_t shape[] = {plan->n, plan->o};
    RDX_TRY(check(out, plan->dtype, 2, shape, name));
    return workspace == NULL ? rdx_fail(REDUX_E_INVALID, "no workspace") : REDUX_OK;
}

redux_status redux_linear_forward(const redux_tensor *out, redux_context *context,
                                  const redux_tensor *in, const redux_tensor *weight,
                                  const redux_tensor *bias, void *workspace)
{
    rdx_conv_plan plan;
    RDX_TRY(plan_linear(&plan, context, in, weight));
    RDX_TRY(check_linear_out(out, &plan, workspace, "out"));
    RDX_TRY(check_optional(bias, plan.dtype, 1, &plan.o, "bias"));
    return rdx_conv_forward(context, &plan, out->data, in->data, weight->data, data_of(bias),
                            workspace);
}

redux_status redux_linear_backward(const redux_tensor *d_in, const redux_tensor *d_weight,
                                   const redux_tensor *d_bias, redux_context *context,
                                   const redux_tensor *d_out, const redux_tensor *in,
                                   const redux_tensor *weight, void *workspace)
{
    rdx_conv_plan plan;
    RDX_TRY(plan_linear(&plan, context, in, weight));
    RDX_TRY(check_linear_out(d_out, &plan, workspace, "d_out"));
    RDX_TRY(check_optional(d_in, plan.dtype, 2, in->shape, "d_in"));
    RDX_TRY(check_optional(d_weight, plan.dtype, 2, weight->shape, "d_weight"));
    RDX_TRY(check_optional(d_bias, plan.dtype, 1, &plan.o, "d_bias"));
    return rdx_conv_backward(context, &plan, data_of(d_in), false, data_of(d_weight),
                             data_of(d_bias), d_out->data, in->data, weight->data, workspace);
}

/* ---- batch norm ---- */

static rdx_norm_plan plan_norm(const redux_tensor *in)
{
    const int64_t c = in->shape[in->ndim - 1];
    return rdx_norm_plan_make(in->dtype, redux_tensor_elements(in) / c, c);
}

static redux_status check_norm_in(const redux_tensor *in)
{
    if (in == NULL || in->ndim < 1)
        return rdx_fail(REDUX_E_INVALID, "in has no channels");
    return check_real(in, in->ndim, "in");
}

uint64_t redux_batch_norm_workspace(const redux_tensor *in)
{
    if (check_norm_in(in) != REDUX_OK)
        return 0;
    const rdx_norm_plan plan = plan_norm(in);
    return rdx_norm_workspace(&plan);
}

/* Shared by forward and backward. */
static redux_status open_norm(rdx_norm *norm, redux_batch_norm_options *known,
                              const redux_tensor *in, const redux_batch_norm_state *state,
                              const redux_batch_norm_options *options, void *workspace)
{
    RDX_TRY(rdx_read_options(known, sizeof *known, options, "redux_batch_norm_options"));
    RDX_TRY(check_norm_in(in));
    if (state == NULL || workspace == NULL)
        return rdx_fail(REDUX_E_INVALID, "batch norm without state or workspace");
    if (!(known->epsilon >= 0) || !(known->momentum >= 0) || !(known->momentum <= 1))
        return rdx_fail(REDUX_E_INVALID, "epsilon %g, momentum %g", known->epsilon,
                        known->momentum);
    const rdx_norm_plan plan = plan_norm(in);
    RDX_TRY(check(state->weight, in->dtype, 1, &plan.c, "weight"));
    if (known->training) {
        RDX_TRY(check(state->mean, in->dtype, 1, &plan.c, "mean"));
        RDX_TRY(check(state->inverse, in->dtype, 1, &plan.c, "inverse"));
    }
    *norm = (rdx_norm){.plan = plan,
                       .in = in->data,
                       .weight = state->weight->data,
                       .bias = data_of(state->bias),
                       .relu = known->relu != 0,
                       .evaluate = !known->training,
                       .mean = data_of(state->mean),
                       .inverse = data_of(state->inverse),
                       .running_mean = data_of(state->running_mean),
                       .running_variance = data_of(state->running_variance),
                       .epsilon = known->epsilon,
                       .momentum = known->momentum,
                       .workspace = workspace};
    return REDUX_OK;
}

redux_status redux_batch_norm_forward(const redux_tensor *out, redux_context *context,
                                      const redux_tensor *in, const redux_tensor *residual,
                                      const redux_batch_norm_state *state,
                                      const redux_batch_norm_options *options, void *workspace)
{
    redux_batch_norm_options known = REDUX_BATCH_NORM_OPTIONS_INIT;
    rdx_norm norm;
    RDX_TRY(open_norm(&norm, &known, in, state, options, workspace));
    RDX_TRY(check_like(out, in, "out"));
    RDX_TRY(check_optional(residual, in->dtype, in->ndim, in->shape, "residual"));
    RDX_TRY(check(state->bias, in->dtype, 1, &norm.plan.c, "bias"));
    if (!known.training || state->running_mean != NULL || state->running_variance != NULL) {
        RDX_TRY(check(state->running_mean, in->dtype, 1, &norm.plan.c, "running_mean"));
        RDX_TRY(check(state->running_variance, in->dtype, 1, &norm.plan.c, "running_variance"));
    }
    norm.out = out->data;
    norm.residual = data_of(residual);
    return rdx_norm_forward(context, &norm);
}

redux_status redux_batch_norm_backward(const redux_tensor *d_in, const redux_tensor *d_residual,
                                       const redux_tensor *d_weight, const redux_tensor *d_bias,
                                       redux_context *context, const redux_tensor *d_out,
                                       const redux_tensor *in, const redux_tensor *out,
                                       const redux_batch_norm_state *state,
                                       const redux_batch_norm_options *options, void *workspace)
{
    redux_batch_norm_options known = REDUX_BATCH_NORM_OPTIONS_INIT;
    rdx_norm norm;
    RDX_TRY(open_norm(&norm, &known, in, state, options, workspace));
    if (!known.training)
        return rdx_fail(REDUX_E_INVALID, "batch norm has a backward pass in training mode only");
    RDX_TRY(check_like(d_in, in, "d_in"));
    RDX_TRY(check_like(d_out, in, "d_out"));
    RDX_TRY(check_optional(d_residual, in->dtype, in->ndim, in->shape, "d_residual"));
    RDX_TRY(check(d_weight, in->dtype, 1, &norm.plan.c, "d_weight"));
    RDX_TRY(check(d_bias, in->dtype, 1, &norm.plan.c, "d_bias"));
    if (known.relu)
        RDX_TRY(check_like(out, in, "out"));
    norm.activated = data_of(out);
    norm.d_out = d_out->data;
    norm.d_in = d_in->data;
    norm.d_residual = data_of(d_residual);
    norm.d_weight = d_weight->data;
    norm.d_bias = d_bias->data;
    return rdx_norm_backward(context, &norm);
}

/* ---- element by element ---- */

static redux_status check_three(const redux_tensor *out, const redux_tensor *a,
                                const redux_tensor *b)
{
    if (a == NULL)
        return rdx_fail(REDUX_E_INVALID, "an input is missing");
    RDX_TRY(check_real(a, a->ndim, "input"));
    RDX_TRY(check_like(b, a, "second input"));
    return check_like(out, a, "output");
}

redux_status redux_relu_forward(const redux_tensor *out, redux_context *context,
                                const redux_tensor *in)
{
    (void)context;
    RDX_TRY(check_three(out, in, in));
    const int64_t count = redux_tensor_elements(in);
    for (int64_t i = 0; i < count; i++)
        if (in->dtype == REDUX_FLOAT32)
            ((float *)out->data)[i] =
                ((const float *)in->data)[i] < 0 ? 0 : ((const float *)in->data)[i];
        else
            ((double *)out->data)[i] =
                ((const double *)in->data)[i] < 0 ? 0 : ((const double *)in->data)[i];
    return REDUX_OK;
}

redux_status redux_relu_backward(const redux_tensor *d_in, redux_context *context,
                                 const redux_tensor *d_out, const redux_tensor *out)
{
    (void)context;
    RDX_TRY(check_three(d_in, d_out, out));
    const int64_t count = redux_tensor_elements(out);
    for (int64_t i = 0; i < count; i++)
        if (out->dtype == REDUX_FLOAT32)
            ((float *)d_in->data)[i] =
                ((const float *)out->data)[i] > 0 ? ((const float *)d_out->data)[i] : 0;
        else
            ((double *)d_in->data)[i] =
                ((const double *)out->data)[i] > 0 ? ((const double *)d_out->data)[i] : 0;
    return REDUX_OK;
}

redux_status redux_add(const redux_tensor *out, redux_context *context, const redux_tensor *a,
                       const redux_tensor *b)
{
    (void)context;
    RDX_TRY(check_three(out, a, b));
    const int64_t count = redux_tensor_elements(a);
    for (int64_t i = 0; i < count; i++)
        if (a->dtype == REDUX_FLOAT32)
            ((float *)out->data)[i] = ((const float *)a->data)[i] + ((const float *)b->data)[i];
        else
            ((double *)out->data)[i] = ((const double *)a->data)[i] + ((const double *)b->data)[i];
    return REDUX_OK;
}

/* ---- pooling ---- */

/* `shape`: of the images that are pooled. */
static redux_status plan_pool(rdx_pooling *plan, redux_dtype dtype, const int64_t shape[4],
                              const redux_pool_options *options, bool average)
{
    redux_pool_options known = REDUX_POOL_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_pool_options"));
    return rdx_pooling_make(plan, dtype, average, shape, known.kernel_height, known.kernel_width,
                            known.stride, known.padding);
}

static redux_status check_pooled(const redux_tensor *pooled, const rdx_pooling *plan,
                                 const char *name)
{
    const int64_t shape[] = {plan->n, plan->oh, plan->ow, plan->c};
    return check(pooled, plan->dtype, 4, shape, name);
}

static redux_status pool_forward(const redux_tensor *out, redux_context *context,
                                 const redux_tensor *in, const redux_pool_options *options,
                                 bool average)
{
    rdx_pooling plan;
    RDX_TRY(check_real(in, 4, "in"));
    RDX_TRY(plan_pool(&plan, in->dtype, in->shape, options, average));
    RDX_TRY(check_pooled(out, &plan, "out"));
    return rdx_pooling_forward(context, &plan, out->data, in->data);
}

redux_status redux_max_pool_forward(const redux_tensor *out, redux_context *context,
                                    const redux_tensor *in, const redux_pool_options *options)
{
    return pool_forward(out, context, in, options, false);
}

redux_status redux_average_pool_forward(const redux_tensor *out, redux_context *context,
                                        const redux_tensor *in, const redux_pool_options *options)
{
    return pool_forward(out, context, in, options, true);
}

redux_status redux_max_pool_backward(const redux_tensor *d_in, redux_context *context,
                                     const redux_tensor *d_out, const redux_tensor *in,
                                     const redux_tensor *out, const redux_pool_options *options)
{
    rdx_pooling plan;
    RDX_TRY(check_real(in, 4, "in"));
    RDX_TRY(plan_pool(&plan, in->dtype, in->shape, options, false));
    RDX_TRY(check_pooled(d_out, &plan, "d_out"));
    RDX_TRY(check_pooled(out, &plan, "out"));
    RDX_TRY(check_like(d_in, in, "d_in"));
    return rdx_pooling_backward(context, &plan, d_in->data, d_out->data, in->data, out->data);
}

redux_status redux_average_pool_backward(const redux_tensor *d_in, redux_context *context,
                                         const redux_tensor *d_out,
                                         const redux_pool_options *options)
{
    rdx_pooling plan;
    RDX_TRY(check_real(d_in, 4, "d_in"));
    RDX_TRY(plan_pool(&plan, d_in->dtype, d_in->shape, options, true));
    RDX_TRY(check_pooled(d_out, &plan, "d_out"));
    return rdx_pooling_backward(context, &plan, d_in->data, d_out->data, NULL, NULL);
}
