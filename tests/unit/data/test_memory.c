/* SPDX-License-Identifier: MIT
 * Datasets from memory and from functions: to the bit what the same voxels give from files, for all
 * that takes a dataset. Run from the project's root. */
#include <stdatomic.h>
#include <zlib.h>
#include "support/recipe.h"
#include "support/test_io.h"

enum { VOLUMES = 4, SCAN = 3, WAYS = 3, FAIL_NEVER = -1 };

/* What the functions hand out, and where they fail. */
typedef struct store {
    redux_tensor voxels[VOLUMES];
    int64_t fails; /* the volume that cannot be given */
    atomic_int calls;
} store;

static store stored = {.fails = FAIL_NEVER};
static const char *paths[VOLUMES];
static redux_dataset *files;
static redux_volume_info infos[VOLUMES];
static redux_context *threads;

static void fill(redux_tensor *out, const char *path, redux_dtype dtype, int32_t ndim,
                 const int64_t *shape)
{
    const redux_random_key key = {.seed = (uint64_t)dtype};
    redux_tensor numbers;
    ck_assert_redux_ok(redux_tensor_new(&numbers, NULL, REDUX_INT32, ndim, shape));
    const int64_t count = redux_tensor_elements(&numbers), each = count / shape[0];
    for (int64_t i = 0; i < count; i++) /* slices that change slowly, so that some are redundant */
        ((int32_t *)numbers.data)[i] =
            (int32_t)(i % each * 7 % 200 + i / each * 5 +
                      (int64_t)redux_random_below(&key, (uint32_t)i, 9)) %
            250;
    ck_assert_redux_ok(redux_tensor_new(out, NULL, dtype, ndim, shape));
    ck_assert_redux_ok(redux_tensor_copy(out, &numbers));
    redux_tensor_release(&numbers);
    ck_assert_redux_ok(redux_npy_write(path, NULL, out));
}

/* Each test is a process of its own, and threads do not survive a fork. */
static void begin(void)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    options.threads = 3;
    ck_assert_redux_ok(redux_context_new(&threads, &options));
}

static void end(void)
{
    redux_context_free(threads);
}

static void make(void)
{
    scratch_make();
    paths[0] = in_scratch("a.npy");
    paths[1] = in_scratch("b.npy");
    paths[2] = in_scratch("c.npy");
    paths[SCAN] = "data/ct/STS_019_CT.nii.gz";
    fill(&stored.voxels[0], paths[0], REDUX_INT16, 3, (const int64_t[]){9, 40, 36});
    fill(&stored.voxels[1], paths[1], REDUX_UINT8, 4, (const int64_t[]){7, 40, 36, 3});
    fill(&stored.voxels[2], paths[2], REDUX_FLOAT16, 3, (const int64_t[]){6, 40, 36});
    infos[SCAN] = (redux_volume_info)REDUX_VOLUME_INFO_INIT;
    ck_assert_redux_ok(read_volume(&stored.voxels[SCAN], &infos[SCAN], paths[SCAN], NULL));
    ck_assert_redux_ok(redux_dataset_open(&files, NULL, paths, VOLUMES, NULL));
    for (int v = 0; v < VOLUMES; v++) {
        infos[v] = (redux_volume_info)REDUX_VOLUME_INFO_INIT;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&infos[v], files, v));
    }
}

static void clear(void)
{
    redux_dataset_free(files);
    for (int v = 0; v < VOLUMES; v++)
        redux_tensor_release(&stored.voxels[v]);
    scratch_remove();
}

/* ---- functions of a program ---- */

/* Borrowed memory, new memory: both are allowed. */
static redux_status give(redux_tensor *out, redux_context *context, const redux_tensor *in,
                         int64_t volume)
{
    redux_status status = REDUX_OK;
    stored.calls++;
    if (volume == stored.fails)
        return REDUX_E_NOT_FOUND;
    if (volume % 2 == 0)
        return redux_tensor_borrow(out, in->data, in->dtype, in->ndim, in->shape, in->strides);
    status = redux_tensor_new(out, context, in->dtype, in->ndim, in->shape);
    return status == REDUX_OK ? redux_tensor_copy(out, in) : status;
}

static redux_status give_volume(redux_tensor *out, redux_context *context, int64_t volume,
                                void *user)
{
    return give(out, context, &((store *)user)->voxels[volume], volume);
}

