/* SPDX-License-Identifier: MIT */
/** @file
 * ResNet encoders with optional heads and a classifier: forward, backward, weights by torchvision's
 * names.
 *
 * @code
 * const int64_t shape[4] = {2, 32, 32, 1}, features_shape[2] = {2, 512};
 * redux_tensor images = REDUX_TENSOR_INIT, features = REDUX_TENSOR_INIT;
 * redux_network *network = NULL;
 * redux_status status = redux_network_new(&network, context, NULL); // ResNet-18, 1 channel
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&images, context, REDUX_FLOAT32, 4, shape);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&features, context, REDUX_FLOAT32, 2, features_shape);
 * if (status == REDUX_OK)
 *     status = redux_network_plan(network, context, 2, 32, 32, 0);
 * if (status == REDUX_OK)
 *     status = redux_network_forward(&features, context, network, &images, REDUX_OUTPUT_FEATURES,
 *                                    REDUX_MODE_EVALUATE);
 * redux_tensor_release(&features);
 * redux_tensor_release(&images);
 * redux_network_free(network);
 * return status;
 * @endcode
 *
 * Images are [N, H, W, C] float32 (channels last), whatever the layout of weights in files.
 *
 * Promised:
 * - The same inputs give the same bits, whatever the number of threads.
 * - Memory for activations is planned once (redux_network_plan); forward and backward allocate
 *   nothing.
 * - Weights of torchvision's and our own files load by name, or fail with the name at fault.
 *
 * Not promised: the same bits as PyTorch, or on other instruction sets or with another BLAS.
 *
 * Source: He et al., "Deep residual learning", CVPR 2016; torchvision.models.resnet (the stride of
 * a bottleneck lies on its 3x3 convolution).
 *
 * Threads: a network serves one calling thread at a time. Since 0.1.
 */
#ifndef REDUX_NETWORK_H
#define REDUX_NETWORK_H

#include <redux/layers.h>
#include <redux/safetensors.h>
#include <redux/views.h>

REDUX_BEGIN_DECLS

/* ---- options ---- */

/** The encoders. */
typedef enum redux_arch {
    REDUX_RESNET18 = 0,
    REDUX_RESNET34 = 1,
    REDUX_RESNET50 = 2,
    REDUX_RESNET101 = 3,
    REDUX_RESNET152 = 4
} redux_arch;

/** How the first layers shrink the image. */
typedef enum redux_stem {
    REDUX_STEM_IMAGENET = 0, /**< 7x7 with stride 2, then 3x3 max pooling with stride 2 */
    REDUX_STEM_SMALL = 1     /**< 3x3 with stride 1, no pooling */
} redux_stem;

/** The most linear layers of a head. */
#define REDUX_HEAD_LAYERS 8

/** A head: linear layers, each but the last followed by a ReLU. The default is the head of SimCLR
 *  and MoCo v2: two layers, 128 outputs. SwAV's on ResNet-50 is layers 2, widths {2048, 128},
 *  batch_norm 1; BYOL's is {4096, 256}, batch_norm 1, no_bias 2, for the projection and the
 *  prediction alike. */
typedef struct redux_head_options {
    size_t struct_size;
    int32_t layers;                    /**< 1 ... REDUX_HEAD_LAYERS; 2 */
    int32_t widths[REDUX_HEAD_LAYERS]; /**< outputs of each layer; 0: as many as the head has
                                          inputs; those beyond `layers` are ignored; 0, 128 */
    uint32_t batch_norm;               /**< bit i: batch norm follows layer i, before the ReLU; 0 */
    uint32_t no_bias;                  /**< bit i: layer i has no bias; 0 */
} redux_head_options;

#define REDUX_HEAD_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_head_options)), set(layers, 2), set(widths[1], 128)
REDUX_DEFINE_INIT(redux_head_options, REDUX_HEAD_OPTIONS_DEFAULTS)
#define REDUX_HEAD_OPTIONS_INIT REDUX_INIT(redux_head_options, REDUX_HEAD_OPTIONS_DEFAULTS)

/** Options of redux_network_new, which copies what they point to. */
typedef struct redux_network_options {
    size_t struct_size;
    redux_arch arch;
    redux_stem stem;
    int32_t channels;        /**< of the images: 1 or 3 */
    int32_t classes;         /**< outputs of the linear classifier `fc` on the features; 0: none */
    double width;            /**< all channel counts are multiplied by it: a multiple of 1/8; 1 */
    uint64_t seed;           /**< of the first weights */
    redux_products products; /**< of the encoder's convolutions; not kept in files */
    const redux_head_options *projection; /**< head on the features; NULL: none */
    const redux_head_options *prediction; /**< head on the projection (BYOL's); NULL: none */
} redux_network_options;

