/* SPDX-License-Identifier: MIT
 * What is written of a reduction, at its corners: intensities in physical units, windows in HU,
 * names that are no UTF-8, names of which one begins the other, parameters that read back. */
#include <math.h>
#include "support/nifti_writer.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { SLICES = 6, SIDE = 20 };

static const double slope = 2, intercept = -1000;

static int16_t stored(int64_t z, int64_t i)
{
    return (int16_t)((37 * i + 101 * z * z) % 900);
}

static const char *write_scan(const char *name)
{
    const int64_t shape[] = {SLICES, SIDE, SIDE};
    redux_tensor volume;
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_INT16, 3, shape));
    for (int64_t i = 0; i < redux_tensor_elements(&volume); i++)
        ((int16_t *)volume.data)[i] = stored(i / (SIDE * SIDE), i % (SIDE * SIDE));
    const char *path = write_nifti(name, &volume, slope, intercept);
    redux_tensor_release(&volume);
    return path;
}

static redux_dataset *open_files(const char *const *paths, int64_t count)
{
    redux_dataset *dataset;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, count, NULL));
    return dataset;
}

static redux_reduction *reduce(const redux_dataset *dataset, const redux_reduce_options *options)
{
    redux_reduction *reduction;
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, options));
    return reduction;
}

/* Values as they are: in physical units where stored ones are not; in a window's range as that
 * window gives them, from 0 to 1; as a picture of 255 levels of it. */
