/* SPDX-License-Identifier: MIT
 * Objectives: how they are made, which views they take, and the description that identifies a run.
 */
#include "objective.h"
#include <math.h>
#include "io/json.h"

struct redux_description {
    json_t *options;
};

/* ---- options ---- */

static redux_status add(redux_description *description, const char *name, json_t *value)
{
    if (value == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "out of memory");
    if (json_object_get(description->options, name) != NULL) {
        json_decref(value);
        return rdx_fail(REDUX_E_INVALID, "an objective describes '%s' twice", name);
    }
    if (!rdx_json_takes(name)) {
        json_decref(value);
        return rdx_fail(REDUX_E_INVALID,
                        "an objective describes an option whose name is not UTF-8");
    }
    if (json_object_set_new(description->options, name, value) != 0)
        return rdx_fail(REDUX_E_NO_MEMORY, "out of memory");
    return REDUX_OK;
}

redux_status redux_description_add_number(redux_description *description, const char *name,
                                          double value)
{
    if (description == NULL || name == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_description_add_number: an argument is NULL");
    if (!isfinite(value))
        return rdx_fail(REDUX_E_INVALID, "an objective describes '%s' as %g", name, value);
    return add(description, name, json_real(value));
}

redux_status redux_description_add_text(redux_description *description, const char *name,
                                        const char *value)
{
    if (description == NULL || name == NULL || value == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_description_add_text: an argument is NULL");
    if (!rdx_json_takes(value))
        return rdx_fail(REDUX_E_INVALID, "an objective describes '%s' by what is not UTF-8", name);
    return add(description, name, json_string(value));
}

redux_status rdx_objective_result(const redux_objective *objective, const char *what,
                                  uint64_t before, redux_status status)
{
    if (status != REDUX_OK && rdx_messages() == before)
        return rdx_fail(status, "objective %s: %s: %s", objective->definition.name, what,
                        redux_status_string(status));
    return status;
}

redux_status rdx_objective_describe(json_t **out, const redux_objective *objective)
{
    const redux_custom_objective *d = &objective->definition;
    redux_description description = {json_object()};
    redux_status status = REDUX_OK;
    if (description.options == NULL)
        return rdx_fail(REDUX_E_NO_MEMORY, "out of memory");
    if (d->describe != NULL) {
        const uint64_t before = rdx_messages();
        status = d->describe(&description, d->user);
        status = rdx_objective_result(objective, "describe", before, status);
    }
    if (status == REDUX_OK)
        *out = description.options;
    else
        json_decref(description.options);
    return status;
}

/* ---- views ---- */

redux_status rdx_objective_check(const redux_objective *objective, const redux_views_options *views)
{
    const redux_objective_views *w = &objective->views;
    const char *name = objective->definition.name;
    if (views->views < w->least || (w->most > 0 && views->views > w->most))
        return rdx_fail(REDUX_E_INVALID, "objective %s: %d full views of a slice; it takes %d%s",
                        name, (int)views->views, (int)w->least,
                        w->most == w->least ? "" : " or more");
    if (w->most_small >= 0 && views->small_views > w->most_small)
        return rdx_fail(REDUX_E_INVALID, "objective %s: %d small views of a slice; it takes %d",
                        name, (int)views->small_views, (int)w->most_small);
    if (views->views % w->multiple != 0 || views->small_views % w->multiple != 0)
        return rdx_fail(REDUX_E_INVALID,
                        "objective %s: %d full and %d small views of a slice; it takes multiples "
                        "of %d",
                        name, (int)views->views, (int)views->small_views, (int)w->multiple);
    return REDUX_OK;
}

static redux_status read_views(redux_objective_views *known, const redux_objective_views *given)
{
    const redux_objective_views defaults = REDUX_OBJECTIVE_VIEWS_INIT;
    *known = defaults;
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_objective_views"));
    if (known->least < 1 || known->most < 0 || (known->most > 0 && known->most < known->least) ||
        known->most_small < -1 || known->multiple < 1 || known->together < 0)
        return rdx_fail(REDUX_E_INVALID,
                        "redux_objective_views: least %d, most %d, most_small %d, multiple %d, "
                        "together %d",
                        (int)known->least, (int)known->most, (int)known->most_small,
                        (int)known->multiple, (int)known->together);
    return REDUX_OK;
}

/* ---- queues ---- */

redux_status rdx_objective_check_queue(const char *name, int64_t queue,
                                       const redux_objective_setup *setup)
{
    const int64_t most = setup->slices / setup->batch * setup->batch;
    const int64_t fits = RDX_MIN(RDX_MAX(queue / setup->batch, 1) * setup->batch, most);
    if (queue > setup->slices)
        return rdx_fail(REDUX_E_INVALID,
                        "%s: a queue of %lld is longer than the %lld slices: make it %lld or less",
                        name, (long long)queue, (long long)setup->slices, (long long)most);
    if (queue % setup->batch != 0)
        return rdx_fail(REDUX_E_INVALID,
                        "%s: a queue of %lld is no multiple of the batch of %lld: make it %lld",
                        name, (long long)queue, (long long)setup->batch, (long long)fits);
    return REDUX_OK;
}

/* ---- objectives ---- */

redux_status redux_objective_new_custom(redux_objective **out, redux_context *context,
                                        const redux_custom_objective *definition)
{
    redux_custom_objective known = REDUX_CUSTOM_OBJECTIVE_INIT;
    redux_objective_views views;
    void *block;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_objective_new_custom: out is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, definition, "redux_custom_objective"));
    if (known.name == NULL || known.step == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_custom_objective: name or step is NULL");
    RDX_TRY(read_views(&views, known.views));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_objective)));
    redux_objective *objective = block;
    objective->definition = known;
    objective->views = views;
    objective->definition.views = &objective->views;
    *out = objective;
    return REDUX_OK;
}

redux_status rdx_objective_new(redux_objective **out, redux_context *context,
                               const redux_custom_objective *definition, rdx_mark_fn mark,
                               redux_status status)
{
    if (status == REDUX_OK)
        status = redux_objective_new_custom(out, context, definition);
    if (status == REDUX_OK) {
        (*out)->owned = definition->user;
        (*out)->mark = mark;
    } else {
        rdx_free(definition->user);
    }
    return status;
}

void redux_objective_free(redux_objective *objective)
{
    if (objective == NULL)
        return;
    rdx_free(objective->owned);
    rdx_free(objective);
}

const char *redux_objective_name(const redux_objective *objective)
{
    return objective == NULL ? NULL : objective->definition.name;
}

redux_status redux_objective_get_views(redux_objective_views *out, const redux_objective *objective)
{
    if (objective == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_objective_get_views: objective is NULL");
    return rdx_write_result(out, &objective->views, sizeof objective->views,
                            "redux_objective_views");
}
