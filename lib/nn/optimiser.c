/* SPDX-License-Identifier: MIT
 * SGD with momentum, LARS, Adam and AdamW over a list of parameters.
 *
 * Parameters are cut into tiles, fixed when the optimiser is made. One pass adds the squares of
 * gradients (and weights, for LARS) tile by tile, in order; a second one updates. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <redux/optimiser.h>
#include "base/base.h"

#define TILE ((int64_t)1 << 16) /* elements: 256 KiB each of value, gradient and moment */

typedef struct tile {
    int32_t parameter;
    int64_t first, count;
    double gradient_squares, value_squares;
} tile;

/* A parameter, its moments, and the factors of this step. */
typedef struct slot {
    redux_parameter parameter;
    redux_parameter moments[2]; /* first, second; no data where there is none */
    redux_parameter missed;     /* int64: steps without a gradient; no data: it always has one */
    bool absent;                /* in this step */
    float decay;
    float rate;
    float correction; /* Adam: 1 / sqrt(1 - beta2^t) */
} slot;

struct redux_optimiser {
    redux_optimiser_options options;
    slot *slots;
    int64_t count;
    int moments;     /* a parameter */
    int64_t missing; /* parameters whose gradient may be absent */
    tile *tiles;
    int64_t tile_count;
    int64_t steps;
    float clip; /* of this step */
};

static const char *const names[] = {"sgd", "lars", "adam", "adamw"};

redux_status redux_optimiser_parse(redux_optimiser_kind *out, const char *name)
{
    return rdx_parse_name(out, "optimiser", name, names, RDX_COUNT(names));
}

const char *redux_optimiser_name(redux_optimiser_kind kind)
{
    return rdx_name_of((int64_t)kind, names, RDX_COUNT(names));
}

/* ---- making one ---- */

static bool is_share(double x) /* of a moving average */
{
    return x >= 0 && x < 1;
}

static redux_status check_options(const redux_optimiser_options *o)
{
    if ((unsigned)o->kind >= RDX_COUNT(names))
        return rdx_fail(REDUX_E_INVALID, "optimiser %d", (int)o->kind);
    if (!(o->weight_decay >= 0) || !isfinite(o->weight_decay))
        return rdx_fail(REDUX_E_INVALID, "weight decay %g", o->weight_decay);
    if (!is_share(o->momentum) || !is_share(o->beta1) || !is_share(o->beta2))
        return rdx_fail(REDUX_E_INVALID, "momentum %g, betas %g and %g: each in [0, 1)",
                        o->momentum, o->beta1, o->beta2);
    if (!(o->epsilon > 0) || !(o->trust > 0) || !(o->clip_norm >= 0))
        return rdx_fail(REDUX_E_INVALID, "epsilon %g, trust %g, norm to clip at %g", o->epsilon,
                        o->trust, o->clip_norm);
    return REDUX_OK;
}

static bool same_layout(const redux_tensor *a, const redux_tensor *b)
{
    if (a->ndim != b->ndim || a->dtype != b->dtype)
        return false;
    for (int32_t i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i] || a->strides[i] != b->strides[i])
            return false;
    return true;
}

/* Whether the elements fill one range of memory without gaps, in any order of axes. */
static bool is_dense(const redux_tensor *t)
{
    bool taken[REDUX_MAX_DIMS] = {false};
    int64_t stride = 1;
    for (int32_t i = 0; i < t->ndim; i++) {
        int32_t next = -1;
        for (int32_t k = 0; k < t->ndim && next < 0; k++)
            if (!taken[k] && (t->shape[k] == 1 || t->strides[k] == stride))
                next = k;
        if (next < 0)
            return false;
        taken[next] = true;
        stride *= t->shape[next];
    }
    return true;
}

static redux_status read_parameter(redux_parameter *p, const redux_parameter *given)
{
    memset(p, 0, sizeof *p);
    RDX_TRY(rdx_read_options(p, sizeof *p, given, "redux_parameter"));
    if (p->name == NULL)
        return rdx_fail(REDUX_E_INVALID, "a parameter without a name");
    if (p->kind == REDUX_PARAMETER_BUFFER)
        return REDUX_OK;
    if (p->value.dtype != REDUX_FLOAT32 || p->value.data == NULL || p->gradient.data == NULL ||
        !same_layout(&p->value, &p->gradient) || !is_dense(&p->value))
        return rdx_fail(REDUX_E_INVALID,
                        "%s: value and gradient are not dense float32 of one layout", p->name);
    return REDUX_OK;
}

