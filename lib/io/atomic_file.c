/* SPDX-License-Identifier: MIT
 * Files that appear whole or not at all. They are written under a hidden, unpredictable name in the
 * same folder, synced and renamed over the old file; then the folder is synced. A lock file of a
 * fixed name keeps a second writer out. After a crash there is the old file or the new one, and
 * perhaps a lock and a temporary file, which the next run removes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>
#include <zlib.h>
#include <redux/file.h>
#include "folder.h"
#include "atomic.h"

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

#if defined(__linux__) && defined(_GNU_SOURCE) /* glibc and musl */

static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    rdx_file *file = cookie;
    if (file->error == 0)
        file->error = rdx_write_all(file->descriptor, bytes, size);
    return file->error == 0 ? (ssize_t)size : 0; /* 0: to fopencookie's caller, an error */
}

/* Archives seek back to fill in sizes. */
static int stream_seek(void *cookie, off_t *offset, int whence)
{
    const rdx_file *file = cookie;
    const off_t position = lseek(file->descriptor, *offset, whence);
    if (position < 0)
        return -1;
    *offset = position;
    return 0;
}

static FILE *stream_over(rdx_file *file)
{
    const cookie_io_functions_t functions = {NULL, stream_write, stream_seek, NULL};
    return fopencookie(file, "w", functions);
}

#else

/* POSIX has no streams over functions. Its own continue short writes too, but an interruption is an
 * error of theirs where a signal's handler asks for that (no SA_RESTART). */
static FILE *stream_over(rdx_file *file)
{
    const int fd = fcntl(file->descriptor, F_DUPFD_CLOEXEC, 0); /* closed with the stream */
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (stream == NULL && fd >= 0)
        close(fd);
    return stream;
}

#endif

int rdx_sync(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

/* ---- names ---- */

redux_status rdx_hidden_name(char **out, redux_context *context, const char *path,
                             const char *middle)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const size_t folder = (size_t)(name - path), length = strlen(name), size = folder + length + 64;
    void *block;
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    *out = block;
    if (length + RDX_RANDOM_DIGITS + 2 + sizeof SUFFIX <= NAME_MAX)
        snprintf(*out, size, "%.*s.%s.%s%s", (int)folder, path, name, middle, SUFFIX);
    else
        snprintf(*out, size, "%.*s.%.180s-%08lx.%s%s", (int)folder, path, name,
                 crc32(0, (const Bytef *)name, (uInt)length), middle, SUFFIX);
    return REDUX_OK;
}

/* The end of a chain of links, so that the link stays and its target is replaced. *in_place: a
 * device or pipe, which must not be replaced by a file. *mode: that of the old file. */
static redux_status resolve(char **out, redux_context *context, const char *path, bool *in_place,
                            mode_t *mode)
{
    struct stat status;
    char *target = NULL;
    *mode = 0;
    *in_place = stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
    if (*in_place) /* /dev/stdout is a link to what has no path: "pipe:[4711]" */
        return rdx_strdup(context, out, path);
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
        *mode = status.st_mode & 0777;
    }
    const redux_status copied = rdx_strdup(context, out, target == NULL ? path : target);
    free(target);
    return copied;
}

/* ---- begin ---- */

