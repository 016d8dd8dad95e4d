/* SPDX-License-Identifier: MIT
 * Transforms, phase correlation, multi-scale SSIM and the SSIM map. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/base.h"
#include "base/fftw.h"
#include "support/counted.h"
#include "support/test.h"

/* ---- transforms ---- */

static float *random_floats(int64_t count, uint64_t seed)
{
    const redux_random_key key = {.seed = seed};
    float *values = malloc((size_t)count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)redux_random_normal(&key, (uint32_t)i);
    return values;
}

/* By the definition, along one axis of n0 x n1 x n2 values. */
static double dct_by_definition(const float *in, const int64_t *sides, const int64_t *k)
{
    double sum = 0;
    for (int64_t z = 0; z < sides[0]; z++)
        for (int64_t y = 0; y < sides[1]; y++)
            for (int64_t x = 0; x < sides[2]; x++)
                sum += (double)in[(z * sides[1] + y) * sides[2] + x] * 8 *
                       cos(M_PI * ((double)z + 0.5) * (double)k[0] / (double)sides[0]) *
                       cos(M_PI * ((double)y + 0.5) * (double)k[1] / (double)sides[1]) *
                       cos(M_PI * ((double)x + 0.5) * (double)k[2] / (double)sides[2]);
    return sum;
}

START_TEST(dct_is_the_definition)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {2, 3, 5}, {8, 8, 8}, {7, 16, 9}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t *n = shapes[s], count = n[0] * n[1] * n[2];
        float *in = random_floats(count, s), *copy = random_floats(count, s);
        float *out = random_floats(count, 99);
        double worst = 0, most = 0;
        ck_assert_redux_ok(rdx_dct_3d(NULL, out, in, n[0], n[1], n[2]));
        ck_assert_mem_eq(in, copy, (size_t)count * sizeof *in);
        for (int64_t i = 0; i < count; i++) {
            const int64_t k[3] = {i / (n[1] * n[2]), i / n[2] % n[1], i % n[2]};
            const double want = dct_by_definition(in, n, k);
            worst = fmax(worst, fabs(want - (double)out[i]));
            most = fmax(most, fabs(want));
        }
        ck_assert_double_le(worst, 2e-6 * most);
        free(in);
        free(copy);
        free(out);
    }
}
END_TEST

START_TEST(dct_bits_do_not_depend_on_alignment)
{
    enum { SIDE = 32, COUNT = SIDE * SIDE * SIDE };
    redux_context *context;
    ck_assert_redux_ok(redux_context_new(&context, NULL));
    float *in = random_floats(COUNT + 16, 3), *out = random_floats(COUNT + 16, 4);
    float *first = random_floats(COUNT, 5);
    ck_assert_redux_ok(rdx_dct_3d(NULL, first, in, SIDE, SIDE, SIDE));
    for (int shift = 1; shift < 16; shift++) {
        memmove(in + shift, in + shift - 1, COUNT * sizeof *in);
        ck_assert_redux_ok(rdx_dct_3d(context, out + 16 - shift, in + shift, SIDE, SIDE, SIDE));
        ck_assert_mem_eq(out + 16 - shift, first, COUNT * sizeof *in);
    }
    free(in);
    free(out);
    free(first);
    redux_context_free(context);
}
END_TEST

START_TEST(transforms_refuse_sizes)
{
    float one[2] = {0}, other[2];
    ck_assert_redux(REDUX_E_INVALID, rdx_dct_3d(NULL, other, one, 0, 1, 1));
    ck_assert_redux(REDUX_E_LIMIT, rdx_dct_3d(NULL, other, one, INT64_C(1) << 31, 1, 1));
    ck_assert_redux(REDUX_E_LIMIT, rdx_dct_3d(NULL, other, one, 1 << 30, 1 << 30, 1 << 30));
}
END_TEST

#if defined(REDUX_FFTW)
/* More sizes than a context keeps plans of. */
START_TEST(fourier_and_back)
{
    redux_context *context;
    ck_assert_redux_ok(redux_context_new(&context, NULL));
    for (int64_t side = 1; side < 90; side++) {
        const int64_t rows = side, columns = 91 - side, count = rows * columns;
        const int64_t complex = 2 * rows * (columns / 2 + 1);
        float *in = random_floats(count, (uint64_t)side), *spectrum = random_floats(complex, 1);
        float *back = random_floats(count, 2);
        double sum = 0, size = 0;
        ck_assert_redux_ok(rdx_fft_2d(context, spectrum, in, rows, columns));
        for (int64_t i = 0; i < count; i++) {
            sum += (double)in[i];
            size += fabs((double)in[i]);
        }
        ck_assert_double_le(fabs(sum - (double)spectrum[0]), 1e-6 * size);
        ck_assert_redux_ok(rdx_ifft_2d(context, back, spectrum, rows, columns));
        for (int64_t i = 0; i < count; i++)
            ck_assert_double_le(fabs((double)back[i] / (double)count - (double)in[i]), 2e-6);
        free(in);
        free(spectrum);
        free(back);
    }
    redux_context_free(context);
}
END_TEST

