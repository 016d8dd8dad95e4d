/* SPDX-License-Identifier: MIT
 * What a program may get wrong: a pointer that is NULL, an index out of range, tensors of the wrong
 * shape, dtype or layout, settings that make no sense. Each is refused with REDUX_E_INVALID and a
 * message, before anything is touched; what only asks gives an empty answer. */
#include <math.h>
#include "test_io.h"

#define REFUSED(call) ck_assert_redux(REDUX_E_INVALID, call)

#define VOLUME "data/ct/STS_002_CT.nii.gz"

enum { SIDE = 16 };

/* One of everything, made for each test. */
static struct {
    redux_tensor image, colour, half, floats, empty, turned, bits; /* turned: not contiguous */
    redux_dataset *dataset;
    redux_volume *volume;
    redux_metric *metric;
} some;

static redux_tensor tensor_of(redux_dtype dtype, int32_t ndim, const int64_t *shape)
{
    redux_tensor tensor;
    ck_assert_redux_ok(redux_tensor_new(&tensor, NULL, dtype, ndim, shape));
    memset(tensor.data, 0, (size_t)redux_tensor_elements(&tensor) * redux_dtype_size(dtype));
    return tensor;
}

#define TENSOR(dtype, ...)                                                                         \
    tensor_of(dtype, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static void release_all(redux_tensor *const *tensors)
{
    for (; *tensors != NULL; tensors++)
        redux_tensor_release(*tensors);
}

#define RELEASE(...) release_all((redux_tensor *const[]){__VA_ARGS__, NULL})

static void make(void)
{
    const char *path = VOLUME;
    const int32_t order[] = {1, 0};
    scratch_make();
    some.image = TENSOR(REDUX_UINT8, SIDE, SIDE);
    some.colour = TENSOR(REDUX_UINT8, SIDE, SIDE, 3);
    some.half = TENSOR(REDUX_FLOAT32, SIDE / 2, SIDE);
    some.floats = TENSOR(REDUX_FLOAT32, SIDE, SIDE);
    some.empty = TENSOR(REDUX_UINT8, 0, SIDE);
    some.bits = TENSOR(REDUX_UINT8, 4, 8);
    ck_assert_redux_ok(redux_tensor_permute(&some.turned, &some.half, order));
    ck_assert_redux_ok(redux_dataset_open(&some.dataset, NULL, &path, 1, NULL));
    ck_assert_redux_ok(redux_volume_open(&some.volume, NULL, some.dataset, 0));
    ck_assert_redux_ok(redux_metric_new_hamming(&some.metric, NULL));
}

static void clear(void)
{
    redux_metric_free(some.metric);
    redux_volume_free(some.volume);
    redux_dataset_free(some.dataset);
    RELEASE(&some.turned, &some.bits, &some.empty, &some.floats, &some.half, &some.colour,
            &some.image);
    scratch_remove();
}

START_TEST(tensors)
{
    redux_tensor out;
    struct DLManagedTensorVersioned *versioned;
    const int64_t shape[] = {2, 2};
    const redux_tensor no_data = {.dtype = REDUX_UINT8, .ndim = 1, .shape = {4}};
    REFUSED(redux_tensor_new(NULL, NULL, REDUX_UINT8, 2, shape));
    REFUSED(redux_tensor_borrow(NULL, some.image.data, REDUX_UINT8, 2, shape, NULL));
    REFUSED(redux_tensor_view(NULL, &some.image));
    REFUSED(redux_tensor_view(&out, NULL));
    REFUSED(redux_tensor_copy(&some.image, NULL));
    REFUSED(redux_tensor_contiguous(NULL, NULL, &some.image, REDUX_UINT8));
    REFUSED(redux_tensor_to_dlpack_versioned(NULL, NULL, &some.image));
    REFUSED(redux_tensor_to_dlpack_versioned(&versioned, NULL, NULL));
    REFUSED(redux_tensor_from_dlpack_versioned(NULL, NULL, NULL));
    REFUSED(redux_tensor_from_dlpack(&out, NULL, NULL));
    REFUSED(redux_npy_write(in_scratch("a.npy"), NULL, &no_data));
    REFUSED(redux_tensor_to_dlpack(NULL, NULL, &some.image));
    REFUSED(redux_tensor_slice(&out, NULL, 0, 0, 1, 1));
    REFUSED(redux_tensor_slice(NULL, &some.image, 0, 0, 1, 1));
    REFUSED(redux_tensor_select(&out, &some.image, 2, 0));
    REFUSED(redux_tensor_select(&out, NULL, 0, 0));
    REFUSED(redux_tensor_permute(&out, &some.image, NULL));
    REFUSED(redux_tensor_permute(&out, &some.image, (int32_t[]){0, 0}));
    REFUSED(redux_tensor_permute(&out, &some.image, (int32_t[]){0, 2}));
    REFUSED(redux_tensor_reshape(&out, &some.image, 2, NULL));
    REFUSED(redux_tensor_reshape(&out, NULL, 2, shape));
    REFUSED(redux_tensor_reshape(NULL, &some.image, 2, shape));
    REFUSED(redux_context_new(NULL, NULL));
    redux_tensor_release(NULL);
    redux_context_free(NULL);
}
END_TEST

START_TEST(files)
{
    redux_tensor out;
    redux_safetensors *file;
    char letters[5000];
    const char *const key = "a", *const long_key = letters;
    memset(letters, 'k', sizeof letters);
    letters[sizeof letters - 1] = '\0';
    REFUSED(redux_npy_read(NULL, NULL, "a.npy"));
    REFUSED(redux_npy_read(&out, NULL, NULL));
    REFUSED(redux_npy_write(NULL, NULL, &some.image));
    REFUSED(redux_npy_write("a.npy", NULL, NULL));
    REFUSED(redux_npz_read(NULL, NULL, "a.npz", key));
    REFUSED(redux_npz_read(&out, NULL, NULL, key));
    REFUSED(redux_npz_read(&out, NULL, "a.npz", NULL));
    REFUSED(redux_npz_write(in_scratch("a.npz"), NULL, &long_key, &some.image, 1));
    REFUSED(redux_npz_write(NULL, NULL, &key, &some.image, 1));
    REFUSED(redux_npz_write("a.npz", NULL, NULL, &some.image, 1));
    REFUSED(redux_npz_write("a.npz", NULL, &key, NULL, 1));
    REFUSED(redux_picture_read(NULL, NULL, "a.png"));
    REFUSED(redux_picture_read(&out, NULL, NULL));
    REFUSED(redux_picture_read_colour(&out, NULL, NULL));
    REFUSED(redux_picture_read_alpha(NULL, NULL, "a.png"));
    REFUSED(redux_picture_write_png(NULL, NULL, &some.image));
    REFUSED(redux_picture_write_png("a.png", NULL, NULL));
    REFUSED(redux_picture_write_png("a.png", NULL, &some.empty));
    REFUSED(redux_safetensors_load(NULL, NULL, "a"));
    REFUSED(redux_safetensors_load(&file, NULL, NULL));
    REFUSED(redux_safetensors_save(NULL, NULL, NULL));
    redux_safetensors_free(NULL);
}
END_TEST

START_TEST(safetensors)
{
    redux_safetensors_content content = REDUX_SAFETENSORS_CONTENT_INIT;
    const char *const name = "a";
    redux_safetensors *file;
    redux_tensor out, bad = some.image;
    content.count = 1;
    content.names = &name;
    content.tensors = &some.image;
    REFUSED(redux_safetensors_save(NULL, NULL, &content));
    ck_assert_redux_ok(redux_safetensors_save(in_scratch("a.safetensors"), NULL, &content));
    bad.dtype = (redux_dtype)99;
    content.tensors = &bad;
    REFUSED(redux_safetensors_save(in_scratch("b.safetensors"), NULL, &content));
    content.count = -1;
    REFUSED(redux_safetensors_save(in_scratch("b.safetensors"), NULL, &content));
    ck_assert_int_ne(access(in_scratch("b.safetensors"), F_OK), 0);
    ck_assert_redux_ok(redux_safetensors_load(&file, NULL, in_scratch("a.safetensors")));
    REFUSED(redux_safetensors_tensor(&out, file, -1));
    REFUSED(redux_safetensors_tensor(&out, file, 1));
    REFUSED(redux_safetensors_tensor(NULL, file, 0));
    ck_assert_ptr_null(redux_safetensors_name(file, -1));
    ck_assert_ptr_null(redux_safetensors_name(file, 1));
    ck_assert_int_eq(redux_safetensors_find(file, "b"), -1);
    ck_assert_ptr_null(redux_safetensors_metadata(file, "b"));
    redux_safetensors_free(file);
}
END_TEST

START_TEST(datasets)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor slice;
    const char *path = VOLUME, *source, *nothing = NULL;
    int64_t index;
    uint32_t checksum;
    REFUSED(redux_dataset_open(NULL, NULL, &path, 1, NULL));
    REFUSED(redux_dataset_open(&dataset, NULL, NULL, 1, NULL));
    REFUSED(redux_dataset_open(&dataset, NULL, &nothing, 1, NULL));
    options.orientation = (redux_orientation)9;
    REFUSED(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    options.orientation = REDUX_ORIENTATION_AXIAL;
    options.exclude_count = 1;
    REFUSED(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    options.exclude = &nothing;
    REFUSED(redux_dataset_open(&dataset, NULL, &path, 1, &options));
    REFUSED(redux_dataset_volume_info(&info, NULL, 0));
    REFUSED(redux_dataset_volume_info(NULL, some.dataset, 0));
    REFUSED(redux_dataset_volume_info(&info, some.dataset, -1));
    REFUSED(redux_dataset_volume_info(&info, some.dataset, 1));
    REFUSED(redux_dataset_slice_name(NULL, &index, some.dataset, 0, 0));
    REFUSED(redux_dataset_slice_name(&source, NULL, some.dataset, 0, 0));
    REFUSED(redux_dataset_slice_name(&source, &index, some.dataset, 0, -1));
    REFUSED(redux_dataset_slice_name(&source, &index, some.dataset, 0, 1 << 20));
    REFUSED(redux_dataset_checksum(NULL, NULL, some.dataset, 0));
    REFUSED(redux_dataset_checksum(&checksum, NULL, NULL, 0));
    REFUSED(redux_dataset_checksum(&checksum, NULL, some.dataset, 1));
    ck_assert_ptr_null(redux_dataset_skipped_source(some.dataset, 0));
    ck_assert_ptr_null(redux_dataset_skipped_reason(some.dataset, -1));
    REFUSED(redux_volume_open(NULL, NULL, some.dataset, 0));
    REFUSED(redux_volume_open(&volume, NULL, NULL, 0));
    REFUSED(redux_volume_open(&volume, NULL, some.dataset, -1));
    REFUSED(redux_volume_open(&volume, NULL, some.dataset, 1));
    REFUSED(redux_volume_slice(NULL, NULL, some.volume, 0));
    REFUSED(redux_volume_slice(&slice, NULL, NULL, 0));
    REFUSED(redux_volume_slice(&slice, NULL, some.volume, -1));
    REFUSED(redux_volume_slice(&slice, NULL, some.volume, 1 << 20));
    REFUSED(redux_volume_slice_colour(NULL, NULL, some.volume, 0));
    REFUSED(redux_volume_slice_colour(&slice, NULL, NULL, 0));
    REFUSED(redux_volume_slice_oriented(&slice, NULL, some.volume, 0, (redux_orientation)9));
    redux_dataset_free(NULL);
    redux_volume_free(NULL);
}
END_TEST

START_TEST(images)
{
    redux_window window, range = {REDUX_WINDOW_RANGE, 5, 5};
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_views_options views = REDUX_VIEWS_OPTIONS_INIT;
    redux_tensor numbers = TENSOR(REDUX_FLOAT32, 7), square = TENSOR(REDUX_FLOAT32, 8, 8);
    redux_tensor two_channels = TENSOR(REDUX_UINT8, SIDE, SIDE, 2);
    redux_tensor flags = TENSOR(REDUX_BOOL, SIDE, SIDE, 3), flag = TENSOR(REDUX_BOOL, SIDE, SIDE);
    const redux_random_key key = {0};
    REFUSED(redux_window_parse(NULL, "lung"));
    REFUSED(redux_window_parse(&window, NULL));
    REFUSED(redux_window_apply(&some.half, NULL, &some.image, 1, 0, range));
    REFUSED(redux_window_apply(&some.floats, NULL, &some.image, 1, 0, range));
    REFUSED(redux_window_apply(NULL, NULL, &some.image, 1, 0, range));
    REFUSED(redux_image_luma(&some.image, NULL, &two_channels));
    REFUSED(redux_image_luma(&flag, NULL, &flags));
    REFUSED(redux_image_luma(&some.empty, NULL, &some.colour));
    REFUSED(redux_image_luma(&some.floats, NULL, &some.colour));
    REFUSED(redux_image_luma(&some.image, NULL, NULL));
    REFUSED(redux_image_resize(&some.turned, NULL, &some.floats, REDUX_FILTER_AREA));
    REFUSED(redux_image_resize(&some.half, NULL, &some.floats, (redux_filter)99));
    REFUSED(redux_image_resize(&some.half, NULL, NULL, REDUX_FILTER_AREA));
    REFUSED(redux_image_descriptor(&numbers, NULL, &some.image));
    input.size = 8;
    input.window.kind = (redux_window_kind)99;
    REFUSED(redux_input_apply(&square, NULL, &some.image, 1, 0, 0, &input));
    input.window = range;
    REFUSED(redux_input_apply(&square, NULL, &some.image, 1, 0, 0, &input));
    input.window.kind = REDUX_WINDOW_AUTO;
    REFUSED(redux_input_apply(&some.half, NULL, &some.image, 1, 0, 0, &input));
    REFUSED(redux_views_preset(NULL, "simclr", 16));
    REFUSED(redux_views_preset(&views, NULL, 16));
    ck_assert_redux_ok(redux_views_preset(&views, "simclr", 8));
    REFUSED(redux_views_apply(&some.half, NULL, &some.image, 1, 0, 0, &views, &key, 0));
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &views, NULL, 0));
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &views, &key, 2));
    views.small_views = 2;
    views.small_size = 9;
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &views, &key, 0));
    views.small_views = 0;
    views.ratio = 0.5;
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &views, &key, 0));
    RELEASE(&numbers, &square, &two_channels, &flags, &flag);
}
END_TEST

