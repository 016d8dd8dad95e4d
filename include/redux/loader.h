/* SPDX-License-Identifier: MIT */
/** @file
 * Batches of random views of a dataset's slices, made by threads beside your computation: what
 * redux_pretrain trains on, for a training loop of your own.
 *
 * @code
 * const char *path = "data/ct/STS_019_CT.nii.gz";
 * const redux_tensor *views = NULL; // two tensors [batch, 64, 64, 1]
 * redux_loader_options options = REDUX_LOADER_OPTIONS_INIT;
 * redux_dataset *dataset = NULL;
 * redux_loader *loader = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * options.batch = 8;
 * options.batches = 2;
 * if (status == REDUX_OK)
 *     status = redux_loader_new(&loader, context, dataset, NULL, &options);
 * for (int i = 0; i < 2 && status == REDUX_OK; i++)
 *     status = redux_loader_next(&views, context, loader);
 * redux_loader_free(loader);
 * redux_dataset_free(dataset);
 * return status;
 * @endcode
 *
 * Promised: a batch is a function of the dataset, the kept slices, the options and the batch's
 * number. A loader that begins at batch k gives the same bits as one that has reached it, whatever
 * the number of threads.
 *
 * Threads: one calling thread at a time. Since 0.2.
 */
#ifndef REDUX_LOADER_H
#define REDUX_LOADER_H

#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** A loader. Opaque; one calling thread at a time. */
typedef struct redux_loader redux_loader;

/** Options of redux_loader_new, which copies what they point to. */
typedef struct redux_loader_options {
    size_t struct_size;
    const redux_input_options *input; /**< NULL: the defaults */
    const redux_views_options *views; /**< NULL: SimCLR's */
    int64_t batch;                    /**< slices per batch; all of them if there are fewer; 256 */
    uint64_t seed;
    uint64_t memory_bytes; /**< for slices held in memory; more are read in turns; 0: no limit */
    int64_t first_batch;   /**< begins at this batch, counted from the start of epoch 0 */
    int64_t epochs;        /**< ends after so many, counted from there too; 0: never */
    int64_t batches;       /**< or after so many batches, counted likewise; 0: by `epochs` */
    int32_t skip_errors;   /**< 1: slices that cannot be read are left out */
    int32_t reserved;
} redux_loader_options;

#define REDUX_LOADER_OPTIONS_DEFAULTS(set)                                                         \
    set(struct_size, sizeof(redux_loader_options)), set(batch, 256)
REDUX_DEFINE_INIT(redux_loader_options, REDUX_LOADER_OPTIONS_DEFAULTS)
#define REDUX_LOADER_OPTIONS_INIT REDUX_INIT(redux_loader_options, REDUX_LOADER_OPTIONS_DEFAULTS)

/** Starts making batches, with as many threads of its own as the context has. The caller owns *out;
 *  dataset and context must outlive it, and the context may be used for other calls meanwhile.
 *  `options` may be NULL.
 *  - kept: [slices of the dataset] bytes, those not 0 are used; read during this call only; NULL:
 *    all.
 *  - If all slices fit into memory_bytes they are read here, and an epoch is one shuffle of them.
 *  - Otherwise volumes are shuffled and read in turns, in chunks of half of the memory, and the
 *    slices of each chunk are shuffled. With skip_errors everything is then read once here, to find
 *    what is readable.
 *
 *  Reports slices as progress. Errors: as redux_volume_open; REDUX_E_INVALID (options, nothing
 *  kept), REDUX_E_LIMIT (a volume that does not fit into half of the memory), REDUX_E_CANCELLED,
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_loader_new(redux_loader **out, redux_context *context,
                                        const redux_dataset *dataset, const uint8_t *kept,
                                        const redux_loader_options *options);
/** Ends the threads of a loader and frees it; NULL is allowed. */
REDUX_API void redux_loader_free(redux_loader *loader);

/** Waits for the next batch, epoch after epoch. *views: an array of redux_loader_view_count
 *  tensors, full views first, then small ones: [batch, side, side, 1] float32, row i of each a view
 *  of the same slice (redux_views_apply with key {seed, epoch, number of the slice}). Full views
 *  are contiguous in memory, [V, batch, side, side, 1], and so are the small ones. All of it
 *  belongs to the loader and is valid until the next call. The context's progress callback can
 *  cancel the wait; call again to continue. Errors: those of reading (redux_volume_open) and of the
 *  window, with the batch that they belong to and with every later call; REDUX_E_INVALID after the
 *  last batch; REDUX_E_CANCELLED. */
REDUX_API redux_status redux_loader_next(const redux_tensor **views, redux_context *context,
                                         redux_loader *loader);

/** The slices of the last batch: the number in the dataset of each (redux_dataset_get_place), for
 *  labels. Valid as long as the batch; NULL: there is none. */
REDUX_API const int64_t *redux_loader_rows(const redux_loader *loader);

/** Counts: slices in use; slices in each batch; whole batches per epoch, at least 1 (leftover
 *  slices stay out of that epoch, different ones each time); views per slice, full and small ones.
 *  0 for NULL. */
REDUX_API int64_t redux_loader_slice_count(const redux_loader *loader);
REDUX_API int64_t redux_loader_batch(const redux_loader *loader);
REDUX_API int64_t redux_loader_batch_count(const redux_loader *loader);
REDUX_API int64_t redux_loader_view_count(const redux_loader *loader);
/** The number of slices that could not be read and were left out (skip_errors). */
REDUX_API int64_t redux_loader_skipped_count(const redux_loader *loader);
/** 1 if all slices are in memory, otherwise 0. */
REDUX_API int redux_loader_is_resident(const redux_loader *loader);

REDUX_END_DECLS
#endif
