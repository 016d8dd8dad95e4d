/* SPDX-License-Identifier: MIT
 * Groups: what slices belong to, by folder, file, patient, table and expression; and what follows
 * from it for reductions. */
#include <math.h>
#include <redux/picture.h>
#include "support/dicom_writer.h"
#include "support/test_io.h"

/* ---- flat folders ---- */

/* A picture with a number of its own in its first pixel, and noise that follows from `seed`. */
static const char *picture(const char *name, int seed)
{
    uint8_t pixels[32 * 32];
    const int64_t shape[2] = {32, 32};
    redux_tensor image;
    uint32_t state = (uint32_t)seed * 2654435761u + 1;
    for (int i = 0; i < 32 * 32; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(state >> 24);
    }
    const char *path = in_scratch(name);
    ck_assert_redux_ok(redux_tensor_borrow(&image, pixels, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_picture_write_png(path, NULL, &image));
    redux_tensor_release(&image);
    return path;
}

/* Three patients, whose slices are mixed by name. */
static const char *flat_folder(void)
{
    static const char *const names[] = {"flat/s1_a.png",  "flat/s2_b.png", "flat/s3_a.png",
                                        "flat/s10_a.png", "flat/s4_c.png", "flat/s5_b.png"};
    mkdir(in_scratch("flat"), 0755);
    for (int i = 0; i < 6; i++)
        picture(names[i], i);
    return in_scratch("flat");
}

static redux_dataset *open_by(const char *path, const char *by, const redux_dataset *with)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    redux_dataset *dataset = NULL;
    options.group_by = by;
    options.grouped_with = with;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    return dataset;
}

/* "a b a | a=0 b=1": the group of each slice by name. */
static const char *groups_of(const redux_dataset *dataset)
{
    static char out[1024];
    size_t used = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < redux_dataset_slice_count(dataset); i++) {
        int64_t volume, slice;
        ck_assert_redux_ok(redux_dataset_get_place(&volume, &slice, dataset, i));
        const int64_t group = redux_dataset_get_group(dataset, volume, slice);
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s", i > 0 ? " " : "",
                                 redux_dataset_group_name(dataset, group));
    }
    return out;
}

static void assert_groups(const char *want, const char *path, const char *by)
{
    redux_dataset *dataset = open_by(path, by, NULL);
    ck_assert_str_eq(groups_of(dataset), want);
    ck_assert_str_eq(redux_dataset_group_by(dataset), by);
    redux_dataset_free(dataset);
}

