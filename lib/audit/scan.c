/* SPDX-License-Identifier: MIT
 * A scan: each slice read once, its thumbnail and its figures kept. */
#include <math.h>
#include <string.h>
#include "audit.h"

#define LEAST_CONTENT 0.1F
#define CT_VALUE (-500.0F) /* a scan with values at or below this is CT */

/* Of one thread: the plan for slices of one size, and what hashing needs. */
typedef struct worker {
    redux_context *context;
    rdx_resizer resizer;
    rdx_hasher hasher;
} worker;

typedef struct scan_job {
    redux_scan *scan;
    bool skip_errors;
} scan_job;

static redux_status worker_init(void *state, redux_context *context, void *user)
{
    worker *w = state;
    (void)user;
    memset(w, 0, sizeof *w);
    w->context = w->hasher.context = context;
    return REDUX_OK;
}

static void worker_clear(void *state)
{
    worker *w = state;
    if (w->resizer.buffer != NULL)
        rdx_resizer_clear(&w->resizer);
    rdx_hasher_clear(&w->hasher);
}

/* FNV-1a over words of 8 bytes: fast, and no one attacks it. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0x100000001b3U;
        hash ^= hash >> 29;
    }
    for (; count > 0; count--, at++)
        hash = (hash ^ *at) * 0x100000001b3U;
    return hash ^ (hash >> 32);
}

/* Of C-contiguous pixels. */
static uint64_t hash_pixels(const redux_tensor *pixels, const redux_volume_info *info)
{
    const int64_t head[3] = {pixels->shape[0], pixels->shape[1], (int64_t)pixels->dtype};
    const double scale[2] = {info->slope, info->intercept};
    uint64_t hash = hash_bytes(0xcbf29ce484222325U, head, sizeof head);
    hash = hash_bytes(hash, scale, sizeof scale);
    return hash_bytes(hash, pixels->data,
                      (size_t)redux_tensor_elements(pixels) * redux_dtype_size(pixels->dtype));
}

static redux_status shrink(worker *w, float *out, const redux_tensor *values)
{
    rdx_resizer *resizer = &w->resizer;
    const int64_t h = values->shape[0], width = values->shape[1];
    if (!rdx_resizer_fits(resizer, REDUX_FLOAT32, h, width, RDX_THUMB, RDX_THUMB,
                          REDUX_FILTER_AREA)) {
        if (resizer->buffer != NULL)
            rdx_resizer_clear(resizer);
        RDX_TRY(rdx_resizer_init(resizer, w->context, REDUX_FLOAT32, h, width, RDX_THUMB, RDX_THUMB,
                                 REDUX_FILTER_AREA));
    }
    rdx_resizer_run(resizer, out, values->data, width);
    return REDUX_OK;
}

/* Codes are made once, for every check and every comparison. */
static redux_status code_thumb(rdx_thumb *thumb, rdx_hasher *hasher)
{
    RDX_TRY(rdx_thumb_parts(thumb->parts, hasher, thumb));
    return rdx_thumb_turns(thumb->turns, hasher, thumb);
}

static redux_status scan_values(worker *w, const rdx_visited *at, redux_scan *scan,
                                const redux_tensor *values)
{
    rdx_scanned *slice = &scan->slices[at->row];
    float small[RDX_THUMB_PIXELS], *value = values->data;
    const float slope = (float)at->info->slope, intercept = (float)at->info->intercept;
    for (int64_t i = 0; i < redux_tensor_elements(values); i++)
        value[i] = slope * value[i] + intercept;
    rdx_figures_make(&slice->figures, value, values->shape[0], values->shape[1]);
    slice->is_read = true;
    slice->height = (int32_t)values->shape[0];
    slice->width = (int32_t)values->shape[1];
    RDX_TRY(shrink(w, small, values));
    slice->has_thumb = rdx_thumb_make(&scan->thumbs[at->row], &slice->content, small);
    return slice->has_thumb ? code_thumb(&scan->thumbs[at->row], &w->hasher) : REDUX_OK;
}

static redux_status scan_slice(const rdx_visited *at, void *state, void *user)
{
    const scan_job *job = user;
    redux_tensor pixels, values;
    RDX_TRY(redux_volume_slice(&pixels, at->context, at->volume, at->slice));
    redux_status status = redux_tensor_new(&values, at->context, REDUX_FLOAT32, 2, pixels.shape);
    if (status == REDUX_OK) {
        redux_tensor whole;
        status = redux_tensor_contiguous(&whole, at->context, &pixels, pixels.dtype);
        if (status == REDUX_OK) {
            job->scan->slices[at->row].pixels = hash_pixels(&whole, at->info);
            status = redux_tensor_copy(&values, &whole);
            redux_tensor_release(&whole);
        }
        if (status == REDUX_OK)
            status = scan_values(state, at, job->scan, &values);
        redux_tensor_release(&values);
    }
    redux_tensor_release(&pixels);
    return status;
}

static redux_status scan_failed(redux_status status, const rdx_visited *at, void *user)
{
    const scan_job *job = user;
    (void)at;
    return job->skip_errors && rdx_is_input_failure(status) ? REDUX_OK : status;
}

/* ---- the whole ---- */

