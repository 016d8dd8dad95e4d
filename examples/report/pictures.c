/* SPDX-License-Identifier: MIT
 * Pictures: what the page shows is asked for first, then the volumes are read one after the other;
 * only small grey pictures of them stay in memory. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "report.h"
#include "matrix.h"

int64_t report_picture_want(report_pictures *pictures, int64_t volume, const char *source,
                            int64_t slice, int32_t side)
{
    for (int64_t i = 0; i < pictures->count; i++)
        if (pictures->list[i].volume == volume && pictures->list[i].slice == slice &&
            pictures->list[i].side == side && strcmp(pictures->list[i].source, source) == 0)
            return i;
    if (pictures->count == pictures->capacity) {
        const int64_t capacity = 2 * pictures->capacity + 64;
        report_picture *grown = realloc(pictures->list, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return -1;
        pictures->list = grown;
        pictures->capacity = capacity;
    }
    pictures->list[pictures->count] =
        (report_picture){volume, slice, source, side, REDUX_TENSOR_INIT};
    return pictures->count++;
}

const report_picture *report_picture_of(const report_pictures *pictures, int64_t volume,
                                        const char *source, int64_t slice, int32_t side)
{
    for (int64_t i = 0; i < pictures->count; i++) {
        const report_picture *picture = &pictures->list[i];
        if (picture->volume == volume && picture->slice == slice && picture->side == side &&
            strcmp(picture->source, source) == 0 && picture->grey.data != NULL)
            return picture;
    }
    return NULL;
}

void report_pictures_free(report_pictures *pictures)
{
    for (int64_t i = 0; i < pictures->count; i++)
        redux_tensor_release(&pictures->list[i].grey);
    for (int64_t i = 0; i < pictures->matrix_count; i++) {
        free(pictures->matrices[i].rows);
        free(pictures->matrices[i].scores);
        free(pictures->matrices[i].note);
    }
    free(pictures->list);
    free(pictures->matrices);
}

/* ---- where sources lie ---- */

/* Of FILE:KEY the file alone is looked for. */
static bool is_there(const char *path)
{
    char file[4200];
    size_t length;
    redux_source_is_volume(&length, path);
    snprintf(file, sizeof file, "%.*s", (int)length, path);
    return access(file, R_OK) == 0;
}

/* As it is named; beside the manifest; then below `folder` by ever fewer of its last parts. */
bool report_find_source(char *path, size_t size, const report_data *data, const char *folder,
                        const char *source)
{
    const char *slash = strrchr(data->path, '/');
    const int beside = slash == NULL ? 0 : (int)(slash - data->path + 1);
    for (const char *rest = source; folder != NULL && rest != NULL; rest = strchr(rest, '/')) {
        rest += *rest == '/';
        if (strstr(rest, "../") == NULL &&
            snprintf(path, size, "%s/%s", folder, rest) < (int)size && is_there(path))
            return true;
    }
    if (snprintf(path, size, "%s", source) < (int)size && is_there(path))
        return true;
    if (snprintf(path, size, "%.*s%s", beside, data->path, source) < (int)size && is_there(path))
        return true;
    return snprintf(path, size, "%.*s%s", beside, data->path, short_name(source)) < (int)size &&
           is_there(path);
}

/* ---- one volume, opened ---- */

/* Where a file of one slice is in the dataset; volume -1: nowhere. */
typedef struct place {
    int64_t volume, slice;
} place;

/* A folder's files may be several volumes (DICOM series): one of them is open at a time. */
typedef struct opened {
    redux_dataset *dataset;
    redux_volume *volume;
    redux_volume_info info;
    int64_t at;           /* number of the volume that is open */
    const char **sources; /* that are there; of a folder one a slice */
    char **paths;         /* where they are now */
    place *places;
    int64_t count, hint; /* hint: the source that is probably asked for next */
    bool is_folder;
} opened;

static void close_volume(opened *o)
{
    redux_volume_free(o->volume);
    redux_dataset_free(o->dataset);
    for (int64_t i = 0; i < o->count && o->paths != NULL; i++)
        free(o->paths[i]);
    free(o->paths);
    free(o->places);
    free(o->sources);
    memset(o, 0, sizeof *o);
}

