/* SPDX-License-Identifier: MIT
 * Saving a network: its tensors under torchvision's names, and what describes it as metadata. */
#include <stdio.h>
#include <string.h>
#include "image/views.h"
#include "io/io.h"
#include "nn.h"

enum { OWN_PAIRS = 9, TEXT = REDUX_WINDOW_TEXT };

typedef struct content {
    redux_safetensors_content list;
    const char **names, **keys, **values;
    redux_tensor *tensors;
    char texts[OWN_PAIRS][TEXT];
} content;

static redux_status content_init(content *c, redux_context *context, uint64_t tensors,
                                 uint64_t pairs)
{
    void *block;
    memset(c, 0, sizeof *c);
    c->list.struct_size = sizeof c->list;
    RDX_TRY(rdx_alloc(context, &block, tensors, sizeof *c->names));
    c->list.names = c->names = block;
    RDX_TRY(rdx_alloc(context, &block, tensors, sizeof *c->tensors));
    c->list.tensors = c->tensors = block;
    RDX_TRY(rdx_alloc(context, &block, pairs, sizeof *c->keys));
    c->list.keys = c->keys = block;
    RDX_TRY(rdx_alloc(context, &block, pairs, sizeof *c->values));
    c->list.values = c->values = block;
    return REDUX_OK;
}

static void content_clear(content *c)
{
    rdx_free(c->names);
    rdx_free(c->tensors);
    rdx_free(c->keys);
    rdx_free(c->values);
}

static void add_tensor(content *c, const char *name, const redux_tensor *tensor)
{
    c->names[c->list.count] = name;
    c->tensors[c->list.count++] = *tensor;
}

static void add_text(content *c, const char *key, const char *value)
{
    c->keys[c->list.pair_count] = key;
    c->values[c->list.pair_count++] = value;
}

static void add_number(content *c, const char *key, double value)
{
    char *text = c->texts[c->list.pair_count];
    rdx_format_double(text, value);
    add_text(c, key, text);
}

static void add_integer(content *c, const char *key, int32_t value)
{
    char *text = c->texts[c->list.pair_count];
    snprintf(text, TEXT, "%d", (int)value);
    add_text(c, key, text);
}

static void add_network(content *c, const redux_network *net)
{
    for (int64_t i = 0; i < net->parameter_count; i++)
        add_tensor(c, net->parameters[i].name, &net->parameters[i].value);
    add_text(c, "format", "pt"); /* what readers for PyTorch ask for */
    add_text(c, "arch", redux_arch_name(net->options.arch));
    add_text(c, "stem", redux_stem_name(net->options.stem));
    add_integer(c, "channels", net->options.channels);
    add_number(c, "width", net->options.width);
}

/* What redux_input_options_of reads. */
static redux_status add_input(content *c, const redux_input_options *given)
{
    redux_input_options input;
    char *window = c->texts[c->list.pair_count];
    if (given == NULL)
        return REDUX_OK;
    RDX_TRY(rdx_input_read(&input, given));
    RDX_TRY(redux_window_to_text(window, input.window));
    add_text(c, "window", window);
    add_integer(c, "size", input.size);
    add_number(c, "mean", input.mean);
    add_number(c, "deviation", input.deviation);
    return REDUX_OK;
}

static void add_more(content *c, const redux_safetensors_content *more)
{
    for (int64_t i = 0; i < more->count; i++)
        add_tensor(c, more->names[i], &more->tensors[i]);
    for (int64_t i = 0; i < more->pair_count; i++)
        add_text(c, more->keys[i], more->values[i]);
}

redux_status redux_network_save(const char *path, redux_context *context,
                                const redux_network *network, const redux_input_options *input,
                                const redux_safetensors_content *more)
{
    redux_safetensors_content known;
    content c;
    if (path == NULL || network == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_network_save: no path, or no network");
    RDX_TRY(rdx_safetensors_content_read(&known, more));
    redux_status status =
        content_init(&c, context, (uint64_t)network->parameter_count + (uint64_t)known.count,
                     OWN_PAIRS + (uint64_t)known.pair_count);
    if (status == REDUX_OK) {
        add_network(&c, network);
        status = add_input(&c, input);
    }
    if (status == REDUX_OK) {
        add_more(&c, &known);
        status = redux_safetensors_save(path, context, &c.list);
    }
    content_clear(&c);
    return status;
}
