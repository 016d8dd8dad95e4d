/* SPDX-License-Identifier: MIT
 * Reduction: every strategy against a plain re-implementation over redux_metric_pair, both scopes
 * and orders; budgets against trying every threshold; manifests; failures. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include "support/plain.h"
#include "select/select.h"

START_TEST(greedy_is_the_papers_rule)
{
    static plain p;
    redux_dataset *dataset = open_volumes();
    int64_t witness[MOST] = {0};
    for (int s = 0; s < 4; s++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            plain_scores(&p, dataset, metrics[s], scope);
            for (redux_order order = REDUX_ORDER_ANATOMICAL; order <= REDUX_ORDER_LEXICOGRAPHIC;
                 order++) {
                plain_order(&p, dataset, scope, order);
                for (int t = 0; t < 3; t++) {
                    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
                    options.strategy = metrics[s];
                    options.scope = scope;
                    options.order = order;
                    options.size = SIDE;
                    options.threshold = thresholds[s][t];
                    plain_greedy(&p, options.threshold, witness);
                    redux_reduction *reduction = run(dataset, &options, 1 + t % 2);
                    check_rows(reduction, &p, witness);
                    redux_reduction_free(reduction);
                }
            }
        }
    redux_dataset_free(dataset);
}
END_TEST

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* A slice is held against the kept ones before it, up to its witness. */
START_TEST(pairs_are_counted)
{
    static const redux_strategy strategies[] = {REDUX_STRATEGY_SSIM, REDUX_STRATEGY_MI,
                                                REDUX_STRATEGY_MS_SSIM, REDUX_STRATEGY_HASH};
    redux_dataset *dataset = open_volumes();
    for (int s = 0; s < 4; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduce_summary summary = {.struct_size = sizeof summary};
        int64_t pairs = 0, kept = 0, rank[MOST];
        options.strategy = strategies[s];
        options.scope = REDUX_SCOPE_DATASET;
        options.size = 128; /* so many pixels have parts */
        options.threshold = s == 3 ? 6 : 0.7;
        redux_reduction *reduction = run(dataset, &options, 1 + s % 2);
        ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
        for (int64_t i = 0; i < redux_reduction_row_count(reduction); i++) {
            redux_row row;
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            rank[i] = kept;
            pairs += row.kept ? kept : rank[row.witness] + 1;
            kept += row.kept;
        }
        redux_reduction_free(reduction);
        if (s == 3) {
            ck_assert(summary.pairs_compared == 0 && summary.pairs_skipped == 0);
            continue;
        }
        ck_assert_int_eq(summary.pairs_compared + summary.pairs_skipped, pairs);
        ck_assert_int_lt(0, summary.pairs_skipped);
        ck_assert_int_le(summary.slices - summary.kept, summary.pairs_compared);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* The strictest of all thresholds that could matter, tried one after the other. */
static double plain_budget(const plain *p, int64_t budget)
{
    static double candidates[MOST * MOST];
    int64_t count = 0, witness[MOST] = {0};
    if (p->n <= budget)
        return (double)NAN;
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t j = 0; j < i; j++)
            candidates[count++] = p->distance ? -p->score[i][j] : p->score[i][j];
    qsort(candidates, (size_t)count, sizeof *candidates, descending);
    for (int64_t c = 0; c < count; c++) {
        const double t = p->distance ? -candidates[c] : candidates[c];
        if (plain_greedy(p, t, witness) <= budget)
            return t;
    }
    ck_abort_msg("no threshold keeps %lld", (long long)budget);
    return 0;
}

/* After the refill: what was kept stays, and what came back are the weakest, earliest first. */
static void check_refill(const redux_reduction *reduction, const plain *p, const int64_t *witness,
                         int64_t budget)
{
    int64_t kept = 0, position[MOST] = {0};
    redux_row rows[MOST];
    for (int64_t a = 0; a < p->n; a++) {
        position[p->order[a]] = a;
        ck_assert_redux_ok(redux_reduction_get_row(&rows[a], reduction, a));
        kept += rows[a].kept;
    }
    ck_assert_int_eq(kept, budget < p->n ? budget : p->n);
    for (int64_t i = 0; i < p->n; i++) {
        ck_assert(rows[i].kept || (witness[i] >= 0 && rows[i].witness == witness[i]));
        if (rows[i].kept || witness[i] < 0)
            continue;
        for (int64_t j = 0; j < p->n; j++) { /* i stayed away: whoever came back was weaker */
            if (!rows[j].kept || witness[j] < 0)
                continue;
            const double si = p->score[witness[i]][i], sj = p->score[witness[j]][j];
            const double weaker = p->distance ? sj - si : si - sj;
            ck_assert(weaker > 0 || (weaker == 0 && position[j] < position[i]));
        }
    }
}

START_TEST(budgets_are_exact)
{
    static plain p;
    redux_dataset *dataset = open_volumes();
    int64_t witness[MOST] = {0};
    for (int s = 0; s < 4; s++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            plain_scores(&p, dataset, metrics[s], scope);
            plain_order(&p, dataset, scope, REDUX_ORDER_LEXICOGRAPHIC);
            for (int64_t budget = scope == REDUX_SCOPE_VOLUME ? 3 : 1; budget <= 39; budget += 4) {
                redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
                redux_reduce_summary summary = {.struct_size = sizeof summary};
                options.strategy = metrics[s];
                options.scope = scope;
                options.order = REDUX_ORDER_LEXICOGRAPHIC;
                options.keep_count = budget;
                options.size = SIDE;
                redux_reduction *reduction = run(dataset, &options, 1 + (int)budget % 2);
                ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
                const double threshold = plain_budget(&p, budget);
                if (isnan(threshold)) {
                    ck_assert(isnan(summary.threshold) && summary.kept == p.n);
                } else {
                    ck_assert_double_eq(summary.threshold, threshold);
                    const int64_t kept = plain_greedy(&p, threshold, witness);
                    ck_assert_int_eq(summary.refilled, budget - kept);
                    check_refill(reduction, &p, witness, budget);
                }
                redux_reduction_free(reduction);
            }
        }
    redux_dataset_free(dataset);
}
END_TEST

/* The sweep on scores made of coarse random numbers: ties, and counts that rise again. */
START_TEST(sweep_is_every_threshold)
{
    enum { N = 40 };
    static plain p;
    int64_t rises = 0, witness[MOST] = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        const redux_random_key key = {.seed = seed};
        double keys[N * (N - 1) / 2];
        rdx_step *steps = NULL;
        int64_t count = 0, capacity = 0, kept = N;
        memset(&p, 0, sizeof p);
        p.n = N;
        for (int64_t j = 0; j < N; j++) {
            p.order[j] = j;
            for (int64_t i = 0; i < j; i++) {
                const uint32_t at = (uint32_t)(j * (j - 1) / 2 + i);
                keys[at] = (double)redux_random_below(&key, at, seed % 2 == 0 ? 25 : 100000);
                p.score[i][j] = p.score[j][i] = keys[at];
            }
        }
        ck_assert_redux_ok(rdx_sweep(NULL, keys, N, &steps, &count, &capacity));
        ck_assert_int_gt(count, 0);
        for (int64_t s = 0; s < count; s++) {
            if (s > 0) {
                ck_assert_double_lt(steps[s].key, steps[s - 1].key);
                ck_assert_int_eq(plain_greedy(&p, nextafter(steps[s].key, 1e9), witness), kept);
            }
            kept += steps[s].change;
            rises += steps[s].change > 0;
            ck_assert_int_eq(plain_greedy(&p, steps[s].key, witness), kept);
        }
        ck_assert_int_eq(kept, 1);
        rdx_free(steps);
    }
    ck_assert_int_gt(rises, 0); /* else the test is too easy */
}
END_TEST

