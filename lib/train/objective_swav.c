/* SPDX-License-Identifier: MIT
 * SwAV as an objective: the cluster that one view of a slice is assigned to is predicted from its
 * other views.
 *
 * Codes and gradients of a batch that fits come from one forward over all views, of both sizes. A
 * larger one makes two passes, as NT-Xent does: the codes need the scores of the whole batch. */
#include <math.h>
#include <string.h>
#include <zlib.h>
#include <redux/layers.h>
#include <redux/random.h>
#include "nn/losses.h"
#include "objective.h"

enum { ASSIGNING = 2 }; /* crops whose codes are predicted: the first full ones */

static const char *const queue_names[ASSIGNING] = {"queue.0", "queue.1"};

typedef struct swav_state {
    rdx_parts parts;
    const redux_swav_options *options;
    int64_t batch, rows, width; /* rows: all views of a batch */
    int64_t part;
    int32_t groups;              /* full views are one, small ones another */
    int64_t sizes[2], passes[2]; /* images of a group, and passes that they take */
    int64_t freeze, queue_step;  /* steps until prototypes learn, and until the queue fills */
    int32_t frozen;              /* in this step */
    redux_parameter prototypes;  /* [K, width] */
    redux_parameter queues[ASSIGNING];
    redux_tensor projected, unit, d_unit, d_projected; /* [rows, width] */
    redux_tensor scores;                               /* [rows, K]; then its gradient */
    redux_tensor assigned;                             /* [queue + batch, K] */
    redux_tensor codes;                                /* [ASSIGNING * batch, K] */
    void *workspace;
} swav_state;

static void swav_close(void *state, void *user)
{
    swav_state *s = state;
    (void)user;
    redux_tensor *const tensors[] = {&s->prototypes.value,
                                     &s->prototypes.gradient,
                                     &s->queues[0].value,
                                     &s->queues[1].value,
                                     &s->projected,
                                     &s->unit,
                                     &s->d_unit,
                                     &s->d_projected,
                                     &s->scores,
                                     &s->assigned,
                                     &s->codes};
    for (int i = 0; i < RDX_COUNT(tensors); i++)
        redux_tensor_release(tensors[i]);
    rdx_parts_close(&s->parts);
    rdx_free(s->workspace);
    rdx_free(s);
}

/* ---- opening ---- */

static redux_status new_matrix(redux_tensor *out, redux_context *context, int64_t rows,
                               int64_t columns)
{
    const int64_t shape[] = {rows, columns};
    return redux_tensor_new(out, context, REDUX_FLOAT32, 2, shape);
}

/* As a linear layer's weight begins. */
static redux_status open_prototypes(swav_state *s, redux_context *context, uint64_t seed)
{
    static const char name[] = "prototypes.weight";
    const redux_random_key key = {.seed = seed,
                                  .sample = crc32(0, (const Bytef *)name, sizeof name - 1)};
    const double bound = 1 / sqrt((double)s->width);
    const int64_t k = s->options->prototypes;
    s->prototypes = (redux_parameter){.struct_size = sizeof s->prototypes,
                                      .name = name,
                                      .kind = REDUX_PARAMETER_WEIGHT,
                                      .absent = &s->frozen};
    RDX_TRY(new_matrix(&s->prototypes.value, context, k, s->width));
    RDX_TRY(new_matrix(&s->prototypes.gradient, context, k, s->width));
    float *value = s->prototypes.value.data;
    for (int64_t i = 0; i < k * s->width; i++)
        value[i] = (float)(bound * (2 * redux_random_uniform(&key, (uint32_t)i) - 1));
    return REDUX_OK;
}

static redux_status open_queues(swav_state *s, redux_context *context)
{
    for (int a = 0; a < ASSIGNING && s->options->queue > 0; a++) {
        s->queues[a] = (redux_parameter){.struct_size = sizeof s->queues[a],
                                         .name = queue_names[a],
                                         .kind = REDUX_PARAMETER_BUFFER};
        RDX_TRY(new_matrix(&s->queues[a].value, context, s->options->queue, s->width));
    }
    return REDUX_OK;
}

