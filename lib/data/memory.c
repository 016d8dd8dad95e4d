/* SPDX-License-Identifier: MIT
 * Datasets of what a program has: voxels in its memory, or functions that give them. They are
 * formats like those of files, which no path leads to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "data.h"

/* rdx_found.header of these formats. */
typedef struct origin {
    redux_volume_source given; /* without what belongs to the caller: source, voxels, fingerprint */
    redux_tensor voxels;       /* a reference; no data: a function gives them */
    uint32_t fingerprint;
    bool has_fingerprint;
    int64_t number; /* of the volume */
    int64_t shape[4];
    int32_t ndim;
} origin;

static void clear_origin(rdx_found *found)
{
    if (found->header != NULL)
        redux_tensor_release(&((origin *)found->header)->voxels);
}

/* ---- voxels ---- */

static redux_status load_voxels(redux_tensor *out, redux_context *context, const rdx_found *found,
                                int64_t frame)
{
    (void)context;
    (void)frame;
    return redux_tensor_view(out, &((const origin *)found->header)->voxels);
}

/* What a function gave, if it is what was promised; else it is released. */
static redux_status take(redux_tensor *out, redux_tensor *given, redux_status status,
                         const rdx_found *found, int skip)
{
    const origin *o = found->header;
    char promised[160], text[160];
    const int32_t ndim = o->ndim - skip;
    if (status != REDUX_OK)
        return rdx_fail(status, "%s: the program's function could not give it: %s", found->source,
                        redux_status_string(status));
    if (rdx_tensor_check(given, ndim, found->dtype, "voxels") == REDUX_OK &&
        memcmp(given->shape, o->shape + skip, (size_t)ndim * sizeof *o->shape) == 0) {
        *out = *given;
        return REDUX_OK;
    }
    rdx_shape_text(promised, sizeof promised, ndim, o->shape + skip);
    rdx_shape_text(text, sizeof text, RDX_MAX(RDX_MIN(given->ndim, REDUX_MAX_DIMS), 0),
                   given->shape);
    status = rdx_fail(REDUX_E_FORMAT, "%s: the program's function gave (%s), %s, not (%s), %s",
                      found->source, text, redux_dtype_name(given->dtype), promised,
                      redux_dtype_name(found->dtype));
    redux_tensor_release(given);
    return status;
}

static redux_status load_by_function(redux_tensor *out, redux_context *context,
                                     const rdx_found *found, int64_t frame)
{
    const origin *o = found->header;
    redux_tensor given = REDUX_TENSOR_INIT;
    (void)frame;
    const redux_status status = o->given.load(&given, context, o->number, o->given.user);
    return take(out, &given, status, found, 0);
}

static redux_status slice_by_function(redux_tensor *out, redux_context *context,
                                      const rdx_found *found, int64_t index)
{
    const origin *o = found->header;
    redux_tensor given = REDUX_TENSOR_INIT;
    const redux_status status =
        o->given.load_slice(&given, context, o->number, index, o->given.user);
    return take(out, &given, status, found, 1);
}

/* ---- checksums ---- */

static redux_status add_bytes(const void *bytes, size_t size, void *user)
{
    uint32_t *crc = user;
    *crc = (uint32_t)crc32_z(*crc, bytes, size);
    return REDUX_OK;
}

/* Elements in C order, so that strides and byte order make no difference. */
static redux_status voxel_checksum(uint32_t *out, redux_context *context, const rdx_found *found)
{
    *out = 0;
    return rdx_npy_elements(context, &((const origin *)found->header)->voxels, add_bytes, out);
}

static redux_status given_checksum(uint32_t *out, redux_context *context, const rdx_found *found)
{
    const origin *o = found->header;
    (void)context;
    if (!o->has_fingerprint)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: has no checksum: a function gives its voxels, and "
                        "redux_volume_source.fingerprint was not set",
                        found->source);
    *out = o->fingerprint;
    return REDUX_OK;
}