START_TEST(by_expression)
{
    const char *path = flat_folder();
    assert_groups("a b a c b a", path, "_([a-z])\\.png$");
    assert_groups("1 2 3 4 5 10", path, "s([0-9]+)");
    redux_dataset *dataset = open_by(path, "_([a-z])\\.", NULL);
    ck_assert_int_eq(redux_dataset_group_count(dataset), 3);
    ck_assert_int_eq(redux_dataset_get_group(dataset, 0, 3), 2);
    ck_assert_int_eq(redux_dataset_get_group(dataset, 0, 6), -1);
    ck_assert_ptr_null(redux_dataset_group_name(dataset, 3));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(by_default)
{
    const char *path = flat_folder();
    redux_dataset *dataset = open_by(path, NULL, NULL);
    ck_assert_int_eq(redux_dataset_group_count(dataset), 1);
    ck_assert_str_eq(redux_dataset_group_name(dataset, 0), path);
    ck_assert_ptr_null(redux_dataset_group_by(dataset));
    redux_dataset_free(dataset);
    dataset = open_by(path, "series", NULL);
    ck_assert_ptr_null(redux_dataset_group_by(dataset));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(by_path)
{
    const char *path = flat_folder();
    redux_dataset *dataset = open_by(path, "file", NULL);
    ck_assert_int_eq(redux_dataset_group_count(dataset), 6);
    ck_assert_str_eq(redux_dataset_group_name(dataset, 0), in_scratch("flat/s1_a.png"));
    redux_dataset_free(dataset);
    mkdir(in_scratch("tree"), 0755);
    mkdir(in_scratch("tree/x"), 0755);
    mkdir(in_scratch("tree/y"), 0755);
    const int64_t shape[3] = {2, 4, 4};
    redux_tensor array;
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_npy_write(in_scratch("tree/x/1.npy"), NULL, &array));
    ck_assert_redux_ok(redux_npy_write(in_scratch("tree/x/2.npy"), NULL, &array));
    const char *keys[2] = {"u", "v"};
    const redux_tensor both[2] = {array, array};
    ck_assert_redux_ok(redux_npz_write(in_scratch("tree/y/3.npz"), NULL, keys, both, 2));
    redux_tensor_release(&array);
    dataset = open_by(in_scratch("tree"), "folder", NULL);
    ck_assert_int_eq(redux_dataset_group_count(dataset), 2);
    ck_assert_str_eq(redux_dataset_group_name(dataset, 1), in_scratch("tree/y"));
    redux_dataset_free(dataset);
    dataset = open_by(in_scratch("tree"), "file", NULL);
    ck_assert_int_eq(redux_dataset_group_count(dataset), 3);
    ck_assert_str_eq(redux_dataset_group_name(dataset, 2), in_scratch("tree/y/3.npz"));
    redux_dataset_free(dataset);
}
END_TEST

static const char *table(const char *name, const char *content)
{
    const char *path = in_scratch(name);
    write_bytes(path, content, strlen(content));
    return path;
}

START_TEST(by_table)
{
    const char *path = flat_folder();
    const char *csv = table("t.csv", "slice,who,file\n"
                                     "0,ann,flat/s1_a.png\n0,bob,flat/s2_b.png\n"
                                     "0,ann,flat/../flat/s3_a.png\n0,ann,link.png\n"
                                     "0,cy,flat/s4_c.png\n0,bob,flat/s5_b.png\n");
    ck_assert_int_eq(symlink("flat/s10_a.png", in_scratch("link.png")), 0);
    assert_groups("ann bob ann cy bob ann", path, text("%s:who", csv));
    /* A line for a whole file, and lines for slices of one. */
    const int64_t shape[3] = {3, 4, 4};
    redux_tensor array;
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_npy_write(in_scratch("stack.npy"), NULL, &array));
    redux_tensor_release(&array);
    assert_groups("z z z", in_scratch("stack.npy"),
                  text("%s:g", table("w.csv", "file,g\nstack.npy,z\n")));
    assert_groups(
        "p q p", in_scratch("stack.npy"),
        text("%s:g",
             table("v.csv", "file,slice,g\nstack.npy,1,q\nstack.npy,0,p\nstack.npy,2,p\n")));
}
END_TEST

static void refuse(redux_status want, const char *part, const char *path, const char *by)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    redux_dataset *dataset = NULL;
    options.group_by = by;
    ck_assert_redux(want, redux_dataset_open(&dataset, NULL, &path, 1, &options));
    ck_assert_msg(strstr(redux_error_message(), part) != NULL, "%s", redux_error_message());
    ck_assert_ptr_null(dataset);
}

