/* SPDX-License-Identifier: MIT
 * Perceptual hashes by profile against the peers' goldens (golden/hash.py), their quality and
 * their text. Lists of codes: test_hash_list.c. What is Pillow's of the volumes is in test_image.c.
 */
#include <math.h>
#include "hash/hash.h"
#include "support/counted.h"
#include "support/test_hash.h"

static void hash_one(uint8_t *code, redux_hash_info *info, const redux_tensor *image,
                     const redux_hash_options *options)
{
    const int64_t shape[] = {redux_hash_bytes(options)};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_borrow(&out, code, REDUX_UINT8, 1, shape, NULL));
    ck_assert_redux_ok(redux_hash_compute_info(&out, info, NULL, image, options));
}

static int distance(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    int bits = 0;
    for (int64_t i = 0; i < bytes; i++)
        for (unsigned x = a[i] ^ b[i]; x != 0; x &= x - 1)
            bits++;
    return bits;
}

/* ---- the peers ---- */

/* A code's text is the peer's, and is read back. */
static void check_code(const uint8_t *code, const golden_line *line,
                       const redux_hash_options *options)
{
    char hex[2 * MOST_BYTES + 1];
    uint8_t back[MOST_BYTES];
    ck_assert_redux_ok(redux_hash_to_text(hex, code, options));
    ck_assert_msg(strcmp(hex, line->value) == 0, "%s %s %s %s: %s, expected %s", line->name,
                  line->profile, line->hash, line->size, hex, line->value);
    ck_assert_redux_ok(redux_hash_from_text(back, hex, options));
    ck_assert_mem_eq(back, code, (size_t)redux_hash_bytes(options));
}

START_TEST(pictures_hash_as_the_peers_hash_them)
{
    FILE *file = open_lines();
    golden_line line;
    redux_tensor picture;
    uint8_t code[MOST_BYTES];
    int count = 0;
    while (next_line(file, &line)) {
        if (strcmp(line.profile, "hu") == 0 || strcmp(line.profile, "pillow-16") == 0 ||
            strcmp(line.size, "variants") == 0 || strcmp(line.hash, "correlation") == 0)
            continue;
        const redux_hash_options options = options_of(line.profile, line.hash, line.size);
        golden(&picture, line.name);
        ck_assert_redux_ok(redux_hash_picture(code, NULL, NULL, &picture, &options));
        check_code(code, &line, &options);
        redux_tensor_release(&picture);
        count++;
    }
    fclose(file);
    ck_assert_int_gt(count, 300);
}
END_TEST

/* int16 HU under a window, without a step to 8 bits. */
START_TEST(hounsfield_hashes_in_float)
{
    FILE *file = open_lines();
    golden_line line;
    redux_tensor slice, wide;
    uint8_t code[MOST_BYTES], again[MOST_BYTES];
    int count = 0;
    golden(&slice, "hu");
    ck_assert_int_eq(slice.dtype, REDUX_INT16);
    ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &slice, REDUX_INT32));
    while (next_line(file, &line)) {
        if (strcmp(line.profile, "hu") != 0)
            continue;
        redux_hash_options options = options_of(line.profile, line.hash, line.size);
        ck_assert_redux_ok(redux_window_parse(&options.window, line.name));
        hash_one(code, NULL, &slice, &options);
        check_code(code, &line, &options);
        hash_one(again, NULL, &wide, &options);
        ck_assert_mem_eq(again, code, (size_t)redux_hash_bytes(&options));
        count++;
    }
    fclose(file);
    ck_assert_int_eq(count, 30);
    redux_tensor_release(&slice);
    redux_tensor_release(&wide);
}
END_TEST

START_TEST(floats_beyond_0_to_1_are_refused)
{
    static const char *const hashes[][2] = {
        {"imagehash", "dct"}, {"opencv", "average"}, {"hu", "difference"}};
    const float outside[] = {-0.5F, 1.5F};
    const int64_t shape[] = {32, 32};
    uint8_t code[MOST_BYTES];
    redux_tensor image;
    ck_assert_redux_ok(redux_tensor_new(&image, NULL, REDUX_FLOAT32, 2, shape));
    for (size_t h = 0; h < RDX_COUNT(hashes); h++) {
        const redux_hash_options options = options_of(hashes[h][0], hashes[h][1], "0");
        redux_tensor out = REDUX_TENSOR_INIT;
        const int64_t bytes = redux_hash_bytes(&options);
        ck_assert_redux_ok(redux_tensor_borrow(&out, code, REDUX_UINT8, 1, &bytes, NULL));
        for (size_t i = 0; i < RDX_COUNT(outside); i++) {
            ((float *)image.data)[100] = outside[i];
            ck_assert_redux(REDUX_E_INVALID, redux_hash_compute(&out, NULL, &image, &options));
            ck_assert_ptr_nonnull(strstr(redux_error_message(), "outside [0, 1]"));
        }
        ((float *)image.data)[100] = NAN;
        ck_assert_redux_ok(redux_hash_compute(&out, NULL, &image, &options));
    }
    redux_tensor_release(&image);
}
END_TEST

