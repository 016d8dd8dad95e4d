/* SPDX-License-Identifier: MIT
 * Random views of a slice: the random choices of each, and the presets.
 *
 * Each operation of each view has its own stream of random numbers (redux_random_key): operation =
 * 0x76000000 | view << 8 | number, with the numbers of enum operation. Within a stream, number 0
 * decides whether an operation with a probability is done. Leaving an operation out does not shift
 * the numbers of any other. */
#include <math.h>
#include <string.h>
#include "views.h"

#define FAMILY 0x76000000U
#define MOST_VIEWS 4096
#define CROP_TRIES 10

/* Pinned: a run resumed by a later version must see the same views. */
typedef enum operation {
    OPERATION_WINDOW = 0,
    OPERATION_CROP = 1,
    OPERATION_FLIP_HORIZONTAL = 2,
    OPERATION_FLIP_VERTICAL = 3,
    OPERATION_ROTATE = 4,
    OPERATION_JITTER = 5,
    OPERATION_BLUR = 6,
    OPERATION_NOISE = 7,
    OPERATION_CUTOUT = 8
} operation;

/* ---- presets ---- */

static void preset_none(redux_views_options *o)
{
    *o = (redux_views_options){.struct_size = sizeof *o,
                               .views = 2,
                               .scale_low = 1,
                               .scale_high = 1,
                               .small_scale_low = 1,
                               .small_scale_high = 1,
                               .ratio = 1};
}

/* Chen et al. 2020, appendix A, without the colour operations, which grey does not have. */
static void preset_simclr(redux_views_options *o)
{
    const redux_views_options simclr = REDUX_VIEWS_OPTIONS_INIT;
    *o = simclr;
}

/* Wolf et al. 2024. */
static void preset_swav(redux_views_options *o)
{
    o->small_views = 6;
    o->scale_low = 0.9;
    o->small_scale_low = 0.1;
    o->small_scale_high = 0.33;
    o->ratio = 4.0 / 3;
    o->jitter_probability = 0.8;
    o->brightness = o->contrast = 0.4;
    o->blur_probability = 0.5;
    o->blur_low = 0.1;
    o->blur_high = 2;
}

/* The operations of the companion works, whose strengths are not published. */
static void preset_moco(redux_views_options *o)
{
    o->scale_low = 0.2;
    o->ratio = 4.0 / 3;
    o->flip_horizontal = o->flip_vertical = 0.5;
    o->rotate_probability = 0.5;
    o->rotate_degrees = 15;
    o->jitter_probability = 0.8;
    o->brightness = o->contrast = 0.4;
    o->blur_probability = 0.5;
    o->blur_low = 0.1;
    o->blur_high = 2;
    o->noise_probability = 0.5;
    o->noise_high = 0.05;
}

redux_status redux_views_preset(redux_views_options *out, const char *name)
{
    if (out == NULL || name == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_views_preset: an argument is NULL");
    redux_views_options options;
    preset_none(&options);
    if (strcmp(name, "simclr") == 0)
        preset_simclr(&options);
    else if (strcmp(name, "paper-swav-crops") == 0)
        preset_swav(&options);
    else if (strcmp(name, "moco-medical") == 0)
        preset_moco(&options);
    else if (strcmp(name, "none") != 0)
        return rdx_fail(REDUX_E_NOT_FOUND,
                        "unknown views '%s': use simclr, paper-swav-crops, moco-medical or none",
                        name);
    return rdx_write_result(out, &options, sizeof options, "redux_views_options");
}

/* ---- what is allowed ---- */

static redux_status check_range(const char *name, double low, double high, double least,
                                double most)
{
    if (low >= least && low <= high && high <= most)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "views: %s is %g ... %g, not within %g ... %g", name, low,
                    high, least, most);
}

static redux_status check_one(const char *name, double value, double most)
{
    if (value >= 0 && value <= most)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "views: %s is %g, not within 0 ... %g", name, value, most);
}

