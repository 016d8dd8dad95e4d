/* SPDX-License-Identifier: MIT
 * Datasets as the library itself uses them. Internal.
 *
 *   find.c, dicom_series.c   from paths to volumes
 *   memory.c                 volumes that a program has in memory, or functions for
 *   passed.c                 what was passed over, and what was met before
 *   dataset.c                the list of volumes, and the numbers of their slices
 *   groups.c                 what slices belong to, if not to their volume
 *   column.c                 what a table says of slices
 *   volume.c                 an opened volume
 *   cut.c, part.c, part_read.c  parts of a job, and their files (part.h)
 *   share.c                  rows shared out to several processes
 *   visit.c                  each slice of some volumes, on whichever thread it is read
 *   visit_dataset.c          the same for callers of the library
 *
 * Slices are numbered through a dataset, volume after volume: such a number is called a row. */
#ifndef RDX_DATA_H
#define RDX_DATA_H

#include <redux/volume.h>
#include <redux/window.h>
#include "base/base.h"
#include "io/format.h"
#include "io/table.h"

/* Where a volume comes from. */
typedef struct rdx_source {
    redux_volume_info info; /* its strings are those of `found` */
    rdx_found found;        /* of a volume with a file for each slice, only the source is set */
    int64_t first_file; /* of such a volume: the index of its first file in redux_dataset.files */
    int64_t first_row;  /* the row of its slice 0, set once the dataset is open */
} rdx_source;

typedef struct rdx_named_group {
    const char *name;
    const char *patient; /* whose group it is, as in rdx_found; NULL: of no patient */
} rdx_named_group;

/* Slices by group, if a group is not a volume. Texts belong to the dataset. */
typedef struct rdx_groups {
    const char *by;    /* redux_dataset_options.group_by; NULL: groups are volumes */
    const char *table; /* the file that says so, if one does; else NULL */
    int64_t count;
    int64_t *of;    /* the group of each row; owns the two below; NULL: groups are volumes */
    int64_t *rows;  /* group after group, each in its order */
    int64_t *start; /* count + 1 offsets into `rows` */
    rdx_named_group *names;
    int64_t patients; /* the highest number that names one */
} rdx_groups;

struct redux_dataset {
    redux_dataset_options options;
    rdx_source *volumes;
    int64_t count, capacity;
    int64_t slices;     /* of all volumes, set once the dataset is open */
    const char **files; /* pictures and DICOM files: those of one volume together, in its order */
    int64_t file_count, file_capacity;
    struct rdx_text_block *text; /* where their paths are packed */
    char **skipped;              /* path, reason, path, reason ... */
    int64_t skipped_count, skipped_capacity;
    const char **excluded; /* sorted; NULL once it is open */
    int64_t passed_over;   /* excluded sources that were met */
    int64_t met_before;    /* files that were met again */
    rdx_groups groups;
    struct rdx_passed *passed; /* passed.c */
    int64_t passed_count, passed_capacity;
};

typedef struct rdx_passed rdx_passed;

/* ---- dataset.c ---- */

/* Records something that was left out, with the reason. */
redux_status rdx_dataset_skip(redux_dataset *dataset, redux_context *context, const char *path,
                              const char *reason);
/* What slices of a volume are like in an orientation. */
void rdx_found_describe(redux_volume_info *info, const rdx_found *found,
                        redux_orientation orientation);
/* Takes over what `source` owns, on success. */
redux_status rdx_dataset_add(redux_dataset *dataset, redux_context *context,
                             const rdx_source *source);
/* Whether a source is excluded. */
bool rdx_dataset_excludes(redux_dataset *dataset, const char *source);
/* Appends the path of a slice's own file. */
redux_status rdx_dataset_add_file(redux_dataset *dataset, redux_context *context, const char *path);
/* Copies `length` characters into memory of the dataset. */
redux_status rdx_dataset_keep_text(const char **out, redux_dataset *dataset, redux_context *context,
                                   const char *text, size_t length);
/* Numbers the slices; to be called once all volumes are in the list. */
void rdx_dataset_number(redux_dataset *dataset);
/* The row of a volume's slice 0; of the number of volumes: the number of slices. */
int64_t rdx_dataset_first_row(const redux_dataset *dataset, int64_t volume);
/* The volume that holds a row (0 ... slices - 1). */
int64_t rdx_dataset_volume_of(const redux_dataset *dataset, int64_t row);
/* The size of a row's slice: pictures of one volume may differ. If it cannot be read, the status
 * says so, and the size is that of the volume. */
redux_status rdx_dataset_row_size(int64_t *height, int64_t *width, const redux_dataset *dataset,
                                  int64_t row);
/* redux_dataset_get_slice_name of a row. */
redux_status rdx_dataset_row_name(const char **source, int64_t *index, const redux_dataset *dataset,
                                  int64_t row);

/* ---- passed.c ---- */

/* Records a file or folder that holds data, perhaps, and is not read. Reasons begin with a plural:
 * "files of ...". */
redux_status rdx_dataset_pass_over(redux_dataset *dataset, redux_context *context,
                                   redux_log_level level, const char *reason, const char *name);
/* Logs each reason once, with the count and the first names. */
void rdx_dataset_report_passed(const redux_dataset *dataset, redux_context *context);
void rdx_dataset_clear_passed(redux_dataset *dataset);

/* The files, or parts of them, that a search has met. */
typedef struct rdx_met {
    void *slots;
    uint64_t count, capacity;
} rdx_met;
/* *known: the file was met before, by whatever path; then that is recorded. key: a part of it
 * (NULL: all). */
