/* SPDX-License-Identifier: MIT
 * What the files of this room share: writing whole or not at all, reading, pictures, arrays.
 * Internal. */
#ifndef RDX_IO_H
#define RDX_IO_H

#include <stdio.h>
#include <sys/stat.h>
#include <redux/safetensors.h>
#include <redux/tensor.h>
#include "base/base.h"
#include "base/storage.h"

/* ---- output.c: what an output may replace ---- */

/* REDUX_E_INVALID where `path` is a protected file, or, in a context that keeps files, one without
 * the mark (redux/file.h; NULL: any). */
redux_status rdx_output_check(const redux_context *context, const char *path, const char *mark);
/* Whether a file can be read and has the mark, or is empty. */
bool rdx_output_has_mark(const char *path, const char *mark);

/* ---- atomic_file.c: files that appear whole or not at all ---- */

/* Print into `stream` without checking errors: commit reports them. The struct must not move
 * between begin and commit, because the stream points to it. */
typedef struct rdx_file {
    FILE *stream;
    redux_context *context;
    char *path;      /* the file that is replaced, links resolved */
    char *temporary; /* NULL: a device or pipe, written in place */
    char *lock_path; /* NULL: not locked */
    int descriptor, lock;
    int error;     /* errno of the first write that failed */
    bool replaces; /* of a folder: there is an earlier one with files */
} rdx_file;

/* Checks what would be replaced (rdx_output_check), locks `path`, and opens a hidden temporary file
 * beside it. Clears the struct on failure, so that abort is harmless. Errors: REDUX_E_NOT_FOUND (no
 * such folder), REDUX_E_INVALID, REDUX_E_IO, REDUX_E_NO_MEMORY. */
redux_status rdx_file_begin(rdx_file *file, redux_context *context, const char *path,
                            const char *mark);
/* Flushes, syncs and renames. On failure the temporary file is removed and `path` is unchanged
 * (unless only syncing the folder failed: then it is the new one). Clears the struct. */
redux_status rdx_file_commit(rdx_file *file);
/* Removes the temporary file and clears the struct. Does nothing when repeated, or before begin. */
void rdx_file_abort(rdx_file *file);

/* ---- atomic_folder.c: the same for a folder of files ---- */

/* Locks `path` and makes a hidden folder beside it, folder->temporary, to write into. `path` may be
 * missing, or an empty folder, or one that holds nothing but a file `index` with the mark and the
 * files named in that table's first column: those will be replaced as a whole, but not in a context
 * that keeps files. Errors: as rdx_file_begin. */
redux_status rdx_folder_begin(rdx_file *folder, redux_context *context, const char *path,
                              const char *index, const char *mark);
/* Only looks whether that could begin. */
redux_status rdx_folder_check(redux_context *context, const char *path, const char *index,
                              const char *mark);
redux_status rdx_folder_commit(rdx_file *folder);
void rdx_folder_abort(rdx_file *folder);

/* Repeats after interruptions and short writes; 0 or an errno. */
int rdx_write_all(int fd, const char *bytes, size_t size);
/* fsync; 0 or an errno. */
int rdx_sync(int fd);

/* ---- file.c: reading, and memory for what was read ---- */

#define RDX_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* The number whose bytes are those of `value`, the lowest first. */
static inline uint64_t rdx_little_64(uint64_t value)
{
    return RDX_BIG_ENDIAN ? __builtin_bswap64(value) : value;
}

/* Sets the message "PATH: WHAT: strerror(error)" and picks the status. */
redux_status rdx_fail_errno(const char *path, const char *what, int error);
/* REDUX_E_IO where `path` is a link, which would lead out of the folder that the caller writes to.
 */
redux_status rdx_refuse_link(const char *path);
/* Until it is set to NULL, this thread's rdx_open_read refuses files outside `folder`, which is as
 * realpath gives it and must stay in place. */
void rdx_set_within(const char *folder);
/* REDUX_E_IO where `path`, its links resolved, lies outside that folder. */
redux_status rdx_check_within(const char *path);
/* Opens a plain file for reading. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO (also: not a plain file).
 */
redux_status rdx_open_read(int *out, struct stat *status, const char *path);
/* out: keeps the folder locked against other writers while it is open. Errors: REDUX_E_IO (another
 * process writes there), REDUX_E_NOT_FOUND. */
