/* SPDX-License-Identifier: MIT
 * Hashes of whole volumes against NumPy's (tests/golden/volume_hash.py), and what must hold of
 * them: turned volumes, orientations, dtypes, threads, volumes without content. */
#include <math.h>
#include "support/counted.h"
#include "support/test_io.h"

#define BYTES 64
#define MOST_BYTES 512

static const redux_volume_hash hashes[] = {REDUX_VOLUME_HASH_DIFFERENCE, REDUX_VOLUME_HASH_DCT,
                                           REDUX_VOLUME_HASH_BLOCK_MEAN};

static redux_volume_hash_options options_of(redux_volume_hash hash)
{
    redux_volume_hash_options options = REDUX_VOLUME_HASH_OPTIONS_INIT;
    options.hash = hash;
    return options;
}

static int differing(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    int32_t distance;
    ck_assert_redux_ok(redux_volume_hash_distance(&distance, NULL, a, b, 1, bytes));
    return distance;
}

/* ---- golden codes ---- */

/* Equal to the golden code in every bit that is sure; says how many bits are. */
static int assert_code(const uint8_t *code, const char *name, int64_t bytes)
{
    redux_tensor want, sure;
    int compared = 0;
    golden(&want, name);
    golden(&sure, text("%s/sure", name));
    ck_assert_int_eq(want.shape[0], bytes);
    for (int64_t i = 0; i < bytes; i++) {
        const uint8_t mask = ((const uint8_t *)sure.data)[i];
        ck_assert_msg(((code[i] ^ ((const uint8_t *)want.data)[i]) & mask) == 0,
                      "%s: byte %lld is %02x, not %02x (sure: %02x)", name, (long long)i, code[i],
                      ((const uint8_t *)want.data)[i], mask);
        compared += __builtin_popcount(mask);
    }
    redux_tensor_release(&want);
    redux_tensor_release(&sure);
    return compared;
}

START_TEST(golden_codes)
{
    static const struct {
        const char *name, *volume, *window;
        int least; /* of 512 bits are sure */
    } cases[] = {
        {"hu", "hu", "auto", 505},
        {"lung", "hu", "lung", 480},
        {"full", "hu", "full", 505},
        {"holes", "holes", "auto", 500},
        {"grey", "grey", "auto", 490},
        {"slice", "hu", "auto", 60},
        {"two", "hu", "auto", 300},
        {"large", "large", "auto", 430},
        {"holes-full", "holes", "full", 500},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        redux_tensor volume, part;
        golden(&volume, cases[c].volume);
        part = volume; /* borrowed */
        part.storage = NULL;
        if (strcmp(cases[c].name, "slice") == 0)
            part.shape[0] = 1;
        if (strcmp(cases[c].name, "two") == 0) {
            part.data = (int16_t *)volume.data + 3 * volume.strides[0];
            part.shape[0] = 2;
        }
        for (int h = 0; h < 3; h++) {
            redux_volume_hash_options options = options_of(hashes[h]);
            uint8_t code[BYTES];
            redux_hash_info info;
            ck_assert_redux_ok(redux_window_parse(&options.window, cases[c].window));
            ck_assert_redux_ok(
                redux_volume_hash_compute(code, 1, &info, NULL, &part, 1, 0, &options));
            const int sure = assert_code(
                code, text("%s/%s", cases[c].name, redux_volume_hash_name(hashes[h])), BYTES);
            ck_assert_msg(sure >= cases[c].least, "%s: %d sure bits", cases[c].name, sure);
            ck_assert_uint_eq(info.flags, 0);
            ck_assert_int_gt(info.quality, 0);
        }
        redux_tensor_release(&volume);
    }
}
END_TEST

START_TEST(other_sizes)
{
    static const int32_t sizes[] = {2, 3, 5, 16};
    redux_tensor volume;
    golden(&volume, "hu");
    for (int s = 0; s < 4; s++)
        for (int h = 0; h < 3; h++) {
            redux_volume_hash_options options = options_of(hashes[h]);
            uint8_t code[MOST_BYTES];
            options.size = sizes[s];
            const int64_t bits = (int64_t)sizes[s] * sizes[s] * sizes[s];
            ck_assert_int_eq(redux_volume_hash_bits(&options), bits);
            ck_assert_int_eq(redux_volume_hash_bytes(&options), (bits + 7) / 8);
            ck_assert_redux_ok(
                redux_volume_hash_compute(code, 1, NULL, NULL, &volume, 1, 0, &options));
            assert_code(code, text("hu/%s/%d", redux_volume_hash_name(hashes[h]), (int)sizes[s]),
                        (bits + 7) / 8);
        }
    redux_tensor_release(&volume);
}
END_TEST

