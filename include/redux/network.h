/* SPDX-License-Identifier: MIT
 * ResNet encoders with optional heads and a classifier: forward, backward, weights by
 * torchvision's names.
 *
 * Images are [N, H, W, C] float32 (channels last), whatever the layout of weights in files. Memory
 * for activations is planned once (redux_network_plan); forward and backward then allocate nothing.
 * A network serves one calling thread at a time. Same inputs, same bits, whatever the threads of
 * the context. Source: He et al., "Deep residual learning", CVPR 2016; torchvision.models.resnet
 * (the stride of a bottleneck lies on its 3x3 convolution). */
#ifndef REDUX_NETWORK_H
#define REDUX_NETWORK_H

#include <redux/layers.h>
#include <redux/safetensors.h>
#include <redux/views.h>

REDUX_BEGIN_DECLS

typedef enum redux_arch {
    REDUX_RESNET18 = 0,
    REDUX_RESNET34 = 1,
    REDUX_RESNET50 = 2,
    REDUX_RESNET101 = 3,
    REDUX_RESNET152 = 4
} redux_arch;

typedef enum redux_stem {
    REDUX_STEM_IMAGENET = 0, /**< 7x7 with stride 2, then 3x3 max pooling with stride 2 */
    REDUX_STEM_SMALL = 1     /**< 3x3 with stride 1, no pooling */
} redux_stem;

/** The most linear layers of a head. */
#define REDUX_HEAD_LAYERS 8

/** A head: linear layers, each but the last followed by a ReLU. Set it up with
 *  REDUX_HEAD_OPTIONS_INIT: SimCLR's and MoCo v2's, two layers with 128 outputs. SwAV's on
 * ResNet-50 is layers 2, widths {2048, 128}, batch_norm 1; BYOL's is {4096, 256}, batch_norm 1,
 * no_bias 2, for the projection and the prediction alike. */
typedef struct redux_head_options {
    size_t struct_size;
    int32_t layers;                    /**< 1 ... REDUX_HEAD_LAYERS; 2 */
    int32_t widths[REDUX_HEAD_LAYERS]; /**< outputs of each layer; 0: as many as the head has
                                          inputs; those beyond `layers` are not looked at; 0, 128 */
    uint32_t batch_norm;               /**< bit i: batch norm follows layer i, before the ReLU; 0 */
    uint32_t no_bias;                  /**< bit i: layer i has no bias; 0 */
} redux_head_options;

#define REDUX_HEAD_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_head_options)), set(layers, 2), set(widths[1], 128)
REDUX_DEFINE_INIT(redux_head_options, REDUX_HEAD_OPTIONS_DEFAULTS)
#define REDUX_HEAD_OPTIONS_INIT REDUX_INIT(redux_head_options, REDUX_HEAD_OPTIONS_DEFAULTS)

/** Options of redux_network_new, which copies what they point to. Set them up with
 *  REDUX_NETWORK_OPTIONS_INIT. */
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

/** What a tensor of a network is to the optimiser. */
typedef enum redux_parameter_kind {
    REDUX_PARAMETER_WEIGHT = 0,   /**< weight decay applies */
    REDUX_PARAMETER_NO_DECAY = 1, /**< norms and biases */
    REDUX_PARAMETER_BUFFER = 2    /**< running statistics: no gradient */
} redux_parameter_kind;

/** A named tensor. `value` and `gradient` have the shape that PyTorch knows (convolutions [O, I,
 *  KH, KW]) and the same strides; both are dense, so that element-wise work may go through `data`
 *  as one line. */
typedef struct redux_parameter {
    size_t struct_size; /**< as far as the one who made it knows it */
    const char *name;
    redux_tensor value;
    redux_tensor gradient; /**< no data for buffers */
    redux_parameter_kind kind;
} redux_parameter;

/** Opaque. */
typedef struct redux_network redux_network;

typedef enum redux_network_output {
    REDUX_OUTPUT_FEATURES = 0,   /**< global average pool, [N, features] */
    REDUX_OUTPUT_PROJECTION = 1, /**< [N, its outputs], not normalised */
    REDUX_OUTPUT_CLASSES = 2,    /**< logits, [N, classes] */
    REDUX_OUTPUT_PREDICTION = 3  /**< of the head on the projection, [N, its outputs] */
} redux_network_output;

typedef enum redux_network_mode {
    REDUX_MODE_EVALUATE = 0, /**< running statistics; no backward */
    REDUX_MODE_TRAIN = 1,    /**< the batch's statistics; running ones follow with momentum 0.1 */
    REDUX_MODE_REPEAT = 2    /**< as TRAIN, running statistics stay: the same images once more */
} redux_network_mode;

/** "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"; "imagenet", "small". Errors:
 * REDUX_E_NOT_FOUND, REDUX_E_INVALID (NULL). Any thread. Since 0.1. */
REDUX_API redux_status redux_arch_parse(redux_arch *out, const char *name);
REDUX_API const char *redux_arch_name(redux_arch arch);
REDUX_API redux_status redux_stem_parse(redux_stem *out, const char *name);
REDUX_API const char *redux_stem_name(redux_stem stem);

