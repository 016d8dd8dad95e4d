/* SPDX-License-Identifier: MIT
 * The metric and the items of a strategy: every score of a manifest comes out of redux_metric_pair
 * again, to the bit. Run from the project's root. */
#include "support/test_io.h"

enum { SIDES = 8, D = 12 };

static const char *paths[4];
static redux_dataset *dataset;
static redux_tensor embeddings;
static redux_context *threads;

/* Pictures of two sizes in one folder, similar to each other. */
static void write_pictures(const char *folder)
{
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    for (int64_t k = 0; k < SIDES; k++) {
        const int64_t height = k % 3 == 2 ? 50 : 40, shape[] = {height, 44};
        redux_tensor picture;
        ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
        for (int64_t i = 0; i < height * 44; i++)
            ((uint8_t *)picture.data)[i] =
                (uint8_t)(i % 44 * 5 + i / 44 * 200 / height + k * (i % 7) % 11);
        ck_assert_redux_ok(
            redux_picture_write_png(text("%s/%d.png", folder, (int)k), NULL, &picture));
        redux_tensor_release(&picture);
    }
}

static void write_colours(const char *path)
{
    const redux_random_key key = {.seed = 2};
    redux_tensor stack;
    ck_assert_redux_ok(
        redux_tensor_new(&stack, NULL, REDUX_UINT8, 4, (const int64_t[]){7, 48, 40, 3}));
    for (int64_t i = 0; i < redux_tensor_elements(&stack); i++)
        ((uint8_t *)stack.data)[i] = (uint8_t)(i % 5760 / 29 + i / 5760 * 3 % 40 +
                                               (int64_t)redux_random_below(&key, (uint32_t)i, 20));
    ck_assert_redux_ok(redux_npy_write(path, NULL, &stack));
    redux_tensor_release(&stack);
}

static void make_embeddings(int64_t rows)
{
    const redux_random_key key = {.seed = 4};
    ck_assert_redux_ok(
        redux_tensor_new(&embeddings, NULL, REDUX_FLOAT64, 2, (const int64_t[]){rows, D}));
    for (int64_t i = 0; i < rows * D; i++)
        ((double *)embeddings.data)[i] =
            (double)(i % D) - 4 + 0.1 * redux_random_normal(&key, (uint32_t)i);
}

/* Each test is a process of its own, and threads do not survive a fork. */
static void begin(void)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    ck_assert_redux_ok(redux_context_new(&threads, &options));
}

static void end(void)
{
    redux_context_free(threads);
}

static void make(void)
{
    scratch_make();
    paths[0] = in_scratch("pictures");
    paths[1] = in_scratch("colours.npy");
    paths[2] = "data/ct/STS_002_CT.nii.gz";
    paths[3] = "data/ct/STS_019_CT.nii.gz";
    write_pictures(paths[0]);
    write_colours(paths[1]);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, 4, NULL));
    make_embeddings(redux_dataset_slice_count(dataset));
}

static void clear(void)
{
    redux_tensor_release(&embeddings);
    redux_dataset_free(dataset);
    scratch_remove();
}

/* ---- the scores of a manifest ---- */

/* The number of a slice by its name in results. */
static int64_t number_of(const char *source, int64_t slice)
{
    const int64_t count = redux_dataset_slice_count(dataset);
    for (int64_t i = 0; i < count; i++) {
        const char *name;
        int64_t volume, at, index;
        ck_assert_redux_ok(redux_dataset_get_place(&volume, &at, dataset, i));
        ck_assert_redux_ok(redux_dataset_get_slice_name(&name, &index, dataset, volume, at));
        if (index == slice && strcmp(name, source) == 0)
            return i;
    }
    ck_abort_msg("no %s %lld", source, (long long)slice);
    return -1;
}

static redux_manifest *manifest_of(const redux_reduce_options *options)
{
    const char *path = in_scratch("m.csv");
    redux_reduction *reduction;
    redux_manifest *manifest;
    ck_assert_redux_ok(redux_reduce(&reduction, threads, dataset, options));
    ck_assert_redux_ok(redux_manifest_save(path, NULL, reduction));
    redux_reduction_free(reduction);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, path));
    return manifest;
}

