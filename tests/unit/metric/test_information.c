/* SPDX-License-Identifier: MIT
 * Normalisations of mutual information, explicit ranges of bins and conditional entropy against
 * scikit-learn and SciPy (tests/golden/information.py), Mattes mutual information against ITK
 * (tests/golden/mattes.py), metrics by name. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/base.h"
#include "support/test.h"

#define SLICES "tests/golden/data/slices.npz"
#define GOLDEN "tests/golden/data/information.npz"

static const int pairs[4][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 2}};

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

static double score(const redux_metric *metric, const redux_tensor *a, const redux_tensor *b)
{
    double value = NAN;
    ck_assert_redux_ok(redux_metric_pair(&value, NULL, metric, a, b));
    return value;
}

static redux_tensor borrowed(void *data, redux_dtype dtype, int64_t height, int64_t width)
{
    redux_tensor tensor;
    const int64_t shape[] = {height, width};
    ck_assert_redux_ok(redux_tensor_borrow(&tensor, data, dtype, 2, shape, NULL));
    return tensor;
}

/* ---- histograms ---- */

static const struct configuration {
    const char *name;
    redux_dtype dtype;
    int32_t bins;
    redux_histogram_range range;
    double low, high;
} configurations[] = {
    {"/u8/256/fixed", REDUX_UINT8, 256, 0, 0, 0},
    {"/u8/64/own", REDUX_UINT8, 64, 1, 0, 0},
    {"/f32/100/own", REDUX_FLOAT32, 100, 1, 0, 0},
    {"/u8/50/20:200", REDUX_UINT8, 50, 2, 20, 200},
    {"/u8/256/-10.5:255", REDUX_UINT8, 256, 2, -10.5, 255},
    {"/f32/33/0.25:0.7", REDUX_FLOAT32, 33, 2, 0.25, 0.7},
    {"/f32/100/-1:2", REDUX_FLOAT32, 100, 2, -1, 2},
};
enum { CONFIGURATIONS = sizeof configurations / sizeof *configurations };

static redux_histogram_options options_of(const struct configuration *configuration)
{
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    options.bins = configuration->bins;
    options.range = configuration->range;
    options.low = configuration->low;
    options.high = configuration->high;
    return options;
}

/* The slices of a run in the dtype of a configuration. */
static void slices_of(redux_tensor *out, const char *run, redux_dtype dtype)
{
    redux_tensor bytes;
    read_array(&bytes, SLICES, run, "");
    if (dtype == REDUX_UINT8) {
        *out = bytes;
        return;
    }
    to_float(out, &bytes);
    redux_tensor_release(&bytes);
}

/* Every normalisation, by redux_information and as the score of a metric: the same bits. */
static double check_normalisations(const redux_tensor *a, const redux_tensor *b,
                                   redux_histogram_options options, const double *want)
{
    redux_information all;
    double worst = 0;
    ck_assert_redux_ok(redux_information_compute(&all, NULL, a, b, &options));
    for (int kind = 0; kind < 7; kind++) {
        redux_metric *metric;
        double value = NAN;
        options.normalisation = kind;
        ck_assert_redux_ok(redux_metric_new_mutual_information(&metric, NULL, &options));
        ck_assert_int_eq(redux_metric_is_distance(metric), 0);
        ck_assert_redux_ok(redux_information_normalise(&value, &all, (redux_normalisation)kind));
        ck_assert_double_eq(score(metric, a, b), value);
        ck_assert_double_eq(score(metric, b, a), value);
        worst = fmax(worst, fabs(value - want[kind]));
        redux_metric_free(metric);
    }
    return worst;
}

