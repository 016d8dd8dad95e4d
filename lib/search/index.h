/* SPDX-License-Identifier: MIT
 * Shared by the files of the search index. Internal. */
#ifndef RDX_INDEX_H
#define RDX_INDEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <redux/index.h>
#include "base/storage.h"
#include "metric/metric.h"

/* ---- index_multi.c: multi-index hashing ---- */

#define RDX_INDEX_PARTS 64 /* most parts; they need not cover a code for the pigeonhole to hold */
#define RDX_INDEX_PART_BITS 24

/* One part of a code and the rows sorted by it: those with value v are rows[offsets[v]] up to
 * rows[offsets[v + 1]], ascending. */
typedef struct rdx_index_part {
    int32_t first, bits; /* its place in the code */
    uint32_t *offsets;   /* [2^bits + 1] */
    uint32_t *rows;      /* [rows of the tables] */
} rdx_index_part;

typedef struct rdx_index_tables {
    rdx_index_part part[RDX_INDEX_PARTS];
    int32_t parts, part_bits;
    int64_t rows;     /* of the index, when the tables were made; later ones are scanned */
    double occupancy; /* rows that share a part with a row, on average */
    uint32_t *block;  /* all offsets and rows; mapped from a file, it is not owned */
    bool mapped;
} rdx_index_tables;

/* Divides codes of `bits` into parts of about part_bits and returns how many. Sets first and
 * bits. */
int32_t rdx_index_divide(rdx_index_part *part, int64_t bits, int32_t part_bits);
/* How many numbers the block of tables has, and the places of offsets and rows in it. */
int64_t rdx_index_block_size(const rdx_index_part *part, int32_t parts, int64_t rows);
void rdx_index_place(rdx_index_tables *tables, uint32_t *block);
/* Sets occupancy's value from the offsets. */
double rdx_index_occupancy(const rdx_index_tables *tables);
void rdx_index_tables_free(rdx_index_tables *tables);

/* ---- index.c ---- */

struct redux_index {
    redux_metric metric;
    rdx_layout layout;
    redux_index_options options;
    char *items;   /* prepared, layout.item_bytes each */
    int64_t *ids;  /* of rows */
    uint8_t *dead; /* 1: removed; NULL: none was */
    int64_t rows, dead_rows;
    int64_t items_capacity, ids_capacity, dead_capacity;
    int64_t next_id;
    bool ascending; /* the ids are, so that bisection finds a row; else `slots` do */
    int64_t *slots; /* open addressing: row + 1, 0 is free; made on demand */
    int64_t slot_count;
    _Atomic(rdx_index_tables *) tables;
    pthread_mutex_t making;           /* of tables, by searches */
    double wished;                    /* nanoseconds that tables would have saved so far */
    _Atomic int64_t tried, abandoned; /* nearest searches through tables, and those given up */
    bool is_fixed;                    /* opened without the right to change it */
    void *mapping;                    /* of a file, or NULL */
    size_t mapping_size;
};

redux_status rdx_index_make(redux_index **out, redux_context *context, int64_t width,
                            const redux_index_options *options);
static inline const void *rdx_index_row(const redux_index *index, int64_t row)
{
    return index->items + (size_t)row * index->layout.item_bytes;
}
static inline bool rdx_index_alive(const redux_index *index, int64_t row)
{
    return index->dead == NULL || index->dead[row] == 0;
}

/* ---- index_search.c: what a query has found so far ---- */

typedef struct rdx_neighbour {
    int64_t id;
    double score;
} rdx_neighbour;

/* The best k, as a heap with the worst on top; k 0: everything within the threshold. */
typedef struct rdx_top {
    redux_context *context;
    rdx_neighbour *found;
    int64_t count, capacity, k;
    double threshold; /* the limit for further finds; tightens once k are found */
    int is_distance;
} rdx_top;

redux_status rdx_top_add(rdx_top *finds, int64_t id, double score);

/* ---- index_multi.c again ---- */

/* Tables for `queries` searches at `radius` (-1: nearest), or NULL if a scan is quicker or making
 * them would not pay. May make them. */
redux_status rdx_index_tables_get(rdx_index_tables **out, redux_context *context,
                                  redux_index *index, int64_t queries, int64_t radius);
redux_status rdx_index_tables_make(redux_context *context, redux_index *index);
/* Searches one query through tables, and scans the rows that they do not cover. *done is false if a
 * scan must replace it; `finds` is then unchanged. */
redux_status rdx_index_multi(bool *done, rdx_top *finds, redux_index *index,
                             const rdx_index_tables *tables, const uint64_t *query);

#endif
