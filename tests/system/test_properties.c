/* SPDX-License-Identifier: MIT
 * What must hold of every metric, over random items: bounds, the score of an item with itself,
 * symmetry, the same bits by every function and from any strides, no numbers, wrong dtypes. */
#include "properties.h"

enum { CODES, VECTORS, SLICES };

typedef struct law {
    const char *name;
    int64_t items;
    redux_status (*make)(redux_metric **out, int variant);
    int variant;
    int symmetric;
    int distance;
    double low, high;     /* of every score; NaN: no bound */
    double self;          /* of an item with itself; NaN: depends on the item */
    double self_constant; /* of a constant slice with itself */
    double not_finite;    /* what a NaN gives: 0 a score in its bounds, 1 NaN */
    double slack;         /* of `self`, below it */
} law;

static redux_status hamming(redux_metric **out, int variant)
{
    (void)variant;
    return redux_metric_new_hamming(out, NULL);
}

static redux_status cosine(redux_metric **out, int variant)
{
    (void)variant;
    return redux_metric_new_cosine(out, NULL);
}

static redux_status ssim(redux_metric **out, int variant)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    options.window = (redux_ssim_window)variant;
    return redux_metric_new_ssim(out, NULL, &options);
}

static redux_status ms_ssim(redux_metric **out, int variant)
{
    redux_ms_ssim_options options = REDUX_MS_SSIM_OPTIONS_INIT;
    options.scales = variant;
    return redux_metric_new_ms_ssim(out, NULL, &options);
}

/* variant: normalisation + 10 * range + 100 * bins */
static redux_histogram_options histogram_of(int variant)
{
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    options.normalisation = (redux_normalisation)(variant % 10);
    options.range = (redux_histogram_range)(variant / 10 % 10);
    options.bins = variant / 100;
    options.low = 0.1;
    options.high = 0.8;
    return options;
}

static redux_status information(redux_metric **out, int variant)
{
    const redux_histogram_options options = histogram_of(variant);
    return redux_metric_new_mutual_information(out, NULL, &options);
}

static redux_status conditional(redux_metric **out, int variant)
{
    const redux_histogram_options options = histogram_of(variant);
    return redux_metric_new_conditional_entropy(out, NULL, &options);
}

static redux_status mattes(redux_metric **out, int variant)
{
    redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
    options.normalised = variant % 10;
    options.bins = variant / 10;
    return redux_metric_new_mattes(out, NULL, &options);
}

static redux_status phase(redux_metric **out, int variant)
{
    redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
    options.window = variant;
    return redux_metric_new_phase_correlation(out, NULL, &options);
}

static redux_status named(redux_metric **out, int variant)
{
    static const char *const all[] = {"ssim",   "ms-ssim",           "mi",
                                      "mattes", "phase-correlation", "conditional-entropy"};
    return redux_metric_new_named(out, NULL, all[variant]);
}

/* Mean absolute difference. */
static double own_pair(const redux_tensor *a, const redux_tensor *b, void *user)
{
    double sum = 0;
    const int64_t n = a->shape[0] * a->shape[1];
    (void)user;
    ck_assert(redux_tensor_is_contiguous(a) && redux_tensor_is_contiguous(b));
    for (int64_t i = 0; i < n; i++)
        sum +=
            a->dtype == REDUX_UINT8
                ? fabs((double)((const uint8_t *)a->data)[i] - ((const uint8_t *)b->data)[i])
                : fabs((double)((const float *)a->data)[i] - (double)((const float *)b->data)[i]);
    return sum / (double)n;
}

static redux_status own(redux_metric **out, int variant)
{
    redux_custom_metric definition = REDUX_CUSTOM_METRIC_INIT;
    (void)variant;
    definition.is_distance = 1;
    definition.pair = own_pair;
    return redux_metric_new_custom(out, NULL, &definition);
}

#define ANY ((double)NAN)

