/* SPDX-License-Identifier: MIT
 * What works by clusters: k-means, and the strategies hierarchical and density. Whole results are
 * compared with a re-implementation in tests/golden/clusters.py. */
#include <math.h>
#include <stdlib.h>
#include "select/select.h"
#include "support/test_io.h"

enum { MOST = 90, WIDE = 12, THREADS = 3 };

static redux_context *contexts[THREADS + 1]; /* by number of threads */

static void begin(void)
{
    scratch_make();
    for (int i = 1; i <= THREADS; i++) {
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        options.threads = i;
        ck_assert_redux_ok(redux_context_new(&contexts[i], &options));
    }
}

static void end(void)
{
    for (int i = 1; i <= THREADS; i++)
        redux_context_free(contexts[i]);
    scratch_remove();
}

static int64_t below(uint64_t seed, uint32_t index, uint64_t bound)
{
    const redux_random_key key = {.seed = seed, .operation = 0x74657374u};
    return (int64_t)redux_random_below(&key, index, bound);
}

/* Vectors around `clumps` places; every seventh repeats the one before it. */
static redux_tensor make_vectors(uint64_t seed, int64_t n, int64_t width, int64_t clumps)
{
    const int64_t shape[2] = {n, width};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, shape));
    float *x = out.data;
    for (int64_t i = 0; i < n; i++) {
        const redux_random_key place = {.seed = seed, .sample = (uint64_t)(i % clumps)};
        const redux_random_key own = {.seed = seed, .epoch = 1, .sample = (uint64_t)i};
        for (int64_t d = 0; d < width; d++)
            x[i * width + d] = (float)(redux_random_normal(&place, (uint32_t)d) +
                                       0.3 * redux_random_normal(&own, (uint32_t)d));
        if (i % 7 == 6)
            memcpy(x + i * width, x + (i - 1) * width, (size_t)width * sizeof *x);
    }
    return out;
}

/* n slices, of two volumes if there are two; what they show does not matter here. */
static redux_dataset *make_dataset(int64_t n)
{
    redux_volume_source sources[2];
    const redux_volume_source *list[2] = {&sources[0], &sources[1]};
    redux_tensor voxels[2];
    redux_dataset *dataset;
    const int64_t count = n > 1 ? 2 : 1;
    for (int64_t v = 0; v < count; v++) {
        const int64_t shape[3] = {v == 0 ? (n + 1) / 2 : n / 2, 1, 1};
        ck_assert_redux_ok(redux_tensor_new(&voxels[v], NULL, REDUX_UINT8, 3, shape));
        sources[v] = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
        sources[v].source = v == 0 ? "a" : "b";
        sources[v].voxels = &voxels[v];
    }
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, list, count));
    for (int64_t v = 0; v < count; v++)
        redux_tensor_release(&voxels[v]);
    return dataset;
}

/* ---- k-means ---- */

static double plain_distance(const float *x, const float *c, int64_t width)
{
    double sum = 0;
    for (int64_t d = 0; d < width; d++)
        sum += ((double)x[d] - (double)c[d]) * ((double)x[d] - (double)c[d]);
    return sum;
}

/* Whether each centroid is the mean of its vectors, and each vector's the nearest one. */
static void check_settled(const redux_tensor *vectors, const redux_tensor *centroids,
                          const int64_t *cluster)
{
    const int64_t n = vectors->shape[0], k = centroids->shape[0], width = vectors->shape[1];
    const float *c = centroids->data;
    double sum[MOST][WIDE] = {{0}};
    int64_t count[MOST] = {0};
    for (int64_t i = 0; i < n; i++) {
        const float *x = (const float *)vectors->data + i * vectors->strides[0];
        double least = (double)INFINITY;
        for (int64_t j = 0; j < k; j++)
            least = fmin(least, plain_distance(x, c + j * width, width));
        ck_assert(cluster[i] >= 0 && cluster[i] < k);
        ck_assert_double_le(plain_distance(x, c + cluster[i] * width, width), least + 1e-5);
        count[cluster[i]]++;
        for (int64_t d = 0; d < width; d++)
            sum[cluster[i]][d] += (double)x[d];
    }
    for (int64_t j = 0; j < k; j++)
        for (int64_t d = 0; d < width && count[j] > 0; d++)
            ck_assert_float_eq(c[j * width + d], (float)(sum[j][d] / (double)count[j]));
}

