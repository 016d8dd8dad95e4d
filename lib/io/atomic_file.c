/* SPDX-License-Identifier: MIT
 * Files that appear whole or not at all. They are written under a hidden temporary name in the
 * same folder, synced and renamed over the old file; then the folder is synced. After a crash
 * there is the old file or the new one, and perhaps a temporary file, which the next run takes
 * over. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>
#include "io.h"

#define SUFFIX ".redux-tmp"

/* ---- the stream: short writes are continued, EINTR is retried, the first error is kept ---- */

int rdx_write_all(int fd, const char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t count = write(fd, bytes + done, size - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? errno : EIO;
        done += (size_t)count;
    }
    return 0;
}

static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    rdx_file *file = cookie;
    if (file->error == 0)
        file->error = rdx_write_all(file->descriptor, bytes, size);
    return file->error == 0 ? (ssize_t)size : 0; /* 0: to fopencookie's caller, an error */
}

/* Archives seek back to fill in sizes. */
static int stream_seek(void *cookie, off64_t *offset, int whence)
{
    const rdx_file *file = cookie;
    const off64_t position = lseek64(file->descriptor, *offset, whence);
    if (position < 0)
        return -1;
    *offset = position;
    return 0;
}

int rdx_sync(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

/* ---- names ---- */

/* FOLDER/.NAME.redux-tmp. A name too long for that is cut; its checksum keeps it distinct. */
static redux_status temporary_name(char **out, redux_context *context, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const size_t folder = (size_t)(name - path), length = strlen(name);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, folder + length + 32, 1));
    char *text = block;
    if (length + 1 + sizeof SUFFIX <= NAME_MAX)
        snprintf(text, folder + length + 32, "%.*s.%s%s", (int)folder, path, name, SUFFIX);
    else
        snprintf(text, folder + length + 32, "%.*s.%.200s-%08lx%s", (int)folder, path, name,
                 crc32(0, (const Bytef *)name, (uInt)length), SUFFIX);
    *out = text;
    return REDUX_OK;
}

/* The end of a chain of links, so that the link stays and its target is replaced. *in_place: a
 * device or pipe, which must not be replaced by a file. *mode: that of the old file. */
static redux_status resolve(char **out, redux_context *context, const char *path, bool *in_place,
                            mode_t *mode)
{
    struct stat status;
    char *target = NULL;
    *in_place = false;
    *mode = 0;
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
        target = realpath(path, NULL);
        if (target == NULL)
            return rdx_fail_errno(path, "cannot follow the link", errno);
    }
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            free(target);
            return rdx_fail(REDUX_E_IO, "%s: cannot be written: it is a folder", path);
        }
        *in_place = !S_ISREG(status.st_mode);
        *mode = status.st_mode & 0777;
    }
    const redux_status copied = rdx_strdup(context, out, target == NULL ? path : target);
    free(target);
    return copied;
}

/* ---- begin ---- */

/* Opens and locks the temporary file, so that two writers of one path do not mix. The leftover of a
 * crashed run has no lock and is taken over. */
static redux_status open_temporary(rdx_file *file)
{
    struct stat opened, named;
    for (int attempt = 0; attempt < 8; attempt++) {
        int fd;
        do
            fd = open(file->temporary, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                      0666);
        while (fd < 0 && errno == EINTR);
        if (fd < 0)
            return rdx_fail_errno(file->path, "cannot be written", errno);
        file->descriptor = fd;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            return rdx_fail(REDUX_E_IO, "%s: is being written by another process", file->path);
        if (fstat(fd, &opened) != 0) {
            const int error = errno;
            unlink(file->temporary);
            return rdx_fail_errno(file->path, "cannot be written", error);
        }
        if (!S_ISREG(opened.st_mode))
            return rdx_fail(REDUX_E_IO, "%s: exists and is not a regular file", file->temporary);
        /* The other writer may have renamed it between the open and the lock. */
        if (lstat(file->temporary, &named) == 0 && named.st_ino == opened.st_ino &&
            named.st_dev == opened.st_dev) {
            if (ftruncate(fd, 0) == 0)
                return REDUX_OK;
            const int error = errno;
            unlink(file->temporary); /* ours by its lock */
            return rdx_fail_errno(file->path, "cannot be written", error);
        }
        close(fd);
        file->descriptor = -1;
    }
    return rdx_fail(REDUX_E_IO, "%s: other processes keep writing it", file->path);
}

