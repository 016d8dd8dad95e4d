/* SPDX-License-Identifier: MIT
 * TIFF, WebP and .nii.zst: the small files that tests/golden/io_tiff.py wrote, whole, cut anywhere,
 * and with each byte altered. (That script compares hundreds of files with tifffile, Pillow and
 * nibabel.) */
#include "support/test_io.h"

#define GOLDEN "tests/golden/data/io/"

/* Every slice of what a path names. */
static redux_status read_all(const char *path)
{
    redux_dataset *dataset;
    redux_status status = redux_dataset_open(&dataset, NULL, &path, 1, NULL);
    if (status != REDUX_OK)
        return status;
    for (int64_t v = 0; v < redux_dataset_volume_count(dataset) && status == REDUX_OK; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        redux_volume *volume;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        status = redux_volume_open(&volume, NULL, dataset, v);
        if (status != REDUX_OK)
            break;
        for (int64_t i = 0; i < info.slices && status == REDUX_OK; i++) {
            redux_tensor slice;
            status = redux_volume_slice(&slice, NULL, volume, i);
            if (status == REDUX_OK)
                redux_tensor_release(&slice);
        }
        redux_volume_free(volume);
    }
    redux_dataset_free(dataset);
    return status;
}

#if defined(REDUX_TIFF) || defined(REDUX_WEBP) || defined(REDUX_ZSTD)
static unsigned char bytes[4096];
static size_t size;

static void read_golden(const char *name)
{
    FILE *file = fopen(text(GOLDEN "%s", name), "rb");
    ck_assert_ptr_nonnull(file);
    size = fread(bytes, 1, sizeof bytes, file);
    ck_assert(size > 0 && size < sizeof bytes);
    fclose(file);
}

/* A file that ends anywhere is refused, but for what follows its last byte of use; with a byte
 * altered it is refused or read: nothing else. Messages name the file. */
static void cut_and_alter(const char *name, size_t needed)
{
    const char *path = in_scratch(name);
    read_golden(name);
    for (size_t length = 0; length < needed; length += length < needed - 20 ? 3 : 1) {
        write_bytes(path, bytes, length);
        const redux_status status = read_all(path);
        ck_assert_msg(status == REDUX_E_FORMAT || status == REDUX_E_UNSUPPORTED ||
                          status == REDUX_E_LIMIT,
                      "%s, %zu bytes: %d", name, length, (int)status);
        ck_assert_ptr_nonnull(strstr(redux_error_message(), name));
    }
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= at % 2 == 0 ? 0x81 : 0xFF;
        write_bytes(path, bytes, size);
        if (read_all(path) != REDUX_OK)
            ck_assert_ptr_nonnull(strstr(redux_error_message(), name));
        bytes[at] ^= at % 2 == 0 ? 0x81 : 0xFF;
    }
}
#endif

#if defined(REDUX_TIFF) || defined(REDUX_ZSTD)
/* Pixel i of slice k is 273 (80 k + i). */
static void check_ramp(const char *path, const char *format, redux_dtype dtype)
{
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 1);
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_str_eq(info.format, format);
    ck_assert_str_eq(info.source, path);
    ck_assert(info.slices == 3 && info.height == 8 && info.width == 10 && info.dtype == dtype &&
              !info.file_per_slice);
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    for (int64_t k = 0; k < 3; k++) {
        redux_tensor slice, plain;
        ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, k));
        ck_assert_redux_ok(redux_tensor_contiguous(&plain, NULL, &slice, dtype));
        for (int64_t i = 0; i < 80; i++)
            ck_assert_int_eq(((const uint16_t *)plain.data)[i], (uint16_t)(273 * (80 * k + i)));
        redux_tensor_release(&plain);
        redux_tensor_release(&slice);
    }
    redux_volume_free(volume);
    redux_dataset_free(dataset);
}
#endif

#if defined(REDUX_TIFF)
START_TEST(pages_are_slices)
{
    redux_tensor picture;
    check_ramp(GOLDEN "pages.tif", "tiff", REDUX_UINT16);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_picture_read(&picture, NULL, GOLDEN "pages.tif"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "3 pages"));
}
END_TEST

