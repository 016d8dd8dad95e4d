/* SPDX-License-Identifier: MIT
 * The options of redux-reduce. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "input.h"
#include "ranks.h"
#include "reduce_settings.h"

/* Three texts, because compilers need not accept longer ones. */
static const char help_choices[] =
    "Usage: redux-reduce [options] INPUT...\n"
    "Cut redundant slices from image datasets. A manifest lists each slice, kept or dropped.\n"
    "\n"
    "INPUT: files, or folders that are searched recursively. The DICOM files of a series and the\n"
    "pictures of a folder are one volume each; FILE.npz:KEY is one array of an archive. Formats:\n"
    "@FORMATS@\n"
    "\n"
    "What to keep\n"
    "  --strategy NAME      hash (default), ssim, mi, cosine, ms-ssim, mattes, phase-correlation,\n"
    "                       information-gain, semdedup, entropy, every-n, all; with --keep only:\n"
    "                       hierarchical, density\n"
    "  --threshold X        hash: drop a slice at this Hamming distance or less (default 6 of 64\n"
    "                       bits, 31 of pdq's 256);\n"
    "                       ssim, mi, cosine, ms-ssim, mattes, phase-correlation, semdedup: at\n"
    "                       this similarity or more (default %g, %g, %g, %g, %g, %g, %g);\n"
    "                       information-gain: if it adds X bits or less (default %g);\n"
    "                       entropy: drop a slice under X bits (default %g);\n"
    "                       every-n: keep every X-th (default %g);\n"
    "                       density, beside --keep: near-duplicates, as cosine (default %g)\n"
    "  --keep N | P%%        a budget instead: exactly N slices, or P percent, of the whole input\n"
    "  --each NAME          group: the budget is for each group of the scope instead, which then\n"
    "                       has its own threshold\n"
    "  --false-drops P%%     a calibrated threshold instead: the loosest one at which at most P\n"
    "                       percent of pairs from different volumes would be called redundant\n"
    "  --calibrate          report how many such pairs the threshold would call redundant\n"
    "  --rule NAME          which slice of a group to keep: first (default), medoid, k-centre,\n"
    "                       complete-link (all pairs of a group are redundant)\n"
    "  --then NAME[:X]      two stages: --strategy proposes pairs; hash, ssim, mi, cosine, "
    "ms-ssim,\n"
    "                       mattes or phase-correlation decides on them, at threshold X\n"
    "  --against PATH       also drop what PATH holds already: the kept slices of a manifest\n"
    "                       (.csv), or all slices of a folder or file\n"
    "  --update FILE.csv    continue an earlier result: its rows come first, its volumes are not\n"
    "                       read again, and its parameters apply\n"
    "  --scope NAME         compare the slices of a group (default), volume or dataset with each\n"
    "                       other; each volume is a group, unless --group-by says otherwise\n"
    "  --order NAME         walk slices in anatomical (default), lexicographic or running order\n";

static const char help_rest[] =
    "How to compare\n"
    "  --window NAME        slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                       default: slice, and full for 8-bit pictures and arrays\n"
    "  --hash NAME          difference (default), or any that redux-hash --help names\n"
    "  --profile NAME       paper-hash (default; with a window of HU: imagehash), or any other of\n"
    "                       redux-hash\n"
    "  --hash-size N        side of the hash, where its profile has a choice\n"
    "  --bins N             histogram bins of mi and entropies, 2 to 256 (default 256)\n"
    "  --size N             side to which images are resized over a dataset, with --against and\n"
    "                       for calibration (default 128)\n"
    "  --embeddings FILE    .npy with one row a slice for cosine, semdedup, hierarchical and\n"
    "                       density; default: 16 x 16 pixels; --against-embeddings FILE: the same\n"
    "                       for the other set\n"
    "  --encoder FILE       weights of a ResNet that makes the embeddings, as redux-embed reads\n"
    "                       them (.safetensors, .pt, .pth, .ckpt), also those of\n"
    "                       --against; window and size are the file's, unless --window is given\n"
    "  --clusters N         of semdedup, hierarchical, density (default: one for every 1,000, 10\n"
    "                       and 100 slices)\n"
    "  --levels N           of hierarchical's tree (default 2)\n"
    "  --leaves NAME        of hierarchical, in a cluster: random (default) or nearest to its "
    "centre\n"
    "  --temperature X      of density: larger values share the budget out more evenly (default "
    "%g)\n"
    "  --seed N             of clusters and the calibration's sample (default 0)\n" INPUT_HELP;

