/* SPDX-License-Identifier: MIT
 * Pictures against Pillow, damaged ones, and PNG out. */
#include "support/counted.h"
#include "support/test_io.h"

/* The names in pictures.npz; what Pillow calls colour has a "colour/" golden. */
static const struct {
    const char *name;
    bool colour;
} pictures[] = {
    {"1.png", false},
    {"l.png", false},
    {"la.png", false},
    {"rgb.png", true},
    {"rgba.png", true},
    {"l_trns.png", false},
    {"rgb_trns.png", true},
    {"p.png", true},
    {"p_trns.png", true},
    {"p_trns_one.png", true},
    {"p2.png", true},
    {"p4.png", true},
    {"p16.png", true},
    {"rgb_gamma.png", true},
    {"grey1.png", false},
    {"grey1_interlaced.png", false},
    {"grey2.png", false},
    {"grey2_interlaced.png", false},
    {"grey4.png", false},
    {"grey4_interlaced.png", false},
    {"l_interlaced.png", false},
    {"rgb_interlaced.png", true},
    {"rgba_interlaced.png", true},
    {"p4_interlaced.png", true},
    {"p_short.png", true},
    {"grey16.png", false},
    {"grey16_interlaced.png", false},
    {"la16.png", false},
    {"rgb16.png", true},
    {"rgba16.png", true},
    {"one_pixel.png", false},
    {"l.jpg", false},
    {"l_progressive.jpg", false},
    {"rgb_0.jpg", true},
    {"rgb_1.jpg", true},
    {"rgb_2.jpg", true},
    {"rgb_progressive.jpg", true},
    {"cmyk.jpg", true},
    {"exif.jpg", true},
    {"long_header.jpg", true},
};
#define PICTURES (int)(sizeof pictures / sizeof pictures[0])

START_TEST(as_pillow)
{
    const char *name = pictures[_i].name, *path = unpack(name);
    redux_tensor have, want;
    golden(&want, text("grey/%s", name));
    ck_assert_redux_ok(redux_picture_read(&have, NULL, path));
    assert_same(&have, &want, name);
    redux_tensor_release(&have);
    if (pictures[_i].colour) {
        redux_tensor_release(&want);
        golden(&want, text("colour/%s", name));
    }
    ck_assert_redux_ok(redux_picture_read_colour(&have, NULL, path));
    assert_same(&have, &want, name);
    redux_tensor_release(&have);
    redux_tensor_release(&want);
}
END_TEST

/* What the header promised is what the pixels are. */
START_TEST(header_tells)
{
    const char *name = pictures[_i].name;
    redux_tensor want;
    redux_dataset *dataset;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    golden(&want, text("grey/%s", name));
    ck_assert_redux_ok(open_path(&dataset, unpack(name), NULL));
    ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, 0));
    ck_assert_int_eq(info.height, want.shape[0]);
    ck_assert_int_eq(info.width, want.shape[1]);
    ck_assert_int_eq(info.dtype, want.dtype);
    redux_dataset_free(dataset);
    redux_tensor_release(&want);
}
END_TEST

/* Cut short anywhere, a picture is an error that names the file, and never a picture. */
START_TEST(cut_short)
{
    redux_tensor bytes, out;
    const char *path = in_scratch("cut.png");
    const int64_t signature = strstr(pictures[_i].name, ".png") != NULL ? 8 : 3;
    golden_bytes(&bytes, pictures[_i].name);
    const int64_t size = bytes.shape[0], step = size > 300 ? size / 150 : 1;
    for (int64_t length = 0; length<size; length += length + 40> size ? 1 : step) {
        write_bytes(path, bytes.data, (size_t)length);
        const redux_status status = redux_picture_read(&out, NULL, path);
        ck_assert_redux(length > 0 && length < signature ? REDUX_E_UNSUPPORTED : REDUX_E_FORMAT,
                        status);
        ck_assert_ptr_nonnull(strstr(redux_error_message(), path));
    }
    redux_tensor_release(&bytes);
}
END_TEST