START_TEST(one_page_is_a_picture)
{
    redux_tensor picture;
    ck_assert_redux_ok(redux_picture_read_colour(&picture, NULL, GOLDEN "tiles.tif"));
    ck_assert(picture.ndim == 3 && picture.shape[0] == 8 && picture.shape[1] == 10 &&
              picture.shape[2] == 3);
    for (int64_t i = 0; i < 240; i++)
        ck_assert_int_eq(((const uint16_t *)picture.data)[i], 273 * (i / 3));
    redux_tensor_release(&picture);
    ck_assert_redux_ok(redux_picture_read(&picture, NULL, GOLDEN "tiles.tif"));
    ck_assert(picture.ndim == 2 && picture.dtype == REDUX_UINT16);
    redux_tensor_release(&picture);
}
END_TEST

/* In a folder a file of several pages is a volume beside that of the pictures. */
START_TEST(pictures_and_stacks_of_a_folder)
{
    static const char *const names[] = {"a.tif", "b.tif", "c.tif"};
    redux_dataset *dataset;
    const char *path = in_scratch("folder");
    mkdir(path, 0777);
    for (int i = 0; i < 3; i++) {
        read_golden(i == 1 ? "pages.tif" : "tiles.tif");
        write_bytes(text("%s/%s", path, names[i]), bytes, size);
    }
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    ck_assert_int_eq(redux_dataset_volume_count(dataset), 2);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), 5);
    for (int64_t v = 0; v < 2; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        ck_assert_int_eq(info.slices, info.file_per_slice ? 2 : 3);
    }
    redux_dataset_free(dataset);
    ck_assert_redux_ok(read_all(path));
}
END_TEST

START_TEST(a_stack_that_changes)
{
    const char *path = in_scratch("pages.tif");
    redux_dataset *dataset;
    redux_tensor slice;
    read_golden("pages.tif");
    write_bytes(path, bytes, size);
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    read_golden("tiles.tif");
    write_bytes(path, bytes, size);
    ck_assert_redux(REDUX_E_FORMAT,
                    redux_dataset_read_slice(&slice, NULL, dataset, 0, 1,
                                             (redux_window){REDUX_WINDOW_AUTO, 0, 0}));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "has changed"));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(cut_and_altered_tiff)
{
    cut_and_alter("pages.tif", 1004); /* then comes text that nobody reads */
    cut_and_alter("tiles.tif", 64);
}
END_TEST
#endif

#if defined(REDUX_WEBP)
START_TEST(webp)
{
    redux_tensor picture;
    ck_assert_redux_ok(redux_picture_read(&picture, NULL, GOLDEN "lossless.webp"));
    ck_assert(picture.ndim == 2 && picture.dtype == REDUX_UINT8);
    for (int64_t i = 0; i < 80; i++)
        ck_assert_int_eq(((const uint8_t *)picture.data)[i], 273 * (80 + i) / 256);
    redux_tensor_release(&picture);
    read_golden("lossless.webp");
    cut_and_alter("lossless.webp", size - 1); /* padded to an even length */
}
END_TEST
#endif

#if defined(REDUX_ZSTD)
START_TEST(zstandard)
{
    check_ramp(GOLDEN "packed.nii.zst", "nifti", REDUX_INT16);
    read_golden("packed.nii.zst");
    cut_and_alter("packed.nii.zst", size);
}
END_TEST
#endif

START_TEST(what_the_build_does_not_read_is_said)
{
    static const char *const names[] = {"pages.tif", "lossless.webp", "packed.nii.zst"};
    static const bool is_read[] = {
#if defined(REDUX_TIFF)
        true,
#else
        false,
#endif
#if defined(REDUX_WEBP)
        true,
#else
        false,
#endif
#if defined(REDUX_ZSTD)
        true,
#else
        false,
#endif
    };
    for (int i = 0; i < 3; i++)
        ck_assert_redux(is_read[i] ? REDUX_OK : REDUX_E_UNSUPPORTED,
                        read_all(text(GOLDEN "%s", names[i])));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tiff");
    TCase *tests = tcase_create("tiff");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, what_the_build_does_not_read_is_said);
#if defined(REDUX_TIFF)
    tcase_add_test(tests, pages_are_slices);
    tcase_add_test(tests, one_page_is_a_picture);
    tcase_add_test(tests, pictures_and_stacks_of_a_folder);
    tcase_add_test(tests, a_stack_that_changes);
    tcase_add_test(tests, cut_and_altered_tiff);
#endif
#if defined(REDUX_WEBP)
    tcase_add_test(tests, webp);
#endif
#if defined(REDUX_ZSTD)
    tcase_add_test(tests, zstandard);
#endif
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
