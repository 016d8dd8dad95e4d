/* SPDX-License-Identifier: MIT
 * Running a network: memory layout, forward, backward.
 *
 * One arena. Training keeps the output of every convolution and every norm, since backward needs
 * both; gradients rotate through four buffers as large as the largest layer of the blocks, and one
 * for the stem. Without a backward the four buffers are enough, for a block's input, its two inner
 * layers and the shortcut; norms work in place. The layout follows from the shapes of the images,
 * which may be smaller than planned.
 *
 * Groups of images of several sizes pass the encoder one after the other, each with room of its
 * own if a backward follows, and the heads together. Where a unit's tensors lie is kept for one
 * group only and worked out again for the next. */
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
    u->statistics = rdx_plan_take(plan, 2 * u->out);
    if (plan->training) {
        u->x = rdx_plan_take(plan, u->conv.rows * u->out);
        u->y = rdx_plan_take(plan, u->conv.rows * u->out);
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
    const int64_t stem = floats_of(shape);
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
    largest = (largest + 15) / 16 * 16; /* as rdx_plan_take rounds */
    for (int i = 0; i < 4; i++)
        plan->buffers[i] = plan->scratch + i * largest;
    plan->stem_gradient = plan->scratch + 4 * largest;
    plan->scratch_floats = RDX_MAX(plan->scratch_floats, 4 * largest + stem);
    return rdx_pooling_make(&plan->mean_pool, REDUX_FLOAT32, true, shape, shape[1], shape[2], 1, 0);
}

/* Lays out the encoder for one group; raises the workspace to its need. */
static redux_status plan_group(redux_network *net, rdx_plan *plan, int32_t group, int threads,
                               int64_t *workspace)
{
    const int64_t *of = plan->groups.shapes[group];
    int64_t shape[] = {of[0], of[1], of[2], net->options.channels};
    plan->floats = (uint64_t)plan->starts[group];
    plan->n = of[0];
    plan->first = 0;
    for (int32_t i = 0; i < group; i++)
        plan->first += plan->groups.shapes[i][0];
    return plan_encoder(net, plan, shape, threads, workspace);
}

/* Goes to another group of a plan whose room is known. */
static redux_status use_group(redux_network *net, rdx_plan *plan, int32_t group, int threads)
{
    int64_t known = 0;
    const uint64_t floats = plan->floats;
    const redux_status status = plan_group(net, plan, group, threads, &known);
    plan->floats = floats;
    return status;
}

/* Lays everything out. Allocates nothing. */
static redux_status lay_out(redux_network *net, redux_context *context, rdx_plan *plan,
                            const rdx_groups *groups, bool training)
{
    const int threads = redux_context_threads(context);
    int64_t workspace = 0;
    uint64_t most = 0;
    *plan = (rdx_plan){.groups = *groups, .training = training};
    for (int32_t i = 0; i < groups->count; i++)
        plan->rows += groups->shapes[i][0];
    plan->features = rdx_plan_take(plan, plan->rows * net->features);
    plan->d_features = rdx_plan_take(plan, plan->rows * net->features);
    RDX_TRY(rdx_heads_plan(net, plan, threads, &workspace));
    const int64_t start = (int64_t)plan->floats;
    for (int32_t i = 0; i < groups->count; i++) {
        plan->starts[i] = training ? (int64_t)plan->floats : start;
        RDX_TRY(plan_group(net, plan, i, threads, &workspace));
        most = RDX_MAX(most, plan->floats);
    }
    plan->floats = most;
    plan->scratch = rdx_plan_take(plan, plan->scratch_floats);
    plan->workspace = rdx_plan_take(plan, workspace);
    return use_group(net, plan, groups->count - 1, threads); /* now that it has its scratch */
}

static redux_status read_groups(rdx_groups *groups, const int64_t *shapes, int32_t count)
{
    if (shapes == NULL || count < 1 || count > REDUX_NETWORK_GROUPS)
        return rdx_fail(REDUX_E_INVALID, "a plan for %d groups of images: 1 to %d", (int)count,
                        REDUX_NETWORK_GROUPS);
    groups->count = count;
    for (int32_t i = 0; i < count; i++) {
        const int64_t n = shapes[3 * i], h = shapes[3 * i + 1], w = shapes[3 * i + 2];
        if (n < 1 || h < 1 || w < 1 || n > 1 << 24 || h > 1 << 14 || w > 1 << 14)
            return rdx_fail(REDUX_E_INVALID, "a plan for %lld images of %lld x %lld", (long long)n,
                            (long long)h, (long long)w);
        memcpy(groups->shapes[i], shapes + (ptrdiff_t)3 * i, sizeof groups->shapes[i]);
    }
    return REDUX_OK;
}

