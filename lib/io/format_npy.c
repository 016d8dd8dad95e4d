/* SPDX-License-Identifier: MIT
 * NumPy's .npy format, versions 1.0 to 3.0 (numpy.lib.format): magic, version, header length, a
 * Python dict literal, the elements. The literal is read by a small strict parser. */
#include <string.h>
#include <unistd.h>
#include <redux/array.h>
#include <redux/file.h>
#include "format.h"

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const struct {
    char kind, size;
    redux_dtype dtype;
} types[] = {
    {'b', 1, REDUX_BOOL},    {'i', 1, REDUX_INT8},    {'i', 2, REDUX_INT16},
    {'i', 4, REDUX_INT32},   {'i', 8, REDUX_INT64},   {'u', 1, REDUX_UINT8},
    {'u', 2, REDUX_UINT16},  {'u', 4, REDUX_UINT32},  {'u', 8, REDUX_UINT64},
    {'f', 2, REDUX_FLOAT16}, {'f', 4, REDUX_FLOAT32}, {'f', 8, REDUX_FLOAT64},
};

/* ---- the header ---- */

/* The rest of the literal; `name` is the file, for messages. */
typedef struct literal {
    const char *at, *end;
    const char *name;
} literal;

static redux_status malformed(const literal *l, const char *what)
{
    return rdx_fail(REDUX_E_FORMAT, "%s: is damaged: its array header has %s", l->name, what);
}

static void skip_blanks(literal *l)
{
    while (l->at < l->end && (*l->at == ' ' || *l->at == '\n' || *l->at == '\t' || *l->at == '\r'))
        l->at++;
}

/* Skips `c` if it comes next. */
static bool accept(literal *l, char c)
{
    skip_blanks(l);
    if (l->at >= l->end || *l->at != c)
        return false;
    l->at++;
    return true;
}

static bool accept_word(literal *l, const char *word)
{
    const size_t length = strlen(word);
    skip_blanks(l);
    if ((size_t)(l->end - l->at) < length || memcmp(l->at, word, length) != 0)
        return false;
    l->at += length;
    return true;
}

/* A quoted string without escapes, shorter than `size`. */
static bool accept_string(literal *l, char *out, size_t size)
{
    size_t length = 0;
    skip_blanks(l);
    if (l->at >= l->end || (*l->at != '\'' && *l->at != '"'))
        return false;
    const char quote = *l->at++;
    while (l->at < l->end && *l->at != quote && *l->at != '\\' && length + 1 < size)
        out[length++] = *l->at++;
    out[length] = '\0';
    return accept(l, quote);
}

static redux_status parse_descr(rdx_npy *out, literal *l)
{
    char text[32];
    skip_blanks(l);
    if (l->at < l->end && *l->at == '[')
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: holds records, not numbers", l->name);
    if (!accept_string(l, text, sizeof text))
        return malformed(l, "no dtype");
    const char *type = text;
    const char order = strchr("<>|=", text[0]) != NULL && text[0] != '\0' ? *type++ : '=';
    for (int64_t i = 0; i < RDX_COUNT(types); i++)
        if (type[0] == types[i].kind && type[1] == '0' + types[i].size && type[2] == '\0') {
            out->dtype = types[i].dtype;
            out->swap = types[i].size > 1 && order == (RDX_BIG_ENDIAN ? '<' : '>');
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_UNSUPPORTED,
                    "%s: its elements are '%s': only bool, integers and floats of up to 8 bytes "
                    "are read",
                    l->name, text);
}

static redux_status parse_extent(int64_t *out, literal *l)
{
    int64_t value = 0;
    skip_blanks(l);
    if (l->at >= l->end || *l->at < '0' || *l->at > '9')
        return malformed(l, "a shape that is not a tuple of numbers");
    for (; l->at < l->end && *l->at >= '0' && *l->at <= '9'; l->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *l->at - '0', &value))
            return malformed(l, "a shape that is too large");
    if (l->at < l->end && *l->at == 'L') /* a long of Python 2 */
        l->at++;
    *out = value;
    return REDUX_OK;
}

