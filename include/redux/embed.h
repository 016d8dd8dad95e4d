/* SPDX-License-Identifier: MIT */
/** @file
 * Embeddings of slices: the features that a network computes of them.
 *
 * @code
 * const char *path = "data/ct/STS_019_CT.nii.gz";
 * int64_t shape[2] = {0, 512};
 * redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
 * redux_network *network = NULL;
 * redux_dataset *dataset = NULL;
 * redux_tensor out = REDUX_TENSOR_INIT;
 * const char *weights = "run/weights.safetensors";
 * redux_status status = redux_encoder_load(&network, &input, NULL, context, weights);
 * if (status == REDUX_OK)
 *     status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * shape[0] = redux_dataset_slice_count(dataset);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&out, context, REDUX_FLOAT32, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_embed(&out, NULL, context, network, dataset, NULL, &input, 0);
 * redux_tensor_release(&out);
 * redux_dataset_free(dataset);
 * redux_network_free(network);
 * return status;
 * @endcode
 *
 * Promised: the rows of a volume depend only on the volume, the wanted slices of it, the network,
 * input and batch: to the bit, whatever the number of threads.
 *
 * Not promised: the same last bits with another batch, instruction set or BLAS.
 *
 * Threads: one context and one network per thread. Since 0.1.
 */
#ifndef REDUX_EMBED_H
#define REDUX_EMBED_H

#include <redux/network.h>
#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** How a weight file wants its inputs, from its metadata (written by redux_pretrain: "window" as
 *  redux_window_parse reads it, "size", "mean", "deviation"), with defaults for what it does not
 *  name. Set out->struct_size first. Errors: REDUX_E_FORMAT (invalid values), REDUX_E_INVALID. */
REDUX_API redux_status redux_input_options_of(redux_input_options *out,
                                              const redux_safetensors *file);

/** Bytes of an encoder's name, with the NUL. */
#define REDUX_ENCODER_NAME 64

/** Loads the network of a weight file, ready for redux_embed. The caller owns *out.
 *  - input: as redux_input_options_of sets it; may be NULL.
 *  - name: REDUX_ENCODER_NAME bytes, such as "resnet18 crc32 1a2b3c4d": architecture and the CRC-32
 *    (zlib's) of the file's bytes; may be NULL.
 *
 *  Errors: as redux_safetensors_load, redux_network_options_of, redux_network_load. */
REDUX_API redux_status redux_encoder_load(redux_network **out, redux_input_options *input,
                                          char *name, redux_context *context, const char *path);

/** Pooled features of slices, with running batch-norm statistics, not normalised.
 *  - out: [wanted slices, features] float32, C-contiguous, in dataset order.
 *  - wanted: [slices of the dataset] bytes, those not 0 are embedded; NULL: all.
 *  - readable: NULL: the first slice that cannot be read ends the call. Otherwise [slices of the
 *    dataset] bytes: 0 for slices that cannot be read, whose rows are 0, and 1 for all others.
 *  - input: NULL for the defaults; a network of 3 channels gets the same grey in each.
 *  - batch: images at a time (0: 64), for which the network is planned anew. Batches do not extend
 *    beyond a volume.
 *
 *  Slices are axial even if the dataset is in stored orientation, if both number them alike. As
 *  many volumes as there are threads (at most 8) are open at a time. Reports slices as progress.
 *  Errors: as redux_volume_open; REDUX_E_INVALID, REDUX_E_UNSUPPORTED (window), REDUX_E_CANCELLED.
 */
REDUX_API redux_status redux_embed(const redux_tensor *out, uint8_t *readable,
                                   redux_context *context, redux_network *network,
                                   const redux_dataset *dataset, const uint8_t *wanted,
                                   const redux_input_options *input, int64_t batch);

REDUX_END_DECLS
#endif