redux_status rdx_dataset_meet(bool *known, redux_dataset *dataset, redux_context *context,
                              rdx_met *met, const char *path, const char *key);
void rdx_met_clear(rdx_met *met);

/* ---- groups.c ---- */

/* Groups the slices as the options say, once they are numbered. */
redux_status rdx_dataset_group(redux_dataset *dataset, redux_context *context);
void rdx_groups_clear(rdx_groups *groups);
/* Whether groups are something else than volumes. */
bool rdx_dataset_is_grouped(const redux_dataset *dataset);
/* The group of a row. */
int64_t rdx_dataset_group_of(const redux_dataset *dataset, int64_t row);

/* ---- column.c ---- */

/* For each slice the text of a table's column, or NULL where the table has no line for it; they
 * belong to the table. what: what a value is, for messages; then every line must have one, and its
 * file must exist. NULL: neither. */
redux_status rdx_column_values(const char **values, redux_context *context,
                               const redux_dataset *dataset, const rdx_table *table,
                               const char *column, const char *what);

/* ---- find.c ---- */

/* Fills in a dataset from paths. */
redux_status rdx_dataset_find(redux_dataset *dataset, redux_context *context,
                              const char *const *paths, int64_t count);

/* ---- dicom_series.c ---- */

/* Puts files (paths in natural order) together to volumes of the dataset: by series, size, kind of
 * pixels and orientation, along the normal of the slices. `folder` names them. A file with several
 * frames is a volume of its own. Files that cannot be used go to finds->settle; a status other than
 * REDUX_OK ends the work. */
redux_status rdx_dicom_add_files(redux_dataset *dataset, const rdx_finds *finds, const char *folder,
                                 const char *const *paths, int64_t count, rdx_met *met);

/* Whether a volume has a checksum: one whose voxels a function gives does if its fingerprint is
 * set. */
bool rdx_dataset_has_checksum(const redux_dataset *dataset, int64_t volume);
/* The checksums of the wanted volumes (redux_dataset_checksum); each file is read once, however
 * many volumes it holds. */
redux_status rdx_dataset_checksums(uint32_t *out, redux_context *context,
                                   const redux_dataset *dataset, const uint8_t *wanted);

/* ---- visit.c ---- */

/* A slice of an open volume, on the thread that reads it. */
typedef struct rdx_visited {
    redux_context *context;
    const redux_dataset *dataset;
    const redux_volume *volume; /* NULL: the volume could not be opened */
    const redux_volume_info *info;
    int64_t volume_number, slice, row;
    int64_t at;           /* index in the list of rows */
    int64_t in_batch;     /* index within its batch */
    int64_t count;        /* slices from `at` on if the volume could not be opened; else 1 */
    redux_tensor *buffer; /* of this thread, for windowed slices */
} rdx_visited;

/* Reads the slice in the dataset's orientation (RDX_OWN_ORIENTATION) or another one, and windows it
 * (AUTO is resolved) into this thread's buffer, valid until the next call. */
#define RDX_OWN_ORIENTATION (-1)
redux_status rdx_visited_window(const redux_tensor **image, const rdx_visited *slice,
                                redux_window window, int32_t orientation);

/* The same for grey pixels that the caller has read from it. */
redux_status rdx_visited_window_pixels(const redux_tensor **image, const rdx_visited *slice,
                                       const redux_tensor *pixels, redux_window window);

/* Which slices are visited, and what is done with each. */
typedef struct rdx_visit {
    const redux_dataset *dataset;
    const int64_t *rows; /* in the order of the visit; NULL: all, in the dataset's order */
    int64_t count;       /* of `rows` */
    /* State of one thread while it reads some slices. worker_bytes 0: none, and `worker` is NULL.
     */
    size_t worker_bytes;
    redux_status (*worker_init)(void *worker, redux_context *context, void *user);
    void (*worker_clear)(void *worker);
    /* Called on any thread, for several slices at once. */
    redux_status (*slice)(const rdx_visited *slice, void *worker, void *user);
    /* Decides about a slice or volume that failed (redux_error_message gives the reason): REDUX_OK
     * skips it, `status` ends the visit. NULL: the first failure ends it. Called on any thread; for
     * a volume of an ordered visit on the calling thread, when its turn comes. */
    redux_status (*failed)(redux_status status, const rdx_visited *slice, void *user);
    void *user;
} rdx_visit;

/* Slices in any order: volumes in parallel, and the slices of each. Progress counts slices; the
 * caller has begun it. */
redux_status rdx_visit_any_order(redux_context *context, const rdx_visit *visit);

/* Handles slices in order. Both functions run on the calling thread. */
typedef struct rdx_batches {
    /* A volume is open, and its slices come next. *most limits how many come at a time. */
    redux_status (*begin)(int64_t *most, const redux_volume_info *info, void *user);
    /* Places first ... first + count - 1 of the list, all of one volume, have been visited. Counts
     * progress itself. */
    redux_status (*batch)(int64_t first, int64_t count, void *user);
    const bool *stop; /* set by `batch`: nothing more is visited; NULL: never */
} rdx_batches;

/* Slices in the order of the list, batch by batch. The slices of a batch are read in parallel, and
 * a few volumes are opened ahead in parallel. Consecutive rows of one volume share one opening.
 * Progress counts only the slices of volumes that could not be opened. */
redux_status rdx_visit_in_order(redux_context *context, const rdx_visit *visit,
                                const rdx_batches *batches);

#endif
