/* SPDX-License-Identifier: MIT
 * The inside of an objective. Internal. */
#ifndef RDX_OBJECTIVE_H
#define RDX_OBJECTIVE_H

#include <jansson.h>
#include <redux/objective.h>
#include <redux/views.h>
#include "base/base.h"

struct redux_objective {
    redux_custom_objective definition;
    redux_objective_views views;
    void *owned; /* options of a built-in one; or NULL */
};

/* The options of an objective as an object, which the caller owns. */
redux_status rdx_objective_describe(json_t **out, const redux_objective *objective);
/* Checks that it works on such views. */
redux_status rdx_objective_check(const redux_objective *objective,
                                 const redux_views_options *views);
/* A caller's function may fail without setting a message. `before` is rdx_messages() before its
 * call. */
redux_status rdx_objective_result(const redux_objective *objective, const char *what,
                                  uint64_t before, redux_status status);

#endif
