/* SPDX-License-Identifier: MIT
 * Wrong arguments of tensors, files, images, hashes, metrics and reductions, and names. */
#include "arguments.h"

/* One of everything, made for each test. */
static struct {
    redux_tensor image, colour, half, floats, empty, turned, bits; /* turned: not contiguous */
    redux_dataset *dataset;
    redux_volume *volume;
    redux_metric *metric;
} some;

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
    REFUSED(redux_safetensors_get_tensor(&out, file, -1));
    REFUSED(redux_safetensors_get_tensor(&out, file, 1));
    REFUSED(redux_safetensors_get_tensor(NULL, file, 0));
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
    redux_strategy_info strategy_info = {.struct_size = sizeof strategy_info};
    redux_tensor slice;
    const char *path = VOLUME, *source, *nothing = NULL;
    int64_t index;
    uint32_t checksum;
    const redux_window window = {REDUX_WINDOW_SLICE, 0, 0};
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
    REFUSED(redux_strategy_describe(NULL, REDUX_STRATEGY_HASH));
    REFUSED(redux_strategy_describe(&strategy_info, (redux_strategy)99));
    REFUSED(redux_dataset_visit(NULL, some.dataset, NULL, NULL, NULL));
    REFUSED(redux_dataset_get_volume_info(&info, NULL, 0));
    REFUSED(redux_dataset_get_volume_info(NULL, some.dataset, 0));
    REFUSED(redux_dataset_get_volume_info(&info, some.dataset, -1));
    REFUSED(redux_dataset_get_volume_info(&info, some.dataset, 1));
    REFUSED(redux_dataset_get_slice_name(NULL, &index, some.dataset, 0, 0));
    REFUSED(redux_dataset_get_slice_name(&source, NULL, some.dataset, 0, 0));
    REFUSED(redux_dataset_get_slice_name(&source, &index, some.dataset, 0, -1));
    REFUSED(redux_dataset_get_slice_name(&source, &index, some.dataset, 0, 1 << 20));
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
    REFUSED(redux_volume_slice_windowed(NULL, NULL, some.volume, 0, window));
    REFUSED(redux_volume_slice_windowed(&slice, NULL, NULL, 0, window));
    REFUSED(redux_volume_slice_windowed(&slice, NULL, some.volume, 1 << 20, window));
    REFUSED(redux_volume_slice_windowed(&slice, NULL, some.volume, 0,
                                        (redux_window){(redux_window_kind)9, 0, 0}));
    REFUSED(redux_dataset_read_slice(NULL, NULL, some.dataset, 0, 0, window));
    REFUSED(redux_dataset_read_slice(&slice, NULL, NULL, 0, 0, window));
    REFUSED(redux_dataset_read_slice(&slice, NULL, some.dataset, 1, 0, window));
    REFUSED(redux_dataset_read_slice(&slice, NULL, some.dataset, 0, -1, window));
    REFUSED(redux_dataset_get_place(NULL, &index, some.dataset, 0));
    REFUSED(redux_dataset_get_place(&index, NULL, some.dataset, 0));
    REFUSED(redux_dataset_get_place(&index, &index, NULL, 0));
    REFUSED(redux_dataset_get_place(&index, &index, some.dataset, -1));
    REFUSED(redux_dataset_get_place(&index, &index, some.dataset,
                                    redux_dataset_slice_count(some.dataset)));
    ck_assert_int_eq(redux_dataset_slice_number(NULL, 0, 0), -1);
    ck_assert_int_eq(redux_dataset_slice_number(some.dataset, 0, -1), -1);
    ck_assert_int_eq(redux_dataset_slice_number(some.dataset, 1, 0), -1);
    ck_assert_int_eq(redux_dataset_slice_number(some.dataset, 0, 1 << 20), -1);
    const redux_volume_source *sources[] = {NULL};
    REFUSED(redux_dataset_new(NULL, NULL, sources, 1));
    REFUSED(redux_dataset_new(&dataset, NULL, NULL, 1));
    REFUSED(redux_dataset_new(&dataset, NULL, sources, 0));
    REFUSED(redux_dataset_new(&dataset, NULL, sources, 1));
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
    REFUSED(redux_window_to_text(NULL, (redux_window){REDUX_WINDOW_SLICE, 0, 0}));
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
    REFUSED(redux_views_preset(NULL, "simclr"));
    REFUSED(redux_views_preset(&views, NULL));
    REFUSED(redux_views_apply(&some.half, NULL, &some.image, 1, 0, 0, &input, &views, &key, 0));
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &input, &views, NULL, 0));
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &input, &views, &key, 2));
    views.small_views = 2;
    views.small_size = 9;
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &input, &views, &key, 0));
    views.small_views = 0;
    views.ratio = 0.5;
    REFUSED(redux_views_apply(&square, NULL, &some.image, 1, 0, 0, &input, &views, &key, 0));
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
    REFUSED(redux_hash_to_text(NULL, codes, &options));
    REFUSED(redux_hash_to_text((char *)codes, NULL, &options));
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
    REFUSED(redux_hash_from_text(codes, NULL, &options));
    REFUSED(redux_hash_list_new(NULL, NULL, &options));
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, &options));
    REFUSED(redux_hash_list_add(list, NULL, NULL));
    REFUSED(redux_hash_list_add(NULL, NULL, &item));
    REFUSED(redux_hash_list_add_dataset(NULL, NULL, some.dataset, (redux_window){0}, 0));
    REFUSED(redux_hash_list_add_dataset(list, NULL, NULL, (redux_window){0}, 0));
    REFUSED(redux_hash_list_get_item(NULL, list, 0));
    REFUSED(redux_hash_list_get_item(&item, NULL, 0));
    REFUSED(redux_hash_list_get_item(&item, list, 0)); /* it is empty */
    REFUSED(redux_hash_list_get_options(NULL, list));
    REFUSED(redux_hash_list_get_options(&options, NULL));
    REFUSED(redux_hash_list_get_codes(NULL, list));
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
    const int64_t rows = redux_reduction_row_count(reduction);
    REFUSED(redux_reduction_get_row(&row, reduction, -1));
    REFUSED(redux_reduction_get_row(&row, reduction, rows));
    REFUSED(redux_reduction_get_row(NULL, reduction, 0));
    REFUSED(redux_reduction_get_name(&source, &slice, reduction, -1));
    REFUSED(redux_reduction_get_name(&source, &slice, reduction, rows));
    REFUSED(redux_reduction_get_name(NULL, &slice, reduction, 0));
    REFUSED(redux_reduction_get_summary(NULL, reduction));
    REFUSED(redux_reduction_get_summary(&summary, NULL));
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
    REFUSED(redux_manifest_get_row(NULL, manifest, 0));
    REFUSED(redux_manifest_get_row(&known, manifest, -1));
    REFUSED(redux_manifest_get_row(&known, manifest, redux_manifest_row_count(manifest)));
    REFUSED(redux_dataset_open_manifest(NULL, &kept, NULL, manifest, NULL));
    REFUSED(redux_dataset_open_manifest(&dataset, &kept, NULL, NULL, NULL));
    REFUSED(redux_manifest_get_kept(NULL, NULL, manifest, some.dataset));
    REFUSED(redux_manifest_get_kept(&kept, NULL, manifest, NULL));
    REFUSED(redux_manifest_get_options(NULL, manifest));
    REFUSED(redux_manifest_get_options(&options, NULL));
    redux_manifest_free(manifest);
    redux_manifest_free(NULL);

    redux_metric *metric;
    redux_tensor items;
    const int64_t first = 0, beyond = 1 << 20;
    REFUSED(redux_metric_new_strategy(&metric, NULL, &options)); /* every-n compares nothing */
    REFUSED(redux_metric_new_strategy(NULL, NULL, NULL));
    REFUSED(redux_reduce_items(NULL, NULL, some.dataset, &first, 1, NULL));
    REFUSED(redux_reduce_items(&items, NULL, NULL, &first, 1, NULL));
    REFUSED(redux_reduce_items(&items, NULL, some.dataset, NULL, 1, NULL));
    REFUSED(redux_reduce_items(&items, NULL, some.dataset, &first, 0, NULL));
    REFUSED(redux_reduce_items(&items, NULL, some.dataset, &beyond, 1, NULL));
    REFUSED(redux_reduce_items(&items, NULL, some.dataset, &first, 1, &options));
    options.strategy = (redux_strategy)99;
    REFUSED(redux_reduce_check(&options));
    REFUSED(redux_metric_new_strategy(&metric, NULL, &options));
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
    tcase_add_test(cases, names);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
