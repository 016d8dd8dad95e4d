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
    int64_t rows, width;    /* of the tensors: two views of a batch, projected */
    redux_tensor projected; /* [rows, width] */
    redux_tensor unit;      /* the same, normalised */
    redux_tensor d_unit, d_projected;
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
    rdx_free(s->workspace);
    rdx_free(s);
}

static redux_status allocate(nt_xent_state *s, redux_context *context)
{
    const int64_t shape[] = {s->rows, s->width};
    const uint64_t bytes = redux_nt_xent_workspace(s->rows, REDUX_FLOAT32);
    if (bytes == 0)
        return rdx_fail(REDUX_E_INVALID, "nt-xent: a batch of %lld slices is too large",
                        (long long)(s->rows / 2));
    RDX_TRY(redux_tensor_new(&s->projected, context, REDUX_FLOAT32, 2, shape));
    RDX_TRY(redux_tensor_new(&s->unit, context, REDUX_FLOAT32, 2, shape));
    RDX_TRY(redux_tensor_new(&s->d_unit, context, REDUX_FLOAT32, 2, shape));
    RDX_TRY(redux_tensor_new(&s->d_projected, context, REDUX_FLOAT32, 2, shape));
    return rdx_alloc(context, &s->workspace, bytes, 1);
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
    s->rows = 2 * setup->batch;
    s->width = width;
    const redux_status status = allocate(s, context);
    if (status != REDUX_OK)
        nt_xent_close(s, user);
    else
        *state = s;
    return status;
}

static redux_status forward(redux_context *context, nt_xent_state *s,
                            const redux_objective_step *step, const redux_tensor *images,
                            int64_t first, int64_t count, redux_network_mode mode)
{
    const redux_tensor part = rdx_rows_of(images, first, count);
    const redux_tensor out = rdx_rows_of(&s->projected, first, count);
    return redux_network_forward(&out, context, step->network, &part, REDUX_OUTPUT_PROJECTION,
                                 mode);
}

/* Loss and derivatives of all rows, as one of `pairs` terms. */
static redux_status derive(double *loss, redux_context *context, nt_xent_state *s, int64_t rows,
                           int64_t pairs, double temperature)
{
    const redux_tensor projected = rdx_rows_of(&s->projected, 0, rows),
                       unit = rdx_rows_of(&s->unit, 0, rows);
    const redux_tensor d_unit = rdx_rows_of(&s->d_unit, 0, rows);
    const redux_tensor d_projected = rdx_rows_of(&s->d_projected, 0, rows);
    double own;
    RDX_TRY(redux_l2_normalise_forward(&unit, context, &projected));
    RDX_TRY(redux_nt_xent(&own, &d_unit, context, &unit, temperature, s->workspace));
    if (pairs > 1) {
        float *d = d_unit.data;
        for (int64_t i = 0; i < rows * s->width; i++)
            d[i] /= (float)pairs;
    }
    *loss += own / (double)pairs;
    return redux_l2_normalise_backward(&d_projected, context, &d_unit, &projected);
}

/* One pair of views; `images` holds both, one after the other. */
static redux_status pair_step(double *loss, redux_context *context, nt_xent_state *s,
                              const redux_objective_step *step, const redux_tensor *images,
                              int64_t pairs, double temperature)
{
    const int64_t rows = images->shape[0], part = RDX_MIN(step->part, rows);
    for (int64_t i = 0; i < rows; i += part)
        RDX_TRY(forward(context, s, step, images, i, RDX_MIN(part, rows - i), REDUX_MODE_TRAIN));
    RDX_TRY(derive(loss, context, s, rows, pairs, temperature));
    for (int64_t i = 0; i < rows; i += part) {
        const int64_t count = RDX_MIN(part, rows - i);
        const redux_tensor d = rdx_rows_of(&s->d_projected, i, count);
        if (part < rows)
            RDX_TRY(forward(context, s, step, images, i, count, REDUX_MODE_REPEAT));
        RDX_TRY(redux_network_backward(step->network, context, &d));
    }
    return REDUX_OK;
}

static redux_status nt_xent_step(double *loss, redux_context *context, void *state,
                                 const redux_objective_step *step, void *user)
{
    const redux_nt_xent_options *options = user;
    const int64_t pairs = (step->view_count + step->small_view_count) / 2;
    *loss = 0;
    for (int64_t i = 0; i < pairs; i++) {
        redux_tensor images = step->views[2 * i]; /* the next view follows in memory */
        images.storage = NULL;
        images.shape[0] *= 2;
        RDX_TRY(pair_step(loss, context, state, step, &images, pairs, options->temperature));
    }
    return REDUX_OK;
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
    return rdx_objective_new(out, context, &definition, status);
}
