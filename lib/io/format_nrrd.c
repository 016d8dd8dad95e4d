/* SPDX-License-Identifier: MIT
 * NRRD: lines "field: value" up to an empty one, then the voxels (.nrrd), or the name of their file
 * (.nhdr) (https://teem.sourceforge.net/nrrd/format.html). */
#include <math.h>
#include <string.h>
#include <strings.h>
#include "raster.h"

#define AXES 4

typedef struct header {
    int64_t dimension, sizes[AXES], byte_skip, line_skip;
    double spacings[AXES], directions[AXES][3];
    bool has_size, has_spacing, has_directions, is_big, is_spatial[AXES], has_kinds;
    double flip[2];   /* what turns the file's first two coordinates into those of DICOM */
    bool knows_space; /* that is known */
    const char *type, *encoding, *data; /* point into the text */
    size_t end;                         /* where the voxels of a .nrrd begin */
} header;

/* ---- fields ---- */

/* The next word of `text`, which moves on behind it; its length, 0 at the end. */
static size_t next_word(const char **word, const char **text)
{
    *word = *text + strspn(*text, " \t");
    const size_t length = strcspn(*word, " \t");
    *text = *word + length;
    return length;
}

/* Kinds of axes: those in space may be sliced; a list or time may be the last one. */
static bool read_kinds(header *h, const char *text)
{
    const char *word;
    for (int i = 0; i < h->dimension; i++) {
        const size_t length = next_word(&word, &text);
        if (length == 0)
            return false;
        h->is_spatial[i] = (length == 5 && strncasecmp(word, "space", 5) == 0) ||
                           (length == 6 && strncasecmp(word, "domain", 6) == 0) ||
                           (length == 3 && strncmp(word, "???", 3) == 0) ||
                           (length == 4 && strncasecmp(word, "none", 4) == 0);
    }
    return h->has_kinds = true;
}

/* "(1,0,0) (0,1,0) (0,0,1)", with "none" for an axis that is not in space. */
static bool read_directions(header *h, const char *text)
{
    for (int i = 0; i < h->dimension; i++) {
        text += strspn(text, " \t");
        if (strncmp(text, "none", 4) == 0) {
            h->directions[i][0] = NAN;
            text += 4;
            continue;
        }
        char *end = (char *)text;
        for (int k = 0; k < 3; k++) {
            if (*end != (k == 0 ? '(' : ','))
                return false;
            const char *begin = end + 1;
            h->directions[i][k] = rdx_parse_double(begin, &end);
            if (end == begin)
                return false;
            end += strspn(end, " \t");
        }
        if (*end != ')')
            return false;
        text = end + 1;
    }
    return h->has_directions = true;
}

static void read_space(header *h, const char *text)
{
    static const struct {
        const char *name, *letters;
        double flip[2];
    } spaces[] = {{"left-posterior-superior", "LPS", {1, 1}},
                  {"right-anterior-superior", "RAS", {-1, -1}},
                  {"left-anterior-superior", "LAS", {1, -1}}};
    for (int i = 0; i < (int)RDX_COUNT(spaces); i++)
        if (strcasecmp(text, spaces[i].name) == 0 || strcasecmp(text, spaces[i].letters) == 0) {
            memcpy(h->flip, spaces[i].flip, sizeof h->flip);
            h->knows_space = true;
        }
}

/* False: the value is not what the field has. */
static bool read_field(header *h, const char *field, const char *value)
{
    const int n = (int)h->dimension;
    if (strcasecmp(field, "dimension") == 0)
        return rdx_header_integers(&h->dimension, 1, value) && h->dimension >= 1;
    if (strcasecmp(field, "sizes") == 0)
        return h->has_size = n <= AXES && rdx_header_integers(h->sizes, n, value);
    if (strcasecmp(field, "spacings") == 0)
        return h->has_spacing = n <= AXES && rdx_header_numbers(h->spacings, n, value);
    if (strcasecmp(field, "kinds") == 0)
        return n <= AXES && read_kinds(h, value);
    if (strcasecmp(field, "space directions") == 0)
        return n <= AXES && read_directions(h, value);
    if (strcasecmp(field, "byte skip") == 0 || strcasecmp(field, "byteskip") == 0)
        return rdx_header_integers(&h->byte_skip, 1, value) && h->byte_skip >= -1;
    if (strcasecmp(field, "line skip") == 0 || strcasecmp(field, "lineskip") == 0)
        return rdx_header_integers(&h->line_skip, 1, value) && h->line_skip >= 0;
    if (strcasecmp(field, "space") == 0)
        read_space(h, value);
    else if (strcasecmp(field, "endian") == 0)
        h->is_big = strcasecmp(value, "big") == 0;
    else if (strcasecmp(field, "type") == 0)
        h->type = value;
    else if (strcasecmp(field, "encoding") == 0)
        h->encoding = value;
    else if (strcasecmp(field, "data file") == 0 || strcasecmp(field, "datafile") == 0)
        h->data = value;
    return true;
}

