/* SPDX-License-Identifier: MIT */
/** @file
 * Self-supervised pre-training: a dataset, the slices to keep, and options in; weights out.
 *
 * @code
 * const char *path = "data/ct/STS_019_CT.nii.gz";
 * redux_input_options input = REDUX_INPUT_OPTIONS_INIT;
 * redux_pretrain_options options = REDUX_PRETRAIN_OPTIONS_INIT; // SimCLR with ResNet-18
 * redux_dataset *dataset = NULL;
 * redux_status status = redux_dataset_open(&dataset, context, &path, 1, NULL);
 * input.size = 32;
 * options.input = &input;
 * options.batch = 8;
 * options.steps = 2; // a real run has thousands
 * options.epochs = 0;
 * if (status == REDUX_OK)
 *     status = redux_pretrain(NULL, context, "run", dataset, NULL, &options);
 * redux_dataset_free(dataset);
 * return status; // run/weights.safetensors
 * @endcode
 *
 * Promised:
 * - The same seed, data, options, build, instruction set and BLAS give the same weight file,
 *   whatever the number of threads and of ranks (redux/communicator.h), and however often the run
 *   was stopped, killed or resumed.
 * - Each file is written whole or not at all.
 *
 * Not promised: the same weights on other instruction sets or with another OpenBLAS; resuming a
 * checkpoint with another version of the library.
 *
 * Threads: one run per context at a time. Since 0.1.
 */
#ifndef REDUX_PRETRAIN_H
#define REDUX_PRETRAIN_H

#include <redux/objective.h>
#include <redux/optimiser.h>
#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** The state of a run after a step. */
typedef struct redux_pretrain_step {
    size_t struct_size;
    int64_t step, steps; /**< steps done, of all */
    int64_t epoch;       /**< from 0, of the step just done */
    double loss, rate, gradient_norm;
    double images_per_second; /**< views, over the last steps */
    double seconds;           /**< of all sessions of this run so far */
} redux_pretrain_step;

/** Called after every step, on the thread that called redux_pretrain; a value other than 0 makes
 *  the run write a checkpoint and return REDUX_E_CANCELLED. */
typedef int (*redux_pretrain_fn)(const redux_pretrain_step *step, void *user);

/** What to do with a folder that already holds a run. */
typedef enum redux_resume {
    REDUX_RESUME_REFUSE = 0,   /**< REDUX_E_INVALID */
    REDUX_RESUME_CONTINUE = 1, /**< resume from the checkpoint; start if there is none; do nothing,
                                    not even read a slice, if the run is complete */
    REDUX_RESUME_OVERWRITE =
        2 /**< start over; the old files are removed once the new run can begin */
} redux_resume;

/** Options of redux_pretrain. The defaults are SimCLR with ResNet-18. What they point to is read
 *  during the call only. */
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
    int64_t part;   /**< images a forward pass at most; 0: all that the objective takes together.
                         Ranks share out the parts of a batch; those beyond their number idle */
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
    int64_t warm_up_steps; /**< steps in which the rate rises; 0: by warm_up. Since 0.2 */
    int64_t cosine_steps;  /**< steps along the cosine from the rate to its last share; beyond them
                                the rate swings back, and on; 0: to the end of the run. Since 0.2 */
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

/** Pre-trains on the slices of a dataset and writes into `folder` (made if missing):
 *  - weights.safetensors: encoder and heads, with metadata that redux_input_options_of reads.
 *  - checkpoint.safetensors: all that resuming needs.
 *  - log.csv: one line per step.
 *  - run.json: settings, counts, seconds; what each rank sent, where there are several.
 *
 *  kept: [slices] bytes, those not 0 are used; NULL: all. *out and `options` may be NULL. The
 *  folder is locked meanwhile (flock, where the file system supports it): another run there gets
 *  REDUX_E_IO. A loss, a gradient or (when they would be written) weights that are not finite end
 *  the run with REDUX_E_NOT_FINITE; the last checkpoint stays.
 *
 *  Over ranks: all fail with the message of the lowest one that fails. REDUX_E_UNSUPPORTED: an
 *  objective of your own is not shared. `report` is called on each rank; one that stops stops all.
 *
 *  Errors: REDUX_E_INVALID (options; the folder holds a run of other settings), those of
 *  redux_volume_open, REDUX_E_FORMAT (a checkpoint that was cut short or altered),
 *  REDUX_E_CANCELLED, REDUX_E_NOT_FINITE, REDUX_E_IO, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_pretrain(redux_pretrain_result *out, redux_context *context,
                                      const char *folder, const redux_dataset *dataset,
                                      const uint8_t *kept, const redux_pretrain_options *options);

REDUX_END_DECLS
#endif
