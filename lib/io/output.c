/* SPDX-License-Identifier: MIT
 * What an output may replace. Every file that the library writes is checked here. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <redux/file.h>
#include "io.h"

#define HEAD 4096 /* bytes in which a mark is looked for */

/* '#' in a mark is a whole number. */
static bool matches(const char *at, const char *end, const char *mark)
{
    for (; *mark != '\0'; mark++) {
        const char *first = at;
        if (*mark == '#') {
            while (at < end && *at >= '0' && *at <= '9')
                at++;
            if (at == first)
                return false;
        } else if (at == end || *at++ != *mark) {
            return false;
        }
    }
    return true;
}

static bool holds_mark(const char *head, size_t size, const char *mark)
{
    for (size_t i = 0; i < size; i++)
        if (matches(head + i, head + size, mark))
            return true;
    return false;
}

/* *has: the file is empty or has the mark. */
static redux_status find_mark(bool *has, const char *path, const char *mark)
{
    char head[HEAD];
    struct stat status;
    size_t size = 0;
    int fd;
    RDX_TRY(rdx_open_read(&fd, &status, path));
    const redux_status read = rdx_read_at(fd, path, 0, head, sizeof head, &size);
    close(fd);
    *has = size == 0 || holds_mark(head, size, mark);
    return read;
}

static redux_status check_mark(const char *path, const char *mark)
{
    bool has;
    RDX_TRY(find_mark(&has, path, mark));
    if (has)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID,
                    "%s: exists, and is not an earlier output of this kind: name another file, or "
                    "replace it with --overwrite",
                    path);
}

bool rdx_output_has_mark(const char *path, const char *mark)
{
    bool has = false;
    return find_mark(&has, path, mark) == REDUX_OK && has;
}

redux_status rdx_output_check(const redux_context *context, const char *path, const char *mark)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return REDUX_OK;
    if (rdx_context_protects(context, &status))
        return rdx_fail(REDUX_E_INVALID,
                        "%s: is an input, which is never replaced: name another "
                        "file for the output",
                        path);
    return mark != NULL && rdx_context_keeps_files(context) ? check_mark(path, mark) : REDUX_OK;
}

redux_status redux_file_check(redux_context *context, const char *path, const char *mark)
{
    if (path == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_file_check: path is NULL");
    return rdx_output_check(context, path, mark);
}

redux_status redux_file_save(const char *path, redux_context *context, const char *mark,
                             redux_produce_fn produce, void *user)
{
    rdx_file file;
    if (produce == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_file_save: produce is NULL");
    RDX_TRY(rdx_file_begin(&file, context, path, mark));
    const redux_status status = produce(file.stream, user);
    if (status == REDUX_OK)
        return rdx_file_commit(&file);
    rdx_file_abort(&file);
    return status;
}
