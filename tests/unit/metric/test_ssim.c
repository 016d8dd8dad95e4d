/* SPDX-License-Identifier: MIT
 * Structural similarity: against scikit-image in double precision (tests/golden/ssim.py), against
 * the definition, and what must hold of any images. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/base.h"
#include "support/test.h"

#define SLICES "tests/golden/data/slices.npz"
#define GOLDEN "tests/golden/data/ssim.npz"
#define TOLERANCE_U8                                                                               \
    2e-6 /* of CT slices, as include/redux/ssim.h says; seen: 8e-7, portable 1.7e-6 */
#define TOLERANCE_F32 2e-6 /* of the same as floats within [0, 1]; seen: 1.1e-6 */
#define TOLERANCE_FLAT                                                                             \
    1e-4 /* of images of a few grey values far from the middle, the worst case                     \
          */

static redux_ssim_options ssim_options(redux_ssim_window window, double data_range)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    options.window = window;
    options.data_range = data_range;
    return options;
}

static redux_tensor borrowed(void *data, redux_dtype dtype, int64_t height, int64_t width)
{
    redux_tensor tensor;
    const int64_t shape[] = {height, width};
    ck_assert_redux_ok(redux_tensor_borrow(&tensor, data, dtype, 2, shape, NULL));
    return tensor;
}

static double ssim(const redux_tensor *a, const redux_tensor *b, const redux_ssim_options *options)
{
    double value;
    ck_assert_redux_ok(redux_ssim(&value, NULL, a, b, options));
    return value;
}

/* ---- goldens ---- */

static void read_array(redux_tensor *out, const char *path, const char *run, const char *rest)
{
    char key[100];
    (void)snprintf(key, sizeof key, "%s%s", run, rest);
    ck_assert_redux_ok(redux_npz_read(out, NULL, path, key));
}

/* sqrt(v / 255) in float32, as slices.as_float. */
static void to_float(redux_tensor *out, const redux_tensor *in)
{
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, in->ndim, in->shape));
    for (int64_t i = 0; i < redux_tensor_elements(in); i++)
        ((float *)out->data)[i] = sqrtf((float)((const uint8_t *)in->data)[i] / 255.0F);
}

/* crop: first row, rows, first column, columns, step; 0 rows: everything. */
static void crop_of(redux_tensor *out, const redux_tensor *images, int64_t index,
                    const int64_t *crop)
{
    redux_tensor one, rows;
    ck_assert_redux_ok(redux_tensor_select(&one, images, 0, index));
    if (crop[1] == 0) {
        *out = one;
        return;
    }
    ck_assert_redux_ok(redux_tensor_slice(&rows, &one, 0, crop[0], crop[1], 1));
    ck_assert_redux_ok(redux_tensor_slice(out, &rows, 1, crop[2], crop[3], crop[4]));
    redux_tensor_release(&rows);
    redux_tensor_release(&one);
}

static double check_pairs(const redux_tensor *images, const int64_t *crop, double data_range,
                          const double *want)
{
    const int pairs[4][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 2}};
    double worst = 0;
    for (int p = 0; p < 4; p++)
        for (int window = 0; window < 2; window++) {
            const redux_ssim_options options = ssim_options((redux_ssim_window)window, data_range);
            redux_tensor a, b;
            crop_of(&a, images, pairs[p][0], crop);
            crop_of(&b, images, pairs[p][1], crop);
            worst = fmax(worst, fabs(ssim(&a, &b, &options) - want[p * 2 + window]));
            redux_tensor_release(&a);
            redux_tensor_release(&b);
        }
    return worst;
}

static double check_run(const char *run, bool floats)
{
    redux_tensor pixels, images, crops, want;
    double worst = 0;
    read_array(&pixels, SLICES, run, "");
    read_array(&crops, GOLDEN, "crops", "");
    read_array(&want, GOLDEN, run, floats ? "/f32" : "/u8");
    if (floats)
        to_float(&images, &pixels);
    else
        ck_assert_redux_ok(redux_tensor_view(&images, &pixels));
    for (int64_t c = 0; c < crops.shape[0]; c++)
        worst = fmax(worst, check_pairs(&images, (int64_t *)crops.data + c * 5, 0,
                                        (double *)want.data + c * 8));
    redux_tensor_release(&want);
    if (!floats) {
        read_array(&want, GOLDEN, run, "/u8/range");
        worst = fmax(worst, check_pairs(&images, crops.data, 1000, want.data));
        redux_tensor_release(&want);
    }
    redux_tensor_release(&crops);
    redux_tensor_release(&images);
    redux_tensor_release(&pixels);
    return worst;
}

