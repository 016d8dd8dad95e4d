/* SPDX-License-Identifier: MIT
 * TIFF through libtiff: grey, colour and palettes, of 8, 16, 32 and 64 bits, whole numbers and
 * floats, strips and tiles, BigTIFF. A file of one page is a picture; one of several pages is a
 * volume, whose slices are its pages. */
#include "format.h"

#if defined(REDUX_TIFF)
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tiffio.h>

#define PAGES_MAX 65536
#define RATIO 32768              /* of Zstandard, the best that there is in TIFF */
#define DIRECTORY_MAX (64 << 20) /* what libtiff may take in one block for its tables */

/* Where libtiff reads: a file, or one in memory. */
typedef struct source {
    const unsigned char *bytes; /* NULL: fd */
    int fd;
    uint64_t size, at;
    const char *path;
    redux_context *context;
    redux_status status; /* of reading the file */
    char text[200];      /* libtiff's first complaint */
} source;

/* ---- libtiff's callbacks; none of its handlers for the whole process is touched ---- */

static tmsize_t on_read(thandle_t handle, void *out, tmsize_t size)
{
    source *s = handle;
    const uint64_t left = s->at < s->size ? s->size - s->at : 0;
    size_t count = (size_t)RDX_MIN((uint64_t)size, left);
    if (s->bytes != NULL)
        memcpy(out, s->bytes + s->at, count);
    else if (s->status == REDUX_OK)
        s->status = rdx_read_at(s->fd, s->path, s->at, out, count, &count);
    if (s->status != REDUX_OK)
        return 0;
    s->at += count;
    return (tmsize_t)count;
}

static tmsize_t on_write(thandle_t handle, void *bytes, tmsize_t size)
{
    (void)handle;
    (void)bytes;
    (void)size;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int origin)
{
    source *s = handle;
    s->at = origin == SEEK_CUR ? s->at + offset : origin == SEEK_END ? s->size + offset : offset;
    return s->at;
}

/* Whoever opened the file closes it. */
static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return ((source *)handle)->size;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list list)
{
    source *s = user;
    (void)tiff;
    (void)module;
    if (s->text[0] == '\0')
        vsnprintf(s->text, sizeof s->text, format, list);
    return 1; /* and nobody else hears of it */
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list list)
{
    const source *s = user;
    char line[200];
    (void)tiff;
    (void)module;
    vsnprintf(line, sizeof line, format, list);
    rdx_log(s->context, REDUX_LOG_DEBUG, "%s: %s", s->path, line);
    return 1;
}

/* ---- opening ---- */

/* libtiff names no reason but by text. */
static redux_status failure(const source *s)
{
    if (s->status != REDUX_OK)
        return s->status;
    if (errno == ENOMEM)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory for libtiff", s->path);
    if (strstr(s->text, "byte limit") != NULL)
        return rdx_fail(REDUX_E_LIMIT, "%s: %s", s->path, s->text);
    return rdx_fail(strstr(s->text, "not configured") != NULL ||
                            strstr(s->text, "not implemented") != NULL
                        ? REDUX_E_UNSUPPORTED
                        : REDUX_E_FORMAT,
                    "%s: is damaged, or not read by libtiff: %s", s->path,
                    s->text[0] != '\0' ? s->text : "it is cut short");
}

static redux_status open_tiff(TIFF **out, source *s)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory for libtiff", s->path);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, DIRECTORY_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
    errno = 0;
    /* m: no memory mapping; O: tables are read when they are needed. */
    *out = TIFFClientOpenExt(s->path, "rmO", s, on_read, on_write, on_seek, on_close, on_size, NULL,
                             NULL, options);
    TIFFOpenOptionsFree(options);
    return *out == NULL ? failure(s) : REDUX_OK;
}

/* ---- what a page is like ---- */

typedef struct page {
    uint32_t width, height;
    uint16_t bits, samples, photometric, orientation;
    int32_t channels; /* in a tensor: 1 or 3, without alpha */
    bool has_alpha, planes, tiled;
    redux_dtype dtype;
} page;