static bool uses_stored(const report_data *data)
{
    const redux_reduce_options *options = &data->options;
    return (options->strategy == REDUX_STRATEGY_HASH || options->then == REDUX_STRATEGY_HASH) &&
           options->profile == REDUX_PROFILE_PAPER_HASH;
}

/* The sources of a volume: itself, or the pictures that are named, each once. */
static bool list_sources(opened *o, const report_data *data, const report_pictures *pictures,
                         int64_t number)
{
    const report_volume *volume = &data->volumes[number];
    o->sources = calloc((size_t)(volume->count + pictures->count) + 1, sizeof *o->sources);
    if (o->sources == NULL)
        return false;
    if (!volume->is_folder) {
        o->sources[o->count++] = volume->name;
    } else if (!volume->is_other) {
        for (int64_t i = 0; i < volume->count; i++)
            o->sources[o->count++] = data->rows[volume->rows[i]].row.source;
    } else {
        for (int64_t i = 0; i < pictures->count; i++) {
            bool is_new = pictures->list[i].volume == number;
            for (int64_t k = 0; k < o->count && is_new; k++)
                is_new = strcmp(o->sources[k], pictures->list[i].source) != 0;
            if (is_new)
                o->sources[o->count++] = pictures->list[i].source;
        }
    }
    return true;
}

/* The paths that are there; sources that are not are taken out of the list. */
static bool find_paths(opened *o, const report_data *data, const char *folder)
{
    char path[4200];
    int64_t found = 0;
    o->paths = calloc((size_t)o->count + 1, sizeof *o->paths);
    o->places = calloc((size_t)o->count + 1, sizeof *o->places);
    if (o->paths == NULL || o->places == NULL)
        return false;
    for (int64_t i = 0; i < o->count; i++) {
        if (!report_find_source(path, sizeof path, data, folder, o->sources[i]))
            continue;
        o->sources[found] = o->sources[i];
        o->paths[found] = strdup(path);
        if (o->paths[found] == NULL)
            return false;
        o->places[found++].volume = -1;
    }
    o->count = found;
    return true;
}

/* The number of a text in a list, looked for from *hint on, where it usually is. */
static int64_t find_text(int64_t *hint, const char *const *list, int64_t count, const char *text)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = (*hint + i) % count;
        if (strcmp(list[at], text) == 0) {
            *hint = at + 1;
            return at;
        }
    }
    return -1;
}

/* The dataset sorts DICOM files by where they lie. */
static redux_status find_places(opened *o)
{
    const int64_t volumes = redux_dataset_volume_count(o->dataset);
    redux_status status = REDUX_OK;
    for (int64_t v = 0; v < volumes && status == REDUX_OK; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        status = redux_dataset_get_volume_info(&info, o->dataset, v);
        for (int64_t k = 0; k < info.slices && status == REDUX_OK; k++) {
            const char *name;
            int64_t index;
            status = redux_dataset_get_slice_name(&name, &index, o->dataset, v, k);
            const int64_t i =
                status != REDUX_OK
                    ? -1
                    : find_text(&o->hint, (const char *const *)o->paths, o->count, name);
            if (i >= 0)
                o->places[i] = (place){v, k};
        }
    }
    o->hint = 0;
    return status;
}

static redux_status turn_to(opened *o, redux_context *context, int64_t number)
{
    if (o->volume != NULL && o->at == number)
        return REDUX_OK;
    redux_volume_free(o->volume);
    o->volume = NULL;
    o->at = number;
    const redux_status status = redux_dataset_get_volume_info(&o->info, o->dataset, number);
    return status == REDUX_OK ? redux_volume_open(&o->volume, context, o->dataset, number) : status;
}

static redux_status open_volume(opened *o, redux_context *context, const report_data *data,
                                const report_pictures *pictures, int64_t number, const char *folder,
                                bool *is_gone)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    memset(o, 0, sizeof *o);
    *is_gone = false;
    o->info = (redux_volume_info)REDUX_VOLUME_INFO_INIT;
    o->is_folder = data->volumes[number].is_folder;
    if (!list_sources(o, data, pictures, number) || !find_paths(o, data, folder))
        return REDUX_E_NO_MEMORY;
    options.orientation = uses_stored(data) ? REDUX_ORIENTATION_STORED : REDUX_ORIENTATION_AXIAL;
    options.frame = 0;
    *is_gone = o->count == 0;
    redux_status status = *is_gone ? REDUX_E_NOT_FOUND : REDUX_OK;
    if (status == REDUX_OK)
        status = redux_dataset_open(&o->dataset, context, (const char *const *)o->paths, o->count,
                                    &options);
    if (status == REDUX_OK && o->is_folder)
        status = find_places(o);
    return status == REDUX_OK ? turn_to(o, context, 0) : status;
}

