/* SPDX-License-Identifier: MIT
 * A network from the inside. Internal.
 *
 *   network.c       what it is made of: parameters, their names and first values
 *   network_file.c  weights from safetensors
 *   network_run.c   memory planned, forward, backward
 *   network_head.c  the same of heads */
#ifndef RDX_NN_H
#define RDX_NN_H

#include <redux/network.h>
#include "batch_norm.h"
#include "conv2d.h"
#include "pooling.h"

/* A linear layer of a head, the batch norm and the ReLU after it, and the places of their tensors
 * in the arena. */
typedef struct rdx_layer {
    int64_t weight, bias; /* parameters; bias -1: there is none */
    int64_t norm;         /* -1: there is none; as rdx_unit's */
    int64_t in, out;
    bool relu;
    rdx_conv_plan product;
    rdx_norm_plan plan;
    int64_t x,
        y; /* offsets: the output of the product, if a norm follows; the output of the layer */
    int64_t statistics; /* offset, as rdx_unit's */
} rdx_layer;

/* Count 0: the network has no such head. */
typedef struct rdx_head {
    rdx_layer layers[REDUX_HEAD_LAYERS];
    int32_t count;
} rdx_head;

/* A convolution and the batch norm after it, and the places of their tensors in the arena. */
typedef struct rdx_unit {
    int64_t weight;  /* parameters: then norm weight, bias, running mean, variance, */
    int64_t norm;    /* and the number of batches seen */
    int64_t in, out; /* channels */
    int64_t kernel, stride, padding;
    rdx_conv_plan conv;
    rdx_norm_plan plan;
    int64_t x, y;       /* offsets: the outputs of the convolution and of the norm */
    int64_t statistics; /* offset: mean and 1 / deviation of the batch */
} rdx_unit;

/* A residual block. */
typedef struct rdx_residual {
    int64_t first, count; /* units, in a row */
    int64_t shortcut;     /* a unit; -1: the input itself */
} rdx_residual;

/* Groups of images, each of one size: [count][batch, height, width]. */
typedef struct rdx_groups {
    int32_t count;
    int64_t shapes[REDUX_NETWORK_GROUPS][3];
} rdx_groups;

/* The memory layout; offsets in floats. Units, pools and buffers are those of one group at a time.
 */
typedef struct rdx_plan {
    rdx_groups groups;
    int64_t starts[REDUX_NETWORK_GROUPS]; /* offsets of the groups' encoders */
    int64_t rows;                         /* images of all groups: heads take them together */
    int64_t n;                            /* images of the group that is laid out, */
    int64_t first;                        /* and the row of its first one */
    bool training;                        /* a backward can follow */
    rdx_pooling stem_pool, mean_pool;
    int64_t pooled;               /* after the stem */
    int64_t features, d_features; /* [rows, features] */
    int64_t head_buffers[3];      /* training: gradients within heads, and of the projection */
    int64_t buffers[4];    /* as large as a block's largest activation: gradients, or (without
                              training) layers; */
    int64_t stem_gradient; /* the stem's; both in: */
    int64_t scratch, scratch_floats; /* which the groups share */
    int64_t workspace;
    uint64_t floats; /* in all */
} rdx_plan;

enum {
    RDX_MOST_BLOCKS = 50, /* of a ResNet-152; */
    RDX_MOST_UNITS = 155, /* three in each, a shortcut in each layer, and the stem */
    RDX_FIRST_HEAD = REDUX_OUTPUT_PROJECTION,
    RDX_HEADS = REDUX_OUTPUT_PREDICTION - RDX_FIRST_HEAD + 1
};

struct redux_network {
    redux_network_options options;
    int64_t features;
    redux_parameter *parameters;
    char (*names)[64];
    int64_t parameter_count, parameter_capacity, name_capacity;
    float *values, *gradients;
    int64_t value_floats;
    int64_t *counters;
    rdx_unit units[RDX_MOST_UNITS];
    rdx_residual blocks[RDX_MOST_BLOCKS];
    int64_t unit_count, block_count;
    redux_head_options projection, prediction; /* the targets of options */
    rdx_head heads[RDX_HEADS];                 /* of output RDX_FIRST_HEAD + i */
    bool frozen;
    float *arena;
    uint64_t arena_floats;
    int64_t planned[3]; /* batch, height, width: the largest */
    bool planned_training;
    rdx_plan plan;               /* of the last forward */
    redux_network_output output; /* of it */
    bool can_go_back;
    bool encoder_trains; /* in the last forward, so that it was not frozen */
    const float *images[REDUX_NETWORK_GROUPS];
    /* A backward calls it now and then: gradients from that float on are final, if no other
     * follows. NULL: not. */
    redux_status (*settle)(int64_t first, void *user);
    void *settle_user;
    double *record; /* where running statistics are written down next; NULL: they follow at once */
};

/* ---- records: what batches have to say of running statistics, for networks that see parts of a
 * batch only. Each norm that a forward runs adds an entry: its first parameter, c means, c unbiased
 * variances. A record that is not full ends with a 0. ---- */

/* Numbers that one forward of one group writes at most. */
int64_t rdx_network_record_size(const redux_network *net);
/* Running statistics and counts follow a record, as they would have in the forward. */
void rdx_network_follow(const redux_network *net, const double *record, const double *end);

/* ---- network_run.c and network_head.c ---- */

/* One forward or backward in progress. */
typedef struct rdx_network_pass {
    redux_network *net;
    redux_context *context;
    const rdx_plan *plan;
    redux_network_mode mode, head_mode; /* a frozen encoder evaluates while heads train */
    bool more_groups;                   /* add to the same gradients afterwards */
} rdx_network_pass;

static inline float *rdx_at(const rdx_network_pass *p, int64_t offset)
{
    return p->net->arena + offset;
}

static inline float *rdx_value(const redux_network *net, int64_t parameter)
{
    return net->parameters[parameter].value.data;
}

static inline float *rdx_gradient(const redux_network *net, int64_t parameter)
{
    return net->parameters[parameter].gradient.data;
}

/* After a layer's backward: its gradients, which begin with that parameter's, are final, as are all
 * behind them. */
redux_status rdx_network_settle(const rdx_network_pass *p, int64_t parameter);
/* Room for `floats` in a plan: its offset. */
int64_t rdx_plan_take(rdx_plan *plan, int64_t floats);
/* The norm whose parameters begin at `parameter`; then its forward, with statistics at that
 * offset. */
rdx_norm rdx_norm_of(const rdx_network_pass *p, const rdx_norm_plan *plan, int64_t parameter);
redux_status rdx_norm_run(const rdx_network_pass *p, rdx_norm *norm, int64_t parameter,
                          int64_t statistics, redux_network_mode mode);

/* The checked options of the head called `name`. NULL: the defaults. */
redux_status rdx_head_read(redux_head_options *known, const redux_head_options *given,
                           const char *name);
/* The head of an output other than the features. */
rdx_head *rdx_head_of(redux_network *net, redux_network_output output);
/* Lays out all heads, and raises the workspace to their need. */
redux_status rdx_heads_plan(redux_network *net, rdx_plan *plan, int threads, int64_t *workspace);
/* From the features to an output, and from its gradient to that of the features. */
redux_status rdx_heads_forward(const rdx_network_pass *p, float *out, redux_network_output output);
redux_status rdx_heads_backward(const rdx_network_pass *p, float *d_features, const float *d_out,
                                redux_network_output output);

#endif
