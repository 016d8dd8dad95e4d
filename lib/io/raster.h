/* SPDX-License-Identifier: MIT
 * Volumes that are one block of voxels behind a header, as MetaImage, NRRD and MGH have them.
 * Internal. */
#ifndef RDX_RASTER_H
#define RDX_RASTER_H

#include "format.h"

/* What a header says of its block. */
typedef struct rdx_raster {
    rdx_geometry geometry;
    int64_t frames;
    redux_dtype dtype;
    bool swap; /* the other byte order */
    rdx_packing packing;
    int64_t offset; /* of the first voxel in its file (unpacked, where offset_unpacked); -1: the
                       block ends with the file */
    bool offset_unpacked; /* the header is packed too, and offset counts its unpacked bytes */
    uint64_t file_size;   /* of the header's file */
    uint64_t image_size;  /* of the voxels' file if that is another one, else 0 */
} rdx_raster;

/* Reads a header; *out is zeroed before. *image: the voxels' own file, the caller's; NULL if they
 * follow it. */
typedef redux_status (*rdx_raster_header_fn)(rdx_raster *out, char **image, redux_context *context,
                                             const char *path);
/* What formats of one block have as probe and load. */
redux_status rdx_raster_probe(const rdx_finds *finds, const rdx_format *format,
                              rdx_raster_header_fn read, const char *path);
redux_status rdx_raster_load(redux_tensor *out, redux_context *context, const rdx_found *found,
                             rdx_raster_header_fn read, int64_t frame);

/* The axial view from the directions of the storage axes in the patient, as DICOM has them: x to
 * the left, y to the back, z to the head. Directions that say nothing (zero, not finite) leave the
 * storage order as it is. */
void rdx_geometry_orient(rdx_geometry *geometry, const double axes[3][3]);

/* The beginning of a file as text, up to one of `ends` at least (and the rest of its line), with a
 * NUL behind it; a file without any is read whole. The caller frees *out. Errors: REDUX_E_LIMIT
 * (over 64 MiB). */
redux_status rdx_header_text(char **out, size_t *size, redux_context *context, const char *path,
                             const char *const ends[2]);
/* The next line of a text, its end replaced by a NUL; NULL at the end. */
char *rdx_header_line(char **text);
/* Up to `count` numbers; false if there are fewer, or something else. */
bool rdx_header_numbers(double *out, int count, const char *text);
bool rdx_header_integers(int64_t *out, int count, const char *text);
/* The file that a header names, in the header's folder. Errors: REDUX_E_UNSUPPORTED (a name that
 * leads out of it). */
redux_status rdx_header_partner(char **out, redux_context *context, const char *header,
                                const char *name);

#endif
