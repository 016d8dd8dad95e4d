/* SPDX-License-Identifier: MIT */
/** @file
 * Perceptual hashes of whole volumes: one code per scan, nearly equal for its copies.
 *
 * @code
 * const char *path = "data/ct/STS_012_CT.nii.gz";
 * uint8_t code[64];
 * redux_dataset *dataset = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * if (status == REDUX_OK && redux_volume_hash_bytes(NULL) <= (int64_t)sizeof code)
 *     status = redux_volume_hash_read(code, 1, NULL, context, dataset, 0, NULL);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * The field of view, whatever its voxels, is resampled with antialiasing to a small cube of cells.
 * So a volume and its resampled copy give the same cube, and the spacing need not be known. NIfTI
 * volumes are first turned into one orientation (z to superior, y to posterior, x to the patient's
 * left), so that a copy stored in another orientation has the same code. With size s (default 8) a
 * code has s^3 bits, in the order z, y, x, most significant bit first:
 *
 *     difference   cells (s, s, s + 1): is a cell greater than the one before it along x?
 *     dct          cells (4s)^3, their mean removed; DCT-II along each axis; the lowest s^3
 *                  coefficients against the median of them without the constant one, whose bit is 0
 *     block-mean   area means of s^3 blocks, against their median
 *
 * Promised: scaling or shifting all values does not change a code; clipping them differently does.
 *
 * Edge cases: a single slice is a volume that is constant along z. NaN counts as the lower end of
 * the window, infinities as its ends. A constant volume has code 0, quality 0 and REDUX_HASH_FLAT.
 *
 * Not promised: that cropped copies are found, or that different patients are far apart at every
 * threshold (docs/volume-hash-study.md).
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_VOLUME_HASH_H
#define REDUX_VOLUME_HASH_H

#include <redux/hash.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** The hash algorithms. Values are pinned. */
typedef enum redux_volume_hash {
    REDUX_VOLUME_HASH_DIFFERENCE = 0,
    REDUX_VOLUME_HASH_DCT = 1,
    REDUX_VOLUME_HASH_BLOCK_MEAN = 2
} redux_volume_hash;

/** How to hash a volume. NULL means the defaults: dct, 512 bits. */
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

/** The hash of a name: "difference", "dct", "block-mean". Errors: REDUX_E_NOT_FOUND,
 *  REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_volume_hash_parse(redux_volume_hash *out, const char *name);
/** The name of a hash; "unknown" for anything else. Static storage. Any thread. */
REDUX_API const char *redux_volume_hash_name(redux_volume_hash hash);

/** Whether the options are valid. Errors: REDUX_E_INVALID, and the message says why. Any thread. */
REDUX_API redux_status redux_volume_hash_check(const redux_volume_hash_options *options);

/** Bits per code, and the bytes that hold it (unused bits are 0); 0 for invalid options. Any
 *  thread. */
REDUX_API int64_t redux_volume_hash_bits(const redux_volume_hash_options *options);
REDUX_API int64_t redux_volume_hash_bytes(const redux_volume_hash_options *options);

/** The distance in bits at or below which two volumes count as copies: 5/16 of the bits for dct,
 *  1/8 for difference, 1/16 for block-mean, from a study of 21 CT volumes
 *  (docs/volume-hash-study.md); 0 for invalid options. Any thread. */
REDUX_API int32_t redux_volume_hash_threshold(const redux_volume_hash_options *options);

/** The number of rotations of a cube onto itself, and of rotations and reflections together. */
#define REDUX_VOLUME_ROTATIONS 24
#define REDUX_VOLUME_TURNS 48

/** Describes turn `turn`: axis i (z, y, x) of the turned volume is axis axis[i] of the original,
 *  reversed if reversed[i]. 0 is the identity, 1 ... 23 are the other rotations, 24 ... 47 the same
 *  with a reflection. Errors: REDUX_E_INVALID. Any thread. */
REDUX_API redux_status redux_volume_hash_turn(int32_t axis[3], int32_t reversed[3], int32_t turn);

/** Hashes a volume given as a tensor: [D, H, W] (slices, rows, columns), any dtype but float16 and
 *  bfloat16, any strides; values are slope * stored + intercept.
 *  - codes: `variants` times redux_volume_hash_bytes(options) bytes. `variants` is 1 for the code,
 *    24 for the codes of the volume in all rotations, 48 for reflections too, in the order of
 *    redux_volume_hash_turn. They are computed from the resampled cells, which are turned exactly.
 *  - `info` (quality: neighbouring cells, on PDQ's scale) and `options` may be NULL.
 *
 *  Runs on the context's threads; holds the cells and one slice per thread. Errors:
 *  REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. */
REDUX_API redux_status redux_volume_hash_compute(uint8_t *codes, int32_t variants,
                                                 redux_hash_info *info, redux_context *context,
                                                 const redux_tensor *volume, double slope,
                                                 double intercept,
                                                 const redux_volume_hash_options *options);

/** Hashes volume `volume` of a dataset, which it opens and reads slice by slice. NIfTI in the
 *  anatomical orientation, unless the dataset was opened with REDUX_ORIENTATION_STORED. Errors: as
 *  redux_volume_open and redux_volume_hash_compute; REDUX_E_INVALID also for a folder of pictures
 *  that differ in size. */
REDUX_API redux_status redux_volume_hash_read(uint8_t *codes, int32_t variants,
                                              redux_hash_info *info, redux_context *context,
                                              const redux_dataset *dataset, int64_t volume,
                                              const redux_volume_hash_options *options);

/** The least distance in bits between `code` and `count` variants of another volume, and which
 *  variant has it (the first; may be NULL). With the 24 or 48 variants of one of the two it does
 *  not depend on how either was turned. Errors: REDUX_E_INVALID. Any thread. */
REDUX_API redux_status redux_volume_hash_distance(int32_t *distance, int32_t *variant,
                                                  const uint8_t *code, const uint8_t *variants,
                                                  int32_t count, int64_t bytes);

REDUX_END_DECLS
#endif
