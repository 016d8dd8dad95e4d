/* SPDX-License-Identifier: MIT
 * Finding volumes: arguments, folders in natural order, and what each kind of file holds. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "io/format_dicom.h"

typedef struct finder {
    redux_dataset *dataset;
    redux_context *context;
    int64_t run;  /* the volume of pictures that the next picture may join; -1: none */
    char **named; /* DICOM files that were named one after the other, all of one folder */
    int64_t named_count, named_capacity;
} finder;

/* What happens to a failure: it ends the search, or is noted and the search goes on. */
static redux_status settle(finder *f, const char *path, redux_status status)
{
    char reason[1024];
    if (status == REDUX_OK || f->dataset->options.skip_errors == 0 || status == REDUX_E_NO_MEMORY ||
        status == REDUX_E_CANCELLED)
        return status;
    snprintf(reason, sizeof reason, "%s", redux_error_message());
    rdx_log(f->context, REDUX_LOG_INFO, "left out: %s", reason);
    return rdx_dataset_skip(f->dataset, f->context, path, reason);
}

static void release(const rdx_source *source)
{
    rdx_free(source->source);
    rdx_free(source->file);
    rdx_free(source->key);
    rdx_free(source->image);
}

/* Adds what was filled in with `status`, or gives it back. */
static redux_status add(finder *f, const rdx_source *source, redux_status status)
{
    if (status == REDUX_OK)
        status = rdx_dataset_add(f->dataset, f->context, source);
    if (status != REDUX_OK)
        release(source);
    return status;
}

/* ---- NIfTI ---- */

static redux_status describe_nifti(finder *f, rdx_source *source)
{
    static const int8_t as_stored[3] = {2, 1, 0};
    redux_volume_info *info = &source->info;
    const rdx_nifti *nifti = &source->nifti;
    const int32_t frame = f->dataset->options.frame;
    RDX_TRY(rdx_nifti_probe(&source->nifti, f->context, source->source, source->image));
    if (frame < 0 && nifti->frames > 1)
        return rdx_fail(REDUX_E_INVALID, "%s: has %lld frames (4-D): choose one with --frame",
                        source->source, (long long)nifti->frames);
    if (frame >= nifti->frames)
        return rdx_fail(REDUX_E_INVALID, "%s: there is no frame %d: it has %lld", source->source,
                        (int)frame, (long long)nifti->frames);
    const int8_t *axis =
        f->dataset->options.orientation == REDUX_ORIENTATION_AXIAL ? nifti->axis : as_stored;
    info->kind = REDUX_VOLUME_NIFTI;
    info->dtype = nifti->dtype;
    info->slices = nifti->dim[axis[0]];
    info->height = nifti->dim[axis[1]];
    info->width = nifti->dim[axis[2]];
    info->slope = nifti->slope;
    info->intercept = nifti->intercept;
    for (int i = 0; i < 3; i++)
        info->spacing[i] = nifti->spacing[axis[i]];
    info->bytes = nifti->header_size + nifti->image_size;
    info->same_slices = nifti->axis[0] == 2;
    return REDUX_OK;
}

/* `path` is a .nii or a .hdr file. */
static redux_status add_nifti(finder *f, const char *path)
{
    rdx_source source = {0};
    redux_status status = REDUX_OK;
    if (rdx_dataset_excludes(f->dataset, path))
        return REDUX_OK;
    if (rdx_kind_of(path) == RDX_KIND_HEADER)
        status = rdx_nifti_partner(&source.image, f->context, path);
    if (status == REDUX_OK)
        status = rdx_strdup(f->context, &source.source, path);
    if (status == REDUX_OK)
        status = describe_nifti(f, &source);
    return add(f, &source, status);
}

/* An .img stands for its .hdr, once, also where both were named. */
static redux_status add_image(finder *f, const char *path, bool in_folder)
{
    char *header;
    struct stat status;
    if (stat(path, &status) != 0)
        return rdx_fail_errno(path, "cannot be read", errno);
    RDX_TRY(rdx_nifti_partner(&header, f->context, path));
    bool known = in_folder; /* a folder's .hdr comes on its own */
    for (int64_t i = f->dataset->count - 1; i >= 0 && !known; i--)
        known = strcmp(f->dataset->volumes[i].source, header) == 0;
    const redux_status added = known ? REDUX_OK : add_nifti(f, header);
    rdx_free(header);
    return added;
}

