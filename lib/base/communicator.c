/* SPDX-License-Identifier: MIT
 * Collective operations over a communicator's messages. */
#include "communicator.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <redux/context.h>
#include <redux/communicator.h>

#define MOST_BYTES ((uint64_t)1 << 48)
#define PIECE ((size_t)64 << 20) /* a message's most bytes */
#define LINK                                                                                       \
    ((uint64_t)512 << 10) /* a broadcast's: long beside latencies, short beside gradients */

static const redux_communicator *of(const redux_context *context)
{
    const redux_communicator *communicator = rdx_context_communicator(context);
    return communicator == NULL || communicator->size < 2 ? NULL : communicator;
}

int32_t rdx_rank(const redux_context *context)
{
    return of(context) == NULL ? 0 : of(context)->rank;
}

int32_t rdx_ranks(const redux_context *context)
{
    return of(context) == NULL ? 1 : of(context)->size;
}

/* ---- counting ---- */

const char *rdx_purpose_name(rdx_purpose purpose)
{
    static const char *const names[RDX_PURPOSES] = {"agreement", "gathering", "summing",
                                                    "broadcasting"};
    return names[purpose];
}

static size_t piece_at(uint64_t at, uint64_t size)
{
    return at < size ? (size_t)RDX_MIN(size - at, PIECE) : 0;
}

redux_status rdx_in_step(redux_context *context, redux_status status)
{
    if (status != REDUX_OK)
        *rdx_context_failed_together(context) = true;
    return status;
}

/* One message each way at most, whole or a piece. Waits for both at once, so that neighbours that
 * send to each other do not block. */
static redux_status exchange_piece(redux_context *context, rdx_message *out, const void *sent,
                                   size_t out_size, rdx_message *in, void *received, size_t in_size)
{
    rdx_wait wait = {0};
    if (out_size > 0)
        RDX_TRY(rdx_message_send(out, context, sent, out_size, out->rank));
    if (in_size > 0)
        RDX_TRY(rdx_message_receive(in, context, received, in_size, in->rank));
    for (;;) {
        RDX_TRY(rdx_message_test(out, context));
        RDX_TRY(rdx_message_test(in, context));
        if (out->request == NULL && in->request == NULL)
            return REDUX_OK;
        RDX_TRY(rdx_wait_round(&wait, context, out->request == NULL ? in->rank : out->rank));
    }
}

/* Sends to one rank while it receives from another, piece by piece; either may be empty. */
static redux_status exchange(redux_context *context, rdx_purpose purpose, const void *out,
                             uint64_t out_size, int32_t to, void *in, uint64_t in_size,
                             int32_t from)
{
    rdx_traffic *traffic = &rdx_context_traffic(context)[purpose];
    const double start = rdx_seconds();
    redux_status status = REDUX_OK;
    for (uint64_t at = 0; (at < out_size || at < in_size) && status == REDUX_OK; at += PIECE) {
        rdx_message sent = {.rank = to}, received = {.rank = from};
        status = exchange_piece(context, &sent, (const char *)out + at, piece_at(at, out_size),
                                &received, (char *)in + at, piece_at(at, in_size));
        rdx_message_cancel(&sent, context); /* what a failure left */
        rdx_message_cancel(&received, context);
    }
    traffic->bytes_sent += out_size;
    traffic->seconds += rdx_seconds() - start;
    return rdx_in_step(context, status);
}

/* ---- around the ring ---- */

/* Each rank hands on to the next one what it got last, until all have all. */
redux_status rdx_gather_blocks(redux_context *context, char *const *blocks, const uint64_t *sizes)
{
    const int32_t size = rdx_ranks(context), rank = rdx_rank(context);
    for (int32_t step = 0; step + 1 < size; step++) {
        const int32_t out = (rank - step + size) % size, in = (rank - step - 1 + size) % size;
        RDX_TRY(exchange(context, RDX_FOR_GATHERING, blocks[out], sizes[out], (rank + 1) % size,
                         blocks[in], sizes[in], (rank - 1 + size) % size));
    }
    return REDUX_OK;
}

static redux_status gather_sizes(uint64_t *sizes, redux_context *context, uint64_t own)
{
    const int32_t size = rdx_ranks(context);
    uint64_t *each;
    char **blocks;
    void *memory;
    RDX_TRY(rdx_alloc(context, &memory, (uint64_t)size, sizeof *each + sizeof *blocks));
    each = memory;
    blocks = (char **)(each + size);
    for (int32_t r = 0; r < size; r++) {
        each[r] = sizeof *sizes;
        blocks[r] = (char *)&sizes[r];
    }
    sizes[rdx_rank(context)] = own;
    redux_status status = rdx_gather_blocks(context, blocks, each);
    for (int32_t r = 0; r < size && status == REDUX_OK; r++)
        if (sizes[r] > MOST_BYTES)
            status = rdx_fail(REDUX_E_INVALID,
                              "rank %d is of another byte order or does something else", (int)r);
    rdx_free(memory);
    return status;
}