START_TEST(hashes)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    redux_volume_hash_options of_volume = REDUX_VOLUME_HASH_OPTIONS_INIT;
    redux_hash_list *list, *other;
    redux_hash_item item = {0};
    redux_tensor out = TENSOR(REDUX_UINT8, 2, 8), wrong = TENSOR(REDUX_UINT8, 7);
    redux_tensor halves = TENSOR(REDUX_FLOAT16, 8, 8, 8), cube = TENSOR(REDUX_INT16, 8, 8, 8);
    uint8_t codes[4096];
    double correlation;
    int32_t distance, variant, axis[3];
    options.hash = REDUX_HASH_AVERAGE;
    REFUSED(redux_hash_compute(NULL, NULL, &some.image, &options));
    REFUSED(redux_hash_compute(&out, NULL, NULL, &options));
    REFUSED(redux_hash_compute(&out, NULL, &some.image, &options)); /* one image, two codes */
    REFUSED(redux_hash_compute(&wrong, NULL, &some.image, &options));
    REFUSED(redux_hash_compute_info(NULL, NULL, NULL, &some.image, &options));
    REFUSED(redux_hash_format(NULL, codes, &options));
    REFUSED(redux_hash_format((char *)codes, NULL, &options));
    REFUSED(redux_hash_picture(NULL, NULL, NULL, &some.image, &options));
    REFUSED(redux_hash_picture(codes, NULL, NULL, NULL, &options));
    REFUSED(redux_hash_picture(codes, NULL, NULL, &halves, &options));
    REFUSED(redux_hash_pdq_luma(NULL, 1, NULL, NULL, &some.floats));
    REFUSED(redux_hash_pdq_dihedral(NULL, NULL, NULL, &some.image));
    REFUSED(redux_hash_pdq_dihedral(codes, NULL, NULL, NULL));
    REFUSED(redux_hash_radial_correlation(NULL, codes, codes));
    REFUSED(redux_hash_radial_correlation(&correlation, NULL, codes));
    REFUSED(redux_hash_from_hex(NULL, 1, "00"));
    REFUSED(redux_hash_from_hex(codes, 8, NULL));
    REFUSED(redux_hash_parse_hex(codes, NULL, &options));
    REFUSED(redux_hash_list_new(NULL, NULL, &options));
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, &options));
    REFUSED(redux_hash_list_add(list, NULL, NULL));
    REFUSED(redux_hash_list_add(NULL, NULL, &item));
    REFUSED(redux_hash_list_add_dataset(NULL, NULL, some.dataset, (redux_window){0}, 0));
    REFUSED(redux_hash_list_add_dataset(list, NULL, NULL, (redux_window){0}, 0));
    REFUSED(redux_hash_list_get(NULL, list, 0));
    REFUSED(redux_hash_list_get(&item, NULL, 0));
    REFUSED(redux_hash_list_get(&item, list, 0)); /* it is empty */
    REFUSED(redux_hash_list_options(NULL, list));
    REFUSED(redux_hash_list_options(&options, NULL));
    REFUSED(redux_hash_list_codes(NULL, list));
    REFUSED(redux_hash_list_write(list, NULL, REDUX_HASH_LIST_TEXT, 0, NULL, NULL));
    REFUSED(redux_hash_list_save(NULL, NULL, list, REDUX_HASH_LIST_TEXT, 0));
    REFUSED(redux_hash_list_load(NULL, NULL, "a"));
    REFUSED(redux_hash_list_load(&other, NULL, NULL));
    REFUSED(redux_hash_list_decode(&other, NULL, NULL, 8));
    redux_hash_list_free(list);
    redux_hash_list_free(NULL);
    REFUSED(redux_volume_hash_compute(codes, 1, NULL, NULL, &halves, 1, 0, &of_volume));
    REFUSED(redux_volume_hash_compute(codes, 1, NULL, NULL, &cube, NAN, 0, &of_volume));
    REFUSED(redux_volume_hash_compute(NULL, 1, NULL, NULL, &cube, 1, 0, &of_volume));
    REFUSED(redux_volume_hash_read(NULL, 1, NULL, NULL, some.dataset, 0, &of_volume));
    REFUSED(redux_volume_hash_read(codes, 1, NULL, NULL, NULL, 0, &of_volume));
    REFUSED(redux_volume_hash_read(codes, 1, NULL, NULL, some.dataset, 1, &of_volume));
    REFUSED(redux_volume_hash_turn(NULL, axis, 0));
    REFUSED(redux_volume_hash_turn(axis, axis, 48));
    REFUSED(redux_volume_hash_turn(axis, axis, -1));
    REFUSED(redux_volume_hash_distance(NULL, &variant, codes, codes, 1, 8));
    REFUSED(redux_volume_hash_distance(&distance, &variant, NULL, codes, 1, 8));
    RELEASE(&out, &wrong, &halves, &cube);
}
END_TEST

