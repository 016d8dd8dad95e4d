/* SPDX-License-Identifier: MIT
 * From DICOM files to volumes. Files of one series, size, kind of pixels and orientation are one
 * volume. Its slices are ordered by position along their normal (axial slices from the feet to the
 * head), whatever their names and numbers are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "data.h"
#include "io/format_dicom.h"

typedef struct image {
    rdx_dicom dicom;
    const char *path;
    int64_t number; /* in the order of the paths */
    int64_t group;
    double along; /* the normal, mm; NaN: unknown */
} image;

typedef struct series {
    redux_dataset *dataset;
    redux_context *context;
    const char *folder;
    image *images;
    int64_t count, groups;
} series;

/* ---- what belongs together ---- */

static bool knows_place(const rdx_dicom *d)
{
    return !isnan(d->position[0]) && !isnan(d->orientation[0]);
}

/* Cosines are written with few digits, so they are compared with a tolerance. */
static bool same_orientation(const rdx_dicom *a, const rdx_dicom *b)
{
    if (isnan(a->orientation[0]) || isnan(b->orientation[0]))
        return isnan(a->orientation[0]) && isnan(b->orientation[0]);
    for (int i = 0; i < 6; i++)
        if (fabs(a->orientation[i] - b->orientation[i]) > 1e-3)
            return false;
    return true;
}

static bool same_volume(const rdx_dicom *a, const rdx_dicom *b)
{
    return strcmp(a->series, b->series) == 0 && a->height == b->height && a->width == b->width &&
           a->dtype == b->dtype && a->stored == b->stored &&
           strcmp(a->photometric, b->photometric) == 0 && same_orientation(a, b);
}

/* Groups are numbered by their first files. The group of the previous file is tried first. */
static redux_status group_images(series *s)
{
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)s->count, sizeof(image *)));
    image **first = block; /* of each group */
    for (int64_t i = 0; i < s->count; i++) {
        image *im = &s->images[i];
        int64_t g = i > 0 ? s->images[i - 1].group : 0;
        if (i == 0 || !same_volume(&first[g]->dicom, &im->dicom))
            for (g = 0; g < s->groups && !same_volume(&first[g]->dicom, &im->dicom);)
                g++;
        if (g == s->groups)
            first[s->groups++] = im;
        im->group = g;
    }
    rdx_free(block);
    return REDUX_OK;
}

/* ---- their order ---- */

static void place_image(image *im)
{
    const double *o = im->dicom.orientation, *p = im->dicom.position;
    im->along = NAN;
    if (knows_place(&im->dicom))
        im->along = p[0] * (o[1] * o[5] - o[2] * o[4]) + p[1] * (o[2] * o[3] - o[0] * o[5]) +
                    p[2] * (o[0] * o[4] - o[1] * o[3]);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By group, position, instance number, path. If one position of a group is unknown, all count as
 * unknown. */
static int compare_images(const void *left, const void *right)
{
    const image *a = left, *b = right;
    int order = compare_numbers(a->group, b->group);
    if (order == 0)
        order = (a->along > b->along) - (a->along < b->along);
    if (order == 0)
        order = compare_numbers(a->dicom.instance, b->dicom.instance);
    return order != 0 ? order : compare_numbers(a->number, b->number);
}

static redux_status order_images(series *s)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(s->context, &block, (uint64_t)s->groups, 1));
    uint8_t *unknown = block;
    for (int64_t i = 0; i < s->count; i++) {
        place_image(&s->images[i]);
        if (isnan(s->images[i].along))
            unknown[s->images[i].group] = 1;
    }
    for (int64_t i = 0; i < s->count; i++)
        if (unknown[s->images[i].group])
            s->images[i].along = NAN;
    rdx_free(block);
    qsort(s->images, (size_t)s->count, sizeof *s->images, compare_images);
    return REDUX_OK;
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Finds the usual distance between neighbours and reports deviations from it. */
static redux_status measure_distance(double *usual, const series *s, const image *images,
                                     int64_t count)
{
    int64_t gaps = 0, same = 0, distances = 0;
    void *block;
    *usual = images[0].dicom.thickness;
    if (isnan(images[0].along)) {
        if (count > 1)
            rdx_log(s->context, REDUX_LOG_WARNING,
                    "%s: %lld DICOM files have no position; they are ordered by instance number",
                    s->folder, (long long)count);
        return REDUX_OK;
    }
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)count, sizeof(double)));
    double *sorted = block;
    for (int64_t i = 1; i < count; i++) {
        const double distance = images[i].along - images[i - 1].along;
        if (distance > 1e-3)
            sorted[distances++] = distance;
        else
            same++;
    }
    qsort(sorted, (size_t)distances, sizeof *sorted, compare_doubles);
    if (distances > 0)
        *usual = sorted[distances / 2];
    for (int64_t i = 0; i < distances; i++)
        gaps += sorted[i] > 1.5 * *usual;
    rdx_free(block);
    if (gaps > 0)
        rdx_log(s->context, REDUX_LOG_WARNING,
                "%s: %lld gap%s between DICOM slices that are usually %g mm apart", s->folder,
                (long long)gaps, gaps == 1 ? "" : "s", *usual);
    if (same > 0)
        rdx_log(s->context, REDUX_LOG_WARNING,
                "%s: %lld DICOM slice%s the same position as another one of the series", s->folder,
                (long long)same, same == 1 ? " has" : "s have");
    return REDUX_OK;
}