static redux_status open_buffers(swav_state *s, redux_context *context)
{
    const int64_t k = s->options->prototypes, assigned = s->options->queue + s->batch;
    redux_tensor *const wide[] = {&s->projected, &s->unit, &s->d_unit, &s->d_projected};
    for (int i = 0; i < RDX_COUNT(wide); i++)
        RDX_TRY(new_matrix(wide[i], context, s->rows, s->width));
    RDX_TRY(new_matrix(&s->scores, context, s->rows, k));
    RDX_TRY(new_matrix(&s->assigned, context, assigned, k));
    RDX_TRY(new_matrix(&s->codes, context, ASSIGNING * s->batch, k));
    uint64_t bytes = redux_linear_workspace(context, &s->unit, &s->prototypes.value);
    bytes = RDX_MAX(bytes, rdx_sinkhorn_workspace(assigned, k));
    bytes = RDX_MAX(bytes, rdx_loss_workspace(s->rows));
    if (s->options->queue > 0)
        bytes = RDX_MAX(bytes,
                        redux_linear_workspace(context, &s->queues[0].value, &s->prototypes.value));
    return rdx_alloc(context, &s->workspace, bytes, 1);
}

/* A part has a pass of full views, and an equal share of the small ones' passes. */
static redux_status open_parts(swav_state *s, redux_context *context,
                               const redux_objective_setup *setup)
{
    int64_t first = 0;
    RDX_TRY(rdx_parts_open(&s->parts, context, setup->network, s->passes[0], 1));
    for (int32_t g = 0; g < s->groups; first += s->sizes[g++]) {
        const redux_tensor rows = rdx_rows_of(&s->projected, first, s->sizes[g]);
        RDX_TRY(rdx_parts_share(&s->parts, context, rows.data, (uint64_t)s->width * sizeof(float),
                                s->sizes[g], s->part, s->passes[g], RDX_AFTER_FORWARD));
    }
    return rdx_parts_record(&s->parts, context, NULL, setup->network, s->passes[0] + s->passes[1]);
}

static void count_passes(swav_state *s, const redux_objective_setup *setup)
{
    s->batch = setup->batch;
    s->sizes[0] = setup->views * setup->batch;
    s->sizes[1] = setup->small_views * setup->batch;
    s->rows = s->sizes[0] + s->sizes[1];
    s->part = setup->part == 0 ? s->rows : RDX_MIN(setup->part, s->rows);
    s->groups = s->sizes[1] > 0 ? 2 : 1;
    for (int g = 0; g < 2; g++)
        s->passes[g] = rdx_passes(s->sizes[g], s->part);
}

static redux_status open_state(swav_state *s, redux_context *context,
                               const redux_objective_setup *setup)
{
    const redux_swav_options *o = s->options;
    const double frozen = (double)o->freeze_steps + o->freeze_epochs * (double)setup->epoch_steps;
    count_passes(s, setup);
    s->width = redux_network_outputs(setup->network, REDUX_OUTPUT_PROJECTION);
    s->freeze = (int64_t)fmin(frozen, 1e15);
    s->queue_step = RDX_MIN(o->queue_start, (int64_t)1 << 31) * setup->epoch_steps;
    if (s->width < 1)
        return rdx_fail(REDUX_E_INVALID, "swav: the network has no projection head");
    RDX_TRY(rdx_objective_check_queue("swav", o->queue, setup));
    RDX_TRY(open_prototypes(s, context, setup->seed));
    RDX_TRY(open_queues(s, context));
    RDX_TRY(open_buffers(s, context));
    return open_parts(s, context, setup);
}

static redux_status swav_open(void **state, redux_context *context,
                              const redux_objective_setup *setup, void *user)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(swav_state)));
    swav_state *s = block;
    s->options = user;
    const redux_status status = open_state(s, context, setup);
    if (status != REDUX_OK)
        swav_close(s, user);
    else
        *state = s;
    return status;
}

/* ---- codes ---- */

static bool is_zero(const float *row, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (row[i] != 0)
            return false;
    return true;
}

/* Newest first; the oldest are dropped. */
static void enqueue(const redux_tensor *queue, const redux_tensor *rows)
{
    const size_t whole = (size_t)redux_tensor_elements(queue) * sizeof(float);
    const size_t added = (size_t)redux_tensor_elements(rows) * sizeof(float);
    memmove((char *)queue->data + added, queue->data, whole - added);
    memcpy(queue->data, rows->data, added);
}

/* The codes of one crop. The queue takes part once it is full, with scores by today's prototypes,
 * and receives the crop's projections afterwards. */
