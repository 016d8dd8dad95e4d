/* SPDX-License-Identifier: MIT
 * Pairs that are decided by a bound before their score is worked out: the verdict is the score's at
 * any threshold, on real CT, on noise and on images with odd numbers. */
#include <float.h>
#include <math.h>
#include <string.h>
#include "metric/metric.h"
#include "support/test.h"

#define VOLUME "data/ct/STS_002_CT.nii.gz"

enum { SLICES = 8, GRID = 24 };

/* Every sixth slice, windowed: [SLICES, height, width]. */
static void ct_slices(redux_tensor *out, const char *window_name)
{
    const char *path = VOLUME;
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_window window;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_redux_ok(redux_window_parse(&window, window_name));
    const int64_t shape[] = {SLICES, info.height, info.width};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, redux_window_dtype(window), 3, shape));
    for (int64_t i = 0; i < SLICES; i++) {
        redux_tensor slice, to;
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, 6 * i));
        ck_assert_redux_ok(redux_tensor_select(&to, out, 0, i));
        ck_assert_redux_ok(redux_window_apply(&to, NULL, &slice, 1, 0, window));
        redux_tensor_release(&slice);
        redux_tensor_release(&to);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}

/* A flat ground, and more and more noise of its own on a common picture. */
static void noisy_images(redux_tensor *out, redux_dtype dtype, int64_t height, int64_t width)
{
    const int64_t shape[] = {SLICES, height, width};
    const redux_random_key common = {.seed = 7};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, dtype, 3, shape));
    for (int64_t i = 0; i < SLICES; i++) {
        const redux_random_key own = {.seed = 8, .sample = (uint64_t)i};
        for (int64_t p = 0; p < height * width; p++) {
            const double share = (double)(i - i % 2) / SLICES; /* two alike */
            double value = (1 - share) * redux_random_uniform(&common, (uint32_t)p) +
                           share * redux_random_uniform(&own, (uint32_t)p);
            if (p / 3000 % 3 == 0)
                value = 0.1;
            if (dtype == REDUX_UINT8)
                ((uint8_t *)out->data)[i * height * width + p] = (uint8_t)(256 * value);
            else
                ((float *)out->data)[i * height * width + p] = (float)value;
        }
    }
}

typedef struct prepared {
    const redux_metric *metric;
    rdx_layout layout;
    char *items, *scratch;
    int64_t hopeless;
} prepared;

static void check_threshold(prepared *p, const char *a, const char *b, double want,
                            double threshold)
{
    double score = -7;
    const rdx_verdict verdict =
        rdx_judge(p->metric, &p->layout, a, b, threshold, &score, p->scratch);
    if (!rdx_is_redundant(p->metric, want, threshold)) {
        ck_assert_int_ne(verdict, RDX_REDUNDANT);
        p->hopeless += verdict == RDX_HOPELESS;
        return;
    }
    ck_assert_int_eq(verdict, RDX_REDUNDANT);
    ck_assert_mem_eq(&score, &want, sizeof score);
}

/* Every pair, both ways: thresholds from low to high, and right beside its score. */
static int64_t check_pairs(const redux_metric *metric, const redux_tensor *images, double low,
                           double high)
{
    const int64_t count = images->shape[0];
    prepared p = {.metric = metric};
    ck_assert_redux_ok(rdx_metric_layout(metric, images, &p.layout));
    p.items = aligned_alloc(64, (size_t)count * p.layout.item_bytes);
    p.scratch = aligned_alloc(64, (p.layout.scratch_bytes + 63) / 64 * 64);
    ck_assert_redux_ok(rdx_metric_prepare(NULL, metric, &p.layout, images, 0, count, p.items));
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < count; j++) {
            const char *a = p.items + (size_t)i * p.layout.item_bytes;
            const char *b = p.items + (size_t)j * p.layout.item_bytes;
            const double want = metric->ops->score(metric, &p.layout, a, b, p.scratch);
            for (int k = 0; k <= GRID; k++)
                check_threshold(&p, a, b, want, low + (high - low) * k / GRID);
            check_threshold(&p, a, b, want, -(double)INFINITY);
            check_threshold(&p, a, b, want, (double)INFINITY);
            if (isnan(want))
                continue;
            check_threshold(&p, a, b, want, want);
            check_threshold(&p, a, b, want, nextafter(want, (double)INFINITY));
            check_threshold(&p, a, b, want, nextafter(want, -(double)INFINITY));
        }
    free(p.items);
    free(p.scratch);
    return p.hopeless;
}

/* The images of a run: CT in 8 bits and as floats, noise of sizes with and without parts. */
static void images_of(redux_tensor *out, int run)
{
    static const int64_t sizes[][2] = {{301, 257}, {161, 140}, {40, 37}, {3, 5}};
    if (run < 2)
        ct_slices(out, run == 0 ? "slice" : "mediastinum");
    else
        noisy_images(out, run % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32, sizes[(run - 2) / 2][0],
                     sizes[(run - 2) / 2][1]);
}
enum { RUNS = 10, LARGE_RUNS = 6 };

START_TEST(information)
{
    redux_tensor images;
    images_of(&images, _i);
    for (int kind = REDUX_NMI_ARITHMETIC; kind <= REDUX_MUTUAL_INFORMATION_BITS; kind++) {
        redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
        redux_metric *metric;
        options.normalisation = kind;
        options.bins = kind % 2 == 0 ? 256 : 50;
        ck_assert_redux_ok(redux_metric_new_mutual_information(&metric, NULL, &options));
        const double high = kind == REDUX_MUTUAL_INFORMATION_BITS ? 8 : 2;
        const int64_t hopeless = check_pairs(metric, &images, 0, high);
        if (_i < LARGE_RUNS) /* or nothing is tested here; 0.4 of the grid are over any score */
            ck_assert_int_lt(SLICES * SLICES * GRID / 3, hopeless);
        redux_metric_free(metric);
    }
    redux_tensor_release(&images);
}
END_TEST

