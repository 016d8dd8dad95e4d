/* SPDX-License-Identifier: MIT
 * Codes as hex. */
#include <string.h>
#include "hash.h"

void redux_hash_to_hex(char *text, const uint8_t *code, int64_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (int64_t i = 0; i < bytes; i++) {
        text[2 * i] = digits[code[i] >> 4];
        text[2 * i + 1] = digits[code[i] & 15];
    }
    text[2 * bytes] = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* `digits` hex digits, from the first half of each byte on. The rest of the last byte is 0. */
static redux_status read_digits(uint8_t *code, int64_t digits, const char *text)
{
    if (code == NULL || text == NULL || strlen(text) != (size_t)digits)
        return rdx_fail(REDUX_E_FORMAT, "'%.1100s' is not %lld hex digits",
                        text == NULL ? "" : text, (long long)digits);
    for (int64_t i = 0; i < digits; i++)
        if (hex_value(text[i]) < 0)
            return rdx_fail(REDUX_E_FORMAT, "'%.1100s' holds '%c', which is not a hex digit", text,
                            text[i]);
    memset(code, 0, (size_t)(digits + 1) / 2);
    for (int64_t i = 0; i < digits; i++)
        code[i / 2] = (uint8_t)(code[i / 2] | (unsigned)hex_value(text[i]) << (i % 2 == 0 ? 4 : 0));
    return REDUX_OK;
}

redux_status redux_hash_from_hex(uint8_t *code, int64_t bytes, const char *text)
{
    if (code == NULL || text == NULL || bytes < 0)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_from_hex: an argument is NULL or below 0");
    return read_digits(code, 2 * bytes, text);
}

/* Some peers print bits as one number, padded in front: 42 bits are 11 digits, the first of which
 * begins with two zeros. Here codes begin with bit 0. */
typedef struct layout {
    int64_t bits, bytes, digits;
    int pad; /* bits in front */
} layout;

static redux_status layout_of(layout *out, const redux_hash_options *options)
{
    RDX_TRY(redux_hash_check(options));
    out->bits = redux_hash_bits(options);
    out->bytes = (out->bits + 7) / 8;
    out->digits = (out->bits + 3) / 4;
    out->pad = (int)(4 * out->digits - out->bits);
    if (options != NULL && options->profile == REDUX_PROFILE_OPENCV) {
        out->digits = 2 * out->bytes;
        out->pad = 0;
    }
    return REDUX_OK;
}

/* Moves the bits of a code by fewer than 8 places: to later ones, or (negative) to earlier ones. */
static void move_bits(uint8_t *out, const uint8_t *in, int64_t bytes, int places)
{
    for (int64_t i = 0; i < bytes; i++) {
        const unsigned before = i > 0 ? in[i - 1] : 0, after = i + 1 < bytes ? in[i + 1] : 0;
        out[i] = (uint8_t)(places >= 0 ? (before << 8 | in[i]) >> places
                                       : ((unsigned)in[i] << 8 | after) << -places >> 8);
    }
}

redux_status redux_hash_to_text(char *text, const uint8_t *code, const redux_hash_options *options)
{
    uint8_t moved[RDX_HASH_MOST_BYTES];
    layout shape;
    if (text == NULL || code == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_to_text: an argument is NULL");
    RDX_TRY(layout_of(&shape, options));
    move_bits(moved, code, shape.bytes, shape.pad);
    redux_hash_to_hex(text, moved, shape.bytes);
    text[shape.digits] = '\0';
    return REDUX_OK;
}

redux_status redux_hash_from_text(uint8_t *code, const char *text,
                                  const redux_hash_options *options)
{
    uint8_t digits[RDX_HASH_MOST_BYTES];
    layout shape;
    if (text == NULL || code == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_from_text: an argument is NULL");
    RDX_TRY(layout_of(&shape, options));
    RDX_TRY(read_digits(digits, shape.digits, text));
    const int unused = shape.pad > 0 ? digits[0] >> (8 - shape.pad) : 0;
    if (unused != 0)
        return rdx_fail(REDUX_E_FORMAT, "'%.1100s' is more than %lld bits", text,
                        (long long)shape.bits);
    move_bits(code, digits, shape.bytes, -shape.pad);
    return REDUX_OK;
}
