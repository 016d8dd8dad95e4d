/* SPDX-License-Identifier: MIT
 * The slices to load, how many fit into memory together, and the order of each epoch.
 *
 * Orders are functions of (seed, epoch, catalogue), so that they can be made again at any time. */
#include <string.h>
#include "data/data.h"
#include "loader_parts.h"

/* Streams of random numbers; those of views begin with 0x76. */
#define OPERATION_ORDER 0x6f726465U
#define OPERATION_CHUNK 0x63686e6bU

/* A chunk has at least so many pieces of data that can be read slice by slice. */
#define PIECES 8

/* ---- the catalogue ---- */

/* Half floats come as float32, float128 as float64 already. */
static uint64_t bytes_of(int64_t height, int64_t width, redux_dtype dtype)
{
    const uint64_t size = dtype == REDUX_FLOAT16 ? sizeof(float) : redux_dtype_size(dtype);
    return (uint64_t)height * (uint64_t)width * size;
}

/* Pictures of one folder may differ in size. */
static redux_status measure_item(rdx_kept_slice *item, const redux_dataset *dataset,
                                 const redux_volume_info *info, bool drop)
{
    rdx_picture_info picture;
    uint64_t bytes;
    const char *path;
    int64_t number;
    item->bytes = bytes_of(info->height, info->width, info->dtype);
    if (!info->file_per_slice || info->is_scan)
        return REDUX_OK;
    RDX_TRY(redux_dataset_get_slice_name(&path, &number, dataset, item->volume, item->slice));
    const redux_status status = rdx_picture_probe(&picture, &bytes, path);
    if (status == REDUX_OK)
        item->bytes = bytes_of(picture.height, picture.width, picture.dtype);
    item->dropped = status != REDUX_OK;
    return drop && rdx_is_input_failure(status) ? REDUX_OK : status;
}

/* Memory that a volume needs while it is open. */
static uint64_t passing_bytes(const redux_volume_info *info)
{
    if (info->on_demand)
        return 0;
    return (uint64_t)info->slices * bytes_of(info->height, info->width, info->dtype);
}

static redux_status list_items(rdx_catalogue *catalogue, redux_context *context,
                               const uint8_t *kept, bool drop)
{
    const redux_dataset *dataset = catalogue->dataset;
    const int64_t volumes = redux_dataset_volume_count(dataset);
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)redux_dataset_slice_count(dataset),
                      sizeof(rdx_kept_slice)));
    catalogue->items = block;
    for (int64_t volume = 0; volume < volumes; volume++) {
        const int64_t first = rdx_dataset_first_row(dataset, volume);
        redux_volume_info info = REDUX_VOLUME_INFO_INIT;
        RDX_TRY(redux_dataset_get_volume_info(&info, dataset, volume));
        for (int64_t slice = 0; slice < info.slices; slice++) {
            if (kept != NULL && kept[first + slice] == 0)
                continue;
            rdx_kept_slice *item = &catalogue->items[catalogue->item_count++];
            *item = (rdx_kept_slice){
                .row = first + slice, .volume = volume, .slice = slice, .needed = true};
            RDX_TRY(measure_item(item, dataset, &info, drop));
        }
    }
    return REDUX_OK;
}

static redux_status add_portion(rdx_catalogue *catalogue, redux_context *context,
                                const rdx_portion *portion)
{
    void *block = catalogue->portions;
    RDX_TRY(rdx_grow(context, &block, &catalogue->portion_capacity, catalogue->portion_count,
                     catalogue->portion_count + 1, sizeof *portion));
    catalogue->portions = block;
    catalogue->portions[catalogue->portion_count++] = *portion;
    return REDUX_OK;
}

