/* SPDX-License-Identifier: MIT
 * Entropy and mutual information: against scikit-image, scikit-learn and NumPy
 * (tests/golden/entropy.py), against plain loops, and what must hold of any images. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "kernels/kernels.h"
#include "kernels/xlog2x.h"
#include "metric/histogram.h"
#include "metric/metric.h"
#include "support/test.h"

#define SLICES "tests/golden/data/slices.npz"
#define GOLDEN "tests/golden/data/entropy.npz"
#define TOLERANCE 1e-12

static const char *const runs[] = {"STS_002", "STS_019"};

static redux_histogram_options histogram(int32_t bins, redux_histogram_range range)
{
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    options.bins = bins;
    options.range = range;
    return options;
}

static redux_tensor borrowed(void *data, redux_dtype dtype, int64_t height, int64_t width)
{
    redux_tensor tensor;
    const int64_t shape[] = {height, width};
    ck_assert_redux_ok(redux_tensor_borrow(&tensor, data, dtype, 2, shape, NULL));
    return tensor;
}

/* The numbers of redux_information in the order of the struct. */
static void numbers(double *out, const redux_information *i)
{
    const double all[] = {i->entropy_a, i->entropy_b,      i->joint,
                          i->mutual,    i->a_given_b,      i->b_given_a,
                          i->variation, i->nmi_arithmetic, i->nmi_studholme};
    memcpy(out, all, sizeof all);
}

static void assert_numbers(const redux_information *got, const double *want, const char *what)
{
    double all[9];
    numbers(all, got);
    for (int k = 0; k < 9; k++)
        ck_assert_msg(fabs(all[k] - want[k]) <= TOLERANCE, "%s: number %d is %.17g, not %.17g",
                      what, k, all[k], want[k]);
}

/* ---- goldens ---- */

static void golden(redux_tensor *out, const char *path, const char *format, const char *run,
                   const char *dtype, int bins, const char *range, const char *what)
{
    char key[100];
    (void)snprintf(key, sizeof key, format, run, dtype, bins, range, what);
    ck_assert_redux_ok(redux_npz_read(out, NULL, path, key));
}

/* sqrt(v / 255) in float32, as slices.as_float. */
static void to_float(redux_tensor *out, const redux_tensor *in)
{
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, in->ndim, in->shape));
    for (int64_t i = 0; i < redux_tensor_elements(in); i++)
        ((float *)out->data)[i] = sqrtf((float)((const uint8_t *)in->data)[i] / 255.0F);
}

static void check_counts(const redux_tensor *images, const redux_histogram_options *options,
                         const redux_tensor *want)
{
    const int64_t pixels = images->shape[1] * images->shape[2];
    uint8_t *bins = malloc((size_t)pixels);
    for (int64_t i = 0; i < images->shape[0]; i++) {
        uint32_t counts[256] = {0};
        rdx_histogram_bins(bins, options, images->dtype,
                           (const char *)images->data +
                               (size_t)(i * pixels) * redux_dtype_size(images->dtype),
                           pixels);
        rdx_kernels_get()->histogram_counts(counts, bins, pixels);
        for (int32_t k = 0; k < options->bins; k++)
            ck_assert_int_eq(counts[k], ((const int64_t *)want->data)[i * options->bins + k]);
    }
    free(bins);
}

static const struct {
    const char *dtype, *range;
    int32_t bins;
} configurations[] = {{"u8", "fixed", 256},  {"u8", "fixed", 100}, {"f32", "fixed", 64},
                      {"f32", "fixed", 100}, {"u8", "own", 256},   {"u8", "own", 100},
                      {"u8", "own", 37},     {"f32", "own", 256},  {"f32", "own", 100},
                      {"f32", "own", 3}};