/* ---- turns ---- */

/* A view of the volume as turn `turn` has it. */
static redux_tensor turned(const redux_tensor *volume, int32_t turn)
{
    int32_t axis[3], reversed[3];
    redux_tensor view = *volume;
    ck_assert_redux_ok(redux_volume_hash_turn(axis, reversed, turn));
    view.storage = NULL;
    for (int i = 0; i < 3; i++) {
        view.shape[i] = volume->shape[axis[i]];
        view.strides[i] = volume->strides[axis[i]];
        if (reversed[i] != 0) {
            view.data = (char *)view.data + (view.shape[i] - 1) * view.strides[i] *
                                                (int64_t)redux_dtype_size(view.dtype);
            view.strides[i] = -view.strides[i];
        }
    }
    return view;
}

START_TEST(turns_are_a_group)
{
    int seen[REDUX_VOLUME_TURNS] = {0};
    for (int32_t t = 0; t < REDUX_VOLUME_TURNS; t++) {
        int32_t axis[3], reversed[3], m[3][3] = {{0}};
        ck_assert_redux_ok(redux_volume_hash_turn(axis, reversed, t));
        for (int i = 0; i < 3; i++)
            m[i][axis[i]] = reversed[i] ? -1 : 1;
        const int determinant = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                                m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                                m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
        ck_assert_int_eq(determinant, t < REDUX_VOLUME_ROTATIONS ? 1 : -1);
        /* 6 orders of axes, 8 choices of directions: each once */
        const int order = axis[0] * 2 + (axis[1] > axis[2]);
        const int key = order * 8 + reversed[0] * 4 + reversed[1] * 2 + reversed[2];
        ck_assert(key < REDUX_VOLUME_TURNS && seen[key] == 0);
        seen[key] = 1;
        if (t == 0)
            ck_assert(axis[0] == 0 && axis[1] == 1 && axis[2] == 2 && key == 0);
    }
    int32_t axis[3], reversed[3];
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_turn(axis, reversed, 48));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_turn(axis, reversed, -1));
}
END_TEST

/* Variant t is the code of the volume turned by t, up to the rounding of sums. */
START_TEST(variants_are_turned_volumes)
{
    const redux_volume_hash_options options = options_of(hashes[_i]);
    uint8_t variants[REDUX_VOLUME_TURNS * BYTES], code[BYTES], rotations[24 * BYTES];
    redux_tensor volume;
    golden(&volume, "hu");
    ck_assert_redux_ok(
        redux_volume_hash_compute(variants, 48, NULL, NULL, &volume, 1, 0, &options));
    ck_assert_redux_ok(
        redux_volume_hash_compute(rotations, 24, NULL, NULL, &volume, 1, 0, &options));
    ck_assert_mem_eq(rotations, variants, sizeof rotations);
    for (int32_t t = 0; t < REDUX_VOLUME_TURNS; t++) {
        const redux_tensor view = turned(&volume, t);
        int32_t distance, which;
        ck_assert_redux_ok(redux_volume_hash_compute(code, 1, NULL, NULL, &view, 1, 0, &options));
        ck_assert_int_le(differing(code, variants + t * BYTES, BYTES), 2);
        ck_assert_redux_ok(
            redux_volume_hash_distance(&distance, &which, code, variants, 48, BYTES));
        ck_assert_int_eq(which, t);
        if (t > 0) /* not what it was: otherwise the test could not fail */
            ck_assert_int_gt(differing(code, variants, BYTES), 100);
    }
    redux_tensor_release(&volume);
}
END_TEST

/* ---- files ---- */

START_TEST(orientations)
{
    static const char *const files[] = {"LPS.nii.gz", "RAI.nii.gz", "SAR.nii.gz",
                                        "quaternion.nii.gz"};
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++)
        for (int h = 0; h < 3; h++) {
            const redux_volume_hash_options options = options_of(hashes[h]);
            redux_dataset *dataset;
            uint8_t code[BYTES];
            ck_assert_redux_ok(open_path(&dataset, unpack(files[f]), NULL));
            ck_assert_redux_ok(redux_volume_hash_read(code, 1, NULL, NULL, dataset, 0, &options));
            assert_code(code, text("hu/%s", redux_volume_hash_name(hashes[h])), BYTES);
            redux_dataset_free(dataset);
        }
}
END_TEST

