/* SPDX-License-Identifier: MIT
 * The hot paths of the network: a SimCLR step (two views of a batch of 64, NT-Xent, SGD) and
 * inference, on images in memory. */
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { BATCH = 64, VIEWS = 2, PROJECTION = 128 };
enum { ROUNDED = 16 }; /* added to a network's number: bfloat16 products */

typedef struct network_bench {
    int64_t arch, side;
    redux_network *network;
    redux_optimiser *optimiser;
    void *workspace; /* of the loss */
    redux_tensor images, features;
    redux_tensor projected, unit, d_unit, d_projected; /* [VIEWS * BATCH, PROJECTION] */
} network_bench;

static void close_network(bench *b)
{
    network_bench *n = b->network;
    if (n == NULL)
        return;
    free(n->workspace);
    redux_optimiser_free(n->optimiser);
    redux_network_free(n->network);
    redux_tensor *const tensors[] = {&n->images, &n->features, &n->projected,
                                     &n->unit,   &n->d_unit,   &n->d_projected};
    for (int i = 0; i < 6; i++)
        redux_tensor_release(tensors[i]);
    free(n);
    b->network = NULL;
}

static redux_status open_training(network_bench *n, bench *b)
{
    redux_network_options options = REDUX_NETWORK_OPTIONS_INIT;
    redux_head_options head = REDUX_HEAD_OPTIONS_INIT;
    redux_optimiser_options optimiser = REDUX_OPTIMISER_OPTIONS_INIT;
    head.widths[1] = PROJECTION;
    options.arch = (redux_arch)(n->arch % ROUNDED);
    options.products = n->arch >= ROUNDED ? REDUX_PRODUCTS_BFLOAT16 : REDUX_PRODUCTS_FLOAT32;
    options.projection = &head;
    TRY(redux_network_new(&n->network, b->context, &options));
    TRY(redux_network_plan(n->network, b->context, VIEWS * BATCH, n->side, n->side, 1));
    return redux_optimiser_of_network(&n->optimiser, b->context, n->network, &optimiser);
}

/* Everything between the network's output and its gradient. */
static redux_status open_loss(network_bench *n, bench *b)
{
    const int64_t shape[2] = {VIEWS * BATCH, PROJECTION};
    redux_tensor *const tensors[] = {&n->projected, &n->unit, &n->d_unit, &n->d_projected};
    for (int i = 0; i < 4; i++)
        TRY(redux_tensor_new(tensors[i], b->context, REDUX_FLOAT32, 2, shape));
    n->workspace = malloc((size_t)redux_nt_xent_workspace(VIEWS * BATCH, REDUX_FLOAT32));
    return n->workspace == NULL ? REDUX_E_NO_MEMORY : REDUX_OK;
}

static redux_status open_images(network_bench *n, bench *b)
{
    const int64_t shape[4] = {VIEWS * BATCH, n->side, n->side, 1};
    const int64_t features[2] = {VIEWS * BATCH, redux_network_features(n->network)};
    const redux_random_key key = {.seed = 5};
    TRY(redux_tensor_new(&n->images, b->context, REDUX_FLOAT32, 4, shape));
    TRY(redux_tensor_new(&n->features, b->context, REDUX_FLOAT32, 2, features));
    for (int64_t i = 0; i < redux_tensor_elements(&n->images); i++)
        ((float *)n->images.data)[i] = (float)redux_random_normal(&key, (uint32_t)i);
    return REDUX_OK;
}

static redux_status network_of(bench *b, const bench_path *path)
{
    if (b->network != NULL && b->network->arch == path->a && b->network->side == path->b)
        return REDUX_OK;
    close_network(b);
    b->network = calloc(1, sizeof *b->network);
    if (b->network == NULL)
        return REDUX_E_NO_MEMORY;
    b->network->arch = path->a;
    b->network->side = path->b;
    TRY(open_training(b->network, b));
    TRY(open_loss(b->network, b));
    return open_images(b->network, b);
}