/* The opened volume's number of a slice as the manifest names it, of a folder that of its file; -1:
 * it has none. */
static int64_t slice_in(opened *o, const char *source, int64_t slice)
{
    if (!o->is_folder)
        return slice < o->info.slices ? slice : -1;
    const int64_t i = find_text(&o->hint, o->sources, o->count, source);
    return i >= 0 && o->places[i].volume >= 0 ? i : -1;
}

/* ---- as it is looked at ---- */

static redux_status windowed(redux_tensor *out, redux_context *context, opened *o, int64_t slice,
                             redux_window window, bool for_show)
{
    redux_tensor pixels;
    redux_status status = REDUX_OK;
    if (o->is_folder) {
        status = turn_to(o, context, o->places[slice].volume);
        slice = o->places[slice].slice;
    }
    if (status == REDUX_OK)
        status = for_show ? redux_volume_slice_oriented(&pixels, context, o->volume, slice,
                                                        REDUX_ORIENTATION_AXIAL)
                          : redux_volume_slice(&pixels, context, o->volume, slice);
    if (status != REDUX_OK)
        return status;
    const bool is_scan = o->info.is_scan != 0;
    window = redux_window_resolve(window, pixels.dtype, is_scan);
    if (for_show && window.kind == REDUX_WINDOW_FULL && pixels.dtype != REDUX_UINT8)
        window.kind = REDUX_WINDOW_SLICE;
    status = redux_tensor_new(out, context, redux_window_dtype(window), 2, pixels.shape);
    if (status == REDUX_OK) {
        status =
            redux_window_apply(out, context, &pixels, o->info.slope, o->info.intercept, window);
        if (status != REDUX_OK)
            redux_tensor_release(out);
    }
    redux_tensor_release(&pixels);
    return status;
}

static redux_status to_bytes(redux_tensor *image, redux_context *context)
{
    redux_tensor bytes;
    if (image->dtype == REDUX_UINT8)
        return REDUX_OK;
    const redux_status status = redux_tensor_new(&bytes, context, REDUX_UINT8, 2, image->shape);
    if (status != REDUX_OK)
        return status;
    const float *values = image->data;
    for (int64_t i = 0; i < redux_tensor_elements(image); i++)
        ((uint8_t *)bytes.data)[i] = (uint8_t)lrintf(255 * values[i]);
    redux_tensor_release(image);
    *image = bytes;
    return REDUX_OK;
}

/* A copy whose longest side is `side`, in the shape that the voxels have in space. */
static redux_status shrink(redux_tensor *out, redux_context *context, const redux_tensor *image,
                           const redux_volume_info *info, int32_t side)
{
    double height = (double)image->shape[0], width = (double)image->shape[1];
    if (info->spacing[1] > 0 && info->spacing[2] > 0) {
        const double ratio = info->spacing[1] / info->spacing[2];
        if (ratio > 1)
            height *= ratio;
        else
            width /= ratio;
    }
    const double scale = fmin(side / fmax(height, width), 1);
    const int64_t shape[] = {(int64_t)fmax(1, rint(height * scale)),
                             (int64_t)fmax(1, rint(width * scale))};
    const redux_status status = redux_tensor_new(out, context, REDUX_UINT8, 2, shape);
    if (status != REDUX_OK)
        return status;
    return redux_image_resize(out, context, image, REDUX_FILTER_LINEAR);
}

static redux_window show_window(const report_data *data, const report_settings *s)
{
    return s->window.kind == REDUX_WINDOW_AUTO ? data->options.window : s->window;
}

/* ---- all of a volume ---- */

/* Holds the recorded scores against those of the matrix: if they differ, so do the data. */
static void check_scores(report_pictures *pictures, const report_data *data,
                         const report_matrix *matrix)
{
    for (int64_t i = 0; i < matrix->count && matrix->is_own; i++) {
        const report_row *row = &data->rows[matrix->rows[i]];
        for (int64_t k = 0; k < matrix->count; k++) {
            const double score = matrix->scores[k * matrix->count + i]; /* the kept one first */
            if (row->witness != matrix->rows[k] || isnan(row->row.score))
                continue;
            pictures->checked++;
            pictures->differ += !(fabs(score - row->row.score) <= 1e-6 * fmax(1, fabs(score)));
        }
    }
}

