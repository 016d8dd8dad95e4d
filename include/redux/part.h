/* SPDX-License-Identifier: MIT */
/** @file
 * Work on a dataset cut into parts that are done apart, on one machine or on many: by a job array
 * of a cluster's scheduler, by make -j.
 *
 * @code
 * const char *path = "data/ct", *name = "first";
 * uint8_t wanted[1024];
 * int64_t count = 0;
 * redux_part_options part = REDUX_PART_OPTIONS_INIT;
 * redux_dataset *dataset = NULL;
 * redux_tensor rows = REDUX_TENSOR_INIT;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * part.count = 2; // the first of two parts
 * part.kind = "example";
 * if (status == REDUX_OK && redux_dataset_slice_count(dataset) <= 1024)
 *     status = redux_dataset_cut(wanted, context, dataset, &part);
 * for (int64_t i = 0; status == REDUX_OK && i < redux_dataset_slice_count(dataset); i++)
 *     count += wanted[i];
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&rows, context, REDUX_FLOAT32, 1, &count); // your work's results
 * if (status == REDUX_OK)
 *     status = redux_part_save("one.1-of-2.part", context, dataset, &part, 1, &name, &rows);
 * redux_tensor_release(&rows);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * redux/reduce.h does parts of a reduction (redux_part_reduce, redux_parts_reduce).
 *
 * Each part is a file, written whole or not at all. It names its job (what is done, with which
 * options, on which dataset), so that parts of different jobs are never joined.
 *
 * Promised: joined parts give the result of one machine, to the bit, whatever their number.
 *
 * Not promised: that a part is read by another version of the library, or on a machine of the other
 * byte order.
 *
 * Threads: parts are read-only once opened: any thread. Since 0.2.
 */
#ifndef REDUX_PART_H
#define REDUX_PART_H

#include <redux/volume.h>

REDUX_BEGIN_DECLS

/* ---- one part ---- */

/** Which part it is, and of what. */
typedef struct redux_part_options {
    size_t struct_size;
    int64_t index, count; /**< 1 to count, which is at most 1,000,000 */
    /** 1: groups (redux_dataset_options.group_by) are never cut; 0: volumes are never cut. */
    int32_t by_group;
    /** 1: the arrays are the same on every machine, because no floating-point number is computed.
     *  Otherwise parts of machines with different instruction sets or BLAS kernels are not joined.
     */
    int32_t exact;
    /** What is in the part, such as "hashes". Required. */
    const char *kind;
    /** What all parts of a job share, as a JSON object: parts whose jobs differ in any member are
     *  not joined. NULL: nothing. */
    const char *job;
    /** Your own text, kept in the file, such as the command line. NULL: none. UTF-8. */
    const char *note;
} redux_part_options;

#define REDUX_PART_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_part_options)), set(index, 1), set(count, 1)
REDUX_DEFINE_INIT(redux_part_options, REDUX_PART_OPTIONS_DEFAULTS)
#define REDUX_PART_OPTIONS_INIT REDUX_INIT(redux_part_options, REDUX_PART_OPTIONS_DEFAULTS)

/** Marks a file with a part (redux/file.h). */
#define REDUX_MARK_PART "redux-part 1\n"

/** Which slices belong to a part (index, count and by_group count). Parts are runs of groups, or of
 *  volumes, of about equally many bytes, the same ones whoever asks. There may be more parts than
 *  groups: some are empty then. wanted: [slices], 1 for each slice of the part, else 0. Errors:
 *  REDUX_E_INVALID (NULL, not 1 <= index <= count), REDUX_E_NO_MEMORY. Any thread. */
REDUX_API redux_status redux_dataset_cut(uint8_t *wanted, redux_context *context,
                                         const redux_dataset *dataset,
                                         const redux_part_options *part);

/** Writes arrays that you made for one part: `count` tensors of any strides, of [slices of the
 *  part, ...], with a name each. Errors: REDUX_E_INVALID (NULL, shapes, `part`), and those of
 *  redux_file_save. */
REDUX_API redux_status redux_part_save(const char *path, redux_context *context,
                                       const redux_dataset *dataset, const redux_part_options *part,
                                       int64_t count, const char *const *names,
                                       const redux_tensor *tensors);

/** Whether `path` is this part already, whole, of this job and of this dataset; then *done is 1.
 *  *done is 0 where there is no such file. Errors: REDUX_E_FORMAT where there is a file, and it is
 *  something else or of another job. */
REDUX_API redux_status redux_part_is_done(int32_t *done, redux_context *context, const char *path,
                                          const redux_dataset *dataset,
                                          const redux_part_options *part);

/* ---- all parts ---- */

/** Parts of one job. Opaque. */
typedef struct redux_parts redux_parts;

/** Opens part files, in any order, and checks that each is whole, that they are of one job, and
 *  that none is there twice. Some may be missing. The files must stay in place. The
 *  caller owns *out. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT (not a part, damaged, of
 *  another job: the message says in what they differ), REDUX_E_UNSUPPORTED (of another version of
 *  the library), REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_parts_open(redux_parts **out, redux_context *context,
                                        const char *const *paths, int64_t count);

/** Closes parts; NULL is allowed. */
REDUX_API void redux_parts_free(redux_parts *parts);

/** How many parts the job has, whether they are there or not. */
REDUX_API int64_t redux_parts_count(const redux_parts *parts);
/** How many of them are missing, and their indices (from 1) in order; 0 for a number out of range.
 */
REDUX_API int64_t redux_parts_missing_count(const redux_parts *parts);
REDUX_API int64_t redux_parts_missing(const redux_parts *parts, int64_t number);
/** The kind of the parts, and the note of the first one (NULL: none). They belong to `parts`. */
REDUX_API const char *redux_parts_kind(const redux_parts *parts);
REDUX_API const char *redux_parts_note(const redux_parts *parts);
/** The job of the parts, as a JSON object. It belongs to `parts`. */
REDUX_API const char *redux_parts_job(const redux_parts *parts);

/** An array of all parts, put together: [slices of the dataset, ...]. The dataset must be the one
 *  that the parts are of: the same sources, sizes and groups. The caller releases *out. Errors:
 *  REDUX_E_NOT_FOUND (parts that are missing; no such array), REDUX_E_FORMAT (another dataset;
 *  arrays that do not fit together), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_parts_join(redux_tensor *out, redux_context *context,
                                        const redux_parts *parts, const redux_dataset *dataset,
                                        const char *name);

REDUX_END_DECLS
#endif