static redux_status check_counts(const rdx_views *v)
{
    const redux_views_options *o = &v->options;
    if (o->views < 1 || o->small_views < 0 || o->views > MOST_VIEWS || o->small_views > MOST_VIEWS)
        return rdx_fail(REDUX_E_INVALID, "views: %d full and %d small views are out of range",
                        (int)o->views, (int)o->small_views);
    if (o->small_views > 0 && (o->small_size < 1 || o->small_size > v->input.size))
        return rdx_fail(REDUX_E_INVALID, "views: small_size is %d, size %d", (int)o->small_size,
                        (int)v->input.size);
    if (!(o->ratio >= 1) || !isfinite(o->ratio))
        return rdx_fail(REDUX_E_INVALID, "views: ratio is %g, below 1 or not finite", o->ratio);
    return REDUX_OK;
}

/* Given for 224 pixels, applied at the input's size. */
static redux_status check_blur(const rdx_views *v)
{
    const redux_views_options *o = &v->options;
    const double most = RDX_BLUR_MOST * 224.0 / (double)v->input.size;
    if (o->blur_low >= 0 && o->blur_low <= o->blur_high &&
        (o->blur_high <= most || (o->blur_probability == 0 && isfinite(o->blur_high))))
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID,
                    "views: blur is %g ... %g (sigma at 224 pixels), not within 0 ... %g, the most "
                    "with inputs of %d pixels",
                    o->blur_low, o->blur_high, most, (int)v->input.size);
}

static redux_status check_strengths(const rdx_views *v)
{
    const redux_views_options *o = &v->options;
    RDX_TRY(check_one("window_jitter", o->window_jitter, 0.49));
    RDX_TRY(check_range("scale", o->scale_low, o->scale_high, 1e-6, 1));
    if (o->small_views > 0)
        RDX_TRY(check_range("small_scale", o->small_scale_low, o->small_scale_high, 1e-6, 1));
    RDX_TRY(check_one("flip_horizontal", o->flip_horizontal, 1));
    RDX_TRY(check_one("flip_vertical", o->flip_vertical, 1));
    RDX_TRY(check_one("rotate_probability", o->rotate_probability, 1));
    RDX_TRY(check_one("rotate_degrees", o->rotate_degrees, 180));
    RDX_TRY(check_one("jitter_probability", o->jitter_probability, 1));
    RDX_TRY(check_one("brightness", o->brightness, 1));
    RDX_TRY(check_one("contrast", o->contrast, 1));
    RDX_TRY(check_one("gamma", o->gamma, 4));
    RDX_TRY(check_one("blur_probability", o->blur_probability, 1));
    RDX_TRY(check_blur(v));
    RDX_TRY(check_one("noise_probability", o->noise_probability, 1));
    RDX_TRY(check_one("noise_high", o->noise_high, 10));
    RDX_TRY(check_one("cutout_probability", o->cutout_probability, 1));
    return check_one("cutout_high", o->cutout_high, 1);
}

redux_status rdx_views_read(rdx_views *known, const redux_views_options *options,
                            const redux_input_options *input)
{
    redux_views_options *o = &known->options;
    preset_simclr(o);
    RDX_TRY(rdx_input_read(&known->input, input));
    RDX_TRY(rdx_read_options(o, sizeof *o, options, "redux_views_options"));
    if (o->small_size == 0)
        o->small_size = (int32_t)RDX_MAX(1, ((int64_t)known->input.size * 96 + 112) / 224);
    RDX_TRY(check_counts(known));
    return check_strengths(known);
}

int64_t rdx_view_size(const rdx_views *views, int32_t view)
{
    return view < views->options.views ? views->input.size : views->options.small_size;
}

/* ---- drawing ---- */

/* The streams of one view. */
typedef struct dice {
    redux_random_key key;
    uint32_t view;
} dice;

static redux_random_key stream_of(const dice *d, operation number)
{
    redux_random_key key = d->key;
    key.operation = FAMILY | d->view << 8 | (uint32_t)number;
    return key;
}

