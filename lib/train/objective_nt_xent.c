/* SPDX-License-Identifier: MIT
 * NT-Xent as an objective: pairs of views through the network, and back.
 *
 * A batch larger than a part makes two passes (Gao et al. 2021): the first fills in all
 * embeddings, which give the loss and its derivatives; the second goes part by part with
 * gradients. Batch norm sees the same part in both passes and updates its running statistics in
 * the first only. */
#include <math.h>
#include <string.h>
#include <redux/layers.h>
#include <redux/loss.h>
#include "objective.h"

typedef struct nt_xent_state {
    rdx_parts parts;
    const redux_nt_xent_options *options;
    int64_t batch, rows, part, pairs; /* rows: two views of a batch */
    redux_tensor projected;           /* [pairs * rows, width] */
    redux_tensor d_projected;         /* the same */
    redux_tensor unit, d_unit;        /* [rows, width], normalised, of one pair */
    void *workspace;
} nt_xent_state;

static void nt_xent_close(void *state, void *user)
{
    nt_xent_state *s = state;
    (void)user;
    if (s == NULL)
        return;
    redux_tensor_release(&s->projected);
    redux_tensor_release(&s->unit);
    redux_tensor_release(&s->d_unit);
    redux_tensor_release(&s->d_projected);
    rdx_parts_close(&s->parts);
    rdx_free(s->workspace);
    rdx_free(s);
}

static redux_status allocate(nt_xent_state *s, redux_context *context, int64_t width)
{
    const int64_t shape[] = {s->rows, width}, all[] = {s->pairs * s->rows, width};
    const uint64_t bytes = redux_nt_xent_workspace(s->rows, REDUX_FLOAT32);
    if (bytes == 0)
        return rdx_fail(REDUX_E_INVALID, "nt-xent: a batch of %lld slices is too large",
                        (long long)(s->rows / 2));
    RDX_TRY(redux_tensor_new(&s->projected, context, REDUX_FLOAT32, 2, all));
    RDX_TRY(redux_tensor_new(&s->unit, context, REDUX_FLOAT32, 2, shape));
    RDX_TRY(redux_tensor_new(&s->d_unit, context, REDUX_FLOAT32, 2, shape));
    RDX_TRY(redux_tensor_new(&s->d_projected, context, REDUX_FLOAT32, 2, all));
    return rdx_alloc(context, &s->workspace, bytes, 1);
}

static redux_status share(nt_xent_state *s, redux_context *context,
                          const redux_objective_setup *setup)
{
    const int64_t count = rdx_passes(s->rows, s->part);
    const uint64_t row_bytes = (uint64_t)s->projected.shape[1] * sizeof(float);
    RDX_TRY(rdx_parts_open(&s->parts, context, setup->network, count, s->pairs));
    for (int64_t k = 0; k < s->pairs; k++) {
        const redux_tensor pair = rdx_rows_of(&s->projected, k * s->rows, s->rows);
        RDX_TRY(rdx_parts_share(&s->parts, context, pair.data, row_bytes, s->rows, s->part, count,
                                RDX_AFTER_FORWARD));
    }
    return rdx_parts_record(&s->parts, context, NULL, setup->network, s->pairs * count);
}

static redux_status nt_xent_open(void **state, redux_context *context,
                                 const redux_objective_setup *setup, void *user)
{
    void *block;
    if (setup->batch < 2)
        return rdx_fail(REDUX_E_INVALID, "nt-xent needs at least two slices per batch");
    const int64_t width = redux_network_outputs(setup->network, REDUX_OUTPUT_PROJECTION);
    if (width < 1)
        return rdx_fail(REDUX_E_INVALID, "nt-xent: the network has no projection head");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(nt_xent_state)));
    nt_xent_state *s = block;
    s->options = user;
    s->batch = setup->batch;
    s->rows = 2 * setup->batch;
    s->pairs = (setup->views + setup->small_views) / 2;
    s->part = setup->part == 0 ? s->rows : RDX_MIN(setup->part, s->rows);
    redux_status status = allocate(s, context, width);
    if (status == REDUX_OK)
        status = share(s, context, setup);
    if (status != REDUX_OK)
        nt_xent_close(s, user);
    else
        *state = s;
    return status;
}

/* The images of a part, and its rows of the projections. */
typedef struct part_rows {
    redux_tensor images, projected, d_projected;
} part_rows;

