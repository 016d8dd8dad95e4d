/* SPDX-License-Identifier: MIT
 * A dataset in parts of about equally many bytes, and the number that tells datasets apart. */
#include <string.h>
#include "part.h"

/* What must not be cut, by number: the group or the volume of a row. */
static int64_t whole_of(const redux_dataset *dataset, int64_t volume, int64_t row, bool by_group)
{
    return by_group && rdx_dataset_is_grouped(dataset) ? dataset->groups.of[row] : volume;
}

/* The bytes of each group or volume: each slice has its share of the volume's file. */
static void weigh(double *weights, const redux_dataset *dataset, bool by_group)
{
    for (int64_t v = 0, row = 0; v < dataset->count; v++) {
        const redux_volume_info *info = &dataset->volumes[v].info;
        const double share = (double)(info->bytes / (uint64_t)info->slices + 1);
        for (const int64_t end = row + info->slices; row < end; row++)
            weights[whole_of(dataset, v, row, by_group)] += share;
    }
}

/* The part of each, in place of its weight: that in which the middle of its bytes lies. */
static void place(double *weights, int64_t count, int64_t parts)
{
    double total = 0, before = 0;
    for (int64_t g = 0; g < count; g++)
        total += weights[g];
    for (int64_t g = 0; g < count; g++) {
        const double middle = before + weights[g] / 2;
        before += weights[g];
        weights[g] = (double)RDX_MIN((int64_t)(middle / total * (double)parts), parts - 1);
    }
}

redux_status rdx_dataset_parts(int32_t **out, redux_context *context, const redux_dataset *dataset,
                               int64_t parts, bool by_group)
{
    const int64_t wholes = by_group ? redux_dataset_group_count(dataset) : dataset->count;
    void *block, *numbers;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)wholes, sizeof(double)));
    double *weights = block;
    redux_status status = rdx_alloc(context, &numbers, (uint64_t)dataset->slices, sizeof(int32_t));
    *out = numbers;
    if (status == REDUX_OK) {
        weigh(weights, dataset, by_group);
        place(weights, wholes, parts);
        for (int64_t v = 0, row = 0; v < dataset->count; v++)
            for (const int64_t end = row + dataset->volumes[v].info.slices; row < end; row++)
                (*out)[row] = (int32_t)weights[whole_of(dataset, v, row, by_group)];
    }
    rdx_free(block);
    return status;
}

redux_status redux_dataset_cut(uint8_t *wanted, redux_context *context,
                               const redux_dataset *dataset, const redux_part_options *part)
{
    redux_part_options known = REDUX_PART_OPTIONS_INIT;
    int32_t *parts;
    if (wanted == NULL || dataset == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_dataset_cut: an argument is NULL");
    RDX_TRY(rdx_part_options_read(&known, part));
    RDX_TRY(rdx_dataset_parts(&parts, context, dataset, known.count, known.by_group != 0));
    for (int64_t row = 0; row < dataset->slices; row++)
        wanted[row] = parts[row] == known.index - 1;
    rdx_free(parts);
    return REDUX_OK;
}

/* ---- the identity of a dataset ---- */

/* FNV-1a (Fowler, Noll and Vo), 64 bits. */
RDX_WRAPS static uint64_t add(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t add_text(uint64_t hash, const char *text)
{
    return add(hash, text, strlen(text) + 1);
}

static uint64_t add_number(uint64_t hash, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> 8 * i & 255);
    return add(hash, bytes, sizeof bytes);
}

uint64_t rdx_dataset_identity(const redux_dataset *dataset)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int64_t v = 0; v < dataset->count; v++) {
        const redux_volume_info *info = &dataset->volumes[v].info;
        hash = add_text(hash, info->source);
        hash = add_number(hash, (uint64_t)info->slices);
        hash = add_number(hash, (uint64_t)info->height);
        hash = add_number(hash, (uint64_t)info->width);
        hash = add_number(hash, info->bytes);
    }
    for (int64_t i = 0; i < dataset->file_count; i++)
        hash = add_text(hash, dataset->files[i]);
    for (int64_t row = 0; rdx_dataset_is_grouped(dataset) && row < dataset->slices; row++)
        hash =
            add_text(hash, redux_dataset_group_name(dataset, rdx_dataset_group_of(dataset, row)));
    return hash;
}
