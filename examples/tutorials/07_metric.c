/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 7: a metric of one's own in a reduction. Here: two slices are redundant when they differ
 * by little on average, in grey values under a window. */
#include <redux.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "%s\n", redux_error_message());
    exit(1);
}

/* Both are [H, W], contiguous, float32 from 0 to 1; `a` is the kept one. Called on any thread. */
static double mean_difference(const redux_tensor *a, const redux_tensor *b, void *user)
{
    const float *x = a->data, *y = b->data;
    const int64_t count = redux_tensor_elements(a);
    const double full_scale = *(const double *)user;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += fabs((double)x[i] - (double)y[i]);
    return full_scale * sum / (double)count;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/ct";
    double hu = 400; /* the width of the window, so that scores are in HU */
    redux_custom_metric definition = REDUX_CUSTOM_METRIC_INIT;
    definition.name = "mean difference in HU";
    definition.is_distance = 1; /* smaller is more similar */
    definition.pair = mean_difference;
    definition.user = &hu;
    redux_metric *metric;
    must(redux_metric_new_custom(&metric, NULL, &definition));

    redux_dataset *dataset;
    redux_reduction *reduction;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    options.strategy = REDUX_STRATEGY_METRIC;
    options.metric = metric;
    options.threshold = 25; /* HU */
    options.rule = REDUX_RULE_MEDOID;
    must(redux_window_parse(&options.window, "-160:240"));
    must(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    must(redux_reduce(&reduction, NULL, dataset, &options));
    must(redux_reduction_get_summary(&summary, reduction));
    printf("kept %" PRId64 " of %" PRId64 " slices; the rest differ from a kept one by %g HU at "
           "most\n",
           summary.kept, summary.slices, summary.threshold);

    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
    redux_metric_free(metric);
    return 0;
}
