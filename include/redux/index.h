/* SPDX-License-Identifier: MIT
 * Search indexes: hash codes by Hamming distance, embeddings by cosine; exact, incremental, saved.
 *
 * An index holds items under ids of 64 bits and answers two questions: which are the k most alike,
 * and which are redundant at a threshold. Answers are exact: those of a scan, whatever method finds
 * them. They come in the order of their scores, the most alike first, equal scores by ascending id,
 * and are the same bits whatever the number of threads; scores are those of redux_metric.
 *
 * Hamming codes are scanned, or found through multi-index hashing (Norouzi, Punjani, Fleet: Fast
 * Exact Search in Hamming Space with Multi-Index Hashing, IEEE TPAMI 36(6), 2014): a code within r
 * bits of the query is within r / m bits in at least one of m parts, and codes are looked up by
 * their parts. Which is quicker depends on the number of codes, their width and the radius; it is
 * chosen for every query. Vectors are scanned by matrix products. */
#ifndef REDUX_INDEX_H
#define REDUX_INDEX_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Opaque. Any number of threads may search one index at once, each with its own context; while it
 *  is added to, removed from, optimised or freed no other thread may use it. The calls that change
 *  it take the context that it was made with, or one of the same allocator. */
typedef struct redux_index redux_index;

/** Values are pinned. */
typedef enum redux_index_kind {
    REDUX_INDEX_HAMMING = 0, /**< items are codes: bytes, uint8; scores are distances in bits */
    REDUX_INDEX_COSINE = 1   /**< items are vectors: float32; scores are similarities, -1 ... 1 */
} redux_index_kind;

/** How Hamming codes are searched; vectors are always scanned. */
typedef enum redux_index_method {
    REDUX_INDEX_AUTO = 0, /**< what is estimated to be quicker for the query at hand */
    REDUX_INDEX_SCAN = 1, /**< every code is looked at; no tables are made */
    REDUX_INDEX_MULTI = 2 /**< multi-index hashing, made for the first search */
} redux_index_method;

typedef struct redux_index_options {
    size_t struct_size;
    redux_index_kind kind;     /**< default: Hamming */
    redux_index_method method; /**< default: auto */
    /** Multi-index hashing: bits of a part, 4 ... 24; 0 (default): about log2 of the number of
     *  codes, so that a part picks out a few of them. */
    int32_t part_bits;
} redux_index_options;

#define REDUX_INDEX_OPTIONS_DEFAULTS(set)                                                          \
    set(struct_size, sizeof(redux_index_options)), set(kind, REDUX_INDEX_HAMMING),                 \
        set(method, REDUX_INDEX_AUTO)
REDUX_DEFINE_INIT(redux_index_options, REDUX_INDEX_OPTIONS_DEFAULTS)
#define REDUX_INDEX_OPTIONS_INIT REDUX_INIT(redux_index_options, REDUX_INDEX_OPTIONS_DEFAULTS)

/** An empty index of items of `width` elements: bytes of a code (redux_hash_bytes), dimensions of a
 *  vector. `options` may be NULL. The caller owns *out. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY.
 *  Since 0.1. */
REDUX_API redux_status redux_index_new(redux_index **out, redux_context *context, int64_t width,
                                       const redux_index_options *options);

/** NULL is allowed. Since 0.1. */
REDUX_API void redux_index_free(redux_index *index);

/** How many items there are; elements of one; codes or vectors. Since 0.1. */
REDUX_API int64_t redux_index_count(const redux_index *index);
REDUX_API int64_t redux_index_width(const redux_index *index);
REDUX_API redux_index_kind redux_index_get_kind(const redux_index *index);

/** Adds the rows of `items`: [N, width] uint8 or float32, any strides; they are copied. ids: N
 *  numbers >= 0, each new to the index; NULL: the numbers that follow the largest one that was ever
 *  in it, from 0 on. On failure nothing was added. Errors: REDUX_E_INVALID (shape, dtype, an id
 *  that is there or comes twice, an index opened read-only), REDUX_E_LIMIT (2^31 - 1 items),
 *  REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_index_add(redux_index *index, redux_context *context,
                                       const redux_tensor *items, const int64_t *ids);

/** Removes items by id; ids that are not there are passed over. *removed: how many were; may be
 *  NULL. Their memory is used again once they are a quarter of all. Errors: REDUX_E_INVALID (an
 *  index opened read-only), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_index_remove(int64_t *removed, redux_index *index,
                                          redux_context *context, const int64_t *ids,
                                          int64_t count);

/** Gives back the memory of removed items and makes the tables of multi-index hashing now (unless
 *  the method is `scan`), so that they are there for the first search and are saved too. Otherwise
 *  they are made as soon as they would have paid for themselves. Since 0.1. */
REDUX_API redux_status redux_index_optimise(redux_index *index, redux_context *context);

/** For each row of `queries` ([N, width], dtype of the items) the k most alike items, best first.
 *  ids and scores have room for N x k; where the index has fewer than k items the rest is -1 and
 *  NaN. Runs on the context's threads; memory: k entries a query at work. Reports queries as
 *  progress. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. Since 0.1. */
REDUX_API redux_status redux_index_nearest(int64_t *ids, double *scores, redux_context *context,
                                           const redux_index *index, const redux_tensor *queries,
                                           int64_t k);

/** Receives what redux_index_within finds, in the order of the queries, then best first; a value
 *  other than 0 cancels. Called on the calling thread. */
typedef int (*redux_index_found_fn)(int64_t query, int64_t id, double score, void *user);

/** For each row of `queries` every item that is redundant at `threshold`: a distance at or below
 *  it, a similarity at or above it. Memory: about 2^24 entries, or all items for one query, at
 *  worst. Errors: as redux_index_nearest; NaN is REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_index_within(redux_context *context, const redux_index *index,
                                          const redux_tensor *queries, double threshold,
                                          redux_index_found_fn found, void *user);

/** Saves an index, whole or not at all. Format: little-endian, versioned, with checksums (CRC-32)
 *  of everything. Tables go along when they cover it (redux_index_optimise). Errors: REDUX_E_IO,
 *  REDUX_E_NOT_FOUND (no such folder), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_index_save(const char *path, redux_context *context,
                                        const redux_index *index);

/** Opens a saved index. writable 0: the file is mapped, searched where it lies, shared with other
 *  processes, and must not be changed meanwhile (saving over it is fine: that replaces it); adding
 *  and removing are refused. writable 1: read into memory, a copy like any other. All checksums are
 *  verified, which reads the file once. The method is `auto`. The caller owns *out. Errors:
 *  REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT (damaged, cut short, no index),
 * REDUX_E_UNSUPPORTED (a newer version, or a big-endian machine), REDUX_E_LIMIT, REDUX_E_NO_MEMORY.
 * Since 0.1. */
REDUX_API redux_status redux_index_open(redux_index **out, redux_context *context, const char *path,
                                        int writable);

REDUX_END_DECLS
#endif
