/* SPDX-License-Identifier: MIT
 * .npy and .npz against NumPy: types, orders, versions; damaged files; and writing. */
#include <zlib.h>
#include "support/test_io.h"

static redux_status npy_status(const char *path)
{
    redux_tensor out;
    const redux_status status = redux_npy_read(&out, NULL, path);
    if (status == REDUX_OK)
        redux_tensor_release(&out);
    return status;
}

static redux_status npz_status(const char *path, const char *key)
{
    redux_tensor out;
    const redux_status status = redux_npz_read(&out, NULL, path, key);
    if (status == REDUX_OK)
        redux_tensor_release(&out);
    return status;
}

/* ---- .npy ---- */

static void assert_npy(const char *name)
{
    redux_tensor have, want;
    golden(&want, text("want/%s", name));
    ck_assert_redux_ok(redux_npy_read(&have, NULL, unpack(name)));
    assert_same(&have, &want, name);
    redux_tensor_release(&have);
    redux_tensor_release(&want);
}

START_TEST(types)
{
    static const char *const dtypes[] = {"bool",   "int8",    "int16",   "int32",
                                         "int64",  "uint8",   "uint16",  "uint32",
                                         "uint64", "float16", "float32", "float64"};
    assert_npy(text("%s_%s%s.npy", dtypes[_i / 4], _i % 2 ? "be" : "le", _i / 2 % 2 ? "_f" : ""));
}
END_TEST

START_TEST(kinds)
{
    static const char *const names[] = {
        "version1.npy", "version2.npy", "version3.npy",  "scalar.npy",    "vector.npy",
        "empty.npy",    "axes8.npy",    "odd_order.npy", "unaligned.npy", "unaligned2.npy"};
    assert_npy(names[_i]);
}
END_TEST

START_TEST(unsupported)
{
    static const char *const names[] = {"complex.npy", "string.npy", "record.npy",
                                        "date.npy",    "object.npy", "axes9.npy"};
    const char *path = unpack(names[_i]);
    ck_assert_redux(REDUX_E_UNSUPPORTED, npy_status(path));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
}
END_TEST

START_TEST(bad_headers)
{
    static const char *const names[] = {
        "no_dict", "no_end",  "no_shape", "twice",       "extra",     "key",  "negative",
        "huge",    "product", "order",    "float_shape", "call",      "list", "comma",
        "escape",  "nothing", "magic",    "larger",      "long_descr"};
    const char *path = unpack(text("bad_%s.npy", names[_i]));
    ck_assert_redux(REDUX_E_FORMAT, npy_status(path));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
}
END_TEST

START_TEST(bad_versions)
{
    ck_assert_redux(REDUX_E_UNSUPPORTED, npy_status(unpack("bad_version.npy")));
    ck_assert_redux(REDUX_E_UNSUPPORTED, npy_status(unpack("bad_length.npy")));
    ck_assert_redux(REDUX_E_NOT_FOUND, npy_status(in_scratch("none.npy")));
    ck_assert_redux(REDUX_E_IO, npy_status(scratch));
    ck_assert_redux(REDUX_E_INVALID, npy_status(NULL));
}
END_TEST

START_TEST(npy_cut_short)
{
    redux_tensor bytes;
    const char *path = in_scratch("cut.npy");
    golden_bytes(&bytes, _i ? "int32_be_f.npy" : "int32_le.npy");
    for (int64_t length = 0; length < bytes.shape[0]; length++) {
        write_bytes(path, bytes.data, (size_t)length);
        ck_assert_redux(REDUX_E_FORMAT, npy_status(path));
    }
    redux_tensor_release(&bytes);
}
END_TEST

/* Each bit of a header flipped: any answer but a crash. */
START_TEST(npy_flipped)
{
    redux_tensor bytes;
    const char *path = in_scratch("flipped.npy");
    golden_bytes(&bytes, "int32_le.npy");
    uint8_t *data = bytes.data;
    for (int bit = 0; bit < 128 * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_bytes(path, data, (size_t)bytes.shape[0]);
        npy_status(path);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    redux_tensor_release(&bytes);
}
END_TEST

START_TEST(beyond_the_limit)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_tensor out;
    options.max_bytes = 200; /* the elements take 240 */
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_redux(REDUX_E_LIMIT, redux_npy_read(&out, context, unpack("int32_le.npy")));
    ck_assert_redux(REDUX_E_LIMIT, redux_npy_read(&out, context, unpack("int32_be.npy")));
    redux_context_free(context);
}
END_TEST