static void check_configuration(const char *run, const struct configuration *configuration)
{
    redux_tensor images, nmi, sequence;
    char key[100];
    double found[3];
    redux_metric *metric;
    const redux_histogram_options options = options_of(configuration);
    slices_of(&images, run, configuration->dtype);
    (void)snprintf(key, sizeof key, "%s/nmi", configuration->name);
    read_array(&nmi, GOLDEN, run, key);
    (void)snprintf(key, sizeof key, "%s/sequence", configuration->name);
    read_array(&sequence, GOLDEN, run, key);
    ck_assert_redux_ok(redux_conditional_entropy_sequence(found, NULL, &images, &options));
    ck_assert_redux_ok(redux_metric_new_conditional_entropy(&metric, NULL, &options));
    ck_assert_int_eq(redux_metric_is_distance(metric), 1);
    for (int i = 0; i < 3; i++)
        ck_assert_double_le(fabs(found[i] - ((const double *)sequence.data)[i]), 1e-12);
    for (int p = 0; p < 4; p++) {
        redux_information all;
        redux_tensor a, b;
        ck_assert_redux_ok(redux_tensor_select(&a, &images, 0, pairs[p][0]));
        ck_assert_redux_ok(redux_tensor_select(&b, &images, 0, pairs[p][1]));
        ck_assert_double_le(
            check_normalisations(&a, &b, options, (const double *)nmi.data + p * (int64_t)7),
            1e-12);
        ck_assert_redux_ok(redux_information_compute(&all, NULL, &a, &b, &options));
        ck_assert_double_eq(score(metric, &a, &b), all.b_given_a);
        ck_assert_double_eq(score(metric, &b, &a), all.a_given_b);
        if (pairs[p][1] == pairs[p][0] + 1)
            ck_assert_double_eq(found[pairs[p][1]], all.b_given_a);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
    redux_metric_free(metric);
    redux_tensor_release(&sequence);
    redux_tensor_release(&nmi);
    redux_tensor_release(&images);
}

START_TEST(information_is_the_references)
{
    for (int c = 0; c < CONFIGURATIONS; c++) {
        check_configuration("STS_002", &configurations[c]);
        check_configuration("STS_019", &configurations[c]);
    }
}
END_TEST

/* The fixed grid of floats covers [0, 1] and refuses what it would have to clip. */
START_TEST(the_fixed_grid_refuses_floats_beyond_0_to_1)
{
    float values[8] = {0, 0.5F, 1, NAN, INFINITY, -INFINITY}, good[8] = {0, 1};
    const redux_tensor a = borrowed(values, REDUX_FLOAT32, 2, 4);
    const redux_tensor b = borrowed(good, REDUX_FLOAT32, 2, 4);
    const redux_tensor stack = {.data = values,
                                .ndim = 3,
                                .dtype = REDUX_FLOAT32,
                                .shape = {2, 2, 2},
                                .strides = {4, 2, 1}};
    const float outside[] = {-0.5F, 1.5F, -FLT_MAX, FLT_MAX};
    redux_histogram_options own = REDUX_HISTOGRAM_OPTIONS_INIT;
    redux_metric *metrics[2];
    redux_information all;
    double value, sequence[2] = {7, 7};
    own.range = REDUX_HISTOGRAM_OWN;
    ck_assert_redux_ok(redux_metric_new_mutual_information(&metrics[0], NULL, NULL));
    ck_assert_redux_ok(redux_metric_new_conditional_entropy(&metrics[1], NULL, NULL));
    ck_assert_redux_ok(redux_entropy(&value, NULL, &a, NULL));
    for (int i = 0; i < 4; i++) {
        values[6] = outside[i];
        ck_assert_redux(REDUX_E_INVALID, redux_entropy(&value, NULL, &a, NULL));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "outside [0, 1]"));
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "REDUX_HISTOGRAM_OWN"));
        ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&all, NULL, &a, &b, NULL));
        ck_assert_redux(REDUX_E_INVALID, redux_information_compute(&all, NULL, &b, &a, NULL));
        for (int m = 0; m < 2; m++) {
            ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&value, NULL, metrics[m], &a, &b));
            ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&value, NULL, metrics[m], &b, &a));
        }
        ck_assert_redux(REDUX_E_INVALID,
                        redux_conditional_entropy_sequence(sequence, NULL, &stack, NULL));
        ck_assert_double_eq(sequence[1], 7);
        ck_assert_redux_ok(redux_entropy(&value, NULL, &a, &own));
    }
    redux_metric_free(metrics[0]);
    redux_metric_free(metrics[1]);
}
END_TEST

