/* SPDX-License-Identifier: MIT
 * The dataset: the list of volumes, and queries about it. find.c fills it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "data.h"

/* Paths of slices are packed into blocks, because there may be half a million of them. */
#define TEXT_BLOCK (64 << 10)

struct rdx_text_block {
    struct rdx_text_block *next;
    size_t used, size;
    char text[];
};

/* ---- building ---- */

redux_status rdx_dataset_skip(redux_dataset *dataset, redux_context *context, const char *path,
                              const char *reason)
{
    void *block = dataset->skipped;
    char *copies[2];
    RDX_TRY(rdx_grow(context, &block, &dataset->skipped_capacity, 2 * dataset->skipped_count,
                     2 * dataset->skipped_count + 2, sizeof(char *)));
    dataset->skipped = block;
    RDX_TRY(rdx_strdup(context, &copies[1], reason));
    const redux_status status = rdx_strdup(context, &copies[0], path);
    if (status != REDUX_OK) {
        rdx_free(copies[1]);
        return status;
    }
    memcpy(dataset->skipped + 2 * dataset->skipped_count, copies, sizeof copies);
    dataset->skipped_count++;
    return REDUX_OK;
}

void rdx_found_describe(redux_volume_info *info, const rdx_found *found,
                        redux_orientation orientation)
{
    static const int8_t as_stored[3] = {2, 1, 0};
    const rdx_geometry *g = &found->geometry;
    const int8_t *axis = orientation == REDUX_ORIENTATION_AXIAL ? g->axis : as_stored;
    info->format = found->format->name;
    info->is_scan = found->format->is_scan;
    info->on_demand = found->format->on_demand;
    info->dtype = found->dtype;
    info->slices = g->dim[axis[0]];
    info->height = g->dim[axis[1]];
    info->width = g->dim[axis[2]];
    info->slope = found->slope;
    info->intercept = found->intercept;
    for (int i = 0; i < 3; i++)
        info->spacing[i] = g->spacing[axis[i]];
    info->bytes = found->bytes;
    info->same_slices = g->axis[0] == 2;
}

redux_status rdx_dataset_add(redux_dataset *dataset, redux_context *context,
                             const rdx_source *source)
{
    void *block = dataset->volumes;
    RDX_TRY(rdx_grow(context, &block, &dataset->capacity, dataset->count, dataset->count + 1,
                     sizeof(rdx_source)));
    dataset->volumes = block;
    dataset->volumes[dataset->count] = *source;
    dataset->volumes[dataset->count].info.source = source->found.source;
    dataset->count++;
    return REDUX_OK;
}

redux_status rdx_dataset_keep_text(const char **out, redux_dataset *dataset, redux_context *context,
                                   const char *from, size_t length)
{
    struct rdx_text_block *text = dataset->text;
    if (text == NULL || text->size - text->used <= length) {
        const size_t size = RDX_MAX(length + 1, (size_t)TEXT_BLOCK);
        void *block;
        RDX_TRY(rdx_alloc(context, &block, sizeof *text + size, 1));
        text = block;
        text->next = dataset->text;
        text->used = 0;
        text->size = size;
        dataset->text = text;
    }
    char *copy = text->text + text->used;
    memcpy(copy, from, length);
    copy[length] = '\0';
    text->used += length + 1;
    *out = copy;
    return REDUX_OK;
}

redux_status rdx_dataset_add_file(redux_dataset *dataset, redux_context *context, const char *path)
{
    void *block = dataset->files;
    RDX_TRY(rdx_grow(context, &block, &dataset->file_capacity, dataset->file_count,
                     dataset->file_count + 1, sizeof(char *)));
    dataset->files = block;
    RDX_TRY(rdx_dataset_keep_text(&dataset->files[dataset->file_count], dataset, context, path,
                                  strlen(path)));
    dataset->file_count++;
    return REDUX_OK;
}

/* ---- what is passed over ---- */

static redux_status sort_excluded(redux_dataset *dataset, redux_context *context)
{
    const redux_dataset_options *options = &dataset->options;
    const size_t count = (size_t)options->exclude_count;
    void *block;
    if (count == 0)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, count, sizeof(char *)));
    dataset->excluded = block;
    memcpy(dataset->excluded, options->exclude, count * sizeof(char *));
    qsort(dataset->excluded, count, sizeof(char *), rdx_compare_texts);
    return REDUX_OK;
}

