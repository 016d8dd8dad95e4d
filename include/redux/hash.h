/* SPDX-License-Identifier: MIT */
/** @file
 * Perceptual hashes of images: short codes that are nearly equal for images that look alike.
 *
 * @code
 * const int64_t shape[2] = {64, 64};
 * uint8_t pixels[64 * 64], code[8];
 * char text[2 * sizeof code + 1];
 * const int64_t bytes = sizeof code;
 * redux_tensor image = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
 * for (int i = 0; i < 64 * 64; i++)
 *     pixels[i] = (uint8_t)(4 * (i % 64));
 * redux_status status = redux_tensor_borrow(&image, pixels, REDUX_UINT8, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&out, code, REDUX_UINT8, 1, &bytes, NULL);
 * if (status == REDUX_OK)
 *     status = redux_hash_compute(&out, context, &image, NULL); // difference hash, 64 bits
 * redux_hash_to_hex(text, code, bytes);
 * return status;
 * @endcode
 *
 * A profile is a peer whose arithmetic is reproduced bit for bit from the same pixels. Which hashes
 * a profile has, and in which sizes:
 *
 *     paper-hash, imagehash   average difference difference-vertical dct dct-simple wavelet
 *                             size 2 ... 64, default 8 (wavelet: a power of two); size^2 bits
 *     imagehash               colour: size 1 ... 8, default 3; 14 size bits
 *     imagededup              average difference dct wavelet; 64 bits
 *     pdq                     pdq; 256 bits
 *     blockhash               blockhash: size 2 ... 64, even, default 16; size^2 bits
 *     opencv                  average dct (64 bits) block-mean-0 (256) block-mean-1 (961)
 *                             marr-hildreth (576), radial-variance (40 bytes, not bits)
 *     hu                      average difference difference-vertical dct dct-simple wavelet
 *                             block-mean-0 (as imagehash's sizes), pdq
 *
 * Any other pair is REDUX_E_INVALID, and the message lists what the profile has.
 *
 * Promised: codes of 8-bit images do not change between versions and instruction sets; tests pin
 * them to the peers.
 *
 * Not promised: that a small distance means a copy. Two (nearly) flat images may have equal codes:
 * see REDUX_HASH_FLAT.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_HASH_H
#define REDUX_HASH_H

#include <redux/window.h>

REDUX_BEGIN_DECLS

/** The hash algorithms. Values are pinned. */
typedef enum redux_hash {
    REDUX_HASH_AVERAGE = 0,             /**< brighter than the mean */
    REDUX_HASH_DIFFERENCE = 1,          /**< brighter than the left neighbour */
    REDUX_HASH_DCT = 2,                 /**< low DCT-II coefficients above their median */
    REDUX_HASH_DIFFERENCE_VERTICAL = 3, /**< brighter than the upper neighbour */
    REDUX_HASH_DCT_SIMPLE = 4,          /**< DCT-II along rows only, above the mean */
    REDUX_HASH_WAVELET = 5,             /**< Haar: block sums above their median */
    REDUX_HASH_COLOUR = 6,              /**< shares of black, grey, and hues by saturation */
    REDUX_HASH_PDQ = 7,                 /**< 16 x 16 DCT coefficients of a 64 x 64 reduction */
    REDUX_HASH_BLOCKHASH = 8,           /**< block sums against the median of their band */
    REDUX_HASH_BLOCK_MEAN_0 = 9,        /**< means of 16 x 16 blocks against the mean */
    REDUX_HASH_BLOCK_MEAN_1 = 10,       /**< 31 x 31 blocks that overlap by half */
    REDUX_HASH_MARR_HILDRETH = 11,      /**< blocks of a filtered, equalised picture */
    REDUX_HASH_RADIAL_VARIANCE = 12     /**< variances along 180 lines; 40 numbers, not bits */
} redux_hash;

/** Whose arithmetic a hash follows. Values are pinned. */
typedef enum redux_hash_profile {
    /** As the paper's script (PAPER: section 3.2): imagehash's arithmetic on slices taken as stored
     *  (REDUX_ORIENTATION_STORED) under the window `slice`; 8-bit pictures and arrays, which are
     *  what that script writes, are taken as they are. The arithmetic here is that of `imagehash`;
     *  the caller takes the slices. */
    REDUX_PROFILE_PAPER_HASH = 0,
    /** imagehash 4.3 on Pillow, bit for bit from the same 8-bit pixels. Wavelet: sums are exact
     *  integers here, so a block that equals the median has bit 0; the peer's rounding gives such
     *  ties any bit. */
    REDUX_PROFILE_IMAGEHASH = 1,
    /** imagededup 0.3: R, G, B are resized each, then luma; `>=` where imagehash has `>`. Ties of
     *  the wavelet hash have bit 1. */
    REDUX_PROFILE_IMAGEDEDUP = 2,
    /** PDQ as its C++ reference computes it, in float32. */
    REDUX_PROFILE_PDQ = 3,
    /** blockhash-python's and blockhash.js's precise method ("2"), which divides pixels between the
     *  blocks that they lie in. */
    REDUX_PROFILE_BLOCKHASH = 4,
    /** OpenCV's img_hash 4.x, from the pixels that its imread gives. */
    REDUX_PROFILE_OPENCV = 5,
    /** HU-aware: from the values themselves under options.window, in float32, without a step to 8
     *  bits. imagehash's definitions and antialiased resizing; block-mean-0: the area means of
     *  size x size blocks, above or at their mean. */
    REDUX_PROFILE_HU = 6
} redux_hash_profile;

