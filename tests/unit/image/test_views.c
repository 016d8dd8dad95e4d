/* SPDX-License-Identifier: MIT
 * Inputs and random views: each operation against Pillow, SciPy or torchvision
 * (tests/golden/views.py), what is drawn against what was asked for. Run from the project's root.
 */
#include <math.h>
#include "image/views.h"
#include "support/test_io.h"

#define SIDE 64

static redux_tensor whole; /* the golden slice */
static redux_window range;

static void load_slice(void)
{
    redux_tensor window;
    golden_archive = "tests/golden/data/views.npz";
    golden(&whole, "slice");
    golden(&window, "window");
    const double *limits = window.data;
    range = (redux_window){REDUX_WINDOW_RANGE, limits[0], limits[1]};
    redux_tensor_release(&window);
}

static void drop_slice(void)
{
    redux_tensor_release(&whole);
}

static void assert_near(const float *have, const redux_tensor *want, double tolerance,
                        const char *name)
{
    const float *wanted = want->data;
    for (int64_t i = 0; i < redux_tensor_elements(want); i++)
        ck_assert_msg(fabs((double)have[i] - (double)wanted[i]) <= tolerance,
                      "%s: element %lld is %.8g, expected %.8g", name, (long long)i,
                      (double)have[i], (double)wanted[i]);
}

static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

/* What is drawn, and how it becomes an input. */
typedef struct drawing {
    redux_views_options views;
    redux_input_options input;
} drawing;

static drawing preset(const char *name, int32_t size)
{
    drawing d = {.views = REDUX_VIEWS_OPTIONS_INIT, .input = REDUX_INPUT_OPTIONS_INIT};
    ck_assert_redux_ok(redux_views_preset(&d.views, name));
    d.input.size = size;
    d.input.mean = 0; /* so that views are grey values */
    d.input.deviation = 1;
    return d;
}

static redux_tensor square(float *pixels, int64_t size)
{
    const int64_t shape[] = {size, size};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_borrow(&out, pixels, REDUX_FLOAT32, 2, shape, NULL));
    return out;
}

static redux_status apply(float *out, const redux_tensor *in, const drawing *d, uint64_t sample,
                          int32_t view)
{
    const redux_random_key key = {.seed = 3, .epoch = 1, .sample = sample};
    const int64_t small =
        d->views.small_size > 0 ? d->views.small_size : (d->input.size * 96 + 112) / 224;
    const redux_tensor to = square(out, view < d->views.views ? d->input.size : small);
    return redux_views_apply(&to, NULL, in, 1, 0, 1, &d->input, &d->views, &key, view);
}

/* ---- against other libraries ---- */

START_TEST(crops_and_resizes)
{
    redux_tensor boxes, want;
    rdx_viewer viewer;
    rdx_slice slice;
    rdx_grey map;
    bool eight_bit;
    const double still[2] = {0, 0};
    golden(&boxes, "boxes");
    rdx_viewer_init(&viewer, NULL);
    ck_assert_redux_ok(rdx_slice_of(&slice, &whole, 1, 0, true));
    ck_assert_redux_ok(rdx_slice_map(&map, &eight_bit, &slice, range, still));
    for (int64_t i = 0; i < boxes.shape[0]; i++) {
        const int64_t *b = (const int64_t *)boxes.data + i * 5;
        const rdx_box box = {b[0], b[1], b[2], b[3]};
        static float out[64 * 64];
        golden(&want, text("resize/%d", (int)i));
        ck_assert_int_eq(want.shape[0], b[4]);
        ck_assert_redux_ok(rdx_viewer_grey(&viewer, out, b[4], &slice, &box, &map, eight_bit));
        assert_near(out, &want, 1e-6, text("box %d", (int)i));
        redux_tensor_release(&want);
    }
    rdx_viewer_clear(&viewer);
    redux_tensor_release(&boxes);
}
END_TEST