#define UNSUPPORTED(path, what, number)                                                            \
    rdx_fail(REDUX_E_UNSUPPORTED,                                                                  \
             "%s: TIFF with " what " is not read: convert it, for example by ImageMagick or "      \
             "gdal_translate",                                                                     \
             path, (int)(number))

static redux_status read_dtype(page *p, TIFF *tiff, const char *path)
{
    static const struct {
        uint16_t format, bits;
        redux_dtype dtype;
    } types[] = {
        {SAMPLEFORMAT_UINT, 8, REDUX_UINT8},      {SAMPLEFORMAT_UINT, 16, REDUX_UINT16},
        {SAMPLEFORMAT_UINT, 32, REDUX_UINT32},    {SAMPLEFORMAT_UINT, 64, REDUX_UINT64},
        {SAMPLEFORMAT_INT, 8, REDUX_INT8},        {SAMPLEFORMAT_INT, 16, REDUX_INT16},
        {SAMPLEFORMAT_INT, 32, REDUX_INT32},      {SAMPLEFORMAT_INT, 64, REDUX_INT64},
        {SAMPLEFORMAT_IEEEFP, 16, REDUX_FLOAT16}, {SAMPLEFORMAT_IEEEFP, 32, REDUX_FLOAT32},
        {SAMPLEFORMAT_IEEEFP, 64, REDUX_FLOAT64},
    };
    uint16_t format;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    if (format == SAMPLEFORMAT_VOID)
        format = SAMPLEFORMAT_UINT;
    for (int i = 0; i < (int)RDX_COUNT(types); i++)
        if (types[i].format == format && types[i].bits == p->bits) {
            p->dtype = types[i].dtype;
            return REDUX_OK;
        }
    if (format > SAMPLEFORMAT_IEEEFP)
        return UNSUPPORTED(path, "complex samples of %d bits", p->bits);
    return UNSUPPORTED(path, "samples of %d bits", p->bits);
}

static redux_status check_colours(page *p, TIFF *tiff, const char *path)
{
    const bool is_grey =
        p->photometric == PHOTOMETRIC_MINISBLACK || p->photometric == PHOTOMETRIC_MINISWHITE;
    const bool is_palette = p->photometric == PHOTOMETRIC_PALETTE;
    uint16_t compression, extra_count = 0, *extras = NULL;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
    if (p->photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG)
        TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    else if (!is_grey && !is_palette && p->photometric != PHOTOMETRIC_RGB)
        return UNSUPPORTED(path, "colours of kind %d", p->photometric);
    if (is_palette && p->dtype != REDUX_UINT8)
        return UNSUPPORTED(path, "a palette of %d bits", p->bits);
    if (p->photometric == PHOTOMETRIC_MINISWHITE && p->dtype != REDUX_UINT8 &&
        p->dtype != REDUX_UINT16)
        return UNSUPPORTED(path, "white as 0 and %d bits a sample", p->bits);
    p->channels = is_grey ? 1 : 3;
    const int stored = is_grey || is_palette ? 1 : 3;
    p->has_alpha = p->samples == stored + 1 && !is_palette;
    TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extras);
    const bool is_known = extra_count > 0 && extras[0] != EXTRASAMPLE_UNSPECIFIED;
    if (p->samples != stored && (!p->has_alpha || (is_grey && !is_known)))
        return UNSUPPORTED(path, "%d samples a pixel", p->samples);
    return REDUX_OK;
}

/* ImageJ always, and tifffile with truncate=True, can store a whole stack behind one page: only the
 * description says how many images follow. */