static void find_ct(redux_scan *scan)
{
    const redux_dataset *dataset = scan->dataset;
    for (int64_t v = 0; v < dataset->count; v++)
        for (int64_t i = rdx_dataset_first_row(dataset, v);
             i < rdx_dataset_first_row(dataset, v + 1); i++)
            scan->is_ct[v] |= dataset->volumes[v].info.is_scan != 0 && scan->slices[i].is_read &&
                              scan->slices[i].figures.low <= CT_VALUE;
}

static redux_status fill(redux_scan *scan, redux_context *context, bool skip_errors)
{
    const uint64_t count = (uint64_t)scan->count;
    scan_job job = {scan, skip_errors};
    const rdx_visit visit = {.dataset = scan->dataset,
                             .worker_bytes = sizeof(worker),
                             .worker_init = worker_init,
                             .worker_clear = worker_clear,
                             .slice = scan_slice,
                             .failed = scan_failed,
                             .user = &job};
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, count, sizeof *scan->slices));
    scan->slices = block;
    RDX_TRY(rdx_alloc_zero(context, &block, count, sizeof *scan->thumbs));
    scan->thumbs = block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)scan->dataset->count, sizeof *scan->is_ct));
    scan->is_ct = block;
    rdx_progress_begin(context, scan->count);
    const redux_status status = rdx_visit_any_order(context, &visit);
    rdx_progress_begin(context, 0);
    if (status == REDUX_OK)
        find_ct(scan);
    return status;
}

redux_status redux_scan_new(redux_scan **out, redux_context *context, const redux_dataset *dataset,
                            const redux_scan_options *options)
{
    redux_scan_options known = REDUX_SCAN_OPTIONS_INIT;
    void *block;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_scan_new: an argument is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_scan_options"));
    if (redux_dataset_slice_count(dataset) == 0)
        return rdx_fail(REDUX_E_NOT_FOUND,
                        "the input has no slices: %lld files could not be read%s%s",
                        (long long)redux_dataset_skipped_count(dataset),
                        redux_dataset_skipped_count(dataset) > 0 ? ", the first: " : "",
                        redux_dataset_skipped_count(dataset) > 0
                            ? redux_dataset_skipped_reason(dataset, 0)
                            : ", and those that were found are of formats that are not read");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_scan)));
    redux_scan *made = block;
    made->dataset = dataset;
    made->count = redux_dataset_slice_count(dataset);
    const redux_status status = fill(made, context, known.skip_errors != 0);
    if (status != REDUX_OK) {
        redux_scan_free(made);
        return status;
    }
    *out = made;
    return REDUX_OK;
}

void redux_scan_free(redux_scan *scan)
{
    if (scan == NULL)
        return;
    rdx_free(scan->slices);
    rdx_free(scan->thumbs);
    rdx_free(scan->is_ct);
    rdx_free(scan);
}

/* Flat slices, air, and outlines such as the top of a head resemble each other, whoever was
 * scanned. */
bool rdx_scan_comparable(const redux_scan *scan, int64_t slice)
{
    const rdx_scanned *s = &scan->slices[slice];
    const redux_audit_slices_options limits = REDUX_AUDIT_SLICES_OPTIONS_INIT;
    if (!s->has_thumb || s->content < LEAST_CONTENT)
        return false;
    if (scan->is_ct[rdx_dataset_volume_of(scan->dataset, slice)])
        return (double)s->figures.tissue >= limits.air;
    return s->figures.entropy > 0;
}

/* ---- descriptors ---- */

redux_status redux_scan_descriptors(redux_tensor *out, redux_context *context,
                                    const redux_scan *scan)
{
    const int64_t side[2] = {RDX_THUMB, RDX_THUMB};
    const int64_t length = REDUX_DESCRIPTOR_SIDE * REDUX_DESCRIPTOR_SIDE;
    float values[RDX_THUMB_PIXELS];
    redux_tensor picture, row, made;
    redux_status status = REDUX_OK;
    if (out == NULL || scan == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_scan_descriptors: an argument is NULL");
    const int64_t shape[2] = {scan->count, length};
    RDX_TRY(redux_tensor_borrow(&picture, values, REDUX_FLOAT32, 2, side, NULL));
    RDX_TRY(redux_tensor_new(&made, context, REDUX_FLOAT32, 2, shape));
    memset(made.data, 0, (size_t)(scan->count * length) * sizeof(float));
    for (int64_t i = 0; i < scan->count && status == REDUX_OK; i++) {
        const rdx_thumb *thumb = &scan->thumbs[i];
        if (!scan->slices[i].has_thumb)
            continue;
        for (int64_t k = 0; k < RDX_THUMB_PIXELS; k++)
            values[k] = thumb->value[thumb->rank[k]];
        status = redux_tensor_borrow(&row, (float *)made.data + i * length, REDUX_FLOAT32, 1,
                                     &length, NULL);
        if (status == REDUX_OK)
            status = redux_image_descriptor(&row, context, &picture);
        if (status == REDUX_OK)
            status = rdx_progress_poll(context);
    }
    if (status != REDUX_OK) {
        redux_tensor_release(&made);
        return status;
    }
    *out = made;
    return REDUX_OK;
}
