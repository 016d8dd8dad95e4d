/* SPDX-License-Identifier: MIT
 * The affine map between two thumbnails, by least squares (Lucas, Kanade 1981), inverse
 * compositional (Baker, Matthews, IJCV 56(3), 2004): the gradients are those of one image and are
 * made once. First at half the resolution, which bears larger displacements. */
#include <math.h>
#include <string.h>
#include "audit.h"

#define PARAMETERS 6
#define COARSE_STEPS 10
#define FINE_STEPS 6
#define SETTLED 0.002     /* a step below this, a sixteenth of a pixel, is the last */
#define LEAST_OVERLAP 0.4 /* of the pixels */
#define LEAST_SCALE 0.55  /* of lengths, either way */
#define MOST_SHEAR 0.3    /* beyond this two slices are bent onto each other */

/* One image at one resolution: its pixels, and of the first also the derivatives by the
 * parameters at each of them. */
typedef struct level {
    int side;
    float pixels[RDX_THUMB_PIXELS];
} level;

typedef struct derivatives {
    float of[PARAMETERS][RDX_THUMB_PIXELS];
} derivatives;

/* From -1 ... 1 to pixels, and back. */
static double to_pixel(double x, int side)
{
    return (x + 1) * side / 2 - 0.5;
}

static double from_pixel(int i, int side)
{
    return (i + 0.5) * (2.0 / side) -
           1; /* sides are powers of two: exact, and no division a pixel */
}

static void load(level *out, const uint8_t *rank, int side)
{
    out->side = side;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const uint8_t *at = rank + (2 * y * RDX_THUMB + 2 * x);
            out->pixels[y * side + x] =
                side == RDX_THUMB ? (float)rank[y * RDX_THUMB + x]
                                  : (float)(at[0] + at[1] + at[RDX_THUMB] + at[RDX_THUMB + 1]) / 4;
        }
}

static void derive(derivatives *out, const level *a)
{
    const int side = a->side;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const int left = x > 0, right = x<side - 1, up = y> 0, down = y < side - 1;
            const float *at = a->pixels + y * side + x, half = (float)side / 2;
            const float gx = (at[right] - at[-left]) / (float)(left + right) * half;
            const float gy = (at[down * side] - at[-up * side]) / (float)(up + down) * half;
            const float u = (float)from_pixel(x, side), v = (float)from_pixel(y, side);
            const float values[PARAMETERS] = {gx * u, gx * v, gx, gy * u, gy * v, gy};
            for (int k = 0; k < PARAMETERS; k++)
                out->of[k][y * side + x] = values[k];
        }
}

/* ---- sampling ---- */

/* Where the pixels of a line lie in the other image, along one axis: the pixel before, the way from
 * there to the next one, and whether it is within the image. */
typedef struct places {
    int32_t before[RDX_THUMB];
    float rest[RDX_THUMB];
    int32_t inside[RDX_THUMB];
} places;

/* Apart from the reading of pixels, so that the loop can be vectorised. */
static void find_places(places *out, const double *m, int y, int side)
{
    const double v = from_pixel(y, side), last = side - 1;
    double at[RDX_THUMB], kept[RDX_THUMB];
    for (int x = 0; x < side; x++)
        at[x] = to_pixel(m[0] * from_pixel(x, side) + m[1] * v + m[2], side);
    for (int x = 0; x < side; x++) {
        kept[x] = at[x] < 0 ? 0 : at[x];
        kept[x] = kept[x] > last ? last : kept[x];
    }
    for (int x = 0; x < side; x++)
        out->before[x] = (int32_t)kept[x];
    for (int x = 0; x < side; x++)
        out->rest[x] = (float)(kept[x] - out->before[x]);
    for (int x = 0; x < side; x++)
        out->inside[x] = (at[x] >= -0.5) & (at[x] <= last + 0.5);
}

