/* SPDX-License-Identifier: CC0-1.0
 * Tutorial 6: judge an encoder. Can it be read off its features whether a slice shows the tumour,
 * on patients that the classifier has not seen? */
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
    const char *table = argc > 1 ? argv[1] : "data/ct/labels.csv"; /* file,slice,tumour,... */
    redux_labels_options columns = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels;
    columns.label = "tumour"; /* groups stay in one split: the files, one a patient here */
    must(redux_labels_load(&labels, NULL, table, &columns));
    printf("%" PRId64 " slices of %" PRId64 " patients\n", redux_labels_row_count(labels),
           redux_labels_group_count(labels));

    /* Without weights the encoder has random ones: the baseline that any other has to beat. */
    redux_safetensors *weights = NULL;
    if (argc > 2)
        must(redux_safetensors_load(&weights, NULL, argv[2]));
    redux_network_options network = REDUX_NETWORK_OPTIONS_INIT;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    network.width = 0.25;
    must(redux_window_parse(&input.window, "-160:240"));

    /* Each patient is the test once; settings are chosen on another one. */
    redux_split_options split = REDUX_SPLIT_OPTIONS_INIT;
    split.method = REDUX_SPLIT_BY_FOLDS;
    split.folds = 4;
    redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
    options.protocol = REDUX_PROTOCOL_LINEAR;
    options.weights = weights;
    options.network = weights == NULL ? &network : NULL;
    options.input = weights == NULL ? &input : NULL; /* else from the file */
    options.split = &split;
    options.seeds = 2;
    redux_evaluation *evaluation;
    must(redux_evaluate(&evaluation, NULL, labels, &options));

    redux_evaluation_summary s = {.struct_size = sizeof s};
    must(redux_evaluation_get_summary(&s, evaluation));
    printf("%s weights: AUC %.3f, interval of a run %.3f to %.3f; accuracy %.3f\n",
           weights == NULL ? "random" : argv[2], s.mean->auc, s.low->auc, s.high->auc,
           s.mean->accuracy);

    redux_evaluation_free(evaluation);
    redux_safetensors_free(weights);
    redux_labels_free(labels);
    return 0;
}