/* More than 4,096 slices: hash tries every distance, the others bisect. */
START_TEST(budgets_of_many)
{
    enum { N = 4500, D = 6, BUDGET = N / 20 };
    const int64_t shape[] = {N, 8, 9}, wide[] = {N, D};
    redux_tensor arrays, vectors;
    redux_dataset *dataset;
    const char *path = in_scratch("many/a.npy");
    ck_assert_int_eq(mkdir(in_scratch("many"), 0777), 0);
    ck_assert_redux_ok(redux_tensor_new(&arrays, NULL, REDUX_UINT8, 3, shape));
    for (int64_t i = 0; i < (int64_t)N * 72; i++) {
        const redux_random_key key = {.sample = (uint64_t)(i / 72 / 3)};
        const redux_random_key noise = {.seed = 1, .sample = (uint64_t)(i / 72)};
        ((uint8_t *)arrays.data)[i] = (uint8_t)(redux_random_below(&key, (uint32_t)(i % 72), 200) +
                                                redux_random_below(&noise, (uint32_t)(i % 72), 12));
    }
    ck_assert_redux_ok(redux_npy_write(path, NULL, &arrays));
    redux_tensor_release(&arrays);
    ck_assert_redux_ok(redux_tensor_new(&vectors, NULL, REDUX_FLOAT32, 2, wide));
    for (int64_t i = 0; i < (int64_t)N * D; i++) {
        const redux_random_key key = {.seed = 2, .sample = (uint64_t)i};
        ((float *)vectors.data)[i] = (float)redux_random_normal(&key, 0);
    }
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    for (int cosine = 0; cosine < 2; cosine++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduce_summary summary = {.struct_size = sizeof summary};
        options.strategy = cosine ? REDUX_STRATEGY_COSINE : REDUX_STRATEGY_HASH;
        options.embeddings = cosine ? &vectors : NULL;
        options.keep_percent = 5;
        redux_reduction *reduction = run(dataset, &options, 2);
        ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
        ck_assert_int_eq(summary.kept, BUDGET);
        ck_assert_int_eq(summary.budget, BUDGET);
        ck_assert_int_eq(summary.threshold_is_exact, !cosine);
        redux_reduction_free(reduction);
        for (int stricter = 0; stricter < 2; stricter++) { /* at most N here, more just above */
            redux_reduce_summary other = {.struct_size = sizeof other};
            options.keep_percent = (double)NAN;
            options.threshold = summary.threshold;
            if (stricter)
                options.threshold += cosine ? 1e-6 : -1;
            reduction = run(dataset, &options, 2);
            ck_assert_redux_ok(redux_reduction_get_summary(&other, reduction));
            ck_assert_int_eq(other.kept > BUDGET, stricter);
            redux_reduction_free(reduction);
        }
    }
    redux_tensor_release(&vectors);
    redux_dataset_free(dataset);
}
END_TEST

