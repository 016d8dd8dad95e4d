/* SPDX-License-Identifier: MIT
 * The hot loops for the avx2 tier; the Makefile gives this file its flags. */
#if defined(__x86_64__)
#define RDX_TIER_AVX2 1
#include "tier_template.h"

const rdx_kernels rdx_kernels_avx2 = RDX_KERNEL_TABLE;
#else
typedef int rdx_no_avx2; /* ISO C forbids an empty file */
#endif
