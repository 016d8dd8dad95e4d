/* SPDX-License-Identifier: MIT
 * MoCo v2 as an objective: a query has to find its own key among earlier ones.
 *
 * The key network is a moving average of the query's. Batch norm would give away which query and
 * key were in one batch, so keys are shuffled and normalised in sub-batches, as on several GPUs. A
 * query needs its own key and the queue only, so parts go forward and back one after the other. */
#include <math.h>
#include <string.h>
#include <zlib.h>
#include <redux/layers.h>
#include <redux/random.h>
#include "momentum.h"
#include "nn/losses.h"

#define SHUFFLE UINT32_C(0x6d6f636f) /* the operation of random keys; no view has it */
#define LONGEST ((int64_t)65536)     /* the authors' queue */
#define SUB_BATCH ((int64_t)32)      /* and theirs of a GPU: 256 on 8 */

typedef struct moco_state {
    rdx_parts parts;
    const redux_moco_options *options;
    int64_t batch, part, width, length; /* length: of the queue */
    int64_t sub_batches;
    uint64_t seed;
    rdx_momentum key;
    redux_parameter queue;       /* [length, width], rows of length 1 */
    redux_parameter next;        /* int64: the row that the next key is written to */
    int64_t *order;              /* [batch]: a permutation */
    redux_tensor images;         /* of a sub-batch */
    redux_tensor shuffled, keys; /* [batch, width] */
    redux_tensor projected, unit, d_unit, d_projected; /* [part, width] */
    redux_tensor positives, negatives;                 /* [part, 1], [part, length] */
    void *workspace;
} moco_state;

static void moco_close(void *state, void *user)
{
    moco_state *s = state;
    (void)user;
    redux_tensor *const tensors[] = {&s->queue.value, &s->next.value, &s->images,   &s->shuffled,
                                     &s->keys,        &s->projected,  &s->unit,     &s->d_unit,
                                     &s->d_projected, &s->positives,  &s->negatives};
    for (int i = 0; i < RDX_COUNT(tensors); i++)
        redux_tensor_release(tensors[i]);
    rdx_momentum_close(&s->key);
    rdx_parts_close(&s->parts);
    rdx_free(s->order);
    rdx_free(s->workspace);
    rdx_free(s);
}

/* ---- opening ---- */

/* Half of the slices at most: a queue that holds a slice twice makes it its own negative. */
static redux_status choose_queue(moco_state *s, const redux_objective_setup *setup)
{
    const int64_t most = RDX_MIN(LONGEST, setup->slices / 2);
    s->length = s->options->queue > 0 ? s->options->queue : most / s->batch * s->batch;
    if (s->length == 0)
        return rdx_fail(REDUX_E_INVALID,
                        "moco: half of the %lld slices hold no batch of %lld: make the batch "
                        "smaller, or give the length of the queue",
                        (long long)setup->slices, (long long)s->batch);
    return rdx_objective_check_queue("moco", s->length, setup);
}

static redux_status choose_sub_batches(moco_state *s)
{
    s->sub_batches = s->options->sub_batches;
    if (s->sub_batches == 0)
        s->sub_batches = s->batch < 4 ? 1 : RDX_MAX(s->batch / SUB_BATCH, 2);
    if (s->sub_batches > s->batch)
        return rdx_fail(REDUX_E_INVALID, "moco: %lld sub-batches of a batch of %lld",
                        (long long)s->sub_batches, (long long)s->batch);
    return REDUX_OK;
}

/* Random rows of length 1. */
static redux_status open_queue(moco_state *s, redux_context *context, uint64_t seed)
{
    static const char name[] = "queue";
    const redux_random_key key = {.seed = seed,
                                  .sample = crc32(0, (const Bytef *)name, sizeof name - 1)};
    const int64_t shape[] = {s->length, s->width}, one = 1;
    s->queue = s->next = (redux_parameter){
        .struct_size = sizeof s->queue, .name = name, .kind = REDUX_PARAMETER_BUFFER};
    s->next.name = "queue.next";
    RDX_TRY(redux_tensor_new(&s->queue.value, context, REDUX_FLOAT32, 2, shape));
    RDX_TRY(redux_tensor_new(&s->next.value, context, REDUX_INT64, 1, &one));
    float *value = s->queue.value.data;
    for (int64_t i = 0; i < s->length * s->width; i++)
        value[i] = (float)redux_random_normal(&key, (uint32_t)i);
    return redux_l2_normalise_forward(&s->queue.value, context, &s->queue.value);
}

