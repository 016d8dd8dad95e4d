/* SPDX-License-Identifier: MIT
 * What every reduction promises, for each strategy, rule and scope, over random volumes: a witness
 * for what is dropped, within the threshold; those kept by the greedy rule outside it. And hashes
 * of the same values in any dtype and from any strides. */
#include "system/properties.h"
#include "support/test_io.h"

enum { DEPTHS = 3 };
static const int64_t depth_of[DEPTHS] = {9, 1, 6};

/* Slices that change slowly, some of them constant, of odd sizes that differ between volumes. */
static void write_random_volumes(uint64_t round)
{
    for (int v = 0; v < DEPTHS; v++) {
        const redux_random_key key = key_of(round * DEPTHS + (uint64_t)v);
        const int64_t h = 31 + 2 * v, w = 45 - 4 * v, shape[] = {depth_of[v], h, w};
        redux_tensor volume;
        ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_INT16, 3, shape));
        for (int64_t i = 0; i < redux_tensor_elements(&volume); i++) {
            const int64_t k = i / (h * w), pair = k / 2, y = i / w % h, x = i % w;
            const double wave =
                sin((double)x / 4 + (double)pair) * cos((double)y / 5 - (double)k / 3);
            ((int16_t *)volume.data)[i] =
                (int16_t)(k % 5 == 4 ? 40
                                     : 400 * wave + 15 * redux_random_normal(&key, (uint32_t)i));
        }
        ck_assert_redux_ok(redux_npy_write(in_scratch(text("v%d.npy", v)), NULL, &volume));
        redux_tensor_release(&volume);
    }
}

/* The slice under the window, at `side` (0: its own size). */
static void slice_at(redux_tensor *out, const redux_dataset *dataset, int64_t row, int64_t side)
{
    const redux_window window = {REDUX_WINDOW_SLICE, 0, 0};
    const int64_t shape[] = {side, side};
    redux_volume *volume;
    redux_tensor pixels, image;
    int64_t v = 0;
    for (; row >= depth_of[v]; v++)
        row -= depth_of[v];
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, v));
    ck_assert_redux_ok(redux_volume_slice(&pixels, NULL, volume, row));
    ck_assert_redux_ok(redux_tensor_new(&image, NULL, REDUX_UINT8, 2, pixels.shape));
    ck_assert_redux_ok(redux_window_apply(&image, NULL, &pixels, 1, 0, window));
    if (side > 0) {
        ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_UINT8, 2, shape));
        ck_assert_redux_ok(redux_image_resize(out, NULL, &image, REDUX_FILTER_LINEAR));
    } else {
        ck_assert_redux_ok(redux_tensor_view(out, &image));
    }
    redux_tensor_release(&image);
    redux_tensor_release(&pixels);
    redux_volume_free(volume);
}

typedef struct kind {
    redux_strategy strategy;
    double thresholds[3];
} kind;

/* Loose, usual and strict. */
static const kind kinds[] = {
    {REDUX_STRATEGY_HASH, {20, 6, 0}},
    {REDUX_STRATEGY_SSIM, {0.2, 0.6, 1}},
    {REDUX_STRATEGY_MI, {0.1, 0.3, 1}},
    {REDUX_STRATEGY_COSINE, {0.3, 0.98, 1}},
    {REDUX_STRATEGY_MS_SSIM, {0.3, 0.7, 1}},
    {REDUX_STRATEGY_MATTES, {0.2, 0.8, 2}},
    {REDUX_STRATEGY_PHASE_CORRELATION, {0.05, 0.2, 1}},
    {REDUX_STRATEGY_INFORMATION_GAIN, {6, 3.5, 1}},
    {REDUX_STRATEGY_METRIC, {60, 20, 0}},
};

static double difference(const redux_tensor *a, const redux_tensor *b, void *user)
{
    double sum = 0;
    (void)user;
    for (int64_t i = 0; i < a->shape[0] * a->shape[1]; i++)
        sum += abs(((const uint8_t *)a->data)[i] - ((const uint8_t *)b->data)[i]);
    return sum / (double)(a->shape[0] * a->shape[1]);
}

static redux_metric *metric_for(redux_strategy strategy)
{
    redux_custom_metric own = REDUX_CUSTOM_METRIC_INIT;
    redux_metric *metric = NULL;
    own.is_distance = 1;
    own.pair = difference;
    if (strategy == REDUX_STRATEGY_HASH)
        ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    else if (strategy == REDUX_STRATEGY_COSINE)
        ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
    else if (strategy == REDUX_STRATEGY_METRIC)
        ck_assert_redux_ok(redux_metric_new_custom(&metric, NULL, &own));
    else if (strategy == REDUX_STRATEGY_INFORMATION_GAIN)
        ck_assert_redux_ok(redux_metric_new_named(&metric, NULL, "conditional-entropy"));
    else if (redux_metric_new_named(&metric, NULL, redux_strategy_name(strategy)) != REDUX_OK)
        ck_assert_int_eq(strategy, REDUX_STRATEGY_PHASE_CORRELATION); /* without FFTW */
    return metric;
}

