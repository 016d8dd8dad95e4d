/* SPDX-License-Identifier: MIT
 * Reference-counted owners of tensor memory. They remember the allocator, so that a tensor may
 * outlive the context it was made with. Internal. */
#ifndef RDX_STORAGE_H
#define RDX_STORAGE_H

#include <stdatomic.h>
#include <redux/context.h>
#include <redux/tensor.h>

typedef struct rdx_allocator {
    redux_deallocate_fn deallocate; /* NULL: free() */
    void *user;
} rdx_allocator;

rdx_allocator rdx_allocator_of(const redux_context *context);
void rdx_allocator_free(const rdx_allocator *allocator, void *block);

/* Runs once, when the last reference goes. */
typedef void (*rdx_destroy_fn)(void *user, const rdx_allocator *allocator);

struct redux_storage {
    atomic_int references;
    rdx_allocator allocator;
    rdx_destroy_fn destroy;
    void *user;
};

redux_status rdx_storage_new(redux_storage **out, redux_context *context, rdx_destroy_fn destroy,
                             void *user);
void rdx_storage_retain(redux_storage *storage);
void rdx_storage_release(redux_storage *storage);

#endif