START_TEST(inputs)
{
    static const int32_t sizes[] = {16, 37};
    for (int i = 0; i < 2; i++) {
        redux_input_options options = REDUX_INPUT_OPTIONS_INIT;
        static float out[64 * 64];
        const redux_tensor to = square(out, sizes[i]);
        redux_tensor want;
        options.size = sizes[i];
        golden(&want, text("input/%d", (int)sizes[i]));
        ck_assert_redux_ok(redux_input_apply(&to, NULL, &whole, 1, 0, 1, &options));
        assert_near(out, &want, 4e-6, "input");
        redux_tensor_release(&want);
    }
}
END_TEST

/* Does one operation on the golden picture and compares. */
static void check_operation(const char *name, double strength, double tolerance)
{
    redux_tensor picture, want;
    static float room[2 * 64 * 64];
    golden(&picture, "picture");
    golden(&want, text("%s/%.9g%s", name, strength, strength == floor(strength) ? ".0" : ""));
    float *pixels = picture.data;
    const int64_t size = picture.shape[0], count = size * size;
    if (strcmp(name, "rotate") == 0)
        rdx_rotate(pixels, room, size, strength);
    else if (strcmp(name, "blur") == 0)
        rdx_blur(pixels, room, size, strength);
    else if (strcmp(name, "brightness") == 0)
        rdx_brightness(pixels, count, strength);
    else if (strcmp(name, "contrast") == 0)
        rdx_contrast(pixels, count, strength);
    else
        rdx_gamma(pixels, count, strength);
    assert_near(pixels, &want, tolerance, text("%s %g", name, strength));
    redux_tensor_release(&want);
    redux_tensor_release(&picture);
}

START_TEST(operations)
{
    check_operation("rotate", -37.5, 2e-5);
    check_operation("rotate", 15, 2e-5);
    check_operation("rotate", 90, 2e-5);
    check_operation("rotate", 180, 2e-5);
    check_operation("blur", 0.3, 1e-6);
    check_operation("blur", 0.57, 1e-6);
    check_operation("blur", 2, 1e-6);
    check_operation("blur", 11, 1e-6);
    check_operation("brightness", 0.2, 1e-6);
    check_operation("brightness", 1.7, 1e-6);
    check_operation("contrast", 0.2, 1e-6);
    check_operation("contrast", 1.7, 1e-6);
    check_operation("gamma", 0.45, 1e-6);
    check_operation("gamma", 2.3, 1e-6);
}
END_TEST

