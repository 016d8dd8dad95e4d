/* SPDX-License-Identifier: MIT
 * Folders that appear whole or not at all: written under a hidden name beside the final one, and
 * renamed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "folder.h"
#include "atomic.h"
#include "table.h"

/* ---- removing ---- */

static int remove_entries(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int error = stream == NULL ? errno : 0;
    while (stream != NULL && (entry = readdir(stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(stream), entry->d_name, 0) != 0 && error == 0)
            error = errno;
    if (stream != NULL)
        closedir(stream);
    else if (fd >= 0)
        close(fd);
    return error;
}

int rdx_remove_folder(const char *path)
{
    int error = EIO;
    for (int attempt = 0; attempt < 2 && error != 0; attempt++) { /* EINTR, EMFILE may pass */
        error = remove_entries(path);
        if (error == 0 && rmdir(path) != 0)
            error = errno;
    }
    return error;
}

/* ---- what is replaced ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether the sorted names hold this one. */
static bool holds(const char **names, int64_t count, const char *name)
{
    return count > 0 && bsearch(&name, names, (size_t)count, sizeof *names, compare_names) != NULL;
}

static redux_status check_entry(const rdx_file *folder, const char *index, const char **names,
                                int64_t count, const char *name)
{
    char *path;
    RDX_TRY(rdx_join(&path, folder->context, folder->path, name));
    redux_status status = rdx_output_check(folder->context, path, NULL);
    if (status == REDUX_OK && strcmp(name, index) != 0 && !holds(names, count, name))
        status = rdx_fail(REDUX_E_INVALID,
                          "%s: is not in the folder's index, and the folder would be replaced: "
                          "name another folder",
                          path);
    rdx_free(path);
    return status;
}

/* *any: there is an entry. With an index, only files that it names are allowed. */
static redux_status check_entries(const rdx_file *folder, const char *index, const char **names,
                                  int64_t count, bool *any)
{
    redux_status status = REDUX_OK;
    const struct dirent *entry;
    DIR *stream;
    RDX_TRY(rdx_open_folder(&stream, folder->path));
    *any = false;
    while (status == REDUX_OK && (entry = readdir(stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            *any = true;
            if (index != NULL)
                status = check_entry(folder, index, names, count, entry->d_name);
        }
    closedir(stream);
    return status;
}

/* The folder holds what its index names, and no more. */
static redux_status check_indexed(const rdx_file *folder, const char *index, const char *path)
{
    rdx_table table;
    void *block;
    bool any;
    RDX_TRY(rdx_table_read(&table, folder->context, path));
    redux_status status =
        rdx_alloc(folder->context, &block, (uint64_t)table.rows, sizeof(const char *));
    if (status == REDUX_OK) {
        const char **names = block;
        for (int64_t i = 0; i < table.rows; i++)
            names[i] = rdx_table_field(&table, i, 0);
        if (table.rows > 0)
            qsort(names, (size_t)table.rows, sizeof *names, compare_names);
        status = check_entries(folder, index, names, table.rows, &any);
        rdx_free(block);
    }
    rdx_table_free(&table);
    return status;
}

static redux_status check_earlier(const rdx_file *folder, const char *index, const char *mark)
{
    struct stat status;
    char *path;
    if (rdx_context_keeps_files(folder->context))
        return rdx_fail(REDUX_E_INVALID,
                        "%s: the folder is not empty: name another one, or replace an earlier "
                        "output with --overwrite",
                        folder->path);
    RDX_TRY(rdx_join(&path, folder->context, folder->path, index));
    redux_status result = REDUX_OK;
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode) || !rdx_output_has_mark(path, mark))
        result = rdx_fail(REDUX_E_INVALID,
                          "%s: the folder holds files that are not of an earlier output: name "
                          "another one",
                          folder->path);
    if (result == REDUX_OK)
        result = check_indexed(folder, index, path);
    rdx_free(path);
    return result;
}

/* A link to a folder stays, and the folder is replaced. *mode: of the old folder, 0: none. */
static redux_status resolve(rdx_file *folder, const char *path, mode_t *mode)
{
    struct stat status;
    size_t length = strlen(path);
    *mode = 0;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (stat(path, &status) != 0)
        return rdx_strndup(folder->context, &folder->path, path, length);
    if (!S_ISDIR(status.st_mode))
        return rdx_fail(REDUX_E_IO, "%s: is a file, not a folder", path);
    *mode = status.st_mode & 0777;
    char *target = realpath(path, NULL);
    if (target == NULL)
        return rdx_fail_errno(path, "cannot be resolved", errno);
    const redux_status copied = rdx_strdup(folder->context, &folder->path, target);
    free(target);
    return copied;
}

/* ---- begin, commit, abort ---- */

/* Resolves the path, and checks what the folder holds. */
static redux_status inspect(rdx_file *folder, mode_t *mode, const char *path, const char *index,
                            const char *mark)
{
    if (path[0] == '\0')
        return rdx_fail(REDUX_E_INVALID, "the folder to write has no name");
    RDX_TRY(resolve(folder, path, mode));
    if (*mode != 0)
        RDX_TRY(check_entries(folder, NULL, NULL, 0, &folder->replaces));
    return folder->replaces ? check_earlier(folder, index, mark) : REDUX_OK;
}

redux_status rdx_folder_check(redux_context *context, const char *path, const char *index,
                              const char *mark)
{
    rdx_file folder;
    mode_t mode;
    rdx_file_clear(&folder, context);
    const redux_status status = inspect(&folder, &mode, path, index, mark);
    rdx_file_release(&folder);
    return status;
}

static redux_status begin(rdx_file *folder, const char *path, const char *index, const char *mark)
{
    mode_t mode;
    RDX_TRY(inspect(folder, &mode, path, index, mark));
    RDX_TRY(rdx_file_claim(folder));
    if (mkdir(folder->temporary, 0777) != 0) {
        const int error = errno;
        rdx_free(folder->temporary); /* not ours to remove */
        folder->temporary = NULL;
        return rdx_fail_errno(path, "cannot make the folder", error);
    }
    if (mode != 0 && chmod(folder->temporary, mode) != 0)
        rdx_log(folder->context, REDUX_LOG_WARNING, "%s: its permissions could not be kept: %s",
                path, strerror(errno));
    return REDUX_OK;
}

redux_status rdx_folder_begin(rdx_file *folder, redux_context *context, const char *path,
                              const char *index, const char *mark)
{
    rdx_file_clear(folder, context);
    const redux_status status = begin(folder, path, index, mark);
    if (status != REDUX_OK)
        rdx_folder_abort(folder);
    return status;
}

/* Two folders change places; 0, or -1 and errno. */
#if defined(RENAME_EXCHANGE)

static int exchange(const char *a, const char *b)
{
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

#elif defined(RENAME_SWAP) /* macOS */

static int exchange(const char *a, const char *b)
{
    return renamex_np(a, b, RENAME_SWAP);
}

#else

/* POSIX has no exchange: for a moment there is nothing at `b`, and a crash then leaves its folder
 * under a hidden name. */
static int exchange(const char *a, const char *b)
{
    char aside[PATH_MAX];
    const int length = snprintf(aside, sizeof aside, "%s-old", a);
    if (length >= (int)sizeof aside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (rename(b, aside) != 0)
        return -1;
    if (rename(a, b) == 0)
        return rename(aside, a);
    const int error = errno;
    rename(aside, b);
    errno = error;
    return -1;
}

#endif

/* An empty folder is replaced by rename; one with files changes places with the new one, and is
 * then removed. */
static redux_status put_in_place(rdx_file *folder)
{
    if (rename(folder->temporary, folder->path) == 0) {
        rdx_free(folder->temporary);
        folder->temporary = NULL;
        return REDUX_OK;
    }
    if (folder->replaces && (errno == ENOTEMPTY || errno == EEXIST) &&
        exchange(folder->temporary, folder->path) == 0)
        return REDUX_OK; /* the temporary folder is the old one now: abort removes it */
    return rdx_fail_errno(folder->path, "the new folder could not be put in place", errno);
}

redux_status rdx_folder_commit(rdx_file *folder)
{
    redux_status status = put_in_place(folder);
    if (status == REDUX_OK)
        status = rdx_file_sync_folder(folder);
    rdx_folder_abort(folder);
    return status;
}

void rdx_folder_abort(rdx_file *folder)
{
    const int error = errno;
    if (folder->temporary != NULL)
        rdx_remove_folder(folder->temporary);
    rdx_file_release(folder);
    errno = error;
}
