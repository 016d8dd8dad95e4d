/* SPDX-License-Identifier: MIT
 * What goes on from elsewhere: another set that stands first, an earlier result, and manifests read
 * back. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "select/select.h"
#include "support/plain.h"

/* ---- another set, an earlier result ---- */

static redux_dataset *open_some(const char *const *list, int64_t count)
{
    const char *paths[VOLUMES];
    redux_dataset *dataset;
    for (int64_t i = 0; i < count; i++)
        paths[i] = in_scratch(list[i]);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, paths, count, NULL));
    return dataset;
}

enum { IN_A = 24 }; /* A is volumes 0 and 1, B is volume 2: in p, rows of B come after those of A */

/* The first exemplar that slice i of B is redundant with, in p: of A, or kept of B; -1: none. */
static int64_t first_exemplar(const plain *p, const redux_reduction *reduction, const uint8_t *mask,
                              int64_t i, double threshold)
{
    for (int64_t j = 0; j < IN_A; j++)
        if ((mask == NULL || mask[j]) && is_redundant(p, j, IN_A + i, threshold))
            return j;
    for (int64_t j = 0; j < i; j++) {
        redux_row before;
        ck_assert_redux_ok(redux_reduction_get_row(&before, reduction, j));
        if (before.kept && is_redundant(p, IN_A + j, IN_A + i, threshold))
            return IN_A + j;
    }
    return -1;
}

/* Checks every row of B; returns how many are in A already. */
static int64_t check_against(const redux_reduction *reduction, const plain *p, const uint8_t *mask,
                             double threshold)
{
    int64_t leaked = 0;
    for (int64_t i = 0; i < 14; i++) {
        const int64_t first = first_exemplar(p, reduction, mask, i, threshold);
        const int volume = first < 23 ? 0 : first < IN_A ? 1 : 2;
        const char *source;
        int64_t slice;
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        ck_assert_int_eq(row.kept, first < 0);
        if (first < 0)
            continue;
        leaked += first < IN_A;
        ck_assert_double_eq(row.score, p->score[first][IN_A + i]);
        ck_assert_redux_ok(redux_reduction_get_name(&source, &slice, reduction, row.witness));
        ck_assert_int_eq(slice, volume == 0 ? first : volume == 1 ? 0 : first - IN_A);
        ck_assert_str_eq(source, in_scratch(names[volume]));
    }
    return leaked;
}

/* Rows and names of a span are those that single calls give. */
static void check_spans(const redux_reduction *reduction, int64_t first, int64_t count)
{
    redux_row rows[14], row;
    const char *sources[14], *source;
    int64_t slices[14], slice;
    ck_assert_redux_ok(redux_reduction_get_rows(rows, reduction, first, count));
    ck_assert_redux_ok(redux_reduction_get_names(sources, slices, reduction, first, count));
    for (int64_t i = 0; i < count; i++) {
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, first + i));
        ck_assert_redux_ok(redux_reduction_get_name(&source, &slice, reduction, first + i));
        ck_assert(rows[i].kept == row.kept && rows[i].witness == row.witness &&
                  rows[i].slice == row.slice);
        ck_assert_ptr_eq(sources[i], source);
        ck_assert_int_eq(slices[i], slice);
    }
    ck_assert_redux(REDUX_E_INVALID, redux_reduction_get_rows(rows, reduction, first, 15 - first));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_reduction_get_names(sources, slices, reduction, -1, count));
}