static redux_status parse_shape(rdx_npy *out, literal *l)
{
    if (!accept(l, '('))
        return malformed(l, "no shape");
    out->ndim = 0;
    while (!accept(l, ')')) {
        if (out->ndim == REDUX_MAX_DIMS)
            return rdx_fail(REDUX_E_UNSUPPORTED, "%s: has more than %d axes", l->name,
                            REDUX_MAX_DIMS);
        RDX_TRY(parse_extent(&out->shape[out->ndim++], l));
        if (accept(l, ','))
            continue;
        if (!accept(l, ')'))
            return malformed(l, "a shape that does not end");
        break;
    }
    return REDUX_OK;
}

static redux_status parse_entries(rdx_npy *out, literal *l)
{
    unsigned seen = 0;
    char key[32];
    if (!accept(l, '{'))
        return malformed(l, "no dictionary");
    while (!accept(l, '}')) {
        if (!accept_string(l, key, sizeof key) || !accept(l, ':'))
            return malformed(l, "a dictionary that cannot be read");
        const unsigned bit = strcmp(key, "descr") == 0           ? 1
                             : strcmp(key, "fortran_order") == 0 ? 2
                             : strcmp(key, "shape") == 0         ? 4
                                                                 : 0;
        if (bit == 0 || (seen & bit) != 0)
            return malformed(l, "an unknown key");
        seen |= bit;
        if (bit == 1)
            RDX_TRY(parse_descr(out, l));
        else if (bit == 4)
            RDX_TRY(parse_shape(out, l));
        else if (accept_word(l, "True"))
            out->fortran = true;
        else if (!accept_word(l, "False"))
            return malformed(l, "a fortran_order that is neither True nor False");
        if (accept(l, ','))
            continue;
        if (!accept(l, '}'))
            return malformed(l, "a dictionary that does not end");
        break;
    }
    skip_blanks(l);
    return seen == 7 && l->at == l->end ? REDUX_OK : malformed(l, "missing or surplus entries");
}

redux_status rdx_npy_header_size(uint64_t *out, const unsigned char *prelude, size_t size,
                                 const char *name)
{
    if (size < sizeof magic || memcmp(prelude, magic, sizeof magic) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a NumPy array: wrong magic bytes", name);
    if (size < RDX_NPY_PRELUDE)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", name);
    if (prelude[6] < 1 || prelude[6] > 3)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is of array format version %d.%d", name,
                        prelude[6], prelude[7]);
    uint64_t length = (uint64_t)(prelude[8] | prelude[9] << 8);
    if (prelude[6] > 1)
        length |= (uint64_t)prelude[10] << 16 | (uint64_t)prelude[11] << 24;
    if (length > RDX_NPY_HEADER_MAX)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: its header of %llu bytes is too long", name,
                        (unsigned long long)length);
    *out = length + (prelude[6] > 1 ? 12 : 10);
    return REDUX_OK;
}

redux_status rdx_npy_parse(rdx_npy *out, const unsigned char *header, size_t size, const char *name)
{
    rdx_npy npy;
    uint64_t whole, bytes;
    memset(&npy, 0, sizeof npy);
    RDX_TRY(rdx_npy_header_size(&whole, header, size, name));
    if (whole > size)
        return rdx_fail(REDUX_E_FORMAT, "%s: is cut short: it ends within its header", name);
    literal l = {(const char *)header + (header[6] > 1 ? 12 : 10), (const char *)header + whole,
                 name};
    RDX_TRY(parse_entries(&npy, &l));
    bytes = redux_dtype_size(npy.dtype);
    for (int32_t i = 0; i < npy.ndim; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)npy.shape[i], &bytes) ||
            bytes > (uint64_t)PTRDIFF_MAX / 16)
            return rdx_fail(REDUX_E_FORMAT, "%s: its axes are too large", name);
    npy.bytes = bytes;
    npy.offset = whole;
    *out = npy;
    return REDUX_OK;
}

