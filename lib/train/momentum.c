/* SPDX-License-Identifier: MIT
 * A network whose parameters are a moving average of another's. */
#include "momentum.h"
#include <stdio.h>
#include <string.h>

/* The same network up to the projection: its parameters come first in both. */
static redux_status open_network(rdx_momentum *m, redux_context *context, const redux_network *of,
                                 int64_t images, int64_t side)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    RDX_TRY(redux_network_get_options(&options, of));
    options.classes = 0;
    options.prediction = NULL;
    RDX_TRY(redux_network_new(&m->network, context, &options));
    return redux_network_plan(m->network, context, images, side, side, 0);
}

static redux_status list_parameters(rdx_momentum *m, redux_context *context,
                                    const redux_network *of, const char *prefix)
{
    void *block;
    m->count = redux_network_parameter_count(m->network);
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)m->count, sizeof *m->parameters));
    m->parameters = block;
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)m->count, sizeof *m->names));
    m->names = block;
    for (int64_t i = 0; i < m->count; i++) {
        redux_parameter *p = &m->parameters[i];
        *p = *redux_network_parameter(m->network, i);
        snprintf(m->names[i], sizeof m->names[i], "%s.%s", prefix, p->name);
        p->name = m->names[i];
        p->kind = REDUX_PARAMETER_BUFFER;
        memset(&p->gradient, 0, sizeof p->gradient);
        RDX_TRY(redux_tensor_copy(&p->value, &redux_network_parameter(of, i)->value));
    }
    return REDUX_OK;
}

redux_status rdx_momentum_open(rdx_momentum *m, redux_context *context, const redux_network *of,
                               const char *prefix, int64_t images, int64_t side)
{
    *m = (rdx_momentum){0};
    RDX_TRY(open_network(m, context, of, images, side));
    return list_parameters(m, context, of, prefix);
}

void rdx_momentum_close(rdx_momentum *m)
{
    redux_network_free(m->network);
    rdx_free(m->parameters);
    rdx_free(m->names);
}

typedef struct following {
    const rdx_momentum *m;
    const redux_network *of;
    float share, rest;
} following;

static redux_status follow(int64_t index, void *user)
{
    const following *f = user;
    const redux_parameter *from = redux_network_parameter(f->of, index);
    const redux_tensor *to = &f->m->parameters[index].value;
    if (from->kind == REDUX_PARAMETER_BUFFER)
        return REDUX_OK;
    float *own = to->data;
    const float *other = from->value.data;
    const int64_t count = redux_tensor_elements(to);
    for (int64_t i = 0; i < count; i++)
        own[i] = f->share * own[i] + f->rest * other[i];
    return REDUX_OK;
}

redux_status rdx_momentum_follow(const rdx_momentum *m, redux_context *context,
                                 const redux_network *of, double share)
{
    following f = {m, of, (float)share, (float)(1 - share)};
    return rdx_parallel(context, m->count, follow, &f);
}

const redux_parameter *rdx_momentum_parameter(const rdx_momentum *m, int64_t index)
{
    return index >= 0 && index < m->count ? &m->parameters[index] : NULL;
}
