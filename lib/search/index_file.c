/* SPDX-License-Identifier: MIT
 * Saved indexes. A file is a header of 128 bytes and three sections, each beginning at a multiple
 * of 64: ids (int64), prepared items, tables (uint32; README.md). All little-endian; CRC-32 over
 * each section and over the header. A mapped file is searched in place, so opening it checks
 * everything that a search uses unchecked (rows in tables). A big-endian machine maps none: it
 * turns the numbers of a copy. */
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include "index.h"
#include "io/io.h"

#define MAGIC "RDXINDEX"
#define VERSION 1
#define ALIGNMENT 64

typedef struct header {
    char magic[8];
    uint32_t version, kind;
    int64_t width, item_bytes, rows, next_id;
    int32_t parts, part_bits; /* of the tables; 0: none */
    uint32_t ids_sum, items_sum, tables_sum;
    uint8_t reserved[56]; /* 0 */
    uint32_t header_sum;  /* of all before it */
} header;

_Static_assert(sizeof(header) == 128, "the header is 128 bytes");

/* The places of the sections, and the end of the file. */
typedef struct plan {
    uint64_t ids, items, tables, end;
} plan;

static uint64_t aligned(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint32_t checksum(uint32_t sum, const void *bytes, uint64_t size)
{
    return (uint32_t)crc32_z(sum, bytes, (z_size_t)size);
}

static plan plan_of(const header *h, int64_t block_size)
{
    plan p;
    p.ids = sizeof(header);
    p.items = aligned(p.ids + (uint64_t)h->rows * sizeof(int64_t));
    p.tables = aligned(p.items + (uint64_t)h->rows * (uint64_t)h->item_bytes);
    p.end = p.tables + (uint64_t)block_size * sizeof(uint32_t);
    return p;
}

/* ---- saving ---- */

/* Visits the living rows twice: for their checksums, which come first in the file, and to write
 * them. */
typedef struct writer {
    FILE *stream; /* NULL: only the checksum */
    uint64_t position;
    uint32_t sum;
} writer;

static void put_bytes(writer *w, const void *bytes, uint64_t size)
{
    if (w->stream == NULL)
        w->sum = checksum(w->sum, bytes, size);
    else if (size > 0)
        fwrite(bytes, 1, (size_t)size, w->stream); /* commit reports errors */
    w->position += size;
}

/* Numbers of `unit` bytes each, `size` bytes in all. */
static void put(writer *w, const void *numbers, uint64_t size, size_t unit)
{
    uint64_t turned[512];
    if (!RDX_BIG_ENDIAN || unit == 1) {
        put_bytes(w, numbers, size);
        return;
    }
    for (uint64_t at = 0; at < size; at += sizeof turned) {
        const size_t some = (size_t)RDX_MIN(size - at, sizeof turned);
        memcpy(turned, (const char *)numbers + at, some);
        rdx_swap_bytes(turned, some / unit, unit);
        put_bytes(w, turned, some);
    }
}

static void pad_to(writer *w, uint64_t position)
{
    static const char zeros[ALIGNMENT];
    put_bytes(w, zeros, position - w->position);
}

/* A row of the section is `bytes` numbers of `unit` bytes each, and behind them doubles. */
typedef struct section {
    void *base;
    size_t bytes, unit, doubles;
} section;

static section ids_of(const redux_index *index)
{
    return (section){index->ids, sizeof(int64_t), sizeof(int64_t), 0};
}

/* Codes are bytes. */
static section items_of(const redux_index *index)
{
    const size_t bytes = index->layout.item_bytes;
    return index->options.kind == REDUX_INDEX_COSINE
               ? (section){index->items, bytes - RDX_COSINE_TAIL, sizeof(float), RDX_COSINE_TAIL}
               : (section){index->items, bytes, 1, 0};
}

static void put_rows(writer *w, const redux_index *index, const section *s)
{
    const size_t bytes = s->bytes + s->doubles;
    const char *at = s->base;
    for (int64_t row = 0; row < index->rows; row++, at += bytes) {
        if (!rdx_index_alive(index, row))
            continue;
        put(w, at, s->bytes, s->unit);
        put(w, at + s->bytes, s->doubles, sizeof(double));
    }
}

static uint32_t sum_rows(const redux_index *index, const section *s)
{
    writer w = {NULL, 0, checksum(0, NULL, 0)};
    if (index->dead == NULL && !RDX_BIG_ENDIAN)
        return checksum(w.sum, s->base, (uint64_t)index->rows * (s->bytes + s->doubles));
    put_rows(&w, index, s);
    return w.sum;
}

/* Rows as they were in a file, for this machine. */
static void turn_rows(const section *s, int64_t rows)
{
    char *at = s->base;
    for (int64_t row = 0; RDX_BIG_ENDIAN && row < rows; row++, at += s->bytes + s->doubles) {
        rdx_swap_bytes(at, s->bytes / s->unit, s->unit);
        rdx_swap_bytes(at + s->bytes, s->doubles / sizeof(double), sizeof(double));
    }
}

/* From this machine's order of bytes to the file's, or back. */
static void turn_header(header *h)
{
    char *const at = (char *)h;
    if (!RDX_BIG_ENDIAN)
        return;
    rdx_swap_bytes(at + offsetof(header, version), 2, sizeof(uint32_t));
    rdx_swap_bytes(at + offsetof(header, width), 4, sizeof(int64_t));
    rdx_swap_bytes(at + offsetof(header, parts), 5, sizeof(uint32_t));
    rdx_swap_bytes(at + offsetof(header, header_sum), 1, sizeof(uint32_t));
}

static uint32_t header_sum(const header *h) /* as it is in the file */
{
    return checksum(checksum(0, NULL, 0), h, offsetof(header, header_sum));
}

/* Tables of all rows; else NULL. */
static const rdx_index_tables *whole_tables(const redux_index *index)
{
    const rdx_index_tables *tables = atomic_load(&index->tables);
    return tables != NULL && tables->rows == index->rows && index->dead_rows == 0 ? tables : NULL;
}

static uint32_t sum_tables(const rdx_index_tables *tables, int64_t block_size)
{
    writer w = {NULL, 0, checksum(0, NULL, 0)};
    put(&w, tables->block, (uint64_t)block_size * sizeof(uint32_t), sizeof(uint32_t));
    return w.sum;
}

static void describe(header *h, const redux_index *index, const rdx_index_tables *tables,
                     int64_t block_size)
{
    const section ids = ids_of(index), items = items_of(index);
    memset(h, 0, sizeof *h);
    memcpy(h->magic, MAGIC, sizeof h->magic);
    h->version = VERSION;
    h->kind = (uint32_t)index->options.kind;
    h->width = index->layout.width;
    h->item_bytes = (int64_t)index->layout.item_bytes;
    h->rows = redux_index_count(index);
    h->next_id = index->next_id;
    h->ids_sum = sum_rows(index, &ids);
    h->items_sum = sum_rows(index, &items);
    if (tables != NULL) {
        h->parts = tables->parts;
        h->part_bits = tables->part_bits;
        h->tables_sum = sum_tables(tables, block_size);
    }
}

/* The header in the file's order of bytes, under its checksum. */
static void put_header(writer *w, header h)
{
    turn_header(&h);
    h.header_sum = header_sum(&h);
    if (RDX_BIG_ENDIAN)
        rdx_swap_bytes(&h.header_sum, 1, sizeof h.header_sum);
    put_bytes(w, &h, sizeof h);
}

redux_status redux_index_save(const char *path, redux_context *context, const redux_index *index)
{
    rdx_file file;
    header h;
    if (index == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_index_save: index is NULL");
    const section ids = ids_of(index), items = items_of(index);
    const rdx_index_tables *tables = whole_tables(index);
    const int64_t block_size =
        tables == NULL ? 0 : rdx_index_block_size(tables->part, tables->parts, tables->rows);
    describe(&h, index, tables, block_size);
    const plan p = plan_of(&h, block_size);
    RDX_TRY(rdx_file_begin(&file, context, path, MAGIC));
    writer w = {file.stream, 0, 0};
    put_header(&w, h);
    put_rows(&w, index, &ids);
    pad_to(&w, p.items);
    put_rows(&w, index, &items);
    pad_to(&w, p.tables);
    if (tables != NULL)
        put(&w, tables->block, (uint64_t)block_size * sizeof(uint32_t), sizeof(uint32_t));
    return rdx_file_commit(&file);
}

/* ---- opening ---- */

/* A file in memory, mapped or read. */
typedef struct image {
    const char *path;
    unsigned char *bytes;
    size_t size;
    bool mapped;
} image;

static redux_status map_file(image *file, redux_context *context, const char *path, bool map)
{
    struct stat status;
    int fd;
    *file = (image){path, NULL, 0, map};
    if (!map)
        return rdx_read_whole(&file->bytes, &file->size, context, path);
    RDX_TRY(rdx_open_read(&fd, &status, path));
    file->size = (size_t)status.st_size;
    void *address =
        status.st_size == 0 ? MAP_FAILED : mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (status.st_size == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is empty", path);
    if (address == MAP_FAILED)
        return rdx_fail(REDUX_E_IO, "%s: cannot be mapped", path);
    file->bytes = address;
    return REDUX_OK;
}

static void close_file(image *file)
{
    if (file->bytes == NULL)
        return;
    if (file->mapped)
        munmap(file->bytes, file->size);
    else
        rdx_free(file->bytes);
}

static redux_status damaged(const image *file, const char *what)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: %s", file->path, what);
}

static redux_status check_header(header *h, const image *file)
{
    if (file->size < sizeof *h || memcmp(file->bytes, MAGIC, 8) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is not an index", file->path);
    memcpy(h, file->bytes, sizeof *h);
    const uint32_t sum = header_sum(h);
    turn_header(h);
    if (h->header_sum != sum)
        return damaged(file, "the checksum of its header differs");
    if (h->version != VERSION)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: has version %u; this library reads %u",
                        file->path, (unsigned)h->version, (unsigned)VERSION);
    if (h->kind > REDUX_INDEX_COSINE || h->rows < 0 || h->rows >= INT32_MAX || h->next_id < 0 ||
        h->parts < 0 || h->parts > RDX_INDEX_PARTS ||
        (h->parts > 0 && (h->part_bits < 4 || h->part_bits > RDX_INDEX_PART_BITS ||
                          h->kind != REDUX_INDEX_HAMMING)))
        return damaged(file, "its header is inconsistent");
    return REDUX_OK;
}

static redux_status check_ids(redux_index *index, const image *file)
{
    for (int64_t row = 0; row < index->rows; row++) {
        if (index->ids[row] < 0 || index->ids[row] >= index->next_id)
            return damaged(file, "it has ids out of range");
        if (row > 0 && index->ids[row] <= index->ids[row - 1])
            index->ascending = false;
    }
    return REDUX_OK;
}

static redux_status check_tables(const rdx_index_tables *tables, const image *file)
{
    for (int32_t p = 0; p < tables->parts; p++) {
        const rdx_index_part *part = &tables->part[p];
        const int64_t values = (int64_t)1 << part->bits;
        bool right = part->offsets[0] == 0 && part->offsets[values] == tables->rows;
        for (int64_t v = 0; v < values; v++)
            right = right && part->offsets[v] <= part->offsets[v + 1];
        for (int64_t i = 0; i < tables->rows; i++)
            right = right && part->rows[i] < tables->rows;
        if (!right)
            return damaged(file, "its tables point outside the file");
    }
    return REDUX_OK;
}

/* Copies a part of the file into a block that the index owns. */
static redux_status copy_section(void **out, redux_context *context, const void *bytes,
                                 uint64_t size)
{
    RDX_TRY(rdx_alloc(context, out, size, 1));
    if (size > 0)
        memcpy(*out, bytes, (size_t)size);
    return REDUX_OK;
}

static redux_status open_tables(redux_index *index, redux_context *context, const header *h,
                                const image *file)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(rdx_index_tables)));
    rdx_index_tables *tables = block;
    tables->rows = h->rows;
    tables->part_bits = h->part_bits;
    tables->parts = rdx_index_divide(tables->part, h->width * 8, h->part_bits);
    tables->mapped = true; /* until it has its own block */
    atomic_store(&index->tables, tables);
    if (tables->parts != h->parts)
        return damaged(file, "its header is inconsistent");
    const int64_t size = rdx_index_block_size(tables->part, tables->parts, tables->rows);
    const plan p = plan_of(h, size);
    if (p.end != file->size)
        return damaged(file, "its size is wrong");
    const uint64_t bytes = (uint64_t)size * sizeof(uint32_t);
    if (h->tables_sum != checksum(checksum(0, NULL, 0), file->bytes + p.tables, bytes))
        return damaged(file, "the checksum of its tables differs");
    block = file->bytes + p.tables;
    if (!file->mapped)
        RDX_TRY(copy_section(&block, context, file->bytes + p.tables, bytes));
    if (RDX_BIG_ENDIAN)
        rdx_swap_bytes(block, (uint64_t)size, sizeof(uint32_t));
    tables->mapped = file->mapped;
    rdx_index_place(tables, block);
    RDX_TRY(check_tables(tables, file));
    tables->occupancy = rdx_index_occupancy(tables);
    return REDUX_OK;
}

