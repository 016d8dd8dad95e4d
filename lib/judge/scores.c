/* SPDX-License-Identifier: MIT
 * Figures of merit, as scikit-learn defines them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "scores.h"

#define MOST_CLASSES 65536

typedef rdx_score_table table;
typedef rdx_ranked ranked;

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

typedef struct numbered {
    double group;
    int64_t item;
} numbered;

static int by_group(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Groups get consecutive numbers in the order of their own. */
static redux_status read_groups(table *t, redux_context *context, const redux_tensor *groups)
{
    void *block;
    t->groups = t->n;
    for (int64_t i = 0; i < t->n; i++)
        t->group[i] = i;
    if (groups == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)t->n, sizeof(numbered)));
    numbered *list = block;
    for (int64_t i = 0; i < t->n; i++)
        list[i] = (numbered){rdx_load(groups->data, i * groups->strides[0], groups->dtype), i};
    qsort(list, (size_t)t->n, sizeof *list, by_group);
    t->groups = 0;
    for (int64_t i = 0; i < t->n; i++) {
        t->groups += i == 0 || list[i].group != list[i - 1].group;
        t->group[list[i].item] = t->groups - 1;
    }
    rdx_free(block);
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

static redux_status check_groups(const table *t, const redux_tensor *groups)
{
    RDX_TRY(rdx_tensor_check(groups, 1, 0, "groups"));
    if (!is_integer(groups->dtype) || groups->shape[0] != t->n)
        return rdx_fail(REDUX_E_INVALID,
                        "%lld groups of type %s for %lld labels: give each item "
                        "the whole number of its group",
                        (long long)groups->shape[0], redux_dtype_name(groups->dtype),
                        (long long)t->n);
    return REDUX_OK;
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
    return p->groups == NULL ? REDUX_OK : check_groups(t, p->groups);
}

void rdx_score_table_close(table *t)
{
    rdx_free(t->scores);
    rdx_free(t->labels);
    rdx_free(t->group);
}

redux_status rdx_score_table_like(table *t, redux_context *context, const table *other, int64_t n)
{
    void *block = NULL;
    *t = *other;
    t->n = n;
    t->scores = NULL;
    t->labels = NULL;
    t->group = NULL;
    redux_status status =
        rdx_alloc(context, &block, (uint64_t)n * (uint64_t)t->k, sizeof *t->scores);
    t->scores = block;
    block = NULL;
    if (status == REDUX_OK)
        status = rdx_alloc(context, &block, (uint64_t)n, sizeof *t->labels);
    t->labels = block;
    block = NULL;
    if (status == REDUX_OK)
        status = rdx_alloc(context, &block, (uint64_t)n, sizeof *t->group);
    t->group = block;
    if (status != REDUX_OK)
        rdx_score_table_close(t);
    return status;
}

redux_status rdx_score_table_open(table *t, redux_context *context,
                                  const redux_predictions *predictions)
{
    redux_predictions known = REDUX_PREDICTIONS_INIT;
    table shape = {0};
    RDX_TRY(rdx_read_options(&known, sizeof known, predictions, "redux_predictions"));
    RDX_TRY(check_predictions(&shape, &known));
    RDX_TRY(rdx_score_table_like(t, context, &shape, shape.n));
    redux_status status = read_labels(t, known.labels);
    if (status == REDUX_OK)
        status = read_scores(t, known.scores);
    if (status == REDUX_OK)
        status = read_groups(t, context, known.groups);
    if (status != REDUX_OK)
        rdx_score_table_close(t);
    return status;
}

redux_status rdx_score_bench_open(rdx_score_bench *b, redux_context *context, const table *t)
{
    void *block;
    RDX_TRY(rdx_alloc(
        context, &block,
        (uint64_t)t->k * (uint64_t)t->k * sizeof(int64_t) + (uint64_t)t->n * sizeof(ranked), 1));
    b->confusion = block;
    b->ranked = (void *)(b->confusion + t->k * t->k);
    return REDUX_OK;
}

void rdx_score_bench_close(rdx_score_bench *b)
{
    rdx_free(b->confusion);
}

/* ---- figures ---- */

int64_t rdx_score_predicted(const table *t, int64_t item)
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
        confusion[t->labels[i] * t->k + rdx_score_predicted(t, i)]++;
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

void rdx_score_count(redux_scores *out, const table *t, const int64_t *confusion)
{
    double recalls = 0, f1s = 0;
    int64_t there = 0, seen = 0, hits = 0, items = 0;
    for (int64_t c = 0; c < t->k; c++) {
        const class_counts counts = count_class(confusion, t->k, c);
        hits += counts.hits;
        items += counts.actual;
        if (counts.actual > 0) {
            recalls += (double)counts.hits / (double)counts.actual;
            there++;
        }
        if (counts.actual + counts.called > 0) {
            f1s += f1_of(counts);
            seen++;
        }
    }
    out->accuracy = out->f1_micro = (double)hits / (double)items;
    out->balanced_accuracy = recalls / (double)there;
    out->f1_macro = f1s / (double)seen;
    out->f1 = t->k == 2 ? f1_of(count_class(confusion, 2, t->positive)) : out->f1_macro;
}