bool rdx_dataset_has_checksum(const redux_dataset *dataset, int64_t volume)
{
    const rdx_found *found = &dataset->volumes[volume].found;
    return found->format->checksum != given_checksum ||
           ((const origin *)found->header)->has_fingerprint;
}

/* ---- the formats ---- */

static const rdx_format in_memory = {
    .name = "memory",
    .unit = RDX_UNIT_VOLUME,
    .on_demand = true, /* nothing is read */
    .load = load_voxels,
    .checksum = voxel_checksum,
    .clear = clear_origin,
};
static const rdx_format by_volume = {
    .name = "function",
    .unit = RDX_UNIT_VOLUME,
    .load = load_by_function,
    .checksum = given_checksum,
    .clear = clear_origin,
};
static const rdx_format by_slice = {
    .name = "function",
    .unit = RDX_UNIT_VOLUME,
    .on_demand = true,
    .read = slice_by_function,
    .checksum = given_checksum,
    .clear = clear_origin,
};

/* ---- making a dataset ---- */

static redux_status check_source(const redux_volume_source *s, int64_t number)
{
    const int ways = (s->voxels != NULL) + (s->load != NULL) + (s->load_slice != NULL);
    if (s->source == NULL || s->source[0] == '\0')
        return rdx_fail(REDUX_E_INVALID, "volume %lld of the dataset has no name: set source",
                        (long long)number);
    if (ways != 1)
        return rdx_fail(REDUX_E_INVALID, "%s: set one of voxels, load and load_slice; %d are set",
                        s->source, ways);
    if (!isfinite(s->slope) || !isfinite(s->intercept) || s->slope == 0)
        return rdx_fail(REDUX_E_INVALID, "%s: slope is %g, intercept %g", s->source, s->slope,
                        s->intercept);
    for (int i = 0; i < 3; i++)
        if (!(s->spacing[i] >= 0) || !isfinite(s->spacing[i]))
            return rdx_fail(REDUX_E_INVALID, "%s: spacing %d is %g", s->source, i, s->spacing[i]);
    return REDUX_OK;
}

/* (N, H, W) or (N, H, W, 3 or 4), of a tensor or as promised. */
static redux_status read_shape(origin *o, redux_dtype *dtype, const redux_volume_source *s)
{
    const redux_tensor *voxels = s->voxels;
    if (voxels != NULL) {
        RDX_TRY(rdx_tensor_check(voxels, -1, 0, "voxels"));
        o->ndim = voxels->ndim;
        *dtype = voxels->dtype;
        memcpy(o->shape, voxels->shape, sizeof o->shape);
        return REDUX_OK;
    }
    const int64_t shape[] = {s->slices, s->height, s->width, s->colours};
    o->ndim = s->colours == 0 ? 3 : 4;
    *dtype = s->dtype;
    memcpy(o->shape, shape, sizeof shape);
    return REDUX_OK;
}

static redux_status check_shape(uint64_t *bytes, const origin *o, redux_dtype dtype,
                                const char *source)
{
    rdx_npy like = {.dtype = dtype, .ndim = o->ndim};
    char text[160];
    bool is_valid = redux_dtype_size(dtype) > 0 && o->ndim >= 3 && o->ndim <= 4;
    *bytes = redux_dtype_size(dtype);
    for (int32_t i = 0; i < o->ndim && is_valid; i++)
        is_valid = (like.shape[i] = o->shape[i]) > 0 &&
                   !__builtin_mul_overflow(*bytes, (uint64_t)o->shape[i], bytes) &&
                   *bytes <= (uint64_t)PTRDIFF_MAX / 16;
    if (is_valid && rdx_npy_is_stack(&like))
        return REDUX_OK;
    rdx_shape_text(text, sizeof text, RDX_MIN(o->ndim, 4), o->shape);
    return rdx_fail(REDUX_E_INVALID,
                    "%s: its shape is (%s), %s: neither (N, H, W) nor (N, H, W, 3 or 4)", source,
                    text, redux_dtype_name(dtype));
}