static void check_configuration(const char *run, int c)
{
    const char *dtype = configurations[c].dtype, *range = configurations[c].range;
    const int pairs[4][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 2}};
    const int32_t bins = configurations[c].bins;
    redux_histogram_options options = histogram(bins, strcmp(range, "own") == 0);
    redux_tensor pixels, images, counts, want, a, b;
    redux_information got;
    golden(&pixels, SLICES, "%s", run, "", 0, "", "");
    if (strcmp(dtype, "u8") == 0)
        ck_assert_redux_ok(redux_tensor_view(&images, &pixels));
    else
        to_float(&images, &pixels);
    golden(&counts, GOLDEN, "%s/%s/%d/%s/%s", run, dtype, bins, range, "counts");
    golden(&want, GOLDEN, "%s/%s/%d/%s/%s", run, dtype, bins, range, "information");
    check_counts(&images, &options, &counts);
    for (int p = 0; p < 4; p++) {
        ck_assert_redux_ok(redux_tensor_select(&a, &images, 0, pairs[p][0]));
        ck_assert_redux_ok(redux_tensor_select(&b, &images, 0, pairs[p][1]));
        ck_assert_redux_ok(redux_information_compute(&got, NULL, &a, &b, &options));
        assert_numbers(&got, (const double *)want.data + (int64_t)p * 9, dtype);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
    redux_tensor_release(&want);
    redux_tensor_release(&counts);
    redux_tensor_release(&images);
    redux_tensor_release(&pixels);
}

START_TEST(goldens)
{
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++)
        check_configuration(runs[r], _i);
}
END_TEST

START_TEST(shannon_entropy)
{
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
        redux_tensor pixels, want, one;
        double got;
        golden(&pixels, SLICES, "%s", runs[r], "", 0, "", "");
        golden(&want, GOLDEN, "%s/shannon", runs[r], "", 0, "", "");
        for (int64_t i = 0; i < pixels.shape[0]; i++) {
            ck_assert_redux_ok(redux_tensor_select(&one, &pixels, 0, i));
            ck_assert_redux_ok(redux_entropy(&got, NULL, &one, NULL));
            ck_assert_double_eq_tol(got, ((double *)want.data)[i], TOLERANCE);
            redux_tensor_release(&one);
        }
        redux_tensor_release(&want);
        redux_tensor_release(&pixels);
    }
}
END_TEST

/* ---- plain loops ---- */

/* The bin by definition: the last edge of linspace at or below the value. */
static int32_t plain_bin(double value, redux_dtype dtype, const redux_histogram_options *o,
                         double low, double high)
{
    int32_t bin = 0;
    if (o->range == REDUX_HISTOGRAM_FIXED && dtype == REDUX_UINT8)
        return (int32_t)value * o->bins / 256;
    if (o->range == REDUX_HISTOGRAM_FIXED)
        return (int32_t)fmin(fmax(floor(value * o->bins), 0), o->bins - 1);
    if (low == high) {
        low -= 0.5;
        high += 0.5;
    }
    while (bin + 1 < o->bins && value >= (bin + 1) * ((high - low) / o->bins) + low)
        bin++;
    return bin;
}

static double value_at(const redux_tensor *image, int64_t y, int64_t x)
{
    return rdx_load(image->data, y * image->strides[0] + x * image->strides[1], image->dtype);
}

static void plain_bins(int32_t *bins, const redux_tensor *image, const redux_histogram_options *o)
{
    double low = INFINITY, high = -INFINITY;
    for (int64_t y = 0; y < image->shape[0]; y++)
        for (int64_t x = 0; x < image->shape[1]; x++) {
            low = fmin(low, value_at(image, y, x));
            high = fmax(high, value_at(image, y, x));
        }
    for (int64_t y = 0; y < image->shape[0]; y++)
        for (int64_t x = 0; x < image->shape[1]; x++)
            bins[y * image->shape[1] + x] =
                plain_bin(value_at(image, y, x), image->dtype, o, low, high);
}

/* Terms of many sizes: their roundings are summed up too (Kahan). */
static double plain_entropy(const uint32_t *counts, int64_t cells, double total)
{
    double sum = 0, lost = 0;
    for (int64_t i = 0; i < cells; i++)
        if (counts[i] > 0) {
            const double term = counts[i] * log2(total / counts[i]) - lost, next = sum + term;
            lost = next - sum - term;
            sum = next;
        }
    return sum / total;
}

