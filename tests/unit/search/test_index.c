/* SPDX-License-Identifier: MIT
 * Search indexes against a plain loop over all items: every method, width and radius, items that
 * were removed, saved, mapped; files that were altered. */
#include <math.h>
#include <pthread.h>
#include "support/counted.h"
#include "support/test_io.h"

/* ---- data and the oracle ---- */

static redux_tensor codes_of(uint8_t *codes, int64_t count, int64_t bytes)
{
    redux_tensor tensor;
    const int64_t shape[2] = {count, bytes};
    ck_assert_redux_ok(redux_tensor_borrow(&tensor, codes, REDUX_UINT8, 2, shape, NULL));
    return tensor;
}

static redux_tensor vectors_of(float *vectors, int64_t count, int64_t width)
{
    redux_tensor tensor;
    const int64_t shape[2] = {count, width};
    ck_assert_redux_ok(redux_tensor_borrow(&tensor, vectors, REDUX_FLOAT32, 2, shape, NULL));
    return tensor;
}

static uint32_t draw(uint64_t i, uint64_t stream)
{
    const redux_random_key key = {7, 0, 0, stream};
    return redux_random_u32(&key, (uint32_t)i);
}

/* Half of the codes at random, half within a few bits of an earlier one, so that every radius finds
 * something. */