START_TEST(k_means_settles)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        const int64_t n = 1 + below(seed, 0, MOST), width = 1 + below(seed, 1, WIDE);
        const int64_t k = 1 + below(seed, 2, (uint64_t)n), shape[2] = {k, width};
        redux_tensor vectors = make_vectors(seed, n, width, 1 + below(seed, 3, 9)), narrow;
        redux_tensor centroids[2];
        redux_k_means_options options = REDUX_K_MEANS_OPTIONS_INIT;
        int64_t cluster[2][MOST];
        ck_assert_redux_ok(redux_tensor_view(&narrow, &vectors));
        if (seed % 3 == 0) /* every second row */
            narrow.strides[0] *= 2, narrow.shape[0] = (n + 1) / 2;
        options.seed = seed;
        options.rounds = 1000;
        for (int t = 0; t < 2; t++)
            ck_assert_redux_ok(redux_tensor_new(&centroids[t], NULL, REDUX_FLOAT32, 2, shape));
        if (k > narrow.shape[0])
            ck_assert_redux(REDUX_E_INVALID,
                            redux_k_means(&centroids[0], cluster[0], NULL, &narrow, &options));
        for (int t = 0; t < 2 && k <= narrow.shape[0]; t++)
            ck_assert_redux_ok(redux_k_means(&centroids[t], cluster[t],
                                             t == 0 ? NULL : contexts[2 + seed % 2], &narrow,
                                             &options));
        if (k <= narrow.shape[0]) {
            check_settled(&narrow, &centroids[0], cluster[0]);
            ck_assert_mem_eq(cluster[0], cluster[1], (size_t)narrow.shape[0] * sizeof(int64_t));
            ck_assert_mem_eq(centroids[0].data, centroids[1].data,
                             (size_t)(k * width) * sizeof(float));
        }
        redux_tensor_release(&centroids[0]);
        redux_tensor_release(&centroids[1]);
        redux_tensor_release(&narrow);
        redux_tensor_release(&vectors);
    }
}
END_TEST

/* Many tiles of vectors and blocks of centroids, and more rounds than are allowed. */
START_TEST(k_means_of_many)
{
    enum { N = 3000, K = 1500, D = 7 };
    static int64_t cluster[2][N];
    const int64_t shape[2] = {K, D};
    redux_tensor vectors = make_vectors(3, N, D, 40), centroids[2];
    redux_k_means_options options = REDUX_K_MEANS_OPTIONS_INIT;
    for (int rounds = 0; rounds <= 3; rounds += 3) {
        options.rounds = rounds;
        for (int t = 0; t < 2; t++) {
            ck_assert_redux_ok(redux_tensor_new(&centroids[t], NULL, REDUX_FLOAT32, 2, shape));
            ck_assert_redux_ok(
                redux_k_means(&centroids[t], cluster[t], contexts[1 + 2 * t], &vectors, &options));
        }
        ck_assert_mem_eq(cluster[0], cluster[1], sizeof cluster[0]);
        ck_assert_mem_eq(centroids[0].data, centroids[1].data, K * D * sizeof(float));
        redux_tensor_release(&centroids[0]);
        redux_tensor_release(&centroids[1]);
    }
    redux_tensor_release(&vectors);
}
END_TEST

