/* SPDX-License-Identifier: MIT
 * The parts of a ResNet: its parameters under torchvision's names, and their initial values. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <redux/random.h>
#include "image/views.h"
#include "nn.h"

static const char *const archs[] = {"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"};
static const char *const stems[] = {"imagenet", "small"};
static const char *const products[] = {"float32", "bfloat16"};

redux_status redux_arch_parse(redux_arch *out, const char *name)
{
    return rdx_parse_name(out, "network", name, archs, RDX_COUNT(archs));
}

const char *redux_arch_name(redux_arch arch)
{
    return rdx_name_of((int64_t)arch, archs, RDX_COUNT(archs));
}

redux_status redux_stem_parse(redux_stem *out, const char *name)
{
    return rdx_parse_name(out, "stem", name, stems, RDX_COUNT(stems));
}

const char *redux_stem_name(redux_stem stem)
{
    return rdx_name_of((int64_t)stem, stems, RDX_COUNT(stems));
}

redux_status redux_products_parse(redux_products *out, const char *name)
{
    return rdx_parse_name(out, "kind of products", name, products, RDX_COUNT(products));
}

const char *redux_products_name(redux_products kind)
{
    return rdx_name_of((int64_t)kind, products, RDX_COUNT(products));
}

/* ---- parameters ---- */

/* Records a parameter. Memory is allocated once all are known; until then value.reserved holds its
 * offset. */
static redux_status add(redux_network *net, redux_context *context, const char *prefix,
                        const char *suffix, redux_parameter_kind kind, redux_dtype dtype,
                        int32_t ndim, const int64_t *shape)
{
    void *block = net->parameters;
    RDX_TRY(rdx_grow(context, &block, &net->parameter_capacity, net->parameter_count,
                     net->parameter_count + 1, sizeof *net->parameters));
    net->parameters = block;
    block = net->names;
    RDX_TRY(rdx_grow(context, &block, &net->name_capacity, net->parameter_count,
                     net->parameter_count + 1, sizeof *net->names));
    net->names = block;
    snprintf(net->names[net->parameter_count], sizeof *net->names, "%s%s", prefix, suffix);
    redux_parameter *p = &net->parameters[net->parameter_count++];
    memset(p, 0, sizeof *p);
    p->struct_size = sizeof *p;
    p->kind = kind;
    p->value.dtype = dtype;
    p->value.ndim = ndim;
    int64_t stride = 1;
    for (int32_t i = 0; i < ndim; i++)
        p->value.shape[i] = shape[i];
    if (ndim == 4) { /* shape [O, I, KH, KW], stored as [O, KH, KW, I] */
        const int64_t strides[] = {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1],
                                   shape[1]};
        memcpy(p->value.strides, strides, sizeof strides);
        return REDUX_OK;
    }
    for (int32_t i = ndim - 1; i >= 0; i--) {
        p->value.strides[i] = stride;
        stride *= shape[i];
    }
    return REDUX_OK;
}

static redux_status add_norm(redux_network *net, redux_context *context, const char *name,
                             int64_t channels)
{
    const struct {
        const char *suffix;
        redux_parameter_kind kind;
    } parts[] = {{".weight", REDUX_PARAMETER_NO_DECAY},
                 {".bias", REDUX_PARAMETER_NO_DECAY},
                 {".running_mean", REDUX_PARAMETER_BUFFER},
                 {".running_var", REDUX_PARAMETER_BUFFER}};
    for (int i = 0; i < RDX_COUNT(parts); i++)
        RDX_TRY(
            add(net, context, name, parts[i].suffix, parts[i].kind, REDUX_FLOAT32, 1, &channels));
    return add(net, context, name, ".num_batches_tracked", REDUX_PARAMETER_BUFFER, REDUX_INT64, 0,
               NULL);
}

static redux_status add_unit(redux_network *net, redux_context *context, const char *conv,
                             const char *norm, int64_t in, int64_t out, int64_t kernel,
                             int64_t stride)
{
    const int64_t shape[] = {out, in, kernel, kernel};
    rdx_unit *unit = &net->units[net->unit_count++];
    *unit = (rdx_unit){.in = in,
                       .out = out,
                       .kernel = kernel,
                       .stride = stride,
                       .padding = kernel / 2,
                       .weight = net->parameter_count};
    unit->norm = net->parameter_count + 1;
    RDX_TRY(add(net, context, conv, ".weight", REDUX_PARAMETER_WEIGHT, REDUX_FLOAT32, 4, shape));
    return add_norm(net, context, norm, out);
}