/* Slices first ... end - 1 stand only among themselves; returns how many scores there were. */
static int64_t check_group(const redux_manifest *manifest, const redux_metric *metric,
                           const redux_reduce_options *options, int64_t first, int64_t end)
{
    int64_t rows[256], scores = 0;
    redux_tensor items, a, b;
    ck_assert_int_le(end - first, 256);
    for (int64_t i = first; i < end; i++)
        rows[i - first] = end - 1 - (i - first); /* in any order: here the last one first */
    ck_assert_redux_ok(redux_reduce_items(&items, threads, dataset, rows, end - first, options));
    ck_assert_int_eq(items.shape[0], end - first);
    for (int64_t i = first; i < end; i++) {
        redux_manifest_row row;
        double score;
        ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, i));
        if (row.witness_source == NULL)
            continue;
        const int64_t witness = number_of(row.witness_source, row.witness_slice);
        ck_assert_redux_ok(redux_tensor_select(&a, &items, 0, end - 1 - witness));
        ck_assert_redux_ok(redux_tensor_select(&b, &items, 0, end - 1 - i));
        ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, &a, &b));
        ck_assert_msg(score == row.score, "slice %lld: %.17g, manifest %.17g", (long long)i, score,
                      row.score);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
        scores++;
    }
    redux_tensor_release(&items);
    return scores;
}

static void check_scores(const redux_reduce_options *options, const redux_metric *own)
{
    redux_manifest *manifest = manifest_of(options);
    redux_metric *metric = NULL;
    int64_t first = 0, scores = 0;
    if (own == NULL)
        ck_assert_redux_ok(redux_metric_new_strategy(&metric, NULL, options));
    const redux_metric *used = own == NULL ? metric : own;
    if (options->scope == REDUX_SCOPE_DATASET)
        scores = check_group(manifest, used, options, 0, redux_dataset_slice_count(dataset));
    for (int64_t v = 0; v < 4 && options->scope == REDUX_SCOPE_VOLUME; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        scores += check_group(manifest, used, options, first, first + info.slices);
        first += info.slices;
    }
    ck_assert_int_gt(scores, 20);
    redux_metric_free(metric);
    redux_manifest_free(manifest);
}

static const redux_strategy strategies[] = {
    REDUX_STRATEGY_HASH,     REDUX_STRATEGY_SSIM,
    REDUX_STRATEGY_MI,       REDUX_STRATEGY_COSINE,
    REDUX_STRATEGY_MS_SSIM,  REDUX_STRATEGY_MATTES,
    REDUX_STRATEGY_SEMDEDUP, REDUX_STRATEGY_INFORMATION_GAIN};
enum { STRATEGIES = sizeof strategies / sizeof *strategies };

/* Pictures of other sizes are resized in volume scope too; multi-scale SSIM needs larger slices. */
static redux_reduce_options options_of(redux_strategy strategy, redux_scope scope)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    options.strategy = strategy;
    options.scope = scope;
    options.size = 176;
    if (strategy == REDUX_STRATEGY_MS_SSIM)
        options.scope = REDUX_SCOPE_DATASET;
    if (strategy == REDUX_STRATEGY_MI)
        options.bins = 64;
    return options;
}

START_TEST(each_strategy)
{
    for (int scope = 0; scope < 2; scope++) {
        const redux_reduce_options options = options_of(strategies[_i], (redux_scope)scope);
        check_scores(&options, NULL);
    }
}
END_TEST

START_TEST(hashes)
{
    static const struct {
        redux_hash hash;
        redux_hash_profile profile;
    } kinds[] = {{REDUX_HASH_DCT, REDUX_PROFILE_IMAGEHASH},
                 {REDUX_HASH_PDQ, REDUX_PROFILE_PDQ},
                 {REDUX_HASH_DIFFERENCE, REDUX_PROFILE_HU}};
    for (int i = 0; i < 3; i++) {
        redux_reduce_options options = options_of(REDUX_STRATEGY_HASH, REDUX_SCOPE_VOLUME);
        options.hash = kinds[i].hash;
        options.profile = kinds[i].profile;
        if (options.profile == REDUX_PROFILE_HU)
            ck_assert_redux_ok(redux_window_parse(&options.window, "lung"));
        check_scores(&options, NULL);
    }
}
END_TEST

