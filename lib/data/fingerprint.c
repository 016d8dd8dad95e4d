/* SPDX-License-Identifier: MIT
 * What identifies slices by their pixels, wherever they are stored and whatever they are called.
 */
#include <string.h>
#include "data.h"

/* SplitMix64's finaliser (Steele, Lea and Flood 2014): each bit of the input moves all others. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t add(uint64_t hash, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(hash + 0x9e3779b97f4a7c15u + bits);
}

/* 0 for a slice of one value, which many volumes have. */
static uint64_t hash_slice(const redux_tensor *slice)
{
    const double first = rdx_load(slice->data, 0, slice->dtype);
    uint64_t hash = add(add(0, (double)slice->shape[0]), (double)slice->shape[1]);
    bool flat = true;
    for (int64_t y = 0; y < slice->shape[0]; y++)
        for (int64_t x = 0; x < slice->shape[1]; x++) {
            const double value =
                rdx_load(slice->data, y * slice->strides[0] + x * slice->strides[1], slice->dtype);
            flat = flat && (value == first || (value != value && first != first));
            hash = add(hash, value != value ? 0 : value + 0.0); /* one zero, one NaN */
        }
    return flat ? 0 : hash == 0 ? 1 : hash;
}

static redux_status visit(void *user, const redux_tensor *image, int64_t number, int64_t volume,
                          int64_t slice)
{
    uint64_t *out = user;
    (void)volume;
    (void)slice;
    out[number] = hash_slice(image);
    return REDUX_OK;
}

redux_status redux_dataset_fingerprints(uint64_t *out, redux_context *context,
                                        const redux_dataset *dataset, const uint8_t *wanted)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_fingerprints: an argument is NULL");
    memset(out, 0, (size_t)redux_dataset_slice_count(dataset) * sizeof *out);
    options.form = REDUX_VISIT_STORED;
    options.any_order = 1;
    options.wanted = wanted;
    return redux_dataset_visit(context, dataset, &options, visit, out);
}
