/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 4: embeddings. An encoder turns every slice into a vector; slices whose vectors point
 * the same way are redundant. Weights: a file of redux-pretrain or torchvision (safetensors), or,
 * to try it, random ones, which see more than one would think. */
#include <redux.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "%s\n", redux_error_message());
    exit(1);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "data/ct";
    const char *weights = argc > 2 ? argv[2] : NULL;
    redux_dataset *dataset;
    redux_network *network;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    must(redux_dataset_open(&dataset, NULL, &path, 1, NULL));

    if (weights != NULL) { /* the file holds architecture, window and size */
        must(redux_encoder_load(&network, &input, NULL, NULL, weights));
    } else {
        redux_network_options options = REDUX_NETWORK_OPTIONS_INIT; /* ResNet-18, one channel */
        options.width = 0.25;
        must(redux_network_new(&network, NULL, &options));
        must(redux_window_parse(&input.window, "-160:240"));
    }

    redux_tensor features; /* one row a slice, in the order of the dataset */
    const int64_t shape[] = {redux_dataset_slice_count(dataset), redux_network_features(network)};
    must(redux_tensor_new(&features, NULL, REDUX_FLOAT32, 2, shape));
    must(redux_embed(&features, NULL, NULL, network, dataset, NULL, &input, 0));
    printf("%" PRId64 " slices, %" PRId64 " features each\n", shape[0], shape[1]);

    /* Which slices are most similar to the first one? */
    int64_t nearest[4];
    double cosine[4];
    redux_metric *metric;
    redux_tensor first;
    must(redux_metric_new_cosine(&metric, NULL));
    must(redux_tensor_slice(&first, &features, 0, 0, 1, 1));
    must(redux_metric_nearest(nearest, cosine, NULL, metric, &first, &features, 4));
    for (int i = 0; i < 4; i++)
        printf("slice %" PRId64 ": cosine %.5f\n", nearest[i], cosine[i]);

    /* The paper's DeepNet: the same features decide what to keep. */
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    redux_reduction *reduction;
    options.strategy = REDUX_STRATEGY_COSINE;
    options.embeddings = &features;
    options.keep_percent = 30;
    must(redux_reduce(&reduction, NULL, dataset, &options));
    must(redux_reduction_get_summary(&summary, reduction));
    printf("kept %" PRId64 " at cosine %.5f\n", summary.kept, summary.threshold);

    redux_reduction_free(reduction);
    redux_metric_free(metric);
    redux_tensor_release(&first);
    redux_tensor_release(&features);
    redux_network_free(network);
    redux_dataset_free(dataset);
    return 0;
}
