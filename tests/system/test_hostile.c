/* SPDX-License-Identifier: MIT
 * Files made to do harm: sizes that are not there, bombs, names that lead elsewhere. Each must be
 * refused with the right status, quickly and in little memory. What the fuzzer found comes last. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <zlib.h>
#include "support/test_io.h"

enum { LIMIT = 1 << 20, LITTLE = 48 << 10 /* KiB beyond what the process has anyway */ };

static redux_context *context;
static long memory_before;

static long memory_most(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void set_up(void)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    options.max_bytes = LIMIT;
    scratch_make();
    ck_assert_redux_ok(redux_context_new(&context, &options));
    memory_before = memory_most();
}

static void tear_down(void)
{
    ck_assert_msg(memory_most() - memory_before < LITTLE, "took %ld KiB",
                  memory_most() - memory_before);
    redux_context_free(context);
    scratch_remove();
}

/* What opening a file as a dataset comes to, its first volume and slice. */
static redux_status open_all(const char *path)
{
    redux_dataset *dataset;
    redux_volume *volume;
    redux_tensor slice;
    redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
    if (status != REDUX_OK)
        return status;
    status = redux_volume_open(&volume, context, dataset, 0);
    if (status == REDUX_OK) {
        status = redux_volume_slice(&slice, context, volume, 0);
        if (status == REDUX_OK)
            redux_tensor_release(&slice);
        redux_volume_free(volume);
    }
    redux_dataset_free(dataset);
    return status;
}

/* Writes `size` bytes and then `zeros` MiB of zeros, as gzip. */
static const char *write_gzip(const char *name, const void *bytes, unsigned size, int zeros)
{
    static const unsigned char block[1 << 20];
    const char *path = in_scratch(name);
    gzFile file = gzopen(path, "wb1");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes, size), (int)size);
    for (int i = 0; i < zeros; i++)
        ck_assert_int_eq(gzwrite(file, block, sizeof block), (int)sizeof block);
    ck_assert_int_eq(gzclose(file), Z_OK);
    return path;
}

/* A NIfTI-2 header of uint8, and the four bytes behind it. */
static void nifti_header(unsigned char header[544], int64_t i, int64_t j, int64_t k)
{
    static const unsigned char magic[] = {'n', '+', '2', 0, '\r', '\n', 0x1a, '\n'};
    const int32_t size = 540;
    const int16_t type[] = {2, 8};
    const int64_t dim[] = {3, i, j, k, 1, 1, 1, 1}, offset = 544;
    const double grid[] = {1, 1, 1, 1, 1, 1, 1, 1}, slope = 1;
    memset(header, 0, 544);
    memcpy(header, &size, sizeof size);
    memcpy(header + 4, magic, sizeof magic);
    memcpy(header + 12, type, sizeof type);
    memcpy(header + 16, dim, sizeof dim);
    memcpy(header + 104, grid, sizeof grid);
    memcpy(header + 168, &offset, sizeof offset);
    memcpy(header + 176, &slope, sizeof slope);
}

START_TEST(nifti)
{
    unsigned char header[544];
    nifti_header(header, 8, 8, 8); /* honest: so the header is right */
    ck_assert_redux_ok(open_all(write_gzip("honest.nii.gz", header, sizeof header, 1)));
    nifti_header(header, 1 << 20, 1 << 20, 1 << 20);
    write_bytes(in_scratch("large.nii"), header, sizeof header);
    ck_assert_redux(REDUX_E_FORMAT, open_all(in_scratch("large.nii")));
    ck_assert_redux(REDUX_E_FORMAT, open_all(write_gzip("large.nii.gz", header, sizeof header, 1)));
    nifti_header(header, INT64_MAX / 2, 3, INT64_MAX / 2);
    write_bytes(in_scratch("large.nii"), header, sizeof header);
    ck_assert_redux(REDUX_E_FORMAT, open_all(in_scratch("large.nii")));
    nifti_header(header, 256, 256, 1024); /* all of it is there, 64 MiB in 64 KiB */
    ck_assert_redux(REDUX_E_LIMIT, open_all(write_gzip("bomb.nii.gz", header, sizeof header, 65)));
    nifti_header(header, 8, 8, 8); /* and much behind the voxels */
    ck_assert_redux_ok(open_all(write_gzip("tail.nii.gz", header, sizeof header, 40)));
}
END_TEST

