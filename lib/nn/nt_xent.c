/* SPDX-License-Identifier: MIT
 * NT-Xent (Chen et al. 2020, equation 1), forward and backward in blocks.
 *
 * Each task takes ROW_BLOCK rows and compares them with COLUMN_BLOCK others at a time. The first
 * sweep leaves the log of each row's sum of exponentials (with a running maximum, so that any
 * temperature is safe). The second computes the similarities again and turns them into weights,
 * since the gradient of row i needs those sums of every other row too. This doubles the products,
 * for memory that grows with N alone. */
#include <cblas.h>
#include <math.h>
#include <redux/loss.h>
#include "base/base.h"

#define ROW_BLOCK ((int64_t)64)
#define COLUMN_BLOCK ((int64_t)256)
#define MOST_ROWS ((int64_t)1 << 24)

#define REAL float
#define GEMM cblas_sgemm
#define EXP expf
#define NAME(x) x##_f32
#include "nt_xent_template.h"

#define REAL double
#define GEMM cblas_dgemm
#define EXP exp
#define NAME(x) x##_f64
#include "nt_xent_template.h"

uint64_t redux_nt_xent_workspace(int64_t rows, redux_dtype dtype)
{
    if (rows < 2 || rows > MOST_ROWS || (dtype != REDUX_FLOAT32 && dtype != REDUX_FLOAT64))
        return 0;
    return (uint64_t)rows * (2 * sizeof(double) + (uint64_t)COLUMN_BLOCK * redux_dtype_size(dtype));
}

static redux_status check(const redux_tensor *z, const redux_tensor *dz, double temperature,
                          const void *workspace)
{
    RDX_TRY(rdx_tensor_check(z, 2, 0, "embeddings"));
    if (z->dtype != REDUX_FLOAT32 && z->dtype != REDUX_FLOAT64)
        return rdx_fail(REDUX_E_INVALID, "embeddings are %s, not float32 or float64",
                        redux_dtype_name(z->dtype));
    if (z->shape[0] < 2 || z->shape[0] % 2 != 0 || z->shape[0] > MOST_ROWS || z->shape[1] < 1 ||
        z->shape[1] > 1 << 20)
        return rdx_fail(REDUX_E_INVALID,
                        "embeddings of shape [%lld, %lld]: the number of rows must be even",
                        (long long)z->shape[0], (long long)z->shape[1]);
    if (!redux_tensor_is_contiguous(z))
        return rdx_fail(REDUX_E_INVALID, "embeddings are not contiguous");
    if (!(temperature > 0) || !isfinite(1 / temperature))
        return rdx_fail(REDUX_E_INVALID, "temperature %g", temperature);
    if (workspace == NULL)
        return rdx_fail(REDUX_E_INVALID, "no workspace");
    if (dz == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_tensor_check(dz, 2, z->dtype, "d_embeddings"));
    if (dz->shape[0] != z->shape[0] || dz->shape[1] != z->shape[1] ||
        !redux_tensor_is_contiguous(dz))
        return rdx_fail(REDUX_E_INVALID, "d_embeddings is not contiguous or of another shape");
    return REDUX_OK;
}

redux_status redux_nt_xent(double *loss, const redux_tensor *d_embeddings, redux_context *context,
                           const redux_tensor *embeddings, double temperature, void *workspace)
{
    if (loss == NULL || embeddings == NULL)
        return rdx_fail(REDUX_E_INVALID, "nt-xent: an argument is NULL");
    RDX_TRY(check(embeddings, d_embeddings, temperature, workspace));
    return embeddings->dtype == REDUX_FLOAT32
               ? run_f32(loss, context, embeddings, d_embeddings, temperature, workspace)
               : run_f64(loss, context, embeddings, d_embeddings, temperature, workspace);
}
