/* SPDX-License-Identifier: MIT
 * redux-pretrain: contrastive pre-training on slices, all or those that a manifest keeps. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "common/input.h"
#include "common/pretrain_settings.h"
#include "common/ranks.h"

static const char help_head[] =
    "Usage: redux-pretrain [options] --out DIR INPUT...\n"
    "Train an encoder on slices without labels: SimCLR, SwAV, MoCo v2 or BYOL.\n"
    "\n"
    "INPUT: files or folders, as for redux-reduce; also --input PATH. Formats: @FORMATS@\n"
    "Writes to DIR weights.safetensors (torchvision's names, and projection.*),\n"
    "checkpoint.safetensors, log.csv and run.json.\n"
    "\n"
    "  --out DIR            created if missing; refused if it holds a run already, except with\n"
    "  --resume             continue from its checkpoint (start if there is none, end at once if\n"
    "                       the run is complete), or\n"
    "  --overwrite          start again\n"
    "  --manifest FILE.csv  only the slices that it keeps; without INPUT, its own sources\n"
    "  --data FOLDER        where the manifest's files are now; nothing outside it is opened\n";

static const char help_tail[] =
    "Other\n"
    "  --on-error NAME      stop (default) at unusable input, or skip it\n" INPUT_HELP
    "  --json               the result as JSON on stdout\n"
    "  --threads N          0 (default): all processors; the weights do not depend on "
    "it\n" RANKS_HELP
    "                       Processes share out the parts of each batch (--part)\n"
    "  --quiet              errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, failure to write or a loss that diverged, 2 wrong "
    "usage,\n"
    "130 interrupted (a checkpoint is written; continue with --resume).\n"
    "\n"
    "Examples:\n"
    "  redux-pretrain --out run scans/\n"
    "  redux-reduce --manifest kept.csv scans/\n"
    "  redux-pretrain --manifest kept.csv --size 96 --epochs 200 --out run scans/\n"
    "  redux-pretrain --resume --manifest kept.csv --size 96 --epochs 200 --out run scans/\n"
    "  redux-pretrain --preset byol --epochs 100 --out run scans/\n"
    "  redux-pretrain --objective swav --prototypes 96 --optimiser adamw --rate 0.001 --fixed-rate "
    "1 \\\n"
    "      --out run scans/\n"
    "  redux-pretrain --arch resnet50 --batch 4096 --part 256 --optimiser lars --rate 0.3 \\\n"
    "      --weight-decay 1e-6 --window -160:240 --window-jitter 0.2 --out run scans/\n";

enum {
    OPTION_OUT = 256,
    OPTION_INPUT,
    OPTION_RESUME,
    OPTION_OVERWRITE,
    OPTION_MANIFEST,
    OPTION_DATA,
    OPTION_ON_ERROR,
    OPTION_JSON,
    OPTION_THREADS,
    OPTION_QUIET,
    FIRST_SETTING = 512
};

enum { MOST_OPTIONS = 96, MOST_INPUTS = 4096 };

typedef struct run_settings {
    pretrain_settings pretrain;
    const char *folder, *manifest;
    const char *inputs[MOST_INPUTS];
    int64_t input_count;
    int64_t threads;
    redux_dataset_options dataset;
    bool json, quiet;
} run_settings;

static int add_input(run_settings *s, const char *path)
{
    if (s->input_count == MOST_INPUTS)
        return usage_error("more than %d inputs: name their folder instead", MOST_INPUTS);
    s->inputs[s->input_count++] = path;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    run_settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    if (option >= FIRST_SETTING)
        return pretrain_setting(&s->pretrain, pretrain_setting_name(option - FIRST_SETTING), text);
    switch (option) {
    case OPTION_OUT:
        s->folder = text;
        return EXIT_OK;
    case OPTION_INPUT:
        return add_input(s, text);
    case OPTION_RESUME:
    case OPTION_OVERWRITE:
        program_overwrites = option == OPTION_OVERWRITE;
        s->pretrain.options.resume =
            option == OPTION_RESUME ? REDUX_RESUME_CONTINUE : REDUX_RESUME_OVERWRITE;
        return EXIT_OK;
    case OPTION_MANIFEST:
        s->manifest = text;
        return EXIT_OK;
    case OPTION_DATA:
        s->dataset.within = text;
        return EXIT_OK;
    case OPTION_ON_ERROR:
        s->dataset.skip_errors = strcmp(text, "skip") == 0;
        if (!s->dataset.skip_errors && strcmp(text, "stop") != 0)
            return usage_error("--on-error '%s': expected stop or skip", text);
        return EXIT_OK;
    case OPTION_THREADS:
        return set_threads(&s->threads, text);
    case OPTION_JSON:
        s->json = true;
        return EXIT_OK;
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

/* The program's own options, and one for each setting. */
static int parse(run_settings *s, int count, char **arguments, bool *done)
{
    static const struct option own[] = {
        {"out", required_argument, NULL, OPTION_OUT},
        {"input", required_argument, NULL, OPTION_INPUT},
        {"resume", no_argument, NULL, OPTION_RESUME},
        {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
        {"manifest", required_argument, NULL, OPTION_MANIFEST},
        INPUT_OPTIONS,
        {"data", required_argument, NULL, OPTION_DATA},
        {"on-error", required_argument, NULL, OPTION_ON_ERROR},
        {"json", no_argument, NULL, OPTION_JSON},
        {"threads", required_argument, NULL, OPTION_THREADS},
        RANKS_OPTION,
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
    };
    struct option options[MOST_OPTIONS] = {0};
    char help[sizeof help_head + 8192];
    int n = sizeof own / sizeof own[0];
    memcpy(options, own, sizeof own);
    for (int i = 0; pretrain_setting_name(i) != NULL && n < MOST_OPTIONS - 1; i++)
        options[n++] =
            (struct option){pretrain_setting_name(i), required_argument, NULL, FIRST_SETTING + i};
    snprintf(help, sizeof help, "%s%s%s", help_head, pretrain_settings_help, help_tail);
    const int code = parse_options(count, arguments, options, help, set_option, s, done);
    if (code != EXIT_OK || *done)
        return code;
    for (int i = optind; i < count; i++)
        if (add_input(s, arguments[i]) != EXIT_OK)
            return EXIT_USAGE;
    if (s->folder == NULL)
        return usage_error("no --out DIR");
    if (s->input_count == 0 && s->manifest == NULL)
        return usage_error("no input");
    return pretrain_settings_check(&s->pretrain);
}

/* Shows the loss beside the bar. */
static int on_step(const redux_pretrain_step *step, void *user)
{
    (void)user;
    progress_note("loss %.4f  %.0f images/s", step->loss, step->images_per_second);
    return 0;
}

static redux_status open_input(redux_dataset **dataset, redux_tensor *kept, redux_context *context,
                               const run_settings *s)
{
    redux_dataset_options options = s->dataset;
    redux_manifest *manifest = NULL;
    if (s->manifest == NULL)
        return redux_dataset_open(dataset, context, s->inputs, s->input_count, &options);
    TRY(redux_manifest_load(&manifest, context, s->manifest));
    redux_status status = input_of_manifest(&options, manifest);
    if (status == REDUX_OK && s->input_count == 0)
        status = redux_dataset_open_manifest(dataset, kept, context, manifest, &options);
    else if (status == REDUX_OK)
        status = redux_dataset_open(dataset, context, s->inputs, s->input_count, &options);
    if (status == REDUX_OK && s->input_count > 0)
        status = redux_manifest_get_kept(kept, context, manifest, *dataset);
    redux_manifest_free(manifest);
    return status;
}

static int report(const run_settings *s, const redux_pretrain_result *r)
{
    if (program_rank() > 0)
        return EXIT_OK;
    if (s->json)
        printf("{\"complete\": true, \"slices\": %lld, \"batch\": %lld, \"steps\": %lld, "
               "\"epochs\": %lld, \"first_loss\": %.9g, \"last_loss\": %.9g, \"seconds\": %.3f}\n",
               (long long)r->slices, (long long)r->batch, (long long)r->steps, (long long)r->epochs,
               r->first_loss, r->last_loss, r->seconds);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-pretrain: standard output");
        return EXIT_DATA;
    }
    if (s->quiet)
        return EXIT_OK;
    fprintf(stderr,
            "%s: %lld slices, %lld steps of %lld (%lld epochs) in %.1f s%s; loss %.4f, at "
            "last %.4f\n%s/weights.safetensors\n",
            program_name, (long long)r->slices, (long long)r->steps, (long long)r->batch,
            (long long)r->epochs, r->seconds,
            r->was_complete ? ", of an earlier call: nothing was left to do" : "", r->first_loss,
            r->last_loss, s->folder);
    return EXIT_OK;
}

