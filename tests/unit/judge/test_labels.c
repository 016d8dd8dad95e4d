/* SPDX-License-Identifier: MIT
 * Labels from tables and archives, splits by group, near-copies between splits. */
#include <math.h>
#include "support/test_io.h"

static void write_text(const char *name, const char *content)
{
    write_bytes(in_scratch(name), content, strlen(content));
}

/* [count, side, side] of smooth pictures, different for each seed and slice. */
static void fill_pictures(float *pixels, int64_t count, int64_t side, int seed)
{
    for (int64_t k = 0; k < count; k++)
        for (int64_t y = 0; y < side; y++)
            for (int64_t x = 0; x < side; x++) {
                double sum = 0;
                for (int w = 1; w < 7; w++)
                    sum += sin(0.37 * w * (double)(x + 3 * k) + 1.3 * seed * w) *
                           cos(0.23 * w * (double)y + 0.9 * seed + (double)k * w);
                pixels[(k * side + y) * side + x] = (float)(100 * sum);
            }
}

static const char *write_volume(const char *name, int64_t count, int64_t side, int seed)
{
    const int64_t shape[] = {count, side, side};
    redux_tensor volume;
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_FLOAT32, 3, shape));
    fill_pictures(volume.data, count, side, seed);
    ck_assert_redux_ok(redux_npy_write(in_scratch(name), NULL, &volume));
    redux_tensor_release(&volume);
    return in_scratch(name);
}

static void make_files(void)
{
    mkdir(in_scratch("b"), 0777);
    write_volume("a.npy", 3, 8, 1);
    write_volume("b/b,c.npy", 2, 8, 2);
}

static redux_status load(redux_labels **out, const char *table, const redux_labels_options *options)
{
    write_text("labels.csv", table);
    return redux_labels_load(out, NULL, in_scratch("labels.csv"), options);
}

static redux_label_row row_of(const redux_labels *labels, int64_t index)
{
    redux_label_row row;
    ck_assert_redux_ok(redux_labels_get_row(&row, labels, index));
    return row;
}

/* Quotes, "\r\n", a byte order mark, an empty line, columns in any order, others beside them. */
START_TEST(a_table)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels;
    const char *source;
    int64_t slice;
    make_files();
    options.label = "kind";
    options.group = "patient";
    options.split = "part";
    ck_assert_redux_ok(load(&labels,
                            "\xEF\xBB\xBFpart,slice,\"a \"\"note\"\"\",file,kind,patient\r\n"
                            "test,1,\"x\ny\",\"b/b,c.npy\",10,P2\r\n"
                            "\r\n"
                            "training,2,,a.npy,9,P1\r\n"
                            "train,0,,a.npy,-1,P1\r\n"
                            "valid,0,,\"b/b,c.npy\",9,P3",
                            &options));
    ck_assert_int_eq(redux_labels_row_count(labels), 4);
    ck_assert_int_eq(redux_labels_class_count(labels), 3);
    ck_assert_str_eq(redux_labels_class_name(labels, 0), "-1"); /* by value, not by bytes */
    ck_assert_str_eq(redux_labels_class_name(labels, 2), "10");
    ck_assert_ptr_null(redux_labels_class_name(labels, 3));
    ck_assert_int_eq(redux_labels_find_class(labels, "9"), 1);
    ck_assert_int_eq(redux_labels_find_class(labels, "8"), -1);
    ck_assert_int_eq(redux_labels_group_count(labels), 3);
    ck_assert_str_eq(redux_labels_group_name(labels, row_of(labels, 3).group), "P3");
    ck_assert_int_eq(row_of(labels, 0).label, 2);
    ck_assert_int_eq(row_of(labels, 0).split, REDUX_SPLIT_TEST);
    ck_assert_int_eq(row_of(labels, 1).split, REDUX_SPLIT_TRAIN);
    ck_assert_int_eq(row_of(labels, 3).split, REDUX_SPLIT_VALIDATION);
    ck_assert_int_eq(row_of(labels, 1).group, row_of(labels, 2).group);
    /* The dataset is in the order of the table. */
    ck_assert_int_eq(row_of(labels, 0).slice, 1);
    ck_assert_int_eq(row_of(labels, 1).slice, 4);
    ck_assert_int_eq(row_of(labels, 2).slice, 2);
    ck_assert_int_eq(row_of(labels, 3).slice, 0);
    ck_assert_redux_ok(redux_labels_get_row_name(&source, &slice, labels, 1));
    ck_assert_str_eq(source, in_scratch("a.npy"));
    ck_assert_int_eq(slice, 2);
    ck_assert_redux(REDUX_E_INVALID, redux_labels_get_row_name(&source, &slice, labels, 4));
    redux_labels_free(labels);
    /* Without a slice column: slice 0; texts in the order of their bytes. */
    ck_assert_redux_ok(load(&labels, "file,label\na.npy,zebra\n\"b/b,c.npy\",10\n", NULL));
    ck_assert_str_eq(redux_labels_class_name(labels, 0), "10");
    ck_assert_int_eq(row_of(labels, 0).label, 1);
    ck_assert_int_eq(row_of(labels, 1).slice, 3);
    ck_assert_int_eq(row_of(labels, 1).split, REDUX_SPLIT_NONE);
    redux_labels_free(labels);
}
END_TEST