static redux_status check_description(TIFF *tiff, const char *path)
{
    const char *text, *images;
    if (TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &text) == 0 || TIFFLastDirectory(tiff) == 0)
        return REDUX_OK;
    images = strncmp(text, "ImageJ=", 7) == 0 ? strstr(text, "\nimages=") : NULL;
    const bool is_truncated =
        strncmp(text, "{\"shape\":", 9) == 0 && strstr(text, "\"truncated\": true") != NULL;
    if (!is_truncated && (images == NULL || strtol(images + 8, NULL, 10) <= 1))
        return REDUX_OK;
    return rdx_fail(
        REDUX_E_UNSUPPORTED,
        "%s: is a stack that was written as one page and a note: save it with a page "
        "for each image (tifffile without truncate; ImageJ: as OME-TIFF by Bio-Formats)",
        path);
}

/* The page that libtiff is at. */
static redux_status describe_page(page *p, TIFF *tiff, const source *s)
{
    uint16_t planar;
    uint32_t depth = 1;
    *p = (page){.photometric = PHOTOMETRIC_MINISBLACK};
    if (TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &p->width) == 0 ||
        TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &p->height) == 0 || p->width == 0 ||
        p->height == 0 || p->width > INT32_MAX || p->height > INT32_MAX)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: a page without a size", s->path);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &p->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &p->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &p->orientation);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &p->photometric);
    p->planes = planar == PLANARCONFIG_SEPARATE && p->samples > 1;
    p->tiled = TIFFIsTiled(tiff) != 0;
    RDX_TRY(read_dtype(p, tiff, s->path));
    RDX_TRY(check_colours(p, tiff, s->path));
    if (TIFFGetField(tiff, TIFFTAG_IMAGEDEPTH, &depth) != 0 && depth > 1)
        return UNSUPPORTED(s->path, "%d images in one page (ImageDepth)", depth);
    if (p->orientation < 1 || p->orientation > 8)
        return UNSUPPORTED(s->path, "an orientation of %d", p->orientation);
    return check_description(tiff, s->path);
}

/* Orientations from 5 on exchange rows and columns. */
static void page_size(int64_t shape[2], const page *p)
{
    shape[0] = p->orientation < 5 ? p->height : p->width;
    shape[1] = p->orientation < 5 ? p->width : p->height;
}

/* ---- pixels ---- */

/* The part of a page that a strip or tile covers, decoded. */
typedef struct chunk {
    const unsigned char *bytes;
    uint32_t x, y, width, height; /* within the page */
    uint32_t row_pixels;          /* of a row of the chunk, which may reach past the page */
} chunk;

/* Copies the samples that are wanted; `plane`: the only one that the chunk has, or -1. */
static void copy_chunk(const redux_tensor *out, const page *p, const chunk *c, int32_t plane)
{
    const size_t each = redux_dtype_size(p->dtype);
    const int64_t channels = out->ndim == 3 ? out->shape[2] : 1;
    const int64_t stored = plane < 0 ? p->samples : 1;
    const int64_t wanted = plane < 0 ? RDX_MIN(channels, stored) : 1;
    if (plane >= channels)
        return; /* alpha that nobody wants */
    for (uint32_t y = 0; y < c->height; y++) {
        const unsigned char *from = c->bytes + (size_t)y * c->row_pixels * (size_t)stored * each;
        unsigned char *to = (unsigned char *)out->data +
                            (((size_t)(c->y + y) * p->width + c->x) * (size_t)channels +
                             (size_t)RDX_MAX(plane, 0)) *
                                each;
        if (wanted == channels && stored == channels) {
            memcpy(to, from, (size_t)c->width * (size_t)channels * each);
            continue;
        }
        for (uint32_t x = 0; x < c->width; x++) {
            memcpy(to, from, (size_t)wanted * each);
            to += (size_t)channels * each;
            from += (size_t)stored * each;
        }
    }
}