typedef struct many_transforms {
    redux_context *context;
    float *in, *out;
} many_transforms;

enum { TRANSFORMS = 64, TRANSFORM_SIDE = 24, TRANSFORM_FLOATS = TRANSFORM_SIDE * 26 };

static redux_status transform_task(int64_t index, void *user)
{
    const many_transforms *job = user;
    const int64_t rows = TRANSFORM_SIDE - index % 3;
    return rdx_fft_2d(job->context, job->out + index * TRANSFORM_FLOATS, job->in, rows,
                      TRANSFORM_SIDE);
}

/* Threads plan at the same time, in one context. */
START_TEST(fourier_on_many_threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.threads = 4;
    many_transforms job = {.in = random_floats(TRANSFORM_FLOATS, 1)};
    float *first = calloc(TRANSFORMS * TRANSFORM_FLOATS, sizeof *first);
    job.out = calloc(TRANSFORMS * TRANSFORM_FLOATS, sizeof *first);
    ck_assert(first != NULL && job.out != NULL);
    ck_assert_redux_ok(rdx_parallel(NULL, TRANSFORMS, transform_task, &job));
    memcpy(first, job.out, TRANSFORMS * TRANSFORM_FLOATS * sizeof *first);
    memset(job.out, 0, TRANSFORMS * TRANSFORM_FLOATS * sizeof *first);
    ck_assert_redux_ok(redux_context_new(&context, &options));
    job.context = context;
    redux_fftw_lock(); /* and is free again */
    redux_fftw_unlock();
    ck_assert_redux_ok(rdx_parallel(context, TRANSFORMS, transform_task, &job));
    ck_assert_mem_eq(first, job.out, TRANSFORMS * TRANSFORM_FLOATS * sizeof *first);
    redux_context_free(context);
    free(first);
    free(job.in);
    free(job.out);
}
END_TEST
#else
START_TEST(fourier_is_unsupported)
{
    float in[4] = {0}, out[6];
    ck_assert_redux(REDUX_E_UNSUPPORTED, rdx_fft_2d(NULL, out, in, 2, 2));
    ck_assert_redux(REDUX_E_UNSUPPORTED, rdx_ifft_2d(NULL, in, out, 2, 2));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "FFTW=0"));
}
END_TEST
#endif

/* ---- structural similarity ---- */

#define SLICES "tests/golden/data/slices.npz"
#define GOLDEN "tests/golden/data/structure.npz"

static const char *const runs[] = {"STS_002", "STS_019"};
static const char *const dtypes[] = {"u8", "f32"};

static void read_golden(redux_tensor *out, const char *run, const char *dtype, const char *name)
{
    char key[100];
    (void)snprintf(key, sizeof key, "%s/%s/%s", run, dtype, name);
    ck_assert_redux_ok(redux_npz_read(out, NULL, GOLDEN, key));
}

/* The slices of a run; floats are sqrt(v / 255) in float32, as slices.as_float. */
static void slices_of(redux_tensor *out, const char *run, const char *dtype)
{
    redux_tensor bytes;
    ck_assert_redux_ok(redux_npz_read(&bytes, NULL, SLICES, run));
    if (strcmp(dtype, "u8") == 0) {
        *out = bytes;
        return;
    }
    ck_assert_redux_ok(redux_tensor_new(out, NULL, REDUX_FLOAT32, 3, bytes.shape));
    for (int64_t i = 0; i < redux_tensor_elements(&bytes); i++)
        ((float *)out->data)[i] = sqrtf((float)((const uint8_t *)bytes.data)[i] / 255.0F);
    redux_tensor_release(&bytes);
}

static redux_tensor slice_of(const redux_tensor *images, int64_t index)
{
    redux_tensor slice;
    ck_assert_redux_ok(redux_tensor_select(&slice, images, 0, index));
    return slice;
}

/* [20:75, 40:101], a view. */
static redux_tensor crop_of(const redux_tensor *images, int64_t index)
{
    redux_tensor rows, crop, slice = slice_of(images, index);
    ck_assert_redux_ok(redux_tensor_slice(&rows, &slice, 0, 20, 55, 1));
    ck_assert_redux_ok(redux_tensor_slice(&crop, &rows, 1, 40, 61, 1));
    redux_tensor_release(&rows);
    redux_tensor_release(&slice);
    return crop;
}

/* The slice turned round by (dy, dx), `times` of it along each side. */
static redux_tensor turned_of(const redux_tensor *images, int64_t index, int64_t dy, int64_t dx,
                              int64_t times)
{
    redux_tensor out, slice = slice_of(images, index);
    const int64_t h = slice.shape[0], w = slice.shape[1], shape[] = {h * times, w * times};
    const size_t size = redux_dtype_size(slice.dtype);
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, slice.dtype, 2, shape));
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++) {
            const int64_t from_y = (y - dy + 2 * h) % h, from_x = (x - dx + 2 * w) % w;
            memcpy((char *)out.data + (size_t)(y * shape[1] + x) * size,
                   (const char *)slice.data +
                       (size_t)(from_y * slice.strides[0] + from_x * slice.strides[1]) * size,
                   size);
        }
    redux_tensor_release(&slice);
    return out;
}

