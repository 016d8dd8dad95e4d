/* SPDX-License-Identifier: MIT
 * Metrics against plain loops of their definitions, in double: images of odd sizes, of one pixel,
 * with gaps in memory. SSIM and entropies are held against theirs in test_ssim.c, test_entropy.c.
 */
#include <complex.h>
#include <float.h>
#include "properties.h"

/* The values of [H, W], in double, row by row; uint8 as they are. */
static double *values_of(const redux_tensor *image)
{
    const int64_t n = redux_tensor_elements(image);
    double *values = malloc((size_t)n * sizeof *values);
    redux_tensor out;
    ck_assert_ptr_nonnull(values);
    ck_assert_redux_ok(redux_tensor_borrow(&out, values, REDUX_FLOAT64, 2, image->shape, NULL));
    ck_assert_redux_ok(redux_tensor_copy(&out, image));
    return values;
}

/* ---- multi-scale SSIM ---- */

static int64_t largest_window(int64_t side)
{
    return side >= 11 ? 11 : side - 1 + side % 2;
}

/* Means over the places whose window lies inside of contrast-structure and of the whole index. */
static void plain_means(double *contrast, double *whole, const double *a, const double *b,
                        int64_t h, int64_t w, double range)
{
    const int64_t rows = largest_window(h), columns = largest_window(w);
    const double c1 = 1e-4 * range * range, c2 = 9e-4 * range * range;
    double down[11] = {0}, across[11] = {0}, sum_down = 0, sum_across = 0;
    for (int64_t k = 0; k < rows; k++) {
        const int64_t d = k - rows / 2;
        sum_down += down[k] = exp((double)(-d * d) / 4.5);
    }
    for (int64_t k = 0; k < columns; k++) {
        const int64_t d = k - columns / 2;
        sum_across += across[k] = exp((double)(-d * d) / 4.5);
    }
    *contrast = *whole = 0;
    for (int64_t y = 0; y + rows <= h; y++)
        for (int64_t x = 0; x + columns <= w; x++) {
            double s[5] = {0};
            for (int64_t i = 0; i < rows * columns; i++) {
                const int64_t at = (y + i / columns) * w + x + i % columns;
                const double weight =
                    down[i / columns] * across[i % columns] / sum_down / sum_across;
                const double terms[] = {a[at], b[at], a[at] * a[at], b[at] * b[at], a[at] * b[at]};
                for (int k = 0; k < 5; k++)
                    s[k] += weight * terms[k];
            }
            const double cs =
                (2 * (s[4] - s[0] * s[1]) + c2) / (s[2] - s[0] * s[0] + s[3] - s[1] * s[1] + c2);
            *contrast += cs;
            *whole += cs * (2 * s[0] * s[1] + c1) / (s[0] * s[0] + s[1] * s[1] + c1);
        }
    *contrast /= (double)((h - rows + 1) * (w - columns + 1));
    *whole /= (double)((h - rows + 1) * (w - columns + 1));
}

static void plain_halve(double *values, int64_t h, int64_t w)
{
    for (int64_t y = 0; y < h; y += 2)
        for (int64_t x = 0; x < w; x += 2) {
            const int64_t below = y + 1 < h ? y + 1 : y, right = x + 1 < w ? x + 1 : x;
            values[y / 2 * ((w + 1) / 2) + x / 2] =
                (values[y * w + x] + values[y * w + right] + values[below * w + x] +
                 values[below * w + right]) /
                4; /* never ahead of what is read */
        }
}

static double plain_ms_ssim(const redux_tensor *one, const redux_tensor *other)
{
    const double powers[] = {.0448, .2856, .3001, .2363, .1333};
    double *a = values_of(one), *b = values_of(other), product = 1, sum = 0;
    int64_t h = one->shape[0], w = one->shape[1];
    int scales = 1;
    while (scales < 5 && (h - 1) >> scales >= 10 && (w - 1) >> scales >= 10)
        scales++;
    for (int s = 0; s < scales; s++)
        sum += powers[s];
    for (int s = 0; s < scales; s++) {
        double contrast, whole;
        plain_means(&contrast, &whole, a, b, h, w, one->dtype == REDUX_UINT8 ? 255 : 1);
        product *= pow(fmax(s + 1 < scales ? contrast : whole, 0), powers[s] / sum);
        plain_halve(a, h, w);
        plain_halve(b, h, w);
        h = (h + 1) / 2;
        w = (w + 1) / 2;
    }
    free(a);
    free(b);
    return product;
}