static const law laws[] = {
    {"hamming", CODES, hamming, 0, 1, 1, 0, ANY, 0, 0, 0, 0},
    {"cosine", VECTORS, cosine, 0, 1, 0, -1, 1, 1, 1, 0, 0},
    {"ssim", SLICES, ssim, 0, 1, 0, -1, 1, 1, 1, 1, 0},
    {"ssim uniform", SLICES, ssim, 1, 1, 0, -1, 1, 1, 1, 1, 0},
    {"ms-ssim", SLICES, ms_ssim, 0, 1, 0, 0, 1, 1, 1, 1, 0},
    {"nmi", SLICES, information, 0, 1, 0, 0, 1, 1, 1, 0, 0},
    {"nmi studholme", SLICES, information, 1, 1, 0, 1, 2, 2, 1, 0, 0},
    {"nmi geometric", SLICES, information, 2, 1, 0, 0, 1, 1, 1, 0, 0},
    {"nmi min", SLICES, information, 3, 1, 0, 0, 1, 1, 1, 0, 0},
    {"nmi max", SLICES, information, 4, 1, 0, 0, 1, 1, 1, 0, 0},
    {"nmi joint", SLICES, information, 5, 1, 0, 0, 1, 1, 1, 0, 0},
    {"mi bits", SLICES, information, 6, 1, 0, 0, 8, ANY, 0, 0, 0},
    {"nmi own range", SLICES, information, 3710, 1, 0, 0, 1, 1, 1, 0, 0},
    {"nmi a range", SLICES, information, 1124, 1, 0, 0, 1, ANY, ANY, 0, 0},
    {"nmi two bins", SLICES, information, 213, 1, 0, 0, 1, 1, 1, 0, 0},
    {"conditional entropy", SLICES, conditional, 0, 0, 1, 0, 8, 0, 0, 0, 0},
    {"conditional own range", SLICES, conditional, 510, 0, 1, 0, 3, 0, 0, 0, 0},
    {"mattes", SLICES, mattes, 0, 0, 0, 0, ANY, ANY, 0, 0, 0},
    {"mattes five bins", SLICES, mattes, 50, 0, 0, 0, ANY, ANY, 0, 0, 0},
    {"mattes normalised", SLICES, mattes, 1, 0, 0, 0, ANY, 1, 1, 0, 0},
    {"phase", SLICES, phase, 0, 1, 0, 0, 1, 1, 1, 1, 1e-5},
    {"phase plain", SLICES, phase, 1, 1, 0, 0, 1, 1, 1, 1, 1e-5},
    {"ssim by name", SLICES, named, 0, 1, 0, -1, 1, 1, 1, 1, 0},
    {"ms-ssim by name", SLICES, named, 1, 1, 0, 0, 1, 1, 1, 1, 0},
    {"mi by name", SLICES, named, 2, 1, 0, 0, 1, 1, 1, 0, 0},
    {"mattes by name", SLICES, named, 3, 0, 0, 0, ANY, ANY, 0, 0, 0},
    {"phase by name", SLICES, named, 4, 1, 0, 0, 1, 1, 1, 1, 1e-5},
    {"conditional by name", SLICES, named, 5, 0, 1, 0, 8, 0, 0, 0, 0},
    {"one's own", SLICES, own, 0, 1, 1, 0, ANY, 0, 0, 1, 0},
};
enum { LAWS = sizeof laws / sizeof *laws };

/* Phase correlation is not in a build without FFTW. */
static redux_metric *metric_of(const law *l)
{
    redux_metric *metric = NULL;
    const redux_status status = l->make(&metric, l->variant);
    if (status == REDUX_E_UNSUPPORTED)
        return NULL;
    ck_assert_msg(status == REDUX_OK, "%s: %s", l->name, redux_error_message());
    ck_assert_int_eq(redux_metric_is_distance(metric), l->distance);
    return metric;
}

static void random_codes(redux_tensor *out, int64_t n, int64_t bytes, uint64_t round)
{
    const redux_random_key key = key_of(round);
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_UINT8, 2, (const int64_t[]){n, bytes}));
    for (int64_t i = 0; i < n * bytes; i++)
        ((uint8_t *)out->data)[i] = (uint8_t)redux_random_u32(&key, (uint32_t)i + 16);
}

