/* SPDX-License-Identifier: MIT */
/** @file
 * Earlier results, read back: a manifest and, if present, the JSON summary beside it.
 *
 * @code
 * redux_manifest *manifest = NULL;
 * redux_manifest_row row;
 * redux_status status = redux_manifest_load(&manifest, context, "half.csv"); // redux.h wrote it
 * if (status == REDUX_OK)
 *     status = redux_manifest_get_row(&row, manifest, 0);
 * if (status == REDUX_OK)
 *     printf("%s, slice %d: %s\n", row.source, (int)row.slice, row.kept ? "kept" : "dropped");
 * redux_manifest_free(manifest);
 * return status;
 * @endcode
 *
 * Promised: whatever redux_manifest_write wrote is read back exactly, scores included.
 *
 * Threads: read-only once loaded: any thread. Since 0.1.
 */
#ifndef REDUX_MANIFEST_H
#define REDUX_MANIFEST_H

#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** A loaded manifest. Opaque, read-only: any thread. */
typedef struct redux_manifest redux_manifest;

/** One row: what became of one slice. Strings belong to the manifest. */
typedef struct redux_manifest_row {
    const char *source;
    int64_t slice;
    int32_t kept;               /**< 1 or 0 */
    const char *witness_source; /**< NULL for a slice without one */
    int64_t witness_slice;
    double score;      /**< NaN where there is none */
    const char *group; /**< NULL: groups are volumes. Since 0.2 */
} redux_manifest_row;

/** Reads a manifest as redux_manifest_write writes it (CSV, RFC 4180; "\r\n" is accepted; columns
 *  in any order, further ones are ignored), and what is beside NAME.csv: NAME.json, and the name of
 *  NAME.exemplars. The caller owns *out. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT
 *  (with the line), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_manifest_load(redux_manifest **out, redux_context *context,
                                           const char *path);

/** Frees a manifest; NULL is allowed. */
REDUX_API void redux_manifest_free(redux_manifest *manifest);

/** The number of rows, one per slice. */
REDUX_API int64_t redux_manifest_row_count(const redux_manifest *manifest);
/** Row `index`. Strings belong to the manifest. Errors: REDUX_E_INVALID (index, NULL). */
REDUX_API redux_status redux_manifest_get_row(redux_manifest_row *out,
                                              const redux_manifest *manifest, int64_t index);

/** Rows `first` to `first` + `count` - 1, into an array of `count`: for bindings, in which a call
 * for each of a million rows is slow. Strings belong to the manifest, and those of one source have
 * one address (a witness whose source has no rows aside). Errors: REDUX_E_INVALID (rows out of
 * range, NULL); nothing is written then. Since 0.2. */
REDUX_API redux_status redux_manifest_get_rows(redux_manifest_row *out,
                                               const redux_manifest *manifest, int64_t first,
                                               int64_t count);

/** How the input was opened, from the summary, as far as it is not said by the manifest's own rows:
 *  group_by (it belongs to the manifest) and frame; all other options are the defaults. Set
 *  out->struct_size first (REDUX_DATASET_OPTIONS_INIT). Without a summary: the defaults. Errors:
 *  REDUX_E_INVALID. Since 0.2. */
REDUX_API redux_status redux_manifest_get_dataset_options(redux_dataset_options *out,
                                                          const redux_manifest *manifest);

/** The different sources, in the order of their first rows: for redux_dataset_options.exclude, or
 *  to open them. *count of them; the array belongs to the manifest. */
REDUX_API const char *const *redux_manifest_sources(const redux_manifest *manifest, int64_t *count);

/** Opens a dataset of the manifest's kept slices, for redux_reduce_options.against: the sources of
 *  which at least one slice was kept. A source that is not found under its name is looked for
 *  beside the manifest. *kept: [slices] uint8, 1 for each slice of *dataset that was kept; the
 *  caller releases it. `options` as for redux_dataset_open. Errors: as redux_dataset_open;
 *  REDUX_E_FORMAT if a row's slice is not in the dataset. */
REDUX_API redux_status redux_dataset_open_manifest(redux_dataset **dataset, redux_tensor *kept,
                                                   redux_context *context,
                                                   const redux_manifest *manifest,
                                                   const redux_dataset_options *options);

/** Which slices of a dataset the manifest keeps. kept: [slices] uint8, 1 where the manifest keeps
 *  the slice, 0 where it drops it or does not name it; sources are compared byte for byte. The
 *  caller releases it. Errors: REDUX_E_NOT_FOUND (none is kept), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_manifest_get_kept(redux_tensor *kept, redux_context *context,
                                               const redux_manifest *manifest,
                                               const redux_dataset *dataset);

REDUX_END_DECLS
#endif