START_TEST(conditional_entropy)
{
    redux_tensor images;
    redux_metric *metric;
    images_of(&images, _i);
    ck_assert_redux_ok(redux_metric_new_conditional_entropy(&metric, NULL, NULL));
    const int64_t hopeless = check_pairs(metric, &images, -1, 8);
    if (_i < LARGE_RUNS)
        ck_assert_int_lt(SLICES * SLICES, hopeless);
    redux_metric_free(metric);
    redux_tensor_release(&images);
}
END_TEST

START_TEST(structural_similarity)
{
    redux_tensor images;
    images_of(&images, _i);
    for (int window = REDUX_SSIM_GAUSSIAN; window <= REDUX_SSIM_UNIFORM; window++) {
        redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
        redux_metric *metric;
        options.window = (redux_ssim_window)window;
        ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, &options));
        const int64_t hopeless = check_pairs(metric, &images, -1, 1.1);
        if (_i < LARGE_RUNS)
            ck_assert_int_lt(SLICES * SLICES, hopeless);
        redux_metric_free(metric);
        /* constants so small that rounding is not bounded: never early */
        options.data_range = 1e-6;
        ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, &options));
        ck_assert_int_eq(check_pairs(metric, &images, -1, 1.1), 0);
        redux_metric_free(metric);
    }
    redux_tensor_release(&images);
}
END_TEST

START_TEST(several_scales)
{
    redux_tensor images;
    redux_metric *metric;
    images_of(&images, _i);
    ck_assert_redux_ok(redux_metric_new_ms_ssim(&metric, NULL, NULL));
    const int64_t hopeless = check_pairs(metric, &images, -0.5, 1.1);
    if (_i < LARGE_RUNS)
        ck_assert_int_lt(SLICES * SLICES, hopeless);
    redux_metric_free(metric);
    redux_tensor_release(&images);
}
END_TEST

/* NaN, infinities and numbers whose squares overflow: no bound, the score's verdict. */
START_TEST(odd_numbers)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -1e20F, 1e12F, 3000, 0};
    redux_ssim_options ssim = REDUX_SSIM_OPTIONS_INIT;
    redux_ms_ssim_options ms_ssim = REDUX_MS_SSIM_OPTIONS_INIT;
    redux_tensor images;
    redux_metric *metric;
    ssim.data_range = ms_ssim.data_range = 1; /* given, so that values beyond it are accepted */
    noisy_images(&images, REDUX_FLOAT32, 40, 37);
    for (int64_t i = 0; i < SLICES; i++)
        ((float *)images.data)[i * 40 * 37 + 700] = odd[i];
    ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, &ssim));
    check_pairs(metric, &images, -1, 1.1);
    redux_metric_free(metric);
    ck_assert_redux_ok(redux_metric_new_ms_ssim(&metric, NULL, &ms_ssim));
    check_pairs(metric, &images, -1, 1.1);
    redux_metric_free(metric);
    redux_tensor_release(&images);
}
END_TEST

/* One against many, which are not prepared, is the score of prepared items. */
START_TEST(fresh_items)
{
    redux_tensor images, one;
    double scores[SLICES];
    images_of(&images, _i);
    for (int kind = 0; kind < 4; kind++) {
        redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
        redux_metric *metric;
        rdx_layout layout;
        options.bins = kind / 2 == 0 ? 256 : 50;
        options.range = (redux_histogram_range)(kind / 2);
        ck_assert_redux_ok((kind % 2 == 0
                                ? redux_metric_new_mutual_information
                                : redux_metric_new_conditional_entropy)(&metric, NULL, &options));
        ck_assert_redux_ok(rdx_metric_layout(metric, &images, &layout));
        char *items = aligned_alloc(64, SLICES * layout.item_bytes);
        char *scratch = aligned_alloc(64, (layout.scratch_bytes + 63) / 64 * 64);
        ck_assert_redux_ok(rdx_metric_prepare(NULL, metric, &layout, &images, 0, SLICES, items));
        ck_assert_redux_ok(redux_tensor_select(&one, &images, 0, 3));
        ck_assert_redux_ok(redux_metric_one_to_many(scores, NULL, metric, &one, &images));
        for (int64_t i = 0; i < SLICES; i++) {
            const double want = metric->ops->score(metric, &layout, items + 3 * layout.item_bytes,
                                                   items + (size_t)i * layout.item_bytes, scratch);
            ck_assert_mem_eq(&scores[i], &want, sizeof want);
        }
        free(items);
        free(scratch);
        redux_tensor_release(&one);
        redux_metric_free(metric);
    }
    redux_tensor_release(&images);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tests = tcase_create("bounds"), *slow = slow_tests(suite, 120);
    tcase_set_timeout(tests, 120);
    static const int ends[] = {0, 1, 3, RUNS};
    for (int i = 0; i < 3; i++) { /* scans of one window and large noise are for every edit */
        TCase *some = i == 1 ? tests : slow;
        const int from = ends[i], to = ends[i + 1];
        tcase_add_loop_test(some, information, from, to);
        tcase_add_loop_test(some, conditional_entropy, from, to);
        tcase_add_loop_test(some, structural_similarity, from, to);
        tcase_add_loop_test(some, several_scales, from, to);
        tcase_add_loop_test(some, fresh_items, from, to);
    }
    tcase_add_test(tests, odd_numbers);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
