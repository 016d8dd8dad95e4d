/* SPDX-License-Identifier: MIT
 * Rows of a dataset shared out to the processes that work on it together. */
#include <stdio.h>
#include <zlib.h>
#include <redux/version.h>
#include "base/communicator.h"
#include "part.h"

redux_status rdx_ranks_agree(redux_context *context, const redux_dataset *dataset, const char *job)
{
    char text[120];
    snprintf(text, sizeof text, "%lld slices of %lld volumes (%016llx)", (long long)dataset->slices,
             (long long)dataset->count, (unsigned long long)rdx_dataset_identity(dataset));
    RDX_TRY(rdx_agree_on(context, "the version of libredux", REDUX_VERSION_STRING));
    RDX_TRY(rdx_agree_on(context, "the instruction set (REDUX_TIER)", redux_cpu_tier()));
    RDX_TRY(rdx_agree_on(context, "OpenBLAS's kernels (OPENBLAS_CORETYPE)", rdx_blas_kernels()));
    RDX_TRY(rdx_agree_on(context, "the dataset", text));
    return rdx_agree_on(context, "options", job);
}

/* Gives each row of the list its owner, and finds this rank's run. Parts follow one another. */
static redux_status share_out(rdx_rank_rows *out, redux_context *context,
                              const redux_dataset *dataset, const int64_t *rows, int64_t count)
{
    const int32_t rank = rdx_rank(context);
    RDX_TRY(rdx_dataset_parts(&out->owner, context, dataset, rdx_ranks(context), false));
    for (int64_t i = 0; i < count; i++) /* in place: rows[i] is not before i */
        out->owner[i] = out->owner[rows[i]];
    out->first = out->count = 0;
    while (out->first < count && out->owner[out->first] < rank)
        out->first++;
    while (out->first + out->count < count && out->owner[out->first + out->count] == rank)
        out->count++;
    return REDUX_OK;
}

redux_status rdx_rank_rows_share(rdx_rank_rows *out, redux_context *context,
                                 const redux_dataset *dataset, const int64_t *rows, int64_t count,
                                 const char *job)
{
    char text[800];
    const uLong sum = crc32_z(0, (const Bytef *)rows, (size_t)count * sizeof *rows);
    snprintf(text, sizeof text, "%.700s, %lld slices (%08lx)", job, (long long)count, sum);
    rdx_agree_begin(context);
    RDX_TRY(rdx_ranks_agree(context, dataset, text));
    out->owner = NULL;
    const redux_status status = rdx_agree(context, share_out(out, context, dataset, rows, count));
    if (status != REDUX_OK)
        rdx_free(out->owner);
    return status;
}
