/* SPDX-License-Identifier: MIT
 * The inside of an objective. Internal. */
#ifndef RDX_OBJECTIVE_H
#define RDX_OBJECTIVE_H

#include <jansson.h>
#include <redux/objective.h>
#include <redux/views.h>
#include "parts.h"

/* Marks the images of a step's batch that this rank works on: wanted[view * batch + sample], all 0
 * before. room: [batch]. Called on threads of the loader while steps run. */
typedef void (*rdx_mark_fn)(uint8_t *wanted, int64_t *room, const void *state, int64_t step);

struct redux_objective {
    redux_custom_objective definition;
    redux_objective_views views;
    void *owned;      /* options of a built-in one; or NULL */
    rdx_mark_fn mark; /* of one that works on batches in parts, whose state begins with rdx_parts;
                         NULL: it cannot share a batch */
};

/* Makes a built-in objective, which owns the options (definition->user, from rdx_alloc), also where
 * it fails. `status`: of reading and checking them. */
redux_status rdx_objective_new(redux_objective **out, redux_context *context,
                               const redux_custom_objective *definition, rdx_mark_fn mark,
                               redux_status status);

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

/* Passes that so many images take, `part` of them at a time; 0: all. */
static inline int64_t rdx_passes(int64_t images, int64_t part)
{
    return part == 0 ? 1 : (images + part - 1) / part;
}

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