static const char help_output[] =
    "What to write\n"
    "  --manifest FILE.csv  the manifest, and FILE.json beside it; over a dataset also\n"
    "                       FILE.exemplars, which --update needs; default: CSV on stdout\n"
    "  --export DIR         the kept slices; --format NAME: png (default), npy or npz\n"
    "  --sheet FILE.png     a contact sheet: slices by volume, kept ones framed\n"
    "  --shard I/N          do only part I of N, and write it to FILE.I-of-N.part instead of\n"
    "                       FILE.csv: redux-merge makes the whole of all parts\n"
    "  --resume             leave a part that is complete as it is\n" RANKS_HELP
    "  --overwrite          replace files of other kinds, and an earlier export; inputs never are\n"
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
    "  redux-reduce --strategy ssim --keep 10% --manifest kept.csv --export kept/ scans/\n"
    "  redux-reduce --order lexicographic --strategy hash --threshold 6 scans/ > paper.csv\n"
    "  redux-reduce --strategy cosine --embeddings features.npy --scope dataset scans/*.nii.gz\n"
    "  redux-reduce --strategy cosine --encoder weights.safetensors --manifest kept.csv scans/\n"
    "  redux-reduce --strategy hierarchical --keep 10% --scope dataset --encoder w.pt scans/\n"
    "  redux-reduce --threshold 10 --then ssim:0.8 --manifest kept.csv scans/\n"
    "  redux-reduce --against train.csv --false-drops 0.1% --manifest test.csv test-scans/\n"
    "  redux-reduce --update kept.csv --manifest kept.csv new-scans/\n"
    "  redux-reduce --shard 3/50 --resume --strategy ssim --manifest parts/kept.csv scans/\n";

enum {
    OPTION_STRATEGY = 256,
    OPTION_THRESHOLD,
    OPTION_KEEP,
    OPTION_FALSE_DROPS,
    OPTION_EACH,
    OPTION_RULE,
    OPTION_THEN,
    OPTION_SCOPE,
    OPTION_ORDER,
    OPTION_WINDOW,
    OPTION_HASH,
    OPTION_PROFILE,
    OPTION_HASH_SIZE,
    OPTION_BINS,
    OPTION_SIZE,
    OPTION_CLUSTERS,
    OPTION_LEVELS,
    OPTION_LEAVES,
    OPTION_TEMPERATURE,
    OPTION_SEED,
    OPTION_EMBEDDINGS,
    OPTION_AGAINST_EMBEDDINGS,
    OPTION_ENCODER,
    OPTION_AGAINST,
    OPTION_UPDATE,
    OPTION_CALIBRATE,
    OPTION_MANIFEST,
    OPTION_EXPORT,
    OPTION_FORMAT,
    OPTION_SHEET,
    OPTION_JSON,
    OPTION_SHARD,
    OPTION_RESUME,
    OPTION_ON_ERROR,
    OPTION_THREADS,
    OPTION_QUIET
};

static const struct option long_options[] = {
    {"strategy", required_argument, NULL, OPTION_STRATEGY},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"keep", required_argument, NULL, OPTION_KEEP},
    {"false-drops", required_argument, NULL, OPTION_FALSE_DROPS},
    {"each", required_argument, NULL, OPTION_EACH},
    {"rule", required_argument, NULL, OPTION_RULE},
    {"then", required_argument, NULL, OPTION_THEN},
    {"scope", required_argument, NULL, OPTION_SCOPE},
    {"order", required_argument, NULL, OPTION_ORDER},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"hash", required_argument, NULL, OPTION_HASH},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"hash-size", required_argument, NULL, OPTION_HASH_SIZE},
    {"bins", required_argument, NULL, OPTION_BINS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"clusters", required_argument, NULL, OPTION_CLUSTERS},
    {"levels", required_argument, NULL, OPTION_LEVELS},
    {"leaves", required_argument, NULL, OPTION_LEAVES},
    {"temperature", required_argument, NULL, OPTION_TEMPERATURE},
    {"seed", required_argument, NULL, OPTION_SEED},
    INPUT_OPTIONS,
    {"embeddings", required_argument, NULL, OPTION_EMBEDDINGS},
    {"against-embeddings", required_argument, NULL, OPTION_AGAINST_EMBEDDINGS},
    {"encoder", required_argument, NULL, OPTION_ENCODER},
    {"against", required_argument, NULL, OPTION_AGAINST},
    {"update", required_argument, NULL, OPTION_UPDATE},
    {"calibrate", no_argument, NULL, OPTION_CALIBRATE},
    {"manifest", required_argument, NULL, OPTION_MANIFEST},
    {"export", required_argument, NULL, OPTION_EXPORT},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"sheet", required_argument, NULL, OPTION_SHEET},
    {"json", no_argument, NULL, OPTION_JSON},
    {"shard", required_argument, NULL, OPTION_SHARD},
    RANKS_OPTION,
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"overwrite", no_argument, NULL, 'O'},
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

