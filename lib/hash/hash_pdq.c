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

/* State of a reduction. The first pass gives rows, of bytes on demand, or all rows of floats
 * beforehand. The others take one band of rows after the other. */
typedef struct reduction {
    const uint8_t *bytes;  /* the picture, or NULL: it is floats */
    int64_t height, width; /* at least LEAST_SIDE */
    box along_rows, along_columns;
    int64_t slots; /* rows of the first pass that are kept */
    float *rows;   /* [slots, width]: row y is at y % slots */
    float *luma;   /* floats: [height, width] */
    float *sum;    /* [width]: running down the columns */
    float *band;   /* [BAND, width]: after the second pass */
    float *turned; /* [width, BAND] */
    float *other;  /* [width, BAND], and as [SIDE, BAND] */
    float *narrow; /* [height, SIDE]: after the third pass */
} reduction;

/* Divides `work` up and returns how many floats it needs. NULL: only counts. */
static uint64_t divide(reduction *r, float *work, const uint8_t *bytes, int64_t height,
                       int64_t width)
{
    const int64_t columns = RDX_MAX(width, SIDE);
    float **const part[] = {&r->luma,   &r->rows,  &r->sum,   &r->band,
                            &r->turned, &r->other, &r->narrow};
    memset(r, 0, sizeof *r);
    r->bytes = bytes;
    r->height = height;
    r->width = width;
    r->along_rows = box_of(width);
    r->along_columns = box_of(height);
    r->slots = bytes != NULL ? r->along_columns.before + r->along_columns.grow + 1 : height;
    const int64_t size[] = {bytes != NULL ? 0 : height * width,
                            r->slots * width,
                            width,
                            BAND * width,
                            width * BAND,
                            columns * BAND,
                            height * SIDE};
    uint64_t total = 0;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        if (work != NULL)
            *part[i] = work + total;
        total += (uint64_t)size[i];
    }
    return total;
}

/* The first pass along rows of floats. */
static void average_rows(const reduction *r)
{
    for (int64_t y = 0; y < r->height; y += BAND) {
        const int64_t count = RDX_MIN(BAND, r->height - y);
        turn_in(r->turned, r->luma + y * r->width, count, r->width);
        box_columns(r->other, r->turned, BAND, &r->along_rows);
        turn_back(r->rows + y * r->width, r->other, count, r->width);
    }
}

static float *row_at(const reduction *r, int64_t y)
{
    return r->rows + y % r->slots * r->width;
}

/* Row y after the second pass, into `out`. Rows must come in order, from -before on. */
static void step_down(const reduction *r, float *out, int64_t y)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t last = y + r->along_columns.before, first = y - r->along_columns.grow + 1;
    if (last < r->height && r->bytes != NULL)
        kernels->box_bytes(row_at(r, last), r->bytes + last * r->width, r->width,
                           r->along_rows.before, r->along_rows.grow);
    kernels->box_step(out, r->sum, last < r->height ? row_at(r, last) : NULL,
                      first > 0 ? row_at(r, first - 1) : NULL, r->width,
                      (int)(RDX_MIN(last + 1, r->height) - RDX_MAX(first, 0)));
}

/* Two passes along rows and columns. The second computes only the pixels under the centres of a 64
 * x 64 grid. */
static void reduce(float *small, const reduction *r)
{
    const rdx_kernels *kernels = rdx_kernels_get();
    const int64_t width = r->width;
    int32_t centres[SIDE];
    if (r->bytes == NULL)
        average_rows(r);
    memset(r->sum, 0, (size_t)width * sizeof *r->sum);
    for (int64_t y = -r->along_columns.before; y < 0; y++)
        step_down(r, NULL, y);
    find_centres(centres, width);
    for (int64_t top = 0; top < r->height; top += BAND) {
        const int64_t count = RDX_MIN(BAND, r->height - top);
        for (int64_t y = 0; y < count; y++)
            step_down(r, r->band + y * width, top + y);
        turn_in(r->turned, r->band, count, width);
        kernels->box_picked(r->other, r->turned, BAND, width, r->along_rows.before,
                            r->along_rows.grow, centres, SIDE);
        turn_back(r->narrow + top * SIDE, r->other, count, SIDE);
    }
    find_centres(centres, r->height);
    kernels->box_picked(small, r->narrow, SIDE, r->height, r->along_columns.before,
                        r->along_columns.grow, centres, SIDE);
}

/* ---- coefficients ---- */