static void random_vectors(redux_tensor *out, int64_t n, int64_t width, uint64_t round)
{
    const redux_random_key key = key_of(round);
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 2, (const int64_t[]){n, width}));
    for (int64_t i = 0; i < n * width; i++)
        ((float *)out->data)[i] = /* lengths of many magnitudes, none is 0 */
            (float)ldexp(redux_random_normal(&key, (uint32_t)i + 16) + 1e-6, (int)(i / width) * 4);
}

static void random_items(redux_tensor *out, const law *l, redux_dtype dtype, uint64_t round)
{
    const redux_random_key key = key_of(round);
    if (l->items == CODES)
        random_codes(out, KINDS, random_side(&key, 0, 70), round);
    else if (l->items == VECTORS)
        random_vectors(out, KINDS, random_side(&key, 0, 150), round);
    else /* every fifth round of one pixel, one row or one column */
        random_slices(out, dtype, KINDS, round % 5 == 0 ? 1 : random_side(&key, 0, 29),
                      round % 10 == 0 ? 1 : random_side(&key, 1, 29), round);
}

/* ---- numbers ---- */

static int all_equal(const redux_tensor *item)
{
    redux_tensor flat;
    int equal = 1;
    ck_assert_redux_ok(redux_tensor_contiguous(&flat, NULL, item, item->dtype));
    const size_t size = redux_dtype_size(flat.dtype);
    for (int64_t i = 1; i < redux_tensor_elements(&flat); i++)
        equal &= memcmp((char *)flat.data + (size_t)i * size, flat.data, size) == 0;
    redux_tensor_release(&flat);
    return equal;
}

static void check_scores(const law *l, const redux_metric *metric, const redux_tensor *a,
                         const redux_tensor *b, int same)
{
    const double score = score_of(metric, a, b);
    ck_assert_msg(isnan(l->low) || score >= l->low, "%s: %.17g", l->name, score);
    ck_assert_msg(isnan(l->high) || score <= l->high, "%s: %.17g", l->name, score);
    ck_assert_msg(isfinite(score), "%s: %.17g", l->name, score);
    if (l->symmetric)
        ck_assert_msg(score == score_of(metric, b, a), "%s: %.17g, back %.17g", l->name, score,
                      score_of(metric, b, a));
    if (!same)
        return;
    const double self = all_equal(a) ? l->self_constant : l->self;
    ck_assert_msg(isnan(self) || fabs(score - self) <= l->slack, "%s with itself: %.17g", l->name,
                  score);
}

START_TEST(bounds_and_symmetry)
{
    const law *l = &laws[_i];
    redux_metric *metric = metric_of(l);
    for (uint64_t round = 0; metric != NULL && round < 60; round++) {
        redux_tensor items;
        random_items(&items, l, round % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32, round);
        for (int64_t i = 0; i < KINDS; i++)
            for (int64_t j = 0; j < KINDS; j++) {
                redux_tensor a = row_of(&items, i), b = row_of(&items, j);
                check_scores(l, metric, &a, &b, i == j);
                redux_tensor_release(&a);
                redux_tensor_release(&b);
            }
        redux_tensor_release(&items);
    }
    redux_metric_free(metric);
}
END_TEST

/* ---- the same bits, whoever asks, from whatever strides ---- */

typedef struct seen {
    const law *l;
    double (*score)[KINDS];
    double threshold;
    int64_t count, last;
} seen;

static int found(const redux_pair *pair, void *user)
{
    seen *s = user;
    const int64_t at = pair->second * KINDS + pair->first;
    ck_assert_int_lt(s->last, at); /* in order, none twice */
    ck_assert_int_lt(pair->first, pair->second);
    ck_assert_msg(pair->score == s->score[pair->first][pair->second], "%s: %.17g", s->l->name,
                  pair->score);
    s->last = at;
    s->count++;
    return 0;
}