static redux_status give_slice(redux_tensor *out, redux_context *context, int64_t volume,
                               int64_t slice, void *user)
{
    redux_tensor plane;
    ck_assert_redux_ok(redux_tensor_select(&plane, &((store *)user)->voxels[volume], 0, slice));
    const redux_status status = give(out, context, &plane, volume);
    redux_tensor_release(&plane);
    return status;
}

static const uint32_t marks[VOLUMES] = {11, 22, 33, 44};

static redux_volume_source source_of(int v, int way)
{
    redux_volume_source s = REDUX_VOLUME_SOURCE_INIT;
    const redux_tensor *voxels = &stored.voxels[v];
    s.source = paths[v];
    s.slope = infos[v].slope;
    s.intercept = infos[v].intercept;
    s.is_scan = infos[v].is_scan;
    memcpy(s.spacing, infos[v].spacing, sizeof s.spacing);
    if (way == 0) {
        s.voxels = voxels;
        return s;
    }
    s.dtype = voxels->dtype;
    s.slices = voxels->shape[0];
    s.height = voxels->shape[1];
    s.width = voxels->shape[2];
    s.colours = voxels->ndim == 4 ? (int32_t)voxels->shape[3] : 0;
    s.user = &stored;
    s.fingerprint = &marks[v];
    if (way == 1)
        s.load = give_volume;
    else
        s.load_slice = give_slice;
    return s;
}

static redux_dataset *made(int way)
{
    redux_volume_source sources[VOLUMES];
    const redux_volume_source *list[VOLUMES];
    redux_dataset *dataset;
    for (int v = 0; v < VOLUMES; v++) {
        sources[v] = source_of(v, way);
        list[v] = &sources[v];
    }
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, list, VOLUMES));
    memset(sources, 0x5a, sizeof sources); /* nothing of it is needed any more */
    return dataset;
}

/* ---- as from files ---- */

static void check_files_are_equal(const char *a, const char *b)
{
    size_t size, other;
    unsigned char *bytes = read_bytes(a, &size), *others = read_bytes(b, &other);
    ck_assert_uint_eq(size, other);
    ck_assert_mem_eq(bytes, others, size);
    free(bytes);
    free(others);
}

START_TEST(slices_and_what_is_known_of_them)
{
    redux_dataset *dataset = made(_i);
    ck_assert_int_eq(redux_dataset_slice_count(dataset), redux_dataset_slice_count(files));
    for (int v = 0; v < VOLUMES; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        redux_volume *volume, *other;
        ck_assert_redux_ok(redux_dataset_get_volume_info(&info, dataset, v));
        ck_assert_str_eq(info.source, paths[v]);
        ck_assert_str_eq(info.format, _i == 0 ? "memory" : "function");
        ck_assert_int_eq(info.dtype, infos[v].dtype);
        ck_assert(info.slices == infos[v].slices && info.height == infos[v].height &&
                  info.width == infos[v].width && info.is_scan == infos[v].is_scan);
        ck_assert(info.slope == infos[v].slope && info.intercept == infos[v].intercept);
        ck_assert_mem_eq(info.spacing, infos[v].spacing, sizeof info.spacing);
        ck_assert_uint_eq(info.bytes, (uint64_t)redux_tensor_elements(&stored.voxels[v]) *
                                          redux_dtype_size(info.dtype));
        ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, v));
        ck_assert_redux_ok(redux_volume_open(&other, NULL, files, v));
        for (int64_t k = 0; k < info.slices; k++) {
            redux_tensor a, b;
            ck_assert_redux_ok(redux_volume_slice(&a, NULL, volume, k));
            ck_assert_redux_ok(redux_volume_slice(&b, NULL, other, k));
            assert_same(&a, &b, paths[v]);
            redux_tensor_release(&a);
            redux_tensor_release(&b);
            ck_assert_redux_ok(redux_volume_slice_colour(&a, NULL, volume, k));
            ck_assert_redux_ok(redux_volume_slice_colour(&b, NULL, other, k));
            assert_same(&a, &b, paths[v]);
            redux_tensor_release(&a);
            redux_tensor_release(&b);
        }
        redux_volume_free(volume);
        redux_volume_free(other);
    }
    redux_dataset_free(dataset);
}
END_TEST

static void reduce_to(const char *path, const redux_dataset *dataset, redux_strategy strategy)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduction *reduction;
    options.strategy = strategy;
    options.scope = strategy == REDUX_STRATEGY_SSIM ? REDUX_SCOPE_DATASET : REDUX_SCOPE_VOLUME;
    if (strategy == REDUX_STRATEGY_MI)
        options.keep_percent = 30;
    ck_assert_redux_ok(redux_reduce(&reduction, threads, dataset, &options));
    ck_assert_redux_ok(redux_results_save(path, text("%s.json", path), NULL, reduction, 0));
    redux_reduction_free(reduction);
}