/* Returns how many pixels lie inside. */
static int warp(float *out, bool *inside, const level *b, const rdx_affine *map)
{
    const int side = b->side;
    places across, along;
    int count = 0;
    for (int y = 0; y < side; y++, out += side, inside += side) {
        find_places(&across, map->m, y, side);
        find_places(&along, map->m + 3, y, side);
        for (int x = 0; x < side; x++) {
            const int right = across.before[x] < side - 1;
            const int down = along.before[x] < side - 1 ? side : 0;
            const float *at = b->pixels + along.before[x] * side + across.before[x];
            const float top = at[0] + across.rest[x] * (at[right] - at[0]);
            const float bottom = at[down] + across.rest[x] * (at[down + right] - at[down]);
            out[x] = top + along.rest[x] * (bottom - top);
            inside[x] = across.inside[x] & along.inside[x];
            count += inside[x];
        }
    }
    return count;
}

void rdx_warp(float *out, bool *inside, const uint8_t *b, const rdx_affine *map)
{
    level whole;
    load(&whole, b, RDX_THUMB);
    warp(out, inside, &whole, map);
}

/* ---- one step ---- */

/* Mean and deviation of the pixels inside. */
static void moments(float *mean, float *deviation, const float *pixels, const bool *inside,
                    int count, int used)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++)
        if (inside[i]) {
            sum += (double)pixels[i];
            squares += (double)pixels[i] * (double)pixels[i];
        }
    *mean = (float)(sum / used);
    *deviation = (float)sqrt(fmax(squares / used - sum / used * (sum / used), 0));
}

/* In lanes, so that the loop can be vectorised. */
static double product(const float *a, const float *b, int count)
{
    float sums[8] = {0};
    double sum = 0;
    for (int i = 0; i < count; i += 8)
        for (int l = 0; l < 8; l++)
            sums[l] += a[i + l] * b[i + l];
    for (int l = 0; l < 8; l++)
        sum += (double)sums[l];
    return sum;
}

/* The normal equations of the error, brought to the gain and offset of `a`; 0 outside. */
static void normal_equations(double h[PARAMETERS][PARAMETERS + 1], const derivatives *d,
                             const float *error, const bool *inside, int count)
{
    float masked[RDX_THUMB_PIXELS];
    for (int j = 0; j < PARAMETERS; j++) {
        for (int i = 0; i < count; i++)
            masked[i] = inside[i] ? d->of[j][i] : 0;
        for (int k = j; k < PARAMETERS; k++)
            h[j][k] = h[k][j] = product(masked, d->of[k], count);
        h[j][PARAMETERS] = product(masked, error, count);
    }
}

/* Gauss with pivots; false: singular. */
static bool solve(double x[PARAMETERS], double h[PARAMETERS][PARAMETERS + 1])
{
    for (int c = 0; c < PARAMETERS; c++) {
        int pivot = c;
        for (int r = c + 1; r < PARAMETERS; r++)
            pivot = fabs(h[r][c]) > fabs(h[pivot][c]) ? r : pivot;
        if (!(fabs(h[pivot][c]) > 1e-6))
            return false;
        for (int k = c; k <= PARAMETERS; k++) {
            const double swap = h[c][k];
            h[c][k] = h[pivot][k];
            h[pivot][k] = swap;
        }
        for (int r = c + 1; r < PARAMETERS; r++)
            for (int k = PARAMETERS; k >= c; k--)
                h[r][k] -= h[r][c] / h[c][c] * h[c][k];
    }
    for (int c = PARAMETERS - 1; c >= 0; c--) {
        x[c] = h[c][PARAMETERS];
        for (int k = c + 1; k < PARAMETERS; k++)
            x[c] -= h[c][k] * x[k];
        x[c] /= h[c][c];
    }
    return true;
}

/* map := map o (identity + step)^-1. */
static void compose(rdx_affine *map, const double step[PARAMETERS])
{
    const rdx_affine d = {{1 + step[0], step[1], step[2], step[3], 1 + step[4], step[5]}};
    const rdx_affine back = rdx_affine_inverse(&d);
    const double *m = map->m, *q = back.m;
    const rdx_affine out = {{m[0] * q[0] + m[1] * q[3], m[0] * q[1] + m[1] * q[4],
                             m[0] * q[2] + m[1] * q[5] + m[2], m[3] * q[0] + m[4] * q[3],
                             m[3] * q[1] + m[4] * q[4], m[3] * q[2] + m[4] * q[5] + m[5]}};
    *map = out;
}

