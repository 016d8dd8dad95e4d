/* SPDX-License-Identifier: MIT
 * torch.save's files, made by hand: tensors of all types and strides, pickles that are damaged or
 * want to run something, archives that do not hold what they promise. (tests/golden/torch_files.py
 * has PyTorch write them.) */
#include <math.h>
#include "support/test_io.h"
#include "support/torch_writer.h"

static const float numbers[6] = {0, 1, 2, 3, 4, 5};

/* One tensor of six elements, whatever it is. */
#define SIX(offset, shape, strides) TORCH_VIEW("FloatStorage", "0", "6", offset, shape, strides)
#define PLAIN SIX("0", "I2\nI3\n", "I3\nI1\n")

static torch_bytes bytes;

/* "w.pt" with a pickle and the storage of `numbers`. */
static const char *write_pickle(const char *pickle, size_t length)
{
    memset(&bytes, 0, sizeof bytes);
    torch_add(&bytes, "archive/data.pkl", pickle, length);
    torch_add_numbers(&bytes, "archive/data/0", numbers, 6, sizeof *numbers);
    torch_end(&bytes);
    write_bytes(in_scratch("w.pt"), bytes.at, bytes.size);
    return in_scratch("w.pt");
}

static redux_status load(redux_safetensors **out, const char *pickle)
{
    return redux_safetensors_load(out, NULL, write_pickle(pickle, strlen(pickle)));
}

static redux_tensor tensor_of(const redux_safetensors *file, const char *name)
{
    redux_tensor tensor;
    ck_assert_redux_ok(
        redux_safetensors_get_tensor(&tensor, file, redux_safetensors_find(file, name)));
    ck_assert(redux_tensor_is_contiguous(&tensor));
    return tensor;
}

START_TEST(dicts_give_names_and_strides_are_followed)
{
    redux_safetensors *file;
    ck_assert_redux_ok(load(
        &file, "(" TORCH_KEY("a") "(" TORCH_KEY("w") PLAIN TORCH_KEY("turned")
                   SIX("1", "I2\nI2\n", "I1\nI3\n") "dI7\n(I3\n" SIX("5", "", "") "d" TORCH_KEY(
                       "epoch") "I3\n" TORCH_KEY("none") "N" TORCH_KEY("list") "(" PLAIN "ld."));
    ck_assert_int_eq(redux_safetensors_tensor_count(file), 3);
    redux_tensor w = tensor_of(file, "a.w"), turned = tensor_of(file, "a.turned"),
                 one = tensor_of(file, "7.3");
    redux_safetensors_free(file);
    ck_assert(w.ndim == 2 && w.shape[0] == 2 && w.shape[1] == 3 && w.dtype == REDUX_FLOAT32);
    ck_assert_mem_eq(w.data, numbers, sizeof numbers);
    ck_assert_mem_eq(turned.data, ((const float[]){1, 4, 2, 5}), 16);
    ck_assert(one.ndim == 0 && *(const float *)one.data > 4.5F);
    redux_tensor_release(&w);
    redux_tensor_release(&turned);
    redux_tensor_release(&one);
}
END_TEST

/* An ordered dict, a parameter, a tensor with an attribute, one of torch 2's v3. */
START_TEST(each_way_to_pickle_a_tensor)
{
    static const char pickle[] = "ccollections\nOrderedDict\n(tR(" TORCH_KEY(
        "a") "ctorch._utils\n_rebuild_parameter\n(" PLAIN
             "I01\nccollections\nOrderedDict\n(tRtR" TORCH_KEY(
                 "b") "ctorch._tensor\n_rebuild_from_type_v2\n("
                      "ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n"
                      "((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI6\ntQI0\n(I6\nt(I1\ntI00\nNt("
                      "dtR" TORCH_KEY(
                          "c") "ctorch._utils\n_rebuild_tensor_v3\n((Vstorage\nctorch."
                               "storage\nUntypedStorage\nV1\nVcpu\nI6\ntQ"
                               "I1\n(I2\nt(I1\ntI00\nNctorch\nuint16\ntRu(V_metadata\n(ddb.";
    static const uint16_t more[] = {7, 8, 9};
    redux_safetensors *file;
    memset(&bytes, 0, sizeof bytes);
    torch_add(&bytes, "x/data.pkl", pickle, sizeof pickle - 1);
    torch_add_numbers(&bytes, "x/data/1", more, 3, sizeof *more);
    torch_add(&bytes, "x/version", "3\n", 2);
    torch_add_numbers(&bytes, "x/data/0", numbers, 6, sizeof *numbers);
    torch_end(&bytes);
    write_bytes(in_scratch("w.pt"), bytes.at, bytes.size);
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, in_scratch("w.pt")));
    redux_tensor a = tensor_of(file, "a"), b = tensor_of(file, "b"), c = tensor_of(file, "c");
    ck_assert_mem_eq(a.data, numbers, sizeof numbers);
    ck_assert_mem_eq(b.data, numbers, sizeof numbers);
    ck_assert(c.dtype == REDUX_UINT16);
    ck_assert_mem_eq(c.data, more + 1, 4);
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    redux_tensor_release(&c);
    redux_safetensors_free(file);
}
END_TEST

