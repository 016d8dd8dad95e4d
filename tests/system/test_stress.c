/* SPDX-License-Identifier: MIT
 * Many threads, each with a context of its own, run every metric and a reduction at once, beside a
 * host that multiplies with OpenBLAS and plans with FFTW under the public lock. All of them get the
 * bits that one thread alone gets. */
#include <cblas.h>
#include <pthread.h>
#include <stdatomic.h>
#if defined(REDUX_FFTW)
#include <fftw3.h>
#endif
#include "properties.h"
#include "support/test_io.h"

enum { WORKERS = 6, ROUNDS = 15, RESULTS = 4096, WIDE = 96 };

typedef struct work {
    redux_tensor bytes, floats, codes, vectors;
    const redux_dataset *dataset;
    redux_metric *shared; /* used by all at once */
    redux_index *index;
} work;

typedef struct results {
    double value[RESULTS];
    int64_t count;
} results;

/* Failures are counted, not asserted: Check's assertions are for the main thread. */
static atomic_int failures;

static void add(results *out, double value)
{
    if (out->count < RESULTS)
        out->value[out->count++] = value;
    else
        failures++;
}

static int done(redux_status status)
{
    failures += status != REDUX_OK;
    return status == REDUX_OK;
}

static int add_pair(const redux_pair *pair, void *user)
{
    add(user, (double)(pair->first * 100 + pair->second));
    add(user, pair->score);
    return 0;
}

static void run_metric(results *out, redux_context *context, const redux_metric *metric,
                       const redux_tensor *items, double threshold)
{
    int64_t index[KINDS * 2];
    double nearest[KINDS * 2];
    if (done(redux_metric_nearest(index, nearest, context, metric, items, items, 2)))
        for (int i = 0; i < KINDS * 2; i++) {
            add(out, (double)index[i]);
            add(out, nearest[i]);
        }
    done(redux_metric_pairs(context, metric, items, threshold, add_pair, out));
}

static void all_metrics(results *out, redux_context *context, const work *w)
{
    static const char *const names[] = {"ssim",   "ms-ssim",           "mi",
                                        "mattes", "phase-correlation", "conditional-entropy"};
    redux_metric *metric = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const redux_status status = redux_metric_new_named(&metric, context, names[i]);
        if (status == REDUX_E_UNSUPPORTED)
            continue;
        if (!done(status))
            return;
        run_metric(out, context, metric, &w->bytes, i < 5 ? 0.3 : 3);
        run_metric(out, context, metric, &w->floats, i < 5 ? 0.3 : 3);
        redux_metric_free(metric);
    }
    if (done(redux_metric_new_hamming(&metric, context))) {
        run_metric(out, context, metric, &w->codes, 120);
        redux_metric_free(metric);
    }
    if (done(redux_metric_new_cosine(&metric, context))) {
        run_metric(out, context, metric, &w->vectors, 0);
        redux_metric_free(metric);
    }
    run_metric(out, context, w->shared, &w->bytes, 0.3);
}

