/* SPDX-License-Identifier: MIT
 * WebP. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    fuzz_read_picture(context, data, size);
    fuzz_end(context);
    return 0;
}
