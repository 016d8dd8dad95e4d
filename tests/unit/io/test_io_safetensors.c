/* SPDX-License-Identifier: MIT
 * safetensors: files made by hand, round trips of every dtype, every byte altered, every length. */
#include <math.h>
#include "support/test_io.h"

/* A file from its header and data; the length may be told wrongly. */
static const char *write_file(const char *header, const void *data, size_t size, int64_t more)
{
    const char *path = in_scratch("by-hand.safetensors");
    const size_t length = strlen(header);
    unsigned char bytes[4096];
    ck_assert_uint_le(8 + length + size, sizeof bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(((uint64_t)((int64_t)length + more)) >> (8 * i) & 255);
    memcpy(bytes + 8, header, length); /* NOLINT(bugprone-not-null-terminated-result) */
    if (size > 0)
        memcpy(bytes + 8 + length, data, size);
    write_bytes(path, bytes, 8 + length + size);
    return path;
}

START_TEST(made_by_hand)
{
    static const unsigned char data[] = {0, 0, 128, 63, 0, 0, 0, 192, 7, 255, 255, 1, 0, 2, 0};
    redux_safetensors *file;
    redux_tensor tensor;
    const char *path =
        write_file("{\"b\":{\"dtype\":\"I16\",\"shape\":[2,1,1],\"data_offsets\":[11,15]},"
                   "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                   "\"__metadata__\":{\"format\":\"pt\"},"
                   "\"empty\":{\"dtype\":\"F64\",\"shape\":[3,0],\"data_offsets\":[8,8]},"
                   "\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]},"
                   "\"t\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[9,11]}}   ",
                   data, sizeof data, 0);
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    ck_assert_int_eq(redux_safetensors_tensor_count(file), 5);
    ck_assert_str_eq(redux_safetensors_metadata(file, "format"), "pt");
    ck_assert_ptr_null(redux_safetensors_metadata(file, "none"));
    ck_assert_ptr_null(redux_safetensors_name(file, 5));
    ck_assert_int_eq(redux_safetensors_find(file, "none"), -1);
    ck_assert_redux_ok(
        redux_safetensors_get_tensor(&tensor, file, redux_safetensors_find(file, "a")));
    ck_assert(tensor.dtype == REDUX_FLOAT32 && tensor.ndim == 1 && tensor.shape[0] == 2);
    ck_assert_float_eq(((const float *)tensor.data)[0], 1);
    ck_assert_float_eq(((const float *)tensor.data)[1], -2);
    redux_tensor_release(&tensor);
    ck_assert_redux_ok(
        redux_safetensors_get_tensor(&tensor, file, redux_safetensors_find(file, "s")));
    ck_assert(tensor.ndim == 0 && *(const uint8_t *)tensor.data == 7);
    redux_tensor_release(&tensor);
    ck_assert_redux_ok(
        redux_safetensors_get_tensor(&tensor, file, redux_safetensors_find(file, "t")));
    ck_assert_int_eq(*(const int16_t *)tensor.data, -1); /* not aligned in the file */
    redux_tensor_release(&tensor);
    ck_assert_redux_ok(
        redux_safetensors_get_tensor(&tensor, file, redux_safetensors_find(file, "b")));
    redux_safetensors_free(file);
    ck_assert(tensor.ndim == 3 && tensor.shape[2] == 1); /* outlives the file */
    ck_assert_int_eq(((const int16_t *)tensor.data)[1], 2);
    redux_tensor_release(&tensor);
}
END_TEST

START_TEST(bad_files)
{
#define PLACE(dtype, shape, begin, end)                                                            \
    "\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]"
    static const struct {
        const char *header;
        int64_t more;
        redux_status expected;
    } bad[] = {
        {"", 0, REDUX_E_FORMAT},
        {"{}", 1000, REDUX_E_FORMAT},
        {"{}", INT64_MAX - 2, REDUX_E_FORMAT},
        {"{}", -3, REDUX_E_FORMAT},
        {"[]", 0, REDUX_E_FORMAT},
        {"{}", 0, REDUX_E_FORMAT}, /* eight bytes that belong to nothing */
        {"{\"a\":1}", 0, REDUX_E_FORMAT},
        {"{\"a\":{}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "0", "8") "},\"a\":{" PLACE("F32", "[2]", "0", "8") "}}", 0,
         REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "0", "8") "}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F8_E4M3", "[8]", "0", "8") "}}", 0, REDUX_E_UNSUPPORTED},
        {"{\"a\":{" PLACE("F32", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}}", 0, REDUX_E_UNSUPPORTED},
        {"{\"a\":{" PLACE("F32", "[3]", "0", "8") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[-2]", "0", "8") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2.0]", "0", "8") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "2", "0", "8") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "8", "0") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "-8", "0") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[4]", "0", "16") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[1]", "0", "4") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[1]", "4", "8") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "0", "8") "},\"b\":{" PLACE("U8", "[4]", "4", "8") "}}", 0,
         REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[4611686018427387904,4]", "0", "8") "}}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[0,9223372036854775807,9223372036854775807]", "0",
                          "0") "},\"b\":{" PLACE("U8", "[8]", "0", "8") "}}",
         0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "0", "8") "},\"__metadata__\":[]}", 0, REDUX_E_FORMAT},
        {"{\"a\":{" PLACE("F32", "[2]", "0", "8") "},\"__metadata__\":{\"x\":1}}", 0,
         REDUX_E_FORMAT},
    };
    static const unsigned char data[8] = {0};
    redux_safetensors *file = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *path = write_file(bad[i].header, data, sizeof data, bad[i].more);
        ck_assert_redux(bad[i].expected, redux_safetensors_load(&file, NULL, path));
        ck_assert_ptr_null(file);
    }
    write_bytes(in_scratch("short"), "\1\0\0", 3);
    ck_assert_redux(REDUX_E_FORMAT, redux_safetensors_load(&file, NULL, in_scratch("short")));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_safetensors_load(&file, NULL, in_scratch("none")));
}
END_TEST