START_TEST(another_set_stands_first)
{
    static plain p;
    redux_dataset *all = open_volumes();
    redux_dataset *a = open_some(names, 2), *b = open_some(names + 2, 1);
    uint8_t mask[IN_A];
    for (int64_t i = 0; i < IN_A; i++)
        mask[i] = i % 3 != 1;
    for (int s = 0; s < 4; s++)
        for (int t = 0; t < 6; t++) {
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            redux_reduce_summary summary = {.struct_size = sizeof summary};
            options.strategy = metrics[s];
            options.threshold = thresholds[s][t / 2];
            options.size = SIDE;
            options.against = a;
            options.against_kept = t % 2 == 1 ? mask : NULL;
            plain_scores(&p, all, metrics[s], REDUX_SCOPE_DATASET);
            redux_reduction *reduction = run(b, &options, 1 + t % 2);
            ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
            const int64_t leaked =
                check_against(reduction, &p, options.against_kept, options.threshold);
            ck_assert_int_eq(summary.leaked, leaked);
            ck_assert_int_eq(summary.against, t % 2 == 1 ? 16 : IN_A);
            ck_assert_int_eq(summary.slices, 14);
            check_spans(reduction, 0, 14);
            check_spans(reduction, 5, 3);
            redux_reduction_free(reduction);
            options.rule = REDUX_RULE_MEDOID; /* the same ones are in A */
            reduction = run(b, &options, 2);
            ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
            ck_assert_int_eq(summary.leaked, leaked);
            redux_reduction_free(reduction);
        }
    redux_dataset_free(all);
    redux_dataset_free(a);
    redux_dataset_free(b);
}
END_TEST

static void save(const redux_dataset *dataset, const redux_reduce_options *options,
                 const char *name)
{
    redux_reduction *reduction = run(dataset, options, 2);
    for (int stage = 0; stage < 2; stage++) /* views of it would hold what is released */
        ck_assert_ptr_null(reduction->captured[stage].like.storage);
    ck_assert_redux_ok(redux_results_save(text("%s/%s.csv", scratch, name),
                                          text("%s/%s.json", scratch, name), NULL, reduction, 1));
    redux_reduction_free(reduction);
}

static void same_file(const char *a, const char *b)
{
    size_t a_size, b_size;
    unsigned char *x = read_bytes(in_scratch(a), &a_size), *y = read_bytes(in_scratch(b), &b_size);
    ck_assert_msg(a_size == b_size && memcmp(x, y, a_size) == 0, "%s is not %s", a, b);
    free(x);
    free(y);
}

START_TEST(an_update_equals_a_fresh_start)
{
    const char *paths[VOLUMES];
    for (int v = 0; v < VOLUMES; v++)
        paths[v] = in_scratch(names[v]);
    for (int s = 0; s < 6; s++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT, earlier = options;
            redux_dataset_options rest = REDUX_DATASET_OPTIONS_INIT;
            redux_dataset *all, *old = open_some(names, 2), *fresh;
            redux_manifest *manifest;
            ck_assert_redux_ok(redux_dataset_open(&all, NULL, paths, VOLUMES, NULL));
            options.strategy = metrics[s % 4];
            options.threshold = thresholds[s % 4][1];
            options.then = s == 4   ? REDUX_STRATEGY_SSIM
                           : s == 5 ? REDUX_STRATEGY_COSINE
                                    : REDUX_STRATEGY_ALL;
            options.then_threshold = s >= 4 ? 0.5 : NAN;
            options.scope = scope;
            options.size = SIDE;
            options.keep_exemplars = 1;
            save(old, &options, "old");
            save(all, &options, "all");
            ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("old.csv")));
            ck_assert_redux_ok(redux_manifest_get_options(&earlier, manifest));
            ck_assert_double_eq(earlier.threshold, options.threshold);
            rest.exclude = redux_manifest_sources(manifest, &rest.exclude_count);
            ck_assert_int_eq(rest.exclude_count, 2);
            unlink(paths[0]); /* the old ones are not so much as looked at */
            ck_assert_redux_ok(redux_dataset_open(&fresh, NULL, paths, VOLUMES, &rest));
            ck_assert_int_eq(redux_dataset_volume_count(fresh), 1);
            earlier.update = manifest;
            earlier.keep_exemplars = 1;
            save(fresh, &earlier, "new");
            same_file("new.csv", "all.csv");
            if (scope == REDUX_SCOPE_DATASET)
                same_file("new.exemplars", "all.exemplars");
            else
                ck_assert_int_ne(access(in_scratch("new.exemplars"), F_OK), 0);
            earlier.threshold /= 2;
            ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&earlier));
            earlier.threshold *= 2;
            earlier.rule = REDUX_RULE_MEDOID;
            ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&earlier));
            earlier.rule = REDUX_RULE_FIRST;
            redux_reduction *twice;
            ck_assert_redux(REDUX_E_INVALID, redux_reduce(&twice, NULL, old, &earlier));
            redux_manifest_free(manifest);
            redux_dataset_free(fresh);
            redux_dataset_free(old);
            redux_dataset_free(all);
            write_volumes();
            unlink(in_scratch("old.exemplars"));
            unlink(in_scratch("new.exemplars"));
            unlink(in_scratch("all.exemplars"));
        }
    for (int i = 0; i < 3; i++) {
        static const char *const left[] = {"old", "new", "all"};
        unlink(in_scratch(text("%s.csv", left[i])));
        unlink(in_scratch(text("%s.json", left[i])));
    }
}
END_TEST

