/* SPDX-License-Identifier: MIT
 * From a part of a stored slice to a small grey picture, in one pass over the pixels that count.
 *
 * Each row is windowed in its turn and added to the output rows that it belongs to (two, when
 * shrinking). The pass along x comes last, over few rows. Pillow resizes along x first; the sums
 * are the same up to float32 rounding. */
#include <math.h>
#include <string.h>
#include "views.h"

#define MOST_SIDE 16384

/* ---- working memory ---- */

void rdx_viewer_init(rdx_viewer *viewer, redux_context *context)
{
    memset(viewer, 0, sizeof *viewer);
    viewer->context = context;
}

static void taps_clear(rdx_taps *taps)
{
    rdx_free(taps->weight);
    rdx_free(taps->first);
    rdx_free(taps->count);
}

void rdx_viewer_clear(rdx_viewer *viewer)
{
    taps_clear(&viewer->columns);
    taps_clear(&viewer->rows);
    rdx_free(viewer->table.data);
    rdx_free(viewer->stored.data);
    rdx_free(viewer->line.data);
    rdx_free(viewer->between.data);
    rdx_free(viewer->scratch.data);
    rdx_viewer_init(viewer, viewer->context);
}

static redux_status reserve(rdx_viewer *viewer, rdx_block *block, int64_t count, size_t size)
{
    return rdx_grow(viewer->context, &block->data, &block->capacity, 0, count, size);
}

/* Makes room for every crop of a slice of `in` pixels a side, so that the memory of a view depends
 * on the slice alone, not on chance. */
static redux_status taps_reserve(rdx_taps *taps, redux_context *context, int64_t in, int64_t out)
{
    const int64_t most = 2 * (int64_t)ceil(fmax((double)in / (double)out, 1)) + 1;
    void *block = taps->weight;
    RDX_TRY(rdx_grow(context, &block, &taps->weight_capacity, 0, out * most, sizeof(float)));
    taps->weight = block;
    block = taps->first;
    RDX_TRY(rdx_grow(context, &block, &taps->first_capacity, 0, out, sizeof(int32_t)));
    taps->first = block;
    block = taps->count;
    RDX_TRY(rdx_grow(context, &block, &taps->count_capacity, 0, out, sizeof(int32_t)));
    taps->count = block;
    taps->most = most;
    return REDUX_OK;
}

static redux_status viewer_reserve(rdx_viewer *viewer, const redux_tensor *pixels, int64_t size)
{
    const int64_t height = pixels->shape[0], width = pixels->shape[1];
    RDX_TRY(taps_reserve(&viewer->rows, viewer->context, height, size));
    RDX_TRY(taps_reserve(&viewer->columns, viewer->context, width, size));
    RDX_TRY(reserve(viewer, &viewer->stored, width, sizeof(double)));
    RDX_TRY(reserve(viewer, &viewer->line, width, sizeof(float)));
    if (rdx_is_small_integer(pixels->dtype))
        RDX_TRY(reserve(viewer, &viewer->table, RDX_TABLE_MAX, sizeof(float)));
    RDX_TRY(reserve(viewer, &viewer->scratch, 2 * size * size, sizeof(float)));
    return reserve(viewer, &viewer->between, size * width, sizeof(float));
}

/* ---- weights ---- */

