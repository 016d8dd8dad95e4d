/* SPDX-License-Identifier: MIT
 * Shared by tests/unit/select/test_reduce.c, test_rules.c and test_manifest.c: a small dataset, all
 * scores of it, and the paper's rule told plainly, to hold reductions against. */
#ifndef REDUX_TEST_PLAIN_H
#define REDUX_TEST_PLAIN_H

#include <math.h>
#include "test_io.h"

enum { VOLUMES = 3, MOST = 200, SIDE = 48 };

static const int64_t depths[VOLUMES] = {23, 1, 14};

/* Volumes of slowly changing slices, as .npy; "b2" before "b10" in natural order only. */
static const char *const names[VOLUMES] = {"a.npy", "b2.npy", "b10.npy"};

static inline void write_volumes(void)
{
    for (int v = 0; v < VOLUMES; v++) {
        const int64_t shape[] = {depths[v], 40, 33};
        redux_tensor volume;
        ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_INT16, 3, shape));
        int16_t *voxel = volume.data;
        for (int64_t k = 0; k < depths[v]; k++)
            for (int64_t y = 0; y < 40; y++)
                for (int64_t x = 0; x < 33; x++) {
                    const redux_random_key key = {.seed = (uint64_t)v, .sample = (uint64_t)k};
                    const double wave = sin((double)x / 4 + (double)k / 3 + v) *
                                        cos((double)y / 5 - floor((double)k / 4) / 2);
                    *voxel++ = (int16_t)(400 * wave +
                                         20 * redux_random_normal(&key, (uint32_t)(y * 33 + x)));
                }
        ck_assert_redux_ok(redux_npy_write(in_scratch(names[v]), NULL, &volume));
        redux_tensor_release(&volume);
    }
}

static inline void setup(void)
{
    scratch_make();
    write_volumes();
}

static inline redux_dataset *open_volumes(void)
{
    const char *path = scratch;
    redux_dataset *dataset;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), VOLUMES);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 38);
    return dataset;
}

/* ---- the plain re-implementation ---- */

typedef struct plain {
    int64_t n;
    double score[MOST][MOST]; /* as redux_metric_pair says */
    int64_t group[MOST], order[MOST];
    bool distance;
} plain;

/* Strategies with a metric, and thresholds between which their results differ. */
static const redux_strategy metrics[] = {REDUX_STRATEGY_HASH, REDUX_STRATEGY_SSIM,
                                         REDUX_STRATEGY_MI, REDUX_STRATEGY_COSINE};
static const double thresholds[4][3] = {
    {2, 6, 20}, {0.8, 0.6, 0.3}, {0.3, 0.25, 0.2}, {0.98, 0.9, 0.5}};

static inline bool is_redundant(const plain *p, int64_t i, int64_t j, double threshold)
{
    return p->distance ? p->score[i][j] <= threshold : p->score[i][j] >= threshold;
}

static inline void slice_image(redux_tensor *out, const redux_dataset *dataset, int64_t row,
                               int side)
{
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
    redux_volume *volume;
    redux_tensor pixels, image;
    int64_t v = 0;
    for (; row >= depths[v]; v++)
        row -= depths[v];
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, v));
    ck_assert_redux_ok(redux_volume_slice(&pixels, NULL, volume, row));
    ck_assert_redux_ok(redux_tensor_new(&image, NULL, REDUX_UINT8, 2, pixels.shape));
    ck_assert_redux_ok(redux_window_apply(&image, NULL, &pixels, 1, 0, slice));
    if (side > 0) {
        const int64_t shape[] = {side, side};
        ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_UINT8, 2, shape));
        ck_assert_redux_ok(redux_image_resize(out, NULL, &image, REDUX_FILTER_LINEAR));
        redux_tensor_release(&image);
    } else {
        *out = image;
    }
    redux_tensor_release(&pixels);
    redux_volume_free(volume);
}

/* The item that a strategy compares. */
static inline void item_of(redux_tensor *out, redux_strategy strategy, const redux_dataset *dataset,
                           int64_t row, int side)
{
    const int64_t bytes[] = {8}, floats[] = {256};
    redux_tensor image;
    slice_image(&image, dataset, row, side);
    if (strategy == REDUX_STRATEGY_HASH) {
        ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_UINT8, 1, bytes));
        ck_assert_redux_ok(redux_hash_compute(out, NULL, &image, NULL));
    } else if (strategy == REDUX_STRATEGY_COSINE) {
        ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 1, floats));
        ck_assert_redux_ok(redux_image_descriptor(out, NULL, &image));
    } else {
        ck_assert_redux_ok(redux_tensor_view(out, &image));
    }
    redux_tensor_release(&image);
}

