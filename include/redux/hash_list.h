/* SPDX-License-Identifier: MIT */
/** @file
 * Lists of hash codes with the slices that they belong to: made from datasets, printed, saved,
 * loaded.
 *
 * @code
 * const char *path = "data/ct/STS_012_CT.nii.gz";
 * const redux_window window = {REDUX_WINDOW_AUTO, 0, 0};
 * redux_dataset *dataset = NULL;
 * redux_hash_list *list = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * if (status == REDUX_OK)
 *     status = redux_hash_list_new(&list, context, NULL);
 * if (status == REDUX_OK)
 *     status = redux_hash_list_add_dataset(list, context, dataset, window, 1);
 * if (status == REDUX_OK)
 *     status = redux_hash_list_save("hashes.csv", context, list, REDUX_HASH_LIST_CSV, 1);
 * redux_hash_list_free(list);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * Promised: the same list gives the same bytes. The binary form is versioned: later libraries read
 * it.
 *
 * Threads: one thread changes a list; any threads may read one that is not being changed. Since
 * 0.1.
 */
#ifndef REDUX_HASH_LIST_H
#define REDUX_HASH_LIST_H

#include <redux/hash.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** A list of codes of one hash, profile and size. Opaque. */
typedef struct redux_hash_list redux_hash_list;

/** One entry. Pointers belong to the list and are valid until it is changed. */
typedef struct redux_hash_item {
    const char *source;   /**< as redux_dataset_get_slice_name gives it */
    int64_t slice;        /**< >= 0 */
    const uint8_t *code;  /**< redux_hash_bytes(options) bytes */
    redux_hash_info info; /**< quality -1: not computed */
} redux_hash_item;

/* ---- making ---- */

/** An empty list; `options` may be NULL. The caller owns *out. Errors: REDUX_E_INVALID,
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_hash_list_new(redux_hash_list **out, redux_context *context,
                                           const redux_hash_options *options);

/** Frees a list; NULL is allowed. */
REDUX_API void redux_hash_list_free(redux_hash_list *list);

/** Copies one entry in. Errors: REDUX_E_INVALID (no source, negative slice, quality over 100),
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_hash_list_add(redux_hash_list *list, redux_context *context,
                                           const redux_hash_item *item);

/** Adds the hash of every slice of a dataset, in dataset order. `window` as for redux_reduce: it is
 *  resolved for each slice and becomes the list's. Profile hu needs a REDUX_WINDOW_RANGE; profile
 *  paper-hash refuses one and takes slices as stored. If the hash uses colour
 *  (redux_hash_uses_colour) and the window is `auto` or `full`, 8-bit pictures and arrays are
 *  hashed in colour. with_info 1: quality and flags too. Reports slices as progress. On failure the
 *  list is as it was. Errors: REDUX_E_INVALID, those of redux_volume_open, REDUX_E_CANCELLED. */
REDUX_API redux_status redux_hash_list_add_dataset(redux_hash_list *list, redux_context *context,
                                                   const redux_dataset *dataset,
                                                   redux_window window, int32_t with_info);

/** The same of some slices. wanted: [slices of the dataset] bytes, those not 0 are hashed; NULL:
 *  all. Since 0.2. */
REDUX_API redux_status redux_hash_list_add_wanted(redux_hash_list *list, redux_context *context,
                                                  const redux_dataset *dataset,
                                                  const uint8_t *wanted, redux_window window,
                                                  int32_t with_info);

/* ---- reading ---- */

/** The number of entries; 0 for NULL. */
REDUX_API int64_t redux_hash_list_count(const redux_hash_list *list);

/** Entry `index`. Errors: REDUX_E_INVALID (index). */
REDUX_API redux_status redux_hash_list_get_item(redux_hash_item *out, const redux_hash_list *list,
                                                int64_t index);

/** How the codes were made, with the size and window in force. Set out->struct_size first. Errors:
 *  REDUX_E_INVALID. */
REDUX_API redux_status redux_hash_list_get_options(redux_hash_options *out,
                                                   const redux_hash_list *list);

/** All codes, [N, bytes] uint8, C-contiguous: a view of the list's memory, valid until the list is
 *  changed or freed. Release it. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_hash_list_get_codes(redux_tensor *out, const redux_hash_list *list);

/* ---- text and bytes ---- */

/** The form in which a list is written. */
typedef enum redux_hash_list_format {
    /** SOURCE<TAB>SLICE<TAB>HEX, one line an entry, after a line of the form: "redux-hash" behind a
     *  number sign, its version (1), hash, profile, size and window, with a tab before each. In
     *  names, a backslash stands before a backslash, and a backslash with t, n or r for a tab, a
     *  line feed or a carriage return. */
    REDUX_HASH_LIST_TEXT = 0,
    REDUX_HASH_LIST_CSV = 1,  /**< the same with a header, RFC 4180 */
    REDUX_HASH_LIST_JSON = 2, /**< an object: hash, profile, bits, size, window, codes */
    /** Version 1, little-endian, in this order: the 8 bytes 89 52 44 58 48 53 48 0a; uint32
     * version, hash, profile, size, bits, window kind; float64 window low and high; uint64 entries,
     * sources and bytes of their names; the names, each closed by a 0; the codes; for each entry an
     * uint32 number of its source, an int64 slice, an uint8 quality (255: not computed), an uint8
     * of flags; the CRC-32 (zlib's) of all that. */
    REDUX_HASH_LIST_BINARY = 3
} redux_hash_list_format;

/** The form of a name: "text", "csv", "json", "binary". Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID
 *  (NULL). Any thread. */
REDUX_API redux_status redux_hash_list_format_parse(redux_hash_list_format *out, const char *name);

/** What marks a file with a list of that form (redux/file.h); NULL: no such form. Static storage,
 *  any thread. Since 0.2. */
REDUX_API const char *redux_hash_list_mark(redux_hash_list_format format);

/** Receives `length` bytes; a value other than 0 ends the call with REDUX_E_IO. */
typedef int (*redux_hash_write_fn)(const char *bytes, size_t length, void *user);

/** Writes a list piece by piece. with_info 1: text and CSV get two more columns, quality (empty or
 *  "-" if not computed) and flags ("flat", "small", both joined by "+", or "-"; empty in CSV), and
 *  JSON two more members. Same list, same bytes. Errors: REDUX_E_INVALID, REDUX_E_IO,
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_hash_list_write(const redux_hash_list *list, redux_context *context,
                                             redux_hash_list_format format, int32_t with_info,
                                             redux_hash_write_fn write, void *user);

/** Writes a list to a file, whole or not at all. Errors: as redux_hash_list_write;
 *  REDUX_E_NOT_FOUND (no such folder). */
REDUX_API redux_status redux_hash_list_save(const char *path, redux_context *context,
                                            const redux_hash_list *list,
                                            redux_hash_list_format format, int32_t with_info);

/** Reads the binary form, or text. The caller owns *out. Errors: REDUX_E_FORMAT (foreign, cut
 * short, altered or inconsistent bytes, with what is wrong), REDUX_E_UNSUPPORTED (a later version),
 *  REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_hash_list_decode(redux_hash_list **out, redux_context *context,
                                              const void *bytes, size_t size);

/** Reads the binary form, or text, from a file. Errors: as redux_hash_list_decode;
 * REDUX_E_NOT_FOUND, REDUX_E_IO. */
REDUX_API redux_status redux_hash_list_load(redux_hash_list **out, redux_context *context,
                                            const char *path);

REDUX_END_DECLS
#endif