static void plain_information(double *out, const redux_tensor *a, const redux_tensor *b,
                              const redux_histogram_options *o)
{
    const int64_t n = a->shape[0] * a->shape[1];
    int32_t *one = calloc((size_t)n, sizeof *one), *other = calloc((size_t)n, sizeof *other);
    uint32_t *joint = calloc(65536, sizeof *joint), rows[256] = {0}, columns[256] = {0};
    plain_bins(one, a, o);
    plain_bins(other, b, o);
    for (int64_t i = 0; i < n; i++) {
        rows[one[i]]++;
        columns[other[i]]++;
        joint[(size_t)one[i] * 256 + (size_t)other[i]]++;
    }
    const double h_a = plain_entropy(rows, 256, (double)n);
    const double h_b = plain_entropy(columns, 256, (double)n);
    const double h = plain_entropy(joint, 65536, (double)n), i = h_a + h_b - h;
    const bool constant = h_a < 1e-13 && h_b < 1e-13;
    const double all[] = {h_a,
                          h_b,
                          h,
                          i,
                          h - h_b,
                          h - h_a,
                          2 * h - h_a - h_b,
                          constant ? 1 : 2 * i / (h_a + h_b),
                          constant ? 1 : (h_a + h_b) / h};
    memcpy(out, all, sizeof all);
    free(one);
    free(other);
    free(joint);
}

/* A view of random values into larger memory: transposed, strided or turned round. Floats lie
 * within [0, 1] for the fixed grid, which takes no others, and reach beyond it otherwise. */
static void random_view(redux_tensor *out, redux_dtype dtype, redux_histogram_range range,
                        int64_t height, int64_t width, uint64_t seed)
{
    const float low = range == REDUX_HISTOGRAM_FIXED ? 0 : -0.1F;
    const float step = range == REDUX_HISTOGRAM_FIXED ? 1 / 255.0F : 1.3F / 255;
    const int64_t shape[] = {height + 3, 2 * width + 5};
    const int64_t turned[] = {2 * width + 5, height + 3};
    const redux_random_key key = {.seed = seed};
    const uint32_t levels = 1 + redux_random_u32(&key, 0) % 256;
    redux_tensor whole, rows, columns;
    ck_assert_redux_ok(redux_tensor_new(&whole, NULL, dtype, 2, seed % 2 == 0 ? shape : turned));
    for (int64_t i = 0; i < redux_tensor_elements(&whole); i++) {
        const uint32_t value = redux_random_u32(&key, (uint32_t)i + 1) % levels;
        if (dtype == REDUX_UINT8)
            ((uint8_t *)whole.data)[i] = (uint8_t)value;
        else
            ((float *)whole.data)[i] = (float)value * step + low;
    }
    if (seed % 2 != 0) {
        redux_tensor upright;
        ck_assert_redux_ok(redux_tensor_permute(&upright, &whole, (const int32_t[]){1, 0}));
        redux_tensor_release(&whole);
        whole = upright;
    }
    ck_assert_redux_ok(redux_tensor_slice(&rows, &whole, 0, height + 1, height, -1));
    ck_assert_redux_ok(redux_tensor_slice(&columns, &rows, 1, 3, width, 2));
    redux_tensor_release(&rows);
    redux_tensor_release(&whole);
    *out = columns;
}

