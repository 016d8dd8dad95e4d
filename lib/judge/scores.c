/* SPDX-License-Identifier: MIT
 * Figures of merit, as scikit-learn defines them, and their uncertainty. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <redux/random.h>
#include <redux/scores.h>
#include "base/base.h"

#define FIGURES 7
#define OPERATION_BOOTSTRAP 0x626f6f74u
#define OPERATION_SWAP 0x73776170u
#define MOST_CLASSES 65536

/* Predictions as plain arrays. */
typedef struct table {
    int64_t n, k;
    int32_t *labels;
    double *scores; /* [n, k] */
    int64_t positive;
    bool one_column; /* scores were [n]: predicted by 0.5 */
} table;

/* Room for the figures of one table of n items. */
typedef struct bench {
    int64_t *confusion; /* [k, k] */
    struct ranked *ranked;
} bench;

typedef struct ranked {
    double score;
    int32_t hit;
} ranked;

/* ---- reading ---- */

static redux_status read_labels(table *t, const redux_tensor *labels)
{
    for (int64_t i = 0; i < t->n; i++) {
        const double label = rdx_load(labels->data, i * labels->strides[0], labels->dtype);
        if (!(label >= 0 && label < (double)t->k))
            return rdx_fail(REDUX_E_INVALID, "label %lld is %g, not within 0 ... %lld",
                            (long long)i, label, (long long)t->k - 1);
        t->labels[i] = (int32_t)label;
    }
    return REDUX_OK;
}

static redux_status read_scores(table *t, const redux_tensor *scores)
{
    for (int64_t i = 0; i < t->n; i++) {
        double *row = t->scores + i * t->k;
        for (int64_t c = 0; c < (t->one_column ? 1 : t->k); c++) {
            const int64_t at =
                i * scores->strides[0] + (t->one_column ? 0 : c * scores->strides[1]);
            row[c] = rdx_load(scores->data, at, scores->dtype);
            if (isnan(row[c]))
                return rdx_fail(REDUX_E_INVALID, "score of item %lld is NaN", (long long)i);
        }
        if (t->one_column) {
            row[1] = row[0];
            row[0] = 1 - row[1];
        }
    }
    return REDUX_OK;
}

static bool is_integer(redux_dtype dtype)
{
    switch (dtype) {
    case REDUX_INT8:
    case REDUX_INT16:
    case REDUX_INT32:
    case REDUX_INT64:
    case REDUX_UINT8:
    case REDUX_UINT16:
    case REDUX_UINT32:
    case REDUX_UINT64:
    case REDUX_BOOL:
        return true;
    default:
        return false;
    }
}

static redux_status check_predictions(table *t, const redux_predictions *p)
{
    RDX_TRY(rdx_tensor_check(p->labels, 1, 0, "labels"));
    RDX_TRY(rdx_tensor_check(p->scores, -1, 0, "scores"));
    const redux_tensor *scores = p->scores;
    if (!is_integer(p->labels->dtype) ||
        (scores->dtype != REDUX_FLOAT32 && scores->dtype != REDUX_FLOAT64))
        return rdx_fail(REDUX_E_INVALID, "labels are %s, scores %s",
                        redux_dtype_name(p->labels->dtype), redux_dtype_name(scores->dtype));
    t->n = p->labels->shape[0];
    t->one_column = scores->ndim == 1;
    t->k = t->one_column ? 2 : scores->shape[1];
    t->positive = p->positive;
    if (scores->ndim < 1 || scores->ndim > 2 || scores->shape[0] != t->n || t->n < 1)
        return rdx_fail(REDUX_E_INVALID, "%lld labels do not match these scores", (long long)t->n);
    if (t->k < 2 || t->k > MOST_CLASSES)
        return rdx_fail(REDUX_E_INVALID, "%lld classes", (long long)t->k);
    if (t->k == 2 && t->positive != 0 && t->positive != 1)
        return rdx_fail(REDUX_E_INVALID, "the positive class is %lld", (long long)t->positive);
    return REDUX_OK;
}