redux_status redux_network_plan_groups(redux_network *net, redux_context *context,
                                       const int64_t *shapes, int32_t count, int training)
{
    rdx_groups groups;
    rdx_plan plan;
    void *block;
    if (net == NULL)
        return rdx_fail(REDUX_E_INVALID, "a plan without a network");
    RDX_TRY(read_groups(&groups, shapes, count));
    net->can_go_back = false; /* a new layout moves the units' tensors */
    RDX_TRY(lay_out(net, context, &plan, &groups, training != 0));
    if (plan.floats > net->arena_floats) {
        RDX_TRY(rdx_alloc(context, &block, plan.floats, sizeof(float)));
        rdx_free(net->arena);
        net->arena = block;
        net->arena_floats = plan.floats;
    }
    for (int32_t i = 0; i < count; i++)
        for (int k = 0; k < 3; k++)
            net->planned[k] = RDX_MAX(net->planned[k], groups.shapes[i][k]);
    net->planned_training = net->planned_training || training != 0;
    return REDUX_OK;
}

redux_status redux_network_plan(redux_network *net, redux_context *context, int64_t batch,
                                int64_t height, int64_t width, int training)
{
    const int64_t shape[] = {batch, height, width};
    return redux_network_plan_groups(net, context, shape, 1, training);
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

/* The next entry of the record: the norm, by its first parameter, then what the batch has. */
static void write_down(redux_network *net, rdx_norm *norm, int64_t parameter)
{
    *net->record = (double)parameter; /* never 0, which is a convolution's */
    norm->record = net->record + 1;
    net->record += 1 + 2 * norm->plan.c;
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
        else if (p->net->record != NULL)
            write_down(p->net, norm, parameter);
        else
            ++*(int64_t *)p->net->parameters[parameter + 4].value.data;
    }
    return rdx_norm_forward(p->context, norm);
}

int64_t rdx_network_record_size(const redux_network *net)
{
    int64_t size = 0;
    for (int64_t i = 0; i < net->unit_count; i++)
        size += 1 + 2 * net->units[i].out;
    for (int h = 0; h < RDX_HEADS; h++)
        for (int32_t i = 0; i < net->heads[h].count; i++)
            size += net->heads[h].layers[i].norm < 0 ? 0 : 1 + 2 * net->heads[h].layers[i].out;
    return size;
}

