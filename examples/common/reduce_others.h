/* SPDX-License-Identifier: MIT
 * What redux-reduce and redux-merge read beside the input: embeddings and another set. */
#ifndef REDUX_EXAMPLES_REDUCE_OTHERS_H
#define REDUX_EXAMPLES_REDUCE_OTHERS_H

#include "reduce_settings.h"

typedef struct others {
    redux_tensor embeddings, against_embeddings, against_kept;
    redux_dataset *against;
    char encoder[REDUX_ENCODER_NAME];
} others;

#define OTHERS_NONE                                                                                \
    {                                                                                              \
        REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, REDUX_TENSOR_INIT, NULL, ""                          \
    }

/* Where the input's own embeddings, if there are any, come from. */
typedef enum own_embeddings { EMBEDDINGS_HERE, EMBEDDINGS_IN_PARTS } own_embeddings;

/* Reads what the settings name and points their options at it. `wanted`: slices that an encoder
 * embeds; NULL: all. */
redux_status open_others(others *o, redux_context *context, reduce_settings *s,
                         const redux_dataset *dataset, own_embeddings own, const uint8_t *wanted);
void close_others(others *o, reduce_settings *s);
/* What is read is never written; only --update's own file may be written anew. */
redux_status protect_inputs(redux_context *context, const reduce_settings *s,
                            const redux_dataset *dataset, const others *o);

#endif
