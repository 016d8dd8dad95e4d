/* SPDX-License-Identifier: MIT
 * Embeddings of datasets: each row is what the network says of that slice alone, up to rounding
 * whatever the batch, and to the bit whatever the threads and the other volumes. Encoders from
 * files; what they say of their inputs. */
#include <math.h>
#include <redux/embed.h>
#include "support/counted.h"
#include "support/test_io.h"

#define SIDE 20
#define VOLUMES 5
#define SIZE 32

static redux_dataset *dataset;
static int64_t total;

/* Volume v has 2 + 3 v slices. */
static int64_t slices_of(int64_t volume)
{
    return 2 + 3 * volume;
}

static void fill_slice(int16_t *pixels, int64_t volume, int64_t slice)
{
    const redux_random_key key = {.seed = (uint64_t)(volume * 100 + slice)};
    const double fx = 0.1 + 0.5 * redux_random_uniform(&key, 0);
    const double fy = 0.1 + 0.5 * redux_random_uniform(&key, 1);
    for (int64_t i = 0; i < (int64_t)SIDE * SIDE; i++) {
        const int64_t x = i % SIDE, y = i / SIDE;
        pixels[i] = (int16_t)(900 * sin(fx * (double)x) * cos(fy * (double)y) +
                              100 * redux_random_uniform(&key, (uint32_t)i + 2));
    }
}

static void make_dataset(void)
{
    static const char *const key = "images";
    total = 0;
    mkdir(in_scratch("volumes"), 0777);
    for (int64_t v = 0; v < VOLUMES; v++) {
        const int64_t shape[] = {slices_of(v), SIDE, SIDE};
        const char *path = text("%s/volumes/%d.%s", scratch, (int)v, v % 2 == 0 ? "npy" : "npz");
        redux_tensor pixels;
        ck_assert_redux_ok(redux_tensor_new(&pixels, NULL, REDUX_INT16, 3, shape));
        for (int64_t k = 0; k < shape[0]; k++)
            fill_slice((int16_t *)pixels.data + k * SIDE * SIDE, v, k);
        if (v % 2 == 0)
            ck_assert_redux_ok(redux_npy_write(path, NULL, &pixels));
        else
            ck_assert_redux_ok(redux_npz_write(path, NULL, &key, &pixels, 1));
        redux_tensor_release(&pixels);
        total += shape[0];
    }
    ck_assert_redux_ok(open_path(&dataset, in_scratch("volumes"), NULL));
    ck_assert_int_eq(redux_dataset_slice_count(dataset), total);
}

static void drop_dataset(void)
{
    redux_dataset_free(dataset);
}

static redux_network *network_of(redux_context *context, int32_t channels, uint64_t seed)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network;
    options.channels = channels;
    options.width = 0.125;
    options.seed = seed;
    ck_assert_redux_ok(redux_network_new(&network, context, &options));
    return network;
}

static redux_input_options input_of(void)
{
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    input.window = (redux_window){REDUX_WINDOW_RANGE, -900, 1000};
    input.size = SIZE;
    return input;
}

static redux_tensor rows_of(int64_t count, const redux_network *network)
{
    const int64_t shape[2] = {count, redux_network_features(network)};
    redux_tensor rows;
    ck_assert_redux_ok(redux_tensor_new(&rows, NULL, REDUX_FLOAT32, 2, shape));
    return rows;
}

/* Slice after slice, one image at a time, by the public functions underneath. */
static redux_tensor one_by_one(redux_network *network)
{
    static int16_t pixels[SIDE * SIDE];
    static float grey[SIZE * SIZE], image[3 * SIZE * SIZE];
    const int64_t slice_shape[] = {SIDE, SIDE}, grey_shape[] = {SIZE, SIZE};
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    ck_assert_redux_ok(redux_network_get_options(&options, network));
    const int32_t channels = options.channels;
    const int64_t image_shape[] = {1, SIZE, SIZE, channels};
    const redux_input_options input = input_of();
    redux_tensor rows = rows_of(total, network), slice, to, images;
    ck_assert_redux_ok(redux_tensor_borrow(&slice, pixels, REDUX_INT16, 2, slice_shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&to, grey, REDUX_FLOAT32, 2, grey_shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&images, image, REDUX_FLOAT32, 4, image_shape, NULL));
    ck_assert_redux_ok(redux_network_plan(network, NULL, 1, SIZE, SIZE, 0));
    for (int64_t v = 0, row = 0; v < VOLUMES; v++)
        for (int64_t k = 0; k < slices_of(v); k++, row++) {
            redux_tensor out;
            fill_slice(pixels, v, k);
            ck_assert_redux_ok(redux_input_apply(&to, NULL, &slice, 1, 0, 0, &input));
            for (int64_t i = 0; i < (int64_t)SIZE * SIZE * channels; i++)
                image[i] = grey[i / channels];
            ck_assert_redux_ok(redux_tensor_slice(&out, &rows, 0, row, 1, 1));
            ck_assert_redux_ok(redux_network_forward(&out, NULL, network, &images,
                                                     REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE));
            redux_tensor_release(&out);
        }
    return rows;
}

