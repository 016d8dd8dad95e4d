/* SPDX-License-Identifier: MIT */
/** @file
 * Layers of networks, forward and backward, on your tensors and your memory.
 *
 * @code
 * const int64_t shape[2] = {4, 8};
 * redux_tensor in = REDUX_TENSOR_INIT, out = REDUX_TENSOR_INIT;
 * redux_status status = redux_tensor_new(&in, context, REDUX_FLOAT32, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_tensor_new(&out, context, REDUX_FLOAT32, 2, shape);
 * if (status == REDUX_OK)
 *     status = redux_relu_forward(&out, context, &in);
 * redux_tensor_release(&out);
 * redux_tensor_release(&in);
 * return status;
 * @endcode
 *
 * The same holds for all functions:
 * - All tensors of a call are float32, or all float64, and C-contiguous. Images are [N, H, W, C]
 *   (channels last).
 * - Functions that end in _backward overwrite gradients with respect to inputs (d_in) and add to
 *   those with respect to parameters (d_weight, d_bias): set these to 0 where a sum begins.
 * - `workspace` has as many bytes as the layer's _workspace function returns for the same tensors
 *   and context, aligned as malloc aligns. Nothing is allocated.
 * - Errors: REDUX_E_INVALID (shapes, dtypes, a missing argument).
 *
 * Promised: the same inputs give the same bits, whatever the number of threads.
 *
 * Not promised: the same bits as PyTorch, or on other instruction sets or with another BLAS.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_LAYERS_H
#define REDUX_LAYERS_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** How convolutions in single precision multiply; sums are single precision in any case. */
typedef enum redux_products {
    REDUX_PRODUCTS_FLOAT32 = 0,
    REDUX_PRODUCTS_BFLOAT16 = 1 /**< factors rounded to 8 significant bits: faster on processors
                                     with AVX512_BF16, REDUX_E_UNSUPPORTED on others.
                                     Convolutions whose channels are not multiples of 32 (the stem)
                                     are not rounded */
} redux_products;

/** The products of a name ("float32", "bfloat16"), and the name. Errors: REDUX_E_NOT_FOUND,
 *  REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_products_parse(redux_products *out, const char *name);
REDUX_API const char *redux_products_name(redux_products products);

/* ---- convolution ---- */

/** Options of convolutions. */
typedef struct redux_conv2d_options {
    size_t struct_size;
    int32_t stride, padding; /**< of both axes; 1 and 0; what lies outside of an image is 0 */
    redux_products products; /**< single precision only; REDUX_PRODUCTS_FLOAT32 */
} redux_conv2d_options;

#define REDUX_CONV2D_OPTIONS_DEFAULTS(set)                                                         \
    set(struct_size, sizeof(redux_conv2d_options)), set(stride, 1),                                \
        set(products, REDUX_PRODUCTS_FLOAT32)
REDUX_DEFINE_INIT(redux_conv2d_options, REDUX_CONV2D_OPTIONS_DEFAULTS)
#define REDUX_CONV2D_OPTIONS_INIT REDUX_INIT(redux_conv2d_options, REDUX_CONV2D_OPTIONS_DEFAULTS)

/** Bytes of workspace for forward and backward; 0 if the shapes do not fit together. */
REDUX_API uint64_t redux_conv2d_workspace(const redux_context *context, const redux_tensor *in,
                                          const redux_tensor *weight,
                                          const redux_conv2d_options *options);
/** A convolution (a correlation, as PyTorch's Conv2d). out: [N, OH, OW, O] with OH = (H + 2 padding
 *  - KH) / stride + 1, rounded down; in: [N, H, W, I]; weight: [O, I, KH, KW] that lies in memory
 *  as [O, KH, KW, I] (set its strides so); bias: [O] or NULL. */
REDUX_API redux_status redux_conv2d_forward(const redux_tensor *out, redux_context *context,
                                            const redux_tensor *in, const redux_tensor *weight,
                                            const redux_tensor *bias,
                                            const redux_conv2d_options *options, void *workspace);
/** Its gradients. d_in, d_weight and d_bias may be NULL: not wanted. d_weight lies in memory as
 *  weight does. */