/* Each type's size, the other byte order, and empty tensors. */
START_TEST(types_and_byte_order)
{
    static const struct {
        const char *type;
        redux_dtype dtype;
    } types[] = {{"DoubleStorage", REDUX_FLOAT64}, {"FloatStorage", REDUX_FLOAT32},
                 {"HalfStorage", REDUX_FLOAT16},   {"BFloat16Storage", REDUX_BFLOAT16},
                 {"LongStorage", REDUX_INT64},     {"IntStorage", REDUX_INT32},
                 {"ShortStorage", REDUX_INT16},    {"CharStorage", REDUX_INT8},
                 {"ByteStorage", REDUX_UINT8},     {"BoolStorage", REDUX_BOOL}};
    static const unsigned char raw[] = {1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1};
    redux_safetensors *file;
    for (size_t i = 0; i < 20; i++) {
        const size_t size = redux_dtype_size(types[i / 2].dtype);
        const char *pickle = text(
            "(" TORCH_KEY(
                "w") "ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\n%s\nV0\nVcpu\nI2\n"
                     "tQI0\n(I2\nt(I1\ntI00\nNtR" TORCH_KEY(
                         "e") "ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\n%s\n"
                              "V0\nVcpu\nI2\ntQI2\n(I3\nI0\nt(I1\nI1\ntI00\nNtRd.",
            types[i / 2].type, types[i / 2].type);
        memset(&bytes, 0, sizeof bytes);
        torch_add(&bytes, "x/data.pkl", pickle, strlen(pickle));
        torch_add(&bytes, "x/byteorder", i % 2 == 0 ? "little" : "big", i % 2 == 0 ? 6 : 3);
        torch_add(&bytes, "x/data/0", raw, 2 * size);
        torch_end(&bytes);
        write_bytes(in_scratch("w.pt"), bytes.at, bytes.size);
        ck_assert_redux_ok(redux_safetensors_load(&file, NULL, in_scratch("w.pt")));
        redux_tensor w = tensor_of(file, "w"), e = tensor_of(file, "e");
        ck_assert(w.dtype == types[i / 2].dtype && e.shape[0] == 3 && e.shape[1] == 0);
        const int turned = i % 2 != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 1 : 0);
        for (size_t k = 0; k < 2 * size; k++)
            ck_assert_int_eq(((const unsigned char *)w.data)[k],
                             raw[turned ? k / size * size + size - 1 - k % size : k]);
        redux_tensor_release(&w);
        redux_tensor_release(&e);
        redux_safetensors_free(file);
    }
}
END_TEST

