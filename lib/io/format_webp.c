/* SPDX-License-Identifier: MIT
 * WebP through libwebp, lossy and lossless: 8 bits, in colour. */
#include "format.h"

#if defined(REDUX_WEBP)
#include <errno.h>
#include <string.h>
#include <webp/decode.h>

#define RATIO 65536 /* a lossless picture of one colour: 2^28 pixels in 100 bytes */

static bool is_webp(const unsigned char *bytes, size_t size)
{
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static redux_status read_features(WebPBitstreamFeatures *out, const unsigned char *bytes,
                                  size_t size, const char *path)
{
    const VP8StatusCode code = WebPGetFeatures(bytes, size, out);
    if (code == VP8_STATUS_NOT_ENOUGH_DATA)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", path);
    if (code != VP8_STATUS_OK)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: no WebP header", path);
    if (out->has_animation != 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is animated: save its frames as pictures (webpmux -get frame N)",
                        path);
    return REDUX_OK;
}

static redux_status webp_header(rdx_picture_info *out, uint64_t *need, const unsigned char *bytes,
                                size_t size, const char *path)
{
    WebPBitstreamFeatures features;
    *need = 0;
    RDX_TRY(read_features(&features, bytes, size, path));
    out->height = features.height;
    out->width = features.width;
    out->channels = 3;
    out->dtype = REDUX_UINT8;
    return REDUX_OK;
}

static redux_status decode_pixels(const redux_tensor *out, const unsigned char *bytes, size_t size,
                                  const char *path)
{
    WebPDecoderConfig config;
    const int64_t stride = out->shape[1] * out->shape[2];
    if (WebPInitDecoderConfig(&config) == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: libwebp is of another version", path);
    config.output.colorspace = out->shape[2] == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->data;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = (size_t)(stride * out->shape[0]);
    errno = 0;
    const VP8StatusCode code = WebPDecode(bytes, size, &config);
    const bool lacks_memory = /* which libwebp may call a damaged file */
        code == VP8_STATUS_OUT_OF_MEMORY || (code != VP8_STATUS_OK && errno == ENOMEM);
    WebPFreeDecBuffer(&config.output);
    if (lacks_memory)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory for libwebp", path);
    if (code != VP8_STATUS_OK)
        return rdx_fail(REDUX_E_FORMAT, "%s: is %s", path,
                        code == VP8_STATUS_NOT_ENOUGH_DATA ? "cut short" : "damaged");
    return REDUX_OK;
}

static redux_status decode_webp(redux_tensor *out, redux_context *context,
                                const unsigned char *bytes, size_t size, bool alpha,
                                const char *path)
{
    WebPBitstreamFeatures features;
    redux_tensor pixels;
    RDX_TRY(read_features(&features, bytes, size, path));
    const int64_t shape[3] = {features.height, features.width,
                              alpha && features.has_alpha != 0 ? 4 : 3};
    if ((uint64_t)features.height * (uint64_t)features.width / RATIO > size)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %zu bytes cannot hold %d x %d pixels",
                        path, size, features.height, features.width);
    redux_status status = rdx_tensor_alloc(&pixels, context, REDUX_UINT8, 3, shape);
    if (status == REDUX_E_LIMIT)
        return rdx_fail(status, "%s: its %d x %d pixels are more than the limit", path,
                        features.height, features.width);
    RDX_TRY(status);
    status = decode_pixels(&pixels, bytes, size, path);
    if (status == REDUX_OK)
        *out = pixels;
    else
        redux_tensor_release(&pixels);
    return status;
}

const rdx_format rdx_format_webp = {
    .name = "webp",
    .suffixes = {".webp"},
    .unit = RDX_UNIT_PICTURE,
    .signature = is_webp,
    .header = webp_header,
    .decode = decode_webp,
};
#endif