/* Strips and tiles alike: in rows of chunks, one plane after the other. */
static redux_status read_chunks(const redux_tensor *out, TIFF *tiff, const page *p, source *s,
                                unsigned char *buffer, uint32_t width, uint32_t height)
{
    const int32_t planes = p->planes ? p->samples : 1;
    const size_t pixel = redux_dtype_size(p->dtype) * (p->planes ? 1 : p->samples);
    for (int32_t plane = 0; plane < planes; plane++)
        for (uint32_t y = 0; y < p->height; y += RDX_MIN(height, p->height - y))
            for (uint32_t x = 0; x < p->width; x += RDX_MIN(width, p->width - x)) {
                const chunk c = {
                    buffer, x, y, RDX_MIN(width, p->width - x), RDX_MIN(height, p->height - y),
                    width};
                const uint32_t number = p->tiled ? TIFFComputeTile(tiff, x, y, 0, (uint16_t)plane)
                                                 : TIFFComputeStrip(tiff, y, (uint16_t)plane);
                const tmsize_t want = (tmsize_t)(pixel * width * (p->tiled ? height : c.height));
                if (TIFFGetStrileOffset(tiff, number) == 0)
                    return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: strip or tile %u is missing",
                                    s->path, (unsigned)number);
                const tmsize_t got = p->tiled ? TIFFReadEncodedTile(tiff, number, buffer, want)
                                              : TIFFReadEncodedStrip(tiff, number, buffer, want);
                if (got != want)
                    return failure(s);
                copy_chunk(out, p, &c, p->planes ? plane : -1);
            }
    return REDUX_OK;
}

/* Before memory is asked for: whether a file of this size can hold the page, and its strips or
 * tiles of so many bytes. libtiff makes up those that a table lacks. */
static redux_status check_sizes(TIFF *tiff, const page *p, const source *s, uint64_t chunk_bytes)
{
    const uint64_t chunks = p->tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    const uint64_t pixels = (uint64_t)p->width * p->height; /* below 2^62 */
    uint16_t compression;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
    const uint64_t ratio = compression == COMPRESSION_NONE ? 1 : RATIO;
    if (chunks > s->size / 2 || chunk_bytes / ratio > s->size ||
        pixels / ratio > s->size / redux_dtype_size(p->dtype))
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %llu bytes cannot hold %lld x %lld pixels",
                        s->path, (unsigned long long)s->size, (long long)p->height,
                        (long long)p->width);
    if (!rdx_bytes_allowed(s->context, chunk_bytes, 1))
        return rdx_fail(REDUX_E_LIMIT,
                        "%s: its strips or tiles of %llu bytes are more than the limit", s->path,
                        (unsigned long long)chunk_bytes);
    return REDUX_OK;
}

/* Pixels as they are stored, into [H, W] or [H, W, C] of the page's own size. */
static redux_status read_stored(const redux_tensor *out, TIFF *tiff, const page *p, source *s)
{
    uint32_t width = p->width, height = 0;
    const uint64_t pixel = redux_dtype_size(p->dtype) * (p->planes ? 1U : p->samples);
    void *buffer;
    if (p->tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
    } else {
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height);
        height = RDX_MIN(height, p->height);
    }
    if (width == 0 || height == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: empty strips or tiles", s->path);
    const uint64_t bytes = p->tiled ? TIFFTileSize64(tiff) : TIFFVStripSize64(tiff, height);
    RDX_TRY(check_sizes(tiff, p, s, bytes));
    if (bytes == 0 || bytes != pixel * width * height || bytes > PTRDIFF_MAX / 2)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: its strips or tiles are of an unknown kind",
                        s->path);
    RDX_TRY(rdx_alloc(s->context, &buffer, bytes, 1));
    const redux_status status = read_chunks(out, tiff, p, s, buffer, width, height);
    rdx_free(buffer);
    return status;
}

/* The colours of indices, which lie in the first third of the memory, are spread from its end. */
static redux_status resolve_palette(const redux_tensor *pixels, TIFF *tiff, const source *s)
{
    const uint16_t *map[3];
    unsigned char *bytes = pixels->data;
    if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: its palette is missing", s->path);
    /* Old programs wrote colours of 8 bits where the format has 16; libtiff's own tools ask so,
     * too. */
    int shift = 0;
    for (int i = 0; i < 256; i++)
        if (map[0][i] > 255 || map[1][i] > 255 || map[2][i] > 255)
            shift = 8;
    for (int64_t i = pixels->shape[0] * pixels->shape[1] - 1; i >= 0; i--) {
        const unsigned char index = bytes[i];
        for (int c = 0; c < 3; c++)
            bytes[3 * i + c] = (unsigned char)(map[c][index] >> shift);
    }
    return REDUX_OK;
}