static int open_retried(const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Opens and locks the lock file once. *gone: it was another writer's, who has just removed it. */
static redux_status try_lock(rdx_file *file, const char *lock, bool *gone)
{
    struct stat opened, named;
    file->lock = open_retried(lock, O_RDWR | O_CREAT, 0600);
    if (file->lock < 0)
        return rdx_fail_errno(file->path, "cannot be written", errno);
    if (flock(file->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return rdx_fail(REDUX_E_IO, "%s: is being written by another process", file->path);
    if (fstat(file->lock, &opened) != 0)
        return rdx_fail_errno(file->path, "cannot be written", errno);
    /* A hard link would let us write into a file of somebody else's choice. */
    if (!S_ISREG(opened.st_mode) || opened.st_nlink > 1)
        return rdx_fail(REDUX_E_IO, "%s: is no lock of libredux's: remove it", lock);
    *gone =
        lstat(lock, &named) != 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev;
    return REDUX_OK;
}

static redux_status take_lock(rdx_file *file, const char *lock)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        bool gone = false;
        RDX_TRY(try_lock(file, lock, &gone));
        if (!gone)
            return REDUX_OK;
        close(file->lock);
        file->lock = -1;
    }
    return rdx_fail(REDUX_E_IO, "%s: other processes keep writing it", file->path);
}

/* The lock FOLDER/.NAME.lock.redux-tmp holds the random part of its writer's temporary name, which
 * otherwise differs from the lock's only there (`stem`: bytes of FOLDER/.NAME). What a killed
 * writer left is removed. */
static redux_status remove_leftover(const rdx_file *file, const char *lock, size_t stem)
{
    char random[RDX_RANDOM_DIGITS + 1] = "";
    void *block;
    size_t count;
    RDX_TRY(rdx_read_at(file->lock, lock, 0, random, RDX_RANDOM_DIGITS, &count));
    if (strspn(random, "0123456789abcdef") != RDX_RANDOM_DIGITS)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(file->context, &block, stem + 64, 1));
    snprintf(block, stem + 64, "%.*s.%s%s", (int)stem, lock, random, SUFFIX);
    if (unlink(block) != 0 && errno == EISDIR)
        rdx_remove_folder(block);
    rdx_free(block);
    return REDUX_OK;
}

/* Removes a lock and what it names, unless its writer still works. */
static redux_status sweep(redux_context *context, const char *lock, size_t stem)
{
    rdx_file file;
    struct stat status;
    redux_status result = REDUX_OK;
    rdx_file_clear(&file, context);
    file.lock = open_retried(lock, O_RDONLY, 0);
    if (file.lock >= 0 && fstat(file.lock, &status) == 0 && S_ISREG(status.st_mode) &&
        flock(file.lock, LOCK_EX | LOCK_NB) == 0) {
        result = remove_leftover(&file, lock, stem);
        unlink(lock);
    }
    if (file.lock >= 0)
        close(file.lock);
    return result;
}