START_TEST(k_means_refuses)
{
    const int64_t shape[2] = {2, 4}, wide[2] = {2, 5};
    redux_tensor vectors = make_vectors(1, 9, 4, 3), centroids, others, turned;
    redux_k_means_options options = REDUX_K_MEANS_OPTIONS_INIT;
    ck_assert_redux_ok(redux_tensor_new(&centroids, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&others, NULL, REDUX_FLOAT32, 2, wide));
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(&others, NULL, NULL, &vectors, NULL));
    /* Products that overflow, which left vectors without a cluster. */
    float large[] = {1e30F, -1e30F, -1e30F}, centre[1];
    const int64_t three[] = {3, 1}, one[] = {1, 1};
    redux_tensor long_ones, middle;
    ck_assert_redux_ok(redux_tensor_borrow(&long_ones, large, REDUX_FLOAT32, 2, three, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&middle, centre, REDUX_FLOAT32, 2, one, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(&middle, NULL, NULL, &long_ones, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "too long for single precision"));
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(NULL, NULL, NULL, &vectors, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(&centroids, NULL, NULL, NULL, NULL));
    options.rounds = -1;
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(&centroids, NULL, NULL, &vectors, &options));
    ck_assert_redux_ok(redux_tensor_slice(&turned, &vectors, 1, 3, 4, -1));
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(&centroids, NULL, NULL, &turned, NULL));
    redux_tensor_release(&turned);
    ck_assert_redux_ok(redux_k_means(&centroids, NULL, NULL, &vectors, NULL));
    ((float *)vectors.data)[4 * 4 + 1] = NAN;
    ck_assert_redux(REDUX_E_INVALID, redux_k_means(&centroids, NULL, NULL, &vectors, NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "row 4, column 1"));
    redux_tensor_release(&centroids);
    redux_tensor_release(&others);
    redux_tensor_release(&vectors);
}
END_TEST

/* ---- how many of each cluster ---- */

static double cost_of(const rdx_share *shares, int64_t count, const int64_t *taken)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += ((double)taken[i] - shares[i].wanted) * ((double)taken[i] - shares[i].wanted);
    return sum;
}

/* The least cost over all whole numbers within the bounds that have this sum, by trying all. */
static double least_cost(const rdx_share *shares, int64_t count, int64_t total, int64_t at,
                         int64_t *taken)
{
    double least = (double)INFINITY;
    if (at == count)
        return total == 0 ? cost_of(shares, count, taken) : least;
    for (taken[at] = shares[at].low; taken[at] <= shares[at].high && taken[at] <= total;) {
        least = fmin(least, least_cost(shares, count, total - taken[at], at + 1, taken));
        taken[at]++;
    }
    return least;
}

START_TEST(shares_are_the_optimum)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        const int64_t count = 1 + below(seed, 0, 4);
        rdx_share shares[8] = {{0}};
        int64_t taken[8] = {0}, low = 0, high = 0, sum = 0;
        for (int64_t i = 0; i < count; i++) {
            shares[i].high = below(seed, (uint32_t)(10 + i), 9);
            shares[i].low = shares[i].high > 1 ? 1 : 0;
            low += shares[i].low;
            high += shares[i].high;
        }
        const int64_t total = low + below(seed, 1, (uint64_t)(high - low + 1));
        for (int64_t i = 0; i < count; i++) /* halves, so that there are ties, or anything */
            shares[i].wanted = seed % 2 == 0
                                   ? (double)below(seed, (uint32_t)(20 + i), 20) / 2
                                   : (double)below(seed, (uint32_t)(20 + i), 99999) / 9999;
        const double least = least_cost(shares, count, total, 0, taken);
        rdx_share_out(shares, count, total);
        for (int64_t i = 0; i < count; i++) {
            ck_assert_int_eq(shares[i].number, i);
            ck_assert(shares[i].taken >= shares[i].low && shares[i].taken <= shares[i].high);
            taken[i] = shares[i].taken;
            sum += taken[i];
        }
        ck_assert_int_eq(sum, total);
        ck_assert_double_eq_tol(cost_of(shares, count, taken), least, 1e-9);
    }
}
END_TEST

/* ---- the strategies ---- */