static redux_status open_buffers(moco_state *s, redux_context *context, int64_t side)
{
    const int64_t largest = (s->batch + s->sub_batches - 1) / s->sub_batches;
    const int64_t images[] = {largest, side, side, 1}, keys[] = {s->batch, s->width};
    const int64_t wide[] = {s->part, s->width}, one[] = {s->part, 1};
    const int64_t scores[] = {s->part, s->length};
    redux_tensor *const of_part[] = {&s->projected, &s->unit, &s->d_unit, &s->d_projected};
    void *block;
    RDX_TRY(redux_tensor_new(&s->images, context, REDUX_FLOAT32, 4, images));
    RDX_TRY(redux_tensor_new(&s->shuffled, context, REDUX_FLOAT32, 2, keys));
    RDX_TRY(redux_tensor_new(&s->keys, context, REDUX_FLOAT32, 2, keys));
    for (int i = 0; i < RDX_COUNT(of_part); i++)
        RDX_TRY(redux_tensor_new(of_part[i], context, REDUX_FLOAT32, 2, wide));
    RDX_TRY(redux_tensor_new(&s->positives, context, REDUX_FLOAT32, 2, one));
    RDX_TRY(redux_tensor_new(&s->negatives, context, REDUX_FLOAT32, 2, scores));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)s->batch, sizeof *s->order));
    s->order = block;
    const uint64_t linear = redux_linear_workspace(context, &s->unit, &s->queue.value);
    return rdx_alloc(context, &s->workspace, RDX_MAX(linear, rdx_loss_workspace(s->part)), 1);
}

static int64_t sub_batch_at(const moco_state *s, int64_t index)
{
    return index * s->batch / s->sub_batches;
}

/* A part has queries of its own, and a share of the sub-batches of keys. */
static redux_status open_parts(moco_state *s, redux_context *context, const redux_network *network)
{
    const int64_t count = rdx_passes(s->batch, s->part);
    const uint64_t row_bytes = (uint64_t)s->width * sizeof(float);
    RDX_TRY(rdx_parts_open(&s->parts, context, network, count, 1));
    RDX_TRY(rdx_parts_share(&s->parts, context, s->shuffled.data, row_bytes, s->batch, 0,
                            s->sub_batches, RDX_AFTER_FORWARD));
    RDX_TRY(rdx_parts_record(&s->parts, context, NULL, network, count));
    return rdx_parts_record(&s->parts, context, s->key.network, s->key.network, s->sub_batches);
}

static redux_status open_state(moco_state *s, redux_context *context,
                               const redux_objective_setup *setup)
{
    s->batch = setup->batch;
    s->seed = setup->seed;
    s->part = setup->part == 0 ? setup->batch : RDX_MIN(setup->part, setup->batch);
    s->width = redux_network_outputs(setup->network, REDUX_OUTPUT_PROJECTION);
    if (s->width < 1)
        return rdx_fail(REDUX_E_INVALID, "moco: the network has no projection head");
    RDX_TRY(choose_queue(s, setup));
    RDX_TRY(choose_sub_batches(s));
    RDX_TRY(open_queue(s, context, setup->seed));
    RDX_TRY(open_buffers(s, context, setup->size));
    RDX_TRY(rdx_momentum_open(&s->key, context, setup->network, "key", s->images.shape[0],
                              setup->size));
    return open_parts(s, context, setup->network);
}

static redux_status moco_open(void **state, redux_context *context,
                              const redux_objective_setup *setup, void *user)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(moco_state)));
    moco_state *s = block;
    s->options = user;
    const redux_status status = open_state(s, context, setup);
    if (status != REDUX_OK)
        moco_close(s, user);
    else
        *state = s;
    return status;
}

/* ---- keys ---- */

/* The step's permutation of the samples. */
static void shuffle(int64_t *order, const moco_state *s, int64_t step)
{
    const redux_random_key key = {.seed = s->seed, .operation = SHUFFLE, .sample = (uint64_t)step};
    for (int64_t i = 0; i < s->batch; i++)
        order[i] = i;
    for (int64_t i = s->batch - 1; i > 0; i--) {
        const int64_t k = (int64_t)redux_random_below(&key, (uint32_t)i, (uint64_t)i + 1);
        const int64_t other = order[k];
        order[k] = order[i];
        order[i] = other;
    }
}

