/* SPDX-License-Identifier: MIT
 * Datasets cut into parts; part files and what is wrong with them. */
#include "io/io.h"
#include "support/test_io.h"

static const char *const names[2] = {"numbers", "pairs"};

/* Volumes of 1, 2, ... slices, 4 x 4; the bytes of volume v are 16 (v + 1). */
static redux_dataset *new_dataset(int64_t volumes)
{
    static uint8_t voxels[64 * 16];
    redux_volume_source sources[64];
    const redux_volume_source *list[64];
    redux_tensor tensors[64];
    static char sources_names[64][16];
    redux_dataset *dataset = NULL;
    for (int64_t v = 0; v < volumes; v++) {
        const int64_t shape[3] = {v + 1, 4, 4};
        sources[v] = (redux_volume_source)REDUX_VOLUME_SOURCE_INIT;
        ck_assert_redux_ok(redux_tensor_borrow(&tensors[v], voxels, REDUX_UINT8, 3, shape, NULL));
        snprintf(sources_names[v], sizeof sources_names[v], "v%d", (int)v);
        sources[v].source = sources_names[v];
        sources[v].voxels = &tensors[v];
        list[v] = &sources[v];
    }
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, list, volumes));
    return dataset;
}

/* ---- cutting ---- */

START_TEST(each_slice_is_in_one_part)
{
    static const int64_t counts[] = {1, 2, 3, 5, 7, 20, 50, 1000};
    redux_dataset *dataset = new_dataset(20);
    const int64_t slices = redux_dataset_slice_count(dataset);
    redux_part_options part = REDUX_PART_OPTIONS_INIT;
    part.count = counts[_i];
    uint8_t *seen = calloc((size_t)slices, 1), *wanted = malloc((size_t)slices);
    int64_t last = -1;
    for (part.index = 1; part.index <= part.count; part.index++) {
        ck_assert_redux_ok(redux_dataset_cut(wanted, NULL, dataset, &part));
        int64_t count = 0;
        for (int64_t row = 0; row < slices; row++) {
            ck_assert(wanted[row] == 0 || (wanted[row] == 1 && row > last));
            if (wanted[row]) { /* parts follow one another */
                seen[row]++;
                last = row;
                count++;
            }
        }
        /* No more than its share and one volume, the largest of 20 slices. */
        ck_assert_int_le(count, slices / part.count + 20);
    }
    for (int64_t row = 0; row < slices; row++)
        ck_assert_int_eq(seen[row], 1);
    free(seen);
    free(wanted);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(volumes_are_whole)
{
    redux_dataset *dataset = new_dataset(20);
    redux_part_options part = REDUX_PART_OPTIONS_INIT;
    uint8_t wanted[210];
    part.count = 6;
    for (part.index = 1; part.index <= 6; part.index++) {
        ck_assert_redux_ok(redux_dataset_cut(wanted, NULL, dataset, &part));
        for (int64_t v = 0; v < 20; v++)
            for (int64_t s = 1; s <= v; s++)
                ck_assert_int_eq(wanted[redux_dataset_slice_number(dataset, v, s)],
                                 wanted[redux_dataset_slice_number(dataset, v, 0)]);
    }
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(wrong_numbers)
{
    static const int64_t wrong[][2] = {{0, 3}, {4, 3}, {-1, 3}, {1, 0}, {1, 1000001}};
    redux_dataset *dataset = new_dataset(2);
    redux_part_options part = REDUX_PART_OPTIONS_INIT;
    uint8_t wanted[3];
    part.index = wrong[_i][0];
    part.count = wrong[_i][1];
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_cut(wanted, NULL, dataset, &part));
    redux_dataset_free(dataset);
}
END_TEST

/* ---- files ---- */

/* Part `index` of `count`: row r has the number 3 r and the pair (r, -r). */
static const char *save(const redux_dataset *dataset, int64_t index, int64_t count, const char *job,
                        const char *file)
{
    const int64_t slices = redux_dataset_slice_count(dataset);
    uint8_t wanted[256];
    int64_t rows[256], used = 0;
    redux_part_options part = REDUX_PART_OPTIONS_INIT;
    redux_tensor arrays[2];
    part.index = index;
    part.count = count;
    part.kind = "test";
    part.job = job;
    part.note = "a note";
    ck_assert_redux_ok(redux_dataset_cut(wanted, NULL, dataset, &part));
    for (int64_t row = 0; row < slices; row++)
        if (wanted[row])
            rows[used++] = row;
    const int64_t shape[2] = {used, 2};
    ck_assert_redux_ok(redux_tensor_new(&arrays[0], NULL, REDUX_INT64, 1, shape));
    ck_assert_redux_ok(redux_tensor_new(&arrays[1], NULL, REDUX_FLOAT32, 2, shape));
    for (int64_t i = 0; i < used; i++) {
        ((int64_t *)arrays[0].data)[i] = 3 * rows[i];
        ((float *)arrays[1].data)[2 * i] = (float)rows[i];
        ((float *)arrays[1].data)[2 * i + 1] = -(float)rows[i];
    }
    ck_assert_redux_ok(redux_part_save(in_scratch(file), NULL, dataset, &part, 2, names, arrays));
    redux_tensor_release(&arrays[0]);
    redux_tensor_release(&arrays[1]);
    return in_scratch(file);
}

START_TEST(joined_parts_are_the_whole)
{
    redux_dataset *dataset = new_dataset(8);
    const char *paths[5];
    redux_parts *parts = NULL;
    redux_tensor numbers, pairs;
    for (int i = 0; i < 5; i++) { /* in any order */
        const int index = (i * 2) % 5 + 1;
        paths[i] = save(dataset, index, 5, "{\"a\": 1}", text("part.%d", index));
    }
    ck_assert_redux_ok(redux_parts_open(&parts, NULL, paths, 5));
    ck_assert_int_eq(redux_parts_count(parts), 5);
    ck_assert_int_eq(redux_parts_missing_count(parts), 0);
    ck_assert_str_eq(redux_parts_kind(parts), "test");
    ck_assert_str_eq(redux_parts_note(parts), "a note");
    ck_assert_str_eq(redux_parts_job(parts), "{\"a\":1}");
    ck_assert_redux_ok(redux_parts_join(&numbers, NULL, parts, dataset, "numbers"));
    ck_assert_redux_ok(redux_parts_join(&pairs, NULL, parts, dataset, "pairs"));
    ck_assert_int_eq(numbers.shape[0], 36);
    ck_assert_int_eq(pairs.shape[1], 2);
    for (int64_t i = 0; i < 36; i++) {
        ck_assert_int_eq(((const int64_t *)numbers.data)[i], 3 * i);
        ck_assert(((const float *)pairs.data)[2 * i + 1] == -(float)i);
    }
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_parts_join(&pairs, NULL, parts, dataset, "nothing"));
    redux_tensor_release(&numbers);
    redux_tensor_release(&pairs);
    redux_parts_free(parts);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(missing_parts_have_numbers)
{
    redux_dataset *dataset = new_dataset(8);
    redux_parts *parts = NULL;
    redux_tensor out;
    const char *paths[2] = {save(dataset, 4, 6, NULL, "four"), save(dataset, 2, 6, NULL, "two")};
    ck_assert_redux_ok(redux_parts_open(&parts, NULL, paths, 2));
    ck_assert_int_eq(redux_parts_missing_count(parts), 4);
    ck_assert_int_eq(redux_parts_missing(parts, 0), 1);
    ck_assert_int_eq(redux_parts_missing(parts, 1), 3);
    ck_assert_int_eq(redux_parts_missing(parts, 2), 5);
    ck_assert_int_eq(redux_parts_missing(parts, 3), 6);
    ck_assert_int_eq(redux_parts_missing(parts, 4), 0);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_parts_join(&out, NULL, parts, dataset, "numbers"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "1, 3, 5, 6"));
    redux_parts_free(parts);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(parts_of_different_jobs)
{
    redux_dataset *dataset = new_dataset(8), *other = new_dataset(7);
    redux_parts *parts = NULL;
    redux_tensor out;
    const char *two = save(dataset, 2, 2, "{\"a\": 2}", "two");
    const char *paths[2] = {save(dataset, 1, 2, "{\"a\": 1}", "one"), two};
    ck_assert_redux(REDUX_E_FORMAT, redux_parts_open(&parts, NULL, paths, 2));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "a is 1 in one and 2 in the other"));
    save(other, 2, 2, "{\"a\": 1}", "two");
    ck_assert_redux(REDUX_E_FORMAT, redux_parts_open(&parts, NULL, paths, 2));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "dataset"));
    paths[1] = paths[0];
    ck_assert_redux(REDUX_E_FORMAT, redux_parts_open(&parts, NULL, paths, 2));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "both part 1"));
    save(dataset, 2, 2, "{\"a\": 1}", "two");
    paths[1] = two;
    ck_assert_redux_ok(redux_parts_open(&parts, NULL, paths, 2));
    ck_assert_redux(REDUX_E_FORMAT, redux_parts_join(&out, NULL, parts, other, "numbers"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "of another dataset"));
    redux_parts_free(parts);
    redux_dataset_free(other);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(done_or_not)
{
    redux_dataset *dataset = new_dataset(8);
    redux_part_options part = REDUX_PART_OPTIONS_INIT;
    int32_t done = 7;
    part.count = 2;
    part.kind = "test";
    part.job = "{\"a\": 1}";
    ck_assert_redux_ok(redux_part_is_done(&done, NULL, in_scratch("none"), dataset, &part));
    ck_assert_int_eq(done, 0);
    const char *path = save(dataset, 1, 2, "{\"a\": 1}", "one");
    ck_assert_redux_ok(redux_part_is_done(&done, NULL, path, dataset, &part));
    ck_assert_int_eq(done, 1);
    part.index = 2;
    ck_assert_redux(REDUX_E_FORMAT, redux_part_is_done(&done, NULL, path, dataset, &part));
    part.index = 1;
    part.job = "{\"b\": 1}";
    ck_assert_redux(REDUX_E_FORMAT, redux_part_is_done(&done, NULL, path, dataset, &part));
    part.job = "[]";
    ck_assert_redux(REDUX_E_INVALID, redux_part_is_done(&done, NULL, path, dataset, &part));
    redux_dataset_free(dataset);
}
END_TEST