static redux_status begin(rdx_file *file, const char *path)
{
    bool in_place;
    mode_t mode;
    RDX_TRY(resolve(&file->path, file->context, path, &in_place, &mode));
    if (in_place) {
        file->descriptor = open(file->path, O_WRONLY | O_CLOEXEC);
        if (file->descriptor < 0)
            return rdx_fail_errno(path, "cannot be written", errno);
    } else {
        RDX_TRY(temporary_name(&file->temporary, file->context, file->path));
        redux_status status = open_temporary(file);
        if (status != REDUX_OK) { /* not ours to remove */
            rdx_free(file->temporary);
            file->temporary = NULL;
            return status;
        }
        if (mode != 0 && fchmod(file->descriptor, mode) != 0)
            rdx_log(file->context, REDUX_LOG_WARNING, "%s: its permissions could not be kept: %s",
                    path, strerror(errno));
    }
    const cookie_io_functions_t functions = {NULL, stream_write, stream_seek, NULL};
    file->stream = fopencookie(file, "w", functions);
    if (file->stream == NULL)
        return rdx_fail_errno(path, "cannot be written", ENOMEM);
    setvbuf(file->stream, NULL, _IOFBF, 1 << 16);
    return REDUX_OK;
}

redux_status rdx_file_begin(rdx_file *file, redux_context *context, const char *path)
{
    memset(file, 0, sizeof *file);
    file->context = context;
    file->descriptor = -1;
    if (path == NULL || path[0] == '\0')
        return rdx_fail(REDUX_E_INVALID, "the file to write has no name");
    const redux_status status = begin(file, path);
    if (status != REDUX_OK)
        rdx_file_abort(file);
    return status;
}

/* ---- commit and abort ---- */

static redux_status sync_folder(const rdx_file *file)
{
    const char *slash = strrchr(file->path, '/');
    char *folder;
    int error = 0;
    if (slash == NULL)
        RDX_TRY(rdx_strdup(file->context, &folder, "."));
    else
        RDX_TRY(rdx_strndup(file->context, &folder, file->path,
                            (size_t)RDX_MAX(slash - file->path, 1)));
    /* A folder may be writable without being readable, and some file systems do not sync folders.
     * Neither is the writer's failure. */
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        error = rdx_sync(fd);
        if (error == EINVAL || error == ENOTSUP || error == EROFS)
            error = 0;
        close(fd);
    }
    rdx_free(folder);
    return error == 0 ? REDUX_OK
                      : rdx_fail_errno(file->path, "its folder could not be synced", error);
}

/* Everything down to the disk, and the descriptor closed. */
static redux_status finish(rdx_file *file)
{
    const int flushed = fflush(file->stream);
    if (flushed != 0 || ferror(file->stream) != 0 || file->error != 0)
        return rdx_fail_errno(file->path, "could not be written",
                              file->error != 0 ? file->error
                              : errno != 0     ? errno
                                               : EIO);
    const int error = rdx_sync(file->descriptor);
    if (error != 0 && file->temporary != NULL)
        return rdx_fail_errno(file->path, "could not be synced", error);
    /* The descriptor stays open and locked until after the rename. Write errors that only show on
     * closing (quotas on network file systems) already show in fsync. */
    if (file->temporary != NULL && rename(file->temporary, file->path) != 0)
        return rdx_fail_errno(file->path, "could not be put in place", errno);
    if (file->temporary != NULL) {
        rdx_free(file->temporary);
        file->temporary = NULL;
        return sync_folder(file);
    }
    return REDUX_OK;
}

redux_status rdx_file_commit(rdx_file *file)
{
    if (file->stream == NULL)
        return rdx_fail(REDUX_E_INVALID, "the file to commit is not open");
    errno = 0;
    const redux_status status = finish(file);
    rdx_file_abort(file);
    return status;
}

void rdx_file_abort(rdx_file *file)
{
    const int error = errno;
    if (file->stream == NULL && file->descriptor <= 0 && file->path == NULL)
        return;
    if (file->temporary != NULL)
        unlink(file->temporary);
    if (file->stream != NULL) {
        file->error = EIO; /* discards what is still buffered */
        fclose(file->stream);
    }
    if (file->descriptor >= 0)
        close(file->descriptor);
    rdx_free(file->temporary);
    rdx_free(file->path);
    memset(file, 0, sizeof *file);
    file->descriptor = -1;
    errno = error;
}
