/* SPDX-License-Identifier: MIT
 * A file of predictions, compared with itself and, after a NUL, with another one. */
#include <string.h>
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    const size_t first = nul == NULL ? size : (size_t)(nul - data);
    redux_context *context = fuzz_begin();
    redux_run_set_counts out = {.struct_size = sizeof out};
    redux_run_set *set_a = NULL, *set_b = NULL;
    const char *a = fuzz_put("a.csv", data, first);
    const char *b = nul == NULL ? a : fuzz_put("b.csv", nul + 1, size - first - 1);
    if (fuzz_ok(redux_run_set_new(&set_a, context)) &&
        fuzz_ok(redux_run_set_new(&set_b, context)) &&
        fuzz_ok(redux_run_set_load(set_a, context, a, 1)) &&
        fuzz_ok(redux_run_set_load(set_b, context, b, 0)) &&
        fuzz_ok(redux_run_set_compare(NULL, NULL, NULL, NULL, context, set_a, set_b, 0.9, 5, 1)) &&
        fuzz_ok(redux_run_set_get_counts(&out, context, set_a)))
        fuzz_require(out.rows > 0 && out.classes > 1, "nothing was compared");
    redux_run_set_free(set_a);
    redux_run_set_free(set_b);
    fuzz_end(context);
    return 0;
}