static redux_status describe(rdx_source *source, redux_context *context,
                             const redux_volume_source *s, int64_t number)
{
    rdx_found *found = &source->found;
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(origin)));
    origin *o = found->header = block;
    o->given = *s;
    o->number = number;
    o->has_fingerprint = s->fingerprint != NULL;
    o->fingerprint = o->has_fingerprint ? *s->fingerprint : 0;
    RDX_TRY(read_shape(o, &found->dtype, s));
    RDX_TRY(check_shape(&found->bytes, o, found->dtype, s->source));
    if (s->voxels != NULL)
        RDX_TRY(redux_tensor_view(&o->voxels, s->voxels));
    RDX_TRY(rdx_strdup(context, &found->source, s->source));
    found->geometry = rdx_geometry_plain(o->shape[0], o->shape[1], o->shape[2]);
    for (int i = 0; i < 3; i++)
        found->geometry.spacing[i] = s->spacing[2 - i];
    found->slope = s->slope;
    found->intercept = s->intercept;
    rdx_found_describe(&source->info, found, REDUX_ORIENTATION_AXIAL);
    source->info.is_scan = s->is_scan != 0;
    return REDUX_OK;
}

static redux_status add_source(redux_dataset *dataset, redux_context *context,
                               const redux_volume_source *given)
{
    const redux_volume_source defaults = REDUX_VOLUME_SOURCE_INIT;
    redux_volume_source known = defaults;
    RDX_TRY(rdx_read_options(&known, sizeof known, given, "redux_volume_source"));
    RDX_TRY(check_source(&known, dataset->count));
    rdx_source source = {.found.format = known.voxels != NULL ? &in_memory
                                         : known.load != NULL ? &by_volume
                                                              : &by_slice};
    redux_status status = describe(&source, context, &known, dataset->count);
    if (status == REDUX_OK)
        status = rdx_dataset_add(dataset, context, &source);
    if (status != REDUX_OK)
        rdx_found_clear(&source.found);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Results name a slice by source and number, so two volumes of one name would be ambiguous. */
static redux_status check_names(const redux_dataset *dataset, redux_context *context)
{
    void *block;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)dataset->count, sizeof(char *)));
    const char **names = block;
    for (int64_t i = 0; i < dataset->count; i++)
        names[i] = dataset->volumes[i].info.source;
    qsort(names, (size_t)dataset->count, sizeof *names, compare_names);
    for (int64_t i = 1; i < dataset->count && status == REDUX_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = rdx_fail(REDUX_E_INVALID, "two volumes of the dataset are named %s", names[i]);
    rdx_free(names);
    return status;
}

static redux_status add_sources(redux_dataset *dataset, redux_context *context,
                                const redux_volume_source *const *volumes, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (volumes[i] == NULL)
            return rdx_fail(REDUX_E_INVALID, "volume %lld of the dataset is NULL", (long long)i);
        RDX_TRY(add_source(dataset, context, volumes[i]));
    }
    rdx_dataset_number(dataset);
    return check_names(dataset, context);
}

redux_status redux_dataset_new(redux_dataset **out, redux_context *context,
                               const redux_volume_source *const *volumes, int64_t count)
{
    const redux_dataset_options defaults = REDUX_DATASET_OPTIONS_INIT;
    void *block;
    if (out == NULL || volumes == NULL || count < 1)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_new: it needs at least one volume, and "
                                         "somewhere to put the dataset");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_dataset)));
    redux_dataset *dataset = block;
    dataset->options = defaults;
    const redux_status status = add_sources(dataset, context, volumes, count);
    if (status != REDUX_OK) {
        redux_dataset_free(dataset);
        return status;
    }
    *out = dataset;
    return REDUX_OK;
}
