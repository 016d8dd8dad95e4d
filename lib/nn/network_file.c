/* SPDX-License-Identifier: MIT
 * Weights from safetensors files, and the network that a file holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "io/io.h"
#include "nn.h"

#define NAME_BYTES 640 /* prefix and name: torch.save's files have up to 512 */
#define ENCODERS_MAX 16

/* ---- the encoder among the names of a file ---- */

/* Where a file keeps its encoder. */
typedef struct weights {
    const redux_safetensors *file;
    const char *prefix; /* begins the names of its tensors; `length` bytes of another string */
    int length;
    bool numbered; /* torch.nn.Sequential of a ResNet's children: 0 is conv1, 4 is layer1 */
} weights;

/* Of the children with parameters, in the order of torchvision's ResNet. */
static const struct {
    const char *name, *number;
} children[] = {{"conv1.", "0."},  {"bn1.", "1."},    {"layer1.", "4."},
                {"layer2.", "5."}, {"layer3.", "6."}, {"layer4.", "7."}};

/* The name in the file of torchvision's `name`; text: NAME_BYTES. */
static const char *name_in(char *text, const weights *w, const char *name)
{
    const char *number = "";
    for (int i = 0; w->numbered && i < (int)RDX_COUNT(children); i++)
        if (strncmp(name, children[i].name, strlen(children[i].name)) == 0) {
            number = children[i].number;
            name += strlen(children[i].name);
            break;
        }
    snprintf(text, NAME_BYTES, "%.*s%s%s", w->length, w->prefix, number, name);
    return text;
}

/* The reverse; NULL: the tensor lies outside the encoder. */
static const char *name_of(char *text, const weights *w, const char *name)
{
    const char *child = "";
    if (strncmp(name, w->prefix, (size_t)w->length) != 0)
        return NULL;
    name += w->length;
    for (int i = 0; w->numbered && i < (int)RDX_COUNT(children); i++)
        if (strncmp(name, children[i].number, 2) == 0) {
            child = children[i].name;
            name += 2;
            break;
        }
    snprintf(text, NAME_BYTES, "%s%s", child, name);
    return text;
}

static int64_t find(const weights *w, const char *name)
{
    char text[NAME_BYTES];
    return redux_safetensors_find(w->file, name_in(text, w, name));
}

static bool has(const weights *w, const char *name)
{
    return find(w, name) >= 0;
}

/* Whether a tensor is that by which an encoder is found. */
static bool begins_encoder(weights *out, const redux_safetensors *file, const char *name)
{
    static const char *const last[] = {"layer1.0.conv1.weight", "4.0.conv1.weight"};
    for (int numbered = 0; numbered < 2; numbered++) {
        const size_t length = strlen(name), end = strlen(last[numbered]);
        if (length < end || strcmp(name + length - end, last[numbered]) != 0 ||
            (length > end && name[length - end - 1] != '.'))
            continue;
        *out = (weights){file, name, (int)(length - end), numbered != 0};
        return has(out, "conv1.weight");
    }
    return false;
}

/* Whether the prefix has a word for the slower of two encoders, which follows the other one. */
static bool follows(const weights *w)
{
    static const char *const words[] = {"k", "key", "target", "momentum", "ema", "shadow"};
    static const char between[] = "._";
    for (int at = 0; at < w->length;) {
        const int length = (int)strcspn(w->prefix + at, between);
        for (int i = 0; i < (int)RDX_COUNT(words); i++)
            if ((size_t)length == strlen(words[i]) &&
                strncmp(w->prefix + at, words[i], (size_t)length) == 0)
                return true;
        at += length + 1;
    }
    return false;
}

static redux_status no_encoder(const redux_safetensors *file)
{
    const rdx_foreign_value *foreign = rdx_safetensors_first_foreign(file);
    const char *path = rdx_safetensors_path(file);
    if (foreign != NULL)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: holds no ResNet by torchvision's names, but '%.80s', a pickled %.80s, "
                        "which is not run: save its state_dict()",
                        path, foreign->name, foreign->made_by);
    return rdx_fail(REDUX_E_FORMAT,
                    "%s: holds no ResNet by torchvision's names: no conv1.weight and "
                    "layer1.0.conv1.weight, also behind a prefix",
                    path);
}

/* Of several encoders the one that was trained by gradients, the query's or online one. */
static redux_status find_encoder(weights *out, const redux_safetensors *file)
{
    weights found[ENCODERS_MAX];
    int count = 0, leading = 0;
    for (int64_t i = 0; i < redux_safetensors_tensor_count(file) && count < ENCODERS_MAX; i++)
        count += begins_encoder(&found[count], file, redux_safetensors_name(file, i));
    if (count == 0)
        return no_encoder(file);
    *out = found[0];
    for (int i = 0; i < count; i++)
        if (!follows(&found[i])) {
            *out = found[i];
            leading++;
        }
    if (count == 1 || leading == 1)
        return REDUX_OK;
    return rdx_fail(REDUX_E_FORMAT,
                    "%s: holds %d encoders, such as '%.*s' and '%.*s': save the tensors of one "
                    "alone",
                    rdx_safetensors_path(file), count, RDX_MIN(found[0].length, 80),
                    found[0].prefix, RDX_MIN(found[1].length, 80), found[1].prefix);
}

