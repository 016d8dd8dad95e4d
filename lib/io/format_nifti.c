/* SPDX-License-Identifier: MIT
 * NIfTI-1 and NIfTI-2 (https://nifti.nimh.nih.gov). Every field is checked here before nifti_clib
 * sees it, since it would print complaints, and repair what should be refused. It provides
 * orientation, scaling and grid spacing; the voxels are inflated and swapped here. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <nifti/nifti2_io.h>
#include "format.h"

#define HEADER_1 348
#define HEADER_2 540
static const struct {
    int32_t code, bytes;
    redux_dtype dtype; /* 0: known, but not read */
    const char *name;
} types[] = {
    {DT_UINT8, 1, REDUX_UINT8, "uint8"},
    {DT_INT8, 1, REDUX_INT8, "int8"},
    {DT_INT16, 2, REDUX_INT16, "int16"},
    {DT_UINT16, 2, REDUX_UINT16, "uint16"},
    {DT_INT32, 4, REDUX_INT32, "int32"},
    {DT_UINT32, 4, REDUX_UINT32, "uint32"},
    {DT_INT64, 8, REDUX_INT64, "int64"},
    {DT_UINT64, 8, REDUX_UINT64, "uint64"},
    {DT_FLOAT32, 4, REDUX_FLOAT32, "float32"},
    {DT_FLOAT64, 8, REDUX_FLOAT64, "float64"},
    {DT_FLOAT128, 16, REDUX_FLOAT64, "float128"},
    {DT_BINARY, 0, 0, "1-bit"},
    {DT_COMPLEX64, 8, 0, "complex64"},
    {DT_COMPLEX128, 16, 0, "complex128"},
    {DT_COMPLEX256, 32, 0, "complex256"},
    {DT_RGB24, 3, 0, "RGB24"},
    {DT_RGBA32, 4, 0, "RGBA32"},
};

/* The fields of either version that are checked, and the header they came from. */
typedef struct header {
    int version;
    union {
        nifti_1_header one;
        nifti_2_header two;
    } raw;
    int64_t dim[8];
    int32_t datatype, bitpix;
    double offset;
    bool pair, swap;
} header;

/* A checked header, native byte order. */
typedef struct volume_header {
    rdx_geometry geometry;
    int64_t frames;
    int32_t datatype, voxel_bytes; /* as stored */
    redux_dtype dtype;             /* as read: float128 becomes float64 */
    int32_t swap;
    double slope, intercept;
    uint64_t offset;      /* of the first voxel in the image file */
    uint64_t header_size; /* bytes of the header's file; of the image's, if that is another */
    uint64_t image_size;
} volume_header;

/* ---- opening ---- */

/* Recognised by content, not name: a .nii may be compressed and a .nii.gz may not. Only the voxels
 * of an .img may begin with gzip's two bytes by chance, so there the name decides. */
static redux_status open_file(rdx_packed *file, const char *path)
{
    const size_t length = strlen(path);
    const bool image = length > 4 && strcasecmp(path + length - 4, ".img") == 0;
    return rdx_packed_open(file, path, 0, image ? RDX_PACKING_NONE : RDX_PACKING_AUTO);
}

/* ---- the header's fields ---- */

static redux_status read_header(header *out, rdx_packed *file)
{
    unsigned char bytes[HEADER_2];
    int32_t size;
    RDX_TRY(rdx_packed_read(file, bytes, HEADER_1, "header"));
    memcpy(&size, bytes, sizeof size);
    out->swap = size != HEADER_1 && size != HEADER_2;
    if (out->swap)
        size = (int32_t)__builtin_bswap32((uint32_t)size);
    if (size != HEADER_1 && size != HEADER_2)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: is not a NIfTI file: it begins with neither 348 nor 540", file->path);
    out->version = size == HEADER_1 ? 1 : 2;
    if (out->version == 2)
        RDX_TRY(rdx_packed_read(file, bytes + HEADER_1, HEADER_2 - HEADER_1, "header"));
    memset(&out->raw, 0, sizeof out->raw);
    memcpy(&out->raw, bytes, (size_t)size);
    if (out->swap && out->version == 1)
        nifti_swap_as_nifti1(&out->raw.one);
    else if (out->swap)
        nifti_swap_as_nifti2(&out->raw.two);
    return REDUX_OK;
}

