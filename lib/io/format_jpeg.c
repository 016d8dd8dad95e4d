/* SPDX-License-Identifier: MIT
 * JPEG through libjpeg(-turbo), decoded as Pillow does: accurate integer DCT, smooth chroma
 * upsampling, inverted CMYK (Adobe's way). Errors leave by longjmp, so what must survive is in a
 * struct. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jerror.h>
#include <jpeglib.h>
#include "format.h"

/* A progressive file may repeat scans endlessly; real ones have about ten. */
#define SCANS_MAX 1000

static bool is_jpeg(const unsigned char *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

/* ---- header ---- */

/* The frame header (ITU-T T.81, B.2.2), which begins at `bytes`. */
static redux_status read_frame(rdx_picture_info *out, const unsigned char *bytes, unsigned marker,
                               const char *path)
{
    const unsigned precision = bytes[2], components = bytes[7];
    out->height = bytes[3] << 8 | bytes[4];
    out->width = bytes[5] << 8 | bytes[6];
    out->channels = components == 1 ? 1 : 3;
    out->dtype = REDUX_UINT8;
    if (precision != 8 || (components != 1 && components != 3 && components != 4))
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: JPEG with %u components of %u bits is not read",
                        path, components, precision);
    if (marker != 0xc0 && marker != 0xc1 && marker != 0xc2 && marker != 0xc9 && marker != 0xca)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: this kind of JPEG (SOF%u) is not read", path,
                        marker & 15);
    if (out->height == 0 || out->width == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %lld x %lld pixels", path,
                        (long long)out->height, (long long)out->width);
    return REDUX_OK;
}

static redux_status jpeg_header(rdx_picture_info *out, uint64_t *need, const unsigned char *bytes,
                                size_t size, const char *path)
{
    size_t at = 2;
    for (;;) {
        while (at < size && bytes[at] != 0xff) /* skips stray bytes, as libjpeg does */
            at++;
        while (at < size && bytes[at] == 0xff)
            at++;
        if (at + 9 > size) {
            *need = (uint64_t)at + 65536;
            return REDUX_OK;
        }
        const unsigned marker = bytes[at++];
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
            marker != 0xcc) {
            *need = 0;
            return read_frame(out, bytes + at, marker, path);
        }
        if (marker == 0xd9 || marker == 0xda)
            return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: a JPEG without a frame header", path);
        if (marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= 0xd8))
            continue; /* these have no length */
        const size_t length = (size_t)(bytes[at] << 8 | bytes[at + 1]);
        if (length < 2)
            return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: a JPEG segment of %zu bytes", path,
                            length);
        at += length;
    }
}

/* ---- decoding ---- */

/* What survives a longjmp; `errors` and `progress` come first in what libjpeg points to. */
typedef struct decoder {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    jmp_buf escape;
    redux_context *context;
    const char *path;
    redux_status status;
    redux_tensor pixels;
    void *row; /* CMYK only */
} decoder;

static void on_error(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    if (d->status == REDUX_OK) {
        jpeg->err->format_message(jpeg, text);
        d->status =
            rdx_fail(jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? REDUX_E_NO_MEMORY : REDUX_E_FORMAT,
                     "%s: is damaged: %s", d->path, text);
    }
    longjmp(d->escape, 1);
}

/* Logs warnings. At a premature end of the data libjpeg would continue with grey; that is an error
 * here. */
static void on_message(j_common_ptr jpeg, int level)
{
    decoder *d = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    if (level >= 0)
        return;
    if (jpeg->err->msg_code == JWRN_JPEG_EOF) {
        d->status = rdx_fail(REDUX_E_FORMAT, "%s: is cut short", d->path);
        longjmp(d->escape, 1);
    }
    jpeg->err->format_message(jpeg, text);
    rdx_log(d->context, REDUX_LOG_WARNING, "%s: %s", d->path, text);
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = jpeg->client_data;
    if (((j_decompress_ptr)jpeg)->input_scan_number > SCANS_MAX) {
        d->status =
            rdx_fail(REDUX_E_FORMAT, "%s: is damaged: more than %d scans", d->path, SCANS_MAX);
        longjmp(d->escape, 1);
    }
}

