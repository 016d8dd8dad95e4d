/* SPDX-License-Identifier: MIT
 * Kept slices as files. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <redux/array.h>
#include <redux/file.h>
#include <redux/picture.h>
#include "io/io.h"
#include "picture.h"
#include "select.h"

#define INDEX "index.csv"

/* The state of the export, one volume at a time. */
typedef struct export_job {
    redux_context *context;
    const redux_reduction *reduction;
    const char *folder;
    redux_export_format format;
    const rdx_writer *index; /* index.csv */
} export_job;

/* Bytes of the longest beginning of at most `most` bytes that does not end within a UTF-8
 * character.
 */
static size_t whole_characters(const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length <= most)
        return length;
    for (length = most; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
        length--;
    return length;
}

/* The last part of a source without the suffixes of volumes and pictures. Characters with a meaning
 * to a shell or file system become '-'. */
static void stem_of(char *stem, size_t size, const char *source)
{
    static const char *const endings[] = {".gz",  ".nii",  ".hdr", ".img", ".png",
                                          ".jpg", ".jpeg", ".npy", ".npz"};
    const char *slash = strrchr(source, '/');
    const char *name = slash == NULL ? source : slash + 1;
    snprintf(stem, size, "%.*s", (int)whole_characters(name, size - 1), name);
    for (int64_t i = 0; i < RDX_COUNT(endings); i++) {
        const size_t length = strlen(stem), ending = strlen(endings[i]);
        if (length > ending && strcasecmp(stem + length - ending, endings[i]) == 0)
            stem[length - ending] = '\0';
    }
    for (char *c = stem; *c != '\0'; c++)
        if ((unsigned char)*c < 128 && !isalnum((unsigned char)*c) && strchr("._-+=", *c) == NULL)
            *c = '-';
}

static redux_status index_line(const export_job *job, const char *file, const char *key,
                               int64_t volume, int64_t slice)
{
    char number[32];
    const char *source = NULL;
    int64_t index = 0;
    RDX_TRY(redux_dataset_get_slice_name(&source, &index, job->reduction->dataset, volume, slice));
    RDX_TRY(rdx_write_csv_field(job->index, file));
    RDX_TRY(rdx_write(job->index, ","));
    RDX_TRY(rdx_write(job->index, key));
    RDX_TRY(rdx_write(job->index, ","));
    RDX_TRY(rdx_write_csv_field(job->index, source));
    snprintf(number, sizeof number, ",%lld\n", (long long)index);
    return rdx_write(job->index, number);
}

/* VOLUME_STEM_SLICE.png, or with `slice` -1 VOLUME_STEM.npz. The numbers make it unique. */
static redux_status file_name(const export_job *job, char *name, size_t size, int64_t volume,
                              int64_t slice)
{
    static const char *const endings[] = {"png", "npy", "npz"};
    char stem[160];
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    const char *source = NULL;
    int64_t index = 0;
    RDX_TRY(redux_dataset_get_volume_info(&info, job->reduction->dataset, volume));
    source = info.source;
    if (slice >= 0)
        RDX_TRY(
            redux_dataset_get_slice_name(&source, &index, job->reduction->dataset, volume, slice));
    stem_of(stem, sizeof stem, source);
    if (slice >= 0)
        snprintf(name, size, "%04lld_%s_%04lld.%s", (long long)volume, stem, (long long)slice,
                 endings[job->format]);
    else
        snprintf(name, size, "%04lld_%s.%s", (long long)volume, stem, endings[job->format]);
    return REDUX_OK;
}

static redux_status path_of(const export_job *job, char *path, size_t size, const char *name)
{
    if ((size_t)snprintf(path, size, "%s/%s", job->folder, name) >= size)
        return rdx_fail(REDUX_E_INVALID, "%s: the path is too long", job->folder);
    return REDUX_OK;
}

/* Writes a slice: its 8-bit picture, or its values. */
static redux_status slice_array(const export_job *job, redux_tensor *out,
                                const redux_volume *volume, const redux_volume_info *info,
                                int64_t slice)
{
    const redux_window window = job->reduction->options.window;
    redux_context *context = job->context;
    redux_tensor pixels;
    if (job->format == REDUX_EXPORT_PNG)
        return rdx_slice_picture(out, context, job->reduction, volume, info, slice);
    RDX_TRY(redux_volume_slice_oriented(&pixels, context, volume, slice, REDUX_ORIENTATION_AXIAL));
    redux_status status;
    if (window.kind != REDUX_WINDOW_AUTO) {
        status = rdx_windowed(out, context, &pixels, info, window);
    } else if (info->slope == 1 && info->intercept == 0) {
        status = redux_tensor_contiguous(out, context, &pixels, pixels.dtype);
    } else {
        status = redux_tensor_new(out, context, REDUX_FLOAT32, 2, pixels.shape);
        if (status == REDUX_OK)
            status = redux_tensor_copy(out, &pixels);
        for (int64_t i = 0; status == REDUX_OK && i < redux_tensor_elements(out); i++) {
            float *value = (float *)out->data + i;
            *value = (float)(info->slope * (double)*value + info->intercept);
        }
    }
    redux_tensor_release(&pixels);
    return status;
}

