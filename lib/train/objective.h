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

/* Makes a built-in objective, which owns the options (definition->user, from rdx_alloc), also where
 * it fails. `status`: of reading and checking them. */
redux_status rdx_objective_new(redux_objective **out, redux_context *context,
                               const redux_custom_objective *definition, redux_status status);

/* The options of an objective as an object, which the caller owns. */
redux_status rdx_objective_describe(json_t **out, const redux_objective *objective);
/* Checks that it works on such views. */
redux_status rdx_objective_check(const redux_objective *objective,
                                 const redux_views_options *views);
/* Whether a queue fits the run: no longer than the slices, a multiple of the batch. */
redux_status rdx_objective_check_queue(const char *name, int64_t queue,
                                       const redux_objective_setup *setup);
/* A caller's function may fail without setting a message. `before` is rdx_messages() before its
 * call. */
redux_status rdx_objective_result(const redux_objective *objective, const char *what,
                                  uint64_t before, redux_status status);

/* Rows first ... first + count - 1 of a C-contiguous tensor, without a reference to its storage. */
static inline redux_tensor rdx_rows_of(const redux_tensor *tensor, int64_t first, int64_t count)
{
    redux_tensor out = *tensor;
    out.storage = NULL;
    out.data = (char *)tensor->data +
               (size_t)(first * tensor->strides[0]) * redux_dtype_size(tensor->dtype);
    out.shape[0] = count;
    return out;
}

#endif
