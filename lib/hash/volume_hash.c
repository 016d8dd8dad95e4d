/* SPDX-License-Identifier: MIT
 * Hashes of whole volumes: options, codes from cells, the cube's turns. redux/volume_hash.h has
 * the definitions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/fftw.h"
#include "kernels/kernels.h"
#include "volume_hash.h"

#define DEFAULT_SIZE 8
#define MOST_SIZE 16

static const char *const names[] = {
    [REDUX_VOLUME_HASH_DIFFERENCE] = "difference",
    [REDUX_VOLUME_HASH_DCT] = "dct",
    [REDUX_VOLUME_HASH_BLOCK_MEAN] = "block-mean",
};

/* ---- names and options ---- */

redux_status redux_volume_hash_parse(redux_volume_hash *out, const char *name)
{
    return rdx_parse_name(out, "volume hash", name, names, RDX_COUNT(names));
}

const char *redux_volume_hash_name(redux_volume_hash hash)
{
    return rdx_name_of((int64_t)hash, names, RDX_COUNT(names));
}

redux_status rdx_volume_hash_read_options(redux_volume_hash_options *known,
                                          const redux_volume_hash_options *given)
{
    *known = (redux_volume_hash_options)REDUX_VOLUME_HASH_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_volume_hash_options"));
    const int64_t hash = (int64_t)known->hash;
    if (hash < 0 || hash >= RDX_COUNT(names))
        return rdx_fail(REDUX_E_INVALID, "unknown volume hash %d", (int)known->hash);
    if (known->size == 0)
        known->size = DEFAULT_SIZE;
    if (known->size < 2 || known->size > MOST_SIZE)
        return rdx_fail(REDUX_E_INVALID, "volume hash: size %d, not 2 to %d", (int)known->size,
                        MOST_SIZE);
    switch (known->window.kind) {
    case REDUX_WINDOW_AUTO:
    case REDUX_WINDOW_FULL:
        return REDUX_OK;
    case REDUX_WINDOW_RANGE:
        if (known->window.low < known->window.high &&
            isfinite(known->window.high - known->window.low))
            return REDUX_OK;
        return rdx_fail(REDUX_E_INVALID, "window %g:%g", known->window.low, known->window.high);
    case REDUX_WINDOW_SLICE:
        break;
    }
    return rdx_fail(REDUX_E_INVALID, "volume hash: a window by slice does not suit a volume: "
                                     "name an HU window, LO:HI or full");
}

redux_status redux_volume_hash_check(const redux_volume_hash_options *options)
{
    redux_volume_hash_options known;
    return rdx_volume_hash_read_options(&known, options);
}

int64_t redux_volume_hash_bits(const redux_volume_hash_options *options)
{
    redux_volume_hash_options known;
    if (rdx_volume_hash_read_options(&known, options) != REDUX_OK)
        return 0;
    return (int64_t)known.size * known.size * known.size;
}

int64_t redux_volume_hash_bytes(const redux_volume_hash_options *options)
{
    return (redux_volume_hash_bits(options) + 7) / 8;
}

redux_window rdx_volume_hash_window(redux_window window, redux_dtype dtype)
{
    const redux_window hu = {REDUX_WINDOW_RANGE, -1000, 1000};
    const redux_window bytes = {REDUX_WINDOW_RANGE, 0, 255};
    if (window.kind != REDUX_WINDOW_AUTO)
        return window;
    return dtype == REDUX_UINT8 || dtype == REDUX_BOOL ? bytes : hu;
}

/* In 512ths of the bits. At these values the study separated (nearly) all different volumes, turned
 * or not (docs/volume-hash-study.md). */
int32_t redux_volume_hash_threshold(const redux_volume_hash_options *options)
{
    static const int32_t share[] = {[REDUX_VOLUME_HASH_DIFFERENCE] = 64,
                                    [REDUX_VOLUME_HASH_DCT] = 160,
                                    [REDUX_VOLUME_HASH_BLOCK_MEAN] = 32};
    redux_volume_hash_options known;
    if (rdx_volume_hash_read_options(&known, options) != REDUX_OK)
        return 0;
    return (int32_t)(redux_volume_hash_bits(&known) * share[known.hash] / 512);
}

/* ---- turns ---- */

