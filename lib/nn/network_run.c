/* SPDX-License-Identifier: MIT
 * Running a network: memory layout, forward, backward.
 *
 * One arena. Training keeps the output of every convolution and every norm, since backward needs
 * both; gradients rotate through four buffers as large as the largest layer of the blocks, and one
 * for the stem. Evaluation needs only the four buffers, for a block's input, its two inner layers
 * and the shortcut; norms work in place. The layout follows from the shape of the images, which
 * may be smaller than planned. */
#include <string.h>
#include "nn.h"

#define MOMENTUM 0.1 /* of running statistics, and epsilon: torchvision's */
#define EPSILON 1e-5

/* ---- where things lie ---- */

int64_t rdx_plan_take(rdx_plan *plan, int64_t floats)
{
    const int64_t offset = (int64_t)plan->floats;
    plan->floats += (uint64_t)(floats + 15) / 16 * 16;
    return offset;
}

static redux_status plan_unit(redux_network *net, rdx_plan *plan, int64_t index, int64_t shape[4],
                              int threads, int64_t *workspace)
{
    rdx_unit *u = &net->units[index];
    const int64_t weight[] = {u->out, u->kernel, u->kernel, u->in};
    RDX_TRY(rdx_conv_plan_make(&u->conv, REDUX_FLOAT32, shape, weight, u->stride, u->padding,
                               net->options.products, threads));
    u->plan = rdx_norm_plan_make(REDUX_FLOAT32, u->conv.rows, u->out);
    shape[1] = u->conv.oh;
    shape[2] = u->conv.ow;
    shape[3] = u->out;
    const uint64_t conv = rdx_conv_workspace(&u->conv, plan->training);
    const uint64_t norm = rdx_norm_workspace(&u->plan);
    *workspace = RDX_MAX(*workspace, (int64_t)(RDX_MAX(conv, norm) / sizeof(float)) + 16);
    if (plan->training) {
        u->x = rdx_plan_take(plan, u->conv.rows * u->out);
        u->y = rdx_plan_take(plan, u->conv.rows * u->out);
        u->statistics = rdx_plan_take(plan, 2 * u->out);
    }
    return REDUX_OK;
}

static int64_t floats_of(const int64_t shape[4])
{
    return shape[0] * shape[1] * shape[2] * shape[3];
}

/* Stem and blocks; shape: of the images on entry, of the last block's output on return. */
static redux_status plan_encoder(redux_network *net, rdx_plan *plan, int64_t shape[4], int threads,
                                 int64_t *workspace)
{
    int64_t largest = 0;
    RDX_TRY(plan_unit(net, plan, 0, shape, threads, workspace));
    plan->stem_gradient = rdx_plan_take(plan, floats_of(shape)); /* evaluating: the stem itself */
    if (net->options.stem == REDUX_STEM_IMAGENET) {
        RDX_TRY(rdx_pooling_make(&plan->stem_pool, REDUX_FLOAT32, false, shape, 3, 3, 2, 1));
        shape[1] = plan->stem_pool.oh;
        shape[2] = plan->stem_pool.ow;
        if (plan->training)
            plan->pooled = rdx_plan_take(plan, floats_of(shape));
    }
    largest = floats_of(shape);
    for (int64_t b = 0; b < net->block_count; b++) {
        const rdx_residual *block = &net->blocks[b];
        int64_t shortcut[4];
        memcpy(shortcut, shape, sizeof shortcut);
        for (int64_t i = 0; i < block->count; i++) {
            RDX_TRY(plan_unit(net, plan, block->first + i, shape, threads, workspace));
            largest = RDX_MAX(largest, floats_of(shape));
        }
        if (block->shortcut >= 0)
            RDX_TRY(plan_unit(net, plan, block->shortcut, shortcut, threads, workspace));
    }
    for (int i = 0; i < 4; i++)
        plan->buffers[i] = rdx_plan_take(plan, largest);
    return rdx_pooling_make(&plan->mean_pool, REDUX_FLOAT32, true, shape, shape[1], shape[2], 1, 0);
}