START_TEST(pdq_has_eight_variants)
{
    FILE *file = open_lines();
    golden_line line;
    redux_tensor picture;
    redux_hash_info info;
    uint8_t codes[REDUX_DIHEDRAL_COUNT * REDUX_PDQ_BYTES];
    char all[REDUX_DIHEDRAL_COUNT * 65];
    int count = 0;
    while (next_line(file, &line)) {
        if (strcmp(line.size, "variants") != 0)
            continue;
        golden(&picture, line.name);
        ck_assert_redux_ok(redux_hash_pdq_dihedral(codes, &info, NULL, &picture));
        for (int i = 0; i < REDUX_DIHEDRAL_COUNT; i++) {
            redux_hash_to_hex(all + (ptrdiff_t)65 * i, codes + (ptrdiff_t)REDUX_PDQ_BYTES * i,
                              REDUX_PDQ_BYTES);
            all[65 * i + 64] = i + 1 < REDUX_DIHEDRAL_COUNT ? ',' : '\0';
        }
        const char *colon = strchr(line.value, ':'); /* the quality, then the codes */
        ck_assert_ptr_nonnull(colon);
        ck_assert_int_eq(info.quality, strtol(line.value, NULL, 10));
        ck_assert_str_eq(all, colon + 1);
        ck_assert_int_eq((info.flags & REDUX_HASH_TOO_SMALL) != 0,
                         picture.shape[0] < 5 || picture.shape[1] < 5);
        redux_tensor_release(&picture);
        count++;
    }
    fclose(file);
    ck_assert_int_eq(count, 10);
}
END_TEST

/* What a variant is called is how the picture was turned. */
/* Grey bytes take ways of their own; the same luma in float32 must come to the same bits. Sides of
 * one, of several and of cut off bands, and windows of 1 ... 33. */
START_TEST(pdq_of_bytes_is_that_of_floats)
{
    const int64_t sizes[][2] = {{5, 5},    {64, 64},  {64, 65},   {63, 128}, {130, 129},
                                {300, 77}, {512, 90}, {20, 4096}, {4200, 9}, {6, 4100}};
    const redux_hash_options options = options_of("pdq", "pdq", "0");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t count = sizes[s][0] * sizes[s][1];
        const redux_random_key key = {.seed = s};
        redux_tensor bytes, floats;
        uint8_t code[REDUX_PDQ_BYTES], expected[REDUX_PDQ_BYTES];
        redux_hash_info info, expected_info;
        ck_assert_redux_ok(redux_tensor_new(&bytes, NULL, REDUX_UINT8, 2, sizes[s]));
        ck_assert_redux_ok(redux_tensor_new(&floats, NULL, REDUX_FLOAT32, 2, sizes[s]));
        for (uint32_t i = 0; i < (uint32_t)count; i++) {
            const uint8_t value = (uint8_t)(redux_random_uniform(&key, i) * 256);
            ((uint8_t *)bytes.data)[i] = value;
            ((float *)floats.data)[i] = value;
        }
        hash_one(code, &info, &bytes, &options);
        ck_assert_redux_ok(redux_hash_pdq_luma(expected, 1, &expected_info, NULL, &floats));
        ck_assert_mem_eq(code, expected, sizeof code);
        ck_assert_int_eq(info.quality, expected_info.quality);
        redux_tensor_release(&bytes);
        redux_tensor_release(&floats);
    }
}
END_TEST

/* The pixel of a line of the radial hash that OpenCV reads at x, or NULL: beyond its bounds. */
static const uint8_t *radial_pixel(const uint8_t *pixels, int64_t h, int64_t w, int line, int64_t x)
{
    const bool steep = line > 45 && line < 135;
    const int along = !steep ? line : line <= 90 ? 90 - line : 270 - line;
    const float slope = (float)tan((double)((float)along * 3.14159F / 180));
    const int64_t from_centre = x - w / 2;
    const float y = slope * (float)from_centre;
    const int64_t height = (int64_t)floorf(y + (y >= 0 ? 0.5F : -0.5F));
    const int64_t row = !steep ? height + h / 2 : line <= 90 ? x : h / 2 * 2 - x;
    const int64_t column = !steep ? x : line <= 90 ? height + w / 2 : h / 2 - height;
    return row < 0 || row >= h || column < 0 || column >= w ? NULL : pixels + row * w + column;
}

static double line_variance(const uint8_t *pixels, int64_t h, int64_t w, int line)
{
    double sum = 0, squares = 0, count = 0.00001;
    for (int64_t x = 0; x < (h > w ? h : w); x++) {
        const uint8_t *pixel = radial_pixel(pixels, h, w, line, x);
        sum += pixel != NULL ? *pixel : 0;
        squares += pixel != NULL ? *pixel * *pixel : 0;
        count += pixel != NULL;
    }
    return squares / count - sum * sum / (count * count);
}

