/* SPDX-License-Identifier: MIT
 * PDQ: "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", Facebook 2019.
 * In float32 and in the order of its C++ reference, so that codes are equal and not only near. */
#include <math.h>
#include <string.h>
#include "hash.h"
#include "kernels/kernels.h"

#define SIDE RDX_PDQ_SIDE
#define KEPT 16 /* coefficients 1 ... 16 of each axis */
#define LEAST_SIDE 5
#define TILE 16        /* rows and columns turned at once */
#define BAND 64        /* rows at a time, turned: four running sums side by side in AVX-512 */
#define MOST_WINDOW 32 /* of bytes added up anew for each output */

/* ---- luma ---- */

static void luma_of(float *luma, const rdx_pixels *in)
{
    const int64_t count = in->height * in->width;
    const uint8_t *pixel = in->data;
    if (in->dtype == REDUX_FLOAT32) {
        for (int64_t i = 0; i < count; i++)
            luma[i] = ((const float *)in->data)[i] * 255;
    } else if (in->channels == 1) {
        for (int64_t i = 0; i < count; i++)
            luma[i] = pixel[i];
    } else if (in->channels == 2) {
        for (int64_t i = 0; i < count; i++)
            luma[i] = pixel[2 * i];
    } else {
        for (int64_t i = 0; i < count; i++, pixel += in->channels)
            luma[i] = 0.299F * pixel[0] + 0.587F * pixel[1] + 0.114F * pixel[2];
    }
}

/* ---- the box filter: running sums over a window that is cut off at both ends ---- */

/* `before` values are added ahead of the first output. */
typedef struct box {
    int64_t before, grow,
        slide; /* outputs of a growing, a whole and (before again) a shrinking window */
} box;

static box box_of(int64_t length)
{
    const int64_t window = (length + 2 * SIDE - 1) / (2 * SIDE);
    const int64_t before = (window + 2) / 2 - 1;
    const box b = {before, window - before, length - window};
    return b;
}

/* Down `width` columns side by side. */
static void box_columns(float *out, const float *in, int64_t width, const box *b)
{
    rdx_kernels_get()->box_columns(out, in, width, b->before, b->grow, b->slide);
}

/* Some rows of a picture, turned: [width, BAND]. Missing ones are 0. */
static void turn_in(float *band, const float *rows, int64_t count, int64_t width)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    for (int64_t top = 0; top < BAND; top += TILE, rows += TILE * width) {
        int64_t x = 0;
        for (; top + TILE <= count && x + TILE <= width; x += TILE)
            kernels->transpose_16(band + x * BAND + top, BAND, rows + x, width);
        for (; x < width; x++)
            for (int64_t y = 0; y < TILE; y++)
                band[x * BAND + top + y] = top + y < count ? rows[y * width + x] : 0;
    }
}

static void turn_back(float *rows, const float *band, int64_t count, int64_t width)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    for (int64_t top = 0; top < count; top += TILE, rows += TILE * width) {
        int64_t x = 0;
        for (; top + TILE <= count && x + TILE <= width; x += TILE)
            kernels->transpose_16(rows + x, width, band + x * BAND + top, BAND);
        for (; x < width; x++)
            for (int64_t y = 0; y < TILE && top + y < count; y++)
                rows[y * width + x] = band[x * BAND + top + y];
    }
}

/* The pixels under the centres of SIDE cells. */
static void find_centres(int32_t centres[SIDE], int64_t length)
{
    for (int i = 0; i < SIDE; i++)
        centres[i] = (int32_t)((i + 0.5) * (double)length / SIDE);
}

/* The first pass along rows; bytes: the picture, else it is `luma`. bands: two of [width, BAND]. */
static void average_rows(float *out, const float *luma, const uint8_t *bytes, float *bands,
                         int64_t height, int64_t width, const box *b)
{
    float *blurred = bands + width * BAND;
    for (int64_t y = 0; bytes != NULL && y < height; y++)
        rdx_kernels_get()->box_bytes(out + y * width, bytes + y * width, width, b->before, b->grow);
    for (int64_t y = 0; bytes == NULL && y < height; y += BAND) {
        const int64_t count = RDX_MIN(BAND, height - y);
        turn_in(bands, luma + y * width, count, width);
        box_columns(blurred, bands, BAND, b);
        turn_back(out + y * width, blurred, count, width);
    }
}

/* Two passes along rows and columns, of which the second needs no more than the pixels under the
 * centres of a 64 x 64 grid. `luma` is overwritten; other: as large, and as a row SIDE wide at
 * least; bands: as above. */