static double triangle(double x)
{
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

static void taps_fill(rdx_taps *taps, int64_t in, int64_t out)
{
    const double scale = (double)in / (double)out, support = fmax(scale, 1), narrow = 1 / support;
    for (int64_t i = 0; i < out; i++) {
        const double centre = ((double)i + 0.5) * scale;
        const int64_t first = RDX_MAX((int64_t)(centre - support + 0.5), 0);
        const int64_t last = RDX_MIN((int64_t)(centre + support + 0.5), in);
        float *weight = taps->weight + i * taps->most;
        double sum = 0;
        for (int64_t x = first; x < last; x++)
            sum += triangle(((double)x - centre + 0.5) * narrow);
        for (int64_t x = first; x < last; x++)
            weight[x - first] = (float)(triangle(((double)x - centre + 0.5) * narrow) / sum);
        taps->first[i] = (int32_t)first;
        taps->count[i] = (int32_t)(last - first);
    }
}

/* ---- windows ---- */

redux_status rdx_slice_of(rdx_slice *out, const redux_tensor *pixels, double slope,
                          double intercept, bool is_scan)
{
    RDX_TRY(rdx_tensor_check(pixels, 2, 0, "in"));
    if (redux_tensor_elements(pixels) == 0)
        return rdx_fail(REDUX_E_INVALID, "in: a slice of %lld x %lld has no pixels",
                        (long long)pixels->shape[0], (long long)pixels->shape[1]);
    *out = (rdx_slice){.slope = slope, .intercept = intercept, .is_scan = is_scan};
    out->pixels = *pixels;
    out->pixels.storage = NULL;
    rdx_stored_range(pixels, &out->low, &out->high);
    return REDUX_OK;
}

redux_status rdx_slice_map(rdx_grey *map, bool *eight_bit, const rdx_slice *slice,
                           redux_window window, const double jitter[2])
{
    window = redux_window_resolve(window, slice->pixels.dtype, slice->is_scan);
    *map = (rdx_grey){slice->slope, slice->intercept, window.low, window.high - window.low};
    *eight_bit = window.kind != REDUX_WINDOW_RANGE;
    switch (window.kind) {
    case REDUX_WINDOW_RANGE: /* centre and width */
        map->low += map->span * (jitter[0] - jitter[1] / 2);
        map->span *= 1 + jitter[1];
        return REDUX_OK;
    case REDUX_WINDOW_FULL:
        if (redux_dtype_size(slice->pixels.dtype) != 1 || slice->pixels.dtype == REDUX_INT8)
            return rdx_fail(REDUX_E_UNSUPPORTED,
                            "window 'full' is for 8-bit data; these are %s: name "
                            "'slice', an HU window or LO:HI",
                            redux_dtype_name(slice->pixels.dtype));
        *map = (rdx_grey){1, 0, 0, 255};
        break;
    default:
        rdx_grey_slice(map, slice->low, slice->high);
        break;
    }
    map->low += map->span * jitter[0]; /* low and high */
    map->span *= 1 + jitter[1] - jitter[0];
    return REDUX_OK;
}

static inline float grey_of(const rdx_grey *map, bool eight_bit, double stored)
{
    return eight_bit ? (float)rdx_grey8(map, stored) / 255.0F : rdx_grey_float(map, stored);
}

static void greys_of(float *out, const double *stored, int64_t count, const rdx_grey *map,
                     bool eight_bit)
{
    if (eight_bit)
        for (int64_t i = 0; i < count; i++)
            out[i] = grey_of(map, true, stored[i]);
    else
        for (int64_t i = 0; i < count; i++)
            out[i] = grey_of(map, false, stored[i]);
}

/* One entry per value from `first` on, made in pieces that fit a row. */
static void fill_table(const rdx_viewer *viewer, double first, int64_t entries, int64_t width,
                       const rdx_grey *map, bool eight_bit)
{
    double *stored = viewer->stored.data;
    float *table = viewer->table.data;
    for (int64_t start = 0; start < entries; start += width) {
        const int64_t count = RDX_MIN(width, entries - start);
        for (int64_t i = 0; i < count; i++)
            stored[i] = first + (double)(start + i);
        greys_of(table + start, stored, count, map, eight_bit);
    }
}

/* State for turning one row into grey. */
typedef struct reader {
    const rdx_viewer *viewer;
    const redux_tensor *pixels;
    rdx_grey map;
    bool eight_bit, by_table;
    int32_t first; /* the first value of the table */
} reader;

static void convert(const reader *r, const void *row, int64_t width)
{
    const int64_t stride = r->pixels->strides[1];
    double *stored = r->viewer->stored.data;
    switch (r->pixels->dtype) {
    case REDUX_INT16:
        for (int64_t x = 0; x < width; x++)
            stored[x] = ((const int16_t *)row)[x * stride];
        break;
    case REDUX_FLOAT32:
        for (int64_t x = 0; x < width; x++)
            stored[x] = (double)((const float *)row)[x * stride];
        break;
    default:
        for (int64_t x = 0; x < width; x++)
            stored[x] = rdx_load(row, x * stride, r->pixels->dtype);
        break;
    }
    greys_of(r->viewer->line.data, stored, width, &r->map, r->eight_bit);
}

static reader reader_of(const rdx_viewer *viewer, const rdx_slice *slice, const rdx_box *box,
                        const rdx_grey *map, bool eight_bit)
{
    reader r = {viewer, &slice->pixels, *map, eight_bit, false, 0};
    const double entries = slice->high - slice->low + 1;
    r.by_table = rdx_is_small_integer(slice->pixels.dtype) &&
                 entries <= fmin(RDX_TABLE_MAX, (double)(box->height * box->width));
    if (r.by_table) {
        r.first = (int32_t)slice->low;
        fill_table(viewer, slice->low, (int64_t)entries, slice->pixels.shape[1], map, eight_bit);
    }
    return r;
}

/* ---- resizing ---- */

static void add_weighted(float *restrict out, const float *restrict in, float weight, int64_t count)
{
    for (int64_t x = 0; x < count; x++)
        out[x] += in[x] * weight;
}

/* Along y, row after row of the input. */
static void resize_rows(const reader *r, const rdx_box *box, int64_t size)
{
    const rdx_viewer *viewer = r->viewer;
    const rdx_taps *rows = &viewer->rows;
    const redux_tensor *pixels = r->pixels;
    const int64_t item = (int64_t)redux_dtype_size(pixels->dtype);
    float *between = viewer->between.data;
    int64_t oldest = 0; /* the first incomplete output row */
    memset(between, 0, (size_t)(size * box->width) * sizeof(float));
    for (int64_t y = 0; y < box->height; y++) {
        const char *row =
            (const char *)pixels->data +
            ((box->top + y) * pixels->strides[0] + box->left * pixels->strides[1]) * item;
        if (r->by_table)
            rdx_look_up_floats(viewer->line.data, row, pixels->dtype, pixels->strides[1],
                               box->width, viewer->table.data, r->first);
        else
            convert(r, row, box->width);
        while (oldest < size && rows->first[oldest] + rows->count[oldest] <= y)
            oldest++;
        for (int64_t i = oldest; i < size && rows->first[i] <= y; i++)
            add_weighted(between + i * box->width, viewer->line.data,
                         rows->weight[i * rows->most + y - rows->first[i]], box->width);
    }
}

static void resize_columns(const rdx_viewer *viewer, float *out, int64_t width, int64_t size)
{
    const rdx_taps *columns = &viewer->columns;
    for (int64_t y = 0; y < size; y++) {
        const float *in = (const float *)viewer->between.data + y * width;
        for (int64_t x = 0; x < size; x++) {
            const float *weight = columns->weight + x * columns->most;
            const float *pixel = in + columns->first[x];
            float sum = 0;
            for (int32_t k = 0; k < columns->count[x]; k++)
                sum += pixel[k] * weight[k];
            out[y * size + x] = sum;
        }
    }
}

redux_status rdx_viewer_grey(rdx_viewer *viewer, float *out, int64_t size, const rdx_slice *slice,
                             const rdx_box *box, const rdx_grey *map, bool eight_bit)
{
    RDX_TRY(viewer_reserve(viewer, &slice->pixels, size));
    taps_fill(&viewer->rows, box->height, size);
    taps_fill(&viewer->columns, box->width, size);
    const reader r = reader_of(viewer, slice, box, map, eight_bit);
    resize_rows(&r, box, size);
    resize_columns(viewer, out, box->width, size);
    return REDUX_OK;
}

/* ---- inputs ---- */

redux_status rdx_input_check(const redux_input_options *options)
{
    const redux_window *window = &options->window;
    if (options->size < 1 || options->size > MOST_SIDE)
        return rdx_fail(REDUX_E_INVALID, "input: size is %d", (int)options->size);
    if (!isfinite(options->mean) || !isfinite(options->deviation) || !(options->deviation > 0))
        return rdx_fail(REDUX_E_INVALID, "input: mean is %g, deviation %g", options->mean,
                        options->deviation);
    if (window->kind < REDUX_WINDOW_AUTO || window->kind > REDUX_WINDOW_RANGE)
        return rdx_fail(REDUX_E_INVALID, "input: window of kind %d", (int)window->kind);
    if (window->kind == REDUX_WINDOW_RANGE &&
        (!(window->low < window->high) || !isfinite(window->high - window->low)))
        return rdx_fail(REDUX_E_INVALID, "input: window %g:%g", window->low, window->high);
    return REDUX_OK;
}

redux_status rdx_input_read(redux_input_options *known, const redux_input_options *given)
{
    const redux_input_options defaults = REDUX_INPUT_OPTIONS_INIT;
    *known = defaults;
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_input_options"));
    return rdx_input_check(known);
}

void rdx_normalise(float *pixels, int64_t count, double mean, double deviation)
{
    const float middle = (float)mean, scale = (float)(1 / deviation);
    for (int64_t i = 0; i < count; i++)
        pixels[i] = (pixels[i] - middle) * scale;
}

redux_status rdx_viewer_input(rdx_viewer *viewer, float *out, const rdx_slice *slice,
                              const redux_input_options *options)
{
    const rdx_box box = {0, 0, slice->pixels.shape[0], slice->pixels.shape[1]};
    const double still[2] = {0, 0};
    const int64_t size = options->size;
    bool eight_bit;
    rdx_grey map;
    RDX_TRY(rdx_slice_map(&map, &eight_bit, slice, options->window, still));
    RDX_TRY(rdx_viewer_grey(viewer, out, size, slice, &box, &map, eight_bit));
    rdx_normalise(out, size * size, options->mean, options->deviation);
    return REDUX_OK;
}

redux_status redux_input_apply(const redux_tensor *out, redux_context *context,
                               const redux_tensor *in, double slope, double intercept, int is_scan,
                               const redux_input_options *options)
{
    redux_input_options known;
    rdx_slice slice;
    rdx_viewer viewer;
    RDX_TRY(rdx_input_read(&known, options));
    RDX_TRY(rdx_slice_of(&slice, in, slope, intercept, is_scan != 0));
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (out->shape[0] != known.size || out->shape[1] != known.size ||
        !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "input: out is not [%d, %d] without gaps", (int)known.size,
                        (int)known.size);
    rdx_viewer_init(&viewer, context);
    const redux_status status = rdx_viewer_input(&viewer, out->data, &slice, &known);
    rdx_viewer_clear(&viewer);
    return status;
}
