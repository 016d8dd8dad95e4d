/* SPDX-License-Identifier: MIT
 * Metrics as objects: Hamming and cosine against brute force, search against one pair at a time. */
#include <math.h>
#include <string.h>
#include "support/test.h"

/* Codes in clusters: each is a neighbour of an earlier one with a few bits changed. */
static void random_codes(redux_tensor *out, int64_t count, int64_t bytes, uint64_t seed)
{
    const int64_t shape[] = {count, bytes};
    redux_random_key key = {.seed = seed};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_UINT8, 2, shape));
    uint8_t *code = out->data;
    for (int64_t i = 0; i < count; i++) {
        key.sample = (uint64_t)i;
        if (i % 7 == 0)
            for (int64_t b = 0; b < bytes; b++)
                code[i * bytes + b] = (uint8_t)redux_random_u32(&key, (uint32_t)b);
        else
            memcpy(code + i * bytes, code + (i - i % 7) * bytes, (size_t)bytes);
        for (uint32_t flip = 0; flip < (uint32_t)(i % 7) * 2; flip++) {
            const uint64_t bit = redux_random_below(&key, 1000 + flip, (uint64_t)bytes * 8);
            code[i * bytes + (int64_t)bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static int brute_distance(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    int distance = 0;
    for (int64_t i = 0; i < bytes * 8; i++)
        distance += (a[i / 8] >> i % 8 & 1) != (b[i / 8] >> i % 8 & 1);
    return distance;
}

START_TEST(hamming_is_brute_force)
{
    const int64_t widths[] = {1, 2, 7, 8, 9, 16, 31, 32, 40};
    redux_metric *metric;
    double scores[60];
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    ck_assert_int_eq(redux_metric_is_distance(metric), 1);
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        redux_tensor codes, one;
        random_codes(&codes, 60, widths[w], w);
        for (int64_t i = 0; i < 60; i += 13) {
            ck_assert_redux_ok(redux_tensor_select(&one, &codes, 0, i));
            ck_assert_redux_ok(redux_metric_one_to_many(scores, NULL, metric, &one, &codes));
            for (int64_t j = 0; j < 60; j++)
                ck_assert_int_eq((int)scores[j],
                                 brute_distance((uint8_t *)codes.data + i * widths[w],
                                                (uint8_t *)codes.data + j * widths[w], widths[w]));
            redux_tensor_release(&one);
        }
        redux_tensor_release(&codes);
    }
    redux_metric_free(metric);
}
END_TEST

typedef struct found {
    redux_pair pairs[50000];
    int64_t count;
} found;

static int collect(const redux_pair *pair, void *user)
{
    found *all = user;
    ck_assert_int_lt(all->count, 50000);
    all->pairs[all->count++] = *pair;
    return 0;
}

static int cancel(const redux_pair *pair, void *user)
{
    (void)pair;
    return ++*(int *)user >= 3;
}

/* Pairs and neighbours of any metric must be what redux_metric_pair says of each pair. */
static void check_search(const redux_metric *metric, const redux_tensor *items, double threshold,
                         int threads)
{
    static found all;
    enum { K = 5 };
    const int64_t n = items->shape[0];
    redux_context *context = context_of(threads);
    double *score = malloc((size_t)(n * n) * sizeof *score);
    int64_t *indices = malloc((size_t)(n * K) * sizeof *indices), next = 0;
    double *nearest = malloc((size_t)(n * K) * sizeof *nearest);
    ck_assert(score != NULL && indices != NULL && nearest != NULL);
    for (int64_t i = 0; i < n; i++) {
        redux_tensor one;
        ck_assert_redux_ok(redux_tensor_select(&one, items, 0, i));
        ck_assert_redux_ok(redux_metric_one_to_many(score + i * n, context, metric, &one, items));
        redux_tensor_release(&one);
    }
    all.count = 0;
    ck_assert_redux_ok(redux_metric_pairs(context, metric, items, threshold, collect, &all));
    for (int64_t second = 0; second < n; second++)
        for (int64_t first = 0; first < second; first++) {
            const double s = score[first * n + second];
            ck_assert_double_eq(s, score[second * n + first]);
            if (redux_metric_is_distance(metric) ? s > threshold : s < threshold)
                continue;
            ck_assert_int_lt(next, all.count);
            ck_assert_int_eq(all.pairs[next].first, first);
            ck_assert_int_eq(all.pairs[next].second, second);
            ck_assert_double_eq(all.pairs[next++].score, s);
        }
    ck_assert_int_eq(next, all.count);
    ck_assert_int_gt(all.count, 0); /* else nothing was tested */

    ck_assert_redux_ok(redux_metric_nearest(indices, nearest, context, metric, items, items, K));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < K; k++) { /* its rank by score, ties by index, must be k */
            const int64_t j = indices[i * K + k];
            int64_t better = 0;
            ck_assert_int_ge(j, 0);
            ck_assert_double_eq(nearest[i * K + k], score[i * n + j]);
            for (int64_t other = 0; other < n; other++) {
                const double difference = score[i * n + other] - score[i * n + j];
                const double worse = redux_metric_is_distance(metric) ? difference : -difference;
                better += worse < 0 || (worse == 0 && other < j);
            }
            ck_assert_int_eq(better, k);
        }
    free(score);
    free(indices);
    free(nearest);
    redux_context_free(context);
}

START_TEST(hamming_search)
{
    redux_metric *metric;
    redux_tensor codes;
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    for (int bytes = 5; bytes <= 32; bytes += 3) {
        random_codes(&codes, 700, bytes, (uint64_t)bytes);
        check_search(metric, &codes, 6, 1 + bytes % 2);
        redux_tensor_release(&codes);
    }
    redux_metric_free(metric);
}
END_TEST

/* Codes that differ from the first in 0, 1, 2 ... bits. */
static void graded_codes(redux_tensor *out, int64_t count, int64_t bytes)
{
    random_codes(out, count, bytes, 5);
    for (int64_t i = 1; i < count; i++) {
        uint8_t *code = (uint8_t *)out->data + i * bytes;
        memcpy(code, out->data, (size_t)bytes);
        for (int64_t bit = 0; bit < i && bit < bytes * 8; bit++) {
            const int64_t at = bit * 37 % (bytes * 8); /* each one once: 37 divides no size here */
            code[at / 8] ^= (uint8_t)(1U << at % 8);
        }
    }
}

/* Pairs, and the exemplars of the greedy rule, of `count` codes at a radius. */
static void check_radius(const redux_metric *metric, const redux_tensor *codes, int64_t radius)
{
    const int64_t count = codes->shape[0], bytes = codes->shape[1];
    const uint8_t *code = codes->data;
    int64_t witness[300], kept[300], kept_count = 0, pairs = 0;
    double scores[300];
    redux_exemplars *exemplars;
    found *all = calloc(1, sizeof *all);
    ck_assert_redux_ok(redux_metric_pairs(NULL, metric, codes, (double)radius, collect, all));
    ck_assert_redux_ok(redux_exemplars_new(&exemplars, NULL, metric, (double)radius));
    ck_assert_redux_ok(redux_exemplars_add(witness, scores, NULL, exemplars, codes));
    redux_exemplars_free(exemplars);
    for (int64_t i = 0; i < count; i++) {
        int64_t first = -1;
        for (int64_t j = 0; j < i; j++)
            pairs += brute_distance(code + i * bytes, code + j * bytes, bytes) <= radius;
        for (int64_t k = 0; k < kept_count && first < 0; k++)
            if (brute_distance(code + i * bytes, code + kept[k] * bytes, bytes) <= radius)
                first = k;
        ck_assert_int_eq(witness[i], first);
        if (first < 0)
            kept[kept_count++] = i;
    }
    ck_assert_int_eq(all->count, pairs);
    free(all);
}

START_TEST(hamming_at_every_radius)
{
    const int64_t widths[] = {8, 16, 32, 40, 64, 200},
                  radii[] = {0, 6, 31, 64, 127, 253, 254, 255, 256};
    redux_metric *metric;
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t r = 0; r < sizeof radii / sizeof *radii; r++)
            for (int64_t count = 100; count <= 300; count += 100) {
                redux_tensor codes;
                graded_codes(&codes, count, widths[w]);
                check_radius(metric, &codes, radii[r]);
                redux_tensor_release(&codes);
            }
    redux_metric_free(metric);
}
END_TEST

