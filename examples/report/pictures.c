/* SPDX-License-Identifier: MIT
 * Pictures. The sections ask for the pictures they show; then the volumes are read one by one, and
 * only the small grey pictures stay in memory. */
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

/* FILE:KEY is there if FILE is. */
static bool is_there(const char *path)
{
    char file[4200];
    size_t length;
    redux_source_is_volume(&length, path);
    snprintf(file, sizeof file, "%.*s", (int)length, path);
    return access(file, R_OK) == 0;
}

/* Looks below `folder` alone for ever fewer of the last parts of the name; without a folder for the
 * name itself, then beside the manifest. */
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
    if (folder != NULL)
        return false;
    if (snprintf(path, size, "%s", source) < (int)size && is_there(path))
        return true;
    if (snprintf(path, size, "%.*s%s", beside, data->path, source) < (int)size && is_there(path))
        return true;
    return snprintf(path, size, "%.*s%s", beside, data->path, short_name(source)) < (int)size &&
           is_there(path);
}

/* ---- one volume, found ---- */

/* The files that exist of a volume of the manifest. The files of a folder may make several volumes
 * (DICOM series) of the dataset, which sorts them by position. */
typedef struct found {
    redux_dataset *dataset;
    const char **sources; /* those found; of a folder, one a slice */
    char **paths;         /* where each source is now */
    int64_t *numbers;     /* of a folder: each source's slice in the dataset, or -1 */
    int64_t count, hint;  /* hint: where the next look-up starts */
    bool is_folder;
} found;

static void close_volume(found *o)
{
    redux_dataset_free(o->dataset);
    for (int64_t i = 0; i < o->count && o->paths != NULL; i++)
        free(o->paths[i]);
    free(o->paths);
    free(o->numbers);
    free(o->sources);
    memset(o, 0, sizeof *o);
}

static bool uses_stored(const report_data *data)
{
    const redux_reduce_options *options = &data->options;
    return (data->strategy.has_hashes || data->last.has_hashes) &&
           options->profile == REDUX_PROFILE_PAPER_HASH;
}

/* The sources of a volume: itself, or the pictures that are named, each once. */
static bool list_sources(found *o, const report_data *data, const report_pictures *pictures,
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
static bool find_paths(found *o, const report_data *data, const char *folder)
{
    char path[4200];
    int64_t there = 0;
    o->paths = calloc((size_t)o->count + 1, sizeof *o->paths);
    o->numbers = calloc((size_t)o->count + 1, sizeof *o->numbers);
    if (o->paths == NULL || o->numbers == NULL)
        return false;
    for (int64_t i = 0; i < o->count; i++) {
        if (!report_find_source(path, sizeof path, data, folder, o->sources[i]))
            continue;
        o->sources[there] = o->sources[i];
        o->paths[there] = strdup(path);
        if (o->paths[there] == NULL)
            return false;
        o->numbers[there++] = -1;
    }
    o->count = there;
    return true;
}

/* The index of a text in a list, or -1. Starts at *hint, where the text usually is. */
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

/* Notes the number of slice k of volume v at its file. */
static redux_status number_file(found *o, int64_t v, int64_t k, int64_t number)
{
    const char *name;
    int64_t index;
    TRY(redux_dataset_get_slice_name(&name, &index, o->dataset, v, k));
    const int64_t i = find_text(&o->hint, (const char *const *)o->paths, o->count, name);
    if (i >= 0 && index == 0) /* a file with several slices is named by slice 0 */
        o->numbers[i] = number;
    return REDUX_OK;
}

static redux_status number_files(found *o)
{
    const int64_t volumes = redux_dataset_volume_count(o->dataset);
    for (int64_t v = 0, number = 0; v < volumes; v++) {
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        TRY(redux_dataset_get_volume_info(&info, o->dataset, v));
        for (int64_t k = 0; k < info.slices; k++)
            TRY(number_file(o, v, k, number++));
    }
    o->hint = 0;
    return REDUX_OK;
}

static redux_status open_volume(found *o, redux_context *context, const report_data *data,
                                const report_pictures *pictures, int64_t number, const char *folder,
                                bool *is_gone)
{
    redux_dataset_options options = REDUX_DATASET_OPTIONS_INIT;
    memset(o, 0, sizeof *o);
    *is_gone = false;
    o->is_folder = data->volumes[number].is_folder;
    if (!list_sources(o, data, pictures, number) || !find_paths(o, data, folder))
        return no_memory();
    options.orientation = uses_stored(data) ? REDUX_ORIENTATION_STORED : REDUX_ORIENTATION_AXIAL;
    options.frame = data->frame;
    options.within = folder;
    *is_gone = o->count == 0;
    if (*is_gone)
        return REDUX_E_NOT_FOUND;
    TRY(redux_dataset_open(&o->dataset, context, (const char *const *)o->paths, o->count,
                           &options));
    TRY(redux_dataset_protect(o->dataset, context));
    return o->is_folder ? number_files(o) : REDUX_OK;
}

/* The slice number in the dataset of a slice that the manifest names, or -1. */
static int64_t number_of(found *o, const char *source, int64_t slice)
{
    if (!o->is_folder)
        return slice < redux_dataset_slice_count(o->dataset) ? slice : -1;
    const int64_t i = find_text(&o->hint, o->sources, o->count, source);
    return i >= 0 ? o->numbers[i] : -1;
}

/* ---- all of a volume ---- */

static redux_window show_window(const report_data *data, const report_settings *s)
{
    return s->window.kind == REDUX_WINDOW_AUTO ? data->options.window : s->window;
}

/* Compares the recorded scores with those of the matrix: if they differ, so do the data. */
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

/* Slices of a shown volume, windowed as in the reduction. */
typedef struct matrix_images {
    report_matrix *matrix;
    redux_tensor *images;
    const int64_t *row_at; /* by slice of the dataset: its row of the manifest */
} matrix_images;

static redux_status keep_image(void *user, const redux_tensor *image, int64_t number,
                               int64_t volume, int64_t slice)
{
    const matrix_images *m = user;
    report_matrix *matrix = m->matrix;
    (void)volume;
    (void)slice;
    TRY(redux_tensor_contiguous(&m->images[matrix->count], NULL, image, image->dtype));
    matrix->rows[matrix->count++] = m->row_at[number];
    return REDUX_OK;
}

/* Spreads the slices of the matrix evenly. */
static void choose_rows(int64_t *row_at, uint8_t *wanted, const report_data *data, found *o,
                        const report_volume *volume, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = volume->rows[i * (volume->count - 1) / (count - 1)];
        const redux_manifest_row *r = &data->rows[row].row;
        const int64_t number = number_of(o, r->source, r->slice);
        if (number < 0)
            continue;
        row_at[number] = row;
        wanted[number] = 1;
    }
}

