/* SPDX-License-Identifier: MIT
 * What the figures of predictions and their uncertainty share. Internal. */
#ifndef RDX_SCORES_H
#define RDX_SCORES_H

#include <redux/scores.h>
#include "base/base.h"

#define RDX_FIGURES 7
#define RDX_FIGURE_AUC 2 /* their numbers, in the order of redux_scores */
#define RDX_FIGURE_PRECISION 3
#define RDX_FEWEST_GROUPS 10 /* below, no method that was tried holds its level */

/* Predictions as plain arrays. */
typedef struct rdx_score_table {
    int64_t n, k;
    int32_t *labels;
    double *scores; /* [n, k] */
    int64_t *group; /* [n], 0 ... groups - 1, in the order of their first items */
    int64_t groups; /* n where the predictions have none */
    int64_t positive;
    bool one_column; /* scores were [n]: predicted by 0.5 */
} rdx_score_table;

typedef struct rdx_ranked {
    double score;
    int64_t group;
    int32_t hit;
} rdx_ranked;

/* Room for the figures of one table. */
typedef struct rdx_score_bench {
    int64_t *confusion; /* [k, k] */
    rdx_ranked *ranked; /* [n] */
} rdx_score_bench;

redux_status rdx_score_table_open(rdx_score_table *t, redux_context *context,
                                  const redux_predictions *predictions);
/* Arrays for `n` items, otherwise of the same kind; their contents are undefined. */
redux_status rdx_score_table_like(rdx_score_table *t, redux_context *context,
                                  const rdx_score_table *other, int64_t n);
void rdx_score_table_close(rdx_score_table *t);

redux_status rdx_score_bench_open(rdx_score_bench *b, redux_context *context,
                                  const rdx_score_table *t);
void rdx_score_bench_close(rdx_score_bench *b);

/* The class that is predicted for an item. */
int64_t rdx_score_predicted(const rdx_score_table *t, int64_t item);
/* The figures that a confusion matrix gives. */
void rdx_score_count(redux_scores *out, const rdx_score_table *t, const int64_t *confusion);
/* The items by falling score of a class. list: [n]. */
void rdx_score_rank(rdx_ranked *list, const rdx_score_table *t, int64_t c);
/* AUC and average precision of the class against the rest, threshold by threshold, without one
 * group (-1: with all); NaN where the class has no items or all of them. */
void rdx_score_area(double *auc, double *precision, const rdx_ranked *list, int64_t n,
                    int64_t without);
/* All figures of a table. */
void rdx_score_figures(redux_scores *out, const rdx_score_table *t, rdx_score_bench *b);
/* The figure of this number, in the order of redux_scores. */
double *rdx_figure(redux_scores *scores, int index);
double rdx_figure_of(const redux_scores *scores, int index);
void rdx_scores_fill(redux_scores *scores, double value);
/* Copies figures to a caller's struct; NULL is allowed. */
redux_status rdx_scores_hand_out(redux_scores *out, const redux_scores *known);

/* ---- influence.c ---- */

/* How much each group moves each figure of one table: the jackknife's centred values, scaled such
 * that the sum of their squares is the variance. */
typedef struct rdx_influence {
    redux_scores estimate;
    double *values; /* [RDX_FIGURES, groups]; NaN: the figure needs one of the groups */
    int64_t groups;
} rdx_influence;

redux_status rdx_influence_open(rdx_influence *out, redux_context *context,
                                const rdx_score_table *t);
void rdx_influence_close(rdx_influence *influence);

/* The groups behind a figure. */
typedef struct rdx_sample {
    int64_t groups, of_class; /* of_class: groups that have the class that fewest groups have */
    int64_t strata;           /* parts within which groups were drawn: folds, else 1 */
    double extra;             /* variance that comes from elsewhere: random seeds */
} rdx_sample;

/* Interval of an estimate within 0 and 1, on the logit scale; NaN where there is none. */
void rdx_interval_of_share(double *low, double *high, double estimate, const double *influence,
                           const rdx_sample *sample, double level);
/* Interval of a difference, symmetric. */
void rdx_interval_of_difference(double *low, double *high, double estimate, const double *influence,
                                const rdx_sample *sample, double level);
/* Two-sided p of the sign-flip test. All patterns of signs where `rounds` allows. */
double rdx_sign_flip(double estimate, const double *influence, int64_t groups, int64_t rounds,
                     uint64_t seed);

/* ---- student.c ---- */

/* The quantile of Student's t distribution; 0 < p < 1, df > 0 need not be whole. */
double rdx_student_quantile(double p, double df);

#endif
