/* SPDX-License-Identifier: MIT
 * Tiny pre-trainings in the scratch folder. */
#ifndef TEST_TINY_RUN_H
#define TEST_TINY_RUN_H

#include <math.h>
#include "support/recipe.h"
#include "support/test_io.h"

enum { SLICES = 24, SIDE = 20, BATCH = 8 };

/* Blobs at random places: views of one slice have something in common. */
static inline redux_dataset *open_slices(void)
{
    const int64_t shape[] = {SLICES, SIDE, SIDE};
    const char *path = in_scratch("slices.npy");
    redux_dataset *dataset;
    redux_tensor slices;
    ck_assert_redux_ok(redux_tensor_new(&slices, NULL, REDUX_INT16, 3, shape));
    for (int64_t i = 0; i < SLICES; i++) {
        const redux_random_key key = {5, 0, 0, (uint64_t)i};
        for (uint32_t y = 0; y < SIDE; y++)
            for (uint32_t x = 0; x < SIDE; x++) {
                const double a = 20 * redux_random_uniform(&key, 0) - x;
                const double b = 20 * redux_random_uniform(&key, 1) - y;
                ((int16_t *)slices.data)[(i * SIDE + y) * SIDE + x] =
                    (int16_t)(1000 * exp(-(a * a + b * b) / 30) +
                              50 * redux_random_normal(&key, 2 + y * SIDE + x));
            }
    }
    ck_assert_redux_ok(redux_npy_write(path, NULL, &slices));
    redux_tensor_release(&slices);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    return dataset;
}

static inline recipe tiny(void)
{
    recipe options = recipe_of("simclr", 16);
    options.network.width = 0.125;
    options.projection.widths[1] = 8;
    options.run.batch = BATCH;
    options.run.epochs = 4;
    options.run.warm_up = 1;
    options.run.rate = 0.5;
    options.run.checkpoint_seconds = 0;
    return options;
}

static inline redux_status pretrain(redux_pretrain_result *result, const char *folder,
                                    const redux_dataset *dataset, const recipe *options,
                                    int threads)
{
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    context_options.threads = threads;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    const redux_status status =
        recipe_run(result, context, in_scratch(folder), dataset, NULL, options);
    redux_context_free(context);
    return status;
}

static inline void assert_same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    unsigned char *bytes_a = read_bytes(in_scratch(a), &size_a);
    unsigned char *bytes_b = read_bytes(in_scratch(b), &size_b);
    ck_assert_uint_eq(size_a, size_b);
    ck_assert_mem_eq(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

/* As redux_pretrain_options.report; user: the step. */
static inline int stop_after(const redux_pretrain_step *step, void *user)
{
    return step->step == *(const int64_t *)user;
}

#endif
