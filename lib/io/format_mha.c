/* SPDX-License-Identifier: MIT
 * MetaImage: lines "Key = Value", then the voxels (.mha), or the name of their file (.mhd)
 * (https://itk.org/Wiki/ITK/MetaIO/Documentation). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "raster.h"

/* What the lines say. */
typedef struct header {
    int64_t dimensions, size[4], channels, skip;
    double spacing[4], matrix[16];
    bool has_matrix, has_spacing, is_binary, is_big, is_compressed;
    const char *type, *data; /* point into the text */
    size_t end;              /* where the voxels of an .mha begin */
} header;

/* ---- lines ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t n = strlen(text); n > 0 && strchr(" \t", text[n - 1]) != NULL;)
        text[--n] = '\0';
    return text;
}

static bool is_true(const char *text)
{
    return text[0] == 'T' || text[0] == 't' || text[0] == '1';
}

static bool read_shape(header *h, const char *key, const char *value, bool *known)
{
    const int n = (int)h->dimensions;
    *known = true;
    if (strcmp(key, "NDims") == 0)
        return rdx_header_integers(&h->dimensions, 1, value) && h->dimensions >= 2 &&
               h->dimensions <= 4;
    if (strcmp(key, "DimSize") == 0)
        return rdx_header_integers(h->size, n, value);
    if (strcmp(key, "ElementSpacing") == 0)
        return h->has_spacing = rdx_header_numbers(h->spacing, n, value);
    if (strcmp(key, "TransformMatrix") == 0 || strcmp(key, "Rotation") == 0 ||
        strcmp(key, "Orientation") == 0)
        return h->has_matrix = rdx_header_numbers(h->matrix, n * n, value);
    if (strcmp(key, "ElementNumberOfChannels") == 0)
        return rdx_header_integers(&h->channels, 1, value);
    if (strcmp(key, "HeaderSize") == 0)
        return rdx_header_integers(&h->skip, 1, value) && h->skip >= -1;
    *known = false;
    return true;
}

static void read_coding(header *h, const char *key, const char *value)
{
    if (strcmp(key, "BinaryData") == 0)
        h->is_binary = is_true(value);
    else if (strcmp(key, "BinaryDataByteOrderMSB") == 0 || strcmp(key, "ElementByteOrderMSB") == 0)
        h->is_big = is_true(value);
    else if (strcmp(key, "CompressedData") == 0)
        h->is_compressed = is_true(value);
    else if (strcmp(key, "ElementType") == 0)
        h->type = value;
    else if (strcmp(key, "ElementDataFile") == 0)
        h->data = value;
}

/* ElementDataFile is the last line. */
static redux_status read_lines(header *h, char *text, const char *path)
{
    char *at = text, *line;
    while (h->data == NULL && (line = rdx_header_line(&at)) != NULL) {
        char *equals = strchr(line, '=');
        bool known;
        if (equals == NULL)
            return rdx_fail(REDUX_E_FORMAT, "%s: is no MetaImage: line '%.40s' has no '='", path,
                            line);
        *equals = '\0';
        const char *key = trim(line), *value = trim(equals + 1);
        if (!read_shape(h, key, value, &known))
            return rdx_fail(REDUX_E_FORMAT, "%s: %s = '%.60s' is not what a MetaImage has there",
                            path, key, value);
        if (!known)
            read_coding(h, key, value);
    }
    if (h->data == NULL)
        return rdx_fail(REDUX_E_FORMAT, "%s: is no MetaImage, or cut short: no ElementDataFile",
                        path);
    h->end = (size_t)(at - text);
    return REDUX_OK;
}

/* ---- meaning ---- */

static redux_status read_type(redux_dtype *out, const header *h, const char *path)
{
    static const struct {
        const char *name;
        redux_dtype dtype;
    } types[] = {
        {"MET_CHAR", REDUX_INT8},       {"MET_UCHAR", REDUX_UINT8},
        {"MET_SHORT", REDUX_INT16},     {"MET_USHORT", REDUX_UINT16},
        {"MET_INT", REDUX_INT32},       {"MET_UINT", REDUX_UINT32},
        {"MET_LONG", REDUX_INT32},      {"MET_ULONG", REDUX_UINT32},
        {"MET_LONG_LONG", REDUX_INT64}, {"MET_ULONG_LONG", REDUX_UINT64},
        {"MET_FLOAT", REDUX_FLOAT32},   {"MET_DOUBLE", REDUX_FLOAT64},
    };
    for (int i = 0; i < (int)RDX_COUNT(types); i++)
        if (h->type != NULL && strcmp(h->type, types[i].name) == 0) {
            *out = types[i].dtype;
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_UNSUPPORTED, "%s: ElementType '%.40s' is not read", path,
                    h->type == NULL ? "" : h->type);
}