enum { ROWS = 16, SIZE = 40 };

/* score[i][j]: i is the kept or earlier one. */
static void all_scores(double score[ROWS][ROWS], const redux_dataset *dataset,
                       const redux_metric *metric, redux_strategy strategy, redux_scope scope)
{
    redux_tensor items[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        const bool vectors = strategy == REDUX_STRATEGY_HASH || strategy == REDUX_STRATEGY_COSINE;
        redux_tensor image;
        slice_at(&image, dataset, i, scope == REDUX_SCOPE_DATASET && !vectors ? SIZE : 0);
        items[i] = image;
        if (strategy == REDUX_STRATEGY_HASH) {
            ck_assert_redux_ok(
                redux_tensor_new(&items[i], NULL, REDUX_UINT8, 1, (const int64_t[]){8}));
            ck_assert_redux_ok(redux_hash_compute(&items[i], NULL, &image, NULL));
        } else if (strategy == REDUX_STRATEGY_COSINE) {
            ck_assert_redux_ok(
                redux_tensor_new(&items[i], NULL, REDUX_FLOAT32, 1, (const int64_t[]){256}));
            ck_assert_redux_ok(redux_image_descriptor(&items[i], NULL, &image));
        }
        if (vectors)
            redux_tensor_release(&image);
    }
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < ROWS; j++) {
            const bool comparable = items[i].shape[0] == items[j].shape[0];
            score[i][j] = comparable ? score_of(metric, &items[i], &items[j]) : NAN;
        }
    for (int64_t i = 0; i < ROWS; i++)
        redux_tensor_release(&items[i]);
}

/* What the rows of a reduction must be. */
static void check_promises(const redux_reduction *reduction, double score[ROWS][ROWS],
                           const redux_reduce_options *options, bool distance, double loosest)
{
    redux_row rows[ROWS];
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    int64_t kept = 0, speaks_for[ROWS] = {0}, largest = 0;
    ck_assert_int_eq(redux_reduction_row_count(reduction), ROWS);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    for (int64_t i = 0; i < ROWS; i++)
        ck_assert_redux_ok(redux_reduction_get_row(&rows[i], reduction, i));
    for (int64_t i = 0; i < ROWS; i++) {
        const redux_row *row = &rows[i], *witness = &rows[row->kept ? i : row->witness];
        kept += row->kept;
        ck_assert(witness->kept && !row->skipped);
        largest = ++speaks_for[witness - rows] > largest ? speaks_for[witness - rows] : largest;
        if (row->kept) {
            ck_assert(row->witness == -1 && isnan(row->score));
            continue;
        }
        ck_assert(options->scope == REDUX_SCOPE_DATASET || witness->volume == row->volume);
        ck_assert_double_eq(row->score, score[row->witness][i]);
        ck_assert(distance ? row->score <= options->threshold : row->score >= options->threshold);
    }
    ck_assert_int_eq(summary.kept, kept);
    ck_assert_int_eq(summary.slices, ROWS);
    ck_assert_int_eq(summary.volumes, DEPTHS);
    ck_assert_int_eq(summary.largest, largest);
    ck_assert_double_eq(summary.threshold, options->threshold);
    ck_assert(options->threshold != loosest || kept < ROWS); /* else nothing was tested */
    const bool symmetric = options->strategy != REDUX_STRATEGY_INFORMATION_GAIN &&
                           options->strategy != REDUX_STRATEGY_MATTES;
    if (options->rule != REDUX_RULE_FIRST && (options->rule != REDUX_RULE_K_CENTRE || !symmetric))
        return;
    for (int64_t i = 0; i < ROWS; i++) /* those kept speak for themselves alone */
        for (int64_t j = i + 1; j < ROWS; j++)
            if (rows[i].kept && rows[j].kept &&
                (options->scope == REDUX_SCOPE_DATASET || rows[i].volume == rows[j].volume))
                ck_assert(distance ? score[i][j] > options->threshold
                                   : score[i][j] < options->threshold);
}

START_TEST(witnesses_and_thresholds)
{
    const kind *k = &kinds[_i];
    redux_metric *metric = metric_for(k->strategy);
    const char *folder = scratch;
    for (uint64_t round = 0; metric != NULL && round < 3; round++) {
        redux_dataset *dataset;
        write_random_volumes(round);
        ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &folder, 1, NULL));
        for (int scope = 0; scope < 2; scope++) {
            double score[ROWS][ROWS];
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            options.strategy = k->strategy;
            options.scope = (redux_scope)scope;
            options.size = SIZE;
            options.metric = k->strategy == REDUX_STRATEGY_METRIC ? metric : NULL;
            options.window.kind = REDUX_WINDOW_SLICE;
            all_scores(score, dataset, metric, k->strategy, options.scope);
            for (int rule = 0; rule < 4; rule++) {
                if (k->strategy == REDUX_STRATEGY_INFORMATION_GAIN && rule != REDUX_RULE_K_CENTRE)
                    continue;
                for (int t = 0; t < 3; t++) {
                    redux_reduction *reduction;
                    options.rule = (redux_rule)rule;
                    options.threshold = k->thresholds[t];
                    ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, &options));
                    check_promises(reduction, score, &options, redux_metric_is_distance(metric),
                                   k->thresholds[0]);
                    redux_reduction_free(reduction);
                }
            }
        }
        redux_dataset_free(dataset);
    }
    redux_metric_free(metric);
}
END_TEST

