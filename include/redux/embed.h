/* SPDX-License-Identifier: MIT
 * Embeddings of slices by a network. */
#ifndef REDUX_EMBED_H
#define REDUX_EMBED_H

#include <redux/network.h>
#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** How a weight file wants its inputs: from its metadata (written by redux_pretrain: "window",
 *  "size", "mean", "deviation"), defaults where it says nothing. Errors: REDUX_E_FORMAT. Since
 *  0.1. */
REDUX_API redux_status redux_input_options_of(redux_input_options *out,
                                              const redux_safetensors *file);

/** Pooled features of slices: running batch-norm statistics, not normalised. wanted: [slices of the
 *  dataset] bytes, those not 0 are embedded; NULL: all. out: [wanted slices, features] float32,
 *  C-contiguous, in dataset order. `batch` images at a time (0: 64). Progress counts slices.
 *  Errors: as redux_volume_open; REDUX_E_INVALID, REDUX_E_CANCELLED. Since 0.1. */
REDUX_API redux_status redux_embed(const redux_tensor *out, redux_context *context,
                                   redux_network *network, const redux_dataset *dataset,
                                   const uint8_t *wanted, const redux_input_options *input,
                                   int64_t batch);

REDUX_END_DECLS
#endif
