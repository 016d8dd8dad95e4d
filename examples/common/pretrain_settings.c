/* SPDX-License-Identifier: MIT
 * Settings of a pre-training by name: one table. */
#include "pretrain_settings.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char pretrain_settings_help[] =
    "Method\n"
    "  --preset NAME        all that belongs to a method; options that follow change it:\n"
    "                       simclr (default), paper-swav (ResNet-50 at 224 pixels, 800 epochs),\n"
    "                       paper-swav-as-published (with what its code does differently),\n"
    "                       moco-v2, byol\n"
    "  --objective NAME     nt-xent (default), swav, moco, byol, with the method's heads\n"
    "  --temperature X      nt-xent (default 0.5), swav (0.1), moco (0.2)\n"
    "  --prototypes N       swav: clusters, 2 or more (default 500)\n"
    "  --epsilon X, --sinkhorn-rounds N   swav: of the assignment (default 0.05, 3)\n"
    "  --freeze-steps N     swav: steps before prototypes learn (default 313)\n"
    "  --queue N            a multiple of the batch, no longer than the slices. swav: earlier\n"
    "                       projections that are assigned too (default 0); moco: negatives\n"
    "                       (default 65536, at most half of the slices)\n"
    "  --queue-start N      swav: epoch from which the queue fills (default 15)\n"
    "  --ema X              of the second network, moco (default 0.999), byol (at first, default\n"
    "                       0.996)\n"
    "Network\n"
    "  --arch NAME          resnet18 (default), resnet34, resnet50, resnet101, resnet152\n"
    "  --stem NAME          imagenet (default): 7x7 and pooling; small: 3x3\n"
    "  --width X            all channel counts times X, a multiple of 1/8 (default 1)\n"
    "  --projection N       outputs of the projection head (default 128; byol: 256)\n"
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
    "  --warm-up-steps N    the same in steps; --cosine-steps N: steps from the highest rate to "
    "the\n"
    "                       last; then it swings (default: to the end)\n"
    "  --weight-decay X     default 5e-4\n"
    "  --all-parameters N   0 (default): norms and biases do not decay; 1: they do, and lars\n"
    "                       adapts them, too\n"
    "  --momentum X, --trust X (lars), --clip-norm X (default 0: never)\n"
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
    "  --small-views N, --small-size N, --small-scale LO:HI   multi-crop: additional views, no\n"
    "                       larger than the others; nt-xent (in pairs) and swav\n"
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
    unsigned users;   /* bit k: objective k; 0: it is no option of an objective */
    size_t offset;    /* RANGE: of its low end; the high one follows */
    double low, high; /* the allowed range: nothing that the library refuses */
} setting;

#define AT(field) offsetof(pretrain_settings, field)
#define SHARE 0, 1
#define CROP 1e-6, 1
#define OF(objective) (1U << (objective))