static uint8_t *random_codes(int64_t count, int64_t bytes, uint64_t stream)
{
    uint8_t *codes = malloc((size_t)(count * bytes) + 1);
    for (int64_t i = 0; i < count * bytes; i++)
        codes[i] = (uint8_t)draw((uint64_t)i, stream);
    for (int64_t i = 1; i < count; i += 2) {
        memcpy(codes + i * bytes, codes + (draw((uint64_t)i, stream + 1) % (uint32_t)i) * bytes,
               (size_t)bytes);
        for (uint32_t flips = draw((uint64_t)i, stream + 2) % 12; flips > 0; flips--) {
            const uint32_t bit = draw((uint64_t)i * 16 + flips, stream + 3) % (uint32_t)(8 * bytes);
            codes[i * bytes + bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    return codes;
}

static int distance_of(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    int distance = 0;
    for (int64_t i = 0; i < bytes; i++)
        for (unsigned x = a[i] ^ b[i]; x != 0; x &= x - 1)
            distance++;
    return distance;
}

typedef struct found {
    int64_t query, id;
    double score;
} found;

typedef struct list {
    found *items;
    int64_t count, capacity, stop_at; /* cancels after so many, if not 0 */
} list;

static int push(int64_t query, int64_t id, double score, void *user)
{
    list *all = user;
    if (all->count == all->capacity) {
        all->capacity = all->capacity * 2 + 64;
        all->items = realloc(all->items, (size_t)all->capacity * sizeof(found));
    }
    all->items[all->count++] = (found){query, id, score};
    return all->stop_at != 0 && all->count == all->stop_at;
}

static int by_distance(const void *a, const void *b)
{
    const found *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_similarity(const void *a, const void *b)
{
    const found *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* All items, nearest first: what both searches must begin with. */
static list oracle(const uint8_t *codes, const int64_t *ids, const bool *gone, int64_t count,
                   int64_t bytes, const uint8_t *query, int64_t number)
{
    list all = {NULL, 0, 0, 0};
    for (int64_t i = 0; i < count; i++)
        if (gone == NULL || !gone[i])
            push(number, ids == NULL ? i : ids[i], distance_of(codes + i * bytes, query, bytes),
                 &all);
    if (all.count > 1)
        qsort(all.items, (size_t)all.count, sizeof(found), by_distance);
    return all;
}

typedef struct trial {
    const uint8_t *codes;
    const int64_t *ids;
    const bool *gone;
    int64_t count, bytes;
    const uint8_t *queries;
    int64_t query_count;
} trial;

static void check_within(const redux_index *index, redux_context *context, const trial *t,
                         double radius)
{
    list have = {NULL, 0, 0, 0};
    int64_t at = 0;
    const redux_tensor queries = codes_of((uint8_t *)t->queries, t->query_count, t->bytes);
    ck_assert_redux_ok(redux_index_within(context, index, &queries, radius, push, &have));
    for (int64_t q = 0; q < t->query_count; q++) {
        list want =
            oracle(t->codes, t->ids, t->gone, t->count, t->bytes, t->queries + q * t->bytes, q);
        for (int64_t i = 0; i < want.count && want.items[i].score <= radius; i++, at++) {
            ck_assert_msg(at < have.count, "radius %g: query %lld: too few", radius, (long long)q);
            ck_assert_int_eq(have.items[at].query, q);
            ck_assert_int_eq(have.items[at].id, want.items[i].id);
            ck_assert(have.items[at].score == want.items[i].score);
        }
        free(want.items);
    }
    ck_assert_int_eq(at, have.count);
    free(have.items);
}

static void check_nearest(const redux_index *index, redux_context *context, const trial *t,
                          int64_t k)
{
    int64_t *ids = malloc((size_t)(t->query_count * k + 1) * sizeof(int64_t));
    double *scores = malloc((size_t)(t->query_count * k + 1) * sizeof(double));
    const redux_tensor queries = codes_of((uint8_t *)t->queries, t->query_count, t->bytes);
    ck_assert_redux_ok(redux_index_nearest(ids, scores, context, index, &queries, k));
    for (int64_t q = 0; q < t->query_count; q++) {
        list want =
            oracle(t->codes, t->ids, t->gone, t->count, t->bytes, t->queries + q * t->bytes, q);
        for (int64_t i = 0; i < k; i++) {
            if (i >= want.count) {
                ck_assert_int_eq(ids[q * k + i], -1);
                ck_assert(isnan(scores[q * k + i]));
                continue;
            }
            ck_assert_int_eq(ids[q * k + i], want.items[i].id);
            ck_assert(scores[q * k + i] == want.items[i].score);
        }
        free(want.items);
    }
    free(ids);
    free(scores);
}

static redux_context *threads(int count)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.threads = count;
    options.flags = REDUX_CONTEXT_OWNS_BLAS;
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

static redux_index *filled(redux_context *context, const trial *t, redux_index_method method,
                           int32_t part_bits)
{
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    options.method = method;
    options.part_bits = part_bits;
    ck_assert_redux_ok(redux_index_new(&index, context, t->bytes, &options));
    const redux_tensor items = codes_of((uint8_t *)t->codes, t->count, t->bytes);
    ck_assert_redux_ok(redux_index_add(index, context, &items, t->ids));
    ck_assert_int_eq(redux_index_count(index), t->count);
    return index;
}

/* ---- Hamming ---- */

static const redux_index_method methods[] = {REDUX_INDEX_AUTO, REDUX_INDEX_SCAN, REDUX_INDEX_MULTI};

static void all_radii(const redux_index *index, redux_context *context, const trial *t)
{
    const int64_t bits = 8 * t->bytes;
    const double radii[] = {-1,
                            0,
                            1,
                            2.5,
                            3,
                            6,
                            11,
                            12,
                            17,
                            (double)bits / 2,
                            (double)bits - 1,
                            (double)bits,
                            (double)bits + 100};
    for (size_t r = 0; r < sizeof radii / sizeof radii[0]; r++)
        check_within(index, context, t, radii[r]);
    check_within(index, context, t, (double)INFINITY);
    for (int64_t k = 1; k <= 30; k = k * 3 + 1)
        check_nearest(index, context, t, k);
}

START_TEST(hamming_is_exact)
{
    const int64_t widths[] = {1, 3, 8, 9, 32, 72, 200, 250};
    const int64_t bytes = widths[_i / 3];
    uint8_t *codes = random_codes(700, bytes, 10), *queries = random_codes(9, bytes, 20);
    redux_context *context = threads(2);
    memcpy(queries, codes + 5 * bytes, (size_t)(4 * bytes)); /* some of the items themselves */
    const trial t = {codes, NULL, NULL, 700, bytes, queries, 9};
    redux_index *index = filled(context, &t, methods[_i % 3], 0);
    ck_assert_int_eq(redux_index_width(index), bytes);
    ck_assert_int_eq(redux_index_get_kind(index), REDUX_INDEX_HAMMING);
    /* Two times: with and without tables, where they are a matter of choice. */
    if (bytes <= 32 || methods[_i % 3] != REDUX_INDEX_MULTI) {
        all_radii(index, context, &t);
    } else { /* forced through all values of far radii, tables would take minutes */
        check_within(index, context, &t, 12);
        check_within(index, context, &t, 40);
    }
    ck_assert_redux_ok(redux_index_optimise(index, context));
    check_within(index, context, &t, 6);
    check_nearest(index, context, &t, 3);
    redux_index_free(index);
    redux_context_free(context);
    free(codes);
    free(queries);
}
END_TEST

/* Every size of a part, also those that do not divide the width. */
START_TEST(parts_of_any_size)
{
    uint8_t *codes = random_codes(300, 8, 30), *queries = random_codes(5, 8, 40);
    memcpy(queries, codes, 3 * 8);
    const trial t = {codes, NULL, NULL, 300, 8, queries, 5};
    for (int32_t bits = 4; bits <= 24; bits++) {
        redux_index *index = filled(NULL, &t, REDUX_INDEX_MULTI, bits);
        for (int radius = 0; radius <= 10; radius++)
            check_within(index, NULL, &t, radius);
        check_nearest(index, NULL, &t, 2);
        redux_index_free(index);
    }
    free(codes);
    free(queries);
}
END_TEST

/* Equal codes, and all codes at the corners: many ties, all in one bucket. */
START_TEST(adversarial_codes)
{
    enum { N = 600, BYTES = 8 };
    uint8_t *codes = calloc(N, BYTES), queries[3 * BYTES] = {0};
    memset(queries + BYTES, 0xff, BYTES);
    queries[2 * BYTES] = 1;
    for (int pass = 0; pass < 3; pass++) {
        if (pass == 1) /* two heaps, as far apart as can be */
            memset(codes + N / 2 * BYTES, 0xff, N / 2 * BYTES);
        if (pass == 2) /* every code one bit from zero */
            for (int i = 0; i < N; i++) {
                memset(codes + i * BYTES, 0, BYTES);
                codes[i * BYTES + i / 8 % BYTES] = (uint8_t)(1U << i % 8);
            }
        const trial t = {codes, NULL, NULL, N, BYTES, queries, 3};
        for (int m = 0; m < 3; m++) {
            redux_index *index = filled(NULL, &t, methods[m], 8);
            all_radii(index, NULL, &t);
            check_nearest(index, NULL, &t, N + 5);
            redux_index_free(index);
        }
    }
    free(codes);
}
END_TEST

START_TEST(an_empty_index)
{
    uint8_t code[8] = {0};
    float vector[4] = {1, 0, 0, 0};
    int64_t ids[2] = {5, 5};
    double scores[2] = {1, 1};
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    list have = {NULL, 0, 0, 0};
    for (int kind = 0; kind < 2; kind++) {
        redux_index *index;
        options.kind = (redux_index_kind)kind;
        options.method = REDUX_INDEX_MULTI;
        ck_assert_redux_ok(redux_index_new(&index, NULL, kind == 0 ? 8 : 4, &options));
        const redux_tensor query = kind == 0 ? codes_of(code, 1, 8) : vectors_of(vector, 1, 4);
        ck_assert_redux_ok(redux_index_optimise(index, NULL));
        ck_assert_redux_ok(redux_index_nearest(ids, scores, NULL, index, &query, 2));
        ck_assert(ids[0] == -1 && ids[1] == -1 && isnan(scores[0]) && isnan(scores[1]));
        ck_assert_redux_ok(
            redux_index_within(NULL, index, &query, kind == 0 ? 64 : -1, push, &have));
        ck_assert_int_eq(have.count, 0);
        redux_tensor none = query;
        none.shape[0] = 0;
        ck_assert_redux_ok(redux_index_add(index, NULL, &none, NULL));
        ck_assert_redux_ok(redux_index_nearest(ids, scores, NULL, index, &none, 2));
        ck_assert_redux_ok(redux_index_save(in_scratch("empty.rdx"), NULL, index));
        redux_index_free(index);
        ck_assert_redux_ok(redux_index_open(&index, NULL, in_scratch("empty.rdx"), kind));
        ck_assert_int_eq(redux_index_count(index), 0);
        ck_assert_redux_ok(redux_index_nearest(ids, scores, NULL, index, &query, 2));
        redux_index_free(index);
    }
}
END_TEST

/* Adding in pieces and removing, with ids ascending (0), descending (1) or mixed (2). */
START_TEST(adding_and_removing)
{
    enum { N = 4000, BYTES = 8 };
    uint8_t *codes = random_codes(N, BYTES, 50), *queries = random_codes(7, BYTES, 60);
    int64_t *ids = malloc(N * sizeof(int64_t)), *away = malloc(N * sizeof(int64_t)), removed;
    bool *gone = calloc(N, 1);
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    memcpy(queries, codes, 3 * BYTES);
    for (int64_t i = 0; i < N; i++)
        ids[i] = _i == 0 ? 3 * i : _i == 1 ? 9 * N - i : (i * 1597) % 4001 + (i % 7) * 100000;
    options.method = REDUX_INDEX_MULTI;
    ck_assert_redux_ok(redux_index_new(&index, NULL, BYTES, &options));
    int64_t count = 0;
    for (int64_t piece = 1; count < N; piece = piece * 2 + 1) {
        const int64_t now = piece < N - count ? piece : N - count;
        const redux_tensor items = codes_of(codes + count * BYTES, now, BYTES);
        ck_assert_redux_ok(redux_index_add(index, NULL, &items, ids + count));
        count += now;
        const trial t = {codes, ids, gone, count, BYTES, queries, 7};
        check_within(index, NULL, &t, 7); /* tables, and what they do not cover */
        check_nearest(index, NULL, &t, 4);
    }
    const trial t = {codes, ids, gone, N, BYTES, queries, 7};
    /* A few at a time, so that they are first marked and then make room. */
    for (int64_t pass = 0; pass < 8; pass++) {
        int64_t n = 0;
        for (int64_t i = pass; i < N; i += 13) {
            if (!gone[i])
                away[n++] = ids[i];
            gone[i] = true;
        }
        const int64_t fresh = n;
        away[n++] = 77777777; /* not there, not an id, there no more */
        away[n++] = -4;
        away[n] = away[0];
        ck_assert_redux_ok(redux_index_remove(&removed, index, NULL, away, n + 1));
        ck_assert_int_eq(removed, fresh);
        check_within(index, NULL, &t, 7);
        check_nearest(index, NULL, &t, 4);
    }
    /* They may come again, at any place. */
    for (int64_t i = 0; i < N; i++)
        if (gone[i] && i % 2 == 0) {
            const redux_tensor one = codes_of(codes + i * BYTES, 1, BYTES);
            ck_assert_redux_ok(redux_index_add(index, NULL, &one, ids + i));
            gone[i] = false;
            ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &one, ids + i));
        }
    check_within(index, NULL, &t, 7);
    ck_assert_redux_ok(redux_index_optimise(index, NULL));
    check_within(index, NULL, &t, 12);
    check_nearest(index, NULL, &t, 4);
    ck_assert_redux_ok(redux_index_remove(NULL, index, NULL, ids, N));
    ck_assert_int_eq(redux_index_count(index), 0);
    redux_index_free(index);
    free(codes);
    free(queries);
    free(ids);
    free(away);
    free(gone);
}
END_TEST

/* Numbers of its own go on after the largest that ever was. */
START_TEST(ids_of_its_own)
{
    uint8_t codes[4 * 8] = {0};
    const int64_t own[1] = {41}, last = 42;
    int64_t ids[4];
    double scores[4];
    redux_index *index;
    for (int i = 0; i < 4; i++)
        codes[i * 8] = (uint8_t)((1 << i) - 1); /* 0, 1, 2, 3 bits */
    redux_tensor two = codes_of(codes, 2, 8), one = codes_of(codes + 16, 1, 8),
                 fourth = codes_of(codes + 24, 1, 8), query = codes_of(codes, 1, 8);
    ck_assert_redux_ok(redux_index_new(&index, NULL, 8, NULL));
    ck_assert_redux_ok(redux_index_add(index, NULL, &two, NULL));
    ck_assert_redux_ok(redux_index_add(index, NULL, &one, own));
    ck_assert_redux_ok(redux_index_add(index, NULL, &fourth, NULL));
    ck_assert_redux_ok(redux_index_nearest(ids, scores, NULL, index, &query, 4));
    ck_assert(ids[0] == 0 && ids[1] == 1 && ids[2] == 41 && ids[3] == 42 && scores[3] == 3);
    ck_assert_redux_ok(redux_index_remove(NULL, index, NULL, &last, 1));
    ck_assert_redux_ok(redux_index_add(index, NULL, &fourth, NULL));
    ck_assert_redux_ok(redux_index_nearest(ids, scores, NULL, index, &query, 4));
    ck_assert_int_eq(ids[3], 43);
    redux_index_free(index);
}
END_TEST

START_TEST(wrong_arguments)
{
    uint8_t codes[3 * 8] = {0};
    float vectors[8] = {0};
    int64_t ids[3] = {1, 2, 1}, none[1];
    double scores[1];
    redux_index *index;
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    list have = {NULL, 0, 0, 0};
    redux_tensor items = codes_of(codes, 3, 8), narrow = codes_of(codes, 3, 7);
    redux_tensor floats = vectors_of(vectors, 1, 8);
    ck_assert_redux(REDUX_E_INVALID, redux_index_new(NULL, NULL, 8, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_index_new(&index, NULL, 0, NULL));
    options.kind = (redux_index_kind)2;
    ck_assert_redux(REDUX_E_INVALID, redux_index_new(&index, NULL, 8, &options));
    options = (redux_index_options)REDUX_INDEX_OPTIONS_INIT;
    options.method = (redux_index_method)3;
    ck_assert_redux(REDUX_E_INVALID, redux_index_new(&index, NULL, 8, &options));
    options = (redux_index_options)REDUX_INDEX_OPTIONS_INIT;
    options.part_bits = 25;
    ck_assert_redux(REDUX_E_INVALID, redux_index_new(&index, NULL, 8, &options));
    ck_assert_redux_ok(redux_index_new(&index, NULL, 8, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &narrow, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &floats, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &items, ids)); /* 1 twice */
    ids[2] = -1;
    ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &items, ids));
    ck_assert_int_eq(redux_index_count(index), 0);
    ck_assert_redux_ok(redux_index_add(index, NULL, &items, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_index_nearest(none, scores, NULL, index, &narrow, 1));
    ck_assert_redux(REDUX_E_INVALID, redux_index_nearest(none, scores, NULL, index, &items, 0));
    ck_assert_redux(REDUX_E_INVALID,
                    redux_index_within(NULL, index, &items, (double)NAN, push, &have));
    have.stop_at = 2;
    ck_assert_redux(REDUX_E_CANCELLED, redux_index_within(NULL, index, &items, 3, push, &have));
    ck_assert_int_eq(have.count, 2);
    redux_index_free(index);
    redux_index_free(NULL);
    free(have.items);
}
END_TEST

/* ---- cosine ---- */

static float *random_vectors(int64_t count, int64_t width, uint64_t stream)
{
    const redux_random_key key = {11, 0, 0, stream};
    float *vectors = malloc((size_t)(count * width) * sizeof(float) + 1);
    for (int64_t i = 0; i < count * width; i++)
        vectors[i] = (float)redux_random_normal(&key, (uint32_t)i);
    for (int64_t i = 1; i < count; i += 2) { /* every other one is like the one before */
        const float *before = vectors + (i - 1) * width;
        for (int64_t j = 0; j < width; j++)
            vectors[i * width + j] = before[j] + 0.1F * vectors[i * width + j];
    }
    return vectors;
}

static list cosine_oracle(const float *vectors, int64_t count, int64_t width, const float *query,
                          int64_t number)
{
    list all = {NULL, 0, 0, 0};
    for (int64_t i = 0; i < count; i++) {
        long double ab = 0, aa = 0, bb = 0;
        for (int64_t j = 0; j < width; j++) {
            ab += (long double)vectors[i * width + j] * query[j];
            aa += (long double)vectors[i * width + j] * vectors[i * width + j];
            bb += (long double)query[j] * query[j];
        }
        push(number, i, aa == 0 || bb == 0 ? 0 : (double)(ab / sqrtl(aa) / sqrtl(bb)), &all);
    }
    qsort(all.items, (size_t)all.count, sizeof(found), by_similarity);
    return all;
}

START_TEST(cosine_is_exact)
{
    enum { N = 1500, WIDTH = 33, QUERIES = 70, K = 5 };
    float *vectors = random_vectors(N, WIDTH, 1), *queries = random_vectors(QUERIES, WIDTH, 9);
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_context *context = threads(1 + _i);
    redux_index *index;
    int64_t ids[QUERIES * K], at = 0;
    double scores[QUERIES * K];
    list have = {NULL, 0, 0, 0};
    memcpy(queries, vectors, 20 * WIDTH * sizeof(float));
    memset(queries + 20 * WIDTH, 0, WIDTH * sizeof(float)); /* like nothing */
    options.kind = REDUX_INDEX_COSINE;
    ck_assert_redux_ok(redux_index_new(&index, context, WIDTH, &options));
    const redux_tensor items = vectors_of(vectors, N, WIDTH),
                       asked = vectors_of(queries, QUERIES, WIDTH);
    ck_assert_redux_ok(redux_index_add(index, context, &items, NULL));
    ck_assert_redux_ok(redux_index_nearest(ids, scores, context, index, &asked, K));
    ck_assert_redux_ok(redux_index_within(context, index, &asked, 0.9, push, &have));
    for (int64_t q = 0; q < QUERIES; q++) {
        list want = cosine_oracle(vectors, N, WIDTH, queries + q * WIDTH, q);
        for (int64_t i = 0; i < K; i++) {
            ck_assert_int_eq(ids[q * K + i], want.items[i].id);
            ck_assert_double_eq_tol(scores[q * K + i], want.items[i].score, 1e-6);
        }
        for (int64_t i = 0; i < want.count && want.items[i].score >= 0.9; i++, at++) {
            ck_assert(at < have.count);
            ck_assert_int_eq(have.items[at].query, q);
            ck_assert_int_eq(have.items[at].id, want.items[i].id);
        }
        free(want.items);
    }
    ck_assert_int_eq(at, have.count);
    ck_assert_int_gt(at, 20);
    /* The scores are those of the metric, to the bit. */
    redux_metric *metric;
    int64_t rows[QUERIES * K];
    double same[QUERIES * K];
    ck_assert_redux_ok(redux_metric_new_cosine(&metric, context));
    ck_assert_redux_ok(redux_metric_nearest(rows, same, context, metric, &asked, &items, K));
    ck_assert_mem_eq(same, scores, sizeof same);
    ck_assert_mem_eq(rows, ids, sizeof rows);
    redux_metric_free(metric);
    redux_index_free(index);
    redux_context_free(context);
    free(have.items);
    free(vectors);
    free(queries);
}
END_TEST

/* The same bits for any number of threads, and for queries one by one. */
START_TEST(threads_do_not_matter)
{
    enum { N = 30000, BYTES = 32, QUERIES = 100, K = 10 };
    uint8_t *codes = random_codes(N, BYTES, 70), *queries = random_codes(QUERIES, BYTES, 80);
    static int64_t ids[2][QUERIES * K];
    static double scores[2][QUERIES * K];
    const trial t = {codes, NULL, NULL, N, BYTES, queries, QUERIES};
    memcpy(queries, codes, QUERIES / 2 * BYTES);
    for (int m = 0; m < 3; m++) {
        redux_context *context = threads(3);
        redux_index *index = filled(context, &t, methods[m], 0);
        const redux_tensor all = codes_of(queries, QUERIES, BYTES);
        list have[2] = {{NULL, 0, 0, 0}, {NULL, 0, 0, 0}};
        const int64_t k = methods[m] == REDUX_INDEX_MULTI ? 1 : K; /* not through all values */
        const int64_t near = methods[m] == REDUX_INDEX_MULTI ? QUERIES / 2 : QUERIES;
        redux_tensor some = all;
        some.shape[0] = near;
        ck_assert_redux_ok(redux_index_nearest(ids[0], scores[0], context, index, &some, k));
        ck_assert_redux_ok(redux_index_within(context, index, &all, 31, push, &have[0]));
        ck_assert_int_gt(have[0].count, QUERIES / 2 - 1);
        for (int64_t q = 0; q < QUERIES; q++) {
            const redux_tensor one = codes_of(queries + q * BYTES, 1, BYTES);
            if (q < near)
                ck_assert_redux_ok(
                    redux_index_nearest(ids[1] + q * k, scores[1] + q * k, NULL, index, &one, k));
            const int64_t start = have[1].count;
            ck_assert_redux_ok(redux_index_within(NULL, index, &one, 31, push, &have[1]));
            for (int64_t i = start; i < have[1].count; i++)
                have[1].items[i].query = q;
        }
        ck_assert_mem_eq(ids[0], ids[1], (size_t)(near * k) * sizeof(int64_t));
        ck_assert_mem_eq(scores[0], scores[1], (size_t)(near * k) * sizeof(double));
        ck_assert_int_eq(have[0].count, have[1].count);
        ck_assert_mem_eq(have[0].items, have[1].items, (size_t)have[0].count * sizeof(found));
        free(have[0].items);
        free(have[1].items);
        redux_index_free(index);
        redux_context_free(context);
    }
    free(codes);
    free(queries);
}
END_TEST

/* Two threads search one index that has no tables yet, each with a context of its own. */
typedef struct reader {
    const redux_index *index;
    const trial *t;
    bool right;
} reader;

static void *read_index(void *user)
{
    reader *r = user;
    int64_t ids[64];
    double scores[64];
    redux_context *context = threads(2);
    const redux_tensor queries = codes_of((uint8_t *)r->t->queries, 64, r->t->bytes);
    r->right = true;
    for (int round = 0; round < 5; round++) {
        ck_assert_redux_ok(redux_index_nearest(ids, scores, context, r->index, &queries, 1));
        for (int q = 0; q < 64; q++)
            r->right = r->right && ids[q] <= q && scores[q] == 0; /* the item itself, or its twin */
    }
    redux_context_free(context);
    return NULL;
}

START_TEST(searched_by_two)
{
    uint8_t *codes = random_codes(5000, 8, 99);
    const trial t = {codes, NULL, NULL, 5000, 8, codes, 64};
    redux_index *index = filled(NULL, &t, methods[_i], 0);
    reader readers[2] = {{index, &t, false}, {index, &t, false}};
    pthread_t ids[2];
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&ids[i], NULL, read_index, &readers[i]), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
    ck_assert(readers[0].right && readers[1].right);
    redux_index_free(index);
    free(codes);
}
END_TEST

/* ---- files ---- */

START_TEST(saved_and_opened)
{
    enum { N = 900, BYTES = 9 };
    uint8_t *codes = random_codes(N, BYTES, 90), *queries = random_codes(6, BYTES, 91);
    const char *path = in_scratch("codes.rdx");
    int64_t ids[N], away[40], removed;
    bool gone[N] = {false};
    memcpy(queries, codes, 3 * BYTES);
    for (int64_t i = 0; i < N; i++)
        ids[i] = (i * 7) % N;
    const trial t = {codes, ids, gone, N, BYTES, queries, 6};
    /* With tables, without, with holes. */
    for (int way = 0; way < 3; way++) {
        redux_index *index = filled(NULL, &t, way == 0 ? REDUX_INDEX_MULTI : REDUX_INDEX_SCAN, 0);
        ck_assert_redux_ok(redux_index_optimise(index, NULL));
        for (int64_t i = 0; i < 40 && way == 2; i++) {
            away[i] = ids[3 * i];
            gone[3 * i] = true;
        }
        if (way == 2)
            ck_assert_redux_ok(redux_index_remove(&removed, index, NULL, away, 40));
        ck_assert_redux_ok(redux_index_save(path, NULL, index));
        redux_index_free(index);
        for (int writable = 0; writable < 2; writable++) {
            ck_assert_redux_ok(redux_index_open(&index, NULL, path, writable));
            ck_assert_int_eq(redux_index_count(index), way == 2 ? N - 40 : N);
            ck_assert_int_eq(redux_index_width(index), BYTES);
            check_within(index, NULL, &t, 9);
            check_within(index, NULL, &t, 72);
            check_nearest(index, NULL, &t, 3);
            const redux_tensor one = codes_of(codes, 1, BYTES);
            const int64_t fresh = 100000, there = ids[1];
            if (writable == 0) {
                ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &one, &fresh));
                ck_assert_ptr_nonnull(strstr(redux_error_message(), "read-only"));
                ck_assert_redux(REDUX_E_INVALID, redux_index_remove(NULL, index, NULL, &fresh, 1));
            } else {
                ck_assert_redux(REDUX_E_INVALID, redux_index_add(index, NULL, &one, &there));
                ck_assert_redux_ok(redux_index_add(index, NULL, &one, &fresh));
                ck_assert_redux_ok(redux_index_remove(&removed, index, NULL, &fresh, 1));
                ck_assert_int_eq(removed, 1);
                check_within(index, NULL, &t, 9);
            }
            /* Saving over the file that is mapped replaces it. */
            ck_assert_redux_ok(redux_index_save(path, NULL, index));
            check_nearest(index, NULL, &t, 3);
            redux_index_free(index);
        }
    }
    free(codes);
    free(queries);
}
END_TEST

