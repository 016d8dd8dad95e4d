/* SPDX-License-Identifier: MIT
 * Reads slices from their files into the loader's memory. */
#include "io/io.h"
#include "loader_parts.h"

void rdx_slice_release(rdx_slice *slice)
{
    redux_tensor_release(&slice->pixels);
}

/* A picture owns its memory. A view of a volume would keep all of the volume alive, so it is
 * copied. */
static redux_status own_pixels(redux_tensor *pixels, redux_context *context, bool is_picture)
{
    redux_tensor copy;
    if (is_picture)
        return REDUX_OK;
    RDX_TRY(rdx_tensor_alloc(&copy, context, pixels->dtype, 2, pixels->shape));
    const redux_status status = redux_tensor_copy(&copy, pixels);
    redux_tensor_release(pixels);
    *pixels = copy;
    return status;
}

static redux_status read_item(rdx_slice *out, redux_context *context, rdx_catalogue *catalogue,
                              const redux_volume *volume, const redux_volume_info *info,
                              const rdx_kept_slice *item)
{
    redux_tensor pixels;
    RDX_TRY(redux_volume_slice(&pixels, context, volume, item->slice));
    redux_status status = own_pixels(&pixels, context, info->file_per_slice != 0);
    if (status == REDUX_OK)
        status = rdx_slice_of(out, &pixels, info->slope, info->intercept, info->is_scan);
    if (status != REDUX_OK) {
        redux_tensor_release(&pixels);
        return status;
    }
    out->pixels = pixels;
    if (rdx_slice_is_blank(out))
        __atomic_fetch_add(&catalogue->blank, 1, __ATOMIC_RELAXED);
    return REDUX_OK;
}

redux_status rdx_portion_read(rdx_slice *slices, const int64_t *at, int64_t start,
                              redux_context *context, rdx_catalogue *catalogue,
                              const rdx_portion *portion, bool drop)
{
    rdx_kept_slice *items = catalogue->items + portion->first;
    redux_volume *volume = NULL;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    int64_t needed = 0;
    for (int64_t i = 0; i < portion->count; i++)
        needed += items[i].needed;
    if (needed == 0)
        return REDUX_OK;
    RDX_TRY(redux_dataset_get_volume_info(&info, catalogue->dataset, items->volume));
    redux_status status = redux_volume_open(&volume, context, catalogue->dataset, items->volume);
    if (drop && rdx_is_input_failure(status)) {
        for (int64_t i = 0; i < portion->count; i++)
            items[i].dropped = true;
        return REDUX_OK;
    }
    for (int64_t i = 0; i < portion->count && status == REDUX_OK; i++) {
        rdx_slice *slice = &slices[at == NULL ? i : at[i] - start];
        if (!items[i].needed)
            continue;
        status = read_item(slice, context, catalogue, volume, &info, &items[i]);
        if (drop && rdx_is_input_failure(status)) {
            items[i].dropped = true;
            status = REDUX_OK;
        }
    }
    redux_volume_free(volume);
    return status;
}
