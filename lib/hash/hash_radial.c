/* SPDX-License-Identifier: MIT
 * OpenCV's radial variance hash, after Standaert, Lefebvre et al. and Zauner's pHash: the variances
 * of pixels along 180 lines through the centre, their 40 first DCT coefficients stretched over
 * 0 ... 255. Codes are compared by the peak of their circular cross-correlation. */
#include <math.h>
#include <string.h>
#include "hash.h"

#define LINES 180
#define KEPT REDUX_RADIAL_BYTES

static const int16_t blur[RDX_BLUR_TAPS] = {1, 14, 62, 102, 62, 14, 1}; /* sigma 1 */

/* Sums over the pixels along a line. */
typedef struct line {
    int64_t sum, squares, count;
} line;

/* The line through a picture: x, y is pixel first + x * step_x + y * step_y, if x is in [from, to)
 * and y in [low, high). */
typedef struct course {
    int64_t first, step_x, step_y, from, to, low, high;
} course;

/* Heights of a line of slope tan(theta) through the centre, rounded away from 0 in float32. */
static void follow(int32_t *height, float slope, int64_t centre, int64_t count)
{
    for (int64_t x = 0; x < count; x++) {
        const float y = slope * (float)(int32_t)(x - centre), moved = y + (y >= 0 ? 0.5F : -0.5F);
        const int32_t whole = (int32_t)moved;
        height[x] = whole - ((float)whole > moved);
    }
}

/* A value and its square in one number, and how many of them can be added without overflow. */
#define SUM_SHIFT 40
#define MOST_ADDED (1 << 16)

static void fill_squares(uint64_t *squares)
{
    for (uint64_t v = 0; v < 256; v++)
        squares[v] = v << SUM_SHIFT | v * v;
}

/* Heights rise or fall monotonically, so those within the picture are consecutive. Inlined, so that
 * the steps are constants. */
static inline __attribute__((always_inline)) line
add_up(const uint8_t *pixels, const int32_t *height, const course *c, const uint64_t *squares)
{
    line l = {0};
    int64_t from = c->from, to = c->to;
    while (from < to && (height[from] < c->low || height[from] >= c->high))
        from++;
    while (from < to && (height[to - 1] < c->low || height[to - 1] >= c->high))
        to--;
    l.count = RDX_MAX(to - from, 0);
    while (from < to) {
        const int64_t end = RDX_MIN(to, from + MOST_ADDED);
        int64_t at = c->first + from * c->step_x;
        uint64_t both = 0;
#pragma GCC unroll 4
        for (; from < end; from++, at += c->step_x)
            both += squares[pixels[at + height[from] * c->step_y]];
        l.sum += (int64_t)(both >> SUM_SHIFT);
        l.squares += (int64_t)(both & (((uint64_t)1 << SUM_SHIFT) - 1));
    }
    return l;
}

/* Lines 0 ... 45 are followed along x; with x and y exchanged they are 90 ... 45; likewise 135 ...
 * 179 and 134 ... 91. The peer's bounds are kept even where they mix up the two sides. heights: the
 * longer side. */
static void project(line *lines, const uint8_t *pixels, int64_t height, int64_t width,
                    int32_t *heights)
{
    const int64_t x = width / 2, y = height / 2, most = RDX_MAX(width, height);
    const course along = {y * width, 1, width, 0, width, -y, height - y};
    const course down = {x, width, 1, 0, height, -x, width - x};
    const course up = {2 * y * width + y,        -width,        -1,   1 - height % 2,
                       RDX_MIN(2 * y + 1, most), y - width + 1, y + 1};
    uint64_t squares[256];
    fill_squares(squares);
    for (int k = 0; k < LINES; k++) {
        if (k > LINES / 4 && k < 3 * LINES / 4)
            continue;
        const float theta = (float)k * 3.14159F / LINES, slope = (float)tan((double)theta);
        follow(heights, slope, x, most);
        lines[k] = add_up(pixels, heights, &along, squares);
        if (k < LINES / 4)
            lines[LINES / 2 - k] = add_up(pixels, heights, &down, squares);
        else if (k > 3 * LINES / 4)
            lines[3 * LINES / 2 - k] = add_up(pixels, heights, &up, squares);
    }
}