/* Copies row from[i] of `in` to row to[i] of `out`; NULL: row i. */
static void copy_rows(const redux_tensor *out, const int64_t *to, const redux_tensor *in,
                      const int64_t *from, int64_t count)
{
    const size_t bytes = (size_t)in->strides[0] * sizeof(float);
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)out->data + (size_t)(to == NULL ? i : to[i]) * bytes,
               (const char *)in->data + (size_t)(from == NULL ? i : from[i]) * bytes, bytes);
}

static redux_status moco_forward(redux_context *context, void *state,
                                 const redux_objective_step *step, int64_t round, int64_t part)
{
    const moco_state *s = state;
    const int64_t end = rdx_parts_bound(&s->parts, s->sub_batches, part + 1);
    (void)round;
    for (int64_t g = rdx_parts_bound(&s->parts, s->sub_batches, part); g < end; g++) {
        const int64_t first = sub_batch_at(s, g), count = sub_batch_at(s, g + 1) - first;
        const redux_tensor images = rdx_rows_of(&s->images, 0, count);
        const redux_tensor out = rdx_rows_of(&s->shuffled, first, count);
        copy_rows(&images, NULL, &step->views[1], s->order + first, count);
        RDX_TRY(redux_network_forward(&out, context, s->key.network, &images,
                                      REDUX_OUTPUT_PROJECTION, REDUX_MODE_NO_GRADIENT));
    }
    return REDUX_OK;
}

/* The keys in the order of their samples. */
static redux_status moco_derive(double *loss, redux_context *context, void *state,
                                const redux_objective_step *step, int64_t round)
{
    const moco_state *s = state;
    (void)loss;
    (void)step;
    (void)round;
    copy_rows(&s->keys, s->order, &s->shuffled, NULL, s->batch);
    return redux_l2_normalise_forward(&s->keys, context, &s->keys);
}

static void enqueue(moco_state *s)
{
    int64_t *next = s->next.value.data;
    const redux_tensor rows = rdx_rows_of(&s->queue.value, *next, s->batch);
    copy_rows(&rows, NULL, &s->keys, NULL, s->batch);
    *next = (*next + s->batch) % s->length;
}

/* ---- queries ---- */

static void own_keys(const redux_tensor *positives, const redux_tensor *unit,
                     const redux_tensor *keys)
{
    const int64_t width = unit->shape[1];
    const float *q = unit->data, *k = keys->data;
    for (int64_t i = 0; i < unit->shape[0]; i++) {
        double sum = 0;
        for (int64_t j = i * width; j < (i + 1) * width; j++)
            sum += (double)q[j] * (double)k[j];
        ((float *)positives->data)[i] = (float)sum;
    }
}

static void add_own_keys(const redux_tensor *d_unit, const redux_tensor *d_positives,
                         const redux_tensor *keys)
{
    const int64_t width = d_unit->shape[1];
    const float *share = d_positives->data, *k = keys->data;
    float *d = d_unit->data;
    for (int64_t i = 0; i < d_unit->shape[0] * width; i++)
        d[i] += share[i / width] * k[i];
}

/* Loss and gradient of some queries. */
static redux_status moco_backward(double *loss, redux_context *context, void *state,
                                  const redux_objective_step *step, int64_t round, int64_t part,
                                  bool again)
{
    moco_state *s = state;
    const int64_t first = part * s->part, count = RDX_MIN(s->part, s->batch - first);
    const redux_tensor images = rdx_rows_of(&step->views[0], first, count);
    const redux_tensor keys = rdx_rows_of(&s->keys, first, count);
    const redux_tensor projected = rdx_rows_of(&s->projected, 0, count);
    const redux_tensor d_projected = rdx_rows_of(&s->d_projected, 0, count);
    const redux_tensor unit = rdx_rows_of(&s->unit, 0, count);
    const redux_tensor d_unit = rdx_rows_of(&s->d_unit, 0, count);
    const redux_tensor positives = rdx_rows_of(&s->positives, 0, count);
    const redux_tensor negatives = rdx_rows_of(&s->negatives, 0, count);
    double own;
    (void)round;
    (void)again;
    RDX_TRY(redux_network_forward(&projected, context, step->network, &images,
                                  REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN));
    RDX_TRY(redux_l2_normalise_forward(&unit, context, &projected));
    own_keys(&positives, &unit, &keys);
    RDX_TRY(redux_linear_forward(&negatives, context, &unit, &s->queue.value, NULL, s->workspace));
    RDX_TRY(rdx_info_nce(&own, context, &positives, &negatives, s->batch, s->options->temperature,
                         s->workspace));
    RDX_TRY(redux_linear_backward(&d_unit, NULL, NULL, context, &negatives, &unit, &s->queue.value,
                                  s->workspace));
    add_own_keys(&d_unit, &positives, &keys);
    *loss += own;
    RDX_TRY(redux_l2_normalise_backward(&d_projected, context, &d_unit, &projected));
    return rdx_parts_backward(&s->parts, context, step->network, &d_projected, true);
}

