/* SPDX-License-Identifier: MIT
 * The table of file formats, and how to recognise them by name or first bytes. */
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <redux/volume.h>
#include "format.h"

#define ADDRESS(name) &rdx_format_##name,
static const rdx_format *const formats[] = {RDX_FORMATS(ADDRESS)};

#define IMAGEMAGICK "mogrify -format png FILE, of ImageMagick"
#define H5PY "in Python: numpy.save(\"OUT.npy\", h5py.File(FILE)[NAME][...])"
#define BIO_FORMATS "bfconvert FILE OUT.ome.tiff, of Bio-Formats"
#define UNPACK "unpack it"

/* What people keep beside these, or in their place, and what converts it. Longer ones come first.
 */
static const struct {
    const char *suffix, *advice;
} unread[] = {
#if !defined(REDUX_ZSTD)
    {".nii.zst", "zstd -d FILE"},
#endif
    {".nii.bz2", "bunzip2 FILE"},
    {".nii.xz", "unxz FILE"},
    {".dcm.gz", "gunzip FILE"},
    {".dcm.bz2", "bunzip2 FILE"},
    {".tar.gz", UNPACK},
    {".tar.bz2", UNPACK},
    {".tar.xz", UNPACK},
#if !defined(REDUX_TIFF)
    {".tif", IMAGEMAGICK},
    {".tiff", IMAGEMAGICK},
#endif
    {".bmp", IMAGEMAGICK},
    {".gif", IMAGEMAGICK},
#if !defined(REDUX_WEBP)
    {".webp", "dwebp FILE -o OUT.png"},
#endif
    {".heic", "heif-convert FILE OUT.png, of libheif"},
    {".heif", "heif-convert FILE OUT.png, of libheif"},
    {".avif", "avifdec FILE OUT.png, of libavif"},
    {".jp2", "opj_decompress -i FILE -o OUT.png, of OpenJPEG"},
    {".j2k", "opj_decompress -i FILE -o OUT.png, of OpenJPEG"},
    {".jxl", "djxl FILE OUT.png, of libjxl"},
    {".jls", "gdcmimg FILE OUT.dcm, of GDCM"},
    {".exr", IMAGEMAGICK},
    {".psd", IMAGEMAGICK},
    {".mnc", "mnc2nii FILE OUT.nii, of minc-tools"},
    {".h5", H5PY},
    {".hdf5", H5PY},
    {".mat", "in Python: numpy.save(\"OUT.npy\", scipy.io.loadmat(FILE)[NAME])"},
    {".zip", UNPACK},
    {".tar", UNPACK},
    {".tgz", UNPACK},
    {".rar", UNPACK},
    {".7z", UNPACK},
    {".zarr", "in Python: numpy.save(\"OUT.npy\", zarr.open(FOLDER)[NAME][...])"},
    {".czi", BIO_FORMATS},
    {".nd2", BIO_FORMATS},
    {".svs", BIO_FORMATS},
    {".par", "dcm2niix FOLDER"},
    {".v", "in Python: nibabel.save(nibabel.load(FILE), \"OUT.nii\")"},
    {".zst", "zstd -d FILE"},
};

/* The same by their first bytes. */
static const struct {
    const char *name;
    size_t offset, size;
    const char *bytes;
} signatures[] = {{"TIFF", 0, 4, "II*\0"},
                  {"TIFF", 0, 4, "MM\0*"},
                  {"BigTIFF", 0, 4, "II+\0"},
                  {"BMP", 6, 4, "\0\0\0\0"},
                  {"GIF", 0, 4, "GIF8"},
                  {"WebP", 8, 4, "WEBP"},
                  {"HEIC or AVIF", 4, 4, "ftyp"},
                  {"HDF5", 0, 4, "\x89HDF"},
                  {"a MATLAB file", 0, 6, "MATLAB"},
                  {"OpenEXR", 0, 4, "v/1\x01"},
                  {"JPEG 2000", 4, 4, "jP  "},
                  {"JPEG 2000", 0, 4, "\xFFO\xFFQ"},
                  {"zstd", 0, 4, "\x28\xB5/\xFD"},
                  {"bzip2", 0, 3, "BZh"},
                  {"xz", 0, 5,
                   "\xFD"
                   "7zXZ"},
                  {"gzip", 0, 2, "\x1F\x8B"},
                  {"a zip archive", 0, 4, "PK\3\4"},
                  {"NetCDF", 0, 3, "CDF"},
                  {"PNG", 0, 4, "\x89PNG"},
                  {"JPEG", 0, 3, "\xFF\xD8\xFF"},
                  {"an npy array", 0, 6, "\x93NUMPY"},
                  {"NIfTI", 344, 4, "n+1\0"},
                  {"NIfTI", 4, 4, "n+2\0"},
                  {"NRRD", 0, 5, "NRRD0"}};

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

#define FIRST_BYTES 512

static size_t first_bytes(unsigned char *bytes, const char *path)
{
    struct stat file;
    size_t count = 0;
    int fd;
    if (rdx_open_read(&fd, &file, path) != REDUX_OK)
        return 0;
    const redux_status status = rdx_read_at(fd, path, 0, bytes, FIRST_BYTES, &count);
    close(fd);
    return status == REDUX_OK ? count : 0;
}

static const char *signature_of(const unsigned char *bytes, size_t size)
{
    for (int64_t i = 0; i < RDX_COUNT(signatures); i++) {
        const bool is_bmp = signatures[i].offset == 6; /* its own magic has two letters only */
        if (signatures[i].offset + signatures[i].size <= size &&
            memcmp(bytes + signatures[i].offset, signatures[i].bytes, signatures[i].size) == 0 &&
            (!is_bmp || memcmp(bytes, "BM", 2) == 0))
            return signatures[i].name;
    }
    return NULL;
}

const rdx_format *rdx_format_sniff(const char **looks_like, const char *path)
{
    const char *slash = strrchr(path, '/');
    const rdx_format *format = rdx_format_of(slash == NULL ? path : slash + 1, NULL);
    unsigned char bytes[FIRST_BYTES];
    if (looks_like != NULL)
        *looks_like = NULL;
    if (format != NULL)
        return format;
    const size_t size = first_bytes(bytes, path);
    for (int i = 0; i < (int)RDX_COUNT(formats); i++)
        if (formats[i]->sniff != NULL && formats[i]->sniff(bytes, size))
            return formats[i];
    if (looks_like != NULL)
        *looks_like = signature_of(bytes, size);
    return NULL;
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

const char *rdx_unread_suffix(const char **advice, const char *name)
{
    for (int i = 0; i < (int)RDX_COUNT(unread); i++)
        if (ends_with(name, unread[i].suffix)) {
            *advice = unread[i].advice;
            return unread[i].suffix;
        }
    return NULL;
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
    rdx_free(found->patient);
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
