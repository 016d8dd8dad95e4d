/* SPDX-License-Identifier: MIT
 * Fingerprints of slices: by pixels alone, whatever the file is called and however it stores them.
 */
#include <string.h>
#include "support/test_io.h"

enum { SLICES = 5, SIDE = 9 };

static void write_volume(const char *name, redux_dtype dtype, int seed, int last)
{
    const int64_t shape[] = {SLICES, SIDE, SIDE};
    redux_tensor t;
    ck_assert_redux_ok(redux_tensor_new(&t, NULL, dtype, 3, shape));
    for (int i = 0; i < SLICES * SIDE * SIDE; i++) {
        const int value =
            seed == 0 ? 7 : (i * seed) % 251 + (i == SLICES * SIDE * SIDE - 1 ? last : 0);
        if (dtype == REDUX_INT16)
            ((int16_t *)t.data)[i] = (int16_t)value;
        else if (dtype == REDUX_FLOAT32)
            ((float *)t.data)[i] = (float)value;
        else
            ((int32_t *)t.data)[i] = value;
    }
    ck_assert_redux_ok(redux_npy_write(in_scratch(name), NULL, &t));
    redux_tensor_release(&t);
}

static void fingerprints(uint64_t *out, const char *const *names, int64_t count,
                         const uint8_t *wanted, int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_dataset *dataset;
    redux_context *context;
    char *paths[8];
    for (int64_t i = 0; i < count; i++)
        paths[i] = strdup(in_scratch(names[i]));
    options.threads = threads;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_redux_ok(
        redux_dataset_open(&dataset, context, (const char *const *)paths, count, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), count);
    ck_assert_redux_ok(redux_dataset_fingerprints(out, context, dataset, wanted));
    redux_dataset_free(dataset);
    redux_context_free(context);
    for (int64_t i = 0; i < count; i++)
        free(paths[i]);
}

START_TEST(by_pixels_alone)
{
    static const char *const names[] = {"a.npy", "b.npy", "c.npy", "d.npy", "e.npy", "f.npy"};
    enum { VOLUMES = 6, ALL = VOLUMES * SLICES };
    uint8_t wanted[ALL];
    uint64_t prints[ALL], again[ALL];
    write_volume("a.npy", REDUX_INT16, 3, 0);
    write_volume("b.npy", REDUX_INT32, 3, 0);
    write_volume("c.npy", REDUX_FLOAT32, 3, 0);
    write_volume("d.npy", REDUX_INT16, 3, 1); /* one pixel of the last slice */
    write_volume("e.npy", REDUX_INT16, 5, 0);
    write_volume("f.npy", REDUX_INT16, 0, 0); /* one value */
    fingerprints(prints, names, 6, NULL, 1);
    for (int k = 0; k < SLICES; k++) {
        ck_assert(prints[k] == prints[SLICES + k] && prints[k] == prints[2 * SLICES + k]);
        ck_assert((prints[k] == prints[3 * SLICES + k]) == (k < SLICES - 1)); /* its last pixel */
        ck_assert(prints[k] != 0 && prints[4 * SLICES + k] != prints[k]);
        ck_assert_uint_eq(prints[5 * SLICES + k], 0);
    }
    for (int i = 0; i < ALL; i++)
        wanted[i] = i % 3 != 1;
    fingerprints(again, names, 6, wanted, 3);
    for (int i = 0; i < ALL; i++)
        ck_assert_uint_eq(again[i], wanted[i] != 0 ? prints[i] : 0);
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_fingerprints(prints, NULL, NULL, NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fingerprint");
    TCase *tests = tcase_create("fingerprint");
    tcase_add_test(tests, by_pixels_alone);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
