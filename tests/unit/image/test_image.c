/* SPDX-License-Identifier: MIT
 * Windows, resizing, hashes: by definition, and against Pillow's goldens (tests/golden/image.py).
 * Run from the project's root. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "image/image.h"
#include "support/test.h"

#define RESIZE_GOLDEN "tests/golden/data/resize.npz"
#define HASH_GOLDEN "tests/golden/data/hash.tsv"
#define VOLUMES "data/ct/"

/* ---- windows ---- */

/* The definition, one value after the other. */
static uint8_t slice_window(const double *x, int64_t count, int64_t i)
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int64_t k = 0; k < count; k++)
        if (isfinite(x[k])) {
            low = fmin(low, x[k]);
            high = fmax(high, x[k]);
        }
    const double range = high - low;
    return (uint8_t)rint((x[i] - low) / (range + 1e-5 * fmin(1, range)) * 255);
}

static void check_window(redux_dtype dtype, double slope, double intercept, double spread)
{
    enum { H = 31, W = 45 };
    const int64_t shape[] = {H, W};
    const int32_t swap[] = {1, 0};
    static double values[H * W];
    redux_random_key key = {.seed = (uint64_t)dtype};
    redux_tensor wide, stored, turned, out, range;
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
    redux_window lung;
    ck_assert_redux_ok(redux_window_parse(&lung, "lung"));
    ck_assert_redux_ok(redux_tensor_new(&wide, NULL, REDUX_FLOAT64, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&stored, NULL, dtype, 2, shape));
    for (uint32_t i = 0; i < H * W; i++)
        ((double *)wide.data)[i] = (redux_random_uniform(&key, i) - 0.4) * spread;
    ck_assert_redux_ok(redux_tensor_copy(&stored, &wide));
    ck_assert_redux_ok(redux_tensor_copy(&wide, &stored)); /* as they could be stored */
    for (int i = 0; i < H * W; i++)
        values[i] = slope * ((double *)wide.data)[i] + intercept;

    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_UINT8, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&range, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &stored, slope, intercept, slice));
    ck_assert_redux_ok(redux_window_apply(&range, NULL, &stored, slope, intercept, lung));
    for (int i = 0; i < H * W; i++) {
        ck_assert_int_eq(((uint8_t *)out.data)[i], slice_window(values, (int64_t)H * W, i));
        const double expected = fmin(fmax((values[i] + 1350) / 1500, 0), 1);
        ck_assert_float_eq(((float *)range.data)[i], (float)expected);
    }
    redux_tensor_release(&out); /* transposed and mirrored: the same values elsewhere */
    ck_assert_redux_ok(redux_tensor_permute(&turned, &stored, swap));
    redux_tensor_release(&stored);
    ck_assert_redux_ok(redux_tensor_slice(&stored, &turned, 1, H - 1, H, -1));
    const int64_t turned_shape[] = {W, H};
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_UINT8, 2, turned_shape));
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &stored, slope, intercept, slice));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            ck_assert_int_eq(((uint8_t *)out.data)[x * H + H - 1 - y],
                             slice_window(values, (int64_t)H * W, (int64_t)y * W + x));
    redux_tensor_release(&out);
    redux_tensor_release(&range);
    redux_tensor_release(&wide);
    redux_tensor_release(&stored);
    redux_tensor_release(&turned);
}

START_TEST(windows_by_definition)
{
    const redux_dtype dtypes[] = {REDUX_INT8,    REDUX_UINT8,   REDUX_INT16,
                                  REDUX_UINT16,  REDUX_INT32,   REDUX_INT64,
                                  REDUX_FLOAT16, REDUX_FLOAT32, REDUX_FLOAT64};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        check_window(dtypes[i], 1, 0, 3000);
        check_window(dtypes[i], -0.5, 1024, 300);
        check_window(dtypes[i], 2.75, -1024, 60000);
    }
}
END_TEST

/* Maps of tiny values keep their contrast: below a range of 1, scaling by powers of two changes no
 * bit; from 1 on, the paper's bits. */