static redux_status gather_blocks(void **out, const uint64_t *sizes, redux_context *context,
                                  const void *block)
{
    const int32_t size = rdx_ranks(context), rank = rdx_rank(context);
    uint64_t total = 0;
    void *memory;
    for (int32_t r = 0; r < size; r++)
        total += sizes[r];
    RDX_TRY(rdx_alloc(context, &memory, (uint64_t)size, sizeof(char *)));
    char **blocks = memory;
    redux_status status = rdx_alloc(context, out, 1, total + 1);
    if (status == REDUX_OK) {
        char *at = *out;
        for (int32_t r = 0; r < size; at += sizes[r++])
            blocks[r] = at;
        if (sizes[rank] > 0)
            memcpy(blocks[rank], block, (size_t)sizes[rank]);
        status = rdx_gather_blocks(context, blocks, sizes);
        if (status != REDUX_OK)
            rdx_free(*out);
    }
    rdx_free(memory);
    return status;
}

static redux_status gather(void **out, uint64_t **sizes, redux_context *context, const void *block,
                           uint64_t size)
{
    void *memory;
    RDX_TRY(rdx_alloc(context, &memory, (uint64_t)rdx_ranks(context), sizeof **sizes));
    *sizes = memory;
    redux_status status = gather_sizes(*sizes, context, size);
    if (status == REDUX_OK)
        status = gather_blocks(out, *sizes, context, block);
    if (status != REDUX_OK)
        rdx_free(memory);
    return status;
}

redux_status rdx_gather(void **out, uint64_t **sizes, redux_context *context, const void *block,
                        uint64_t size)
{
    return rdx_in_step(context, gather(out, sizes, context, block, size));
}

redux_status rdx_gather_equal(void **out, redux_context *context, const void *block, uint64_t size)
{
    uint64_t *sizes = NULL;
    RDX_TRY(rdx_gather(out, &sizes, context, block, size));
    int32_t r = 0;
    while (r < rdx_ranks(context) && sizes[r] == size)
        r++;
    rdx_free(sizes);
    if (r == rdx_ranks(context))
        return REDUX_OK;
    rdx_free(*out);
    return rdx_in_step(context, rdx_fail(REDUX_E_INVALID, "rank %d does something else", (int)r));
}

/* ---- along a chain ---- */

/* Each rank hands a piece on to the next one while it receives the next piece, so that all have all
 * in little more time than one message takes. */
static redux_status broadcast(redux_context *context, rdx_purpose purpose, void *bytes,
                              uint64_t size, int32_t root)
{
    const int32_t ranks = rdx_ranks(context), rank = rdx_rank(context);
    const int32_t place = (rank - root + ranks) % ranks;
    char *data = bytes;
    for (uint64_t at = 0; ranks > 1 && at < size + LINK; at += LINK) {
        const uint64_t in = place > 0 && at < size ? RDX_MIN(size - at, LINK) : 0;
        const uint64_t out = place < ranks - 1 && at > 0 ? RDX_MIN(size - at + LINK, LINK) : 0;
        RDX_TRY(exchange(context, purpose, at > 0 ? data + at - LINK : NULL, out,
                         (rank + 1) % ranks, at < size ? data + at : NULL, in,
                         (rank - 1 + ranks) % ranks));
    }
    return REDUX_OK;
}

redux_status rdx_broadcast(redux_context *context, void *bytes, uint64_t size)
{
    return broadcast(context, RDX_FOR_BROADCASTING, bytes, size, 0);
}

/* ---- what is built on it ---- */

/* One rank's part of an agreement. */
typedef struct verdict {
    int32_t status;
    char message[508];
} verdict;

void rdx_agree_begin(redux_context *context)
{
    if (of(context) != NULL)
        *rdx_context_failed_together(context) = false;
}

/* The lowest rank that failed; the number of ranks if none did. In the k-th round each rank hears
 * what rank - 2^k knows, so that after log2 of their number all know all. */
static redux_status lowest_failed(int32_t *lowest, redux_context *context, redux_status status)
{
    const int32_t size = rdx_ranks(context), rank = rdx_rank(context);
    *lowest = status == REDUX_OK ? size : rank;
    for (int32_t step = 1; step < size; step *= 2) {
        const int32_t own = *lowest;
        int32_t other;
        RDX_TRY(exchange(context, RDX_FOR_AGREEMENT, &own, sizeof own, (rank + step) % size, &other,
                         sizeof other, (rank - step + size) % size));
        *lowest = RDX_MIN(own, other);
    }
    return REDUX_OK;
}