/* ---- arrays ---- */

/* Whether the array is a stack of slices, and what it is like. */
static redux_status describe_array(finder *f, rdx_source *source, redux_volume_kind kind)
{
    redux_volume_info *info = &source->info;
    const rdx_npy *npy = &source->array.npy;
    const int64_t *shape = npy->shape;
    char text[160];
    const bool colour = npy->ndim == 4 && (shape[3] == 3 || shape[3] == 4);
    rdx_shape_text(text, sizeof text, npy->ndim, shape);
    if ((npy->ndim != 2 && npy->ndim != 3 && !colour) || (colour && npy->dtype == REDUX_BOOL))
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: its shape is (%s), %s: neither (H, W), (N, H, W) nor (N, H, W, 3 or "
                        "4)",
                        source->source, text, redux_dtype_name(npy->dtype));
    if (npy->bytes == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is empty: its shape is (%s)", source->source,
                        text);
    if (kind == REDUX_VOLUME_NPZ && !rdx_bytes_allowed(f->context, npy->bytes, 1))
        return rdx_fail(REDUX_E_LIMIT, "%s: its %llu bytes are more than the limit", source->source,
                        (unsigned long long)npy->bytes);
    const int32_t rows = npy->ndim == 2 ? 0 : 1;
    info->kind = kind;
    info->dtype = npy->dtype;
    info->slices = rows == 0 ? 1 : shape[0];
    info->height = shape[rows];
    info->width = shape[rows + 1];
    info->slope = 1;
    info->same_slices = 1;
    return REDUX_OK;
}

static redux_status add_npy(finder *f, const char *path)
{
    rdx_source source = {0};
    if (rdx_dataset_excludes(f->dataset, path))
        return REDUX_OK;
    redux_status status = rdx_strdup(f->context, &source.source, path);
    if (status == REDUX_OK)
        status = rdx_npy_probe(&source.array.npy, &source.info.bytes, path);
    if (status == REDUX_OK)
        status = describe_array(f, &source, REDUX_VOLUME_NPY);
    return add(f, &source, status);
}

static redux_status add_member(finder *f, const char *path, const char *key,
                               const rdx_npz_member *member)
{
    rdx_source source = {0};
    struct stat file;
    const size_t size = strlen(path) + strlen(key) + 2;
    void *block;
    redux_status status = rdx_alloc(f->context, &block, size, 1);
    source.source = block;
    if (status == REDUX_OK) {
        snprintf(source.source, size, "%s:%s", path, key);
        if (rdx_dataset_excludes(f->dataset, source.source)) {
            release(&source);
            return REDUX_OK;
        }
        status = rdx_strdup(f->context, &source.file, path);
    }
    if (status == REDUX_OK)
        status = rdx_strdup(f->context, &source.key, key);
    source.array = *member;
    if (status == REDUX_OK)
        status = describe_array(f, &source, REDUX_VOLUME_NPZ);
    if (status == REDUX_OK && stat(path, &file) != 0)
        status = rdx_fail_errno(path, "cannot be read", errno);
    else if (status == REDUX_OK)
        source.info.bytes = (uint64_t)file.st_size;
    return add(f, &source, status);
}

/* Which arrays of an archive are pictures: stacks where there are any; else single ones. Beside
 * stacks a 2-D array is a table (MedMNIST keeps its labels as (N, 1)). */
typedef struct archive {
    finder *f;
    const char *path;
    bool stacks; /* first pass: whether there are any; second: what is wanted */
    int64_t added;
    bool adding;
} archive;

static redux_status visit_member(const char *key, const rdx_npz_member *member, void *user)
{
    archive *a = user;
    const rdx_npy *npy = &member->npy;
    const bool stack =
        npy->ndim == 3 ||
        (npy->ndim == 4 && (npy->shape[3] == 3 || npy->shape[3] == 4) && npy->dtype != REDUX_BOOL);
    if (!a->adding) {
        a->stacks |= stack;
        return REDUX_OK;
    }
    if (a->stacks ? !stack : npy->ndim != 2)
        return REDUX_OK;
    a->added++;
    const redux_status status = add_member(a->f, a->path, key, member);
    if (status == REDUX_OK)
        return REDUX_OK;
    char source[1024];
    snprintf(source, sizeof source, "%s:%s", a->path, key);
    return settle(a->f, source, status);
}