/* "1%" or "0.01": a share, 0 to 1. */
static bool parse_share(double *share, const char *text)
{
    char number[64];
    const size_t length = strlen(text);
    const bool percent = length > 0 && length < sizeof number && text[length - 1] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(length - percent), text);
    if (length >= sizeof number || !parse_number(share, number))
        return false;
    *share /= percent ? 100 : 1;
    return *share >= 0 && *share <= 1;
}

/* NAME or NAME:X. */
static int set_then(redux_reduce_options *options, const char *text)
{
    char name[64];
    const char *colon = strchr(text, ':');
    const size_t length = colon == NULL ? strlen(text) : (size_t)(colon - text);
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1),
             text);
    options->then_threshold = (double)NAN;
    if (redux_strategy_parse(&options->then, name) != REDUX_OK)
        return usage_error("--then: %s", redux_error_message());
    if (options->then == REDUX_STRATEGY_ALL)
        return usage_error("--then '%s': strategy all compares nothing", text);
    if (colon != NULL && !parse_number(&options->then_threshold, colon + 1))
        return usage_error("--then '%s': expected a number after the colon", text);
    return EXIT_OK;
}

static int wrong_value(const char *option, const char *text, const char *wanted)
{
    return usage_error("--%s '%s': %s", option, text, wanted);
}

/* How slices are compared. */
static int set_metric_option(reduce_settings *s, int option, const char *text)
{
    int64_t number;
    switch (option) {
    case OPTION_WINDOW:
        return set_window(&s->reduce.window, text);
    case OPTION_HASH:
        if (redux_hash_parse(&s->reduce.hash, text) != REDUX_OK)
            return usage_error("--hash: %s", redux_error_message());
        s->has_hash = true;
        return EXIT_OK;
    case OPTION_PROFILE:
        if (redux_hash_profile_parse(&s->reduce.profile, text) != REDUX_OK)
            return usage_error("--profile: %s", redux_error_message());
        s->has_profile = true;
        return EXIT_OK;
    case OPTION_HASH_SIZE:
        if (!parse_integer(&number, text, 1, 1024))
            return wrong_value("hash-size", text, "expected a whole number, 1 to 1024");
        s->reduce.hash_size = (int32_t)number;
        return EXIT_OK;
    case OPTION_BINS:
        if (!parse_integer(&number, text, 2, 256))
            return wrong_value("bins", text, "expected a whole number, 2 to 256");
        s->reduce.bins = (int32_t)number;
        return EXIT_OK;
    default:
        if (!parse_integer(&number, text, 1, 4096))
            return wrong_value("size", text, "expected a whole number, 1 to 4096");
        s->reduce.size = (int32_t)number;
        return EXIT_OK;
    }
}

/* Strategies that cluster. */
static int set_cluster_option(reduce_settings *s, int option, const char *text)
{
    static const char *const leaves[] = {"random", "nearest", NULL};
    int64_t number;
    switch (option) {
    case OPTION_CLUSTERS:
        if (!parse_integer(&number, text, 1, INT32_MAX))
            return wrong_value("clusters", text, "expected a whole number, 1 or more");
        s->reduce.clusters = (int32_t)number;
        return EXIT_OK;
    case OPTION_LEVELS:
        if (!parse_integer(&number, text, 1, 8))
            return wrong_value("levels", text, "expected a whole number, 1 to 8");
        s->reduce.levels = (int32_t)number;
        return EXIT_OK;
    case OPTION_LEAVES:
        if ((s->reduce.nearest = choose(text, leaves)) < 0)
            return wrong_value("leaves", text, "expected random or nearest");
        return EXIT_OK;
    case OPTION_TEMPERATURE:
        if (!parse_number(&s->reduce.temperature, text) || !(s->reduce.temperature > 0))
            return wrong_value("temperature", text, "expected a number above 0");
        return EXIT_OK;
    default:
        if (!parse_integer(&number, text, 0, INT64_MAX))
            return wrong_value("seed", text, "expected a whole number, 0 or more");
        s->reduce.seed = (uint64_t)number;
        return EXIT_OK;
    }
}