/* redux_metric_pairs finds those that it ought to. */
static void check_pairs(const law *l, const redux_metric *metric, const redux_tensor *items,
                        double score[KINDS][KINDS])
{
    for (int64_t k = 0; k < KINDS - 1; k++) {
        seen s = {.l = l, .score = score, .threshold = score[k][k + 1], .last = -1};
        int64_t want = 0;
        if (isnan(s.threshold))
            continue;
        for (int64_t j = 0; j < KINDS; j++)
            for (int64_t i = 0; i < j; i++)
                want += l->distance ? score[i][j] <= s.threshold : score[i][j] >= s.threshold;
        ck_assert_redux_ok(redux_metric_pairs(NULL, metric, items, s.threshold, found, &s));
        ck_assert_msg(s.count == want, "%s: %lld pairs, not %lld", l->name, (long long)s.count,
                      (long long)want);
    }
}

static void check_nearest(const law *l, const redux_metric *metric, const redux_tensor *items,
                          double score[KINDS][KINDS])
{
    int64_t index[KINDS * KINDS];
    double nearest[KINDS * KINDS];
    ck_assert_redux_ok(redux_metric_nearest(index, nearest, NULL, metric, items, items, KINDS));
    for (int64_t i = 0; i < KINDS; i++)
        for (int64_t k = 0; k < KINDS; k++) {
            const int64_t at = index[i * KINDS + k];
            const double here = nearest[i * KINDS + k];
            ck_assert(at >= 0 && at < KINDS);
            ck_assert_msg(same_score(here, l->symmetric ? score[i][at] : here), "%s", l->name);
            if (k > 0 && !isnan(here)) {
                const double before = nearest[i * KINDS + k - 1];
                ck_assert(l->distance ? before <= here : before >= here);
                ck_assert(before != here || index[i * KINDS + k - 1] < at);
            }
        }
}

static void check_views(const law *l, const redux_metric *metric, const redux_tensor *items,
                        double score[KINDS][KINDS])
{
    redux_tensor gaps;
    double row[KINDS];
    scattered(&gaps, items);
    for (int64_t j = 0; j < KINDS; j++) {
        redux_tensor one = row_of(&gaps, j);
        ck_assert_redux_ok(redux_metric_one_to_many(row, NULL, metric, &one, items));
        for (int64_t i = 0; i < KINDS; i++)
            ck_assert_msg(same_score(row[i], score[i][j]) || !l->symmetric, "%s: %.17g, not %.17g",
                          l->name, row[i], score[i][j]);
        ck_assert_redux_ok(redux_metric_one_to_many(row, NULL, metric, &one, &gaps));
        for (int64_t i = 0; i < KINDS; i++) {
            redux_tensor other = row_of(&gaps, i);
            ck_assert_msg(same_score(score_of(metric, &other, &one), score[i][j]), "%s", l->name);
            ck_assert_msg(same_score(row[i], score[i][j]) || !l->symmetric, "%s", l->name);
            redux_tensor_release(&other);
        }
        redux_tensor_release(&one);
    }
    redux_tensor_release(&gaps);
}

START_TEST(one_answer)
{
    const law *l = &laws[_i];
    redux_metric *metric = metric_of(l);
    for (uint64_t round = 100; metric != NULL && round < 112; round++) {
        redux_tensor items;
        double score[KINDS][KINDS];
        random_items(&items, l, round % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32, round);
        if (l->items == VECTORS && round % 3 == 0) /* like nothing: 0 */
            ((float *)items.data)[0] = NAN;
        for (int64_t i = 0; i < KINDS; i++)
            for (int64_t j = 0; j < KINDS; j++) {
                redux_tensor a = row_of(&items, i), b = row_of(&items, j);
                score[i][j] = score_of(metric, &a, &b);
                redux_tensor_release(&a);
                redux_tensor_release(&b);
            }
        check_pairs(l, metric, &items, score);
        check_nearest(l, metric, &items, score);
        check_views(l, metric, &items, score);
        redux_tensor_release(&items);
    }
    redux_metric_free(metric);
}
END_TEST

/* ---- no numbers, and what is refused ---- */