START_TEST(stored_orientation)
{
    redux_dataset_options stored = REDUX_DATASET_OPTIONS_INIT;
    redux_dataset *dataset;
    uint8_t axial[BYTES], code[BYTES];
    stored.orientation = REDUX_ORIENTATION_STORED;
    ck_assert_redux_ok(open_path(&dataset, unpack("SAR.nii.gz"), NULL));
    ck_assert_redux_ok(redux_volume_hash_read(axial, 1, NULL, NULL, dataset, 0, NULL));
    redux_dataset_free(dataset);
    ck_assert_redux_ok(open_path(&dataset, unpack("SAR.nii.gz"), &stored));
    ck_assert_redux_ok(redux_volume_hash_read(code, 1, NULL, NULL, dataset, 0, NULL));
    redux_dataset_free(dataset);
    ck_assert_int_gt(differing(axial, code, BYTES), 100);
}
END_TEST

/* Slope and intercept are applied; arrays and pictures have a code too. */
START_TEST(arrays_and_pictures)
{
    redux_tensor volume;
    redux_dataset *dataset;
    uint8_t code[BYTES], same[BYTES];
    golden(&volume, "hu");
    ck_assert_redux_ok(redux_npy_write(in_scratch("volume.npy"), NULL, &volume));
    ck_assert_redux_ok(open_path(&dataset, in_scratch("volume.npy"), NULL));
    ck_assert_redux_ok(redux_volume_hash_read(code, 1, NULL, NULL, dataset, 0, NULL));
    redux_dataset_free(dataset);
    assert_code(code, "hu/dct", BYTES);
    int16_t *voxels = volume.data;
    for (int64_t i = 0; i < redux_tensor_elements(&volume); i++)
        voxels[i] = (int16_t)(voxels[i] * 2 + 1024);
    ck_assert_redux_ok(redux_volume_hash_compute(same, 1, NULL, NULL, &volume, 0.5, -512, NULL));
    ck_assert_mem_eq(code, same, BYTES);
    redux_tensor_release(&volume);

    redux_tensor grey;
    golden(&grey, "grey");
    mkdir(in_scratch("pictures"), 0777);
    for (int64_t k = 0; k < grey.shape[0]; k++) {
        redux_tensor slice;
        ck_assert_redux_ok(redux_tensor_select(&slice, &grey, 0, k));
        ck_assert_redux_ok(redux_picture_write_png(
            text("%s/pictures/%lld.png", scratch, (long long)k), NULL, &slice));
        redux_tensor_release(&slice);
    }
    ck_assert_redux_ok(open_path(&dataset, in_scratch("pictures"), NULL));
    ck_assert_redux_ok(redux_volume_hash_read(code, 1, NULL, NULL, dataset, 0, NULL));
    assert_code(code, "grey/dct", BYTES);
    redux_dataset_free(dataset);
    /* One more picture of another size: no volume. */
    redux_tensor small;
    const int64_t shape[2] = {5, 5};
    ck_assert_redux_ok(redux_tensor_new(&small, NULL, REDUX_UINT8, 2, shape));
    ck_assert_redux_ok(redux_picture_write_png(in_scratch("pictures/99.png"), NULL, &small));
    ck_assert_redux_ok(open_path(&dataset, in_scratch("pictures"), NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_read(code, 1, NULL, NULL, dataset, 0, NULL));
    redux_dataset_free(dataset);
    redux_tensor_release(&small);
    redux_tensor_release(&grey);
}
END_TEST

/* ---- invariance ---- */

START_TEST(dtypes_and_threads)
{
    const redux_dtype dtypes[] = {REDUX_INT32, REDUX_FLOAT32, REDUX_FLOAT64};
    const redux_volume_hash_options options = options_of(hashes[_i]);
    redux_tensor volume, other;
    uint8_t want[24 * BYTES], code[24 * BYTES];
    golden(&volume, "large");
    ck_assert_redux_ok(redux_volume_hash_compute(want, 24, NULL, NULL, &volume, 1, 0, &options));
    for (int d = 0; d < 3; d++) {
        ck_assert_redux_ok(redux_tensor_contiguous(&other, NULL, &volume, dtypes[d]));
        ck_assert_redux_ok(redux_volume_hash_compute(code, 24, NULL, NULL, &other, 1, 0, &options));
        ck_assert_mem_eq(code, want, sizeof want);
        redux_tensor_release(&other);
    }
    for (int threads = 2; threads <= 7; threads++) {
        redux_context_options context_options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        context_options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &context_options));
        ck_assert_redux_ok(
            redux_volume_hash_compute(code, 24, NULL, context, &volume, 1, 0, &options));
        ck_assert_mem_eq(code, want, sizeof want);
        redux_context_free(context);
    }
    redux_tensor_release(&volume);
}
END_TEST

