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
                           allows it: the network is planned for so many times the batch; 1 */
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