bool rdx_dataset_excludes(redux_dataset *dataset, const char *source)
{
    if (dataset->excluded == NULL ||
        bsearch(&source, dataset->excluded, (size_t)dataset->options.exclude_count, sizeof(char *),
                rdx_compare_texts) == NULL)
        return false;
    dataset->passed_over++;
    return true;
}

/* ---- opening and freeing ---- */

/* Runs once all volumes are found, because pictures may join a volume that is not the last. */
void rdx_dataset_number(redux_dataset *dataset)
{
    dataset->slices = 0;
    for (int64_t i = 0; i < dataset->count; i++) {
        dataset->volumes[i].first_row = dataset->slices;
        dataset->slices += dataset->volumes[i].info.slices;
    }
}

static int compare_sources(const void *a, const void *b)
{
    const rdx_source *x = *(const rdx_source *const *)a, *y = *(const rdx_source *const *)b;
    const int order = strcmp(x->info.source, y->info.source);
    return order != 0 ? order : (x > y) - (x < y);
}

/* FOLDER -> FOLDER#number. Only volumes with a file for each slice can share a name: slices of
 * others would, too. */
static redux_status rename_volume(rdx_source *source, redux_context *context, int64_t number)
{
    const size_t size = strlen(source->found.source) + 24;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    snprintf(block, size, "%s#%lld", source->found.source, (long long)number);
    rdx_free(source->found.source);
    source->found.source = block;
    source->info.source = block;
    return REDUX_OK;
}

/* A series that had to be divided and a folder whose pictures were not named one after the other
 * are several volumes: the second one of a name gets "#2", and so on. */
static redux_status make_names_unique(redux_dataset *dataset, redux_context *context)
{
    const size_t count = (size_t)dataset->count;
    redux_status status = REDUX_OK;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, count + 1, sizeof(rdx_source *)));
    rdx_source **sorted = block;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &dataset->volumes[i];
    qsort(sorted, count, sizeof *sorted, compare_sources);
    for (size_t i = 1, first = 0; i < count && status == REDUX_OK; i++) {
        if (strcmp(sorted[i]->info.source, sorted[first]->info.source) != 0)
            first = i;
        else if (sorted[i]->info.file_per_slice)
            status = rename_volume(sorted[i], context, (int64_t)(i - first) + 1);
    }
    rdx_free(block);
    return status;
}

static redux_status check_options(redux_dataset_options *out, const char *const *paths,
                                  int64_t count, const redux_dataset_options *options)
{
    const redux_dataset_options defaults = REDUX_DATASET_OPTIONS_INIT;
    *out = defaults;
    RDX_TRY(rdx_read_options(out, sizeof *out, options, "redux_dataset_options"));
    if (paths == NULL || count < 1)
        return rdx_fail(REDUX_E_INVALID, "a dataset needs at least one path");
    for (int64_t i = 0; i < count; i++)
        if (paths[i] == NULL || paths[i][0] == '\0')
            return rdx_fail(REDUX_E_INVALID, "path %lld of the dataset is empty", (long long)i + 1);
    if (out->orientation != REDUX_ORIENTATION_AXIAL && out->orientation != REDUX_ORIENTATION_STORED)
        return rdx_fail(REDUX_E_INVALID, "unknown orientation %d", (int)out->orientation);
    if (out->exclude_count < 0 || (out->exclude_count > 0 && out->exclude == NULL))
        return rdx_fail(REDUX_E_INVALID, "exclude_count is %lld, but exclude is NULL",
                        (long long)out->exclude_count);
    for (int64_t i = 0; i < out->exclude_count; i++)
        if (out->exclude[i] == NULL)
            return rdx_fail(REDUX_E_INVALID, "excluded source %lld is NULL", (long long)i + 1);
    RDX_TRY(redux_group_by_check(out->group_by));
    if (out->frame < -1)
        return rdx_fail(REDUX_E_INVALID, "frame is %d; it must be -1 (none) or more",
                        (int)out->frame);
    return REDUX_OK;
}

