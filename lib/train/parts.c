/* SPDX-License-Identifier: MIT
 * One step of an objective, in parts and over ranks. */
#include "parts.h"
#include <string.h>
#include "nn/nn.h"

/* ---- opening ---- */

redux_status rdx_parts_open(rdx_parts *out, redux_context *context, const redux_network *network,
                            int64_t count, int64_t rounds)
{
    void *block;
    out->count = count;
    out->rounds = rounds;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count, sizeof *out->losses));
    out->losses = block;
    RDX_TRY(rdx_tree_init(&out->tree, context, count, network->value_floats));
    RDX_TRY(rdx_parts_share(out, context, out->losses, sizeof *out->losses, count, 1, count,
                            RDX_AFTER_BACKWARD));
    return REDUX_OK;
}

/* The blocks of all ranks. */
typedef struct rdx_shared_rows {
    rdx_moment moment;
    char **blocks;
    uint64_t *sizes;
} rdx_shared_rows;

void rdx_parts_close(rdx_parts *parts)
{
    for (int64_t i = 0; i < parts->shared_count; i++)
        rdx_free(parts->shared[i].blocks);
    for (int i = 0; i < parts->record_count; i++)
        rdx_free(parts->records[i].numbers);
    rdx_free(parts->shared);
    rdx_free(parts->losses);
    rdx_tree_clear(&parts->tree);
}

/* The row at which a rank's run begins. */
static int64_t first_row(const rdx_parts *parts, int64_t rank, int64_t rows, int64_t each,
                         int64_t passes)
{
    const int64_t pass = rdx_parts_bound(parts, passes, rdx_tree_bound(&parts->tree, rank));
    return each == 0 ? pass * rows / passes : RDX_MIN(pass * each, rows);
}

redux_status rdx_parts_share(rdx_parts *parts, redux_context *context, void *data,
                             uint64_t row_bytes, int64_t rows, int64_t each, int64_t passes,
                             rdx_moment moment)
{
    const int32_t ranks = rdx_ranks(context);
    void *block = parts->shared;
    if (ranks == 1)
        return REDUX_OK;
    RDX_TRY(rdx_grow(context, &block, &parts->shared_capacity, parts->shared_count,
                     parts->shared_count + 1, sizeof *parts->shared));
    parts->shared = block;
    rdx_shared_rows *own = &parts->shared[parts->shared_count];
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)ranks, sizeof(char *) + sizeof(uint64_t)));
    *own = (rdx_shared_rows){moment, block, (uint64_t *)((char **)block + ranks)};
    parts->shared_count++;
    for (int32_t r = 0; r < ranks; r++) {
        const int64_t first = first_row(parts, r, rows, each, passes);
        own->blocks[r] = (char *)data + (uint64_t)first * row_bytes;
        own->sizes[r] = (uint64_t)(first_row(parts, r + 1, rows, each, passes) - first) * row_bytes;
    }
    return REDUX_OK;
}

redux_status rdx_parts_record(rdx_parts *parts, redux_context *context, redux_network *network,
                              const redux_network *like, int64_t passes)
{
    struct rdx_part_record *record = &parts->records[parts->record_count];
    void *block;
    if (rdx_ranks(context) == 1) /* running statistics follow at once, in the same order */
        return REDUX_OK;
    *record = (struct rdx_part_record){network, NULL, rdx_network_record_size(like), passes};
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)passes,
                           (uint64_t)record->size * sizeof *record->numbers));
    record->numbers = block;
    parts->record_count++;
    return rdx_parts_share(parts, context, block, (uint64_t)record->size * sizeof(double), passes,
                           1, passes, RDX_AFTER_BACKWARD);
}

void rdx_parts_mark(uint8_t *wanted, const rdx_parts *parts, int64_t rows, int64_t each,
                    int64_t passes)
{
    const int64_t first = rdx_parts_bound(parts, passes, parts->tree.first) * each;
    const int64_t end = rdx_parts_bound(parts, passes, parts->tree.end) * each;
    if (RDX_MIN(end, rows) > first)
        memset(wanted + first, 1, (size_t)(RDX_MIN(end, rows) - first));
}

/* ---- what ranks give each other ---- */

static redux_status gather(const rdx_parts *parts, redux_context *context, rdx_moment moment)
{
    for (int64_t i = 0; i < parts->shared_count; i++)
        if (parts->shared[i].moment == moment)
            RDX_TRY(rdx_gather_blocks(context, parts->shared[i].blocks, parts->shared[i].sizes));
    return REDUX_OK;
}

/* Where a rank's entries begin. */
static double *record_at(const rdx_parts *parts, const struct rdx_part_record *record, int64_t rank)
{
    return record->numbers +
           record->size * first_row(parts, rank, record->passes, 1, record->passes);
}

static redux_network *network_of(const struct rdx_part_record *record,
                                 const redux_objective_step *step)
{
    return record->network == NULL ? step->network : record->network;
}

static void begin_records(const rdx_parts *parts, const redux_objective_step *step, int32_t rank)
{
    for (int i = 0; i < parts->record_count; i++) {
        const struct rdx_part_record *record = &parts->records[i];
        double *own = record_at(parts, record, rank), *end = record_at(parts, record, rank + 1);
        memset(own, 0, (size_t)(end - own) * sizeof *own);
        network_of(record, step)->record = own;
    }
}

