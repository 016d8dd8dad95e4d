/* SPDX-License-Identifier: MIT
 * The natural order of names, and paths made of them. */
#include <string.h>
#include "io.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares two runs of digits by value and skips both. */
static int compare_numbers(const char **left, const char **right)
{
    const char *a = *left, *b = *right;
    int order = 0;
    while (*a == '0')
        a++;
    while (*b == '0')
        b++;
    for (; is_digit(*a) && is_digit(*b); a++, b++)
        if (order == 0)
            order = (*a > *b) - (*a < *b);
    if (is_digit(*a) != is_digit(*b))
        order = is_digit(*a) ? 1 : -1; /* the longer number is the larger */
    while (is_digit(*a))
        a++;
    while (is_digit(*b))
        b++;
    *left = a;
    *right = b;
    return order;
}

int rdx_natural_compare(const char *left, const char *right)
{
    const char *a = left, *b = right;
    while (*a != '\0' && *b != '\0') {
        if (is_digit(*a) && is_digit(*b)) {
            const int order = compare_numbers(&a, &b);
            if (order != 0)
                return order;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    if (*a != *b)
        return *a == '\0' ? -1 : 1;
    return strcmp(left, right); /* "1" and "01" */
}

int rdx_compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

redux_status rdx_join(char **out, redux_context *context, const char *folder, const char *name)
{
    const size_t length = strlen(folder), size = length + strlen(name) + 2;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    snprintf(block, size, "%s%s%s", folder, length > 0 && folder[length - 1] == '/' ? "" : "/",
             name);
    *out = block;
    return REDUX_OK;
}

redux_status rdx_beside(char **out, redux_context *context, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *folder;
    if (name[0] == '/' || slash == NULL)
        return rdx_strdup(context, out, name);
    RDX_TRY(rdx_strndup(context, &folder, path, slash == path ? 1 : (size_t)(slash - path)));
    const redux_status status = rdx_join(out, context, folder, name);
    rdx_free(folder);
    return status;
}
