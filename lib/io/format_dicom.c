/* SPDX-License-Identifier: MIT
 * The pixels of a DICOM file. Uncompressed ones are read here. The fragments of compressed ones
 * are joined here and decoded by GDCM (dicom_gdcm.cpp), which sees nothing else of the file. */
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <redux/version.h>
#include "format_dicom.h"
#include "format_dicom_gdcm.h"

/* ---- compressed ---- */

/* The ABI number of the library is part of the file name, as text. */
#define TEXT(number) #number
#ifdef __APPLE__ /* beside the library, by its rpath */
#define MODULE_OF(number) "@rpath/libredux-gdcm." TEXT(number) ".dylib"
#else
#define MODULE_OF(number) "libredux-gdcm.so." TEXT(number)
#endif
#define MODULE MODULE_OF(REDUX_ABI_VERSION)

/* The module with GDCM, or NULL. It is loaded for the first compressed image only, because loading
 * takes 30 ms. */
static rdx_dicom_decode_fn *decoder;
static pthread_once_t decoder_once = PTHREAD_ONCE_INIT;

static void find_decoder(void)
{
    void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL); /* and never unloaded */
    void *found = module == NULL ? NULL : dlsym(module, "rdx_dicom_decode");
    memcpy(&decoder, &found,
           sizeof decoder); /* ISO C has no conversion from an object pointer to a function */
}

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* Moves the fragments (PS3.5, A.4) together. They are items, the first of which is a table of
 * offsets. */
static redux_status join_fragments(unsigned char *bytes, size_t size, size_t *length,
                                   const char *path)
{
    static const unsigned char item[4] = {0xFE, 0xFF, 0x00, 0xE0};
    size_t at = 0;
    *length = 0;
    for (int64_t i = 0; size - at >= 8; i++) {
        const size_t count = little_endian(bytes + at + 4);
        const bool is_item = memcmp(bytes + at, item, 4) == 0;
        at += 8;
        if (!is_item)
            return REDUX_OK; /* the end of the sequence */
        if (count > size - at)
            return rdx_fail(REDUX_E_FORMAT, "%s: its pixels are cut short", path);
        if (i > 0) {
            memmove(bytes + *length, bytes + at, count);
            *length += count;
        }
        at += count;
    }
    return rdx_fail(REDUX_E_FORMAT, "%s: its pixels are cut short", path);
}

/* Whatever GDCM decodes. */
static redux_status decode_by_module(const redux_tensor *out, const rdx_dicom *d, const void *bytes,
                                     size_t length, const char *path)
{
    const rdx_compressed image = {d->syntax, d->height,    d->width, d->bits, d->stored,
                                  d->high,   d->is_signed, bytes,    length};
    const size_t size = (size_t)redux_tensor_elements(out) * redux_dtype_size(out->dtype);
    const char *why = "";
    RDX_TRY(rdx_dicom_check_codestream(d, bytes, length, path));
    pthread_once(&decoder_once, find_decoder);
    if (decoder == NULL)
        return rdx_fail(
            REDUX_E_UNSUPPORTED,
            "%s: its pixels are compressed (transfer syntax %s), and there is no " MODULE
            " to decode them: convert it with dcm2niix",
            path, d->syntax);
    const redux_status status = decoder(out->data, size, &image, &why);
    return status == REDUX_OK ? status : rdx_fail(status, "%s: %s", path, why);
}

static redux_status decode(const redux_tensor *out, const rdx_dicom *d, unsigned char *bytes,
                           size_t count, const char *path)
{
    size_t length = 0;
    RDX_TRY(join_fragments(bytes, count, &length, path));
    if (strcmp(d->syntax, RDX_DICOM_RUN_LENGTHS) == 0)
        return rdx_dicom_run_lengths(out->data, redux_tensor_elements(out),
                                     (int)redux_dtype_size(out->dtype), bytes, length, path);
    return decode_by_module(out, d, bytes, length, path);
}

/* ---- uncompressed ---- */

static redux_status read_plain(const redux_tensor *out, const rdx_dicom *d, int fd,
                               const char *path)
{
    const uint64_t elements = (uint64_t)redux_tensor_elements(out);
    const size_t each = redux_dtype_size(out->dtype);
    size_t count;
    RDX_TRY(rdx_read_at(fd, path, d->offset, out->data, (size_t)elements * each, &count));
    if (count < elements * each)
        return rdx_fail(REDUX_E_FORMAT, "%s: its pixels are cut short", path);
    if (d->swap)
        rdx_swap_bytes(out->data, elements, each);
    return REDUX_OK;
}

/* ---- values ---- */

/* The lowest 32 - `shift` bits of a number. */
RDX_WRAPS static uint32_t low_bits(uint32_t number, int shift, bool is_signed)
{
    const uint32_t high = number << shift;
    return is_signed ? (uint32_t)((int32_t)high >> shift) : high >> shift;
}

/* Bits above the stored ones may hold anything (overlays, in old files). */
static void clear_high_bits(const redux_tensor *out, const rdx_dicom *d)
{
    const int shift = 32 - (int)d->stored;
    const bool is_signed = d->is_signed != 0;
    const int64_t count = redux_tensor_elements(out);
    if (d->stored == d->bits)
        return;
    for (int64_t i = 0; i < count; i++) {
        if (d->bits == 8) {
            uint8_t *v = (uint8_t *)out->data + i;
            *v = (uint8_t)low_bits(*v, shift, is_signed);
        } else if (d->bits == 16) {
            uint16_t *v = (uint16_t *)out->data + i;
            *v = (uint16_t)low_bits(*v, shift, is_signed);
        } else {
            uint32_t *v = (uint32_t *)out->data + i;
            *v = low_bits(*v, shift, is_signed);
        }
    }
}