/* ---- Mattes ---- */

static double plain_spline(double x)
{
    const double d = fabs(x);
    return d >= 2 ? 0 : d >= 1 ? pow(2 - d, 3) / 6 : (4 - 6 * d * d + 3 * d * d * d) / 6;
}

/* Bins from 2 to bins - 3 over the image's own range; 0: it is constant. */
static double plain_places(double *values, int64_t n, int32_t bins)
{
    double low = DBL_MAX, high = -DBL_MAX;
    for (int64_t i = 0; i < n; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    for (int64_t i = 0; i < n; i++)
        values[i] = (values[i] - low) / (high - low) * (bins - 4) + 2;
    return high - low;
}

static double plain_mattes(const redux_tensor *fixed, const redux_tensor *moving, int32_t bins)
{
    const int64_t n = redux_tensor_elements(fixed);
    double *a = values_of(fixed), *b = values_of(moving), sum = 0, total = 0;
    double *joint = calloc((size_t)bins * (size_t)bins, sizeof *joint);
    ck_assert_ptr_nonnull(joint);
    const double span_a = plain_places(a, n, bins), span_b = plain_places(b, n, bins);
    for (int64_t i = 0; i < n && span_a > 0 && span_b > 0; i++) {
        const int32_t row = (int32_t)fmin(fmax(floor(a[i]), 2), bins - 3);
        for (int32_t c = 0; c < bins; c++)
            joint[row * bins + c] += plain_spline(b[i] - c);
    }
    for (int32_t i = 0; i < bins * bins; i++)
        total += joint[i];
    for (int32_t i = 0; i < bins * bins && total > 0; i++) {
        double row = 0, column = 0;
        for (int32_t k = 0; k < bins; k++) {
            row += joint[i / bins * bins + k];
            column += joint[k * bins + i % bins];
        }
        if (joint[i] > 0)
            sum += joint[i] / total * log(joint[i] * total / (row * column));
    }
    free(joint);
    free(a);
    free(b);
    return sum;
}

/* ---- phase correlation ---- */

/* The discrete Fourier transform of the image without its mean, by its sum. */
static double complex *plain_spectrum(const redux_tensor *image, int window)
{
    const int64_t h = image->shape[0], w = image->shape[1];
    double *v = values_of(image), mean = 0;
    double complex *out = calloc((size_t)(h * w), sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (int64_t i = 0; i < h * w; i++)
        mean += v[i] / (double)(h * w);
    for (int64_t i = 0; i < h * w; i++) {
        const int64_t row = i / w, column = i % w;
        const double y = sin(M_PI * ((double)row + 0.5) / (double)h);
        const double x = sin(M_PI * ((double)column + 0.5) / (double)w);
        v[i] = fabs(v[i] - mean) < 1e-9 ? 0 : v[i] - mean; /* constant is constant */
        v[i] = v[i] * (window == REDUX_PHASE_PLAIN ? 1 : y * y * x * x);
    }
    for (int64_t k = 0; k < h * w; k++)
        for (int64_t i = 0; i < h * w; i++) {
            const double turns = (double)(k / w * (i / w) % h) / (double)h +
                                 (double)(k % w * (i % w) % w) / (double)w;
            out[k] += v[i] * cexp(-2 * M_PI * I * turns);
        }
    free(v);
    return out;
}

/* Phases alone; what round-off could have made is 0. Returns how many are left. */
static int64_t plain_phases(double complex *spectrum, int64_t n)
{
    double energy = 0;
    int64_t used = 0;
    for (int64_t i = 0; i < n; i++)
        energy += creal(spectrum[i]) * creal(spectrum[i]) + cimag(spectrum[i]) * cimag(spectrum[i]);
    const double norm = sqrt(energy / (double)n); /* of the image */
    for (int64_t i = 0; i < n; i++) {
        const double modulus = cabs(spectrum[i]);
        spectrum[i] = modulus > norm * 0x1p-20 ? spectrum[i] / modulus : 0;
        used += modulus > norm * 0x1p-20;
    }
    return used;
}

static double plain_height(const redux_tensor *a, const redux_tensor *b, int window)
{
    const int64_t h = a->shape[0], w = a->shape[1], n = h * w;
    double complex *one = plain_spectrum(a, window), *other = plain_spectrum(b, window);
    const int64_t used_a = plain_phases(one, n), used_b = plain_phases(other, n);
    double best = used_a == used_b ? 1 : 0;
    for (int64_t i = 0; i < n && used_a > 0 && used_b > 0; i++) {
        double complex sum = 0;
        for (int64_t k = 0; k < n; k++) {
            const double turns = (double)(k / w * (i / w) % h) / (double)h +
                                 (double)(k % w * (i % w) % w) / (double)w;
            sum += other[k] * conj(one[k]) * cexp(2 * M_PI * I * turns);
        }
        best = i == 0 ? creal(sum) : fmax(best, creal(sum));
    }
    free(one);
    free(other);
    return used_a == 0 || used_b == 0 ? best : best / (double)(used_a > used_b ? used_a : used_b);
}

/* ---- all of them ---- */

/* Greys over a span that shares no factor with any number of bins: none lies on the edge of a bin,
 * where rounding decides. */
static void spread(redux_tensor *image)
{
    const int64_t n = redux_tensor_elements(image);
    for (int64_t i = 0; i < n; i++) {
        double grey = image->dtype == REDUX_UINT8 ? ((uint8_t *)image->data)[i]
                                                  : (double)((float *)image->data)[i] * 255;
        grey = i == 0 ? 0 : i == n - 1 ? 251 : floor(grey * 251 / 256);
        if (image->dtype == REDUX_UINT8)
            ((uint8_t *)image->data)[i] = (uint8_t)grey;
        else
            ((float *)image->data)[i] = (float)grey / 256;
    }
}

/* Two images of different kinds, with gaps in memory. */
static void random_pair(redux_tensor *a, redux_tensor *b, int64_t h, int64_t w, uint64_t round,
                        int is_spread)
{
    const redux_dtype dtype = round % 2 == 0 ? REDUX_UINT8 : REDUX_FLOAT32;
    const int64_t kinds[] = {(int64_t)round / 2 % KINDS, (int64_t)round / 2 / KINDS % KINDS};
    redux_tensor *const out[] = {a, b}, slices, one;
    random_slices(&slices, dtype, KINDS, h, w, round);
    for (int i = 0; i < 2; i++) {
        one = row_of(&slices, kinds[i]);
        if (is_spread)
            spread(&one);
        scattered(out[i], &one);
        redux_tensor_release(&one);
    }
    redux_tensor_release(&slices);
}

START_TEST(ms_ssim_by_definition)
{
    for (uint64_t round = 0; round < 72; round++) {
        const redux_random_key key = key_of(round);
        const int64_t h = random_side(&key, 0, 90), w = random_side(&key, 1, 90);
        redux_tensor a, b;
        double score;
        random_pair(&a, &b, h, w, round, 0);
        ck_assert_redux_ok(redux_ms_ssim(&score, NULL, &a, &b, NULL));
        ck_assert_double_eq_tol(score, plain_ms_ssim(&a, &b), 1e-4);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

START_TEST(mattes_by_definition)
{
    for (uint64_t round = 0; round < 72; round++) {
        const redux_random_key key = key_of(round);
        const int64_t h = random_side(&key, 0, 40), w = random_side(&key, 1, 40);
        redux_mattes_options options = REDUX_MATTES_OPTIONS_INIT;
        redux_tensor a, b;
        double score;
        options.bins = 5 + (int32_t)redux_random_below(&key, 2, 252);
        random_pair(&a, &b, h, w, round, 1);
        ck_assert_redux_ok(redux_mattes(&score, NULL, &a, &b, &options));
        ck_assert_double_eq_tol(score, plain_mattes(&a, &b, options.bins), 1e-9);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

START_TEST(phase_correlation_by_definition)
{
    for (uint64_t round = 0; round < 72; round++) {
        const redux_random_key key = key_of(round);
        const int64_t h = random_side(&key, 0, 15), w = random_side(&key, 1, 15);
        redux_phase_options options = REDUX_PHASE_OPTIONS_INIT;
        redux_tensor a, b;
        redux_shift shift;
        options.window = (int32_t)(round / 2 % 2);
        random_pair(&a, &b, h, w, round, 0);
        const redux_status status = redux_phase_correlation(&shift, NULL, &a, &b, &options);
        if (status != REDUX_E_UNSUPPORTED)
            ck_assert_double_eq_tol(shift.height, plain_height(&a, &b, options.window), 1e-4);
        redux_tensor_release(&a);
        redux_tensor_release(&b);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("definitions");
    TCase *tests = tcase_create("definitions");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ms_ssim_by_definition);
    tcase_add_test(tests, mattes_by_definition);
    tcase_add_test(tests, phase_correlation_by_definition);
    suite_add_tcase(suite, tests);
    return run_seeded_suite(suite);
}