/* Flipped bits are noticed (PNG has checksums) or give a picture; nothing worse. */
START_TEST(flipped_bits)
{
    redux_tensor bytes, out;
    const char *name = pictures[_i].name, *path = in_scratch("flipped.png");
    const bool png = strstr(name, ".png") != NULL;
    golden_bytes(&bytes, name);
    uint8_t *data = bytes.data;
    const int64_t size = bytes.shape[0], step = size > 250 ? size / 125 : 1;
    for (int64_t at = 0; at < size; at += step) {
        data[at] ^= (uint8_t)(1 << at % 8);
        write_bytes(path, data, (size_t)size);
        const redux_status status = redux_picture_read(&out, NULL, path);
        if (status == REDUX_OK)
            redux_tensor_release(&out);
        /* Chunks that do not matter for the pixels may be damaged. */
        if (png && bytes.shape[0] < 400 && status == REDUX_OK)
            ck_assert_msg(strstr(name, "trns") != NULL || strstr(name, "gamma") != NULL,
                          "%s: bit at %lld went unnoticed", name, (long long)at);
        data[at] ^= (uint8_t)(1 << at % 8);
    }
    redux_tensor_release(&bytes);
}
END_TEST

START_TEST(not_pictures)
{
    redux_tensor out = REDUX_TENSOR_INIT;
    const char *path = in_scratch("text.png");
    write_bytes(path, "GIF89a and more", 15);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_picture_read(&out, NULL, path));
    write_bytes(path, "", 0);
    ck_assert_redux(REDUX_E_FORMAT, redux_picture_read(&out, NULL, path));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_picture_read(&out, NULL, in_scratch("none.png")));
    ck_assert_redux(REDUX_E_IO, redux_picture_read(&out, NULL, scratch));
    ck_assert_redux(REDUX_E_INVALID, redux_picture_read(&out, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_picture_read(NULL, NULL, path));
    ck_assert_ptr_null(out.data);
}
END_TEST

/* A small file that claims a large picture is refused before memory is asked for. */
START_TEST(absurd_sizes)
{
    static const unsigned char sizes[][8] = {
        {0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff},
        {0, 0, 0, 0, 0, 0, 0, 5},
        {0, 0, 0x40, 0, 0, 0, 0x40, 0},
        {0x80, 0, 0, 1, 0, 0, 0, 1},
    };
    redux_tensor bytes, out;
    redux_dataset *dataset;
    const char *path = in_scratch("absurd.png");
    golden_bytes(&bytes, "l.png");
    for (int i = 0; i < 4; i++) {
        memcpy((char *)bytes.data + 16, sizes[i], 8);
        write_bytes(path, bytes.data, (size_t)bytes.shape[0]);
        ck_assert_redux(REDUX_E_FORMAT, redux_picture_read(&out, NULL, path));
        if (i % 2 == 1)
            ck_assert_redux(REDUX_E_FORMAT, open_path(&dataset, path, NULL));
    }
    redux_tensor_release(&bytes);
}
END_TEST

START_TEST(memory_limit)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_tensor out;
    options.max_bytes = 100;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    ck_assert_redux(REDUX_E_LIMIT, redux_picture_read(&out, context, unpack("l.png")));
    ck_assert_redux(REDUX_E_LIMIT, redux_picture_read(&out, context, unpack("rgb_0.jpg")));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "rgb_0.jpg"));
    redux_context_free(context);
}
END_TEST

/* Each failure is reported, and nothing leaks. */
START_TEST(no_memory)
{
    static const char *const names[] = {"rgb_interlaced.png", "cmyk.jpg", "p16.png"};
    counter c;
    redux_context *context = counted_context(&c, 0);
    const int base = c.live;
    const char *path = unpack(names[_i]);
    redux_status status = REDUX_E_NO_MEMORY;
    int calls = 0;
    for (; status != REDUX_OK && calls < 1000; calls++) {
        redux_tensor out;
        counted_fail_from(&c, calls);
        status = redux_picture_read(&out, context, path);
        if (status == REDUX_OK)
            redux_tensor_release(&out);
        else
            ck_assert_redux(REDUX_E_NO_MEMORY, status);
        ck_assert_int_eq(c.live, base);
    }
    ck_assert_int_gt(calls, 3);
    ck_assert_redux_ok(status);
    counted_fail(&c, -1);
    status = redux_picture_write_png(in_scratch("ok.png"), context, NULL);
    ck_assert_redux(REDUX_E_INVALID, status);
    redux_context_free(context);
    ck_assert_int_eq(c.live, 0);
}
END_TEST