/* Line by line and pixel by pixel, for shapes that the peers' pictures do not have. */
START_TEST(radial_variance_by_definition)
{
    static const int16_t blur[RDX_BLUR_TAPS] = {1, 14, 62, 102, 62, 14, 1};
    const int64_t sizes[][2] = {{9, 9}, {40, 40}, {31, 70}, {70, 31}, {64, 101}, {3, 20}, {20, 2}};
    const redux_hash_options options = options_of("opencv", "radial-variance", "0");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t h = sizes[s][0], w = sizes[s][1];
        const redux_random_key key = {.seed = s};
        redux_tensor picture;
        uint8_t code[REDUX_RADIAL_BYTES], blurred[101 * 70];
        int16_t row[101 + RDX_BLUR_TAPS];
        double feature[180], value[REDUX_RADIAL_BYTES], most = 0, least = 0, sum = 0, squares = 0;
        ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, sizes[s]));
        for (uint32_t i = 0; i < (uint32_t)(h * w); i++)
            ((uint8_t *)picture.data)[i] = (uint8_t)(redux_random_uniform(&key, i) * 256);
        rdx_blur_u8(blurred, row, picture.data, h, w, blur);
        for (int k = 0; k < 180; k++) {
            feature[k] = line_variance(blurred, h, w, k);
            sum += feature[k] / 180;
            squares += feature[k] * feature[k] / 180;
        }
        for (int k = 0; k < REDUX_RADIAL_BYTES; k++) {
            value[k] = 0;
            for (int n = 0; n < 180; n++)
                value[k] += (feature[n] - sum) / sqrt(squares - sum * sum) *
                            cos(3.14159 * (2 * n + 1) * k / 360) * sqrt((k == 0 ? 1 : 2) / 180.0);
            most = fmax(most, value[k]);
            least = fmin(least, value[k]);
        }
        hash_one(code, NULL, &picture, &options);
        for (int k = 0; k < REDUX_RADIAL_BYTES; k++)
            ck_assert_double_eq_tol(255 * (value[k] - least) / (most - least), code[k] + 0.5,
                                    0.5 + 1e-6);
        redux_tensor_release(&picture);
    }
}
END_TEST

/* Against sorted values, with ties. */
START_TEST(nth_is_as_sorted)
{
    for (uint32_t round = 0; round < 300; round++) {
        const redux_random_key key = {.seed = round};
        const int64_t count = 1 + round % 67,
                      n = (int64_t)(redux_random_uniform(&key, 99) * (double)count);
        double values[67];
        int64_t below = 0, not_above = 0;
        for (uint32_t i = 0; i < (uint32_t)count; i++)
            values[i] = floor(redux_random_uniform(&key, i) * (round % 2 == 0 ? 1000 : 5));
        const double nth = rdx_hash_nth(values, count, n);
        for (int64_t i = 0; i < count; i++) {
            below += values[i] < nth;
            not_above += values[i] <= nth;
            ck_assert(i < n ? values[i] <= nth : values[i] >= nth);
        }
        ck_assert(below <= n && n < not_above);
        const double median = rdx_hash_median(values, count);
        double halves[2] = {rdx_hash_nth(values, count, (count - 1) / 2), 0};
        halves[1] = rdx_hash_nth(values, count, count / 2);
        ck_assert_double_eq(median, (halves[0] + halves[1]) / 2);
    }
}
END_TEST

START_TEST(turned_pictures_have_the_variants)
{
    redux_tensor picture, luma, turned, mirrored;
    uint8_t codes[REDUX_DIHEDRAL_COUNT * REDUX_PDQ_BYTES], code[REDUX_PDQ_BYTES];
    const int32_t exchange[] = {1, 0};
    golden(&picture, "waves");
    ck_assert_redux_ok(redux_tensor_contiguous(&luma, NULL, &picture, REDUX_FLOAT32));
    ck_assert_redux_ok(redux_hash_pdq_luma(codes, REDUX_DIHEDRAL_COUNT, NULL, NULL, &luma));
    for (int variant = 0; variant < REDUX_DIHEDRAL_COUNT; variant++) {
        /* transposed first, then mirrored: rows from the last, columns from the last */
        static const struct {
            bool transposed, rows, columns;
        } turns[] = {{0, 0, 0}, {1, 1, 0}, {0, 1, 1}, {1, 0, 1},
                     {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 1, 1}};
        if (turns[variant].transposed)
            ck_assert_redux_ok(redux_tensor_permute(&turned, &luma, exchange));
        else
            ck_assert_redux_ok(redux_tensor_view(&turned, &luma));
        for (int axis = 0; axis < 2; axis++)
            if (axis == 0 ? turns[variant].rows : turns[variant].columns) {
                const int64_t n = turned.shape[axis];
                ck_assert_redux_ok(redux_tensor_slice(&mirrored, &turned, axis, n - 1, n, -1));
                redux_tensor_release(&turned);
                turned = mirrored;
            }
        ck_assert_redux_ok(redux_hash_pdq_luma(code, 1, NULL, NULL, &turned));
        int nearest = 0;
        for (int i = 1; i < REDUX_DIHEDRAL_COUNT; i++)
            if (distance(code, codes + (ptrdiff_t)i * REDUX_PDQ_BYTES, REDUX_PDQ_BYTES) <
                distance(code, codes + (ptrdiff_t)nearest * REDUX_PDQ_BYTES, REDUX_PDQ_BYTES))
                nearest = i;
        ck_assert_int_eq(nearest, variant);
        ck_assert_int_le(
            distance(code, codes + (ptrdiff_t)variant * REDUX_PDQ_BYTES, REDUX_PDQ_BYTES), 40);
        redux_tensor_release(&turned);
    }
    ck_assert_redux(REDUX_E_INVALID, redux_hash_pdq_luma(codes, 2, NULL, NULL, &luma));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_pdq_luma(codes, 1, NULL, NULL, &picture));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_pdq_luma(NULL, 1, NULL, NULL, &luma));
    redux_tensor_release(&picture);
    redux_tensor_release(&luma);
}
END_TEST