static const struct {
    const char *table;
    redux_status status;
    const char *words;
} wrong[] = {
    {"", REDUX_E_FORMAT, "is empty"},
    {"file,label\n", REDUX_E_FORMAT, "no rows"},
    {"file,slice,tumour\na.npy,0,1\n", REDUX_E_NOT_FOUND,
     "'label'; there are: file, slice, tumour"},
    {"path,label\na.npy,0\n", REDUX_E_NOT_FOUND, "no column 'file'"},
    {"file,label\na.npy,0\nnone.npy,1\n", REDUX_E_NOT_FOUND, "line 3: no file"},
    {"file,slice,label\na.npy,0,0\na.npy,3,1\n", REDUX_E_FORMAT, "line 3: "},
    {"file,slice,label\na.npy,0,0\na.npy,-1,1\n", REDUX_E_FORMAT, "line 3: no slice number: '-1'"},
    {"file,slice,label\na.npy,0,0\na.npy,x,1\n", REDUX_E_FORMAT, "no slice number: 'x'"},
    {"file,slice,label\na.npy,1,0\na.npy,0,1\na.npy,1,1\n", REDUX_E_FORMAT,
     "lines 2 and 4 both label slice 1"},
    {"file,slice,label\na.npy,0,1\na.npy,1,1\n", REDUX_E_FORMAT, "all labels are '1'"},
    {"file,slice,label\na.npy,0,1\na.npy,1,\n", REDUX_E_FORMAT, "line 3: no label"},
    {"file,label\na.npy,0,1\n", REDUX_E_FORMAT, "line 2: 3 fields, not 2"},
    {"file,label\n\"a.npy,0\n", REDUX_E_FORMAT, "never closed"},
    {"file,label\n\"a\".npy,0\n", REDUX_E_FORMAT, "after a closing quote"},
    {"file,label\n,0\na.npy,1\n", REDUX_E_FORMAT, "no group"},
};

START_TEST(wrong_tables)
{
    redux_labels *labels = NULL;
    make_files();
    ck_assert_redux(wrong[_i].status, load(&labels, wrong[_i].table, NULL));
    ck_assert_ptr_null(labels);
    ck_assert_msg(strstr(redux_error_message(), wrong[_i].words) != NULL, "%s: %s", wrong[_i].words,
                  redux_error_message());
}
END_TEST

START_TEST(wrong_splits)
{
    static const char divided[] = "file,slice,label,split,p\na.npy,0,0,train,x\na.npy,1,1,val,y\n"
                                  "a.npy,2,1,test,x\n";
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels = NULL;
    make_files();
    options.split = "split";
    options.group = "p";
    ck_assert_redux(REDUX_E_FORMAT, load(&labels, divided, &options));
    ck_assert_ptr_nonnull(
        strstr(redux_error_message(), "group 'x' lies in two splits (lines 2 and 4)"));
    options.allow_divided_groups = 1;
    ck_assert_redux_ok(load(&labels, divided, &options));
    redux_labels_free(labels);
    ck_assert_redux(
        REDUX_E_FORMAT,
        load(&labels, "file,slice,label,split,p\na.npy,0,0,dev,x\na.npy,1,1,test,x\n", &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "line 2"));
    ck_assert_redux(REDUX_E_NOT_FOUND, load(&labels, "file,slice,label\na.npy,0,0\n", &options));
}
END_TEST