redux_status rdx_lock_folder(int *out, const char *path);
/* What a file is, whatever it is called: links and different paths lead to the same one. */
typedef struct rdx_file_identity {
    uint64_t device, inode;
} rdx_file_identity;
/* false: there is no such file. */
bool rdx_file_identify(rdx_file_identity *out, const char *path);
int rdx_file_identity_compare(const rdx_file_identity *a, const rdx_file_identity *b);
/* Reads up to `size` bytes at `offset`; *count is smaller only at the end of the file. */
redux_status rdx_read_at(int fd, const char *path, uint64_t offset, void *out, size_t size,
                         size_t *count);
/* The whole file; the caller frees *out. */
redux_status rdx_read_whole(unsigned char **out, size_t *size, redux_context *context,
                            const char *path);
/* As redux_tensor_new, C-contiguous, but uninitialised. */
redux_status rdx_tensor_alloc(redux_tensor *out, redux_context *context, redux_dtype dtype,
                              int32_t ndim, const int64_t *shape);
/* Reverses the bytes of `count` elements of `size` (1, 2, 4, 8, 16) bytes in place. */
void rdx_swap_bytes(void *data, uint64_t count, size_t size);
/* "7 x 512 x 512", for messages. */
const char *rdx_shape_text(char *text, size_t size, int32_t ndim, const int64_t *shape);

/* ---- gzip.c ---- */

typedef struct rdx_gzip rdx_gzip;

/* Reads gzip members from byte `offset` of a file on, or one zlib stream; `fd` and `path` are the
 * caller's and stay open and in place. */
redux_status rdx_gzip_open(rdx_gzip **out, int fd, const char *path, uint64_t offset, bool zlib);
/* The next `size` bytes; *count is smaller only at the end, where every checksum has been compared.
 * After an error the file can only be closed. */
redux_status rdx_gzip_read(rdx_gzip *file, void *out, size_t size, size_t *count);
void rdx_gzip_close(rdx_gzip *file); /* NULL: nothing happens */

/* ---- zstd.c: the same of Zstandard frames; opening fails in a build without it ---- */

typedef struct rdx_zstd rdx_zstd;

redux_status rdx_zstd_open(rdx_zstd **out, int fd, const char *path, uint64_t offset);
redux_status rdx_zstd_read(rdx_zstd *file, void *out, size_t size, size_t *count);
void rdx_zstd_close(rdx_zstd *file);

/* ---- packed.c: a file, or a part of one, that may be compressed ---- */

typedef enum rdx_packing {
    RDX_PACKING_NONE,
    RDX_PACKING_GZIP,
    RDX_PACKING_ZLIB,
    RDX_PACKING_ZSTD,
    RDX_PACKING_AUTO /* gzip or Zstandard if it begins as these do, else none */
} rdx_packing;

typedef struct rdx_packed {
    rdx_packing packing; /* not AUTO */
    rdx_gzip *gzip;      /* also zlib */
    rdx_zstd *zstd;
    int fd;
    const char *path;
    uint64_t offset;   /* where the part begins in the file */
    uint64_t size;     /* of the part on disk */
    uint64_t position; /* of the next byte to read, inflated, from the part's beginning */
} rdx_packed;

/* The part of a file from byte `offset` to its end. `path` must stay in place. Errors: those of
 * rdx_open_read, REDUX_E_NO_MEMORY. */
redux_status rdx_packed_open(rdx_packed *file, const char *path, uint64_t offset,
                             rdx_packing packing);
void rdx_packed_close(rdx_packed *file);
/* The next `size` bytes; a file that ends before is REDUX_E_FORMAT. `what` they are, for messages.
 */
redux_status rdx_packed_read(rdx_packed *file, void *out, uint64_t size, const char *what);
/* Forward only. Past the end of a file, the next read says so. */
redux_status rdx_packed_seek(rdx_packed *file, uint64_t position);
/* Reads on to the end, where the checksum is compared. */
redux_status rdx_packed_finish(rdx_packed *file);
/* The most bytes that can come out: more than that in a header is a lie. */
uint64_t rdx_packed_capacity(const rdx_packed *file);

/* ---- picture.c ---- */

typedef struct rdx_picture_info {
    int64_t height, width;
    int32_t channels;  /* 1 or 3: as decoded, without alpha */
    redux_dtype dtype; /* uint8 or uint16; any in TIFF */
    int64_t pages;     /* more than one: a volume, not a picture */
    const struct rdx_format *format;
} rdx_picture_info;

/* Reads only the header, and describes the decoded picture. *bytes: of the file. */
redux_status rdx_picture_probe(rdx_picture_info *out, uint64_t *bytes, const char *path);

