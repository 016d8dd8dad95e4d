/* SPDX-License-Identifier: MIT
 * Lists of hashes: printed, in their binary form and damaged, and made from datasets. */
#include <zlib.h>
#include "support/counted.h"
#include "support/test_hash.h"

#define VOLUME "data/ct/STS_019_CT.nii.gz"

/* ---- lists ---- */

typedef struct bytes {
    char *data;
    size_t size;
} bytes;

static int collect(const char *piece, size_t length, void *user)
{
    bytes *all = user;
    all->data = realloc(all->data, all->size + length + 1);
    ck_assert_ptr_nonnull(all->data);
    memcpy(all->data + all->size, piece, length);
    all->size += length;
    all->data[all->size] = '\0';
    return 0;
}

static int refuse(const char *piece, size_t length, void *user)
{
    (void)piece;
    (void)length;
    (void)user;
    return 1;
}

static bytes written(const redux_hash_list *list, redux_hash_list_format format, int32_t with_info)
{
    bytes all = {NULL, 0};
    ck_assert_redux_ok(redux_hash_list_write(list, NULL, format, with_info, collect, &all));
    return all;
}

/* Three entries of two sources. */
static redux_hash_list *small_list(void)
{
    redux_hash_options options = options_of("hu", "difference", "5");
    redux_hash_list *list;
    options.window = (redux_window){REDUX_WINDOW_RANGE, -200.5, 300};
    const redux_hash_item items[] = {
        {"a, b.nii", 4, (const uint8_t *)"\x12\x34\x56\x80", {57, 0}},
        {"a, b.nii", 5, (const uint8_t *)"\0\0\0\0", {0, REDUX_HASH_FLAT}},
        {"c\xff.png", 0, (const uint8_t *)"\xff\xff\xff\x80", {-1, 0}},
    };
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, &options));
    for (int i = 0; i < 3; i++)
        ck_assert_redux_ok(redux_hash_list_add(list, NULL, &items[i]));
    return list;
}

#define HEAD "#redux-hash\t1\tdifference\thu\t5\t-200.5:300\n"

