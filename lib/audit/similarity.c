/* SPDX-License-Identifier: MIT
 * The similarity of two thumbnails: aligned, brought to the same distribution of values, compared
 * by SSIM, of the ranks and of the values. Ranks show soft tissue as well as bone, values bear
 * noise: the score is their mean. */
#include <math.h>
#include <string.h>
#include "audit.h"
#include "metric/ssim.h"

#define WINDOW 11
#define ABOVE_CORRELATION                                                                          \
    0.1 /* a similarity lies above the correlation of half the resolution by less: of 1,990 twins  \
         * of two sets the correlation was below the similarity by 0.06 at most */
#define VALID (RDX_THUMB - WINDOW + 1)
#define LEAST_COMPARED 400 /* windows: a seventh of them */
#define BINS 512
#define MOST_OF_RANK 32 /* of so many parts of all pixels, one rank counts as one at most */

/* Two thumbnails of ranks over each other. */
typedef struct overlay {
    uint8_t a[RDX_THUMB_PIXELS], b[RDX_THUMB_PIXELS];
    bool inside[RDX_THUMB_PIXELS];
    bool says[VALID * VALID]; /* windows that lie inside and are not constant in both */
    int64_t compared;
} overlay;

/* A window of the map begins at (y, x) of the thumbnail. Its place is inside if its corners are,
 * because the overlap is convex; the middle decides whether it says anything. */
static void find_windows(overlay *o)
{
    for (int y = 0; y < VALID; y++)
        for (int x = 0; x < VALID; x++) {
            const int top = y * RDX_THUMB + x, bottom = top + (WINDOW - 1) * RDX_THUMB;
            const int at = top + (WINDOW / 2) * (RDX_THUMB + 1), step = RDX_THUMB;
            const bool constant =
                o->a[at - 2] == o->a[at + 2] && o->a[at - 2 * step] == o->a[at + 2 * step] &&
                o->a[at] == o->a[at + 2] && o->a[at] == o->a[at + 2 * step] &&
                o->b[at - 2] == o->b[at + 2] && o->b[at - 2 * step] == o->b[at + 2 * step] &&
                o->b[at] == o->b[at + 2] && o->b[at] == o->b[at + 2 * step];
            const bool whole = o->inside[top] && o->inside[top + WINDOW - 1] && o->inside[bottom] &&
                               o->inside[bottom + WINDOW - 1];
            o->says[y * VALID + x] = whole && !constant;
            o->compared += whole && !constant;
        }
}

/* The rank that each rank of `from` has among those of `to`, over the pixels inside. */
static void match(float *out, const uint8_t *from, const uint8_t *to, const bool *inside)
{
    int32_t counts[2][RDX_RANKS] = {{0}};
    double sums[RDX_RANKS + 1] = {0}; /* of the ranks of the first pixels of `to`, sorted */
    int32_t before = 0, ends[RDX_RANKS + 1] = {0};
    for (int i = 0; i < RDX_THUMB_PIXELS; i++)
        if (inside[i]) {
            counts[0][from[i]]++;
            counts[1][to[i]]++;
        }
    for (int r = 0; r < RDX_RANKS; r++) {
        ends[r + 1] = ends[r] + counts[1][r];
        sums[r + 1] = sums[r] + (double)counts[1][r] * r;
    }
    double last = 0;
    for (int r = 0, k = 0; r < RDX_RANKS; r++) {
        before += counts[0][r];
        while (k < RDX_RANKS - 1 && ends[k + 1] < before)
            k++;
        const double sum = sums[k] + (double)(before - ends[k]) * k;
        if (counts[0][r] > 0)
            out[r] = (float)((sum - last) / counts[0][r]);
        last = sum;
    }
}

/* Grey values 0 ... 1 for ranks: their own distribution, made even, but that one rank counts only
 * so much. Else a black background would leave few greys to what is in front of it. */
static void spread(float *grey, const uint8_t *ranks, const bool *inside)
{
    double counts[RDX_RANKS] = {0}, before = 0, all = 0;
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        counts[ranks[i]] += inside[i];
        all += inside[i];
    }
    for (int r = 0; r < RDX_RANKS; r++) {
        const double count = fmin(counts[r], all / MOST_OF_RANK);
        grey[r] = (float)(before + count / 2);
        before += count;
    }
    for (int r = 0; r < RDX_RANKS; r++)
        grey[r] /= (float)before;
}

