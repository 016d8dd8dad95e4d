/* SPDX-License-Identifier: MIT
 * Perceptual hashes. imagehash: J. Buchner's Python package, version 4.3; its DCT hash follows
 * Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "hash.h"

#define SIDE 8 /* hash_size: 64 bits */
#define DCT_SIDE RDX_DCT_SIDE
#define BITS 64.0

static const struct {
    const char *name;
    redux_hash hash;
    int64_t height, width; /* what the image is resized to */
} hashes[] = {
    {"average", REDUX_HASH_AVERAGE, SIDE, SIDE},
    {"difference", REDUX_HASH_DIFFERENCE, SIDE, SIDE + 1},
    {"dct", REDUX_HASH_DCT, DCT_SIDE, DCT_SIDE},
};

static const struct {
    const char *name;
    redux_hash_profile profile;
} profiles[] = {
    {"paper-hash", REDUX_PROFILE_PAPER_HASH},
    {"imagehash", REDUX_PROFILE_IMAGEHASH},
};

redux_status redux_hash_parse(redux_hash *out, const char *name)
{
    for (int64_t i = 0; name != NULL && i < RDX_COUNT(hashes); i++)
        if (strcmp(name, hashes[i].name) == 0) {
            *out = hashes[i].hash;
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_NOT_FOUND, "hash '%s' is none of average, difference, dct",
                    name == NULL ? "" : name);
}

redux_status redux_hash_profile_parse(redux_hash_profile *out, const char *name)
{
    for (int64_t i = 0; name != NULL && i < RDX_COUNT(profiles); i++)
        if (strcmp(name, profiles[i].name) == 0) {
            *out = profiles[i].profile;
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_NOT_FOUND, "profile '%s' is none of paper-hash, imagehash",
                    name == NULL ? "" : name);
}

const char *redux_hash_name(redux_hash hash)
{
    for (int64_t i = 0; i < RDX_COUNT(hashes); i++)
        if (hashes[i].hash == hash)
            return hashes[i].name;
    return "unknown";
}

const char *redux_hash_profile_name(redux_hash_profile profile)
{
    for (int64_t i = 0; i < RDX_COUNT(profiles); i++)
        if (profiles[i].profile == profile)
            return profiles[i].name;
    return "unknown";
}

/* ---- bits from the resized image ---- */

static double pixel(const void *image, int64_t index, redux_dtype dtype)
{
    return dtype == REDUX_UINT8 ? (double)((const uint8_t *)image)[index]
                                : (double)((const float *)image)[index];
}

/* Row-major, most significant bit first. */
static void set_bit(uint8_t *code, int index)
{
    code[index / 8] = (uint8_t)(code[index / 8] | 128 >> index % 8);
}

static void average_bits(uint8_t *code, const void *image, redux_dtype dtype)
{
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        sum += pixel(image, i, dtype);
    for (int i = 0; i < SIDE * SIDE; i++)
        if (pixel(image, i, dtype) > sum / BITS)
            set_bit(code, i);
}

static void difference_bits(uint8_t *code, const void *image, redux_dtype dtype)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            if (pixel(image, y * (SIDE + 1) + x + 1, dtype) >
                pixel(image, y * (SIDE + 1) + x, dtype))
                set_bit(code, y * SIDE + x);
}

/* The first 8 coefficients of the unnormalised 32-point DCT-II, 2 sum x[n] cos(pi k (2n + 1) / 64).
 * Folding the input about its middle serves odd k with the differences and leaves even k to the
 * sums, of half the length; so every coefficient but the first of a constant line is exactly 0,
 * whatever the rounding of the cosines: a flat image has no bits made of round-off. */
static void dct_line(const rdx_hasher *hasher, double *out, const double *in, int64_t stride)
{
    double line[DCT_SIDE];
    for (int n = 0; n < DCT_SIDE; n++)
        line[n] = in[n * stride];
    for (int half = DCT_SIDE / 2, step = 1; half >= DCT_SIDE / SIDE; half /= 2, step *= 2) {
        double difference[DCT_SIDE / 2];
        for (int n = 0; n < half; n++) {
            difference[n] = line[n] - line[2 * half - 1 - n];
            line[n] += line[2 * half - 1 - n];
        }
        for (int k = step; k < SIDE; k += 2 * step) {
            double sum = 0;
            for (int n = 0; n < half; n++)
                sum += difference[n] * hasher->cosines[k][n];
            out[k] = 2 * sum;
        }
    }
    out[0] = 2 * (line[0] + line[1] + line[2] + line[3]);
}