/* ---- archives ---- */

static void write_archive(const char *name, int64_t columns, int missing)
{
    static const char *const keys[] = {"train_images", "val_images", "test_images",
                                       "train_labels", "val_labels", "test_labels"};
    const int64_t counts[] = {4, 2, 3};
    redux_tensor arrays[6];
    const char *used[6];
    int64_t count = 0;
    for (int i = 0; i < 6; i++) {
        const int64_t shape[] = {counts[i % 3], i < 3 ? 8 : columns, 8};
        redux_tensor *array = &arrays[count];
        if (i == missing)
            continue;
        used[count++] = keys[i];
        ck_assert_redux_ok(redux_tensor_new(array, NULL, REDUX_UINT8,
                                            i < 3         ? 3
                                            : columns > 0 ? 2
                                                          : 1,
                                            shape));
        for (int64_t j = 0; i >= 3 && j < counts[i % 3]; j++)
            ((uint8_t *)array->data)[j * (columns > 0 ? columns : 1)] = (uint8_t)(5 + j % 3);
    }
    ck_assert_redux_ok(redux_npz_write(in_scratch(name), NULL, used, arrays, count));
    for (int64_t i = 0; i < count; i++)
        redux_tensor_release(&arrays[i]);
}

/* Two images and two labels of one part. */
static redux_status load_part(double first, double second, int64_t labels)
{
    static const char *const keys[] = {"train_images", "train_labels"};
    const int64_t shape[] = {2, 8, 8}, count[] = {labels};
    const double numbers[] = {first, second, 0};
    redux_tensor arrays[2];
    redux_labels *table = NULL;
    ck_assert_redux_ok(redux_tensor_new(&arrays[0], NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_tensor_new(&arrays[1], NULL, REDUX_FLOAT64, 1, count));
    memcpy(arrays[1].data, numbers, (size_t)labels * sizeof(double));
    ck_assert_redux_ok(redux_npz_write(in_scratch("p.npz"), NULL, keys, arrays, 2));
    const redux_status status = redux_labels_load(&table, NULL, in_scratch("p.npz"), NULL);
    if (status == REDUX_OK) {
        ck_assert_int_eq(redux_labels_row_count(table), 2);
        ck_assert_int_eq(redux_labels_class_count(table), 2);
    }
    redux_labels_free(table);
    for (int i = 0; i < 2; i++)
        redux_tensor_release(&arrays[i]);
    return status;
}

START_TEST(labels_that_are_none)
{
    ck_assert_redux_ok(load_part(-3, 7, 2));
    ck_assert_redux(REDUX_E_FORMAT, load_part(1, 0.5, 2));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "entry 1 is 0.5, no whole number"));
    ck_assert_redux(REDUX_E_FORMAT, load_part(1, NAN, 2));
    ck_assert_redux(REDUX_E_FORMAT, load_part(1e16, 0, 2));
    ck_assert_redux(REDUX_E_FORMAT, load_part(1, 0, 3));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "do not match its 2 images"));
    ck_assert_redux(REDUX_E_FORMAT, load_part(1, 1, 2));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "has 1 classes"));
}
END_TEST

START_TEST(an_archive)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels;
    const char *source;
    int64_t slice;
    for (int64_t columns = 0; columns < 2; columns++) {
        write_archive("m.npz", columns, -1);
        ck_assert_redux_ok(redux_labels_load(&labels, NULL, in_scratch("m.npz"), NULL));
        ck_assert_int_eq(redux_labels_row_count(labels), 9);
        ck_assert_int_eq(redux_labels_group_count(labels), 9);
        ck_assert_int_eq(redux_labels_class_count(labels), 3);
        ck_assert_str_eq(redux_labels_class_name(labels, 1), "6");
        ck_assert_int_eq(row_of(labels, 3).split, REDUX_SPLIT_TRAIN);
        ck_assert_int_eq(row_of(labels, 5).split, REDUX_SPLIT_VALIDATION);
        ck_assert_int_eq(row_of(labels, 8).split, REDUX_SPLIT_TEST);
        ck_assert_int_eq(row_of(labels, 8).label, 2);
        ck_assert_redux_ok(redux_labels_get_row_name(&source, &slice, labels, 8));
        ck_assert_str_eq(source, text("%s:test_images", in_scratch("m.npz")));
        ck_assert_int_eq(slice, 2);
        redux_labels_free(labels);
    }
    write_archive("m.npz", 2, -1);
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    redux_labels_load(&labels, NULL, in_scratch("m.npz"), NULL));
    write_archive("m.npz", 1, 4);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_labels_load(&labels, NULL, in_scratch("m.npz"), NULL));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "no val_labels"));
    write_archive("m.npz", 1, 0);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_labels_load(&labels, NULL, in_scratch("m.npz"), NULL));
    options.label = "kind";
    ck_assert_redux(REDUX_E_INVALID,
                    redux_labels_load(&labels, NULL, in_scratch("m.npz"), &options));
}
END_TEST