REDUX_API redux_status redux_conv2d_backward(const redux_tensor *d_in, const redux_tensor *d_weight,
                                             const redux_tensor *d_bias, redux_context *context,
                                             const redux_tensor *d_out, const redux_tensor *in,
                                             const redux_tensor *weight,
                                             const redux_conv2d_options *options, void *workspace);

/* ---- linear ---- */

/** Bytes of workspace for forward and backward; 0 if the shapes do not fit together. */
REDUX_API uint64_t redux_linear_workspace(const redux_context *context, const redux_tensor *in,
                                          const redux_tensor *weight);
/** A linear layer. out: [N, O]; in: [N, D]; weight: [O, D], C-contiguous; bias: [O] or NULL. */
REDUX_API redux_status redux_linear_forward(const redux_tensor *out, redux_context *context,
                                            const redux_tensor *in, const redux_tensor *weight,
                                            const redux_tensor *bias, void *workspace);
/** Its gradients. d_in, d_weight and d_bias may be NULL: not wanted. */
REDUX_API redux_status redux_linear_backward(const redux_tensor *d_in, const redux_tensor *d_weight,
                                             const redux_tensor *d_bias, redux_context *context,
                                             const redux_tensor *d_out, const redux_tensor *in,
                                             const redux_tensor *weight, void *workspace);

/* ---- batch norm ---- */

/** Options of batch norm. */
typedef struct redux_batch_norm_options {
    size_t struct_size;
    int32_t training; /**< 1: the batch's statistics; 0: the running ones */
    int32_t relu;     /**< 1: a ReLU follows */
    double epsilon;   /**< 1e-5 */
    double momentum;  /**< running = (1 - momentum) running + momentum batch's; 0.1 */
} redux_batch_norm_options;

#define REDUX_BATCH_NORM_OPTIONS_DEFAULTS(set)                                                     \
    set(struct_size, sizeof(redux_batch_norm_options)), set(training, 1), set(epsilon, 1e-5),      \
        set(momentum, 0.1)
REDUX_DEFINE_INIT(redux_batch_norm_options, REDUX_BATCH_NORM_OPTIONS_DEFAULTS)
#define REDUX_BATCH_NORM_OPTIONS_INIT                                                              \
    REDUX_INIT(redux_batch_norm_options, REDUX_BATCH_NORM_OPTIONS_DEFAULTS)

/** The tensors of a batch norm: [C] each, those of one call of one dtype. */
typedef struct redux_batch_norm_state {
    const redux_tensor *weight, *bias;
    const redux_tensor *running_mean, *running_variance; /**< training: follow, with the unbiased
                                                              variance; NULL: none to follow */
    const redux_tensor *mean, *inverse; /**< training: of the batch: mean, and 1 over the root of
                                             the variance + epsilon; what backward needs */
} redux_batch_norm_state;

/** Bytes of workspace for forward and backward; in: [..., C]. */
REDUX_API uint64_t redux_batch_norm_workspace(const redux_tensor *in);
/** Batch norm over all axes but the last: out = (in - mean) / root(variance + epsilon) weight +
 *  bias; then residual (NULL: none) is added; then the ReLU. in, out, residual: [..., C]; out may
 *  be in. Source: Ioffe, Szegedy 2015; PyTorch's BatchNorm2d. */
REDUX_API redux_status redux_batch_norm_forward(const redux_tensor *out, redux_context *context,
                                                const redux_tensor *in,
                                                const redux_tensor *residual,
                                                const redux_batch_norm_state *state,
                                                const redux_batch_norm_options *options,
                                                void *workspace);
/** Its gradients, after a forward in training. out: the result of that forward (used only with
 *  relu). d_in may be d_out; d_residual: the gradient with respect to the residual; NULL: not
 *  wanted. */
REDUX_API redux_status redux_batch_norm_backward(
    const redux_tensor *d_in, const redux_tensor *d_residual, const redux_tensor *d_weight,
    const redux_tensor *d_bias, redux_context *context, const redux_tensor *d_out,
    const redux_tensor *in, const redux_tensor *out, const redux_batch_norm_state *state,
    const redux_batch_norm_options *options, void *workspace);

