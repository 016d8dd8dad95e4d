/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "pairs.h"

typedef struct pair_output {
    const redux_hash_list *list;
    bool csv, failed;
} pair_output;

static int print_pair(const redux_pair *pair, void *user)
{
    pair_output *output = user;
    const int64_t entries[2] = {pair->first, pair->second};
    const char separator = output->csv ? ',' : '\t';
    for (int i = 0; i < 2; i++) {
        redux_hash_item item;
        if (redux_hash_list_get_item(&item, output->list, entries[i]) != REDUX_OK)
            return 1;
        if (output->csv)
            print_csv_field(stdout, item.source);
        else
            print_escaped(stdout, item.source);
        printf("%c%lld%c", separator, (long long)item.slice, separator);
    }
    printf("%d\n", (int)pair->score);
    output->failed = ferror(stdout) != 0;
    return output->failed ? 1 : 0;
}

static redux_status find_pairs(pair_output *output, redux_context *context,
                               const redux_metric *metric, int64_t most)
{
    redux_tensor codes = REDUX_TENSOR_INIT;
    TRY(redux_hash_list_get_codes(&codes, output->list));
    const redux_status status =
        redux_metric_pairs(context, metric, &codes, (double)most, print_pair, output);
    redux_tensor_release(&codes);
    return status;
}

int print_pairs(redux_context *context, const redux_hash_list *list, int64_t most, bool csv)
{
    pair_output output = {.list = list, .csv = csv};
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    redux_metric *metric = NULL;
    if (redux_hash_list_get_options(&options, list) == REDUX_OK &&
        options.hash == REDUX_HASH_RADIAL_VARIANCE)
        return usage_error("--pairs needs a hash of bits; radial-variance has numbers");
    if (csv)
        puts("source,slice,other_source,other_slice,distance");
    progress_label("comparing");
    redux_status status = redux_metric_new_hamming(&metric, context);
    if (status == REDUX_OK)
        status = find_pairs(&output, context, metric, most);
    redux_metric_free(metric);
    progress_label(NULL);
    if (output.failed || fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-hash: standard output");
        return EXIT_DATA;
    }
    return status == REDUX_OK ? EXIT_OK : data_error();
}