/* The exemplars of "old", with the names or the features of one slice less, or another name. */
enum harm { NONE, NAMES_CUT, FEATURES_CUT, NAME_CHANGED, HARMS };

static void write_exemplars(const redux_tensor arrays[2], enum harm harm)
{
    static const char *const keys[] = {"names", "first"};
    redux_tensor now[2] = {arrays[0], arrays[1]};
    uint32_t *first = arrays[0].data;
    if (harm == NAMES_CUT || harm == FEATURES_CUT)
        now[harm == FEATURES_CUT].shape[0]--;
    *first += harm == NAME_CHANGED;
    ck_assert_redux_ok(redux_npz_write(in_scratch("old.exemplars"), NULL, keys, now, 2));
    *first -= harm == NAME_CHANGED;
}

START_TEST(exemplars_must_be_the_manifests)
{
    redux_dataset *old = open_some(names, 2), *fresh = open_some(names + 2, 1);
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_manifest *manifest;
    redux_tensor arrays[2];
    options.scope = REDUX_SCOPE_DATASET;
    options.keep_exemplars = 1;
    save(old, &options, "old");
    ck_assert_redux_ok(redux_npz_read(&arrays[0], NULL, in_scratch("old.exemplars"), "names"));
    ck_assert_redux_ok(redux_npz_read(&arrays[1], NULL, in_scratch("old.exemplars"), "first"));
    ck_assert_int_gt(arrays[0].shape[0], 1);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("old.csv")));
    ck_assert_redux_ok(redux_manifest_get_options(&options, manifest));
    options.update = manifest;
    for (enum harm harm = NONE; harm < HARMS; harm++) {
        redux_reduction *reduction = NULL;
        write_exemplars(arrays, harm);
        const redux_status status = redux_reduce(&reduction, NULL, fresh, &options);
        ck_assert_int_eq(status, harm == NONE ? REDUX_OK : REDUX_E_FORMAT);
        redux_reduction_free(reduction);
    }
    redux_manifest_free(manifest);
    redux_tensor_release(&arrays[0]);
    redux_tensor_release(&arrays[1]);
    redux_dataset_free(fresh);
    redux_dataset_free(old);
}
END_TEST

/* ---- manifests read back ---- */