static inline redux_metric *metric_of(redux_strategy strategy)
{
    redux_metric *metric = NULL;
    switch (strategy) {
    case REDUX_STRATEGY_HASH:
        ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
        break;
    case REDUX_STRATEGY_SSIM:
        ck_assert_redux_ok(redux_metric_new_ssim(&metric, NULL, NULL));
        break;
    case REDUX_STRATEGY_MI:
        ck_assert_redux_ok(redux_metric_new_mutual_information(&metric, NULL, NULL));
        break;
    default:
        ck_assert_redux_ok(redux_metric_new_cosine(&metric, NULL));
        break;
    }
    return metric;
}

static inline int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All scores: of native slices, or of resized ones over a dataset. */
static inline void plain_scores(plain *p, const redux_dataset *dataset, redux_strategy strategy,
                                redux_scope scope)
{
    redux_tensor items[MOST];
    const bool resized = scope == REDUX_SCOPE_DATASET &&
                         (strategy == REDUX_STRATEGY_SSIM || strategy == REDUX_STRATEGY_MI);
    redux_metric *metric = metric_of(strategy);
    p->n = redux_dataset_slice_count(dataset);
    p->distance = redux_metric_is_distance(metric);
    for (int64_t i = 0; i < p->n; i++) {
        item_of(&items[i], strategy, dataset, i, resized ? SIDE : 0);
        for (int64_t j = 0; j <= i; j++) {
            ck_assert_redux_ok(
                redux_metric_pair(&p->score[i][j], NULL, metric, &items[i], &items[j]));
            p->score[j][i] = p->score[i][j];
        }
    }
    for (int64_t i = 0; i < p->n; i++)
        redux_tensor_release(&items[i]);
    redux_metric_free(metric);
}

static inline void plain_order(plain *p, const redux_dataset *dataset, redux_scope scope,
                               redux_order order)
{
    static char text_of[MOST][300];
    const char *sorted[MOST];
    for (int64_t i = 0, v = 0, k = 0; i < p->n; i++, k++) {
        const char *source;
        int64_t slice;
        if (k == depths[v]) {
            v++;
            k = 0;
        }
        ck_assert_redux_ok(redux_dataset_get_slice_name(&source, &slice, dataset, v, k));
        snprintf(text_of[i], sizeof text_of[i], "%s_%lld", source, (long long)slice);
        sorted[i] = text_of[i];
        p->group[i] = scope == REDUX_SCOPE_VOLUME ? v : 0;
        p->order[i] = i;
    }
    if (order == REDUX_ORDER_LEXICOGRAPHIC) {
        qsort(sorted, (size_t)p->n, sizeof *sorted, by_name);
        for (int64_t i = 0; i < p->n; i++)
            p->order[i] = (int64_t)(sorted[i] - text_of[0]) / (int64_t)sizeof text_of[0];
    }
}

/* The paper's rule, as it is told: take the first that remains, drop what is redundant with it. */
static inline int64_t plain_greedy(const plain *p, double threshold, int64_t witness[MOST])
{
    bool gone[MOST] = {false};
    int64_t kept = 0;
    for (int64_t a = 0; a < p->n; a++) {
        const int64_t i = p->order[a];
        if (gone[i])
            continue;
        witness[i] = -1;
        kept++;
        for (int64_t b = a + 1; b < p->n; b++) {
            const int64_t j = p->order[b];
            if (!gone[j] && p->group[i] == p->group[j] &&
                (p->distance ? p->score[i][j] <= threshold : p->score[i][j] >= threshold)) {
                gone[j] = true;
                witness[j] = i;
            }
        }
    }
    return kept;
}

static inline redux_reduction *run(const redux_dataset *dataset,
                                   const redux_reduce_options *options, int threads)
{
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_reduction *reduction;
    context_options.threads = threads;
    context_options.flags = REDUX_CONTEXT_OWNS_BLAS; /* its threads and ours would fight */
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    ck_assert_redux_ok(redux_reduce(&reduction, context, dataset, options));
    redux_context_free(context);
    return reduction;
}

static inline void check_rows(const redux_reduction *reduction, const plain *p,
                              const int64_t *witness)
{
    ck_assert_int_eq(redux_reduction_row_count(reduction), p->n);
    for (int64_t i = 0; i < p->n; i++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        ck_assert_int_eq(row.kept, witness[i] < 0);
        ck_assert_int_eq(row.witness, witness[i]);
        if (witness[i] < 0)
            ck_assert(isnan(row.score));
        else
            ck_assert_double_eq(row.score, p->score[witness[i]][i]);
    }
}

#endif
