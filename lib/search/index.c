/* SPDX-License-Identifier: MIT
 * The search index: its items and their ids, adding and removing.
 *
 * Items are kept prepared, one after the other, in the order of arrival. Removed ones are marked,
 * and dropped once they are a quarter of all. Ids that only ever grew are found by bisection;
 * others need a hash table. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "index.h"

#define MOST_ROWS (INT32_MAX - 1)

/* ---- making and freeing ---- */

static redux_status check_options(redux_index_options *known, int64_t width,
                                  const redux_index_options *options)
{
    RDX_TRY(rdx_read_options(known, sizeof *known, options, "redux_index_options"));
    if (known->kind != REDUX_INDEX_HAMMING && known->kind != REDUX_INDEX_COSINE)
        return rdx_fail(REDUX_E_INVALID, "unknown kind of index %d", (int)known->kind);
    if (known->method != REDUX_INDEX_AUTO && known->method != REDUX_INDEX_SCAN &&
        known->method != REDUX_INDEX_MULTI)
        return rdx_fail(REDUX_E_INVALID, "unknown index method %d", (int)known->method);
    if (known->part_bits != 0 && (known->part_bits < 4 || known->part_bits > RDX_INDEX_PART_BITS))
        return rdx_fail(REDUX_E_INVALID, "index: parts of %d bits, not 4 to %d",
                        (int)known->part_bits, RDX_INDEX_PART_BITS);
    if (width < 1 || width > 1 << 20)
        return rdx_fail(REDUX_E_INVALID, "index: items of %lld elements", (long long)width);
    return REDUX_OK;
}

redux_status rdx_index_make(redux_index **out, redux_context *context, int64_t width,
                            const redux_index_options *options)
{
    redux_index_options known = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    redux_tensor none;
    void *block;
    char nothing = 0;
    RDX_TRY(check_options(&known, width, options));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof *index));
    index = block;
    const bool hamming = known.kind == REDUX_INDEX_HAMMING;
    const int64_t shape[2] = {0, width};
    index->options = known;
    index->metric.ops = hamming ? &rdx_hamming_ops : &rdx_cosine_ops;
    index->ascending = true;
    redux_status status =
        redux_tensor_borrow(&none, &nothing, hamming ? REDUX_UINT8 : REDUX_FLOAT32, 2, shape, NULL);
    if (status == REDUX_OK)
        status = rdx_metric_layout(&index->metric, &none, &index->layout);
    if (status != REDUX_OK) {
        rdx_free(index);
        return status;
    }
    atomic_init(&index->tables, NULL);
    atomic_init(&index->tried, 0);
    atomic_init(&index->abandoned, 0);
    pthread_mutex_init(&index->making, NULL);
    *out = index;
    return REDUX_OK;
}

redux_status redux_index_new(redux_index **out, redux_context *context, int64_t width,
                             const redux_index_options *options)
{
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_index_new: out is NULL");
    return rdx_index_make(out, context, width, options);
}

static void drop_tables(redux_index *index)
{
    rdx_index_tables_free(atomic_load(&index->tables));
    atomic_store(&index->tables, NULL);
}

void redux_index_free(redux_index *index)
{
    if (index == NULL)
        return;
    drop_tables(index);
    if (index->mapping != NULL) {
        munmap(index->mapping, index->mapping_size);
    } else {
        rdx_free(index->items);
        rdx_free(index->ids);
    }
    rdx_free(index->dead);
    rdx_free(index->slots);
    pthread_mutex_destroy(&index->making);
    rdx_free(index);
}

int64_t redux_index_count(const redux_index *index)
{
    return index == NULL ? 0 : index->rows - index->dead_rows;
}

int64_t redux_index_width(const redux_index *index)
{
    return index == NULL ? 0 : index->layout.width;
}

redux_index_kind redux_index_get_kind(const redux_index *index)
{
    return index == NULL ? REDUX_INDEX_HAMMING : index->options.kind;
}

/* ---- ids ---- */

/* Mixes all bits into all bits (the finaliser of Steele, Lea, Flood: SplitMix, 2014). */
RDX_WRAPS static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

/* The slot that holds the id, or the free one where it belongs. */
static int64_t slot_of(const redux_index *index, int64_t id)
{
    const int64_t mask = index->slot_count - 1;
    int64_t slot = (int64_t)(mix((uint64_t)id) & (uint64_t)mask);
    while (index->slots[slot] != 0 && index->ids[index->slots[slot] - 1] != id)
        slot = (slot + 1) & mask;
    return slot;
}

