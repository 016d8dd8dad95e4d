/* SPDX-License-Identifier: MIT
 * Mutual information with a Parzen window (Mattes, Haynor, Vesselle, Lewellen, Eubank, IEEE TMI
 * 22(1), 2003), with the bins of ITK's MattesMutualInformationImageToImageMetricv4.
 *
 * The window is a function of the pixel's value. So 8-bit images are first counted as integers, by
 * bin of the one and value of the other, and the window is applied to the counts: a pair costs
 * little more than a plain histogram. Float images spread each pixel over four bins. Everything is
 * plain C in a fixed order, with the same bits for every instruction set. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "kernels/kernels.h"
#include "metric.h"

#define PADDING 2
#define TAPS 4
#define VALUES 256
#define CHUNK 131040 /* pixels that two 16-bit histograms hold, in whole blocks */

static redux_status mattes_options(redux_mattes_options *known, const redux_mattes_options *given)
{
    redux_mattes_options read = REDUX_MATTES_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&read, sizeof read, given, "redux_mattes_options"));
    if (read.bins == 0)
        read.bins = 50;
    if (read.bins < 2 * PADDING + 1 || read.bins > 256)
        return rdx_fail(REDUX_E_INVALID, "redux_mattes_options: bins is %d, not 5 to 256",
                        (int)read.bins);
    if (read.normalised != 0 && read.normalised != 1)
        return rdx_fail(REDUX_E_INVALID, "redux_mattes_options: normalised is %d, not 0 or 1",
                        (int)read.normalised);
    *known = read;
    return REDUX_OK;
}

/* ---- the prepared form ---- */

typedef struct mattes_window {
    double weight[TAPS];
} mattes_window;

/* Prepared form: this, then each pixel's bin as the fixed image, one byte each, then each pixel as
 * the moving image: uint8: the windows of all values, the first bin of each, and the values;
 * float32: the places on the scale of bins, in double. */
typedef struct mattes_header {
    double self; /* nats with itself, where scores are normalised */
    int64_t is_constant;
    int64_t reserved[6];
} mattes_header;

_Static_assert(sizeof(mattes_header) == 64, "bins are aligned as items are");

static size_t padded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t pixel_count(const rdx_layout *layout)
{
    return (size_t)layout->height * (size_t)layout->width;
}

static uint8_t *fixed_of(const void *prepared)
{
    return (uint8_t *)(uintptr_t)prepared + sizeof(mattes_header);
}

static void *moving_of(const rdx_layout *layout, const void *prepared)
{
    return fixed_of(prepared) + padded(pixel_count(layout));
}

/* The parts of an 8-bit moving image. */
typedef struct moving_bytes {
    mattes_window *windows;
    uint8_t *first, *values;
} moving_bytes;

static moving_bytes bytes_of(void *moving)
{
    moving_bytes parts = {.windows = moving};
    parts.first = (uint8_t *)(parts.windows + VALUES);
    parts.values = parts.first + VALUES;
    return parts;
}

/* Counts of 8-bit pairs, [bins][VALUES], twice in 16 bits, and the joint distribution. */
typedef struct mattes_joint {
    double *joint, *columns;
    uint32_t *wide;
    uint16_t *even, *odd;
    int64_t cells;
    int32_t bins;
} mattes_joint;

static mattes_joint joint_in(void *scratch, int32_t bins)
{
    mattes_joint joint = {.joint = scratch, .cells = (int64_t)bins * VALUES, .bins = bins};
    joint.columns = joint.joint + (size_t)bins * (size_t)bins;
    joint.wide = (void *)(joint.columns + bins);
    joint.even = (uint16_t *)(joint.wide + joint.cells);
    joint.odd = joint.even + joint.cells;
    return joint;
}

static size_t joint_bytes(int32_t bins)
{
    const size_t side = (size_t)bins;
    return padded((side * side + side) * sizeof(double) + side * VALUES * 2 * sizeof(uint32_t));
}

static redux_status mattes_layout(const redux_metric *metric, rdx_layout *layout)
{
    int64_t count;
    if (layout->dtype != REDUX_UINT8 && layout->dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "mattes: the image is %s, not uint8 or float32",
                        redux_dtype_name(layout->dtype));
    if (__builtin_mul_overflow(layout->height, layout->width, &count) || count > UINT32_MAX)
        return rdx_fail(REDUX_E_LIMIT, "mattes: images of %lld x %lld pixels",
                        (long long)layout->height, (long long)layout->width);
    const size_t moving = layout->dtype == REDUX_UINT8
                              ? VALUES * (sizeof(mattes_window) + 1) + (size_t)count
                              : (size_t)count * sizeof(double);
    layout->item_bytes = sizeof(mattes_header) + padded((size_t)count) + padded(moving);
    layout->scratch_bytes = joint_bytes(metric->mattes.bins);
    return REDUX_OK;
}

