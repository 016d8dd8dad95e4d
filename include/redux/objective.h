/* SPDX-License-Identifier: MIT */
/** @file
 * Objectives of pre-training: from a batch of views to loss and gradients. NT-Xent is one, and a
 * program may define its own.
 *
 * @code
 * redux_nt_xent_options options = REDUX_NT_XENT_OPTIONS_INIT;
 * redux_objective *objective = NULL;
 * options.temperature = 0.2;
 * redux_status status = redux_objective_new_nt_xent(&objective, context, &options);
 * // redux_pretrain_options.objective = objective;
 * redux_objective_free(objective);
 * return status;
 * @endcode
 *
 * Promised: all options of an objective are part of a run's identity. A run is not resumed with
 * another value of any of them.
 *
 * Threads: immutable: any thread, and several runs at once. Since 0.2.
 */
#ifndef REDUX_OBJECTIVE_H
#define REDUX_OBJECTIVE_H

#include <redux/network.h>

REDUX_BEGIN_DECLS

/** An objective. Opaque, immutable: any thread, and several runs at once. */
typedef struct redux_objective redux_objective;

/** The views of a sample that an objective works on. A run with others is refused before anything
 *  is read. */
typedef struct redux_objective_views {
    size_t struct_size;
    int32_t least, most; /**< full views; most 0: no limit; 2 and 2 */
    int32_t most_small;  /**< small views (multi-crop); -1: no limit; 0 */
    int32_t multiple;    /**< the numbers of full and of small views are multiples of it; 1 */
    int32_t together; /**< views of a sample that one forward takes, if redux_pretrain_options.part
                           allows it: the network is planned for so many times the batch; 0: all,
                           of both sizes, as two groups (redux_network_plan_groups); 1 */
} redux_objective_views;

#define REDUX_OBJECTIVE_VIEWS_DEFAULTS(set)                                                        \
    set(struct_size, sizeof(redux_objective_views)), set(least, 2), set(most, 2),                  \
        set(multiple, 1), set(together, 1)
REDUX_DEFINE_INIT(redux_objective_views, REDUX_OBJECTIVE_VIEWS_DEFAULTS)
#define REDUX_OBJECTIVE_VIEWS_INIT REDUX_INIT(redux_objective_views, REDUX_OBJECTIVE_VIEWS_DEFAULTS)

/* ---- an objective of your own ---- */

/** The run that an objective is opened for. */
typedef struct redux_objective_setup {
    size_t struct_size;
    const redux_network *network; /**< with its first weights */
    int64_t batch;                /**< samples a step */
    int64_t part;                 /**< images that one forward may take */
    int32_t views, small_views;   /**< of a sample */
    int64_t steps, epoch_steps;   /**< in all, and of one epoch */
    uint64_t seed;
    int64_t slices;           /**< that are trained on */
    int32_t size, small_size; /**< sides of the views */
} redux_objective_setup;

/** What an objective works on in one step. */
typedef struct redux_objective_step {
    size_t struct_size;
    redux_network *network;    /**< gradients are 0 */
    const redux_tensor *views; /**< views, then small_views, tensors [N, s, s, C] of the same N
                                    samples; those of one size lie one after the other in memory.
                                    NULL in `after` */
    int32_t view_count, small_view_count;
    int64_t part; /**< images that one forward may take: the network is planned for so many */
    uint64_t seed;
    int64_t step, steps; /**< this one, from 0, and all: for schedules of its own */
} redux_objective_step;

/** Receives the options of an objective. Opaque. */
typedef struct redux_description redux_description;

/** Adds one option to the identity of a run. Errors: REDUX_E_INVALID (NULL, a name that exists
 *  already, a number that is not finite), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_description_add_number(redux_description *description,
                                                    const char *name, double value);
REDUX_API redux_status redux_description_add_text(redux_description *description, const char *name,
                                                  const char *value);

/** An objective of your own. It calls the network's forward and backward itself, so that objectives
 *  with several passes, a second (momentum) network, a queue or prototypes are possible (SwAV,
 *  MoCo, BYOL). The functions are called on the thread that called redux_pretrain. */