START_TEST(plain_loops)
{
    const redux_dtype dtype = _i == 0 ? REDUX_UINT8 : REDUX_FLOAT32;
    for (uint64_t round = 0; round < 300; round++) {
        const redux_random_key key = {.seed = 7, .sample = round};
        const int64_t height = 1 + (int64_t)redux_random_below(&key, 0, 40);
        const int64_t width = 1 + (int64_t)redux_random_below(&key, 1, 40);
        const redux_histogram_options options =
            histogram(round % 3 == 0 ? 256 : 2 + (int32_t)redux_random_below(&key, 2, 255),
                      (int32_t)(round / 3 % 2));
        redux_tensor a, b;
        redux_information got;
        double want[9], entropy;
        random_view(&a, dtype, options.range, height, width, 4 * round);
        random_view(&b, dtype, options.range, height, width, 4 * round + 1);
        plain_information(want, &a, &b, &options);
        ck_assert_redux_ok(redux_information_compute(&got, NULL, &a, &b, &options));
        assert_numbers(&got, want, "random");
        ck_assert_redux_ok(redux_entropy(&entropy, NULL, &a, &options));
        ck_assert_double_eq(entropy, got.entropy_a);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

/* ---- what must hold ---- */

/* Images that overflow 16-bit counts in every way: all alike, two values, runs, alternating. */
static uint8_t crowded_pixel(int kind, int64_t i, uint32_t random)
{
    switch (kind) {
    case 0:
        return 7;
    case 1:
        return (uint8_t)(i % 2 * 200);
    case 2:
        return (uint8_t)(i / 50000);
    case 3:
        return random % 16 == 0 ? (uint8_t)random : 0;
    case 4:
        return (uint8_t)(i / 3 % 32 == 0 ? random : 255);
    default:
        return (uint8_t)(random % 256);
    }
}

START_TEST(crowded_cells)
{
    const int64_t sizes[][2] = {{512, 512}, {255, 257}, {256, 257}, {362, 362},
                                {363, 361}, {700, 601}, {1, 262145}};
    const int64_t height = sizes[_i][0], width = sizes[_i][1], n = height * width;
    uint8_t *pixels = malloc((size_t)(6 * n));
    for (int kind = 0; kind < 6; kind++)
        for (int64_t i = 0; i < n; i++) {
            const redux_random_key key = {.seed = (uint64_t)kind};
            const uint32_t random = i % 4 == 0 || kind == 3 ? redux_random_u32(&key, (uint32_t)i)
                                                            : (uint32_t)(i * 2654435761U >> 8);
            pixels[kind * n + i] = crowded_pixel(kind, i, random);
        }
    for (int p = 0; p < 36; p++) {
        redux_tensor a = borrowed(pixels + p / 6 * n, REDUX_UINT8, height, width);
        redux_tensor b = borrowed(pixels + p % 6 * n, REDUX_UINT8, height, width);
        const redux_histogram_options options = histogram(256, 0);
        redux_metric *metric;
        redux_information got;
        double want[9], score;
        plain_information(want, &a, &b, &options);
        ck_assert_redux_ok(redux_information_compute(&got, NULL, &a, &b, NULL));
        assert_numbers(&got, want, "crowded");
        ck_assert_redux_ok(redux_metric_new_mutual_information(&metric, NULL, NULL));
        ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, &a, &b));
        ck_assert_double_eq(score, got.nmi_arithmetic);
        redux_metric_free(metric);
    }
    free(pixels);
}
END_TEST

static void assert_symmetric(const redux_tensor *a, const redux_tensor *b,
                             const redux_histogram_options *options)
{
    redux_metric *metric;
    redux_information ab, ba;
    double forth, back;
    ck_assert_redux_ok(redux_information_compute(&ab, NULL, a, b, options));
    ck_assert_redux_ok(redux_information_compute(&ba, NULL, b, a, options));
    ck_assert(ab.mutual == ba.mutual && ab.joint == ba.joint && ab.variation == ba.variation);
    ck_assert(ab.entropy_a == ba.entropy_b && ab.a_given_b == ba.b_given_a);
    ck_assert(ab.nmi_arithmetic == ba.nmi_arithmetic && ab.nmi_studholme == ba.nmi_studholme);
    ck_assert(ab.mutual >= 0 && ab.mutual <= fmin(ab.entropy_a, ab.entropy_b));
    ck_assert(ab.a_given_b >= 0 && ab.b_given_a >= 0 && ab.variation >= 0);
    ck_assert(ab.nmi_arithmetic >= 0 && ab.nmi_arithmetic <= 1);
    ck_assert(ab.nmi_studholme >= 1 && ab.nmi_studholme <= 2);
    ck_assert_redux_ok(redux_metric_new_mutual_information(&metric, NULL, options));
    ck_assert_redux_ok(redux_metric_pair(&forth, NULL, metric, a, b));
    ck_assert_redux_ok(redux_metric_pair(&back, NULL, metric, b, a));
    ck_assert(forth == back && forth == ab.nmi_arithmetic);
    redux_metric_free(metric);
}

