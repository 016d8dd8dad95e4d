/* SPDX-License-Identifier: MIT
 * An .npz archive, as volumes, as labels, and one array of it by name. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    const char *path = fuzz_put("archive.npz", data, size);
    redux_tensor array;
    redux_labels *labels;
    if (fuzz_ok(redux_npz_read(&array, context, path, "a"))) {
        fuzz_touch(context, &array);
        redux_tensor_release(&array);
    }
    fuzz_read_volumes(context, path);
    if (fuzz_ok(redux_labels_load(&labels, context, path, NULL)))
        redux_labels_free(labels);
    fuzz_end(context);
    return 0;
}