START_TEST(values_outside_a_given_range_are_clipped)
{
    float in[] = {-INFINITY, -5, 0, 0.5F, 1, 1.5F, 2, 7, INFINITY, NAN};
    float same[] = {0, 0, 0, 0, 1, 1, 2, 2, 2, 0}; /* the middles of bins 0 to 2 of -0.5 to 2.5 */
    const redux_tensor a = borrowed(in, REDUX_FLOAT32, 1, 10);
    const redux_tensor b = borrowed(same, REDUX_FLOAT32, 1, 10);
    redux_histogram_options range = options_of(&configurations[6]);
    double left, right;
    range.bins = 2;
    range.low = 0;
    range.high = 2; /* edges 0, 1, 2 */
    ck_assert_redux_ok(redux_entropy(&left, NULL, &a, &range));
    for (int i = 0; i < 10; i++)
        same[i] = same[i] > 0 ? 2 : 0;
    ck_assert_redux_ok(redux_entropy(&right, NULL, &b, &range));
    ck_assert_double_le(fabs(left - 1), 1e-12); /* five and five */
    ck_assert_double_eq(left, right);
}
END_TEST

/* Of constant images: alike they are, or they say nothing of each other. */
START_TEST(constant_images)
{
    uint8_t one[12], other[12], ramp[12];
    memset(one, 7, sizeof one);
    memset(other, 9, sizeof other);
    for (int i = 0; i < 12; i++)
        ramp[i] = (uint8_t)(20 * i);
    const redux_tensor a = borrowed(one, REDUX_UINT8, 3, 4), b = borrowed(other, REDUX_UINT8, 3, 4);
    const redux_tensor c = borrowed(ramp, REDUX_UINT8, 3, 4);
    redux_information flat, half;
    ck_assert_redux_ok(redux_information_compute(&flat, NULL, &a, &b, NULL));
    ck_assert_redux_ok(redux_information_compute(&half, NULL, &a, &c, NULL));
    for (int kind = 0; kind < 7; kind++) {
        double value;
        ck_assert_redux_ok(redux_information_normalise(&value, &flat, (redux_normalisation)kind));
        ck_assert_double_eq(value, kind == REDUX_MUTUAL_INFORMATION_BITS ? 0 : 1);
        ck_assert_redux_ok(redux_information_normalise(&value, &half, (redux_normalisation)kind));
        ck_assert_double_eq(value, kind == REDUX_NMI_STUDHOLME ? 1 : 0);
    }
}
END_TEST

START_TEST(normalisations_have_names)
{
    redux_normalisation kind;
    for (int i = 0; i < 7; i++) {
        ck_assert_redux_ok(
            redux_normalisation_parse(&kind, redux_normalisation_name((redux_normalisation)i)));
        ck_assert_int_eq(kind, i);
    }
    ck_assert_str_eq(redux_normalisation_name((redux_normalisation)7), "unknown");
    ck_assert_str_eq(redux_normalisation_name((redux_normalisation)-1), "unknown");
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_normalisation_parse(&kind, "mean"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "geometric"));
    ck_assert_redux(REDUX_E_INVALID, redux_normalisation_parse(NULL, "min"));
    ck_assert_redux(REDUX_E_INVALID, redux_normalisation_parse(&kind, NULL));
}
END_TEST

START_TEST(histogram_options_are_checked)
{
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    redux_metric *metric;
    redux_information all = {0};
    double value;
    options.normalisation = 7;
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_mutual_information(&metric, NULL, &options));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_information_normalise(&value, &all, (redux_normalisation)7));
    ck_assert_redux(REDUX_E_INVALID, redux_information_normalise(NULL, &all, REDUX_NMI_MIN));
    ck_assert_redux(REDUX_E_INVALID, redux_information_normalise(&value, NULL, REDUX_NMI_MIN));
    options.normalisation = 0;
    options.range = (redux_histogram_range)3;
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_conditional_entropy(&metric, NULL, &options));
    options.range = REDUX_HISTOGRAM_GIVEN;
    const double ranges[][2] = {{0, 0},   {1, 0},         {NAN, 1},
                                {0, NAN}, {-INFINITY, 0}, {-1e308, 1e308}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        options.low = ranges[i][0];
        options.high = ranges[i][1];
        ck_assert_redux(REDUX_E_INVALID,
                        redux_metric_new_mutual_information(&metric, NULL, &options));
    }
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_conditional_entropy(NULL, NULL, NULL));
}
END_TEST