static void make_cosines(rdx_hasher *hasher)
{
    static const double pi = 3.14159265358979323846;
    for (int k = 1; k < SIDE; k++) {
        const int step = k & -k, half = DCT_SIDE / 2 / step; /* folded log2(step) times */
        const int odd = k / step;
        for (int n = 0; n < half; n++)
            hasher->cosines[k][n] = cos(pi * odd * (2 * n + 1) / (4 * half));
    }
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void dct_bits(const rdx_hasher *hasher, uint8_t *code, const void *image, redux_dtype dtype)
{
    double pixels[DCT_SIDE * DCT_SIDE], columns[SIDE * DCT_SIDE], low[SIDE * SIDE], line[SIDE];
    double sorted[SIDE * SIDE];
    for (int i = 0; i < DCT_SIDE * DCT_SIDE; i++)
        pixels[i] = pixel(image, i, dtype);
    for (int x = 0; x < DCT_SIDE; x++) {
        dct_line(hasher, line, pixels + x, DCT_SIDE);
        for (int k = 0; k < SIDE; k++)
            columns[k * DCT_SIDE + x] = line[k];
    }
    for (int k = 0; k < SIDE; k++)
        dct_line(hasher, &low[k * SIDE], &columns[k * DCT_SIDE], 1);
    memcpy(sorted, low, sizeof low);
    qsort(sorted, (size_t)SIDE * SIDE, sizeof *sorted, compare_doubles);
    const double median = (sorted[SIDE * SIDE / 2 - 1] + sorted[SIDE * SIDE / 2]) / 2;
    for (int i = 0; i < SIDE * SIDE; i++)
        if (low[i] > median)
            set_bit(code, i);
}

/* ---- images ---- */

redux_status rdx_hasher_init(rdx_hasher *hasher, redux_context *context,
                             const redux_hash_options *options)
{
    redux_hash_options known = REDUX_HASH_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_hash_options"));
    if (known.hash < REDUX_HASH_AVERAGE || known.hash > REDUX_HASH_DCT)
        return rdx_fail(REDUX_E_INVALID, "unknown hash %d", (int)known.hash);
    if (known.profile < REDUX_PROFILE_PAPER_HASH || known.profile > REDUX_PROFILE_IMAGEHASH)
        return rdx_fail(REDUX_E_INVALID, "unknown hash profile %d", (int)known.profile);
    memset(hasher, 0, sizeof *hasher);
    hasher->context = context;
    hasher->hash = known.hash;
    if (known.hash == REDUX_HASH_DCT)
        make_cosines(hasher);
    return REDUX_OK;
}

void rdx_hasher_clear(rdx_hasher *hasher)
{
    if (hasher->resizer.buffer != NULL)
        rdx_resizer_clear(&hasher->resizer);
}

static redux_status fit_resizer(rdx_hasher *hasher, const redux_tensor *image)
{
    const int64_t height = hashes[hasher->hash].height, width = hashes[hasher->hash].width;
    if (rdx_resizer_fits(&hasher->resizer, image->dtype, image->shape[0], image->shape[1], height,
                         width, REDUX_FILTER_LANCZOS))
        return REDUX_OK;
    rdx_hasher_clear(hasher);
    return rdx_resizer_init(&hasher->resizer, hasher->context, image->dtype, image->shape[0],
                            image->shape[1], height, width, REDUX_FILTER_LANCZOS);
}

redux_status rdx_hasher_run(rdx_hasher *hasher, uint8_t *code, const redux_tensor *image)
{
    float resized[DCT_SIDE * DCT_SIDE];
    redux_tensor rows;
    if (image->dtype != REDUX_UINT8 && image->dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "hash: the image is %s, not uint8 or float32",
                        redux_dtype_name(image->dtype));
    RDX_TRY(fit_resizer(hasher, image));
    RDX_TRY(redux_tensor_contiguous(&rows, hasher->context, image, image->dtype));
    rdx_resizer_run(&hasher->resizer, resized, rows.data, rows.shape[1]);
    redux_tensor_release(&rows);
    memset(code, 0, SIDE * SIDE / 8);
    switch (hasher->hash) {
    case REDUX_HASH_AVERAGE:
        average_bits(code, resized, image->dtype);
        break;
    case REDUX_HASH_DIFFERENCE:
        difference_bits(code, resized, image->dtype);
        break;
    case REDUX_HASH_DCT:
        dct_bits(hasher, code, resized, image->dtype);
        break;
    }
    return REDUX_OK;
}

int64_t redux_hash_bytes(const redux_hash_options *options)
{
    rdx_hasher hasher;
    return rdx_hasher_init(&hasher, NULL, options) == REDUX_OK ? SIDE * SIDE / 8 : 0;
}

/* A task hashes a run of images with one plan. */
#define IMAGES_PER_TASK 16

typedef struct hash_job {
    redux_context *context;
    const redux_hash_options *options;
    const redux_tensor *images; /* [N, H, W] */
    uint8_t *codes;
} hash_job;

static redux_status hash_task(int64_t index, void *user)
{
    const hash_job *job = user;
    const int64_t first = index * IMAGES_PER_TASK;
    const int64_t last = RDX_MIN(first + IMAGES_PER_TASK, job->images->shape[0]);
    redux_status status = REDUX_OK;
    rdx_hasher hasher;
    RDX_TRY(rdx_hasher_init(&hasher, job->context, job->options));
    for (int64_t i = first; i < last && status == REDUX_OK; i++) {
        redux_tensor image;
        status = redux_tensor_select(&image, job->images, 0, i);
        if (status == REDUX_OK) {
            status = rdx_hasher_run(&hasher, job->codes + i * (SIDE * SIDE / 8), &image);
            redux_tensor_release(&image);
        }
    }
    rdx_hasher_clear(&hasher);
    return status;
}

redux_status redux_hash_compute(const redux_tensor *out, redux_context *context,
                                const redux_tensor *images, const redux_hash_options *options)
{
    redux_tensor batch;
    if (images == NULL || out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_compute: an argument is NULL");
    const bool one = images->ndim == 2;
    RDX_TRY(rdx_tensor_check(images, one ? 2 : 3, 0, "images"));
    RDX_TRY(rdx_tensor_check(out, one ? 1 : 2, REDUX_UINT8, "out"));
    if (out->shape[out->ndim - 1] != SIDE * SIDE / 8 || !redux_tensor_is_contiguous(out) ||
        (!one && out->shape[0] != images->shape[0]))
        return rdx_fail(REDUX_E_INVALID, "hash: out is not a contiguous [%lld, %d]",
                        (long long)(one ? 1 : images->shape[0]), SIDE * SIDE / 8);
    if (images->dtype != REDUX_UINT8 && images->dtype != REDUX_FLOAT32)
        return rdx_fail(REDUX_E_INVALID, "hash: images are %s, not uint8 or float32",
                        redux_dtype_name(images->dtype));
    batch = *images; /* borrowed for the time of the call */
    if (one) {
        batch.ndim = 3;
        for (int axis = 2; axis > 0; axis--) {
            batch.shape[axis] = images->shape[axis - 1];
            batch.strides[axis] = images->strides[axis - 1];
        }
        batch.shape[0] = 1;
    }
    hash_job job = {context, options, &batch, out->data};
    return rdx_parallel(context, (batch.shape[0] + IMAGES_PER_TASK - 1) / IMAGES_PER_TASK,
                        hash_task, &job);
}

/* ---- text ---- */

void redux_hash_to_hex(char *text, const uint8_t *code, int64_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (int64_t i = 0; i < bytes; i++) {
        text[2 * i] = digits[code[i] >> 4];
        text[2 * i + 1] = digits[code[i] & 15];
    }
    text[2 * bytes] = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

redux_status redux_hash_from_hex(uint8_t *code, int64_t bytes, const char *text)
{
    if (code == NULL || text == NULL || strlen(text) != (size_t)(2 * bytes))
        return rdx_fail(REDUX_E_FORMAT, "'%s' is not %lld hex digits", text == NULL ? "" : text,
                        (long long)(2 * bytes));
    for (int64_t i = 0; i < 2 * bytes; i++)
        if (hex_value(text[i]) < 0)
            return rdx_fail(REDUX_E_FORMAT, "'%s' holds '%c', which is no hex digit", text,
                            text[i]);
    for (int64_t i = 0; i < bytes; i++)
        code[i] =
            (uint8_t)((unsigned)hex_value(text[2 * i]) << 4 | (unsigned)hex_value(text[2 * i + 1]));
    return REDUX_OK;
}