START_TEST(goldens)
{
    const double u8 = fmax(check_run("STS_002", false), check_run("STS_019", false));
    const double f32 = fmax(check_run("STS_002", true), check_run("STS_019", true));
    if (getenv("REDUX_TEST_VERBOSE") != NULL)
        printf("ssim: largest error %.3g (uint8), %.3g (float32)\n", u8, f32);
    ck_assert_double_lt(u8, TOLERANCE_U8);
    ck_assert_double_lt(f32, TOLERANCE_F32);
}
END_TEST

/* ---- the definition ---- */

static int weights_of(double *weights, redux_ssim_window window, int64_t length)
{
    int taps = window == REDUX_SSIM_GAUSSIAN ? 11 : 7;
    double sum = 0;
    while (taps > length)
        taps -= 2;
    for (int k = 0; k < taps; k++) {
        const int d = k - taps / 2;
        weights[k] = window == REDUX_SSIM_GAUSSIAN ? exp(-(d * d) / 4.5) : 1;
        sum += weights[k];
    }
    for (int k = 0; k < taps; k++)
        weights[k] /= sum;
    return taps;
}

static double at(const redux_tensor *image, int64_t y, int64_t x)
{
    return rdx_load(image->data, y * image->strides[0] + x * image->strides[1], image->dtype);
}

/* The index at one place, from two-pass moments in double precision. */
static double index_at(const redux_tensor *a, const redux_tensor *b, int64_t top, int64_t left,
                       const double *down, int rows, const double *across, int columns,
                       const redux_ssim_options *o)
{
    double mean_a = 0, mean_b = 0, var_a = 0, var_b = 0, cov = 0, unbias = 1;
    const double c1 = 1e-4 * o->data_range * o->data_range;
    const double c2 = 9e-4 * o->data_range * o->data_range;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            mean_a += down[y] * across[x] * at(a, top + y, left + x);
            mean_b += down[y] * across[x] * at(b, top + y, left + x);
        }
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            const double w = down[y] * across[x];
            const double da = at(a, top + y, left + x) - mean_a;
            const double db = at(b, top + y, left + x) - mean_b;
            var_a += w * da * da;
            var_b += w * db * db;
            cov += w * da * db;
        }
    if (o->window == REDUX_SSIM_UNIFORM && rows * columns > 1)
        unbias = rows * columns / (rows * columns - 1.0);
    return (2 * mean_a * mean_b + c1) * (2 * cov * unbias + c2) /
           ((mean_a * mean_a + mean_b * mean_b + c1) * ((var_a + var_b) * unbias + c2));
}

static double plain_ssim(const redux_tensor *a, const redux_tensor *b, const redux_ssim_options *o)
{
    double down[11], across[11], sum = 0;
    const int rows = weights_of(down, o->window, a->shape[0]);
    const int columns = weights_of(across, o->window, a->shape[1]);
    const int64_t high = a->shape[0] - rows + 1, wide = a->shape[1] - columns + 1;
    for (int64_t y = 0; y < high; y++)
        for (int64_t x = 0; x < wide; x++)
            sum += index_at(a, b, y, x, down, rows, across, columns, o);
    return sum / (double)(high * wide);
}

/* A strided, turned or transposed view of random values; `levels` of them from `base` on. */
static void random_view(redux_tensor *out, redux_dtype dtype, int64_t height, int64_t width,
                        uint64_t seed, uint32_t base, uint32_t levels)
{
    const bool transposed = seed % 2 != 0;
    const int64_t shape[] = {height + 3, 2 * width + 5}, turned[] = {2 * width + 5, height + 3};
    const redux_random_key key = {.seed = seed};
    redux_tensor whole, rows;
    ck_assert_redux_ok(redux_tensor_new(&whole, NULL, dtype, 2, transposed ? turned : shape));
    for (int64_t i = 0; i < redux_tensor_elements(&whole); i++) {
        const uint32_t value = base + redux_random_u32(&key, (uint32_t)i) % levels;
        if (dtype == REDUX_UINT8)
            ((uint8_t *)whole.data)[i] = (uint8_t)value;
        else
            ((float *)whole.data)[i] = (float)value / 255;
    }
    if (transposed) {
        redux_tensor upright;
        ck_assert_redux_ok(redux_tensor_permute(&upright, &whole, (const int32_t[]){1, 0}));
        redux_tensor_release(&whole);
        whole = upright;
    }
    ck_assert_redux_ok(redux_tensor_slice(&rows, &whole, 0, height + 1, height, -1));
    ck_assert_redux_ok(redux_tensor_slice(out, &rows, 1, 3, width, 2));
    redux_tensor_release(&rows);
    redux_tensor_release(&whole);
}

