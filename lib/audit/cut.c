/* SPDX-License-Identifier: MIT
 * The automatic cut of scores: a logistic distribution is fitted through two quantiles of their
 * logits, and what is too low for it is flagged (Groeger et al., NeurIPS 2024). */
#include <math.h>
#include <stdlib.h>
#include "audit.h"

static double logit(double p)
{
    return log(p / (1 - p));
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Linear between the two nearest of the sorted values, as NumPy's. */
static double quantile(const double *sorted, int64_t count, double share)
{
    const double at = share * (double)(count - 1);
    const int64_t low = (int64_t)at, high = RDX_MIN(low + 1, count - 1);
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

static double cut_of(const double *sorted, int64_t inside, double count, double of, double alpha,
                     double share)
{
    const double p = alpha, q = sqrt(alpha / 2);
    const double first = quantile(sorted, inside, p), second = quantile(sorted, inside, q);
    const double scale = (second - first) / (logit(q) - logit(p));
    const double location = first - scale * logit(p), tail = share * alpha * of / count;
    if (!(scale > 0) || !(tail < 1))
        return 0;
    return 1 / (1 + exp(-(location + scale * logit(tail))));
}

redux_status redux_audit_cut(double *cut, redux_context *context, const double *scores,
                             int64_t count, int64_t of, double alpha, double share)
{
    void *block;
    int64_t inside = 0;
    if (cut == NULL || (scores == NULL && count > 0) || count < 0 || of < 0)
        return rdx_fail(REDUX_E_INVALID, "redux_audit_cut: NULL, or a negative count");
    if (!(alpha > 0 && alpha < 0.5 && share > 0 && share < 1))
        return rdx_fail(REDUX_E_INVALID,
                        "redux_audit_cut: alpha %g is not within 0 ... 0.5, or quantile %g not "
                        "within 0 ... 1",
                        alpha, share);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)count + 1, sizeof(double)));
    double *logits = block;
    for (int64_t i = 0; i < count; i++)
        if (scores[i] > 0 && scores[i] < 1)
            logits[inside++] = logit(scores[i]);
    qsort(logits, (size_t)inside, sizeof *logits, compare_doubles);
    *cut = inside < 2 ? 0 : cut_of(logits, inside, (double)count, (double)of, alpha, share);
    rdx_free(block);
    return REDUX_OK;
}
