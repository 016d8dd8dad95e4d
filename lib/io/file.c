/* SPDX-License-Identifier: MIT
 * Reading files, and memory for what was read. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "folder.h"
#include "io.h"

redux_status rdx_fail_errno(const char *path, const char *what, int error)
{
    redux_status status = REDUX_E_IO;
    if (error == ENOMEM)
        status = REDUX_E_NO_MEMORY;
    else if (error == ENOENT || error == ENOTDIR)
        status = REDUX_E_NOT_FOUND;
    return rdx_fail(status, "%s: %s: %s", path, what, strerror(error));
}

redux_status rdx_refuse_link(const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
        return rdx_fail(REDUX_E_IO, "%s: is a link, through which nothing is written: remove it",
                        path);
    return REDUX_OK;
}

/* A property of the call that is under way, as the message of its failure is. */
static _Thread_local const char *within;

void rdx_set_within(const char *folder)
{
    within = folder;
}

redux_status rdx_check_within(const char *path)
{
    if (within == NULL)
        return REDUX_OK;
    char *real = realpath(path, NULL);
    if (real == NULL)
        return rdx_fail_errno(path, "cannot be read", errno);
    const size_t length = strcmp(within, "/") == 0 ? 0 : strlen(within);
    const bool inside =
        strncmp(real, within, length) == 0 && (real[length] == '/' || real[length] == '\0');
    free(real);
    return inside
               ? REDUX_OK
               : rdx_fail(REDUX_E_IO, "%s: leads out of %s, where all data must be", path, within);
}

redux_status rdx_open_read(int *out, struct stat *status, const char *path)
{
    int fd;
    RDX_TRY(rdx_check_within(path));
    /* With O_NONBLOCK a pipe without a writer cannot hang us before we see that it is a pipe. */
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return rdx_fail_errno(path, "cannot be read", errno);
    if (fstat(fd, status) != 0) {
        const int error = errno;
        close(fd);
        return rdx_fail_errno(path, "cannot be read", error);
    }
    if (!S_ISREG(status->st_mode)) {
        close(fd);
        return rdx_fail(REDUX_E_IO, "%s: is %s, not a file", path,
                        S_ISDIR(status->st_mode) ? "a folder" : "a device or pipe");
    }
    *out = fd;
    return REDUX_OK;
}

redux_status rdx_lock_folder(int *out, const char *path)
{
    int fd, answer;
    do
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return rdx_fail_errno(path, "cannot be opened", errno);
    do
        answer = flock(fd, LOCK_EX | LOCK_NB);
    while (answer != 0 && errno == EINTR);
    if (answer != 0 && errno == EWOULDBLOCK) { /* NFS does not lock folders (EBADF) */
        close(fd);
        return rdx_fail(REDUX_E_IO, "%s: another run is writing there", path);
    }
    *out = fd;
    return REDUX_OK;
}

bool rdx_file_identify(rdx_file_identity *out, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    *out = (rdx_file_identity){(uint64_t)status.st_dev, (uint64_t)status.st_ino};
    return true;
}

int rdx_file_identity_compare(const rdx_file_identity *a, const rdx_file_identity *b)
{
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return (a->inode > b->inode) - (a->inode < b->inode);
}

redux_status rdx_open_folder(DIR **out, const char *path)
{
    do
        *out = opendir(path);
    while (*out == NULL && errno == EINTR);
    return *out == NULL ? rdx_fail_errno(path, "cannot be listed", errno) : REDUX_OK;
}

redux_status rdx_read_at(int fd, const char *path, uint64_t offset, void *out, size_t size,
                         size_t *count)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(fd, (char *)out + done, RDX_MIN(size - done, (size_t)1 << 30),
                                  (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rdx_fail_errno(path, "cannot be read", errno);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *count = done;
    return REDUX_OK;
}

redux_status rdx_read_whole(unsigned char **out, size_t *size, redux_context *context,
                            const char *path)
{
    struct stat status;
    int fd;
    void *block;
    size_t count = 0;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    redux_status result = rdx_alloc(context, &block, (uint64_t)status.st_size, 1);
    if (result == REDUX_OK)
        result = rdx_read_at(fd, path, 0, block, (size_t)status.st_size, &count);
    else if (result == REDUX_E_LIMIT)
        rdx_fail(result, "%s: its %lld bytes are more than the limit", path,
                 (long long)status.st_size);
    close(fd);
    if (result != REDUX_OK) {
        rdx_free(block);
        return result;
    }
    *out = block;
    *size = count;
    return REDUX_OK;
}

redux_status rdx_tensor_alloc(redux_tensor *out, redux_context *context, redux_dtype dtype,
                              int32_t ndim, const int64_t *shape)
{
    redux_tensor tensor;
    void *block;
    char probe; /* the block of an empty tensor, which needs an address */
    RDX_TRY(redux_tensor_borrow(&tensor, &probe, dtype, ndim, shape, NULL));
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)redux_tensor_elements(&tensor),
                      redux_dtype_size(dtype)));
    tensor.data = block;
    const redux_status status = rdx_storage_new(&tensor.storage, context, rdx_free, block);
    if (status != REDUX_OK) {
        rdx_free(block);
        return status;
    }
    *out = tensor;
    return REDUX_OK;
}

static void swap_16(unsigned char *bytes)
{
    for (int i = 0; i < 8; i++) {
        const unsigned char byte = bytes[i];
        bytes[i] = bytes[15 - i];
        bytes[15 - i] = byte;
    }
}

/* The data are aligned to their size, because every block comes from an allocator. */
void rdx_swap_bytes(void *data, uint64_t count, size_t size)
{
    if (size == 2)
        for (uint64_t i = 0; i < count; i++)
            ((uint16_t *)data)[i] = __builtin_bswap16(((uint16_t *)data)[i]);
    else if (size == 4)
        for (uint64_t i = 0; i < count; i++)
            ((uint32_t *)data)[i] = __builtin_bswap32(((uint32_t *)data)[i]);
    else if (size == 8)
        for (uint64_t i = 0; i < count; i++)
            ((uint64_t *)data)[i] = __builtin_bswap64(((uint64_t *)data)[i]);
    else if (size == 16)
        for (uint64_t i = 0; i < count; i++)
            swap_16((unsigned char *)data + i * 16);
}

const char *rdx_shape_text(char *text, size_t size, int32_t ndim, const int64_t *shape)
{
    size_t used = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < ndim && used < size; i++) {
        const int count =
            snprintf(text + used, size - used, "%s%lld", i == 0 ? "" : " x ", (long long)shape[i]);
        used += count > 0 ? (size_t)count : 0;
    }
    return text;
}