/* Text is read back, whatever the names hold; other versions and damaged lines are refused. */
START_TEST(text_is_read_back)
{
    static const char *const wrong[] = {
        "#redux-hash\t2\tdifference\thu\t5\t-200.5:300\n",
        "#redux-hash\tx\n",
        "#redux-hash\t1\tdifference\thu\t5\n",
        "#redux-hash\t1\tmd5\thu\t5\t0:1\n",
        "#redux-hash\t1\tdifference\thu\t5\t0:1",
        HEAD "a\t4\t02468ad",
        HEAD "a\\x\t4\t02468ad\n",
        HEAD "a\t-4\t02468ad\n",
        HEAD "a\t4\t02468a\n",
        HEAD "a\t4\t02468ad\t101\t-\n",
        HEAD "a\t4\t02468ad\t100\n",
        HEAD "\t4\t02468ad\n",
    };
    redux_hash_list *list = small_list(), *again;
    const redux_hash_item evil = {
        "tab\tline\nreturn\rback\\slash", 3, (const uint8_t *)"\x12\x34\x56\x80", {7, 2}};
    ck_assert_redux_ok(redux_hash_list_add(list, NULL, &evil));
    for (int info = 0; info < 2; info++) {
        bytes all = written(list, REDUX_HASH_LIST_TEXT, info);
        ck_assert_redux_ok(redux_hash_list_decode(&again, NULL, all.data, strlen(all.data)));
        bytes twice = written(again, REDUX_HASH_LIST_TEXT, info);
        ck_assert_str_eq(all.data, twice.data);
        redux_hash_item item;
        ck_assert_redux_ok(redux_hash_list_get_item(&item, again, 3));
        ck_assert_str_eq(item.source, evil.source);
        redux_hash_list_free(again);
        free(all.data);
        free(twice.data);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_redux(i == 0 ? REDUX_E_UNSUPPORTED : REDUX_E_FORMAT,
                        redux_hash_list_decode(&again, NULL, wrong[i], strlen(wrong[i])));
    redux_hash_list_free(list);
}
END_TEST

START_TEST(lists_are_printed)
{
    redux_hash_list *list = small_list();
    bytes all = written(list, REDUX_HASH_LIST_TEXT, 0);
    ck_assert_str_eq(all.data,
                     HEAD "a, b.nii\t4\t02468ad\na, b.nii\t5\t0000000\nc\xff.png\t0\t1ffffff\n");
    free(all.data);
    all = written(list, REDUX_HASH_LIST_TEXT, 1);
    ck_assert_str_eq(all.data, HEAD "a, b.nii\t4\t02468ad\t57\t-\na, b.nii\t5\t0000000\t0\tflat\n"
                                    "c\xff.png\t0\t1ffffff\t-\t-\n");
    free(all.data);
    all = written(list, REDUX_HASH_LIST_CSV, 1);
    ck_assert_str_eq(all.data, "source,slice,hash,quality,flags\n\"a, b.nii\",4,02468ad,57,\n"
                               "\"a, b.nii\",5,0000000,0,flat\nc\xff.png,0,1ffffff,,\n");
    free(all.data);
    all = written(list, REDUX_HASH_LIST_JSON, 1);
    ck_assert_str_eq(
        all.data,
        "{\"version\": 1, \"hash\": \"difference\", \"profile\": \"hu\", \"bits\": 25, "
        "\"size\": 5, \"window\": [-200.5,300.0], \"codes\": [\n"
        "{\"source\":\"a, "
        "b.nii\",\"slice\":4,\"hash\":\"02468ad\",\"quality\":57,\"flags\":\"\"},\n"
        "{\"source\":\"a, "
        "b.nii\",\"slice\":5,\"hash\":\"0000000\",\"quality\":0,\"flags\":\"flat\"},\n"
        "{\"source\":\"c?.png\",\"slice\":0,\"hash\":\"1ffffff\",\"quality\":null,\"flags\":\"\"}\n"
        "]}\n");
    free(all.data);
    for (int format = 0; format < 4; format++)
        ck_assert_redux(
            REDUX_E_IO,
            redux_hash_list_write(list, NULL, (redux_hash_list_format)format, 0, refuse, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_hash_list_write(list, NULL, (redux_hash_list_format)4, 0, collect, &all));
    redux_hash_list_free(list);
    redux_hash_list_free(NULL);
}
END_TEST

START_TEST(lists_come_back_from_bytes)
{
    redux_hash_list *list = small_list(), *back;
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    redux_hash_item a, b;
    redux_tensor codes;
    const char *path = in_scratch("codes.rdx");
    ck_assert_redux_ok(redux_hash_list_save(path, NULL, list, REDUX_HASH_LIST_BINARY, 0));
    ck_assert_redux_ok(redux_hash_list_load(&back, NULL, path));
    ck_assert_int_eq(redux_hash_list_count(back), 3);
    ck_assert_redux_ok(redux_hash_list_get_options(&options, back));
    ck_assert_int_eq(options.hash, REDUX_HASH_DIFFERENCE);
    ck_assert_int_eq(options.profile, REDUX_PROFILE_HU);
    ck_assert_int_eq(options.size, 5);
    ck_assert_int_eq(options.window.kind, REDUX_WINDOW_RANGE);
    ck_assert_double_eq(options.window.low, -200.5);
    ck_assert_double_eq(options.window.high, 300);
    for (int i = 0; i < 3; i++) {
        ck_assert_redux_ok(redux_hash_list_get_item(&a, list, i));
        ck_assert_redux_ok(redux_hash_list_get_item(&b, back, i));
        ck_assert_str_eq(a.source, b.source);
        ck_assert_int_eq(a.slice, b.slice);
        ck_assert_mem_eq(a.code, b.code, 4);
        ck_assert_int_eq(a.info.quality, b.info.quality);
        ck_assert_uint_eq(a.info.flags, b.info.flags);
    }
    ck_assert_redux_ok(redux_hash_list_get_codes(&codes, back));
    ck_assert_int_eq(codes.shape[0], 3);
    ck_assert_int_eq(codes.shape[1], 4);
    ck_assert_mem_eq((char *)codes.data + 8, "\xff\xff\xff\x80", 4);
    bytes one = written(list, REDUX_HASH_LIST_BINARY, 0);
    bytes two = written(back, REDUX_HASH_LIST_BINARY, 1);
    ck_assert_uint_eq(one.size, two.size);
    ck_assert_mem_eq(one.data, two.data, one.size);
    free(one.data);
    free(two.data);
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_get_item(&a, back, 3));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_get_item(&a, back, -1));
    redux_hash_list_free(list);
    redux_hash_list_free(back);
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, NULL)); /* an empty one too */
    ck_assert_redux_ok(redux_hash_list_save(path, NULL, list, REDUX_HASH_LIST_BINARY, 0));
    ck_assert_redux_ok(redux_hash_list_load(&back, NULL, path));
    ck_assert_int_eq(redux_hash_list_count(back), 0);
    ck_assert_redux_ok(redux_hash_list_get_codes(&codes, back));
    ck_assert_int_eq(codes.shape[0], 0);
    redux_hash_list_free(list);
    redux_hash_list_free(back);
    write_bytes(path, "\x89RDXHSH\nxyz", 11);
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_list_load(&back, NULL, path));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "codes.rdx: "));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_hash_list_load(&back, NULL, in_scratch("none")));
}
END_TEST