static redux_status add_npz(finder *f, const char *path)
{
    archive a = {f, path, false, 0, false};
    RDX_TRY(rdx_npz_visit(f->context, path, visit_member, &a));
    a.adding = true;
    RDX_TRY(rdx_npz_visit(f->context, path, visit_member, &a));
    if (a.added == 0)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: holds no array of shape (H, W), (N, H, W) or (N, H, W, 3 or 4)", path);
    return REDUX_OK;
}

static redux_status add_npz_key(finder *f, const char *path, const char *key)
{
    rdx_npz_member member;
    RDX_TRY(rdx_npz_find(&member, f->context, path, key));
    return add_member(f, path, key, &member);
}

/* ---- pictures ---- */

/* Adds a picture to the volume of the run, which it begins if there is none. */
static redux_status add_picture(finder *f, const char *folder, const char *path)
{
    rdx_picture_info picture;
    uint64_t bytes;
    if (rdx_dataset_excludes(f->dataset, path))
        return REDUX_OK;
    RDX_TRY(rdx_picture_probe(&picture, &bytes, path));
    RDX_TRY(rdx_dataset_add_picture(f->dataset, f->context, path));
    if (f->run < 0) {
        rdx_source source = {0};
        source.first_picture = f->dataset->picture_count - 1;
        source.info.kind = REDUX_VOLUME_PICTURES;
        source.info.dtype = picture.dtype;
        source.info.height = picture.height;
        source.info.width = picture.width;
        source.info.slope = 1;
        source.info.same_slices = 1;
        RDX_TRY(add(f, &source, rdx_strdup(f->context, &source.source, folder)));
        f->run = f->dataset->count - 1;
    }
    f->dataset->volumes[f->run].info.slices++;
    f->dataset->volumes[f->run].info.bytes += bytes;
    return REDUX_OK;
}

static redux_status folder_of(char **out, const finder *f, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return rdx_strdup(f->context, out, ".");
    return rdx_strndup(f->context, out, path, (size_t)RDX_MAX(slash - path, 1));
}

/* A picture that was named: it joins the one before it if that lies in the same folder. */
static redux_status add_named_picture(finder *f, const char *path)
{
    char *folder;
    RDX_TRY(folder_of(&folder, f, path));
    if (f->run >= 0 && strcmp(f->dataset->volumes[f->run].source, folder) != 0)
        f->run = -1;
    const redux_status status = add_picture(f, folder, path);
    rdx_free(folder);
    return status;
}

/* ---- folders ---- */

/* The folders we are in, to notice a link that leads back. */
typedef struct ancestor {
    const struct ancestor *up;
    dev_t device;
    ino_t inode;
} ancestor;

/* Names worth a look: each preceded by a byte that tells folders ('d') from files ('f'). */
typedef struct listing {
    char *text;
    const char **names;
    int64_t used, capacity, count;
    int64_t unread; /* files of kinds that are not read, and which ones */
    uint32_t unread_kinds;
} listing;

static redux_status list_name(finder *f, listing *list, const char *name, bool folder)
{
    const int64_t length = (int64_t)strlen(name) + 2;
    void *block = list->text;
    RDX_TRY(rdx_grow(f->context, &block, &list->capacity, list->used, list->used + length, 1));
    list->text = block;
    list->text[list->used] = folder ? 'd' : 'f';
    memcpy(list->text + list->used + 1, name, (size_t)length - 1);
    list->used += length;
    list->count++;
    return REDUX_OK;
}

static int compare_names(const void *left, const void *right)
{
    return rdx_natural_compare(*(const char *const *)left, *(const char *const *)right);
}