START_TEST(what_is_refused_and_why)
{
#define ONE(view) "(" TORCH_KEY("w") view "d."
    static const struct {
        const char *pickle;
        redux_status expected;
        const char *message;
    } bad[] = {
        {"", REDUX_E_FORMAT, "damaged at byte 0"},
        {".", REDUX_E_FORMAT, "damaged"},
        {"(.", REDUX_E_FORMAT, "damaged"},
        {"\377.", REDUX_E_FORMAT, "damaged at byte 0"},
        {"(I1\nd", REDUX_E_FORMAT, "damaged"},
        {"g5\n.", REDUX_E_FORMAT, "damaged"},
        {"Np4194304\n.", REDUX_E_FORMAT, "damaged"},
        {"Np-1\n.", REDUX_E_FORMAT, "damaged"},
        {"NNNe.", REDUX_E_FORMAT, "damaged"},
        {"I1\nI2\na.", REDUX_E_FORMAT, "damaged"},
        {"(N(Nt.", REDUX_E_UNSUPPORTED, "state_dict()"}, /* a mark below the top is left alone */
        {"ctorch\nX", REDUX_E_FORMAT, "damaged"},
        {"V1", REDUX_E_FORMAT, "damaged"},
        {"X\377\377\377\377.", REDUX_E_FORMAT, "damaged"},
        {"N.", REDUX_E_UNSUPPORTED, "state_dict()"},
        {PLAIN ".", REDUX_E_UNSUPPORTED, "a tensor without a name"},
        {"cposix\nsystem\n(Vtouch x\ntR.", REDUX_E_UNSUPPORTED, "a pickled posix.system"},
        {"(iposix\nsystem\n.", REDUX_E_UNSUPPORTED, "a pickled posix.system"},
        {"(cposix\nsystem\nVtouch x\no.", REDUX_E_UNSUPPORTED, "a pickled posix.system"},
        {"(d.", REDUX_E_FORMAT, "no tensors by name"},
        {ONE("cposix\nsystem\n(Vtouch x\ntR"), REDUX_E_UNSUPPORTED,
         "'w' is a pickled posix.system"},
        {ONE(TORCH_VIEW("ComplexFloatStorage", "0", "3", "0", "I3\n", "I1\n")), REDUX_E_UNSUPPORTED,
         "torch._utils._rebuild_tensor_v2"},
        {ONE(SIX("1", "I6\n", "I1\n")), REDUX_E_FORMAT, "'w' reaches past its storage"},
        {ONE(SIX("0", "I2\n", "I6\n")), REDUX_E_FORMAT, "reaches past"},
        {ONE(SIX("0", "I3\nI9000000000\nI9000000000\n", "I1\nI1\nI1\n")), REDUX_E_FORMAT,
         "reaches past"},
        {ONE(SIX("0", "I999999999999999999\nI99\n", "I999999999999999999\nI1\n")), REDUX_E_FORMAT,
         "reaches past"},
        {ONE(SIX("7", "I0\n", "I1\n")), REDUX_E_FORMAT, "reaches past"},
        {ONE(SIX("0", "I100000\n", "I0\n")), REDUX_E_LIMIT, "repeats its elements"},
        {ONE(SIX("-1", "I1\n", "I1\n")), REDUX_E_UNSUPPORTED, "is a pickled"},
        {ONE(SIX("0", "I1\n", "I-1\n")), REDUX_E_UNSUPPORTED, "is a pickled"},
        {ONE(SIX("0", "I1\n", "")), REDUX_E_UNSUPPORTED, "is a pickled"},
        {ONE(SIX("0", "I1\nI1\nI1\nI1\nI1\nI1\nI1\nI1\nI1\n",
                 "I1\nI1\nI1\nI1\nI1\nI1\nI1\nI1\nI1\n")),
         REDUX_E_UNSUPPORTED, "is a pickled"},
        {ONE(TORCH_VIEW("FloatStorage", "0", "5", "0", "I1\n", "I1\n")), REDUX_E_FORMAT,
         "not as long as"},
        {ONE(TORCH_VIEW("FloatStorage", "1", "6", "0", "I1\n", "I1\n")), REDUX_E_FORMAT,
         "has no data/1"},
        {ONE(TORCH_VIEW("FloatStorage", "0", "999999999999999999", "0", "I1\n", "I1\n")),
         REDUX_E_FORMAT, "cut short"},
        {"(" TORCH_KEY("a") PLAIN TORCH_KEY("b")
             TORCH_VIEW("IntStorage", "0", "6", "0", "I6\n", "I1\n") "d.",
         REDUX_E_UNSUPPORTED, "two types"},
        {"(" TORCH_KEY("a") "(" TORCH_KEY("b") PLAIN "d" TORCH_KEY("a.b") PLAIN "d.",
         REDUX_E_FORMAT, "two tensors are named 'a.b'"},
        {"(dp0\nVa\ng0\ns.", REDUX_E_LIMIT, "hold too much, or each other"},
        {"(dp0\nVa\n(Vb\ng0\nds.", REDUX_E_LIMIT, "hold too much, or each other"},
    };
    redux_safetensors *file = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const redux_status status = load(&file, bad[i].pickle);
        ck_assert_msg(status == bad[i].expected && strstr(redux_error_message(), bad[i].message),
                      "%zu: %d, %s", i, (int)status, redux_error_message());
        ck_assert_ptr_nonnull(strstr(redux_error_message(), "w.pt"));
        ck_assert_ptr_null(file);
    }
    ck_assert_int_ne(access("x", F_OK), 0);
}
END_TEST