START_TEST(exports_are_in_physical_units)
{
    const char *path = write_scan("scan.nii");
    redux_dataset *dataset = open_files(&path, 1);
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    options.strategy = REDUX_STRATEGY_ALL;
    for (int ranged = 0; ranged < 2; ranged++) {
        if (ranged)
            options.window = (redux_window){REDUX_WINDOW_RANGE, -500, 300};
        redux_reduction *reduction = reduce(dataset, &options);
        const char *folder = in_scratch(ranged ? "ranged" : "plain"),
                   *pictures = text("%s-pictures", folder);
        ck_assert_redux_ok(redux_export(folder, NULL, reduction, REDUX_EXPORT_PNG)); /* replaced */
        ck_assert_redux_ok(redux_export(folder, NULL, reduction, REDUX_EXPORT_NPY));
        ck_assert_int_ne(access(text("%s/0000_scan_0000.png", folder), F_OK), 0);
        ck_assert_redux_ok(redux_export_check(folder, NULL));
        ck_assert_redux_ok(redux_export(pictures, NULL, reduction, REDUX_EXPORT_PNG));
        ck_assert_redux_ok(redux_contact_sheet(in_scratch("sheet.png"), NULL, reduction, 4, 1));
        for (int z = 0; z < SLICES; z++) {
            redux_tensor values, picture;
            ck_assert_redux_ok(
                redux_npy_read(&values, NULL, text("%s/0000_scan_%04d.npy", folder, z)));
            ck_assert_redux_ok(
                redux_picture_read(&picture, NULL, text("%s/0000_scan_%04d.png", pictures, z)));
            ck_assert_int_eq(values.dtype, REDUX_FLOAT32);
            for (int64_t i = 0; i < SIDE * SIDE; i++) {
                const double hu = slope * stored(z, i) + intercept;
                const double share = fmin(1, fmax(0, (hu + 500) / 800));
                const double value = (double)((const float *)values.data)[i];
                const double level = ((const uint8_t *)picture.data)[i];
                ck_assert_double_le(fabs(value - (ranged ? share : hu)), ranged ? 1e-6 : 0);
                if (ranged)
                    ck_assert_double_lt(fabs(level - 255 * share), 1 + 1e-4);
            }
            redux_tensor_release(&values);
            redux_tensor_release(&picture);
        }
        redux_reduction_free(reduction);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* Paths are bytes. The manifest keeps them; JSON, which is UTF-8, has "?" for what is none. */
START_TEST(names_that_are_no_utf_8)
{
    const char *path = write_scan("na\xefve.nii");
    redux_dataset *dataset = open_files(&path, 1), *again;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_manifest *manifest;
    redux_tensor kept;
    size_t size;
    redux_reduction *reduction = reduce(dataset, &options);
    ck_assert_redux_ok(
        redux_results_save(in_scratch("n.csv"), in_scratch("n.json"), NULL, reduction, 0));
    char *json = (char *)read_bytes(in_scratch("n.json"), &size);
    ck_assert_ptr_nonnull(strstr(json, "na?ve.nii"));
    for (size_t i = 0; i < size; i++)
        ck_assert_int_lt((unsigned char)json[i], 128);
    free(json);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("n.csv")));
    ck_assert_redux_ok(redux_dataset_open_manifest(&again, &kept, NULL, manifest, NULL));
    ck_assert_int_eq(redux_dataset_slice_count(again), SLICES);
    redux_tensor_release(&kept);
    redux_dataset_free(again);
    redux_manifest_free(manifest);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

typedef struct named {
    char name[400];
    int64_t row;
} named;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

/* Lexicographic order is that of the bytes of source_slice, also where one source begins the other
 * ("scan.nii", "scan.nii.gz"): of equal slices the first in it is kept. */
START_TEST(one_name_begins_the_other)
{
    const char *paths[] = {write_scan("scan.nii"), write_scan("scan.nii.gz")};
    redux_dataset *dataset = open_files(paths, 2);
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    named names[2 * SLICES];
    int64_t place[2 * SLICES];
    options.scope = REDUX_SCOPE_DATASET;
    options.order = REDUX_ORDER_LEXICOGRAPHIC;
    options.threshold = 0;
    redux_reduction *reduction = reduce(dataset, &options);
    ck_assert_int_eq(redux_reduction_row_count(reduction), 2 * SLICES);
    for (int64_t i = 0; i < 2 * SLICES; i++) {
        const char *source;
        int64_t slice;
        ck_assert_redux_ok(redux_reduction_get_name(&source, &slice, reduction, i));
        snprintf(names[i].name, sizeof names[i].name, "%s_%lld", source, (long long)slice);
        names[i].row = i;
    }
    qsort(names, 2 * (size_t)SLICES, sizeof *names, by_name);
    for (int64_t i = 0; i < 2 * SLICES; i++)
        place[names[i].row] = i;
    int dropped = 0;
    for (int64_t i = 0; i < 2 * SLICES; i++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        if (row.kept)
            continue;
        dropped++;
        ck_assert_int_lt(place[row.witness], place[i]);
    }
    ck_assert_int_ge(dropped, SLICES);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

static const redux_strategy strategies[] = {REDUX_STRATEGY_HASH,    REDUX_STRATEGY_SSIM,
                                            REDUX_STRATEGY_MI,      REDUX_STRATEGY_COSINE,
                                            REDUX_STRATEGY_ENTROPY, REDUX_STRATEGY_INFORMATION_GAIN,
                                            REDUX_STRATEGY_EVERY_N, REDUX_STRATEGY_SEMDEDUP};

/* What a result was made with is read back from it, and makes the same result again. */
START_TEST(parameters_read_back)
{
    const char *path = write_scan("scan.nii");
    redux_dataset *dataset = open_files(&path, 1);
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT, read = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    redux_manifest *manifest;
    size_t sizes[2];
    options.strategy = strategies[_i];
    options.window = (redux_window){REDUX_WINDOW_RANGE, -500.5, 300};
    if (options.strategy == REDUX_STRATEGY_SEMDEDUP) {
        options.scope = REDUX_SCOPE_DATASET;
        options.clusters = 2;
        options.seed = 5;
    } else {
        options.order = REDUX_ORDER_LEXICOGRAPHIC;
    }
    if (options.strategy == REDUX_STRATEGY_HASH) {
        options.hash = REDUX_HASH_DCT;
        options.profile = REDUX_PROFILE_IMAGEHASH;
        options.hash_size = 9;
        options.then = REDUX_STRATEGY_SSIM;
        options.then_threshold = 0.25;
    }
    redux_reduction *reduction = reduce(dataset, &options);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_redux_ok(
        redux_results_save(in_scratch("p.csv"), in_scratch("p.json"), NULL, reduction, 0));
    redux_reduction_free(reduction);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("p.csv")));
    ck_assert_redux_ok(redux_manifest_get_options(&read, manifest));
    ck_assert_int_eq(read.strategy, options.strategy);
    ck_assert_int_eq(read.window.kind, REDUX_WINDOW_RANGE);
    ck_assert_double_eq(read.window.low, -500.5);
    ck_assert_double_eq(read.window.high, 300);
    ck_assert_int_eq(read.scope, options.scope == REDUX_SCOPE_GROUP
                                     ? REDUX_SCOPE_VOLUME
                                     : options.scope); /* no groups */
    ck_assert_int_eq(read.order, options.order);
    ck_assert_int_eq(read.clusters, options.clusters);
    ck_assert_int_eq(read.hash_size, options.hash_size);
    ck_assert_int_eq(read.then, options.then);
    ck_assert_uint_eq(read.seed, options.seed);
    reduction = reduce(dataset, &read);
    ck_assert_redux_ok(redux_manifest_save(in_scratch("q.csv"), NULL, reduction));
    unsigned char *first = read_bytes(in_scratch("p.csv"), &sizes[0]);
    unsigned char *second = read_bytes(in_scratch("q.csv"), &sizes[1]);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(first, second, sizes[0]);
    free(first);
    free(second);
    redux_reduction_free(reduction);
    redux_manifest_free(manifest);
    redux_dataset_free(dataset);
}
END_TEST

