/* SPDX-License-Identifier: MIT
 * Perceptual hashes by named profile. */
#ifndef REDUX_HASH_H
#define REDUX_HASH_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

typedef enum redux_hash {
    REDUX_HASH_AVERAGE = 0,    /**< 8 x 8, brighter than the mean */
    REDUX_HASH_DIFFERENCE = 1, /**< 9 x 8, brighter than the left neighbour */
    REDUX_HASH_DCT = 2         /**< 32 x 32, low DCT-II coefficients above their median */
} redux_hash;

typedef enum redux_hash_profile {
    /** As the paper's script (PAPER: section 3.2): imagehash's arithmetic on slices taken as stored
     *  (REDUX_ORIENTATION_STORED) under the window `slice`; 8-bit pictures and arrays, which are
     *  what that script writes, are taken as they are. The arithmetic here is that of `imagehash`;
     *  the caller takes the slices. */
    REDUX_PROFILE_PAPER_HASH = 0,
    /** imagehash 4.3 on Pillow, bit for bit from the same 8-bit grey pixels. */
    REDUX_PROFILE_IMAGEHASH = 1
} redux_hash_profile;

typedef struct redux_hash_options {
    size_t struct_size;
    redux_hash hash;            /**< default: difference */
    redux_hash_profile profile; /**< default: paper-hash */
} redux_hash_options;

#define REDUX_HASH_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(redux_hash_options), REDUX_HASH_DIFFERENCE, REDUX_PROFILE_PAPER_HASH                \
    }

/** "average", "difference", "dct"; "paper-hash", "imagehash". Errors: REDUX_E_NOT_FOUND. Any
 * thread. Since 0.1. */
REDUX_API redux_status redux_hash_parse(redux_hash *out, const char *name);
REDUX_API redux_status redux_hash_profile_parse(redux_hash_profile *out, const char *name);
/** The names that are parsed; "unknown" else. Static storage. Since 0.1. */
REDUX_API const char *redux_hash_name(redux_hash hash);
REDUX_API const char *redux_hash_profile_name(redux_hash_profile profile);

/** Bytes of one code under these options (8 for the 64-bit hashes); 0 if they are invalid. Since
 *  0.1. */
REDUX_API int64_t redux_hash_bytes(const redux_hash_options *options);

/** Hashes images: [H, W] or [N, H, W], uint8 or float32 (a windowed slice; then nothing is rounded
 *  to 8 bits on the way), any strides. out: [N, bytes] uint8 ([bytes] for one image), C-contiguous:
 *  the bits in row-major order, most significant first, so that its bytes in hex are the peer's
 *  text. `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_hash_compute(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *images,
                                          const redux_hash_options *options);

/** Lower-case hex of `bytes` bytes, with a closing 0: `text` has room for 2 * bytes + 1. Since 0.1.
 */
REDUX_API void redux_hash_to_hex(char *text, const uint8_t *code, int64_t bytes);

/** The reverse: exactly 2 * bytes hex digits. Errors: REDUX_E_FORMAT. Since 0.1. */
REDUX_API redux_status redux_hash_from_hex(uint8_t *code, int64_t bytes, const char *text);

REDUX_END_DECLS
#endif