/* A file that is cut short while it is in use: a status, and no SIGBUS; what was read stays. */
START_TEST(cut_short_while_open)
{
    const int64_t shape[] = {64, 64, 64};
    const char *path = in_scratch("shrinks.npy");
    redux_tensor stack, read, slice;
    redux_dataset *dataset;
    redux_volume *volume;
    ck_assert_redux_ok(redux_tensor_new(&stack, NULL, REDUX_UINT16, 3, shape));
    for (int64_t i = 0; i < 64 * 64 * 64; i++)
        ((uint16_t *)stack.data)[i] = (uint16_t)(i * 7);
    ck_assert_redux_ok(redux_npy_write(path, NULL, &stack));
    ck_assert_redux_ok(redux_npy_read(&read, NULL, path));
    ck_assert_redux_ok(open_path(&dataset, path, NULL));
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, 63));
    ck_assert_int_eq(truncate(path, 4096), 0);
    ck_assert_mem_eq(slice.data, (uint16_t *)stack.data + 63 * 64 * 64, 64 * 64 * 2);
    redux_tensor_release(&slice);
    ck_assert_redux(REDUX_E_FORMAT, redux_volume_slice(&slice, NULL, volume, 63));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "shrinks.npy: is cut short"));
    assert_same(&read, &stack, "read before");
    redux_volume_free(volume);
    redux_dataset_free(dataset);
    redux_tensor_release(&read);
    redux_tensor_release(&stack);
}
END_TEST

/* ---- .npz ---- */

START_TEST(archives)
{
    static const char *const names[] = {"stored.npz", "deflated.npz"};
    redux_tensor have, want;
    const char *path = unpack(names[_i]);
    golden(&want, text("want/%s", names[_i]));
    ck_assert_redux_ok(redux_npz_read(&have, NULL, path, "b"));
    assert_same(&have, &want, path);
    redux_tensor_release(&have);
    ck_assert_redux_ok(npz_status(path, "a"));
    ck_assert_redux(REDUX_E_NOT_FOUND, npz_status(path, "c"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "'c'"));
    ck_assert_redux(REDUX_E_NOT_FOUND, npz_status(path, "b.npy"));
    ck_assert_redux(REDUX_E_NOT_FOUND, npz_status(path, ""));
    redux_tensor_release(&want);
}
END_TEST

START_TEST(odd_archives)
{
    redux_tensor have, want;
    golden(&want, "want/other.npz");
    ck_assert_redux_ok(redux_npz_read(&have, NULL, unpack("other.npz"), "deep/\xc3\xa4"));
    assert_same(&have, &want, "other.npz");
    redux_tensor_release(&have);
    redux_tensor_release(&want);
    ck_assert_redux(REDUX_E_UNSUPPORTED, npz_status(unpack("bzip2.npz"), "images"));
    ck_assert_redux(REDUX_E_UNSUPPORTED, npz_status(unpack("medmnist.npz"), "names"));
    ck_assert_redux(REDUX_E_NOT_FOUND, npz_status(unpack("empty.npz"), "a"));
    ck_assert_redux(REDUX_E_FORMAT, npz_status(unpack_as("vector.npy", "no.npz"), "a"));
    ck_assert_redux(REDUX_E_NOT_FOUND, npz_status(in_scratch("none.npz"), "a"));
}
END_TEST

START_TEST(npz_cut_short)
{
    static const char *const names[] = {"big.npz", "stored.npz"};
    static const char *const keys[] = {"images", "b"};
    redux_tensor bytes;
    const char *path = in_scratch("cut.npz");
    golden_bytes(&bytes, names[_i]);
    const int64_t size = bytes.shape[0], step = size > 700 ? size / 300 : 1;
    for (int64_t length = 0; length<size; length += length + 40> size ? 1 : step) {
        write_bytes(path, bytes.data, (size_t)length);
        ck_assert_redux(REDUX_E_FORMAT, npz_status(path, keys[_i]));
    }
    redux_tensor_release(&bytes);
}
END_TEST