/* ---- element by element ---- */

/** A ReLU: out = in where that is above 0 (or NaN), otherwise 0; any shape; out may be in. */
REDUX_API redux_status redux_relu_forward(const redux_tensor *out, redux_context *context,
                                          const redux_tensor *in);
/** Its gradient. out: the result of the forward; d_in may be d_out. */
REDUX_API redux_status redux_relu_backward(const redux_tensor *d_in, redux_context *context,
                                           const redux_tensor *d_out, const redux_tensor *out);

/** A sum: out = a + b, of one shape; out may be one of them. The gradient of both is that of the
 *  sum. */
REDUX_API redux_status redux_add(const redux_tensor *out, redux_context *context,
                                 const redux_tensor *a, const redux_tensor *b);

/* ---- pooling ---- */

/** Options of pooling. */
typedef struct redux_pool_options {
    size_t struct_size;
    int32_t kernel_height, kernel_width; /**< 2 and 2 */
    int32_t stride, padding;             /**< 2 and 0; padding at most half the kernel */
} redux_pool_options;

#define REDUX_POOL_OPTIONS_DEFAULTS(set)                                                           \
    set(struct_size, sizeof(redux_pool_options)), set(kernel_height, 2), set(kernel_width, 2),     \
        set(stride, 2)
REDUX_DEFINE_INIT(redux_pool_options, REDUX_POOL_OPTIONS_DEFAULTS)
#define REDUX_POOL_OPTIONS_INIT REDUX_INIT(redux_pool_options, REDUX_POOL_OPTIONS_DEFAULTS)

/** Max pooling. out: [N, OH, OW, C], OH as for convolutions: the largest value of each window; NaN
 *  counts as larger than any number. */
REDUX_API redux_status redux_max_pool_forward(const redux_tensor *out, redux_context *context,
                                              const redux_tensor *in,
                                              const redux_pool_options *options);
/** Its gradient. out: the result of the forward. Of equal maxima the first one, row by row,
 *  receives the gradient. */
REDUX_API redux_status redux_max_pool_backward(const redux_tensor *d_in, redux_context *context,
                                               const redux_tensor *d_out, const redux_tensor *in,
                                               const redux_tensor *out,
                                               const redux_pool_options *options);
/** Average pooling and its gradient: the mean of each window's pixels that lie inside the image
 *  (PyTorch's AvgPool2d with count_include_pad=False). A kernel of the image's size makes it the
 *  global one. */
REDUX_API redux_status redux_average_pool_forward(const redux_tensor *out, redux_context *context,
                                                  const redux_tensor *in,
                                                  const redux_pool_options *options);
REDUX_API redux_status redux_average_pool_backward(const redux_tensor *d_in, redux_context *context,
                                                   const redux_tensor *d_out,
                                                   const redux_pool_options *options);

/* ---- ends of a network ---- */

/** Divides the rows of [N, D] by their length, or by 1e-12 if they are shorter (PyTorch's
 *  normalize): a row of zeros stays one. */
REDUX_API redux_status redux_l2_normalise_forward(const redux_tensor *out, redux_context *context,
                                                  const redux_tensor *in);
/** Its gradient. in: the input of the forward. */
REDUX_API redux_status redux_l2_normalise_backward(const redux_tensor *d_in, redux_context *context,
                                                   const redux_tensor *d_out,
                                                   const redux_tensor *in);

/** Softmax cross-entropy: the mean over rows of -log softmax(logits) at the row's label. logits:
 *  [N, K]; labels: [N] int32 or int64, 0 ... K - 1. d_logits: [N, K], the gradient; NULL: not
 *  wanted. class_weights: [K] of the logits' dtype: the mean is weighted by those of the labels
 *  (PyTorch's CrossEntropyLoss); NULL: all 1. */
REDUX_API redux_status redux_cross_entropy(double *loss, const redux_tensor *d_logits,
                                           redux_context *context, const redux_tensor *logits,
                                           const redux_tensor *labels,
                                           const redux_tensor *class_weights);

REDUX_END_DECLS
#endif
