/* SPDX-License-Identifier: MIT
 * What atomic_file.c and atomic_folder.c share. Internal. */
#ifndef RDX_ATOMIC_H
#define RDX_ATOMIC_H

#include "io.h"

#define RDX_RANDOM_DIGITS 16

void rdx_file_clear(rdx_file *file, redux_context *context);
/* Locks file->path, removes what a killed writer left, and names file->temporary. */
redux_status rdx_file_claim(rdx_file *file);
/* Removes the lock, and clears the struct. */
void rdx_file_release(rdx_file *file);
redux_status rdx_file_sync_folder(const rdx_file *file);
/* FOLDER/.NAME.MIDDLE.redux-tmp. A name too long for that is cut; its checksum keeps it distinct.
 */
redux_status rdx_hidden_name(char **out, redux_context *context, const char *path,
                             const char *middle);
/* Removes a folder and the files in it, but no folders; 0 or an errno. Follows no links. */
int rdx_remove_folder(const char *path);

#endif