/* Whole manifests, byte by byte; the rows of one are found again by name. */
START_TEST(manifests)
{
    static const redux_strategy strategies[] = {
        REDUX_STRATEGY_HASH,    REDUX_STRATEGY_SSIM,     REDUX_STRATEGY_MI, REDUX_STRATEGY_COSINE,
        REDUX_STRATEGY_ENTROPY, REDUX_STRATEGY_SEMDEDUP, REDUX_STRATEGY_ALL};
    redux_dataset *dataset = made(_i);
    const char *have = in_scratch("have.csv"), *want = in_scratch("want.csv");
    redux_manifest *manifest;
    redux_tensor kept;
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        reduce_to(have, dataset, strategies[i]);
        reduce_to(want, files, strategies[i]);
        check_files_are_equal(have, want);
    }
    reduce_to(have, dataset, REDUX_STRATEGY_HASH);
    ck_assert_redux_ok(redux_manifest_load(&manifest, NULL, have));
    ck_assert_redux_ok(redux_manifest_get_kept(&kept, NULL, manifest, dataset));
    int64_t ones = 0;
    for (int64_t i = 0; i < kept.shape[0]; i++) {
        redux_manifest_row row;
        ck_assert_redux_ok(redux_manifest_get_row(&row, manifest, i));
        ck_assert_int_eq(row.kept, ((uint8_t *)kept.data)[i]);
        ones += row.kept;
    }
    ck_assert(ones > VOLUMES && ones < kept.shape[0]);
    redux_tensor_release(&kept);
    redux_manifest_free(manifest);
    redux_dataset_free(dataset);
}
END_TEST

static void hashes_to(const char *path, const redux_dataset *dataset)
{
    redux_hash_list *list;
    ck_assert_redux_ok(redux_hash_list_new(&list, NULL, NULL));
    ck_assert_redux_ok(redux_hash_list_add_dataset(list, threads, dataset,
                                                   (redux_window){REDUX_WINDOW_AUTO, 0, 0}, 1));
    ck_assert_redux_ok(redux_hash_list_save(path, NULL, list, REDUX_HASH_LIST_CSV, 1));
    redux_hash_list_free(list);
}

START_TEST(hashes)
{
    redux_dataset *dataset = made(_i);
    hashes_to(in_scratch("have.csv"), dataset);
    hashes_to(in_scratch("want.csv"), files);
    check_files_are_equal(in_scratch("have.csv"), in_scratch("want.csv"));
    for (int v = 0; v < VOLUMES; v++) {
        uint8_t a[64] = {0}, b[64] = {0};
        const redux_status status =
            redux_volume_hash_read(a, 1, NULL, NULL, files, v, NULL); /* short ones are refused */
        ck_assert_redux(status, redux_volume_hash_read(b, 1, NULL, NULL, dataset, v, NULL));
        ck_assert_mem_eq(a, b, sizeof a);
    }
    redux_dataset_free(dataset);
}
END_TEST

static redux_status add_up(void *user, const redux_tensor *image, int64_t number, int64_t volume,
                           int64_t slice)
{
    uint32_t *sums = user;
    (void)volume;
    (void)slice;
    sums[number] = image == NULL ? 1
                                 : (uint32_t)crc32(0, image->data,
                                                   (uInt)((uint64_t)redux_tensor_elements(image) *
                                                          redux_dtype_size(image->dtype)));
    return REDUX_OK;
}

START_TEST(visits)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    redux_dataset *dataset = made(_i);
    const int64_t slices = redux_dataset_slice_count(dataset);
    uint32_t *have = calloc((size_t)slices, sizeof *have), *want = calloc((size_t)slices, 4);
    ck_assert_redux_ok(redux_dataset_visit(NULL, files, &options, add_up, want));
    for (int any = 0; any < 2; any++) {
        options.any_order = any;
        memset(have, 0, (size_t)slices * sizeof *have);
        ck_assert_redux_ok(redux_dataset_visit(threads, dataset, &options, add_up, have));
        ck_assert_mem_eq(have, want, (size_t)slices * sizeof *have);
    }
    free(have);
    free(want);
    redux_dataset_free(dataset);
}
END_TEST