START_TEST(refused)
{
    const char *path = flat_folder();
    refuse(REDUX_E_INVALID, "empty", path, "");
    refuse(REDUX_E_INVALID, "parentheses", path, "patients");
    refuse(REDUX_E_INVALID, "group-by '(a'", path, "(a");
    refuse(REDUX_E_INVALID, "[0-9]", path, "s(\\d+)");
    refuse(REDUX_E_INVALID, "t.csv:COLUMN", path, "t.csv");
    refuse(REDUX_E_FORMAT, "1 of 6 slices", path, "_([ab])");
    refuse(REDUX_E_FORMAT, "s4_c.png", path, "_([ab])");
    refuse(REDUX_E_FORMAT, "6 of 6", path, "_(x*)"); /* matches, but nothing */
    refuse(REDUX_E_FORMAT, "PatientID", path, "patient");
    refuse(REDUX_E_NOT_FOUND, "none.csv", path, "none.csv:g");
    refuse(REDUX_E_NOT_FOUND, "column", path,
           text("%s:h", table("c.csv", "file,g\nflat/s1_a.png,a\n")));
    refuse(REDUX_E_FORMAT, "5 of 6 slices", path,
           text("%s:g", table("c.csv", "file,g\nflat/s1_a.png,a\n")));
    refuse(REDUX_E_FORMAT, "line 2: no such file beside the table", path,
           text("%s:g", table("c.csv", "file,g\nflat/none.png,a\n")));
    refuse(REDUX_E_FORMAT, "line 3: a second group", path,
           text("%s:g", table("c.csv", "file,g\nflat/s1_a.png,a\n./flat/s1_a.png,b\n")));
    refuse(REDUX_E_FORMAT, "no slice number", path,
           text("%s:g", table("c.csv", "file,slice,g\nflat/s1_a.png,-1,a\n")));
}
END_TEST

/* ---- patients ---- */

static void slice_of(const char *name, const char *patient, const char *series, int z)
{
    dicom_file f = DICOM_FILE;
    dicom_bytes b;
    int32_t pixels[24];
    for (int i = 0; i < 24; i++)
        pixels[i] = 7 * i * (z + 2) % 900;
    f.series = series;
    f.position = text("0\\0\\%d", z);
    f.instance = z + 1;
    dicom_begin(&b, &f);
    dicom_text(&b, 0x00100010, "PN", "SECRET^NAME");
    dicom_text(&b, 0x00100020, "LO", patient);
    dicom_end(&b, &f, pixels);
    write_bytes(in_scratch(name), b.at, b.size);
}

START_TEST(by_patient)
{
    mkdir(in_scratch("one"), 0755);
    mkdir(in_scratch("two"), 0755);
    for (int z = 0; z < 2; z++) {
        slice_of(text("one/a%d.dcm", z), "SECRET-7", "1.1", z);
        slice_of(text("one/b%d.dcm", z), "SECRET-8", "1.2", z);
        slice_of(text("one/c%d.dcm", z), "SECRET-7", "1.3", z);
        slice_of(text("two/d%d.dcm", z), "SECRET-9", "1.4", z);
        slice_of(text("two/e%d.dcm", z), "SECRET-8", "1.5", z);
    }
    redux_dataset *one = open_by(in_scratch("one"), "patient", NULL);
    ck_assert_int_eq(redux_dataset_volume_count(one), 3);
    ck_assert_str_eq(groups_of(one), "patient 1 patient 1 patient 2 patient 2 patient 1 patient 1");
    redux_dataset *two = open_by(in_scratch("two"), "patient", one);
    ck_assert_str_eq(groups_of(two), "patient 3 patient 3 patient 2 patient 2");
    redux_dataset_free(one); /* its names are not needed any more */
    ck_assert_str_eq(groups_of(two), "patient 3 patient 3 patient 2 patient 2");
    /* Nothing that a reduction writes says who the patients are. */
    redux_reduction *reduction = NULL;
    size_t size;
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, two, NULL));
    ck_assert_redux_ok(
        redux_results_save(in_scratch("r.csv"), in_scratch("r.json"), NULL, reduction, 0));
    redux_reduction_free(reduction);
    redux_dataset_free(two);
    static const char *const written[] = {"r.csv", "r.json"};
    for (int i = 0; i < 2; i++) {
        char *bytes = (char *)read_bytes(in_scratch(written[i]), &size);
        ck_assert_ptr_null(memmem(bytes, size, "SECRET", 6));
        free(bytes);
    }
    slice_of("one/x.dcm", NULL, "1.6", 0);
    refuse(REDUX_E_FORMAT, "x.dcm", in_scratch("one"), "patient");
}
END_TEST

