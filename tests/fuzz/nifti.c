/* SPDX-License-Identifier: MIT
 * NIfTI in one file, plain or gzip (told by content), and pairs: where the magic says "ni1" or
 * "ni2", what follows the header is the .img. */
#include "fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    size_t header = 0;
    if (size > 348 && memcmp(data + 344, "ni1", 4) == 0)
        header = 348;
    else if (size > 540 && memcmp(data + 4, "ni2", 4) == 0)
        header = 540;
    if (header > 0) {
        fuzz_put("pair.img", data + header, size - header);
        fuzz_read_volumes(context, fuzz_put("pair.hdr", data, header));
    } else {
        fuzz_read_volumes(context, fuzz_put("volume.nii", data, size));
    }
    fuzz_end(context);
    return 0;
}