/* An .npy header around a shape. */
static size_t npy_header(unsigned char *out, const char *shape)
{
    char header[256];
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n",
             shape);
    const size_t length = strlen(header);
    memcpy(out, "\x93NUMPY\1", 8); /* and the minor version, 0 */
    out[8] = (unsigned char)length;
    out[9] = 0;
    memcpy(out + 10, header, length);
    return length + 10;
}

START_TEST(npy)
{
    static const struct {
        const char *shape;
        redux_status expected;
    } cases[] = {
        {"(2, 3, 4)", REDUX_OK},
        {"(4294967296, 4294967296)", REDUX_E_FORMAT},
        {"(9223372036854775807, 2)", REDUX_E_FORMAT},
        {"(18446744073709551617,)", REDUX_E_FORMAT}, /* 1, were it cut to 64 bits */
        {"(1152921504606846976,)", REDUX_E_FORMAT},
        {"(-1, -24)", REDUX_E_FORMAT},
        {"(1, 1, 1, 1, 1, 1, 1, 1, 24)", REDUX_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[512] = {0};
        redux_tensor array;
        const size_t size = npy_header(bytes, cases[i].shape);
        write_bytes(in_scratch("a.npy"), bytes, size + 24);
        const redux_status status = redux_npy_read(&array, context, in_scratch("a.npy"));
        ck_assert_msg(status == cases[i].expected, "%s: %s", cases[i].shape,
                      status == REDUX_OK ? "read" : redux_error_message());
        if (status == REDUX_OK)
            redux_tensor_release(&array);
    }
}
END_TEST

/* 64 MiB of zeros in an archive of 64 KiB. */
START_TEST(npz_bomb)
{
    static const char *const key = "a";
    static const int64_t shape[] = {64, 1024, 1024};
    redux_tensor zeros, array;
    unsigned char *block = calloc(1, 64 << 20); /* pages that are only read take no memory */
    ck_assert_ptr_nonnull(block);
    ck_assert_redux_ok(redux_tensor_borrow(&zeros, block, REDUX_UINT8, 3, shape, NULL));
    ck_assert_redux_ok(redux_npz_write(in_scratch("bomb.npz"), NULL, &key, &zeros, 1));
    free(block);
    memory_before = memory_most();
    ck_assert_redux(REDUX_E_LIMIT, redux_npz_read(&array, context, in_scratch("bomb.npz"), key));
    ck_assert_redux(REDUX_E_LIMIT, open_all(in_scratch("bomb.npz")));
}
END_TEST

static void big_endian(unsigned char *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* A PNG of one real pixel whose header tells another size. */
static const char *write_png(uint32_t width, uint32_t height)
{
    static const uint8_t pixel = 7;
    static const int64_t shape[] = {1, 1};
    enum { IHDR = 12, WIDTH = 16, HEIGHT = 20, SUM = 29 };
    redux_tensor one;
    size_t size = 0;
    const char *path = in_scratch("a.png");
    ck_assert_redux_ok(
        redux_tensor_borrow(&one, (void *)(uintptr_t)&pixel, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_picture_write_png(path, NULL, &one));
    unsigned char *bytes = read_bytes(path, &size);
    big_endian(bytes + WIDTH, width);
    big_endian(bytes + HEIGHT, height);
    big_endian(bytes + SUM, (uint32_t)crc32(0, bytes + IHDR, SUM - IHDR));
    write_bytes(path, bytes, size);
    free(bytes);
    return path;
}

static redux_status read_picture(const char *path)
{
    redux_tensor picture;
    const redux_status status = redux_picture_read(&picture, context, path);
    if (status == REDUX_OK)
        redux_tensor_release(&picture);
    return status;
}

START_TEST(png)
{
    ck_assert_redux_ok(read_picture(write_png(1, 1)));
    ck_assert_redux(REDUX_E_FORMAT, read_picture(write_png(1U << 31, 1U << 31)));
    ck_assert_redux(REDUX_E_FORMAT, read_picture(write_png(1U << 19, 1U << 19)));
    ck_assert_redux(REDUX_E_LIMIT, read_picture(write_png((1U << 31) - 1, (1U << 31) - 1)));
    ck_assert_redux(REDUX_E_FORMAT, read_picture(write_png(0, 0)));
}
END_TEST

/* A JPEG of the largest size that says nothing more. */
START_TEST(jpeg)
{
    static const unsigned char start[] = {0xff, 0xd8, 0xff, 0xdb, 0, 67, 0};
    static const unsigned char frame[] = {0xff, 0xc0, 0, 11,   8, 0xff, 0xff, 0xff,
                                          0xff, 1,    1, 0x11, 0, 0xff, 0xd9};
    unsigned char bytes[sizeof start + 64 + sizeof frame];
    memcpy(bytes, start, sizeof start);
    memset(bytes + sizeof start, 1, 64);
    memcpy(bytes + sizeof start + 64, frame, sizeof frame);
    write_bytes(in_scratch("a.jpg"), bytes, sizeof bytes);
    const redux_status status = read_picture(in_scratch("a.jpg"));
    ck_assert(status == REDUX_E_LIMIT || status == REDUX_E_FORMAT);
    ck_assert_int_ne(open_all(in_scratch("a.jpg")), REDUX_OK);
}
END_TEST

/* Kinds of JPEG that nobody decodes, and headers that lead nowhere, by what stands before the frame
 * and in it. */
START_TEST(jpeg_headers)
{
    static const struct {
        unsigned char before[4], marker, precision, height, components;
        redux_status status;
        const char *message;
    } cases[] = {
        {{0xff, 0xd0, 0xff, 0x01}, 0xc3, 8, 9, 1, REDUX_E_UNSUPPORTED, "SOF3"}, /* lossless */
        {{0xff, 0xd0, 0xff, 0x01}, 0xc5, 8, 9, 1, REDUX_E_UNSUPPORTED, "SOF5"}, /* hierarchical */
        {{0xff, 0xd0, 0xff, 0x01}, 0xc0, 12, 9, 1, REDUX_E_UNSUPPORTED, "12 bits"},
        {{0xff, 0xd0, 0xff, 0x01}, 0xc0, 8, 9, 2, REDUX_E_UNSUPPORTED, "2 components"},
        {{0xff, 0xd0, 0xff, 0x01}, 0xc0, 8, 0, 1, REDUX_E_FORMAT, "9 x 0"},
        {{0xff, 0xe0, 0x00, 0x01}, 0xc0, 8, 9, 1, REDUX_E_FORMAT, "segment of 1 bytes"},
        {{0xff, 0xd9, 0xff, 0x01}, 0xc0, 8, 9, 1, REDUX_E_FORMAT, "without a frame"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[64] = {0xff, 0xd8};
        const unsigned char frame[] = {0xff,
                                       cases[i].marker,
                                       0,
                                       11,
                                       cases[i].precision,
                                       0,
                                       9,
                                       0,
                                       cases[i].height,
                                       cases[i].components,
                                       1,
                                       0x11,
                                       0};
        memcpy(bytes + 2, cases[i].before, 4);
        memcpy(bytes + 6, frame, sizeof frame);
        write_bytes(in_scratch("a.jpg"), bytes, sizeof bytes);
        ck_assert_redux(cases[i].status, open_all(in_scratch("a.jpg")));
        ck_assert_msg(strstr(redux_error_message(), cases[i].message) != NULL, "%s",
                      redux_error_message());
    }
}
END_TEST

/* An archive that says of its entries that they are encrypted. */
START_TEST(npz_encrypted)
{
    const int64_t shape[] = {3, 8, 8};
    const char *path = in_scratch("a.npz"), *key = "images";
    redux_tensor array;
    size_t size;
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_npz_write(path, NULL, &key, &array, 1));
    redux_tensor_release(&array);
    ck_assert_redux_ok(open_all(path));
    unsigned char *bytes = read_bytes(path, &size);
    for (size_t i = 0; i + 10 < size; i++)
        if (memcmp(bytes + i, "PK\1\2", 4) == 0)
            bytes[i + 8] |= 1;
    write_bytes(path, bytes, size);
    free(bytes);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_npz_read(&array, context, path, key));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "is encrypted"));
    ck_assert_redux(REDUX_E_UNSUPPORTED, open_all(path));
}
END_TEST

