/* SPDX-License-Identifier: MIT
 * redux-reduce: which slices to keep, and why each other one goes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common.h"

static const char help[] =
    "Usage: redux-reduce [options] INPUT...\n"
    "Cut redundant slices from image datasets; write a manifest that says what became of each.\n"
    "\n"
    "INPUT: NIfTI volumes (.nii .nii.gz .hdr/.img), folders (searched recursively), pictures\n"
    "(PNG, JPEG; those of one folder are a volume), arrays (.npy, .npz, FILE.npz:KEY).\n"
    "\n"
    "What to keep\n"
    "  --strategy NAME      all, every-n, hash (default), ssim, mi, cosine, entropy\n"
    "  --threshold X        hash: a slice goes at this Hamming distance or less (default 6);\n"
    "                       ssim, mi, cosine: at this similarity or more (default %g, %g, %g);\n"
    "                       every-n: keep every X-th (default %g); entropy: a slice under X bits\n"
    "                       goes (default %g)\n"
    "  --keep N | P%%        a budget instead: exactly N slices, or P percent, of the whole input\n"
    "  --scope NAME         compare within each volume (default) or over the whole dataset\n"
    "  --order NAME         walk slices in anatomical (default) or lexicographic order\n"
    "How to compare\n"
    "  --window NAME        slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                       default: slice, and full for 8-bit pictures and arrays\n"
    "  --hash NAME          average, difference (default), dct\n"
    "  --profile NAME       paper-hash (default), imagehash\n"
    "  --bins N             histogram bins of mi and entropy, 2 to 256 (default 256)\n"
    "  --size N             side to which ssim and mi resize over a dataset (default 128)\n"
    "  --embeddings FILE    .npy with one row a slice for cosine; default: 16 x 16 pixels\n"
    "  --frame N            which frame of 4-D volumes\n"
    "What to write\n"
    "  --manifest FILE.csv  the manifest, and FILE.json beside it; default: CSV on stdout\n"
    "  --export DIR         the kept slices; --format png (default), npy or npz\n"
    "  --sheet FILE.png     a contact sheet: kept slices bright, dropped ones dimmed\n"
    "  --json               the summary as JSON on stdout, in place of the CSV\n"
    "  --on-error NAME      stop (default) at unusable input, or skip it\n"
    "  --threads N          0 (default): all processors\n"
    "  --quiet              errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data or failure to write, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-reduce --manifest kept.csv scans/\n"
    "  redux-reduce --strategy ssim --keep 10%% --manifest kept.csv --export kept/ scans/\n"
    "  redux-reduce --order lexicographic --strategy hash --threshold 6 scans/ > paper.csv\n"
    "  redux-reduce --strategy cosine --embeddings features.npy --scope dataset scans/*.nii.gz\n";

typedef struct settings {
    redux_reduce_options reduce;
    redux_dataset_options dataset;
    const char *manifest, *export_folder, *sheet, *embeddings;
    redux_export_format format;
    bool has_format, json, quiet;
    int64_t threads;
    char json_path[4200];
} settings;

enum {
    OPTION_STRATEGY = 256,
    OPTION_THRESHOLD,
    OPTION_KEEP,
    OPTION_SCOPE,
    OPTION_ORDER,
    OPTION_WINDOW,
    OPTION_HASH,
    OPTION_PROFILE,
    OPTION_BINS,
    OPTION_SIZE,
    OPTION_EMBEDDINGS,
    OPTION_FRAME,
    OPTION_MANIFEST,
    OPTION_EXPORT,
    OPTION_FORMAT,
    OPTION_SHEET,
    OPTION_JSON,
    OPTION_ON_ERROR,
    OPTION_THREADS,
    OPTION_QUIET
};

static const struct option long_options[] = {
    {"strategy", required_argument, NULL, OPTION_STRATEGY},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"keep", required_argument, NULL, OPTION_KEEP},
    {"scope", required_argument, NULL, OPTION_SCOPE},
    {"order", required_argument, NULL, OPTION_ORDER},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"hash", required_argument, NULL, OPTION_HASH},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"bins", required_argument, NULL, OPTION_BINS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"embeddings", required_argument, NULL, OPTION_EMBEDDINGS},
    {"frame", required_argument, NULL, OPTION_FRAME},
    {"manifest", required_argument, NULL, OPTION_MANIFEST},
    {"export", required_argument, NULL, OPTION_EXPORT},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"sheet", required_argument, NULL, OPTION_SHEET},
    {"json", no_argument, NULL, OPTION_JSON},
    {"on-error", required_argument, NULL, OPTION_ON_ERROR},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* The index of `text` among `names` (ended by NULL), or -1. */