static redux_status assign(redux_context *context, swav_state *s, int a, bool queues)
{
    const redux_tensor *queue = &s->queues[a].value;
    const redux_tensor unit = rdx_rows_of(&s->unit, a * s->batch, s->batch);
    const redux_tensor scores = rdx_rows_of(&s->scores, a * s->batch, s->batch);
    const redux_tensor codes = rdx_rows_of(&s->codes, a * s->batch, s->batch);
    const int64_t length = s->options->queue;
    int64_t used = 0;
    if (queues && !is_zero((const float *)queue->data + (length - 1) * s->width, s->width)) {
        const redux_tensor of_queue = rdx_rows_of(&s->assigned, 0, length);
        RDX_TRY(redux_linear_forward(&of_queue, context, queue, &s->prototypes.value, NULL,
                                     s->workspace));
        used = length;
    }
    const redux_tensor own = rdx_rows_of(&s->assigned, used, s->batch);
    const redux_tensor rows = rdx_rows_of(&s->assigned, 0, used + s->batch);
    RDX_TRY(redux_tensor_copy(&own, &scores));
    if (queues)
        enqueue(queue, &unit);
    return rdx_sinkhorn(context, &codes, &rows, s->options->epsilon, s->options->rounds,
                        s->workspace);
}

/* ---- a step ---- */

static redux_tensor group_of(const redux_objective_step *step, int32_t group)
{
    redux_tensor images = step->views[group == 0 ? 0 : step->view_count];
    images.storage = NULL;
    images.shape[0] *= group == 0 ? step->view_count : step->small_view_count;
    return images;
}

/* One pass, of one group. Backward runs it again, with gradients; `last`: of its part. */
static redux_status run_pass(redux_context *context, swav_state *s,
                             const redux_objective_step *step, int32_t group, int64_t pass,
                             bool backward, bool last)
{
    const redux_tensor images = group_of(step, group);
    const int64_t first = pass * s->part, count = RDX_MIN(s->part, s->sizes[group] - first);
    const int64_t row = (group == 0 ? 0 : s->sizes[0]) + first;
    const redux_tensor in = rdx_rows_of(&images, first, count);
    const redux_tensor out = rdx_rows_of(&s->projected, row, count);
    const redux_tensor d_out = rdx_rows_of(&s->d_projected, row, count);
    RDX_TRY(redux_network_forward(&out, context, step->network, &in, REDUX_OUTPUT_PROJECTION,
                                  backward ? REDUX_MODE_REPEAT : REDUX_MODE_TRAIN));
    return backward ? rdx_parts_backward(&s->parts, context, step->network, &d_out, last)
                    : REDUX_OK;
}

/* One pass after the other, none across both sizes. */
static redux_status run_passes(redux_context *context, swav_state *s,
                               const redux_objective_step *step, int64_t part, bool backward)
{
    for (int32_t g = 0; g < s->groups; g++) {
        const int64_t end = rdx_parts_bound(&s->parts, s->passes[g], part + 1);
        for (int64_t i = rdx_parts_bound(&s->parts, s->passes[g], part); i < end; i++)
            RDX_TRY(run_pass(context, s, step, g, i, backward, g + 1 == s->groups && i + 1 == end));
    }
    return REDUX_OK;
}

/* All views of a batch that fits. */
static redux_status run_whole(redux_context *context, const swav_state *s,
                              const redux_objective_step *step, redux_network_mode mode)
{
    const redux_tensor groups[2] = {group_of(step, 0), group_of(step, s->groups - 1)};
    return redux_network_forward_groups(&s->projected, context, step->network, groups, s->groups,
                                        REDUX_OUTPUT_PROJECTION, mode);
}

static redux_status swav_forward(redux_context *context, void *state,
                                 const redux_objective_step *step, int64_t round, int64_t part)
{
    swav_state *s = state;
    (void)round;
    return s->part >= s->rows ? run_whole(context, s, step, REDUX_MODE_TRAIN)
                              : run_passes(context, s, step, part, false);
}

/* From projections to the loss and their gradients. */
static redux_status swav_derive(double *loss, redux_context *context, void *state,
                                const redux_objective_step *step, int64_t round)
{
    swav_state *s = state;
    const bool queues = s->options->queue > 0 && step->step >= s->queue_step;
    const redux_tensor *prototypes = &s->prototypes.value;
    const redux_tensor *d_prototypes = s->frozen ? NULL : &s->prototypes.gradient;
    (void)round;
    RDX_TRY(redux_l2_normalise_forward(&s->unit, context, &s->projected));
    RDX_TRY(redux_linear_forward(&s->scores, context, &s->unit, prototypes, NULL, s->workspace));
    for (int a = 0; a < ASSIGNING; a++)
        RDX_TRY(assign(context, s, a, queues));
    RDX_TRY(rdx_swapped_prediction(loss, context, &s->scores, &s->codes, s->batch,
                                   s->options->temperature, s->workspace));
    RDX_TRY(redux_linear_backward(&s->d_unit, d_prototypes, NULL, context, &s->scores, &s->unit,
                                  prototypes, s->workspace));
    return redux_l2_normalise_backward(&s->d_projected, context, &s->d_unit, &s->projected);
}

