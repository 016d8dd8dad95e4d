/* SPDX-License-Identifier: MIT
 * An objective from the inside. Internal. */
#ifndef RDX_OBJECTIVE_H
#define RDX_OBJECTIVE_H

#include <jansson.h>
#include <redux/objective.h>
#include <redux/views.h>
#include "base/base.h"

struct redux_objective {
    redux_custom_objective definition;
    redux_objective_views views;
    void *owned; /* options of one of the library's own; or NULL */
};

/* The options of an objective as an object, which the caller owns. */
redux_status rdx_objective_describe(json_t **out, const redux_objective *objective);
/* Whether it works on such views. */
redux_status rdx_objective_check(const redux_objective *objective,
                                 const redux_views_options *views);
/* A function of the caller's may fail without a message of its own: `before` is rdx_messages()
 * before its call. */
redux_status rdx_objective_result(const redux_objective *objective, const char *what,
                                  uint64_t before, redux_status status);

#endif