/* All that must hold of one pair; returns the score. */
static double check_pair(const redux_tensor *a, const redux_tensor *b,
                         const redux_ssim_options *options)
{
    redux_metric *metric;
    double forth, back;
    const double score = ssim(a, b, options);
    ck_assert_double_eq(score, ssim(b, a, options));
    ck_assert_double_eq(ssim(a, a, options), 1);
    ck_assert_double_eq(ssim(b, b, options), 1);
    ck_assert(score <= 1 && score >= -1);
    ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, options));
    ck_assert_redux_ok(redux_metric_pair(&forth, NULL, metric, a, b));
    ck_assert_redux_ok(redux_metric_pair(&back, NULL, metric, b, a));
    ck_assert_double_eq(forth, score);
    ck_assert_double_eq(back, score);
    ck_assert_redux_ok(redux_metric_pair(&forth, NULL, metric, a, a));
    ck_assert_double_eq(forth, 1);
    redux_metric_free(metric);
    return score;
}

static void check_random(uint64_t round, redux_dtype dtype)
{
    const redux_random_key key = {.seed = 11, .sample = round};
    const int64_t height = 1 + (int64_t)redux_random_below(&key, 0, 40);
    const int64_t width = 1 + (int64_t)redux_random_below(&key, 1, 40);
    const uint32_t base = (uint32_t)redux_random_below(&key, 2, 250);
    const uint32_t levels = 1 + (uint32_t)redux_random_below(&key, 3, 256 - base);
    const double ranges[] = {dtype == REDUX_UINT8 ? 255 : 1, 4};
    redux_ssim_options options = ssim_options((redux_ssim_window)(round / 2 % 2), 0);
    redux_tensor a, b;
    random_view(&a, dtype, height, width, 2 * round, base, levels);
    random_view(&b, dtype, height, width, 2 * round + 1, base, levels);
    const double score = check_pair(&a, &b, &options);
    options.data_range = ranges[0];
    ck_assert_double_eq_tol(score, plain_ssim(&a, &b, &options), TOLERANCE_FLAT);
    if (dtype == REDUX_FLOAT32) {
        options.data_range = ranges[1];
        ck_assert_double_eq_tol(ssim(&a, &b, &options), plain_ssim(&a, &b, &options),
                                TOLERANCE_FLAT);
    }
    redux_tensor_release(&a);
    redux_tensor_release(&b);
}

START_TEST(definition)
{
    for (uint64_t round = 0; round < 200; round++)
        check_random(round, _i == 0 ? REDUX_UINT8 : REDUX_FLOAT32);
}
END_TEST

START_TEST(small_images)
{
    for (int64_t height = 1; height <= 13; height++)
        for (int64_t width = 1; width <= 13; width++)
            for (int window = 0; window < 2; window++) {
                redux_ssim_options options = ssim_options((redux_ssim_window)window, 0);
                redux_tensor a, b;
                random_view(&a, REDUX_UINT8, height, width, 3, 0, 256);
                random_view(&b, REDUX_UINT8, height, width, 4, 0, 256);
                const double score = check_pair(&a, &b, &options);
                options.data_range = 255;
                ck_assert_double_eq_tol(score, plain_ssim(&a, &b, &options), 1e-6);
                redux_tensor_release(&a);
                redux_tensor_release(&b);
            }
}
END_TEST

/* Wider than one band of columns, and just as wide. */
START_TEST(bands)
{
    const int64_t widths[] = {255, 256, 257, 262, 263, 266, 267, 268, 511, 512, 522, 523, 700};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int window = 0; window < 2; window++) {
            redux_ssim_options options = ssim_options((redux_ssim_window)window, 0);
            redux_tensor a, b;
            random_view(&a, REDUX_UINT8, 13, widths[w], 5, 0, 256);
            random_view(&b, REDUX_UINT8, 13, widths[w], 6, 0, 256);
            const double score = check_pair(&a, &b, &options);
            options.data_range = 255;
            ck_assert_double_eq_tol(score, plain_ssim(&a, &b, &options), 1e-6);
            redux_tensor_release(&a);
            redux_tensor_release(&b);
        }
}
END_TEST

START_TEST(flat_images)
{
    uint8_t pixels[2][30 * 30];
    redux_tensor a = borrowed(pixels[0], REDUX_UINT8, 30, 30);
    redux_tensor b = borrowed(pixels[1], REDUX_UINT8, 30, 30);
    for (int window = 0; window < 2; window++)
        for (int grey = 0; grey < 256; grey += 15) {
            redux_ssim_options options = ssim_options((redux_ssim_window)window, 255);
            memset(pixels[0], grey, sizeof pixels[0]);
            memset(pixels[1], 255 - grey, sizeof pixels[1]);
            ck_assert_double_eq_tol(check_pair(&a, &b, &options), plain_ssim(&a, &b, &options),
                                    TOLERANCE_FLAT);
        }
}
END_TEST