static redux_status add_linear(redux_network *net, redux_context *context, rdx_layer *layer,
                               const char *name, int64_t in, int64_t out, bool has_bias)
{
    const int64_t shape[] = {out, in};
    *layer =
        (rdx_layer){.weight = net->parameter_count, .bias = -1, .norm = -1, .in = in, .out = out};
    RDX_TRY(add(net, context, name, ".weight", REDUX_PARAMETER_WEIGHT, REDUX_FLOAT32, 2, shape));
    if (!has_bias)
        return REDUX_OK;
    layer->bias = net->parameter_count;
    return add(net, context, name, ".bias", REDUX_PARAMETER_NO_DECAY, REDUX_FLOAT32, 1, shape);
}

/* Named like the modules of torch.nn.Sequential: linear, norm if there is one, ReLU. */
static redux_status add_head(redux_network *net, redux_context *context, rdx_head *head,
                             const char *prefix, redux_head_options *options, int64_t in)
{
    const int64_t inputs = in;
    int module = 0;
    for (int32_t i = 0; i < options->layers; i++) {
        rdx_layer *layer = &head->layers[i];
        char name[32];
        if (options->widths[i] == 0)
            options->widths[i] = (int32_t)inputs;
        snprintf(name, sizeof name, "%s.%d", prefix, module++);
        RDX_TRY(add_linear(net, context, layer, name, in, options->widths[i],
                           (options->no_bias >> i & 1) == 0));
        layer->relu = i < options->layers - 1;
        if ((options->batch_norm >> i & 1) != 0) {
            snprintf(name, sizeof name, "%s.%d", prefix, module++);
            layer->norm = net->parameter_count;
            RDX_TRY(add_norm(net, context, name, layer->out));
        }
        module++; /* the ReLU */
        in = layer->out;
    }
    head->count = options->layers;
    return REDUX_OK;
}

/* Projection, prediction, then the classifier, a head of one layer. */
static redux_status add_heads(redux_network *net, redux_context *context)
{
    const redux_network_options *o = &net->options;
    rdx_head *classes = rdx_head_of(net, REDUX_OUTPUT_CLASSES);
    if (o->projection != NULL)
        RDX_TRY(add_head(net, context, rdx_head_of(net, REDUX_OUTPUT_PROJECTION), "projection",
                         &net->projection, net->features));
    if (o->prediction != NULL)
        RDX_TRY(add_head(net, context, rdx_head_of(net, REDUX_OUTPUT_PREDICTION), "prediction",
                         &net->prediction, redux_network_outputs(net, REDUX_OUTPUT_PROJECTION)));
    if (o->classes == 0)
        return REDUX_OK;
    classes->count = 1;
    return add_linear(net, context, &classes->layers[0], "fc", net->features, o->classes, true);
}

static int64_t scaled(const redux_network *net, int64_t channels)
{
    return (int64_t)((double)channels * net->options.width);
}

/* One residual block from `in` to `out` channels; *in becomes its number of outputs. */
static redux_status add_block(redux_network *net, redux_context *context, int layer, int index,
                              int64_t *in, int64_t base, int64_t stride)
{
    const bool is_bottleneck = net->options.arch >= REDUX_RESNET50;
    const int64_t inner = scaled(net, base), out = is_bottleneck ? scaled(net, base * 4) : inner;
    rdx_residual *block = &net->blocks[net->block_count++];
    char conv[40], norm[40];
    *block =
        (rdx_residual){.first = net->unit_count, .count = is_bottleneck ? 3 : 2, .shortcut = -1};
    for (int i = 0; i < block->count; i++) {
        const bool is_middle = is_bottleneck ? i == 1 : true;
        const bool strides = is_bottleneck ? i == 1 : i == 0;
        snprintf(conv, sizeof conv, "layer%d.%d.conv%d", layer, index, i + 1);
        snprintf(norm, sizeof norm, "layer%d.%d.bn%d", layer, index, i + 1);
        RDX_TRY(add_unit(net, context, conv, norm, i == 0 ? *in : inner,
                         i == block->count - 1 ? out : inner, is_middle ? 3 : 1,
                         strides ? stride : 1));
    }
    if (stride != 1 || *in != out) {
        block->shortcut = net->unit_count;
        snprintf(conv, sizeof conv, "layer%d.%d.downsample.0", layer, index);
        snprintf(norm, sizeof norm, "layer%d.%d.downsample.1", layer, index);
        RDX_TRY(add_unit(net, context, conv, norm, *in, out, 1, stride));
    }
    *in = out;
    return REDUX_OK;
}