static void check_every_n(const redux_dataset *dataset, redux_scope scope, int64_t n,
                          int64_t budget)
{
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    options.strategy = REDUX_STRATEGY_EVERY_N;
    options.scope = scope;
    if (budget > 0)
        options.keep_count = budget;
    else
        options.threshold = (double)n;
    redux_reduction *reduction = run(dataset, &options, 1);
    ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
    if (budget > 0)
        ck_assert_int_eq(summary.kept, budget);
    n = (int64_t)summary.threshold;
    redux_row rows[MOST];
    const int64_t count = redux_reduction_row_count(reduction);
    for (int64_t i = 0; i < count; i++)
        ck_assert_redux_ok(redux_reduction_get_row(&rows[i], reduction, i));
    for (int64_t i = 0; i < count; i++) {
        const int64_t place = scope == REDUX_SCOPE_VOLUME ? rows[i].slice : i;
        ck_assert(rows[i].kept || place % n != 0);
        ck_assert(budget > 0 || rows[i].kept == (place % n == 0));
        if (rows[i].kept)
            continue;
        int64_t nearest = -1;
        for (int64_t j = 0; j < count; j++)
            if (rows[j].kept &&
                (scope == REDUX_SCOPE_DATASET || rows[j].volume == rows[i].volume) &&
                (nearest < 0 || llabs(j - i) < llabs(nearest - i)))
                nearest = j;
        ck_assert_int_eq(rows[i].witness, nearest);
        ck_assert_double_eq(rows[i].score, (double)llabs(nearest - i));
    }
    redux_reduction_free(reduction);
}

START_TEST(every_n)
{
    redux_dataset *dataset = open_volumes();
    for (int64_t n = 1; n <= 40; n += 3) {
        check_every_n(dataset, REDUX_SCOPE_VOLUME, n, 0);
        check_every_n(dataset, REDUX_SCOPE_DATASET, n, 0);
    }
    for (int64_t budget = 3; budget <= 38; budget++) {
        check_every_n(dataset, REDUX_SCOPE_VOLUME, 0, budget);
        check_every_n(dataset, REDUX_SCOPE_DATASET, 0, budget);
    }
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(entropy)
{
    redux_dataset *dataset = open_volumes();
    double bits[MOST];
    for (int64_t i = 0; i < 38; i++) {
        redux_tensor image;
        slice_image(&image, dataset, i, 0);
        ck_assert_redux_ok(redux_entropy(&bits[i], NULL, &image, NULL));
        redux_tensor_release(&image);
    }
    for (int64_t budget = 0; budget <= 38; budget += 7) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_reduce_summary summary = {.struct_size = sizeof summary};
        options.strategy = REDUX_STRATEGY_ENTROPY;
        options.scope = REDUX_SCOPE_DATASET;
        options.keep_count = budget;
        if (budget == 0)
            options.threshold = bits[17];
        redux_reduction *reduction = run(dataset, &options, 2);
        ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
        ck_assert(budget == 0 || summary.kept == budget);
        for (int64_t i = 0; i < 38; i++) {
            redux_row row;
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            ck_assert_int_eq(row.kept, !(bits[i] < summary.threshold));
            ck_assert_int_eq(row.witness, -1);
            ck_assert(row.kept ? isnan(row.score) : row.score == bits[i]);
        }
        redux_reduction_free(reduction);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* Embeddings of the caller's: every float dtype, and a count that does not match. */
START_TEST(embeddings)
{
    const redux_dtype dtypes[] = {REDUX_FLOAT16, REDUX_BFLOAT16, REDUX_FLOAT32, REDUX_FLOAT64};
    const int64_t shape[] = {38, 5}, wrong_shape[] = {37, 5};
    redux_dataset *dataset = open_volumes();
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    redux_reduction *reduction = NULL;
    options.strategy = REDUX_STRATEGY_COSINE;
    options.scope = REDUX_SCOPE_DATASET;
    options.threshold = 0.99;
    for (int d = 0; d < 4; d++) {
        redux_tensor vectors, wide;
        redux_row row;
        ck_assert_redux_ok(redux_tensor_new(&wide, NULL, REDUX_FLOAT64, 2, shape));
        for (int64_t i = 0; i < 38; i++) /* three directions in turn, of any length */
            ((double *)wide.data)[i * 5 + i % 3] = (double)(1 + i);
        ck_assert_redux_ok(redux_tensor_contiguous(&vectors, NULL, &wide, dtypes[d]));
        options.embeddings = &vectors;
        reduction = run(dataset, &options, 2);
        for (int64_t i = 0; i < 38; i++) {
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            ck_assert_int_eq(row.witness, i < 3 ? -1 : i % 3);
        }
        redux_reduction_free(reduction);
        redux_tensor_release(&vectors);
        redux_tensor_release(&wide);
    }
    redux_tensor wrong;
    reduction = NULL;
    ck_assert_redux_ok(redux_tensor_new(&wrong, NULL, REDUX_FLOAT32, 2, wrong_shape));
    options.embeddings = &wrong;
    ck_assert_redux(REDUX_E_INVALID, redux_reduce(&reduction, NULL, dataset, &options));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "37 x 5"));
    ck_assert_ptr_null(reduction);
    redux_tensor_release(&wrong);
    redux_dataset_free(dataset);
}
END_TEST