START_TEST(window_of_tiny_ranges)
{
    enum { N = 64 };
    const int64_t shape[] = {1, N};
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
    float values[N];
    uint8_t grey[N], first[N];
    redux_tensor in, out;
    for (int i = 0; i < N; i++)
        values[i] = (float)(i * i % 61) / 64;
    ck_assert_redux_ok(redux_tensor_borrow(&in, values, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&out, grey, REDUX_UINT8, 2, shape, NULL));
    for (int power = 0; power < 60; power++) {
        ck_assert_redux_ok(
            redux_window_apply(&out, NULL, &in, ldexp(1, -power), ldexp(7, -power), slice));
        if (power == 0)
            memcpy(first, grey, N);
        ck_assert_mem_eq(grey, first, N);
    }
    ck_assert_int_eq(grey[N - 1] > 0, 1);
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &in, 1e-12, 0, slice)); /* a PET slope */
    for (int i = 0; i < N; i++)
        ck_assert_int_le(abs(grey[i] - first[i]), 1);
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &in, 0, 5, slice)); /* constant */
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(grey[i], 0);
}
END_TEST

START_TEST(window_corners)
{
    const float odd[] = {(float)NAN, 0, 10, (float)INFINITY, -(float)INFINITY, 5};
    const int16_t constant[] = {-7, -7, -7, -7, -7, -7};
    const uint8_t bytes[] = {0, 1, 7, 100, 254, 255};
    const int64_t shape[] = {2, 3};
    uint8_t grey[6];
    float range[6];
    redux_tensor in, out, out_range;
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0}, full = {REDUX_WINDOW_FULL, 0, 0};
    const redux_window five = {REDUX_WINDOW_RANGE, 0, 10}, automatic = {REDUX_WINDOW_AUTO, 0, 0};
    ck_assert_redux_ok(redux_tensor_borrow(&out, grey, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&out_range, range, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(
        redux_tensor_borrow(&in, (void *)(uintptr_t)odd, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &in, 1, 0, slice));
    const uint8_t expected[] = {0, 0, 255, 255, 0, 127}; /* 127.49...: below the half by 1e-5 */
    ck_assert_mem_eq(grey, expected, 6);
    ck_assert_redux_ok(redux_window_apply(&out_range, NULL, &in, 1, 0, five));
    ck_assert(range[0] == 0 && range[2] == 1 && range[3] == 1 && range[4] == 0 && range[5] == 0.5F);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_window_apply(&out, NULL, &in, 1, 0, full));
    ck_assert_redux(REDUX_E_INVALID, redux_window_apply(&out, NULL, &in, 1, 0, automatic));
    ck_assert_redux(REDUX_E_INVALID, redux_window_apply(&out, NULL, &in, 1, 0, five));
    ck_assert_redux_ok(
        redux_tensor_borrow(&in, (void *)(uintptr_t)constant, REDUX_INT16, 2, shape, NULL));
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &in, 1, 0, slice));
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(grey[i], 0);
    ck_assert_redux_ok(
        redux_tensor_borrow(&in, (void *)(uintptr_t)bytes, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &in, 1, 0, full));
    ck_assert_mem_eq(grey, bytes, 6);
    ck_assert_redux_ok(redux_window_apply(&out, NULL, &in, 1, 0, slice)); /* 0 ... 255: no change */
    ck_assert_mem_eq(grey, bytes, 6);
    ck_assert_int_eq(redux_window_resolve(automatic, REDUX_UINT8, 0).kind, REDUX_WINDOW_FULL);
    ck_assert_int_eq(redux_window_resolve(automatic, REDUX_UINT8, 1).kind, REDUX_WINDOW_SLICE);
    ck_assert_int_eq(redux_window_resolve(automatic, REDUX_UINT16, 0).kind, REDUX_WINDOW_SLICE);
}
END_TEST

START_TEST(window_names)
{
    const char *const wrong[] = {"",     "lungs", "10",    "10:",   ":10", "10:10",
                                 "10:5", "1:2:3", "nan:1", "0:inf", "a:b"};
    redux_window window = {REDUX_WINDOW_FULL, 1, 2};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_redux(REDUX_E_INVALID, redux_window_parse(&window, wrong[i]));
    ck_assert(window.kind == REDUX_WINDOW_FULL && window.low == 1);
    ck_assert_redux_ok(redux_window_parse(&window, "brain"));
    ck_assert(window.kind == REDUX_WINDOW_RANGE && window.low == 0 && window.high == 80);
    ck_assert_redux_ok(redux_window_parse(&window, "-1e2:2.5"));
    ck_assert(window.low == -100 && window.high == 2.5);
}
END_TEST

