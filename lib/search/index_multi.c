/* SPDX-License-Identifier: MIT
 * Multi-index hashing (Norouzi, Punjani, Fleet: Fast Exact Search in Hamming Space with Multi-
 * Index Hashing, IEEE TPAMI 36(6), 2014).
 *
 * A code is divided into m parts. Step s = m e + p looks up, in the table of part p, all values
 * that differ from the query's in exactly e bits. After steps 0 ... r every code within r bits has
 * been met: had it more than e bits in parts 0 ... p and more than e - 1 in the others, it would
 * have at least m e + p + 1 > r in all (their section 3.1). Steps are taken one by one, so that
 * the k nearest are found too: with k codes within s bits after step s, nothing better can follow.
 *
 * A code is met once for each part that is near. Its own parts show whether an earlier step met
 * it, so no list of visited codes is needed and a query takes only a small buffer. */
#include <math.h>
#include <string.h>
#include "index.h"
#include "io/io.h"
#include "kernels/kernels.h"

/* ---- parts ---- */

int32_t rdx_index_divide(rdx_index_part *part, int64_t bits, int32_t part_bits)
{
    int64_t parts = RDX_MAX((bits + part_bits / 2) / part_bits, 1), first = 0;
    while ((bits + parts - 1) / parts > RDX_INDEX_PART_BITS)
        parts++;
    /* Of very wide codes the first 64 parts suffice. */
    const int64_t used = RDX_MIN(parts, RDX_INDEX_PARTS);
    for (int64_t p = 0; p < used; p++) {
        part[p].first = (int32_t)first;
        part[p].bits = (int32_t)((bits * (p + 1)) / parts - (bits * p) / parts);
        first += part[p].bits;
    }
    return (int32_t)used;
}

/* Up to 24 bits of a code, which may lie across two words. */
RDX_WRAPS static uint32_t part_of(const uint64_t *code, const rdx_index_part *part)
{
    const int word = part->first >> 6, shift = part->first & 63;
    uint64_t value = rdx_little_64(code[word]) >> shift;
    if (shift + part->bits > 64)
        value |= rdx_little_64(code[word + 1]) << (64 - shift);
    return (uint32_t)value & ((1U << part->bits) - 1);
}

int64_t rdx_index_block_size(const rdx_index_part *part, int32_t parts, int64_t rows)
{
    int64_t size = 0;
    for (int32_t p = 0; p < parts; p++)
        size += ((int64_t)1 << part[p].bits) + 1 + rows;
    return size;
}

void rdx_index_place(rdx_index_tables *tables, uint32_t *block)
{
    tables->block = block;
    for (int32_t p = 0; p < tables->parts; p++) {
        rdx_index_part *part = &tables->part[p];
        part->offsets = block;
        block += ((int64_t)1 << part->bits) + 1;
        part->rows = block;
        block += tables->rows;
    }
}

/* ---- tables ---- */

void rdx_index_tables_free(rdx_index_tables *tables)
{
    if (tables == NULL)
        return;
    if (!tables->mapped)
        rdx_free(tables->block);
    rdx_free(tables);
}

typedef struct fill_job {
    const redux_index *index;
    rdx_index_tables *tables;
} fill_job;

/* Sorts the rows by one part: counts, sums, places. */
static redux_status fill_task(int64_t p, void *user)
{
    const fill_job *job = user;
    const rdx_index_part *part = &job->tables->part[p];
    const int64_t values = (int64_t)1 << part->bits;
    uint32_t sum = 0;
    memset(part->offsets, 0, (size_t)(values + 1) * sizeof(uint32_t));
    for (int64_t row = 0; row < job->tables->rows; row++)
        part->offsets[part_of(rdx_index_row(job->index, row), part)]++;
    for (int64_t v = 0; v <= values; v++) {
        const uint32_t count = part->offsets[v];
        part->offsets[v] = sum;
        sum += count;
    }
    for (int64_t row = 0; row < job->tables->rows; row++)
        part->rows[part->offsets[part_of(rdx_index_row(job->index, row), part)]++] = (uint32_t)row;
    /* Each offset has moved on to the place of the next one: move them back. */
    memmove(part->offsets + 1, part->offsets, (size_t)values * sizeof(uint32_t));
    part->offsets[0] = 0;
    return REDUX_OK;
}

