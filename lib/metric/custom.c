/* SPDX-License-Identifier: MIT
 * A caller's metric: items are kept as they are, and its functions get tensors. */
#include <string.h>
#include "metric.h"

#define SPAN 64 /* rows that one_to_many gets at a time */

static redux_status custom_layout(const redux_metric *metric, rdx_layout *layout)
{
    const uint64_t elements = (uint64_t)layout->height * (uint64_t)layout->width;
    const size_t size = redux_dtype_size(layout->dtype);
    if (size == 0 || elements > (SIZE_MAX / 2) / size)
        return rdx_fail(REDUX_E_INVALID, "%s: items of %lld x %lld %s", metric->custom.name,
                        (long long)layout->height, (long long)layout->width,
                        redux_dtype_name(layout->dtype));
    layout->item_bytes = ((size_t)elements * size + 63) / 64 * 64;
    layout->scratch_bytes = SPAN * sizeof(double);
    return REDUX_OK;
}

static void custom_prepare(const redux_metric *metric, const rdx_layout *layout, const void *item,
                           void *prepared, void *scratch)
{
    const size_t size =
        (size_t)layout->height * (size_t)layout->width * redux_dtype_size(layout->dtype);
    (void)metric;
    (void)scratch;
    memset((char *)prepared + size, 0, layout->item_bytes - size);
    memcpy(prepared, item, size);
}

/* `rows` items as a tensor with a first axis, one item (rows = 0) without. Borrowed. */
static redux_tensor as_tensor(const redux_metric *metric, const rdx_layout *layout,
                              const void *prepared, int64_t rows)
{
    redux_tensor tensor = REDUX_TENSOR_INIT;
    int32_t axis = 0;
    tensor.dtype = layout->dtype;
    tensor.data = (void *)(uintptr_t)prepared; /* callers are documented not to write */
    if (rows > 0) {
        tensor.shape[axis] = rows;
        tensor.strides[axis++] = (int64_t)(layout->item_bytes / redux_dtype_size(layout->dtype));
    }
    if (metric->custom.item_axes == 2) {
        tensor.shape[axis] = layout->height;
        tensor.strides[axis++] = layout->width;
    }
    tensor.shape[axis] = layout->width;
    tensor.strides[axis++] = 1;
    tensor.ndim = axis;
    return tensor;
}

static double custom_score(const redux_metric *metric, const rdx_layout *layout, const void *a,
                           const void *b, void *scratch)
{
    const redux_tensor first = as_tensor(metric, layout, a, 0);
    const redux_tensor second = as_tensor(metric, layout, b, 0);
    (void)scratch;
    return metric->custom.pair(&first, &second, metric->custom.user);
}

/* Scores whole spans, and takes the first redundant row of one. */
static void custom_first_redundant(const redux_metric *metric, const rdx_layout *layout,
                                   const void *kept, int64_t kept_count, const void *candidates,
                                   int64_t count, double threshold, int64_t *first, double *scores,
                                   void *scratch)
{
    const redux_custom_metric *custom = &metric->custom;
    const size_t size = layout->item_bytes;
    double *span = scratch;
    for (int64_t c = 0; c < count; c++) {
        const redux_tensor one =
            as_tensor(metric, layout, (const char *)candidates + (size_t)c * size, 0);
        first[c] = -1;
        for (int64_t at = 0; at < kept_count && first[c] < 0; at += SPAN) {
            const int64_t rows = RDX_MIN(SPAN, kept_count - at);
            const redux_tensor many =
                as_tensor(metric, layout, (const char *)kept + (size_t)at * size, rows);
            custom->one_to_many(span, &one, &many, custom->user);
            for (int64_t i = 0; i < rows && first[c] < 0; i++)
                if (rdx_is_redundant(metric, span[i], threshold)) {
                    first[c] = at + i;
                    scores[c] = span[i];
                }
        }
    }
}

redux_status redux_metric_new_custom(redux_metric **out, redux_context *context,
                                     const redux_custom_metric *definition)
{
    redux_custom_metric known = REDUX_CUSTOM_METRIC_INIT;
    RDX_TRY(rdx_read_options(&known, sizeof known, definition, "redux_custom_metric"));
    if (known.pair == NULL || known.name == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_custom_metric: name or pair is NULL");
    if (known.item_axes != 1 && known.item_axes != 2)
        return rdx_fail(REDUX_E_INVALID, "redux_custom_metric: item_axes is %d, not 1 or 2",
                        (int)known.item_axes);
    const rdx_metric_ops ops = {
        .name = known.name,
        .is_distance = known.is_distance != 0,
        .item_axes = known.item_axes,
        .layout = custom_layout,
        .prepare = custom_prepare,
        .score = custom_score,
        .first_redundant = known.one_to_many == NULL ? NULL : custom_first_redundant,
        .tile = 1,
    };
    RDX_TRY(rdx_metric_make(out, context, &ops));
    (*out)->own_ops = ops;
    (*out)->ops = &(*out)->own_ops;
    (*out)->custom = known;
    return REDUX_OK;
}
