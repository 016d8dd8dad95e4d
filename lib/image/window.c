/* SPDX-License-Identifier: MIT
 * Intensity windows. Integer voxels of a small range go through a table with one entry per value
 * between minimum and maximum, computed by the definition. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "image.h"

static const struct {
    const char *name;
    redux_window window;
} named[] = {
    {"auto", {REDUX_WINDOW_AUTO, 0, 0}},
    {"slice", {REDUX_WINDOW_SLICE, 0, 0}},
    {"full", {REDUX_WINDOW_FULL, 0, 0}},
    {"lung", {REDUX_WINDOW_RANGE, -1350, 150}},
    {"mediastinum", {REDUX_WINDOW_RANGE, -125, 225}},
    {"abdomen", {REDUX_WINDOW_RANGE, -150, 250}},
    {"bone", {REDUX_WINDOW_RANGE, -500, 1300}},
    {"brain", {REDUX_WINDOW_RANGE, 0, 80}},
};

static bool is_range(redux_window window)
{
    return isfinite(window.low) && isfinite(window.high) && window.low < window.high;
}

redux_status redux_window_parse(redux_window *out, const char *text)
{
    char *end;
    redux_window window = {REDUX_WINDOW_RANGE, 0, 0};
    if (out == NULL || text == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_window_parse: an argument is NULL");
    for (int64_t i = 0; i < RDX_COUNT(named); i++)
        if (strcmp(text, named[i].name) == 0) {
            *out = named[i].window;
            return REDUX_OK;
        }
    window.low = rdx_parse_double(text, &end);
    if (end == text || *end != ':')
        return rdx_fail(REDUX_E_INVALID,
                        "unknown window '%s': use slice, full, lung, mediastinum, abdomen, bone, "
                        "brain or LO:HI",
                        text);
    text = end + 1;
    window.high = rdx_parse_double(text, &end);
    if (end == text || *end != '\0' || !is_range(window))
        return rdx_fail(REDUX_E_INVALID, "window LO:HI needs two numbers, LO below HI");
    *out = window;
    return REDUX_OK;
}

redux_status redux_window_to_text(char *text, redux_window window)
{
    char low[32], high[32];
    if (text == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_window_to_text: text is NULL");
    for (int64_t i = 0; i < RDX_COUNT(named) && window.kind != REDUX_WINDOW_RANGE; i++)
        if (window.kind == named[i].window.kind) {
            snprintf(text, REDUX_WINDOW_TEXT, "%s", named[i].name);
            return REDUX_OK;
        }
    if (window.kind != REDUX_WINDOW_RANGE || !is_range(window))
        return rdx_fail(REDUX_E_INVALID, "window of kind %d, %g:%g: no such window",
                        (int)window.kind, window.low, window.high);
    rdx_format_double(low, window.low);
    rdx_format_double(high, window.high);
    snprintf(text, REDUX_WINDOW_TEXT, "%s:%s", low, high);
    return REDUX_OK;
}

redux_window redux_window_resolve(redux_window window, redux_dtype dtype, int is_scan)
{
    const bool eight_bit = dtype == REDUX_UINT8 || dtype == REDUX_BOOL;
    if (window.kind == REDUX_WINDOW_AUTO)
        window.kind = eight_bit && !is_scan ? REDUX_WINDOW_FULL : REDUX_WINDOW_SLICE;
    return window;
}

redux_dtype redux_window_dtype(redux_window window)
{
    return window.kind == REDUX_WINDOW_RANGE ? REDUX_FLOAT32 : REDUX_UINT8;
}

/* Minimum and maximum of the finite stored values of one row. Contiguous int16, as CT has, is the
 * fast case. */
static void row_range(const redux_tensor *in, const void *row, double *low, double *high)
{
    const int64_t width = in->shape[1], stride = in->strides[1];
    if (in->dtype == REDUX_INT16 && (stride == 1 || stride == -1)) {
        const int16_t *value = (const int16_t *)row - (stride < 0 ? width - 1 : 0);
        int16_t least = INT16_MAX, most = INT16_MIN;
        for (int64_t x = 0; x < width; x++) {
            least = RDX_MIN(least, value[x]);
            most = RDX_MAX(most, value[x]);
        }
        *low = fmin(*low, least);
        *high = fmax(*high, most);
        return;
    }
    for (int64_t x = 0; x < width; x++) {
        const double value = rdx_load(row, x * stride, in->dtype);
        if (isfinite(value)) {
            *low = fmin(*low, value);
            *high = fmax(*high, value);
        }
    }
}

static const char *row_of(const redux_tensor *in, int64_t y)
{
    return (const char *)in->data + y * in->strides[0] * (int64_t)redux_dtype_size(in->dtype);
}

void rdx_stored_range(const redux_tensor *in, double *low, double *high)
{
    *low = (double)INFINITY;
    *high = -(double)INFINITY;
    for (int64_t y = 0; y < in->shape[0]; y++)
        row_range(in, row_of(in, y), low, high);
}

void rdx_grey_slice(rdx_grey *map, double low, double high)
{
    if (low > high) { /* nothing is finite; all values but infinities become 0 */
        map->low = 0;
        map->span = 1;
        return;
    }
    /* Scaling is monotone, rising or falling, even after rounding. */
    map->low = fmin(rdx_scaled(map, low), rdx_scaled(map, high));
    const double range = fmax(rdx_scaled(map, low), rdx_scaled(map, high)) - map->low;
    /* The paper adds 1e-5 against division by zero. On maps whose whole range is smaller than that
     * (ADC, PET), it would turn every slice black. */
    map->span = range > 0 ? range + 1e-5 * fmin(1, range) : 1;
}