START_TEST(embeddings_windows_and_stages)
{
    redux_reduce_options options = options_of(REDUX_STRATEGY_COSINE, REDUX_SCOPE_DATASET);
    options.embeddings = &embeddings;
    check_scores(&options, NULL);
    options = options_of(REDUX_STRATEGY_SSIM, REDUX_SCOPE_VOLUME);
    ck_assert_redux_ok(redux_window_parse(&options.window, "abdomen"));
    check_scores(&options, NULL);
    options = options_of(REDUX_STRATEGY_HASH, REDUX_SCOPE_VOLUME);
    options.threshold = 12;
    options.then = REDUX_STRATEGY_MI; /* whose score it is */
    check_scores(&options, NULL);
}
END_TEST

static double mean_difference(const redux_tensor *a, const redux_tensor *b, void *user)
{
    const int64_t count = redux_tensor_elements(a);
    double sum = 0;
    (void)user;
    for (int64_t i = 0; i < count; i++)
        sum += abs(((uint8_t *)a->data)[i] - ((uint8_t *)b->data)[i]);
    return sum / (double)count;
}

START_TEST(a_metric_of_ones_own)
{
    redux_reduce_options options = options_of(REDUX_STRATEGY_METRIC, REDUX_SCOPE_DATASET);
    redux_custom_metric definition = REDUX_CUSTOM_METRIC_INIT;
    redux_metric *metric, *none;
    definition.pair = mean_difference;
    definition.is_distance = 1;
    ck_assert_redux_ok(redux_metric_new_custom(&metric, NULL, &definition));
    options.metric = metric;
    options.threshold = 10;
    check_scores(&options, metric);
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_strategy(&none, NULL, &options));
    redux_metric_free(metric);
}
END_TEST

/* Items are what other functions give for the same slice. */
START_TEST(items_are_slices)
{
    redux_reduce_options options = options_of(REDUX_STRATEGY_SSIM, REDUX_SCOPE_VOLUME);
    const int64_t row = redux_dataset_slice_number(dataset, 2, 20);
    const int64_t mixed[] = {row, redux_dataset_slice_number(dataset, 1, 0)};
    redux_tensor items, item, slice, resized;
    ck_assert_redux_ok(redux_reduce_items(&items, NULL, dataset, &row, 1, &options));
    ck_assert_redux_ok(redux_dataset_read_slice(&slice, NULL, dataset, 2, 20, options.window));
    ck_assert_redux_ok(redux_tensor_select(&item, &items, 0, 0));
    assert_same(&item, &slice, "at its own size");
    redux_tensor_release(&item);
    redux_tensor_release(&items);
    ck_assert_redux(REDUX_E_INVALID, redux_reduce_items(&items, NULL, dataset, mixed, 2, &options));
    options.scope = REDUX_SCOPE_DATASET;
    ck_assert_redux_ok(redux_reduce_items(&items, NULL, dataset, mixed, 2, &options));
    ck_assert_redux_ok(redux_tensor_select(&item, &items, 0, 0));
    ck_assert_redux_ok(
        redux_tensor_new(&resized, NULL, REDUX_UINT8, 2, (const int64_t[]){176, 176}));
    ck_assert_redux_ok(redux_image_resize(&resized, NULL, &slice, REDUX_FILTER_LINEAR));
    assert_same(&item, &resized, "resized");
    redux_tensor *const all[] = {&items, &item, &slice, &resized};
    for (int i = 0; i < 4; i++)
        redux_tensor_release(all[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("items");
    TCase *tests = tcase_create("items");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, make, clear);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_loop_test(tests, each_strategy, 0, STRATEGIES);
    tcase_add_test(tests, hashes);
    tcase_add_test(tests, embeddings_windows_and_stages);
    tcase_add_test(tests, a_metric_of_ones_own);
    tcase_add_test(tests, items_are_slices);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