/* ---- any dtype, any strides ---- */

static const redux_dtype dtypes[] = {REDUX_INT8,    REDUX_INT16,   REDUX_INT32,   REDUX_INT64,
                                     REDUX_UINT8,   REDUX_UINT16,  REDUX_UINT32,  REDUX_UINT64,
                                     REDUX_FLOAT16, REDUX_FLOAT32, REDUX_FLOAT64, REDUX_BFLOAT16};

/* Whole numbers 0 ... 99, which every dtype holds: windows, descriptors and hashes of values are
 * the same bits, whatever the dtype. */
START_TEST(any_dtype)
{
    static const redux_hash hashes[] = {REDUX_HASH_AVERAGE, REDUX_HASH_DIFFERENCE,
                                        REDUX_HASH_DCT,     REDUX_HASH_WAVELET,
                                        REDUX_HASH_PDQ,     REDUX_HASH_BLOCK_MEAN_0};
    const redux_window windows[] = {{REDUX_WINDOW_SLICE, 0, 0}, {REDUX_WINDOW_RANGE, 10, 80}};
    for (uint64_t round = 0; round < 12; round++) {
        const redux_random_key key = key_of(round);
        const int64_t h = random_side(&key, 0, 60), w = random_side(&key, 1, 60);
        redux_tensor greys, values;
        random_slices(&greys, REDUX_UINT8, 1, h, w, round);
        for (int64_t i = 0; i < h * w; i++)
            ((uint8_t *)greys.data)[i] %= 100;
        ck_assert_redux_ok(redux_tensor_reshape(&values, &greys, 2, (const int64_t[]){h, w}));
        for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
            redux_tensor same, gaps, want, got;
            ck_assert_redux_ok(redux_tensor_contiguous(&same, NULL, &values, dtypes[d]));
            scattered(&gaps, &same);
            for (int k = 0; k < 2; k++) {
                const redux_dtype dtype = redux_window_dtype(windows[k]);
                ck_assert_redux_ok(redux_tensor_new(&want, NULL, dtype, 2, values.shape));
                ck_assert_redux_ok(redux_tensor_new(&got, NULL, dtype, 2, values.shape));
                ck_assert_redux_ok(redux_window_apply(&want, NULL, &values, 2, -9, windows[k]));
                ck_assert_redux_ok(redux_window_apply(&got, NULL, &gaps, 2, -9, windows[k]));
                assert_same(&got, &want, redux_dtype_name(dtypes[d]));
                redux_tensor_release(&want);
                redux_tensor_release(&got);
            }
            ck_assert_redux_ok(
                redux_tensor_new(&want, NULL, REDUX_FLOAT32, 1, (const int64_t[]){256}));
            ck_assert_redux_ok(
                redux_tensor_new(&got, NULL, REDUX_FLOAT32, 1, (const int64_t[]){256}));
            ck_assert_redux_ok(redux_image_descriptor(&want, NULL, &values));
            ck_assert_redux_ok(redux_image_descriptor(&got, NULL, &gaps));
            assert_same(&got, &want, redux_dtype_name(dtypes[d]));
            redux_tensor_release(&want);
            redux_tensor_release(&got);
            for (size_t k = 0; k < sizeof hashes / sizeof *hashes; k++) {
                redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
                options.hash = hashes[k];
                options.profile = REDUX_PROFILE_HU;
                options.window = windows[1];
                uint8_t code[2][512] = {{0}};
                const int64_t bytes = redux_hash_bytes(&options);
                for (int i = 0; i < 2; i++) {
                    redux_tensor out;
                    ck_assert_redux_ok(
                        redux_tensor_borrow(&out, code[i], REDUX_UINT8, 1, &bytes, NULL));
                    ck_assert_redux_ok(
                        redux_hash_compute(&out, NULL, i == 0 ? &values : &gaps, &options));
                }
                ck_assert_msg(memcmp(code[0], code[1], (size_t)bytes) == 0, "%s of %s",
                              redux_hash_name(hashes[k]), redux_dtype_name(dtypes[d]));
            }
            redux_tensor_release(&gaps);
            redux_tensor_release(&same);
        }
        redux_tensor_release(&values);
        redux_tensor_release(&greys);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reductions");
    TCase *tests = tcase_create("reductions");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, witnesses_and_thresholds, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(tests, any_dtype);
    suite_add_tcase(suite, tests);
    return run_seeded_suite(suite);
}