/* No flipped bit gives other elements than those that were stored: the CRC sees to that. */
START_TEST(npz_flipped)
{
    static const char *const names[] = {"big.npz", "stored.npz"};
    static const char *const keys[] = {"images", "b"};
    redux_tensor bytes, want, have;
    const char *path = in_scratch("flipped.npz");
    int noticed = 0;
    golden_bytes(&bytes, names[_i]);
    write_bytes(path, bytes.data, (size_t)bytes.shape[0]);
    ck_assert_redux_ok(redux_npz_read(&want, NULL, path, keys[_i]));
    uint8_t *data = bytes.data;
    const int64_t size = bytes.shape[0];
    for (int64_t at = 0; at<size; at += size> 1500 ? 7 : 1) {
        data[at] ^= (uint8_t)(1 << at % 8);
        write_bytes(path, data, (size_t)size);
        if (redux_npz_read(&have, NULL, path, keys[_i]) == REDUX_OK) {
            assert_same(&have, &want, text("byte %lld", (long long)at));
            redux_tensor_release(&have);
        } else {
            noticed++;
        }
        data[at] ^= (uint8_t)(1 << at % 8);
    }
    ck_assert_int_gt(noticed, 100);
    redux_tensor_release(&bytes);
    redux_tensor_release(&want);
}
END_TEST

/* ---- writing ---- */

static const redux_dtype writable[] = {REDUX_BOOL,   REDUX_INT8,    REDUX_INT16,   REDUX_INT32,
                                       REDUX_INT64,  REDUX_UINT8,   REDUX_UINT16,  REDUX_UINT32,
                                       REDUX_UINT64, REDUX_FLOAT16, REDUX_FLOAT32, REDUX_FLOAT64};

/* An array of the dtype, its bytes counting up. */
static void counting(redux_tensor *out, redux_dtype dtype, int32_t ndim)
{
    const int64_t shape[] = {3, 5, 7, 2};
    ck_assert_redux_ok(redux_tensor_new(out, NULL, dtype, ndim, shape));
    const size_t size = (size_t)redux_tensor_elements(out) * redux_dtype_size(dtype);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out->data)[i] = dtype == REDUX_BOOL ? i % 3 == 0 : (uint8_t)(i * 3);
}

START_TEST(npy_out)
{
    redux_tensor array, back, turned;
    const int32_t order[] = {2, 0, 1};
    const char *path = in_scratch("out.npy");
    counting(&array, writable[_i], 3);
    ck_assert_redux_ok(redux_npy_write(path, NULL, &array));
    ck_assert_redux_ok(redux_npy_read(&back, NULL, path));
    assert_same(&back, &array, path);
    redux_tensor_release(&back);
    ck_assert_redux_ok(redux_tensor_permute(&turned, &array, order));
    ck_assert_redux_ok(redux_npy_write(path, NULL, &turned));
    ck_assert_redux_ok(redux_npy_read(&back, NULL, path));
    assert_same(&back, &turned, path);
    redux_tensor_release(&back);
    redux_tensor_release(&turned);
    redux_tensor_release(&array);
}
END_TEST

/* Byte for byte what NumPy writes. */
START_TEST(npy_out_as_numpy)
{
    static const char *const names[] = {"scalar.npy",   "vector.npy",     "version1.npy",
                                        "empty.npy",    "axes8.npy",      "bool_le.npy",
                                        "int16_le.npy", "float16_le.npy", "float64_le.npy"};
    redux_tensor array, bytes;
    size_t size;
    const char *path = in_scratch("numpy.npy");
    ck_assert_redux_ok(redux_npy_read(&array, NULL, unpack(names[_i])));
    ck_assert_redux_ok(redux_npy_write(path, NULL, &array));
    redux_tensor_release(&array);
    golden_bytes(&bytes, names[_i]);
    unsigned char *written = read_bytes(path, &size);
    ck_assert_uint_eq(size, (size_t)bytes.shape[0]);
    ck_assert_mem_eq(written, bytes.data, size);
    free(written);
    redux_tensor_release(&bytes);
}
END_TEST