static const setting settings[] = {
    {"preset", OTHER, 0, 0, 0, 0},
    {"objective", OTHER, 0, 0, 0, 0},
    {"temperature", REAL, OF(NT_XENT) | OF(SWAV) | OF(MOCO), AT(choices.temperature), 1e-6, 1e6},
    {"prototypes", INT32, OF(SWAV), AT(choices.prototypes), 2, 1 << 20},
    {"epsilon", REAL, OF(SWAV), AT(choices.epsilon), 1e-6, 1e6},
    {"sinkhorn-rounds", INT32, OF(SWAV), AT(choices.rounds), 1, 100000},
    {"freeze-steps", INT64, OF(SWAV), AT(choices.freeze_steps), 0, 1e15},
    {"queue", INT64, OF(SWAV) | OF(MOCO), AT(choices.queue), 0, INT32_MAX},
    {"queue-start", INT64, OF(SWAV), AT(choices.queue_start), 0, 1e9},
    {"ema", REAL, OF(MOCO) | OF(BYOL), AT(choices.ema), SHARE},
    {"arch", OTHER, 0, 0, 0, 0},
    {"stem", OTHER, 0, 0, 0, 0},
    {"products", OTHER, 0, 0, 0, 0},
    {"width", REAL, 0, AT(network.width), 1e-3, 16},
    {"projection", INT32, 0, AT(outputs), 1, 65536},
    {"batch", INT64, 0, AT(options.batch), 2, 1 << 20},
    {"part", INT64, 0, AT(options.part), 0, 1 << 21},
    {"epochs", OTHER, 0, 0, 0, 0},
    {"steps", OTHER, 0, 0, 0, 0},
    {"optimiser", OTHER, 0, 0, 0, 0},
    {"rate", REAL, 0, AT(options.rate), 1e-12, 1e38},
    {"fixed-rate", INT32, 0, AT(options.fixed_rate), 0, 1},
    {"warm-up", REAL, 0, AT(options.warm_up), 0, 1e6},
    {"warm-up-steps", INT64, 0, AT(options.warm_up_steps), 0, 1e12},
    {"cosine-steps", INT64, 0, AT(options.cosine_steps), 0, 1e12},
    {"last-rate", REAL, 0, AT(options.last_rate), SHARE},
    {"weight-decay", REAL, 0, AT(optimiser.weight_decay), 0, 1e6},
    {"all-parameters", INT32, 0, AT(optimiser.all_parameters), 0, 1},
    {"momentum", REAL, 0, AT(optimiser.momentum), 0, 0.999999},
    {"trust", REAL, 0, AT(optimiser.trust), 1e-12, 1e6},
    {"clip-norm", REAL, 0, AT(optimiser.clip_norm), 0, 1e30},
    {"seed", UINT64, 0, AT(options.seed), 0, 0},
    {"memory", MEBIBYTES, 0, AT(options.memory_bytes), 1, 1 << 30},
    {"checkpoint-seconds", REAL, 0, AT(options.checkpoint_seconds), 0, 1e9},
    {"size", OTHER, 0, 0, 0, 0},
    {"window", OTHER, 0, 0, 0, 0},
    {"views", OTHER, 0, 0, 0, 0},
    {"small-views", INT32, 0, AT(views.small_views), 0, 64},
    {"small-size", INT32, 0, AT(views.small_size), 1, 4096},
    {"small-scale", RANGE, 0, AT(views.small_scale_low), CROP},
    {"scale", RANGE, 0, AT(views.scale_low), CROP},
    {"ratio", REAL, 0, AT(views.ratio), 1, 100},
    {"window-jitter", REAL, 0, AT(views.window_jitter), 0, 0.49},
    {"flip-horizontal", REAL, 0, AT(views.flip_horizontal), SHARE},
    {"flip-vertical", REAL, 0, AT(views.flip_vertical), SHARE},
    {"rotate-probability", REAL, 0, AT(views.rotate_probability), SHARE},
    {"rotate-degrees", REAL, 0, AT(views.rotate_degrees), 0, 180},
    {"jitter-probability", REAL, 0, AT(views.jitter_probability), SHARE},
    {"brightness", REAL, 0, AT(views.brightness), SHARE},
    {"contrast", REAL, 0, AT(views.contrast), SHARE},
    {"gamma", REAL, 0, AT(views.gamma), 0, 4},
    {"blur-probability", REAL, 0, AT(views.blur_probability), SHARE},
    {"blur", RANGE, 0, AT(views.blur_low), 0, 100},
    {"noise-probability", REAL, 0, AT(views.noise_probability), SHARE},
    {"noise-high", REAL, 0, AT(views.noise_high), 0, 10},
    {"cutout-probability", REAL, 0, AT(views.cutout_probability), SHARE},
    {"cutout-high", REAL, 0, AT(views.cutout_high), SHARE},
    {"mean", REAL, 0, AT(input.mean), -1e6, 1e6},
    {"deviation", REAL, 0, AT(input.deviation), 1e-6, 1e6},
};

#define COUNT ((int)(sizeof settings / sizeof settings[0]))

const char *pretrain_setting_name(int index)
{
    return index >= 0 && index < COUNT ? settings[index].name : NULL;
}

/* ---- methods ---- */

static const char *const objectives[] = {"nt-xent", "swav", "moco", "byol"};
enum { OBJECTIVES = sizeof objectives / sizeof objectives[0] };

/* An objective with its heads: a layer as wide as the features and 128 outputs; with batch norm for
 * SwAV; BYOL's are 4096 and 256, for the prediction alike. */
static void choose_objective(pretrain_settings *s, objective_kind objective)
{
    const redux_head_options plain = REDUX_HEAD_OPTIONS_INIT;
    s->objective = objective;
    s->projection = plain;
    s->projection.batch_norm = objective == SWAV || objective == BYOL;
    if (objective == BYOL) {
        s->projection.widths[0] = 4096;
        s->projection.widths[1] = 256;
        s->projection.no_bias = 2; /* the last layer */
    }
    s->prediction = s->projection;
}

