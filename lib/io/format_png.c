/* SPDX-License-Identifier: MIT
 * PNG through libpng. Its errors leave by longjmp, so all state that must survive is in a struct,
 * and nothing between setjmp and the library's calls is allocated elsewhere. */
#include <png.h>
#include <setjmp.h>
#include <string.h>
#include <redux/file.h>
#include "format.h"

/* The limit of deflate (RFC 1951): a small file has no large picture. */
#define RATIO 1032
#define SLACK 65536

#define COMPRESSION_LEVEL 6
#define MEMORY_LEVEL 8
#define WINDOW_BITS 15

static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static bool is_png(const unsigned char *bytes, size_t size)
{
    return size >= sizeof signature && memcmp(bytes, signature, sizeof signature) == 0;
}

/* What survives a longjmp. */
typedef struct codec {
    redux_context *context;
    const char *path;
    redux_status status; /* of the failure; its message is set */
    redux_status memory; /* of an allocation that failed; zlib makes others before it gives up */
    png_structp png;
    png_infop info;
    const unsigned char *bytes; /* reading */
    size_t size, position;
    FILE *stream; /* writing */
    redux_tensor pixels;
    void *row;
    png_colorp palette;
    int colours;
    bool alpha; /* kept where the file has an alpha channel */
} codec;

static void on_error(png_structp png, png_const_charp text)
{
    codec *c = png_get_error_ptr(png);
    if (c->status == REDUX_OK && c->memory != REDUX_OK)
        c->status = rdx_fail(c->memory, "%s: no memory for libpng", c->path);
    else if (c->status == REDUX_OK)
        c->status = rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %s", c->path, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    const codec *c = png_get_error_ptr(png);
    rdx_log(c->context, REDUX_LOG_DEBUG, "%s: %s", c->path, text);
}

static void *on_malloc(png_structp png, png_alloc_size_t size)
{
    codec *c = png_get_mem_ptr(png);
    void *block;
    const redux_status status = rdx_alloc(c->context, &block, size, 1);
    if (status != REDUX_OK)
        c->memory = status;
    return block;
}

static void on_free(png_structp png, void *block)
{
    (void)png;
    rdx_free(block);
}

static void on_read(png_structp png, png_bytep out, size_t size)
{
    codec *c = png_get_io_ptr(png);
    if (size > c->size - c->position) {
        /* Where memory was short, libpng leaves a chunk out and may then read beyond the end. */
        c->status = c->memory != REDUX_OK ? rdx_fail(c->memory, "%s: no memory for libpng", c->path)
                                          : rdx_fail(REDUX_E_FORMAT, "%s: is cut short", c->path);
        png_longjmp(png, 1);
    }
    memcpy(out, c->bytes + c->position, size);
    c->position += size;
}