/* Slices of a shown volume for the matrix: spread evenly. */
static redux_status read_matrix(report_pictures *pictures, redux_context *context,
                                const report_data *data, const report_settings *s, opened *o,
                                int64_t number)
{
    const report_volume *volume = &data->volumes[number];
    const int64_t count = volume->count < s->matrix ? volume->count : s->matrix;
    if (count < 2)
        return REDUX_OK;
    report_matrix *matrix = &pictures->matrices[pictures->matrix_count++];
    *matrix = (report_matrix){.volume = number};
    redux_tensor *images = calloc((size_t)count, sizeof *images);
    matrix->rows = calloc((size_t)count, sizeof *matrix->rows);
    matrix->scores = calloc((size_t)(count * count), sizeof *matrix->scores);
    redux_status status = images == NULL || matrix->rows == NULL || matrix->scores == NULL
                              ? REDUX_E_NO_MEMORY
                              : REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        const int64_t row = volume->rows[i * (volume->count - 1) / (count - 1)];
        const redux_manifest_row *r = &data->rows[row].row;
        const int64_t slice = slice_in(o, r->source, r->slice);
        if (slice < 0)
            continue;
        matrix->rows[matrix->count] = row;
        status = windowed(&images[matrix->count], context, o, slice, data->options.window, false);
        if (status == REDUX_OK)
            matrix->count++;
    }
    if (status == REDUX_OK && matrix->count > 1)
        status = matrix_scores(matrix, context, data, images);
    for (int64_t i = 0; i < count && images != NULL; i++)
        redux_tensor_release(&images[i]);
    free(images);
    if (status == REDUX_OK && matrix->count > 1) {
        check_scores(pictures, data, matrix);
        return REDUX_OK;
    }
    matrix->count = 0; /* without a matrix the rest is still worth showing */
    return status == REDUX_E_NO_MEMORY || status == REDUX_E_CANCELLED ? status : REDUX_OK;
}

/* Keeps the slices of the lowest entropy, in its order. */
static void flag(report_pictures *pictures, int64_t row, double entropy, bool is_flat)
{
    int64_t at = pictures->flagged_count;
    while (at > 0 && pictures->flagged[at - 1].entropy > entropy)
        at--;
    if (at == MOST_FLAGGED)
        return;
    if (pictures->flagged_count < MOST_FLAGGED)
        pictures->flagged_count++;
    memmove(&pictures->flagged[at + 1], &pictures->flagged[at],
            (size_t)(pictures->flagged_count - 1 - at) * sizeof *pictures->flagged);
    pictures->flagged[at] = (report_flagged){row, entropy, is_flat};
}

static redux_status keep_picture(report_picture *picture, redux_context *context, opened *o,
                                 int64_t slice, redux_window window)
{
    redux_tensor image;
    redux_status status = windowed(&image, context, o, slice, window, true);
    if (status != REDUX_OK)
        return status;
    status = to_bytes(&image, context);
    if (status == REDUX_OK)
        status = shrink(&picture->grey, context, &image, &o->info, picture->side);
    redux_tensor_release(&image);
    return status;
}

/* Each slice of a volume of which pictures are shown. */
static redux_status look_at_volume(report_pictures *pictures, redux_context *context,
                                   const report_data *data, opened *o, int64_t number,
                                   redux_window window)
{
    const report_volume *volume = &data->volumes[number];
    const int64_t step = 1 + volume->count / 2000;
    for (int64_t i = 0; i < volume->count; i += step) {
        const redux_manifest_row *r = &data->rows[volume->rows[i]].row;
        const int64_t slice = slice_in(o, r->source, r->slice);
        redux_tensor image;
        double entropy;
        bool is_flat;
        if (slice < 0 || windowed(&image, context, o, slice, window, true) != REDUX_OK)
            continue;
        redux_status status = to_bytes(&image, context);
        if (status == REDUX_OK)
            status = look_at_slice(&entropy, &is_flat, context, &image);
        redux_tensor_release(&image);
        if (status != REDUX_OK)
            return status;
        pictures->looked_at++;
        pictures->flat += is_flat;
        flag(pictures, volume->rows[i], entropy, is_flat);
        if (program_interrupted())
            return REDUX_E_CANCELLED;
    }
    return REDUX_OK;
}

