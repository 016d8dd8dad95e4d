/* SPDX-License-Identifier: MIT
 * Means over a sliding window down columns that lie side by side: running sums in the order of
 * PDQ's reference, so that every tier gives its bits. */

/* Adds a row to the sums, or subtracts it; NULL: neither. */
VEC_INLINE void box_move(vec_f32 *sum, const float *add, const float *drop, int vectors)
{
    for (int v = 0; v < vectors; v++) {
        if (add != NULL)
            sum[v] += vec_load(add + (ptrdiff_t)v * VEC_LANES);
        if (drop != NULL)
            sum[v] -= vec_load(drop + (ptrdiff_t)v * VEC_LANES);
    }
}

VEC_INLINE void box_mean(float *out, const vec_f32 *sum, int size, int vectors)
{
    const float share = 1 / (float)size;
    const bool exact =
        (size & (size - 1)) == 0; /* multiplying by a power of 2 is as exact as dividing */
    for (int v = 0; v < vectors; v++)
        vec_store(out + (ptrdiff_t)v * VEC_LANES, exact ? sum[v] * share : sum[v] / (float)size);
}

/* A strip of `vectors` times VEC_LANES columns of rows `width` apart. */
VEC_INLINE void box_strip(float *out, const float *in, int64_t width, int64_t before, int64_t grow,
                          int64_t slide, int vectors)
{
    vec_f32 sum[4] = {{0}};
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
    for (; x + 4 * VEC_LANES <= width; x += 4 * VEC_LANES)
        box_strip(out + x, in + x, width, before, grow, slide, 4);
    for (; x + VEC_LANES <= width; x += VEC_LANES)
        box_strip(out + x, in + x, width, before, grow, slide, 1);
    for (; x < width; x++)
        box_column(out + x, in + x, width, before, grow, slide);
}

/* One row of box_columns at a time; add, drop and out may be NULL: at its ends. */
static void box_step(float *out, float *sum, const float *add, const float *drop, int64_t width,
                     int size)
{
    int64_t x = 0;
    for (; x + VEC_LANES <= width; x += VEC_LANES) {
        vec_f32 lanes = vec_load(sum + x);
        box_move(&lanes, add != NULL ? add + x : NULL, drop != NULL ? drop + x : NULL, 1);
        vec_store(sum + x, lanes);
        if (out != NULL)
            box_mean(out + x, &lanes, size, 1);
    }
    for (; x < width; x++) {
        if (add != NULL)
            sum[x] += add[x];
        if (drop != NULL)
            sum[x] -= drop[x];
        if (out != NULL)
            out[x] = sum[x] / (float)size;
    }
}

/* Some outputs only, in ascending order: picks[i] is row i of `out`. 4 * VEC_LANES columns. */
VEC_INLINE void box_picked_strip(float *out, const float *in, int64_t width, int64_t length,
                                 int64_t before, int64_t grow, const int32_t *picks, int64_t count)
{
    vec_f32 sum[4] = {{0}};
    int64_t added = 0, dropped = 0;
    for (int64_t i = 0; i < count; i++, out += width) {
        const int64_t add_to = picks[i] + before + 1 < length ? picks[i] + before + 1 : length;
        const int64_t drop_to = picks[i] - grow + 1;
        for (; dropped < drop_to || added < add_to; added++) {
            const bool drop = added >= before + grow;
            box_move(sum, added < length ? in + added * width : NULL,
                     drop ? in + dropped * width : NULL, 4);
            dropped += drop;
        }
        box_mean(out, sum, (int)(add_to - dropped), 4);
    }
}

/* The same as box_columns of `length` rows, of which only those in `picks` are written, one after
 * the other; width: a multiple of 64. */
static void box_picked(float *out, const float *in, int64_t width, int64_t length, int64_t before,
                       int64_t grow, const int32_t *picks, int64_t count)
{
    for (int64_t x = 0; x < width; x += 4 * VEC_LANES)
        box_picked_strip(out + x, in + x, width, length, before, grow, picks, count);
}

/* Output i of a row of bytes: whole numbers are exact in any order. */
static inline float box_byte(const uint8_t *in, int64_t length, int64_t before, int64_t grow,
                             int64_t i)
{
    const int64_t from = i - grow + 1 > 0 ? i - grow + 1 : 0;
    const int64_t to = i + before + 1 < length ? i + before + 1 : length;
    int32_t sum = 0;
    for (int64_t k = from; k < to; k++)
        sum += in[k];
    return (float)sum / (float)(to - from);
}

/* `vectors` times VEC_LANES of them from x on. */
VEC_INLINE void box_bytes_strip(float *out, const uint8_t *in, int64_t x, int64_t before,
                                int64_t grow, int vectors)
{
    vec_i32 sum[4] = {{0}};
    vec_f32 whole[4];
    for (int64_t k = 1 - grow; k <= before; k++)
        for (int v = 0; v < vectors; v++)
            sum[v] += vec_load_u8(in + x + k + (ptrdiff_t)v * VEC_LANES);
    for (int v = 0; v < vectors; v++)
        whole[v] = vec_from_i32(sum[v]);
    box_mean(out + x, whole, (int)(before + grow), vectors);
}

/* All of them: a running sum along a row would be one after the other. */
static void box_bytes(float *out, const uint8_t *in, int64_t length, int64_t before, int64_t grow)
{
    const int64_t whole = length - before; /* from here on the window shrinks */
    int64_t x = 0;
    for (; x < grow - 1; x++)
        out[x] = box_byte(in, length, before, grow, x);
    for (; x + 4 * VEC_LANES <= whole; x += 4 * VEC_LANES)
        box_bytes_strip(out, in, x, before, grow, 4);
    for (; x + VEC_LANES <= whole; x += VEC_LANES)
        box_bytes_strip(out, in, x, before, grow, 1);
    if (x < whole && whole - VEC_LANES >= grow - 1) { /* some of them again */
        box_bytes_strip(out, in, whole - VEC_LANES, before, grow, 1);
        x = whole;
    }
    for (; x < length; x++)
        out[x] = box_byte(in, length, before, grow, x);
}
