/* SPDX-License-Identifier: MIT
 * Hashes of all slices of a dataset, in dataset order. */
#include <math.h>
#include "select.h"

redux_status redux_dataset_hash(redux_tensor *out, redux_context *context,
                                const redux_dataset *dataset, redux_window window,
                                const redux_hash_options *options)
{
    redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
    redux_reduce_options reduce = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduction reduction = {.dataset = dataset};
    rdx_stream stream;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_hash: an argument is NULL");
    RDX_TRY(rdx_read_options(&hash, sizeof hash, options, "redux_hash_options"));
    reduce.hash = hash.hash;
    reduce.profile = hash.profile;
    reduce.hash_size = hash.size;
    reduce.window = window;
    RDX_TRY(redux_reduce_check(&reduce));
    reduction.options = reduce;
    RDX_TRY(rdx_fill_rows(context, &reduction));
    redux_status status = rdx_stream_open(&stream, context, &reduction, NULL);
    if (status == REDUX_OK) {
        status = rdx_stream_read(&stream);
        if (status == REDUX_OK)
            status = redux_tensor_view(out, &stream.stages[0].cache);
        rdx_stream_close(&stream);
    }
    rdx_free(context, reduction.rows);
    return status;
}