/* Other files to read, besides the input. */
static int set_other_option(reduce_settings *s, int option, const char *text)
{
    switch (option) {
    case OPTION_EMBEDDINGS:
        s->embeddings = text;
        return EXIT_OK;
    case OPTION_AGAINST_EMBEDDINGS:
        s->against_embeddings = text;
        return EXIT_OK;
    case OPTION_ENCODER:
        s->encoder = text;
        return EXIT_OK;
    case OPTION_AGAINST:
        s->against = text;
        return EXIT_OK;
    case OPTION_UPDATE:
        s->update = text;
        return EXIT_OK;
    default:
        s->reduce.calibrate = 1;
        return EXIT_OK;
    }
}

/* Which slices are kept. */
static int set_choice_option(reduce_settings *s, int option, const char *text)
{
    switch (option) {
    case OPTION_STRATEGY:
        if (redux_strategy_parse(&s->reduce.strategy, text) != REDUX_OK)
            return usage_error("--strategy: %s", redux_error_message());
        return EXIT_OK;
    case OPTION_THRESHOLD:
        if (!parse_number(&s->reduce.threshold, text))
            return wrong_value("threshold", text, "expected a number");
        return EXIT_OK;
    case OPTION_KEEP:
        if (!parse_keep(&s->reduce, text))
            return wrong_value("keep", text,
                               "expected a number of slices, 1 or more, or a percentage");
        return EXIT_OK;
    case OPTION_FALSE_DROPS:
        if (!parse_share(&s->reduce.false_drops, text))
            return wrong_value("false-drops", text, "expected a percentage, 0% to 100%");
        return EXIT_OK;
    case OPTION_RULE:
        if (redux_rule_parse(&s->reduce.rule, text) != REDUX_OK)
            return usage_error("--rule: %s", redux_error_message());
        return EXIT_OK;
    case OPTION_THEN:
        return set_then(&s->reduce, text);
    case OPTION_SCOPE:
        if (redux_scope_parse(&s->reduce.scope, text) != REDUX_OK)
            return usage_error("--scope: %s", redux_error_message());
        return EXIT_OK;
    case OPTION_EACH:
        if (strcmp(text, "group") != 0)
            return wrong_value("each", text, "expected group");
        s->reduce.each_group = 1;
        return EXIT_OK;
    default:
        if (redux_order_parse(&s->reduce.order, text) != REDUX_OK)
            return usage_error("--order: %s", redux_error_message());
        return EXIT_OK;
    }
}

/* What is written, and how the program runs. */
static int set_output_option(reduce_settings *s, int option, const char *text)
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
            return wrong_value("format", text, "expected png, npy or npz");
        s->format = (redux_export_format)choice;
        s->has_format = true;
        return EXIT_OK;
    case OPTION_ON_ERROR:
        if ((choice = choose(text, reactions)) < 0)
            return wrong_value("on-error", text, "expected stop or skip");
        s->dataset.skip_errors = s->reduce.skip_errors = choice;
        return EXIT_OK;
    case OPTION_JSON:
        s->json = true;
        return EXIT_OK;
    case OPTION_SHARD:
        return set_shard(&s->shard, text);
    case OPTION_RESUME:
        s->shard.resumes = true;
        return EXIT_OK;
    case OPTION_QUIET:
        s->quiet = true;
        return EXIT_OK;
    default:
        return set_threads(&s->threads, text);
    }
}

/* FILE.csv -> FILE.json; a name without ".csv" gets ".json" added. */
int settle_json_path(reduce_settings *s)
{
    size_t length = strlen(s->manifest);
    if (length == 0 || length + 6 > sizeof s->json_path)
        return wrong_value("manifest", s->manifest, "not a usable file name");
    if (length > 4 && strcmp(s->manifest + length - 4, ".csv") == 0)
        length -= 4;
    snprintf(s->json_path, sizeof s->json_path, "%.*s.json", (int)length, s->manifest);
    return EXIT_OK;
}

static int check_shard_settings(const reduce_settings *s, const redux_reduce_options *probe)
{
    const int code = check_shard(&s->shard);
    if (code != EXIT_OK || !s->shard.given)
        return code;
    if (s->manifest == NULL)
        return usage_error("--shard writes a file for each part: name it by --manifest");
    if (s->export_folder != NULL || s->sheet != NULL || s->json)
        return usage_error("--export, --sheet and --json need the whole result: give them to "
                           "redux-merge");
    if (redux_part_check(&s->shard.part, probe) != REDUX_OK)
        return usage_error("--shard: %s", redux_error_message());
    return EXIT_OK;
}

