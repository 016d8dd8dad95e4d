/* SPDX-License-Identifier: MIT
 * Preloaded by the tests: makes the n-th allocation or system call of a process fail.
 *
 *   REDUX_FAULT=CALL:N:ERROR   CALL is malloc, read, write, open, close, fsync, rename or mmap. Its
 *                              N-th call fails with ERROR; for N "all", every second one does.
 *                              ERROR is ENOSPC, EIO, EINTR, EMFILE, ENOMEM, or "short": one byte.
 *   REDUX_FAULT_MARK=FILE      is made when that happens
 *
 * Streams of stdio make their system calls inside the C library, where no preloaded function sees
 * them: fopen is replaced by a stream over the functions below, and so is standard output.
 * Allocations of OpenBLAS, FFTW and the dynamic loader are let alone: they end the process
 * (docs/errors.md). So are minizip's: zipOpenNewFileInZip4_64 of 1.2.13 does not check its own. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fault_shim.h"

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library has __names */

#define EXPORTED __attribute__((visibility("default")))
#define SHORT (-1) /* in place of an errno */
#define CALLER __builtin_return_address(0)
/* As system calls of 64 bits and of i386 take it: in one register, or the low half first. */
#define OFFSET(offset) (long)(offset), (long)((offset) >> 32)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

/* ---- what is to fail ---- */

static struct {
    _Atomic int call; /* -1: nothing */
    int64_t n;        /* 0: every second one */
    int error;
    atomic_int_fast64_t count, failed;
} fault = {.call = -1};

static atomic_int_fast64_t live; /* blocks that are allocated */
static const char *mark;

static bool fails(int call)
{
    if (atomic_load_explicit(&fault.call, memory_order_acquire) != call)
        return false;
    const int64_t count = atomic_fetch_add(&fault.count, 1) + 1;
    if (fault.n == 0 ? count % 2 != 0 : count != fault.n)
        return false;
    if (atomic_fetch_add(&fault.failed, 1) == 0 && mark != NULL)
        syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0666));
    return true;
}

EXPORTED void fault_arm(int call, int64_t n, int error)
{
    fault.n = n;
    fault.error = error;
    atomic_store(&fault.count, 0);
    atomic_store(&fault.failed, 0);
    atomic_store_explicit(&fault.call, call, memory_order_release);
}

EXPORTED int64_t fault_disarm(void)
{
    atomic_store(&fault.call, -1);
    return atomic_load(&fault.failed);
}

EXPORTED int64_t fault_live(void)
{
    return atomic_load(&live);
}

/* ---- allocations ---- */

enum { RANGES = 32 };
static struct {
    uintptr_t low, high;
} spared[RANGES];
static int spared_count;

static int spare(struct dl_phdr_info *info, size_t size, void *user)
{
    static const char *const libraries[] = {"openblas", "fftw",     "gfortran",
                                            "gomp",     "ld-linux", "minizip"};
    (void)size;
    (void)user;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        for (int j = 0; strstr(info->dlpi_name, libraries[i]) != NULL && j < info->dlpi_phnum; j++)
            if (info->dlpi_phdr[j].p_type == PT_LOAD && spared_count < RANGES) {
                spared[spared_count].low = info->dlpi_addr + info->dlpi_phdr[j].p_vaddr;
                spared[spared_count].high = spared[spared_count].low + info->dlpi_phdr[j].p_memsz;
                spared_count++;
            }
    return 0;
}

static bool refused(const void *caller)
{
    if (atomic_load_explicit(&fault.call, memory_order_relaxed) != FAULT_MALLOC)
        return false;
    for (int i = 0; i < spared_count; i++)
        if ((uintptr_t)caller >= spared[i].low && (uintptr_t)caller < spared[i].high)
            return false;
    if (!fails(FAULT_MALLOC))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return block;
}

EXPORTED void *malloc(size_t size)
{
    return refused(CALLER) ? NULL : counted(__libc_malloc(size));
}

EXPORTED void *calloc(size_t count, size_t size)
{
    return refused(CALLER) ? NULL : counted(__libc_calloc(count, size));
}

EXPORTED void *realloc(void *block, size_t size)
{
    if (refused(CALLER))
        return NULL;
    void *larger = __libc_realloc(block, size);
    return block == NULL ? counted(larger) : larger;
}

EXPORTED int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (refused(CALLER))
        return ENOMEM;
    void *block = counted(__libc_memalign(alignment, size));
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
    return refused(CALLER) ? NULL : counted(__libc_memalign(alignment, size));
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
    return refused(CALLER) ? NULL : counted(__libc_memalign(alignment, size));
}

EXPORTED void free(void *block)
{
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    __libc_free(block);
}

/* ---- system calls ---- */

/* Whether the call fails; sets errno. *size becomes 1 where it is to be short. */
static bool broken(int call, size_t *size)
{
    if (!fails(call))
        return false;
    if (fault.error == SHORT) {
        if (size != NULL && *size > 1)
            *size = 1;
        return false;
    }
    errno = fault.error;
    return true;
}

EXPORTED ssize_t read(int fd, void *bytes, size_t size)
{
    return broken(FAULT_READ, &size) ? -1 : syscall(SYS_read, fd, bytes, size);
}

EXPORTED ssize_t pread64(int fd, void *bytes, size_t size, off64_t offset)
{
    return broken(FAULT_READ, &size) ? -1 : syscall(SYS_pread64, fd, bytes, size, OFFSET(offset));
}

EXPORTED ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    return pread64(fd, bytes, size, offset);
}