static void assert_close(const redux_tensor *have, const redux_tensor *want)
{
    const float *a = have->data, *b = want->data;
    for (int64_t i = 0; i < redux_tensor_elements(want); i++)
        ck_assert_msg(fabs((double)a[i] - (double)b[i]) <= 1e-5 * (1 + fabs((double)b[i])),
                      "element %lld is %.8g, expected %.8g", (long long)i, (double)a[i],
                      (double)b[i]);
}

static void check_rows(int32_t channels)
{
    static const int64_t batches[] = {0, 1, 5, 1000};
    const redux_input_options input = input_of();
    redux_network *reference = network_of(NULL, channels, 5);
    redux_tensor expected = one_by_one(reference), first[4];
    const float *row = expected.data;
    ck_assert_int_ne(memcmp(row, row + expected.shape[1], (size_t)expected.shape[1] * 4), 0);
    for (int threads = 1; threads <= 3; threads++) {
        redux_context *context = context_of(threads);
        redux_network *network = network_of(context, channels, 5);
        for (int b = 0; b < 4; b++) {
            redux_tensor rows = rows_of(total, network);
            ck_assert_redux_ok(
                redux_embed(&rows, NULL, context, network, dataset, NULL, &input, batches[b]));
            assert_close(&rows, &expected);
            if (threads == 1) {
                first[b] = rows;
                continue;
            }
            assert_same(&rows, &first[b], text("batch %d", (int)batches[b]));
            redux_tensor_release(&rows);
        }
        redux_network_free(network);
        redux_context_free(context);
    }
    assert_same(&first[1], &expected, "batch 1"); /* as they were made */
    for (int b = 0; b < 4; b++)
        redux_tensor_release(&first[b]);
    redux_tensor_release(&expected);
    redux_network_free(reference);
}

START_TEST(rows_are_of_their_slices)
{
    check_rows(1);
    check_rows(3);
}
END_TEST

/* A volume alone: the same bits as among others. */
START_TEST(rows_of_one_volume)
{
    const redux_input_options input = input_of();
    redux_network *network = network_of(NULL, 1, 5);
    redux_tensor all = rows_of(total, network), rows = rows_of(slices_of(3), network);
    redux_dataset *one;
    ck_assert_redux_ok(open_path(&one, text("%s/volumes/3.npz", scratch), NULL));
    ck_assert_redux_ok(redux_embed(&all, NULL, NULL, network, dataset, NULL, &input, 4));
    ck_assert_redux_ok(redux_embed(&rows, NULL, NULL, network, one, NULL, &input, 4));
    const int64_t before = slices_of(0) + slices_of(1) + slices_of(2);
    ck_assert_mem_eq(rows.data, (float *)all.data + before * all.shape[1],
                     (size_t)(rows.shape[0] * rows.shape[1]) * sizeof(float));
    redux_dataset_free(one);
    redux_tensor_release(&rows);
    redux_tensor_release(&all);
    redux_network_free(network);
}
END_TEST

/* A NIfTI volume whose rows run to anterior and columns to the right: its axial slices are turned
 * by half a circle from the stored ones. */