START_TEST(flips)
{
    float odd[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const float across[9] = {2, 1, 0, 5, 4, 3, 8, 7, 6};
    static const float both[9] = {8, 7, 6, 5, 4, 3, 2, 1, 0};
    rdx_flip_horizontal(odd, 3);
    ck_assert_mem_eq(odd, across, sizeof odd);
    rdx_flip_vertical(odd, 3);
    ck_assert_mem_eq(odd, both, sizeof odd);
}
END_TEST

/* Box-Muller in double over the same Philox words. */
START_TEST(noise_by_definition)
{
    enum { COUNT = 1000, LANES = 16 };
    static float noise[COUNT];
    const redux_random_key key = {.seed = 11, .epoch = 2, .operation = 5, .sample = 77};
    const uint32_t own[2] = {redux_random_u32(&key, 0), redux_random_u32(&key, 1)};
    memset(noise, 0, sizeof noise);
    rdx_noise(noise, COUNT, 1, &key);
    for (int i = 0; i < COUNT; i++) {
        const int group = i / (4 * LANES), lane = i % LANES, which = i / LANES % 4;
        const uint32_t counter[4] = {(uint32_t)(group * LANES + lane), 0, 0, 0};
        uint32_t word[4];
        redux_random_philox(word, counter, own);
        const uint32_t u = word[which / 2 * 2], v = word[which / 2 * 2 + 1];
        const double radius = sqrt(-2 * log(((double)(u >> 8) + 0.5) / 16777216));
        const double part = ((double)((v >> 6) & 0xffffff) / 16777216 - 0.5) * acos(0.0);
        const bool swap = (v >> 30 & 1) != 0, cosine = (which % 2 == 0) != swap;
        const double turn = cosine ? cos(part) : sin(part);
        const double expected = (v >> 31 != 0 ? -radius : radius) * turn;
        ck_assert_msg(fabs((double)noise[i] - expected) < 4e-6, "%d: %.8g, expected %.8g", i,
                      (double)noise[i], expected);
    }
}
END_TEST

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov's distance from the normal distribution; neighbours do not go together. */
START_TEST(noise_is_normal)
{
    enum { COUNT = 200000 };
    static float noise[COUNT];
    const redux_random_key key = {.seed = 1};
    double sum = 0, squares = 0, fourth = 0, together = 0, distance = 0;
    memset(noise, 0, sizeof noise);
    rdx_noise(noise, COUNT, 1, &key);
    for (int i = 0; i < COUNT; i++) {
        const double x = (double)noise[i];
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
        together += i >= 1 ? x * (double)noise[i - 1] : 0;
        together += i >= 16 ? x * (double)noise[i - 16] : 0;
    }
    ck_assert_double_le(fabs(sum / COUNT), 4 / sqrt(COUNT));
    ck_assert_double_le(fabs(squares / COUNT - 1), 4 * sqrt(2.0 / COUNT));
    ck_assert_double_le(fabs(fourth / COUNT - 3), 4 * sqrt(96.0 / COUNT));
    ck_assert_double_le(fabs(together / COUNT), 6 / sqrt(COUNT));
    qsort(noise, COUNT, sizeof *noise, compare_floats);
    for (int i = 0; i < COUNT; i++) {
        const double below = 0.5 * erfc(-(double)noise[i] / sqrt(2));
        distance = fmax(distance, fabs(below - (i + 0.5) / COUNT));
    }
    ck_assert_double_le(distance,
                        1.63 / sqrt(COUNT)); /* one chance in a hundred; seeds are fixed */
}
END_TEST

/* ---- whole views ---- */

START_TEST(identity_is_the_input)
{
    static const char *const windows[] = {"auto", "slice", "-700:650"};
    for (int i = 0; i < 3; i++) {
        static float view[SIDE * SIDE], input[SIDE * SIDE];
        drawing options = preset("none", 32);
        const redux_tensor to = square(input, 32);
        ck_assert_redux_ok(redux_window_parse(&options.input.window, windows[i]));
        ck_assert_redux_ok(redux_input_apply(&to, NULL, &whole, 1, 0, 1, &options.input));
        for (int32_t v = 0; v < 2; v++) {
            ck_assert_redux_ok(apply(view, &whole, &options, 5, v));
            ck_assert_mem_eq(view, input, (size_t)32 * 32 * sizeof(float));
        }
    }
}
END_TEST

/* Same key, same bits; every part of the key and the view count, the operation does not. */
START_TEST(keyed)
{
    enum { VARIANTS = 7 };
    static float views[VARIANTS][SIDE * SIDE];
    const drawing options = preset("moco-medical", SIDE);
    for (int i = 0; i < VARIANTS; i++) {
        const redux_random_key key = {.seed = i == 2 ? 9 : 8,
                                      .epoch = i == 3 ? 1 : 0,
                                      .operation = i == 1 ? 99 : 0,
                                      .sample = i == 4 ? 1U + (1ULL << 40) : 1};
        const redux_tensor to = square(views[i], SIDE);
        ck_assert_redux_ok(redux_views_apply(&to, NULL, &whole, 1, 0, 1, &options.input,
                                             &options.views, &key, i == 5 ? 1 : 0));
    }
    ck_assert_mem_eq(views[0], views[1], sizeof views[0]);
    ck_assert_mem_eq(views[0], views[6], sizeof views[0]);
    for (int i = 2; i < 6; i++)
        ck_assert(!same_bits(views[0], views[i], sizeof views[0]));
}
END_TEST

/* Mirrored and transposed memory, another dtype: the same pixels, the same view. */
START_TEST(strides_and_dtypes)
{
    static const redux_dtype dtypes[] = {REDUX_INT32, REDUX_INT64, REDUX_FLOAT32, REDUX_FLOAT64};
    const drawing options = preset("simclr", 24);
    static float view[SIDE * SIDE], other[SIDE * SIDE];
    const int32_t swap[] = {1, 0};
    redux_tensor turned, packed, back;
    ck_assert_redux_ok(apply(view, &whole, &options, 2, 0));
    for (int i = 0; i < 4; i++) {
        redux_tensor wide;
        ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &whole, dtypes[i]));
        ck_assert_redux_ok(apply(other, &wide, &options, 2, 0));
        ck_assert_mem_eq(view, other, (size_t)24 * 24 * sizeof(float));
        redux_tensor_release(&wide);
    }
    ck_assert_redux_ok(redux_tensor_permute(&turned, &whole, swap));
    ck_assert_redux_ok(redux_tensor_contiguous(&packed, NULL, &turned, REDUX_INT16));
    ck_assert_redux_ok(redux_tensor_permute(&back, &packed, swap));
    ck_assert_int_ne(back.strides[1], 1);
    ck_assert_redux_ok(apply(other, &back, &options, 2, 0));
    ck_assert_mem_eq(view, other, (size_t)24 * 24 * sizeof(float));
    redux_tensor_release(&turned);
    redux_tensor_release(&packed);
    redux_tensor_release(&back);
}
END_TEST

