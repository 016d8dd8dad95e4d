/* SPDX-License-Identifier: MIT
 * Perceptual hashes: the hashes and limits of each profile, and images in batches. */
#include <stdio.h>
#include "hash.h"

#define OF(profile) (1U << (profile))
#define IMAGEHASHES (OF(REDUX_PROFILE_PAPER_HASH) | OF(REDUX_PROFILE_IMAGEHASH))
#define HU OF(REDUX_PROFILE_HU)
#define DEDUP OF(REDUX_PROFILE_IMAGEDEDUP)
#define OPENCV OF(REDUX_PROFILE_OPENCV)
#define SIZES .size = 8, .low = 2, .high = RDX_HASH_MOST_SIZE, .step = 1
#define POWERS .size = 8, .low = 2, .high = RDX_HASH_MOST_SIZE, .step = 0
#define FIXED(n) .size = (n), .low = (n), .high = (n), .step = 1
#define AS_IMAGEDEDUP .profiles = DEDUP, .colour = true, .eight_bit = true
#define AS_OPENCV .profiles = OPENCV, .colour = true, .eight_bit = true

static const rdx_hash_method methods[] = {
    {REDUX_HASH_AVERAGE, IMAGEHASHES | HU, rdx_hash_average, SIZES},
    {REDUX_HASH_DIFFERENCE, IMAGEHASHES | HU, rdx_hash_difference, SIZES},
    {REDUX_HASH_DIFFERENCE_VERTICAL, IMAGEHASHES | HU, rdx_hash_difference_vertical, SIZES},
    {REDUX_HASH_DCT, IMAGEHASHES | HU, rdx_hash_dct, SIZES},
    {REDUX_HASH_DCT_SIMPLE, IMAGEHASHES | HU, rdx_hash_dct_simple, SIZES},
    {REDUX_HASH_WAVELET, IMAGEHASHES | HU, rdx_hash_wavelet, POWERS},
    {REDUX_HASH_COLOUR, OF(REDUX_PROFILE_IMAGEHASH), rdx_hash_colour, .size = 3, .low = 1,
     .high = 8, .step = 1, .per_size = 14, .colour = true, .eight_bit = true},
    {.hash = REDUX_HASH_AVERAGE, .run = rdx_hash_average, FIXED(8), AS_IMAGEDEDUP},
    {.hash = REDUX_HASH_DIFFERENCE, .run = rdx_hash_difference, FIXED(8), AS_IMAGEDEDUP},
    {.hash = REDUX_HASH_DCT, .run = rdx_hash_dct, FIXED(8), AS_IMAGEDEDUP},
    {.hash = REDUX_HASH_WAVELET, .run = rdx_hash_wavelet, FIXED(8), AS_IMAGEDEDUP},
    {REDUX_HASH_PDQ, OF(REDUX_PROFILE_PDQ) | HU, rdx_hash_pdq, FIXED(16), .colour = true,
     .has_info = true},
    {REDUX_HASH_BLOCKHASH, OF(REDUX_PROFILE_BLOCKHASH), rdx_hash_blockhash, .size = 16, .low = 2,
     .high = RDX_HASH_MOST_SIZE, .step = 2, .colour = true, .eight_bit = true},
    {.hash = REDUX_HASH_AVERAGE, .run = rdx_hash_opencv_average, FIXED(8), AS_OPENCV},
    {.hash = REDUX_HASH_DCT, .run = rdx_hash_opencv_dct, FIXED(8), AS_OPENCV},
    {.hash = REDUX_HASH_BLOCK_MEAN_0, .run = rdx_hash_opencv_block_mean, FIXED(16), AS_OPENCV},
    {.hash = REDUX_HASH_BLOCK_MEAN_1, .run = rdx_hash_opencv_block_mean, FIXED(31), AS_OPENCV},
    {.hash = REDUX_HASH_MARR_HILDRETH, .run = rdx_hash_marr_hildreth, FIXED(24), AS_OPENCV},
    {.hash = REDUX_HASH_RADIAL_VARIANCE,
     .run = rdx_hash_radial_variance,
     FIXED(40),
     AS_OPENCV,
     .per_size = 8},
    {REDUX_HASH_BLOCK_MEAN_0, HU, rdx_hash_block_mean, .size = 16, .low = 2,
     .high = RDX_HASH_MOST_SIZE, .step = 1},
};