/* The shape of a tensor in a file; false if there is none of that name. */
static bool shape_of(int64_t shape[REDUX_MAX_DIMS], int32_t *ndim, const weights *w,
                     const char *name)
{
    redux_tensor tensor;
    const int64_t index = find(w, name);
    if (index < 0 || redux_safetensors_get_tensor(&tensor, w->file, index) != REDUX_OK)
        return false;
    memcpy(shape, tensor.shape, sizeof tensor.shape);
    *ndim = tensor.ndim;
    redux_tensor_release(&tensor);
    return true;
}

/* ---- the network that a file holds ---- */

static int32_t outputs_of(const weights *w, const char *name)
{
    int64_t shape[REDUX_MAX_DIMS];
    int32_t ndim;
    return shape_of(shape, &ndim, w, name) && ndim == 2 && shape[0] <= 1 << 20 ? (int32_t)shape[0]
                                                                               : 0;
}

static bool has_module(const weights *w, const char *prefix, int module, const char *suffix)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%s", prefix, module, suffix);
    return has(w, name);
}

/* The layers of a head, as network.c names them; false if there is none. */
static bool read_head(redux_head_options *out, const weights *w, const char *prefix)
{
    redux_head_options head = {.struct_size = sizeof head};
    char name[64];
    for (int module = 0; head.layers < REDUX_HEAD_LAYERS; module += 2) { /* linear, ReLU */
        const uint32_t bit = 1U << head.layers;
        snprintf(name, sizeof name, "%s.%d.weight", prefix, module);
        const int32_t width = outputs_of(w, name);
        if (width == 0)
            break;
        head.widths[head.layers++] = width;
        head.no_bias |= has_module(w, prefix, module, "bias") ? 0 : bit;
        if (has_module(w, prefix, module + 1, "running_mean")) {
            head.batch_norm |= bit;
            module++;
        }
    }
    *out = head;
    return head.layers > 0;
}

/* Fills in a head if it is wanted, and points the options to it if the file has one. */
static redux_status find_head(const redux_head_options **noted, redux_head_options *out,
                              const weights *w, const char *prefix)
{
    redux_head_options head;
    const bool is_there = read_head(&head, w, prefix);
    *noted = is_there ? out : NULL;
    return out == NULL ? REDUX_OK : rdx_write_result(out, &head, sizeof head, "redux_head_options");
}

/* By blocks that only the larger ones have; redux_network_load then wants every tensor used. */
static redux_arch arch_of(const weights *w)
{
    if (!has(w, "layer1.0.conv3.weight"))
        return has(w, "layer1.2.conv1.weight") ? REDUX_RESNET34 : REDUX_RESNET18;
    if (has(w, "layer3.35.conv1.weight"))
        return REDUX_RESNET152;
    return has(w, "layer3.22.conv1.weight") ? REDUX_RESNET101 : REDUX_RESNET50;
}

