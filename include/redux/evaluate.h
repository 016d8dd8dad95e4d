/* SPDX-License-Identifier: MIT */
/** @file
 * How good an encoder is: labelled slices and a protocol in, scores on held-out groups out.
 *
 * @code
 * redux_labels_options columns = REDUX_LABELS_OPTIONS_INIT;
 * redux_split_options split = REDUX_SPLIT_OPTIONS_INIT;
 * redux_evaluate_options options = REDUX_EVALUATE_OPTIONS_INIT;
 * redux_evaluation_summary summary;
 * redux_labels *labels = NULL;
 * redux_safetensors *weights = NULL;
 * redux_evaluation *evaluation = NULL;
 * columns.label = "tumour";
 * split.method = REDUX_SPLIT_BY_FOLDS;
 * split.folds = 4;
 * options.split = &split;
 * options.protocol = REDUX_PROTOCOL_KNN;
 * options.seeds = 1;
 * summary.struct_size = sizeof summary;
 * redux_status status = redux_labels_load(&labels, context, "data/ct/labels.csv", &columns);
 * if (status == REDUX_OK)
 *     status = redux_safetensors_load(&weights, context, "run/weights.safetensors");
 * options.weights = weights;
 * if (status == REDUX_OK)
 *     status = redux_evaluate(&evaluation, context, labels, &options);
 * if (status == REDUX_OK)
 *     status = redux_evaluation_get_summary(&summary, evaluation);
 * if (status == REDUX_OK)
 *     printf("AUC %.3f\n", summary.mean->auc);
 * if (status == REDUX_OK)
 *     status = redux_evaluation_save("predictions.csv", context, evaluation);
 * redux_evaluation_free(evaluation);
 * redux_safetensors_free(weights);
 * redux_labels_free(labels);
 * return status;
 * @endcode
 *
 * Promised:
 * - Settings are chosen on validation rows only; test rows are scored once.
 * - The same inputs, options, build, instruction set and BLAS give the same bits, whatever the
 *   threads.
 *
 * Not promised: that intervals cover what other patients, scanners or training sets would change.
 * They are about these runs' groups as a sample of groups.
 *
 * Threads: one evaluation per context at a time; results are read-only, any thread. Since 0.1.
 */
#ifndef REDUX_EVALUATE_H
#define REDUX_EVALUATE_H

#include <redux/labels.h>
#include <redux/network.h>
#include <redux/run_set.h>
#include <redux/views.h>

REDUX_BEGIN_DECLS

/* ---- options ---- */

/** How an encoder is judged. Values are pinned. */
typedef enum redux_protocol {
    REDUX_PROTOCOL_LINEAR = 0,  /**< redux_logistic_fit on features of the frozen encoder */
    REDUX_PROTOCOL_KNN = 1,     /**< redux_knn_predict on them */
    REDUX_PROTOCOL_FINETUNE = 2 /**< encoder and classifier are trained (the paper's protocol) */
} redux_protocol;

/** The figure by which settings are chosen on validation rows. */
typedef enum redux_figure {
    REDUX_FIGURE_AUTO = 0, /**< AUC for probes, accuracy for fine-tuning (as the paper) */
    REDUX_FIGURE_AUC = 1,  /**< the accuracy where the AUC is not defined */
    REDUX_FIGURE_ACCURACY = 2
} redux_figure;

/** What intervals are of. Values are pinned. */
typedef enum redux_interval {
    REDUX_INTERVAL_GROUPS = 0, /**< groups (patients) are the sample: redux_run_set_interval */
    REDUX_INTERVAL_ROWS = 1, /**< redux_scores_bootstrap over rows, as if slices were independent */
    REDUX_INTERVAL_NONE = 2
} redux_interval;