static const char *const hash_names[] = {
    [REDUX_HASH_AVERAGE] = "average",
    [REDUX_HASH_DIFFERENCE] = "difference",
    [REDUX_HASH_DCT] = "dct",
    [REDUX_HASH_DIFFERENCE_VERTICAL] = "difference-vertical",
    [REDUX_HASH_DCT_SIMPLE] = "dct-simple",
    [REDUX_HASH_WAVELET] = "wavelet",
    [REDUX_HASH_COLOUR] = "colour",
    [REDUX_HASH_PDQ] = "pdq",
    [REDUX_HASH_BLOCKHASH] = "blockhash",
    [REDUX_HASH_BLOCK_MEAN_0] = "block-mean-0",
    [REDUX_HASH_BLOCK_MEAN_1] = "block-mean-1",
    [REDUX_HASH_MARR_HILDRETH] = "marr-hildreth",
    [REDUX_HASH_RADIAL_VARIANCE] = "radial-variance",
};

static const char *const profile_names[] = {
    [REDUX_PROFILE_PAPER_HASH] = "paper-hash",
    [REDUX_PROFILE_IMAGEHASH] = "imagehash",
    [REDUX_PROFILE_IMAGEDEDUP] = "imagededup",
    [REDUX_PROFILE_PDQ] = "pdq",
    [REDUX_PROFILE_BLOCKHASH] = "blockhash",
    [REDUX_PROFILE_OPENCV] = "opencv",
    [REDUX_PROFILE_HU] = "hu",
};

/* ---- names ---- */

redux_status redux_hash_parse(redux_hash *out, const char *name)
{
    return rdx_parse_name(out, "hash", name, hash_names, RDX_COUNT(hash_names));
}

redux_status redux_hash_profile_parse(redux_hash_profile *out, const char *name)
{
    return rdx_parse_name(out, "profile", name, profile_names, RDX_COUNT(profile_names));
}

/* A caller's enum may hold any number. */
static bool known_value(int64_t value, int64_t count)
{
    return value >= 0 && value < count;
}

const char *redux_hash_name(redux_hash hash)
{
    return rdx_name_of((int64_t)hash, hash_names, RDX_COUNT(hash_names));
}

const char *redux_hash_profile_name(redux_hash_profile profile)
{
    return rdx_name_of((int64_t)profile, profile_names, RDX_COUNT(profile_names));
}

redux_hash_profile redux_hash_default_profile(redux_hash hash)
{
    switch (hash) {
    case REDUX_HASH_DIFFERENCE_VERTICAL:
    case REDUX_HASH_DCT_SIMPLE:
    case REDUX_HASH_WAVELET:
    case REDUX_HASH_COLOUR:
        return REDUX_PROFILE_IMAGEHASH;
    case REDUX_HASH_PDQ:
        return REDUX_PROFILE_PDQ;
    case REDUX_HASH_BLOCKHASH:
        return REDUX_PROFILE_BLOCKHASH;
    case REDUX_HASH_BLOCK_MEAN_0:
    case REDUX_HASH_BLOCK_MEAN_1:
    case REDUX_HASH_MARR_HILDRETH:
    case REDUX_HASH_RADIAL_VARIANCE:
        return REDUX_PROFILE_OPENCV;
    default:
        return REDUX_PROFILE_PAPER_HASH;
    }
}

redux_hash redux_hash_profile_default_hash(redux_hash_profile profile)
{
    switch (profile) {
    case REDUX_PROFILE_PDQ:
        return REDUX_HASH_PDQ;
    case REDUX_PROFILE_BLOCKHASH:
        return REDUX_HASH_BLOCKHASH;
    case REDUX_PROFILE_OPENCV:
        return REDUX_HASH_DCT;
    default:
        return REDUX_HASH_DIFFERENCE;
    }
}

/* ---- what is allowed ---- */