/* Each byte altered, each length, bytes behind it. */
START_TEST(damaged_lists_are_refused)
{
    redux_hash_list *list = small_list(), *back = NULL;
    bytes all = written(list, REDUX_HASH_LIST_BINARY, 0);
    for (size_t i = 0; i < all.size; i++) {
        all.data[i] = (char)(all.data[i] ^ 1 << i % 8);
        const redux_status status = redux_hash_list_decode(&back, NULL, all.data, all.size);
        const bool version = i >= 8 && i < 12; /* a later one, or none at all */
        ck_assert_msg(status == REDUX_E_FORMAT || (version && status == REDUX_E_UNSUPPORTED),
                      "byte %zu altered: %s", i, redux_status_string(status));
        all.data[i] = (char)(all.data[i] ^ 1 << i % 8);
    }
    for (size_t size = 0; size < all.size; size++)
        ck_assert_redux(REDUX_E_FORMAT, redux_hash_list_decode(&back, NULL, all.data, size));
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_list_decode(&back, NULL, all.data, all.size + 1));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_decode(&back, NULL, NULL, 0));
    ck_assert_ptr_null(back);
    free(all.data);
    redux_hash_list_free(list);
}
END_TEST

/* With a checksum that fits: heads and entries that cannot be. Each byte is set to each of some
 * values; what is accepted must be written again as the same bytes. */
START_TEST(inconsistent_lists_are_refused)
{
    static const unsigned char values[] = {0, 1, 2, 5, 7, 101, 127, 128, 254, 255};
    redux_hash_list *list = small_list(), *back;
    bytes all = written(list, REDUX_HASH_LIST_BINARY, 0);
    int accepted = 0, refused = 0;
    for (size_t i = 8; i + 4 < all.size; i++)
        for (size_t k = 0; k < sizeof values; k++) {
            const char before = all.data[i];
            all.data[i] = (char)values[k];
            const uint32_t crc = (uint32_t)crc32(0, (const Bytef *)all.data, (uInt)(all.size - 4));
            for (size_t b = 0; b < 4; b++)
                all.data[all.size - 4 + b] = (char)(crc >> 8 * b);
            const redux_status status = redux_hash_list_decode(&back, NULL, all.data, all.size);
            if (status == REDUX_OK) {
                bytes again = written(back, REDUX_HASH_LIST_BINARY, 0);
                ck_assert_uint_eq(again.size, all.size);
                ck_assert_mem_eq(again.data, all.data, all.size);
                free(again.data);
                redux_hash_list_free(back);
                accepted++;
            } else {
                ck_assert_msg(status == REDUX_E_FORMAT || (i < 12 && status == REDUX_E_UNSUPPORTED),
                              "byte %zu is %d: %s", i, values[k], redux_status_string(status));
                refused++;
            }
            all.data[i] = before;
        }
    ck_assert_int_gt(accepted, 100); /* codes, letters of names, slices */
    ck_assert_int_gt(refused, 300);
    free(all.data);
    redux_hash_list_free(list);
}
END_TEST

