/* SPDX-License-Identifier: MIT
 * Phase correlation (Kuglin, Hines 1975; sub-pixel: Guizar-Sicairos, Thurman, Fienup 2008).
 *
 * An item is its spectrum with every coefficient scaled to modulus 1, or to 0 if it is round-off,
 * so that a pair costs one product and one inverse transform. */
#include <math.h>
#include <string.h>
#include "base/fftw.h"
#include "metric.h"

#define ROUND_OFF 0x1p-20 /* share of the norm; below it single precision leaves no phase */
#define MOST_UPSAMPLE 100

static redux_status phase_options(redux_phase_options *known, const redux_phase_options *given)
{
    redux_phase_options read = REDUX_PHASE_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&read, sizeof read, given, "redux_phase_options"));
    if (read.window != REDUX_PHASE_HANN && read.window != REDUX_PHASE_PLAIN)
        return rdx_fail(REDUX_E_INVALID, "redux_phase_options: window is %d", (int)read.window);
    if (read.upsample < 0 || read.upsample > MOST_UPSAMPLE)
        return rdx_fail(REDUX_E_INVALID, "redux_phase_options: upsample is %d, not 0 to %d",
                        (int)read.upsample, MOST_UPSAMPLE);
    *known = read;
    return REDUX_OK;
}

/* ---- the prepared form ---- */

/* Prepared form: this, then the coefficients [height][width / 2 + 1] as pairs of floats. */
typedef struct phase_header {
    int64_t used; /* coefficients of the whole spectrum that are not 0 */
    int64_t is_constant, is_finite;
    int64_t reserved[5];
} phase_header;

_Static_assert(sizeof(phase_header) == 64, "coefficients are aligned as items are");

static float *coefficients_of(const void *prepared)
{
    return (void *)((char *)(uintptr_t)prepared + sizeof(phase_header));
}

static int64_t half_of(const rdx_layout *layout)
{
    return layout->width / 2 + 1;
}

static size_t padded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t spectrum_bytes(const rdx_layout *layout)
{
    return padded((size_t)layout->height * (size_t)half_of(layout) * 2 * sizeof(float));
}

static size_t image_bytes(const rdx_layout *layout)
{
    return padded((size_t)layout->height * (size_t)layout->width * sizeof(float));
}

/* Makes the two plans here, where failure is possible; later they are only looked up. */
static redux_status phase_layout(const redux_metric *metric, rdx_layout *layout)
{
    const rdx_fft_plan *plan;
    if (layout->dtype != REDUX_UINT8 && layout->dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "phase correlation: the image is %s, not uint8 or float32",
                        redux_dtype_name(layout->dtype));
    RDX_TRY(rdx_fft_get(&plan, metric->plans, RDX_FFT_FORWARD, layout->height, layout->width, 1));
    RDX_TRY(rdx_fft_get(&plan, metric->plans, RDX_FFT_INVERSE, layout->height, layout->width, 1));
    layout->item_bytes = sizeof(phase_header) + spectrum_bytes(layout);
    layout->scratch_bytes = RDX_MAX(spectrum_bytes(layout), (size_t)layout->width * sizeof(double));
    layout->scratch_bytes = padded(layout->scratch_bytes) + image_bytes(layout);
    return REDUX_OK;
}

static void transform(const redux_metric *metric, const rdx_layout *layout, rdx_fft_kind kind,
                      float *out, float *in)
{
    const rdx_fft_plan *plan = NULL;
    if (rdx_fft_get(&plan, metric->plans, kind, layout->height, layout->width, 1) == REDUX_OK)
        rdx_fft_run(plan, out, in);
}

/* ---- preparing ---- */

static double weight_at(int32_t window, int64_t i, int64_t side)
{
    if (window == REDUX_PHASE_PLAIN)
        return 1;
    const double half = sin(M_PI * ((double)i + 0.5) / (double)side);
    return half * half;
}

/* The image as floats into `out`; returns its mean and whether it is constant and finite. */
static double load(float *out, phase_header *header, const rdx_layout *layout, const void *item)
{
    const int64_t count = layout->height * layout->width;
    double sum = 0;
    header->is_constant = 1;
    for (int64_t i = 0; i < count; i++) {
        out[i] = layout->dtype == REDUX_UINT8 ? (float)((const uint8_t *)item)[i]
                                              : ((const float *)item)[i];
        sum += (double)out[i];
        if (out[i] != out[0])
            header->is_constant = 0;
    }
    header->is_finite = isfinite(sum);
    return sum / (double)count;
}