static redux_status find_within(redux_dataset *dataset, redux_context *context,
                                const char *const *paths, int64_t count)
{
    const char *folder = dataset->options.within;
    if (folder == NULL)
        return rdx_dataset_find(dataset, context, paths, count);
    char *real = realpath(folder, NULL);
    if (real == NULL)
        return rdx_fail_errno(folder, "cannot be read", errno);
    rdx_set_within(real);
    const redux_status status = rdx_dataset_find(dataset, context, paths, count);
    rdx_set_within(NULL);
    free(real);
    return status;
}

redux_status redux_dataset_open(redux_dataset **out, redux_context *context,
                                const char *const *paths, int64_t path_count,
                                const redux_dataset_options *options)
{
    redux_dataset_options known;
    void *block;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_open: out is NULL");
    RDX_TRY(check_options(&known, paths, path_count, options));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_dataset)));
    redux_dataset *dataset = block;
    dataset->options = known;
    redux_status status = sort_excluded(dataset, context);
    if (status == REDUX_OK)
        status = find_within(dataset, context, paths, path_count);
    rdx_dataset_number(dataset);
    rdx_dataset_report_passed(dataset, context);
    if (status == REDUX_OK)
        status = make_names_unique(dataset, context);
    if (status == REDUX_OK)
        status = rdx_dataset_group(dataset, context);
    rdx_free(dataset->excluded);
    dataset->excluded = NULL;
    dataset->options.exclude = NULL; /* the caller's, as are the next three */
    dataset->options.group_by = NULL;
    dataset->options.grouped_with = NULL;
    dataset->options.within = NULL;
    if (status == REDUX_OK && dataset->count == 0 && dataset->passed_over == 0)
        status =
            rdx_fail(REDUX_E_NOT_FOUND, "no usable input: %lld files were left out, the first: %s",
                     (long long)dataset->skipped_count,
                     dataset->skipped_count > 0 ? dataset->skipped[1] : "none");
    if (status != REDUX_OK) {
        redux_dataset_free(dataset);
        return status;
    }
    *out = dataset;
    return REDUX_OK;
}

void redux_dataset_free(redux_dataset *dataset)
{
    if (dataset == NULL)
        return;
    for (int64_t i = 0; i < dataset->count; i++)
        rdx_found_clear(&dataset->volumes[i].found);
    for (int64_t i = 0; i < 2 * dataset->skipped_count; i++)
        rdx_free(dataset->skipped[i]);
    while (dataset->text != NULL) {
        struct rdx_text_block *next = dataset->text->next;
        rdx_free(dataset->text);
        dataset->text = next;
    }
    rdx_groups_clear(&dataset->groups);
    rdx_dataset_clear_passed(dataset);
    rdx_free(dataset->volumes);
    rdx_free(dataset->files);
    rdx_free(dataset->skipped);
    rdx_free(dataset);
}