/* Memory for the pixels; progressive files are held as 16-bit coefficients beside them. */
static redux_status make_pixels(decoder *d)
{
    const int64_t shape[3] = {d->jpeg.image_height, d->jpeg.image_width, 3};
    const int channels = d->jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    const uint64_t samples = (uint64_t)shape[0] * (uint64_t)shape[1];
    redux_status status = REDUX_E_LIMIT;
    if (rdx_bytes_allowed(d->context, samples, (uint64_t)d->jpeg.num_components * 2))
        status =
            rdx_tensor_alloc(&d->pixels, d->context, REDUX_UINT8, channels == 1 ? 2 : 3, shape);
    if (status == REDUX_OK && d->jpeg.out_color_space == JCS_CMYK)
        status = rdx_alloc(d->context, &d->row, (uint64_t)shape[1], 4);
    if (status == REDUX_E_LIMIT)
        return rdx_fail(status, "%s: its %lld x %lld pixels are more than the limit", d->path,
                        (long long)shape[0], (long long)shape[1]);
    return status;
}

/* a * b / 255, rounded, as Pillow computes it. */
static unsigned scale255(unsigned a, unsigned b)
{
    const unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Stored inverted, so a sample is 255 minus the ink. */
static void cmyk_to_rgb(unsigned char *out, const unsigned char *in, int64_t width)
{
    for (int64_t x = 0; x < width; x++, in += 4, out += 3)
        for (int i = 0; i < 3; i++)
            out[i] = (unsigned char)(in[3] - scale255(255U - in[i], in[3]));
}

static void read_pixels(decoder *d, const unsigned char *bytes, size_t size)
{
    jpeg_create_decompress(&d->jpeg);
    jpeg_mem_src(&d->jpeg, bytes, size);
    jpeg_read_header(&d->jpeg, TRUE);
    d->jpeg.progress = &d->progress;
    d->jpeg.out_color_space = d->jpeg.num_components == 1   ? JCS_GRAYSCALE
                              : d->jpeg.num_components == 4 ? JCS_CMYK
                                                            : JCS_RGB;
    d->status = make_pixels(d);
    if (d->status != REDUX_OK)
        longjmp(d->escape, 1);
    jpeg_start_decompress(&d->jpeg);
    const size_t stride =
        (size_t)d->jpeg.output_width * (d->jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3);
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        unsigned char *line = (unsigned char *)d->pixels.data + d->jpeg.output_scanline * stride;
        JSAMPROW row = d->row == NULL ? line : d->row;
        jpeg_read_scanlines(&d->jpeg, &row, 1);
        if (d->row != NULL)
            cmyk_to_rgb(line, row, (int64_t)d->jpeg.output_width);
    }
    jpeg_finish_decompress(&d->jpeg); /* reads on to the end marker */
}

static redux_status decode_jpeg(redux_tensor *out, redux_context *context,
                                const unsigned char *bytes, size_t size, bool alpha,
                                const char *path)
{
    decoder d;
    rdx_picture_info info;
    uint64_t need = 0;
    (void)alpha;                                           /* JPEG has none */
    RDX_TRY(jpeg_header(&info, &need, bytes, size, path)); /* refuses what libjpeg cannot */
    memset(&d, 0, sizeof d);
    d.context = context;
    d.path = path;
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.jpeg.client_data = &d;
    d.errors.error_exit = on_error;
    d.errors.emit_message = on_message;
    d.errors.output_message = on_output;
    d.progress.progress_monitor = on_progress;
    if (setjmp(d.escape) == 0)
        read_pixels(&d, bytes, size);
    jpeg_destroy_decompress(&d.jpeg);
    rdx_free(d.row);
    if (d.status != REDUX_OK) {
        redux_tensor_release(&d.pixels);
        return d.status;
    }
    *out = d.pixels;
    return REDUX_OK;
}

const rdx_format rdx_format_jpeg = {
    .name = "jpeg",
    .suffixes = {".jpg", ".jpeg", ".jfif", ".jpe"},
    .unit = RDX_UNIT_PICTURE,
    .signature = is_jpeg,
    .header = jpeg_header,
    .decode = decode_jpeg,
};