static void all_images(results *out, redux_context *context, const work *w)
{
    const int64_t bytes = 32, pixels[] = {w->bytes.shape[1], w->bytes.shape[2]};
    double sequence[KINDS];
    uint8_t code[64];
    redux_tensor map, codes;
    if (done(redux_conditional_entropy_sequence(sequence, context, &w->floats, NULL)))
        for (int i = 0; i < KINDS; i++)
            add(out, sequence[i]);
    if (done(redux_volume_hash_compute(code, 1, NULL, context, &w->bytes, 1, 0, NULL)))
        for (int i = 0; i < 64; i++)
            add(out, code[i]);
    if (!done(redux_tensor_new(&map, context, REDUX_FLOAT32, 2, pixels)))
        return;
    for (int64_t i = 0; i < KINDS; i++) {
        redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
        redux_tensor a, b;
        redux_shift shift;
        options.hash = i % 2 == 0 ? REDUX_HASH_PDQ : REDUX_HASH_DCT;
        options.profile = i % 2 == 0 ? REDUX_PROFILE_PDQ : REDUX_PROFILE_IMAGEHASH;
        options.size = i % 2 == 0 ? 0 : 16;
        done(redux_tensor_select(&a, &w->bytes, 0, i));
        done(redux_tensor_select(&b, &w->bytes, 0, (i + 1) % KINDS));
        done(redux_tensor_borrow(&codes, code, REDUX_UINT8, 1, &bytes, NULL));
        if (done(redux_hash_compute(&codes, context, &a, &options)))
            for (int k = 0; k < 32; k++)
                add(out, code[k]);
        if (done(redux_ssim_map(&map, context, &a, &b, NULL)))
            add(out, (double)((const float *)map.data)[i * 31]);
        if (redux_phase_correlation(&shift, context, &a, &b, NULL) == REDUX_OK)
            add(out, shift.height + 1000 * shift.dy + shift.dx);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
    redux_tensor_release(&map);
}

static void all_sets(results *out, redux_context *context, const work *w)
{
    static const redux_strategy strategies[] = {REDUX_STRATEGY_HASH, REDUX_STRATEGY_SSIM,
                                                REDUX_STRATEGY_COSINE, REDUX_STRATEGY_MI};
    int64_t ids[KINDS * 2];
    double scores[KINDS * 2];
    if (done(redux_index_nearest(ids, scores, context, w->index, &w->codes, 2)))
        for (int i = 0; i < KINDS * 2; i++)
            add(out, (double)ids[i] + scores[i] * 1000);
    for (size_t s = 0; s < sizeof strategies / sizeof *strategies; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduction *reduction;
        options.strategy = strategies[s];
        options.scope = REDUX_SCOPE_DATASET;
        if (!done(redux_reduce(&reduction, context, w->dataset, &options)))
            continue;
        for (int64_t i = 0; i < redux_reduction_row_count(reduction); i++) {
            redux_row row;
            if (done(redux_reduction_get_row(&row, reduction, i)))
                add(out, row.kept ? -1 : (double)row.witness * 1000 + row.score);
        }
        redux_reduction_free(reduction);
    }
}

static void everything(results *out, redux_context *context, const work *w)
{
    memset(out, 0, sizeof *out); /* equal bytes, where equal */
    all_metrics(out, context, w);
    all_images(out, context, w);
    all_sets(out, context, w);
}

/* ---- the threads ---- */

static int same_bytes(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static atomic_int working;

typedef struct worker {
    const work *w;
    const results *want;
    int threads;
} worker;

static void *work_on(void *user)
{
    const worker *me = user;
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    results *mine = malloc(sizeof *mine);
    options.threads = me->threads;
    for (int round = 0; round < ROUNDS && mine != NULL; round++) {
        if (!done(redux_context_new(&context, &options)))
            break;
        everything(mine, context, me->w);
        failures += !same_bytes(mine, me->want, sizeof *mine);
        redux_context_free(context);
    }
    failures += mine == NULL;
    free(mine);
    working--;
    return NULL;
}

/* A matrix product, and a transform whose plan is made and destroyed each time. */
static void host_step(float product[WIDE * WIDE], float spectrum[2 * WIDE * (WIDE / 2 + 1)])
{
    static float matrix[WIDE * WIDE];
    for (int i = 0; i < WIDE * WIDE; i++)
        matrix[i] = (float)(i * 7 % 11) - 5;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, WIDE, WIDE, WIDE, 1, matrix, WIDE, matrix,
                WIDE, 0, product, WIDE);
#if defined(REDUX_FFTW)
    redux_fftw_lock();
    fftwf_plan plan = fftwf_plan_dft_r2c_2d(WIDE, WIDE, matrix, (fftwf_complex *)(void *)spectrum,
                                            FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    redux_fftw_unlock();
    fftwf_execute(plan);
    redux_fftw_lock();
    fftwf_destroy_plan(plan);
    redux_fftw_unlock();
#else
    memset(spectrum, 0, 2 * WIDE * (WIDE / 2 + 1) * sizeof *spectrum);
#endif
}

enum { SPECTRUM = 2 * WIDE * (WIDE / 2 + 1) };

static void *host(void *user)
{
    static float product[2][WIDE * WIDE], spectrum[2][SPECTRUM];
    int64_t *steps = user;
    host_step(product[0], spectrum[0]);
    while (working > 0) {
        host_step(product[1], spectrum[1]);
        failures += !same_bytes(product[0], product[1], sizeof product[0]);
        failures += !same_bytes(spectrum[0], spectrum[1], sizeof spectrum[0]);
        ++*steps;
    }
    return NULL;
}

static void make_work(work *w, redux_dataset **dataset)
{
    const redux_random_key key = key_of(0);
    const char *folder = scratch;
    random_slices(&w->bytes, REDUX_UINT8, KINDS, 45, 52, 1);
    random_slices(&w->floats, REDUX_FLOAT32, KINDS, 37, 41, 2);
    ck_assert_redux_ok(
        redux_tensor_new(&w->codes, NULL, REDUX_UINT8, 2, (const int64_t[]){KINDS, 32}));
    ck_assert_redux_ok(
        redux_tensor_new(&w->vectors, NULL, REDUX_FLOAT32, 2, (const int64_t[]){KINDS, 70}));
    for (int i = 0; i < KINDS * 32; i++)
        ((uint8_t *)w->codes.data)[i] = (uint8_t)redux_random_u32(&key, (uint32_t)i);
    for (int i = 0; i < KINDS * 70; i++)
        ((float *)w->vectors.data)[i] = (float)redux_random_normal(&key, (uint32_t)i);
    ck_assert_redux_ok(redux_npy_write(in_scratch("a.npy"), NULL, &w->bytes));
    ck_assert_redux_ok(redux_npy_write(in_scratch("b.npy"), NULL, &w->bytes));
    ck_assert_redux_ok(redux_dataset_open(dataset, NULL, &folder, 1, NULL));
    w->dataset = *dataset;
    ck_assert_redux_ok(redux_metric_new_ssim(&w->shared, NULL, NULL));
    ck_assert_redux_ok(redux_index_new(&w->index, NULL, 32, NULL));
    ck_assert_redux_ok(redux_index_add(w->index, NULL, &w->codes, NULL));
}

START_TEST(many_at_once)
{
    static results want, again;
    static worker workers[WORKERS];
    pthread_t ids[WORKERS], host_id;
    redux_dataset *dataset;
    int64_t steps = 0;
    work w;
    make_work(&w, &dataset);
    everything(&want, NULL, &w);
    everything(&again, NULL, &w);
    ck_assert_int_eq(failures, 0);
    ck_assert_int_gt(want.count, 500);
    ck_assert(same_bytes(&want, &again, sizeof want));
    working = WORKERS;
    ck_assert_int_eq(pthread_create(&host_id, NULL, host, &steps), 0);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){&w, &want, 1 + i % 3};
        ck_assert_int_eq(pthread_create(&ids[i], NULL, work_on, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
    ck_assert_int_eq(pthread_join(host_id, NULL), 0);
    ck_assert_int_eq(failures, 0);
    ck_assert_int_gt(steps, 0);
    redux_index_free(w.index);
    redux_metric_free(w.shared);
    redux_dataset_free(dataset);
    redux_tensor *const tensors[] = {&w.bytes, &w.floats, &w.codes, &w.vectors};
    for (int i = 0; i < 4; i++)
        redux_tensor_release(tensors[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress");
    TCase *tests = tcase_create("stress");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, many_at_once);
    suite_add_tcase(suite, tests);
    return run_seeded_suite(suite);
}
