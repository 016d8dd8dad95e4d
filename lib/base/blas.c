/* SPDX-License-Identifier: MIT
 * Whether OpenBLAS can have its memory. It takes a buffer for each product that runs at a time, at
 * the first one, and where there is no address space for it (ulimit -v) it asks again for ever
 * (0.3.21). So the buffers are taken before the first product, or refused. */
#include <stdatomic.h>
#include <sys/mman.h>
#include "base.h"

#define BUFFER ((size_t)128 << 20) /* of address space; touched only as far as it is used */
#define MOST_BUFFERS 256

/* OpenBLAS's own, exported by every build of it that was seen; another BLAS has none. */
extern void *blas_memory_alloc(int position) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int ready; /* buffers that OpenBLAS holds; they are the process's, as OpenBLAS is */

/* Room for the buffers, and for one more, because OpenBLAS takes twice its size to align each. */
static bool has_room(int buffers)
{
#if defined(MAP_ANONYMOUS) && defined(MAP_NORESERVE)
    const size_t size = (size_t)(buffers + 1) * BUFFER;
    void *room = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return false;
    munmap(room, size);
#else
    (void)buffers; /* POSIX has no way to ask */
#endif
    return true;
}

/* All at a time, because OpenBLAS gives out a free one again. */
static void take(int buffers)
{
    void *taken[MOST_BUFFERS];
    if (blas_memory_alloc == NULL || blas_memory_free == NULL)
        return;
    for (int i = 0; i < buffers; i++)
        taken[i] = blas_memory_alloc(0);
    for (int i = 0; i < buffers; i++)
        if (taken[i] != NULL)
            blas_memory_free(taken[i]);
}

redux_status rdx_blas_ready(redux_context *context)
{
    const int threads = RDX_MIN(redux_context_threads(context), MOST_BUFFERS);
    redux_status status = REDUX_OK;
    if (blas_memory_alloc == NULL || atomic_load(&ready) >= threads)
        return REDUX_OK;
    pthread_mutex_lock(&mutex);
    if (atomic_load(&ready) < threads) {
        if (has_room(threads - atomic_load(&ready))) {
            take(threads);
            atomic_store(&ready, threads);
        } else {
            status =
                rdx_fail(REDUX_E_NO_MEMORY,
                         "no memory for OpenBLAS: it needs %d MiB of address space for %d "
                         "thread%s: allow more (ulimit -v), or use fewer threads",
                         (threads + 1) * (int)(BUFFER >> 20), threads, threads == 1 ? "" : "s");
        }
    }
    pthread_mutex_unlock(&mutex);
    return status;
}
