/* SPDX-License-Identifier: MIT
 * An opened volume: its voxels, and views of its slices. */
#include <string.h>
#include <redux/array.h>
#include <redux/picture.h>
#include <redux/window.h>
#include "data.h"
#include "io/format_dicom.h"

struct redux_volume {
    const redux_dataset *dataset;
    const rdx_source *source;
    /* [slices, H, W] or [N, H, W, 3|4], by redux_orientation; nothing where slices are read
     * one by one. */
    redux_tensor view[2];
};

/* ---- opening ---- */

static redux_status load(redux_volume *volume, redux_context *context)
{
    const rdx_found *found = &volume->source->found;
    const int64_t frame = RDX_MAX(volume->dataset->options.frame, 0);
    redux_tensor *stored = &volume->view[REDUX_ORIENTATION_STORED];
    RDX_TRY(found->format->load(stored, context, found, frame));
    return rdx_axial_view(&volume->view[REDUX_ORIENTATION_AXIAL], stored, &found->geometry);
}

redux_status redux_volume_open(redux_volume **out, redux_context *context,
                               const redux_dataset *dataset, int64_t volume)
{
    redux_status status = REDUX_OK;
    void *block;
    if (out == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_volume_open: an argument is NULL");
    if (volume < 0 || volume >= dataset->count)
        return rdx_fail(REDUX_E_INVALID, "there is no volume %lld: the dataset has %lld",
                        (long long)volume, (long long)dataset->count);
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_volume)));
    redux_volume *opened = block;
    opened->dataset = dataset;
    opened->source = &dataset->volumes[volume];
    if (!opened->source->info.file_per_slice && opened->source->found.format->read == NULL)
        status = load(opened, context);
    if (status != REDUX_OK) {
        redux_volume_free(opened);
        return status;
    }
    *out = opened;
    return REDUX_OK;
}

void redux_volume_free(redux_volume *volume)
{
    if (volume == NULL)
        return;
    redux_tensor_release(&volume->view[0]);
    redux_tensor_release(&volume->view[1]);
    rdx_free(volume);
}

/* ---- slices ---- */

/* A colour slice [H, W, 3|4] as luma. Half floats have been widened before. */
static redux_status to_luma(redux_tensor *slice, redux_context *context)
{
    redux_tensor grey;
    redux_status status = rdx_tensor_alloc(&grey, context, slice->dtype, 2, slice->shape);
    if (status != REDUX_OK)
        return status;
    status = redux_image_luma(&grey, context, slice);
    if (status != REDUX_OK) {
        redux_tensor_release(&grey);
        return status;
    }
    redux_tensor_release(slice);
    *slice = grey;
    return REDUX_OK;
}

static redux_status to_float32(redux_tensor *slice, redux_context *context)
{
    redux_tensor wide;
    RDX_TRY(redux_tensor_contiguous(&wide, context, slice, REDUX_FLOAT32));
    redux_tensor_release(slice);
    *slice = wide;
    return REDUX_OK;
}

/* A slice with its own file: a DICOM object, whose values are measured, or a picture. */
static redux_status read_file(redux_tensor *out, redux_context *context, const redux_volume *volume,
                              int64_t index, redux_orientation orientation, bool colour)
{
    const char *path = volume->dataset->files[volume->source->first_file + index];
    if (volume->source->info.is_scan)
        return rdx_dicom_read(out, context, path, &volume->source->info,
                              orientation == REDUX_ORIENTATION_STORED);
    return (colour ? redux_picture_read_alpha : redux_picture_read)(out, context, path);
}

static redux_status take_slice(redux_tensor *out, redux_context *context,
                               const redux_volume *volume, int64_t index,
                               redux_orientation orientation, bool colour)
{
    redux_tensor slice;
    if (out == NULL || volume == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_volume_slice: an argument is NULL");
    const redux_volume_info *info = &volume->source->info;
    if (orientation != REDUX_ORIENTATION_AXIAL && orientation != REDUX_ORIENTATION_STORED)
        return rdx_fail(REDUX_E_INVALID, "unknown orientation %d", (int)orientation);
    if (index < 0 || index >= info->slices)
        return rdx_fail(REDUX_E_INVALID, "%s: there is no slice %lld: it has %lld", info->source,
                        (long long)index, (long long)info->slices);
    if (info->file_per_slice)
        return read_file(out, context, volume, index, orientation, colour);
    if (info->same_slices == 0)
        orientation = volume->dataset->options.orientation;
    const rdx_found *found = &volume->source->found;
    if (found->format->read != NULL)
        RDX_TRY(found->format->read(&slice, context, found, index));
    else
        RDX_TRY(redux_tensor_select(&slice, &volume->view[orientation], 0, index));
    redux_status status = REDUX_OK;
    if (slice.dtype == REDUX_FLOAT16 || slice.dtype == REDUX_BFLOAT16)
        status = to_float32(&slice, context);
    if (status == REDUX_OK && slice.ndim == 3 && !colour)
        status = to_luma(&slice, context);
    if (status != REDUX_OK) {
        redux_tensor_release(&slice);
        return status;
    }
    *out = slice;
    return REDUX_OK;
}

redux_status redux_volume_slice_oriented(redux_tensor *out, redux_context *context,
                                         const redux_volume *volume, int64_t index,
                                         redux_orientation orientation)
{
    return take_slice(out, context, volume, index, orientation, false);
}

static redux_orientation own_orientation(const redux_volume *volume)
{
    return volume == NULL ? REDUX_ORIENTATION_AXIAL : volume->dataset->options.orientation;
}

redux_status redux_volume_slice(redux_tensor *out, redux_context *context,
                                const redux_volume *volume, int64_t index)
{
    return take_slice(out, context, volume, index, own_orientation(volume), false);
}

redux_status redux_volume_slice_colour(redux_tensor *out, redux_context *context,
                                       const redux_volume *volume, int64_t index)
{
    return take_slice(out, context, volume, index, own_orientation(volume), true);
}

static redux_status new_windowed(redux_tensor *out, redux_context *context,
                                 const redux_volume_info *info, const redux_tensor *pixels,
                                 redux_window window)
{
    redux_tensor image;
    window = redux_window_resolve(window, pixels->dtype, info->is_scan);
    RDX_TRY(rdx_tensor_alloc(&image, context, redux_window_dtype(window), 2, pixels->shape));
    const redux_status status =
        redux_window_apply(&image, context, pixels, info->slope, info->intercept, window);
    if (status != REDUX_OK) {
        redux_tensor_release(&image);
        return status;
    }
    *out = image;
    return REDUX_OK;
}

redux_status redux_volume_slice_windowed(redux_tensor *out, redux_context *context,
                                         const redux_volume *volume, int64_t index,
                                         redux_window window)
{
    redux_tensor pixels;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_volume_slice_windowed: out is NULL");
    RDX_TRY(redux_volume_slice(&pixels, context, volume, index));
    const redux_status status = new_windowed(out, context, &volume->source->info, &pixels, window);
    redux_tensor_release(&pixels);
    return status;
}

redux_status redux_dataset_read_slice(redux_tensor *out, redux_context *context,
                                      const redux_dataset *dataset, int64_t volume, int64_t slice,
                                      redux_window window)
{
    redux_volume *opened;
    RDX_TRY(redux_volume_open(&opened, context, dataset, volume));
    const redux_status status = redux_volume_slice_windowed(out, context, opened, slice, window);
    redux_volume_free(opened);
    return status;
}