static int choose(const char *text, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

/* "500" or "10%". */
static bool parse_keep(redux_reduce_options *options, const char *text)
{
    char number[64];
    const size_t length = strlen(text);
    options->keep_count = 0;
    options->keep_percent = (double)NAN;
    if (length > 0 && length < sizeof number && text[length - 1] == '%') {
        memcpy(number, text, length - 1);
        number[length - 1] = '\0';
        return parse_number(&options->keep_percent, number) && options->keep_percent > 0 &&
               options->keep_percent <= 100;
    }
    return parse_integer(&options->keep_count, text, 1, INT64_MAX);
}

static int wrong_value(const char *option, const char *text, const char *wanted)
{
    return usage_error("--%s '%s': %s", option, text, wanted);
}

/* How slices are compared. */
static int set_metric_option(settings *s, int option, const char *text)
{
    int64_t number;
    switch (option) {
    case OPTION_WINDOW:
        return set_window(&s->reduce.window, text);
    case OPTION_HASH:
        if (redux_hash_parse(&s->reduce.hash, text) != REDUX_OK)
            return usage_error("--hash: %s", redux_error_message());
        return EXIT_OK;
    case OPTION_PROFILE:
        if (redux_hash_profile_parse(&s->reduce.profile, text) != REDUX_OK)
            return usage_error("--profile: %s", redux_error_message());
        return EXIT_OK;
    case OPTION_BINS:
        if (!parse_integer(&number, text, 2, 256))
            return wrong_value("bins", text, "a whole number, 2 to 256");
        s->reduce.bins = (int32_t)number;
        return EXIT_OK;
    case OPTION_SIZE:
        if (!parse_integer(&number, text, 1, 4096))
            return wrong_value("size", text, "a whole number, 1 to 4096");
        s->reduce.size = (int32_t)number;
        return EXIT_OK;
    case OPTION_EMBEDDINGS:
        s->embeddings = text;
        return EXIT_OK;
    default:
        if (!parse_integer(&number, text, 0, INT32_MAX))
            return wrong_value("frame", text, "a whole number from 0 on");
        s->dataset.frame = (int32_t)number;
        return EXIT_OK;
    }
}

/* Which slices are kept. */
static int set_choice_option(settings *s, int option, const char *text)
{
    static const char *const scopes[] = {"volume", "dataset", NULL};
    static const char *const orders[] = {"anatomical", "lexicographic", NULL};
    int choice;
    switch (option) {
    case OPTION_STRATEGY:
        if (redux_strategy_parse(&s->reduce.strategy, text) != REDUX_OK)
            return usage_error("--strategy: %s", redux_error_message());
        return EXIT_OK;
    case OPTION_THRESHOLD:
        if (!parse_number(&s->reduce.threshold, text))
            return wrong_value("threshold", text, "not a number");
        return EXIT_OK;
    case OPTION_KEEP:
        if (!parse_keep(&s->reduce, text))
            return wrong_value("keep", text, "a number of slices from 1 on, or a percentage");
        return EXIT_OK;
    case OPTION_SCOPE:
        if ((choice = choose(text, scopes)) < 0)
            return wrong_value("scope", text, "volume or dataset");
        s->reduce.scope = (redux_scope)choice;
        return EXIT_OK;
    default:
        if ((choice = choose(text, orders)) < 0)
            return wrong_value("order", text, "anatomical or lexicographic");
        s->reduce.order = (redux_order)choice;
        return EXIT_OK;
    }
}

/* What is written, and how the program runs. */
static int set_output_option(settings *s, int option, const char *text)
{
    static const char *const formats[] = {"png", "npy", "npz", NULL};
    static const char *const reactions[] = {"stop", "skip", NULL};
    int choice;
    switch (option) {
    case OPTION_MANIFEST:
        s->manifest = text;
        return EXIT_OK;
    case OPTION_EXPORT:
        s->export_folder = text;
        return EXIT_OK;
    case OPTION_SHEET:
        s->sheet = text;
        return EXIT_OK;
    case OPTION_FORMAT:
        if ((choice = choose(text, formats)) < 0)
            return wrong_value("format", text, "png, npy or npz");
        s->format = (redux_export_format)choice;
        s->has_format = true;
        return EXIT_OK;
    case OPTION_ON_ERROR:
        if ((choice = choose(text, reactions)) < 0)
            return wrong_value("on-error", text, "stop or skip");
        s->dataset.skip_errors = s->reduce.skip_errors = choice;
        return EXIT_OK;
    case OPTION_JSON:
        s->json = true;
        return EXIT_OK;
    case OPTION_QUIET:
        s->quiet = true;
        return EXIT_OK;
    default:
        return set_threads(&s->threads, text);
    }
}

/* FILE.csv -> FILE.json; a name without ".csv" gets ".json" added. */
static int settle_json_path(settings *s)
{
    size_t length = strlen(s->manifest);
    if (length == 0 || length + 6 > sizeof s->json_path)
        return wrong_value("manifest", s->manifest, "no usable file name");
    if (length > 4 && strcmp(s->manifest + length - 4, ".csv") == 0)
        length -= 4;
    snprintf(s->json_path, sizeof s->json_path, "%.*s.json", (int)length, s->manifest);
    return EXIT_OK;
}

static int check_settings(settings *s)
{
    const redux_tensor not_read_yet = REDUX_TENSOR_INIT;
    redux_reduce_options probe = s->reduce;
    if (s->embeddings != NULL)
        probe.embeddings = &not_read_yet;
    if (redux_reduce_check(&probe) != REDUX_OK)
        return usage_error("%s", redux_error_message());
    if (s->has_format && s->export_folder == NULL)
        return usage_error("--format goes with --export");
    if (s->reduce.strategy == REDUX_STRATEGY_HASH && s->reduce.profile == REDUX_PROFILE_PAPER_HASH)
        s->dataset.orientation = REDUX_ORIENTATION_STORED;
    return s->manifest == NULL ? EXIT_OK : settle_json_path(s);
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    if (option <= OPTION_ORDER)
        return set_choice_option(s, option, text);
    if (option <= OPTION_FRAME)
        return set_metric_option(s, option, text);
    return set_output_option(s, option, text);
}

/* Sets *done when there is nothing more to do (--help, --version). */
static int parse_arguments(settings *s, int count, char **arguments, bool *done)
{
    char help_text[sizeof help + 100];
    snprintf(help_text, sizeof help_text, help, REDUX_DEFAULT_SSIM, REDUX_DEFAULT_MI,
             REDUX_DEFAULT_COSINE, REDUX_DEFAULT_EVERY_N, REDUX_DEFAULT_ENTROPY);
    const int code = parse_options(count, arguments, long_options, help_text, set_option, s, done);
    if (code != EXIT_OK || *done)
        return code;
    if (optind == count)
        return usage_error("no input");
    return check_settings(s);
}

/* What only the opened dataset tells: a budget below one slice a volume is wrong usage. */
static int check_budget(const settings *s, const redux_dataset *dataset)
{
    const int64_t slices = redux_dataset_slices(dataset), volumes = redux_dataset_volumes(dataset);
    const int64_t least = s->reduce.scope == REDUX_SCOPE_VOLUME ? volumes : 1;
    int64_t budget = s->reduce.keep_count;
    if (!isnan(s->reduce.keep_percent))
        budget = (int64_t)floor(s->reduce.keep_percent * (double)slices / 100 + 0.5);
    else if (budget == 0)
        return EXIT_OK;
    if (budget < least)
        return usage_error("--keep: %lld of %lld slices is less than one for each of %lld volumes",
                           (long long)budget, (long long)slices, (long long)least);
    return EXIT_OK;
}

static int write_stdout(const char *text, size_t length, void *user)
{
    (void)user;
    return fwrite(text, 1, length, stdout) == length ? 0 : 1;
}

static int finish_stdout(redux_status status)
{
    if (status != REDUX_OK && !ferror(stdout))
        return data_error();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("redux-reduce: standard output");
        return EXIT_DATA;
    }
    return EXIT_OK;
}