/* Ten dicts of which each holds the one before ten times: 10^10 tensors in a pickle of a few
 * hundred bytes. */
START_TEST(shared_dicts_do_not_unfold)
{
    char pickle[4096];
    redux_safetensors *file = NULL;
    int used = snprintf(pickle, sizeof pickle, "(Vw\n%sdp0\n", PLAIN);
    for (int level = 1; level <= 10; level++) {
        used += snprintf(pickle + used, sizeof pickle - (size_t)used, "(");
        for (int i = 0; i < 10; i++)
            used +=
                snprintf(pickle + used, sizeof pickle - (size_t)used, "V%d\ng%d\n", i, level - 1);
        used += snprintf(pickle + used, sizeof pickle - (size_t)used, "dp%d\n", level);
    }
    snprintf(pickle + used, sizeof pickle - (size_t)used, ".");
    ck_assert_redux(REDUX_E_LIMIT, load(&file, pickle));
}
END_TEST

START_TEST(archives_that_are_something_else)
{
    static const unsigned char old[] = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.";
    redux_safetensors *file = NULL;
    memset(&bytes, 0, sizeof bytes);
    torch_add(&bytes, "x/other", "abc", 3);
    torch_end(&bytes);
    write_bytes(in_scratch("w.pt"), bytes.at, bytes.size);
    ck_assert_redux(REDUX_E_FORMAT, redux_safetensors_load(&file, NULL, in_scratch("w.pt")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "without data.pkl"));
    memset(&bytes, 0, sizeof bytes);
    torch_add(&bytes, "x/data.pkl", "(d.", 3);
    torch_add(&bytes, "x/constants.pkl", ").", 2);
    torch_end(&bytes);
    write_bytes(in_scratch("w.pt"), bytes.at, bytes.size);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_safetensors_load(&file, NULL, in_scratch("w.pt")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "TorchScript"));
    write_bytes(in_scratch("w.pt"), old, sizeof old - 1);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_safetensors_load(&file, NULL, in_scratch("w.pt")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "before PyTorch 1.6"));
}
END_TEST

/* A file that is cut short anywhere is refused; so is one with a byte altered, or it is read as it
 * was: not every byte of an archive matters. */
START_TEST(damage_is_noticed)
{
    redux_safetensors *file = NULL;
    const char *path =
        write_pickle("(" TORCH_KEY("w") PLAIN "d.", strlen("(" TORCH_KEY("w") PLAIN "d."));
    for (size_t size = 0; size < bytes.size; size++) {
        write_bytes(path, bytes.at, size);
        ck_assert_msg(redux_safetensors_load(&file, NULL, path) != REDUX_OK, "cut at %zu", size);
    }
    for (size_t i = 0; i < bytes.size; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes.at[i] ^= (unsigned char)(1 << bit);
            write_bytes(path, bytes.at, bytes.size);
            bytes.at[i] ^= (unsigned char)(1 << bit);
            if (redux_safetensors_load(&file, NULL, path) != REDUX_OK)
                continue;
            redux_tensor w = tensor_of(file, "w");
            ck_assert_mem_eq(w.data, numbers, sizeof numbers);
            redux_tensor_release(&w);
            redux_safetensors_free(file);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch");
    TCase *tests = tcase_create("torch");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, dicts_give_names_and_strides_are_followed);
    tcase_add_test(tests, each_way_to_pickle_a_tensor);
    tcase_add_test(tests, types_and_byte_order);
    tcase_add_test(tests, what_is_refused_and_why);
    tcase_add_test(tests, shared_dicts_do_not_unfold);
    tcase_add_test(tests, archives_that_are_something_else);
    tcase_add_test(tests, damage_is_noticed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
