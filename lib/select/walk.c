/* SPDX-License-Identifier: MIT
 * The order in which slices are visited. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "select.h"

typedef struct named_row {
    const char *source; /* owned by the dataset */
    char number[24];
    int64_t row;
} named_row;

/* Compares as the bytes of source + "_" + number would, without building the strings. */
static int compare_names(const void *a, const void *b)
{
    const named_row *x = a, *y = b;
    const size_t xl = strlen(x->source), yl = strlen(y->source), n = RDX_MIN(xl, yl);
    int order = x->source == y->source ? 0 : memcmp(x->source, y->source, n);
    if (order == 0 && xl == yl)
        order = strcmp(x->number, y->number);
    else if (order == 0) {
        char tail_x[4200], tail_y[4200];
        snprintf(tail_x, sizeof tail_x, "%s_%s", x->source + n, x->number);
        snprintf(tail_y, sizeof tail_y, "%s_%s", y->source + n, y->number);
        order = strcmp(tail_x, tail_y);
    }
    if (order == 0)
        order = (x->row > y->row) - (x->row < y->row);
    return order;
}

static redux_status sort_names(redux_context *context, const redux_dataset *dataset,
                               redux_order order, int64_t *rows, int64_t count)
{
    void *block;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(named_row)));
    named_row *names = block;
    for (int64_t i = 0; i < count && status == REDUX_OK; i++) {
        int64_t number = 0;
        names[i].source = "";
        if (order == REDUX_ORDER_RUNNING)
            number = rows[i];
        else
            status = rdx_dataset_row_name(&names[i].source, &number, dataset, rows[i]);
        snprintf(names[i].number, sizeof names[i].number, "%lld", (long long)number);
        names[i].row = rows[i];
    }
    if (status == REDUX_OK) {
        qsort(names, (size_t)count, sizeof *names, compare_names);
        for (int64_t i = 0; i < count; i++)
            rows[i] = names[i].row;
    }
    rdx_free(block);
    return status;
}

/* The groups of a scope as they are stored: volumes, groups, or everything at once. */
static void fill_walk(rdx_walk *walk, const redux_dataset *dataset, redux_scope scope)
{
    const int64_t rows = redux_dataset_slice_count(dataset);
    const bool by_group = scope == REDUX_SCOPE_GROUP && rdx_dataset_is_grouped(dataset);
    for (int64_t i = 0; i < rows; i++)
        walk->rows[i] = by_group ? dataset->groups.rows[i] : i;
    for (int64_t g = 0; g < walk->groups; g++)
        walk->start[g] = by_group                       ? dataset->groups.start[g]
                         : scope == REDUX_SCOPE_DATASET ? 0
                                                        : rdx_dataset_first_row(dataset, g);
    walk->start[walk->groups] = rows;
}

static int64_t count_groups(const redux_dataset *dataset, redux_scope scope)
{
    if (scope == REDUX_SCOPE_DATASET)
        return 1;
    return scope == REDUX_SCOPE_GROUP ? redux_dataset_group_count(dataset)
                                      : redux_dataset_volume_count(dataset);
}

redux_status rdx_walk_init(rdx_walk *walk, redux_context *context, const redux_dataset *dataset,
                           redux_scope scope, redux_order order)
{
    const int64_t rows = redux_dataset_slice_count(dataset);
    redux_status status = REDUX_OK;
    void *block;
    memset(walk, 0, sizeof *walk);
    walk->groups = count_groups(dataset, scope);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)walk->groups + 1, sizeof(int64_t)));
    walk->start = block;
    status = rdx_alloc(context, &block, (uint64_t)rows, sizeof(int64_t));
    if (status != REDUX_OK) {
        rdx_walk_clear(walk);
        return status;
    }
    walk->rows = block;
    fill_walk(walk, dataset, scope);
    for (int64_t g = 0; g < walk->groups && order != REDUX_ORDER_ANATOMICAL; g++) {
        status = sort_names(context, dataset, order, walk->rows + walk->start[g],
                            walk->start[g + 1] - walk->start[g]);
        if (status != REDUX_OK)
            break;
    }
    if (status != REDUX_OK)
        rdx_walk_clear(walk);
    return status;
}

void rdx_walk_filter(rdx_walk *walk, const redux_row *rows)
{
    int64_t left = 0;
    for (int64_t g = 0, p = 0; g < walk->groups; g++) {
        const int64_t end = walk->start[g + 1];
        walk->start[g] = left;
        for (; p < end; p++)
            if (rows[walk->rows[p]].skipped != RDX_OTHER_PART)
                walk->rows[left++] = walk->rows[p];
    }
    walk->start[walk->groups] = left;
}

void rdx_walk_clear(rdx_walk *walk)
{
    rdx_free(walk->start);
    rdx_free(walk->rows);
    memset(walk, 0, sizeof *walk);
}