void pretrain_settings_init(pretrain_settings *s)
{
    *s = (pretrain_settings){.options = REDUX_PRETRAIN_OPTIONS_INIT,
                             .network = REDUX_NETWORK_OPTIONS_INIT,
                             .input = REDUX_INPUT_OPTIONS_INIT,
                             .views = REDUX_VIEWS_OPTIONS_INIT,
                             .optimiser = REDUX_OPTIMISER_OPTIONS_INIT,
                             .nt_xent = REDUX_NT_XENT_OPTIONS_INIT,
                             .swav = REDUX_SWAV_OPTIONS_INIT,
                             .moco = REDUX_MOCO_OPTIONS_INIT,
                             .byol = REDUX_BYOL_OPTIONS_INIT};
    choose_objective(s, NT_XENT);
    s->optimiser.weight_decay = 5e-4;
}

/* Wolf et al. 2024: SwAV with ResNet-50 at 224 pixels. */
static void preset_paper(pretrain_settings *s)
{
    choose_objective(s, SWAV);
    s->network.arch = REDUX_RESNET50;
    s->input.size = 224;
    s->input.mean = 0.1806; /* of their slices, from their code */
    s->input.deviation = 0.1907;
    s->options.batch = 128;
    s->options.epochs = 800;
    s->options.rate = 0.15;
    s->options.fixed_rate = 1;
    s->optimiser.kind = REDUX_OPTIMISER_LARS;
    s->optimiser.weight_decay = 1e-6;
    (void)redux_views_preset(&s->views, "paper-swav-crops");
}

/* What their code does where it differs from what they write: 313 are epochs, not steps, as the
 * prototypes are frozen; the scheduler took an epoch for a step, so that 10 steps of warm-up are
 * followed by a cosine of 790 steps that swings; norms and biases are decayed and adapted, too. */
static void preset_published(pretrain_settings *s)
{
    preset_paper(s);
    s->swav.freeze_steps = 0;
    s->swav.freeze_epochs = 313;
    s->options.warm_up_steps = 10;
    s->options.cosine_steps = 790;
    s->optimiser.all_parameters = 1;
}

/* Chen et al. 2020, arXiv 2003.04297; colours as far as grey slices have them. */
static void preset_moco(pretrain_settings *s)
{
    choose_objective(s, MOCO);
    s->options.epochs = 200;
    s->options.rate = 0.03;
    s->options.warm_up = 0;
    s->optimiser.weight_decay = 1e-4;
    s->views.scale_low = 0.2;
    s->views.brightness = s->views.contrast = 0.4;
}

/* Grill et al. 2020, their runs of 300 epochs. */
static void preset_byol(pretrain_settings *s)
{
    choose_objective(s, BYOL);
    s->byol.momentum = 0.99;
    s->options.epochs = 300;
    s->options.rate = 0.2;
    s->optimiser.kind = REDUX_OPTIMISER_LARS;
    s->optimiser.weight_decay = 1.5e-6;
}

static void preset_simclr(pretrain_settings *s)
{
    choose_objective(s, NT_XENT);
}

/* What belongs to the run rather than to a method. */
static void keep_run(pretrain_settings *s, const pretrain_settings *before)
{
    s->options.seed = before->options.seed;
    s->options.memory_bytes = before->options.memory_bytes;
    s->options.checkpoint_seconds = before->options.checkpoint_seconds;
    s->options.resume = before->options.resume;
    s->options.part = before->options.part;
    s->input.window = before->input.window;
    s->network.products = before->network.products;
}

static bool is_of_run(const char *name)
{
    static const char *const names[] = {"preset", "seed",   "memory",  "checkpoint-seconds",
                                        "part",   "window", "products"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static int set_preset(pretrain_settings *s, const char *name)
{
    static const struct {
        const char *name;
        void (*set)(pretrain_settings *s);
    } presets[] = {{"simclr", preset_simclr},
                   {"paper-swav", preset_paper},
                   {"paper-swav-as-published", preset_published},
                   {"moco-v2", preset_moco},
                   {"byol", preset_byol}};
    if (s->changed)
        return usage_error("--preset %s: give it before the options that change it", name);
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(name, presets[i].name) != 0)
            continue;
        const pretrain_settings before = *s;
        pretrain_settings_init(s);
        keep_run(s, &before);
        presets[i].set(s);
        return EXIT_OK;
    }
    return usage_error("--preset '%s': expected simclr, paper-swav, paper-swav-as-published, "
                       "moco-v2 or byol",
                       name);
}