static void invert(const redux_tensor *pixels)
{
    const int64_t channels = pixels->ndim == 3 ? pixels->shape[2] : 1;
    for (int64_t i = 0; i < redux_tensor_elements(pixels); i += channels)
        if (pixels->dtype == REDUX_UINT8)
            ((uint8_t *)pixels->data)[i] = (uint8_t)(UINT8_MAX - ((uint8_t *)pixels->data)[i]);
        else
            ((uint16_t *)pixels->data)[i] = (uint16_t)(UINT16_MAX - ((uint16_t *)pixels->data)[i]);
}

/* Turns and mirrors (TIFF 6.0, Orientation): 2 and 3 run from right to left, 3 and 4 from the
 * bottom, and so do 6 and 7, 7 and 8 once rows and columns are exchanged. */
static redux_status orient(redux_tensor *pixels, redux_context *context, uint16_t orientation)
{
    static const int32_t exchanged[3] = {1, 0, 2};
    redux_tensor view = *pixels, upright;
    if (orientation == 1)
        return REDUX_OK;
    if (orientation > 4)
        RDX_TRY(redux_tensor_permute(&view, pixels, exchanged));
    else
        RDX_TRY(redux_tensor_view(&view, pixels));
    const bool flips[2] = {
        orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8,
        orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7};
    for (int i = 0; i < 2; i++) {
        if (!flips[i])
            continue;
        view.data = (char *)view.data +
                    (view.shape[i] - 1) * view.strides[i] * (int64_t)redux_dtype_size(view.dtype);
        view.strides[i] = -view.strides[i];
    }
    redux_status status = rdx_tensor_alloc(&upright, context, view.dtype, view.ndim, view.shape);
    if (status == REDUX_OK) {
        status = redux_tensor_copy(&upright, &view);
        redux_tensor_release(status == REDUX_OK ? pixels : &upright);
        if (status == REDUX_OK)
            *pixels = upright;
    }
    redux_tensor_release(&view);
    return status;
}

static redux_status finish_pixels(redux_tensor *pixels, TIFF *tiff, const page *p, const source *s)
{
    if (p->photometric == PHOTOMETRIC_PALETTE)
        RDX_TRY(resolve_palette(pixels, tiff, s));
    if (p->photometric == PHOTOMETRIC_MINISWHITE)
        invert(pixels);
    return orient(pixels, s->context, p->orientation);
}

static redux_status read_page(redux_tensor *out, TIFF *tiff, const page *p, source *s, bool alpha)
{
    const int64_t channels = p->channels + (alpha && p->has_alpha ? 1 : 0);
    const int64_t shape[3] = {p->height, p->width, channels};
    redux_tensor pixels, first;
    RDX_TRY(check_sizes(tiff, p, s, 0));
    redux_status status =
        rdx_tensor_alloc(&pixels, s->context, p->dtype, channels > 1 ? 3 : 2, shape);
    if (status == REDUX_E_LIMIT)
        return rdx_fail(status, "%s: its %lld x %lld pixels are more than the limit", s->path,
                        (long long)shape[0], (long long)shape[1]);
    RDX_TRY(status);
    first = pixels; /* of a palette the indices, which have one sample a pixel */
    if (p->photometric == PHOTOMETRIC_PALETTE)
        first.ndim = 2;
    errno = 0;
    status = read_stored(&first, tiff, p, s);
    if (status == REDUX_OK)
        status = finish_pixels(&pixels, tiff, p, s);
    if (status == REDUX_OK)
        *out = pixels;
    else
        redux_tensor_release(&pixels);
    return status;
}

/* ---- pages ---- */