static redux_status sort_names(finder *f, listing *list)
{
    void *block;
    const char *name = list->text;
    RDX_TRY(rdx_alloc(f->context, &block, (uint64_t)list->count, sizeof(char *)));
    list->names = block;
    for (int64_t i = 0; i < list->count; i++) {
        list->names[i] = name + 1;
        name += strlen(name) + 1;
    }
    if (list->count > 1)
        qsort(list->names, (size_t)list->count, sizeof(char *), compare_names);
    return REDUX_OK;
}

/* Whether an entry is of interest, and what it is. Links are followed; a broken one with a name
 * that promises something is looked at later, and then an error. */
static bool classify(int fd, const struct dirent *entry, bool *folder)
{
    const bool named =
        rdx_kind_of(entry->d_name) != RDX_KIND_NONE || rdx_dicom_maybe(entry->d_name);
    struct stat status;
    if (entry->d_name[0] == '.')
        return false;
    *folder = entry->d_type == DT_DIR;
    if (*folder)
        return true;
    if (entry->d_type == DT_REG)
        return named;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return false;
    if (fstatat(fd, entry->d_name, &status, 0) != 0)
        return named;
    *folder = S_ISDIR(status.st_mode);
    return *folder || (named && S_ISREG(status.st_mode));
}

static redux_status read_names(finder *f, listing *list, DIR *stream, const char *path)
{
    for (;;) {
        bool folder = false;
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL && errno != 0)
            return rdx_fail_errno(path, "cannot be listed", errno);
        if (entry == NULL)
            return sort_names(f, list);
        if (classify(dirfd(stream), entry, &folder)) {
            RDX_TRY(list_name(f, list, entry->d_name, folder));
        } else if (entry->d_name[0] != '.' && rdx_unread_kind(entry->d_name) >= 0) {
            list->unread++;
            list->unread_kinds |= 1U << rdx_unread_kind(entry->d_name);
        }
    }
}

/* *loop: the folder is one that we are in already. */
static redux_status list_folder(finder *f, listing *list, ancestor *here, bool *loop,
                                const char *path)
{
    struct stat status;
    DIR *stream;
    *loop = false;
    do
        stream = opendir(path);
    while (stream == NULL && errno == EINTR);
    if (stream == NULL)
        return rdx_fail_errno(path, "cannot be listed", errno);
    redux_status result = REDUX_OK;
    if (fstat(dirfd(stream), &status) != 0)
        result = rdx_fail_errno(path, "cannot be listed", errno);
    if (result == REDUX_OK) {
        here->device = status.st_dev;
        here->inode = status.st_ino;
        for (const ancestor *up = here->up; up != NULL && !*loop; up = up->up)
            *loop = up->device == here->device && up->inode == here->inode;
        if (!*loop)
            result = read_names(f, list, stream, path);
    }
    closedir(stream);
    return result;
}

/* All pictures of the folder, from its first one on. */
static redux_status add_pictures(finder *f, const listing *list, int64_t first, const char *folder)
{
    redux_status status = REDUX_OK;
    f->run = -1;
    for (int64_t i = first; i < list->count && status == REDUX_OK; i++) {
        char *path;
        if (list->names[i][-1] != 'f' || rdx_kind_of(list->names[i]) != RDX_KIND_PICTURE)
            continue;
        RDX_TRY(rdx_join(&path, f->context, folder, list->names[i]));
        status = settle(f, path, add_picture(f, folder, path));
        rdx_free(path);
    }
    f->run = -1;
    return status;
}

/* ---- DICOM ---- */

/* Files without a telling name are looked into. */
static bool is_dicom(const char *path, const char *name)
{
    const rdx_kind kind = rdx_kind_of(name);
    return kind == RDX_KIND_DICOM ||
           (kind == RDX_KIND_NONE && rdx_dicom_maybe(name) && rdx_dicom_signature(path));
}

static redux_status settle_file(void *user, const char *path, redux_status status)
{
    return settle(user, path, status);
}

static redux_status keep_path(finder *f, const char *path)
{
    void *block = f->named;
    RDX_TRY(rdx_grow(f->context, &block, &f->named_capacity, f->named_count, f->named_count + 1,
                     sizeof(char *)));
    f->named = block;
    RDX_TRY(rdx_strdup(f->context, &f->named[f->named_count], path));
    f->named_count++;
    return REDUX_OK;
}