START_TEST(radial_codes_correlate_as_opencvs)
{
    FILE *file = open_lines();
    golden_line line;
    const redux_hash_options options = options_of("opencv", "radial-variance", "0");
    redux_tensor picture;
    uint8_t first[REDUX_RADIAL_BYTES], code[REDUX_RADIAL_BYTES], flat[REDUX_RADIAL_BYTES] = {0};
    double correlation;
    int count = 0;
    golden(&picture, "ct");
    ck_assert_redux_ok(redux_hash_picture(first, NULL, NULL, &picture, &options));
    redux_tensor_release(&picture);
    while (next_line(file, &line)) {
        if (strcmp(line.hash, "correlation") != 0)
            continue;
        golden(&picture, line.name);
        ck_assert_redux_ok(redux_hash_picture(code, NULL, NULL, &picture, &options));
        ck_assert_redux_ok(redux_hash_radial_correlation(&correlation, first, code));
        ck_assert_double_eq_tol(correlation, strtod(line.value, NULL), 1e-6);
        redux_tensor_release(&picture);
        count++;
    }
    fclose(file);
    ck_assert_int_eq(count, 10);
    ck_assert_redux_ok(redux_hash_radial_correlation(&correlation, first, flat));
    ck_assert_double_eq(correlation, 0);
    ck_assert_redux(REDUX_E_INVALID, redux_hash_radial_correlation(&correlation, NULL, first));
}
END_TEST

/* ---- what peers do not tell apart ---- */

/* Two different 16-bit slices: Pillow's convert("L") saturates, so that imagehash sees the same
 * white pictures; and a structure of 3 HU lies below a grey step of the lung window (5.9 HU). */
START_TEST(hounsfield_slices_are_told_apart)
{
    const int64_t shape[] = {64, 64};
    redux_hash_options eight = options_of("imagehash", "difference", "0");
    redux_hash_options hu = options_of("hu", "difference", "0");
    redux_tensor slices[3], bytes, steps;
    uint8_t codes[3][8], seen[3][8];
    ck_assert_redux_ok(redux_window_parse(&hu.window, "lung"));
    ck_assert_redux_ok(redux_tensor_new(&bytes, NULL, REDUX_UINT8, 2, shape));
    for (int k = 0; k < 3; k++) {
        ck_assert_redux_ok(redux_tensor_new(&slices[k], NULL, REDUX_INT16, 2, shape));
        for (int i = 0; i < 64 * 64; i++) {
            const int y = i / 64, x = i % 64;
            const int wave = k == 0 ? x : k == 1 ? y : (x * y) / 64;
            ((int16_t *)slices[k].data)[i] = (int16_t)(-1000 + wave * 3 / 63);
        }
        hash_one(codes[k], NULL, &slices[k], &hu);
        /* with the offset of a 16-bit file: all beyond 255; the golden is imagehash on Pillow */
        for (int i = 0; i < 64 * 64; i++) {
            const int stored = ((int16_t *)slices[k].data)[i] + 1400;
            ((uint8_t *)bytes.data)[i] = (uint8_t)(stored > 255 ? 255 : stored);
        }
        hash_one(seen[k], NULL, &bytes, &eight);
        char name[] = "deep-0", hex[1100], own[17];
        name[5] = (char)('0' + k);
        ck_assert_int_eq(golden_code(hex, name, "pillow-16", "difference", "8"), 1);
        redux_hash_to_hex(own, seen[k], 8);
        ck_assert_str_eq(own, hex);
        /* and 8 bits under the window: at most two greys, at other places */
        ck_assert_redux_ok(redux_tensor_new(&steps, NULL, REDUX_FLOAT32, 2, shape));
        ck_assert_redux_ok(redux_window_apply(&steps, NULL, &slices[k], 1, 0, hu.window));
        float low = 255, high = 0;
        for (int i = 0; i < 64 * 64; i++) {
            low = fminf(low, ((float *)steps.data)[i] * 255);
            high = fmaxf(high, ((float *)steps.data)[i] * 255);
        }
        ck_assert_float_gt(high, low);
        ck_assert_float_lt(high - low, 1);
        redux_tensor_release(&steps);
    }
    ck_assert_mem_eq(seen[0], seen[1], 8);
    ck_assert_mem_eq(seen[0], seen[2], 8);
    ck_assert_int_gt(distance(codes[0], codes[1], 8), 10);
    ck_assert_int_gt(distance(codes[0], codes[2], 8), 10);
    ck_assert_int_gt(distance(codes[1], codes[2], 8), 10);
    for (int k = 0; k < 3; k++)
        redux_tensor_release(&slices[k]);
    redux_tensor_release(&bytes);
}
END_TEST

