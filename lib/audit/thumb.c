/* SPDX-License-Identifier: MIT
 * Thumbnails: 64 x 64 ranks of a slice's values, and the hash codes of their turns and parts.
 *
 * Ranks do not change under another window or another scale, and where a window saturates, the
 * values that it saturates have one rank. PDQ codes of ranks therefore stay near each other where
 * codes of values do not. */
#include <math.h>
#include <string.h>
#include "audit.h"

#define LEVELS 4096 /* of the counting sort: 1 HU for most CT */

/* ---- ranks ---- */

/* Binomial 1 4 6 4 1, a Gaussian of one pixel, along `step`; the edge counts as its own neighbour.
 * Noise of single pixels would otherwise decide on ranks in air. */
static void smooth_line(float *line, int64_t step)
{
    float out[RDX_THUMB];
    for (int64_t i = 0; i < RDX_THUMB; i++) {
        float v[5];
        for (int64_t k = -2; k <= 2; k++)
            v[k + 2] = line[RDX_MIN(RDX_MAX(i + k, 0), RDX_THUMB - 1) * step];
        out[i] = (v[0] + v[4] + 4 * (v[1] + v[3]) + 6 * v[2]) / 16;
    }
    for (int64_t i = 0; i < RDX_THUMB; i++)
        line[i * step] = out[i];
}

static void smooth(float *values)
{
    for (int64_t i = 0; i < RDX_THUMB; i++)
        smooth_line(values + i * RDX_THUMB, 1);
    for (int64_t i = 0; i < RDX_THUMB; i++)
        smooth_line(values + i, RDX_THUMB);
}

/* Ranks without a pixel lie between their neighbours. The first and the last may have none, if many
 * pixels share the least or the greatest value. */
static void fill_values(float *value, const int32_t *count)
{
    int last = -1;
    for (int r = 0; r < RDX_RANKS; r++) {
        if (count[r] == 0)
            continue;
        value[r] /= (float)count[r];
        for (int k = last + 1; k < r; k++)
            value[k] = last < 0 ? value[r]
                                : value[last] + (value[r] - value[last]) * (float)(k - last) /
                                                    (float)(r - last);
        last = r;
    }
    for (int k = last + 1; k < RDX_RANKS; k++)
        value[k] = value[last];
}

/* The share of pixels that have neither of the two most common ranks: what is more than an outline
 * before a background. */
static float content_of(const int32_t *count)
{
    int32_t first = 0, second = 0;
    for (int r = 0; r < RDX_RANKS; r++) {
        second = count[r] > first ? first : RDX_MAX(second, count[r]);
        first = RDX_MAX(first, count[r]);
    }
    return 1 - (float)(first + second) / RDX_THUMB_PIXELS;
}

bool rdx_thumb_make(rdx_thumb *out, float *content, float *values)
{
    uint8_t rank_of[LEVELS];
    int32_t level_count[LEVELS] = {0}, rank_count[RDX_RANKS] = {0}, before = 0;
    smooth(values);
    float low = values[0], high = values[0];
    bool finite = true;
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
        finite = finite && isfinite(values[i]);
    }
    memset(out, 0, sizeof *out);
    *content = 0;
    if (!finite || !(high > low) || !isfinite(high - low))
        return false;
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        values[i] = (values[i] - low) / (high - low);
        level_count[(int)(values[i] * (LEVELS - 1) + 0.5F)]++;
    }
    for (int k = 0; k < LEVELS; k++) { /* ties share their middle rank */
        const float middle = (float)before + (float)(level_count[k] - 1) / 2;
        rank_of[k] = (uint8_t)(fmaxf(middle, 0) * (RDX_RANKS - 1) / (RDX_THUMB_PIXELS - 1) + 0.5F);
        before += level_count[k];
    }
    for (int i = 0; i < RDX_THUMB_PIXELS; i++) {
        const uint8_t rank = rank_of[(int)(values[i] * (LEVELS - 1) + 0.5F)];
        out->rank[i] = rank;
        out->value[rank] += values[i];
        rank_count[rank]++;
    }
    *content = content_of(rank_count);
    fill_values(out->value, rank_count);
    return true;
}

/* ---- turns ---- */

void rdx_thumb_turn(uint8_t *out, const uint8_t *rank, int32_t turn)
{
    const int last = RDX_THUMB - 1;
    for (int y = 0; y < RDX_THUMB; y++)
        for (int x = 0; x < RDX_THUMB; x++) {
            const int u = last - y, v = last - x;
            const int from[REDUX_DIHEDRAL_COUNT][2] = {{y, x}, {x, u}, {u, v}, {v, y},
                                                       {u, x}, {y, v}, {x, y}, {v, u}};
            out[y * RDX_THUMB + x] = rank[from[turn][0] * RDX_THUMB + from[turn][1]];
        }
}

/* ---- parts ---- */

/* A crop of 5 or 10 % lies within 3 % of one of these, and one of 20 % at the second. */
const rdx_affine rdx_parts[RDX_PARTS] = {
    {{1, 0, 0, 0, 1, 0}},
    {{0.92, 0, 0, 0, 0.92, 0}},
    {{0.8, 0, 0, 0, 0.8, 0}},
    {{0.925, 0, 0.075, 0, 0.925, 0.075}},
    {{0.925, 0, -0.075, 0, 0.925, 0.075}},
    {{0.925, 0, 0.075, 0, 0.925, -0.075}},
    {{0.925, 0, -0.075, 0, 0.925, -0.075}},
};

rdx_affine rdx_affine_inverse(const rdx_affine *map)
{
    const double *m = map->m, d = m[0] * m[4] - m[1] * m[3];
    const double a = m[4] / d, b = -m[1] / d, c = -m[3] / d, e = m[0] / d;
    return (rdx_affine){{a, b, -a * m[2] - b * m[5], c, e, -c * m[2] - e * m[5]}};
}

static redux_status hash(uint8_t *codes, int32_t variants, rdx_hasher *hasher, float *luma)
{
    const int64_t shape[2] = {RDX_THUMB, RDX_THUMB};
    redux_tensor tensor;
    RDX_TRY(redux_tensor_borrow(&tensor, luma, REDUX_FLOAT32, 2, shape, NULL));
    return rdx_hash_pdq_luma(hasher, codes, variants, NULL, &tensor);
}

redux_status rdx_thumb_parts(uint8_t codes[RDX_PARTS][REDUX_PDQ_BYTES], rdx_hasher *hasher,
                             const rdx_thumb *thumb)
{
    bool inside[RDX_THUMB_PIXELS];
    float luma[RDX_THUMB_PIXELS];
    for (int i = 0; i < RDX_PARTS; i++) {
        rdx_warp(luma, inside, thumb->rank, &rdx_parts[i]);
        RDX_TRY(hash(codes[i], 1, hasher, luma));
    }
    return REDUX_OK;
}

redux_status rdx_thumb_turns(uint8_t codes[REDUX_DIHEDRAL_COUNT][REDUX_PDQ_BYTES],
                             rdx_hasher *hasher, const rdx_thumb *thumb)
{
    float luma[RDX_THUMB_PIXELS];
    for (int i = 0; i < RDX_THUMB_PIXELS; i++)
        luma[i] = thumb->rank[i];
    return hash(codes[0], REDUX_DIHEDRAL_COUNT, hasher, luma);
}