START_TEST(saved_vectors)
{
    enum { N = 100, WIDTH = 10, K = 4 };
    float *vectors = random_vectors(N, WIDTH, 3);
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    int64_t ids[2][K * N];
    double scores[2][K * N];
    const redux_tensor items = vectors_of(vectors, N, WIDTH);
    options.kind = REDUX_INDEX_COSINE;
    ck_assert_redux_ok(redux_index_new(&index, NULL, WIDTH, &options));
    ck_assert_redux_ok(redux_index_add(index, NULL, &items, NULL));
    ck_assert_redux_ok(redux_index_nearest(ids[0], scores[0], NULL, index, &items, K));
    ck_assert_redux_ok(redux_index_save(in_scratch("vectors.rdx"), NULL, index));
    redux_index_free(index);
    for (int writable = 0; writable < 2; writable++) {
        ck_assert_redux_ok(redux_index_open(&index, NULL, in_scratch("vectors.rdx"), writable));
        ck_assert_int_eq(redux_index_get_kind(index), REDUX_INDEX_COSINE);
        ck_assert_redux_ok(redux_index_nearest(ids[1], scores[1], NULL, index, &items, K));
        ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
        ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
        redux_index_free(index);
    }
    free(vectors);
}
END_TEST

/* Any byte that is changed and any length that is cut is told; padding between sections is not
 * covered by a sum, and does no harm. */