/* Average number of rows behind a row's own value: rows / 2^bits for evenly spread codes, more for
 * clustered ones. */
double rdx_index_occupancy(const rdx_index_tables *tables)
{
    double sum = 0;
    if (tables->rows == 0)
        return 0;
    for (int32_t p = 0; p < tables->parts; p++)
        for (int64_t v = 0; v < (int64_t)1 << tables->part[p].bits; v++) {
            const double count =
                (double)(tables->part[p].offsets[v + 1] - tables->part[p].offsets[v]);
            sum += count * count;
        }
    return sum / (double)tables->rows / tables->parts;
}

static int32_t part_bits_for(const redux_index *index)
{
    int32_t bits = 8;
    if (index->options.part_bits != 0)
        return index->options.part_bits;
    while (bits < 20 && (int64_t)1 << bits < index->rows)
        bits++;
    return bits;
}

redux_status rdx_index_tables_make(redux_context *context, redux_index *index)
{
    void *block = NULL;
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(rdx_index_tables)));
    rdx_index_tables *tables = block;
    tables->rows = index->rows;
    tables->part_bits = part_bits_for(index);
    tables->parts = rdx_index_divide(tables->part, index->layout.width * 8, tables->part_bits);
    redux_status status = rdx_alloc(
        context, &block, (uint64_t)rdx_index_block_size(tables->part, tables->parts, tables->rows),
        sizeof(uint32_t));
    if (status == REDUX_OK) {
        rdx_index_place(tables, block);
        fill_job job = {index, tables};
        status = rdx_parallel(context, tables->parts, fill_task, &job);
    }
    if (status != REDUX_OK) {
        rdx_index_tables_free(tables);
        return status;
    }
    tables->occupancy = rdx_index_occupancy(tables);
    atomic_store(&index->tables, tables);
    return REDUX_OK;
}

/* ---- what is quicker ---- */

/* Nanoseconds, as measured (README.md): scanning a code, by its words; looking up a value; meeting
 * a code through it; adding a row to one table. Only the time depends on them. */
#define LOOK_UP 8.0
#define MEET_CODE 6.0
#define FILL_ROW 8.0

static double scan_cost(const redux_index *index, int64_t rows)
{
    const int64_t words = (int64_t)(index->layout.item_bytes / 8);
    double code = 0.3 + 0.4 * (double)words;
    if (rdx_tier_in_use() == RDX_AVX512 && words == 1)
        code = 0.08;
    if (rdx_tier_in_use() == RDX_AVX512 && words == 4)
        code = 0.45;
    return 300 + (double)rows * code;
}

/* n over e, or something large. */
static double combinations(int32_t n, int64_t e)
{
    double product = 1;
    for (int64_t i = 1; i <= e && product < 1e18; i++)
        product = product * (double)(n - i + 1) / (double)i;
    return e > n ? 0 : product;
}

static double step_cost(const rdx_index_part *part, int64_t differing, double occupancy)
{
    return combinations(part->bits, differing) * (LOOK_UP + MEET_CODE * occupancy);
}

/* Values looked up in all steps up to `radius`, as long as they are below `limit`. */
static double multi_cost(const rdx_index_part *part, int32_t parts, double occupancy,
                         int64_t radius, double limit)
{
    double cost = 0;
    for (int64_t step = 0; step <= radius && cost < limit; step++)
        cost += step_cost(&part[step % parts], step / parts, occupancy);
    return cost;
}

/* The time that tables save on one search, or 0 if a scan is quicker. Nearest is assumed to take
 * half a scan, since the distances are unknown. */
static double saving(const redux_index *index, const rdx_index_tables *tables, int64_t radius)
{
    const double scan = scan_cost(index, index->rows);
    rdx_index_part part[RDX_INDEX_PARTS] = {{0, 0, NULL, NULL}};
    if (radius < 0)
        return index->rows < 4096 ? 0 : scan / 2;
    if (tables != NULL) {
        const double rest = scan_cost(index, index->rows - tables->rows);
        const double cost =
            multi_cost(tables->part, tables->parts, tables->occupancy, radius, scan);
        return RDX_MAX(scan - rest - cost, 0);
    }
    const int32_t parts = rdx_index_divide(part, index->layout.width * 8, part_bits_for(index));
    const double occupancy = (double)index->rows / (double)((int64_t)1 << part[0].bits);
    return RDX_MAX(scan - multi_cost(part, parts, occupancy, radius, scan), 0);
}