static redux_status check_magic(header *h, const char *path)
{
    static const char tail[4] = {'\r', '\n', '\032', '\n'};
    const char *magic = h->version == 1 ? h->raw.one.magic : h->raw.two.magic;
    const char digit = h->version == 1 ? '1' : '2';
    if (h->version == 1 && magic[0] == '\0' && magic[1] == '\0' && magic[2] == '\0')
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: is an ANALYZE 7.5 file, which does not say left from right; convert "
                        "it to NIfTI",
                        path);
    if (magic[0] != 'n' || (magic[1] != '+' && magic[1] != 'i') || magic[2] != digit ||
        magic[3] != '\0' || (h->version == 2 && memcmp(magic + 4, tail, 4) != 0))
        return rdx_fail(REDUX_E_FORMAT, "%s: is not a NIfTI file: wrong magic bytes", path);
    h->pair = magic[1] == 'i';
    return REDUX_OK;
}

static void copy_fields(header *h)
{
    for (int i = 0; i < 8; i++)
        h->dim[i] = h->version == 1 ? h->raw.one.dim[i] : h->raw.two.dim[i];
    h->datatype = h->version == 1 ? h->raw.one.datatype : h->raw.two.datatype;
    h->bitpix = h->version == 1 ? h->raw.one.bitpix : h->raw.two.bitpix;
    h->offset = h->version == 1 ? (double)h->raw.one.vox_offset : (double)h->raw.two.vox_offset;
}

static redux_status check_dimensions(volume_header *out, const header *h, const char *path)
{
    if (h->dim[0] < 1 || h->dim[0] > 7)
        return rdx_fail(REDUX_E_FORMAT, "%s: has %lld dimensions, not 1 to 7", path,
                        (long long)h->dim[0]);
    for (int i = 1; i <= (int)h->dim[0]; i++)
        if (h->dim[i] < 1)
            return rdx_fail(REDUX_E_FORMAT, "%s: dimension %d has %lld elements", path, i,
                            (long long)h->dim[i]);
    if (h->dim[0] == 1)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: has one dimension only: no image", path);
    for (int i = 5; i <= (int)h->dim[0]; i++)
        if (h->dim[i] != 1)
            return rdx_fail(REDUX_E_UNSUPPORTED,
                            "%s: dimension %d has %lld elements: only x, y, z and time are read",
                            path, i, (long long)h->dim[i]);
    for (int i = 0; i < 3; i++)
        out->geometry.dim[i] = i < (int)h->dim[0] ? h->dim[i + 1] : 1;
    out->frames = h->dim[0] >= 4 ? h->dim[4] : 1;
    return REDUX_OK;
}

static redux_status check_type(volume_header *out, const header *h, const char *path)
{
    for (int64_t i = 0; i < RDX_COUNT(types); i++) {
        if (types[i].code != h->datatype)
            continue;
        if (types[i].dtype == 0)
            return rdx_fail(REDUX_E_UNSUPPORTED, "%s: has %s voxels: only real numbers are read",
                            path, types[i].name);
        if (h->bitpix != types[i].bytes * 8)
            return rdx_fail(REDUX_E_FORMAT, "%s: its data type %s does not have %d bits a voxel",
                            path, types[i].name, (int)h->bitpix);
        out->datatype = h->datatype;
        out->voxel_bytes = types[i].bytes;
        out->dtype = types[i].dtype;
        return REDUX_OK;
    }
    return rdx_fail(REDUX_E_FORMAT, "%s: has voxels of unknown type %d", path, (int)h->datatype);
}

