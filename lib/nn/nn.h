/* SPDX-License-Identifier: MIT
 * A network from the inside. Internal.
 *
 *   network.c       what it is made of: parameters, their names and first values
 *   network_file.c  weights from safetensors
 *   network_run.c   memory planned, forward, backward */
#ifndef RDX_NN_H
#define RDX_NN_H

#include <redux/network.h>
#include "batch_norm.h"
#include "conv2d.h"
#include "pooling.h"

/* Indices of a layer's parameters. */
typedef struct rdx_linear {
    int64_t weight, bias; /* -1: there is none */
} rdx_linear;

/* A convolution and the batch norm behind it, and where their tensors lie in the arena. */
typedef struct rdx_unit {
    int64_t weight;  /* parameters: then norm weight, bias, running mean, variance, */
    int64_t norm;    /* and how many batches were seen */
    int64_t in, out; /* channels */
    int64_t kernel, stride, padding;
    rdx_conv_plan conv;
    rdx_norm_plan plan;
    int64_t x, y;       /* offsets: what the convolution gives, what goes on */
    int64_t statistics; /* offset: mean and 1 / deviation of the batch */
} rdx_unit;

/* A residual block. */
typedef struct rdx_residual {
    int64_t first, count; /* units, in a row */
    int64_t shortcut;     /* a unit; -1: the input itself */
} rdx_residual;

/* Where things lie for images of one size; offsets in floats. */
typedef struct rdx_plan {
    int64_t n, h, w;
    bool training;
    rdx_pooling stem_pool, mean_pool;
    rdx_conv_plan hidden, projection, classes;
    int64_t pooled; /* after the stem */
    int64_t features, d_features, hidden_at, d_hidden;
    int64_t buffers[4]; /* of one block's largest activation: gradients, or (evaluating) layers */
    int64_t stem_gradient;
    int64_t workspace;
    uint64_t floats; /* in all */
} rdx_plan;

enum { RDX_MOST_BLOCKS = 16, RDX_MOST_UNITS = 64 };

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
    rdx_linear hidden, projection, classes;
    bool frozen;
    float *arena;
    uint64_t arena_floats;
    int64_t planned[3]; /* batch, height, width: the largest */
    bool planned_training;
    rdx_plan plan;               /* of the last forward */
    redux_network_output output; /* of it */
    bool can_go_back;
    bool encoder_trains; /* it did in the last forward: it was not frozen */
    const float *images;
};

#endif