/* ---- reductions ---- */

static redux_reduction *reduce_by(const redux_dataset *dataset, const redux_reduce_options *options)
{
    redux_reduction *reduction = NULL;
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, options));
    return reduction;
}

/* Equal slices of one patient are dropped, those of another are not. */
START_TEST(compared_within_groups)
{
    mkdir(in_scratch("equal"), 0755);
    picture("equal/1_a.png", 1);
    picture("equal/2_b.png", 1);
    picture("equal/3_a.png", 1);
    redux_dataset *dataset = open_by(in_scratch("equal"), "_([ab])", NULL);
    static const redux_strategy strategies[] = {REDUX_STRATEGY_HASH, REDUX_STRATEGY_SSIM,
                                                REDUX_STRATEGY_COSINE};
    for (int i = 0; i < 3; i++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_row row;
        options.strategy = strategies[i];
        redux_reduction *reduction = reduce_by(dataset, &options);
        static const int kept[] = {1, 1, 0};
        for (int k = 0; k < 3; k++) {
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, k));
            ck_assert_int_eq(row.kept, kept[k]);
        }
        ck_assert_int_eq(row.witness, 0);
        redux_reduction_free(reduction);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* every-n walks each group by the place that the second parentheses match: s1, s3, s10 of a. */
START_TEST(places_and_every_n)
{
    redux_dataset *dataset = open_by(flat_folder(), "s([0-9]+)_([a-z])", NULL);
    ck_assert_int_eq(redux_dataset_group_count(dataset), 6); /* the first one is the group */
    redux_dataset_free(dataset);
    mkdir(in_scratch("places"), 0755);
    picture("places/a_z3.png", 1);
    picture("places/b_z20.png", 2);
    picture("places/c_z1.png", 3);
    dataset = open_by(in_scratch("places"), "(places)/._z([0-9]+)", NULL);
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_row row;
    options.strategy = REDUX_STRATEGY_EVERY_N;
    options.threshold = 3;
    redux_reduction *reduction = reduce_by(dataset, &options);
    ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, 2)); /* z1 is the first */
    ck_assert_int_eq(row.kept, 1);
    ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, 1)); /* z20 the last */
    ck_assert_double_eq(row.score, 2);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

static const redux_strategy budgeted[] = {REDUX_STRATEGY_HASH,    REDUX_STRATEGY_SSIM,
                                          REDUX_STRATEGY_COSINE,  REDUX_STRATEGY_ENTROPY,
                                          REDUX_STRATEGY_EVERY_N, REDUX_STRATEGY_SEMDEDUP};

/* Each group keeps its own share: of 7, 3 and 1 slices, 40 % are 3, 1 and (at least) 1. */
START_TEST(each_group)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    int64_t kept[3] = {0, 0, 0};
    mkdir(in_scratch("shares"), 0755);
    for (int i = 0; i < 11; i++)
        picture(text("shares/%02d_%c.png", i, i % 3 == 1 && i < 9 ? 'b' : i == 10 ? 'c' : 'a'), i);
    redux_dataset *dataset = open_by(in_scratch("shares"), "_([abc])", NULL);
    options.strategy = budgeted[_i];
    options.keep_percent = 40;
    options.each_group = 1;
    redux_reduction *reduction = NULL;
    const redux_status status = redux_reduce(&reduction, NULL, dataset, &options);
    if (options.strategy == REDUX_STRATEGY_SEMDEDUP) { /* takes no budget at all */
        ck_assert_int_eq(status, REDUX_E_INVALID);
        redux_dataset_free(dataset);
        return;
    }
    ck_assert_int_eq(status, REDUX_OK);
    for (int64_t i = 0; i < 11; i++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
        kept[redux_dataset_get_group(dataset, row.volume, row.slice)] += row.kept;
        if (!row.kept && row.witness >= 0) { /* of its own group */
            redux_row witness;
            ck_assert_redux_ok(redux_reduction_get_row(&witness, reduction, row.witness));
            ck_assert_int_eq(redux_dataset_get_group(dataset, row.volume, row.slice),
                             redux_dataset_get_group(dataset, witness.volume, witness.slice));
        }
    }
    ck_assert_int_eq(kept[0], 3);
    ck_assert_int_eq(kept[1], 1);
    ck_assert_int_eq(kept[2], 1);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_int_eq(summary.budget, 5);
    ck_assert_int_eq(summary.groups, 3);
    ck_assert_double_le(summary.threshold_low, summary.threshold_high);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