/* Makes the table with room for `rows`, at most half full, and puts all ids in. */
static redux_status make_slots(redux_index *index, redux_context *context, int64_t rows)
{
    int64_t count = 1024;
    void *block;
    while (count < 2 * rows)
        count *= 2;
    if (index->slots != NULL && count <= index->slot_count)
        return REDUX_OK;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)count, sizeof(int64_t)));
    rdx_free(index->slots);
    index->slots = block;
    index->slot_count = count;
    for (int64_t row = 0; row < index->rows; row++)
        /* of an id that was removed and added again, the later row counts */
        index->slots[slot_of(index, index->ids[row])] = row + 1;
    return REDUX_OK;
}

/* The living row of an id, or -1. Needs the table unless ids are ascending. */
static int64_t find_row(const redux_index *index, int64_t id)
{
    int64_t row = -1;
    if (index->slots != NULL) {
        row = index->slots[slot_of(index, id)] - 1;
    } else {
        int64_t low = 0, high = index->rows;
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (index->ids[middle] < id)
                low = middle + 1;
            else
                high = middle;
        }
        row = low < index->rows && index->ids[low] == id ? low : -1;
    }
    return row >= 0 && rdx_index_alive(index, row) ? row : -1;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Refuses ids that are repeated in the batch or exist in the index. */
static redux_status check_unique(const redux_index *index, redux_context *context,
                                 const int64_t *ids, int64_t count)
{
    void *block;
    redux_status status = REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(int64_t)));
    int64_t *sorted = block;
    memcpy(sorted, ids, (size_t)count * sizeof(int64_t));
    qsort(sorted, (size_t)count, sizeof(int64_t), compare_ids);
    for (int64_t i = 0; i < count && status == REDUX_OK; i++)
        if ((i > 0 && sorted[i] == sorted[i - 1]) || find_row(index, sorted[i]) >= 0)
            status =
                rdx_fail(REDUX_E_INVALID, "index: id %lld exists already", (long long)sorted[i]);
    rdx_free(sorted);
    return status;
}

/* Whether the ids continue in ascending order, so that bisection still finds every one. */
static bool goes_on(const redux_index *index, const int64_t *ids, int64_t count)
{
    int64_t last = index->rows == 0 ? -1 : index->ids[index->rows - 1];
    if (!index->ascending)
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (ids[i] <= last)
            return false;
        last = ids[i];
    }
    return true;
}

static redux_status check_ids(redux_index *index, redux_context *context, const int64_t *ids,
                              int64_t count, bool *ascending)
{
    *ascending = goes_on(index, ids, count);
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] == INT64_MAX)
            return rdx_fail(REDUX_E_INVALID, "index: id %lld", (long long)ids[i]);
    if (*ascending)
        return REDUX_OK;
    RDX_TRY(make_slots(index, context, index->rows + count));
    return check_unique(index, context, ids, count);
}

/* ---- adding ---- */

static redux_status refuse_mapped(const redux_index *index)
{
    if (!index->is_fixed)
        return REDUX_OK;
    return rdx_fail(REDUX_E_INVALID, "the index is mapped from a file, which is read-only: open it "
                                     "as writable to change it");
}

static redux_status grow(redux_index *index, redux_context *context, int64_t rows)
{
    void *block = index->items;
    redux_status status = rdx_grow(context, &block, &index->items_capacity, index->rows, rows,
                                   index->layout.item_bytes);
    index->items = block;
    RDX_TRY(status);
    block = index->ids;
    status = rdx_grow(context, &block, &index->ids_capacity, index->rows, rows, sizeof(int64_t));
    index->ids = block;
    RDX_TRY(status);
    if (index->dead == NULL)
        return REDUX_OK;
    block = index->dead;
    status = rdx_grow(context, &block, &index->dead_capacity, index->rows, rows, 1);
    index->dead = block;
    return status;
}

/* The ids of new rows, and the means to find them. */
static void take_ids(redux_index *index, const int64_t *ids, int64_t count, bool ascending)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t id = ids == NULL ? index->next_id : ids[i], row = index->rows + i;
        index->ids[row] = id;
        index->next_id = RDX_MAX(index->next_id, id + 1);
        if (index->slots != NULL)
            index->slots[slot_of(index, id)] = row + 1;
    }
    index->ascending = index->ascending && ascending;
}