static int ignore_pair(const redux_pair *pair, void *user)
{
    (void)pair;
    (void)user;
    return 0;
}

START_TEST(metrics)
{
    redux_metric *metric;
    redux_index *index;
    redux_exemplars *exemplars;
    redux_information information;
    redux_shift shift;
    redux_tensor other = TENSOR(REDUX_UINT8, 4, 16), map;
    double score, scores[8];
    int64_t ids[8] = {0};
    REFUSED(redux_metric_new_hamming(NULL, NULL));
    REFUSED(redux_metric_new_cosine(NULL, NULL));
    REFUSED(redux_metric_new_ssim(NULL, NULL, NULL));
    REFUSED(redux_metric_new_ms_ssim(NULL, NULL, NULL));
    REFUSED(redux_metric_new_mattes(NULL, NULL, NULL));
    REFUSED(redux_metric_new_mutual_information(NULL, NULL, NULL));
    REFUSED(redux_metric_new_conditional_entropy(NULL, NULL, NULL));
    REFUSED(redux_metric_new_phase_correlation(NULL, NULL, NULL));
    REFUSED(redux_metric_new_named(&metric, NULL, NULL));
    REFUSED(redux_metric_new_custom(&metric, NULL, NULL));
    REFUSED(redux_metric_pair(NULL, NULL, some.metric, &some.bits, &some.bits));
    REFUSED(redux_metric_pair(&score, NULL, NULL, &some.bits, &some.bits));
    REFUSED(redux_metric_one_to_many(NULL, NULL, some.metric, &some.bits, &some.bits));
    REFUSED(redux_metric_pairs(NULL, some.metric, &some.bits, 1, NULL, NULL));
    REFUSED(redux_metric_pairs(NULL, NULL, &some.bits, 1, ignore_pair, NULL));
    REFUSED(redux_metric_nearest(NULL, scores, NULL, some.metric, &some.bits, &some.bits, 1));
    REFUSED(redux_metric_nearest(ids, scores, NULL, some.metric, &some.bits, &other, 1));
    REFUSED(redux_entropy(NULL, NULL, &some.image, NULL));
    REFUSED(redux_entropy(&score, NULL, NULL, NULL));
    REFUSED(redux_information_compute(NULL, NULL, &some.image, &some.image, NULL));
    REFUSED(redux_information_compute(&information, NULL, &some.image, &some.bits, NULL));
    REFUSED(redux_information_normalise(&score, NULL, REDUX_NMI_MIN));
    REFUSED(redux_information_normalise(&score, &information, (redux_normalisation)9));
    REFUSED(redux_conditional_entropy_sequence(NULL, NULL, &some.image, NULL));
    REFUSED(redux_conditional_entropy_sequence(scores, NULL, NULL, NULL));
    REFUSED(redux_ssim(NULL, NULL, &some.image, &some.image, NULL));
    REFUSED(redux_ssim(&score, NULL, &some.image, &some.bits, NULL));
    REFUSED(redux_ssim_map(NULL, NULL, &some.image, &some.image, NULL));
    REFUSED(redux_ssim_map(&map, NULL, &some.image, NULL, NULL));
    REFUSED(redux_ms_ssim(&score, NULL, NULL, &some.image, NULL));
    REFUSED(redux_mattes(&score, NULL, &some.image, NULL, NULL));
    REFUSED(redux_phase_correlation(&shift, NULL, &some.image, &some.bits, NULL));
    REFUSED(redux_phase_correlation(NULL, NULL, &some.image, &some.image, NULL));
    REFUSED(redux_exemplars_new(NULL, NULL, some.metric, 1));
    REFUSED(redux_exemplars_new(&exemplars, NULL, NULL, 1));
    REFUSED(redux_exemplars_new(&exemplars, NULL, some.metric, NAN));
    ck_assert_redux_ok(redux_exemplars_new(&exemplars, NULL, some.metric, 1));
    REFUSED(redux_exemplars_add(NULL, scores, NULL, exemplars, &some.bits));
    REFUSED(redux_exemplars_add(ids, scores, NULL, NULL, &some.bits));
    ck_assert_redux_ok(redux_exemplars_add(ids, scores, NULL, exemplars, &some.bits));
    REFUSED(redux_exemplars_add(ids, scores, NULL, exemplars, &other)); /* codes of 16 bytes */
    ck_assert_int_eq(redux_exemplars_count(exemplars), 1);
    redux_exemplars_free(exemplars);
    REFUSED(redux_index_new(NULL, NULL, 8, NULL));
    ck_assert_redux_ok(redux_index_new(&index, NULL, 8, NULL));
    REFUSED(redux_index_add(NULL, NULL, &some.bits, NULL));
    REFUSED(redux_index_add(index, NULL, &other, NULL));
    REFUSED(redux_index_remove(NULL, NULL, NULL, ids, 1));
    REFUSED(redux_index_remove(NULL, index, NULL, NULL, 1));
    REFUSED(redux_index_remove(NULL, index, NULL, ids, -1));
    REFUSED(redux_index_optimise(NULL, NULL));
    REFUSED(redux_index_nearest(ids, scores, NULL, index, &other, 1));
    REFUSED(redux_index_nearest(NULL, scores, NULL, index, &some.bits, 1));
    REFUSED(redux_index_within(NULL, index, &some.bits, 1, NULL, NULL));
    REFUSED(redux_index_save("a", NULL, NULL));
    REFUSED(redux_index_save(NULL, NULL, index));
    redux_index_free(index);
    REFUSED(redux_index_open(NULL, NULL, "a", 0));
    REFUSED(redux_index_open(&index, NULL, NULL, 0));
    redux_index_free(NULL);
    redux_metric_free(NULL);
    redux_exemplars_free(NULL);
    redux_tensor_release(&other);
}
END_TEST