bool rdx_npy_same(const rdx_npy *a, const rdx_npy *b)
{
    return a->dtype == b->dtype && a->swap == b->swap && a->fortran == b->fortran &&
           a->ndim == b->ndim && a->bytes == b->bytes && a->offset == b->offset &&
           memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

/* ---- reading ---- */

static redux_status read_header(rdx_npy *out, int fd, uint64_t file_size, redux_context *context,
                                const char *path)
{
    unsigned char prelude[RDX_NPY_PRELUDE];
    size_t count = 0;
    uint64_t whole;
    void *header;
    RDX_TRY(rdx_read_at(fd, path, 0, prelude, sizeof prelude, &count));
    RDX_TRY(rdx_npy_header_size(&whole, prelude, count, path));
    RDX_TRY(rdx_alloc(context, &header, whole, 1));
    redux_status status = rdx_read_at(fd, path, 0, header, (size_t)whole, &count);
    if (status == REDUX_OK)
        status = rdx_npy_parse(out, header, count, path);
    rdx_free(header);
    if (status == REDUX_OK && (file_size < out->offset || file_size - out->offset < out->bytes))
        return rdx_fail(
            REDUX_E_FORMAT, "%s: is cut short: it has %llu bytes, its header calls for %llu", path,
            (unsigned long long)file_size, (unsigned long long)(out->offset + out->bytes));
    return status;
}

redux_status rdx_npy_probe(rdx_npy *out, uint64_t *bytes, const char *path)
{
    struct stat status;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    *bytes = (uint64_t)status.st_size;
    const redux_status result = read_header(out, fd, *bytes, NULL, path);
    close(fd);
    return result;
}

/* Shape and strides, on memory that is set by the caller. */
static redux_status describe(redux_tensor *out, const rdx_npy *npy, void *data)
{
    int64_t strides[REDUX_MAX_DIMS], step = 1;
    for (int32_t i = 0; i < npy->ndim; i++) {
        strides[i] = step;
        step *= RDX_MAX(npy->shape[i], 1);
    }
    return redux_tensor_borrow(out, data, npy->dtype, npy->ndim, npy->shape,
                               npy->fortran ? strides : NULL);
}

redux_status rdx_npy_adopt(redux_tensor *out, redux_context *context, const rdx_npy *npy,
                           void *block)
{
    redux_tensor tensor;
    const size_t size = redux_dtype_size(npy->dtype);
    if (npy->swap)
        rdx_swap_bytes(block, npy->bytes / size, size);
    RDX_TRY(describe(&tensor, npy, block));
    RDX_TRY(rdx_storage_new(&tensor.storage, context, rdx_free, block));
    *out = tensor;
    return REDUX_OK;
}

static redux_status read_array(redux_tensor *out, redux_context *context, const rdx_npy *npy,
                               int fd, const char *path)
{
    size_t count = 0;
    void *block;
    redux_status status = rdx_alloc(context, &block, npy->bytes, 1);
    if (status == REDUX_E_LIMIT)
        return rdx_fail(status, "%s: its %llu bytes are more than the limit", path,
                        (unsigned long long)npy->bytes);
    if (status == REDUX_OK)
        status = rdx_read_at(fd, path, npy->offset, block, (size_t)npy->bytes, &count);
    if (status == REDUX_OK && count < npy->bytes)
        status = rdx_fail(REDUX_E_FORMAT, "%s: is cut short", path);
    if (status == REDUX_OK)
        status = rdx_npy_adopt(out, context, npy, block);
    if (status != REDUX_OK)
        rdx_free(block);
    return status;
}

redux_status redux_npy_read(redux_tensor *out, redux_context *context, const char *path)
{
    struct stat file;
    rdx_npy npy;
    int fd;
    if (out == NULL || path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_npy_read: an argument is NULL");
    RDX_TRY(rdx_open_read(&fd, &file, path));
    redux_status status = read_header(&npy, fd, (uint64_t)file.st_size, context, path);
    if (status == REDUX_OK)
        status = read_array(out, context, &npy, fd, path);
    close(fd);
    return status;
}

/* ---- writing ---- */

/* "<i2" and the like; "" for a type that NumPy lacks. */
static void descr(char text[4], redux_dtype dtype)
{
    text[0] = '\0';
    for (int64_t i = 0; i < RDX_COUNT(types); i++)
        if (types[i].dtype == dtype) {
            text[0] = types[i].size == 1 ? '|' : '<';
            text[1] = types[i].kind;
            text[2] = (char)('0' + types[i].size);
            text[3] = '\0';
        }
}

redux_status rdx_npy_header(char **out, size_t *size, redux_context *context,
                            const redux_tensor *array, const char *name)
{
    char shape[REDUX_MAX_DIMS * 24] = "", text[4], dict[512];
    size_t used = 0;
    void *block;
    RDX_TRY(rdx_tensor_check(array, -1, 0, "array"));
    descr(text, array->dtype);
    if (text[0] == '\0')
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: NumPy has no %s", name,
                        redux_dtype_name(array->dtype));
    for (int32_t i = 0; i < array->ndim; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%lld", i == 0 ? "" : ", ",
                                 (long long)array->shape[i]);
    const int length =
        snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                 text, shape, array->ndim == 1 ? "," : "");
    /* Padded so that the elements begin at a multiple of 64 bytes. */
    const size_t whole = (10 + (size_t)length + 1 + 63) / 64 * 64;
    RDX_TRY(rdx_alloc(context, &block, whole, 1));
    char *header = block;
    memset(header, ' ', whole);
    memcpy(header, magic, sizeof magic);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)((whole - 10) & 255);
    header[9] = (char)((whole - 10) >> 8);
    memcpy(header + 10, dict, (size_t)length);
    header[whole - 1] = '\n';
    *out = header;
    *size = whole;
    return REDUX_OK;
}