static double draw(const dice *d, operation number, uint32_t index, double low, double high)
{
    const redux_random_key key = stream_of(d, number);
    return low + (high - low) * redux_random_uniform(&key, index);
}

static bool happens(const dice *d, operation number, double probability)
{
    return probability > 0 && draw(d, number, 0, 0, 1) < probability;
}

/* torchvision's RandomResizedCrop: ten tries of a random area and aspect, else the largest part in
 * the middle with an allowed aspect. 1 ... 1 is the whole slice. */
static rdx_box crop_middle(int64_t height, int64_t width, double ratio)
{
    rdx_box box = {0, 0, height, width};
    if ((double)width < (double)height / ratio)
        box.height = RDX_MIN(height, (int64_t)rint((double)width * ratio));
    else if ((double)width > (double)height * ratio)
        box.width = RDX_MIN(width, (int64_t)rint((double)height * ratio));
    box.top = (height - box.height) / 2;
    box.left = (width - box.width) / 2;
    return box;
}

static rdx_box draw_crop(const dice *d, int64_t height, int64_t width, const double scale[2],
                         double ratio)
{
    const redux_random_key key = stream_of(d, OPERATION_CROP);
    const double area = (double)height * (double)width, most = log(ratio);
    if (scale[0] >= 1)
        return (rdx_box){0, 0, height, width};
    for (uint32_t i = 0; i < 4 * CROP_TRIES; i += 4) {
        const double target = area * draw(d, OPERATION_CROP, i, scale[0], scale[1]);
        const double aspect = exp(draw(d, OPERATION_CROP, i + 1, -most, most));
        rdx_box box = {0, 0, (int64_t)rint(sqrt(target / aspect)),
                       (int64_t)rint(sqrt(target * aspect))};
        if (box.height < 1 || box.width < 1 || box.height > height || box.width > width)
            continue;
        box.top = (int64_t)redux_random_below(&key, i + 2, (uint64_t)(height - box.height + 1));
        box.left = (int64_t)redux_random_below(&key, i + 3, (uint64_t)(width - box.width + 1));
        return box;
    }
    return crop_middle(height, width, ratio);
}

/* ---- the operations, in order ---- */

static redux_status crop_view(rdx_viewer *viewer, float *out, const rdx_slice *slice,
                              const rdx_views *views, const dice *d, int32_t view)
{
    const redux_views_options *o = &views->options;
    const bool small = view >= o->views;
    const double scale[2] = {small ? o->small_scale_low : o->scale_low,
                             small ? o->small_scale_high : o->scale_high};
    double jitter[2] = {0, 0};
    bool eight_bit;
    rdx_grey map;
    for (uint32_t i = 0; i < 2 && o->window_jitter > 0; i++)
        jitter[i] = draw(d, OPERATION_WINDOW, i, -o->window_jitter, o->window_jitter);
    RDX_TRY(rdx_slice_map(&map, &eight_bit, slice, views->input.window, jitter));
    const rdx_box box =
        draw_crop(d, slice->pixels.shape[0], slice->pixels.shape[1], scale, o->ratio);
    return rdx_viewer_grey(viewer, out, rdx_view_size(views, view), slice, &box, &map, eight_bit);
}

static void turn_view(float *out, float *scratch, int64_t size, const redux_views_options *o,
                      const dice *d)
{
    if (happens(d, OPERATION_FLIP_HORIZONTAL, o->flip_horizontal))
        rdx_flip_horizontal(out, size);
    if (happens(d, OPERATION_FLIP_VERTICAL, o->flip_vertical))
        rdx_flip_vertical(out, size);
    if (happens(d, OPERATION_ROTATE, o->rotate_probability))
        rdx_rotate(out, scratch, size,
                   draw(d, OPERATION_ROTATE, 1, -o->rotate_degrees, o->rotate_degrees));
}

