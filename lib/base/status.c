/* SPDX-License-Identifier: MIT
 * Statuses, the per-thread message, the version, and the check of options structs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <locale.h>
#include <string.h>
#include <redux/version.h>
#include "base.h"

static _Thread_local char last_message[1024];
static _Thread_local uint64_t messages; /* set by this thread */

const char *redux_status_string(redux_status status)
{
    switch (status) {
    case REDUX_OK:
        return "success";
    case REDUX_E_INVALID:
        return "invalid argument";
    case REDUX_E_NO_MEMORY:
        return "out of memory";
    case REDUX_E_IO:
        return "input or output error";
    case REDUX_E_NOT_FOUND:
        return "not found";
    case REDUX_E_FORMAT:
        return "damaged or malformed file";
    case REDUX_E_UNSUPPORTED:
        return "unsupported";
    case REDUX_E_LIMIT:
        return "limit exceeded";
    case REDUX_E_CANCELLED:
        return "cancelled";
    case REDUX_E_NOT_FINITE:
        return "not finite";
    }
    return "unknown status";
}

const char *redux_error_message(void)
{
    return last_message;
}

/* The bytes of a control character at `c`: C0, DEL, or C1 in UTF-8; 0: none. */
static int control_length(const unsigned char *c)
{
    if (c[0] < 0x20 || c[0] == 0x7f)
        return 1;
    return c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

/* A file's name may hold what moves a terminal's cursor, sets its title or forges a line. */
void rdx_escape_controls(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        const int length = control_length(c);
        char hex[5] = {(char)*c, '\0'};
        if (length > 0)
            snprintf(hex, sizeof hex, "\\x%02x", (unsigned)c[length - 1]);
        if (used + strlen(hex) >= size)
            break;
        memcpy(out + used, hex, strlen(hex));
        used += strlen(hex);
        c += length > 1;
    }
    out[used] = '\0';
}

void rdx_set_message(const char *format, ...)
{
    char text[sizeof last_message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    rdx_escape_controls(last_message, sizeof last_message, text);
    messages++;
}

uint64_t rdx_messages(void)
{
    return messages;
}

redux_status rdx_fail_again(redux_status status, const char *message)
{
    messages++;
    if (message != last_message)
        snprintf(last_message, sizeof last_message, "%s", message);
    return status;
}

bool rdx_is_input_failure(redux_status status)
{
    return status == REDUX_E_IO || status == REDUX_E_NOT_FOUND || status == REDUX_E_FORMAT ||
           status == REDUX_E_UNSUPPORTED || status == REDUX_E_LIMIT;
}

redux_status rdx_read_options(void *known, size_t known_size, const void *given, const char *name)
{
    size_t size;
    if (given == NULL)
        return REDUX_OK;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size)
        return rdx_fail(REDUX_E_INVALID, "%s: struct_size is %zu; set it with the INIT macro", name,
                        size);
    for (size_t i = known_size; i < size; i++)
        if (((const unsigned char *)given)[i] != 0)
            return rdx_fail(REDUX_E_INVALID,
                            "%s: byte %zu is set, and this library (%s) knows only %zu bytes", name,
                            i, REDUX_VERSION_STRING, known_size);
    memcpy(known, given, RDX_MIN(size, known_size));
    memcpy(known, &known_size, sizeof known_size);
    return REDUX_OK;
}

redux_status rdx_check_result(const void *out, const char *name)
{
    size_t size;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "%s: out is NULL", name);
    memcpy(&size, out, sizeof size);
    if (size < sizeof size)
        return rdx_fail(REDUX_E_INVALID, "%s: struct_size is %zu; set it to the size of the struct",
                        name, size);
    return REDUX_OK;
}

redux_status rdx_write_result(void *out, const void *made, size_t made_size, const char *name)
{
    size_t size;
    RDX_TRY(rdx_check_result(out, name));
    memcpy(&size, out, sizeof size);
    memcpy(out, made, RDX_MIN(size, made_size));
    if (size > made_size)
        memset((char *)out + made_size, 0, size - made_size);
    memcpy(out, &size, sizeof size);
    return REDUX_OK;
}

static void use_point(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        if (strchr("+-.0123456789einfa", *c) == NULL) /* a decimal sign of the host's locale */
            *c = '.';
}

void rdx_format_double(char *text, double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    use_point(text);
}

void rdx_format_fixed(char *text, double value, int digits)
{
    snprintf(text, 32, "%.*f", digits, value);
    use_point(text);
}

double rdx_parse_double(const char *text, char **end)
{
    const locale_t c =
        newlocale(LC_ALL_MASK, "C", (locale_t)0); /* the C library's own: no memory */
    if (c == (locale_t)0)
        return strtod(text, end);
    const locale_t host = uselocale(c); /* of this thread */
    const double value = strtod(text, end);
    uselocale(host);
    freelocale(c);
    return value;
}

int redux_version_number(void)
{
    return REDUX_VERSION_NUMBER;
}

const char *redux_version_string(void)
{
    return REDUX_VERSION_STRING;
}
