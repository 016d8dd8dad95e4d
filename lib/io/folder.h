/* SPDX-License-Identifier: MIT
 * Listing folders. Apart from io.h, because nifti_clib's headers define names of dirent.h's.
 * Internal. */
#ifndef RDX_FOLDER_H
#define RDX_FOLDER_H

#include <dirent.h>
#include <redux/status.h>

/* opendir, repeated after interruptions. Errors: REDUX_E_NOT_FOUND, REDUX_E_IO. */
redux_status rdx_open_folder(DIR **out, const char *path);

#endif
