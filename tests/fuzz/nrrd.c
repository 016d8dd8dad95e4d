/* SPDX-License-Identifier: MIT
 * NRRD, header and voxels in one file, plain or gzip. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    fuzz_read_volumes(context, fuzz_put("volume.nrrd", data, size));
    fuzz_end(context);
    return 0;
}
