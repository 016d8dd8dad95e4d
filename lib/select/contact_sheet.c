/* SPDX-License-Identifier: MIT
 * A contact sheet: kept slices bright in a green frame, dropped ones dimmed. */
#include <string.h>
#include <redux/picture.h>
#include "picture.h"

#define TILE_SIDE 96
#define FRAME 2
#define CELL (TILE_SIDE + 2 * FRAME + 4)

static const uint8_t kept_colour[3] = {64, 200, 96}, dropped_colour[3] = {56, 56, 60},
                     paper[3] = {24, 24, 26};

static void fill(const redux_tensor *sheet, int64_t top, int64_t left, int64_t height,
                 int64_t width, const uint8_t colour[3])
{
    for (int64_t y = top; y < top + height; y++) {
        uint8_t *row = (uint8_t *)sheet->data + (y * sheet->shape[1] + left) * 3;
        for (int64_t x = 0; x < width; x++)
            memcpy(row + 3 * x, colour, 3);
    }
}

/* Scales a slice into the middle of a square tile and keeps its shape. */
static redux_status fit_tile(uint8_t *tile, redux_context *context, const redux_tensor *picture)
{
    const int64_t h = picture->shape[0], w = picture->shape[1], longest = RDX_MAX(h, w);
    const int64_t height = RDX_MAX(h * TILE_SIDE / longest, 1);
    const int64_t width = RDX_MAX(w * TILE_SIDE / longest, 1);
    const int64_t shape[2] = {height, width};
    redux_tensor small;
    RDX_TRY(redux_tensor_new(&small, context, REDUX_UINT8, 2, shape));
    redux_status status = redux_image_resize(&small, context, picture, REDUX_FILTER_LANCZOS);
    for (int64_t y = 0; status == REDUX_OK && y < height; y++)
        memcpy(tile + (y + (TILE_SIDE - height) / 2) * TILE_SIDE + (TILE_SIDE - width) / 2,
               (uint8_t *)small.data + y * width, (size_t)width);
    redux_tensor_release(&small);
    return status;
}

static redux_status draw_slice(const redux_tensor *sheet, redux_context *context,
                               const redux_reduction *reduction, const redux_volume *volume,
                               const redux_volume_info *info, const redux_row *row, int64_t top,
                               int64_t left)
{
    uint8_t tile[TILE_SIDE * TILE_SIDE] = {0};
    redux_tensor picture;
    RDX_TRY(rdx_slice_picture(&picture, context, reduction, volume, info, row->slice));
    redux_status status = fit_tile(tile, context, &picture);
    redux_tensor_release(&picture);
    fill(sheet, top, left, TILE_SIDE + 2 * FRAME, TILE_SIDE + 2 * FRAME,
         row->kept ? kept_colour : dropped_colour);
    for (int64_t y = 0; y < TILE_SIDE; y++)
        for (int64_t x = 0; x < TILE_SIDE; x++) {
            const uint8_t grey = tile[y * TILE_SIDE + x];
            const uint8_t shown = row->kept ? grey : (uint8_t)(grey * 2 / 5);
            const uint8_t colour[3] = {shown, shown, shown};
            fill(sheet, top + FRAME + y, left + FRAME + x, 1, 1, colour);
        }
    return status;
}

/* One band: slices spread evenly over the volume. */
static redux_status draw_volume(const redux_tensor *sheet, redux_context *context,
                                const redux_reduction *reduction, int64_t first_row, int64_t rows,
                                int64_t columns, int64_t top)
{
    const int64_t index = reduction->rows[first_row].volume, shown = RDX_MIN(columns, rows);
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    redux_status status = REDUX_OK;
    RDX_TRY(redux_dataset_get_volume_info(&info, reduction->dataset, index));
    RDX_TRY(redux_volume_open(&volume, context, reduction->dataset, index));
    for (int64_t c = 0; c < shown && status == REDUX_OK; c++) {
        const redux_row *row =
            &reduction->rows[first_row + (shown > 1 ? c * (rows - 1) / (shown - 1) : 0)];
        if (!row->skipped)
            status = draw_slice(sheet, context, reduction, volume, &info, row, top,
                                c * CELL + (CELL - TILE_SIDE - 2 * FRAME) / 2);
    }
    redux_volume_free(volume);
    return status;
}

redux_status redux_contact_sheet(const char *path, redux_context *context,
                                 const redux_reduction *reduction, int32_t columns, int32_t volumes)
{
    int64_t bands = 0;
    redux_tensor sheet;
    if (path == NULL || reduction == NULL || columns < 1 || columns > 1000 || volumes < 1 ||
        volumes > 1000)
        return rdx_fail(REDUX_E_INVALID, "redux_contact_sheet: %d columns, %d volumes",
                        (int)columns, (int)volumes);
    const int64_t most = RDX_MIN(reduction->summary.volumes, volumes);
    const int64_t shape[3] = {most * CELL, (int64_t)columns * CELL, 3};
    RDX_TRY(redux_tensor_new(&sheet, context, REDUX_UINT8, 3, shape));
    fill(&sheet, 0, 0, shape[0], shape[1], paper);
    redux_status status = REDUX_OK;
    for (int64_t v = 0;
         status == REDUX_OK && bands < most && v < redux_dataset_volume_count(reduction->dataset);
         v++) {
        const int64_t first = rdx_dataset_first_row(reduction->dataset, v);
        const int64_t rows = rdx_dataset_first_row(reduction->dataset, v + 1) - first;
        bool readable = false;
        for (int64_t row = first; row < first + rows; row++)
            readable = readable || !reduction->rows[row].skipped;
        if (readable)
            status = draw_volume(&sheet, context, reduction, first, rows, columns,
                                 bands++ * CELL + (CELL - TILE_SIDE - 2 * FRAME) / 2);
    }
    if (status == REDUX_OK)
        status = redux_picture_write_png(path, context, &sheet);
    redux_tensor_release(&sheet);
    return status;
}