redux_status redux_file_sweep(redux_context *context, const char *folder)
{
    static const char ending[] = ".lock" SUFFIX;
    redux_status status = REDUX_OK;
    const struct dirent *entry;
    DIR *stream;
    if (folder == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_file_sweep: folder is NULL");
    RDX_TRY(rdx_open_folder(&stream, folder));
    while (status == REDUX_OK && (entry = readdir(stream)) != NULL) {
        const size_t length = strlen(entry->d_name);
        char *path;
        if (entry->d_name[0] != '.' || length < sizeof ending + 1 ||
            strcmp(entry->d_name + length + 1 - sizeof ending, ending) != 0)
            continue;
        status = rdx_join(&path, context, folder, entry->d_name);
        if (status == REDUX_OK)
            status = sweep(context, path, strlen(path) + 1 - sizeof ending);
        rdx_free(path);
    }
    closedir(stream);
    return status;
}

/* Names the temporary file, and notes the name in the lock. */
static redux_status name_temporary(rdx_file *file)
{
    char random[RDX_RANDOM_DIGITS + 1];
    uint64_t number;
    if (getentropy(&number, sizeof number) != 0)
        return rdx_fail_errno(file->path, "no random name for it", errno);
    snprintf(random, sizeof random, "%016llx", (unsigned long long)number);
    const int error = rdx_write_all(file->lock, random, RDX_RANDOM_DIGITS);
    if (error != 0)
        return rdx_fail_errno(file->path, "could not be written", error);
    return rdx_hidden_name(&file->temporary, file->context, file->path, random);
}

redux_status rdx_file_claim(rdx_file *file)
{
    char *lock;
    RDX_TRY(rdx_hidden_name(&lock, file->context, file->path, "lock"));
    const redux_status status = take_lock(file, lock);
    if (status != REDUX_OK) { /* not ours to remove */
        rdx_free(lock);
        return status;
    }
    file->lock_path = lock;
    RDX_TRY(remove_leftover(file, lock, strlen(lock) - strlen(".lock" SUFFIX)));
    return name_temporary(file);
}

static redux_status open_temporary(rdx_file *file, const char *path, mode_t mode)
{
    RDX_TRY(rdx_file_claim(file));
    file->descriptor = open_retried(file->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file->descriptor < 0) {
        const int error = errno;
        rdx_free(file->temporary); /* not ours to remove */
        file->temporary = NULL;
        return rdx_fail_errno(path, "cannot be written", error);
    }
    if (mode != 0 && fchmod(file->descriptor, mode) != 0)
        rdx_log(file->context, REDUX_LOG_WARNING, "%s: its permissions could not be kept: %s", path,
                strerror(errno));
    return REDUX_OK;
}

static redux_status begin(rdx_file *file, const char *path, const char *mark)
{
    bool in_place;
    mode_t mode;
    RDX_TRY(resolve(&file->path, file->context, path, &in_place, &mode));
    RDX_TRY(rdx_output_check(file->context, file->path, mark));
    if (!in_place) {
        RDX_TRY(open_temporary(file, path, mode));
    } else {
        file->descriptor = open(file->path, O_WRONLY | O_CLOEXEC);
        if (file->descriptor < 0)
            return rdx_fail_errno(path, "cannot be written", errno);
    }
    file->stream = stream_over(file);
    if (file->stream == NULL)
        return rdx_fail_errno(path, "cannot be written", ENOMEM);
    setvbuf(file->stream, NULL, _IOFBF, 1 << 16);
    return REDUX_OK;
}

void rdx_file_clear(rdx_file *file, redux_context *context)
{
    memset(file, 0, sizeof *file);
    file->context = context;
    file->descriptor = file->lock = -1;
}

redux_status rdx_file_begin(rdx_file *file, redux_context *context, const char *path,
                            const char *mark)
{
    rdx_file_clear(file, context);
    if (path == NULL || path[0] == '\0')
        return rdx_fail(REDUX_E_INVALID, "the file to write has no name");
    const redux_status status = begin(file, path, mark);
    if (status != REDUX_OK)
        rdx_file_abort(file);
    return status;
}

/* ---- commit and abort ---- */

redux_status rdx_file_sync_folder(const rdx_file *file)
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
    /* What was opened as an input meanwhile is not replaced either. */
    if (file->temporary != NULL)
        RDX_TRY(rdx_output_check(file->context, file->path, NULL));
    /* The descriptor stays open until after the rename. Write errors that only show on
     * closing (quotas on network file systems) already show in fsync. */
    if (file->temporary != NULL && rename(file->temporary, file->path) != 0)
        return rdx_fail_errno(file->path, "could not be put in place", errno);
    if (file->temporary != NULL) {
        rdx_free(file->temporary);
        file->temporary = NULL;
        return rdx_file_sync_folder(file);
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

void rdx_file_release(rdx_file *file)
{
    if (file->lock_path != NULL)
        unlink(file->lock_path);
    if (file->lock >= 0)
        close(file->lock);
    rdx_free(file->lock_path);
    rdx_free(file->temporary);
    rdx_free(file->path);
    rdx_file_clear(file, NULL);
}

void rdx_file_abort(rdx_file *file)
{
    const int error = errno;
    if (file->path == NULL)
        return;
    if (file->temporary != NULL)
        unlink(file->temporary);
    if (file->stream != NULL) {
        file->error = EIO; /* discards what is still buffered */
        fclose(file->stream);
    }
    if (file->descriptor >= 0)
        close(file->descriptor);
    rdx_file_release(file);
    errno = error;
}