void rdx_network_follow(const redux_network *net, const double *record, const double *end)
{
    while (record < end && *record != 0) {
        const redux_parameter *norm = &net->parameters[(int64_t)*record];
        const int64_t c = norm->value.shape[0];
        rdx_norm_follow(norm[2].value.data, norm[3].value.data, record + 1, c, MOMENTUM);
        ++*(int64_t *)norm[4].value.data;
        record += 1 + 2 * c;
    }
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

static redux_status check_images(const redux_network *net, const redux_tensor *images)
{
    RDX_TRY(rdx_tensor_check(images, 4, REDUX_FLOAT32, "images"));
    if (images->shape[3] != net->options.channels || !redux_tensor_is_contiguous(images) ||
        redux_tensor_elements(images) < 1 || images->shape[0] > net->planned[0] ||
        images->shape[1] > net->planned[1] || images->shape[2] > net->planned[2])
        return rdx_fail(REDUX_E_INVALID,
                        "images of [%lld, %lld, %lld, %lld] in a plan for [%lld, %lld, %lld, %d]",
                        (long long)images->shape[0], (long long)images->shape[1],
                        (long long)images->shape[2], (long long)images->shape[3],
                        (long long)net->planned[0], (long long)net->planned[1],
                        (long long)net->planned[2], (int)net->options.channels);
    return REDUX_OK;
}

/* Groups, from the images; `out` is to have a row for each. */
static redux_status check_forward(rdx_groups *groups, const redux_tensor *out,
                                  const redux_network *net, const redux_tensor *images,
                                  int32_t count, redux_network_output output)
{
    const int64_t width = redux_network_outputs(net, output);
    int64_t rows = 0;
    groups->count = count;
    for (int32_t i = 0; i < count; i++) {
        RDX_TRY(check_images(net, &images[i]));
        memcpy(groups->shapes[i], images[i].shape, sizeof groups->shapes[i]);
        rows += images[i].shape[0];
    }
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (width < 1)
        return rdx_fail(REDUX_E_INVALID, "the network has no such output (%d)", (int)output);
    if (out->shape[0] != rows || out->shape[1] != width || !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "out is [%lld, %lld], not [%lld, %lld]",
                        (long long)out->shape[0], (long long)out->shape[1], (long long)rows,
                        (long long)width);
    return REDUX_OK;
}

static redux_status lay_out_within(redux_network *net, redux_context *context,
                                   const rdx_groups *groups, bool training)
{
    RDX_TRY(lay_out(net, context, &net->plan, groups, training));
    if (net->plan.floats > net->arena_floats)
        return rdx_fail(REDUX_E_INVALID,
                        "%lld images, the first of %lld x %lld, need more than was planned (a "
                        "smaller batch, no training, or fewer threads)",
                        (long long)net->plan.rows, (long long)groups->shapes[0][1],
                        (long long)groups->shapes[0][2]);
    return REDUX_OK;
}

static redux_status encoder_forward(const rdx_network_pass *p, const redux_tensor *images,
                                    bool trains)
{
    const int threads = redux_context_threads(p->context);
    for (int32_t i = 0; i < p->plan->groups.count; i++) {
        RDX_TRY(use_group(p->net, &p->net->plan, i, threads));
        float *features = rdx_at(p, p->plan->features + p->plan->first * p->net->features);
        RDX_TRY((trains ? train_encoder : evaluate_encoder)(p, images[i].data, features));
    }
    return REDUX_OK;
}

redux_status redux_network_forward_groups(const redux_tensor *out, redux_context *context,
                                          redux_network *net, const redux_tensor *images,
                                          int32_t count, redux_network_output output,
                                          redux_network_mode mode)
{
    rdx_groups groups;
    if (out == NULL || net == NULL || images == NULL || (unsigned)mode > REDUX_MODE_NO_GRADIENT ||
        count < 1 || count > REDUX_NETWORK_GROUPS)
        return rdx_fail(REDUX_E_INVALID, "redux_network_forward: an argument is missing");
    RDX_TRY(check_forward(&groups, out, net, images, count, output));
    const bool training = mode == REDUX_MODE_TRAIN || mode == REDUX_MODE_REPEAT;
    net->can_go_back = false;
    RDX_TRY(lay_out_within(net, context, &groups, training));
    const rdx_network_pass p = {net,  context, &net->plan, net->frozen ? REDUX_MODE_EVALUATE : mode,
                                mode, false};
    RDX_TRY(encoder_forward(&p, images, training && !net->frozen));
    const float *features = rdx_at(&p, net->plan.features);
    if (output == REDUX_OUTPUT_FEATURES)
        memcpy(out->data, features, (size_t)(net->plan.rows * net->features) * sizeof(float));
    else
        RDX_TRY(rdx_heads_forward(&p, out->data, output));
    net->output = output;
    for (int32_t i = 0; i < count; i++)
        net->images[i] = images[i].data;
    net->encoder_trains = training && !net->frozen;
    net->can_go_back = training;
    return REDUX_OK;
}

redux_status redux_network_forward(const redux_tensor *out, redux_context *context,
                                   redux_network *net, const redux_tensor *images,
                                   redux_network_output output, redux_network_mode mode)
{
    return redux_network_forward_groups(out, context, net, images, 1, output, mode);
}

/* ---- backward ---- */

redux_status rdx_network_settle(const rdx_network_pass *p, int64_t parameter)
{
    const redux_network *net = p->net;
    return net->settle == NULL || p->more_groups
               ? REDUX_OK
               : net->settle(rdx_gradient(net, parameter) - net->gradients, net->settle_user);
}

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
    RDX_TRY(rdx_conv_backward(p->context, &u->conv, d_in, accumulate,
                              rdx_gradient(p->net, u->weight), NULL, d_out, in,
                              rdx_value(p->net, u->weight), rdx_at(p, p->plan->workspace)));
    return rdx_network_settle(p, u->weight);
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

/* Of the group that is laid out. */
static redux_status group_backward(const rdx_network_pass *p, const float *images,
                                   const float *d_features)
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
    return conv_backward(p, 0, NULL, false, d_stem, images);
}

static redux_status encoder_backward(const rdx_network_pass *p, const float *d_features)
{
    const int threads = redux_context_threads(p->context);
    rdx_network_pass pass = *p;
    for (int32_t i = 0; i < p->plan->groups.count; i++) {
        pass.more_groups = i + 1 < p->plan->groups.count;
        RDX_TRY(use_group(p->net, &p->net->plan, i, threads));
        RDX_TRY(group_backward(&pass, p->net->images[i],
                               d_features + p->plan->first * p->net->features));
    }
    return REDUX_OK;
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
    if (d_out->shape[0] != net->plan.rows || d_out->shape[1] != width ||
        !redux_tensor_is_contiguous(d_out))
        return rdx_fail(REDUX_E_INVALID, "d_out is [%lld, %lld], not [%lld, %lld]",
                        (long long)d_out->shape[0], (long long)d_out->shape[1],
                        (long long)net->plan.rows, (long long)width);
    const rdx_network_pass p = {net,  context, &net->plan, REDUX_MODE_TRAIN, REDUX_MODE_TRAIN,
                                false};
    const float *d_features = d_out->data;
    if (net->output != REDUX_OUTPUT_FEATURES) {
        float *room = rdx_at(&p, net->plan.d_features);
        RDX_TRY(rdx_heads_backward(&p, room, d_out->data, net->output));
        d_features = room;
    }
    return net->encoder_trains ? encoder_backward(&p, d_features) : REDUX_OK;
}