#define REDUX_NETWORK_OPTIONS_DEFAULTS(set)                                                        \
    set(struct_size, sizeof(redux_network_options)), set(arch, REDUX_RESNET18),                    \
        set(stem, REDUX_STEM_IMAGENET), set(channels, 1), set(width, 1.0),                         \
        set(products, REDUX_PRODUCTS_FLOAT32)
REDUX_DEFINE_INIT(redux_network_options, REDUX_NETWORK_OPTIONS_DEFAULTS)
#define REDUX_NETWORK_OPTIONS_INIT REDUX_INIT(redux_network_options, REDUX_NETWORK_OPTIONS_DEFAULTS)

/** How the optimiser treats a tensor. */
typedef enum redux_parameter_kind {
    REDUX_PARAMETER_WEIGHT = 0,   /**< weight decay applies */
    REDUX_PARAMETER_NO_DECAY = 1, /**< norms and biases */
    REDUX_PARAMETER_BUFFER = 2    /**< running statistics: no gradient */
} redux_parameter_kind;

/** A named tensor of a network. `value` and `gradient` have the shape that PyTorch uses
 *  (convolutions [O, I, KH, KW]) and the same strides; both are dense, so that element-wise work
 *  may treat `data` as one row. */
typedef struct redux_parameter {
    size_t struct_size; /**< sizeof this struct, as its maker knows it */
    const char *name;
    redux_tensor value;
    redux_tensor gradient; /**< no data for buffers */
    redux_parameter_kind kind;
    const int32_t *absent; /**< NULL, or read at each step of an optimiser: where it is not 0, there
                                is no gradient. Value and moments stay: no momentum, no decay, and
                                the step does not count (PyTorch: grad is None). Since 0.2 */
} redux_parameter;

/** A network. Opaque. */
typedef struct redux_network redux_network;

/** Which output of the network you want. */
typedef enum redux_network_output {
    REDUX_OUTPUT_FEATURES = 0,   /**< global average pool, [N, features] */
    REDUX_OUTPUT_PROJECTION = 1, /**< [N, its outputs], not normalised */
    REDUX_OUTPUT_CLASSES = 2,    /**< logits, [N, classes] */
    REDUX_OUTPUT_PREDICTION = 3  /**< of the head on the projection, [N, its outputs] */
} redux_network_output;

/** The most groups of images in one forward. */
#define REDUX_NETWORK_GROUPS 8

/** How batch norm works. */
typedef enum redux_network_mode {
    REDUX_MODE_EVALUATE = 0, /**< running statistics; no backward */
    REDUX_MODE_TRAIN = 1,    /**< the batch's statistics; running ones are updated, momentum 0.1 */
    REDUX_MODE_REPEAT = 2,   /**< as TRAIN, but running statistics stay: the same images again */
    REDUX_MODE_NO_GRADIENT = 3 /**< as TRAIN, but no backward can follow: a plan without training
                                    is enough. Since 0.2 */
} redux_network_mode;

/* ---- names ---- */

/** The encoder of a name ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), the stem
 *  of a name ("imagenet", "small"), and their names. Errors: REDUX_E_NOT_FOUND, REDUX_E_INVALID
 *  (NULL). Any thread. */
REDUX_API redux_status redux_arch_parse(redux_arch *out, const char *name);
REDUX_API const char *redux_arch_name(redux_arch arch);
REDUX_API redux_status redux_stem_parse(redux_stem *out, const char *name);
REDUX_API const char *redux_stem_name(redux_stem stem);

/* ---- making, and what it is made of ---- */

/** Makes a network with torchvision's initialisation (convolutions: normal, fan-out, ReLU gain;
 *  norms 1 and 0; linear layers: PyTorch's default), keyed by (seed, name), not by order. `options`
 *  may be NULL. The caller owns *out. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_network_new(redux_network **out, redux_context *context,
                                         const redux_network_options *options);
/** Frees a network; NULL is allowed. */
REDUX_API void redux_network_free(redux_network *network);

/** The options in force; the heads that they point to belong to the network. Set out->struct_size
 *  first. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_network_get_options(redux_network_options *out,
                                                 const redux_network *network);
/** Length of each output row; 0 if the network has no such output. Since 0.2. */
REDUX_API int64_t redux_network_outputs(const redux_network *network, redux_network_output output);
/** Length of the feature vector: 512 or 2048, times width. */
REDUX_API int64_t redux_network_features(const redux_network *network);
/** Parameters and buffers, in torchvision's order, then those of the projection, of the prediction
 *  (both named as in PyTorch's Sequential: projection.0.weight) and of fc. NULL for an index out of
 *  range. They belong to the network; values may be written. */
REDUX_API int64_t redux_network_parameter_count(const redux_network *network);
REDUX_API const redux_parameter *redux_network_parameter(const redux_network *network,
                                                         int64_t index);

/* ---- running ---- */

