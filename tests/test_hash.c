/* SPDX-License-Identifier: MIT
 * Perceptual hashes by profile against the peers' goldens (golden/hash.py), their quality, text and
 * binary form. What is Pillow's of the volumes is in test_image.c. */
#include <math.h>
#include <zlib.h>
#include "test_io.h"

#define PICTURES "tests/golden/data/hash_pictures.npz"
#define LINES "tests/golden/data/hash_profiles.tsv"
#define VOLUME "data/ct/STS_019_CT.nii.gz"
#define MOST_BYTES 512

/* A line of the golden: NAME PROFILE HASH SIZE VALUE. */
typedef struct golden_line {
    char name[32], profile[32], hash[32], size[32], value[1100];
} golden_line;

static bool next_line(FILE *file, golden_line *line)
{
    char text_line[1400];
    if (fgets(text_line, sizeof text_line, file) == NULL)
        return false;
    ck_assert_int_eq(sscanf(text_line, "%31s %31s %31s %31s %1099s", line->name, line->profile,
                            line->hash, line->size, line->value),
                     5);
    return true;
}

static FILE *open_lines(void)
{
    FILE *file = fopen(LINES, "r");
    ck_assert_ptr_nonnull(file);
    return file;
}

static redux_hash_options options_of(const char *profile, const char *hash, const char *size)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    ck_assert_redux_ok(redux_hash_profile_parse(&options.profile, profile));
    ck_assert_redux_ok(redux_hash_parse(&options.hash, hash));
    options.size = (int32_t)strtol(size, NULL, 10);
    return options;
}

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
    ck_assert_redux_ok(redux_hash_format(hex, code, options));
    ck_assert_msg(strcmp(hex, line->value) == 0, "%s %s %s %s: %s, expected %s", line->name,
                  line->profile, line->hash, line->size, hex, line->value);
    ck_assert_redux_ok(redux_hash_parse_hex(back, hex, options));
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
        if (strcmp(line.profile, "hu") == 0 || strcmp(line.size, "variants") == 0 ||
            strcmp(line.hash, "correlation") == 0)
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
        /* as an offset of 16-bit scanners would have it: all beyond 255 */
        for (int i = 0; i < 64 * 64; i++) {
            const int stored = ((int16_t *)slices[k].data)[i] + 1400;
            ((uint8_t *)bytes.data)[i] = (uint8_t)(stored > 255 ? 255 : stored);
        }
        hash_one(seen[k], NULL, &bytes, &eight);
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
        ((float *)wide.data)[i] = (((float *)wide.data)[i] + 0.25F) / 255;
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
        ck_assert_int_gt(bits[redux_hash_profile_for((redux_hash)h)][h], 0);
    for (int p = 0; p < 7; p++)
        ck_assert_int_gt(bits[p][redux_hash_for_profile((redux_hash_profile)p)], 0);
    ck_assert_int_eq((int)redux_hash_profile_for(REDUX_HASH_DCT), REDUX_PROFILE_PAPER_HASH);
    ck_assert_int_eq((int)redux_hash_profile_for(REDUX_HASH_COLOUR), REDUX_PROFILE_IMAGEHASH);
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
    uint8_t code[MOST_BYTES], expected[MOST_BYTES] = {0x80};
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
    memset(picture.data, 201, 3000);
    for (int size = 2; size <= 64; size++) {
        redux_hash_options options = options_of("imagehash", "dct", "0");
        options.size = size;
        hash_one(code, NULL, &picture, &options);
        ck_assert_mem_eq(code, expected, (size_t)redux_hash_bytes(&options));
        options.hash = REDUX_HASH_DCT_SIMPLE;
        hash_one(code, NULL, &picture, &options);
        ck_assert_mem_eq(code, expected + 1, (size_t)redux_hash_bytes(&options));
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
    ck_assert_redux_ok(redux_hash_format(hex, code, &colour)); /* bits 0 and 41 of 42 */
    ck_assert_str_eq(hex, "20000000001");
    ck_assert_redux_ok(redux_hash_parse_hex(back, hex, &colour));
    ck_assert_mem_eq(back, code, 6);
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_parse_hex(back, "40000000001", &colour));
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_parse_hex(back, "2000000000", &colour));
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_parse_hex(back, "2000000000x", &colour));
    ck_assert_redux_ok(redux_hash_parse_hex(back, "1fFFfff", &five));
    ck_assert_mem_eq(back, ((uint8_t[]){255, 255, 255, 128}), 4);
    ck_assert_redux(REDUX_E_FORMAT, redux_hash_parse_hex(back, "2000000", &five));
    memset(code, 0, sizeof code);
    code[120] = 1;
    ck_assert_redux_ok(redux_hash_format(hex, code, &block));
    ck_assert_uint_eq(strlen(hex), 242);
    ck_assert_str_eq(hex + 240, "01");
    ck_assert_redux(REDUX_E_INVALID, redux_hash_format(NULL, code, &block));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_parse_hex(back, NULL, &block));
}
END_TEST

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

