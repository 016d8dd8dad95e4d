/* SPDX-License-Identifier: MIT
 * Ranks that work together, as the library sees them: collective operations over the messages of a
 * context's communicator. Without one, and with one rank, they do nothing. Every rank calls them in
 * the same order, on the thread that called the library. Internal. */
#ifndef RDX_COMMUNICATOR_H
#define RDX_COMMUNICATOR_H

#include "base.h"

int32_t rdx_rank(const redux_context *context);
int32_t rdx_ranks(const redux_context *context);

/* Begins a call in which ranks work together. */
void rdx_agree_begin(redux_context *context);
/* Ends a piece of work that each rank did by itself: REDUX_OK if all did it, else the failure of
 * the lowest rank that failed, on all of them. After one that failed, ranks agree on nothing more
 * in this call: each returns. Whoever fails by itself therefore goes to the call's last
 * agreement, which is the next one of the others. */
redux_status rdx_agree(redux_context *context, redux_status status);

/* Whether all ranks have the same text; else REDUX_E_INVALID, which names a rank that differs and
 * its text. `what` they are, for the message. */
redux_status rdx_agree_on(redux_context *context, const char *what, const char *text);

/* Gives every rank the blocks of all, one after the other: sizes[rank] bytes each. The caller frees
 * *out and *sizes. */
redux_status rdx_gather(void **out, uint64_t **sizes, redux_context *context, const void *block,
                        uint64_t size);

/* The same in place, where every rank knows all sizes: the block of this rank is in its place in
 * `all`, between those of the lower and of the higher ranks. */
redux_status rdx_gather_in_place(redux_context *context, void *all, const uint64_t *sizes);

/* Gives every rank the rows of all: row i of `rows` is right on rank owner[i]. */
redux_status rdx_gather_owned(redux_context *context, void *rows, uint64_t row_bytes,
                              const int32_t *owner, int64_t count);

/* The sum over ranks of each number, in place. */
redux_status rdx_sum(redux_context *context, int64_t *numbers, int64_t count);

/* ---- spread.c: a piece of work on numbered items, which ranks share out ---- */

/* Each rank works on a run of items of its own, and all get the results of all. */
typedef struct rdx_spread {
    redux_context *context;
    bool together;         /* else this rank works on all items, and nothing is exchanged */
    int64_t count;         /* of items */
    int64_t unit;          /* items of a task; runs are cut at multiples of it */
    const int64_t *starts; /* where the results of each item begin, count + 1 numbers; NULL: item i
                              has result i */
    int64_t first, end;    /* set by rdx_spread_begin: the items of this rank */
} rdx_spread;

void rdx_spread_begin(rdx_spread *spread);
/* Runs the task for each unit of this rank's items, in parallel, and ends the work on them. */
redux_status rdx_spread_run(const rdx_spread *spread, rdx_task_fn task, void *user);
/* Ends this rank's work: REDUX_OK if all did theirs. */
redux_status rdx_spread_end(const rdx_spread *spread, redux_status status);
/* Completes an array of results, each of this size, after rdx_spread_end or rdx_spread_run. */
redux_status rdx_spread_gather(const rdx_spread *spread, void *results, size_t size);

#endif