/* The items of one volume; `piece`: bytes of one portion, if the volume can be divided. */
static redux_status list_volume(rdx_catalogue *catalogue, redux_context *context, int64_t first,
                                int64_t end, uint64_t piece)
{
    redux_volume_info info = REDUX_VOLUME_INFO_INIT;
    RDX_TRY(
        redux_dataset_get_volume_info(&info, catalogue->dataset, catalogue->items[first].volume));
    rdx_portion portion = {.first = first, .passing = passing_bytes(&info)};
    for (int64_t i = first; i < end; i++) {
        const uint64_t bytes = catalogue->items[i].bytes;
        if (portion.passing == 0 && portion.count > 0 && portion.held + bytes > piece) {
            RDX_TRY(add_portion(catalogue, context, &portion));
            portion = (rdx_portion){.first = i};
        }
        portion.held += bytes;
        portion.count++;
    }
    return add_portion(catalogue, context, &portion);
}

static redux_status list_portions(rdx_catalogue *catalogue, redux_context *context, uint64_t memory)
{
    const uint64_t piece = memory == 0 ? UINT64_MAX : memory / 2 / PIECES;
    for (int64_t i = 0, end; i < catalogue->item_count; i = end) {
        for (end = i + 1; end < catalogue->item_count; end++)
            if (catalogue->items[end].volume != catalogue->items[i].volume)
                break;
        RDX_TRY(list_volume(catalogue, context, i, end, piece));
    }
    return REDUX_OK;
}

redux_status rdx_catalogue_init(rdx_catalogue *out, redux_context *context,
                                const redux_dataset *dataset, const uint8_t *kept,
                                const redux_loader_options *options)
{
    memset(out, 0, sizeof *out);
    out->dataset = dataset;
    out->seed = options->seed;
    redux_status status = list_items(out, context, kept, options->skip_errors != 0);
    if (status == REDUX_OK)
        status = list_portions(out, context, options->memory_bytes);
    if (status != REDUX_OK)
        rdx_catalogue_clear(out);
    else
        rdx_catalogue_compact(out);
    return status;
}

void rdx_catalogue_clear(rdx_catalogue *catalogue)
{
    rdx_free(catalogue->items);
    rdx_free(catalogue->portions);
    memset(catalogue, 0, sizeof *catalogue);
}

void rdx_catalogue_compact(rdx_catalogue *catalogue)
{
    int64_t items = 0, portions = 0;
    for (int64_t u = 0; u < catalogue->portion_count; u++) {
        rdx_portion portion = catalogue->portions[u];
        const int64_t end = portion.first + portion.count, first = items;
        portion.held = 0;
        for (int64_t i = portion.first; i < end; i++) {
            if (catalogue->items[i].dropped) {
                catalogue->dropped++;
                continue;
            }
            portion.held += catalogue->items[i].bytes;
            catalogue->items[items++] = catalogue->items[i];
        }
        portion.first = first;
        portion.count = items - first;
        if (portion.count > 0)
            catalogue->portions[portions++] = portion;
    }
    catalogue->item_count = items;
    catalogue->portion_count = portions;
}

redux_status rdx_catalogue_fit(rdx_catalogue *catalogue, uint64_t memory)
{
    uint64_t held = 0, passing = 0;
    for (int64_t u = 0; u < catalogue->portion_count; u++) {
        held += catalogue->portions[u].held;
        passing = RDX_MAX(passing, catalogue->portions[u].passing);
    }
    if (memory == 0 || held + passing <= memory)
        return REDUX_OK;
    catalogue->limit = memory / 2;
    for (int64_t u = 0; u < catalogue->portion_count; u++) {
        const rdx_portion *portion = &catalogue->portions[u];
        const rdx_kept_slice *item = &catalogue->items[portion->first];
        const char *source = "";
        int64_t number = 0;
        if (portion->held + portion->passing <= catalogue->limit)
            continue;
        redux_dataset_get_slice_name(&source, &number, catalogue->dataset, item->volume,
                                     item->slice);
        return rdx_fail(
            REDUX_E_LIMIT,
            "%s: needs %llu bytes to read and %llu for the slices kept, more than half of "
            "the %llu allowed: raise the memory limit",
            source, (unsigned long long)portion->passing, (unsigned long long)portion->held,
            (unsigned long long)memory);
    }
    return REDUX_OK;
}

/* ---- orders ---- */