static void tone_view(float *out, int64_t count, const redux_views_options *o, const dice *d)
{
    if (!happens(d, OPERATION_JITTER, o->jitter_probability))
        return;
    if (o->brightness > 0)
        rdx_brightness(out, count, 1 + draw(d, OPERATION_JITTER, 1, -o->brightness, o->brightness));
    if (o->contrast > 0)
        rdx_contrast(out, count, 1 + draw(d, OPERATION_JITTER, 2, -o->contrast, o->contrast));
    if (o->gamma > 0)
        rdx_gamma(out, count, exp(draw(d, OPERATION_JITTER, 3, -o->gamma, o->gamma)));
}

static void spoil_view(float *out, float *scratch, int64_t size, const redux_views_options *o,
                       const dice *d)
{
    const redux_random_key noise = stream_of(d, OPERATION_NOISE);
    if (happens(d, OPERATION_BLUR, o->blur_probability))
        rdx_blur(out, scratch, size,
                 draw(d, OPERATION_BLUR, 1, o->blur_low, o->blur_high) * (double)size / 224);
    if (happens(d, OPERATION_NOISE, o->noise_probability))
        rdx_noise(out, size * size, draw(d, OPERATION_NOISE, 1, 0, o->noise_high), &noise);
}

static void cut_view(float *out, int64_t size, const rdx_views *views, const dice *d)
{
    const redux_views_options *o = &views->options;
    const redux_random_key key = stream_of(d, OPERATION_CUTOUT);
    if (!happens(d, OPERATION_CUTOUT, o->cutout_probability))
        return;
    const double share = draw(d, OPERATION_CUTOUT, 1, 0, o->cutout_high);
    const int64_t side = (int64_t)rint(sqrt(share) * (double)size);
    const uint64_t places = (uint64_t)(size - side + 1);
    rdx_fill_square(out, size, (int64_t)redux_random_below(&key, 2, places),
                    (int64_t)redux_random_below(&key, 3, places), side, (float)views->input.mean);
}

redux_status rdx_viewer_view(rdx_viewer *viewer, float *out, const rdx_slice *slice,
                             const rdx_views *views, const redux_random_key *key, int32_t view)
{
    const redux_views_options *options = &views->options;
    const dice d = {*key, (uint32_t)view};
    const int64_t size = rdx_view_size(views, view);
    RDX_TRY(crop_view(viewer, out, slice, views, &d, view));
    float *scratch = viewer->scratch.data;
    turn_view(out, scratch, size, options, &d);
    tone_view(out, size * size, options, &d);
    spoil_view(out, scratch, size, options, &d);
    cut_view(out, size, views, &d);
    rdx_normalise(out, size * size, views->input.mean, views->input.deviation);
    return REDUX_OK;
}

redux_status redux_views_apply(const redux_tensor *out, redux_context *context,
                               const redux_tensor *in, double slope, double intercept, int is_scan,
                               const redux_input_options *input, const redux_views_options *options,
                               const redux_random_key *key, int32_t view)
{
    rdx_views known;
    rdx_viewer viewer;
    rdx_slice slice;
    RDX_TRY(rdx_views_read(&known, options, input));
    RDX_TRY(rdx_slice_of(&slice, in, slope, intercept, is_scan != 0));
    RDX_TRY(rdx_tensor_check(out, 2, REDUX_FLOAT32, "out"));
    if (key == NULL || view < 0 || view >= known.options.views + known.options.small_views)
        return rdx_fail(REDUX_E_INVALID, "views: there is no view %d, or no key", (int)view);
    const int64_t size = rdx_view_size(&known, view);
    if (out->shape[0] != size || out->shape[1] != size || !redux_tensor_is_contiguous(out))
        return rdx_fail(REDUX_E_INVALID, "views: out is not [%lld, %lld] without gaps",
                        (long long)size, (long long)size);
    rdx_viewer_init(&viewer, context);
    const redux_status status = rdx_viewer_view(&viewer, out->data, &slice, &known, key, view);
    rdx_viewer_clear(&viewer);
    return status;
}