static void write_nifti(const char *path)
{
    enum { HEADER = 352, SLICES = 3 };
    static unsigned char file[HEADER + SLICES * SIDE * SIDE * 2];
    const int32_t header_size = 348;
    const int16_t dim[] = {3, SIDE, SIDE, SLICES, 1, 1, 1, 1}, type[] = {4, 16}, code = 1;
    const float spacing[] = {1, 1, 1, 1}, offset = HEADER, slope = 1;
    const float rows[3][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
    memcpy(file, &header_size, 4);
    memcpy(file + 40, dim, sizeof dim);
    memcpy(file + 70, type, sizeof type);
    memcpy(file + 76, spacing, sizeof spacing);
    memcpy(file + 108, &offset, 4);
    memcpy(file + 112, &slope, 4);
    memcpy(file + 254, &code, 2);
    memcpy(file + 280, rows, sizeof rows);
    memcpy(file + 344, "n+1", 4);
    for (int64_t k = 0; k < SLICES; k++) {
        static int16_t pixels[SIDE * SIDE];
        fill_slice(pixels, 7, k);
        memcpy(file + HEADER + (size_t)k * sizeof pixels, pixels, sizeof pixels);
    }
    write_bytes(path, file, sizeof file);
}

START_TEST(axial_whatever_the_orientation)
{
    const char *path = in_scratch("turned.nii");
    const redux_input_options input = input_of();
    redux_network *network = network_of(NULL, 1, 5);
    redux_tensor rows[2], slices[2];
    write_nifti(path);
    for (int i = 0; i < 2; i++) {
        redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
        redux_dataset *turned;
        redux_volume *volume;
        options.orientation = i == 0 ? REDUX_ORIENTATION_AXIAL : REDUX_ORIENTATION_STORED;
        ck_assert_redux_ok(open_path(&turned, path, &options));
        ck_assert_int_eq(redux_dataset_slice_count(turned), 3);
        ck_assert_redux_ok(redux_volume_open(&volume, NULL, turned, 0));
        ck_assert_redux_ok(redux_volume_slice(&slices[i], NULL, volume, 1));
        rows[i] = rows_of(3, network);
        ck_assert_redux_ok(redux_embed(&rows[i], NULL, NULL, network, turned, NULL, &input, 0));
        redux_volume_free(volume);
        redux_dataset_free(turned);
    }
    const int16_t *axial = slices[0].data, *stored = slices[1].data;
    ck_assert_int_eq(axial[0],
                     stored[(SIDE - 1) * slices[1].strides[0] + (SIDE - 1) * slices[1].strides[1]]);
    ck_assert_int_ne(axial[0], stored[0]);
    assert_same(&rows[1], &rows[0], "stored");
    for (int i = 0; i < 2; i++) {
        redux_tensor_release(&slices[i]);
        redux_tensor_release(&rows[i]);
    }
    redux_network_free(network);
}
END_TEST

START_TEST(wanted_slices)
{
    const redux_input_options input = input_of();
    redux_network *network = network_of(NULL, 1, 5);
    redux_tensor expected = one_by_one(network), rows = rows_of(3, network), none;
    uint8_t *wanted = calloc((size_t)total, 1);
    static const int64_t chosen[] = {1, 8, 30};
    ck_assert_ptr_nonnull(wanted);
    for (int i = 0; i < 3; i++)
        wanted[chosen[i]] = 1;
    ck_assert_redux_ok(redux_embed(&rows, NULL, NULL, network, dataset, wanted, &input, 1));
    for (int i = 0; i < 3; i++)
        ck_assert_mem_eq((float *)rows.data + i * rows.shape[1],
                         (float *)expected.data + chosen[i] * rows.shape[1],
                         (size_t)rows.shape[1] * sizeof(float));
    memset(wanted, 0, (size_t)total);
    none = rows_of(0, network);
    ck_assert_redux_ok(redux_embed(&none, NULL, NULL, network, dataset, wanted, &input, 2));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_embed(&rows, NULL, NULL, network, dataset, NULL, &input, 2));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_embed(&rows, NULL, NULL, NULL, dataset, NULL, &input, 2));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_embed(&rows, NULL, NULL, network, dataset, NULL, &input, -1));
    free(wanted);
    redux_tensor_release(&none);
    redux_tensor_release(&rows);
    redux_tensor_release(&expected);
    redux_network_free(network);
}
END_TEST

/* ---- failing ---- */

static void damage(const char *path)
{
    size_t size;
    unsigned char *bytes = read_bytes(path, &size);
    bytes[size / 2] ^= 0x40;
    write_bytes(path, bytes, size);
    free(bytes);
}