/* What reading a matrix allocates besides the matrix. */
typedef struct matrix_room {
    redux_tensor *images; /* [count] */
    int64_t *row_at;
    uint8_t *wanted;
} matrix_room;

static bool matrix_room_new(matrix_room *room, report_matrix *matrix, int64_t count, size_t slices)
{
    room->images = calloc((size_t)count, sizeof *room->images);
    room->row_at = calloc(slices + 1, sizeof *room->row_at);
    room->wanted = calloc(slices + 1, 1);
    matrix->rows = calloc((size_t)count, sizeof *matrix->rows);
    matrix->scores = calloc((size_t)(count * count), sizeof *matrix->scores);
    return room->images != NULL && room->row_at != NULL && room->wanted != NULL &&
           matrix->rows != NULL && matrix->scores != NULL;
}

static void matrix_room_free(matrix_room *room, int64_t count)
{
    for (int64_t i = 0; i < count && room->images != NULL; i++)
        redux_tensor_release(&room->images[i]);
    free(room->images);
    free(room->row_at);
    free(room->wanted);
}

static redux_status fill_matrix(report_matrix *matrix, matrix_room *room, redux_context *context,
                                const report_data *data, found *o, int64_t count)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    matrix_images m = {matrix, room->images, room->row_at};
    choose_rows(room->row_at, room->wanted, data, o, &data->volumes[matrix->volume], count);
    options.window = data->options.window;
    options.wanted = room->wanted;
    TRY(redux_dataset_visit(context, o->dataset, &options, keep_image, &m));
    return matrix->count > 1 ? matrix_scores(matrix, context, data, room->images) : REDUX_OK;
}

static redux_status read_matrix(report_pictures *pictures, redux_context *context,
                                const report_data *data, const report_settings *s, found *o,
                                int64_t number)
{
    const report_volume *volume = &data->volumes[number];
    const int64_t count = volume->count < s->matrix ? volume->count : s->matrix;
    matrix_room room = {NULL, NULL, NULL};
    redux_status status;
    if (count < 2)
        return REDUX_OK;
    report_matrix *matrix = &pictures->matrices[pictures->matrix_count++];
    *matrix = (report_matrix){.volume = number};
    if (matrix_room_new(&room, matrix, count, (size_t)redux_dataset_slice_count(o->dataset)))
        status = fill_matrix(matrix, &room, context, data, o, count);
    else
        status = no_memory();
    matrix_room_free(&room, count);
    if (status == REDUX_OK && matrix->count > 1) {
        check_scores(pictures, data, matrix);
        return REDUX_OK;
    }
    matrix->count = 0; /* the page is still of use without this matrix */
    return status == REDUX_E_NO_MEMORY || status == REDUX_E_CANCELLED ? status : REDUX_OK;
}