/* The floats are stored in a table of doubles. */
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
    float matrix[KEPT * SIDE], transposed[SIDE * KEPT], half[KEPT * SIDE];
    for (int i = 0; i < KEPT; i++)
        for (int j = 0; j < SIDE; j++)
            transposed[j * KEPT + i] = matrix[i * SIDE + j] = (float)cosines[i * SIDE + j];
    for (int j = 0; j < SIDE; j += KEPT)
        product(half + j, SIDE, matrix, small + j, SIDE);
    product(*out, KEPT, half, transposed, KEPT);
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

/* Turning a picture turns its coefficients: signs change and axes are exchanged. Index i counts
 * from coefficient 1, so an even i is odd about the middle. */
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

/* cosines: make_cosines. */
static void pdq(uint8_t *codes, int32_t variants, redux_hash_info *info, const reduction *r,
                const double *cosines)
{
    float small[SIDE * SIDE], low[KEPT][KEPT], turn[KEPT * KEPT];
    if (RDX_MIN(r->height, r->width) < LEAST_SIDE) {
        memset(codes, 0, (size_t)variants * REDUX_PDQ_BYTES);
        if (info != NULL)
            *info = (redux_hash_info){0, REDUX_HASH_TOO_SMALL};
        return;
    }
    if (r->height == SIDE && r->width == SIDE)
        memcpy(small, r->luma, sizeof small);
    else
        reduce(small, r);
    if (info != NULL)
        rdx_hash_judge(info, small);
    coefficients(low, small, cosines);
    for (int32_t i = 0; i < variants; i++) {
        turned(turn, low, (redux_dihedral)i);
        bits_of(codes + (size_t)i * REDUX_PDQ_BYTES, turn);
    }
}

/* Bytes that need no conversion to float first. */
static const uint8_t *bytes_of(const rdx_pixels *in)
{
    const box b = box_of(in->width);
    const bool done = in->height == SIDE && in->width == SIDE;
    return in->dtype == REDUX_UINT8 && in->channels == 1 && b.before + b.grow <= MOST_WINDOW &&
                   !done
               ? in->data
               : NULL;
}

/* Makes the table of cosines and the buffers. The caller fills in the luma. */
static redux_status prepare(rdx_hasher *hasher, reduction *r, const uint8_t *bytes, int64_t height,
                            int64_t width)
{
    void *block;
    if (hasher->table == NULL)
        RDX_TRY(make_cosines(&hasher->table, hasher->context));
    const uint64_t count = divide(r, NULL, bytes, height, width);
    RDX_TRY(rdx_hasher_buffer(hasher, &block, RDX_WORK, count, sizeof(float)));
    divide(r, block, bytes, height, width);
    return REDUX_OK;
}

static redux_status run(rdx_hasher *hasher, uint8_t *codes, int32_t variants, redux_hash_info *info,
                        const rdx_pixels *in)
{
    reduction r;
    RDX_TRY(prepare(hasher, &r, bytes_of(in), in->height, in->width));
    if (r.bytes == NULL)
        luma_of(r.luma, in);
    pdq(codes, variants, info, &r, hasher->table);
    return REDUX_OK;
}

redux_status rdx_hash_pdq(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                          const rdx_pixels *in)
{
    return run(hasher, code, 1, info, in);
}

redux_status rdx_hash_pdq_luma(rdx_hasher *hasher, uint8_t *codes, int32_t variants,
                               redux_hash_info *info, const redux_tensor *luma)
{
    redux_tensor rows;
    reduction r;
    RDX_TRY(prepare(hasher, &r, NULL, luma->shape[0], luma->shape[1]));
    RDX_TRY(redux_tensor_borrow(&rows, r.luma, REDUX_FLOAT32, 2, luma->shape, NULL));
    RDX_TRY(redux_tensor_copy(&rows, luma));
    if (info != NULL)
        *info = (redux_hash_info){0, 0};
    pdq(codes, variants, info, &r, hasher->table);
    return REDUX_OK;
}

redux_status redux_hash_pdq_luma(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                 redux_context *context, const redux_tensor *luma)
{
    rdx_hasher hasher = {.context = context};
    if (codes == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_pdq_luma: codes is NULL");
    if (variants != 1 && variants != REDUX_DIHEDRAL_COUNT)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_pdq_luma: %d variants, not 1 or 8",
                        (int)variants);
    RDX_TRY(rdx_tensor_check(luma, 2, REDUX_FLOAT32, "luma"));
    const redux_status status = rdx_hash_pdq_luma(&hasher, codes, variants, info, luma);
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