static int ignore_text(const char *text, size_t size, void *user)
{
    (void)text;
    (void)size;
    (void)user;
    return 0;
}

START_TEST(reductions)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    redux_reduction *reduction;
    redux_calibration *calibration;
    redux_manifest *manifest;
    redux_dataset *dataset;
    redux_tensor kept;
    redux_row row;
    redux_manifest_row known;
    const char *source;
    int64_t slice;
    double error;
    redux_tensor vectors = TENSOR(REDUX_FLOAT32, 3, 4);
    options.strategy = REDUX_STRATEGY_EVERY_N;
    options.threshold = 4;
    REFUSED(redux_reduce(NULL, NULL, some.dataset, &options));
    REFUSED(redux_reduce(&reduction, NULL, NULL, &options));
    REFUSED(redux_calibrate(NULL, NULL, some.dataset, NULL));
    REFUSED(redux_calibrate(&calibration, NULL, NULL, NULL));
    REFUSED(redux_calibration_error(&error, NULL, NULL, 0.5));
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, some.dataset, &options));
    const int64_t rows = redux_reduction_rows(reduction);
    REFUSED(redux_reduction_row(&row, reduction, -1));
    REFUSED(redux_reduction_row(&row, reduction, rows));
    REFUSED(redux_reduction_row(NULL, reduction, 0));
    REFUSED(redux_reduction_name(&source, &slice, reduction, -1));
    REFUSED(redux_reduction_name(&source, &slice, reduction, rows));
    REFUSED(redux_reduction_name(NULL, &slice, reduction, 0));
    REFUSED(redux_reduction_summary(NULL, reduction));
    REFUSED(redux_reduction_summary(&summary, NULL));
    ck_assert_ptr_null(redux_reduction_skipped_source(reduction, 0));
    ck_assert_ptr_null(redux_reduction_skipped_reason(reduction, -1));
    REFUSED(redux_manifest_write(NULL, NULL, ignore_text, NULL));
    REFUSED(redux_manifest_write(NULL, reduction, NULL, NULL));
    REFUSED(redux_manifest_save(NULL, NULL, reduction));
    REFUSED(redux_summary_write(NULL, NULL, 0, ignore_text, NULL));
    REFUSED(redux_summary_save(NULL, NULL, reduction, 0));
    REFUSED(redux_results_save(NULL, "b", NULL, reduction, 0));
    REFUSED(redux_export(NULL, NULL, reduction, REDUX_EXPORT_NPY));
    REFUSED(redux_export("a", NULL, NULL, REDUX_EXPORT_NPY));
    REFUSED(redux_export("a", NULL, reduction, (redux_export_format)9));
    REFUSED(redux_contact_sheet(NULL, NULL, reduction, 8, 1));
    REFUSED(redux_contact_sheet("a.png", NULL, reduction, 0, 1));
    REFUSED(redux_contact_sheet("a.png", NULL, reduction, 8, 0));
    ck_assert_redux_ok(redux_manifest_save(in_scratch("m.csv"), NULL, reduction));
    redux_reduction_free(reduction);
    redux_reduction_free(NULL);

    REFUSED(redux_manifest_load(NULL, NULL, "a"));
    REFUSED(redux_manifest_load(&manifest, NULL, NULL));
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, in_scratch("m.csv")));
    REFUSED(redux_manifest_row_get(NULL, manifest, 0));
    REFUSED(redux_manifest_row_get(&known, manifest, -1));
    REFUSED(redux_manifest_row_get(&known, manifest, redux_manifest_rows(manifest)));
    REFUSED(redux_manifest_open(NULL, &kept, NULL, manifest, NULL));
    REFUSED(redux_manifest_open(&dataset, &kept, NULL, NULL, NULL));
    REFUSED(redux_manifest_kept(NULL, NULL, manifest, some.dataset));
    REFUSED(redux_manifest_kept(&kept, NULL, manifest, NULL));
    REFUSED(redux_manifest_options(NULL, manifest));
    REFUSED(redux_manifest_options(&options, NULL));
    redux_manifest_free(manifest);
    redux_manifest_free(NULL);

    options.strategy = (redux_strategy)99;
    REFUSED(redux_reduce_check(&options));
    options.strategy = REDUX_STRATEGY_METRIC; /* which one? */
    REFUSED(redux_reduce_check(&options));
    options.metric = some.metric; /* and up to which threshold? */
    options.threshold = NAN;
    REFUSED(redux_reduce(&reduction, NULL, some.dataset, &options));
    options.metric = NULL;
    options.strategy = REDUX_STRATEGY_COSINE;
    options.threshold = 0.5;
    options.embeddings = &vectors; /* three for all slices */
    REFUSED(redux_reduce(&reduction, NULL, some.dataset, &options));
    options.embeddings = &some.bits; /* whole numbers */
    REFUSED(redux_reduce(&reduction, NULL, some.dataset, &options));
    options.embeddings = NULL;
    options.threshold = NAN;
    options.false_drops = 1.5;
    REFUSED(redux_reduce(&reduction, NULL, some.dataset, &options));
    redux_tensor_release(&vectors);
}
END_TEST