/* A caller that was built with the struct of two fields. */
START_TEST(an_older_struct_gets_defaults)
{
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    uint8_t pixels[4] = {0, 0, 0, 255};
    const redux_tensor a = borrowed(pixels, REDUX_UINT8, 2, 2);
    double old, new;
    options.struct_size = sizeof(size_t) + 2 * sizeof(int32_t);
    options.bins = 16;
    options.normalisation = 99; /* beyond its end */
    ck_assert_redux_ok(redux_entropy(&old, NULL, &a, &options));
    options = (redux_histogram_options)REDUX_HISTOGRAM_OPTIONS_INIT;
    options.bins = 16;
    ck_assert_redux_ok(redux_entropy(&new, NULL, &a, &options));
    ck_assert_double_eq(old, new);
}
END_TEST

/* More slices than a task takes; 1, 2 and 3 threads. */
START_TEST(sequence_of_a_long_volume)
{
    enum { DEPTH = 37, SIDE = 20 };
    const int64_t shape[] = {DEPTH, SIDE, SIDE};
    double first[DEPTH], again[DEPTH];
    redux_tensor volume, reversed;
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < DEPTH * SIDE * SIDE; i++)
        ((uint8_t *)volume.data)[i] = (uint8_t)(i * i % 251 / (1 + i / 2000));
    ck_assert_redux_ok(redux_conditional_entropy_sequence(first, NULL, &volume, NULL));
    for (int64_t i = 1; i < DEPTH; i++) {
        redux_information all;
        redux_tensor a, b;
        ck_assert_redux_ok(redux_tensor_select(&a, &volume, 0, i - 1));
        ck_assert_redux_ok(redux_tensor_select(&b, &volume, 0, i));
        ck_assert_redux_ok(redux_information_compute(&all, NULL, &a, &b, NULL));
        ck_assert_double_eq(first[i], all.b_given_a);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
    for (int threads = 1; threads < 4; threads++) {
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        ck_assert_redux_ok(redux_conditional_entropy_sequence(again, context, &volume, NULL));
        ck_assert_mem_eq(first, again, sizeof first);
        redux_context_free(context);
    }
    /* rows in reverse, by strides: the same numbers, which do not see where a pixel is */
    reversed = volume;
    reversed.strides[2] = -1;
    reversed.data = (uint8_t *)volume.data + SIDE - 1;
    ck_assert_redux_ok(redux_conditional_entropy_sequence(again, NULL, &reversed, NULL));
    ck_assert_mem_eq(first, again, sizeof first);
    ck_assert_redux(REDUX_E_INVALID, redux_conditional_entropy_sequence(NULL, NULL, &volume, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_conditional_entropy_sequence(first, NULL, NULL, NULL));
    redux_tensor_release(&volume);
}
END_TEST

/* ---- Mattes ---- */

#define MATTES "tests/golden/data/mattes.npz"

/* All nine pairs of a run's slices against ITK; returns the largest difference. */
static double check_mattes(const char *run, const char *kind, int32_t bins)
{
    redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
    redux_tensor images, rows, want;
    char key[40];
    double worst = 0;
    redux_metric *metric;
    const bool crop = strcmp(kind, "crop") == 0;
    slices_of(&images, run, strcmp(kind, "f32") == 0 ? REDUX_FLOAT32 : REDUX_UINT8);
    if (crop) {
        ck_assert_redux_ok(redux_tensor_slice(&rows, &images, 1, 20, 37, 1));
        redux_tensor_release(&images);
        ck_assert_redux_ok(redux_tensor_slice(&images, &rows, 2, 40, 21, 1));
        redux_tensor_release(&rows);
    }
    (void)snprintf(key, sizeof key, "/%s/%d", kind, (int)bins);
    read_array(&want, MATTES, run, key);
    options.bins = bins;
    ck_assert_redux_ok(redux_metric_new_mattes(&metric, NULL, &options));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            redux_tensor a, b;
            double value;
            ck_assert_redux_ok(redux_tensor_select(&a, &images, 0, i));
            ck_assert_redux_ok(redux_tensor_select(&b, &images, 0, j));
            ck_assert_redux_ok(redux_mattes(&value, NULL, &a, &b, &options));
            ck_assert_double_eq(score(metric, &a, &b), value);
            worst = fmax(worst, fabs(value - ((const double *)want.data)[3 * i + j]));
            redux_tensor_release(&a);
            redux_tensor_release(&b);
        }
    redux_metric_free(metric);
    redux_tensor_release(&want);
    redux_tensor_release(&images);
    return worst;
}