/* ---- quality, flags, ties ---- */

START_TEST(flat_pictures_are_flagged)
{
    static const char *const pairs[][2] = {
        {"imagehash", "average"},     {"imagehash", "wavelet"},      {"imagehash", "dct-simple"},
        {"imagededup", "difference"}, {"blockhash", "blockhash"},    {"opencv", "dct"},
        {"opencv", "marr-hildreth"},  {"opencv", "radial-variance"}, {"pdq", "pdq"}};
    const int64_t shape[] = {100, 80};
    redux_tensor picture;
    redux_hash_info info;
    uint8_t code[MOST_BYTES];
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
    uint8_t *pixel = picture.data;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const redux_hash_options options = options_of(pairs[i][0], pairs[i][1], "0");
        memset(pixel, 77, 8000);
        hash_one(code, &info, &picture, &options);
        ck_assert_int_eq(info.quality, 0);
        ck_assert_uint_eq(info.flags, REDUX_HASH_FLAT);
        for (int k = 0; k < 8000; k++)
            pixel[k] = (uint8_t)(77 + k % 2); /* nearly flat */
        hash_one(code, &info, &picture, &options);
        ck_assert_uint_eq(info.flags, REDUX_HASH_FLAT);
        for (int k = 0; k < 8000; k++)
            pixel[k] = (uint8_t)(k % 80 * 3); /* 3 or 6 greys a column of 64: 1 or 2 each */
        hash_one(code, &info, &picture, &options);
        ck_assert_uint_eq(info.flags, 0);
        ck_assert_int_ge(info.quality, 40);
        ck_assert_int_le(info.quality, 60);
        for (int k = 0; k < 8000; k++)
            pixel[k] = (uint8_t)((k / 80 / 10 + k % 80 / 10) % 2 * 255);
        hash_one(code, &info, &picture, &options);
        ck_assert_int_eq(info.quality, 100);
    }
    redux_tensor_release(&picture);
}
END_TEST

/* A block that equals the median: 0 for imagehash, 1 for imagededup. Three quarters black. */
START_TEST(wavelet_ties_follow_the_rule)
{
    const int64_t shape[] = {256, 256};
    const redux_hash_options hash = options_of("imagehash", "wavelet", "0");
    const redux_hash_options dedup = options_of("imagededup", "wavelet", "0");
    redux_tensor picture;
    uint8_t code[8];
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
    for (int y = 0; y < 64; y++)
        memset((uint8_t *)picture.data + 256 * y, 9 * y + 3, 256);
    hash_one(code, NULL, &picture, &hash);
    ck_assert_mem_eq(code, ((uint8_t[]){255, 255, 0, 0, 0, 0, 0, 0}), 8);
    hash_one(code, NULL, &picture, &dedup);
    ck_assert_mem_eq(code, ((uint8_t[]){255, 255, 255, 255, 255, 255, 255, 255}), 8);
    redux_tensor_release(&picture);
}
END_TEST

/* Floats in 0 ... 1 and bytes are the same picture to hashes that are defined on 8 bits. */
START_TEST(eight_bit_hashes_round_floats)
{
    static const char *const pairs[][2] = {{"imagededup", "dct"},
                                           {"blockhash", "blockhash"},
                                           {"opencv", "block-mean-1"},
                                           {"opencv", "average"},
                                           {"imagehash", "colour"}};
    redux_tensor picture, wide;
    uint8_t code[MOST_BYTES], other[MOST_BYTES];
    golden(&picture, "ct");
    ck_assert_redux_ok(redux_tensor_contiguous(&wide, NULL, &picture, REDUX_FLOAT32));
    for (int64_t i = 0; i < redux_tensor_elements(&wide); i++)
        ((float *)wide.data)[i] = fminf((((float *)wide.data)[i] + 0.25F) / 255, 1);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const redux_hash_options options = options_of(pairs[i][0], pairs[i][1], "0");
        hash_one(code, NULL, &picture, &options);
        hash_one(other, NULL, &wide, &options);
        ck_assert_mem_eq(code, other, (size_t)redux_hash_bytes(&options));
    }
    redux_tensor_release(&picture);
    redux_tensor_release(&wide);
}
END_TEST

