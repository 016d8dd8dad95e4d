/* SPDX-License-Identifier: MIT
 * Lists of codes and the slices they belong to. */
#include <math.h>
#include <string.h>
#include "hash_list.h"

bool rdx_hash_is_window(redux_window window)
{
    if (window.kind != REDUX_WINDOW_RANGE)
        return window.kind == REDUX_WINDOW_AUTO || window.kind == REDUX_WINDOW_SLICE ||
               window.kind == REDUX_WINDOW_FULL;
    return isfinite(window.low) && isfinite(window.high) && window.low < window.high;
}

redux_status redux_hash_list_new(redux_hash_list **out, redux_context *context,
                                 const redux_hash_options *options)
{
    redux_hash_options known = REDUX_HASH_OPTIONS_INIT;
    const rdx_hash_method *method;
    void *block;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_new: out is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_hash_options"));
    RDX_TRY(rdx_hash_resolve(&known, &method));
    if (!rdx_hash_is_window(known.window))
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_new: unknown window");
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_hash_list)));
    redux_hash_list *list = block;
    list->options = known;
    list->options.struct_size = sizeof known;
    list->bits = rdx_hash_method_bits(method, known.size);
    list->bytes = (list->bits + 7) / 8;
    *out = list;
    return REDUX_OK;
}

void rdx_hash_list_cut(redux_hash_list *list, int64_t count, int64_t source_count)
{
    while (list->source_count > source_count)
        rdx_free(list->sources[--list->source_count]);
    list->count = count;
}

void redux_hash_list_free(redux_hash_list *list)
{
    if (list == NULL)
        return;
    rdx_hash_list_cut(list, 0, 0);
    rdx_free(list->sources);
    rdx_free(list->entries);
    rdx_free(list->codes);
    rdx_free(list);
}

redux_status rdx_hash_list_reserve(redux_hash_list *list, redux_context *context, int64_t more)
{
    void *entries = list->entries, *codes = list->codes;
    redux_status status = rdx_grow(context, &entries, &list->entry_capacity, list->count,
                                   list->count + more, sizeof *list->entries);
    list->entries = entries;
    if (status == REDUX_OK)
        status = rdx_grow(context, &codes, &list->code_capacity, list->count, list->count + more,
                          (uint64_t)list->bytes);
    list->codes = codes;
    return status;
}

redux_status rdx_hash_list_source(int64_t *out, redux_hash_list *list, redux_context *context,
                                  const char *name)
{
    void *sources = list->sources;
    char *copy;
    *out = list->source_count - 1;
    if (*out >= 0 && strcmp(list->sources[*out], name) == 0)
        return REDUX_OK;
    const redux_status status =
        rdx_grow(context, &sources, &list->source_capacity, list->source_count,
                 list->source_count + 1, sizeof *list->sources);
    list->sources = sources;
    if (status != REDUX_OK)
        return status;
    RDX_TRY(rdx_strdup(context, &copy, name));
    *out = list->source_count++;
    list->sources[*out] = copy;
    return REDUX_OK;
}

redux_status redux_hash_list_add(redux_hash_list *list, redux_context *context,
                                 const redux_hash_item *item)
{
    rdx_hash_entry entry;
    if (list == NULL || item == NULL || item->source == NULL || item->code == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_add: an argument is NULL");
    if (item->source[0] == '\0' || item->slice < 0 || item->info.quality < RDX_NO_QUALITY ||
        item->info.quality > 100 || item->info.flags > (REDUX_HASH_FLAT | REDUX_HASH_TOO_SMALL))
        return rdx_fail(REDUX_E_INVALID,
                        "hash list: an invalid entry: '%.200s', slice %lld, quality %d, flags %u",
                        item->source, (long long)item->slice, (int)item->info.quality,
                        (unsigned)item->info.flags);
    RDX_TRY(rdx_hash_list_reserve(list, context, 1));
    entry.slice = item->slice;
    entry.info = item->info;
    RDX_TRY(rdx_hash_list_source(&entry.source, list, context, item->source));
    list->entries[list->count] = entry;
    memcpy(list->codes + list->count * list->bytes, item->code, (size_t)list->bytes);
    list->count++;
    return REDUX_OK;
}

int64_t redux_hash_list_count(const redux_hash_list *list)
{
    return list == NULL ? 0 : list->count;
}

redux_status redux_hash_list_get_item(redux_hash_item *out, const redux_hash_list *list,
                                      int64_t index)
{
    if (out == NULL || list == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_get_item: an argument is NULL");
    if (index < 0 || index >= list->count)
        return rdx_fail(REDUX_E_INVALID, "there is no entry %lld: the list has %lld",
                        (long long)index, (long long)list->count);
    const rdx_hash_entry *entry = &list->entries[index];
    out->source = list->sources[entry->source];
    out->slice = entry->slice;
    out->code = list->codes + index * list->bytes;
    out->info = entry->info;
    return REDUX_OK;
}

redux_status redux_hash_list_get_options(redux_hash_options *out, const redux_hash_list *list)
{
    if (out == NULL || list == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_get_options: an argument is NULL");
    return rdx_write_result(out, &list->options, sizeof *out, "redux_hash_options");
}

redux_status redux_hash_list_get_codes(redux_tensor *out, const redux_hash_list *list)
{
    static uint8_t nothing;
    if (out == NULL || list == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_hash_list_get_codes: an argument is NULL");
    const int64_t shape[2] = {list->count, list->bytes};
    return redux_tensor_borrow(out, list->count == 0 ? &nothing : list->codes, REDUX_UINT8, 2,
                               shape, NULL);
}
