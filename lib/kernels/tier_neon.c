/* SPDX-License-Identifier: MIT
 * The hot loops for the neon tier, which every 64-bit ARM processor has: no flags are needed. */
#if defined(__aarch64__)
#define RDX_TIER_NEON 1
#include "tier_template.h"

const rdx_kernels rdx_kernels_neon = RDX_KERNEL_TABLE;
#else
typedef int rdx_no_neon; /* ISO C forbids an empty file */
#endif
