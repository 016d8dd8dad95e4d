/* SPDX-License-Identifier: MIT
 * Chooses the table of hot loops. */
#include "base/base.h"
#include "kernels.h"

const rdx_kernels *rdx_kernels_get(void)
{
#if defined(__x86_64__)
    switch (rdx_tier_in_use()) {
    case RDX_AVX512:
        return &rdx_kernels_avx512;
    case RDX_AVX2:
        return &rdx_kernels_avx2;
    case RDX_PORTABLE:
        break;
    }
#elif defined(__aarch64__)
    if (rdx_tier_in_use() == RDX_NEON)
        return &rdx_kernels_neon;
#endif
    return &rdx_kernels_portable;
}
