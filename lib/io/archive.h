/* SPDX-License-Identifier: MIT
 * ZIP archives: NumPy's .npz and torch.save's files. Internal. */
#ifndef RDX_ARCHIVE_H
#define RDX_ARCHIVE_H

#include <unzip.h>
#include "io.h"

#define RDX_MEMBER_NAME 4096 /* a longer name is cut; info.size_filename shows it */

typedef struct rdx_archive {
    FILE *stream;
    unzFile zip; /* positioned by unzGoToFirstFile and its like */
    const char *path;
    redux_context *context;
    char name[RDX_MEMBER_NAME];         /* of the current member */
    char label[RDX_MEMBER_NAME + 1024]; /* how messages name it */
    unz_file_info64 info;
} rdx_archive;

/* Opens an archive, which the caller frees; `path` must stay in place. Errors: those of
 * rdx_open_read, REDUX_E_FORMAT (no archive, or cut short), REDUX_E_NOT_FOUND (an empty one),
 * REDUX_E_NO_MEMORY. */
redux_status rdx_archive_new(rdx_archive **out, redux_context *context, const char *path);
void rdx_archive_free(rdx_archive *a);
/* Reads the current member's entry; the label becomes that of the archive. */
redux_status rdx_archive_entry(rdx_archive *a);
/* Begins to read the current member if its entry is consistent. */
redux_status rdx_archive_open_member(rdx_archive *a);
/* The next `size` bytes of it; fewer are an error. */
redux_status rdx_archive_read(rdx_archive *a, void *out, uint64_t size);
/* Ends a member that was read whole: checks that nothing is left, and its CRC-32. With a failed
 * `status`, only closes it and returns that. */
redux_status rdx_archive_finish_member(rdx_archive *a, redux_status status);
/* The message "LABEL: is damaged: WHAT", or that the file cannot be read. */
redux_status rdx_archive_damaged(const rdx_archive *a, const char *what);
/* minizip's functions for a stream that the caller opens and closes. */
zlib_filefunc64_def rdx_archive_functions(FILE *stream);

#endif
