/* SPDX-License-Identifier: MIT
 * Settings of an evaluation by name. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "evaluate_settings.h"

const char evaluate_settings_help[] =
    "Labels and splits\n"
    "  --label COLUMN       of the classes (default label)\n"
    "  --group COLUMN       rows that stay together, such as patients (default file); or\n"
    "  --group-by WHAT      folder, file, series, patient (DICOM), FILE.csv:COLUMN, or a regular\n"
    "                       expression whose first parentheses match the group in a path\n"
    "  --split COLUMN       use the table's own train, val and test (default: split, if there is\n"
    "                       such a column); without val rows, some training groups become val\n"
    "  --folds K            cross-validation by groups, K >= 3: one fold tests, the next "
    "validates\n"
    "                       (default 5, where the table has no splits); --fold N: one of them "
    "only\n"
    "  --validation P, --test P  one split by groups instead of folds, by shares of the rows\n"
    "  --fixed-split SEED   all repetitions use one split (default: each by its own seed)\n"
    "  --allow-divided-groups  accept groups that are in two splits of the column\n"
    "  --positive CLASS     the class of two that F1, AUC and AP refer to (default: second)\n"
    "  --no-leakage-check   do not look for near-duplicates between the splits\n"
    "Protocol\n"
    "  --protocol NAME      linear (default), knn, finetune\n"
    "  --seeds N            repetitions (default 5); --first-seed N (default 0)\n"
    "  --choose-by NAME     auc or accuracy, on validation (default: auc for probes, accuracy for\n"
    "                       finetune)\n"
    "  --c X                linear: regularisation as scikit-learn's C (default: chosen)\n"
    "  --neighbours N       knn (default: chosen); --temperature X (default 0.07)\n"
    "  --refit              probes: train on validation rows too, once settings are chosen\n"
    "  --epochs N           finetune: 70; --frozen-epochs N: 10, with weights; --batch N: 64;\n"
    "                       --rate X: 1e-4; --weight-decay X: 5e-4; --balanced: equal\n"
    "                       weight for each class\n"
    "                       --norms-learn: batch norms of a frozen encoder learn; --thawed-rate "
    "X:\n"
    "                       everything's after the frozen epochs (default: as --rate)\n"
    "  --preset NAME        finetune as in the paper: paper, or paper-as-published (what its code\n"
    "                       does: --norms-learn --thawed-rate 2e-5, one random flip, seed 42);\n"
    "                       options that follow change it\n"
    "  --views NAME         finetune: none, simclr, moco-medical, ... (default: light ones)\n"
    "  --interval OF        groups (default): patients are the sample; rows: percentile bootstrap\n"
    "                       as if slices were independent; none\n"
    "  --level X            of the intervals (default 0.95); --resamples N of the bootstrap "
    "(default\n"
    "                       1000)\n"
    "Input\n"
    "  --frame N            which frame of 4-D volumes and of DICOM time series\n"
    "  --window NAME        as in redux-reduce; --size N: side in pixels (default: as the weights\n"
    "                       were trained, else auto and 64)\n"
    "  --arch NAME          of --weights none: resnet18 (default), resnet34, resnet50,\n"
    "                       resnet101, resnet152;\n"
    "                       --stem NAME: imagenet (default), small; --width X: 1\n";

const char *const interval_names[3] = {"groups", "rows", "none"};

typedef enum kind { TEXT, INTEGER, NUMBER, FLAG, SPECIAL } kind;

/* Where a setting is stored, and its range. */
typedef struct setting {
    const char *name;
    kind kind;
    size_t offset;
    double low, high;
} setting;

#define AT(field) offsetof(evaluate_settings, field)

