/* SPDX-License-Identifier: MIT
 * Reference-counted owners of tensor memory. Internal. */
#ifndef RDX_STORAGE_H
#define RDX_STORAGE_H

#include <stdatomic.h>
#include <redux/context.h>
#include <redux/tensor.h>

/* Runs once, when the last reference is released: rdx_free for a block. */
typedef void (*rdx_destroy_fn)(void *user);

struct redux_storage {
    atomic_int references;
    rdx_destroy_fn destroy;
    void *user;
};

redux_status rdx_storage_new(redux_storage **out, redux_context *context, rdx_destroy_fn destroy,
                             void *user);
void rdx_storage_retain(redux_storage *storage);
void rdx_storage_release(redux_storage *storage);

#endif