START_TEST(manifests_are_read_back)
{
    static const char good[] = "source,slice,kept,witness_source,witness_slice,score\r\n"
                               "\"a \"\"b\"\", c.nii\",0,1,,,\r\n"
                               "\"a \"\"b\"\", c.nii\",12,0,\"a \"\"b\"\", c.nii\",0,0.5\n"
                               "d.png,0,0,e.png,0,-1.5e-3\n"
                               "e.png,0,1,,,";
    redux_manifest *manifest;
    redux_manifest_row row;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    int64_t count;
    write_bytes(in_scratch("m.csv"), good, sizeof good - 1);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    ck_assert_int_eq(redux_manifest_row_count(manifest), 4);
    ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, 1));
    ck_assert_str_eq(row.source, "a \"b\", c.nii");
    ck_assert_str_eq(row.witness_source, "a \"b\", c.nii");
    ck_assert_int_eq(row.slice, 12);
    ck_assert_int_eq(row.kept, 0);
    ck_assert_double_eq(row.score, 0.5);
    ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, 2));
    ck_assert_double_eq(row.score, -1.5e-3);
    ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, 3));
    ck_assert(row.kept && row.witness_source == NULL && isnan(row.score));
    const char *const *sources = redux_manifest_sources(manifest, &count);
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(sources[0], "a \"b\", c.nii");
    ck_assert_str_eq(sources[1], "d.png");
    ck_assert_str_eq(sources[2], "e.png");
    ck_assert_redux(REDUX_E_INVALID, redux_manifest_get_row(&row, manifest, 4));
    redux_manifest_row rows[4];
    ck_assert_redux_ok(redux_manifest_get_rows(rows, manifest, 0, 4));
    ck_assert_ptr_eq(rows[0].source, sources[0]);
    ck_assert_ptr_eq(rows[1].source, sources[0]);
    ck_assert_ptr_eq(rows[1].witness_source, sources[0]);
    ck_assert_ptr_eq(rows[2].witness_source, sources[2]);
    ck_assert(rows[3].kept && rows[2].score == -1.5e-3 && rows[1].slice == 12);
    ck_assert_redux_ok(redux_manifest_get_rows(rows, manifest, 4, 0));
    ck_assert_redux(REDUX_E_INVALID, redux_manifest_get_rows(rows, manifest, 1, 4));
    ck_assert_redux(REDUX_E_INVALID, redux_manifest_get_rows(rows, manifest, -1, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_manifest_get_rows(rows, manifest, 1, INT64_MAX));
    ck_assert_redux(REDUX_E_INVALID, redux_manifest_get_rows(NULL, manifest, 0, 1));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_manifest_get_options(&options, manifest));
    redux_manifest_free(manifest);
    unlink(in_scratch("m.csv"));
}
END_TEST

START_TEST(columns_are_known_by_name)
{
    static const char text[] = "patient,score,slice,kept,source,witness_slice,witness_source\n"
                               "7,0.25,3,0,a.nii,2,b.nii\n";
    redux_manifest *manifest;
    redux_manifest_row row;
    write_bytes(in_scratch("m.csv"), text, sizeof text - 1);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, 0));
    ck_assert_str_eq(row.source, "a.nii");
    ck_assert_str_eq(row.witness_source, "b.nii");
    ck_assert(row.slice == 3 && row.witness_slice == 2 && row.kept == 0 && row.score == 0.25);
    redux_manifest_free(manifest);
    unlink(in_scratch("m.csv"));
}
END_TEST