/* Slope and intercept move the values before the window does. */
START_TEST(scaled_values)
{
    redux_input_options options = REDUX_INPUT_OPTIONS_INIT, moved = REDUX_INPUT_OPTIONS_INIT;
    static float a[SIDE * SIDE], b[SIDE * SIDE];
    const redux_tensor to_a = square(a, SIDE), to_b = square(b, SIDE);
    options.window = range;
    moved.window = (redux_window){REDUX_WINDOW_RANGE, 2 * range.low - 1024, 2 * range.high - 1024};
    ck_assert_redux_ok(redux_input_apply(&to_a, NULL, &whole, 1, 0, 1, &options));
    ck_assert_redux_ok(redux_input_apply(&to_b, NULL, &whole, 2, -1024, 1, &moved));
    for (int i = 0; i < SIDE * SIDE; i++)
        ck_assert_float_eq_tol(a[i], b[i], 2e-6F);
    ck_assert_redux_ok(redux_input_apply(
        &to_b, NULL, &whole, -1, 0, 1,
        &(redux_input_options){sizeof options, {REDUX_WINDOW_SLICE, 0, 0}, SIDE, 0.5, 0.25}));
    options.window.kind = REDUX_WINDOW_SLICE;
    ck_assert_redux_ok(redux_input_apply(&to_a, NULL, &whole, 1, 0, 1, &options));
    for (int i = 0; i < SIDE * SIDE; i++) /* a falling slope inverts */
        ck_assert_float_eq_tol(a[i], -b[i], 0.04F);
}
END_TEST

/* ---- odd slices ---- */

static void check_odd(const void *pixels, redux_dtype dtype, int64_t height, int64_t width,
                      double lowest, double highest)
{
    static const char *const presets[] = {"none", "simclr", "moco-medical", "paper-swav-crops"};
    const int64_t shape[] = {height, width};
    redux_tensor in;
    ck_assert_redux_ok(redux_tensor_borrow(&in, (void *)(uintptr_t)pixels, dtype, 2, shape, NULL));
    for (int p = 0; p < 4; p++) {
        drawing options = preset(presets[p], 20);
        options.views.noise_probability = 0; /* goes beyond 0 ... 1 */
        options.views.window_jitter = p == 0 ? 0 : 0.3;
        for (uint64_t sample = 0; sample < 20; sample++)
            for (int32_t v = 0; v < options.views.views + options.views.small_views; v++) {
                static float view[20 * 20];
                const int64_t size = v < options.views.views ? 20 : options.views.small_size;
                ck_assert_redux_ok(apply(view, &in, &options, sample, v));
                for (int64_t i = 0; i < size * size; i++)
                    ck_assert_msg((double)view[i] >= lowest - 1e-6 &&
                                      (double)view[i] <= highest + 1e-6,
                                  "%s: %g", presets[p], (double)view[i]);
            }
    }
}

