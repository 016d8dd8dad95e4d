/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 3: reduce. Choose the slices to keep, and print for each other one the kept slice that
 * replaces it. */
#include <redux.h>
#include <inttypes.h>
#include <stdio.h>

static redux_status print_rows(const redux_reduction *reduction)
{
    for (int64_t i = 0; i < 6 && i < redux_reduction_row_count(reduction); i++) {
        redux_row row;
        const char *source;
        int64_t slice;
        redux_status status = redux_reduction_get_row(&row, reduction, i);
        if (status == REDUX_OK)
            status = redux_reduction_get_name(&source, &slice, reduction, i);
        if (status != REDUX_OK)
            return status;
        if (row.kept)
            printf("%s:%" PRId64 " kept\n", source, slice);
        else
            printf("%s:%" PRId64 " dropped, replaced by row %" PRId64 ", score %.3f\n", source,
                   slice, row.witness, row.score);
    }
    return REDUX_OK;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/ct";
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    redux_reduction *reduction = NULL;
    redux_context_options threads = REDUX_CONTEXT_OPTIONS_INIT;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    threads.threads = REDUX_THREADS_ALL; /* the result does not depend on it */
    options.strategy = REDUX_STRATEGY_SSIM;
    options.keep_percent = 25; /* or options.threshold */

    int failed = redux_context_new(&context, &threads) != REDUX_OK ||
                 redux_dataset_open(&dataset, context, &path, 1, NULL) != REDUX_OK ||
                 redux_reduce(&reduction, context, dataset, &options) != REDUX_OK ||
                 redux_reduction_get_summary(&summary, reduction) != REDUX_OK ||
                 (argc > 2 && redux_manifest_save(argv[2], context, reduction) != REDUX_OK);
    if (!failed) {
        printf("kept %" PRId64 " of %" PRId64 " slices, SSIM threshold %.3f\n", summary.kept,
               summary.slices, summary.threshold);
        failed = print_rows(reduction) != REDUX_OK;
    }
    if (failed)
        fprintf(stderr, "%s\n", redux_error_message());
    redux_reduction_free(reduction); /* NULL is allowed everywhere */
    redux_dataset_free(dataset);
    redux_context_free(context);
    return failed;
}