/* Bytes of one frame, and of all frames. check_size has excluded overflow. */
static uint64_t frame_bytes(const volume_header *nifti)
{
    return (uint64_t)nifti->geometry.dim[0] * (uint64_t)nifti->geometry.dim[1] *
           (uint64_t)nifti->geometry.dim[2] * (uint64_t)nifti->voxel_bytes;
}

/* Whether the file can hold what its header claims, and a frame fits into the limits. All of this
 * is checked before anything is allocated. */
static redux_status check_size(volume_header *out, const header *h, redux_context *context,
                               const char *path, const rdx_packed *image)
{
    uint64_t total = (uint64_t)out->voxel_bytes, capacity = rdx_packed_capacity(image);
    const double least = h->pair ? 0 : h->version == 1 ? HEADER_1 : HEADER_2;
    if (!(h->offset >= least) || !(h->offset <= 0x1p53) || h->offset != floor(h->offset))
        return rdx_fail(REDUX_E_FORMAT, "%s: its voxels begin at byte %g", path, h->offset);
    out->offset = (uint64_t)h->offset;
    for (int i = 0; i < 4; i++)
        if (__builtin_mul_overflow(total, (uint64_t)(i < 3 ? out->geometry.dim[i] : out->frames),
                                   &total) ||
            total > (uint64_t)PTRDIFF_MAX / 2)
            return rdx_fail(REDUX_E_FORMAT, "%s: its dimensions are too large", path);
    if (out->offset + total > capacity)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: is cut short: %llu bytes cannot hold %llu bytes of voxels from byte "
                        "%llu on",
                        image->path, (unsigned long long)image->size, (unsigned long long)total,
                        (unsigned long long)out->offset);
    if (!rdx_bytes_allowed(context, frame_bytes(out) / (uint64_t)out->voxel_bytes,
                           (uint64_t)redux_dtype_size(out->dtype)))
        return rdx_fail(REDUX_E_LIMIT, "%s: its %llu bytes of voxels are more than the limit", path,
                        (unsigned long long)frame_bytes(out));
    return REDUX_OK;
}

/* ---- what nifti_clib reads out of it ---- */

/* The directions of the storage axes; false if the matrix has none. */
static bool directions(int code[3], nifti_dmat44 matrix)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            if (!isfinite(matrix.m[i][j]))
                return false;
    nifti_dmat44_to_orientation(matrix, &code[0], &code[1], &code[2]);
    return code[0] != 0 && code[1] != 0 && code[2] != 0;
}

/* From directions to the axial view. Radiological convention: rows run to posterior, columns to
 * the patient's left; slice numbers stay as stored, so that axis is never reversed. */
static void set_view(volume_header *out, const int code[3])
{
    out->geometry.falls = false;
    for (int8_t i = 0; i < 3; i++) {
        const int role = code[i] >= NIFTI_I2S ? 0 : code[i] >= NIFTI_P2A ? 1 : 2;
        out->geometry.axis[role] = i;
        out->geometry.falls = out->geometry.falls || code[i] == NIFTI_S2I;
        out->geometry.reversed[role] = code[i] == NIFTI_P2A || code[i] == NIFTI_L2R;
    }
}

static double millimetres(double spacing, int units)
{
    spacing = fabs(spacing);
    if (units == NIFTI_UNITS_METER)
        spacing *= 1000;
    else if (units == NIFTI_UNITS_MICRON)
        spacing /= 1000;
    return isfinite(spacing) ? spacing : 0;
}

