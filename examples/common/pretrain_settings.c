/* SPDX-License-Identifier: MIT
 * Settings of a pre-training by name: one table. */
#include "pretrain_settings.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char pretrain_settings_help[] =
    "Network\n"
    "  --arch NAME          resnet18 (default), resnet34, resnet50, resnet101, resnet152\n"
    "  --stem NAME          imagenet (default): 7x7 and pooling; small: 3x3\n"
    "  --width X            all channel counts times X, a multiple of 1/8 (default 1)\n"
    "  --projection N       outputs of the projection head (default 128)\n"
    "  --products NAME      of the convolutions: float32 (default), bfloat16 (quicker where the\n"
    "                       processor has AVX512_BF16; less exact)\n"
    "Training\n"
    "  --batch N            slices a step, 2 or more (default 256, or all if there are fewer); "
    "each\n"
    "                       epoch leaves out a different remainder that fills no whole batch\n"
    "  --part N             images a forward pass, to fit large batches in memory: negatives come\n"
    "                       from the whole batch, batch norm from the part (default: all)\n"
    "  --epochs N | --steps N   how long (default 100 epochs)\n"
    "  --optimiser NAME     sgd (default), lars, adam, adamw\n"
    "  --rate X             learning rate at a batch of 256 (default 0.12), scaled to the batch;\n"
    "                       --fixed-rate 1: not scaled\n"
    "  --warm-up X          epochs in which the rate rises (default 10); --last-rate X: share of "
    "the\n"
    "                       rate at the end (default 0)\n"
    "  --weight-decay X     default 5e-4, never on norms and biases\n"
    "  --momentum X, --trust X (lars), --clip-norm X (default 0: never)\n"
    "  --temperature X      of NT-Xent (default 0.5)\n"
    "  --seed N             default 0\n"
    "  --memory MIB         for slices in memory (default 2048); the rest are read in turns\n"
    "  --checkpoint-seconds X   between checkpoints (default 60); 0: one at the end of every\n"
    "                       epoch\n"
    "Views\n"
    "  --size N             side in pixels (default 64)\n"
    "  --window NAME        slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                       default: slice, and full for 8-bit pictures and arrays\n"
    "  --views PRESET       simclr (default), paper-swav-crops, moco-medical, none; the options\n"
    "                       below change it\n"
    "  --small-views N, --small-size N, --small-scale LO:HI   multi-crop:\n"
    "                       additional views, in pairs, no larger than the others\n"
    "  --scale LO:HI        share of the slice that a crop covers; --ratio X: its aspect\n"
    "  --window-jitter X    vary centre and width of the HU window by this share of its width\n"
    "  --flip-horizontal P, --flip-vertical P\n"
    "  --rotate-probability P, --rotate-degrees X\n"
    "  --jitter-probability P, --brightness X, --contrast X, --gamma X\n"
    "  --blur-probability P, --blur LO:HI (sigma at 224 pixels)\n"
    "  --noise-probability P, --noise-high X\n"
    "  --cutout-probability P, --cutout-high X\n"
    "  --mean X, --deviation X   of the input's normalisation (default 0.5, 0.25)\n";

typedef enum kind { INT32, INT64, REAL, RANGE, MEBIBYTES, UINT64, OTHER } kind;

typedef struct setting {
    const char *name;
    kind kind;
    size_t offset;    /* RANGE: of its low end; the high one follows */
    double low, high; /* the allowed range: nothing that the library refuses */
} setting;

#define AT(field) offsetof(pretrain_settings, field)
#define SHARE 0, 1
#define CROP 1e-6, 1