/* Forward, NT-Xent, backward. */
static redux_status train_step(network_bench *n, bench *b)
{
    double loss;
    redux_network_zero_gradients(n->network);
    TRY(redux_network_forward(&n->projected, b->context, n->network, &n->images,
                              REDUX_OUTPUT_PROJECTION, REDUX_MODE_TRAIN));
    TRY(redux_l2_normalise_forward(&n->unit, b->context, &n->projected));
    TRY(redux_nt_xent(&loss, &n->d_unit, b->context, &n->unit, 0.5, n->workspace));
    TRY(redux_l2_normalise_backward(&n->d_projected, b->context, &n->d_unit, &n->projected));
    return redux_network_backward(n->network, b->context, &n->d_projected);
}

static redux_status run_step(double *units, bench *b, const bench_path *path)
{
    *units = VIEWS * BATCH;
    TRY(network_of(b, path));
    TRY(train_step(b->network, b));
    return redux_optimiser_step(NULL, b->context, b->network->optimiser, 1e-3);
}

static redux_status run_inference(double *units, bench *b, const bench_path *path)
{
    TRY(network_of(b, path));
    *units = VIEWS * BATCH;
    return redux_network_forward(&b->network->features, b->context, b->network->network,
                                 &b->network->images, REDUX_OUTPUT_FEATURES, REDUX_MODE_EVALUATE);
}

/* Floating-point operations of an image through the encoders, counted as plain convolutions.
 * Winograd's convolutions need fewer, so percentages can exceed 100. Backward takes twice as many
 * as forward. */
#define R18_64 0.283e9
#define R18_96 0.637e9
#define R50_64 0.654e9

const bench_path train_paths[] = {
    {"SimCLR step, ResNet-18, 64 px",
     "images",
     run_step,
     REDUX_RESNET18,
     64,
     LIMIT_FLOPS,
     false,
     3 * R18_64,
     "simclr_torch.py resnet18 64 64 1 channels_last %T",
     {"simclr"}},
    {"SimCLR step, ResNet-18, 64 px, bfloat16",
     "images",
     run_step,
     REDUX_RESNET18 + ROUNDED,
     64,
     LIMIT_FLOPS,
     false,
     3 * R18_64,
     "simclr_torch.py resnet18 64 64 1 channels_last %T",
     {"simclr"}},
    {"inference, ResNet-18, 64 px",
     "images",
     run_inference,
     REDUX_RESNET18,
     64,
     LIMIT_FLOPS,
     false,
     R18_64,
     "embed_torch.py resnet18 128 64 1 %T",
     {"inference resnet18"}},
    {"SimCLR step, ResNet-18, 96 px",
     "images",
     run_step,
     REDUX_RESNET18,
     96,
     LIMIT_FLOPS,
     false,
     3 * R18_96,
     "simclr_torch.py resnet18 64 96 1 channels_last %T",
     {"simclr"}},
    {"SimCLR step, ResNet-18, 96 px, bfloat16",
     "images",
     run_step,
     REDUX_RESNET18 + ROUNDED,
     96,
     LIMIT_FLOPS,
     false,
     3 * R18_96,
     "simclr_torch.py resnet18 64 96 1 channels_last %T",
     {"simclr"}},
    {"SimCLR step, ResNet-50, 64 px",
     "images",
     run_step,
     REDUX_RESNET50,
     64,
     LIMIT_FLOPS,
     false,
     3 * R50_64,
     "simclr_torch.py resnet50 64 64 1 channels_last %T",
     {"simclr"}},
    {"SimCLR step, ResNet-50, 64 px, bfloat16",
     "images",
     run_step,
     REDUX_RESNET50 + ROUNDED,
     64,
     LIMIT_FLOPS,
     false,
     3 * R50_64,
     "simclr_torch.py resnet50 64 64 1 channels_last %T",
     {"simclr"}},
};
const int train_path_count = sizeof train_paths / sizeof train_paths[0];

void free_train_bench(bench *b)
{
    close_network(b);
}
