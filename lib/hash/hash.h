/* SPDX-License-Identifier: MIT
 * Hashing many images of mostly one size: plans and buffers are kept. Internal.
 *
 *   hash.c            names, what each profile has and allows; images in batches
 *   hasher.c          one image after the other: pixels as a method wants them, quality, flags
 *   hash_grid.c       average, difference, wavelet and block mean of a resized picture
 *   hash_dct.c        the low DCT-II coefficients: imagehash, imagededup, OpenCV
 *   hash_colour.c     imagehash's colour hash
 *   hash_pdq.c        PDQ, its quality and its dihedral variants
 *   hash_blockhash.c  blockhash
 *   hash_opencv.c     OpenCV's block mean and average;  hash_marr_hildreth.c, hash_radial.c
 *   hash_text.c       hex, as each peer writes it
 *   hash_list.c       the binary form
 *   hash_dataset.c    all slices of a dataset, with colour where pictures have it */
#ifndef RDX_HASH_H
#define RDX_HASH_H

#include <redux/hash.h>
#include "image/image.h"

#define RDX_HASH_MOST_SIZE 64
#define RDX_HASH_MOST_BYTES (RDX_HASH_MOST_SIZE * RDX_HASH_MOST_SIZE / 8)

/* The input of a method: contiguous rows of uint8 or, if it takes them, of float32 in 0 ... 1. */
typedef struct rdx_pixels {
    const void *data;
    redux_dtype dtype;
    int64_t height, width;
    int channels; /* 1: grey; 2: grey and alpha; 3, 4: RGB, RGBA, if the method reads colour */
} rdx_pixels;

typedef struct rdx_hasher rdx_hasher;
typedef redux_status (*rdx_hash_fn)(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                    const rdx_pixels *in);

/* How a hash is computed under some profiles. */
typedef struct rdx_hash_method {
    redux_hash hash;
    uint32_t profiles;       /* of 1 << redux_hash_profile */
    rdx_hash_fn run;         /* `code` is zeroed; `info` may be NULL */
    int32_t size, low, high; /* options.size: its default and range */
    int32_t step;            /* it is a multiple of this; 0: a power of two */
    int32_t per_size;        /* bits: per_size * size; 0: size * size */
    bool colour;             /* reads colours; other methods get luma */
    bool eight_bit;          /* defined on 8-bit pixels only: floats are rounded */
    bool has_info;           /* fills in `info` itself */
} rdx_hash_method;

/* Buffers of a hasher, each grown to what was last asked for. */
enum { RDX_GREY, RDX_PLANE, RDX_RESIZED, RDX_VALUES, RDX_WORK, RDX_BUFFERS };

/* The property of one thread. */
struct rdx_hasher {
    redux_context *context;
    redux_hash_options options; /* with the size filled in */
    const rdx_hash_method *method;
    int64_t bits, bytes;
    rdx_resizer resizer;
    double *table; /* of the method: cosines, a kernel */
    void *buffer[RDX_BUFFERS];
    uint64_t buffer_bytes[RDX_BUFFERS];
};

/* Checks the options (NULL: defaults). */
redux_status rdx_hasher_init(rdx_hasher *hasher, redux_context *context,
                             const redux_hash_options *options);
void rdx_hasher_clear(rdx_hasher *hasher);
/* image: [H, W] or, with colour, [H, W, 1 ... 4]; uint8 or float32 in 0 ... 1 (windowed), any
 * strides. code: redux_hash_bytes(options) bytes. */
redux_status rdx_hasher_run(rdx_hasher *hasher, uint8_t *code, const redux_tensor *image);
/* The same with quality and flags; `info` may be NULL. */
redux_status rdx_hasher_run_info(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const redux_tensor *image);

/* ---- hash.c ---- */

/* The method of valid options; fills in the size. */
redux_status rdx_hash_resolve(redux_hash_options *options, const rdx_hash_method **method);
/* Bits of a code under resolved options. */
int64_t rdx_hash_method_bits(const rdx_hash_method *method, int32_t size);