static void copy_geometry(volume_header *out, const nifti_image *image, const header *h)
{
    const double stored[3] = {image->dx, image->dy, image->dz};
    int code[3] = {NIFTI_L2R, NIFTI_P2A, NIFTI_I2S}; /* assume RAS+ if nothing is known */
    if ((image->sform_code <= 0 || !directions(code, image->sto_xyz)) &&
        (image->qform_code <= 0 || !directions(code, image->qto_xyz))) {
        code[0] = NIFTI_L2R;
        code[1] = NIFTI_P2A;
        code[2] = NIFTI_I2S;
    }
    set_view(out, code);
    for (int i = 0; i < 3; i++) {
        /* nifti_clib turns 0 and NaN into 1, but an unknown spacing must stay unknown. */
        const double raw =
            h->version == 1 ? (double)h->raw.one.pixdim[i + 1] : h->raw.two.pixdim[i + 1];
        out->geometry.spacing[i] = raw == 0 || !isfinite(raw) || i >= (int)h->dim[0]
                                       ? 0
                                       : millimetres(stored[i], image->xyz_units);
    }
}

static redux_status check_scaling(volume_header *out, const header *h, const char *path)
{
    const double slope = h->version == 1 ? (double)h->raw.one.scl_slope : h->raw.two.scl_slope;
    const double inter = h->version == 1 ? (double)h->raw.one.scl_inter : h->raw.two.scl_inter;
    const bool scaled = isfinite(slope) && slope != 0;
    if (scaled && !isfinite(inter))
        return rdx_fail(REDUX_E_FORMAT, "%s: its intercept (scl_inter) is not finite", path);
    out->slope = scaled ? slope : 1;
    out->intercept = scaled ? inter : 0;
    return REDUX_OK;
}

