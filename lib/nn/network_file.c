/* SPDX-License-Identifier: MIT
 * Weights from safetensors files, and the network that a file holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "nn.h"

/* The shape of a tensor in a file; false if there is none of that name. */
static bool shape_of(int64_t shape[REDUX_MAX_DIMS], int32_t *ndim, const redux_safetensors *file,
                     const char *name)
{
    redux_tensor tensor;
    const int64_t index = redux_safetensors_find(file, name);
    if (index < 0 || redux_safetensors_get_tensor(&tensor, file, index) != REDUX_OK)
        return false;
    memcpy(shape, tensor.shape, sizeof tensor.shape);
    *ndim = tensor.ndim;
    redux_tensor_release(&tensor);
    return true;
}

static bool has(const redux_safetensors *file, const char *name)
{
    return redux_safetensors_find(file, name) >= 0;
}

static int32_t outputs_of(const redux_safetensors *file, const char *name)
{
    int64_t shape[REDUX_MAX_DIMS];
    int32_t ndim;
    return shape_of(shape, &ndim, file, name) && ndim == 2 && shape[0] <= 1 << 20
               ? (int32_t)shape[0]
               : 0;
}

static bool has_module(const redux_safetensors *file, const char *prefix, int module,
                       const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%s", prefix, module, suffix);
    return has(file, name);
}

/* The layers of a head, as network.c names them; false if there is none. */
static bool read_head(redux_head_options *out, const redux_safetensors *file, const char *prefix)
{
    redux_head_options head = {.struct_size = sizeof head};
    char name[64];
    for (int module = 0; head.layers < REDUX_HEAD_LAYERS; module += 2) { /* linear, ReLU */
        const uint32_t bit = 1U << head.layers;
        snprintf(name, sizeof name, "%s.%d.weight", prefix, module);
        const int32_t width = outputs_of(file, name);
        if (width == 0)
            break;
        head.widths[head.layers++] = width;
        head.no_bias |= has_module(file, prefix, module, "bias") ? 0 : bit;
        if (has_module(file, prefix, module + 1, "running_mean")) {
            head.batch_norm |= bit;
            module++;
        }
    }
    *out = head;
    return head.layers > 0;
}

/* Fills in a head if it is wanted, and points the options to it if the file has one. */
static redux_status find_head(const redux_head_options **noted, redux_head_options *out,
                              const redux_safetensors *file, const char *prefix)
{
    redux_head_options head;
    const bool is_there = read_head(&head, file, prefix);
    *noted = is_there ? out : NULL;
    return out == NULL ? REDUX_OK : rdx_write_result(out, &head, sizeof head, "redux_head_options");
}

/* By blocks that only the larger ones have; redux_network_load then wants every tensor used. */
static redux_arch arch_of(const redux_safetensors *file)
{
    if (!has(file, "layer1.0.conv3.weight"))
        return has(file, "layer1.2.conv1.weight") ? REDUX_RESNET34 : REDUX_RESNET18;
    if (has(file, "layer3.35.conv1.weight"))
        return REDUX_RESNET152;
    return has(file, "layer3.22.conv1.weight") ? REDUX_RESNET101 : REDUX_RESNET50;
}