static void check_text(redux_window window, const char *want)
{
    char text[REDUX_WINDOW_TEXT];
    redux_window back = {REDUX_WINDOW_AUTO, 7, 7};
    ck_assert_redux_ok(redux_window_to_text(text, window));
    if (want != NULL)
        ck_assert_str_eq(text, want);
    ck_assert_uint_lt(strlen(text), sizeof text);
    ck_assert_redux_ok(redux_window_parse(&back, text));
    ck_assert_int_eq(back.kind, window.kind);
    if (window.kind == REDUX_WINDOW_RANGE) {
        ck_assert_mem_eq(&back.low, &window.low, sizeof back.low);
        ck_assert_mem_eq(&back.high, &window.high, sizeof back.high);
    }
}

/* Every name, and numbers of every magnitude: the bits come back. */
START_TEST(window_texts)
{
    const redux_window wrong[] = {
        {REDUX_WINDOW_RANGE, 5, 5},    {REDUX_WINDOW_RANGE, 6, 5},
        {REDUX_WINDOW_RANGE, NAN, 5},  {REDUX_WINDOW_RANGE, 0, INFINITY},
        {(redux_window_kind)-1, 0, 1}, {(redux_window_kind)4, 0, 1},
    };
    const redux_random_key key = {.seed = 11};
    char text[REDUX_WINDOW_TEXT] = "before";
    check_text((redux_window){REDUX_WINDOW_AUTO, 3, 2}, "auto");
    check_text((redux_window){REDUX_WINDOW_SLICE, 0, 0}, "slice");
    check_text((redux_window){REDUX_WINDOW_FULL, 0, 0}, "full");
    check_text((redux_window){REDUX_WINDOW_RANGE, -1350, 150}, "-1350:150");
    check_text((redux_window){REDUX_WINDOW_RANGE, 0.1, 0.3}, "0.1:0.3");
    check_text((redux_window){REDUX_WINDOW_RANGE, -DBL_MAX, DBL_MAX}, NULL);
    check_text((redux_window){REDUX_WINDOW_RANGE, -DBL_TRUE_MIN, -0.0}, NULL);
    for (uint32_t i = 0; i < 4000; i++) {
        redux_window window = {REDUX_WINDOW_RANGE, 0, 0};
        const uint64_t bits[] = {
            (uint64_t)redux_random_u32(&key, 4 * i) << 32 | redux_random_u32(&key, 4 * i + 1),
            (uint64_t)redux_random_u32(&key, 4 * i + 2) << 32 | redux_random_u32(&key, 4 * i + 3)};
        memcpy(&window.low, &bits[0], sizeof bits[0]);
        memcpy(&window.high, &bits[1], sizeof bits[1]);
        if (isfinite(window.low) && isfinite(window.high) && window.low < window.high)
            check_text(window, NULL);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_redux(REDUX_E_INVALID, redux_window_to_text(text, wrong[i]));
    ck_assert_str_eq(text, "before");
}
END_TEST

/* ---- resizing ---- */

static const char *const inputs[] = {"ct", "noise", "line", "dot"};

static void check_resize(const redux_tensor *in, const char *label, const char *input,
                         int64_t height, int64_t width)
{
    static const char *const filters[] = {"linear", "lanczos"};
    char key[80];
    for (int f = 0; f < 2; f++) {
        const int64_t shape[] = {height, width};
        redux_tensor golden, out;
        snprintf(key, sizeof key, "%s_%s_%s_%lld_%lld", label, input, filters[f], (long long)height,
                 (long long)width);
        ck_assert_redux_ok(redux_npz_read(&golden, NULL, RESIZE_GOLDEN, key));
        ck_assert_redux_ok(redux_tensor_new(&out, NULL, in->dtype, 2, shape));
        ck_assert_redux_ok(redux_image_resize(&out, NULL, in,
                                              f == 0 ? REDUX_FILTER_LINEAR : REDUX_FILTER_LANCZOS));
        ck_assert_msg(memcmp(out.data, golden.data,
                             (size_t)(height * width) * redux_dtype_size(in->dtype)) == 0,
                      "%s differs", key);
        redux_tensor_release(&golden);
        redux_tensor_release(&out);
    }
}

START_TEST(resize_is_pillows)
{
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        char key[40];
        redux_tensor in, wide;
        snprintf(key, sizeof key, "in_%s", inputs[i]);
        ck_assert_redux_ok(redux_npz_read(&in, NULL, RESIZE_GOLDEN, key));
        ck_assert_redux_ok(redux_tensor_new(&wide, NULL, REDUX_FLOAT32, 2, in.shape));
        for (int64_t k = 0; k < redux_tensor_elements(&in); k++)
            ((float *)wide.data)[k] = (float)((uint8_t *)in.data)[k] / 255;
        const int64_t sizes[][2] = {{8, 9},   {8, 8}, {32, 32}, {5, in.shape[1]}, {in.shape[0], 70},
                                    {90, 100}};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            check_resize(&in, "L", inputs[i], sizes[s][0], sizes[s][1]);
            check_resize(&wide, "F", inputs[i], sizes[s][0], sizes[s][1]);
        }
        redux_tensor_release(&in);
        redux_tensor_release(&wide);
    }
}
END_TEST

