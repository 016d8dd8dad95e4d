/* SPDX-License-Identifier: MIT */
/** @file
 * A column of a table (CSV), by the slices of a dataset: labels, splits, anything.
 *
 * @code
 * const char *path = "data/ct";
 * redux_dataset *dataset = NULL;
 * redux_column *column = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * if (status == REDUX_OK)
 *     status = redux_column_read(&column, context, dataset, "data/ct/labels.csv", "tumour");
 * if (status == REDUX_OK)
 *     printf("slice 0: %s\n", redux_column_name(column, redux_column_value(column, 0)));
 * redux_column_free(column);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * The table has the columns `file` and, if slices of one file differ, `slice`, counted from 0.
 * Paths are relative to its folder, and files are recognised under any of their names. A line about
 * a slice comes before one about its file. Unlike redux/labels.h, which opens the files of a table,
 * this describes a dataset that is open.
 *
 * Threads: read-only once read: any thread. Since 0.2.
 */
#ifndef REDUX_COLUMN_H
#define REDUX_COLUMN_H

#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** A column by slices. Opaque. */
typedef struct redux_column redux_column;

/** Reads a column. The caller owns *out; the dataset is needed during the call only. Errors:
 *  REDUX_E_NOT_FOUND (no such table or column; the message lists the columns), REDUX_E_FORMAT (with
 *  the line: fields, two values for one slice), REDUX_E_IO, REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_column_read(redux_column **out, redux_context *context,
                                         const redux_dataset *dataset, const char *path,
                                         const char *column);
/** Frees a column; NULL is allowed. */
REDUX_API void redux_column_free(redux_column *column);

/** How many different values there are; empty fields are none. Values are numbered by their number
 *  if all are whole numbers, otherwise by their bytes. */
REDUX_API int64_t redux_column_count(const redux_column *column);
/** The text of value `value`; it belongs to the column. NULL if there is no such value. */
REDUX_API const char *redux_column_name(const redux_column *column, int64_t value);
/** The number of a slice's value, by the slice's number in the dataset; -1 if the table has none
 *  for it, or there is no such slice. */
REDUX_API int64_t redux_column_value(const redux_column *column, int64_t slice);
/** How many lines name files or slices that are not in the dataset, and the first of them as a line
 *  of the file (-1: none; may be NULL). */
REDUX_API int64_t redux_column_unused(int64_t *first, const redux_column *column);

REDUX_END_DECLS
#endif