static redux_status add_all(redux_network *net, redux_context *context)
{
    static const int depths[][4] = {
        {2, 2, 2, 2}, {3, 4, 6, 3}, {3, 4, 6, 3}, {3, 4, 23, 3}, {3, 8, 36, 3}};
    const redux_network_options *o = &net->options;
    const bool is_small = o->stem == REDUX_STEM_SMALL;
    int64_t channels = scaled(net, 64);
    RDX_TRY(add_unit(net, context, "conv1", "bn1", o->channels, channels, is_small ? 3 : 7,
                     is_small ? 1 : 2));
    for (int layer = 0; layer < 4; layer++)
        for (int i = 0; i < depths[o->arch][layer]; i++)
            RDX_TRY(add_block(net, context, layer + 1, i, &channels, (int64_t)64 << layer,
                              layer > 0 && i == 0 ? 2 : 1));
    net->features = channels;
    return add_heads(net, context);
}

/* One block for all values, one for all gradients, each tensor on its own cache line. */
static redux_status add_memory(redux_network *net, redux_context *context)
{
    int64_t floats = 0, counters = 0;
    void *block;
    for (int64_t i = 0; i < net->parameter_count; i++)
        if (net->parameters[i].value.dtype == REDUX_FLOAT32)
            floats += (redux_tensor_elements(&net->parameters[i].value) + 15) / 16 * 16;
        else
            counters++;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)floats, sizeof(float)));
    net->values = block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)floats, sizeof(float)));
    net->gradients = block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)counters, sizeof(int64_t)));
    net->counters = block;
    net->value_floats = floats;
    floats = counters = 0;
    for (int64_t i = 0; i < net->parameter_count; i++) {
        redux_parameter *p = &net->parameters[i];
        p->name = net->names[i];
        if (p->value.dtype != REDUX_FLOAT32) {
            p->value.data = net->counters + counters++;
            continue;
        }
        p->value.data = net->values + floats;
        if (p->kind != REDUX_PARAMETER_BUFFER) {
            p->gradient = p->value;
            p->gradient.data = net->gradients + floats;
        }
        floats += (redux_tensor_elements(&p->value) + 15) / 16 * 16;
    }
    return REDUX_OK;
}

/* ---- first values ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* Convolutions: He et al. 2015, fan-out; linear layers: PyTorch's; norms: 1 and 0. */
static redux_status initialise(int64_t index, void *user)
{
    redux_network *net = user;
    const redux_parameter *p = &net->parameters[index];
    const redux_tensor *t = &p->value;
    const redux_random_key key = {.seed = net->options.seed,
                                  .sample =
                                      crc32(0, (const Bytef *)p->name, (uInt)strlen(p->name))};
    float *value = t->data;
    const int64_t count = redux_tensor_elements(t);
    if (t->dtype != REDUX_FLOAT32)
        return REDUX_OK;
    if (t->ndim == 4) { /* all 0 so far */
        rdx_noise(value, count, sqrt(2.0 / (double)(t->shape[0] * t->shape[2] * t->shape[3])),
                  &key);
        return REDUX_OK;
    }
    /* a linear layer's weight, or the bias that follows it; norms have none */
    const redux_tensor *linear = t->ndim == 2 || index == 0 ? t : &net->parameters[index - 1].value;
    const bool is_linear = linear->ndim == 2 && linear->shape[0] == t->shape[0] &&
                           (t->ndim == 2 || ends_with(p->name, ".bias"));
    const double bound = 1 / sqrt((double)linear->shape[1]);
    const float constant = ends_with(p->name, ".weight") || ends_with(p->name, ".running_var");
    for (int64_t i = 0; i < count; i++)
        value[i] = is_linear ? (float)(bound * (2 * redux_random_uniform(&key, (uint32_t)i) - 1))
                             : constant;
    return REDUX_OK;
}

/* ---- the public part ---- */

redux_status rdx_head_read(redux_head_options *known, const redux_head_options *given,
                           const char *name)
{
    const redux_head_options defaults = REDUX_HEAD_OPTIONS_INIT;
    *known = defaults;
    RDX_TRY(rdx_read_options(known, sizeof *known, given, "redux_head_options"));
    if (known->layers < 1 || known->layers > REDUX_HEAD_LAYERS)
        return rdx_fail(REDUX_E_INVALID, "the %s head has %d layers: 1 to %d", name,
                        (int)known->layers, REDUX_HEAD_LAYERS);
    if (known->batch_norm >> known->layers != 0 || known->no_bias >> known->layers != 0)
        return rdx_fail(REDUX_E_INVALID,
                        "the %s head of %d layers: batch_norm %#x, no_bias %#x name others", name,
                        (int)known->layers, (unsigned)known->batch_norm, (unsigned)known->no_bias);
    for (int32_t i = 0; i < known->layers; i++)
        if (known->widths[i] < 0 || known->widths[i] > 1 << 20)
            return rdx_fail(REDUX_E_INVALID, "layer %d of the %s head: %d outputs", (int)i, name,
                            (int)known->widths[i]);
    for (int32_t i = known->layers; i < REDUX_HEAD_LAYERS; i++)
        known->widths[i] = 0;
    return REDUX_OK;
}