START_TEST(lists_are_printed)
{
    redux_hash_list *list = small_list();
    bytes all = written(list, REDUX_HASH_LIST_TEXT, 0);
    ck_assert_str_eq(all.data,
                     "a, b.nii\t4\t02468ad\na, b.nii\t5\t0000000\nc\xff.png\t0\t1ffffff\n");
    free(all.data);
    all = written(list, REDUX_HASH_LIST_TEXT, 1);
    ck_assert_str_eq(all.data, "a, b.nii\t4\t02468ad\t57\t-\na, b.nii\t5\t0000000\t0\tflat\n"
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
    redux_hash_list_free(list, NULL);
    redux_hash_list_free(NULL, NULL);
}
END_TEST

START_TEST(lists_come_back_from_bytes)
{
    redux_hash_list *list = small_list(), *back;
    redux_hash_options options;
    redux_hash_item a, b;
    redux_tensor codes;
    const char *path = in_scratch("codes.rdx");
    ck_assert_redux_ok(redux_hash_list_save(path, NULL, list, REDUX_HASH_LIST_BINARY, 0));
    ck_assert_redux_ok(redux_hash_list_load(&back, NULL, path));
    ck_assert_int_eq(redux_hash_list_count(back), 3);
    ck_assert_redux_ok(redux_hash_list_options(&options, back));
    ck_assert_int_eq(options.hash, REDUX_HASH_DIFFERENCE);
    ck_assert_int_eq(options.profile, REDUX_PROFILE_HU);
    ck_assert_int_eq(options.size, 5);
    ck_assert_int_eq(options.window.kind, REDUX_WINDOW_RANGE);
    ck_assert_double_eq(options.window.low, -200.5);
    ck_assert_double_eq(options.window.high, 300);
    for (int i = 0; i < 3; i++) {
        ck_assert_redux_ok(redux_hash_list_get(&a, list, i));
        ck_assert_redux_ok(redux_hash_list_get(&b, back, i));
        ck_assert_str_eq(a.source, b.source);
        ck_assert_int_eq(a.slice, b.slice);
        ck_assert_mem_eq(a.code, b.code, 4);
        ck_assert_int_eq(a.info.quality, b.info.quality);
        ck_assert_uint_eq(a.info.flags, b.info.flags);
    }
    ck_assert_redux_ok(redux_hash_list_codes(&codes, back));
    ck_assert_int_eq(codes.shape[0], 3);
    ck_assert_int_eq(codes.shape[1], 4);
    ck_assert_mem_eq((char *)codes.data + 8, "\xff\xff\xff\x80", 4);
    bytes one = written(list, REDUX_HASH_LIST_BINARY, 0);
    bytes two = written(back, REDUX_HASH_LIST_BINARY, 1);
    ck_assert_uint_eq(one.size, two.size);
    ck_assert_mem_eq(one.data, two.data, one.size);
    free(one.data);
    free(two.data);
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_get(&a, back, 3));
    ck_assert_redux(REDUX_E_INVALID, redux_hash_list_get(&a, back, -1));
    redux_hash_list_free(list, NULL);
    redux_hash_list_free(back, NULL);
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, NULL)); /* an empty one too */
    ck_assert_redux_ok(redux_hash_list_save(path, NULL, list, REDUX_HASH_LIST_BINARY, 0));
    ck_assert_redux_ok(redux_hash_list_load(&back, NULL, path));
    ck_assert_int_eq(redux_hash_list_count(back), 0);
    ck_assert_redux_ok(redux_hash_list_codes(&codes, back));
    ck_assert_int_eq(codes.shape[0], 0);
    redux_hash_list_free(list, NULL);
    redux_hash_list_free(back, NULL);
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
    redux_hash_list_free(list, NULL);
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
                redux_hash_list_free(back, NULL);
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
    redux_hash_list_free(list, NULL);
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
    redux_hash_list_free(list, NULL);
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
    ck_assert_int_eq(redux_hash_list_count(list), redux_dataset_slices(dataset));
    bytes all = written(list, REDUX_HASH_LIST_TEXT, 1);
    redux_hash_list_free(list, context);
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
    redux_hash_list_free(list, NULL);
    const redux_hash_options hu = options_of("hu", "dct", "0");
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, &hu));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_hash_list_add_dataset(list, NULL, dataset, automatic, 0));
    redux_hash_list_free(list, NULL);
    redux_dataset_free(dataset);
}
END_TEST

