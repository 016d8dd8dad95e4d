/* SPDX-License-Identifier: MIT
 * ResNet encoders with an optional projection head and classifier: forward, backward, weights by
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

REDUX_BEGIN_DECLS

typedef enum redux_arch { REDUX_RESNET18 = 0, REDUX_RESNET34 = 1, REDUX_RESNET50 = 2 } redux_arch;

typedef enum redux_stem {
    REDUX_STEM_IMAGENET = 0, /**< 7x7 with stride 2, then 3x3 max pooling with stride 2 */
    REDUX_STEM_SMALL = 1     /**< 3x3 with stride 1, no pooling */
} redux_stem;

/** Options of redux_network_new. Set them up with REDUX_NETWORK_OPTIONS_INIT. */
typedef struct redux_network_options {
    size_t struct_size;
    redux_arch arch;
    redux_stem stem;
    int32_t channels;   /**< of the images: 1 or 3 */
    int32_t projection; /**< outputs of the projection head on the features: linear, ReLU, linear,
                             as wide inside as the features; 0: none */
    int32_t classes;    /**< outputs of the linear classifier `fc` on the features; 0: none */
    double width;       /**< all channel counts are multiplied by it: a multiple of 1/8; 1 */
    uint64_t seed;      /**< of the first weights */
    redux_products products; /**< of the encoder's convolutions; not kept in files */
} redux_network_options;

#define REDUX_NETWORK_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(redux_network_options), REDUX_RESNET18, REDUX_STEM_IMAGENET, 1, 0, 0, 1.0, 0,       \
            REDUX_PRODUCTS_FLOAT32                                                                 \
    }

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
    const char *name;
    redux_tensor value;
    redux_tensor gradient; /**< no data for buffers */
    redux_parameter_kind kind;
} redux_parameter;

/** Opaque. */
typedef struct redux_network redux_network;

typedef enum redux_network_output {
    REDUX_OUTPUT_FEATURES = 0,   /**< global average pool, [N, features] */
    REDUX_OUTPUT_PROJECTION = 1, /**< [N, projection], not normalised */
    REDUX_OUTPUT_CLASSES = 2     /**< logits, [N, classes] */
} redux_network_output;

typedef enum redux_network_mode {
    REDUX_MODE_EVALUATE = 0, /**< running statistics; no backward */
    REDUX_MODE_TRAIN = 1,    /**< the batch's statistics; running ones follow with momentum 0.1 */
    REDUX_MODE_REPEAT = 2    /**< as TRAIN, running statistics stay: the same images once more */
} redux_network_mode;

/** "resnet18", "resnet34", "resnet50"; "imagenet", "small". Errors: REDUX_E_NOT_FOUND,
 * REDUX_E_INVALID (NULL). Any thread. Since 0.1. */
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

/** The options in force. Since 0.1. */
REDUX_API redux_network_options redux_network_get_options(const redux_network *network);
/** Length of the feature vector: 512 or 2048, times width. Since 0.1. */
REDUX_API int64_t redux_network_features(const redux_network *network);
/** Parameters and buffers, in torchvision's order, then those of the projection, then of fc. NULL
 * out of range. They belong to the network; values may be written. Since 0.1. */
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

/** What network a file holds, from the names and shapes of its tensors (projection and classes
 *  included). out->struct_size is set by the caller. Errors: REDUX_E_FORMAT (not a ResNet of
 *  torchvision's names), REDUX_E_INVALID. Since 0.1. */
REDUX_API redux_status redux_network_options_of(redux_network_options *out,
                                                const redux_safetensors *file);

/** Copies weights by name. The encoder must be whole; The projection's and fc's are taken where
 *  both sides have them in the same shape. A 3-channel stem goes into a 1-channel one by summing
 *  over the channels (the same answer for grey pictures), a 1-channel one into a 3-channel one
 *  divided by 3. All or nothing. Errors: REDUX_E_FORMAT (a tensor is missing or has another shape:
 *  its name). Since 0.1. */
REDUX_API redux_status redux_network_load(redux_network *network, redux_context *context,
                                          const redux_safetensors *file);

REDUX_END_DECLS
#endif