static part_rows rows_of(const nt_xent_state *s, const redux_objective_step *step, int64_t pair,
                         int64_t part)
{
    const int64_t first = part * s->part, count = RDX_MIN(s->part, s->rows - first);
    redux_tensor both = step->views[2 * pair]; /* the next view follows in memory */
    both.shape[0] *= 2;
    return (part_rows){rdx_rows_of(&both, first, count),
                       rdx_rows_of(&s->projected, pair * s->rows + first, count),
                       rdx_rows_of(&s->d_projected, pair * s->rows + first, count)};
}

static redux_status nt_xent_forward(redux_context *context, void *state,
                                    const redux_objective_step *step, int64_t pair, int64_t part)
{
    const part_rows r = rows_of(state, step, pair, part);
    return redux_network_forward(&r.projected, context, step->network, &r.images,
                                 REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN);
}

/* Loss and derivatives of all rows, as one of several pairs. */
static redux_status nt_xent_derive(double *loss, redux_context *context, void *state,
                                   const redux_objective_step *step, int64_t pair)
{
    const nt_xent_state *s = state;
    const redux_tensor projected = rdx_rows_of(&s->projected, pair * s->rows, s->rows);
    const redux_tensor d_projected = rdx_rows_of(&s->d_projected, pair * s->rows, s->rows);
    double own;
    (void)step;
    RDX_TRY(redux_l2_normalise_forward(&s->unit, context, &projected));
    RDX_TRY(
        redux_nt_xent(&own, &s->d_unit, context, &s->unit, s->options->temperature, s->workspace));
    if (s->pairs > 1) {
        float *d = s->d_unit.data;
        for (int64_t i = 0; i < redux_tensor_elements(&s->d_unit); i++)
            d[i] /= (float)s->pairs;
    }
    *loss += own / (double)s->pairs;
    return redux_l2_normalise_backward(&d_projected, context, &s->d_unit, &projected);
}

static redux_status nt_xent_backward(double *loss, redux_context *context, void *state,
                                     const redux_objective_step *step, int64_t pair, int64_t part,
                                     bool again)
{
    nt_xent_state *s = state;
    const part_rows r = rows_of(s, step, pair, part);
    (void)loss;
    if (again)
        RDX_TRY(redux_network_forward(&r.projected, context, step->network, &r.images,
                                      REDUX_OUTPUT_PROJECTION, REDUX_MODE_REPEAT));
    return rdx_parts_backward(&s->parts, context, step->network, &r.d_projected, true);
}

static redux_status nt_xent_step(double *loss, redux_context *context, void *state,
                                 const redux_objective_step *step, void *user)
{
    static const rdx_part_fns fns = {nt_xent_forward, nt_xent_derive, nt_xent_backward};
    nt_xent_state *s = state;
    (void)user;
    return rdx_parts_step(loss, context, &s->parts, step, &fns, s);
}

static void nt_xent_mark(uint8_t *wanted, int64_t *room, const void *state, int64_t step)
{
    const nt_xent_state *s = state;
    (void)room;
    (void)step;
    for (int64_t k = 0; k < s->pairs; k++)
        rdx_parts_mark(wanted + k * s->rows, &s->parts, s->rows, s->part, s->parts.count);
}

static redux_status nt_xent_describe(redux_description *description, void *user)
{
    const redux_nt_xent_options *options = user;
    return redux_description_add_number(description, "temperature", options->temperature);
}

redux_status redux_objective_new_nt_xent(redux_objective **out, redux_context *context,
                                         const redux_nt_xent_options *options)
{
    const redux_nt_xent_options defaults = REDUX_NT_XENT_OPTIONS_INIT;
    const redux_objective_views views = {
        .struct_size = sizeof views, .least = 2, .most_small = -1, .multiple = 2, .together = 2};
    redux_nt_xent_options *own;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof *own));
    own = block;
    *own = defaults;
    redux_status status = rdx_read_options(own, sizeof *own, options, "redux_nt_xent_options");
    if (status == REDUX_OK && (!(own->temperature > 0) || !isfinite(own->temperature)))
        status = rdx_fail(REDUX_E_INVALID, "nt-xent: temperature %g", own->temperature);
    const redux_custom_objective definition = {.struct_size = sizeof definition,
                                               .name = "nt-xent",
                                               .views = &views,
                                               .open = nt_xent_open,
                                               .close = nt_xent_close,
                                               .step = nt_xent_step,
                                               .describe = nt_xent_describe,
                                               .user = own};
    return rdx_objective_new(out, context, &definition, nt_xent_mark, status);
}