/* ---- splits ---- */

enum { ROWS = 120 };

/* Rows in `groups` groups of different sizes, a third of class 1. */
static redux_labels *many_rows(int groups)
{
    char *table = malloc(1 << 16);
    int used = snprintf(table, 1 << 16, "file,slice,label,p\n");
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels;
    write_volume("many.npy", ROWS, 8, 3);
    for (int i = 0; i < ROWS; i++)
        used += snprintf(table + used, (size_t)(1 << 16) - (size_t)used, "many.npy,%d,%d,%d\n", i,
                         i % 3 == 1, groups == ROWS ? i : (i * i / 7) % groups);
    options.group = "p";
    ck_assert_redux_ok(load(&labels, table, &options));
    free(table);
    return labels;
}

/* No group is divided; how many rows of each split and class. */
static void check_split(int64_t counts[3][2], const redux_labels *labels, const uint8_t *split)
{
    memset(counts, 0, sizeof(int64_t[3][2]));
    for (int64_t i = 0; i < ROWS; i++) {
        const redux_label_row row = row_of(labels, i);
        ck_assert_int_lt(split[i], 3);
        counts[split[i]][row.label]++;
        for (int64_t k = 0; k < i; k++)
            ck_assert(row_of(labels, k).group != row.group || split[k] == split[i]);
    }
}

START_TEST(folds)
{
    redux_split_options options = REDUX_SPLIT_OPTIONS_INIT;
    uint8_t split[ROWS], other[ROWS], first[ROWS];
    int64_t counts[3][2], tested[ROWS] = {0};
    const int groups = _i == 0 ? ROWS : 17;
    redux_labels *labels = many_rows(groups);
    options.method = REDUX_SPLIT_BY_FOLDS;
    for (options.fold = 0; options.fold < 5; options.fold++) {
        ck_assert_redux_ok(redux_labels_split(split, NULL, labels, &options));
        check_split(counts, labels, split);
        if (groups == ROWS) { /* 40 of class 1, 80 of class 0: exactly a fifth each */
            ck_assert_int_eq(counts[REDUX_SPLIT_TEST][1], 8);
            ck_assert_int_eq(counts[REDUX_SPLIT_TEST][0], 16);
            ck_assert_int_eq(counts[REDUX_SPLIT_VALIDATION][1], 8);
        } else { /* some 7 rows a group */
            ck_assert_int_gt(counts[REDUX_SPLIT_TEST][1], 2);
            ck_assert_int_gt(counts[REDUX_SPLIT_TEST][0], 8);
            ck_assert_int_gt(counts[REDUX_SPLIT_VALIDATION][1], 2);
        }
        /* The validation of a fold is the test of the next one. */
        for (int i = 0; i < ROWS && options.fold > 0; i++)
            ck_assert_int_eq(first[i] == REDUX_SPLIT_VALIDATION, split[i] == REDUX_SPLIT_TEST);
        memcpy(first, split, sizeof split);
        for (int i = 0; i < ROWS; i++)
            tested[i] += split[i] == REDUX_SPLIT_TEST;
    }
    for (int i = 0; i < ROWS; i++)
        ck_assert_int_eq(tested[i], 1);
    options.fold = 4;
    ck_assert_redux_ok(redux_labels_split(other, NULL, labels, &options));
    ck_assert_mem_eq(other, first, sizeof other);
    options.seed = 1;
    ck_assert_redux_ok(redux_labels_split(other, NULL, labels, &options));
    ck_assert_mem_ne(other, first, sizeof other);
    options.folds = 2;
    options.fold = 0;
    ck_assert_redux(REDUX_E_INVALID, redux_labels_split(other, NULL, labels, &options));
    options.folds = 121;
    ck_assert_redux(REDUX_E_INVALID, redux_labels_split(other, NULL, labels, &options));
    redux_labels_free(labels);
}
END_TEST