/* Smaller copies and masks of other pages are no pages of their own. */
static bool is_page(TIFF *tiff)
{
    uint32_t kind = 0;
    uint16_t old = 0;
    if (TIFFGetField(tiff, TIFFTAG_SUBFILETYPE, &kind) != 0)
        return (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0;
    return TIFFGetField(tiff, TIFFTAG_OSUBFILETYPE, &old) == 0 || old != OFILETYPE_REDUCEDIMAGE;
}

static bool same_page(const page *a, const page *b)
{
    int64_t x[2], y[2];
    page_size(x, a);
    page_size(y, b);
    return x[0] == y[0] && x[1] == y[1] && a->dtype == b->dtype && a->channels == b->channels;
}

/* A file that is open and whose directories libtiff knows: finding one in a file that was just
 * opened takes as long as there are pages before it. */
typedef struct reader {
    struct reader *next;
    const struct page_list *of;
    TIFF *tiff;
    source source;
} reader;

/* Readers that nobody uses at the moment, the last used first. There may be thousands of volumes,
 * and only so many files may be open. */
#define MOST_IDLE 32
static pthread_mutex_t idle_mutex = PTHREAD_MUTEX_INITIALIZER;
static reader *idle;

/* The pages of a file. */
typedef struct page_list {
    page first;
    uint64_t size; /* of the file */
    int64_t count;
    bool alike;
    uint64_t offsets[]; /* of their directories */
} page_list;

/* libtiff takes a directory that is cut short for the last one, in silence. */
static redux_status check_directory(TIFF *tiff, source *s)
{
    const bool is_big = TIFFIsBigTIFF(tiff) != 0;
    const bool is_high_first = (TIFFIsByteSwapped(tiff) != 0) != RDX_BIG_ENDIAN;
    const uint64_t at = TIFFCurrentDirOffset(tiff);
    const int width = is_big ? 8 : 2;
    unsigned char bytes[8];
    uint64_t entries = 0;
    s->at = at;
    if (on_read(s, bytes, width) < width && s->status != REDUX_OK)
        return s->status;
    if (s->at == at + (uint64_t)width)
        for (int i = 0; i < width; i++)
            entries = entries << 8 | bytes[is_high_first ? i : width - 1 - i];
    const uint64_t room = at < s->size ? s->size - at : 0;
    return entries > 0 && entries <= room / 12 &&
                   entries * (is_big ? 20U : 12U) + (is_big ? 16U : 6U) <= room
               ? REDUX_OK
               : rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within a directory", s->path);
}

static redux_status list_page(page_list *list, int64_t most, TIFF *tiff, source *s)
{
    page p;
    RDX_TRY(check_directory(tiff, s));
    if (!is_page(tiff))
        return REDUX_OK;
    if (list->count == PAGES_MAX)
        return rdx_fail(REDUX_E_LIMIT, "%s: has more than %d pages", s->path, PAGES_MAX);
    RDX_TRY(describe_page(&p, tiff, s));
    if (list->count == 0)
        list->first = p;
    list->alike &= same_page(&list->first, &p);
    if (list->count < most)
        list->offsets[list->count] = TIFFCurrentDirOffset(tiff);
    list->count++;
    return REDUX_OK;
}

/* Counts the pages from the first on, and notes where the first `most` of them are. */
static redux_status list_pages(page_list *list, int64_t most, TIFF *tiff, source *s)
{
    list->count = 0;
    list->alike = true;
    list->size = s->size;
    RDX_TRY(list_page(list, most, tiff, s));
    while (TIFFLastDirectory(tiff) == 0) {
        errno = 0;
        if (TIFFReadDirectory(tiff) == 0) /* also in silence, where it lies past the end */
            return failure(s);
        RDX_TRY(list_page(list, most, tiff, s));
    }
    return list->count > 0 ? REDUX_OK
                           : rdx_fail(REDUX_E_FORMAT, "%s: has no page of its own", s->path);
}

static bool is_tiff(const unsigned char *bytes, size_t size)
{
    return size >= 4 && (memcmp(bytes, "II*\0", 4) == 0 || memcmp(bytes, "MM\0*", 4) == 0 ||
                         memcmp(bytes, "II+\0", 4) == 0 || memcmp(bytes, "MM\0+", 4) == 0);
}

static redux_status tiff_pages(rdx_picture_info *out, int fd, uint64_t size, const char *path)
{
    source s = {.fd = fd, .size = size, .path = path};
    page_list list = {0};
    int64_t shape[2];
    TIFF *tiff;
    RDX_TRY(open_tiff(&tiff, &s));
    const redux_status status = list_pages(&list, 0, tiff, &s);
    TIFFClose(tiff);
    RDX_TRY(status);
    page_size(shape, &list.first);
    out->height = shape[0];
    out->width = shape[1];
    out->channels = list.first.channels;
    out->dtype = list.first.dtype;
    out->pages = list.count;
    return REDUX_OK;
}

static redux_status decode_tiff(redux_tensor *out, redux_context *context,
                                const unsigned char *bytes, size_t size, bool alpha,
                                const char *path)
{
    source s = {.bytes = bytes, .size = size, .path = path, .context = context};
    page_list list = {0};
    TIFF *tiff;
    RDX_TRY(open_tiff(&tiff, &s));
    redux_status status = list_pages(&list, 0, tiff, &s);
    if (status == REDUX_OK && list.count > 1)
        status = rdx_fail(REDUX_E_UNSUPPORTED,
                          "%s: has %lld pages, and is no picture: open it as a dataset", path,
                          (long long)list.count);
    for (uint32_t i = 0; status == REDUX_OK && (i == 0 || !is_page(tiff)); i++)
        if (TIFFSetDirectory(tiff, (tdir_t)i) == 0)
            status = failure(&s);
    if (status == REDUX_OK)
        status = read_page(out, tiff, &list.first, &s, alpha);
    TIFFClose(tiff);
    return status;
}

/* ---- volumes ---- */

static redux_status describe(rdx_found *found, redux_context *context, const page_list *list,
                             const char *path)
{
    int64_t shape[2];
    if (!list->alike)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its %lld pages differ in size or type, so that they are no volume: "
                        "split it, for example by tiffsplit",
                        path, (long long)list->count);
    page_size(shape, &list->first);
    found->geometry = rdx_geometry_plain(list->count, shape[0], shape[1]);
    found->dtype = list->first.dtype;
    found->slope = 1;
    found->bytes = list->size;
    RDX_TRY(rdx_strdup(context, &found->file, path));
    return rdx_strdup(context, &found->source, path);
}