/* A batch says of each image what it says of it alone, whatever the threads; and a view with odd
 * strides is the picture that it shows. */
START_TEST(batches_and_views)
{
    const int64_t shape[] = {40, 33, 47}, codes_shape[] = {40, 8};
    const redux_hash_options options = options_of("imagehash", "dct", "0");
    redux_context_options three = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    redux_tensor images, codes, one, mirrored, copy;
    redux_hash_info infos[40], info;
    redux_random_key key = {.seed = 8};
    uint8_t code[MOST_BYTES], other[MOST_BYTES];
    three.threads = 3;
    ck_assert_redux_ok(redux_context_new(&context, &three));
    ck_assert_redux_ok(redux_tensor_new(&images, context, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_tensor_new(&codes, context, REDUX_UINT8, 2, codes_shape));
    for (uint32_t i = 0; i < 40 * 33 * 47; i++) /* contrast rises from image to image */
        ((uint8_t *)images.data)[i] =
            (uint8_t)(redux_random_u32(&key, i) % (1 + 4 * (i / (33 * 47))));
    ck_assert_redux_ok(redux_hash_compute_info(&codes, infos, context, &images, &options));
    ck_assert_uint_eq(infos[0].flags, REDUX_HASH_FLAT);
    ck_assert_uint_eq(infos[39].flags, 0);
    ck_assert_int_gt(infos[39].quality, infos[1].quality);
    for (int i = 0; i < 40; i++) {
        ck_assert_redux_ok(redux_tensor_select(&one, &images, 0, i));
        hash_one(code, &info, &one, &options);
        ck_assert_mem_eq(code, (uint8_t *)codes.data + (ptrdiff_t)8 * i, 8);
        ck_assert_int_eq(info.quality, infos[i].quality);
        ck_assert_uint_eq(info.flags, infos[i].flags);
        redux_tensor_release(&one);
    }
    redux_tensor_release(&images);
    redux_tensor_release(&codes);
    redux_context_free(context);
    golden(&images, "rainbow");
    ck_assert_redux_ok(
        redux_tensor_slice(&mirrored, &images, 1, images.shape[1] - 1, images.shape[1], -1));
    ck_assert_redux_ok(redux_tensor_contiguous(&copy, NULL, &mirrored, REDUX_UINT8));
    for (int h = 0; h < 3; h++) {
        const redux_hash_options colour = options_of(h == 0   ? "pdq"
                                                     : h == 1 ? "imagededup"
                                                              : "imagehash",
                                                     h == 0   ? "pdq"
                                                     : h == 1 ? "difference"
                                                              : "average",
                                                     "0");
        ck_assert_redux_ok(redux_hash_picture(code, &info, NULL, &mirrored, &colour));
        ck_assert_redux_ok(redux_hash_picture(other, infos, NULL, &copy, &colour));
        ck_assert_mem_eq(code, other, (size_t)redux_hash_bytes(&colour));
        ck_assert_int_eq(info.quality, infos[0].quality);
    }
    redux_tensor_release(&images);
    redux_tensor_release(&mirrored);
    redux_tensor_release(&copy);
}
END_TEST

START_TEST(memory_may_run_out)
{
    static const char *const pairs[][2] = {
        {"imagehash", "dct"},    {"imagehash", "dct-simple"},  {"imagehash", "wavelet"},
        {"imagehash", "colour"}, {"imagededup", "average"},    {"pdq", "pdq"},
        {"opencv", "dct"},       {"blockhash", "blockhash"},   {"opencv", "marr-hildreth"},
        {"hu", "block-mean-0"},  {"opencv", "radial-variance"}};
    redux_tensor picture, slice;
    redux_hash_info info;
    uint8_t code[MOST_BYTES];
    counter memory;
    redux_context *context = counted_context(&memory, 0);
    golden(&picture, "rainbow");
    golden(&slice, "hu");
    const int before = memory.live;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        redux_hash_options hash = options_of(pairs[i][0], pairs[i][1], "0");
        redux_status status = REDUX_E_NO_MEMORY;
        int tries = 0;
        ck_assert_redux_ok(redux_window_parse(&hash.window, "lung"));
        for (; status == REDUX_E_NO_MEMORY; tries++) {
            const int64_t shape[] = {redux_hash_bytes(&hash)};
            redux_tensor out;
            redux_tensor_borrow(&out, code, REDUX_UINT8, 1, shape, NULL);
            counted_fail_from(&memory, tries);
            status = hash.profile == REDUX_PROFILE_HU
                         ? redux_hash_compute_info(&out, &info, context, &slice, &hash)
                         : redux_hash_picture(code, &info, context, &picture, &hash);
            ck_assert_int_eq(memory.live, before);
        }
        ck_assert_redux(REDUX_OK, status);
        ck_assert_int_gt(tries, 1);
    }
    counted_fail(&memory, -1);
    redux_context_free(context);
    redux_tensor_release(&picture);
    redux_tensor_release(&slice);
}
END_TEST