/* Every byte that is changed, and every length but the whole, is noticed. */
START_TEST(damage_is_noticed)
{
    redux_dataset *dataset = new_dataset(3);
    const char *path = save(dataset, 1, 1, NULL, "whole"), *bad = in_scratch("bad");
    size_t size;
    unsigned char *bytes = NULL;
    redux_parts *parts = NULL;
    ck_assert_redux_ok(rdx_read_whole(&bytes, &size, NULL, path));
    for (size_t i = 0; i < size; i += 1 + i % 3) {
        bytes[i] ^= 0x20;
        write_bytes(bad, bytes, size);
        bytes[i] ^= 0x20;
        ck_assert_redux(REDUX_E_FORMAT, redux_parts_open(&parts, NULL, &bad, 1));
        write_bytes(bad, bytes, i);
        ck_assert_redux(REDUX_E_FORMAT, redux_parts_open(&parts, NULL, &bad, 1));
    }
    rdx_free(bytes);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(wrong_arrays)
{
    redux_dataset *dataset = new_dataset(3);
    redux_part_options part = REDUX_PART_OPTIONS_INIT;
    redux_tensor array;
    int64_t rows = 6;
    const char *twice[2] = {"a", "a"};
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_UINT8, 1, &rows));
    const redux_tensor two[2] = {array, array};
    ck_assert_redux(REDUX_E_INVALID, redux_part_save(in_scratch("x"), NULL, dataset, &part, 1,
                                                     twice, two)); /* no kind */
    part.kind = "test";
    ck_assert_redux(REDUX_E_INVALID,
                    redux_part_save(in_scratch("x"), NULL, dataset, &part, 2, twice, two));
    ck_assert_redux_ok(redux_part_save(in_scratch("x"), NULL, dataset, &part, 1, twice, two));
    part.count = 2; /* has fewer slices */
    ck_assert_redux(REDUX_E_INVALID,
                    redux_part_save(in_scratch("x"), NULL, dataset, &part, 1, twice, two));
    redux_tensor_release(&array);
    redux_dataset_free(dataset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *cut = tcase_create("cut"), *files = tcase_create("files");
    tcase_add_loop_test(cut, each_slice_is_in_one_part, 0, 8);
    tcase_add_test(cut, volumes_are_whole);
    tcase_add_loop_test(cut, wrong_numbers, 0, 5);
    suite_add_tcase(suite, cut);
    tcase_add_checked_fixture(files, scratch_make, scratch_remove);
    tcase_add_test(files, joined_parts_are_the_whole);
    tcase_add_test(files, missing_parts_have_numbers);
    tcase_add_test(files, parts_of_different_jobs);
    tcase_add_test(files, done_or_not);
    tcase_add_test(files, damage_is_noticed);
    tcase_add_test(files, wrong_arrays);
    suite_add_tcase(suite, files);
    return run_suite(suite);
}