START_TEST(odd_slices)
{
    static const float odd[] = {(float)NAN, 0, 10, (float)INFINITY, -(float)INFINITY, 5};
    static const float nothing[] = {(float)NAN, (float)NAN, -(float)INFINITY, (float)NAN};
    static const int16_t constant[] = {-7, -7, -7, -7, -7, -7}, one = 30000;
    static const uint8_t bytes[] = {0, 255, 3, 128, 254, 1};
    static const int16_t extreme[] = {INT16_MIN, INT16_MAX, 0, 1};
    check_odd(odd, REDUX_FLOAT32, 2, 3, 0, 1);
    check_odd(nothing, REDUX_FLOAT32, 2, 2, 0, 0);
    check_odd(constant, REDUX_INT16, 3, 2, 0, 1);
    check_odd(&one, REDUX_INT16, 1, 1, 0, 1);
    check_odd(bytes, REDUX_UINT8, 6, 1, 0, 1);
    check_odd(bytes, REDUX_UINT8, 1, 6, 0, 1);
    check_odd(extreme, REDUX_INT16, 2, 2, 0, 1);
}
END_TEST

/* 8-bit pictures are taken as they are; one pixel fills the view. */
START_TEST(eight_bit_pictures)
{
    redux_input_options options = REDUX_INPUT_OPTIONS_INIT;
    static const uint8_t bytes[] = {51, 102, 153, 204};
    const int64_t shape[] = {2, 2}, single[] = {1, 1};
    float out[9];
    redux_tensor in, to = square(out, 2);
    options.size = 2;
    ck_assert_redux_ok(
        redux_tensor_borrow(&in, (void *)(uintptr_t)bytes, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_input_apply(&to, NULL, &in, 1, 0, 0, &options));
    for (int i = 0; i < 4; i++)
        ck_assert_float_eq_tol(out[i], ((float)bytes[i] / 255 - 0.5F) * 4, 1e-6F);
    options.size = 3;
    to = square(out, 3);
    ck_assert_redux_ok(
        redux_tensor_borrow(&in, (void *)(uintptr_t)bytes, REDUX_UINT8, 2, single, NULL));
    ck_assert_redux_ok(redux_input_apply(&to, NULL, &in, 1, 0, 0, &options));
    for (int i = 0; i < 9; i++)
        ck_assert_float_eq_tol(out[i], (0.2F - 0.5F) * 4, 1e-6F);
}
END_TEST

/* ---- what is drawn ---- */

/* A slice of which each pixel tells its place: rows, or columns, as grey values. */
static void ramp(redux_tensor *out, int64_t height, int64_t width, bool down)
{
    const int64_t shape[] = {height, width};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 2, shape));
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            ((float *)out->data)[y * width + x] = (float)(down ? y : x);
}

/* Where the crop of a view begins and how long it is, in whole pixels, from two inner pixels of the
 * view of a ramp whose grey values are place / length. A sampled triangle's mean lies up to a tenth
 * of a pixel beside its centre. */
static void read_crop(double *start, double *length, float first, float last, int64_t from,
                      int64_t to, int64_t size, int64_t whole_length)
{
    const double a = (double)first * (double)whole_length + 0.5;
    const double b = (double)last * (double)whole_length + 0.5;
    const double tall = (b - a) / (double)(to - from) * (double)size;
    *length = rint(tall);
    ck_assert_double_le(fabs(tall - *length), 0.4);
    *start = rint(a - ((double)from + 0.5) * *length / (double)size);
}