static redux_status fail_pair(const redux_hash_options *options)
{
    char all[256] = "";
    size_t used = 0;
    for (int64_t i = 0; i < RDX_COUNT(methods); i++)
        if ((methods[i].profiles & OF(options->profile)) != 0)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used == 0 ? "" : ", ",
                                     redux_hash_name(methods[i].hash));
    return rdx_fail(REDUX_E_INVALID, "profile %s has no hash %s: it has %s",
                    redux_hash_profile_name(options->profile), redux_hash_name(options->hash), all);
}

static bool has_size(const rdx_hash_method *method, int32_t size)
{
    if (size < method->low || size > method->high)
        return false;
    return method->step == 0 ? (size & (size - 1)) == 0 : size % method->step == 0;
}

static redux_status fail_size(const redux_hash_options *options, const rdx_hash_method *method)
{
    const char *kind = method->step == 0 ? ", a power of two" : method->step == 2 ? ", even" : "";
    if (method->low == method->high)
        return rdx_fail(REDUX_E_INVALID, "hash %s of profile %s has one size only: use 0 or %d",
                        redux_hash_name(options->hash), redux_hash_profile_name(options->profile),
                        (int)method->low);
    return rdx_fail(REDUX_E_INVALID, "size %d is out of range: hash %s takes %d to %d%s",
                    (int)options->size, redux_hash_name(options->hash), (int)method->low,
                    (int)method->high, kind);
}

redux_status rdx_hash_resolve(redux_hash_options *options, const rdx_hash_method **method)
{
    if (!known_value(options->hash, RDX_COUNT(hash_names)))
        return rdx_fail(REDUX_E_INVALID, "unknown hash %d", (int)options->hash);
    if (!known_value(options->profile, RDX_COUNT(profile_names)))
        return rdx_fail(REDUX_E_INVALID, "unknown hash profile %d", (int)options->profile);
    for (int64_t i = 0; i < RDX_COUNT(methods); i++) {
        if (methods[i].hash != options->hash || (methods[i].profiles & OF(options->profile)) == 0)
            continue;
        *method = &methods[i];
        if (options->size == 0)
            options->size = methods[i].size;
        return has_size(&methods[i], options->size) ? REDUX_OK : fail_size(options, &methods[i]);
    }
    return fail_pair(options);
}

int64_t rdx_hash_method_bits(const rdx_hash_method *method, int32_t size)
{
    return method->per_size != 0 ? (int64_t)method->per_size * size : (int64_t)size * size;
}

static redux_status resolve(redux_hash_options *known, const rdx_hash_method **method,
                            const redux_hash_options *options)
{
    *known = (redux_hash_options)REDUX_HASH_OPTIONS_INIT;
    RDX_TRY(rdx_read_options(known, sizeof *known, options, "redux_hash_options"));
    return rdx_hash_resolve(known, method);
}

redux_status redux_hash_check(const redux_hash_options *options)
{
    redux_hash_options known;
    const rdx_hash_method *method;
    return resolve(&known, &method, options);
}

int64_t redux_hash_bits(const redux_hash_options *options)
{
    redux_hash_options known;
    const rdx_hash_method *method;
    return resolve(&known, &method, options) == REDUX_OK ? rdx_hash_method_bits(method, known.size)
                                                         : 0;
}

int64_t redux_hash_bytes(const redux_hash_options *options)
{
    return (redux_hash_bits(options) + 7) / 8;
}

int redux_hash_is_binary(const redux_hash_options *options)
{
    redux_hash_options known;
    const rdx_hash_method *method;
    return resolve(&known, &method, options) == REDUX_OK &&
           known.hash != REDUX_HASH_RADIAL_VARIANCE;
}

int redux_hash_uses_colour(const redux_hash_options *options)
{
    redux_hash_options known;
    const rdx_hash_method *method;
    return resolve(&known, &method, options) == REDUX_OK && method->colour &&
           known.profile != REDUX_PROFILE_HU;
}

/* ---- images in batches ---- */

/* A task hashes a run of images with one plan. */
#define IMAGES_PER_TASK 16

typedef struct hash_job {
    redux_context *context;
    const redux_hash_options *options;
    const redux_tensor *images; /* [N, H, W] */
    uint8_t *codes;
    redux_hash_info *infos;
    int64_t bytes;
} hash_job;

