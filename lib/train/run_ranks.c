/* SPDX-License-Identifier: MIT
 * A run on several ranks: each works on parts of every batch and makes the same steps; the first
 * one alone reads and writes the folder, and has the checkpoint. */
#include <stdlib.h>
#include <string.h>
#include "data/part.h"
#include "io/json.h"
#include "loader_parts.h"
#include "run.h"

bool rdx_run_writes(const rdx_run *run)
{
    return rdx_rank(run->context) == 0;
}

/* ---- beginning ---- */

redux_status rdx_run_agree(rdx_run *run)
{
    redux_status status = rdx_run_describe(run); /* slices are not known yet: 0 */
    char *text =
        status == REDUX_OK ? rdx_json_text(run->settings, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(run->settings);
    run->settings = NULL;
    if (status == REDUX_OK && text == NULL)
        status = rdx_fail(REDUX_E_NO_MEMORY, "out of memory");
    if (status == REDUX_OK && run->objective->mark == NULL)
        status = rdx_fail(REDUX_E_UNSUPPORTED,
                          "objective %s: it does not say which parts of a batch it can work on by "
                          "themselves, so processes cannot share it: train on one",
                          redux_objective_name(run->objective));
    status = rdx_agree(run->context, status);
    if (status == REDUX_OK)
        status = rdx_ranks_agree(run->context, run->dataset, text);
    free(text);
    return rdx_agree(run->context, status);
}

/* Where a run is. */
typedef struct run_place {
    int64_t step, slices, complete;
    double epoch_loss, first_loss, last_loss;
} run_place;

redux_status rdx_run_share_place(rdx_run *run)
{
    run_place p = {run->step,       run->slices,     run->complete,
                   run->epoch_loss, run->first_loss, run->last_loss};
    RDX_TRY(rdx_broadcast(run->context, &p, sizeof p));
    run->step = p.step;
    run->slices = p.slices;
    run->complete = p.complete != 0;
    run->epoch_loss = p.epoch_loss;
    run->first_loss = p.first_loss;
    run->last_loss = p.last_loss;
    return REDUX_OK;
}

/* Elements lie one after the other, whatever the order of the axes is. */
static redux_status share_tensor(redux_context *context, const redux_tensor *tensor)
{
    return rdx_broadcast(context, tensor->data,
                         (uint64_t)redux_tensor_elements(tensor) * redux_dtype_size(tensor->dtype));
}

redux_status rdx_run_share_tensors(rdx_run *run)
{
    int64_t steps = redux_optimiser_steps(run->optimiser);
    RDX_TRY(rdx_broadcast(run->context, &steps, sizeof steps));
    redux_optimiser_set_steps(run->optimiser, steps);
    for (int64_t i = 0; i < run->parameter_count; i++)
        RDX_TRY(share_tensor(run->context, &run->parameters[i]->value));
    for (int64_t i = 0; i < redux_optimiser_tensor_count(run->optimiser); i++)
        RDX_TRY(share_tensor(run->context, &redux_optimiser_tensor(run->optimiser, i)->value));
    return REDUX_OK;
}

static const rdx_parts *parts_of(const rdx_run *run)
{
    return run->state;
}

static void mark(uint8_t *wanted, int64_t *room, const void *user, int64_t batch)
{
    const rdx_run *run = user;
    run->objective->mark(wanted, room, run->state, batch);
}

redux_status rdx_run_begin_loader(rdx_run *run)
{
    const rdx_wishes wishes = {mark, run};
    return rdx_loader_begin(run->loader, rdx_ranks(run->context) > 1 ? &wishes : NULL);
}

void rdx_run_name_idle(const rdx_run *run)
{
    const int32_t ranks = rdx_ranks(run->context);
    if (ranks == 1 || !rdx_run_writes(run) || run->complete || parts_of(run)->count >= ranks)
        return;
    const int64_t parts = parts_of(run)->count;
    if (parts + 1 == ranks)
        rdx_log(run->context, REDUX_LOG_WARNING,
                "rank %lld has nothing to do: a batch has %lld part%s; a smaller part makes more",
                (long long)parts, (long long)parts, parts == 1 ? "" : "s");
    else
        rdx_log(run->context, REDUX_LOG_WARNING,
                "ranks %lld to %d have nothing to do: a batch has %lld part%s; a smaller part "
                "makes more",
                (long long)parts, (int)ranks - 1, (long long)parts, parts == 1 ? "" : "s");
}

redux_status rdx_run_make_prints(uint64_t *prints, const rdx_run *run, uint8_t *wanted)
{
    const int64_t slices = redux_dataset_slice_count(run->dataset);
    const int32_t ranks = rdx_ranks(run->context);
    int32_t *owner = NULL;
    redux_status status =
        ranks == 1 ? REDUX_OK : rdx_dataset_parts(&owner, run->context, run->dataset, ranks, false);
    for (int64_t i = 0; i < slices && status == REDUX_OK && ranks > 1; i++)
        wanted[i] = wanted[i] && owner[i] == rdx_rank(run->context);
    if (status == REDUX_OK)
        status = redux_dataset_fingerprints(prints, run->context, run->dataset, wanted);
    status = rdx_agree(run->context, status);
    if (status == REDUX_OK)
        status = rdx_gather_owned(run->context, prints, sizeof *prints, owner, slices);
    rdx_free(owner);
    return status;
}

/* ---- ending ---- */

redux_status rdx_run_gather_traffic(rdx_run *run)
{
    rdx_run_traffic mine = {.seconds = rdx_seconds() - run->started};
    void *all = NULL;
    if (rdx_ranks(run->context) == 1) /* the context may be NULL */
        return REDUX_OK;
    const rdx_traffic *own = rdx_context_traffic(run->context);
    mine.parts = parts_of(run)->tree.end - parts_of(run)->tree.first;
    for (int i = 0; i < RDX_PURPOSES; i++) {
        mine.of[i].bytes_sent = own[i].bytes_sent - run->traffic_before[i].bytes_sent;
        mine.of[i].seconds = own[i].seconds - run->traffic_before[i].seconds;
    }
    RDX_TRY(rdx_gather_equal(&all, run->context, &mine, sizeof mine));
    run->traffic = all;
    return REDUX_OK;
}

redux_status rdx_run_meet(rdx_run *run)
{
    int32_t nothing = 0;
    return rdx_broadcast(run->context, &nothing, sizeof nothing);
}