/* Allocates nothing, since the failure may be a lack of memory. */
redux_status rdx_agree(redux_context *context, redux_status status)
{
    const int32_t size = rdx_ranks(context);
    verdict told = {.status = (int32_t)status};
    int32_t failed;
    if (size == 1 || *rdx_context_failed_together(context))
        return status;
    if (status != REDUX_OK)
        snprintf(told.message, sizeof told.message, "%s", redux_error_message());
    RDX_TRY(lowest_failed(&failed, context, status));
    if (failed == size)
        return REDUX_OK;
    RDX_TRY(broadcast(context, RDX_FOR_AGREEMENT, &told, sizeof told, failed));
    *rdx_context_failed_together(context) = true;
    if (failed == rdx_rank(context))
        return rdx_fail_again(status, told.message);
    return rdx_fail((redux_status)told.status, "rank %d: %.500s", (int)failed, told.message);
}

redux_status rdx_agree_on(redux_context *context, const char *what, const char *text)
{
    const int32_t size = rdx_ranks(context);
    uint64_t *sizes = NULL;
    void *all = NULL;
    redux_status status = REDUX_OK;
    if (size == 1)
        return REDUX_OK;
    RDX_TRY(rdx_gather(&all, &sizes, context, text, strlen(text) + 1));
    const char *first = all, *at = all;
    for (int32_t r = 0; r < size && status == REDUX_OK; at += sizes[r++])
        if (sizes[r] != sizes[0] || memcmp(at, first, (size_t)sizes[0]) != 0) {
            int64_t same = 0; /* a little of what they share shows where they begin to differ */
            while (same < (int64_t)RDX_MIN(sizes[0], sizes[r]) && first[same] == at[same])
                same++;
            same = same > 40 ? same - 30 : 0;
            status = rdx_fail(REDUX_E_INVALID,
                              "ranks differ in %s: rank 0 has %.160s, rank %d has %.160s", what,
                              first + same, (int)r, at + same);
        }
    rdx_free(all);
    rdx_free(sizes);
    return status;
}

static redux_status gather_owned(redux_context *context, void *rows, uint64_t row_bytes,
                                 const int32_t *owner, int64_t count)
{
    const int32_t size = rdx_ranks(context), rank = rdx_rank(context);
    char *data = rows;
    void *memory, *all = NULL;
    uint64_t own = 0;
    for (int64_t i = 0; i < count; i++)
        own += owner[i] == rank ? row_bytes : 0;
    RDX_TRY(rdx_alloc_zero(context, &memory, 1, own + 2 * (uint64_t)size * sizeof(uint64_t)));
    uint64_t *sizes = memory, *at = sizes + size;
    char *packed = (char *)(at + size);
    for (int64_t i = 0; i < count; i++) {
        if (owner[i] == rank)
            memcpy(packed + sizes[rank], data + (uint64_t)i * row_bytes, (size_t)row_bytes);
        sizes[owner[i]] += row_bytes;
    }
    redux_status status = gather_blocks(&all, sizes, context, packed);
    for (int32_t r = 1; r < size; r++)
        at[r] = at[r - 1] + sizes[r - 1];
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        memcpy(data + (uint64_t)i * row_bytes, (const char *)all + at[owner[i]], (size_t)row_bytes);
        at[owner[i]] += row_bytes;
    }
    if (status == REDUX_OK)
        rdx_free(all);
    rdx_free(memory);
    return status;
}

redux_status rdx_gather_owned(redux_context *context, void *rows, uint64_t row_bytes,
                              const int32_t *owner, int64_t count)
{
    return rdx_ranks(context) == 1
               ? REDUX_OK
               : rdx_in_step(context, gather_owned(context, rows, row_bytes, owner, count));
}

redux_status rdx_sum(redux_context *context, int64_t *numbers, int64_t count)
{
    const int32_t size = rdx_ranks(context);
    void *all = NULL;
    if (size == 1)
        return REDUX_OK;
    RDX_TRY(rdx_gather_equal(&all, context, numbers, (uint64_t)count * sizeof *numbers));
    const int64_t *each = all;
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = 0;
        for (int32_t r = 0; r < size; r++)
            numbers[i] += each[r * count + i];
    }
    rdx_free(all);
    return REDUX_OK;
}

redux_status redux_context_get_traffic(redux_traffic *out, const redux_context *context)
{
    if (context == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_context_get_traffic: the context is NULL");
    const rdx_traffic *t = rdx_context_traffic((redux_context *)(uintptr_t)context);
    const redux_traffic known = {.agreement_bytes = (int64_t)t[RDX_FOR_AGREEMENT].bytes_sent,
                                 .gathering_bytes = (int64_t)t[RDX_FOR_GATHERING].bytes_sent,
                                 .summing_bytes = (int64_t)t[RDX_FOR_SUMMING].bytes_sent,
                                 .broadcasting_bytes = (int64_t)t[RDX_FOR_BROADCASTING].bytes_sent,
                                 .agreement_seconds = t[RDX_FOR_AGREEMENT].seconds,
                                 .gathering_seconds = t[RDX_FOR_GATHERING].seconds,
                                 .summing_seconds = t[RDX_FOR_SUMMING].seconds,
                                 .broadcasting_seconds = t[RDX_FOR_BROADCASTING].seconds};
    return rdx_write_result(out, &known, sizeof known, "redux_traffic");
}
