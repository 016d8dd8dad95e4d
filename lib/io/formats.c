/* SPDX-License-Identifier: MIT
 * The table of file formats, and how to recognise them by name or first bytes. */
#include <string.h>
#include <strings.h>
#include <redux/volume.h>
#include "format.h"

#define ADDRESS(name) &rdx_format_##name,
static const rdx_format *const formats[] = {RDX_FORMATS(ADDRESS)};

/* What people keep beside these, or in their place, and what converts it. */
static const struct {
    const char *suffix, *advice;
} unread[] = {
#if !defined(REDUX_TIFF)
    {".tif", "mogrify -format png FILE, of ImageMagick"},
    {".tiff", "mogrify -format png FILE, of ImageMagick"},
#endif
#if !defined(REDUX_WEBP)
    {".webp", "dwebp FILE -o OUT.png"},
#endif
#if !defined(REDUX_ZSTD)
    {".nii.zst", "zstd -d FILE"},
#endif
    {".bmp", "mogrify -format png FILE, of ImageMagick"},
    {".gif", "mogrify -format png FILE, of ImageMagick"},
    {".heic", "heif-convert FILE OUT.png, of libheif"},
    {".heif", "heif-convert FILE OUT.png, of libheif"},
    {".avif", "avifdec FILE OUT.png, of libavif"},
    {".jp2", "opj_decompress -i FILE -o OUT.png, of OpenJPEG"},
    {".jxl", "djxl FILE OUT.png, of libjxl"},
    {".mnc", "mnc2nii FILE OUT.nii, of minc-tools"},
    {".h5", "in Python: numpy.save(\"OUT.npy\", h5py.File(FILE)[NAME][...])"},
    {".hdf5", "in Python: numpy.save(\"OUT.npy\", h5py.File(FILE)[NAME][...])"},
    {".zarr", "in Python: numpy.save(\"OUT.npy\", zarr.open(FOLDER)[NAME][...])"},
    {".zip", "unpack it"},
    {".tar", "unpack it"},
    {".tar.gz", "unpack it"},
    {".tgz", "unpack it"},
};

static bool ends_with(const char *text, const char *suffix)
{
    const size_t length = strlen(text), end = strlen(suffix);
    return length > end && strcasecmp(text + length - end, suffix) == 0;
}

static bool ends_with_any(const char *text, const char *const *suffixes)
{
    for (int i = 0; i < RDX_SUFFIXES && suffixes[i] != NULL; i++)
        if (ends_with(text, suffixes[i]))
            return true;
    return false;
}

/* ---- which format a file is of ---- */

const rdx_format *rdx_format_of(const char *name, bool *part)
{
    for (int i = 0; i < (int)RDX_COUNT(formats); i++) {
        const bool whole = ends_with_any(name, formats[i]->suffixes);
        if (whole || ends_with_any(name, formats[i]->parts)) {
            if (part != NULL)
                *part = !whole;
            return formats[i];
        }
    }
    return NULL;
}

bool rdx_format_maybe(const char *name)
{
    for (int i = 0; i < (int)RDX_COUNT(formats); i++)
        if (formats[i]->maybe != NULL && formats[i]->maybe(name))
            return true;
    return false;
}

const rdx_format *rdx_format_sniff(const char *path, bool any_name)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    const rdx_format *format = rdx_format_of(name, NULL);
    for (int i = 0; i < (int)RDX_COUNT(formats) && format == NULL; i++)
        if (formats[i]->sniff != NULL && (any_name || formats[i]->maybe(name)) &&
            formats[i]->sniff(path))
            format = formats[i];
    return format;
}

const rdx_format *rdx_format_of_picture(const unsigned char *bytes, size_t size)
{
    for (int i = 0; i < (int)RDX_COUNT(formats); i++)
        if (formats[i]->unit == RDX_UNIT_PICTURE && formats[i]->signature(bytes, size))
            return formats[i];
    return NULL;
}

const char *rdx_format_key(const rdx_format **format, const char *text)
{
    const char *colon = strchr(text, ':');
    for (; colon != NULL; colon = strchr(colon + 1, ':'))
        for (int i = 0; i < (int)RDX_COUNT(formats); i++) {
            const char *suffix = formats[i]->key_suffix;
            const size_t length = suffix == NULL ? 0 : strlen(suffix);
            if (length > 0 && (size_t)(colon - text) > length &&
                strncasecmp(colon - length, suffix, length) == 0) {
                *format = formats[i];
                return colon + 1;
            }
        }
    return NULL;
}