static redux_reduce_options random_options(uint64_t seed, int64_t n)
{
    redux_reduce_options o = REDUX_REDUCE_OPTIONS_INIT;
    o.strategy = seed % 2 == 0 ? REDUX_STRATEGY_HIERARCHICAL : REDUX_STRATEGY_DENSITY;
    o.scope = REDUX_SCOPE_DATASET;
    o.seed = seed;
    o.clusters = (int32_t)(below(seed, 3, 2) == 0 ? 0 : below(seed, 4, (uint64_t)n + 3));
    o.levels = (int32_t)below(seed, 5, 4);
    o.nearest = (int32_t)below(seed, 6, 2);
    o.keep_count = 1 + below(seed, 7, (uint64_t)n + 3);
    if (below(seed, 11, 4) == 0) /* few, so that density must refuse some */
        o.keep_count = 1 + below(seed, 7, 4);
    if (below(seed, 8, 4) == 0) {
        o.keep_count = 0;
        o.keep_percent = 1 + (double)below(seed, 9, 99);
    }
    if (seed % 2 == 1 && below(seed, 10, 2) == 0)
        o.threshold = 0.9;
    return o;
}

/* How many rows are kept; each dropped one must name a kept one. */
static int64_t check_rows(const redux_reduction *reduction)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < redux_reduction_row_count(reduction); i++) {
        redux_row row, other;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        kept += row.kept;
        if (row.kept) {
            ck_assert_int_eq(row.witness, -1);
            ck_assert(isnan(row.score));
            continue;
        }
        ck_assert_redux_ok(redux_reduction_get_row(&other, reduction, row.witness));
        ck_assert_int_eq(other.kept, 1);
        ck_assert(row.score >= -1 && row.score <= 1);
    }
    return kept;
}

/* The smallest budget that a refusal names. */
static int64_t named_in_message(void)
{
    static const char mark[] = "keep at least ";
    const char *at = strstr(redux_error_message(), mark);
    ck_assert_ptr_nonnull(at);
    return strtoll(at + strlen(mark), NULL, 10);
}

/* Reduces with each number of threads; the rows must be the same. */
static void check_budget(const redux_dataset *dataset, redux_reduce_options options)
{
    const int64_t n = redux_dataset_slice_count(dataset), budget = redux_reduce_budget(&options, n);
    redux_reduction *reductions[THREADS + 1] = {NULL};
    redux_row row[2];
    for (int t = 1; t <= THREADS; t++) {
        ck_assert_redux_ok(redux_reduce(&reductions[t], contexts[t], dataset, &options));
        ck_assert_int_eq(check_rows(reductions[t]), budget < n ? budget : n);
        for (int64_t i = 0; i < n && t > 1; i++) {
            ck_assert_redux_ok(redux_reduction_get_row(&row[0], reductions[1], i));
            ck_assert_redux_ok(redux_reduction_get_row(&row[1], reductions[t], i));
            ck_assert_int_eq(row[0].kept, row[1].kept);
            ck_assert_int_eq(row[0].witness, row[1].witness);
            ck_assert_mem_eq(&row[0].score, &row[1].score, sizeof row[0].score);
        }
    }
    for (int t = 1; t <= THREADS; t++)
        redux_reduction_free(reductions[t]);
}

/* 1,000 random shapes: exactly the budget is kept. Where density refuses one, the budget that it
 * names works, and one less is refused. */
START_TEST(budgets_are_exact)
{
    int64_t refused = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        const int64_t n = 1 + below(seed, 0, MOST);
        redux_dataset *dataset = make_dataset(n);
        redux_tensor vectors =
            make_vectors(seed, n, 1 + below(seed, 1, WIDE), 1 + below(seed, 2, 12));
        redux_reduce_options options = random_options(seed, n);
        redux_reduction *reduction = NULL;
        options.embeddings = &vectors;
        if (redux_reduce_budget(&options, n) < 1)
            options.keep_percent = 100;
        if (redux_reduce(&reduction, NULL, dataset, &options) != REDUX_OK) {
            const int64_t least = named_in_message();
            ck_assert_int_eq(options.strategy, REDUX_STRATEGY_DENSITY);
            ck_assert_int_gt(least, redux_reduce_budget(&options, n));
            options.keep_percent = REDUX_NAN;
            options.keep_count = least - 1;
            ck_assert_redux(REDUX_E_INVALID, redux_reduce(&reduction, NULL, dataset, &options));
            ck_assert_int_eq(named_in_message(), least);
            options.keep_count = least;
            refused++;
        }
        redux_reduction_free(reduction);
        check_budget(dataset, options);
        redux_tensor_release(&vectors);
        redux_dataset_free(dataset);
    }
    ck_assert(refused > 20 && refused < 500);
}
END_TEST