/* The paper's script for LIDC sorts running numbers as texts: 10 before 9, 100 before 11. */
START_TEST(running_order)
{
    const int64_t shape[3] = {12, 8, 8};
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_tensor array;
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_UINT8, 3, shape));
    mkdir(in_scratch("running"), 0755);
    ck_assert_redux_ok(redux_npy_write(in_scratch("running/a.npy"), NULL, &array));
    ck_assert_redux_ok(redux_npy_write(in_scratch("running/b.npy"), NULL, &array));
    redux_tensor_release(&array);
    redux_dataset *dataset = open_by(in_scratch("running"), "folder", NULL);
    options.strategy = REDUX_STRATEGY_EVERY_N;
    options.threshold = 24;
    options.order = REDUX_ORDER_RUNNING;
    redux_reduction *reduction = reduce_by(dataset, &options);
    static const int order[24] = {0, 1,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
                                  2, 20, 21, 22, 23, 3,  4,  5,  6,  7,  8,  9};
    for (int p = 1; p < 24; p++) {
        redux_row row;
        ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, order[p]));
        ck_assert_double_eq(row.score, p);
    }
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

/* Two series of one patient are no strangers: with one patient there is nothing to calibrate by. */
START_TEST(calibration_by_group)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_calibration *calibration = NULL;
    redux_dataset *dataset = open_by(flat_folder(), "_([a-z])\\.", NULL);
    ck_assert_redux_ok(redux_calibrate(&calibration, NULL, dataset, &options));
    ck_assert_int_eq(redux_calibration_group_count(calibration), 3);
    ck_assert_int_eq(redux_calibration_pair_count(calibration), 3 * 2 + 3 * 1 + 2 * 1);
    redux_calibration_free(calibration);
    redux_dataset_free(dataset);
    dataset = open_by(in_scratch("flat"), "(flat)", NULL);
    ck_assert_redux(REDUX_E_INVALID, redux_calibrate(&calibration, NULL, dataset, &options));
    redux_dataset_free(dataset);
}
END_TEST

static redux_manifest *save_and_load(const redux_dataset *dataset,
                                     const redux_reduce_options *options)
{
    redux_reduction *reduction = reduce_by(dataset, options);
    redux_manifest *manifest = NULL;
    ck_assert_redux_ok(
        redux_results_save(in_scratch("m.csv"), in_scratch("m.json"), NULL, reduction, 0));
    redux_reduction_free(reduction);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    return manifest;
}

static redux_status update(const redux_manifest *earlier, const char *path, const char *by)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    redux_reduce_options reduce = REDUX_REDUCE_OPTIONS_INIT;
    redux_dataset *dataset = NULL;
    redux_reduction *reduction = NULL;
    options.group_by = by;
    options.exclude = redux_manifest_sources(earlier, &options.exclude_count);
    ck_assert_redux_ok(redux_manifest_get_options(&reduce, earlier));
    reduce.update = earlier;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    const redux_status status = redux_reduce(&reduction, NULL, dataset, &reduce);
    if (status == REDUX_OK)
        ck_assert_redux_ok(
            redux_results_save(in_scratch("u.csv"), in_scratch("u.json"), NULL, reduction, 0));
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
    return status;
}

