/* SPDX-License-Identifier: MIT
 * A manifest and, after a NUL, the JSON summary beside it; then the dataset that they speak of. */
#include "fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    const size_t table = nul == NULL ? size : (size_t)(nul - data);
    redux_manifest *manifest;
    fuzz_put_stacks();
    fuzz_remove("kept.json");
    if (nul != NULL)
        fuzz_put("kept.json", nul + 1, size - table - 1);
    if (fuzz_ok(redux_manifest_load(&manifest, context, fuzz_put("kept.csv", data, table)))) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_dataset *dataset;
        redux_tensor kept;
        redux_manifest_row row;
        for (int64_t i = 0; i < redux_manifest_row_count(manifest); i++)
            fuzz_require(fuzz_ok(redux_manifest_get_row(&row, manifest, i)), "no row");
        fuzz_ok(redux_manifest_get_options(&options, manifest));
        if (fuzz_ok(redux_dataset_open_manifest(&dataset, &kept, context, manifest, NULL))) {
            fuzz_touch(context, &kept);
            redux_tensor_release(&kept);
            redux_dataset_free(dataset);
        }
        redux_manifest_free(manifest);
    }
    fuzz_end(context);
    return 0;
}