START_TEST(networks)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_optimiser_options how = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_network *network, *none;
    redux_optimiser *optimiser;
    redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
    redux_network_options read = {.struct_size = sizeof read};
    redux_tensor grey = TENSOR(REDUX_FLOAT32, 2, SIDE, SIDE, 1);
    redux_tensor colours = TENSOR(REDUX_FLOAT32, 2, SIDE, SIDE, 3);
    redux_tensor out = TENSOR(REDUX_FLOAT32, 2, 64), narrow = TENSOR(REDUX_FLOAT32, 2, 3);
    options.width = 0.125;
    REFUSED(redux_network_new(NULL, NULL, &options));
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    REFUSED(redux_network_forward(&out, NULL, network, &grey, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE)); /* not planned */
    ck_assert_redux_ok(redux_network_plan(network, NULL, 2, SIDE, SIDE, 1));
    REFUSED(redux_network_plan(network, NULL, 0, SIDE, SIDE, 1));
    REFUSED(redux_network_plan(network, NULL, 2, SIDE, 1 << 20, 1));
    REFUSED(redux_network_plan(NULL, NULL, 2, SIDE, SIDE, 1));
    REFUSED(redux_network_forward(NULL, NULL, network, &grey, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    REFUSED(
        redux_network_forward(&out, NULL, NULL, &grey, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE));
    REFUSED(redux_network_forward(&out, NULL, network, &colours, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    REFUSED(redux_network_forward(&narrow, NULL, network, &grey, REDUX_OUTPUT_FEATURES,
                                  REDUX_MODE_EVALUATE));
    REFUSED(redux_network_forward(&out, NULL, network, &grey, REDUX_OUTPUT_CLASSES,
                                  REDUX_MODE_EVALUATE)); /* it has none */
    REFUSED(redux_network_forward(&out, NULL, network, &grey, (redux_network_output)9,
                                  REDUX_MODE_EVALUATE));
    REFUSED(redux_network_backward(NULL, NULL, &out));
    REFUSED(redux_network_backward(network, NULL, NULL));
    REFUSED(redux_network_backward(network, NULL, &out)); /* of which forward? */
    ck_assert_redux_ok(
        redux_network_forward(&out, NULL, network, &grey, REDUX_OUTPUT_FEATURES, REDUX_MODE_TRAIN));
    REFUSED(redux_network_backward(network, NULL, &narrow));
    ck_assert_ptr_null(redux_network_parameter(network, -1));
    ck_assert_ptr_null(redux_network_parameter(network, redux_network_parameters(network)));
    REFUSED(redux_network_load(network, NULL, NULL));
    REFUSED(redux_network_options_of(&read, NULL));
    REFUSED(redux_input_options_of(&input, NULL));
    REFUSED(redux_encoder_load(NULL, &input, NULL, NULL, "a"));
    REFUSED(redux_encoder_load(&none, &input, NULL, NULL, NULL));
    REFUSED(redux_embed(&out, NULL, network, NULL, NULL, &input, 1));
    REFUSED(redux_embed(NULL, NULL, network, some.dataset, NULL, &input, 1));
    REFUSED(redux_embed(&narrow, NULL, network, some.dataset, NULL, &input, 1));
    REFUSED(redux_embed_readable(&out, NULL, NULL, network, NULL, NULL, &input, 1));
    REFUSED(redux_optimiser_of_network(NULL, NULL, network, &how));
    REFUSED(redux_optimiser_of_network(&optimiser, NULL, NULL, &how));
    REFUSED(redux_optimiser_new(&optimiser, NULL, NULL, 1, &how));
    ck_assert_redux_ok(redux_optimiser_of_network(&optimiser, NULL, network, &how));
    REFUSED(redux_optimiser_step(NULL, NULL, NULL, 0.1));
    REFUSED(redux_optimiser_step(NULL, NULL, optimiser, NAN));
    ck_assert_ptr_null(redux_optimiser_tensor(optimiser, -1));
    ck_assert_ptr_null(redux_optimiser_tensor(optimiser, redux_optimiser_tensors(optimiser)));
    redux_optimiser_free(optimiser);
    redux_optimiser_free(NULL);
    redux_network_free(network);
    redux_network_free(NULL);
    RELEASE(&grey, &colours, &out, &narrow);
}
END_TEST

START_TEST(layers)
{
    redux_conv2d_options conv = REDUX_CONV2D_OPTIONS_INIT;
    redux_pool_options pool = REDUX_POOL_OPTIONS_INIT;
    redux_batch_norm_options norm = REDUX_BATCH_NORM_OPTIONS_INIT;
    redux_tensor in = TENSOR(REDUX_FLOAT32, 2, 8, 8, 4), wider = TENSOR(REDUX_FLOAT32, 2, 8, 8, 5);
    redux_tensor weight = TENSOR(REDUX_FLOAT32, 4, 3, 3, 4), bias = TENSOR(REDUX_FLOAT32, 5);
    redux_tensor out = TENSOR(REDUX_FLOAT32, 2, 6, 6, 4), none = TENSOR(REDUX_FLOAT32, 0, 8, 8, 4);
    redux_tensor whole = TENSOR(REDUX_INT32, 2, 8, 8, 4), half = TENSOR(REDUX_FLOAT32, 2, 4, 4, 4);
    redux_tensor rows = TENSOR(REDUX_FLOAT32, 4, 6), matrix = TENSOR(REDUX_FLOAT32, 3, 6);
    redux_tensor result = TENSOR(REDUX_FLOAT32, 4, 3), strided, real = TENSOR(REDUX_FLOAT64, 4, 6);
    redux_batch_norm_state state = {.weight = &bias, .bias = &bias};
    char workspace[1 << 16];
    ck_assert_redux_ok(redux_tensor_slice(&strided, &wider, 3, 0, 4, 1));

    REFUSED(redux_conv2d_forward(NULL, NULL, &in, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, NULL, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &strided, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &whole, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &none, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &wider, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&in, NULL, &in, &weight, NULL, &conv, workspace));
    REFUSED(redux_conv2d_forward(&out, NULL, &in, &weight, &bias, &conv, workspace));
    REFUSED(redux_conv2d_backward(NULL, &in, NULL, NULL, &out, &in, &weight, &conv, workspace));
    conv.stride = 0;
    REFUSED(redux_conv2d_forward(&out, NULL, &in, &weight, NULL, &conv, workspace));
    ck_assert_uint_eq(redux_conv2d_workspace(NULL, &in, &weight, &conv), 0);

    REFUSED(redux_linear_forward(&result, NULL, &rows, NULL, NULL, workspace));
    REFUSED(redux_linear_forward(&result, NULL, &result, &matrix, NULL, workspace));
    REFUSED(redux_linear_forward(&rows, NULL, &rows, &matrix, NULL, workspace));
    REFUSED(redux_linear_backward(&rows, &result, NULL, NULL, &result, &rows, &matrix, workspace));
    ck_assert_uint_eq(redux_linear_workspace(NULL, &result, &matrix), 0);

    REFUSED(redux_batch_norm_forward(&in, NULL, &in, NULL, &state, &norm, workspace)); /* 5 of 4 */
    REFUSED(redux_batch_norm_forward(&in, NULL, &in, NULL, NULL, &norm, workspace));
    REFUSED(redux_batch_norm_backward(&in, NULL, NULL, NULL, NULL, NULL, &in, &in, &state, &norm,
                                      workspace));
    norm.momentum = 2;
    REFUSED(redux_batch_norm_forward(&wider, NULL, &wider, NULL, &state, &norm, workspace));
    norm.momentum = 0.1;
    norm.epsilon = NAN;
    REFUSED(redux_batch_norm_forward(&wider, NULL, &wider, NULL, &state, &norm, workspace));

    REFUSED(redux_relu_forward(&out, NULL, &in));
    REFUSED(redux_relu_forward(&whole, NULL, &whole));
    REFUSED(redux_relu_backward(&in, NULL, NULL, &in));
    REFUSED(redux_add(&in, NULL, &in, NULL));
    REFUSED(redux_add(&in, NULL, &in, &out));
    REFUSED(redux_max_pool_forward(&in, NULL, &in, &pool));
    REFUSED(redux_average_pool_forward(NULL, NULL, &in, &pool));
    REFUSED(redux_max_pool_backward(&in, NULL, &half, &in, NULL, &pool));
    pool.padding = 2; /* more than half the kernel */
    REFUSED(redux_max_pool_forward(&half, NULL, &in, &pool));
    pool.padding = 0;
    pool.stride = 0;
    REFUSED(redux_average_pool_forward(&half, NULL, &in, &pool));
    REFUSED(redux_average_pool_backward(&in, NULL, &half, &pool));
    REFUSED(redux_l2_normalise_forward(&rows, NULL, NULL));
    REFUSED(redux_l2_normalise_forward(&result, NULL, &rows));
    REFUSED(redux_l2_normalise_forward(&real, NULL, &rows));
    REFUSED(redux_l2_normalise_backward(&rows, NULL, NULL, &rows));

    RELEASE(&in, &wider, &weight, &bias, &out, &none, &rows, &whole, &half, &strided, &result,
            &matrix, &real);
}
END_TEST

START_TEST(losses)
{
    redux_tensor logits = TENSOR(REDUX_FLOAT32, 4, 3), classes = TENSOR(REDUX_INT32, 4);
    redux_tensor more = TENSOR(REDUX_INT32, 5), weights = TENSOR(REDUX_FLOAT32, 3);
    redux_tensor odd = TENSOR(REDUX_FLOAT32, 3, 3), whole = TENSOR(REDUX_INT32, 4, 3);
    redux_tensor turned, by_class = TENSOR(REDUX_FLOAT32, 3, 4);
    const int32_t order[] = {1, 0};
    char workspace[1 << 16];
    double loss;
    ck_assert_redux_ok(redux_tensor_permute(&turned, &by_class, order));
    REFUSED(redux_cross_entropy(NULL, NULL, NULL, &logits, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, NULL, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, NULL, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &turned, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &whole, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &more, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &weights, NULL));
    REFUSED(redux_cross_entropy(&loss, &odd, NULL, &logits, &classes, NULL));
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &classes, &weights)); /* all 0 */
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &classes, &logits));
    ((int32_t *)classes.data)[3] = 3;
    REFUSED(redux_cross_entropy(&loss, NULL, NULL, &logits, &classes, NULL));
    REFUSED(redux_nt_xent(NULL, NULL, NULL, &logits, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, NULL, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &logits, 0.5, NULL));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &logits, 0, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &odd, 0.5, workspace)); /* no pairs */
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &whole, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, NULL, NULL, &turned, 0.5, workspace));
    REFUSED(redux_nt_xent(&loss, &odd, NULL, &logits, 0.5, workspace));
    RELEASE(&logits, &classes, &more, &weights, &odd, &whole, &turned, &by_class);
}
END_TEST