START_TEST(lists_refuse_wrong_entries)
{
    redux_hash_list *list;
    redux_hash_options wrong = options_of("imagehash", "pdq", "0");
    const uint8_t code[8] = {0};
    const redux_hash_item good = {"x", 0, code, {100, 3}};
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_new(&list, NULL, &wrong));
    wrong.hash = REDUX_HASH_DCT;
    wrong.window.kind = (redux_window_kind)9;
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_new(&list, NULL, &wrong));
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, NULL));
    ck_assert_redux_ok(redux_hash_list_add(list, NULL, &good));
    for (int i = 0; i < 6; i++) {
        redux_hash_item bad = good;
        bad.source = i == 0 ? "" : i == 1 ? NULL : "x";
        bad.slice = i == 2 ? -1 : 0;
        bad.info.quality = i == 3 ? 101 : i == 4 ? -2 : 5;
        bad.info.flags = i == 5 ? 4 : 0;
        ck_assert_redux(REDUX_E_INVALID, redux_hash_list_add(list, NULL, &bad));
    }
    ck_assert_int_eq(redux_hash_list_count(list), 1);
    ck_assert_int_eq(redux_hash_list_count(NULL), 0);
    redux_hash_list_free(list);
}
END_TEST

/* Decoding and hashing a dataset, which leaves the list as it was. */
START_TEST(lists_run_out_of_memory)
{
    const char *path = "data/ct/STS_002_CT.nii.gz";
    const redux_window automatic = {REDUX_WINDOW_AUTO, 0, 0};
    const redux_hash_options pdq = options_of("pdq", "pdq", "0");
    redux_hash_list *list = small_list(), *back = NULL;
    redux_dataset *dataset;
    counter memory;
    redux_context *context = counted_context(&memory, 0);
    bytes all = written(list, REDUX_HASH_LIST_BINARY, 0);
    const int before = memory.live;
    int tries = 0;
    do {
        counted_fail_from(&memory, tries++);
        const redux_status status = redux_hash_list_decode(&back, context, all.data, all.size);
        ck_assert(status == REDUX_OK || status == REDUX_E_NO_MEMORY);
        ck_assert(back != NULL || memory.live == before);
    } while (back == NULL);
    ck_assert_int_gt(tries, 4);
    redux_hash_list_free(back);
    ck_assert_int_eq(memory.live, before);
    counted_fail(&memory, -1);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_redux_ok(redux_hash_list_new(&back, context, &pdq));
    for (tries = 0; redux_hash_list_count(back) == 0; tries++) {
        counted_fail_from(&memory, tries);
        const redux_status status =
            redux_hash_list_add_dataset(back, context, dataset, automatic, 1);
        ck_assert_msg(status == REDUX_OK || status == REDUX_E_NO_MEMORY, "%s",
                      redux_error_message());
        ck_assert_int_eq(status == REDUX_OK, redux_hash_list_count(back) > 0);
    }
    ck_assert_int_gt(tries, 8);
    redux_hash_list_free(back);
    ck_assert_int_eq(memory.live, before);
    counted_fail(&memory, -1);
    free(all.data);
    redux_dataset_free(dataset);
    redux_hash_list_free(list);
    redux_context_free(context);
}
END_TEST

/* ---- datasets ---- */

static bytes dataset_codes(const char *path, const redux_hash_options *options, const char *window,
                           int threads)
{
    redux_dataset_options how = REDUX_DATASET_OPTIONS_INIT;
    redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_dataset *dataset;
    redux_hash_list *list;
    redux_window chosen;
    context_options.threads = threads;
    if (options->profile == REDUX_PROFILE_PAPER_HASH)
        how.orientation = REDUX_ORIENTATION_STORED;
    ck_assert_redux_ok(redux_context_new(&context, &context_options));
    ck_assert_redux_ok(redux_dataset_open(&dataset, context, &path, 1, &how));
    ck_assert_redux_ok(redux_window_parse(&chosen, window));
    ck_assert_redux_ok(redux_hash_list_new(&list, context, options));
    ck_assert_redux_ok(redux_hash_list_add_dataset(list, context, dataset, chosen, 1));
    ck_assert_int_eq(redux_hash_list_count(list), redux_dataset_slice_count(dataset));
    bytes all = written(list, REDUX_HASH_LIST_TEXT, 1);
    redux_hash_list_free(list);
    redux_dataset_free(dataset);
    redux_context_free(context);
    return all;
}