enum { TENSORS = 14 };
static const redux_dtype dtypes[TENSORS - 1] = {
    REDUX_INT8,    REDUX_INT16,    REDUX_INT32,  REDUX_INT64,   REDUX_UINT8,
    REDUX_UINT16,  REDUX_UINT32,   REDUX_UINT64, REDUX_FLOAT16, REDUX_FLOAT32,
    REDUX_FLOAT64, REDUX_BFLOAT16, REDUX_BOOL};

/* One of each dtype, and the transpose of one; all with bytes that tell where they are. */
static void fill(redux_tensor tensors[TENSORS], const char *names[TENSORS])
{
    const int64_t shape[] = {2, 3, 5};
    const int32_t turned[] = {2, 1, 0};
    for (int i = 0; i < TENSORS - 1; i++) {
        ck_assert_redux_ok(redux_tensor_new(&tensors[i], NULL, dtypes[i], 3, shape));
        unsigned char *bytes = tensors[i].data;
        for (size_t b = 0; b < 30 * redux_dtype_size(dtypes[i]); b++)
            bytes[b] = (unsigned char)(dtypes[i] == REDUX_BOOL ? b % 2 : 17 * b + (size_t)i);
        names[i] = text("layer%d.%s", i % 4, redux_dtype_name(dtypes[i]));
    }
    names[TENSORS - 1] = "layer1.transposed \xc3\xa4";
    ck_assert_redux_ok(redux_tensor_permute(&tensors[TENSORS - 1], &tensors[1], turned));
}

static void save(const char *path, const redux_tensor *tensors, const char *const *names)
{
    static const char *const keys[] = {"format", "arch"}, *const values[] = {"pt", "\"resnet18\""};
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    content.count = TENSORS;
    content.names = names;
    content.tensors = tensors;
    content.pair_count = 2;
    content.keys = keys;
    content.values = values;
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content));
}

START_TEST(round_trip)
{
    redux_tensor tensors[TENSORS], read, whole;
    const char *names[TENSORS], *path = in_scratch("a.safetensors");
    redux_safetensors *file;
    size_t size, again;
    fill(tensors, names);
    save(path, tensors, names);
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    ck_assert_int_eq(redux_safetensors_tensor_count(file), TENSORS);
    ck_assert_str_eq(redux_safetensors_metadata(file, "arch"), "\"resnet18\"");
    for (int i = 0; i < TENSORS; i++) {
        ck_assert_redux_ok(
            redux_safetensors_get_tensor(&read, file, redux_safetensors_find(file, names[i])));
        ck_assert(read.dtype == tensors[i].dtype && read.ndim == 3);
        ck_assert_mem_eq(read.shape, tensors[i].shape, sizeof read.shape);
        ck_assert(redux_tensor_is_contiguous(&read));
        ck_assert_uint_eq((uintptr_t)read.data % redux_dtype_size(read.dtype), 0);
        ck_assert_redux_ok(redux_tensor_contiguous(&whole, NULL, &tensors[i], tensors[i].dtype));
        ck_assert_mem_eq(read.data, whole.data, 30 * redux_dtype_size(read.dtype));
        redux_tensor_release(&whole);
        redux_tensor_release(&read);
    }
    redux_safetensors_free(file);
    /* The order of what is handed in does not matter to the bytes. */
    unsigned char *first = read_bytes(path, &size);
    for (int i = 0; i < TENSORS / 2; i++) {
        const redux_tensor tensor = tensors[i];
        const char *name = names[i];
        tensors[i] = tensors[TENSORS - 1 - i];
        names[i] = names[TENSORS - 1 - i];
        tensors[TENSORS - 1 - i] = tensor;
        names[TENSORS - 1 - i] = name;
    }
    save(path, tensors, names);
    unsigned char *second = read_bytes(path, &again);
    ck_assert(size == again && memcmp(first, second, size) == 0);
    ck_assert_uint_eq((size_t)(first[0] | first[1] << 8) % 8, 0);
    free(first);
    free(second);
    for (int i = 0; i < TENSORS; i++)
        redux_tensor_release(&tensors[i]);
}
END_TEST