typedef struct redux_custom_objective {
    size_t struct_size;
    const char *name;                   /**< part of the run's identity; outlives the objective */
    const redux_objective_views *views; /**< copied; NULL: two full ones */
    /** Makes what it needs (`*state`, may stay NULL). NULL: nothing to make. */
    redux_status (*open)(void **state, redux_context *context, const redux_objective_setup *setup,
                         void *user);
    void (*close)(void *state, void *user); /**< once after an open that succeeded; NULL: nothing */
    /** One step: *loss, and gradients added to those of the parameters. */
    redux_status (*step)(double *loss, redux_context *context, void *state,
                         const redux_objective_step *step, void *user);
    /** After the optimiser's step (moving averages, normalised prototypes); NULL: nothing. */
    redux_status (*after)(redux_context *context, void *state, const redux_objective_step *step,
                          void *user);
    /** Its own tensors by index, until NULL, with names that no parameter has. Those with a
     * gradient are optimised with the network's parameters; all are saved in checkpoints (queue,
     *  prototypes, momentum network, counters) and restored when a run is resumed. NULL: none. */
    const redux_parameter *(*parameter)(void *state, int64_t index, void *user);
    /** Writes all of its options; NULL: it has none. May be called before open. */
    redux_status (*describe)(redux_description *description, void *user);
    void *user; /**< handed to all; outlives the objective */
} redux_custom_objective;

#define REDUX_CUSTOM_OBJECTIVE_DEFAULTS(set)                                                       \
    set(struct_size, sizeof(redux_custom_objective)), set(name, "custom")
REDUX_DEFINE_INIT(redux_custom_objective, REDUX_CUSTOM_OBJECTIVE_DEFAULTS)
#define REDUX_CUSTOM_OBJECTIVE_INIT                                                                \
    REDUX_INIT(redux_custom_objective, REDUX_CUSTOM_OBJECTIVE_DEFAULTS)

/** Makes your definition an objective. The caller owns *out. Errors: REDUX_E_INVALID (no name, no
 *  step, views that no run can have), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_objective_new_custom(redux_objective **out, redux_context *context,
                                                  const redux_custom_objective *definition);

/* ---- NT-Xent ---- */

/** Options of NT-Xent. */
typedef struct redux_nt_xent_options {
    size_t struct_size;
    double temperature; /**< 0.5 */
} redux_nt_xent_options;

#define REDUX_NT_XENT_OPTIONS_DEFAULTS(set)                                                        \
    set(struct_size, sizeof(redux_nt_xent_options)), set(temperature, 0.5)
REDUX_DEFINE_INIT(redux_nt_xent_options, REDUX_NT_XENT_OPTIONS_DEFAULTS)
#define REDUX_NT_XENT_OPTIONS_INIT REDUX_INIT(redux_nt_xent_options, REDUX_NT_XENT_OPTIONS_DEFAULTS)

/** NT-Xent (SimCLR) on the normalised projections of views 2 j and 2 j + 1, mean over these pairs
 *  of views (multi-crop: the full views are one pair, small ones further pairs). A batch larger
 *  than a part takes two passes with cached embeddings: every sample's negatives are those of the
 *  whole batch, batch norm works by part (Gao et al., "Scaling deep contrastive learning batch
 *  size", 2021). `options` (NULL: the defaults) are copied. The caller owns *out. Errors:
 *  REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_objective_new_nt_xent(redux_objective **out, redux_context *context,
                                                   const redux_nt_xent_options *options);

/* ---- SwAV ---- */

/** Options of SwAV. */
typedef struct redux_swav_options {
    size_t struct_size;
    int32_t prototypes;   /**< K, 2 or more; 500 */
    double temperature;   /**< of the predictions; 0.1 */
    double epsilon;       /**< of Sinkhorn's iteration; 0.05 */
    int32_t rounds;       /**< of it; 3 */
    int64_t freeze_steps; /**< so long prototypes get no gradient; 313 */
    double freeze_epochs; /**< and so many epochs more; 0 */
    int64_t queue;        /**< earlier projections a crop that take part in the assignment: a
                               multiple of the batch, no more than the slices; 0 */
    int64_t queue_start;  /**< epoch in which the queue begins to fill; it is used once full; 15 */
} redux_swav_options;

#define REDUX_SWAV_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_swav_options)), set(prototypes, 500), set(temperature, 0.1),     \
        set(epsilon, 0.05), set(rounds, 3), set(freeze_steps, 313), set(queue_start, 15)