/** Options of redux_evaluate. What they point to must stay valid during the call. */
typedef struct redux_evaluate_options {
    size_t struct_size;
    redux_protocol protocol;
    /** The encoder; NULL: none. Then probes take a network of random weights, and fine-tuning
     *  begins from scratch; each seed has its own. */
    const redux_safetensors *weights;
    /** Features in place of an encoder, for probes: [rows, D] float32 or float64, one row a row of
     *  the labels. NULL: none. */
    const redux_tensor *features;
    const redux_network_options *network; /**< without weights; NULL: ResNet-18 */
    const redux_input_options *input;     /**< NULL: as the weights' file says, or the defaults */
    const redux_split_options *split;     /**< NULL: by table. `fold` is ignored: with folds
                                               each is the test once */
    int32_t seeds;                        /**< repetitions; 5 */
    uint64_t first_seed;                  /**< they are first_seed, first_seed + 1, ... */
    int32_t fixed_split; /**< 1: every repetition divides groups by split->seed; 0: by its seed */
    redux_figure choose_by;
    double c;              /**< linear; NaN: chosen from 1e-4 ... 1e2 by half decades */
    int32_t neighbours;    /**< knn; 0: chosen from 1, 5, 10, 20, 50, 100, 200 */
    double temperature;    /**< knn; 0.07 */
    int32_t refit;         /**< probes: 1: once settings are chosen, validation rows train too */
    int32_t epochs;        /**< fine-tuning: 70 */
    int32_t frozen_epochs; /**< first ones, with weights: only the classifier learns; 10 */
    int32_t batch;         /**< 64; also for embedding */
    double rate, weight_decay; /**< Adam's: 1e-4, 5e-4 */
    int32_t balanced; /**< 1: the loss of a class is weighted by rows / (classes rows of it) */
    const redux_views_options *views; /**< fine-tuning's random views; NULL: light ones, see
                                           redux_evaluate */
    int32_t positive;  /**< of two classes the one that f1, auc, average_precision are about; 1 */
    int32_t resamples; /**< of the bootstrap over rows; 1000; 0: no intervals at all (NaN) */
    double level;      /**< of the intervals; 0.95 */
    int32_t check_leakage; /**< 1: redux_labels_find_leakage on the first run's splits; with folds,
                                between all folds of the first seed: `test` are rows with a
                                near-duplicate in an earlier fold, `validation` is 0 */
    redux_interval interval; /**< GROUPS. Since 0.2 */
    int32_t fold;            /**< with folds: the only one that is the test; -1: each. Since 0.2 */
    int32_t norms_learn; /**< fine-tuning: 1: the batch norms of a frozen encoder learn, and use the
                              batch's statistics (Lightning's `train_bn`). Since 0.2 */
    double thawed_rate;  /**< fine-tuning: everything's rate after the frozen epochs; NaN: `rate`.
                              Since 0.2 */
} redux_evaluate_options;

#define REDUX_EVALUATE_OPTIONS_DEFAULTS(set)                                                       \
    set(struct_size, sizeof(redux_evaluate_options)), set(protocol, REDUX_PROTOCOL_LINEAR),        \
        set(seeds, 5), set(choose_by, REDUX_FIGURE_AUTO), set(c, REDUX_NAN),                       \
        set(temperature, 0.07), set(epochs, 70), set(frozen_epochs, 10), set(batch, 64),           \
        set(rate, 1e-4), set(weight_decay, 5e-4), set(positive, 1), set(resamples, 1000),          \
        set(level, 0.95), set(check_leakage, 1), set(interval, REDUX_INTERVAL_GROUPS),             \
        set(fold, -1), set(thawed_rate, REDUX_NAN)
REDUX_DEFINE_INIT(redux_evaluate_options, REDUX_EVALUATE_OPTIONS_DEFAULTS)
#define REDUX_EVALUATE_OPTIONS_INIT                                                                \
    REDUX_INIT(redux_evaluate_options, REDUX_EVALUATE_OPTIONS_DEFAULTS)

/* ---- what comes out ---- */

/** The result of an evaluation. Opaque; read-only once made: any thread. */
typedef struct redux_evaluation redux_evaluation;

/** One training and test: of one seed and, with folds, one fold. */
typedef struct redux_evaluation_run {
    size_t struct_size; /**< set by the caller */
    uint64_t seed;
    int32_t fold;                          /**< -1 without folds */
    int64_t train, validation, test;       /**< rows */
    double chosen;                         /**< C, k, or the epoch (from 1) that was tested */
    int32_t converged;                     /**< linear: 0 where iterations ran out */
    const redux_scores *validation_scores; /**< these and the others belong to the evaluation */
    const redux_scores *scores;            /**< of the test rows */
    const redux_scores *low, *high;        /**< their interval; NaN: none */
} redux_evaluation_run;

/** The figures of all runs together. */
typedef struct redux_evaluation_summary {
    size_t struct_size; /**< set by the caller */
    int64_t runs, seeds, folds;
    int64_t rows, classes, groups;
    int64_t features; /**< length of the feature vector */
    int32_t positive;
    redux_protocol protocol;
    /** Mean and standard deviation (n - 1) over seeds of test figures; with folds a seed's figure
     *  is the mean over its folds. NaN is left out. */
    const redux_scores *mean, *deviation; /**< these and the others belong to the evaluation */
    const redux_scores *validation_mean, *validation_deviation;
    const redux_scores *low, *high; /**< interval of the mean: redux_run_set_interval; over rows
                                          the mean of the runs' ends */
    int64_t test_groups;            /**< tested in any run. These and what follows: since 0.2 */
    const redux_scores *defined;    /**< in how many runs each figure is defined */
    const char *no_interval;        /**< why the AUC has no interval over groups; "" if it has */
} redux_evaluation_summary;

