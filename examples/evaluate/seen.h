/* SPDX-License-Identifier: MIT
 * Whether pre-training saw what is tested. */
#ifndef REDUX_EXAMPLES_SEEN_H
#define REDUX_EXAMPLES_SEEN_H

#include "common/common.h"

/* Groups among the tested rows of which the encoder's pre-training saw a slice. */
typedef struct seen_groups {
    int64_t tested, seen;
    const char *example; /* a group that was seen; NULL: none */
    bool is_damaged;     /* the weights' list is none: nothing was looked up */
} seen_groups;

/* Compares the fingerprints in the weights' metadata with those of the tested slices. */
redux_status find_seen_groups(seen_groups *out, redux_context *context,
                              const redux_safetensors *weights, const redux_labels *labels,
                              const redux_evaluation *evaluation);

#endif