/* Removes the mean and fades the edges out, in place, and scales the norm to 1. `weights` has room
 * for a row. */
static void flatten(float *pixels, double mean, int32_t window, const rdx_layout *layout,
                    double *weights)
{
    double energy = 0;
    for (int64_t x = 0; x < layout->width; x++)
        weights[x] = weight_at(window, x, layout->width);
    for (int64_t y = 0; y < layout->height; y++) {
        const double weight = weight_at(window, y, layout->height);
        const float *row = pixels + y * layout->width;
        for (int64_t x = 0; x < layout->width; x++) {
            const double value = ((double)row[x] - mean) * weight * weights[x];
            energy += value * value;
        }
    }
    const double scale = 1 / sqrt(energy);
    for (int64_t y = 0; y < layout->height; y++) {
        const double weight = scale * weight_at(window, y, layout->height);
        float *row = pixels + y * layout->width;
        for (int64_t x = 0; x < layout->width; x++)
            row[x] = (float)(((double)row[x] - mean) * weight * weights[x]);
    }
}

/* How often a column of the half spectrum occurs in the whole one. */
static int64_t times_of(const rdx_layout *layout, int64_t column)
{
    return column == 0 || 2 * column == layout->width ? 1 : 2;
}

/* Keeps the phases; returns how many the whole spectrum has. */
static int64_t keep_phases(float *spectrum, const rdx_layout *layout)
{
    const int64_t half = half_of(layout);
    int64_t used = 0;
    for (int64_t y = 0; y < layout->height; y++)
        for (int64_t x = 0; x < half; x++, spectrum += 2) {
            const double re = (double)spectrum[0], im = (double)spectrum[1];
            const double modulus = sqrt(re * re + im * im);
            const bool keep = modulus > ROUND_OFF;
            spectrum[0] = keep ? (float)(re / modulus) : 0;
            spectrum[1] = keep ? (float)(im / modulus) : 0;
            used += keep ? times_of(layout, x) : 0;
        }
    return used;
}

static void phase_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                          void *prepared, void *scratch)
{
    phase_header *header = prepared;
    float *pixels = scratch, *spectrum = coefficients_of(prepared);
    double *weights = (double *)(void *)((char *)scratch + image_bytes(layout));
    memset(prepared, 0, layout->item_bytes);
    const double mean = load(pixels, header, layout, item);
    if (header->is_constant || !header->is_finite)
        return;
    flatten(pixels, mean, metric->phase.window, layout, weights);
    transform(metric, layout, RDX_FFT_FORWARD, spectrum, pixels);
    header->used = keep_phases(spectrum, layout);
}

/* ---- a pair ---- */

/* b times the conjugate of a. Its inverse transform peaks at the shift of b against a. */
static void phase_difference(float *out, const float *a, const float *b, int64_t count)
{
    for (int64_t i = 0; i < 2 * count; i += 2) {
        out[i] = b[i] * a[i] + b[i + 1] * a[i + 1];
        out[i + 1] = b[i + 1] * a[i] - b[i] * a[i + 1];
    }
}

static int64_t highest(const float *values, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

static double signed_place(int64_t place, int64_t side)
{
    return (double)(2 * place > side ? place - side : place);
}

/* Both not constant and finite. */
static redux_shift peak_of(const redux_metric *metric, const rdx_layout *layout, const void *a,
                           const void *b, void *scratch)
{
    const phase_header *one = a, *other = b;
    const int64_t most = RDX_MAX(one->used, other->used);
    float *product = scratch;
    float *surface = (float *)(void *)((char *)scratch + spectrum_bytes(layout));
    phase_difference(product, coefficients_of(a), coefficients_of(b),
                     layout->height * half_of(layout));
    transform(metric, layout, RDX_FFT_INVERSE, surface, product);
    const int64_t at = highest(surface, layout->height * layout->width);
    redux_shift shift = {.dy = signed_place(at / layout->width, layout->height),
                         .dx = signed_place(at % layout->width, layout->width)};
    if (most > 0)
        shift.height = RDX_MIN((double)surface[at] / (double)most, 1);
    return shift;
}

/* The transforms of a difference and of its conjugate differ in their last bits, so the item with
 * the smaller bytes always comes first. */
static redux_shift shift_of(const redux_metric *metric, const rdx_layout *layout, const void *a,
                            const void *b, void *scratch)
{
    const phase_header *one = a, *other = b;
    if (!one->is_finite || !other->is_finite)
        return (redux_shift){NAN, NAN, NAN};
    if (one->is_constant || other->is_constant)
        return (redux_shift){0, 0, one->is_constant && other->is_constant ? 1 : 0};
    if (memcmp(a, b, layout->item_bytes) <= 0)
        return peak_of(metric, layout, a, b, scratch);
    redux_shift shift = peak_of(metric, layout, b, a, scratch);
    shift.dy = 0 - shift.dy;
    shift.dx = 0 - shift.dx;
    return shift;
}

static double phase_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                          const void *b, void *scratch)
{
    return shift_of(metric, layout, a, b, scratch).height;
}

