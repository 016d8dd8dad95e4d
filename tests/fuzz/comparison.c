/* SPDX-License-Identifier: MIT
 * A file of predictions, compared with itself and, after a NUL, with another one. */
#include <string.h>
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    const size_t first = nul == NULL ? size : (size_t)(nul - data);
    redux_context *context = fuzz_begin();
    redux_comparison out = {.struct_size = sizeof out};
    const char *a = fuzz_put("a.csv", data, first);
    const char *b = nul == NULL ? a : fuzz_put("b.csv", nul + 1, size - first - 1);
    if (fuzz_ok(redux_evaluation_compare(&out, NULL, NULL, NULL, context, a, b, 1, 5, 1)))
        fuzz_require(out.items > 0 && out.classes > 1, "nothing was compared");
    fuzz_end(context);
    return 0;
}
