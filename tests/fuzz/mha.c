/* SPDX-License-Identifier: MIT
 * MetaImage, header and voxels in one file, plain or zlib. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    fuzz_read_volumes(context, fuzz_put("volume.mha", data, size));
    fuzz_end(context);
    return 0;
}