static void random_vectors(redux_tensor *out, int64_t count, int64_t width, uint64_t seed)
{
    const int64_t shape[] = {count, width};
    redux_random_key key = {.seed = seed};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 2, shape));
    float *value = out->data;
    for (int64_t i = 0; i < count * width; i++) {
        key.sample = (uint64_t)(i / width);
        value[i] = (float)redux_random_normal(&key, (uint32_t)(i % width));
        if (i / width % 5 > 0) /* near an earlier one */
            value[i] = value[i - i / width % 5 * width] + 0.4F * value[i];
    }
}

START_TEST(cosine_is_brute_force)
{
    const int64_t widths[] = {1, 2, 3, 16, 17, 100, 512};
    redux_metric *metric;
    double scores[40], worst = 0;
    ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        redux_tensor vectors, one;
        const int64_t d = widths[w];
        random_vectors(&vectors, 40, d, w);
        const float *v = vectors.data;
        for (int64_t i = 0; i < 40; i++) {
            ck_assert_redux_ok(redux_tensor_select(&one, &vectors, 0, i));
            ck_assert_redux_ok(redux_metric_one_to_many(scores, NULL, metric, &one, &vectors));
            redux_tensor_release(&one);
            ck_assert_double_eq(scores[i], 1);
            for (int64_t j = 0; j < 40; j++) {
                long double ab = 0, aa = 0, bb = 0;
                for (int64_t k = 0; k < d; k++) {
                    ab += (long double)v[i * d + k] * (long double)v[j * d + k];
                    aa += (long double)v[i * d + k] * (long double)v[i * d + k];
                    bb += (long double)v[j * d + k] * (long double)v[j * d + k];
                }
                worst = fmax(worst, fabs(scores[j] - (double)(ab / sqrtl(aa * bb))));
                ck_assert(scores[j] <= 1 && scores[j] >= -1);
            }
        }
        redux_tensor_release(&vectors);
    }
    ck_assert_double_lt(worst, 1e-7);
    redux_metric_free(metric);
}
END_TEST