static void reduce(float *small, float *luma, const uint8_t *bytes, float *other, float *bands,
                   int64_t height, int64_t width)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const box along_rows = box_of(width), along_columns = box_of(height);
    float *picked = bands + width * BAND;
    int32_t centres[SIDE];
    average_rows(other, luma, bytes, bands, height, width, &along_rows);
    box_columns(luma, other, width, &along_columns);
    find_centres(centres, width);
    for (int64_t y = 0; y < height; y += BAND) {
        const int64_t count = RDX_MIN(BAND, height - y);
        turn_in(bands, luma + y * width, count, width);
        kernels->box_picked(picked, bands, BAND, width, along_rows.before, along_rows.grow, centres,
                            SIDE);
        turn_back(other + y * SIDE, picked, count, SIDE);
    }
    find_centres(centres, height);
    kernels->box_picked(small, other, SIDE, height, along_columns.before, along_columns.grow,
                        centres, SIDE);
}

/* Floats that pdq works in. */
static uint64_t work_floats(int64_t height, int64_t width)
{
    const int64_t columns = RDX_MAX(width, SIDE);
    return (uint64_t)(2 * height * columns + 2 * columns * BAND);
}

/* ---- coefficients ---- */

/* Of floats, in a table of doubles: they are that. */
static redux_status make_cosines(double **out, redux_context *context)
{
    static const double pi = 3.14159265358979323846;
    const float scale = (float)sqrt(2.0 / SIDE);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)KEPT * SIDE, sizeof(double)));
    *out = block;
    for (int i = 0; i < KEPT; i++)
        for (int j = 0; j < SIDE; j++)
            (*out)[i * SIDE + j] =
                (double)(float)((double)scale * cos(pi / 2.0 / SIDE * (i + 1) * (2 * j + 1)));
    return REDUX_OK;
}

/* KEPT x KEPT of the product of a [KEPT, SIDE] and b [SIDE, b_row], every sum in the order of its
 * index: sums of 4 columns each stay in registers. */
static void product(float *out, int64_t out_row, const float *a, const float *b, int64_t b_row)
{
    typedef float lanes __attribute__((vector_size(16)));
    for (int i = 0; i < KEPT; i++, out += out_row, a += SIDE) {
        lanes sums[KEPT / 4] = {{0}}, values[KEPT / 4];
        for (int k = 0; k < SIDE; k++) {
            memcpy(values, b + k * b_row, sizeof values);
            for (int j = 0; j < KEPT / 4; j++)
                sums[j] += a[k] * values[j];
        }
        memcpy(out, sums, sizeof sums);
    }
}

/* D A D'. */
static void coefficients(float out[KEPT][KEPT], const float *small, const double *cosines)
{
    float matrix[KEPT * SIDE], turned[SIDE * KEPT], half[KEPT * SIDE];
    for (int i = 0; i < KEPT; i++)
        for (int j = 0; j < SIDE; j++)
            turned[j * KEPT + i] = matrix[i * SIDE + j] = (float)cosines[i * SIDE + j];
    for (int j = 0; j < SIDE; j += KEPT)
        product(half + j, SIDE, matrix, small + j, SIDE);
    product(*out, KEPT, half, turned, KEPT);
}

/* Above the lower median. Bit i of 256 is bit i % 8 of byte 31 - i / 8: the peer writes 16-bit
 * words from the last to the first. */
static void bits_of(uint8_t *code, const float *coefficient)
{
    double values[KEPT * KEPT];
    for (int i = 0; i < KEPT * KEPT; i++)
        values[i] = (double)coefficient[i];
    const float median = (float)rdx_hash_nth(values, KEPT * KEPT, KEPT * KEPT / 2 - 1);
    memset(code, 0, REDUX_PDQ_BYTES);
    for (int i = 0; i < KEPT * KEPT; i++)
        if (coefficient[i] > median)
            rdx_set_bit_low(code + REDUX_PDQ_BYTES - 1 - i / 8, i % 8);
}

/* Turning a picture turns its coefficients: signs change, axes are exchanged. Index i counts from
 * coefficient 1, so that an even i is odd about the middle. */
static void turned(float *out, float in[KEPT][KEPT], redux_dihedral variant)
{
    for (int i = 0; i < KEPT; i++)
        for (int j = 0; j < KEPT; j++) {
            const bool odd_row = i % 2 == 0, odd_column = j % 2 == 0;
            const bool exchanged =
                variant == REDUX_DIHEDRAL_ROTATE_90 || variant == REDUX_DIHEDRAL_ROTATE_270 ||
                variant == REDUX_DIHEDRAL_TRANSPOSE || variant == REDUX_DIHEDRAL_ANTITRANSPOSE;
            bool negative = false;
            if (variant == REDUX_DIHEDRAL_ROTATE_90 || variant == REDUX_DIHEDRAL_FLIP_Y)
                negative = odd_column;
            else if (variant == REDUX_DIHEDRAL_ROTATE_270 || variant == REDUX_DIHEDRAL_FLIP_X)
                negative = odd_row;
            else if (variant == REDUX_DIHEDRAL_ROTATE_180 ||
                     variant == REDUX_DIHEDRAL_ANTITRANSPOSE)
                negative = odd_row != odd_column;
            out[exchanged ? j * KEPT + i : i * KEPT + j] = negative ? -in[i][j] : in[i][j];
        }
}