START_TEST(unreadable_volume)
{
    const char *path = text("%s/volumes/1.npz", scratch);
    const redux_input_options input = input_of();
    redux_context *context = context_of(2);
    redux_network *network = network_of(context, 1, 5);
    redux_tensor expected = rows_of(total, network), rows = rows_of(total, network);
    uint8_t *readable = malloc((size_t)total);
    ck_assert_ptr_nonnull(readable);
    ck_assert_redux_ok(redux_embed(&expected, NULL, context, network, dataset, NULL, &input, 6));
    damage(path);
    ck_assert_redux(REDUX_E_FORMAT,
                    redux_embed(&rows, NULL, context, network, dataset, NULL, &input, 6));
    ck_assert_msg(strstr(redux_error_message(), "1.npz") != NULL, "%s", redux_error_message());
    ck_assert_redux_ok(redux_embed(&rows, readable, context, network, dataset, NULL, &input, 6));
    for (int64_t i = 0; i < total; i++) {
        const bool gone = i >= slices_of(0) && i < slices_of(0) + slices_of(1);
        ck_assert_int_eq(readable[i], !gone);
        for (int64_t k = 0; k < rows.shape[1]; k++)
            ck_assert_float_eq(((float *)rows.data)[i * rows.shape[1] + k],
                               gone ? 0 : ((float *)expected.data)[i * rows.shape[1] + k]);
    }
    free(readable);
    redux_tensor_release(&rows);
    redux_tensor_release(&expected);
    redux_network_free(network);
    redux_context_free(context);
}
END_TEST

static int64_t last_done, last_total, cancel_at;

static int on_progress(int64_t done, int64_t all, void *user)
{
    (void)user;
    last_done = done;
    last_total = all;
    return cancel_at > 0 && done >= cancel_at;
}

START_TEST(progress_and_cancelling)
{
    const redux_input_options input = input_of();
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.progress = on_progress;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    redux_network *network = network_of(context, 1, 5);
    redux_tensor rows = rows_of(total, network);
    ck_assert_redux_ok(redux_embed(&rows, NULL, context, network, dataset, NULL, &input, 6));
    ck_assert_int_eq(last_done, total);
    ck_assert_int_eq(last_total, total);
    cancel_at = 10;
    ck_assert_redux(REDUX_E_CANCELLED,
                    redux_embed(&rows, NULL, context, network, dataset, NULL, &input, 6));
    cancel_at = 0;
    redux_tensor_release(&rows);
    redux_network_free(network);
    redux_context_free(context);
}
END_TEST

/* Whichever allocation fails: it is said, and nothing is lost. */
START_TEST(short_of_memory)
{
    const redux_input_options input = input_of();
    redux_status status = REDUX_E_NO_MEMORY;
    counter c;
    redux_context *context = counted_context(&c, 0);
    redux_network *network = network_of(context, 1, 5);
    redux_tensor rows = rows_of(total, network);
    int at = 0;
    for (; status != REDUX_OK && at < 2000; at++) {
        const int before = c.live;
        counted_fail(&c, at);
        status = redux_embed(&rows, NULL, context, network, dataset, NULL, &input, 6);
        ck_assert(status == REDUX_OK || status == REDUX_E_NO_MEMORY);
        ck_assert(status == REDUX_OK || c.live <= before + 1); /* the network's own plan */
    }
    ck_assert_redux_ok(status);
    ck_assert_int_gt(at, 20);
    counted_fail(&c, -1);
    redux_tensor_release(&rows);
    redux_network_free(network);
    redux_context_free(context);
    ck_assert_int_eq(c.live, 0);
}
END_TEST

/* ---- weight files ---- */

static void save(const char *path, const redux_network *network, int64_t pairs,
                 const char *const *keys, const char *const *values)
{
    const int64_t count = redux_network_parameter_count(network);
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    const char **names = calloc((size_t)count, sizeof *names);
    redux_tensor *tensors = calloc((size_t)count, sizeof *tensors);
    ck_assert(names != NULL && tensors != NULL);
    for (int64_t i = 0; i < count; i++) {
        const redux_parameter *parameter = redux_network_parameter(network, i);
        names[i] = parameter->name;
        tensors[i] = parameter->value;
    }
    content.count = count;
    content.names = names;
    content.tensors = tensors;
    content.pair_count = pairs;
    content.keys = keys;
    content.values = values;
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content));
    free(names);
    free(tensors);
}