static const setting settings[] = {
    {"arch", OTHER, 0, 0, 0},
    {"stem", OTHER, 0, 0, 0},
    {"products", OTHER, 0, 0, 0},
    {"width", REAL, AT(network.width), 1e-3, 16},
    {"projection", INT32, AT(projection.widths[1]), 1, 65536},
    {"batch", INT64, AT(options.batch), 2, 1 << 20},
    {"part", INT64, AT(options.part), 0, 1 << 21},
    {"epochs", OTHER, 0, 0, 0},
    {"steps", OTHER, 0, 0, 0},
    {"optimiser", OTHER, 0, 0, 0},
    {"rate", REAL, AT(options.rate), 1e-12, 1e38},
    {"fixed-rate", INT32, AT(options.fixed_rate), 0, 1},
    {"warm-up", REAL, AT(options.warm_up), 0, 1e6},
    {"last-rate", REAL, AT(options.last_rate), SHARE},
    {"weight-decay", REAL, AT(optimiser.weight_decay), 0, 1e6},
    {"momentum", REAL, AT(optimiser.momentum), 0, 0.999999},
    {"trust", REAL, AT(optimiser.trust), 1e-12, 1e6},
    {"clip-norm", REAL, AT(optimiser.clip_norm), 0, 1e30},
    {"temperature", REAL, AT(nt_xent.temperature), 1e-6, 1e6},
    {"seed", UINT64, AT(options.seed), 0, 0},
    {"memory", MEBIBYTES, AT(options.memory_bytes), 1, 1 << 30},
    {"checkpoint-seconds", REAL, AT(options.checkpoint_seconds), 0, 1e9},
    {"size", OTHER, 0, 0, 0},
    {"window", OTHER, 0, 0, 0},
    {"views", OTHER, 0, 0, 0},
    {"small-views", INT32, AT(views.small_views), 0, 64},
    {"small-size", INT32, AT(views.small_size), 1, 4096},
    {"small-scale", RANGE, AT(views.small_scale_low), CROP},
    {"scale", RANGE, AT(views.scale_low), CROP},
    {"ratio", REAL, AT(views.ratio), 1, 100},
    {"window-jitter", REAL, AT(views.window_jitter), 0, 0.49},
    {"flip-horizontal", REAL, AT(views.flip_horizontal), SHARE},
    {"flip-vertical", REAL, AT(views.flip_vertical), SHARE},
    {"rotate-probability", REAL, AT(views.rotate_probability), SHARE},
    {"rotate-degrees", REAL, AT(views.rotate_degrees), 0, 180},
    {"jitter-probability", REAL, AT(views.jitter_probability), SHARE},
    {"brightness", REAL, AT(views.brightness), SHARE},
    {"contrast", REAL, AT(views.contrast), SHARE},
    {"gamma", REAL, AT(views.gamma), 0, 4},
    {"blur-probability", REAL, AT(views.blur_probability), SHARE},
    {"blur", RANGE, AT(views.blur_low), 0, 100},
    {"noise-probability", REAL, AT(views.noise_probability), SHARE},
    {"noise-high", REAL, AT(views.noise_high), 0, 10},
    {"cutout-probability", REAL, AT(views.cutout_probability), SHARE},
    {"cutout-high", REAL, AT(views.cutout_high), SHARE},
    {"mean", REAL, AT(input.mean), -1e6, 1e6},
    {"deviation", REAL, AT(input.deviation), 1e-6, 1e6},
};

#define COUNT ((int)(sizeof settings / sizeof settings[0]))

const char *pretrain_setting_name(int index)
{
    return index >= 0 && index < COUNT ? settings[index].name : NULL;
}

void pretrain_settings_init(pretrain_settings *s)
{
    *s = (pretrain_settings){.options = REDUX_PRETRAIN_OPTIONS_INIT,
                             .network = REDUX_NETWORK_OPTIONS_INIT,
                             .projection = REDUX_HEAD_OPTIONS_INIT,
                             .input = REDUX_INPUT_OPTIONS_INIT,
                             .views = REDUX_VIEWS_OPTIONS_INIT,
                             .optimiser = REDUX_OPTIMISER_OPTIONS_INIT,
                             .nt_xent = REDUX_NT_XENT_OPTIONS_INIT};
    s->optimiser.weight_decay = 5e-4;
}

redux_status pretrain_run(redux_pretrain_result *result, redux_context *context, const char *folder,
                          const redux_dataset *dataset, const uint8_t *kept,
                          const pretrain_settings *s)
{
    redux_pretrain_options options = s->options;
    redux_network_options network = s->network;
    redux_objective *objective = NULL;
    TRY(redux_objective_new_nt_xent(&objective, context, &s->nt_xent));
    network.projection = &s->projection;
    options.network = &network;
    options.input = &s->input;
    options.views = &s->views;
    options.optimiser = &s->optimiser;
    options.objective = objective;
    const redux_status status = redux_pretrain(result, context, folder, dataset, kept, &options);
    redux_objective_free(objective);
    return status;
}