START_TEST(crops_as_torchvision_draws_them)
{
    enum { DRAWS = 4000, SIZE = 32 };
    redux_tensor crops;
    golden(&crops, "crops");
    for (int64_t c = 0; c < crops.shape[0]; c++) {
        const double *row = (const double *)crops.data + c * 10;
        const int64_t height = (int64_t)row[3], width = (int64_t)row[4];
        drawing options = preset("none", SIZE);
        double sum[3] = {0}, squares[2] = {0};
        redux_tensor down, across;
        ramp(&down, height, width, true);
        ramp(&across, height, width, false);
        options.views.scale_low = row[0];
        options.views.scale_high = row[1];
        options.views.ratio = row[2];
        for (uint64_t i = 0; i < DRAWS; i++) {
            static float view[SIZE * SIZE];
            double top, left, tall, wide;
            options.input.window = (redux_window){REDUX_WINDOW_RANGE, 0, (double)height};
            ck_assert_redux_ok(apply(view, &down, &options, i, 0));
            read_crop(&top, &tall, view[4 * SIZE], view[27 * SIZE], 4, 27, SIZE, height);
            options.input.window.high = (double)width;
            ck_assert_redux_ok(apply(view, &across, &options, i, 0));
            read_crop(&left, &wide, view[4], view[27], 4, 27, SIZE, width);
            ck_assert_double_ge(top, 0);
            ck_assert_double_le(top + tall, (double)height);
            ck_assert_double_ge(left, 0);
            ck_assert_double_le(left + wide, (double)width);
            sum[0] += tall;
            sum[1] += wide;
            sum[2] += top;
            squares[0] += tall * tall;
            squares[1] += wide * wide;
        }
        const double mean[2] = {sum[0] / DRAWS, sum[1] / DRAWS}, unsure = 4.5 / sqrt(DRAWS);
        ck_assert_double_eq_tol(mean[0], row[5], unsure * row[7] + 0.01);
        ck_assert_double_eq_tol(mean[1], row[6], unsure * row[8] + 0.01);
        ck_assert_double_eq_tol(sqrt(squares[0] / DRAWS - mean[0] * mean[0]), row[7],
                                unsure * row[7] + 0.01);
        ck_assert_double_eq_tol(sqrt(squares[1] / DRAWS - mean[1] * mean[1]), row[8],
                                unsure * row[8] + 0.01);
        ck_assert_double_eq_tol(sum[2] / DRAWS, row[9], unsure * (double)height / 3 + 0.05);
        redux_tensor_release(&down);
        redux_tensor_release(&across);
    }
    redux_tensor_release(&crops);
}
END_TEST

/* Low and span of the window that a view was made with, from two pixels of a ramp. */
static void check_jitter(redux_window window, double low, double high)
{
    enum { DRAWS = 2000 };
    drawing options = preset("none", SIDE);
    const double jitter = 0.2, width = high - low;
    double sums[2] = {0}, squares[2] = {0};
    redux_tensor in;
    ramp(&in, SIDE, SIDE, false);
    options.input.window = window;
    options.views.window_jitter = jitter;
    for (uint64_t i = 0; i < DRAWS; i++) {
        static float view[SIDE * SIDE];
        ck_assert_redux_ok(apply(view, &in, &options, i, 1));
        const double a = (double)view[26], b = (double)view[38];
        const double span = 12 / (b - a), least = 26 - a * span;
        /* what varies by the jitter: centre and width, or low and high */
        const double first = window.kind == REDUX_WINDOW_RANGE
                                 ? (least + span / 2 - (low + high) / 2) / width
                                 : (least - low) / width;
        const double second =
            window.kind == REDUX_WINDOW_RANGE ? span / width - 1 : (least + span - high) / width;
        const double drawn[2] = {first, second};
        for (int k = 0; k < 2; k++) {
            ck_assert_double_le(fabs(drawn[k]), jitter + 0.02);
            sums[k] += drawn[k];
            squares[k] += drawn[k] * drawn[k];
        }
    }
    for (int k = 0; k < 2; k++) { /* uniform */
        ck_assert_double_le(fabs(sums[k] / DRAWS), 4 * jitter / sqrt(3.0 * DRAWS) + 0.003);
        ck_assert_double_eq_tol(sqrt(squares[k] / DRAWS), jitter / sqrt(3), 0.01);
    }
    redux_tensor_release(&in);
}

START_TEST(window_jitter)
{
    check_jitter((redux_window){REDUX_WINDOW_RANGE, 4, 60}, 4, 60);
    check_jitter((redux_window){REDUX_WINDOW_SLICE, 0, 0}, 0, SIDE - 1);
}
END_TEST