/* Output `i` of `out` along a line of `in` pixels, `step` apart: Pillow's fixed-point sum. */
static uint8_t lanczos_pixel(const uint8_t *pixels, int64_t step, int64_t in, int64_t out,
                             int64_t i)
{
    const double pi = acos(-1), scale = (double)in / (double)out, widen = fmax(scale, 1);
    const double centre = ((double)i + 0.5) * scale, support = 3 * widen;
    const int64_t first = (int64_t)fmax(centre - support + 0.5, 0);
    const int64_t end = (int64_t)fmin(centre + support + 0.5, (double)in);
    double weights[700], all = 0;
    int64_t sum = 1 << 21;
    ck_assert_int_le(end - first, 700);
    for (int64_t k = first; k < end; k++) {
        const double x = ((double)k - centre + 0.5) * (1 / widen), y = x / 3;
        double *weight = &weights[k - first];
        *weight = x == 0 ? 1 : sin(x * pi) / (x * pi) * (sin(y * pi) / (y * pi));
        *weight = x >= -3 && x < 3 ? *weight : 0;
        all += *weight;
    }
    for (int64_t k = first; k < end; k++)
        sum += (int64_t)round(weights[k - first] / all * (1 << 22)) * pixels[k * step];
    sum >>= 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Sizes around those of registers and batches, in either direction. */
START_TEST(lanczos_by_definition)
{
    const int64_t sizes[][4] = {{1, 1, 3, 2},     {2, 63, 2, 9},   {17, 64, 8, 65},
                                {65, 65, 9, 8},   {63, 3, 20, 40}, {16, 15, 7, 7},
                                {130, 200, 1, 1}, {5, 129, 5, 31}, {200, 17, 11, 16},
                                {64, 512, 8, 9},  {81, 7, 80, 33}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t h = sizes[s][0], w = sizes[s][1], oh = sizes[s][2], ow = sizes[s][3];
        const int64_t in_shape[] = {h, w}, out_shape[] = {oh, ow};
        const redux_random_key key = {.seed = s};
        redux_tensor in, out;
        uint8_t between[200 * 70];
        ck_assert_redux_ok(redux_tensor_new(&in, NULL, REDUX_UINT8, 2, in_shape));
        ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_UINT8, 2, out_shape));
        uint8_t *pixels = in.data;
        for (uint32_t i = 0; i < (uint32_t)(h * w); i++) {
            const double u = redux_random_uniform(&key, i);
            pixels[i] = (uint8_t)(s % 2 == 0 ? u * 256 : u < 0.5 ? 0 : 255); /* also the worst */
        }
        ck_assert_redux_ok(redux_image_resize(&out, NULL, &in, REDUX_FILTER_LANCZOS));
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < ow; x++)
                between[y * ow + x] =
                    ow == w ? pixels[y * w + x] : lanczos_pixel(pixels + y * w, 1, w, ow, x);
        for (int64_t y = 0; y < oh; y++)
            for (int64_t x = 0; x < ow; x++)
                ck_assert_uint_eq(((uint8_t *)out.data)[y * ow + x],
                                  oh == h ? between[y * ow + x]
                                          : lanczos_pixel(between + x, ow, h, oh, y));
        redux_tensor_release(&in);
        redux_tensor_release(&out);
    }
}
END_TEST

