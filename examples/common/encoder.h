/* SPDX-License-Identifier: MIT
 * Shared by the programs that embed: an encoder from its file, embeddings of datasets. */
#ifndef REDUX_EXAMPLES_ENCODER_H
#define REDUX_EXAMPLES_ENCODER_H

#include "common.h"

typedef struct encoder {
    redux_network *network;
    redux_input_options input; /* from the file; may be changed */
    char name[REDUX_ENCODER_NAME];
    bool skip_errors; /* slices that cannot be read get rows of 0 */
    int64_t batch;    /* 0: the default */
} encoder;

redux_status encoder_open(encoder *out, redux_context *context, const char *path);
void encoder_close(encoder *e);
/* out: [slices of the dataset, features]; rows of slices that are not wanted (NULL: all are) are 0.
 */
redux_status encoder_embed(redux_tensor *out, redux_context *context, const encoder *e,
                           const redux_dataset *dataset, const uint8_t *wanted);
/* Moves the first `count` rows, those of wanted slices, to their places; other rows become 0. */
void encoder_spread_rows(redux_tensor *rows, int64_t count, const uint8_t *wanted);

#endif