static int set_objective(pretrain_settings *s, const char *name)
{
    for (int i = 0; i < OBJECTIVES; i++)
        if (strcmp(name, objectives[i]) == 0) {
            choose_objective(s, (objective_kind)i);
            return EXIT_OK;
        }
    return usage_error("--objective '%s': expected nt-xent, swav, moco or byol", name);
}

static bool is_given(const pretrain_settings *s, const char *name)
{
    for (int i = 0; i < COUNT; i++)
        if (strcmp(settings[i].name, name) == 0)
            return (s->given >> i & 1) != 0;
    return false;
}

int pretrain_settings_check(const pretrain_settings *s)
{
    for (int i = 0; i < COUNT; i++)
        if (settings[i].users != 0 && (s->given >> i & 1) != 0 &&
            (settings[i].users >> s->objective & 1) == 0)
            return usage_error("--%s: the objective %s has no use for it", settings[i].name,
                               objectives[s->objective]);
    return EXIT_OK;
}

/* Replaces a field of an objective's options by what was given. */
#define CHOOSE(field, name, choice)                                                                \
    do {                                                                                           \
        if (is_given(s, name))                                                                     \
            (field) = s->choices.choice;                                                           \
    } while (0)

static redux_status new_swav(redux_objective **out, redux_context *context,
                             const pretrain_settings *s)
{
    redux_swav_options options = s->swav;
    CHOOSE(options.temperature, "temperature", temperature);
    CHOOSE(options.prototypes, "prototypes", prototypes);
    CHOOSE(options.epsilon, "epsilon", epsilon);
    CHOOSE(options.rounds, "sinkhorn-rounds", rounds);
    CHOOSE(options.freeze_steps, "freeze-steps", freeze_steps);
    CHOOSE(options.queue, "queue", queue);
    CHOOSE(options.queue_start, "queue-start", queue_start);
    if (is_given(s, "freeze-steps"))
        options.freeze_epochs = 0;
    return redux_objective_new_swav(out, context, &options);
}

static redux_status new_moco(redux_objective **out, redux_context *context,
                             const pretrain_settings *s)
{
    redux_moco_options options = s->moco;
    CHOOSE(options.temperature, "temperature", temperature);
    CHOOSE(options.queue, "queue", queue);
    CHOOSE(options.momentum, "ema", ema);
    return redux_objective_new_moco(out, context, &options);
}

static redux_status new_objective(redux_objective **out, redux_context *context,
                                  const pretrain_settings *s)
{
    redux_nt_xent_options nt_xent = s->nt_xent;
    redux_byol_options byol = s->byol;
    if (s->objective == SWAV)
        return new_swav(out, context, s);
    if (s->objective == MOCO)
        return new_moco(out, context, s);
    CHOOSE(nt_xent.temperature, "temperature", temperature);
    CHOOSE(byol.momentum, "ema", ema);
    return s->objective == BYOL ? redux_objective_new_byol(out, context, &byol)
                                : redux_objective_new_nt_xent(out, context, &nt_xent);
}

redux_status pretrain_run(redux_pretrain_result *result, redux_context *context, const char *folder,
                          const redux_dataset *dataset, const uint8_t *kept,
                          const pretrain_settings *s)
{
    redux_pretrain_options options = s->options;
    redux_network_options network = s->network;
    redux_head_options projection = s->projection, prediction = s->prediction;
    redux_objective *objective = NULL;
    TRY(new_objective(&objective, context, s));
    if (s->outputs > 0)
        projection.widths[1] = prediction.widths[1] = s->outputs;
    network.projection = &projection;
    network.prediction = s->objective == BYOL ? &prediction : NULL;
    options.network = &network;
    options.input = &s->input;
    options.views = &s->views;
    options.optimiser = &s->optimiser;
    options.objective = objective;
    const redux_status status = redux_pretrain(result, context, folder, dataset, kept, &options);
    redux_objective_free(objective);
    return status;
}

/* ---- one setting ---- */

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
    if (strcmp(name, "preset") == 0)
        return set_preset(s, text);
    if (strcmp(name, "objective") == 0)
        return set_objective(s, text);
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
    settings_of_run->changed = settings_of_run->changed || !is_of_run(s->name);
    if (s->users != 0)
        settings_of_run->given |= UINT64_C(1) << (s - settings);
    if (strcmp(s->name, "warm-up") == 0) /* it replaces a preset's steps */
        settings_of_run->options.warm_up_steps = 0;
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