/* CRC-32 bit by bit. */
static uint32_t plain_crc(const unsigned char *bytes, size_t size)
{
    uint32_t crc = 0xffffffffU;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
    }
    return ~crc;
}

START_TEST(encoder_from_file)
{
    static const char *const keys[] = {"window", "size", "mean", "deviation"};
    static const char *const values[] = {"-900:1000", "32", "0.5", "0.25"};
    const char *path = in_scratch("weights.safetensors");
    redux_network *made = network_of(NULL, 1, 9), *loaded;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    char name[REDUX_ENCODER_NAME];
    size_t size;
    save(path, made, 4, keys, values);
    ck_assert_redux_ok(redux_encoder_load(&loaded, &input, name, NULL, path));
    ck_assert(input.size == SIZE && input.window.kind == REDUX_WINDOW_RANGE);
    ck_assert(input.window.low == -900 && input.window.high == 1000);
    unsigned char *bytes = read_bytes(path, &size);
    ck_assert_str_eq(name, text("resnet18 crc32 %08x", (unsigned)plain_crc(bytes, size)));
    redux_tensor a = rows_of(total, made), b = rows_of(total, loaded);
    ck_assert_redux_ok(redux_embed(&a, NULL, NULL, made, dataset, NULL, &input, 0));
    ck_assert_redux_ok(redux_embed(&b, NULL, NULL, loaded, dataset, NULL, &input, 0));
    assert_same(&b, &a, "loaded");
    redux_network_free(loaded);
    ck_assert_redux_ok(redux_encoder_load(&loaded, NULL, NULL, NULL, path));
    redux_network_free(loaded);
    bytes[size - 3] ^= 1; /* altered */
    write_bytes(path, bytes, size);
    ck_assert_redux(REDUX_E_FORMAT, redux_encoder_load(&loaded, NULL, NULL, NULL, path));
    ck_assert_redux(REDUX_E_NOT_FOUND,
                    redux_encoder_load(&loaded, NULL, NULL, NULL, in_scratch("none")));
    free(bytes);
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    redux_network_free(made);
}
END_TEST

static redux_status options_from(redux_input_options *out, const char *key, const char *value)
{
    const char *path = in_scratch("options.safetensors");
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    redux_safetensors *file;
    content.pair_count = key != NULL;
    content.keys = &key;
    content.values = &value;
    ck_assert_redux_ok(redux_safetensors_save(path, NULL, &content));
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, path));
    const redux_status status = redux_input_options_of(out, file);
    redux_safetensors_free(file);
    return status;
}

START_TEST(input_options)
{
    static const char *const wrong[][2] = {
        {"size", "0"},    {"size", "64.5"},   {"size", "x"},         {"size", "1e9"},
        {"mean", "nan"},  {"deviation", "0"}, {"deviation", "0.2 "}, {"window", "lungs"},
        {"size", "100K"}, {"mean", ""}};
    redux_input_options options = REDUX_INPUT_OPTIONS_INIT;
    ck_assert_redux_ok(options_from(&options, NULL, NULL));
    ck_assert(options.size == 64 && options.window.kind == REDUX_WINDOW_AUTO);
    ck_assert(options.mean == 0.5 && options.deviation == 0.25);
    ck_assert_redux_ok(options_from(&options, "window", "lung"));
    ck_assert(options.window.low == -1350 && options.window.high == 150);
    ck_assert_redux_ok(options_from(&options, "deviation", "0.125"));
    ck_assert(options.deviation == 0.125);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_redux(REDUX_E_FORMAT, options_from(&options, wrong[i][0], wrong[i][1]));
    ck_assert_redux(REDUX_E_INVALID, redux_input_options_of(NULL, NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embed");
    TCase *tests = tcase_create("embed");
    scratch_make();
    tcase_add_checked_fixture(tests, make_dataset, drop_dataset);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, rows_are_of_their_slices);
    tcase_add_test(tests, rows_of_one_volume);
    tcase_add_test(tests, axial_whatever_the_orientation);
    tcase_add_test(tests, wanted_slices);
    tcase_add_test(tests, unreadable_volume);
    tcase_add_test(tests, progress_and_cancelling);
    tcase_add_test(tests, short_of_memory);
    tcase_add_test(tests, encoder_from_file);
    tcase_add_test(tests, input_options);
    suite_add_tcase(suite, tests);
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