/* Written and read back, contiguous and not; the same bytes each time, and no time inside. */
static void round_trip(const redux_tensor *picture, const char *name)
{
    redux_tensor back;
    size_t size, again_size;
    const char *path = in_scratch(name);
    ck_assert_redux_ok(redux_picture_write_png(path, NULL, picture));
    ck_assert_redux_ok(redux_picture_read_colour(&back, NULL, path));
    assert_same(&back, picture, name);
    redux_tensor_release(&back);
    unsigned char *first = read_bytes(path, &size);
    ck_assert_redux_ok(redux_picture_write_png(path, NULL, picture));
    unsigned char *again = read_bytes(path, &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(first, again, size);
    ck_assert_ptr_null(memmem(first, size, "tIME", 4));
    free(first);
    free(again);
}

START_TEST(png_out)
{
    static const char *const keys[] = {"grey/l.png", "grey/grey16.png", "colour/rgb.png"};
    redux_tensor picture, flipped;
    golden(&picture, keys[_i]);
    round_trip(&picture, text("out%d.png", _i));
    ck_assert_redux_ok(
        redux_tensor_slice(&flipped, &picture, 1, picture.shape[1] - 1, picture.shape[1], -1));
    round_trip(&flipped, text("flipped%d.png", _i));
    redux_tensor_release(&flipped);
    redux_tensor_release(&picture);
}
END_TEST

START_TEST(png_out_refused)
{
    redux_tensor picture;
    const int64_t shape[] = {4, 4, 3}, empty[] = {0, 4};
    const char *path = in_scratch("refused.png");
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT16, 3, shape));
    ck_assert_redux(REDUX_E_INVALID, redux_picture_write_png(path, NULL, &picture));
    redux_tensor_release(&picture);
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux(REDUX_E_INVALID, redux_picture_write_png(path, NULL, &picture));
    redux_tensor_release(&picture);
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, empty));
    ck_assert_redux(REDUX_E_INVALID, redux_picture_write_png(path, NULL, &picture));
    redux_tensor_release(&picture);
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
    ck_assert_redux(REDUX_E_NOT_FOUND,
                    redux_picture_write_png(in_scratch("no/where.png"), NULL, &picture));
    ck_assert_redux(REDUX_E_INVALID, redux_picture_write_png(NULL, NULL, &picture));
    if (access("/dev/full", W_OK) == 0)
        ck_assert_redux(REDUX_E_IO, redux_picture_write_png("/dev/full", NULL, &picture));
    redux_tensor_release(&picture);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* Luma of other dtypes, by hand. */
START_TEST(luma)
{
    const int64_t shape[] = {1, 2, 3}, flat[] = {1, 2};
    const int16_t integers[] = {-1000, -1, 5, 32767, 32767, 32767};
    const double reals[] = {0.25, -2, 8, 1e300, 0, 0};
    redux_tensor in, out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_INT16, 2, flat));
    ck_assert_redux_ok(redux_tensor_borrow(&in, (void *)integers, REDUX_INT16, 3, shape, NULL));
    ck_assert_redux_ok(redux_image_luma(&out, NULL, &in));
    ck_assert_int_eq(((int16_t *)out.data)[0], -299); /* -298.99 - 0.587 + 0.57, rounded */
    ck_assert_int_eq(((int16_t *)out.data)[1], 32767);
    redux_tensor_release(&out);
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT64, 2, flat));
    ck_assert_redux_ok(redux_tensor_borrow(&in, (void *)reals, REDUX_FLOAT64, 3, shape, NULL));
    ck_assert_redux_ok(redux_image_luma(&out, NULL, &in));
    ck_assert(((double *)out.data)[0] == (19595 * 0.25 - 38470 * 2 + 7471 * 8) / 65536);
    ck_assert(((double *)out.data)[1] == 19595 * 1e300 / 65536);
    ck_assert_redux(REDUX_E_INVALID, redux_image_luma(&in, NULL, &out));
    in.dtype = REDUX_FLOAT32;
    ck_assert_redux(REDUX_E_INVALID, redux_image_luma(&out, NULL, &in));
    redux_tensor_release(&out);
}
END_TEST