/* ---- format_png.c ---- */

redux_status rdx_png_encode(FILE *stream, redux_context *context, const redux_tensor *picture,
                            const char *path);

/* ---- format_npy.c ---- */

typedef struct rdx_npy {
    redux_dtype dtype;
    bool swap, fortran;
    int32_t ndim;
    int64_t shape[REDUX_MAX_DIMS];
    uint64_t bytes;  /* of the data */
    uint64_t offset; /* where they begin */
} rdx_npy;

#define RDX_NPY_PRELUDE 12       /* magic, version and the longest length field */
#define RDX_NPY_HEADER_MAX 65536 /* larger than any array that is read here needs */

/* The length of prelude and header together, from the first RDX_NPY_PRELUDE bytes. */
redux_status rdx_npy_header_size(uint64_t *out, const unsigned char *prelude, size_t size,
                                 const char *name);
/* Reads a whole header (prelude included). `name` is for messages. */
redux_status rdx_npy_parse(rdx_npy *out, const unsigned char *header, size_t size,
                           const char *name);
/* Whether two headers agree, since a file may change between two readings. */
bool rdx_npy_same(const rdx_npy *a, const rdx_npy *b);
redux_status rdx_npy_probe(rdx_npy *out, uint64_t *bytes, const char *path);
/* The tensor of data read from a file as stored. Swaps bytes in place. */
redux_status rdx_npy_adopt(redux_tensor *out, redux_context *context, const rdx_npy *npy,
                           void *block);
/* Prelude and header of version 1.0 for a C-ordered array; the caller frees *out. */
redux_status rdx_npy_header(char **out, size_t *size, redux_context *context,
                            const redux_tensor *array, const char *name);
/* Hands the elements in C order, little-endian, to `write`, in pieces. */
typedef redux_status (*rdx_write_fn)(const void *bytes, size_t size, void *user);
redux_status rdx_npy_elements(redux_context *context, const redux_tensor *array, rdx_write_fn write,
                              void *user);

/* ---- format_npz.c ---- */

/* One array of an archive, and its position. */
typedef struct rdx_npz_member {
    rdx_npy npy;
    uint64_t position, number; /* of its entry in the archive's directory */
} rdx_npz_member;

/* Calls `visit` for each array in archive order (its key, without ".npy"). Skips members that are
 * not arrays of numbers; damaged ones are an error. */
typedef redux_status (*rdx_npz_visit_fn)(const char *key, const rdx_npz_member *member, void *user);
redux_status rdx_npz_visit(redux_context *context, const char *path, rdx_npz_visit_fn visit,
                           void *user);
/* The member with that key; an error if it cannot be read. */
redux_status rdx_npz_find(rdx_npz_member *out, redux_context *context, const char *path,
                          const char *key);
/* Reads a member that was found before; REDUX_E_FORMAT if it has changed since. */
redux_status rdx_npz_load(redux_tensor *out, redux_context *context, const char *path,
                          const char *key, const rdx_npz_member *member);

/* ---- names.c ---- */

/* "2" before "10": runs of digits by value, else byte by byte; ties by byte order. */
int rdx_natural_compare(const char *left, const char *right);
/* Byte order of two texts, for qsort and bsearch of `const char *`. */
int rdx_compare_texts(const void *a, const void *b);
/* FOLDER/NAME, with one slash if `folder` ends in one. */
redux_status rdx_join(char **out, redux_context *context, const char *folder, const char *name);
/* `name`, taken relative to the folder of the file `path`. */
redux_status rdx_beside(char **out, redux_context *context, const char *path, const char *name);

/* ---- safetensors.c ---- */

/* Reads content as it is given (NULL: none) and checks that no list is missing. */
redux_status rdx_safetensors_content_read(redux_safetensors_content *known,
                                          const redux_safetensors_content *given);
/* Where a file was read from, for messages. */
const char *rdx_safetensors_path(const redux_safetensors *file);
/* A value that torch.save wrote by a class of its own, which is not read. */
typedef struct rdx_foreign_value {
    const char *name, *made_by; /* owned by the file */
} rdx_foreign_value;
/* The class that made the value of that name; NULL: there is no such value. */
const char *rdx_safetensors_foreign(const redux_safetensors *file, const char *name);
/* The first of these values; NULL: there is none. */
const rdx_foreign_value *rdx_safetensors_first_foreign(const redux_safetensors *file);

#endif
