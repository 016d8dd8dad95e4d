/* SPDX-License-Identifier: MIT
 * What tests/support/fault_shim.c offers to a test that it is preloaded to. */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

#include <stdint.h>

enum {
    FAULT_MALLOC,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_OPEN,
    FAULT_CLOSE,
    FAULT_FSYNC,
    FAULT_RENAME,
    FAULT_MMAP,
    FAULT_CALLS
};

/* From now on the n-th such call (0: every second one) fails with `error`, an errno. Weak: NULL
 * where the shim is not preloaded. */
void fault_arm(int call, int64_t n, int error) __attribute__((weak));
/* No longer; returns how many calls failed. */
int64_t fault_disarm(void) __attribute__((weak));
/* How many blocks of the C library's heap are allocated. */
int64_t fault_live(void) __attribute__((weak));

#endif
