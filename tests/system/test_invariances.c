/* SPDX-License-Identifier: MIT
 * What changes nothing, or changes a score in a known way: relabelling, shuffling, scaling and
 * turning of random items; triangle inequalities; sums of entropies. */
#include "properties.h"

enum { ROUNDS = 60 };

static redux_tensor image_of(redux_dtype dtype, int64_t h, int64_t w, int64_t kind, uint64_t round)
{
    redux_tensor all, one;
    random_slices(&all, dtype, KINDS, h, w, round);
    one = row_of(&all, kind % KINDS);
    redux_tensor_release(&all);
    return one;
}

/* A C-contiguous copy, to be changed. */
static redux_tensor copy_of(const redux_tensor *in)
{
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, in->dtype, in->ndim, in->shape));
    ck_assert_redux_ok(redux_tensor_copy(&out, in));
    return out;
}

/* A random order of 0 ... n - 1. */
static void shuffle(int64_t *order, int64_t n, uint64_t round)
{
    redux_random_key key = key_of(round);
    key.operation = 1;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)redux_random_below(&key, (uint32_t)i, (uint64_t)i + 1);
        const int64_t other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
}

static redux_tensor shuffled(const redux_tensor *in, const int64_t *order)
{
    redux_tensor out = copy_of(in), from = copy_of(in);
    const size_t size = redux_dtype_size(in->dtype);
    for (int64_t i = 0; i < redux_tensor_elements(in); i++)
        memcpy((char *)out.data + (size_t)i * size, (char *)from.data + (size_t)order[i] * size,
               size);
    redux_tensor_release(&from);
    return out;
}

static redux_information information_of(const redux_tensor *a, const redux_tensor *b,
                                        const redux_histogram_options *options)
{
    redux_information found;
    ck_assert_redux_ok(redux_information_compute(&found, NULL, a, b, options));
    return found;
}

static void assert_same_information(const redux_information *a, const redux_information *b)
{
    const double *one = &a->entropy_a, *other = &b->entropy_a;
    for (size_t i = 0; i < sizeof *a / sizeof(double); i++)
        ck_assert_msg(one[i] == other[i], "field %zu: %.17g, not %.17g", i, other[i], one[i]);
}

/* ---- information ---- */

/* It does not matter what grey a bin has, nor where a pixel lies, as long as it is with its
 * partner: the same bits. */
START_TEST(relabelled_and_shuffled)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const redux_random_key key = key_of(round);
        const int64_t h = random_side(&key, 0, 40), w = random_side(&key, 1, 40);
        redux_tensor a = image_of(REDUX_UINT8, h, w, (int64_t)round, round);
        redux_tensor b = image_of(REDUX_UINT8, h, w, (int64_t)round / KINDS, round);
        int64_t *order = malloc((size_t)(h * w) * sizeof *order), labels[256];
        const redux_information want = information_of(&a, &b, NULL);
        shuffle(order, h * w, round);
        shuffle(labels, 256, round + 1);
        redux_tensor moved_a = shuffled(&a, order), moved_b = shuffled(&b, order);
        redux_information got = information_of(&moved_a, &moved_b, NULL);
        assert_same_information(&want, &got);
        for (int64_t i = 0; i < h * w; i++) {
            uint8_t *grey = (uint8_t *)moved_a.data + i;
            *grey = (uint8_t)labels[*grey];
        }
        got = information_of(&moved_a, &moved_b, NULL);
        assert_same_information(&want, &got);
        redux_tensor_release(&moved_a);
        redux_tensor_release(&moved_b);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
        free(order);
    }
}
END_TEST

/* Bins over an image's own range do not mind brightness and contrast (here by whole numbers and a
 * power of two, which round nothing). */
