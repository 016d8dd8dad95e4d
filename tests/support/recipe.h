/* SPDX-License-Identifier: MIT
 * All options of a pre-training in one struct, and a run by them. */
#ifndef TEST_RECIPE_H
#define TEST_RECIPE_H

#include <stdbool.h>
#include <redux.h>

typedef struct recipe {
    redux_pretrain_options run; /* its pointers are set by recipe_run */
    redux_network_options network;
    redux_head_options projection, prediction;
    bool without_projection, with_prediction;
    redux_input_options input;
    redux_views_options views;
    redux_optimiser_options optimiser;
    redux_nt_xent_options nt_xent; /* where run.objective is NULL */
} recipe;

/* Views of a preset at a size. */
static inline recipe recipe_of(const char *preset, int32_t size)
{
    recipe r = {.run = REDUX_PRETRAIN_OPTIONS_INIT,
                .network = REDUX_NETWORK_OPTIONS_INIT,
                .projection = REDUX_HEAD_OPTIONS_INIT,
                .prediction = REDUX_HEAD_OPTIONS_INIT,
                .input = REDUX_INPUT_OPTIONS_INIT,
                .views = REDUX_VIEWS_OPTIONS_INIT,
                .optimiser = REDUX_OPTIMISER_OPTIONS_INIT,
                .nt_xent = REDUX_NT_XENT_OPTIONS_INIT};
    (void)redux_views_preset(&r.views, preset);
    r.input.size = size;
    r.optimiser.weight_decay = 5e-4;
    return r;
}

static inline redux_status recipe_run(redux_pretrain_result *out, redux_context *context,
                                      const char *folder, const redux_dataset *dataset,
                                      const uint8_t *kept, const recipe *r)
{
    redux_pretrain_options options = r->run;
    redux_network_options network = r->network;
    redux_objective *objective = NULL;
    redux_status status = REDUX_OK;
    if (options.objective == NULL)
        status = redux_objective_new_nt_xent(&objective, context, &r->nt_xent);
    if (options.objective == NULL)
        options.objective = objective;
    network.projection = r->without_projection ? NULL : &r->projection;
    network.prediction = r->with_prediction ? &r->prediction : NULL;
    options.network = &network;
    options.input = &r->input;
    options.views = &r->views;
    options.optimiser = &r->optimiser;
    if (status == REDUX_OK)
        status = redux_pretrain(out, context, folder, dataset, kept, &options);
    redux_objective_free(objective);
    return status;
}

#endif