START_TEST(mattes_is_itk)
{
    const char *const runs[] = {"STS_002", "STS_019"};
    const int32_t bins[] = {50, 8, 128};
    for (int r = 0; r < 2; r++) {
        for (int i = 0; i < 3; i++) {
            ck_assert_double_le(check_mattes(runs[r], "u8", bins[i]), 1e-12);
            ck_assert_double_le(check_mattes(runs[r], "f32", bins[i]), 1e-12);
        }
        ck_assert_double_le(check_mattes(runs[r], "crop", 50), 1e-12);
    }
}
END_TEST

/* 8-bit images and the same values as floats go different ways. */
START_TEST(mattes_of_bytes_is_mattes_of_floats)
{
    redux_tensor bytes, floats;
    redux_metric *metric;
    read_array(&bytes, SLICES, "STS_002", "");
    ck_assert_redux_ok(redux_tensor_new(&floats, NULL, REDUX_FLOAT32, 3, bytes.shape));
    for (int64_t i = 0; i < redux_tensor_elements(&bytes); i++)
        ((float *)floats.data)[i] = 0.25F * (float)((const uint8_t *)bytes.data)[i] - 17;
    ck_assert_redux_ok(redux_metric_new_mattes(&metric, NULL, NULL));
    for (int p = 0; p < 4; p++) {
        redux_tensor a[2], b[2];
        for (int k = 0; k < 2; k++) {
            const redux_tensor *images = k == 0 ? &bytes : &floats;
            ck_assert_redux_ok(redux_tensor_select(&a[k], images, 0, pairs[p][0]));
            ck_assert_redux_ok(redux_tensor_select(&b[k], images, 0, pairs[p][1]));
        }
        ck_assert_double_le(fabs(score(metric, &a[0], &b[0]) - score(metric, &a[1], &b[1])), 1e-12);
        for (int k = 0; k < 2; k++) {
            redux_tensor_release(&a[k]);
            redux_tensor_release(&b[k]);
        }
    }
    redux_metric_free(metric);
    redux_tensor_release(&floats);
    redux_tensor_release(&bytes);
}
END_TEST