START_TEST(brightness_and_contrast)
{
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    options.range = REDUX_HISTOGRAM_OWN;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        redux_tensor a = image_of(REDUX_UINT8, 23, 19, (int64_t)round, round);
        redux_tensor b = image_of(REDUX_UINT8, 23, 19, (int64_t)round / KINDS, round);
        redux_tensor dark = copy_of(&a);
        double mattes, mattes_dark;
        options.bins = 1 << (1 + round % 8);
        for (int64_t i = 0; i < 23 * 19; i++) { /* 0 ... 63, then twice that and 100 more */
            uint8_t *grey = (uint8_t *)dark.data + i;
            *grey /= 4;
        }
        redux_tensor bright = copy_of(&dark);
        for (int64_t i = 0; i < 23 * 19; i++) {
            uint8_t *grey = (uint8_t *)bright.data + i;
            *grey = (uint8_t)(*grey * 2 + 100);
        }
        const redux_information want = information_of(&dark, &b, &options);
        const redux_information got = information_of(&bright, &b, &options);
        assert_same_information(&want, &got);
        ck_assert_redux_ok(redux_mattes(&mattes, NULL, &b, &bright, NULL));
        ck_assert_redux_ok(redux_mattes(&mattes_dark, NULL, &b, &dark, NULL));
        ck_assert_double_eq_tol(mattes, mattes_dark, 1e-9);
        redux_tensor_release(&bright);
        redux_tensor_release(&dark);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

/* H(A, B) = H(A) + H(B | A) and its kin; coarser bins tell less; the sequence and the metric are
 * the same numbers; each normalisation is what it says of them. */
START_TEST(sums_of_entropies)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const redux_dtype dtype = round % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32;
        redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
        redux_tensor volume, a, b;
        double sequence[KINDS], alone, coarse = 100;
        random_slices(&volume, dtype, KINDS, 1 + (int64_t)round, 31, round);
        a = row_of(&volume, (int64_t)round % (KINDS - 1));
        b = row_of(&volume, (int64_t)round % (KINDS - 1) + 1);
        for (options.bins = 256; options.bins >= 2; options.bins /= 2) {
            const redux_information i = information_of(&a, &b, &options);
            ck_assert_double_eq_tol(i.joint, i.entropy_a + i.b_given_a, 1e-12);
            ck_assert_double_eq_tol(i.joint, i.entropy_b + i.a_given_b, 1e-12);
            ck_assert_double_eq_tol(i.joint + i.mutual, i.entropy_a + i.entropy_b, 1e-12);
            ck_assert_double_eq_tol(i.variation, i.a_given_b + i.b_given_a, 1e-12);
            ck_assert_double_le(i.joint, i.entropy_a + i.entropy_b + 1e-12);
            ck_assert_double_le(i.entropy_a, log2(options.bins) + 1e-12);
            ck_assert_double_le(i.b_given_a, i.entropy_b);
            ck_assert_double_le(i.mutual, coarse + 1e-12);
            ck_assert(i.nmi_max <= i.nmi_arithmetic && i.nmi_arithmetic <= i.nmi_geometric + 1e-15);
            ck_assert(i.nmi_joint <= i.nmi_max + 1e-15 && i.nmi_geometric <= i.nmi_min + 1e-15);
            ck_assert_double_le(fabs(i.nmi_studholme - 1 - i.mutual / fmax(i.joint, 1e-300)),
                                1e-12);
            coarse = i.mutual;
            ck_assert_redux_ok(redux_entropy(&alone, NULL, &a, &options));
            ck_assert_double_eq(alone, i.entropy_a);
            ck_assert_redux_ok(
                redux_conditional_entropy_sequence(sequence, NULL, &volume, &options));
            ck_assert_double_eq(sequence[round % (KINDS - 1) + 1], i.b_given_a);
        }
        redux_tensor_release(&a);
        redux_tensor_release(&b);
        redux_tensor_release(&volume);
    }
}
END_TEST

/* Variation of information, and 1 - I / H(A, B), are distances; H(C | A) <= H(C | B) + H(B | A). */
START_TEST(triangles_of_information)
{
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const redux_dtype dtype = round % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32;
        redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
        redux_information of[KINDS][KINDS];
        redux_tensor volume;
        options.bins = 2 + (int32_t)round * 4;
        options.range = round % 2 == 0 ? REDUX_HISTOGRAM_FIXED : REDUX_HISTOGRAM_OWN;
        random_slices(&volume, dtype, KINDS, 3 + (int64_t)round / 2, 17, round);
        for (int64_t i = 0; i < KINDS; i++)
            for (int64_t j = 0; j < KINDS; j++) {
                redux_tensor a = row_of(&volume, i), b = row_of(&volume, j);
                of[i][j] = information_of(&a, &b, &options);
                redux_tensor_release(&a);
                redux_tensor_release(&b);
            }
        for (int i = 0; i < KINDS * KINDS * KINDS; i++) {
            const int a = i / (KINDS * KINDS), b = i / KINDS % KINDS, c = i % KINDS;
            const redux_information ab = of[a][b], bc = of[b][c], ac = of[a][c];
            ck_assert_double_le(ac.variation, ab.variation + bc.variation + 1e-12);
            ck_assert_double_le(1 - ac.nmi_joint, 2 - ab.nmi_joint - bc.nmi_joint + 1e-12);
            ck_assert_double_le(ac.b_given_a, ab.b_given_a + bc.b_given_a + 1e-12);
        }
        redux_tensor_release(&volume);
    }
}
END_TEST