/* ---- the scale of bins ---- */

/* A value's place is value / size - start. */
typedef struct mattes_scale {
    double low, high, size, start;
    int32_t bins;
} mattes_scale;

static mattes_scale scale_of(double low, double high, int32_t bins)
{
    mattes_scale scale = {.low = low, .high = high, .bins = bins};
    scale.size = (high - low) / (double)(bins - 2 * PADDING);
    scale.start = low / scale.size - (double)PADDING;
    return scale;
}

static double place_of(const mattes_scale *scale, double value)
{
    value = value > scale->low ? value : scale->low; /* NaN too */
    value = value < scale->high ? value : scale->high;
    return value / scale->size - scale->start;
}

/* The bin of a place, kept off the padding and its edge. */
static int32_t bin_of(double place, int32_t bins)
{
    const int32_t bin = (int32_t)place;
    return RDX_MIN(RDX_MAX(bin, PADDING), bins - PADDING - 1);
}

/* The cubic B-spline at the four bins around a place, of which bin_of is the second. */
static mattes_window window_at(double place, int32_t bin)
{
    const double f = place - (double)bin, g = 1 - f;
    const double f2 = f * f, g2 = g * g, f3 = f2 * f, g3 = g2 * g;
    return (mattes_window){{g3 / 6, (4 - 6 * f2 + 3 * f3) / 6, (4 - 6 * g2 + 3 * g3) / 6, f3 / 6}};
}

static mattes_scale scale_u8(const uint8_t *pixels, size_t count, int32_t bins)
{
    uint8_t low = 255, high = 0;
    for (size_t i = 0; i < count; i++) {
        low = RDX_MIN(low, pixels[i]);
        high = RDX_MAX(high, pixels[i]);
    }
    return scale_of(low, high, bins);
}

/* Extremes of the finite values; 0 without any. */
static mattes_scale scale_f32(const float *pixels, size_t count, int32_t bins)
{
    float low = FLT_MAX, high = -FLT_MAX;
    for (size_t i = 0; i < count; i++) {
        const float value = pixels[i];
        if (value < low && value >= -FLT_MAX)
            low = value;
        if (value > high && value <= FLT_MAX)
            high = value;
    }
    return low > high ? scale_of(0, 0, bins) : scale_of((double)low, (double)high, bins);
}

static void prepare_u8(const mattes_scale *scale, const uint8_t *pixels, size_t count,
                       uint8_t *fixed, void *moving)
{
    const moving_bytes parts = bytes_of(moving);
    uint8_t bins[VALUES];
    for (int v = 0; v < VALUES; v++) {
        const double place = place_of(scale, v);
        const int32_t bin = bin_of(place, scale->bins);
        bins[v] = (uint8_t)bin;
        parts.first[v] = (uint8_t)(bin - 1);
        parts.windows[v] = window_at(place, bin);
    }
    for (size_t i = 0; i < count; i++)
        fixed[i] = bins[pixels[i]];
    memcpy(parts.values, pixels, count);
}

static void prepare_f32(const mattes_scale *scale, const float *pixels, size_t count,
                        uint8_t *fixed, double *places)
{
    for (size_t i = 0; i < count; i++) {
        places[i] = place_of(scale, (double)pixels[i]);
        fixed[i] = (uint8_t)bin_of(places[i], scale->bins);
    }
}

/* ---- the joint distribution ---- */

/* Not yet divided by the number of pixels. */
static void joint_u8(const mattes_joint *joint, const uint8_t *fixed, void *moving, size_t count)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const moving_bytes parts = bytes_of(moving);
    memset(joint->wide, 0, (size_t)joint->cells * 2 * sizeof(uint32_t)); /* even and odd too */
    for (size_t i = 0; i < count; i += CHUNK) {
        kernels->histogram_joint(joint->even, joint->odd, fixed + i, parts.values + i,
                                 (int64_t)RDX_MIN(count - i, CHUNK), VALUES);
        kernels->histogram_fold(joint->wide, joint->even, joint->odd, joint->cells);
    }
    for (int32_t row = PADDING; row < joint->bins - PADDING; row++)
        for (int v = 0; v < VALUES; v++) {
            const uint32_t pixels = joint->wide[row * VALUES + v];
            double *cell = joint->joint + row * joint->bins + parts.first[v];
            if (pixels != 0)
                for (int k = 0; k < TAPS; k++)
                    cell[k] += pixels * parts.windows[v].weight[k];
        }
}

