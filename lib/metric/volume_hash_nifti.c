/* SPDX-License-Identifier: MIT
 * Which way the slices of a NIfTI volume run. The reader (lib/io/nifti.c) turns rows and columns,
 * but numbers slices as they are stored and does not say whether that is upwards; here the matrix
 * is asked once more, by the rules that it follows. */
#include <math.h>
#include <string.h>
#include <nifti/nifti2_io.h>
#include <zlib.h>
#include "io/io.h"
#include "volume_hash.h"

#define HEADER_1 348
#define HEADER_2 540

/* Inflated or not, as gzread finds it; the dataset has checked the header before. */
static redux_status read_header(unsigned char *bytes, int32_t *size, bool *swap, const char *path)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return rdx_fail(REDUX_E_IO, "%s: cannot be read again", path);
    const int count = gzread(file, bytes, HEADER_2);
    gzclose_r(file);
    if (count < HEADER_1)
        return rdx_fail(REDUX_E_FORMAT, "%s: has changed since the dataset was opened", path);
    memcpy(size, bytes, sizeof *size);
    *swap = *size != HEADER_1 && *size != HEADER_2;
    if (*swap)
        *size = (int32_t)__builtin_bswap32((uint32_t)*size);
    if ((*size != HEADER_1 && *size != HEADER_2) || count < *size)
        return rdx_fail(REDUX_E_FORMAT, "%s: has changed since the dataset was opened", path);
    return REDUX_OK;
}

static bool directions(int code[3], nifti_dmat44 matrix)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            if (!isfinite(matrix.m[i][j]))
                return false;
    nifti_dmat44_to_orientation(matrix, &code[0], &code[1], &code[2]);
    return code[0] != 0 && code[1] != 0 && code[2] != 0;
}

static nifti_image *convert(const unsigned char *bytes, int32_t size, bool swap)
{
    if (size == HEADER_1) {
        nifti_1_header one;
        memcpy(&one, bytes, sizeof one);
        if (swap)
            nifti_swap_as_nifti1(&one);
        return nifti_convert_n1hdr2nim(one, NULL);
    }
    nifti_2_header two;
    memcpy(&two, bytes, sizeof two);
    if (swap)
        nifti_swap_as_nifti2(&two);
    return nifti_convert_n2hdr2nim(two, NULL);
}

redux_status rdx_nifti_falls(bool *out, const char *path)
{
    unsigned char bytes[HEADER_2] = {0};
    int code[3];
    int32_t size;
    bool swap;
    RDX_TRY(read_header(bytes, &size, &swap, path));
    nifti_image *image = convert(bytes, size, swap);
    if (image == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "%s: nifti_clib could not convert its header", path);
    const bool known = (image->sform_code > 0 && directions(code, image->sto_xyz)) ||
                       (image->qform_code > 0 && directions(code, image->qto_xyz));
    nifti_image_free(image);
    *out = known && (code[0] == NIFTI_S2I || code[1] == NIFTI_S2I || code[2] == NIFTI_S2I);
    return REDUX_OK;
}
