/* SPDX-License-Identifier: MIT
 * Self-supervised pre-training: a dataset, what of it is kept, and options in; weights out. */
#ifndef REDUX_PRETRAIN_H
#define REDUX_PRETRAIN_H

#include <redux/objective.h>
#include <redux/optimiser.h>
#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** What is told after every step. */
typedef struct redux_pretrain_step {
    size_t struct_size;
    int64_t step, steps; /**< steps done, of all */
    int64_t epoch;       /**< from 0, of the step just done */
    double loss, rate, gradient_norm;
    double images_per_second; /**< views, over the last steps */
    double seconds;           /**< of all sessions of this run so far */
} redux_pretrain_step;

/** Called on the thread that called redux_pretrain, after every step; a value other than 0 makes it
 *  write a checkpoint and return REDUX_E_CANCELLED. */
typedef int (*redux_pretrain_fn)(const redux_pretrain_step *step, void *user);

/** What becomes of a folder that holds a run already. */
typedef enum redux_resume {
    REDUX_RESUME_REFUSE = 0,   /**< REDUX_E_INVALID */
    REDUX_RESUME_CONTINUE = 1, /**< go on from the checkpoint, start where there is none, do nothing
                                    where the run is complete: no slice is read then */
    REDUX_RESUME_OVERWRITE = 2 /**< start anew; the old files go when the new run can begin */
} redux_resume;

/** Options of redux_pretrain: as REDUX_PRETRAIN_OPTIONS_INIT sets them up, SimCLR with ResNet-18.
 * What they point to is read during the call only. */
typedef struct redux_pretrain_options {
    size_t struct_size;
    const redux_network_options *network; /**< its seed is replaced by `seed`; NULL: ResNet-18 with
                                               the default projection head */
    const redux_input_options *input;     /**< NULL: the defaults */
    const redux_views_options *views;     /**< NULL: the preset "simclr" */
    const redux_optimiser_options *optimiser; /**< NULL: SGD with momentum 0.9, weight decay 5e-4 */
    const redux_objective *objective;         /**< NULL: NT-Xent with its defaults */
    int64_t batch;  /**< slices a step (each has views + small_views views); all of them where there
                         are fewer; 256. Batches are whole: an epoch leaves out the slices of its
                         order that fill none. NT-Xent needs 2 */
    int64_t part;   /**< images a forward pass at most; 0: all that the objective takes together */
    int64_t epochs; /**< passes over the kept slices; 0: by `steps`; 100 */
    int64_t steps;  /**< steps in all; 0: by `epochs` */
    double
        rate; /**< learning rate at a batch of 256; scaled by batch / 256 unless fixed_rate; 0.12 */
    int32_t fixed_rate;
    double warm_up;   /**< epochs; 10 */
    double last_rate; /**< share of the rate that the cosine ends at; 0 */
    uint64_t seed;
    uint64_t memory_bytes;     /**< for slices held in memory; 0: 2 GiB */
    double checkpoint_seconds; /**< a checkpoint after the first step that ends so long after the
                                    one before; 0: at the end of every epoch; 60 */
    int32_t skip_errors;
    redux_resume resume;
    redux_pretrain_fn report; /**< NULL: none */
    void *report_user;
} redux_pretrain_options;

#define REDUX_PRETRAIN_OPTIONS_DEFAULTS(set)                                                       \
    set(struct_size, sizeof(redux_pretrain_options)), set(batch, 256), set(epochs, 100),           \
        set(rate, 0.12), set(warm_up, 10), set(checkpoint_seconds, 60),                            \
        set(resume, REDUX_RESUME_REFUSE)
REDUX_DEFINE_INIT(redux_pretrain_options, REDUX_PRETRAIN_OPTIONS_DEFAULTS)
#define REDUX_PRETRAIN_OPTIONS_INIT                                                                \
    REDUX_INIT(redux_pretrain_options, REDUX_PRETRAIN_OPTIONS_DEFAULTS)

/** How a run came out. */
typedef struct redux_pretrain_result {
    size_t struct_size; /**< set by the caller */
    int64_t slices, batch, steps, epochs;
    double first_loss, last_loss; /**< mean of the first and of the last epoch */
    double seconds;               /**< of training, over all sessions */
    int32_t was_complete;         /**< 1: nothing was left to do */
} redux_pretrain_result;

/** Pre-trains on the slices of a dataset (kept: [slices] bytes, those not 0; NULL: all) and writes
 *  into `folder` (made if missing): weights.safetensors (encoder and heads, metadata that
 *  redux_input_options_of reads), checkpoint.safetensors (all that resuming needs), log.csv (a line
 *  a step), run.json (settings, counts, seconds). Each is written whole or not at all. The folder
 *  is locked meanwhile (flock, where its file system can): another run there gets REDUX_E_IO.
 *
 *  Same seed, data and options: the same weight file, whatever the threads, and however often the
 *  run was stopped, killed or resumed. A loss, a gradient or, where they would be written, weights
 *  that are not finite stop it with REDUX_E_NOT_FINITE; the last checkpoint stays.
 *  Errors: REDUX_E_INVALID (options; the folder holds a run of other settings), those of
 *  redux_volume_open, REDUX_E_FORMAT (a checkpoint that was cut short or altered),
 *  REDUX_E_CANCELLED, REDUX_E_IO, REDUX_E_NO_MEMORY. *out and `options` may be NULL. Since 0.1. */
REDUX_API redux_status redux_pretrain(redux_pretrain_result *out, redux_context *context,
                                      const char *folder, const redux_dataset *dataset,
                                      const uint8_t *kept, const redux_pretrain_options *options);

REDUX_END_DECLS
#endif