/* Keeps the slices of the lowest entropy, sorted. */
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

/* One pass over a volume: makes pictures and looks for slices of low entropy. */
typedef struct looking {
    redux_context *context;
    report_pictures *pictures;
    const redux_dataset *dataset;
    redux_window window;
    uint8_t *wanted;     /* by slice of the dataset */
    int64_t *row_at;     /* by slice: the row of the manifest to look at, or -1 */
    int64_t *picture_at; /* by picture: its slice in the dataset, or -1 */
    int64_t read;        /* slices */
    char *reason;        /* the first error; NULL: none */
} looking;

static bool looking_new(looking *l, redux_context *context, report_pictures *pictures,
                        const redux_dataset *dataset, redux_window window)
{
    const int64_t slices = redux_dataset_slice_count(dataset);
    *l = (looking){.context = context, .pictures = pictures, .dataset = dataset, .window = window};
    l->wanted = calloc((size_t)slices + 1, 1);
    l->row_at = malloc((size_t)(slices + 1) * sizeof *l->row_at);
    l->picture_at = malloc((size_t)(pictures->count + 1) * sizeof *l->picture_at);
    if (l->wanted == NULL || l->row_at == NULL || l->picture_at == NULL)
        return false;
    memset(l->row_at, -1, (size_t)(slices + 1) * sizeof *l->row_at);
    return true;
}

static void looking_free(looking *l)
{
    free(l->wanted);
    free(l->row_at);
    free(l->picture_at);
    free(l->reason);
}

/* Marks the slices of pictures that are wanted and not made yet. */
static void want_pictures(looking *l, found *o, int64_t number)
{
    for (int64_t i = 0; i < l->pictures->count; i++) {
        const report_picture *picture = &l->pictures->list[i];
        const bool is_open = picture->volume == number && picture->grey.data == NULL;
        l->picture_at[i] = is_open ? number_of(o, picture->source, picture->slice) : -1;
        if (l->picture_at[i] >= 0)
            l->wanted[l->picture_at[i]] = 1;
    }
}

/* Marks the slices of a shown volume, at most about 2,000 of them, to bound the time. */
static void want_rows(looking *l, const report_data *data, found *o, const report_volume *volume)
{
    const int64_t step = 1 + volume->count / 2000;
    for (int64_t i = 0; i < volume->count; i += step) {
        const redux_manifest_row *r = &data->rows[volume->rows[i]].row;
        const int64_t number = number_of(o, r->source, r->slice);
        if (number < 0)
            continue;
        l->row_at[number] = volume->rows[i];
        l->wanted[number] = 1;
    }
}

static redux_status look_at_row(looking *l, const redux_tensor *grey, int64_t row)
{
    double entropy;
    bool is_flat;
    TRY(look_at_slice(&entropy, &is_flat, l->context, grey));
    l->pictures->looked_at++;
    l->pictures->flat += is_flat;
    flag(l->pictures, row, entropy, is_flat);
    return REDUX_OK;
}

/* Leaves out what cannot be shown: the rest of the page is still of use. */
static redux_status keep_reason(looking *l)
{
    if (l->reason == NULL)
        l->reason = strdup(redux_error_message());
    return l->reason == NULL ? no_memory() : REDUX_OK;
}

static redux_status make_pictures(looking *l, const redux_tensor *grey,
                                  const redux_volume_info *info, int64_t number)
{
    for (int64_t i = 0; i < l->pictures->count; i++) {
        report_picture *picture = &l->pictures->list[i];
        if (l->picture_at[i] == number && picture_shrink(&picture->grey, l->context, grey, info,
                                                         picture->side) == REDUX_E_NO_MEMORY)
            return no_memory();
    }
    return l->row_at[number] >= 0 ? look_at_row(l, grey, l->row_at[number]) : REDUX_OK;
}

static redux_status look(void *user, const redux_tensor *pixels, int64_t number, int64_t volume,
                         int64_t slice)
{
    looking *l = user;
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_tensor grey;
    (void)slice;
    if (pixels == NULL)
        return keep_reason(l);
    l->read++;
    redux_status status = redux_dataset_get_volume_info(&info, l->dataset, volume);
    if (status == REDUX_OK)
        status = picture_show(&grey, l->context, pixels, &info, l->window);
    if (status != REDUX_OK)
        return status == REDUX_E_NO_MEMORY ? status : REDUX_OK;
    status = make_pictures(l, &grey, &info, number);
    redux_tensor_release(&grey);
    return status;
}

/* Makes the pictures of a volume and, with `all`, looks at its slices. *reason: why no slice could
 * be read, or NULL; the caller frees it. */