static int write_results(const settings *s, redux_context *context,
                         const redux_reduction *reduction, double seconds)
{
    progress_label("writing");
    if (s->export_folder != NULL &&
        redux_export(s->export_folder, context, reduction, s->format) != REDUX_OK)
        return data_error();
    if (s->sheet != NULL && redux_contact_sheet(s->sheet, context, reduction, 12, 40) != REDUX_OK)
        return data_error();
    progress_label(NULL);
    if (s->manifest != NULL &&
        redux_results_save(s->manifest, s->json_path, context, reduction, seconds) != REDUX_OK)
        return data_error();
    if (s->json)
        return finish_stdout(redux_summary_write(context, reduction, seconds, write_stdout, NULL));
    if (s->manifest == NULL)
        return finish_stdout(redux_manifest_write(context, reduction, write_stdout, NULL));
    return EXIT_OK;
}

static void report(const settings *s, const redux_dataset *dataset,
                   const redux_reduction *reduction, double seconds)
{
    redux_reduce_summary summary = {.struct_size = sizeof summary};
    if (s->quiet || redux_reduction_summary(&summary, reduction) != REDUX_OK)
        return;
    for (int64_t i = 0; i < redux_dataset_skipped(dataset); i++)
        fprintf(stderr, "%s: skipped: %s\n", program_name,
                redux_dataset_skipped_reason(dataset, i));
    for (int64_t i = 0; i < redux_reduction_skipped(reduction); i++)
        fprintf(stderr, "%s: skipped: %s\n", program_name,
                redux_reduction_skipped_reason(reduction, i));
    fprintf(stderr, "%s: kept %lld of %lld slices (%.1f%%) of %lld volumes in %.2f s\n",
            redux_strategy_name(s->reduce.strategy), (long long)summary.kept,
            (long long)summary.slices,
            100 * (double)summary.kept / (double)(summary.slices > 0 ? summary.slices : 1),
            (long long)summary.volumes, seconds);
}

