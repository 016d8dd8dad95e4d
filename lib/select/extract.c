/* SPDX-License-Identifier: MIT
 * From a slice to the item that is compared. */
#include <string.h>
#include <redux/entropy.h>
#include "select.h"

redux_hash_options rdx_hash_options_of(const redux_reduce_options *options)
{
    redux_hash_options hash = REDUX_HASH_OPTIONS_INIT;
    hash.hash = options->hash;
    hash.profile = options->profile;
    hash.size = options->hash_size;
    return hash;
}

redux_status rdx_extractor_init(rdx_extractor *extractor, redux_context *context,
                                const redux_reduce_options *options, rdx_feature feature)
{
    const redux_hash_options hash = rdx_hash_options_of(options);
    memset(extractor, 0, sizeof *extractor);
    extractor->context = context;
    extractor->options = options;
    extractor->feature = feature;
    if (feature == RDX_FEATURE_HASH)
        return rdx_slice_hasher_init(&extractor->hasher, context, &hash, options->window);
    return REDUX_OK;
}

void rdx_extractor_clear(rdx_extractor *extractor)
{
    if (extractor->feature == RDX_FEATURE_HASH)
        rdx_slice_hasher_clear(&extractor->hasher);
    if (extractor->resizer.buffer != NULL)
        rdx_resizer_clear(&extractor->resizer);
}

static redux_status resize(rdx_extractor *extractor, void *out, const redux_tensor *image,
                           int64_t height, int64_t width, redux_filter filter)
{
    rdx_resizer *resizer = &extractor->resizer;
    const int64_t h = image->shape[0], w = image->shape[1];
    if (!rdx_resizer_fits(resizer, image->dtype, h, w, height, width, filter)) {
        if (resizer->buffer != NULL)
            rdx_resizer_clear(resizer);
        RDX_TRY(rdx_resizer_init(resizer, extractor->context, image->dtype, h, w, height, width,
                                 filter));
    }
    rdx_resizer_run(resizer, out, image->data, w);
    return REDUX_OK;
}

static redux_status finish(rdx_extractor *extractor, void *item, const redux_tensor *image,
                           int64_t height, int64_t width, bool may_resize, bool *ragged)
{
    const int64_t length[1] = {RDX_DESCRIPTOR_LENGTH};
    redux_histogram_options histogram = REDUX_HISTOGRAM_OPTIONS_INIT;
    redux_tensor vector;
    switch (extractor->feature) {
    case RDX_FEATURE_NONE:
    case RDX_FEATURE_HASH:
        return REDUX_OK;
    case RDX_FEATURE_DESCRIPTOR:
        RDX_TRY(redux_tensor_borrow(&vector, item, REDUX_FLOAT32, 1, length, NULL));
        return redux_image_descriptor(&vector, extractor->context, image);
    case RDX_FEATURE_ENTROPY:
        histogram.bins = extractor->options->bins;
        return redux_entropy(item, extractor->context, image, &histogram);
    case RDX_FEATURE_IMAGE:
        if (may_resize)
            return resize(extractor, item, image, height, width, REDUX_FILTER_LINEAR);
        if (image->shape[0] != height || image->shape[1] != width) {
            *ragged = true;
            return REDUX_OK;
        }
        memcpy(item, image->data, (size_t)(height * width) * redux_dtype_size(image->dtype));
        return REDUX_OK;
    }
    return REDUX_OK;
}

redux_status rdx_extract(rdx_extractor *extractor, void *item, const rdx_visited *slice,
                         int64_t height, int64_t width, bool may_resize, bool *ragged)
{
    const redux_tensor *image;
    redux_tensor pixels;
    if (extractor->feature == RDX_FEATURE_HASH)
        return rdx_slice_hasher_run(&extractor->hasher, item, &extractor->info, slice);
    if (extractor->feature == RDX_FEATURE_NONE) {
        RDX_TRY(redux_volume_slice(&pixels, slice->context, slice->volume, slice->slice));
        redux_tensor_release(&pixels);
        return REDUX_OK;
    }
    RDX_TRY(rdx_visited_window(&image, slice, extractor->options->window, RDX_OWN_ORIENTATION));
    return finish(extractor, item, image, height, width, may_resize, ragged);
}
