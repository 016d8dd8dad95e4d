/* SPDX-License-Identifier: MIT
 * Finding volumes: arguments, folders in natural order, and what each file's format finds in it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "io/folder.h"
#include "data.h"

typedef struct finder {
    redux_dataset *dataset;
    redux_context *context;
    int64_t run;  /* the volume of pictures that the next picture may join, or -1 */
    char **named; /* consecutive files of series in the arguments, all of one folder */
    int64_t named_count, named_capacity;
    rdx_met met; /* files, and parts of archives */
} finder;

/* Settles a failure: it ends the search, or is recorded and the search continues. */
static redux_status settle(finder *f, const char *path, redux_status status)
{
    char reason[1024];
    if (status == REDUX_OK || f->dataset->options.skip_errors == 0 || status == REDUX_E_NO_MEMORY ||
        status == REDUX_E_CANCELLED)
        return status;
    snprintf(reason, sizeof reason, "%s", redux_error_message());
    rdx_log(f->context, REDUX_LOG_INFO, "skipped: %s", reason);
    return rdx_dataset_skip(f->dataset, f->context, path, reason);
}

static bool is_of(const char *name, rdx_format_unit unit)
{
    const rdx_format *format = rdx_format_of(name, NULL);
    return format != NULL && format->unit == unit;
}

/* ---- files that hold volumes ---- */

static bool excludes(void *user, const char *source)
{
    return rdx_dataset_excludes(((finder *)user)->dataset, source);
}

static redux_status check_frame(const finder *f, const rdx_found *found)
{
    const int32_t frame = f->dataset->options.frame;
    if (frame < 0 && found->frames > 1)
        return rdx_fail(REDUX_E_INVALID, "%s: has %lld frames (4-D): choose one with --frame",
                        found->source, (long long)found->frames);
    if (found->frames > 0 && frame >= found->frames)
        return rdx_fail(REDUX_E_INVALID, "%s: there is no frame %d: it has %lld", found->source,
                        (int)frame, (long long)found->frames);
    return REDUX_OK;
}

static redux_status add_found(rdx_found *found, void *user)
{
    finder *f = user;
    rdx_source source = {.found = *found};
    redux_status status = check_frame(f, found);
    bool known = false;
    rdx_found_describe(&source.info, found, f->dataset->options.orientation);
    if (status == REDUX_OK)
        status = rdx_dataset_meet(&known, f->dataset, f->context, &f->met, found->file, found->key);
    if (status == REDUX_OK && !known)
        status = rdx_dataset_add(f->dataset, f->context, &source);
    if (status != REDUX_OK || known)
        rdx_found_clear(found);
    return status;
}

static redux_status pass_over(void *user, const char *source, const char *reason)
{
    const finder *f = user;
    return rdx_dataset_pass_over(f->dataset, f->context, REDUX_LOG_INFO, reason, source);
}

static redux_status settle_source(void *user, const char *source, redux_status status)
{
    return settle(user, source, status);
}

/* The volumes of one file; of `key` alone if that is not NULL. */
static redux_status add_volumes(finder *f, const rdx_format *format, const char *path,
                                const char *key)
{
    const rdx_finds finds = {f->context, add_found, settle_source, pass_over, excludes, f};
    if (format->key_suffix == NULL && rdx_dataset_excludes(f->dataset, path))
        return REDUX_OK;
    return format->probe(&finds, path, key);
}

/* Handles the file that `path` is a part of, once even if both were named. */
static redux_status add_whole(finder *f, const rdx_format *format, const char *path, bool in_folder)
{
    char *whole;
    struct stat status;
    if (stat(path, &status) != 0)
        return rdx_fail_errno(path, "cannot be read", errno);
    RDX_TRY(format->whole(&whole, f->context, path));
    bool known = in_folder; /* a folder lists the whole on its own */
    for (int64_t i = f->dataset->count - 1; i >= 0 && !known; i--)
        known = strcmp(f->dataset->volumes[i].info.source, whole) == 0;
    const redux_status added = known ? REDUX_OK : add_volumes(f, format, whole, NULL);
    rdx_free(whole);
    return added;
}