redux_status redux_volume_hash_turn(int32_t axis[3], int32_t reversed[3], int32_t turn)
{
    static const int32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const int odd[6] = {0, 1, 1, 0, 0, 1};
    if (turn < 0 || turn >= REDUX_VOLUME_TURNS || axis == NULL || reversed == NULL)
        return rdx_fail(REDUX_E_INVALID, "there is no turn %d of a cube", (int)turn);
    /* Each order of axes has four choices of directions that make a rotation and four that make a
     * reflection. The parity of both together distinguishes them. */
    const int reflection = turn >= REDUX_VOLUME_ROTATIONS;
    const int order = turn % REDUX_VOLUME_ROTATIONS / 4, which = turn % 4;
    const int low = which & 1, middle = which >> 1 & 1;
    const int parity = odd[order] ^ reflection;
    const int signs[3] = {low ^ middle ^ parity, middle, low};
    for (int i = 0; i < 3; i++) {
        axis[i] = orders[order][i];
        reversed[i] = signs[i];
    }
    return REDUX_OK;
}

/* ---- codes from cells ---- */

static void set_bit(uint8_t *code, int64_t bit)
{
    code[bit / 8] = (uint8_t)(code[bit / 8] | 0x80U >> bit % 8);
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median: of an odd number the middle value, of an even one the mean of the two. Sorts. */
static double median_of(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof(double), compare_doubles);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* A code in the making: `at` is the cell (z, y, x) of the turned volume. */
typedef struct turned {
    int32_t axis[3], reversed[3];
    int32_t size;
} turned;

/* The offset in a grid of the cell that moves to (z, y, x). */
static int64_t cell_at(const rdx_volume_grid *grid, const turned *t, const int64_t at[3])
{
    int64_t own[3];
    for (int i = 0; i < 3; i++) {
        const int32_t axis = t->axis[i];
        own[axis] = t->reversed[i] != 0 ? grid->side[axis] - 1 - at[i] : at[i];
    }
    return (own[0] * grid->side[1] + own[1]) * grid->side[2] + own[2];
}

/* The grid that has one more cell along the axis that becomes x. */
static void difference_code(uint8_t *code, const rdx_volume_grid *grids, const turned *t)
{
    const rdx_volume_grid *grid = &grids[2 - t->axis[2]];
    int64_t bit = 0, at[3];
    for (at[0] = 0; at[0] < t->size; at[0]++)
        for (at[1] = 0; at[1] < t->size; at[1]++)
            for (int64_t x = 0; x < t->size; x++, bit++) {
                at[2] = x;
                const double before = grid->cells[cell_at(grid, t, at)];
                at[2] = x + 1;
                if (grid->cells[cell_at(grid, t, at)] > before)
                    set_bit(code, bit);
            }
}

/* Values of the turned cube against a limit. */
static void threshold_code(uint8_t *code, const double *values, int64_t count, double limit,
                           int64_t first)
{
    for (int64_t i = first; i < count; i++)
        if (values[i] > limit)
            set_bit(code, i);
}

static void block_mean_code(uint8_t *code, const rdx_volume_grid *grid, const turned *t,
                            double *values, double *sorted)
{
    int64_t i = 0, at[3];
    for (at[0] = 0; at[0] < t->size; at[0]++)
        for (at[1] = 0; at[1] < t->size; at[1]++)
            for (at[2] = 0; at[2] < t->size; at[2]++)
                values[i++] = grid->cells[cell_at(grid, t, at)];
    memcpy(sorted, values, (size_t)i * sizeof(double));
    threshold_code(code, values, i, median_of(sorted, i), 0);
}

/* coefficients: [size, size, size]. Turning the volume moves each coefficient with its frequencies;
 * reversing an axis changes the sign of its odd ones. */
static void dct_code(uint8_t *code, const double *coefficients, const turned *t, double *values,
                     double *sorted)
{
    int64_t i = 0, at[3];
    for (at[0] = 0; at[0] < t->size; at[0]++)
        for (at[1] = 0; at[1] < t->size; at[1]++)
            for (at[2] = 0; at[2] < t->size; at[2]++) {
                int64_t own[3], flips = 0;
                for (int a = 0; a < 3; a++) {
                    own[t->axis[a]] = at[a];
                    flips += t->reversed[a] != 0 ? at[a] : 0;
                }
                const double value = coefficients[(own[0] * t->size + own[1]) * t->size + own[2]];
                values[i++] = flips % 2 == 1 ? -value : value;
            }
    memcpy(sorted, values, (size_t)i * sizeof(double));
    threshold_code(code, values, i, median_of(sorted + 1, i - 1), 1);
}

/* The lowest coefficients of the cells without their mean, in place of the first cells. They are in
 * single precision like FFTW here. A constant volume has only zeros. */
static redux_status transform_cells(redux_context *context, rdx_volume_grid *grid, int32_t size)
{
    const int64_t side = grid->side[0], count = side * side * side;
    double mean = 0;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, 2 * (uint64_t)count, sizeof(float)));
    float *in = block, *out = in + count;
    for (int64_t i = 0; i < count; i++)
        mean += grid->cells[i];
    mean /= (double)count;
    for (int64_t i = 0; i < count; i++)
        in[i] = (float)(grid->cells[i] - mean);
    const redux_status status = rdx_dct_3d(context, out, in, side, side, side);
    for (int64_t z = 0, i = 0; z < size; z++)
        for (int64_t y = 0; y < size; y++)
            for (int64_t x = 0; x < size; x++, i++)
                grid->cells[i] = (double)out[(z * side + y) * side + x];
    rdx_free(block);
    return status;
}