static const setting settings[] = {
    {"label", TEXT, AT(labels.label), 0, 0},
    {"group", TEXT, AT(labels.group), 0, 0},
    {"group-by", TEXT, AT(labels.group_by), 0, 0},
    {"frame", INTEGER, AT(labels.frame), 0, 1000000},
    {"split", TEXT, AT(labels.split), 0, 0},
    {"allow-divided-groups", FLAG, AT(labels.allow_divided_groups), 1, 0},
    {"positive", TEXT, AT(positive), 0, 0},
    {"no-leakage-check", FLAG, AT(evaluate.check_leakage), 0, 0},
    {"seeds", INTEGER, AT(evaluate.seeds), 1, 1000},
    {"c", NUMBER, AT(evaluate.c), 1e-12, 1e12},
    {"neighbours", INTEGER, AT(evaluate.neighbours), 1, 1000000},
    {"temperature", NUMBER, AT(evaluate.temperature), 1e-6, 1e6},
    {"refit", FLAG, AT(evaluate.refit), 1, 0},
    {"epochs", INTEGER, AT(evaluate.epochs), 1, 1000000},
    {"frozen-epochs", INTEGER, AT(evaluate.frozen_epochs), 0, 1000000},
    {"batch", INTEGER, AT(evaluate.batch), 1, 65536},
    {"rate", NUMBER, AT(evaluate.rate), 1e-12, 1e6},
    {"weight-decay", NUMBER, AT(evaluate.weight_decay), 0, 1e6},
    {"balanced", FLAG, AT(evaluate.balanced), 1, 0},
    {"resamples", INTEGER, AT(evaluate.resamples), 0, 10000000},
    {"level", NUMBER, AT(evaluate.level), 1e-6, 0.999999},
    {"norms-learn", FLAG, AT(evaluate.norms_learn), 1, 0},
    {"thawed-rate", NUMBER, AT(evaluate.thawed_rate), 1e-12, 1e6},
    {"preset", SPECIAL, 0, 0, 0},
    {"fold", INTEGER, AT(evaluate.fold), 0, 254},
    {"interval", SPECIAL, 0, 0, 0},
    {"size", SPECIAL, 0, 0, 0},
    {"width", NUMBER, AT(network.width), 0.01, 16},
    {"protocol", SPECIAL, 0, 0, 0},
    {"first-seed", SPECIAL, 0, 0, 0},
    {"fixed-split", SPECIAL, 0, 0, 0},
    {"folds", SPECIAL, 0, 0, 0},
    {"validation", SPECIAL, 0, 0, 0},
    {"test", SPECIAL, 0, 0, 0},
    {"choose-by", SPECIAL, 0, 0, 0},
    {"views", SPECIAL, 0, 0, 0},
    {"window", SPECIAL, 0, 0, 0},
    {"arch", SPECIAL, 0, 0, 0},
    {"stem", SPECIAL, 0, 0, 0},
};

#define SETTINGS ((int)(sizeof settings / sizeof *settings))

void evaluate_settings_init(evaluate_settings *s)
{
    const evaluate_settings empty = {.evaluate = REDUX_EVALUATE_OPTIONS_INIT,
                                     .labels = REDUX_LABELS_OPTIONS_INIT,
                                     .split = REDUX_SPLIT_OPTIONS_INIT,
                                     .network = REDUX_NETWORK_OPTIONS_INIT,
                                     .views = REDUX_VIEWS_OPTIONS_INIT,
                                     .input = REDUX_INPUT_OPTIONS_INIT};
    *s = empty;
}

const char *evaluate_setting_name(int index)
{
    return index >= 0 && index < SETTINGS ? settings[index].name : NULL;
}

bool evaluate_setting_has_value(int index)
{
    return settings[index].kind != FLAG;
}

static int wrong_value(const char *name, const char *text, const char *wanted)
{
    return usage_error("--%s '%s': %s", name, text, wanted);
}

static int set_seed(uint64_t *seed, const char *name, const char *text)
{
    int64_t number;
    if (!parse_integer(&number, text, 0, INT64_MAX))
        return wrong_value(name, text, "expected a whole number, 0 or more");
    *seed = (uint64_t)number;
    return EXIT_OK;
}

static int set_share(evaluate_settings *s, double *share, const char *name, const char *text)
{
    if (!parse_number(share, text) || *share <= 0 || *share >= 1)
        return wrong_value(name, text, "expected a share between 0 and 1");
    s->has_shares = true;
    return EXIT_OK;
}

static int set_split_setting(evaluate_settings *s, const char *name, const char *text)
{
    int64_t number;
    if (strcmp(name, "first-seed") == 0)
        return set_seed(&s->evaluate.first_seed, name, text);
    if (strcmp(name, "fixed-split") == 0) {
        s->evaluate.fixed_split = 1;
        return set_seed(&s->split.seed, name, text);
    }
    if (strcmp(name, "validation") == 0)
        return set_share(s, &s->split.validation, name, text);
    if (strcmp(name, "test") == 0)
        return set_share(s, &s->split.test, name, text);
    if (!parse_integer(&number, text, 3, 255))
        return wrong_value(name, text, "expected a whole number, 3 to 255");
    s->split.folds = (int32_t)number;
    s->has_folds = true;
    return EXIT_OK;
}

