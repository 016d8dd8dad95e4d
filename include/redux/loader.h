/* SPDX-License-Identifier: MIT
 * Batches of random views of a dataset's slices, made by threads beside your computation: what
 * redux_pretrain trains on, for a training loop of your own.
 *
 * A batch is a function of the dataset, what is kept, the options and the batch's number: a loader
 * that begins at batch k goes on with the same bits as one that has come there, on any number of
 * threads. */
#ifndef REDUX_LOADER_H
#define REDUX_LOADER_H

#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** Opaque: one calling thread at a time. */
typedef struct redux_loader redux_loader;

/** Options of redux_loader_new, which copies what they point to. Set them up with
 *  REDUX_LOADER_OPTIONS_INIT. */
typedef struct redux_loader_options {
    size_t struct_size;
    const redux_input_options *input; /**< NULL: the defaults */
    const redux_views_options *views; /**< NULL: SimCLR's */
    int64_t batch;                    /**< slices a batch; all of them where there are fewer; 256 */
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

/** Starts making batches, by as many threads of its own as the context has. kept: [slices of the
 *  dataset] bytes, those not 0 are used, read here only; NULL: all. Where all slices fit into
 *  memory_bytes they are read here, and an epoch is one shuffle of them; else volumes are shuffled
 *  and read in turns, in chunks of half of the memory, and each chunk's slices are shuffled; with
 *  skip_errors everything is then read once here, to know what there is. Dataset and context must
 *  outlive the loader; meanwhile the context may be used for other calls. Reports slices as
 * progress. The caller owns *out. `options` may be NULL. Errors: as redux_volume_open;
 * REDUX_E_INVALID (options, nothing kept), REDUX_E_LIMIT (a volume that does not fit into half of
 * the memory), REDUX_E_CANCELLED, REDUX_E_NO_MEMORY. Since 0.2. */
REDUX_API redux_status redux_loader_new(redux_loader **out, redux_context *context,
                                        const redux_dataset *dataset, const uint8_t *kept,
                                        const redux_loader_options *options);
/** Ends its threads; NULL is allowed. Since 0.2. */
REDUX_API void redux_loader_free(redux_loader *loader);

/** The next batch, epoch after epoch. *views: an array of redux_loader_view_count tensors, full
 * views first, then small ones: [batch, side, side, 1] float32, row i of each a view of the same
 * slice (redux_views_apply with key {seed, epoch, number of the slice}). Full views lie one after
 * the other in memory, [V, batch, side, side, 1], and so do the small ones. All of it belongs to
 * the loader and lasts until the next call. Waits until the batch is there; the context's progress
 *  callback can cancel that, and the loader can then be asked again. Errors: those of reading
 *  (redux_volume_open) and of the window, with the batch that they belong to and with every later
 *  call; REDUX_E_INVALID after the last batch; REDUX_E_CANCELLED. Since 0.2. */
REDUX_API redux_status redux_loader_next(const redux_tensor **views, redux_context *context,
                                         redux_loader *loader);

/** Of the batch that redux_loader_next has given last: the number in the dataset of each of its
 *  slices (redux_dataset_get_place), for labels. Lasts as long as the batch; NULL: there is none.
 *  Since 0.2. */
REDUX_API const int64_t *redux_loader_rows(const redux_loader *loader);

/** Slices in use; slices in each batch; whole batches an epoch, at least 1 (slices left over stay
 *  out of that epoch, others each time); views a slice, full and small ones. 0 for NULL. Since 0.2.
 */
REDUX_API int64_t redux_loader_slice_count(const redux_loader *loader);
REDUX_API int64_t redux_loader_batch(const redux_loader *loader);
REDUX_API int64_t redux_loader_batch_count(const redux_loader *loader);
REDUX_API int64_t redux_loader_view_count(const redux_loader *loader);
/** Slices that could not be read and were left out (skip_errors). Since 0.2. */
REDUX_API int64_t redux_loader_skipped_count(const redux_loader *loader);
/** 1: all slices are in memory. Since 0.2. */
REDUX_API int redux_loader_is_resident(const redux_loader *loader);

REDUX_END_DECLS
#endif