START_TEST(options_that_make_no_sense)
{
    redux_reduce_options o = REDUX_REDUCE_OPTIONS_INIT;
    const redux_reduce_options good = o;
    redux_dataset *dataset = open_volumes();
    redux_reduction *reduction = NULL;
    redux_tensor none = REDUX_TENSOR_INIT;
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        o = good;                                                                                  \
        change;                                                                                    \
        ck_assert_redux(REDUX_E_INVALID, redux_reduce_check(&o));                                  \
    } while (0)
    ck_assert_redux_ok(redux_reduce_check(&o));
    ck_assert_redux_ok(redux_reduce_check(NULL));
    REFUSED(o.threshold = 6.5);
    REFUSED(o.threshold = 65);
    REFUSED(o.threshold = -1);
    REFUSED(o.strategy = (redux_strategy)99);
    REFUSED(o.strategy = REDUX_STRATEGY_ALL; o.threshold = 1);
    REFUSED(o.strategy = REDUX_STRATEGY_ALL; o.keep_count = 3);
    REFUSED(o.strategy = REDUX_STRATEGY_SSIM; o.threshold = 1.5);
    REFUSED(o.strategy = REDUX_STRATEGY_MI; o.threshold = -0.1);
    REFUSED(o.strategy = REDUX_STRATEGY_COSINE; o.threshold = 2);
    REFUSED(o.strategy = REDUX_STRATEGY_EVERY_N; o.threshold = 0);
    REFUSED(o.strategy = REDUX_STRATEGY_EVERY_N; o.threshold = 2.5);
    REFUSED(o.strategy = REDUX_STRATEGY_ENTROPY; o.threshold = -1);
    REFUSED(o.keep_count = -1);
    REFUSED(o.keep_count = 5; o.threshold = 6);
    REFUSED(o.keep_count = 5; o.keep_percent = 6);
    REFUSED(o.keep_percent = 0);
    REFUSED(o.keep_percent = 101);
    REFUSED(o.bins = 1);
    REFUSED(o.bins = 257);
    REFUSED(o.size = -1);
    REFUSED(o.embeddings = &none);
    REFUSED(o.scope = (redux_scope)3);
    REFUSED(o.order = (redux_order)3);
    REFUSED(o.each_group = 1);
    REFUSED(o.each_group = 2; o.keep_count = 5);
    REFUSED(o.each_group = 1; o.keep_count = 5; o.scope = REDUX_SCOPE_DATASET);
    REFUSED(o.order = (redux_order)-1);
    REFUSED(o.hash = (redux_hash)99);
    REFUSED(o.profile = (redux_hash_profile)99);
    REFUSED(o.window.kind = REDUX_WINDOW_RANGE; o.window.high = 1);
#undef REFUSED
    o = good;
    o.keep_count = 2; /* of three volumes */
    ck_assert_redux(REDUX_E_INVALID, redux_reduce(&reduction, NULL, dataset, &o));
    o.scope = REDUX_SCOPE_DATASET;
    ck_assert_redux_ok(redux_reduce(&reduction, NULL, dataset, &o));
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

/* ---- what is written ---- */

typedef struct memory {
    char *text;
    size_t length;
} memory;

