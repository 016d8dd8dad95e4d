/* SPDX-License-Identifier: MIT */
/** @file
 * libredux finds and removes redundancy in image datasets, medical volumes first.
 *
 * A CT scan has hundreds of slices, and most of them resemble their neighbours. libredux opens
 * scans (NIfTI, DICOM, MetaImage, NRRD, MGH), pictures or NumPy arrays, measures how similar slices
 * are, decides which ones to keep, and writes a manifest: one row per slice, and for each dropped
 * slice the kept one that replaces it. It can also pre-train an encoder on what is left, and
 * measure what was lost.
 *
 * What it is not: a general image-processing library, a viewer, a DICOM network node, or a GPU
 * framework. It never changes or deletes your files.
 *
 * This program keeps half of the slices of a folder:
 *
 * @code
 * #include <redux.h>
 * #include <stdio.h>
 *
 * int main(void)
 * {
 *     const char *folder = "data/ct";
 *     redux_reduce_options options = REDUX_REDUCE_OPTIONS_INIT;
 *     redux_dataset *dataset = NULL;
 *     redux_reduction *reduction = NULL;
 *     redux_status status = redux_dataset_open(&dataset, NULL, &folder, 1, NULL);
 *
 *     options.keep_percent = 50;
 *     if (status == REDUX_OK)
 *         status = redux_reduce(&reduction, NULL, dataset, &options);
 *     if (status == REDUX_OK)
 *         status = redux_results_save("half.csv", "half.json", NULL, reduction, 0);
 *     if (status != REDUX_OK)
 *         fprintf(stderr, "%s: %s\n", redux_status_string(status), redux_error_message());
 *     redux_reduction_free(reduction);
 *     redux_dataset_free(dataset);
 *     return status == REDUX_OK ? 0 : 1;
 * }
 * @endcode
 *
 * How every part works:
 * - Errors: whatever can fail returns a redux_status. On failure outputs keep their values, and
 *   redux_error_message() names the file, what is wrong and what to do.
 * - The library never prints, aborts or exits.
 * - Contexts: a redux_context brings threads, an allocator, a log, progress and limits. NULL is
 *   allowed everywhere: one thread, malloc, silence.
 * - Arguments: outputs come first, then the context, inputs, options, and a callback with its
 * `user` last.
 * - Ownership: what `..._new`, `..._open`, `..._load` or another function puts into *out is yours;
 *   free it with the `..._free` of its type, which accepts NULL. Pointers that a function returns
 *   belong to the object that you asked.
 * - Tensors are plain structs on your stack. Release each one that a function filled in, views too.
 * - Options: begin with REDUX_X_INIT, set fields by name, pass a pointer. NULL means the defaults.
 *   Structs that you receive (summaries, infos) need their INIT or struct_size first.
 * - Threads: there is no global state. Use one context per thread. Objects marked read-only may be
 *   shared.
 * - Results: the same build, instruction set, seed and inputs give the same bits, whatever the
 *   number of threads. Between instruction sets (redux_cpu_tier) float results may
 *   differ in their last bits; hash codes of 8-bit images, entropies and random integers do not.
 *
 * Other examples in these headers are the body of a function that is given `context`, a
 * redux_context * that may be NULL, and that returns a redux_status.
 */
#ifndef REDUX_H
#define REDUX_H

/* Start here: from a folder to a manifest. */
#include <redux/status.h>       /* error codes and messages */
#include <redux/context.h>      /* threads, memory, log, progress */
#include <redux/communicator.h> /* several processes on one job */
#include <redux/tensor.h>       /* arrays in memory */
#include <redux/volume.h>       /* datasets and volumes: scans, pictures, arrays */
#include <redux/part.h>         /* work on a dataset in parts that are done apart */
#include <redux/column.h>       /* what a table says of the slices of a dataset */
#include <redux/window.h>       /* from voxel values (HU) to grey values */
#include <redux/reduce.h>       /* which slices to keep, and why; exports */
#include <redux/manifest.h>     /* earlier results, read back */
#include <redux/version.h>      /* of the header and of the library */

/* Building blocks: hashes, metrics, search, files. */
#include <redux/hash.h>              /* perceptual hashes of images */
#include <redux/hash_list.h>         /* hashes of a dataset, saved and loaded */
#include <redux/volume_hash.h>       /* one hash for a whole volume */
#include <redux/metric.h>            /* one interface to all metrics; pairs, nearest */
#include <redux/entropy.h>           /* entropy, mutual information */
#include <redux/ssim.h>              /* structural similarity */
#include <redux/mattes.h>            /* mutual information as ITK computes it */
#include <redux/phase_correlation.h> /* how far one image is shifted */
#include <redux/exemplars.h>         /* keep the first of each kind, in a stream */
#include <redux/index.h>             /* search among codes or vectors, saved */
#include <redux/k_means.h>           /* vectors into clusters */
#include <redux/calibrate.h>         /* how often a threshold is wrong */
#include <redux/resize.h>            /* resizing, bit-equal to Pillow */
#include <redux/picture.h>           /* PNG, JPEG, WebP, TIFF */
#include <redux/array.h>             /* .npy and .npz */
#include <redux/file.h>              /* files written whole, and what they never replace */
#include <redux/random.h>            /* reproducible random numbers */
#include <redux/fftw.h>              /* for programs that use FFTW themselves */
#include <redux/export.h>            /* macros of these headers */

/* Learning: pre-train an encoder, embed slices, judge the result. */
#include <redux/safetensors.h> /* weight files */
#include <redux/network.h>     /* ResNets: forward, backward */
#include <redux/layers.h>      /* their layers, one by one */
#include <redux/loss.h>        /* the contrastive loss NT-Xent */
#include <redux/optimiser.h>   /* SGD, LARS, Adam, AdamW; the learning rate */
#include <redux/views.h>       /* random views of a slice */
#include <redux/loader.h>      /* batches of views, read ahead */
#include <redux/objective.h>   /* what pre-training minimises; your own */
#include <redux/pretrain.h>    /* a whole training run, resumable */
#include <redux/embed.h>       /* features of every slice */
#include <redux/labels.h>      /* labelled slices, splits, leakage */
#include <redux/audit.h>       /* leaks, labels and slices that spoil training */
#include <redux/probe.h>       /* logistic regression, nearest neighbours */
#include <redux/scores.h>      /* accuracy, AUC; intervals and tests */
#include <redux/evaluate.h>    /* an encoder's quality on labelled slices */
#include <redux/run_set.h>     /* runs over seeds and folds together: intervals, comparisons */

#endif
