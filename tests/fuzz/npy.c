/* SPDX-License-Identifier: MIT
 * An .npy file, as an array and as a volume. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    const char *path = fuzz_put("array.npy", data, size);
    redux_tensor array;
    if (fuzz_ok(redux_npy_read(&array, context, path))) {
        fuzz_touch(context, &array);
        redux_tensor_release(&array);
    }
    fuzz_read_volumes(context, path);
    fuzz_end(context);
    return 0;
}