/* ---- codes and vectors ---- */

/* Bits that change in both codes alike count for nothing; of a code turned round all others differ;
 * the way over a third code is no shorter. */
START_TEST(hamming_distances)
{
    enum { N = 12 };
    redux_metric *metric;
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const redux_random_key key = key_of(round);
        const int64_t bytes = random_side(&key, 0, 70);
        redux_tensor codes, masked, turned;
        double d[N][N];
        ck_assert_redux_ok(
            redux_tensor_new(&codes, NULL, REDUX_UINT8, 2, (const int64_t[]){N, bytes}));
        for (int64_t i = 0; i < N * bytes; i++) /* the second half near the first */
            ((uint8_t *)codes.data)[i] =
                (uint8_t)(i < N / 2 * bytes
                              ? redux_random_u32(&key, (uint32_t)i + 9)
                              : ((uint8_t *)codes.data)[i - N / 2 * bytes] ^ 1U << i % 8);
        masked = copy_of(&codes);
        turned = copy_of(&codes);
        for (int64_t i = 0; i < N * bytes; i++) {
            ((uint8_t *)masked.data)[i] ^= (uint8_t)(i % bytes * 37 + 11);
            ((uint8_t *)turned.data)[i] ^= 255;
        }
        for (int64_t i = 0; i < N; i++)
            for (int64_t j = 0; j < N; j++) {
                redux_tensor a = row_of(&codes, i), b = row_of(&codes, j), m = row_of(&masked, i),
                             n = row_of(&masked, j), t = row_of(&turned, j);
                d[i][j] = score_of(metric, &a, &b);
                ck_assert_double_eq(score_of(metric, &m, &n), d[i][j]);
                ck_assert_double_eq(score_of(metric, &a, &t), (double)(8 * bytes) - d[i][j]);
                redux_tensor *const all[] = {&a, &b, &m, &n, &t};
                for (int k = 0; k < 5; k++)
                    redux_tensor_release(all[k]);
            }
        for (int i = 0; i < N * N * N; i++)
            ck_assert_double_le(d[i / N / N][i % N], d[i / N / N][i / N % N] + d[i / N % N][i % N]);
        redux_tensor_release(&turned);
        redux_tensor_release(&masked);
        redux_tensor_release(&codes);
    }
    redux_metric_free(metric);
}
END_TEST

/* The length of a vector counts for nothing, its sign turns the score round, and the order of
 * dimensions is all one; the angle is a distance. */
START_TEST(cosine_angles)
{
    enum { N = 6 };
    redux_metric *metric;
    ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const redux_random_key key = key_of(round);
        const int64_t d = random_side(&key, 0, 130);
        redux_tensor v, other;
        double angle[N][N];
        int64_t order[130];
        ck_assert_redux_ok(redux_tensor_new(&v, NULL, REDUX_FLOAT32, 2, (const int64_t[]){N, d}));
        for (int64_t i = 0; i < N * d; i++)
            ((float *)v.data)[i] = (float)redux_random_normal(&key, (uint32_t)i + 9);
        other = copy_of(&v);
        shuffle(order, d, round);
        for (int64_t i = 0; i < N * d; i++) /* the first half scaled, the others turned round */
            ((float *)other.data)[i] = ((float *)v.data)[i] * (i / d < N / 2 ? 64.0F : -0.125F);
        for (int64_t i = 0; i < N; i++)
            for (int64_t j = 0; j < N; j++) {
                redux_tensor a = row_of(&v, i), b = row_of(&v, j), c = row_of(&other, j);
                redux_tensor x = shuffled(&a, order), y = shuffled(&b, order);
                const double score = score_of(metric, &a, &b);
                ck_assert_double_eq_tol(score_of(metric, &a, &c), j < N / 2 ? score : -score, 1e-6);
                ck_assert_double_eq_tol(score_of(metric, &x, &y), score, 1e-6);
                angle[i][j] = acos(score);
                redux_tensor *const all[] = {&a, &b, &c, &x, &y};
                for (int k = 0; k < 5; k++)
                    redux_tensor_release(all[k]);
            }
        for (int i = 0; i < N * N * N; i++) /* acos near 1 makes 1e-7 to 4e-4 */
            ck_assert_double_le(angle[i / N / N][i % N],
                                angle[i / N / N][i / N % N] + angle[i / N % N][i % N] + 1e-3);
        redux_tensor_release(&other);
        redux_tensor_release(&v);
    }
    redux_metric_free(metric);
}
END_TEST

/* ---- images ---- */