/* Profile hu windows images that are not windowed yet. */
static redux_status hash_image(rdx_hasher *hasher, uint8_t *code, redux_hash_info *info,
                               const redux_tensor *image)
{
    const redux_window window = hasher->options.window;
    redux_tensor windowed;
    if (hasher->options.profile != REDUX_PROFILE_HU || window.kind != REDUX_WINDOW_RANGE)
        return rdx_hasher_run_info(hasher, code, info, image);
    RDX_TRY(redux_tensor_new(&windowed, hasher->context, REDUX_FLOAT32, 2, image->shape));
    redux_status status = redux_window_apply(&windowed, hasher->context, image, 1, 0, window);
    if (status == REDUX_OK)
        status = rdx_hasher_run_info(hasher, code, info, &windowed);
    redux_tensor_release(&windowed);
    return status;
}

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
            status = hash_image(&hasher, job->codes + i * job->bytes,
                                job->infos == NULL ? NULL : job->infos + i, &image);
            redux_tensor_release(&image);
        }
    }
    rdx_hasher_clear(&hasher);
    return status;
}

static redux_status check_pixels(const redux_tensor *images, const redux_hash_options *options)
{
    redux_hash_options known;
    const rdx_hash_method *method;
    RDX_TRY(resolve(&known, &method, options));
    if (images->dtype == REDUX_FLOAT32)
        return REDUX_OK;
    if (known.profile == REDUX_PROFILE_HU && known.window.kind != REDUX_WINDOW_RANGE)
        return rdx_fail(REDUX_E_INVALID,
                        "hash: profile hu needs a window, a named one or LO:HI, for %s values",
                        redux_dtype_name(images->dtype));
    if (known.profile != REDUX_PROFILE_HU && images->dtype != REDUX_UINT8)
        return rdx_fail(REDUX_E_INVALID, "hash: images are %s, not uint8 or float32",
                        redux_dtype_name(images->dtype));
    return REDUX_OK;
}

redux_status redux_hash_compute_info(const redux_tensor *out, redux_hash_info *infos,
                                     redux_context *context, const redux_tensor *images,
                                     const redux_hash_options *options)
{
    redux_tensor batch;
    if (images == NULL || out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_compute: an argument is NULL");
    const bool one = images->ndim == 2;
    RDX_TRY(rdx_tensor_check(images, one ? 2 : 3, 0, "images"));
    RDX_TRY(rdx_tensor_check(out, one ? 1 : 2, REDUX_UINT8, "out"));
    RDX_TRY(check_pixels(images, options));
    const int64_t bytes = redux_hash_bytes(options);
    if (out->shape[out->ndim - 1] != bytes || !redux_tensor_is_contiguous(out) ||
        (!one && out->shape[0] != images->shape[0]))
        return rdx_fail(REDUX_E_INVALID, "hash: out is not a contiguous [%lld, %lld]",
                        (long long)(one ? 1 : images->shape[0]), (long long)bytes);
    batch = *images; /* borrowed for the time of the call */
    if (one) {
        batch.ndim = 3;
        for (int axis = 2; axis > 0; axis--) {
            batch.shape[axis] = images->shape[axis - 1];
            batch.strides[axis] = images->strides[axis - 1];
        }
        batch.shape[0] = 1;
    }
    hash_job job = {context, options, &batch, out->data, infos, bytes};
    return rdx_parallel(context, (batch.shape[0] + IMAGES_PER_TASK - 1) / IMAGES_PER_TASK,
                        hash_task, &job);
}

redux_status redux_hash_compute(const redux_tensor *out, redux_context *context,
                                const redux_tensor *images, const redux_hash_options *options)
{
    return redux_hash_compute_info(out, NULL, context, images, options);
}

redux_status redux_hash_picture(uint8_t *code, redux_hash_info *info, redux_context *context,
                                const redux_tensor *picture, const redux_hash_options *options)
{
    rdx_hasher hasher;
    if (code == NULL || picture == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_picture: an argument is NULL");
    RDX_TRY(rdx_tensor_check(picture, picture->ndim == 2 ? 2 : 3, REDUX_UINT8, "picture"));
    RDX_TRY(rdx_hasher_init(&hasher, context, options));
    const redux_status status = rdx_hasher_run_info(&hasher, code, info, picture);
    rdx_hasher_clear(&hasher);
    return status;
}