START_TEST(cosine_search)
{
    const int64_t widths[] = {3, 64, 130};
    redux_metric *metric;
    ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
    for (size_t w = 0; w < 3; w++) {
        redux_tensor vectors;
        random_vectors(&vectors, 600, widths[w], w);
        check_search(metric, &vectors, 0.95, 1 + (int)w % 2);
        redux_tensor_release(&vectors);
    }
    redux_metric_free(metric);
}
END_TEST

/* Zeros, NaN and infinities are like nothing; huge and tiny vectors have their angle. */
START_TEST(cosine_of_odd_vectors)
{
    const float rows[7][3] = {
        {0, 0, 0},         {1, 2, 3},           {(float)NAN, 1, 1}, {1, (float)INFINITY, 0},
        {3e38F, 3e38F, 0}, {1e-40F, 1e-40F, 0}, {-1, -2, -3}};
    const int64_t shape[] = {7, 3};
    redux_metric *metric;
    redux_tensor vectors, one;
    double s[7];
    ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
    ck_assert_redux_ok(
        redux_tensor_borrow(&vectors, (void *)(uintptr_t)rows, REDUX_FLOAT32, 2, shape, NULL));
    for (int64_t i = 0; i < 7; i++) {
        ck_assert_redux_ok(redux_tensor_select(&one, &vectors, 0, i));
        ck_assert_redux_ok(redux_metric_one_to_many(s, NULL, metric, &one, &vectors));
        ck_assert_double_eq(s[0], 0);
        ck_assert_double_eq(s[2], 0);
        ck_assert_double_eq(s[3], 0);
        ck_assert_double_eq(s[i], i == 0 || i == 2 || i == 3 ? 0 : 1);
        if (i == 1)
            ck_assert_double_eq_tol(s[6], -1, 1e-15);
        if (i == 4)
            ck_assert_double_eq_tol(s[5], 1, 1e-7);
    }
    redux_metric_free(metric);
}
END_TEST

static void random_images(redux_tensor *out, int64_t count, int64_t height, int64_t width)
{
    const int64_t shape[] = {count, height, width};
    redux_random_key key = {.seed = 5};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_UINT8, 3, shape));
    uint8_t *pixel = out->data;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < height * width; k++) {
            key.sample = (uint64_t)(i * height * width + k);
            const double noise = redux_random_normal(&key, 0) * (double)(i % 4 * 3);
            const int64_t phase = k + 31 * (i / 4);
            const double base = 128 + 90 * sin((double)phase / 9.0);
            pixel[i * height * width + k] = (uint8_t)fmin(fmax(base + noise, 0), 255);
        }
}