static redux_tensor embedded(const redux_dataset *dataset)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_network *network;
    redux_tensor out;
    options.width = 0.125;
    ck_assert_redux_ok(redux_network_new(&network, NULL, &options));
    const int64_t shape[] = {redux_dataset_slice_count(dataset), redux_network_features(network)};
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_embed(&out, NULL, threads, network, dataset, NULL, NULL, 16));
    redux_network_free(network);
    return out;
}

/* Embeddings, and weights after some steps: all in memory, and read in turns. */
START_TEST(embeddings_and_weights)
{
    redux_dataset *dataset = made(_i);
    redux_tensor have = embedded(dataset), want = embedded(files);
    recipe options = recipe_of("simclr", 16);
    options.network.width = 0.125;
    options.run.batch = 16;
    options.run.epochs = 0;
    options.run.steps = 6;
    assert_same(&have, &want, "embeddings");
    redux_tensor_release(&have);
    redux_tensor_release(&want);
    const char *a = text("%s/have%d", scratch, _i), *b = text("%s/want%d", scratch, _i);
    ck_assert_redux_ok(recipe_run(NULL, threads, a, dataset, NULL, &options));
    ck_assert_redux_ok(recipe_run(NULL, NULL, b, files, NULL, &options));
    check_files_are_equal(text("%s/weights.safetensors", a), text("%s/weights.safetensors", b));
    redux_dataset_free(dataset);
}
END_TEST

/* ---- what files have of their own ---- */

START_TEST(checksums)
{
    redux_dataset *dataset = made(_i), *without;
    redux_volume_source source = source_of(0, 2);
    const redux_volume_source *list = &source;
    for (int v = 0; v < VOLUMES; v++) {
        uint32_t have;
        const redux_tensor *voxels = &stored.voxels[v];
        const uLong crc = crc32(
            0, voxels->data,
            (uInt)((uint64_t)redux_tensor_elements(voxels) * redux_dtype_size(voxels->dtype)));
        ck_assert_redux_ok(redux_dataset_checksum(&have, NULL, dataset, v));
        ck_assert_uint_eq(have, _i == 0 ? crc : marks[v]);
    }
    redux_dataset_free(dataset);
    source.fingerprint = NULL;
    uint32_t untouched = 7;
    ck_assert_redux_ok(redux_dataset_new(&without, NULL, &list, 1));
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_dataset_checksum(&untouched, NULL, without, 0));
    ck_assert_uint_eq(untouched, 7);
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "fingerprint"));
    redux_dataset_free(without);
}
END_TEST

/* Any strides; the reference that the dataset has of its own keeps the memory. */
START_TEST(shared_memory)
{
    const int32_t order[] = {2, 0, 1};
    redux_volume_source source = source_of(0, 0);
    const redux_volume_source *list = &source;
    redux_tensor owner, turned, plane, slice;
    redux_dataset *dataset;
    redux_volume *volume;
    uint32_t have, want;
    ck_assert_redux_ok(
        redux_tensor_new(&owner, NULL, REDUX_FLOAT64, 3, (const int64_t[]){5, 6, 7}));
    for (int i = 0; i < 5 * 6 * 7; i++)
        ((double *)owner.data)[i] = i * 0.25;
    ck_assert_redux_ok(redux_tensor_permute(&turned, &owner, order));
    redux_tensor_release(&owner);
    source.voxels = &turned;
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, &list, 1));
    redux_tensor dense;
    ck_assert_redux_ok(redux_tensor_contiguous(&dense, NULL, &turned, REDUX_FLOAT64));
    redux_tensor_release(&turned);
    ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, 0));
    ck_assert_redux_ok(redux_dataset_checksum(&have, NULL, dataset, 0));
    ck_assert_redux_ok(redux_volume_slice(&slice, NULL, volume, 3));
    redux_volume_free(volume);
    redux_dataset_free(dataset);
    ck_assert_redux_ok(redux_tensor_select(&plane, &dense, 0, 3));
    assert_same(&slice, &plane, "slice 3"); /* it outlives the dataset */
    want = (uint32_t)crc32(0, dense.data, 5 * 6 * 7 * sizeof(double));
    ck_assert_uint_eq(have, want);
    redux_tensor_release(&slice);
    redux_tensor_release(&plane);
    redux_tensor_release(&dense);
}
END_TEST