/* The overlap of [a, a + 1) with [from, to). */
static double overlap(int64_t a, double from, double to)
{
    return fmax(0, fmin(to, (double)(a + 1)) - fmax(from, (double)a));
}

START_TEST(area_average_by_definition)
{
    const int64_t sizes[][4] = {{20, 30, 16, 16}, {7, 5, 16, 3}, {16, 16, 4, 4}, {1, 9, 2, 2}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t h = sizes[s][0], w = sizes[s][1], oh = sizes[s][2], ow = sizes[s][3];
        const int64_t in_shape[] = {h, w}, out_shape[] = {oh, ow};
        redux_random_key key = {.seed = s};
        redux_tensor in, out;
        ck_assert_redux_ok(redux_tensor_new(&in, NULL, REDUX_FLOAT32, 2, in_shape));
        ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, out_shape));
        for (uint32_t i = 0; i < (uint32_t)(h * w); i++)
            ((float *)in.data)[i] = (float)redux_random_uniform(&key, i);
        ck_assert_redux_ok(redux_image_resize(&out, NULL, &in, REDUX_FILTER_AREA));
        for (int64_t y = 0; y < oh; y++)
            for (int64_t x = 0; x < ow; x++) {
                double sum = 0, area = 0;
                for (int64_t v = 0; v < h; v++)
                    for (int64_t u = 0; u < w; u++) {
                        const double sy = (double)h / (double)oh, sx = (double)w / (double)ow;
                        const double part = overlap(v, (double)y * sy, (double)(y + 1) * sy) *
                                            overlap(u, (double)x * sx, (double)(x + 1) * sx);
                        sum += part * (double)((float *)in.data)[v * w + u];
                        area += part;
                    }
                ck_assert_double_eq_tol((double)((float *)out.data)[y * ow + x], sum / area, 1e-6);
            }
        redux_tensor_release(&in);
        redux_tensor_release(&out);
    }
}
END_TEST

static int64_t mirror(int64_t i, int64_t length)
{
    const int64_t period = length == 1 ? 1 : 2 * length - 2, k = (i % period + period) % period;
    return k < length ? k : period - k;
}

/* All 49 taps at once, rounded once. */
START_TEST(blur_by_definition)
{
    enum { MOST = 70 * 131 };
    static const int16_t weights[][RDX_BLUR_TAPS] = {
        {1, 14, 62, 102, 62, 14, 1}, {8, 28, 56, 72, 56, 28, 8}, {128, 0, 0, 0, 0, 0, 128}};
    const int64_t sizes[][2] = {{1, 1},   {1, 5},   {2, 3},   {9, 1},   {3, 40},
                                {33, 17}, {20, 64}, {7, 131}, {70, 98}, {4, 32}};
    static uint8_t in[MOST], out[MOST];
    int16_t row[131 + RDX_BLUR_TAPS];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            const int64_t h = sizes[s][0], w = sizes[s][1];
            const redux_random_key key = {.seed = seed};
            const int16_t *weight = weights[seed];
            for (uint32_t i = 0; i < (uint32_t)(h * w); i++)
                in[i] = (uint8_t)fmin(redux_random_uniform(&key, i) * 400, 255); /* white, too */
            rdx_blur_u8(out, row, in, h, w, weight);
            for (int64_t i = 0; i < h * w; i++) {
                int64_t sum = 1 << 15;
                for (int64_t v = 0; v < RDX_BLUR_TAPS; v++)
                    for (int64_t u = 0; u < RDX_BLUR_TAPS; u++)
                        sum += weight[v] * weight[u] *
                               in[mirror(i / w + v - 3, h) * w + mirror(i % w + u - 3, w)];
                ck_assert_int_eq(out[i], sum >> 16);
            }
        }
}
END_TEST

