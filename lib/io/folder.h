/* SPDX-License-Identifier: MIT
 * Listing folders; apart from io.h, because dirent.h and libnifti define the same names. Internal.
 */
#ifndef RDX_FOLDER_H
#define RDX_FOLDER_H

#include <dirent.h>
#include "base/base.h"

/* Opens a folder to be listed. Errors: as rdx_fail_errno picks them. */
redux_status rdx_open_folder(DIR **out, const char *path);

#endif