static int check_settings(reduce_settings *s)
{
    const redux_tensor not_read_yet = REDUX_TENSOR_INIT;
    if (s->encoder != NULL && (s->embeddings != NULL || s->against_embeddings != NULL))
        return usage_error("--encoder makes the embeddings: omit --embeddings");
    if (s->encoder == NULL) /* else the one of --update applies, once the file has been read */
        s->reduce.encoder = NULL;
    if (!s->has_profile && s->has_hash)
        s->reduce.profile = redux_hash_default_profile(s->reduce.hash);
    else if (!s->has_hash && s->has_profile)
        s->reduce.hash = redux_hash_profile_default_hash(s->reduce.profile);
    if (!s->has_profile && s->update == NULL && s->reduce.window.kind == REDUX_WINDOW_RANGE &&
        s->reduce.profile == REDUX_PROFILE_PAPER_HASH) /* the paper's script has no windows */
        s->reduce.profile = REDUX_PROFILE_IMAGEHASH;
    redux_reduce_options probe = s->reduce;
    if (s->embeddings != NULL || s->encoder != NULL)
        probe.embeddings = &not_read_yet;
    if (s->against != NULL) /* only its presence matters here */
        probe.against = (const void *)&not_read_yet;
    if (s->against_embeddings != NULL || (s->against != NULL && s->encoder != NULL))
        probe.against_embeddings = &not_read_yet;
    if (redux_reduce_check(&probe) != REDUX_OK)
        return usage_error("%s", redux_error_message());
    if (s->has_format && s->export_folder == NULL)
        return usage_error("--format needs --export");
    const int code = check_shard_settings(s, &probe);
    if (code != EXIT_OK)
        return code;
    s->reduce.keep_exemplars = s->manifest != NULL;
    if ((s->reduce.strategy == REDUX_STRATEGY_HASH || s->reduce.then == REDUX_STRATEGY_HASH) &&
        s->reduce.profile == REDUX_PROFILE_PAPER_HASH)
        s->dataset.orientation = REDUX_ORIENTATION_STORED;
    return s->manifest == NULL ? EXIT_OK : settle_json_path(s);
}

static int set_option(void *user, int option, const char *text)
{
    reduce_settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    if (option <= OPTION_ORDER)
        return set_choice_option(s, option, text);
    if (option <= OPTION_SIZE)
        return set_metric_option(s, option, text);
    if (option <= OPTION_SEED)
        return set_cluster_option(s, option, text);
    if (option <= OPTION_CALIBRATE)
        return set_other_option(s, option, text);
    return set_output_option(s, option, text);
}

/* Parses the parameters of the earlier result, then the command line again over them.
 * redux_reduce_check finds differences. */
static int settle_update(reduce_settings *s, int count, char **arguments)
{
    bool done = false;
    if (redux_manifest_load(&s->earlier, NULL, s->update) != REDUX_OK)
        return data_error();
    if (redux_manifest_get_options(&s->reduce, s->earlier) != REDUX_OK)
        return data_error();
    optind = 0; /* glibc: from the beginning */
    s->reduce.update = s->earlier;
    if (redux_manifest_get_dataset_options(&s->dataset, s->earlier) != REDUX_OK)
        return data_error();
    s->dataset.exclude = redux_manifest_sources(s->earlier, &s->dataset.exclude_count);
    return parse_options(count, arguments, long_options, "", set_option, s, &done);
}

int parse_reduce_settings(reduce_settings *s, int count, char **arguments, bool *done)
{
    char help_text[sizeof help_choices + sizeof help_rest + sizeof help_output + 100];
    const int length = snprintf(help_text, sizeof help_text, help_choices, REDUX_DEFAULT_SSIM,
                                REDUX_DEFAULT_MI, REDUX_DEFAULT_COSINE, REDUX_DEFAULT_MS_SSIM,
                                REDUX_DEFAULT_MATTES, REDUX_DEFAULT_PHASE_CORRELATION,
                                REDUX_DEFAULT_COSINE, REDUX_DEFAULT_INFORMATION_GAIN,
                                REDUX_DEFAULT_ENTROPY, REDUX_DEFAULT_EVERY_N, REDUX_DEFAULT_COSINE);
    const int rest = snprintf(help_text + length, sizeof help_text - (size_t)length, help_rest,
                              REDUX_DEFAULT_TEMPERATURE);
    snprintf(help_text + length + rest, sizeof help_text - (size_t)(length + rest), "%s",
             help_output);
    int code = parse_options(count, arguments, long_options, help_text, set_option, s, done);
    if (code != EXIT_OK || *done)
        return code;
    if (optind == count)
        return usage_error("no input");
    if (s->update != NULL)
        code = settle_update(s, count, arguments);
    return code != EXIT_OK ? code : check_settings(s);
}