static redux_tensor map_for(const redux_tensor *image)
{
    redux_tensor map;
    ck_assert_redux_ok(redux_tensor_new(&map, NULL, REDUX_FLOAT32, 2, image->shape));
    return map;
}

START_TEST(map_is_scikit_images)
{
    for (int d = 0; d < 2; d++) {
        redux_tensor images, want;
        double worst = 0;
        slices_of(&images, "STS_002", dtypes[d]);
        read_golden(&want, "STS_002", dtypes[d], "map");
        redux_tensor a = crop_of(&images, 0), b = crop_of(&images, 1), map = map_for(&a);
        for (int window = 0; window < 2; window++) {
            redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
            options.window = (redux_ssim_window)window;
            ck_assert_redux_ok(redux_ssim_map(&map, NULL, &a, &b, &options));
            for (int64_t i = 0; i < 55 * 61; i++)
                worst = fmax(worst, fabs((double)((const float *)map.data)[i] -
                                         (double)((const float *)want.data)[window * 55 * 61 + i]));
        }
        ck_assert_double_le(worst, 5e-5); /* seen: 1.3e-5 */
        redux_tensor_release(&map);
        redux_tensor_release(&b);
        redux_tensor_release(&a);
        redux_tensor_release(&want);
        redux_tensor_release(&images);
    }
}
END_TEST