START_TEST(resize_refuses)
{
    const int64_t shape[] = {4, 4}, empty[] = {0, 4};
    redux_tensor a, b, c, none;
    ck_assert_redux_ok(redux_tensor_new(&a, NULL, REDUX_UINT8, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&b, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&c, NULL, REDUX_INT16, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&none, NULL, REDUX_UINT8, 2, empty));
    ck_assert_redux(REDUX_E_INVALID, redux_image_resize(&a, NULL, &b, REDUX_FILTER_LINEAR));
    ck_assert_redux(REDUX_E_INVALID, redux_image_resize(&c, NULL, &c, REDUX_FILTER_LINEAR));
    ck_assert_redux(REDUX_E_INVALID, redux_image_resize(&a, NULL, &none, REDUX_FILTER_LINEAR));
    ck_assert_redux(REDUX_E_INVALID, redux_image_resize(&a, NULL, NULL, REDUX_FILTER_LINEAR));
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    redux_tensor_release(&c);
    redux_tensor_release(&none);
}
END_TEST

/* ---- hashes ---- */

/* All hashes of one volume as the golden's lines say; returns how many lines there were. */
static int64_t check_hashes(const char *file, const redux_tensor *codes, const char *profile,
                            const char *hash)
{
    char line[256], name[128], line_profile[32], line_hash[32], number[32], hex[32], text[32];
    int64_t lines = 0;
    FILE *golden = fopen(HASH_GOLDEN, "r");
    ck_assert_ptr_nonnull(golden);
    while (fgets(line, sizeof line, golden) != NULL) {
        ck_assert_int_eq(
            sscanf(line, "%127s %31s %31s %31s %31s", name, line_profile, line_hash, number, hex),
            5);
        if (strcmp(name, file) != 0 || strcmp(line_profile, profile) != 0 ||
            strcmp(line_hash, hash) != 0)
            continue;
        const int64_t slice = strtoll(number, NULL, 10);
        ck_assert_int_lt(slice, codes->shape[0]);
        redux_hash_to_hex(text, (uint8_t *)codes->data + slice * 8, 8);
        ck_assert_str_eq(text, hex);
        lines++;
    }
    fclose(golden);
    return lines;
}

START_TEST(hashes_are_pillows)
{
    static const char *const files[] = {"STS_002_CT.nii.gz", "STS_008_CT.nii.gz",
                                        "STS_012_CT.nii.gz", "STS_019_CT.nii.gz"};
    static const char *const kinds[][2] = {{"paper-hash", "difference"},
                                           {"imagehash", "average"},
                                           {"imagehash", "difference"},
                                           {"imagehash", "dct"}};
    const redux_window automatic = {REDUX_WINDOW_AUTO, 0, 0};
    for (size_t f = 0; f < 4; f++)
        for (size_t k = 0; k < 4; k++) {
            char path[128];
            const char *paths[] = {path};
            redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
            redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
            redux_dataset *dataset;
            redux_hash_list *list;
            redux_tensor codes;
            snprintf(path, sizeof path, VOLUMES "%s", files[f]);
            options.orientation = k == 0 ? REDUX_ORIENTATION_STORED : REDUX_ORIENTATION_AXIAL;
            ck_assert_redux_ok(redux_hash_profile_parse(&hash.profile, kinds[k][0]));
            ck_assert_redux_ok(redux_hash_parse(&hash.hash, kinds[k][1]));
            ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 1, &options));
            ck_assert_redux_ok(redux_hash_list_new(&list, NULL, &hash));
            ck_assert_redux_ok(redux_hash_list_add_dataset(list, NULL, dataset, automatic, 0));
            ck_assert_redux_ok(redux_hash_list_get_codes(&codes, list));
            ck_assert_int_eq(check_hashes(files[f], &codes, kinds[k][0], kinds[k][1]),
                             redux_dataset_slice_count(dataset));
            redux_tensor_release(&codes);
            redux_hash_list_free(list);
            redux_dataset_free(dataset);
        }
}
END_TEST