START_TEST(no_numbers)
{
    const float odd[] = {NAN, INFINITY, -INFINITY};
    float values[2][20 * 300];
    redux_tensor a = borrowed(values[0], REDUX_FLOAT32, 20, 300);
    redux_tensor b = borrowed(values[1], REDUX_FLOAT32, 20, 300);
    for (int where = 0; where < 20 * 300; where += 1009)
        for (int k = 0; k < 6; k++) {
            const redux_ssim_options options = ssim_options((redux_ssim_window)(k % 2), 0);
            redux_metric *metric;
            double score;
            for (int i = 0; i < 20 * 300; i++)
                values[0][i] = values[1][i] = (float)(i % 97) / 97;
            values[0][where] = odd[k / 2];
            ck_assert_double_nan(ssim(&a, &b, &options));
            ck_assert_double_nan(ssim(&b, &a, &options));
            ck_assert_double_nan(ssim(&a, &a, &options));
            ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, &options));
            ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, &a, &a));
            ck_assert_double_nan(score);
            redux_metric_free(metric);
        }
}
END_TEST

/* Without a data_range the span of floats is 1, so other values would have wrong constants. */
START_TEST(floats_beyond_0_to_1_need_a_data_range)
{
    float values[2][16] = {{0.5F, 1, 0}}, map_values[16];
    const redux_tensor a = borrowed(values[0], REDUX_FLOAT32, 4, 4);
    const redux_tensor b = borrowed(values[1], REDUX_FLOAT32, 4, 4);
    redux_tensor map = borrowed(map_values, REDUX_FLOAT32, 4, 4);
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    redux_metric *ssim, *ms_ssim;
    double score;
    ck_assert_redux_ok(redux_metric_new_ssim(&ssim, NULL, NULL));
    ck_assert_redux_ok(redux_metric_new_ms_ssim(&ms_ssim, NULL, NULL));
    ck_assert_redux_ok(redux_ssim(&score, NULL, &a, &b, NULL));
    const float outside[] = {-0.25F, 1.25F};
    for (int i = 0; i < 2; i++) {
        values[i][7] = outside[i];
        ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, &b, NULL));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), i == 0 ? "-0.25" : "1.25"));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "data_range"));
        ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(&map, NULL, &a, &b, NULL));
        ck_assert_redux(REDUX_E_INVALID, redux_ms_ssim(&score, NULL, &a, &b, NULL));
        ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&score, NULL, ssim, &a, &b));
        ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&score, NULL, ms_ssim, &b, &a));
        options.data_range = 1.5;
        ck_assert_redux_ok(redux_ssim(&score, NULL, &a, &b, &options));
        ck_assert_redux_ok(redux_ssim_map(&map, NULL, &a, &b, &options));
        values[i][7] = NAN;
        ck_assert_redux_ok(redux_ssim(&score, NULL, &a, &b, NULL));
        ck_assert(isnan(score));
        values[i][7] = 1;
    }
    redux_metric_free(ssim);
    redux_metric_free(ms_ssim);
}
END_TEST

START_TEST(refusals)
{
    float values[12] = {0};
    redux_tensor a = borrowed(values, REDUX_UINT8, 3, 4), b = borrowed(values, REDUX_UINT8, 4, 3);
    redux_tensor f = borrowed(values, REDUX_FLOAT32, 3, 4), flat;
    redux_tensor i = borrowed(values, REDUX_INT16, 3, 4), none = borrowed(NULL, REDUX_UINT8, 0, 4);
    redux_ssim_options options = ssim_options(REDUX_SSIM_GAUSSIAN, -1);
    double score;
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(NULL, NULL, &a, &a, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, &b, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, &f, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &none, &none, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &i, &i, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "int16"));
    ck_assert_redux_ok(redux_tensor_reshape(&flat, &a, 1, (const int64_t[]){12}));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &flat, &flat, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, &a, &options));
    options.data_range = NAN;
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, &a, &options));
    options = ssim_options((redux_ssim_window)2, 0);
    ck_assert_redux(REDUX_E_INVALID, redux_ssim(&score, NULL, &a, &a, &options));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ssim");
    TCase *reference = tcase_create("goldens"), *properties = tcase_create("properties");
    tcase_add_test(reference, goldens);
    suite_add_tcase(suite, reference);
    tcase_add_loop_test(properties, definition, 0, 2);
    tcase_add_test(properties, small_images);
    tcase_add_test(properties, bands);
    tcase_add_test(properties, flat_images);
    tcase_add_test(properties, no_numbers);
    tcase_add_test(properties, floats_beyond_0_to_1_need_a_data_range);
    tcase_add_test(properties, refusals);
    suite_add_tcase(suite, properties);
    return run_suite(suite);
}