static double ssim_of(const redux_tensor *a, const redux_tensor *b, int multi, double range)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    redux_ms_ssim_options scales = REDUX_MS_SSIM_OPTIONS_INIT;
    double score;
    options.data_range = scales.data_range = range;
    ck_assert_redux_ok(multi ? redux_ms_ssim(&score, NULL, a, b, &scales)
                             : redux_ssim(&score, NULL, a, b, &options));
    return score;
}

static redux_tensor turned_of(const redux_tensor *in, int turn)
{
    redux_tensor out;
    if (turn == 0)
        ck_assert_redux_ok(redux_tensor_permute(&out, in, (const int32_t[]){1, 0}));
    else
        ck_assert_redux_ok(redux_tensor_slice(&out, in, turn - 1, in->shape[turn - 1] - 1,
                                              in->shape[turn - 1], -1));
    return out;
}

/* Two images turned or mirrored alike are as alike as before (MS-SSIM: of even sides, since an odd
 * last row stands twice), and in other units with their range. */
START_TEST(ssim_of_turned_images)
{
    for (uint64_t round = 0; round < ROUNDS / 2; round++)
        for (int multi = 0; multi < 2; multi++) {
            const redux_random_key key = key_of(round);
            const int64_t h = multi ? 176 : random_side(&key, 0, 60);
            const int64_t w = multi ? 192 : random_side(&key, 1, 60);
            redux_tensor a = image_of(REDUX_FLOAT32, h, w, (int64_t)round, round);
            redux_tensor b = image_of(REDUX_FLOAT32, h, w, (int64_t)round / KINDS, round);
            redux_tensor wide_a = copy_of(&a), wide_b = copy_of(&b);
            const double score = ssim_of(&a, &b, multi, 0);
            for (int turn = 0; turn < 3; turn++) {
                redux_tensor x = turned_of(&a, turn), y = turned_of(&b, turn);
                ck_assert_double_eq_tol(ssim_of(&x, &y, multi, 1), score, 1e-4);
                redux_tensor_release(&x);
                redux_tensor_release(&y);
            }
            for (int64_t i = 0; i < h * w; i++) {
                ((float *)wide_a.data)[i] *= 4096;
                ((float *)wide_b.data)[i] *= 4096;
            }
            ck_assert_double_eq_tol(ssim_of(&wide_a, &wide_b, multi, 4096), score, 1e-6);
            redux_tensor_release(&wide_a);
            redux_tensor_release(&wide_b);
            redux_tensor_release(&a);
            redux_tensor_release(&b);
        }
}
END_TEST

/* A cyclic shift is found, exactly, with the height of nothing but a shift; brightness and contrast
 * do not matter. */
START_TEST(shifts_are_found)
{
    redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
    options.window = REDUX_PHASE_PLAIN;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const redux_random_key key = key_of(round);
        const int64_t h = 2 + random_side(&key, 0, 45), w = 2 + random_side(&key, 1, 45);
        const int64_t dy = random_side(&key, 2, h) - 1, dx = random_side(&key, 3, w) - 1;
        redux_tensor a = image_of(REDUX_FLOAT32, h, w, 0, round), b = copy_of(&a);
        redux_shift shift;
        for (int64_t i = 0; i < h * w; i++)
            ((float *)b.data)[(i / w + dy) % h * w + (i % w + dx) % w] =
                ((const float *)a.data)[i] * 0.25F + 3;
        const redux_status status = redux_phase_correlation(&shift, NULL, &a, &b, &options);
        if (status != REDUX_E_UNSUPPORTED) {
            ck_assert_int_eq(status, REDUX_OK);
            ck_assert_double_eq(remainder(shift.dy - (double)dy, (double)h), 0);
            ck_assert_double_eq(remainder(shift.dx - (double)dx, (double)w), 0);
            ck_assert(fabs(shift.dy) <= (double)h / 2 && fabs(shift.dx) <= (double)w / 2);
            ck_assert_double_ge(shift.height, 1 - 1e-3);
            ck_assert_double_le(shift.height, 1);
        }
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("invariances");
    TCase *tests = tcase_create("invariances");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, relabelled_and_shuffled);
    tcase_add_test(tests, brightness_and_contrast);
    tcase_add_test(tests, sums_of_entropies);
    tcase_add_test(tests, triangles_of_information);
    tcase_add_test(tests, hamming_distances);
    tcase_add_test(tests, cosine_angles);
    tcase_add_test(tests, ssim_of_turned_images);
    tcase_add_test(tests, shifts_are_found);
    suite_add_tcase(suite, tests);
    return run_seeded_suite(suite);
}