static redux_status load_weights(const char *header, uint64_t length)
{
    unsigned char bytes[512];
    redux_safetensors *file;
    const size_t size = strlen(header);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> (8 * i));
    memcpy(bytes + 8, header, size); /* NOLINT(bugprone-not-null-terminated-result) */
    write_bytes(in_scratch("a.safetensors"), bytes, size + 8);
    const redux_status status = redux_safetensors_load(&file, context, in_scratch("a.safetensors"));
    if (status == REDUX_OK)
        redux_safetensors_free(file);
    return status;
}

START_TEST(safetensors)
{
    static const char *const good =
        "{\"a\":{\"dtype\":\"F64\",\"shape\":[2,0],\"data_offsets\":[0,0]}}";
    static const uint64_t wrong[] = {1ULL << 63, UINT64_MAX, UINT64_MAX - 7, 1ULL << 32, 1000};
    ck_assert_redux_ok(load_weights(good, strlen(good)));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_redux(REDUX_E_FORMAT, load_weights(good, wrong[i]));
}
END_TEST

/* ---- names that lead elsewhere ---- */

/* How many files are in `folder`. */
static int files_in(const char *folder)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    int count = 0;
    ck_assert_ptr_nonnull(stream);
    while ((entry = readdir(stream)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return count;
}

/* An archive of one array whose name would be written two folders up. */
static const char *write_archive(const char *name)
{
    static const char plain[] = "aa-aa-escape.npy", *const key = "aa-aa-escape";
    static const int64_t shape[] = {3, 8, 8};
    redux_tensor stack;
    size_t size = 0;
    const char *path = in_scratch("in/a.npz");
    ck_assert_redux_ok(redux_tensor_new(&stack, NULL, REDUX_UINT8, 3, shape));
    for (int i = 0; i < 3 * 64; i++)
        ((uint8_t *)stack.data)[i] = (uint8_t)(i * i + i / 64 * 50);
    ck_assert_redux_ok(redux_npz_write(path, NULL, &key, &stack, 1));
    redux_tensor_release(&stack);
    unsigned char *bytes = read_bytes(path, &size);
    int found = 0; /* in the entry and in the directory; no checksum covers it */
    for (size_t i = 0; i + strlen(plain) <= size; i++)
        if (memcmp(bytes + i, plain, strlen(plain)) == 0) {
            memcpy(bytes + i, name, strlen(plain));
            found++;
        }
    ck_assert_int_eq(found, 2);
    write_bytes(path, bytes, size);
    free(bytes);
    return path;
}

START_TEST(export_stays_in_its_folder)
{
    static const char *const keys[] = {"../../escape.npy", "/etc/x/escap.npy", "./.././scape.npy",
                                       "..\\..\\escape.npy", "aa/../escape.npy"};
    ck_assert_int_eq(mkdir(in_scratch("in"), 0777), 0);
    ck_assert_int_eq(mkdir(in_scratch("out"), 0777), 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        for (redux_export_format format = REDUX_EXPORT_PNG; format <= REDUX_EXPORT_NPZ; format++) {
            redux_dataset *dataset;
            redux_reduction *reduction;
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            const char *out = in_scratch(text("out/%d-%d", (int)i, (int)format));
            options.strategy = REDUX_STRATEGY_ALL;
            ck_assert_redux_ok(open_path(&dataset, write_archive(keys[i]), NULL));
            ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, &options));
            ck_assert_redux_ok(redux_export(out, NULL, reduction, format));
            ck_assert_int_ge(files_in(out), 2); /* index.csv and what it speaks of */
            ck_assert_int_eq(files_in(in_scratch("out")), (int)(3 * i + format + 1));
            ck_assert_int_eq(files_in(in_scratch("in")), 1);
            ck_assert_int_eq(files_in(scratch), 2);
            redux_reduction_free(reduction);
            redux_dataset_free(dataset);
        }
}
END_TEST

