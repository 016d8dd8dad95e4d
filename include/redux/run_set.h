/* SPDX-License-Identifier: MIT */
/** @file
 * Several runs of one task together, over seeds and folds: mean figures, their interval over
 * groups, and whether one encoder beats another.
 *
 * @code
 * redux_scores mean = REDUX_SCORES_INIT, low = REDUX_SCORES_INIT, high = REDUX_SCORES_INIT;
 * redux_run_set *runs = NULL;
 * redux_status status = redux_run_set_new(&runs, context);
 * if (status == REDUX_OK)
 *     status = redux_run_set_load(runs, context, "predictions.csv", 1); // evaluate.h
 * if (status == REDUX_OK)
 *     status = redux_run_set_scores(&mean, NULL, NULL, context, runs);
 * if (status == REDUX_OK)
 *     status = redux_run_set_interval(&low, &high, context, runs, 0.95);
 * if (status == REDUX_OK)
 *     printf("AUC %.3f, 95 %% interval %.3f to %.3f\n", mean.auc, low.auc, high.auc);
 * redux_run_set_free(runs);
 * return status;
 * @endcode
 *
 * A figure is the mean over seeds of the mean over the folds of a seed. A fold in which it is not
 * defined (the AUC of one class) is left out, and redux_run_set_scores counts those that are in.
 *
 * Groups (patients) are the sample: what moves the mean when a group is left out of every run that
 * tested it gives the variance; that of the mean over seeds is added. The interval is
 * redux_scores_interval's.
 *
 * Promised: the same runs in the same order give the same bits, whatever the threads.
 *
 * Not promised: anything about datasets that these groups are not a sample of.
 *
 * Threads: a set is for one thread at a time. Since 0.2.
 */
#ifndef REDUX_RUN_SET_H
#define REDUX_RUN_SET_H

#include <redux/scores.h>

REDUX_BEGIN_DECLS

/** Runs of one task. Opaque. */
typedef struct redux_run_set redux_run_set;

/** How many runs and groups a set has. */
typedef struct redux_run_set_counts {
    size_t struct_size;  /**< set by the caller */
    int64_t runs, seeds; /**< seeds: different ones */
    int64_t folds;       /**< of the seed that has most; 1 without folds */
    int64_t groups;      /**< different ones, over all runs */
    int64_t rows;        /**< test rows of all runs */
    int64_t classes;
} redux_run_set_counts;

/** An empty set. The caller owns *out. Errors: REDUX_E_INVALID (NULL), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_run_set_new(redux_run_set **out, redux_context *context);
/** Frees a set; NULL is allowed. */
REDUX_API void redux_run_set_free(redux_run_set *set);

/** Adds the test rows of one run. fold: -1 without folds. group_names: of group g, [largest number
 *  in predictions->groups + 1]; NULL: groups are recognised in other runs by their numbers (items
 *  by their positions, where predictions->groups is NULL). Everything is copied.
 *  Errors: those of redux_scores_compute; REDUX_E_INVALID (the seed and fold are there already,
 *  another number of classes, a negative group), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_run_set_add(redux_run_set *set, redux_context *context, uint64_t seed,
                                         int32_t fold, const redux_predictions *predictions,
                                         const char *const *group_names);

/** Adds all runs of a file of redux_evaluation_save; nothing is added on failure. positive: of two
 *  classes, in the order of the file's columns p_CLASS, the one that f1, auc and average_precision
 *  are about. Columns seed, fold and group may be missing: then it is one run, and each source is
 *  a group. Errors: REDUX_E_FORMAT (no predictions, a row twice in a run), REDUX_E_INVALID (classes
 *  other than in the set, a run that is there already), those of reading, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_run_set_load(redux_run_set *set, redux_context *context,
                                          const char *path, int32_t positive);

/** Counts. Set out->struct_size first. Errors: REDUX_E_INVALID (NULL, struct_size),
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_run_set_get_counts(redux_run_set_counts *out, redux_context *context,
                                                const redux_run_set *set);

/** The figures of the set. *mean: over seeds and folds; *deviation: standard deviation (n - 1) over
 *  seeds, NaN with one; *runs: in how many runs each figure is defined. Each may be NULL. Errors:
 *  REDUX_E_INVALID (an empty set), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_run_set_scores(redux_scores *mean, redux_scores *deviation,
                                            redux_scores *runs, redux_context *context,
                                            const redux_run_set *set);

/** Intervals of the mean figures; NaN where there is none, see redux_run_set_why. level: 0.95.
 *  Errors: as redux_run_set_scores; REDUX_E_INVALID (level). */
REDUX_API redux_status redux_run_set_interval(redux_scores *low, redux_scores *high,
                                              redux_context *context, const redux_run_set *set,
                                              double level);

/** Why the AUC has no interval, in a few words; "" where it has one. Static storage. */
REDUX_API const char *redux_run_set_why(redux_context *context, const redux_run_set *set);

/** B against A on the same groups. *difference: figures of `b` minus those of `a`; *low and *high:
 *  its interval; *p_values: of the two-sided sign-flip test over groups (each group's contribution
 *  to the difference may as well have the other sign), with all patterns of signs if there are no
 *  more than `permutations`. Each may be NULL. Differences between seeds are in the interval,
 *  paired where both have the same seeds; the test is given these seeds. Errors: REDUX_E_INVALID
 *  (other groups, classes or rows; level; permutations < 1), REDUX_E_NO_MEMORY. Source: Fisher's
 *  randomisation test; Good, Permutation Tests, 3.2. */
REDUX_API redux_status redux_run_set_compare(redux_scores *difference, redux_scores *low,
                                             redux_scores *high, redux_scores *p_values,
                                             redux_context *context, const redux_run_set *a,
                                             const redux_run_set *b, double level,
                                             int64_t permutations, uint64_t seed);

/** Holm's step-down correction for `count` comparisons: out[i] is the corrected p_values[i]. NaN
 *  stays, and counts as no comparison. The arrays must not overlap. Source: Holm 1979. Any thread.
 */
REDUX_API void redux_scores_holm(double *out, const double *p_values, int64_t count);

REDUX_END_DECLS
#endif