static redux_status check(const header *h, const char *path)
{
    if (h->dimensions == 0 || h->size[0] == 0)
        return rdx_fail(REDUX_E_FORMAT, "%s: does not say its NDims and DimSize", path);
    if (h->channels != 1)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: has %lld channels a voxel: only grey MetaImages are read", path,
                        (long long)h->channels);
    if (!h->is_binary)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its voxels are text (BinaryData = False): save it as binary", path);
    if (strcmp(h->data, "LIST") == 0 || strncmp(h->data, "LIST ", 5) == 0 ||
        strchr(h->data, '%') != NULL)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its voxels are in several files (%.40s): save it as one .mha", path,
                        h->data);
    return REDUX_OK;
}

/* Row i of the matrix is the direction of axis i; 2-D images lie in the axial plane. */
static void read_geometry(rdx_geometry *g, const header *h)
{
    const int n = (int)RDX_MIN(h->dimensions, 3), step = (int)h->dimensions;
    double axes[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int i = 0; i < 3; i++) {
        g->dim[i] = i < n ? h->size[i] : 1;
        g->spacing[i] =
            i < n && h->has_spacing && isfinite(h->spacing[i]) ? fabs(h->spacing[i]) : 0;
        for (int k = 0; k < n && i < n && h->has_matrix; k++)
            axes[i][k] = h->matrix[i * step + k];
    }
    rdx_geometry_orient(g, (const double(*)[3])axes);
}

static redux_status understand(rdx_raster *r, const header *h, bool local, const char *path)
{
    RDX_TRY(check(h, path));
    RDX_TRY(read_type(&r->dtype, h, path));
    read_geometry(&r->geometry, h);
    r->frames = h->dimensions == 4 ? h->size[3] : 0;
    if (h->dimensions == 4 && r->frames < 1)
        return rdx_fail(REDUX_E_FORMAT, "%s: says that it has %lld frames", path,
                        (long long)r->frames);
    r->swap = h->is_big != RDX_BIG_ENDIAN && redux_dtype_size(r->dtype) > 1;
    r->packing = h->is_compressed ? RDX_PACKING_ZLIB : RDX_PACKING_NONE;
    r->offset = h->skip < 0 ? -1 : h->skip + (local ? (int64_t)h->end : 0);
    return REDUX_OK;
}

/* *image: the voxels' own file, NULL if they follow the header. */
static redux_status read_header(rdx_raster *r, char **image, redux_context *context,
                                const char *path)
{
    char *text;
    size_t size;
    header h = {.channels = 1};
    h.is_binary = true;
    static const char *const ends[2] = {"ElementDataFile", "ElementDataFile"};
    RDX_TRY(rdx_header_text(&text, &size, context, path, ends));
    redux_status status = read_lines(&h, text, path);
    const bool local =
        status == REDUX_OK && (strcasecmp(h.data, "LOCAL") == 0 || strcmp(h.data, "Local") == 0);
    if (status == REDUX_OK)
        status = understand(r, &h, local, path);
    if (status == REDUX_OK && !local)
        status = rdx_header_partner(image, context, path, h.data);
    rdx_free(text);
    return status;
}

/* ---- the format ---- */

static redux_status probe_mha(const rdx_finds *finds, const char *path, const char *key)
{
    (void)key;
    return rdx_raster_probe(finds, &rdx_format_mha, read_header, path);
}

static redux_status load_mha(redux_tensor *out, redux_context *context, const rdx_found *found,
                             int64_t frame)
{
    return rdx_raster_load(out, context, found, read_header, frame);
}

const rdx_format rdx_format_mha = {
    .name = "mha",
    .suffixes = {".mha", ".mhd"},
    .unit = RDX_UNIT_VOLUME,
    .is_scan = true,
    .probe = probe_mha,
    .load = load_mha,
};
