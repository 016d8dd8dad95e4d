/* SPDX-License-Identifier: MIT
 * Complete linkage in one pass: every pair within a group is redundant, so that no chain of
 * similar slices joins different ones. */
#include <string.h>
#include "select.h"

/* Items in groups: each item knows the next of its group. */
typedef struct linkage {
    const rdx_group *group;
    double threshold;
    char *heads;           /* the first items of the groups, prepared, one after the other */
    int64_t *first, *last; /* of each group */
    int64_t *next;         /* of each item; -1 at the end */
    int64_t groups;
    rdx_tally tally;
} linkage;

/* Whether `item` is redundant with every member of group `g` after its first. */
static bool fits_rest(linkage *l, int64_t g, int64_t item, void *scratch)
{
    const rdx_group *group = l->group;
    for (int64_t member = l->next[l->first[g]]; member >= 0; member = l->next[member]) {
        double score;
        const rdx_verdict verdict =
            rdx_judge(group->metric, &group->layout, rdx_group_item(group, member),
                      rdx_group_item(group, item), l->threshold, &score, scratch);
        rdx_tally_add(&l->tally, verdict);
        if (verdict != RDX_REDUNDANT)
            return false;
    }
    return true;
}

/* The first group that `item` fits, or -1; *score: its score with the first member. */
static int64_t find_group(linkage *l, int64_t item, double *score, void *scratch)
{
    const rdx_group *group = l->group;
    int64_t found = 0;
    for (int64_t g = 0; g < l->groups; g = found + 1) {
        rdx_first_redundant(group->metric, &group->layout,
                            l->heads + (size_t)g * group->layout.item_bytes, l->groups - g,
                            rdx_group_item(group, item), 1, l->threshold, &found, score, scratch,
                            &l->tally);
        if (found < 0)
            return -1;
        found += g;
        if (fits_rest(l, found, item, scratch))
            return found;
    }
    return -1;
}

static void place(linkage *l, int64_t item, void *scratch)
{
    const size_t size = l->group->layout.item_bytes;
    double score = 0;
    const int64_t g = find_group(l, item, &score, scratch);
    l->next[item] = -1;
    if (g >= 0) {
        l->next[l->last[g]] = item;
        l->last[g] = item;
        rdx_group_drop(l->group, item, l->first[g], score);
        return;
    }
    memcpy(l->heads + (size_t)l->groups * size, rdx_group_item(l->group, item), size);
    l->first[l->groups] = l->last[l->groups] = item;
    l->groups++;
    rdx_group_keep(l->group, item);
}

redux_status rdx_complete_link(const rdx_group *group, double threshold)
{
    const uint64_t n = (uint64_t)group->count;
    linkage l = {.group = group, .threshold = threshold};
    void *numbers = NULL, *heads = NULL, *scratch = NULL;
    redux_status status = rdx_alloc(group->context, &numbers, n, 3 * sizeof(int64_t));
    if (status == REDUX_OK)
        status = rdx_alloc(group->context, &heads, n, group->layout.item_bytes);
    if (status == REDUX_OK)
        status = rdx_alloc(group->context, &scratch, 1, group->layout.scratch_bytes);
    if (status == REDUX_OK) {
        l.heads = heads;
        l.first = numbers;
        l.last = l.first + n;
        l.next = l.last + n;
        for (int64_t i = 0; i < group->count; i++)
            place(&l, i, scratch);
        if (group->metric->ops->first_redundant == NULL) /* else not all pairs are counted */
            rdx_count_pairs(group->reduction, l.tally);
    }
    rdx_free(numbers);
    rdx_free(heads);
    rdx_free(scratch);
    return status;
}
