/* SPDX-License-Identifier: MIT
 * From DICOM files to volumes. Files of one series, patient, size and orientation are one volume;
 * where their kinds of pixels or slopes differ, it has values in float32. Its slices are ordered by
 * position along their normal (axial slices from the feet to the head), whatever their names and
 * numbers are. Files with several frames are volumes of their own (io/format_dicom_frames.c). */
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
    double along; /* the normal, mm; NaN: unknown; the same for all images of one place */
} image;

#define SAME_PLACE 1e-3 /* mm */

typedef struct series {
    redux_dataset *dataset;
    redux_context *context;
    const char *folder;
    image *images;
    int64_t count, groups;
} series;

/* ---- what belongs together ---- */

/* Why two images cannot be of one volume; NULL: they can. */
static const char *difference(const rdx_dicom *a, const rdx_dicom *b)
{
    if (strcmp(a->series, b->series) != 0)
        return "series";
    if (strcmp(a->patient, b->patient) != 0)
        return "patient";
    if (a->height != b->height || a->width != b->width)
        return "size";
    return rdx_dicom_same_orientation(a, b) ? NULL : "orientation";
}

static bool same_volume(const rdx_dicom *a, const rdx_dicom *b)
{
    return difference(a, b) == NULL;
}

/* A series that becomes several volumes is reported once for each further one. */
static void report_division(const series *s, image *const *first, int64_t g)
{
    for (int64_t i = 0; i < g; i++) {
        if (strcmp(first[i]->dicom.series, first[g]->dicom.series) != 0)
            continue;
        rdx_log(s->context, REDUX_LOG_WARNING,
                "%s: differs in %s from %s, although both are of one series: they are in different "
                "volumes",
                first[g]->path, difference(&first[i]->dicom, &first[g]->dicom), first[i]->path);
        return;
    }
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
        if (g == s->groups) {
            first[s->groups++] = im;
            report_division(s, first, g);
        }
        im->group = g;
    }
    rdx_free(block);
    return REDUX_OK;
}

/* ---- their order ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By group, position, echo, time, instance number, path. If one position of a group is unknown, all
 * count as unknown. */
static int compare_images(const void *left, const void *right)
{
    const image *a = left, *b = right;
    const rdx_dicom *x = &a->dicom, *y = &b->dicom;
    int order = compare_numbers(a->group, b->group);
    if (order == 0)
        order = (a->along > b->along) - (a->along < b->along);
    if (order == 0)
        order = compare_numbers(x->echo, y->echo);
    if (order == 0)
        order = compare_numbers(x->time, y->time);
    if (order == 0)
        order = compare_numbers(x->acquisition, y->acquisition);
    if (order == 0)
        order = compare_numbers(x->instance, y->instance);
    return order != 0 ? order : compare_numbers(a->number, b->number);
}

/* Positions are written with few digits, so that images of one place may differ in the last one. */
static void merge_places(series *s)
{
    qsort(s->images, (size_t)s->count, sizeof *s->images, compare_images);
    for (int64_t i = 1; i < s->count; i++) {
        const image *before = &s->images[i - 1];
        if (before->group == s->images[i].group && s->images[i].along - before->along <= SAME_PLACE)
            s->images[i].along = before->along;
    }
    qsort(s->images, (size_t)s->count, sizeof *s->images, compare_images);
}

static redux_status order_images(series *s)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(s->context, &block, (uint64_t)s->groups, 1));
    uint8_t *unknown = block;
    for (int64_t i = 0; i < s->count; i++) {
        s->images[i].along = rdx_dicom_along(&s->images[i].dicom);
        if (isnan(s->images[i].along))
            unknown[s->images[i].group] = 1;
    }
    for (int64_t i = 0; i < s->count; i++)
        if (unknown[s->images[i].group])
            s->images[i].along = NAN;
    rdx_free(block);
    merge_places(s);
    return REDUX_OK;
}

/* ---- several images at each place ---- */

/* How many images each place has, where all have as many and they are not copies of each other
 * (time points, echoes); otherwise 1. */
static int64_t count_frames(const image *images, int64_t count)
{
    int64_t frames = 1;
    while (frames < count && images[frames].along == images[0].along)
        frames++;
    if (frames == 1 || frames == count || count % frames != 0 || isnan(images[0].along))
        return 1;
    for (int64_t i = 1; i < count; i++) {
        const bool same = images[i].along == images[i - 1].along;
        if (same != (i % frames != 0) ||
            (same && images[i].dicom.instance == images[i - 1].dicom.instance))
            return 1;
    }
    return frames;
}