redux_status rdx_dicom_decode(const redux_tensor *out, const rdx_dicom *d, unsigned char *bytes,
                              size_t count, const char *path)
{
    RDX_TRY(decode(out, d, bytes, count, path));
    clear_high_bits(out, d);
    return REDUX_OK;
}

redux_status rdx_dicom_pixels(const redux_tensor *out, redux_context *context, const rdx_dicom *d,
                              int fd, const char *path)
{
    void *bytes;
    size_t count;
    if (!d->encapsulated) {
        RDX_TRY(read_plain(out, d, fd, path));
        clear_high_bits(out, d);
        return REDUX_OK;
    }
    RDX_TRY(rdx_alloc(context, &bytes, d->length, 1));
    redux_status status = rdx_read_at(fd, path, d->offset, bytes, (size_t)d->length, &count);
    if (status == REDUX_OK)
        status = rdx_dicom_decode(out, d, bytes, count, path);
    rdx_free(bytes);
    return status;
}

redux_status rdx_dicom_rescale(redux_tensor *pixels, redux_context *context, const rdx_dicom *d)
{
    redux_tensor values;
    RDX_TRY(redux_tensor_contiguous(&values, context, pixels, REDUX_FLOAT32));
    float *v = values.data;
    for (int64_t i = 0; i < redux_tensor_elements(&values); i++)
        v[i] = (float)(d->slope * (double)v[i] + d->intercept);
    redux_tensor_release(pixels);
    *pixels = values;
    return REDUX_OK;
}

/* Gives padding the least value of the other pixels, which is the greatest stored one where the
 * slope falls. If all are padding, nothing is known that could replace it. */
#define REPLACE_PADDING(type)                                                                      \
    static void replace_##type(type *v, int64_t count, const rdx_dicom *d)                         \
    {                                                                                              \
        const int64_t low = d->padding, high = d->padding_limit;                                   \
        int64_t least = 0, found = 0;                                                              \
        for (int64_t i = 0; i < count; i++)                                                        \
            if (v[i] < low || v[i] > high) {                                                       \
                if (found == 0 || (d->slope < 0 ? v[i] > least : v[i] < least))                    \
                    least = v[i];                                                                  \
                found++;                                                                           \
            }                                                                                      \
        for (int64_t i = 0; i < count && found > 0 && found < count; i++)                          \
            if (v[i] >= low && v[i] <= high)                                                       \
                v[i] = (type)least;                                                                \
    }
REPLACE_PADDING(int8_t)
REPLACE_PADDING(uint8_t)
REPLACE_PADDING(int16_t)
REPLACE_PADDING(uint16_t)
REPLACE_PADDING(int32_t)
REPLACE_PADDING(uint32_t)

/* Pixels outside the scanner's field of view have a value without meaning, often far below air,
 * that would take up the grey range of the slice. */
void rdx_dicom_replace_padding(const redux_tensor *pixels, const rdx_dicom *d)
{
    const int64_t count = redux_tensor_elements(pixels);
    if (!d->has_padding)
        return;
    switch (pixels->dtype) {
    case REDUX_INT8:
        replace_int8_t(pixels->data, count, d);
        break;
    case REDUX_UINT8:
        replace_uint8_t(pixels->data, count, d);
        break;
    case REDUX_INT16:
        replace_int16_t(pixels->data, count, d);
        break;
    case REDUX_UINT16:
        replace_uint16_t(pixels->data, count, d);
        break;
    case REDUX_INT32:
        replace_int32_t(pixels->data, count, d);
        break;
    default:
        replace_uint32_t(pixels->data, count, d);
        break;
    }
}

static bool differ(double a, double b)
{
    return a < b || a > b;
}

static redux_status check_unchanged(const rdx_dicom *d, const redux_volume_info *info,
                                    const char *path)
{
    if (d->frames == 1 && d->height == info->height && d->width == info->width &&
        (info->dtype == REDUX_FLOAT32 ||
         (d->dtype == info->dtype && !differ(d->slope, info->slope) &&
          !differ(d->intercept, info->intercept))))
        return REDUX_OK;
    return rdx_fail(REDUX_E_FORMAT, "%s: has changed since the dataset was opened", path);
}

redux_status rdx_dicom_read(redux_tensor *out, redux_context *context, const char *path,
                            const redux_volume_info *info, bool keep_padding)
{
    rdx_dicom d;
    redux_tensor pixels;
    struct stat file;
    int fd;
    RDX_TRY(rdx_dicom_probe(&d, path));
    RDX_TRY(check_unchanged(&d, info, path));
    const int64_t shape[2] = {d.height, d.width};
    RDX_TRY(rdx_open_read(&fd, &file, path));
    redux_status status = rdx_tensor_alloc(&pixels, context, d.dtype, 2, shape);
    if (status != REDUX_OK) {
        close(fd);
        return status;
    }
    status = rdx_dicom_pixels(&pixels, context, &d, fd, path);
    close(fd);
    if (status == REDUX_OK && !keep_padding)
        rdx_dicom_replace_padding(&pixels, &d);
    if (status == REDUX_OK && info->dtype == REDUX_FLOAT32)
        status = rdx_dicom_rescale(&pixels, context, &d);
    if (status != REDUX_OK) {
        redux_tensor_release(&pixels);
        return status;
    }
    *out = pixels;
    return REDUX_OK;
}

/* ---- the format ---- */

const rdx_format rdx_format_dicom = {
    .name = "dicom",
    .suffixes = {".dcm", ".dicom", ".ima"},
    .unit = RDX_UNIT_SERIES,
    .is_scan = true,
    .sniff = rdx_dicom_sniff,
};
