/* SPDX-License-Identifier: MIT
 * Part files from the inside. Internal.
 *
 * A part is a line (REDUX_MARK_PART), padded with zeros to RDX_PART_ALIGNMENT bytes; arrays, each
 * padded in the same way, little-endian; a header, which is JSON (part.c); and the last
 * RDX_PART_TAIL bytes: where the header begins, its length, the CRC-32 of everything before the
 * tail, and a magic. The header is at the end because some results are known only when all slices
 * have been read. */
#ifndef RDX_PART_H
#define RDX_PART_H

#include <redux/part.h>
#include "data.h"
#include "io/json.h"

#define RDX_PARTS_MAX 1000000
#define RDX_PART_ALIGNMENT 64
#define RDX_PART_TAIL 28
#define RDX_PART_MAGIC "rdxpart\n" /* 8 bytes */

/* ---- cut.c ---- */

/* A number that tells datasets apart: by sources, sizes, bytes and groups. */
uint64_t rdx_dataset_identity(const redux_dataset *dataset);
/* The part (from 0) of each row; the caller frees *out. */
redux_status rdx_dataset_parts(int32_t **out, redux_context *context, const redux_dataset *dataset,
                               int64_t parts, bool by_group);

/* ---- share.c: a list of rows shared out to ranks, each a run of them ---- */

typedef struct rdx_rank_rows {
    int32_t *owner;       /* the rank of each row of the list */
    int64_t first, count; /* this rank's run of the list */
} rdx_rank_rows;

/* Whether all ranks have the same library, instructions, BLAS kernels, dataset and job (a text). */
redux_status rdx_ranks_agree(redux_context *context, const redux_dataset *dataset, const char *job);
/* Begins a call in which ranks work together on rows of a dataset: checks that they do the same
 * (job: a text) and shares the rows out by volumes. The caller frees out->owner. */
redux_status rdx_rank_rows_share(rdx_rank_rows *out, redux_context *context,
                                 const redux_dataset *dataset, const int64_t *rows, int64_t count,
                                 const char *job);

/* ---- part.c ---- */

/* Reads and checks the options, but for `kind`. */
redux_status rdx_part_options_read(redux_part_options *known, const redux_part_options *given);
/* The rows of a part, in order; the caller frees *rows. */
redux_status rdx_part_rows(int64_t **rows, int64_t *count, redux_context *context,
                           const redux_dataset *dataset, const redux_part_options *part);

/* A part on its way into a file. */
typedef struct rdx_part_writer {
    rdx_file file;
    redux_context *context;
    uint64_t offset;
    uint32_t crc;
    json_t *arrays;
} rdx_part_writer;

redux_status rdx_part_begin(rdx_part_writer *writer, redux_context *context, const char *path);
/* Begins an array: [rows, ...] of `like`, which gives dtype and the other axes. */
redux_status rdx_part_array(rdx_part_writer *writer, const char *name, const redux_tensor *like,
                            int64_t rows);
/* Its next rows. */
redux_status rdx_part_append(rdx_part_writer *writer, const redux_tensor *rows);
/* A whole array of one number a row. */
redux_status rdx_part_vector(rdx_part_writer *writer, const char *name, const void *values,
                             int64_t count, redux_dtype dtype);
/* What the header says of a dataset. */
json_t *rdx_part_dataset_json(const redux_dataset *dataset);
/* Ends the file. Takes over `result`: what readers of this kind want to know, or NULL. */
redux_status rdx_part_commit(rdx_part_writer *writer, const redux_dataset *dataset,
                             const redux_part_options *part, json_t *result);
/* Harmless after a commit, and when repeated. */
void rdx_part_abort(rdx_part_writer *writer);

/* ---- part_read.c ---- */

typedef struct rdx_part {
    char *path;
    json_t *header;
    uint64_t data_end; /* where the header begins */
    int64_t index;
} rdx_part;

struct redux_parts {
    rdx_part *list; /* by index, for those that are there */
    int64_t there;
    int64_t count; /* of the job */
    char *job;
};

/* An array of a part. */
typedef struct rdx_part_array_info {
    redux_dtype dtype;
    int32_t ndim;
    int64_t shape[REDUX_MAX_DIMS];
    uint64_t offset, row_bytes;
} rdx_part_array_info;

/* REDUX_E_NOT_FOUND: the part has no such array. */
redux_status rdx_part_find_array(rdx_part_array_info *out, const rdx_part *part, const char *name);
/* Members of the header. */
const char *rdx_part_text(const rdx_part *part, const char *key);
int64_t rdx_part_number(const rdx_part *part, const char *key);
/* Whether all parts are there, and of this dataset, kind and job (NULL: any). */
redux_status rdx_parts_check(const redux_parts *parts, const redux_dataset *dataset,
                             const char *kind, const char *job);
/* redux_parts_join of parts that have been checked. */
redux_status rdx_parts_join(redux_tensor *out, redux_context *context, const redux_parts *parts,
                            const redux_dataset *dataset, const char *name);

/* An array of all parts, by rows of the dataset, in parts that have been checked. */
typedef struct rdx_part_table {
    const redux_parts *parts;
    int32_t *part_of;
    int64_t *place; /* the row within its part */
    rdx_part_array_info *arrays;
} rdx_part_table;

redux_status rdx_part_rows_open(rdx_part_table *table, redux_context *context,
                                const redux_parts *parts, const redux_dataset *dataset,
                                const char *name);
redux_status rdx_part_rows_read(void *out, const rdx_part_table *table, int64_t row, int64_t count);
void rdx_part_rows_close(rdx_part_table *table);

#endif