/* ---- found by the fuzzer ---- */

/* A tensor without elements had lengths whose product, and so its strides, overflowed. */
START_TEST(empty_but_too_long)
{
    static const int64_t shape[] = {0, 1LL << 32, 1LL << 32}, fine[] = {0, 1LL << 30, 8};
    redux_tensor tensor;
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_new(&tensor, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_borrow(&tensor, NULL, REDUX_UINT8, 3, shape, NULL));
    ck_assert_redux_ok(redux_tensor_new(&tensor, NULL, REDUX_UINT8, 3, fine));
    ck_assert_int_eq(redux_tensor_elements(&tensor), 0);
    redux_tensor_release(&tensor);
    /* was loaded, and then could not be taken out */
    static const char *const header = "{\"a\":{\"dtype\":\"F64\",\"shape\":[4611861068427387904,"
                                      "0],\"data_offsets\":[0,0]}}";
    ck_assert_redux(REDUX_E_FORMAT, load_weights(header, strlen(header)));
}
END_TEST

/* ---- what is printed ---- */

/* Opens every file of the corpus of a fuzz target under a name of that format. */
static int open_corpus(const char *target, const char *suffix)
{
    char path[512];
    int count = 0;
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target);
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t size;
        char name[64];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%s", target, entry->d_name);
        unsigned char *bytes = read_bytes(path, &size);
        snprintf(name, sizeof name, "%d%s", count++, suffix);
        write_bytes(in_scratch(name), bytes, size);
        free(bytes);
        open_all(in_scratch(name));
    }
    closedir(folder);
    return count;
}

