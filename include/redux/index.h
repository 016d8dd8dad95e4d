/* SPDX-License-Identifier: MIT */
/** @file
 * Search indexes: hash codes by Hamming distance, embeddings by cosine; exact, incremental, saved.
 *
 * @code
 * const int64_t shape[2] = {3, 8};
 * int64_t ids[3];
 * double scores[3];
 * redux_tensor codes = REDUX_TENSOR_INIT;
 * redux_index *index = NULL;
 * redux_status status = redux_tensor_new(&codes, context, REDUX_UINT8, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_index_new(&index, context, 8, NULL); // codes of 8 bytes
 * if (status == REDUX_OK)
 *     status = redux_index_add(index, context, &codes, NULL);
 * if (status == REDUX_OK)
 *     status = redux_index_nearest(ids, scores, context, index, &codes, 1);
 * redux_index_free(index);
 * redux_tensor_release(&codes);
 * return status;
 * @endcode
 *
 * An index holds items under 64-bit ids and answers two questions: which are the k most similar,
 * and which are redundant at a threshold. Vectors are scanned by matrix products. Hamming codes are
 * scanned, or found through multi-index hashing (Norouzi, Punjani, Fleet, IEEE TPAMI 36(6), 2014):
 * a code within r bits of the query is within r / m bits in at least one of m parts, and codes are
 * looked up by their parts. The faster method is estimated for every query.
 *
 * Promised:
 * - Answers are exact: those of a full scan, whatever the method, to the bit and for any number of
 *   threads. Scores are those of redux_metric.
 * - The order is most similar first, equal scores by ascending id.
 * - Files are versioned and checked (CRC-32); later libraries read them.
 *
 * Not promised: approximate search for billions of items, or sharing one index between a writer and
 * readers.
 *
 * Threads: any number may search one index at once, each with its own context; no other thread may
 * use it while it is changed or freed. Since 0.1.
 */
#ifndef REDUX_INDEX_H
#define REDUX_INDEX_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** A search index. Opaque. Calls that change it take the context that it was made with, or one of
 *  the same allocator. */
typedef struct redux_index redux_index;

/** Values are pinned. */
typedef enum redux_index_kind {
    REDUX_INDEX_HAMMING = 0, /**< items are codes: bytes, uint8; scores are distances in bits */
    REDUX_INDEX_COSINE = 1   /**< items are vectors: float32; scores are similarities, -1 ... 1 */
} redux_index_kind;

/** How Hamming codes are searched; vectors are always scanned. */
typedef enum redux_index_method {
    REDUX_INDEX_AUTO = 0, /**< whichever is estimated to be faster for the query */
    REDUX_INDEX_SCAN = 1, /**< every code is looked at; no tables are made */
    REDUX_INDEX_MULTI = 2 /**< multi-index hashing, made for the first search */
} redux_index_method;

/** Options of redux_index_new. */
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

/* ---- making and changing ---- */

/** An empty index of items of `width` elements: bytes of a code (redux_hash_bytes), dimensions of a
 *  vector. `options` may be NULL. The caller owns *out. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY.
 */
REDUX_API redux_status redux_index_new(redux_index **out, redux_context *context, int64_t width,
                                       const redux_index_options *options);

/** Frees an index; NULL is allowed. */
REDUX_API void redux_index_free(redux_index *index);

/** The number of items, the elements of one, and the kind: codes or vectors. */
REDUX_API int64_t redux_index_count(const redux_index *index);
REDUX_API int64_t redux_index_width(const redux_index *index);
REDUX_API redux_index_kind redux_index_get_kind(const redux_index *index);

/** Adds the rows of `items`: [N, width] uint8 or float32, any strides; they are copied. ids: N
 *  numbers >= 0, each new to the index; NULL: the numbers after the largest one ever used, from 0
 *  on. On failure nothing was added. Errors: REDUX_E_INVALID (shape, dtype, an id that exists or
 *  occurs twice, an index opened read-only), REDUX_E_LIMIT (2^31 - 1 items), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_index_add(redux_index *index, redux_context *context,
                                       const redux_tensor *items, const int64_t *ids);

/** Removes items by id; ids that do not exist are ignored. *removed: how many items were removed;
 *  may be NULL. Their memory is reused once they are a quarter of all. Errors: REDUX_E_INVALID (an
 *  index opened read-only), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_index_remove(int64_t *removed, redux_index *index,
                                          redux_context *context, const int64_t *ids,
                                          int64_t count);

/** Releases the memory of removed items and builds the tables of multi-index hashing now (unless
 *  the method is `scan`), so that the first search has them and they are saved too. Otherwise they
 *  are built as soon as they would have paid for themselves. Errors: REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_index_optimise(redux_index *index, redux_context *context);

/* ---- searching ---- */

/** For each row of `queries` ([N, width], dtype of the items) the k most similar items, best first.
 *  `ids` and `scores` have room for N x k; if the index has fewer than k items, the rest is -1 and
 *  NaN. Runs on the context's threads; memory: k entries per query at work. Reports queries as
 *  progress. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY, REDUX_E_CANCELLED. */
REDUX_API redux_status redux_index_nearest(int64_t *ids, double *scores, redux_context *context,
                                           const redux_index *index, const redux_tensor *queries,
                                           int64_t k);

/** Receives what redux_index_within finds, in the order of the queries, then best first; a value
 *  other than 0 cancels. Called on the calling thread. */
typedef int (*redux_index_found_fn)(int64_t query, int64_t id, double score, void *user);

/** For each row of `queries` every item that is redundant at `threshold`: a distance at or below
 *  it, a similarity at or above it. Memory: about 2^24 entries, or all items for one query, at
 *  worst. Errors: as redux_index_nearest; NaN is REDUX_E_INVALID. */
REDUX_API redux_status redux_index_within(redux_context *context, const redux_index *index,
                                          const redux_tensor *queries, double threshold,
                                          redux_index_found_fn found, void *user);

/* ---- files ---- */

/** Saves an index, whole or not at all: little-endian, versioned, all of it under checksums
 *  (CRC-32). Tables are saved too if they are complete (redux_index_optimise). Errors: REDUX_E_IO,
 *  REDUX_E_NOT_FOUND (no such folder), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_index_save(const char *path, redux_context *context,
                                        const redux_index *index);

/** Opens a saved index. All checksums are verified, which reads the file once. The method is
 *  `auto`. The caller owns *out.
 *  - writable 0: the file is mapped, searched in place and shared with other processes; do not
 *    change it meanwhile (saving over it is fine: that replaces it). If another program cuts it
 *    short, SIGBUS ends the process, as with every mapping. Big-endian machines, whose numbers lie
 *    otherwise, read it into memory instead. Adding and removing are refused.
 *  - writable 1: read into memory, a copy like any other.
 *
 *  Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT (damaged, cut short, not an index),
 *  REDUX_E_UNSUPPORTED (a newer version), REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_index_open(redux_index **out, redux_context *context, const char *path,
                                        int writable);

REDUX_END_DECLS
#endif