static void joint_f32(const mattes_joint *joint, const uint8_t *fixed, const double *places,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t bin = bin_of(places[i], joint->bins);
        const mattes_window window = window_at(places[i], bin);
        double *cell = joint->joint + fixed[i] * joint->bins + (bin - 1);
        for (int k = 0; k < TAPS; k++)
            cell[k] += window.weight[k];
    }
}

/* Sum of p log(p / (row column)), with ITK's limits for terms too small to count. */
static double information_of(const mattes_joint *joint, const uint32_t *rows, size_t count)
{
    const int32_t bins = joint->bins;
    double total = 0, sum = 0;
    for (int32_t i = 0; i < bins * bins; i++)
        total += joint->joint[i];
    memset(joint->columns, 0, (size_t)bins * sizeof *joint->columns);
    for (int32_t i = 0; i < bins * bins; i++) {
        joint->joint[i] /= total;
        joint->columns[i % bins] += joint->joint[i];
    }
    for (int32_t row = 0; row < bins; row++) {
        const double *cells = joint->joint + row * bins;
        const double share = (double)rows[row] / (double)count;
        if (rows[row] == 0)
            continue;
        for (int32_t c = 0; c < bins; c++)
            if (cells[c] > DBL_EPSILON && joint->columns[c] > DBL_EPSILON)
                sum += cells[c] * log(cells[c] / (joint->columns[c] * share));
    }
    return RDX_MAX(sum, 0);
}

/* Nats; neither is constant. */
static double mattes_nats(const redux_metric *metric, const rdx_layout *layout, const void *a,
                          const void *b, void *scratch)
{
    const mattes_joint joint = joint_in(scratch, metric->mattes.bins);
    const size_t count = pixel_count(layout);
    const uint8_t *fixed = fixed_of(a);
    void *moving = moving_of(layout, b);
    uint32_t rows[VALUES] = {0};
    memset(joint.joint, 0, (size_t)joint.bins * (size_t)joint.bins * sizeof *joint.joint);
    if (layout->dtype == REDUX_UINT8)
        joint_u8(&joint, fixed, moving, count);
    else
        joint_f32(&joint, fixed, moving, count);
    rdx_kernels_get()->histogram_counts(rows, fixed, (int64_t)count);
    return information_of(&joint, rows, count);
}

/* ---- as a metric ---- */

static void mattes_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                           void *prepared, void *scratch)
{
    const size_t count = pixel_count(layout);
    const int32_t bins = metric->mattes.bins;
    const mattes_scale scale =
        layout->dtype == REDUX_UINT8 ? scale_u8(item, count, bins) : scale_f32(item, count, bins);
    mattes_header *header = prepared;
    memset(prepared, 0, layout->item_bytes);
    header->is_constant = !(scale.size > 0);
    if (header->is_constant)
        return;
    if (layout->dtype == REDUX_UINT8)
        prepare_u8(&scale, item, count, fixed_of(prepared), moving_of(layout, prepared));
    else
        prepare_f32(&scale, item, count, fixed_of(prepared), moving_of(layout, prepared));
    if (metric->mattes.normalised)
        header->self = mattes_nats(metric, layout, prepared, prepared, scratch);
}

static double mattes_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                           const void *b, void *scratch)
{
    const mattes_header *fixed = a, *moving = b;
    const bool normalised = metric->mattes.normalised != 0;
    if (fixed->is_constant || moving->is_constant)
        return normalised && fixed->is_constant && moving->is_constant ? 1 : 0;
    const double nats = mattes_nats(metric, layout, a, b, scratch);
    return normalised ? nats / sqrt(fixed->self * moving->self) : nats;
}

const rdx_metric_ops rdx_mattes_ops = {
    .name = "mattes",
    .item_axes = 2,
    .layout = mattes_layout,
    .prepare = mattes_prepare,
    .score = mattes_score,
    .tile = 1,
};

redux_status redux_metric_new_mattes(redux_metric **out, redux_context *context,
                                     const redux_mattes_options *options)
{
    redux_mattes_options known = REDUX_MATTES_OPTIONS_INIT;
    RDX_TRY(mattes_options(&known, options));
    RDX_TRY(rdx_metric_make(out, context, &rdx_mattes_ops));
    (*out)->mattes = known;
    return REDUX_OK;
}

redux_status redux_mattes(double *out, redux_context *context, const redux_tensor *fixed,
                          const redux_tensor *moving, const redux_mattes_options *options)
{
    redux_metric *metric;
    RDX_TRY(redux_metric_new_mattes(&metric, context, options));
    redux_status status = redux_metric_pair(out, context, metric, fixed, moving);
    redux_metric_free(metric);
    return status;
}