static int set_size(pretrain_settings *s, const char *text)
{
    int64_t size;
    if (!parse_integer(&size, text, 8, 4096))
        return usage_error("--size '%s': expected a whole number, 8 to 4096", text);
    s->input.size = (int32_t)size;
    return EXIT_OK;
}

static int set_length(pretrain_settings *s, const char *name, const char *text)
{
    int64_t length;
    if (!parse_integer(&length, text, 1, INT32_MAX))
        return usage_error("--%s '%s': a whole number, 1 or more", name, text);
    s->options.epochs = strcmp(name, "epochs") == 0 ? length : 0;
    s->options.steps = strcmp(name, "steps") == 0 ? length : 0;
    return EXIT_OK;
}

static int set_other(pretrain_settings *s, const char *name, const char *text)
{
    redux_status status = REDUX_OK;
    if (strcmp(name, "size") == 0)
        return set_size(s, text);
    if (strcmp(name, "window") == 0)
        return set_window(&s->input.window, text);
    if (strcmp(name, "arch") == 0)
        status = redux_arch_parse(&s->network.arch, text);
    else if (strcmp(name, "stem") == 0)
        status = redux_stem_parse(&s->network.stem, text);
    else if (strcmp(name, "products") == 0)
        status = redux_products_parse(&s->network.products, text);
    else if (strcmp(name, "optimiser") == 0)
        status = redux_optimiser_parse(&s->optimiser.kind, text);
    else if (strcmp(name, "views") == 0)
        status = redux_views_preset(&s->views, text);
    else
        return set_length(s, name, text);
    return status == REDUX_OK ? EXIT_OK : usage_error("--%s: %s", name, redux_error_message());
}

static int set_range(void *place, const setting *s, const char *text)
{
    double ends[2];
    char low[64];
    const char *colon = strchr(text, ':');
    if (colon != NULL && (size_t)(colon - text) < sizeof low) {
        snprintf(low, sizeof low, "%.*s", (int)(colon - text), text);
        if (parse_number(&ends[0], low) && parse_number(&ends[1], colon + 1) && s->low <= ends[0] &&
            ends[0] <= ends[1] && ends[1] <= s->high) {
            memcpy(place, ends, sizeof ends);
            return EXIT_OK;
        }
    }
    return usage_error("--%s '%s': expected LOW:HIGH within %g and %g", s->name, text, s->low,
                       s->high);
}

static int set_real(void *place, const setting *s, const char *text)
{
    double value;
    if (!parse_number(&value, text) || value < s->low || value > s->high)
        return usage_error("--%s '%s': expected a number, %g to %g", s->name, text, s->low,
                           s->high);
    memcpy(place, &value, sizeof value);
    return EXIT_OK;
}

static int set_integer(void *place, const setting *s, const char *text)
{
    int64_t value;
    const bool is_seed = s->kind == UINT64;
    if (!parse_integer(&value, text, is_seed ? 0 : (int64_t)s->low,
                       is_seed ? INT64_MAX : (int64_t)s->high))
        return is_seed ? usage_error("--%s '%s': a whole number, 0 or more", s->name, text)
                       : usage_error("--%s '%s': expected a whole number, %.0f to %.0f", s->name,
                                     text, s->low, s->high);
    const int32_t small = (int32_t)value;
    const uint64_t bytes = (uint64_t)value << (s->kind == MEBIBYTES ? 20 : 0);
    if (s->kind == INT32)
        memcpy(place, &small, sizeof small);
    else
        memcpy(place, &bytes, sizeof bytes); /* INT64 has the same bits */
    return EXIT_OK;
}

static const setting *find(const char *name)
{
    char own[64];
    snprintf(own, sizeof own, "%s", name);
    for (char *c = own; *c != '\0'; c++)
        if (*c == '_')
            *c = '-';
    for (int i = 0; i < COUNT; i++)
        if (strcmp(own, settings[i].name) == 0)
            return &settings[i];
    return NULL;
}

int pretrain_setting(pretrain_settings *settings_of_run, const char *name, const char *text)
{
    const setting *s = find(name);
    if (s == NULL)
        return usage_error("unknown setting '%s'", name);
    void *place = (char *)settings_of_run + s->offset;
    switch (s->kind) {
    case REAL:
        return set_real(place, s, text);
    case RANGE:
        return set_range(place, s, text);
    case OTHER:
        return set_other(settings_of_run, s->name, text);
    default:
        return set_integer(place, s, text);
    }
}