static void close_table(table *t)
{
    rdx_free(t->scores);
    rdx_free(t->labels);
}

/* Arrays for as many items, of the same kind. */
static redux_status table_like(table *t, redux_context *context, const table *other)
{
    void *scores, *labels;
    *t = *other;
    t->scores = NULL;
    t->labels = NULL;
    RDX_TRY(rdx_alloc(context, &scores, (uint64_t)t->n * (uint64_t)t->k, sizeof(double)));
    t->scores = scores;
    const redux_status status = rdx_alloc(context, &labels, (uint64_t)t->n, sizeof(int32_t));
    if (status != REDUX_OK) {
        close_table(t);
        return status;
    }
    t->labels = labels;
    return REDUX_OK;
}

static redux_status open_table(table *t, redux_context *context,
                               const redux_predictions *predictions)
{
    redux_predictions known = REDUX_PREDICTIONS_INIT;
    table shape = {0};
    RDX_TRY(rdx_read_options(&known, sizeof known, predictions, "redux_predictions"));
    RDX_TRY(check_predictions(&shape, &known));
    RDX_TRY(table_like(t, context, &shape));
    redux_status status = read_labels(t, known.labels);
    if (status == REDUX_OK)
        status = read_scores(t, known.scores);
    if (status != REDUX_OK)
        close_table(t);
    return status;
}

static redux_status open_bench(bench *b, redux_context *context, const table *t)
{
    void *block;
    RDX_TRY(rdx_alloc(
        context, &block,
        (uint64_t)t->k * (uint64_t)t->k * sizeof(int64_t) + (uint64_t)t->n * sizeof(ranked), 1));
    b->confusion = block;
    b->ranked = (void *)(b->confusion + t->k * t->k);
    return REDUX_OK;
}

static void close_bench(bench *b)
{
    rdx_free(b->confusion);
}

/* ---- figures ---- */

static int64_t predicted(const table *t, int64_t item)
{
    const double *row = t->scores + item * t->k;
    int64_t best = 0;
    if (t->one_column)
        return row[1] > 0.5;
    for (int64_t c = 1; c < t->k; c++)
        if (row[c] > row[best])
            best = c;
    return best;
}

static void confuse(int64_t *confusion, const table *t)
{
    memset(confusion, 0, (size_t)(t->k * t->k) * sizeof *confusion);
    for (int64_t i = 0; i < t->n; i++)
        confusion[t->labels[i] * t->k + predicted(t, i)]++;
}

/* The counts of one class in the confusion matrix. */
typedef struct class_counts {
    int64_t hits, actual, called;
} class_counts;

static class_counts count_class(const int64_t *confusion, int64_t k, int64_t c)
{
    class_counts counts = {confusion[c * k + c], 0, 0};
    for (int64_t j = 0; j < k; j++) {
        counts.actual += confusion[c * k + j];
        counts.called += confusion[j * k + c];
    }
    return counts;
}

static double f1_of(class_counts counts)
{
    const int64_t all = counts.actual + counts.called; /* 2 TP + FP + FN */
    return all == 0 ? 0 : 2 * (double)counts.hits / (double)all;
}

static void count_figures(redux_scores *out, const table *t, const int64_t *confusion)
{
    double recalls = 0, f1s = 0;
    int64_t there = 0, seen = 0, hits = 0;
    for (int64_t c = 0; c < t->k; c++) {
        const class_counts counts = count_class(confusion, t->k, c);
        hits += counts.hits;
        if (counts.actual > 0) {
            recalls += (double)counts.hits / (double)counts.actual;
            there++;
        }
        if (counts.actual + counts.called > 0) {
            f1s += f1_of(counts);
            seen++;
        }
    }
    out->accuracy = out->f1_micro = (double)hits / (double)t->n;
    out->balanced_accuracy = recalls / (double)there;
    out->f1_macro = f1s / (double)seen;
    out->f1 = t->k == 2 ? f1_of(count_class(confusion, 2, t->positive)) : out->f1_macro;
}

