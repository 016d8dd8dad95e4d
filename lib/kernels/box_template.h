/* SPDX-License-Identifier: MIT
 * Means over a sliding window down columns that lie side by side: running sums in the order of
 * PDQ's reference, so that every tier gives its bits. */

#if defined(RDX_TIER_AVX512)
#define BOX_LANES 16
#elif defined(RDX_TIER_AVX2)
#define BOX_LANES 8
#else
#define BOX_LANES 4
#endif

typedef float box_lanes __attribute__((vector_size(4 * BOX_LANES)));

/* Adds a row to the sums, or takes it away; NULL: neither. */
static inline __attribute__((always_inline)) void box_move(box_lanes *sum, const float *add,
                                                           const float *drop, int vectors)
{
    box_lanes row;
    for (int v = 0; v < vectors; v++) {
        if (add != NULL) {
            memcpy(&row, add + (ptrdiff_t)v * BOX_LANES, sizeof row);
            sum[v] += row;
        }
        if (drop != NULL) {
            memcpy(&row, drop + (ptrdiff_t)v * BOX_LANES, sizeof row);
            sum[v] -= row;
        }
    }
}

static inline __attribute__((always_inline)) void box_mean(float *out, const box_lanes *sum,
                                                           int size, int vectors)
{
    const float share = 1 / (float)size;
    const bool exact = (size & (size - 1)) == 0; /* by a power of 2 multiplying is dividing */
    for (int v = 0; v < vectors; v++) {
        const box_lanes mean = exact ? sum[v] * share : sum[v] / (float)size;
        memcpy(out + (ptrdiff_t)v * BOX_LANES, &mean, sizeof mean);
    }
}

/* A strip of `vectors` times BOX_LANES columns of rows `width` apart. */
static inline __attribute__((always_inline)) void box_strip(float *out, const float *in,
                                                            int64_t width, int64_t before,
                                                            int64_t grow, int64_t slide,
                                                            int vectors)
{
    box_lanes sum[4] = {{0}};
    const float *add = in, *drop = in;
    int size = 0;
    for (int64_t i = 0; i < before; i++, size++, add += width)
        box_move(sum, add, NULL, vectors);
    for (int64_t i = 0; i < grow; i++, add += width, out += width) {
        box_move(sum, add, NULL, vectors);
        box_mean(out, sum, ++size, vectors);
    }
    for (int64_t i = 0; i < slide; i++, add += width, drop += width, out += width) {
        box_move(sum, add, drop, vectors);
        box_mean(out, sum, size, vectors);
    }
    for (int64_t i = 0; i < before; i++, drop += width, out += width) {
        box_move(sum, NULL, drop, vectors);
        box_mean(out, sum, --size, vectors);
    }
}

/* One column: what is left over. */
static void box_column(float *out, const float *in, int64_t width, int64_t before, int64_t grow,
                       int64_t slide)
{
    const float *add = in, *drop = in;
    float sum = 0;
    int size = 0;
    for (int64_t i = 0; i < before; i++, size++, add += width)
        sum += *add;
    for (int64_t i = 0; i < grow; i++, add += width, out += width) {
        sum += *add;
        *out = sum / (float)++size;
    }
    for (int64_t i = 0; i < slide; i++, add += width, drop += width, out += width) {
        sum += *add;
        sum -= *drop;
        *out = sum / (float)size;
    }
    for (int64_t i = 0; i < before; i++, drop += width, out += width) {
        sum -= *drop;
        *out = sum / (float)--size;
    }
}

/* The window grows for `before` rows without output and `grow` with one, slides, and shrinks for
 * `before`. */
static void box_columns(float *out, const float *in, int64_t width, int64_t before, int64_t grow,
                        int64_t slide)
{
    int64_t x = 0;
    for (; x + 4 * BOX_LANES <= width; x += 4 * BOX_LANES)
        box_strip(out + x, in + x, width, before, grow, slide, 4);
    for (; x + BOX_LANES <= width; x += BOX_LANES)
        box_strip(out + x, in + x, width, before, grow, slide, 1);
    for (; x < width; x++)
        box_column(out + x, in + x, width, before, grow, slide);
}