static int set_input_setting(evaluate_settings *s, const char *name, const char *text)
{
    if (strcmp(name, "size") == 0) {
        if (!parse_integer(&s->size, text, 8, 4096))
            return wrong_value(name, text, "expected a whole number, 8 to 4096");
        return EXIT_OK;
    }
    if (strcmp(name, "window") == 0) {
        s->has_window = true;
        return set_window(&s->window, text);
    }
    if (strcmp(name, "arch") == 0 && redux_arch_parse(&s->network.arch, text) != REDUX_OK)
        return usage_error("--arch: %s", redux_error_message());
    if (strcmp(name, "stem") == 0 && redux_stem_parse(&s->network.stem, text) != REDUX_OK)
        return usage_error("--stem: %s", redux_error_message());
    return EXIT_OK;
}

/* Wolf et al. 2024, 3.3; what the published code does instead: its freezing leaves batch norms
 * learning, and thawing adds the encoder at a fifth of the rate, which the classifier then has
 * too. */
static int set_preset(evaluate_settings *s, const char *text)
{
    redux_evaluate_options *o = &s->evaluate;
    const bool published = strcmp(text, "paper-as-published") == 0;
    if (!published && strcmp(text, "paper") != 0)
        return wrong_value("preset", text, "expected paper or paper-as-published");
    o->protocol = REDUX_PROTOCOL_FINETUNE;
    o->epochs = 70;
    o->frozen_epochs = 10;
    o->batch = 64;
    o->rate = 1e-4;
    o->weight_decay = 5e-4;
    o->choose_by = REDUX_FIGURE_ACCURACY;
    if (!published)
        return EXIT_OK;
    o->norms_learn = 1;
    o->thawed_rate = 2e-5;
    o->first_seed = 42;
    s->has_views = true;
    if (redux_views_preset(&s->views, "none") != REDUX_OK)
        return usage_error("--preset: %s", redux_error_message());
    s->views.flip_horizontal = 0.5;
    return EXIT_OK;
}

static int set_interval(evaluate_settings *s, const char *text)
{
    for (int i = 0; i < (int)(sizeof interval_names / sizeof *interval_names); i++)
        if (strcmp(text, interval_names[i]) == 0) {
            s->evaluate.interval = (redux_interval)i;
            return EXIT_OK;
        }
    return wrong_value("interval", text, "expected groups, rows or none");
}

static int set_special(evaluate_settings *s, const char *name, const char *text)
{
    if (strcmp(name, "protocol") == 0) {
        if (redux_protocol_parse(&s->evaluate.protocol, text) != REDUX_OK)
            return usage_error("--protocol: %s", redux_error_message());
        return EXIT_OK;
    }
    if (strcmp(name, "choose-by") == 0) {
        if (strcmp(text, "auc") != 0 && strcmp(text, "accuracy") != 0)
            return wrong_value(name, text, "expected auc or accuracy");
        s->evaluate.choose_by = strcmp(text, "auc") == 0 ? REDUX_FIGURE_AUC : REDUX_FIGURE_ACCURACY;
        return EXIT_OK;
    }
    if (strcmp(name, "preset") == 0)
        return set_preset(s, text);
    if (strcmp(name, "interval") == 0)
        return set_interval(s, text);
    if (strcmp(name, "views") == 0) {
        if (redux_views_preset(&s->views, text) != REDUX_OK)
            return usage_error("--views: %s", redux_error_message());
        s->has_views = true;
        return EXIT_OK;
    }
    if (strcmp(name, "window") == 0 || strcmp(name, "arch") == 0 || strcmp(name, "stem") == 0 ||
        strcmp(name, "size") == 0)
        return set_input_setting(s, name, text);
    return set_split_setting(s, name, text);
}