/* A volume that cannot be given is like a file that cannot be read. */
START_TEST(failures)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_dataset *dataset = made(_i);
    redux_reduction *reduction;
    stored.fails = 1;
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_reduce(&reduction, threads, dataset, &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), paths[1]));
    options.skip_errors = 1;
    ck_assert_redux_ok(redux_reduce(&reduction, threads, dataset, &options));
    ck_assert_int_eq(redux_reduction_skipped_count(reduction), _i == 1 ? 1 : 7);
    ck_assert_ptr_nonnull(strstr(redux_reduction_skipped_source(reduction, 0), paths[1]));
    redux_reduction_free(reduction);
    stored.fails = FAIL_NEVER;
    redux_dataset_free(dataset);
}
END_TEST

/* What was not promised is refused, and nothing of it is leaked. */
START_TEST(broken_promises)
{
    redux_volume_source source = source_of(1, _i);
    const redux_volume_source first = source_of(0, _i), *both[] = {&first, &source};
    const int64_t right = source.height;
    redux_window window = {REDUX_WINDOW_AUTO, 0, 0};
    redux_dataset *dataset;
    redux_tensor out;
    source.height = right + 1;
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, both, 2));
    ck_assert_redux(REDUX_E_FORMAT, redux_dataset_read_slice(&out, NULL, dataset, 1, 0, window));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "41"));
    redux_dataset_free(dataset);
    source.height = right;
    source.dtype = REDUX_INT8;
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, both, 2));
    ck_assert_redux(REDUX_E_FORMAT, redux_dataset_read_slice(&out, NULL, dataset, 1, 0, window));
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(no_function_is_called_before)
{
    stored.calls = 0;
    redux_dataset *dataset = made(_i);
    ck_assert_int_eq(stored.calls, 0);
    redux_dataset_free(dataset);
}
END_TEST

#define REFUSED(list, count)                                                                       \
    ck_assert_redux(REDUX_E_INVALID, redux_dataset_new(&dataset, NULL, list, count))

START_TEST(wrong_sources)
{
    redux_volume_source good = source_of(0, 0), bad = source_of(1, 0), function = source_of(2, 1);
    const redux_volume_source *list[] = {&good, &bad}, *one[] = {&function};
    const char *const name = bad.source;
    redux_dataset *dataset = NULL;
    redux_tensor flat, flags, empty;
    bad.source = good.source;
    REFUSED(list, 2);
    bad.source = "";
    REFUSED(list, 2);
    bad.source = name;
    bad.voxels = NULL; /* none of the three */
    REFUSED(list, 2);
    bad.voxels = good.voxels;
    bad.load = give_volume; /* two of them */
    REFUSED(list, 2);
    bad.load = NULL;
    bad.slope = 0;
    REFUSED(list, 2);
    bad.slope = 1;
    bad.spacing[1] = -1;
    REFUSED(list, 2);
    bad.spacing[1] = 0;
    ck_assert_redux_ok(redux_tensor_select(&flat, good.voxels, 0, 0));
    bad.voxels = &flat;
    REFUSED(list, 2);
    ck_assert_redux_ok(
        redux_tensor_new(&flags, NULL, REDUX_BOOL, 4, (const int64_t[]){2, 3, 3, 3}));
    bad.voxels = &flags;
    REFUSED(list, 2);
    ck_assert_redux_ok(redux_tensor_new(&empty, NULL, REDUX_UINT8, 3, (const int64_t[]){2, 0, 3}));
    bad.voxels = &empty;
    REFUSED(list, 2);
    function.colours = 2;
    REFUSED(one, 1);
    function.colours = 0;
    function.slices = 0;
    REFUSED(one, 1);
    function.slices = INT64_MAX / 2;
    REFUSED(one, 1);
    function.slices = 6;
    function.dtype = (redux_dtype)5;
    REFUSED(one, 1);
    ck_assert_ptr_null(dataset);
    redux_tensor_release(&flat);
    redux_tensor_release(&flags);
    redux_tensor_release(&empty);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("datasets from memory");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, make, clear);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_loop_test(tests, slices_and_what_is_known_of_them, 0, WAYS);
    tcase_add_loop_test(tests, manifests, 0, WAYS);
    tcase_add_loop_test(tests, hashes, 0, WAYS);
    tcase_add_loop_test(tests, visits, 0, WAYS);
    tcase_add_loop_test(tests, embeddings_and_weights, 0, WAYS);
    tcase_add_loop_test(tests, checksums, 0, WAYS);
    tcase_add_test(tests, shared_memory);
    tcase_add_loop_test(tests, failures, 1, WAYS);
    tcase_add_loop_test(tests, broken_promises, 1, WAYS);
    tcase_add_loop_test(tests, no_function_is_called_before, 1, WAYS);
    tcase_add_test(tests, wrong_sources);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
