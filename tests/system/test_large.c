/* SPDX-License-Identifier: MIT
 * Images of more than 2^31 pixels and rows that lie gigabytes apart: index arithmetic must not
 * overflow. No memory is behind them: pages that nobody touches, and strides of 0. */
#include <sys/mman.h>
#include "properties.h"

/* ---- rows 2 GiB apart ---- */

static const int64_t far_apart = (INT64_C(1) << 31) + 64;

/* The same values, each row of the last axis 2^31 elements behind the one before. */
static void spread(redux_tensor *out, void **mapping, size_t *size, const redux_tensor *in)
{
    int64_t strides[REDUX_MAX_DIMS] = {0}, step = far_apart;
    const int32_t last =
        in->ndim == 4 || in->shape[in->ndim - 1] <= 4 ? 2 : 1; /* colours: a pixel */
    for (int32_t i = in->ndim - 1, inner = 1; i >= 0; i--) {
        if (i >= in->ndim - last) {
            strides[i] = inner;
            inner *= (int32_t)in->shape[i];
        } else {
            strides[i] = step;
            step *= in->shape[i];
        }
    }
    *size = (size_t)step * redux_dtype_size(in->dtype);
    *mapping = mmap(NULL, *size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_msg(*mapping != MAP_FAILED, "%zu GiB of addresses are not available", *size >> 30);
    ck_assert_redux_ok(redux_tensor_borrow(out, *mapping, in->dtype, in->ndim, in->shape, strides));
    ck_assert_redux_ok(redux_tensor_copy(out, in));
}

typedef void (*result_fn)(const redux_tensor *image, unsigned char *bytes, size_t *size);

/* What a function gives for an image as it usually lies and for one that is spread. */
static void same_result(const redux_tensor *image, result_fn result, const char *name)
{
    enum { MOST = 1 << 16 };
    static unsigned char want[MOST], have[MOST];
    size_t want_size = 0, have_size = 0, size;
    redux_tensor far;
    void *mapping;
    spread(&far, &mapping, &size, image);
    result(image, want, &want_size);
    result(&far, have, &have_size);
    ck_assert_msg(want_size > 0 && want_size <= MOST && want_size == have_size &&
                      memcmp(want, have, want_size) == 0,
                  "%s: another result where rows are far apart", name);
    munmap(mapping, size);
}

static void append(unsigned char *bytes, size_t *size, const void *more, size_t count)
{
    memcpy(bytes + *size, more, count);
    *size += count;
}

static void append_tensor(unsigned char *bytes, size_t *size, redux_tensor *tensor)
{
    append(bytes, size, tensor->data,
           (size_t)redux_tensor_elements(tensor) * redux_dtype_size(tensor->dtype));
    redux_tensor_release(tensor);
}

static void by_copying(const redux_tensor *images, unsigned char *bytes, size_t *size)
{
    redux_tensor copy;
    ck_assert_redux_ok(redux_tensor_contiguous(&copy, NULL, images, REDUX_FLOAT64));
    append_tensor(bytes, size, &copy);
}

static void by_metrics(const redux_tensor *images, unsigned char *bytes, size_t *size)
{
    static const char *const names[] = {"ssim", "mi", "mattes", "phase-correlation",
                                        "conditional-entropy"};
    redux_tensor a = row_of(images, 0), b = row_of(images, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        redux_metric *metric;
        if (redux_metric_new_named(&metric, NULL, names[i]) == REDUX_E_UNSUPPORTED)
            continue;
        const double score = score_of(metric, &a, &b);
        append(bytes, size, &score, sizeof score);
        redux_metric_free(metric);
    }
    redux_tensor_release(&a);
    redux_tensor_release(&b);
}

static void by_hashes(const redux_tensor *images, unsigned char *bytes, size_t *size)
{
    for (int hash = 0; hash <= REDUX_HASH_RADIAL_VARIANCE; hash++) {
        redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
        redux_tensor codes;
        options.hash = (redux_hash)hash;
        options.profile = redux_hash_default_profile(options.hash);
        const int64_t shape[] = {images->shape[0], redux_hash_bytes(&options)};
        ck_assert_redux_ok(redux_tensor_new(&codes, NULL, REDUX_UINT8, 2, shape));
        if (redux_hash_compute(&codes, NULL, images, &options) == REDUX_OK)
            append_tensor(bytes, size, &codes);
        else /* colour, of grey images */
            redux_tensor_release(&codes);
    }
}

static void by_volume_hash(const redux_tensor *volume, unsigned char *bytes, size_t *size)
{
    ck_assert_redux_ok(redux_volume_hash_compute(bytes + *size, 1, NULL, NULL, volume, 2, 1, NULL));
    *size += 64;
}

static void by_image_functions(const redux_tensor *images, unsigned char *bytes, size_t *size)
{
    const redux_window range = {REDUX_WINDOW_RANGE, 20, 180};
    redux_tensor image = row_of(images, 0), windowed, small;
    double entropy;
    ck_assert_redux_ok(
        redux_tensor_new(&windowed, NULL, redux_window_dtype(range), 2, image.shape));
    ck_assert_redux_ok(redux_window_apply(&windowed, NULL, &image, 1, 0, range));
    append_tensor(bytes, size, &windowed);
    ck_assert_redux_ok(redux_tensor_new(&small, NULL, image.dtype, 2, (const int64_t[]){7, 9}));
    ck_assert_redux_ok(redux_image_resize(&small, NULL, &image, REDUX_FILTER_AREA));
    append_tensor(bytes, size, &small);
    ck_assert_redux_ok(redux_entropy(&entropy, NULL, &image, NULL));
    append(bytes, size, &entropy, sizeof entropy);
    redux_tensor_release(&image);
}

static void by_dataset(const redux_tensor *voxels, unsigned char *bytes, size_t *size)
{
    redux_volume_source source = REDUX_VOLUME_SOURCE_INIT;
    const redux_volume_source *sources[] = {&source};
    redux_dataset *dataset;
    redux_tensor slice;
    uint32_t checksum;
    source.source = "far";
    source.voxels = voxels;
    ck_assert_redux_ok(redux_dataset_new(&dataset, NULL, sources, 1));
    ck_assert_redux_ok(redux_dataset_checksum(&checksum, NULL, dataset, 0));
    append(bytes, size, &checksum, sizeof checksum);
    ck_assert_redux_ok(redux_dataset_read_slice(&slice, NULL, dataset, 0, 1,
                                                (redux_window){REDUX_WINDOW_SLICE, 0, 0}));
    append_tensor(bytes, size, &slice);
    redux_dataset_free(dataset);
}

static void by_luma(const redux_tensor *colours, unsigned char *bytes, size_t *size)
{
    redux_tensor grey;
    ck_assert_redux_ok(redux_tensor_new(&grey, NULL, REDUX_UINT8, 2, colours->shape));
    ck_assert_redux_ok(redux_image_luma(&grey, NULL, colours));
    append_tensor(bytes, size, &grey);
}

START_TEST(rows_far_apart)
{
    const redux_dtype dtype = _i == 0 ? REDUX_UINT8 : REDUX_FLOAT32;
    redux_tensor images, colours;
    random_slices(&images, dtype, 2, 24, 31, 1);
    same_result(&images, by_copying, "contiguous");
    same_result(&images, by_metrics, "metrics");
    same_result(&images, by_image_functions, "window, resize, entropy");
    same_result(&images, by_dataset, "dataset");
    same_result(&images, by_volume_hash, "volume hash");
    if (dtype == REDUX_UINT8) {
        same_result(&images, by_hashes, "hashes");
        ck_assert_redux_ok(
            redux_tensor_reshape(&colours, &images, 3, (const int64_t[]){16, 31, 3}));
        same_result(&colours, by_luma, "luma");
        redux_tensor_release(&colours);
    }
    redux_tensor_release(&images);
}
END_TEST

/* ---- more than 2^31 pixels ---- */

/* [1, side, side] where every pixel is the same byte. */
static redux_tensor constant(unsigned char *grey, int64_t side)
{
    const int64_t shape[] = {1, side, side}, strides[] = {0, 0, 0};
    redux_tensor image;
    ck_assert_redux_ok(redux_tensor_borrow(&image, grey, REDUX_UINT8, 3, shape, strides));
    return image;
}

/* 2^31 and 2^32 pixels and some more: what would need them all at once says so, by their right
 * number. */
START_TEST(pixels_beyond_31_bits)
{
    static const char *const metrics[] = {
        "ssim", "mi", "mattes", "phase-correlation", "conditional-entropy", "ms-ssim"};
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    unsigned char grey = 77, code[64];
    double value = -7;
    options.max_bytes = 64 << 20;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    redux_tensor large = constant(&grey, _i == 0 ? 46341 : 65537), image = row_of(&large, 0), codes;
    ck_assert_redux(REDUX_E_LIMIT, redux_entropy(&value, context, &image, NULL));
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        redux_metric *metric;
        if (redux_metric_new_named(&metric, context, metrics[i]) == REDUX_E_UNSUPPORTED)
            continue;
        ck_assert_redux(REDUX_E_LIMIT, redux_metric_pair(&value, context, metric, &image, &image));
        redux_metric_free(metric);
    }
    for (int hash = 0; hash <= REDUX_HASH_RADIAL_VARIANCE; hash++) {
        redux_hash_options hashing = REDUX_HASH_OPTIONS_INIT;
        hashing.hash = (redux_hash)hash;
        hashing.profile = redux_hash_default_profile(hashing.hash);
        const int64_t shape[] = {1, redux_hash_bytes(&hashing)};
        ck_assert_redux_ok(redux_tensor_borrow(&codes, code, REDUX_UINT8, 2, shape, NULL));
        ck_assert_redux(REDUX_E_LIMIT, redux_hash_compute(&codes, context, &large, &hashing));
    }
    ck_assert_redux_ok(
        redux_tensor_borrow(&codes, code, REDUX_UINT8, 2, (const int64_t[]){8, 8}, NULL));
    ck_assert_redux(REDUX_E_LIMIT, redux_image_resize(&codes, context, &image, REDUX_FILTER_AREA));
    ck_assert_redux(REDUX_E_LIMIT, redux_tensor_contiguous(&codes, context, &large, REDUX_FLOAT32));
    ck_assert(value == -7);
    redux_tensor_release(&image);
    redux_context_free(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("large");
    TCase *tests = tcase_create("large");
    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(tests, rows_far_apart, 0, 2);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, pixels_beyond_31_bits, 0, 2);
    return run_suite(suite);
}