START_TEST(altered_files)
{
    enum { N = 40, BYTES = 4 };
    uint8_t *codes = random_codes(N, BYTES, 95);
    const trial t = {codes, NULL, NULL, N, BYTES, codes, 4};
    redux_index *index = filled(NULL, &t, REDUX_INDEX_MULTI, 4);
    const char *path = in_scratch("good.rdx"), *bad = in_scratch("bad.rdx");
    size_t size, harmless = 0;
    ck_assert_redux_ok(redux_index_optimise(index, NULL));
    ck_assert_redux_ok(redux_index_save(path, NULL, index));
    redux_index_free(index);
    unsigned char *bytes = read_bytes(path, &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        write_bytes(bad, bytes, size);
        bytes[i] ^= 0x10;
        const redux_status status = redux_index_open(&index, NULL, bad, (int)(i % 2));
        if (status == REDUX_OK) {
            harmless++;
            check_within(index, NULL, &t, 5);
            redux_index_free(index);
        } else {
            ck_assert_msg(status == REDUX_E_FORMAT, "byte %zu: %s", i, redux_status_string(status));
        }
    }
    ck_assert_uint_lt(harmless, 2 * 64);
    for (size_t cut = 0; cut < size; cut += 3) {
        write_bytes(bad, bytes, cut);
        ck_assert_redux(REDUX_E_FORMAT, redux_index_open(&index, NULL, bad, (int)(cut % 2)));
    }
    unsigned char *longer = calloc(size + 8, 1);
    memcpy(longer, bytes, size);
    write_bytes(bad, longer, size + 8);
    ck_assert_redux(REDUX_E_FORMAT, redux_index_open(&index, NULL, bad, 0));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_index_open(&index, NULL, in_scratch("none"), 0));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_index_open(&index, NULL, in_scratch("none"), 1));
    free(longer);
    free(bytes);
    free(codes);
}
END_TEST