/* Whether the map is near a similarity of moderate scale. */
static bool is_plausible(const rdx_affine *map)
{
    const double *m = map->m;
    const double sx = hypot(m[0], m[3]), sy = hypot(m[1], m[4]);
    const double lean = (m[0] * m[1] + m[3] * m[4]) / (sx * sy);
    return fmin(sx, sy) >= LEAST_SCALE && fmax(sx, sy) <= 1 / LEAST_SCALE &&
           fabs(log(sx / sy)) <= MOST_SHEAR && fabs(lean) <= MOST_SHEAR &&
           fabs(m[3] - m[1]) <= 2 * MOST_SHEAR * (sx + sy) / 2;
}

/* Size of the step; below 0: it fails. */
static double take_step(rdx_affine *map, const level *a, const level *b, const derivatives *d)
{
    float warped[RDX_THUMB_PIXELS], mean[2], deviation[2];
    bool inside[RDX_THUMB_PIXELS];
    double h[PARAMETERS][PARAMETERS + 1], step[PARAMETERS], most = 0;
    const int count = a->side * a->side;
    const int used = warp(warped, inside, b, map);
    if (used < LEAST_OVERLAP * count)
        return -1;
    moments(&mean[0], &deviation[0], a->pixels, inside, count, used);
    moments(&mean[1], &deviation[1], warped, inside, count, used);
    if (!(deviation[1] > 0))
        return -1;
    const float gain = deviation[0] / deviation[1];
    for (int i = 0; i < count; i++)
        warped[i] = inside[i] ? (warped[i] - mean[1]) * gain + mean[0] - a->pixels[i] : 0;
    normal_equations(h, d, warped, inside, count);
    if (!solve(step, h))
        return -1;
    for (int k = 0; k < PARAMETERS; k++)
        most = fmax(most, fabs(step[k]));
    if (!(most < 0.5))
        return -1;
    compose(map, step);
    return is_plausible(map) ? most : -1;
}

/* The correlation of what lies over each other. */
static double correlation(const level *a, const level *b, const rdx_affine *map)
{
    float warped[RDX_THUMB_PIXELS] = {0}, mean[2], deviation[2];
    bool inside[RDX_THUMB_PIXELS] = {false};
    double sum = 0;
    const int count = a->side * a->side, used = warp(warped, inside, b, map);
    if (used == 0)
        return 0;
    moments(&mean[0], &deviation[0], a->pixels, inside, count, used);
    moments(&mean[1], &deviation[1], warped, inside, count, used);
    for (int i = 0; i < count; i++)
        if (inside[i])
            sum += ((double)a->pixels[i] - (double)mean[0]) * ((double)warped[i] - (double)mean[1]);
    const double scale = (double)deviation[0] * (double)deviation[1] * used;
    return scale > 0 ? sum / scale : 0;
}

/* False: it fails, or the correlation comes to less than `least`. */
static bool refine(rdx_affine *map, const uint8_t *a, const uint8_t *b, int side, int steps,
                   double least)
{
    level first, second;
    derivatives d;
    load(&first, a, side);
    load(&second, b, side);
    derive(&d, &first);
    for (int i = 0; i < steps; i++) {
        const double size = take_step(map, &first, &second, &d);
        if (size < 0)
            return false;
        if (size < SETTLED)
            break;
    }
    return least <= -1 || correlation(&first, &second, map) >= least;
}

bool rdx_align(rdx_affine *map, const uint8_t *a, const uint8_t *b, double least)
{
    return refine(map, a, b, RDX_THUMB / 2, COARSE_STEPS, least) &&
           refine(map, a, b, RDX_THUMB, FINE_STEPS, -1);
}