static redux_status read_volume(report_pictures *pictures, redux_context *context,
                                const report_data *data, const report_settings *s, opened *o,
                                int64_t number)
{
    const report_volume *volume = &data->volumes[number];
    const redux_window window = show_window(data, s);
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < pictures->count && status == REDUX_OK; i++) {
        report_picture *picture = &pictures->list[i];
        if (picture->volume != number || picture->grey.data != NULL)
            continue;
        const int64_t slice = slice_in(o, picture->source, picture->slice);
        if (slice >= 0 && keep_picture(picture, context, o, slice, window) == REDUX_E_NO_MEMORY)
            status = REDUX_E_NO_MEMORY;
        if (program_interrupted())
            status = REDUX_E_CANCELLED;
    }
    if (status == REDUX_OK && volume->is_shown)
        status = look_at_volume(pictures, context, data, o, number, window);
    if (status == REDUX_OK && volume->is_shown && s->matrix > 1)
        status = read_matrix(pictures, context, data, s, o, number);
    return status;
}

static bool is_wanted(const report_pictures *pictures, int64_t number)
{
    for (int64_t i = 0; i < pictures->count; i++)
        if (pictures->list[i].volume == number && pictures->list[i].grey.data == NULL)
            return true;
    return false;
}

redux_status report_pictures_read(report_pictures *pictures, redux_context *context,
                                  report_data *data, const report_settings *s)
{
    redux_status status = REDUX_OK;
    pictures->matrices = calloc((size_t)data->own_volumes + 1, sizeof *pictures->matrices);
    if (pictures->matrices == NULL)
        return REDUX_E_NO_MEMORY;
    progress_label("pictures");
    for (int64_t v = 0; v < data->volume_count && status == REDUX_OK; v++) {
        report_volume *volume = &data->volumes[v];
        opened o;
        bool is_gone;
        if (progress_step(v, data->volume_count) != 0)
            return REDUX_E_CANCELLED;
        if (!volume->is_shown && !is_wanted(pictures, v))
            continue;
        status = open_volume(&o, context, data, pictures, v, s->folder, &is_gone);
        if (status == REDUX_OK) {
            status = read_volume(pictures, context, data, s, &o, v);
        } else if (status != REDUX_E_NO_MEMORY && status != REDUX_E_CANCELLED) {
            volume->is_gone = is_gone;
            volume->missing = strdup(is_gone ? "the file is not there" : redux_error_message());
            status = volume->missing == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
        }
        close_volume(&o);
    }
    return status;
}

/* The flagged slices are known only now. */
redux_status report_pictures_flagged(report_pictures *pictures, redux_context *context,
                                     const report_data *data, const report_settings *s,
                                     int32_t side)
{
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < pictures->flagged_count; i++) {
        const report_row *row = &data->rows[pictures->flagged[i].row];
        if (report_picture_want(pictures, row->volume, row->row.source, row->row.slice, side) < 0)
            return REDUX_E_NO_MEMORY;
    }
    for (int64_t v = 0; v < data->own_volumes && status == REDUX_OK; v++) {
        opened o;
        bool is_gone;
        bool wanted = false;
        for (int64_t i = 0; i < pictures->flagged_count; i++)
            wanted = wanted || data->rows[pictures->flagged[i].row].volume == v;
        if (!wanted)
            continue;
        status = open_volume(&o, context, data, pictures, v, s->folder, &is_gone);
        for (int64_t i = 0; i < pictures->count && status == REDUX_OK; i++) {
            report_picture *picture = &pictures->list[i];
            const int64_t slice = picture->volume != v || picture->grey.data != NULL
                                      ? -1
                                      : slice_in(&o, picture->source, picture->slice);
            if (slice >= 0 && keep_picture(picture, context, &o, slice, show_window(data, s)) ==
                                  REDUX_E_NO_MEMORY)
                status = REDUX_E_NO_MEMORY;
        }
        close_volume(&o);
        if (status != REDUX_E_NO_MEMORY)
            status = program_interrupted() ? REDUX_E_CANCELLED : REDUX_OK;
    }
    return status;
}