/* Fields up to an empty line, or the end of a header that stands alone. */
static redux_status read_lines(header *h, char *text, const char *path)
{
    char *at = text, *line = rdx_header_line(&at);
    if (line == NULL || strncmp(line, "NRRD000", 7) != 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: is no NRRD file: it does not begin with NRRD000",
                        path);
    while ((line = rdx_header_line(&at)) != NULL && *line != '\0') {
        char *colon = strchr(line, ':');
        if (line[0] == '#' || (colon != NULL && colon[1] == '='))
            continue; /* a comment; a key of somebody's own */
        if (colon == NULL)
            return rdx_fail(REDUX_E_FORMAT, "%s: line '%.40s' of its header has no ':'", path,
                            line);
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        for (size_t n = strlen(value); n > 0 && strchr(" \t", value[n - 1]) != NULL;)
            value[--n] = '\0';
        if (!read_field(h, line, value))
            return rdx_fail(REDUX_E_FORMAT, "%s: '%s: %.60s' is not what a NRRD has there", path,
                            line, value);
    }
    h->end = (size_t)(at - text);
    return REDUX_OK;
}

/* ---- meaning ---- */

static redux_status read_type(redux_dtype *out, const header *h, const char *path)
{
    static const struct {
        const char *names;
        redux_dtype dtype;
    } types[] = {
        {"signed char|int8|int8_t", REDUX_INT8},
        {"uchar|unsigned char|uint8|uint8_t", REDUX_UINT8},
        {"short|short int|signed short|signed short int|int16|int16_t", REDUX_INT16},
        {"ushort|unsigned short|unsigned short int|uint16|uint16_t", REDUX_UINT16},
        {"int|signed int|int32|int32_t", REDUX_INT32},
        {"uint|unsigned int|uint32|uint32_t", REDUX_UINT32},
        {"longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
         REDUX_INT64},
        {"ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t", REDUX_UINT64},
        {"float", REDUX_FLOAT32},
        {"double", REDUX_FLOAT64},
    };
    const char *type = h->type == NULL ? "" : h->type;
    const size_t length = strlen(type);
    for (int i = 0; i < (int)RDX_COUNT(types); i++)
        for (const char *name = types[i].names; name != NULL && length > 0;) {
            const size_t own = strcspn(name, "|");
            if (own == length && memcmp(name, type, own) == 0) {
                *out = types[i].dtype;
                return REDUX_OK;
            }
            name = name[own] == '|' ? name + own + 1 : NULL;
        }
    return rdx_fail(REDUX_E_UNSUPPORTED, "%s: type '%.40s' is not read", path, type);
}

static redux_status read_encoding(rdx_raster *r, const header *h, const char *path)
{
    const char *name = h->encoding == NULL ? "" : h->encoding;
    if (strcmp(name, "raw") == 0)
        r->packing = RDX_PACKING_NONE;
    else if (strcmp(name, "gzip") == 0 || strcmp(name, "gz") == 0)
        r->packing = RDX_PACKING_GZIP;
    else
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: encoding '%.40s' is not read: save it as raw or gzip", path, name);
    return REDUX_OK;
}

/* Whether axis i can be sliced. */
static bool in_space(const header *h, int i)
{
    if (h->has_directions && isnan(h->directions[i][0]))
        return false;
    return !h->has_kinds || h->is_spatial[i];
}