static int append(const char *bytes, size_t length, void *user)
{
    memory *m = user;
    m->text = realloc(m->text, m->length + length + 1);
    ck_assert_ptr_nonnull(m->text);
    memcpy(m->text + m->length, bytes, length);
    m->length += length;
    m->text[m->length] = '\0';
    return 0;
}

static int refuse(const char *bytes, size_t length, void *user)
{
    (void)bytes;
    (void)length;
    (void)user;
    return 1;
}

START_TEST(same_bytes_on_any_thread_count)
{
    redux_dataset *dataset = open_volumes();
    for (redux_strategy s = REDUX_STRATEGY_ALL; s <= REDUX_STRATEGY_ENTROPY; s++)
        for (redux_scope scope = REDUX_SCOPE_VOLUME; scope <= REDUX_SCOPE_DATASET; scope++) {
            memory one = {NULL, 0}, four = {NULL, 0};
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            options.strategy = s;
            options.scope = scope;
            if (s != REDUX_STRATEGY_ALL)
                options.keep_count = 11;
            redux_reduction *a = run(dataset, &options, 1), *b = run(dataset, &options, 4);
            ck_assert_redux_ok(redux_manifest_write(NULL, a, append, &one));
            ck_assert_redux_ok(redux_manifest_write(NULL, b, append, &four));
            ck_assert_str_eq(one.text, four.text);
            ck_assert_redux(REDUX_E_IO, redux_manifest_write(NULL, a, refuse, NULL));
            free(one.text);
            free(four.text);
            redux_reduction_free(a);
            redux_reduction_free(b);
        }
    redux_dataset_free(dataset);
}
END_TEST

/* Names with a comma, a quote, and of one file alone. */
START_TEST(manifest_quotes)
{
    const int64_t shape[] = {2, 4, 4};
    redux_tensor array;
    redux_dataset *dataset;
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    memory csv = {NULL, 0};
    const char *path = in_scratch("odd, \"name\".npy");
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_UINT8, 3, shape));
    ck_assert_redux_ok(redux_npy_write(path, NULL, &array));
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &path, 1, NULL));
    redux_reduction *reduction = run(dataset, &options, 1);
    ck_assert_redux_ok(redux_manifest_write(NULL, reduction, append, &csv));
    ck_assert_str_eq(csv.text, text("source,slice,kept,witness_source,witness_slice,score\n"
                                    "\"%s/odd, \"\"name\"\".npy\",0,1,,,\n"
                                    "\"%s/odd, \"\"name\"\".npy\",1,0,"
                                    "\"%s/odd, \"\"name\"\".npy\",0,0\n",
                                    scratch, scratch, scratch));
    free(csv.text);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
    redux_tensor_release(&array);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(numbers_read_back)
{
    const double values[] = {0, 1, -1, 0.1, 1.0 / 3, 6, 1e300, 5e-324, 0.30000000000000004, 1e22};
    char written[32];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        rdx_format_double(written, values[i]);
        ck_assert_double_eq(strtod(written, NULL), values[i]);
    }
    rdx_format_double(written, 0.1);
    ck_assert_str_eq(written, "0.1");
    rdx_format_double(written, 6);
    ck_assert_str_eq(written, "6");
}
END_TEST

/* Exports hold the kept slices and nothing else, and read back as what they were. */
/* Pixels of a colour in some rows of a picture. */
static int64_t count_colour(const redux_tensor *picture, int64_t top, int64_t end, int red,
                            int green, int blue)
{
    const int64_t width = picture->shape[1];
    int64_t count = 0;
    for (int64_t i = top * width; i < end * width; i++) {
        const uint8_t *pixel = (const uint8_t *)picture->data + 3 * i;
        count += pixel[0] == red && pixel[1] == green && pixel[2] == blue;
    }
    return count;
}

/* A band of a contact sheet has a name above and numbers below, and dropped slices as bright as
 * they are. */
static void check_sheet(const redux_reduction *reduction)
{
    enum { BANDS = 2, LINE = 16, TILE = 102, DROPPED = 72 };
    redux_tensor sheet;
    int brightest = 0;
    ck_assert_redux_ok(redux_contact_sheet(in_scratch("sheet.png"), NULL, reduction, 6, BANDS));
    ck_assert_redux_ok(redux_picture_read_colour(&sheet, NULL, in_scratch("sheet.png")));
    ck_assert_int_eq(sheet.ndim, 3);
    ck_assert_int_eq(sheet.shape[0], BANDS * (TILE + 4 + 2 * LINE));
    for (int64_t top = 0; top < sheet.shape[0]; top += sheet.shape[0] / BANDS) {
        ck_assert_int_gt(count_colour(&sheet, top, top + LINE, 225, 225, 228), 0);
        ck_assert_int_gt(count_colour(&sheet, top, top + LINE, 160, 160, 168), 0);
        const int64_t numbers = top + LINE + TILE + 3, end = numbers + LINE - 2;
        ck_assert_int_gt(count_colour(&sheet, numbers, end, 160, 160, 168) +
                             count_colour(&sheet, numbers, end, 86, 180, 233),
                         0);
    }
    const uint8_t *row = (const uint8_t *)sheet.data + (2 + LINE + TILE / 2) * sheet.shape[1] * 3;
    for (int64_t x = 0; x + TILE < sheet.shape[1]; x++) /* tiles in the frame of dropped ones */
        if (row[3 * x] == DROPPED && row[3 * x + 2] == DROPPED + 6)
            for (int64_t i = x + 3; i < x + TILE - 3; i++)
                brightest = row[3 * i] > brightest ? row[3 * i] : brightest;
    ck_assert_int_gt(brightest, 120); /* 102 at most, were they dimmed */
    redux_tensor_release(&sheet);
}