int redux_source_is_volume(size_t *file_length, const char *source)
{
    const rdx_format *format = NULL;
    const char *key = source == NULL ? NULL : rdx_format_key(&format, source);
    if (file_length != NULL)
        *file_length = source == NULL ? 0
                       : key != NULL  ? (size_t)(key - 1 - source)
                                      : strlen(source);
    if (source != NULL && format == NULL)
        format = rdx_format_of(source, NULL);
    return format != NULL && format->unit == RDX_UNIT_VOLUME;
}

/* ---- lists ---- */

int64_t redux_format_count(void)
{
    return RDX_COUNT(formats);
}

const char *redux_format_name(int64_t index)
{
    return index < 0 || index >= RDX_COUNT(formats) ? NULL : formats[index]->name;
}

const char *redux_format_suffix(int64_t index, int64_t suffix)
{
    if (index < 0 || index >= RDX_COUNT(formats) || suffix < 0 || suffix >= RDX_SUFFIXES)
        return NULL;
    return formats[index]->suffixes[suffix];
}

/* Appends to a list in `text`, which is cut where it does not fit. */
static void list_one(char *text, size_t size, const char *name)
{
    const size_t used = strlen(text);
    if (used + strlen(name) + 3 < size)
        snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ", name);
}

void rdx_format_list(char *text, size_t size)
{
    text[0] = '\0';
    for (int i = 0; i < (int)RDX_COUNT(formats); i++) {
        const rdx_format *f = formats[i];
        for (int s = 0; s < RDX_SUFFIXES && f->suffixes[s] != NULL; s++)
            list_one(text, size, f->suffixes[s]);
        for (int s = 0; s < RDX_SUFFIXES && f->parts[s] != NULL; s++)
            list_one(text, size, f->parts[s]);
    }
}

int rdx_unread_format(const char *name)
{
    for (int i = 0; i < (int)RDX_COUNT(unread); i++)
        if (ends_with(name, unread[i].suffix))
            return i;
    return -1;
}

const char *rdx_unread_advice(int format)
{
    return unread[format].advice;
}

void rdx_unread_list(char *text, size_t size, uint64_t kinds)
{
    char one[128];
    text[0] = '\0';
    for (int i = 0; i < (int)RDX_COUNT(unread); i++) {
        snprintf(one, sizeof one, "%s (%s)", unread[i].suffix, unread[i].advice);
        if ((kinds >> i & 1) != 0)
            list_one(text, size, one);
    }
}

/* ---- what formats share ---- */

void rdx_found_clear(rdx_found *found)
{
    if (found->format != NULL && found->format->clear != NULL)
        found->format->clear(found);
    rdx_free(found->source);
    rdx_free(found->file);
    rdx_free(found->image);
    rdx_free(found->key);
    rdx_free(found->header);
    memset(found, 0, sizeof *found);
}

redux_status rdx_axial_view(redux_tensor *out, const redux_tensor *stored,
                            const rdx_geometry *geometry)
{
    int32_t order[REDUX_MAX_DIMS];
    redux_tensor view;
    for (int32_t i = 0; i < stored->ndim; i++)
        order[i] = i < 3 ? 2 - geometry->axis[i] : i; /* tensors count from the slowest axis */
    RDX_TRY(redux_tensor_permute(&view, stored, order));
    for (int i = 1; i < 3; i++) {
        if (geometry->reversed[i] == 0)
            continue;
        view.data = (char *)view.data +
                    (view.shape[i] - 1) * view.strides[i] * (int64_t)redux_dtype_size(view.dtype);
        view.strides[i] = -view.strides[i];
    }
    *out = view;
    return REDUX_OK;
}

rdx_geometry rdx_geometry_plain(int64_t slices, int64_t height, int64_t width)
{
    return (rdx_geometry){.dim = {width, height, slices}, .axis = {2, 1, 0}};
}

redux_status rdx_format_changed(const char *path)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: has changed since the dataset was opened", path);
}