/* redux_ssim is the mean of the map's inside; into a transposed map the same. */
START_TEST(map_and_mean)
{
    redux_tensor images;
    slices_of(&images, "STS_019", "u8");
    redux_tensor a = slice_of(&images, 0), b = slice_of(&images, 1), map = map_for(&a);
    redux_tensor same = map_for(&a), across, turned;
    const int64_t h = a.shape[0], w = a.shape[1], shape[] = {w, h};
    const int32_t axes[] = {1, 0};
    ck_assert_redux_ok(redux_tensor_new(&across, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_permute(&turned, &across, axes));
    ck_assert_redux_ok(redux_ssim_map(&same, NULL, &a, &a, NULL));
    for (int window = 0; window < 2; window++) {
        redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
        const int64_t margin = window == 0 ? 5 : 3;
        double sum = 0, mean;
        options.window = (redux_ssim_window)window;
        ck_assert_redux_ok(redux_ssim_map(&map, NULL, &a, &b, &options));
        ck_assert_redux_ok(redux_ssim_map(&turned, NULL, &a, &b, &options));
        ck_assert_redux_ok(redux_ssim(&mean, NULL, &a, &b, &options));
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                const float value = ((const float *)map.data)[y * w + x];
                ck_assert_float_eq(value, ((const float *)across.data)[x * h + y]);
                ck_assert_float_eq(((const float *)same.data)[y * w + x], 1);
                if (y >= margin && y < h - margin && x >= margin && x < w - margin)
                    sum += (double)value;
            }
        sum /= (double)((h - 2 * margin) * (w - 2 * margin));
        ck_assert_double_le(fabs(sum - mean), 1e-6);
        ck_assert_double_lt(mean, 0.99);
    }
    redux_tensor_release(&turned);
    redux_tensor_release(&across);
    redux_tensor_release(&same);
    redux_tensor_release(&map);
    redux_tensor_release(&b);
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST

/* Place i of a row of n that its mirror images continue. */
static int64_t mirrored(int64_t i, int64_t n)
{
    while (i < 0 || i >= n)
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

/* The image with five more pixels on each side. */
static redux_tensor continued(const redux_tensor *image)
{
    const int64_t h = image->shape[0], w = image->shape[1], shape[] = {h + 10, w + 10};
    redux_tensor out;
    ck_assert_redux_ok(redux_tensor_new(&out, NULL, REDUX_UINT8, 2, shape));
    for (int64_t y = -5; y < h + 5; y++)
        for (int64_t x = -5; x < w + 5; x++)
            ((uint8_t *)out.data)[(y + 5) * (w + 10) + x + 5] =
                ((const uint8_t *)image->data)[mirrored(y, h) * w + mirrored(x, w)];
    return out;
}

/* One pixel: mirrored, a constant image; wide ones go through several bands. */
START_TEST(map_of_any_size)
{
    const int64_t sizes[][2] = {{1, 1}, {1, 9}, {4, 2}, {3, 700}, {300, 5}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t h = sizes[s][0], w = sizes[s][1];
        redux_tensor a, b;
        ck_assert_redux_ok(redux_tensor_new(&a, NULL, REDUX_UINT8, 2, sizes[s]));
        ck_assert_redux_ok(redux_tensor_new(&b, NULL, REDUX_UINT8, 2, sizes[s]));
        for (int64_t i = 0; i < h * w; i++) {
            ((uint8_t *)a.data)[i] = (uint8_t)(i * 31 % 200);
            ((uint8_t *)b.data)[i] = (uint8_t)(i * 17 % 256);
        }
        /* continued by hand, the map's inside is the map of the original */
        redux_tensor wide_a = continued(&a), wide_b = continued(&b);
        redux_tensor map = map_for(&a), inside = map_for(&wide_a);
        ck_assert_redux_ok(redux_ssim_map(&map, NULL, &a, &b, NULL));
        ck_assert_redux_ok(redux_ssim_map(&inside, NULL, &wide_a, &wide_b, NULL));
        for (int64_t i = 0; i < h * w; i++)
            ck_assert_float_eq_tol(((const float *)map.data)[i],
                                   ((const float *)inside.data)[(i / w + 5) * (w + 10) + i % w + 5],
                                   1e-5F);
        redux_tensor_release(&inside);
        redux_tensor_release(&map);
        redux_tensor_release(&wide_b);
        redux_tensor_release(&wide_a);
        redux_tensor_release(&b);
        redux_tensor_release(&a);
    }
}
END_TEST

START_TEST(map_refuses)
{
    redux_tensor images, wrong;
    const int64_t shape[] = {5, 5};
    slices_of(&images, "STS_019", "u8");
    redux_tensor a = slice_of(&images, 0), crop = crop_of(&images, 0), map = map_for(&a);
    ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(&map, NULL, &a, &crop, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(&map, NULL, &crop, &crop, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(NULL, NULL, &a, &a, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(&map, NULL, NULL, &a, NULL));
    ck_assert_redux_ok(redux_tensor_new(&wrong, NULL, REDUX_UINT8, 2, a.shape));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(&wrong, NULL, &a, &a, NULL));
    redux_tensor_release(&wrong);
    ck_assert_redux_ok(redux_tensor_new(&wrong, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux(REDUX_E_INVALID, redux_ssim_map(&wrong, NULL, &a, &a, NULL));
    redux_tensor_release(&wrong);
    redux_tensor_release(&map);
    redux_tensor_release(&crop);
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST

/* ---- multi-scale ---- */

static double ms_ssim(const redux_tensor *a, const redux_tensor *b, int32_t scales)
{
    redux_ms_ssim_options options = REDUX_MS_SSIM_OPTIONS_INIT;
    redux_metric *metric;
    double value = NAN, other = NAN;
    options.scales = scales;
    ck_assert_redux_ok(redux_ms_ssim(&value, NULL, a, b, &options));
    ck_assert_redux_ok(redux_metric_new_ms_ssim(&metric, NULL, &options));
    ck_assert_int_eq(redux_metric_is_distance(metric), 0);
    ck_assert_redux_ok(redux_metric_pair(&other, NULL, metric, b, a));
    ck_assert_double_eq(value, other);
    redux_metric_free(metric);
    return value;
}

START_TEST(ms_ssim_is_the_reference)
{
    const int pairs[4][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 2}};
    for (int r = 0; r < 2; r++)
        for (int d = 0; d < 2; d++) {
            redux_tensor images, want;
            slices_of(&images, runs[r], dtypes[d]);
            read_golden(&want, runs[r], dtypes[d], "ms");
            for (int p = 0; p < 4; p++) {
                const double *row = (const double *)want.data + p * (int64_t)6;
                redux_tensor a[3], b[3];
                a[0] = slice_of(&images, pairs[p][0]);
                b[0] = slice_of(&images, pairs[p][1]);
                a[1] = turned_of(&images, pairs[p][0], 0, 0, 2);
                b[1] = turned_of(&images, pairs[p][1], 0, 0, 2);
                a[2] = crop_of(&images, pairs[p][0]);
                b[2] = crop_of(&images, pairs[p][1]);
                for (int k = 0; k < 3; k++) {
                    const double value = ms_ssim(&a[k], &b[k], 0);
                    ck_assert_double_le(fabs(value - row[k]), 5e-6); /* seen: 2e-6 */
                    if (p == 0)
                        ck_assert_double_eq(value, 1);
                }
                for (int32_t scales = 1; scales < 4; scales++)
                    ck_assert_double_le(fabs(ms_ssim(&a[0], &b[0], scales) - row[2 + scales]),
                                        5e-6);
                for (int k = 0; k < 3; k++) {
                    redux_tensor_release(&a[k]);
                    redux_tensor_release(&b[k]);
                }
            }
            redux_tensor_release(&want);
            redux_tensor_release(&images);
        }
}
END_TEST

/* How many scales an image holds; one scale is SSIM itself. */
START_TEST(ms_ssim_of_small_images)
{
    const struct {
        int64_t height, width;
        int32_t scales;
    } sizes[] = {{1, 1, 1},    {11, 20, 1}, {20, 300, 1},  {21, 21, 2},   {41, 41, 3},
                 {80, 500, 3}, {81, 81, 4}, {160, 161, 4}, {161, 161, 5}, {400, 161, 5}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        redux_ms_ssim_options options = REDUX_MS_SSIM_OPTIONS_INIT;
        redux_tensor a, b;
        const int64_t shape[] = {sizes[s].height, sizes[s].width};
        double value, exact, one, ssim;
        ck_assert_redux_ok(redux_tensor_new(&a, NULL, REDUX_UINT8, 2, shape));
        ck_assert_redux_ok(redux_tensor_new(&b, NULL, REDUX_UINT8, 2, shape));
        for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
            ((uint8_t *)a.data)[i] = (uint8_t)(i % shape[1] * 3 % 256);
            ((uint8_t *)b.data)[i] = (uint8_t)((i % shape[1] * 3 + i % 29) % 256);
        }
        ck_assert_redux_ok(redux_ms_ssim(&value, NULL, &a, &b, &options));
        options.scales = sizes[s].scales;
        ck_assert_redux_ok(redux_ms_ssim(&exact, NULL, &a, &b, &options));
        ck_assert_double_eq(value, exact);
        options.scales = sizes[s].scales + 1;
        ck_assert_redux(REDUX_E_INVALID, redux_ms_ssim(&exact, NULL, &a, &b, &options));
        options.scales = 1;
        ck_assert_redux_ok(redux_ms_ssim(&one, NULL, &a, &b, &options));
        ck_assert_redux_ok(redux_ssim(&ssim, NULL, &a, &b, NULL));
        ck_assert_double_eq(one, ssim < 0 ? 0 : ssim);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

START_TEST(ms_ssim_refuses)
{
    redux_ms_ssim_options options = REDUX_MS_SSIM_OPTIONS_INIT;
    redux_tensor images;
    double value;
    slices_of(&images, "STS_019", "f32");
    redux_tensor a = slice_of(&images, 0), crop = crop_of(&images, 0);
    ck_assert_redux(REDUX_E_INVALID, redux_ms_ssim(&value, NULL, &a, &crop, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_ms_ssim(NULL, NULL, &a, &a, NULL));
    const int32_t scales[] = {-1, 6};
    for (int i = 0; i < 2; i++) {
        options.scales = scales[i];
        ck_assert_redux(REDUX_E_INVALID, redux_ms_ssim(&value, NULL, &a, &a, &options));
    }
    options.scales = 0;
    const double ranges[] = {-1, NAN, 1e9, 1e-9};
    for (int i = 0; i < 4; i++) {
        options.data_range = ranges[i];
        ck_assert_redux(REDUX_E_INVALID, redux_ms_ssim(&value, NULL, &a, &a, &options));
    }
    ((float *)images.data)[300] = NAN;
    ck_assert_redux_ok(redux_ms_ssim(&value, NULL, &a, &a, NULL));
    ck_assert(isnan(value));
    redux_tensor_release(&crop);
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST

/* ---- phase correlation ---- */

#if defined(REDUX_FFTW)
static redux_shift shift_of(const redux_tensor *a, const redux_tensor *b, int32_t window,
                            int32_t upsample)
{
    redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
    redux_shift shift = {NAN, NAN, NAN};
    options.window = window;
    options.upsample = upsample;
    ck_assert_redux_ok(redux_phase_correlation(&shift, NULL, a, b, &options));
    return shift;
}

/* Equal but for whole turns. */
static void check_places(double got, double want, int64_t side, double tolerance)
{
    ck_assert_double_le(fabs(remainder(got - want, (double)side)), tolerance);
}

/* One pair against scikit-image's shifts (`rolled`, when not NULL) and NumPy's height, as a
 * function both ways round and as a metric. */
static void check_pair(const redux_tensor *a, const redux_tensor *b, int window,
                       const double *rolled, double height)
{
    redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
    redux_metric *metric;
    double score;
    const int32_t golden_window = window == 0 ? REDUX_PHASE_PLAIN : REDUX_PHASE_HANN;
    const redux_shift shift = shift_of(a, b, golden_window, 0);
    const redux_shift back = shift_of(b, a, golden_window, 1);
    const redux_shift fine = shift_of(a, b, golden_window, 10);
    ck_assert_double_le(fabs(shift.height - height), 1e-4); /* seen: 1.1e-5 */
    ck_assert_double_eq(back.height, shift.height);
    ck_assert_double_eq(fine.height, shift.height);
    check_places(back.dy, -shift.dy, a->shape[0], 0);
    check_places(back.dx, -shift.dx, a->shape[1], 0);
    if (rolled != NULL && height > 0.12) { /* below it chance peaks are as high as the true one */
        check_places(shift.dy, rolled[0], a->shape[0], 0);
        check_places(shift.dx, rolled[1], a->shape[1], 0);
        /* a step at most: of a low peak the places nearby are about equal */
        check_places(fine.dy, rolled[2], a->shape[0], 0.1 + 1e-9);
        check_places(fine.dx, rolled[3], a->shape[1], 0.1 + 1e-9);
    }
    options.window = golden_window;
    ck_assert_redux_ok(redux_metric_new_phase_correlation(&metric, NULL, &options));
    ck_assert_int_eq(redux_metric_is_distance(metric), 0);
    ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, a, b));
    ck_assert_double_eq(score, shift.height);
    ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, b, a));
    ck_assert_double_eq(score, shift.height);
    redux_metric_free(metric);
}

START_TEST(phase_correlation_is_the_references)
{
    for (int r = 0; r < 2; r++)
        for (int d = 0; d < 2; d++) {
            redux_tensor images, shifts, rolled, height;
            slices_of(&images, runs[r], dtypes[d]);
            read_golden(&shifts, runs[r], dtypes[d], "shift");
            read_golden(&rolled, runs[r], dtypes[d], "rolled");
            read_golden(&height, runs[r], dtypes[d], "height");
            redux_tensor a = slice_of(&images, 0);
            for (int64_t s = 0; s < 6; s++) {
                const int64_t *by = (const int64_t *)shifts.data + 2 * s;
                redux_tensor same = turned_of(&images, 0, by[0], by[1], 1);
                redux_tensor other = turned_of(&images, 1, by[0], by[1], 1);
                for (int64_t window = 0; window < 2; window++) {
                    const double *heights = (const double *)height.data + (window * 6 + s) * 2;
                    check_pair(&a, &same, (int)window, NULL, heights[0]);
                    check_pair(&a, &other, (int)window,
                               (const double *)rolled.data + (window * 6 + s) * 4, heights[1]);
                }
                const redux_shift plain = shift_of(&a, &same, REDUX_PHASE_PLAIN, 0);
                ck_assert_double_ge(plain.height, 0.9999);
                ck_assert_double_le(plain.height, 1);
                check_places(plain.dy, (double)by[0], a.shape[0], 0);
                check_places(plain.dx, (double)by[1], a.shape[1], 0);
                redux_tensor_release(&other);
                redux_tensor_release(&same);
            }
            redux_tensor_release(&a);
            redux_tensor_release(&height);
            redux_tensor_release(&rolled);
            redux_tensor_release(&shifts);
            redux_tensor_release(&images);
        }
}
END_TEST

/* Two views into one slice: nothing is turned round. */
START_TEST(phase_correlation_of_a_moved_window)
{
    redux_tensor images;
    slices_of(&images, "STS_019", "u8");
    redux_tensor slice = slice_of(&images, 0), rows, a, b;
    ck_assert_redux_ok(redux_tensor_slice(&rows, &slice, 0, 20, 90, 1));
    ck_assert_redux_ok(redux_tensor_slice(&a, &rows, 1, 20, 90, 1));
    redux_tensor_release(&rows);
    ck_assert_redux_ok(redux_tensor_slice(&rows, &slice, 0, 15, 90, 1));
    ck_assert_redux_ok(redux_tensor_slice(&b, &rows, 1, 28, 90, 1));
    redux_tensor_release(&rows);
    const redux_shift shift = shift_of(&a, &b, REDUX_PHASE_HANN, 0);
    ck_assert_double_eq(shift.dy, 5);
    ck_assert_double_eq(shift.dx, -8);
    ck_assert_double_gt(shift.height, 0.8);
    redux_tensor_release(&b);
    redux_tensor_release(&a);
    redux_tensor_release(&slice);
    redux_tensor_release(&images);
}
END_TEST

/* A smooth image moved by a fraction of a pixel, which is known. */
START_TEST(phase_correlation_of_parts_of_a_pixel)
{
    enum { SIDE = 64 };
    const int64_t shape[] = {SIDE, SIDE};
    const double by[2] = {3.3, -1.25};
    redux_tensor a, b;
    ck_assert_redux_ok(redux_tensor_new(&a, NULL, REDUX_FLOAT32, 2, shape));
    ck_assert_redux_ok(redux_tensor_new(&b, NULL, REDUX_FLOAT32, 2, shape));
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < SIDE; x++) {
            double sum[2] = {0};
            for (int k = 1; k < 25; k++) /* periodic, random phases */
                for (int i = 0; i < 2; i++) {
                    const double u = (double)y - (i == 0 ? 0 : by[0]);
                    const double v = (double)x - (i == 0 ? 0 : by[1]);
                    sum[i] += cos(2 * M_PI * (k * u + k * k % 23 * v) / SIDE + k * k * 0.37) +
                              cos(2 * M_PI * (k * 5 % 21 * u - k * v) / SIDE + k * k * 1.19);
                }
            ((float *)a.data)[y * SIDE + x] = (float)sum[0];
            ((float *)b.data)[y * SIDE + x] = (float)sum[1];
        }
    const redux_shift whole = shift_of(&a, &b, REDUX_PHASE_PLAIN, 0);
    const redux_shift fine = shift_of(&a, &b, REDUX_PHASE_PLAIN, 20);
    const redux_shift back = shift_of(&b, &a, REDUX_PHASE_PLAIN, 100);
    ck_assert_double_eq(whole.dy, 3);
    ck_assert_double_eq(whole.dx, -1);
    ck_assert_double_eq(fine.dy, 3.3);
    ck_assert_double_eq(fine.dx, -1.25);
    ck_assert_double_eq(back.dy, -3.3);
    ck_assert_double_eq(back.dx, 1.25);
    redux_tensor_release(&a);
    redux_tensor_release(&b);
}
END_TEST

START_TEST(phase_correlation_without_phases)
{
    uint8_t flat[20], other[20], ramp[20];
    float odd[20] = {0, 1, INFINITY};
    memset(flat, 3, sizeof flat);
    memset(other, 200, sizeof other);
    for (int i = 0; i < 20; i++)
        ramp[i] = (uint8_t)(i * i % 97);
    const int64_t shape[] = {4, 5}, one[] = {1, 1};
    redux_tensor a, b, c, d, e;
    ck_assert_redux_ok(redux_tensor_borrow(&a, flat, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&b, other, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&c, ramp, REDUX_UINT8, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&d, odd, REDUX_FLOAT32, 2, shape, NULL));
    ck_assert_redux_ok(redux_tensor_borrow(&e, ramp, REDUX_UINT8, 2, one, NULL));
    for (int32_t upsample = 0; upsample < 5; upsample += 4) {
        const redux_shift both = shift_of(&a, &b, REDUX_PHASE_HANN, upsample);
        const redux_shift half = shift_of(&a, &c, REDUX_PHASE_HANN, upsample);
        const redux_shift none = shift_of(&d, &d, REDUX_PHASE_HANN, upsample);
        const redux_shift pixel = shift_of(&e, &e, REDUX_PHASE_HANN, upsample);
        ck_assert(both.dy == 0 && both.dx == 0 && both.height == 1);
        ck_assert(half.dy == 0 && half.dx == 0 && half.height == 0);
        ck_assert(isnan(none.dy) && isnan(none.dx) && isnan(none.height));
        ck_assert(pixel.dy == 0 && pixel.dx == 0 && pixel.height == 1);
    }
}
END_TEST

/* The metric's plans are made while other threads use it. */
START_TEST(phase_correlation_on_many_threads)
{
    enum { COUNT = 40, SIDE = 30 };
    const int64_t shape[] = {COUNT, SIDE, SIDE + 1};
    redux_tensor images;
    redux_metric *metric;
    double first[COUNT], again[COUNT];
    ck_assert_redux_ok(redux_tensor_new(&images, NULL, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < redux_tensor_elements(&images); i++)
        ((uint8_t *)images.data)[i] = (uint8_t)(i * i % 253);
    redux_tensor one = slice_of(&images, 7);
    ck_assert_redux_ok(redux_metric_new_phase_correlation(&metric, NULL, NULL));
    ck_assert_redux_ok(redux_metric_one_to_many(first, NULL, metric, &one, &images));
    redux_metric_free(metric);
    ck_assert_double_ge(first[7], 0.9999);
    for (int threads = 2; threads < 5; threads++) {
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_context *context;
        options.threads = threads;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        ck_assert_redux_ok(redux_metric_new_phase_correlation(&metric, context, NULL));
        ck_assert_redux_ok(redux_metric_one_to_many(again, context, metric, &one, &images));
        ck_assert_mem_eq(first, again, sizeof first);
        redux_metric_free(metric);
        redux_context_free(context);
    }
    redux_tensor_release(&one);
    redux_tensor_release(&images);
}
END_TEST

START_TEST(phase_correlation_refuses)
{
    redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
    redux_shift shift;
    redux_tensor images, wrong;
    redux_metric *metric;
    slices_of(&images, "STS_019", "u8");
    redux_tensor a = slice_of(&images, 0), crop = crop_of(&images, 0);
    ck_assert_redux(REDUX_E_INVALID, redux_phase_correlation(&shift, NULL, &a, &crop, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_phase_correlation(NULL, NULL, &a, &a, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_phase_correlation(&shift, NULL, NULL, &a, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_phase_correlation(NULL, NULL, NULL));
    ck_assert_redux_ok(redux_tensor_new(&wrong, NULL, REDUX_INT16, 2, a.shape));
    ck_assert_redux(REDUX_E_INVALID, redux_phase_correlation(&shift, NULL, &wrong, &wrong, NULL));
    redux_tensor_release(&wrong);
    options.window = 2;
    ck_assert_redux(REDUX_E_INVALID, redux_metric_new_phase_correlation(&metric, NULL, &options));
    options.window = 0;
    options.upsample = 101;
    ck_assert_redux(REDUX_E_INVALID, redux_phase_correlation(&shift, NULL, &a, &a, &options));
    options.upsample = -1;
    ck_assert_redux(REDUX_E_INVALID, redux_phase_correlation(&shift, NULL, &a, &a, &options));
    redux_tensor_release(&crop);
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST

START_TEST(phase_correlation_by_name)
{
    redux_tensor images;
    redux_metric *metric;
    double score;
    slices_of(&images, "STS_002", "u8");
    redux_tensor a = slice_of(&images, 0), b = slice_of(&images, 1);
    ck_assert_redux_ok(redux_metric_new_named(&metric, NULL, "phase-correlation"));
    ck_assert_redux_ok(redux_metric_pair(&score, NULL, metric, &a, &b));
    ck_assert_double_eq(score, shift_of(&a, &b, REDUX_PHASE_HANN, 0).height);
    redux_metric_free(metric);
    redux_tensor_release(&b);
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST
#else
START_TEST(phase_correlation_is_unsupported)
{
    redux_metric *metric;
    redux_shift shift;
    redux_tensor images;
    slices_of(&images, "STS_002", "u8");
    redux_tensor a = slice_of(&images, 0);
    ck_assert_redux(REDUX_E_UNSUPPORTED, redux_phase_correlation(&shift, NULL, &a, &a, NULL));
    ck_assert_redux(REDUX_E_UNSUPPORTED,
                    redux_metric_new_named(&metric, NULL, "phase-correlation"));
    redux_tensor_release(&a);
    redux_tensor_release(&images);
}
END_TEST
#endif

/* ---- when memory ends ---- */

/* Every function of this suite and of test_information, on two slices. */
static redux_status measure(int which, redux_context *context, const redux_tensor *images,
                            redux_tensor *map)
{
    redux_phase_options fine = REDUX_PHASE_OPTIONS_INIT;
    redux_tensor a = slice_of(images, 0), b = slice_of(images, 1);
    double values[3];
    redux_shift shift;
    redux_status status;
    fine.upsample = 3;
    switch (which) {
    case 0:
        status = redux_ssim_map(map, context, &a, &b, NULL);
        break;
    case 1:
        status = redux_ms_ssim(values, context, &a, &b, NULL);
        break;
    case 2:
        status = redux_mattes(values, context, &a, &b, NULL);
        break;
    case 3:
        status = redux_conditional_entropy_sequence(values, context, images, NULL);
        break;
    default:
        status = redux_phase_correlation(&shift, context, &a, &b, &fine);
        break;
    }
    redux_tensor_release(&a);
    redux_tensor_release(&b);
    return status;
}

START_TEST(memory_ends)
{
    redux_tensor images;
    slices_of(&images, "STS_019", "f32");
    redux_tensor one = slice_of(&images, 0), map = map_for(&one);
#if defined(REDUX_FFTW)
    const int functions = 5;
#else
    const int functions = 4;
#endif
    for (int which = 0; which < functions; which++) {
        redux_status status = REDUX_E_NO_MEMORY;
        int failures = 0;
        for (; status == REDUX_E_NO_MEMORY && failures < 100; failures++) {
            counter c;
            redux_context *context = counted_context(&c, 0);
            counted_fail_from(&c, failures);
            status = measure(which, context, &images, &map);
            redux_context_free(context);
            ck_assert(status == REDUX_OK || c.live == 0);
        }
        ck_assert_redux_ok(status);
        ck_assert_int_gt(failures, 2);
    }
    redux_tensor_release(&map);
    redux_tensor_release(&one);
    redux_tensor_release(&images);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("structure");
    TCase *transforms = tcase_create("transforms");
    tcase_add_test(transforms, dct_is_the_definition);
    tcase_add_test(transforms, dct_bits_do_not_depend_on_alignment);
    tcase_add_test(transforms, transforms_refuse_sizes);
#if defined(REDUX_FFTW)
    tcase_add_test(transforms, fourier_and_back);
    tcase_add_test(transforms, fourier_on_many_threads);
#else
    tcase_add_test(transforms, fourier_is_unsupported);
#endif
    suite_add_tcase(suite, transforms);
    TCase *similarity = tcase_create("similarity");
    tcase_set_timeout(similarity, 60);
    tcase_add_test(similarity, map_is_scikit_images);
    tcase_add_test(similarity, map_and_mean);
    tcase_add_test(similarity, map_of_any_size);
    tcase_add_test(similarity, map_refuses);
    tcase_add_test(similarity, ms_ssim_is_the_reference);
    tcase_add_test(similarity, ms_ssim_of_small_images);
    tcase_add_test(similarity, ms_ssim_refuses);
    suite_add_tcase(suite, similarity);
    TCase *phase = tcase_create("phase correlation");
    tcase_set_timeout(phase, 60);
#if defined(REDUX_FFTW)
    tcase_add_test(phase, phase_correlation_is_the_references);
    tcase_add_test(phase, phase_correlation_of_a_moved_window);
    tcase_add_test(phase, phase_correlation_of_parts_of_a_pixel);
    tcase_add_test(phase, phase_correlation_without_phases);
    tcase_add_test(phase, phase_correlation_on_many_threads);
    tcase_add_test(phase, phase_correlation_refuses);
    tcase_add_test(phase, phase_correlation_by_name);
#else
    tcase_add_test(phase, phase_correlation_is_unsupported);
#endif
    suite_add_tcase(suite, phase);
    TCase *memory = tcase_create("memory");
    tcase_set_timeout(memory, 60);
    tcase_add_test(memory, memory_ends);
    suite_add_tcase(suite, memory);
    return run_suite(suite);
}