/* Lays everything out for n images of h x w. Allocates nothing. */
static redux_status lay_out(redux_network *net, redux_context *context, rdx_plan *plan, int64_t n,
                            int64_t h, int64_t w, bool training)
{
    const int threads = redux_context_threads(context);
    int64_t shape[] = {n, h, w, net->options.channels}, workspace = 0;
    *plan = (rdx_plan){.n = n, .h = h, .w = w, .training = training};
    RDX_TRY(plan_encoder(net, plan, shape, threads, &workspace));
    plan->features = rdx_plan_take(plan, n * net->features);
    plan->d_features = rdx_plan_take(plan, n * net->features);
    RDX_TRY(rdx_heads_plan(net, plan, threads, &workspace));
    plan->workspace = rdx_plan_take(plan, workspace);
    return REDUX_OK;
}

redux_status redux_network_plan(redux_network *net, redux_context *context, int64_t batch,
                                int64_t height, int64_t width, int training)
{
    rdx_plan plan;
    void *block;
    if (net == NULL || batch < 1 || height < 1 || width < 1 || batch > 1 << 24 ||
        height > 1 << 14 || width > 1 << 14)
        return rdx_fail(REDUX_E_INVALID, "a plan for %lld images of %lld x %lld", (long long)batch,
                        (long long)height, (long long)width);
    net->can_go_back = false; /* a new layout moves the units' tensors */
    RDX_TRY(lay_out(net, context, &plan, batch, height, width, training != 0));
    if (plan.floats > net->arena_floats) {
        RDX_TRY(rdx_alloc(context, &block, plan.floats, sizeof(float)));
        rdx_free(net->arena);
        net->arena = block;
        net->arena_floats = plan.floats;
    }
    net->planned[0] = RDX_MAX(net->planned[0], batch);
    net->planned[1] = RDX_MAX(net->planned[1], height);
    net->planned[2] = RDX_MAX(net->planned[2], width);
    net->planned_training = net->planned_training || training != 0;
    return REDUX_OK;
}

uint64_t redux_network_planned_bytes(const redux_network *net)
{
    return net->arena_floats * sizeof(float);
}

/* ---- layers on the arena ---- */

rdx_norm rdx_norm_of(const rdx_network_pass *p, const rdx_norm_plan *plan, int64_t parameter)
{
    return (rdx_norm){.plan = *plan,
                      .weight = rdx_value(p->net, parameter),
                      .bias = rdx_value(p->net, parameter + 1),
                      .running_mean = rdx_value(p->net, parameter + 2),
                      .running_variance = rdx_value(p->net, parameter + 3),
                      .epsilon = EPSILON,
                      .momentum = MOMENTUM,
                      .workspace = rdx_at(p, p->plan->workspace)};
}

redux_status rdx_norm_run(const rdx_network_pass *p, rdx_norm *norm, int64_t parameter,
                          int64_t statistics, redux_network_mode mode)
{
    norm->evaluate = mode == REDUX_MODE_EVALUATE;
    if (!norm->evaluate) {
        norm->mean = rdx_at(p, statistics);
        norm->inverse = rdx_at(p, statistics + norm->plan.c);
        if (mode == REDUX_MODE_REPEAT)
            norm->running_mean = norm->running_variance = NULL;
        else
            ++*(int64_t *)p->net->parameters[parameter + 4].value.data;
    }
    return rdx_norm_forward(p->context, norm);
}

/* Convolution, norm, residual, ReLU. In evaluation `x` and `y` may be the same. */
static redux_status unit_forward(const rdx_network_pass *p, int64_t index, const float *in,
                                 float *x, float *y, const float *residual, bool relu)
{
    const rdx_unit *u = &p->net->units[index];
    rdx_norm norm = rdx_norm_of(p, &u->plan, u->norm);
    RDX_TRY(rdx_conv_forward(p->context, &u->conv, x, in, rdx_value(p->net, u->weight), NULL,
                             rdx_at(p, p->plan->workspace)));
    norm.in = x;
    norm.out = y;
    norm.residual = residual;
    norm.relu = relu;
    return rdx_norm_run(p, &norm, u->norm, u->statistics, p->mode);
}

