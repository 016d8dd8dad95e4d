/* SPDX-License-Identifier: MIT
 * paths NAME TIMES: runs one path of the library so often, and prints what it looked at each time.
 * The instructions of a time are those of 2 TIMES minus those of TIMES (count.sh). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <redux.h>
#include "kernels/kernels.h"

enum { SIDE = 512, PIXELS = SIDE * SIDE, CODES = 4096, BINS = 64, CHANNELS = 64, MAP = 32 };

static uint8_t left[PIXELS], right[PIXELS];
static uint64_t codes[4 * CODES];
static float vectors[2][PIXELS];

static void must(redux_status status)
{
    if (status == REDUX_OK)
        return;
    fprintf(stderr, "paths: %s\n", redux_error_message());
    exit(1);
}

/* A smooth picture with a little noise, and one much like it. */
static void fill(void)
{
    uint32_t state = 1;
    for (int i = 0; i < PIXELS; i++) {
        state = state * 1664525 + 1013904223;
        left[i] = (uint8_t)(i % SIDE / 3 + (int)(state >> 29));
        right[i] = (uint8_t)(i % SIDE / 3 + (int)(state >> 26) % 8);
        vectors[0][i] = (float)(state >> 8) / (1 << 24) - 0.5F;
        vectors[1][i] = vectors[0][i] / 2;
    }
    for (int i = 0; i < 4 * CODES; i++) {
        state = state * 1664525 + 1013904223;
        codes[i] = (uint64_t)state << 32 | state >> 3;
    }
}

static redux_tensor picture(uint8_t *pixels)
{
    const int64_t shape[2] = {SIDE, SIDE};
    redux_tensor out;
    must(redux_tensor_borrow(&out, pixels, REDUX_UINT8, 2, shape, NULL));
    return out;
}

static void hash(redux_hash kind)
{
    redux_hash_options options = REDUX_HASH_OPTIONS_INIT;
    const redux_tensor image = picture(left);
    uint8_t code[64];
    redux_tensor out;
    options.hash = kind;
    const int64_t bytes = redux_hash_bytes(&options);
    must(redux_tensor_borrow(&out, code, REDUX_UINT8, 1, &bytes, NULL));
    must(redux_hash_compute(&out, NULL, &image, &options));
}

static void hash_difference(void)
{
    hash(REDUX_HASH_DIFFERENCE);
}

static void hash_dct(void)
{
    hash(REDUX_HASH_DCT);
}

static void hamming(int64_t words)
{
    static int32_t rows[CODES];
    rdx_kernels_get()->hamming_within(codes, NULL, CODES, codes, words, 0, rows);
}

static void hamming_64(void)
{
    hamming(1);
}

static void hamming_256(void)
{
    hamming(4);
}

static void histogram(void)
{
    const redux_tensor a = picture(left), b = picture(right);
    redux_histogram_options options = REDUX_HISTOGRAM_OPTIONS_INIT;
    redux_information out;
    options.bins = BINS;
    must(redux_information_compute(&out, NULL, &a, &b, &options));
}

static void ssim(void)
{
    const redux_tensor a = picture(left), b = picture(right);
    double out;
    must(redux_ssim(&out, NULL, &a, &b, NULL));
}

static void winograd(void)
{
    static float out_values[CHANNELS * MAP * MAP], weights[CHANNELS * CHANNELS * 9];
    static void *workspace;
    const int64_t map[4] = {1, MAP, MAP, CHANNELS}, kernel[4] = {CHANNELS, CHANNELS, 3, 3};
    const int64_t strides[4] = {9 * CHANNELS, 1, 3 * CHANNELS, CHANNELS};
    redux_conv2d_options options = REDUX_CONV2D_OPTIONS_INIT;
    redux_tensor in, out, weight;
    options.padding = 1;
    memcpy(weights, vectors[0], sizeof weights);
    must(redux_tensor_borrow(&in, vectors[0], REDUX_FLOAT32, 4, map, NULL));
    must(redux_tensor_borrow(&out, out_values, REDUX_FLOAT32, 4, map, NULL));
    must(redux_tensor_borrow(&weight, weights, REDUX_FLOAT32, 4, kernel, strides));
    if (workspace == NULL)
        workspace = calloc(redux_conv2d_workspace(NULL, &in, &weight, &options) / 64 + 1, 64);
    must(redux_conv2d_forward(&out, NULL, &in, &weight, NULL, &options, workspace));
}

static void cosine(void)
{
    static volatile double sum;
    sum = rdx_kernels_get()->dot_f32(vectors[0], vectors[1], PIXELS);
}

static const struct path {
    const char *name, *unit;
    void (*run)(void);
    double looked_at; /* units of a run */
} paths[] = {
    {"hash-difference", "pixel", hash_difference, PIXELS},
    {"hash-dct", "pixel", hash_dct, PIXELS},
    {"hamming-64", "pair", hamming_64, CODES},
    {"hamming-256", "pair", hamming_256, CODES},
    {"mutual-information", "pixel", histogram, PIXELS},
    {"ssim", "pixel", ssim, PIXELS},
    {"winograd", "multiply-add of a plain convolution", winograd,
     9.0 * CHANNELS *CHANNELS *MAP *MAP},
    {"cosine", "element", cosine, PIXELS},
};

int main(int count, char **arguments)
{
    const int paths_count = (int)(sizeof paths / sizeof *paths);
    if (count == 1)
        for (int i = 0; i < paths_count; i++)
            printf("%s %.0f %s\n", paths[i].name, paths[i].looked_at, paths[i].unit);
    if (count != 3)
        return count != 1;
    fill();
    for (int i = 0; i < paths_count; i++)
        if (strcmp(paths[i].name, arguments[1]) == 0)
            for (int times = atoi(arguments[2]); times > 0; times--)
                paths[i].run();
    return 0;
}