START_TEST(shares)
{
    redux_split_options options = REDUX_SPLIT_OPTIONS_INIT;
    uint8_t split[ROWS];
    int64_t counts[3][2];
    redux_labels *labels = many_rows(ROWS);
    options.method = REDUX_SPLIT_BY_SHARES;
    options.validation = 0.1;
    options.test = 0.3;
    ck_assert_redux_ok(redux_labels_split(split, NULL, labels, &options));
    check_split(counts, labels, split);
    ck_assert_int_le(llabs(counts[REDUX_SPLIT_TEST][0] - 24), 1);
    ck_assert_int_le(llabs(counts[REDUX_SPLIT_TEST][1] - 12), 1);
    ck_assert_int_le(llabs(counts[REDUX_SPLIT_VALIDATION][0] - 8), 1);
    ck_assert_int_le(llabs(counts[REDUX_SPLIT_VALIDATION][1] - 4), 1);
    options.test = 0.9;
    ck_assert_redux(REDUX_E_INVALID, redux_labels_split(split, NULL, labels, &options));
    options.method = REDUX_SPLIT_BY_TABLE;
    options.test = 0.2;
    ck_assert_redux(REDUX_E_INVALID, redux_labels_split(split, NULL, labels, &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "no splits"));
    redux_labels_free(labels);
}
END_TEST

/* A table without validation rows: groups of the training rows become those. */
START_TEST(validation_of_training)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_split_options how = REDUX_SPLIT_OPTIONS_INIT;
    char table[4000];
    uint8_t split[ROWS];
    int used = snprintf(table, sizeof table, "file,slice,label,split\n"), counts[3] = {0};
    redux_labels *labels;
    write_volume("many.npy", ROWS, 8, 3);
    options.split = "split";
    options.group = "slice";
    for (int i = 0; i < ROWS; i++)
        used += snprintf(table + used, sizeof table - (size_t)used, "many.npy,%d,%d,%s\n", i, i % 2,
                         i < 100 ? "train" : "test");
    ck_assert_redux_ok(load(&labels, table, &options));
    ck_assert_redux_ok(redux_labels_split(split, NULL, labels, &how));
    for (int i = 0; i < ROWS; i++) {
        counts[split[i]]++;
        ck_assert_int_eq(split[i] == REDUX_SPLIT_TEST, i >= 100);
    }
    ck_assert_int_eq(counts[REDUX_SPLIT_VALIDATION], 20);
    redux_labels_free(labels);
}
END_TEST

/* ---- leakage ---- */