/** How to hash. The defaults are the difference hash of 64 bits, profile paper-hash. */
typedef struct redux_hash_options {
    size_t struct_size;
    redux_hash hash;            /**< default: difference */
    redux_hash_profile profile; /**< default: paper-hash */
    int32_t size;               /**< see the table above; 0 (default): the profile's own */
    /** Profile hu of data that are not windowed yet (redux_hash_compute): a REDUX_WINDOW_RANGE.
     *  Otherwise not looked at, but kept in the binary form. Default: auto. */
    redux_window window;
} redux_hash_options;

#define REDUX_HASH_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_hash_options)), set(hash, REDUX_HASH_DIFFERENCE),                \
        set(profile, REDUX_PROFILE_PAPER_HASH), set(window, {REDUX_WINDOW_AUTO, 0, 0})
REDUX_DEFINE_INIT(redux_hash_options, REDUX_HASH_OPTIONS_DEFAULTS)
#define REDUX_HASH_OPTIONS_INIT REDUX_INIT(redux_hash_options, REDUX_HASH_OPTIONS_DEFAULTS)

/** Flags of redux_hash_info.flags. */
typedef enum redux_hash_flag {
    /** (Nearly) flat: averaged to 64 x 64 it spans less than 1/100 of the grey range. Its code
     *  carries no information: two such pictures with equal codes need not be similar. */
    REDUX_HASH_FLAT = 1,
    REDUX_HASH_TOO_SMALL = 2 /**< PDQ: a side under 5 pixels; the code is 0 */
} redux_hash_flag;

/** What is known of one code. */
typedef struct redux_hash_info {
    /** 0 ... 100: PDQ's measure, sum |int((u - v) * 100 / 255)| / 90 over neighbours of a 64 x 64
     *  reduction: PDQ's own for PDQ, means of whole pixels for all others. PDQ's users discard 49
     *  and below. */
    int32_t quality;
    uint32_t flags; /**< of redux_hash_flag */
} redux_hash_info;

/* ---- names and sizes ---- */

/** The hash of a name ("average", "difference", "difference-vertical", "dct", "dct-simple",
 *  "wavelet", "colour", "pdq", "blockhash", "block-mean-0", "block-mean-1", "marr-hildreth",
 *  "radial-variance"), and the profile of a name ("paper-hash", "imagehash", "imagededup", "pdq",
 *  "blockhash", "opencv", "hu"). Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_hash_parse(redux_hash *out, const char *name);
REDUX_API redux_status redux_hash_profile_parse(redux_hash_profile *out, const char *name);
/** The name of a hash or profile, as it is parsed; "unknown" for anything else. Static storage. Any
 *  thread. */
REDUX_API const char *redux_hash_name(redux_hash hash);
REDUX_API const char *redux_hash_profile_name(redux_hash_profile profile);

/** The profile that a hash implies if none is named: paper-hash for average, difference and dct;
 *  imagehash for difference-vertical, dct-simple, wavelet and colour; for the others pdq, blockhash
 *  or opencv. Any thread. */
REDUX_API redux_hash_profile redux_hash_default_profile(redux_hash hash);

/** The hash that a profile implies if none is named: difference, or its only one, or dct for
 *  opencv. Any thread. */
REDUX_API redux_hash redux_hash_profile_default_hash(redux_hash_profile profile);

/** Whether the profile has this hash in this size. Errors: REDUX_E_INVALID, and the message lists
 *  what it has. Any thread. */
REDUX_API redux_status redux_hash_check(const redux_hash_options *options);

/** Bits per code under these options, and the bytes that hold it; 0 if the options are invalid. Any
 *  thread. */
REDUX_API int64_t redux_hash_bits(const redux_hash_options *options);
REDUX_API int64_t redux_hash_bytes(const redux_hash_options *options);

/** 1 if codes are compared by Hamming distance; 0 for radial-variance, whose bytes are coefficients
 *  (redux_hash_radial_correlation), and for invalid options. Any thread. */
REDUX_API int redux_hash_is_binary(const redux_hash_options *options);

/** 1 if the hash of a colour picture differs from that of its luma. Any thread. */
REDUX_API int redux_hash_uses_colour(const redux_hash_options *options);

/* ---- codes ---- */

