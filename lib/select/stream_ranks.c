/* SPDX-License-Identifier: MIT
 * Images of one group, read by all ranks together: each reads a share of what comes next, and all
 * get the items of all, in order. A slice is read by one rank alone. */
#include <stdlib.h>
#include <string.h>
#include "select.h"

#define SHARE_BYTES ((int64_t)8 << 20)
#define ALL_SHARES_BYTES ((int64_t)256 << 20) /* that a rank holds at once */
#define BATCH_ITEMS 64

/* A slice of a share: this, and then its item of each stage. */
typedef struct record {
    int64_t row;
    int64_t flat;
} record;

/* The records of one rank's share. */
typedef struct share {
    const rdx_stream *stream;
    char *bytes;
    int64_t size, capacity;
} share;

static size_t item_bytes(const redux_tensor *items)
{
    return (size_t)items->strides[0] * redux_dtype_size(items->dtype);
}

static redux_status pack(void *user, redux_context *context, const redux_tensor *items,
                         const int64_t *rows)
{
    share *s = user;
    const rdx_stream *stream = s->stream;
    void *block = s->bytes;
    int64_t size = (int64_t)sizeof(record);
    for (int i = 0; i < stream->stage_count; i++)
        size += (int64_t)item_bytes(&items[i]);
    const redux_status status =
        rdx_grow(context, &block, &s->capacity, s->size, s->size + size * items->shape[0], 1);
    s->bytes = block;
    RDX_TRY(status);
    for (int64_t k = 0; k < items->shape[0]; k++) {
        const record head = {rows[k], stream->rows[rows[k]].flat};
        memcpy(s->bytes + s->size, &head, sizeof head);
        s->size += (int64_t)sizeof head;
        for (int i = 0; i < stream->stage_count; i++) {
            const size_t bytes = item_bytes(&items[i]);
            memcpy(s->bytes + s->size, (const char *)items[i].data + (size_t)k * bytes, bytes);
            s->size += (int64_t)bytes;
        }
    }
    return REDUX_OK;
}

/* ---- delivering ---- */

typedef struct delivery {
    rdx_stream *stream;
    const int64_t *list;
    int64_t count, share; /* slices of a share, at most */
    rdx_consume_fn consume;
    void *user;
    redux_tensor items[2];
    int64_t rows[BATCH_ITEMS];
    int64_t filled;
} delivery;

static redux_status hand_on(delivery *d)
{
    redux_tensor parts[2];
    for (int i = 0; i < d->stream->stage_count; i++) {
        parts[i] = d->items[i];
        parts[i].shape[0] = d->filled;
    }
    const redux_status status =
        d->filled == 0 ? REDUX_OK : d->consume(d->user, d->stream->context, parts, d->rows);
    d->filled = 0;
    return status;
}

/* Takes the record of a slice, and hands a full batch on. */
static redux_status take(delivery *d, const char **at)
{
    record head;
    memcpy(&head, *at, sizeof head);
    *at += sizeof head;
    d->stream->rows[head.row].flat = (int32_t)head.flat;
    d->rows[d->filled] = head.row;
    for (int i = 0; i < d->stream->stage_count; i++) {
        const size_t bytes = item_bytes(&d->items[i]);
        memcpy((char *)d->items[i].data + (size_t)d->filled * bytes, *at, bytes);
        *at += bytes;
    }
    return ++d->filled == BATCH_ITEMS ? hand_on(d) : REDUX_OK;
}

/* The records of a share, which begins at a place in the list. Slices without one could not be
 * read. */
static redux_status deliver(delivery *d, int64_t first, int64_t end, const char *at, uint64_t size)
{
    const char *last = at + size;
    for (int64_t place = first; place < end; place++) {
        int64_t row = -1;
        if (at < last)
            memcpy(&row, at, sizeof row);
        d->stream->rows[d->list[place]].skipped = row != d->list[place];
        if (row == d->list[place])
            RDX_TRY(take(d, &at));
    }
    return hand_on(d);
}

/* ---- reading ---- */

/* Where the share that begins at a place ends: before a volume that it has no room for, unless that
 * is its first. */
static int64_t share_end(const delivery *d, int64_t first)
{
    const redux_row *rows = d->stream->rows;
    const int64_t most = RDX_MIN(first + d->share, d->count);
    int64_t end = most;
    while (most < d->count && end > first &&
           rows[d->list[end]].volume == rows[d->list[end - 1]].volume)
        end--;
    return end > first ? end : most;
}

/* Reads and delivers one share of each rank, from *at on. */
static redux_status read_round(delivery *d, int64_t *ends, int64_t *at)
{
    rdx_stream *stream = d->stream;
    redux_context *context = stream->context;
    const int32_t ranks = rdx_ranks(context), rank = rdx_rank(context);
    share own = {.stream = stream};
    uint64_t *sizes = NULL;
    void *all = NULL;
    bool ragged = false;
    ends[0] = *at;
    for (int32_t r = 0; r < ranks; r++)
        ends[r + 1] = share_end(d, ends[r]);
    redux_status status = rdx_stream_images(stream, d->list + ends[rank],
                                            ends[rank + 1] - ends[rank], true, &ragged, pack, &own);
    status = rdx_agree(context, status);
    if (status == REDUX_OK)
        status = rdx_gather(&all, &sizes, context, own.bytes, (uint64_t)own.size);
    rdx_free(own.bytes);
    RDX_TRY(status);
    const char *bytes = all;
    for (int32_t r = 0; r < ranks && status == REDUX_OK; bytes += sizes[r++])
        status = deliver(d, ends[r], ends[r + 1], bytes, sizes[r]);
    rdx_free(all);
    rdx_free(sizes);
    *at = ends[ranks];
    return status;
}

static redux_status make_room(delivery *d)
{
    const rdx_stream *stream = d->stream;
    const int64_t ranks = rdx_ranks(stream->context), size = stream->options->size;
    const redux_dtype dtype = redux_window_dtype(stream->options->window);
    const int64_t shape[3] = {BATCH_ITEMS, size, size};
    const int64_t bytes = size * size * (int64_t)redux_dtype_size(dtype);
    const int64_t fit = RDX_MIN(SHARE_BYTES, ALL_SHARES_BYTES / ranks) / bytes;
    d->share = RDX_MAX(RDX_MIN(fit, (d->count + ranks - 1) / ranks), 1);
    for (int i = 0; i < stream->stage_count; i++)
        if (stream->stages[i].feature == RDX_FEATURE_IMAGE)
            RDX_TRY(redux_tensor_new(&d->items[i], stream->context, dtype, 3, shape));
        else
            RDX_TRY(rdx_stream_new_items(&d->items[i], stream, &stream->stages[i], BATCH_ITEMS));
    return REDUX_OK;
}

redux_status rdx_stream_together(rdx_stream *stream, const int64_t *list, int64_t count,
                                 rdx_consume_fn consume, void *user)
{
    delivery d = {.stream = stream, .list = list, .count = count, .consume = consume, .user = user};
    void *block;
    RDX_TRY(rdx_alloc(stream->context, &block, (uint64_t)rdx_ranks(stream->context) + 1,
                      sizeof(int64_t)));
    redux_status status = make_room(&d);
    for (int64_t at = 0; at < count && status == REDUX_OK;)
        status = read_round(&d, block, &at);
    redux_tensor_release(&d.items[0]);
    redux_tensor_release(&d.items[1]);
    rdx_free(block);
    return status == REDUX_OK ? rdx_ranks_share_notes(stream->shared, stream->context) : status;
}