START_TEST(bad_manifests_are_refused)
{
#define HEADER "source,slice,kept,witness_source,witness_slice,score\n"
    static const char *const bad[] = {
        "",
        "source,slice\n",
        "source,slice,kept,witness_source,witness_slice,scores\n",
        HEADER "a,0,1,,\n",
        HEADER "a,0,1,,,,\n",
        HEADER ",0,1,,,\n",
        HEADER "a,-1,1,,,\n",
        HEADER "a,x,1,,,\n",
        HEADER "a,0,2,,,\n",
        HEADER "a,0,,,,\n",
        HEADER "a,0,0,b,,1\n",
        HEADER "a,0,0,b,0,1x\n",
        HEADER "\"a,0,1,,,\n",
        HEADER "\"a\"b,0,1,,,\n",
        HEADER "a,99999999999999999999,1,,,\n",
        HEADER "a\n",
    };
    redux_manifest *manifest = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_bytes(in_scratch("m.csv"), bad[i], strlen(bad[i]));
        ck_assert_redux(REDUX_E_FORMAT, redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
        ck_assert_ptr_null(manifest);
    }
    write_bytes(in_scratch("m.csv"), HEADER "a,0,\0,,,\n", sizeof HEADER + 8);
    ck_assert_redux(REDUX_E_FORMAT, redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    write_bytes(in_scratch("m.csv"), HEADER, sizeof HEADER - 1);
    write_bytes(in_scratch("m.json"), "{", 1);
    ck_assert_redux(REDUX_E_FORMAT, redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    unlink(in_scratch("m.json"));
    unlink(in_scratch("m.csv"));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
}
END_TEST

START_TEST(a_manifest_opens_what_it_keeps)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_dataset *dataset = open_volumes(), *kept;
    redux_manifest *manifest;
    redux_tensor mask;
    options.threshold = 12;
    redux_reduction *reduction = run(dataset, &options, 1);
    ck_assert_redux_ok(redux_manifest_save(in_scratch("m.csv"), NULL, reduction));
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    ck_assert_redux_ok(redux_dataset_open_manifest(&kept, &mask, NULL, manifest, NULL));
    ck_assert_int_eq(redux_dataset_slice_count(kept), mask.shape[0]);
    ck_assert_int_eq(mask.shape[0], 38);
    int64_t row_number = 0;
    for (int64_t i = 0; i < 38; i++, row_number++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        ck_assert_int_eq(((const uint8_t *)mask.data)[i], row.kept);
    }
    redux_tensor_release(&mask);
    redux_dataset_free(kept);
    /* Of a dataset that was opened otherwise. */
    ck_assert_redux_ok(redux_manifest_get_kept(&mask, NULL, manifest, dataset));
    ck_assert_int_eq(mask.shape[0], redux_dataset_slice_count(dataset));
    for (int64_t i = 0; i < mask.shape[0]; i++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        ck_assert_int_eq(((const uint8_t *)mask.data)[i], row.kept);
    }
    redux_tensor_release(&mask);
    redux_manifest_free(manifest);
    /* A slice that is not there. */
    const char *lines = text("source,slice,kept,witness_source,witness_slice,score\n%s,14,1,,,\n",
                             in_scratch(names[2]));
    write_bytes(in_scratch("m.csv"), lines, strlen(lines));
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    ck_assert_redux(REDUX_E_FORMAT,
                    redux_dataset_open_manifest(&kept, &mask, NULL, manifest, NULL));
    redux_manifest_free(manifest);
    /* Named without its folder: found beside the manifest. */
    lines = text("source,slice,kept,witness_source,witness_slice,score\n%s,13,1,,,\n", names[2]);
    write_bytes(in_scratch("m.csv"), lines, strlen(lines));
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_manifest_get_kept(&mask, NULL, manifest, dataset));
    ck_assert_redux_ok(redux_dataset_open_manifest(&kept, &mask, NULL, manifest, NULL));
    ck_assert_int_eq(((const uint8_t *)mask.data)[13], 1);
    ck_assert_int_eq(((const uint8_t *)mask.data)[12], 0);
    redux_tensor_release(&mask);
    redux_dataset_free(kept);
    redux_manifest_free(manifest);
    unlink(in_scratch("m.csv"));
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("manifest");
    TCase *tests = tcase_create("manifest");
    tcase_add_checked_fixture(tests, setup, scratch_remove);
    tcase_add_test(tests, another_set_stands_first);
    tcase_add_test(tests, an_update_equals_a_fresh_start);
    tcase_add_test(tests, exemplars_must_be_the_manifests);
    tcase_add_test(tests, manifests_are_read_back);
    tcase_add_test(tests, columns_are_known_by_name);
    tcase_add_test(tests, bad_manifests_are_refused);
    tcase_add_test(tests, a_manifest_opens_what_it_keeps);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
