/* SPDX-License-Identifier: MIT
 * Datasets: volumes found under paths, opened one at a time. Internal. */
#ifndef RDX_DATA_H
#define RDX_DATA_H

#include <redux/volume.h>
#include "io/format.h"

/* Where a volume comes from. */
typedef struct rdx_source {
    redux_volume_info info; /* its strings are those of `found` */
    rdx_found found;        /* of a volume with a file for each slice: only its source */
    int64_t first_file;     /* of such a volume: its first index in redux_dataset.files */
} rdx_source;

struct redux_dataset {
    redux_dataset_options options;
    rdx_source *volumes;
    int64_t count, capacity;
    const char **files; /* pictures and DICOM files: those of one volume together, in its order */
    int64_t file_count, file_capacity;
    struct rdx_text_block *text; /* where their paths are packed */
    char **skipped;              /* path, reason, path, reason ... */
    int64_t skipped_count, skipped_capacity;
    const char **excluded; /* sorted; NULL once it is open */
    int64_t passed_over;   /* how many of them were met */
};

/* ---- dataset.c ---- */

/* Notes something that is left out. */
redux_status rdx_dataset_skip(redux_dataset *dataset, redux_context *context, const char *path,
                              const char *reason);
/* Takes over what `source` owns, on success. */
redux_status rdx_dataset_add(redux_dataset *dataset, redux_context *context,
                             const rdx_source *source);
/* Whether a source is to be passed over. */
bool rdx_dataset_excludes(redux_dataset *dataset, const char *source);
/* Appends the path of a slice's own file. */
redux_status rdx_dataset_add_file(redux_dataset *dataset, redux_context *context, const char *path);

/* ---- find.c ---- */

/* Fills in a dataset from paths. */
redux_status rdx_dataset_find(redux_dataset *dataset, redux_context *context,
                              const char *const *paths, int64_t count);

/* ---- dicom_series.c ---- */

/* Puts files (paths in natural order) together to volumes of the dataset: by series, size, kind of
 * pixels and orientation, along the normal of the slices. `folder` names them. Files that cannot be
 * used go to `settle`, whose status ends the work where it is not REDUX_OK. */
typedef redux_status (*rdx_settle_fn)(void *user, const char *path, redux_status status);
redux_status rdx_dicom_add_files(redux_dataset *dataset, redux_context *context, const char *folder,
                                 const char *const *paths, int64_t count, rdx_settle_fn settle,
                                 void *user);

#endif