static void write_text(const char *path, const char *what)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(what, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static const char *const wrong[][2] = {
    {"\"window\": 5, \"scope\": \"volume\", \"order\": \"anatomical\"", "no window"},
    {"\"window\": \"slice\", \"scope\": \"all\", \"order\": \"anatomical\"", "scope is 'all'"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"up\"", "order is 'up'"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"anatomical\", \"rule\": 1",
     "rule ''"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"anatomical\", "
     "\"hash\": \"none\"",
     "hash 'none'"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"anatomical\", \"bins\": 1e300",
     "bins is not a whole number"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"anatomical\", "
     "\"clusters\": 4294967296",
     "clusters is not a whole number"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"anatomical\", \"seed\": 0.5",
     "seed is not a whole number"},
    {"\"window\": \"slice\", \"scope\": \"volume\", \"order\": \"anatomical\"}, "
     "\"counts\": {\"budget\": \"all\"",
     "budget is not a whole number"},
};

/* A JSON that people have edited says where it is wrong. */
START_TEST(wrong_parameters)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_manifest *manifest;
    write_text(in_scratch("w.csv"), "source,slice,kept,witness_source,witness_slice,score\n"
                                    "a.nii,0,1,,,\n");
    write_text(in_scratch("w.json"), text("{\"strategy\": \"hash\", \"threshold\": 6, "
                                          "\"parameters\": {%s}}",
                                          wrong[_i][0]));
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("w.csv")));
    ck_assert_int_ne(redux_manifest_get_options(&options, manifest), REDUX_OK);
    ck_assert_msg(strstr(redux_error_message(), wrong[_i][1]) != NULL, "%s", redux_error_message());
    redux_manifest_free(manifest);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("results");
    TCase *cases = tcase_create("all");
    tcase_add_unchecked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, exports_are_in_physical_units);
    tcase_add_test(cases, names_that_are_no_utf_8);
    tcase_add_test(cases, one_name_begins_the_other);
    tcase_add_loop_test(cases, parameters_read_back, 0, COUNT(strategies));
    tcase_add_loop_test(cases, wrong_parameters, 0, COUNT(wrong));
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
