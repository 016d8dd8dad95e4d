/* SPDX-License-Identifier: MIT
 * Arrays of volumes in archives: (N, D, H, W), as MedMNIST's 3-D sets have them, is N volumes,
 * named FILE.npz:KEY[0] and so on. An archive's member can only be inflated from its beginning, so
 * the volumes of one array share it: it is read when the first of them is opened. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "format.h"

/* The array of all items; freed with the last volume of it. */
typedef struct shared_array {
    pthread_mutex_t mutex;
    int64_t volumes;
    redux_tensor array; /* no data: not read yet */
    rdx_npz_member member;
    char *key;
} shared_array;

/* The header of a volume. */
typedef struct item {
    shared_array *shared;
    int64_t index;
} item;

static void release(shared_array *shared)
{
    pthread_mutex_lock(&shared->mutex);
    const bool is_last = --shared->volumes == 0;
    pthread_mutex_unlock(&shared->mutex);
    if (!is_last)
        return;
    redux_tensor_release(&shared->array);
    pthread_mutex_destroy(&shared->mutex);
    rdx_free(shared->key);
    rdx_free(shared);
}

static void clear_item(rdx_found *found)
{
    const item *own = found->header;
    if (own != NULL)
        release(own->shared);
}

static redux_status load_item(redux_tensor *out, redux_context *context, const rdx_found *found,
                              int64_t frame)
{
    const item *own = found->header;
    shared_array *shared = own->shared;
    redux_status status = REDUX_OK;
    (void)frame;
    pthread_mutex_lock(&shared->mutex);
    if (shared->array.data == NULL)
        status = rdx_npz_load(&shared->array, context, found->file, shared->key, &shared->member);
    if (status == REDUX_OK)
        status = redux_tensor_select(out, &shared->array, 0, own->index);
    pthread_mutex_unlock(&shared->mutex);
    return status;
}

static const rdx_format items_format = {
    .name = "npz",
    .unit = RDX_UNIT_VOLUME,
    .load = load_item,
    .clear = clear_item,
};

bool rdx_npz_holds_volumes(const rdx_npy *npy)
{
    return npy->ndim == 4 && npy->bytes > 0 && !rdx_npy_is_stack(npy) && npy->dtype != REDUX_BOOL;
}

static redux_status name_item(rdx_found *found, redux_context *context, const char *path,
                              const char *key, int64_t index)
{
    const size_t size = strlen(path) + strlen(key) + 32;
    void *block;
    RDX_TRY(rdx_strdup(context, &found->file, path));
    RDX_TRY(rdx_alloc(context, &block, size, 1));
    found->source = block;
    snprintf(found->source, size, "%s:%s[%lld]", path, key, (long long)index);
    return rdx_strdup(context, &found->key, found->source + strlen(path) + 1);
}

static redux_status add_item(const rdx_finds *finds, shared_array *shared, const char *path,
                             int64_t index)
{
    const rdx_npy *npy = &shared->member.npy;
    rdx_found found = {.format = &items_format, .dtype = npy->dtype, .slope = 1};
    void *block;
    redux_status status = name_item(&found, finds->context, path, shared->key, index);
    if (status == REDUX_OK && !finds->excludes(finds->user, found.source)) {
        status = rdx_alloc(finds->context, &block, 1, sizeof(item));
        if (status == REDUX_OK) {
            found.header = block;
            *(item *)block = (item){shared, index};
            pthread_mutex_lock(&shared->mutex);
            shared->volumes++;
            pthread_mutex_unlock(&shared->mutex);
            found.geometry = rdx_geometry_plain(npy->shape[1], npy->shape[2], npy->shape[3]);
            found.bytes = npy->bytes / (uint64_t)npy->shape[0];
            return finds->add(&found, finds->user);
        }
    }
    rdx_found_clear(&found);
    return status;
}

redux_status rdx_npz_add_volumes(const rdx_finds *finds, const char *path, const char *key,
                                 int64_t only, const rdx_npz_member *member)
{
    const int64_t count = member->npy.shape[0];
    void *block;
    if (only >= count)
        return rdx_fail(REDUX_E_NOT_FOUND, "%s:%s has no volume %lld: it has %lld", path, key,
                        (long long)only, (long long)count);
    if (!rdx_bytes_allowed(finds->context, member->npy.bytes, 1))
        return rdx_fail(REDUX_E_LIMIT, "%s:%s: its %llu bytes are more than the limit", path, key,
                        (unsigned long long)member->npy.bytes);
    RDX_TRY(rdx_alloc_zero(finds->context, &block, 1, sizeof(shared_array)));
    shared_array *shared = block;
    pthread_mutex_init(&shared->mutex, NULL);
    shared->volumes = 1; /* until all have been added */
    shared->member = *member;
    redux_status status = rdx_strdup(finds->context, &shared->key, key);
    for (int64_t i = only < 0 ? 0 : only; status == REDUX_OK && i < (only < 0 ? count : only + 1);
         i++)
        status = add_item(finds, shared, path, i);
    release(shared);
    return status;
}
