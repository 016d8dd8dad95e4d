/* SPDX-License-Identifier: MIT
 * The hot loops for the portable tier; the Makefile gives this file its flags. */
#define RDX_TIER_PORTABLE 1
#include "tier_template.h"

const rdx_kernels rdx_kernels_portable = RDX_KERNEL_TABLE;