REDUX_DEFINE_INIT(redux_swav_options, REDUX_SWAV_OPTIONS_DEFAULTS)
#define REDUX_SWAV_OPTIONS_INIT REDUX_INIT(redux_swav_options, REDUX_SWAV_OPTIONS_DEFAULTS)

/** SwAV (Caron et al., "Unsupervised learning of visual features by contrasting cluster
 *  assignments", NeurIPS 2020). The codes of the first two full views are predicted from each
 *  other view, full or small. One forward takes all of a batch; batch norm sees the views of one
 *  size together, that of the head all. A batch larger than a part takes two passes: codes are
 *  those of the whole batch, batch norm works by part.
 *  - Tensors in checkpoints: "prototypes.weight" [K, D], trained (kept at length 1 before each
 *    forward), "queue.0" and "queue.1" [queue, D], newest first.
 *
 *  The caller owns *out. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY; opened for a run with a queue
 *  that does not fit: REDUX_E_INVALID. */
REDUX_API redux_status redux_objective_new_swav(redux_objective **out, redux_context *context,
                                                const redux_swav_options *options);

/* ---- MoCo v2 ---- */

/** Options of MoCo. */
typedef struct redux_moco_options {
    size_t struct_size;
    double temperature;  /**< 0.2 (v1: 0.07) */
    double momentum;     /**< of the key network: key = m key + (1 - m) query; 0.999 */
    int64_t queue;       /**< earlier keys, the negatives: a multiple of the batch, no more than the
                              slices; 0: 65,536, but at most half of the slices */
    int32_t sub_batches; /**< keys are shuffled and normalised in so many equal shares; 0: of 32
                              samples, two at least */
} redux_moco_options;

#define REDUX_MOCO_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_moco_options)), set(temperature, 0.2), set(momentum, 0.999)
REDUX_DEFINE_INIT(redux_moco_options, REDUX_MOCO_OPTIONS_DEFAULTS)
#define REDUX_MOCO_OPTIONS_INIT REDUX_INIT(redux_moco_options, REDUX_MOCO_OPTIONS_DEFAULTS)

/** MoCo v2 (He et al., "Momentum contrast", CVPR 2020; Chen et al. 2020, arXiv 2003.04297): the
 *  first view is the query, the second the key. A sample's loss needs no other of its batch, so
 *  parts change nothing but batch norm, which then works by part.
 *  - Tensors in checkpoints: "key.NAME" of the key network, "queue" [queue, D] and "queue.next".
 *
 *  The caller owns *out. Errors: as redux_objective_new_swav. */
REDUX_API redux_status redux_objective_new_moco(redux_objective **out, redux_context *context,
                                                const redux_moco_options *options);

/* ---- BYOL ---- */

/** Options of BYOL. */
typedef struct redux_byol_options {
    size_t struct_size;
    double momentum; /**< of the target network at the first step; it rises to 1 along half a
                          cosine; 0.996 (0.99 for short runs) */
} redux_byol_options;

#define REDUX_BYOL_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_byol_options)), set(momentum, 0.996)
REDUX_DEFINE_INIT(redux_byol_options, REDUX_BYOL_OPTIONS_DEFAULTS)
#define REDUX_BYOL_OPTIONS_INIT REDUX_INIT(redux_byol_options, REDUX_BYOL_OPTIONS_DEFAULTS)

/** BYOL (Grill et al., "Bootstrap your own latent", NeurIPS 2020). The network needs a projection
 *  and, with as many outputs, a prediction head. Batch norm sees each view by itself; the target
 *  network has statistics of its own. Parts change nothing but batch norm, which then works by
 *  part. What is saved as weights is the online network.
 *  - Tensors in checkpoints: "target.NAME" of the target network.
 *
 *  The caller owns *out. Errors: as redux_objective_new_swav. */
REDUX_API redux_status redux_objective_new_byol(redux_objective **out, redux_context *context,
                                                const redux_byol_options *options);

/* ---- any objective ---- */

/** Frees an objective; NULL is allowed. */
REDUX_API void redux_objective_free(redux_objective *objective);

/** The name of an objective, and the views it works on (set out->struct_size first). Errors:
 *  REDUX_E_INVALID. */
REDUX_API const char *redux_objective_name(const redux_objective *objective);
REDUX_API redux_status redux_objective_get_views(redux_objective_views *out,
                                                 const redux_objective *objective);

REDUX_END_DECLS
#endif