redux_status redux_dataset_protect(const redux_dataset *dataset, redux_context *context)
{
    if (dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_protect: the dataset is NULL");
    for (int64_t i = 0; i < dataset->file_count; i++)
        RDX_TRY(redux_context_protect(context, dataset->files[i]));
    for (int64_t i = 0; i < dataset->count; i++) {
        const rdx_found *found = &dataset->volumes[i].found;
        if (found->file != NULL)
            RDX_TRY(redux_context_protect(context, found->file));
        if (found->image != NULL)
            RDX_TRY(redux_context_protect(context, found->image));
    }
    return dataset->groups.table == NULL ? REDUX_OK
                                         : redux_context_protect(context, dataset->groups.table);
}

/* ---- asking ---- */

int64_t redux_dataset_volume_count(const redux_dataset *dataset)
{
    return dataset == NULL ? 0 : dataset->count;
}

int64_t redux_dataset_slice_count(const redux_dataset *dataset)
{
    return dataset == NULL ? 0 : dataset->slices;
}

int64_t rdx_dataset_first_row(const redux_dataset *dataset, int64_t volume)
{
    return volume == dataset->count ? dataset->slices : dataset->volumes[volume].first_row;
}

int64_t rdx_dataset_volume_of(const redux_dataset *dataset, int64_t row)
{
    int64_t low = 0, high = dataset->count - 1; /* the last volume that does not begin after it */
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        if (dataset->volumes[middle].first_row <= row)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static redux_status check_volume(const redux_dataset *dataset, int64_t volume)
{
    if (dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "the dataset is NULL");
    if (volume < 0 || volume >= dataset->count)
        return rdx_fail(REDUX_E_INVALID, "there is no volume %lld: the dataset has %lld",
                        (long long)volume, (long long)dataset->count);
    return REDUX_OK;
}

redux_status redux_dataset_get_volume_info(redux_volume_info *out, const redux_dataset *dataset,
                                           int64_t volume)
{
    RDX_TRY(check_volume(dataset, volume));
    redux_volume_info info = dataset->volumes[volume].info;
    return rdx_write_result(out, &info, sizeof info, "redux_volume_info");
}

redux_status redux_dataset_get_slice_name(const char **source, int64_t *index,
                                          const redux_dataset *dataset, int64_t volume,
                                          int64_t slice)
{
    RDX_TRY(check_volume(dataset, volume));
    const rdx_source *from = &dataset->volumes[volume];
    if (source == NULL || index == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_get_slice_name: an output is NULL");
    if (slice < 0 || slice >= from->info.slices)
        return rdx_fail(REDUX_E_INVALID, "%s: there is no slice %lld: it has %lld",
                        from->info.source, (long long)slice, (long long)from->info.slices);
    const bool file = from->info.file_per_slice != 0;
    *source = file ? dataset->files[from->first_file + slice] : from->info.source;
    *index = file ? 0 : slice;
    return REDUX_OK;
}

int64_t redux_dataset_slice_number(const redux_dataset *dataset, int64_t volume, int64_t slice)
{
    if (volume < 0 || volume >= redux_dataset_volume_count(dataset) || slice < 0 ||
        slice >= dataset->volumes[volume].info.slices)
        return -1;
    return dataset->volumes[volume].first_row + slice;
}

redux_status redux_dataset_get_place(int64_t *volume, int64_t *slice, const redux_dataset *dataset,
                                     int64_t number)
{
    if (volume == NULL || slice == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_get_place: an argument is NULL");
    if (number < 0 || number >= dataset->slices)
        return rdx_fail(REDUX_E_INVALID, "there is no slice %lld: the dataset has %lld",
                        (long long)number, (long long)dataset->slices);
    *volume = rdx_dataset_volume_of(dataset, number);
    *slice = number - rdx_dataset_first_row(dataset, *volume);
    return REDUX_OK;
}

redux_status rdx_dataset_row_size(int64_t *height, int64_t *width, const redux_dataset *dataset,
                                  int64_t row)
{
    const rdx_source *source = &dataset->volumes[rdx_dataset_volume_of(dataset, row)];
    rdx_picture_info picture;
    uint64_t bytes;
    *height = source->info.height;
    *width = source->info.width;
    if (!source->info.file_per_slice || source->info.is_scan)
        return REDUX_OK;
    const char *path = dataset->files[source->first_file + row - source->first_row];
    RDX_TRY(rdx_picture_probe(&picture, &bytes, path));
    *height = picture.height;
    *width = picture.width;
    return REDUX_OK;
}

redux_status rdx_dataset_row_name(const char **source, int64_t *index, const redux_dataset *dataset,
                                  int64_t row)
{
    const int64_t volume = rdx_dataset_volume_of(dataset, row);
    return redux_dataset_get_slice_name(source, index, dataset, volume,
                                        row - rdx_dataset_first_row(dataset, volume));
}

int64_t redux_dataset_skipped_count(const redux_dataset *dataset)
{
    return dataset == NULL ? 0 : dataset->skipped_count;
}

const char *redux_dataset_skipped_source(const redux_dataset *dataset, int64_t index)
{
    return index < 0 || index >= redux_dataset_skipped_count(dataset) ? NULL
                                                                      : dataset->skipped[2 * index];
}

const char *redux_dataset_skipped_reason(const redux_dataset *dataset, int64_t index)
{
    return index < 0 || index >= redux_dataset_skipped_count(dataset)
               ? NULL
               : dataset->skipped[2 * index + 1];
}

/* ---- checksums ---- */

static redux_status add_file(uint32_t *crc, redux_context *context, unsigned char *buffer,
                             size_t size, const char *path)
{
    struct stat status;
    int fd;
    uint64_t at = 0;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    for (size_t count = size; count == size; at += count) {
        redux_status read = rdx_read_at(fd, path, at, buffer, size, &count);
        if (read == REDUX_OK)
            read = rdx_progress_poll(context);
        if (read != REDUX_OK) {
            close(fd);
            return read;
        }
        *crc = (uint32_t)crc32(*crc, buffer, (uInt)count);
    }
    close(fd);
    return REDUX_OK;
}

static redux_status add_files(uint32_t *crc, redux_context *context, unsigned char *buffer,
                              size_t size, const redux_dataset *dataset, const rdx_source *source)
{
    if (source->info.file_per_slice) {
        for (int64_t i = 0; i < source->info.slices; i++)
            RDX_TRY(add_file(crc, context, buffer, size, dataset->files[source->first_file + i]));
        return REDUX_OK;
    }
    RDX_TRY(add_file(crc, context, buffer, size, source->found.file));
    return source->found.image == NULL ? REDUX_OK
                                       : add_file(crc, context, buffer, size, source->found.image);
}

static redux_status file_checksum(uint32_t *out, redux_context *context,
                                  const redux_dataset *dataset, const rdx_source *source)
{
    const size_t size = 1 << 18;
    void *buffer;
    *out = 0;
    RDX_TRY(rdx_alloc(context, &buffer, size, 1));
    const redux_status status = add_files(out, context, buffer, size, dataset, source);
    rdx_free(buffer);
    return status;
}

redux_status redux_dataset_checksum(uint32_t *out, redux_context *context,
                                    const redux_dataset *dataset, int64_t volume)
{
    uint32_t crc;
    RDX_TRY(check_volume(dataset, volume));
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_checksum: out is NULL");
    const rdx_source *source = &dataset->volumes[volume];
    const rdx_format *format = source->found.format; /* NULL: of a folder of pictures */
    if (format != NULL && format->checksum != NULL)
        RDX_TRY(format->checksum(&crc, context, &source->found));
    else
        RDX_TRY(file_checksum(&crc, context, dataset, source));
    *out = crc;
    return REDUX_OK;
}

/* ---- checksums of many volumes: each file is read once ---- */

typedef struct by_file {
    const rdx_source *source;
    int64_t volume;
} by_file;

/* Volumes that share a file (of an archive) come one after the other. */
static int compare_files(const void *a, const void *b)
{
    const by_file *x = a, *y = b;
    const char *left = x->source->found.file, *right = y->source->found.file;
    const int order =
        left == NULL || right == NULL ? (left != NULL) - (right != NULL) : strcmp(left, right);
    return order != 0 ? order : (x->volume > y->volume) - (x->volume < y->volume);
}

/* Whether equal checksums follow from what is read for them. */
static bool shares_file(const rdx_source *a, const rdx_source *b)
{
    return a->found.file != NULL && b->found.file != NULL && a->found.image == NULL &&
           b->found.image == NULL && a->found.format->checksum == NULL &&
           b->found.format->checksum == NULL && strcmp(a->found.file, b->found.file) == 0;
}

redux_status rdx_dataset_checksums(uint32_t *out, redux_context *context,
                                   const redux_dataset *dataset, const uint8_t *wanted)
{
    void *block;
    int64_t count = 0;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)dataset->count, sizeof(by_file)));
    by_file *list = block;
    for (int64_t v = 0; v < dataset->count; v++)
        if (wanted[v] != 0)
            list[count++] = (by_file){&dataset->volumes[v], v};
    if (count > 0)
        qsort(list, (size_t)count, sizeof *list, compare_files);
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        if (i > 0 && shares_file(list[i - 1].source, list[i].source))
            out[list[i].volume] = out[list[i - 1].volume];
        else
            status = redux_dataset_checksum(&out[list[i].volume], context, dataset, list[i].volume);
    rdx_free(block);
    return status;
}