/* "optimiser.NAME.SUFFIX" of `elements` zeros. */
static redux_status new_state(redux_parameter *out, redux_context *context, const char *name,
                              const char *suffix, redux_dtype dtype, int64_t elements)
{
    const size_t length = strlen(name) + 32;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, length, 1));
    snprintf(block, length, "optimiser.%s.%s", name, suffix);
    out->struct_size = sizeof *out;
    out->name = block;
    out->kind = REDUX_PARAMETER_BUFFER;
    return redux_tensor_new(&out->value, context, dtype, 1, &elements);
}

/* A moment as large as the parameter, of the same strides. */
static redux_status new_moment(redux_parameter *out, redux_context *context,
                               const redux_parameter *parameter, const char *suffix)
{
    RDX_TRY(new_state(out, context, parameter->name, suffix, REDUX_FLOAT32,
                      redux_tensor_elements(&parameter->value)));
    out->value.ndim = parameter->value.ndim;
    memcpy(out->value.shape, parameter->value.shape, sizeof out->value.shape);
    memcpy(out->value.strides, parameter->value.strides, sizeof out->value.strides);
    return REDUX_OK;
}

static bool decays(const redux_optimiser *optimiser, const slot *s)
{
    return s->parameter.kind == REDUX_PARAMETER_WEIGHT || optimiser->options.all_parameters != 0;
}

static redux_status add_slots(redux_optimiser *optimiser, redux_context *context,
                              const redux_parameter *const *parameters, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        slot *s = &optimiser->slots[optimiser->count];
        if (parameters[i]->kind == REDUX_PARAMETER_BUFFER)
            continue;
        optimiser->count++;
        RDX_TRY(read_parameter(&s->parameter, parameters[i]));
        s->decay = decays(optimiser, s) ? (float)optimiser->options.weight_decay : 0;
        for (int k = 0; k < optimiser->moments; k++)
            RDX_TRY(new_moment(&s->moments[k], context, parameters[i], k == 0 ? "m" : "v"));
        if (s->parameter.absent == NULL)
            continue;
        optimiser->missing++;
        RDX_TRY(new_state(&s->missed, context, parameters[i]->name, "missed", REDUX_INT64, 1));
    }
    return REDUX_OK;
}

static redux_status add_tiles(redux_optimiser *optimiser, redux_context *context)
{
    void *block;
    int64_t count = 0;
    for (int64_t i = 0; i < optimiser->count; i++)
        count += (redux_tensor_elements(&optimiser->slots[i].parameter.value) + TILE - 1) / TILE;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count, sizeof *optimiser->tiles));
    optimiser->tiles = block;
    for (int64_t i = 0; i < optimiser->count; i++) {
        const int64_t elements = redux_tensor_elements(&optimiser->slots[i].parameter.value);
        for (int64_t first = 0; first < elements; first += TILE)
            optimiser->tiles[optimiser->tile_count++] = (tile){
                .parameter = (int32_t)i, .first = first, .count = RDX_MIN(TILE, elements - first)};
    }
    return REDUX_OK;
}

static redux_status fill(redux_optimiser *optimiser, redux_context *context,
                         const redux_parameter *const *parameters, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count, sizeof *optimiser->slots));
    optimiser->slots = block;
    RDX_TRY(add_slots(optimiser, context, parameters, count));
    return add_tiles(optimiser, context);
}

redux_status redux_optimiser_new(redux_optimiser **out, redux_context *context,
                                 const redux_parameter *const *parameters, int64_t count,
                                 const redux_optimiser_options *options)
{
    redux_optimiser_options known = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_optimiser *optimiser;
    redux_parameter parameter;
    void *block;
    if (out == NULL || parameters == NULL || count < 1 || count > INT32_MAX)
        return rdx_fail(REDUX_E_INVALID, "an optimiser without parameters");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_optimiser_options"));
    RDX_TRY(check_options(&known));
    for (int64_t i = 0; i < count; i++)
        RDX_TRY(read_parameter(&parameter, parameters[i]));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof *optimiser));
    optimiser = block;
    optimiser->options = known;
    optimiser->moments = known.kind >= REDUX_OPTIMISER_ADAM ? 2 : 1;
    const redux_status status = fill(optimiser, context, parameters, count);
    if (status != REDUX_OK)
        redux_optimiser_free(optimiser);
    else
        *out = optimiser;
    return status;
}

