/* SPDX-License-Identifier: MIT
 * redux-hash: perceptual hashes of slices and pictures, one line each. */
#include <stdio.h>
#include <string.h>
#include "common/input.h"
#include "pairs.h"
#include "volume.h"

static const char help[] =
    "Usage: redux-hash [options] INPUT...\n"
    "       redux-hash --decode FILE [--format F] [--quality] [--out FILE] [--pairs N]\n"
    "       redux-hash --volume [--help | options] INPUT...\n"
    "Print a perceptual hash of every slice: SOURCE<TAB>SLICE<TAB>HEX, one line a slice, after a\n"
    "line with the form's version and the options (backslash, tab and line ends in names: \\\\, "
    "\\t,\n"
    "\\n, \\r).\n"
    "\n"
    "INPUT: files or folders, as for redux-reduce. Formats: @FORMATS@\n"
    "\n"
    "  --hash NAME      average, difference (default), difference-vertical, dct, dct-simple,\n"
    "                   wavelet, colour, pdq, blockhash, block-mean-0, block-mean-1,\n"
    "                   marr-hildreth, radial-variance\n"
    "  --profile NAME   the library to match bit for bit; default: implied by the hash, else\n"
    "                   paper-hash: slices as stored, like the paper's script\n"
    "                   imagehash: axial slices, like Python's imagehash on pictures\n"
    "                   (default with a window of HU)\n"
    "                   imagededup, pdq, blockhash, opencv: like those, pictures in colour\n"
    "                   hu: from HU directly under --window, without 8-bit grey values\n"
    "  --size N         size of the hash where the profile has a choice: imagehash, hu 2 to 64\n"
    "                   (N x N bits; colour: bits a share, 1 to 8), blockhash 2 to 64\n"
    "  --window NAME    slice, full, lung, mediastinum, abdomen, bone, brain or LO:HI (HU);\n"
    "                   default: slice, and full for 8-bit pictures and arrays\n"
    "  --quality        two more columns: quality, 0 to 100 (PDQ's measure), and flags: flat,\n"
    "                   small, or -\n"
    "  --pairs N        print every pair of slices within N bits instead of the hashes: SOURCE,\n"
    "                   SLICE, SOURCE, SLICE, DISTANCE, as text or csv\n"
    "  --format NAME    text (default), csv, json, binary (--decode reads text and binary)\n"
    "  --out FILE       write to FILE, whole or not at all; required for binary\n"
    "  --overwrite      replace a file of another kind; inputs never are\n"
    "  --decode FILE    print a text or binary file instead of hashing\n"
    "  --volume         hash whole volumes instead, or look them up in another set; see\n"
    "                   redux-hash --volume --help\n"
    "  --frame N        which frame of 4-D volumes and of DICOM time series\n"
    "  --threads N      0 (default): all processors\n"
    "  --quiet          errors only\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 unusable data, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-hash scan.nii.gz\n"
    "  redux-hash --profile hu --window lung --hash dct scan.nii.gz\n"
    "  redux-hash --hash pdq --quality pictures/ | tail -n +2 | sort -k3\n"
    "  redux-hash --pairs 6 --format csv scans/ > near-duplicates.csv\n";

typedef struct settings {
    redux_hash_options hash;
    bool has_hash, has_profile, has_window, has_size;
    redux_window window;
    redux_hash_list_format format;
    redux_dataset_options dataset;
    const char *out, *decode;
    int64_t threads;
    int64_t pairs; /* -1: print hashes */
    bool quality, quiet;
} settings;