START_TEST(no_numbers)
{
    const law *l = &laws[_i];
    const float odd[] = {NAN, INFINITY, -INFINITY};
    redux_metric *metric = l->items == SLICES ? metric_of(l) : NULL;
    for (uint64_t round = 200; metric != NULL && round < 212; round++) {
        redux_tensor items;
        const redux_random_key key = key_of(round);
        random_items(&items, l, REDUX_FLOAT32, round);
        const int64_t pixels = items.shape[1] * items.shape[2];
        ((float *)items.data)[redux_random_below(&key, 2, (uint64_t)pixels)] = odd[round % 3];
        redux_tensor a = row_of(&items, 0);
        for (int64_t i = 0; i < KINDS; i++) {
            redux_tensor b = row_of(&items, i);
            const double forth = score_of(metric, &a, &b), back = score_of(metric, &b, &a);
            if (l->not_finite > 0) /* one's own: |inf - inf| is no number, |inf - 1| is one */
                ck_assert_msg(!isfinite(forth) && !isfinite(back), "%s: %g", l->name, forth);
            else
                ck_assert_msg(forth >= l->low && !(forth > l->high) && isfinite(back), "%s: %g",
                              l->name, forth);
            ck_assert(!l->symmetric || same_score(forth, back));
            redux_tensor_release(&b);
        }
        redux_tensor_release(&a);
        redux_tensor_release(&items);
    }
    redux_metric_free(metric);
}
END_TEST

static const redux_dtype dtypes[] = {REDUX_INT8,    REDUX_INT16,   REDUX_INT32,   REDUX_INT64,
                                     REDUX_UINT8,   REDUX_UINT16,  REDUX_UINT32,  REDUX_UINT64,
                                     REDUX_FLOAT16, REDUX_FLOAT32, REDUX_FLOAT64, REDUX_BFLOAT16,
                                     REDUX_BOOL};

/* Any dtype but the metric's own is refused, and so are two of which only one is right, other
 * shapes, other axes and items without an element. */
START_TEST(refused)
{
    const law *l = &laws[_i];
    const int32_t axes = l->items == SLICES ? 2 : 1;
    const int64_t shapes[][3] = {{9, 7, 5}, {9, 6, 5}, {0, 7, 5}};
    redux_metric *metric = metric_of(l);
    double score = 7;
    for (size_t d = 0; metric != NULL && d < sizeof dtypes / sizeof *dtypes; d++) {
        redux_tensor a, b, right;
        const int own_kind = l->make == own; /* takes what it is given */
        const int known = l->items == CODES ? dtypes[d] == REDUX_UINT8
                          : l->items == VECTORS
                              ? dtypes[d] == REDUX_FLOAT32
                              : dtypes[d] == REDUX_UINT8 || dtypes[d] == REDUX_FLOAT32;
        const redux_dtype usual = l->items == VECTORS ? REDUX_FLOAT32 : REDUX_UINT8;
        ck_assert_redux_ok(redux_tensor_new(&a, NULL, dtypes[d], axes, shapes[0]));
        ck_assert_redux_ok(redux_tensor_new(&right, NULL, usual, axes, shapes[0]));
        if (!own_kind)
            ck_assert_redux(known ? REDUX_OK : REDUX_E_INVALID,
                            redux_metric_pair(&score, NULL, metric, &a, &a));
        if (dtypes[d] != usual)
            ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&score, NULL, metric, &a, &right));
        for (int s = 1; known && s < 3; s++) {
            const int64_t narrow[] = {shapes[s][0] - (axes == 1 && s == 1), shapes[s][1]};
            ck_assert_redux_ok(redux_tensor_new(&b, NULL, dtypes[d], axes, narrow));
            ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&score, NULL, metric, &a, &b));
            redux_tensor_release(&b);
        }
        ck_assert_redux_ok(redux_tensor_new(&b, NULL, dtypes[d], 3, shapes[0]));
        ck_assert_redux(REDUX_E_INVALID, redux_metric_pair(&score, NULL, metric, &b, &b));
        redux_tensor_release(&b);
        redux_tensor_release(&right);
        redux_tensor_release(&a);
    }
    redux_metric_free(metric);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("properties");
    TCase *tests = tcase_create("properties");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, bounds_and_symmetry, 0, LAWS);
    tcase_add_loop_test(tests, one_answer, 0, LAWS);
    tcase_add_loop_test(tests, no_numbers, 0, LAWS);
    tcase_add_loop_test(tests, refused, 0, LAWS);
    suite_add_tcase(suite, tests);
    return run_seeded_suite(suite);
}