/* ---- memory ---- */

static redux_status a_life(redux_context *context, const char *path, uint8_t *codes)
{
    const redux_tensor items = codes_of(codes, 50, 8);
    redux_index_options options = REDUX_INDEX_OPTIONS_INIT;
    redux_index *index;
    int64_t ids[50 * 3], mine[50];
    double scores[50 * 3];
    list have = {NULL, 0, 0, 0};
    options.method = REDUX_INDEX_MULTI;
    for (int64_t i = 0; i < 50; i++)
        mine[i] = (i * 3) % 50;
    redux_status status = redux_index_new(&index, context, 8, &options);
    if (status != REDUX_OK)
        return status;
    status = redux_index_add(index, context, &items, mine);
    if (status == REDUX_OK)
        status = redux_index_nearest(ids, scores, context, index, &items, 3);
    if (status == REDUX_OK)
        status = redux_index_within(context, index, &items, 5, push, &have);
    if (status == REDUX_OK)
        status = redux_index_remove(NULL, index, context, mine, 20);
    if (status == REDUX_OK)
        status = redux_index_optimise(index, context);
    if (status == REDUX_OK)
        status = redux_index_save(path, context, index);
    redux_index_free(index);
    free(have.items);
    for (int writable = 0; writable < 2 && status == REDUX_OK; writable++) {
        status = redux_index_open(&index, context, path, writable);
        if (status == REDUX_OK)
            redux_index_free(index);
    }
    return status;
}