/** A network with torchvision's initialisation (convolutions: normal, fan-out, ReLU gain; norms 1
 *  and 0; linear layers: PyTorch's default), keyed by (seed, name), not by order. The caller owns
 *  *out. Errors: REDUX_E_INVALID, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_network_new(redux_network **out, redux_context *context,
                                         const redux_network_options *options);
/** NULL is allowed. Since 0.1. */
REDUX_API void redux_network_free(redux_network *network);

/** The options in force; the heads that they point to belong to the network. out->struct_size is
 * set by the caller. Errors: REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_network_get_options(redux_network_options *out,
                                                 const redux_network *network);
/** Length of what forward gives for each image; 0 where the network has no such output. Since 0.2.
 */
REDUX_API int64_t redux_network_outputs(const redux_network *network, redux_network_output output);
/** Length of the feature vector: 512 or 2048, times width. Since 0.1. */
REDUX_API int64_t redux_network_features(const redux_network *network);
/** Parameters and buffers, in torchvision's order, then those of the projection, of
 *  the prediction (both named as in PyTorch's Sequential: projection.0.weight) and of fc. NULL out
 * of range. They belong to the network; values may be written. Since 0.1. */
REDUX_API int64_t redux_network_parameter_count(const redux_network *network);
REDUX_API const redux_parameter *redux_network_parameter(const redux_network *network,
                                                         int64_t index);

/** Allocates what forward (and, if `training`, backward) need for up to `batch` images of
 *  `height` x `width`; smaller or fewer images then need nothing more. May be called again. Errors:
 *  REDUX_E_INVALID, REDUX_E_LIMIT, REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_network_plan(redux_network *network, redux_context *context,
                                          int64_t batch, int64_t height, int64_t width,
                                          int training);
/** Bytes planned. Since 0.1. */
REDUX_API uint64_t redux_network_planned_bytes(const redux_network *network);

/** images: [N, H, W, C] float32, C-contiguous, N, H and W within the plan; out: [N, ...] float32,
 *  C-contiguous. Errors: REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_network_forward(const redux_tensor *out, redux_context *context,
                                             redux_network *network, const redux_tensor *images,
                                             redux_network_output output, redux_network_mode mode);

/** Adds the gradients of the last forward (TRAIN or REPEAT) to those of the parameters; d_out: the
 *  loss's derivative by what that forward gave. The images must still be there. Errors:
 *  REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_network_backward(redux_network *network, redux_context *context,
                                              const redux_tensor *d_out);

/** Sets all gradients to 0. Since 0.1. */
REDUX_API void redux_network_zero_gradients(redux_network *network);

/** 1: the encoder works in EVALUATE mode whatever forward is told, and gets no gradients; head and
 *  classifier go on learning. 0: undone. Since 0.1. */
REDUX_API void redux_network_freeze(redux_network *network, int frozen);

/** What network a file holds, from the names and shapes of its tensors. Heads are filled into
 *  `projection` and `prediction`, and out->projection and out->prediction then point there; NULL:
 * it is not wanted, and out says that there is none. The caller sets each struct_size. Errors:
 *  REDUX_E_FORMAT (not a ResNet of torchvision's names), REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_network_options_of(redux_network_options *out,
                                                redux_head_options *projection,
                                                redux_head_options *prediction,
                                                const redux_safetensors *file);

/** Copies weights by name. The encoder must be whole; tensors of heads and fc are taken where
 *  both sides have them in the same shape. A 3-channel stem goes into a 1-channel one by summing
 *  over the channels (the same answer for grey pictures), a 1-channel one into a 3-channel one
 *  divided by 3. All or nothing. Errors: REDUX_E_FORMAT (a tensor is missing or has another shape:
 *  its name). Since 0.1. */
REDUX_API redux_status redux_network_load(redux_network *network, redux_context *context,
                                          const redux_safetensors *file);

/** Writes a network as a safetensors file, whole or not at all: every parameter and buffer by its
 *  name (torchvision's, as redux_network_parameter lists them), bit by bit as they are, and as
 *  metadata "format" ("pt"), "arch", "stem", "channels" and "width". redux_network_options_of and
 *  redux_network_load read it back, PyTorch too. input: how slices become inputs: metadata that
 *  redux_input_options_of reads ("window", "size", "mean", "deviation"); NULL: nothing is said.
 *  more: further tensors and pairs of texts that go into the file, under names of their own; NULL:
 *  none. The same network gives the same bytes. Errors: REDUX_E_INVALID (NULL, input out of range,
 *  a name twice), and those of redux_safetensors_save. Nobody may write to the network meanwhile.
 *  Since 0.2. */
REDUX_API redux_status redux_network_save(const char *path, redux_context *context,
                                          const redux_network *network,
                                          const redux_input_options *input,
                                          const redux_safetensors_content *more);

REDUX_END_DECLS
#endif
