/* SPDX-License-Identifier: MIT
 * Resamples a volume to a few cells, slice by slice. Each slice is windowed, resized in its plane,
 * weighted along z and added to the layers of cells that it reaches. A run of slices, one a
 * thread, is resized at a time; then they are added in order, in double, so that the sums do not
 * depend on the threads. */
#include <math.h>
#include <string.h>
#include "volume_hash.h"

/* The weights along z: layer i is the sum over weight[i * taps + k] * slice[first[i] + k]. */
typedef struct depth_pass {
    int64_t taps;
    int64_t *first, *count;
    double *weight;
} depth_pass;

/* Working memory for one of the slices in a run. */
typedef struct bench {
    rdx_resizer resizers[RDX_VOLUME_GRIDS];
    float *planes[RDX_VOLUME_GRIDS];
    float *slice; /* windowed */
} bench;

typedef struct filling {
    redux_context *context;
    rdx_volume_grid *grids;
    int32_t count;
    const rdx_volume_source *source;
    depth_pass depth[RDX_VOLUME_GRIDS];
    bench *benches;
    int64_t bench_count;
    int64_t start; /* the slice on the first bench */
} filling;

/* ---- along z ---- */

/* The weight of slice k in layer i, not yet normalised: the same filters as within a slice
 * (lib/image/README.md). */
static double weight_of(const rdx_volume_grid *grid, int64_t slices, int64_t i, int64_t k)
{
    const double scale = (double)slices / (double)grid->side[0];
    if (grid->filter == REDUX_FILTER_AREA)
        return fmax(0, fmin((double)(i + 1) * scale, (double)(k + 1)) -
                           fmax((double)i * scale, (double)k));
    const double centre = ((double)i + 0.5) * scale;
    return fmax(0, 1 - fabs((double)k + 0.5 - centre) / fmax(scale, 1));
}

static redux_status depth_init(depth_pass *pass, redux_context *context,
                               const rdx_volume_grid *grid, int64_t slices)
{
    const double scale = (double)slices / (double)grid->side[0];
    const int64_t taps = RDX_MIN((int64_t)ceil(2 * fmax(scale, 1)) + 2, slices);
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)(grid->side[0] * taps), sizeof(double)));
    pass->weight = block;
    RDX_TRY(rdx_alloc_zero(context, &block, 2 * (uint64_t)grid->side[0], sizeof(int64_t)));
    pass->first = block;
    pass->count = pass->first + grid->side[0];
    pass->taps = taps;
    for (int64_t i = 0; i < grid->side[0]; i++) {
        const double reach = (double)i * scale - fmax(scale, 1);
        int64_t first = (int64_t)RDX_MAX(reach, 0), count = 0;
        double sum = 0;
        while (first + 1 < slices && weight_of(grid, slices, i, first) == 0)
            first++;
        for (; count < taps && first + count < slices; count++) {
            const double weight = weight_of(grid, slices, i, first + count);
            if (weight == 0 && count > 0)
                break;
            pass->weight[i * taps + count] = weight;
            sum += weight;
        }
        for (int64_t k = 0; k < count; k++)
            pass->weight[i * taps + k] /= sum;
        pass->first[i] = first;
        pass->count[i] = count;
    }
    return REDUX_OK;
}

/* Adds one resized slice to the layers that it reaches. */
static void add_slice(const rdx_volume_grid *grid, const depth_pass *pass, int64_t slice,
                      const float *plane)
{
    const int64_t cells = grid->side[1] * grid->side[2];
    for (int64_t i = 0; i < grid->side[0]; i++) {
        const int64_t tap = slice - pass->first[i];
        if (tap < 0 || tap >= pass->count[i])
            continue;
        const double weight = pass->weight[i * pass->taps + tap];
        double *layer = grid->cells + i * cells;
        for (int64_t c = 0; c < cells; c++)
            layer[c] += weight * (double)plane[c];
    }
}

/* ---- within a slice ---- */

static redux_status bench_init(bench *b, const filling *f)
{
    void *block;
    RDX_TRY(rdx_alloc(f->context, &block, (uint64_t)(f->source->height * f->source->width),
                      sizeof(float)));
    b->slice = block;
    for (int32_t g = 0; g < f->count; g++) {
        const int64_t *side = f->grids[g].side;
        RDX_TRY(rdx_alloc(f->context, &block, (uint64_t)(side[1] * side[2]), sizeof(float)));
        b->planes[g] = block;
        RDX_TRY(rdx_resizer_init(&b->resizers[g], f->context, REDUX_FLOAT32, f->source->height,
                                 f->source->width, side[1], side[2], f->grids[g].filter));
    }
    return REDUX_OK;
}