static redux_status read_pictures(char **reason, report_pictures *pictures, redux_context *context,
                                  const report_data *data, const report_settings *s, found *o,
                                  int64_t number, bool all)
{
    redux_visit_options options = REDUX_VISIT_OPTIONS_INIT;
    looking l;
    redux_status status;
    if (looking_new(&l, context, pictures, o->dataset, show_window(data, s))) {
        want_pictures(&l, o, number);
        if (all)
            want_rows(&l, data, o, &data->volumes[number]);
        options.form = REDUX_VISIT_STORED;
        options.orientation = REDUX_ORIENTATION_AXIAL;
        options.wanted = l.wanted;
        options.skip_errors = 1;
        status = redux_dataset_visit(context, o->dataset, &options, look, &l);
    } else {
        status = no_memory();
    }
    *reason = NULL;
    if (l.read == 0) {
        *reason = l.reason;
        l.reason = NULL;
    }
    looking_free(&l);
    return program_interrupted() ? REDUX_E_CANCELLED : status;
}

static bool is_wanted(const report_pictures *pictures, int64_t number)
{
    for (int64_t i = 0; i < pictures->count; i++)
        if (pictures->list[i].volume == number && pictures->list[i].grey.data == NULL)
            return true;
    return false;
}

static redux_status read_found(report_pictures *pictures, redux_context *context, report_data *data,
                               const report_settings *s, found *o, int64_t number)
{
    report_volume *volume = &data->volumes[number];
    TRY(read_pictures(&volume->missing, pictures, context, data, s, o, number, volume->is_shown));
    if (!volume->is_shown || volume->missing != NULL || s->matrix <= 1)
        return REDUX_OK;
    return read_matrix(pictures, context, data, s, o, number);
}

static redux_status read_volume(report_pictures *pictures, redux_context *context,
                                report_data *data, const report_settings *s, int64_t number)
{
    report_volume *volume = &data->volumes[number];
    found o;
    bool is_gone;
    redux_status status = open_volume(&o, context, data, pictures, number, s->folder, &is_gone);
    if (status == REDUX_OK) {
        status = read_found(pictures, context, data, s, &o, number);
    } else if (status != REDUX_E_NO_MEMORY && status != REDUX_E_CANCELLED) {
        volume->is_gone = is_gone;
        volume->missing = strdup(is_gone ? "the file does not exist" : redux_error_message());
        status = volume->missing == NULL ? no_memory() : REDUX_OK;
    }
    close_volume(&o);
    return status;
}

redux_status report_pictures_read(report_pictures *pictures, redux_context *context,
                                  report_data *data, const report_settings *s)
{
    pictures->matrices = calloc((size_t)data->own_volumes + 1, sizeof *pictures->matrices);
    if (pictures->matrices == NULL)
        return no_memory();
    progress_label("pictures");
    for (int64_t v = 0; v < data->volume_count; v++) {
        progress_note("volume %lld of %lld", (long long)v + 1, (long long)data->volume_count);
        if (data->volumes[v].is_shown || is_wanted(pictures, v))
            TRY(read_volume(pictures, context, data, s, v));
    }
    return program_interrupted() ? REDUX_E_CANCELLED : REDUX_OK;
}

static bool is_flagged(const report_pictures *pictures, const report_data *data, int64_t volume)
{
    for (int64_t i = 0; i < pictures->flagged_count; i++)
        if (data->rows[pictures->flagged[i].row].volume == volume)
            return true;
    return false;
}

/* Slices are flagged while the volumes are read, so that their pictures need a second pass. */
static redux_status read_flagged(report_pictures *pictures, redux_context *context,
                                 const report_data *data, const report_settings *s, int64_t volume)
{
    found o;
    bool is_gone;
    char *reason = NULL;
    redux_status status = open_volume(&o, context, data, pictures, volume, s->folder, &is_gone);
    if (status == REDUX_OK)
        status = read_pictures(&reason, pictures, context, data, s, &o, volume, false);
    free(reason);
    close_volume(&o);
    if (status == REDUX_E_NO_MEMORY)
        return status;
    return program_interrupted() ? REDUX_E_CANCELLED : REDUX_OK;
}

redux_status report_pictures_flagged(report_pictures *pictures, redux_context *context,
                                     const report_data *data, const report_settings *s,
                                     int32_t side)
{
    for (int64_t i = 0; i < pictures->flagged_count; i++) {
        const report_row *row = &data->rows[pictures->flagged[i].row];
        if (report_picture_want(pictures, row->volume, row->row.source, row->row.slice, side) < 0)
            return no_memory();
    }
    for (int64_t v = 0; v < data->own_volumes; v++)
        if (is_flagged(pictures, data, v))
            TRY(read_flagged(pictures, context, data, s, v));
    return REDUX_OK;
}
