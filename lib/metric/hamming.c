/* SPDX-License-Identifier: MIT
 * Hamming distance of hash codes. Prepared codes are 64-bit words; a count of bits does not depend
 * on the byte order within a word. */
#include <string.h>
#include "kernels/kernels.h"
#include "metric.h"

#define FEW_QUERIES 4 /* below this, planes of codes do not pay */

static redux_status hamming_layout(const redux_metric *metric, rdx_layout *layout)
{
    (void)metric;
    if (layout->dtype != REDUX_UINT8)
        return rdx_fail(REDUX_E_INVALID, "hamming: codes are %s, not uint8",
                        redux_dtype_name(layout->dtype));
    layout->item_bytes = (size_t)(layout->width + 7) / 8 * 8;
    layout->scratch_bytes =
        RDX_BLOCK_ROWS * sizeof(int32_t) + (size_t)rdx_kernels_get()->hamming_plane_bytes(
                                               RDX_BLOCK_ROWS, (int64_t)layout->item_bytes / 8);
    return REDUX_OK;
}

static void hamming_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                            void *prepared, void *scratch)
{
    (void)metric;
    (void)scratch;
    memset(prepared, 0, layout->item_bytes);
    memcpy(prepared, item, (size_t)layout->width);
}

static double hamming_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                            const void *b, void *scratch)
{
    (void)metric;
    (void)scratch;
    return rdx_kernels_get()->hamming_distance(a, b, (int64_t)layout->item_bytes / 8);
}

int32_t rdx_hamming_bytes(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    enum { WORDS = 8 };
    uint64_t words[2][WORDS];
    uint32_t bits = 0;
    for (int64_t at = 0; at < bytes; at += (int64_t)sizeof words[0]) {
        const size_t some = (size_t)RDX_MIN(bytes - at, (int64_t)sizeof words[0]);
        memset(words, 0, sizeof words);
        memcpy(words[0], a + at, some);
        memcpy(words[1], b + at, some);
        bits += rdx_kernels_get()->hamming_distance(words[0], words[1], WORDS);
    }
    return (int32_t)bits;
}

/* The largest distance within a threshold, or -1. */
static int64_t radius_of(const rdx_layout *layout, double threshold)
{
    const double most = (double)layout->width * 8;
    return threshold >= most ? (int64_t)most : threshold >= 0 ? (int64_t)threshold : -1;
}

static void hamming_first_redundant(const redux_metric *metric, const rdx_layout *layout,
                                    const void *kept, int64_t kept_count, const void *candidates,
                                    int64_t count, double threshold, int64_t *first, double *scores,
                                    void *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t words = (int64_t)layout->item_bytes / 8, radius = radius_of(layout, threshold);
    const uint64_t *codes = kept, *queries = candidates;
    (void)metric;
    (void)scratch;
    if (radius < 0)
        kept_count = 0;
    kernels->hamming_first(codes, kept_count, queries, count, words, (uint32_t)RDX_MAX(radius, 0),
                           first);
    for (int64_t c = 0; c < count; c++)
        if (first[c] >= 0)
            scores[c] =
                kernels->hamming_distance(codes + first[c] * words, queries + c * words, words);
}

static int64_t hamming_hits(const redux_metric *metric, const rdx_layout *layout, const void *many,
                            int64_t count, const void *queries, int64_t query_count,
                            const double *thresholds, rdx_hit *hits, void *scratch)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t words = (int64_t)layout->item_bytes / 8;
    int32_t *rows = scratch;
    uint8_t *planes = NULL;
    int64_t found = 0;
    (void)metric;
    if (query_count >= FEW_QUERIES && kernels->hamming_plane_bytes(count, words) > 0) {
        planes = (uint8_t *)(rows + RDX_BLOCK_ROWS);
        kernels->hamming_planes(planes, many, count, words);
    }
    for (int64_t q = 0; q < query_count; q++) {
        const uint64_t *query = (const uint64_t *)queries + q * words;
        const int64_t radius = radius_of(layout, thresholds[q]);
        const int64_t within = radius < 0 ? 0
                                          : kernels->hamming_within(many, planes, count, query,
                                                                    words, (uint32_t)radius, rows);
        for (int64_t i = 0; i < within; i++)
            hits[found++] = (rdx_hit){
                (int32_t)q, rows[i],
                kernels->hamming_distance((const uint64_t *)many + rows[i] * words, query, words)};
    }
    return found;
}

const rdx_metric_ops rdx_hamming_ops = {
    .name = "hamming",
    .is_distance = 1,
    .item_axes = 1,
    .layout = hamming_layout,
    .prepare = hamming_prepare,
    .score = hamming_score,
    .first_redundant = hamming_first_redundant,
    .hits = hamming_hits,
    .tile = 64,
};