const rdx_metric_ops rdx_phase_correlation_ops = {
    .name = "phase correlation",
    .item_axes = 2,
    .layout = phase_layout,
    .prepare = phase_prepare,
    .score = phase_score,
    .tile = 1,
};

redux_status redux_metric_new_phase_correlation(redux_metric **out, redux_context *context,
                                                const redux_phase_options *options)
{
    redux_phase_options known = REDUX_PHASE_OPTIONS_INIT;
    redux_metric *metric;
    void *plans;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_new_phase_correlation: out is NULL");
    RDX_TRY(phase_options(&known, options));
    RDX_TRY(rdx_fft_available());
    RDX_TRY(rdx_metric_make(&metric, context, &rdx_phase_correlation_ops));
    redux_status status = rdx_alloc_zero(context, &plans, 1, sizeof *metric->plans);
    if (status != REDUX_OK) {
        redux_metric_free(metric);
        return status;
    }
    metric->phase = known;
    metric->plans = plans;
    *out = metric;
    return REDUX_OK;
}

/* ---- parts of a pixel ---- */

/* The surface near a peak: places along each axis, 1 / upsample apart, from (y, x) on. */
typedef struct fine_grid {
    double y, x, step;
} fine_grid;

/* exp(2 pi i k place / side) for k = 0 ... count - 1, frequencies above half the side negative. */
static void phasors(double *out, double place, int64_t side, int64_t count)
{
    for (int64_t k = 0; k < count; k++) {
        const double angle = 2 * M_PI * signed_place(k, side) * place / (double)side;
        out[2 * k] = cos(angle);
        out[2 * k + 1] = sin(angle);
    }
}

/* The sum along x of each row of the phase difference, at one x: [height] complex. */
static void sum_rows(double *out, const rdx_layout *layout, const float *a, const float *b,
                     const double *phasor)
{
    const int64_t half = half_of(layout);
    for (int64_t y = 0; y < layout->height; y++) {
        double re = 0, im = 0;
        for (int64_t x = 0; x < half; x++, a += 2, b += 2) {
            const double times = (double)times_of(layout, x);
            const double p = (double)b[0] * (double)a[0] + (double)b[1] * (double)a[1];
            const double q = (double)b[1] * (double)a[0] - (double)b[0] * (double)a[1];
            re += times * (p * phasor[2 * x] - q * phasor[2 * x + 1]);
            im += times * (p * phasor[2 * x + 1] + q * phasor[2 * x]);
        }
        out[2 * y] = re;
        out[2 * y + 1] = im;
    }
}

/* The real part of the sum over rows, at one place y. */
static double sum_columns(const double *rows, const double *phasor, int64_t height)
{
    double sum = 0;
    for (int64_t y = 0; y < height; y++)
        sum += rows[2 * y] * phasor[2 * y] - rows[2 * y + 1] * phasor[2 * y + 1];
    return sum;
}

/* Moves the shift to the highest place of the grid around it. `work` has room for the phasors of
 * all y and of one x, and for the sums of rows: pairs of doubles. */