/* Ids and items, mapped or copied. */
static redux_status open_sections(redux_index *index, redux_context *context, const header *h,
                                  const image *file)
{
    const plan p = plan_of(h, 0);
    const uint64_t ids = (uint64_t)h->rows * sizeof(int64_t);
    const uint64_t items = (uint64_t)h->rows * (uint64_t)h->item_bytes;
    void *block;
    if (h->item_bytes != (int64_t)index->layout.item_bytes)
        return damaged(file, "its header is inconsistent");
    if (p.end > file->size || (h->parts == 0 && p.end != file->size))
        return damaged(file, "its size is wrong");
    if (h->ids_sum != checksum(checksum(0, NULL, 0), file->bytes + p.ids, ids) ||
        h->items_sum != checksum(checksum(0, NULL, 0), file->bytes + p.items, items))
        return damaged(file, "a checksum differs");
    index->ids = (void *)(file->bytes + p.ids);
    index->items = (void *)(file->bytes + p.items);
    if (!file->mapped) {
        index->ids = NULL;
        index->items = NULL;
        RDX_TRY(copy_section(&block, context, file->bytes + p.ids, ids));
        index->ids = block;
        RDX_TRY(copy_section(&block, context, file->bytes + p.items, items));
        index->items = block;
        index->ids_capacity = index->items_capacity = h->rows;
    }
    const section id_rows = ids_of(index), item_rows = items_of(index);
    turn_rows(&id_rows, h->rows);
    turn_rows(&item_rows, h->rows);
    index->rows = h->rows;
    index->next_id = h->next_id;
    RDX_TRY(check_ids(index, file));
    return h->parts == 0 ? REDUX_OK : open_tables(index, context, h, file);
}

static redux_status open_image(redux_index **out, redux_context *context, image *file)
{
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    header h;
    RDX_TRY(check_header(&h, file));
    options.kind = (redux_index_kind)h.kind;
    const redux_status made = rdx_index_make(&index, context, h.width, &options);
    if (made != REDUX_OK)
        return made == REDUX_E_INVALID ? damaged(file, "its header is inconsistent") : made;
    if (file->mapped) { /* from here on the index unmaps it */
        index->mapping = file->bytes;
        index->mapping_size = file->size;
        file->bytes = NULL;
    }
    image view = *file;
    if (file->mapped)
        view.bytes = index->mapping;
    const redux_status status = open_sections(index, context, &h, &view);
    if (status != REDUX_OK) {
        redux_index_free(index);
        return status;
    }
    *out = index;
    return REDUX_OK;
}

redux_status redux_index_open(redux_index **out, redux_context *context, const char *path,
                              int writable)
{
    image file;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_index_open: an argument is NULL");
    RDX_TRY(map_file(&file, context, path, writable == 0 && !RDX_BIG_ENDIAN));
    const redux_status status = open_image(out, context, &file);
    if (status == REDUX_OK)
        (*out)->is_fixed = writable == 0;
    close_file(&file);
    return status;
}