/* As Pillow 9.4 reads them: scaled from 0 ... maxval, half to even. */
START_TEST(portable_maps)
{
    static const struct {
        const char *name, *bytes;
        size_t size;
        int channels, bits, count, want[6];
    } maps[] = {
        {"a.pgm", "P5\n# c\n3 2\n100\n\0\1\62\143\144\41", 22, 1, 8, 6, {0, 3, 128, 252, 255, 84}},
        {"b.pgm", "P5 3 1 1000\n\0\0\1\364\3\350", 18, 1, 16, 3, {0, 32768, 65535}},
        {"c.pnm", "P2\n3 1\n7\n0 3 #x\n7", 18, 1, 8, 3, {0, 109, 255}},
        {"d.ppm", "P3 2 1 15\n0 1 2 13 14 15\n", 25, 3, 8, 6, {0, 17, 34, 221, 238, 255}},
        {"e.PPM", "P6 2 1 255\n\1\2\3\4\5\6", 17, 3, 8, 6, {1, 2, 3, 4, 5, 6}},
        {"f.pgm", "P5 2 1 65535\n\0\1\377\377", 17, 1, 16, 2, {1, 65535}}};
    redux_tensor picture;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        write_bytes(in_scratch(maps[i].name), maps[i].bytes, maps[i].size);
        ck_assert_redux_ok(redux_picture_read_colour(&picture, NULL, in_scratch(maps[i].name)));
        ck_assert_int_eq(picture.ndim, maps[i].channels == 3 ? 3 : 2);
        ck_assert_int_eq(picture.dtype, maps[i].bits == 8 ? REDUX_UINT8 : REDUX_UINT16);
        for (int k = 0; k < maps[i].count; k++)
            ck_assert_int_eq(maps[i].bits == 8 ? ((uint8_t *)picture.data)[k]
                                               : ((uint16_t *)picture.data)[k],
                             maps[i].want[k]);
        redux_tensor_release(&picture);
        /* Cut short at every byte: refused, never read beyond. */
        const size_t whole = maps[i].size - (maps[i].bytes[1] < '4' ? 4 : 1);
        for (size_t size = 3; size < whole; size++) {
            write_bytes(in_scratch("cut.pgm"), maps[i].bytes, size);
            ck_assert_int_ne(redux_picture_read(&picture, NULL, in_scratch("cut.pgm")), REDUX_OK);
        }
    }
    static const char *const wrong[] = {
        "P5 0 1 255\n",  "P5 3 1 65536\n      ",    "P5 3 1 0\n   ",
        "P2 2 1 7\n8 1", "P5 99999999999 1 255\n ", "P5 2000000000 2000000000 65535\nx",
        "P5 x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_bytes(in_scratch("w.pgm"), wrong[i], strlen(wrong[i]));
        ck_assert_redux(REDUX_E_FORMAT, redux_picture_read(&picture, NULL, in_scratch("w.pgm")));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_picture");
    TCase *tests = tcase_create("pictures");
    golden_archive = "tests/golden/data/io/pictures.npz";
    tcase_add_loop_test(tests, as_pillow, 0, PICTURES);
    tcase_add_loop_test(tests, header_tells, 0, PICTURES);
    tcase_add_loop_test(slow_tests(suite, 60), cut_short, 0, PICTURES);
    tcase_add_loop_test(tests, flipped_bits, 0, PICTURES);
    tcase_add_test(tests, portable_maps);
    tcase_add_test(tests, not_pictures);
    tcase_add_test(tests, absurd_sizes);
    tcase_add_test(tests, memory_limit);
    tcase_add_loop_test(tests, no_memory, 0, 3);
    tcase_add_loop_test(tests, png_out, 0, 3);
    tcase_add_test(tests, png_out_refused);
    tcase_add_test(tests, luma);
    suite_add_tcase(suite, tests);
    scratch_make();
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
