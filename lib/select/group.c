/* SPDX-License-Identifier: MIT
 * All items of one group, prepared, for the rules that look at more than the kept ones. */
#include <math.h>
#include <string.h>
#include "select.h"

static redux_status collect(void *user, redux_context *context, const redux_tensor *items,
                            const int64_t *rows)
{
    rdx_group *group = user;
    const int64_t count = items->shape[0];
    void *block = group->rows;
    redux_status status = rdx_grow(context, &block, &group->row_capacity, group->count,
                                   group->count + count, sizeof *group->rows);
    group->rows = block;
    if (status != REDUX_OK)
        return status;
    memcpy(group->rows + group->count, rows, (size_t)count * sizeof *rows);
    RDX_TRY(rdx_stages_layout(group->metric, items, &group->layout, group->parts));
    block = group->prepared;
    status = rdx_grow(context, &block, &group->capacity, group->count, group->count + count,
                      group->layout.item_bytes);
    group->prepared = block;
    if (status != REDUX_OK)
        return status;
    RDX_TRY(rdx_stages_prepare(context, group->metric, &group->layout, items, 0, count,
                               group->prepared + (size_t)group->count * group->layout.item_bytes));
    group->count += count;
    return rdx_progress_add(context, count);
}

rdx_spread rdx_group_spread(const rdx_group *group, int64_t count, const int64_t *starts,
                            int64_t unit)
{
    rdx_spread spread = {.context = group->context,
                         .together = group->together,
                         .count = count,
                         .unit = unit,
                         .starts = starts};
    rdx_spread_begin(&spread);
    return spread;
}

redux_status rdx_group_score(double *scores, const rdx_group *group, const void *one, int64_t first,
                             const uint8_t *open)
{
    const rdx_spread items = rdx_group_spread(group, group->count - first, NULL, 1);
    const int64_t own = first + items.first;
    RDX_TRY(
        rdx_spread_end(&items, rdx_score_many(group->context, group->metric, &group->layout, one,
                                              rdx_group_item(group, own), items.end - items.first,
                                              open == NULL ? NULL : open + own, scores + own)));
    return rdx_spread_gather(&items, scores + first, sizeof *scores);
}

/* Drops items that are redundant with the base, and closes the gaps. */
static redux_status drop_for_base(rdx_group *group)
{
    const redux_reduction *reduction = group->reduction;
    const size_t size = group->layout.item_bytes;
    int64_t open = 0;
    void *block;
    RDX_TRY(rdx_alloc(group->context, &block, (uint64_t)group->count,
                      sizeof(int64_t) + sizeof(double)));
    int64_t *witness = block;
    double *scores = (void *)(witness + group->count);
    rdx_spread items = rdx_group_spread(group, group->count, NULL, group->metric->ops->tile);
    redux_status status =
        rdx_spread_end(&items, rdx_exemplars_find(witness + items.first, scores + items.first,
                                                  group->context, reduction->base.exemplars,
                                                  group->prepared + (size_t)items.first * size,
                                                  items.end - items.first));
    if (status == REDUX_OK)
        status = rdx_spread_gather(&items, witness, sizeof *witness);
    if (status == REDUX_OK)
        status = rdx_spread_gather(&items, scores, sizeof *scores);
    for (int64_t i = 0; i < group->count && status == REDUX_OK; i++) {
        redux_row *row = &reduction->rows[group->rows[i]];
        if (witness[i] >= 0) {
            rdx_row_drop(row, rdx_base_witness(reduction, witness[i]), scores[i]);
            continue;
        }
        if (open < i)
            memcpy(group->prepared + (size_t)open * size, group->prepared + (size_t)i * size, size);
        group->rows[open++] = group->rows[i];
    }
    group->count = open;
    rdx_free(block);
    return status;
}