/** Hashes one image [H, W] or many [N, H, W], any strides.
 *  - uint8: grey pixels.
 *  - float32: grey values within [0, 1]. A finite value outside is refused (REDUX_E_INVALID, naming
 *    the value); NaN counts as 0. Values are not rounded to 8 bits, except by the hashes that are
 *    defined on 8-bit pixels (colour, imagededup, blockhash, opencv), which use rint(255 x).
 *  - Profile hu: any dtype; options.window is applied first. float32 without a window counts as
 *    windowed.
 *  - out: [N, bytes] uint8 ([bytes] for one image), C-contiguous. Bits are in the peer's order:
 *    row-major, most significant first, but for PDQ (coefficient 255 first) and OpenCV (least
 *    significant first). Unused bits of the last byte are 0.
 *
 *  `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_hash_compute(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *images,
                                          const redux_hash_options *options);

/** Hashes images and describes each code (quality, flags): infos has room for N, or is NULL.
 *  Otherwise as redux_hash_compute. */
REDUX_API redux_status redux_hash_compute_info(const redux_tensor *out, redux_hash_info *infos,
                                               redux_context *context, const redux_tensor *images,
                                               const redux_hash_options *options);

/** Hashes one picture in colour: [H, W] or [H, W, 1 ... 4] uint8 (grey, grey and alpha, RGB, RGBA),
 *  any strides. Only blockhash uses alpha; profile hu is REDUX_E_INVALID (use redux_hash_compute).
 *  code: redux_hash_bytes(options) bytes; `info` and `options` may be NULL. Errors:
 *  REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_hash_picture(uint8_t *code, redux_hash_info *info,
                                          redux_context *context, const redux_tensor *picture,
                                          const redux_hash_options *options);

/* ---- PDQ and radial variance ---- */

/** Bytes of a PDQ code. */
#define REDUX_PDQ_BYTES 32

/** PDQ's eight dihedral variants, in this order. */
typedef enum redux_dihedral {
    REDUX_DIHEDRAL_ORIGINAL = 0,
    REDUX_DIHEDRAL_ROTATE_90 = 1, /**< counter-clockwise, as PDQ counts */
    REDUX_DIHEDRAL_ROTATE_180 = 2,
    REDUX_DIHEDRAL_ROTATE_270 = 3,
    REDUX_DIHEDRAL_FLIP_X = 4, /**< top to bottom */
    REDUX_DIHEDRAL_FLIP_Y = 5, /**< left to right */
    REDUX_DIHEDRAL_TRANSPOSE = 6,
    REDUX_DIHEDRAL_ANTITRANSPOSE = 7
} redux_dihedral;
/** The number of PDQ variants of a picture. */
#define REDUX_DIHEDRAL_COUNT 8

/** PDQ from luma: [H, W] float32 in 0 ... 255, any strides; 64 x 64 is taken without further
 *  reduction. codes: 8 x REDUX_PDQ_BYTES, in the order of redux_dihedral: the hash of each turned
 *  picture, up to rounding; or 1 x with `variants` 1. `info` may be NULL. Errors: REDUX_E_INVALID,
 *  REDUX_E_NO_MEMORY. Source: PDQ, Facebook 2019. */
REDUX_API redux_status redux_hash_pdq_luma(uint8_t *codes, int32_t variants, redux_hash_info *info,
                                           redux_context *context, const redux_tensor *luma);

/** The eight PDQ codes of a picture, given as to redux_hash_picture. */
REDUX_API redux_status redux_hash_pdq_dihedral(uint8_t *codes, redux_hash_info *info,
                                               redux_context *context, const redux_tensor *picture);

/** Bytes of a radial-variance code. */
#define REDUX_RADIAL_BYTES 40

/** Peak of the circular cross-correlation of two radial-variance codes, at most 1 (OpenCV's
 *  compare). Not defined for a constant code: then 0. Any thread. */
REDUX_API redux_status redux_hash_radial_correlation(double *out, const uint8_t *a,
                                                     const uint8_t *b);

/* ---- text ---- */

/** Writes `bytes` bytes as lower-case hex with a closing NUL: `text` has room for 2 * bytes + 1.
 *  Any thread. */
REDUX_API void redux_hash_to_hex(char *text, const uint8_t *code, int64_t bytes);

/** Reads exactly 2 * bytes hex digits. Errors: REDUX_E_FORMAT, REDUX_E_INVALID (NULL, bytes below
 *  0). Any thread. */
REDUX_API redux_status redux_hash_from_hex(uint8_t *code, int64_t bytes, const char *text);

/** Writes a code as its peer does: ceil(bits / 4) hex digits, a number with leading zeros
 *  (imagehash pads in front: 42 bits of colour are 11 digits); OpenCV: its bytes in order. `text`
 *  has room for 2 * redux_hash_bytes(options) + 1. Errors: REDUX_E_INVALID. Any thread. */
REDUX_API redux_status redux_hash_to_text(char *text, const uint8_t *code,
                                          const redux_hash_options *options);

/** Reads a code as its peer writes it. Errors: REDUX_E_FORMAT (digits, their number, bits that the
 *  code does not have), REDUX_E_INVALID. Any thread. */
REDUX_API redux_status redux_hash_from_text(uint8_t *code, const char *text,
                                            const redux_hash_options *options);

REDUX_END_DECLS
#endif
