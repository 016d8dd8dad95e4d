/* SPDX-License-Identifier: MIT
 * Earlier results, read back: a manifest and, where it is there, the JSON summary beside it. */
#ifndef REDUX_MANIFEST_H
#define REDUX_MANIFEST_H

#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** Opaque, read-only once loaded: any thread. */
typedef struct redux_manifest redux_manifest;

/** One row. Strings belong to the manifest. */
typedef struct redux_manifest_row {
    const char *source;
    int64_t slice;
    int32_t kept;               /**< 1 or 0 */
    const char *witness_source; /**< NULL for a slice without one */
    int64_t witness_slice;
    double score; /**< NaN where there is none */
} redux_manifest_row;

/** Reads a manifest as redux_manifest_write makes it (CSV, RFC 4180; "\r\n" is taken too; columns
 *  in any order, with others beside them), and what lies beside NAME.csv: NAME.json, and the name
 *  of NAME.exemplars. The caller owns *out. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT
 *  (with the line), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_manifest_load(redux_manifest **out, redux_context *context,
                                           const char *path);

/** NULL is allowed. Since 0.1. */
REDUX_API void redux_manifest_free(redux_manifest *manifest);

/** Since 0.1. */
REDUX_API int64_t redux_manifest_row_count(const redux_manifest *manifest);
/** Strings belong to the manifest. Errors: REDUX_E_INVALID (index, NULL). Since 0.1. */
REDUX_API redux_status redux_manifest_get_row(redux_manifest_row *out,
                                              const redux_manifest *manifest, int64_t index);

/** The different sources in it, in the order of their first rows: for
 * redux_dataset_options.exclude, or to open them. *count of them; the array belongs to the
 * manifest. Since 0.1. */
REDUX_API const char *const *redux_manifest_sources(const redux_manifest *manifest, int64_t *count);

/** Opens the dataset that the manifest speaks of, for redux_reduce_options.against: the sources of
 *  which a slice was kept. A source that is not there as it is named is looked for beside the
 *  manifest. *kept: for each slice of *dataset whether it was kept; released with redux_tensor
 *  rules: [slices] uint8. `options` as for redux_dataset_open. Errors: as redux_dataset_open;
 *  REDUX_E_FORMAT where a row's slice is not in the dataset. Since 0.1. */
REDUX_API redux_status redux_dataset_open_manifest(redux_dataset **dataset, redux_tensor *kept,
                                                   redux_context *context,
                                                   const redux_manifest *manifest,
                                                   const redux_dataset_options *options);

/** Which slices of a dataset were kept: kept: [slices] uint8, 1 where the manifest keeps the slice,
 *  0 where it drops it or does not name it; sources are compared byte for byte. The caller releases
 *  it. Errors: REDUX_E_NOT_FOUND (none is kept), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_manifest_get_kept(redux_tensor *kept, redux_context *context,
                                               const redux_manifest *manifest,
                                               const redux_dataset *dataset);

REDUX_END_DECLS
#endif
