/* SPDX-License-Identifier: MIT
 * What ranks that load together read, and on which slices they agree. Each makes the order of all
 * slices and takes the views that it works on. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "base/communicator.h"
#include "data/part.h"
#include "loader_parts.h"

/* ---- wishes ---- */

redux_status rdx_share_init(rdx_share *out, redux_context *context, rdx_catalogue *catalogue,
                            const rdx_wishes *wishes, int64_t views, int64_t batch)
{
    void *block;
    *out = (rdx_share){.wishes = *wishes,
                       .catalogue = catalogue,
                       .views = views,
                       .batch = batch,
                       .batches = catalogue->item_count / batch};
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)batch, sizeof *out->room));
    out->room = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)(views * batch), 1));
    out->read_wanted = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)batch, sizeof *out->read_room));
    out->read_room = block;
    return REDUX_OK;
}

void rdx_share_clear(rdx_share *share)
{
    rdx_free(share->room);
    rdx_free(share->read_wanted);
    rdx_free(share->read_room);
}

static void mark(uint8_t *wanted, int64_t *room, const rdx_share *share, int64_t batch)
{
    memset(wanted, 0, (size_t)(share->views * share->batch));
    share->wishes.mark(wanted, room, share->wishes.user, batch);
}

void rdx_share_mark(uint8_t *wanted, const rdx_share *share, int64_t batch)
{
    mark(wanted, share->room, share, batch);
}

/* Marks slices of a batch that any wish needs, between two places of its epoch's order; how many
 * were not marked before. */
static int64_t mark_needed(const rdx_share *share, const rdx_epoch_order *order, int64_t batch,
                           int64_t from, int64_t to)
{
    const int64_t start = batch % share->batches * share->batch;
    int64_t count = 0;
    mark(share->read_wanted, share->read_room, share, batch);
    for (int64_t i = 0; i < share->views * share->batch; i++) {
        const int64_t at = start + i % share->batch;
        if (share->read_wanted[i] == 0 || at < from || at >= to)
            continue;
        bool *needed = &share->catalogue->items[order->items[at]].needed;
        count += !*needed;
        *needed = true;
    }
    return count;
}

void rdx_share_mark_chunk(const rdx_share *share, const rdx_epoch_order *order, int64_t from,
                          int64_t to)
{
    const int64_t first = order->epoch * share->batches;
    for (int64_t at = from; at < to; at++)
        share->catalogue->items[order->items[at]].needed = false;
    for (int64_t b = from / share->batch; b < share->batches && b * share->batch < to; b++)
        mark_needed(share, order, first + b, from, to);
}

/* In so many epochs a rank meets nearly all slices: for a longer run it reads all. */
enum { EPOCHS_AHEAD = 64 };

void rdx_share_mark_all(const rdx_share *share, rdx_epoch_order *order, int64_t first, int64_t end)
{
    rdx_catalogue *catalogue = share->catalogue;
    const int64_t epoch = first / share->batches;
    const bool is_long = end / share->batches - epoch > EPOCHS_AHEAD;
    int64_t missing = is_long ? 0 : catalogue->item_count;
    for (int64_t i = 0; i < catalogue->item_count; i++)
        catalogue->items[i].needed = is_long;
    for (int64_t b = first; b < end && missing > 0; b++) {
        if (order->epoch != b / share->batches)
            rdx_order_make(order, catalogue, b / share->batches);
        missing -= mark_needed(share, order, b, 0, INT64_MAX);
    }
    rdx_order_make(order, catalogue, epoch);
}

/* ---- which slices there are ---- */

static redux_status drop_together(rdx_catalogue *catalogue, redux_context *context,
                                  const int32_t *owner, uint8_t *dropped, rdx_try_fn try_needed,
                                  void *user)
{
    rdx_kept_slice *items = catalogue->items;
    const int64_t count = catalogue->item_count;
    for (int64_t i = 0; i < count; i++)
        items[i].needed = owner[i] == rdx_rank(context);
    RDX_TRY(rdx_agree(context, try_needed(user)));
    for (int64_t i = 0; i < count; i++)
        dropped[i] = items[i].dropped;
    RDX_TRY(rdx_gather_owned(context, dropped, 1, owner, count));
    for (int64_t i = 0; i < count; i++)
        items[i].dropped = dropped[i] != 0;
    rdx_catalogue_compact(catalogue);
    catalogue->blank = 0; /* they are counted again when they are read to be used */
    return REDUX_OK;
}

/* How many there are, and a number that tells them apart. */
static redux_status agree_on_items(const rdx_catalogue *catalogue, redux_context *context)
{
    char text[80];
    uLong crc = crc32(0, NULL, 0);
    for (int64_t i = 0; i < catalogue->item_count; i++)
        crc = crc32(crc, (const Bytef *)&catalogue->items[i].row, sizeof(int64_t));
    snprintf(text, sizeof text, "%lld (%08lx)", (long long)catalogue->item_count, crc);
    return rdx_agree_on(context, "the slices that can be read", text);
}

redux_status rdx_catalogue_agree(rdx_catalogue *catalogue, redux_context *context,
                                 rdx_try_fn try_needed, void *user)
{
    int32_t *owner = NULL;
    void *dropped = NULL;
    RDX_TRY(agree_on_items(catalogue, context));
    if (try_needed == NULL)
        return REDUX_OK;
    redux_status status =
        rdx_dataset_parts(&owner, context, catalogue->dataset, rdx_ranks(context), false);
    if (status == REDUX_OK)
        status = rdx_alloc(context, &dropped, (uint64_t)catalogue->item_count, 1);
    status = rdx_agree(context, status);
    if (status == REDUX_OK && owner != NULL && dropped != NULL) {
        for (int64_t i = 0; i < catalogue->item_count; i++) /* in place: rows are not before i */
            owner[i] = owner[catalogue->items[i].row];
        status = drop_together(catalogue, context, owner, dropped, try_needed, user);
    }
    rdx_free(dropped);
    rdx_free(owner);
    return status;
}
