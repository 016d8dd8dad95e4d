/* SPDX-License-Identifier: MIT
 * Perceptual hashes of whole volumes: one code for a scan, alike for its copies.
 *
 * The field of view, whatever its voxels, is resampled with antialiasing to a small cube of cells,
 * so that a volume and its resampled copy give the same cube and spacing need not be known. NIfTI
 * volumes are first put into one orientation (z to superior, y to posterior, x to the patient's
 * left), so that a copy stored the other way round gives the same code too. With size s (default 8)
 * a code has s^3 bits, in the order z, y, x, most significant bit first:
 *
 *   difference   cells (s, s, s + 1): is a cell greater than the one before it along x?
 *   dct          cells (4s)^3, their mean removed; DCT-II along each axis; the lowest s^3
 *                coefficients against the median of them without the constant one, whose bit is 0
 *   block-mean   area means of s^3 blocks, against their median
 *
 * Codes do not change when values are scaled or shifted, only when they are clipped differently.
 * A single slice is a volume that is constant along z: it has a code like any other. Voxels that
 * are NaN count as the lower end of the window, infinities as its ends. A constant volume has code
 * 0, quality 0 and the flag REDUX_HASH_FLAT. */
#ifndef REDUX_VOLUME_HASH_H
#define REDUX_VOLUME_HASH_H

#include <redux/hash.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** Values are pinned. */
typedef enum redux_volume_hash {
    REDUX_VOLUME_HASH_DIFFERENCE = 0,
    REDUX_VOLUME_HASH_DCT = 1,
    REDUX_VOLUME_HASH_BLOCK_MEAN = 2
} redux_volume_hash;

typedef struct redux_volume_hash_options {
    size_t struct_size;
    redux_volume_hash hash; /**< default: dct (docs/volume-hash-study.md) */
    int32_t size;           /**< 2 ... 16; 0 (default): 8 */
    /** REDUX_WINDOW_RANGE: values are clipped to it. AUTO (default): -1000 ... 1000 (HU), and
     *  0 ... 255 for 8-bit data; for MRI and other values that are no HU name a range, or FULL:
     *  nothing is clipped, and values that are not finite count as 0. SLICE is refused: slices of
     *  one volume are not windowed apart. */
    redux_window window;
} redux_volume_hash_options;

#define REDUX_VOLUME_HASH_OPTIONS_DEFAULTS(set)                                                    \
    set(struct_size, sizeof(redux_volume_hash_options)), set(hash, REDUX_VOLUME_HASH_DCT),         \
        set(window, {REDUX_WINDOW_AUTO, 0, 0})
REDUX_DEFINE_INIT(redux_volume_hash_options, REDUX_VOLUME_HASH_OPTIONS_DEFAULTS)
#define REDUX_VOLUME_HASH_OPTIONS_INIT                                                             \
    REDUX_INIT(redux_volume_hash_options, REDUX_VOLUME_HASH_OPTIONS_DEFAULTS)

/** "difference", "dct", "block-mean". Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). Any
 * thread. Since 0.1. */
REDUX_API redux_status redux_volume_hash_parse(redux_volume_hash *out, const char *name);
/** The names that are parsed; "unknown" else. Static storage. Since 0.1. */
REDUX_API const char *redux_volume_hash_name(redux_volume_hash hash);

/** Whether the options are valid. Errors: REDUX_E_INVALID, with a message. Since 0.1. */
REDUX_API redux_status redux_volume_hash_check(const redux_volume_hash_options *options);

/** Bits of one code, and the bytes that hold it (bits left over are 0); 0 for invalid options.
 *  Since 0.1. */
REDUX_API int64_t redux_volume_hash_bits(const redux_volume_hash_options *options);
REDUX_API int64_t redux_volume_hash_bytes(const redux_volume_hash_options *options);

/** The distance in bits at or below which two volumes are taken for copies of each other: 5/16 of
 *  the bits for dct, 1/8 for difference, 1/16 for block-mean, from a study of 21 CT volumes
 *  (docs/volume-hash-study.md); 0 for invalid options. Since 0.1. */
REDUX_API int32_t redux_volume_hash_threshold(const redux_volume_hash_options *options);

/** The rotations of a cube onto itself, and its reflections. */
#define REDUX_VOLUME_ROTATIONS 24
#define REDUX_VOLUME_TURNS 48

/** What turn `turn` is: axis i (z, y, x) of the turned volume is axis axis[i] of the volume as it
 *  is, against its direction where reversed[i]. 0 is the identity, 1 ... 23 are the other
 *  rotations, 24 ... 47 the same with a reflection. Errors: REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_volume_hash_turn(int32_t axis[3], int32_t reversed[3], int32_t turn);

/** Hashes a volume given as a tensor: [D, H, W] (slices, rows, columns), any dtype but float16 and
 *  bfloat16, any strides; values are slope * stored + intercept. codes: `variants` times
 *  redux_volume_hash_bytes(options) bytes: 1 for the code, 24 for the codes of the volume in all
 *  rotations, 48 for reflections too, in the order of redux_volume_hash_turn. They come from the
 *  resampled cells, which are turned exactly. `info` (quality: neighbouring cells, on PDQ's scale)
 *  and `options` may be NULL. Runs on the context's threads; holds the cells and one slice a
 *  thread. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. Since 0.1. */
REDUX_API redux_status redux_volume_hash_compute(uint8_t *codes, int32_t variants,
                                                 redux_hash_info *info, redux_context *context,
                                                 const redux_tensor *volume, double slope,
                                                 double intercept,
                                                 const redux_volume_hash_options *options);

/** Hashes volume `volume` of a dataset, which it opens and reads slice by slice. NIfTI in the
 *  anatomical orientation, unless the dataset was opened with REDUX_ORIENTATION_STORED. Errors: as
 *  redux_volume_open and redux_volume_hash_compute; REDUX_E_INVALID also for a folder of pictures
 *  that differ in size. Since 0.1. */
REDUX_API redux_status redux_volume_hash_read(uint8_t *codes, int32_t variants,
                                              redux_hash_info *info, redux_context *context,
                                              const redux_dataset *dataset, int64_t volume,
                                              const redux_volume_hash_options *options);

/** The least distance in bits between `code` and `count` variants of another volume, and which of
 *  them has it (the first; may be NULL). With the 24 or 48 variants of one of the two it does not
 *  depend on how either was turned. Errors: REDUX_E_INVALID. Any thread. Since 0.1. */
REDUX_API redux_status redux_volume_hash_distance(int32_t *distance, int32_t *variant,
                                                  const uint8_t *code, const uint8_t *variants,
                                                  int32_t count, int64_t bytes);

REDUX_END_DECLS
#endif