/* Each volume for itself, with budgets of its own. */
START_TEST(each_volume_has_its_budget)
{
    redux_dataset *dataset = make_dataset(81);
    redux_tensor vectors = make_vectors(5, 81, 8, 6);
    for (int s = REDUX_STRATEGY_HIERARCHICAL; s <= REDUX_STRATEGY_DENSITY; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduction *reduction;
        int64_t kept[2] = {0, 0};
        options.strategy = (redux_strategy)s;
        options.embeddings = &vectors;
        options.keep_percent = 25;
        ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&options));
        options.each_group = 1;
        ck_assert_redux_ok(redux_reduce(&reduction, contexts[2], dataset, &options));
        check_rows(reduction);
        for (int64_t i = 0; i < 81; i++) {
            redux_row row;
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            kept[row.volume] += row.kept;
            ck_assert(row.kept || (row.witness < 41) == (row.volume == 0));
        }
        ck_assert_int_eq(kept[0], 10);
        ck_assert_int_eq(kept[1], 10);
        redux_reduction_free(reduction);
    }
    redux_tensor_release(&vectors);
    redux_dataset_free(dataset);
}
END_TEST

/* Nine tenths of the vectors are of one clump, the rest of nine; a fifth is kept. */
START_TEST(rare_slices_are_kept)
{
    enum { N = 600 };
    const int64_t shape[2] = {N, WIDE};
    redux_dataset *dataset = make_dataset(N);
    redux_tensor vectors;
    ck_assert_redux_ok(redux_tensor_new(&vectors, NULL, REDUX_FLOAT32, 2, shape));
    float *x = vectors.data;
    for (int64_t i = 0; i < N; i++) {
        const redux_random_key place = {.seed = 3,
                                        .sample = (uint64_t)(i % 10 > 0 ? 0 : 1 + i / 10 % 9)};
        const redux_random_key own = {.seed = 4, .sample = (uint64_t)i};
        for (int64_t d = 0; d < WIDE; d++)
            x[i * WIDE + d] = (float)(redux_random_normal(&place, (uint32_t)d) +
                                      0.2 * redux_random_normal(&own, (uint32_t)d));
    }
    for (int s = REDUX_STRATEGY_HIERARCHICAL; s <= REDUX_STRATEGY_DENSITY; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduction *reduction;
        int64_t rare = 0, places = 0;
        options.strategy = (redux_strategy)s;
        options.scope = REDUX_SCOPE_DATASET;
        options.embeddings = &vectors;
        options.keep_percent = 20;
        options.threshold = s == REDUX_STRATEGY_DENSITY ? 0.999 : REDUX_NAN;
        ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, &options));
        ck_assert_int_eq(check_rows(reduction), N / 5);
        for (int64_t i = 0; i < N; i += 10) {
            redux_row row;
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            rare += row.kept;
            places |= row.kept << (i / 10 % 9);
        }
        ck_assert_int_gt(rare, 2 * N / 5 / 10); /* twice their share */
        ck_assert_int_ge(__builtin_popcountll((unsigned long long)places), 8);
        redux_reduction_free(reduction);
    }
    redux_tensor_release(&vectors);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(options_that_make_no_sense)
{
    redux_reduce_options good = REDUX_REDUCE_OPTIONS_INIT, o;
    good.strategy = REDUX_STRATEGY_HIERARCHICAL;
    good.scope = REDUX_SCOPE_DATASET;
    good.keep_count = 9;
    ck_assert_redux_ok(redux_reduce_check(&good));
#define REFUSED(change, why)                                                                       \
    do {                                                                                           \
        o = good;                                                                                  \
        change;                                                                                    \
        ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&o));                                  \
        ck_assert_msg(strstr(redux_error_message(), why) != NULL, "%s", redux_error_message());    \
    } while (0)
    REFUSED(o.keep_count = 0, "needs keep");
    REFUSED(o.scope = REDUX_SCOPE_GROUP, "needs scope dataset");
    REFUSED(o.threshold = 0.9, "has no threshold");
    REFUSED(o.rule = REDUX_RULE_K_CENTRE, "has no rule");
    REFUSED(o.then = REDUX_STRATEGY_SSIM, "then");
    REFUSED(o.levels = 9, "levels is 9");
    REFUSED(o.levels = -1, "levels is -1");
    REFUSED(o.nearest = 2, "nearest is 2");
    REFUSED(o.calibrate = 1, "no false drops");
    REFUSED(o.strategy = REDUX_STRATEGY_DENSITY; o.temperature = -1, "temperature is -1");
    REFUSED(o.strategy = REDUX_STRATEGY_DENSITY; o.temperature = 1e-310, "temperature is 1e-310");
    REFUSED(o.strategy = REDUX_STRATEGY_DENSITY; o.temperature = NAN, "temperature");
    REFUSED(o.strategy = REDUX_STRATEGY_DENSITY; o.threshold = 2, "threshold 2");
