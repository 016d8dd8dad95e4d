/* SPDX-License-Identifier: MIT
 * FreeSurfer's MGH, and MGZ, which is the same by gzip. A header of 284 bytes, big-endian, then the
 * voxels (https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat). */
#include <math.h>
#include <string.h>
#include "raster.h"

#define HEADER_BYTES 284

static uint32_t word(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int64_t integer(const unsigned char *bytes)
{
    return (int32_t)word(bytes);
}

static double number(const unsigned char *bytes)
{
    const uint32_t bits = word(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static redux_status read_type(rdx_raster *r, int64_t type, const char *path)
{
    static const struct {
        int64_t code;
        redux_dtype dtype;
    } types[] = {{0, REDUX_UINT8},
                 {1, REDUX_INT32},
                 {3, REDUX_FLOAT32},
                 {4, REDUX_INT16},
                 {10, REDUX_UINT16}};
    for (int i = 0; i < (int)RDX_COUNT(types); i++)
        if (types[i].code == type) {
            r->dtype = types[i].dtype;
            r->swap = !RDX_BIG_ENDIAN && redux_dtype_size(r->dtype) > 1;
            return REDUX_OK;
        }
    return rdx_fail(REDUX_E_UNSUPPORTED,
                    "%s: its voxels are of MGH type %lld, which is not read: convert it by "
                    "mri_convert -odt float",
                    path, (long long)type);
}

/* Spacing, and the directions of i, j, k, which MGH has to the right, the front and the head. A
 * file without them is coronal, as FreeSurfer takes it. */
static void read_geometry(rdx_geometry *g, const unsigned char *bytes)
{
    double axes[3][3] = {{1, 0, 0}, {0, 0, -1}, {0, -1, 0}};
    const bool known = bytes[28] != 0 || bytes[29] != 0;
    for (int i = 0; i < 3; i++) {
        const double spacing = known ? fabs(number(bytes + 30 + 4 * i)) : 1;
        g->spacing[i] = isfinite(spacing) ? spacing : 0;
        for (int k = 0; k < 3 && known; k++)
            axes[i][k] = number(bytes + 42 + 12 * i + 4 * k) * (k < 2 ? -1 : 1);
    }
    rdx_geometry_orient(g, (const double(*)[3])axes);
}

static redux_status read_header(rdx_raster *r, char **image, redux_context *context,
                                const char *path)
{
    unsigned char bytes[HEADER_BYTES];
    rdx_packed file;
    *image = NULL;
    RDX_TRY(rdx_packed_open(&file, path, 0, RDX_PACKING_AUTO));
    *r = (rdx_raster){.packing = file.packing, .offset = HEADER_BYTES, .offset_unpacked = true};
    const redux_status status = rdx_packed_read(&file, bytes, sizeof bytes, "header");
    rdx_packed_close(&file);
    RDX_TRY(status);
    if (integer(bytes) != 1)
        return rdx_fail(REDUX_E_FORMAT, "%s: is no MGH file: its version is %lld, not 1", path,
                        (long long)integer(bytes));
    for (int i = 0; i < 3; i++)
        r->geometry.dim[i] = integer(bytes + 4 + 4 * i);
    r->frames = integer(bytes + 16);
    RDX_TRY(read_type(r, integer(bytes + 20), path));
    read_geometry(&r->geometry, bytes);
    if (r->frames < 1)
        return rdx_fail(REDUX_E_FORMAT, "%s: says that it has %lld frames", path,
                        (long long)r->frames);
    (void)context;
    return REDUX_OK;
}

static redux_status probe_mgh(const rdx_finds *finds, const char *path, const char *key)
{
    (void)key;
    return rdx_raster_probe(finds, &rdx_format_mgh, read_header, path);
}

static redux_status load_mgh(redux_tensor *out, redux_context *context, const rdx_found *found,
                             int64_t frame)
{
    return rdx_raster_load(out, context, found, read_header, frame);
}

const rdx_format rdx_format_mgh = {
    .name = "mgh",
    .suffixes = {".mgh", ".mgz"},
    .unit = RDX_UNIT_VOLUME,
    .is_scan = true,
    .probe = probe_mgh,
    .load = load_mgh,
};