START_TEST(exports)
{
    static const char *const endings[] = {"png", "npy", "npz"};
    redux_dataset *dataset = open_volumes();
    redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
    options.threshold = 12;
    redux_reduction *reduction = run(dataset, &options, 1);
    for (redux_export_format format = REDUX_EXPORT_PNG; format <= REDUX_EXPORT_NPZ; format++) {
        char folder[300];
        snprintf(folder, sizeof folder, "%s/export-%s", scratch, endings[format]);
        ck_assert_redux_ok(redux_export(folder, NULL, reduction, format));
        for (int64_t i = 0; i < redux_reduction_row_count(reduction); i++) {
            redux_row row;
            redux_tensor read, expected;
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            char stem[8];
            snprintf(stem, sizeof stem, "%.*s", (int)strlen(names[row.volume]) - 4,
                     names[row.volume]);
            const char *path = format == REDUX_EXPORT_NPZ
                                   ? text("%s/%04d_%s.npz", folder, (int)row.volume, stem)
                                   : text("%s/%04d_%s_%04d.%s", folder, (int)row.volume, stem,
                                          (int)row.slice, endings[format]);
            redux_status status;
            if (format == REDUX_EXPORT_PNG)
                status = redux_picture_read(&read, NULL, path);
            else if (format == REDUX_EXPORT_NPY)
                status = redux_npy_read(&read, NULL, path);
            else
                status = redux_npz_read(&read, NULL, path, text("slice_%04d", (int)row.slice));
            ck_assert_int_eq(status, row.kept ? REDUX_OK : REDUX_E_NOT_FOUND);
            if (!row.kept)
                continue;
            if (format == REDUX_EXPORT_PNG) {
                slice_image(&expected, dataset, i, 0);
            } else {
                redux_volume *volume;
                ck_assert_redux_ok(redux_volume_open(&volume, NULL, dataset, row.volume));
                ck_assert_redux_ok(redux_volume_slice(&expected, NULL, volume, row.slice));
                redux_volume_free(volume);
            }
            ck_assert_int_eq(read.dtype, expected.dtype);
            ck_assert_mem_eq(read.data, expected.data,
                             (size_t)40 * 33 * redux_dtype_size(read.dtype));
            redux_tensor_release(&read);
            redux_tensor_release(&expected);
        }
    }
    check_sheet(reduction);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_manifest_save("/nonexistent/a.csv", NULL, reduction));
    ck_assert_redux_ok(redux_summary_save(in_scratch("m.json"), NULL, reduction, 1.5));
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_results_save(in_scratch("pair.csv"), "/nonexistent/a",
                                                          NULL, reduction, 1.5));
    ck_assert_int_eq(access(in_scratch("pair.csv"), F_OK), -1);
    ck_assert_redux_ok(
        redux_results_save(in_scratch("pair.csv"), in_scratch("pair.json"), NULL, reduction, 1.5));
    ck_assert_int_eq(access(in_scratch("pair.csv"), F_OK), 0);
    ck_assert_int_eq(access(in_scratch("pair.json"), F_OK), 0);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}
END_TEST

/* ---- failures while reading ---- */

static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, -40, SEEK_END), 0); /* the header stays good */
    for (int i = 0; i < 30; i++)
        fputc(0x55, file);
    fclose(file);
}

static void write_picture(const char *path, int64_t height, int64_t width, uint64_t seed)
{
    const int64_t shape[] = {height, width};
    const redux_random_key key = {.seed = seed};
    redux_tensor picture;
    ck_assert_redux_ok(redux_tensor_new(&picture, NULL, REDUX_UINT8, 2, shape));
    for (int64_t i = 0; i < height * width; i++)
        ((uint8_t *)picture.data)[i] = (uint8_t)redux_random_u32(&key, (uint32_t)i);
    ck_assert_redux_ok(redux_picture_write_png(path, NULL, &picture));
    redux_tensor_release(&picture);
}