/* How often each operation happens, seen in what it does to a ramp. */
START_TEST(probabilities)
{
    enum { DRAWS = 3000 };
    static const char *const names[] = {"flip", "rotate", "jitter", "blur", "noise", "cutout"};
    redux_tensor in;
    ramp(&in, SIDE, SIDE, false);
    for (int o = 0; o < 6; o++) {
        drawing options = preset("none", 16);
        static float still[16 * 16], view[16 * 16];
        int64_t happened = 0;
        ck_assert_redux_ok(apply(still, &in, &options, 0, 0));
        options.views.flip_horizontal = o == 0 ? 0.3 : 0;
        options.views.rotate_probability = o == 1 ? 0.3 : 0;
        options.views.rotate_degrees = 20;
        options.views.jitter_probability = o == 2 ? 0.3 : 0;
        options.views.gamma = 0.5;
        options.views.blur_probability = o == 3 ? 0.3 : 0;
        options.views.blur_low = 7; /* half a pixel */
        options.views.blur_high = 20;
        options.views.noise_probability = o == 4 ? 0.3 : 0;
        options.views.noise_high = 0.1;
        options.views.cutout_probability = o == 5 ? 0.3 : 0;
        options.views.cutout_high = 0.5;
        for (uint64_t i = 0; i < DRAWS; i++) {
            ck_assert_redux_ok(apply(view, &in, &options, i, 0));
            happened += !same_bits(view, still, sizeof view);
        }
        ck_assert_msg(fabs((double)happened / DRAWS - 0.3) < 4 * sqrt(0.21 / DRAWS) + 0.002,
                      "%s: %lld of %d", names[o], (long long)happened, DRAWS);
    }
    redux_tensor_release(&in);
}
END_TEST

/* One square, filled with the mean, of up to the share asked for, anywhere. */
START_TEST(cutouts)
{
    enum { SIZE = 32 };
    drawing options = preset("none", SIZE);
    static const float white[4] = {1, 1, 1, 1};
    const int64_t shape[] = {2, 2};
    double largest = 0, middle = 0;
    redux_tensor in;
    options.views.cutout_probability = 1;
    options.views.cutout_high = 0.3;
    options.input.mean = 0.25;
    options.input.window = (redux_window){REDUX_WINDOW_RANGE, 0, 1};
    ck_assert_redux_ok(
        redux_tensor_borrow(&in, (void *)(uintptr_t)white, REDUX_FLOAT32, 2, shape, NULL));
    for (uint64_t i = 0; i < 2000; i++) {
        static float view[SIZE * SIZE];
        int64_t filled = 0, top = SIZE, bottom = -1, left = SIZE, right = -1;
        ck_assert_redux_ok(apply(view, &in, &options, i, 0));
        for (int64_t k = 0; k < SIZE * SIZE; k++) {
            ck_assert(view[k] == 0 || fabsf(view[k] - 0.75F) < 1e-6F);
            if (view[k] != 0)
                continue;
            filled++;
            top = RDX_MIN(top, k / SIZE);
            bottom = RDX_MAX(bottom, k / SIZE);
            left = RDX_MIN(left, k % SIZE);
            right = RDX_MAX(right, k % SIZE);
        }
        if (filled == 0)
            continue;
        ck_assert_int_eq(bottom - top, right - left);
        ck_assert_int_eq(filled, (bottom - top + 1) * (right - left + 1));
        largest = fmax(largest, (double)filled / (SIZE * SIZE));
        middle += (double)(top + bottom) / 4000;
    }
    ck_assert_double_le(largest, 0.33);
    ck_assert_double_ge(largest, 0.27);
    ck_assert_double_eq_tol(middle, (SIZE - 1) / 2.0, 0.8);
}
END_TEST

/* ---- presets and what is refused ---- */

START_TEST(presets)
{
    const redux_views_options defaults = REDUX_VIEWS_OPTIONS_INIT;
    redux_views_options options = REDUX_VIEWS_OPTIONS_INIT;
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_views_preset(&options, "simclr2"));
    ck_assert_redux_ok(redux_views_preset(&options, "paper-swav-crops"));
    ck_assert(options.views == 2 && options.small_views == 6 && options.small_size == 0);
    ck_assert(options.scale_low == 0.9 && options.scale_high == 1);
    ck_assert(options.small_scale_low == 0.1 && options.small_scale_high == 0.33);
    ck_assert(options.flip_horizontal == 0 && options.flip_vertical == 0);
    ck_assert_redux_ok(redux_views_preset(&options, "simclr"));
    ck_assert(options.scale_low == 0.08 && options.flip_horizontal == 0.5);
    ck_assert(options.brightness == 0.8 && options.jitter_probability == 0.8);
    ck_assert_mem_eq(&options, &defaults, sizeof options);
}
END_TEST