static int64_t golden_code(char *hex, const char *name, const char *profile, const char *hash,
                           const char *size)
{
    FILE *file = open_lines();
    golden_line line;
    int64_t found = 0;
    while (next_line(file, &line))
        if (strcmp(line.name, name) == 0 && strcmp(line.profile, profile) == 0 &&
            strcmp(line.hash, hash) == 0 && strcmp(line.size, size) == 0) {
            strcpy(hex, line.value);
            found++;
        }
    fclose(file);
    return found;
}

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
        expected = strchr(all.data, '\t') + 3;
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
    ck_assert_redux_ok(redux_picture_read_alpha(&picture, NULL, path));
    golden(&alpha, "alpha");
    assert_same(&picture, &alpha, "alpha.png");
    redux_tensor_release(&picture);
    redux_tensor_release(&alpha);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash");
    TCase *tests = tcase_create("hash");
    golden_archive = PICTURES;
    scratch_make();
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, pictures_hash_as_the_peers_hash_them);
    tcase_add_test(tests, hounsfield_hashes_in_float);
    tcase_add_test(tests, pdq_has_eight_variants);
    tcase_add_test(tests, turned_pictures_have_the_variants);
    tcase_add_test(tests, radial_codes_correlate_as_opencvs);
    tcase_add_test(tests, hounsfield_slices_are_told_apart);
    tcase_add_test(tests, flat_pictures_are_flagged);
    tcase_add_test(tests, wavelet_ties_follow_the_rule);
    tcase_add_test(tests, eight_bit_hashes_round_floats);
    tcase_add_test(tests, profiles_have_their_hashes);
    tcase_add_test(tests, sizes_have_their_ranges);
    tcase_add_test(tests, flat_dct_of_every_size);
    tcase_add_test(tests, wrong_pictures_are_refused);
    tcase_add_test(tests, text_of_odd_lengths);
    tcase_add_test(tests, lists_are_printed);
    tcase_add_test(tests, lists_come_back_from_bytes);
    tcase_add_test(tests, damaged_lists_are_refused);
    tcase_add_test(tests, inconsistent_lists_are_refused);
    tcase_add_test(tests, lists_refuse_wrong_entries);
    tcase_add_test(tests, datasets_are_hashed);
    tcase_add_test(tests, picture_files_keep_their_colours);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