bool rdx_is_small_integer(redux_dtype dtype)
{
    return dtype == REDUX_INT8 || dtype == REDUX_UINT8 || dtype == REDUX_BOOL ||
           dtype == REDUX_INT16 || dtype == REDUX_UINT16;
}

/* One row by table over the values low ... low + entries - 1. */
#define LOOK_UP_CASE(label, type)                                                                  \
    label:                                                                                         \
    for (int64_t x = 0; x < width; x++)                                                            \
        out[x] = table[((const type *)row)[x * stride] - low];                                     \
    break
#define LOOK_UP()                                                                                  \
    switch (dtype) {                                                                               \
        LOOK_UP_CASE(case REDUX_INT16, int16_t);                                                   \
        LOOK_UP_CASE(case REDUX_UINT16, uint16_t);                                                 \
        LOOK_UP_CASE(case REDUX_INT8, int8_t);                                                     \
        LOOK_UP_CASE(default, uint8_t);                                                            \
    }

static void look_up_bytes(uint8_t *out, const void *row, redux_dtype dtype, int64_t stride,
                          int64_t width, const uint8_t *table, int32_t low)
{
    LOOK_UP()
}

void rdx_look_up_floats(float *out, const void *row, redux_dtype dtype, int64_t stride,
                        int64_t width, const float *table, int32_t low)
{
    LOOK_UP()
}

static void apply_table(const redux_tensor *out, const redux_tensor *in, const void *table,
                        int32_t low)
{
    const int64_t width = in->shape[1];
    for (int64_t y = 0; y < in->shape[0]; y++)
        if (out->dtype == REDUX_FLOAT32)
            rdx_look_up_floats((float *)out->data + y * width, row_of(in, y), in->dtype,
                               in->strides[1], width, table, low);
        else
            look_up_bytes((uint8_t *)out->data + y * width, row_of(in, y), in->dtype,
                          in->strides[1], width, table, low);
}

static void apply_direct(const redux_tensor *out, const redux_tensor *in, const rdx_grey *map)
{
    const int64_t width = in->shape[1], stride = in->strides[1];
    for (int64_t y = 0; y < in->shape[0]; y++) {
        const void *row = row_of(in, y);
        for (int64_t x = 0; x < width; x++) {
            const double stored = rdx_load(row, x * stride, in->dtype);
            if (out->dtype == REDUX_FLOAT32)
                ((float *)out->data)[y * width + x] = rdx_grey_float(map, stored);
            else
                ((uint8_t *)out->data)[y * width + x] = rdx_grey8(map, stored);
        }
    }
}

static redux_status apply_small(const redux_tensor *out, redux_context *context,
                                const redux_tensor *in, const rdx_grey *map, double low,
                                double high)
{
    const int32_t first = (int32_t)low, entries = (int32_t)high - first + 1;
    void *table;
    RDX_TRY(rdx_alloc(context, &table, (uint64_t)entries, redux_dtype_size(out->dtype)));
    for (int32_t i = 0; i < entries; i++)
        if (out->dtype == REDUX_FLOAT32)
            ((float *)table)[i] = rdx_grey_float(map, first + i);
        else
            ((uint8_t *)table)[i] = rdx_grey8(map, first + i);
    apply_table(out, in, table, first);
    rdx_free(table);
    return REDUX_OK;
}

redux_status redux_window_apply(const redux_tensor *out, redux_context *context,
                                const redux_tensor *in, double slope, double intercept,
                                redux_window window)
{
    rdx_grey map = {slope, intercept, window.low, window.high - window.low};
    double low, high;
    RDX_TRY(rdx_tensor_check(in, 2, 0, "in"));
    RDX_TRY(rdx_tensor_check(out, 2, redux_window_dtype(window), "out"));
    if (out->shape[0] != in->shape[0] || out->shape[1] != in->shape[1] ||
        !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "window: out has another shape, or gaps");
    if (redux_tensor_elements(in) == 0)
        return REDUX_OK;
    switch (window.kind) {
    case REDUX_WINDOW_FULL:
        if (in->dtype != REDUX_UINT8 && in->dtype != REDUX_BOOL)
            return rdx_fail(REDUX_E_UNSUPPORTED,
                            "window 'full' is for 8-bit data; these are %s: name "
                            "'slice', an HU window or LO:HI",
                            redux_dtype_name(in->dtype));
        redux_tensor bytes = *in;
        bytes.dtype = REDUX_UINT8;
        return redux_tensor_copy(out, &bytes);
    case REDUX_WINDOW_RANGE:
        if (!(window.low < window.high) || !isfinite(map.span))
            return rdx_fail(REDUX_E_INVALID, "window %g:%g", window.low, window.high);
        break;
    case REDUX_WINDOW_SLICE:
        break;
    default:
        return rdx_fail(REDUX_E_INVALID, "window of kind %d: resolve it first", (int)window.kind);
    }
    rdx_stored_range(in, &low, &high);
    if (window.kind == REDUX_WINDOW_SLICE)
        rdx_grey_slice(&map, low, high);
    if (rdx_is_small_integer(in->dtype) &&
        high - low < (double)RDX_MIN(RDX_TABLE_MAX, redux_tensor_elements(in)))
        return apply_small(out, context, in, &map, low, high);
    apply_direct(out, in, &map);
    return REDUX_OK;
}