static redux_status read_axes(rdx_raster *r, const header *h, const char *path)
{
    const int n = (int)h->dimension;
    if (n < 2 || n > AXES || !h->has_size)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: has %d dimensions, or no sizes: 2 to 4 are read",
                        path, n);
    for (int i = 0; i < RDX_MIN(n, 3); i++)
        if (!in_space(h, i))
            return rdx_fail(REDUX_E_UNSUPPORTED,
                            "%s: its axis %d is not in space (colours, vectors): only grey NRRDs "
                            "are read",
                            path, i);
    for (int i = 0; i < 3; i++)
        r->geometry.dim[i] = i < n ? h->sizes[i] : 1;
    r->frames = n == 4 ? h->sizes[3] : 0;
    if (n == 4 && r->frames < 1)
        return rdx_fail(REDUX_E_FORMAT, "%s: says that it has %lld frames", path,
                        (long long)r->frames);
    return REDUX_OK;
}

static void read_geometry(rdx_geometry *g, const header *h)
{
    double axes[3][3] = {{0}};
    for (int i = 0; i < 3 && i < h->dimension; i++) {
        double length = 0;
        for (int k = 0; k < 3 && h->has_directions; k++) {
            const double along = h->directions[i][k];
            length += along * along;
            axes[i][k] = h->knows_space ? along * (k < 2 ? h->flip[k] : 1) : 0;
        }
        length = h->has_directions ? sqrt(length) : h->has_spacing ? fabs(h->spacings[i]) : 0;
        g->spacing[i] = isfinite(length) ? length : 0;
    }
    rdx_geometry_orient(g, (const double(*)[3])axes);
}

static redux_status understand(rdx_raster *r, const header *h, const char *path)
{
    RDX_TRY(read_axes(r, h, path));
    RDX_TRY(read_type(&r->dtype, h, path));
    RDX_TRY(read_encoding(r, h, path));
    read_geometry(&r->geometry, h);
    r->swap = h->is_big != RDX_BIG_ENDIAN && redux_dtype_size(r->dtype) > 1;
    if (h->line_skip > 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: 'line skip' is not read: save it by teem's unu",
                        path);
    if (h->data != NULL && (strncmp(h->data, "LIST", 4) == 0 || strchr(h->data, '%') != NULL))
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its voxels are in several files (%.40s): save it as one .nrrd", path,
                        h->data);
    if (r->packing == RDX_PACKING_GZIP) { /* byte skip counts unpacked bytes */
        r->offset_unpacked = false;
        if (h->byte_skip != 0)
            return rdx_fail(REDUX_E_UNSUPPORTED, "%s: 'byte skip' in compressed voxels is not read",
                            path);
    }
    r->offset = h->byte_skip < 0 ? -1 : h->byte_skip + (h->data == NULL ? (int64_t)h->end : 0);
    return REDUX_OK;
}

static redux_status read_header(rdx_raster *r, char **image, redux_context *context,
                                const char *path)
{
    char *text;
    size_t size;
    header h = {0};
    h.is_big = RDX_BIG_ENDIAN;
    static const char *const ends[2] = {"\n\n", "\n\r\n"};
    RDX_TRY(rdx_header_text(&text, &size, context, path, ends));
    redux_status status = read_lines(&h, text, path);
    if (status == REDUX_OK)
        status = understand(r, &h, path);
    const size_t length = strlen(path);
    if (status == REDUX_OK && h.data == NULL && length > 5 &&
        strcasecmp(path + length - 5, ".nhdr") == 0)
        status = rdx_fail(REDUX_E_FORMAT, "%s: a header without 'data file' has no voxels", path);
    if (status == REDUX_OK && h.data != NULL)
        status = rdx_header_partner(image, context, path, h.data);
    rdx_free(text);
    return status;
}

/* ---- the format ---- */

static redux_status probe_nrrd(const rdx_finds *finds, const char *path, const char *key)
{
    (void)key;
    return rdx_raster_probe(finds, &rdx_format_nrrd, read_header, path);
}

static redux_status load_nrrd(redux_tensor *out, redux_context *context, const rdx_found *found,
                              int64_t frame)
{
    return rdx_raster_load(out, context, found, read_header, frame);
}

const rdx_format rdx_format_nrrd = {
    .name = "nrrd",
    .suffixes = {".nrrd", ".nhdr"},
    .unit = RDX_UNIT_VOLUME,
    .is_scan = true,
    .probe = probe_nrrd,
    .load = load_nrrd,
};
