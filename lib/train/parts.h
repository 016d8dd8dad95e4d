/* SPDX-License-Identifier: MIT
 * A batch in parts, on one process or shared out to ranks. Internal.
 *
 * An objective says what one part does; what runs when, and on which rank, is the same for all of
 * them. A part takes one forward pass of each kind that the objective has, or a run of them:
 *
 *   forward of each part     what the whole batch has to know of it: embeddings, keys, targets
 *   derive                   on every rank, from that of all parts: the loss, derivatives
 *   backward of each part    its gradients, from a forward of its own
 *   the sum                  over a fixed tree of parts (base/communicator.h), so that neither the
 *                            number of ranks nor their speed matters; begun by the last backward,
 *                            layer by layer
 *
 * A batch of one part, on one process, needs no second forward and no sum. */
#ifndef RDX_PARTS_H
#define RDX_PARTS_H

#include <redux/objective.h>
#include "base/communicator.h"

/* What an objective does with a part; `round`: objectives whose views fall into pairs that do not
 * meet take one pair after the other. */
typedef struct rdx_part_fns {
    redux_status (*forward)(redux_context *context, void *state, const redux_objective_step *step,
                            int64_t round, int64_t part);
    /* NULL: nothing. Adds to *loss. */
    redux_status (*derive)(double *loss, redux_context *context, void *state,
                           const redux_objective_step *step, int64_t round);
    /* Adds to the network's gradients (by rdx_parts_backward), and to *loss. `again`: other
     * forwards have passed since this one. */
    redux_status (*backward)(double *loss, redux_context *context, void *state,
                             const redux_objective_step *step, int64_t round, int64_t part,
                             bool again);
} rdx_part_fns;

enum { RDX_MOST_RECORDS = 2 }; /* networks of an objective */

/* When ranks give each other rows: after all forwards, or after all backwards. */
typedef enum rdx_moment { RDX_AFTER_FORWARD, RDX_AFTER_BACKWARD } rdx_moment;

/* Opens with zeros; a state of an objective begins with it. */
typedef struct rdx_parts {
    int64_t count, rounds;
    rdx_tree tree;  /* of the network's gradients; its leaves are the parts */
    double *losses; /* [count] */
    struct rdx_shared_rows *shared;
    int64_t shared_count, shared_capacity;
    struct rdx_part_record {
        redux_network *network; /* NULL: the one that is trained */
        double *numbers;
        int64_t size, passes;
    } records[RDX_MOST_RECORDS];
    int record_count;
    bool ends; /* the last round of this rank's last part runs */
} rdx_parts;

/* A batch of `count` parts of that network. */
redux_status rdx_parts_open(rdx_parts *out, redux_context *context, const redux_network *network,
                            int64_t count, int64_t rounds);
void rdx_parts_close(rdx_parts *parts);

/* The first of `passes` that belongs to a part; those of part `count` would begin where all end. */
static inline int64_t rdx_parts_bound(const rdx_parts *parts, int64_t passes, int64_t part)
{
    return part * passes / parts->count;
}

/* Rows of an array that forwards or backwards fill in: `rows` in all, in `passes` passes of `each`
 * rows (the last may be shorter), or, if `each` is 0, of equal shares. */
redux_status rdx_parts_share(rdx_parts *parts, redux_context *context, void *data,
                             uint64_t row_bytes, int64_t rows, int64_t each, int64_t passes,
                             rdx_moment moment);
/* A network (NULL: the one that is trained) whose running statistics follow `passes` forwards of a
 * step. */
redux_status rdx_parts_record(rdx_parts *parts, redux_context *context, redux_network *network,
                              const redux_network *like, int64_t passes);
/* Marks those of such rows that this rank works on. */
void rdx_parts_mark(uint8_t *wanted, const rdx_parts *parts, int64_t rows, int64_t each,
                    int64_t passes);

/* A backward of a part: redux_network_backward. `last`: no other of this round follows, so that the
 * sum over ranks may begin. */
redux_status rdx_parts_backward(rdx_parts *parts, redux_context *context, redux_network *network,
                                const redux_tensor *d_out, bool last);

redux_status rdx_parts_step(double *loss, redux_context *context, rdx_parts *parts,
                            const redux_objective_step *step, const rdx_part_fns *fns, void *state);

#endif