redux_status rdx_group_collect(rdx_group *group, const rdx_judging *judging, int64_t index)
{
    const bool resize = rdx_options_resize(&judging->reduction->options);
    bool ragged = false;
    memset(group, 0, sizeof *group);
    group->context = judging->context;
    group->reduction = judging->reduction;
    group->metric = judging->metric;
    group->together = judging->stream->together;
    redux_status status = rdx_stream_group(judging, index, resize, &ragged, collect, group);
    if (status == REDUX_OK && ragged) { /* pictures of several sizes are read again, resized */
        group->count = 0;
        group->capacity = 0; /* items are of another size now */
        rdx_free(group->prepared);
        group->prepared = NULL;
        status = rdx_stream_group(judging, index, true, &ragged, collect, group);
    }
    if (status == REDUX_OK && group->reduction->base.exemplars != NULL && group->count > 0)
        status = drop_for_base(group);
    if (status != REDUX_OK)
        rdx_group_clear(group);
    return status;
}

void rdx_group_clear(rdx_group *group)
{
    rdx_free(group->prepared);
    rdx_free(group->rows);
    memset(group, 0, sizeof *group);
}

void rdx_group_keep(const rdx_group *group, int64_t index)
{
    rdx_row_keep(&group->reduction->rows[group->rows[index]]);
}

void rdx_group_drop(const rdx_group *group, int64_t index, int64_t witness, double score)
{
    rdx_row_drop(&group->reduction->rows[group->rows[index]], group->rows[witness], score);
}

/* ---- by k-means ---- */

rdx_k_means rdx_group_k_means(const rdx_group *group, int64_t clusters)
{
    return (rdx_k_means){.vectors = rdx_group_item(group, 0),
                         .n = group->count,
                         .k = RDX_MIN(clusters, group->count),
                         .width = group->layout.width,
                         .stride = (int64_t)(group->layout.item_bytes / sizeof(float)),
                         .seed = group->reduction->options.seed,
                         .together = group->together};
}

static redux_status drop_others(const rdx_group *group, rdx_k_means *km, int64_t *kept)
{
    const redux_row *rows = group->reduction->rows;
    void *scratch;
    km->k = 0;
    for (int64_t i = 0; i < group->count; i++)
        if (rows[group->rows[i]].kept) {
            memcpy(km->centroids + km->k * km->width, rdx_group_item(group, i),
                   (size_t)km->width * sizeof(float));
            kept[km->k++] = i;
        }
    RDX_TRY(rdx_blas_ready(group->context));
    RDX_TRY(rdx_k_means_nearest(km, group->context));
    RDX_TRY(rdx_alloc(group->context, &scratch, 1, group->layout.scratch_bytes));
    for (int64_t i = 0; i < group->count; i++) {
        const int64_t witness = kept[km->cluster[i]];
        if (!rows[group->rows[i]].kept)
            rdx_group_drop(group, i, witness,
                           group->metric->ops->score(group->metric, &group->layout,
                                                     rdx_group_item(group, witness),
                                                     rdx_group_item(group, i), scratch));
    }
    rdx_free(scratch);
    return REDUX_OK;
}

redux_status rdx_group_drop_others(const rdx_group *group)
{
    rdx_k_means km = rdx_group_k_means(group, 0);
    const uint64_t n = (uint64_t)group->count;
    uint64_t kept = 0;
    void *block;
    for (uint64_t i = 0; i < n; i++)
        kept += group->reduction->rows[group->rows[i]].kept != 0;
    RDX_TRY(rdx_alloc_zero(group->context, &block, 1,
                           (n + 2 * kept) * 8 + kept * (uint64_t)km.width * sizeof(float)));
    km.cluster = block;
    km.halves = (void *)(km.cluster + n); /* zeros: the largest product wins, not the distance */
    int64_t *kept_items = (void *)(km.halves + kept);
    km.centroids = (void *)(kept_items + kept);
    const redux_status status = n == 0 ? REDUX_OK : drop_others(group, &km, kept_items);
    rdx_free(block);
    return status;
}