static void forget_paths(finder *f)
{
    for (int64_t i = 0; i < f->named_count; i++)
        rdx_free(f->named[i]);
    rdx_free(f->named);
    f->named = NULL;
    f->named_count = f->named_capacity = 0;
}

/* The volumes of the files that were kept. */
static redux_status add_kept_files(finder *f, const char *folder)
{
    redux_status status = REDUX_OK;
    if (f->named_count > 0)
        status = rdx_dicom_add_files(f->dataset, f->context, folder, (const char *const *)f->named,
                                     f->named_count, settle_file, f);
    forget_paths(f);
    return status;
}

/* All DICOM files of the folder, from its first one on. */
static redux_status add_dicom_files(finder *f, const listing *list, int64_t first,
                                    const char *folder)
{
    redux_status status = REDUX_OK;
    for (int64_t i = first; i < list->count && status == REDUX_OK; i++) {
        char *path;
        if (list->names[i][-1] != 'f')
            continue;
        status = rdx_join(&path, f->context, folder, list->names[i]);
        if (status != REDUX_OK)
            break;
        if (is_dicom(path, list->names[i]))
            status = keep_path(f, path);
        rdx_free(path);
    }
    if (status == REDUX_OK)
        return add_kept_files(f, folder);
    forget_paths(f);
    return status;
}

/* Ends a run of named files. */
static redux_status end_named(finder *f)
{
    char *folder;
    if (f->named_count == 0)
        return REDUX_OK;
    RDX_TRY(folder_of(&folder, f, f->named[0]));
    const redux_status status = add_kept_files(f, folder);
    rdx_free(folder);
    return status;
}

/* A file that was named: it waits for others of its folder. */
static redux_status add_named_dicom(finder *f, const char *path)
{
    if (f->named_count > 0) {
        const char *before = f->named[f->named_count - 1];
        const char *a = strrchr(before, '/'), *b = strrchr(path, '/');
        const size_t length = a == NULL ? 0 : (size_t)(a - before);
        if ((a == NULL) != (b == NULL) ||
            (b != NULL && ((size_t)(b - path) != length || memcmp(before, path, length) != 0)))
            RDX_TRY(end_named(f));
    }
    return keep_path(f, path);
}

static redux_status add_file(finder *f, const char *path, bool in_folder)
{
    switch (rdx_kind_of(path)) {
    case RDX_KIND_NIFTI:
    case RDX_KIND_HEADER:
        return add_nifti(f, path);
    case RDX_KIND_IMAGE:
        return add_image(f, path, in_folder);
    case RDX_KIND_NPY:
        return add_npy(f, path);
    case RDX_KIND_NPZ:
        return add_npz(f, path);
    case RDX_KIND_PICTURE:
        return add_named_picture(f, path);
    case RDX_KIND_DICOM:
    case RDX_KIND_NONE:
        break;
    }
    return rdx_fail(
        REDUX_E_UNSUPPORTED,
        "%s: is not of a known kind (.nii, .nii.gz, .hdr, .img, .dcm, .png, .jpg, .jpeg, "
        ".npy, .npz)",
        path);
}

static redux_status add_folder(finder *f, const char *folder, const ancestor *up);

static redux_status add_entries(finder *f, const listing *list, const char *folder,
                                const ancestor *here)
{
    bool pictures = false, dicom = false;
    for (int64_t i = 0; i < list->count; i++) {
        char *path;
        redux_status status;
        const char *name = list->names[i];
        const bool is_folder = name[-1] == 'd';
        if (!is_folder && rdx_kind_of(name) == RDX_KIND_PICTURE) {
            if (!pictures)
                RDX_TRY(add_pictures(f, list, i, folder));
            pictures = true;
            continue;
        }
        RDX_TRY(rdx_join(&path, f->context, folder, name));
        if (!is_folder && is_dicom(path, name)) {
            rdx_free(path);
            if (!dicom)
                RDX_TRY(add_dicom_files(f, list, i, folder));
            dicom = true;
            continue;
        }
        if (!is_folder && rdx_kind_of(name) == RDX_KIND_NONE) { /* it only might have been one */
            rdx_free(path);
            continue;
        }
        status = is_folder ? add_folder(f, path, here) : add_file(f, path, true);
        status = settle(f, path, status);
        rdx_free(path);
        RDX_TRY(status);
    }
    return REDUX_OK;
}