/* ---- volumes ---- */

/* FOLDER, or FOLDER#SERIES if the folder has several. */
static redux_status name_volume(char **out, const series *s, const image *first)
{
    if (s->groups == 1)
        return rdx_strdup(s->context, out, s->folder);
    const size_t size = strlen(s->folder) + RDX_DICOM_UID + 1;
    void *block;
    RDX_TRY(rdx_alloc(s->context, &block, size, 1));
    *out = block;
    snprintf(*out, size, "%s#%s", s->folder, first->dicom.series);
    return REDUX_OK;
}

/* If slopes differ, equal stored values mean different things. */
static redux_dtype common_dtype(const image *images, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        const rdx_dicom *a = &images[0].dicom, *b = &images[i].dicom;
        if (a->slope < b->slope || a->slope > b->slope || a->intercept < b->intercept ||
            a->intercept > b->intercept)
            return REDUX_FLOAT32;
    }
    return images[0].dicom.dtype;
}

static redux_status add_volume(const series *s, const image *images, int64_t count)
{
    const rdx_dicom *first = &images[0].dicom;
    rdx_source source = {.first_file = s->dataset->file_count};
    redux_volume_info *info = &source.info;
    info->format = rdx_format_dicom.name;
    info->is_scan = 1;
    info->file_per_slice = info->on_demand = 1;
    info->dtype = common_dtype(images, count);
    info->slices = count;
    info->height = first->height;
    info->width = first->width;
    info->slope = info->dtype == REDUX_FLOAT32 ? 1 : first->slope;
    info->intercept = info->dtype == REDUX_FLOAT32 ? 0 : first->intercept;
    info->spacing[1] = first->spacing[0];
    info->spacing[2] = first->spacing[1];
    info->same_slices = 1;
    RDX_TRY(measure_distance(&info->spacing[0], s, images, count));
    for (int64_t i = 0; i < count; i++) {
        info->bytes += images[i].dicom.bytes;
        RDX_TRY(rdx_dataset_add_file(s->dataset, s->context, images[i].path));
    }
    RDX_TRY(name_volume(&source.found.source, s, &images[0]));
    const redux_status status = rdx_dataset_add(s->dataset, s->context, &source);
    if (status != REDUX_OK)
        rdx_found_clear(&source.found);
    return status;
}

/* Keeps the usable files. Objects without an image (structures, reports) often accompany images. */
static redux_status probe_files(series *s, const char *const *paths, int64_t count,
                                rdx_settle_fn settle, void *user)
{
    for (int64_t i = 0; i < count; i++) {
        image *im = &s->images[s->count];
        if (rdx_dataset_excludes(s->dataset, paths[i]))
            continue;
        RDX_TRY(rdx_progress_poll(s->context));
        const redux_status status = rdx_dicom_probe(&im->dicom, paths[i]);
        if (status != REDUX_OK && im->dicom.no_image && count > 1) {
            rdx_log(s->context, REDUX_LOG_INFO, "skipped: %s", redux_error_message());
            continue;
        }
        if (status != REDUX_OK) {
            RDX_TRY(settle(user, paths[i], status));
            continue;
        }
        im->path = paths[i];
        im->number = s->count++;
    }
    return REDUX_OK;
}

static redux_status add_groups(series *s)
{
    RDX_TRY(group_images(s));
    RDX_TRY(order_images(s));
    for (int64_t i = 0, next; i < s->count; i = next) {
        for (next = i + 1; next < s->count && s->images[next].group == s->images[i].group;)
            next++;
        RDX_TRY(add_volume(s, s->images + i, next - i));
    }
    return REDUX_OK;
}

redux_status rdx_dicom_add_files(redux_dataset *dataset, redux_context *context, const char *folder,
                                 const char *const *paths, int64_t count, rdx_settle_fn settle,
                                 void *user)
{
    series s = {.dataset = dataset, .context = context, .folder = folder};
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(image)));
    s.images = block;
    redux_status status = probe_files(&s, paths, count, settle, user);
    if (status == REDUX_OK && s.count > 0)
        status = add_groups(&s);
    rdx_free(block);
    return status;
}
