/* SPDX-License-Identifier: MIT
 * NIfTI-1 files for the tests. */
#ifndef REDUX_TEST_NIFTI_WRITER_H
#define REDUX_TEST_NIFTI_WRITER_H

#include <nifti/nifti1.h>
#include <zlib.h>
#include "test_io.h"

/* What precedes the voxels in a file: a header and that no extension follows. */
typedef struct nifti_start {
    nifti_1_header header;
    char extension[4];
} nifti_start;
_Static_assert(sizeof(nifti_start) == 352, "as in the file");

/* [slices, rows, columns], uint8 or int16. Slices are axial, and stored as they are shown. */
static inline nifti_start nifti_start_of(const redux_tensor *volume, double slope, double intercept)
{
    nifti_start start = {.header = {.sizeof_hdr = 348,
                                    .dim = {3},
                                    .datatype = DT_UINT8,
                                    .bitpix = (short)(8 * redux_dtype_size(volume->dtype)),
                                    .vox_offset = 352,
                                    .scl_slope = (float)slope,
                                    .scl_inter = (float)intercept,
                                    .sform_code = 1,
                                    .srow_x = {-1},
                                    .srow_y = {0, -1},
                                    .srow_z = {0, 0, 1},
                                    .magic = "n+1"}};
    ck_assert(volume->dtype == REDUX_UINT8 || volume->dtype == REDUX_INT16);
    if (volume->dtype == REDUX_INT16)
        start.header.datatype = DT_INT16;
    for (int i = 0; i < 3; i++) {
        start.header.dim[1 + i] = (short)volume->shape[2 - i];
        start.header.pixdim[1 + i] = 1;
    }
    return start;
}

/* As .nii or, by its name, .nii.gz, in the scratch folder. */
static inline const char *write_nifti(const char *name, const redux_tensor *volume, double slope,
                                      double intercept)
{
    const nifti_start start = nifti_start_of(volume, slope, intercept);
    const int size =
        (int)(redux_tensor_elements(volume) * (int64_t)redux_dtype_size(volume->dtype));
    gzFile file = gzopen(in_scratch(name), strstr(name, ".gz") != NULL ? "wb" : "wbT");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, &start, sizeof start), sizeof start);
    ck_assert_int_eq(gzwrite(file, volume->data, (unsigned)size), size);
    ck_assert_int_eq(gzclose(file), Z_OK);
    return in_scratch(name);
}

#endif
