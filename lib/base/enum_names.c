/* SPDX-License-Identifier: MIT
 * Names of the values of enums. */
#include <stdio.h>
#include <string.h>
#include "base.h"

_Static_assert(sizeof(redux_dtype) == sizeof(int), "an enum is stored as an int");

redux_status rdx_parse_name(void *out, const char *what, const char *name, const char *const *names,
                            int64_t count)
{
    char all[256] = "";
    size_t used = 0;
    if (out == NULL || name == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s: an argument is NULL", what);
    for (int64_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            memcpy(out, &(int){(int)i}, sizeof(int));
            return REDUX_OK;
        }
        if (used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ",
                                     names[i]);
    }
    return rdx_fail(REDUX_E_NOT_FOUND, "%s '%.80s' is not one of %s", what, name, all);
}

const char *rdx_name_of(int64_t value, const char *const *names, int64_t count)
{
    return value >= 0 && value < count ? names[value] : "unknown";
}