/* What is not read and looks as if it should have been is told, or it would be missed too late. */
static void tell_unread(finder *f, const listing *list, const char *folder)
{
    char kinds[200];
    if (list->unread == 0)
        return;
    rdx_unread_text(kinds, sizeof kinds, list->unread_kinds);
    rdx_log(f->context, REDUX_LOG_WARNING, "%s: %lld file%s of kinds that are not read: %s", folder,
            (long long)list->unread, list->unread == 1 ? "" : "s", kinds);
}

static redux_status add_folder(finder *f, const char *folder, const ancestor *up)
{
    listing list = {0};
    ancestor here = {up, 0, 0};
    bool loop;
    redux_status status = list_folder(f, &list, &here, &loop, folder);
    if (status == REDUX_OK && loop)
        rdx_log(f->context, REDUX_LOG_INFO, "%s: leads back to a folder it is in", folder);
    if (status == REDUX_OK && !loop) {
        tell_unread(f, &list, folder);
        status = add_entries(f, &list, folder, &here);
    }
    rdx_free(list.text);
    rdx_free(list.names);
    return status;
}

/* ---- arguments ---- */

static int64_t sources_met(const redux_dataset *dataset)
{
    return dataset->count + dataset->skipped_count + dataset->passed_over;
}

static redux_status add_root(finder *f, const char *folder)
{
    const int64_t before = sources_met(f->dataset);
    RDX_TRY(add_folder(f, folder, NULL));
    if (sources_met(f->dataset) == before)
        return rdx_fail(REDUX_E_NOT_FOUND,
                        "%s: the folder holds no NIfTI or DICOM files, pictures or arrays", folder);
    return REDUX_OK;
}

/* Where the KEY of FILE.npz:KEY begins, NULL if the text is not of that form. */
static const char *find_key(const char *text)
{
    const char *colon = strchr(text, ':');
    for (; colon != NULL; colon = strchr(colon + 1, ':'))
        if (colon - text > 4 && strncasecmp(colon - 4, ".npz", 4) == 0)
            return colon + 1;
    return NULL;
}

static redux_status add_argument(finder *f, const char *path)
{
    struct stat status;
    const char *key = find_key(path);
    const bool picture = rdx_kind_of(path) == RDX_KIND_PICTURE;
    const int error = stat(path, &status) == 0 ? 0 : errno;
    if (error != 0 || !S_ISREG(status.st_mode) || !picture)
        f->run = -1;
    if (error == 0 && S_ISREG(status.st_mode) &&
        (rdx_kind_of(path) == RDX_KIND_DICOM ||
         (rdx_kind_of(path) == RDX_KIND_NONE && rdx_dicom_signature(path))))
        return add_named_dicom(f, path);
    RDX_TRY(end_named(f));
    if (error != 0 && key != NULL) {
        char *file;
        RDX_TRY(rdx_strndup(f->context, &file, path, (size_t)(key - 1 - path)));
        const redux_status added = add_npz_key(f, file, key);
        rdx_free(file);
        return added;
    }
    if (error != 0 && rdx_dataset_excludes(f->dataset, path)) /* need not be there any more */
        return REDUX_OK;
    if (error != 0)
        return rdx_fail_errno(path, "cannot be read", error);
    return S_ISDIR(status.st_mode) ? add_root(f, path) : add_file(f, path, false);
}

redux_status rdx_dataset_find(redux_dataset *dataset, redux_context *context,
                              const char *const *paths, int64_t count)
{
    finder f = {.dataset = dataset, .context = context, .run = -1};
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        size_t length = strlen(paths[i]);
        char *path;
        while (length > 1 && paths[i][length - 1] == '/')
            length--;
        status = rdx_strndup(context, &path, paths[i], length);
        if (status == REDUX_OK) {
            status = settle(&f, path, add_argument(&f, path));
            rdx_free(path);
        }
    }
    if (status == REDUX_OK)
        status = end_named(&f);
    forget_paths(&f);
    return status;
}