START_TEST(judging)
{
    redux_tensor features = TENSOR(REDUX_FLOAT32, 6, 4), classes = TENSOR(REDUX_INT32, 6);
    redux_tensor out = TENSOR(REDUX_FLOAT64, 6, 2), narrow = TENSOR(REDUX_FLOAT64, 6, 3);
    redux_tensor fewer = TENSOR(REDUX_INT32, 5), whole = TENSOR(REDUX_INT32, 6, 4);
    redux_tensor wide = TENSOR(REDUX_FLOAT32, 6, 5), matrix = TENSOR(REDUX_INT64, 2, 2);
    redux_logistic_options options = REDUX_LOGISTIC_OPTIONS_INIT;
    redux_knn_options near = REDUX_KNN_OPTIONS_INIT;
    redux_predictions given = REDUX_PREDICTIONS_INIT, other = REDUX_PREDICTIONS_INIT;
    redux_scores scores = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
    redux_logistic_info info = {.struct_size = sizeof info};
    redux_logistic *model, *none;
    for (int i = 0; i < 6; i++) {
        ((int32_t *)classes.data)[i] = i % 2;
        ((float *)features.data)[4 * i] = (float)i;
    }
    REFUSED(redux_logistic_fit(NULL, NULL, &features, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, NULL, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &features, &fewer, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &whole, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &features, &classes, 1, &options, NULL));
    ck_assert_redux_ok(redux_logistic_fit(&model, NULL, &features, &classes, 2, &options, NULL));
    REFUSED(redux_logistic_fit(&none, NULL, &wide, &classes, 2, &options, model));
    REFUSED(redux_logistic_get_info(NULL, model));
    REFUSED(redux_logistic_get_info(&info, NULL));
    REFUSED(redux_logistic_predict(&out, NULL, NULL, &features));
    REFUSED(redux_logistic_predict(&narrow, NULL, model, &features));
    REFUSED(redux_logistic_predict(&out, NULL, model, &wide));
    REFUSED(redux_logistic_predict(NULL, NULL, model, &features));
    options.c = 0;
    REFUSED(redux_logistic_fit(&none, NULL, &features, &classes, 2, &options, NULL));
    REFUSED(redux_knn_predict(NULL, NULL, &features, &classes, 2, &features, &near));
    REFUSED(redux_knn_predict(&out, NULL, &features, &classes, 2, &wide, &near));
    REFUSED(redux_knn_predict(&narrow, NULL, &features, &classes, 2, &features, &near));
    near.temperature = 0;
    REFUSED(redux_knn_predict(&out, NULL, &features, &classes, 2, &features, &near));
    redux_logistic_free(model);
    redux_logistic_free(NULL);

    REFUSED(redux_scores_compute(&scores, NULL, NULL));
    REFUSED(redux_scores_compute(&scores, NULL, &given)); /* of nothing */
    given.labels = other.labels = &classes;
    given.scores = &out;
    other.scores = &narrow;
    REFUSED(redux_scores_compute(NULL, NULL, &given));
    REFUSED(redux_scores_compute(&scores, NULL,
                                 &(redux_predictions){sizeof given, &classes, &whole, 1}));
    REFUSED(
        redux_scores_compute(&scores, NULL, &(redux_predictions){sizeof given, &fewer, &out, 1}));
    REFUSED(redux_scores_compute(&scores, NULL,
                                 &(redux_predictions){sizeof given, &features, &out, 1}));
    REFUSED(redux_scores_confusion(NULL, NULL, &given));
    REFUSED(redux_scores_confusion(&narrow, NULL, &given));
    REFUSED(redux_scores_confusion(&matrix, NULL, &other)); /* three classes */
    REFUSED(redux_scores_bootstrap(NULL, &high, NULL, &given, 10, 0.95, 0));
    REFUSED(redux_scores_bootstrap(&scores, &high, NULL, &given, 10, 1, 0));
    REFUSED(redux_scores_bootstrap(&scores, &high, NULL, &given, 0, 0.95, 0));
    REFUSED(redux_scores_compare(&scores, NULL, &given, &other, 10, 0));
    REFUSED(redux_scores_compare(&scores, NULL, &given, NULL, 10, 0));
    REFUSED(redux_scores_compare(&scores, NULL, &given, &given, 0, 0));
    RELEASE(&features, &classes, &out, &narrow, &fewer, &whole, &wide, &matrix);
}
END_TEST