/** Allocates what forward (and, with `training`, backward) needs for up to `batch` images of
 *  `height` x `width`; smaller or fewer images need nothing more. May be called again. Errors:
 *  REDUX_E_INVALID, REDUX_E_LIMIT, REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_network_plan(redux_network *network, redux_context *context,
                                          int64_t batch, int64_t height, int64_t width,
                                          int training);
/** The same for one forward of several groups of images (redux_network_forward_groups). shapes:
 *  [count][3], batch, height and width of each. Errors: those of redux_network_plan. Since 0.2. */
REDUX_API redux_status redux_network_plan_groups(redux_network *network, redux_context *context,
                                                 const int64_t *shapes, int32_t count,
                                                 int training);
/** Bytes that the plan allocated. */
REDUX_API uint64_t redux_network_planned_bytes(const redux_network *network);

/** Runs the network. images: [N, H, W, C] float32, C-contiguous, N, H and W within the plan; out:
 *  [N, ...] float32, C-contiguous. Errors: REDUX_E_INVALID. */
REDUX_API redux_status redux_network_forward(const redux_tensor *out, redux_context *context,
                                             redux_network *network, const redux_tensor *images,
                                             redux_network_output output, redux_network_mode mode);

/** Runs the network on several groups of images, each of a size of its own (multi-crop). The
 * encoder takes one group after the other, each with its own batch statistics; the heads take all
 * rows together, in the groups' order. images: `count` tensors [N_g, H_g, W_g, C], 1 to
 *  REDUX_NETWORK_GROUPS; out: [sum of N_g, ...]. One redux_network_backward serves all. Errors:
 *  REDUX_E_INVALID. Since 0.2. */
REDUX_API redux_status redux_network_forward_groups(const redux_tensor *out, redux_context *context,
                                                    redux_network *network,
                                                    const redux_tensor *images, int32_t count,
                                                    redux_network_output output,
                                                    redux_network_mode mode);

/** Adds the gradients of the last forward (TRAIN or REPEAT) to those of the parameters. d_out: the
 *  gradient of the loss with respect to that forward's output. The images must still exist. Errors:
 *  REDUX_E_INVALID. */
REDUX_API redux_status redux_network_backward(redux_network *network, redux_context *context,
                                              const redux_tensor *d_out);

/** Sets all gradients to 0. */
REDUX_API void redux_network_zero_gradients(redux_network *network);

/** 1: the encoder stays in EVALUATE mode whatever mode forward is given, and gets no gradients;
 *  heads and classifier still learn. 0: undoes that. */
REDUX_API void redux_network_freeze(redux_network *network, int frozen);

/* ---- weights ---- */

/** The network that a file holds, from the names and shapes of its tensors: torchvision's, or the
 *  numbers of a torch.nn.Sequential of a ResNet's children, behind any prefix
 * ("module.encoder_q."). Of several encoders the one that was trained by gradients is taken, which
 * has none of the words k, key, target, momentum, ema and shadow in its prefix. Heads are written
 * to `projection` and `prediction`, and out->projection and out->prediction then point there. Pass
 *  NULL if you do not want one: `out` then has none. Set each struct_size first. Errors:
 *  REDUX_E_FORMAT (not a ResNet with torchvision's names, or several of equal right),
 *  REDUX_E_INVALID. */
REDUX_API redux_status redux_network_options_of(redux_network_options *out,
                                                redux_head_options *projection,
                                                redux_head_options *prediction,
                                                const redux_safetensors *file);

/** Copies weights by name, all or nothing, from the encoder that redux_network_options_of finds; a
 *  log line says which, and what is not used. The encoder must be complete; tensors of heads and fc
 *  are copied if both sides have them in the same shape. A 3-channel stem is loaded into a
 *  1-channel one by summing over the channels (the same result for grey pictures), a 1-channel one
 *  into a 3-channel one divided by 3. Errors: REDUX_E_FORMAT (a tensor is missing or has another
 *  shape: its name). */
REDUX_API redux_status redux_network_load(redux_network *network, redux_context *context,
                                          const redux_safetensors *file);

/** Writes a network as a safetensors file, whole or not at all. The same network gives the same
 *  bytes.
 *  - Every parameter and buffer by its name (torchvision's, as redux_network_parameter lists them),
 *    bit for bit, with the metadata "format" ("pt"), "arch", "stem", "channels" and "width".
 *    redux_network_options_of and redux_network_load read it back, and so does PyTorch.
 *  - input: how slices become inputs, as metadata that redux_input_options_of reads ("window",
 *    "size", "mean", "deviation"); NULL: none.
 *  - more: further tensors and metadata for the file, under names of their own; NULL: none.
 *
 *  No other thread may write to the network meanwhile. Errors: REDUX_E_INVALID (NULL, input out of
 *  range, a name used twice), and those of redux_safetensors_save. Since 0.2. */
REDUX_API redux_status redux_network_save(const char *path, redux_context *context,
                                          const redux_network *network,
                                          const redux_input_options *input,
                                          const redux_safetensors_content *more);

REDUX_END_DECLS
#endif
