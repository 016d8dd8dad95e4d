/* SPDX-License-Identifier: MIT
 * Before each file of tools/check-posix.sh: Linux's constants are gone, which glibc and musl define even where only POSIX
 * is asked for. What uses one needs an #ifdef, as macOS has none of them. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#undef CLOCK_BOOTTIME
#undef CLOCK_MONOTONIC_COARSE
#undef CLOCK_REALTIME_COARSE
#undef CPU_COUNT
#undef MADV_HUGEPAGE
#undef MAP_HUGETLB
#undef MAP_POPULATE
#undef O_PATH
#undef O_TMPFILE
#undef POLLRDHUP
#undef RENAME_EXCHANGE