START_TEST(altered_or_cut_short)
{
    redux_tensor tensors[TENSORS];
    const char *names[TENSORS], *path = in_scratch("a.safetensors");
    redux_safetensors *file = NULL;
    size_t size;
    fill(tensors, names);
    save(path, tensors, names);
    unsigned char *bytes = read_bytes(path, &size);
    const size_t header = (size_t)(bytes[0] | bytes[1] << 8);
    for (size_t i = 0; i < size; i += i < header + 8 ? 1 : 7) {
        const unsigned char before = bytes[i];
        bytes[i] ^= 1;
        write_bytes(path, bytes, size);
        const redux_status status = redux_safetensors_load(&file, NULL, path);
        /* A space of the padding may become another blank (0x20 ^ 1 is '!', which is refused too).
         */
        ck_assert_msg(status == REDUX_E_FORMAT || status == REDUX_E_UNSUPPORTED,
                      "byte %zu of %zu altered: %s", i, size, redux_status_string(status));
        ck_assert_ptr_null(file);
        bytes[i] = before;
    }
    for (size_t length = 0; length < size; length += length < header + 8 ? 3 : 11) {
        write_bytes(path, bytes, length);
        ck_assert_redux(REDUX_E_FORMAT, redux_safetensors_load(&file, NULL, path));
    }
    free(bytes);
    for (int i = 0; i < TENSORS; i++)
        redux_tensor_release(&tensors[i]);
}
END_TEST

START_TEST(content_that_makes_no_sense)
{
    const int64_t shape[] = {2};
    redux_tensor tensors[2];
    const char *names[] = {"a", "b"}, *keys[] = {"k", "k"}, *values[] = {"v", "w"};
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    const char *path = in_scratch("c.safetensors");
    ck_assert_redux_ok(redux_tensor_new(&tensors[0], NULL, REDUX_FLOAT32, 1, shape));
    ck_assert_redux_ok(redux_tensor_new(&tensors[1], NULL, REDUX_FLOAT64, 1, shape));
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content)); /* empty is a file too */
    redux_safetensors *file;
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    ck_assert_int_eq(redux_safetensors_tensor_count(file), 0);
    redux_safetensors_free(file);
    unlink(path);
    content.count = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_safetensors_save(path, NULL, &content));
    content.names = names;
    content.tensors = tensors;
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        change;                                                                                    \
        ck_assert_redux(REDUX_E_INVALID, redux_safetensors_save(path, NULL, &content));            \
        ck_assert_int_ne(access(path, F_OK), 0);                                                   \
    } while (0)
    REFUSED(names[1] = "a");
    REFUSED(names[1] = "__metadata__");
    REFUSED(names[1] = NULL);
    REFUSED(names[1] = "\xff");
    names[1] = "b";
    content.pair_count = 2;
    REFUSED((void)0);
    content.keys = keys;
    content.values = values;
    REFUSED((void)0);
    REFUSED(keys[1] = "redux.crc32");
    REFUSED(keys[1] = NULL);
    REFUSED(keys[1] = "l"; values[1] = "\xff");
    values[1] = "w";
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content));
    ck_assert_redux(REDUX_E_NOT_FOUND,
                    redux_safetensors_save(in_scratch("no/where"), NULL, &content));
    redux_tensor_release(&tensors[0]);
    redux_tensor_release(&tensors[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, made_by_hand);
    tcase_add_test(tests, bad_files);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, altered_or_cut_short);
    tcase_add_test(tests, content_that_makes_no_sense);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