/* The library prints nothing, whatever the file, and neither do the libraries beneath. */
START_TEST(nothing_is_printed)
{
    static const char *const formats[][2] = {
        {"nifti", ".nii"}, {"nifti", ".nii.gz"}, {"npy", ".npy"},   {"npz", ".npz"},
        {"png", ".png"},   {"jpeg", ".jpg"},     {"webp", ".webp"}, {"tiff", ".tif"},
        {"mha", ".mha"},   {"nrrd", ".nrrd"},    {"mgh", ".mgz"}};
    const char *path = in_scratch("printed");
    const int was[] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    int count = 0;
    size_t size;
    fflush(NULL);
    const int file = open(path, O_RDWR | O_CREAT, 0600);
    ck_assert(was[0] >= 0 && was[1] >= 0 && file >= 0);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        count += open_corpus(formats[i][0], formats[i][1]);
    fflush(NULL);
    dup2(was[0], STDOUT_FILENO);
    dup2(was[1], STDERR_FILENO);
    unsigned char *printed = read_bytes(path, &size);
    ck_assert_msg(size == 0, "printed: %.*s", (int)(size < 400 ? size : 400), (char *)printed);
    ck_assert_int_gt(count, 60);
    free(printed);
    close(file);
    close(was[0]);
    close(was[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tests = tcase_create("hostile");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nifti);
    tcase_add_test(tests, npy);
    tcase_add_test(tests, npz_bomb);
    tcase_add_test(tests, png);
    tcase_add_test(tests, jpeg);
    tcase_add_test(tests, jpeg_headers);
    tcase_add_test(tests, npz_encrypted);
    tcase_add_test(tests, safetensors);
    tcase_add_test(tests, export_stays_in_its_folder);
    tcase_add_test(tests, empty_but_too_long);
    tcase_add_test(tests, nothing_is_printed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