/* Searches through tables that are far from everything end as scans. Then only one in 32 tries
 * tables, in case later queries are nearer. */
static bool hopeless(redux_index *index)
{
    const int64_t tried = atomic_load(&index->tried), abandoned = atomic_load(&index->abandoned);
    return tried >= 32 && abandoned * 2 > tried && tried % 32 != 0;
}

redux_status rdx_index_tables_get(rdx_index_tables **out, redux_context *context,
                                  redux_index *index, int64_t queries, int64_t radius)
{
    const bool always = index->options.method == REDUX_INDEX_MULTI;
    redux_status status = REDUX_OK;
    *out = NULL;
    if (index->options.kind != REDUX_INDEX_HAMMING || index->options.method == REDUX_INDEX_SCAN ||
        index->rows == 0)
        return REDUX_OK;
    const rdx_index_tables *there = atomic_load(&index->tables);
    const double gain = saving(index, there, radius);
    if (!always && gain <= 0)
        return REDUX_OK;
    if (there == NULL) {
        /* Tables are made once the searches so far would have paid for them, which costs at most
         * twice the optimum. */
        pthread_mutex_lock(&index->making);
        const double parts = (double)index->layout.width * 8 / part_bits_for(index);
        index->wished += gain * (double)queries;
        if (atomic_load(&index->tables) == NULL &&
            (always || index->wished >= parts * FILL_ROW * (double)index->rows))
            status = rdx_index_tables_make(context, index);
        pthread_mutex_unlock(&index->making);
        RDX_TRY(status);
    }
    *out = atomic_load(&index->tables);
    return REDUX_OK;
}

/* ---- searching ---- */

#define BUFFER 512

/* The state of a query in the tables. */
typedef struct walk {
    rdx_top *finds;
    const redux_index *index;
    const rdx_index_tables *tables;
    const rdx_kernels *kernels;
    const uint64_t *query;
    int64_t words, step;
    double spent; /* nanoseconds, as estimated */
    int64_t buffered;
    uint32_t rows[BUFFER];
    int32_t near[BUFFER];
} walk;

/* Whether an earlier step met the code. */
static bool met_before(const walk *w, const uint64_t *code)
{
    const int32_t parts = w->tables->parts;
    for (int32_t p = 0; p < parts; p++) {
        const rdx_index_part *part = &w->tables->part[p];
        const uint32_t differs = part_of(code, part) ^ part_of(w->query, part);
        if ((int64_t)__builtin_popcount(differs) * parts + p < w->step)
            return true;
    }
    return false;
}

/* The largest distance that can still be a find, or -1. */
static int64_t radius_of(const rdx_top *finds, const redux_index *index)
{
    const double most = (double)index->layout.width * 8;
    return finds->threshold >= most ? (int64_t)most
           : finds->threshold >= 0  ? (int64_t)finds->threshold
                                    : -1;
}

/* Compares the codes in the buffer. */
static redux_status flush(walk *w)
{
    const int64_t radius = radius_of(w->finds, w->index);
    const uint64_t *codes = rdx_index_row(w->index, 0);
    const int64_t count = w->buffered;
    w->buffered = 0;
    if (radius < 0)
        return REDUX_OK;
    const int64_t near = w->kernels->hamming_listed(codes, w->rows, count, w->query, w->words,
                                                    (uint32_t)radius, w->near);
    for (int64_t i = 0; i < near; i++) {
        const int64_t row = w->rows[w->near[i]];
        const uint64_t *code = codes + row * w->words;
        if (!rdx_index_alive(w->index, row) || met_before(w, code))
            continue;
        RDX_TRY(rdx_top_add(w->finds, w->index->ids[row],
                            w->kernels->hamming_distance(code, w->query, w->words)));
    }
    return REDUX_OK;
}