/* One piece in C order. Big-endian machines and arrays with gaps need a copy. */
static redux_status write_piece(redux_context *context, const redux_tensor *array,
                                rdx_write_fn write, void *user)
{
    redux_tensor piece;
    const size_t size = redux_dtype_size(array->dtype);
    const uint64_t count = (uint64_t)redux_tensor_elements(array);
    if (!RDX_BIG_ENDIAN && redux_tensor_is_contiguous(array))
        return write(array->data, (size_t)count * size, user);
    RDX_TRY(rdx_tensor_alloc(&piece, context, array->dtype, array->ndim, array->shape));
    redux_status status = redux_tensor_copy(&piece, array);
    if (status == REDUX_OK) {
        if (RDX_BIG_ENDIAN)
            rdx_swap_bytes(piece.data, count, size);
        status = write(piece.data, (size_t)count * size, user);
    }
    redux_tensor_release(&piece);
    return status;
}

redux_status rdx_npy_elements(redux_context *context, const redux_tensor *array, rdx_write_fn write,
                              void *user)
{
    if (redux_tensor_elements(array) == 0)
        return REDUX_OK;
    if (array->ndim < 2 || (!RDX_BIG_ENDIAN && redux_tensor_is_contiguous(array)))
        return write_piece(context, array, write, user);
    for (int64_t i = 0; i < array->shape[0]; i++) {
        redux_tensor row;
        RDX_TRY(redux_tensor_select(&row, array, 0, i));
        const redux_status status = write_piece(context, &row, write, user);
        redux_tensor_release(&row);
        RDX_TRY(status);
    }
    return REDUX_OK;
}

static redux_status to_stream(const void *bytes, size_t size, void *user)
{
    fwrite(bytes, 1, size, user); /* the commit of the file reports failures */
    return REDUX_OK;
}

redux_status redux_npy_write(const char *path, redux_context *context, const redux_tensor *array)
{
    rdx_file file;
    char *header;
    size_t size;
    RDX_TRY(rdx_npy_header(&header, &size, context, array, path == NULL ? "" : path));
    redux_status status = rdx_file_begin(&file, context, path, REDUX_MARK_ARRAY);
    if (status == REDUX_OK) {
        fwrite(header, 1, size, file.stream);
        status = rdx_npy_elements(context, array, to_stream, file.stream);
        if (status == REDUX_OK)
            status = rdx_file_commit(&file);
        else
            rdx_file_abort(&file);
    }
    rdx_free(header);
    return status;
}

/* ---- as volumes ---- */

bool rdx_npy_is_stack(const rdx_npy *npy)
{
    if (npy->ndim == 4 && npy->shape[3] == 1) /* grey, with an axis for its one colour */
        return true;
    return npy->ndim == 3 || (npy->ndim == 4 && (npy->shape[3] == 3 || npy->shape[3] == 4) &&
                              npy->dtype != REDUX_BOOL);
}

