/* SPDX-License-Identifier: MIT */
/** @file
 * How good predictions are: accuracy, AUC, average precision, F1, confusion; their uncertainty, and
 * whether one run beats another.
 *
 * @code
 * const int64_t shape[1] = {4};
 * int32_t truth[4] = {0, 0, 1, 1};
 * double probability[4] = {0.1, 0.6, 0.4, 0.9}; // of class 1
 * redux_tensor labels = REDUX_TENSOR_INIT, values = REDUX_TENSOR_INIT;
 * redux_predictions predictions = REDUX_PREDICTIONS_INIT;
 * redux_scores scores = REDUX_SCORES_INIT;
 * redux_status status = redux_tensor_borrow(&labels, truth, REDUX_INT32, 1, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&values, probability, REDUX_FLOAT64, 1, shape, NULL);
 * predictions.labels = &labels;
 * predictions.scores = &values;
 * if (status == REDUX_OK)
 *     status = redux_scores_compute(&scores, context, &predictions);
 * if (status == REDUX_OK)
 *     printf("accuracy %g, AUC %g\n", scores.accuracy, scores.auc); // 0.5, 0.75
 * return status;
 * @endcode
 *
 * Definitions are scikit-learn's. A figure that is not defined (a class without items) is NaN.
 *
 * Promised: the same seed gives the same intervals and p-values, to the bit, whatever the threads.
 *
 * Not promised: valid intervals for dependent items without groups. Slices of one patient are
 * alike: give each item the number of its patient, and intervals and tests count patients.
 *
 * Threads: any. Since 0.1.
 */
#ifndef REDUX_SCORES_H
#define REDUX_SCORES_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Predictions to score: n items of k classes. */
typedef struct redux_predictions {
    size_t struct_size;
    /** The true classes, [n], any integer dtype, 0 ... k - 1. */
    const redux_tensor *labels;
    /** Scores or probabilities, float32 or float64: [n, k], greater is likelier; or [n] for two
     *  classes: the probability of class 1. No NaN. The class that is predicted is the one of the
     *  greatest score, the first of equals; of [n]: 1 if the probability is over 0.5. */
    const redux_tensor *scores;
    int32_t positive; /**< of two classes the one that f1, auc and average_precision are about;
                           default 1 */
    /** The group (patient) of each item, [n], any integer dtype, any numbers; NULL: each item is a
     *  group of its own. Figures do not depend on it; intervals and tests do. Since 0.2. */
    const redux_tensor *groups;
} redux_predictions;

#define REDUX_PREDICTIONS_DEFAULTS(set)                                                            \
    set(struct_size, sizeof(redux_predictions)), set(positive, 1)
REDUX_DEFINE_INIT(redux_predictions, REDUX_PREDICTIONS_DEFAULTS)
#define REDUX_PREDICTIONS_INIT REDUX_INIT(redux_predictions, REDUX_PREDICTIONS_DEFAULTS)

/** The figures. NaN if a figure is not defined: a class has no items, or all of them. */
typedef struct redux_scores {
    size_t struct_size; /**< set by the caller */
    double accuracy;
    double balanced_accuracy; /**< mean recall of the classes that have items */
    /** Area under the ROC curve, ties count half; more than two classes: mean of one against the
     *  rest (macro). */
    double auc;
    /** Sum of (R_i - R_(i-1)) P_i over falling thresholds, without interpolation; more than two
     *  classes: the mean over classes. */
    double average_precision;
    /** 2 TP / (2 TP + FP + FN) of the positive class; 0 where nothing is positive nor predicted so;
     *  more than two classes: f1_macro. */
    double f1;
    double f1_macro; /**< mean over the classes that are true or predicted of some item */
    double f1_micro; /**< over all items: the accuracy, where each has one class */
} redux_scores;

#define REDUX_SCORES_DEFAULTS(set) set(struct_size, sizeof(redux_scores))
REDUX_DEFINE_INIT(redux_scores, REDUX_SCORES_DEFAULTS)
#define REDUX_SCORES_INIT REDUX_INIT(redux_scores, REDUX_SCORES_DEFAULTS)

/** Computes all figures of predictions. Errors: REDUX_E_INVALID (shapes, dtypes, a label or a score
 *  out of range, no item), REDUX_E_NO_MEMORY. Any thread. */
REDUX_API redux_status redux_scores_compute(redux_scores *out, redux_context *context,
                                            const redux_predictions *predictions);

/** The confusion matrix. matrix: [k, k] int64, C-contiguous: entry (i, j) counts items of class i
 *  that were predicted as class j. Errors: as redux_scores_compute. */
REDUX_API redux_status redux_scores_confusion(const redux_tensor *matrix, redux_context *context,
                                              const redux_predictions *predictions);

/** Intervals of all figures that hold their level also with few groups: the jackknife over groups,
 *  on the logit scale, with quantiles of Student's t. *low and *high: the ends, within 0 and 1;
 *  NaN where there is none: fewer than 10 groups, a class that one group alone has, or a figure
 *  that all groups share. A figure of 0 or 1 gets the bound of a binomial share. Of more than 2,000
 *  groups several are left out at a time.
 *  Where predictions->groups is NULL, each item is a group. level: 0 < level < 1 (0.95).
 *
 *  Simulated coverage at 95 %: 91.6 to 96.7 % at 10 to 84 groups (docs/intervals.md).
 *  Errors: as redux_scores_compute. Any thread. Since 0.2. Source: Tukey 1958; for AUC, Obuchowski
 *  1997. */
REDUX_API redux_status redux_scores_interval(redux_scores *low, redux_scores *high,
                                             redux_context *context,
                                             const redux_predictions *predictions, double level);

/** Percentile bootstrap: the (1 - level) / 2 and (1 + level) / 2 quantiles (linear interpolation)
 *  of each figure over `resamples` draws with replacement: of groups where predictions->groups is
 *  given, else of items. Draws in which a figure is not defined are left out of it. With few groups
 *  its intervals are too narrow: prefer redux_scores_interval. level: 0 < level < 1 (0.95). Errors:
 *  as redux_scores_compute. Source: Efron 1979. */
REDUX_API redux_status redux_scores_bootstrap(redux_scores *low, redux_scores *high,
                                              redux_context *context,
                                              const redux_predictions *predictions,
                                              int64_t resamples, double level, uint64_t seed);

/** Mean and standard deviation (n - 1) of values over several seeds. NaN is left out; *deviation is
 *  NaN with fewer than two values. Either may be NULL. Any thread. */
REDUX_API void redux_scores_summarise(double *mean, double *deviation, const double *values,
                                      int64_t count);

/** Paired permutation test of two runs on the same items: for each figure the two-sided p-value of
 *  the null hypothesis that the runs are exchangeable group by group (item by item without groups),
 *  (1 + how many of `permutations` random swaps of the groups' scores give a difference at least as
 *  large) / (1 + permutations). Labels, groups and shapes of both must be the same.
 *  Errors: as redux_scores_compute. Source: Fisher's permutation test;
 *  Good, Permutation Tests, 3.1. */
REDUX_API redux_status redux_scores_compare(redux_scores *p_values, redux_context *context,
                                            const redux_predictions *a, const redux_predictions *b,
                                            int64_t permutations, uint64_t seed);

REDUX_END_DECLS
#endif