/* ---- quality ---- */

static int64_t step_of(const double *cell, int64_t next, double span)
{
    return llabs((long long)(100 * (cell[next] - cell[0]) / span));
}

/* PDQ's measure carried over: sum |int(100 (u - v))| over neighbouring cells, scaled as for the 2 x
 * 63 x 64 pairs of a 64 x 64 picture. `span` is the range that counts as 0 ... 1. */
static int32_t quality_of(const rdx_volume_grid *grid, double span)
{
    const int64_t *n = grid->side;
    const int64_t pairs =
        n[0] * n[1] * (n[2] - 1) + n[0] * (n[1] - 1) * n[2] + (n[0] - 1) * n[1] * n[2];
    int64_t sum = 0;
    for (int64_t z = 0; z < n[0]; z++)
        for (int64_t y = 0; y < n[1]; y++)
            for (int64_t x = 0; x < n[2]; x++) {
                const double *cell = grid->cells + (z * n[1] + y) * n[2] + x;
                if (x + 1 < n[2])
                    sum += step_of(cell, 1, span);
                if (y + 1 < n[1])
                    sum += step_of(cell, n[2], span);
                if (z + 1 < n[0])
                    sum += step_of(cell, n[1] * n[2], span);
            }
    return (int32_t)RDX_MIN(sum * (int64_t)(2 * 63 * 64) / (90 * RDX_MAX(pairs, 1)), 100);
}

/* Least and greatest cell. If their distance is within the rounding of sums, all cells become
 * equal, so that a constant volume has no bits made of round-off. */
static void find_range(double *low, double *high, const rdx_volume_grid *grid)
{
    const int64_t count = grid->side[0] * grid->side[1] * grid->side[2];
    *low = *high = grid->cells[0];
    for (int64_t i = 0; i < count; i++) {
        *low = fmin(*low, grid->cells[i]);
        *high = fmax(*high, grid->cells[i]);
    }
    if (*high - *low > 1e-6 * fmax(fabs(*low), fabs(*high)))
        return;
    for (int64_t i = 0; i < count; i++)
        grid->cells[i] = *low;
    *high = *low;
}

static void describe(redux_hash_info *info, const rdx_volume_grid *grid, double low, double high,
                     bool windowed)
{
    /* Without a window the only scale is the volume's own, so that only a constant volume is
     * flat. */
    info->flags = high - low <= (windowed ? 0.01 : 0) ? REDUX_HASH_FLAT : 0;
    info->quality = high == low ? 0 : quality_of(grid, windowed ? 1 : high - low);
}

/* ---- one volume ---- */

/* Sets the sides of the grids that a hash needs; returns how many. One variant of the difference
 * hash needs the first only; turned ones look along y and z too. */
static int32_t plan_grids(rdx_volume_grid *grids, const redux_volume_hash_options *options,
                          int32_t variants)
{
    const int64_t size = options->size;
    const bool difference = options->hash == REDUX_VOLUME_HASH_DIFFERENCE;
    const int32_t count = difference && variants > 1 ? 3 : 1;
    for (int32_t g = 0; g < count; g++) {
        grids[g].filter =
            options->hash == REDUX_VOLUME_HASH_BLOCK_MEAN ? REDUX_FILTER_AREA : REDUX_FILTER_LINEAR;
        for (int a = 0; a < 3; a++)
            grids[g].side[a] = options->hash == REDUX_VOLUME_HASH_DCT ? 4 * size
                               : difference && a == 2 - g             ? size + 1
                                                                      : size;
    }
    return count;
}

static void make_codes(uint8_t *codes, int32_t variants, const rdx_volume_grid *grids,
                       const redux_volume_hash_options *options, double *scratch)
{
    const int64_t cells = (int64_t)options->size * options->size * options->size;
    const int64_t bytes = (cells + 7) / 8;
    memset(codes, 0, (size_t)(variants * bytes));
    for (int32_t v = 0; v < variants; v++) {
        turned t = {.size = options->size};
        uint8_t *code = codes + v * bytes;
        redux_volume_hash_turn(t.axis, t.reversed, v);
        if (options->hash == REDUX_VOLUME_HASH_DIFFERENCE)
            difference_code(code, grids, &t);
        else if (options->hash == REDUX_VOLUME_HASH_DCT)
            dct_code(code, grids[0].cells, &t, scratch, scratch + cells);
        else
            block_mean_code(code, &grids[0], &t, scratch, scratch + cells);
    }
}