/* Puts all rows of one value into the buffer, and fetches their codes meanwhile. */
static redux_status look_up(walk *w, const rdx_index_part *part, uint32_t value)
{
    const uint64_t *codes = rdx_index_row(w->index, 0);
    for (uint32_t i = part->offsets[value]; i < part->offsets[value + 1]; i++) {
        if (w->buffered == BUFFER)
            RDX_TRY(flush(w));
        __builtin_prefetch(codes + (int64_t)part->rows[i] * w->words);
        w->rows[w->buffered++] = part->rows[i];
        w->spent += MEET_CODE;
    }
    w->spent += LOOK_UP;
    return REDUX_OK;
}

/* The next larger number with as many bits set (Gosper: HAKMEM, item 175). */
static uint32_t next_of_weight(uint32_t mask)
{
    const uint32_t low = mask & (~mask + 1), carried = mask + low;
    return carried | ((mask ^ carried) >> 2) / low;
}

/* Visits all values that differ from the query's in so many bits; gives up beyond `budget`. */
static redux_status take_step(walk *w, double budget)
{
    const rdx_index_part *part = &w->tables->part[w->step % w->tables->parts];
    const int64_t differing = w->step / w->tables->parts;
    const uint32_t value = part_of(w->query, part), end = 1U << part->bits;
    if (differing > part->bits)
        return REDUX_OK;
    for (uint32_t mask = (1U << differing) - 1; mask < end && w->spent <= budget;
         mask = next_of_weight(mask)) {
        RDX_TRY(look_up(w, part, value ^ mask));
        if (mask == 0)
            break;
    }
    return flush(w);
}

/* The rows after the last one that the tables cover. */
static redux_status scan_rest(walk *w)
{
    const uint64_t *codes = rdx_index_row(w->index, 0);
    for (int64_t start = w->tables->rows; start < w->index->rows; start += BUFFER) {
        const int64_t count = RDX_MIN(w->index->rows - start, BUFFER);
        const int64_t radius = radius_of(w->finds, w->index);
        const int64_t near =
            radius < 0 ? 0
                       : w->kernels->hamming_within(codes + start * w->words, NULL, count, w->query,
                                                    w->words, (uint32_t)radius, w->near);
        for (int64_t i = 0; i < near; i++) {
            const int64_t row = start + w->near[i];
            if (rdx_index_alive(w->index, row))
                RDX_TRY(rdx_top_add(
                    w->finds, w->index->ids[row],
                    w->kernels->hamming_distance(codes + row * w->words, w->query, w->words)));
        }
    }
    return REDUX_OK;
}

/* Whether nothing better can follow this step. */
static bool settled(const walk *w)
{
    return w->finds->threshold <= (double)w->step;
}

redux_status rdx_index_multi(bool *done, rdx_top *finds, redux_index *index,
                             const rdx_index_tables *tables, const uint64_t *query)
{
    const bool nearest = finds->k > 0;
    const double threshold = finds->threshold;
    const double budget = index->options.method == REDUX_INDEX_MULTI
                              ? (double)INFINITY
                              : scan_cost(index, index->rows) / (nearest ? 2 : 1);
    walk w = {.finds = finds,
              .index = index,
              .tables = tables,
              .kernels = rdx_kernels_get(),
              .query = query,
              .words = (int64_t)(index->layout.item_bytes / 8)};
    *done = false;
    if (nearest && budget < (double)INFINITY) {
        const bool skip = hopeless(index);
        atomic_fetch_add(&index->tried, 1);
        if (skip) {
            atomic_fetch_add(&index->abandoned, 1);
            return REDUX_OK;
        }
    }
    RDX_TRY(scan_rest(&w));
    const int64_t last = radius_of(finds, index);
    for (; w.step <= last; w.step++) {
        const rdx_index_part *part = &tables->part[w.step % tables->parts];
        w.spent += 1; /* the cost of the step itself */
        if (w.spent + step_cost(part, w.step / tables->parts, tables->occupancy) <= budget)
            RDX_TRY(take_step(&w, budget));
        else
            w.spent = (double)INFINITY;
        if (w.spent > budget) { /* a scan is quicker */
            finds->count = 0;
            finds->threshold = threshold;
            if (nearest)
                atomic_fetch_add(&index->abandoned, 1);
            return REDUX_OK;
        }
        if (settled(&w))
            break;
    }
    *done = true;
    return REDUX_OK;
}