static int reduce(settings *s, redux_context *context, const redux_dataset *dataset)
{
    const double start = seconds_now();
    redux_tensor embeddings = REDUX_TENSOR_INIT;
    redux_reduction *reduction = NULL;
    int code = check_budget(s, dataset);
    if (code != EXIT_OK)
        return code;
    if (s->embeddings != NULL) {
        if (redux_npy_read(&embeddings, context, s->embeddings) != REDUX_OK)
            return data_error();
        s->reduce.embeddings = &embeddings;
    }
    progress_label(redux_strategy_name(s->reduce.strategy));
    if (redux_reduce(&reduction, context, dataset, &s->reduce) != REDUX_OK) {
        code = data_error();
    } else {
        const double seconds = seconds_now() - start;
        code = write_results(s, context, reduction, seconds);
        if (code == EXIT_OK)
            report(s, dataset, reduction, seconds);
    }
    redux_reduction_free(reduction, context);
    redux_tensor_release(&embeddings);
    s->reduce.embeddings = NULL;
    return code;
}

int main(int count, char **arguments)
{
    settings s = {.reduce = REDUX_REDUCE_OPTIONS_INIT, .dataset = REDUX_DATASET_OPTIONS_INIT};
    redux_context *context = NULL;
    redux_dataset *dataset = NULL;
    bool done = false;
    program_start("redux-reduce", arguments);
    int code = parse_arguments(&s, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    progress_label("scanning");
    if (redux_dataset_open(&dataset, context, (const char *const *)(arguments + optind),
                           count - optind, &s.dataset) != REDUX_OK)
        code = data_error();
    else
        code = reduce(&s, context, dataset);
    redux_dataset_free(dataset);
    redux_context_free(context);
    return code;
}