START_TEST(image_search)
{
    redux_metric *metric;
    redux_tensor images;
    random_images(&images, 90, 19, 23);
    ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, NULL));
    check_search(metric, &images, 0.9, 2);
    redux_metric_free(metric);
    ck_assert_redux_ok(redux_metric_new_mutual_information(&metric, NULL, NULL));
    check_search(metric, &images, 0.7, 2);
    redux_metric_free(metric);
    redux_tensor_release(&images);
}
END_TEST

/* Non-contiguous items: every second row of a transposed tensor. */
START_TEST(strided_items)
{
    const int32_t order[] = {1, 0};
    redux_metric *metric;
    redux_tensor vectors, transposed, strided, copy, one, same;
    double a[20], b[20];
    ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
    random_vectors(&vectors, 8, 40, 9);
    ck_assert_redux_ok(redux_tensor_permute(&transposed, &vectors, order));
    ck_assert_redux_ok(redux_tensor_slice(&strided, &transposed, 0, 39, 20, -2));
    ck_assert_redux_ok(redux_tensor_contiguous(&copy, NULL, &strided, REDUX_FLOAT32));
    ck_assert_redux_ok(redux_tensor_select(&one, &strided, 0, 3));
    ck_assert_redux_ok(redux_tensor_select(&same, &copy, 0, 3));
    ck_assert_redux_ok(redux_metric_one_to_many(a, NULL, metric, &one, &strided));
    ck_assert_redux_ok(redux_metric_one_to_many(b, NULL, metric, &same, &copy));
    for (int i = 0; i < 20; i++)
        ck_assert_double_eq(a[i], b[i]);
    redux_tensor_release(&vectors);
    redux_tensor_release(&transposed);
    redux_tensor_release(&strided);
    redux_tensor_release(&copy);
    redux_tensor_release(&one);
    redux_tensor_release(&same);
    redux_metric_free(metric);
}
END_TEST

START_TEST(wrong_arguments)
{
    redux_metric *metric;
    redux_tensor codes, vectors, one;
    double score = 7;
    int64_t index[3];
    double scores[3];
    int calls = 0;
    random_codes(&codes, 30, 8, 1);
    random_vectors(&vectors, 3, 8, 1);
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&score, NULL, metric, &codes, &codes));
    ck_assert_redux(REDUX_E_INVALID, redux_metric_pairs(NULL, metric, &vectors, 3, cancel, &calls));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_metric_pairs(NULL, metric, &codes, (double)NAN, cancel, &calls));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_metric_nearest(index, scores, NULL, metric, &codes, &codes, 0));
    ck_assert_redux_ok(redux_tensor_select(&one, &vectors, 0, 0));
    ck_assert_redux(REDUX_E_INVALID, redux_metric_one_to_many(scores, NULL, metric, &one, &codes));
    ck_assert_double_eq(score, 7);
    ck_assert_redux(REDUX_E_CANCELLED,
                    redux_metric_pairs(NULL, metric, &codes, 64, cancel, &calls));
    ck_assert_int_eq(calls, 3);
    redux_tensor_release(&one);
    redux_tensor_release(&codes);
    redux_tensor_release(&vectors);
    redux_metric_free(metric);
}
END_TEST

/* Fewer rows than neighbours asked for: the rest is -1 and NaN. */
START_TEST(few_neighbours)
{
    redux_metric *metric;
    redux_tensor codes;
    int64_t index[3 * 5];
    double scores[3 * 5];
    random_codes(&codes, 3, 8, 1);
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    ck_assert_redux_ok(redux_metric_nearest(index, scores, NULL, metric, &codes, &codes, 5));
    for (int q = 0; q < 3; q++) {
        ck_assert_int_eq(index[(size_t)q * 5], q);
        ck_assert(index[q * 5 + 2] >= 0 && index[q * 5 + 3] == -1 && index[q * 5 + 4] == -1);
        ck_assert(isnan(scores[q * 5 + 3]) && isnan(scores[q * 5 + 4]));
    }
    redux_tensor_release(&codes);
    redux_metric_free(metric);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metric");
    TCase *tests = tcase_create("metric"), *slow = slow_tests(suite, 60);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, hamming_is_brute_force);
    tcase_add_test(slow, hamming_search);
    tcase_add_test(slow, hamming_at_every_radius);
    tcase_add_test(tests, cosine_is_brute_force);
    tcase_add_test(tests, cosine_search);
    tcase_add_test(tests, cosine_of_odd_vectors);
    tcase_add_test(tests, image_search);
    tcase_add_test(tests, strided_items);
    tcase_add_test(tests, wrong_arguments);
    tcase_add_test(tests, few_neighbours);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