redux_status redux_network_options_of(redux_network_options *out, redux_head_options *projection,
                                      redux_head_options *prediction, const redux_safetensors *file)
{
    redux_network_options o = REDUX_NETWORK_OPTIONS_INIT;
    int64_t shape[REDUX_MAX_DIMS];
    int32_t ndim;
    if (out == NULL || file == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_options_of: an argument is NULL");
    if (!shape_of(shape, &ndim, file, "conv1.weight") || ndim != 4 ||
        !has(file, "layer1.0.conv1.weight"))
        return rdx_fail(REDUX_E_FORMAT, "not a ResNet by torchvision's names: no conv1.weight or "
                                        "layer1.0.conv1.weight");
    if ((shape[1] != 1 && shape[1] != 3) || (shape[2] != 7 && shape[2] != 3) ||
        shape[2] != shape[3] || shape[0] < 8 || shape[0] > 1024 || shape[0] % 8 != 0)
        return rdx_fail(REDUX_E_FORMAT, "conv1.weight is [%lld, %lld, %lld, %lld]",
                        (long long)shape[0], (long long)shape[1], (long long)shape[2],
                        (long long)shape[3]);
    o.channels = (int32_t)shape[1];
    o.stem = shape[2] == 7 ? REDUX_STEM_IMAGENET : REDUX_STEM_SMALL;
    o.width = (double)shape[0] / 64;
    o.arch = arch_of(file);
    RDX_TRY(rdx_check_result(out, "redux_network_options"));
    RDX_TRY(find_head(&o.projection, projection, file, "projection"));
    RDX_TRY(find_head(&o.prediction, prediction, file, "prediction"));
    o.classes = outputs_of(file, "fc.weight");
    return rdx_write_result(out, &o, sizeof o, "redux_network_options");
}

/* ---- loading ---- */

/* Heads are not part of the encoder, whoever's they are. */
static bool is_head(const char *name)
{
    static const char *const heads[] = {
        "fc.",         "projection.",      "prediction.",      "projector.",
        "predictor.",  "projection_head.", "prediction_head.", "head.",
        "classifier.", "prototypes."};
    for (int i = 0; i < (int)RDX_COUNT(heads); i++)
        if (strncmp(name, heads[i], strlen(heads[i])) == 0)
            return true;
    return false;
}

static bool same_shape(const redux_tensor *a, const redux_tensor *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

/* A stem with another number of channels: sums them into one, or divides one among them. */
static bool is_stem_of_other_channels(const redux_parameter *p, const redux_tensor *stored)
{
    redux_tensor like = *stored;
    if (strcmp(p->name, "conv1.weight") != 0 || stored->ndim != 4)
        return false;
    like.shape[1] = p->value.shape[1];
    return same_shape(&like, &p->value) && (stored->shape[1] == 1 || stored->shape[1] == 3);
}

static redux_status check_one(const redux_parameter *p, const redux_safetensors *file)
{
    redux_tensor stored;
    const int64_t index = redux_safetensors_find(file, p->name);
    if (index < 0) {
        if (is_head(p->name) || p->value.dtype == REDUX_INT64) /* a counter, which is not needed */
            return REDUX_OK;
        return rdx_fail(REDUX_E_FORMAT, "the weights have no %s", p->name);
    }
    RDX_TRY(redux_safetensors_get_tensor(&stored, file, index));
    redux_status status = REDUX_OK;
    if (!same_shape(&stored, &p->value) && !is_stem_of_other_channels(p, &stored) &&
        !is_head(p->name)) {
        int64_t first = stored.ndim > 0 ? stored.shape[0] : 1;
        status = rdx_fail(REDUX_E_FORMAT, "%s has another shape (%d axes, the first of %lld)",
                          p->name, (int)stored.ndim, (long long)first);
    }
    if (status == REDUX_OK && rdx_first_not_finite(&stored) >= 0)
        status = rdx_fail(REDUX_E_FORMAT, "%s holds NaN or infinity: the weights are damaged",
                          p->name);
    redux_tensor_release(&stored);
    return status;
}

static void copy_stem(const redux_tensor *out, const redux_tensor *in)
{
    const int64_t pixels = out->shape[2] * out->shape[3], from = in->shape[1], to = out->shape[1];
    for (int64_t o = 0; o < out->shape[0]; o++)
        for (int64_t i = 0; i < pixels; i++) {
            double sum = 0;
            for (int64_t c = 0; c < from; c++)
                sum += rdx_load(in->data, (o * from + c) * pixels + i, in->dtype);
            for (int64_t c = 0; c < to; c++)
                ((float *)out->data)[(o * pixels + i) * to + c] = (float)(sum / (double)to);
        }
}

static redux_status load_one(const redux_parameter *p, const redux_safetensors *file)
{
    redux_tensor stored;
    const int64_t index = redux_safetensors_find(file, p->name);
    if (index < 0)
        return REDUX_OK;
    RDX_TRY(redux_safetensors_get_tensor(&stored, file, index));
    redux_status status = REDUX_OK;
    if (same_shape(&stored, &p->value))
        status = redux_tensor_copy(&p->value, &stored);
    else if (is_stem_of_other_channels(p, &stored))
        copy_stem(&p->value, &stored);
    redux_tensor_release(&stored);
    return status;
}

/* A part of the encoder that this network does not have would change what it computes. */
static redux_status check_unused(redux_context *context, const redux_network *net,
                                 const redux_safetensors *file)
{
    const int64_t count = redux_safetensors_tensor_count(file);
    int64_t heads = 0;
    for (int64_t i = 0; i < count; i++) {
        const char *name = redux_safetensors_name(file, i);
        bool known = false;
        for (int64_t k = 0; k < net->parameter_count && !known; k++)
            known = strcmp(net->parameters[k].name, name) == 0;
        if (!known && !is_head(name))
            return rdx_fail(REDUX_E_FORMAT,
                            "the weights have %s, which torchvision's %s lacks: they belong to "
                            "another network",
                            name, redux_arch_name(net->options.arch));
        heads += !known;
    }
    if (heads > 0)
        rdx_log(context, REDUX_LOG_INFO, "weights: %lld tensors of heads are not used",
                (long long)heads);
    return REDUX_OK;
}

redux_status redux_network_load(redux_network *net, redux_context *context,
                                const redux_safetensors *file)
{
    if (net == NULL || file == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_load: an argument is NULL");
    RDX_TRY(check_unused(context, net, file));
    for (int64_t i = 0; i < net->parameter_count; i++)
        RDX_TRY(check_one(&net->parameters[i], file));
    for (int64_t i = 0; i < net->parameter_count; i++)
        RDX_TRY(load_one(&net->parameters[i], file));
    return REDUX_OK;
}
