/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "encoder.h"

redux_status encoder_open(encoder *out, redux_context *context, const char *path)
{
    const encoder none = {.input = REDUX_INPUT_OPTIONS_INIT};
    *out = none;
    return redux_encoder_load(&out->network, &out->input, out->name, context, path);
}

void encoder_close(encoder *e)
{
    redux_network_free(e->network);
    e->network = NULL;
}

/* From the last one on, so that none is overwritten before it has moved. */
void encoder_spread_rows(redux_tensor *rows, int64_t count, const uint8_t *wanted)
{
    const size_t bytes = (size_t)rows->shape[1] * sizeof(float);
    float *data = rows->data;
    for (int64_t i = rows->shape[0] - 1; i >= 0; i--) {
        if (wanted[i] == 0)
            memset(data + i * rows->shape[1], 0, bytes);
        else if (--count != i)
            memcpy(data + i * rows->shape[1], data + count * rows->shape[1], bytes);
    }
}

static redux_status embed_wanted(const redux_tensor *rows, redux_context *context, const encoder *e,
                                 const redux_dataset *dataset, const uint8_t *wanted)
{
    uint8_t *readable = NULL;
    if (e->skip_errors) {
        readable = malloc((size_t)redux_dataset_slice_count(dataset) + 1);
        if (readable == NULL)
            return no_memory();
    }
    const redux_status status =
        redux_embed(rows, readable, context, e->network, dataset, wanted, &e->input, e->batch);
    free(readable);
    return status;
}

redux_status encoder_embed(redux_tensor *out, redux_context *context, const encoder *e,
                           const redux_dataset *dataset, const uint8_t *wanted)
{
    const int64_t slices = redux_dataset_slice_count(dataset);
    const int64_t shape[2] = {slices, redux_network_features(e->network)};
    redux_tensor part;
    int64_t count = wanted == NULL ? slices : 0;
    for (int64_t i = 0; i < slices && wanted != NULL; i++)
        count += wanted[i] != 0;
    TRY(redux_tensor_new(out, context, REDUX_FLOAT32, 2, shape));
    redux_status status = redux_tensor_slice(&part, out, 0, 0, count, 1);
    if (status == REDUX_OK) {
        status = embed_wanted(&part, context, e, dataset, wanted);
        redux_tensor_release(&part);
    }
    if (status != REDUX_OK) {
        redux_tensor_release(out);
        return status;
    }
    if (wanted != NULL)
        encoder_spread_rows(out, count, wanted);
    return REDUX_OK;
}
