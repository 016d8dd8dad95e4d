/* SPDX-License-Identifier: MIT */
/** @file
 * How functions report failure: a status, and a message for each thread.
 *
 * @code
 * const char *path = "no/such/folder";
 * redux_dataset *dataset = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * if (status == REDUX_E_NOT_FOUND) { // the message names the path
 *     fprintf(stderr, "%s: %s\n", redux_status_string(status), redux_error_message());
 *     status = REDUX_OK;
 * }
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * Promised:
 * - A function that fails leaves its outputs as they were, unless its own text says otherwise.
 * - The message is set where the failure happened: it names the file, the dimension or the value.
 * - Values of redux_status never change; new ones are appended.
 * - The library never prints, aborts or exits.
 * - Messages and log lines hold no control characters: those of names become "\x1b". Since 0.2.
 *
 * Not promised: the wording of messages. Test the status, and show the message to a person.
 *
 * Threads: each thread has its own message. Since 0.1.
 */
#ifndef REDUX_STATUS_H
#define REDUX_STATUS_H

#include <redux/export.h>

/** Values are pinned: new ones are appended, none is ever changed or reused. */
typedef enum redux_status {
    REDUX_OK = 0,
    REDUX_E_INVALID = 1,     /**< an argument is wrong: null, out of range, shapes that differ */
    REDUX_E_NO_MEMORY = 2,   /**< the allocator returned NULL */
    REDUX_E_IO = 3,          /**< the operating system refused: open, read, write, sync, rename */
    REDUX_E_NOT_FOUND = 4,   /**< no such file, folder, array or name */
    REDUX_E_FORMAT = 5,      /**< a file is damaged, cut short or not what its name says */
    REDUX_E_UNSUPPORTED = 6, /**< well-formed, but a kind that this build does not read */
    REDUX_E_LIMIT = 7,       /**< larger than redux_context_options.max_bytes, or than a counter */
    REDUX_E_CANCELLED = 8,   /**< the progress callback asked to stop */
    REDUX_E_NOT_FINITE = 9   /**< a computation gave NaN or infinity: a loss that diverged */
} redux_status;

REDUX_BEGIN_DECLS

/** A short English name of `status`, for example "damaged file". Static storage, never NULL. Any
 *  thread. */
REDUX_API const char *redux_status_string(redux_status status);

/** The message of the last failure on the calling thread, or "" if there was none. It is valid
 *  until the next libredux call on this thread fails. */
REDUX_API const char *redux_error_message(void);

REDUX_END_DECLS
#endif