/* Variances, to mean 0 and variance 1. */
static void features_of(double *feature, const line *lines)
{
    double sum = 0, squares = 0;
    for (int k = 0; k < LINES; k++) {
        const double count = (double)lines[k].count + 0.00001;
        const double total = (double)lines[k].sum;
        feature[k] = (double)lines[k].squares / count - total * total / (count * count);
        sum += feature[k];
        squares += feature[k] * feature[k];
    }
    const double mean = sum / LINES;
    const double deviation = sqrt(squares / LINES - sum * sum / ((double)LINES * LINES));
    for (int k = 0; k < LINES; k++)
        feature[k] = (feature[k] - mean) / deviation;
}

static redux_status make_cosines(double **out, redux_context *context)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)KEPT * LINES, sizeof(double)));
    *out = block;
    for (int k = 0; k < KEPT; k++)
        for (int n = 0; n < LINES; n++)
            (*out)[k * LINES + n] = cos(3.14159 * (2 * n + 1) * k / (2 * LINES));
    return REDUX_OK;
}

/* A picture without variance has no features: its code is 0. */
static void code_of(uint8_t *code, const double *feature, const double *cosines)
{
    double value[KEPT], most = 0, least = 0;
    for (int k = 0; k < KEPT; k++) {
        double sum = 0;
        for (int n = 0; n < LINES; n++)
            sum += feature[n] * cosines[k * LINES + n];
        value[k] = k == 0 ? sum / sqrt(LINES) : sum * 1.4142135623730950488 / sqrt(LINES);
        if (value[k] > most)
            most = value[k];
        else if (value[k] < least)
            least = value[k];
    }
    const double range = most - least;
    if (!isfinite(range) || range == 0)
        return;
    for (int k = 0; k < KEPT; k++)
        code[k] = (uint8_t)(255 * (value[k] - least) / range);
}

redux_status rdx_hash_radial_variance(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                      const rdx_pixels *in)
{
    const uint64_t count = (uint64_t)(in->height * in->width);
    double feature[LINES];
    line lines[LINES];
    const uint8_t *grey;
    void *blurred, *scratch;
    (void)info;
    if (hasher->table == NULL)
        RDX_TRY(make_cosines(&hasher->table, hasher->context));
    RDX_TRY(rdx_opencv_grey(hasher, &grey, in));
    RDX_TRY(rdx_hasher_buffer(hasher, &blurred, RDX_PLANE, count, 1));
    RDX_TRY(rdx_hasher_buffer(hasher, &scratch, RDX_WORK,
                              (uint64_t)RDX_MAX(in->width + RDX_BLUR_TAPS, in->height),
                              sizeof(int32_t)));
    rdx_blur_u8(blurred, scratch, grey, in->height, in->width, blur);
    project(lines, blurred, in->height, in->width, scratch);
    features_of(feature, lines);
    code_of(code, feature, hasher->table);
    return REDUX_OK;
}

redux_status redux_hash_radial_correlation(double *out, const uint8_t *a, const uint8_t *b)
{
    double x[KEPT], y[KEPT], mean_x = 0, mean_y = 0, square_x = 0, square_y = 0, peak = 0;
    if (out == NULL || a == NULL || b == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_radial_correlation: an argument is NULL");
    for (int i = 0; i < KEPT; i++) {
        mean_x += (double)a[i] / KEPT;
        mean_y += (double)b[i] / KEPT;
    }
    for (int i = 0; i < KEPT; i++) {
        x[i] = a[i] - mean_x;
        y[i] = b[i] - mean_y;
        square_x += x[i] * x[i];
        square_y += y[i] * y[i];
    }
    for (int shift = 0; shift < KEPT; shift++) {
        double sum = 0;
        for (int i = 0; i < KEPT; i++)
            sum += x[i] * y[(i + shift) % KEPT];
        peak = fmax(peak, sum);
    }
    *out = square_x > 0 && square_y > 0 ? fmin(1, peak / sqrt(square_x * square_y)) : 0;
    return REDUX_OK;
}