/* ---- hasher.c: for methods ---- */

redux_status rdx_hasher_buffer(rdx_hasher *hasher, void **out, int which, uint64_t count,
                               uint64_t size);
/* `in` resized, in the RDX_RESIZED buffer: one channel of in->dtype. Colours are resized separately
 * and then turned into luma. One channel of that size already is returned as it is. */
redux_status rdx_hasher_resize(rdx_hasher *hasher, const void **out, const rdx_pixels *in,
                               int64_t height, int64_t width, redux_filter filter);
/* The same as doubles, in the RDX_VALUES buffer. */
redux_status rdx_hasher_values(rdx_hasher *hasher, double **out, const rdx_pixels *in,
                               int64_t height, int64_t width, redux_filter filter);
/* PDQ's quality of 64 x 64 luma in 0 ... 255, and whether it is flat. */
void rdx_hash_judge(redux_hash_info *info, const float *luma);
/* The value at index n of the sorted `values`, whose order changes. */
double rdx_hash_nth(double *values, int64_t count, int64_t n);
/* Middle value, or the mean of the two middle ones; the order of `values` changes. */
double rdx_hash_median(double *values, int64_t count);
/* Side of the picture that quality and PDQ are computed from. */
#define RDX_PDQ_SIDE 64

/* Row-major, most significant bit first; OpenCV: least significant first. */
static inline void rdx_set_bit(uint8_t *code, int64_t index)
{
    code[index / 8] = (uint8_t)(code[index / 8] | 128 >> index % 8);
}
static inline void rdx_set_bit_low(uint8_t *code, int64_t index)
{
    code[index / 8] = (uint8_t)(code[index / 8] | 1 << index % 8);
}

/* ---- the methods ---- */

redux_status rdx_hash_average(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                              const rdx_pixels *in);
redux_status rdx_hash_difference(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in);
redux_status rdx_hash_difference_vertical(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                          const rdx_pixels *in);
redux_status rdx_hash_wavelet(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                              const rdx_pixels *in);
redux_status rdx_hash_block_mean(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in);
redux_status rdx_hash_dct(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                          const rdx_pixels *in);
redux_status rdx_hash_dct_simple(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in);
redux_status rdx_hash_colour(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                             const rdx_pixels *in);
redux_status rdx_hash_pdq(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                          const rdx_pixels *in);
/* redux_hash_pdq_luma of checked arguments, by a hasher whose context alone needs to be set: what
 * it holds serves the next call. */
redux_status rdx_hash_pdq_luma(rdx_hasher *hasher, uint8_t *codes, int32_t variants,
                               redux_hash_info *info, const redux_tensor *luma);
redux_status rdx_hash_blockhash(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                const rdx_pixels *in);
redux_status rdx_hash_opencv_average(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                     const rdx_pixels *in);
redux_status rdx_hash_opencv_dct(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                 const rdx_pixels *in);
redux_status rdx_hash_opencv_block_mean(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                        const rdx_pixels *in);
redux_status rdx_hash_marr_hildreth(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                    const rdx_pixels *in);
redux_status rdx_hash_radial_variance(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                                      const rdx_pixels *in);

/* ---- hash_dct.c ---- */

/* The first `count` coefficients of DCT-II lines of `length` values (even). */
redux_status rdx_dct_plan(double **cosines, redux_context *context, int32_t length, int32_t count);
void rdx_dct_line(double *out, const double *in, int64_t stride, const double *cosines,
                  int32_t length, int32_t count);

/* ---- hash_opencv.c ---- */

/* 8-bit grey as OpenCV weighs it, in the RDX_GREY buffer; grey pictures as they are. */
redux_status rdx_opencv_grey(rdx_hasher *hasher, const uint8_t **out, const rdx_pixels *in);

#endif
