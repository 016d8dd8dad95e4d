/* SPDX-License-Identifier: MIT
 * The interface between dicom.c and the module with GDCM, its function rdx_dicom_decode. Internal.
 */
#ifndef RDX_DICOM_GDCM_H
#define RDX_DICOM_GDCM_H

#include <stddef.h>
#include <stdint.h>
#include <redux/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One compressed grey image: the fragments that hold it, joined. */
typedef struct rdx_compressed {
    const char *syntax; /* UID */
    int64_t height, width;
    int64_t bits, stored, high, is_signed; /* as in rdx_dicom */
    const void *bytes;
    size_t length;
} rdx_compressed;

/* Decodes into `out`, which has room for `size` bytes, native byte order. *why: the reason of a
 * failure, a static string. Errors: REDUX_E_FORMAT, REDUX_E_NO_MEMORY. Any thread. */
typedef redux_status rdx_dicom_decode_fn(void *out, size_t size, const rdx_compressed *image,
                                         const char **why);

#ifdef __cplusplus
}
#endif
#endif
