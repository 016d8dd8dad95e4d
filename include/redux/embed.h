/* SPDX-License-Identifier: MIT
 * Embeddings of slices by a network. */
#ifndef REDUX_EMBED_H
#define REDUX_EMBED_H

#include <redux/network.h>
#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** How a weight file wants its inputs: from its metadata (written by redux_pretrain: "window" as
 *  redux_window_parse reads it, "size", "mean", "deviation"), defaults where it says nothing.
 *  out->struct_size is set by the caller. Errors: REDUX_E_FORMAT (what it says makes no sense),
 *  REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_input_options_of(redux_input_options *out,
                                              const redux_safetensors *file);

/** Bytes of an encoder's name, with the NUL. */
#define REDUX_ENCODER_NAME 64

/** Loads the network of a weight file, ready for redux_embed. input: redux_input_options_of; name:
 *  REDUX_ENCODER_NAME bytes, "resnet18 crc32 1a2b3c4d": architecture and the CRC-32 (zlib's) of the
 *  file's bytes; either may be NULL. The caller owns *out. Errors: as redux_safetensors_load,
 *  redux_network_options_of, redux_network_load. Since 0.1. */
REDUX_API redux_status redux_encoder_load(redux_network **out, redux_input_options *input,
                                          char *name, redux_context *context, const char *path);

/** Pooled features of slices: running batch-norm statistics, not normalised. wanted: [slices of the
 *  dataset] bytes, those not 0 are embedded; NULL: all. out: [wanted slices, features] float32,
 *  C-contiguous, in dataset order. readable: NULL: the first slice that cannot be read ends it;
 *  else [slices of the dataset] bytes, filled in: 0 for slices that cannot be read, whose rows are
 *  0, and 1 for all others. input: NULL for the defaults; a network of 3 channels gets the
 *  same grey in each. `batch` images at a time (0: 64), for which the network is planned anew; as
 *  many volumes as there are threads (at most 8) are open at a time. Slices are axial ones also
 *  where the dataset is in stored orientation, if both number them alike.
 *
 *  Batches do not go beyond a volume: its rows are a function of the volume, what is wanted of it,
 *  the network, input and batch alone, to the bit and whatever the threads. Another batch may
 *  change last bits. Progress counts slices. Errors: as redux_volume_open; REDUX_E_INVALID,
 *  REDUX_E_UNSUPPORTED (window), REDUX_E_CANCELLED. Since 0.1. */
REDUX_API redux_status redux_embed(const redux_tensor *out, uint8_t *readable,
                                   redux_context *context, redux_network *network,
                                   const redux_dataset *dataset, const uint8_t *wanted,
                                   const redux_input_options *input, int64_t batch);

REDUX_END_DECLS
#endif