static redux_status convert(volume_header *out, header *h, const char *path)
{
    nifti_image *image;
    RDX_TRY(check_scaling(out, h, path));
    if (h->version == 1)
        image = nifti_convert_n1hdr2nim(h->raw.one, NULL);
    else
        image = nifti_convert_n2hdr2nim(h->raw.two, NULL);
    if (image == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: nifti_clib could not convert its header", path);
    copy_geometry(out, image, h);
    nifti_image_free(image);
    return REDUX_OK;
}

/* ---- probing ---- */

static redux_status probe(volume_header *out, redux_context *context, rdx_packed *file,
                          const char *image)
{
    header h;
    rdx_packed voxels = *file;
    RDX_TRY(read_header(&h, file));
    RDX_TRY(check_magic(&h, file->path));
    if (h.pair != (image != NULL))
        return rdx_fail(REDUX_E_FORMAT, "%s: says that its voxels are %s", file->path,
                        h.pair ? "in an .img file, but is not a .hdr file"
                               : "in the same file, but is one half of a pair");
    copy_fields(&h);
    RDX_TRY(check_dimensions(out, &h, file->path));
    RDX_TRY(check_type(out, &h, file->path));
    out->swap = h.swap;
    out->header_size = file->size;
    if (image != NULL) {
        RDX_TRY(open_file(&voxels, image));
        out->image_size = voxels.size;
    }
    redux_status status = check_size(out, &h, context, file->path, &voxels);
    if (image != NULL)
        rdx_packed_close(&voxels);
    RDX_TRY(status);
    return convert(out, &h, file->path);
}

static redux_status probe_header(volume_header *out, redux_context *context, const char *path,
                                 const char *image)
{
    rdx_packed file;
    memset(out, 0, sizeof *out);
    RDX_TRY(open_file(&file, path));
    const redux_status status = probe(out, context, &file, image);
    rdx_packed_close(&file);
    return status;
}

static bool same_header(const volume_header *a, const volume_header *b)
{
    bool same = a->frames == b->frames && a->geometry.falls == b->geometry.falls &&
                a->datatype == b->datatype && a->swap == b->swap && a->slope == b->slope &&
                a->intercept == b->intercept && a->offset == b->offset &&
                a->header_size == b->header_size && a->image_size == b->image_size;
    for (int i = 0; i < 3; i++)
        same = same && a->geometry.dim[i] == b->geometry.dim[i] &&
               a->geometry.spacing[i] == b->geometry.spacing[i] &&
               a->geometry.axis[i] == b->geometry.axis[i] &&
               a->geometry.reversed[i] == b->geometry.reversed[i];
    return same;
}

/* ---- loading ---- */

/* IEEE 754 binary128, as two halves, to the nearest double (ties to even). */
static double from_float128(uint64_t high, uint64_t low)
{
    const bool negative = high >> 63 != 0;
    const int exponent = (int)(high >> 48 & 0x7fff);
    const uint64_t fraction = high & 0xffffffffffff;
    double value;
    if (exponent == 0x7fff) {
        value = (fraction | low) != 0 ? (double)NAN : (double)INFINITY;
    } else if (exponent == 0) {
        value = 0; /* below 2^-16382: far under the smallest double */
    } else {
        /* 62 leading bits, the rest folded into the last ("sticky"). A single rounding of them to
         * 53 or fewer bits is then right. */
        const int scale = exponent - 16383;
        uint64_t bits = (fraction | 1ULL << 48) << 13 | low >> 51;
        const int drop = scale < -1022 ? RDX_MIN(9 - 1022 - scale, 63) : 9;
        const uint64_t lost = bits & ((1ULL << drop) - 1), half = 1ULL << (drop - 1);
        const bool sticky = (low & ((1ULL << 51) - 1)) != 0;
        bits >>= drop;
        if (lost > half || (lost == half && (sticky || (bits & 1) != 0)))
            bits++;
        value = ldexp((double)bits, scale - 61 + drop);
    }
    return negative ? -value : value;
}

/* Through a small buffer: the volume itself holds doubles. */
static redux_status load_float128(double *out, rdx_packed *file, uint64_t count, bool swap)
{
    enum { PIECE = 4096 };
    uint64_t *piece = calloc(PIECE, 16);
    redux_status status = REDUX_OK;
    if (piece == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: no memory to read it", file->path);
    for (uint64_t done = 0; done < count && status == REDUX_OK; done += PIECE) {
        const uint64_t now = RDX_MIN(count - done, (uint64_t)PIECE);
        status = rdx_packed_read(file, piece, now * 16, "voxels");
        if (status != REDUX_OK)
            break;
        if (swap)
            rdx_swap_bytes(piece, now, 16);
        for (uint64_t i = 0; i < now; i++)
            out[done + i] =
                from_float128(piece[2 * i + !RDX_BIG_ENDIAN], piece[2 * i + RDX_BIG_ENDIAN]);
    }
    free(piece);
    return status;
}

static redux_status load(const redux_tensor *out, const volume_header *nifti, rdx_packed *file,
                         int64_t frame)
{
    const uint64_t bytes = frame_bytes(nifti);
    const uint64_t count = bytes / (uint64_t)nifti->voxel_bytes;
    const uint64_t start = nifti->offset + (uint64_t)frame * bytes;
    RDX_TRY(rdx_packed_seek(file, start));
    if (nifti->datatype == DT_FLOAT128) {
        RDX_TRY(load_float128(out->data, file, count, nifti->swap != 0));
    } else {
        RDX_TRY(rdx_packed_read(file, out->data, bytes, "voxels"));
        if (nifti->swap != 0)
            rdx_swap_bytes(out->data, count, (size_t)nifti->voxel_bytes);
    }
    return rdx_packed_finish(file);
}

static redux_status load_nifti(redux_tensor *out, redux_context *context, const rdx_found *found,
                               int64_t frame)
{
    volume_header now;
    rdx_packed file;
    redux_tensor tensor;
    RDX_TRY(probe_header(&now, context, found->file, found->image));
    if (!same_header(&now, found->header))
        return rdx_format_changed(found->file);
    const int64_t *dim = now.geometry.dim, shape[3] = {dim[2], dim[1], dim[0]};
    RDX_TRY(open_file(&file, found->image != NULL ? found->image : found->file));
    redux_status status = rdx_tensor_alloc(&tensor, context, now.dtype, 3, shape);
    if (status == REDUX_OK) {
        status = load(&tensor, &now, &file, frame);
        if (status == REDUX_OK)
            *out = tensor;
        else
            redux_tensor_release(&tensor);
    }
    rdx_packed_close(&file);
    return status;
}

/* ---- pairs ---- */

static bool has_suffix(const char *path, const char *suffix)
{
    const size_t length = strlen(path), end = strlen(suffix);
    return length > end && strcasecmp(path + length - end, suffix) == 0;
}

/* Whether a path is the half `suffix` of a pair, compressed or not. */
static bool is_half(const char *path, const char *suffix)
{
    char packed_suffix[16];
    snprintf(packed_suffix, sizeof packed_suffix, "%s.gz", suffix);
    return has_suffix(path, suffix) || has_suffix(path, packed_suffix);
}

/* The other half of a .hdr/.img pair: the file that exists, preferably compressed alike.
 * REDUX_E_NOT_FOUND if there is none. */
static redux_status partner(char **out, redux_context *context, const char *path)
{
    const bool is_header = is_half(path, ".hdr"), gz = has_suffix(path, ".gz");
    const size_t stem = strlen(path) - (gz ? strlen(".hdr.gz") : strlen(".hdr"));
    const bool upper = path[stem + 1] >= 'A' && path[stem + 1] <= 'Z';
    static const char *const halves[2][2] = {{".hdr", ".HDR"}, {".img", ".IMG"}};
    static const char *const endings[2][2] = {{"", ""}, {".gz", ".GZ"}};
    void *block;
    struct stat status;
    RDX_TRY(rdx_alloc(context, &block, stem + 8, 1));
    for (int i = 0; i < 4; i++) { /* first those with the same compression and case */
        const char *half = halves[is_header][upper != (i >= 2)];
        snprintf(block, stem + 8, "%.*s%s%s", (int)stem, path, half,
                 endings[gz != (i % 2 == 1)][upper != (i >= 2)]);
        if (stat(block, &status) == 0) {
            *out = block;
            return REDUX_OK;
        }
    }
    rdx_free(block);
    return rdx_fail(REDUX_E_NOT_FOUND, "%s: its other half, %.*s%s or %s.gz, is missing", path,
                    (int)stem, path, halves[is_header][upper], halves[is_header][upper]);
}

/* ---- the format ---- */

static redux_status describe(rdx_found *found, redux_context *context, const char *path)
{
    void *block;
    if (is_half(path, ".hdr"))
        RDX_TRY(partner(&found->image, context, path));
    RDX_TRY(rdx_strdup(context, &found->source, path));
    RDX_TRY(rdx_strdup(context, &found->file, path));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(volume_header)));
    volume_header *h = found->header = block;
    RDX_TRY(probe_header(h, context, path, found->image));
    found->geometry = h->geometry;
    found->frames = h->frames;
    found->dtype = h->dtype;
    found->slope = h->slope;
    found->intercept = h->intercept;
    found->bytes = h->header_size + h->image_size;
    return REDUX_OK;
}

static redux_status probe_nifti(const rdx_finds *finds, const char *path, const char *key)
{
    rdx_found found = {.format = &rdx_format_nifti};
    (void)key;
    const redux_status status = describe(&found, finds->context, path);
    if (status == REDUX_OK)
        return finds->add(&found, finds->user);
    rdx_found_clear(&found);
    return status;
}

const rdx_format rdx_format_nifti = {
    .name = "nifti",
#if defined(REDUX_ZSTD)
    .suffixes = {".nii", ".nii.gz", ".nii.zst", ".hdr", ".hdr.gz"},
#else
    .suffixes = {".nii", ".nii.gz", ".hdr", ".hdr.gz"},
#endif
    .parts = {".img", ".img.gz"},
    .unit = RDX_UNIT_VOLUME,
    .is_scan = true,
    .probe = probe_nifti,
    .load = load_nifti,
    .whole = partner,
};