START_TEST(npz_out)
{
    static const char *const keys[] = {"images", "deep/er", "\xc3\xa4", "labels"};
    redux_tensor arrays[4], back;
    size_t size, again_size;
    const char *path = in_scratch("out.npz");
    for (int32_t i = 0; i < 4; i++)
        counting(&arrays[i], writable[(i * 5 + 2) % 12], i + 1);
    ck_assert_redux_ok(redux_npz_write(path, NULL, keys, arrays, 4));
    for (int i = 0; i < 4; i++) {
        ck_assert_redux_ok(redux_npz_read(&back, NULL, path, keys[i]));
        assert_same(&back, &arrays[i], keys[i]);
        redux_tensor_release(&back);
    }
    unsigned char *first = read_bytes(path, &size);
    ck_assert_redux_ok(redux_npz_write(path, NULL, keys, arrays, 4));
    unsigned char *again = read_bytes(path, &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(first, again, size);
    /* The local header's date is 1980-01-01, 00:00. */
    ck_assert_mem_eq(first + 10, "\0\0\x21\0", 4);
    free(first);
    free(again);
    ck_assert_redux_ok(redux_npz_write(path, NULL, NULL, NULL, 0));
    ck_assert_redux(REDUX_E_NOT_FOUND, npz_status(path, "images"));
    for (int i = 0; i < 4; i++)
        redux_tensor_release(&arrays[i]);
}
END_TEST

START_TEST(bad_keys)
{
    static const char *const keys[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", NULL};
    redux_tensor arrays[2];
    const char *path = in_scratch("keys.npz");
    counting(&arrays[0], REDUX_UINT8, 2);
    counting(&arrays[1], REDUX_BFLOAT16, 2);
    ck_assert_redux(REDUX_E_INVALID, redux_npz_write(path, NULL, &keys[_i], arrays, 1));
    const char *twice[] = {"a", "a"}, *two[] = {"a", "b"};
    ck_assert_redux(REDUX_E_INVALID, redux_npz_write(path, NULL, twice, arrays, 2));
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_npz_write(path, NULL, two, arrays, 2));
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_npy_write(path, NULL, &arrays[1]));
    ck_assert_redux(REDUX_E_INVALID, redux_npz_write(NULL, NULL, two, arrays, 1));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_npz_write(in_scratch("no/x"), NULL, two, arrays, 1));
    if (access("/dev/full", W_OK) == 0)
        ck_assert_redux(REDUX_E_IO, redux_npz_write("/dev/full", NULL, two, arrays, 1));
    ck_assert_int_ne(access(path, F_OK), 0);
    redux_tensor_release(&arrays[0]);
    redux_tensor_release(&arrays[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_array");
    TCase *tests = tcase_create("arrays");
    golden_archive = "tests/golden/data/io/arrays.npz";
    tcase_add_loop_test(tests, types, 0, 48);
    tcase_add_loop_test(tests, kinds, 0, 10);
    tcase_add_loop_test(tests, unsupported, 0, 6);
    tcase_add_loop_test(tests, bad_headers, 0, 19);
    tcase_add_test(tests, bad_versions);
    tcase_add_loop_test(tests, npy_cut_short, 0, 2);
    tcase_add_test(tests, npy_flipped);
    tcase_add_test(tests, beyond_the_limit);
    tcase_add_test(tests, cut_short_while_open);
    tcase_add_loop_test(tests, archives, 0, 2);
    tcase_add_test(tests, odd_archives);
    tcase_add_loop_test(tests, npz_cut_short, 0, 2);
    tcase_add_loop_test(tests, npz_flipped, 0, 2);
    tcase_add_loop_test(tests, npy_out, 0, 12);
    tcase_add_loop_test(tests, npy_out_as_numpy, 0, 9);
    tcase_add_test(tests, npz_out);
    tcase_add_loop_test(tests, bad_keys, 0, 9);
    suite_add_tcase(suite, tests);
    scratch_make();
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