/* ---- what is allowed ---- */

static const char *const hash_names[] = {
    "average",        "difference",   "dct",          "difference-vertical",
    "dct-simple",     "wavelet",      "colour",       "pdq",
    "blockhash",      "block-mean-0", "block-mean-1", "marr-hildreth",
    "radial-variance"};
static const char *const profile_names[] = {"paper-hash", "imagehash", "imagededup", "pdq",
                                            "blockhash",  "opencv",    "hu"};

/* Bits by profile and hash; 0: there is no such hash. */
static const int64_t bits[7][13] = {
    {64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0},
    {64, 64, 64, 64, 64, 64, 42, 0, 0, 0, 0, 0, 0},
    {64, 64, 64, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 256, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 0, 0, 0, 256, 0, 0, 0, 0},
    {64, 0, 64, 0, 0, 0, 0, 0, 0, 256, 961, 576, 320},
    {64, 64, 64, 64, 64, 64, 0, 256, 0, 256, 0, 0, 0},
};

START_TEST(profiles_have_their_hashes)
{
    for (int p = 0; p < 7; p++)
        for (int h = 0; h < 13; h++) {
            const redux_hash_options options = options_of(profile_names[p], hash_names[h], "0");
            ck_assert_int_eq((int)options.profile, p);
            ck_assert_int_eq((int)options.hash, h);
            ck_assert_str_eq(redux_hash_name(options.hash), hash_names[h]);
            ck_assert_str_eq(redux_hash_profile_name(options.profile), profile_names[p]);
            ck_assert_int_eq(redux_hash_bits(&options), bits[p][h]);
            ck_assert_int_eq(redux_hash_bytes(&options), (bits[p][h] + 7) / 8);
            ck_assert_redux(bits[p][h] == 0 ? REDUX_E_INVALID : REDUX_OK,
                            redux_hash_check(&options));
            ck_assert_int_eq(redux_hash_is_binary(&options), bits[p][h] > 0 && h != 12);
        }
    const redux_hash_options wrong = options_of("imagededup", "pdq", "0");
    ck_assert_redux(REDUX_E_INVALID, redux_hash_check(&wrong));
    ck_assert_str_eq(
        redux_error_message(),
        "profile imagededup has no hash pdq: it has average, difference, dct, wavelet");
    for (int h = 0; h < 13; h++)
        ck_assert_int_gt(bits[redux_hash_default_profile((redux_hash)h)][h], 0);
    for (int p = 0; p < 7; p++)
        ck_assert_int_gt(bits[p][redux_hash_profile_default_hash((redux_hash_profile)p)], 0);
    ck_assert_int_eq((int)redux_hash_default_profile(REDUX_HASH_DCT), REDUX_PROFILE_PAPER_HASH);
    ck_assert_int_eq((int)redux_hash_default_profile(REDUX_HASH_COLOUR), REDUX_PROFILE_IMAGEHASH);
    ck_assert_str_eq(redux_hash_name((redux_hash)99), "unknown");
    ck_assert_str_eq(redux_hash_profile_name((redux_hash_profile)99), "unknown");
}
END_TEST