EXPORTED ssize_t write(int fd, const void *bytes, size_t size)
{
    /* what is said on standard error is the program's last resort */
    if (fd != STDERR_FILENO && broken(FAULT_WRITE, &size))
        return -1;
    return syscall(SYS_write, fd, bytes, size);
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    return broken(FAULT_WRITE, &size) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, OFFSET(offset));
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite64(fd, bytes, size, offset);
}

static int opened(const char *path, int flags, mode_t mode)
{
    return broken(FAULT_OPEN, NULL) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

EXPORTED int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return opened(path, flags, mode);
}

EXPORTED int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return opened(path, flags | O_LARGEFILE, mode);
}

EXPORTED DIR *opendir(const char *path)
{
    DIR *(*next)(const char *) = NULL;
    *(void **)(void *)&next = dlsym(RTLD_NEXT, "opendir");
    return broken(FAULT_OPEN, NULL) ? NULL : next(path);
}

/* As on Linux: the descriptor is closed whatever is returned. */
EXPORTED int close(int fd)
{
    const bool is_broken = broken(FAULT_CLOSE, NULL);
    const int error = errno;
    const int result = (int)syscall(SYS_close, fd);
    if (!is_broken)
        return result;
    errno = error;
    return -1;
}

EXPORTED int fsync(int fd)
{
    return broken(FAULT_FSYNC, NULL) ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORTED int rename(const char *from, const char *to)
{
    return broken(FAULT_RENAME, NULL)
               ? -1
               : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* The system call takes its arguments otherwise on each processor. */
EXPORTED void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off64_t) = NULL;
    /* memory without a file is OpenBLAS's, which cannot do without */
    if (fd >= 0 && broken(FAULT_MMAP, NULL))
        return MAP_FAILED;
    *(void **)(void *)&next = dlsym(RTLD_NEXT, "mmap64");
    return next(address, size, protection, flags, fd, offset);
}

EXPORTED void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return mmap64(address, size, protection, flags, fd, offset);
}

/* ---- streams ---- */

enum { STREAMS = 64 };
static struct stream {
    FILE *file; /* NULL: free */
    int fd;
} streams[STREAMS];
static atomic_flag streams_held = ATOMIC_FLAG_INIT;

static ssize_t stream_read(void *cookie, char *bytes, size_t size)
{
    return read(((struct stream *)cookie)->fd, bytes, size);
}

/* As stdio does: goes on after a short write, gives up at an error, EINTR too. */
static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t count = write(((struct stream *)cookie)->fd, bytes + done, size - done);
        if (count < 0)
            break;
        done += (size_t)count;
    }
    return (ssize_t)done;
}

static int stream_seek(void *cookie, off64_t *offset, int whence)
{
    *offset = lseek64(((struct stream *)cookie)->fd, *offset, whence);
    return *offset < 0 ? -1 : 0;
}

static int stream_close(void *cookie)
{
    struct stream *stream = cookie;
    const int fd = stream->fd;
    stream->file = NULL;
    return close(fd);
}

static FILE *stream_over(int fd, const char *mode)
{
    const cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
    struct stream *stream = NULL;
    while (atomic_flag_test_and_set(&streams_held)) {
    }
    for (int i = 0; i < STREAMS && stream == NULL; i++)
        if (streams[i].file == NULL)
            stream = &streams[i];
    if (stream != NULL) {
        stream->fd = fd;
        stream->file = fopencookie(stream, mode, functions);
    }
    atomic_flag_clear(&streams_held);
    return stream == NULL ? NULL : stream->file;
}

EXPORTED FILE *fopen(const char *path, const char *mode)
{
    const bool both = strchr(mode, '+') != NULL;
    int flags = both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    if (mode[0] == 'w')
        flags |= O_CREAT | O_TRUNC;
    if (mode[0] == 'a')
        flags |= O_CREAT | O_APPEND;
    const int fd = opened(path, flags, 0666);
    FILE *file = fd < 0 ? NULL : stream_over(fd, mode);
    if (file == NULL && fd >= 0) {
        syscall(SYS_close, fd);
        errno = ENOMEM;
    }
    return file;
}

EXPORTED FILE *fopen64(const char *path, const char *mode)
{
    return fopen(path, mode);
}

EXPORTED int fileno(FILE *file)
{
    int (*next)(FILE *) = NULL;
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].file == file)
            return streams[i].fd;
    *(void **)(void *)&next = dlsym(RTLD_NEXT, "fileno");
    return next(file);
}

/* ---- from the environment ---- */

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR},
                  {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"short", SHORT}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(name, errors[i].name) == 0)
            return errors[i].error;
    return EIO;
}

__attribute__((constructor)) static void start(void)
{
    static const char *const calls[FAULT_CALLS] = {"malloc", "read",  "write",  "open",
                                                   "close",  "fsync", "rename", "mmap"};
    const char *text = getenv("REDUX_FAULT");
    char call[16], n[24], error[16];
    mark = getenv("REDUX_FAULT_MARK");
    dl_iterate_phdr(spare, NULL);
    stdout = stream_over(STDOUT_FILENO, "w");
    if (text == NULL || sscanf(text, "%15[a-z]:%23[0-9a-z]:%15s", call, n, error) != 3)
        return;
    for (int i = 0; i < FAULT_CALLS; i++)
        if (strcmp(call, calls[i]) == 0)
            fault_arm(i, strcmp(n, "all") == 0 ? 0 : strtoll(n, NULL, 10), error_of(error));
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
