/* SPDX-License-Identifier: MIT
 * The hot loops, one table of functions per instruction set. Internal.
 *
 * Each *_template.h is written once and compiled by each tier_*.c with that tier's compiler flags,
 * over the vectors of vector.h or in plain C. The integer loops of hamming, histogram and resize
 * have intrinsics of their own under RDX_TIER_AVX2, RDX_TIER_AVX512 and RDX_TIER_NEON where the
 * algorithms differ; bfloat16 is for AVX-512 alone. Integer results are equal in every tier;
 * floating ones within the bound that the metric states. */
#ifndef RDX_KERNELS_H
#define RDX_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define RDX_SSIM_TAPS 11  /* the longest side of a window */
#define RDX_SSIM_LANES 16 /* rows are padded to a multiple */

/* The window of structural similarity in the form that the kernels need. */
typedef struct rdx_ssim_taps {
    float across[RDX_SSIM_TAPS], down[RDX_SSIM_TAPS]; /* weights along x and y, symmetric */
    int32_t columns, rows;                            /* how many: odd */
    float total;                                      /* of all weights */
    float scale;                                      /* 1 / total */
    float unbias;                                     /* makes total * sum(ab) - sum(a) * sum(b) */
                                                      /* a covariance */
    float c1, c2;                                     /* of the index */
    float shift;                                      /* what was subtracted from the pixels */
    int32_t contrast;                                 /* not 0: the index without its luminance */
} rdx_ssim_taps;

/* One row of an image's means, times the window's total, and variances. */
typedef struct rdx_ssim_moments {
    const float *mean, *variance;
} rdx_ssim_moments;

/* A joint histogram of up to 2^32 - 1 pixels: a cell holds even + odd + wide. */
typedef struct rdx_joint_counts {
    uint16_t *even, *odd;
    uint32_t *wide;
    uint16_t *listed; /* cells of `wide` that are not 0; has room for `cells` + 1 */
    int64_t listed_count;
    int64_t cells; /* bins * bins, rounded up to a multiple of 32 */
    int64_t room;  /* pixels until the halves have to be trimmed */
    int32_t bins;
} rdx_joint_counts;

/* Trimming leaves counts below RDX_JOINT_LARGE, so that 16 bits hold that many more pixels in each
 * half, which gets every other one; minus the block in which overflow is detected. */
#define RDX_JOINT_LARGE 1024
#define RDX_JOINT_ROOM (2 * (65536 - RDX_JOINT_LARGE) - 64)

/* The taps of a horizontal pass over 8-bit pixels: output x begins at pixel first[x]; its weights
 * are packed into words[x * stride...] by resize_pack. */
typedef struct rdx_resize_taps {
    int64_t in, out, stride;
    const int32_t *first, *count, *words;
} rdx_resize_taps;

typedef void rdx_winograd_spread(float *out, int64_t step, const float *const *pixels,
                                 int64_t channels);
typedef void rdx_winograd_gather(float *const *pixels, const float *in, int64_t step,
                                 int64_t channels, int accumulate);

typedef void rdx_product(float *out, int64_t out_row, const float *a, int64_t a_row, int across,
                         const float *b, int64_t b_row, int64_t rows, int64_t depth,
                         int accumulate);

/* bfloat16_template.h */
typedef struct rdx_bfloat16_kernels {
    rdx_winograd_spread *winograd_rows[2], *winograd_input[2], *winograd_gradient[2];
    rdx_winograd_spread *winograd_weight[2];
    rdx_product *product;
    void (*round)(float *out, const float *in, int64_t count);
    void (*pairs)(float *out, int64_t step, const float *even, const float *odd, int64_t count);
} rdx_bfloat16_kernels;

