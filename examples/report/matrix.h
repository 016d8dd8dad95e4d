/* SPDX-License-Identifier: MIT
 * Scores of all pairs of some slices, by the metric that the manifest was made with. */
#ifndef REDUX_EXAMPLES_REPORT_MATRIX_H
#define REDUX_EXAMPLES_REPORT_MATRIX_H

#include "report.h"

/* images: matrix->count slices windowed as the reduction windows them, uint8 or float32. Fills in
 * scores (row i: slice i as the kept one of each pair), note, is_distance and is_own. */
redux_status matrix_scores(report_matrix *matrix, redux_context *context, const report_data *data,
                           const redux_tensor *images);

/* Shannon entropy in bits of 8-bit grey values, and whether hashes consider it flat. */
redux_status look_at_slice(double *entropy, bool *is_flat, redux_context *context,
                           const redux_tensor *grey);

/* The matrix as a heat map, and its scale: uint8 RGB. */
redux_status matrix_picture(redux_tensor *out, redux_context *context, const report_matrix *matrix,
                            double low, double high);
redux_status scale_picture(redux_tensor *out, redux_context *context, bool is_distance);

#endif
