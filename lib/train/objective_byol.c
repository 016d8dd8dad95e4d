/* SPDX-License-Identifier: MIT
 * BYOL as an objective: from one view predict what a slowly following network projects the other
 * to. There are no negatives; the prediction head and the target's slowness keep it from collapse.
 *
 * A sample's loss needs no other of its batch, so parts go forward and back one after the other. */
#include <math.h>
#include <redux/layers.h>
#include "momentum.h"

enum { VIEWS = 2 };

typedef struct byol_state {
    rdx_parts parts;
    const redux_byol_options *options;
    int64_t batch, part, width;
    rdx_momentum target;
    redux_tensor targets[VIEWS];                       /* [batch, width], rows of length 1 */
    redux_tensor predicted, unit, d_unit, d_predicted; /* [part, width] */
} byol_state;

static void byol_close(void *state, void *user)
{
    byol_state *s = state;
    (void)user;
    redux_tensor *const tensors[] = {&s->targets[0], &s->targets[1], &s->predicted,
                                     &s->unit,       &s->d_unit,     &s->d_predicted};
    for (int i = 0; i < RDX_COUNT(tensors); i++)
        redux_tensor_release(tensors[i]);
    rdx_momentum_close(&s->target);
    rdx_parts_close(&s->parts);
    rdx_free(s);
}

static redux_status check_heads(const byol_state *s, const redux_network *network)
{
    const int64_t projected = redux_network_outputs(network, REDUX_OUTPUT_PROJECTION);
    if (s->width < 1)
        return rdx_fail(REDUX_E_INVALID, "byol: the network has no prediction head");
    if (s->width != projected)
        return rdx_fail(REDUX_E_INVALID,
                        "byol: the prediction has %lld outputs and the projection %lld: make them "
                        "equal",
                        (long long)s->width, (long long)projected);
    return REDUX_OK;
}

/* A part has the same samples of both views, and so all that it needs. */
static redux_status open_parts(byol_state *s, redux_context *context, const redux_network *network)
{
    const int64_t count = rdx_passes(s->batch, s->part);
    RDX_TRY(rdx_parts_open(&s->parts, context, network, count, 1));
    RDX_TRY(rdx_parts_record(&s->parts, context, NULL, network, VIEWS * count));
    return rdx_parts_record(&s->parts, context, s->target.network, s->target.network,
                            VIEWS * count);
}

static redux_status open_state(byol_state *s, redux_context *context,
                               const redux_objective_setup *setup)
{
    s->batch = setup->batch;
    s->part = setup->part == 0 ? setup->batch : RDX_MIN(setup->part, setup->batch);
    s->width = redux_network_outputs(setup->network, REDUX_OUTPUT_PREDICTION);
    RDX_TRY(check_heads(s, setup->network));
    const int64_t all[] = {s->batch, s->width}, some[] = {s->part, s->width};
    redux_tensor *const of_part[] = {&s->predicted, &s->unit, &s->d_unit, &s->d_predicted};
    for (int v = 0; v < VIEWS; v++)
        RDX_TRY(redux_tensor_new(&s->targets[v], context, REDUX_FLOAT32, 2, all));
    for (int i = 0; i < RDX_COUNT(of_part); i++)
        RDX_TRY(redux_tensor_new(of_part[i], context, REDUX_FLOAT32, 2, some));
    RDX_TRY(rdx_momentum_open(&s->target, context, setup->network, "target", s->part, setup->size));
    return open_parts(s, context, setup->network);
}

static redux_status byol_open(void **state, redux_context *context,
                              const redux_objective_setup *setup, void *user)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(byol_state)));
    byol_state *s = block;
    s->options = user;
    const redux_status status = open_state(s, context, setup);
    if (status != REDUX_OK)
        byol_close(s, user);
    else
        *state = s;
    return status;
}

/* ---- a step ---- */

static redux_status byol_forward(redux_context *context, void *state,
                                 const redux_objective_step *step, int64_t round, int64_t part)
{
    const byol_state *s = state;
    const int64_t first = part * s->part, count = RDX_MIN(s->part, s->batch - first);
    (void)round;
    for (int v = 0; v < VIEWS; v++) {
        const redux_tensor images = rdx_rows_of(&step->views[v], first, count);
        const redux_tensor out = rdx_rows_of(&s->targets[v], first, count);
        RDX_TRY(redux_network_forward(&out, context, s->target.network, &images,
                                      REDUX_OUTPUT_PROJECTION, REDUX_MODE_NO_GRADIENT));
        RDX_TRY(redux_l2_normalise_forward(&out, context, &out));
    }
    return REDUX_OK;
}