START_TEST(symmetric_and_bounded)
{
    for (uint64_t round = 0; round < 60; round++) {
        const redux_dtype dtype = round % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32;
        const redux_histogram_options options =
            histogram((int32_t)(2 + round * 4), (int32_t)(round / 2 % 2));
        redux_tensor a, b;
        random_view(&a, dtype, options.range, 1 + (int64_t)round, 61 - (int64_t)round, 2 * round);
        random_view(&b, dtype, options.range, 1 + (int64_t)round, 61 - (int64_t)round,
                    2 * round + 1);
        assert_symmetric(&a, &b, &options);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

/* An image and a relabelling of it tell everything of each other: exactly, not nearly. */
START_TEST(relabelled_images)
{
    for (int64_t side = 1; side < 400; side = side * 2 + 1) {
        const int64_t n = side * side;
        uint8_t *pixels = malloc((size_t)(2 * n));
        redux_information got;
        const redux_random_key key = {.seed = 3};
        for (int64_t i = 0; i < n; i++) {
            pixels[i] = (uint8_t)(redux_random_u32(&key, (uint32_t)i) % 100 + (i == 0));
            pixels[n + i] = (uint8_t)(pixels[i] * 5 + 11);
        }
        pixels[0] = 0;
        pixels[n] = 11;
        redux_tensor a = borrowed(pixels, REDUX_UINT8, side, side);
        redux_tensor b = borrowed(pixels + n, REDUX_UINT8, side, side);
        for (int other = 0; other < 2; other++) {
            ck_assert_redux_ok(
                redux_information_compute(&got, NULL, &a, other == 0 ? &a : &b, NULL));
            ck_assert_double_eq(got.nmi_arithmetic, 1);
            ck_assert_double_eq(got.nmi_studholme, n == 1 ? 1 : 2);
            ck_assert_double_eq(got.variation, 0);
            ck_assert_double_eq(got.mutual, got.entropy_a);
            ck_assert_double_eq(got.joint, got.entropy_b);
        }
        free(pixels);
    }
}
END_TEST

START_TEST(special_cases)
{
    uint8_t flat[36], rows[36], columns[36];
    double entropy;
    redux_information got;
    for (int i = 0; i < 36; i++) {
        flat[i] = 9;
        rows[i] = (uint8_t)(i / 6 % 3);
        columns[i] = (uint8_t)(i % 6);
    }
    redux_tensor a = borrowed(flat, REDUX_UINT8, 6, 6), b = borrowed(rows, REDUX_UINT8, 6, 6);
    redux_tensor c = borrowed(columns, REDUX_UINT8, 6, 6);
    ck_assert_redux_ok(redux_entropy(&entropy, NULL, &a, NULL));
    ck_assert_double_eq(entropy, 0);
    ck_assert_redux_ok(redux_information_compute(&got, NULL, &a, &a, NULL)); /* both constant */
    ck_assert(got.nmi_arithmetic == 1 && got.nmi_studholme == 1 && got.mutual == 0);
    ck_assert_redux_ok(redux_information_compute(&got, NULL, &a, &b, NULL)); /* one constant */
    ck_assert(got.nmi_arithmetic == 0 && got.nmi_studholme == 1 && got.mutual == 0);
    ck_assert_redux_ok(redux_information_compute(&got, NULL, &b, &c, NULL)); /* independent */
    ck_assert(got.nmi_arithmetic == 0 && got.nmi_studholme == 1 && got.mutual == 0);
    ck_assert_double_eq_tol(got.joint, log2(18), TOLERANCE);
}
END_TEST

START_TEST(odd_floats)
{
    const float nan = NAN, infinity = INFINITY;
    const float values[] = {nan, -infinity, -1, 0, 0.5F, 0.999999F, 1, 2, infinity};
    const uint8_t fixed[] = {0, 0, 0, 0, 5, 9, 9, 9, 9};
    const uint8_t own[] = {0, 0, 0, 3, 5, 6, 6, 9, 9}; /* -1 to 2 */
    const float nothing[] = {nan, infinity, -infinity};
    uint8_t bins[9];
    redux_histogram_options options = histogram(10, 0);
    rdx_histogram_bins(bins, &options, REDUX_FLOAT32, values, 9);
    ck_assert_mem_eq(bins, fixed, 9);
    options.range = REDUX_HISTOGRAM_OWN;
    rdx_histogram_bins(bins, &options, REDUX_FLOAT32, values, 9);
    ck_assert_mem_eq(bins, own, 9);
    rdx_histogram_bins(bins, &options, REDUX_FLOAT32, nothing, 3);
    ck_assert(bins[0] == 0 && bins[1] == 9 && bins[2] == 0);
}
END_TEST

/* Every tier of this processor counts alike. */
START_TEST(tiers_agree)
{
    const rdx_kernels *tiers[] = {
        &rdx_kernels_portable,
#if defined(__x86_64__)
        &rdx_kernels_avx2,
        &rdx_kernels_avx512
#elif defined(__aarch64__)
        &rdx_kernels_neon
#endif
    };
    const redux_random_key key = {.seed = 5};
    const size_t pixels = 65000, cells = 65536;
    uint8_t *a = malloc(4 * pixels), *b = a + pixels, *bins = b + pixels;
    float *values = malloc(pixels * sizeof *values);
    uint16_t *halves = aligned_alloc(64, 4 * cells * sizeof *halves);
    uint32_t *wide = aligned_alloc(64, 2 * cells * sizeof *wide);
    int64_t table[RDX_XLOG2X_ENTRIES], sums[2][3];
    double edges[101];
    rdx_xlog2x_fill(table);
    for (int k = 0; k < 101; k++)
        edges[k] = k < 100 ? k / 100.0 - 0.2 : (double)INFINITY;
    for (size_t i = 0; i < pixels; i++) {
        const uint32_t random = redux_random_u32(&key, (uint32_t)i);
        a[i] = (uint8_t)(i / 700 % 2 == 0 ? 0 : random);
        b[i] = (uint8_t)(i / 900 % 2 == 0 ? 255 : random >> 9 & 15);
        values[i] = (float)(random >> 16) * 0x1p-15F - 0.5F;
    }
    for (int t = 0; t <= (int)rdx_tier_in_use(); t++) {
        const size_t slot = t > 0;
        uint16_t *half = halves + slot * 2 * cells;
        memset(half, 0, 2 * cells * sizeof *half);
        memset(wide + slot * cells, 0, cells * sizeof *wide);
        tiers[t]->histogram_joint(half, half + cells, a, b, (int64_t)pixels, 256);
        sums[slot][0] = tiers[t]->histogram_terms(NULL, half, NULL, (int64_t)cells, table, 40);
        sums[slot][1] =
            tiers[t]->histogram_terms(NULL, half, half + cells, (int64_t)cells, table, 40);
        tiers[t]->histogram_fold(wide + slot * cells, half, half + cells, (int64_t)cells);
        tiers[t]->histogram_joint(half, half + cells, b, a, (int64_t)pixels, 256);
        sums[slot][2] = tiers[t]->histogram_terms(wide + slot * cells, half, half + cells,
                                                  (int64_t)cells, table, 40);
        tiers[t]->histogram_bins_f32(bins + slot * pixels, values, (int64_t)pixels, edges, 100,
                                     100);
        if (t == 0)
            continue;
        /* which of the two halves a pixel is in may differ: their sum may not */
        ck_assert(sums[0][1] == sums[1][1] && sums[0][2] == sums[1][2]);
        ck_assert_mem_eq(wide, wide + cells, cells * sizeof *wide);
        ck_assert_mem_eq(bins, bins + pixels, pixels);
    }
    ck_assert_int_lt(0, sums[0][0]);
    free(a);
    free(values);
    free(halves);
    free(wide);
}
END_TEST

/* The joint histogram of any number of pixels, of few cells or many, and its marginals, against
 * plain counting. */
START_TEST(any_number_of_pixels)
{
    const rdx_kernels *tiers[] = {
        &rdx_kernels_portable,
#if defined(__x86_64__)
        &rdx_kernels_avx2,
        &rdx_kernels_avx512
#elif defined(__aarch64__)
        &rdx_kernels_neon
#endif
    };
    const int32_t bins = _i % 2 == 0 ? 256 : 37, spread = _i / 2 == 0 ? 2 : bins;
    const redux_random_key key = {.seed = 6};
    const int64_t pixels = 700011, cells = (bins * bins + 31) / 32 * 32;
    uint8_t *a = malloc(2 * (size_t)pixels), *b = a + pixels;
    uint32_t *want = calloc((size_t)cells, sizeof *want);
    uint32_t *wide = aligned_alloc(64, (size_t)cells * 10 + 64);
    for (int64_t i = 0; i < pixels; i++) {
        const uint32_t random = redux_random_u32(&key, (uint32_t)i);
        const bool flat = i / 5000 % 4 == 0; /* runs of one value too */
        a[i] = (uint8_t)(flat ? 1 : random % (uint32_t)spread);
        b[i] = (uint8_t)(flat ? 0 : (random >> 16) % (uint32_t)spread);
        want[a[i] * bins + b[i]]++;
    }
    for (int t = 0; t <= (int)rdx_tier_in_use(); t++) {
        uint32_t rows[256] = {0}, columns[256] = {0};
        rdx_joint_counts joint = {
            .wide = wide, .cells = cells, .bins = bins, .room = RDX_JOINT_ROOM};
        memset(wide, 0, (size_t)cells * 8);
        joint.even = (uint16_t *)(wide + cells);
        joint.odd = joint.even + cells;
        joint.listed = joint.odd + cells;
        tiers[t]->histogram_pairs(&joint, a, b, 64000);
        tiers[t]->histogram_pairs(&joint, a + 64000, b + 64000, pixels - 64000);
        tiers[t]->histogram_columns(rows, columns, joint.even, joint.odd, bins);
        for (int64_t i = 0; i < joint.listed_count; i++) {
            rows[joint.listed[i] / bins] += wide[joint.listed[i]];
            columns[joint.listed[i] % bins] += wide[joint.listed[i]];
        }
        for (int32_t r = 0; r < bins; r++) {
            uint32_t row = 0, column = 0;
            for (int32_t c = 0; c < bins; c++) {
                const int32_t cell = r * bins + c;
                ck_assert_uint_eq(wide[cell] + joint.even[cell] + joint.odd[cell], want[cell]);
                row += want[cell];
                column += want[c * bins + r];
            }
            ck_assert(rows[r] == row && columns[r] == column);
        }
    }
    free(a);
    free(want);
    free(wide);
}
END_TEST

START_TEST(refusals)
{
    float values[12] = {0};
    redux_tensor a = borrowed(values, REDUX_UINT8, 3, 4), b = borrowed(values, REDUX_UINT8, 4, 3);
    redux_tensor f = borrowed(values, REDUX_FLOAT32, 3, 4);
    redux_tensor i = borrowed(values, REDUX_INT16, 3, 4), none = borrowed(NULL, REDUX_UINT8, 0, 4);
    redux_tensor flat;
    redux_histogram_options options = histogram(1, 0);
    redux_information got;
    double entropy;
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(NULL, NULL, &a, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, &none, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, &i, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "int16"));
    ck_assert_redux_ok(redux_tensor_reshape(&flat, &a, 1, (const int64_t[]){12}));
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, &flat, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, &a, &options));
    options.bins = 257;
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, &a, &options));
    options = histogram(16, 2);
    ck_assert_redux(REDUX_E_INVALID, redux_entropy(&entropy, NULL, &a, &options));
    ck_assert_redux(REDUX_E_INVALID, redux_information_compute(NULL, NULL, &a, &a, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&got, NULL, &a, &b, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&got, NULL, &a, &f, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&got, NULL, &i, &i, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&got, NULL, &none, &none, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&got, NULL, &a, &a, &options));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entropy");
    TCase *reference = tcase_create("goldens"), *properties = tcase_create("properties");
    tcase_add_loop_test(reference, goldens, 0,
                        (int)(sizeof configurations / sizeof *configurations));
    tcase_add_test(reference, shannon_entropy);
    suite_add_tcase(suite, reference);
    tcase_add_loop_test(properties, plain_loops, 0, 2);
    tcase_add_loop_test(properties, crowded_cells, 0, 7);
    tcase_add_test(properties, symmetric_and_bounded);
    tcase_add_test(properties, relabelled_images);
    tcase_add_test(properties, special_cases);
    tcase_add_test(properties, odd_floats);
    tcase_add_test(properties, tiers_agree);
    tcase_add_loop_test(properties, any_number_of_pixels, 0, 4);
    tcase_add_test(properties, refusals);
    suite_add_tcase(suite, properties);
    return run_suite(suite);
}
