/* SPDX-License-Identifier: MIT
 * Contrastive pre-training: a dataset, what of it is kept, and options in; weights out. */
#ifndef REDUX_PRETRAIN_H
#define REDUX_PRETRAIN_H

#include <redux/network.h>
#include <redux/optimiser.h>
#include <redux/views.h>
#include <redux/volume.h>

REDUX_BEGIN_DECLS

/** What an objective works on in one step. */
typedef struct redux_objective_step {
    size_t struct_size;
    redux_network *network;    /**< gradients are 0 */
    const redux_tensor *views; /**< view_count tensors [N, s, s, C] of the same N samples; those of
                                  one size lie one after the other in memory */
    int32_t view_count;
    int64_t part; /**< images that one forward may take: the network is planned for so many */
    uint64_t seed;
    int64_t step, steps; /**< this one, and all: for schedules of its own */
} redux_objective_step;

/** Where a training objective plugs in: views in, loss and gradients out. An objective drives the
 *  network's forward and backward itself, so that those with more than one pass, with a second
 *  (momentum) network, a queue or prototypes fit (SwAV, MoCo, BYOL). NT-Xent is
 *  redux_objective_nt_xent. */
typedef struct redux_objective {
    size_t struct_size;
    const char *name;
    /** Makes what it needs (`*state`, may stay NULL) for a network and steps of up to `batch`
     *  samples; the network has its first weights. NULL: nothing to make. */
    redux_status (*open)(void **state, redux_context *context, const redux_network *network,
                         int64_t batch, int32_t view_count, void *user);
    void (*close)(void *state); /**< once after an open that succeeded; NULL: nothing to release */
    /** One step: *loss, and gradients added to those of the parameters. */
    redux_status (*step)(double *loss, redux_context *context, void *state,
                         const redux_objective_step *step, void *user);
    /** After the optimiser's step (moving averages, normalised prototypes); NULL: nothing. */
    redux_status (*after)(redux_context *context, void *state, const redux_network *network,
                          void *user);
    /** Tensors of its own by index, until NULL: those with a gradient are optimised with the
     *  network's, all are kept in checkpoints by their names. NULL: none. */
    const redux_parameter *(*tensor)(void *state, int64_t index);
    void *user;
} redux_objective;

/** Options of NT-Xent, `user` of redux_objective_nt_xent. */
typedef struct redux_nt_xent_options {
    size_t struct_size;
    double temperature; /**< 0.5 */
} redux_nt_xent_options;

#define REDUX_NT_XENT_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(redux_nt_xent_options), 0.5                                                         \
    }

/** NT-Xent on the normalised projections of views 2 j and 2 j + 1, mean over such pairs of views
 *  (multi-crop: the full views are one pair, small ones further). A batch that is larger than a
 *  part goes in two passes with cached embeddings: every sample's negatives are the whole batch's,
 *  batch norm is by part (Gao et al., "Scaling deep contrastive learning batch size", 2021).
 *  `options` (NULL: the defaults) must outlive the objective. Since 0.1. */
REDUX_API redux_objective redux_objective_nt_xent(redux_nt_xent_options *options);

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

/** Options of redux_pretrain. Set them up with REDUX_PRETRAIN_OPTIONS_INIT, then
 *  redux_pretrain_defaults. */
typedef struct redux_pretrain_options {
    size_t struct_size;
    redux_network_options network; /**< its seed is replaced by `seed` */
    redux_views_options views;
    redux_optimiser_options optimiser;
    const redux_objective *objective; /**< NULL: NT-Xent at `temperature` */
    double temperature;
    int64_t batch;  /**< slices a step (each has views.views + views.small_views views); all of them
                         where there are fewer. Batches are whole: an epoch leaves out the slices of
                         its order that fill none. NT-Xent needs 2 */
    int64_t part;   /**< images a forward pass at most; 0: all views of a batch */
    int64_t epochs; /**< passes over the kept slices; 0: by `steps` */
    int64_t steps;  /**< steps in all; 0: by `epochs` */
    double rate;    /**< learning rate at a batch of 256; scaled by batch / 256 unless fixed_rate */
    int32_t fixed_rate;
    double warm_up;   /**< epochs */
    double last_rate; /**< share of the rate that the cosine ends at; 0 */
    uint64_t seed;
    uint64_t memory_bytes;     /**< for slices held in memory; 0: 2 GiB */
    double checkpoint_seconds; /**< a checkpoint after the first step that ends so long after the
                                    one before; 0: at the end of every epoch */
    int32_t skip_errors;
    redux_resume resume;
    redux_pretrain_fn report; /**< NULL: none */
    void *report_user;
} redux_pretrain_options;

/** Nothing that trains, for redux_pretrain_defaults to fill in. */
#define REDUX_PRETRAIN_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(redux_pretrain_options), REDUX_NETWORK_OPTIONS_INIT, REDUX_VIEWS_OPTIONS_INIT,      \
            REDUX_OPTIMISER_OPTIONS_INIT, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,             \
            REDUX_RESUME_REFUSE, NULL, NULL                                                        \
    }

/** Defaults for a network's input of `size` pixels and a preset of views (redux_views_preset):
 *  ResNet-18 with a projection to 128, SGD with momentum 0.9 and weight decay 5e-4 at rate 0.12 a
 *  batch of 256, 10 epochs of warm-up, temperature 0.5, batch 256, 100 epochs, 2 GiB for slices.
 *  out->struct_size is set by the caller. Errors: REDUX_E_NOT_FOUND (preset), REDUX_E_INVALID.
 * Since 0.1. */
REDUX_API redux_status redux_pretrain_defaults(redux_pretrain_options *out, const char *preset,
                                               int32_t size);

/** How a run came out. */
typedef struct redux_pretrain_result {
    size_t struct_size; /**< set by the caller */
    int64_t slices, batch, steps, epochs;
    double first_loss, last_loss; /**< mean of the first and of the last epoch */
    double seconds;               /**< of training, over all sessions */
    int32_t was_complete;         /**< 1: nothing was left to do */
} redux_pretrain_result;

/** Pre-trains on the slices of a dataset (kept: [slices] bytes, those not 0; NULL: all) and writes
 *  into `folder` (made if missing): weights.safetensors (encoder and projection, metadata that
 *  redux_input_options_of reads), checkpoint.safetensors (all that resuming needs), log.csv (a line
 *  a step), run.json (settings, counts, seconds). Each is written whole or not at all. The folder
 *  is locked meanwhile (flock, where its file system can): another run there gets REDUX_E_IO.
 *
 *  Same seed, data and options: the same weight file, whatever the threads, and however often the
 *  run was stopped, killed or resumed. A loss, a gradient or, where they would be written, weights
 *  that are not finite stop it with REDUX_E_NOT_FINITE; the last checkpoint stays.
 *  Errors: REDUX_E_INVALID (options; the folder holds a run of other settings), those of
 *  redux_volume_open, REDUX_E_FORMAT (a checkpoint that was cut short or altered),
 *  REDUX_E_CANCELLED, REDUX_E_IO, REDUX_E_NO_MEMORY. *out may be NULL. Since 0.1. */
REDUX_API redux_status redux_pretrain(redux_pretrain_result *out, redux_context *context,
                                      const char *folder, const redux_dataset *dataset,
                                      const uint8_t *kept, const redux_pretrain_options *options);

REDUX_END_DECLS
#endif