static void on_write(png_structp png, png_bytep bytes, size_t size)
{
    const codec *c = png_get_io_ptr(png);
    fwrite(bytes, 1, size, c->stream); /* the commit of the file reports failures */
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* ---- header ---- */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static redux_status png_header(rdx_picture_info *out, uint64_t *need, const unsigned char *bytes,
                               size_t size, const char *path)
{
    /* Which bit depths each colour type has, one bit each (PNG 3rd edition, table 8). */
    static const unsigned depths[7] = {1 << 1 | 1 << 2 | 1 << 4 | 1 << 8 | 1 << 16,
                                       0,
                                       1 << 8 | 1 << 16,
                                       1 << 1 | 1 << 2 | 1 << 4 | 1 << 8,
                                       1 << 8 | 1 << 16,
                                       0,
                                       1 << 8 | 1 << 16};
    *need = 0;
    if (size < 33)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", path);
    const uint32_t width = big_endian(bytes + 16), height = big_endian(bytes + 20);
    const unsigned depth = bytes[24], type = bytes[25];
    if (big_endian(bytes + 8) != 13 || memcmp(bytes + 12, "IHDR", 4) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: no PNG header", path);
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %lu x %lu pixels", path,
                        (unsigned long)height, (unsigned long)width);
    if (type > 6 || depth > 16 || (depths[type] >> depth & 1) == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: colour type %u of %u bits", path, type,
                        depth);
    out->height = (int64_t)height;
    out->width = (int64_t)width;
    out->channels = type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA ? 1 : 3;
    out->dtype = depth == 16 ? REDUX_UINT16 : REDUX_UINT8;
    return REDUX_OK;
}

/* ---- decoding ---- */

/* Makes libpng return samples of 8 or 16 bits in native order, alpha only if wanted. Palettes stay
 * indices (see resolve_palette). */
static void set_transformations(const codec *c, int type, int depth)
{
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_packing(c->png);
    else if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(c->png);
    if ((type & PNG_COLOR_MASK_ALPHA) != 0 && !c->alpha)
        png_set_strip_alpha(c->png);
    if (depth == 16 && !RDX_BIG_ENDIAN)
        png_set_swap(c->png);
}

/* An index beyond the palette means the grey of that number, as in Pillow, whose palettes begin as
 * a ramp. The indices fill the first third of each row and are spread from its end. */
static void resolve_palette(codec *c)
{
    const int64_t height = c->pixels.shape[0], width = c->pixels.shape[1];
    png_color table[256];
    for (int i = 0; i < 256; i++)
        table[i] =
            i < c->colours ? c->palette[i] : (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
    for (int64_t y = 0; y < height; y++) {
        unsigned char *row = (unsigned char *)c->pixels.data + y * width * 3;
        for (int64_t x = width - 1; x >= 0; x--) {
            const png_color colour = table[row[x]];
            row[3 * x] = colour.red;
            row[3 * x + 1] = colour.green;
            row[3 * x + 2] = colour.blue;
        }
    }
}

/* Memory for the pixels, if the file can hold them and the limit allows it. */
static redux_status make_pixels(codec *c, const rdx_picture_info *info, uint64_t row_bytes)
{
    const int64_t shape[3] = {info->height, info->width, info->channels};
    const uint64_t raw = row_bytes * (uint64_t)info->height;
    if (raw / RATIO > c->size + SLACK)
        return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %zu bytes cannot hold %lld x %lld pixels",
                        c->path, c->size, (long long)info->height, (long long)info->width);
    const redux_status status =
        rdx_tensor_alloc(&c->pixels, c->context, info->dtype, info->channels == 1 ? 2 : 3, shape);
    if (status == REDUX_E_LIMIT)
        return rdx_fail(status, "%s: its %lld x %lld pixels are more than the limit", c->path,
                        (long long)info->height, (long long)info->width);
    return status;
}

static void read_pixels(codec *c)
{
    rdx_picture_info info;
    png_set_read_fn(c->png, c, on_read);
    /* Text chunks are not needed, and libpng does not report that it has no memory for one. */
    png_set_keep_unknown_chunks(c->png, PNG_HANDLE_CHUNK_NEVER,
                                (png_const_bytep) "tEXt\0zTXt\0iTXt", 3);
    png_set_user_limits(c->png, INT32_MAX, INT32_MAX);
    png_read_info(c->png, c->info);
    const int type = png_get_color_type(c->png, c->info);
    const int depth = png_get_bit_depth(c->png, c->info);
    const uint64_t packed_row = png_get_rowbytes(c->png, c->info);
    info.height = png_get_image_height(c->png, c->info);
    info.width = png_get_image_width(c->png, c->info);
    info.channels = (type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
    if (c->alpha && (type & PNG_COLOR_MASK_ALPHA) != 0)
        info.channels++;
    info.dtype = depth == 16 ? REDUX_UINT16 : REDUX_UINT8;
    set_transformations(c, type, depth);
    const int passes = png_set_interlace_handling(c->png);
    png_read_update_info(c->png, c->info);
    c->status = make_pixels(c, &info, packed_row);
    if (c->status != REDUX_OK)
        png_longjmp(c->png, 1);

    const size_t stride = (size_t)info.width * (size_t)info.channels * redux_dtype_size(info.dtype);
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < info.height; y++)
            png_read_row(c->png, (png_bytep)c->pixels.data + (size_t)y * stride, NULL);
    png_read_end(c->png, NULL);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_get_PLTE(c->png, c->info, &c->palette, &c->colours);
        resolve_palette(c);
    }
}