/* ---- codes ---- */

/* work: work_floats, of which the first [height, width] are the luma unless it is in `bytes`.
 * cosines: make_cosines. */
static void pdq(uint8_t *codes, int32_t variants, redux_hash_info *info, float *work,
                const uint8_t *bytes, const double *cosines, int64_t height, int64_t width)
{
    const int64_t columns = RDX_MAX(width, SIDE);
    float *luma = work, *other = luma + height * columns, *bands = other + height * columns;
    float small[SIDE * SIDE], low[KEPT][KEPT], turn[KEPT * KEPT];
    if (RDX_MIN(height, width) < LEAST_SIDE) {
        memset(codes, 0, (size_t)variants * REDUX_PDQ_BYTES);
        if (info != NULL)
            *info = (redux_hash_info){0, REDUX_HASH_TOO_SMALL};
        return;
    }
    if (height == SIDE && width == SIDE)
        memcpy(small, luma, sizeof small);
    else
        reduce(small, luma, bytes, other, bands, height, width);
    if (info != NULL)
        rdx_hash_judge(info, small);
    coefficients(low, small, cosines);
    for (int32_t i = 0; i < variants; i++) {
        turned(turn, low, (redux_dihedral)i);
        bits_of(codes + (size_t)i * REDUX_PDQ_BYTES, turn);
    }
}

static redux_status run(rdx_hasher *hasher, uint8_t *codes, int32_t variants, redux_hash_info *info,
                        const rdx_pixels *in)
{
    void *block;
    if (hasher->table == NULL)
        RDX_TRY(make_cosines(&hasher->table, hasher->context));
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_WORK, work_floats(in->height, in->width),
                              sizeof(float)));
    const box along_rows = box_of(in->width);
    const bool direct = in->dtype == REDUX_UINT8 && in->channels == 1 &&
                        along_rows.before + along_rows.grow <= MOST_WINDOW &&
                        (in->height != SIDE || in->width != SIDE);
    if (!direct)
        luma_of(block, in);
    pdq(codes, variants, info, block, direct ? in->data : NULL, hasher->table, in->height,
        in->width);
    return REDUX_OK;
}

redux_status rdx_hash_pdq(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                          const rdx_pixels *in)
{
    return run(hasher, code, 1, info, in);
}

redux_status redux_hash_pdq_luma(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                 redux_context *context, const redux_tensor *luma)
{
    redux_tensor rows;
    rdx_hasher hasher = {.context = context};
    void *block;
    if (codes == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_pdq_luma: codes is NULL");
    if (variants != 1 && variants != REDUX_DIHEDRAL_COUNT)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_pdq_luma: %d variants: there are 1 or 8",
                        (int)variants);
    RDX_TRY(rdx_tensor_check(luma, 2, REDUX_FLOAT32, "luma"));
    const int64_t height = luma->shape[0], width = luma->shape[1];
    RDX_TRY(
        rdx_hasher_buffer(&hasher, &block, RDX_WORK, work_floats(height, width), sizeof(float)));
    float *work = block;
    redux_status status = make_cosines(&hasher.table, context);
    if (status == REDUX_OK)
        status = redux_tensor_borrow(&rows, work, REDUX_FLOAT32, 2, luma->shape, NULL);
    if (status == REDUX_OK)
        status = redux_tensor_copy(&rows, luma);
    if (info != NULL)
        *info = (redux_hash_info){0, 0};
    if (status == REDUX_OK)
        pdq(codes, variants, info, work, NULL, hasher.table, height, width);
    rdx_hasher_clear(&hasher);
    return status;
}

redux_status redux_hash_pdq_dihedral(uint8_t *codes, redux_hash_info *info, redux_context *context,
                                     const redux_tensor *picture)
{
    redux_tensor rows;
    if (codes == NULL || picture == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_pdq_dihedral: an argument is NULL");
    RDX_TRY(rdx_tensor_check(picture, picture->ndim == 2 ? 2 : 3, REDUX_UINT8, "picture"));
    const int channels = picture->ndim == 2 ? 1 : (int)picture->shape[2];
    if (channels < 1 || channels > 4)
        return rdx_fail(REDUX_E_INVALID, "hash: a picture is [H, W] or [H, W, 1 ... 4]");
    rdx_hasher hasher = {.context = context};
    RDX_TRY(redux_tensor_contiguous(&rows, context, picture, REDUX_UINT8));
    const rdx_pixels in = {rows.data, REDUX_UINT8, rows.shape[0], rows.shape[1], channels};
    if (info != NULL)
        *info = (redux_hash_info){0, 0};
    const redux_status status = run(&hasher, codes, REDUX_DIHEDRAL_COUNT, info, &in);
    redux_tensor_release(&rows);
    rdx_hasher_clear(&hasher);
    return status;
}