static void end_records(const rdx_parts *parts, const redux_objective_step *step)
{
    for (int i = 0; i < parts->record_count; i++)
        network_of(&parts->records[i], step)->record = NULL;
}

static void follow_records(const rdx_parts *parts, const redux_objective_step *step, int32_t ranks)
{
    for (int i = 0; i < parts->record_count; i++)
        for (int32_t r = 0; r < ranks; r++)
            rdx_network_follow(network_of(&parts->records[i], step),
                               record_at(parts, &parts->records[i], r),
                               record_at(parts, &parts->records[i], r + 1));
}

/* ---- a step ---- */

static redux_status whole_step(double *loss, redux_context *context, const rdx_parts *parts,
                               const redux_objective_step *step, const rdx_part_fns *fns,
                               void *state)
{
    for (int64_t k = 0; k < parts->rounds; k++) {
        RDX_TRY(fns->forward(context, state, step, k, 0));
        if (fns->derive != NULL)
            RDX_TRY(fns->derive(loss, context, state, step, k));
        RDX_TRY(fns->backward(loss, context, state, step, k, 0, false));
    }
    return REDUX_OK;
}

static redux_status go_forward(redux_context *context, const rdx_parts *parts,
                               const redux_objective_step *step, const rdx_part_fns *fns,
                               void *state)
{
    for (int64_t i = parts->tree.first; i < parts->tree.end; i++)
        for (int64_t k = 0; k < parts->rounds; k++)
            RDX_TRY(fns->forward(context, state, step, k, i));
    return REDUX_OK;
}

static redux_status go_back(double *loss, redux_context *context, rdx_parts *parts,
                            const redux_objective_step *step, const rdx_part_fns *fns, void *state)
{
    for (int64_t k = 0; k < parts->rounds && fns->derive != NULL; k++)
        RDX_TRY(fns->derive(loss, context, state, step, k));
    for (int64_t i = parts->tree.first; i < parts->tree.end; i++) {
        const bool is_last = i + 1 == parts->tree.end;
        redux_network_zero_gradients(step->network);
        for (int64_t k = 0; k < parts->rounds; k++) {
            parts->ends = is_last && k + 1 == parts->rounds;
            RDX_TRY(fns->backward(&parts->losses[i], context, state, step, k, i, true));
        }
        if (!is_last)
            RDX_TRY(rdx_tree_add(&parts->tree, context, step->network->gradients, i));
    }
    return REDUX_OK;
}

/* A sum that is under way. */
typedef struct settling {
    rdx_tree *tree;
    redux_context *context;
    float *gradients;
} settling;

static redux_status settle(int64_t first, void *user)
{
    const settling *s = user;
    return rdx_tree_settle(s->tree, s->context, s->gradients, first);
}

redux_status rdx_parts_backward(rdx_parts *parts, redux_context *context, redux_network *network,
                                const redux_tensor *d_out, bool last)
{
    settling s = {&parts->tree, context, network->gradients};
    if (parts->ends && last) {
        network->settle = settle;
        network->settle_user = &s;
    }
    const redux_status status = redux_network_backward(network, context, d_out);
    network->settle = NULL;
    return status;
}

/* A rank whose backward failed takes part in the sum all the same, since others wait for it. */
static redux_status sum_gradients(redux_context *context, rdx_parts *parts,
                                  const redux_network *network, redux_status backward)
{
    if (backward != REDUX_OK && *rdx_context_failed_together(context))
        return backward;
    RDX_TRY(rdx_tree_finish(&parts->tree, context, network->gradients));
    return rdx_agree(context, backward);
}

static redux_status shared_step(double *loss, redux_context *context, rdx_parts *parts,
                                const redux_objective_step *step, const rdx_part_fns *fns,
                                void *state)
{
    memset(parts->losses, 0, (size_t)parts->count * sizeof *parts->losses);
    RDX_TRY(rdx_agree(context, go_forward(context, parts, step, fns, state)));
    RDX_TRY(gather(parts, context, RDX_AFTER_FORWARD));
    RDX_TRY(sum_gradients(context, parts, step->network,
                          go_back(loss, context, parts, step, fns, state)));
    RDX_TRY(gather(parts, context, RDX_AFTER_BACKWARD));
    for (int64_t i = 0; i < parts->count; i++)
        *loss += parts->losses[i];
    return REDUX_OK;
}

redux_status rdx_parts_step(double *loss, redux_context *context, rdx_parts *parts,
                            const redux_objective_step *step, const rdx_part_fns *fns, void *state)
{
    const int32_t ranks = rdx_ranks(context);
    *loss = 0;
    if (parts->count == 1 && ranks == 1)
        return whole_step(loss, context, parts, step, fns, state);
    begin_records(parts, step, rdx_rank(context));
    const redux_status status = shared_step(loss, context, parts, step, fns, state);
    end_records(parts, step);
    if (status == REDUX_OK)
        follow_records(parts, step, ranks);
    return status;
}