static redux_status find_pages(rdx_found *found, redux_context *context, source *s)
{
    page_list counted = {0};
    TIFF *tiff;
    RDX_TRY(open_tiff(&tiff, s));
    redux_status status = list_pages(&counted, 0, tiff, s);
    const uint64_t room = (uint64_t)counted.count * sizeof(uint64_t);
    if (status == REDUX_OK)
        status = rdx_alloc_zero(context, &found->header, sizeof counted + room, 1);
    if (status == REDUX_OK && TIFFSetDirectory(tiff, 0) == 0)
        status = failure(s);
    if (status == REDUX_OK)
        status = list_pages(found->header, counted.count, tiff, s);
    TIFFClose(tiff);
    return status == REDUX_OK ? describe(found, context, found->header, s->path) : status;
}

static redux_status probe_tiff(const rdx_finds *finds, const char *path, const char *key)
{
    rdx_found found = {.format = &rdx_format_tiff};
    struct stat file;
    source s = {.path = path, .context = finds->context};
    (void)key;
    RDX_TRY(rdx_open_read(&s.fd, &file, path));
    s.size = (uint64_t)file.st_size;
    const redux_status status = find_pages(&found, finds->context, &s);
    close(s.fd);
    if (status == REDUX_OK)
        return finds->add(&found, finds->user);
    rdx_found_clear(&found);
    return status;
}

