/* SPDX-License-Identifier: MIT
 * Older symbol versions, for wheels: glibc 2.35 gave hypot a new one, which is no better for us. */
#if defined(__x86_64__) && !defined(__cplusplus)
__asm__(".symver hypot,hypot@GLIBC_2.2.5");
#endif
