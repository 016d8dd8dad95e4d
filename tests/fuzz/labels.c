/* SPDX-License-Identifier: MIT
 * A CSV of labels; splits and leakage of what it gives. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    static const char *const columns[] = {NULL, "split"};
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    fuzz_put_stacks();
    const char *path = fuzz_put("labels.csv", data, size);
    for (int i = 0; i < 2; i++) {
        redux_split_options how = REDUX_SPLIT_OPTIONS_INIT;
        uint8_t split[64];
        redux_labels *labels;
        options.split = columns[i];
        if (!fuzz_ok(redux_labels_load(&labels, context, path, &options)))
            continue;
        how.method = i == 0 ? REDUX_SPLIT_BY_FOLDS : REDUX_SPLIT_BY_TABLE;
        how.folds = 3;
        if (redux_labels_row_count(labels) <= 64 &&
            fuzz_ok(redux_labels_split(split, context, labels, &how))) {
            redux_leakage *leakage;
            if (fuzz_ok(redux_labels_find_leakage(&leakage, context, labels, split, NULL)))
                redux_leakage_free(leakage);
        }
        redux_labels_free(labels);
    }
    fuzz_end(context);
    return 0;
}