static void hash_one(uint8_t code[8], const redux_tensor *image, redux_hash hash)
{
    const int64_t shape[] = {8};
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    redux_tensor out;
    options.hash = hash;
    ck_assert_redux_ok(redux_tensor_borrow(&out, code, REDUX_UINT8, 1, shape, NULL));
    ck_assert_redux_ok(redux_hash_compute(&out, NULL, image, &options));
}

/* imagehash gives flat pictures 8000000000000000 (DCT), or 0 where black; no bit of round-off. */
START_TEST(flat_images)
{
    const int64_t shape[] = {61, 43};
    redux_tensor image, wide;
    uint8_t code[8];
    char hex[17];
    ck_assert_redux_ok(redux_tensor_new(&image, NULL, REDUX_UINT8, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&wide, NULL, REDUX_FLOAT32, 2, shape));
    for (int grey = 0; grey < 256; grey += 15) {
        memset(image.data, grey, (size_t)61 * 43);
        for (int64_t i = 0; i < 61 * 43; i++)
            ((float *)wide.data)[i] = (float)grey / 255;
        for (redux_hash hash = REDUX_HASH_AVERAGE; hash <= REDUX_HASH_DCT; hash++) {
            hash_one(code, &image, hash);
            redux_hash_to_hex(hex, code, 8);
            ck_assert_str_eq(hex, hash == REDUX_HASH_DCT && grey > 0 ? "8000000000000000"
                                                                     : "0000000000000000");
        }
        hash_one(code, &wide, REDUX_HASH_DIFFERENCE);
        redux_hash_to_hex(hex, code, 8);
        ck_assert_str_eq(hex, "0000000000000000");
    }
    redux_tensor_release(&image);
    redux_tensor_release(&wide);
}
END_TEST

/* A window keeps the low bits that 8 bits would lose: float hashes tell slices apart that differ by
 * less than a grey level. */
START_TEST(float_hashes_keep_small_steps)
{
    const int64_t shape[] = {64, 64};
    redux_tensor image;
    uint8_t code[8];
    ck_assert_redux_ok(redux_tensor_new(&image, NULL, REDUX_FLOAT32, 2, shape));
    for (int i = 0; i < 64 * 64; i++)
        ((float *)image.data)[i] = 0.5F + 1e-4F * (float)(i % 64);
    hash_one(code, &image, REDUX_HASH_DIFFERENCE);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(code[i], 0xff);
    redux_tensor_release(&image);
}
END_TEST

START_TEST(hash_batches_and_text)
{
    const int64_t shape[] = {37, 20, 30}, codes_shape[] = {37, 8};
    redux_context_options two = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_tensor images, codes, one;
    uint8_t code[8], back[8];
    char hex[17];
    redux_random_key key = {.seed = 3};
    two.threads = 2;
    ck_assert_redux_ok(redux_context_new(&context, &two));
    ck_assert_redux_ok(redux_tensor_new(&images, context, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_tensor_new(&codes, context, REDUX_UINT8, 2, codes_shape));
    for (uint32_t i = 0; i < 37 * 600; i++)
        ((uint8_t *)images.data)[i] = (uint8_t)redux_random_u32(&key, i);
    ck_assert_redux_ok(redux_hash_compute(&codes, context, &images, NULL));
    for (int64_t i = 0; i < 37; i++) {
        ck_assert_redux_ok(redux_tensor_select(&one, &images, 0, i));
        hash_one(code, &one, REDUX_HASH_DIFFERENCE);
        ck_assert_mem_eq(code, (uint8_t *)codes.data + i * 8, 8);
        redux_tensor_release(&one);
        redux_hash_to_hex(hex, code, 8);
        ck_assert_redux_ok(redux_hash_from_hex(back, 8, hex));
        ck_assert_mem_eq(back, code, 8);
    }
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_from_hex(back, 8, "0123"));
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_from_hex(back, 8, "000000000000000g"));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_compute(&images, context, &images, NULL));
    ck_assert_int_eq(redux_hash_bytes(NULL), 8);
    redux_tensor_release(&images);
    redux_tensor_release(&codes);
    redux_context_free(context);
}
END_TEST

