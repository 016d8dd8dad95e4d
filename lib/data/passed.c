/* SPDX-License-Identifier: MIT
 * What a search for volumes passed over, by reason: nothing that looks like data is left out in
 * silence. And the files that were met before, under whatever name. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "data.h"

/* ---- what was passed over ---- */

#define NAMES 3 /* of files, for each reason */

struct rdx_passed {
    char *reason;
    char *names; /* of the first files, separated by ", " */
    int64_t count;
    redux_log_level level;
};

static redux_status new_reason(rdx_passed **out, redux_dataset *dataset, redux_context *context,
                               redux_log_level level, const char *reason)
{
    void *block = dataset->passed;
    redux_status status =
        rdx_grow(context, &block, &dataset->passed_capacity, dataset->passed_count,
                 dataset->passed_count + 1, sizeof(rdx_passed));
    dataset->passed = block;
    if (status != REDUX_OK)
        return status;
    *out = &dataset->passed[dataset->passed_count];
    **out = (rdx_passed){.level = level};
    RDX_TRY(rdx_strdup(context, &(*out)->reason, reason));
    dataset->passed_count++;
    return REDUX_OK;
}

static redux_status add_name(rdx_passed *passed, redux_context *context, const char *name)
{
    const size_t used = passed->names == NULL ? 0 : strlen(passed->names);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, used + strlen(name) + 3, 1));
    snprintf(block, used + strlen(name) + 3, "%s%s%s", used > 0 ? passed->names : "",
             used > 0 ? ", " : "", name);
    rdx_free(passed->names);
    passed->names = block;
    return REDUX_OK;
}

redux_status rdx_dataset_pass_over(redux_dataset *dataset, redux_context *context,
                                   redux_log_level level, const char *reason, const char *name)
{
    rdx_passed *passed = NULL;
    for (int64_t i = 0; i < dataset->passed_count && passed == NULL; i++)
        if (strcmp(dataset->passed[i].reason, reason) == 0)
            passed = &dataset->passed[i];
    if (passed == NULL)
        RDX_TRY(new_reason(&passed, dataset, context, level, reason));
    return passed->count++ < NAMES ? add_name(passed, context, name) : REDUX_OK;
}

void rdx_dataset_report_passed(const redux_dataset *dataset, redux_context *context)
{
    for (int64_t i = 0; i < dataset->passed_count; i++) {
        const rdx_passed *p = &dataset->passed[i];
        rdx_log(context, p->level, "passed over: %s (%lld): %s%s", p->reason, (long long)p->count,
                p->names, p->count > NAMES ? ", ..." : "");
    }
}

void rdx_dataset_clear_passed(redux_dataset *dataset)
{
    for (int64_t i = 0; i < dataset->passed_count; i++) {
        rdx_free(dataset->passed[i].reason);
        rdx_free(dataset->passed[i].names);
    }
    rdx_free(dataset->passed);
}

int64_t redux_dataset_passed_over_count(const redux_dataset *dataset)
{
    return dataset == NULL ? 0 : dataset->passed_count;
}

redux_status redux_dataset_get_passed_over(redux_passed_over *out, const redux_dataset *dataset,
                                           int64_t index)
{
    if (index < 0 || index >= redux_dataset_passed_over_count(dataset))
        return rdx_fail(REDUX_E_INVALID, "there is no reason %lld: there are %lld",
                        (long long)index, (long long)redux_dataset_passed_over_count(dataset));
    const rdx_passed *p = &dataset->passed[index];
    const redux_passed_over passed = {.struct_size = sizeof passed,
                                      .reason = p->reason,
                                      .names = p->names == NULL ? "" : p->names,
                                      .count = p->count};
    return rdx_write_result(out, &passed, sizeof passed, "redux_passed_over");
}

/* ---- what was met before ---- */

/* A hash table with linear probing, at most half full. */
typedef struct rdx_met_slot {
    rdx_file_identity file;
    uint32_t key;
    bool used;
} rdx_met_slot;

RDX_WRAPS static uint64_t slot_of(const rdx_met *met, const rdx_met_slot *wanted)
{
    const rdx_met_slot *slots = met->slots;
    uint64_t at = (wanted->file.inode * 0x9E3779B97F4A7C15u ^ wanted->file.device ^ wanted->key) &
                  (met->capacity - 1);
    while (slots[at].used && (rdx_file_identity_compare(&slots[at].file, &wanted->file) != 0 ||
                              slots[at].key != wanted->key))
        at = (at + 1) & (met->capacity - 1);
    return at;
}

static redux_status grow(rdx_met *met, redux_context *context)
{
    rdx_met larger = {.capacity = met->capacity == 0 ? 64 : 2 * met->capacity};
    const rdx_met_slot *old = met->slots;
    RDX_TRY(rdx_alloc_zero(context, &larger.slots, larger.capacity, sizeof(rdx_met_slot)));
    rdx_met_slot *slots = larger.slots;
    for (uint64_t i = 0; i < met->capacity; i++)
        if (old[i].used)
            slots[slot_of(&larger, &old[i])] = old[i];
    larger.count = met->count;
    rdx_free(met->slots);
    *met = larger;
    return REDUX_OK;
}

redux_status rdx_dataset_meet(bool *known, redux_dataset *dataset, redux_context *context,
                              rdx_met *met, const char *path, const char *key)
{
    rdx_met_slot slot = {.used = true};
    *known = false;
    if (!rdx_file_identify(&slot.file, path))
        return REDUX_OK; /* whoever opens it reports that */
    if (key != NULL)
        slot.key = (uint32_t)crc32(1, (const Bytef *)key, (uInt)strlen(key));
    if (2 * met->count >= met->capacity)
        RDX_TRY(grow(met, context));
    rdx_met_slot *at = (rdx_met_slot *)met->slots + slot_of(met, &slot);
    *known = at->used;
    met->count += !at->used;
    *at = slot;
    if (!*known)
        return REDUX_OK;
    dataset->met_before++;
    return rdx_dataset_pass_over(
        dataset, context, REDUX_LOG_WARNING,
        "files that were given before, by another path or as a link; they are read once", path);
}

void rdx_met_clear(rdx_met *met)
{
    rdx_free(met->slots);
    memset(met, 0, sizeof *met);
}