static redux_status new_numbers(int64_t **out, redux_context *context, int64_t count)
{
    void *block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count, sizeof(int64_t)));
    *out = block;
    return REDUX_OK;
}

redux_status rdx_order_init(rdx_epoch_order *out, redux_context *context,
                            const rdx_catalogue *catalogue)
{
    memset(out, 0, sizeof *out);
    out->epoch = -1;
    redux_status status = new_numbers(&out->portions, context, catalogue->portion_count);
    if (status == REDUX_OK)
        status = new_numbers(&out->items, context, catalogue->item_count);
    if (status == REDUX_OK)
        status = new_numbers(&out->places, context, catalogue->item_count);
    if (status == REDUX_OK)
        status = new_numbers(&out->starts, context, catalogue->portion_count + 1);
    if (status == REDUX_OK)
        status = new_numbers(&out->of_portions, context, catalogue->portion_count + 1);
    if (status != REDUX_OK)
        rdx_order_clear(out);
    return status;
}

void rdx_order_clear(rdx_epoch_order *order)
{
    rdx_free(order->portions);
    rdx_free(order->items);
    rdx_free(order->places);
    rdx_free(order->starts);
    rdx_free(order->of_portions);
    memset(order, 0, sizeof *order);
}

/* Fisher-Yates. */
static void shuffle(int64_t *numbers, int64_t count, const redux_random_key *key)
{
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = (int64_t)redux_random_below(key, (uint32_t)i, (uint64_t)i + 1);
        const int64_t kept = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = kept;
    }
}

/* The end of the chunk that begins at portion `from` of the order. */
static int64_t chunk_end(const rdx_epoch_order *order, const rdx_catalogue *catalogue, int64_t from)
{
    uint64_t held = 0, passing = 0;
    int64_t at = from;
    for (; at < catalogue->portion_count; at++) {
        const rdx_portion *portion = &catalogue->portions[order->portions[at]];
        held += portion->held;
        passing = RDX_MAX(passing, portion->passing);
        if (catalogue->limit != 0 && at > from && held + passing > catalogue->limit)
            break;
    }
    return at;
}

/* Appends the items of a chunk's portions, shuffled. */
static void order_chunk(rdx_epoch_order *order, const rdx_catalogue *catalogue, int64_t from,
                        int64_t to)
{
    const int64_t start = order->starts[order->chunks];
    const redux_random_key key = {catalogue->seed, (uint32_t)order->epoch, OPERATION_CHUNK,
                                  (uint64_t)order->chunks};
    int64_t count = 0;
    for (int64_t u = from; u < to; u++) {
        const rdx_portion *portion = &catalogue->portions[order->portions[u]];
        for (int64_t i = 0; i < portion->count; i++)
            order->items[start + count++] = portion->first + i;
    }
    shuffle(order->items + start, count, &key);
    for (int64_t i = start; i < start + count; i++)
        order->places[order->items[i]] = i;
    order->chunks++;
    order->starts[order->chunks] = start + count;
    order->of_portions[order->chunks] = to;
}

void rdx_order_make(rdx_epoch_order *order, const rdx_catalogue *catalogue, int64_t epoch)
{
    const redux_random_key key = {catalogue->seed, (uint32_t)epoch, OPERATION_ORDER, 0};
    order->epoch = epoch;
    order->chunks = 0;
    order->starts[0] = order->of_portions[0] = 0;
    for (int64_t u = 0; u < catalogue->portion_count; u++)
        order->portions[u] = u;
    /* If everything is in memory, the order of portions must not matter: it would depend on how a
     * volume is divided. */
    if (catalogue->limit != 0)
        shuffle(order->portions, catalogue->portion_count, &key);
    for (int64_t from = 0, to; from < catalogue->portion_count; from = to) {
        to = chunk_end(order, catalogue, from);
        order_chunk(order, catalogue, from, to);
    }
}

int64_t rdx_order_chunk(const rdx_epoch_order *order, int64_t place)
{
    int64_t low = 0, high = order->chunks - 1;
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        if (order->starts[middle] <= place)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}
