/* SPDX-License-Identifier: MIT
 * Portable greymaps and pixmaps (netpbm's pgm and ppm): P2, P3 as text, P5, P6 as bytes, of one or
 * two bytes a sample. Values are scaled from 0 ... maxval to all of their type, as Pillow does. */
#include <math.h>
#include <string.h>
#include "format.h"

typedef struct pnm {
    int64_t width, height, most;
    int channels;
    bool text;
    size_t at; /* where the samples begin */
} pnm;

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next number, after white space and comments; false: there is none, or it is too large. */
static bool next_number(int64_t *out, size_t *at, const unsigned char *bytes, size_t size)
{
    size_t i = *at;
    for (bool comment = false; i < size; i++) {
        if (comment)
            comment = bytes[i] != '\n';
        else if (bytes[i] == '#')
            comment = true;
        else if (!is_space(bytes[i]))
            break;
    }
    int64_t number = 0;
    const size_t first = i;
    for (; i < size && bytes[i] >= '0' && bytes[i] <= '9' && number <= INT32_MAX; i++)
        number = 10 * number + (bytes[i] - '0');
    *at = i;
    *out = number;
    return i > first && number <= INT32_MAX;
}

static bool is_pnm(const unsigned char *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && strchr("2356", bytes[1]) != NULL && bytes[1] != '\0' &&
           (is_space(bytes[2]) || bytes[2] == '#');
}

/* The longest header: numbers and some comments. */
#define MOST_HEADER 4096

static redux_status read_header(pnm *out, const unsigned char *bytes, size_t size, const char *path)
{
    *out = (pnm){
        .at = 2, .channels = bytes[1] == '3' || bytes[1] == '6' ? 3 : 1, .text = bytes[1] < '4'};
    const size_t limit = RDX_MIN(size, (size_t)MOST_HEADER);
    if (!next_number(&out->width, &out->at, bytes, limit) ||
        !next_number(&out->height, &out->at, bytes, limit) ||
        !next_number(&out->most, &out->at, bytes, limit) || out->at >= size ||
        !is_space(bytes[out->at]))
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: its PNM header cannot be read", path);
    out->at++; /* one white space */
    if (out->width < 1 || out->height < 1 || out->most < 1 || out->most > 65535)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %lld x %lld pixels up to %lld", path,
                        (long long)out->height, (long long)out->width, (long long)out->most);
    return REDUX_OK;
}

static redux_status pnm_header(rdx_picture_info *out, uint64_t *need, const unsigned char *bytes,
                               size_t size, const char *path)
{
    pnm p;
    *need = 0;
    RDX_TRY(read_header(&p, bytes, size, path));
    out->height = p.height;
    out->width = p.width;
    out->channels = p.channels;
    out->dtype = p.most > 255 ? REDUX_UINT16 : REDUX_UINT8;
    return REDUX_OK;
}

/* value * full / most, half to even. */
static unsigned scaled(int64_t value, int64_t most, int64_t full)
{
    if (most == full)
        return (unsigned)RDX_MIN(value, full);
    return (unsigned)RDX_MIN(rint((double)value / (double)most * (double)full), (double)full);
}

static void store(const redux_tensor *pixels, int64_t i, unsigned value)
{
    if (pixels->dtype == REDUX_UINT8)
        ((uint8_t *)pixels->data)[i] = (uint8_t)value;
    else
        ((uint16_t *)pixels->data)[i] = (uint16_t)value;
}

static redux_status read_samples(const redux_tensor *pixels, const pnm *p,
                                 const unsigned char *bytes, size_t size, const char *path)
{
    const int64_t count = redux_tensor_elements(pixels), full = p->most > 255 ? 65535 : 255;
    const size_t each = p->most > 255 ? 2 : 1;
    size_t at = p->at;
    for (int64_t i = 0; i < count; i++) {
        int64_t value = 0;
        if (p->text && (!next_number(&value, &at, bytes, size) || value > p->most))
            return rdx_fail(REDUX_E_FORMAT,
                            "%s: is damaged: sample %lld of %lld is missing or over "
                            "%lld",
                            path, (long long)i, (long long)count, (long long)p->most);
        if (!p->text) {
            value = each == 1 ? bytes[at] : bytes[at] << 8 | bytes[at + 1];
            at += each;
        }
        store(pixels, i, scaled(value, p->most, full));
    }
    return REDUX_OK;
}

static redux_status decode_pnm(redux_tensor *out, redux_context *context,
                               const unsigned char *bytes, size_t size, bool alpha,
                               const char *path)
{
    redux_tensor pixels;
    pnm p;
    (void)alpha; /* it has none */
    RDX_TRY(read_header(&p, bytes, size, path));
    const uint64_t samples = (uint64_t)p.height * (uint64_t)p.width * (uint64_t)p.channels;
    const uint64_t least = p.text ? 2 * samples - 1 : samples * (p.most > 255 ? 2 : 1);
    if (size - p.at < least) /* before memory is asked for */
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: %llu bytes of samples, not %llu", path,
                        (unsigned long long)(size - p.at), (unsigned long long)least);
    const int64_t shape[3] = {p.height, p.width, 3};
    RDX_TRY(rdx_tensor_alloc(&pixels, context, p.most > 255 ? REDUX_UINT16 : REDUX_UINT8,
                             p.channels == 3 ? 3 : 2, shape));
    const redux_status status = read_samples(&pixels, &p, bytes, size, path);
    if (status == REDUX_OK)
        *out = pixels;
    else
        redux_tensor_release(&pixels);
    return status;
}

const rdx_format rdx_format_pnm = {
    .name = "pnm",
    .suffixes = {".pnm", ".pgm", ".ppm"},
    .unit = RDX_UNIT_PICTURE,
    .signature = is_pnm,
    .header = pnm_header,
    .decode = decode_pnm,
};