/* More pixels than the 16-bit counts hold: an image several times over has the same histogram. */
START_TEST(mattes_of_many_pixels)
{
    enum { SIDE = 400, BLOCK = 40 };
    uint8_t *one = malloc(SIDE * SIDE), *other = malloc(SIDE * SIDE);
    uint8_t small[2][BLOCK * BLOCK];
    double want, value;
    ck_assert(one != NULL && other != NULL);
    for (int i = 0; i < BLOCK * BLOCK; i++) {
        small[0][i] = (uint8_t)(i % BLOCK < BLOCK / 2 ? 0 : i * 7 % 200);
        small[1][i] = (uint8_t)(i % BLOCK < BLOCK / 2 ? 3 : i * 7 % 200 + i % 50);
    }
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            one[y * SIDE + x] = small[0][y % BLOCK * BLOCK + x % BLOCK];
            other[y * SIDE + x] = small[1][y % BLOCK * BLOCK + x % BLOCK];
        }
    const redux_tensor a = borrowed(one, REDUX_UINT8, SIDE, SIDE);
    const redux_tensor b = borrowed(other, REDUX_UINT8, SIDE, SIDE);
    const redux_tensor c = borrowed(small[0], REDUX_UINT8, BLOCK, BLOCK);
    const redux_tensor d = borrowed(small[1], REDUX_UINT8, BLOCK, BLOCK);
    ck_assert_redux_ok(redux_mattes(&value, NULL, &a, &b, NULL));
    ck_assert_redux_ok(redux_mattes(&want, NULL, &c, &d, NULL));
    ck_assert_double_gt(want, 0.3);
    ck_assert_double_le(fabs(value - want), 1e-12);
    free(one);
    free(other);
}
END_TEST

START_TEST(mattes_normalised)
{
    redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
    redux_tensor images, a, b;
    redux_metric *metric;
    double aa, bb, ab;
    read_array(&images, SLICES, "STS_019", "");
    ck_assert_redux_ok(redux_tensor_select(&a, &images, 0, 0));
    ck_assert_redux_ok(redux_tensor_select(&b, &images, 0, 1));
    ck_assert_redux_ok(redux_mattes(&aa, NULL, &a, &a, &options));
    ck_assert_redux_ok(redux_mattes(&bb, NULL, &b, &b, &options));
    ck_assert_redux_ok(redux_mattes(&ab, NULL, &a, &b, &options));
    options.normalised = 1;
    ck_assert_redux_ok(redux_metric_new_mattes(&metric, NULL, &options));
    ck_assert_double_eq(score(metric, &a, &a), 1);
    ck_assert_double_eq(score(metric, &b, &b), 1);
    ck_assert_double_le(fabs(score(metric, &a, &b) - ab / sqrt(aa * bb)), 1e-15);
    ck_assert_double_lt(score(metric, &a, &b), 1);
    redux_metric_free(metric);
    redux_tensor_release(&b);
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST

START_TEST(mattes_where_itk_has_no_answer)
{
    float flat[6] = {3, 3, 3, 3, 3, 3}, ramp[6] = {0, 1, 2, 3, 4, 5};
    float odd[6] = {NAN, -INFINITY, 2, 3, 4, INFINITY}, even[6] = {2, 2, 2, 3, 4, 4};
    const float nothing[6] = {NAN, NAN, INFINITY, NAN, NAN, -INFINITY};
    redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
    const redux_tensor a = borrowed(flat, REDUX_FLOAT32, 2, 3);
    const redux_tensor b = borrowed(ramp, REDUX_FLOAT32, 2, 3);
    const redux_tensor c = borrowed(odd, REDUX_FLOAT32, 2, 3);
    const redux_tensor d = borrowed(even, REDUX_FLOAT32, 2, 3);
    double value, other;
    for (int normalised = 0; normalised < 2; normalised++) {
        options.normalised = normalised;
        ck_assert_redux_ok(redux_mattes(&value, NULL, &a, &b, &options));
        ck_assert_double_eq(value, 0);
        ck_assert_redux_ok(redux_mattes(&value, NULL, &b, &a, &options));
        ck_assert_double_eq(value, 0);
        ck_assert_redux_ok(redux_mattes(&value, NULL, &a, &a, &options));
        ck_assert_double_eq(value, normalised);
    }
    ck_assert_redux_ok(redux_mattes(&value, NULL, &b, &c, NULL));
    ck_assert_redux_ok(redux_mattes(&other, NULL, &b, &d, NULL));
    ck_assert_double_eq(value, other);
    ck_assert_redux_ok(redux_mattes(&value, NULL, &c, &b, NULL));
    ck_assert_redux_ok(redux_mattes(&other, NULL, &d, &b, NULL));
    ck_assert_double_eq(value, other);
    memcpy(flat, nothing, sizeof flat);
    ck_assert_redux_ok(redux_mattes(&value, NULL, &a, &b, NULL));
    ck_assert_double_eq(value, 0);
}
END_TEST

START_TEST(mattes_refuses)
{
    redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
    float pixels[6] = {0};
    int16_t whole[6] = {0};
    const redux_tensor a = borrowed(pixels, REDUX_FLOAT32, 2, 3);
    const redux_tensor b = borrowed(pixels, REDUX_FLOAT32, 3, 2);
    const redux_tensor c = borrowed(whole, REDUX_INT16, 2, 3);
    double value;
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(&value, NULL, &a, &b, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(&value, NULL, &c, &c, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(&value, NULL, &a, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(NULL, NULL, &a, &a, NULL));
    options.bins = 4;
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(&value, NULL, &a, &a, &options));
    options.bins = 257;
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(&value, NULL, &a, &a, &options));
    options.bins = 256;
    ck_assert_redux_ok(redux_mattes(&value, NULL, &a, &a, &options));
    options.normalised = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_mattes(&value, NULL, &a, &a, &options));
}
END_TEST