redux_status redux_network_options_of(redux_network_options *out, redux_head_options *projection,
                                      redux_head_options *prediction, const redux_safetensors *file)
{
    redux_network_options o = REDUX_NETWORK_OPTIONS_INIT;
    int64_t shape[REDUX_MAX_DIMS];
    int32_t ndim = 0;
    weights w;
    if (out == NULL || file == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_options_of: an argument is NULL");
    RDX_TRY(find_encoder(&w, file));
    if (!shape_of(shape, &ndim, &w, "conv1.weight") || ndim != 4)
        return rdx_fail(REDUX_E_FORMAT, "%s: conv1.weight has %d axes, not 4",
                        rdx_safetensors_path(file), (int)ndim);
    if ((shape[1] != 1 && shape[1] != 3) || (shape[2] != 7 && shape[2] != 3) ||
        shape[2] != shape[3] || shape[0] < 8 || shape[0] > 1024 || shape[0] % 8 != 0)
        return rdx_fail(REDUX_E_FORMAT,
                        "%s: conv1.weight is [%lld, %lld, %lld, %lld], which no ResNet here has",
                        rdx_safetensors_path(file), (long long)shape[0], (long long)shape[1],
                        (long long)shape[2], (long long)shape[3]);
    o.channels = (int32_t)shape[1];
    o.stem = shape[2] == 7 ? REDUX_STEM_IMAGENET : REDUX_STEM_SMALL;
    o.width = (double)shape[0] / 64;
    o.arch = arch_of(&w);
    RDX_TRY(rdx_check_result(out, "redux_network_options"));
    RDX_TRY(find_head(&o.projection, projection, &w, "projection"));
    RDX_TRY(find_head(&o.prediction, prediction, &w, "prediction"));
    o.classes = outputs_of(&w, "fc.weight");
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

static redux_status missing(const redux_parameter *p, const weights *w)
{
    char text[NAME_BYTES];
    const char *name = name_in(text, w, p->name);
    const char *made_by = rdx_safetensors_foreign(w->file, name);
    if (is_head(p->name) || p->value.dtype == REDUX_INT64) /* a counter, which is not needed */
        return REDUX_OK;
    if (made_by != NULL)
        return rdx_fail(REDUX_E_UNSUPPORTED,
                        "%s: %s is made by %.80s, which is not run: save it as a plain tensor",
                        rdx_safetensors_path(w->file), name, made_by);
    return rdx_fail(REDUX_E_FORMAT, "%s: has no %s", rdx_safetensors_path(w->file), name);
}

static redux_status check_one(const redux_parameter *p, const weights *w)
{
    redux_tensor stored;
    const int64_t index = find(w, p->name);
    if (index < 0)
        return missing(p, w);
    RDX_TRY(redux_safetensors_get_tensor(&stored, w->file, index));
    redux_status status = REDUX_OK;
    if (!same_shape(&stored, &p->value) && !is_stem_of_other_channels(p, &stored) &&
        !is_head(p->name)) {
        char is[128], wanted[128];
        status = rdx_fail(REDUX_E_FORMAT,
                          "%s: %s is %s, and %s in this network: its width or depth is another",
                          rdx_safetensors_path(w->file), p->name,
                          rdx_shape_text(is, sizeof is, stored.ndim, stored.shape),
                          rdx_shape_text(wanted, sizeof wanted, p->value.ndim, p->value.shape));
    }
    if (status == REDUX_OK && rdx_first_not_finite(&stored) >= 0)
        status =
            rdx_fail(REDUX_E_FORMAT, "%s holds NaN or infinity: the weights are damaged", p->name);
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

static redux_status load_one(const redux_parameter *p, const weights *w)
{
    redux_tensor stored;
    const int64_t index = find(w, p->name);
    if (index < 0)
        return REDUX_OK;
    RDX_TRY(redux_safetensors_get_tensor(&stored, w->file, index));
    redux_status status = REDUX_OK;
    if (same_shape(&stored, &p->value))
        status = redux_tensor_copy(&p->value, &stored);
    else if (is_stem_of_other_channels(p, &stored))
        copy_stem(&p->value, &stored);
    redux_tensor_release(&stored);
    return status;
}

static void say_what_is_used(redux_context *context, const weights *w, int64_t heads,
                             int64_t outside, const char *example)
{
    if (w->length > 0)
        rdx_log(context, REDUX_LOG_INFO, "weights: the encoder is '%.*s'", w->length - 1,
                w->prefix);
    if (outside > 0)
        rdx_log(context, REDUX_LOG_INFO,
                "weights: %lld tensors outside the encoder are not used, such as %s",
                (long long)outside, example);
    if (heads > 0)
        rdx_log(context, REDUX_LOG_INFO, "weights: %lld tensors of heads are not used",
                (long long)heads);
}

/* A part of the encoder that this network does not have would change what it computes. */
static redux_status check_unused(redux_context *context, const redux_network *net, const weights *w)
{
    int64_t heads = 0, outside = 0;
    const char *example = NULL;
    char text[NAME_BYTES];
    for (int64_t i = 0; i < redux_safetensors_tensor_count(w->file); i++) {
        const char *stored = redux_safetensors_name(w->file, i), *name = name_of(text, w, stored);
        bool known = name == NULL;
        for (int64_t k = 0; k < net->parameter_count && !known; k++)
            known = strcmp(net->parameters[k].name, name) == 0;
        if (name == NULL)
            example = outside++ == 0 ? stored : example;
        else if (!known && !is_head(name))
            return rdx_fail(
                REDUX_E_FORMAT,
                "%s: has %s, which torchvision's %s lacks: it belongs to another network",
                rdx_safetensors_path(w->file), stored, redux_arch_name(net->options.arch));
        heads += !known;
    }
    say_what_is_used(context, w, heads, outside, example);
    return REDUX_OK;
}

redux_status redux_network_load(redux_network *net, redux_context *context,
                                const redux_safetensors *file)
{
    weights w;
    if (net == NULL || file == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_load: an argument is NULL");
    RDX_TRY(find_encoder(&w, file));
    RDX_TRY(check_unused(context, net, &w));
    for (int64_t i = 0; i < net->parameter_count; i++)
        RDX_TRY(check_one(&net->parameters[i], &w));
    for (int64_t i = 0; i < net->parameter_count; i++)
        RDX_TRY(load_one(&net->parameters[i], &w));
    return REDUX_OK;
}
