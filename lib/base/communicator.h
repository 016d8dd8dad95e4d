/* SPDX-License-Identifier: MIT
 * Ranks that work together, as the library sees them: collective operations over the messages of a
 * context's communicator. Without one, and with one rank, they do nothing. Every rank calls them in
 * the same order, on the thread that called the library. Internal. */
#ifndef RDX_COMMUNICATOR_H
#define RDX_COMMUNICATOR_H

#include "base.h"

int32_t rdx_rank(const redux_context *context);
int32_t rdx_ranks(const redux_context *context);

/* What passed between this rank and others since the context was made, by what it was for. */
typedef enum rdx_purpose {
    RDX_FOR_AGREEMENT,
    RDX_FOR_GATHERING,
    RDX_FOR_SUMMING,
    RDX_FOR_BROADCASTING,
    RDX_PURPOSES
} rdx_purpose;

typedef struct rdx_traffic {
    uint64_t bytes_sent;
    double seconds; /* in exchanges, waiting for others included */
} rdx_traffic;

/* [RDX_PURPOSES] */
rdx_traffic *rdx_context_traffic(redux_context *context);
const char *rdx_purpose_name(rdx_purpose purpose);

/* ---- messages.c: single messages, of which those between two ranks arrive in order ---- */

/* One under way to a rank or from it; request NULL: there is none, or it is done. */
typedef struct rdx_message {
    void *request;
    int32_t rank;
    bool is_sent;
} rdx_message;

/* Begins one; the bytes (not 0 of them) stay in place until it is done. */
redux_status rdx_message_send(rdx_message *out, redux_context *context, const void *bytes,
                              size_t size, int32_t to);
redux_status rdx_message_receive(rdx_message *out, redux_context *context, void *bytes, size_t size,
                                 int32_t from);
/* Looks whether it is done; does not wait. */
redux_status rdx_message_test(rdx_message *message, redux_context *context);
/* Gives it up, if it is not done. */
void rdx_message_cancel(rdx_message *message, redux_context *context);

/* A wait; begins with zeros. */
typedef struct rdx_wait {
    double start;
    int64_t round;
    int32_t suspect; /* the rank that is missing, as far as is known, */
    double asked;    /* and when it was asked; 0: not yet */
} rdx_wait;

/* Pauses between two tests while this rank waits for that one, at most until the time limit. */
redux_status rdx_wait_round(rdx_wait *wait, redux_context *context, int32_t rank);

/* ---- communicator.c: what all ranks do together ---- */

/* Begins a call in which ranks work together. */
void rdx_agree_begin(redux_context *context);
/* Ends a piece of work that each rank did by itself: REDUX_OK if all did it, else the failure of
 * the lowest rank that failed, on all of them. After such a failure, ranks agree on nothing more
 * in this call: each returns. A rank that fails by itself therefore goes to the call's last
 * agreement, which meets the next one of the others. */
redux_status rdx_agree(redux_context *context, redux_status status);

/* Notes a failure while others wait for messages of this rank, which can then agree on nothing more
 * in this call: what it sent next would be taken for those. Returns the status. */
redux_status rdx_in_step(redux_context *context, redux_status status);

/* Whether all ranks have the same text; else REDUX_E_INVALID, which names a rank that differs and
 * its text. `what` they are, for the message. */
redux_status rdx_agree_on(redux_context *context, const char *what, const char *text);

/* Gives every rank the blocks of all, one after the other: sizes[rank] bytes each. The caller frees
 * *out and *sizes. */
redux_status rdx_gather(void **out, uint64_t **sizes, redux_context *context, const void *block,
                        uint64_t size);
/* The same with blocks of one size on every rank; REDUX_E_INVALID where a rank's is of another. */
redux_status rdx_gather_equal(void **out, redux_context *context, const void *block, uint64_t size);

/* Gives every rank the rows of all: row i of `rows` is right on rank owner[i]. */
redux_status rdx_gather_owned(redux_context *context, void *rows, uint64_t row_bytes,
                              const int32_t *owner, int64_t count);

/* Gives every rank the blocks of all, in place: blocks[r] of sizes[r] bytes is right on rank r, and
 * sizes are the same on all. Allocates nothing. */
redux_status rdx_gather_blocks(redux_context *context, char *const *blocks, const uint64_t *sizes);

/* Gives every rank what rank 0 has. Allocates nothing. */
redux_status rdx_broadcast(redux_context *context, void *bytes, uint64_t size);

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

/* ---- tree_sum.c: sums whose order of additions does not depend on the ranks ---- */

/* Leaves 0 ... leaves - 1 of a binary tree, each `count` floats. Node j of level l is the sum of
 * leaves j 2^l ... (j + 1) 2^l - 1, made of its two children; one whose second child would begin
 * beyond the last leaf is its first child. Ranks have runs of leaves; a node belongs to the rank of
 * its first leaf. */
typedef struct rdx_tree {
    int64_t leaves, count;
    int64_t first, end; /* this rank's leaves; none where there are more ranks than leaves */
    int64_t sharing;    /* ranks with leaves */
    float **rooms;      /* [depth]: nodes whose sibling is not there yet */
    int64_t depth, used;
    struct rdx_flow *flow; /* from this rank's last leaf on */
} rdx_tree;

/* The first leaf of a rank's run, which ends where the next one's begins. */
int64_t rdx_tree_bound(const rdx_tree *tree, int64_t rank);
/* Allocates what sums need: a copy of the floats for each level of the tree at most, and for runs
 * that begin within it up to twice as many. */
redux_status rdx_tree_init(rdx_tree *out, redux_context *context, int64_t leaves, int64_t count);
void rdx_tree_clear(rdx_tree *tree);
/* Takes up this rank's next leaf but its last, from `values`, whose contents are then of no use. */
redux_status rdx_tree_add(rdx_tree *tree, redux_context *context, float *values, int64_t leaf);
/* The last leaf is in `values`, final from float `from` on; what is before may still change. Sums
 * as far as messages of others allow, without waiting. May be called as often as there is time. */
redux_status rdx_tree_settle(rdx_tree *tree, redux_context *context, float *values, int64_t from);
/* All of the last leaf is final: `values` becomes the sum of all leaves, on every rank. */
redux_status rdx_tree_finish(rdx_tree *tree, redux_context *context, float *values);

#endif