#undef REFUSED
    o = good;
    o.strategy = REDUX_STRATEGY_DENSITY;
    o.threshold = 0.5;
    ck_assert_redux_ok(redux_reduce_check(&o));
}
END_TEST

/* A manifest's parameters make the same manifest again. */
START_TEST(parameters_read_back)
{
    redux_dataset *dataset = make_dataset(60);
    redux_tensor vectors = make_vectors(9, 60, 8, 6);
    for (int s = REDUX_STRATEGY_HIERARCHICAL; s <= REDUX_STRATEGY_DENSITY; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT, read = options;
        redux_reduction *reduction;
        redux_manifest *manifest;
        options.strategy = (redux_strategy)s;
        options.scope = REDUX_SCOPE_DATASET;
        options.embeddings = &vectors;
        options.keep_count = 20;
        options.clusters = 7;
        options.seed = 11;
        options.levels = s == REDUX_STRATEGY_HIERARCHICAL ? 3 : 0;
        options.nearest = s == REDUX_STRATEGY_HIERARCHICAL;
        options.temperature = s == REDUX_STRATEGY_DENSITY ? 0.25 : 0;
        options.threshold = s == REDUX_STRATEGY_DENSITY ? 0.875 : REDUX_NAN;
        ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, &options));
        ck_assert_redux_ok(
            redux_results_save(in_scratch("p.csv"), in_scratch("p.json"), NULL, reduction, 0));
        redux_reduction_free(reduction);
        ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("p.csv")));
        ck_assert_redux_ok(redux_manifest_get_options(&read, manifest));
        ck_assert_int_eq(read.strategy, options.strategy);
        ck_assert_int_eq(read.keep_count, 20);
        ck_assert_int_eq(read.clusters, 7);
        ck_assert_uint_eq(read.seed, 11);
        ck_assert_int_eq(read.levels, options.levels);
        ck_assert_int_eq(read.nearest, options.nearest);
        ck_assert_double_eq(read.temperature, options.temperature);
        ck_assert(isnan(options.threshold) ? isnan(read.threshold)
                                           : read.threshold == options.threshold);
        redux_manifest_free(manifest);
    }
    redux_tensor_release(&vectors);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clusters");
    TCase *tests = tcase_create("clusters");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, k_means_settles);
    tcase_add_test(tests, k_means_of_many);
    tcase_add_test(tests, k_means_refuses);
    tcase_add_test(tests, shares_are_the_optimum);
    tcase_add_test(tests, budgets_are_exact);
    tcase_add_test(tests, each_volume_has_its_budget);
    tcase_add_test(tests, rare_slices_are_kept);
    tcase_add_test(tests, options_that_make_no_sense);
    tcase_add_test(tests, parameters_read_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