static redux_status hash_grids(uint8_t *codes, int32_t variants, redux_hash_info *info,
                               redux_context *context, rdx_volume_grid *grids, int32_t count,
                               const redux_volume_hash_options *options, bool windowed)
{
    const uint64_t cells =
        (uint64_t)options->size * (uint64_t)options->size * (uint64_t)options->size;
    void *scratch;
    for (int32_t g = count - 1; g >= 0; g--) {
        double low, high;
        find_range(&low, &high, &grids[g]);
        if (info != NULL && g == 0)
            describe(info, &grids[0], low, high, windowed);
    }
    if (options->hash == REDUX_VOLUME_HASH_DCT)
        RDX_TRY(transform_cells(context, &grids[0], options->size));
    RDX_TRY(rdx_alloc(context, &scratch, 2 * cells, sizeof(double)));
    make_codes(codes, variants, grids, options, scratch);
    rdx_free(scratch);
    return REDUX_OK;
}

redux_status rdx_volume_hash_run(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                 redux_context *context, const rdx_volume_source *source,
                                 const redux_volume_hash_options *options)
{
    rdx_volume_grid grids[RDX_VOLUME_GRIDS] = {{.cells = NULL}};
    const int32_t count = plan_grids(grids, options, variants);
    const bool windowed = source->window.kind == REDUX_WINDOW_RANGE;
    redux_status status = REDUX_OK;
    for (int32_t g = 0; g < count && status == REDUX_OK; g++) {
        void *block = NULL;
        const int64_t *side = grids[g].side;
        status =
            rdx_alloc(context, &block, (uint64_t)(side[0] * side[1] * side[2]), sizeof(double));
        grids[g].cells = block;
    }
    if (status == REDUX_OK)
        status = rdx_volume_grids_fill(context, grids, count, source);
    if (status == REDUX_OK)
        status = hash_grids(codes, variants, info, context, grids, count, options, windowed);
    for (int32_t g = 0; g < count; g++)
        rdx_free(grids[g].cells);
    return status;
}

static redux_status slice_of_tensor(redux_tensor *out, int64_t index, void *user)
{
    return redux_tensor_select(out, user, 0, index);
}

redux_status redux_volume_hash_compute(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                       redux_context *context, const redux_tensor *volume,
                                       double slope, double intercept,
                                       const redux_volume_hash_options *options)
{
    redux_volume_hash_options known;
    if (codes == NULL || volume == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_volume_hash_compute: an argument is NULL");
    RDX_TRY(rdx_volume_hash_read_options(&known, options));
    RDX_TRY(rdx_tensor_check(volume, 3, 0, "volume"));
    if (variants != 1 && variants != REDUX_VOLUME_ROTATIONS && variants != REDUX_VOLUME_TURNS)
        return rdx_fail(REDUX_E_INVALID, "volume hash: %d variants, not 1, 24 or 48",
                        (int)variants);
    if (volume->dtype == REDUX_FLOAT16 || volume->dtype == REDUX_BFLOAT16)
        return rdx_fail(REDUX_E_INVALID, "volume hash: voxels are %s",
                        redux_dtype_name(volume->dtype));
    if (redux_tensor_elements(volume) == 0 || !isfinite(slope) || !isfinite(intercept))
        return rdx_fail(REDUX_E_INVALID, "volume hash: no voxels, or slope %g, intercept %g", slope,
                        intercept);
    const rdx_volume_source source = {
        volume->shape[0], volume->shape[1],
        volume->shape[2], slope,
        intercept,        rdx_volume_hash_window(known.window, volume->dtype),
        slice_of_tensor,  (void *)(uintptr_t)volume};
    return rdx_volume_hash_run(codes, variants, info, context, &source, &known);
}

/* ---- distance ---- */

redux_status redux_volume_hash_distance(int32_t *distance, int32_t *variant, const uint8_t *code,
                                        const uint8_t *variants, int32_t count, int64_t bytes)
{
    if (distance == NULL || code == NULL || variants == NULL || count < 1 || bytes < 1 ||
        bytes > INT32_MAX / 8)
        return rdx_fail(REDUX_E_INVALID, "redux_volume_hash_distance: NULL, or nothing to compare");
    int32_t best = INT32_MAX;
    for (int32_t v = 0; v < count; v++) {
        int32_t differ = 0;
        for (int64_t i = 0; i < bytes; i++)
            differ += __builtin_popcount((unsigned)(code[i] ^ variants[v * bytes + i]));
        if (differ < best) {
            best = differ;
            if (variant != NULL)
                *variant = v;
        }
    }
    *distance = best;
    return REDUX_OK;
}
