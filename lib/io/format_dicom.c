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
#define MODULE_OF(number) "libredux-gdcm.so." TEXT(number)
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

static redux_status decode(const redux_tensor *out, redux_context *context, const rdx_dicom *d,
                           int fd, const char *path)
{
    void *bytes;
    size_t count, length = 0;
    RDX_TRY(rdx_alloc(context, &bytes, d->length, 1));
    redux_status status = rdx_read_at(fd, path, d->offset, bytes, (size_t)d->length, &count);
    if (status == REDUX_OK)
        status = join_fragments(bytes, count, &length, path);
    if (status == REDUX_OK && strcmp(d->syntax, RDX_DICOM_RUN_LENGTHS) == 0)
        status = rdx_dicom_run_lengths(out->data, redux_tensor_elements(out),
                                       (int)redux_dtype_size(out->dtype), bytes, length, path);
    else if (status == REDUX_OK)
        status = decode_by_module(out, d, bytes, length, path);
    rdx_free(bytes);
    return status;
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
static uint32_t low_bits(uint32_t number, int shift, bool is_signed)
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

/* Slices of one volume that have different slopes: their values, in float32. */
static redux_status rescale(redux_tensor *pixels, redux_context *context, const rdx_dicom *d)
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

static bool differ(double a, double b)
{
    return a < b || a > b;
}

static redux_status check_unchanged(const rdx_dicom *d, const redux_volume_info *info,
                                    const char *path)
{
    if (d->height == info->height && d->width == info->width &&
        (info->dtype == REDUX_FLOAT32 ||
         (d->dtype == info->dtype && !differ(d->slope, info->slope) &&
          !differ(d->intercept, info->intercept))))
        return REDUX_OK;
    return rdx_fail(REDUX_E_FORMAT, "%s: has changed since the dataset was opened", path);
}

redux_status rdx_dicom_read(redux_tensor *out, redux_context *context, const char *path,
                            const redux_volume_info *info)
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
    status =
        d.encapsulated ? decode(&pixels, context, &d, fd, path) : read_plain(&pixels, &d, fd, path);
    close(fd);
    if (status == REDUX_OK) {
        clear_high_bits(&pixels, &d);
        if (info->dtype == REDUX_FLOAT32)
            status = rescale(&pixels, context, &d);
    }
    if (status != REDUX_OK) {
        redux_tensor_release(&pixels);
        return status;
    }
    *out = pixels;
    return REDUX_OK;
}

/* ---- the format ---- */

/* Whether a file begins like a DICOM file; false also if it cannot be read. */
static bool begins_as_dicom(const char *path)
{
    unsigned char magic[4];
    struct stat file;
    size_t count = 0;
    int fd;
    if (rdx_open_read(&fd, &file, path) != REDUX_OK)
        return false;
    const redux_status status = rdx_read_at(fd, path, RDX_DICOM_PREAMBLE - 4, magic, 4, &count);
    close(fd);
    return status == REDUX_OK && count == 4 && memcmp(magic, "DICM", 4) == 0;
}

/* Names without an ending or with one of digits: IM000001, 1.2.840.113619.2.55. DICOMDIR is an
 * index of other files. */
static bool may_be_dicom(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (strcmp(name, "DICOMDIR") == 0)
        return false;
    return dot == NULL || (dot[1] != '\0' && strspn(dot + 1, "0123456789") == strlen(dot + 1));
}

const rdx_format rdx_format_dicom = {
    .name = "dicom",
    .suffixes = {".dcm", ".dicom", ".ima"},
    .unit = RDX_UNIT_SERIES,
    .is_scan = true,
    .maybe = may_be_dicom,
    .sniff = begins_as_dicom,
};