/* ---- forward ---- */

static redux_status train_encoder(const rdx_network_pass *p, const float *images, float *features)
{
    redux_network *net = p->net;
    const rdx_unit *stem = &net->units[0];
    const float *in = rdx_at(p, stem->y);
    RDX_TRY(unit_forward(p, 0, images, rdx_at(p, stem->x), rdx_at(p, stem->y), NULL, true));
    if (net->options.stem == REDUX_STEM_IMAGENET) {
        RDX_TRY(
            rdx_pooling_forward(p->context, &p->plan->stem_pool, rdx_at(p, p->plan->pooled), in));
        in = rdx_at(p, p->plan->pooled);
    }
    for (int64_t b = 0; b < net->block_count; b++) {
        const rdx_residual *block = &net->blocks[b];
        const float *residual = in;
        if (block->shortcut >= 0) {
            const rdx_unit *u = &net->units[block->shortcut];
            RDX_TRY(unit_forward(p, block->shortcut, in, rdx_at(p, u->x), rdx_at(p, u->y), NULL,
                                 false));
            residual = rdx_at(p, u->y);
        }
        for (int64_t i = 0; i < block->count; i++) {
            const rdx_unit *u = &net->units[block->first + i];
            RDX_TRY(unit_forward(p, block->first + i, in, rdx_at(p, u->x), rdx_at(p, u->y),
                                 i == block->count - 1 ? residual : NULL, true));
            in = rdx_at(p, u->y);
        }
    }
    return rdx_pooling_forward(p->context, &p->plan->mean_pool, features, in);
}

static void swap(float **a, float **b)
{
    float *c = *a;
    *a = *b;
    *b = c;
}

static redux_status evaluate_encoder(const rdx_network_pass *p, const float *images,
                                     float *features)
{
    redux_network *net = p->net;
    float *stem = rdx_at(p, p->plan->stem_gradient), *in = stem, *spare[4];
    for (int i = 0; i < 4; i++)
        spare[i] = rdx_at(p, p->plan->buffers[i]);
    RDX_TRY(unit_forward(p, 0, images, stem, stem, NULL, true));
    if (net->options.stem == REDUX_STEM_IMAGENET) {
        RDX_TRY(rdx_pooling_forward(p->context, &p->plan->stem_pool, spare[3], stem));
        in = spare[3];
    }
    for (int64_t b = 0; b < net->block_count; b++) {
        const rdx_residual *block = &net->blocks[b];
        const float *residual = in, *inner = in;
        if (block->shortcut >= 0) {
            RDX_TRY(unit_forward(p, block->shortcut, in, spare[2], spare[2], NULL, false));
            residual = spare[2];
        }
        for (int64_t i = 0; i < block->count; i++) {
            RDX_TRY(unit_forward(p, block->first + i, inner, spare[0], spare[0],
                                 i == block->count - 1 ? residual : NULL, true));
            inner = spare[0];
            swap(&spare[0], &spare[1]);
        }
        swap(&spare[1], &spare[3]); /* the block's output becomes the next input */
        in = spare[3];
    }
    return rdx_pooling_forward(p->context, &p->plan->mean_pool, features, in);
}