static int by_falling_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* AUC and average precision of one class against the rest, threshold by threshold; NaN where the
 * class has no items or all of them. */
static void rank_class(double *auc, double *precision, const table *t, int64_t c, ranked *list)
{
    int64_t hits = 0, misses = 0, actual = 0;
    double pairs = 0, sum = 0;
    for (int64_t i = 0; i < t->n; i++) {
        list[i] = (ranked){t->scores[i * t->k + c], t->labels[i] == c};
        actual += list[i].hit;
    }
    qsort(list, (size_t)t->n, sizeof *list, by_falling_score);
    for (int64_t i = 0; i < t->n;) {
        int64_t more_hits = 0, more_misses = 0;
        for (const double score = list[i].score; i < t->n && list[i].score == score; i++) {
            more_hits += list[i].hit;
            more_misses += !list[i].hit;
        }
        pairs += (double)more_misses * ((double)hits + (double)more_hits / 2);
        hits += more_hits;
        misses += more_misses;
        sum += (double)more_hits * ((double)hits / (double)(hits + misses));
    }
    const bool defined = actual > 0 && actual < t->n;
    *auc = defined ? pairs / ((double)hits * (double)misses) : (double)NAN;
    *precision = actual > 0 ? sum / (double)actual : (double)NAN;
}

static void compute(redux_scores *out, const table *t, bench *b)
{
    double auc = 0, precision = 0;
    confuse(b->confusion, t);
    count_figures(out, t, b->confusion);
    if (t->k == 2) {
        rank_class(&out->auc, &out->average_precision, t, t->positive, b->ranked);
        return;
    }
    out->auc = out->average_precision = 0;
    for (int64_t c = 0; c < t->k; c++) { /* a missing class makes the mean NaN */
        rank_class(&auc, &precision, t, c, b->ranked);
        out->auc += auc / (double)t->k;
        out->average_precision += precision / (double)t->k;
    }
}

/* The figures of a struct, in its order. */
static double *figure(redux_scores *scores, int index)
{
    static const size_t places[FIGURES] = {
        offsetof(redux_scores, accuracy), offsetof(redux_scores, balanced_accuracy),
        offsetof(redux_scores, auc),      offsetof(redux_scores, average_precision),
        offsetof(redux_scores, f1),       offsetof(redux_scores, f1_macro),
        offsetof(redux_scores, f1_micro),
    };
    return (double *)(void *)((char *)scores + places[index]);
}

static redux_status hand_out(redux_scores *out, const redux_scores *known)
{
    return rdx_write_result(out, known, sizeof *known, "redux_scores");
}

redux_status redux_scores_compute(redux_scores *out, redux_context *context,
                                  const redux_predictions *predictions)
{
    redux_scores known = REDUX_SCORES_INIT;
    table t;
    bench b;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_scores_compute: out is NULL");
    RDX_TRY(open_table(&t, context, predictions));
    redux_status status = open_bench(&b, context, &t);
    if (status == REDUX_OK) {
        compute(&known, &t, &b);
        close_bench(&b);
    }
    close_table(&t);
    return status == REDUX_OK ? hand_out(out, &known) : status;
}

redux_status redux_scores_confusion(const redux_tensor *matrix, redux_context *context,
                                    const redux_predictions *predictions)
{
    table t;
    RDX_TRY(rdx_tensor_check(matrix, 2, REDUX_INT64, "matrix"));
    RDX_TRY(open_table(&t, context, predictions));
    redux_status status = REDUX_OK;
    if (matrix->shape[0] != t.k || matrix->shape[1] != t.k || !redux_tensor_is_contiguous(matrix))
        status = rdx_fail(REDUX_E_INVALID, "confusion: the matrix is not a contiguous %lld x %lld",
                          (long long)t.k, (long long)t.k);
    else
        confuse(matrix->data, &t);
    close_table(&t);
    return status;
}