/* ---- names ---- */

START_TEST(metrics_by_name)
{
    uint8_t one[32 * 32], other[32 * 32];
    for (int i = 0; i < 32 * 32; i++) {
        one[i] = (uint8_t)(i * 37 % 256);
        other[i] = (uint8_t)(i * i % 256);
    }
    const redux_tensor a = borrowed(one, REDUX_UINT8, 32, 32);
    const redux_tensor b = borrowed(other, REDUX_UINT8, 32, 32);
    redux_metric *metric;
    redux_information all;
    double ssim, mattes, ms_ssim;
    ck_assert_redux_ok(redux_information_compute(&all, NULL, &a, &b, NULL));
    ck_assert_redux_ok(redux_ssim(&ssim, NULL, &a, &b, NULL));
    ck_assert_redux_ok(redux_mattes(&mattes, NULL, &a, &b, NULL));
    ck_assert_redux_ok(redux_ms_ssim(&ms_ssim, NULL, &a, &b, NULL));
    const struct {
        const char *name;
        double want;
    } named[] = {{"ssim", ssim},
                 {"mi", all.nmi_arithmetic},
                 {"mattes", mattes},
                 {"ms-ssim", ms_ssim},
                 {"conditional-entropy", all.b_given_a}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        ck_assert_redux_ok(redux_metric_new_named(&metric, NULL, named[i].name));
        ck_assert_double_eq(score(metric, &a, &b), named[i].want);
        redux_metric_free(metric);
    }
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_metric_new_named(&metric, NULL, "hamming"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "ssim, "));
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_named(&metric, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_named(NULL, NULL, "ssim"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("information");
    TCase *histograms = tcase_create("histograms");
    tcase_set_timeout(histograms, 60);
    tcase_add_test(histograms, information_is_the_references);
    tcase_add_test(histograms, the_fixed_grid_refuses_floats_beyond_0_to_1);
    tcase_add_test(histograms, values_outside_a_given_range_are_clipped);
    tcase_add_test(histograms, constant_images);
    tcase_add_test(histograms, normalisations_have_names);
    tcase_add_test(histograms, histogram_options_are_checked);
    tcase_add_test(histograms, an_older_struct_gets_defaults);
    tcase_add_test(histograms, sequence_of_a_long_volume);
    suite_add_tcase(suite, histograms);
    TCase *mattes = tcase_create("mattes");
    tcase_set_timeout(mattes, 60);
    tcase_add_test(mattes, mattes_is_itk);
    tcase_add_test(mattes, mattes_of_bytes_is_mattes_of_floats);
    tcase_add_test(mattes, mattes_of_many_pixels);
    tcase_add_test(mattes, mattes_normalised);
    tcase_add_test(mattes, mattes_where_itk_has_no_answer);
    tcase_add_test(mattes, mattes_refuses);
    suite_add_tcase(suite, mattes);
    TCase *names = tcase_create("names");
    tcase_add_test(names, metrics_by_name);
    suite_add_tcase(suite, names);
    return run_suite(suite);
}
