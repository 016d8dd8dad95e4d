/* SPDX-License-Identifier: MIT
 * FreeSurfer's MGH, plain or gzip (recognised by content). */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    fuzz_read_volumes(context, fuzz_put("volume.mgh", data, size));
    fuzz_end(context);
    return 0;
}