/* Every voxel 2 x 3 x 2 times over: the same field of view. */
START_TEST(resampled_copies_are_near)
{
    const redux_volume_hash_options options = options_of(hashes[_i]);
    redux_tensor volume, copy, other;
    uint8_t a[BYTES], b[BYTES], c[BYTES];
    golden(&volume, "hu");
    golden(&other, "large");
    const int64_t *n = volume.shape, shape[3] = {2 * n[0], 3 * n[1], 2 * n[2]};
    ck_assert_redux_ok(redux_tensor_new(&copy, NULL, REDUX_INT16, 3, shape));
    for (int64_t z = 0; z < shape[0]; z++)
        for (int64_t y = 0; y < shape[1]; y++)
            for (int64_t x = 0; x < shape[2]; x++)
                ((int16_t *)copy.data)[(z * shape[1] + y) * shape[2] + x] =
                    ((const int16_t *)volume.data)[(z / 2 * n[1] + y / 3) * n[2] + x / 2];
    ck_assert_redux_ok(redux_volume_hash_compute(a, 1, NULL, NULL, &volume, 1, 0, &options));
    ck_assert_redux_ok(redux_volume_hash_compute(b, 1, NULL, NULL, &copy, 1, 0, &options));
    ck_assert_redux_ok(redux_volume_hash_compute(c, 1, NULL, NULL, &other, 1, 0, &options));
    const int threshold = redux_volume_hash_threshold(&options);
    ck_assert_int_le(differing(a, b, BYTES), threshold / 2);
    ck_assert_int_gt(differing(a, c, BYTES), threshold);
    redux_tensor_release(&volume);
    redux_tensor_release(&copy);
    redux_tensor_release(&other);
}
END_TEST

START_TEST(nothing_to_see)
{
    const int64_t shape[3] = {9, 7, 5};
    const uint8_t zero[BYTES] = {0};
    redux_tensor volume;
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_FLOAT32, 3, shape));
    float *voxels = volume.data;
    const float values[] = {0, 37, -3000, (float)NAN, (float)INFINITY, -(float)INFINITY};
    for (int v = 0; v < 6; v++)
        for (int h = 0; h < 3; h++)
            for (int full = 0; full < 2; full++) {
                redux_volume_hash_options options = options_of(hashes[h]);
                uint8_t code[BYTES];
                redux_hash_info info = {-1, 0};
                for (int64_t i = 0; i < redux_tensor_elements(&volume); i++)
                    voxels[i] = values[v];
                options.window.kind = full ? REDUX_WINDOW_FULL : REDUX_WINDOW_AUTO;
                ck_assert_redux_ok(
                    redux_volume_hash_compute(code, 1, &info, NULL, &volume, 1, 0, &options));
                ck_assert_uint_eq(info.flags, REDUX_HASH_FLAT);
                ck_assert_int_eq(info.quality, 0);
                ck_assert_mem_eq(code, zero, BYTES);
            }
    redux_tensor_release(&volume);
}
END_TEST

/* ---- arguments ---- */

START_TEST(names_and_defaults)
{
    redux_volume_hash hash;
    for (int h = 0; h < 3; h++) {
        ck_assert_redux_ok(redux_volume_hash_parse(&hash, redux_volume_hash_name(hashes[h])));
        ck_assert_int_eq(hash, hashes[h]);
    }
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_volume_hash_parse(&hash, "md5"));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_parse(&hash, NULL));
    ck_assert_str_eq(redux_volume_hash_name((redux_volume_hash)3), "unknown");
    ck_assert_int_eq(redux_volume_hash_bits(NULL), 512);
    ck_assert_int_eq(redux_volume_hash_threshold(NULL), 160);
    redux_volume_hash_options options = options_of(REDUX_VOLUME_HASH_DIFFERENCE);
    options.size = 4;
    ck_assert_int_eq(redux_volume_hash_threshold(&options), 8);
    options.size = 40;
    ck_assert_int_eq(redux_volume_hash_threshold(&options), 0);
}
END_TEST