/* Keeps the images of the frame that was asked for; *count: how many. */
static redux_status choose_frame(const series *s, image *images, int64_t *count)
{
    const int64_t frames = count_frames(images, *count), frame = s->dataset->options.frame;
    if (frames == 1)
        return REDUX_OK;
    if (frame < 0)
        return rdx_fail(REDUX_E_INVALID,
                        "%s: has %lld images at each of %lld places (time points or echoes): "
                        "choose one with --frame",
                        images[0].path, (long long)frames, (long long)(*count / frames));
    if (frame >= frames)
        return rdx_fail(REDUX_E_INVALID, "%s: there is no frame %lld: each place has %lld images",
                        images[0].path, (long long)frame, (long long)frames);
    *count /= frames;
    for (int64_t i = 0; i < *count; i++)
        images[i] = images[i * frames + frame];
    return REDUX_OK;
}

/* Finds the usual distance between neighbours. */
static redux_status measure_distance(double *usual, const series *s, const image *images,
                                     int64_t count)
{
    void *block;
    *usual = images[0].dicom.thickness;
    if (isnan(images[0].along)) {
        if (count > 1)
            rdx_log(s->context, REDUX_LOG_WARNING,
                    "%s: %lld DICOM files have no position; they are ordered by instance number",
                    s->folder, (long long)count);
        return REDUX_OK;
    }
    RDX_TRY(rdx_alloc(s->context, &block, (uint64_t)count, 2 * sizeof(double) + sizeof(char *)));
    double *places = block, *scratch = places + count;
    const char **names = (void *)(scratch + count);
    for (int64_t i = 0; i < count; i++) {
        places[i] = images[i].along;
        names[i] = images[i].path;
    }
    rdx_dicom_measure(usual, s->context, s->folder, places, scratch, names, count);
    rdx_free(block);
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

/* If slopes or kinds of pixels differ, equal stored values mean different things. */
static redux_dtype common_dtype(const image *images, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        const rdx_dicom *a = &images[0].dicom, *b = &images[i].dicom;
        if (a->dtype != b->dtype || a->slope < b->slope || a->slope > b->slope ||
            a->intercept < b->intercept || a->intercept > b->intercept)
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
    redux_status status = rdx_strdup(s->context, &source.found.patient, first->patient);
    if (status == REDUX_OK)
        status = name_volume(&source.found.source, s, &images[0]);
    if (status == REDUX_OK)
        status = rdx_dataset_add(s->dataset, s->context, &source);
    if (status != REDUX_OK)
        rdx_found_clear(&source.found);
    return status;
}

/* Keeps the usable files. Objects without an image (structures, reports) often accompany images. */
static redux_status probe_files(series *s, const rdx_finds *finds, const char *const *paths,
                                int64_t count, rdx_met *met)
{
    for (int64_t i = 0; i < count; i++) {
        image *im = &s->images[s->count];
        bool known;
        if (rdx_dataset_excludes(s->dataset, paths[i]))
            continue;
        RDX_TRY(rdx_progress_poll(s->context));
        redux_status status = rdx_dicom_probe(&im->dicom, paths[i]);
        if (status != REDUX_OK && im->dicom.no_image && count > 1) {
            RDX_TRY(rdx_dataset_pass_over(s->dataset, s->context, REDUX_LOG_INFO,
                                          "DICOM objects without an image", paths[i]));
            continue;
        }
        const bool has_frames = status == REDUX_OK && im->dicom.frames > 1;
        if (has_frames)
            status = rdx_dicom_add_frames(finds, paths[i], &im->dicom);
        if (status != REDUX_OK)
            RDX_TRY(finds->settle(finds->user, paths[i], status));
        if (status != REDUX_OK || has_frames)
            continue;
        RDX_TRY(rdx_dataset_meet(&known, s->dataset, s->context, met, paths[i], NULL));
        if (known)
            continue;
        im->path = paths[i];
        im->number = s->count++;
    }
    return REDUX_OK;
}

static redux_status add_groups(series *s, const rdx_finds *finds)
{
    RDX_TRY(group_images(s));
    RDX_TRY(order_images(s));
    for (int64_t i = 0, next; i < s->count; i = next) {
        for (next = i + 1; next < s->count && s->images[next].group == s->images[i].group;)
            next++;
        int64_t count = next - i;
        const redux_status chosen = choose_frame(s, s->images + i, &count);
        if (chosen != REDUX_OK)
            RDX_TRY(finds->settle(finds->user, s->images[i].path, chosen));
        else
            RDX_TRY(add_volume(s, s->images + i, count));
    }
    return REDUX_OK;
}

redux_status rdx_dicom_add_files(redux_dataset *dataset, const rdx_finds *finds, const char *folder,
                                 const char *const *paths, int64_t count, rdx_met *met)
{
    series s = {.dataset = dataset, .context = finds->context, .folder = folder};
    void *block;
    RDX_TRY(rdx_alloc(finds->context, &block, (uint64_t)count, sizeof(image)));
    s.images = block;
    redux_status status = probe_files(&s, finds, paths, count, met);
    if (status == REDUX_OK && s.count > 0)
        status = add_groups(&s, finds);
    rdx_free(block);
    return status;
}