static void close_reader(reader *r)
{
    if (r->tiff != NULL)
        TIFFClose(r->tiff);
    if (r->source.fd >= 0)
        close(r->source.fd);
    rdx_free(r);
}

/* Takes the first idle reader of a volume out of the list; NULL: there is none. */
static reader *take_idle(const page_list *list)
{
    pthread_mutex_lock(&idle_mutex);
    reader **at = &idle;
    while (*at != NULL && (*at)->of != list)
        at = &(*at)->next;
    reader *found = *at;
    if (found != NULL)
        *at = found->next;
    pthread_mutex_unlock(&idle_mutex);
    return found;
}

/* Keeps a reader for the next slice, and closes the one that was used longest ago if there are too
 * many. */
static void keep_idle(reader *r)
{
    reader *oldest = NULL;
    pthread_mutex_lock(&idle_mutex);
    r->next = idle;
    idle = r;
    reader **at = &idle;
    for (int i = 0; i < MOST_IDLE && *at != NULL; i++)
        at = &(*at)->next;
    oldest = *at;
    *at = NULL;
    pthread_mutex_unlock(&idle_mutex);
    if (oldest != NULL)
        close_reader(oldest);
}

static void clear_tiff(rdx_found *found)
{
    for (reader *r = take_idle(found->header); r != NULL; r = take_idle(found->header))
        close_reader(r);
}

/* Opens the file once more, and lets libtiff see every directory. */
static redux_status open_reader(reader **out, redux_context *context, const rdx_found *found)
{
    const page_list *list = found->header;
    page_list seen = {0};
    struct stat file;
    void *block;
    /* It outlives the call, and perhaps its context. */
    RDX_TRY(rdx_alloc_zero(NULL, &block, 1, sizeof(reader)));
    reader *r = block;
    r->of = list;
    r->source = (source){.path = found->file, .context = context, .fd = -1};
    redux_status status = rdx_open_read(&r->source.fd, &file, found->file);
    if (status == REDUX_OK) {
        r->source.size = (uint64_t)file.st_size;
        status = r->source.size == list->size ? open_tiff(&r->tiff, &r->source)
                                              : rdx_format_changed(found->file);
    }
    if (status == REDUX_OK)
        status = list_pages(&seen, 0, r->tiff, &r->source);
    if (status == REDUX_OK && seen.count != list->count)
        status = rdx_format_changed(found->file);
    if (status == REDUX_OK)
        *out = r;
    else
        close_reader(r);
    return status;
}

static redux_status read_slice(redux_tensor *out, reader *r, const page_list *list, int64_t index)
{
    page p;
    RDX_TRY(TIFFSetSubDirectory(r->tiff, list->offsets[index]) == 0 ? failure(&r->source)
                                                                    : REDUX_OK);
    RDX_TRY(describe_page(&p, r->tiff, &r->source));
    if (!same_page(&p, &list->first))
        return rdx_format_changed(r->source.path);
    return read_page(out, r->tiff, &p, &r->source, true);
}

static redux_status read_tiff(redux_tensor *out, redux_context *context, const rdx_found *found,
                              int64_t index)
{
    reader *r = take_idle(found->header);
    if (r == NULL)
        RDX_TRY(open_reader(&r, context, found));
    r->source.context = context;
    r->source.status = REDUX_OK; /* what an earlier slice met is no reason for this one */
    r->source.text[0] = '\0';
    errno = 0;
    const redux_status status = read_slice(out, r, found->header, index);
    r->source.context = NULL;
    if (status == REDUX_OK)
        keep_idle(r);
    else /* libtiff may be in any state */
        close_reader(r);
    return status;
}

const rdx_format rdx_format_tiff = {
    .name = "tiff",
    .suffixes = {".tif", ".tiff"},
    .unit = RDX_UNIT_PICTURE,
    .signature = is_tiff,
    .pages = tiff_pages,
    .decode = decode_tiff,
    .on_demand = true,
    .probe = probe_tiff,
    .read = read_tiff,
    .clear = clear_tiff,
};
#endif