START_TEST(sizes_have_their_ranges)
{
    static const struct {
        const char *profile, *hash, *size;
        int64_t bits;
    } cases[] = {
        {"imagehash", "difference", "16", 256},
        {"imagehash", "dct", "2", 4},
        {"imagehash", "dct", "64", 4096},
        {"imagehash", "dct", "1", 0},
        {"imagehash", "dct", "65", 0},
        {"imagehash", "dct", "-8", 0},
        {"imagehash", "wavelet", "32", 1024},
        {"imagehash", "wavelet", "24", 0},
        {"imagehash", "colour", "4", 56},
        {"imagehash", "colour", "9", 0},
        {"imagededup", "dct", "8", 64},
        {"imagededup", "dct", "16", 0},
        {"blockhash", "blockhash", "8", 64},
        {"blockhash", "blockhash", "9", 0},
        {"pdq", "pdq", "16", 256},
        {"pdq", "pdq", "8", 0},
        {"hu", "block-mean-0", "7", 49},
        {"opencv", "block-mean-0", "8", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const redux_hash_options options =
            options_of(cases[i].profile, cases[i].hash, cases[i].size);
        ck_assert_int_eq(redux_hash_bits(&options), cases[i].bits);
        ck_assert_redux(cases[i].bits == 0 ? REDUX_E_INVALID : REDUX_OK,
                        redux_hash_check(&options));
    }
}
END_TEST

/* Constant lines have no coefficient but the first, also where a length cannot be halved on. */
START_TEST(flat_dct_of_every_size)
{
    const int64_t shape[] = {50, 60};
    redux_tensor picture;
    uint8_t code[MOST_BYTES], expected[MOST_BYTES] = {0x80}, none[MOST_BYTES] = {0};
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
    memset(picture.data, 201, 3000);
    for (int size = 2; size <= 64; size++) {
        redux_hash_options options = options_of("imagehash", "dct", "0");
        options.size = size;
        hash_one(code, NULL, &picture, &options);
        ck_assert_mem_eq(code, expected, (size_t)redux_hash_bytes(&options));
        options.hash = REDUX_HASH_DCT_SIMPLE;
        hash_one(code, NULL, &picture, &options);
        ck_assert_mem_eq(code, none, (size_t)redux_hash_bytes(&options));
    }
    redux_tensor_release(&picture);
}
END_TEST

START_TEST(wrong_pictures_are_refused)
{
    const int64_t shape[] = {9, 9, 5}, none[] = {0, 4}, out_shape[] = {8};
    redux_hash_options options = options_of("imagehash", "dct", "0");
    redux_tensor picture, out;
    redux_hash_info info;
    uint8_t code[32];
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_tensor_borrow(&out, code, REDUX_UINT8, 1, out_shape, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_picture(code, &info, NULL, &picture, &options));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_pdq_dihedral(code, &info, NULL, &picture));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_picture(NULL, &info, NULL, &picture, &options));
    redux_tensor_release(&picture);
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, none));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_picture(code, &info, NULL, &picture, &options));
    redux_tensor_release(&picture);
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_INT16, 2, shape));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_picture(code, &info, NULL, &picture, &options));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_compute(&out, NULL, &picture, &options));
    options.profile = REDUX_PROFILE_HU;
    ck_assert_redux(REDUX_E_INVALID, redux_hash_compute(&out, NULL, &picture, &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "needs a window"));
    redux_tensor_release(&picture);
}
END_TEST

/* ---- text ---- */

START_TEST(text_of_odd_lengths)
{
    const redux_hash_options colour = options_of("imagehash", "colour", "0");
    const redux_hash_options five = options_of("imagehash", "average", "5");
    const redux_hash_options block = options_of("opencv", "block-mean-1", "0");
    uint8_t code[MOST_BYTES] = {0x80, 0, 0, 0, 0, 0x40}, back[MOST_BYTES];
    char hex[2 * MOST_BYTES + 1];
    ck_assert_redux_ok(redux_hash_to_text(hex, code, &colour)); /* bits 0 and 41 of 42 */
    ck_assert_str_eq(hex, "20000000001");
    ck_assert_redux_ok(redux_hash_from_text(back, hex, &colour));
    ck_assert_mem_eq(back, code, 6);
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_from_text(back, "40000000001", &colour));
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_from_text(back, "2000000000", &colour));
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_from_text(back, "2000000000x", &colour));
    ck_assert_redux_ok(redux_hash_from_text(back, "1fFFfff", &five));
    ck_assert_mem_eq(back, ((uint8_t[]){255, 255, 255, 128}), 4);
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_from_text(back, "2000000", &five));
    memset(code, 0, sizeof code);
    code[120] = 1;
    ck_assert_redux_ok(redux_hash_to_text(hex, code, &block));
    ck_assert_uint_eq(strlen(hex), 242);
    ck_assert_str_eq(hex + 240, "01");
    ck_assert_redux(REDUX_E_INVALID, redux_hash_to_text(NULL, code, &block));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_from_text(back, NULL, &block));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash");
    TCase *tests = tcase_create("hash");
    golden_archive = PICTURES;
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, pictures_hash_as_the_peers_hash_them);
    tcase_add_test(tests, hounsfield_hashes_in_float);
    tcase_add_test(tests, floats_beyond_0_to_1_are_refused);
    tcase_add_test(tests, pdq_has_eight_variants);
    tcase_add_test(tests, pdq_of_bytes_is_that_of_floats);
    tcase_add_test(tests, radial_variance_by_definition);
    tcase_add_test(tests, nth_is_as_sorted);
    tcase_add_test(tests, turned_pictures_have_the_variants);
    tcase_add_test(tests, radial_codes_correlate_as_opencvs);
    tcase_add_test(tests, hounsfield_slices_are_told_apart);
    tcase_add_test(tests, flat_pictures_are_flagged);
    tcase_add_test(tests, wavelet_ties_follow_the_rule);
    tcase_add_test(tests, eight_bit_hashes_round_floats);
    tcase_add_test(tests, batches_and_views);
    tcase_add_test(tests, memory_may_run_out);
    tcase_add_test(tests, profiles_have_their_hashes);
    tcase_add_test(tests, sizes_have_their_ranges);
    tcase_add_test(tests, flat_dct_of_every_size);
    tcase_add_test(tests, wrong_pictures_are_refused);
    tcase_add_test(tests, text_of_odd_lengths);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