/** The prediction for one test row in one run. */
typedef struct redux_evaluation_prediction {
    size_t struct_size; /**< set by the caller */
    uint64_t seed;
    int32_t fold;
    int32_t label;               /**< the true class */
    int64_t row;                 /**< of the labels */
    const double *probabilities; /**< [classes]; the evaluation's */
} redux_evaluation_prediction;

/* ---- evaluating ---- */

/** The protocol of a name ("linear", "knn", "finetune"), and the name. Errors: REDUX_E_NOT_FOUND,
 *  REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_protocol_parse(redux_protocol *out, const char *name);
REDUX_API const char *redux_protocol_name(redux_protocol protocol);

/** Evaluates an encoder. For every seed (and fold) the rows are divided (redux_labels_split),
 *  settings are chosen on validation rows, and the test rows are scored once with those settings.
 *  The caller owns *out; the labels must outlive it.
 *
 *  The seed decides: how groups are divided (unless the table says it, or fixed_split), random
 *  weights, the classifier's first weights, order and views in fine-tuning, the bootstrap. A linear
 *  probe of given weights on splits of the table is the same for all seeds: its deviation is 0.
 *
 *  Slices are windowed and resized as `input` says; grey. Protocols:
 *  - Probes embed each labelled slice once with running batch-norm statistics.
 *  - linear: C has the best figure on validation; of equals the best accuracy (or AUC, if the
 *    accuracy chooses), then the strongest regularisation.
 *  - knn: k likewise, finally the smallest.
 *  - finetune: a linear classifier on the encoder, softmax cross-entropy, Adam (no weight decay on
 *    norms and biases). With weights, the encoder is frozen for the first `frozen_epochs`,
 *    batch-norm statistics included. The epoch with the best figure on validation is tested (of
 *    equals the one with the smaller validation loss). A last batch smaller than half of one is
 *    left out of its epoch. Light views: crops of 0.8 to 1 of the area, horizontal flip,
 *    brightness, contrast and gamma by up to a tenth. The labelled volumes are held in memory as
 *    stored.
 *
 *  Reports slices while embedding, then runs or epochs, as progress. Errors: REDUX_E_INVALID,
 *  REDUX_E_FORMAT (weights), REDUX_E_NOT_FINITE (training diverged), those of redux_volume_open,
 *  REDUX_E_CANCELLED, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_evaluate(redux_evaluation **out, redux_context *context,
                                      const redux_labels *labels,
                                      const redux_evaluate_options *options);

/** Frees an evaluation; NULL is allowed. */
REDUX_API void redux_evaluation_free(redux_evaluation *evaluation);

/** The figures of all runs together, and of one run. Set out->struct_size first. Errors:
 *  REDUX_E_INVALID (index, struct_size, NULL). */
REDUX_API redux_status redux_evaluation_get_summary(redux_evaluation_summary *out,
                                                    const redux_evaluation *evaluation);
REDUX_API redux_status redux_evaluation_get_run(redux_evaluation_run *out,
                                                const redux_evaluation *evaluation, int64_t index);
/** The predictions of all runs, run by run, rows in the order of the labels. */
REDUX_API int64_t redux_evaluation_prediction_count(const redux_evaluation *evaluation);
REDUX_API redux_status redux_evaluation_get_prediction(redux_evaluation_prediction *out,
                                                       const redux_evaluation *evaluation,
                                                       int64_t index);

/** The confusion of the test rows of all runs. counts: room for classes x classes: entry (i, j)
 *  counts rows of class i that were predicted as class j. Errors: REDUX_E_INVALID (NULL). */
REDUX_API redux_status redux_evaluation_get_confusion(int64_t *counts,
                                                      const redux_evaluation *evaluation);

/** What check_leakage found; NULL if it was not asked for. Belongs to the evaluation. */
REDUX_API const redux_leakage *redux_evaluation_leakage(const redux_evaluation *evaluation);

/** Writes the predictions as CSV, whole or not at all: columns seed, fold (empty without folds),
 *  source, slice, group, label, predicted, and for each class "p_NAME", its probability with the
 *  fewest digits that read back as the same double. Errors: REDUX_E_IO, REDUX_E_NOT_FOUND (no such
 *  folder), REDUX_E_INVALID (NULL), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_evaluation_save(const char *path, redux_context *context,
                                             const redux_evaluation *evaluation);

REDUX_END_DECLS
#endif
