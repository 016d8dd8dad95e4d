/* SPDX-License-Identifier: MIT
 * DICOM files: one image each, grouped into volumes by series. Internal. */
#ifndef RDX_DICOM_H
#define RDX_DICOM_H

#include <redux/volume.h>
#include "format.h"

#define RDX_DICOM_UID 65 /* with the NUL */
#define RDX_DICOM_PREAMBLE 132
#define RDX_DICOM_RUN_LENGTHS "1.2.840.10008.1.2.5"

/* The description of a file's image. */
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

/* ---- format_dicom_header.c ---- */

/* Reads and checks a header. Every length is checked against the file before it is used. Errors:
 * REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (no image, colour, several
 * frames, an encoding of pixels that is not read). */
redux_status rdx_dicom_probe(rdx_dicom *out, const char *path);

/* ---- format_dicom.c ---- */

/* The image of a file, [H, W]: stored values as info.dtype, or float32 after slope and intercept if
 * info.dtype is that. REDUX_E_FORMAT if the file no longer matches `info`. */
redux_status rdx_dicom_read(redux_tensor *out, redux_context *context, const char *path,
                            const redux_volume_info *info);

/* ---- format_dicom_codestream.c ---- */

/* Compares size, depth and components of a JPEG, JPEG-LS or JPEG 2000 image with the header.
 * Errors: REDUX_E_FORMAT. */
redux_status rdx_dicom_check_codestream(const rdx_dicom *d, const void *bytes, size_t size,
                                        const char *path);

/* ---- format_dicom_rle.c ---- */

/* Unpacks the run lengths of an image: `pixels` of `bytes_each` bytes, native byte order. */
redux_status rdx_dicom_run_lengths(void *out, int64_t pixels, int bytes_each,
                                   const unsigned char *bytes, size_t length, const char *path);

#endif