START_TEST(labels)
{
    redux_labels_options options = REDUX_LABELS_OPTIONS_INIT;
    redux_split_options how = REDUX_SPLIT_OPTIONS_INIT;
    redux_evaluate_options evaluate = REDUX_EVALUATE_OPTIONS_INIT;
    redux_evaluation_run run = {.struct_size = sizeof run};
    redux_evaluation_summary summary = {.struct_size = sizeof summary};
    redux_evaluation_prediction prediction = {.struct_size = sizeof prediction};
    redux_comparison comparison = {.struct_size = sizeof comparison};
    redux_leakage leakage = REDUX_LEAKAGE_INIT;
    redux_evaluation *evaluation;
    redux_labels *table;
    redux_label_row row = {0};
    const char *source;
    int64_t slice;
    uint8_t split[4096];
    options.label = "tumour";
    REFUSED(redux_labels_load(NULL, NULL, "data/ct/labels.csv", &options));
    REFUSED(redux_labels_load(&table, NULL, NULL, &options));
    ck_assert_redux_ok(redux_labels_load(&table, NULL, "data/ct/labels.csv", &options));
    REFUSED(redux_labels_row_get(&row, table, -1));
    REFUSED(redux_labels_row_get(&row, table, redux_labels_rows(table)));
    REFUSED(redux_labels_row_get(NULL, table, 0));
    REFUSED(redux_labels_row_name(&source, &slice, table, -1));
    REFUSED(redux_labels_row_name(&source, &slice, NULL, 0));
    ck_assert_ptr_null(redux_labels_class_name(table, -1));
    ck_assert_ptr_null(redux_labels_class_name(table, 2));
    ck_assert_ptr_null(redux_labels_group_name(table, -1));
    ck_assert_int_eq(redux_labels_class_find(table, "neither"), -1);
    REFUSED(redux_labels_split(NULL, NULL, table, &how));
    REFUSED(redux_labels_split(split, NULL, NULL, &how));
    how.method = (redux_split_method)9;
    REFUSED(redux_labels_split(split, NULL, table, &how));
    how.method = REDUX_SPLIT_BY_SHARES;
    how.validation = how.test = 0.6;
    REFUSED(redux_labels_split(split, NULL, table, &how));
    REFUSED(redux_labels_leakage(NULL, NULL, table, split));
    REFUSED(redux_labels_leakage(&leakage, NULL, NULL, split));
    REFUSED(redux_evaluate(NULL, NULL, table, &evaluate));
    REFUSED(redux_evaluate(&evaluation, NULL, NULL, &evaluate));
    evaluate.protocol = (redux_protocol)9;
    REFUSED(redux_evaluate(&evaluation, NULL, table, &evaluate));
    evaluate.protocol = REDUX_PROTOCOL_KNN;
    evaluate.level = 1;
    REFUSED(redux_evaluate(&evaluation, NULL, table, &evaluate));
    REFUSED(redux_evaluation_get_run(&run, NULL, 0));
    REFUSED(redux_evaluation_get_summary(&summary, NULL));
    REFUSED(redux_evaluation_get_prediction(&prediction, NULL, 0));
    REFUSED(redux_evaluation_save("a.csv", NULL, NULL));
    REFUSED(redux_evaluation_compare(&comparison, NULL, NULL, "b.csv", 1, 10, 0));
    REFUSED(redux_evaluation_compare(NULL, NULL, "a.csv", "b.csv", 1, 10, 0));
    redux_labels_free(table);
    redux_labels_free(NULL);
    redux_evaluation_free(NULL);
}
END_TEST