/* Same bytes whatever the threads. */
START_TEST(datasets_are_hashed)
{
    static const char *const kinds[][3] = {{"paper-hash", "difference", "auto"},
                                           {"imagehash", "wavelet", "lung"},
                                           {"hu", "dct", "abdomen"},
                                           {"pdq", "pdq", "auto"}};
    const char *path = VOLUME;
    for (size_t i = 0; i < 4; i++) {
        const redux_hash_options options = options_of(kinds[i][0], kinds[i][1], "0");
        bytes one = dataset_codes(path, &options, kinds[i][2], 1);
        bytes three = dataset_codes(path, &options, kinds[i][2], 3);
        ck_assert_str_eq(one.data, three.data);
        free(one.data);
        free(three.data);
    }
    redux_dataset_options how = REDUX_DATASET_OPTIONS_INIT;
    redux_dataset *dataset;
    redux_hash_list *list;
    const redux_window automatic = {REDUX_WINDOW_AUTO, 0, 0};
    const redux_window range = {REDUX_WINDOW_RANGE, 0, 1};
    how.orientation = REDUX_ORIENTATION_STORED;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, &how));
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_add_dataset(list, NULL, dataset, range, 0));
    ck_assert_redux_ok(redux_hash_list_add_dataset(list, NULL, dataset, automatic, 0));
    const redux_window slice = {REDUX_WINDOW_SLICE, 0, 0};
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_add_dataset(list, NULL, dataset, slice, 0));
    redux_hash_list_free(list);
    const redux_hash_options hu = options_of("hu", "dct", "0");
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, &hu));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_hash_list_add_dataset(list, NULL, dataset, automatic, 0));
    redux_hash_list_free(list);
    redux_dataset_free(dataset);
}
END_TEST

/* Files in colour, with alpha where it counts; a window makes them grey. */
START_TEST(picture_files_keep_their_colours)
{
    static const char *const kinds[][3] = {
        {"blockhash", "blockhash", "16"}, {"imagehash", "colour", "3"},
        {"opencv", "marr-hildreth", "0"}, {"opencv", "average", "0"},
        {"imagededup", "average", "0"},   {"imagehash", "average", "8"}};
    const char *path = unpack("alpha.png");
    char hex[1100], *expected;
    redux_tensor picture, alpha;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const redux_hash_options options = options_of(kinds[i][0], kinds[i][1], kinds[i][2]);
        bytes all = dataset_codes(path, &options, "auto", 1);
        ck_assert_int_eq(golden_code(hex, "alpha", kinds[i][0], kinds[i][1], kinds[i][2]), 1);
        expected = strchr(strchr(all.data, '\n'), '\t') + 3; /* after the first line */
        ck_assert_msg(strncmp(expected, hex, strlen(hex)) == 0 && expected[strlen(hex)] == '\t',
                      "%s %s: %s, expected %s", kinds[i][0], kinds[i][1], expected, hex);
        free(all.data);
    }
    const redux_hash_options colour = options_of("imagehash", "colour", "0");
    bytes grey = dataset_codes(path, &colour, "0:255", 1),
          full = dataset_codes(path, &colour, "full", 1);
    ck_assert_str_ne(grey.data, full.data);
    free(grey.data);
    free(full.data);
    /* the same pixels in an array */
    ck_assert_int_eq(golden_code(hex, "wide", "imagehash", "colour", "3"), 1);
    bytes array = dataset_codes(PICTURES ":stack", &colour, "auto", 1);
    ck_assert_int_eq(strncmp(strchr(strchr(array.data, '\n'), '\t') + 3, hex, strlen(hex)), 0);
    free(array.data);
    ck_assert_redux_ok(redux_picture_read_alpha(&picture, NULL, path));
    golden(&alpha, "alpha");
    assert_same(&picture, &alpha, "alpha.png");
    redux_tensor_release(&picture);
    redux_tensor_release(&alpha);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash_list");
    TCase *tests = tcase_create("hash_list");
    golden_archive = PICTURES;
    scratch_make();
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, lists_are_printed);
    tcase_add_test(tests, text_is_read_back);
    tcase_add_test(tests, lists_come_back_from_bytes);
    tcase_add_test(tests, damaged_lists_are_refused);
    tcase_add_test(tests, inconsistent_lists_are_refused);
    tcase_add_test(tests, lists_refuse_wrong_entries);
    tcase_add_test(tests, lists_run_out_of_memory);
    tcase_add_test(tests, datasets_are_hashed);
    tcase_add_test(tests, picture_files_keep_their_colours);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