/* Slices 0 ... 5 of one file, and in another copies of some, with noise. */
START_TEST(leakage)
{
    const int64_t shape[] = {4, 64, 64};
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_leakage_options narrow = REDUX_LEAKAGE_OPTIONS_INIT;
    redux_leakage_summary found = {.struct_size = sizeof found};
    redux_leak worst[2] = {{.struct_size = sizeof *worst}, {.struct_size = sizeof *worst}};
    redux_leakage *leaks;
    redux_tensor copies;
    redux_labels *labels;
    uint8_t split[10];
    float six[6 * 64 * 64];
    options.split = "split";
    write_volume("one.npy", 6, 64, 5);
    fill_pictures(six, 6, 64, 5);
    ck_assert_redux_ok(redux_tensor_new(&copies, NULL, REDUX_FLOAT32, 3, shape));
    float *pixels = copies.data;
    fill_pictures(pixels, 4, 64, 11);
    for (int i = 0; i < 64 * 64; i++) { /* 1 is 4 with noise, 3 is 2 as it is, 2 is flat */
        pixels[1 * 4096 + i] = six[4 * 4096 + i] + (float)((i * 7919) % 5) - 2;
        pixels[3 * 4096 + i] = six[2 * 4096 + i];
        pixels[2 * 4096 + i] = 1;
    }
    ck_assert_redux_ok(redux_npy_write(in_scratch("two.npy"), NULL, &copies));
    redux_tensor_release(&copies);
    ck_assert_redux_ok(load(&labels,
                            "file,slice,label,split\none.npy,0,0,train\none.npy,1,1,train\n"
                            "one.npy,2,0,train\none.npy,3,1,train\none.npy,4,0,train\n"
                            "one.npy,5,1,train\ntwo.npy,0,0,test\ntwo.npy,1,1,test\n"
                            "two.npy,2,0,test\ntwo.npy,3,0,test\n",
                            &options));
    for (int64_t i = 0; i < 10; i++)
        split[i] = (uint8_t)row_of(labels, i).split;
    ck_assert_redux_ok(redux_labels_find_leakage(&leaks, NULL, labels, split, NULL));
    ck_assert_redux_ok(redux_leakage_get_summary(&found, leaks));
    ck_assert_int_eq(found.pairs, 2);
    ck_assert_int_eq(found.test, 2);
    ck_assert_int_eq(found.validation, 0);
    ck_assert_int_eq(found.flat, 1);
    ck_assert_int_eq(found.compared, 18);
    ck_assert_int_eq(redux_leakage_worst_count(leaks), 2);
    for (int i = 0; i < 2; i++)
        ck_assert_redux_ok(redux_leakage_get_worst(&worst[i], leaks, i));
    ck_assert_redux(REDUX_E_INVALID, redux_leakage_get_worst(&worst[0], leaks, 2));
    ck_assert(worst[0].row == 9 && worst[0].of_row == 2);
    ck_assert(worst[0].distance == 0 && worst[0].pdq_distance == 0);
    ck_assert(worst[1].row == 7 && worst[1].of_row == 4);
    redux_leakage_free(leaks);
    /* All are counted, the nearest alone is kept. */
    narrow.worst = 1;
    ck_assert_redux_ok(redux_labels_find_leakage(&leaks, NULL, labels, split, &narrow));
    ck_assert_redux_ok(redux_leakage_get_summary(&found, leaks));
    ck_assert_int_eq(found.pairs, 2);
    ck_assert_int_eq(redux_leakage_worst_count(leaks), 1);
    ck_assert_redux_ok(redux_leakage_get_worst(&worst[0], leaks, 0));
    ck_assert_int_eq(worst[0].row, 9);
    redux_leakage_free(leaks);
    narrow.distance = -1;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_labels_find_leakage(&leaks, NULL, labels, split, &narrow));
    /* Nothing between splits where there is but one. */
    memset(split, REDUX_SPLIT_TRAIN, sizeof split);
    ck_assert_redux_ok(redux_labels_find_leakage(&leaks, NULL, labels, split, NULL));
    ck_assert_redux_ok(redux_leakage_get_summary(&found, leaks));
    ck_assert_int_eq(found.pairs + found.compared, 0);
    redux_leakage_free(leaks);
    redux_labels_free(labels);
}
END_TEST

/* The labels in the repository. */
START_TEST(repository)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_labels *labels;
    int64_t tumour = 0;
    options.label = "tumour";
    ck_assert_redux_ok(redux_labels_load(&labels, NULL, "data/ct/labels.csv", &options));
    ck_assert_int_eq(redux_labels_row_count(labels), 199);
    ck_assert_int_eq(redux_labels_group_count(labels), 4);
    for (int64_t i = 0; i < 199; i++)
        tumour += row_of(labels, i).label;
    ck_assert_int_gt(tumour, 20);
    ck_assert_int_lt(tumour, 179);
    redux_labels_free(labels);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("labels");
    TCase *cases = tcase_create("all");
    scratch_make();
    tcase_add_test(cases, a_table);
    tcase_add_loop_test(cases, wrong_tables, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(cases, wrong_splits);
    tcase_add_test(cases, an_archive);
    tcase_add_test(cases, labels_that_are_none);
    tcase_add_loop_test(cases, folds, 0, 2);
    tcase_add_test(cases, shares);
    tcase_add_test(cases, validation_of_training);
    tcase_add_test(cases, leakage);
    tcase_add_test(cases, repository);
    suite_add_tcase(suite, cases);
    const int status = run_suite(suite);
    scratch_remove();
    return status;
}
