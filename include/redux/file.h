/* SPDX-License-Identifier: MIT */
/** @file
 * Files that appear whole or not at all, and what they never replace.
 *
 * @code
 * redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
 * redux_context *careful = NULL;
 * options.flags = REDUX_CONTEXT_KEEPS_FILES;
 * redux_status status = redux_context_new(&careful, &options);
 * if (status == REDUX_OK)
 *     status = redux_context_protect(careful, "data/ct/STS_019_CT.nii.gz");
 * if (status == REDUX_OK) // may a manifest be written there?
 *     status = redux_file_check(careful, "kept.csv", REDUX_MARK_MANIFEST);
 * redux_context_free(careful);
 * return status;
 * @endcode
 *
 * Every function of the library that writes a file does so under a hidden, unpredictable name in
 * the same folder, syncs it and renames it: after a crash there is the old file or the new one. A
 * file that is being written is locked (FOLDER/.NAME.lock.redux-tmp), so that a second writer gets
 * REDUX_E_IO; the next writer removes what a killed one left. A link to a file stays, and its
 * target is replaced. Devices and pipes are written in place.
 *
 * What is replaced depends on the context:
 * - A file protected by redux_context_protect or redux_dataset_protect never is.
 * - With the flag REDUX_CONTEXT_KEEPS_FILES, only an earlier output of the same kind is, and an
 *   empty file. A mark shows the kind: a text within the first 4096 bytes, in which '#' is a whole
 *   number.
 *
 * Both are REDUX_E_INVALID.
 *
 * Threads: any thread, with a context of its own. Since 0.2.
 */
#ifndef REDUX_FILE_H
#define REDUX_FILE_H

#include <stdio.h>
#include <redux/context.h>

REDUX_BEGIN_DECLS

/** The marks of what the library writes; an archive (.npz) is marked by its first array. */
#define REDUX_MARK_MANIFEST "source,slice,kept,witness_source"
#define REDUX_MARK_SUMMARY "\"strategy\": \""
#define REDUX_MARK_PICTURE "libredux picture"
#define REDUX_MARK_ARRAY "'descr': '<f4', 'fortran_order': False, 'shape': (#, #)"
#define REDUX_MARK_SAFETENSORS "\"redux.format\""
#define REDUX_MARK_PREDICTIONS "seed,fold,source,slice,group,label,predicted"
#define REDUX_MARK_EXPORT "file,key,source,slice"

/** Whether a file could be written there: REDUX_OK, or the REDUX_E_INVALID that writing it would
 *  give. Nothing is opened for writing. Call it before work that takes long. mark: NULL checks only
 *  that no protected file is replaced. */
REDUX_API redux_status redux_file_check(redux_context *context, const char *path, const char *mark);

/** Prints a file's content into `stream`, whose errors it need not check. A status other than
 *  REDUX_OK ends the writing and is returned. */
typedef redux_status (*redux_produce_fn)(FILE *stream, void *user);

/** Writes what `produce` prints to a file, whole or not at all. mark: as above; NULL: whatever
 *  exists and is not protected is replaced. Errors: REDUX_E_INVALID (NULL; would replace
 *  something), REDUX_E_NOT_FOUND (no such folder), REDUX_E_IO, REDUX_E_NO_MEMORY, and those of
 *  `produce`. */
REDUX_API redux_status redux_file_save(const char *path, redux_context *context, const char *mark,
                                       redux_produce_fn produce, void *user);

/** Removes what killed writers left in a folder: hidden locks and temporary files that no process
 *  holds any more. For a folder into which only your program writes, when a run begins; elsewhere
 *  the next writer of a file removes what was left of it. Errors: REDUX_E_INVALID (NULL),
 *  REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_file_sweep(redux_context *context, const char *folder);

REDUX_END_DECLS
#endif
