/* SPDX-License-Identifier: MIT
 * A contact sheet: a band of slices for each volume, under its name. A frame and a word mark what
 * is kept; dropped slices are as bright as kept ones, so that both can be judged. */
#include <stdio.h>
#include <string.h>
#include <redux/picture.h>
#include "picture.h"

#define TILE_SIDE 96
#define FRAME 3
#define CELL (TILE_SIDE + 2 * FRAME + 4)
#define LINE (RDX_LETTER_HEIGHT + 3)
#define BAND (CELL + 2 * LINE) /* name, slices, numbers */
#define MARGIN ((CELL - TILE_SIDE - 2 * FRAME) / 2)

/* Blue and grey differ with any colour vision, and in brightness. */
static const uint8_t kept_colour[3] = {86, 180, 233}, dropped_colour[3] = {72, 72, 78},
                     paper[3] = {24, 24, 26}, ink[3] = {225, 225, 228}, soft[3] = {160, 160, 168};

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
    const redux_status status = fit_tile(tile, context, &picture);
    redux_tensor_release(&picture);
    fill(sheet, top, left, TILE_SIDE + 2 * FRAME, TILE_SIDE + 2 * FRAME,
         row->kept ? kept_colour : dropped_colour);
    for (int64_t y = 0; y < TILE_SIDE; y++)
        for (int64_t x = 0; x < TILE_SIDE; x++) {
            const uint8_t grey = tile[y * TILE_SIDE + x], colour[3] = {grey, grey, grey};
            fill(sheet, top + FRAME + y, left + FRAME + x, 1, 1, colour);
        }
    return status;
}

static void draw_number(const redux_tensor *sheet, const redux_row *row, int64_t top, int64_t left)
{
    char text[48];
    snprintf(text, sizeof text, "%lld%s", (long long)row->slice,
             row->skipped ? " unreadable"
             : row->kept  ? " kept"
                          : "");
    rdx_draw_text(sheet, top, left, text, row->kept ? kept_colour : soft);
}

/* "19 of 51 kept  NAME": of a name that is too long, the end. */
static void draw_name(const redux_tensor *sheet, const char *source, int64_t kept, int64_t rows,
                      int64_t top)
{
    char count[64];
    const char *slash = strrchr(source, '/');
    const char *name = slash == NULL || slash[1] == '\0' ? source : slash + 1;
    snprintf(count, sizeof count, "%lld of %lld kept  ", (long long)kept, (long long)rows);
    rdx_draw_text(sheet, top, MARGIN, count, soft);
    const int64_t left = MARGIN + rdx_letters(count) * RDX_LETTER_WIDTH;
    int64_t over = rdx_letters(name) - (sheet->shape[1] - left) / RDX_LETTER_WIDTH;
    if (over <= 0) {
        rdx_draw_text(sheet, top, left, name, ink);
        return;
    }
    for (over += 2; over > 0 && *name != '\0'; over--) /* room for the dots */
        for (name++; ((unsigned char)*name & 0xc0) == 0x80;)
            name++;
    rdx_draw_text(sheet, top, left, "..", soft);
    rdx_draw_text(sheet, top, left + 2 * RDX_LETTER_WIDTH, name, ink);
}

/* One band: slices spread evenly over the volume, under its name. */
static redux_status draw_volume(const redux_tensor *sheet, redux_context *context,
                                const redux_reduction *reduction, int64_t first_row, int64_t rows,
                                int64_t columns, int64_t top)
{
    const redux_row *all = reduction->rows + first_row;
    const int64_t shown = RDX_MIN(columns, rows);
    int64_t kept = 0;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < rows; i++)
        kept += all[i].kept;
    RDX_TRY(redux_dataset_get_volume_info(&info, reduction->dataset, all->volume));
    RDX_TRY(redux_volume_open(&volume, context, reduction->dataset, all->volume));
    draw_name(sheet, info.source, kept, rows, top);
    for (int64_t c = 0; c < shown && status == REDUX_OK; c++) {
        const redux_row *row = &all[shown > 1 ? c * (rows - 1) / (shown - 1) : 0];
        const int64_t left = c * CELL + MARGIN;
        if (!row->skipped)
            status = draw_slice(sheet, context, reduction, volume, &info, row, top + LINE, left);
        draw_number(sheet, row, top + LINE + TILE_SIDE + 2 * FRAME + 1, left);
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
    const int64_t shape[3] = {most * BAND, (int64_t)columns * CELL, 3};
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
                                 bands++ * BAND + MARGIN);
    }
    if (status == REDUX_OK)
        status = redux_picture_write_png(path, context, &sheet);
    redux_tensor_release(&sheet);
    return status;
}