static redux_status check_forward(const redux_tensor *out, const redux_network *net,
                                  const redux_tensor *images, redux_network_output output)
{
    const int64_t width = redux_network_outputs(net, output);
    RDX_TRY(rdx_tensor_check(images, 4, REDUX_FLOAT32, "images"));
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (images->shape[3] != net->options.channels || !redux_tensor_is_contiguous(images) ||
        redux_tensor_elements(images) < 1 || images->shape[0] > net->planned[0] ||
        images->shape[1] > net->planned[1] || images->shape[2] > net->planned[2])
        return rdx_fail(REDUX_E_INVALID,
                        "images of [%lld, %lld, %lld, %lld] in a plan for [%lld, %lld, %lld, %d]",
                        (long long)images->shape[0], (long long)images->shape[1],
                        (long long)images->shape[2], (long long)images->shape[3],
                        (long long)net->planned[0], (long long)net->planned[1],
                        (long long)net->planned[2], (int)net->options.channels);
    if (width < 1)
        return rdx_fail(REDUX_E_INVALID, "the network has no such output (%d)", (int)output);
    if (out->shape[0] != images->shape[0] || out->shape[1] != width ||
        !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "out is [%lld, %lld], not [%lld, %lld]",
                        (long long)out->shape[0], (long long)out->shape[1],
                        (long long)images->shape[0], (long long)width);
    return REDUX_OK;
}

redux_status redux_network_forward(const redux_tensor *out, redux_context *context,
                                   redux_network *net, const redux_tensor *images,
                                   redux_network_output output, redux_network_mode mode)
{
    if (out == NULL || net == NULL || images == NULL || (unsigned)mode > REDUX_MODE_REPEAT)
        return rdx_fail(REDUX_E_INVALID, "redux_network_forward: an argument is missing");
    RDX_TRY(check_forward(out, net, images, output));
    const bool training = mode != REDUX_MODE_EVALUATE;
    const bool encoder_trains = training && !net->frozen;
    net->can_go_back = false;
    RDX_TRY(lay_out(net, context, &net->plan, images->shape[0], images->shape[1], images->shape[2],
                    training));
    if (net->plan.floats > net->arena_floats)
        return rdx_fail(REDUX_E_INVALID,
                        "%lld images of %lld x %lld need more than was planned (a smaller batch, "
                        "no training, or fewer threads)",
                        (long long)images->shape[0], (long long)images->shape[1],
                        (long long)images->shape[2]);
    const rdx_network_pass p = {net, context, &net->plan,
                                encoder_trains ? mode : REDUX_MODE_EVALUATE, mode};
    float *features = rdx_at(&p, net->plan.features);
    RDX_TRY((encoder_trains ? train_encoder : evaluate_encoder)(&p, images->data, features));
    if (output == REDUX_OUTPUT_FEATURES)
        memcpy(out->data, features, (size_t)(net->plan.n * net->features) * sizeof(float));
    else
        RDX_TRY(rdx_heads_forward(&p, out->data, output));
    net->output = output;
    net->images = images->data;
    net->encoder_trains = encoder_trains;
    net->can_go_back = training;
    return REDUX_OK;
}

/* ---- backward ---- */

/* Replaces `d`, the gradient with respect to the norm's output, by that with respect to its input.
 * d_residual (or NULL) receives the residual's. */
static redux_status norm_backward(const rdx_network_pass *p, int64_t index, float *d,
                                  float *d_residual, bool relu)
{
    const rdx_unit *u = &p->net->units[index];
    rdx_norm norm = rdx_norm_of(p, &u->plan, u->norm);
    norm.in = rdx_at(p, u->x);
    norm.activated = rdx_at(p, u->y);
    norm.relu = relu;
    norm.mean = rdx_at(p, u->statistics);
    norm.inverse = rdx_at(p, u->statistics + u->out);
    norm.d_out = norm.d_in = d;
    norm.d_residual = d_residual;
    norm.d_weight = rdx_gradient(p->net, u->norm);
    norm.d_bias = rdx_gradient(p->net, u->norm + 1);
    return rdx_norm_backward(p->context, &norm);
}

static redux_status conv_backward(const rdx_network_pass *p, int64_t index, float *d_in,
                                  bool accumulate, const float *d_out, const float *in)
{
    const rdx_unit *u = &p->net->units[index];
    return rdx_conv_backward(p->context, &u->conv, d_in, accumulate,
                             rdx_gradient(p->net, u->weight), NULL, d_out, in,
                             rdx_value(p->net, u->weight), rdx_at(p, p->plan->workspace));
}

/* buffers[0] holds the gradient with respect to the block's output on entry, its input on
 * return. */