/* A picture that does not decode is an error, or is left out and told of; every strategy. */
START_TEST(unreadable_slices)
{
    char path[300];
    const char *folder = path;
    redux_dataset *dataset;
    snprintf(path, sizeof path, "%s/pictures", scratch);
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    for (int i = 0; i < 12; i++)
        write_picture(in_scratch(text("pictures/%d.png", i)), 30, 30, (uint64_t)i / 2);
    damage(in_scratch("pictures/5.png"));
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &folder, 1, NULL));
    for (redux_strategy s = REDUX_STRATEGY_ALL; s <= REDUX_STRATEGY_ENTROPY; s++)
        for (int budget = 0; budget < 2; budget++) {
            redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
            redux_reduce_summary summary = {.struct_size = sizeof summary};
            redux_reduction *reduction = NULL;
            options.strategy = s;
            if (budget && s != REDUX_STRATEGY_ALL)
                options.keep_percent = 50;
            ck_assert_redux(REDUX_E_FORMAT, redux_reduce(&reduction, NULL, dataset, &options));
            ck_assert_ptr_nonnull(strstr(redux_error_message(), "5.png"));
            options.skip_errors = 1;
            reduction = run(dataset, &options, 2);
            ck_assert_redux_ok(redux_reduction_get_summary(&summary, reduction));
            ck_assert_int_eq(summary.slices, 11);
            ck_assert(!budget || s == REDUX_STRATEGY_ALL || summary.kept == 6);
            ck_assert_int_eq(redux_reduction_skipped_count(reduction), 1);
            ck_assert_ptr_nonnull(strstr(redux_reduction_skipped_source(reduction, 0), "5.png"));
            ck_assert_ptr_nonnull(strstr(redux_reduction_skipped_reason(reduction, 0), "5.png"));
            redux_row row;
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, 5));
            ck_assert(row.skipped && !row.kept);
            redux_reduction_free(reduction);
        }
    redux_dataset_free(dataset);
}
END_TEST

/* Pictures of several sizes in one folder: ssim and mi compare them resized. */
/* What redux_strategy_describe tells is what redux_reduce_check takes. */
START_TEST(strategies_are_described)
{
    redux_strategy_info info = {.struct_size = sizeof info};
    redux_strategy same;
    for (redux_strategy s = REDUX_STRATEGY_ALL; s < REDUX_STRATEGY_METRIC; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT, bare = options;
        ck_assert_redux_ok(redux_strategy_describe(&info, s));
        ck_assert_redux_ok(redux_strategy_parse(&same, info.name));
        ck_assert_int_eq(same, s);
        ck_assert_str_ne(info.label, "");
        bare.strategy = s;
        for (redux_rule rule = REDUX_RULE_MEDOID; rule <= REDUX_RULE_COMPLETE_LINK; rule++) {
            options = bare;
            options.rule = rule;
            ck_assert_int_eq(redux_reduce_check(&options) == REDUX_OK, info.rules >> rule & 1);
        }
        options = bare;
        options.keep_count = 10;
        ck_assert_int_eq(redux_reduce_check(&options) == REDUX_OK, info.has_budget);
        options = bare;
        options.calibrate = 1;
        ck_assert_int_eq(redux_reduce_check(&options) == REDUX_OK, info.compares);
        options = bare;
        options.then = REDUX_STRATEGY_COSINE;
        ck_assert_int_eq(redux_reduce_check(&options) == REDUX_OK, info.has_stages);
        if (s == REDUX_STRATEGY_ALL)
            continue;
        options = bare;
        options.threshold = info.threshold;
        ck_assert_redux_ok(redux_reduce_check(&options));
        options.threshold = info.low - 1;
        ck_assert_int_ne(redux_reduce_check(&options), REDUX_OK);
        options.threshold = info.threshold + 0.125;
        if (options.threshold <= info.high)
            ck_assert_int_eq(redux_reduce_check(&options) == REDUX_OK, !info.is_whole);
    }
}
END_TEST

START_TEST(ragged_folder)
{
    char path[300];
    const char *folder = path;
    redux_dataset *dataset;
    snprintf(path, sizeof path, "%s/ragged", scratch);
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    for (int i = 0; i < 6; i++)
        write_picture(in_scratch(text("ragged/%d.png", i)), 20 + i % 3 * 9, 31, (uint64_t)i);
    write_picture(in_scratch("ragged/6.png"), 20, 31, 0); /* the first one again */
    ck_assert_redux_ok(redux_dataset_open(&dataset, NULL, &folder, 1, NULL));
    for (redux_strategy s = REDUX_STRATEGY_SSIM; s <= REDUX_STRATEGY_MI; s++) {
        redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
        redux_row row;
        options.strategy = s;
        options.threshold = 0.99;
        redux_reduction *reduction = run(dataset, &options, 2);
        for (int64_t i = 0; i < 7; i++) {
            ck_assert_redux_ok(redux_reduction_get_row(&row, reduction, i));
            ck_assert_int_eq(row.kept, i < 6);
        }
        ck_assert_int_eq(row.witness, 0);
        ck_assert_double_eq(row.score, 1);
        redux_reduction_free(reduction);
    }
    redux_dataset_free(dataset);
}
END_TEST