START_TEST(names)
{
    redux_arch arch;
    redux_stem stem;
    redux_products products;
    redux_optimiser_kind kind;
    redux_protocol protocol;
    redux_strategy strategy;
    redux_rule rule;
    redux_hash hash;
    redux_hash_profile profile;
    redux_hash_list_format format;
    redux_volume_hash of_volume;
    redux_normalisation normalisation;
    REFUSED(redux_arch_parse(&arch, NULL));
    REFUSED(redux_stem_parse(NULL, "7x7"));
    REFUSED(redux_products_parse(&products, NULL));
    REFUSED(redux_optimiser_parse(&kind, NULL));
    REFUSED(redux_protocol_parse(&protocol, NULL));
    REFUSED(redux_strategy_parse(&strategy, NULL));
    REFUSED(redux_rule_parse(&rule, NULL));
    REFUSED(redux_hash_parse(&hash, NULL));
    REFUSED(redux_hash_profile_parse(&profile, NULL));
    REFUSED(redux_hash_list_format_parse(&format, NULL));
    REFUSED(redux_volume_hash_parse(&of_volume, NULL));
    REFUSED(redux_normalisation_parse(&normalisation, NULL));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_stem_parse(&stem, "neither"));
    for (int i = 0; i < 2; i++) {
        ck_assert_redux_ok(redux_stem_parse(&stem, redux_stem_name((redux_stem)i)));
        ck_assert_int_eq((int)stem, i);
    }
    ck_assert_str_eq(redux_arch_name((redux_arch)99), "unknown");
    ck_assert_str_eq(redux_stem_name((redux_stem)99), "unknown");
    ck_assert_str_eq(redux_products_name((redux_products)99), "unknown");
    ck_assert_str_eq(redux_optimiser_name((redux_optimiser_kind)99), "unknown");
    ck_assert_str_eq(redux_protocol_name((redux_protocol)99), "unknown");
    ck_assert_str_eq(redux_strategy_name((redux_strategy)99), "unknown");
    ck_assert_str_eq(redux_rule_name((redux_rule)99), "unknown");
    ck_assert_str_eq(redux_hash_name((redux_hash)99), "unknown");
    ck_assert_str_eq(redux_volume_hash_name((redux_volume_hash)99), "unknown");
    ck_assert_str_eq(redux_dtype_name((redux_dtype)99), "unknown");
    ck_assert_int_eq(redux_version_number(), REDUX_VERSION_NUMBER);
}
END_TEST

static redux_status network_with(int field, double value)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network = NULL;
    options.width = 0.125;
    int32_t *const whole[] = {
        (int32_t *)&options.arch, (int32_t *)&options.stem, (int32_t *)&options.products,
        &options.projection,      &options.classes,         &options.channels};
    if (field < 6)
        *whole[field] = (int32_t)value;
    else
        options.width = value;
    const redux_status status = redux_network_new(&network, NULL, &options);
    redux_network_free(network);
    return status;
}

static redux_status optimiser_with(int field, double value)
{
    redux_network_options small = REDUX_NETWORK_OPTIONS_INIT;
    redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
    redux_network *network;
    redux_optimiser *optimiser = NULL;
    double *const number[] = {&options.momentum, &options.weight_decay, &options.beta1,
                              &options.beta2,    &options.epsilon,      &options.trust,
                              &options.clip_norm};
    small.width = 0.125;
    if (field < 7)
        *number[field] = value;
    else
        options.kind = (redux_optimiser_kind)value;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &small));
    const redux_status status = redux_optimiser_of_network(&optimiser, NULL, network, &options);
    redux_optimiser_free(optimiser);
    redux_network_free(network);
    return status;
}

static redux_status pretraining_with(int field, double value)
{
    redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT;
    ck_assert_redux_ok(redux_pretrain_defaults(&options, "simclr", 16));
    double *const number[] = {&options.temperature, &options.rate, &options.warm_up,
                              &options.last_rate, &options.checkpoint_seconds};
    int64_t *const whole[] = {&options.batch, &options.part, &options.epochs, &options.steps};
    if (field < 5)
        *number[field] = value;
    else
        *whole[field - 5] = (int64_t)value;
    return redux_pretrain(NULL, NULL, in_scratch("never"), some.dataset, NULL, &options);
}

START_TEST(settings_of_training)
{
    static const struct {
        redux_status (*with)(int field, double value);
        int field;
        double value;
    } cases[] = {
        {network_with, 0, 99},
        {network_with, 1, 99},
        {network_with, 2, 99},
        {network_with, 3, -1},
        {network_with, 4, -1},
        {network_with, 4, 1 << 30},
        {network_with, 5, 2},
        {network_with, 6, 0},
        {network_with, 6, 0.1},
        {network_with, 6, NAN},
        {network_with, 6, 17},
        {optimiser_with, 0, 1},
        {optimiser_with, 0, -0.1},
        {optimiser_with, 1, -1},
        {optimiser_with, 1, INFINITY},
        {optimiser_with, 2, 1},
        {optimiser_with, 3, NAN},
        {optimiser_with, 4, 0},
        {optimiser_with, 5, 0},
        {optimiser_with, 6, -1},
        {optimiser_with, 7, 99},
        {pretraining_with, 0, 0},
        {pretraining_with, 0, NAN},
        {pretraining_with, 1, 0},
        {pretraining_with, 1, INFINITY},
        {pretraining_with, 2, -1},
        {pretraining_with, 2, 1e10},
        {pretraining_with, 3, -1},
        {pretraining_with, 3, 2},
        {pretraining_with, 4, -1},
        {pretraining_with, 5, 0},
        {pretraining_with, 5, 1 << 21},
        {pretraining_with, 6, -1},
        {pretraining_with, 7, -1},
        {pretraining_with, 7, 0},
        {pretraining_with, 7, 3e9},
        {pretraining_with, 8, -1},
        {pretraining_with, 8, 5}, /* epochs and steps */
    };
    REFUSED(cases[_i].with(cases[_i].field, cases[_i].value));
    ck_assert_int_ne(access(in_scratch("never"), F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arguments");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, make, clear);
    tcase_add_test(cases, tensors);
    tcase_add_test(cases, files);
    tcase_add_test(cases, safetensors);
    tcase_add_test(cases, datasets);
    tcase_add_test(cases, images);
    tcase_add_test(cases, hashes);
    tcase_add_test(cases, metrics);
    tcase_add_test(cases, reductions);
    tcase_add_test(cases, networks);
    tcase_add_test(cases, layers);
    tcase_add_test(cases, losses);
    tcase_add_test(cases, judging);
    tcase_add_test(cases, labels);
    tcase_add_test(cases, names);
    tcase_add_loop_test(cases, settings_of_training, 0, 38);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
