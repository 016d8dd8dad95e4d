/* SPDX-License-Identifier: MIT
 * Measures searches of an index: milliseconds a query by scan, by multi-index hashing and as
 * chosen, for sizes, widths and radii. Half of the codes are random, half within 16 bits of an
 * earlier one; half of the queries are items, half are near one. Not built by make:
 *
 *   cc -O2 -Iinclude -o index_bench tests/golden/index_bench.c build/lib/libredux.so
 *   index_bench [rows]                     prints a table
 *   index_bench FOLDER rows bytes          writes codes.npy, queries.npy and what was found within
 *                                          12 bits, found.npy, for index_faiss.py */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <redux.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static uint64_t state = 88172645463325252U;
static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void change(uint8_t *code, int64_t bytes, uint64_t most)
{
    for (uint64_t n = draw() % (most + 1); n > 0; n--) {
        const uint64_t bit = draw() % (uint64_t)(8 * bytes);
        code[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static uint8_t *make(int64_t rows, int64_t bytes)
{
    uint8_t *codes = malloc((size_t)(rows * bytes));
    for (int64_t i = 0; i < rows * bytes; i++)
        codes[i] = (uint8_t)(draw() >> 20);
    for (int64_t i = rows / 2; i < rows; i++) {
        memcpy(codes + i * bytes, codes + (int64_t)(draw() % (uint64_t)(rows / 2)) * bytes,
               (size_t)bytes);
        change(codes + i * bytes, bytes, 16);
    }
    return codes;
}

static uint8_t *ask(const uint8_t *codes, int64_t rows, int64_t bytes, int64_t queries)
{
    uint8_t *out = malloc((size_t)(queries * bytes));
    for (int64_t i = 0; i < queries; i++) {
        memcpy(out + i * bytes, codes + (int64_t)(draw() % (uint64_t)rows) * bytes, (size_t)bytes);
        if (i % 2 == 1)
            change(out + i * bytes, bytes, 8);
    }
    return out;
}

static int64_t hits;
static int count_hit(int64_t query, int64_t id, double score, void *user)
{
    (void)query, (void)id, (void)score, (void)user;
    hits++;
    return 0;
}

static redux_tensor rows_of(uint8_t *data, int64_t rows, int64_t bytes)
{
    const int64_t shape[2] = {rows, bytes};
    redux_tensor tensor;
    redux_tensor_borrow(&tensor, data, REDUX_UINT8, 2, shape, NULL);
    return tensor;
}

static double within(redux_index *index, uint8_t *queries, int64_t count, int64_t bytes, int radius)
{
    redux_tensor one = rows_of(queries, 1, bytes);
    int64_t done = 0;
    redux_index_within(NULL, index, &one, radius, count_hit, NULL); /* tables are made */
    hits = 0;
    const double start = now();
    for (; done < count && now() - start < 1500; done++) { /* one at a time, as in service */
        one = rows_of(queries + done * bytes, 1, bytes);
        redux_index_within(NULL, index, &one, radius, count_hit, NULL);
    }
    return (now() - start) / (double)done;
}

static double nearest(redux_index *index, uint8_t *queries, int64_t count, int64_t bytes)
{
    int64_t *ids = malloc((size_t)count * 10 * sizeof *ids);
    double *scores = malloc((size_t)count * 10 * sizeof *scores);
    const redux_tensor all = rows_of(queries, count, bytes);
    const double start = now();
    redux_index_nearest(ids, scores, NULL, index, &all, 10);
    const double end = now();
    free(ids);
    free(scores);
    return (end - start) / (double)count;
}

static void table(int64_t rows, int64_t bytes)
{
    static const int radii[] = {3, 6, 12, 31, 63};
    uint8_t *codes = make(rows, bytes), *queries = ask(codes, rows, bytes, 200);
    const redux_tensor items = rows_of(codes, rows, bytes);
    redux_index *index[3];
    for (int m = 0; m < 3; m++) {
        redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
        options.method = (redux_index_method)m;
        redux_index_new(&index[m], NULL, bytes, &options);
        redux_index_add(index[m], NULL, &items, NULL);
        const double start = now();
        redux_index_optimise(index[m], NULL);
        if (m == REDUX_INDEX_MULTI)
            printf("%lld x %lld bits: tables made in %.0f ms\n", (long long)rows,
                   (long long)bytes * 8, now() - start);
    }
    for (int r = 0; r < 5; r++) {
        const int radius = radii[r];
        double ms[3] = {0};
        for (int m = 2; m >= 0; m--)
            if (m != REDUX_INDEX_MULTI || bytes > 8 || radius <= 12)
                ms[m] = within(index[m], queries, 200, bytes, radius);
        printf("%8lld %4lld bits  radius %2d  scan %8.4f  multi %8.4f  auto %8.4f ms\n",
               (long long)rows, (long long)bytes * 8, radius, ms[REDUX_INDEX_SCAN],
               ms[REDUX_INDEX_MULTI], ms[REDUX_INDEX_AUTO]);
    }
    printf("%8lld %4lld bits  10 nearest scan %8.4f                   auto %8.4f ms\n",
           (long long)rows, (long long)bytes * 8, nearest(index[1], queries, 200, bytes),
           nearest(index[0], queries, 200, bytes));
    for (int m = 0; m < 3; m++)
        redux_index_free(index[m]);
    free(codes);
    free(queries);
}

static int64_t found[1 << 20][3];
static int keep_hit(int64_t query, int64_t id, double score, void *user)
{
    (void)user;
    found[hits][0] = query;
    found[hits][1] = id;
    found[hits++][2] = (int64_t)score;
    return hits == 1 << 20;
}

static void write_found(const char *path, const redux_tensor *items, const redux_tensor *queries)
{
    redux_index *index;
    redux_tensor all;
    redux_index_new(&index, NULL, items->shape[1], NULL);
    redux_index_add(index, NULL, items, NULL);
    redux_index_optimise(index, NULL);
    redux_index_within(NULL, index, queries, 12, keep_hit, NULL);
    const int64_t shape[2] = {hits, 3};
    redux_tensor_borrow(&all, found, REDUX_INT64, 2, shape, NULL);
    redux_npy_write(path, NULL, &all);
    redux_index_free(index);
}

int main(int count, char **arguments)
{
    if (count == 4) {
        const int64_t rows = strtoll(arguments[2], NULL, 10),
                      bytes = strtoll(arguments[3], NULL, 10);
        uint8_t *codes = make(rows, bytes), *queries = ask(codes, rows, bytes, 200);
        const redux_tensor all = rows_of(codes, rows, bytes), some = rows_of(queries, 200, bytes);
        char path[4096];
        snprintf(path, sizeof path, "%s/codes.npy", arguments[1]);
        redux_npy_write(path, NULL, &all);
        snprintf(path, sizeof path, "%s/queries.npy", arguments[1]);
        redux_npy_write(path, NULL, &some);
        snprintf(path, sizeof path, "%s/found.npy", arguments[1]);
        write_found(path, &all, &some);
        free(codes);
        free(queries);
        return 0;
    }
    printf("%s\n", redux_cpu_tier());
    for (int64_t rows = 10000; rows <= (count == 2 ? strtoll(arguments[1], NULL, 10) : 1000000);
         rows *= 10) {
        table(rows, 8);
        table(rows, 32);
    }
    return 0;
}