redux_status redux_optimiser_of_network(redux_optimiser **out, redux_context *context,
                                        const redux_network *network,
                                        const redux_optimiser_options *options)
{
    const redux_parameter **list;
    void *block;
    if (network == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_optimiser_of_network: network is NULL");
    const int64_t count = redux_network_parameter_count(network);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(void *)));
    list = block;
    for (int64_t i = 0; i < count; i++)
        list[i] = redux_network_parameter(network, i);
    const redux_status status = redux_optimiser_new(out, context, list, count, options);
    rdx_free(list);
    return status;
}

void redux_optimiser_free(redux_optimiser *optimiser)
{
    if (optimiser == NULL)
        return;
    for (int64_t i = 0; i < optimiser->count; i++)
        for (int k = 0; k < 3; k++) {
            slot *s = &optimiser->slots[i];
            redux_parameter *state = k < 2 ? &s->moments[k] : &s->missed;
            rdx_free((void *)(uintptr_t)state->name);
            redux_tensor_release(&state->value);
        }
    rdx_free(optimiser->slots);
    rdx_free(optimiser->tiles);
    rdx_free(optimiser);
}

/* ---- a step ---- */

static double squares(const float *x, int64_t count)
{
    double lanes[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++)
            lanes[k] += (double)x[i + k] * (double)x[i + k];
    for (int k = 0; i < count; i++, k++)
        lanes[k] += (double)x[i] * (double)x[i];
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static redux_status measure(int64_t index, void *user)
{
    const redux_optimiser *optimiser = user;
    tile *t = &optimiser->tiles[index];
    const redux_parameter *p = &optimiser->slots[t->parameter].parameter;
    t->gradient_squares = t->value_squares = 0;
    if (optimiser->slots[t->parameter].absent)
        return REDUX_OK;
    t->gradient_squares = squares((const float *)p->gradient.data + t->first, t->count);
    if (optimiser->options.kind == REDUX_OPTIMISER_LARS)
        t->value_squares = squares((const float *)p->value.data + t->first, t->count);
    return REDUX_OK;
}

static void update_momentum(const redux_optimiser *optimiser, const slot *s, const tile *t)
{
    float *w = (float *)s->parameter.value.data + t->first;
    float *b = (float *)s->moments[0].value.data + t->first;
    const float *g = (const float *)s->parameter.gradient.data + t->first;
    const float momentum = (float)optimiser->options.momentum, decay = s->decay, rate = s->rate;
    const bool scales_first = optimiser->options.kind == REDUX_OPTIMISER_LARS;
    const float local = scales_first ? rate : 1, step = scales_first ? 1 : rate;
    for (int64_t i = 0; i < t->count; i++) {
        b[i] = momentum * b[i] + local * (optimiser->clip * g[i] + decay * w[i]);
        w[i] -= step * b[i];
    }
}

static void update_adam(const redux_optimiser *optimiser, const slot *s, const tile *t)
{
    const redux_optimiser_options *o = &optimiser->options;
    float *w = (float *)s->parameter.value.data + t->first;
    float *m = (float *)s->moments[0].value.data + t->first;
    float *v = (float *)s->moments[1].value.data + t->first;
    const float *g = (const float *)s->parameter.gradient.data + t->first;
    const bool apart = o->kind == REDUX_OPTIMISER_ADAMW;
    const float shrink = apart ? s->decay : 1, added = apart ? 0 : s->decay;
    const float beta1 = (float)o->beta1, rest1 = (float)(1 - o->beta1);
    const float beta2 = (float)o->beta2, rest2 = (float)(1 - o->beta2);
    const float epsilon = (float)o->epsilon, rate = s->rate;
    for (int64_t i = 0; i < t->count; i++) {
        const float d = optimiser->clip * g[i] + added * w[i];
        m[i] = beta1 * m[i] + rest1 * d;
        v[i] = beta2 * v[i] + rest2 * d * d;
        w[i] = shrink * w[i] - rate * m[i] / (sqrtf(v[i]) * s->correction + epsilon);
    }
}

static redux_status update(int64_t index, void *user)
{
    const redux_optimiser *optimiser = user;
    const tile *t = &optimiser->tiles[index];
    const slot *s = &optimiser->slots[t->parameter];
    if (s->absent)
        return REDUX_OK;
    if (optimiser->options.kind >= REDUX_OPTIMISER_ADAM)
        update_adam(optimiser, s, t);
    else
        update_momentum(optimiser, s, t);
    return REDUX_OK;
}

/* How far LARS trusts a gradient: in proportion to the weight that it changes. */
static double trust(const redux_optimiser *optimiser, const slot *s, double value, double gradient)
{
    const double decay = optimiser->options.weight_decay;
    gradient *= (double)optimiser->clip;
    if (!decays(optimiser, s) || value == 0 || gradient == 0)
        return 1;
    return optimiser->options.trust * value / (gradient + decay * value);
}

/* Steps that moved a parameter. */
static double steps_of(const redux_optimiser *optimiser, const slot *s)
{
    const int64_t *missed = s->missed.value.data;
    return (double)(optimiser->steps - (missed == NULL ? 0 : *missed));
}

/* The rate of each parameter, from the squares in its tiles. */
static void set_rates(redux_optimiser *optimiser, double rate)
{
    const redux_optimiser_options *o = &optimiser->options;
    int64_t k = 0;
    for (int64_t i = 0; i < optimiser->count; i++) {
        slot *s = &optimiser->slots[i];
        const double t = steps_of(optimiser, s) + 1;
        double value = 0, gradient = 0;
        for (; k < optimiser->tile_count && optimiser->tiles[k].parameter == i; k++) {
            value += optimiser->tiles[k].value_squares;
            gradient += optimiser->tiles[k].gradient_squares;
        }
        s->rate = (float)rate;
        if (o->kind == REDUX_OPTIMISER_LARS)
            s->rate = (float)(rate * trust(optimiser, s, sqrt(value), sqrt(gradient)));
        if (o->kind >= REDUX_OPTIMISER_ADAM)
            s->rate = (float)(rate / (1 - pow(o->beta1, t)));
        if (o->kind == REDUX_OPTIMISER_ADAMW)
            s->decay = decays(optimiser, s) ? (float)(1 - rate * o->weight_decay) : 1;
        s->correction = (float)(1 / sqrt(1 - pow(o->beta2, t)));
    }
}

/* Which gradients are absent in this step. */
static void look_for_gradients(redux_optimiser *optimiser)
{
    for (int64_t i = 0; i < optimiser->count; i++) {
        slot *s = &optimiser->slots[i];
        s->absent = s->parameter.absent != NULL && *s->parameter.absent != 0;
    }
}

static void count_step(redux_optimiser *optimiser)
{
    optimiser->steps++;
    for (int64_t i = 0; i < optimiser->count; i++)
        if (optimiser->slots[i].absent)
            ++*(int64_t *)optimiser->slots[i].missed.value.data;
}

redux_status redux_optimiser_step(double *gradient_norm, redux_context *context,
                                  redux_optimiser *optimiser, double rate)
{
    double total = 0;
    if (optimiser == NULL || !(rate >= 0) || !isfinite(rate))
        return rdx_fail(REDUX_E_INVALID, "learning rate %g, or no optimiser", rate);
    look_for_gradients(optimiser);
    RDX_TRY(rdx_parallel(context, optimiser->tile_count, measure, optimiser));
    for (int64_t i = 0; i < optimiser->tile_count; i++)
        total += optimiser->tiles[i].gradient_squares;
    total = sqrt(total);
    if (gradient_norm != NULL)
        *gradient_norm = total;
    if (!isfinite(total))
        return REDUX_OK;
    const double most = optimiser->options.clip_norm;
    optimiser->clip = most > 0 && total > most ? (float)(most / (total + 1e-6)) : 1;
    set_rates(optimiser, rate);
    RDX_TRY(rdx_parallel(context, optimiser->tile_count, update, optimiser));
    count_step(optimiser);
    return REDUX_OK;
}

/* ---- its state ---- */

int64_t redux_optimiser_tensor_count(const redux_optimiser *optimiser)
{
    return optimiser == NULL ? 0 : optimiser->count * optimiser->moments + optimiser->missing;
}

/* Moments first, then the counts of missed steps. */
const redux_parameter *redux_optimiser_tensor(const redux_optimiser *optimiser, int64_t index)
{
    if (index < 0 || index >= redux_optimiser_tensor_count(optimiser))
        return NULL;
    int64_t left = index - optimiser->count * optimiser->moments;
    if (left < 0)
        return &optimiser->slots[index / optimiser->moments].moments[index % optimiser->moments];
    for (int64_t i = 0; i < optimiser->count; i++)
        if (optimiser->slots[i].parameter.absent != NULL && left-- == 0)
            return &optimiser->slots[i].missed;
    return NULL;
}

int64_t redux_optimiser_steps(const redux_optimiser *optimiser)
{
    return optimiser == NULL ? 0 : optimiser->steps;
}

void redux_optimiser_set_steps(redux_optimiser *optimiser, int64_t steps)
{
    if (optimiser != NULL && steps >= 0)
        optimiser->steps = steps;
}