static const struct option long_options[] = {
    {"hash", required_argument, NULL, 'a'},
    {"profile", required_argument, NULL, 'p'},
    {"size", required_argument, NULL, 's'},
    {"window", required_argument, NULL, 'w'},
    {"quality", no_argument, NULL, 'Q'},
    {"pairs", required_argument, NULL, 'P'},
    {"format", required_argument, NULL, 'f'},
    {"out", required_argument, NULL, 'o'},
    {"decode", required_argument, NULL, 'd'},
    {"threads", required_argument, NULL, 't'},
    {"quiet", no_argument, NULL, 'q'},
    {"overwrite", no_argument, NULL, 'O'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    INPUT_FRAME_OPTION,
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

static int set_hash(settings *s, const char *text)
{
    s->has_hash = true;
    return redux_hash_parse(&s->hash.hash, text) == REDUX_OK
               ? EXIT_OK
               : usage_error("--hash: %s", redux_error_message());
}

static int set_profile(settings *s, const char *text)
{
    s->has_profile = true;
    return redux_hash_profile_parse(&s->hash.profile, text) == REDUX_OK
               ? EXIT_OK
               : usage_error("--profile: %s", redux_error_message());
}

static int set_size(settings *s, const char *text)
{
    int64_t size;
    if (!parse_integer(&size, text, 1, 64))
        return usage_error("--size '%s': expected a whole number, 1 to 64", text);
    s->has_size = true;
    s->hash.size = (int32_t)size;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    int code;
    if (set_input_option(&s->dataset, option, text, &code))
        return code;
    switch (option) {
    case 'a':
        return set_hash(s, text);
    case 'p':
        return set_profile(s, text);
    case 's':
        return set_size(s, text);
    case 'w':
        s->has_window = true;
        return set_window(&s->window, text);
    case 'Q':
        s->quality = true;
        return EXIT_OK;
    case 'f':
        if (redux_hash_list_format_parse(&s->format, text) != REDUX_OK)
            return usage_error("--format: %s", redux_error_message());
        return EXIT_OK;
    case 'P':
        return parse_integer(&s->pairs, text, 0, 4096)
                   ? EXIT_OK
                   : usage_error("--pairs '%s': a whole number of bits, 0 to 4096", text);
    case 'o':
        s->out = text;
        return EXIT_OK;
    case 'd':
        s->decode = text;
        return EXIT_OK;
    case 't':
        return set_threads(&s->threads, text);
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

/* Checks of options in combination. */
static int check_settings(settings *s, int inputs)
{
    if (s->pairs >= 0 && (s->out != NULL || s->quality || s->format > REDUX_HASH_LIST_CSV))
        return usage_error("--pairs prints text or csv; omit --quality and --out");
    if (s->format == REDUX_HASH_LIST_BINARY && s->out == NULL)
        return usage_error("--format binary needs --out FILE");
    if (s->decode != NULL) {
        if (inputs > 0 || s->has_hash || s->has_profile || s->has_window || s->has_size)
            return usage_error("--decode takes no inputs and no options of hashing");
        return EXIT_OK;
    }
    if (inputs == 0)
        return usage_error("no input");
    if (s->has_hash && !s->has_profile)
        s->hash.profile = redux_hash_default_profile(s->hash.hash);
    if (s->has_profile && !s->has_hash)
        s->hash.hash = redux_hash_profile_default_hash(s->hash.profile);
    if (!s->has_profile && s->window.kind == REDUX_WINDOW_RANGE &&
        s->hash.profile == REDUX_PROFILE_PAPER_HASH) /* the paper's script has no windows */
        s->hash.profile = REDUX_PROFILE_IMAGEHASH;
    if (redux_hash_check(&s->hash) != REDUX_OK)
        return usage_error("%s", redux_error_message());
    if (s->hash.profile == REDUX_PROFILE_PAPER_HASH && s->window.kind == REDUX_WINDOW_RANGE)
        return usage_error("profile paper-hash has a window of its own, by slice: for others use "
                           "--profile imagehash");
    if (s->hash.profile == REDUX_PROFILE_HU && s->window.kind != REDUX_WINDOW_RANGE)
        return usage_error("profile hu needs --window: lung, mediastinum, abdomen, bone, brain or "
                           "LO:HI");
    return EXIT_OK;
}

/* ---- output ---- */

static int write_to_stdout(const char *bytes, size_t length, void *user)
{
    (void)user;
    return fwrite(bytes, 1, length, stdout) == length ? 0 : 1;
}

static int output_error(void)
{
    perror("redux-hash: standard output");
    return EXIT_DATA;
}

static int print_list(const settings *s, redux_context *context, const redux_hash_list *list)
{
    if (s->pairs >= 0)
        return print_pairs(context, list, s->pairs, s->format == REDUX_HASH_LIST_CSV);
    if (s->out != NULL)
        return redux_hash_list_save(s->out, context, list, s->format, s->quality) == REDUX_OK
                   ? EXIT_OK
                   : data_error();
    const redux_status status =
        redux_hash_list_write(list, context, s->format, s->quality, write_to_stdout, NULL);
    if (status == REDUX_E_IO || fflush(stdout) != 0 || ferror(stdout))
        return output_error();
    return status == REDUX_OK ? EXIT_OK : data_error();
}

static redux_status check_output(const settings *s, redux_context *context,
                                 const redux_dataset *dataset)
{
    if (dataset != NULL)
        TRY(redux_dataset_protect(dataset, context));
    TRY(protect_file(context, s->decode));
    return s->out == NULL ? REDUX_OK
                          : redux_file_check(context, s->out, redux_hash_list_mark(s->format));
}

/* ---- modes: each prints what it was asked for ---- */

static int run_decode(const settings *s, redux_context *context)
{
    redux_hash_list *list;
    if (check_output(s, context, NULL) != REDUX_OK ||
        redux_hash_list_load(&list, context, s->decode) != REDUX_OK)
        return data_error();
    const int code = print_list(s, context, list);
    redux_hash_list_free(list);
    return code;
}

/* Flat slices have similar codes without being similar, so the program warns. */
static void warn_of_flat(const redux_hash_list *list)
{
    const int64_t count = redux_hash_list_count(list);
    int64_t flat = 0;
    for (int64_t i = 0; i < count; i++) {
        redux_hash_item item;
        if (redux_hash_list_get_item(&item, list, i) == REDUX_OK &&
            (item.info.flags & REDUX_HASH_FLAT) != 0)
            flat++;
    }
    if (flat > 0)
        fprintf(stderr,
                "%s: %lld of %lld slices are flat or nearly so; their hashes carry no information "
                "(--quality shows which)\n",
                program_name, (long long)flat, (long long)count);
}

static int run_hash(const settings *s, redux_context *context, const char *const *inputs, int count)
{
    redux_dataset_options options = s->dataset;
    redux_dataset *dataset = NULL;
    redux_hash_list *list = NULL;
    int code = EXIT_OK;
    const bool info = s->quality || s->format == REDUX_HASH_LIST_BINARY || !s->quiet;
    if (s->hash.profile == REDUX_PROFILE_PAPER_HASH)
        options.orientation = REDUX_ORIENTATION_STORED;
    progress_label("hashing");
    if (redux_dataset_open(&dataset, context, inputs, count, &options) != REDUX_OK ||
        check_output(s, context, dataset) != REDUX_OK ||
        redux_hash_list_new(&list, context, &s->hash) != REDUX_OK ||
        redux_hash_list_add_dataset(list, context, dataset, s->window, info) != REDUX_OK) {
        code = data_error();
    } else {
        progress_label(NULL);
        if (!s->quiet && !s->quality)
            warn_of_flat(list);
        code = print_list(s, context, list);
    }
    redux_hash_list_free(list);
    redux_dataset_free(dataset);
    return code;
}

int main(int count, char **arguments)
{
    settings s = {
        .hash = REDUX_HASH_OPTIONS_INIT, .dataset = REDUX_DATASET_OPTIONS_INIT, .pairs = -1};
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-hash", arguments);
    if (wants_volumes(count, arguments))
        return hash_volumes(count, arguments);
    int code = parse_options(count, arguments, long_options, help, set_option, &s, &done);
    if (code != EXIT_OK || done)
        return code;
    code = check_settings(&s, count - optind);
    if (code != EXIT_OK)
        return code;
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    if (s.decode != NULL)
        code = run_decode(&s, context);
    else
        code = run_hash(&s, context, (const char *const *)(arguments + optind), count - optind);
    redux_context_free(context);
    return code;
}