/* ---- uncertainty ---- */

typedef struct repeat_job {
    redux_context *context;
    const table *a, *b; /* b: NULL for the bootstrap */
    uint64_t seed;
    double *figures; /* [FIGURES, rounds] */
    int64_t rounds;
} repeat_job;

static void note(const repeat_job *job, int64_t round, redux_scores *scores, double sign)
{
    for (int f = 0; f < FIGURES; f++)
        job->figures[f * job->rounds + round] =
            sign * *figure(scores, f) + (sign < 0 ? job->figures[f * job->rounds + round] : 0);
}

static redux_status draw_round(int64_t round, void *user)
{
    const repeat_job *job = user;
    const redux_random_key key = {job->seed, 0, OPERATION_BOOTSTRAP, (uint64_t)round};
    redux_scores scores = REDUX_SCORES_INIT;
    table drawn;
    bench b;
    RDX_TRY(table_like(&drawn, job->context, job->a));
    redux_status status = open_bench(&b, job->context, &drawn);
    if (status == REDUX_OK) {
        for (int64_t i = 0; i < drawn.n; i++) {
            const int64_t from = (int64_t)redux_random_below(&key, (uint32_t)i, (uint64_t)drawn.n);
            drawn.labels[i] = job->a->labels[from];
            memcpy(drawn.scores + i * drawn.k, job->a->scores + from * drawn.k,
                   (size_t)drawn.k * sizeof(double));
        }
        compute(&scores, &drawn, &b);
        note(job, round, &scores, 1);
        close_bench(&b);
    }
    close_table(&drawn);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted values; numpy.quantile's default. */
static double quantile(const double *values, int64_t count, double q)
{
    const double at = q * (double)(count - 1);
    const int64_t below = (int64_t)floor(at), above = RDX_MIN(below + 1, count - 1);
    if (count == 0)
        return (double)NAN;
    return values[below] + (at - (double)below) * (values[above] - values[below]);
}

/* Moves the defined ones to the front; returns how many. */
static int64_t without_nan(double *values, int64_t count)
{
    int64_t good = 0;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[good++] = values[i];
    return good;
}

redux_status redux_scores_bootstrap(redux_scores *low, redux_scores *high, redux_context *context,
                                    const redux_predictions *predictions, int64_t resamples,
                                    double level, uint64_t seed)
{
    redux_scores known_low = REDUX_SCORES_INIT, known_high = REDUX_SCORES_INIT;
    table t;
    void *block;
    if (low == NULL || high == NULL || resamples < 1 || !(level > 0 && level < 1))
        return rdx_fail(REDUX_E_INVALID, "bootstrap: %lld resamples, level %g",
                        (long long)resamples, level);
    RDX_TRY(open_table(&t, context, predictions));
    redux_status status = rdx_alloc(context, &block, (uint64_t)resamples, FIGURES * sizeof(double));
    if (status == REDUX_OK) {
        repeat_job job = {context, &t, NULL, seed, block, resamples};
        status = rdx_parallel(context, resamples, draw_round, &job);
        for (int f = 0; f < FIGURES && status == REDUX_OK; f++) {
            double *values = job.figures + f * resamples;
            const int64_t count = without_nan(values, resamples);
            qsort(values, (size_t)count, sizeof *values, by_value);
            *figure(&known_low, f) = quantile(values, count, (1 - level) / 2);
            *figure(&known_high, f) = quantile(values, count, (1 + level) / 2);
        }
        rdx_free(block);
    }
    close_table(&t);
    if (status == REDUX_OK)
        status = hand_out(low, &known_low);
    return status == REDUX_OK ? hand_out(high, &known_high) : status;
}

void redux_scores_summarise(double *mean, double *deviation, const double *values, int64_t count)
{
    double sum = 0, squares = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            n++;
        }
    const double middle = n == 0 ? (double)NAN : sum / (double)n;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            squares += (values[i] - middle) * (values[i] - middle);
    if (mean != NULL)
        *mean = middle;
    if (deviation != NULL)
        *deviation = n < 2 ? (double)NAN : sqrt(squares / (double)(n - 1));
}