redux_status redux_index_add(redux_index *index, redux_context *context, const redux_tensor *items,
                             const int64_t *ids)
{
    rdx_layout layout;
    bool ascending = true;
    if (index == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_index_add: index is NULL");
    RDX_TRY(refuse_mapped(index));
    RDX_TRY(rdx_metric_layout(&index->metric, items, &layout));
    if (!rdx_same_layout(&layout, &index->layout))
        return rdx_fail(REDUX_E_INVALID, "index: items of %lld elements, not %lld",
                        (long long)layout.width, (long long)index->layout.width);
    const int64_t count = items->shape[0];
    if (count > MOST_ROWS - index->rows)
        return rdx_fail(REDUX_E_LIMIT, "index: more than %lld items", (long long)MOST_ROWS);
    if (count == 0)
        return REDUX_OK;
    if (ids != NULL)
        RDX_TRY(check_ids(index, context, ids, count, &ascending));
    else if (index->next_id > INT64_MAX - count)
        return rdx_fail(REDUX_E_LIMIT, "index: no numbers are left for new items");
    RDX_TRY(grow(index, context, index->rows + count));
    if (index->slots != NULL)
        RDX_TRY(make_slots(index, context, index->rows + count));
    RDX_TRY(rdx_metric_prepare(context, &index->metric, &index->layout, items, 0, count,
                               index->items + (size_t)index->rows * index->layout.item_bytes));
    if (index->dead != NULL)
        memset(index->dead + index->rows, 0, (size_t)count);
    take_ids(index, ids, count, ascending);
    index->rows += count;
    /* Rows that the tables do not cover are scanned, so it may soon pay to make the tables
     * again. */
    const rdx_index_tables *tables = atomic_load(&index->tables);
    if (tables != NULL && index->rows - tables->rows > RDX_MAX(tables->rows / 4, 1024))
        drop_tables(index);
    return REDUX_OK;
}

/* ---- removing ---- */

static redux_status make_dead(redux_index *index, redux_context *context)
{
    void *block;
    if (index->dead != NULL)
        return REDUX_OK;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)RDX_MAX(index->ids_capacity, 1), 1));
    index->dead = block;
    index->dead_capacity = RDX_MAX(index->ids_capacity, 1);
    return REDUX_OK;
}

/* Moves the living rows together, in order. Ids that are ascending again need no table. */
static void compact(redux_index *index)
{
    const size_t bytes = index->layout.item_bytes;
    int64_t to = 0;
    if (index->dead_rows == 0)
        return;
    drop_tables(index);
    for (int64_t from = 0; from < index->rows; from++) {
        if (index->dead[from] != 0)
            continue;
        if (to != from)
            memcpy(index->items + (size_t)to * bytes, index->items + (size_t)from * bytes, bytes);
        index->ids[to++] = index->ids[from];
    }
    index->rows = to;
    index->dead_rows = 0;
    rdx_free(index->dead);
    rdx_free(index->slots);
    index->dead = NULL;
    index->slots = NULL;
    index->dead_capacity = index->slot_count = 0;
    index->ascending = true;
    for (int64_t row = 1; row < to && index->ascending; row++)
        index->ascending = index->ids[row] > index->ids[row - 1];
}

redux_status redux_index_remove(int64_t *removed, redux_index *index, redux_context *context,
                                const int64_t *ids, int64_t count)
{
    int64_t gone = 0;
    if (index == NULL || (ids == NULL && count > 0) || count < 0)
        return rdx_fail(REDUX_E_INVALID, "redux_index_remove: an argument is NULL or below 0");
    RDX_TRY(refuse_mapped(index));
    RDX_TRY(make_dead(index, context));
    if (!index->ascending)
        RDX_TRY(make_slots(index, context, index->rows));
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = ids[i] < 0 ? -1 : find_row(index, ids[i]);
        if (row < 0)
            continue;
        index->dead[row] = 1;
        gone++;
    }
    index->dead_rows += gone;
    if (index->dead_rows > 0 && index->dead_rows >= index->rows / 4)
        compact(index);
    if (removed != NULL)
        *removed = gone;
    return REDUX_OK;
}

redux_status redux_index_optimise(redux_index *index, redux_context *context)
{
    if (index == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_index_optimise: index is NULL");
    compact(index);
    if (index->options.kind != REDUX_INDEX_HAMMING || index->options.method == REDUX_INDEX_SCAN)
        return REDUX_OK;
    const rdx_index_tables *tables = atomic_load(&index->tables);
    if (tables != NULL && tables->rows == index->rows)
        return REDUX_OK;
    if (tables != NULL)
        drop_tables(index);
    return rdx_index_tables_make(context, index);
}