static redux_status check_options(const redux_network_options *o)
{
    if ((unsigned)o->arch >= RDX_COUNT(archs) || (unsigned)o->stem >= RDX_COUNT(stems))
        return rdx_fail(REDUX_E_INVALID, "network %d with stem %d", (int)o->arch, (int)o->stem);
    if ((unsigned)o->products >= RDX_COUNT(products))
        return rdx_fail(REDUX_E_INVALID, "products %d", (int)o->products);
    if (o->products == REDUX_PRODUCTS_BFLOAT16 && !rdx_cpu_has_bfloat16())
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "this processor has no bfloat16 products: use float32");
    if (o->channels != 1 && o->channels != 3)
        return rdx_fail(REDUX_E_INVALID, "a network of %d channels, not 1 or 3", (int)o->channels);
    if (o->classes < 0 || o->classes > 1 << 20)
        return rdx_fail(REDUX_E_INVALID, "%d classes", (int)o->classes);
    if (o->prediction != NULL && o->projection == NULL)
        return rdx_fail(REDUX_E_INVALID, "a prediction head needs a projection head");
    if (!(o->width > 0) || !(o->width <= 16) || o->width * 8 != floor(o->width * 8))
        return rdx_fail(REDUX_E_INVALID, "width %g: a multiple of 1/8 up to 16", o->width);
    return REDUX_OK;
}

/* Copies the heads into the network. */
static redux_status copy_heads(redux_network *net)
{
    redux_network_options *o = &net->options;
    if (o->projection != NULL)
        RDX_TRY(rdx_head_read(&net->projection, o->projection, "projection"));
    if (o->prediction != NULL)
        RDX_TRY(rdx_head_read(&net->prediction, o->prediction, "prediction"));
    o->projection = o->projection == NULL ? NULL : &net->projection;
    o->prediction = o->prediction == NULL ? NULL : &net->prediction;
    return REDUX_OK;
}

redux_status redux_network_new(redux_network **out, redux_context *context,
                               const redux_network_options *options)
{
    redux_network_options known = REDUX_NETWORK_OPTIONS_INIT;
    void *block;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_new: out is NULL");
    RDX_TRY(rdx_read_options(&known, sizeof known, options, "redux_network_options"));
    RDX_TRY(check_options(&known));
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof(redux_network)));
    redux_network *net = block;
    net->options = known;
    redux_status status = copy_heads(net);
    if (status == REDUX_OK)
        status = add_all(net, context);
    if (status == REDUX_OK)
        status = add_memory(net, context);
    if (status == REDUX_OK)
        status = rdx_parallel(context, net->parameter_count, initialise, net);
    if (status == REDUX_OK)
        *out = net;
    else
        redux_network_free(net);
    return status;
}

void redux_network_free(redux_network *net)
{
    if (net == NULL)
        return;
    rdx_free(net->parameters);
    rdx_free(net->names);
    rdx_free(net->values);
    rdx_free(net->gradients);
    rdx_free(net->counters);
    rdx_free(net->arena);
    rdx_free(net);
}

redux_status redux_network_get_options(redux_network_options *out, const redux_network *net)
{
    if (net == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_get_options: network is NULL");
    return rdx_write_result(out, &net->options, sizeof net->options, "redux_network_options");
}

int64_t redux_network_outputs(const redux_network *net, redux_network_output output)
{
    if (output == REDUX_OUTPUT_FEATURES)
        return net->features;
    if ((unsigned)output > REDUX_OUTPUT_PREDICTION)
        return 0;
    const rdx_head *head = &net->heads[(int)output - RDX_FIRST_HEAD];
    return head->count == 0 ? 0 : head->layers[head->count - 1].out;
}

int64_t redux_network_features(const redux_network *net)
{
    return net->features;
}

int64_t redux_network_parameter_count(const redux_network *net)
{
    return net->parameter_count;
}

const redux_parameter *redux_network_parameter(const redux_network *net, int64_t index)
{
    return index >= 0 && index < net->parameter_count ? &net->parameters[index] : NULL;
}

void redux_network_zero_gradients(redux_network *net)
{
    memset(net->gradients, 0, (size_t)net->value_floats * sizeof(float));
}

void redux_network_freeze(redux_network *net, int frozen)
{
    net->frozen = frozen != 0;
}