/* Without options: SimCLR's at 64 pixels. Small views without a size: 96 of 224. */
START_TEST(defaults)
{
    static float view[64 * 64], other[64 * 64];
    const redux_random_key key = {.seed = 3, .epoch = 1, .sample = 5};
    drawing options = preset("simclr", 64);
    options.input.mean = 0.5;
    options.input.deviation = 0.25;
    redux_tensor to = square(view, 64);
    ck_assert_redux_ok(redux_views_apply(&to, NULL, &whole, 1, 0, 1, NULL, NULL, &key, 1));
    ck_assert_redux_ok(apply(other, &whole, &options, 5, 1));
    ck_assert_mem_eq(view, other, sizeof view);
    ck_assert_redux_ok(redux_views_preset(&options.views, "paper-swav-crops"));
    to = square(view, 27);
    ck_assert_redux_ok(
        redux_views_apply(&to, NULL, &whole, 1, 0, 1, &options.input, &options.views, &key, 2));
    to = square(view, 28);
    ck_assert_redux(REDUX_E_INVALID, redux_views_apply(&to, NULL, &whole, 1, 0, 1, &options.input,
                                                       &options.views, &key, 2));
}
END_TEST

START_TEST(refused)
{
    static float view[SIDE * SIDE];
    drawing options = preset("simclr", 16);
    double *const fields[] = {&options.views.scale_low,   &options.views.ratio,
                              &options.views.brightness,  &options.views.flip_horizontal,
                              &options.views.blur_low,    &options.views.window_jitter,
                              &options.views.cutout_high, &options.views.noise_high,
                              &options.input.mean,        &options.input.deviation};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const double kept = *fields[i];
        *fields[i] = (double)NAN;
        ck_assert_redux(REDUX_E_INVALID, apply(view, &whole, &options, 0, 0));
        *fields[i] = -3;
        if (fields[i] != &options.input.mean)
            ck_assert_redux(REDUX_E_INVALID, apply(view, &whole, &options, 0, 0));
        *fields[i] = kept;
    }
    ck_assert_redux(REDUX_E_INVALID, apply(view, &whole, &options, 0, 2)); /* no such view */
    options.input.window.kind = REDUX_WINDOW_FULL;
    ck_assert_redux(REDUX_E_UNSUPPORTED, apply(view, &whole, &options, 0, 0));
    const int64_t empty_shape[] = {0, 4};
    redux_tensor empty;
    ck_assert_redux_ok(redux_tensor_new(&empty, NULL, REDUX_INT16, 2, empty_shape));
    ck_assert_redux(REDUX_E_INVALID, apply(view, &empty, &options, 0, 0));
    redux_tensor_release(&empty);
    redux_tensor to = square(view, 15);
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    ck_assert_redux(REDUX_E_INVALID, redux_input_apply(&to, NULL, &whole, 1, 0, 1, &input));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("views");
    TCase *tests = tcase_create("views"), *slow = slow_tests(suite, 20);
    tcase_add_checked_fixture(slow, load_slice, drop_slice);
    tcase_add_checked_fixture(tests, load_slice, drop_slice);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, crops_and_resizes);
    tcase_add_test(tests, inputs);
    tcase_add_test(tests, operations);
    tcase_add_test(tests, flips);
    tcase_add_test(tests, noise_by_definition);
    tcase_add_test(tests, noise_is_normal);
    tcase_add_test(tests, identity_is_the_input);
    tcase_add_test(tests, keyed);
    tcase_add_test(tests, strides_and_dtypes);
    tcase_add_test(tests, scaled_values);
    tcase_add_test(tests, odd_slices);
    tcase_add_test(tests, eight_bit_pictures);
    tcase_add_test(tests, crops_as_torchvision_draws_them);
    tcase_add_test(tests, window_jitter);
    tcase_add_test(tests, probabilities);
    tcase_add_test(slow, cutouts);
    tcase_add_test(tests, presets);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