static redux_status block_backward(const rdx_network_pass *p, const rdx_residual *block,
                                   const float *in, float *buffers[4])
{
    const rdx_unit *units = &p->net->units[block->first];
    float *d = buffers[0], *other = buffers[2], *d_input = buffers[1];
    RDX_TRY(norm_backward(p, block->first + block->count - 1, d, d_input, true));
    if (block->shortcut >= 0) {
        RDX_TRY(norm_backward(p, block->shortcut, d_input, NULL, false));
        RDX_TRY(conv_backward(p, block->shortcut, buffers[3], false, d_input, in));
        d_input = buffers[3];
        swap(&buffers[1], &buffers[3]);
    }
    for (int64_t i = block->count - 1; i > 0; i--) {
        RDX_TRY(conv_backward(p, block->first + i, other, false, d, rdx_at(p, units[i - 1].y)));
        RDX_TRY(norm_backward(p, block->first + i - 1, other, NULL, true));
        swap(&d, &other);
    }
    RDX_TRY(conv_backward(p, block->first, d_input, true, d, in));
    swap(&buffers[0], &buffers[1]);
    return REDUX_OK;
}

static redux_status encoder_backward(const rdx_network_pass *p, const float *d_features)
{
    const redux_network *net = p->net;
    const bool pools = net->options.stem == REDUX_STEM_IMAGENET;
    const rdx_unit *stem = &net->units[0];
    const float *first = pools ? rdx_at(p, p->plan->pooled) : rdx_at(p, stem->y);
    float *buffers[4], *d_stem = rdx_at(p, p->plan->stem_gradient);
    for (int i = 0; i < 4; i++)
        buffers[i] = rdx_at(p, p->plan->buffers[i]);
    RDX_TRY(
        rdx_pooling_backward(p->context, &p->plan->mean_pool, buffers[0], d_features, NULL, NULL));
    for (int64_t b = net->block_count - 1; b >= 0; b--) {
        const rdx_residual *before = b > 0 ? &net->blocks[b - 1] : NULL;
        const float *in =
            before == NULL ? first : rdx_at(p, net->units[before->first + before->count - 1].y);
        RDX_TRY(block_backward(p, &net->blocks[b], in, buffers));
    }
    if (pools)
        RDX_TRY(rdx_pooling_backward(p->context, &p->plan->stem_pool, d_stem, buffers[0],
                                     rdx_at(p, stem->y), first));
    else
        d_stem = buffers[0];
    RDX_TRY(norm_backward(p, 0, d_stem, NULL, true));
    return conv_backward(p, 0, NULL, false, d_stem, net->images);
}

redux_status redux_network_backward(redux_network *net, redux_context *context,
                                    const redux_tensor *d_out)
{
    if (net == NULL || d_out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_backward: an argument is missing");
    if (!net->can_go_back)
        return rdx_fail(REDUX_E_INVALID, "backward without a forward in training mode");
    const int64_t width = redux_network_outputs(net, net->output);
    RDX_TRY(rdx_tensor_check(d_out, 2, REDUX_FLOAT32, "d_out"));
    if (d_out->shape[0] != net->plan.n || d_out->shape[1] != width ||
        !redux_tensor_is_contiguous(d_out))
        return rdx_fail(REDUX_E_INVALID, "d_out is [%lld, %lld], not [%lld, %lld]",
                        (long long)d_out->shape[0], (long long)d_out->shape[1],
                        (long long)net->plan.n, (long long)width);
    const rdx_network_pass p = {net, context, &net->plan, REDUX_MODE_TRAIN, REDUX_MODE_TRAIN};
    const float *d_features = d_out->data;
    if (net->output != REDUX_OUTPUT_FEATURES) {
        float *room = rdx_at(&p, net->plan.d_features);
        RDX_TRY(rdx_heads_backward(&p, room, d_out->data, net->output));
        d_features = room;
    }
    return net->encoder_trains ? encoder_backward(&p, d_features) : REDUX_OK;
}