typedef struct rdx_kernels {
    /* hamming_template.h */
    uint32_t (*hamming_distance)(const uint64_t *a, const uint64_t *b, int64_t words);
    int64_t (*hamming_plane_bytes)(int64_t count, int64_t words);
    void (*hamming_planes)(uint8_t *planes, const uint64_t *many, int64_t count, int64_t words);
    int64_t (*hamming_within)(const uint64_t *many, const uint8_t *planes, int64_t count,
                              const uint64_t *query, int64_t words, uint32_t radius, int32_t *rows);
    int64_t (*hamming_listed)(const uint64_t *codes, const uint32_t *rows, int64_t count,
                              const uint64_t *query, int64_t words, uint32_t radius,
                              int32_t *places);
    void (*hamming_first)(const uint64_t *kept, int64_t kept_count, const uint64_t *queries,
                          int64_t count, int64_t words, uint32_t radius, int64_t *first);
    /* dot_template.h */
    double (*dot_f32)(const float *a, const float *b, int64_t count);
    int64_t (*at_least_f32)(const float *values, int64_t start, int64_t count, float limit);
    /* histogram_template.h */
    void (*histogram_counts)(uint32_t *counts, const uint8_t *pixels, int64_t count);
    void (*histogram_joint)(uint16_t *even, uint16_t *odd, const uint8_t *a, const uint8_t *b,
                            int64_t count, int32_t bins);
    void (*histogram_pairs)(rdx_joint_counts *joint, const uint8_t *a, const uint8_t *b,
                            int64_t count);
    void (*histogram_columns)(uint32_t *rows, uint32_t *columns, const uint16_t *even,
                              const uint16_t *odd, int32_t bins);
    void (*histogram_fold)(uint32_t *wide, uint16_t *even, uint16_t *odd, int64_t cells);
    int64_t (*histogram_terms)(const uint32_t *wide, const uint16_t *even, const uint16_t *odd,
                               int64_t cells, const int64_t *table, int32_t bits);
    void (*histogram_bins_f32)(uint8_t *out, const float *in, int64_t count, const double *edges,
                               double scale, int32_t bins);
    /* norm_template.h */
    void (*norm_moments)(float *mean, float *squares, const float *in, int64_t rows, int64_t c);
    void (*norm_apply)(float *out, const float *in, const float *residual, const float *scale,
                       const float *shift, int64_t rows, int64_t c, int relu);
    void (*norm_sums)(float *sums, float *products, const float *d, const float *activated,
                      const float *in, const float *mean, const float *inverse, int64_t rows,
                      int64_t c);
    void (*norm_derive)(float *d_in, float *d_residual, const float *d, const float *activated,
                        const float *in, const float *mean, const float *inverse,
                        const float *weight, const float *mean_g, const float *mean_gx,
                        int64_t rows, int64_t c);
    /* pool_template.h */
    void (*pool_max)(float *out, const float *in, int64_t line, int64_t rows, int64_t columns,
                     int64_t c);
    void (*pool_max_back)(float *d_in, const float *in, const float *pooled, const float *d_out,
                          int64_t line, int64_t rows, int64_t columns, int64_t c);
    /* resize_template.h */
    int64_t (*resize_words)(int64_t taps);    /* of one output */
    int64_t (*resize_scratch)(int64_t width); /* words */
    void (*resize_pack)(int32_t *words, const int32_t *fixed, int32_t first, int32_t count,
                        int64_t taps);
    /* Output x of row y is out[x * across + y * down]: 1 the one or the other. */
    void (*resize_rows_u8)(uint8_t *out, int64_t across, int64_t down, const uint8_t *in,
                           int64_t stride, int64_t rows, const rdx_resize_taps *taps,
                           int32_t *scratch);
    void (*resize_column_u8)(uint8_t *out, const uint8_t *in, int64_t stride, int64_t width,
                             int32_t count, const int32_t *weight);
    void (*resize_row_f32)(float *out, const float *in, int64_t width, const int32_t *first,
                           const int32_t *count, const double *weight, int64_t taps);
    void (*resize_column_f32)(float *out, const float *in, int64_t stride, int64_t width,
                              int32_t count, const double *weight);
    /* ssim_template.h */
    void (*ssim_load_u8)(float *out, const uint8_t *in, int64_t count, float shift);
    void (*ssim_load_f32)(float *out, const float *in, int64_t count, float shift);
    void (*ssim_product_u8)(float *out, const uint8_t *a, const uint8_t *b, int64_t count,
                            float shift);
    void (*ssim_product_f32)(float *out, const float *a, const float *b, int64_t count,
                             float shift);
    void (*ssim_moments)(float *mean, float *variance, const float *const *rows, int64_t count,
                         const rdx_ssim_taps *window, float *scratch);
    void (*ssim_index)(double *lanes, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                       const float *const *rows, int64_t count, int64_t valid,
                       const rdx_ssim_taps *window, float *scratch);
    void (*ssim_map)(float *out, const rdx_ssim_moments *a, const rdx_ssim_moments *b,
                     const float *const *rows, int64_t count, const rdx_ssim_taps *window,
                     float *scratch);
    /* box_template.h */
    void (*box_columns)(float *out, const float *in, int64_t width, int64_t before, int64_t grow,
                        int64_t slide);
    void (*box_step)(float *out, float *sum, const float *add, const float *drop, int64_t width,
                     int size);
    void (*box_picked)(float *out, const float *in, int64_t width, int64_t length, int64_t before,
                       int64_t grow, const int32_t *picks, int64_t count);
    void (*box_bytes)(float *out, const uint8_t *in, int64_t length, int64_t before, int64_t grow);
    /* blur_template.h */
    void (*blur_down)(int16_t *out, const uint8_t *const *rows, int64_t width,
                      const int16_t *weights);
    void (*blur_across)(uint8_t *out, const int16_t *in, int64_t width, const int16_t *weights);
    /* transpose_template.h */
    void (*transpose_16)(float *out, int64_t out_stride, const float *in, int64_t in_stride);
    /* winograd_template.h: pixels to positions, for tiles of 2 x 2 and 4 x 4, and back */
    rdx_winograd_spread *winograd_input[2], *winograd_gradient[2], *winograd_weight[2];
    rdx_winograd_gather *winograd_output[2], *winograd_weight_back[2];
    rdx_product *winograd_product;
    const rdx_bfloat16_kernels *bfloat16; /* NULL: this tier has none; see rdx_cpu_has_bfloat16 */
} rdx_kernels;

extern const rdx_kernels rdx_kernels_portable;
#if defined(__x86_64__)
extern const rdx_kernels rdx_kernels_avx2, rdx_kernels_avx512;
#elif defined(__aarch64__)
extern const rdx_kernels rdx_kernels_neon;
#endif

/* The table of the tier in use (rdx_tier_in_use). */
const rdx_kernels *rdx_kernels_get(void);

#endif