/* ---- a against b ---- */

/* Swaps the two runs' scores of each item, or not, by a coin. Round -1 swaps none. */
static redux_status swap_round(const repeat_job *job, int64_t round, int64_t slot)
{
    const redux_random_key key = {job->seed, 0, OPERATION_SWAP, (uint64_t)round};
    redux_scores scores = REDUX_SCORES_INIT;
    table mixed;
    bench b;
    RDX_TRY(table_like(&mixed, job->context, job->a));
    redux_status status = open_bench(&b, job->context, &mixed);
    if (status == REDUX_OK) {
        memcpy(mixed.labels, job->a->labels, (size_t)mixed.n * sizeof *mixed.labels);
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < mixed.n; i++) {
                const int coin = round < 0 ? 0 : (int)(redux_random_u32(&key, (uint32_t)i) & 1);
                const table *from = (coin ^ side) != 0 ? job->b : job->a;
                memcpy(mixed.scores + i * mixed.k, from->scores + i * mixed.k,
                       (size_t)mixed.k * sizeof(double));
            }
            compute(&scores, &mixed, &b);
            note(job, slot, &scores, side == 0 ? 1 : -1);
        }
        close_bench(&b);
    }
    close_table(&mixed);
    return status;
}

static redux_status swap_task(int64_t index, void *user)
{
    return swap_round(user, index - 1, index);
}

/* The first value is the actual difference. Equal ones, within rounding, count as large. */
static double p_value(const double *differences, int64_t rounds)
{
    int64_t as_large = 0;
    if (isnan(differences[0]))
        return (double)NAN;
    for (int64_t i = 1; i < rounds; i++)
        as_large += fabs(differences[i]) >= fabs(differences[0]) - 1e-12;
    return (double)(1 + as_large) / (double)rounds;
}

static redux_status compare_tables(redux_scores *out, redux_context *context, const table *a,
                                   const table *b, int64_t permutations, uint64_t seed)
{
    const int64_t rounds = permutations + 1;
    void *block;
    if (a->n != b->n || a->k != b->k || a->one_column != b->one_column ||
        a->positive != b->positive ||
        memcmp(a->labels, b->labels, (size_t)a->n * sizeof *a->labels) != 0)
        return rdx_fail(REDUX_E_INVALID, "the two runs are not over the same items");
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)rounds, FIGURES * sizeof(double)));
    repeat_job job = {context, a, b, seed, block, rounds};
    const redux_status status = rdx_parallel(context, rounds, swap_task, &job);
    for (int f = 0; f < FIGURES; f++)
        *figure(out, f) = p_value(job.figures + f * rounds, rounds);
    rdx_free(block);
    return status;
}

redux_status redux_scores_compare(redux_scores *p_values, redux_context *context,
                                  const redux_predictions *a, const redux_predictions *b,
                                  int64_t permutations, uint64_t seed)
{
    redux_scores known = REDUX_SCORES_INIT;
    table first, second;
    if (p_values == NULL || permutations < 1)
        return rdx_fail(REDUX_E_INVALID, "compare: %lld permutations", (long long)permutations);
    RDX_TRY(open_table(&first, context, a));
    redux_status status = open_table(&second, context, b);
    if (status == REDUX_OK) {
        status = compare_tables(&known, context, &first, &second, permutations, seed);
        close_table(&second);
    }
    close_table(&first);
    return status == REDUX_OK ? hand_out(p_values, &known) : status;
}