static int run(run_settings *s, redux_context *context)
{
    redux_dataset *dataset = NULL;
    redux_tensor kept = REDUX_TENSOR_INIT;
    redux_pretrain_result result = {.struct_size = sizeof result};
    int code = EXIT_OK;
    progress_label("scanning");
    s->pretrain.options.report = on_step;
    s->pretrain.options.skip_errors = s->dataset.skip_errors;
    redux_status status = open_input(&dataset, &kept, context, s);
    if (status == REDUX_OK)
        status = redux_dataset_protect(dataset, context);
    if (status == REDUX_OK)
        status = protect_manifest(context, s->manifest);
    if (status == REDUX_OK && !s->quiet)
        report_input(dataset);
    if (status == REDUX_OK) {
        progress_label("training");
        status = pretrain_run(&result, context, s->folder, dataset, kept.data, &s->pretrain);
    }
    if (status != REDUX_OK) {
        code = data_error();
        if (status == REDUX_E_CANCELLED) /* this process, or another one */
            code = EXIT_INTERRUPTED;
    } else {
        progress_label(NULL);
        code = report(s, &result);
    }
    redux_tensor_release(&kept);
    redux_dataset_free(dataset);
    return code;
}

int main(int count, char **arguments)
{
    static run_settings s = {.dataset = REDUX_DATASET_OPTIONS_INIT};
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-pretrain", arguments);
    pretrain_settings_init(&s.pretrain);
    int code = parse(&s, count, arguments, &done);
    if (code == EXIT_OK && !done)
        code = begin_ranks(&s.quiet);
    if (code == EXIT_OK && !done) {
        code =
            new_context(&context, s.threads, s.quiet) == REDUX_OK ? run(&s, context) : data_error();
        redux_context_free(context);
    }
    return end_ranks(code);
}