static int by_falling_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

void rdx_score_rank(ranked *list, const table *t, int64_t c)
{
    for (int64_t i = 0; i < t->n; i++)
        list[i] = (ranked){t->scores[i * t->k + c], t->group[i], t->labels[i] == c};
    qsort(list, (size_t)t->n, sizeof *list, by_falling_score);
}

void rdx_score_area(double *auc, double *precision, const ranked *list, int64_t n, int64_t without)
{
    int64_t hits = 0, misses = 0;
    double pairs = 0, sum = 0;
    for (int64_t i = 0; i < n;) {
        int64_t more_hits = 0, more_misses = 0;
        for (const double score = list[i].score; i < n && list[i].score == score; i++) {
            if (list[i].group == without)
                continue;
            more_hits += list[i].hit;
            more_misses += !list[i].hit;
        }
        pairs += (double)more_misses * ((double)hits + (double)more_hits / 2);
        hits += more_hits;
        misses += more_misses;
        if (more_hits > 0)
            sum += (double)more_hits * ((double)hits / (double)(hits + misses));
    }
    *auc = hits > 0 && misses > 0 ? pairs / ((double)hits * (double)misses) : (double)NAN;
    *precision = hits > 0 ? sum / (double)hits : (double)NAN;
}

void rdx_score_figures(redux_scores *out, const table *t, rdx_score_bench *b)
{
    const int64_t first = t->k == 2 ? t->positive : 0, last = t->k == 2 ? t->positive : t->k - 1;
    const double classes = (double)(last - first + 1);
    double auc = 0, precision = 0;
    confuse(b->confusion, t);
    rdx_score_count(out, t, b->confusion);
    out->auc = out->average_precision = 0;
    for (int64_t c = first; c <= last; c++) { /* a missing class makes the mean NaN */
        rdx_score_rank(b->ranked, t, c);
        rdx_score_area(&auc, &precision, b->ranked, t->n, -1);
        out->auc += auc / classes;
        out->average_precision += precision / classes;
    }
}

static const size_t places[RDX_FIGURES] = {
    offsetof(redux_scores, accuracy), offsetof(redux_scores, balanced_accuracy),
    offsetof(redux_scores, auc),      offsetof(redux_scores, average_precision),
    offsetof(redux_scores, f1),       offsetof(redux_scores, f1_macro),
    offsetof(redux_scores, f1_micro),
};

double *rdx_figure(redux_scores *scores, int index)
{
    return (double *)(void *)((char *)scores + places[index]);
}

double rdx_figure_of(const redux_scores *scores, int index)
{
    return *(const double *)(const void *)((const char *)scores + places[index]);
}

void rdx_scores_fill(redux_scores *scores, double value)
{
    const redux_scores empty = REDUX_SCORES_INIT;
    *scores = empty;
    for (int f = 0; f < RDX_FIGURES; f++)
        *rdx_figure(scores, f) = value;
}

redux_status rdx_scores_hand_out(redux_scores *out, const redux_scores *known)
{
    return out == NULL ? REDUX_OK : rdx_write_result(out, known, sizeof *known, "redux_scores");
}

redux_status redux_scores_compute(redux_scores *out, redux_context *context,
                                  const redux_predictions *predictions)
{
    redux_scores known = REDUX_SCORES_INIT;
    table t;
    rdx_score_bench b;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_scores_compute: out is NULL");
    RDX_TRY(rdx_score_table_open(&t, context, predictions));
    redux_status status = rdx_score_bench_open(&b, context, &t);
    if (status == REDUX_OK) {
        rdx_score_figures(&known, &t, &b);
        rdx_score_bench_close(&b);
    }
    rdx_score_table_close(&t);
    return status == REDUX_OK ? rdx_scores_hand_out(out, &known) : status;
}

redux_status redux_scores_confusion(const redux_tensor *matrix, redux_context *context,
                                    const redux_predictions *predictions)
{
    table t;
    RDX_TRY(rdx_tensor_check(matrix, 2, REDUX_INT64, "matrix"));
    RDX_TRY(rdx_score_table_open(&t, context, predictions));
    redux_status status = REDUX_OK;
    if (matrix->shape[0] != t.k || matrix->shape[1] != t.k || !redux_tensor_is_contiguous(matrix))
        status = rdx_fail(REDUX_E_INVALID, "confusion: the matrix is not a contiguous %lld x %lld",
                          (long long)t.k, (long long)t.k);
    else
        confuse(matrix->data, &t);
    rdx_score_table_close(&t);
    return status;
}
