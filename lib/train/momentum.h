/* SPDX-License-Identifier: MIT
 * A second network that follows the trained one slowly: MoCo's keys, BYOL's target. Internal. */
#ifndef RDX_MOMENTUM_H
#define RDX_MOMENTUM_H

#include "objective.h"

/* Encoder and projection; parameters are named PREFIX.NAME, and no optimiser's. */
typedef struct rdx_momentum {
    redux_network *network;
    redux_parameter *parameters;
    char (*names)[96];
    int64_t count;
} rdx_momentum;

/* A copy of `of` with its values, planned for so many square images without a backward. */
redux_status rdx_momentum_open(rdx_momentum *m, redux_context *context, const redux_network *of,
                               const char *prefix, int64_t images, int64_t side);
void rdx_momentum_close(rdx_momentum *m);
/* value = share value + (1 - share) of `of`'s; running statistics are its own and stay. */
redux_status rdx_momentum_follow(const rdx_momentum *m, redux_context *context,
                                 const redux_network *of, double share);
/* NULL beyond the last one. */
const redux_parameter *rdx_momentum_parameter(const rdx_momentum *m, int64_t index);

#endif
