/* SPDX-License-Identifier: MIT
 * What evaluation and fine-tuning share. Internal. */
#ifndef RDX_EVALUATE_H
#define RDX_EVALUATE_H

#include <redux/evaluate.h>
#include "labels.h"

/* One run, and the buffers for its predictions. */
typedef struct rdx_trial {
    const uint8_t *split; /* [rows] */
    uint64_t seed;
    double *validation, *test; /* probabilities [rows of that split, classes] */
    double chosen;
    int32_t converged;
} rdx_trial;

/* Lists the rows of a split (room for all rows), and returns how many. */
int64_t rdx_rows_of(int64_t *rows, const redux_labels *labels, const uint8_t *split,
                    redux_split which);
/* Scores of predicted rows. probabilities: [count, classes]. */
redux_status rdx_score_rows(redux_scores *out, redux_context *context, const redux_labels *labels,
                            const int64_t *rows, int64_t count, double *probabilities,
                            int32_t positive);
/* The figure by which settings are chosen. */
double rdx_choice_figure(const redux_scores *scores, const redux_evaluate_options *options);
/* A network for the labels: of the weights' file, or random. classes 0: encoder only. */
redux_status rdx_evaluation_network(redux_network **out, redux_context *context,
                                    const redux_evaluate_options *options, int32_t classes,
                                    uint64_t seed);
redux_status rdx_evaluation_input(redux_input_options *out, const redux_evaluate_options *options);

const redux_labels *rdx_evaluation_labels(const redux_evaluation *evaluation);

/* probe_run.c: one run of a linear or nearest-neighbour probe; features: [rows, D]. */
redux_status rdx_probe_run(rdx_trial *run, redux_context *context, const redux_labels *labels,
                           const redux_tensor *features, const redux_evaluate_options *options);

/* finetune.c: labelled slices in memory, and one run on them. */
typedef struct rdx_images {
    redux_tensor *slices; /* [rows] as stored */
    double *slope, *intercept;
    uint8_t *is_scan;
    redux_tensor inputs; /* [rows, s, s, 1]: without random views */
    int64_t count;
} rdx_images;

redux_status rdx_images_load(rdx_images *out, redux_context *context, const redux_labels *labels,
                             const redux_input_options *input);
void rdx_images_free(rdx_images *images);
redux_status rdx_finetune_run(rdx_trial *run, redux_context *context, const redux_labels *labels,
                              const rdx_images *images, const redux_evaluate_options *options);

#endif
