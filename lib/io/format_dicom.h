/* SPDX-License-Identifier: MIT
 * DICOM files: one image each, put together to volumes by series. Internal. */
#ifndef RDX_DICOM_H
#define RDX_DICOM_H

#include "io.h"

#define RDX_DICOM_UID 65 /* with the NUL */
#define RDX_DICOM_RUN_LENGTHS "1.2.840.10008.1.2.5"

/* What a file says of its image. */
typedef struct rdx_dicom {
    char syntax[RDX_DICOM_UID]; /* how the pixels are stored */
    char series[RDX_DICOM_UID];
    char photometric[17];
    int64_t instance; /* -1: unknown */
    int64_t height, width, frames, samples;
    int64_t bits, stored, high; /* allocated, used, and the highest one of those */
    int64_t is_signed;
    bool encapsulated, swap, no_image;
    double position[3], orientation[6]; /* mm, in the patient's system: to left, posterior, head;
                                           NaN: unknown */
    double spacing[2];                  /* mm between rows, between columns; 0: unknown */
    double thickness;                   /* of a slice, mm; 0: unknown */
    double slope, intercept;            /* value = slope * stored + intercept */
    redux_dtype dtype;                  /* of the stored values */
    uint64_t offset, length;            /* of the pixels in the file; offset 0: there are none */
    uint64_t bytes;                     /* of the file */
} rdx_dicom;

/* ---- dicom_header.c ---- */

/* Whether a file begins as DICOM files do; false also where it cannot be read. */
bool rdx_dicom_signature(const char *path);
/* Whether a name without a known ending may be one: IM000001, 1.2.840.113619.2.55 */
bool rdx_dicom_maybe(const char *name);
/* Reads and checks a header. Every length is held against the file before it is believed. Errors:
 * REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (no image, colour, several
 * frames, a way to store pixels that is not read). */
redux_status rdx_dicom_probe(rdx_dicom *out, const char *path);

/* ---- dicom.c ---- */

/* The image of a file, [H, W]: stored values as info.dtype, or float32 after slope and intercept
 * where info.dtype is that. REDUX_E_FORMAT if the file does not fit `info` any more. */
redux_status rdx_dicom_read(redux_tensor *out, redux_context *context, const char *path,
                            const redux_volume_info *info);

/* ---- dicom_rle.c ---- */

/* Unpacks the run lengths of an image: `pixels` of `bytes_each` bytes, native byte order. */
redux_status rdx_dicom_run_lengths(void *out, int64_t pixels, int bytes_each,
                                   const unsigned char *bytes, size_t length, const char *path);

/* ---- dicom_series.c ---- */

/* Puts files (paths in natural order) together to volumes of the dataset: by series, size, kind of
 * pixels and orientation, along the normal of the slices. `folder` names them. Files that cannot be
 * used go to `settle`, whose status ends the work where it is not REDUX_OK. */
typedef redux_status (*rdx_settle_fn)(void *user, const char *path, redux_status status);
redux_status rdx_dicom_add_files(redux_dataset *dataset, redux_context *context, const char *folder,
                                 const char *const *paths, int64_t count, rdx_settle_fn settle,
                                 void *user);

#endif
