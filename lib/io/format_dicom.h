/* SPDX-License-Identifier: MIT
 * DICOM files: one image each, grouped into volumes by series, or many frames, which are a volume
 * of their own. Internal. */
#ifndef RDX_DICOM_H
#define RDX_DICOM_H

#include <redux/volume.h>
#include "format.h"

#define RDX_DICOM_UID 65      /* with the NUL */
#define RDX_DICOM_PATIENT 257 /* 64 characters (PS3.5 6.2) of up to 4 bytes */
#define RDX_DICOM_PREAMBLE 132
#define RDX_DICOM_MOST_FRAMES 65536
#define RDX_DICOM_RUN_LENGTHS "1.2.840.10008.1.2.5"

/* The description of a file's image. */
typedef struct rdx_dicom {
    char syntax[RDX_DICOM_UID]; /* how the pixels are stored */
    char series[RDX_DICOM_UID];
    char photometric[17];
    char patient[RDX_DICOM_PATIENT]; /* PatientID, only to tell patients apart: it must never be
                                        written anywhere; "": unknown */
    int64_t instance, echo, time, acquisition; /* numbers of its place in the series; -1: unknown */
    int64_t is_mosaic; /* Siemens: the slices of a volume side by side in one picture */
    int64_t height, width, frames, samples;
    int64_t bits, stored, high; /* allocated, used, and the highest one of those */
    int64_t is_signed;
    int64_t padding, padding_limit; /* stored values from one to the other are no pixels */
    bool has_padding, has_lut;
    bool encapsulated, swap, no_image;
    double position[3], orientation[6]; /* mm, in the patient's system: to left, posterior, head;
                                           NaN: unknown */
    double spacing[2];                  /* mm between rows, between columns; 0: unknown */
    double thickness;                   /* of a slice, mm; 0: unknown */
    double slope, intercept;            /* value = slope * stored + intercept */
    redux_dtype dtype;                  /* of the stored values */
    uint64_t offset, length;            /* of the pixels in the file; offset 0: there are none */
    uint64_t bytes;                     /* of the file */
    uint64_t shared_at, frames_at; /* where the functional groups of all frames and of each begin;
                                      0: there are none */
    uint32_t shared_length, frames_length;
} rdx_dicom;

/* ---- format_dicom_header.c ---- */

/* Whether a file begins as DICOM does: "DICM" after the preamble, or the first elements themselves.
 */
bool rdx_dicom_sniff(const unsigned char *bytes, size_t size);
/* Reads and checks a header. Every length is checked against the file before it is used. Errors:
 * REDUX_E_NOT_FOUND, REDUX_E_IO, REDUX_E_FORMAT, REDUX_E_UNSUPPORTED (no image, colour, an
 * encoding of pixels that is not read). */
redux_status rdx_dicom_probe(rdx_dicom *out, const char *path);
/* Each frame of a file with several, as if it were the image of a file; the pixels are those of the
 * whole. out: d->frames entries. A frame has a position only where it states one itself. */
redux_status rdx_dicom_read_frames(rdx_dicom *out, const rdx_dicom *d, const char *path);

/* ---- format_dicom.c ---- */

/* The image of a file, [H, W]: stored values as info.dtype, or float32 after slope and intercept if
 * info.dtype is that. Padding takes the least value of the other pixels, unless it is kept.
 * REDUX_E_FORMAT if the file no longer matches `info`. */
redux_status rdx_dicom_read(redux_tensor *out, redux_context *context, const char *path,
                            const redux_volume_info *info, bool keep_padding);

/* The pixels of an open file, [H, W] of d->dtype, from d->offset on. */
redux_status rdx_dicom_pixels(const redux_tensor *out, redux_context *context, const rdx_dicom *d,
                              int fd, const char *path);
/* The same from `count` bytes in memory, fragments after a table of offsets, which are overwritten.
 */
redux_status rdx_dicom_decode(const redux_tensor *out, const rdx_dicom *d, unsigned char *bytes,
                              size_t count, const char *path);
/* Stored values become value = slope * stored + intercept, in float32. */
redux_status rdx_dicom_rescale(redux_tensor *pixels, redux_context *context, const rdx_dicom *d);

/* Gives padding the least value of the other pixels. */
void rdx_dicom_replace_padding(const redux_tensor *pixels, const rdx_dicom *d);

/* ---- format_dicom_frames.c ---- */

/* Hands a file with several frames over as a volume. Its padding is always replaced. */
redux_status rdx_dicom_add_frames(const rdx_finds *finds, const char *path, const rdx_dicom *d);
/* The place of an image along the normal of its plane, mm; NaN: unknown. */
double rdx_dicom_along(const rdx_dicom *d);
/* Cosines are written with few digits, so they are compared with a tolerance. */
bool rdx_dicom_same_orientation(const rdx_dicom *a, const rdx_dicom *b);
/* The usual distance between neighbours of `count` rising places; *usual stays as it is where there
 * is none. scratch: room for as many. Warns of gaps and of equal places: `where` they are, and the
 * names of the slices, if they have any (else NULL). */
void rdx_dicom_measure(double *usual, redux_context *context, const char *where,
                       const double *places, double *scratch, const char *const *names,
                       int64_t count);

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