static redux_status export_slice(const export_job *job, const redux_volume *volume,
                                 const redux_volume_info *info, int64_t index, int64_t slice)
{
    char name[300], path[4400];
    redux_tensor array;
    RDX_TRY(file_name(job, name, sizeof name, index, slice));
    RDX_TRY(path_of(job, path, sizeof path, name));
    RDX_TRY(slice_array(job, &array, volume, info, slice));
    redux_status status = job->format == REDUX_EXPORT_PNG
                              ? redux_picture_write_png(path, job->context, &array)
                              : redux_npy_write(path, job->context, &array);
    redux_tensor_release(&array);
    return status == REDUX_OK ? index_line(job, name, "", index, slice) : status;
}

/* All kept slices of a volume as one archive. */
static redux_status export_archive(const export_job *job, const redux_volume *volume,
                                   const redux_volume_info *info, int64_t index,
                                   const int64_t *slices, int64_t count)
{
    char name[300], path[4400], (*keys)[32];
    void *block;
    redux_status status = REDUX_OK;
    const size_t each = sizeof(redux_tensor) + sizeof(char *) + sizeof *keys;
    RDX_TRY(file_name(job, name, sizeof name, index, -1));
    RDX_TRY(path_of(job, path, sizeof path, name));
    RDX_TRY(rdx_alloc_zero(job->context, &block, (uint64_t)count, each));
    redux_tensor *arrays = block;
    const char **key_list = (void *)(arrays + count);
    keys = (void *)(key_list + count);
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        snprintf(keys[i], sizeof keys[i], "slice_%04lld", (long long)slices[i]);
        key_list[i] = keys[i];
        status = slice_array(job, &arrays[i], volume, info, slices[i]);
        if (status == REDUX_OK)
            status = index_line(job, name, keys[i], index, slices[i]);
    }
    if (status == REDUX_OK)
        status = redux_npz_write(path, job->context, key_list, arrays, count);
    for (int64_t i = 0; i < count; i++)
        redux_tensor_release(&arrays[i]);
    rdx_free(block);
    return status;
}

static redux_status export_volume(const export_job *job, int64_t index, const int64_t *slices,
                                  int64_t count)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    redux_volume *volume;
    redux_status status = REDUX_OK;
    if (count == 0)
        return REDUX_OK;
    RDX_TRY(redux_dataset_get_volume_info(&info, job->reduction->dataset, index));
    RDX_TRY(redux_volume_open(&volume, job->context, job->reduction->dataset, index));
    if (job->format == REDUX_EXPORT_NPZ)
        status = export_archive(job, volume, &info, index, slices, count);
    for (int64_t i = 0; job->format != REDUX_EXPORT_NPZ && i < count && status == REDUX_OK; i++)
        status = export_slice(job, volume, &info, index, slices[i]);
    redux_volume_free(volume);
    return status;
}

static redux_status export_all(redux_context *context, const rdx_writer *writer, const void *user)
{
    export_job job = *(const export_job *)user;
    const redux_reduction *reduction = job.reduction;
    void *block;
    job.index = writer;
    RDX_TRY(rdx_write(writer, REDUX_MARK_EXPORT "\n"));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)reduction->row_count, sizeof(int64_t)));
    int64_t *slices = block;
    redux_status status = REDUX_OK;
    rdx_progress_begin(context, reduction->row_count);
    for (int64_t v = 0; v < redux_dataset_volume_count(reduction->dataset) && status == REDUX_OK;
         v++) {
        const int64_t first = rdx_dataset_first_row(reduction->dataset, v);
        const int64_t end = rdx_dataset_first_row(reduction->dataset, v + 1);
        int64_t count = 0;
        for (int64_t row = first; row < end; row++)
            if (reduction->rows[row].kept)
                slices[count++] = row - first;
        status = export_volume(&job, v, slices, count);
        if (status == REDUX_OK)
            status = rdx_progress_add(context, end - first);
    }
    rdx_progress_begin(context, 0);
    rdx_free(block);
    return status;
}

redux_status redux_export_check(const char *folder, redux_context *context)
{
    if (folder == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_export_check: folder is NULL");
    return rdx_folder_check(context, folder, INDEX, REDUX_MARK_EXPORT);
}

/* All files go into a hidden folder, which then takes the place of `folder`. */
redux_status redux_export(const char *folder, redux_context *context,
                          const redux_reduction *reduction, redux_export_format format)
{
    char path[4400];
    rdx_file target;
    if (folder == NULL || reduction == NULL || format < REDUX_EXPORT_PNG ||
        format > REDUX_EXPORT_NPZ)
        return rdx_fail(REDUX_E_INVALID, "redux_export: an argument is NULL or unknown");
    RDX_TRY(rdx_folder_begin(&target, context, folder, INDEX, REDUX_MARK_EXPORT));
    const export_job job = {context, reduction, target.temporary, format, NULL};
    redux_status status = path_of(&job, path, sizeof path, INDEX);
    if (status == REDUX_OK)
        status = rdx_save(path, context, REDUX_MARK_EXPORT, export_all, &job);
    if (status == REDUX_OK)
        return rdx_folder_commit(&target);
    rdx_folder_abort(&target);
    return status;
}