static int stop_soon(int64_t done, int64_t total, void *user)
{
    ck_assert(done >= 0 && done <= total);
    return ++*(int *)user > 2;
}

START_TEST(cancelled)
{
    redux_dataset *dataset = open_volumes();
    for (redux_strategy s = REDUX_STRATEGY_ALL; s <= REDUX_STRATEGY_ENTROPY; s++) {
        redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
        redux_reduce_options reduce = REDUX_REDUCE_OPTIONS_INIT;
        redux_context *context;
        redux_reduction *reduction = NULL;
        int calls = 0;
        options.progress = stop_soon;
        options.progress_user = &calls;
        ck_assert_redux_ok(redux_context_new(&context, &options));
        reduce.strategy = s;
        ck_assert_redux(REDUX_E_CANCELLED, redux_reduce(&reduction, context, dataset, &reduce));
        ck_assert_int_eq(calls, 3);
        ck_assert_ptr_null(reduction);
        redux_context_free(context);
    }
    redux_dataset_free(dataset);
}
END_TEST

/* The stream of exemplars: the same however the items are spread over calls. */
START_TEST(exemplars_in_any_portions)
{
    enum { N = 700 };
    const int64_t shape[] = {N, 8};
    redux_metric *metric;
    redux_tensor codes;
    int64_t whole[N], parts[N];
    double scores[N], part_scores[N];
    redux_exemplars *exemplars;
    ck_assert_redux_ok(redux_tensor_new(&codes, NULL, REDUX_UINT8, 2, shape));
    for (int64_t i = 0; i < N; i++) {
        const redux_random_key key = {.sample = (uint64_t)i % 50};
        const uint32_t bits = redux_random_u32(&key, 0) ^ (uint32_t)(i / 50);
        memcpy((char *)codes.data + i * 8, &bits, 4);
    }
    ck_assert_redux_ok(redux_metric_new_hamming(&metric, NULL));
    ck_assert_redux_ok(redux_exemplars_new(&exemplars, NULL, metric, 3));
    ck_assert_redux_ok(redux_exemplars_add(whole, scores, NULL, exemplars, &codes));
    const int64_t count = redux_exemplars_count(exemplars);
    redux_exemplars_free(exemplars);
    ck_assert_redux_ok(redux_exemplars_new(&exemplars, NULL, metric, 3));
    for (int64_t first = 0, size = 1; first < N; first += size, size = size % 97 + 13) {
        redux_tensor part;
        const int64_t now = first + size < N ? size : N - first;
        ck_assert_redux_ok(redux_tensor_slice(&part, &codes, 0, first, now, 1));
        ck_assert_redux_ok(
            redux_exemplars_add(parts + first, part_scores + first, NULL, exemplars, &part));
        redux_tensor_release(&part);
    }
    ck_assert_int_eq(redux_exemplars_count(exemplars), count);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(whole[i], parts[i]);
        ck_assert(whole[i] < 0 ? isnan(scores[i]) && isnan(part_scores[i])
                               : scores[i] == part_scores[i] && scores[i] <= 3);
    }
    ck_assert_redux(REDUX_E_INVALID, redux_exemplars_add(whole, scores, NULL, exemplars, NULL));
    redux_exemplars_free(exemplars);
    redux_metric_free(metric);
    redux_tensor_release(&codes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reduce");
    TCase *tests = tcase_create("reduce");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, scratch_remove);
    tcase_add_test(tests, greedy_is_the_papers_rule);
    tcase_add_test(tests, pairs_are_counted);
    tcase_add_test(tests, budgets_are_exact);
    tcase_add_test(tests, sweep_is_every_threshold);
    tcase_add_test(tests, budgets_of_many);
    tcase_add_test(tests, every_n);
    tcase_add_test(tests, entropy);
    tcase_add_test(tests, embeddings);
    tcase_add_test(tests, options_that_make_no_sense);
    tcase_add_test(tests, same_bytes_on_any_thread_count);
    tcase_add_test(tests, manifest_quotes);
    tcase_add_test(tests, numbers_read_back);
    tcase_add_test(tests, exports);
    tcase_add_test(tests, unreadable_slices);
    tcase_add_test(tests, strategies_are_described);
    tcase_add_test(tests, ragged_folder);
    tcase_add_test(tests, cancelled);
    tcase_add_test(tests, exemplars_in_any_portions);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