static void refine(redux_shift *shift, const rdx_layout *layout, const float *a, const float *b,
                   int64_t upsample, double *work)
{
    const int64_t size = (3 * upsample + 1) / 2, before = size / 2, height = layout->height;
    const fine_grid grid = {shift->dy - (double)before / (double)upsample,
                            shift->dx - (double)before / (double)upsample, 1 / (double)upsample};
    double *down = work, *across = down + 2 * size * height, *rows = across + 2 * layout->width;
    double best = -INFINITY;
    for (int64_t i = 0; i < size; i++)
        phasors(down + 2 * i * height, grid.y + (double)i * grid.step, height, height);
    for (int64_t j = 0; j < size; j++) {
        const double x = grid.x + (double)j * grid.step;
        phasors(across, x, layout->width, half_of(layout));
        sum_rows(rows, layout, a, b, across);
        for (int64_t i = 0; i < size; i++) {
            const double value = sum_columns(rows, down + 2 * i * height, height);
            if (value > best) {
                best = value;
                shift->dy = grid.y + (double)i * grid.step;
                shift->dx = x;
            }
        }
    }
    /* tenths of a pixel and the like, without the round-off of the steps */
    shift->dy = nearbyint(shift->dy * (double)upsample) / (double)upsample;
    shift->dx = nearbyint(shift->dx * (double)upsample) / (double)upsample;
}

static redux_status refine_pair(redux_shift *shift, redux_context *context,
                                const redux_metric *metric, const rdx_layout *layout,
                                const char *items)
{
    const int64_t upsample = metric->phase.upsample, size = (3 * upsample + 1) / 2;
    const phase_header *a = (const phase_header *)(const void *)items;
    const phase_header *b = (const phase_header *)(const void *)(items + layout->item_bytes);
    void *work;
    if (upsample < 2 || a->used == 0 || b->used == 0)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(context, &work,
                      (uint64_t)(size + 1) * (uint64_t)layout->height + (uint64_t)layout->width,
                      2 * sizeof(double)));
    refine(shift, layout, coefficients_of(a), coefficients_of(b), upsample, work);
    rdx_free(work);
    return REDUX_OK;
}

/* ---- two images ---- */

static redux_status check_images(const redux_tensor *a, const redux_tensor *b)
{
    RDX_TRY(rdx_tensor_check(a, 2, 0, "a"));
    RDX_TRY(rdx_tensor_check(b, 2, a->dtype, "b"));
    if (a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1])
        return rdx_fail(REDUX_E_INVALID, "phase correlation: images of %lld x %lld and %lld x %lld",
                        (long long)a->shape[0], (long long)a->shape[1], (long long)b->shape[0],
                        (long long)b->shape[1]);
    return REDUX_OK;
}

static redux_status correlate(redux_shift *out, redux_context *context, const redux_metric *metric,
                              const redux_tensor *images)
{
    rdx_layout layout;
    redux_tensor rows[2];
    void *block;
    for (int k = 0; k < 2; k++) {
        const int64_t shape[3] = {1, images[k].shape[0], images[k].shape[1]};
        const int64_t strides[3] = {0, images[k].strides[0], images[k].strides[1]};
        RDX_TRY(redux_tensor_borrow(&rows[k], images[k].data, images[k].dtype, 3, shape, strides));
    }
    RDX_TRY(rdx_metric_layout(metric, &rows[0], &layout));
    RDX_TRY(rdx_alloc(context, &block, 1, 2 * layout.item_bytes + layout.scratch_bytes));
    char *items = block, *scratch = items + 2 * layout.item_bytes;
    redux_status status = REDUX_OK;
    for (int k = 0; k < 2 && status == REDUX_OK; k++)
        status = rdx_metric_prepare(context, metric, &layout, &rows[k], 0, 1,
                                    items + (size_t)k * layout.item_bytes);
    if (status == REDUX_OK) {
        redux_shift shift = shift_of(metric, &layout, items, items + layout.item_bytes, scratch);
        status = refine_pair(&shift, context, metric, &layout, items);
        if (status == REDUX_OK)
            *out = shift;
    }
    rdx_free(block);
    return status;
}

redux_status redux_phase_correlation(redux_shift *out, redux_context *context,
                                     const redux_tensor *a, const redux_tensor *b,
                                     const redux_phase_options *options)
{
    redux_metric *metric;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_phase_correlation: out is NULL");
    RDX_TRY(check_images(a, b));
    RDX_TRY(redux_metric_new_phase_correlation(&metric, context, options));
    const redux_tensor images[2] = {*a, *b};
    redux_status status = correlate(out, context, metric, images);
    redux_metric_free(metric);
    return status;
}
