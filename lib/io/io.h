/* SPDX-License-Identifier: MIT
 * What the files of this room share: writing whole or not at all, reading, pictures, arrays, NIfTI
 * headers. Internal. */
#ifndef RDX_IO_H
#define RDX_IO_H

#include <stdio.h>
#include <sys/stat.h>
#include <redux/tensor.h>
#include "base/base.h"

/* ---- atomic_file.c: files that appear whole or not at all ---- */

/* Print into `stream` without looking at errors: commit sees them. The struct must stay where it is
 * between begin and commit (the stream points to it). */
typedef struct rdx_file {
    FILE *stream;
    redux_context *context;
    char *path;      /* the file that is replaced, links resolved */
    char *temporary; /* NULL: a device or pipe, written in place */
    int descriptor;
    int error; /* errno of the first write that failed */
} rdx_file;

/* Opens a hidden temporary file beside `path`. On failure the struct is cleared: abort is harmless.
 * Errors: REDUX_E_NOT_FOUND (no such folder), REDUX_E_IO, REDUX_E_NO_MEMORY. */
redux_status rdx_file_begin(rdx_file *file, redux_context *context, const char *path);
/* Flushes, syncs and renames. On failure the temporary file is removed and `path` is as it was
 * (unless only syncing the folder failed: then it is the new one). The struct is cleared. */
redux_status rdx_file_commit(rdx_file *file);
/* Removes the temporary file and clears the struct; again, or before begin, it does nothing. */
void rdx_file_abort(rdx_file *file);

#endif