/* The mean of the worse half of the windows. A copy is alike everywhere; two heads are alike at the
 * outline, which has more windows than what differs. By counting: a bin is finer than what matters.
 */
static double worse_half(const overlay *o, const float *map)
{
    int64_t counts[BINS] = {0}, left = o->compared / 2;
    double sums[BINS] = {0}, sum = 0;
    for (int i = 0; i < VALID * VALID; i++) {
        if (!o->says[i])
            continue;
        const int bin = (int)(fminf(fmaxf((map[i] + 1) / 2, 0), 1) * (BINS - 1));
        counts[bin]++;
        sums[bin] += (double)map[i];
    }
    for (int b = 0; b < BINS && left > 0; b++) {
        if (counts[b] == 0)
            continue;
        const int64_t taken = RDX_MIN(counts[b], left);
        sum += sums[b] * (double)taken / (double)counts[b];
        left -= taken;
    }
    return sum / (double)(o->compared / 2);
}

static redux_status mean_ssim(double *out, redux_context *context, const overlay *o, const float *a,
                              const float *b)
{
    redux_ssim_options options = REDUX_SSIM_OPTIONS_INIT;
    const rdx_layout layout = {.dtype = REDUX_FLOAT32, .height = RDX_THUMB, .width = RDX_THUMB};
    float map[VALID * VALID];
    options.data_range = 1;
    const rdx_ssim_plan plan = rdx_ssim_plan_of(&options, &layout);
    RDX_TRY(rdx_ssim_run_map(context, &plan, a, b, map));
    *out = worse_half(o, map);
    return REDUX_OK;
}

/* Values of a rank that may lie between whole ones. */
static float value_at(const float *value, float rank)
{
    const int low = (int)fminf(fmaxf(rank, 0), RDX_RANKS - 1);
    const int high = RDX_MIN(low + 1, RDX_RANKS - 1);
    return value[low] + (rank - (float)low) * (value[high] - value[low]);
}

/* `from` is brought to the distribution of `to`, whose values are `value`. */
static redux_status compare(double *out, redux_context *context, const overlay *o,
                            const uint8_t *from, const uint8_t *to, const float *value)
{
    float matched[RDX_RANKS] = {0}, grey[RDX_RANKS], a[RDX_THUMB_PIXELS], b[RDX_THUMB_PIXELS];
    float low = 1, high = 0;
    double of_ranks, of_values;
    match(matched, from, to, o->inside);
    spread(grey, to, o->inside);
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        a[i] = value_at(grey, matched[from[i]]);
        b[i] = grey[to[i]];
    }
    RDX_TRY(mean_ssim(&of_ranks, context, o, a, b));
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        a[i] = value_at(value, matched[from[i]]);
        b[i] = value[to[i]];
        low = o->inside[i] ? fminf(low, b[i]) : low;
        high = o->inside[i] ? fmaxf(high, b[i]) : high;
    }
    const float scale = high > low ? 1 / (high - low) : 1;
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        a[i] = (a[i] - low) * scale;
        b[i] = (b[i] - low) * scale;
    }
    RDX_TRY(mean_ssim(&of_values, context, o, a, b));
    *out = (of_ranks + of_values) / 2;
    return REDUX_OK;
}

redux_status rdx_similarity(double *out, redux_context *context, const rdx_thumb *a, int32_t turn,
                            const rdx_thumb *b, const rdx_affine *start, double least)
{
    overlay o = {.compared = 0};
    rdx_affine map = *start;
    float warped[RDX_THUMB_PIXELS];
    double there, back;
    *out = 0;
    rdx_thumb_turn(o.a, a->rank, turn);
    if (!rdx_align(&map, o.a, b->rank, least - ABOVE_CORRELATION))
        return REDUX_OK;
    rdx_warp(warped, o.inside, b->rank, &map);
    for (int i = 0; i < RDX_THUMB_PIXELS; i++)
        o.b[i] = (uint8_t)(warped[i] + 0.5F);
    find_windows(&o);
    if (o.compared < LEAST_COMPARED)
        return REDUX_OK;
    RDX_TRY(compare(&there, context, &o, o.b, o.a, a->value));
    RDX_TRY(compare(&back, context, &o, o.a, o.b, b->value));
    *out = fmin(fmax(fmax(there, back), 0), 1);
    return REDUX_OK;
}