/* Makes libpng's structs; NULL on failure. */
static bool start(codec *c, bool writing)
{
    c->png = writing ? png_create_write_struct_2(PNG_LIBPNG_VER_STRING, c, on_error, on_warning, c,
                                                 on_malloc, on_free)
                     : png_create_read_struct_2(PNG_LIBPNG_VER_STRING, c, on_error, on_warning, c,
                                                on_malloc, on_free);
    c->info = c->png == NULL ? NULL : png_create_info_struct(c->png);
    if (c->info == NULL && c->status == REDUX_OK)
        c->status = rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory for libpng", c->path);
    return c->info != NULL;
}

static redux_status decode_png(redux_tensor *out, redux_context *context,
                               const unsigned char *bytes, size_t size, bool alpha,
                               const char *path)
{
    codec c = {0};
    rdx_picture_info info;
    uint64_t need;
    RDX_TRY(png_header(&info, &need, bytes, size, path));
    c.context = context;
    c.path = path;
    c.bytes = bytes;
    c.size = size;
    c.alpha = alpha;
    if (start(&c, false) && setjmp(png_jmpbuf(c.png)) == 0)
        read_pixels(&c);
    png_destroy_read_struct(&c.png, &c.info, NULL);
    if (c.status != REDUX_OK) {
        redux_tensor_release(&c.pixels);
        return c.status;
    }
    *out = c.pixels;
    return REDUX_OK;
}

/* ---- encoding ---- */

static void write_pixels(codec *c, const redux_tensor *picture)
{
    const int64_t height = picture->shape[0], width = picture->shape[1];
    const int depth = picture->dtype == REDUX_UINT16 ? 16 : 8;
    char key[] = "Software", mark[] = REDUX_MARK_PICTURE;
    png_text text;
    memset(&text, 0, sizeof text);
    text.compression = PNG_TEXT_COMPRESSION_NONE;
    text.key = key;
    text.text = mark;
    png_set_write_fn(c->png, c, on_write, on_flush);
    png_set_user_limits(c->png, INT32_MAX, INT32_MAX);
    /* Sets everything that determines the bytes: level, filter, buffers. */
    png_set_compression_level(c->png, COMPRESSION_LEVEL);
    png_set_compression_mem_level(c->png, MEMORY_LEVEL);
    png_set_compression_window_bits(c->png, WINDOW_BITS);
    png_set_compression_strategy(c->png, 1 /* Z_FILTERED */);
    png_set_filter(c->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
    png_set_IHDR(c->png, c->info, (png_uint_32)width, (png_uint_32)height, depth,
                 picture->ndim == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_text(c->png, c->info, &text, 1);
    png_write_info(c->png, c->info);
    if (depth == 16 && !RDX_BIG_ENDIAN)
        png_set_swap(c->png);
    for (int64_t y = 0; y < height; y++) {
        redux_tensor in, out;
        c->status = redux_tensor_select(&in, picture, 0, y);
        if (c->status == REDUX_OK) {
            redux_tensor_borrow(&out, c->row, in.dtype, in.ndim, in.shape, NULL);
            c->status = redux_tensor_copy(&out, &in);
            redux_tensor_release(&in);
        }
        if (c->status != REDUX_OK)
            png_longjmp(c->png, 1);
        png_write_row(c->png, c->row);
    }
    png_write_end(c->png, c->info);
}

redux_status rdx_png_encode(FILE *stream, redux_context *context, const redux_tensor *picture,
                            const char *path)
{
    codec c = {0};
    c.context = context;
    c.path = path;
    c.stream = stream;
    RDX_TRY(rdx_alloc(context, &c.row, (uint64_t)picture->shape[1] * 3, 2));
    if (start(&c, true) && setjmp(png_jmpbuf(c.png)) == 0)
        write_pixels(&c, picture);
    png_destroy_write_struct(&c.png, &c.info);
    rdx_free(c.row);
    return c.status;
}

const rdx_format rdx_format_png = {
    .name = "png",
    .suffixes = {".png"},
    .unit = RDX_UNIT_PICTURE,
    .signature = is_png,
    .header = png_header,
    .decode = decode_png,
};