static void bench_clear(bench *b)
{
    rdx_free(b->slice);
    for (int32_t g = 0; g < RDX_VOLUME_GRIDS; g++) {
        rdx_free(b->planes[g]);
        if (b->resizers[g].buffer != NULL)
            rdx_resizer_clear(&b->resizers[g]);
    }
}

/* Copies values. Those that are not finite become 0. */
static void take_values(float *out, const redux_tensor *in, double slope, double intercept)
{
    const char *data = in->data;
    const int64_t size = (int64_t)redux_dtype_size(in->dtype);
    for (int64_t y = 0; y < in->shape[0]; y++)
        for (int64_t x = 0; x < in->shape[1]; x++) {
            const double stored =
                rdx_load(data + (y * in->strides[0] + x * in->strides[1]) * size, 0, in->dtype);
            const double value = slope * stored + intercept;
            /* no scan has floats so large that their sums are not finite */
            out[y * in->shape[1] + x] = fabs(value) <= 1e30 ? (float)value : 0;
        }
}

static redux_status window_slice(float *out, const filling *f, const redux_tensor *in)
{
    const rdx_volume_source *source = f->source;
    redux_tensor windowed;
    if (source->window.kind == REDUX_WINDOW_FULL) {
        take_values(out, in, source->slope, source->intercept);
        return REDUX_OK;
    }
    RDX_TRY(redux_tensor_borrow(&windowed, out, REDUX_FLOAT32, 2, in->shape, NULL));
    return redux_window_apply(&windowed, f->context, in, source->slope, source->intercept,
                              source->window);
}

static redux_status resize_task(int64_t index, void *user)
{
    const filling *f = user;
    const rdx_volume_source *source = f->source;
    bench *b = &f->benches[index];
    redux_tensor slice;
    RDX_TRY(source->slice(&slice, f->start + index, source->user));
    redux_status status = REDUX_OK;
    if (slice.shape[0] != source->height || slice.shape[1] != source->width)
        status = rdx_fail(
            REDUX_E_INVALID, "volume hash: slice %lld is %lld x %lld, the first one %lld x %lld",
            (long long)(f->start + index), (long long)slice.shape[0], (long long)slice.shape[1],
            (long long)source->height, (long long)source->width);
    if (status == REDUX_OK)
        status = window_slice(b->slice, f, &slice);
    redux_tensor_release(&slice);
    for (int32_t g = 0; g < f->count && status == REDUX_OK; g++)
        rdx_resizer_run(&b->resizers[g], b->planes[g], b->slice, source->width);
    return status == REDUX_OK ? rdx_progress_add(f->context, 1) : status;
}

/* ---- all slices ---- */

static redux_status fill(filling *f)
{
    const int64_t slices = f->source->slices;
    void *block;
    for (int32_t g = 0; g < f->count; g++) {
        RDX_TRY(depth_init(&f->depth[g], f->context, &f->grids[g], slices));
        const int64_t *side = f->grids[g].side;
        memset(f->grids[g].cells, 0, (size_t)(side[0] * side[1] * side[2]) * sizeof(double));
    }
    RDX_TRY(rdx_alloc_zero(f->context, &block, (uint64_t)f->bench_count, sizeof(bench)));
    f->benches = block;
    for (int64_t i = 0; i < f->bench_count; i++)
        RDX_TRY(bench_init(&f->benches[i], f));
    for (f->start = 0; f->start < slices; f->start += f->bench_count) {
        const int64_t now = RDX_MIN(f->bench_count, slices - f->start);
        RDX_TRY(rdx_parallel(f->context, now, resize_task, f));
        for (int64_t i = 0; i < now; i++)
            for (int32_t g = 0; g < f->count; g++)
                add_slice(&f->grids[g], &f->depth[g], f->start + i, f->benches[i].planes[g]);
    }
    return REDUX_OK;
}

redux_status rdx_volume_grids_fill(redux_context *context, rdx_volume_grid *grids, int32_t count,
                                   const rdx_volume_source *source)
{
    filling f = {.context = context, .grids = grids, .count = count, .source = source};
    f.bench_count = RDX_MIN(redux_context_threads(context), source->slices);
    rdx_progress_begin(context, source->slices);
    const redux_status status = fill(&f);
    rdx_progress_begin(context, 0);
    for (int64_t i = 0; f.benches != NULL && i < f.bench_count; i++)
        bench_clear(&f.benches[i]);
    rdx_free(f.benches);
    for (int32_t g = 0; g < count; g++) {
        rdx_free(f.depth[g].weight);
        rdx_free(f.depth[g].first);
    }
    return status;
}