static redux_status swav_backward(double *loss, redux_context *context, void *state,
                                  const redux_objective_step *step, int64_t round, int64_t part,
                                  bool again)
{
    swav_state *s = state;
    (void)loss;
    (void)round;
    if (s->part < s->rows)
        return run_passes(context, s, step, part, true);
    if (again)
        RDX_TRY(run_whole(context, s, step, REDUX_MODE_REPEAT));
    return rdx_parts_backward(&s->parts, context, step->network, &s->d_projected, true);
}

static redux_status swav_step(double *loss, redux_context *context, void *state,
                              const redux_objective_step *step, void *user)
{
    static const rdx_part_fns fns = {swav_forward, swav_derive, swav_backward};
    swav_state *s = state;
    (void)user;
    s->frozen = step->step < s->freeze;
    RDX_TRY(redux_l2_normalise_forward(&s->prototypes.value, context, &s->prototypes.value));
    return rdx_parts_step(loss, context, &s->parts, step, &fns, s);
}

static void swav_mark(uint8_t *wanted, int64_t *room, const void *state, int64_t step)
{
    const swav_state *s = state;
    (void)room;
    (void)step;
    for (int32_t g = 0; g < s->groups; g++)
        rdx_parts_mark(wanted + (g == 0 ? 0 : s->sizes[0]), &s->parts, s->sizes[g], s->part,
                       s->passes[g]);
}

/* ---- its description ---- */

static const redux_parameter *swav_parameter(void *state, int64_t index, void *user)
{
    const swav_state *s = state;
    (void)user;
    if (index == 0)
        return &s->prototypes;
    return index <= ASSIGNING && s->options->queue > 0 ? &s->queues[index - 1] : NULL;
}

static redux_status swav_describe(redux_description *description, void *user)
{
    const redux_swav_options *o = user;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"prototypes", o->prototypes},
        {"temperature", o->temperature},
        {"epsilon", o->epsilon},
        {"rounds", o->rounds},
        {"freeze_steps", (double)o->freeze_steps},
        {"freeze_epochs", o->freeze_epochs},
        {"queue", (double)o->queue},
        {"queue_start", (double)o->queue_start},
    };
    for (int i = 0; i < RDX_COUNT(numbers); i++)
        RDX_TRY(redux_description_add_number(description, numbers[i].name, numbers[i].value));
    return REDUX_OK;
}

static redux_status check_options(const redux_swav_options *o)
{
    if (o->prototypes < 2 || o->prototypes > 1 << 20)
        return rdx_fail(REDUX_E_INVALID, "swav: %d prototypes; it needs at least 2",
                        (int)o->prototypes);
    if (!(o->temperature > 0) || !isfinite(1 / o->temperature))
        return rdx_fail(REDUX_E_INVALID, "swav: temperature %g", o->temperature);
    if (!(o->epsilon > 0) || !isfinite(1 / o->epsilon) || o->rounds < 1 || o->rounds > 100000)
        return rdx_fail(REDUX_E_INVALID, "swav: epsilon %g, %d rounds", o->epsilon, (int)o->rounds);
    if (o->freeze_steps < 0 || !(o->freeze_epochs >= 0) || !isfinite(o->freeze_epochs))
        return rdx_fail(REDUX_E_INVALID, "swav: prototypes frozen for %lld steps and %g epochs",
                        (long long)o->freeze_steps, o->freeze_epochs);
    if (o->queue < 0 || o->queue > INT32_MAX || o->queue_start < 0)
        return rdx_fail(REDUX_E_INVALID, "swav: a queue of %lld from epoch %lld on",
                        (long long)o->queue, (long long)o->queue_start);
    return REDUX_OK;
}

redux_status redux_objective_new_swav(redux_objective **out, redux_context *context,
                                      const redux_swav_options *options)
{
    const redux_swav_options defaults = REDUX_SWAV_OPTIONS_INIT;
    const redux_objective_views views = {.struct_size = sizeof views,
                                         .least = ASSIGNING,
                                         .most_small = -1,
                                         .multiple = 1,
                                         .together = 0};
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof defaults));
    redux_swav_options *own = block;
    *own = defaults;
    redux_status status = rdx_read_options(own, sizeof *own, options, "redux_swav_options");
    if (status == REDUX_OK)
        status = check_options(own);
    const redux_custom_objective definition = {.struct_size = sizeof definition,
                                               .name = "swav",
                                               .views = &views,
                                               .open = swav_open,
                                               .close = swav_close,
                                               .step = swav_step,
                                               .parameter = swav_parameter,
                                               .describe = swav_describe,
                                               .user = own};
    return rdx_objective_new(out, context, &definition, swav_mark, status);
}