static redux_status moco_step(double *loss, redux_context *context, void *state,
                              const redux_objective_step *step, void *user)
{
    static const rdx_part_fns fns = {moco_forward, moco_derive, moco_backward};
    moco_state *s = state;
    (void)user;
    RDX_TRY(rdx_momentum_follow(&s->key, context, step->network, s->options->momentum));
    shuffle(s->order, s, step->step);
    RDX_TRY(rdx_parts_step(loss, context, &s->parts, step, &fns, s));
    enqueue(s);
    return REDUX_OK;
}

static void moco_mark(uint8_t *wanted, int64_t *room, const void *state, int64_t step)
{
    const moco_state *s = state;
    const rdx_tree *tree = &s->parts.tree;
    const int64_t end = rdx_parts_bound(&s->parts, s->sub_batches, tree->end);
    rdx_parts_mark(wanted, &s->parts, s->batch, s->part, s->parts.count);
    shuffle(room, s, step);
    for (int64_t i = sub_batch_at(s, rdx_parts_bound(&s->parts, s->sub_batches, tree->first));
         i < sub_batch_at(s, end); i++)
        wanted[s->batch + room[i]] = 1;
}

/* ---- its description ---- */

static const redux_parameter *moco_parameter(void *state, int64_t index, void *user)
{
    const moco_state *s = state;
    (void)user;
    if (index < 2)
        return index == 0 ? &s->queue : &s->next;
    return rdx_momentum_parameter(&s->key, index - 2);
}

static redux_status moco_describe(redux_description *description, void *user)
{
    const redux_moco_options *o = user;
    RDX_TRY(redux_description_add_number(description, "temperature", o->temperature));
    RDX_TRY(redux_description_add_number(description, "momentum", o->momentum));
    RDX_TRY(redux_description_add_number(description, "queue", (double)o->queue));
    return redux_description_add_number(description, "sub_batches", o->sub_batches);
}

static redux_status check_options(const redux_moco_options *o)
{
    if (!(o->temperature > 0) || !isfinite(1 / o->temperature))
        return rdx_fail(REDUX_E_INVALID, "moco: temperature %g", o->temperature);
    if (!(o->momentum >= 0) || !(o->momentum <= 1))
        return rdx_fail(REDUX_E_INVALID, "moco: momentum %g, not within 0 and 1", o->momentum);
    if (o->queue < 0 || o->queue > INT32_MAX || o->sub_batches < 0)
        return rdx_fail(REDUX_E_INVALID, "moco: a queue of %lld, %d sub-batches",
                        (long long)o->queue, (int)o->sub_batches);
    return REDUX_OK;
}

redux_status redux_objective_new_moco(redux_objective **out, redux_context *context,
                                      const redux_moco_options *options)
{
    const redux_moco_options defaults = REDUX_MOCO_OPTIONS_INIT;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 1, sizeof defaults));
    redux_moco_options *own = block;
    *own = defaults;
    redux_status status = rdx_read_options(own, sizeof *own, options, "redux_moco_options");
    if (status == REDUX_OK)
        status = check_options(own);
    const redux_custom_objective definition = {.struct_size = sizeof definition,
                                               .name = "moco",
                                               .open = moco_open,
                                               .close = moco_close,
                                               .step = moco_step,
                                               .parameter = moco_parameter,
                                               .describe = moco_describe,
                                               .user = own};
    return rdx_objective_new(out, context, &definition, moco_mark, status);
}