/* ---- pictures ---- */

/* Begins a volume of pictures. Pictures are added to it from now on. */
static redux_status begin_pictures(finder *f, const char *folder, const rdx_picture_info *first)
{
    rdx_source source = {.first_file = f->dataset->file_count};
    redux_volume_info *info = &source.info;
    info->format = "picture";
    info->file_per_slice = info->on_demand = 1;
    info->dtype = first->dtype;
    info->height = first->height;
    info->width = first->width;
    info->slope = 1;
    info->same_slices = 1;
    RDX_TRY(rdx_strdup(f->context, &source.found.source, folder));
    const redux_status status = rdx_dataset_add(f->dataset, f->context, &source);
    if (status != REDUX_OK)
        rdx_found_clear(&source.found);
    else
        f->run = f->dataset->count - 1;
    return status;
}

/* Adds a picture to the current volume of pictures, which it begins if there is none. */
static redux_status add_picture(finder *f, const char *folder, const char *path)
{
    rdx_picture_info picture;
    uint64_t bytes;
    bool known;
    if (rdx_dataset_excludes(f->dataset, path))
        return REDUX_OK;
    RDX_TRY(rdx_progress_poll(f->context));
    RDX_TRY(rdx_picture_probe(&picture, &bytes, path));
    if (picture.pages > 1)
        return add_volumes(f, picture.format, path, NULL);
    RDX_TRY(rdx_dataset_meet(&known, f->dataset, f->context, &f->met, path, NULL));
    if (known)
        return REDUX_OK;
    if (f->run < 0)
        RDX_TRY(begin_pictures(f, folder, &picture));
    RDX_TRY(rdx_dataset_add_file(f->dataset, f->context, path));
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

/* A picture that was named joins the one before it if both are in one folder. */
static redux_status add_named_picture(finder *f, const char *path)
{
    char *folder;
    RDX_TRY(folder_of(&folder, f, path));
    if (f->run >= 0 && strcmp(f->dataset->volumes[f->run].info.source, folder) != 0)
        f->run = -1;
    const redux_status status = add_picture(f, folder, path);
    rdx_free(folder);
    return status;
}

/* ---- folders ---- */

/* The folders being searched, to detect a link that leads back. */
typedef struct ancestor {
    const struct ancestor *up;
    dev_t device;
    ino_t inode;
    int depth;
} ancestor;

/* Deeper nesting is refused: the search must do with a small stack. */
#define MOST_FOLDERS 64

/* Names worth a look, each preceded by a byte: a folder, a file of a known suffix, or a file of a
 * series by its content. */
enum { FOLDER = 'd', NAMED = 'f', SNIFFED = 's', NOTHING = 0 };

typedef struct listing {
    char *text;
    const char **names;
    int64_t used, capacity, count;
} listing;

static redux_status list_name(finder *f, listing *list, const char *name, char kind)
{
    const int64_t length = (int64_t)strlen(name) + 2;
    void *block = list->text;
    RDX_TRY(rdx_grow(f->context, &block, &list->capacity, list->used, list->used + length, 1));
    list->text = block;
    list->text[list->used] = kind;
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

/* What a file is that no suffix tells. What looks like data and is not read is recorded. */
static redux_status sniff(char *kind, finder *f, const char *folder, const char *name)
{
    const char *advice, *suffix = rdx_unread_suffix(&advice, name), *looks_like;
    char reason[240] = "";
    char *path;
    RDX_TRY(rdx_join(&path, f->context, folder, name));
    const rdx_format *format = suffix != NULL ? NULL : rdx_format_sniff(&looks_like, path);
    redux_status status = REDUX_OK;
    if (format != NULL && format->unit == RDX_UNIT_SERIES)
        *kind = SNIFFED;
    else if (suffix != NULL)
        snprintf(reason, sizeof reason, "files of a format that is not read (%s: %s)", suffix,
                 advice);
    else if (format == NULL && looks_like != NULL)
        snprintf(reason, sizeof reason, "files that look like %s, by a name that is not known",
                 looks_like);
    else if (format == NULL && access(path, R_OK) != 0)
        snprintf(reason, sizeof reason, "files that cannot be opened (%s): they may be slices",
                 strerror(errno));
    if (reason[0] != '\0')
        status = rdx_dataset_pass_over(f->dataset, f->context, REDUX_LOG_WARNING, reason, path);
    rdx_free(path);
    return status;
}

static redux_status pass_hidden(finder *f, const char *folder, const char *name)
{
    char *path;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return REDUX_OK;
    RDX_TRY(rdx_join(&path, f->context, folder, name));
    const redux_status status =
        rdx_dataset_pass_over(f->dataset, f->context, REDUX_LOG_INFO, "hidden folders", path);
    rdx_free(path);
    return status;
}

/* What the folder says of an entry: 0 where the file must be asked. */
static mode_t listed_mode(const struct dirent *entry)
{
#ifdef DT_UNKNOWN
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG ? S_IFREG : S_IFIFO; /* or anything else */
#else
    (void)entry;
#endif
    return 0;
}

/* What an entry is. Links are followed. A broken link with a promising name is kept, and later
 * reported as an error. */
static redux_status classify(char *kind, finder *f, int fd, const struct dirent *entry,
                             const char *folder)
{
    const char *name = entry->d_name;
    const bool named = rdx_format_of(name, NULL) != NULL;
    mode_t mode = listed_mode(entry);
    struct stat status;
    *kind = NOTHING;
    if (mode == 0)
        mode = fstatat(fd, name, &status, 0) == 0 ? status.st_mode : named ? S_IFREG : 0;
    if (name[0] == '.')
        return S_ISDIR(mode) ? pass_hidden(f, folder, name) : REDUX_OK;
    if (S_ISDIR(mode))
        *kind = FOLDER;
    else if (S_ISREG(mode) && named)
        *kind = NAMED;
    else if (S_ISREG(mode))
        return sniff(kind, f, folder, name);
    return REDUX_OK;
}

static redux_status read_names(finder *f, listing *list, DIR *stream, const char *path)
{
    for (;;) {
        char kind;
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL && errno != 0)
            return rdx_fail_errno(path, "cannot be listed", errno);
        if (entry == NULL)
            return sort_names(f, list);
        RDX_TRY(classify(&kind, f, dirfd(stream), entry, path));
        if (kind != NOTHING)
            RDX_TRY(list_name(f, list, entry->d_name, kind));
    }
}

/* loop: the folder is already being searched. */
static redux_status list_folder(finder *f, listing *list, ancestor *here, bool *loop,
                                const char *path)
{
    struct stat status;
    DIR *stream;
    *loop = false;
    RDX_TRY(rdx_check_within(path));
    RDX_TRY(rdx_open_folder(&stream, path));
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

/* Whether two names are the same but for the digits in them, as the names of numbered slices are.
 */
static bool same_pattern(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        const size_t m = strspn(a, "0123456789"), n = strspn(b, "0123456789");
        if ((m == 0) != (n == 0) || (m == 0 && *a != *b))
            return false;
        a += m > 0 ? m : 1;
        b += n > 0 ? n : 1;
    }
    return *a == *b;
}

/* Pictures of one folder are compared as neighbours, which says little where their names show no
 * order of slices. */
static void warn_unordered(const finder *f, const char *folder, int64_t pictures, int64_t changes)
{
    if (pictures >= 3 && 2 * changes >= pictures && f->dataset->options.group_by == NULL)
        rdx_log(
            f->context, REDUX_LOG_WARNING,
            "%s: the names of its %lld pictures show no order: if they are unrelated, compare all "
            "of them (scope dataset), or keep them apart (groups by file)",
            folder, (long long)pictures);
}

/* All pictures of the folder, from its first one on. */
static redux_status add_pictures(finder *f, const listing *list, int64_t first, const char *folder)
{
    redux_status status = REDUX_OK;
    const char *before = list->names[first];
    int64_t pictures = 0, changes = 0;
    f->run = -1;
    for (int64_t i = first; i < list->count && status == REDUX_OK; i++) {
        char *path;
        if (list->names[i][-1] != NAMED || !is_of(list->names[i], RDX_UNIT_PICTURE))
            continue;
        pictures++;
        changes += !same_pattern(before, list->names[i]);
        before = list->names[i];
        RDX_TRY(rdx_join(&path, f->context, folder, list->names[i]));
        status = settle(f, path, add_picture(f, folder, path));
        rdx_free(path);
    }
    warn_unordered(f, folder, pictures, changes);
    f->run = -1;
    return status;
}

/* ---- series ---- */

/* Whether an entry of a folder is a file of a series, by its name or by its content. */
static bool entry_is_series(const char *name)
{
    return name[-1] == SNIFFED || (name[-1] == NAMED && is_of(name, RDX_UNIT_SERIES));
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
    const rdx_finds finds = {f->context, add_found, settle_source, pass_over, excludes, f};
    redux_status status = REDUX_OK;
    if (f->named_count > 0)
        status = rdx_dicom_add_files(f->dataset, &finds, folder, (const char *const *)f->named,
                                     f->named_count, &f->met);
    forget_paths(f);
    return status;
}

/* All series of the folder, from its first file of one on. */
static redux_status add_series(finder *f, const listing *list, int64_t first, const char *folder)
{
    redux_status status = REDUX_OK;
    for (int64_t i = first; i < list->count && status == REDUX_OK; i++) {
        char *path;
        if (!entry_is_series(list->names[i]))
            continue;
        status = rdx_progress_poll(f->context);
        if (status == REDUX_OK)
            status = rdx_join(&path, f->context, folder, list->names[i]);
        if (status != REDUX_OK)
            break;
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
static redux_status add_named_series(finder *f, const char *path)
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
    RDX_TRY(rdx_progress_poll(f->context));
    char list[256];
    bool part;
    const rdx_format *format = rdx_format_of(path, &part);
    if (format != NULL && format->unit == RDX_UNIT_PICTURE)
        return add_named_picture(f, path);
    if (format != NULL && format->unit == RDX_UNIT_VOLUME)
        return part ? add_whole(f, format, path, in_folder) : add_volumes(f, format, path, NULL);
    const char *advice;
    if (rdx_unread_suffix(&advice, path) != NULL)
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is in a format that is not read; convert it: %s",
                        path, advice);
    rdx_format_list(list, sizeof list);
    return rdx_fail(REDUX_E_UNSUPPORTED, "%s: is not in a known format (%s)", path, list);
}

static redux_status add_folder(finder *f, const char *folder, const ancestor *up);

/* Zarr keeps an array as a folder of many small files. */
static bool is_zarr(const char **advice, const char *folder)
{
    const char *suffix = rdx_unread_suffix(advice, folder);
    return suffix != NULL && strcmp(suffix, ".zarr") == 0;
}

static redux_status pass_zarr(finder *f, const char *path, const char *advice)
{
    char reason[240];
    snprintf(reason, sizeof reason, "folders of a format that is not read (.zarr: %s)", advice);
    return rdx_dataset_pass_over(f->dataset, f->context, REDUX_LOG_WARNING, reason, path);
}

static redux_status add_entry(finder *f, const char *folder, const char *name, const ancestor *here)
{
    char *path;
    RDX_TRY(rdx_join(&path, f->context, folder, name));
    const char *advice;
    redux_status status;
    if (name[-1] == FOLDER && is_zarr(&advice, name))
        status = pass_zarr(f, path, advice);
    else
        status = name[-1] == FOLDER ? add_folder(f, path, here) : add_file(f, path, true);
    status = settle(f, path, status);
    rdx_free(path);
    return status;
}

/* Pictures of a folder are placed where the first of them is, and so are its series. */
static redux_status add_entries(finder *f, const listing *list, const char *folder,
                                const ancestor *here)
{
    bool pictures = false, series = false;
    redux_status status = REDUX_OK;
    for (int64_t i = 0; i < list->count && status == REDUX_OK; i++) {
        const char *name = list->names[i];
        if (name[-1] == NAMED && is_of(name, RDX_UNIT_PICTURE)) {
            if (!pictures)
                status = add_pictures(f, list, i, folder);
            pictures = true;
        } else if (entry_is_series(name)) {
            if (!series)
                status = add_series(f, list, i, folder);
            series = true;
        } else {
            status = add_entry(f, folder, name, here);
        }
    }
    return status;
}

static redux_status add_folder(finder *f, const char *folder, const ancestor *up)
{
    listing list = {0};
    ancestor here = {up, 0, 0, up == NULL ? 1 : up->depth + 1};
    bool loop;
    if (here.depth > MOST_FOLDERS)
        return rdx_fail(REDUX_E_LIMIT, "%s: is more than %d folders deep: name a folder further in",
                        folder, MOST_FOLDERS);
    redux_status status = list_folder(f, &list, &here, &loop, folder);
    if (status == REDUX_OK && loop)
        rdx_log(f->context, REDUX_LOG_INFO, "%s: links back to a folder that contains it", folder);
    if (status == REDUX_OK && !loop)
        status = add_entries(f, &list, folder, &here);
    rdx_free(list.text);
    rdx_free(list.names);
    return status;
}

/* ---- arguments ---- */

static int64_t sources_met(const redux_dataset *dataset)
{
    return dataset->count + dataset->skipped_count + dataset->passed_over + dataset->met_before;
}

static redux_status add_root(finder *f, const char *folder)
{
    const int64_t before = sources_met(f->dataset);
    const char *advice;
    if (is_zarr(&advice, folder))
        return rdx_fail(REDUX_E_UNSUPPORTED, "%s: Zarr is not read; convert it: %s", folder,
                        advice);
    RDX_TRY(add_folder(f, folder, NULL));
    if (sources_met(f->dataset) == before)
        return rdx_fail(REDUX_E_NOT_FOUND,
                        "%s: the folder holds no NIfTI or DICOM files, pictures or arrays", folder);
    return REDUX_OK;
}

/* FILE:KEY, which does not exist as a file. */
static redux_status add_key(finder *f, const rdx_format *format, const char *path, const char *key)
{
    char *file;
    RDX_TRY(rdx_strndup(f->context, &file, path, (size_t)(key - 1 - path)));
    const redux_status added = add_volumes(f, format, file, key);
    rdx_free(file);
    return added;
}

static redux_status add_argument(finder *f, const char *path)
{
    struct stat status;
    const rdx_format *keyed;
    const char *key = rdx_format_key(&keyed, path);
    const int error = stat(path, &status) == 0 ? 0 : errno;
    const bool is_file = error == 0 && S_ISREG(status.st_mode);
    if (!is_file || !is_of(path, RDX_UNIT_PICTURE))
        f->run = -1;
    const rdx_format *format = is_file ? rdx_format_sniff(NULL, path) : NULL;
    if (format != NULL && format->unit == RDX_UNIT_SERIES)
        return add_named_series(f, path);
    RDX_TRY(end_named(f));
    if (error != 0 && key != NULL)
        return add_key(f, keyed, path, key);
    if (error != 0 && rdx_dataset_excludes(f->dataset, path)) /* may have disappeared */
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
    rdx_met_clear(&f.met);
    return status;
}