START_TEST(manifests)
{
    const char *path = flat_folder();
    redux_dataset *dataset = open_by(path, "_([a-z])\\.", NULL);
    redux_manifest *manifest = save_and_load(dataset, NULL);
    redux_manifest_row row;
    ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, 3));
    ck_assert_str_eq(row.group, "c");
    redux_dataset_options read = REDUX_DATASET_OPTIONS_INIT;
    ck_assert_redux_ok(redux_manifest_get_dataset_options(&read, manifest));
    ck_assert_str_eq(read.group_by, "_([a-z])\\.");
    ck_assert_int_eq(read.frame, -1);
    redux_dataset_free(dataset);
    /* A new patient is an update; a new slice of a known one is not. */
    picture("flat/s7_d.png", 9);
    ck_assert_int_eq(update(manifest, path, "_([a-z])\\."), REDUX_OK);
    ck_assert_redux(REDUX_E_INVALID, update(manifest, path, "s([0-9]+)"));
    ck_assert_redux(REDUX_E_INVALID, update(manifest, path, NULL));
    redux_manifest *updated = NULL;
    ck_assert_redux_ok(redux_manifest_load(&updated, NULL, in_scratch("u.csv")));
    ck_assert_int_eq(redux_manifest_row_count(updated), 7);
    ck_assert_redux_ok(redux_manifest_get_row(&row, updated, 6));
    ck_assert_str_eq(row.group, "d");
    redux_manifest_free(updated);
    picture("flat/s8_a.png", 10);
    ck_assert_redux(REDUX_E_INVALID, update(manifest, path, "_([a-z])\\."));
    ck_assert_msg(strstr(redux_error_message(), "group a") != NULL, "%s", redux_error_message());
    redux_manifest_free(manifest);
}
END_TEST

/* Labels: groups by expression instead of a column; only those with a labelled slice count. */
START_TEST(labels_by_group)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels = NULL;
    redux_label_row row;
    flat_folder();
    const char *csv = table("l.csv", "file,label\nflat/s4_c.png,0\nflat/s1_a.png,1\n"
                                     "flat/s3_a.png,0\n");
    options.group_by = "_([a-z])\\.";
    ck_assert_redux_ok(redux_labels_load(&labels, NULL, csv, &options));
    ck_assert_int_eq(redux_labels_group_count(labels), 2);
    ck_assert_redux_ok(redux_labels_get_row(&row, labels, 2));
    ck_assert_str_eq(redux_labels_group_name(labels, row.group), "a");
    redux_labels_free(labels);
    options.group = "file";
    ck_assert_redux(REDUX_E_INVALID, redux_labels_load(&labels, NULL, csv, &options));
}
END_TEST

/* A group on both sides is reported, near-duplicates or not. */
START_TEST(shared_groups)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    mkdir(in_scratch("other"), 0755);
    picture("other/s1_b.png", 77);
    picture("other/s2_x.png", 78);
    redux_dataset *train = open_by(flat_folder(), "_([a-z])\\.", NULL);
    redux_dataset *test = open_by(in_scratch("other"), "_([a-z])\\.", train);
    options.against = train;
    redux_reduction *reduction = reduce_by(test, &options);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    ck_assert_int_eq(summary.shared_groups, 1);
    ck_assert_int_eq(summary.leaked, 0);
    redux_reduction_free(reduction);
    redux_dataset_free(test);
    redux_dataset_free(train);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *tests = tcase_create("all");
    scratch_make();
    tcase_add_test(tests, by_expression);
    tcase_add_test(tests, by_default);
    tcase_add_test(tests, by_path);
    tcase_add_test(tests, by_table);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, by_patient);
    tcase_add_test(tests, compared_within_groups);
    tcase_add_test(tests, places_and_every_n);
    tcase_add_loop_test(tests, each_group, 0, 6);
    tcase_add_test(tests, running_order);
    tcase_add_test(tests, calibration_by_group);
    tcase_add_test(tests, manifests);
    tcase_add_test(tests, labels_by_group);
    tcase_add_test(tests, shared_groups);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