/* The same numbers are the same picture, whatever they are stored as. */
START_TEST(stored_as_anything)
{
    static const redux_dtype dtypes[] = {REDUX_UINT8,   REDUX_INT8,   REDUX_INT16,  REDUX_UINT16,
                                         REDUX_INT32,   REDUX_INT64,  REDUX_UINT32, REDUX_FLOAT16,
                                         REDUX_FLOAT32, REDUX_FLOAT64};
    enum { HEIGHT = 19, WIDTH = 23, SIZE = 12 };
    const int64_t shape[] = {HEIGHT, WIDTH, 3}, size[] = {SIZE, SIZE};
    redux_input_options options = REDUX_INPUT_OPTIONS_INIT;
    redux_tensor numbers, first[2], out, luma, grey, column;
    options.size = SIZE;
    options.window = (redux_window){REDUX_WINDOW_RANGE, 10, 90};
    ck_assert_redux_ok(redux_tensor_new(&numbers, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, size));
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++)
        ((uint8_t *)numbers.data)[i] = (uint8_t)(i * 31 % 101);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        redux_tensor stored;
        ck_assert_redux_ok(redux_tensor_contiguous(&stored, NULL, &numbers, dtypes[d]));
        for (int apart = 0; apart < 2; apart++) { /* neighbours, and every third number */
            ck_assert_redux_ok(redux_tensor_select(&column, &stored, 2, 1));
            if (apart)
                ck_assert_redux_ok(redux_tensor_view(&grey, &column));
            else
                ck_assert_redux_ok(redux_tensor_contiguous(&grey, NULL, &column, dtypes[d]));
            ck_assert_redux_ok(redux_input_apply(&out, NULL, &grey, 1, 0, 0, &options));
            if (d == 0 && apart == 0)
                ck_assert_redux_ok(redux_tensor_contiguous(&first[0], NULL, &out, REDUX_FLOAT32));
            for (int i = 0; i < SIZE * SIZE; i++)
                ck_assert_double_le(
                    fabs((double)((float *)out.data)[i] - (double)((float *)first[0].data)[i]),
                    2e-6);
            redux_tensor_release(&grey);
            redux_tensor_release(&column);
        }
        if (dtypes[d] == REDUX_FLOAT16) { /* storage only */
            redux_tensor_release(&stored);
            continue;
        }
        ck_assert_redux_ok(redux_tensor_new(&luma, NULL, dtypes[d], 2, shape));
        ck_assert_redux_ok(redux_image_luma(&luma, NULL, &stored));
        if (d == 0)
            ck_assert_redux_ok(redux_tensor_contiguous(&first[1], NULL, &luma, REDUX_UINT8));
        ck_assert_redux_ok(redux_tensor_contiguous(&grey, NULL, &luma, REDUX_FLOAT64));
        for (int i = 0; i < HEIGHT * WIDTH; i++) /* whole numbers are rounded */
            ck_assert_double_le(fabs(((double *)grey.data)[i] - ((uint8_t *)first[1].data)[i]),
                                dtypes[d] == REDUX_FLOAT32 || dtypes[d] == REDUX_FLOAT64 ? 0.51
                                                                                         : 0);
        redux_tensor_release(&grey);
        redux_tensor_release(&luma);
        redux_tensor_release(&stored);
    }
    redux_tensor_release(&first[0]);
    redux_tensor_release(&first[1]);
    redux_tensor_release(&out);
    redux_tensor_release(&numbers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image");
    TCase *tests = tcase_create("image");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, windows_by_definition);
    tcase_add_test(tests, window_of_tiny_ranges);
    tcase_add_test(tests, window_corners);
    tcase_add_test(tests, window_names);
    tcase_add_test(tests, window_texts);
    tcase_add_test(tests, resize_is_pillows);
    tcase_add_test(tests, area_average_by_definition);
    tcase_add_test(tests, lanczos_by_definition);
    tcase_add_test(tests, blur_by_definition);
    tcase_add_test(tests, resize_refuses);
    tcase_add_test(tests, hashes_are_pillows);
    tcase_add_test(tests, flat_images);
    tcase_add_test(tests, float_hashes_keep_small_steps);
    tcase_add_test(tests, hash_batches_and_text);
    tcase_add_test(tests, stored_as_anything);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