/* The sum over the rows of 2 - 2 cosine, over the batch, and its gradient. */
static double distance(const redux_tensor *d_unit, const redux_tensor *unit,
                       const redux_tensor *targets, int64_t batch)
{
    const int64_t count = unit->shape[0] * unit->shape[1];
    const float *u = unit->data, *t = targets->data;
    float *d = d_unit->data;
    double product = 0;
    for (int64_t i = 0; i < count; i++) {
        product += (double)u[i] * (double)t[i];
        d[i] = -2 * t[i] / (float)batch;
    }
    return 2 * ((double)unit->shape[0] - product) / (double)batch;
}

/* Some predictions from one view, of the other's targets. */
static redux_status predict(double *loss, redux_context *context, byol_state *s,
                            const redux_objective_step *step, int view, int64_t part)
{
    const int64_t first = part * s->part, count = RDX_MIN(s->part, s->batch - first);
    const redux_tensor images = rdx_rows_of(&step->views[view], first, count);
    const redux_tensor targets = rdx_rows_of(&s->targets[1 - view], first, count);
    const redux_tensor predicted = rdx_rows_of(&s->predicted, 0, count);
    const redux_tensor d_predicted = rdx_rows_of(&s->d_predicted, 0, count);
    const redux_tensor unit = rdx_rows_of(&s->unit, 0, count);
    const redux_tensor d_unit = rdx_rows_of(&s->d_unit, 0, count);
    RDX_TRY(redux_network_forward(&predicted, context, step->network, &images,
                                  REDUX_OUTPUT_PREDICTION, REDUX_MODE_TRAIN));
    RDX_TRY(redux_l2_normalise_forward(&unit, context, &predicted));
    *loss += distance(&d_unit, &unit, &targets, s->batch);
    RDX_TRY(redux_l2_normalise_backward(&d_predicted, context, &d_unit, &predicted));
    return rdx_parts_backward(&s->parts, context, step->network, &d_predicted, view + 1 == VIEWS);
}

static redux_status byol_backward(double *loss, redux_context *context, void *state,
                                  const redux_objective_step *step, int64_t round, int64_t part,
                                  bool again)
{
    (void)round;
    (void)again;
    for (int v = 0; v < VIEWS; v++)
        RDX_TRY(predict(loss, context, state, step, v, part));
    return REDUX_OK;
}

static redux_status byol_step(double *loss, redux_context *context, void *state,
                              const redux_objective_step *step, void *user)
{
    static const rdx_part_fns fns = {byol_forward, NULL, byol_backward};
    byol_state *s = state;
    (void)user;
    return rdx_parts_step(loss, context, &s->parts, step, &fns, s);
}

static void byol_mark(uint8_t *wanted, int64_t *room, const void *state, int64_t step)
{
    const byol_state *s = state;
    (void)room;
    (void)step;
    for (int v = 0; v < VIEWS; v++)
        rdx_parts_mark(wanted + v * s->batch, &s->parts, s->batch, s->part, s->parts.count);
}

/* With the weights that the optimiser has just updated. */
static redux_status byol_after(redux_context *context, void *state,
                               const redux_objective_step *step, void *user)
{
    const byol_state *s = state;
    const double pi = 3.14159265358979323846;
    const double left = 1 + cos(pi * (double)step->step / (double)step->steps);
    (void)user;
    return rdx_momentum_follow(&s->target, context, step->network,
                               1 - (1 - s->options->momentum) * left / 2);
}

/* ---- its description ---- */

static const redux_parameter *byol_parameter(void *state, int64_t index, void *user)
{
    const byol_state *s = state;
    (void)user;
    return rdx_momentum_parameter(&s->target, index);
}

static redux_status byol_describe(redux_description *description, void *user)
{
    const redux_byol_options *o = user;
    return redux_description_add_number(description, "momentum", o->momentum);
}

redux_status redux_objective_new_byol(redux_objective **out, redux_context *context,
                                      const redux_byol_options *options)
{
    const redux_byol_options defaults = REDUX_BYOL_OPTIONS_INIT;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof defaults));
    redux_byol_options *own = block;
    *own = defaults;
    redux_status status = rdx_read_options(own, sizeof *own, options, "redux_byol_options");
    if (status == REDUX_OK && (!(own->momentum >= 0) || !(own->momentum <= 1)))
        status = rdx_fail(REDUX_E_INVALID, "byol: momentum %g, not within 0 and 1", own->momentum);
    const redux_custom_objective definition = {.struct_size = sizeof definition,
                                               .name = "byol",
                                               .open = byol_open,
                                               .close = byol_close,
                                               .step = byol_step,
                                               .after = byol_after,
                                               .parameter = byol_parameter,
                                               .describe = byol_describe,
                                               .user = own};
    return rdx_objective_new(out, context, &definition, byol_mark, status);
}
