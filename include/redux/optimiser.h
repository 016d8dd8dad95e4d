/* SPDX-License-Identifier: MIT */
/** @file
 * Optimisers over a network's parameters, and the learning-rate schedule.
 *
 * @code
 * double norm = 0;
 * redux_optimiser_options options = REDUX_OPTIMISER_OPTIONS_INIT;
 * redux_network *network = NULL;
 * redux_optimiser *optimiser = NULL;
 * redux_status status = redux_network_new(&network, context, NULL);
 * options.kind = REDUX_OPTIMISER_ADAMW;
 * if (status == REDUX_OK)
 *     status = redux_optimiser_of_network(&optimiser, context, network, &options);
 * if (status == REDUX_OK) // after forward, loss, backward
 *     status = redux_optimiser_step(&norm, context, optimiser,
 *                                   redux_schedule_cosine(0, 100, 10, 1e-3, 0));
 * redux_optimiser_free(optimiser);
 * redux_network_free(network);
 * return status;
 * @endcode
 *
 * Promised: the same bits, whatever the number of threads. A gradient that is not finite changes no
 * value and no moment.
 *
 * Threads: an optimiser serves one calling thread at a time. Since 0.1.
 */
#ifndef REDUX_OPTIMISER_H
#define REDUX_OPTIMISER_H

#include <redux/network.h>

REDUX_BEGIN_DECLS

/** The update rules. */
typedef enum redux_optimiser_kind {
    REDUX_OPTIMISER_SGD = 0,  /**< momentum m: b = m b + g; w -= lr b (PyTorch's SGD) */
    REDUX_OPTIMISER_LARS = 1, /**< SGD whose rate is scaled, weight by weight (a tensor), by
                                   trust |w| / (|g| + decay |w|); You et al. 2017; norms and biases
                                   as SGD */
    REDUX_OPTIMISER_ADAM = 2, /**< decay added to the gradient (PyTorch's Adam) */
    REDUX_OPTIMISER_ADAMW = 3 /**< decoupled decay: Loshchilov, Hutter 2019 (PyTorch's AdamW) */
} redux_optimiser_kind;

/** Options of redux_optimiser_new. Weight decay acts on norms and biases
 *  (REDUX_PARAMETER_NO_DECAY) only with all_parameters. */
typedef struct redux_optimiser_options {
    size_t struct_size;
    redux_optimiser_kind kind;
    double weight_decay; /**< 1e-4 */
    double momentum;     /**< SGD, LARS: 0.9 */
    double beta1, beta2; /**< Adam: 0.9, 0.999 */
    double epsilon;      /**< Adam: 1e-8 */
    double trust;        /**< LARS: 0.001 */
    double clip_norm;    /**< gradients are scaled down to this norm over all of them, as PyTorch's
                              clip_grad_norm_; 0: never */
    int32_t all_parameters; /**< 1: norms and biases are decayed and, by LARS, adapted as weights
                                 are (as the authors of SwAV do); 0. Since 0.2 */
} redux_optimiser_options;

#define REDUX_OPTIMISER_OPTIONS_DEFAULTS(set)                                                      \
    set(struct_size, sizeof(redux_optimiser_options)), set(kind, REDUX_OPTIMISER_SGD),             \
        set(weight_decay, 1e-4), set(momentum, 0.9), set(beta1, 0.9), set(beta2, 0.999),           \
        set(epsilon, 1e-8), set(trust, 0.001)
REDUX_DEFINE_INIT(redux_optimiser_options, REDUX_OPTIMISER_OPTIONS_DEFAULTS)
#define REDUX_OPTIMISER_OPTIONS_INIT                                                               \
    REDUX_INIT(redux_optimiser_options, REDUX_OPTIMISER_OPTIONS_DEFAULTS)

/** An optimiser: moments for one list of parameters. Opaque. */
typedef struct redux_optimiser redux_optimiser;

/** The optimiser of a name ("sgd", "lars", "adam", "adamw"), and the name. Errors:
 *  REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_optimiser_parse(redux_optimiser_kind *out, const char *name);
REDUX_API const char *redux_optimiser_name(redux_optimiser_kind kind);

/** An optimiser of `count` parameters, which are copied (the memory of their tensors must stay).
 *  Buffers are left out. Moments start at 0 and are allocated here. `options` may be NULL. The
 *  caller owns *out. Errors: REDUX_E_INVALID (dtype other than float32, gradient and value of
 *  different layout), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_optimiser_new(redux_optimiser **out, redux_context *context,
                                           const redux_parameter *const *parameters, int64_t count,
                                           const redux_optimiser_options *options);
/** An optimiser of all parameters of a network. Errors: those of redux_optimiser_new. */
REDUX_API redux_status redux_optimiser_of_network(redux_optimiser **out, redux_context *context,
                                                  const redux_network *network,
                                                  const redux_optimiser_options *options);
/** Frees an optimiser; NULL is allowed. */
REDUX_API void redux_optimiser_free(redux_optimiser *optimiser);

/** One step at learning rate `rate`. Gradients are read, not changed. *gradient_norm (may be NULL):
 *  over all gradients, before clipping. If it is not finite, nothing changes and the status is
 *  still REDUX_OK: check the norm. Errors: REDUX_E_INVALID (rate). */
REDUX_API redux_status redux_optimiser_step(double *gradient_norm, redux_context *context,
                                            redux_optimiser *optimiser, double rate);

/** The state, for a checkpoint: moments as tensors like their parameters, named "optimiser.NAME.m"
 *  and, for Adam, "optimiser.NAME.v"; of parameters whose gradient may be absent
 *  "optimiser.NAME.missed", the steps without one; and the number of steps taken (for Adam's bias
 * correction), which is read and set separately. Tensors belong to the optimiser and may be
 * written. NULL for an index out of range. */
REDUX_API int64_t redux_optimiser_tensor_count(const redux_optimiser *optimiser);
REDUX_API const redux_parameter *redux_optimiser_tensor(const redux_optimiser *optimiser,
                                                        int64_t index);
REDUX_API int64_t redux_optimiser_steps(const redux_optimiser *optimiser);
REDUX_API void redux_optimiser_set_steps(redux_optimiser *optimiser, int64_t steps);

/** The learning rate of step `step` (from 0) of `steps`: rises linearly over `warm_up` steps to
 *  `base` (base (step + 1) / warm_up), then falls along half a cosine to `last` (Loshchilov, Hutter
 *  2017, without restarts). Any thread. */
REDUX_API double redux_schedule_cosine(int64_t step, int64_t steps, int64_t warm_up, double base,
                                       double last);

REDUX_END_DECLS
#endif