START_TEST(wrong_arguments)
{
    const int64_t shape[3] = {2, 3, 4}, none[3] = {0, 3, 4};
    redux_volume_hash_options options = REDUX_VOLUME_HASH_OPTIONS_INIT;
    redux_tensor volume, empty;
    redux_dataset *dataset;
    uint8_t code[BYTES];
    int32_t distance;
    ck_assert_redux_ok(redux_tensor_new(&volume, NULL, REDUX_INT16, 3, shape));
    ck_assert_redux_ok(redux_tensor_new(&empty, NULL, REDUX_INT16, 3, none));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_volume_hash_compute(NULL, 1, NULL, NULL, &volume, 1, 0, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_volume_hash_compute(code, 1, NULL, NULL, NULL, 1, 0, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_volume_hash_compute(code, 2, NULL, NULL, &volume, 1, 0, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_volume_hash_compute(code, 1, NULL, NULL, &empty, 1, 0, NULL));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_volume_hash_compute(code, 1, NULL, NULL, &volume, (double)NAN, 0, NULL));
    options.size = 17;
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_check(&options));
    ck_assert_int_eq(redux_volume_hash_bytes(&options), 0);
    options.size = 1;
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_check(&options));
    options.size = 0;
    options.hash = (redux_volume_hash)3;
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_check(&options));
    options.hash = REDUX_VOLUME_HASH_DCT;
    options.window.kind = REDUX_WINDOW_SLICE;
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_check(&options));
    options.window = (redux_window){REDUX_WINDOW_RANGE, 5, 5};
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_check(&options));
    volume.ndim = 2;
    ck_assert_redux(REDUX_E_INVALID,
                    redux_volume_hash_compute(code, 1, NULL, NULL, &volume, 1, 0, NULL));
    volume.ndim = 3;
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_distance(&distance, NULL, code, code, 0, 8));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_distance(&distance, NULL, code, NULL, 1, 8));
    ck_assert_redux_ok(redux_npy_write(in_scratch("wrong.npy"), NULL, &volume));
    ck_assert_redux_ok(open_path(&dataset, in_scratch("wrong.npy"), NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_read(code, 1, NULL, NULL, dataset, 1, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_volume_hash_read(code, 3, NULL, NULL, dataset, 0, NULL));
    redux_dataset_free(dataset);
    redux_tensor_release(&volume);
    redux_tensor_release(&empty);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_that_runs_out)
{
    const redux_volume_hash_options options = options_of(hashes[_i]);
    const char *path = unpack("LPS.nii.gz");
    redux_status status = REDUX_E_NO_MEMORY;
    int at = 0;
    for (; status != REDUX_OK; at++) {
        counter c;
        redux_context *context = counted_context(&c, 0);
        redux_dataset *dataset;
        uint8_t codes[24 * BYTES];
        ck_assert_redux_ok(open_path(&dataset, path, NULL));
        counted_fail(&c, at);
        status = redux_volume_hash_read(codes, 24, NULL, context, dataset, 0, &options);
        ck_assert(status == REDUX_OK || status == REDUX_E_NO_MEMORY);
        redux_dataset_free(dataset);
        redux_context_free(context);
        ck_assert_int_eq(c.live, 0);
        ck_assert_int_lt(at, 200);
    }
    ck_assert_int_gt(at, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("volume_hash");
    TCase *all = tcase_create("all");
    golden_archive = "tests/golden/data/volume_hash.npz";
    tcase_set_timeout(all, 60);
    tcase_add_test(all, golden_codes);
    tcase_add_test(all, other_sizes);
    tcase_add_test(all, turns_are_a_group);
    tcase_add_loop_test(all, variants_are_turned_volumes, 0, 3);
    tcase_add_test(all, orientations);
    tcase_add_test(all, stored_orientation);
    tcase_add_test(all, arrays_and_pictures);
    tcase_add_loop_test(all, dtypes_and_threads, 0, 3);
    tcase_add_loop_test(all, resampled_copies_are_near, 0, 3);
    tcase_add_test(all, nothing_to_see);
    tcase_add_test(all, names_and_defaults);
    tcase_add_test(all, wrong_arguments);
    tcase_add_loop_test(all, memory_that_runs_out, 0, 3);
    suite_add_tcase(suite, all);
    scratch_make();
    const int code = run_suite(suite);
    scratch_remove();
    return code;
}