START_TEST(memory_that_runs_out)
{
    uint8_t *codes = random_codes(50, 8, 97);
    redux_status status = REDUX_E_NO_MEMORY;
    int at = 0;
    for (; status != REDUX_OK; at++) {
        counter c;
        redux_context *context = counted_context(&c, 0);
        counted_fail(&c, at);
        status = a_life(context, in_scratch("life.rdx"), codes);
        ck_assert(status == REDUX_OK || status == REDUX_E_NO_MEMORY);
        redux_context_free(context);
        ck_assert_int_eq(c.live, 0);
        ck_assert_int_lt(at, 1000);
    }
    ck_assert_int_gt(at, 20);
    free(codes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index");
    TCase *hamming = tcase_create("hamming"), *cosine = tcase_create("cosine");
    TCase *files = tcase_create("files"), *slow = slow_tests(suite, 60);
    tcase_set_timeout(hamming, 60);
    tcase_set_timeout(cosine, 30);
    tcase_set_timeout(files, 60);
    tcase_add_loop_test(hamming, hamming_is_exact, 0, 4);
    tcase_add_loop_test(slow, hamming_is_exact, 4, 24);
    tcase_add_test(hamming, parts_of_any_size);
    tcase_add_test(hamming, adversarial_codes);
    tcase_add_test(hamming, an_empty_index);
    tcase_add_loop_test(hamming, adding_and_removing, 0, 3);
    tcase_add_test(hamming, ids_of_its_own);
    tcase_add_test(hamming, wrong_arguments);
    tcase_add_test(hamming, threads_do_not_matter);
    tcase_add_loop_test(hamming, searched_by_two, 0, 3);
    tcase_add_loop_test(cosine, cosine_is_exact, 0, 3);
    tcase_add_test(files, saved_and_opened);
    tcase_add_test(files, saved_vectors);
    tcase_add_test(files, altered_files);
    tcase_add_test(files, memory_that_runs_out);
    suite_add_tcase(suite, hamming);
    suite_add_tcase(suite, cosine);
    suite_add_tcase(suite, files);
    scratch_make();
    const int code = run_suite(suite);
    scratch_remove();
    return code;
}
