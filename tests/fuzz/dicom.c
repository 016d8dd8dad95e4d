/* SPDX-License-Identifier: MIT
 * Two DICOM files of one folder, the input cut in two at a place that its first byte tells:
 * headers, series, plain pixels and the fragments of compressed ones (which nothing decodes here:
 * GDCM=0). */
#include <sys/stat.h>
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redux_context *context = fuzz_begin();
    if (size > 0) {
        const size_t first = data[0] == 0 ? size - 1 : (size - 1) * data[0] / 256;
        mkdir(fuzz_path("dicom"), 0700); /* there already, but for the first time */
        fuzz_put("dicom/1.dcm", data + 1, first);
        fuzz_put("dicom/2", data + 1 + first, size - 1 - first);
        fuzz_read_volumes(context, fuzz_path("dicom"));
        fuzz_read_volumes(context, fuzz_path("dicom/1.dcm"));
    }
    fuzz_end(context);
    return 0;
}
