/* SPDX-License-Identifier: MIT
 * Transforms, phase correlation, multi-scale SSIM and the SSIM map. */
#include <math.h>
#include <string.h>
#include "base/base.h"
#include "base/fftw.h"
#include "test.h"

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
    return run_suite(suite);
}