int evaluate_setting(evaluate_settings *s, const char *name, const char *text)
{
    const setting *found = NULL;
    int64_t whole;
    int32_t small;
    double number;
    for (int i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].name, name) == 0)
            found = &settings[i];
    if (found == NULL)
        return usage_error("unknown setting '%s'", name);
    char *field = (char *)s + found->offset;
    switch (found->kind) {
    case TEXT:
        memcpy(field, &text, sizeof text);
        return EXIT_OK;
    case FLAG:
        small = (int32_t)found->low;
        memcpy(field, &small, sizeof small);
        return EXIT_OK;
    case INTEGER:
        if (!parse_integer(&whole, text, (int64_t)found->low, (int64_t)found->high))
            return usage_error("--%s '%s': expected a whole number, %.0f to %.0f", name, text,
                               found->low, found->high);
        small = (int32_t)whole;
        memcpy(field, &small, sizeof small);
        return EXIT_OK;
    case NUMBER:
        if (!parse_number(&number, text) || number < found->low || number > found->high)
            return usage_error("--%s '%s': expected a number, %g to %g", name, text, found->low,
                               found->high);
        memcpy(field, &number, sizeof number);
        return EXIT_OK;
    default:
        return set_special(s, name, text);
    }
}

/* ---- labels and weights ---- */

static redux_status load_labels(redux_labels **out, redux_context *context, evaluate_settings *s,
                                const char *path)
{
    const size_t length = strlen(path);
    const bool archive = length > 4 && strcmp(path + length - 4, ".npz") == 0;
    const bool chosen = s->labels.split != NULL || s->has_folds || s->has_shares;
    redux_status status;
    if (!chosen && !archive) /* its own splits, if it has them */
        s->labels.split = "split";
    status = redux_labels_load(out, context, path, &s->labels);
    if (!chosen && !archive && status == REDUX_E_NOT_FOUND) { /* no such column, or no such file */
        s->labels.split = NULL;
        status = redux_labels_load(out, context, path, &s->labels);
    }
    if (s->labels.split != NULL || (archive && !chosen))
        s->split.method = REDUX_SPLIT_BY_TABLE;
    else
        s->split.method = s->has_shares ? REDUX_SPLIT_BY_SHARES : REDUX_SPLIT_BY_FOLDS;
    return status;
}

int evaluate_open_labels(redux_labels **out, redux_context *context, evaluate_settings *s,
                         const char *path)
{
    int code;
    if ((s->labels.split != NULL) + s->has_folds > 1 || (s->has_folds && s->has_shares))
        return usage_error("--split, --folds and --test cannot be combined");
    if (load_labels(out, context, s, path) != REDUX_OK)
        return data_error();
    s->evaluate.split = &s->split;
    if (s->positive == NULL)
        return EXIT_OK;
    const int64_t positive = redux_labels_find_class(*out, s->positive);
    if (positive < 0) {
        code = usage_error("--positive '%s': %s has no such class", s->positive, path);
        redux_labels_free(*out);
        *out = NULL;
        return code;
    }
    s->evaluate.positive = (int32_t)positive;
    return EXIT_OK;
}

int evaluate_settle(evaluate_settings *s, const redux_safetensors *weights)
{
    const redux_input_options defaults = REDUX_INPUT_OPTIONS_INIT;
    s->input = defaults;
    if (weights != NULL && redux_input_options_of(&s->input, weights) != REDUX_OK)
        return data_error();
    if (s->has_window)
        s->input.window = s->window;
    if (s->size > 0)
        s->input.size = (int32_t)s->size;
    s->evaluate.weights = weights;
    s->evaluate.network = &s->network;
    s->evaluate.input = &s->input;
    s->evaluate.views = s->has_views ? &s->views : NULL;
    return EXIT_OK;
}

/* ---- figures ---- */

static const struct {
    const char *name;
    size_t offset;
} scores[] = {{"accuracy", offsetof(redux_scores, accuracy)},
              {"balanced_accuracy", offsetof(redux_scores, balanced_accuracy)},
              {"auc", offsetof(redux_scores, auc)},
              {"average_precision", offsetof(redux_scores, average_precision)},
              {"f1", offsetof(redux_scores, f1)},
              {"f1_macro", offsetof(redux_scores, f1_macro)},
              {"f1_micro", offsetof(redux_scores, f1_micro)}};

const char *score_name(int index)
{
    return index >= 0 && index < (int)(sizeof scores / sizeof *scores) ? scores[index].name : NULL;
}

double score_value(const redux_scores *s, int index)
{
    double value;
    memcpy(&value, (const char *)s + scores[index].offset, sizeof value);
    return value;
}

json_t *scores_json(const redux_scores *s)
{
    json_t *object = json_object();
    for (int i = 0; score_name(i) != NULL; i++) {
        const double value = score_value(s, i);
        json_object_set_new(object, score_name(i), isnan(value) ? json_null() : json_real(value));
    }
    return object;
}
