/* SPDX-License-Identifier: MIT
 * Running the heads of a network: linear layers with batch norm and ReLU, on the features or on
 * another head. The classifier is a head of one layer. */
#include "nn.h"

rdx_head *rdx_head_of(redux_network *net, redux_network_output output)
{
    return &net->heads[(int)output - RDX_FIRST_HEAD];
}

/* ---- where things lie ---- */

static redux_status plan_layer(rdx_layer *l, rdx_plan *plan, int threads, int64_t *workspace)
{
    const int64_t in[] = {plan->rows, 1, 1, l->in}, weight[] = {l->out, 1, 1, l->in};
    RDX_TRY(rdx_conv_plan_make(&l->product, REDUX_FLOAT32, in, weight, 1, 0, REDUX_PRODUCTS_FLOAT32,
                               threads));
    l->plan = rdx_norm_plan_make(REDUX_FLOAT32, plan->rows, l->out);
    const uint64_t norm = l->norm < 0 ? 0 : rdx_norm_workspace(&l->plan);
    const uint64_t bytes = RDX_MAX(rdx_conv_workspace(&l->product, plan->training), norm);
    *workspace = RDX_MAX(*workspace, (int64_t)(bytes / sizeof(float)) + 16);
    l->y = rdx_plan_take(plan, plan->rows * l->out);
    if (l->norm >= 0 && plan->training)
        l->x = rdx_plan_take(plan, plan->rows * l->out);
    if (l->norm >= 0)
        l->statistics = rdx_plan_take(plan, 2 * l->out);
    return REDUX_OK;
}

redux_status rdx_heads_plan(redux_network *net, rdx_plan *plan, int threads, int64_t *workspace)
{
    int64_t widest = 0;
    for (int h = 0; h < RDX_HEADS; h++)
        for (int32_t i = 0; i < net->heads[h].count; i++) {
            rdx_layer *l = &net->heads[h].layers[i];
            RDX_TRY(plan_layer(l, plan, threads, workspace));
            widest = RDX_MAX(widest, RDX_MAX(l->in, l->out));
        }
    for (int i = 0; i < 3 && plan->training; i++)
        plan->head_buffers[i] = rdx_plan_take(plan, plan->rows * widest);
    return REDUX_OK;
}

/* ---- forward ---- */

static redux_status layer_forward(const rdx_network_pass *p, const rdx_layer *l, float *out,
                                  const float *in)
{
    const bool keeps = l->norm >= 0 && p->plan->training;
    float *x = keeps ? rdx_at(p, l->x) : out;
    RDX_TRY(rdx_conv_forward(p->context, &l->product, x, in, rdx_value(p->net, l->weight),
                             l->bias < 0 ? NULL : rdx_value(p->net, l->bias),
                             rdx_at(p, p->plan->workspace)));
    if (l->norm >= 0) {
        rdx_norm norm = rdx_norm_of(p, &l->plan, l->norm);
        norm.in = x;
        norm.out = out;
        norm.relu = l->relu;
        return rdx_norm_run(p, &norm, l->norm, l->statistics, p->head_mode);
    }
    for (int64_t i = 0; i < p->plan->rows * l->out && l->relu; i++)
        out[i] = out[i] < 0 ? 0 : out[i];
    return REDUX_OK;
}

static float *last_of(const rdx_network_pass *p, const rdx_head *head)
{
    return rdx_at(p, head->layers[head->count - 1].y);
}

static redux_status head_forward(const rdx_network_pass *p, const rdx_head *head, float *out,
                                 const float *in)
{
    for (int32_t i = 0; i < head->count; i++) {
        const rdx_layer *l = &head->layers[i];
        float *y = i == head->count - 1 ? out : rdx_at(p, l->y);
        RDX_TRY(layer_forward(p, l, y, in));
        in = y;
    }
    return REDUX_OK;
}

redux_status rdx_heads_forward(const rdx_network_pass *p, float *out, redux_network_output output)
{
    const rdx_head *projection = rdx_head_of(p->net, REDUX_OUTPUT_PROJECTION);
    const float *in = rdx_at(p, p->plan->features);
    if (output == REDUX_OUTPUT_PREDICTION) {
        RDX_TRY(head_forward(p, projection, last_of(p, projection), in));
        in = last_of(p, projection);
    }
    return head_forward(p, rdx_head_of(p->net, output), out, in);
}

/* ---- backward ---- */

/* Turns the gradient with respect to a layer's output, d, into the one with respect to its
 * product's output: in `own`, which may be `d`, or in `d` itself if nothing follows the product. */
static redux_status undo_norm(const rdx_network_pass *p, const rdx_layer *l, float *own,
                              const float **d)
{
    const float *y = rdx_at(p, l->y);
    if (l->norm >= 0) {
        rdx_norm norm = rdx_norm_of(p, &l->plan, l->norm);
        norm.in = rdx_at(p, l->x);
        norm.activated = y;
        norm.relu = l->relu;
        norm.mean = rdx_at(p, l->statistics);
        norm.inverse = rdx_at(p, l->statistics + l->out);
        norm.d_out = *d;
        norm.d_in = own;
        norm.d_weight = rdx_gradient(p->net, l->norm);
        norm.d_bias = rdx_gradient(p->net, l->norm + 1);
        *d = own;
        return rdx_norm_backward(p->context, &norm);
    }
    if (!l->relu)
        return REDUX_OK;
    for (int64_t i = 0; i < p->plan->rows * l->out; i++)
        own[i] = y[i] > 0 ? (*d)[i] : 0;
    *d = own;
    return REDUX_OK;
}

static redux_status head_backward(const rdx_network_pass *p, const rdx_head *head, float *d_in,
                                  const float *d_out, const float *in)
{
    const float *d = d_out;
    for (int32_t i = head->count - 1; i >= 0; i--) {
        const rdx_layer *l = &head->layers[i];
        float *to = i == 0 ? d_in : rdx_at(p, p->plan->head_buffers[(i + 1) % 2]);
        RDX_TRY(undo_norm(p, l, rdx_at(p, p->plan->head_buffers[i % 2]), &d));
        RDX_TRY(rdx_conv_backward(p->context, &l->product, to, false,
                                  rdx_gradient(p->net, l->weight),
                                  l->bias < 0 ? NULL : rdx_gradient(p->net, l->bias), d,
                                  i == 0 ? in : rdx_at(p, head->layers[i - 1].y),
                                  rdx_value(p->net, l->weight), rdx_at(p, p->plan->workspace)));
        RDX_TRY(rdx_network_settle(p, l->weight));
        d = to;
    }
    return REDUX_OK;
}

redux_status rdx_heads_backward(const rdx_network_pass *p, float *d_features, const float *d_out,
                                redux_network_output output)
{
    const rdx_head *head = rdx_head_of(p->net, output);
    if (output == REDUX_OUTPUT_PREDICTION) {
        const rdx_head *projection = rdx_head_of(p->net, REDUX_OUTPUT_PROJECTION);
        float *d_projected = rdx_at(p, p->plan->head_buffers[2]);
        RDX_TRY(head_backward(p, head, d_projected, d_out, last_of(p, projection)));
        head = projection;
        d_out = d_projected;
    }
    return head_backward(p, head, d_features, d_out, rdx_at(p, p->plan->features));
}