redux_status rdx_npy_describe(rdx_found *found, const rdx_npy *npy)
{
    const int64_t *shape = npy->shape;
    char text[160];
    rdx_shape_text(text, sizeof text, npy->ndim, shape);
    if (npy->ndim != 2 && !rdx_npy_is_stack(npy))
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its shape is (%s), %s: neither (H, W), (N, H, W) nor (N, H, W, 3 or "
                        "4)",
                        found->source, text, redux_dtype_name(npy->dtype));
    if (npy->bytes == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is empty: its shape is (%s)", found->source,
                        text);
    found->geometry = npy->ndim == 2 ? rdx_geometry_plain(1, shape[0], shape[1])
                                     : rdx_geometry_plain(shape[0], shape[1], shape[2]);
    found->dtype = npy->dtype;
    found->slope = 1;
    return REDUX_OK;
}

void rdx_npy_as_stack(redux_tensor *array)
{
    if (array->ndim == 4 && array->shape[3] == 1)
        array->ndim = 3;
    if (array->ndim != 2)
        return;
    for (int i = 2; i > 0; i--) {
        array->shape[i] = array->shape[i - 1];
        array->strides[i] = array->strides[i - 1];
    }
    array->shape[0] = 1;
    array->strides[0] = array->shape[1] * array->shape[2];
    array->ndim = 3;
}

/* Narrows a stack in C order to one of its slices, [H, W] or [H, W, colours]. */
static void take_slice(rdx_npy *npy, int64_t index)
{
    if (npy->ndim == 4 && npy->shape[3] == 1)
        npy->ndim = 3;
    if (npy->ndim == 2)
        return;
    npy->bytes /= (uint64_t)npy->shape[0];
    npy->offset += (uint64_t)index * npy->bytes;
    npy->ndim--;
    memmove(npy->shape, npy->shape + 1, (size_t)npy->ndim * sizeof *npy->shape);
}

static const rdx_format whole_npy;

static redux_status describe_file(rdx_found *found, redux_context *context, const char *path)
{
    void *block;
    RDX_TRY(rdx_strdup(context, &found->source, path));
    RDX_TRY(rdx_strdup(context, &found->file, path));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(rdx_npy)));
    found->header = block;
    rdx_npy *npy = block;
    RDX_TRY(rdx_npy_probe(npy, &found->bytes, path));
    if (npy->fortran)
        found->format = &whole_npy;
    return rdx_npy_describe(found, npy);
}

static redux_status probe_npy(const rdx_finds *finds, const char *path, const char *key)
{
    rdx_found found = {.format = &rdx_format_npy};
    (void)key;
    const redux_status status = describe_file(&found, finds->context, path);
    if (status == REDUX_OK)
        return finds->add(&found, finds->user);
    rdx_found_clear(&found);
    return status;
}

/* Reads the elements of the array that the probe saw, or of its slice `index` if that is not
 * negative (C order only). Not mapped, since a file that is cut short meanwhile would end the
 * process. */
static redux_status read_npy(redux_tensor *out, redux_context *context, const rdx_found *found,
                             int64_t index)
{
    struct stat file;
    rdx_npy npy;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &file, found->file));
    redux_status status = read_header(&npy, fd, (uint64_t)file.st_size, context, found->file);
    if (status == REDUX_OK && !rdx_npy_same(&npy, found->header))
        status = rdx_format_changed(found->file);
    if (status == REDUX_OK) {
        if (index >= 0)
            take_slice(&npy, index);
        status = read_array(out, context, &npy, fd, found->file);
    }
    close(fd);
    return status;
}

static redux_status load_npy(redux_tensor *out, redux_context *context, const rdx_found *found,
                             int64_t frame)
{
    (void)frame;
    RDX_TRY(read_npy(out, context, found, -1));
    rdx_npy_as_stack(out);
    return REDUX_OK;
}

const rdx_format rdx_format_npy = {
    .name = "npy",
    .suffixes = {".npy"},
    .unit = RDX_UNIT_VOLUME,
    .on_demand = true,
    .probe = probe_npy,
    .read = read_npy,
};

/* In Fortran order a slice is scattered over the whole file. */
static const rdx_format whole_npy = {
    .name = "npy",
    .unit = RDX_UNIT_VOLUME,
    .load = load_npy,
};
